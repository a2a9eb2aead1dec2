//! A small chain whose validators' keys the tests hold.

use std::{collections::BTreeMap, vec, vec::Vec};

use alloy_primitives::{Address, B256, keccak256};
use causeway_crypto::{Native, Portable};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};

use crate::{
    AncestryRule, AuthoritySet, AuthoritySource, BeefySet, BeefyUpdate, Finality, GrandpaUpdate, HeaderFormat, Params,
    Precommit, Refusal, Signers, TrustedState, Update, Verified,
    beefy::set_root,
    compose::{self, StateVersion, Vote},
    hash::blake2_256,
    proof::{GRANDPA_AUTHORITIES, GRANDPA_CURRENT_SET_ID, TIMESTAMP_NOW},
    verify_with,
};

/// Unix seconds of block 0.
pub(super) const START: u64 = 1_800_000_000;
pub(super) const ROUND: u64 = 7;

pub(super) fn params() -> Params {
    Params {
        header: HeaderFormat::Substrate,
        ancestry: AncestryRule::Complete,
        authorities: AuthoritySource::Pallet,
        trusting_period: 86_400,
        drift: 15,
        freeze_delay: 3_600,
    }
}

pub(super) fn ed(seed: u8) -> SigningKey {
    SigningKey::from([seed; 32])
}

pub(super) fn ed_key(seed: u8) -> [u8; 32] {
    VerificationKeyBytes::from(&ed(seed)).into()
}

/// Authorities with these seeds, weight 1 each.
pub(super) fn list(seeds: &[u8]) -> Vec<([u8; 32], u64)> {
    seeds.iter().map(|seed| (ed_key(*seed), 1)).collect()
}

pub(super) fn set(id: u64, seeds: &[u8]) -> AuthoritySet {
    AuthoritySet::new(id, list(seeds)).unwrap()
}

/// A block with its state.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) number: u32,
    pub(super) header: Vec<u8>,
    pub(super) hash: B256,
    pub(super) root: B256,
    pub(super) nodes: Vec<Vec<u8>>,
}

impl Block {
    pub(super) fn at(&self) -> (B256, u32) {
        (self.hash, self.number)
    }

    pub(super) fn state(&self) -> Vec<&[u8]> {
        self.nodes.iter().map(Vec::as_slice).collect()
    }
}

pub(super) fn time_ms(number: u32) -> u64 {
    START * 1000 + u64::from(number) * 6000
}

/// A block of this parent; its state holds the time and `extra`.
pub(super) fn block(parent: &B256, number: u32, digest: &[&[u8]], extra: &[(&[u8], Vec<u8>)]) -> Block {
    block_at(parent, number, time_ms(number), digest, extra)
}

pub(super) fn block_at(
    parent: &B256,
    number: u32,
    time_ms: u64,
    digest: &[&[u8]],
    extra: &[(&[u8], Vec<u8>)],
) -> Block {
    let mut entries: BTreeMap<Vec<u8>, Vec<u8>> =
        extra.iter().map(|(key, value)| (key.to_vec(), value.clone())).collect();
    entries.insert(TIMESTAMP_NOW.to_vec(), time_ms.to_le_bytes().to_vec());
    let (root, nodes) = compose::trie(&entries, StateVersion::V1);
    let header = compose::header(parent, number, &root, digest);
    Block { number, hash: blake2_256(&header), header, root, nodes }
}

/// State entries of GRANDPA's pallet.
pub(super) fn pallet(id: u64, seeds: &[u8]) -> Vec<(&'static [u8], Vec<u8>)> {
    vec![
        (&GRANDPA_AUTHORITIES[..], compose::authorities(&list(seeds))),
        (&GRANDPA_CURRENT_SET_ID[..], id.to_le_bytes().to_vec()),
    ]
}

pub(super) fn vote(seed: u8, target: (B256, u32), round: u64, set_id: u64) -> Vote {
    let unsigned = Precommit { target_hash: target.0, target_number: target.1, signature: &[0; 64], key: &[0; 32] };
    let signature = ed(seed).sign(&unsigned.message(round, set_id)).into();
    Vote { target, signature, key: ed_key(seed) }
}

/// A justification of these seeds for a block itself.
pub(super) fn justify(block: &Block, set_id: u64, seeds: &[u8]) -> Vec<u8> {
    let votes: Vec<Vote> = seeds.iter().map(|seed| vote(*seed, block.at(), ROUND, set_id)).collect();
    compose::justification(ROUND, block.at(), &votes, &[])
}

pub(super) fn update(block: &Block, set_id: u64, reads_set: bool, justification: &[u8]) -> Vec<u8> {
    let (header, state) = (block.header.as_slice(), block.state());
    Update::Grandpa(GrandpaUpdate { set_id, reads_set, justification, header, state }).encode()
}

/// Block 1, trusted, under set 5 of seeds 1 to 4.
pub(super) fn trusted() -> (Block, TrustedState) {
    let first = block(&B256::repeat_byte(9), 1, &[], &[]);
    let finality = Finality::Grandpa { set: set(5, &[1, 2, 3, 4]), pending: None };
    let state = TrustedState::new(1, time_ms(1), first.hash, first.root, finality);
    (first, state)
}

/// Block 2 above it with a justification of three of four.
pub(super) fn good() -> (Block, TrustedState, Vec<u8>) {
    let (first, state) = trusted();
    let second = block(&first.hash, 2, &[], &[]);
    let bytes = update(&second, 5, false, &justify(&second, 5, &[1, 2, 3]));
    (second, state, bytes)
}

/// The verdict at the time of `number`, of both implementations.
pub(super) fn judge(params: &Params, trusted: &TrustedState, update: &[u8], number: u32) -> Result<Verified, Refusal> {
    let now = time_ms(number) / 1000;
    let native = verify_with::<Native, Native>(params, trusted, update, now);
    assert_eq!(native, verify_with::<Portable, Portable>(params, trusted, update, now));
    native
}

pub(super) fn ec(seed: u8) -> k256::ecdsa::SigningKey {
    k256::ecdsa::SigningKey::from_slice(keccak256([seed]).as_slice()).unwrap()
}

pub(super) fn ec_address(seed: u8) -> Address {
    let point = ec(seed).verifying_key().to_encoded_point(false);
    Address::from_raw_public_key(&point.as_bytes()[1..])
}

pub(super) fn beefy_set(id: u64, seeds: &[u8]) -> BeefySet {
    BeefySet { id, len: seeds.len() as u32, root: set_root(&addresses(seeds)) }
}

pub(super) fn addresses(seeds: &[u8]) -> Vec<[u8; 20]> {
    seeds.iter().map(|seed| ec_address(*seed).into_array()).collect()
}

pub(super) fn ec_sign(seed: u8, digest: &B256) -> [u8; 65] {
    let (signature, id) = ec(seed).sign_prehash_recoverable(digest.as_slice()).unwrap();
    let mut out = [0; 65];
    out[..64].copy_from_slice(&signature.to_bytes());
    out[64] = id.to_byte();
    out
}

/// What a BEEFY update is made of.
#[derive(Clone)]
pub(super) struct Beefy {
    pub(super) block: Block,
    pub(super) leaf: Vec<u8>,
    pub(super) index: u64,
    pub(super) count: u64,
    pub(super) path: Vec<B256>,
    pub(super) commitment: Vec<u8>,
    pub(super) validators: Vec<u8>,
    pub(super) signatures: BTreeMap<u32, [u8; 65]>,
}

impl Beefy {
    /// A commitment of block 11 by `signers` of set `id` = `seeds`, whose leaf names block 10 and the set `id + 1`.
    pub(super) fn new(id: u64, seeds: &[u8], signers: &[u8], next: &[u8]) -> Self {
        let block = block(&B256::repeat_byte(3), 10, &[], &[]);
        let leaf = compose::leaf((10, block.hash), &beefy_set(id + 1, next), &[0xaa; 32]);
        let mut leaves: Vec<B256> = (0..10u8).map(|number| keccak256([number; 81])).collect();
        leaves.push(keccak256(&leaf));
        let (root, path) = compose::mountains(&leaves, 10);
        let commitment = compose::commitment(&root, 11, id);
        let validators = addresses(seeds).concat();
        let mut made =
            Self { block, leaf, index: 10, count: 11, path, commitment, validators, signatures: BTreeMap::new() };
        made.sign(seeds, signers);
        made
    }

    pub(super) fn sign(&mut self, seeds: &[u8], signers: &[u8]) {
        let digest = keccak256(&self.commitment);
        let place = |signer: &u8| seeds.iter().position(|seed| seed == signer).unwrap() as u32;
        self.signatures = signers.iter().map(|signer| (place(signer), ec_sign(*signer, &digest))).collect();
    }

    pub(super) fn proof(&self) -> Vec<u8> {
        compose::finality_proof(&self.commitment, (self.validators.len() / 20) as u32, &self.signatures)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.encode_with(&self.proof(), Signers::Set(&self.validators))
    }

    pub(super) fn encode_with(&self, finality_proof: &[u8], signers: Signers<'_>) -> Vec<u8> {
        Update::Beefy(BeefyUpdate {
            finality_proof,
            signers,
            leaf: &self.leaf,
            leaf_index: self.index,
            leaf_count: self.count,
            path: self.path.clone(),
            header: &self.block.header,
            state: self.block.state(),
        })
        .encode()
    }
}

/// A client of BEEFY at block 4, with sets 7 (seeds 1 to 4) and 8 (seeds 3 to 6).
pub(super) fn beefy_trusted() -> TrustedState {
    let finality = Finality::Beefy { current: beefy_set(7, &[1, 2, 3, 4]), next: beefy_set(8, &[3, 4, 5, 6]) };
    TrustedState::new(4, time_ms(4), B256::repeat_byte(4), B256::ZERO, finality)
}

impl Block {
    pub(super) fn parent(&self) -> B256 {
        B256::from_slice(&self.header[..32])
    }
}
