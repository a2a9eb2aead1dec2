//! Untrusted bytes: no panic, and nothing accepted that was not signed.

use std::vec::Vec;

use causeway_crypto::bls::Native;
use proptest::prelude::*;

use super::kit::*;
use crate::{
    Bootstrap, Fork, Kind, Network, TrustedState, Update, block::BlockHeader, proof::Receipt, update::seal, verify_with,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn decoders_take_only_what_they_would_write(bytes in prop::collection::vec(any::<u8>(), 0..3_000), fork in 0..6usize) {
        let network = network(Fork::Fulu);
        let fork = Fork::ALL[fork];
        for kind in [Kind::Full, Kind::Finality, Kind::Optimistic] {
            if let Ok(update) = Update::decode(&network, kind, fork, &bytes) {
                prop_assert_eq!(&update.encode(&network, kind), &bytes);
            }
        }
        if let Ok(start) = Bootstrap::decode(&network, fork, &bytes) {
            prop_assert_eq!(&start.encode(&network), &bytes);
        }
        let _ = (TrustedState::decode(&bytes), BlockHeader::decode(&bytes), Receipt::decode(&bytes));
        let _ = Update::decode(&Network::MAINNET, Kind::Finality, fork, &bytes);
    }
}

/// Every one-bit change of an update of every fork is refused.
#[test]
fn every_bit_counts() {
    let committee = members(32, 1);
    for fork in [Fork::Altair, Fork::Capella, Fork::Electra] {
        let params = params(network(fork));
        let trusted = client(&params, 8, committee.committee());
        let bytes = update(&params.network, &committee, 40, 24).to_wire(&params.network);
        let now = params.network.time_of(41);
        assert!(verify_with::<Native>(&params, &trusted, &bytes, now).is_ok());
        for at in 0..bytes.len() {
            let mut changed: Vec<u8> = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let judged = verify_with::<Native>(&params, &trusted, &changed, now);
            assert!(judged.is_err(), "{fork}: byte {at}");
        }
        for length in 0..bytes.len() {
            assert!(verify_with::<Native>(&params, &trusted, &bytes[..length], now).is_err());
        }
        assert!(verify_with::<Native>(&params, &trusted, &[bytes.as_slice(), &[0]].concat(), now).is_err());
    }
}

/// A kind or fork that nobody knows.
#[test]
fn unknown_tags_are_refused() {
    let params = params(network(Fork::Fulu));
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    let update = update(&params.network, &committee, 40, 24);
    let good = update.encode(&params.network, Kind::Finality);
    for head in [[4, 6], [255, 6], [1, 0], [1, 7], [2, 6], [3, 6]] {
        let bytes = [head.as_slice(), good.as_slice()].concat();
        assert!(verify_with::<Native>(&params, &trusted, &bytes, params.network.time_of(41)).is_err());
    }
    let bytes = seal(Kind::Finality, Fork::Fulu, &good);
    assert!(verify_with::<Native>(&params, &trusted, &bytes, params.network.time_of(41)).is_ok());
}
