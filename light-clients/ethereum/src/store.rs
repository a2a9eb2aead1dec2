//! `LightClientStore`: the specification's own client, to the letter, forced updates included.
//!
//! A bridge must not use it. Its forced update takes a header that nobody finalized once an update is overdue, and below
//! two thirds its best update is one that any participant could have made. It stands here because the specification's
//! test vectors say what *it* does; [`crate::verify`] uses the same rules and none of this module.
//!
//! Source: consensus-specs v1.6.1, altair/light-client/sync-protocol.md.

use causeway_crypto::bls::Bls;

use crate::{
    Bootstrap, Committee, LightClientHeader, Network, Preset, Refusal, SyncCommittee, Update,
    refusal::NextKnown,
    rules::{self, Known},
    state::bootstrap,
};

/// `LightClientStore`.
#[derive(Clone, Debug)]
pub struct LightClientStore {
    network: Network,
    finalized: LightClientHeader,
    current: Committee,
    next: Option<Committee>,
    best: Option<Update>,
    optimistic: LightClientHeader,
    previous_max_active: usize,
    current_max_active: usize,
}

impl LightClientStore {
    /// `initialize_light_client_store`.
    ///
    /// # Errors
    /// It is another block than the trusted one, or its committee does not stand in its state.
    pub fn initialize<B: Bls>(
        network: Network,
        trusted_root: &alloy_primitives::B256,
        start: &Bootstrap,
    ) -> Result<Self, Refusal> {
        let current = bootstrap::<B>(&network, trusted_root, start)?;
        Ok(Self {
            network,
            finalized: start.header.clone(),
            current,
            next: None,
            best: None,
            optimistic: start.header.clone(),
            previous_max_active: 0,
            current_max_active: 0,
        })
    }

    /// A store from its parts.
    pub fn new(network: Network, finalized: LightClientHeader, current: Committee, next: Option<Committee>) -> Self {
        let optimistic = finalized.clone();
        Self {
            network,
            finalized,
            current,
            next,
            best: None,
            optimistic,
            previous_max_active: 0,
            current_max_active: 0,
        }
    }

    /// The newest header that is final, or was forced.
    pub const fn finalized(&self) -> &LightClientHeader {
        &self.finalized
    }

    /// The newest header that a safe number of participants signed.
    pub const fn optimistic(&self) -> &LightClientHeader {
        &self.optimistic
    }

    /// `process_light_client_update` (and, with less in the update, those of finality and optimistic updates) at the
    /// slot `now`.
    ///
    /// # Errors
    /// The first assertion that does not hold.
    pub fn process_update<B: Bls>(&mut self, update: &Update, now: u64) -> Result<(), Refusal> {
        let known = Known { slot: self.finalized.beacon.slot, current: &self.current, next: self.next.as_ref() };
        rules::validate::<B>(&self.network, &known, update, now)?;
        if self.best.as_ref().is_none_or(|best| is_better(&self.network.preset, update, best)) {
            self.best = Some(update.clone());
        }
        let active = update.aggregate.bits.count();
        self.current_max_active = self.current_max_active.max(active);
        let safe = self.previous_max_active.max(self.current_max_active) / 2;
        if active > safe && update.attested.beacon.slot > self.optimistic.beacon.slot {
            self.optimistic = update.attested.clone();
        }
        let period = |slot| self.network.preset.period(slot);
        let teaches_next = self.next.is_none()
            && update.next.is_some()
            && update.finality.is_some()
            && period(update.finalized_slot()) == period(update.attested.beacon.slot);
        let newer = update.finalized_slot() > self.finalized.beacon.slot;
        if has_supermajority(update, self.network.preset.committee_size) && (newer || teaches_next) {
            self.apply::<B>(update)?;
            self.best = None;
        }
        Ok(())
    }

    /// `process_light_client_store_force_update` at the slot `now`.
    ///
    /// # Errors
    /// The best update can not be applied.
    pub fn force_update<B: Bls>(&mut self, now: u64) -> Result<(), Refusal> {
        let due = self.finalized.beacon.slot.saturating_add(self.network.preset.slots_per_period());
        if now <= due {
            return Ok(());
        }
        let Some(mut best) = self.best.take() else { return Ok(()) };
        if best.finalized_slot() <= self.finalized.beacon.slot {
            let header = best.attested.clone();
            let branch = best.finality.take().map(|finality| finality.branch).unwrap_or_default();
            best.finality = Some(crate::update::Finality { header, branch });
        }
        self.apply::<B>(&best)
    }

    /// `apply_light_client_update`.
    fn apply<B: Bls>(&mut self, update: &Update) -> Result<(), Refusal> {
        let period = |slot| self.network.preset.period(slot);
        let (store_period, finalized_period) = (period(self.finalized.beacon.slot), period(update.finalized_slot()));
        // Read before anything moves. An update that brings no committee makes the next one unknown.
        let rotates = finalized_period == store_period.saturating_add(1);
        if self.next.is_none() && finalized_period != store_period {
            let (from, found) = (store_period, finalized_period);
            return Err(Refusal::UnknownCommittee { from, and: NextKnown(false), found });
        }
        if self.next.is_none() || rotates {
            let brought = |committee: &SyncCommittee| Committee::new::<B>(committee);
            let learned = update.next.as_ref().map(|next| brought(&next.committee)).transpose()?;
            if let Some(known) = core::mem::replace(&mut self.next, learned) {
                self.current = known;
                self.previous_max_active = core::mem::take(&mut self.current_max_active);
            }
        }
        if let Some(finality) = &update.finality
            && finality.header.beacon.slot > self.finalized.beacon.slot
        {
            self.finalized = finality.header.clone();
            if self.finalized.beacon.slot > self.optimistic.beacon.slot {
                self.optimistic = self.finalized.clone();
            }
        }
        Ok(())
    }
}

fn has_supermajority(update: &Update, seats: usize) -> bool {
    update.aggregate.bits.count().saturating_mul(3) >= seats.saturating_mul(2)
}

/// `is_better_update`: what to keep for the day on which an update must be forced.
pub fn is_better(preset: &Preset, new: &Update, old: &Update) -> bool {
    let seats = preset.committee_size;
    let active = |update: &Update| update.aggregate.bits.count();
    let supermajority = |update: &Update| has_supermajority(update, seats);
    if supermajority(new) != supermajority(old) {
        return supermajority(new);
    }
    if !supermajority(new) && active(new) != active(old) {
        return active(new) > active(old);
    }
    let period = |slot| preset.period(slot);
    let relevant =
        |update: &Update| update.next.is_some() && period(update.attested.beacon.slot) == period(update.signature_slot);
    if relevant(new) != relevant(old) {
        return relevant(new);
    }
    let finality = |update: &Update| update.finality.is_some();
    if finality(new) != finality(old) {
        return finality(new);
    }
    let committee_final = |update: &Update| period(update.finalized_slot()) == period(update.attested.beacon.slot);
    if finality(new) && committee_final(new) != committee_final(old) {
        return committee_final(new);
    }
    if active(new) != active(old) {
        return active(new) > active(old);
    }
    let attested = |update: &Update| update.attested.beacon.slot;
    if attested(new) != attested(old) {
        return attested(new) < attested(old);
    }
    new.signature_slot < old.signature_slot
}
