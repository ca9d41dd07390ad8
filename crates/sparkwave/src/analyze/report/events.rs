//! What features, subtypes and categories of events say.

use super::{Results, Said, distinct, numbers, words};
use crate::error::Error;
use sparkwave_analysis::categories::SiteCategory;
use sparkwave_analysis::figure::Figure;
use sparkwave_analysis::figure::conclusions::{
    Cell, Curve, CurvePanel, Matrix, MatrixScale, curves, map, matrix, parts,
};
use sparkwave_core::table::Table;

/// A coefficient that is worth its place is written into its cell.
fn coefficient(r: f64) -> Cell {
    let value = Some(r).filter(|r| r.is_finite());
    Cell { value, text: value.map(|r| format!("{r:.2}").replace('-', "\u{2212}")).into_iter().collect() }
}

pub(super) fn features(results: &Results) -> Result<Said, Error> {
    let Some(events) = results.table("features")? else { return Ok(Said::default()) };
    let dropped = results.table("dropped")?.unwrap_or_default();
    let reasons: Vec<(String, String)> =
        words(&dropped, "feature").into_iter().zip(words(&dropped, "reason")).collect();
    let names: Vec<String> =
        events.columns().iter().map(|c| c.name.clone()).filter(|n| n != "table" && n != "event_id").collect();
    let columns = names
        .iter()
        .map(|name| (name.clone(), events.column(name).unwrap_or_default().iter().map(|v| v.as_f64()).collect()));
    let table = sparkwave_analysis::features::FeatureTable::new(columns.collect())?;
    let method = if results.text("run.toml").contains("Spearman") {
        sparkwave_analysis::features::Method::Spearman
    } else {
        sparkwave_analysis::features::Method::Pearson
    };
    let found = sparkwave_analysis::features::correlations(&table, method);
    let r = |a: &String, b: &String| {
        if a == b {
            return 1.0;
        }
        let of = found.iter().find(|c| (&c.a, &c.b) == (a, b) || (&c.a, &c.b) == (b, a));
        of.and_then(|c| c.r).unwrap_or(f64::NAN)
    };
    let marked =
        |name: &String| if reasons.iter().any(|(n, _)| n == name) { format!("({name})") } else { name.clone() };
    let content = Matrix {
        row_title: String::new(),
        rows: names.iter().map(marked).collect(),
        column_title: String::new(),
        columns: names.iter().map(marked).collect(),
        cells: names.iter().map(|a| names.iter().map(|b| coefficient(r(a, b))).collect()).collect(),
        scale: MatrixScale::Signed,
        value_title: "r".to_owned(),
    };
    let caption = format!(
        "Correlations of features over {} events. Features in brackets are left out: {}.",
        events.n_rows(),
        if reasons.is_empty() {
            "none".to_owned()
        } else {
            reasons.iter().map(|(name, why)| format!("{name} {why}")).collect::<Vec<_>>().join("; ")
        }
    );
    let figures = vec![matrix("correlations", &content, caption)];
    let answer = vec![
        (events.n_rows().to_string(), "events".to_owned()),
        (
            format!("{} of {}", names.len() - reasons.len(), names.len()),
            "features say something of their own".to_owned(),
        ),
    ];
    let tables =
        vec![("definitions", "Features"), ("dropped", "Left out"), ("correlations", "Pairs that say the same")];
    Ok(Said { title: "Features of events", answer, figures, tables, ..Said::default() })
}

pub(super) fn subtypes(results: &Results, summary: &serde_json::Value) -> Result<Said, Error> {
    let empty = Table::new();
    let read = |name: &str| Ok::<_, Error>(results.table(name)?.unwrap_or_else(|| empty.clone()));
    let (choice, profile, proportions, placed) =
        (read("choice")?, read("profile")?, read("proportions")?, read("subtypes")?);
    let chosen = summary["n_subtypes"].as_f64();
    let mut figures = vec![barcode(&profile), proportion_bars(&proportions)];
    figures.push(choices(&choice, chosen, &sampling(summary, placed.n_rows())));
    figures.push(placement(&placed));
    figures.extend(neighbours(&placed, summary));
    let (shown, warnings) = super::examples::examples(results)?;
    figures.extend(shown);
    let mut answer = vec![(chosen.map_or("–".to_owned(), |k| k.to_string()), "subtypes".to_owned())];
    if let Some(width) = summary["silhouette"].as_f64() {
        answer.push((format!("{width:.2}"), "silhouette, from −1 to 1".to_owned()));
    }
    for (key, what) in [("elbow", "subtypes says the elbow"), ("gap", "subtypes says the gap statistic")] {
        if let Some(k) = summary[key].as_f64() {
            answer.push((k.to_string(), what.to_owned()));
        }
    }
    let tables = vec![
        ("profile", "Medians"),
        ("proportions", "Who has how many"),
        ("choice", "How many there are"),
        ("examples", "Nearest to the centres"),
    ];
    Ok(Said { title: "Subtypes of events", answer, figures, tables, warnings })
}

/// Medians of each subtype, scaled over the subtypes.
fn barcode(profile: &Table) -> Figure {
    let (of_subtype, of_feature) = (words(profile, "subtype"), words(profile, "feature"));
    let (medians, scaled) = (numbers(profile, "median"), numbers(profile, "barcode"));
    let (subtypes, features) = (distinct(&of_subtype), distinct(&of_feature));
    let cell = |subtype: &String, feature: &String| {
        let row = (0..of_subtype.len()).find(|row| (&of_subtype[*row], &of_feature[*row]) == (subtype, feature));
        row.map_or_else(Cell::default, |row| Cell {
            value: Some(scaled[row]).filter(|v| v.is_finite()),
            text: vec![brief(medians[row])],
        })
    };
    let content = Matrix {
        row_title: "Subtype".to_owned(),
        rows: subtypes.clone(),
        column_title: String::new(),
        columns: features.clone(),
        cells: subtypes.iter().map(|s| features.iter().map(|f| cell(s, f)).collect()).collect(),
        scale: MatrixScale::Part,
        value_title: "from smallest to largest".to_owned(),
    };
    let caption =
        "Median of each feature in each subtype, in its unit; colours go from the smallest to the largest median.";
    matrix("barcode", &content, caption.to_owned())
}

fn brief(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 4) as usize };
    let text = format!("{value:.digits$}").replace('-', "\u{2212}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn proportion_bars(proportions: &Table) -> Figure {
    let (of_table, of_subtype) = (words(proportions, "table"), words(proportions, "subtype"));
    let n = numbers(proportions, "n");
    let (wholes, subtypes) = (distinct(&of_table), distinct(&of_subtype));
    let count = |whole: &String, subtype: &String| {
        let row = (0..of_table.len()).find(|row| (&of_table[*row], &of_subtype[*row]) == (whole, subtype));
        row.map_or(0, |row| n[row].max(0.0) as u64)
    };
    let counts: Vec<Vec<u64>> =
        wholes.iter().map(|whole| subtypes.iter().map(|subtype| count(whole, subtype)).collect()).collect();
    let names: Vec<String> = subtypes.iter().map(|s| format!("subtype {s}")).collect();
    parts("proportions", &wholes, &names, &counts, "Parts of the events of each table, percent.".to_owned())
}

fn choices(choice: &Table, chosen: Option<f64>, sampling: &str) -> Figure {
    let k = numbers(choice, "n_subtypes");
    let curve = |column: &str, error: Option<&str>| {
        let (y, error) = (numbers(choice, column), error.map(|name| numbers(choice, name)));
        let points = k.iter().enumerate().map(|(i, k)| (*k, y[i], error.as_ref().map(|e| e[i]))).collect();
        Curve { name: String::new(), points }
    };
    let panel = |title: &str, y_title: &str, y_range, curve| CurvePanel {
        title: title.to_owned(),
        x_title: "Number of subtypes".to_owned(),
        y_title: y_title.to_owned(),
        y_range,
        curves: vec![curve],
        marked: chosen,
    };
    let panels = [
        panel("Silhouette", "Mean silhouette", None, curve("silhouette", None)),
        panel("Elbow", "Inertia", None, curve("inertia", None)),
        panel("Gap statistic", "Gap", None, curve("gap", Some("gap_error"))),
        panel("Stability", "Smallest Jaccard index", Some((0.0, 1.02)), curve("smallest_jaccard", None)),
    ];
    let caption = "Four answers to how many subtypes there are; dashed: the number taken. Bars of the gap are standard errors. \
                   Subtypes with a Jaccard index below 0.6 over resamples should not be interpreted (Hennig 2007).";
    curves("choice", &panels, format!("{caption}{sampling}"))
}

/// Which answers looked at some of `n` events only.
fn sampling(summary: &serde_json::Value, n: usize) -> String {
    let answers = [("silhouette", "silhouettes"), ("gap", "the gap statistic"), ("stability", "stability")];
    let some = answers.iter().filter_map(|(key, what)| {
        let looked_at = summary["looked_at"][key].as_u64().filter(|some| *some < n as u64)?;
        Some(format!("{what} of {looked_at}"))
    });
    let some: Vec<String> = some.collect();
    if some.is_empty() { String::new() } else { format!(" Of {n} events, drawn at random: {}.", some.join(", ")) }
}

fn placement(placed: &Table) -> Figure {
    let caption = "Events in the plane of the two largest principal components of their standardized features.";
    let titles = ("First component (SD)", "Second component (SD)");
    map("map", &places(placed, ("component_1", "component_2")), &subtype_names(placed), titles, caption.to_owned())
}

fn neighbours(placed: &Table, summary: &serde_json::Value) -> Option<Figure> {
    let places = places(placed, ("neighbours_x", "neighbours_y"));
    let (n, n_events) = (places.len(), placed.n_rows());
    let perplexity = summary["perplexity"].as_u64().filter(|_| n > 0)?;
    let drawn = if n < n_events { format!(" Mapped are {n} of {n_events}, drawn at random.") } else { String::new() };
    let caption = format!(
        "Events beside those that they are most like in their standardized features (t-SNE, perplexity {perplexity}). Only \
         which events are neighbours means something, not how far groups are apart or how wide they are.{drawn}"
    );
    Some(map("neighbours", &places, &subtype_names(placed), ("t-SNE 1", "t-SNE 2"), caption))
}

/// Where events lie that have a place, with the 0-based number of their subtype.
fn places(placed: &Table, (x, y): (&str, &str)) -> Vec<(f64, f64, usize)> {
    let (x, y, of) = (numbers(placed, x), numbers(placed, y), numbers(placed, "subtype"));
    let is_placed = |i: &usize| of[*i] >= 1.0 && x[*i].is_finite() && y[*i].is_finite();
    (0..of.len()).filter(is_placed).map(|i| (x[i], y[i], of[i] as usize - 1)).collect()
}

fn subtype_names(placed: &Table) -> Vec<String> {
    let of = numbers(placed, "subtype");
    let n = of.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max) as usize;
    (1..=n).map(|k| format!("subtype {k}")).collect()
}

pub(super) fn categories(results: &Results) -> Result<Said, Error> {
    let Some(events) = results.table("categories")? else { return Ok(Said::default()) };
    let (of_table, of_category) = (words(&events, "table"), words(&events, "category"));
    let (tables_, categories) = (distinct(&of_table), distinct(&of_category));
    let count = |table: &String, category: &String| {
        of_table.iter().zip(&of_category).filter(|(t, c)| (*t, *c) == (table, category)).count() as u64
    };
    let counts: Vec<Vec<u64>> =
        tables_.iter().map(|table| categories.iter().map(|category| count(table, category)).collect()).collect();
    let totals: Vec<u64> = counts.iter().map(|row| row.iter().sum()).collect();
    let caption = "What became of the events before, and where those after come from, percent.";
    let mut figures = vec![parts("categories", &tables_, &categories, &counts, caption.to_owned())];
    let sites = results.table("sites")?.unwrap_or_default();
    let of_site = words(&sites, "category");
    let site_categories: Vec<String> = SiteCategory::ALL.iter().map(|c| c.name().to_owned()).collect();
    let n_sites: Vec<u64> =
        site_categories.iter().map(|c| of_site.iter().filter(|of| *of == c).count() as u64).collect();
    if !of_site.is_empty() {
        let caption = "What became of the places that had events before or after, percent.";
        let whole = ["sites".to_owned()];
        figures.push(parts("sites", &whole, &site_categories, std::slice::from_ref(&n_sites), caption.to_owned()));
    }
    let mut answer: Vec<(String, String)> = categories
        .iter()
        .map(|category| (of_category.iter().filter(|c| *c == category).count().to_string(), category.clone()))
        .collect();
    if let [before, after] = totals[..]
        && before > 0
        && after > 0
    {
        let ratio = after as f64 / before as f64;
        answer.push((format!("{ratio:.2}"), "events after for each one before".to_owned()));
    }
    if !of_site.is_empty() {
        let counts: Vec<String> = site_categories.iter().zip(&n_sites).map(|(c, n)| format!("{n} {c}")).collect();
        answer.push((of_site.len().to_string(), format!("sites: {}", counts.join(", "))));
    }
    let tables = vec![("registration", "Registration"), ("sites", "Sites"), ("categories", "Events")];
    Ok(Said { title: "Before and after", answer, figures, tables, ..Said::default() })
}
