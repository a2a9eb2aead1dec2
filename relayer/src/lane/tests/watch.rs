//! `watch`, and who makes it look again: `prove` and `audit`.

use super::{
    Ear,
    script::{Noon, Script, book, entry, lane, outbox, state},
};
use crate::{
    lane::{
        audit::Audit,
        book::Book,
        chain::ChainView,
        error::Kind,
        ports::Journal,
        prove::Prover,
        settings::Settings,
        watch::{Pinned, Watch},
    },
    store::Store,
};
use alloy::primitives::B256;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};

const SOON: Duration = Duration::from_secs(30);

/// A chain that is watched, and the lane 7 that leaves it.
struct Rig {
    script: Arc<Script>,
    chain: Arc<ChainView>,
    book: Arc<Book>,
    journal: Arc<dyn Journal>,
    ear: Arc<Ear>,
    dir: TempDir,
}

impl Rig {
    fn new(head: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal: Arc<dyn Journal> = Arc::new(Store::open(dir.path()).unwrap());
        Self::over(Script::new(head), journal, dir)
    }

    /// A process that starts with what the journal holds.
    fn over(script: Arc<Script>, journal: Arc<dyn Journal>, dir: TempDir) -> Self {
        let chain = script.view("eip155:1");
        let book = Arc::new(Book::recall(&*journal, lane(7), &[]).unwrap());
        chain.connect(&Script::new(1).view("eip155:2"), &book);
        Self { script, chain, book, journal, ear: Arc::default(), dir }
    }

    fn restart(self) -> Self {
        Self::over(self.script, self.journal, self.dir)
    }

    fn watch_from(&self, pinned: u64) -> JoinHandle<crate::lane::error::Result<()>> {
        let watch = Watch {
            chain: self.chain.clone(),
            pinned: Pinned { height: pinned, hash: B256::ZERO, scan_from: 1 },
            journal: self.journal.clone(),
            clock: Arc::new(Noon),
            seen: self.ear.clone(),
            woken: Mutex::default(),
        };
        tokio::spawn(async move { watch.run().await })
    }

    fn watch(&self) -> JoinHandle<crate::lane::error::Result<()>> {
        self.watch_from(1)
    }

    async fn at(&self, height: u64) {
        timeout(SOON, self.chain.reach(height)).await.expect("no such tip").unwrap();
    }

    /// Waits until the book holds `size` entries.
    async fn holds(&self, size: u64) {
        let mut grown = self.book.grown();
        let held = async {
            while self.book.size() != size {
                grown.changed().await.unwrap();
            }
        };
        timeout(SOON, held).await.unwrap_or_else(|_| panic!("expected {size}, found {}", self.book.size()));
    }

    fn prover(&self) -> Prover {
        Prover::new(self.chain.clone(), self.book.clone(), outbox(lane(7)))
    }

    fn audit(&self) -> Audit {
        let (source, book) = (self.chain.clone(), self.book.clone());
        let journal = self.journal.clone();
        Audit { source, outbox: outbox(lane(7)), book, journal, settings: Settings::default().into() }
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_chain_has_a_tip_again_after_a_restart() {
    let rig = Rig::new(5);
    let task = rig.watch();
    rig.at(5).await;
    task.abort();
    let rig = rig.restart();
    // No block follows.
    let _task = rig.watch();
    rig.at(5).await;
}

#[tokio::test(start_paused = true)]
async fn half_a_scan_leaves_the_state_before_it_in_the_journal() {
    let rig = Rig::new(1_700);
    rig.script.write(1_650, entry(lane(7), 0, 1));
    rig.script.scans_left(Some(2));
    let ended = timeout(SOON, rig.watch()).await.unwrap().unwrap();
    assert_eq!(ended.unwrap_err().kind, Kind::Unavailable);
    let id = rig.chain.id.clone();
    assert_eq!(rig.journal.scanned(&id).unwrap(), Some(1_000));
    assert_eq!(rig.journal.trusted(&id).unwrap(), Some(state(1)), "a stored state stands over all events below it");
    rig.script.scans_left(None);
    let rig = rig.restart();
    let _task = rig.watch();
    rig.at(1_700).await;
    assert_eq!(rig.book.size(), 1);
    assert_eq!(rig.journal.trusted(&id).unwrap(), Some(state(1_700)));
}

#[tokio::test(start_paused = true)]
async fn atk_022_what_is_in_doubt_is_scanned_again_without_a_new_block() {
    let rig = Rig::new(5);
    rig.script.happened(3, entry(lane(7), 0, 1));
    rig.script.say(3, entry(lane(7), 0, 666));
    let _task = rig.watch();
    rig.at(5).await;
    let error = rig.prover().prove(0..1).await.unwrap_err();
    assert_eq!(error.kind, Kind::NodeLied);
    assert_eq!(rig.script.lies().len(), 1, "who told the events is named");
    rig.script.repent();
    timeout(SOON, async {
        while rig.prover().prove(0..1).await.is_err() {
            rig.book.grown().changed().await.unwrap();
        }
    })
    .await
    .expect("no block came, and nothing was scanned again");
    assert_eq!(rig.book.sound(), 1);
}

#[tokio::test(start_paused = true)]
async fn atk_022_one_lanes_false_events_hold_up_no_other_lane() {
    let rig = Rig::new(5);
    let other = book(8, &rig.chain, &Script::new(1).view("eip155:2"));
    // A hole in one lane; the other's events come after it.
    rig.script.say(3, entry(lane(7), 4, 1));
    rig.script.write(4, entry(lane(8), 0, 1));
    let task = rig.watch();
    rig.at(5).await;
    assert_eq!((rig.book.size(), other.size()), (0, 1));
    rig.script.write(6, entry(lane(8), 1, 1));
    rig.script.to(6);
    rig.at(6).await;
    assert_eq!(other.size(), 2);
    assert!(!task.is_finished());
    rig.script.happened(3, entry(lane(7), 0, 1));
    rig.script.repent();
    rig.holds(1).await;
}

#[tokio::test(start_paused = true)]
async fn atk_022_a_node_that_goes_on_lying_is_not_asked_again_all_the_time() {
    let rig = Rig::new(5);
    rig.script.say(3, entry(lane(7), 4, 1));
    let _task = rig.watch();
    rig.at(5).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let scans = rig.script.scans().len();
    assert!((5..40).contains(&scans), "{scans} scans in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn atk_022_a_false_entry_that_its_namesakes_delivery_closed_does_not_wedge_the_lane() {
    let rig = Rig::new(5);
    rig.script.write(2, entry(lane(7), 0, 1));
    rig.script.happened(3, entry(lane(7), 1, 1));
    rig.script.say(3, entry(lane(7), 1, 666));
    let _task = rig.watch();
    rig.at(5).await;
    // Another relayer delivered the genuine entries.
    rig.book.prove_delivered(&[(0, alloy::primitives::U256::from(0b11))]);
    assert_eq!(rig.book.open_count(), 0);
    assert_eq!(rig.audit().once().await.unwrap_err().kind, Kind::NodeLied, "the size is right, the peak is not");
    rig.script.repent();
    rig.script.write(6, entry(lane(7), 2, 1));
    rig.script.to(6);
    timeout(SOON, async {
        while rig.audit().once().await.is_err() || rig.book.size() < 3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await
    .expect("the lane is wedged");
    rig.prover().prove(2..3).await.unwrap();
    assert_eq!(rig.book.sound(), 3);
}

#[tokio::test(start_paused = true)]
async fn atk_022_after_a_restart_a_lie_is_healed_from_where_the_outbox_was_proven() {
    let rig = Rig::new(3_000);
    rig.script.write(2, entry(lane(7), 0, 1));
    rig.script.write(2_900, entry(lane(7), 1, 1));
    let task = rig.watch();
    rig.at(3_000).await;
    rig.audit().once().await.unwrap();
    task.abort();
    let rig = rig.restart();
    rig.script.happened(3_001, entry(lane(7), 2, 1));
    rig.script.say(3_001, entry(lane(7), 2, 666));
    rig.script.to(3_002);
    let _task = rig.watch();
    rig.at(3_002).await;
    assert_eq!(rig.book.sound(), 0, "what is in the journal is proven again before it counts");
    assert_eq!(rig.audit().once().await.unwrap_err().kind, Kind::NodeLied);
    let before = rig.script.scans().len();
    rig.script.repent();
    timeout(SOON, async {
        while rig.audit().once().await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await
    .expect("it was not healed");
    assert_eq!((rig.book.size(), rig.book.sound()), (3, 3));
    let scans = rig.script.scans();
    assert!(scans[before..].iter().all(|scan| scan.0 >= 2_999), "{:?}", &scans[before..]);
}

#[tokio::test(start_paused = true)]
async fn a_pinned_header_that_people_moved_is_taken() {
    let rig = Rig::new(50);
    let task = rig.watch();
    rig.at(50).await;
    task.abort();
    let rig = rig.restart();
    // The nodes are not that far yet.
    let _task = rig.watch_from(60);
    tokio::task::yield_now().await;
    rig.script.to(60);
    rig.at(60).await;
    assert_eq!(rig.script.starts(), [1, 60]);
}

#[tokio::test(start_paused = true)]
async fn atk_072_a_line_that_an_answer_repeats_counts_once() {
    let rig = Rig::new(5);
    rig.script.write(2, entry(lane(7), 0, 1));
    rig.script.say(2, entry(lane(7), 0, 1));
    rig.script.write(2, entry(lane(7), 1, 1));
    let task = rig.watch();
    rig.at(5).await;
    assert!(!task.is_finished());
    assert_eq!((rig.book.size(), *rig.ear.observed.lock().unwrap()), (2, 2));
    assert_eq!(rig.journal.commitments(lane(7)).unwrap().len(), 2);
    assert!(rig.script.lies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_audits_do_not_begin_in_one_moment() {
    let rig = Rig::new(5);
    let _task = rig.watch();
    rig.at(5).await;
    let before = rig.script.proofs();
    for _ in 0..1_000 {
        let audit = rig.audit();
        tokio::spawn(async move { audit.run().await });
    }
    let mut seconds = Vec::new();
    for _ in 0..60 {
        let so_far = rig.script.proofs();
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds.push(rig.script.proofs() - so_far);
    }
    let most = seconds.iter().max().unwrap();
    assert!(*most < 100, "{seconds:?}");
    assert!(rig.script.proofs() - before >= 950);
}

#[tokio::test(start_paused = true)]
async fn atk_085_a_watch_that_panics_starts_again() {
    let rig = Rig::new(5);
    rig.script.trap.set("scan");
    let watch = Arc::new(Watch {
        chain: rig.chain.clone(),
        pinned: Pinned { height: 1, hash: B256::ZERO, scan_from: 1 },
        journal: rig.journal.clone(),
        clock: Arc::new(Noon),
        seen: rig.ear.clone(),
        woken: Mutex::default(),
    });
    let _task = tokio::spawn(watch.keep(Default::default()));
    rig.at(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_letters_entry_is_still_dead_after_a_restart() {
    use crate::lane::{book::Standing, ports::DeadLetter};
    let rig = Rig::new(5);
    (0..3).for_each(|i| rig.script.write(2, entry(lane(7), i, 1)));
    let task = rig.watch();
    rig.at(5).await;
    task.abort();
    let letter = DeadLetter {
        id: 0,
        lane: lane(7),
        range: 1..2,
        stage: "submit".into(),
        kind: Kind::Reverted,
        detail: String::new(),
        at: 1,
    };
    let letters = [DeadLetter { lane: lane(8), range: 0..1, ..letter.clone() }, letter];
    let book = Book::recall(&*rig.journal, lane(7), &letters).unwrap();
    assert_eq!(book.standing(1), Some(Standing::Dead));
    assert_eq!(book.standings(), [2, 0, 0, 1]);
    assert_eq!(book.next_waiting(3, 9, 0).unwrap().0, 0..1);
}
