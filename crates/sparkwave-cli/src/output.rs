//! What is printed: results on stdout, everything else on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Write;

/// Prints a line of the result. A closed pipe is not an error: the reader has seen enough.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints one JSON object.
pub(crate) fn json(value: &serde_json::Value) {
    line(&value.to_string());
}

/// A number of things in words; `noun` is the word for one, which takes an s.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Prints an error as one sentence; our errors tell their causes themselves.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error}");
}

/// Prints a remark that is not part of the result.
pub(crate) fn remark(text: &str) {
    eprintln!("{text}");
}
