//! Range proofs: `form | size u16 | first u16 | count u8 | claimed first u16 | edits…`, an edit being
//! `what | position | byte | value`: a byte of a leaf or sibling changed, one dropped, one repeated, two exchanged.
#![no_main]

use std::sync::LazyLock;

use causeway_core::{Anchor, B256, Body, Entry, LaneId, OutboxTree, SwapLeg, tree::peaks};
use libfuzzer_sys::fuzz_target;

const SIZE: u64 = 300;

static TREE: LazyLock<OutboxTree> = LazyLock::new(|| {
    (0..SIZE)
        .map(|index| {
            let fact = SwapLeg { swap_id: B256::repeat_byte(7), leg: 0 };
            Entry { lane: LaneId(B256::repeat_byte(1)), index, body: Body::SwapLocked(fact) }.commitment()
        })
        .collect()
});

fn edit(words: &mut Vec<B256>, how: u8, position: u8, byte: u8, value: u8) {
    if words.is_empty() {
        return;
    }
    let at = usize::from(position) % words.len();
    match how % 4 {
        0 => words[at].0[usize::from(byte % 32)] ^= value,
        1 => drop(words.remove(at)),
        2 => words.insert(at, words[at]),
        _ => {
            let other = usize::from(byte) % words.len();
            words.swap(at, other);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((head, edits)) = data.split_first_chunk::<8>() else { return };
    let u16_at = |at: usize| u64::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let size = u16_at(1) % SIZE + 1;
    let first = u16_at(3) % size;
    let count = (u64::from(head[5]) + 1).min(size - first);
    let mut siblings = Vec::new();
    let (anchor, first, count, width) = if head[0] & 1 == 0 {
        TREE.prove_root(size, first, count, &mut siblings).expect("an honest run");
        let root = TREE.root_at(size).expect("an honest size").expect("not empty");
        (Anchor::Root { root, size }, first, count, None)
    } else {
        let part = peaks::split(size, first, count).expect("an honest run").next().expect("a first part");
        let height = part.peak.height;
        let peak = TREE.prove_peak(height, part.first, part.count, &mut siblings).expect("an honest run");
        (Anchor::Peak { peak, height }, part.first, part.count, Some(part.peak))
    };
    let mut leaves = TREE.leaves()[first as usize..(first + count) as usize].to_vec();
    let claimed = first.wrapping_add(u16_at(6));
    for bytes in edits.chunks_exact(4).take(16) {
        let words = if bytes[0] & 0x80 == 0 { &mut leaves } else { &mut siblings };
        edit(words, bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    if anchor.verify_commitments(claimed, &leaves, &siblings).is_ok() {
        // In peak form a commitment's position is known modulo the peak's leaves; the index in the entry is the rest.
        let at = width.map_or(claimed, |peak| peak.first + claimed % peak.leaves());
        let truth = &TREE.leaves()[at as usize..at as usize + leaves.len()];
        assert_eq!(truth, &leaves[..], "accepted what is not there");
    } else {
        let honest = edits.len() < 4 && claimed == first;
        assert!(!honest || leaves.len() > 256, "refused what is there");
    }
});
