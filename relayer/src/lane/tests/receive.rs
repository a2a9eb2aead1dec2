//! `receive`: what it keeps, and what it forgets.

use super::{
    Ear,
    script::{Noon, Script, book, entry, lane, outbox, state},
};
use crate::{
    lane::{
        book::Book,
        chain::{ChainView, Tip},
        error::{Error, Kind},
        ports::{Inbound, Journal},
        prove::Prover,
        receive::{Receive, Stored},
        settings::Settings,
        submit::Submit,
        types::{Bundle, Outcome},
    },
    store::Store,
};
use bytes::Bytes;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

const SOON: Duration = Duration::from_secs(30);

/// The destination's relayer.
struct Rig {
    source: Arc<Script>,
    destination: Arc<Script>,
    from: Arc<ChainView>,
    book: Arc<Book>,
    journal: Arc<dyn Journal>,
    receive: Arc<Receive>,
    _dir: TempDir,
}

fn tip(height: u64) -> Tip {
    Tip { trusted: state(height), update: Bytes::copy_from_slice(&height.to_be_bytes()) }
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal: Arc<dyn Journal> = Arc::new(Store::open(dir.path()).unwrap());
        let (source, destination) = (Script::new(5), Script::new(5));
        let (from, to) = (source.view("eip155:1"), destination.view("eip155:2"));
        let (book, reverse) = (book(7, &from, &to), book(8, &to, &from));
        source.write(2, entry(lane(7), 0, 1));
        book.append(2, &[entry(lane(7), 0, 1)]).unwrap();
        let submit = Arc::new(Submit {
            source: from.clone(),
            destination: to,
            book: book.clone(),
            reverse,
            journal: journal.clone(),
            clock: Arc::new(Noon),
            settings: Settings::default().into(),
            submitted: Arc::new(Ear::default()),
        });
        let receive = Arc::new(Receive {
            source: from.clone(),
            outbox: outbox(lane(7)),
            book: book.clone(),
            peer: "beta".into(),
            journal: journal.clone(),
            clock: Arc::new(Noon),
            submit,
            backlog: Mutex::default(),
            held: Mutex::default(),
        });
        Self { source, destination, from, book, journal, receive, _dir: dir }
    }

    /// A true bundle whose header is of `height`.
    async fn bundle(&self, height: u64) -> Bundle {
        let proving = self.source.view("eip155:1");
        proving.publish(tip(height));
        Prover::new(proving, self.book.clone(), outbox(lane(7))).prove(0..1).await.unwrap()
    }

    fn run(&self) -> (mpsc::Sender<Inbound>, JoinHandle<crate::lane::error::Result<()>>) {
        let (to, mut inbox) = mpsc::channel(8);
        let receive = self.receive.clone();
        (to, tokio::spawn(async move { receive.run(&mut inbox).await }))
    }

    fn stored(&self) -> usize {
        self.journal.unfinished().unwrap().len()
    }

    async fn delivered(&self) {
        let mut delivered = self.destination.delivered.subscribe();
        timeout(SOON, delivered.wait_for(|n| *n == 1)).await.expect("nothing was submitted").unwrap();
    }
}

fn not_yet() -> Error {
    Error::retry(Kind::NotAvailableYet, "another set is in force")
}

#[tokio::test(start_paused = true)]
async fn atk_082_a_bundle_that_cannot_be_judged_yet_is_kept_and_judged_again() {
    let rig = Rig::new();
    rig.from.publish(tip(5));
    let (inbox, _task) = rig.run();
    let (answer, mut answers) = mpsc::channel(8);
    rig.source.judge_next(not_yet());
    rig.source.judge_next(not_yet());
    inbox.send(Inbound { number: 4, bundle: rig.bundle(8).await, answer }).await.unwrap();
    assert_eq!(answers.recv().await, Some((4, Outcome::Received)));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((rig.stored(), rig.destination.deliveries().len()), (1, 0));
    rig.from.publish(tip(6));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((rig.stored(), rig.destination.deliveries().len()), (1, 0), "not yet again");
    rig.from.publish(tip(7));
    rig.delivered().await;
    assert!(answers.try_recv().is_err(), "nothing was rejected");
}

#[tokio::test(start_paused = true)]
async fn a_false_bundle_is_answered_and_forgotten() {
    let rig = Rig::new();
    rig.from.publish(tip(5));
    let (inbox, _task) = rig.run();
    let (answer, mut answers) = mpsc::channel(8);
    let mut bundle = rig.bundle(5).await;
    bundle.entries[0] = entry(lane(7), 0, 666);
    inbox.send(Inbound { number: 4, bundle, answer }).await.unwrap();
    assert_eq!(answers.recv().await, Some((4, Outcome::Received)));
    assert!(matches!(answers.recv().await, Some((4, Outcome::Rejected { kind: Kind::Refused, .. }))));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((rig.stored(), rig.destination.deliveries().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_stored_waits_for_the_first_verified_header() {
    let rig = Rig::new();
    for number in [1, 2] {
        let bundle = rig.bundle(5).await;
        rig.journal.received("beta", number, &bundle).unwrap();
        rig.receive.backlog.lock().unwrap().push_back(Stored::left(number, bundle));
    }
    let (_inbox, task) = rig.run();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((rig.stored(), rig.destination.deliveries().len()), (2, 0), "no header, no verdict");
    rig.from.publish(tip(5));
    rig.delivered().await;
    assert!(!task.is_finished());
    assert_eq!(rig.stored(), 2, "until its entries are proven delivered");
    tokio::time::sleep(Duration::from_secs(1)).await;
    rig.book.prove_delivered(&[(0, alloy::primitives::U256::from(1))]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.receive.held.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_stops_keeps_the_bundle_that_stopped_it() {
    let rig = Rig::new();
    rig.from.publish(tip(5));
    let (inbox, task) = rig.run();
    rig.source.judge_next(Error::stop_lane(Kind::ClientExpired, "too old"));
    let answer = mpsc::channel(8).0;
    inbox.send(Inbound { number: 4, bundle: rig.bundle(8).await, answer }).await.unwrap();
    assert_eq!(task.await.unwrap().unwrap_err().kind, Kind::ClientExpired);
    assert_eq!((rig.stored(), rig.receive.backlog.lock().unwrap().len()), (1, 1));
    let (_inbox, _task) = rig.run();
    rig.delivered().await;
}

#[tokio::test(start_paused = true)]
async fn inv_8_a_conflicting_header_in_a_peers_bundle_freezes_the_chain() {
    let rig = Rig::new();
    rig.from.publish(tip(5));
    let (inbox, task) = rig.run();
    rig.source.judge_next(Error::stop_lane(Kind::ClientFrozen, "two final blocks"));
    let answer = mpsc::channel(8).0;
    inbox.send(Inbound { number: 4, bundle: rig.bundle(8).await, answer }).await.unwrap();
    assert_eq!(task.await.unwrap().unwrap_err().kind, Kind::ClientFrozen);
    assert_eq!(rig.from.stopped(), Some(Kind::ClientFrozen), "the chain, not this lane alone");
    assert_eq!(rig.journal.frozen(&rig.from.id).unwrap(), rig.from.conflict());
}
