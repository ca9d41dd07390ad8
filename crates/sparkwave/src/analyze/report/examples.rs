//! The events nearest to the centres of subtypes, as far as the recordings that they were found in are at hand.

use super::{Results, numbers, words};
use crate::error::Error;
use crate::sparks::revisit;
use serde::Deserialize;
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{Shown, montage};
use sparkwave_core::progress::Silent;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Examples shown of each subtype.
const SHOWN: usize = 4;

/// What the parameters of the analysis tell.
#[derive(Deserialize)]
struct Parameters {
    set: String,
    tables: Vec<TableOf>,
}

#[derive(Deserialize)]
struct TableOf {
    name: String,
    path: PathBuf,
}

/// The pictures, and for each table whose events cannot be shown, why.
pub(super) fn examples(results: &Results) -> Result<(Option<Figure>, Vec<String>), Error> {
    let (Some(nearest), Ok(parameters)) =
        (results.table("examples")?, toml::from_str::<Parameters>(&results.text("run.toml")))
    else {
        return Ok((None, Vec::new()));
    };
    // Waves have a video of their own each.
    if parameters.set == "waves" {
        return Ok((None, Vec::new()));
    }
    let (of_table, ids, subtypes) =
        (words(&nearest, "table"), numbers(&nearest, "event_id"), numbers(&nearest, "subtype"));
    let mut wanted: Vec<usize> = Vec::new();
    for row in 0..nearest.n_rows() {
        if wanted.iter().filter(|earlier| subtypes[**earlier] == subtypes[row]).count() < SHOWN {
            wanted.push(row);
        }
    }
    let mut seen = BTreeMap::new();
    let mut missing = Vec::new();
    for table in &parameters.tables {
        let of_this: Vec<u32> =
            wanted.iter().filter(|row| of_table[**row] == table.name).map(|row| ids[*row] as u32).collect();
        let folder = table.path.parent().unwrap_or(&table.path);
        if of_this.is_empty() {
            continue;
        }
        if !folder.join("labels.tif").is_file() {
            let path = table.path.display();
            missing.push(format!("Events of {} are not shown: {path} is not in the folder of a run.", table.name));
            continue;
        }
        match revisit(folder, &of_this, &Silent) {
            Ok((clips, scale)) => {
                seen.extend(clips.into_iter().map(|clip| ((table.name.clone(), clip.event_id), (clip, scale))));
            }
            Err(why) => missing.push(format!("Events of {} are not shown: {why}.", table.name)),
        }
    }
    if seen.is_empty() {
        return Ok((None, missing));
    }
    let n = subtypes.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max) as usize;
    let mut groups: Vec<(String, Vec<Shown>)> = (1..=n).map(|k| (format!("subtype {k}"), Vec::new())).collect();
    for row in wanted {
        let shown = seen.get(&(of_table[row].clone(), ids[row] as u32));
        if let (Some((clip, scale)), Some(group)) = (shown, groups.get_mut((subtypes[row] as usize).wrapping_sub(1))) {
            let title = format!("{} #{}", of_table[row], ids[row]);
            group.1.push(Shown { title, clip: clip.clone(), scale: *scale });
        }
    }
    let caption = "Events nearest to the centre of each subtype, the nearest first. Above: the brightest of each pixel over the \
                   event's frames, inverted gray, each picture with a contrast of its own; the outline is the event's \
                   footprint. Below: dF/F0 averaged over the footprint; the event's frames are shaded.";
    Ok((Some(montage("examples", &groups, caption.to_owned())), missing))
}
