//! The consensus forks that changed what a light client reads.

use alloy_primitives::B256;

/// A fork of the consensus layer, from the first that has sync committees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// Sync committees; headers are beacon headers alone.
    Altair = 1,
    /// The merge; light client data as in Altair.
    Bellatrix = 2,
    /// Headers carry the execution payload's header and its branch.
    Capella = 3,
    /// The payload's header counts blob gas.
    Deneb = 4,
    /// A larger state: branches are one step longer.
    Electra = 5,
    /// Light client data as in Electra.
    Fulu = 6,
}

/// A place in a Merkle tree: its depth, and the path to it as the turns of a generalized index below the leading one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Steps from the leaf to the root.
    pub depth: usize,
    /// Bit i is set where the node at step i is a right child.
    pub index: u64,
}

impl Place {
    /// The place of a generalized index (SSZ specification, Merkle proofs).
    const fn at(generalized_index: u64) -> Self {
        let depth = generalized_index.ilog2();
        Self { depth: depth as usize, index: generalized_index - (1 << depth) }
    }

    /// The place of the execution payload in a block's body (`EXECUTION_PAYLOAD_GINDEX`).
    pub const EXECUTION: Self = Self::at(25);
}

/// Steps from the execution payload to a body's root, in every fork so far.
pub(crate) const EXECUTION_DEPTH: usize = Place::EXECUTION.depth;

impl Fork {
    /// All of them, oldest first.
    pub const ALL: [Self; 6] = [Self::Altair, Self::Bellatrix, Self::Capella, Self::Deneb, Self::Electra, Self::Fulu];

    /// The fork with this number, as updates write it.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Altair),
            2 => Some(Self::Bellatrix),
            3 => Some(Self::Capella),
            4 => Some(Self::Deneb),
            5 => Some(Self::Electra),
            6 => Some(Self::Fulu),
            _ => None,
        }
    }

    /// Whether light client headers carry the execution payload's header.
    pub const fn has_execution(self) -> bool {
        self as u8 >= Self::Capella as u8
    }

    /// Whether the payload's header counts blob gas.
    pub const fn has_blobs(self) -> bool {
        self as u8 >= Self::Deneb as u8
    }

    const fn has_large_state(self) -> bool {
        self as u8 >= Self::Electra as u8
    }

    /// `FINALIZED_ROOT_GINDEX`: the finalized checkpoint's root in the state.
    pub const fn finalized_root(self) -> Place {
        Place::at(if self.has_large_state() { 169 } else { 105 })
    }

    /// `CURRENT_SYNC_COMMITTEE_GINDEX` in the state.
    pub const fn current_committee(self) -> Place {
        Place::at(if self.has_large_state() { 86 } else { 54 })
    }

    /// `NEXT_SYNC_COMMITTEE_GINDEX` in the state.
    pub const fn next_committee(self) -> Place {
        Place::at(if self.has_large_state() { 87 } else { 55 })
    }

    /// Its name in lower case, as the beacon API writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Altair => "altair",
            Self::Bellatrix => "bellatrix",
            Self::Capella => "capella",
            Self::Deneb => "deneb",
            Self::Electra => "electra",
            Self::Fulu => "fulu",
        }
    }
}

impl core::fmt::Display for Fork {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// `is_valid_merkle_branch`: whether `leaf` stands at `place` under `root`. A branch of another length does not prove it.
pub fn proves(leaf: B256, branch: &[B256], place: Place, root: &B256) -> bool {
    if branch.len() != place.depth {
        return false;
    }
    let step = |node: B256, (height, beside): (usize, &B256)| match place.index >> height & 1 {
        1 => crate::merkle::pair(beside, &node),
        _ => crate::merkle::pair(&node, beside),
    };
    branch.iter().enumerate().fold(leaf, step) == *root
}
