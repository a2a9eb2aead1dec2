//! What must be refused, and the nearest honest header beside it.

use std::vec::Vec;

use alloy_primitives::{Address, B256};
use causeway_crypto::p256::{P256Fault, Portable};

use super::kit::{
    Chain, MAGIC, START, compressed, consensus, invocation, keys, message, script, sign, signature, verify, witnessed,
};
use crate::{
    Freeze, Header, HeaderFault, MAX_HEADER_BYTES, MAX_SCRIPT_BYTES, MisbehaviourKind, Multisig, Params, ParamsFault,
    Refusal, ScriptFault, TrustedState, conflict_with,
    script::{consensus_script, quorum},
};

fn unsigned(chain: &Chain, height: u32) -> Vec<u8> {
    chain.fields(height).unsigned(true)
}

#[test]
fn honest_headers_are_followed_and_may_be_skipped() {
    let chain = Chain::new(4, 6);
    for height in 1..6 {
        let verified = chain.verify(&chain.headers[height]).unwrap();
        assert_eq!(verified.trusted.height(), height as u64);
        assert_eq!(verified.header.state.unwrap().height, height as u64 - 1);
        assert_eq!(verified.header.state, verified.trusted.state());
    }
    // Known keys give the same verdicts.
    let moved = chain.verify(&chain.headers[2]).unwrap().trusted;
    assert_eq!(verify(&chain.params, &moved, &chain.headers[4], chain.now()).unwrap().trusted.height(), 4);
    // An older one is believed and moves nothing.
    let older = verify(&chain.params, &moved, &chain.headers[1], chain.now()).unwrap();
    assert_eq!((older.header.height, older.trusted.height()), (1, 2));
}

#[test]
fn consensus_changes_where_the_last_header_of_the_old_one_says_so() {
    let mut chain = Chain::new(4, 3);
    let old = std::mem::replace(&mut chain.keys, keys(20..27));
    let mut handover = chain.fields(3);
    handover.next = consensus(&chain.keys);
    let header = sign(MAGIC, &handover.unsigned(true), &old, &old[..3]);
    chain.headers.push(header);
    let next = chain.fields(4);
    chain.push(&next);
    let handed = chain.verify(&chain.headers[3]).unwrap().trusted;
    assert_eq!(handed.next_consensus(), consensus(&keys(20..27)));
    assert_eq!(verify(&chain.params, &handed, &chain.headers[4], chain.now()).unwrap().trusted.height(), 4);
    // Without the header between them the new consensus is nobody's; with it, it is.
    let skipped = chain.verify(&chain.headers[4]).unwrap_err();
    assert_eq!(skipped, Refusal::NotEnoughTrust { expected: consensus(&old), found: consensus(&chain.keys) });
    assert!(skipped.intermediate_helps());
    // The old consensus counts no more.
    let stale = sign(MAGIC, &next.unsigned(true), &old, &old[..3]);
    assert!(matches!(verify(&chain.params, &handed, &stale, chain.now()), Err(Refusal::NotEnoughTrust { .. })));
}

#[test]
fn atk_016_a_quorum_of_strangers_is_refused() {
    let chain = Chain::new(4, 2);
    let strangers = keys(50..54);
    let theirs = sign(MAGIC, &unsigned(&chain, 1), &strangers, &strangers[..3]);
    assert!(matches!(chain.verify(&theirs), Err(Refusal::NotEnoughTrust { .. })));
    // One member and two strangers under the true script.
    let mixed = [chain.keys[0].clone(), strangers[0].clone(), strangers[1].clone()];
    let mixed = sign(MAGIC, &unsigned(&chain, 1), &chain.keys, &mixed);
    assert_eq!(chain.verify(&mixed), Err(Refusal::BadSignature { position: 1, fault: P256Fault::Mismatch }));
}

#[test]
fn atk_019_a_header_has_one_encoding() {
    let chain = Chain::new(4, 2);
    let good = &chain.headers[1];
    for cut in 0..good.len() {
        assert!(matches!(chain.verify(&good[..cut]), Err(Refusal::Header(_))), "{cut}");
    }
    let padded = [good.as_slice(), &[0]].concat();
    assert_eq!(chain.verify(&padded), Err(Refusal::Header(HeaderFault::Trailing(1))));
    // The length of the invocation script in three bytes instead of one.
    let at = 141 + 1;
    assert_eq!(good[at], 0xc6);
    let longer = [&good[..at], &[0xfd, 0xc6, 0], &good[at + 1..]].concat();
    assert_eq!(chain.verify(&longer), Err(Refusal::Header(HeaderFault::NonCanonical)));
    let two = [&good[..141], &[2], &good[142..]].concat();
    assert_eq!(chain.verify(&two), Err(Refusal::Header(HeaderFault::Witnesses(2))));
}

#[test]
fn atk_020_a_header_from_the_future_waits() {
    let chain = Chain::new(4, 2);
    let time = START + 1;
    let at = |now| verify(&chain.params, &chain.trusted(0), &chain.headers[1], now).map(|_| ());
    assert_eq!(at(time - 15), Ok(()));
    let refusal = at(time - 16).unwrap_err();
    assert_eq!(refusal, Refusal::HeaderFromFuture { latest: (time - 1) * 1000, found: time * 1000 });
    assert!(refusal.may_pass_later());
}

#[test]
fn atk_044_another_network_or_shape_is_refused() {
    let chain = Chain::new(4, 2);
    let foreign = sign(MAGIC + 1, &unsigned(&chain, 1), &chain.keys, &chain.keys[..3]);
    assert_eq!(chain.verify(&foreign), Err(Refusal::BadSignature { position: 0, fault: P256Fault::Mismatch }));
    // Without the state root that this chain's headers hold.
    let bare = sign(MAGIC, &chain.fields(1).unsigned(false), &chain.keys, &chain.keys[..3]);
    assert!(matches!(chain.verify(&bare), Err(Refusal::Header(_))));
    let pinned = TrustedState::pinned(&chain.params, &B256::repeat_byte(1), &chain.headers[0], START);
    assert!(matches!(pinned, Err(Refusal::ChainMismatch { .. })));
}

#[test]
fn atk_045_fewer_signatures_than_the_quorum_are_refused() {
    for members in [1, 2, 3, 4, 5, 6, 7, 10, 21] {
        let chain = Chain::new(members, 2);
        let m = quorum(chain.keys.len());
        assert!(chain.verify(&chain.headers[1]).is_ok(), "{members}");
        for count in 0..m {
            let few = sign(MAGIC, &unsigned(&chain, 1), &chain.keys, &chain.keys[..count]);
            assert_eq!(chain.verify(&few), Err(Refusal::SignatureCount { needed: m, found: count }));
        }
        // One more, as far as an invocation script has room.
        if m < chain.keys.len() && (m + 1) * 66 <= MAX_SCRIPT_BYTES {
            let many = sign(MAGIC, &unsigned(&chain, 1), &chain.keys, &chain.keys[..m + 1]);
            assert_eq!(chain.verify(&many), Err(Refusal::SignatureCount { needed: m, found: m + 1 }));
        }
    }
}

/// A consensus that a header names, but that fewer may witness than dBFT demands.
#[test]
fn atk_002_a_script_with_a_small_quorum_is_refused() {
    let mut chain = Chain::new(4, 1);
    let mut weak = script(&chain.keys);
    weak[0] -= 1;
    let mut start = chain.fields(0);
    start.next = crate::script_hash(&weak);
    chain.headers[0] = chain.sign(&start);
    let fields = chain.fields(1).unsigned(true);
    let signed: Vec<[u8; 64]> = chain.keys[..2].iter().map(|key| signature(key, &message(MAGIC, &fields))).collect();
    let header = witnessed(&fields, &invocation(&signed), &weak);
    assert_eq!(chain.verify(&header), Err(Refusal::QuorumTooSmall { needed: 3, found: 2, of: 4 }));
    assert_eq!(Params { trusting_period: 0, ..chain.params.clone() }.check(), Err(ParamsFault::TrustingPeriod));
    assert!(Params { drift: u64::MAX, ..chain.params.clone() }.check().is_err());
    assert_eq!(chain.params.check(), Ok(()));
}

#[test]
fn atk_046_time_grows_with_height() {
    let chain = Chain::new(4, 2);
    for time_ms in [START * 1000, START * 1000 - 1, 0] {
        let mut fields = chain.fields(1);
        fields.time_ms = time_ms;
        assert!(matches!(chain.verify(&chain.sign(&fields)), Err(Refusal::NonMonotonicTime { .. })), "{time_ms}");
    }
    let mut fields = chain.fields(1);
    fields.time_ms = START * 1000 + 1;
    assert!(chain.verify(&chain.sign(&fields)).is_ok());
}

#[test]
fn atk_048_no_signature_counts_twice_or_out_of_place() {
    let chain = Chain::new(4, 2);
    let fields = unsigned(&chain, 1);
    let message = message(MAGIC, &fields);
    let by: Vec<[u8; 64]> = chain.keys.iter().map(|key| signature(key, &message)).collect();
    let header = |signatures: &[[u8; 64]]| witnessed(&fields, &invocation(signatures), &script(&chain.keys));
    assert!(chain.verify(&header(&[by[0], by[1], by[2]])).is_ok());
    assert!(chain.verify(&header(&[by[0], by[2], by[3]])).is_ok());
    for wrong in [[by[0], by[0], by[1]], [by[1], by[0], by[2]], [by[2], by[2], by[2]], [by[3], by[0], by[1]]] {
        assert!(matches!(chain.verify(&header(&wrong)), Err(Refusal::BadSignature { .. })));
    }
    // The twin of a member's signature is taken, as Neo does, but is no second one.
    let twin = |signature: &[u8; 64]| -> [u8; 64] {
        let (r, s) = p256::ecdsa::Signature::from_slice(signature).unwrap().split_scalars();
        p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap().to_bytes().into()
    };
    assert!(chain.verify(&header(&[twin(&by[0]), by[1], by[2]])).is_ok());
    assert!(chain.verify(&header(&[by[0], twin(&by[0]), by[1]])).is_err());
    // A signature over another header.
    let other = signature(&chain.keys[1], b"another header");
    assert!(matches!(chain.verify(&header(&[by[0], other, by[2]])), Err(Refusal::BadSignature { position: 1, .. })));
}

#[test]
fn atk_050_two_final_blocks_are_misbehaviour() {
    let chain = Chain::new(4, 4);
    let ask = |a: &[u8], b: &[u8]| conflict_with::<Portable>(&chain.params, &chain.trusted(0), a, b, chain.now());
    let mut other = chain.fields(2);
    other.root = B256::repeat_byte(0xee);
    let rival = chain.sign(&other);
    let found = ask(&chain.headers[2], &rival).unwrap().unwrap();
    assert_eq!((found.kind, found.common), (MisbehaviourKind::TwoBlocks, Some((1, chain.header(1).hash))));
    let freeze = found.freeze(&chain.trusted(0), 5);
    assert_eq!(freeze, Freeze { at: 1, since: 5 });
    let frozen = chain.trusted(0).freeze(freeze);
    assert_eq!(verify(&chain.params, &frozen, &chain.headers[1], chain.now()), Err(Refusal::Frozen { at: 1 }));
    // A child of another block, also of the trusted one.
    assert_eq!(ask(&rival, &chain.headers[3]).unwrap().unwrap().kind, MisbehaviourKind::NotItsChild);
    let mut orphan = chain.fields(1);
    orphan.parent = B256::repeat_byte(1);
    let orphan = chain.sign(&orphan);
    assert!(matches!(chain.verify(&orphan), Err(Refusal::NotItsChild { .. })));
    assert_eq!(ask(&chain.headers[0], &orphan).unwrap().unwrap().kind, MisbehaviourKind::NotItsChild);
}

#[test]
fn atk_051_honest_pairs_are_no_misbehaviour() {
    let chain = Chain::new(4, 4);
    let ask = |a: &[u8], b: &[u8]| conflict_with::<Portable>(&chain.params, &chain.trusted(0), a, b, chain.now());
    for a in 1..4 {
        for b in 1..4 {
            assert_eq!(ask(&chain.headers[a], &chain.headers[b]), Ok(None), "{a} {b}");
        }
    }
    // The same block under other signatures.
    let fields = chain.fields(2).unsigned(true);
    let again = sign(MAGIC, &fields, &chain.keys, &chain.keys[1..]);
    assert_ne!(again, chain.headers[2]);
    assert_eq!(ask(&chain.headers[2], &again), Ok(None));
    // What would not be accepted is no evidence.
    let strangers = keys(50..54);
    let forged = sign(MAGIC, &fields, &strangers, &strangers[..3]);
    assert!(ask(&chain.headers[2], &forged).is_err());
}

#[test]
fn atk_067_sizes_are_bounded_before_anything_is_hashed() {
    let chain = Chain::new(4, 1);
    let huge = std::vec![0; MAX_HEADER_BYTES + 1];
    assert_eq!(
        chain.verify(&huge),
        Err(Refusal::Header(HeaderFault::TooLarge { limit: MAX_HEADER_BYTES, found: MAX_HEADER_BYTES + 1 }))
    );
    let mut long = chain.fields(1).unsigned(true);
    long.extend_from_slice(&[1, 0xfe, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(chain.verify(&long), Err(Refusal::Header(HeaderFault::TooLarge { limit: 1024, .. }))));
    let many: Vec<[u8; 33]> = (0..30u8).map(|n| [n; 33]).collect();
    assert!(matches!(consensus_script(&many), Err(ScriptFault::Counts { n: 30, .. })));
    assert!(matches!(consensus_script(&[]), Err(ScriptFault::Counts { n: 0, .. })));
}

#[test]
fn atk_068_a_state_that_is_too_old_vouches_for_nothing() {
    let chain = Chain::new(4, 2);
    let end = START + chain.params.trusting_period;
    let at = |now| verify(&chain.params, &chain.trusted(0), &chain.headers[1], now).map(|_| ());
    assert_eq!(at(end - 1), Ok(()));
    assert_eq!(at(end), Err(Refusal::Expired { expired_at: end, now: end }));
    let hash = chain.header(0).hash;
    let late = TrustedState::pinned(&chain.params, &hash, &chain.headers[0], end);
    assert_eq!(late, Err(Refusal::Expired { expired_at: end, now: end }));
}

#[test]
fn scripts_have_one_form() {
    let members = keys(0..4);
    let good = script(&members);
    let read = Multisig::read(&good).unwrap();
    assert_eq!((read.threshold(), read.members()), (3, 4));
    let packed: Vec<[u8; 33]> = members.iter().map(compressed).collect();
    let with = |m: &[u8], order: &[usize], n: &[u8]| {
        let mut out = m.to_vec();
        for at in order {
            out.extend_from_slice(&[0x0c, 33]);
            out.extend_from_slice(&packed[*at]);
        }
        out.extend_from_slice(n);
        out.extend_from_slice(&[0x41, 0x9e, 0xd0, 0xdc, 0x3a]);
        Multisig::read(&out)
    };
    assert_eq!(with(&[0x13], &[0, 1, 2, 3], &[0x14]), Ok(read));
    assert_eq!(with(&[0x13], &[0, 1, 1, 3], &[0x14]), Err(ScriptFault::KeyOrder(2)));
    assert_eq!(with(&[0x13], &[1, 0, 2, 3], &[0x14]), Err(ScriptFault::KeyOrder(1)));
    assert_eq!(with(&[0x15], &[0, 1, 2, 3], &[0x14]), Err(ScriptFault::Counts { m: 5, n: 4 }));
    for (m, n) in [(&[0x00, 3][..], &[0x14][..]), (&[0x10], &[0x14]), (&[0x13], &[0x13]), (&[0x13], &[0x00, 4])] {
        assert_eq!(with(m, &[0, 1, 2, 3], n), Err(ScriptFault::NoMultisig));
    }
    for cut in 0..good.len() {
        assert!(Multisig::read(&good[..cut]).is_err());
    }
    let mut off = good.clone();
    off[3] = 5;
    assert_eq!(Multisig::read(&off), Err(ScriptFault::Key(0)));
}

/// Any byte of an accepted header, changed: refused, or the very same block under another good signature.
#[test]
fn no_changed_header_is_accepted() {
    let chain = Chain::new(4, 2);
    let good = &chain.headers[1];
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            assert!(chain.verify(&changed).is_err(), "byte {at} bit {bit}");
        }
    }
    assert!(Header::read(&chain.params, good).is_ok());
    assert_ne!(consensus(&chain.keys), Address::ZERO);
}
