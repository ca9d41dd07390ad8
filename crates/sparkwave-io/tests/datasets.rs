//! Data sets and workbooks as the programs see them that they are written for.

use ndarray::{Array2, Array3};
use sparkwave_core::mask::Mask;
use sparkwave_core::table::{Table, Value};
use sparkwave_io::coco::{Coco, FrameId};
use sparkwave_io::instance::Instance;
use sparkwave_io::isat::categories;
use sparkwave_io::labelme;
use sparkwave_io::segments::SegmentFrame;
use sparkwave_io::segments::name::SegmentName;
use sparkwave_io::segments::read::segments_of;
use sparkwave_io::segments::write::{SegmentWriter, write_categories};
use sparkwave_io::xlsx::{self, Sheet};
use std::path::{Path, PathBuf};

const SIZE: (usize, usize) = (24, 30);

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A name, and which pixels `(y, x)` it has.
type Rule<'a> = (&'a str, &'a dyn Fn(i64, i64) -> bool);

/// The masks of `golden/make_coco.py`.
fn instances() -> Vec<Instance> {
    let square = |n: i64| n * n;
    let rules: [Rule<'_>; 7] = [
        ("disc", &|y, x| square(y - 8) + square(x - 9) <= 30),
        ("ring", &|y, x| (20..60).contains(&(square(y - 12) + square(x - 20)))),
        ("scattered", &|y, x| (y * y * 3 + x * x * 7 + y * x) % 11 < 5),
        ("thin", &|y, x| y == 20 && x > 3 || x == 28 && y > 2),
        ("all", &|_, _| true),
        ("pixel", &|y, x| y == 23 && x == 29),
        ("first", &|y, x| y == 0 && x == 0),
    ];
    let instance = |(group, (name, inside)): (u32, Rule<'_>)| Instance {
        category: name.into(),
        group,
        mask: Mask::of_image(&Array2::from_shape_fn(SIZE, |(y, x)| inside(y as i64, x as i64))).unwrap(),
    };
    (1..).zip(rules).map(instance).collect()
}

/// Three frames; the second holds no objects.
fn coco() -> Coco {
    let (mut coco, objects) = (Coco::new(), instances());
    for frame in [2, 0, 1] {
        let id = FrameId { video: "segment_0".into(), frame };
        coco.add(id, &format!("{frame}.tiff"), SIZE, if frame == 1 { &[] } else { &objects });
    }
    coco
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn run_lengths_areas_and_boxes_are_those_of_pycocotools() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("videos.json");
    coco().write_videos(&path).unwrap();
    let (document, expected) = (json(&path), json(&golden("coco_masks.json")));
    let annotations = document["annotations"].as_array().unwrap();
    assert_eq!(annotations.len(), 7);
    for annotation in annotations {
        let category = annotation["category_id"].as_u64().unwrap() as usize - 1;
        let name = document["categories"][category]["name"].as_str().unwrap();
        assert_eq!(annotation["segmentations"][2]["counts"], expected[name]["counts"], "{name}");
        assert_eq!(annotation["areas"][0], expected[name]["area"], "{name}");
        let bbox = |value: &serde_json::Value| serde_json::from_value::<[f64; 4]>(value.clone()).unwrap();
        assert_eq!(bbox(&annotation["bboxes"][0]), bbox(&expected[name]["bbox"]), "{name}");
        assert!(annotation["segmentations"][1].is_null());
    }
}

#[test]
fn numbers_follow_names_and_tracks_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instances.json");
    let mut coco = coco();
    coco.add(FrameId { video: "segment_1".into(), frame: 0 }, "3.tiff", SIZE, &instances()[..1]);
    coco.write_instances(&path).unwrap();
    let document = json(&path);
    let column = |list: &str, key: &str| -> Vec<u64> {
        document[list].as_array().unwrap().iter().map(|entry| entry[key].as_u64().unwrap()).collect()
    };
    assert_eq!((column("images", "video_id"), column("images", "frame_index")), (vec![1, 1, 1, 2], vec![0, 1, 2, 0]));
    assert_eq!(column("annotations", "id"), (1..=15).collect::<Vec<_>>());
    assert_eq!(column("annotations", "track_id")[..14], [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(column("annotations", "track_id")[14], 8, "another segment has other tracks");
    assert_eq!(document["categories"][0]["name"], "all");
}

#[test]
#[allow(clippy::print_stderr)]
fn the_programs_see_the_same_masks() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    coco().write_instances(&at("instances.json")).unwrap();
    coco().write_videos(&at("videos.json")).unwrap();
    labelme::write(&at("labelme.json"), "a.tiff", SIZE, &instances()).unwrap();
    let mut waves = Table::new();
    waves.push("wave_id", vec![Value::Int(1)]);
    waves.push("speed_mm_min", vec![Value::Float(2.5)]);
    waves.push("filled", vec![Value::Bool(true)]);
    waves.push("name", vec![Value::Text("1-2".into())]);
    xlsx::write(&at("results.xlsx"), &[("version", Value::Int(1))], &[Sheet { name: "waves", table: &waves }]).unwrap();
    let subject = at("20230922-shu-101");
    let name = SegmentName::parse("segment_0_20230922_221431_20230922_221436").unwrap();
    let mut writer = SegmentWriter::create(&subject, &name).unwrap();
    let rgb = Array3::from_shape_fn((24, 30, 3), |(y, x, c)| (y * 9 + x * 5 + c * 40) as u8);
    let all = instances();
    let pair = [Instance { group: 1, ..all[1].clone() }, Instance { group: 2, ..all[5].clone() }];
    let mut frames = Vec::new();
    for (frame, instances) in [("20230922_221431", &[][..]), ("20230922_221436", &pair[..])] {
        frames.push(SegmentFrame { name: frame.into(), rgb: rgb.clone(), instances: instances.to_vec() });
    }
    frames.iter().for_each(|frame| writer.append(frame).unwrap());
    write_categories(&subject, &categories::of_names(["yes", "2023-01-01", "1", "波"])).unwrap();
    let segment = &segments_of(&subject).unwrap()[0];
    assert_eq!(segment.frames.iter().map(|frame| segment.read(frame).unwrap()).collect::<Vec<_>>(), frames);
    match std::process::Command::new("python3").arg(golden("check_datasets.py")).arg(folder.path()).output() {
        Err(e) => eprintln!("skipped: python3: {e}"),
        Ok(output) => {
            eprint!("{}", String::from_utf8_lossy(&output.stdout));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
