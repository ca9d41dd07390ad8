//! The texts by which a TIFF stack says what its pages are: ImageJ's lines and OME-XML.

use sparkwave_core::movie::{MovieShape, PixelType};
use sparkwave_core::recording::{FrameTimes, Recording};
use std::fmt::Write as _;
use std::path::Path;

/// ImageJ's lines for a movie: T frames, calibrated where known.
pub(super) fn imagej_description(shape: MovieShape, recording: &Recording) -> String {
    let n = shape.n_frames;
    let mut text = format!("ImageJ=1.54f\nimages={n}\nframes={n}\nhyperstack=true\nmode=grayscale\nloop=false\n");
    // Writing into a string cannot fail.
    if recording.pixel_size.is_some() {
        text.push_str("unit=um\n");
    }
    if let Some(interval) = recording.frame_interval() {
        let _ = writeln!(text, "finterval={}\ntunit=sec", interval.get());
    }
    text
}

/// OME-XML for a movie: one channel, one plane in depth, the time of every frame where it is known.
pub(super) fn ome_description(path: &Path, shape: MovieShape, pixel_type: PixelType, recording: &Recording) -> String {
    let MovieShape { n_frames, height, width } = shape;
    let kind = match pixel_type {
        PixelType::U8 => "uint8",
        PixelType::U16 => "uint16",
        PixelType::I16 => "int16",
        PixelType::U32 => "uint32",
        PixelType::F32 => "float",
    };
    let name = if recording.id.is_empty() {
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    } else {
        recording.id.clone()
    };
    let mut text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.openmicroscopy.org/Schemas/OME/2016-06 http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd" Creator="sparkwave"><Image ID="Image:0" Name="{}"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{kind}" BigEndian="false" SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" SizeT="{n_frames}""#,
        escape(&name)
    );
    if let Some(size) = recording.pixel_size() {
        let (y, x) = (size.y.get(), size.x.get());
        let _ = write!(
            text,
            r#" PhysicalSizeX="{x}" PhysicalSizeXUnit="&#181;m" PhysicalSizeY="{y}" PhysicalSizeYUnit="&#181;m""#
        );
    }
    if let Some(interval) = recording.frame_interval() {
        let _ = write!(text, r#" TimeIncrement="{}" TimeIncrementUnit="s""#, interval.get());
    }
    text.push_str(r#"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>"#);
    let _ = write!(text, r#"<TiffData IFD="0" PlaneCount="{n_frames}"/>"#);
    if let Some(FrameTimes::Stamped(stamps)) = recording.frame_times.as_ref().map(|times| &times.value) {
        for (t, seconds) in stamps.iter().enumerate().take(n_frames) {
            let _ = write!(text, r#"<Plane TheC="0" TheZ="0" TheT="{t}" DeltaT="{seconds}" DeltaTUnit="s"/>"#);
        }
    }
    text.push_str("</Pixels></Image></OME>");
    text
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            // TIFF text is 7-bit by the standard; a numeric reference survives every reader.
            c if c.is_ascii() => out.push(c),
            c => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
        }
    }
    out
}
