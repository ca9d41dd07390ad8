//! Values as versions of the program and its converters have written them: numbers as text, null for none.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        _ => None,
    }
}

/// A whole number from 0 on that a 32-bit integer holds.
fn whole(value: &Value) -> Option<u32> {
    // The cast keeps every such value.
    number(value).filter(|n| n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(n)).map(|n| n as u32)
}

fn is_none(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn unlike<E: Error>(expected: &str, found: &Value) -> E {
    E::custom(format!("{found} where {expected} should be"))
}

/// Text; null is none, numbers are taken by their digits.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(unlike("a text", &other)),
    }
}

/// An extent in pixels.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let value = Value::deserialize(deserializer)?;
    whole(&value).map(|n| n as usize).ok_or_else(|| unlike("a number of pixels", &value))
}

/// A number of channels, or none.
pub(super) fn depth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_none(&value) {
        return Ok(None);
    }
    whole(&value).map(Some).ok_or_else(|| unlike("a number of channels", &value))
}

/// The number of an object; null and empty text are 0.
pub(super) fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_none(&value) {
        return Ok(0);
    }
    whole(&value).ok_or_else(|| unlike("a group from 0 on", &value))
}

/// A layer; null is the one that the program assumes.
pub(super) fn layer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_none(&value) {
        return Ok(super::default_layer());
    }
    number(&value).filter(|n| n.is_finite()).ok_or_else(|| unlike("a layer", &value))
}

/// True or false, also as 1 or 0; null is false.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_none(&value) {
        return Ok(false);
    }
    number(&value).map(|n| n != 0.0).ok_or_else(|| unlike("true or false", &value))
}
