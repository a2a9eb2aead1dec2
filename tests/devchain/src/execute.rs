//! Running transactions and calls in revm.

use std::sync::Arc;

use alloy::{
    consensus::{Header, Transaction as _},
    primitives::{B256, Bytes, Log, U256},
};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext,
    context::{
        BlockEnv, CfgEnv, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    context_interface::block::BlobExcessGasAndPrice,
    primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
};

use crate::{
    block::{Receipt, effective_gas_price},
    config::Spec,
    state::{BlockHashes, Overlay, State},
    transaction::Transaction,
};

/// The cheapest transaction there is.
pub(crate) const MIN_TRANSACTION_GAS: u64 = 21_000;

/// Why revm refused to run a transaction at all.
pub(crate) type Refused = EVMError<std::convert::Infallible, InvalidTransaction>;

/// The rules of a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) chain_id: u64,
    pub(crate) spec: Spec,
}

impl Rules {
    fn cfg(self) -> CfgEnv {
        let mut cfg = CfgEnv::new_with_spec(self.spec.id());
        cfg.chain_id = self.chain_id;
        cfg
    }

    /// The block environment that a header gives.
    fn block(header: &Header) -> BlockEnv {
        BlockEnv {
            number: U256::from(header.number),
            beneficiary: header.beneficiary,
            timestamp: U256::from(header.timestamp),
            gas_limit: header.gas_limit,
            basefee: header.base_fee_per_gas.unwrap_or_default(),
            difficulty: header.difficulty,
            prevrandao: Some(header.mix_hash),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE)),
            ..BlockEnv::default()
        }
    }
}

/// What a block's transactions did.
pub(crate) struct Executed {
    pub(crate) state: State,
    pub(crate) transactions: Vec<Arc<Transaction>>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) gas_used: u64,
    /// Refused for good; the mempool forgets them.
    pub(crate) refused: Vec<B256>,
}

/// Runs candidates in order until the block is full. A candidate that does not fit or is refused is left out.
pub(crate) fn run_block(
    rules: Rules,
    header: &Header,
    mut overlay: Overlay<'_>,
    candidates: impl Iterator<Item = Arc<Transaction>>,
) -> Executed {
    let mut transactions = Vec::new();
    let mut receipts = Vec::<Receipt>::new();
    let mut refused = Vec::new();
    let mut gas_used = 0_u64;
    let mut logs_total = 0;
    {
        let mut evm = Context::mainnet()
            .with_db(&mut overlay)
            .with_cfg(rules.cfg())
            .with_block(Rules::block(header))
            .build_mainnet();
        for transaction in candidates {
            let room = header.gas_limit - gas_used;
            if room < MIN_TRANSACTION_GAS {
                break;
            }
            if transaction.envelope.gas_limit() > room {
                continue;
            }
            let result = match evm.transact_commit(transaction.env()) {
                Ok(result) => result,
                // An earlier one of the same sender was left out; this one waits for it.
                Err(EVMError::Transaction(InvalidTransaction::NonceTooHigh { .. })) => continue,
                Err(error) => {
                    tracing::debug!(hash = %transaction.hash(), %error, "transaction left out");
                    refused.push(transaction.hash());
                    continue;
                }
            };
            let used = result.tx_gas_used();
            gas_used += used;
            let success = result.is_success();
            let contract = match &result {
                ExecutionResult::Success { .. } if transaction.envelope.is_create() => {
                    Some(transaction.sender.create(transaction.envelope.nonce()))
                }
                _ => None,
            };
            let logs: Vec<Log> = match result {
                ExecutionResult::Success { logs, .. } => logs,
                // Reverted logs never happened.
                ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Vec::new(),
            };
            let first_log = logs_total;
            logs_total += logs.len();
            receipts.push(Receipt {
                tx_type: transaction.envelope.tx_type() as u8,
                success,
                gas_used: used,
                cumulative_gas_used: gas_used,
                effective_gas_price: effective_gas_price(&transaction, header.base_fee_per_gas),
                contract,
                logs,
                first_log,
            });
            transactions.push(transaction);
        }
    }
    Executed { state: overlay.finish(), transactions, receipts, gas_used, refused }
}

/// How a call ended.
pub(crate) enum CallOutcome {
    /// Returned these bytes.
    Returned(Bytes),
    /// Reverted with these bytes.
    Reverted(Bytes),
    /// Stopped by the EVM.
    Halted(HaltReason),
}

/// A call over a state: how it ended and the gas it took.
pub(crate) fn call(
    rules: Rules,
    header: &Header,
    overlay: &mut Overlay<'_>,
    tx: TxEnv,
) -> Result<(CallOutcome, u64), Refused> {
    let mut cfg = rules.cfg();
    cfg.disable_nonce_check = true;
    cfg.disable_eip3607 = true;
    cfg.disable_base_fee = true;
    let mut block = Rules::block(header);
    // A call may use more gas than a block holds.
    block.gas_limit = u64::MAX;
    let mut evm = Context::mainnet().with_db(overlay).with_cfg(cfg).with_block(block).build_mainnet();
    let result = evm.transact(tx)?.result;
    let gas = result.tx_gas_used();
    let outcome = match result {
        ExecutionResult::Success { output, .. } => CallOutcome::Returned(output.into_data()),
        ExecutionResult::Revert { output, .. } => CallOutcome::Reverted(output),
        ExecutionResult::Halt { reason, .. } => CallOutcome::Halted(reason),
    };
    Ok((outcome, gas))
}

/// Gas that a call needs, found by bisection between what it used and what it may use.
pub(crate) fn estimate(
    rules: Rules,
    header: &Header,
    state: &State,
    hashes: &dyn BlockHashes,
    mut tx: TxEnv,
) -> Result<Result<u64, CallOutcome>, Refused> {
    let mut run = |gas_limit: u64| {
        tx.gas_limit = gas_limit;
        call(rules, header, &mut Overlay::new(state.clone(), hashes), tx.clone())
    };
    let mut high = header.gas_limit;
    let (outcome, used) = run(high)?;
    if !matches!(outcome, CallOutcome::Returned(_)) {
        return Ok(Err(outcome));
    }
    // Used gas is after refunds; the 63/64 rule and refunds are why more may be needed.
    let mut low = used.saturating_sub(1).max(MIN_TRANSACTION_GAS - 1);
    let mut guess = used.saturating_add(used / 63).max(MIN_TRANSACTION_GAS);
    while low + 1 < high {
        let middle = guess.clamp(low + 1, high - 1);
        match run(middle) {
            Ok((CallOutcome::Returned(_), _)) => high = middle,
            Ok(_) | Err(EVMError::Transaction(_)) => low = middle,
            Err(error) => return Err(error),
        }
        guess = low + (high - low) / 2;
    }
    Ok(Ok(high))
}
