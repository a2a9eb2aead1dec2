//! Every fault, seen from outside, and the honest node beside it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::Filter,
};
use causeway_devchain::{Chain, Endpoint, Faults, Handle, HttpFault, Lag, LogLie, WsFault};
use common::{client, contract, mined, post, provider, reader, request, set};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const SOON: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(30);

async fn chain() -> Handle {
    let chain = Chain::builder().spawn().await.unwrap();
    chain.set_paused(true);
    chain
}

async fn number(endpoint: &Endpoint) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": [] });
    post(&endpoint.rpc_url(), &body.to_string()).await.json().await.unwrap()
}

#[tokio::test]
async fn a_mute_node_never_answers() {
    let chain = chain().await;
    let mute = chain.endpoint(Faults { mute: true, ..Faults::default() }).await.unwrap();
    tokio::time::timeout(SOON, number(&mute)).await.unwrap_err();
    assert_eq!(number(&chain.endpoints()[0]).await["result"], "0x0");
    mute.set_faults(Faults::default());
    assert_eq!(number(&mute).await["result"], "0x0");
}

#[tokio::test]
async fn a_slow_node_answers_late_and_only_where_it_is_slow() {
    let chain = chain().await;
    let slow = chain
        .endpoint(Faults { delay_ms: 600_000, methods: vec!["eth_blockNumber".to_owned()], ..Faults::default() })
        .await
        .unwrap();
    tokio::time::timeout(SOON, number(&slow)).await.unwrap_err();
    let provider = reader(&slow.rpc_url());
    tokio::time::timeout(LONG, provider.get_chain_id()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lagging_node_shows_an_older_chain() {
    let chain = chain().await;
    let signed = provider(&chain);
    let store = contract(&signed, &chain).await;
    let receipt = mined(&signed, &chain, request(&chain, 1).to(store).input(set(7, 1).into())).await;
    let lagging = chain.endpoint(Faults { lag: Some(Lag::Blocks(1)), ..Faults::default() }).await.unwrap();
    let stuck = chain.endpoint(Faults { lag: Some(Lag::StuckAt(0)), ..Faults::default() }).await.unwrap();
    assert_eq!(number(&lagging).await["result"], "0x1");
    assert_eq!(number(&stuck).await["result"], "0x0");
    let behind = reader(&lagging.rpc_url());
    let hash = receipt.transaction_hash;
    assert!(behind.get_transaction_receipt(hash).await.unwrap().is_none());
    assert!(behind.get_block_by_number(2.into()).await.unwrap().is_none());
    assert!(behind.get_logs(&Filter::new().from_block(0)).await.unwrap().is_empty());
    chain.mine(1).await.unwrap();
    assert_eq!(number(&lagging).await["result"], "0x2");
    assert_eq!(number(&stuck).await["result"], "0x0");
    assert!(behind.get_transaction_receipt(hash).await.unwrap().is_some());
}

#[tokio::test]
async fn http_goes_wrong_in_every_way() {
    let chain = chain().await;
    let broken = chain.endpoint(Faults::default()).await.unwrap();
    let url = broken.rpc_url();
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "eth_blockNumber" }).to_string();
    let with = |fault: HttpFault| {
        broken.set_faults(Faults { http: Some(fault), ..Faults::default() });
        post(&url, &body)
    };
    let limited = with(HttpFault::TooManyRequests { retry_after: 3 }).await;
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers()["retry-after"], "3");
    assert_eq!(with(HttpFault::Status(503)).await.status(), 503);
    let error: Value =
        with(HttpFault::ErrorBody { code: -32_603, message: "internal".to_owned() }).await.json().await.unwrap();
    assert_eq!(error["error"]["code"], -32_603);
    assert_eq!(error["id"], 7);
    let null: Value = with(HttpFault::Null).await.json().await.unwrap();
    assert_eq!(null, json!({ "jsonrpc": "2.0", "id": 7, "result": null }));
    for fault in [HttpFault::Html, HttpFault::Empty, HttpFault::Truncated] {
        let answer = with(fault).await;
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap_err();
    }
}

#[tokio::test]
async fn logs_are_dropped_altered_and_forged() {
    let chain = chain().await;
    let provider = provider(&chain);
    let store = contract(&provider, &chain).await;
    for nonce in 1..=4 {
        mined(&provider, &chain, request(&chain, nonce).to(store).input(set(nonce, 1).into())).await;
    }
    let filter = Filter::new().address(store).from_block(0);
    let logs = |lie: Option<LogLie>| {
        chain.set_faults(Faults { logs: lie, ..Faults::default() });
        provider.get_logs(&filter)
    };
    let honest = logs(None).await.unwrap();
    assert_eq!(honest.len(), 4);
    assert!(logs(Some(LogLie::Drop)).await.unwrap().is_empty());
    assert_eq!(logs(Some(LogLie::DropEvery(2))).await.unwrap().len(), 2);
    let altered = logs(Some(LogLie::Alter)).await.unwrap();
    assert_eq!(altered.len(), 4);
    assert_ne!(altered[0].data().data, honest[0].data().data);
    let forge = |address| {
        Some(LogLie::Forge { address, topics: vec![B256::repeat_byte(1)], data: Bytes::from_static(&[1, 2, 3]) })
    };
    let forged = logs(forge(store)).await.unwrap();
    assert_eq!(forged.len(), 5);
    assert_eq!(forged[4].topics(), [B256::repeat_byte(1)]);
    assert_eq!(logs(forge(Address::repeat_byte(2))).await.unwrap().len(), 4);
    // Receipts lie along.
    chain.set_faults(Faults { logs: Some(LogLie::Drop), ..Faults::default() });
    let hash = honest[0].transaction_hash.unwrap();
    let receipt = provider.get_transaction_receipt(hash).await.unwrap().unwrap();
    assert!(receipt.logs().is_empty());
}

#[tokio::test]
async fn an_endpoint_goes_down_and_comes_back_on_its_port() {
    let chain = chain().await;
    let endpoint = chain.endpoint(Faults::default()).await.unwrap();
    number(&endpoint).await;
    endpoint.take_down();
    let client = client();
    let refused = async {
        while client.post(endpoint.rpc_url()).body("{}").send().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, refused).await.unwrap();
    endpoint.bring_up().await.unwrap();
    assert_eq!(number(&endpoint).await["result"], "0x0");
}

#[tokio::test]
async fn websocket_connections_break_in_every_way() {
    let chain = chain().await;
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;
    let with = |fault| {
        chain.set_faults(Faults { ws: fault, ..Faults::default() });
    };
    let (mut socket, _) = connect_async(chain.ws_url()).await.unwrap();
    socket.send(Message::text(subscribe)).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    assert!(first.to_text().unwrap().contains("\"result\":\"0x"));
    chain.mine(1).await.unwrap();
    let head = socket.next().await.unwrap().unwrap();
    assert!(head.to_text().unwrap().contains("\"number\":\"0x1\""));

    with(Some(WsFault::MuteSubscriptions));
    chain.mine(1).await.unwrap();
    let question = r#"{"jsonrpc":"2.0","id":2,"method":"eth_blockNumber"}"#;
    socket.send(Message::text(question)).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().contains("\"result\":\"0x2\""));

    with(Some(WsFault::HalfOpen));
    tokio::time::sleep(Duration::from_millis(50)).await;
    socket.send(Message::Ping("?".into())).await.unwrap();
    tokio::time::timeout(SOON, socket.next()).await.unwrap_err();

    with(Some(WsFault::End));
    let ended = tokio::time::timeout(LONG, async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    });
    ended.await.unwrap();

    with(Some(WsFault::Refuse));
    connect_async(chain.ws_url()).await.unwrap_err();
    with(None);
    connect_async(chain.ws_url()).await.unwrap();
}

#[tokio::test]
async fn subscriptions_tell_every_head_and_wanted_log_once() {
    let chain = chain().await;
    let signed = provider(&chain);
    let store = contract(&signed, &chain).await;
    let (mut socket, _) = connect_async(chain.ws_url()).await.unwrap();
    let wanted = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe",
        "params": ["logs", { "address": store, "topics": [null, B256::from(U256::from(5))] }] });
    socket.send(Message::text(wanted.to_string())).await.unwrap();
    let opened: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    for (nonce, key) in [(1, 4), (2, 5), (3, 6), (4, 5)] {
        mined(&signed, &chain, request(&chain, nonce).to(store).input(set(key, nonce).into())).await;
    }
    for height in ["0x3", "0x5"] {
        let message = tokio::time::timeout(LONG, socket.next()).await.unwrap().unwrap().unwrap();
        let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(message["params"]["subscription"], opened["result"]);
        assert_eq!(message["params"]["result"]["blockNumber"], height);
    }
    let close = json!({ "jsonrpc": "2.0", "id": 2, "method": "eth_unsubscribe", "params": [opened["result"]] });
    socket.send(Message::text(close.to_string())).await.unwrap();
    let closed = socket.next().await.unwrap().unwrap();
    assert!(closed.to_text().unwrap().contains("\"result\":true"));
    mined(&signed, &chain, request(&chain, 5).to(store).input(set(5, 1).into())).await;
    tokio::time::timeout(SOON, socket.next()).await.unwrap_err();
}

#[tokio::test]
async fn a_rewound_chain_goes_on_from_the_older_block() {
    let chain = chain().await;
    let provider = provider(&chain);
    let store = contract(&provider, &chain).await;
    let kept = chain.mine(1).await.unwrap();
    let lost = mined(&provider, &chain, request(&chain, 1).to(store).input(set(7, 1).into())).await;
    chain.mine(2).await.unwrap();
    assert_eq!(chain.rewind(3), 3);
    assert_eq!(chain.head(), kept);
    let hash = lost.transaction_hash;
    assert!(provider.get_transaction_receipt(hash).await.unwrap().is_none());
    assert_eq!(provider.get_transaction_count(chain.account(0).address).await.unwrap(), 1);
    // The clock moved on: the new block at the height is another one.
    chain.advance_time(Duration::from_secs(60));
    let again = chain.mine(1).await.unwrap();
    assert_eq!(Some(again.number), lost.block_number);
    assert_ne!(Some(again.hash), lost.block_hash);
    assert_eq!(chain.rewind(1_000), 3);
    assert_eq!(chain.head(), chain.genesis());
}

#[tokio::test]
async fn the_control_port_does_what_the_handle_does() {
    let chain = Chain::builder().control(([127, 0, 0, 1], 0).into()).spawn().await.unwrap();
    chain.set_paused(true);
    let url = chain.control_url().unwrap();
    let call = async |method: &str, params: Value| -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        post(&url, &body.to_string()).await.json().await.unwrap()
    };
    assert_eq!(call("devchain_mine", json!([3])).await["result"], 3);
    call("devchain_setFaults", json!([0, { "lag": { "stuckAt": 1 }, "logs": "drop" }])).await;
    assert_eq!(number(&chain.endpoints()[0]).await["result"], "0x1");
    assert_eq!(chain.endpoints()[0].faults().logs, Some(LogLie::Drop));
    let refused = call("devchain_setFaults", json!([0, { "lags": 1 }])).await;
    assert_eq!(refused["error"]["code"], -32_602);
    call("devchain_setFaults", json!([0])).await;
    assert_eq!(chain.endpoints()[0].faults(), Faults::default());
    let both = call("devchain_equivocate", json!([2])).await;
    assert_ne!(both["result"][0]["hash"], both["result"][1]["hash"]);
    assert_eq!(call("devchain_rewind", json!([2])).await["result"], 2);
    assert_eq!(chain.head().number, 1);
    // Off where it was not asked for, and not on the node's own port.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "devchain_mine", "params": [1] });
    let answer: Value = post(&chain.rpc_url(), &body.to_string()).await.json().await.unwrap();
    assert_eq!(answer["error"]["code"], -32_601);
    assert!(self::chain().await.control_url().is_none());
}
