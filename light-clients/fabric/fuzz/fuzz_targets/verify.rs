//! Fuzzed updates and reads under a channel whose one orderer's organisation has a key that nobody has: never accepted,
//! never a panic.
//!
//! The first byte says how much of the update is honest: its frame and link are, so that the reader is passed and the
//! rules are reached; the rest is the fuzzer's.
#![no_main]

use std::sync::OnceLock;

use alloy_primitives::B256;
use causeway_fabric::{
    BlockHeader, Channel, Params, ReadPolicy, Reads, TrustedState, Update, conflict, outbox, verify,
};
use libfuzzer_sys::fuzz_target;

const START: u64 = 1_800_000_000;

fn put(out: &mut Vec<u8>, field: u8, part: &[u8]) {
    out.push(field << 3 | 2);
    let mut length = part.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(part);
}

fn message(parts: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    parts.iter().for_each(|(field, part)| put(&mut out, *field, part));
    out
}

/// A channel with an `Orderer` section, a policy that any organisation satisfies it, and no organisation.
fn channel() -> &'static Channel {
    static CHANNEL: OnceLock<Channel> = OnceLock::new();
    CHANNEL.get_or_init(|| {
        let meta = [&[8, 3][..], &message(&[(2, &message(&[(1, b"Writers")]))])].concat();
        let policy = message(&[(1, b"BlockValidation"), (2, &message(&[(2, &meta), (3, b"Admins")]))]);
        let consensus = message(&[(1, b"ConsensusType"), (2, &message(&[(2, &message(&[(1, b"etcdraft")]))]))]);
        let orderer = message(&[(3, &consensus), (4, &policy)]);
        let root = message(&[(2, &message(&[(1, b"Orderer"), (2, &orderer)]))]);
        Channel::read(&message(&[(2, &root)])).expect("a channel")
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((shape, bytes)) = bytes.split_first() else { return };
    let params = Params {
        channel: "trade".into(),
        trusting_period: 86_400,
        freeze_delay: 3_600,
        clock: B256::repeat_byte(1),
        reads: Some(Reads { chaincode: "vault".into(), policy: ReadPolicy::Channel(ReadPolicy::DEFAULT_PATH.into()) }),
    };
    let trusted = TrustedState::new((7, B256::repeat_byte(2)), B256::ZERO, START, 0, channel().clone());
    let header = BlockHeader { number: 8, previous_hash: Some(B256::repeat_byte(2)), data_hash: B256::repeat_byte(3) };
    let half = bytes.len() / 2;
    let (signatures, data) = match shape & 3 {
        0 => (bytes, None),
        1 => bytes.split_at_checked(half).map_or((bytes, None), |(left, right)| (left, Some(right))),
        _ => (&[][..], Some(bytes)),
    };
    let framed = Update { between: &[], header, signatures, data }.encode();
    for update in framed.as_deref().into_iter().chain([bytes]) {
        assert!(verify(&params, &trusted, update, START).is_err());
        assert!(conflict(&params, &trusted, update, update, START).is_err());
    }
    assert!(outbox(&params, &trusted, &B256::repeat_byte(4), bytes, START).is_err());
});
