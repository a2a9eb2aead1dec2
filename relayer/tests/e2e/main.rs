//! End to end, under trouble: real processes of the relayer between two embedded chains, killed, cut off, lied to, spoilt.
//! Every test ends by reading both chains itself: INV-1, INV-2 and INV-3 hold (of swaps INV-4, too), and each lock ended
//! credited or returned within a stated time.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod exchange;
mod files;
mod kills;
mod nodes;
mod operators;
mod outage;
mod peers;
mod swaps;

use causeway::demo::harness::{ChainOptions, Harness};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Semaphore, SemaphorePermit},
};

/// Time between blocks.
const BLOCK: Duration = Duration::from_millis(500);
/// Patience with a peer in tests about peers.
const PATIENCE: Duration = Duration::from_secs(2);
/// Everything settles within this when no relayer has to be patient: a few blocks, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// Chains and relayers mostly wait for blocks, but more than two worlds at once would keep each other waiting.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A test's world. Kept on disk when the test fails.
struct World {
    harness: Harness,
    dir: Option<TempDir>,
    _turn: SemaphorePermit<'static>,
}

impl World {
    /// Chains, contracts and files; relayers that are `patience` patient with each other, and not started.
    async fn build(patience: Duration) -> Self {
        Self::build_on(patience, ChainOptions::new(BLOCK)).await
    }

    /// The same on other chains.
    async fn build_on(patience: Duration, options: ChainOptions) -> Self {
        Self::build_with(Path::new(env!("CARGO_BIN_EXE_causeway")), patience, options).await
    }

    /// The same with another program as `causeway`.
    async fn build_with(program: &Path, patience: Duration, options: ChainOptions) -> Self {
        let turn = TURNS.acquire().await.unwrap();
        let dir = TempDir::with_prefix("causeway-e2e-").unwrap();
        let harness = Harness::build_on(program, dir.path(), options).await.unwrap();
        for who in [0, 1] {
            let patience = format!("peer_patience = \"{}ms\"", patience.as_millis());
            harness.edit(who, "peer_patience = \"30s\"", &patience).unwrap();
        }
        Self { harness, dir: Some(dir), _turn: turn }
    }

    /// Reads both chains: nothing is open after `limit`, and no invariant is violated.
    async fn judge(&self, limit: Duration) {
        let violations = self.harness.judge(limit).await.unwrap();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// What a relayer answers to a supervisor that asks whether it is ready.
    async fn readyz(&self, who: usize) -> (u16, serde_json::Value) {
        let mut stream = tokio::net::TcpStream::connect(self.metrics(who).unwrap()).await.unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Sends there, both relayers carry it: afterwards users own something to send back.
    async fn warm_up(&self) {
        self.harness.start_both().await.unwrap();
        self.harness.send(0, 16, 1).await.unwrap();
        self.harness.settle(SOON).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("files and logs are in {}", dir.keep().display());
        }
    }
}

impl std::ops::Deref for World {
    type Target = Harness;
    fn deref(&self) -> &Harness {
        &self.harness
    }
}
