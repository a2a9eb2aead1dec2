//! The rules by which a header is accepted, one small function each.

use alloy_primitives::{Address, B256};
use causeway_crypto::{HighS, Recover, sm2};

use crate::{Freeze, Header, Over, Params, Refusal, SealerSet, Suite, TrustedState, Update};

/// The rules in the order in which [`verify_with`] applies them. The first one broken is the verdict.
pub const RULES: [&str; 10] = [
    "not frozen (or, after the freeze delay, the last common block itself, without signatures)",
    "within the trusting period: trusted.time + trustingPeriod > now",
    "update of the format, within its bounds; header of the chain's version, its hash the only reading of its fields",
    "sealers: some, each once, each with weight",
    "time <= now + drift",
    "newer height: newer time; otherwise not a newer time",
    "not newer: lists the very set in force",
    "signers in strictly rising order, each with a place in the list",
    "another set: signers' weight in the set in force > trust threshold of it; signers' weight >= n - floor((n - 1) / 3)",
    "each signature of the suite's length, made by its sealer over the block hash",
];

/// A header that the client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Block number.
    pub height: u64,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// Its parent's hash.
    pub parent_hash: B256,
    /// Root of its transactions.
    pub transactions_root: B256,
    /// Root of its receipts.
    pub receipts_root: B256,
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The header that the update proved.
    pub header: Accepted,
    /// The trusted state from now on. An older header moves nothing: then it is the one before.
    pub trusted: TrustedState,
}

/// Judges an update against a trusted state at time `now` (Unix seconds), checking secp256k1 with `R`.
///
/// # Errors
/// The first rule of [`RULES`] that the update breaks.
pub fn verify_with<R: Recover>(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: u64,
) -> Result<Verified, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        let header = last_common_block(params, &freeze, update, now)?;
        return Ok(Verified { header, trusted: trusted.clone() });
    }
    let expired_at = trusted.expires_at(params);
    if expired_at <= now {
        return Err(Refusal::Expired { expired_at, now });
    }
    let update = Update::decode(update)?;
    let header = Header::read(params.version, params.suite, update.header)?;
    not_from_future(params, &header, now)?;
    monotonic(trusted, &header)?;
    let same_set = header.sealers == trusted.sealers;
    let newer = header.number > trusted.height;
    if !newer && !same_set {
        return Err(Refusal::OlderUnderOtherSet { height: header.number, trusted_height: trusted.height });
    }
    signers_known(&header.sealers, &update)?;
    if !same_set {
        enough_trust(params, trusted, &header.sealers, &update)?;
    }
    verify_seals::<R>(params.suite, &header.sealers, &header.block_hash, &update.signatures)?;
    let accepted = accepted(&header);
    let trusted = match newer {
        true => TrustedState::new(header.number, header.time_ms, header.block_hash, header.sealers),
        false => trusted.clone(),
    };
    Ok(Verified { header: accepted, trusted })
}

const fn accepted(header: &Header) -> Accepted {
    Accepted {
        height: header.number,
        time_ms: header.time_ms,
        block_hash: header.block_hash,
        parent_hash: header.parent_hash,
        transactions_root: header.transactions_root,
        receipts_root: header.receipts_root,
    }
}

/// Not frozen, or the last block common to both chains: its hash stands in both of the conflicting ones, so it needs no
/// signature. What was final below the conflict still ends, after a delay in which everybody can see the freeze.
fn last_common_block(params: &Params, freeze: &Freeze, update: &[u8], now: u64) -> Result<Accepted, Refusal> {
    let readable_from = freeze.anchor.map(|_| freeze.since.saturating_add(params.freeze_delay));
    let frozen = Refusal::Frozen { at: freeze.at, readable_from };
    if readable_from.is_none_or(|from| now < from) {
        return Err(frozen);
    }
    let update = Update::decode(update)?;
    let header = Header::read(params.version, params.suite, update.header)?;
    let common = update.signatures.is_empty() && Some(header.block_hash) == freeze.anchor;
    if common { Ok(accepted(&header)) } else { Err(frozen) }
}

fn not_from_future(params: &Params, header: &Header, now: u64) -> Result<(), Refusal> {
    let (latest, found) = (now.saturating_add(params.drift), header.time_ms / 1000);
    if found <= latest { Ok(()) } else { Err(Refusal::HeaderFromFuture { latest, found }) }
}

fn monotonic(trusted: &TrustedState, header: &Header) -> Result<(), Refusal> {
    let newer = header.number > trusted.height;
    if newer == (header.time_ms > trusted.time_ms) {
        return Ok(());
    }
    Err(Refusal::NonMonotonicTime {
        height: header.number,
        time: header.time_ms,
        trusted_height: trusted.height,
        trusted_time: trusted.time_ms,
    })
}

/// Places rise strictly, so that none counts twice, and each is in the list.
fn signers_known(set: &SealerSet, update: &Update<'_>) -> Result<(), Refusal> {
    let mut before = None;
    for (index, _) in &update.signatures {
        if before.is_some_and(|before| before >= *index) {
            return Err(Refusal::SignatureOrder { index: *index });
        }
        before = Some(*index);
        let of = set.sealers().len();
        if *index >= of as u64 {
            return Err(Refusal::UnknownSealer { index: *index, of });
        }
    }
    Ok(())
}

fn enough_trust(
    params: &Params,
    trusted: &TrustedState,
    listed: &SealerSet,
    update: &Update<'_>,
) -> Result<(), Refusal> {
    let weight = |(index, _): &(u64, &[u8])| {
        let sealer = usize::try_from(*index).ok().and_then(|index| listed.sealers().get(index));
        sealer.map_or(0, |sealer| trusted.sealers.weight_of(&sealer.key))
    };
    // Each sealer of the list is another key, so the sum is not above the total.
    let found = update.signatures.iter().map(weight).fold(0u64, u64::saturating_add);
    let of = trusted.sealers.total_weight();
    let needed = params.trust_threshold.needed(of);
    if found >= needed { Ok(()) } else { Err(Refusal::NotEnoughTrust { over: Over::SetInForce, needed, found, of }) }
}

/// Whether a quorum of a set signed a block hash, each sealer in its own place, once.
///
/// The chain's own client libraries check that every signature of a list is good and count none of them; an empty list
/// passes there. PBFT's quorum is what makes a block final, so it is asked here.
///
/// # Errors
/// The first rule broken.
pub fn verify_seals<R: Recover>(
    suite: Suite,
    set: &SealerSet,
    block_hash: &B256,
    signatures: &[(u64, &[u8])],
) -> Result<(), Refusal> {
    let mut found = 0u64;
    let mut before = None;
    for (index, _) in signatures {
        if before.is_some_and(|before| before >= *index) {
            return Err(Refusal::SignatureOrder { index: *index });
        }
        before = Some(*index);
        found = found.saturating_add(sealer(set, *index)?.weight);
    }
    let (needed, of) = (set.quorum(), set.total_weight());
    if found < needed {
        return Err(Refusal::NotEnoughTrust { over: Over::HeaderSet, needed, found, of });
    }
    let context = R::Context::default();
    for (index, signature) in signatures {
        let key = &sealer(set, *index)?.key;
        match suite {
            Suite::Ecdsa => sealed_ecdsa::<R>(&context, *index, key, block_hash, signature)?,
            Suite::Sm => sealed_sm2(*index, key, block_hash, signature)?,
        }
    }
    Ok(())
}

fn sealer(set: &SealerSet, index: u64) -> Result<&crate::Sealer, Refusal> {
    let of = set.sealers().len();
    let sealer = usize::try_from(index).ok().and_then(|index| set.sealers().get(index));
    sealer.ok_or(Refusal::UnknownSealer { index, of })
}

/// `r ‖ s ‖ v`.
fn sealed_ecdsa<R: Recover>(
    context: &R::Context,
    index: u64,
    key: &[u8; 64],
    block_hash: &B256,
    signature: &[u8],
) -> Result<(), Refusal> {
    let length = Refusal::SignatureLength { index, expected: 65, found: signature.len() };
    let [r_s @ .., v] = <&[u8; 65]>::try_from(signature).map_err(|_| length)?;
    let expected = Address::from_raw_public_key(key);
    let found = R::recover_in(context, block_hash, r_s, *v, HighS::Refuse)
        .map_err(|fault| Refusal::InvalidSeal { index, fault })?;
    if found == expected { Ok(()) } else { Err(Refusal::BadSeal { index, expected, found }) }
}

/// `r ‖ s ‖ public key`.
fn sealed_sm2(index: u64, key: &[u8; 64], block_hash: &B256, signature: &[u8]) -> Result<(), Refusal> {
    let length = Refusal::SignatureLength { index, expected: 128, found: signature.len() };
    let (r_s, named) = signature.split_first_chunk::<64>().ok_or(length)?;
    if named.len() != 64 {
        return Err(length);
    }
    if named != key {
        return Err(Refusal::OtherKey { index });
    }
    sm2::verify(key, block_hash.as_slice(), r_s).map_err(|fault| Refusal::BadSm2Seal { index, fault })
}
