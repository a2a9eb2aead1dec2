//! Reads of a chain's state under a root that a header vouched for: presence and absence.
//!
//! Account and slot are always derived from the arguments, never from the proof (ATK-036, ATK-116). The bytes are
//! those of the contracts:
//!
//! ```text
//! stateProof  u8 nAccountNodes | (u16 length | node)… | u8 nSlots | per slot: u8 tag | u8 nNodes | (u16 length | node)…
//! ```
//! The tag is the height of the peak in proofs of outbox peaks, and the position of the slot in all others.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};
use causeway_mpt::{Account, EMPTY_ROOT, Lookup, ProofError, decode_account, decode_word, lookup, rlp::RlpError};
use thiserror::Error;

use crate::{MAX_VALIDATORS, Refusal, UpdateError, ValidatorSet};

/// Largest height of a peak: an index is a `u64`.
pub const MAX_PEAK_HEIGHT: u8 = 63;

/// Peaks in one proof: at least one, at most one per height.
const MAX_PEAKS: u8 = 64;

/// Nodes of one path at most: a key has 64 half bytes.
const MAX_NODES: usize = 65;

/// Slot of an outbox that holds its size.
pub const SIZE_SLOT: B256 = B256::ZERO;

/// Why a state proof was refused. None of these goes away by trying the same bytes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateProofFault {
    /// No state has this root: zero, or that of the empty trie.
    #[error("state root {0} proves nothing")]
    RootUnknown(B256),
    /// The bytes end before the format does, or go on after it.
    #[error("state proof: malformed at byte {0}")]
    Malformed(usize),
    /// More peaks or nodes than allowed, or no peak.
    #[error("state proof: {what}: 1 to {limit}, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// The account's path proves nothing.
    #[error("account {account}: {fault}")]
    Account {
        /// The account asked for.
        account: Address,
        /// What is wrong.
        fault: ProofError,
    },
    /// The account is proven absent, or the proof is another account's.
    #[error("account {0} does not exist under this root")]
    NoAccount(Address),
    /// A slot's path proves nothing.
    #[error("slot {slot}: {fault}")]
    Slot {
        /// The slot asked for.
        slot: B256,
        /// What is wrong.
        fault: ProofError,
    },
    /// A value under a slot or an account is not canonical.
    #[error("value: {0}")]
    Value(#[from] RlpError),
    /// The proof answers other slots than were asked for.
    #[error("slot {position}: expected tag {expected}, found {found}")]
    WrongKey {
        /// Position in the proof.
        position: usize,
        /// The tag that belongs there.
        expected: u8,
        /// The tag found.
        found: u8,
    },
    /// No peak of this height was ever written: zero proves nothing.
    #[error("no peak of height {0}")]
    NoPeak(u8),
    /// The proof shows another number of slots than were asked for.
    #[error("expected {expected} slots, found {found}")]
    SlotCount {
        /// Slots asked for.
        expected: usize,
        /// Slots in the proof.
        found: usize,
    },
    /// A height beyond 63.
    #[error("peak height: at most 63, found {0}")]
    PeakHeight(u8),
    /// A word of a validators' array that is no address.
    #[error("{0} is no address")]
    NoAddress(B256),
    /// The proven validators are no set: none, too many, or one twice.
    #[error("the contract holds {0} validators, or one twice")]
    NoSet(usize),
}

/// Peaks of an outbox in the order of the proof, as `(height, root)`.
///
/// # Errors
/// The bytes do not prove, for each height that they name, a peak in this very account under this very root.
pub fn outbox_peaks(state_root: &B256, outbox: Address, proof: &[u8]) -> Result<Vec<(u8, B256)>, StateProofFault> {
    let mut reader = ProofReader { bytes: proof, at: 0 };
    let account = account_of(state_root, outbox, &reader.nodes()?)?;
    let count = reader.byte()?;
    if count == 0 || count > MAX_PEAKS {
        return Err(StateProofFault::TooLarge { what: "peaks", limit: MAX_PEAKS.into(), found: count.into() });
    }
    let mut peaks = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let height = reader.byte()?;
        if height > MAX_PEAK_HEIGHT {
            return Err(StateProofFault::PeakHeight(height));
        }
        let root = word_of(&account, &peak_slot(height), &reader.nodes()?)?;
        if root.is_zero() {
            return Err(StateProofFault::NoPeak(height));
        }
        peaks.push((height, root));
    }
    reader.end()?;
    Ok(peaks)
}

/// Slot of an outbox that holds its peak of `height`.
pub fn peak_slot(height: u8) -> B256 {
    B256::from(U256::from(height) + U256::ONE)
}

/// Entries in an outbox. Zero if the account exists and nothing was ever appended.
///
/// # Errors
/// The bytes do not prove the slot of the size.
pub fn outbox_size(state_root: &B256, outbox: Address, proof: &[u8]) -> Result<u64, StateProofFault> {
    let words = storage_words(state_root, outbox, &[SIZE_SLOT], proof)?;
    let word = words.first().copied().unwrap_or_default();
    // Solidity packs nothing beside it: more than 64 bits is no outbox.
    u64::try_from(U256::from_be_bytes(word.0))
        .map_err(|_| StateProofFault::Value(RlpError::Length { expected: 8, found: 32 }))
}

/// Words of a vault's delivered bitmap: bit i of word w is entry 256·w + i of the lane. A word that was never written
/// is zero.
///
/// # Errors
/// The bytes do not prove these very slots.
pub fn delivered_words(
    state_root: &B256,
    vault: Address,
    lane: &B256,
    words: &[u64],
    proof: &[u8],
) -> Result<Vec<U256>, StateProofFault> {
    let slots: Vec<B256> = words.iter().map(|word| delivered_slot(lane, *word)).collect();
    let found = storage_words(state_root, vault, &slots, proof)?;
    Ok(found.into_iter().map(|word| U256::from_be_bytes(word.0)).collect())
}

/// Slot of a vault that holds word `word` of a lane's delivered bitmap:
/// `keccak256(abi.encode(word, keccak256(abi.encode(lane, keccak256("causeway/vault/delivered")))))`.
pub fn delivered_slot(lane: &B256, word: u64) -> B256 {
    let namespace = keccak256("causeway/vault/delivered");
    let of_lane = keccak256([lane.0, namespace.0].concat());
    keccak256([B256::from(U256::from(word)).0, of_lane.0].concat())
}

/// Words of an account's storage, in the order of `slots`; absent ones are zero.
///
/// # Errors
/// The bytes do not prove these very slots of this very account under this very root.
pub fn storage_words(
    state_root: &B256,
    account: Address,
    slots: &[B256],
    proof: &[u8],
) -> Result<Vec<B256>, StateProofFault> {
    let mut reader = ProofReader { bytes: proof, at: 0 };
    let account = account_of(state_root, account, &reader.nodes()?)?;
    let count = usize::from(reader.byte()?);
    if count != slots.len() {
        return Err(StateProofFault::SlotCount { expected: slots.len(), found: count });
    }
    let mut words = Vec::with_capacity(slots.len());
    for (position, slot) in slots.iter().enumerate() {
        let found = reader.byte()?;
        let expected = u8::try_from(position).unwrap_or(u8::MAX);
        if found != expected {
            return Err(StateProofFault::WrongKey { position, expected, found });
        }
        words.push(word_of(&account, slot, &reader.nodes()?)?);
    }
    reader.end()?;
    Ok(words)
}

/// An account that exists under a state root.
///
/// # Errors
/// The nodes do not prove that the account exists.
pub fn account_of<N: AsRef<[u8]>>(
    state_root: &B256,
    address: Address,
    nodes: &[N],
) -> Result<Account, StateProofFault> {
    if state_root.is_zero() || *state_root == EMPTY_ROOT {
        return Err(StateProofFault::RootUnknown(*state_root));
    }
    match lookup(state_root, keccak256(address).as_slice(), nodes) {
        Ok(Lookup::Present(value)) => Ok(decode_account(value)?),
        Ok(Lookup::Absent) => Err(StateProofFault::NoAccount(address)),
        Err(fault) => Err(StateProofFault::Account { account: address, fault }),
    }
}

/// The word under a slot of an account's storage; zero if absent.
///
/// # Errors
/// The nodes prove neither.
pub fn word_of<N: AsRef<[u8]>>(account: &Account, slot: &B256, nodes: &[N]) -> Result<B256, StateProofFault> {
    if account.storage_root.is_zero() {
        return Err(StateProofFault::RootUnknown(account.storage_root));
    }
    match lookup(&account.storage_root, keccak256(slot).as_slice(), nodes) {
        Ok(Lookup::Present(value)) => Ok(decode_word(value)?),
        Ok(Lookup::Absent) => Ok(B256::ZERO),
        Err(fault) => Err(StateProofFault::Slot { slot: *slot, fault }),
    }
}

/// Writes a state proof from the node lists that `eth_getProof` serves. Inline nodes, which some servers list once
/// more, are left out: they stand in their parents.
///
/// # Errors
/// A part is longer than the format can say.
pub fn encode_state_proof<N: AsRef<[u8]>, L: AsRef<[N]>>(
    account_nodes: &[N],
    slots: &[(u8, L)],
) -> Result<Vec<u8>, UpdateError> {
    let mut out = Vec::new();
    put_nodes(&mut out, account_nodes)?;
    out.push(u8::try_from(slots.len()).map_err(|_| UpdateError::TooLong { what: "list of slots" })?);
    for (tag, nodes) in slots {
        out.push(*tag);
        put_nodes(&mut out, nodes.as_ref())?;
    }
    Ok(out)
}

/// Appends one path.
pub(crate) fn put_nodes<N: AsRef<[u8]>>(out: &mut Vec<u8>, nodes: &[N]) -> Result<(), UpdateError> {
    let embedded = |position: usize, node: &[u8]| position > 0 && node.len() < 32;
    let kept = nodes.iter().map(AsRef::as_ref).enumerate().filter(|(at, node)| !embedded(*at, node));
    let count = u8::try_from(kept.clone().count()).map_err(|_| UpdateError::TooLong { what: "path" })?;
    out.push(count);
    for (_, node) in kept {
        let length = u16::try_from(node.len()).map_err(|_| UpdateError::TooLong { what: "node" })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(node);
    }
    Ok(())
}

/// The set that a validator contract holds under a state root.
pub(crate) fn contract_set(
    state_root: &B256,
    contract: Address,
    slot: B256,
    proof: &[u8],
) -> Result<ValidatorSet, StateProofFault> {
    let mut reader = ProofReader { bytes: proof, at: 0 };
    let account = account_of(state_root, contract, &reader.nodes()?)?;
    let length = U256::from_be_bytes(word_of(&account, &slot, &reader.nodes()?)?.0);
    let count = usize::try_from(length).unwrap_or(usize::MAX);
    if count == 0 || count > MAX_VALIDATORS {
        return Err(StateProofFault::NoSet(count));
    }
    // Solidity lays a dynamic array's elements out from the hash of its slot on.
    let first = U256::from_be_bytes(keccak256(slot).0);
    let mut validators = Vec::with_capacity(count);
    for position in 0..count {
        let slot = B256::from(first.wrapping_add(U256::from(position)));
        let word = word_of(&account, &slot, &reader.nodes()?)?;
        if word[..12].iter().any(|byte| *byte != 0) {
            return Err(StateProofFault::NoAddress(word));
        }
        validators.push(Address::from_word(word));
    }
    reader.end()?;
    ValidatorSet::new(validators).map_err(|_: Refusal| StateProofFault::NoSet(count))
}

/// Reads the parts of a proof from the front.
struct ProofReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> ProofReader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StateProofFault> {
        let end = self.at.saturating_add(length);
        let taken = self.bytes.get(self.at..end).ok_or(StateProofFault::Malformed(self.at))?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, StateProofFault> {
        let at = self.at;
        self.take(1)?.first().copied().ok_or(StateProofFault::Malformed(at))
    }

    /// One path: `u8 n | (u16 length | node)…`.
    fn nodes(&mut self) -> Result<Vec<&'a [u8]>, StateProofFault> {
        let count = usize::from(self.byte()?);
        if count > MAX_NODES {
            return Err(StateProofFault::TooLarge { what: "nodes", limit: MAX_NODES, found: count });
        }
        let mut nodes = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::from(self.byte()?) << 8 | usize::from(self.byte()?);
            nodes.push(self.take(length)?);
        }
        Ok(nodes)
    }

    fn end(&self) -> Result<(), StateProofFault> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(StateProofFault::Malformed(self.at)) }
    }
}
