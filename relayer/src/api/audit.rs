//! The audit log: every call on the admin socket, before and after, one JSON line each, appended to a file that only
//! the relayer's user can read. A call that changes something is not done when its line cannot be written.

use crate::telemetry::escape::hostile;
use serde_json::json;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// Past this size the file moves to `<name>.1` and a new one begins: two files bound what a watching `status` writes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Longest comment kept, characters.
const MAX_COMMENT: usize = 500;

/// Who called, by the kernel's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// User id.
    pub uid: Option<u32>,
    /// Process id.
    pub pid: Option<i32>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method, e.g. `PauseLane`.
    pub method: &'static str,
    /// The resource that it names.
    pub target: String,
    /// The operator's reason.
    pub comment: String,
    /// Who.
    pub caller: Caller,
    /// True if it changes something.
    pub changes: bool,
}

/// The log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Audit {
    /// Opens or makes the file, mode 0600.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self(Arc::new(Mutex::new(Open { path: path.to_owned(), file, bytes }))))
    }

    /// Writes that `call` begins; durable when it returns if the call changes something. Blocks.
    pub fn begins(&self, call: &Call) -> io::Result<()> {
        self.line(call, "begins", call.changes)
    }

    /// Writes how `call` ended: `ok`, or the code and reason of the refusal. Blocks.
    pub fn ended(&self, call: &Call, outcome: &str) -> io::Result<()> {
        self.line(call, outcome, false)
    }

    fn line(&self, call: &Call, outcome: &str, durable: bool) -> io::Result<()> {
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
        let comment: String = call.comment.chars().filter(|c| !hostile(*c)).take(MAX_COMMENT).collect();
        let target: String = call.target.chars().filter(|c| !hostile(*c)).take(MAX_COMMENT).collect();
        let mut line = json!({
            "at_ms": at_ms, "method": call.method, "target": target, "comment": comment,
            "uid": call.caller.uid, "pid": call.caller.pid, "outcome": outcome,
        })
        .to_string();
        line.push('\n');
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.rotate()?;
        open.file.write_all(line.as_bytes())?;
        open.bytes += line.len() as u64;
        if durable { open.file.sync_data() } else { Ok(()) }
    }
}

impl Open {
    fn rotate(&mut self) -> io::Result<()> {
        if self.bytes < MAX_BYTES {
            return Ok(());
        }
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)?;
        self.file = append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn call() -> Call {
        Call {
            method: "PauseLane",
            target: "lanes/0x\x1b[2J".into(),
            comment: format!("x\n{}", "y".repeat(2000)),
            caller: Caller { uid: Some(7), pid: Some(8) },
            changes: true,
        }
    }

    #[test]
    fn lines_are_whole_and_the_file_is_private_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let audit = Audit::open(&path).unwrap();
        audit.begins(&call()).unwrap();
        audit.ended(&call(), "ok").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((first["outcome"].as_str(), first["uid"].as_u64()), (Some("begins"), Some(7)));
        assert_eq!(first["target"], "lanes/0x[2J");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        audit.0.lock().unwrap().bytes = MAX_BYTES;
        audit.ended(&call(), "after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        assert_eq!(fs::read_to_string(dir.path().join("audit.jsonl.1")).unwrap().lines().count(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        Audit::open(Path::new("/proc/nothing/audit.jsonl")).unwrap_err();
    }
}
