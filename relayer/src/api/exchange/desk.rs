//! The desk: takes every change of a swap, one after another, stores it, and only then answers and tells the streams.
//!
//! One task owns the order. It takes all changes that wait, makes them on a draft, and stores them in one commit: the same
//! request id twice in parallel meets itself here (ATK-099), and a state that was told is on the disk.

use super::{
    bridges::{Bridge, Bridges},
    record::{self, Answer, Proposer, Record},
    refused::Refused,
    state::{Draft, State},
    terms,
};
use crate::{
    api::config::ApiLimits,
    lane::{
        error::{Error, Kind, Result},
        ports::Clock,
    },
    store::Store,
};
use alloy::primitives::B256;
use causeway_core::{AccountId, Terms};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tonic::Code;

/// Changes that wait for the desk; callers beyond it wait.
const QUEUE: usize = 1024;
/// Changes in one commit.
const BATCH: usize = 256;

type Finish = Box<dyn FnOnce(Result<(), Refused>) + Send>;
type Work = Box<dyn FnOnce(&mut Draft<'_>) -> Finish + Send>;

/// See the module.
pub(crate) struct Desk {
    pub(crate) bridges: Bridges,
    pub(crate) limits: ApiLimits,
    pub(crate) clock: Arc<dyn Clock>,
    state: RwLock<State>,
    store: Arc<Store>,
    queue: mpsc::Sender<Work>,
    last: watch::Sender<u64>,
}

/// The changes that wait, for [`Desk::run`].
pub(crate) struct Waiting(mpsc::Receiver<Work>);

impl Desk {
    /// What the store remembers of the swaps of these bridges. Their terms are told to the books.
    ///
    /// # Errors
    /// `Store`.
    pub(crate) fn open(
        bridges: Bridges,
        limits: ApiLimits,
        clock: Arc<dyn Clock>,
        store: Arc<Store>,
    ) -> Result<(Arc<Self>, Waiting)> {
        let state = State::load(store.swaps()?)?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let last = watch::Sender::new(state.bounds().1);
        let desk = Self { bridges, limits, clock, state: RwLock::new(state), store, queue, last };
        for id in desk.read(State::unfinished) {
            if let Some((bridge, terms)) = desk.read(|state| desk.parts(state.get(id)?)) {
                // Terms of a bridge that was taken out of the configuration have no book.
                let _ = bridge.swaps.learn(terms);
            }
        }
        Ok((Arc::new(desk), Waiting(waiting)))
    }

    /// Works until `stop`.
    pub(crate) async fn run(self: Arc<Self>, mut waiting: Waiting, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                taken = waiting.0.recv_many(&mut batch, BATCH) => if taken == 0 { return },
            }
            let (changes, finishes) = self.read(|state| {
                let mut draft = Draft::new(state, self.clock.now());
                let finishes: Vec<Finish> = batch.drain(..).map(|work| work(&mut draft)).collect();
                (draft.finish(), finishes)
            });
            let mut stored = Ok(());
            if !changes.puts.is_empty() {
                let rows: Result<Vec<_>> = changes.puts.iter().map(|(id, record)| Ok((*id, record.write()?))).collect();
                let (store, drops) = (self.store.clone(), changes.drops.clone());
                let write = move || store.put_swaps(rows?, drops);
                let done = tokio::task::spawn_blocking(write).await;
                stored = done.unwrap_or_else(|e| Err(Error::retry(Kind::Store, e.to_string())));
            }
            match &stored {
                Ok(()) => {
                    let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                    state.apply(changes);
                    let last = state.bounds().1;
                    drop(state);
                    self.last.send_replace(last);
                }
                Err(error) => tracing::error!(%error, "swaps could not be stored"),
            }
            for finish in finishes {
                let again =
                    stored.as_ref().err().map(|e| Error { class: e.class, kind: e.kind, detail: e.detail.clone() });
                finish(again.map_or(Ok(()), |error| Err(error.into())));
            }
        }
    }

    /// Looks at what is stored.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number of the newest event, from now on.
    pub(crate) fn events(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Makes a change; answers when it is on the disk. A change that is refused must not have touched the draft.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Draft<'_>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let (answer, answered) = oneshot::channel();
        let work = move |draft: &mut Draft<'_>| -> Finish {
            let result = change(draft);
            // A caller that is gone needs no answer.
            Box::new(move |stored| drop(answer.send(stored.and(result))))
        };
        let ended = || Refused::from(Error::retry(Kind::ShuttingDown, "the relayer ends"));
        self.queue.send(Box::new(work)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// The bridge and terms of a record.
    pub(crate) fn parts(&self, record: &Record) -> Option<(&Arc<Bridge>, Terms)> {
        let terms = record.terms().ok()?;
        Some((self.bridges.of(terms.lanes)?, terms))
    }

    /// Stores a proposal of a caller. The same request id gives the same swap.
    pub(crate) async fn propose(&self, bridge: &Bridge, terms: Terms, proposer: Proposer) -> Result<B256, Refused> {
        let alone = bridge.peer.is_none();
        let max = self.limits.open_swaps;
        let id = self
            .change(move |draft| {
                if let Some(id) = draft.keyed(&proposer.organisation, &proposer.request_id) {
                    let known = draft.get(id).and_then(|record| record.proposer.as_ref());
                    return if known.is_some_and(|known| known.content == proposer.content) {
                        Ok(id)
                    } else {
                        let detail = "request_id: it stands for another proposal: choose a new one for new content";
                        let reused = Refused::new(Code::FailedPrecondition, "KEY_REUSED", detail);
                        Err(reused.with("request_id", &proposer.request_id).with("swap", format!("swaps/{id}")))
                    };
                }
                let owner = proposer.organisation.clone();
                let mut record = Record::new(&terms, 0, owner, Some(proposer));
                new(draft, &terms, &record, max)?;
                record.proposed(draft.now);
                if alone {
                    record.seen(draft.now);
                }
                let id = terms.id();
                draft.insert(id, &terms, record);
                Ok(id)
            })
            .await?;
        // The book has it when the caller has its name. Another bridge's terms were refused before.
        let _ = self.read(|state| self.parts(state.get(id)?).map(|(bridge, terms)| bridge.swaps.learn(terms)));
        Ok(id)
    }

    /// Stores what the other relayer offers.
    pub(crate) async fn offered(&self, organisation: &str, terms: Terms, leg: u8) -> Result<B256, Refused> {
        let bridge = self.shared(organisation, &terms)?;
        terms.check().map_err(|e| Refused::field("terms", "terms of a swap", e))?;
        if leg > 1 {
            return Err(Refused::field("leg", "0 or 1", leg));
        }
        let id = terms.id();
        if self.read(|state| state.get(id).is_some()) {
            return Ok(id); // told again after a break: the first time counts
        }
        for (k, (leg, lane)) in terms.legs.iter().zip(terms.lanes).enumerate() {
            if bridge.end_of(lane).is_none_or(|end| end.token(&leg.asset).is_none()) {
                return Err(Refused::field(&format!("terms.legs[{k}].asset"), "an asset of the bridge", leg.asset));
            }
        }
        terms::check_deadlines(bridge, &terms, self.limits.deadline_margin, self.clock.now())?;
        let (owner, max) = (format!("peer {organisation}"), self.limits.open_swaps);
        self.change(move |draft| {
            if draft.get(id).is_some() {
                return Ok(());
            }
            let mut record = Record::new(&terms, leg, owner, None);
            new(draft, &terms, &record, max)?;
            record.proposed(draft.now);
            record.seen(draft.now);
            draft.insert(id, &terms, record);
            Ok(())
        })
        .await?;
        let _ = bridge.swaps.learn(terms);
        Ok(id)
    }

    /// Stores what the other relayer's party decided.
    pub(crate) async fn answered(
        &self,
        organisation: &str,
        id: B256,
        told: Terms,
        answer: Answer,
    ) -> Result<(), Refused> {
        self.shared(organisation, &told)?;
        if told.id() != id {
            let known = self.read(|state| state.get(id).and_then(|record| record.terms().ok()));
            let known = known.ok_or_else(|| unknown(id))?;
            return Err(terms::mismatch(&known, &told));
        }
        self.change(move |draft| {
            let record = draft.get(id).ok_or_else(|| unknown(id))?;
            if answer == Answer::Accepted && record.proposer.is_none() {
                let detail = "a proposal is accepted by the counterparty, not by its own side";
                return Err(Refused::new(Code::InvalidArgument, "PROTOCOL_VIOLATION", detail));
            }
            let now = draft.now;
            if let Some(record) = draft.edit(id) {
                record.seen(now);
                record.answered(answer, now);
            }
            Ok(())
        })
        .await
    }

    /// The bridge of these terms, if it is shared with an organisation: others' are not told apart from none.
    fn shared(&self, organisation: &str, terms: &Terms) -> Result<&Arc<Bridge>, Refused> {
        let bridge = self.bridges.of(terms.lanes).filter(|bridge| bridge.peer.as_deref() == Some(organisation));
        bridge.ok_or_else(|| {
            let detail = "not a bridge that is shared with this organisation";
            Refused::new(Code::PermissionDenied, "UNKNOWN_LANE", detail)
        })
    }

    /// Accepts for the counterparty. `owns` says which accounts the caller has.
    pub(crate) async fn accept(
        &self,
        id: B256,
        stated: Terms,
        owns: impl Fn(&AccountId) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let record = self.read(|state| state.get(id).cloned()).ok_or_else(|| unknown(id))?;
        let (bridge, agreed) = self.parts(&record).ok_or_else(|| unknown(id))?;
        let [first, second] = terms::owners(bridge, &agreed);
        let counterparty = if record.leg == 0 { second } else { first };
        owns(&counterparty.ok_or_else(|| unknown(id))?)?;
        if stated != agreed {
            return Err(terms::mismatch(&agreed, &stated));
        }
        terms::check_deadlines(bridge, &agreed, self.limits.deadline_margin, self.clock.now())?;
        let peer = bridge.peer.is_some();
        self.change(move |draft| {
            let record = draft.get(id).ok_or_else(|| unknown(id))?;
            match &record.answer {
                Answer::Accepted => return Ok(()),
                Answer::Cancelled(_) => return Err(over(record)),
                Answer::Open if record.is_over() || record.legs.iter().any(|leg| leg.state == 2) => {
                    return Err(over(record));
                }
                Answer::Open => {}
            }
            let now = draft.now;
            if let Some(record) = draft.edit(id) {
                record.answered(Answer::Accepted, now);
                // One that was proposed here is accepted here only where this relayer serves both ends.
                record.to_tell = peer && record.proposer.is_none();
            }
            Ok(())
        })
        .await
    }

    /// Takes back or turns down.
    pub(crate) async fn cancel(&self, id: B256, why: &str) -> Result<(), Refused> {
        let why = record::comment(why);
        let alone = self.read(|state| {
            state.get(id).and_then(|record| self.parts(record)).is_none_or(|(bridge, _)| bridge.peer.is_none())
        });
        self.change(move |draft| {
            let record = draft.get(id).ok_or_else(|| unknown(id))?;
            if matches!(record.answer, Answer::Cancelled(_)) {
                return Ok(());
            }
            if record.is_over() {
                return Err(over(record));
            }
            if let Some(leg) = record.legs.iter().position(|leg| leg.state == 1) {
                let detail = format!("leg {leg} is locked: void the other leg (PrepareVoid), and it goes back");
                return Err(Refused::new(Code::FailedPrecondition, "LEG_LOCKED", detail).with("leg", leg));
            }
            let now = draft.now;
            if let Some(record) = draft.edit(id) {
                record.answered(Answer::Cancelled(why), now);
                // A proposal that never left is not taken back anywhere.
                record.to_tell = !alone && (record.offered || record.proposer.is_none());
            }
            Ok(())
        })
        .await
    }
}

/// Whether one more swap may begin.
fn new(draft: &Draft<'_>, terms: &Terms, record: &Record, max: u32) -> Result<(), Refused> {
    if let Some(known) = draft.get(terms.id()) {
        let detail = "these very terms are a swap already: read it, or choose another nonce";
        let exists = Refused::new(Code::AlreadyExists, "SWAP_EXISTS", detail);
        return Err(exists.with("swap", format!("swaps/{}", terms.id())).with("state", known.state().as_str_name()));
    }
    let same_nonce = draft.with_nonce(terms.nonce).and_then(|id| draft.get(id)).and_then(|known| known.terms().ok());
    // Only to a party of it: another's swap is nobody else's business.
    let party = |known: &Terms| known.legs.iter().any(|leg| terms.legs.iter().any(|own| own.from == leg.from));
    if let Some(known) = same_nonce.filter(party) {
        return Err(terms::mismatch(&known, terms));
    }
    if draft.open(&record.owner) >= max {
        return Err(super::limits::too_many("swaps", u64::from(max)));
    }
    if !draft.has_room() {
        return Err(super::limits::too_many("swaps of all callers", super::state::RECORDS_MAX as u64));
    }
    Ok(())
}

fn unknown(id: B256) -> Refused {
    Refused::unknown(&format!("swaps/{id}"))
}

fn over(record: &Record) -> Refused {
    let state = record.state().as_str_name();
    Refused::new(Code::FailedPrecondition, "SWAP_OVER", format!("the swap is {state}")).with("state", state)
}
