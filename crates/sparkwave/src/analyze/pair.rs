//! Two recordings of one field of view: their events, and how the recordings lie to each other.

use super::Source;
use crate::error::Error;
use ndarray::{Array2, Axis};
use serde::Serialize;
use sparkwave_analysis::categories::{
    ActiveSite, Categories, Category, CategoryParams, Offset, Site, active_sites, categorize,
};
use sparkwave_core::axes::{PointYx, Span};
use sparkwave_core::progress::Progress;
use sparkwave_core::recording::PixelSize;
use sparkwave_core::table::{Table, Value};
use sparkwave_imgproc::register::pair::{PairParams, match_pair};
use sparkwave_imgproc::sampling::{PUBLISHED_INTERVAL_S, Sampling};
use std::path::{Path, PathBuf};

/// Mean images that correlate less are of different fields of view: those of different simulated neurons reach 0.3.
const REFUSED_CORRELATION: f64 = 0.35;
/// Mean images that correlate less are looked at with doubt: those of one simulated neuron reach 0.97.
const DOUBTED_CORRELATION: f64 = 0.6;

/// How two recordings lie to each other, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alignment {
    /// How far the second recording is displaced against the first.
    pub offset: Offset,
    /// Where the offset comes from.
    pub source: OffsetSource,
    /// Correlation of the mean images, if they were compared.
    pub correlation: Option<f64>,
    /// Standard error of the offset found, µm.
    pub uncertainty_um: Option<f64>,
    /// Rotation of the second recording about its middle, degrees. It is not undone.
    pub rotation_deg: Option<f64>,
    /// By how much that rotation displaces a corner of the field, µm.
    pub corner_um: Option<f64>,
}

/// Where an offset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetSource {
    /// The user.
    Given,
    /// The mean images of both recordings.
    MeanImages,
    /// Nowhere: positions are compared as they are.
    Unknown,
}

impl Alignment {
    fn without_images(offset: Option<Offset>) -> Self {
        Self {
            offset: offset.unwrap_or_default(),
            source: if offset.is_some() { OffsetSource::Given } else { OffsetSource::Unknown },
            correlation: None,
            uncertainty_um: None,
            rotation_deg: None,
            corner_um: None,
        }
    }

    /// One row.
    pub(super) fn table(&self) -> Table {
        let source = serde_json::to_value(self.source).ok().and_then(|v| v.as_str().map(str::to_owned));
        let mut table = Table::new();
        table.push("offset_y_um", vec![Value::float(self.offset.y_um)]);
        table.push("offset_x_um", vec![Value::float(self.offset.x_um)]);
        table.push("source", vec![source.map_or(Value::Empty, Value::Text)]);
        table.push("correlation", vec![Value::maybe(self.correlation)]);
        table.push("uncertainty_um", vec![Value::maybe(self.uncertainty_um)]);
        table.push("rotation_deg", vec![Value::maybe(self.rotation_deg)]);
        table.push("corner_um", vec![Value::maybe(self.corner_um)]);
        table
    }
}

/// The mean image of a run, in the coordinates of its events.
struct Mean {
    path: PathBuf,
    pixels: Array2<f32>,
    size: PixelSize,
}

impl Mean {
    /// That of a run folder; `None` if it has none, or its pixels no known size.
    fn read(run: &Path) -> Result<Option<Self>, Error> {
        let path = run.join("mean.tif");
        if !path.is_file() {
            return Ok(None);
        }
        let source = sparkwave_io::open(&path)?;
        let Some(size) = source.recording().pixel_size() else { return Ok(None) };
        let pixels = source.read(Span::new(0, 1), Span::new(0, source.shape().height))?.to_f32();
        Ok(Some(Self { path, pixels: pixels.index_axis_move(Axis(0), 0), size }))
    }

    /// Whether a place lies within the image.
    fn shows(&self, site: Site) -> bool {
        let within = |um: f64, size: f64, n: usize| um / size >= -0.5 && um / size < n as f64 - 0.5;
        within(site.y_um, self.size.y.get(), self.pixels.nrows())
            && within(site.x_um, self.size.x.get(), self.pixels.ncols())
    }
}

/// One of the two recordings.
pub(super) struct Side {
    /// Its table of events.
    pub(super) source: Source,
    pub(super) table: Table,
    mean: Option<Mean>,
    /// Rows of events that the other recording could have shown.
    pub(super) shared: Vec<usize>,
}

impl Side {
    /// Reads a run folder, or a table of events alone.
    fn read(source: &Source) -> Result<Self, Error> {
        let is_run = source.path.is_dir();
        let mean = if is_run { Mean::read(&source.path)? } else { None };
        let path = if is_run { source.path.join("events.csv") } else { source.path.clone() };
        let table = sparkwave_io::csv::read_table(&path)?;
        Ok(Self { source: Source { name: source.name.clone(), path }, table, mean, shared: Vec::new() })
    }

    /// The places of all events.
    fn sites(&self) -> Result<Vec<Site>, Error> {
        let fail = |message: String| Error::Config { path: self.source.path.clone(), message };
        let column = |name: &str| self.table.column(name).ok_or_else(|| fail(format!("expected a column {name}")));
        let (y, x) = (column("y_um")?, column("x_um")?);
        let site = |(i, (y, x)): (usize, (&Value, &Value))| match (y.as_f64(), x.as_f64()) {
            (Some(y_um), Some(x_um)) => Ok(Site { y_um, x_um }),
            _ => Err(fail(format!("expected a position in micrometres in row {} (is the pixel size known?)", i + 1))),
        };
        y.iter().zip(x).enumerate().map(site).collect()
    }

    /// A measure of the events of a row.
    pub(super) fn number(&self, name: &str, row: usize) -> Option<f64> {
        self.table.column(name)?.get(row)?.as_f64()
    }

    /// The files that were read.
    pub(super) fn files(&self) -> Vec<Source> {
        let mean = self.mean.iter().map(|mean| Source { name: self.source.name.clone(), path: mean.path.clone() });
        std::iter::once(self.source.clone()).chain(mean).collect()
    }
}

/// Two recordings put on top of each other, and what became of events and sites.
pub(super) struct Compared {
    pub(super) sides: [Side; 2],
    pub(super) alignment: Alignment,
    /// Of each event that both recordings could show, by its place in [`Side::shared`].
    pub(super) categories: Categories,
    /// The sites, their events by the same places.
    pub(super) sites: Vec<ActiveSite>,
}

impl Compared {
    /// What became of the event in a row; `None` if the other recording does not show its place.
    pub(super) fn category(&self, side: usize, row: usize) -> Option<Category> {
        let place = self.sides[side].shared.binary_search(&row).ok()?;
        Some(if side == 0 { self.categories.before[place] } else { self.categories.after[place] })
    }

    /// Rows of the events of a site in one of the tables.
    pub(super) fn rows(&self, site: &ActiveSite, side: usize) -> Vec<usize> {
        let places = if side == 0 { &site.before } else { &site.after };
        places.iter().map(|place| self.sides[side].shared[*place]).collect()
    }
}

/// Reads both recordings, finds how they lie to each other unless that is given, and links their events.
///
/// # Errors
/// If a table cannot be read or has no positions in micrometres, or the mean images do not show the same.
pub(super) fn compare(
    [before, after]: [&Source; 2],
    offset: Option<Offset>,
    params: &CategoryParams,
    progress: &dyn Progress,
) -> Result<Compared, Error> {
    let mut sides = [Side::read(before)?, Side::read(after)?];
    let places = [sides[0].sites()?, sides[1].sites()?];
    let alignment = align(&sides, offset, params, progress)?;
    let Offset { y_um, x_um } = alignment.offset;
    let there = |site: &Site, sign: f64| Site { y_um: site.y_um + sign * y_um, x_um: site.x_um + sign * x_um };
    for (own, other, sign) in [(0, 1, -1.0), (1, 0, 1.0)] {
        let shows = |site: &Site| sides[other].mean.as_ref().is_none_or(|mean| mean.shows(there(site, sign)));
        sides[own].shared = (0..places[own].len()).filter(|row| shows(&places[own][*row])).collect();
        let n_outside = places[own].len() - sides[own].shared.len();
        if n_outside > 0 {
            let (name, other) = (&sides[own].source.name, &sides[other].source.name);
            progress.warn(&format!(
                "{n_outside} events of {name} are where {other} was not looking; they have no category"
            ));
        }
    }
    let shared = |side: usize| sides[side].shared.iter().map(|row| places[side][*row]).collect::<Vec<Site>>();
    let (before, after) = (shared(0), shared(1));
    let categories = categorize(&before, &after, alignment.offset, params)?;
    let sites = active_sites(&before, &after, alignment.offset, params.distance_um)?;
    Ok(Compared { sides, alignment, categories, sites })
}

fn align(
    sides: &[Side; 2],
    given: Option<Offset>,
    params: &CategoryParams,
    progress: &dyn Progress,
) -> Result<Alignment, Error> {
    let [Some(before), Some(after)] = [&sides[0].mean, &sides[1].mean] else {
        if given.is_none() {
            progress.warn(
                "the recordings were not registered to each other, as that takes folders of runs with a mean.tif whose \
                 pixel size is known; positions are compared as they are (--offset-y-um and --offset-x-um move them)",
            );
        }
        return Ok(Alignment::without_images(given));
    };
    if let Some(offset) = given {
        return Ok(Alignment::without_images(Some(offset)));
    }
    let fail = |message: String| Error::Config { path: after.path.clone(), message };
    let (size, other) = (before.size, after.size);
    let is_same = |a: f64, b: f64| (a - b).abs() <= 1e-3 * a;
    if !(is_same(size.y.get(), other.y.get()) && is_same(size.x.get(), other.x.get())) {
        return Err(fail(format!(
            "expected pixels of {} x {} um as before, found {} x {} um",
            size.y.get(),
            size.x.get(),
            other.y.get(),
            other.x.get()
        )));
    }
    let sampling = Sampling { pixel_um: size.mean().get(), interval_s: PUBLISHED_INTERVAL_S };
    let found = match_pair(before.pixels.view(), after.pixels.view(), &PairParams::default(), sampling)?;
    if found.correlation < REFUSED_CORRELATION {
        return Err(fail(format!(
            "expected the field of view of {}, found images that correlate by {:.2} at best; if they are of one field all \
             the same, tell the displacement (--offset-y-um, --offset-x-um)",
            before.path.display(),
            found.correlation
        )));
    }
    let PointYx { y, x } = found.displacement;
    let (height, width) = before.pixels.dim();
    let corner_um = found.rotation_deg.map(|degrees| {
        let half = (height as f64 * size.y.get()).hypot(width as f64 * size.x.get()) / 2.0;
        half * degrees.to_radians().abs()
    });
    let uncertainty_um = found.uncertainty_px * size.mean().get();
    if found.correlation < DOUBTED_CORRELATION {
        progress.warn(&format!(
            "the mean images correlate by {:.2} only; look whether they show the same",
            found.correlation
        ));
    }
    if uncertainty_um > params.distance_um / 4.0 {
        progress.warn(&format!("the offset between the recordings is known to {uncertainty_um:.2} um only"));
    }
    if let Some((degrees, corner)) =
        found.rotation_deg.zip(corner_um).filter(|(_, corner)| *corner > params.distance_um / 2.0)
    {
        progress.warn(&format!(
            "the second recording is turned by {degrees:.2} degrees, which displaces the corners by {corner:.2} um; this is not \
             undone"
        ));
    }
    Ok(Alignment {
        // What is added to a position after the stimulus undoes the displacement.
        offset: Offset { y_um: -y * size.y.get(), x_um: -x * size.x.get() },
        source: OffsetSource::MeanImages,
        correlation: Some(found.correlation),
        uncertainty_um: Some(uncertainty_um).filter(|u| u.is_finite()),
        rotation_deg: found.rotation_deg,
        corner_um,
    })
}

#[cfg(test)]
mod tests;
