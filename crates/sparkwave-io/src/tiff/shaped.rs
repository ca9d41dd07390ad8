//! The JSON description of the Python package tifffile: `{"shape": [600, 512, 512], ...}`.

/// The shape that the description states, and whether the file has one directory for all pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shaped {
    pub(super) shape: Vec<u64>,
    pub(super) truncated: bool,
    /// Axes as tifffile names them, such as `TYX`, if stated.
    pub(super) axes: Option<String>,
}

impl Shaped {
    /// Parses the text; `None` if it is not tifffile's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('{') {
            return None;
        }
        let json: serde_json::Value = serde_json::from_str(text).ok()?;
        let shape = json.get("shape")?.as_array()?.iter().map(serde_json::Value::as_u64).collect::<Option<_>>()?;
        let truncated = json.get("truncated").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let axes = json.get("axes").and_then(serde_json::Value::as_str).map(String::from);
        Some(Self { shape, truncated, axes })
    }

    /// Number of pages of `height` x `width` that the shape makes; `None` if it does not end in those.
    pub(super) fn n_pages(&self, height: u64, width: u64) -> Option<u64> {
        match self.shape.as_slice() {
            [rest @ .., h, w] if (*h, *w) == (height, width) => product(rest),
            // Some shapes carry a last axis of one sample.
            [rest @ .., h, w, 1] if (*h, *w) == (height, width) => product(rest),
            _ => None,
        }
    }

    /// True if more than one axis stands before rows and columns.
    pub(super) fn is_hyperstack(&self) -> bool {
        let n = self.shape.len();
        n > 3 && self.shape[..n - 2].iter().filter(|&&extent| extent > 1).count() > 1
    }
}

fn product(extents: &[u64]) -> Option<u64> {
    extents.iter().try_fold(1u64, |acc, &n| acc.checked_mul(n))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pages_follow_from_the_shape() {
        let shaped = Shaped::parse(r#"{"shape": [2, 3, 5, 7], "truncated": true}"#).unwrap();
        assert_eq!((shaped.n_pages(5, 7), shaped.is_hyperstack(), shaped.truncated), (Some(6), true, true));
        assert_eq!(shaped.n_pages(7, 5), None);
        let flat = Shaped::parse(r#"{"shape": [5, 7]}"#).unwrap();
        assert_eq!((flat.n_pages(5, 7), flat.is_hyperstack()), (Some(1), false));
        assert_eq!(Shaped::parse(r#"{"shape": [-1, 7]}"#), None);
        assert_eq!(Shaped::parse("{"), None);
    }
}
