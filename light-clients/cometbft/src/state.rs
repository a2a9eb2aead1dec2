//! What a client holds to be true: the newest header that it accepted, and who may sign the next.

use alloc::vec::Vec;

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    Params, Refusal,
    header::{Header, MAX_APP_HASH_BYTES},
    time::Time,
    verify::{Accepted, of_this_chain},
};

/// Version of the encoding of a trusted state.
const VERSION: u8 = 1;

/// Bytes beside the application hash: version, height, time, block hash, next validators, freeze (flag, height, time,
/// anchor), length.
const FIXED_BYTES: usize = 1 + 8 + 12 + 32 + 32 + (1 + 8 + 12 + 32) + 1;

/// A trusted state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    height: u64,
    time: Time,
    block_hash: B256,
    app_hash: Vec<u8>,
    next_validators_hash: B256,
    frozen: Option<Freeze>,
}

/// What a client remembers of the evidence that froze it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Freeze height: nothing above it is believed any more.
    pub at: u64,
    /// When it was frozen.
    pub since: Time,
    /// Hash of the block at `at`, where the evidence shows that both chains share it.
    pub anchor: Option<B256>,
}

/// Bytes that are no trusted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateFault {
    /// Written by another version.
    #[error("trusted state: expected version {VERSION}, found {0}")]
    Version(u8),
    /// Not of the length that the application hash gives.
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
    /// A moment outside of the years 1 to 9999.
    #[error("trusted state: malformed time")]
    Time,
}

impl TrustedState {
    /// Starts a client at a header that the configuration pins by its hash. The header (`tendermint.types.Header`) may
    /// come from any node; its hash names everything that is trusted from here on, the next validators included.
    ///
    /// # Errors
    /// [`Refusal::PinMismatch`] if it is another header, [`Refusal::ChainMismatch`] or [`Refusal::BlockProtocol`] if it is
    /// of another chain, [`Refusal::Expired`] if it is older than the trusting period (a long-gone key could have signed
    /// what follows it), [`Refusal::HeaderFromFuture`].
    pub fn begin(params: &Params, pinned: &B256, header: &[u8], now: Time) -> Result<Self, Refusal> {
        let header = Header::decode(header)?;
        let found = header.hash(params.encoding);
        if found != *pinned {
            return Err(Refusal::PinMismatch { expected: *pinned, found });
        }
        of_this_chain(params, &header)?;
        let expired_at = header.time.saturating_add(params.trusting_period);
        if expired_at <= now {
            return Err(Refusal::Expired { expired_at, now });
        }
        let limit = now.saturating_add(params.drift);
        if header.time >= limit {
            return Err(Refusal::HeaderFromFuture { limit, found: header.time });
        }
        let next = header.next_validators_hash.unwrap_or_default();
        Ok(Self::new(header.height, header.time, found, header.app_hash.to_vec(), next))
    }

    /// A state from its parts. Who calls this vouches for them: use [`TrustedState::begin`] to start from a pin.
    pub const fn new(height: u64, time: Time, block_hash: B256, app_hash: Vec<u8>, next_validators_hash: B256) -> Self {
        Self { height, time, block_hash, app_hash, next_validators_hash, frozen: None }
    }

    pub(crate) fn of(header: &Accepted) -> Self {
        let app_hash = header.app_hash.clone();
        Self::new(header.height, header.time, header.block_hash, app_hash, header.next_validators_hash)
    }

    /// Height of the newest header accepted.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Its time.
    pub const fn time(&self) -> Time {
        self.time
    }

    /// Its hash.
    pub const fn block_hash(&self) -> B256 {
        self.block_hash
    }

    /// The application's state that it names: that after the block before it.
    pub fn app_hash(&self) -> &[u8] {
        &self.app_hash
    }

    /// Hash of the validators of the next block.
    pub const fn next_validators_hash(&self) -> B256 {
        self.next_validators_hash
    }

    /// The freeze, if evidence of misbehaviour was seen.
    pub const fn frozen(&self) -> Option<&Freeze> {
        self.frozen.as_ref()
    }

    /// From when the state vouches for nothing any more.
    pub const fn expires_at(&self, params: &Params) -> Time {
        self.time.saturating_add(params.trusting_period)
    }

    /// Freezes the client. The first freeze stays.
    pub fn freeze(&mut self, freeze: Freeze) {
        self.frozen.get_or_insert(freeze);
    }

    /// The state as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_BYTES + self.app_hash.len());
        out.push(VERSION);
        out.extend_from_slice(&self.height.to_be_bytes());
        put_time(self.time, &mut out);
        out.extend_from_slice(self.block_hash.as_slice());
        out.extend_from_slice(self.next_validators_hash.as_slice());
        let (flag, freeze) = match self.frozen {
            None => (0, Freeze { at: 0, since: Time::EPOCH, anchor: None }),
            Some(freeze) => (1 + u8::from(freeze.anchor.is_some()), freeze),
        };
        out.push(flag);
        out.extend_from_slice(&freeze.at.to_be_bytes());
        put_time(freeze.since, &mut out);
        out.extend_from_slice(freeze.anchor.unwrap_or_default().as_slice());
        // Read and built with at most MAX_APP_HASH_BYTES.
        let app_hash = self.app_hash.get(..MAX_APP_HASH_BYTES).unwrap_or(&self.app_hash);
        out.push(app_hash.len() as u8);
        out.extend_from_slice(app_hash);
        out
    }

    /// Reads what [`TrustedState::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are no such state.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateFault> {
        let short = StateFault::Length { expected: FIXED_BYTES, found: bytes.len() };
        let (fixed, app_hash) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or(short)?;
        let mut rest = fixed.as_slice();
        let [version] = take(&mut rest).ok_or(short)?;
        if version != VERSION {
            return Err(StateFault::Version(version));
        }
        let height = u64::from_be_bytes(take(&mut rest).ok_or(short)?);
        let time = take_time(&mut rest)?;
        let block_hash = B256::new(take(&mut rest).ok_or(short)?);
        let next = B256::new(take(&mut rest).ok_or(short)?);
        let [flag] = take(&mut rest).ok_or(short)?;
        let at = u64::from_be_bytes(take(&mut rest).ok_or(short)?);
        let since = take_time(&mut rest)?;
        let anchor = B256::new(take(&mut rest).ok_or(short)?);
        let frozen = match flag {
            0 if at == 0 && since == Time::EPOCH && anchor.is_zero() => None,
            1 if anchor.is_zero() => Some(Freeze { at, since, anchor: None }),
            2 => Some(Freeze { at, since, anchor: Some(anchor) }),
            _ => return Err(StateFault::Flag),
        };
        let [length] = take(&mut rest).ok_or(short)?;
        if usize::from(length) != app_hash.len() || app_hash.len() > MAX_APP_HASH_BYTES {
            let expected = FIXED_BYTES + usize::from(length).min(MAX_APP_HASH_BYTES);
            return Err(StateFault::Length { expected, found: bytes.len() });
        }
        let mut state = Self::new(height, time, block_hash, app_hash.to_vec(), next);
        state.frozen = frozen;
        Ok(state)
    }
}

fn put_time(time: Time, out: &mut Vec<u8>) {
    out.extend_from_slice(&time.seconds().to_be_bytes());
    out.extend_from_slice(&time.nanos().to_be_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_time(rest: &mut &[u8]) -> Result<Time, StateFault> {
    let (seconds, nanos) = (take(rest), take(rest));
    let (Some(seconds), Some(nanos)) = (seconds, nanos) else { return Err(StateFault::Time) };
    Time::new(i64::from_be_bytes(seconds), u32::from_be_bytes(nanos)).ok_or(StateFault::Time)
}
