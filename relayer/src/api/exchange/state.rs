//! All swaps of this service in memory, as they are on the disk, and the changes that are about to be stored.

use super::record::Record;
use crate::lane::error::{Error, Kind, Result};
use alloy::primitives::B256;
use causeway_core::Terms;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Swaps kept. Past it the ones that were over first are forgotten, with their request ids and events.
pub(crate) const RECORDS_MAX: usize = 50_000;

/// See the module.
#[derive(Default)]
pub(crate) struct State {
    records: HashMap<B256, Record>,
    keys: HashMap<(String, String), B256>,
    nonces: HashMap<B256, B256>,
    open: HashMap<String, u32>,
    over: BTreeSet<(u64, B256)>,
    /// By the number of the first event.
    order: BTreeMap<u64, B256>,
    events: BTreeMap<u64, B256>,
    /// What the other relayer does not know yet.
    untold: BTreeSet<B256>,
    last: u64,
    /// Events up to this number may be forgotten.
    floor: u64,
}

impl State {
    /// # Errors
    /// `Store`: a record that cannot be read.
    pub(crate) fn load(rows: Vec<(B256, Vec<u8>)>) -> Result<Self> {
        let mut state = Self::default();
        for (id, bytes) in rows {
            let record = Record::read(&bytes)?;
            if record.terms().ok().map(|terms| terms.id()) != Some(id) {
                return Err(Error::stop_lane(Kind::Store, format!("journal: swap {id} has other terms")));
            }
            state.put(id, record);
        }
        // A hole is what was forgotten.
        state.floor = state.last;
        for number in state.events.keys().rev() {
            if *number != state.floor {
                break;
            }
            state.floor -= 1;
        }
        Ok(state)
    }

    pub(crate) fn get(&self, id: B256) -> Option<&Record> {
        self.records.get(&id)
    }

    /// The swap that an organisation proposed under a request id.
    pub(crate) fn proposed(&self, organisation: &str, request_id: &str) -> Option<B256> {
        self.keys.get(&(organisation.to_owned(), request_id.to_owned())).copied()
    }

    /// Swaps from the one whose first event is above `after`, in order.
    pub(crate) fn list(&self, after: u64) -> impl Iterator<Item = (u64, B256, &Record)> {
        let from = self.order.range(after.saturating_add(1)..);
        from.filter_map(|(number, id)| Some((*number, *id, self.records.get(id)?)))
    }

    /// Events above `after`, in order, with their swaps.
    pub(crate) fn events(&self, after: u64) -> impl Iterator<Item = (&super::record::Event, B256, &Record)> {
        self.events.range(after.saturating_add(1)..).filter_map(|(number, id)| {
            let record = self.records.get(id)?;
            Some((record.events.iter().find(|event| event.number == *number)?, *id, record))
        })
    }

    /// Number of the newest event, and up to which events may be forgotten.
    pub(crate) fn bounds(&self) -> (u64, u64) {
        (self.floor, self.last)
    }

    /// Ids that are not over.
    pub(crate) fn unfinished(&self) -> Vec<B256> {
        self.records.iter().filter(|(_, record)| !record.is_over()).map(|(id, _)| *id).collect()
    }

    /// Ids with something to tell the other relayer.
    pub(crate) fn untold(&self) -> Vec<B256> {
        self.untold.iter().copied().collect()
    }

    fn put(&mut self, id: B256, record: Record) {
        self.take(id);
        if let Some(proposer) = &record.proposer {
            self.keys.insert((proposer.organisation.clone(), proposer.request_id.clone()), id);
        }
        if let Ok(terms) = record.terms() {
            self.nonces.insert(terms.nonce, id);
        }
        if let Some(first) = record.events.first() {
            self.order.insert(first.number, id);
        }
        self.events.extend(record.events.iter().map(|event| (event.number, id)));
        self.last = self.last.max(record.last());
        if record.is_over() {
            self.over.insert((record.last(), id));
        } else {
            *self.open.entry(record.owner.clone()).or_default() += 1;
        }
        if record.is_untold() {
            self.untold.insert(id);
        }
        self.records.insert(id, record);
    }

    fn take(&mut self, id: B256) -> Option<Record> {
        let record = self.records.remove(&id)?;
        self.over.remove(&(record.last(), id));
        self.untold.remove(&id);
        if !record.is_over()
            && let Some(count) = self.open.get_mut(&record.owner)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.open.remove(&record.owner);
            }
        }
        Some(record)
    }

    fn forget(&mut self, id: B256) {
        let Some(record) = self.take(id) else { return };
        if let Ok(terms) = record.terms()
            && self.nonces.get(&terms.nonce) == Some(&id)
        {
            self.nonces.remove(&terms.nonce);
        }
        if let Some(proposer) = record.proposer {
            self.keys.remove(&(proposer.organisation, proposer.request_id));
        }
        for event in &record.events {
            self.events.remove(&event.number);
            self.order.remove(&event.number);
            self.floor = self.floor.max(event.number);
        }
    }
}

/// Changes on top of a [`State`] that are not stored yet.
pub(crate) struct Draft<'s> {
    state: &'s State,
    changed: BTreeMap<usize, (B256, Record)>,
    at: HashMap<B256, usize>,
    keys: HashMap<(String, String), B256>,
    nonces: HashMap<B256, B256>,
    opened: HashMap<String, u32>,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// What a [`Draft`] adds to the disk and to the state.
pub(crate) struct Changes {
    pub(crate) puts: Vec<(B256, Record)>,
    pub(crate) drops: Vec<B256>,
}

impl<'s> Draft<'s> {
    pub(crate) fn new(state: &'s State, now: u64) -> Self {
        Self {
            state,
            changed: BTreeMap::new(),
            at: HashMap::new(),
            keys: HashMap::new(),
            nonces: HashMap::new(),
            opened: HashMap::new(),
            now,
        }
    }

    pub(crate) fn get(&self, id: B256) -> Option<&Record> {
        match self.at.get(&id) {
            Some(at) => self.changed.get(at).map(|(_, record)| record),
            None => self.state.get(id),
        }
    }

    /// The swap to change. Ask for it only when the change is certain.
    pub(crate) fn edit(&mut self, id: B256) -> Option<&mut Record> {
        if !self.at.contains_key(&id) {
            let record = self.state.get(id)?.clone();
            let at = self.changed.len();
            self.at.insert(id, at);
            self.changed.insert(at, (id, record));
        }
        let at = self.at.get(&id)?;
        self.changed.get_mut(at).map(|(_, record)| record)
    }

    pub(crate) fn insert(&mut self, id: B256, terms: &Terms, record: Record) {
        if let Some(proposer) = &record.proposer {
            self.keys.insert((proposer.organisation.clone(), proposer.request_id.clone()), id);
        }
        self.nonces.insert(terms.nonce, id);
        *self.opened.entry(record.owner.clone()).or_default() += 1;
        let at = self.changed.len();
        self.at.insert(id, at);
        self.changed.insert(at, (id, record));
    }

    /// The swap that was proposed under a request id.
    pub(crate) fn keyed(&self, organisation: &str, request_id: &str) -> Option<B256> {
        let key = (organisation.to_owned(), request_id.to_owned());
        self.keys.get(&key).or_else(|| self.state.keys.get(&key)).copied()
    }

    /// The swap with a nonce.
    pub(crate) fn with_nonce(&self, nonce: B256) -> Option<B256> {
        self.nonces.get(&nonce).or_else(|| self.state.nonces.get(&nonce)).copied()
    }

    /// How many of an owner are not over.
    pub(crate) fn open(&self, owner: &str) -> u32 {
        let of = |counts: &HashMap<String, u32>| counts.get(owner).copied().unwrap_or(0);
        of(&self.state.open).saturating_add(of(&self.opened))
    }

    /// True if there is room for one more.
    pub(crate) fn has_room(&self) -> bool {
        let open = self.state.records.len() - self.state.over.len();
        open + self.changed.len() < RECORDS_MAX
    }

    /// Ends the draft: numbers the new events, and says what is stored and what is forgotten.
    pub(crate) fn finish(self) -> Changes {
        let mut last = self.state.last;
        let mut puts: Vec<(B256, Record)> = self.changed.into_values().collect();
        for (_, record) in &mut puts {
            for event in record.events.iter_mut().filter(|event| event.number == 0) {
                last += 1;
                event.number = last;
            }
        }
        let new = puts.iter().filter(|(id, _)| self.state.get(*id).is_none()).count();
        let excess = (self.state.records.len() + new).saturating_sub(RECORDS_MAX);
        let kept: Vec<B256> = puts.iter().map(|(id, _)| *id).collect();
        let oldest = self.state.over.iter().map(|(_, id)| *id).filter(|id| !kept.contains(id));
        Changes { drops: oldest.take(excess).collect(), puts }
    }
}

impl State {
    /// Takes in what was stored.
    pub(crate) fn apply(&mut self, changes: Changes) {
        for id in changes.drops {
            self.forget(id);
        }
        for (id, record) in changes.puts {
            self.put(id, record);
        }
    }
}
