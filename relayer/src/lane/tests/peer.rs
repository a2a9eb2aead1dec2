//! `send`, `sweep` and `drive` beside a peer that does what a test says.

use super::{
    Ear,
    script::{Script, book, entry, lane, outbox, state},
};
use crate::{
    lane::{
        book::Book,
        chain::{ChainView, Tip},
        drive::Drive,
        error::Result,
        live::Live,
        ports::{Journal, Peer},
        prove::Prover,
        send::Send,
        settings::{Role, Settings},
        submit::Submit,
        sweep::Sweep,
        types::{Bundle, Outcome},
    },
    store::Store,
};
use alloy::primitives::B256;
use async_trait::async_trait;
use bytes::Bytes;
use causeway_core::LaneId;
use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

/// A peer's mail box.
struct Mail {
    sent: watch::Sender<Vec<u64>>,
    answers: Mutex<Option<mpsc::Sender<(u64, Outcome)>>>,
}

#[async_trait]
impl Peer for Mail {
    async fn deliver(&self, number: u64, _: &Bundle) -> Result<()> {
        self.sent.send_modify(|sent| sent.push(number));
        Ok(())
    }
    async fn acknowledgements(&self, _: LaneId) -> Result<mpsc::Receiver<(u64, Outcome)>> {
        let (to, answers) = mpsc::channel(64);
        *self.answers.lock().unwrap() = Some(to);
        Ok(answers)
    }
    async fn held(&self, _: LaneId) -> Result<Vec<Range<u64>>> {
        Ok(Vec::new())
    }
    fn connected(&self) -> bool {
        true
    }
}

impl Mail {
    fn answer(&self, number: u64, outcome: Outcome) {
        let to = self.answers.lock().unwrap().clone().unwrap();
        to.try_send((number, outcome)).unwrap();
    }

    async fn got(&self, bundles: usize, within: Duration) {
        let mut sent = self.sent.subscribe();
        let got = timeout(within, sent.wait_for(|sent| sent.len() >= bundles)).await;
        assert!(got.is_ok(), "{bundles} bundles expected, found {:?}", self.sent.borrow());
    }
}

/// The source's relayer: three entries are seen.
struct Rig {
    mail: Arc<Mail>,
    destination: Arc<Script>,
    book: Arc<Book>,
    prover: Arc<Prover>,
    submit: Arc<Submit>,
    journal: Arc<dyn Journal>,
    settings: Live<Settings>,
    _chains: [Arc<ChainView>; 2],
    _dir: TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal: Arc<dyn Journal> = Arc::new(Store::open(dir.path()).unwrap());
        let (source, destination) = (Script::new(5), Script::new(5));
        let (from, to) = (source.view("eip155:1"), destination.view("eip155:2"));
        let (book, reverse) = (book(7, &from, &to), book(8, &to, &from));
        let entries: Vec<_> = (0..3).map(|i| entry(lane(7), i, 1)).collect();
        entries.iter().for_each(|e| source.write(2, *e));
        book.append(2, &entries).unwrap();
        for chain in [&from, &to] {
            chain.publish(Tip { trusted: state(5), update: Bytes::from_static(b"5") });
        }
        let settings = Live::from(Settings {
            peer_patience: Duration::from_secs(10),
            bundles_in_flight_max: 1,
            ..Settings::default()
        });
        let submit = Arc::new(Submit {
            source: from.clone(),
            destination: to.clone(),
            book: book.clone(),
            reverse,
            journal: journal.clone(),
            clock: Arc::new(super::script::Noon),
            settings: settings.clone(),
            submitted: Arc::new(Ear::default()),
        });
        Self {
            mail: Arc::new(Mail { sent: watch::Sender::default(), answers: Mutex::default() }),
            destination,
            prover: Arc::new(Prover::new(from.clone(), book.clone(), outbox(lane(7)))),
            book,
            submit,
            journal,
            settings,
            _chains: [from, to],
            _dir: dir,
        }
    }

    fn send(&self) {
        let send = Send {
            book: self.book.clone(),
            prover: self.prover.clone(),
            peer: self.mail.clone(),
            journal: self.journal.clone(),
            settings: self.settings.clone(),
            sent: Arc::new(Ear::default()),
        };
        tokio::spawn(async move { send.run().await });
    }

    fn sweep(&self, driven: bool) {
        let (book, settings) = (self.book.clone(), self.settings.clone());
        tokio::spawn(async move { Sweep { book, role: Role::Source, settings, driven }.run().await });
    }

    fn drive(&self) {
        let drive = Drive {
            book: self.book.clone(),
            prover: self.prover.clone(),
            submit: self.submit.clone(),
            role: Role::Source,
            settings: self.settings.clone(),
        };
        tokio::spawn(async move { drive.run().await });
    }
}

#[tokio::test(start_paused = true)]
async fn atk_086_a_peers_final_block_is_no_hint() {
    let rig = Rig::new();
    rig.send();
    rig.mail.got(1, Duration::from_secs(5)).await;
    rig.mail.answer(1, Outcome::Final { tx: B256::ZERO, block: u64::MAX });
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Words that wait for a block that never comes would not be proven when the chain itself names them.
    assert!(!rig.book.has_hints());
    rig.book.hint(0..3, 5);
    assert_eq!(rig.book.take_hints(5, 9), [0]);
}

#[tokio::test(start_paused = true)]
async fn atk_086_a_peer_that_only_answers_is_waited_for_no_longer_than_stated() {
    let rig = Rig::new();
    rig.send();
    rig.drive();
    rig.sweep(true);
    rig.mail.got(1, Duration::from_secs(5)).await;
    let (begun, mut delivered) = (Instant::now(), rig.destination.delivered.subscribe());
    let mail = rig.mail.clone();
    tokio::spawn(async move {
        loop {
            let newest = *mail.sent.borrow().last().unwrap();
            mail.answer(newest, Outcome::Submitted { tx: B256::ZERO });
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let stated = rig.settings.now().peer_patience * 8 + Duration::from_secs(3);
    timeout(stated, delivered.wait_for(|n| *n > 0)).await.expect("the peer's answers put it off").unwrap();
    assert!(begun.elapsed() > rig.settings.now().peer_patience * 7, "a peer that answers is given time");
    assert_eq!(rig.destination.deliveries()[0].bundle.entries.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lane_without_submit_rights_takes_back_sends_again_and_asks_the_chain() {
    let rig = Rig::new();
    rig.send();
    rig.sweep(false);
    rig.mail.got(1, Duration::from_secs(5)).await;
    assert!(!rig.book.has_hints());
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(rig.book.take_hints(5, 9), [0], "the chain is asked whether an event was hidden");
    // Only one bundle may be out: the one taken back makes room.
    rig.mail.got(2, rig.settings.now().peer_patience * 2).await;
    // An answer to the first is no answer to the second.
    rig.mail.answer(1, Outcome::Rejected { kind: crate::lane::error::Kind::Refused, detail: String::new() });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.mail.sent.borrow().len(), 2);
}
