//! Validator sets: keys, powers, and the hash by which a header names them (CometBFT `types/validator_set.go`).

use alloc::vec::Vec;

use alloy_primitives::B256;
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

use crate::{
    Refusal,
    header::{Address, Encoding},
    merkle::Tree,
    wire::{Reader, WireFault, put},
};

/// Most validators of a set (CometBFT `types.MaxVotesCount`).
pub const MAX_VALIDATORS: usize = 10_000;

/// Most voting power of a set, so that sums and thirds fit 64 bits (CometBFT `types.MaxTotalVotingPower`).
pub const MAX_TOTAL_POWER: u64 = i64::MAX.cast_unsigned() / 8;

/// A consensus key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublicKey {
    /// Ed25519, judged by ZIP-215.
    Ed25519([u8; 32]),
    /// secp256k1, compressed.
    Secp256k1([u8; 33]),
}

impl PublicKey {
    /// Ed25519: the first 20 bytes of SHA-256. secp256k1: RIPEMD-160 of SHA-256, as Bitcoin's.
    pub fn address(&self) -> Address {
        match self {
            Self::Ed25519(key) => {
                let hash: [u8; 32] = Sha256::digest(key).into();
                Address::new(hash.first_chunk::<20>().copied().unwrap_or_default())
            }
            Self::Secp256k1(key) => Address::new(Ripemd160::digest(Sha256::digest(key)).into()),
        }
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, WireFault> {
        let Some((number, value)) = reader.next(&[])? else { return Err(WireFault::Missing("public key")) };
        let wrong = |_| WireFault::Value("public key");
        let key = match number {
            1 => Self::Ed25519(value.bytes(1)?.try_into().map_err(wrong)?),
            2 => Self::Secp256k1(value.bytes(2)?.try_into().map_err(wrong)?),
            // 3 is BLS12-381 (v1, behind a build flag): no public chain uses it.
            _ => return Err(WireFault::UnknownField(number)),
        };
        match reader.next(&[])? {
            None => Ok(key),
            Some((number, _)) => Err(WireFault::UnknownField(number)),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ed25519(key) => put::bytes(out, 1, key),
            Self::Secp256k1(key) => put::bytes(out, 2, key),
        }
    }
}

impl PublicKey {
    /// Amino: the registered prefix of the type, and the key with its length.
    fn put_amino(&self, out: &mut Vec<u8>) {
        let (prefix, key): (_, &[u8]) = match self {
            Self::Ed25519(key) => ([0x16, 0x24, 0xde, 0x64, 32], key),
            Self::Secp256k1(key) => ([0xeb, 0x5a, 0xe9, 0x87, 33], key),
        };
        out.extend_from_slice(&prefix);
        out.extend_from_slice(key);
    }
}

/// A validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// The address of its key.
    pub address: Address,
    /// Its key.
    pub key: PublicKey,
    /// Its voting power.
    pub power: u64,
}

impl Validator {
    /// A validator by its key.
    pub fn new(key: PublicKey, power: u64) -> Self {
        Self { address: key.address(), key, power }
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, WireFault> {
        let (mut address, mut key, mut power): (&[u8], _, _) = (&[], None, 0);
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => address = value.bytes(1)?,
                2 => key = Some(PublicKey::read(value.message(2)?)?),
                3 => power = value.natural(3, "voting power")?,
                // The proposer's priority is no part of what is agreed on.
                4 => drop(value.i64(4)?),
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        let validator = Self::new(key.ok_or(WireFault::Missing("public key"))?, power);
        // The set's hash covers the key alone: an address of somebody else would go unnoticed (ISA-2025-003).
        if validator.address.as_slice() != address {
            return Err(WireFault::Value("validator address"));
        }
        Ok(validator)
    }

    fn put(&self, out: &mut Vec<u8>) {
        put::message(out, 1, self.address.as_slice());
        put::message(out, 2, &crate::header::nested(|out| self.key.put(out)));
        put::u64(out, 3, self.power);
    }
}

/// A validator set in its own order, each validator once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    total: u64,
}

impl ValidatorSet {
    /// Takes a list over as a set. The order matters: CometBFT sorts by power, highest first, then by address.
    ///
    /// # Errors
    /// [`Refusal::EmptySet`], [`Refusal::TooManyValidators`], [`Refusal::TotalPower`] or
    /// [`Refusal::DuplicateValidator`].
    pub fn new(validators: Vec<Validator>) -> Result<Self, Refusal> {
        match validators.len() {
            0 => return Err(Refusal::EmptySet),
            1..=MAX_VALIDATORS => {}
            found => return Err(Refusal::TooManyValidators { limit: MAX_VALIDATORS, found }),
        }
        let total = validators.iter().fold(0u64, |total, validator| total.saturating_add(validator.power));
        if total > MAX_TOTAL_POWER {
            return Err(Refusal::TotalPower { limit: MAX_TOTAL_POWER, found: total });
        }
        if let Some(address) = first_duplicate(&validators) {
            return Err(Refusal::DuplicateValidator { address });
        }
        Ok(Self { validators, total })
    }

    /// Reads `tendermint.types.ValidatorSet`. Its proposer and total are not looked at: the first is no part of what is
    /// agreed on, the second is counted.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], or as [`ValidatorSet::new`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(Reader::new(bytes))
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Refusal> {
        let mut validators = Vec::new();
        while let Some((number, value)) = reader.next(&[1])? {
            match number {
                1 if validators.len() == MAX_VALIDATORS => {
                    return Err(Refusal::TooManyValidators { limit: MAX_VALIDATORS, found: MAX_VALIDATORS + 1 });
                }
                1 => validators.push(Validator::read(value.message(1)?)?),
                2 => drop(Validator::read(value.message(2)?)?),
                3 => drop(value.i64(3)?),
                _ => return Err(WireFault::UnknownField(number).into()),
            }
        }
        Self::new(validators)
    }

    /// The message as CometBFT encodes it, without proposer, priorities and total.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.validators.len() * 80);
        for validator in &self.validators {
            put::message(&mut out, 1, &crate::header::nested(|out| validator.put(out)));
        }
        out
    }

    /// The validators in their order.
    pub fn as_slice(&self) -> &[Validator] {
        &self.validators
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // A set is never empty.
    pub fn len(&self) -> usize {
        self.validators.len()
    }

    /// The sum of their powers.
    pub const fn total_power(&self) -> u64 {
        self.total
    }

    /// The hash by which a header names the set: the Merkle root over `SimpleValidator{pub_key, voting_power}`.
    pub fn hash(&self, encoding: Encoding) -> B256 {
        let mut tree = Tree::new();
        let mut leaf = Vec::with_capacity(64);
        let mut key = Vec::with_capacity(40);
        for validator in &self.validators {
            key.clear();
            match encoding {
                Encoding::Protobuf => validator.key.put(&mut key),
                Encoding::Amino => validator.key.put_amino(&mut key),
            }
            leaf.clear();
            put::message(&mut leaf, 1, &key);
            put::u64(&mut leaf, 2, validator.power);
            tree.push(&leaf);
        }
        tree.root()
    }

    /// Powers by key, for looking up who of another set is in this one.
    pub(crate) fn by_key(&self) -> Vec<(PublicKey, u64)> {
        let mut keys: Vec<_> = self.validators.iter().map(|validator| (validator.key, validator.power)).collect();
        keys.sort_unstable();
        keys
    }
}

/// A validator that stands twice in the list. Counted twice it could be a quorum by itself.
fn first_duplicate(validators: &[Validator]) -> Option<Address> {
    let mut sorted: Vec<Address> = validators.iter().map(|validator| validator.address).collect();
    sorted.sort_unstable();
    sorted.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    })
}
