//! Reads of the chain's state under the roots of an accepted payload: accounts, storage words, receipts.
//!
//! Where the key comes from is the caller's: address and slot are arguments, never part of a proof (ATK-036). What a
//! proof is made of is the node list that `eth_getProof` serves.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, keccak256};
use causeway_mpt::{
    Account, EMPTY_ROOT, InlineNodes, Limits, Lookup, ProofError, decode_account, decode_word, lookup, lookup_with,
    rlp::{self, RlpError},
};
use thiserror::Error;

use crate::Accepted;

/// Why a read was refused. None of these goes away by trying the same bytes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateProofFault {
    /// The header is of a slot before Capella: it proves no payload.
    #[error("slot {slot} proves no execution payload")]
    NoPayload {
        /// The slot.
        slot: u64,
    },
    /// No state has this root: zero, or that of the empty trie.
    #[error("root {0} proves nothing")]
    RootUnknown(B256),
    /// The account's path proves nothing.
    #[error("account {account}: {fault}")]
    Account {
        /// The account asked for.
        account: Address,
        /// What is wrong.
        fault: ProofError,
    },
    /// A slot's path proves nothing.
    #[error("slot {slot}: {fault}")]
    Slot {
        /// The slot asked for.
        slot: B256,
        /// What is wrong.
        fault: ProofError,
    },
    /// A receipt's path proves nothing.
    #[error("receipt {index}: {fault}")]
    Receipt {
        /// Position of the transaction in its block.
        index: u64,
        /// What is wrong.
        fault: ProofError,
    },
    /// A value is not canonical.
    #[error("value: {0}")]
    Value(#[from] RlpError),
    /// A receipt of a kind that is not known.
    #[error("receipt of type {0}")]
    ReceiptType(u8),
}

/// An account under an accepted header; none where it is proven absent.
///
/// # Errors
/// The nodes prove neither, or the header proves no payload.
pub fn account<N: AsRef<[u8]>>(
    header: &Accepted,
    address: Address,
    nodes: &[N],
) -> Result<Option<Account>, StateProofFault> {
    let payload = header.execution.ok_or(StateProofFault::NoPayload { slot: header.slot })?;
    let root = payload.state_root;
    if root.is_zero() || root == EMPTY_ROOT {
        return Err(StateProofFault::RootUnknown(root));
    }
    match lookup(&root, keccak256(address).as_slice(), nodes) {
        Ok(Lookup::Present(value)) => Ok(Some(decode_account(value)?)),
        Ok(Lookup::Absent) => Ok(None),
        Err(fault) => Err(StateProofFault::Account { account: address, fault }),
    }
}

/// The word under a slot of an account's storage; zero where it is proven absent.
///
/// # Errors
/// The nodes prove neither.
pub fn storage_word<N: AsRef<[u8]>>(account: &Account, slot: &B256, nodes: &[N]) -> Result<B256, StateProofFault> {
    if account.storage_root.is_zero() {
        return Err(StateProofFault::RootUnknown(account.storage_root));
    }
    match lookup(&account.storage_root, keccak256(slot).as_slice(), nodes) {
        Ok(Lookup::Present(value)) => Ok(decode_word(value)?),
        Ok(Lookup::Absent) => Ok(B256::ZERO),
        Err(fault) => Err(StateProofFault::Slot { slot: *slot, fault }),
    }
}

/// The receipt of the transaction at `index` under an accepted header; none where the block has fewer.
///
/// # Errors
/// The nodes prove neither, the value is no receipt, or the header proves no payload.
pub fn receipt<'a, N: AsRef<[u8]>>(
    header: &Accepted,
    index: u64,
    nodes: &'a [N],
) -> Result<Option<Receipt<'a>>, StateProofFault> {
    let payload = header.execution.ok_or(StateProofFault::NoPayload { slot: header.slot })?;
    if payload.receipts_root.is_zero() {
        return Err(StateProofFault::RootUnknown(payload.receipts_root));
    }
    let mut key = Vec::new();
    rlp::put_u64(&mut key, index);
    match lookup_with(&payload.receipts_root, &key, nodes, Limits::VALUES, InlineNodes::Embedded) {
        Ok(Lookup::Present(value)) => Receipt::decode(value).map(Some),
        Ok(Lookup::Absent) => Ok(None),
        Err(fault) => Err(StateProofFault::Receipt { index, fault }),
    }
}

/// A transaction's receipt (Yellow Paper §4.4.1, EIP-2718, EIP-658).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// Transaction type; 0 for legacy ones.
    pub kind: u8,
    /// Whether the transaction succeeded.
    pub success: bool,
    /// Gas used in the block up to and with it.
    pub cumulative_gas_used: u64,
    /// What it logged.
    pub logs: Vec<Log<'a>>,
}

/// One log of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log<'a> {
    /// The contract.
    pub address: Address,
    /// At most four.
    pub topics: Vec<B256>,
    /// The rest.
    pub data: &'a [u8],
}

impl<'a> Receipt<'a> {
    /// Transaction types that exist up to Fulu: access list, dynamic fee, blobs, set code.
    const KINDS: core::ops::RangeInclusive<u8> = 1..=4;

    /// Reads the value that the receipts trie holds.
    ///
    /// # Errors
    /// Not the canonical encoding of a receipt with a status (blocks before Byzantium have another one).
    pub fn decode(value: &'a [u8]) -> Result<Self, StateProofFault> {
        let (kind, payload) = match value.split_first() {
            Some((kind, payload)) if *kind < 0x80 => {
                if !Self::KINDS.contains(kind) {
                    return Err(StateProofFault::ReceiptType(*kind));
                }
                (*kind, payload)
            }
            _ => (0, value),
        };
        let mut fields = rlp::exact(payload)?.items()?;
        let status = fields.item()?.u64()?;
        if status > 1 {
            return Err(RlpError::Length { expected: 1, found: 8 }.into());
        }
        let cumulative_gas_used = fields.item()?.u64()?;
        fields.item()?.array::<256>()?;
        let mut items = fields.item()?.items()?;
        fields.end()?;
        let mut logs = Vec::new();
        while !items.is_empty() {
            let mut log = items.item()?.items()?;
            let address = log.item()?.address()?;
            let mut listed = log.item()?.items()?;
            let mut topics = Vec::new();
            while !listed.is_empty() {
                topics.push(listed.item()?.hash()?);
            }
            let data = log.item()?.bytes()?;
            log.end()?;
            logs.push(Log { address, topics, data });
        }
        Ok(Self { kind, success: status == 1, cumulative_gas_used, logs })
    }
}
