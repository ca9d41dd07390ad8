//! Draws the figures of conclusions from made-up numbers, to look at.
//!
//! `cargo run --release -p sparkwave-analysis --example gallery_conclusions -- FOLDER`

use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{
    Bracket, Cell, Curve, CurvePanel, Matrix, MatrixScale, Reference, Row, Sample, ScoreAxis, beeswarm, curves,
    estimates, map, matrix, null_distribution, paired, parts, samples,
};
use sparkwave_analysis::statistics::bootstrap::{Estimate, Interval};
use std::path::PathBuf;

#[path = "shared/noise.rs"]
mod noise;
use noise::Noise;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: gallery_conclusions FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let mut noise = Noise(5);
    let mut figures = groups(&mut noise);
    figures.extend(matrices(&mut noise));
    figures.extend(subtypes(&mut noise));
    figures.extend(classifier(&mut noise));
    figures.extend(agreement());
    for figure in figures {
        std::fs::write(folder.join(format!("{}.svg", figure.name)), &figure.svg)?;
        std::fs::write(folder.join(format!("{}.png", figure.name)), &figure.png)?;
    }
    Ok(())
}

fn many(noise: &mut Noise, n: usize, middle: f64, width: f64) -> Vec<f64> {
    (0..n).map(|_| middle + width * noise.normal()).collect()
}

fn groups(noise: &mut Noise) -> Vec<Figure> {
    let sample = |name: &str, values: Vec<f64>| Sample { name: name.to_owned(), values };
    let three = [
        sample("CTRL", many(noise, 17, 0.8, 0.2)),
        sample("cLTP", many(noise, 36, 1.1, 0.3)),
        sample("cLTP + APV, long name", many(noise, 21, 0.9, 0.2)),
    ];
    let bracket = |first, second, text: &str| Bracket { first, second, text: text.to_owned() };
    let brackets = [bracket(0, 1, "p = 0.0021"), bracket(1, 2, "p = 0.0432"), bracket(0, 2, "p = 0.3100")];
    let axis = ScoreAxis { title: "Amplitude (ΔF/F₀)", range: None };
    let dice =
        |noise: &mut Noise, middle: f64| many(noise, 69, middle, 0.12).into_iter().map(|v| v.clamp(0.0, 1.0)).collect();
    let experts = [
        sample("ann twice", dice(noise, 0.78)),
        sample("ben twice", dice(noise, 0.76)),
        sample("ann, ben", dice(noise, 0.66)),
        sample("ann, IDT", dice(noise, 0.41)),
        sample("ann, U-Net", dice(noise, 0.62)),
        sample("ben, U-Net", dice(noise, 0.60)),
    ];
    let ceiling = [Reference { value: 0.66, label: "experts, mean".to_owned() }];
    let pairs: Vec<(String, f64, f64)> = (0..36)
        .map(|i| {
            let before = 20.0 + 120.0 * noise.uniform();
            (format!("n{i}"), before, before * (1.2 + 0.5 * noise.normal()).max(0.1))
        })
        .collect();
    let crowd = [sample("before", many(noise, 4000, 1.0, 0.3)), sample("after", many(noise, 4000, 1.2, 0.4))];
    vec![
        samples("groups", &three, &axis, &brackets, &[], "Three groups.".to_owned()),
        samples("crowd", &crowd, &axis, &brackets[..1], &[], "Many events.".to_owned()),
        samples(
            "dice",
            &experts,
            &ScoreAxis { title: "Dice", range: Some((0.0, 1.0)) },
            &[],
            &ceiling,
            "Experts.".to_owned(),
        ),
        paired("paired", &pairs, ("before", "after"), "Events", Some("p = 0.0087"), "Before and after.".to_owned()),
    ]
}

fn matrices(noise: &mut Noise) -> Vec<Figure> {
    let names: Vec<String> = [
        "volume_um2_s",
        "peak_dff",
        "mean_dff",
        "duration_s",
        "aspect",
        "solidity",
        "integral_dff_s",
        "neighbours_per_min",
        "rise_time_s",
        "decay_time_s",
        "half_width_s",
        "area_um2",
    ]
    .map(str::to_owned)
    .to_vec();
    let n = names.len();
    let draws: Vec<f64> = (0..n * n).map(|_| (0.6 * noise.normal()).clamp(-1.0, 1.0)).collect();
    let r = |i: usize, j: usize| if i == j { 1.0 } else { draws[i.min(j) * n + i.max(j)] };
    let cell = |v: f64| Cell { value: Some(v), text: vec![format!("{v:.2}")] };
    let correlations = Matrix {
        row_title: String::new(),
        rows: names.clone(),
        column_title: String::new(),
        columns: names,
        cells: (0..n).map(|i| (0..n).map(|j| cell(r(i, j))).collect()).collect(),
        scale: MatrixScale::Signed,
        value_title: "r".to_owned(),
    };
    let numbers: Vec<String> = (1..=5).map(|i| i.to_string()).collect();
    let part = |v: f64| Cell { value: Some(v), text: vec![format!("{:.0}", 100.0 * v), format!("({:.0})", 300.0 * v)] };
    let association = Matrix {
        row_title: "Subtype before".to_owned(),
        rows: numbers.clone(),
        column_title: "Subtype after".to_owned(),
        columns: numbers,
        cells: (0..5)
            .map(|i| (0..5).map(|j| part(if i == j { 0.5 } else { 0.5 * noise.uniform() })).collect())
            .collect(),
        scale: MatrixScale::Part,
        value_title: "part of the row".to_owned(),
    };
    let classes = ["silenced", "recurrent before"].map(str::to_owned).to_vec();
    let confusion = Matrix {
        row_title: "Class".to_owned(),
        rows: classes.clone(),
        column_title: "Predicted".to_owned(),
        columns: classes,
        cells: vec![vec![part(0.58), part(0.42)], vec![part(0.47), part(0.53)]],
        scale: MatrixScale::Part,
        value_title: "part of the class".to_owned(),
    };
    vec![
        matrix("correlations", &correlations, "Correlations.".to_owned()),
        matrix("association", &association, "Association.".to_owned()),
        matrix("confusion", &confusion, "Confusion.".to_owned()),
    ]
}

fn subtypes(noise: &mut Noise) -> Vec<Figure> {
    let curve = |values: &[f64], error: Option<f64>| Curve {
        name: String::new(),
        points: values.iter().enumerate().map(|(i, v)| (i as f64 + 2.0, *v, error)).collect(),
    };
    let panel = |title: &str, y_title: &str, curve| CurvePanel {
        title: title.to_owned(),
        x_title: "Number of subtypes".to_owned(),
        y_title: y_title.to_owned(),
        y_range: None,
        curves: vec![curve],
        marked: Some(5.0),
    };
    let published = [0.349, 0.177, 0.194, 0.211, 0.205, 0.207, 0.197, 0.183, 0.184];
    let inertia = [31212.0, 27488.0, 24296.0, 21629.0, 19767.0, 18215.0, 17027.0, 16071.0, 15333.0];
    let panels = [
        panel("Silhouette", "Mean silhouette", curve(&published, None)),
        panel("Elbow", "Inertia", curve(&inertia, None)),
        panel("Gap statistic", "Gap", curve(&[0.6, 0.7, 0.82, 0.9, 0.91, 0.9, 0.92, 0.93, 0.9], Some(0.02))),
    ];
    let mut course = |name: &str| Curve {
        name: name.to_owned(),
        points: (0..60).map(|i| (f64::from(i), (0.8 + 0.08 * noise.normal()).min(1.0), None)).collect(),
    };
    let tracking = CurvePanel {
        title: "object 1 (found as 3)".to_owned(),
        x_title: "Frame".to_owned(),
        y_title: "Score".to_owned(),
        y_range: Some((0.0, 1.02)),
        curves: vec![course("J"), course("F")],
        marked: None,
    };
    let points: Vec<(f64, f64, usize)> = (0..2400)
        .map(|i| {
            let group = i % 5;
            let angle = group as f64 * 1.256;
            (3.0 * angle.cos() + noise.normal(), 2.0 * angle.sin() + noise.normal(), group)
        })
        .collect();
    let names: Vec<String> = (1..=5).map(|i| format!("subtype {i}")).collect();
    let wholes = ["before", "after"].map(str::to_owned).to_vec();
    let neurons: Vec<String> = (1..=30).map(|i| format!("neuron {i}")).collect();
    let counts: Vec<Vec<u64>> = (0..30).map(|_| (0..5).map(|_| (20.0 * noise.uniform()) as u64).collect()).collect();
    vec![
        curves("choice", &panels, "How many.".to_owned()),
        curves("tracking", &[tracking], "Scores.".to_owned()),
        map("map", &points, &names, ("First component (SD)", "Second component (SD)"), "Map.".to_owned()),
        parts(
            "proportions",
            &wholes,
            &names,
            &[vec![470, 747, 255, 28, 63], vec![553, 781, 259, 115, 107]],
            "Parts.".to_owned(),
        ),
        parts("proportions_of_neurons", &neurons, &names, &counts, "Parts.".to_owned()),
    ]
}

fn classifier(noise: &mut Noise) -> Vec<Figure> {
    let null = many(noise, 200, 0.5, 0.015);
    let features: Vec<String> = ["volume_um2_s", "peak_dff", "duration_s", "aspect", "solidity", "neighbours_per_min"]
        .map(str::to_owned)
        .to_vec();
    let values: Vec<Vec<f64>> = (0..800).map(|_| features.iter().map(|_| noise.normal()).collect()).collect();
    let weight = [0.06, -0.1, 0.02, 0.01, -0.03, 0.0];
    let shapley: Vec<Vec<f64>> = values
        .iter()
        .map(|row| row.iter().zip(weight).map(|(v, w)| w * v.clamp(-1.5, 1.5) + 0.3 * w * noise.normal()).collect())
        .collect();
    vec![
        null_distribution("null", &null, (0.556, 0.5), "Balanced accuracy", "Null.".to_owned()),
        beeswarm("shapley", &features, &values, &shapley, "Shapley value, towards recurrent", "Swarm.".to_owned()),
    ]
}

fn agreement() -> Vec<Figure> {
    let row = |name: &str, kind: &str, value: f64, half: f64| Row {
        name: name.to_owned(),
        kind: kind.to_owned(),
        estimate: Some(Estimate { value, interval: Some(Interval { low: value - half, high: value + half }) }),
    };
    let rows = [
        row("ann twice", "intra-expert", 0.78, 0.04),
        row("ben twice", "intra-expert", 0.76, 0.05),
        row("ann, ben", "inter-expert", 0.66, 0.05),
        row("ann, U-Net", "model", 0.61, 0.06),
        row("ben, U-Net", "model", 0.6, 0.07),
    ];
    vec![estimates("kappa", &rows, "Cohen's kappa", None, &[], "Kappa.".to_owned())]
}
