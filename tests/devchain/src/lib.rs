//! The embedded development chain: an industry chain for development, demonstration and tests, so real that nothing that
//! talks to it can tell.
//!
//! revm executes; state lives in memory in real Merkle-Patricia tries that change only along dirty paths; headers are
//! QBFT's (IBFT 2.0 and IBFT 1 on request) with true seals, proposers, rounds and votes; JSON-RPC goes over HTTP and
//! WebSocket with geth's words and errors. Every endpoint can be given [`Faults`].
//!
//! ```no_run
//! # async fn example() -> Result<(), causeway_devchain::Error> {
//! let chain = causeway_devchain::Chain::builder().chain_id(4_001).seed("north").spawn().await?;
//! let liar = chain
//!     .endpoint(causeway_devchain::Faults {
//!         proof: Some(causeway_devchain::ProofLie::FlipStorage),
//!         ..Default::default()
//!     })
//!     .await?;
//! println!("honest {}, lying {}", chain.rpc_url(), liar.rpc_url());
//! # Ok(())
//! # }
//! ```

mod assemble;
mod block;
mod builder;
mod config;
mod consensus;
mod control;
mod core;
mod endpoint;
mod execute;
mod faults;
mod genesis;
mod handle;
mod ledger;
mod mempool;
mod producer;
mod rpc;
mod state;
mod sync;
mod transaction;
mod validator_contract;

pub use builder::{Chain, ChainBuilder};
pub use config::{Config, GenesisAccount, RpcConfig, Spec};
pub use consensus::Consensus;
pub use endpoint::Endpoint;
pub use faults::{Faults, HeaderLie, HttpFault, Lag, LogLie, ProofLie, WsFault};
pub use handle::{DevAccount, Error, Handle, Sealed};
pub use validator_contract::ValidatorContract;
