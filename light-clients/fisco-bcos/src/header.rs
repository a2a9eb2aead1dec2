//! A block's header and its hash.
//!
//! * **Version 2**: RLP of thirteen fields, hashed whole (FISCO-BCOS 2.9 `libethcore/BlockHeader.cpp`).
//! * **Version 3**: `version ‖ (parent number ‖ parent hash)* ‖ transactions root ‖ receipts root ‖ state root ‖ number ‖ gas
//!   used, decimal ‖ time ‖ sealer ‖ keys ‖ extra data ‖ weights`, numbers big-endian (FISCO-BCOS 3
//!   `bcos-tars-protocol/impl/TarsHashable.h`).
//!
//! The fields of version 3 are hashed without their lengths, so one hash could be read in several ways: with extra data,
//! the last sealers of a list could be passed off as extra data, and what is left of the list would be a smaller set. Here
//! the reading is the only one: exactly one parent, no extra data (no block but genesis has any), gas used as a canonical
//! decimal, and a time below 2⁵⁶ ms, whose first byte is no digit.

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_mpt::rlp::{self, Item, Reader, RlpError};

use crate::{HeaderFault, Refusal, Sealer, SealerSet, Suite, Version, set::MAX_SEALERS};

/// Bytes of one update: 512 sealers with keys and signatures are 100 kB.
pub const MAX_UPDATE_BYTES: usize = 512 * 1024;

/// Bytes of one header: keys of 512 sealers, and in version 2 extra data.
pub const MAX_HEADER_BYTES: usize = 256 * 1024;

/// A header, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Block number.
    pub number: u64,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// Its hash.
    pub block_hash: B256,
    /// Its parent's hash.
    pub parent_hash: B256,
    /// What version 2 and 3 call state root. Nothing can be proven under it.
    pub state_root: B256,
    /// Root of the transactions.
    pub transactions_root: B256,
    /// Root of the receipts.
    pub receipts_root: B256,
    /// Who seals this block.
    pub sealers: SealerSet,
}

/// The fields of a header of version 3. Written as RLP in this order; hashed as the chain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldsV3<'a> {
    /// Version of the protocol.
    pub version: u32,
    /// Number and hash of the parent.
    pub parent: (u64, B256),
    /// Root of the transactions.
    pub transactions_root: B256,
    /// Root of the receipts.
    pub receipts_root: B256,
    /// State root.
    pub state_root: B256,
    /// Block number.
    pub number: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// Place of the block's sealer.
    pub sealer: u64,
    /// Keys of 64 bytes.
    pub keys: &'a [[u8; 64]],
    /// Weights.
    pub weights: &'a [u64],
}

/// Decimal digits of a number, most significant first.
pub(crate) fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        // Below ten.
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

impl FieldsV3<'_> {
    /// The block's hash.
    pub fn hash(&self, suite: Suite) -> B256 {
        let mut out = Vec::with_capacity(256 + 72 * self.keys.len());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.parent.0.to_be_bytes());
        out.extend_from_slice(self.parent.1.as_slice());
        for root in [&self.transactions_root, &self.receipts_root, &self.state_root] {
            out.extend_from_slice(root.as_slice());
        }
        out.extend_from_slice(&self.number.to_be_bytes());
        decimal(self.gas_used, &mut out);
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        out.extend_from_slice(&self.sealer.to_be_bytes());
        self.keys.iter().for_each(|key| out.extend_from_slice(key));
        self.weights.iter().for_each(|weight| out.extend_from_slice(&weight.to_be_bytes()));
        suite.hash(&out)
    }

    /// RLP of the fields.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        rlp::put_u64(&mut out, self.version.into());
        rlp::put_u64(&mut out, self.parent.0);
        rlp::put_bytes(&mut out, self.parent.1.as_slice());
        for root in [&self.transactions_root, &self.receipts_root, &self.state_root] {
            rlp::put_bytes(&mut out, root.as_slice());
        }
        for number in [self.number, self.gas_used, self.time_ms, self.sealer] {
            rlp::put_u64(&mut out, number);
        }
        let (mut keys, mut weights) = (Vec::new(), Vec::new());
        self.keys.iter().for_each(|key| rlp::put_bytes(&mut keys, key));
        self.weights.iter().for_each(|weight| rlp::put_u64(&mut weights, *weight));
        out.extend(rlp::list(&keys));
        out.extend(rlp::list(&weights));
        rlp::list(&out)
    }
}

impl Header {
    /// Reads a header: the chain's own RLP in version 2, [`FieldsV3::encode`] in version 3.
    ///
    /// # Errors
    /// The bytes are none, or the header breaks a rule.
    pub fn read(version: Version, suite: Suite, bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(Refusal::TooLarge { what: "header", limit: MAX_HEADER_BYTES, found: bytes.len() });
        }
        let item = rlp::exact(bytes).map_err(HeaderFault::Rlp)?;
        let fields = item.items().map_err(HeaderFault::Rlp)?;
        match version {
            Version::V2 => read_v2(suite, bytes, fields),
            Version::V3 => read_v3(suite, fields),
        }
    }
}

fn read_v2(suite: Suite, bytes: &[u8], mut fields: Reader<'_>) -> Result<Header, Refusal> {
    let mut next = || fields.item().map_err(HeaderFault::Rlp);
    let hash = |item: Item<'_>| item.hash().map_err(HeaderFault::Rlp);
    let parent_hash = hash(next()?)?;
    let state_root = hash(next()?)?;
    let transactions_root = hash(next()?)?;
    let receipts_root = hash(next()?)?;
    // Root of the database, equal to the state root; then the bloom filter.
    hash(next()?)?;
    next()?.array::<256>().map_err(HeaderFault::Rlp)?;
    let number = next()?.u64().map_err(HeaderFault::Rlp)?;
    // Gas limit, gas used.
    for _ in 0..2 {
        next()?.u256().map_err(HeaderFault::Rlp)?;
    }
    let time_ms = next()?.u64().map_err(HeaderFault::Rlp)?;
    let mut extra = next()?.items().map_err(HeaderFault::Rlp)?;
    while !extra.is_empty() {
        extra.item().and_then(|item| item.bytes().map(|_| ())).map_err(HeaderFault::Rlp)?;
    }
    let sealer = next()?.u64().map_err(HeaderFault::Rlp)?;
    let keys = keys(next()?)?;
    fields.end().map_err(HeaderFault::Rlp)?;
    let sealers = sealers(sealer, keys.into_iter().map(|key| Sealer { key, weight: 1 }).collect())?;
    let block_hash = suite.hash(bytes);
    Ok(Header { number, time_ms, block_hash, parent_hash, state_root, transactions_root, receipts_root, sealers })
}

fn read_v3(suite: Suite, mut fields: Reader<'_>) -> Result<Header, Refusal> {
    let mut next = || fields.item().map_err(HeaderFault::Rlp);
    let number = |item: Item<'_>| item.u64().map_err(HeaderFault::Rlp);
    let hash = |item: Item<'_>| item.hash().map_err(HeaderFault::Rlp);
    let version = u32::try_from(number(next()?)?).map_err(|_| HeaderFault::Number)?;
    let parent = (number(next()?)?, hash(next()?)?);
    let (transactions_root, receipts_root, state_root) = (hash(next()?)?, hash(next()?)?, hash(next()?)?);
    let (height, gas_used, time_ms, sealer) = (number(next()?)?, number(next()?)?, number(next()?)?, number(next()?)?);
    let keys = keys(next()?)?;
    let weights = weights(next()?)?;
    fields.end().map_err(HeaderFault::Rlp)?;
    if keys.len() != weights.len() {
        return Err(HeaderFault::Weights { sealers: keys.len(), weights: weights.len() }.into());
    }
    // The first byte of the time ends the digits of the gas: it must be none. And a parent is the block below.
    if time_ms >> 56 != 0 || parent.0.checked_add(1) != Some(height) {
        return Err(HeaderFault::Number.into());
    }
    let (keys, weights) = (keys.as_slice(), weights.as_slice());
    let fields = FieldsV3 {
        version,
        parent,
        transactions_root,
        receipts_root,
        state_root,
        number: height,
        gas_used,
        time_ms,
        sealer,
        keys,
        weights,
    };
    let block_hash = fields.hash(suite);
    let listed = keys.iter().zip(weights).map(|(key, weight)| Sealer { key: *key, weight: *weight }).collect();
    let sealers = sealers(sealer, listed)?;
    let (number, parent_hash) = (height, parent.1);
    Ok(Header { number, time_ms, block_hash, parent_hash, state_root, transactions_root, receipts_root, sealers })
}

fn sealers(sealer: u64, listed: Vec<Sealer>) -> Result<SealerSet, Refusal> {
    let set = SealerSet::new(listed)?;
    let of = set.sealers().len();
    if sealer < of as u64 { Ok(set) } else { Err(HeaderFault::Sealer { index: sealer, of }.into()) }
}

fn keys(item: Item<'_>) -> Result<Vec<[u8; 64]>, Refusal> {
    let mut items = item.items().map_err(HeaderFault::Rlp)?;
    let mut keys = Vec::new();
    while !items.is_empty() {
        bounded(keys.len())?;
        keys.push(*items.item().and_then(|item| item.array()).map_err(HeaderFault::Rlp)?);
    }
    Ok(keys)
}

fn weights(item: Item<'_>) -> Result<Vec<u64>, Refusal> {
    let mut items = item.items().map_err(HeaderFault::Rlp)?;
    let mut weights = Vec::new();
    while !items.is_empty() {
        bounded(weights.len())?;
        weights.push(items.item().and_then(|item| item.u64()).map_err(HeaderFault::Rlp)?);
    }
    Ok(weights)
}

/// Room for one more.
fn bounded(found: usize) -> Result<(), Refusal> {
    if found < MAX_SEALERS {
        return Ok(());
    }
    Err(Refusal::TooLarge { what: "sealers", limit: MAX_SEALERS, found: MAX_SEALERS + 1 })
}

/// A header and who signed it: `RLP[header, [[place, signature]…]]`, places strictly rising.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// RLP of the header.
    pub header: &'a [u8],
    /// Places and signatures.
    pub signatures: Vec<(u64, &'a [u8])>,
}

impl<'a> Update<'a> {
    /// Reads exactly an update.
    ///
    /// # Errors
    /// The bytes are none, or beyond a bound.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_UPDATE_BYTES {
            return Err(Refusal::TooLarge { what: "update", limit: MAX_UPDATE_BYTES, found: bytes.len() });
        }
        let mut parts = rlp::exact(bytes)?.items()?;
        let header = parts.item()?;
        if !header.is_list() {
            return Err(RlpError::Kind.into());
        }
        let mut list = parts.item()?.items()?;
        parts.end()?;
        let mut signatures = Vec::new();
        while !list.is_empty() {
            bounded(signatures.len())?;
            let mut pair = list.item()?.items()?;
            signatures.push((pair.item()?.u64()?, pair.item()?.bytes()?));
            pair.end()?;
        }
        Ok(Self { header: header.raw(), signatures })
    }

    /// Writes the update.
    pub fn encode(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for (place, signature) in &self.signatures {
            let mut pair = Vec::new();
            rlp::put_u64(&mut pair, *place);
            rlp::put_bytes(&mut pair, signature);
            list.extend(rlp::list(&pair));
        }
        let mut out = self.header.to_vec();
        out.extend(rlp::list(&list));
        rlp::list(&out)
    }
}
