//! What the process shows: its tasks, its journal, its runtime.

use super::{
    field::{Counter, Gauge, Histogram, Sum},
    group::group,
};

/// Seconds of a durable commit: memory-backed to a disk that is in trouble.
pub const COMMIT_SECONDS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0];

group! {
    /// One long-lived task. `scope` is the chain, lane or peer that it serves, or `process`.
    TaskMetrics / TaskFamilies: "causeway_task_" [task, scope] {
        /// 1 while the task runs.
        up: Gauge,
        /// Times that the task was started again.
        restarts_total: Counter,
    }
}

group! {
    /// The relayer as a whole.
    ProcessMetrics / ProcessFamilies: "causeway_" [] {
        /// 1 while `/readyz` answers that the relayer is ready.
        ready: Gauge,
        /// Lanes that are configured.
        lanes: Gauge,
        /// Seconds of a durable write to the journal, with the wait for its commit.
        journal_commit_seconds: Histogram = COMMIT_SECONDS,
        /// Commits of the journal that failed.
        journal_errors_total: Counter,
        /// Size of the journal, bytes.
        journal_bytes: Gauge,
        /// Calls on the admin socket.
        admin_calls_total: Counter,
        /// Reloads of certificates and configuration that were refused.
        reload_failures_total: Counter,
        /// Worker threads of the runtime.
        runtime_workers: Gauge,
        /// Tasks of the runtime that are alive.
        runtime_alive_tasks: Gauge,
        /// Tasks that wait in the runtime's shared queue.
        runtime_queued_tasks: Gauge,
        /// Seconds that the runtime's workers were busy, summed over workers.
        runtime_busy_seconds_total: Sum,
    }
}

group! {
    /// The build.
    BuildMetrics / BuildFamilies: "causeway_build_" [version] {
        /// Always 1; the version is in the label.
        info: Gauge,
    }
}

/// While it lives, `causeway_task_up` is 1 for its task: it falls to 0 however the task ends (ATK-085).
#[must_use]
#[allow(missing_debug_implementations)]
pub struct TaskUp(Option<Gauge>);

impl TaskUp {
    /// `task` runs for `scope` (a chain's, lane's or peer's label, or `process`).
    pub fn new(metrics: &super::Metrics, task: &str, scope: &str) -> Self {
        let up = metrics.tasks.of(task, scope).ok().map(|m| m.up);
        up.iter().for_each(Gauge::inc);
        Self(up)
    }
}

impl Drop for TaskUp {
    fn drop(&mut self) {
        self.0.iter().for_each(Gauge::dec);
    }
}
