//! The chain that every node of it shares: ledger, mempool, clock, and the making of blocks.

use std::{
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::{Address, B256, U256};
use tokio::sync::{Notify, broadcast};

use crate::{
    block::Block,
    config::Config,
    consensus::{Operators, Round, Signer, Validators},
    execute::{Rules, run_block},
    genesis::genesis,
    ledger::Ledger,
    mempool::{Admission, Mempool, Rejected},
    state::{Overlay, State},
    sync::{lock, read, write},
    transaction::Transaction,
};

/// Blocks that a slow subscriber may fall behind before it is cut off.
const HEADS_BEHIND_MAX: usize = 256;

/// How far in the past the clock of a chain with sub-second blocks starts, in seconds: it runs ahead of the wall clock
/// by one second a block and must not overtake it.
const COUNTED_CLOCK_HEAD_START: u64 = 86_400;

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) rules: Rules,
    pub(crate) ledger: RwLock<Ledger>,
    mempool: Mutex<Mempool>,
    /// New blocks, in order.
    pub(crate) heads: broadcast::Sender<Arc<Block>>,
    /// Something happened that may let a block be made: a transaction, a change by the control.
    pub(crate) wake: Notify,
    /// Held while a block is made or blocks are taken off.
    building: Mutex<()>,
    operators: Mutex<Operators>,
    /// State written past the EVM, taken up by the next block.
    overrides: Mutex<Vec<Override>>,
    paused: AtomicBool,
    /// Seconds by which the chain's clock was moved forward.
    clock_offset: AtomicU64,
    enlisted: AtomicU64,
}

/// A write to the state that no transaction made.
#[derive(Clone, Debug)]
pub(crate) enum Override {
    Storage(Address, B256, U256),
    Balance(Address, U256),
}

impl Core {
    pub(crate) fn new(config: Config) -> Self {
        let operators = Operators::new(
            (0..config.validators as u64).map(|index| Signer::derive(&config.seed, &role(config.chain_id), index)),
        );
        let validators = Validators::new(operators.addresses());
        let timestamp = config.genesis_time.unwrap_or_else(|| {
            let now = unix_time();
            if config.counts_seconds() { now.saturating_sub(COUNTED_CLOCK_HEAD_START) } else { now.saturating_sub(1) }
        });
        let (block, state) = genesis(&config, &validators, timestamp);
        Self {
            rules: Rules { chain_id: config.chain_id, spec: config.spec },
            ledger: RwLock::new(Ledger::new(Arc::new(block), state, validators, config.state_history)),
            mempool: Mutex::default(),
            heads: broadcast::channel(HEADS_BEHIND_MAX).0,
            wake: Notify::new(),
            building: Mutex::new(()),
            operators: Mutex::new(operators),
            overrides: Mutex::default(),
            paused: AtomicBool::new(false),
            clock_offset: AtomicU64::new(0),
            enlisted: AtomicU64::new(config.validators as u64),
            config,
        }
    }

    pub(crate) fn mempool(&self) -> std::sync::MutexGuard<'_, Mempool> {
        lock(&self.mempool)
    }

    /// Newest block and its state.
    pub(crate) fn tip(&self) -> Option<(Arc<Block>, State, Validators)> {
        let ledger = read(&self.ledger);
        let head = ledger.head();
        Some((ledger.block(head)?.clone(), ledger.state(head)?.clone(), ledger.validators(head)?.clone()))
    }

    /// Takes a transaction into the mempool.
    pub(crate) fn submit(&self, transaction: Arc<Transaction>) -> Result<(), Rejected> {
        {
            // Ledger before mempool, everywhere.
            let ledger = read(&self.ledger);
            let Some(state) = ledger.state(ledger.head()) else {
                return Err(Rejected::Full);
            };
            let admission = Admission {
                gas_limit: self.config.gas_limit,
                gas_price_min: self.config.gas_price_min,
                count_max: self.config.mempool_max,
                is_prague: self.config.spec.has_base_fee(),
            };
            self.mempool().add(transaction, state, &admission)?;
        }
        self.wake.notify_one();
        Ok(())
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        self.wake.notify_one();
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Moves the chain's clock forward.
    pub(crate) fn advance_time(&self, seconds: u64) {
        self.clock_offset.fetch_add(seconds, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Who runs the validators, to look at or to change.
    pub(crate) fn operators(&self) -> std::sync::MutexGuard<'_, Operators> {
        lock(&self.operators)
    }

    /// Lets every validator vote for a change.
    pub(crate) fn propose(&self, candidate: Address, add: bool) {
        self.operators().propose(candidate, add);
    }

    /// Stops or restarts a validator.
    pub(crate) fn set_down(&self, validator: Address, down: bool) {
        self.operators().set_down(validator, down);
        self.wake.notify_one();
    }

    /// Writes to the state with the next block.
    pub(crate) fn override_state(&self, write: Override) {
        lock(&self.overrides).push(write);
    }

    /// A new validator key; it is voted in separately.
    pub(crate) fn enlist(&self) -> Address {
        let index = self.enlisted.fetch_add(1, Ordering::Relaxed);
        let signer = Signer::derive(&self.config.seed, &role(self.config.chain_id), index);
        let address = signer.address();
        self.operators().enlist(signer);
        address
    }

    /// Takes blocks off; how many went. Their transactions are forgotten with them.
    pub(crate) fn rewind(&self, count: u64) -> u64 {
        let _building = lock(&self.building);
        let gone = write(&self.ledger).rewind(count);
        self.mempool().clear();
        gone
    }

    /// The time of the block after one of `parent` time.
    pub(crate) fn next_timestamp(&self, parent: u64) -> u64 {
        let offset = self.clock_offset.load(Ordering::Relaxed);
        if self.config.counts_seconds() {
            let ledger = read(&self.ledger);
            let genesis = ledger.block(0).map_or(0, |block| block.header.timestamp);
            return (parent + 1).max(genesis + ledger.head() + 1 + offset);
        }
        (parent + 1).max(unix_time() + offset)
    }

    /// How long until the block after one of `parent` time is due, on a chain that follows the wall clock.
    pub(crate) fn wait_for_slot(&self, parent: u64) -> Duration {
        let offset = self.clock_offset.load(Ordering::Relaxed);
        let due = Duration::from_secs(parent.saturating_sub(offset)) + self.config.block_time;
        due.saturating_sub(since_epoch())
    }

    /// Whether the next block would be empty.
    pub(crate) fn is_idle(&self) -> bool {
        let ledger = read(&self.ledger);
        ledger.state(ledger.head()).is_none_or(|state| !self.mempool().has_executable(state))
    }

    /// Roles of the next header; `None` while a quorum is missing.
    pub(crate) fn next_round(&self) -> Option<Round> {
        let (parent, _, validators) = self.tip()?;
        validators.round(&self.operators(), parent.proposer, parent.header.number + 1)
    }

    /// Makes, seals and publishes one block; `None` while a quorum is missing.
    pub(crate) fn produce(&self, timestamp: Option<u64>) -> Option<Arc<Block>> {
        let _building = lock(&self.building);
        let (parent, state, mut validators) = self.tip()?;
        let number = parent.header.number + 1;
        let mut round = validators.round(&self.operators(), parent.proposer, number)?;
        if self.config.validator_contract.is_some() {
            round.vote = None;
        }
        let timestamp = match timestamp {
            Some(timestamp) if timestamp > parent.header.timestamp => timestamp,
            _ => self.next_timestamp(parent.header.timestamp),
        };
        let header = self.header(&parent, &round, timestamp);
        let candidates = self.mempool().best(&state, header.base_fee_per_gas.unwrap_or_default(), header.gas_limit);
        let mut overlay = Overlay::new(state, &self.ledger);
        for write in lock(&self.overrides).drain(..) {
            write.apply(&mut overlay);
        }
        let executed = run_block(self.rules, &header, overlay, candidates.into_iter());
        let state = executed.state.clone();
        let refused = executed.refused.clone();
        let block = Arc::new(self.seal(header, &validators, &round, executed));
        match self.config.validator_contract {
            Some(contract) => validators = contract.read(&state),
            None => validators.count(number, round.proposer.address(), round.vote),
        }
        {
            let mut ledger = write(&self.ledger);
            ledger.append(block.clone(), state.clone(), validators);
            let senders = block.transactions.iter().map(|transaction| transaction.sender);
            self.mempool().settle(senders, refused.iter(), &state);
        }
        // Nobody listening is no error.
        let _ = self.heads.send(block.clone());
        Some(block)
    }
}

impl Override {
    fn apply(&self, overlay: &mut Overlay<'_>) {
        match self {
            Self::Storage(address, slot, value) => {
                overlay.set_storage(*address, U256::from_be_bytes(slot.0), *value);
            }
            Self::Balance(address, balance) => overlay.modify(*address, |info| info.balance = *balance),
        }
    }
}

/// Two chains of one seed must not share validators: their headers would pass for each other's.
fn role(chain_id: u64) -> String {
    format!("validator/{chain_id}")
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(crate) fn unix_time() -> u64 {
    since_epoch().as_secs()
}
