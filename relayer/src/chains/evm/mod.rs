//! EVM chains under Istanbul-style BFT consensus (QBFT, IBFT 2.0, IBFT 1).
//!
//! The reader sees: [`config`] what an operator writes; [`endpoint`] several nodes behind one face; [`headers`],
//! [`proofs`], [`entries`] and [`verifier`] the reading ports of a lane; [`bundle`], [`submit`] and [`signer`] the
//! writing one; [`errors`] what a node's errors mean; [`deploy`] how the contracts get onto a chain.
//! Byte formats are those of `deploy/contracts/evm/README.md`.

pub mod config;
pub mod endpoint;
pub mod errors;
pub mod signer;
