//! Both ends of a lane in one process: no wire, the same queue and the same bound on what is in flight.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use causeway_core::LaneId;
use tokio::{sync::mpsc, time::timeout};

use super::{records::Records, routes::Routes};
use crate::lane::{
    error::{Error, Kind, Result},
    ports::{Inbound, Peer},
    types::{Bundle, Outcome},
};

/// Answers that wait for the sending stage.
const ANSWERS_MAX: usize = 1024;

/// This relayer as its own peer.
#[allow(missing_debug_implementations)]
pub struct LocalPeer {
    routes: Routes,
    records: Arc<dyn Records>,
    deadline: Duration,
    answers: Mutex<HashMap<LaneId, mpsc::Sender<(u64, Outcome)>>>,
}

impl LocalPeer {
    /// Hands bundles to the queues of `routes`; waits at most `deadline` for room in one.
    #[must_use]
    pub fn new(routes: Routes, records: Arc<dyn Records>, deadline: Duration) -> Self {
        Self { routes, records, deadline, answers: Mutex::default() }
    }
}

#[async_trait]
impl Peer for LocalPeer {
    async fn deliver(&self, number: u64, bundle: &Bundle) -> Result<()> {
        let lane = bundle.lane;
        let stopped = || Error::retry(Kind::Unavailable, format!("lane {lane}: nobody takes its bundles"));
        let inbox = self.routes.inbox(lane).ok_or_else(stopped)?;
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned();
        let answer = answer.unwrap_or_else(|| mpsc::channel(1).0);
        let sending = inbox.send(Inbound { number, bundle: bundle.clone(), answer });
        match timeout(self.deadline, sending).await {
            Ok(sent) => sent.map_err(|_| stopped()),
            Err(_) => Err(Error::retry(Kind::RateLimited, format!("lane {lane}: its queue stays full"))),
        }
    }

    async fn acknowledgements(&self, lane: LaneId) -> Result<mpsc::Receiver<(u64, Outcome)>> {
        let (answer, answers) = mpsc::channel(ANSWERS_MAX);
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, answer);
        Ok(answers)
    }

    async fn held(&self, lane: LaneId) -> Result<Vec<Range<u64>>> {
        self.records.held(lane, causeway_proto::convert::RANGES_MAX).await
    }

    fn connected(&self) -> bool {
        true
    }
}
