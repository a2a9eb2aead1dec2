//! Fields of JSON files, each either read or named in the error.

use alloy_primitives::{Address, B256, U256};
use serde_json::Value;

/// A field of an object.
pub fn field<'a>(value: &'a Value, name: &str) -> Result<&'a Value, String> {
    value.get(name).ok_or_else(|| format!("no field {name}"))
}

/// A string field.
pub fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    field(value, name)?.as_str().ok_or_else(|| format!("{name} is no string"))
}

/// An array field.
pub fn array<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, String> {
    field(value, name)?.as_array().ok_or_else(|| format!("{name} is no array"))
}

/// Bytes in hex, with or without prefix.
pub fn unhex(text: &str) -> Result<Vec<u8>, String> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|error| format!("hex: {error}"))
}

/// A field of bytes in hex.
pub fn bytes(value: &Value, name: &str) -> Result<Vec<u8>, String> {
    unhex(text(value, name)?).map_err(|error| format!("{name}: {error}"))
}

/// A string value as bytes in hex.
pub fn bytes_of(value: &Value) -> Result<Vec<u8>, String> {
    unhex(value.as_str().ok_or("no string")?)
}

/// A 32-byte field.
pub fn hash(value: &Value, name: &str) -> Result<B256, String> {
    B256::try_from(bytes(value, name)?.as_slice()).map_err(|_| format!("{name} is no hash"))
}

/// A 20-byte field.
pub fn address(value: &Value, name: &str) -> Result<Address, String> {
    Address::try_from(bytes(value, name)?.as_slice()).map_err(|_| format!("{name} is no address"))
}

/// An array of addresses.
pub fn addresses(value: &Value, name: &str) -> Result<Vec<Address>, String> {
    let read = |item: &Value| {
        Address::try_from(bytes_of(item)?.as_slice()).map_err(|_| format!("{name} holds what is no address"))
    };
    array(value, name)?.iter().map(read).collect()
}

/// An array of bytes in hex.
pub fn byte_list(value: &Value, name: &str) -> Result<Vec<Vec<u8>>, String> {
    array(value, name)?.iter().map(bytes_of).collect()
}

/// A number: JSON's, or in hex as nodes write it.
pub fn number_of(value: &Value) -> Result<U256, String> {
    if let Some(number) = value.as_u64() {
        return Ok(U256::from(number));
    }
    let text = value.as_str().ok_or("no number")?;
    let digits = text.strip_prefix("0x").ok_or("no hex number")?;
    if digits.is_empty() { Ok(U256::ZERO) } else { U256::from_str_radix(digits, 16).map_err(|error| error.to_string()) }
}

/// A field that fits 64 bits.
pub fn u64_of(value: &Value, name: &str) -> Result<u64, String> {
    let number = number_of(field(value, name)?).map_err(|error| format!("{name}: {error}"))?;
    u64::try_from(number).map_err(|_| format!("{name} is beyond 64 bits"))
}

/// A number without leading zeros, as RLP wants it.
pub fn trimmed(number: U256) -> Vec<u8> {
    number.to_be_bytes_trimmed_vec()
}
