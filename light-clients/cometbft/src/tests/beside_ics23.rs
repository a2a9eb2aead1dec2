//! Beside `ics23`: on proofs of real trees, changed at random in their bytes or their parts, this crate never accepts what
//! the reference refuses. What it refuses beyond that is depth (128 where the specification sets none) and encodings that
//! no encoder writes.

use std::{format, vec::Vec};

use ics23::{HostFunctionsManager, ProofSpec as PeerSpec, iavl_spec, smt_spec, tendermint_spec};
use proptest::prelude::*;
use prost013::Message;

use crate::{
    header::nested,
    proof::{Claim, IAVL, Lookup, ProofSpec, SMT, TENDERMINT, read, verify_batch},
    tests::trees::{Op, Store, absence, existence, key},
    wire::put,
};

/// The peer's verdict on a proof that is said to show a value, or none.
fn peer(spec: &PeerSpec, root: &[u8], key: &[u8], value: Option<&[u8]>, proof: &[u8]) -> bool {
    let Ok(proof) = ics23::CommitmentProof::decode(proof) else { return false };
    let root = root.to_vec();
    match value {
        Some(value) => ics23::verify_membership::<HostFunctionsManager>(&proof, spec, &root, key, value),
        None => ics23::verify_non_membership::<HostFunctionsManager>(&proof, spec, &root, key),
    }
}

fn specs() -> [(ProofSpec<'static>, PeerSpec); 3] {
    [(TENDERMINT, tendermint_spec()), (IAVL, iavl_spec()), (SMT, smt_spec())]
}

/// Whatever is shown here must be shown to the peer as well.
fn beside(root: &[u8], key: &[u8], proof: &[u8]) -> Result<usize, TestCaseError> {
    let mut shown = 0;
    for (spec, peer_spec) in specs() {
        let Ok(found) = read(&spec, root, key, proof) else { continue };
        let value = match found {
            Lookup::Present(value) => Some(value),
            Lookup::Absent => None,
        };
        shown += 1;
        if !peer(&peer_spec, root, key, value, proof) {
            return Err(TestCaseError::fail(format!("ours {found:?}, ics23 refuses")));
        }
    }
    Ok(shown)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn changed_bytes_show_no_more_than_to_the_peer(
        count in 2usize..12,
        place in any::<prop::sample::Index>(),
        at_byte in any::<prop::sample::Index>(),
        mask in any::<u8>(),
        absent in any::<bool>(),
    ) {
        let store = Store::even(count);
        let at = place.index(count - 1);
        let (key, mut proof) = match absent {
            true => (key(2 * at + 1), store.gap(Some(at), Some(at + 1))),
            false => (key(2 * at), store.proof(at)),
        };
        let byte = at_byte.index(proof.len());
        proof[byte] ^= mask;
        let shown = beside(&store.root(), &key, &proof)?;
        prop_assert!(mask != 0 || shown == 1);
    }

    /// Absence between any two leaves, around any key, with steps taken away, doubled, or swapped.
    #[test]
    fn any_neighbours_show_no_more_than_to_the_peer(
        count in 1usize..12,
        left in prop::option::of(any::<prop::sample::Index>()),
        right in prop::option::of(any::<prop::sample::Index>()),
        number in 0usize..26,
        change in 0u8..6,
        step in any::<prop::sample::Index>(),
    ) {
        let store = Store::even(count);
        let of = |at: usize, changed: bool| {
            let (key, value) = store.entries.iter().nth(at).unwrap();
            let mut path: Vec<Op> = store.path(at);
            if changed && !path.is_empty() {
                let step = step.index(path.len());
                match change {
                    1 => drop(path.remove(step)),
                    2 => path.insert(step, path[step].clone()),
                    3 => path.reverse(),
                    4 => path[step].0.extend([0; 32]),
                    5 => path[step].1.clear(),
                    _ => {}
                }
            }
            existence(key, value, &path)
        };
        let left = left.map(|index| of(index.index(count), true));
        let right = right.map(|index| of(index.index(count), false));
        // Two leaves without a way between them make the peer stop with a panic; nothing is compared there.
        prop_assume!(count > 1 || left.is_none() || right.is_none());
        prop_assume!(left.is_none() || right.is_none() || left != right);
        let proof = nested(|out| put::message(out, 2, &absence(left, right)));
        beside(&store.root(), &key(number), &proof)?;
    }

    /// What a batch shows, each member shows to the peer.
    #[test]
    fn batches_show_no_more_than_to_the_peer(
        count in 2usize..20,
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..6),
        at_byte in any::<prop::sample::Index>(),
        mask in any::<u8>(),
        compressed in any::<bool>(),
    ) {
        let store = Store::even(count);
        let places: Vec<usize> = picks.iter().map(|pick| pick.index(count)).collect();
        let mut proof = if compressed { store.compressed(&places) } else { store.batch(&places, &[]) };
        let byte = at_byte.index(proof.len());
        proof[byte] ^= mask;
        let entries: Vec<(Vec<u8>, Vec<u8>)> =
            places.iter().map(|at| store.entries.clone().into_iter().nth(*at).unwrap()).collect();
        let claims: Vec<Claim<'_>> = entries.iter().map(|(key, value)| Claim::Present { key, value }).collect();
        let root = store.root();
        let ours = verify_batch(&TENDERMINT, &root, &claims, &proof);
        prop_assert!(mask != 0 || ours.is_ok(), "{:?}", ours);
        if ours.is_ok() {
            for (key, value) in &entries {
                prop_assert!(peer(&tendermint_spec(), &root, key, Some(value), &proof));
            }
        }
    }
}
