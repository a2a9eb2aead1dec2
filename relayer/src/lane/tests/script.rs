//! A chain that does what a test says: heads, events, an outbox, a bitmap, a client contract. Nothing is signed: what
//! real headers and proofs are worth is the business of the light clients' tests and of `tests/evm`.

#![allow(dead_code)] // each file of tests uses a part

use super::trap::Trap;
pub(crate) use super::values::*;
use crate::lane::{
    chain::{ChainView, Ports},
    error::{Error, Kind, Result},
    ports::{Entries, Headers, Proofs, Submitter, Verifier},
    types::{
        Account, Conflict, ContractClient, Delivery, EventAt, StateProof, TrustedState, TxEvent, Update, VaultEvent,
    },
};
use alloy::primitives::{B256, U256};
use async_trait::async_trait;
use bytes::Bytes;
use causeway_core::{Entry, LaneId, OutboxTree, swap::Terms};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::sync::{mpsc, watch};

#[derive(Default)]
struct Told {
    /// What nodes say happened, by block.
    events: BTreeMap<u64, Vec<VaultEvent>>,
    /// What happened: entries of leaving lanes by block.
    truth: HashMap<LaneId, Vec<(u64, Entry)>>,
    delivered: HashMap<(LaneId, u64), U256>,
    scans: Vec<(u64, u64)>,
    /// Scans that succeed before one fails.
    scans_left: Option<usize>,
    lies: Vec<String>,
    /// Pinned headers that were started from.
    starts: Vec<u64>,
    /// Verdicts on updates before the honest ones.
    verdicts: VecDeque<Error>,
    client: Option<ContractClient>,
    proven: Option<ContractClient>,
    updates: usize,
    evidence: Vec<(Bytes, Bytes)>,
    proofs: usize,
    deliveries: Vec<(Delivery, mpsc::Sender<TxEvent>)>,
    voids: Vec<(Terms, u8, mpsc::Sender<TxEvent>)>,
}

/// See the module.
pub(crate) struct Script {
    told: Mutex<Told>,
    head: watch::Sender<u64>,
    /// A call that panics.
    pub(crate) trap: Trap,
    /// Counts deliveries.
    pub(crate) delivered: watch::Sender<usize>,
    /// Counts calls that void a leg.
    pub(crate) voided: watch::Sender<usize>,
    /// Counts blocks asked for.
    pub(crate) ticked: watch::Sender<usize>,
}

impl Script {
    pub(crate) fn new(head: u64) -> Arc<Self> {
        Arc::new(Self {
            told: Mutex::default(),
            head: watch::Sender::new(head),
            trap: Trap::default(),
            delivered: watch::Sender::new(0),
            voided: watch::Sender::new(0),
            ticked: watch::Sender::new(0),
        })
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    /// The chain as lanes see it.
    pub(crate) fn view(self: &Arc<Self>, id: &str) -> Arc<ChainView> {
        let ports = Ports {
            headers: self.clone(),
            verifier: self.clone(),
            proofs: self.clone(),
            entries: self.clone(),
            submitter: Some(self.clone()),
        };
        Arc::new(ChainView::new(id.into(), Account::from_static(&[9; 20]), BLOCK, ports))
    }

    pub(crate) fn to(&self, head: u64) {
        self.head.send_replace(head);
    }

    /// An entry is written at `block`, and told.
    pub(crate) fn write(&self, block: u64, entry: Entry) {
        self.happened(block, entry);
        self.say(block, entry);
    }

    /// An entry is written at `block`.
    pub(crate) fn happened(&self, block: u64, entry: Entry) {
        self.told().truth.entry(entry.lane).or_default().push((block, entry));
    }

    /// A node tells of an entry.
    pub(crate) fn say(&self, block: u64, entry: Entry) {
        let at = EventAt { block, tx: B256::ZERO };
        let event = VaultEvent::Appended { lane: entry.lane, first: entry.index, entries: vec![entry], at };
        self.told().events.entry(block).or_default().push(event);
    }

    /// A node tells of the terms beside a leg's entry.
    pub(crate) fn say_leg(&self, block: u64, terms: &Terms, leg: u8, voided: bool) {
        let event = VaultEvent::Leg { terms: Box::new(*terms), leg, voided, at: EventAt { block, tx: B256::ZERO } };
        self.told().events.entry(block).or_default().push(event);
    }

    /// Calls that voided a leg.
    pub(crate) fn voids(&self) -> Vec<(Terms, u8)> {
        self.told().voids.iter().map(|(terms, leg, _)| (*terms, *leg)).collect()
    }

    /// The ticket of the newest of them.
    pub(crate) fn void_ticket(&self) -> mpsc::Sender<TxEvent> {
        self.told().voids.last().unwrap().2.clone()
    }

    /// Nodes tell the truth from now on.
    pub(crate) fn repent(&self) {
        let mut told = self.told();
        told.events.clear();
        let truth: Vec<(u64, Entry)> = told.truth.values().flatten().copied().collect();
        drop(told);
        truth.into_iter().for_each(|(block, entry)| self.say(block, entry));
    }

    /// `scans` more questions for events are answered.
    pub(crate) fn scans_left(&self, scans: Option<usize>) {
        self.told().scans_left = scans;
    }

    pub(crate) fn scans(&self) -> Vec<(u64, u64)> {
        self.told().scans.clone()
    }

    pub(crate) fn lies(&self) -> Vec<String> {
        self.told().lies.clone()
    }

    pub(crate) fn starts(&self) -> Vec<u64> {
        self.told().starts.clone()
    }

    /// The next verdict on an update.
    pub(crate) fn judge_next(&self, error: Error) {
        self.told().verdicts.push_back(error);
    }

    /// The bit of an entry is set.
    pub(crate) fn deliver_bit(&self, lane: LaneId, index: u64) {
        let mut told = self.told();
        let word = told.delivered.entry((lane, index / 256)).or_default();
        word.set_bit((index % 256) as usize, true);
    }

    pub(crate) fn proofs(&self) -> usize {
        self.told().proofs
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.told().deliveries.iter().map(|(d, _)| d.clone()).collect()
    }

    /// The ticket of the newest delivery.
    pub(crate) fn ticket(&self) -> mpsc::Sender<TxEvent> {
        self.told().deliveries.last().unwrap().1.clone()
    }

    /// What a node says of the client contract.
    pub(crate) fn client_is(&self, client: ContractClient) {
        self.told().client = Some(client);
    }

    /// Evidence that was brought to the client contract.
    pub(crate) fn evidence(&self) -> Vec<(Bytes, Bytes)> {
        self.told().evidence.clone()
    }

    /// What the chain proves of it.
    pub(crate) fn client_is_proven(&self, client: ContractClient) {
        self.told().proven = Some(client);
    }

    /// Client updates that were sent alone.
    pub(crate) fn client_updates(&self) -> usize {
        self.told().updates
    }

    fn size_at(&self, lane: LaneId, height: u64) -> Vec<B256> {
        let told = self.told();
        let written = told.truth.get(&lane).into_iter().flatten();
        written.filter(|(block, _)| *block <= height).map(|(_, e)| e.commitment()).collect()
    }
}

#[async_trait]
impl Headers for Script {
    async fn newer_than(&self, after: u64) -> Result<u64> {
        Ok(*self.head.subscribe().wait_for(|head| *head > after).await.unwrap())
    }
    async fn updates(&self, _: &TrustedState, height: u64) -> Result<Vec<Update>> {
        Ok(vec![Update { height, bytes: Bytes::copy_from_slice(&height.to_be_bytes()) }])
    }
    async fn pinned(&self, height: u64) -> Result<Update> {
        Ok(Update { height, bytes: Bytes::copy_from_slice(&height.to_be_bytes()) })
    }
    fn report_lie(&self, _: u64, detail: &str) {
        self.told().lies.push(detail.to_owned());
    }
}

impl Verifier for Script {
    fn start(&self, _: B256, header: &Update, _: u64) -> Result<TrustedState> {
        self.told().starts.push(header.height);
        Ok(state(header.height))
    }
    fn verify(&self, _: &TrustedState, update: &Update, _: u64) -> Result<TrustedState> {
        self.trap.step("verify");
        self.told().verdicts.pop_front().map_or_else(|| Ok(state(update.height)), Err)
    }
    fn peaks(&self, at: &TrustedState, outbox: &Account, heights: &[u8], _: &StateProof) -> Result<Vec<B256>> {
        let leaves = self.size_at(lane_of(outbox), at.height);
        let tree = OutboxTree::from_leaves(&leaves);
        let peak = |h: &u8| tree.slot_at(tree.size(), *h).ok().flatten().unwrap_or_default();
        Ok(heights.iter().map(peak).collect())
    }
    fn size(&self, at: &TrustedState, outbox: &Account, _: &StateProof) -> Result<u64> {
        Ok(self.size_at(lane_of(outbox), at.height).len() as u64)
    }
    fn delivered(
        &self,
        _: &TrustedState,
        _: &Account,
        lane: LaneId,
        words: &[u64],
        _: &StateProof,
    ) -> Result<Vec<U256>> {
        let told = self.told();
        Ok(words.iter().map(|w| told.delivered.get(&(lane, *w)).copied().unwrap_or_default()).collect())
    }
    fn conflict(&self) -> Option<Conflict> {
        Some(conflict())
    }
    fn expires_at(&self, trusted: &TrustedState) -> u64 {
        trusted.time + TRUSTING_PERIOD
    }
    fn for_contract(&self, _: &ContractClient, _: &[TrustedState], update: &Bytes) -> Result<(Vec<Bytes>, Bytes)> {
        Ok((Vec::new(), update.clone()))
    }
}

#[async_trait]
impl Proofs for Script {
    async fn peaks(&self, _: &Account, _: &[u8], _: u64) -> Result<StateProof> {
        self.trap.step("peaks");
        self.told().proofs += 1;
        Ok(StateProof(Bytes::new()))
    }
    async fn size(&self, _: &Account, _: u64) -> Result<StateProof> {
        self.trap.step("size");
        self.told().proofs += 1;
        Ok(StateProof(Bytes::new()))
    }
    async fn delivered(&self, _: &Account, _: LaneId, _: &[u64], _: u64) -> Result<StateProof> {
        self.trap.step("delivered");
        self.told().proofs += 1;
        Ok(StateProof(Bytes::new()))
    }
}

#[async_trait]
impl Entries for Script {
    async fn scan(&self, _: &Account, from: u64, to: u64) -> Result<Vec<VaultEvent>> {
        self.trap.step("scan");
        let mut told = self.told();
        match &mut told.scans_left {
            Some(0) => return Err(Error::retry(Kind::Unavailable, "no more")),
            Some(left) => *left -= 1,
            None => {}
        }
        told.scans.push((from, to));
        Ok(told.events.range(from..=to).flat_map(|(_, events)| events.clone()).collect())
    }
    fn report_lie(&self, _: u64, detail: &str) {
        self.told().lies.push(detail.to_owned());
    }
}

#[async_trait]
impl Submitter for Script {
    async fn deliver(&self, call: Delivery) -> Result<mpsc::Receiver<TxEvent>> {
        self.trap.step("deliver");
        let (ticket, events) = mpsc::channel(16);
        self.told().deliveries.push((call, ticket));
        self.delivered.send_modify(|n| *n += 1);
        Ok(events)
    }
    async fn void_leg(&self, terms: &Terms, leg: u8) -> Result<mpsc::Receiver<TxEvent>> {
        let (ticket, events) = mpsc::channel(16);
        self.told().voids.push((*terms, leg, ticket));
        self.voided.send_modify(|n| *n += 1);
        Ok(events)
    }
    async fn update_client(&self, _: LaneId, _: Vec<Bytes>) -> Result<mpsc::Receiver<TxEvent>> {
        self.told().updates += 1;
        Ok(mpsc::channel(1).1)
    }
    async fn misbehaviour(&self, _: LaneId, a: Bytes, b: Bytes) -> Result<mpsc::Receiver<TxEvent>> {
        self.told().evidence.push((a, b));
        Ok(mpsc::channel(1).1)
    }
    async fn tick(&self) -> Result<mpsc::Receiver<TxEvent>> {
        self.ticked.send_modify(|n| *n += 1);
        Ok(mpsc::channel(1).1)
    }
    async fn client(&self, _: LaneId) -> Result<ContractClient> {
        Ok(self.told().client.clone().unwrap_or_else(|| client(1)))
    }
    async fn proven_client(&self, _: LaneId) -> Result<ContractClient> {
        self.trap.step("proven_client");
        Ok(self.told().proven.clone().unwrap_or_else(|| client(1)))
    }
    async fn balance(&self) -> Result<U256> {
        Ok(U256::ZERO)
    }
}
