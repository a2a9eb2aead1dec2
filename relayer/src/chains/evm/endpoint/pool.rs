//! The pool: asks the endpoints in the order of [`super::order`] until one answers, and keeps what was observed.

use super::{
    Timing,
    call::{CallError, Need, kind_of, verdict},
    order::next_pause_end,
    rpc::Node,
    states::States,
};
use crate::{
    chains::{
        EndpointState, EndpointStates,
        evm::{
            config::{Endpoint, EvmChain},
            errors::{Meaning, NodeError},
        },
        observe::Observer,
    },
    lane::{
        error::{Error, Kind, Result},
        types::ChainId,
    },
};
use alloy::primitives::{B256, Bytes, U64};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// Blocks without a new head after which a node counts as stalled.
const STALL_BLOCKS: u32 = 8;
/// Shortest stall limit: a round change of BFT consensus takes seconds and doubles.
const STALL_MIN: Duration = Duration::from_secs(10);

/// Pauses between attempts for a block that was announced and is not there yet. There is no event for it.
pub(super) const MOMENTS: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(60), Duration::from_millis(150)];

/// What makes a node one of this chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis: B256,
}

/// Several nodes of one chain.
pub struct Pool {
    pub(super) chain: ChainId,
    identity: Identity,
    /// Only ever longer: an index names the same node for ever.
    nodes: RwLock<Vec<Arc<Node>>>,
    states: Mutex<States>,
    pub(super) best: watch::Sender<u64>,
    pub(super) timing: Timing,
    pub(super) observer: Arc<dyn Observer>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool over the endpoints of `config`. Connects to nobody yet.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub fn new(config: &EvmChain, observer: Arc<dyn Observer>) -> Result<Self> {
        let node = |endpoint| Node::new(endpoint).map(Arc::new);
        let nodes = config.endpoints.iter().map(node).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            chain: config.id.as_str().into(),
            identity: Identity { chain_id: config.chain_id()?, genesis: config.genesis },
            nodes: RwLock::new(nodes),
            states: Mutex::new(States::new(&config.endpoints, Instant::now())),
            best: watch::channel(0).0,
            timing: Timing {
                stall_after: config.block_time.saturating_mul(STALL_BLOCKS).max(STALL_MIN),
                empty_blocks: config.empty_blocks,
            },
            observer,
        })
    }

    /// Takes one more endpoint in; gives its index, none if there is one of that label already. It is asked once it was
    /// found to be a node of this chain.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub(super) fn add(&self, endpoint: &Endpoint) -> Result<Option<usize>> {
        let node = Arc::new(Node::new(endpoint)?);
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        if nodes.iter().any(|known| known.label == node.label) {
            return Ok(None);
        }
        self.lock().add(endpoint, Instant::now());
        nodes.push(node);
        Ok(Some(nodes.len() - 1))
    }

    fn node(&self, i: usize) -> Option<Arc<Node>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(i).cloned()
    }

    /// The chain's CAIP-2 id.
    pub fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// What makes a node one of this chain.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Takes measurements.
    pub fn observer(&self) -> &Arc<dyn Observer> {
        &self.observer
    }

    /// Limits for judging heads.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Newest head that any believed node showed. May go back when a node is shown to be wrong.
    pub fn best(&self) -> watch::Receiver<u64> {
        self.best.subscribe()
    }

    /// Asks until an endpoint answers, and reads the result as `T`. A block that is not there yet is asked for again
    /// after moments: nodes announce a head before all of their workers have it.
    ///
    /// # Errors
    /// The last endpoint's; an error of the request itself (a revert, a nonce) at once. With all endpoints in a pause,
    /// `Unavailable` with the time of the first pause's end.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &(impl Serialize + Sync),
        need: Need,
    ) -> Result<T, CallError> {
        let params = serde_json::to_string(params)
            .map_err(|_| Error::dead_letter(Kind::Malformed, "the request's parameters cannot be written as JSON"))?;
        for pause in MOMENTS {
            match self.call_once(method, &params, need).await {
                Err(e) if e.error.kind == Kind::NotAvailableYet && need != Need::Any => sleep(pause).await,
                answer => return answer,
            }
        }
        self.call_once(method, &params, need).await
    }

    async fn call_once<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &str,
        need: Need,
    ) -> Result<T, CallError> {
        let mut errors = Vec::new();
        for i in self.ordered(need) {
            match self.ask_for(i, method, params, need).await {
                Ok(result) => return Ok(result),
                Err((error, true)) => errors.push(error),
                Err((error, false)) => return Err(error),
            }
        }
        Err(verdict(errors, self.len()).unwrap_or_else(|| self.all_paused().into()))
    }

    /// Sends the same call to every endpoint that is not in a pause, for broadcasts that must spread. Gives all answers,
    /// in the order of the endpoints' ranks; none if all are in a pause.
    ///
    /// # Errors
    /// `Malformed` if the parameters cannot be written.
    pub async fn call_each<T: DeserializeOwned + Send>(
        &self,
        method: &'static str,
        params: &(impl Serialize + Sync),
    ) -> Result<Vec<Result<T, CallError>>> {
        let params = serde_json::to_string(params)
            .map_err(|_| Error::dead_letter(Kind::Malformed, "the request's parameters cannot be written as JSON"))?;
        let params = params.as_str();
        let asked = self.ordered(Need::Any).into_iter();
        let answers =
            asked.map(|i| async move { self.ask_for::<T>(i, method, params, Need::Any).await.map_err(|e| e.0) });
        Ok(futures::future::join_all(answers).await)
    }

    /// The endpoint that answered last for `height` was shown to be wrong: it is left alone for a while.
    pub fn lied(&self, height: u64, detail: &str) {
        let answered = self.lock().answered(height);
        self.demote(answered, height, detail);
    }

    /// Like [`Self::lied`], of the answer to `method` about `height`, or the last one about any height.
    pub fn lied_to(&self, method: &'static str, height: u64, detail: &str) {
        let answered = self.lock().answered_to(method, height);
        self.demote(answered, height, detail);
    }

    fn demote(&self, answered: Option<usize>, height: u64, detail: &str) {
        let now = Instant::now();
        let Some(i) = answered else { return };
        tracing::warn!(chain = %self.chain, endpoint = %self.label(i), height, detail, "node was shown to be wrong");
        self.observer.endpoint_lied(&self.chain, &self.label(i));
        self.change(i, |states| states.lied(i, format!("height {height}: {detail}"), now));
        self.publish(self.lock(), now);
    }

    /// How many endpoints there are.
    pub(in crate::chains::evm) fn len(&self) -> usize {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// An endpoint's label.
    pub(super) fn label(&self, i: usize) -> Arc<str> {
        self.node(i).map_or_else(|| "?".into(), |node| Arc::clone(&node.label))
    }

    pub(super) fn ordered(&self, need: Need) -> Vec<usize> {
        self.lock().ordered(need, Instant::now())
    }

    fn all_paused(&self) -> Error {
        let pause = next_pause_end(&self.lock().endpoints, Instant::now()).unwrap_or(Duration::from_secs(1));
        Error::retry_after(Kind::Unavailable, pause, format!("{}: no endpoint is usable", self.chain))
    }

    /// Asks one endpoint. The flag beside an error says whether to ask another.
    pub(super) async fn ask_for<T: DeserializeOwned>(
        &self,
        i: usize,
        method: &'static str,
        params: &str,
        need: Need,
    ) -> Result<T, (CallError, bool)> {
        self.identify(i).await.map_err(|e| (e.into(), true))?;
        let raw = match self.ask(i, method, params).await {
            Ok(raw) => raw,
            Err(error) => {
                if let Need::Height(height) = need {
                    self.lacks(i, height);
                }
                return Err(CallError::of(error, &self.label(i), method));
            }
        };
        if let Need::Height(height) = need {
            if raw.get() == "null" {
                self.lacks(i, height);
                let detail = format!("{}: {method}: block {height} is not there", self.label(i));
                let error = Error::retry(Kind::NotAvailableYet, detail);
                return Err((CallError { error, meaning: Some(Meaning::BlockMissing), data: Bytes::new() }, true));
            }
            self.lock().remember(height, method, i);
        }
        serde_json::from_str(raw.get()).map_err(|_| {
            let error = NodeError::Malformed("the result has not the expected form");
            self.failed(i, &error);
            CallError::of(error, &self.label(i), method)
        })
    }

    /// An endpoint did not give what it needs `height` for.
    fn lacks(&self, i: usize, height: u64) {
        let now = Instant::now();
        let mut states = self.lock();
        states.lacks(i, height, now);
        self.publish(states, now);
    }

    /// Asks one endpoint and records how it went.
    async fn ask(&self, i: usize, method: &'static str, params: &str) -> Result<Box<RawValue>, NodeError> {
        let Some(node) = self.node(i) else { return Err(NodeError::Unreachable("no such endpoint")) };
        let start = Instant::now();
        let answer = node.call(method, params).await;
        let took = start.elapsed();
        let down = match &answer {
            Ok(_) => None,
            Err(NodeError::Rpc { meaning, .. }) => {
                matches!(meaning, Meaning::RateLimited | Meaning::Busy | Meaning::Unauthorised).then_some(())
            }
            Err(_) => Some(()),
        };
        if let (Some(()), Err(error)) = (down, &answer) {
            self.failed(i, error);
        } else {
            self.change(i, |states| states.well(i, took));
        }
        let kind = answer.as_ref().err().map(kind_of);
        self.observer.endpoint_call(&self.chain, &node.label, method, took, kind);
        answer
    }

    /// Compares chain id and genesis once, and again after an absence (it may be another node by then).
    async fn identify(&self, i: usize) -> Result<()> {
        if self.lock().endpoints.get(i).is_none_or(|o| o.identified) {
            return Ok(());
        }
        let label = self.label(i);
        let chain_id: U64 = self.read(i, "eth_chainId", "[]").await?;
        let genesis: Option<GenesisHash> = self.read(i, "eth_getBlockByNumber", r#"["0x0",false]"#).await?;
        let found = Identity { chain_id: chain_id.to(), genesis: genesis.map_or(B256::ZERO, |g| g.hash) };
        let same = found == self.identity;
        self.change(i, |states| states.identified(i, same, Instant::now()));
        if same {
            return Ok(());
        }
        let detail = format!("{label}: expected {:?}, found {found:?}", self.identity);
        tracing::error!(chain = %self.chain, endpoint = %label, detail, "node of another chain");
        self.lock().note(i, Kind::ChainMismatch, detail.clone());
        Err(Error::stop_lane(Kind::ChainMismatch, detail))
    }

    async fn read<T: DeserializeOwned>(&self, i: usize, method: &'static str, params: &str) -> Result<T> {
        let raw = self.ask(i, method, params).await.map_err(|e| e.into_error(&self.label(i), method))?;
        serde_json::from_str(raw.get()).map_err(|_| {
            let error = NodeError::Malformed("the result has not the expected form");
            self.failed(i, &error);
            error.into_error(&self.label(i), method)
        })
    }

    fn failed(&self, i: usize, error: &NodeError) {
        self.change(i, |states| states.failed(i, error, Instant::now()));
    }

    /// Changes what is known of an endpoint, and tells if its health became another.
    fn change(&self, i: usize, change: impl FnOnce(&mut States)) {
        let mut states = self.lock();
        let health = |states: &States| states.endpoints.get(i).map_or("", |o| o.health.name());
        let before = health(&states);
        change(&mut states);
        let after = health(&states);
        drop(states);
        if before != after {
            tracing::info!(chain = %self.chain, endpoint = %self.label(i), before, "endpoint is {after}");
            self.observer.endpoint_health(&self.chain, &self.label(i), after);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, States> {
        // A panic while holding the lock leaves plain values behind, each of them valid.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EndpointStates for Pool {
    fn endpoints(&self) -> Vec<EndpointState> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let states = self.lock();
        let each = states.endpoints.iter().zip(&states.errors).zip(nodes.iter());
        each.map(|((o, error), node)| EndpointState {
            label: node.label.to_string(),
            health: o.health.name(),
            head: o.head,
            latency: o.latency,
            error: error.clone(),
        })
        .collect()
    }
}

#[derive(Deserialize)]
struct GenesisHash {
    hash: B256,
}
