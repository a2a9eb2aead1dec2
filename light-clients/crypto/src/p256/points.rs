//! Points out of their compressed form.

use p256::elliptic_curve::sec1::ToEncodedPoint;

use super::P256Fault;

/// The uncompressed form (SEC 1 §2.3.3, 65 bytes) of a compressed point. It takes a square root, a third of a signature
/// check: keep the result.
///
/// # Errors
/// [`P256Fault::Mismatch`]: no point of the curve has this form.
pub fn decompress(compressed: &[u8; 33]) -> Result<[u8; 65], P256Fault> {
    // 5 is SEC 1's "compact" form, which leaves y's sign open: no chain writes it.
    if !matches!(compressed, [2 | 3, ..]) {
        return Err(P256Fault::Mismatch);
    }
    let key = p256::PublicKey::from_sec1_bytes(compressed).map_err(|_| P256Fault::Mismatch)?;
    key.to_encoded_point(false).as_bytes().try_into().map_err(|_| P256Fault::Mismatch)
}
