use super::*;
use sparkwave_core::progress::Silent;

/// A table of events at sites, each with so many events of some height.
fn events(sites: &[(f64, f64, usize, f64)]) -> String {
    let mut rows = String::from("event_id,y_um,x_um,peak_dff\n");
    let mut id = 0;
    for &(y, x, n, peak) in sites {
        for i in 0..n {
            id += 1;
            rows += &format!("{id},{},{x},{peak}\n", y + 0.01 * i as f64);
        }
    }
    rows
}

#[test]
fn neurons_of_a_table_are_compared_and_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mut table = String::from("neuron,animal,before,after,offset_y_um,offset_x_um\n");
    for i in 0..6 {
        let before = events(&[(1.0, 1.0, 3 + i % 2, 1.0), (5.0, 5.0, 2, 1.0)]);
        let after = events(&[(1.5, 1.0, 9 + i, 2.0), (9.0, 9.0, 3, 2.0 + 0.1 * i as f64)]);
        std::fs::write(at(&format!("b{i}.csv")), before).expect("room");
        std::fs::write(at(&format!("a{i}.csv")), after).expect("room");
        table += &format!("n{i},rat{},b{i}.csv,a{i}.csv,-0.5,0\n", i / 2);
    }
    std::fs::write(at("pairs.csv"), table).expect("room");
    let pairs = read_pairs(&at("pairs.csv")).expect("read");
    assert_eq!(pairs[3].animal.as_deref(), Some("rat1"));
    let request = ChangeRequest { params: CategoryParams::default(), options: Options::default(), pairs };
    let found = run(&request, None, &at("out"), Existing::Refuse, &Silent).expect("compared");
    assert!(found.neurons.iter().all(|n| n.n_sites == [1, 1, 1]), "{:?}", found.neurons);
    assert_eq!(found.neurons[1].n_events, [6, 13]);
    let ratio = found.conclusion.ratios[1].ratio.expect("heights");
    assert!((2.0..2.3).contains(&ratio), "{ratio}");
    // What is counted is the animal, as all of them are known.
    let tested = found.conclusion.family.members[0].comparison.as_ref().expect("three animals");
    assert_eq!(tested.samples[0].n, 3);
    for name in [
        "neurons.csv",
        "fold_changes.csv",
        "sites.csv",
        "registration.csv",
        "conclusions.csv",
        "methods.txt",
        "report.html",
    ] {
        assert!(at("out").join(name).is_file(), "{name}");
    }
    let sites = std::fs::read_to_string(at("out/sites.csv")).expect("there");
    assert_eq!(sites.lines().count(), 1 + 6 * 3, "{sites}");
    assert!(sites.starts_with("neuron,site_id,y_um,x_um,category,n_before,n_after"), "{sites}");

    let changes = std::fs::read_to_string(at("out/fold_changes.csv")).expect("there");
    let of_first: Vec<&str> = changes.lines().filter(|line| line.contains(",n0,")).collect();
    assert!(of_first[0].starts_with("all,n0,5,12,1.4,"), "{changes}");
    assert!(of_first[1].starts_with("recurrent,n0,3,9,2,"), "{changes}");
    let cells: Vec<&str> = of_first[2].split(',').collect();
    assert_eq!((&cells[..5], cells[6]), (&["silenced to new", "n0", "2", "3", "0.5"][..], "false"), "{changes}");
    // Half an event is added on either side.
    let log2_ratio: f64 = cells[5].parse().expect("a number");
    assert!((log2_ratio - (3.5f64 / 2.5).log2()).abs() < 1e-12, "{changes}");
    let drawn = std::fs::read_to_string(at("out/figures/fold_changes_silenced_new.csv")).expect("there");
    assert!(drawn.starts_with("unit,before,after,ratio\nn0,2,3,1.5\n"), "{drawn}");

    std::fs::write(at("odd.csv"), "neuron,before\nn1,b0.csv\n").expect("room");
    let error = read_pairs(&at("odd.csv")).expect_err("no recording after").to_string();
    assert!(error.contains("after") && error.contains("odd.csv"), "{error}");
}
