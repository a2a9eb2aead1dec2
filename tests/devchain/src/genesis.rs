//! Block 0: the allocated accounts and the first validators.

use alloy::{
    consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header},
    primitives::{B256, U256},
};
use revm::bytecode::Bytecode;

use crate::{
    block::Block,
    config::Config,
    consensus::{Extra, MIX_HASH, Validators, block_hash, whole_extra},
    state::{BlockHashes, Overlay, State},
};

/// There is no earlier block.
struct NoHashes;

impl BlockHashes for NoHashes {
    fn block_hash(&self, _number: u64) -> B256 {
        B256::ZERO
    }
}

/// The genesis block and its state.
pub(crate) fn genesis(config: &Config, validators: &Validators, timestamp: u64) -> (Block, State) {
    let mut overlay = Overlay::new(State::default(), &NoHashes);
    for (address, account) in &config.alloc {
        overlay.modify(*address, |info| {
            info.balance = account.balance;
            info.nonce = account.nonce;
            if !account.code.is_empty() {
                info.set_code(Bytecode::new_raw(account.code.clone()));
            }
        });
        for (slot, value) in &account.storage {
            overlay.set_storage(*address, U256::from_be_bytes(slot.0), *value);
        }
    }
    if let Some(contract) = config.validator_contract {
        contract.write(validators.current(), |slot, value| {
            overlay.set_storage(contract.address, slot, value);
        });
        // An account with nothing but storage would be empty, and gone at its first touch.
        overlay.modify(contract.address, |info| info.nonce = info.nonce.max(1));
    }
    let state = overlay.finish();
    let extra = Extra {
        validators: match config.validator_contract {
            Some(_) => Vec::new(),
            None => validators.current().to_vec(),
        },
        ..Extra::default()
    };
    let header = Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        state_root: state.root(),
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: U256::ONE,
        gas_limit: config.gas_limit,
        timestamp,
        extra_data: whole_extra(&extra, config.consensus),
        mix_hash: MIX_HASH,
        base_fee_per_gas: config.spec.has_base_fee().then_some(config.base_fee),
        ..Header::default()
    };
    let hash = block_hash(&header, &extra, config.consensus);
    let block = Block {
        header,
        extra,
        hash,
        transactions: Vec::new(),
        receipts: Vec::new(),
        proposer: None,
        committers: Vec::new(),
    };
    (block, state)
}
