//! Bad days of the journal: power cuts at any moment, `kill -9`, a full disk, a disk that turns read-only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{
    io::{self, BufRead, BufReader},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use redb::{Builder, Database, StorageBackend};

use super::{
    Store,
    fault::broken,
    file::Medium,
    suite::{Open, bundle, chain, entries, journal_suite, lane, state},
};
use crate::lane::{
    error::{Class, Kind, Result},
    ports::{Journal, Seen, TxIntent},
};

/// A disk whose writes become durable at the next sync; until then a power cut may keep any part of them.
#[derive(Debug, Default)]
struct Disk {
    durable: Vec<u8>,
    /// What a reader sees: durable and pending.
    current: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
    /// Calls until the disk fails; `None`: it does not.
    fails_after: Option<u64>,
    failure: Option<io::ErrorKind>,
}

#[derive(Clone, Debug, Default)]
struct Handle(Arc<Mutex<Disk>>);

impl Handle {
    fn fail_after(&self, calls: u64, failure: io::ErrorKind) {
        let mut disk = self.0.lock().unwrap();
        (disk.fails_after, disk.failure) = (Some(calls), Some(failure));
    }

    fn heal(&self) {
        self.0.lock().unwrap().fails_after = None;
    }

    /// The disk after a power cut: of what was not synced, any 512-byte sectors may be there, whole.
    fn cut(&self, rng: &mut StdRng) -> Self {
        let disk = self.0.lock().unwrap();
        let mut image = disk.durable.clone();
        image.resize(disk.current.len().max(image.len()), 0);
        for (offset, data) in &disk.pending {
            for (at, sector) in data.chunks(512).enumerate() {
                let from = offset + at * 512;
                if rng.random_bool(0.5) {
                    image[from..from + sector.len()].copy_from_slice(sector);
                }
            }
        }
        Self(Arc::new(Mutex::new(Disk { durable: image.clone(), current: image, ..Disk::default() })))
    }
}

impl Disk {
    fn tick(&mut self) -> io::Result<()> {
        match self.fails_after {
            Some(0) => Err(self.failure.unwrap_or(io::ErrorKind::Other).into()),
            Some(left) => {
                self.fails_after = Some(left - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let found = disk.current.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.tick()?;
        disk.current.resize(len as usize, 0);
        disk.pending.retain(|(offset, data)| offset + data.len() <= len as usize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.tick()?;
        disk.durable = disk.current.clone();
        disk.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.tick()?;
        let offset = offset as usize;
        let target = disk.current.get_mut(offset..offset + data.len());
        target.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        disk.pending.push((offset, data.to_vec()));
        Ok(())
    }
}

impl Medium for Handle {
    fn open(&self, builder: &Builder) -> Result<Database> {
        builder.create_with_backend(self.clone()).map_err(|error| broken("cannot open", error))
    }
}

fn open(disk: &Handle) -> Result<Store> {
    Store::on(Arc::new(disk.clone()))
}

fn with_disk(case: fn(Open<'_>)) {
    let disk = Handle::default();
    case(&|| Box::new(open(&disk).unwrap()));
}

journal_suite!(with_disk);

fn intent(nonce: u64) -> TxIntent {
    TxIntent {
        chain: "eip155:1".into(),
        signer: bytes::Bytes::from_static(&[1; 20]),
        nonce,
        lane: lane(1),
        range: nonce..nonce + 1,
        sent: Vec::new(),
    }
}

/// One round of a relayer's writes. What it returns was answered with success.
fn step(store: &Store, at: u64) -> Result<()> {
    let new = entries(lane(1), at * 3..at * 3 + 3);
    store.advance(&chain(), &state(at), at + 1, &[Seen::Entries { lane: lane(1), entries: &new }])?;
    store.received("org-b", at, &bundle(lane(2), at..at + 1))?;
    store.intend(&intent(at))
}

/// Everything of the first `done` rounds is there; of the next one each write is there whole or not at all.
fn check(store: &Store, done: u64) {
    let scanned = store.scanned(&chain()).unwrap().unwrap_or(0);
    assert!(scanned == done || scanned == done + 1, "{scanned} scanned after {done} rounds");
    assert_eq!(store.entries(lane(1), 0, usize::MAX).unwrap(), entries(lane(1), 0..scanned * 3));
    assert_eq!(store.trusted(&chain()).unwrap().map_or(0, |state| state.height + 1), scanned);
    let bundles = store.unfinished().unwrap().len() as u64;
    assert!(bundles == done || bundles == done + 1);
    let intents = store.intents(&chain(), &bytes::Bytes::from_static(&[1; 20])).unwrap().len() as u64;
    assert!(intents == done || intents == done + 1);
}

#[test]
fn atk_088_a_power_cut_at_any_moment_loses_nothing_answered() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..60 {
        let disk = Handle::default();
        let store = open(&disk).unwrap();
        let before = rng.random_range(0..6);
        (0..before).for_each(|at| step(&store, at).unwrap());
        disk.fail_after(rng.random_range(0..200), io::ErrorKind::BrokenPipe);
        let mut done = before;
        while step(&store, done).is_ok() {
            done += 1;
        }
        let after = disk.cut(&mut rng);
        drop(store);
        let store = open(&after).unwrap();
        check(&store, done);
        // It goes on from there.
        store.truncate(&chain(), lane(1), 0, 0).unwrap();
        assert!(store.commitments(lane(1)).unwrap().is_empty());
    }
}

#[test]
fn atk_088_a_full_or_read_only_disk_is_an_error_until_it_heals() {
    for failure in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem] {
        for calls in [0, 1, 2, 3, 5, 8, 13, 21] {
            let disk = Handle::default();
            let store = open(&disk).unwrap();
            step(&store, 0).unwrap();
            disk.fail_after(calls, failure);
            let mut done = 1;
            let refused = loop {
                match step(&store, done) {
                    Ok(()) => done += 1,
                    Err(error) => break error,
                }
            };
            assert_eq!((refused.kind, refused.class), (Kind::Store, Class::StopLane));
            let refused = store.intend(&intent(1_000)).unwrap_err();
            assert_eq!((refused.kind, refused.class), (Kind::Store, Class::StopLane), "and stays so");
            disk.heal();
            store.intend(&intent(done + 1)).expect("without a restart");
            let held = store.intents(&chain(), &bytes::Bytes::from_static(&[1; 20])).unwrap();
            assert!(held.iter().all(|intent| intent.nonce != 1_000), "what was refused is not there");
            assert!(held.iter().any(|intent| intent.nonce == done - 1), "what was answered is there");
        }
    }
}

const CHILD: &str = "CAUSEWAY_TEST_JOURNAL";

/// The process that is killed: writes rounds and says so. Does nothing when run as a plain test.
#[test]
fn child_that_writes() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let store = Store::open(folder.as_ref()).unwrap();
    let from = store.scanned(&chain()).unwrap().unwrap_or(0);
    for at in from.. {
        step(&store, at).unwrap();
        println!("\nround {at}");
    }
}

#[test]
fn atk_075_kill_9_loses_nothing_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = StdRng::from_os_rng();
    let mut done = 0;
    for _ in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::crash_tests::child_that_writes", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let kill_after = rng.random_range(1..40);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (seen, line) in lines.map_while(io::Result::ok).filter(|line| line.starts_with("round ")).enumerate() {
            done = line["round ".len()..].parse::<u64>().unwrap() + 1;
            if seen == kill_after {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let store = Store::open(folder.path()).unwrap();
        // Rounds may have ended between the last line read and the kill, and the child's unread output tells of them:
        // the lines above were read to the end.
        check(&store, done);
        // The child starts again at whole rounds.
        let scanned = store.scanned(&chain()).unwrap().unwrap();
        store.received("org-b", scanned - 1, &bundle(lane(2), scanned - 1..scanned)).unwrap();
        store.intend(&intent(scanned - 1)).unwrap();
        done = scanned;
    }
    println!("{done} rounds over 5 kills");
}
