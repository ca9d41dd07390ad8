use super::*;
use crate::statistics::bootstrap::{Estimate, Interval};
use sparkwave_core::table::Value;

fn sample(name: &str, values: &[f64]) -> Sample {
    Sample { name: name.to_owned(), values: values.to_vec() }
}

fn n_of(svg: &str, tag: &str) -> usize {
    svg.matches(tag).count()
}

#[test]
fn every_value_of_a_group_is_a_dot_and_a_row() {
    let groups = [sample("one", &[1.0, 2.0, 2.0, f64::NAN]), sample("two", &[5.0])];
    let axis = ScoreAxis { title: "Value", range: None };
    let brackets = [Bracket { first: 0, second: 1, text: "p = 0.03".into() }];
    let reference = [Reference { value: 4.0, label: "ceiling".into() }];
    let figure = samples("groups", &groups, &axis, &brackets, &reference, "Two groups.".into());
    assert_eq!(n_of(&figure.svg, "<circle"), 4);
    assert!(figure.svg.contains("p = 0.03") && figure.svg.contains("ceiling") && figure.svg.contains("n = 3"));
    assert_eq!(figure.data.expect("data").n_rows(), 4);
}

#[test]
fn degenerate_input_is_drawn_or_said_to_be_nothing() {
    let axis = ScoreAxis { title: "Value", range: None };
    for groups in [vec![], vec![sample("nan", &[f64::NAN, f64::INFINITY])]] {
        assert!(samples("x", &groups, &axis, &[], &[], String::new()).svg.contains("Nothing to show"));
    }
    let constant = samples("x", &[sample("same", &[3.0; 20])], &axis, &[], &[], String::new());
    assert_eq!(n_of(&constant.svg, "<circle"), 20);
    let far = [Bracket { first: 0, second: 9, text: "no such group".into() }];
    let figure = samples("x", &[sample("one", &[1.0, 2.0])], &axis, &far, &[], String::new());
    assert!(!figure.svg.contains("no such group"));
    assert!(curves("x", &[], String::new()).svg.contains("Nothing"));
    assert!(map("x", &[(f64::NAN, 1.0, 0)], &[], ("a", "b"), String::new()).svg.contains("Nothing"));
    assert!(parts("x", &["a".into()], &["p".into()], &[vec![0]], String::new()).svg.contains("Nothing"));
    assert!(paired("x", &[], ("a", "b"), "n", None, String::new()).svg.contains("Nothing"));
    assert!(null_distribution("x", &[], (0.5, 0.5), "accuracy", String::new()).svg.contains("Nothing"));
    assert!(beeswarm("x", &["f".into()], &[], &[], "Shapley", String::new()).svg.contains("Nothing"));
    assert!(estimates("x", &[], "kappa", None, &[], String::new()).svg.contains("Nothing"));
}

#[test]
fn a_pair_without_ratio_is_drawn_without_one() {
    let pairs = [("n1".to_owned(), 0.0, 4.0), ("n2".to_owned(), 2.0, 8.0)];
    let figure = paired("counts", &pairs, ("before", "after"), "Events", Some("p = 0.5"), String::new());
    let data = figure.data.expect("data");
    assert_eq!(data.column("ratio"), Some(&[Value::Empty, Value::Float(4.0)][..]));
}

#[test]
fn numbers_with_and_without_intervals() {
    let interval = Some(Interval { low: 0.5, high: 0.7 });
    let row = |name: &str, kind: &str, estimate| Row { name: name.into(), kind: kind.into(), estimate };
    let rows = [
        row("ann, ben", "inter-expert", Some(Estimate { value: 0.6, interval })),
        row("ann, ann", "intra-expert", Some(Estimate { value: 0.8, interval: None })),
        row("ben, model", "model", None),
    ];
    let figure = estimates("kappa", &rows, "Cohen's kappa", Some((0.0, 1.0)), &[], String::new());
    assert!(figure.svg.contains("0.60 (0.50 to 0.70)") && figure.svg.contains("undefined"), "{}", figure.svg);
    assert_eq!(figure.data.expect("data").n_rows(), 3);
}

#[test]
fn cells_keep_their_numbers() {
    let cell = |value: Option<f64>| Cell { value, text: value.map(|v| format!("{v:.2}")).into_iter().collect() };
    let content = Matrix {
        row_title: "Feature".into(),
        rows: vec!["a".into(), "b".into()],
        column_title: "Feature".into(),
        columns: vec!["a".into(), "a rather long name that stands upwards".into()],
        cells: vec![vec![cell(Some(1.0)), cell(Some(-0.4))], vec![cell(Some(-0.4)), cell(None)]],
        scale: MatrixScale::Signed,
        value_title: "r".into(),
    };
    let figure = matrix("correlations", &content, String::new());
    assert!(figure.svg.contains("-0.40") && figure.svg.contains("rotate(-90"));
    let data = figure.data.expect("data");
    assert_eq!(
        data.column("value"),
        Some(&[1.0, -0.4, -0.4].map(Value::Float).into_iter().chain([Value::Empty]).collect::<Vec<_>>()[..])
    );
}
