//! Scores of masks and analyses of tables, as users meet them.

use super::{recording, sparkwave, stderr, text};
use std::path::Path;

fn json(args: &[&str]) -> serde_json::Value {
    let output = sparkwave(args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn labels_against_themselves_are_perfect() {
    let folder = tempfile::tempdir().unwrap();
    let labels = recording().join("labels.tif");
    let out = folder.path().join("out");
    let scores = json(&[
        "evaluate",
        "segmentation",
        "--truth",
        text(&labels),
        "--pred",
        text(&labels),
        "-o",
        text(&out),
        "--json",
    ]);
    assert_eq!((&scores["unit"], &scores["scores"][0]["dice"]), (&"um".into(), &1.0.into()));
    assert_eq!(scores["panoptic"][0]["panoptic_quality"], 1.0);
    assert!(out.join("objects.csv").is_file() && out.join("figures/segmentation_dice.png").is_file());
    let tracks = json(&["evaluate", "tracking", "--truth", text(&labels), "--pred", text(&labels), "--json"]);
    assert_eq!((&tracks["scores"][0]["value"], &tracks["n_unmatched"]), (&1.0.into(), &0.into()));
    let rated =
        json(&["evaluate", "agreement", "--a", text(&labels), "--b", &format!("ben={}", text(&labels)), "--json"]);
    assert_eq!(
        (&rated["agreement"][0]["kind"], &rated["agreement"][0]["kappa"]),
        (&"inter-expert".into(), &1.0.into())
    );
    let alone = sparkwave(&["evaluate", "agreement", "--a", text(&labels)]);
    assert_eq!(alone.status.code(), Some(2), "{}", stderr(&alone));
}

fn table(at: &Path, shift: f64) {
    let row = |i: u32| {
        let wobble = |salt: u32| f64::from((i * 7919 + salt * 104_729) % 1009) / 1009.0;
        let dff = 1.0 + wobble(1) + shift;
        let kind = if i.is_multiple_of(3) { "small" } else { "large" };
        let voxels = 40.0 + 60.0 * wobble(2);
        format!(
            "{},n{},{kind},{voxels},{dff},{dff},{},{},{},{},{}\n",
            i + 1,
            i / 10,
            2.0 + wobble(3),
            wobble(4),
            wobble(5),
            wobble(6),
            i % 5
        )
    };
    let header = "event_id,neuron,kind,n_voxels,dff_mean,dff_max,n_frames,aspect,solidity,integrated_profile,n_neighbours_published\n";
    std::fs::write(at, format!("{header}{}", (0..60).map(row).collect::<String>())).unwrap();
}

#[test]
fn tables_become_conclusions_with_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    table(&at("before.csv"), 0.0);
    table(&at("after.csv"), 1.0);
    let (before, after) = (at("before.csv"), at("after.csv"));
    let found = json(&[
        "analyze",
        "association",
        text(&before),
        text(&after),
        "-o",
        text(&at("association")),
        "--columns",
        "kind",
        "--neuron",
        "neuron",
        "--json",
        "--report",
    ]);
    assert_eq!(found["counts"], serde_json::json!([[40, 20], [40, 20]]));
    let told = json(&[
        "analyze",
        "classify",
        text(&before),
        text(&after),
        "-o",
        text(&at("classes")),
        "--set",
        "published",
        "--group",
        "neuron",
        "--permutations",
        "20",
        "--json",
        "--quiet",
        "--report",
    ]);
    assert!(told["balanced_accuracy"].as_f64().unwrap() > 0.9, "{told}");
    assert_eq!(told["classes"], serde_json::json!(["after", "before"]));
    for page in ["association/report.html", "classes/report.html", "classes/figures/shapley.svg"] {
        assert!(at(page).is_file(), "{page}");
    }
    let again = sparkwave(&["analyze", "report", text(&at("classes"))]);
    assert!(again.status.success(), "{}", stderr(&again));
    let none = sparkwave(&["analyze", "report", text(folder.path())]);
    assert_eq!(none.status.code(), Some(1), "{}", stderr(&none));
}
