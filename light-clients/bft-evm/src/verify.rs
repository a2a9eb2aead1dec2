//! The rules by which a header is accepted, one small function each, in the order of the contract.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};
use causeway_crypto::{HighS, Recover};

use crate::{
    HeaderFault, Over, Params, Refusal, SealLess, TrustedState, Update, UpdateFault, ValidatorSet, ValidatorSource,
    proof::contract_set,
    quorum,
    set::{check_size, first_duplicate, set_hash},
};

/// The rules in the order in which [`verify_with`] and the contract apply them. The first one broken is the verdict.
pub const RULES: [&str; 13] = [
    "not frozen (or, after the freeze delay, the last block below the freeze itself, without seals)",
    "within the trusting period: trusted.time + trustingPeriod > now (or, after the delay, the newest block itself)",
    "update of the format: flags, lengths, one seal per bit, nothing behind",
    "header well-formed, canonical, of the mode: ommers, difficulty 1, mix hash, extra data without seals",
    "set non-empty, at most 256",
    "time <= now + drift",
    "newer height: newer time; otherwise not a newer time",
    "not newer: lists the very set in force",
    "another set: lists nobody twice, and the update brings the set in force; the same set: it does not",
    "each bit has a validator",
    "another set: signers from the set in force > trust threshold of it, or a quorum of it; one of several never",
    "signers >= ceil(2N/3) of the header's list",
    "each seal: 0 < r, s < n, low s, v in {0, 1}, made by its validator",
];

/// A header that the client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Block number.
    pub height: u64,
    /// Unix seconds.
    pub time: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// Its parent's hash.
    pub parent_hash: B256,
    /// Root of the state after the block.
    pub state_root: B256,
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

/// Judges an update against a trusted state at time `now` (Unix seconds), checking signatures with `R`.
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
        let readable_from = freeze.anchor.map(|_| freeze.since.saturating_add(params.freeze_delay));
        let refusal = Refusal::Frozen { at: freeze.at, readable_from };
        if readable_from.is_none_or(|from| now < from) {
            return Err(refusal);
        }
        let header = known_block(params, freeze.at, freeze.anchor, update)?.ok_or(refusal)?;
        return Ok(Verified { header, trusted: trusted.clone() });
    }
    let expired_at = trusted.expires_at(params);
    if now >= expired_at.saturating_add(params.freeze_delay) {
        let newest = Some(trusted.block_hash());
        let header = known_block(params, trusted.height(), newest, update)?;
        let header = header.ok_or(Refusal::Expired { expired_at, now })?;
        return Ok(Verified { header, trusted: trusted.clone() });
    }
    let (header, next_set) = judge::<R>(params, trusted, update, now)?;
    let accepted = accepted(&header);
    if accepted.height <= trusted.height() {
        return Ok(Verified { header: accepted, trusted: trusted.clone() });
    }
    let set = next_set.unwrap_or_else(|| trusted.validators().clone());
    let moved = TrustedState::new(accepted.height, accepted.time, accepted.block_hash, accepted.state_root, set);
    Ok(Verified { header: accepted, trusted: moved })
}

fn accepted(header: &SealLess<'_>) -> Accepted {
    Accepted {
        height: header.height(),
        time: header.time(),
        block_hash: header.block_hash(),
        parent_hash: header.parent_hash(),
        state_root: header.state_root(),
        receipts_root: header.receipts_root(),
    }
}

/// The header of an update that is judged as evidence: no frozen or expired state vouches for it, whatever may still be
/// read.
pub(crate) fn as_evidence<R: Recover>(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: u64,
) -> Result<Accepted, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        let readable_from = freeze.anchor.map(|_| freeze.since.saturating_add(params.freeze_delay));
        return Err(Refusal::Frozen { at: freeze.at, readable_from });
    }
    judge::<R>(params, trusted, update, now).map(|(header, _)| accepted(&header))
}

/// A block whose hash is known, so that it needs no seal: what was final below a freeze or before an expiry still ends,
/// after a delay in which everybody can see it. `None` if it is another block, or brings more than a header.
fn known_block(params: &Params, height: u64, hash: Option<B256>, update: &[u8]) -> Result<Option<Accepted>, Refusal> {
    let update = Update::decode(update)?;
    let bare = update.previous.is_none() && update.next_set.is_none() && update.signers.is_zero();
    let header = accepted(&SealLess::read(params.mode, update.header)?);
    Ok((bare && header.height == height && Some(header.block_hash) == hash).then_some(header))
}

/// The rules. Gives the header, and the next set where it differs from the one in force.
fn judge<'a, R: Recover>(
    params: &Params,
    trusted: &TrustedState,
    update: &'a [u8],
    now: u64,
) -> Result<(SealLess<'a>, Option<ValidatorSet>), Refusal> {
    within_trusting_period(params, trusted, now)?;
    let update = Update::decode(update)?;
    let contract_mode = params.validators != ValidatorSource::Header;
    allowed_parts(contract_mode, &update)?;
    let header = SealLess::read(params.mode, update.header)?;
    if contract_mode {
        let next_set = judge_contract_mode::<R>(params, trusted, &update, &header, now)?;
        return Ok((header, next_set));
    }
    check_size(header.extra().validator_count())?;
    not_from_future(params, header.time(), now)?;
    monotonic(trusted, &header)?;
    let same_set = keccak256(header.extra().listed()) == trusted.validators().hash();
    older_only_under_same_set(trusted, &header, same_set)?;
    if same_set {
        if update.previous.is_some() {
            return Err(UpdateFault::PreviousSetNeedless.into());
        }
        let set = trusted.validators().as_slice();
        signers_known(&update, set.len())?;
        enough_signers(&update, set.len())?;
        seals_good::<R>(&update, &header, set)?;
        return Ok((header, None));
    }
    let listed: Vec<Address> = header.extra().validators().collect();
    let previous = update.previous.ok_or(UpdateFault::PreviousSetMissing)?;
    if let Some(address) = first_duplicate(&listed) {
        return Err(Refusal::DuplicateValidator { address });
    }
    is_set_in_force(trusted, previous)?;
    signers_known(&update, listed.len())?;
    enough_trust(params, trusted.validators().as_slice(), &listed, &update.signers)?;
    enough_signers(&update, listed.len())?;
    seals_good::<R>(&update, &header, &listed)?;
    Ok((header, Some(ValidatorSet::new(listed)?)))
}

/// The same rules where headers list nobody: the set in force, which the update must bring, has to sign.
fn judge_contract_mode<R: Recover>(
    params: &Params,
    trusted: &TrustedState,
    update: &Update<'_>,
    header: &SealLess<'_>,
    now: u64,
) -> Result<Option<ValidatorSet>, Refusal> {
    match header.extra().validator_count() {
        0 => {}
        found => return Err(HeaderFault::ListedValidators(found).into()),
    }
    check_size(update.previous.map_or(0, |set| set.len() / 20))?;
    not_from_future(params, header.time(), now)?;
    monotonic(trusted, header)?;
    if update.next_set.is_some() && header.height() <= trusted.height() {
        return Err(UpdateFault::NextSetOfOlder.into());
    }
    is_set_in_force(trusted, update.previous.unwrap_or_default())?;
    let set = trusted.validators().as_slice();
    signers_known(update, set.len())?;
    enough_signers(update, set.len())?;
    seals_good::<R>(update, header, set)?;
    match (params.validators, update.next_set) {
        (ValidatorSource::Contract { address, slot }, Some(proof)) => {
            contract_set(&header.state_root(), address, slot, proof).map(Some).map_err(Refusal::NextSet)
        }
        _ => Ok(None),
    }
}

fn within_trusting_period(params: &Params, trusted: &TrustedState, now: u64) -> Result<(), Refusal> {
    let expired_at = trusted.expires_at(params);
    if expired_at > now { Ok(()) } else { Err(Refusal::Expired { expired_at, now }) }
}

/// Parts that only the other way of keeping validators has.
fn allowed_parts(contract_mode: bool, update: &Update<'_>) -> Result<(), Refusal> {
    if update.next_set.is_some() && !contract_mode {
        return Err(UpdateFault::Flags(2).into());
    }
    Ok(())
}

fn not_from_future(params: &Params, time: u64, now: u64) -> Result<(), Refusal> {
    let latest = now.saturating_add(params.drift);
    if time <= latest { Ok(()) } else { Err(Refusal::HeaderFromFuture { latest, found: time }) }
}

fn monotonic(trusted: &TrustedState, header: &SealLess<'_>) -> Result<(), Refusal> {
    let newer = header.height() > trusted.height();
    if newer == (header.time() > trusted.time()) {
        return Ok(());
    }
    Err(Refusal::NonMonotonicTime {
        height: header.height(),
        time: header.time(),
        trusted_height: trusted.height(),
        trusted_time: trusted.time(),
    })
}

fn older_only_under_same_set(trusted: &TrustedState, header: &SealLess<'_>, same_set: bool) -> Result<(), Refusal> {
    if same_set || header.height() > trusted.height() {
        return Ok(());
    }
    Err(Refusal::OlderUnderOtherSet { height: header.height(), trusted_height: trusted.height() })
}

/// A contract remembers only the hash of the set in force; the update brings the set itself.
fn is_set_in_force(trusted: &TrustedState, previous: &[u8]) -> Result<(), Refusal> {
    let expected = trusted.validators().hash();
    let (listed, _) = previous.as_chunks::<20>();
    let addresses: Vec<Address> = listed.iter().map(|bytes| Address::new(*bytes)).collect();
    let found = set_hash(&addresses);
    if found == expected { Ok(()) } else { Err(Refusal::NotTheSetInForce { expected, found }) }
}

fn signers_known(update: &Update<'_>, validators: usize) -> Result<(), Refusal> {
    match update.signers.bit_len().checked_sub(1) {
        Some(bit) if bit >= validators => Err(Refusal::UnknownSigner { bit, validators }),
        _ => Ok(()),
    }
}

/// Counts members of the set in force, so that nobody counts twice however often a list names them.
fn enough_trust(params: &Params, in_force: &[Address], listed: &[Address], signers: &U256) -> Result<(), Refusal> {
    let signing: Vec<Address> =
        listed.iter().enumerate().filter(|(bit, _)| signers.bit(*bit)).map(|(_, validator)| *validator).collect();
    let found = in_force.iter().filter(|member| signing.contains(member)).count();
    let of = in_force.len();
    if params.trust_threshold.met_by(found, of) {
        return Ok(());
    }
    Err(Refusal::NotEnoughTrust { over: Over::SetInForce, needed: params.trust_threshold.needed(of), found, of })
}

fn enough_signers(update: &Update<'_>, of: usize) -> Result<(), Refusal> {
    let (needed, found) = (quorum(of), update.signers.count_ones());
    if found >= needed { Ok(()) } else { Err(Refusal::NotEnoughTrust { over: Over::HeaderSet, needed, found, of }) }
}

fn seals_good<R: Recover>(update: &Update<'_>, header: &SealLess<'_>, set: &[Address]) -> Result<(), Refusal> {
    let digest = header.commit_digest();
    let context = R::Context::default();
    for (bit, seal) in update.signed() {
        let Some(expected) = set.get(bit).copied() else {
            return Err(Refusal::UnknownSigner { bit, validators: set.len() });
        };
        let Some((r_s, [v])) = seal.split_first_chunk::<64>() else { continue };
        let found = R::recover_in(&context, &digest, r_s, *v, HighS::Refuse)
            .map_err(|fault| Refusal::InvalidSeal { validator: expected, fault })?;
        if found != expected {
            return Err(Refusal::BadSeal { expected, found });
        }
    }
    Ok(())
}
