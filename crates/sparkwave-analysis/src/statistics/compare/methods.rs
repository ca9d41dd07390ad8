//! The sentences for a Methods section.

use super::{Change, Comparison, Design, Level, Options, Reason, Sample, Test};
use crate::statistics::Null;

pub(super) fn methods(comparison: &Comparison, options: &Options) -> String {
    let Comparison { measure, unit, samples, outcome, .. } = comparison;
    let names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
    let what = match comparison.design {
        Design::Unpaired => format!("{measure} was compared between {}", list(&names)),
        Design::Paired(change) => {
            let change = match change {
                Change::Difference => "difference",
                Change::FoldChange => "fold change",
                Change::LogRatio => "log ratio",
            };
            format!("The {change} of {measure} within {}s, {}, was compared with 0", unit.name(), names[0])
        }
    };
    let counts: Vec<String> = samples.iter().map(|sample| count(sample, *unit)).collect();
    let mut text = format!(
        "{what} ({}) with a {}{}{}, chosen because {}: {}, {}",
        list(&counts),
        // F, H and the like have one side only.
        if outcome.df.len() == 2 || outcome.statistic == "H" { "" } else { "two-sided " },
        outcome.test.name(),
        match outcome.null {
            Some(Null::Exact) => " with exact p-value",
            Some(Null::Asymptotic) => " with normal approximation",
            None if matches!(outcome.test, Test::Permutation | Test::SignFlips) => " with random permutations",
            None => "",
        },
        comparison.reason,
        statistic(outcome.statistic, &outcome.df, outcome.value),
        p_value(outcome.p),
    );
    if let Some(effect) = &comparison.effect {
        text += &format!("; {} {:.2}", effect.name, effect.estimate.value);
        if let Some(interval) = effect.estimate.interval {
            let level = 100.0 * options.resampling.level;
            let kind = match outcome.test {
                Test::MixedModel => "Wald interval".to_owned(),
                _ => format!("bootstrap interval over {}s", unit.name()),
            };
            text += &format!(" ({level} % {kind} {:.2} to {:.2})", interval.low, interval.high);
        }
    }
    text += ".";
    if *unit != Level::Event
        && outcome.test != Test::MixedModel
        && samples.iter().any(|sample| sample.n_events > sample.n)
    {
        text += &format!(" Events of one {} were averaged first.", unit.name());
    }
    if !comparison.pairwise.is_empty() {
        text += &match comparison.correction {
            None => " Pairs of groups were compared by Tukey's HSD.".to_owned(),
            Some(correction) => format!(" Pairs of groups were compared by Dunn's test with {}.", correction.name()),
        };
    }
    text + &dropped(comparison, options)
}

fn dropped(comparison: &Comparison, options: &Options) -> String {
    let n = |is: fn(&Reason) -> bool| comparison.dropped.iter().filter(|dropped| is(&dropped.reason)).count();
    let unit = comparison.unit.name();
    let mut text = String::new();
    let mut tell = |n: usize, why: &str| {
        if n > 0 {
            let (s, were) = if n == 1 { ("", "was") } else { ("s", "were") };
            text += &format!(" {n} {unit}{s} {why} {were} left out.");
        }
    };
    tell(n(|reason| *reason == Reason::NoPartner), "without partner");
    tell(n(|reason| *reason == Reason::NoChange), "without defined change");
    let fences = options.fences.unwrap_or_default();
    let outside = format!("beyond Tukey's fences ({fences} interquartile ranges outside the quartiles)");
    tell(n(|reason| matches!(reason, Reason::Outside(_))), &outside);
    text
}

/// `n = 36 neurons (4993 events, 5 animals)`.
fn count(sample: &Sample, unit: Level) -> String {
    let more = [
        (unit != Level::Event && sample.n_events > sample.n).then(|| format!("{} events", sample.n_events)),
        sample.n_neurons.filter(|_| unit != Level::Neuron).map(|n| format!("{n} neurons")),
        sample.n_animals.filter(|_| unit != Level::Animal).map(|n| format!("{n} animals")),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    let from = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
    format!("n = {} {}s{from}", sample.n, unit.name())
}

/// `F(2, 27) = 3.21`.
fn statistic(name: &str, df: &[f64], value: f64) -> String {
    let df: Vec<String> = df.iter().map(|df| format!("{}", (df * 10.0).round() / 10.0)).collect();
    let df = if df.is_empty() { String::new() } else { format!("({})", df.join(", ")) };
    format!("{name}{df} = {}", digits(value))
}

pub(super) fn p_value(p: f64) -> String {
    if p < 1e-4 { "p < 0.0001".to_owned() } else { format!("p = {}", digits(p)) }
}

/// Three significant digits, without exponent unless tiny.
pub(super) fn digits(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size < 1e-4 {
        format!("{value:.2e}")
    } else {
        let decimals = (2.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{value:.decimals$}")
    }
}

/// `a, b and c`.
pub(super) fn list(items: &[impl AsRef<str>]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
