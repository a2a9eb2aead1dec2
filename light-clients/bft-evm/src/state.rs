//! What a client holds to be true: the newest header that it accepted, and who may sign the next.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256};
use thiserror::Error;

use crate::{Params, Refusal, SealedHeader, ValidatorSet, ValidatorSource, proof::contract_set};

/// Version of the encoding of a trusted state.
const VERSION: u8 = 1;

/// Bytes before the validators: version, height, time, block hash, state root, freeze (flag, height, time, anchor),
/// count.
const FIXED_BYTES: usize = 1 + 8 + 8 + 32 + 32 + (1 + 8 + 8 + 32) + 2;

/// A trusted state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    height: u64,
    time: u64,
    block_hash: B256,
    state_root: B256,
    validators: ValidatorSet,
    frozen: Option<Freeze>,
}

/// What a client remembers of the evidence that froze it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Freeze height: nothing above it is believed any more.
    pub at: u64,
    /// Unix seconds of the freeze.
    pub since: u64,
    /// Hash of the block at `at`, which may be read after the delay: the last one common to both chains where the evidence
    /// shows it, else the newest that was accepted.
    pub anchor: Option<B256>,
}

/// Bytes that are no trusted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateFault {
    /// Written by another version.
    #[error("trusted state: expected version {VERSION}, found {0}")]
    Version(u8),
    /// Not of the length that the count of validators gives.
    #[error("trusted state: expected {expected} bytes, found {found}")]
    Length {
        /// Bytes expected.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The frozen flag is none of 0, 1, 2, or something stands beside it that it does not announce.
    #[error("trusted state: malformed frozen flag")]
    Flag,
    /// No validator set.
    #[error("trusted state: {0}")]
    Set(Refusal),
}

impl TrustedState {
    /// Starts a client at a header that the configuration pins by its hash. The header may come from any node.
    ///
    /// In validator-contract mode `set_proof` must prove the contract's validators under the header's state root (the
    /// bytes of [`crate::encode_next_set`]); in the others it must be absent.
    ///
    /// # Errors
    /// [`Refusal::ChainMismatch`] if it is another header, [`Refusal::Expired`] if it is older than the trusting
    /// period (a long-dead key could have signed what follows it), [`Refusal::HeaderFromFuture`], or it names no set.
    pub fn begin(
        params: &Params,
        pinned: &B256,
        header: &[u8],
        set_proof: Option<&[u8]>,
        now: u64,
    ) -> Result<Self, Refusal> {
        let header = SealedHeader::read(params.mode, header)?;
        let found = header.block_hash();
        if found != *pinned {
            return Err(Refusal::ChainMismatch { expected: *pinned, found });
        }
        let expired_at = header.time().saturating_add(params.trusting_period);
        if expired_at <= now {
            return Err(Refusal::Expired { expired_at, now });
        }
        let latest = now.saturating_add(params.drift);
        if header.time() > latest {
            return Err(Refusal::HeaderFromFuture { latest, found: header.time() });
        }
        let listed = header.extra().validators();
        let validators = match (params.validators, set_proof) {
            (ValidatorSource::Header, None) => {
                crate::set::check_size(listed.len())?;
                ValidatorSet::new(listed.collect())?
            }
            (ValidatorSource::Header, Some(_)) => return Err(crate::UpdateFault::Flags(2).into()),
            (ValidatorSource::Contract { .. }, _) if listed.len() > 0 => {
                return Err(crate::HeaderFault::ListedValidators(listed.len()).into());
            }
            (ValidatorSource::Contract { .. }, None) => return Err(Refusal::EmptySet),
            (ValidatorSource::Contract { address, slot }, Some(proof)) => {
                contract_set(&header.state_root(), address, slot, proof).map_err(Refusal::NextSet)?
            }
        };
        Ok(Self::new(header.height(), header.time(), found, header.state_root(), validators))
    }

    /// A state from its parts. Who calls this vouches for them: use [`TrustedState::begin`] to start from a pin.
    pub const fn new(height: u64, time: u64, block_hash: B256, state_root: B256, validators: ValidatorSet) -> Self {
        Self { height, time, block_hash, state_root, validators, frozen: None }
    }

    /// Height of the newest header accepted.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Its time, Unix seconds.
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// Its block hash.
    pub const fn block_hash(&self) -> B256 {
        self.block_hash
    }

    /// The root of the state after it.
    pub const fn state_root(&self) -> B256 {
        self.state_root
    }

    /// The set in force.
    pub const fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// The freeze, if the client is frozen.
    pub const fn frozen(&self) -> Option<Freeze> {
        self.frozen
    }

    /// Unix seconds from which this state no longer vouches for others.
    pub const fn expires_at(&self, params: &Params) -> u64 {
        self.time.saturating_add(params.trusting_period)
    }

    /// The same state, frozen. Freezing deletes nothing; a second freeze changes nothing.
    #[must_use]
    pub fn freeze(mut self, freeze: Freeze) -> Self {
        self.frozen.get_or_insert(freeze);
        self
    }

    /// Writes the state:
    /// `u8 version | u64 height | u64 time | block hash | state root | u8 frozen | u64 frozenAt | u64 frozenSince |
    /// anchor | u16 n | n × 20`, big-endian; `frozen` is 0, 1, or 2 with an anchor, and what is not there is zero.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_BYTES + 20 * self.validators.len());
        out.push(VERSION);
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(self.block_hash.as_slice());
        out.extend_from_slice(self.state_root.as_slice());
        let none = Freeze { at: 0, since: 0, anchor: None };
        let freeze = self.frozen.unwrap_or(none);
        out.push(u8::from(self.frozen.is_some()) + u8::from(freeze.anchor.is_some()));
        out.extend_from_slice(&freeze.at.to_be_bytes());
        out.extend_from_slice(&freeze.since.to_be_bytes());
        out.extend_from_slice(freeze.anchor.unwrap_or_default().as_slice());
        // At most 256 validators.
        out.extend_from_slice(&(self.validators.len() as u16).to_be_bytes());
        for validator in self.validators.as_slice() {
            out.extend_from_slice(validator.as_slice());
        }
        out
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// The bytes are not exactly what [`TrustedState::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateFault> {
        let short = StateFault::Length { expected: FIXED_BYTES, found: bytes.len() };
        let (fixed, listed) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or(short)?;
        let mut fixed = fixed.as_slice();
        let [version] = take(&mut fixed).ok_or(short)?;
        if version != VERSION {
            return Err(StateFault::Version(version));
        }
        let height = u64::from_be_bytes(take(&mut fixed).ok_or(short)?);
        let time = u64::from_be_bytes(take(&mut fixed).ok_or(short)?);
        let block_hash = B256::new(take(&mut fixed).ok_or(short)?);
        let state_root = B256::new(take(&mut fixed).ok_or(short)?);
        let [flag] = take(&mut fixed).ok_or(short)?;
        let at = u64::from_be_bytes(take(&mut fixed).ok_or(short)?);
        let since = u64::from_be_bytes(take(&mut fixed).ok_or(short)?);
        let anchor = B256::new(take(&mut fixed).ok_or(short)?);
        let frozen = match (flag, at, since) {
            (0, 0, 0) if anchor.is_zero() => None,
            (1, ..) if anchor.is_zero() => Some(Freeze { at, since, anchor: None }),
            (2, ..) => Some(Freeze { at, since, anchor: Some(anchor) }),
            _ => return Err(StateFault::Flag),
        };
        let count = usize::from(u16::from_be_bytes(take(&mut fixed).ok_or(short)?));
        if listed.len() != 20 * count {
            return Err(StateFault::Length { expected: FIXED_BYTES + 20 * count, found: bytes.len() });
        }
        let validators = listed.chunks_exact(20).map(Address::from_slice).collect();
        let validators = ValidatorSet::new(validators).map_err(StateFault::Set)?;
        Ok(Self { height, time, block_hash, state_root, validators, frozen })
    }
}

/// The next `N` bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
