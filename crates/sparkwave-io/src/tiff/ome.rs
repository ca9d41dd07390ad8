//! OME-XML in the description of the first page (OME model 2016-06).

use super::axes::Axes;
use crate::calibration;
use crate::civil::{self, SECOND_NS};
use crate::error::Error;
use crate::location::AxisChoice;
use roxmltree::{Document, Node, ParsingOptions};
use sparkwave_core::recording::{Recording, Sourced};
use std::path::Path;

/// What the XML says about one image: its axes, and the page of every frame of one channel and plane.
pub(super) struct Image {
    pub(super) axes: Axes,
    /// Page of every frame.
    pub(super) pages: Vec<u64>,
}

/// True if the text looks like OME-XML.
pub(super) fn is_ome(text: &str) -> bool {
    text.contains("<OME") || text.contains(":OME ")
}

/// Reads the XML of a file of `n_pages` pages, and into `recording` what it says about space and time.
pub(super) fn read(
    text: &str,
    path: &Path,
    n_pages: u64,
    choice: AxisChoice,
    recording: &mut Recording,
) -> Result<Image, Error> {
    let bad = |found: String| Error::malformed("read", path, "OME-XML", found);
    // Planes are elements with some attributes: the limit follows from the length, as everything in the tree has text.
    let options = ParsingOptions { nodes_limit: u32::MAX, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text.trim_end_matches('\0'), options).map_err(|e| bad(e.to_string()))?;
    let images: Vec<Node> = named(document.root_element(), "Image").collect();
    let image = match (images.as_slice(), choice.image) {
        ([], _) => return Err(bad("no Image element".into())),
        ([only], None) => *only,
        (several, None) => {
            let names: Vec<&str> = several.iter().map(|i| i.attribute("Name").unwrap_or("unnamed")).collect();
            let found = format!("{} images: {}", names.len(), names.join(", "));
            return Err(Error::ambiguous("open", path, "one image; choose with ::image=0", found));
        }
        (several, Some(index)) => *usize::try_from(index).ok().and_then(|i| several.get(i)).ok_or_else(|| {
            Error::refused("open", path, format!("an image below {}", several.len()), format!("image={index}"))
        })?,
    };
    let pixels = named(image, "Pixels").next().ok_or_else(|| bad("an Image without Pixels".into()))?;
    let axes = read_axes(pixels).map_err(bad)?;
    let (c, z) = axes.choose(path, choice)?;
    let pages = read_pages(pixels, &axes, (c, z), n_pages, path)?;
    calibrate(pixels, (c, z), pages.len(), recording);
    if let Some((ns, _)) = named(image, "AcquisitionDate").find_map(|date| civil::parse(date.text()?)) {
        recording.started_s = Some(Sourced::new(ns as f64 / SECOND_NS as f64, "OME AcquisitionDate"));
    }
    Ok(Image { axes, pages })
}

fn named<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn number(node: Node, attribute: &str) -> Option<u64> {
    node.attribute(attribute)?.trim().parse().ok()
}

fn read_axes(pixels: Node) -> Result<Axes, String> {
    let extent = |name: &str| match number(pixels, name) {
        Some(n) if n > 0 => Ok(n),
        _ => Err(format!("{name}={:?}", pixels.attribute(name).unwrap_or(""))),
    };
    // Channels of several samples were refused with the page; SizeC counts the samples, which are 1 here.
    let (c, z, t) = (extent("SizeC")?, extent("SizeZ")?, extent("SizeT")?);
    let text = pixels.attribute("DimensionOrder").unwrap_or("XYCZT");
    let letters: Vec<char> = text.chars().collect();
    let order = match letters.as_slice() {
        ['X', 'Y', a, b, c] if ['C', 'Z', 'T'].iter().all(|axis| [a, b, c].contains(&axis)) => [*a, *b, *c],
        _ => return Err(format!("DimensionOrder={text:?}")),
    };
    Ok(Axes { stated_by: "OME-XML", c, z, t, order })
}

/// The page of every frame, from the `TiffData` elements.
fn read_pages(pixels: Node, axes: &Axes, (c, z): (u64, u64), n_pages: u64, path: &Path) -> Result<Vec<u64>, Error> {
    let bad = |expected: String, found: String| Error::malformed("read", path, expected, found);
    if axes.t > n_pages {
        let Axes { c, z, t, .. } = axes;
        let found = format!("{n_pages} pages");
        let multiple = files_of(pixels);
        if multiple.len() > 1 {
            return Err(spread(path, &multiple));
        }
        return Err(bad(format!("T={t}, Z={z}, C={c} planes as in its OME-XML"), found));
    }
    let blocks: Vec<Node> = named(pixels, "TiffData").collect();
    let files = files_of(pixels);
    if files.len() > 1 {
        return Err(spread(path, &files));
    }
    let n_planes = axes.n_pages().ok_or_else(|| bad("a number of planes".into(), "an overflow".into()))?;
    // The plane at which each block starts, the page there, and how many planes follow it.
    let mut runs: Vec<(u64, u64, u64)> = Vec::with_capacity(blocks.len());
    for (i, block) in blocks.iter().enumerate() {
        let first = |name| number(*block, name).unwrap_or(0);
        let (fc, fz, ft) = (first("FirstC"), first("FirstZ"), first("FirstT"));
        if fc >= axes.c || fz >= axes.z || ft >= axes.t {
            return Err(bad("TiffData inside the axes".into(), format!("C={fc}, Z={fz}, T={ft}")));
        }
        // Without IFD the pages run on; without PlaneCount one plane is meant if IFD is given, else all.
        let ifd = number(*block, "IFD");
        let count = number(*block, "PlaneCount").unwrap_or(if ifd.is_some() || i > 0 { 1 } else { n_planes });
        runs.push((axes.plane(fc, fz, ft), ifd.unwrap_or(0), count));
    }
    if runs.is_empty() {
        runs.push((0, 0, n_planes));
    }
    runs.sort_unstable();
    (0..axes.t)
        .map(|t| {
            let plane = axes.plane(c, z, t);
            let next = runs.partition_point(|run| run.0 <= plane);
            let page = next.checked_sub(1).and_then(|i| {
                let (start, page, count) = runs[i];
                (plane - start < count).then(|| page.checked_add(plane - start)).flatten()
            });
            page.filter(|&page| page < n_pages).ok_or_else(|| {
                let found = page.map_or("no TiffData for it".into(), |p| format!("page {p} of {n_pages}"));
                bad(format!("a page for frame {t}"), found)
            })
        })
        .collect()
}

fn spread(path: &Path, files: &[String]) -> Error {
    let found = format!("planes in {} files, among them {} and {}", files.len(), files[0], files[1]);
    Error::unsupported("open", path, "all planes of an OME-TIFF in one file", found)
}

/// The distinct files that hold the planes, in order of appearance.
fn files_of(pixels: Node) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for block in named(pixels, "TiffData") {
        if let Some(name) = named(block, "UUID").find_map(|uuid| uuid.attribute("FileName"))
            && files.last().is_none_or(|last| last != name)
            && !files.iter().any(|file| file == name)
        {
            files.push(name.to_string());
            if files.len() > 64 {
                break;
            }
        }
    }
    files
}

fn calibrate(pixels: Node, (c, z): (u64, u64), n_frames: usize, recording: &mut Recording) {
    let length = |axis: &str| {
        let value: f64 = pixels.attribute(format!("PhysicalSize{axis}").as_str())?.trim().parse().ok()?;
        let unit = pixels.attribute(format!("PhysicalSize{axis}Unit").as_str()).unwrap_or("um");
        Some((value, unit))
    };
    if let Some((x, unit)) = length("X") {
        let (y, y_unit) = length("Y").unwrap_or((x, unit));
        match (calibration::micrometers_per(y_unit), calibration::micrometers_per(unit)) {
            (Some(fy), Some(fx)) => calibration::set_pixel_size(recording, y * fy, x * fx, "OME PhysicalSizeX"),
            _ if unit == "pixel" => {}
            _ => recording.warnings.push(format!("OME PhysicalSizeXUnit={unit} is unknown: pixel size unknown")),
        }
    }
    if let Some(stamps) = stamps(pixels, (c, z), n_frames, &mut recording.warnings)
        && calibration::set_stamps(recording, stamps, n_frames, "OME Plane DeltaT")
    {
        return;
    }
    if let Some(text) = pixels.attribute("TimeIncrement") {
        let unit = pixels.attribute("TimeIncrementUnit").unwrap_or("s");
        match (text.trim().parse::<f64>(), calibration::seconds_per(unit)) {
            // Some writers put 0 for "not known".
            (Ok(0.0), _) => {}
            (Ok(value), Some(seconds)) => calibration::set_interval(recording, value * seconds, "OME TimeIncrement"),
            _ => {
                recording.warnings.push(format!("OME TimeIncrement={text} {unit} is no time: frame interval unknown"));
            }
        }
    }
}

/// `DeltaT` of the first plane in seconds and the acquisition date, as the XML of a single frame gives them.
pub(super) fn times_of_frame(text: &str) -> (Option<f64>, Option<String>) {
    let Ok(document) = Document::parse(text.trim_end_matches('\0')) else { return (None, None) };
    let Some(image) = named(document.root_element(), "Image").next() else { return (None, None) };
    let date = named(image, "AcquisitionDate").find_map(|date| date.text()).map(String::from);
    let plane = named(image, "Pixels").next().and_then(|pixels| named(pixels, "Plane").next());
    let delta_s = plane.and_then(|plane| {
        let delta: f64 = plane.attribute("DeltaT")?.trim().parse().ok()?;
        Some(delta * calibration::seconds_per(plane.attribute("DeltaTUnit").unwrap_or("s"))?)
    });
    (delta_s, date)
}

/// `DeltaT` of the planes of one channel and depth, by frame, if any plane has it.
fn stamps(pixels: Node, (c, z): (u64, u64), n_frames: usize, warnings: &mut Vec<String>) -> Option<Vec<f64>> {
    let mut times = vec![f64::NAN; n_frames];
    let mut n_found = 0;
    for plane in named(pixels, "Plane") {
        let at = |name| number(plane, name).unwrap_or(0);
        if (at("TheC"), at("TheZ")) != (c, z) {
            continue;
        }
        let seconds = calibration::seconds_per(plane.attribute("DeltaTUnit").unwrap_or("s"));
        let delta = plane.attribute("DeltaT").and_then(|text| text.trim().parse::<f64>().ok());
        if let (Some(delta), Some(seconds)) = (delta, seconds)
            && let Some(time) = usize::try_from(at("TheT")).ok().and_then(|t| times.get_mut(t))
        {
            n_found += usize::from(time.is_nan());
            *time = delta * seconds;
        }
    }
    if n_found == 0 || (n_frames > 1 && times.iter().all(|&t| t == 0.0)) {
        return None;
    }
    if n_found < n_frames {
        warnings.push(format!("OME Plane DeltaT is given for {n_found} of {n_frames} frames: ignored"));
        return None;
    }
    Some(times)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn xml(pixels: &str, inside: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
            <Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint16" SizeX="4" SizeY="3" {pixels}>{inside}</Pixels>
            </Image></OME>"#
        )
    }

    fn parse(pixels: &str, inside: &str, n_pages: u64, choice: AxisChoice) -> Result<(Image, Recording), Error> {
        let mut recording = Recording::default();
        let image = read(&xml(pixels, inside), Path::new("a.ome.tif"), n_pages, choice, &mut recording)?;
        Ok((image, recording))
    }

    #[test]
    fn the_dimension_order_gives_the_pages() {
        let choice = AxisChoice { c: Some(1), z: None, ..Default::default() };
        let pixels = r#"DimensionOrder="XYZTC" SizeC="2" SizeZ="1" SizeT="3""#;
        let (image, _) = parse(pixels, r"<TiffData/>", 6, choice).unwrap();
        assert_eq!(image.pages, [3, 4, 5]);
        let pixels = r#"DimensionOrder="XYCZT" SizeC="2" SizeZ="1" SizeT="3""#;
        assert_eq!(parse(pixels, "", 6, choice).unwrap().0.pages, [1, 3, 5]);
        assert!(parse(pixels, "", 6, AxisChoice::default()).is_err(), "two channels need a choice");
    }

    #[test]
    fn tiff_data_may_place_every_plane() {
        let blocks = r#"<TiffData IFD="2" FirstT="0"/><TiffData IFD="0" FirstT="1"/><TiffData IFD="1" FirstT="2"/>"#;
        let pixels = r#"DimensionOrder="XYCZT" SizeC="1" SizeZ="1" SizeT="3""#;
        assert_eq!(parse(pixels, blocks, 3, AxisChoice::default()).unwrap().0.pages, [2, 0, 1]);
        let beyond = r#"<TiffData IFD="7" PlaneCount="3"/>"#;
        assert!(parse(pixels, beyond, 3, AxisChoice::default()).is_err());
    }

    #[test]
    fn planes_in_other_files_are_refused() {
        let blocks = r#"<TiffData FirstT="0" IFD="0"><UUID FileName="a.tif">urn:uuid:1</UUID></TiffData>
                        <TiffData FirstT="1" IFD="0"><UUID FileName="b.tif">urn:uuid:2</UUID></TiffData>"#;
        let pixels = r#"DimensionOrder="XYCZT" SizeC="1" SizeZ="1" SizeT="2""#;
        for n_pages in [1, 2] {
            let error = parse(pixels, blocks, n_pages, AxisChoice::default()).err().unwrap().to_string();
            assert!(error.contains("b.tif"), "{error}");
        }
    }

    #[test]
    fn real_times_win_over_the_nominal_increment() {
        let planes = r#"<Plane TheC="0" TheZ="0" TheT="0" DeltaT="10" DeltaTUnit="ms"/>
                        <Plane TheC="0" TheZ="0" TheT="1" DeltaT="110" DeltaTUnit="ms"/>
                        <Plane TheC="0" TheZ="0" TheT="2" DeltaT="310" DeltaTUnit="ms"/>"#;
        let pixels = r#"DimensionOrder="XYCZT" SizeC="1" SizeZ="1" SizeT="3" TimeIncrement="0.1"
                        PhysicalSizeX="160" PhysicalSizeXUnit="nm""#;
        let (_, recording) = parse(pixels, planes, 3, AxisChoice::default()).unwrap();
        assert_eq!(recording.frame_times.as_ref().unwrap().source, "OME Plane DeltaT");
        assert!((recording.pixel_size().unwrap().y.get() - 0.16).abs() < 1e-12);
        let (_, recording) = parse(pixels, "", 3, AxisChoice::default()).unwrap();
        assert!((recording.frame_interval().unwrap().get() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn an_entity_bomb_is_refused() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "b">]><OME><Image/></OME>"#;
        let mut recording = Recording::default();
        assert!(read(bomb, Path::new("a"), 1, AxisChoice::default(), &mut recording).is_err());
    }
}
