//! The calls by which a council opens a bridge and registers its assets.

use crate::{
    chains::evm::abi::{ICouncil, IVault},
    lane::error::{Error, Kind, Result},
};
use alloy::{
    primitives::{Address, B256, keccak256},
    sol_types::SolCall,
};
use causeway_core::{Caip2, Lane, LaneEnd, LaneId};

/// One end of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// CAIP-2 id of the chain.
    pub chain: String,
    /// Hash of its block 0.
    pub genesis: B256,
    /// Its vault.
    pub vault: Address,
    /// The outbox that this vault writes for this bridge.
    pub outbox: Address,
}

/// The two lanes of a bridge, as seen from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// Leaves this end.
    pub out: LaneId,
    /// Arrives at this end.
    pub back: LaneId,
}

/// Standard of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Fungible.
    Erc20,
    /// Single pieces.
    Erc721,
}

impl Standard {
    /// Its number in the vault.
    pub const fn number(self) -> u8 {
        match self {
            Self::Erc20 => 1,
            Self::Erc721 => 2,
        }
    }

    /// The CAIP-19 id of a token on `chain`.
    pub fn caip19(self, chain: &str, token: Address) -> String {
        let namespace = match self {
            Self::Erc20 => "erc20",
            Self::Erc721 => "erc721",
        };
        format!("{chain}/{namespace}:{token:#x}")
    }

    /// The hash by which entries name a token of `chain`.
    pub fn asset(self, chain: &str, token: Address) -> B256 {
        keccak256(self.caip19(chain, token))
    }
}

impl End {
    fn lane_end(&self) -> Result<LaneEnd> {
        let invalid = |e: &dyn std::fmt::Display| Error::stop_lane(Kind::InvalidConfig, format!("{}: {e}", self.chain));
        let chain: Caip2 = self.chain.parse().map_err(|e| invalid(&e))?;
        LaneEnd::new(&chain, self.genesis, self.vault.as_slice(), self.outbox.as_slice()).map_err(|e| invalid(&e))
    }

    /// The lanes between this end and `there`.
    ///
    /// # Errors
    /// `InvalidConfig` for an id that is no CAIP-2.
    pub fn lanes(&self, there: &Self, epoch: u64) -> Result<Lanes> {
        let lane = Lane { source: self.lane_end()?, destination: there.lane_end()?, epoch };
        Ok(Lanes { out: lane.id(), back: lane.reverse().id() })
    }

    /// The council's call that opens the bridge to `there` at this end, read by `client`.
    ///
    /// # Errors
    /// As [`Self::lanes`].
    pub fn open(&self, there: &Self, epoch: u64, client: Address) -> Result<ICouncil::Call> {
        let lanes = self.lanes(there, epoch)?;
        let call = IVault::openBridgeCall {
            remote: IVault::RemoteEnd {
                chain: there.chain.clone(),
                genesis: there.genesis,
                vault: there.vault.to_vec().into(),
                outbox: there.outbox.to_vec().into(),
            },
            epoch,
            outbox: self.outbox,
            client,
            accountBytes: 20,
            outLane: lanes.out.0,
            inLane: lanes.back.0,
        };
        Ok(ICouncil::Call { target: self.vault, data: call.abi_encode().into() })
    }
}

/// An asset to register at one end of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Standard.
    pub standard: Standard,
    /// At its home: the token here. At the other end `None`: the vault deploys a voucher.
    pub token: Option<Address>,
    /// Hash of the asset's CAIP-19 id at the other end ([`Standard::asset`]).
    pub remote_asset: B256,
    /// Decimals here and at the other end.
    pub decimals: (u8, u8),
    /// Smallest amount that is taken.
    pub min_amount: u128,
    /// Caps per window: of locks, of credits, seconds. `None`: no caps.
    pub caps: Option<(u128, u128, u32)>,
    /// Name and symbol of a voucher.
    pub name: (String, String),
}

impl Asset {
    /// The council's call that registers the asset on the lane that leaves `vault`.
    ///
    /// # Errors
    /// `TooLarge` for a cap of more than 112 bits.
    pub fn register(&self, vault: Address, out: LaneId) -> Result<ICouncil::Call> {
        let cap = |value: u128| {
            alloy::primitives::aliases::U112::try_from(value)
                .map_err(|_| Error::stop_lane(Kind::TooLarge, "a cap has at most 112 bits"))
        };
        let (lock, credit, window) = self.caps.unwrap_or((0, 0, 0));
        const HOME: u8 = 1;
        const VOUCHER: u8 = 2;
        let call = IVault::registerAssetCall {
            outLane: out.0,
            p: IVault::AssetParams {
                mode: if self.token.is_some() { HOME } else { VOUCHER },
                standard: self.standard.number(),
                token: self.token.unwrap_or_default(),
                remoteAsset: self.remote_asset,
                amountWidth: match self.standard {
                    Standard::Erc20 => 16,
                    Standard::Erc721 => 32,
                },
                localDecimals: self.decimals.0,
                remoteDecimals: self.decimals.1,
                minAmount: self.min_amount,
                lockCap: cap(lock)?,
                creditCap: cap(credit)?,
                windowSeconds: window,
                name: self.name.0.clone(),
                symbol: self.name.1.clone(),
            },
        };
        Ok(ICouncil::Call { target: vault, data: call.abi_encode().into() })
    }
}
