//! What is run of each crate.

/// The checks of the chosen crates.
pub fn run() -> i32 {
    let checks: &[(i32, fn() -> bool)] = &[
        #[cfg(feature = "core")]
        (1, outbox),
        #[cfg(feature = "core")]
        (2, packing),
        #[cfg(feature = "mpt")]
        (3, trie),
        #[cfg(feature = "crypto")]
        (4, signature),
        #[cfg(feature = "bft-evm")]
        (5, validators),
    ];
    if checks.is_empty() {
        return -1;
    }
    checks.iter().find(|(_, check)| !check()).map_or(0, |(number, _)| *number)
}

#[cfg(feature = "core")]
fn entries() -> alloc::vec::Vec<causeway_core::Entry> {
    use causeway_core::{B256, Body, Caip2, Entry, Lane, LaneEnd, LaneId, SwapLeg};
    let end = |id| LaneEnd::new(&Caip2::evm(id), B256::repeat_byte(1), &[2; 20], &[3; 20]);
    let lane = match (end(1), end(2)) {
        (Ok(source), Ok(destination)) => Lane { source, destination, epoch: 0 }.id(),
        _ => LaneId(B256::ZERO),
    };
    let fact = SwapLeg { swap_id: B256::repeat_byte(9), leg: 1 };
    (0..100).map(|index| Entry { lane, index, body: Body::SwapLocked(fact) }).collect()
}

/// A run of 50 entries is proven and verified, in both forms.
#[cfg(feature = "core")]
fn outbox() -> bool {
    use causeway_core::{Anchor, Entry, OutboxTree};
    let entries = entries();
    let Some(lane) = entries.first().map(|entry| entry.lane) else { return false };
    let tree: OutboxTree = entries.iter().map(Entry::commitment).collect();
    let (mut by_root, mut by_peak) = (alloc::vec::Vec::new(), alloc::vec::Vec::new());
    let Some(root) = tree.root() else { return false };
    let Ok(()) = tree.prove_root(100, 10, 50, &mut by_root) else { return false };
    let Ok(peak) = tree.prove_peak(6, 10, 50, &mut by_peak) else { return false };
    let Some(run) = entries.get(10..60) else { return false };
    let root = Anchor::Root { root, size: 100 };
    let peak = Anchor::Peak { peak, height: 6 };
    root.verify_entries(lane, 10, run, &by_root).is_ok()
        && peak.verify_entries(lane, 10, run, &by_peak).is_ok()
        && peak.verify_entries(lane, 11, run, &by_peak).is_err()
}

#[cfg(feature = "core")]
fn packing() -> bool {
    use causeway_core::pack::{decode_event, encode_event};
    let entries = entries();
    let Some(lane) = entries.first().map(|entry| entry.lane) else { return false };
    encode_event(&entries).and_then(|bytes| decode_event(lane, 0, &bytes)).is_ok_and(|again| again == entries)
}

/// Absence in the empty trie, whose root is keccak256(0x80), and nothing under another root.
#[cfg(feature = "mpt")]
fn trie() -> bool {
    use alloy_primitives::{B256, keccak256};
    use causeway_mpt::{Lookup, decode_account, lookup};
    let empty = keccak256([0x80]);
    let nodes: [&[u8]; 1] = [&[0x80]];
    let absent = lookup(&empty, &[7; 32], &nodes[..0]).or_else(|_| lookup(&empty, &[7; 32], &nodes));
    matches!(absent, Ok(Lookup::Absent))
        && lookup(&B256::repeat_byte(1), &[7; 32], &nodes).is_err()
        && decode_account(&[0xc0]).is_err()
}

/// Ethereum's own ecrecover example (go-ethereum `core/vm/testdata/precompiles/ecRecover.json`, "ValidKey").
#[cfg(feature = "crypto")]
fn signature() -> bool {
    use alloy_primitives::{B256, address, hex};
    use causeway_crypto::{HighS, Portable, Recover};
    let prehash = B256::new(hex!("18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"));
    let r_s = hex!(
        "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f"
        "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"
    );
    let signer = address!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b");
    Portable::recover(&prehash, &r_s, 1, HighS::Accept) == Ok(signer)
        && Portable::recover(&prehash, &r_s, 1, HighS::Refuse).is_err()
}

/// A set of validators is read and hashed; the verifier and the comparison are linked.
#[cfg(feature = "bft-evm")]
fn validators() -> bool {
    use alloy_primitives::Address;
    use causeway_bft_evm::{ValidatorSet, conflict, set_hash, verify};
    let validators = [Address::repeat_byte(1), Address::repeat_byte(2)];
    let set = ValidatorSet::new(validators.to_vec());
    let (verify, conflict) = (core::hint::black_box(verify as *const ()), core::hint::black_box(conflict as *const ()));
    set.is_ok_and(|set| set.len() == 2 && !set_hash(set.as_slice()).is_zero()) && verify != conflict
}
