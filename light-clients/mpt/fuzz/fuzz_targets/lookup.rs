//! Any nodes under a root that fits the first of them: the walk ends, and one node less is never an answer.
//!
//! Input: a byte of key length, the key, then nodes as `u8 length | node`. No fuzzer finds a hash's preimage, so what is
//! explored below the first node is inline.
#![no_main]

use alloy_primitives::keccak256;
use causeway_mpt::{InlineNodes, Limits, lookup_with};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first() else { return };
    let Some((key, mut rest)) = rest.split_at_checked(usize::from(*length % 65)) else { return };
    let mut nodes = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let (node, after) = after.split_at(after.len().min(usize::from(*length)));
        nodes.push(node);
        rest = after;
    }
    let Some(first) = nodes.first() else { return };
    let root = keccak256(first);
    for inline in [InlineNodes::Embedded, InlineNodes::MayRepeat] {
        let found = lookup_with(&root, key, &nodes, Limits::STATE, inline);
        if found.is_ok() && nodes.len() > 1 && inline == InlineNodes::Embedded {
            assert!(lookup_with(&root, key, &nodes[..nodes.len() - 1], Limits::STATE, inline).is_err());
        }
    }
});
