//! The test vectors in `proto/vectors`, which every implementation reads.
//!
//! - The committed files are exactly what this code makes, so they cannot drift. After a deliberate change:
//!   `cargo test -p causeway-core --test vectors -- --ignored write` writes them anew.
//! - [`independent`] recomputes them from their fields alone, without this crate's encoders: bytes put together by hand,
//!   and `rs_merkle`'s own tree and proofs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod entries;
mod independent;
mod lanes;
mod outbox;
mod packed;
mod refused;
mod swaps;

use std::{fs, path::PathBuf};

use causeway_core::{B256, Body, Entry, LaneId, Transfer, U256};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proto/vectors")
}

fn files() -> [(&'static str, Value); 5] {
    [
        ("lanes.json", lanes::make()),
        ("entries.json", entries::make()),
        ("packed.json", packed::make()),
        ("outbox.json", outbox::make()),
        ("swaps.json", swaps::make()),
    ]
}

fn text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn read(name: &str) -> Value {
    let path = folder().join(name);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn committed_vectors_are_what_the_code_makes() {
    for (name, value) in files() {
        let committed = fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(committed == text(&value), "proto/vectors/{name} differs from what the code makes");
    }
}

#[test]
#[ignore = "writes proto/vectors"]
fn write() {
    fs::create_dir_all(folder()).unwrap();
    for (name, value) in files() {
        fs::write(folder().join(name), text(&value)).unwrap();
    }
}

// ---- what the generators share ----

fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", alloy_primitives::hex::encode(bytes))
}

fn words_of(entry: &Entry) -> Value {
    json!(entry.words().as_slice().iter().map(hex).collect::<Vec<_>>())
}

fn hexes(words: &[B256]) -> Value {
    json!(words.iter().map(hex).collect::<Vec<_>>())
}

/// The first lane of `lanes.json` and its reverse, which all other vectors use.
fn lane_pair() -> (LaneId, LaneId) {
    let lane = lanes::devnet();
    (lane.id(), lane.reverse().id())
}

fn account(last: u8) -> B256 {
    let mut native = [0u8; 20];
    native[0] = 0xac;
    native[19] = last;
    B256::left_padding_from(&native)
}

fn asset() -> B256 {
    lanes::usd().parse::<causeway_core::AssetId>().unwrap().hash()
}

fn transfer(amount: U256) -> Transfer {
    Transfer {
        asset: asset(),
        amount,
        sender: account(1),
        recipient: account(2),
        timeout: 1_800_000_000,
        memo: B256::ZERO,
    }
}

fn numbered(lane: LaneId, first: u64, bodies: impl IntoIterator<Item = Body>) -> Vec<Entry> {
    bodies.into_iter().enumerate().map(|(n, body)| Entry { lane, index: first + n as u64, body }).collect()
}
