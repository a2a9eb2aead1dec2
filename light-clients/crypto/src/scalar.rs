//! Range checks on `r`, `s` and `v`, made once on bytes so that both implementations refuse alike.

use crate::{HighS, SignatureFault};

/// The order n of secp256k1 (SEC 2 §2.4.1), big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// ⌊n / 2⌋: the largest low `s` (EIP-2).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// The ranges in the order that [`crate::Recover::recover`] states.
pub(crate) fn check(r_s: &[u8; 64], v: u8, high_s: HighS) -> Result<(), SignatureFault> {
    if v > 1 {
        return Err(SignatureFault::RecoveryId { found: v });
    }
    check_ranges(r_s, high_s)
}

/// The ranges of `r` and `s` alone.
pub(crate) fn check_ranges(r_s: &[u8; 64], high_s: HighS) -> Result<(), SignatureFault> {
    let (r, s) = r_s.split_at(32);
    if !in_range(r) {
        return Err(SignatureFault::ROutOfRange);
    }
    if !in_range(s) {
        return Err(SignatureFault::SOutOfRange);
    }
    // Big-endian numbers of one width compare like their bytes.
    if high_s == HighS::Refuse && s > HALF_ORDER.as_slice() {
        return Err(SignatureFault::HighS);
    }
    Ok(())
}

fn in_range(scalar: &[u8]) -> bool {
    scalar < ORDER.as_slice() && scalar.iter().any(|byte| *byte != 0)
}
