//! What every report page is made of.
//!
//! Style and figures are inside the page; its content security policy forbids it to load anything.

use crate::figure::Figure;
use crate::figure::svg::escape;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sparkwave_core::table::{Table, Value};

/// A figure with a longer SVG enters the page as PNG if that is shorter.
const LONGEST_INLINE_SVG: usize = 2_000_000;

/// The document up to its heading, `answer` below it; the body and `main` stay open.
pub(super) fn open(title: &str, answer: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{answer}</header>\n<main>\n",
        include_str!("style.css")
    )
}

/// Closes `main` and names the program.
pub(super) fn push_end_of_main(page: &mut String, version: &str) {
    page.push_str("</main>\n");
    if !version.is_empty() {
        page.push_str(&format!("<footer>\n<p>Written by {}.</p>\n</footer>\n", escape(version)));
    }
}

/// The last script and the end of the document.
pub(super) fn push_script(page: &mut String, script: &str) {
    page.push_str(&format!("<script>\n{script}</script>\n</body>\n</html>\n"));
}

/// Links to those of the sections (is there, id, name) that the page has.
pub(super) fn push_contents(page: &mut String, sections: &[(bool, &str, &str)]) {
    page.push_str("<nav class=\"contents\" aria-label=\"Contents\">");
    for (_, id, name) in sections.iter().filter(|(is_there, ..)| *is_there) {
        page.push_str(&format!("<a href=\"#{id}-title\">{name}</a> "));
    }
    page.push_str("</nav>\n");
}

/// One of the numbers below the heading.
pub(super) fn push_number(out: &mut String, number: &str, unit: &str) {
    out.push_str(&format!("<li><strong>{number}</strong> <span>{unit}</span></li>\n"));
}

/// The numbers of a column that holds any; empty if there is none of that name.
pub(super) fn numbers(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).map_or_else(Vec::new, |values| values.iter().filter_map(Value::as_f64).collect())
}

/// The middle of some numbers.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (n > 0).then(|| (values[(n - 1) / 2] + values[n / 2]) / 2.0)
}

/// Doubts the reader must see, if there are any.
pub(super) fn push_warnings(page: &mut String, warnings: &[String]) {
    if warnings.is_empty() {
        return;
    }
    page.push_str("<section class=\"warnings\" aria-labelledby=\"warnings-title\">\n");
    page.push_str("<h2 id=\"warnings-title\">Warnings</h2>\n<ul>\n");
    for warning in warnings {
        page.push_str(&format!("<li>{}</li>\n", escape(warning)));
    }
    page.push_str("</ul>\n</section>\n");
}

/// A section of figures with their captions, if there are any.
pub(super) fn push_figures(page: &mut String, title: &str, figures: &[Figure]) {
    if figures.is_empty() {
        return;
    }
    page.push_str(&format!("<section aria-labelledby=\"figures-title\">\n<h2 id=\"figures-title\">{title}</h2>\n"));
    push_gallery(page, figures);
    page.push_str("</section>\n");
}

/// Figures with their captions, side by side where there is room.
pub(super) fn push_gallery(page: &mut String, figures: &[Figure]) {
    page.push_str("<div class=\"figures\">\n");
    for figure in figures {
        page.push_str(&format!("<figure id=\"figure-{}\">\n", escape(&identifier(&figure.name))));
        // Base64 needs four characters for three bytes.
        if figure.svg.len() > LONGEST_INLINE_SVG && figure.png.len() / 3 * 4 < figure.svg.len() {
            let (alt, bytes) = (escape(&figure.caption), STANDARD.encode(&figure.png));
            page.push_str(&format!("<img alt=\"{alt}\" src=\"data:image/png;base64,{bytes}\">\n"));
        } else {
            page.push_str(&figure.svg);
        }
        page.push_str(&format!("<figcaption>{}</figcaption>\n</figure>\n", escape(&figure.caption)));
    }
    page.push_str("</div>\n");
}

/// The name without anything that an HTML id must not contain.
pub(super) fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect()
}

/// Facts as pairs of name and value, and the wall time of the stages, as far as there are any.
pub(super) fn push_method(page: &mut String, facts: &[(String, String)], stages: &[(String, f64)]) {
    if !facts.is_empty() {
        page.push_str(
            "<section aria-labelledby=\"method-title\">\n<h2 id=\"method-title\">Input and method</h2>\n<dl>\n",
        );
        for (name, value) in facts {
            page.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value)));
        }
        page.push_str("</dl>\n</section>\n");
    }
    if !stages.is_empty() {
        page.push_str("<section aria-labelledby=\"timing-title\">\n<h2 id=\"timing-title\">Wall time</h2>\n");
        page.push_str("<table class=\"plain\">\n<thead><tr><th scope=\"col\">Stage</th><th scope=\"col\">Seconds</th></tr></thead>\n<tbody>\n");
        let total: f64 = stages.iter().map(|(_, seconds)| seconds).sum();
        for (stage, seconds) in stages {
            page.push_str(&format!("<tr><td>{}</td><td class=\"number\">{seconds:.2}</td></tr>\n", escape(stage)));
        }
        page.push_str(&format!(
            "</tbody>\n<tfoot><tr><td>Total</td><td class=\"number\">{total:.2}</td></tr></tfoot>\n</table>\n"
        ));
        page.push_str("</section>\n");
    }
}

/// A short table as plain HTML. In a narrow window it scrolls on its own, by keyboard too, and its first column stays.
pub(super) fn push_table(page: &mut String, table: &Table) {
    page.push_str("<div class=\"wide\" tabindex=\"0\"><table class=\"plain\">\n<thead><tr>");
    for column in table.columns() {
        page.push_str(&format!("<th scope=\"col\">{}</th>", escape(&column.name)));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in 0..table.n_rows() {
        page.push_str("<tr>");
        for column in table.columns() {
            let class = if column.values[row].as_f64().is_some() { " class=\"number\"" } else { "" };
            page.push_str(&format!("<td{class}>{}</td>", escape(&cell(&column.values[row]))));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
}

/// A value as it stands in a short table: floats with four decimals at most.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Float(float) => {
            let text = format!("{float:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_even_and_odd_numbers() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
