//! Figures as SVG and PNG, and the report.
