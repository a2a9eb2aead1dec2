//! The embedded journal: what a relayer remembers, in one file of its data folder.
//!
//! - [`Store`]: opens the file and answers reads; implements the lane's [`Journal`](crate::lane::ports::Journal);
//! - `file`: the file, its permissions, its format version, and the lock that keeps a second process out;
//! - `tables`: where everything stands; `codec`: how values are written, and read back strictly;
//! - `writer`: one thread that turns many waiting writes into one commit; `apply`: what each write does;
//! - `fault`: how trouble becomes an error with a class.
//!
//! Nothing read here is believed: a value that does not decode is a typed error, and entries are facts that the chain
//! is asked about again (INV-5). A write that returned is on the disk; a write that failed left nothing behind.

mod apply;
mod codec;
mod fault;
mod file;
mod journal;
mod read;
mod swaps;
mod tables;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod suite;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use causeway_core::LaneId;

use crate::lane::error::Result;

/// Most received bundles of one peer and lane that wait to be closed. At 256 entries each it is a backlog of a million
/// entries; past it the peer is told to slow down.
pub const UNFINISHED_MAX: u64 = 4096;

/// Most dead letters. Nobody reads more; past it the lane that makes them stops.
pub const DEAD_LETTERS_MAX: u64 = 10_000;

/// Most replacements of a transaction that an intent holds.
pub const REPLACEMENTS_MAX: usize = 32;

/// How many bundle numbers are reserved by one durable write. A crash skips at most so many numbers.
const NUMBERS_RESERVED: u64 = 64;

/// The embedded journal. Cheap to share behind an [`Arc`]; closes the file when the last one is dropped.
#[derive(Debug)]
pub struct Store {
    file: Arc<file::File>,
    writer: writer::Writer,
    numbers: Mutex<HashMap<LaneId, Numbers>>,
}

/// Bundle numbers of a lane that may be given out without another write.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    next: u64,
    end: u64,
}

impl Store {
    /// Opens the journal in `folder`, or makes both.
    ///
    /// # Errors
    /// `Store`: another process has it open, it is of another format, or it cannot be read or written.
    /// `InvalidConfig`: the folder or file is not a plain one of this user.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::with(file::File::open(folder)?)
    }

    /// Opens a journal on a medium of the caller, for tests of bad days.
    #[cfg(test)]
    fn on(medium: Arc<dyn file::Medium>) -> Result<Self> {
        Self::with(file::File::on(medium)?)
    }

    fn with(file: file::File) -> Result<Self> {
        let file = Arc::new(file);
        let writer = writer::Writer::start(Arc::clone(&file))?;
        Ok(Self { file, writer, numbers: Mutex::default() })
    }
}
