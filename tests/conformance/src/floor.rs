//! The floor: how many cases of a file must pass at least.
//!
//! A file is known by the hash of its bytes, so that the floor holds for the material it was measured on and says
//! nothing about other files of the same name. Numbers may only rise. After the suite has learned to judge more:
//! `CONFORMANCE_PRINT_FLOOR=1 cargo test -p conformance -- --nocapture`, and the lines go into `floor.toml`.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    cases::{Case, Outcome},
    discover::{Folder, Found},
};

/// Cases that passed in a file.
fn passed(cases: &[Case], file: &Found) -> usize {
    cases.iter().filter(|case| case.file == file.path && case.outcome == Outcome::Passed).count()
}

/// Files of which fewer cases passed than the floor says.
///
/// # Errors
/// `floor.toml` is malformed.
pub fn below(folders: &[Folder], cases: &[Case]) -> Result<Vec<String>, String> {
    let floor: BTreeMap<String, BTreeMap<String, usize>> =
        toml::from_str(include_str!("../floor.toml")).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for folder in folders {
        let least = floor.get(&folder.family);
        for file in &folder.files {
            let Some(least) = least.and_then(|files| files.get(&file.digest.to_string())) else { continue };
            let passed = passed(cases, file);
            if passed < *least {
                found.push(format!("{}: at least {least} cases must pass, {passed} did", file.path.display()));
            }
        }
    }
    Ok(found)
}

/// The floor as it could be now.
pub fn print(folders: &[Folder], cases: &[Case]) -> String {
    let mut families: BTreeMap<&str, Vec<(&Found, usize)>> = BTreeMap::new();
    for folder in folders {
        let files = folder.files.iter().map(|file| (file, passed(cases, file))).filter(|(_, passed)| *passed > 0);
        families.entry(&folder.family).or_default().extend(files);
    }
    let mut out = String::new();
    for (family, files) in families.iter().filter(|(_, files)| !files.is_empty()) {
        let total: usize = files.iter().map(|(_, passed)| passed).sum();
        let _ = writeln!(out, "\n# {total} cases\n[{family}]");
        for (file, passed) in files {
            let name = file.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            let _ = writeln!(out, "{} = {passed} # {name}", file.digest);
        }
    }
    out
}
