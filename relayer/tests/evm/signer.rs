//! The transaction manager on bad days: drops, restarts, two processes with one key, prices.

use crate::rig::{BLOCK, PATIENCE, Rig, context, ended, watch};
use alloy::primitives::{Address, B256, Bytes, U256, address};
use causeway::{
    chains::{
        Chain, Context,
        evm::{
            config::EvmChain,
            endpoint::{Need, Pool},
            signer::{
                Job, Signer,
                fees::Price,
                tx::{self, Call},
            },
        },
        observe::{Observer, Spent},
    },
    lane::{
        error::Kind,
        types::{ChainId, TxEvent},
    },
};
use causeway_core::LaneId;
use causeway_devchain::{Faults, HttpFault, Spec};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Code that counts its calls in slot 0, and reverts with `0xdeadbeef` when it is called with a byte.
const COUNTER: Address = address!("00000000000000000000000000000000000c0de0");

fn counter() -> Bytes {
    // CALLDATASIZE PUSH1 0x0e JUMPI | PUSH1 1 PUSH1 0 SLOAD ADD PUSH1 0 SSTORE STOP | JUMPDEST PUSH4 deadbeef
    // PUSH1 0xe0 SHL PUSH1 0 MSTORE PUSH1 4 PUSH1 0 REVERT
    let code = "36600e57600160005401600055005b63deadbeef60e01b60005260046000fd";
    hex::decode(code).unwrap().into()
}

fn builder(id: u64) -> causeway_devchain::ChainBuilder {
    causeway_devchain::Chain::builder()
        .chain_id(id)
        .seed(format!("signer-{id}"))
        .block_time(BLOCK)
        .code(COUNTER, counter())
}

#[derive(Default)]
struct Counts {
    replaced: AtomicUsize,
    resent: AtomicUsize,
    dropped: AtomicUsize,
    finals: Mutex<Vec<Spent>>,
}

impl Observer for Counts {
    fn transaction_resent(&self, _: &ChainId, _: &str, replaced: bool) {
        let counter = if replaced { &self.replaced } else { &self.resent };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn transaction_dropped(&self, _: &ChainId, _: &str) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn transaction_final(&self, _: &ChainId, _: &str, spent: Spent) {
        self.finals.lock().unwrap().push(spent);
    }
}

/// A signer with what it needs, over one endpoint.
struct Desk {
    config: EvmChain,
    pool: Arc<Pool>,
    ports: Arc<Chain>,
    counts: Arc<Counts>,
    context: Context,
}

impl Desk {
    fn new(rig: &Rig, url: &str, extra: &str) -> Self {
        Self::over(rig, &[url.to_owned()], extra)
    }

    fn over(rig: &Rig, urls: &[String], extra: &str) -> Self {
        let signer = format!("signer = {{ key_file = \"{}\", resend_after_blocks = 2 }}", rig.key_file(0).display());
        let urls: Vec<_> = urls.iter().map(|url| (url.clone(), None)).collect();
        let config = rig.config(&urls, COUNTER, &format!("{signer}\n{extra}"));
        let counts = Arc::new(Counts::default());
        let context = Context { observer: Arc::clone(&counts) as Arc<dyn Observer>, ..rig.context.clone() };
        let reader = EvmChain { signer: None, ..config.clone() };
        let ports = rig.ports(reader);
        watch(Arc::clone(&ports));
        Self { pool: rig.pool(&config), config, ports, counts, context }
    }

    fn signer(&self, rig: &Rig) -> Signer {
        self.signer_in(rig, &self.context)
    }

    fn signer_in(&self, rig: &Rig, context: &Context) -> Signer {
        let section = self.config.signer.clone().unwrap();
        let verified = self.ports.verified.clone();
        Signer::start_with(rig.key(0), &self.config, &section, Arc::clone(&self.pool), verified, context)
    }
}

fn job(data: &[u8]) -> Job {
    let call = Call::new(COUNTER, Bytes::copy_from_slice(data), 100_000);
    Job { call, lane: LaneId(B256::repeat_byte(1)), range: 0..1 }
}

async fn count(pool: &Pool) -> u64 {
    let word: B256 = pool.call("eth_getStorageAt", &(COUNTER, B256::ZERO, "latest"), Need::Any).await.unwrap();
    U256::from_be_bytes(word.0).to()
}

async fn final_ones(tickets: Vec<tokio::sync::mpsc::Receiver<TxEvent>>) {
    for ticket in tickets {
        let events = ended(ticket).await;
        assert!(matches!(events.first(), Some(TxEvent::Broadcast { .. })), "{events:?}");
        assert!(matches!(events.last(), Some(TxEvent::Final { .. })), "{events:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_transactions_fly_at_once_and_each_has_one_effect() {
    let rig = Rig::new(builder(4301)).await;
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), "");
    let signer = desk.signer(&rig);
    let mut tickets = Vec::new();
    for _ in 0..40 {
        tickets.push(signer.send(job(&[])).await.unwrap());
    }
    final_ones(tickets).await;
    assert_eq!(count(&desk.pool).await, 40);
    let account = Bytes::copy_from_slice(signer.address().as_slice()).into();
    assert!(desk.context.journal.intents(desk.pool.chain(), &account).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revert_comes_with_its_data() {
    let rig = Rig::new(builder(4302)).await;
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), "");
    let signer = desk.signer(&rig);
    let events = ended(signer.send(job(&[1])).await.unwrap()).await;
    let Some(TxEvent::Reverted { data, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(data.as_ref(), [0xde, 0xad, 0xbe, 0xef]);
    final_ones(vec![signer.send(job(&[])).await.unwrap()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_075_dropped_transactions_are_sent_again() {
    let rig = Rig::new(builder(4303)).await;
    let node = rig.handle.endpoint(Faults { drop_transactions: true, ..Faults::default() }).await.unwrap();
    let desk = Desk::new(&rig, &node.rpc_url(), "");
    let signer = desk.signer(&rig);
    let mut tickets = vec![signer.send(job(&[])).await.unwrap(), signer.send(job(&[])).await.unwrap()];
    for ticket in &mut tickets {
        assert!(matches!(ticket.recv().await, Some(TxEvent::Broadcast { .. })), "the node says that it took it");
    }
    rig.handle.mine(3).await.unwrap();
    assert_eq!(count(&desk.pool).await, 0);
    node.set_faults(Faults::default());
    for ticket in tickets {
        assert!(matches!(ended(ticket).await.last(), Some(TxEvent::Final { .. })));
    }
    assert_eq!(count(&desk.pool).await, 2);
    assert!(desk.counts.resent.load(Ordering::Relaxed) >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_075_a_restart_takes_up_what_was_intended() {
    let rig = Rig::new(builder(4304)).await;
    let node = rig.handle.endpoint(Faults { drop_transactions: true, ..Faults::default() }).await.unwrap();
    let desk = Desk::new(&rig, &node.rpc_url(), "");
    // Killed between the intent and the pool: the node forgot both transactions.
    let dying = Context { shutdown: Default::default(), tasks: Default::default(), ..desk.context.clone() };
    let signer = desk.signer_in(&rig, &dying);
    for _ in 0..2 {
        drop(signer.send(job(&[])).await.unwrap());
    }
    tokio::time::sleep(BLOCK).await;
    dying.shutdown.cancel();
    dying.tasks.close();
    dying.tasks.wait().await;
    let account = Bytes::copy_from_slice(signer.address().as_slice()).into();
    let left = desk.context.journal.intents(desk.pool.chain(), &account).unwrap();
    assert!(!left.is_empty() && count(&desk.pool).await == 0);

    node.set_faults(Faults::default());
    let signer = desk.signer(&rig);
    final_ones(vec![signer.send(job(&[])).await.unwrap()]).await;
    assert_eq!(count(&desk.pool).await, left.len() as u64 + 1, "each intent once");
    let settled = async {
        while !desk.context.journal.intents(desk.pool.chain(), &account).unwrap().is_empty() {
            tokio::time::sleep(BLOCK).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_075_two_processes_with_one_key_both_get_through() {
    let rig = Rig::new(builder(4305)).await;
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), "");
    let elsewhere = tempfile::tempdir().unwrap();
    let (one, two) = (desk.signer(&rig), desk.signer_in(&rig, &context(&elsewhere)));
    let mut open = 0;
    let mut effects = 0;
    let mut jobs = 24;
    while jobs > 0 {
        // Other bytes than the first one's: equal transactions are one transaction.
        let mut other = job(&[]);
        other.call.gas += 1;
        let (a, b) = tokio::join!(one.send(job(&[])), two.send(other));
        for ticket in [a.unwrap(), b.unwrap()] {
            match ended(ticket).await.last() {
                Some(TxEvent::Final { .. }) => effects += 1,
                // Given up because the other took the nonce: a lane tries again.
                Some(TxEvent::Failed(error)) => {
                    assert_eq!(error.kind, Kind::NonceConflict);
                    open += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        jobs -= 2;
    }
    assert_eq!(count(&desk.pool).await, effects);
    assert!(effects > open, "{effects} went through, {open} were given up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_075_a_missing_nonce_is_filled() {
    let rig = Rig::new(builder(4306)).await;
    let node = rig.handle.endpoint(Faults::default()).await.unwrap();
    let desk = Desk::new(&rig, &node.rpc_url(), "");
    let signer = desk.signer(&rig);
    rig.handle.set_paused(true);
    let first = signer.send(job(&[])).await.unwrap();
    // The next is refused for good by the node, after the one behind it was sent: its nonce would be missing.
    node.set_faults(Faults { drop_transactions: true, ..Faults::default() });
    let second = signer.send(job(&[])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    node.set_faults(Faults::default());
    let third = signer.send(job(&[])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.handle.set_paused(false);
    final_ones(vec![first, second, third]).await;
    assert_eq!(count(&desk.pool).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_074_a_transaction_below_the_base_fee_is_outbid_up_to_the_cap() {
    // The base fee is a thousand gwei; the first price is far below what a later block asks for.
    let rig = Rig::new(builder(4307).spec(Spec::Prague).base_fee(1_000_000_000)).await;
    let fees = "fees = { policy = \"eip1559\", tip = 1, max_fee = 100000000000 }";
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), fees);
    let signer = desk.signer(&rig);
    let events = ended(signer.send(job(&[])).await.unwrap()).await;
    let Some(TxEvent::Final { fee, gas_used, .. }) = events.last() else { panic!("{events:?}") };
    assert!(*fee > U256::from(*gas_used), "paid the base fee");
    assert_eq!(desk.counts.finals.lock().unwrap().len(), 1);

    let poor = "fees = { policy = \"eip1559\", tip = 1, max_fee = 1000 }";
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), poor);
    let events = ended(desk.signer(&rig).send(job(&[])).await.unwrap()).await;
    let Some(TxEvent::Failed(error)) = events.last() else { panic!("{events:?}") };
    assert_eq!((error.kind, error.is_retry()), (Kind::Underpriced, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_074_a_stuck_transaction_is_replaced_with_a_higher_fee() {
    // Blocks have room for one of these transactions, and somebody else pays 1,200 for sixty of them.
    let rig = Rig::new(builder(4308).gas_price_min(1_000).gas_limit(100_000)).await;
    let fees = "fees = { policy = \"legacy\", gas_price = 1000, max_gas_price = 1500 }";
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), fees);
    let other = rig.key(1);
    let call = job(&[]).call;
    for nonce in 0..60 {
        let sent = tx::sign(&other, rig.handle.chain_id(), nonce, &call, Price::Legacy { gas_price: 1_200 }).unwrap();
        let _: B256 = desk.pool.call("eth_sendRawTransaction", &(&sent.raw,), Need::Any).await.unwrap();
    }
    let events = ended(desk.signer(&rig).send(job(&[])).await.unwrap()).await;
    let Some(TxEvent::Final { fee, gas_used, .. }) = events.last() else { panic!("{events:?}") };
    let price = *fee / U256::from(*gas_used);
    assert_eq!(price, U256::from(1_266), "1000, 1125, 1266: an eighth more each time, rounded up");
    assert_eq!(desk.counts.replaced.load(Ordering::Relaxed), 2);
    assert!(rig.handle.mempool_len() > 20, "it did not wait for the others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_087_no_fee_is_raised_for_what_a_stranger_did_already() {
    let rig = Rig::new(builder(4311).gas_price_min(1_000)).await;
    // A node that takes transactions and includes none: each looks stuck.
    let node = rig.handle.endpoint(Faults { drop_transactions: true, ..Faults::default() }).await.unwrap();
    let fees = "fees = { policy = \"legacy\", gas_price = 1000, max_gas_price = 9000 }";
    let mut raised = Vec::new();
    for done_already in [true, false] {
        let desk = Desk::new(&rig, &node.rpc_url(), fees);
        let context = Context { shutdown: Default::default(), ..desk.context.clone() };
        let signer = desk.signer_in(&rig, &context);
        let mut ticket = signer.send(job(&[])).await.unwrap();
        assert!(matches!(ticket.recv().await, Some(TxEvent::Broadcast { .. })));
        let ticket = (!done_already).then_some(ticket);
        let height = rig.handle.head().number + 20;
        rig.handle.wait_for_block(height, PATIENCE).await.unwrap();
        raised.push(desk.counts.replaced.load(Ordering::Relaxed));
        drop(ticket);
        context.shutdown.cancel();
    }
    assert_eq!(raised[0], 0, "a fee was raised for what is done");
    assert!(raised[1] > 0, "it was never stuck");
}

/// Blocks that each of `count` transactions of a lane waited for, sent one after the other.
async fn waits(rig: &Rig, signer: &Signer, count: usize) -> Vec<u64> {
    let mut waited = Vec::new();
    for number in 0..count {
        let sent = Job { lane: LaneId(B256::repeat_byte(2)), range: number as u64..number as u64 + 1, ..job(&[]) };
        let before = rig.handle.head().number;
        let events = ended(signer.send(sent).await.unwrap()).await;
        let Some(TxEvent::Final { block, .. }) = events.last() else { panic!("{events:?}") };
        waited.push(block - before);
    }
    waited
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_078_a_backlog_of_one_lane_keeps_no_other_lane_waiting() {
    // A block has room for five of these transactions, the window for sixteen.
    let rig = Rig::new(builder(4312).gas_limit(500_000)).await;
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), "");
    let signer = desk.signer(&rig);
    let alone = waits(&rig, &signer, 12).await;
    // 10,240 entries of another lane, in the largest batches that are usual.
    let backlog = tokio::spawn({
        let signer = signer.clone();
        async move {
            let mut tickets = Vec::new();
            for batch in 0..80u64 {
                let lane = LaneId(B256::repeat_byte(1));
                tickets
                    .push(signer.send(Job { lane, range: batch * 128..(batch + 1) * 128, ..job(&[]) }).await.unwrap());
            }
            final_ones(tickets).await;
        }
    });
    tokio::time::sleep(BLOCK * 2).await;
    let beside = waits(&rig, &signer, 12).await;
    assert!(!backlog.is_finished(), "the backlog was gone before the other lane was measured");
    println!("blocks waited: alone {alone:?}, beside a backlog {beside:?}");
    let most = |waited: &[u64]| waited.iter().copied().max().unwrap();
    assert!(most(&beside) <= most(&alone) + 1, "alone {alone:?}, beside a backlog {beside:?}");
    backlog.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_077_an_empty_wallet_stops_the_lane() {
    let rig = Rig::new(builder(4309).gas_price_min(1_000).accounts(0)).await;
    let fees = "fees = { policy = \"legacy\", gas_price = 1000, max_gas_price = 5000 }";
    let desk = Desk::new(&rig, &rig.handle.rpc_url(), fees);
    let events = ended(desk.signer(&rig).send(job(&[])).await.unwrap()).await;
    let [TxEvent::Failed(error)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((error.kind, error.is_retry()), (Kind::InsufficientFunds, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_022_one_node_that_refuses_stops_no_lane() {
    let rig = Rig::new(builder(4310)).await;
    for message in ["insufficient funds for gas * price + value", "exceeds block gas limit", "invalid chain id"] {
        let http = Some(HttpFault::ErrorBody { code: -32000, message: message.into() });
        let methods = vec!["eth_sendRawTransaction".to_owned()];
        let node = rig.handle.endpoint(Faults { http, methods, ..Faults::default() }).await.unwrap();
        let desk = Desk::over(&rig, &[node.rpc_url(), rig.handle.rpc_url()], "");
        let context = Context { shutdown: Default::default(), ..desk.context.clone() };
        final_ones(vec![desk.signer_in(&rig, &context).send(job(&[])).await.unwrap()]).await;
        context.shutdown.cancel();
    }
}
