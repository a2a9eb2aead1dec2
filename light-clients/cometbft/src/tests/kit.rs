//! Chains with real keys.

use core::time::Duration;
use std::{string::String, vec, vec::Vec};

use alloy_primitives::B256;
use causeway_crypto::{Native, Portable};
use ed25519_consensus::SigningKey;
use k256::ecdsa::{Signature, signature::Signer};
use sha2::{Digest, Sha256};

use crate::{
    Address, BlockId, Commit, CommitSig, Encoding, Header, Params, PartSetHeader, PublicKey, Refusal, Time,
    TrustedState, Update, Validator, ValidatorSet, Verified, Vote, verify_with,
};

/// Time of the trusted state in all tests, Unix seconds.
pub(super) const START: i64 = 1_800_000_000;
/// Height of the trusted state in all tests.
pub(super) const HEIGHT: u64 = 1_000;
pub(super) const CHAIN: &str = "causeway-1";
pub(super) const TRUSTING: u64 = 14 * 24 * 3_600;

pub(super) fn at(seconds_after_start: i64) -> Time {
    Time::new(START + seconds_after_start, 7).unwrap()
}

pub(super) fn params() -> Params {
    Params::new(String::from(CHAIN), Duration::from_secs(TRUSTING))
}

/// A validator with its key.
#[derive(Clone)]
pub(super) enum Key {
    Ed25519(SigningKey),
    Secp256k1(k256::ecdsa::SigningKey),
}

impl Key {
    /// A numbered Ed25519 key.
    pub(super) fn new(number: u32) -> Self {
        let seed: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
        Self::Ed25519(SigningKey::from(seed))
    }

    /// A numbered secp256k1 key.
    pub(super) fn secp256k1(number: u32) -> Self {
        let seed: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
        Self::Secp256k1(k256::ecdsa::SigningKey::from_slice(&seed).unwrap())
    }

    pub(super) fn public(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.verification_key().to_bytes()),
            Self::Secp256k1(key) => {
                let point = key.verifying_key().to_encoded_point(true);
                PublicKey::Secp256k1(point.as_bytes().try_into().unwrap())
            }
        }
    }

    pub(super) fn address(&self) -> Address {
        self.public().address()
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self {
            Self::Ed25519(key) => key.sign(message).to_bytes(),
            Self::Secp256k1(key) => {
                let signature: Signature = key.sign(message);
                signature.to_bytes().into()
            }
        }
    }
}

pub(super) fn keys(numbers: impl IntoIterator<Item = u32>) -> Vec<Key> {
    numbers.into_iter().map(Key::new).collect()
}

/// A set in which each has power 10.
pub(super) fn set(keys: &[Key]) -> ValidatorSet {
    weighted(keys, &vec![10; keys.len()])
}

pub(super) fn weighted(keys: &[Key], powers: &[u64]) -> ValidatorSet {
    let validator = |(key, power): (&Key, &u64)| Validator::new(key.public(), *power);
    ValidatorSet::new(keys.iter().zip(powers).map(validator).collect()).unwrap()
}

/// What a validator does in a commit.
#[derive(Clone)]
pub(super) enum Entry {
    Absent,
    /// Signs the block with a key, as somebody, at a time.
    Commit {
        key: Key,
        address: Address,
        time: Time,
    },
    /// Signs nil.
    Nil {
        key: Key,
    },
    /// These very bytes.
    Raw {
        address: Address,
        time: Time,
        signature: Vec<u8>,
    },
}

/// An update in parts that a test can change before it is signed and encoded.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) header: Header<'static>,
    pub(super) round: u32,
    /// Height and hash that the commit is for, where they are not the header's.
    pub(super) commit_height: Option<u64>,
    pub(super) commit_hash: Option<B256>,
    pub(super) entries: Vec<Entry>,
    pub(super) set: ValidatorSet,
    pub(super) trusted: Option<ValidatorSet>,
    pub(super) from: Option<crate::IbcHeight>,
}

impl Block {
    /// All of `keys` sign a header `ahead` of the trusted one, which names `next` next.
    pub(super) fn new(ahead: u64, keys: &[Key], set: ValidatorSet, next: &ValidatorSet) -> Self {
        let height = HEIGHT + ahead;
        let header = Header {
            block_protocol: crate::BLOCK_PROTOCOL,
            app_protocol: 1,
            chain_id: CHAIN,
            height,
            time: at(ahead.cast_signed()),
            last_block_id: id(B256::repeat_byte(u8::try_from(height % 251).unwrap())),
            last_commit_hash: Some(B256::repeat_byte(2)),
            data_hash: Some(B256::repeat_byte(3)),
            validators_hash: Some(set.hash(Encoding::Protobuf)),
            next_validators_hash: Some(next.hash(Encoding::Protobuf)),
            consensus_hash: Some(B256::repeat_byte(4)),
            app_hash: &[5; 32],
            last_results_hash: Some(B256::repeat_byte(6)),
            evidence_hash: Some(B256::repeat_byte(7)),
            proposer_address: keys.first().map(Key::address).unwrap_or_default(),
        };
        let time = at(ahead.cast_signed() + 1);
        let entry = |key: &Key| Entry::Commit { key: key.clone(), address: key.address(), time };
        let entries = keys.iter().map(entry).collect();
        let (commit_height, commit_hash, trusted, from) = (None, None, None, None);
        Self { header, round: 0, commit_height, commit_hash, entries, set, trusted, from }
    }

    pub(super) fn hash(&self) -> B256 {
        self.header.hash(Encoding::Protobuf)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let block_id = id(self.commit_hash.unwrap_or_else(|| self.hash()));
        let height = self.commit_height.unwrap_or(self.header.height);
        let mut commit = Commit { height, round: self.round, block_id, signatures: Vec::new() };
        let nil = Commit { block_id: BlockId::default(), ..commit.clone() };
        let message = |commit: &Commit<'_>, time| {
            let mut out = Vec::new();
            commit.sign_bytes(self.header.chain_id, Encoding::Protobuf).put(time, &mut out);
            out
        };
        let signed: Vec<Vec<u8>> = self
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::Absent => Vec::new(),
                Entry::Commit { key, time, .. } => key.sign(&message(&commit, *time)).to_vec(),
                Entry::Nil { key } => key.sign(&message(&nil, self.header.time)).to_vec(),
                Entry::Raw { signature, .. } => signature.clone(),
            })
            .collect();
        let sig = |(entry, signature): (&Entry, &'_ Vec<u8>)| match entry {
            Entry::Absent => (1, Address::ZERO, Time::ZERO),
            Entry::Commit { address, time, .. } => (2, *address, *time),
            Entry::Nil { key } => (3, key.address(), self.header.time),
            Entry::Raw { address, time, .. } => {
                let _ = signature;
                (2, *address, *time)
            }
        };
        let parts: Vec<_> = self.entries.iter().zip(&signed).map(sig).collect();
        commit.signatures = parts
            .iter()
            .zip(&signed)
            .map(|((flag, address, time), signature)| {
                let vote = Vote { address: *address, time: *time, signature };
                match flag {
                    1 => CommitSig::Absent,
                    2 => CommitSig::Commit(vote),
                    _ => CommitSig::Nil(vote),
                }
            })
            .collect();
        let update = Update {
            header: self.header.clone(),
            commit,
            validators: self.set.clone(),
            trusted_height: self.from,
            trusted_validators: self.trusted.clone(),
        };
        update.encode()
    }
}

pub(super) fn id(hash: B256) -> BlockId {
    BlockId { hash: Some(hash), parts: PartSetHeader { total: 1, hash: Some(B256::repeat_byte(9)) } }
}

/// A chain at [`HEIGHT`] whose validators of the next block have these keys.
pub(super) struct Chain {
    pub(super) params: Params,
    pub(super) keys: Vec<Key>,
    pub(super) set: ValidatorSet,
    pub(super) trusted: TrustedState,
}

impl Chain {
    pub(super) fn new(validators: u32) -> Self {
        Self::of(keys(0..validators))
    }

    pub(super) fn of(keys: Vec<Key>) -> Self {
        let set = set(&keys);
        Self::with(keys, set)
    }

    pub(super) fn with(keys: Vec<Key>, set: ValidatorSet) -> Self {
        let next = set.hash(Encoding::Protobuf);
        let trusted = TrustedState::new(HEIGHT, at(0), B256::repeat_byte(0x11), vec![5; 32], next);
        Self { params: params(), keys, set, trusted }
    }

    /// The honest block `ahead` of the trusted one.
    pub(super) fn block(&self, ahead: u64) -> Block {
        Block::new(ahead, &self.keys, self.set.clone(), &self.set)
    }

    /// An honest block under other validators, with the trusted ones beside it.
    pub(super) fn under(&self, ahead: u64, keys: &[Key]) -> Block {
        let other = set(keys);
        let mut block = Block::new(ahead, keys, other.clone(), &other);
        block.trusted = Some(self.set.clone());
        block
    }

    pub(super) fn verify(&self, block: &Block) -> Result<Verified, Refusal> {
        self.verify_at(block, at(60))
    }

    pub(super) fn verify_at(&self, block: &Block, now: Time) -> Result<Verified, Refusal> {
        verify_both(&self.params, &self.trusted, &block.encode(), now)
    }

    pub(super) fn refusal(&self, block: &Block) -> Refusal {
        self.verify(block).unwrap_err()
    }
}

/// Both signature implementations must say the same.
pub(super) fn verify_both(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: Time,
) -> Result<Verified, Refusal> {
    let native = verify_with::<Native>(params, trusted, update, now);
    let portable = verify_with::<Portable>(params, trusted, update, now);
    assert_eq!(native, portable);
    native
}
