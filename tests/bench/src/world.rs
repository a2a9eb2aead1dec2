//! Two embedded chains, a bridge, and relayers as processes of the program, on files that `init` wrote.

use crate::process;
use causeway::demo::harness::{ChainOptions, Harness};
use std::{
    error::Error,
    ops::Deref,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What goes wrong in a benchmark ends it.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Time between blocks.
pub(crate) const BLOCK_TIME: Duration = Duration::from_secs(1);
/// Organisations whose relayers run.
pub(crate) const BOTH: [usize; 2] = [0, 1];

/// See the module.
pub(crate) struct World {
    harness: Harness,
    _dir: TempDir,
}

impl World {
    /// Starts the chains and sets up the bridge. The relayers are processes of this program: see `main`.
    pub(crate) async fn new(gas_limit: u64) -> Result<Self> {
        let dir = TempDir::with_prefix("causeway-bench-")?;
        let options = ChainOptions { gas_limit, ..ChainOptions::new(BLOCK_TIME) };
        let harness = Harness::build_on(&std::env::current_exe()?, dir.path(), options).await?;
        Ok(Self { harness, _dir: dir })
    }

    /// Now and peak memory of both relayers, MiB.
    pub(crate) async fn memory(&self) -> [(u64, u64); 2] {
        let mut found = [(0, 0); 2];
        for who in BOTH {
            if let Some(id) = self.process(who).await {
                found[who] = process::memory(&id.to_string()).unwrap_or_default();
            }
        }
        found
    }

    /// Processor time of this process, which makes the chains' blocks and runs the EVM, and of both relayers.
    pub(crate) async fn processor(&self) -> [Duration; 3] {
        let mut found = [process::processor("self").unwrap_or_default(), Duration::ZERO, Duration::ZERO];
        for who in BOTH {
            if let Some(id) = self.process(who).await {
                found[1 + who] = process::processor(&id.to_string()).unwrap_or_default();
            }
        }
        found
    }

    /// Waits until a counter of an organisation's metrics, summed over its lanes, is at least `least`.
    pub(crate) async fn counted(&self, who: usize, prefix: &str, least: f64, limit: Duration) -> Result<Instant> {
        let page = self.metrics(who).ok_or("no metrics")?;
        let begun = Instant::now();
        loop {
            // A relayer that just starts does not listen yet.
            let text = match reqwest::get(format!("http://{page}/metrics")).await {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            let sum: f64 = text
                .lines()
                .filter(|line| matches(line, prefix))
                .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
                .sum();
            if sum >= least {
                return Ok(Instant::now());
            }
            if begun.elapsed() > limit {
                return Err(format!("{prefix} is {sum}, not {least}, after {limit:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A metric's name, or its name and one label: `name` or `name{label="value"`.
fn matches(line: &str, prefix: &str) -> bool {
    match prefix.split_once('{') {
        Some((name, label)) => line.starts_with(name) && line.contains(label),
        None => line.starts_with(prefix) && line[prefix.len()..].starts_with(['{', ' ']),
    }
}

impl Deref for World {
    type Target = Harness;
    fn deref(&self) -> &Harness {
        &self.harness
    }
}

/// The `share` quantile by the nearest rank.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
