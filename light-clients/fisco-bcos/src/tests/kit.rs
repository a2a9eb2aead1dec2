//! A small chain whose sealers' keys the tests hold.

use std::vec::Vec;

use alloy_primitives::{B256, keccak256};
use causeway_crypto::{Native, Portable};
use causeway_mpt::rlp;
use sm2::{dsa::signature::Signer, elliptic_curve::sec1::ToEncodedPoint};

use crate::{
    FieldsV3, Header, Params, Refusal, Sealer, SealerSet, Suite, Threshold, TrustedState, Update, Verified, Version,
    verify_with,
};

/// Unix seconds of block 0.
pub(super) const START: u64 = 1_800_000_000;

pub(super) fn params(version: Version, suite: Suite) -> Params {
    Params {
        version,
        suite,
        tree_width: 2,
        trusting_period: 86_400,
        drift: 15,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 3_600,
    }
}

/// All kinds of chain.
pub(super) fn kinds() -> Vec<Params> {
    let versions = [Version::V2, Version::V3];
    versions.iter().flat_map(|version| [Suite::Ecdsa, Suite::Sm].map(|suite| params(*version, suite))).collect()
}

fn ecdsa(seed: u8) -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(keccak256([seed]).as_slice()).unwrap()
}

fn sm(seed: u8) -> sm2::dsa::SigningKey {
    // Below the order of the group: the first byte is cleared.
    let mut secret = keccak256([seed]).0;
    secret[0] = 0;
    let secret = sm2::SecretKey::from_slice(&secret).unwrap();
    sm2::dsa::SigningKey::new(causeway_crypto::sm2::DEFAULT_ID, &secret).unwrap()
}

pub(super) fn key(suite: Suite, seed: u8) -> [u8; 64] {
    let point = match suite {
        Suite::Ecdsa => ecdsa(seed).verifying_key().to_encoded_point(false).as_bytes().to_vec(),
        Suite::Sm => sm(seed).verifying_key().as_affine().to_encoded_point(false).as_bytes().to_vec(),
    };
    point[1..].try_into().unwrap()
}

pub(super) fn sign(suite: Suite, seed: u8, hash: &B256) -> Vec<u8> {
    match suite {
        Suite::Ecdsa => {
            let (signature, id) = ecdsa(seed).sign_prehash_recoverable(hash.as_slice()).unwrap();
            [&signature.to_bytes()[..], &[id.to_byte()]].concat()
        }
        Suite::Sm => {
            let signature: sm2::dsa::Signature = sm(seed).sign(hash.as_slice());
            [signature.to_bytes().as_slice(), &key(suite, seed)].concat()
        }
    }
}

pub(super) fn set(suite: Suite, seeds: &[u8]) -> SealerSet {
    SealerSet::new(seeds.iter().map(|seed| Sealer { key: key(suite, *seed), weight: 1 }).collect()).unwrap()
}

/// A block to be.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) number: u64,
    pub(super) time_ms: u64,
    pub(super) parent: B256,
    pub(super) transactions_root: B256,
    pub(super) receipts_root: B256,
    pub(super) seeds: Vec<u8>,
}

impl Block {
    pub(super) fn new(number: u64, parent: B256, seeds: &[u8]) -> Self {
        let time_ms = time_ms(number);
        let (transactions_root, receipts_root) = (B256::repeat_byte(1), B256::repeat_byte(2));
        Self { number, time_ms, parent, transactions_root, receipts_root, seeds: seeds.into() }
    }

    pub(super) fn header(&self, params: &Params) -> Vec<u8> {
        let keys: Vec<_> = self.seeds.iter().map(|seed| key(params.suite, *seed)).collect();
        match params.version {
            Version::V2 => self.header_v2(&keys),
            Version::V3 => FieldsV3 {
                version: 0x0302_0000,
                parent: (self.number.wrapping_sub(1), self.parent),
                transactions_root: self.transactions_root,
                receipts_root: self.receipts_root,
                state_root: B256::repeat_byte(3),
                number: self.number,
                gas_used: 4_166_351,
                time_ms: self.time_ms,
                sealer: 0,
                keys: &keys,
                weights: &std::vec![1; keys.len()],
            }
            .encode(),
        }
    }

    fn header_v2(&self, keys: &[[u8; 64]]) -> Vec<u8> {
        let mut out = Vec::new();
        let state = B256::repeat_byte(3);
        for hash in [self.parent, state, self.transactions_root, self.receipts_root, state] {
            rlp::put_bytes(&mut out, hash.as_slice());
        }
        rlp::put_bytes(&mut out, &[0; 256]);
        for number in [self.number, 0, 0, self.time_ms] {
            rlp::put_u64(&mut out, number);
        }
        out.extend(rlp::list(&[]));
        rlp::put_u64(&mut out, 0);
        let mut sealers = Vec::new();
        keys.iter().for_each(|key| rlp::put_bytes(&mut sealers, key));
        out.extend(rlp::list(&sealers));
        rlp::list(&out)
    }

    pub(super) fn hash(&self, params: &Params) -> B256 {
        Header::read(params.version, params.suite, &self.header(params)).unwrap().block_hash
    }

    /// Signatures of these sealers, in their places.
    pub(super) fn signatures(&self, params: &Params, signers: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let hash = self.hash(params);
        let place = |signer: &u8| self.seeds.iter().position(|seed| seed == signer).unwrap() as u64;
        let mut made: Vec<_> =
            signers.iter().map(|signer| (place(signer), sign(params.suite, *signer, &hash))).collect();
        made.sort();
        made
    }

    pub(super) fn update(&self, params: &Params, signers: &[u8]) -> Vec<u8> {
        encode(&self.header(params), &self.signatures(params, signers))
    }
}

pub(super) fn encode(header: &[u8], signatures: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let signatures = signatures.iter().map(|(place, bytes)| (*place, bytes.as_slice())).collect();
    Update { header, signatures }.encode()
}

pub(super) fn time_ms(number: u64) -> u64 {
    START * 1000 + number * 1000
}

/// Block 1 and a client that trusts it.
pub(super) fn trusted(params: &Params, seeds: &[u8]) -> (B256, TrustedState) {
    let hash = Block::new(1, B256::repeat_byte(9), seeds).hash(params);
    (hash, TrustedState::new(1, time_ms(1), hash, set(params.suite, seeds)))
}

/// The verdict at the time of `number`, of both implementations.
pub(super) fn judge(params: &Params, trusted: &TrustedState, update: &[u8], number: u64) -> Result<Verified, Refusal> {
    let now = time_ms(number) / 1000;
    let native = verify_with::<Native>(params, trusted, update, now);
    assert_eq!(native, verify_with::<Portable>(params, trusted, update, now));
    native
}
