//! Strict DER of an ECDSA signature (RFC 3279 §2.2.3): exactly one byte string for each pair of numbers.

use super::P256Fault;

/// Bytes of the longest signature: two integers of 33 bytes with their tags and lengths, and the sequence's.
pub const MAX_SIGNATURE_BYTES: usize = 2 + 2 * (2 + 33);

/// Reads `SEQUENCE { INTEGER r, INTEGER s }` into `r ‖ s`.
///
/// # Errors
/// [`P256Fault::Der`] for anything but the one DER of two non-negative integers of at most 32 bytes.
pub fn signature_from_der(bytes: &[u8]) -> Result<[u8; 64], P256Fault> {
    if bytes.len() > MAX_SIGNATURE_BYTES {
        return Err(P256Fault::Der);
    }
    let (body, rest) = tagged(0x30, bytes)?;
    let (r, after_r) = tagged(0x02, body)?;
    let (s, after_s) = tagged(0x02, after_r)?;
    if !rest.is_empty() || !after_s.is_empty() {
        return Err(P256Fault::Der);
    }
    let mut out = [0; 64];
    let (left, right) = out.split_at_mut(32);
    place(left, r)?;
    place(right, s)?;
    Ok(out)
}

/// Content and rest behind a tag and a length below 128 in its only (one-byte) form.
fn tagged(tag: u8, bytes: &[u8]) -> Result<(&[u8], &[u8]), P256Fault> {
    let (head, rest) = bytes.split_first_chunk::<2>().ok_or(P256Fault::Der)?;
    let [found, length] = *head;
    if found != tag || length >= 0x80 {
        return Err(P256Fault::Der);
    }
    rest.split_at_checked(usize::from(length)).ok_or(P256Fault::Der)
}

/// A non-negative integer in its shortest form, right-aligned into 32 bytes.
fn place(out: &mut [u8], integer: &[u8]) -> Result<(), P256Fault> {
    let digits = match integer {
        [] => return Err(P256Fault::Der),
        [0] => integer,
        [0, second, ..] if *second < 0x80 => return Err(P256Fault::Der),
        [0, digits @ ..] => digits,
        [first, ..] if *first >= 0x80 => return Err(P256Fault::Der),
        digits => digits,
    };
    let start = out.len().checked_sub(digits.len()).ok_or(P256Fault::Der)?;
    if let Some(place) = out.get_mut(start..) {
        place.copy_from_slice(digits);
    }
    Ok(())
}
