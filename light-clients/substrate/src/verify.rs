//! The rules by which a block is accepted, one small function each.

use alloy_primitives::B256;
use causeway_crypto::{Recover, ed25519::Ed25519};

use crate::{
    AuthoritySet, AuthoritySource, BeefySet, BeefyUpdate, Finality, Freeze, GrandpaUpdate, Header, Justification,
    Params, Pending, Refusal, TrustedState, Update,
    beefy::{FinalityProof, next_of_leaf, verify_commitment},
    justification::signatures_good,
    proof,
};

/// The rules in the order in which [`verify_with`] applies them. The first one broken is the verdict.
pub const RULES: [&str; 12] = [
    "not frozen (or, after the freeze delay, the last common block itself, without signatures)",
    "within the trusting period: trusted.time + trustingPeriod > now",
    "update of the format, of the client's finality gadget, canonical, within its bounds",
    "signed by the set in force at its height: set id (GRANDPA, BEEFY)",
    "header well-formed; the very block that was voted for, or that the leaf names",
    "time proven under the header's state root; time <= now + drift; newer height: newer time, else not a newer time",
    "next set: announced by the digest, or read under the state root, and one further than the set in force; no forced change",
    "GRANDPA: each vote of a member, once (twice if for two blocks, then it counts once), for the target or above it",
    "weight of votes >= n - floor((n - 1) / 3); all headers needed",
    "GRANDPA: each signature good over 1 | hash | number | round | set id (ZIP-215)",
    "BEEFY: bitfield canonical, as many validators as the set has, a quorum of them, each address under the set's root, each signature good",
    "BEEFY: leaf of the commitment's own block, of the session, under the MMR root",
];

/// A block that the client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Block number.
    pub height: u64,
    /// Unix milliseconds, as the block's state has it.
    pub time_ms: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// Its parent's hash.
    pub parent_hash: B256,
    /// Root of the state after the block.
    pub state_root: B256,
    /// Root of its extrinsics.
    pub extrinsics_root: B256,
    /// BEEFY: number and MMR root of the commitment, which is one block higher.
    pub commitment: Option<(u32, B256)>,
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The block that the update proved.
    pub header: Accepted,
    /// The trusted state from now on. An older block moves nothing: then it is the one before.
    pub trusted: TrustedState,
}

/// Judges an update against a trusted state at time `now` (Unix seconds), checking secp256k1 with `R` and ed25519 with
/// `E`.
///
/// # Errors
/// The first rule of [`RULES`] that the update breaks.
pub fn verify_with<R: Recover, E: Ed25519>(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: u64,
) -> Result<Verified, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        let header = last_common_block(params, &freeze, update, now)?;
        return Ok(Verified { header, trusted: trusted.clone() });
    }
    within_trusting_period(params, trusted, now)?;
    let (header, finality) = match (&trusted.finality, Update::decode(update)?) {
        (Finality::Grandpa { set, pending }, Update::Grandpa(update)) => {
            let clock = Clock { params, trusted, now };
            grandpa::<E>(&clock, set, pending.as_ref(), &update)?
        }
        (Finality::Beefy { current, next }, Update::Beefy(update)) => {
            let clock = Clock { params, trusted, now };
            beefy::<R>(&clock, current, next, &update)?
        }
        _ => return Err(Refusal::OtherGadget),
    };
    let trusted = match header.height > trusted.height {
        true => TrustedState::new(header.height, header.time_ms, header.block_hash, header.state_root, finality),
        false => trusted.clone(),
    };
    Ok(Verified { header, trusted })
}

/// Not frozen, or the last block common to both chains: its hash stands in both of the conflicting ones, so it needs no
/// signature. What was final below the conflict still ends, after a delay in which everybody can see the freeze.
fn last_common_block(params: &Params, freeze: &Freeze, update: &[u8], now: u64) -> Result<Accepted, Refusal> {
    let readable_from = freeze.anchor.map(|_| freeze.since.saturating_add(params.freeze_delay));
    let frozen = Refusal::Frozen { at: freeze.at, readable_from };
    if readable_from.is_none_or(|from| now < from) {
        return Err(frozen);
    }
    let (bare, header, state) = match Update::decode(update)? {
        Update::Grandpa(update) => (update.justification.is_empty(), update.header, update.state),
        Update::Beefy(update) => (update.finality_proof.is_empty(), update.header, update.state),
    };
    let header = Header::read(params.header, header)?;
    if !bare || Some(header.hash()) != freeze.anchor {
        return Err(frozen);
    }
    let read = proof::block_state(&header.state_root(), &state, None)?;
    Ok(accepted(&header, read.time_ms, None))
}

fn accepted(header: &Header<'_>, time_ms: u64, commitment: Option<(u32, B256)>) -> Accepted {
    Accepted {
        height: header.number().into(),
        time_ms,
        block_hash: header.hash(),
        parent_hash: header.parent_hash(),
        state_root: header.state_root(),
        extrinsics_root: header.extrinsics_root(),
        commitment,
    }
}

fn within_trusting_period(params: &Params, trusted: &TrustedState, now: u64) -> Result<(), Refusal> {
    let expired_at = trusted.expires_at(params);
    if expired_at > now { Ok(()) } else { Err(Refusal::Expired { expired_at, now }) }
}

/// What the rules on time look at.
struct Clock<'a> {
    params: &'a Params,
    trusted: &'a TrustedState,
    now: u64,
}

impl Clock<'_> {
    fn judge(&self, height: u64, time_ms: u64) -> Result<(), Refusal> {
        let latest = self.now.saturating_add(self.params.drift);
        let found = time_ms / 1000;
        if found > latest {
            return Err(Refusal::HeaderFromFuture { latest, found });
        }
        let newer = height > self.trusted.height;
        if newer == (time_ms > self.trusted.time_ms) {
            return Ok(());
        }
        Err(Refusal::NonMonotonicTime {
            height,
            time: time_ms,
            trusted_height: self.trusted.height,
            trusted_time: self.trusted.time_ms,
        })
    }
}

/// The rules for GRANDPA.
fn grandpa<E: Ed25519>(
    clock: &Clock<'_>,
    set: &AuthoritySet,
    pending: Option<&Pending>,
    update: &GrandpaUpdate<'_>,
) -> Result<(Accepted, Finality), Refusal> {
    let params = clock.params;
    let header = Header::read(params.header, update.header)?;
    let (set, pending) = in_force(set, pending, &header);
    is_set_in_force(set.id(), update.set_id)?;
    let justification = Justification::read(params.header, update.justification)?;
    is_block(&header, &justification.target_hash, justification.target_number)?;
    let source = match (update.reads_set, params.authorities) {
        (false, _) => None,
        (true, AuthoritySource::Digest) => return Err(Refusal::NextSetNeedless),
        (true, source) => Some(source),
    };
    let read = proof::block_state(&header.state_root(), &update.state, source)?;
    clock.judge(header.number().into(), read.time_ms)?;
    let finality = next_authorities(set, pending, &header, read.set)?;
    justification.judge(set, params.ancestry)?;
    signatures_good::<E>(&justification, set.id())?;
    Ok((accepted(&header, read.time_ms, None), finality))
}

/// The set that has to sign at a header's height, and what still waits after it.
fn in_force<'a>(
    set: &'a AuthoritySet,
    pending: Option<&'a Pending>,
    header: &Header<'_>,
) -> (&'a AuthoritySet, Option<&'a Pending>) {
    match pending {
        Some(pending) if header.number() > pending.after => (&pending.set, None),
        pending => (set, pending),
    }
}

const fn is_set_in_force(expected: u64, found: u64) -> Result<(), Refusal> {
    if expected == found { Ok(()) } else { Err(Refusal::NotTheSetInForce { expected, found }) }
}

fn is_block(header: &Header<'_>, expected: &B256, number: u32) -> Result<(), Refusal> {
    let (found, found_number) = (header.hash(), header.number());
    if found == *expected && found_number == number {
        return Ok(());
    }
    Err(Refusal::OtherHeader { expected: *expected, number, found, found_number })
}

/// Who finalises after a block.
fn next_authorities(
    set: &AuthoritySet,
    pending: Option<&Pending>,
    header: &Header<'_>,
    read: Option<AuthoritySet>,
) -> Result<Finality, Refusal> {
    let same = |pending: Option<&Pending>| Finality::Grandpa { set: set.clone(), pending: pending.cloned() };
    let next_id = set.id().checked_add(1).ok_or(Refusal::NextSetMismatch { in_force: set.id(), found: u64::MAX })?;
    match (header.change()?, read) {
        (None, None) => Ok(same(pending)),
        (Some(_), Some(_)) => Err(Refusal::NextSetNeedless),
        (Some(_), None) if pending.is_some() => {
            Err(Refusal::OverlappingChange { waiting: pending.map_or(0, |pending| pending.after) })
        }
        (Some(change), None) => {
            let next = AuthoritySet::new(next_id, change.authorities)?;
            // Past the last block number nobody takes over any more.
            let after = header.number().saturating_add(change.delay);
            Ok(match change.delay {
                0 => Finality::Grandpa { set: next, pending: None },
                _ => Finality::Grandpa { set: set.clone(), pending: Some(Pending { after, set: next }) },
            })
        }
        (None, Some(read)) if read.id() == next_id => Ok(Finality::Grandpa { set: read, pending: None }),
        (None, Some(read)) if read == *set => Ok(same(pending)),
        (None, Some(read)) => Err(Refusal::NextSetMismatch { in_force: set.id(), found: read.id() }),
    }
}

/// The rules for BEEFY.
fn beefy<R: Recover>(
    clock: &Clock<'_>,
    current: &BeefySet,
    next: &BeefySet,
    update: &BeefyUpdate<'_>,
) -> Result<(Accepted, Finality), Refusal> {
    let set_id = FinalityProof::read(update.finality_proof)?.commitment.set_id;
    let set = if set_id == next.id { next } else { current };
    is_set_in_force(set.id, set_id)?;
    let commitment = verify_commitment::<R>(set, update.finality_proof, &update.signers)?;
    let place = (update.leaf_index, update.leaf_count);
    let leaf = next_of_leaf(&commitment, set, update.leaf, place, &update.path)?;
    let header = Header::read(clock.params.header, update.header)?;
    is_block(&header, &leaf.parent_hash, leaf.parent_number)?;
    let read = proof::block_state(&header.state_root(), &update.state, None)?;
    clock.judge(header.number().into(), read.time_ms)?;
    let accepted = accepted(&header, read.time_ms, Some((commitment.block_number, commitment.mmr_root)));
    Ok((accepted, Finality::Beefy { current: *set, next: leaf.next }))
}
