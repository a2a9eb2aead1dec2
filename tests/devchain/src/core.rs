//! The chain that every node of it shares: ledger, mempool, clock, and the making of blocks.

use std::{
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    consensus::{EMPTY_OMMER_ROOT_HASH, Header},
    eips::eip1559::BaseFeeParams,
    primitives::{Address, B64, B256, U256, keccak256},
};
use tokio::sync::{Notify, broadcast};

use crate::{
    block::{Block, receipts_root, transactions_root},
    config::Config,
    consensus::{Consensus, Extra, MIX_HASH, Round, Signer, Validators, seal_header},
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
    /// Changes of the validator set that the next block takes up.
    pending_changes: Mutex<Vec<ValidatorChange>>,
    paused: AtomicBool,
    /// Seconds by which the chain's clock was moved forward.
    clock_offset: AtomicU64,
    enlisted: AtomicU64,
}

/// What the control asks of the validators.
pub(crate) enum ValidatorChange {
    Enlist(Signer),
    Propose(Address, bool),
    Down(Address, bool),
}

impl Core {
    pub(crate) fn new(config: Config) -> Self {
        let signers =
            (0..config.validators as u64).map(|index| Signer::derive(&config.seed, &role(config.chain_id), index));
        let validators = Validators::new(signers);
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
            pending_changes: Mutex::default(),
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

    pub(crate) fn change_validators(&self, change: ValidatorChange) {
        lock(&self.pending_changes).push(change);
        self.wake.notify_one();
    }

    /// A new validator key; it is voted in separately.
    pub(crate) fn enlist(&self) -> Address {
        let index = self.enlisted.fetch_add(1, Ordering::Relaxed);
        let signer = Signer::derive(&self.config.seed, &role(self.config.chain_id), index);
        let address = signer.address();
        self.change_validators(ValidatorChange::Enlist(signer));
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

    /// Roles of the next header, with the control's changes taken up; `None` while a quorum is missing.
    pub(crate) fn next_round(&self) -> Option<(Validators, Round)> {
        let (parent, _, mut validators) = self.tip()?;
        for change in lock(&self.pending_changes).iter() {
            change.apply(&mut validators);
        }
        let round = validators.round(parent.proposer, parent.header.number + 1)?;
        Some((validators, round))
    }

    /// Makes, seals and publishes one block; `None` while a quorum is missing.
    pub(crate) fn produce(&self, timestamp: Option<u64>) -> Option<Arc<Block>> {
        let _building = lock(&self.building);
        let (parent, state, mut validators) = self.tip()?;
        let changes = lock(&self.pending_changes).split_off(0);
        for change in &changes {
            change.apply(&mut validators);
        }
        let number = parent.header.number + 1;
        let Some(round) = validators.round(parent.proposer, number) else {
            // The chain stands still; the changes are kept for when it goes on.
            lock(&self.pending_changes).splice(0..0, changes);
            return None;
        };
        let timestamp = match timestamp {
            Some(timestamp) if timestamp > parent.header.timestamp => timestamp,
            _ => self.next_timestamp(parent.header.timestamp),
        };
        let header = self.header(&parent, &round, timestamp);
        let candidates = self.mempool().best(&state, header.base_fee_per_gas.unwrap_or_default(), header.gas_limit);
        let overlay = Overlay::new(state, &self.ledger);
        let executed = run_block(self.rules, &header, overlay, candidates.into_iter());
        let state = executed.state.clone();
        let refused = executed.refused.clone();
        let block = Arc::new(self.seal(header, &validators, &round, executed));
        validators.count(number, round.proposer.address(), round.vote);
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

    fn header(&self, parent: &Block, round: &Round, timestamp: u64) -> Header {
        let base_fee = self.config.spec.has_base_fee().then(|| {
            if self.config.base_fee == 0 {
                return 0;
            }
            parent.header.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or(self.config.base_fee)
        });
        // IBFT 1 votes in the header: the candidate as miner, all ones as nonce to add it.
        let (beneficiary, nonce) = match (self.config.consensus, round.vote) {
            (Consensus::Ibft1, Some(vote)) => {
                (vote.candidate, if vote.add { B64::repeat_byte(0xff) } else { B64::ZERO })
            }
            (Consensus::Ibft1, None) => (Address::ZERO, B64::ZERO),
            _ => (round.proposer.address(), B64::ZERO),
        };
        Header {
            parent_hash: parent.hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary,
            difficulty: U256::ONE,
            number: parent.header.number + 1,
            gas_limit: self.config.gas_limit,
            timestamp,
            mix_hash: MIX_HASH,
            nonce,
            base_fee_per_gas: base_fee,
            ..Header::default()
        }
    }

    fn seal(
        &self,
        mut header: Header,
        validators: &Validators,
        round: &Round,
        executed: crate::execute::Executed,
    ) -> Block {
        let (receipts_root, bloom) = receipts_root(&executed.receipts);
        header.state_root = executed.state.root();
        header.transactions_root = transactions_root(&executed.transactions);
        header.receipts_root = receipts_root;
        header.logs_bloom = bloom;
        header.gas_used = executed.gas_used;
        let (hash, extra) = self.seal_as(&mut header, validators, round);
        Block {
            header,
            extra,
            hash,
            transactions: executed.transactions,
            receipts: executed.receipts,
            proposer: Some(round.proposer.address()),
            committers: round.committers.iter().map(Signer::address).collect(),
        }
    }

    /// Seals any header as the validators of a round; the block hash and the extra data.
    pub(crate) fn seal_as(&self, header: &mut Header, validators: &Validators, round: &Round) -> (B256, Extra) {
        let mut extra = Extra {
            validators: validators.current().to_vec(),
            vote: round.vote,
            round: round.number,
            ..Extra::default()
        };
        let hash = seal_header(header, &mut extra, self.config.consensus, &round.proposer, &round.committers);
        (hash, extra)
    }
}

impl Core {
    /// Another header at a block's height under true seals of the same validators: what equivocation looks like.
    /// `None` for genesis and where the validators of that height are no longer known.
    pub(crate) fn sibling(&self, ledger: &Ledger, block: &Block) -> Option<(Header, B256)> {
        let parent = ledger.block(block.header.number.checked_sub(1)?)?;
        let validators = ledger.validators(parent.header.number)?;
        let mut round = validators.round(parent.proposer, block.header.number)?;
        round.vote = block.extra.vote;
        round.number = block.extra.round;
        let mut header = block.header.clone();
        header.state_root = keccak256(header.state_root);
        let (hash, _) = self.seal_as(&mut header, validators, &round);
        Some((header, hash))
    }
}

impl ValidatorChange {
    fn apply(&self, validators: &mut Validators) {
        match self {
            Self::Enlist(signer) => validators.enlist(signer.clone()),
            Self::Propose(candidate, add) => validators.propose(*candidate, *add),
            Self::Down(validator, down) => validators.set_down(*validator, *down),
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
