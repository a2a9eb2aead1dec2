//! Finds the files.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, keccak256};
use serde_json::Value;

use crate::{
    cases::{Case, File, Outcome, judge},
    rpc::Headers,
};

/// A folder of families and the variable that names it.
#[derive(Clone, Debug)]
pub struct Root {
    /// Environment variable.
    pub variable: &'static str,
    /// Where it is.
    pub path: PathBuf,
}

/// The two roots.
pub fn roots() -> [Root; 2] {
    [("CAUSEWAY_VECTORS", "vectors"), ("CAUSEWAY_RECORDED", "recorded")].map(|(variable, folder)| {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder);
        let path = env::var_os(variable).map_or_else(beside, PathBuf::from);
        Root { variable, path }
    })
}

/// A folder's files and the headers in them.
#[derive(Debug)]
pub struct Folder {
    /// Folder under the root.
    pub family: String,
    /// The files in it.
    pub files: Vec<Found>,
    /// Headers of all blocks in these files.
    pub headers: Headers,
}

/// A file.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Keccak-256 of its bytes.
    pub digest: B256,
    /// Its content as JSON; [`Value::Null`] for files of another kind.
    pub content: Result<Value, String>,
}

/// Extensions of files that people read: no cases.
const PROSE: [&str; 2] = ["txt", "md"];

/// All folders under a root that hold files.
pub fn folders(root: &Root) -> std::io::Result<Vec<Folder>> {
    let mut found = Vec::new();
    for family in sorted(&root.path)?.into_iter().filter(|path| path.is_dir()) {
        let name = family.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        walk(&name, &family, &mut found)?;
    }
    Ok(found)
}

fn walk(family: &str, path: &Path, found: &mut Vec<Folder>) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in sorted(path)? {
        if entry.is_dir() {
            walk(family, &entry, found)?;
            continue;
        }
        let extension = entry.extension().map(|extension| extension.to_string_lossy().into_owned());
        if extension.as_deref().is_some_and(|extension| PROSE.contains(&extension)) {
            continue;
        }
        let bytes = fs::read(&entry)?;
        let content = match extension.as_deref() {
            Some("json") => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
            _ => Ok(Value::Null),
        };
        files.push(Found { path: entry, digest: keccak256(&bytes), bytes, content });
    }
    if !files.is_empty() {
        let headers = Headers::of_files(files.iter().filter_map(|file| file.content.as_ref().ok()));
        found.push(Folder { family: family.into(), files, headers });
    }
    Ok(())
}

fn sorted(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    Ok(entries)
}

/// Judges every case of a folder.
pub fn judge_folder(folder: &Folder) -> Vec<Case> {
    let mut cases = Vec::new();
    for Found { path, bytes, content, .. } in &folder.files {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let judged = match content {
            Ok(value) => judge(&folder.family, &File { value, bytes, path, name: &name, headers: &folder.headers }),
            Err(error) => vec![(String::new(), Outcome::Failed(format!("no JSON: {error}")))],
        };
        let case = |(name, outcome)| Case { family: folder.family.clone(), file: path.clone(), name, outcome };
        cases.extend(judged.into_iter().map(case));
    }
    cases
}
