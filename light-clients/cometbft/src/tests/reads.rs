//! ICS-23: presence, absence, batches, and the ways in which they were forged.

use std::{vec, vec::Vec};

use sha2::{Digest, Sha256};

use crate::{
    WireFault,
    header::nested,
    proof::{
        BatchFault, Claim, DEFAULT_MAX_DEPTH, HashOp, IAVL, InnerOp, InnerSpec, LeafOp, Lookup, MAX_PROOF_BYTES,
        ProofFault, ProofSpec, SMT, SpecFault, TENDERMINT, membership, non_membership, read, store_root, verify_batch,
    },
    tests::trees::{Op, Store, absence, existence, key},
    wire::put,
};

fn absent(store: &Store, key: &[u8], proof: &[u8]) -> Result<(), ProofFault> {
    non_membership(&TENDERMINT, &store.root(), key, proof)
}

#[test]
fn every_key_of_trees_of_every_size() {
    for count in 1..20 {
        let store = Store::even(count);
        let root = store.root();
        for (at, (key, value)) in store.entries.iter().enumerate() {
            let proof = store.proof(at);
            assert_eq!(membership(&TENDERMINT, &root, key, value, &proof), Ok(()));
            assert_eq!(read(&TENDERMINT, &root, key, &proof), Ok(Lookup::Present(value)));
            assert_eq!(membership(&TENDERMINT, &root, key, b"other", &proof), Err(ProofFault::OtherValue));
            assert_eq!(membership(&TENDERMINT, &root, b"other", value, &proof), Err(ProofFault::OtherKey));
            assert!(matches!(membership(&TENDERMINT, &[7; 32], key, value, &proof), Err(ProofFault::OtherRoot(_))));
            assert_eq!(absent(&store, key, &proof), Err(ProofFault::SaysNothing("absent")));
            // Between this and the next, or at the edges.
            let next = (at + 1 < count).then_some(at + 1);
            assert_eq!(absent(&store, &self::key(2 * at + 1), &store.gap(Some(at), next)), Ok(()));
        }
        assert_eq!(absent(&store, b"a", &store.gap(None, Some(0))), Ok(()));
    }
}

/// Dragonberry: forged absence is a forged timeout.
#[test]
fn atk_030_absence_needs_true_neighbours() {
    for count in [2, 3, 5, 8, 13] {
        let store = Store::even(count);
        // Any two that are not next to each other, in any order, around any key.
        for left in 0..count {
            for right in 0..count {
                for number in 0..2 * count {
                    let honest = right == left + 1 && number == 2 * left + 1;
                    let found = absent(&store, &key(number), &store.gap(Some(left), Some(right)));
                    assert_eq!(found.is_ok(), honest, "{left}, {right} of {count} around {number}: {found:?}");
                }
            }
        }
        // One neighbour missing: only at the edge.
        for at in 0..count {
            let (below, above) = (key(0)[..3].to_vec(), key(2 * count));
            assert_eq!(absent(&store, &above, &store.gap(Some(at), None)).is_ok(), at + 1 == count);
            assert_eq!(absent(&store, &below, &store.gap(None, Some(at))).is_ok(), at == 0);
            // On the wrong side of it.
            assert_eq!(absent(&store, &below, &store.gap(Some(at), None)), Err(ProofFault::WrongSide("left")));
            assert_eq!(absent(&store, &above, &store.gap(None, Some(at))), Err(ProofFault::WrongSide("right")));
        }
        assert_eq!(absent(&store, b"", &store.gap(None, Some(0))), Err(ProofFault::Empty("key")));
        assert_eq!(absent(&store, b"k", &store.gap(None, None)), Err(ProofFault::NoNeighbours));
        // A key that is there, between a neighbour and itself.
        assert_eq!(absent(&store, &key(0), &store.gap(Some(0), Some(1))), Err(ProofFault::WrongSide("left")));
        assert_eq!(absent(&store, &key(2), &store.gap(Some(0), Some(1))), Err(ProofFault::WrongSide("right")));
        // Neighbours of another key or value than the leaf's.
        let (mut forged, value) = (key(0), b"value 0".to_vec());
        forged.push(1);
        let right = store.existence(1);
        let proof =
            nested(|out| put::message(out, 2, &absence(Some(existence(&forged, &value, &store.path(0))), Some(right))));
        assert!(matches!(absent(&store, &key(1), &proof), Err(ProofFault::OtherRoot(_))));
    }
}

/// The same tree read as IAVL, whose nodes have another form.
#[test]
fn atk_030_a_proof_of_another_kind_of_tree() {
    let store = Store::even(8);
    let (root, proof) = (store.root(), store.proof(3));
    for spec in [IAVL, SMT] {
        let found = membership(&spec, &root, &key(6), b"value 3", &proof);
        assert!(matches!(found, Err(ProofFault::LeafOp(_) | ProofFault::InnerOp { .. })), "{found:?}");
    }
}

/// ics23 #369: a prefix long enough to hide a child.
#[test]
fn atk_031_specifications_that_hide_a_child_are_refused() {
    let with = |min_prefix_length, max_prefix_length| ProofSpec {
        inner: InnerSpec { min_prefix_length, max_prefix_length, ..TENDERMINT.inner },
        ..TENDERMINT
    };
    let store = Store::even(4);
    let verdict = |spec: &ProofSpec<'_>| membership(spec, &store.root(), &key(0), b"value 0", &store.proof(0));
    for (min, max) in [(1, 33), (1, 34), (1, 64), (0, 32)] {
        let expected = SpecFault::PrefixHidesChild { min, max, child: 32 };
        assert_eq!(verdict(&with(min, max)), Err(ProofFault::InvalidSpec(expected)));
        let batch = verify_batch(&with(min, max), &store.root(), &[], &store.proof(0));
        assert_eq!(batch, Err(BatchFault::Proof(ProofFault::InvalidSpec(expected))));
    }
    assert_eq!(verdict(&with(1, 32)), Ok(()));
    let bad = [
        (ProofSpec { inner: InnerSpec { child_size: 0, ..TENDERMINT.inner }, ..TENDERMINT }, SpecFault::ChildSize(0)),
        (with(2, 1), SpecFault::PrefixLengths { min: 2, max: 1 }),
        (ProofSpec { inner: InnerSpec { child_order: &[0], ..TENDERMINT.inner }, ..TENDERMINT }, SpecFault::ChildOrder),
        (
            ProofSpec { inner: InnerSpec { child_order: &[0, 0], ..TENDERMINT.inner }, ..TENDERMINT },
            SpecFault::ChildOrder,
        ),
        (
            ProofSpec { inner: InnerSpec { empty_child: &[0; 31], ..TENDERMINT.inner }, ..TENDERMINT },
            SpecFault::EmptyChild { expected: 32, found: 31 },
        ),
        (ProofSpec { max_depth: 257, ..TENDERMINT }, SpecFault::Depth { min: 0, max: 257 }),
        (ProofSpec { min_depth: 129, ..TENDERMINT }, SpecFault::Depth { min: 129, max: 0 }),
    ];
    for (spec, fault) in bad {
        assert_eq!(verdict(&spec), Err(ProofFault::InvalidSpec(fault)));
    }
    for spec in [IAVL, TENDERMINT, SMT] {
        assert_eq!(spec.check(), Ok(()));
    }
}

/// A node whose prefix holds one child more than its place says, or whose suffix is no child.
#[test]
fn atk_031_nodes_that_hide_a_child_are_refused() {
    let store = Store::even(4);
    let path = store.path(0);
    let with = |change: &dyn Fn(&mut Op)| {
        let mut path = path.clone();
        change(&mut path[0]);
        let proof = nested(|out| put::message(out, 1, &existence(&key(0), b"value 0", &path)));
        membership(&TENDERMINT, &store.root(), &key(0), b"value 0", &proof)
    };
    let bad = |what| Err(ProofFault::InnerOp { layer: 1, what });
    assert_eq!(with(&|(prefix, _)| prefix.extend([0; 64])), bad("prefix too long"));
    assert_eq!(with(&|(prefix, _)| prefix.clear()), bad("prefix too short"));
    assert_eq!(with(&|(prefix, _)| prefix[0] = 0), bad("prefix is that of a leaf"));
    assert_eq!(with(&|(_, suffix)| suffix.push(0)), bad("suffix is not made of children"));
    // IAVL: height, size, version, then the length of a child and nothing else.
    let iavl = |prefix: &[u8], layer| IAVL.check_inner(&InnerOp { hash: HashOp::Sha256, prefix, suffix: &[] }, layer);
    assert_eq!(iavl(&[2, 4, 6, 32], 1), Ok(()));
    assert_eq!(
        iavl(&[2, 4, 6, 32], 2),
        Err(ProofFault::InnerOp { layer: 2, what: "prefix is not that of an IAVL node" })
    );
    for prefix in [&[2, 4, 6][..], &[2, 4, 6, 32, 0], &[1, 4, 6, 32], &[2, 3, 6, 32], &[2, 4, 0x86, 0, 32], &[2; 40]] {
        assert!(iavl(prefix, 1).is_err(), "{prefix:?}");
    }
    let leaf = |prefix| IAVL.check_leaf(&LeafOp { prefix, ..IAVL.leaf });
    assert_eq!(leaf(&[0, 2, 6]), Ok(()));
    for prefix in [&[0, 2][..], &[0, 2, 6, 0], &[2, 2, 6], &[0, 1, 6], &[]] {
        assert!(leaf(prefix).is_err(), "{prefix:?}");
    }
}

/// cardano-ibc #586: no depth means no bound. Here it means 128.
#[test]
fn atk_067_depth_and_size_are_bounded_first() {
    let step: Op = (vec![1], vec![0; 32]);
    let of_depth = |depth: usize| {
        let path = vec![step.clone(); depth];
        nested(|out| put::message(out, 1, &existence(b"key", b"value", &path)))
    };
    let verdict = |depth| membership(&TENDERMINT, &[0; 32], b"key", b"value", &of_depth(depth));
    assert!(matches!(verdict(DEFAULT_MAX_DEPTH), Err(ProofFault::OtherRoot(_))));
    assert_eq!(verdict(129), Err(ProofFault::TooDeep { limit: 128, found: 129 }));
    assert_eq!(verdict(5_000), Err(ProofFault::TooDeep { limit: 128, found: 129 }));
    let spec = ProofSpec { min_depth: 3, max_depth: 4, ..TENDERMINT };
    let verdict = |depth| membership(&spec, &[0; 32], b"key", b"value", &of_depth(depth));
    assert_eq!(verdict(2), Err(ProofFault::TooShallow { limit: 3, found: 2 }));
    assert_eq!(verdict(5), Err(ProofFault::TooDeep { limit: 4, found: 5 }));
    let huge = nested(|out| put::message(out, 1, &existence(b"key", &vec![1; 10 << 20], &[])));
    let found = membership(&TENDERMINT, &[0; 32], b"key", b"value", &huge);
    assert!(matches!(found, Err(ProofFault::Malformed(WireFault::TooLarge { .. }))));
    let large = nested(|out| put::message(out, 1, &existence(b"key", &vec![1; MAX_PROOF_BYTES], &[])));
    let found = membership(&TENDERMINT, &[0; 32], b"key", b"value", &large);
    assert!(matches!(found, Err(ProofFault::Malformed(WireFault::TooLarge { limit: MAX_PROOF_BYTES, .. }))));
    // More entries than a batch may have.
    let store = Store::even(1);
    let many = store.batch(&[0; crate::proof::MAX_BATCH_ENTRIES + 1], &[]);
    let found = verify_batch(&TENDERMINT, &store.root(), &[], &many);
    assert!(matches!(found, Err(BatchFault::Proof(ProofFault::Malformed(WireFault::TooLarge { .. })))));
}

#[test]
fn batches_say_what_their_members_say() {
    let store = Store::even(37);
    let root = store.root();
    let places: Vec<usize> = (0..37).collect();
    let values: Vec<(Vec<u8>, Vec<u8>)> = store.entries.clone().into_iter().collect();
    let present: Vec<Claim<'_>> = values.iter().map(|(key, value)| Claim::Present { key, value }).collect();
    let verify = |claims: &[Claim<'_>], proof: &[u8]| verify_batch(&TENDERMINT, &root, claims, proof);
    for proof in [store.batch(&places, &[]), store.compressed(&places)] {
        assert_eq!(verify(&present, &proof), Ok(()));
        let mut backwards = present.clone();
        backwards.reverse();
        assert_eq!(verify(&backwards, &proof), Ok(()));
        assert_eq!(verify(&[present[3], present[3]], &proof), Ok(()));
        // One claim that is not so, wherever it stands.
        for index in [0, 17, 36] {
            let mut claims = present.clone();
            claims[index] = Claim::Present { key: &values[index].0, value: b"other" };
            assert_eq!(verify(&claims, &proof), Err(BatchFault::Claim { index, fault: ProofFault::OtherValue }));
            claims[index] = Claim::Present { key: b"k", value: b"other" };
            let fault = ProofFault::SaysNothing("present");
            assert_eq!(verify(&claims, &proof), Err(BatchFault::Claim { index, fault }));
            claims[index] = Claim::Absent { key: b"k" };
            let fault = ProofFault::SaysNothing("absent");
            assert_eq!(verify(&claims, &proof), Err(BatchFault::Claim { index, fault }));
        }
        // Under another root nothing holds, also behind a member that was followed before.
        assert!(verify_batch(&TENDERMINT, &[1; 32], &present, &proof).is_err());
    }
    let gaps = [(None, Some(0)), (Some(3), Some(4)), (Some(36), None), (Some(5), Some(9))];
    let mixed = store.batch(&[7, 9], &gaps);
    let around: Vec<Vec<u8>> = [7, 75].into_iter().map(key).collect();
    let claims =
        [Claim::Absent { key: b"a" }, Claim::Absent { key: &around[0] }, present[7], Claim::Absent { key: &around[1] }];
    assert_eq!(verify(&claims, &mixed), Ok(()));
    let inside = key(15);
    let found = verify(&[claims[0], Claim::Absent { key: &inside }], &mixed);
    assert_eq!(found, Err(BatchFault::Claim { index: 1, fault: ProofFault::Gap }));
    // A proof of one key is a batch of one.
    assert_eq!(verify(&present[5..6], &store.proof(5)), Ok(()));
}

/// A member whose lower part is made up does not ride on a path that was followed before.
#[test]
fn a_forged_member_does_not_ride_on_an_honest_one() {
    let store = Store::even(16);
    let (honest, path) = (store.existence(4), store.path(5));
    for cut in 0..=path.len() {
        // A made-up leaf that enters the honest path further up.
        let forged = existence(b"k00009x", b"forged", &path[cut..]);
        let batch = nested(|out| {
            for exist in [&honest, &forged] {
                put::message(out, 1, &nested(|out| put::message(out, 1, exist)));
            }
        });
        let proof = nested(|out| put::message(out, 3, &batch));
        let (first, value) = (key(8), b"value 4".to_vec());
        let claims =
            [Claim::Present { key: &first, value: &value }, Claim::Present { key: b"k00009x", value: b"forged" }];
        let found = verify_batch(&TENDERMINT, &store.root(), &claims, &proof);
        assert!(
            matches!(found, Err(BatchFault::Claim { index: 1, fault: ProofFault::OtherRoot(_) })),
            "{cut}: {found:?}"
        );
        // The node above a leaf, shown as that leaf's own hash.
    }
}

/// Two stores: the root of the module's under the application hash, the key under that.
#[test]
fn a_store_under_the_application_hash() {
    let module = Store::even(9);
    let root = module.root();
    let mut app = Store::even(3);
    app.entries.insert(b"wasm".to_vec(), root.to_vec());
    app.entries.insert(b"short".to_vec(), vec![1; 31]);
    let place = |name: &[u8]| app.entries.keys().position(|key| key == name).unwrap();
    let app_hash = app.root();
    let proven = store_root(&app_hash, "wasm", &app.proof(place(b"wasm"))).unwrap();
    assert_eq!(proven.as_hash().0, root);
    assert_eq!(proven.read(&TENDERMINT, &key(4), &module.proof(2)), Ok(Lookup::Present(b"value 2")));
    assert_eq!(proven.read(&TENDERMINT, &key(5), &module.gap(Some(2), Some(3))), Ok(Lookup::Absent));
    let claim = Claim::Present { key: &key(4), value: b"value 2" };
    assert_eq!(proven.verify_batch(&TENDERMINT, &[claim], &module.batch(&[2], &[])), Ok(()));
    assert_eq!(store_root(&app_hash, "bank", &app.proof(place(b"wasm"))), Err(ProofFault::OtherKey));
    assert_eq!(store_root(&app_hash, "short", &app.proof(place(b"short"))), Err(ProofFault::StoreRoot(31)));
    let last = app.entries.len() - 1;
    assert_eq!(store_root(&app_hash, "zzz", &app.gap(Some(last), None)), Err(ProofFault::SaysNothing("present")));
}

#[test]
fn every_hash_of_a_known_preimage() {
    let digest = |op: HashOp| op.digest(&[b"fo", b"od"]).map(|digest| std::format!("{digest}"));
    let sha256: [u8; 32] = Sha256::digest(b"food").into();
    assert_eq!(digest(HashOp::Sha256).unwrap(), alloy_primitives::hex::encode(sha256));
    assert_eq!(digest(HashOp::Ripemd160).unwrap(), "b1ab9988c7c7c5ec4b2b291adfeeee10e77cdd46");
    assert_eq!(digest(HashOp::Bitcoin).unwrap(), "0bcb587dfb4fc10b36d57f2bba1878f139b75d24");
    let keccak = "a471c7c90860799b1facb54795f0a93d821fb727241025770865602471b765a8";
    assert_eq!(digest(HashOp::Keccak256).unwrap(), keccak);
    assert_eq!(digest(HashOp::NoHash), Err(ProofFault::HashOp(HashOp::NoHash)));
    let blake3 = "f775a8ccf8cb78cd1c63ade4e9802de4ead836b36cea35242accf31d2c6a3697";
    if cfg!(feature = "every-hash") {
        assert_eq!(digest(HashOp::Blake3).unwrap(), blake3);
    } else {
        assert_eq!(digest(HashOp::Blake3), Err(ProofFault::HashOp(HashOp::Blake3)));
    }
}
