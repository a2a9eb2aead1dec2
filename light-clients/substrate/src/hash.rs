//! BLAKE2b-256, the hash of Substrate's headers and tries.

use alloy_primitives::B256;
use blake2::{Blake2b, Digest, digest::consts::U32};

/// BLAKE2b with 32 bytes of output (RFC 7693; Substrate's `BlakeTwo256`).
pub fn blake2_256(bytes: &[u8]) -> B256 {
    B256::new(Blake2b::<U32>::digest(bytes).into())
}
