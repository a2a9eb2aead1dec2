//! SS58 addresses of 32-byte keys: base58 of `prefix ‖ key ‖ checksum`.

use blake2::{Blake2b512, Digest};

const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The key of an address.
pub(super) fn key(text: &str) -> Result<[u8; 32], String> {
    let mut bytes: Vec<u8> = Vec::new(); // little-endian
    for digit in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == digit).ok_or(format!("{text}: no base58"))?;
        let mut carry = value as u32;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(carry as u8);
            carry >>= 8;
        }
    }
    bytes.extend(text.bytes().take_while(|digit| *digit == b'1').map(|_| 0));
    bytes.reverse();
    let prefix = if bytes.first().is_some_and(|byte| byte & 0x40 != 0) { 2 } else { 1 };
    let (body, checksum) = bytes.split_at_checked(prefix + 32).ok_or(format!("{text}: short"))?;
    let digest = Blake2b512::new().chain_update(b"SS58PRE").chain_update(body).finalize();
    match body.get(prefix..).and_then(|key| <[u8; 32]>::try_from(key).ok()) {
        Some(key) if checksum.len() == 2 && digest.starts_with(checksum) => Ok(key),
        _ => Err(format!("{text}: wrong checksum")),
    }
}
