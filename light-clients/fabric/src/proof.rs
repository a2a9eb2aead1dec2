//! Reads of a chain's state. Fabric has no state root, so no header vouches for state, and there are no state proofs
//! (ATK-108). What there is instead: peers of several organisations, enough for the chaincode's endorsement policy, each
//! execute the same *read* on the state that they have committed, and sign the answer. That is an **attested read**.
//!
//! Its bytes are those of a transaction that was never submitted (`common.Payload`), which any Fabric client can make
//! from the answers of peers. It is taken only if
//!
//! * it asks this channel's vault this very question, and the answer is to it ([`Transaction::decode`]);
//! * the chaincode answered with success, and *wrote nothing*: the outcome of a call that writes is a plan, not a fact;
//! * it read the outbox's key, and everything that it read was committed at or below the trusted height, whose
//!   configuration says who the organisations are;
//! * its endorsers are different valid identities that satisfy the endorsement policy.
//!
//! An old answer is as good as a new one: an outbox only grows, and only presence is ever proven.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use alloy_primitives::{B256, hex};
use causeway_crypto::p256::VerifyP256;
use thiserror::Error;

use crate::{
    Over, Params, ReadPolicy, Reads, Refusal, TrustedState,
    block::of_channel,
    bounds::{MAX_READ_BYTES, MAX_READS},
    msp::Validity,
    policy::SignaturePolicy,
    transaction::Transaction,
    verify::within_trusting_period,
    wire::{Reader, WireFault},
};

/// The vault's function that returns a lane's outbox. Its one argument is the lane's id, 64 digits of lower-case hex.
pub const OUTBOX_FUNCTION: &str = "outbox";

/// The key under which the vault keeps a lane's outbox.
pub fn outbox_key(lane: &B256) -> String {
    format!("outbox/{}", hex::encode(lane))
}

/// Why an attested read does not say what it has to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadFault {
    /// The parameters state no attested read, and Fabric has no state root.
    #[error("Fabric has no state proofs, and no attested read is stated")]
    NoStateProofs,
    /// Larger than any honest one.
    #[error("at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// Its size.
        found: usize,
    },
    /// The payload is of another kind.
    #[error("a payload of kind {kind} is no transaction")]
    NotATransaction {
        /// `common.HeaderType`.
        kind: u32,
    },
    /// The answer is to another question.
    #[error("the answer is to another question")]
    OtherQuestion,
    /// The id is not that of sender and nonce.
    #[error("the transaction's id is not that of its sender and nonce")]
    TransactionId,
    /// Another chaincode answered.
    #[error("expected chaincode {expected}, found {found}")]
    WrongEmitter {
        /// The vault's chaincode.
        expected: String,
        /// The one found.
        found: String,
    },
    /// The chaincode did not answer with success.
    #[error("the chaincode answered with status {status}")]
    NotExecuted {
        /// Its status.
        status: u32,
    },
    /// The call would write, or touches private data: its outcome is a plan, not a fact.
    #[error("the call writes, or reads what is not public state, in {namespace}")]
    NotARead {
        /// The chaincode whose state it touches.
        namespace: String,
    },
    /// The call did not read the key that it should, or there is no such key.
    #[error("the call did not read {key}, or it does not exist")]
    NotRead {
        /// The key.
        key: String,
    },
    /// The call read what was committed after the trusted height. Bring the client up to it first.
    #[error("the call read what block {block} wrote, trusted is {trusted}")]
    BeyondTrusted {
        /// Block that wrote it.
        block: u64,
        /// Trusted height (of a frozen client: the freeze height).
        trusted: u64,
    },
    /// The answer is not an outbox: lane id, size, root.
    #[error("an outbox has {expected} bytes, found {found}")]
    OutboxSize {
        /// Bytes of an outbox.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The answer is another lane's outbox.
    #[error("expected the outbox of lane {expected}, found {found}")]
    OtherLane {
        /// The lane asked for.
        expected: B256,
        /// The lane answered.
        found: B256,
    },
    /// Nothing was ever written to the outbox: an empty one proves nothing.
    #[error("the outbox is empty")]
    EmptyOutbox,
}

impl ReadFault {
    pub(crate) fn wrong_emitter(expected: &str, found: &str) -> Self {
        Self::WrongEmitter { expected: expected.to_string(), found: found.to_string() }
    }
}

/// A lane's outbox, in root form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: B256,
    /// Block that wrote it last.
    pub written_at: u64,
}

/// Bytes of an outbox as the vault returns it: lane id, `u64` size, root.
const OUTBOX_BYTES: usize = 32 + 8 + 32;

/// Judges an attested read of a lane's outbox at time `now` (Unix seconds).
///
/// # Errors
/// The first rule broken.
pub fn outbox_with<V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    lane: &B256,
    read: &[u8],
    now: u64,
) -> Result<Outbox, Refusal> {
    let argument = hex::encode(lane);
    let key = outbox_key(lane);
    let question = [OUTBOX_FUNCTION.as_bytes(), argument.as_bytes()];
    let (payload, written_at) = attested_with::<V>(params, trusted, &question, &key, read, now)?;
    let wrong_size = ReadFault::OutboxSize { expected: OUTBOX_BYTES, found: payload.len() };
    let bytes: &[u8; OUTBOX_BYTES] = payload.try_into().map_err(|_| wrong_size)?;
    let (found, rest) = bytes.split_at(32);
    let found = B256::from_slice(found);
    if found != *lane {
        return Err(ReadFault::OtherLane { expected: *lane, found }.into());
    }
    let (size, root) = rest.split_at(8);
    let size = size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte));
    let root = B256::from_slice(root);
    if size == 0 || root.is_zero() {
        return Err(ReadFault::EmptyOutbox.into());
    }
    Ok(Outbox { size, root, written_at })
}

/// Judges an attested read: the answer of the vault's chaincode to a question that reads `key`, and the block that
/// wrote that key last.
///
/// # Errors
/// The first rule broken.
pub fn attested_with<'a, V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    question: &[&[u8]],
    key: &str,
    read: &'a [u8],
    now: u64,
) -> Result<(&'a [u8], u64), Refusal> {
    let Some(Reads { chaincode, policy }) = &params.reads else { return Err(ReadFault::NoStateProofs.into()) };
    let highest = readable_height(params, trusted, now)?;
    if read.len() > MAX_READ_BYTES {
        return Err(ReadFault::TooLarge { limit: MAX_READ_BYTES, found: read.len() }.into());
    }
    let transaction = Transaction::decode(read)?;
    of_channel(&params.channel, transaction.payload.channel_id)?;
    if transaction.chaincode != chaincode {
        return Err(ReadFault::wrong_emitter(chaincode, transaction.chaincode).into());
    }
    if transaction.arguments != question {
        return Err(ReadFault::OtherQuestion.into());
    }
    let answer = transaction.answer;
    if answer.status != 200 {
        return Err(ReadFault::NotExecuted { status: answer.status }.into());
    }
    let reads = reads_of(answer.results)?;
    if let Some(block) = reads.iter().filter_map(|read| read.block).max().filter(|block| *block > highest) {
        return Err(ReadFault::BeyondTrusted { block, trusted: highest }.into());
    }
    let of_key = reads.iter().find(|read| read.namespace == chaincode && read.key == key.as_bytes());
    let written_at = of_key.and_then(|read| read.block).ok_or_else(|| ReadFault::NotRead { key: key.to_string() })?;
    let endorsers = transaction.endorsers::<V>(trusted.channel(), Validity::At(now))?;
    let tally = match policy {
        ReadPolicy::Channel(path) => trusted.channel().tally(path, &endorsers)?,
        ReadPolicy::Signatures(bytes) => SignaturePolicy::read(bytes)?.tally(&endorsers),
    };
    if !tally.satisfied() {
        let (needed, found) = (tally.needed, tally.found);
        return Err(Refusal::NotEnoughTrust { over: Over::Endorsement, needed, found });
    }
    Ok((answer.payload, written_at))
}

/// The height up to which what was committed may be read: the trusted one; of a frozen client, after a delay in which
/// everybody can see the freeze, the freeze height.
fn readable_height(params: &Params, trusted: &TrustedState, now: u64) -> Result<u64, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        let readable_from = freeze.since.saturating_add(params.freeze_delay);
        return if now >= readable_from {
            Ok(freeze.at.min(trusted.height()))
        } else {
            Err(Refusal::Frozen { at: freeze.at, readable_from })
        };
    }
    within_trusting_period(params, trusted, now)?;
    Ok(trusted.height())
}

/// A key that a call read, and the block that wrote it; none if there is no such key.
struct KeyRead<'a> {
    namespace: &'a str,
    key: &'a [u8],
    block: Option<u64>,
}

/// What a call read (`rwset.TxReadWriteSet`), if it did nothing else.
fn reads_of(results: &[u8]) -> Result<Vec<KeyRead<'_>>, Refusal> {
    let mut reader = Reader::new("TxReadWriteSet", results);
    reader.small(1)?; // The data model: keys and values are the only one.
    let namespaces = reader.parts(2, MAX_READS)?;
    reader.end()?;
    let mut out = Vec::new();
    for bytes in namespaces {
        let mut reader = Reader::new("NsReadWriteSet", bytes);
        let namespace = reader.text(1)?;
        let set = reader.bytes(2)?;
        let collections = reader.parts(3, MAX_READS)?;
        reader.end()?;
        let mut reader = Reader::new("KVRWSet", set);
        let reads = reader.parts(1, MAX_READS)?;
        let ranges = reader.parts(2, MAX_READS)?;
        let writes = reader.parts(3, MAX_READS)?;
        let metadata = reader.parts(4, MAX_READS)?;
        reader.end()?;
        if !(collections.is_empty() && ranges.is_empty() && writes.is_empty() && metadata.is_empty()) {
            return Err(ReadFault::NotARead { namespace: namespace.to_string() }.into());
        }
        for read in reads {
            out.push(key_read(namespace, read)?);
        }
    }
    Ok(out)
}

fn key_read<'a>(namespace: &'a str, bytes: &'a [u8]) -> Result<KeyRead<'a>, WireFault> {
    let mut reader = Reader::new("KVRead", bytes);
    let key = reader.bytes(1)?;
    let version = reader.part(2)?;
    reader.end()?;
    let block = version.map(|bytes| {
        let mut reader = Reader::new("Version", bytes);
        let block = reader.number(1)?;
        reader.number(2)?;
        reader.end().map(|()| block)
    });
    Ok(KeyRead { namespace, key, block: block.transpose()? })
}
