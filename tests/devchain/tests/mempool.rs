//! What the mempool takes and how it refuses, in geth's codes and words.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use causeway_devchain::{Chain, Faults, Handle, Spec};
use common::{provider, request};

const TO: Address = Address::repeat_byte(0x11);

async fn chain() -> Handle {
    let chain = Chain::builder().spawn().await.unwrap();
    chain.set_paused(true);
    chain
}

async fn refusal(provider: &impl Provider, request: TransactionRequest) -> (i64, String) {
    let error = provider.send_transaction(request).await.unwrap_err();
    let error = error.as_error_resp().unwrap();
    (error.code, error.message.to_string())
}

#[tokio::test]
async fn refusals_have_the_codes_and_words_of_geth() {
    let chain = chain().await;
    let provider = provider(&chain);
    let send = |request| refusal(&provider, request);
    let base = |nonce| request(&chain, nonce).to(TO);
    let server = |message: &str| (-32_000, message.to_owned());

    let _ = provider.send_transaction(base(0)).await.unwrap();
    assert_eq!(send(base(0)).await, server("already known"));
    // At price 0 nothing outbids.
    assert_eq!(send(base(0).value(U256::ONE)).await, server("replacement transaction underpriced"));
    assert_eq!(send(base(1).gas_limit(20_000)).await, server("intrinsic gas too low"));
    assert_eq!(send(base(1).gas_limit(30_000_001)).await, server("exceeds block gas limit"));
    assert_eq!(send(base(1).value(U256::MAX)).await, server("insufficient funds for gas * price + value"));
    let mut foreign = base(1);
    foreign.chain_id = Some(1);
    assert_eq!(send(foreign).await, server("invalid chain id for signer: have 1 want 1337"));
    let mut dynamic = base(1);
    dynamic.gas_price = None;
    dynamic.max_fee_per_gas = Some(1);
    dynamic.max_priority_fee_per_gas = Some(1);
    assert_eq!(send(dynamic).await, server("transaction type not supported"));
    chain.mine(1).await.unwrap();
    assert_eq!(send(base(0).value(U256::ONE)).await, server("nonce too low"));
    // Also for the very transaction that was included.
    assert_eq!(send(base(0)).await, server("nonce too low"));
}

#[tokio::test]
async fn a_replacement_pays_ten_percent_more() {
    let chain = chain().await;
    let provider = provider(&chain);
    let priced = |price| request(&chain, 0).to(TO).gas_price(price);
    let _ = provider.send_transaction(priced(100)).await.unwrap();
    let refused = refusal(&provider, priced(109)).await;
    assert_eq!(refused.1, "replacement transaction underpriced");
    let second = *provider.send_transaction(priced(110)).await.unwrap().tx_hash();
    assert_eq!(chain.mempool_len(), 1);
    chain.mine(1).await.unwrap();
    let receipt = provider.get_transaction_receipt(second).await.unwrap().unwrap();
    assert_eq!(receipt.effective_gas_price, 110);
}

#[tokio::test]
async fn a_price_floor_binds() {
    let chain = Chain::builder().spec(Spec::Prague).gas_price_min(5).spawn().await.unwrap();
    chain.set_paused(true);
    let provider = provider(&chain);
    let refused = refusal(&provider, request(&chain, 0).to(TO).gas_price(4)).await;
    assert_eq!(refused.1, "transaction underpriced");
    let _ = provider.send_transaction(request(&chain, 0).to(TO).gas_price(5)).await.unwrap();
}

#[tokio::test]
async fn nonces_wait_for_each_other() {
    let chain = chain().await;
    let provider = provider(&chain);
    let account = chain.account(0).address;
    for nonce in [3, 1, 0] {
        let _ = provider.send_transaction(request(&chain, nonce).to(TO)).await.unwrap();
    }
    assert_eq!(provider.get_transaction_count(account).pending().await.unwrap(), 2);
    assert_eq!(provider.get_transaction_count(account).await.unwrap(), 0);
    chain.mine(1).await.unwrap();
    assert_eq!(provider.get_transaction_count(account).await.unwrap(), 2);
    assert_eq!(chain.mempool_len(), 1);
    let _ = provider.send_transaction(request(&chain, 2).to(TO)).await.unwrap();
    chain.mine(1).await.unwrap();
    assert_eq!(provider.get_transaction_count(account).await.unwrap(), 4);
}

#[tokio::test]
async fn transactions_are_dropped_on_demand() {
    let chain = chain().await;
    let provider = provider(&chain);
    let first = *provider.send_transaction(request(&chain, 0).to(TO)).await.unwrap().tx_hash();
    assert!(chain.drop_transaction(first));
    assert!(!chain.drop_transaction(first));
    chain.set_faults(Faults { drop_transactions: true, ..Faults::default() });
    let second = *provider.send_transaction(request(&chain, 0).to(TO)).await.unwrap().tx_hash();
    assert_eq!(first, second);
    chain.mine(1).await.unwrap();
    assert!(provider.get_transaction_by_hash(second).await.unwrap().is_none());
    chain.set_faults(Faults::default());
    let _ = provider.send_transaction(request(&chain, 0).to(TO)).await.unwrap();
    chain.mine(1).await.unwrap();
    assert!(provider.get_transaction_receipt(first).await.unwrap().is_some());
}

#[tokio::test]
async fn a_chain_without_empty_blocks_waits_for_a_transaction() {
    let chain =
        Chain::builder().empty_blocks(false).block_time(std::time::Duration::from_millis(20)).spawn().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(chain.head().number, 0);
    let provider = provider(&chain);
    let _ = provider.send_transaction(request(&chain, 0).to(TO)).await.unwrap();
    chain.wait_for_block(1, std::time::Duration::from_secs(10)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(chain.head().number, 1);
}
