//! What a client holds to be true: the newest final header, and the committees that may sign the next.

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_crypto::bls::{Bls, PublicKey};
use thiserror::Error;

use crate::{
    Bootstrap, Committee, Fork, LightClientHeader, Network, Params, Refusal,
    fork::proves,
    params::MAX_COMMITTEE,
    refusal::{UpdateFault, Which},
    rules,
};

/// Version of the encoding of a trusted state.
const VERSION: u8 = 1;

/// What a block's execution payload says, under the block's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Number of the block.
    pub block_number: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Root of the state after it.
    pub state_root: B256,
    /// Root of its receipts.
    pub receipts_root: B256,
}

/// A block that the client holds to be final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its slot: the height of this family.
    pub slot: u64,
    /// Its root.
    pub root: B256,
    /// Root of its parent.
    pub parent_root: B256,
    /// Unix seconds: the payload's timestamp, which is the time of the state that is proven. Before Capella, where no
    /// payload is proven, the time of the slot.
    pub time: u64,
    /// Its payload; none before Capella, and then nothing can be read of the chain's state.
    pub execution: Option<Execution>,
}

impl Accepted {
    /// What a valid header says.
    pub(crate) fn of(network: &Network, header: &LightClientHeader) -> Self {
        let beacon = &header.beacon;
        let payload = &header.execution;
        let execution = network.fork_at_slot(beacon.slot).filter(|fork| fork.has_execution()).map(|_| Execution {
            block_number: payload.block_number,
            block_hash: payload.block_hash,
            parent_hash: payload.parent_hash,
            state_root: payload.state_root,
            receipts_root: payload.receipts_root,
        });
        let time = if execution.is_some() { payload.timestamp } else { network.time_of(beacon.slot) };
        Self { slot: beacon.slot, root: beacon.root(), parent_root: beacon.parent_root, time, execution }
    }

    /// Number of the payload's block; 0 without one.
    pub(crate) fn block_number(&self) -> u64 {
        self.execution.map_or(0, |execution| execution.block_number)
    }
}

/// What a client remembers of the evidence that froze it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Freeze height, a slot: nothing above it is believed any more.
    pub at: u64,
    /// Unix seconds of the freeze.
    pub since: u64,
    /// Root of the newest block that the evidence shows to be common to both chains.
    pub anchor: Option<B256>,
}

/// A trusted state. Cheap to clone: committees are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    header: Accepted,
    current: Committee,
    next: Option<Committee>,
    frozen: Option<Freeze>,
}

/// `initialize_light_client_store`, as far as it checks: the block is the trusted one, and its committee stands in its
/// state. Gives the committee with validated keys.
pub(crate) fn bootstrap<B: Bls>(network: &Network, pinned: &B256, start: &Bootstrap) -> Result<Committee, Refusal> {
    rules::shape_of_its_fork(network, start.header.beacon.slot, start.fork)?;
    let found = start.header.beacon.root();
    if found != *pinned {
        return Err(Refusal::ChainMismatch { expected: *pinned, found });
    }
    rules::header(network, Which::Pinned, &start.header)?;
    let (leaf, root) = (start.committee.root(), start.header.beacon.state_root);
    if !proves(leaf, &start.branch, start.fork.current_committee(), &root) {
        return Err(Refusal::Branch { what: Which::CurrentCommittee, leaf, root });
    }
    Committee::new::<B>(&start.committee)
}

impl TrustedState {
    /// Starts a client at a block that the configuration pins by its root. The bootstrap, `u8 fork | SSZ of a
    /// LightClientBootstrap`, may come from any node.
    ///
    /// # Errors
    /// [`Refusal::ChainMismatch`] if it is another block, [`Refusal::Expired`] if it is older than the trusting period
    /// (a committee that has left could have signed what follows it), [`Refusal::HeaderFromFuture`], or its committee
    /// is not the one in its state.
    pub fn begin<B: Bls>(params: &Params, pinned: &B256, bytes: &[u8], now: u64) -> Result<Self, Refusal> {
        let limit = crate::update::MAX_UPDATE_BYTES;
        if bytes.len() > limit {
            return Err(UpdateFault::TooLarge { limit, found: bytes.len() }.into());
        }
        let (fork, ssz) = bytes.split_first().ok_or(UpdateFault::Truncated { found: 0 })?;
        let fork = Fork::from_number(*fork).ok_or(UpdateFault::Fork(*fork))?;
        let start = Bootstrap::decode(&params.network, fork, ssz)?;
        let current = bootstrap::<B>(&params.network, pinned, &start)?;
        let header = Accepted::of(&params.network, &start.header);
        let expired_at = header.time.saturating_add(params.trusting_period);
        if expired_at <= now {
            return Err(Refusal::Expired { expired_at, now });
        }
        let latest = now.saturating_add(params.drift);
        if header.time > latest {
            return Err(Refusal::HeaderFromFuture { latest, found: header.time });
        }
        Ok(Self::new(header, current, None))
    }

    /// A state from its parts. Who calls this vouches for them: use [`TrustedState::begin`] to start from a pin.
    pub const fn new(header: Accepted, current: Committee, next: Option<Committee>) -> Self {
        Self { header, current, next, frozen: None }
    }

    /// The newest final header.
    pub const fn header(&self) -> &Accepted {
        &self.header
    }

    /// Its slot.
    pub const fn slot(&self) -> u64 {
        self.header.slot
    }

    /// Its time, Unix seconds.
    pub const fn time(&self) -> u64 {
        self.header.time
    }

    /// The committee of its period.
    pub const fn current(&self) -> &Committee {
        &self.current
    }

    /// The committee of the next period, once known.
    pub const fn next(&self) -> Option<&Committee> {
        self.next.as_ref()
    }

    /// The freeze, if the client is frozen.
    pub const fn frozen(&self) -> Option<Freeze> {
        self.frozen
    }

    /// Unix seconds from which this state no longer vouches for others.
    pub const fn expires_at(&self, params: &Params) -> u64 {
        self.header.time.saturating_add(params.trusting_period)
    }

    /// The same state, frozen. Freezing deletes nothing; a second freeze changes nothing.
    #[must_use]
    pub fn freeze(mut self, freeze: Freeze) -> Self {
        self.frozen.get_or_insert(freeze);
        self
    }

    /// Writes the state: `u8 version | header | current committee | u8 0 or 1 | next committee | freeze`, numbers
    /// big-endian.
    /// A header is `u64 slot | root | parent root | u64 time | u8 0 or 1 | u64 number | block hash | parent hash | state
    /// root | receipts root`, a committee `root | u16 seats | sum | keys` (96 bytes each), a freeze `u8 0, 1, or 2
    /// with an anchor | u64 at | u64 since | anchor`. What is not there is left out.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + 96 * 2 * (MAX_COMMITTEE + 1));
        out.push(VERSION);
        let header = &self.header;
        out.extend_from_slice(&header.slot.to_be_bytes());
        out.extend_from_slice(header.root.as_slice());
        out.extend_from_slice(header.parent_root.as_slice());
        out.extend_from_slice(&header.time.to_be_bytes());
        out.push(u8::from(header.execution.is_some()));
        if let Some(execution) = &header.execution {
            out.extend_from_slice(&execution.block_number.to_be_bytes());
            let Execution { block_hash, parent_hash, state_root, receipts_root, .. } = execution;
            for hash in [block_hash, parent_hash, state_root, receipts_root] {
                out.extend_from_slice(hash.as_slice());
            }
        }
        put_committee(&mut out, &self.current);
        out.push(u8::from(self.next.is_some()));
        if let Some(next) = &self.next {
            put_committee(&mut out, next);
        }
        match &self.frozen {
            None => out.push(0),
            Some(Freeze { at, since, anchor }) => {
                out.push(1 + u8::from(anchor.is_some()));
                out.extend_from_slice(&at.to_be_bytes());
                out.extend_from_slice(&since.to_be_bytes());
                out.extend_from_slice(anchor.as_ref().map(B256::as_slice).unwrap_or_default());
            }
        }
        out
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// The bytes are not exactly what [`TrustedState::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateFault> {
        let mut rest = bytes;
        let [version] = take(&mut rest)?;
        if version != VERSION {
            return Err(StateFault::Version(version));
        }
        let mut header = Accepted {
            slot: number(&mut rest)?,
            root: hash(&mut rest)?,
            parent_root: hash(&mut rest)?,
            time: number(&mut rest)?,
            execution: None,
        };
        if flag(&mut rest, 1)? == 1 {
            header.execution = Some(Execution {
                block_number: number(&mut rest)?,
                block_hash: hash(&mut rest)?,
                parent_hash: hash(&mut rest)?,
                state_root: hash(&mut rest)?,
                receipts_root: hash(&mut rest)?,
            });
        }
        let current = committee(&mut rest)?;
        let next = if flag(&mut rest, 1)? == 1 { Some(committee(&mut rest)?) } else { None };
        let frozen = match flag(&mut rest, 2)? {
            0 => None,
            kind => {
                let (at, since) = (number(&mut rest)?, number(&mut rest)?);
                Some(Freeze { at, since, anchor: if kind == 2 { Some(hash(&mut rest)?) } else { None } })
            }
        };
        if rest.is_empty() { Ok(Self { header, current, next, frozen }) } else { Err(StateFault::Trailing(rest.len())) }
    }
}

/// Bytes that are no trusted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateFault {
    /// Written by another version.
    #[error("trusted state: expected version {VERSION}, found {0}")]
    Version(u8),
    /// The bytes end before the format does.
    #[error("trusted state: ends early")]
    Truncated,
    /// Bytes are left over.
    #[error("trusted state: {0} trailing bytes")]
    Trailing(usize),
    /// A flag beyond those of the format.
    #[error("trusted state: malformed flag {0}")]
    Flag(u8),
    /// No committee has so many seats.
    #[error("trusted state: a committee of {0} seats")]
    Seats(usize),
}

fn put_committee(out: &mut Vec<u8>, committee: &Committee) {
    out.extend_from_slice(committee.root().as_slice());
    // At most 512 seats.
    out.extend_from_slice(&(committee.keys().len() as u16).to_be_bytes());
    out.extend_from_slice(committee.sum().to_affine());
    committee.keys().iter().for_each(|key| out.extend_from_slice(key.to_affine()));
}

fn committee(rest: &mut &[u8]) -> Result<Committee, StateFault> {
    let root = hash(rest)?;
    let seats = usize::from(u16::from_be_bytes(take(rest)?));
    if !matches!(seats, 32 | MAX_COMMITTEE) {
        return Err(StateFault::Seats(seats));
    }
    let sum = PublicKey::from_trusted_affine(take(rest)?);
    let (keys, after) = rest.split_at_checked(seats * 96).ok_or(StateFault::Truncated)?;
    *rest = after;
    let (keys, _) = keys.as_chunks::<96>();
    Ok(Committee::from_trusted(root, keys.iter().copied().map(PublicKey::from_trusted_affine).collect(), sum))
}

/// The next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], StateFault> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(StateFault::Truncated)?;
    *rest = after;
    Ok(*taken)
}

fn number(rest: &mut &[u8]) -> Result<u64, StateFault> {
    take(rest).map(u64::from_be_bytes)
}

fn hash(rest: &mut &[u8]) -> Result<B256, StateFault> {
    take(rest).map(B256::new)
}

fn flag(rest: &mut &[u8], most: u8) -> Result<u8, StateFault> {
    let [flag] = take(rest)?;
    if flag <= most { Ok(flag) } else { Err(StateFault::Flag(flag)) }
}
