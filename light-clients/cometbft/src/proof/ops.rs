//! The two steps of a proof: from a key and a value to a leaf's hash, from a child's hash to its parent's (ICS-23
//! `LeafOp`, `InnerOp`).

use alloy_primitives::keccak256;
use ripemd::Ripemd160;
use sha2::{Digest as _, Sha256, Sha512, Sha512_256};

use super::ProofFault;

/// `HashOp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashOp {
    /// Nothing is hashed. Only before a leaf's own hash.
    #[default]
    NoHash = 0,
    /// SHA-256.
    Sha256 = 1,
    /// SHA-512.
    Sha512 = 2,
    /// Keccak-256.
    Keccak256 = 3,
    /// RIPEMD-160.
    Ripemd160 = 4,
    /// RIPEMD-160 of SHA-256.
    Bitcoin = 5,
    /// SHA-512/256.
    Sha512Truncated256 = 6,
    /// BLAKE2b-512 (feature `every-hash`).
    Blake2b512 = 7,
    /// BLAKE2s-256 (feature `every-hash`).
    Blake2s256 = 8,
    /// BLAKE3 (feature `every-hash`).
    Blake3 = 9,
}

impl HashOp {
    /// The operation of a number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::NoHash,
            1 => Self::Sha256,
            2 => Self::Sha512,
            3 => Self::Keccak256,
            4 => Self::Ripemd160,
            5 => Self::Bitcoin,
            6 => Self::Sha512Truncated256,
            7 => Self::Blake2b512,
            8 => Self::Blake2s256,
            9 => Self::Blake3,
            _ => return None,
        })
    }

    /// The hash over the parts, one behind the other.
    ///
    /// # Errors
    /// [`ProofFault::HashOp`]: [`HashOp::NoHash`] hashes nothing, and this build may lack the function.
    pub fn digest(self, parts: &[&[u8]]) -> Result<Digest, ProofFault> {
        Ok(match self {
            Self::Sha256 => Digest::of(&hash::<Sha256>(parts)),
            Self::Sha512 => Digest::of(&hash::<Sha512>(parts)),
            Self::Keccak256 => Digest::of(keccak256(parts.concat()).as_slice()),
            Self::Ripemd160 => Digest::of(&hash::<Ripemd160>(parts)),
            Self::Bitcoin => Digest::of(&Ripemd160::digest(hash::<Sha256>(parts))),
            Self::Sha512Truncated256 => Digest::of(&hash::<Sha512_256>(parts)),
            #[cfg(feature = "every-hash")]
            Self::Blake2b512 => Digest::of(&hash::<blake2::Blake2b512>(parts)),
            #[cfg(feature = "every-hash")]
            Self::Blake2s256 => Digest::of(&hash::<blake2::Blake2s256>(parts)),
            #[cfg(feature = "every-hash")]
            Self::Blake3 => Digest::of(blake3::hash(&parts.concat()).as_bytes()),
            _ => return Err(ProofFault::HashOp(self)),
        })
    }
}

fn hash<D: sha2::Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    parts.iter().fold(D::new(), |hasher, part| hasher.chain_update(part)).finalize()
}

/// A hash of up to 64 bytes.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; 64],
    length: usize,
}

impl Digest {
    fn of(hash: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
        Self { bytes, length: hash.len() }
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Digest {}

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl core::fmt::Display for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// `LengthOp`: what stands before a key or a value in a leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LengthOp {
    /// Nothing.
    #[default]
    NoPrefix = 0,
    /// The length as a variable-length integer of Protocol Buffers.
    VarProto = 1,
    /// The length in RLP. Defined by ICS-23, implemented by nobody.
    VarRlp = 2,
    /// The length in four bytes, big-endian.
    Fixed32Big = 3,
    /// The length in four bytes, little-endian.
    Fixed32Little = 4,
    /// The length in eight bytes, big-endian.
    Fixed64Big = 5,
    /// The length in eight bytes, little-endian.
    Fixed64Little = 6,
    /// Nothing, but it must be 32 bytes.
    Require32Bytes = 7,
    /// Nothing, but it must be 64 bytes.
    Require64Bytes = 8,
}

impl LengthOp {
    /// The operation of a number on the wire.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::NoPrefix,
            1 => Self::VarProto,
            2 => Self::VarRlp,
            3 => Self::Fixed32Big,
            4 => Self::Fixed32Little,
            5 => Self::Fixed64Big,
            6 => Self::Fixed64Little,
            7 => Self::Require32Bytes,
            8 => Self::Require64Bytes,
            _ => return None,
        })
    }

    /// The bytes before data of a length.
    fn prefix(self, length: usize) -> Result<Prefix, ProofFault> {
        let short = || u32::try_from(length).map_err(|_| ProofFault::LengthOp { op: self, length });
        Ok(match self {
            Self::NoPrefix => Prefix::of(&[]),
            Self::Require32Bytes if length == 32 => Prefix::of(&[]),
            Self::Require64Bytes if length == 64 => Prefix::of(&[]),
            Self::VarProto => Prefix::varint(length as u64),
            Self::Fixed32Big => Prefix::of(&short()?.to_be_bytes()),
            Self::Fixed32Little => Prefix::of(&short()?.to_le_bytes()),
            Self::Fixed64Big => Prefix::of(&(length as u64).to_be_bytes()),
            Self::Fixed64Little => Prefix::of(&(length as u64).to_le_bytes()),
            Self::VarRlp | Self::Require32Bytes | Self::Require64Bytes => {
                return Err(ProofFault::LengthOp { op: self, length });
            }
        })
    }
}

/// A length as up to ten bytes.
struct Prefix {
    bytes: [u8; 10],
    length: usize,
}

impl Prefix {
    fn of(from: &[u8]) -> Self {
        let mut bytes = [0; 10];
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Self { bytes, length: from.len() }
    }

    fn varint(mut value: u64) -> Self {
        let (mut bytes, mut length) = ([0; 10], 0);
        for place in &mut bytes {
            length += 1;
            *place = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                break;
            }
            *place |= 0x80;
        }
        Self { bytes, length }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

/// `LeafOp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeafOp<'a> {
    /// Hash of the leaf.
    pub hash: HashOp,
    /// Hash of the key before that.
    pub prehash_key: HashOp,
    /// Hash of the value before that.
    pub prehash_value: HashOp,
    /// What stands before each of the two.
    pub length: LengthOp,
    /// What stands before both.
    pub prefix: &'a [u8],
}

impl LeafOp<'_> {
    /// The hash of a leaf.
    ///
    /// # Errors
    /// [`ProofFault::Empty`], [`ProofFault::HashOp`] or [`ProofFault::LengthOp`].
    pub fn apply(&self, key: &[u8], value: &[u8]) -> Result<Digest, ProofFault> {
        if key.is_empty() {
            return Err(ProofFault::Empty("key"));
        }
        if value.is_empty() {
            return Err(ProofFault::Empty("value"));
        }
        let (key, value) = (Prehashed::of(self.prehash_key, key)?, Prehashed::of(self.prehash_value, value)?);
        let (key, value) = (key.as_slice(), value.as_slice());
        let (key_length, value_length) = (self.length.prefix(key.len())?, self.length.prefix(value.len())?);
        self.hash.digest(&[self.prefix, key_length.as_slice(), key, value_length.as_slice(), value])
    }

    /// Whether the operation is the one that a specification asks for; its prefix may be longer.
    ///
    /// # Errors
    /// [`ProofFault::LeafOp`] names the field that differs.
    pub fn check(&self, expected: &LeafOp<'_>) -> Result<(), ProofFault> {
        let differs = match () {
            () if self.hash != expected.hash => "hash",
            () if self.prehash_key != expected.prehash_key => "prehash of the key",
            () if self.prehash_value != expected.prehash_value => "prehash of the value",
            () if self.length != expected.length => "length",
            () if !self.prefix.starts_with(expected.prefix) => "prefix",
            () => return Ok(()),
        };
        Err(ProofFault::LeafOp(differs))
    }
}

/// Data, or its hash.
pub(super) enum Prehashed<'a> {
    Plain(&'a [u8]),
    Hashed(Digest),
}

impl<'a> Prehashed<'a> {
    pub(super) fn of(op: HashOp, data: &'a [u8]) -> Result<Self, ProofFault> {
        if op == HashOp::NoHash { Ok(Self::Plain(data)) } else { op.digest(&[data]).map(Self::Hashed) }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Plain(data) => data,
            Self::Hashed(digest) => digest.as_slice(),
        }
    }
}

/// `InnerOp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InnerOp<'a> {
    /// Hash of the node.
    pub hash: HashOp,
    /// What stands before the child, siblings to its left included.
    pub prefix: &'a [u8],
    /// What stands behind it.
    pub suffix: &'a [u8],
}

impl InnerOp<'_> {
    /// The hash of the parent.
    ///
    /// # Errors
    /// [`ProofFault::Empty`] or [`ProofFault::HashOp`].
    pub fn apply(&self, child: &[u8]) -> Result<Digest, ProofFault> {
        if child.is_empty() {
            return Err(ProofFault::Empty("child"));
        }
        self.hash.digest(&[self.prefix, child, self.suffix])
    }
}
