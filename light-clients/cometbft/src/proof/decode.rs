//! Reads `cosmos.ics23.v1.CommitmentProof`.

use alloc::vec::Vec;

use super::{
    ProofFault,
    ops::{HashOp, InnerOp, LeafOp, LengthOp},
};
use crate::wire::{Reader, Value, WireFault, varint};

/// Longest proof. A path of 256 steps is below 30 kB, absence shows two, and a value may take the rest.
pub const MAX_PROOF_BYTES: usize = 1 << 20;

/// Longest proof of many keys.
pub const MAX_BATCH_BYTES: usize = 8 << 20;

/// Most entries of a batch.
pub const MAX_BATCH_ENTRIES: usize = 1_024;

/// Most operations that the entries of a compressed batch may share.
const MAX_SHARED_OPS: usize = 100_000;

/// `ExistenceProof`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExistenceProof<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// The leaf.
    pub leaf: Option<LeafOp<'a>>,
    /// The nodes from leaf to root.
    pub path: Vec<InnerOp<'a>>,
}

/// `NonExistenceProof`, without its key, which is not looked at: the question names the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NonExistenceProof<'a> {
    /// The last key before.
    pub left: Option<ExistenceProof<'a>>,
    /// The first key behind.
    pub right: Option<ExistenceProof<'a>>,
}

/// What a proof shows of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// It is there.
    Exist(ExistenceProof<'a>),
    /// It is not.
    Absent(NonExistenceProof<'a>),
}

/// `CommitmentProof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitmentProof<'a> {
    /// Of one key.
    Single(Entry<'a>),
    /// Of several, `BatchProof` or `CompressedBatchProof`.
    Batch(Vec<Entry<'a>>),
}

impl<'a> CommitmentProof<'a> {
    /// Reads a proof. No path may have more than `max_depth` steps.
    ///
    /// # Errors
    /// [`ProofFault::Malformed`] or [`ProofFault::TooDeep`].
    pub fn decode(bytes: &'a [u8], max_depth: usize) -> Result<Self, ProofFault> {
        bounded("proof", bytes, MAX_BATCH_BYTES)?;
        let mut reader = Reader::new(bytes);
        let (number, value) = reader.next(&[])?.ok_or(WireFault::Missing("proof"))?;
        if matches!(number, 1 | 2) {
            bounded("proof of one key", bytes, MAX_PROOF_BYTES)?;
        }
        let proof = match number {
            1 => Self::Single(Entry::Exist(existence(value.message(1)?, max_depth, None)?)),
            2 => Self::Single(Entry::Absent(absence(value.message(2)?, max_depth, None)?)),
            3 => Self::Batch(entries(value.message(3)?, max_depth)?),
            4 => Self::Batch(compressed(value.message(4)?, max_depth)?),
            _ => return Err(WireFault::UnknownField(number).into()),
        };
        match reader.next(&[])? {
            None => Ok(proof),
            Some((number, _)) => Err(WireFault::UnknownField(number).into()),
        }
    }
}

fn bounded(what: &'static str, bytes: &[u8], limit: usize) -> Result<(), WireFault> {
    if bytes.len() <= limit { Ok(()) } else { Err(WireFault::TooLarge { what, limit, found: bytes.len() }) }
}

/// The operations that a compressed batch shares, where there are some.
type Shared<'s, 'a> = Option<&'s [InnerOp<'a>]>;

fn existence<'a>(
    mut reader: Reader<'a>,
    max_depth: usize,
    shared: Shared<'_, 'a>,
) -> Result<ExistenceProof<'a>, ProofFault> {
    /// Steps of most proofs: a tree of some billion leaves.
    const USUAL_DEPTH: usize = 32;
    let mut proof = ExistenceProof::default();
    while let Some((number, value)) = reader.next(&[4])? {
        match (number, shared) {
            (1, _) => proof.key = value.bytes(1)?,
            (2, _) => proof.value = value.bytes(2)?,
            (3, _) => proof.leaf = Some(leaf_op(value.message(3)?)?),
            (4, None) => {
                if proof.path.is_empty() {
                    proof.path.reserve(USUAL_DEPTH.min(max_depth));
                }
                push(&mut proof.path, inner_op(value.message(4)?)?, max_depth)?;
            }
            (4, Some(shared)) => by_index(&mut proof.path, value, shared, max_depth)?,
            _ => return Err(WireFault::UnknownField(number).into()),
        }
    }
    Ok(proof)
}

fn push<'a>(path: &mut Vec<InnerOp<'a>>, op: InnerOp<'a>, limit: usize) -> Result<(), ProofFault> {
    if path.len() >= limit {
        return Err(ProofFault::TooDeep { limit, found: path.len().saturating_add(1) });
    }
    path.push(op);
    Ok(())
}

/// `repeated int32`, packed or not.
fn by_index<'a>(
    path: &mut Vec<InnerOp<'a>>,
    value: Value<'a>,
    shared: &[InnerOp<'a>],
    limit: usize,
) -> Result<(), ProofFault> {
    let op = |index: u64| {
        let op = usize::try_from(index).ok().and_then(|index| shared.get(index));
        op.copied().ok_or(WireFault::Value("index of a shared operation"))
    };
    if let Value::Varint(index) = value {
        return push(path, op(index)?, limit);
    }
    let mut rest = value.bytes(4)?;
    path.reserve(rest.len().min(limit));
    while !rest.is_empty() {
        let (index, behind) = varint(rest)?;
        push(path, op(index)?, limit)?;
        rest = behind;
    }
    Ok(())
}

fn absence<'a>(
    mut reader: Reader<'a>,
    max_depth: usize,
    shared: Shared<'_, 'a>,
) -> Result<NonExistenceProof<'a>, ProofFault> {
    let mut proof = NonExistenceProof::default();
    while let Some((number, value)) = reader.next(&[])? {
        match number {
            1 => drop(value.bytes(1)?),
            2 => proof.left = Some(existence(value.message(2)?, max_depth, shared)?),
            3 => proof.right = Some(existence(value.message(3)?, max_depth, shared)?),
            _ => return Err(WireFault::UnknownField(number).into()),
        }
    }
    Ok(proof)
}

fn entry<'a>(mut reader: Reader<'a>, max_depth: usize, shared: Shared<'_, 'a>) -> Result<Entry<'a>, ProofFault> {
    let (number, value) = reader.next(&[])?.ok_or(WireFault::Missing("proof of an entry"))?;
    let entry = match number {
        1 => Entry::Exist(existence(value.message(1)?, max_depth, shared)?),
        2 => Entry::Absent(absence(value.message(2)?, max_depth, shared)?),
        _ => return Err(WireFault::UnknownField(number).into()),
    };
    match reader.next(&[])? {
        None => Ok(entry),
        Some((number, _)) => Err(WireFault::UnknownField(number).into()),
    }
}

fn entries(mut reader: Reader<'_>, max_depth: usize) -> Result<Vec<Entry<'_>>, ProofFault> {
    let mut entries = Vec::new();
    while let Some((number, value)) = reader.next(&[1])? {
        match number {
            1 => counted("entries", entries.len(), MAX_BATCH_ENTRIES)?,
            _ => return Err(WireFault::UnknownField(number).into()),
        }
        entries.push(entry(value.message(1)?, max_depth, None)?);
    }
    Ok(entries)
}

fn counted(what: &'static str, so_far: usize, limit: usize) -> Result<(), WireFault> {
    if so_far < limit { Ok(()) } else { Err(WireFault::TooLarge { what, limit, found: so_far.saturating_add(1) }) }
}

/// The operations stand behind the entries that use them, so the message is gone through twice.
fn compressed(reader: Reader<'_>, max_depth: usize) -> Result<Vec<Entry<'_>>, ProofFault> {
    let mut shared = Vec::new();
    let mut count = 0;
    let mut first = reader.clone();
    while let Some((number, value)) = first.next(&[1, 2])? {
        match number {
            1 => {
                counted("entries", count, MAX_BATCH_ENTRIES)?;
                count += 1;
            }
            2 => {
                counted("shared operations", shared.len(), MAX_SHARED_OPS)?;
                shared.push(inner_op(value.message(2)?)?);
            }
            _ => return Err(WireFault::UnknownField(number).into()),
        }
    }
    let mut entries = Vec::with_capacity(count);
    let mut second = reader;
    while let Some((1, value)) = second.next(&[1, 2])? {
        entries.push(entry(value.message(1)?, max_depth, Some(&shared))?);
    }
    Ok(entries)
}

fn hash_op(value: Value<'_>, number: u32) -> Result<HashOp, WireFault> {
    HashOp::from_number(value.u64(number)?).ok_or(WireFault::Value("hash operation"))
}

fn leaf_op(mut reader: Reader<'_>) -> Result<LeafOp<'_>, WireFault> {
    let mut op = LeafOp::default();
    while let Some((number, value)) = reader.next(&[])? {
        match number {
            1 => op.hash = hash_op(value, 1)?,
            2 => op.prehash_key = hash_op(value, 2)?,
            3 => op.prehash_value = hash_op(value, 3)?,
            4 => op.length = LengthOp::from_number(value.u64(4)?).ok_or(WireFault::Value("length operation"))?,
            5 => op.prefix = value.bytes(5)?,
            _ => return Err(WireFault::UnknownField(number)),
        }
    }
    Ok(op)
}

fn inner_op(mut reader: Reader<'_>) -> Result<InnerOp<'_>, WireFault> {
    let mut op = InnerOp::default();
    while let Some((number, value)) = reader.next(&[])? {
        match number {
            1 => op.hash = hash_op(value, 1)?,
            2 => op.prefix = value.bytes(2)?,
            3 => op.suffix = value.bytes(3)?,
            _ => return Err(WireFault::UnknownField(number)),
        }
    }
    Ok(op)
}
