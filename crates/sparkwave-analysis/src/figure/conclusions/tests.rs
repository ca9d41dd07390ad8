use super::*;
use crate::figure::{Clip, Scale};
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

#[test]
fn of_many_points_some_are_drawn_and_all_are_kept() {
    let points: Vec<(f64, f64, usize)> = (0..30_001).map(|i| (f64::from(i), f64::from(i * 7919 % 101), 0)).collect();
    let drawn = map("map", &points, &["one".to_owned()], ("x", "y"), "Events.".to_owned());
    assert_eq!(drawn.svg.matches("<circle").count(), 5001 + 1, "six in a row have one circle, and the key has one");
    assert_eq!(drawn.caption, "Events. Drawn: 5001 of 30001.");
    assert_eq!(drawn.data.expect("numbers").n_rows(), 30_001);
    assert_eq!(map("map", &points[..9], &[], ("x", "y"), "Events.".to_owned()).caption, "Events.");
}

#[test]
fn events_are_shown_in_rows_of_their_group() {
    let mut mask = ndarray::Array3::from_elem((6, 64, 64), false);
    mask.slice_mut(ndarray::s![2..4, 30..34, 20..25]).fill(true);
    let clip = Clip {
        event_id: 7,
        first_frame: 10,
        top: 0,
        left: 0,
        pixels: mask.mapv(|inside| if inside { 9.0 } else { 1.0 }),
        mask,
        peak_frame: 12,
        trace: (0..20).map(|i| if (7..9).contains(&i) { 1.5 } else { 0.0 }).collect(),
        trace_first_frame: 5,
    };
    let shown = |n: u32| Shown { title: format!("a #{n}"), clip: clip.clone(), scale: Scale::default() };
    let groups = [("subtype 1".to_owned(), vec![shown(7), shown(8)]), ("subtype 2".to_owned(), vec![shown(9)])];
    let drawn = montage("examples", &groups, String::new());
    assert_eq!(drawn.svg.matches("<image").count(), 3);
    assert!(drawn.svg.contains("a #8") && drawn.svg.contains("subtype 2") && drawn.svg.contains(" px</text>"));
    let data = drawn.data.expect("traces");
    assert_eq!(data.n_rows(), 60);
    assert_eq!(data.column("frame").expect("frames")[0], Value::Int(5));
    let none = Shown { clip: Clip { pixels: ndarray::Array3::zeros((0, 0, 0)), ..clip.clone() }, ..shown(1) };
    assert_eq!(montage("examples", &[("one".into(), vec![none])], String::new()).svg.matches("<image").count(), 0);
    assert!(montage("examples", &[], String::new()).svg.contains("Nothing"));
}
