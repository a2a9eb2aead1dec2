//! Swaps through a lane: what is told, what is proven, what a restart brings back, and who voids what is overdue.

use super::{
    Ear,
    script::{BLOCK, Noon, Script, lane, outbox},
};
use crate::{
    lane::{
        audit::Audit,
        book::Book,
        chain::ChainView,
        confirm::Confirm,
        error::{Class, Kind, Result},
        overdue::Overdue,
        ports::{Clock, Journal},
        settings::{Role, Settings},
        swaps::{End, LegState, SwapBook, SwapView, facts::Facts},
        types::TxEvent,
        watch::{Pinned, Watch},
    },
    store::Store,
};
use alloy::primitives::{B256, U256};
use causeway_core::{
    Body, Entry, SwapLeg,
    swap::{Leg, Terms},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

const SOON: Duration = Duration::from_secs(30);
/// Lanes: leg k lives at end k.
const LANES: [u8; 2] = [7, 8];

/// Both ends of a bridge as one relayer sees them: watched, facts followed, delivered bits proven.
struct Rig {
    scripts: [Arc<Script>; 2],
    chains: [Arc<ChainView>; 2],
    books: [Arc<Book>; 2],
    swaps: Arc<SwapBook>,
    journal: Arc<dyn Journal>,
    ear: Arc<Ear>,
    tasks: JoinSet<Result<()>>,
    dir: TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal: Arc<dyn Journal> = Arc::new(Store::open(dir.path()).unwrap());
        Self::over([Script::new(10), Script::new(10)], journal, dir)
    }

    /// A process that starts with what the journal holds.
    fn over(scripts: [Arc<Script>; 2], journal: Arc<dyn Journal>, dir: TempDir) -> Self {
        let chains = [scripts[0].view("eip155:1"), scripts[1].view("eip155:2")];
        let books = LANES.map(|n| Arc::new(Book::recall(&*journal, lane(n), &[]).unwrap()));
        let swaps = Arc::new(SwapBook::new(LANES.map(lane)));
        for (end, book) in books.iter().enumerate() {
            chains[end].connect(&chains[1 - end], book);
            chains[end].serve_swaps(&swaps);
        }
        let mut rig = Self { scripts, chains, books, swaps, journal, ear: Arc::default(), tasks: JoinSet::new(), dir };
        for end in [0, 1] {
            let watch = rig.watch(end);
            rig.tasks.spawn(async move { watch.run().await });
            let facts = rig.facts(end);
            rig.tasks.spawn(async move { facts.run().await });
            let confirm = rig.confirm(end);
            rig.tasks.spawn(async move { confirm.run().await });
        }
        rig
    }

    fn restart(mut self) -> Self {
        self.tasks.abort_all();
        Self::over(self.scripts, self.journal, self.dir)
    }

    fn watch(&self, end: usize) -> Watch {
        Watch {
            chain: self.chains[end].clone(),
            pinned: Pinned { height: 1, hash: B256::ZERO, scan_from: 1 },
            journal: self.journal.clone(),
            clock: Arc::new(Noon),
            seen: self.ear.clone(),
            woken: Mutex::default(),
        }
    }

    fn facts(&self, end: usize) -> Facts {
        let (source, book) = (self.chains[end].clone(), self.books[end].clone());
        let often = Settings { audit_interval: Duration::from_secs(600), ..Settings::default() };
        let audit = Audit {
            source,
            outbox: outbox(lane(LANES[end])),
            book: book.clone(),
            journal: self.journal.clone(),
            settings: often.into(),
        };
        let (swaps, journal) = (self.swaps.clone(), self.journal.clone());
        Facts { book, swaps, audit: Arc::new(audit), journal, lacking: Mutex::default() }
    }

    fn confirm(&self, end: usize) -> Confirm {
        let (destination, book) = (self.chains[1 - end].clone(), self.books[end].clone());
        Confirm { destination, book, journal: self.journal.clone(), closed: self.ear.clone() }
    }

    fn void_at(&mut self, end: usize, role: Role, clock: Arc<dyn Clock>) {
        let overdue = Overdue {
            lane: lane(LANES[end]),
            chain: self.chains[end].clone(),
            swaps: self.swaps.clone(),
            role,
            settings: Settings { peer_patience: Duration::from_secs(20), ..Settings::default() }.into(),
            clock,
            told: self.ear.clone(),
        };
        self.tasks.spawn(async move { overdue.run().await });
    }

    /// The leg of end `leg` is decided at `block`, and told as a vault tells it.
    fn decide(&self, terms: &Terms, leg: u8, index: u64, block: u64, voided: bool) {
        let script = &self.scripts[usize::from(leg)];
        script.write(block, fact(terms, leg, index, voided));
        script.say_leg(block, terms, leg, voided);
    }

    /// The fact of a leg takes effect at the other end at `block`.
    fn deliver(&self, leg: u8, index: u64, block: u64) {
        let (lane, there) = (lane(LANES[usize::from(leg)]), usize::from(1 - leg));
        self.scripts[there].deliver_bit(lane, index);
        self.books[usize::from(leg)].hint(index..index + 1, block);
    }

    async fn at(&self, height: u64) {
        for end in [0, 1] {
            self.scripts[end].to(height);
            timeout(SOON, self.chains[end].reach(height)).await.expect("no such tip").unwrap();
        }
    }

    /// Waits until what is known of a swap is `enough`.
    async fn until(&self, terms: &Terms, enough: impl Fn(&SwapView) -> bool) -> SwapView {
        let mut changes = self.swaps.changes();
        let seen = async {
            loop {
                if let Some(view) = self.swaps.view(terms.id()).filter(&enough) {
                    return view;
                }
                changes.recv().await.unwrap();
            }
        };
        match timeout(SOON, seen).await {
            Ok(view) => view,
            Err(_) => panic!("{:?}", self.swaps.view(terms.id())),
        }
    }
}

/// Legs that end at chain time 1,050 and 1,060: at blocks 50 and 60 of a script.
fn terms(nonce: u8) -> Terms {
    let leg = |n: u8, deadline| Leg {
        asset: B256::repeat_byte(n),
        amount: U256::from(n),
        from: B256::with_last_byte(n),
        to: B256::with_last_byte(n + 1),
        deadline,
    };
    Terms { lanes: LANES.map(lane), legs: [leg(3, 1_050), leg(5, 1_060)], nonce: B256::repeat_byte(nonce) }
}

fn fact(terms: &Terms, leg: u8, index: u64, voided: bool) -> Entry {
    let body = SwapLeg { swap_id: terms.id(), leg };
    let body = if voided { Body::SwapVoided(body) } else { Body::SwapLocked(body) };
    Entry { lane: terms.lanes[usize::from(leg)], index, body }
}

#[tokio::test(start_paused = true)]
async fn a_swap_is_followed_from_both_locks_to_both_releases() {
    let rig = Rig::new();
    let terms = terms(1);
    rig.decide(&terms, 0, 0, 11, false);
    rig.at(11).await;
    let view = rig.until(&terms, |v| v.legs[0].state == LegState::Locked).await;
    let at = view.legs[0].at.unwrap();
    assert_eq!((at.index, at.height, view.terms), (0, Some(11), Some(terms)));
    rig.decide(&terms, 1, 0, 12, false);
    rig.at(12).await;
    rig.deliver(0, 0, 12);
    rig.deliver(1, 0, 12);
    rig.until(&terms, |v| v.end() == Some(End::Released)).await;
}

#[tokio::test(start_paused = true)]
async fn atk_072_a_leg_that_only_a_node_tells_of_is_not_locked() {
    let rig = Rig::new();
    let terms = terms(1);
    // Told, and not written: terms and id are right, the entry stands in no outbox.
    rig.scripts[0].say(11, fact(&terms, 0, 0, false));
    rig.scripts[0].say_leg(11, &terms, 0, false);
    rig.at(11).await;
    rig.at(12).await;
    tokio::time::sleep(BLOCK).await;
    let view = rig.swaps.view(terms.id()).unwrap();
    assert_eq!(view.legs[0].state, LegState::None, "{view:?}");
    assert!(rig.scripts[0].lies().iter().any(|lie| lie.contains("peak")), "{:?}", rig.scripts[0].lies());
}

#[tokio::test(start_paused = true)]
async fn atk_072_a_node_that_hides_the_terms_of_a_leg_is_found_and_they_are_found_elsewhere() {
    let rig = Rig::new();
    let terms = terms(1);
    rig.scripts[0].write(11, fact(&terms, 0, 0, false));
    rig.at(11).await;
    tokio::time::sleep(BLOCK).await;
    assert!(rig.scripts[0].lies().iter().any(|lie| lie.contains("terms")), "{:?}", rig.scripts[0].lies());
    assert_eq!(rig.books[0].size(), 0, "it is not taken in");
    // Another node tells all of it.
    rig.scripts[0].say_leg(11, &terms, 0, false);
    rig.at(12).await;
    rig.until(&terms, |v| v.legs[0].state == LegState::Locked && v.terms == Some(terms)).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_brings_back_terms_and_facts() {
    let rig = Rig::new();
    let (open, ended) = (terms(1), terms(2));
    rig.decide(&open, 0, 0, 11, false);
    rig.decide(&ended, 0, 1, 11, false);
    rig.decide(&ended, 1, 0, 11, true);
    rig.at(11).await;
    rig.deliver(0, 1, 11);
    rig.deliver(1, 0, 11);
    rig.until(&ended, |v| v.end() == Some(End::GivenBack)).await;
    rig.until(&open, |v| v.legs[0].state == LegState::Locked).await;
    let rig = rig.restart();
    // Nothing is told again: no event of these blocks.
    rig.at(12).await;
    rig.until(&open, |v| v.legs[0].state == LegState::Locked && v.terms == Some(open)).await;
    rig.until(&ended, |v| v.end() == Some(End::GivenBack)).await;
    assert_eq!(rig.swaps.next_deadline(lane(8)), Some(1_060), "the open one's other leg is looked after");
}

#[tokio::test(start_paused = true)]
async fn a_leg_that_is_proven_to_be_decided_twice_stops_the_lane() {
    let rig = Rig::new();
    let terms = terms(1);
    rig.decide(&terms, 0, 0, 11, false);
    rig.decide(&terms, 0, 1, 11, true);
    let mut tasks = rig.tasks;
    rig.scripts[0].to(11);
    let ended = timeout(SOON, tasks.join_next()).await.unwrap().unwrap().unwrap().unwrap_err();
    assert_eq!((ended.kind, ended.class), (Kind::Refused, Class::StopLane), "{ended}");
    assert_eq!(rig.swaps.view(terms.id()).unwrap().legs[0].state, LegState::Locked, "the first one counts");
}

#[tokio::test(start_paused = true)]
async fn an_overdue_leg_is_voided_from_its_deadline_on_by_the_chains_own_time() {
    let mut rig = Rig::new();
    let terms = terms(1);
    rig.void_at(0, Role::Source, Arc::new(Noon));
    rig.void_at(1, Role::Source, Arc::new(Noon));
    rig.decide(&terms, 1, 0, 11, false);
    rig.at(11).await;
    rig.until(&terms, |v| v.legs[1].state == LegState::Locked).await;
    rig.at(49).await;
    tokio::time::sleep(BLOCK / 2).await;
    assert!(rig.scripts[0].voids().is_empty(), "a second before the deadline its party may still lock it");
    rig.at(50).await;
    timeout(SOON, rig.scripts[0].voided.subscribe().wait_for(|n| *n == 1)).await.unwrap().unwrap();
    assert_eq!(rig.scripts[0].voids(), [(terms, 0)]);
    // Newer tips bring no second call while the first is under way.
    rig.at(52).await;
    tokio::time::sleep(BLOCK).await;
    assert_eq!(rig.scripts[0].voids().len(), 1);
    rig.decide(&terms, 0, 0, 53, true);
    rig.at(53).await;
    let gone = TxEvent::Final { tx: B256::ZERO, block: 53, gas_used: 1, fee: U256::ZERO };
    rig.scripts[0].void_ticket().send(gone).await.unwrap();
    rig.deliver(0, 0, 53);
    rig.deliver(1, 0, 53);
    rig.until(&terms, |v| v.end() == Some(End::GivenBack)).await;
    rig.at(70).await;
    tokio::time::sleep(SOON).await;
    assert_eq!((rig.scripts[0].voids().len(), rig.scripts[1].voids().len()), (1, 0), "the locked leg never is");
    assert_eq!(*rig.ear.voided.lock().unwrap(), [terms.id()]);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_effect_is_tried_again_after_a_pause() {
    let mut rig = Rig::new();
    let terms = terms(1);
    rig.void_at(0, Role::Both, Arc::new(Noon));
    rig.decide(&terms, 1, 0, 11, false);
    rig.at(60).await;
    let began = Instant::now();
    for expected in 1..=4 {
        timeout(SOON * 20, rig.scripts[0].voided.subscribe().wait_for(|n| *n == expected)).await.unwrap().unwrap();
        let lost = TxEvent::Reverted { tx: B256::ZERO, block: 60, data: bytes::Bytes::new() };
        rig.scripts[0].void_ticket().send(lost).await.unwrap();
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(5 + 10 + 20), "{took:?}: pauses double");
}

#[tokio::test(start_paused = true)]
async fn the_other_ends_relayer_voids_when_the_peer_is_gone() {
    let mut rig = Rig::new();
    let terms = terms(1);
    rig.void_at(0, Role::Destination, Arc::new(Noon));
    rig.decide(&terms, 1, 0, 11, false);
    rig.at(69).await;
    tokio::time::sleep(BLOCK / 2).await;
    assert!(rig.scripts[0].voids().is_empty(), "19 s after the deadline: the peer may yet do it");
    rig.at(70).await;
    timeout(SOON, rig.scripts[0].voided.subscribe().wait_for(|n| *n == 1)).await.unwrap().unwrap();
}

/// A clock that runs with the test's.
struct Running(Instant);

impl Clock for Running {
    fn now(&self) -> u64 {
        1_011 + self.0.elapsed().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn atk_066_a_chain_that_makes_no_blocks_is_made_to_make_one_for_a_deadline() {
    let mut rig = Rig::new();
    let terms = terms(1);
    let began = Instant::now();
    rig.void_at(0, Role::Source, Arc::new(Running(began)));
    rig.decide(&terms, 1, 0, 11, false);
    rig.at(11).await;
    rig.until(&terms, |v| v.legs[1].state == LegState::Locked).await;
    let ticked = rig.scripts[0].ticked.subscribe().wait_for(|n| *n == 1).await.map(|n| *n);
    ticked.unwrap();
    let took = began.elapsed();
    let (early, late) = (Duration::from_secs(39), Duration::from_secs(39 + 10));
    assert!((early..late).contains(&took), "{took:?} after a tip 39 s before the deadline");
    // A block that comes of it, and the leg is voided.
    rig.at(50).await;
    timeout(SOON, rig.scripts[0].voided.subscribe().wait_for(|n| *n == 1)).await.unwrap().unwrap();
    tokio::time::sleep(SOON * 4).await;
    assert!(*rig.scripts[0].ticked.borrow() <= 2, "an overdue leg needs no more blocks");
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_makes_blocks_is_never_asked_for_one() {
    let mut rig = Rig::new();
    let terms = terms(1);
    rig.void_at(0, Role::Source, Arc::new(Running(Instant::now())));
    rig.decide(&terms, 1, 0, 11, false);
    for height in 11..=60 {
        rig.at(height).await;
        tokio::time::sleep(BLOCK).await;
    }
    assert_eq!(*rig.scripts[0].ticked.borrow(), 0);
    assert_eq!(rig.scripts[0].voids().first(), Some(&(terms, 0)));
}
