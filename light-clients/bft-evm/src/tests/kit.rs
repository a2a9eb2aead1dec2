//! Honest chains with real keys.

use std::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};
use k256::ecdsa::SigningKey;

use crate::{
    Mode, Params, Refusal, Seal, Threshold, TrustedState, Update, ValidatorSet, ValidatorSource, Verified,
    compose::{HeaderFields, seal},
    quorum,
};

/// Time of the trusted state in all tests, Unix seconds.
pub(super) const START: u64 = 1_800_000_000;
/// Height of the trusted state in all tests.
pub(super) const HEIGHT: u64 = 1_000;

pub(super) const MODES: [Mode; 3] = [Mode::Qbft, Mode::Ibft2, Mode::Ibft1];

pub(super) fn params(mode: Mode) -> Params {
    Params {
        mode,
        validators: ValidatorSource::Header,
        trusting_period: 14 * 24 * 3600,
        drift: 30,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 3_600,
    }
}

/// The key of a numbered validator.
pub(super) fn key(number: u32) -> SigningKey {
    SigningKey::from_slice(keccak256(number.to_be_bytes()).as_slice()).unwrap()
}

pub(super) fn address(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_encoded_point(false);
    Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
}

/// Keys in the order of their addresses, as chains list them.
pub(super) fn keys(numbers: impl IntoIterator<Item = u32>) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = numbers.into_iter().map(key).collect();
    keys.sort_by_key(address);
    keys
}

pub(super) fn addresses(keys: &[SigningKey]) -> Vec<Address> {
    keys.iter().map(address).collect()
}

pub(super) fn sign(key: &SigningKey, digest: B256) -> Seal {
    let (signature, id) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    seal(&signature.to_bytes().into(), id.to_byte())
}

/// A chain at [`HEIGHT`] whose validators have these keys.
pub(super) struct Chain {
    pub(super) params: Params,
    pub(super) keys: Vec<SigningKey>,
    pub(super) trusted: TrustedState,
}

impl Chain {
    pub(super) fn new(mode: Mode, validators: u32) -> Self {
        let keys = keys(0..validators);
        let set = ValidatorSet::new(addresses(&keys)).unwrap();
        let trusted = TrustedState::new(HEIGHT, START, B256::repeat_byte(0x11), B256::repeat_byte(0x22), set);
        Self { params: params(mode), keys, trusted }
    }

    /// The header `ahead` blocks after the trusted one, one second each, under the chain's own validators.
    pub(super) fn header(&self, ahead: u64) -> HeaderFields {
        let parent = if ahead == 1 { self.trusted.block_hash() } else { B256::repeat_byte(0x33) };
        let validators = addresses(&self.keys);
        let mut header = HeaderFields::new(HEIGHT + ahead, START + ahead, parent, B256::repeat_byte(0x44), validators);
        if self.params.mode == Mode::Ibft1 {
            header.proposer_seal = [7; 65].into();
        }
        header
    }

    /// A quorum of seals of these keys, the first ones, over a header that lists them.
    pub(super) fn signed(&self, header: &HeaderFields, keys: &[SigningKey]) -> Parts {
        self.signed_by(header, keys, 0..quorum(keys.len()))
    }

    pub(super) fn signed_by(
        &self,
        header: &HeaderFields,
        keys: &[SigningKey],
        positions: impl IntoIterator<Item = usize>,
    ) -> Parts {
        let digest = header.commit_digest(self.params.mode);
        let mut parts = Parts {
            header: header.seal_less(self.params.mode),
            previous: None,
            next_set: None,
            signers: U256::ZERO,
            seals: Vec::new(),
        };
        for position in positions {
            parts.signers.set_bit(position, true);
            parts.seals.push(sign(&keys[position], digest));
        }
        parts
    }

    /// The honest update to the header `ahead` blocks on.
    pub(super) fn update(&self, ahead: u64) -> Parts {
        self.signed(&self.header(ahead), &self.keys)
    }

    pub(super) fn verify(&self, parts: &Parts) -> Result<Verified, Refusal> {
        self.verify_at(parts, START + 60)
    }

    pub(super) fn verify_at(&self, parts: &Parts, now: u64) -> Result<Verified, Refusal> {
        verify_both(&self.params, &self.trusted, &parts.encode(), now)
    }
}

/// Both signature implementations must say the same.
pub(super) fn verify_both(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: u64,
) -> Result<Verified, Refusal> {
    let native = crate::verify_with::<causeway_crypto::Native>(params, trusted, update, now);
    let portable = crate::verify_with::<causeway_crypto::Portable>(params, trusted, update, now);
    assert_eq!(native, portable);
    native
}

/// An update in parts that a test can change.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) header: Vec<u8>,
    pub(super) previous: Option<Vec<Address>>,
    pub(super) next_set: Option<Vec<u8>>,
    pub(super) signers: U256,
    pub(super) seals: Vec<Seal>,
}

impl Parts {
    pub(super) fn encode(&self) -> Vec<u8> {
        let previous: Option<Vec<u8>> =
            self.previous.as_ref().map(|set| set.iter().flat_map(|validator| validator.0.0).collect());
        let seals = self.seals.concat();
        let update = Update {
            header: &self.header,
            previous: previous.as_deref(),
            next_set: self.next_set.as_deref(),
            signers: self.signers,
            seals: &seals,
        };
        update.encode().unwrap()
    }

    pub(super) fn with_previous(mut self, keys: &[SigningKey]) -> Self {
        self.previous = Some(addresses(keys));
        self
    }
}
