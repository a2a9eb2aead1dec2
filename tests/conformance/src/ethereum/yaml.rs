//! YAML as JSON values.

use serde_json::Value;

/// The document, if the bytes are YAML that holds a map or a list.
pub fn parse(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    let value: Value = serde_saphyr::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}
