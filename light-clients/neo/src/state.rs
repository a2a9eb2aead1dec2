//! What a client holds to be true: the newest header that it accepted, and which consensus may witness the next.

use alloy_primitives::{Address, B256};

use crate::{Header, Multisig, Params, Refusal};

/// A state root and the block after which the state had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRoot {
    /// The block after which the state has this root: one below the header that holds it.
    pub height: u64,
    /// The root, in the order of the bytes on the wire.
    pub root: B256,
}

/// A trusted state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    pub(crate) height: u64,
    pub(crate) time_ms: u64,
    pub(crate) hash: B256,
    pub(crate) next_consensus: Address,
    pub(crate) state: Option<StateRoot>,
    pub(crate) frozen: Option<Freeze>,
    /// The keys behind `next_consensus`, once a witness has shown them: points are decompressed once.
    pub(crate) known: Option<Multisig>,
}

/// What a client remembers of the evidence that froze it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Freeze height: nothing above it is believed any more.
    pub at: u64,
    /// Unix seconds of the freeze.
    pub since: u64,
}

impl TrustedState {
    /// Starts a client at a header that the configuration pins by its hash. The header may come from any node.
    ///
    /// # Errors
    /// [`Refusal::ChainMismatch`] if it is another header, [`Refusal::Expired`] if it is older than the trusting period,
    /// [`Refusal::Header`] if it is none.
    pub fn pinned(params: &Params, pinned: &B256, header: &[u8], now: u64) -> Result<Self, Refusal> {
        let header = Header::read(params, header)?;
        if header.hash != *pinned {
            return Err(Refusal::ChainMismatch { expected: *pinned, found: header.hash });
        }
        let trusted = Self::of(&header);
        let expired_at = trusted.expires_at(params);
        if expired_at <= now { Err(Refusal::Expired { expired_at, now }) } else { Ok(trusted) }
    }

    /// A state as an operator or a store holds it. Start a client with [`Self::pinned`] instead: nothing is checked here.
    pub const fn new(height: u64, time_ms: u64, hash: B256, next_consensus: Address, state: Option<StateRoot>) -> Self {
        Self { height, time_ms, hash, next_consensus, state, frozen: None, known: None }
    }

    pub(crate) fn of(header: &Header<'_>) -> Self {
        let root = |root| Some(StateRoot { height: header.height.checked_sub(1)?, root });
        Self {
            height: header.height,
            time_ms: header.time_ms,
            hash: header.hash,
            next_consensus: header.next_consensus,
            state: header.previous_state_root.and_then(root),
            frozen: None,
            known: None,
        }
    }

    /// Number of the newest accepted block.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Its time, Unix milliseconds.
    pub const fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Its hash.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Script hash of the consensus in force.
    pub const fn next_consensus(&self) -> Address {
        self.next_consensus
    }

    /// The newest proven state root; none on a chain whose headers hold none.
    pub const fn state(&self) -> Option<StateRoot> {
        self.state
    }

    /// The freeze, if there was one.
    pub const fn frozen(&self) -> Option<Freeze> {
        self.frozen
    }

    /// The same state, frozen.
    #[must_use]
    pub fn freeze(mut self, freeze: Freeze) -> Self {
        self.frozen.get_or_insert(freeze);
        self
    }

    /// Unix seconds from which the state no longer vouches for others.
    pub const fn expires_at(&self, params: &Params) -> u64 {
        (self.time_ms / 1000).saturating_add(params.trusting_period)
    }
}
