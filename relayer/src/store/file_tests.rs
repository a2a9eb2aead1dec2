//! The embedded journal on a real disk: the common suite, permissions, locks, formats, and how fast it starts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    time::Instant,
};

use super::{
    Store, file,
    suite::{self, Open, bundle, chain, entries, journal_suite, lane, state},
};
use crate::lane::{
    error::{Class, Kind},
    ports::{Journal, Seen},
};

fn with_store(case: fn(Open<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    case(&|| Box::new(Store::open(folder.path()).unwrap()));
}

journal_suite!(with_store);

#[test]
fn atk_104_the_file_is_private_and_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    drop(Store::open(&data).unwrap());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join(file::NAME)), 0o600);

    fs::set_permissions(data.join(file::NAME), fs::Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(&data).unwrap());
    assert_eq!(mode(&data.join(file::NAME)), 0o600, "a restored backup is closed to others again");

    let linked = folder.path().join("linked");
    fs::create_dir(&linked).unwrap();
    symlink(data.join(file::NAME), linked.join(file::NAME)).unwrap();
    let refused = Store::open(&linked).unwrap_err();
    assert_eq!((refused.kind, refused.class), (Kind::InvalidConfig, Class::StopLane));
}

#[test]
fn atk_075_a_second_opening_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap_err().kind, Kind::Store);
    drop(store);
    Store::open(folder.path()).unwrap();
}

#[test]
fn atk_088_another_format_or_garbage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let path = folder.path().join(file::NAME);
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(super::tables::META).unwrap().insert(super::tables::META_FORMAT, 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(Store::open(folder.path()).unwrap_err().kind, Kind::InvalidConfig);

    fs::write(&path, b"not a database at all, but long enough to be read as one".repeat(100)).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap_err().kind, Kind::Store);
}

#[test]
fn corrupt_values_are_typed_errors() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store
        .advance(&chain(), &state(1), 1, &[Seen::Entries { lane: lane(1), entries: &entries(lane(1), 0..300) }])
        .unwrap();
    store.received("org-b", 1, &bundle(lane(1), 0..9)).unwrap();
    drop(store);
    let garbage: [&[u8]; 4] = [b"", b"\x00", b"\x00\x05\x01\xff\xff", &[0xff; 80]];
    for bad in garbage {
        let database = redb::Database::open(folder.path().join(file::NAME)).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            use super::tables::{BUNDLES, ENTRIES, INTENTS, LETTERS, TRUSTED, bundle_key, intent_key, lane_key};
            transaction.open_table(ENTRIES).unwrap().insert(lane_key(lane(1), 256), bad).unwrap();
            let key = bundle_key(lane(1), 1, "org-b");
            transaction.open_table(BUNDLES).unwrap().insert(key.as_slice(), bad).unwrap();
            transaction.open_table(TRUSTED).unwrap().insert("eip155:1", &bad[..bad.len().min(60)]).unwrap();
            transaction.open_table(INTENTS).unwrap().insert(intent_key(b"me", "eip155:1", 1).as_slice(), bad).unwrap();
            transaction.open_table(LETTERS).unwrap().insert(1, bad).unwrap();
        }
        transaction.commit().unwrap();
        drop(database);
        let store = Store::open(folder.path()).unwrap();
        let is_store =
            |error: crate::lane::error::Error| assert_eq!((error.kind, error.class), (Kind::Store, Class::StopLane));
        is_store(store.commitments(lane(1)).unwrap_err());
        is_store(store.entries(lane(1), 250, 50).unwrap_err());
        is_store(store.unfinished().unwrap_err());
        is_store(store.trusted(&chain()).unwrap_err());
        is_store(store.intents(&chain(), &bytes::Bytes::from_static(b"me")).unwrap_err());
        is_store(store.dead_letters(9).unwrap_err());
        is_store(store.exhume(1).unwrap_err());
        is_store(store.pending("org-b", lane(1), 0, 9).unwrap_err());
        assert_eq!(store.entries(lane(1), 0, 256).unwrap().len(), 256, "what is whole can still be read");
    }
}

#[test]
fn held_joins_delivered_bits_and_waiting_bundles() {
    use alloy::primitives::U256;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(store.held(lane(1), 10).unwrap().is_empty());
    store.set_delivered(lane(1), &[(0, U256::MAX), (1, U256::from(0b1011)), (2, U256::from(1) << 255)]).unwrap();
    store.received("org-b", 1, &bundle(lane(1), 258..259)).unwrap();
    store.received("org-b", 2, &bundle(lane(1), 900..950)).unwrap();
    store.received("org-c", 3, &bundle(lane(1), 950..960)).unwrap();
    store.received("org-b", 1, &bundle(lane(2), 5..6)).unwrap();
    assert_eq!(store.held(lane(1), 10).unwrap(), [0..260, 767..768, 900..960]);
    assert_eq!(store.held(lane(1), 2).unwrap(), [0..260, 767..768]);
    assert_eq!(store.pending("org-b", lane(1), 0, 9).unwrap(), [(1, 258..259), (2, 900..950)]);
    assert_eq!(store.pending("org-b", lane(1), 1, 9).unwrap(), [(2, 900..950)]);
    assert_eq!(store.pending("org-b", lane(1), 0, 1).unwrap(), [(1, 258..259)]);
}

#[test]
fn waiting_writes_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for part in 0..16u8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..25 {
                    store.received("org-b", number, &bundle(lane(part), 0..50)).unwrap();
                }
            });
        }
    });
    println!("400 durable bundles from 16 threads: {:?}", start.elapsed());
    let start = Instant::now();
    for number in 0..25 {
        store.received("org-b", number, &bundle(lane(99), 0..50)).unwrap();
    }
    println!("25 durable bundles from one thread: {:?}", start.elapsed());
}

#[test]
fn a_hundred_thousand_unfinished_entries_load_fast() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        for part in 0..8u64 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..250 {
                    let first = (part * 250 + number) * 50;
                    store.received("org-b", first + 1, &bundle(lane(1), first..first + 50)).unwrap();
                }
            });
        }
    });
    let all = entries(lane(1), 0..100_000);
    for (at, chunk) in all.chunks(10_000).enumerate() {
        store.advance(&chain(), &state(1), at as u64, &[Seen::Entries { lane: lane(1), entries: chunk }]).unwrap();
    }
    drop(store);
    let start = Instant::now();
    let store = Store::open(folder.path()).unwrap();
    let opened = start.elapsed();
    let bundles = store.unfinished().unwrap();
    let commitments = store.commitments(lane(1)).unwrap();
    let took = start.elapsed();
    println!("opened in {opened:?}, 100,000 unfinished entries and commitments loaded in {took:?}");
    assert_eq!(bundles.iter().map(|(.., bundle)| bundle.entries.len()).sum::<usize>(), 100_000);
    assert_eq!(commitments.len(), 100_000);
    assert!(took.as_secs() < 5, "an order of magnitude above what is expected, so that a slow machine passes");
    let _ = suite::entry(lane(1), 0);
}
