//! What a transaction pays, and by how much a replacement pays more.
//!
//! First price: policy `zero` 0; `legacy` the configured price or the node's suggestion; `eip1559` a cap of
//! `2 × base fee + tip`, which survives six full blocks in a row. Replacement: every part by an eighth, rounded up, and
//! at least what a first price would be now. Nodes demand a tenth (geth, Besu, Nethermind, Erigon, anvil). Never above
//! the configured cap: at the cap, and at price 0, the same bytes are sent again instead.

use crate::{
    chains::evm::{
        config::Fees,
        endpoint::{Need, Pool},
    },
    lane::error::{Error, Kind, Result},
};
use alloy::primitives::{U64, U128};
use serde::Deserialize;

/// A replacement pays an eighth more.
const BUMP_DIVISOR: u128 = 8;

/// Price of a transaction, wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// Before EIP-1559.
    Legacy {
        /// Gas price.
        gas_price: u128,
    },
    /// EIP-1559.
    Dynamic {
        /// Most for base fee and tip together.
        max_fee: u128,
        /// For the block's maker.
        tip: u128,
    },
}

impl Price {
    /// The price of a replacement, given what a first price would be now; `None` if the cap or a price of 0 leaves no
    /// room.
    pub fn raised(self, market: Price, cap: u128) -> Option<Price> {
        let raised = match (self, market) {
            (Self::Legacy { gas_price }, Self::Legacy { gas_price: now }) => {
                Self::Legacy { gas_price: bump(gas_price).max(now) }
            }
            (Self::Dynamic { max_fee, tip }, Self::Dynamic { max_fee: now, tip: tip_now }) => {
                let max_fee = bump(max_fee).max(now);
                Self::Dynamic { max_fee, tip: bump(tip).max(tip_now).min(max_fee) }
            }
            // The policy changed between two starts: the old kind goes on, the new one is for new transactions.
            (old, _) => old.raised(old, cap)?,
        };
        (raised.most() <= cap && raised.most() > self.most()).then_some(raised)
    }

    /// The most that one gas can cost.
    pub fn most(self) -> u128 {
        match self {
            Self::Legacy { gas_price } => gas_price,
            Self::Dynamic { max_fee, .. } => max_fee,
        }
    }
}

fn bump(price: u128) -> u128 {
    price.saturating_add(price.div_ceil(BUMP_DIVISOR))
}

/// The highest price that the policy allows, wei per gas.
pub fn cap(policy: &Fees) -> u128 {
    match *policy {
        Fees::Zero => 0,
        Fees::Legacy { max_gas_price, .. } => u128::from(max_gas_price),
        Fees::Eip1559 { max_fee, .. } => u128::from(max_fee),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Latest {
    #[serde(default)]
    base_fee_per_gas: Option<U128>,
    #[allow(dead_code)]
    number: U64,
}

/// The first price of a transaction now.
///
/// # Errors
/// `Underpriced` (retry) while the chain asks for more than the cap; `InvalidConfig` where an EIP-1559 policy meets a
/// chain without a base fee; and a node's.
pub async fn quote(pool: &Pool, policy: &Fees) -> Result<Price> {
    let price = match *policy {
        Fees::Zero => Price::Legacy { gas_price: 0 },
        Fees::Legacy { gas_price: Some(gas_price), .. } => Price::Legacy { gas_price: gas_price.into() },
        Fees::Legacy { gas_price: None, .. } => {
            let suggested: U128 = pool.call("eth_gasPrice", &[(); 0], Need::Any).await?;
            Price::Legacy { gas_price: suggested.to() }
        }
        Fees::Eip1559 { tip, .. } => {
            let latest: Latest = pool.call("eth_getBlockByNumber", &("latest", false), Need::Any).await?;
            let base: u128 = latest.base_fee_per_gas.map(|fee| fee.to()).ok_or_else(|| {
                let what = "fees.policy is eip1559, but the chain has no base fee: use legacy or zero";
                Error::stop_lane(Kind::InvalidConfig, format!("{}: {what}", pool.chain()))
            })?;
            let tip: u128 = match tip {
                Some(tip) => tip.into(),
                None => pool.call::<U128>("eth_maxPriorityFeePerGas", &[(); 0], Need::Any).await?.to(),
            };
            let wanted = base.saturating_mul(2).saturating_add(tip);
            // Between the cap and twice the base fee there is still room for now.
            let max_fee = wanted.min(cap(policy));
            if max_fee < base.saturating_add(tip) {
                return Err(above_cap(pool, base.saturating_add(tip), cap(policy)));
            }
            Price::Dynamic { max_fee, tip: tip.min(max_fee) }
        }
    };
    if price.most() > cap(policy) {
        return Err(above_cap(pool, price.most(), cap(policy)));
    }
    Ok(price)
}

fn above_cap(pool: &Pool, wanted: u128, cap: u128) -> Error {
    Error::retry(
        Kind::Underpriced,
        format!("{}: gas costs {wanted} wei now, the configured cap is {cap}", pool.chain()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legacy(gas_price: u128) -> Price {
        Price::Legacy { gas_price }
    }

    #[test]
    fn atk_074_a_replacement_pays_an_eighth_more_and_at_least_the_market() {
        assert_eq!(legacy(80).raised(legacy(80), 1_000), Some(legacy(90)));
        assert_eq!(legacy(1).raised(legacy(1), 1_000), Some(legacy(2)));
        assert_eq!(legacy(80).raised(legacy(500), 1_000), Some(legacy(500)));
        let old = Price::Dynamic { max_fee: 100, tip: 8 };
        let market = Price::Dynamic { max_fee: 60, tip: 20 };
        assert_eq!(old.raised(market, 1_000), Some(Price::Dynamic { max_fee: 113, tip: 20 }));
        for gas_price in [1, 9, 10, 11, 1_000_000_007] {
            let Some(Price::Legacy { gas_price: raised }) = legacy(gas_price).raised(legacy(0), u128::MAX) else {
                unreachable!()
            };
            assert!(raised * 10 >= gas_price * 11, "nodes demand a tenth: {gas_price} to {raised}");
        }
    }

    #[test]
    fn atk_074_the_cap_is_never_passed_and_price_zero_never_replaced() {
        assert_eq!(legacy(80).raised(legacy(80), 89), None);
        assert_eq!(legacy(80).raised(legacy(80), 90), Some(legacy(90)));
        assert_eq!(legacy(0).raised(legacy(0), 0), None);
        assert_eq!(legacy(u128::MAX).raised(legacy(1), u128::MAX), None);
    }

    #[test]
    fn an_older_kind_of_price_is_raised_as_what_it_is() {
        let market = Price::Dynamic { max_fee: 60, tip: 20 };
        assert_eq!(legacy(80).raised(market, 1_000), Some(legacy(90)));
    }
}
