//! One thread writes. Calls that wait at the same time share one commit, so a busy relayer pays for few disk syncs.
//!
//! A call gives its write to the thread over a bounded queue and waits for the answer. The thread takes everything that
//! waits (to a limit), applies it in one transaction, commits, and answers. A write that is refused leaves nothing and
//! does not disturb its neighbours; when the database itself fails, all of them fail and nothing of them is stored.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use super::{
    apply::{Done, Failure, Write, apply},
    fault::broken,
    file::File,
    tables::Tables,
};
use crate::lane::error::{Error, Result};

/// Most writes that wait; a caller beyond it blocks, as every write does.
const QUEUE: usize = 256;

/// Most writes in one commit: bounds what the first of them waits for the last.
const BATCH_MAX: usize = 256;

struct Job {
    write: Write,
    answer: SyncSender<Result<Done>>,
}

/// The writing thread. Dropping it ends the thread after what is queued.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(file: Arc<File>) -> Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || run(&file, &jobs));
        let thread = thread.map_err(|error| broken("cannot start its thread", error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Stores `write`; returns when it is on the disk.
    pub(super) fn call(&self, write: Write) -> Result<Done> {
        let (answer, answered) = sync_channel(1);
        let ended = || broken("closed", "its thread has ended");
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(Job { write, answer }).map_err(|_| ended())?;
        answered.recv().map_err(|_| ended())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told to its callers as an error already.
            let _ = thread.join();
        }
    }
}

fn run(file: &File, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(BATCH_MAX - 1));
        let results = commit(file, &batch);
        match results {
            Ok(results) => {
                for (job, result) in batch.into_iter().zip(results) {
                    // A caller that is gone needs no answer.
                    let _ = job.answer.send(result);
                }
            }
            Err(error) => {
                tracing::error!(error = %error, writes = batch.len(), "journal: nothing was stored");
                if let Err(error) = file.reopen() {
                    tracing::error!(error = %error, "journal: cannot be opened again yet");
                }
                for job in batch {
                    let _ = job.answer.send(Err(again(&error)));
                }
            }
        }
    }
}

/// Applies and commits a batch: one result for each write, or the database's failure for all.
fn commit(file: &File, batch: &[Job]) -> Result<Vec<Result<Done>>> {
    let transaction = match file.write() {
        Ok(transaction) => transaction,
        // Closed by an earlier failure: try once to open it.
        Err(_) => {
            file.reopen()?;
            file.write()?
        }
    };
    let mut results = Vec::with_capacity(batch.len());
    {
        let mut tables = Tables::open(&transaction)?;
        for job in batch {
            results.push(match apply(&mut tables, &job.write) {
                Ok(done) => Ok(done),
                Err(Failure::Refused(error)) => Err(error),
                Err(Failure::Broken(error)) => return Err(error),
            });
        }
    }
    transaction.commit().map_err(|error| broken("cannot write", error))?;
    Ok(results)
}

/// The same error for another caller.
fn again(error: &Error) -> Error {
    Error { class: error.class, kind: error.kind, detail: error.detail.clone() }
}
