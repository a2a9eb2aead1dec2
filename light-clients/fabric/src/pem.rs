//! PEM (RFC 7468): one block, strictly.

use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

/// The bytes in the one PEM block with this label. Between the lines stands base64 with its padding; behind the block
/// nothing but line ends.
pub(crate) fn decode(label: &str, text: &[u8], limit: usize) -> Option<Vec<u8>> {
    let text = core::str::from_utf8(text).ok()?;
    if text.len() > 2 * limit + 256 {
        return None;
    }
    let body = text.strip_prefix("-----BEGIN ")?.strip_prefix(label)?.strip_prefix("-----")?;
    let (body, behind) = body.split_once("-----END ")?;
    let behind = behind.strip_prefix(label)?.strip_prefix("-----")?;
    if !behind.bytes().all(|byte| matches!(byte, b'\n' | b'\r')) {
        return None;
    }
    let mut base64 = alloc::string::String::with_capacity(body.len());
    for line in body.split('\n') {
        base64.push_str(line.strip_suffix('\r').unwrap_or(line));
    }
    Base64::decode_vec(&base64).ok().filter(|bytes| bytes.len() <= limit)
}
