//! Transactions that wait for a block: per sender a queue by nonce, with geth's rules and words.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    primitives::{
        Address, B256,
        map::{AddressMap, HashMap},
    },
};

use crate::{execute::MIN_TRANSACTION_GAS, state::State, transaction::Transaction};

/// Percent by which a replacement must pay more; geth's default.
const PRICE_BUMP_PERCENT: u128 = 10;

/// EIP-3860: bytes of creation code.
const INITCODE_BYTES_MAX: usize = 2 * 24_576;

/// Why a transaction was not taken, in geth's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejected {
    #[error("already known")]
    AlreadyKnown,
    #[error("nonce too low")]
    NonceTooLow,
    #[error("insufficient funds for gas * price + value")]
    InsufficientFunds,
    #[error("intrinsic gas too low")]
    IntrinsicGas,
    #[error("insufficient gas for floor data gas cost")]
    FloorGas,
    #[error("max initcode size exceeded")]
    InitCode,
    #[error("exceeds block gas limit")]
    GasLimit,
    #[error("transaction underpriced")]
    Underpriced,
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    #[error("txpool is full")]
    Full,
}

struct Waiting {
    transaction: Arc<Transaction>,
    arrival: u64,
}

/// The mempool.
#[derive(Default)]
pub(crate) struct Mempool {
    by_sender: AddressMap<BTreeMap<u64, Waiting>>,
    by_hash: HashMap<B256, (Address, u64)>,
    arrivals: u64,
}

/// What admission depends on besides the state.
pub(crate) struct Admission {
    pub(crate) gas_limit: u64,
    pub(crate) gas_price_min: u128,
    pub(crate) count_max: usize,
    pub(crate) is_prague: bool,
}

impl Mempool {
    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<Transaction>> {
        let (sender, nonce) = self.by_hash.get(hash)?;
        Some(&self.by_sender.get(sender)?.get(nonce)?.transaction)
    }

    /// Whether something could go into the next block.
    pub(crate) fn has_executable(&self, state: &State) -> bool {
        self.by_sender.iter().any(|(sender, queue)| queue.contains_key(&state.nonce(*sender)))
    }

    /// The nonce after the sender's executable transactions.
    pub(crate) fn pending_nonce(&self, sender: Address, state_nonce: u64) -> u64 {
        let Some(queue) = self.by_sender.get(&sender) else {
            return state_nonce;
        };
        let contiguous = queue
            .range(state_nonce..)
            .zip(state_nonce..)
            .take_while(|((nonce, _), expected)| *nonce == expected)
            .count();
        state_nonce + contiguous as u64
    }

    /// Takes a transaction or says why not.
    pub(crate) fn add(
        &mut self,
        transaction: Arc<Transaction>,
        state: &State,
        admission: &Admission,
    ) -> Result<(), Rejected> {
        let hash = transaction.hash();
        let (sender, nonce) = (transaction.sender, transaction.envelope.nonce());
        if self.by_hash.contains_key(&hash) {
            return Err(Rejected::AlreadyKnown);
        }
        admissible(&transaction, state, admission)?;
        let queue = self.by_sender.entry(sender).or_default();
        if let Some(old) = queue.get(&nonce) {
            if !outbids(&transaction, &old.transaction) {
                return Err(Rejected::ReplacementUnderpriced);
            }
            self.by_hash.remove(&old.transaction.hash());
        } else if self.by_hash.len() >= admission.count_max {
            if queue.is_empty() {
                self.by_sender.remove(&sender);
            }
            return Err(Rejected::Full);
        }
        self.arrivals += 1;
        queue.insert(nonce, Waiting { transaction, arrival: self.arrivals });
        self.by_hash.insert(hash, (sender, nonce));
        Ok(())
    }

    /// Executable transactions in the order a block takes them: by price, then by arrival, nonces in order.
    pub(crate) fn best(&self, state: &State, base_fee: u64, gas: u64) -> Vec<Arc<Transaction>> {
        let rank = |waiting: &Waiting| {
            let tip = waiting.transaction.envelope.effective_tip_per_gas(base_fee)?;
            Some((tip, Reverse(waiting.arrival)))
        };
        let mut heads = BinaryHeap::new();
        for (sender, queue) in &self.by_sender {
            let nonce = state.nonce(*sender);
            if let Some(rank) = queue.get(&nonce).and_then(rank) {
                heads.push((rank, nonce, *sender));
            }
        }
        let mut best = Vec::new();
        // No block holds more. Gas limits say little: they are often far above what is used.
        let count_max = usize::try_from(gas / MIN_TRANSACTION_GAS).unwrap_or(usize::MAX);
        while let Some((_, nonce, sender)) = heads.pop() {
            if best.len() >= count_max {
                break;
            }
            let Some(queue) = self.by_sender.get(&sender) else {
                continue;
            };
            if let Some(waiting) = queue.get(&nonce) {
                best.push(waiting.transaction.clone());
            }
            if let Some(rank) = queue.get(&(nonce + 1)).and_then(rank) {
                heads.push((rank, nonce + 1, sender));
            }
        }
        best
    }

    /// Forgets what was included, what was refused, and everything below the senders' nonces.
    pub(crate) fn settle<'a>(
        &mut self,
        senders: impl Iterator<Item = Address>,
        refused: impl Iterator<Item = &'a B256>,
        state: &State,
    ) {
        for hash in refused {
            self.remove(hash);
        }
        for sender in senders {
            let Some(queue) = self.by_sender.get_mut(&sender) else {
                continue;
            };
            let keep = queue.split_off(&state.nonce(sender));
            for waiting in std::mem::replace(queue, keep).into_values() {
                self.by_hash.remove(&waiting.transaction.hash());
            }
            if queue.is_empty() {
                self.by_sender.remove(&sender);
            }
        }
    }

    /// Forgets one transaction; whether it was there.
    pub(crate) fn remove(&mut self, hash: &B256) -> bool {
        let Some((sender, nonce)) = self.by_hash.remove(hash) else {
            return false;
        };
        if let Some(queue) = self.by_sender.get_mut(&sender) {
            queue.remove(&nonce);
            if queue.is_empty() {
                self.by_sender.remove(&sender);
            }
        }
        true
    }

    /// Forgets everything; how many there were.
    pub(crate) fn clear(&mut self) -> usize {
        let count = self.len();
        self.by_sender.clear();
        self.by_hash.clear();
        count
    }
}

fn outbids(new: &Transaction, old: &Transaction) -> bool {
    let bumped = |old: u128, new: u128| new > old && new >= old.saturating_mul(100 + PRICE_BUMP_PERCENT) / 100;
    bumped(old.envelope.max_fee_per_gas(), new.envelope.max_fee_per_gas())
        && bumped(old.envelope.priority_fee_or_price(), new.envelope.priority_fee_or_price())
}

fn admissible(transaction: &Transaction, state: &State, admission: &Admission) -> Result<(), Rejected> {
    let envelope = &transaction.envelope;
    if envelope.gas_limit() > admission.gas_limit {
        return Err(Rejected::GasLimit);
    }
    let tip = envelope.priority_fee_or_price();
    if tip > envelope.max_fee_per_gas() {
        return Err(Rejected::TipAboveFeeCap);
    }
    if tip < admission.gas_price_min {
        return Err(Rejected::Underpriced);
    }
    if envelope.nonce() < state.nonce(transaction.sender) {
        return Err(Rejected::NonceTooLow);
    }
    if transaction.cost_max().is_none_or(|cost| cost > state.balance(transaction.sender)) {
        return Err(Rejected::InsufficientFunds);
    }
    if envelope.gas_limit() < intrinsic_gas(transaction, admission.is_prague) {
        return Err(Rejected::IntrinsicGas);
    }
    if admission.is_prague {
        if envelope.gas_limit() < floor_gas(transaction) {
            return Err(Rejected::FloorGas);
        }
        if envelope.is_create() && envelope.input().len() > INITCODE_BYTES_MAX {
            return Err(Rejected::InitCode);
        }
    }
    Ok(())
}

/// Gas that a transaction takes before its first instruction (Istanbul and later).
fn intrinsic_gas(transaction: &Transaction, is_prague: bool) -> u64 {
    let envelope = &transaction.envelope;
    let input = envelope.input();
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    let mut gas = 21_000 + zeros * 4 + (input.len() as u64 - zeros) * 16;
    if envelope.is_create() {
        gas += 32_000;
        if is_prague {
            gas += 2 * (input.len() as u64).div_ceil(32);
        }
    }
    for item in envelope.access_list().into_iter().flat_map(|list| list.iter()) {
        gas += 2_400 + 1_900 * item.storage_keys.len() as u64;
    }
    if let TxEnvelope::Eip7702(signed) = envelope {
        gas += 25_000 * signed.tx().authorization_list.len() as u64;
    }
    gas
}

/// EIP-7623: what calldata costs at least.
fn floor_gas(transaction: &Transaction) -> u64 {
    let input = transaction.envelope.input();
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    21_000 + 10 * (zeros + 4 * (input.len() as u64 - zeros))
}
