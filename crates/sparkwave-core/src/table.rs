//! A table of results: named columns of equal length, each value possibly unknown.

/// One value of a table. Unknown is [`Value::Empty`], never 0 or a made-up default.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not known or not defined.
    Empty,
    /// A count, an index or an id.
    Int(i64),
    /// A measurement; never NaN or infinite (see [`Value::float`]).
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Words.
    Text(String),
}

impl Value {
    /// A measurement; a number that is not finite becomes [`Value::Empty`].
    pub fn float(value: impl Into<f64>) -> Self {
        let value = value.into();
        if value.is_finite() { Self::Float(value) } else { Self::Empty }
    }

    /// A measurement that may be unknown.
    pub fn maybe(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, Self::float)
    }

    /// The value as a number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            Self::Bool(_) | Self::Text(_) | Self::Empty => None,
        }
    }
}

impl std::fmt::Display for Value {
    /// Writes the value as it stands in a CSV file: shortest form that reads back to the same number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Text(s) => f.write_str(s),
        }
    }
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Header; a quantity carries its unit as a suffix (`_px _um _um2 _s _hz _frame`).
    pub name: String,
    /// One value a row.
    pub values: Vec<Value>,
}

/// Columns of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a column.
    ///
    /// # Panics
    /// If its length differs from that of the columns already there, or its name is taken.
    pub fn push(&mut self, name: impl Into<String>, values: Vec<Value>) {
        let name = name.into();
        assert!(self.columns.iter().all(|c| c.values.len() == values.len()), "column {name}: {} rows", values.len());
        assert!(self.column(&name).is_none(), "column {name} exists already");
        self.columns.push(Column { name, values });
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of a column, if there is one of that name.
    pub fn column(&self, name: &str) -> Option<&[Value]> {
        self.columns.iter().find(|c| c.name == name).map(|c| c.values.as_slice())
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_finite_is_unknown() {
        assert_eq!(Value::float(f64::NAN), Value::Empty);
        assert_eq!(Value::float(f64::INFINITY), Value::Empty);
        assert_eq!(Value::float(0.1f64).to_string(), "0.1");
        assert_eq!(Value::Empty.to_string(), "");
    }
}
