//! Fail-over between nodes with faults: the chain is followed whatever one of them does.

use crate::rig::{BLOCK, PATIENCE, Rig, reach, watch};
use alloy::primitives::Address;
use causeway_devchain::{Faults, HttpFault, Lag, ProofLie, WsFault};
use std::{sync::Arc, time::Duration};

fn builder(id: u64) -> causeway_devchain::ChainBuilder {
    causeway_devchain::Chain::builder().chain_id(id).seed(format!("endpoints-{id}")).block_time(BLOCK)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_070_a_broken_subscription_is_noticed_and_no_head_is_missed() {
    let rig = Rig::new(builder(4201)).await;
    let node = rig.handle.endpoint(Faults::default()).await.unwrap();
    let urls = [(node.rpc_url(), Some(node.ws_url()))];
    let ports = rig.ports(rig.config(&urls, Address::repeat_byte(1), ""));
    let mut states = watch(Arc::clone(&ports));
    for fault in [
        None,
        Some(WsFault::End),
        Some(WsFault::HalfOpen),
        Some(WsFault::MuteSubscriptions),
        Some(WsFault::Refuse),
        None,
    ] {
        node.set_faults(Faults { ws: fault, ..Faults::default() });
        let height = rig.handle.head().number + 12;
        let started = tokio::time::Instant::now();
        reach(&mut states, height).await;
        assert!(started.elapsed() < Duration::from_secs(10), "{fault:?} held the chain up for {:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_073_atk_071_a_sick_first_node_is_left_for_the_second() {
    let rig = Rig::new(builder(4202)).await;
    let cases = [
        (Faults { mute: true, ..Faults::default() }, "unreachable"),
        (http(HttpFault::TooManyRequests { retry_after: 30 }), "rate_limited"),
        (http(HttpFault::Status(502)), "unreachable"),
        (http(HttpFault::ErrorBody { code: -32005, message: "rate limit exceeded".into() }), "rate_limited"),
        (http(HttpFault::Null), "unreachable"),
        (http(HttpFault::Html), "unreachable"),
        (http(HttpFault::Empty), "unreachable"),
        (http(HttpFault::Truncated), "unreachable"),
        (Faults { lag: Some(Lag::Blocks(20)), ..Faults::default() }, "lagging"),
        (Faults { lag: Some(Lag::StuckAt(1)), ..Faults::default() }, "stalled"),
    ];
    for (faults, expected) in cases {
        let sick = rig.handle.endpoint(faults.clone()).await.unwrap();
        let urls = [(sick.rpc_url(), None), (rig.handle.rpc_url(), None)];
        let ports = rig.ports(rig.config(&urls, Address::repeat_byte(1), ""));
        let mut states = watch(Arc::clone(&ports));
        let height = rig.handle.head().number + 2;
        reach(&mut states, height).await;
        let shown = async {
            loop {
                let now = ports.endpoints.endpoints();
                // A node that is paused becomes unknown for the moment in which it is tried again.
                if now[0].health == expected && now[1].health == "healthy" {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(20), shown).await;
        assert!(seen.is_ok(), "{faults:?}: expected {expected}, found {:?}", ports.endpoints.endpoints());
    }
}

fn http(fault: HttpFault) -> Faults {
    Faults { http: Some(fault), ..Faults::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_022_a_false_proof_is_refused_and_its_node_left() {
    let rig = Rig::new(builder(4203)).await;
    let account = rig.handle.account(0).address;
    for lie in [ProofLie::FlipAccount, ProofLie::Truncate, ProofLie::Stale] {
        let liar = rig.handle.endpoint(Faults { proof: Some(lie), ..Faults::default() }).await.unwrap();
        let urls = [(liar.rpc_url(), None), (rig.handle.rpc_url(), None)];
        let ports = rig.ports(rig.config(&urls, Address::repeat_byte(1), ""));
        let mut states = watch(Arc::clone(&ports));
        // The state changes in every block: a stale proof is another one.
        let (at, _) = reach(&mut states, rig.handle.head().number + 1).await;
        let outbox = bytes::Bytes::copy_from_slice(account.as_slice());
        // The liar is asked first once it is known to have the block, unless the watch over the vault's code was first.
        let known = async {
            loop {
                let liar = ports.endpoints.endpoints()[0].clone();
                if liar.health == "lied" || (liar.health == "healthy" && liar.head >= at.height) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, known).await.unwrap();
        let asked = async {
            loop {
                let proof = ports.proofs.size(&outbox, at.height).await.unwrap();
                match ports.verifier.size(&at, &outbox, &proof) {
                    Ok(size) => return size,
                    Err(e) => ports.headers.report_lie(at.height, &e.detail),
                }
            }
        };
        assert_eq!(tokio::time::timeout(PATIENCE, asked).await.unwrap(), 0);
        if lie != ProofLie::Stale {
            assert_eq!(ports.endpoints.endpoints()[0].health, "lied", "{lie:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_044_a_node_of_another_chain_is_never_used() {
    let (rig, other) = (Rig::new(builder(4204)).await, Rig::new(builder(4205)).await);
    let urls = [(other.handle.rpc_url(), Some(other.handle.ws_url())), (rig.handle.rpc_url(), None)];
    let ports = rig.ports(rig.config(&urls, Address::repeat_byte(1), ""));
    let mut states = watch(Arc::clone(&ports));
    reach(&mut states, rig.handle.head().number + 2).await;
    let told = ports.endpoints.endpoints();
    assert_eq!((told[0].health, told[1].health), ("wrong_chain", "healthy"));
    assert_eq!(told[0].head, 0);
}

/// A node that shows heads that are not, another one each time, and is honest otherwise.
async fn boaster(honest: String) -> String {
    let client = reqwest::Client::new();
    let boasts = Arc::new(std::sync::atomic::AtomicU64::new(1 << 40));
    let answer = move |body: String| {
        let (client, honest, boasts) = (client.clone(), honest.clone(), Arc::clone(&boasts));
        async move {
            let asked: serde_json::Value = serde_json::from_str(&body).unwrap();
            if asked["method"] == "eth_blockNumber" {
                let head = boasts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let result = format!("{head:#x}");
                return serde_json::json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string();
            }
            let request = client.post(&honest).header("content-type", "application/json").body(body);
            request.send().await.unwrap().text().await.unwrap()
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_070_heads_that_are_not_cost_only_the_node_that_shows_them() {
    let rig = Rig::new(builder(4206)).await;
    let urls = [(boaster(rig.handle.rpc_url()).await, None), (rig.handle.rpc_url(), None)];
    let ports = rig.ports(rig.config(&urls, Address::repeat_byte(1), ""));
    let mut states = watch(Arc::clone(&ports));
    let begun = tokio::time::Instant::now();
    reach(&mut states, rig.handle.head().number + 25).await;
    // 25 blocks of 200 ms.
    assert!(begun.elapsed() < Duration::from_secs(15), "held up for {:?}", begun.elapsed());
    assert_eq!(ports.endpoints.endpoints()[1].health, "healthy", "the honest one is not behind");
}
