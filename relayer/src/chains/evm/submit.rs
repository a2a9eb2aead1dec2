//! Sends deliveries and client updates through the signer's transaction manager.
//!
//! The gas limit comes from a stated formula ([`bundle::gas_limit`]). A call is run without being sent first only on a
//! lane's first delivery and after one that reverted: then, if gas was the trouble, a node's estimate replaces the formula
//! and the lane's later limits grow in proportion; a revert for any other reason is an error before it costs anything.

use super::{
    abi::{IClient, ISwaps, IVault},
    bundle,
    client_state::{self, ProvenClient},
    code_watch::{CodeAlarm, Root},
    config::{Fees, Gas},
    contract,
    endpoint::{CallError, Need, Pool},
    reverts,
    signer::{EMPTY_GAS, Job, Signer, tx::Call},
};
use crate::lane::{
    error::{Error, Kind, Result},
    live::Live,
    ports::Submitter,
    types::{ContractClient, Delivery, TxEvent},
};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use async_trait::async_trait;
use causeway_core::{LaneId, swap::Terms};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, watch};

/// Room for the events of several updates in a row.
const EVENTS: usize = 16;
/// An estimate is raised by a fifth: the state moves until the transaction is in a block.
const ESTIMATE_MARGIN: u64 = 5;

/// See the module.
pub struct EvmSubmitter {
    pool: Arc<Pool>,
    signer: Signer,
    vault: Address,
    gas: Live<Gas>,
    alarm: CodeAlarm,
    roots: watch::Receiver<Option<Root>>,
    lanes: Arc<Mutex<Lanes>>,
}

type Lanes = HashMap<LaneId, Known>;

/// What is known of a lane. It is bounded by the lanes that the configuration serves.
#[derive(Default)]
struct Known {
    /// The client contract, as the vault named it.
    client: Option<Address>,
    /// The same and its state, under a verified root: many deliveries in one block share it.
    proven_client: Option<(Root, Address, ProvenClient)>,
    /// Trusting period of a client contract.
    period: Option<(Address, u64)>,
    /// The last delivery went through: the formula is trusted.
    proven: bool,
    /// The last delivery reverted: a node that calls it good may not know better (see [`contract::simulate`]).
    reverted: bool,
    /// What the formula is multiplied by, in thousandths, where a token of the lane takes more gas than it says.
    permille: Option<u64>,
}

impl EvmSubmitter {
    /// Submits to `vault` with `signer`, until `alarm` is raised. `roots`: verified states of this chain.
    pub fn new(
        pool: Arc<Pool>,
        signer: Signer,
        vault: Address,
        gas: Gas,
        alarm: CodeAlarm,
        roots: watch::Receiver<Option<Root>>,
    ) -> Self {
        Self { pool, signer, vault, gas: gas.into(), alarm, roots, lanes: Arc::default() }
    }

    /// Other fees and gas limits from now on.
    pub fn reconfigure(&self, fees: Fees, gas: Gas) {
        self.signer.fees().set(fees);
        self.gas.set(gas);
    }

    fn root(&self) -> Option<Root> {
        *self.roots.borrow()
    }

    /// The client contract of a lane and its state under a verified root.
    async fn client_under(&self, root: Root, lane: LaneId) -> Result<(Address, ProvenClient)> {
        if let Some((at, client, state)) = self.lanes().get(&lane).and_then(|known| known.proven_client)
            && at == root
        {
            return Ok((client, state));
        }
        let client = client_state::client_of(&self.pool, root, self.vault, lane).await?;
        let state = client_state::state_of(&self.pool, root, client).await?;
        let mut lanes = self.lanes();
        let known = lanes.entry(lane).or_default();
        (known.client, known.proven_client) = (Some(client), Some((root, client, state)));
        Ok((client, state))
    }

    /// The period of a client contract: it never changes, and is a node's word.
    async fn period(&self, lane: LaneId, client: Address) -> Result<u64> {
        if let Some((of, period)) = self.lanes().get(&lane).and_then(|known| known.period)
            && of == client
        {
            return Ok(period);
        }
        let period = contract::view(&self.pool, client, &IClient::stateCall {}).await?.trustingPeriod;
        self.lanes().entry(lane).or_default().period = Some((client, period));
        Ok(period)
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        lock(&self.lanes)
    }

    async fn client_of(&self, lane: LaneId) -> Result<Address> {
        if let Some(client) = self.lanes().get(&lane).and_then(|known| known.client) {
            return Ok(client);
        }
        if let Some(root) = self.root() {
            return Ok(self.client_under(root, lane).await?.0);
        }
        let config = contract::view(&self.pool, self.vault, &IVault::laneConfigCall { lane: lane.0 }).await?;
        if config.client.is_zero() {
            // A node's word stops no lane.
            let detail = format!("{}: a node says that the vault knows no lane {lane}", self.pool.chain());
            return Err(Error::retry(Kind::UnknownLane, detail));
        }
        self.lanes().entry(lane).or_default().client = Some(config.client);
        Ok(config.client)
    }

    /// The gas limit for a delivery: the formula, or what a rehearsal says if the lane's last one did not go through.
    async fn gas(&self, lane: LaneId, data: &Bytes, formula: u64) -> Result<u64> {
        let (proven, reverted, permille) =
            self.lanes().get(&lane).map_or((false, false, None), |k| (k.proven, k.reverted, k.permille));
        let raised = formula.saturating_mul(permille.unwrap_or(1_000)) / 1_000;
        let limit = raised.min(self.gas.now().limit);
        if proven {
            return Ok(limit);
        }
        let needed = self.rehearse(data, limit, reverted).await?;
        if needed > limit {
            let permille = needed.saturating_mul(1_000).div_ceil(formula.max(1));
            self.lanes().entry(lane).or_default().permille = Some(permille);
        }
        Ok(needed)
    }

    /// Runs a delivery without sending it. Gives a gas limit that is enough.
    async fn rehearse(&self, data: &Bytes, limit: u64, reverted_before: bool) -> Result<u64> {
        let from = self.signer.address();
        match contract::simulate(&self.pool, from, self.vault, data, limit).await {
            Ok(()) if !reverted_before => return Ok(limit),
            Ok(()) => {}
            Err(error) if error.error.kind == Kind::Reverted => {}
            Err(error) => return Err(error.error),
        }
        // Too little gas shows as a revert without a reason where it ran out in an inner call: the estimate, which tries
        // with all that a block has, tells whether that was it.
        let estimate = contract::estimate(&self.pool, from, Some(self.vault), data)
            .await
            .map_err(|e| reverted("a delivery", e))?;
        // What went well at this limit here and now gets no less.
        let needed = (estimate + estimate / ESTIMATE_MARGIN).max(if reverted_before { limit } else { 0 });
        if needed > self.gas.now().limit {
            let detail = format!("a delivery would take {needed} gas, gas.limit is {}", self.gas.now().limit);
            return Err(Error::retry(Kind::TooLarge, detail));
        }
        Ok(needed)
    }
}

fn reverted(what: &str, error: CallError) -> Error {
    if error.error.kind != Kind::Reverted {
        return error.error;
    }
    Error::retry(Kind::Reverted, format!("{what} would revert: {}", reverts::name(&error.data)))
}

fn lock(lanes: &Mutex<Lanes>) -> MutexGuard<'_, Lanes> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Submitter for EvmSubmitter {
    async fn deliver(&self, delivery: Delivery) -> Result<mpsc::Receiver<TxEvent>> {
        self.alarm.check()?;
        let (lane, range) = (delivery.bundle.lane, delivery.bundle.first..delivery.bundle.end());
        let data = bundle::calldata(&delivery)?;
        let formula = bundle::gas_limit(&self.gas.now(), &delivery.bundle.entries, &data);
        let gas = self.gas(lane, &data, formula).await?;
        let events = self.signer.send(Job { call: Call::new(self.vault, data, gas), lane, range }).await?;
        Ok(noting(Arc::clone(&self.lanes), lane, events))
    }

    async fn void_leg(&self, terms: &Terms, leg: u8) -> Result<mpsc::Receiver<TxEvent>> {
        self.alarm.check()?;
        let lane = terms.lane_of(leg).unwrap_or_default();
        let data: Bytes = ISwaps::voidLegCall { terms: terms.into(), leg }.abi_encode().into();
        // Seldom sent: what it takes is asked for each time, and whether it still has an effect.
        let estimate = contract::estimate(&self.pool, self.signer.address(), Some(self.vault), &data);
        let estimate = estimate.await.map_err(|e| reverted("voiding a leg", e))?;
        let gas = (estimate + estimate / ESTIMATE_MARGIN).min(self.gas.now().limit);
        self.signer.send(Job { call: Call::new(self.vault, data, gas), lane, range: 0..0 }).await
    }

    async fn update_client(&self, lane: LaneId, updates: Vec<bytes::Bytes>) -> Result<mpsc::Receiver<TxEvent>> {
        let client = self.client_of(lane).await?;
        let mut sent = Vec::with_capacity(updates.len());
        for update in updates {
            let data: Bytes = IClient::updateCall { update: update.into() }.abi_encode().into();
            let gas = bundle::update_gas(&data).min(self.gas.now().limit);
            sent.push(self.signer.send(Job { call: Call::new(client, data, gas), lane, range: 0..0 }).await?);
        }
        Ok(in_a_row(sent))
    }

    async fn misbehaviour(&self, lane: LaneId, a: bytes::Bytes, b: bytes::Bytes) -> Result<mpsc::Receiver<TxEvent>> {
        let client = self.client_of(lane).await?;
        let data: Bytes = IClient::misbehaviourCall { a: a.into(), b: b.into() }.abi_encode().into();
        // Two updates' checks and three slots written.
        let gas = bundle::update_gas(&data).saturating_mul(2).min(self.gas.now().limit);
        self.signer.send(Job { call: Call::new(client, data, gas), lane, range: 0..0 }).await
    }

    async fn tick(&self) -> Result<mpsc::Receiver<TxEvent>> {
        let call = Call::new(self.signer.address(), Bytes::new(), EMPTY_GAS);
        self.signer.send(Job { call, lane: LaneId::default(), range: 0..0 }).await
    }

    async fn client(&self, lane: LaneId) -> Result<ContractClient> {
        if self.root().is_some() {
            return self.proven_client(lane).await;
        }
        let client = self.client_of(lane).await?;
        let state = contract::view(&self.pool, client, &IClient::stateCall {}).await?;
        Ok(ContractClient {
            height: state.height,
            time: state.time,
            signers: state.setHash,
            frozen: state.frozen,
            trusting_period: state.trustingPeriod,
        })
    }

    async fn proven_client(&self, lane: LaneId) -> Result<ContractClient> {
        let unverified = || {
            let detail = format!("{}: no verified header to prove a client contract under", self.pool.chain());
            Error::retry(Kind::NotAvailableYet, detail)
        };
        let (client, state) = self.client_under(self.root().ok_or_else(unverified)?, lane).await?;
        let trusting_period = self.period(lane, client).await?;
        let ProvenClient { height, time, frozen, signers } = state;
        Ok(ContractClient { height, time, signers, frozen, trusting_period })
    }

    async fn balance(&self) -> Result<U256> {
        Ok(self.pool.call("eth_getBalance", &(self.signer.address(), "latest"), Need::Any).await?)
    }
}

/// Passes events on, and notes whether the lane's delivery went through.
fn noting(lanes: Arc<Mutex<Lanes>>, lane: LaneId, mut events: mpsc::Receiver<TxEvent>) -> mpsc::Receiver<TxEvent> {
    let (to, listener) = mpsc::channel(EVENTS);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            match &event {
                TxEvent::Final { .. } => {
                    let mut lanes = lock(&lanes);
                    let known = lanes.entry(lane).or_default();
                    (known.proven, known.reverted) = (true, false);
                }
                TxEvent::Reverted { .. } => {
                    let mut lanes = lock(&lanes);
                    let known = lanes.entry(lane).or_default();
                    (known.proven, known.reverted, known.client) = (false, true, None);
                }
                TxEvent::Broadcast { .. } | TxEvent::Failed(_) => {}
            }
            if to.send(event).await.is_err() {
                return;
            }
        }
    });
    listener
}

/// One ticket for several transactions that follow one another: ends with the first that fails, or the last.
fn in_a_row(sent: Vec<mpsc::Receiver<TxEvent>>) -> mpsc::Receiver<TxEvent> {
    let (to, listener) = mpsc::channel(EVENTS);
    tokio::spawn(async move {
        let count = sent.len();
        let (mut gas, mut fees) = (0u64, U256::ZERO);
        for (i, mut events) in sent.into_iter().enumerate() {
            while let Some(event) = events.recv().await {
                let event = match event {
                    TxEvent::Final { tx, block, gas_used, fee } => {
                        gas = gas.saturating_add(gas_used);
                        fees = fees.saturating_add(fee);
                        if i + 1 < count {
                            continue;
                        }
                        TxEvent::Final { tx, block, gas_used: gas, fee: fees }
                    }
                    other => other,
                };
                let over = matches!(event, TxEvent::Reverted { .. } | TxEvent::Failed(_));
                if to.send(event).await.is_err() || over {
                    return;
                }
            }
        }
    });
    listener
}
