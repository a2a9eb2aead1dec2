//! The table.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::cases::{Case, Outcome};

/// Counts of one family.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Cases that a verifier judged.
    pub run: usize,
    /// Cases whose verdict was the expected one.
    pub passed: usize,
    /// Cases that nothing can judge yet, by reason.
    pub unjudged: BTreeMap<String, BTreeSet<String>>,
}

/// Counts by family.
pub fn count(cases: &[Case]) -> BTreeMap<String, Counts> {
    let mut families: BTreeMap<String, Counts> = BTreeMap::new();
    for case in cases {
        let counts = families.entry(case.family.clone()).or_default();
        match &case.outcome {
            Outcome::Passed => {
                counts.run += 1;
                counts.passed += 1;
            }
            Outcome::Failed(_) => counts.run += 1,
            Outcome::Unjudged(reason) => {
                counts.unjudged.entry(reason.clone()).or_default().insert(label(case));
            }
        }
    }
    families
}

fn label(case: &Case) -> String {
    let file = case.file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if case.name.is_empty() { file.into_owned() } else { format!("{file}: {}", case.name) }
}

/// One line per family.
pub fn table(families: &BTreeMap<String, Counts>) -> String {
    let mut out = format!("{:<20} {:>5} {:>7} {:>9}  reason\n", "family", "run", "passed", "unjudged");
    for (family, counts) in families {
        let unjudged: usize = counts.unjudged.values().map(BTreeSet::len).sum();
        let _ = write!(out, "{family:<20} {:>5} {:>7} {unjudged:>9}", counts.run, counts.passed);
        for (at, (reason, cases)) in counts.unjudged.iter().enumerate() {
            let _ = write!(out, "{}{reason} ({})", if at == 0 { "  " } else { "; " }, named(cases));
        }
        out.push('\n');
    }
    out
}

/// The first few by name.
fn named(cases: &BTreeSet<String>) -> String {
    const SHOWN: usize = 4;
    let mut names: Vec<&str> = cases.iter().take(SHOWN).map(String::as_str).collect();
    let more = format!("{} more", cases.len().saturating_sub(SHOWN));
    if cases.len() > SHOWN {
        names.push(&more);
    }
    names.join(", ")
}

/// Every failure, one line each.
pub fn failures(cases: &[Case]) -> Vec<String> {
    let failed = |case: &Case| match &case.outcome {
        Outcome::Failed(why) => Some(format!("{}/{}: {why}", case.family, label(case))),
        _ => None,
    };
    cases.iter().filter_map(failed).collect()
}
