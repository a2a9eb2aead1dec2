//! The rules by which a header is accepted, one small function each.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::B256;
use causeway_crypto::p256::VerifyP256;

use crate::{
    Over, Params, Refusal, TrustedState, Update,
    block::{self, CONFIG, Payload, SignedMetadata, check_envelopes, signature_header_parts},
    channel::{Channel, Consensus, quorum},
    config_update::{self, ConfigEnvelope},
    header::{BlockHeader, data_hash},
    identity::Signed,
    msp::{Identity, IdentityFault, Validity},
};

/// The rules in the order in which [`verify_with`] applies them. The first one broken is the verdict.
pub const RULES: [&str; 12] = [
    "not frozen",
    "trusted.time <= now < trusted.time + trustingPeriod",
    "update of the format: version, lengths, nothing behind",
    "the run begins right behind the trusted block, and each header names the one before it",
    "signed metadata canonical",
    "the configuration in force after the block: the one that the client has, or the block itself",
    "data, if brought (it must be, of a configuration block): hashes to the header's data hash",
    "each envelope of it: canonical, of the channel, signed by its creator; one alone if it is a configuration",
    "each signature of the block: by a different valid identity, over value, header of the signer, and block header",
    "the signers satisfy the channel's BlockValidation policy",
    "SmartBFT: the signers are a quorum of the consenters",
    "a configuration: next sequence, by an update that those signed who may change what it changes, and its outcome",
];

/// A header that the client believes. It has no time: see [`crate::Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Block number.
    pub height: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// Its parent's hash.
    pub parent_hash: B256,
    /// Hash of its data.
    pub data_hash: B256,
    /// Block of the configuration in force after it.
    pub config_height: u64,
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The header that the update proved.
    pub header: Accepted,
    /// The trusted state from now on.
    pub trusted: TrustedState,
}

/// Judges an update against a trusted state at time `now` (Unix seconds), checking signatures with `V`.
///
/// # Errors
/// The first rule of [`RULES`] that the update breaks.
pub fn verify_with<V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: u64,
) -> Result<Verified, Refusal> {
    let judged = judge::<V>(params, trusted, Base::of(trusted), update, now)?;
    let header = judged.header;
    let accepted = Accepted {
        height: header.number,
        block_hash: header.hash(),
        parent_hash: header.previous_hash.unwrap_or_default(),
        data_hash: header.data_hash,
        config_height: judged.config.as_ref().map_or(trusted.config_height, |_| header.number),
    };
    let moved = TrustedState {
        height: accepted.height,
        time: now,
        block_hash: accepted.block_hash,
        parent_hash: accepted.parent_hash,
        config_height: accepted.config_height,
        channel: judged.config.map_or_else(|| trusted.channel.clone(), Arc::new),
        frozen: None,
    };
    Ok(Verified { header: accepted, trusted: moved })
}

/// The block that a run of headers stands on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    pub(crate) number: u64,
    pub(crate) hash: B256,
}

impl Base {
    pub(crate) const fn of(trusted: &TrustedState) -> Self {
        Self { number: trusted.height, hash: trusted.block_hash }
    }
}

/// A run of headers that is good.
pub(crate) struct Judged {
    /// Hash of each header of the run, the last one's too.
    pub(crate) hashes: Vec<B256>,
    /// The last header.
    pub(crate) header: BlockHeader,
    /// The configuration that it brings.
    pub(crate) config: Option<Channel>,
}

pub(crate) fn judge<V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    base: Base,
    update: &[u8],
    now: u64,
) -> Result<Judged, Refusal> {
    not_frozen(params, trusted)?;
    within_trusting_period(params, trusted, now)?;
    let update = Update::decode(update)?;
    let hashes = linked(base, &update)?;
    let metadata = SignedMetadata::decode(update.signatures)?;
    let states_config = config_in_force(trusted, base, &update, &metadata)?;
    let data = match update.data {
        Some(bytes) => Some(hashed_data(&update.header, bytes)?),
        None if states_config != Some(false) => return Err(Refusal::DataMissing { number: update.header.number }),
        None => None,
    };
    let payloads = match &data {
        Some(data) => check_envelopes::<V>(trusted.channel(), &params.channel, data)?,
        None => Vec::new(),
    };
    let config = config_of(&update.header, states_config, &payloads)?;
    let identities = block_signers::<V>(trusted.channel(), &update.header, &metadata, now)?;
    enough_signers(trusted.channel(), &identities)?;
    let config = config
        .map(|payload| {
            let envelope = ConfigEnvelope::decode(payload.data)?;
            config_update::next::<V>(trusted.channel(), &params.channel, &envelope)
        })
        .transpose()?;
    Ok(Judged { hashes, header: update.header, config })
}

fn not_frozen(params: &Params, trusted: &TrustedState) -> Result<(), Refusal> {
    match trusted.frozen {
        None => Ok(()),
        Some(freeze) => {
            Err(Refusal::Frozen { at: freeze.at, readable_from: freeze.since.saturating_add(params.freeze_delay) })
        }
    }
}

/// Also the verifier's own clock may not go back behind what the state has seen.
pub(crate) fn within_trusting_period(params: &Params, trusted: &TrustedState, now: u64) -> Result<(), Refusal> {
    if now < trusted.time {
        return Err(Refusal::NonMonotonicTime { now, trusted_time: trusted.time });
    }
    let expired_at = trusted.expires_at(params);
    if expired_at > now { Ok(()) } else { Err(Refusal::Expired { expired_at, now }) }
}

/// The hash of each header of the run. Headers do not name their channel, so links are all that ties them to it: two
/// channels of the same orderers differ in nothing else (ATK-044).
fn linked(base: Base, update: &Update<'_>) -> Result<Vec<B256>, Refusal> {
    let (between, _) = update.between.as_chunks::<32>();
    let expected = base.number.saturating_add(1).saturating_add(between.len() as u64);
    let found = update.header.number;
    if found != expected {
        return Err(Refusal::WrongNumber { expected, found });
    }
    let mut hashes = Vec::with_capacity(between.len() + 1);
    let (mut number, mut previous) = (base.number, base.hash);
    for data_hash in between {
        number = number.saturating_add(1);
        previous = BlockHeader { number, previous_hash: Some(previous), data_hash: B256::new(*data_hash) }.hash();
        hashes.push(previous);
    }
    let found = update.header.previous_hash.unwrap_or_default();
    if found != previous {
        return Err(Refusal::NotLinked { number: update.header.number, expected: previous, found });
    }
    hashes.push(update.header.hash());
    Ok(hashes)
}

/// Whether the block says that it holds a configuration itself; `None` if it does not say (Fabric before 1.4.1), which
/// only a single block with its data can do without.
fn config_in_force(
    trusted: &TrustedState,
    base: Base,
    update: &Update<'_>,
    metadata: &SignedMetadata<'_>,
) -> Result<Option<bool>, Refusal> {
    let number = update.header.number;
    let in_force = trusted.config_height;
    match metadata.last_config {
        None if update.between.is_empty() => Ok(None),
        None => Err(Refusal::DataMissing { number }),
        Some(found) if found == number => Ok(Some(true)),
        Some(found) if found == in_force => Ok(Some(false)),
        Some(at) if at > base.number && at < number => Err(Refusal::ConfigMissing { at }),
        Some(found) => Err(Refusal::WrongLastConfig { in_force, found }),
    }
}

fn hashed_data<'a>(header: &BlockHeader, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, Refusal> {
    let data = block::data(bytes)?;
    let found = data_hash(&data);
    if found == header.data_hash { Ok(data) } else { Err(Refusal::WrongData { expected: header.data_hash, found }) }
}

/// The configuration that the data holds, which must agree with what the metadata states. A configuration stands alone
/// in its block.
fn config_of<'a>(
    header: &BlockHeader,
    stated: Option<bool>,
    payloads: &[Payload<'a>],
) -> Result<Option<Payload<'a>>, Refusal> {
    let not_as_signed = Refusal::NotAsSigned { number: header.number };
    let config = match payloads {
        [payload] if payload.kind == CONFIG => Some(*payload),
        payloads if payloads.iter().any(|payload| payload.kind == CONFIG) => return Err(not_as_signed),
        _ => None,
    };
    if stated.is_some_and(|stated| stated != config.is_some()) {
        return Err(not_as_signed);
    }
    Ok(config)
}

/// Who signed the block. Every signature brought must be good; who makes an update leaves bad ones out.
fn block_signers<V: VerifyP256>(
    channel: &Channel,
    header: &BlockHeader,
    metadata: &SignedMetadata<'_>,
    now: u64,
) -> Result<Vec<Identity>, Refusal> {
    let header = header.der();
    let mut signed = Vec::with_capacity(metadata.signatures.len());
    for (place, signature) in metadata.signatures.iter().enumerate() {
        let (signer, named) = match (signature.signature_header, signature.identifier_header) {
            ([], []) => {
                return Err(Refusal::Signer { place, fault: IdentityFault::NotConsenter });
            }
            ([], identifier) => {
                let id = signature.consenter_id()?;
                let consenter = channel.consenter(id).ok_or(Refusal::UnknownConsenter { place, id })?;
                (consenter.serialized.as_slice(), identifier)
            }
            (named, []) => (signature_header_parts(named)?.0, named),
            // A signature says who made it in one way, not in two.
            (_, _) => return Err(Refusal::Signer { place, fault: IdentityFault::NotConsenter }),
        };
        let message = [metadata.value, named, &header].concat();
        signed.push(Signed { signer, message, signature: signature.signature });
    }
    channel.signers::<V>(&signed, Validity::At(now))
}

fn enough_signers(channel: &Channel, identities: &[Identity]) -> Result<(), Refusal> {
    let tally = channel.tally("/Channel/Orderer/BlockValidation", identities)?;
    if !tally.satisfied() {
        let (needed, found) = (tally.needed, tally.found);
        return Err(Refusal::NotEnoughTrust { over: Over::BlockValidation, needed, found });
    }
    let Consensus::Bft(consenters) = channel.consensus() else { return Ok(()) };
    let is_consenter = |identity: &&Identity| {
        consenters.iter().any(|consenter| consenter.certificate.as_ref() == Some(&identity.certificate))
    };
    let needed = quorum(consenters.len());
    let found = identities.iter().filter(is_consenter).count();
    if found >= needed { Ok(()) } else { Err(Refusal::NotEnoughTrust { over: Over::Consenters, needed, found }) }
}

/// Leaves out the signatures of a block that are not good, or not the first of their signer, so that one bad one does
/// not spoil the rest. Gives the metadata that an update may carry.
pub(crate) fn good_signatures<V: VerifyP256>(
    trusted: &TrustedState,
    header: &BlockHeader,
    metadata: SignedMetadata<'_>,
    now: u64,
) -> Vec<u8> {
    let mut kept = SignedMetadata { signatures: Vec::new(), ..metadata };
    let mut keys = Vec::new();
    for signature in metadata.signatures {
        let alone = SignedMetadata { signatures: alloc::vec![signature], ..kept };
        let Ok(signers) = block_signers::<V>(trusted.channel(), header, &alone, now) else { continue };
        let key = signers.first().map(|identity| *identity.certificate.key());
        if !keys.contains(&key) {
            keys.push(key);
            kept.signatures.push(signature);
        }
    }
    kept.encode()
}
