//! What a client sees: alloy's provider over HTTP and WebSocket, deploying and calling a contract.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use alloy::{
    primitives::{B256, Bytes, U256},
    providers::{Provider, ProviderBuilder, WsConnect},
    rpc::types::{Filter, TransactionRequest},
};
use causeway_devchain::{Chain, Spec};
use common::{STORE, provider, send};
use futures::StreamExt;

#[tokio::test]
async fn deploys_calls_and_reads_logs_over_http() {
    let chain = Chain::builder().block_time(Duration::from_millis(50)).spawn().await.unwrap();
    let provider = provider(&chain);
    assert_eq!(provider.get_chain_id().await.unwrap(), 1337);
    let deployed =
        send(&provider, &chain, TransactionRequest::default().input(Bytes::from_static(&STORE).into()).create()).await;
    assert!(deployed.status());
    let contract = deployed.contract_address.unwrap();
    assert!(!provider.get_code_at(contract).await.unwrap().is_empty());
    // set(7, 99)
    let data = common::set(7, 99);
    let set = send(&provider, &chain, TransactionRequest::default().to(contract).input(data.into())).await;
    assert_eq!(set.logs().len(), 1);
    let logs = provider.get_logs(&Filter::new().address(contract).from_block(0)).await.unwrap();
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].topics()[1], B256::from(U256::from(7)));
    let slot = common::slot_of(7);
    assert_eq!(provider.get_storage_at(contract, slot.into()).await.unwrap(), U256::from(99));
    let block = provider.get_block_by_hash(set.block_hash.unwrap()).full().await.unwrap().unwrap();
    assert_eq!(block.header.number, set.block_number.unwrap());
    assert_eq!(block.transactions.len(), 1);
}

#[tokio::test]
async fn follows_new_heads_over_websocket() {
    let chain = Chain::builder().block_time(Duration::from_millis(50)).spec(Spec::Prague).spawn().await.unwrap();
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(chain.ws_url())).await.unwrap();
    let mut heads = provider.subscribe_blocks().await.unwrap().into_stream();
    let mut last = heads.next().await.unwrap();
    for _ in 0..5 {
        let head = heads.next().await.unwrap();
        assert_eq!(head.number, last.number + 1);
        assert_eq!(head.parent_hash, last.hash);
        assert!(head.timestamp > last.timestamp);
        last = head;
    }
}

#[tokio::test]
async fn the_clock_of_a_chain_follows_the_wall_and_a_drop_frees_its_port() {
    let chain = Chain::builder().spawn().await.unwrap();
    let provider = provider(&chain);
    let third = chain.wait_for_block(3, Duration::from_secs(30)).await.unwrap();
    let block = provider.get_block_by_hash(third.hash).await.unwrap().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(block.header.timestamp <= now && block.header.timestamp + 60 > now);
    let address = chain.endpoints()[0].address();
    drop(chain);
    let freed = async {
        while tokio::net::TcpListener::bind(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn validators_that_go_down_slow_a_running_chain_and_come_back() {
    let chain = Chain::builder()
        .block_time(Duration::from_millis(20))
        .request_timeout(Duration::from_millis(100))
        .spawn()
        .await
        .unwrap();
    let long = Duration::from_secs(20);
    let validators = chain.validators();
    chain.set_validator_down(validators[0], true);
    chain.wait_for_block(chain.head().number + 8, long).await.unwrap();
    chain.set_validator_down(validators[1], true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stuck = chain.head().number;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(chain.head().number, stuck);
    chain.set_validator_down(validators[0], false);
    chain.wait_for_block(stuck + 3, long).await.unwrap();
}
