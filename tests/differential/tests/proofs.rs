//! ATK-033, 036, 116: peaks of an outbox under a state root, in Rust and in Solidity.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, keccak256};
use causeway_bft_evm::{
    Mode, Params, Threshold, TrustedState, ValidatorSet, ValidatorSource, compose::HeaderFields, proof::outbox_peaks,
    verify,
};
use causeway_differential::{
    machine::Machine,
    random::Random,
    reason::{of_client, of_state_proof, shown},
    tally::Tally,
    trie,
    validators::{Parts, addresses, set},
};
use common::{Client, constructor};

const SEED: u64 = 0x5eed_0000_0000_0002;
const START: u64 = 1_800_000_000;
/// States, and inputs on each.
const STATES: usize = 50;
const INPUTS: usize = 50;
const OUTBOX: Address = Address::repeat_byte(0xb0);

/// Node lists of a proof in its format, for changes node by node: account, then per slot its tag and its path.
struct Lists(Vec<(Option<u8>, Vec<Vec<u8>>)>);

impl Lists {
    fn read(proof: &[u8]) -> Self {
        fn path<'a>(mut bytes: &'a [u8], nodes: &mut Vec<Vec<u8>>) -> &'a [u8] {
            let count = bytes[0];
            bytes = &bytes[1..];
            for _ in 0..count {
                let length = usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
                nodes.push(bytes[2..2 + length].to_vec());
                bytes = &bytes[2 + length..];
            }
            bytes
        }
        let mut lists = vec![(None, Vec::new())];
        let mut rest = path(proof, &mut lists[0].1);
        let count = rest[0];
        rest = &rest[1..];
        for _ in 0..count {
            let mut nodes = Vec::new();
            let tag = rest[0];
            rest = path(&rest[1..], &mut nodes);
            lists.push((Some(tag), nodes));
        }
        assert!(rest.is_empty());
        Self(lists)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (position, (tag, nodes)) in self.0.iter().enumerate() {
            out.extend(tag);
            out.push(nodes.len() as u8);
            for node in nodes {
                out.extend_from_slice(&(node.len() as u16).to_be_bytes());
                out.extend_from_slice(node);
            }
            if position == 0 {
                out.push((self.0.len() - 1) as u8);
            }
        }
        out
    }

    /// Drops, doubles, swaps, changes a node; mixes up tags and paths.
    fn change(&mut self, random: &mut Random) {
        let lists = self.0.len();
        let list = random.below(lists);
        let nodes = self.0[list].1.len();
        match random.below(7) {
            0 if nodes > 0 => drop(self.0[list].1.remove(random.below(nodes))),
            1 if nodes > 0 => {
                let node = self.0[list].1[random.below(nodes)].clone();
                self.0[list].1.push(node);
            }
            2 if nodes > 1 => self.0[list].1.swap(0, nodes - 1),
            3 if lists > 2 => self.0.swap(1, lists - 1),
            4 if lists > 1 => self.0[lists - 1].0 = Some(random.byte() & 0x47),
            5 if lists > 1 => drop(self.0.pop()),
            _ if nodes > 0 => {
                let node = random.below(nodes);
                random.damage(&mut self.0[list].1[node]);
            }
            _ => {}
        }
    }
}

/// A trie of the adversary's own making, whose nodes hash together but are not what a trie may hold.
fn crooked(random: &mut Random, proof: &[u8]) -> (B256, Vec<u8>) {
    let mut lists = Lists::read(proof);
    // Change a node from the leaf upwards, and put its new hash into its parents: the chain of hashes holds.
    let list = random.below(lists.0.len());
    let mut changed: Option<(B256, B256)> = None;
    let mut position = random.below(lists.0[list].1.len().max(1));
    let mut list = list;
    let mut first = true;
    loop {
        if let Some(node) = lists.0[list].1.get_mut(position) {
            let before = keccak256(&*node);
            if first {
                random.damage(node);
                first = false;
            } else if let Some((old, new)) = changed
                && let Some(at) = node.windows(32).position(|window| window == old.as_slice())
            {
                node[at..at + 32].copy_from_slice(new.as_slice());
            }
            changed = Some((before, keccak256(&*node)));
        }
        if position > 0 {
            position -= 1;
        } else if list > 0 {
            // The account's leaf holds the storage root.
            (list, position) = (0, lists.0[0].1.len() - 1);
        } else {
            break;
        }
    }
    (lists.0[0].1.first().map(keccak256).unwrap_or_default(), lists.write())
}

#[test]
fn state_proofs_have_one_verdict() {
    let mut tally = Tally::default();
    let mut random = Random::new(SEED);
    let validators = set(1, 4);
    let params = Params {
        mode: Mode::Qbft,
        validators: ValidatorSource::Header,
        trusting_period: 10_000,
        drift: 15,
        trust_threshold: Threshold { numerator: 2, denominator: 3 },
        freeze_delay: 500,
    };
    let list = ValidatorSet::new(addresses(&validators)).unwrap();
    let trusted = TrustedState::new(1_000, START, B256::repeat_byte(1), B256::repeat_byte(2), list);
    let mut machine = Machine::new(START + 100);
    let client = machine.create("BftEvmClient", &constructor(&params, &trusted));
    for _ in 0..STATES {
        // Few slots: inline nodes and leaves at the root; many: branches. Some peaks begin with zeros.
        let heights: Vec<u8> = (0..*random.pick(&[1, 2, 3, 12, 40])).collect();
        let peaks: BTreeMap<u8, B256> = heights
            .iter()
            .map(|height| {
                let mut peak = keccak256([*height, random.byte()]);
                if random.once_in(6) {
                    peak.0[..31].fill(0);
                } else if random.once_in(6) {
                    peak.0[..3].fill(0);
                }
                (*height, peak)
            })
            .filter(|(_, peak)| !peak.is_zero())
            .collect();
        let asked: Vec<u8> =
            (0..1 + random.below(4)).map(|_| if random.once_in(9) { 63 } else { *random.pick(&heights) }).collect();
        let (mut others, size) = (*random.pick(&[0, 1, 40, 700]), random.next() >> random.below(64) | 1);
        if random.once_in(8) {
            others = 3_000;
        }
        let (root, proof) = trie::state(OUTBOX, size, &peaks, others, &asked);
        for _ in 0..INPUTS {
            let (mut root, mut bytes) = (root, proof.clone());
            let mut outbox = OUTBOX;
            match random.below(12) {
                0 => {}
                1 => outbox = Address::repeat_byte(0xb1),
                2..4 => random.damage(&mut bytes),
                4..7 => {
                    let mut lists = Lists::read(&bytes);
                    lists.change(&mut random);
                    bytes = lists.write();
                }
                _ => (root, bytes) = crooked(&mut random, &bytes),
            }
            let fields = HeaderFields::new(1_001, START + 1, B256::repeat_byte(1), root, addresses(&validators));
            let update = Parts::sealed(params.mode, fields.seal_less(params.mode), &validators, &[0, 1, 2]).encode();
            assert!(verify(&params, &trusted, &update, machine.now).is_ok());
            let rust = outbox_peaks(&root, outbox, &bytes);
            let contract = machine.peaks(client, outbox, &update, &bytes);
            let rust_name = rust.as_ref().map_or_else(of_state_proof, |_| "accepted");
            let contract_name = match &contract {
                Ok(_) => "accepted",
                // The format's own errors are those of an update.
                Err(failed) if of_client(failed) == "malformed update" => "state proof",
                Err(failed) => of_client(failed),
            };
            let same = match (&rust, &contract) {
                (Ok(rust), Ok(contract)) => rust == contract,
                (Err(_), Err(_)) => rust_name == contract_name,
                _ => false,
            };
            tally.note(rust_name, contract_name, same, || {
                let failed = contract.as_ref().map_err(shown);
                format!("rust {rust:?}, contract {failed:?}, root {root}: {}", alloy::hex::encode(&bytes))
            });
        }
    }
    tally.finish("state proofs");
    assert!(tally.count("accepted") > 100 && tally.count("state proof") > 500);
}
