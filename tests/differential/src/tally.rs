//! What was judged, and how often for which reason.

use std::collections::BTreeMap;

/// Counts of verdicts.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<String, usize>,
    survivors: Vec<String>,
}

/// Survivors that are shown in full.
const SHOWN: usize = 8;

impl Tally {
    /// Takes both verdicts down. `told` says what the input was.
    pub fn note(&mut self, rust: &str, contract: &str, same: bool, told: impl FnOnce() -> String) {
        let name = if rust == contract { rust.to_owned() } else { format!("{rust} | contract: {contract}") };
        *self.counts.entry(name).or_default() += 1;
        if !same {
            self.survivors.push(if self.survivors.len() < SHOWN { told() } else { String::new() });
        }
    }

    /// Inputs so far.
    pub fn total(&self) -> usize {
        self.counts.values().sum()
    }

    /// How often a reason was named by both.
    pub fn count(&self, reason: &str) -> usize {
        self.counts.get(reason).copied().unwrap_or_default()
    }

    /// Prints the counts.
    ///
    /// # Panics
    /// The two differed on an input.
    pub fn finish(&self, what: &str) {
        println!("{what}: {} inputs", self.total());
        for (reason, count) in &self.counts {
            println!("  {count:>6}  {reason}");
        }
        for told in self.survivors.iter().take(SHOWN) {
            println!("  differs: {told}");
        }
        assert!(self.survivors.is_empty(), "{what}: {} inputs with two verdicts", self.survivors.len());
    }
}
