use super::*;
use sparkwave_core::movie::{MovieShape, PixelType, Pixels};
use sparkwave_core::progress::Silent;
use sparkwave_core::recording::{Recording, Sourced};
use sparkwave_core::synth::{SparksPair, SparksParams, SparksScene, Stimulus};
use sparkwave_core::units::Micrometers;
use sparkwave_io::{MovieWriter, WriteOptions};

/// A folder with what two runs would have left: the mean image and a table of these events.
fn run_folder(path: &Path, mean: &Array2<f32>, pixel_um: f64, events: &[(f64, f64)]) -> Source {
    std::fs::create_dir_all(path).expect("room");
    let (height, width) = mean.dim();
    let size = PixelSize::square(Micrometers::new(pixel_um)).expect("a size");
    let recording = Recording { pixel_size: Some(Sourced::new(size, "test")), ..Recording::default() };
    let shape = MovieShape { n_frames: 1, height, width };
    let mut writer =
        MovieWriter::create(&path.join("mean.tif"), shape, PixelType::F32, &recording, &WriteOptions::default())
            .expect("writable");
    writer.append(&Pixels::F32(mean.clone().insert_axis(Axis(0)))).expect("writable");
    writer.finish().expect("writable");
    let rows = events.iter().enumerate().map(|(i, (y, x))| format!("{},{y},{x}\n", i + 1));
    std::fs::write(path.join("events.csv"), format!("event_id,y_um,x_um\n{}", rows.collect::<String>())).expect("room");
    Source { name: path.file_name().expect("a name").to_string_lossy().into_owned(), path: path.to_path_buf() }
}

#[test]
fn runs_are_registered_by_their_means_unless_they_show_something_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let params = SparksParams { n_frames: 2, height: 160, width: 160, ..SparksParams::default() };
    let pair = SparksPair::new(&params, &Stimulus { shift_px: 12.0, ..Stimulus::default() }, 2).expect("valid");
    let (shift_y, shift_x) = (pair.shift.y * 0.16, pair.shift.x * 0.16);
    let middle = (12.0, 13.0);
    // The corner that the second recording does not show, whichever way it is displaced.
    let lost = |shift: f64| if shift < 0.0 { 0.02 } else { 25.4 };
    let before = [middle, (lost(shift_y), lost(shift_x))];
    let after = [(middle.0 + shift_y + 0.1, middle.1 + shift_x)];
    let source = |name: &str, scene: &SparksScene, pixel_um: f64, events: &[(f64, f64)]| {
        run_folder(&folder.path().join(name), &scene.rest(), pixel_um, events)
    };
    let (first, second) = (source("first", &pair.before, 0.16, &before), source("second", &pair.after, 0.16, &after));
    let params = CategoryParams::default();

    let found = compare([&first, &second], None, &params, &Silent).expect("registered");
    let Alignment { offset, source: told, correlation, .. } = found.alignment;
    let off = (offset.y_um + shift_y).hypot(offset.x_um + shift_x);
    assert!(off < 0.05 * 0.16 && told == OffsetSource::MeanImages, "{off} um off: {:?}", found.alignment);
    assert!(correlation.expect("compared") > 0.95);
    assert_eq!((found.category(0, 0), found.category(0, 1)), (Some(Category::RecurrentBefore), None));
    assert_eq!(found.sites.len(), 1);

    let given = compare([&first, &second], Some(Offset::default()), &params, &Silent).expect("told");
    assert_eq!((given.alignment.source, given.alignment.offset), (OffsetSource::Given, Offset::default()));
    let table = Source { name: "t".into(), path: second.path.join("events.csv") };
    let unknown = compare([&first, &table], None, &params, &Silent).expect("as they are");
    assert_eq!(unknown.alignment.source, OffsetSource::Unknown);

    let other = SparksScene::new(&SparksParams { n_frames: 2, height: 160, width: 160, ..SparksParams::default() }, 77);
    let other = source("other", &other.expect("valid"), 0.16, &after);
    let error = compare([&first, &other], None, &params, &Silent).err().expect("another neuron").to_string();
    assert!(error.contains("correlate") && error.contains("--offset-y-um"), "{error}");
    let coarse = source("coarse", &pair.after, 0.2, &after);
    let error = compare([&first, &coarse], None, &params, &Silent).err().expect("other pixels").to_string();
    assert!(error.contains("0.2"), "{error}");
}
