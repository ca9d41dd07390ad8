//! All averages as one table.

use super::{DFF_BINS, Estimate, Summary, published};
use sparkwave_core::table::{Table, Value};

/// One row a condition and measure: `model, subset, ratio, n_draws, n_networks, n_movies, measure, value, ci_low, ci_high,
/// published`. Measures are `ap`, `ap_paper`, `precision`, `recall`, `f1`, `missed_dim` (a number of events),
/// `missed_dim_part`, `recall_dff_0` to `recall_dff_3` (by the lower end of the class) and likewise `precision_dff_`
/// and `accuracy_dff_`, `dice_mean`, `dice_median`, `dice_p10`, `dice_peak`. What is undefined, was not repeated or not
/// published is empty.
pub fn summary_table(summaries: &[Summary]) -> Table {
    let rows: Vec<(&Summary, Measure)> =
        summaries.iter().flat_map(|summary| measures(summary).into_iter().map(move |m| (summary, m))).collect();
    let mut table = Table::new();
    let mut push = |name: &str, value: &dyn Fn(&Summary, &Measure) -> Value| {
        table.push(name, rows.iter().map(|(summary, measure)| value(summary, measure)).collect());
    };
    push("model", &|s, _| Value::Text(s.condition.model.name().to_owned()));
    push("subset", &|s, _| Value::float(s.condition.subset));
    push("ratio", &|s, _| Value::Int(i64::from(s.condition.ratio)));
    push("n_draws", &|s, _| Value::Int(s.n_draws as i64));
    push("n_networks", &|s, _| Value::Int(s.n_networks as i64));
    push("n_movies", &|s, _| Value::Int(s.n_movies as i64));
    push("measure", &|_, m| Value::Text(m.name.clone()));
    push("value", &|_, m| Value::maybe(m.estimate.map(|e| e.value)));
    push("ci_low", &|_, m| Value::maybe(m.estimate.and_then(|e| e.interval).map(|i| i.low)));
    push("ci_high", &|_, m| Value::maybe(m.estimate.and_then(|e| e.interval).map(|i| i.high)));
    push("published", &|_, m| Value::maybe(m.published));
    table
}

struct Measure {
    name: String,
    estimate: Option<Estimate>,
    published: Option<f64>,
}

fn measures(summary: &Summary) -> Vec<Measure> {
    let (model, ratio) = (summary.condition.model, summary.condition.ratio);
    let mut measures = Vec::new();
    let mut push = |name: &str, estimate: Option<Estimate>, published: Option<f64>| {
        measures.push(Measure { name: name.to_owned(), estimate, published });
    };
    let counts = published::outcomes(model, ratio);
    let all = counts.map(|counts| counts.into_iter().sum::<super::Outcomes>());
    push("ap", summary.ap, None);
    push("ap_paper", summary.ap_paper, published::ap(model, ratio));
    push("precision", summary.precision, all.and_then(super::Outcomes::precision));
    push("recall", summary.recall, all.and_then(super::Outcomes::recall));
    push("f1", summary.f1, published::f1(model, ratio));
    push("missed_dim", summary.missed_dim, None);
    push("missed_dim_part", summary.missed_dim_part, published::missed_dim_part(model, ratio));
    for (i, bin) in summary.by_dff.iter().enumerate() {
        let of_bin = counts.map(|counts| counts[i]);
        let from = DFF_BINS[i].0;
        push(&format!("recall_dff_{from}"), bin.recall, of_bin.and_then(super::Outcomes::recall));
        push(&format!("precision_dff_{from}"), bin.precision, of_bin.and_then(super::Outcomes::precision));
        push(&format!("accuracy_dff_{from}"), bin.accuracy, of_bin.and_then(super::Outcomes::accuracy));
    }
    let dice = summary.dice.as_ref();
    let known = published::dice(model, ratio);
    push("dice_mean", dice.map(|d| d.mean), known.map(|d| d.mean));
    push("dice_median", dice.map(|d| d.median), known.map(|d| d.median));
    push("dice_p10", dice.map(|d| d.p10), known.map(|d| d.p10));
    push("dice_peak", dice.map(|d| d.peak), known.map(|d| d.peak));
    measures
}
