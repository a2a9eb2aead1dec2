//! The bridges that callers may use: their lanes, chains and assets, by the names that callers know.

use super::refused::Refused;
use crate::{
    chains::Prepare,
    config::agreement::{Agreement, AssetKind},
    lane::{chain::ChainView, swaps::SwapBook, types::Account},
};
use alloy::primitives::{Address, B256};
use causeway_core::{AccountId, AssetId, Caip2, LaneId};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// An asset of a bridge, on one of its chains.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) id: AssetId,
    pub(crate) hash: B256,
    pub(crate) address: Address,
    pub(crate) unique: bool,
    pub(crate) symbol: String,
    pub(crate) decimals: u8,
}

/// One end of a bridge.
pub(crate) struct End {
    pub(crate) chain: Caip2,
    pub(crate) chain_id: u64,
    pub(crate) view: Arc<ChainView>,
    pub(crate) prepare: Arc<dyn Prepare>,
    pub(crate) tokens: Vec<Token>,
    /// Least seconds by which a proven header was behind this machine's clock when it came: what the two clocks differ by,
    /// and the shortest way of a header.
    pub(crate) offset: AtomicU64,
}

/// A chain's clock as seen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainTime {
    /// What it shows now, Unix seconds.
    pub(crate) now: u64,
    /// For how long what is proven is behind that, seconds.
    pub(crate) lag: u64,
}

impl End {
    pub(crate) fn account(&self, word: &B256) -> AccountId {
        AccountId::evm(self.chain_id, Address::from_word(*word))
    }

    /// The chain's clock at this machine's `now`. A chain's clock may be far from this machine's, so it is not the header's
    /// age that counts, but how much older it is than headers were when they came. Nothing before the first header.
    pub(crate) fn time(&self, now: u64) -> Option<ChainTime> {
        let proven = self.view.tip()?.trusted.time;
        let behind = now.saturating_sub(proven);
        let offset = self.offset.fetch_min(behind, Ordering::Relaxed).min(behind);
        let lag = behind - offset;
        Some(ChainTime { now: proven.saturating_add(lag), lag })
    }

    pub(crate) fn token(&self, hash: &B256) -> Option<&Token> {
        self.tokens.iter().find(|token| token.hash == *hash)
    }

    /// Reads an account of this chain: the id, and its word.
    ///
    /// # Errors
    /// Not a CAIP-10 id of this chain.
    pub(crate) fn read_account(&self, field: &str, text: &str) -> Result<(AccountId, B256), Refused> {
        let expected = format!("a CAIP-10 account on {}", self.chain);
        let account: AccountId = text.parse().map_err(|_| Refused::field(field, &expected, format!("{text:?}")))?;
        let word = account.evm_word().filter(|_| *account.chain() == self.chain);
        word.map(|word| (account, word)).ok_or_else(|| Refused::field(field, &expected, format!("{text:?}")))
    }
}

/// A bridge. Lane k leaves end k.
pub(crate) struct Bridge {
    pub(crate) name: String,
    /// The organisation at the other end; none where this relayer serves both.
    pub(crate) peer: Option<String>,
    pub(crate) lanes: [LaneId; 2],
    pub(crate) ends: [End; 2],
    pub(crate) swaps: Arc<SwapBook>,
}

impl Bridge {
    /// Which end a lane leaves.
    pub(crate) fn end_of(&self, lane: LaneId) -> Option<&End> {
        self.lanes.iter().zip(&self.ends).find(|(l, _)| **l == lane).map(|(_, end)| end)
    }

    /// The end with this asset, and the asset.
    ///
    /// # Errors
    /// Not an asset of this bridge.
    pub(crate) fn asset(&self, field: &str, text: &str) -> Result<(usize, &Token), Refused> {
        let parsed: Option<AssetId> = text.parse().ok();
        let found = parsed.as_ref().and_then(|id| {
            self.ends.iter().enumerate().find_map(|(at, end)| Some((at, end.tokens.iter().find(|t| t.id == *id)?)))
        });
        found.ok_or_else(|| Refused::field(field, "a CAIP-19 asset of this bridge", format!("{text:?}")))
    }

    /// The assets of end `at`, as both organisations agreed on them.
    pub(crate) fn tokens(agreement: &Agreement, at: usize, chain_id: u64) -> Vec<Token> {
        let on = |asset: &crate::config::agreement::Asset| {
            let address = if agreement.end(&asset.home) == Some(at) { asset.token } else { asset.voucher };
            let unique = asset.kind == AssetKind::Erc721;
            let id = if unique { AssetId::erc721(chain_id, address) } else { AssetId::erc20(chain_id, address) };
            let (symbol, decimals) = (asset.symbol.clone(), asset.decimals);
            Token { hash: id.hash(), id, address, unique, symbol, decimals }
        };
        agreement.assets.iter().map(on).collect()
    }
}

/// All bridges.
pub(crate) struct Bridges(pub(crate) Vec<Arc<Bridge>>);

impl Bridges {
    /// # Errors
    /// Not `bridges/{name}` of one that is served here.
    pub(crate) fn named(&self, field: &str, name: &str) -> Result<&Arc<Bridge>, Refused> {
        let bare = name.strip_prefix("bridges/");
        let found = bare.and_then(|bare| self.0.iter().find(|bridge| bridge.name == bare));
        found.ok_or_else(|| {
            Refused::field(field, "bridges/{bridge} of a bridge that is served here", format!("{name:?}"))
        })
    }

    /// The bridge of these two lanes, in either order.
    pub(crate) fn of(&self, lanes: [LaneId; 2]) -> Option<&Arc<Bridge>> {
        let [a, b] = lanes;
        self.0.iter().find(|bridge| bridge.lanes == [a, b] || bridge.lanes == [b, a])
    }

    /// Ends on a chain.
    pub(crate) fn on_chain<'a>(&'a self, chain: &'a str) -> impl Iterator<Item = &'a End> {
        self.0.iter().flat_map(|bridge| &bridge.ends).filter(move |end| end.chain.as_str() == chain)
    }
}

/// Native bytes of an EVM account word.
pub(crate) fn native(word: &B256) -> Account {
    Account::copy_from_slice(Address::from_word(*word).as_slice())
}
