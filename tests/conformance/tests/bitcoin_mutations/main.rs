//! Every valid run of headers and every valid proof of the vectors, changed in one place: nothing changed may be accepted,
//! unless it says the same.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod headers;
mod proofs;

use std::collections::BTreeMap;

use conformance::discover::{folders, roots};
use serde_json::Value;

/// Mutants by what was changed and how they were refused.
#[derive(Default)]
pub struct Tally {
    refused: BTreeMap<(&'static str, &'static str), usize>,
    /// Accepted, and saying the same; by what was changed.
    equal: BTreeMap<&'static str, usize>,
    /// Accepted, and saying something else.
    pub survivors: Vec<String>,
}

impl Tally {
    /// A mutant was refused by a rule.
    pub fn refuse(&mut self, kind: &'static str, rule: &'static str) {
        *self.refused.entry((kind, rule)).or_default() += 1;
    }

    /// A mutant was accepted, and says the same.
    pub fn equal(&mut self, kind: &'static str) {
        *self.equal.entry(kind).or_default() += 1;
    }

    /// Prints the counts; fails if a mutant survived.
    pub fn print(&self, what: &str) {
        let refused: usize = self.refused.values().sum();
        let equal: usize = self.equal.values().sum();
        println!(
            "bitcoin {what}: {} mutants, {equal} say the same, {} survivors",
            refused + equal,
            self.survivors.len()
        );
        self.refused.iter().for_each(|((kind, rule), count)| println!("  {kind}: {rule} {count}"));
        self.equal.iter().for_each(|(kind, count)| println!("  {kind}: the same {count}"));
        assert!(self.survivors.is_empty(), "{}", self.survivors.join("\n"));
    }
}

/// Name, bytes and JSON of every file of the family.
fn files() -> Vec<(String, Vec<u8>, Value)> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let folders = present.flat_map(|root| folders(&root).unwrap()).filter(|folder| folder.family == "bitcoin");
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    folders
        .flat_map(|folder| folder.files)
        .filter_map(|file| Some((name(&file.path), file.bytes, file.content.ok()?)))
        .collect()
}
