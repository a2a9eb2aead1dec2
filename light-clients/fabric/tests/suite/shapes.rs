//! Bytes that are almost right, and any bytes at all.

use alloy_primitives::B256;
use causeway_crypto::p256::Native;
use causeway_fabric::{
    Block, BlockHeader, TrustedState, Update, WireFault,
    block::{self, Payload, SignedMetadata},
    config::Group,
    outbox_with,
    transaction::Transaction,
    verify_with,
    wire::Reader,
    x509::{Certificate, RevocationList},
};
use proptest::prelude::*;

use crate::kit::{Chain, Message, START};

#[test]
fn header_hashes_are_those_of_fabric() {
    // Block 1 of Fabric's own sample ledger (`core/ledger/kvledger/tests/testdata/v20`).
    let hash = |text: &str| text.parse::<B256>().unwrap();
    let header = BlockHeader {
        number: 1,
        previous_hash: Some(hash("0x39cede29a224a3db58ee6eadcabf9008756868daa11d282f8e83bc1a08189291")),
        data_hash: hash("0xc2b0e5970220efc7907bdb26bb447ccb1ed1d87c17bebdbadff3e7181916d68e"),
    };
    assert_eq!(header.hash(), hash("0xc95ae2034f6cfe904052234dc2f4fbadca925da641b9b8ca154d8ed6463a4fc6"));
    // INTEGER: shortest, and never negative.
    let number = |number| BlockHeader { number, previous_hash: None, ..header }.der();
    assert_eq!(number(0)[..7], [0x30, 39, 2, 1, 0, 4, 0]);
    assert_eq!(number(127)[2..5], [2, 1, 127]);
    assert_eq!(number(128)[2..6], [2, 2, 0, 128]);
    assert_eq!(number(256)[2..6], [2, 2, 1, 0]);
    assert_eq!(number(u64::MAX)[2..6], [2, 9, 0, 255]);
}

#[test]
fn only_canonical_messages_are_read() {
    let read = |bytes: &[u8]| {
        let mut reader = Reader::new("M", bytes);
        let number = reader.number(1)?;
        let bytes = reader.bytes(2)?;
        let parts = reader.parts(3, 2)?;
        reader.end()?;
        Ok::<_, WireFault>((number, bytes.len(), parts.len()))
    };
    assert_eq!(read(&[]), Ok((0, 0, 0)));
    assert_eq!(read(&[8, 1, 18, 1, 9, 26, 0, 26, 0]), Ok((1, 1, 2)));
    for bad in [
        &[8_u8, 0][..],               // a default written
        &[8, 0x81, 0],                // a number not in its shortest form
        &[8, 1, 8, 1],                // twice
        &[18, 1, 9, 8, 1],            // out of order
        &[18, 0],                     // empty bytes written
        &[32, 1],                     // unknown
        &[9, 0, 0, 0, 0, 0, 0, 0, 0], // another type
        &[18, 5, 1],                  // truncated
        &[18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        &[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[26, 0, 26, 0, 26, 0], // too many
        &[0x8a, 0],             // a tag not in its shortest form
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
    let max = [8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(read(&max), Ok((u64::MAX, 0, 0)));
    let twice = Message::new().part(1, b"a").part(2, &[]).0;
    let group = Message::new().part(3, &twice).part(3, &twice).0;
    assert!(matches!(Group::read(&group), Err(WireFault::DuplicateKey { field: 3, .. })));
}

#[test]
fn what_is_read_is_written_back() {
    let chain = Chain::bft(4);
    let bytes = chain.update(9).encode();
    let update = Update::decode(&bytes).unwrap();
    assert_eq!(update.encode().unwrap(), bytes);
    assert_eq!(SignedMetadata::decode(update.signatures).unwrap().encode(), update.signatures);
    for cut in 0..bytes.len() {
        assert!(Update::decode(&bytes[..cut]).is_err());
    }
    assert!(Update::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
}

fn any_bytes(bytes: &[u8], chain: &Chain) {
    let _ = Block::decode(bytes);
    let _ = block::data(bytes);
    let _ = block::envelope(bytes, true);
    let _ = Payload::decode(bytes);
    let _ = Group::read(bytes);
    let _ = Certificate::from_der(bytes);
    let _ = Certificate::from_pem(bytes);
    let _ = RevocationList::read(bytes);
    let _ = Transaction::decode(bytes);
    let _ = TrustedState::decode(bytes);
    let _ = causeway_fabric::Channel::read(bytes);
    let _ = causeway_fabric::policy::SignaturePolicy::read(bytes);
    if let Ok(metadata) = SignedMetadata::decode(bytes) {
        assert_eq!(metadata.encode(), bytes);
    }
    if let Ok(update) = Update::decode(bytes) {
        assert_eq!(update.encode().unwrap(), bytes);
    }
    assert!(verify_with::<Native>(&chain.params, &chain.trusted, bytes, START).is_err());
    assert!(outbox_with::<Native>(&chain.params, &chain.trusted, &B256::ZERO, bytes, START).is_err());
}

#[test]
fn any_bytes_are_refused_without_a_panic() {
    let chain = Chain::raft(1);
    let genesis = chain.genesis.clone();
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300))| any_bytes(&bytes, &chain));
    proptest!(|(at in 0..genesis.len(), value: u8, cut in 0..genesis.len())| {
        let mut changed = genesis.clone();
        changed[at] = value;
        any_bytes(&changed[..cut.max(1)], &chain);
    });
}
