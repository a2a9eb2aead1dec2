//! The criterion benchmarks of single parts, run and read back.

use crate::{results::Section, world::Result};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs `cargo bench` of this package.
pub(crate) fn run() -> Result<()> {
    let mut section = Section::begin("Parts, beside their peers").optimised();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../../target"), PathBuf::from);
    let status = Command::new("cargo").args(["bench", "-p", "causeway-bench"]).current_dir(here).status()?;
    if !status.success() {
        return Err(format!("cargo bench: {status}").into());
    }
    section.line("`cargo bench -p causeway-bench`, one core; each file in `benches/` says what is measured. Mean of criterion's estimate.");
    let mut found = Vec::new();
    collect(&target.join("criterion"), &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let rows: Vec<Vec<String>> = found.iter().map(|one| one.row(&found)).collect();
    section.table(&["benchmark", "a run", "a second", "times ours"], &rows);
    section.write()?;
    Ok(())
}

/// One benchmark's result.
struct Measured {
    name: String,
    /// What is compared: the group, and the case within it.
    what: (String, String),
    /// Who did it.
    who: String,
    nanoseconds: f64,
    elements: Option<f64>,
}

impl Measured {
    /// Names of our own implementation in every benchmark; everybody else is beside it.
    fn ours(&self) -> bool {
        self.who.starts_with("native") || self.who.starts_with("causeway")
    }

    fn row(&self, all: &[Self]) -> Vec<String> {
        let rate = self.elements.map(|elements| format!("{:.0} elements", elements * 1e9 / self.nanoseconds));
        // The slowest of ours: a cache that was warm does not count.
        let ours = all.iter().filter(|other| other.ours() && other.what == self.what).map(|other| other.nanoseconds);
        let ratio = ours.fold(None, |most: Option<f64>, one| Some(most.map_or(one, |most| most.max(one))));
        let ratio = ratio.filter(|_| !self.ours()).map(|ours| format!("{:.2}", self.nanoseconds / ours));
        vec![
            self.name.clone(),
            format!("{:.1} µs", self.nanoseconds / 1000.0),
            rate.unwrap_or_default(),
            ratio.unwrap_or_default(),
        ]
    }
}

/// Every benchmark below a folder of criterion's.
fn collect(folder: &Path, found: &mut Vec<Measured>) -> Result<()> {
    for entry in fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if entry.ends_with("new") {
            found.extend(read(&entry));
        } else {
            collect(&entry, found)?;
        }
    }
    Ok(())
}

fn read(folder: &Path) -> Option<Measured> {
    let json = |name: &str| serde_json::from_slice::<Value>(&fs::read(folder.join(name)).ok()?).ok();
    let (benchmark, estimates) = (json("benchmark.json")?, json("estimates.json")?);
    let text = |key: &str| benchmark[key].as_str().unwrap_or_default().to_owned();
    Some(Measured {
        name: text("full_id"),
        what: (text("group_id"), text("value_str")),
        who: text("function_id"),
        nanoseconds: estimates.pointer("/mean/point_estimate")?.as_f64()?,
        elements: benchmark.pointer("/throughput/Elements").and_then(Value::as_f64),
    })
}
