//! Beside the peers: `finality-grandpa` for the counting of votes, `ed25519-zebra` (what sp-core uses) for signatures.

use std::{println, vec::Vec};

use alloy_primitives::{B256, keccak256};
use causeway_crypto::{
    Native, Portable,
    ed25519::{Ed25519, Signed},
};
use finality_grandpa::{Chain, Commit, Error, Precommit, SignedPrecommit, validate_commit, voter_set::VoterSet};

use super::kit::{Block, block, ed, ed_key, vote};
use crate::{AncestryRule, AuthoritySet, HeaderFormat, Justification, compose};

/// The blocks that a justification brings, as the peer asks for them.
struct Headers(Vec<(B256, B256)>);

impl Chain<B256, u32> for Headers {
    fn ancestry(&self, base: B256, block: B256) -> Result<Vec<B256>, Error> {
        let mut route = Vec::new();
        let mut at = block;
        while at != base {
            at = self.0.iter().find(|(hash, _)| *hash == at).ok_or(Error::NotDescendent)?.1;
            route.push(at);
        }
        route.pop();
        Ok(route)
    }
}

struct Random(B256);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = keccak256(self.0);
        u64::from_be_bytes(*self.0.first_chunk().unwrap()) % limit
    }
}

/// A tree of twelve blocks above a root, and votes of up to seven voters for any of them.
fn case(random: &mut Random) -> (Vec<Block>, AuthoritySet, Vec<compose::Vote>) {
    let mut blocks = Vec::from([block(&B256::ZERO, 1, &[], &[])]);
    for _ in 0..random.below(12) {
        let parent = &blocks[random.below(blocks.len() as u64) as usize];
        let salt = random.below(3) as u32;
        let made = block(
            &parent.hash,
            parent.number + 1,
            &[&compose::consensus_log(&[&[4][..], &salt.to_le_bytes()].concat())],
            &[],
        );
        if blocks.iter().all(|block| block.hash != made.hash) {
            blocks.push(made);
        }
    }
    let voters = 1 + random.below(7) as u8;
    let list = (0..voters).map(|seed| ([seed; 32], 1 + random.below(3))).collect();
    let mut votes = Vec::new();
    // Mostly each once, sometimes twice, sometimes a stranger; mostly on or above the second block.
    for seed in 0..=voters {
        let times = if seed == voters {
            u64::from(random.below(9) == 0)
        } else {
            [0, 1, 1, 1, 1, 1, 2, 3][random.below(8) as usize]
        };
        for _ in 0..times {
            let place = random.below(blocks.len() as u64) as usize;
            votes.push(compose::Vote { target: blocks[place].at(), signature: [0; 64], key: [seed; 32] });
        }
    }
    (blocks, AuthoritySet::new(1, list).unwrap(), votes)
}

type PeerCommit = Commit<B256, u32, [u8; 64], [u8; 32]>;

/// Whether the peer takes the commit, and whether some block on or above its target is final for it.
///
/// The peer counts from the lowest vote upwards, asks that every vote stands above it, and takes only the highest block
/// with enough weight as target. To ask it about a target below forks, a voter of next to no weight votes for the root of
/// all blocks, and every block from the target upwards is tried.
fn peer(commit: &PeerCommit, set: &AuthoritySet, chain: &Headers, blocks: &[Block]) -> (bool, bool) {
    let voters = VoterSet::new(set.authorities().iter().copied()).unwrap();
    let valid = validate_commit(commit, &voters, chain).is_ok_and(|result| {
        result.is_valid() && result.num_invalid_voters() == 0 && result.num_duplicated_precommits() == 0
    });
    let scaled = set.authorities().iter().map(|(key, weight)| (*key, 1000 * weight));
    let voters = VoterSet::new(scaled.chain([([0xff; 32], 1)])).unwrap();
    let mut asked = commit.clone();
    let root = &blocks[0];
    let precommit = Precommit { target_hash: root.hash, target_number: root.number };
    asked.precommits.push(SignedPrecommit { precommit, signature: [0; 64], id: [0xff; 32] });
    let is_final = blocks.iter().any(|block| {
        (asked.target_hash, asked.target_number) = block.at();
        chain.is_equal_or_descendent_of(commit.target_hash, block.hash)
            && validate_commit(&asked, &voters, chain).is_ok_and(|result| result.is_valid())
    });
    (valid, is_final)
}

#[test]
fn what_is_counted_here_is_final_for_the_peer() {
    let mut random = Random(keccak256("grandpa"));
    let (mut accepted, mut peers, mut both) = (0u32, 0u32, 0u32);
    for _ in 0..12_000 {
        let (blocks, set, mut votes) = case(&mut random);
        let target = &blocks[random.below(blocks.len().min(4) as u64) as usize];
        let links: Vec<_> = blocks.iter().map(|block| (block.hash, Block::parent(block))).collect();
        let chain = Headers(links);
        if random.below(4) > 0 {
            votes.retain(|vote| chain.is_equal_or_descendent_of(target.hash, vote.target.0));
        }
        // The headers that the votes need, and no others.
        let mut used: Vec<B256> = Vec::new();
        for vote in &votes {
            let mut at = vote.target.0;
            while at != target.hash {
                let Some((_, parent)) = chain.0.iter().find(|(hash, _)| *hash == at) else { break };
                used.push(at);
                at = *parent;
            }
        }
        used.sort_unstable();
        used.dedup();
        let headers: Vec<_> =
            blocks.iter().filter(|block| used.contains(&block.hash)).map(|block| block.header.clone()).collect();
        let bytes = compose::justification(1, target.at(), &votes, &headers);
        let read = Justification::read(HeaderFormat::Substrate, &bytes).unwrap();
        let complete = read.judge(&set, AncestryRule::Complete).is_ok();
        let weight = read.judge(&set, AncestryRule::Weight).is_ok();
        let precommits = votes.iter().map(|vote| SignedPrecommit {
            precommit: Precommit { target_hash: vote.target.0, target_number: vote.target.1 },
            signature: vote.signature,
            id: vote.key,
        });
        let commit =
            Commit { target_hash: target.hash, target_number: target.number, precommits: precommits.collect() };
        let (valid, is_final) = peer(&commit, &set, &chain, &blocks);
        // Never more than the specification: what is accepted is final for the peer. (Where more equivocate than the
        // threshold allows for, blocks of both branches are final and the peer names one of them.)
        let count = |key: &[u8; 32]| votes.iter().filter(|vote| vote.key == *key).count();
        let twice = set.authorities().iter().filter(|(key, _)| count(key) > 1).map(|(_, weight)| weight).sum::<u64>();
        assert!(!weight || is_final || twice > set.total_weight() - set.threshold(), "{read:?}");
        assert!(!complete || weight);
        // Never less than the peer, but for votes that it skips and that are refused here: strangers', repeated ones, and
        // single ones below or beside the target, which no node writes.
        let thrice = set.authorities().iter().any(|(key, _)| count(key) > 2);
        let leads = |vote: &compose::Vote| chain.is_equal_or_descendent_of(target.hash, vote.target.0);
        let beside = votes.iter().any(|vote| count(&vote.key) == 1 && !leads(vote));
        assert!(!valid || weight || thrice, "{read:?}");
        assert!(!valid || complete || thrice || beside, "{read:?}");
        accepted += u32::from(complete);
        peers += u32::from(valid);
        both += u32::from(complete && valid);
    }
    println!("of 12000: {accepted} accepted here, {peers} by finality-grandpa, {both} by both");
    assert!(both > 300);
}

#[test]
fn signatures_are_judged_as_sp_core_judges_them() {
    let mut random = Random(keccak256("ed25519"));
    let (mut good, mut bad) = (0, 0);
    for number in 0..600u32 {
        let seed = 1 + (number % 5) as u8;
        let made = vote(seed, (B256::repeat_byte(seed), number), 1, 2);
        let mut message = number.to_le_bytes().to_vec();
        let mut signature: [u8; 64] = ed(seed).sign(&message).into();
        let mut key = ed_key(seed);
        match random.below(4) {
            0 => signature[random.below(64) as usize] ^= 1 << random.below(8),
            1 => key[random.below(32) as usize] ^= 1 << random.below(8),
            2 => message[random.below(4) as usize] ^= 1 << random.below(8),
            _ => {}
        }
        // Points of small order and encodings that are not canonical: ZIP-215 takes them, RFC 8032 does not.
        if number % 7 == 0 {
            key = [[0; 32], low_order(1), low_order(0xee)][random.below(3) as usize];
            signature = [0; 64];
            signature[..32].copy_from_slice(&[[0; 32], low_order(1), low_order(0xed)][random.below(3) as usize]);
        }
        let peer = ed25519_zebra::VerificationKey::try_from(key)
            .and_then(|key| key.verify(&signature.into(), &message))
            .is_ok();
        let signed = [Signed { key: &key, signature: &signature, message: &message }];
        assert_eq!(Native::verify_all(&mut Default::default(), &signed).is_ok(), peer);
        assert_eq!(Portable::verify_all(&mut Default::default(), &signed).is_ok(), peer);
        *(if peer { &mut good } else { &mut bad }) += 1;
        assert_eq!(made.key, ed_key(seed));
    }
    println!("signatures: {good} good, {bad} bad, alike");
}

/// y = `low`, or p + … for `0xed` and above: identity and others, in canonical and other encodings.
fn low_order(low: u8) -> [u8; 32] {
    let mut bytes = if low >= 0xed { [0xff; 32] } else { [0; 32] };
    bytes[0] = low;
    if low >= 0xed {
        bytes[31] = 0x7f;
    }
    bytes
}
