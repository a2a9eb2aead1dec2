//! What a client holds to be true: the newest header that it accepted, and who seals.

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_mpt::rlp::{self, RlpError};
use thiserror::Error;

use crate::{Header, Params, Refusal, Sealer, SealerSet, set::MAX_SEALERS};

/// Version of the encoding of a trusted state.
const VERSION: u64 = 1;

/// A trusted state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    pub(crate) height: u64,
    pub(crate) time_ms: u64,
    pub(crate) block_hash: B256,
    pub(crate) sealers: SealerSet,
    pub(crate) frozen: Option<Freeze>,
}

/// What a client remembers of the evidence that froze it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Freeze height: nothing above it is believed any more.
    pub at: u64,
    /// Unix seconds of the freeze.
    pub since: u64,
    /// Hash of the block at `at`, where the evidence shows that both chains share it.
    pub anchor: Option<B256>,
}

/// Bytes that are no trusted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateFault {
    /// Not of the format.
    #[error("trusted state: {0}")]
    Rlp(#[from] RlpError),
    /// Written by another version.
    #[error("trusted state: expected version {VERSION}, found {0}")]
    Version(u64),
    /// No set of sealers.
    #[error("trusted state: {0}")]
    Set(Refusal),
}

impl TrustedState {
    /// Starts a client at a header that the configuration pins by its hash. The header may come from any node; its hash
    /// covers the sealers.
    ///
    /// # Errors
    /// [`Refusal::ChainMismatch`] if it is another header, [`Refusal::Expired`] if it is older than the trusting period,
    /// [`Refusal::HeaderFromFuture`], or it lists no set.
    pub fn begin(params: &Params, pinned: &B256, header: &[u8], now: u64) -> Result<Self, Refusal> {
        let header = Header::read(params.version, params.suite, header)?;
        if header.block_hash != *pinned {
            return Err(Refusal::ChainMismatch { expected: *pinned, found: header.block_hash });
        }
        let begun = Self::new(header.number, header.time_ms, header.block_hash, header.sealers);
        let expired_at = begun.expires_at(params);
        if expired_at <= now {
            return Err(Refusal::Expired { expired_at, now });
        }
        let latest = now.saturating_add(params.drift);
        if begun.time() > latest {
            return Err(Refusal::HeaderFromFuture { latest, found: begun.time() });
        }
        Ok(begun)
    }

    /// A state from its parts; the time in Unix milliseconds. Who calls this vouches for them.
    pub const fn new(height: u64, time_ms: u64, block_hash: B256, sealers: SealerSet) -> Self {
        Self { height, time_ms, block_hash, sealers, frozen: None }
    }

    /// Height of the newest header accepted.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Its time, Unix seconds.
    pub const fn time(&self) -> u64 {
        self.time_ms / 1000
    }

    /// Its hash.
    pub const fn block_hash(&self) -> B256 {
        self.block_hash
    }

    /// The set in force.
    pub const fn sealers(&self) -> &SealerSet {
        &self.sealers
    }

    /// The freeze, if the client is frozen.
    pub const fn frozen(&self) -> Option<Freeze> {
        self.frozen
    }

    /// Unix seconds from which this state no longer vouches for others.
    pub const fn expires_at(&self, params: &Params) -> u64 {
        self.time().saturating_add(params.trusting_period)
    }

    /// The same state, frozen. Freezing deletes nothing; a second freeze changes nothing.
    #[must_use]
    pub fn freeze(mut self, freeze: Freeze) -> Self {
        self.frozen.get_or_insert(freeze);
        self
    }

    /// Writes the state: `RLP[version, height, time ms, hash, [key, weight, …], [at, since, anchor]]`, the last list
    /// empty if not frozen, the anchor empty if none.
    pub fn encode(&self) -> Vec<u8> {
        let (mut out, mut sealers, mut freeze) = (Vec::new(), Vec::new(), Vec::new());
        for number in [VERSION, self.height, self.time_ms] {
            rlp::put_u64(&mut out, number);
        }
        rlp::put_bytes(&mut out, self.block_hash.as_slice());
        for sealer in self.sealers.sealers() {
            rlp::put_bytes(&mut sealers, &sealer.key);
            rlp::put_u64(&mut sealers, sealer.weight);
        }
        if let Some(frozen) = &self.frozen {
            rlp::put_u64(&mut freeze, frozen.at);
            rlp::put_u64(&mut freeze, frozen.since);
            rlp::put_bytes(&mut freeze, frozen.anchor.as_ref().map_or(&[], |anchor| anchor.as_slice()));
        }
        out.extend(rlp::list(&sealers));
        out.extend(rlp::list(&freeze));
        rlp::list(&out)
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// The bytes are not exactly what [`TrustedState::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateFault> {
        let mut fields = rlp::exact(bytes)?.items()?;
        match fields.item()?.u64()? {
            VERSION => {}
            found => return Err(StateFault::Version(found)),
        }
        let (height, time_ms) = (fields.item()?.u64()?, fields.item()?.u64()?);
        let block_hash = fields.item()?.hash()?;
        let (mut list, mut freeze) = (fields.item()?.items()?, fields.item()?.items()?);
        fields.end()?;
        let mut sealers = Vec::new();
        while !list.is_empty() {
            if sealers.len() == MAX_SEALERS {
                let found = MAX_SEALERS + 1;
                return Err(StateFault::Set(Refusal::TooLarge { what: "sealers", limit: MAX_SEALERS, found }));
            }
            sealers.push(Sealer { key: *list.item()?.array()?, weight: list.item()?.u64()? });
        }
        let sealers = SealerSet::new(sealers).map_err(StateFault::Set)?;
        let frozen = if freeze.is_empty() {
            None
        } else {
            let (at, since, anchor) = (freeze.item()?.u64()?, freeze.item()?.u64()?, freeze.item()?);
            freeze.end()?;
            let anchor = if anchor.bytes()?.is_empty() { None } else { Some(anchor.hash()?) };
            Some(Freeze { at, since, anchor })
        };
        Ok(Self { height, time_ms, block_hash, sealers, frozen })
    }
}
