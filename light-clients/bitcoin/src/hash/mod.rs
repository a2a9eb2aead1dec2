//! Double SHA-256 of the three shapes that Bitcoin hashes most: a header (80 bytes), two Merkle nodes (64) and a
//! hash (32), each as bare compressions with the padding known beforehand. `sha2` picks the processor's SHA
//! extensions where they exist, without `std`. Runs of headers are hashed four at a time where that is faster (`lanes.rs`).

#[cfg(target_arch = "x86_64")]
mod lanes;

use core::fmt;

use sha2::{Digest, Sha256, compress256, digest::core_api};

use crate::HEADER_BYTES;

/// A block of the compression function.
type Block = core_api::Block<Sha256>;

/// The initial state of SHA-256 (FIPS 180-4 §5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// A block that holds the end of a message of `bytes` bytes: `1` bit and length set, the message's part left zero.
const fn padding(bytes: usize) -> [u8; 64] {
    let mut block = [0; 64];
    block[bytes % 64] = 0x80;
    let bits = (bytes as u64 * 8).to_be_bytes();
    let mut at = 0;
    while at < 8 {
        block[56 + at] = bits[at];
        at += 1;
    }
    block
}

/// SHA-256 of the digest that `state` holds.
fn of_digest(state: &[u32; 8]) -> [u8; 32] {
    const END: [u8; 64] = padding(32);
    let mut block = Block::from(END);
    for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    bytes_of(&state)
}

fn bytes_of(state: &[u32; 8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

/// SHA-256(SHA-256(`header`)).
pub(crate) fn header_hash(header: &[u8; HEADER_BYTES]) -> BlockHash {
    const END: [u8; 64] = padding(HEADER_BYTES);
    let (mut head, mut tail) = (Block::default(), Block::from(END));
    head.iter_mut().chain(tail.iter_mut()).zip(header).for_each(|(to, from)| *to = *from);
    let mut state = INITIAL;
    compress256(&mut state, &[head, tail]);
    BlockHash(of_digest(&state))
}

/// Hashes of headers, in their order.
pub(crate) fn header_hashes(headers: &[[u8; HEADER_BYTES]], hashes: &mut [BlockHash]) {
    let done = together(headers, hashes);
    headers.iter().zip(hashes).skip(done).for_each(|(header, hash)| *hash = header_hash(header));
}

/// Hashes headers side by side, and gives how many.
#[cfg(target_arch = "x86_64")]
fn together(headers: &[[u8; HEADER_BYTES]], hashes: &mut [BlockHash]) -> usize {
    let groups = headers.as_chunks().0.iter().zip(hashes.as_chunks_mut().0);
    let hashed = groups.map_while(|(headers, to)| lanes::hash_together(headers).map(|hashes| *to = hashes));
    hashed.count() * lanes::LANES
}

/// Nothing is known of this processor.
#[cfg(not(target_arch = "x86_64"))]
fn together(_: &[[u8; HEADER_BYTES]], _: &mut [BlockHash]) -> usize {
    0
}

/// The parent of two Merkle nodes.
pub fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    const END: [u8; 64] = padding(64);
    let mut pair = Block::default();
    let (to_left, to_right) = pair.split_at_mut(32);
    to_left.copy_from_slice(left);
    to_right.copy_from_slice(right);
    let mut state = INITIAL;
    compress256(&mut state, &[pair, Block::from(END)]);
    of_digest(&state)
}

/// SHA-256(SHA-256(the parts, one after the other)).
pub fn sha256d(parts: &[&[u8]]) -> [u8; 32] {
    let mut inner = Sha256::new();
    parts.iter().for_each(|part| inner.update(part));
    Sha256::digest(inner.finalize()).into()
}

/// SHA-256, once.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

macro_rules! hash_type {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// The bytes are in the order in which Bitcoin hashes and sends them; `Display` turns them round, as people
        /// write them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// From the order in which people write it.
            pub const fn from_display(mut bytes: [u8; 32]) -> Self {
                let mut at = 0;
                while at < 16 {
                    let swapped = bytes[at];
                    bytes[at] = bytes[31 - at];
                    bytes[31 - at] = swapped;
                    at += 1;
                }
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
hash_type! {
    /// Double SHA-256 of a header.
    BlockHash;
    /// Double SHA-256 of a transaction without its witness.
    Txid;
}
