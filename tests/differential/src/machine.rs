//! The contracts in an EVM, deployed from the committed artefacts.

use alloy::{
    primitives::{Address, Bytes, TxKind, U256, keccak256},
    sol_types::SolCall,
};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

/// Gas of a call: far above what any contract here takes, so that nothing is refused for lack of it.
const GAS: u64 = 60_000_000;

/// Who sends everything, unless somebody else is named.
pub const SENDER: Address = Address::repeat_byte(0x5e);

/// Why a call did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Reverted with these bytes.
    Reverted(Bytes),
    /// Stopped by the EVM: out of gas or a bad jump. No contract here ever should.
    Halted(String),
}

/// A chain of one block, whose time can be set.
#[derive(Clone, Debug)]
pub struct Machine {
    db: CacheDB<EmptyDB>,
    /// Gas of a call, and of the block.
    pub gas: u64,
    /// Unix seconds of the block.
    pub now: u64,
    /// Who sends.
    pub sender: Address,
    /// Chain id.
    pub id: u64,
}

impl Machine {
    /// An empty chain.
    pub fn new(now: u64) -> Self {
        Self { db: CacheDB::new(EmptyDB::default()), gas: GAS, now, sender: SENDER, id: 1 }
    }

    fn run(&mut self, kind: TxKind, data: Bytes, commit: bool) -> ExecutionResult {
        let mut cfg = CfgEnv::new_with_spec(SpecId::BERLIN);
        cfg.chain_id = self.id;
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.limit_contract_code_size = Some(0x6000);
        let block = BlockEnv { timestamp: U256::from(self.now), gas_limit: self.gas, ..BlockEnv::default() };
        let tx =
            TxEnv { caller: self.sender, chain_id: Some(self.id), gas_limit: self.gas, kind, data, ..TxEnv::default() };
        let mut evm = Context::mainnet().with_db(&mut self.db).with_cfg(cfg).with_block(block).build_mainnet();
        if commit {
            evm.transact_commit(tx).expect("the transaction is of the EVM's form")
        } else {
            evm.transact(tx).expect("the transaction is of the EVM's form").result
        }
    }

    /// Deploys an artefact of `deploy/contracts/evm/artifacts`.
    ///
    /// # Panics
    /// There is none of this name, or its constructor refuses.
    pub fn create(&mut self, name: &str, arguments: &[u8]) -> Address {
        self.try_create(name, arguments).unwrap_or_else(|failed| panic!("{name}: {failed:?}"))
    }

    /// Deploys an artefact.
    ///
    /// # Errors
    /// The constructor refuses.
    ///
    /// # Panics
    /// There is no such artefact.
    pub fn try_create(&mut self, name: &str, arguments: &[u8]) -> Result<Address, Failed> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/contracts/evm/artifacts");
        let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("the artefact is committed");
        let json: serde_json::Value = serde_json::from_str(&text).expect("an artefact is JSON");
        let code: Bytes = json["bytecode"].as_str().expect("bytecode").parse().expect("hexadecimal");
        match self.run(TxKind::Create, [&code, arguments].concat().into(), true) {
            ExecutionResult::Success { output, .. } => Ok(*output.address().expect("a creation makes a contract")),
            ExecutionResult::Revert { output, .. } => Err(Failed::Reverted(output)),
            ExecutionResult::Halt { reason, .. } => Err(Failed::Halted(format!("{reason:?}"))),
        }
    }

    /// Calls as somebody else, and keeps what changed.
    ///
    /// # Errors
    /// How it failed; then nothing changed.
    pub fn send_as<C: SolCall>(&mut self, sender: Address, to: Address, call: &C) -> Result<C::Return, Failed> {
        let usual = std::mem::replace(&mut self.sender, sender);
        let answer = self.send(to, call);
        self.sender = usual;
        answer
    }

    /// Calls without changing anything.
    ///
    /// # Errors
    /// How it failed.
    pub fn call<C: SolCall>(&mut self, to: Address, call: &C) -> Result<C::Return, Failed> {
        self.invoke(to, call, false)
    }

    /// Calls and keeps what changed.
    ///
    /// # Errors
    /// How it failed; then nothing changed.
    pub fn send<C: SolCall>(&mut self, to: Address, call: &C) -> Result<C::Return, Failed> {
        self.invoke(to, call, true)
    }

    fn invoke<C: SolCall>(&mut self, to: Address, call: &C, commit: bool) -> Result<C::Return, Failed> {
        match self.run(TxKind::Call(to), call.abi_encode().into(), commit) {
            ExecutionResult::Success { output, .. } => {
                Ok(C::abi_decode_returns(output.data()).expect("the contract answers in its own types"))
            }
            ExecutionResult::Revert { output, .. } => Err(Failed::Reverted(output)),
            ExecutionResult::Halt { reason, .. } => Err(Failed::Halted(format!("{reason:?}"))),
        }
    }

    /// Sends bytes and keeps what changed.
    ///
    /// # Panics
    /// The call failed.
    pub fn raw(&mut self, to: Address, data: Bytes) -> Bytes {
        match self.run(TxKind::Call(to), data, true) {
            ExecutionResult::Success { output, .. } => output.into_data(),
            failed => panic!("{failed:?}"),
        }
    }

    /// Puts code at an address.
    pub fn install(&mut self, at: Address, code: &[u8]) {
        let code = Bytecode::new_raw(Bytes::copy_from_slice(code));
        self.db.insert_account_info(
            at,
            AccountInfo { code_hash: code.hash_slow(), code: Some(code), ..Default::default() },
        );
    }
}

/// Selector of an error by its signature.
pub fn selector(signature: &str) -> [u8; 4] {
    let hash = keccak256(signature);
    [hash[0], hash[1], hash[2], hash[3]]
}
