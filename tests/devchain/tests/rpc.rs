//! JSON-RPC itself: bad input, batches, limits, calls and estimates.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256, hex},
    providers::Provider,
    rpc::types::{Filter, TransactionRequest},
};
use causeway_devchain::{Chain, GenesisAccount, Handle, RpcConfig, Spec};
use common::{TOKEN, balance_slot, client, contract, mined, post, provider, request, set, transfer};
use serde_json::{Value, json};

async fn chain() -> Handle {
    let chain = Chain::builder().spawn().await.unwrap();
    chain.set_paused(true);
    chain
}

async fn ask(chain: &Handle, body: &str) -> Value {
    post(&chain.rpc_url(), body).await.json().await.unwrap()
}

async fn call(chain: &Handle, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    ask(chain, &body.to_string()).await
}

#[tokio::test]
async fn bad_input_gets_typed_errors_and_the_node_lives_on() {
    let chain = chain().await;
    for (body, code) in [
        ("", -32_700),
        ("{", -32_700),
        ("null", -32_600),
        ("[]", -32_600),
        ("7", -32_600),
        ("{}", -32_600),
        (r#"{"id":1,"method":7}"#, -32_600),
        (r#"{"id":1,"method":"eth_call","params":7}"#, -32_602),
        (r#"{"id":1,"method":"eth_call","params":[]}"#, -32_602),
        (r#"{"id":1,"method":"eth_call","params":[{"to":"0x1"}]}"#, -32_602),
        (r#"{"id":1,"method":"eth_getBalance","params":["0x00","latest"]}"#, -32_602),
        (r#"{"id":1,"method":"eth_getBlockByNumber","params":["newest",false]}"#, -32_602),
        (r#"{"id":1,"method":"eth_getBlockByNumber","params":["finalized",false]}"#, -32_602),
        (
            r#"{"id":1,"method":"eth_getStorageAt","params":["0x0000000000000000000000000000000000000001","zz","latest"]}"#,
            -32_602,
        ),
        (r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x"]}"#, -32_000),
        (r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x02c0"]}"#, -32_000),
        (r#"{"id":1,"method":"eth_sendRawTransaction","params":["0xf86c"]}"#, -32_000),
        (r#"{"id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x5","toBlock":"0x1"}]}"#, -32_602),
        (
            r#"{"id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000001","0xff"]}"#,
            -32_000,
        ),
        (r#"{"id":1,"method":"eth_feeHistory","params":["0x1","latest",[]]}"#, -32_601),
        (r#"{"id":1,"method":"eth_subscribe","params":["newHeads"]}"#, -32_000),
        (r#"{"id":1,"method":"devchain_mine","params":[1]}"#, -32_601),
    ] {
        let answer = ask(&chain, body).await;
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
    }
    assert_eq!(call(&chain, "eth_chainId", json!([])).await["result"], "0x539");
    let deep = "[".repeat(100_000);
    assert_eq!(ask(&chain, &deep).await["error"]["code"], -32_700);
}

#[tokio::test]
async fn batches_and_bodies_are_bounded() {
    let chain = Chain::builder()
        .rpc(RpcConfig { batch_max: 3, body_bytes_max: 2_000, ..RpcConfig::default() })
        .spawn()
        .await
        .unwrap();
    let one = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "net_version" });
    let answer = ask(&chain, &json!([one(1), one(2), 5]).to_string()).await;
    assert_eq!(answer[0]["result"], "1337");
    assert_eq!(answer[1]["id"], 2);
    assert_eq!(answer[2]["error"]["code"], -32_600);
    let answer = ask(&chain, &json!([one(1), one(2), one(3), one(4)]).to_string()).await;
    assert_eq!(answer["error"]["code"], -32_600);
    assert_eq!(post(&chain.rpc_url(), &" ".repeat(2_001)).await.status(), 413);
}

#[tokio::test]
async fn queries_for_logs_are_bounded() {
    let chain = Chain::builder()
        .rpc(RpcConfig { logs_max: 2, log_blocks_max: 4, ..RpcConfig::default() })
        .spawn()
        .await
        .unwrap();
    chain.set_paused(true);
    let provider = provider(&chain);
    let store = contract(&provider, &chain).await;
    for nonce in 1..=3 {
        mined(&provider, &chain, request(&chain, nonce).to(store).input(set(1, 1).into())).await;
    }
    let range = |from: u64, to: u64| Filter::new().from_block(from).to_block(to);
    assert_eq!(provider.get_logs(&range(1, 3)).await.unwrap().len(), 2);
    let error = provider.get_logs(&range(1, 4)).await.unwrap_err();
    assert_eq!(error.as_error_resp().unwrap().code, -32_005);
    let error = provider.get_logs(&range(0, 4)).await.unwrap_err();
    assert_eq!(error.as_error_resp().unwrap().code, -32_000);
}

#[tokio::test]
async fn finality_tags_are_understood_where_they_are() {
    let chain = Chain::builder().rpc(RpcConfig { finality_tags: true, ..RpcConfig::default() }).spawn().await.unwrap();
    chain.set_paused(true);
    chain.mine(2).await.unwrap();
    let block = provider(&chain).get_block(BlockId::finalized()).await.unwrap().unwrap();
    assert_eq!(block.header.number, 2);
}

#[tokio::test]
async fn calls_run_at_any_kept_height_and_say_why_they_revert() {
    let token = Address::repeat_byte(0x70);
    let builder = Chain::builder();
    let owner = causeway_devchain::DevAccount::derive(&causeway_devchain::Config::default().seed, 0).address;
    let chain = builder
        .account(
            token,
            GenesisAccount {
                nonce: 1,
                code: Bytes::from_static(&TOKEN),
                storage: vec![(balance_slot(owner), U256::from(10))],
                ..GenesisAccount::default()
            },
        )
        .spawn()
        .await
        .unwrap();
    chain.set_paused(true);
    let provider = provider(&chain);
    let to = Address::repeat_byte(3);
    let pay = |amount| TransactionRequest::default().from(owner).to(token).input(transfer(to, amount).into());
    assert_eq!(provider.call(pay(10)).await.unwrap(), Bytes::from(U256::ONE.to_be_bytes::<32>()));
    let error = provider.call(pay(11)).await.unwrap_err();
    let error = error.as_error_resp().unwrap();
    assert_eq!((error.code, error.message.as_ref()), (3, "execution reverted"));
    mined(&provider, &chain, request(&chain, 0).to(token).input(transfer(to, 10).into())).await;
    provider.call(pay(10)).await.unwrap_err();
    provider.call(pay(10)).block(BlockId::number(0)).await.unwrap();

    // `revert("no")` as ABI bytes, returned by four instructions: the reason stands in the message.
    let reverting = Address::repeat_byte(0x71);
    let reason = hex!(
        "08c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000026e6f000000000000000000000000000000000000000000000000000000000000"
    );
    let mut code = hex!("6064600c60003960646000fd").to_vec();
    code.extend_from_slice(&reason);
    let overrides = json!({ reverting.to_string(): { "code": Bytes::from(code) } });
    let answer = call(&chain, "eth_call", json!([{ "to": reverting }, "latest", overrides])).await;
    assert_eq!(answer["error"]["message"], "execution reverted: no");
    assert_eq!(answer["error"]["data"], hex::encode_prefixed(reason));
}

#[tokio::test]
async fn an_estimate_is_just_enough() {
    for spec in [Spec::Berlin, Spec::Paris, Spec::Prague] {
        let chain = Chain::builder().spec(spec).spawn().await.unwrap();
        chain.set_paused(true);
        let provider = provider(&chain);
        let store = contract(&provider, &chain).await;
        let gas = provider.estimate_gas(request(&chain, 1).to(store).input(set(1, 1).into())).await.unwrap();
        let short = request(&chain, 1).to(store).input(set(1, 1).into()).gas_limit(gas - 1);
        assert!(!mined(&provider, &chain, short).await.status());
        let enough = request(&chain, 2).to(store).input(set(1, 1).into()).gas_limit(gas);
        assert!(mined(&provider, &chain, enough).await.status());
        let plain = provider
            .estimate_gas(TransactionRequest::default().from(chain.account(0).address).to(chain.account(1).address))
            .await
            .unwrap();
        assert_eq!(plain, 21_000);
    }
}

#[tokio::test]
async fn an_older_evm_refuses_newer_instructions() {
    // PUSH0 STOP as runtime code: Shanghai's instruction halts on Paris and runs on Prague.
    let at = Address::repeat_byte(0x72);
    for (spec, works) in [(Spec::Paris, false), (Spec::Prague, true)] {
        let chain = Chain::builder().spec(spec).code(at, Bytes::from_static(&[0x5f, 0x00])).spawn().await.unwrap();
        let provider = provider(&chain);
        let called = provider.call(TransactionRequest::default().to(at)).await;
        assert_eq!(called.is_ok(), works);
    }
}

#[tokio::test]
async fn mutated_requests_always_get_an_answer() {
    let chain = chain().await;
    let store = contract(&provider(&chain), &chain).await;
    let account = chain.account(0).address;
    let requests = [
        json!({ "id": 1, "method": "eth_getProof", "params": [store, ["0x0", "0xff"], "latest"] }),
        json!({ "id": 1, "method": "eth_getLogs", "params": [{ "fromBlock": "0x0", "toBlock": "0x1", "address": store, "topics": [null, ["0x01"]] }] }),
        json!({ "id": 1, "method": "eth_call", "params": [{ "from": account, "to": store, "data": set(1, 1), "gas": "0xffff", "value": "0x1" }, "0x1"] }),
        json!({ "id": 1, "method": "eth_estimateGas", "params": [{ "from": account, "to": store, "data": set(1, 1) }] }),
        json!({ "id": 1, "method": "eth_sendRawTransaction", "params": ["0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"] }),
        json!({ "id": 1, "method": "eth_getBlockByNumber", "params": ["0x1", true] }),
        json!({ "id": 1, "method": "eth_getStorageAt", "params": [store, "0x0", { "blockNumber": "0x1" }] }),
        json!({ "id": 1, "method": "debug_getBlockRlp", "params": [1] }),
        json!([{ "id": 1, "method": "eth_getTransactionCount", "params": [account, "pending"] }]),
    ];
    let http = client();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for round in 0..1_500 {
        let mut body = requests[round % requests.len()].to_string().into_bytes();
        for _ in 0..=random(3) {
            let at = random(body.len().max(1));
            if body.is_empty() {
                break;
            }
            match random(4) {
                0 => body[at] = b"0f\"[]{},:-x9"[random(12)],
                1 => drop(body.remove(at)),
                2 => body.insert(at, b"0f\"[]{},:-x9"[random(12)]),
                _ => body.truncate(at.max(1)),
            }
        }
        let body = String::from_utf8(body).unwrap();
        let answer = http.post(chain.rpc_url()).body(body.clone()).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let answer = answer.get(0).unwrap_or(&answer);
        assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_destroyed_contract_leaves_the_state_trie() {
    // SELFDESTRUCT to the caller, with storage and a balance; Berlin still removes it whole.
    let at = Address::repeat_byte(0x73);
    let chain = Chain::builder()
        .spec(Spec::Berlin)
        .account(
            at,
            GenesisAccount {
                nonce: 1,
                balance: U256::from(5),
                code: Bytes::from_static(&hex!("33ff")),
                storage: vec![(B256::ZERO, U256::from(1))],
            },
        )
        .spawn()
        .await
        .unwrap();
    chain.set_paused(true);
    let provider = provider(&chain);
    let before = provider.get_balance(chain.account(0).address).await.unwrap();
    assert!(mined(&provider, &chain, request(&chain, 0).to(at)).await.status());
    let proof = provider.get_proof(at, vec![B256::ZERO]).await.unwrap();
    assert_eq!((proof.nonce, proof.balance, proof.storage_proof[0].value), (0, U256::ZERO, U256::ZERO));
    assert_eq!(proof.code_hash, alloy::primitives::KECCAK256_EMPTY);
    assert_eq!(provider.get_balance(chain.account(0).address).await.unwrap() - before, U256::from(5));
    // The root is that of the accounts that are left.
    let root = provider.get_block(BlockId::latest()).await.unwrap().unwrap().header.state_root;
    let funded = (1..10).map(|index| (chain.account(index).address, 0, before));
    let all = funded.chain([(chain.account(0).address, 1, before + U256::from(5))]);
    let accounts = all
        .map(|(address, nonce, balance)| (address, alloy_trie::TrieAccount { nonce, balance, ..Default::default() }));
    assert_eq!(root, alloy_trie::root::state_root_unhashed(accounts));
}
