//! Builds bootstraps and updates of a made-up chain: for tests, benchmarks and demonstrations.
//!
//! Whoever holds a committee's secret keys can make the client believe anything; these keys are made from a number.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};
use causeway_crypto::bls::{Bls, BlsFault, ETHEREUM_DST, INFINITY_SIGNATURE};

use crate::{
    BeaconHeader, Bits, Bootstrap, ExecutionHeader, Finality, Fork, LightClientHeader, Network, NextCommittee, Place,
    SyncAggregate, SyncCommittee, Update, merkle,
};

/// The members of a committee, with their secret keys.
#[derive(Clone)]
pub struct Members {
    secrets: Vec<[u8; 32]>,
    committee: SyncCommittee,
}

impl core::fmt::Debug for Members {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Members").field("seats", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Members {
    /// `seats` members made from a number.
    ///
    /// # Errors
    /// None for the numbers that occur: the keys do not add up to infinity.
    pub fn new<B: Bls>(seats: usize, seed: u64) -> Result<Self, BlsFault> {
        let secret = |seat: usize| {
            let mut secret = keccak256([seed.to_be_bytes(), (seat as u64).to_be_bytes()].concat()).0;
            // Below the group order.
            secret[0] &= 0x3f;
            secret
        };
        let secrets: Vec<[u8; 32]> = (0..seats).map(secret).collect();
        let pubkeys: Vec<[u8; 48]> = secrets.iter().map(B::public_key_of).collect::<Result<_, _>>()?;
        let keys = pubkeys.iter().map(B::public_key).collect::<Result<Vec<_>, _>>()?;
        let aggregate_pubkey = B::compress(&B::aggregate(&keys)?)?;
        Ok(Self { secrets, committee: SyncCommittee { pubkeys, aggregate_pubkey } })
    }

    /// The committee.
    pub const fn committee(&self) -> &SyncCommittee {
        &self.committee
    }

    /// What the seats that `present` names sign.
    ///
    /// # Errors
    /// None that occur.
    pub fn sign<B: Bls>(
        &self,
        signing_root: &B256,
        present: impl Fn(usize) -> bool,
    ) -> Result<SyncAggregate, BlsFault> {
        let mut bits = alloc::vec![0u8; self.secrets.len() / 8];
        let mut signatures = Vec::new();
        for (seat, secret) in self.secrets.iter().enumerate().filter(|(seat, _)| present(*seat)) {
            if let Some(byte) = bits.get_mut(seat / 8) {
                *byte |= 1 << (seat % 8);
            }
            signatures.push(B::sign(secret, signing_root.as_slice(), ETHEREUM_DST)?);
        }
        let signature = if signatures.is_empty() { INFINITY_SIGNATURE } else { B::aggregate_signatures(&signatures)? };
        Ok(SyncAggregate { bits: Bits::new(bits), signature })
    }
}

/// A tree in which some places are taken and the others filled up.
#[derive(Clone, Debug, Default)]
pub struct Tree(Vec<(u64, B256)>);

impl Tree {
    /// Puts a leaf. Its place must not lie above or below another one.
    pub fn put(&mut self, place: Place, leaf: B256) {
        self.0.push(((1 << place.depth) + place.index, leaf));
    }

    fn node(&self, generalized_index: u64) -> B256 {
        if let Some((_, leaf)) = self.0.iter().find(|(index, _)| *index == generalized_index) {
            return *leaf;
        }
        let depth = generalized_index.ilog2();
        let below = |index: u64| index.ilog2() > depth && index >> (index.ilog2() - depth) == generalized_index;
        if self.0.iter().any(|(index, _)| below(*index)) {
            return merkle::pair(&self.node(generalized_index * 2), &self.node(generalized_index * 2 + 1));
        }
        keccak256(generalized_index.to_be_bytes())
    }

    /// The root.
    pub fn root(&self) -> B256 {
        self.node(1)
    }

    /// The branch from a place to the root.
    pub fn branch(&self, place: Place) -> Vec<B256> {
        let leaf = (1u64 << place.depth) + place.index;
        (0..place.depth).map(|height| self.node((leaf >> height) ^ 1)).collect()
    }
}

/// A block's header in `slot` whose state has this root. Its payload, if its fork has one, has the number of its slot.
pub fn header(network: &Network, slot: u64, parent_root: B256, state_root: B256) -> LightClientHeader {
    let beacon = BeaconHeader { slot, proposer_index: slot % 7, parent_root, state_root, body_root: B256::ZERO };
    let mut header = LightClientHeader { beacon, ..LightClientHeader::default() };
    let Some(fork) = network.fork_at_slot(slot).filter(|fork| fork.has_execution()) else { return header };
    let payload = ExecutionHeader {
        parent_hash: keccak256(parent_root),
        state_root: keccak256(state_root),
        receipts_root: keccak256(keccak256(state_root)),
        block_number: slot,
        timestamp: network.time_of(slot),
        block_hash: keccak256([parent_root.0, state_root.0].concat()),
        extra_data: b"made up".to_vec(),
        ..ExecutionHeader::default()
    };
    set_payload(&mut header, fork, payload);
    header
}

/// Puts a payload under a header's body.
pub fn set_payload(header: &mut LightClientHeader, fork: Fork, payload: ExecutionHeader) {
    let mut body = Tree::default();
    body.put(Place::EXECUTION, payload.root(fork));
    *header.execution = payload;
    let branch = body.branch(Place::EXECUTION);
    header.execution_branch.iter_mut().zip(branch).for_each(|(to, from)| *to = from);
    header.beacon.body_root = body.root();
}

/// A bootstrap in `slot` whose state has this committee.
pub fn bootstrap(network: &Network, slot: u64, committee: &SyncCommittee) -> Bootstrap {
    let fork = network.fork_at_slot(slot).unwrap_or(Fork::Altair);
    let mut state = Tree::default();
    state.put(fork.current_committee(), committee.root());
    let header = header(network, slot, B256::repeat_byte(1), state.root());
    Bootstrap { fork, header, committee: committee.clone(), branch: state.branch(fork.current_committee()) }
}

/// What an update is to say.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Slot of the header that is signed.
    pub attested: u64,
    /// The header that its state holds final, if any.
    pub finalized: Option<LightClientHeader>,
    /// The next committee to bring along, if any.
    pub next: Option<&'a SyncCommittee>,
    /// Slot of the signature.
    pub signature_slot: u64,
}

impl Plan<'_> {
    /// The update, not signed yet.
    pub fn unsigned(&self, network: &Network) -> Update {
        let fork = network.fork_at_slot(self.attested).unwrap_or(Fork::Altair);
        let mut state = Tree::default();
        if let Some(finalized) = &self.finalized {
            let leaf = if finalized.is_empty() { B256::ZERO } else { finalized.beacon.root() };
            state.put(fork.finalized_root(), leaf);
        }
        if let Some(next) = self.next {
            state.put(fork.next_committee(), next.root());
        }
        let next = self.next.map(|committee| NextCommittee {
            committee: committee.clone(),
            branch: state.branch(fork.next_committee()),
        });
        let finality = self
            .finalized
            .as_ref()
            .map(|header| Finality { header: header.clone(), branch: state.branch(fork.finalized_root()) });
        Update {
            fork,
            attested: header(network, self.attested, B256::repeat_byte(2), state.root()),
            next,
            finality,
            aggregate: SyncAggregate { bits: Bits::new(Vec::new()), signature: INFINITY_SIGNATURE },
            signature_slot: self.signature_slot,
        }
    }

    /// The update, signed by those seats that `present` names.
    ///
    /// # Errors
    /// None that occur.
    pub fn signed<B: Bls>(
        &self,
        network: &Network,
        members: &Members,
        present: impl Fn(usize) -> bool,
    ) -> Result<Update, BlsFault> {
        let mut update = self.unsigned(network);
        let signing_root = network.signing_root(&update.attested.beacon.root(), update.signature_slot);
        update.aggregate = members.sign::<B>(&signing_root, present)?;
        Ok(update)
    }
}
