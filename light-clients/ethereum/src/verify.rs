//! The rules by which a bridge takes an update: those of the specification ([`crate::rules`]), and stricter ones on top.

use causeway_crypto::bls::Bls;

use crate::{
    Accepted, Committee, Freeze, LightClientHeader, Params, Refusal, TrustedState, Update,
    refusal::UpdateFault,
    rules::{self, Known},
    update::{Finality, Kind, open},
};

/// The rules in the order in which [`verify_with`] applies them. The first one broken is the verdict. Those in
/// parentheses are the bridge's own; the others are the specification's.
pub const RULES: [&str; 14] = [
    "(not frozen; or, after the freeze delay, the last common block itself)",
    "(within the trusting period: trusted.time + trustingPeriod > now)",
    "update of the format: kind, fork, canonical SSZ, no part without its branch",
    "(a full or finality update whose finalized header is not the empty one of genesis)",
    "(signers >= 2/3 of the committee)",
    "(signature slot's time and payload's time <= now + drift)",
    "shape of the fork at the attested slot",
    "attested header: its payload stands in its body",
    "signature slot > attested slot >= finalized slot",
    "signature's period: the trusted one, or the next where its committee is known",
    "newer than the trusted header, or brings the next committee that is missing",
    "finalized header: its payload stands in its body; it stands in the attested state. The next committee likewise",
    "the participants signed the attested header, under the fork of the slot before the signature's",
    "(newer slot: newer time and block number; older slot: older ones; same slot: the same block)",
];

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The final header that the update proved.
    pub header: Accepted,
    /// The trusted state from now on. An older header moves nothing, but may have brought the next committee.
    pub trusted: TrustedState,
}

/// Judges an update (`u8 kind | u8 fork | SSZ`) against a trusted state at time `now` (Unix seconds), checking
/// signatures with `B`.
///
/// # Errors
/// The first rule of [`RULES`] that the update breaks.
pub fn verify_with<B: Bls>(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: u64,
) -> Result<Verified, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        let header = last_common_block(params, &freeze, update, now)?;
        return Ok(Verified { header, trusted: trusted.clone() });
    }
    let (header, update) = judge::<B>(params, trusted, update, now)?;
    monotonic(trusted.header(), &header)?;
    let trusted = apply::<B>(params, trusted, &header, &update)?;
    Ok(Verified { header, trusted })
}

/// Not frozen, or the last block common to both chains: its root stands in both of the conflicting headers, so it needs
/// no signature. What was final below the conflict still ends, after a delay in which everybody can see the freeze.
fn last_common_block(params: &Params, freeze: &Freeze, update: &[u8], now: u64) -> Result<Accepted, Refusal> {
    let readable_from = freeze.anchor.map(|_| freeze.since.saturating_add(params.freeze_delay));
    let frozen = Refusal::Frozen { at: freeze.at, readable_from };
    if readable_from.is_none_or(|from| now < from) {
        return Err(frozen);
    }
    let (kind, fork, ssz) = open(update)?;
    if kind != Kind::Header {
        return Err(frozen);
    }
    let header = LightClientHeader::decode(fork, ssz)?;
    if Some(header.beacon.root()) != freeze.anchor || header.beacon.slot > freeze.at {
        return Err(frozen);
    }
    rules::shape_of_its_fork(&params.network, header.beacon.slot, fork)?;
    rules::header(&params.network, crate::refusal::Which::Finalized, &header)?;
    Ok(Accepted::of(&params.network, &header))
}

/// All rules that do not compare the header with the trusted one.
pub(crate) fn judge<B: Bls>(
    params: &Params,
    trusted: &TrustedState,
    bytes: &[u8],
    now: u64,
) -> Result<(Accepted, Update), Refusal> {
    within_trusting_period(params, trusted, now)?;
    let (kind, fork, ssz) = open(bytes)?;
    if !matches!(kind, Kind::Full | Kind::Finality) {
        return Err(UpdateFault::Kind(kind as u8).into());
    }
    let update = Update::decode(&params.network, kind, fork, ssz)?;
    let finality = proves_something(&update)?;
    quorum(params, &update)?;
    let header = Accepted::of(&params.network, &finality.header);
    for time in [params.network.time_of(update.signature_slot), header.time] {
        not_from_future(params, time, now)?;
    }
    let known = Known { slot: trusted.slot(), current: trusted.current(), next: trusted.next() };
    // The clock was asked above.
    rules::validate::<B>(&params.network, &known, &update, update.signature_slot)?;
    Ok((header, update))
}

pub(crate) fn within_trusting_period(params: &Params, trusted: &TrustedState, now: u64) -> Result<(), Refusal> {
    let expired_at = trusted.expires_at(params);
    if expired_at > now { Ok(()) } else { Err(Refusal::Expired { expired_at, now }) }
}

fn proves_something(update: &Update) -> Result<&Finality, Refusal> {
    update.finality.as_ref().filter(|finality| finality.header.beacon.slot > 0).ok_or(Refusal::NotFinal)
}

fn quorum(params: &Params, update: &Update) -> Result<(), Refusal> {
    let (needed, of) = (params.network.preset.quorum(), params.network.preset.committee_size);
    let found = update.aggregate.bits.count();
    if found >= needed { Ok(()) } else { Err(Refusal::NotEnoughTrust { needed, found, of }) }
}

fn not_from_future(params: &Params, time: u64, now: u64) -> Result<(), Refusal> {
    let latest = now.saturating_add(params.drift);
    if time <= latest { Ok(()) } else { Err(Refusal::HeaderFromFuture { latest, found: time }) }
}

/// Slot, time and block number grow together; one slot has one block.
fn monotonic(trusted: &Accepted, header: &Accepted) -> Result<(), Refusal> {
    use core::cmp::Ordering;
    let slots = header.slot.cmp(&trusted.slot);
    let times = header.time.cmp(&trusted.time);
    // Without payloads there is nothing to compare.
    let both = header.execution.is_some() && trusted.execution.is_some();
    let numbers = if both { header.block_number().cmp(&trusted.block_number()) } else { slots };
    if slots == times && slots == numbers && (slots != Ordering::Equal || header.root == trusted.root) {
        return Ok(());
    }
    Err(Refusal::NonMonotonicTime {
        slot: header.slot,
        time: header.time,
        number: header.block_number(),
        trusted_slot: trusted.slot,
        trusted_time: trusted.time,
        trusted_number: trusted.block_number(),
    })
}

/// `apply_light_client_update`: what is trusted after an update that a quorum signed.
///
/// A next committee is believed only where the finalized header is of the attested one's period: then the state that
/// is final already names it.
fn apply<B: Bls>(
    params: &Params,
    trusted: &TrustedState,
    header: &Accepted,
    update: &Update,
) -> Result<TrustedState, Refusal> {
    let period = |slot| params.network.preset.period(slot);
    let (from, to) = (period(trusted.slot()), period(header.slot));
    let brought = update.next.as_ref().filter(|_| to == period(update.attested.beacon.slot));
    let learn = || brought.map(|next| Committee::new::<B>(&next.committee)).transpose();
    let newer = header.slot > trusted.slot();
    let newest = if newer { *header } else { *trusted.header() };
    let (current, next) = match trusted.next() {
        // The signature was one of the next committee's period, or nothing could be final there.
        Some(known) if newer && to > from => (known.clone(), learn()?),
        Some(known) => (trusted.current().clone(), Some(known.clone())),
        None if to == from => (trusted.current().clone(), learn()?),
        None => (trusted.current().clone(), None),
    };
    Ok(TrustedState::new(newest, current, next))
}
