//! The `[[chain]]` section of an EVM chain. Unknown keys are refused; every default is stated here.

mod check;

use alloy::primitives::{Address, B256};
use causeway_bft_evm::Threshold;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, time::Duration};

/// Most endpoints of one chain (INV-7).
pub const MAX_ENDPOINTS: usize = 16;
/// Most transactions of one signer in flight. Nodes keep 64 executable transactions per account by default
/// (geth's `accountslots` is 16 guaranteed, Besu's sender limit 200); more would be dropped and sent again.
pub const MAX_WINDOW: usize = 64;

/// Consensus of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// QBFT (Besu, GoQuorum).
    Qbft,
    /// IBFT 2.0 (Besu).
    Ibft2,
    /// IBFT 1 (GoQuorum).
    Ibft1,
}

/// One EVM chain under Istanbul-style consensus.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvmChain {
    /// CAIP-2 id, for example `eip155:1337`.
    pub id: String,
    /// Hash of block 0.
    #[schemars(with = "String")]
    pub genesis: B256,
    /// Consensus mode.
    pub mode: Mode,
    /// The header that trust starts from. There is no default: a node is never asked for it.
    pub pinned: PinnedHeader,
    /// How long a client stays usable after its newest header. Shorter than the time in which validators that left
    /// could be made to sign again.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub trusting_period: Duration,
    /// How long after a freeze or an expiry the last block below it may be read again. Part of what both organisations agree on.
    #[serde(default = "default_freeze_delay", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub freeze_delay: Duration,
    /// Share of the validators trusted so far that must have sealed a block which lists others, `1/3` to `2/3`, exceeded or
    /// a quorum. `2/3` is what the chain itself calls final, but leaves the client behind where a validator is removed and
    /// blocks hold no more seals than they need; `1/2` does so only where four become three. Part of the client contract.
    #[serde(default)]
    #[schemars(with = "String")]
    pub trust_threshold: TrustThreshold,
    /// How far a header's time may lie ahead of this machine's clock.
    #[serde(default = "default_drift", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub clock_drift: Duration,
    /// Address of the vault (its proxy).
    #[schemars(with = "String")]
    pub vault: Address,
    /// Hash over the vault's code that the organisations agreed on. Without it the first one that is proven counts; with
    /// another one the chain's lanes stop.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub vault_code: Option<B256>,
    /// Usual time between two blocks.
    #[serde(default = "default_block_time", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub block_time: Duration,
    /// Whether the chain makes blocks without transactions. Where it does not, silence of all nodes is no fault.
    #[serde(default = "yes")]
    pub empty_blocks: bool,
    /// The chain's nodes. More than one, better in other hands.
    pub endpoints: Vec<Endpoint>,
    /// Most blocks in one question for logs.
    #[serde(default = "default_log_range")]
    pub log_range: u64,
    /// Who signs transactions; without it this relayer only reads the chain.
    #[serde(default)]
    pub signer: Option<Signer>,
    /// What transactions pay.
    #[serde(default)]
    pub fees: Fees,
    /// Gas limits of deliveries.
    #[serde(default)]
    pub gas: Gas,
}

/// A share of validators, written `1/2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TrustThreshold(pub Threshold);

impl Default for TrustThreshold {
    fn default() -> Self {
        Self(Threshold::HALF)
    }
}

impl TryFrom<String> for TrustThreshold {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let share = text.split_once('/').and_then(|(numerator, denominator)| {
            Some(Threshold { numerator: numerator.trim().parse().ok()?, denominator: denominator.trim().parse().ok()? })
        });
        match share {
            Some(share) if share.is_sound() => Ok(Self(share)),
            _ => Err(format!("expected a share of 1/3 to 2/3, found `{text}`")),
        }
    }
}

impl Serialize for TrustThreshold {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.0.numerator, self.0.denominator))
    }
}

/// The header that trust starts from.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinnedHeader {
    /// Height.
    pub height: u64,
    /// Hash.
    #[schemars(with = "String")]
    pub hash: B256,
}

/// One node.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Name in logs, metrics and messages. URLs never appear there: they may hold keys.
    pub label: String,
    /// HTTP(S) JSON-RPC URL; one that carries a key or a password stands in a file (mode 0600): `file:PATH`.
    pub url: SecretUrl,
    /// WebSocket URL for new heads. Without it the node is polled once per block time.
    #[serde(default)]
    pub ws: Option<SecretUrl>,
    /// Lower is asked first among endpoints of equal health.
    #[serde(default)]
    pub priority: u8,
    /// Deadline of one call.
    #[serde(default = "default_deadline", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub deadline: Duration,
}

/// The signer of a chain.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// Name in logs and metrics, which never show its address.
    #[serde(default = "default_signer_label")]
    pub label: String,
    /// File with the private key, 64 hexadecimal digits. Readable by its owner alone (0600), else refused.
    pub key_file: PathBuf,
    /// Most transactions in flight.
    #[serde(default = "default_window")]
    pub window: usize,
    /// Blocks without inclusion after which a transaction is sent again, and then with a higher fee.
    #[serde(default = "default_resend")]
    pub resend_after_blocks: u64,
}

/// What transactions pay.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fees {
    /// Legacy transactions at gas price 0, never replaced: there is no fee to raise.
    #[default]
    Zero,
    /// Legacy transactions.
    Legacy {
        /// Price in wei; without it the node's suggestion.
        #[serde(default)]
        gas_price: Option<u64>,
        /// Never pay more than this, wei per gas.
        max_gas_price: u64,
    },
    /// EIP-1559 transactions: cap `2 × base fee + tip`.
    Eip1559 {
        /// Tip in wei per gas; without it the node's suggestion.
        #[serde(default)]
        tip: Option<u64>,
        /// Never offer more than this, wei per gas.
        max_fee: u64,
    },
}

/// Gas limit of a delivery: `base + calldata + Σ per entry`, at most `limit`. An estimate by the node is asked for only
/// after a failure, so that the hot path costs no extra call. The defaults are a fifth above what a mint or release to a
/// fresh account takes; looser limits would leave room in blocks unused, which are filled by limits.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gas {
    /// Intrinsic gas, header, seals, state proof, and the reserve that the vault demands before a token's call.
    pub base: u64,
    /// Execution gas of a `Transfer` to a fresh recipient, with room for its `Returned`.
    pub per_transfer: u64,
    /// Execution gas of a `Returned`, with its original's proof.
    pub per_returned: u64,
    /// Execution gas of a swap fact, with the release that it may cause.
    pub per_swap: u64,
    /// Highest gas limit of one transaction (EIP-7825 allows 2^24).
    pub limit: u64,
}

impl Default for Gas {
    fn default() -> Self {
        Self { base: 750_000, per_transfer: 32_000, per_returned: 60_000, per_swap: 60_000, limit: 1 << 24 }
    }
}

/// A URL that may hold credentials: never printed.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretUrl(#[schemars(url)] String);

impl SecretUrl {
    /// Wraps a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL, for connecting only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<url>")
    }
}

const fn default_drift() -> Duration {
    Duration::from_secs(15)
}

const fn default_freeze_delay() -> Duration {
    Duration::from_secs(7 * 24 * 3600)
}

const fn default_block_time() -> Duration {
    Duration::from_secs(1)
}

const fn default_deadline() -> Duration {
    Duration::from_secs(10)
}

const fn default_log_range() -> u64 {
    1_000
}

fn default_signer_label() -> String {
    "signer".to_owned()
}

const fn default_window() -> usize {
    16
}

const fn default_resend() -> u64 {
    4
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::lane::error::Kind;

    const GOOD: &str = r#"
        id = "eip155:1337"
        genesis = "0x1111111111111111111111111111111111111111111111111111111111111111"
        mode = "qbft"
        pinned = { height = 7, hash = "0x2222222222222222222222222222222222222222222222222222222222222222" }
        trusting_period = "14days"
        vault = "0x3333333333333333333333333333333333333333"
        fees = { policy = "legacy", gas_price = 5, max_gas_price = 50 }
        signer = { key_file = "key" }
        [[endpoints]]
        label = "a"
        url = "https://user:canary@node.example/v3/canary"
        ws = "wss://node.example/canary"
    "#;

    fn read(text: &str) -> Result<EvmChain, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_short_section_is_enough_and_shows_no_secret() {
        let chain = read(GOOD).unwrap();
        chain.validate().unwrap();
        assert_eq!(chain.chain_id().unwrap(), 1337);
        assert_eq!((chain.block_time, chain.clock_drift), (Duration::from_secs(1), Duration::from_secs(15)));
        assert!(chain.empty_blocks);
        assert!(!format!("{chain:?}").contains("canary"));
    }

    #[test]
    fn unknown_keys_and_missing_pins_are_refused() {
        for (from, to) in [
            ("mode = \"qbft\"", "mode = \"qbft\"\ncolour = 1"),
            ("mode = \"qbft\"", "mode = \"clique\""),
            ("height = 7,", ""),
            ("label = \"a\"", "label = \"a\"\nproxy = 1"),
            ("policy = \"legacy\"", "policy = \"legacy\", tip = 1"),
            ("key_file = \"key\"", "key_file = \"key\", passphrase = 1"),
        ] {
            assert!(read(&GOOD.replace(from, to)).is_err(), "{to}");
        }
        assert!(
            read(&GOOD.replace("pinned", "pined")).is_err(),
            "there is no default for where trust starts (ATK-068)"
        );
    }

    #[test]
    fn values_that_types_allow_are_still_checked() {
        for (from, to) in [
            ("eip155:1337", "eip155:01337"),
            ("eip155:1337", "eip155:0x539"),
            ("eip155:1337", "cosmos:1337"),
            ("eip155:1337", "../../x"),
            ("https://user", "file://user"),
            ("wss://", "https://"),
            ("\"a\"", "\"a\\nb\""),
            ("0x3333333333333333333333333333333333333333", "0x0000000000000000000000000000000000000000"),
            ("\"14days\"", "\"10s\""),
            ("key_file = \"key\"", "key_file = \"key\", window = 65"),
            ("fees", "gas = { base = 20999 }\nfees"),
        ] {
            let chain = read(&GOOD.replace(from, to)).unwrap();
            assert_eq!(chain.validate().unwrap_err().kind, Kind::InvalidConfig, "{to}");
        }
        let twice = format!("{GOOD}\n[[endpoints]]\nlabel = \"a\"\nurl = \"http://x\"");
        assert!(read(&twice).unwrap().validate().is_err());
    }
}
