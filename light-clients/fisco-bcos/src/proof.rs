//! Reads of a block: a transaction was in it; its receipt says what it did.
//!
//! There are no state proofs ([`storage`]): what stands in a contract is learned from the logs of its receipts. Inclusion is
//! not success: a log is only given out of a receipt whose status is 0, and only if it is the asked contract's.
//!
//! # Version 3 hashes without lengths
//! A receipt's hash covers its fields joined, so where output ends and logs begin is for the reader to say: a contract
//! could return or emit bytes that read as a log of another contract. [`called_log`] therefore asks for the transaction as
//! well, at the same place of its tree, and takes logs of the very contract that was called from outside. Then output and
//! logs are that contract's, and those of the contracts that *it* calls: it must call none that it does not trust (an asset
//! under a hostile contract could forge logs of its vault; a vault registers its assets by quorum), and must return at most
//! 32 bytes. A bridge that needs more has to write a counter of its entries into each log and be read in order.
//!
//! Version 2 writes receipts as RLP, whose reading is the only one.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, hex};
use causeway_mpt::rlp;

use crate::{
    Accepted, Params, ReadFault, Suite, Version,
    header::decimal,
    tree::{Siblings, root_v2, root_v3, root_v3_at},
};

/// Bytes of a receipt or a transaction.
pub const MAX_RECEIPT_BYTES: usize = 1024 * 1024;

/// Logs of one receipt, topics of one log.
pub const MAX_LOGS: usize = 4096;
const MAX_TOPICS: usize = 4;

/// Bytes that a called contract may return beside its logs in version 3: one word.
pub const MAX_OUTPUT_BYTES: usize = 32;

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The contract that wrote it.
    pub emitter: Address,
    /// Its topics.
    pub topics: Vec<B256>,
    /// Its data.
    pub data: Vec<u8>,
}

/// A receipt that stands in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction's place in the block.
    pub place: u64,
    /// 0 for success.
    pub status: u64,
    /// The contract that was made; zero for none.
    pub contract: Address,
    /// What was returned.
    pub output: Vec<u8>,
    /// Logs, in order.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// A log of a contract, if the transaction succeeded.
    ///
    /// # Errors
    /// It failed, there is no such log, or it is another contract's.
    pub fn log(&self, index: usize, emitter: Address) -> Result<&Log, ReadFault> {
        if self.status != 0 {
            return Err(ReadFault::NotExecuted { status: self.status });
        }
        let log = self.logs.get(index).ok_or(ReadFault::LogIndex { index, count: self.logs.len() })?;
        if log.emitter == emitter {
            return Ok(log);
        }
        Err(ReadFault::WrongEmitter { expected: emitter, found: log.emitter })
    }
}

/// What a state proof says in this family: nothing can be proven under FISCO BCOS' state root.
///
/// # Errors
/// Always [`ReadFault::NoStateProofs`].
pub const fn storage(_header: &Accepted, _account: Address, _slot: &B256, _proof: &[u8]) -> Result<B256, ReadFault> {
    Err(ReadFault::NoStateProofs)
}

fn is_root(expected: B256, found: B256) -> Result<(), ReadFault> {
    if expected == found { Ok(()) } else { Err(ReadFault::Root { expected, found }) }
}

const fn bounded(what: &'static str, limit: usize, found: usize) -> Result<(), ReadFault> {
    if found <= limit { Ok(()) } else { Err(ReadFault::TooLarge { what, limit, found }) }
}

/// Whether a transaction's hash has this place in a block of version 2.
///
/// # Errors
/// The path does not show it.
pub fn transaction_v2(
    params: &Params,
    header: &Accepted,
    place: u64,
    hash: &B256,
    path: &[Siblings],
) -> Result<(), ReadFault> {
    of_version(params, Version::V2)?;
    is_root(header.transactions_root, root_v2(params.suite, place, hash, path)?)
}

fn of_version(params: &Params, version: Version) -> Result<(), ReadFault> {
    if params.version == version { Ok(()) } else { Err(ReadFault::Version) }
}

/// The receipt of this place in a block of version 2, from its RLP: `[state root, gas used, contract, bloom, status, output,
/// [[emitter, [topic], data]]]`.
///
/// # Errors
/// The path does not show it, or it is not the RLP of a receipt.
pub fn receipt_v2(
    params: &Params,
    header: &Accepted,
    place: u64,
    receipt: &[u8],
    path: &[Siblings],
) -> Result<Receipt, ReadFault> {
    of_version(params, Version::V2)?;
    bounded("receipt", MAX_RECEIPT_BYTES, receipt.len())?;
    is_root(header.receipts_root, root_v2(params.suite, place, &params.suite.hash(receipt), path)?)?;
    let mut fields = rlp::exact(receipt)?.items()?;
    fields.item()?.hash()?;
    fields.item()?.u256()?;
    let contract = fields.item()?.address()?;
    fields.item()?.array::<256>()?;
    let status = fields.item()?.u64()?;
    let output = fields.item()?.bytes()?.to_vec();
    let mut list = fields.item()?.items()?;
    fields.end()?;
    let mut logs = Vec::new();
    while !list.is_empty() {
        bounded("logs", MAX_LOGS, logs.len() + 1)?;
        let mut log = list.item()?.items()?;
        let emitter = log.item()?.address()?;
        let mut of_log = log.item()?.items()?;
        let mut topics = Vec::new();
        while !of_log.is_empty() {
            bounded("topics", MAX_TOPICS, topics.len() + 1)?;
            topics.push(of_log.item()?.hash()?);
        }
        let data = log.item()?.bytes()?.to_vec();
        log.end()?;
        logs.push(Log { emitter, topics, data });
    }
    Ok(Receipt { place, status, contract, output, logs })
}

/// Fields of a transaction of version 3 (its version 0), as the chain hashes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionV3<'a> {
    /// The chain's name.
    pub chain_id: &'a str,
    /// The group's name.
    pub group_id: &'a str,
    /// Last block that may hold it.
    pub block_limit: u64,
    /// Nonce, decimal digits.
    pub nonce: &'a str,
    /// The contract called, as its sender wrote it (`0x` and 40 hex digits); empty to make one.
    pub to: &'a str,
    /// Input.
    pub input: &'a [u8],
    /// ABI; mostly empty.
    pub abi: &'a str,
}

impl TransactionV3<'_> {
    /// The transaction's hash.
    ///
    /// # Errors
    /// It is too large.
    pub fn hash(&self, suite: Suite) -> Result<B256, ReadFault> {
        let texts = [self.chain_id, self.group_id, self.nonce, self.to, self.abi];
        let found = texts.iter().fold(self.input.len(), |sum, text| sum.saturating_add(text.len()));
        bounded("transaction", MAX_RECEIPT_BYTES, found)?;
        let block_limit = self.block_limit.to_be_bytes();
        let parts: [&[u8]; 8] = [
            &[0; 4],
            self.chain_id.as_bytes(),
            self.group_id.as_bytes(),
            &block_limit,
            self.nonce.as_bytes(),
            self.to.as_bytes(),
            self.input,
            self.abi.as_bytes(),
        ];
        Ok(suite.hash(&parts.concat()))
    }
}

/// Fields of a receipt of version 3 (its version 0), as the chain hashes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptV3 {
    /// Gas used.
    pub gas_used: u64,
    /// Address of the contract that was made, as the chain writes it; empty for none.
    pub contract: Vec<u8>,
    /// 0 for success.
    pub status: u32,
    /// What was returned.
    pub output: Vec<u8>,
    /// Logs, in order; the chain hashes an emitter as 40 hex digits in lower case.
    pub logs: Vec<Log>,
    /// The block's number.
    pub block_number: u64,
}

impl ReceiptV3 {
    /// The receipt's hash.
    ///
    /// # Errors
    /// It is too large.
    pub fn hash(&self, suite: Suite) -> Result<B256, ReadFault> {
        bounded("logs", MAX_LOGS, self.logs.len())?;
        let of_log = |log: &Log| log.data.len().saturating_add(32 * log.topics.len().min(MAX_RECEIPT_BYTES));
        let found = self.logs.iter().map(of_log).chain([self.output.len(), self.contract.len()]);
        bounded("receipt", MAX_RECEIPT_BYTES, found.fold(0, usize::saturating_add))?;
        let mut out = alloc::vec![0; 4];
        decimal(self.gas_used, &mut out);
        out.extend_from_slice(&self.contract);
        out.extend_from_slice(&self.status.to_be_bytes());
        out.extend_from_slice(&self.output);
        for log in &self.logs {
            out.extend_from_slice(hex::encode(log.emitter).as_bytes());
            log.topics.iter().for_each(|topic| out.extend_from_slice(topic.as_slice()));
            out.extend_from_slice(&log.data);
        }
        out.extend_from_slice(&self.block_number.to_be_bytes());
        Ok(suite.hash(&out))
    }
}

/// The place of a hash in a block of version 3, in the tree of transactions.
///
/// # Errors
/// The groups do not lead to the root.
pub fn transaction_v3(params: &Params, header: &Accepted, hash: &B256, groups: &[Vec<B256>]) -> Result<u64, ReadFault> {
    of_version(params, Version::V3)?;
    let (found, place) = root_v3(params.suite, params.tree_width, hash, groups)?;
    is_root(header.transactions_root, found)?;
    Ok(place)
}

/// The place of a receipt's hash in a block of version 3, the first if several receipts are alike. What the receipt says is
/// a matter of [`called_log`].
///
/// # Errors
/// The groups do not lead to the root.
pub fn receipt_v3(params: &Params, header: &Accepted, hash: &B256, groups: &[Vec<B256>]) -> Result<u64, ReadFault> {
    of_version(params, Version::V3)?;
    let (found, place) = root_v3(params.suite, params.tree_width, hash, groups)?;
    is_root(header.receipts_root, found)?;
    Ok(place)
}

/// A log of a contract that a transaction of version 3 called directly. See the page of this module for what it trusts.
///
/// `chain` and `group` are the names that the lane was set up with; a header does not carry them.
///
/// # Errors
/// Of another chain, not called, not executed, not this contract's, or not shown.
pub fn called_log<'a>(
    params: &Params,
    header: &Accepted,
    (chain, group): (&str, &str),
    (transaction, in_transactions): (&TransactionV3<'_>, &[Vec<B256>]),
    (receipt, in_receipts): (&'a ReceiptV3, &[Vec<B256>]),
    (index, contract): (usize, Address),
) -> Result<&'a Log, ReadFault> {
    if (transaction.chain_id, transaction.group_id) != (chain, group) {
        return Err(ReadFault::ChainMismatch);
    }
    let called = canonical(transaction, receipt)?;
    let at = transaction_v3(params, header, &transaction.hash(params.suite)?, in_transactions)?;
    let hash = receipt.hash(params.suite)?;
    let place = receipt_v3(params, header, &hash, in_receipts)?;
    if root_v3_at(params.suite, params.tree_width, &hash, at, in_receipts) != Ok(header.receipts_root) {
        return Err(ReadFault::OtherTransaction { transaction: at, receipt: place });
    }
    if receipt.block_number != header.height {
        return Err(ReadFault::OtherBlock { expected: header.height, found: receipt.block_number });
    }
    if receipt.status != 0 {
        return Err(ReadFault::NotExecuted { status: receipt.status.into() });
    }
    if called != contract {
        return Err(ReadFault::WrongEmitter { expected: contract, found: called });
    }
    let count = receipt.logs.len();
    let log = receipt.logs.get(index).ok_or(ReadFault::LogIndex { index, count })?;
    if log.emitter == contract {
        return Ok(log);
    }
    Err(ReadFault::WrongEmitter { expected: contract, found: log.emitter })
}

/// The fields are read in the one way that is allowed here: a nonce of digits, then an address. Gives the called contract.
///
/// Digits end where the address begins: its `x` is none, and the zero before it belongs to it. A transaction that makes a
/// contract can not be read so and succeed: its receipt names the contract, which is then no gas (20 digits at most) and
/// no status of zero.
fn canonical(transaction: &TransactionV3<'_>, receipt: &ReceiptV3) -> Result<Address, ReadFault> {
    let nonce = transaction.nonce.as_bytes();
    if nonce.is_empty() || !nonce.iter().all(u8::is_ascii_digit) {
        return Err(ReadFault::NonCanonical("nonce"));
    }
    let digits = transaction.to.strip_prefix("0x").filter(|digits| digits.len() == 40);
    let called =
        digits.and_then(|digits| hex::decode(digits).ok()).ok_or(ReadFault::NonCanonical("called contract"))?;
    if !receipt.contract.is_empty() {
        return Err(ReadFault::NonCanonical("contract that was made"));
    }
    bounded("output", MAX_OUTPUT_BYTES, receipt.output.len())?;
    for log in &receipt.logs {
        bounded("topics", MAX_TOPICS, log.topics.len())?;
    }
    Address::try_from(called.as_slice()).map_err(|_| ReadFault::NonCanonical("called contract"))
}
