//! The rules of a network, and what the two ends of a lane agree on before the first header.

use alloy_primitives::{U256, hex};
use thiserror::Error;

use crate::{BitsFault, BlockHash, compact::target_of};

/// Blocks of a difficulty period.
pub const PERIOD_BLOCKS: u32 = 2_016;

/// Seconds that a block shall take.
pub const SPACING: u32 = 600;

/// Seconds that a period shall take: two weeks.
pub const PERIOD_SECONDS: u32 = PERIOD_BLOCKS * SPACING;

/// Blocks whose median is a block's "median time past" (`nMedianTimeSpan`).
pub const MEDIAN_BLOCKS: usize = 11;

/// Seconds that a block may be ahead of the clock (`MAX_FUTURE_BLOCK_TIME`).
pub const FUTURE_LIMIT: u64 = 2 * 60 * 60;

/// Seconds that the first block of a period may be before the one before it, by BIP 94 (`MAX_TIMEWARP`).
pub const BIP94_GRACE: u32 = 600;

/// The same by BIP 54.
pub const BIP54_GRACE: u32 = 7_200;

/// Headers in one update: two periods, twice what a node sends in one answer to `getheaders`. 323 kB.
pub const MAX_UPDATE_HEADERS: usize = 2 * PERIOD_BLOCKS as usize;

/// Blocks that a trusted state remembers at most: four periods, 40 bytes each.
pub const MAX_WINDOW: u32 = 4 * PERIOD_BLOCKS;

/// The consensus rules of a network as far as headers know them (`chainparams.cpp` of Bitcoin Core 30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Hash of the genesis block.
    pub genesis: BlockHash,
    /// The easiest target allowed, compact.
    pub limit: u32,
    /// A block more than 20 minutes after its parent may have the easiest target (testnets).
    pub min_difficulty: bool,
    /// The target never changes (regtest).
    pub no_retargeting: bool,
    /// BIP 94 (testnet4): a period's target is derived from its first block's, not its last one's, and its first block is
    /// at most 600 s before its parent.
    pub bip94: bool,
    /// BIP 54: the first block of a period is at most 7200 s before its parent, and the last not before the first. Not
    /// in force anywhere when this was written: a lane may ask for it where it would rather stop than follow a timewarp.
    pub bip54: bool,
    /// Heights from which the version must be at least 2, 3 and 4 (BIP 34, 66, 65).
    pub versions: [u32; 3],
}

impl Rules {
    /// Bitcoin.
    pub const MAINNET: Self = Self {
        genesis: BlockHash::from_display(hex!("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")),
        limit: 0x1d00_ffff,
        min_difficulty: false,
        no_retargeting: false,
        bip94: false,
        bip54: false,
        versions: [227_931, 363_725, 388_381],
    };

    /// The third test network.
    pub const TESTNET3: Self = Self {
        genesis: BlockHash::from_display(hex!("000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943")),
        min_difficulty: true,
        versions: [21_111, 330_776, 581_885],
        ..Self::MAINNET
    };

    /// The fourth test network (BIP 94).
    pub const TESTNET4: Self = Self {
        genesis: BlockHash::from_display(hex!("00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043")),
        min_difficulty: true,
        bip94: true,
        versions: [1, 1, 1],
        ..Self::MAINNET
    };

    /// The default signet (BIP 325). Its blocks are valid by a signature in the coinbase, which headers do not show:
    /// here they count by work alone, so what they prove is worth nothing.
    pub const SIGNET: Self = Self {
        genesis: BlockHash::from_display(hex!("00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6")),
        limit: 0x1e03_77ae,
        versions: [1, 1, 1],
        ..Self::MAINNET
    };

    /// Regression tests: anybody makes a block at once.
    pub const REGTEST: Self = Self {
        genesis: BlockHash::from_display(hex!("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")),
        limit: 0x207f_ffff,
        min_difficulty: true,
        no_retargeting: true,
        versions: [1, 1, 1],
        ..Self::MAINNET
    };

    /// The least version of a block at this height.
    pub(crate) fn least_version(&self, height: u32) -> i32 {
        [4, 3, 2]
            .into_iter()
            .zip(self.versions.iter().rev())
            .find(|(_, from)| height >= **from)
            .map_or(i32::MIN, |it| it.0)
    }
}

/// The client's parameters. Both ends compare them in `Hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The network's rules.
    pub rules: Rules,
    /// Work that a block and those on it must hold for the block to be final: it is never undone, and a second chain with
    /// as much is misbehaviour. Absolute, so that it does not shrink with the difficulty; see [`Params::work_of_blocks`].
    pub final_work: U256,
    /// Blocks before the tip that the trusted state remembers: a reorganisation may go this deep, and transactions in
    /// them are proven without further headers.
    pub window: u32,
    /// Seconds after the tip's time during which the trusted state may vouch for others. Without end, somebody who keeps
    /// the honest chain away could lower the difficulty at leisure.
    pub trusting_period: u64,
    /// Seconds that a header may be ahead of `now`: [`FUTURE_LIMIT`], or more where the judging chain's clock lags.
    pub drift: u64,
    /// Seconds after a freeze before blocks up to the freeze height may be read again.
    pub freeze_delay: u64,
}

/// Parameters under which the client would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamsFault {
    /// The easiest target is no target, or so easy that retargeting would overflow.
    #[error("target limit {limit:08x}: expected a target that, where it changes, can grow fourfold in 256 bits")]
    Limit {
        /// The limit, compact.
        limit: u32,
    },
    /// Every block would be final.
    #[error("the work of finality is zero")]
    NoFinalWork,
    /// Nothing, or more than the bound, would be remembered.
    #[error("window: expected 1 to {MAX_WINDOW} blocks, found {found}")]
    Window {
        /// Blocks.
        found: u32,
    },
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
}

impl Params {
    /// The work of `blocks` blocks with these bits: how a lane says "six blocks at today's difficulty" once, for good.
    ///
    /// # Errors
    /// The bits are no target.
    pub fn work_of_blocks(blocks: u32, bits: u32) -> Result<U256, BitsFault> {
        crate::compact::work_of(bits).map(|work| work.saturating_mul(U256::from(blocks)))
    }

    /// Checks that the parameters can prove something.
    ///
    /// # Errors
    /// Names the parameter that can not.
    pub fn check(&self) -> Result<(), ParamsFault> {
        let limit = self.rules.limit;
        // What a target is multiplied with before it is divided and capped.
        let most = U256::from(4 * PERIOD_SECONDS);
        let fits = |target: U256| self.rules.no_retargeting || target.checked_mul(most).is_some();
        if !target_of(limit).is_ok_and(fits) {
            return Err(ParamsFault::Limit { limit });
        }
        if self.final_work.is_zero() {
            return Err(ParamsFault::NoFinalWork);
        }
        if self.window == 0 || self.window > MAX_WINDOW {
            return Err(ParamsFault::Window { found: self.window });
        }
        if self.trusting_period == 0 {
            return Err(ParamsFault::NoTrustingPeriod);
        }
        if self.drift >= self.trusting_period {
            return Err(ParamsFault::DriftTooLarge { drift: self.drift, trusting_period: self.trusting_period });
        }
        Ok(())
    }
}
