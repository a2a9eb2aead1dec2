//! What a client holds to be true: the newest block that it accepted, and who may finalise the next.

use alloc::vec::Vec;

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    AuthoritySet, AuthoritySource, BeefySet, Header, HeaderFormat, Params, Refusal, ScaleFault, SetFault, proof,
    scale::Reader,
};

/// Version of the encoding of a trusted state.
const VERSION: u8 = 1;

/// A trusted state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    pub(crate) height: u64,
    pub(crate) time_ms: u64,
    pub(crate) block_hash: B256,
    pub(crate) state_root: B256,
    pub(crate) finality: Finality,
    pub(crate) frozen: Option<Freeze>,
}

/// Who may finalise the next block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finality {
    /// By GRANDPA.
    Grandpa {
        /// The authorities in force.
        set: AuthoritySet,
        /// Authorities announced, who take over after a block to come.
        pending: Option<Pending>,
    },
    /// By BEEFY.
    Beefy {
        /// The validators of this session.
        current: BeefySet,
        /// Those of the next.
        next: BeefySet,
    },
}

/// Authorities that take over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The last block that the set in force finalises.
    pub after: u32,
    /// Who finalises from then on.
    pub set: AuthoritySet,
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
    Scale(#[from] ScaleFault),
    /// No set of authorities.
    #[error("trusted state: {0}")]
    Set(#[from] SetFault),
}

impl TrustedState {
    /// Starts a client of GRANDPA at a block that the configuration pins by its hash. The header may come from any node;
    /// `state` proves, under its state root, the block's time and the authorities after it.
    ///
    /// # Errors
    /// [`Refusal::ChainMismatch`] if it is another header, [`Refusal::Expired`] if it is older than the trusting period
    /// (long-dead keys could have signed what follows it), [`Refusal::HeaderFromFuture`], or the state shows no set.
    pub fn begin_grandpa(
        params: &Params,
        pinned: &B256,
        header: &[u8],
        state: &[&[u8]],
        now: u64,
    ) -> Result<Self, Refusal> {
        let header = pinned_header(params.header, pinned, header)?;
        let source = match params.authorities {
            AuthoritySource::WellKnownKey => AuthoritySource::WellKnownKey,
            AuthoritySource::Digest | AuthoritySource::Pallet => AuthoritySource::Pallet,
        };
        let read = proof::block_state(&header.state_root(), state, Some(source))?;
        let set = read.set.ok_or(Refusal::NoSuchState { what: "authorities" })?;
        Self::begin(params, &header, read.time_ms, Finality::Grandpa { set, pending: None }, now)
    }

    /// Starts a client of BEEFY likewise; `state` proves the time and the sets in the pallet whose hashed name is given
    /// ([`proof::BEEFY_MMR_LEAF`] on most chains).
    ///
    /// # Errors
    /// As [`TrustedState::begin_grandpa`].
    pub fn begin_beefy(
        params: &Params,
        pinned: &B256,
        header: &[u8],
        (pallet, state): (&[u8; 16], &[&[u8]]),
        now: u64,
    ) -> Result<Self, Refusal> {
        let header = pinned_header(params.header, pinned, header)?;
        let (time_ms, current, next) = proof::beefy_sets(&header.state_root(), pallet, state)?;
        if current.id.checked_add(1) != Some(next.id) {
            return Err(Refusal::NextSetMismatch { in_force: current.id, found: next.id });
        }
        Self::begin(params, &header, time_ms, Finality::Beefy { current, next }, now)
    }

    fn begin(
        params: &Params,
        header: &Header<'_>,
        time_ms: u64,
        finality: Finality,
        now: u64,
    ) -> Result<Self, Refusal> {
        let begun = Self::new(header.number().into(), time_ms, header.hash(), header.state_root(), finality);
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
    pub const fn new(height: u64, time_ms: u64, block_hash: B256, state_root: B256, finality: Finality) -> Self {
        Self { height, time_ms, block_hash, state_root, finality, frozen: None }
    }

    /// Height of the newest block accepted.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Its time, Unix seconds.
    pub const fn time(&self) -> u64 {
        self.time_ms / 1000
    }

    /// Its time, Unix milliseconds.
    pub const fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Its hash.
    pub const fn block_hash(&self) -> B256 {
        self.block_hash
    }

    /// The root of the state after it.
    pub const fn state_root(&self) -> B256 {
        self.state_root
    }

    /// Who may finalise the next block.
    pub const fn finality(&self) -> &Finality {
        &self.finality
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

    /// Writes the state: `version ‖ u64 height ‖ u64 time ms ‖ hash ‖ state root ‖ freeze ‖ finality`, little-endian;
    /// freeze is `0`, `1 ‖ at ‖ since` or `2 ‖ at ‖ since ‖ anchor`; finality `0 ‖ set`, `1 ‖ set ‖ u32 after ‖ set` or
    /// `2 ‖ current ‖ next`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(VERSION);
        out.extend_from_slice(&self.height.to_le_bytes());
        out.extend_from_slice(&self.time_ms.to_le_bytes());
        out.extend_from_slice(self.block_hash.as_slice());
        out.extend_from_slice(self.state_root.as_slice());
        match &self.frozen {
            None => out.push(0),
            Some(freeze) => {
                out.push(1 + u8::from(freeze.anchor.is_some()));
                out.extend_from_slice(&freeze.at.to_le_bytes());
                out.extend_from_slice(&freeze.since.to_le_bytes());
                out.extend_from_slice(freeze.anchor.as_ref().map_or(&[], |anchor| anchor.as_slice()));
            }
        }
        match &self.finality {
            Finality::Grandpa { set, pending } => {
                out.push(u8::from(pending.is_some()));
                set.write(&mut out);
                if let Some(pending) = pending {
                    out.extend_from_slice(&pending.after.to_le_bytes());
                    pending.set.write(&mut out);
                }
            }
            Finality::Beefy { current, next } => {
                out.push(2);
                current.write(&mut out);
                next.write(&mut out);
            }
        }
        out
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// The bytes are not what [`TrustedState::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateFault> {
        let mut reader = Reader::new(bytes);
        match reader.byte("version")? {
            VERSION => {}
            found => return Err(ScaleFault::Tag { what: "version", found }.into()),
        }
        let (height, time_ms) = (reader.u64("height")?, reader.u64("time")?);
        let (block_hash, state_root) = (reader.hash("block hash")?, reader.hash("state root")?);
        let frozen = match reader.byte("freeze")? {
            0 => None,
            flag @ (1 | 2) => {
                let (at, since) = (reader.u64("freeze height")?, reader.u64("freeze time")?);
                let anchor = if flag == 2 { Some(reader.hash("anchor")?) } else { None };
                Some(Freeze { at, since, anchor })
            }
            found => return Err(ScaleFault::Tag { what: "freeze", found }.into()),
        };
        let finality = match reader.byte("finality")? {
            flag @ (0 | 1) => {
                let set = AuthoritySet::read(&mut reader)?;
                let pending = match flag {
                    0 => None,
                    _ => Some(Pending { after: reader.u32("after")?, set: AuthoritySet::read(&mut reader)? }),
                };
                Finality::Grandpa { set, pending }
            }
            2 => Finality::Beefy { current: BeefySet::read(&mut reader)?, next: BeefySet::read(&mut reader)? },
            found => return Err(ScaleFault::Tag { what: "finality", found }.into()),
        };
        reader.end("trusted state")?;
        Ok(Self { height, time_ms, block_hash, state_root, finality, frozen })
    }
}

fn pinned_header<'a>(format: HeaderFormat, pinned: &B256, header: &'a [u8]) -> Result<Header<'a>, Refusal> {
    let header = Header::read(format, header)?;
    let found = header.hash();
    if found == *pinned { Ok(header) } else { Err(Refusal::ChainMismatch { expected: *pinned, found }) }
}
