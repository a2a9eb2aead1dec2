//! Writers of what the client reads: headers, justifications, commitments, tries. For tests and benchmarks that need a
//! chain, with keys of their own; nothing here is used by a verdict.

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{B256, keccak256};

use crate::{
    hash::blake2_256,
    scale::{put_bytes, put_compact},
    set::BeefySet,
};

/// Which values a trie's writer hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateVersion {
    /// None.
    V0,
    /// Those of 33 bytes and more.
    V1,
}

/// SCALE of a header without an extension; `digest` holds encoded items.
pub fn header(parent_hash: &B256, number: u32, state_root: &B256, digest: &[&[u8]]) -> Vec<u8> {
    let mut out = parent_hash.to_vec();
    put_compact(&mut out, number.into());
    out.extend_from_slice(state_root.as_slice());
    out.extend_from_slice(B256::repeat_byte(0xee).as_slice());
    put_compact(&mut out, digest.len() as u64);
    digest.iter().for_each(|item| out.extend_from_slice(item));
    out
}

/// SCALE of a list of authorities.
pub fn authorities(list: &[([u8; 32], u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_compact(&mut out, list.len() as u64);
    for (key, weight) in list {
        out.extend_from_slice(key);
        out.extend_from_slice(&weight.to_le_bytes());
    }
    out
}

/// A digest item that announces a change of authorities.
pub fn scheduled_change(list: &[([u8; 32], u64)], delay: u32) -> Vec<u8> {
    consensus_log(&[&[1], authorities(list).as_slice(), &delay.to_le_bytes()].concat())
}

/// A digest item with a log of GRANDPA.
pub fn consensus_log(log: &[u8]) -> Vec<u8> {
    let mut out = b"\x04FRNK".to_vec();
    put_bytes(&mut out, log);
    out
}

/// One vote of a justification.
#[derive(Clone, Copy, Debug)]
pub struct Vote {
    /// Block voted for.
    pub target: (B256, u32),
    /// Signature.
    pub signature: [u8; 64],
    /// Authority.
    pub key: [u8; 32],
}

/// SCALE of a justification.
pub fn justification(round: u64, target: (B256, u32), votes: &[Vote], headers: &[Vec<u8>]) -> Vec<u8> {
    let mut out = round.to_le_bytes().to_vec();
    out.extend_from_slice(target.0.as_slice());
    out.extend_from_slice(&target.1.to_le_bytes());
    put_compact(&mut out, votes.len() as u64);
    for vote in votes {
        out.extend_from_slice(vote.target.0.as_slice());
        out.extend_from_slice(&vote.target.1.to_le_bytes());
        out.extend_from_slice(&vote.signature);
        out.extend_from_slice(&vote.key);
    }
    put_compact(&mut out, headers.len() as u64);
    headers.iter().for_each(|header| out.extend_from_slice(header));
    out
}

/// SCALE of a BEEFY commitment to an MMR root.
pub fn commitment(mmr_root: &B256, block_number: u32, set_id: u64) -> Vec<u8> {
    let mut out = b"\x04mh\x80".to_vec();
    out.extend_from_slice(mmr_root.as_slice());
    out.extend_from_slice(&block_number.to_le_bytes());
    out.extend_from_slice(&set_id.to_le_bytes());
    out
}

/// SCALE of a versioned finality proof; `signatures` by place in the set.
pub fn finality_proof(commitment: &[u8], validators: u32, signatures: &BTreeMap<u32, [u8; 65]>) -> Vec<u8> {
    let mut bits = alloc::vec![0u8; validators.div_ceil(8) as usize];
    for index in signatures.keys() {
        if let Some(byte) = bits.get_mut((index / 8) as usize) {
            *byte |= 0x80 >> (index % 8);
        }
    }
    let mut out = alloc::vec![1];
    out.extend_from_slice(commitment);
    put_bytes(&mut out, &bits);
    out.extend_from_slice(&validators.to_le_bytes());
    put_compact(&mut out, signatures.len() as u64);
    signatures.values().for_each(|signature| out.extend_from_slice(signature));
    out
}

/// SCALE of a leaf of the MMR.
pub fn leaf(parent: (u32, B256), next: &BeefySet, extra: &[u8]) -> Vec<u8> {
    let mut out = alloc::vec![0];
    out.extend_from_slice(&parent.0.to_le_bytes());
    out.extend_from_slice(parent.1.as_slice());
    next.write(&mut out);
    out.extend_from_slice(extra);
    out
}

/// Root of the mountain range over these leaves, and the path of one of them.
pub fn mountains(leaves: &[B256], index: usize) -> (B256, Vec<B256>) {
    let pair = |left: &B256, right: &B256| keccak256([left.as_slice(), right.as_slice()].concat());
    let (mut peaks, mut path, mut siblings) = (Vec::new(), Vec::new(), Vec::new());
    let (mut start, mut mine) = (0, 0);
    for height in (0..usize::BITS).rev().filter(|height| leaves.len() >> height & 1 == 1) {
        let mut level: Vec<B256> = leaves.iter().skip(start).take(1 << height).copied().collect();
        let mut place = index.checked_sub(start).filter(|place| *place < level.len());
        mine = if place.is_some() { peaks.len() } else { mine };
        start += level.len();
        while level.len() > 1 {
            siblings.extend(place.and_then(|place| level.get(place ^ 1)).copied());
            place = place.map(|place| place / 2);
            level = level.as_chunks::<2>().0.iter().map(|[left, right]| pair(left, right)).collect();
        }
        peaks.extend(level);
    }
    let bag = |peaks: &[B256]| peaks.iter().rev().copied().reduce(|bag, peak| pair(&bag, &peak));
    path.extend(peaks.iter().take(mine));
    path.extend(siblings);
    path.extend(bag(peaks.get(mine + 1..).unwrap_or_default()));
    (bag(&peaks).unwrap_or_default(), path)
}

/// A trie of these entries: its root, and all nodes and hashed values.
pub fn trie(entries: &BTreeMap<Vec<u8>, Vec<u8>>, version: StateVersion) -> (B256, Vec<Vec<u8>>) {
    let nibbles = |key: &[u8]| key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect::<Vec<u8>>();
    let keys: Vec<_> = entries.iter().map(|(key, value)| (nibbles(key), value.as_slice())).collect();
    let borrowed: Vec<_> = keys.iter().map(|(key, value)| (key.as_slice(), *value)).collect();
    let mut nodes = Vec::new();
    let root = if borrowed.is_empty() { alloc::vec![0] } else { node(&borrowed, version, &mut nodes) };
    let hash = blake2_256(&root);
    nodes.push(root);
    nodes.sort();
    nodes.dedup();
    (hash, nodes)
}

/// Encodes the node over entries that are sorted and not empty; nodes that are referred to by hash go to `nodes`.
fn node(entries: &[(&[u8], &[u8])], version: StateVersion, nodes: &mut Vec<Vec<u8>>) -> Vec<u8> {
    let first = entries.first().map_or(&[][..], |entry| entry.0);
    let last = entries.last().map_or(&[][..], |entry| entry.0);
    let shared = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let here = entries.first().filter(|entry| entry.0.len() == shared).map(|entry| entry.1);
    let branch = entries.len() > 1;
    let hashed = here.is_some_and(|value| version == StateVersion::V1 && value.len() > 32);
    let (prefix, count_bits) = match (branch, here.is_some(), hashed) {
        (false, _, false) => (0x40, 6),
        (true, false, _) => (0x80, 6),
        (true, true, false) => (0xc0, 6),
        (false, _, true) => (0x20, 5),
        (true, true, true) => (0x10, 4),
    };
    let mut out = Vec::new();
    put_partial(&mut out, prefix, count_bits, first.get(..shared).unwrap_or_default());
    let children: Vec<(u8, Vec<_>)> = (0..16u8)
        .map(|nibble| {
            let rest = |entry: &(&'_ [u8], &'_ [u8])| entry.0.get(shared) == Some(&nibble);
            (nibble, entries.iter().filter(|entry| rest(entry)).copied().collect::<Vec<_>>())
        })
        .filter(|(_, below)| !below.is_empty())
        .collect();
    if branch {
        let bitmap = children.iter().fold(0u16, |bitmap, (nibble, _)| bitmap | 1 << nibble);
        out.extend_from_slice(&bitmap.to_le_bytes());
    }
    match here {
        Some(value) if hashed => {
            out.extend_from_slice(blake2_256(value).as_slice());
            nodes.push(value.to_vec());
        }
        Some(value) => put_bytes(&mut out, value),
        None => {}
    }
    for (_, below) in children {
        let below: Vec<_> =
            below.iter().map(|(key, value)| (key.get(shared + 1..).unwrap_or_default(), *value)).collect();
        let child = node(&below, version, nodes);
        if child.len() < 32 {
            put_bytes(&mut out, &child);
        } else {
            put_bytes(&mut out, blake2_256(&child).as_slice());
            nodes.push(child);
        }
    }
    out
}

fn put_partial(out: &mut Vec<u8>, prefix: u8, count_bits: u32, nibbles: &[u8]) {
    let most = (1usize << count_bits) - 1;
    // The casts keep what the branch allows.
    if nibbles.len() < most {
        out.push(prefix | nibbles.len() as u8);
    } else {
        out.push(prefix | most as u8);
        let mut rest = nibbles.len() - most;
        while rest >= 255 {
            out.push(255);
            rest -= 255;
        }
        out.push(rest as u8);
    }
    let (odd, pairs) = nibbles.split_at(nibbles.len() % 2);
    out.extend_from_slice(odd);
    out.extend(pairs.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low));
}
