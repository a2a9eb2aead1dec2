//! A chain of the configuration, opened for a command: its nodes, and the key that signs there.

use super::exit::{CliError, Failure};
use crate::{
    chains::{
        Pinned,
        evm::{
            config::EvmChain,
            deploy::Deployer,
            endpoint::{Pool, follow},
            headers::EvmHeaders,
            signer::key::Key,
            verifier,
        },
        observe::Unobserved,
    },
    config::{ChainConfig, Config},
    lane::{
        error::{Error, Kind},
        ports::Clock,
    },
};
use std::{sync::Arc, time::SystemTime};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// See the module. Dropping it ends the tasks that follow its nodes.
pub(crate) struct Access {
    /// Name in the configuration.
    pub(crate) name: String,
    /// Its section.
    pub(crate) chain: EvmChain,
    /// Its nodes.
    pub(crate) pool: Arc<Pool>,
    /// Signs and sends, where the configuration names a key.
    pub(crate) deployer: Option<Deployer>,
    _following: DropGuard,
}

impl Access {
    /// Opens the chain called `name`.
    pub(crate) fn open(config: &Config, name: &str) -> Result<Self, CliError> {
        let section = config.chains.get(name).ok_or_else(|| {
            let names: Vec<&str> = config.chains.keys().map(String::as_str).collect();
            CliError::new(Failure::Usage, format!("no chain is called `{name}`"))
                .advise(format!("the configuration knows {}", names.join(", ")))
        })?;
        let ChainConfig::BftEvm(chain) = section;
        let pool = Arc::new(Pool::new(chain, Arc::new(Unobserved))?);
        let stop = CancellationToken::new();
        follow::start(&pool, chain, &TaskTracker::new(), &stop);
        let key = chain.signer.as_ref().map(|signer| Key::read(&signer.key_file)).transpose()?;
        let deployer = key.map(|key| Deployer::new(Arc::clone(&pool), key, chain.fees));
        Ok(Self { name: name.to_owned(), chain: chain.clone(), pool, deployer, _following: stop.drop_guard() })
    }

    /// The signing side, which a command needs.
    pub(crate) fn deployer(&self) -> Result<&Deployer, CliError> {
        self.deployer.as_ref().ok_or_else(|| {
            CliError::new(Failure::Config, format!("chains.{}.signer: a key is needed, found none", self.name))
                .advise("add `signer = { key_file = … }`, or run this where the key is")
        })
    }

    /// Reads headers of the chain.
    pub(crate) fn headers(&self) -> EvmHeaders {
        let pinned = Pinned { height: self.chain.pinned.height, hash: self.chain.pinned.hash };
        EvmHeaders::new(Arc::clone(&self.pool), verifier::params(&self.chain), pinned, Arc::new(SystemClock))
    }
}

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs())
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let failure = match error.kind {
            Kind::InvalidConfig => Failure::Config,
            Kind::Unavailable | Kind::DeadlineExceeded | Kind::RateLimited | Kind::Stalled => Failure::Unreachable,
            Kind::Store => Failure::Local,
            _ => Failure::Refused,
        };
        Self::new(failure, error.to_string())
    }
}
