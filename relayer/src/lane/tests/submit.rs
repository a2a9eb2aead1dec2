//! `submit`: what is tried again for ever, what is buried; and a lane whose chain is frozen.

use super::{
    Ear,
    script::{Noon, Script, TRUSTING_PERIOD, book, client, conflict, entry, lane, outbox, state},
};
use crate::{
    lane::{
        audit::Audit,
        book::{Book, Mark, Standing},
        chain::{ChainView, Tip},
        confirm::Confirm,
        error::{Error, Kind, Result},
        freeze::Report,
        ports::{DeadLetter, Journal, Seen, TxIntent},
        prove::Prover,
        refresh::Refresh,
        run::{Lane, State},
        settings::{Role, Settings},
        submit::Submit,
        swaps::{SwapBook, facts::Facts},
        sweep::Sweep,
        types::{Account, Bundle, ChainId, Conflict, ContractClient, Outcome, TrustedState, TxEvent},
    },
    store::Store,
};
use alloy::primitives::{B256, U256};
use bytes::Bytes;
use causeway_core::{Entry, LaneId};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

struct Rig {
    source: Arc<Script>,
    destination: Arc<Script>,
    from: Arc<ChainView>,
    to: Arc<ChainView>,
    book: Arc<Book>,
    journal: Arc<dyn Journal>,
    submit: Arc<Submit>,
    ear: Arc<Ear>,
    _dir: TempDir,
}

impl Rig {
    fn new(full: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Journal> = Arc::new(Store::open(dir.path()).unwrap());
        Self::over(if full { Arc::new(Full(store)) } else { store }, dir)
    }

    fn over(journal: Arc<dyn Journal>, dir: TempDir) -> Self {
        let (source, destination) = (Script::new(5), Script::new(5));
        let (from, to) = (source.view("eip155:1"), destination.view("eip155:2"));
        let (book, reverse) = (book(7, &from, &to), book(8, &to, &from));
        source.write(2, entry(lane(7), 0, 1));
        book.append(2, &[entry(lane(7), 0, 1)]).unwrap();
        for chain in [&from, &to] {
            chain.publish(Tip { trusted: state(5), update: Bytes::from_static(b"5") });
        }
        let ear: Arc<Ear> = Arc::default();
        let submit = Arc::new(Submit {
            source: from.clone(),
            destination: to.clone(),
            book: book.clone(),
            reverse,
            journal: journal.clone(),
            clock: Arc::new(Noon),
            settings: Settings::default().into(),
            submitted: ear.clone(),
        });
        Self { source, destination, from, to, book, journal, submit, ear, _dir: dir }
    }

    async fn fails(&self, times: usize, kind: Kind) -> Result<()> {
        for _ in 0..times {
            self.submit.failed(0..1, &Error::retry(kind, "it failed"), &None).await?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_buries_nothing() {
    let rig = Rig::new(false);
    for kind in [Kind::Unavailable, Kind::DeadlineExceeded, Kind::NodeLied, Kind::InsufficientFunds] {
        rig.fails(100, kind).await.unwrap();
    }
    assert!(matches!(rig.book.standing(0), Some(Standing::Waiting(_))));
    assert!(rig.journal.dead_letters(9).unwrap().is_empty());
    // What is the entry's own fault is given up.
    rig.fails(1, Kind::Reverted).await.unwrap();
    assert_eq!(rig.book.standing(0), Some(Standing::Dead));
    assert_eq!(rig.journal.dead_letters(9).unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_not_dead_before_its_letter_is_written() {
    let rig = Rig::new(true);
    assert_eq!(rig.fails(100, Kind::Reverted).await.unwrap_err().kind, Kind::Store);
    assert!(matches!(rig.book.standing(0), Some(Standing::Waiting(_))), "dead without a letter: nobody would know");
    assert!(rig.ear.buried.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn atk_087_a_stranger_that_delivers_first_ends_the_item_and_the_interest_in_our_transaction() {
    let rig = Rig::new(false);
    let bundle = Prover::new(rig.from.clone(), rig.book.clone(), outbox(lane(7))).prove(0..1).await.unwrap();
    rig.submit.submit(Arc::new(bundle), None).await.unwrap();
    let ticket = rig.destination.ticket();
    ticket.send(TxEvent::Broadcast { tx: B256::repeat_byte(1) }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!ticket.is_closed(), "it is followed while its entry is open");
    // Somebody copied the call and was included first.
    rig.book.prove_delivered(&[(0, U256::from(1))]);
    timeout(Duration::from_secs(10), ticket.closed()).await.expect("nobody tells the signer that it is done");
    assert_eq!((rig.book.open_count(), rig.book.closed_count()), (0, 1));
    assert!(rig.ear.failed.lock().unwrap().is_empty(), "another relayer's delivery is no failure");
    assert!(rig.journal.dead_letters(9).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn our_own_deliverys_verdict_is_waited_for_although_its_entries_are_proven_delivered() {
    let rig = Rig::new(false);
    let bundle = Prover::new(rig.from.clone(), rig.book.clone(), outbox(lane(7))).prove(0..1).await.unwrap();
    let (answer, mut answers) = mpsc::channel(4);
    rig.submit.submit(Arc::new(bundle), Some((9, answer))).await.unwrap();
    let ticket = rig.destination.ticket();
    rig.book.prove_delivered(&[(0, U256::from(1))]);
    let (tx, fee) = (B256::repeat_byte(1), U256::ZERO);
    ticket.send(TxEvent::Final { tx, block: 5, gas_used: 1, fee }).await.unwrap();
    let told = timeout(Duration::from_secs(10), answers.recv()).await.unwrap();
    assert_eq!(told, Some((9, Outcome::Final { tx, block: 5 })));
}

/// Runs `refresh` for a minute; its end, if it ended.
async fn refreshed(rig: &Rig) -> Option<Result<()>> {
    let refresh = rig.lane().refresh;
    timeout(Duration::from_secs(60), async move { refresh.run().await }).await.ok()
}

#[tokio::test(start_paused = true)]
async fn atk_022_a_node_that_calls_the_client_frozen_or_expired_stops_no_lane() {
    let rig = Rig::new(false);
    for said in [
        ContractClient { frozen: true, ..client(5) },
        ContractClient { time: 0, trusting_period: 0, ..client(5) },
        ContractClient { height: u64::MAX, time: u64::MAX, trusting_period: u64::MAX, ..client(5) },
    ] {
        rig.destination.client_is(said);
        assert!(refreshed(&rig).await.is_none());
    }
    // A delivery waits and is tried again; what is proven does stop the lane.
    rig.destination.client_is(ContractClient { frozen: true, ..client(5) });
    rig.submit.submit(rig.bundle().await, None).await.unwrap();
    rig.destination.client_is_proven(ContractClient { frozen: true, ..client(5) });
    assert_eq!(refreshed(&rig).await.unwrap().unwrap_err().kind, Kind::ClientFrozen);
    assert_eq!(rig.submit.submit(rig.bundle().await, None).await.unwrap_err().kind, Kind::ClientFrozen);
}

#[tokio::test(start_paused = true)]
async fn atk_081_a_refresh_is_reckoned_by_the_destinations_clock_without_overflow() {
    let rig = Rig::new(false);
    // Any number may stand there.
    rig.destination.client_is_proven(ContractClient { height: u64::MAX, time: u64::MAX, ..client(1) });
    assert!(refreshed(&rig).await.is_none());
    assert_eq!(
        rig.ear.expiry.lock().unwrap()[0],
        (u64::MAX, u64::MAX, 1_005),
        "now is the destination's newest header"
    );
    // A third of the period is left for the source only at a sixth: one second before, and after.
    for (left, updates) in [(TRUSTING_PERIOD / 6, 0), (TRUSTING_PERIOD / 6 - 1, 1)] {
        let time = 1_005 + left - TRUSTING_PERIOD.min(1_005 + left);
        let period_ago = ContractClient { height: 1, time, ..client(1) };
        rig.to.publish(Tip {
            trusted: crate::lane::types::TrustedState { time: time + TRUSTING_PERIOD - left, ..state(6) },
            update: Bytes::from_static(b"6"),
        });
        rig.destination.client_is_proven(period_ago);
        assert!(refreshed(&rig).await.is_none());
        assert_eq!(rig.destination.client_updates().min(1), updates, "{left} s left");
    }
    // Nothing is left.
    rig.destination.client_is_proven(ContractClient { time: 0, ..client(1) });
    rig.to.publish(Tip {
        trusted: crate::lane::types::TrustedState { time: TRUSTING_PERIOD, ..state(7) },
        update: Bytes::from_static(b"7"),
    });
    assert_eq!(refreshed(&rig).await.unwrap().unwrap_err().kind, Kind::ClientExpired);
}

#[tokio::test(start_paused = true)]
async fn inv_8_the_lanes_of_a_frozen_chain_stop_at_either_end() {
    for end in [0, 1] {
        let rig = Rig::new(false);
        let lane = Arc::new(rig.lane());
        let mut state = lane.state.subscribe();
        tokio::spawn(lane.run(Default::default()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(*state.borrow(), State::Running);
        [&rig.from, &rig.to][end].stop(Kind::ClientFrozen);
        let stopped = |s: &State| matches!(s, State::Stopped { kind: Kind::ClientFrozen, .. });
        timeout(Duration::from_secs(5), state.wait_for(stopped)).await.expect("it goes on").unwrap();
    }
}

/// What a chain's watch ends with when the vault's code is not the agreed one stops the lanes that touch it.
#[tokio::test(start_paused = true)]
async fn atk_009_a_watch_that_sees_other_code_stops_the_lanes_at_either_end() {
    for end in [0, 1] {
        let rig = Rig::new(false);
        let group = Arc::new(rig.lane());
        let mut state = group.state.subscribe();
        tokio::spawn(group.run(Default::default()));
        let chain = [&rig.from, &rig.to][end];
        let script = [&rig.source, &rig.destination][end];
        script.judge_next(Error::stop_lane(Kind::VaultCodeChanged, "expected code 1, found 2"));
        let watch = crate::lane::watch::Watch {
            chain: chain.clone(),
            pinned: crate::lane::watch::Pinned { height: 1, hash: B256::ZERO, scan_from: 1 },
            journal: rig.journal.clone(),
            clock: Arc::new(Noon),
            seen: rig.ear.clone(),
            woken: Mutex::default(),
        };
        tokio::spawn(Arc::new(watch).keep(Default::default()));
        let stopped = |s: &State| matches!(s, State::Stopped { kind: Kind::VaultCodeChanged, detail } if detail.contains("found 2"));
        timeout(Duration::from_secs(5), state.wait_for(stopped)).await.expect("it goes on").unwrap();
    }
}

impl Rig {
    async fn bundle(&self) -> Arc<Bundle> {
        let prover = crate::lane::prove::Prover::new(self.from.clone(), self.book.clone(), outbox(lane(7)));
        Arc::new(prover.prove(0..1).await.unwrap())
    }

    fn lane(&self) -> Lane {
        let (book, settings) = (self.book.clone(), Settings::default().into());
        let (source, outbox, journal) = (self.from.clone(), outbox(lane(7)), self.journal.clone());
        let often = Settings { audit_interval: Duration::from_secs(600), ..Settings::default() };
        let audit = Arc::new(Audit { source, outbox, book: book.clone(), journal, settings: often.into() });
        Lane {
            id: lane(7),
            send: None,
            receive: None,
            drive: None,
            sweep: Arc::new(Sweep { book: book.clone(), role: Role::Source, settings, driven: false }),
            confirm: Arc::new(Confirm {
                destination: self.to.clone(),
                book: book.clone(),
                journal: self.journal.clone(),
                closed: self.ear.clone(),
            }),
            refresh: Arc::new(Refresh {
                source: self.from.clone(),
                destination: self.to.clone(),
                book: book.clone(),
                role: Role::Source,
                clock: Arc::new(Noon),
                told: self.ear.clone(),
            }),
            facts: Arc::new(Facts {
                book: book.clone(),
                swaps: Arc::new(SwapBook::new([lane(7), lane(8)])),
                audit: audit.clone(),
                journal: self.journal.clone(),
                lacking: Mutex::default(),
            }),
            audit,
            report: Report { source: self.from.clone(), destination: self.to.clone(), lane: lane(7) },
            retries: self.ear.clone(),
            state: watch::Sender::new(State::Running),
            paused: watch::Sender::new(false),
        }
    }
}

/// A journal that has no room for letters.
struct Full(Arc<dyn Journal>);

impl Journal for Full {
    fn bury(&self, _: &DeadLetter) -> Result<()> {
        Err(Error::retry(Kind::Store, "no space left on device"))
    }
    fn trusted(&self, chain: &ChainId) -> Result<Option<TrustedState>> {
        self.0.trusted(chain)
    }
    fn advance(&self, chain: &ChainId, trusted: &TrustedState, scanned: u64, seen: &[Seen<'_>]) -> Result<()> {
        self.0.advance(chain, trusted, scanned, seen)
    }
    fn freeze(&self, chain: &ChainId, conflict: &Conflict) -> Result<()> {
        self.0.freeze(chain, conflict)
    }
    fn frozen(&self, chain: &ChainId) -> Result<Option<Conflict>> {
        self.0.frozen(chain)
    }
    fn thaw(&self, chain: &ChainId) -> Result<()> {
        self.0.thaw(chain)
    }
    fn scanned(&self, chain: &ChainId) -> Result<Option<u64>> {
        self.0.scanned(chain)
    }
    fn entries(&self, lane: LaneId, from: u64, limit: usize) -> Result<Vec<Entry>> {
        self.0.entries(lane, from, limit)
    }
    fn terms(&self, swaps: &[B256]) -> Result<Vec<causeway_core::Terms>> {
        self.0.terms(swaps)
    }
    fn commitments(&self, lane: LaneId) -> Result<Vec<B256>> {
        self.0.commitments(lane)
    }
    fn truncate(&self, chain: &ChainId, lane: LaneId, size: u64, scanned: u64) -> Result<()> {
        self.0.truncate(chain, lane, size, scanned)
    }
    fn prove_mark(&self, lane: LaneId, mark: Mark) -> Result<()> {
        self.0.prove_mark(lane, mark)
    }
    fn proven_mark(&self, lane: LaneId) -> Result<Option<Mark>> {
        self.0.proven_mark(lane)
    }
    fn delivered(&self, lane: LaneId) -> Result<Vec<(u64, U256)>> {
        self.0.delivered(lane)
    }
    fn set_delivered(&self, lane: LaneId, words: &[(u64, U256)]) -> Result<()> {
        self.0.set_delivered(lane, words)
    }
    fn received(&self, peer: &str, number: u64, bundle: &Bundle) -> Result<()> {
        self.0.received(peer, number, bundle)
    }
    fn unfinished(&self) -> Result<Vec<(String, u64, Bundle)>> {
        self.0.unfinished()
    }
    fn finished(&self, peer: &str, lane: LaneId, number: u64) -> Result<()> {
        self.0.finished(peer, lane, number)
    }
    fn next_number(&self, lane: LaneId) -> Result<u64> {
        self.0.next_number(lane)
    }
    fn intend(&self, intent: &TxIntent) -> Result<()> {
        self.0.intend(intent)
    }
    fn intents(&self, chain: &ChainId, signer: &Account) -> Result<Vec<TxIntent>> {
        self.0.intents(chain, signer)
    }
    fn settle(&self, chain: &ChainId, signer: &Account, nonce: u64) -> Result<()> {
        self.0.settle(chain, signer, nonce)
    }
    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>> {
        self.0.dead_letters(limit)
    }
    fn exhume(&self, id: u64) -> Result<Option<DeadLetter>> {
        self.0.exhume(id)
    }
}

#[tokio::test(start_paused = true)]
async fn inv_8_evidence_goes_to_the_client_contract_until_it_is_proven_frozen_and_survives_a_restart() {
    let rig = Rig::new(false);
    rig.from.freeze(&rig.journal).await;
    // Another process: it knows from the journal alone.
    let again = Rig::over(rig.journal.clone(), rig._dir);
    assert_eq!(again.from.stopped(), None);
    again.from.recall_freeze(&again.journal, 8).await.unwrap();
    assert_eq!((again.from.stopped(), again.from.conflict()), (Some(Kind::ClientFrozen), Some(conflict())));
    assert_eq!(again.to.stopped(), None);
    tokio::spawn(Arc::new(again.lane()).run(Default::default()));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let brought = again.destination.evidence();
    assert!(brought.len() > 1, "until it is proven");
    assert_eq!(brought[0], (conflict().a, conflict().b));
    again.destination.client_is_proven(ContractClient { frozen: true, ..client(5) });
    tokio::time::sleep(Duration::from_secs(120)).await;
    let brought = again.destination.evidence().len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(again.destination.evidence().len(), brought, "no more once it is frozen");
    // People chose a header above it.
    let chosen = Rig::over(again.journal.clone(), again._dir);
    chosen.from.recall_freeze(&chosen.journal, 9).await.unwrap();
    assert_eq!(chosen.from.stopped(), None);
    assert_eq!(chosen.journal.frozen(&chosen.from.id).unwrap(), None);
}
