//! Gas of sends and deliveries, from the receipts of real transactions: `cargo run -p causeway-gas` prints a table and puts
//! it into the results file (a build with debug assertions measures the same: gas is no time).
//!
//! Two embedded chains with four QBFT validators each and 20,000 accounts, the contracts as they are deployed, proofs as
//! `eth_getProof` serves them, an outbox that stands about index 2^20 (its earlier peaks are put there, past the EVM: a
//! million sends would give the same slots). Once under the rules of Prague, once under those of Paris, where calldata has
//! no floor price.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a measurement: whatever fails ends it

/// The results file is the benchmarks'; the crate around it, with whole relayers in it, is not needed here.
#[allow(dead_code, unreachable_pub)]
#[path = "../../bench/src/results.rs"]
mod results;
mod side;
mod transfers;

use causeway_devchain::Spec;
use results::Section;
use side::Pair;
use transfers::{FRESH, HELD, Receipt};

/// Bounds that the contracts are meant for, gas per entry under Prague's rules.
const TARGETS: [(&str, u64); 6] = [
    ("send, average of 16", 56_000),
    ("send, burn, average of 16", 56_000),
    ("sendMany 50", 4_000),
    ("receive 1, mint, existing", 175_000),
    ("receive 50, mint, existing", 12_000),
    ("receive 50, release, existing", 13_000),
];

/// A row's name, its entries, and the transaction's receipt.
type Figure = (&'static str, u64, Receipt);

async fn measure(spec: Spec) -> Vec<Figure> {
    let mut pair = Pair::start(spec).await;
    let mut figures = Vec::new();
    figures.push(("send, average of 16", 16, pair.send_16(0).await));
    figures.push(("send, burn, average of 16", 16, pair.send_16(1).await));
    figures.push(("sendMany 50", 50, pair.send_many(0, 50).await));
    for (name, from, count, recipients) in [
        ("receive 1, mint, existing", 0, 1, HELD),
        ("receive 1, release, existing", 1, 1, HELD),
        ("receive 50, mint, existing", 0, 50, HELD),
        ("receive 50, mint, fresh", 0, 50, FRESH),
        ("receive 50, release, existing", 1, 50, HELD),
    ] {
        let batch = pair.send_batch(from, count, recipients).await;
        if count == 50 && (from, recipients) == (0, HELD) {
            figures.push(("sendMany 50 that ends a tree of 2^20", 50, batch.receipt));
        }
        figures.push((name, count, pair.deliver(from, &batch).await));
    }
    figures
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut section = Section::begin("Gas");
    let (prague, paris) = (measure(Spec::Prague).await, measure(Spec::Paris).await);
    let rows = prague.iter().zip(&paris).map(|((name, entries, prague), (.., paris))| {
        let bound = TARGETS.iter().find(|(known, _)| known == name).map_or(String::new(), |(_, gas)| gas.to_string());
        let each = |gas: u64| (gas / entries).to_string();
        vec![(*name).to_owned(), each(prague.gas), each(paris.gas), each(prague.floor), prague.bytes.to_string(), bound]
    });
    let rows: Vec<_> = rows.collect();
    section.line(
        "Gas per entry, from receipts: whole transactions, four QBFT validators, 20,000 accounts, an outbox about index \
         2^20 (deliveries end at 2^20 and climb twenty levels), proofs from `eth_getProof`: five nodes of accounts, three \
         of the outbox. Floor: what EIP-7623 asks for the calldata alone.",
    );
    section.table(&["", "Prague", "Paris", "floor", "calldata bytes", "meant for"], &rows);
    section.write().unwrap();
}
