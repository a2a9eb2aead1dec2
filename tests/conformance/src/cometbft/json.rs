//! CometBFT's JSON as nodes, tendermint-rs and IBC relayers write it: numbers as numbers or strings, bytes in hex or base64,
//! unions by `type` or by `@type`.

use alloy_primitives::{B256, FixedBytes};
use causeway_cometbft::{
    Address, BlockId, Commit, CommitSig, Header, IbcHeight, PartSetHeader, PublicKey, Time, Update, Validator,
    ValidatorSet, Vote,
};
use serde_json::Value;

use crate::json::{array, field, text, unhex};

/// A field that is there and not null.
pub fn given<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

/// A whole number, written as one or as a string; 0 if it is not there.
pub fn number(value: &Value, name: &str) -> Result<u64, String> {
    match given(value, name) {
        None => Ok(0),
        Some(Value::String(text)) => text.parse().map_err(|error| format!("{name}: {error}")),
        Some(number) => number.as_u64().ok_or_else(|| format!("{name} is no whole number")),
    }
}

/// Bytes in base64; hex where `0x` says so. Nothing where there is nothing.
pub fn base64(value: Option<&Value>) -> Result<Vec<u8>, String> {
    let text = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value.as_str().ok_or("no string")?,
    };
    if text.starts_with("0x") { unhex(text) } else { decode_base64(text).ok_or(format!("no base64: {text}")) }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

/// Bytes in hex; nothing where there is nothing.
fn hex(value: &Value, name: &str) -> Result<Vec<u8>, String> {
    match given(value, name) {
        None => Ok(Vec::new()),
        Some(value) => unhex(value.as_str().ok_or_else(|| format!("{name} is no string"))?),
    }
}

fn hash(value: &Value, name: &str) -> Result<Option<B256>, String> {
    match hex(value, name)?.as_slice() {
        [] => Ok(None),
        bytes => B256::try_from(bytes).map(Some).map_err(|_| format!("{name} is no hash")),
    }
}

fn address(value: &Value, name: &str) -> Result<Address, String> {
    FixedBytes::try_from(hex(value, name)?.as_slice()).map_err(|_| format!("{name} is no address"))
}

/// RFC 3339.
pub fn time(text: &str) -> Result<Time, String> {
    let bad = || format!("no time: {text}");
    let (date, clock) = text.split_once('T').ok_or_else(bad)?;
    let clock = clock.strip_suffix('Z').or_else(|| clock.strip_suffix("+00:00")).ok_or_else(bad)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let numbers = |text: &str, by: char| text.split(by).map(str::parse).collect::<Result<Vec<i64>, _>>();
    let ([year, month, day], [hour, minute, second]) = (
        <[i64; 3]>::try_from(numbers(date, '-').map_err(|_| bad())?).map_err(|_| bad())?,
        <[i64; 3]>::try_from(numbers(clock, ':').map_err(|_| bad())?).map_err(|_| bad())?,
    );
    let nanos = format!("{fraction:0<9}").get(..9).and_then(|digits| digits.parse().ok()).ok_or_else(bad)?;
    // Days from the civil calendar: years start in March, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Time::new(days * 86_400 + hour * 3_600 + minute * 60 + second, nanos).ok_or_else(bad)
}

/// A header, owned.
#[derive(Clone, Debug)]
pub struct OwnedHeader {
    chain_id: String,
    app_hash: Vec<u8>,
    rest: Header<'static>,
}

impl OwnedHeader {
    /// Reads a header.
    pub fn read(value: &Value) -> Result<Self, String> {
        let version = given(value, "version").unwrap_or(&Value::Null);
        let rest = Header {
            block_protocol: number(version, "block")?,
            app_protocol: number(version, "app")?,
            chain_id: "",
            height: number(value, "height")?,
            time: time(text(value, "time")?)?,
            last_block_id: block_id(given(value, "last_block_id"))?,
            last_commit_hash: hash(value, "last_commit_hash")?,
            data_hash: hash(value, "data_hash")?,
            validators_hash: hash(value, "validators_hash")?,
            next_validators_hash: hash(value, "next_validators_hash")?,
            consensus_hash: hash(value, "consensus_hash")?,
            app_hash: &[],
            last_results_hash: hash(value, "last_results_hash")?,
            evidence_hash: hash(value, "evidence_hash")?,
            proposer_address: address(value, "proposer_address")?,
        };
        Ok(Self { chain_id: text(value, "chain_id")?.to_owned(), app_hash: hex(value, "app_hash")?, rest })
    }

    /// The header as the client takes it.
    pub fn header(&self) -> Header<'_> {
        Header { chain_id: &self.chain_id, app_hash: &self.app_hash, ..self.rest.clone() }
    }
}

fn block_id(value: Option<&Value>) -> Result<BlockId, String> {
    let Some(value) = value else { return Ok(BlockId::default()) };
    let parts = match given(value, "parts").or_else(|| given(value, "part_set_header")) {
        None => PartSetHeader::default(),
        Some(parts) => PartSetHeader {
            total: u32::try_from(number(parts, "total")?).map_err(|error| error.to_string())?,
            hash: hash(parts, "hash")?,
        },
    };
    Ok(BlockId { hash: hash(value, "hash")?, parts })
}

/// An entry of a commit, owned.
#[derive(Clone, Debug)]
pub struct OwnedSig {
    flag: u64,
    /// Who is said to have signed; none for an absent one.
    pub address: Option<Address>,
    time: Time,
    signature: Vec<u8>,
}

impl OwnedSig {
    fn read(value: &Value) -> Result<Self, String> {
        let (flag, value) = match value.get("@type").and_then(Value::as_str) {
            Some("absent") => (1, &Value::Null),
            Some("commit") => (2, field(value, "@value")?),
            Some("nil") => (3, field(value, "@value")?),
            Some(other) => return Err(format!("commit signature of type {other}")),
            None => (number(value, "block_id_flag")?, value),
        };
        let time = given(value, "timestamp").and_then(Value::as_str).map(time).transpose()?;
        let address = match hex(value, "validator_address")?.as_slice() {
            [] => None,
            bytes => Some(Address::try_from(bytes).map_err(|_| "validator_address is no address")?),
        };
        let signature = base64(value.get("signature"))?;
        Ok(Self { flag, address, time: time.unwrap_or(Time::ZERO), signature })
    }

    fn sig(&self) -> CommitSig<'_> {
        let vote = Vote { address: self.address.unwrap_or_default(), time: self.time, signature: &self.signature };
        match self.flag {
            2 => CommitSig::Commit(vote),
            3 => CommitSig::Nil(vote),
            _ => CommitSig::Absent,
        }
    }
}

/// A commit, owned.
#[derive(Clone, Debug)]
pub struct OwnedCommit {
    height: u64,
    round: u32,
    block_id: BlockId,
    /// Its entries.
    pub signatures: Vec<OwnedSig>,
}

impl OwnedCommit {
    /// Reads a commit.
    pub fn read(value: &Value) -> Result<Self, String> {
        Ok(Self {
            height: number(value, "height")?,
            round: u32::try_from(number(value, "round")?).map_err(|error| error.to_string())?,
            block_id: block_id(given(value, "block_id"))?,
            signatures: match given(value, "signatures") {
                None => Vec::new(),
                Some(_) => array(value, "signatures")?.iter().map(OwnedSig::read).collect::<Result<_, _>>()?,
            },
        })
    }

    /// The commit as the client takes it.
    pub fn commit(&self) -> Commit<'_> {
        let signatures = self.signatures.iter().map(OwnedSig::sig).collect();
        Commit { height: self.height, round: self.round, block_id: self.block_id, signatures }
    }

    /// The same entries in the order of a set, where the file has another: each belongs to the validator of its address.
    /// Files that can not be put in order stay as they are.
    pub fn order_by(&mut self, validators: &[Validator]) {
        let mut named: Vec<_> = self.signatures.iter().filter(|sig| sig.address.is_some()).cloned().collect();
        let mut absent: Vec<_> = self.signatures.iter().filter(|sig| sig.address.is_none()).cloned().collect();
        let mut ordered = Vec::new();
        for validator in validators {
            match named.iter().position(|sig| sig.address == Some(validator.address)) {
                Some(at) => ordered.push(named.remove(at)),
                None => ordered.extend(absent.pop()),
            }
        }
        if named.is_empty() && absent.is_empty() && ordered.len() == validators.len() {
            self.signatures = ordered;
        }
    }
}

/// A public key.
pub fn public_key(value: &Value) -> Result<PublicKey, String> {
    let value = value.get("Sum").unwrap_or(value);
    let kind = value.get("type").or_else(|| value.get("@type")).and_then(Value::as_str).ok_or("key of no type")?;
    let inner = value.get("value").or_else(|| value.get("@value"));
    let bytes = match inner {
        Some(Value::Object(fields)) => base64(fields.values().next())?,
        other => base64(other)?,
    };
    let kind = kind.to_ascii_lowercase();
    if kind.contains("ed25519") {
        bytes.as_slice().try_into().map(PublicKey::Ed25519).map_err(|_| "no Ed25519 key".into())
    } else if kind.contains("secp256k1") {
        bytes.as_slice().try_into().map(PublicKey::Secp256k1).map_err(|_| "no secp256k1 key".into())
    } else {
        Err(format!("key of type {kind}"))
    }
}

/// The validators of a set in the file's order. Their addresses must be those of their keys.
pub fn validators(value: &Value) -> Result<Vec<Validator>, String> {
    let read = |entry: &Value| {
        let validator = Validator::new(public_key(field(entry, "pub_key")?)?, number(entry, "voting_power")?);
        match hex(entry, "address")?.as_slice() {
            address if address == validator.address.as_slice() => Ok(validator),
            _ => Err(format!("address of validator {} is not that of its key", validator.address)),
        }
    };
    match given(value, "validators") {
        None => Ok(Vec::new()),
        Some(_) => array(value, "validators")?.iter().map(read).collect(),
    }
}

/// The order that a chain keeps its validators in: by power, highest first, then by address.
pub fn canonical(mut validators: Vec<Validator>) -> Vec<Validator> {
    validators.sort_by(|a, b| b.power.cmp(&a.power).then(a.address.cmp(&b.address)));
    validators
}

/// A light block.
#[derive(Clone, Debug)]
pub struct LightBlock {
    /// Its header.
    pub header: OwnedHeader,
    /// Its commit.
    pub commit: OwnedCommit,
    /// Its validators.
    pub validators: Vec<Validator>,
    /// Those of the next block, where the file has them.
    pub next_validators: Option<Vec<Validator>>,
}

impl LightBlock {
    /// Reads `{signed_header, validator_set, next_validator_set}`.
    pub fn read(value: &Value) -> Result<Self, String> {
        let signed = field(value, "signed_header")?;
        Ok(Self {
            header: OwnedHeader::read(field(signed, "header")?)?,
            commit: OwnedCommit::read(field(signed, "commit")?)?,
            validators: given(value, "validator_set").map_or(Ok(Vec::new()), validators)?,
            next_validators: given(value, "next_validator_set").map(validators).transpose()?,
        })
    }

    /// As [`LightBlock::read`], with sets and commit in the order of a chain.
    pub fn read_ordered(value: &Value) -> Result<Self, String> {
        let mut block = Self::read(value)?;
        block.validators = canonical(block.validators);
        block.next_validators = block.next_validators.map(canonical);
        block.commit.order_by(&block.validators);
        Ok(block)
    }

    /// Its height.
    pub fn height(&self) -> u64 {
        self.header.rest.height
    }

    /// The update that brings it.
    ///
    /// # Errors
    /// One of the sets is none.
    pub fn update(&self, from: Option<IbcHeight>, trusted: Option<&[Validator]>) -> Result<Vec<u8>, String> {
        let set =
            |validators: &[Validator]| ValidatorSet::new(validators.to_vec()).map_err(|refusal| refusal.to_string());
        let update = Update {
            header: self.header.header(),
            commit: self.commit.commit(),
            validators: set(&self.validators)?,
            trusted_height: from,
            trusted_validators: trusted.map(set).transpose()?,
        };
        let bytes = update.encode();
        match Update::decode(&bytes) {
            Ok(again) if again != update => Err("reads back as another update".into()),
            _ => Ok(bytes),
        }
    }
}
