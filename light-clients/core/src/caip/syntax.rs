//! Grammar shared by the three kinds of name.

use alloc::{borrow::ToOwned, string::String};

use super::CaipError;

/// Characters of account addresses, asset references and token ids (CAIP-10, CAIP-19).
pub(super) const fn address_character(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'%')
}

/// Lower-cases where the namespace reads names without regard to case.
pub(super) fn fold_case(namespace: &str, name: &str) -> String {
    let bech32 = || {
        ["bc1", "tb1", "bcrt1"]
            .iter()
            .any(|prefix| name.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix)))
    };
    if matches!(namespace, "eip155" | "cosmos") || (namespace == "bip122" && bech32()) {
        name.to_ascii_lowercase()
    } else {
        name.to_owned()
    }
}

pub(super) fn evm_address(what: &'static str, text: &str) -> Result<(), CaipError> {
    let digits = text.strip_prefix("0x").unwrap_or("");
    if digits.len() == 40 && digits.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(CaipError::Form { what, expected: "0x and 40 hexadecimal digits" })
}

pub(super) fn decimal(what: &'static str, text: &str) -> Result<(), CaipError> {
    let zero_led = text.len() > 1 && text.starts_with('0');
    if !zero_led && !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(CaipError::Form { what, expected: "a decimal number without leading zeros" })
}

pub(super) fn cut<'a>(text: &'a str, separator: char, what: &'static str) -> Result<(&'a str, &'a str), CaipError> {
    text.split_once(separator).ok_or(CaipError::Separator { what, separator })
}

pub(super) const fn at_most(what: &'static str, text: &str, max: usize) -> Result<(), CaipError> {
    if text.len() > max { Err(CaipError::TooLong { what, max, found: text.len() }) } else { Ok(()) }
}

pub(super) fn part(
    what: &'static str,
    text: &str,
    min: usize,
    max: usize,
    allowed: impl Fn(u8) -> bool,
) -> Result<(), CaipError> {
    at_most(what, text, max)?;
    if text.len() < min {
        return Err(CaipError::TooShort { what, min, found: text.len() });
    }
    text.bytes().position(|c| !allowed(c)).map_or(Ok(()), |at| Err(CaipError::Character { what, at }))
}
