//! A transaction's bytes, with or without witness (BIP 144), read as `UnserializeTransaction` of Bitcoin Core reads them.

use alloc::vec::Vec;

use thiserror::Error;

use crate::{Txid, hash::sha256d};

/// Bytes of a transaction: what a block holds at most without witness. A larger one is sent without its witness, which
/// its id does not cover.
pub const MAX_TRANSACTION_BYTES: usize = 1_000_000;

/// Satoshis that can exist (`MAX_MONEY`).
pub const MAX_MONEY: u64 = 21_000_000 * 100_000_000;

/// The size, without witness, at which a transaction can be read as two nodes of a Merkle tree.
pub const AMBIGUOUS_BYTES: usize = 64;

/// Bytes of an input with an empty script; of an output likewise.
const MIN_INPUT: usize = 32 + 4 + 1 + 4;
const MIN_OUTPUT: usize = 8 + 1;

/// Bytes that are no transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TxFault {
    /// Longer than the bound.
    #[error("at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// The bytes end too early.
    #[error("{needed} more bytes expected at {at}")]
    Ended {
        /// Offset.
        at: usize,
        /// Bytes missing there, at least.
        needed: u64,
    },
    /// A length in more bytes than it needs.
    #[error("length {value} at {at} is not in its shortest form")]
    LongSize {
        /// Offset.
        at: usize,
        /// The length.
        value: u64,
    },
    /// No inputs.
    #[error("no inputs")]
    NoInputs,
    /// No outputs.
    #[error("no outputs")]
    NoOutputs,
    /// A flag other than the witness flag.
    #[error("flag {0}: only 1 (witness) is known")]
    Flag(u8),
    /// A witness that is empty for every input.
    #[error("a witness that holds nothing")]
    EmptyWitness,
    /// An output of more than there is.
    #[error("output {vout}: at most {MAX_MONEY} satoshis, found {found}")]
    Value {
        /// The output.
        vout: u32,
        /// Its value.
        found: u64,
    },
    /// Something behind the end.
    #[error("{0} bytes behind the end")]
    Trailing(usize),
}

/// An output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output<'a> {
    /// Satoshis.
    pub value: u64,
    /// What must be satisfied to spend it.
    pub script: &'a [u8],
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction<'a> {
    txid: Txid,
    stripped_bytes: usize,
    coinbase: bool,
    outputs: Vec<Output<'a>>,
}

impl<'a> Transaction<'a> {
    /// Reads a transaction.
    ///
    /// # Errors
    /// The bytes are not exactly one transaction in its shortest form.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, TxFault> {
        if bytes.len() > MAX_TRANSACTION_BYTES {
            return Err(TxFault::TooLarge { limit: MAX_TRANSACTION_BYTES, found: bytes.len() });
        }
        let mut reader = Reader { bytes, at: 0 };
        let version = reader.take(4)?;
        let witness = match reader.rest() {
            [0, 1, ..] => true,
            [0, 0, ..] => return Err(TxFault::NoInputs),
            [0, flag, ..] => return Err(TxFault::Flag(*flag)),
            _ => false,
        };
        if witness {
            reader.take(2)?;
        }
        let from = reader.at;
        let (inputs, coinbase) = read_inputs(&mut reader)?;
        let outputs = read_outputs(&mut reader)?;
        let body = bytes.get(from..reader.at).unwrap_or_default();
        if witness {
            read_witness(&mut reader, inputs)?;
        }
        let lock_time = reader.take(4)?;
        match reader.rest().len() {
            0 => {}
            trailing => return Err(TxFault::Trailing(trailing)),
        }
        let txid = Txid(sha256d(&[version, body, lock_time]));
        Ok(Self { txid, stripped_bytes: body.len() + 8, coinbase, outputs })
    }

    /// Its id.
    pub const fn txid(&self) -> Txid {
        self.txid
    }

    /// Bytes without witness: what the id is taken over.
    pub const fn stripped_bytes(&self) -> usize {
        self.stripped_bytes
    }

    /// Whether it can be told from an inner node of a Merkle tree: not of exactly 64 bytes (CVE-2017-12842, BIP 54).
    pub const fn is_ambiguous(&self) -> bool {
        self.stripped_bytes == AMBIGUOUS_BYTES
    }

    /// Whether it is the first of a block: one input, which spends nothing.
    pub const fn is_coinbase(&self) -> bool {
        self.coinbase
    }

    /// Its outputs.
    pub fn outputs(&self) -> &[Output<'a>] {
        &self.outputs
    }
}

/// Number of inputs, and whether it is a coinbase's one.
fn read_inputs(reader: &mut Reader<'_>) -> Result<(u64, bool), TxFault> {
    let count = reader.count(MIN_INPUT)?;
    if count == 0 {
        return Err(TxFault::NoInputs);
    }
    let mut nothing_spent = false;
    for _ in 0..count {
        let spent = reader.take(36)?;
        nothing_spent = spent.split_at_checked(32).is_some_and(|(txid, vout)| txid == [0; 32] && vout == [0xff; 4]);
        let script = reader.size()?;
        reader.take(script)?;
        reader.take(4)?;
    }
    Ok((count, count == 1 && nothing_spent))
}

fn read_outputs<'a>(reader: &mut Reader<'a>) -> Result<Vec<Output<'a>>, TxFault> {
    let count = reader.count(MIN_OUTPUT)?;
    if count == 0 {
        return Err(TxFault::NoOutputs);
    }
    // No more than fit the bytes that are left.
    let mut outputs = Vec::with_capacity(count as usize);
    for vout in 0..count {
        let found = reader.u64()?;
        if found > MAX_MONEY {
            return Err(TxFault::Value { vout: vout as u32, found });
        }
        let script = reader.size()?;
        outputs.push(Output { value: found, script: reader.take(script)? });
    }
    Ok(outputs)
}

fn read_witness(reader: &mut Reader<'_>, inputs: u64) -> Result<(), TxFault> {
    let mut empty = true;
    for _ in 0..inputs {
        let items = reader.count(1)?;
        empty &= items == 0;
        for _ in 0..items {
            let length = reader.size()?;
            reader.take(length)?;
        }
    }
    if empty { Err(TxFault::EmptyWitness) } else { Ok(()) }
}

/// Reads a length as Bitcoin writes them ("compact size"): the value and how many bytes it took.
///
/// # Errors
/// The bytes end, or the form is longer than needed.
pub fn compact_size(bytes: &[u8]) -> Result<(u64, usize), TxFault> {
    let mut reader = Reader { bytes, at: 0 };
    reader.size().map(|size| (size, reader.at))
}

/// Bytes read from front to back.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], TxFault> {
        let rest = self.rest();
        let missing = || TxFault::Ended { at: self.at, needed: length.saturating_sub(rest.len() as u64) };
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(missing)?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], TxFault> {
        let at = self.at;
        self.take(N as u64)?.try_into().map_err(|_| TxFault::Ended { at, needed: N as u64 })
    }

    fn u64(&mut self) -> Result<u64, TxFault> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn size(&mut self) -> Result<u64, TxFault> {
        let at = self.at;
        let [first] = self.array()?;
        let (value, least) = match first {
            0xfd => (u64::from(u16::from_le_bytes(self.array()?)), 0xfd),
            0xfe => (u64::from(u32::from_le_bytes(self.array()?)), 0x1_0000),
            0xff => (u64::from_le_bytes(self.array()?), 0x1_0000_0000),
            short => return Ok(short.into()),
        };
        if value >= least { Ok(value) } else { Err(TxFault::LongSize { at, value }) }
    }

    /// A number of items of at least `least` bytes each: no more than the bytes that are left can hold.
    pub(crate) fn count(&mut self, least: usize) -> Result<u64, TxFault> {
        let count = self.size()?;
        let needed = count.saturating_mul(least as u64);
        let left = self.rest().len() as u64;
        if needed <= left { Ok(count) } else { Err(TxFault::Ended { at: self.at, needed: needed - left }) }
    }
}
