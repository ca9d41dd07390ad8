//! The report on an analysis: its answer, its figures, its tables and the sentences for a paper.

use super::page;
use crate::figure::Figure;
use crate::figure::svg::escape;
use sparkwave_core::table::Table;

/// What a report on an analysis tells.
#[derive(Clone, Debug, Default)]
pub struct AnalysisReport<'a> {
    /// Heading of the page.
    pub title: String,
    /// Name and version of the program.
    pub version: String,
    /// Numbers below the heading with what they are of.
    pub answer: Vec<(String, String)>,
    /// Doubts the reader must see, as sentences.
    pub warnings: &'a [String],
    /// Figures in the order of the page.
    pub figures: &'a [Figure],
    /// Tables with their titles.
    pub tables: Vec<(String, &'a Table)>,
    /// What belongs into a Methods section, a paragraph a line.
    pub methods: &'a str,
    /// Pairs of name and value: inputs, parameters.
    pub facts: Vec<(String, String)>,
}

/// Rows of a table that stand in the page.
const MOST_ROWS: usize = 200;

/// Writes the report as one self-contained HTML5 document. Of long tables it has the first 200 rows.
pub fn analysis_report_html(report: &AnalysisReport<'_>) -> String {
    let mut answer = String::new();
    if !report.answer.is_empty() {
        answer.push_str("<ul class=\"answer\">\n");
        for (number, unit) in &report.answer {
            page::push_number(&mut answer, &escape(number), &escape(unit));
        }
        answer.push_str("</ul>\n");
    }
    let mut html = page::open(&report.title, &answer);
    let sections = [
        (!report.figures.is_empty(), "figures", "Figures"),
        (!report.tables.is_empty(), "tables", "Tables"),
        (!report.methods.trim().is_empty(), "sentences", "For the Methods section"),
        (!report.facts.is_empty(), "method", "Input and method"),
    ];
    page::push_contents(&mut html, &sections);
    page::push_warnings(&mut html, report.warnings);
    page::push_figures(&mut html, "Figures", report.figures);
    if !report.tables.is_empty() {
        html.push_str("<section aria-labelledby=\"tables-title\">\n<h2 id=\"tables-title\">Tables</h2>\n");
        for (title, table) in &report.tables {
            html.push_str(&format!("<h3>{}</h3>\n", escape(title)));
            page::push_table(&mut html, &first_rows(table));
            if table.n_rows() > MOST_ROWS {
                let n = table.n_rows() - MOST_ROWS;
                html.push_str(&format!("<p>{n} more rows are in the file.</p>\n"));
            }
        }
        html.push_str("</section>\n");
    }
    if !report.methods.trim().is_empty() {
        html.push_str("<section aria-labelledby=\"sentences-title\">\n");
        html.push_str("<h2 id=\"sentences-title\">For the Methods section</h2>\n");
        for line in report.methods.lines().filter(|line| !line.trim().is_empty()) {
            html.push_str(&format!("<p>{}</p>\n", escape(line.trim())));
        }
        html.push_str("</section>\n");
    }
    page::push_method(&mut html, &report.facts, &[]);
    page::push_end_of_main(&mut html, &report.version);
    html.push_str("</body>\n</html>\n");
    html
}

fn first_rows(table: &Table) -> Table {
    let mut first = Table::new();
    for column in table.columns() {
        first.push(column.name.clone(), column.values.iter().take(MOST_ROWS).cloned().collect());
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use sparkwave_core::table::Value;

    #[test]
    fn what_users_wrote_stays_text_and_long_tables_are_cut() {
        let mut table = Table::new();
        table.push("<b>", (0..250).map(Value::Int).collect());
        let warnings = ["a <script> in a name".to_owned()];
        let report = AnalysisReport {
            title: "Comparison".into(),
            answer: vec![("0.03".into(), "p of <i>".into())],
            warnings: &warnings,
            tables: vec![("Values & more".into(), &table)],
            methods: "Groups were compared.\n\nSo they were.",
            ..AnalysisReport::default()
        };
        let html = analysis_report_html(&report);
        assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("<i>"), "{html}");
        assert!(html.contains("Values &amp; more") && html.contains("50 more rows") && html.ends_with("</html>\n"));
        assert_eq!(html.matches("<tr>").count(), 201);
        assert!(html.contains("<p>So they were.</p>") && !html.contains("figures-title"));
    }
}
