use super::*;
use crate::analyze::Source;
use crate::analyze::association::{self, AssociationRequest};
use crate::analyze::compare::{self, CompareRequest};
use crate::run_folder::Existing;
use sparkwave_analysis::statistics::compare::{Change, Design, Options};
use sparkwave_core::progress::Silent;

fn table(at: &Path, shift: f64) -> Source {
    let row = |i: u32| {
        let wobble = f64::from(i * 7919 % 97) / 97.0;
        format!(
            "{},{},{},n{}\n",
            i + 1,
            1.0 + wobble + shift,
            if i.is_multiple_of(3) { "small" } else { "large" },
            i / 5
        )
    };
    let rows: String = (0..40).map(row).collect();
    std::fs::write(at, format!("event_id,peak_dff,kind,neuron\n{rows}")).expect("room");
    Source { name: at.file_stem().expect("a name").to_string_lossy().into_owned(), path: at.to_path_buf() }
}

#[test]
fn a_comparison_becomes_one_page_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    for (name, design) in [("groups", Design::Unpaired), ("pairs", Design::Paired(Change::LogRatio))] {
        let request = CompareRequest {
            tables: vec![table(&at("before.csv"), 0.0), table(&at("after.csv"), 0.5)],
            measures: Vec::new(),
            group: None,
            neuron: Some("neuron".into()),
            animal: None,
            options: Options { design, ..Options::default() },
        };
        compare::run(&request, &at(name), Existing::Refuse, &Silent).expect("compared");
        let page = std::fs::read_to_string(run(&at(name)).expect("drawn")).expect("there");
        assert!(page.contains("peak_dff") && page.contains("Methods section") && page.contains("<svg"), "{name}");
        let again = std::fs::read_to_string(run(&at(name)).expect("drawn again")).expect("there");
        assert!(page == again, "the same files give the same page");
        for file in ["figures/compare_peak_dff.svg", "figures/compare_peak_dff.png", "figures/compare_peak_dff.csv"] {
            assert!(at(name).join(file).is_file(), "{file}");
        }
    }
}

#[test]
fn an_association_becomes_a_page_and_other_folders_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let request = AssociationRequest {
        tables: vec![table(&at("before.csv"), 0.0), table(&at("after.csv"), 0.5)],
        joins: Vec::new(),
        rows: None,
        columns: "kind".into(),
        neuron: None,
        animal: None,
        options: Options::default(),
    };
    association::run(&request, &at("out"), Existing::Refuse, &Silent).expect("counted");
    let page = std::fs::read_to_string(run(&at("out")).expect("drawn")).expect("there");
    assert!(page.contains("Cramer") && page.contains("as independent") && page.contains("small"), "{page}");
    assert!(run(&at("none")).is_err());
    std::fs::create_dir(at("other")).expect("room");
    std::fs::write(at("other/run.json"), "{\"command\": \"sparks run\"}").expect("room");
    let error = run(&at("other")).expect_err("no analysis").to_string();
    assert!(error.contains("sparks run"), "{error}");
}
