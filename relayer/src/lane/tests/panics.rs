//! ATK-085: whichever stage of a lane panics, the lane says so, starts again by itself, and the stage does its work.

use super::{
    Ear,
    script::{Noon, Script, book, entry, lane, outbox, state},
    trap::Trap,
};
use crate::{
    lane::{
        audit::Audit,
        book::Book,
        chain::{ChainView, Tip},
        confirm::Confirm,
        drive::Drive,
        error::{Kind, Result},
        freeze::Report,
        ports::{Inbound, Journal, Peer},
        prove::Prover,
        receive::Receive,
        refresh::Refresh,
        run::{Lane, State},
        send::Send,
        settings::{Role, Settings},
        submit::Submit,
        swaps::{SwapBook, facts::Facts},
        sweep::Sweep,
        types::{Bundle, Outcome},
    },
    store::Store,
};
use alloy::primitives::B256;
use async_trait::async_trait;
use bytes::Bytes;
use causeway_core::{Body, Entry, LaneId, SwapLeg};
use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

/// Longer than every wait of a lane, on a paused clock.
const SOON: Duration = Duration::from_secs(120);

/// A peer that takes everything and says nothing.
struct Deaf {
    trap: Trap,
    answers: Mutex<Vec<mpsc::Sender<(u64, Outcome)>>>,
}

#[async_trait]
impl Peer for Deaf {
    async fn deliver(&self, _: u64, _: &Bundle) -> Result<()> {
        self.trap.step("send");
        Ok(())
    }
    async fn acknowledgements(&self, _: LaneId) -> Result<mpsc::Receiver<(u64, Outcome)>> {
        let (to, answers) = mpsc::channel(1);
        self.answers.lock().unwrap().push(to);
        Ok(answers)
    }
    async fn held(&self, _: LaneId) -> Result<Vec<Range<u64>>> {
        Ok(Vec::new())
    }
    fn connected(&self) -> bool {
        true
    }
}

/// A lane with one entry that is open.
struct Rig {
    source: Arc<Script>,
    destination: Arc<Script>,
    /// The source as `facts` sees it: its proofs are the same calls as those of `send` and `drive`.
    beside: Arc<Script>,
    peer: Arc<Deaf>,
    from: Arc<ChainView>,
    to: Arc<ChainView>,
    book: Arc<Book>,
    reverse: Arc<Book>,
    journal: Arc<dyn Journal>,
    inbox: mpsc::Sender<Inbound>,
    inbound: Arc<tokio::sync::Mutex<mpsc::Receiver<Inbound>>>,
    _dir: TempDir,
}

fn tip(height: u64) -> Tip {
    Tip { trusted: state(height), update: Bytes::copy_from_slice(&height.to_be_bytes()) }
}

impl Rig {
    fn new(open: Entry) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal: Arc<dyn Journal> = Arc::new(Store::open(dir.path()).unwrap());
        let (source, destination, beside) = (Script::new(5), Script::new(5), Script::new(5));
        let (from, to) = (source.view("eip155:1"), destination.view("eip155:2"));
        let (book, reverse) = (book(7, &from, &to), book(8, &to, &from));
        for script in [&source, &beside] {
            script.write(2, open);
        }
        book.append(2, &[open]).unwrap();
        for chain in [&from, &to] {
            chain.publish(tip(5));
        }
        let (inbox, inbound) = mpsc::channel(8);
        let peer = Arc::new(Deaf { trap: Trap::default(), answers: Mutex::default() });
        let inbound = Arc::new(tokio::sync::Mutex::new(inbound));
        Self { source, destination, beside, peer, from, to, book, reverse, journal, inbox, inbound, _dir: dir }
    }

    /// The lane, with those of `send`, `receive` and `drive` that are named.
    fn lane(&self, stage: &str) -> Arc<Lane> {
        let settings = Settings {
            audit_interval: Duration::from_secs(10),
            peer_patience: Duration::from_secs(5),
            ..Settings::default()
        };
        let (ear, clock, role): (Arc<Ear>, _, _) = (Arc::default(), Arc::new(Noon), Role::Source);
        let (id, book, journal, outbox) = (lane(7), self.book.clone(), self.journal.clone(), outbox(lane(7)));
        let (from, to) = (self.from.clone(), self.to.clone());
        let prover = Arc::new(Prover::new(from.clone(), book.clone(), outbox.clone()));
        let submit = Arc::new(Submit {
            source: from.clone(),
            destination: to.clone(),
            book: book.clone(),
            reverse: self.reverse.clone(),
            journal: journal.clone(),
            clock: clock.clone(),
            settings: settings.clone().into(),
            submitted: ear.clone(),
        });
        let send = Send {
            book: book.clone(),
            prover: prover.clone(),
            peer: self.peer.clone(),
            journal: journal.clone(),
            settings: settings.clone().into(),
            sent: ear.clone(),
        };
        let receive = Receive {
            source: from.clone(),
            outbox: outbox.clone(),
            book: book.clone(),
            peer: "beta".into(),
            journal: journal.clone(),
            clock: clock.clone(),
            submit: submit.clone(),
            backlog: Mutex::default(),
            held: Mutex::default(),
        };
        let drive = Drive { book: book.clone(), prover, submit, role, settings: settings.clone().into() };
        let audit = |source: Arc<ChainView>| {
            let (outbox, book, journal) = (outbox.clone(), book.clone(), journal.clone());
            Arc::new(Audit { source, outbox, book, journal, settings: settings.clone().into() })
        };
        let beside = self.beside.view("eip155:1");
        beside.publish(tip(5));
        Arc::new(Lane {
            id,
            send: (stage == "send").then(|| Arc::new(send)),
            receive: (stage == "receive").then(|| (Arc::new(receive), self.inbound.clone())),
            drive: (stage == "drive").then(|| Arc::new(drive)),
            sweep: Arc::new(Sweep { book: book.clone(), role, settings: settings.clone().into(), driven: true }),
            confirm: Arc::new(Confirm {
                destination: to.clone(),
                book: book.clone(),
                journal: journal.clone(),
                closed: ear.clone(),
            }),
            refresh: Arc::new(Refresh {
                source: from.clone(),
                destination: to.clone(),
                book: book.clone(),
                role,
                clock,
                told: ear.clone(),
            }),
            report: Report { source: from.clone(), destination: to, lane: id },
            audit: audit(from),
            facts: Arc::new(Facts {
                book: book.clone(),
                swaps: Arc::new(SwapBook::new([lane(7), lane(8)])),
                audit: audit(beside),
                journal: journal.clone(),
                lacking: Mutex::default(),
            }),
            retries: ear,
            state: watch::Sender::new(State::Running),
            paused: watch::Sender::new(false),
        })
    }

    /// The one call that only this stage makes, trapped.
    fn trap(&self, stage: &str) -> watch::Receiver<(&'static str, usize)> {
        match stage {
            "send" => self.peer.trap.set("send"),
            "receive" => self.source.trap.set("verify"),
            "drive" => self.destination.trap.set("deliver"),
            "confirm" => self.destination.trap.set("delivered"),
            "refresh" => self.destination.trap.set("proven_client"),
            "audit" => self.source.trap.set("size"),
            "facts" => self.beside.trap.set("peaks"),
            other => panic!("no stage {other}"),
        }
    }
}

/// `sweep` is not among them: it only looks at the book, and calls nothing that could panic.
#[tokio::test(start_paused = true)]
async fn atk_085_a_lane_one_of_whose_stages_panics_says_so_and_starts_again() {
    for stage in ["send", "receive", "drive", "confirm", "refresh", "audit", "facts"] {
        let fact = Body::SwapLocked(SwapLeg { swap_id: B256::repeat_byte(5), leg: 0 });
        let open = entry(lane(7), 0, 1);
        let rig = Rig::new(if stage == "facts" { Entry { body: fact, ..open } } else { open });
        let mut calls = rig.trap(stage);
        let group = rig.lane(stage);
        let mut state = group.state.subscribe();
        let task = tokio::spawn(group.run(Default::default()));
        match stage {
            "confirm" => rig.book.hint(0..1, 5),
            "receive" => {
                // Of another height than the tip: judged by its own header, by `receive` alone.
                let proving = rig.beside.view("eip155:1");
                proving.publish(tip(8));
                let bundle = Prover::new(proving, rig.book.clone(), outbox(lane(7))).prove(0..1).await.unwrap();
                rig.inbox.send(Inbound { number: 4, bundle, answer: mpsc::channel(8).0 }).await.unwrap();
            }
            _ => {}
        }
        let said = |s: &State| matches!(s, State::Restarting { kind: Kind::ShuttingDown, detail } if detail.contains("panicked"));
        let told = timeout(SOON, state.wait_for(said)).await;
        told.unwrap_or_else(|_| panic!("{stage}: nobody said so; calls {:?}", *calls.borrow())).unwrap();
        let again = timeout(SOON, state.wait_for(|s| *s == State::Running)).await;
        again.unwrap_or_else(|_| panic!("{stage}: the lane stands")).unwrap();
        let worked = timeout(SOON, calls.wait_for(|(_, times)| *times > 1)).await;
        worked.unwrap_or_else(|_| panic!("{stage}: it is not at work again")).unwrap();
        assert!(!task.is_finished(), "{stage}");
        task.abort();
    }
}
