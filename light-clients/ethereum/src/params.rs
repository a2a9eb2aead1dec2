//! What the two ends of a lane agree on before the first header.

use alloy_primitives::{B256, b256};
use thiserror::Error;

use crate::{Fork, merkle};

/// Seats of the largest committee (preset `mainnet`).
pub const MAX_COMMITTEE: usize = 512;

/// `FAR_FUTURE_EPOCH`: a fork that is not scheduled.
pub const NEVER: u64 = u64::MAX;

/// The constants of a preset that a light client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// `SYNC_COMMITTEE_SIZE`: 512, or 32 in `minimal`.
    pub committee_size: usize,
    /// `SLOTS_PER_EPOCH`.
    pub slots_per_epoch: u64,
    /// `EPOCHS_PER_SYNC_COMMITTEE_PERIOD`.
    pub epochs_per_period: u64,
}

impl Preset {
    /// Preset `mainnet`.
    pub const MAINNET: Self = Self { committee_size: 512, slots_per_epoch: 32, epochs_per_period: 256 };
    /// Preset `minimal`.
    pub const MINIMAL: Self = Self { committee_size: 32, slots_per_epoch: 8, epochs_per_period: 8 };

    /// Slots of a sync committee period, which is also `UPDATE_TIMEOUT`.
    pub const fn slots_per_period(&self) -> u64 {
        self.slots_per_epoch.saturating_mul(self.epochs_per_period)
    }

    /// The epoch of a slot.
    pub fn epoch(&self, slot: u64) -> u64 {
        slot.checked_div(self.slots_per_epoch).unwrap_or_default()
    }

    /// The sync committee period of a slot.
    pub fn period(&self, slot: u64) -> u64 {
        slot.checked_div(self.slots_per_period()).unwrap_or_default()
    }

    /// Seats that make a quorum: two thirds, rounded up (342 of 512, 22 of 32).
    pub const fn quorum(&self) -> usize {
        self.committee_size.saturating_mul(2).div_ceil(3)
    }
}

/// When a fork begins, and what it signs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkStart {
    /// First epoch; [`NEVER`] if not scheduled.
    pub epoch: u64,
    /// Fork version.
    pub version: [u8; 4],
}

/// A chain: the constants of its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Constants of its preset.
    pub preset: Preset,
    /// `genesis_validators_root`: in every signature, so that no other chain's counts.
    pub genesis_validators_root: B256,
    /// Unix seconds of slot 0.
    pub genesis_time: u64,
    /// `SECONDS_PER_SLOT`.
    pub seconds_per_slot: u64,
    /// Fork version before Altair.
    pub genesis_version: [u8; 4],
    /// Altair to Fulu, in the order of [`Fork::ALL`].
    pub forks: [ForkStart; 6],
}

/// Public networks count fork versions in one byte, the others are the network's.
const fn forks(versions: [[u8; 4]; 6], epochs: [u64; 6]) -> [ForkStart; 6] {
    let mut forks = [ForkStart { epoch: NEVER, version: [0; 4] }; 6];
    let mut at = 0;
    while at < 6 {
        forks[at] = ForkStart { epoch: epochs[at], version: versions[at] };
        at += 1;
    }
    forks
}

impl Network {
    /// Ethereum mainnet.
    pub const MAINNET: Self = Self {
        preset: Preset::MAINNET,
        genesis_validators_root: b256!("4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"),
        genesis_time: 1_606_824_023,
        seconds_per_slot: 12,
        genesis_version: [0, 0, 0, 0],
        forks: forks(
            [[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0], [4, 0, 0, 0], [5, 0, 0, 0], [6, 0, 0, 0]],
            [74_240, 144_896, 194_048, 269_568, 364_032, 411_392],
        ),
    };
    /// The Sepolia test network.
    pub const SEPOLIA: Self = Self {
        preset: Preset::MAINNET,
        genesis_validators_root: b256!("d8ea171f3c94aea21ebc42a1ed61052acf3f9209c00e4efbaaddac09ed9b8078"),
        genesis_time: 1_655_733_600,
        seconds_per_slot: 12,
        genesis_version: [0x90, 0, 0, 0x69],
        forks: forks(
            [
                [0x90, 0, 0, 0x70],
                [0x90, 0, 0, 0x71],
                [0x90, 0, 0, 0x72],
                [0x90, 0, 0, 0x73],
                [0x90, 0, 0, 0x74],
                [0x90, 0, 0, 0x75],
            ],
            [50, 100, 56_832, 132_608, 222_464, 272_640],
        ),
    };

    /// The fork in force at an epoch; none before Altair.
    pub fn fork_at_epoch(&self, epoch: u64) -> Option<Fork> {
        let newest = Fork::ALL.iter().zip(&self.forks).rev().find(|(_, start)| start.epoch <= epoch);
        newest.map(|(fork, _)| *fork)
    }

    /// The fork in force at a slot; none before Altair.
    pub fn fork_at_slot(&self, slot: u64) -> Option<Fork> {
        self.fork_at_epoch(self.preset.epoch(slot))
    }

    /// `compute_fork_version`.
    pub fn version_at_epoch(&self, epoch: u64) -> [u8; 4] {
        let newest = self.forks.iter().rev().find(|start| start.epoch <= epoch);
        newest.map_or(self.genesis_version, |start| start.version)
    }

    /// What a sync committee signs for a block whose root is `block_root`, in the slot `signature_slot`: the fork is
    /// that of the slot before, which is the newest that the block can be in.
    pub fn signing_root(&self, block_root: &B256, signature_slot: u64) -> B256 {
        /// `DOMAIN_SYNC_COMMITTEE`.
        const DOMAIN_TYPE: [u8; 4] = [7, 0, 0, 0];
        let version = self.version_at_epoch(self.preset.epoch(signature_slot.max(1).saturating_sub(1)));
        let fork_data = merkle::pair(&B256::right_padding_from(&version), &self.genesis_validators_root);
        let mut domain = fork_data;
        domain.0.rotate_right(DOMAIN_TYPE.len());
        domain.0.iter_mut().zip(DOMAIN_TYPE).for_each(|(byte, kind)| *byte = kind);
        merkle::pair(block_root, &domain)
    }

    /// Unix seconds at which a slot begins.
    pub const fn time_of(&self, slot: u64) -> u64 {
        self.genesis_time.saturating_add(slot.saturating_mul(self.seconds_per_slot))
    }
}

/// The client's parameters. Both ends compare them in `Hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The chain.
    pub network: Network,
    /// Seconds after its time during which a trusted state may vouch for others. Bounded by weak subjectivity: within
    /// it too few validators can have left for those that did to be worth bribing.
    pub trusting_period: u64,
    /// Seconds that a header may be ahead of `now`.
    pub drift: u64,
    /// Seconds after a freeze before the last common block may be read again.
    pub freeze_delay: u64,
}

/// Parameters under which the client would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamsFault {
    /// The trusting period is zero.
    #[error("the trusting period is zero")]
    NoTrustingPeriod,
    /// Headers could be dated ahead by a whole trusting period.
    #[error("drift {drift} s is not below the trusting period {trusting_period} s")]
    DriftTooLarge {
        /// Seconds.
        drift: u64,
        /// Seconds.
        trusting_period: u64,
    },
    /// No committee of this size exists.
    #[error("committee size: expected 32 or 512, found {0}")]
    CommitteeSize(usize),
    /// Slots, epochs or periods of no length.
    #[error("a slot, an epoch or a period has no length")]
    NoLength,
    /// A later fork begins before an earlier one.
    #[error("fork {fork} begins at epoch {epoch}, before the one before it")]
    ForkOrder {
        /// The later fork.
        fork: Fork,
        /// Its first epoch.
        epoch: u64,
    },
    /// Two forks sign under one version.
    #[error("fork {fork} has the version of another one")]
    ForkVersion {
        /// The later fork.
        fork: Fork,
    },
}

impl Params {
    /// Checks that the parameters can prove something.
    ///
    /// # Errors
    /// Names the parameter that can not.
    pub fn check(&self) -> Result<(), ParamsFault> {
        let Preset { committee_size, slots_per_epoch, epochs_per_period } = self.network.preset;
        if !matches!(committee_size, 32 | 512) {
            return Err(ParamsFault::CommitteeSize(committee_size));
        }
        if [slots_per_epoch, epochs_per_period, self.network.seconds_per_slot].contains(&0) {
            return Err(ParamsFault::NoLength);
        }
        if self.trusting_period == 0 {
            return Err(ParamsFault::NoTrustingPeriod);
        }
        if self.drift >= self.trusting_period {
            return Err(ParamsFault::DriftTooLarge { drift: self.drift, trusting_period: self.trusting_period });
        }
        let mut before = (0, [self.network.genesis_version; 7]);
        for (at, (fork, start)) in Fork::ALL.iter().zip(&self.network.forks).enumerate() {
            let (epoch, versions) = &mut before;
            if start.epoch < *epoch {
                return Err(ParamsFault::ForkOrder { fork: *fork, epoch: start.epoch });
            }
            if versions.iter().take(at + 1).any(|version| *version == start.version) {
                return Err(ParamsFault::ForkVersion { fork: *fork });
            }
            *epoch = start.epoch;
            if let Some(version) = versions.get_mut(at + 1) {
                *version = start.version;
            }
        }
        Ok(())
    }
}
