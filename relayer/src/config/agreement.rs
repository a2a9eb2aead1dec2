//! What two organisations agree on before a bridge runs: a JSON file with every fact that, if the two had it different,
//! would make one of them trust something else than the other. `causeway bridge export` writes it from a configuration
//! and two live chains, `bridge join` checks it against the other organisation's own, and both read its fingerprint to
//! each other. `run` refuses to start when the configuration and the agreement differ.

use super::{
    Role,
    error::{ConfigError, Problem},
    secret,
};
use crate::chains::evm::config::Mode;
use alloy::primitives::{Address, B256, U256, keccak256};
use causeway_core::{Lane, LaneEnd, LaneId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path, str::FromStr};

/// `format` of the files that this version reads and writes.
pub const FORMAT: &str = "causeway/bridge/1";
/// An agreement of 1,000 assets takes about 400 kB.
pub const MAX_AGREEMENT_BYTES: u64 = 1024 * 1024;
/// Bounds what `check` asks the chains for.
pub const MAX_ASSETS: usize = 1024;
/// Symbols of a fingerprint: 80 bits. Who wants to pass another file off needs a second preimage, 2^80 tries.
const SYMBOLS: usize = 16;
/// Crockford's alphabet: no I, L, O, U, which are misheard or misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// See the module.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// [`FORMAT`].
    pub format: String,
    /// The bridge's name.
    pub name: String,
    /// Counts up when a bridge starts anew; a new epoch inherits nothing.
    pub epoch: u64,
    /// The two ends.
    pub ends: [End; 2],
    /// The assets that may cross.
    pub assets: Vec<Asset>,
    /// Who runs the bridge, in the order of the ends.
    pub organisations: Vec<Organisation>,
}

/// One end: a chain, how its headers are verified, and the contracts of Causeway on it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// CAIP-2 id.
    pub chain: String,
    /// Hash of block 0.
    pub genesis: B256,
    /// Consensus of this chain: `qbft`, `ibft2` or `ibft1`.
    pub consensus: String,
    /// Where trust in this chain starts.
    pub pinned: Pinned,
    /// Trusting period, seconds.
    pub trusting_period: u64,
    /// Clock drift, seconds.
    pub clock_drift: u64,
    /// Seconds between a freeze and the recovery that may follow.
    pub freeze_delay: u64,
    /// The vault: its proxy's address, and the hash over the proxy's code and all code that it runs.
    pub vault: Contract,
    /// The outbox that this end writes for this bridge.
    pub outbox: Contract,
    /// The light client, on this chain, of the other end's chain.
    pub client: Contract,
}

/// A header that trust starts from.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Height.
    pub height: u64,
    /// Hash.
    pub hash: B256,
}

/// A contract, with the hash of the code that was looked at.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Address.
    pub address: Address,
    /// keccak-256 of its runtime code.
    pub code_hash: B256,
}

/// An asset that may cross.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// What it is called in reports; has no meaning beyond them.
    pub symbol: String,
    /// What kind of token.
    pub kind: AssetKind,
    /// CAIP-2 id of the end that is its home: locked and released there, minted and burned at the other.
    pub home: String,
    /// Decimals, the same at both ends; 0 for ERC-721.
    pub decimals: u8,
    /// The token at home.
    pub token: Address,
    /// The voucher at the other end.
    pub voucher: Address,
    /// Most that is credited, and that is locked, per window, in token units (tokens for ERC-721).
    pub cap: U256,
    /// The window, seconds.
    pub window: u64,
}

/// Token standards.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AssetKind {
    /// ERC-20.
    Erc20,
    /// ERC-721.
    Erc721,
}

/// An organisation that takes part.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Name.
    pub name: String,
    /// SHA-256 of the DER form of the CA certificate that its relayers' certificates come from.
    pub ca_sha256: B256,
}

/// A lane of a bridge, as a relayer that serves one side works on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeLane {
    /// Everything that names it.
    pub lane: Lane,
    /// Index of the end where it starts.
    pub from: usize,
    /// What this relayer does on it.
    pub role: Role,
}

impl BridgeLane {
    /// The lane's id.
    pub fn id(&self) -> LaneId {
        self.lane.id()
    }
}

impl End {
    fn lane_end(&self) -> LaneEnd {
        LaneEnd {
            chain: keccak256(self.chain.as_bytes()),
            genesis: self.genesis,
            vault: keccak256(self.vault.address),
            outbox: keccak256(self.outbox.address),
        }
    }
}

impl Agreement {
    /// Reads and checks an agreement.
    ///
    /// # Errors
    /// Unreadable, of another format, or impossible in itself.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = secret::read_public("", path, MAX_AGREEMENT_BYTES).map_err(|p| ConfigError::one(path, p))?;
        Self::parse(&bytes).map_err(|problem| ConfigError::one(path, problem))
    }

    /// Parses and checks an agreement.
    ///
    /// # Errors
    /// As [`Agreement::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let agreement: Self = serde_json::from_slice(bytes).map_err(|error| {
            Problem::new("", format!("a bridge agreement (JSON, format `{FORMAT}`)"), error.to_string(), EXPORT_ANEW)
        })?;
        agreement.check()?;
        Ok(agreement)
    }

    fn check(&self) -> Result<(), Problem> {
        if self.format != FORMAT {
            return Err(Problem::new("format", FORMAT, format!("{:?}", self.format), EXPORT_ANEW));
        }
        let [a, b] = &self.ends;
        if (&a.chain, a.genesis) == (&b.chain, b.genesis) {
            return Err(Problem::new("ends", "two different chains", format!("{} twice", a.chain), EXPORT_ANEW));
        }
        for (i, end) in self.ends.iter().enumerate() {
            if end.genesis.is_zero() || end.pinned.hash.is_zero() {
                let found = "a hash of zeros";
                return Err(Problem::new(format!("ends[{i}]"), "genesis and pinned hash", found, EXPORT_ANEW));
            }
            for (name, contract) in [("vault", end.vault), ("outbox", end.outbox), ("client", end.client)] {
                if contract.address.is_zero() || contract.code_hash.is_zero() {
                    let expected = "an address and the hash of its code";
                    return Err(Problem::new(format!("ends[{i}].{name}"), expected, "zero", EXPORT_ANEW));
                }
            }
        }
        if self.assets.len() > MAX_ASSETS {
            let found = self.assets.len().to_string();
            return Err(Problem::new("assets", format!("at most {MAX_ASSETS}"), found, "split the bridge"));
        }
        if let Some(asset) = self.assets.iter().find(|asset| self.end(&asset.home).is_none()) {
            let expected = format!("`{}` or `{}`", a.chain, b.chain);
            return Err(Problem::new(format!("assets.{}.home", asset.symbol), expected, &asset.home, EXPORT_ANEW));
        }
        Ok(())
    }

    /// The index of the end on `chain` (a CAIP-2 id).
    pub fn end(&self, chain: &str) -> Option<usize> {
        self.ends.iter().position(|end| end.chain == chain)
    }

    /// The lane that leaves end `from` (0 or 1).
    pub fn lane(&self, from: usize) -> Lane {
        let [a, b] = &self.ends;
        let lane = Lane { source: a.lane_end(), destination: b.lane_end(), epoch: self.epoch };
        if from == 0 { lane } else { lane.reverse() }
    }

    /// Both lanes, for a relayer that serves end `side`, or both ends.
    pub fn lanes(&self, side: Option<usize>) -> [BridgeLane; 2] {
        [0, 1].map(|from| {
            let role = match side {
                None => Role::Both,
                Some(side) if side == from => Role::Source,
                Some(_) => Role::Destination,
            };
            BridgeLane { lane: self.lane(from), from, role }
        })
    }

    /// The file's content: stable, one fact a line.
    pub fn to_json(&self) -> String {
        // Serialising to a string fails only for maps with keys that are not strings: there are none.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// What two people read to each other: 80 bits over every fact in here, independent of white space.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = keccak256(serde_json::to_vec(self).unwrap_or_default());
        Fingerprint::of(&digest)
    }
}

const EXPORT_ANEW: &str = "ask for a file made by `causeway bridge export`; do not edit it";

/// Short fingerprint of an agreement: `XXXX-XXXX-XXXX-XXXX` in Crockford's base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Fingerprint([u8; SYMBOLS]);

impl Fingerprint {
    fn of(digest: &B256) -> Self {
        let mut symbols = [0; SYMBOLS];
        let bits = digest.iter().take(10).fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        for (i, symbol) in symbols.iter_mut().rev().enumerate() {
            *symbol = (bits >> (5 * i) & 31) as u8;
        }
        Self(symbols)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, symbol) in self.0.iter().enumerate() {
            if i > 0 && i % 4 == 0 {
                f.write_str("-")?;
            }
            let letter = ALPHABET.get(usize::from(*symbol)).copied().unwrap_or(b'?');
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

/// Text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: expected 16 letters and digits like 7KQ2-M9XD-W3TF-0H5C")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut symbols = [0; SYMBOLS];
        let mut letters = text.bytes().filter(|b| !matches!(b, b'-' | b' '));
        for slot in &mut symbols {
            let letter = match letters.next().ok_or(NotAFingerprint)?.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            let at = ALPHABET.iter().position(|symbol| *symbol == letter).ok_or(NotAFingerprint)?;
            *slot = u8::try_from(at).map_err(|_| NotAFingerprint)?;
        }
        if letters.next().is_some() { Err(NotAFingerprint) } else { Ok(Self(symbols)) }
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NotAFingerprint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// How an agreement writes a consensus mode.
pub(crate) const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Qbft => "qbft",
        Mode::Ibft2 => "ibft2",
        Mode::Ibft1 => "ibft1",
    }
}
