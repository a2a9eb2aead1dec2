//! What a real node (GoQuorum 24.4.1, QBFT, without base fee) serves is what the ports read. Recorded on a network of
//! four validators; `testdata` keeps the answers as served, without the headers' transaction lists.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{proofs::Nodes, signer::nodes::Receipt};
use alloy::{consensus::Header, primitives::B256};
use alloy_rlp::Encodable;
use causeway_bft_evm::{
    Mode, SealedHeader,
    proof::{account_of, word_of},
    quorum,
};
use serde_json::Value;

fn recorded() -> Value {
    serde_json::from_str(include_str!("testdata/goquorum-24.4.1.json")).unwrap()
}

#[test]
fn headers_are_put_together_again_byte_for_byte() {
    let recorded = recorded();
    let headers = recorded["headers"].as_array().unwrap();
    let mut rounds = 0;
    for served in headers {
        let header: Header = serde_json::from_value(served.clone()).unwrap();
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let sealed = SealedHeader::read(Mode::Qbft, &bytes).unwrap();
        let expected: B256 = serde_json::from_value(served["hash"].clone()).unwrap();
        assert_eq!(sealed.block_hash(), expected);
        assert!(sealed.extra().seals().count() >= quorum(sealed.extra().validator_count()));
        rounds += usize::from(sealed.extra().round > 0);
    }
    assert!(headers.len() == 5 && rounds > 0, "rounds after the first are among them");
}

#[test]
fn a_receipt_without_effective_price_is_read() {
    let receipt: Receipt = serde_json::from_value(recorded()["receipt"].clone()).unwrap();
    assert!(receipt.is_success() && receipt.effective_gas_price.is_none());
}

#[test]
fn a_state_proof_holds_under_its_header() {
    let recorded = recorded();
    let nodes: Nodes = serde_json::from_value(recorded["proof"].clone()).unwrap();
    let address = serde_json::from_value(recorded["proof"]["address"].clone()).unwrap();
    let root: B256 = alloy::primitives::keccak256(&nodes.account_proof[0]);
    let account = account_of(&root, address, &nodes.account_proof).unwrap();
    let value = word_of(&account, &B256::ZERO, &nodes.storage_proof[0].proof).unwrap();
    assert_eq!(value, B256::with_last_byte(42));
}
