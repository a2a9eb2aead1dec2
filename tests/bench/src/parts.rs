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
    let mut section = Section::begin("Parts, beside their peers");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../../target"), PathBuf::from);
    let status = Command::new("cargo").args(["bench", "-p", "causeway-bench"]).current_dir(here).status()?;
    if !status.success() {
        return Err(format!("cargo bench: {status}").into());
    }
    section.line("`cargo bench -p causeway-bench`, one core; each file in `benches/` says what is measured. Mean of criterion's estimate.");
    let mut rows = Vec::new();
    collect(&target.join("criterion"), &mut rows)?;
    rows.sort();
    section.table(&["benchmark", "a run", "a second"], &rows);
    section.write()?;
    Ok(())
}

/// Every benchmark below a folder of criterion's.
fn collect(folder: &Path, rows: &mut Vec<Vec<String>>) -> Result<()> {
    for entry in fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if entry.ends_with("new") {
            rows.extend(row(&entry));
        } else {
            collect(&entry, rows)?;
        }
    }
    Ok(())
}

fn row(folder: &Path) -> Option<Vec<String>> {
    let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(folder.join(name)).ok()?).ok();
    let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let nanoseconds = estimates.pointer("/mean/point_estimate")?.as_f64()?;
    let elements = benchmark.pointer("/throughput/Elements").and_then(Value::as_f64);
    let rate = elements.map(|elements| format!("{:.0} elements", elements * 1e9 / nanoseconds)).unwrap_or_default();
    Some(vec![benchmark["full_id"].as_str()?.to_owned(), format!("{:.1} µs", nanoseconds / 1000.0), rate])
}
