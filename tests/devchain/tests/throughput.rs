//! How fast blocks are made and how much memory states take. The figures are printed, the outcome is checked; how long it
//! may take is not, for machines differ. `cargo test -p causeway-devchain --release --test throughput -- --nocapture`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEnvelope, TxLegacy},
    eips::eip2718::Encodable2718,
    network::TxSignerSync,
    primitives::{Address, Bytes, TxKind, U256, keccak256},
    providers::Provider,
};
use causeway_devchain::{Chain, Config, GenesisAccount, Handle};
use common::{TOKEN, balance_slot, reader, signer, transfer};

const SENDERS: u64 = 100;
const TOKEN_AT: Address = Address::repeat_byte(0x70);

/// A chain with a token of `holders` holders and as many funded accounts.
async fn chain(holders: u64, gas_limit: u64) -> Handle {
    let senders =
        (0..SENDERS).map(|index| causeway_devchain::DevAccount::derive(&Config::default().seed, index).address);
    let storage =
        (0..holders).map(holder).chain(senders).map(|address| (balance_slot(address), U256::from(1_000_000))).collect();
    let mut builder = Chain::builder().accounts(SENDERS).gas_limit(gas_limit).account(
        TOKEN_AT,
        GenesisAccount { nonce: 1, code: Bytes::from_static(&TOKEN), storage, ..GenesisAccount::default() },
    );
    for index in 0..holders {
        builder = builder.fund(holder(index), U256::from(1));
    }
    let chain = builder.spawn().await.unwrap();
    chain.set_paused(true);
    chain
}

fn holder(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[12..])
}

/// `count` signed transfers, from all senders in turn, to old or new holders.
fn transfers(chain: &Handle, count: u64, first: u64) -> Vec<Bytes> {
    let signers: Vec<_> = (0..SENDERS).map(|index| signer(chain, index)).collect();
    (first..first + count)
        .map(|index| {
            let mut tx = TxLegacy {
                chain_id: Some(chain.chain_id()),
                nonce: index / SENDERS,
                gas_limit: 100_000,
                to: TxKind::Call(TOKEN_AT),
                input: transfer(holder(index * 7), 1),
                ..TxLegacy::default()
            };
            let signature = signers[(index % SENDERS) as usize].sign_transaction_sync(&mut tx).unwrap();
            TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
        })
        .collect()
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn measure(holders: u64, gas_limit: u64, per_block: u64, blocks: u64) {
    let before = resident_kb();
    let started = Instant::now();
    let chain = chain(holders, gas_limit).await;
    println!(
        "{holders} accounts, {holders} token holders: genesis {:?}, +{} MB",
        started.elapsed(),
        (resident_kb() - before) / 1024
    );
    let provider = reader(&chain.rpc_url());
    for round in 0..blocks {
        let raw = transfers(&chain, per_block, round * per_block);
        let started = Instant::now();
        let mut pending = Vec::new();
        for chunk in raw.chunks(200) {
            let mut batch = alloy::rpc::client::BatchRequest::new(provider.client());
            let calls: Vec<_> = chunk
                .iter()
                .map(|raw| batch.add_call::<_, alloy::primitives::B256>("eth_sendRawTransaction", &(raw,)).unwrap())
                .collect();
            batch.send().await.unwrap();
            pending.extend(calls);
        }
        for call in pending {
            call.await.unwrap();
        }
        let sent = started.elapsed();
        let started = Instant::now();
        let sealed = chain.mine(1).await.unwrap();
        let built = started.elapsed();
        let block = provider.get_block_by_number(sealed.number.into()).await.unwrap().unwrap();
        println!(
            "block {}: {} transfers, {:.1} M gas, submitted in {sent:?}, built in {built:?}, {} left, resident {} MB",
            sealed.number,
            block.transactions.len(),
            block.header.gas_used as f64 / 1e6,
            chain.mempool_len(),
            resident_kb() / 1024,
        );
        if gas_limit > 70_000 * per_block {
            assert_eq!(block.transactions.len() as u64, per_block);
        }
        while chain.mempool_len() > 0 {
            chain.mine(1).await.unwrap();
        }
    }
    drop(chain);
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_transfers_a_block() {
    measure(20_000, 200_000_000, 2_000, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures for large states; run with --release"]
async fn full_blocks_over_a_hundred_thousand_accounts() {
    measure(100_000, 30_000_000, 1_200, 12).await;
}
