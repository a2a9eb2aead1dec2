//! Any bytes before every decoder: none panics, and what is read is written back as the same bytes.
#![no_main]

use alloy_primitives::{Address, B256};
use causeway_ethereum::{
    Accepted, Bootstrap, Execution, Fork, Kind, LightClientHeader, Network, Preset, TrustedState, Update,
    block::BlockHeader,
    proof::{Receipt, account, receipt},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for preset in [Preset::MINIMAL, Preset::MAINNET] {
        let network = Network { preset, ..Network::MAINNET };
        for fork in Fork::ALL {
            for kind in [Kind::Full, Kind::Finality, Kind::Optimistic] {
                if let Ok(update) = Update::decode(&network, kind, fork, bytes) {
                    assert_eq!(update.encode(&network, kind), bytes);
                }
            }
            if let Ok(start) = Bootstrap::decode(&network, fork, bytes) {
                assert_eq!(start.encode(&network), bytes);
                let _ = (start.committee.root(), start.header.check(&network));
            }
            if let Ok(header) = LightClientHeader::decode(fork, bytes) {
                assert_eq!(header.encode(fork), bytes);
                let _ = header.execution_root(&network);
            }
        }
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        assert_eq!(state.encode(), bytes);
    }
    let _ = (BlockHeader::decode(bytes), Receipt::decode(bytes));
    let root = B256::repeat_byte(1);
    let execution =
        Execution { block_number: 1, block_hash: root, parent_hash: root, state_root: root, receipts_root: root };
    let header = Accepted { slot: 1, root, parent_root: root, time: 0, execution: Some(execution) };
    let nodes: Vec<&[u8]> = bytes.chunks(100).collect();
    assert!(!matches!(account(&header, Address::ZERO, &nodes), Ok(Some(_))));
    assert!(!matches!(receipt(&header, 0, &nodes), Ok(Some(_))));
});
