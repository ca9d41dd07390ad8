//! The report of a comparison of neurons before and after a stimulus.

use super::page;
use crate::figure::Figure;
use crate::figure::svg::escape;
use sparkwave_core::table::Table;

/// What the report tells.
#[derive(Clone, Debug)]
pub struct ChangeReport<'a> {
    /// Heading of the page.
    pub title: String,
    /// Name and version of the program.
    pub version: String,
    /// The conclusions, a sentence each.
    pub answer: &'a [String],
    /// Doubts the reader must see, as sentences.
    pub warnings: &'a [String],
    /// Figures in the order of the page.
    pub figures: &'a [Figure],
    /// Tables with their headings.
    pub tables: &'a [(&'a str, &'a Table)],
    /// The sentences for a Methods section.
    pub methods: &'a str,
    /// Pairs of name and value.
    pub facts: &'a [(String, String)],
}

/// Writes the report as one self-contained HTML5 document.
pub fn change_report_html(report: &ChangeReport<'_>) -> String {
    let answer: String = report.answer.iter().map(|line| format!("<p>{}</p>\n", escape(line))).collect();
    let mut page = page::open(&report.title, &answer);
    page::push_warnings(&mut page, report.warnings);
    page::push_figures(&mut page, "Changes", report.figures);
    for (heading, table) in report.tables {
        let id = page::identifier(heading);
        page.push_str(&format!(
            "<section aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{}</h2>\n",
            escape(heading)
        ));
        page::push_table(&mut page, table);
        page.push_str("</section>\n");
    }
    if !report.methods.is_empty() {
        page.push_str("<section aria-labelledby=\"methods-title\">\n<h2 id=\"methods-title\">Methods</h2>\n");
        for line in report.methods.lines() {
            page.push_str(&format!("<p>{}</p>\n", escape(line)));
        }
        page.push_str("</section>\n");
    }
    page::push_method(&mut page, report.facts, &[]);
    page::push_end_of_main(&mut page, &report.version);
    page::push_script(&mut page, "");
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::table::Value;

    #[test]
    fn everything_is_told_and_nothing_is_markup() {
        let mut table = Table::new();
        table.push("neuron", vec![Value::Text("<b>1".into())]);
        let report = ChangeReport {
            title: "Before & after".into(),
            version: "sparkwave 0".into(),
            answer: &["Fewer < more".into()],
            warnings: &[],
            figures: &[],
            tables: &[("Neurons", &table)],
            methods: "One.\nTwo.",
            facts: &[],
        };
        let html = change_report_html(&report);
        for part in ["Before &amp; after", "Fewer &lt; more", "&lt;b&gt;1", "<p>Two.</p>", "sparkwave 0"] {
            assert!(html.contains(part), "{part}");
        }
    }
}
