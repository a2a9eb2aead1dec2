//! Partial trees and whole proofs, changed.

use alloy_primitives::U256;
use causeway_bitcoin::{
    Header, Rules, Transaction, TrustedState, Txid,
    compact::check_work,
    merkle_block::{Match, MerkleBlock},
    proof::{Inclusion, ProofRefusal},
};
use conformance::bitcoin::tree::{Bytes, Tree, offer, params, split};
use serde_json::Value;

use crate::{Tally, files};

/// `gettxoutproof`: one bit of every byte, and cut and drawn out.
#[test]
fn changed_partial_trees_are_refused() {
    let mut tally = Tally::default();
    for (name, _, value) in files() {
        let entries = value.as_array().into_iter().flatten();
        for entry in entries.filter_map(|entry| entry.get("merkleblock")?.as_str()) {
            let bytes = hex::decode(entry).unwrap();
            let honest = MerkleBlock::decode(&bytes).unwrap();
            // What the honest tree shows to be leaves: those that it points out, and their neighbours.
            let leaves: Vec<Match> = honest.matches().iter().flat_map(|found| neighbours(&honest, found)).collect();
            let mut judge = |kind, changed: &[u8]| match MerkleBlock::decode(changed) {
                Err(_) => tally.refuse(kind, "partial tree"),
                Ok(block)
                    if check_work(&block.header().hash(), block.header().bits(), Rules::MAINNET.limit).is_err() =>
                {
                    tally.refuse(kind, "not enough work");
                }
                // Fewer of them, or a neighbour that stands in the tree anyhow: what it says is so.
                Ok(block) if block.matches().iter().all(|found| leaves.contains(found)) => tally.equal(kind),
                Ok(block) => tally.survivors.push(format!("{kind}: {name} {:?}", block.matches())),
            };
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << bit;
                    judge("bit", &changed);
                }
            }
            for length in 0..bytes.len() {
                judge("truncated", &bytes[..length]);
            }
            judge("extended", &[bytes.as_slice(), &[0]].concat());
            // Two hashes swapped; one twice in the place of its neighbour.
            let hashes = (bytes.len() - 85) / 32;
            for at in 0..hashes.saturating_sub(2) {
                let (a, b) = (85 + 32 * at, 85 + 32 * (at + 1));
                let mut swapped = bytes.clone();
                swapped[a..a + 64].rotate_left(32);
                judge("swapped", &swapped);
                let mut twice = bytes.clone();
                twice.copy_within(a..a + 32, b);
                judge("one hash twice", &twice);
            }
        }
    }
    tally.print("partial trees");
}

/// A leaf that a tree points out and the one beside it.
fn neighbours(block: &MerkleBlock<'_>, found: &Match) -> Vec<Match> {
    let beside =
        block.branch(found.position).unwrap().first().map(|id| Match { position: found.position ^ 1, txid: Txid(*id) });
    [*found].into_iter().chain(beside).collect()
}

/// A whole proof of the vectors: transaction, coinbase, branches, header; and a client that knows the block.
struct Proof {
    name: String,
    state: TrustedState,
    rules: Rules,
    header: Bytes,
    position: u32,
    siblings: Vec<[u8; 32]>,
    transaction: Vec<u8>,
    coinbase_siblings: Vec<[u8; 32]>,
    coinbase: Vec<u8>,
}

impl Proof {
    fn inclusion(&self) -> Inclusion<'_> {
        Inclusion {
            headers: &self.header,
            position: self.position,
            siblings: self.siblings.clone(),
            transaction: &self.transaction,
            coinbase_siblings: self.coinbase_siblings.clone(),
            coinbase: &self.coinbase,
        }
    }
}

fn proofs() -> Vec<Proof> {
    let mut proofs = Vec::new();
    for (_, _, value) in files() {
        for (name, entry) in value.as_object().into_iter().flatten() {
            let Some(data) = entry.get("bitcoinChainData") else { continue };
            let raw = |name: &str| {
                let text = data.get(name)?.get("transactionHex")?.as_str()?;
                Some(hex::decode(text).unwrap())
            };
            let (Some(transaction), Some(coinbase)) = (raw("rawTransaction"), raw("coinbaseRawTransaction")) else {
                continue;
            };
            let siblings = |name: &str| -> Vec<[u8; 32]> {
                let list = data[name]["merkle"].as_array().unwrap();
                let turned = |text: &Value| {
                    let mut bytes = hex::decode(text.as_str().unwrap()).unwrap();
                    bytes.reverse();
                    bytes.try_into().unwrap()
                };
                list.iter().map(turned).collect()
            };
            let headers = split(&hex::decode(data["headersChain"].as_str().unwrap()).unwrap()).unwrap();
            let branch = &data["transactionMerkleBranch"];
            let (height, position) = (branch["blockHeight"].as_u64().unwrap(), branch["position"].as_u64().unwrap());
            let easy = headers.iter().any(|bytes| Header::new(bytes).bits() == Rules::TESTNET3.limit);
            let rules = if easy { Rules::TESTNET3 } else { Rules::MAINNET };
            let run: Vec<_> = (height as u32..).zip(headers.iter().copied()).collect();
            let state = Tree::default().begin(&rules, &run).unwrap();
            let state = offer(&rules, &state, &headers[1..]).unwrap();
            proofs.push(Proof {
                name: name.clone(),
                state,
                rules,
                header: headers[0],
                position: position as u32,
                siblings: siblings("transactionMerkleBranch"),
                transaction,
                coinbase_siblings: siblings("coinbaseMerkleBranch"),
                coinbase,
            });
        }
    }
    proofs
}

fn proof_rule(refusal: &ProofRefusal) -> &'static str {
    match refusal {
        ProofRefusal::TooLarge { .. } => "too large",
        ProofRefusal::Malformed { .. } => "malformed",
        ProofRefusal::NotAChild { .. } => "not a child",
        ProofRefusal::UnknownBlock { .. } => "unknown block",
        ProofRefusal::Frozen { .. } => "frozen",
        ProofRefusal::NotEnoughWork { .. } => "not enough work",
        ProofRefusal::Transaction { .. } => "no transaction",
        ProofRefusal::AmbiguousTx { .. } => "64 bytes",
        ProofRefusal::NotCoinbase { .. } => "no coinbase",
        ProofRefusal::OtherDepth { .. } => "other depth",
        ProofRefusal::Merkle { .. } => "merkle",
    }
}

#[test]
fn changed_proofs_are_refused() {
    let mut tally = Tally::default();
    let proofs = proofs();
    for proof in &proofs {
        let honest = Transaction::decode(&proof.transaction).unwrap();
        let work = proof.state.work_from(proof.state.base().height()).unwrap();
        let mut judge = |kind, bytes: &[u8], work: U256| {
            let judged = Inclusion::decode(bytes).and_then(|changed| {
                changed.verify(&params(proof.rules), &proof.state, work, 0).map(|found| found.transaction)
            });
            match judged {
                Err(refusal) => tally.refuse(kind, proof_rule(&refusal)),
                // A witness is not covered by the id: the payment is the same.
                Ok(found) if (found.txid(), found.outputs()) == (honest.txid(), honest.outputs()) => tally.equal(kind),
                Ok(_) => tally.survivors.push(format!("{kind}: {}", proof.name)),
            }
        };
        let bytes = proof.inclusion().encode().unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                judge("bit", &changed, work);
            }
        }
        for length in 0..bytes.len() {
            judge("truncated", &bytes[..length], work);
        }
        judge("extended", &[bytes.as_slice(), &[0]].concat(), work);
        judge("one unit of work short", &bytes, work + U256::ONE);
        for (kind, changed) in branches(proof) {
            judge(kind, &changed.inclusion().encode().unwrap(), work);
        }
    }
    println!("{} proofs", proofs.len());
    tally.print("proofs");
}

/// The branches cut, drawn out, turned, moved; the parts in each other's places.
fn branches(proof: &Proof) -> Vec<(&'static str, Proof)> {
    let with = |change: &dyn Fn(&mut Proof)| {
        let mut changed = Proof {
            name: proof.name.clone(),
            state: proof.state.clone(),
            siblings: proof.siblings.clone(),
            transaction: proof.transaction.clone(),
            coinbase_siblings: proof.coinbase_siblings.clone(),
            coinbase: proof.coinbase.clone(),
            ..*proof
        };
        change(&mut changed);
        changed
    };
    let depth = proof.siblings.len();
    let mut changed = Vec::new();
    for at in 0..depth {
        changed.push((
            "branch without a level",
            with(&|it| it.siblings = [&it.siblings[..at], &it.siblings[at + 1..]].concat()),
        ));
        changed.push((
            "both branches without a level",
            with(&|it| {
                it.siblings.remove(at);
                it.coinbase_siblings.remove(at);
                it.position = it.position & ((1 << at) - 1) | it.position >> (at + 1) << at;
            }),
        ));
        changed.push(("branch with a level twice", with(&|it| it.siblings.insert(at, it.siblings[at]))));
        changed.push((
            "both branches with a level twice",
            with(&|it| {
                it.siblings.insert(at, it.siblings[at]);
                it.coinbase_siblings.insert(at, it.coinbase_siblings[at]);
            }),
        ));
        changed.push((
            "sibling turned into a copy",
            with(&|it| it.siblings[at] = Transaction::decode(&it.transaction).unwrap().txid().0),
        ));
        if at > 0 {
            changed.push(("two levels swapped", with(&|it| it.siblings.swap(at - 1, at))));
            changed.push(("two levels of the coinbase swapped", with(&|it| it.coinbase_siblings.swap(at - 1, at))));
        }
    }
    for position in (0..1 << depth).chain([1 << depth, u32::MAX]).filter(|other| *other != proof.position) {
        changed.push(("another place", with(&|it| it.position = position)));
    }
    changed.push(("parts swapped", with(&|it| std::mem::swap(&mut it.transaction, &mut it.coinbase))));
    changed.push((
        "transaction as coinbase",
        with(&|it| {
            (it.coinbase, it.coinbase_siblings) = (it.transaction.clone(), it.siblings.clone());
        }),
    ));
    let header_mutant = with(&|it| it.header[76] ^= 1);
    changed.push(("another header", header_mutant));
    // 64 bytes in the place of each.
    let short = [&[2, 0, 0, 0, 1][..], &[7; 36], &[0], &[0xff; 4], &[1], &[0; 8], &[4], &[0; 8]].concat();
    changed.push(("64 bytes as transaction", with(&|it| it.transaction.clone_from(&short))));
    changed.push(("64 bytes as coinbase", with(&|it| it.coinbase.clone_from(&short))));
    changed
}
