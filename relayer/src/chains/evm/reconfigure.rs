//! What of an EVM chain's section may change while it is in use: more endpoints, fees, gas limits.

use super::{
    endpoint::{Pool, follow},
    submit::EvmSubmitter,
};
use crate::{
    chains::{Reconfigure, registry::ChainConfig},
    lane::error::Result,
};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The parts of a running chain that take changes.
pub(super) struct Live {
    pub(super) pool: Arc<Pool>,
    pub(super) submitter: Option<Arc<EvmSubmitter>>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

impl Reconfigure for Live {
    fn apply(&self, config: &ChainConfig) -> Result<()> {
        let ChainConfig::BftEvm(chain) = config;
        follow::add(&self.pool, chain, &self.tasks, &self.shutdown)?;
        if let Some(submitter) = &self.submitter {
            submitter.reconfigure(chain.fees, chain.gas);
        }
        Ok(())
    }
}
