//! Other organisations' relayers: gRPC under mutual TLS (protocol §6), in both directions.
//!
//! For a lane the relayer at the source is the client and the one at the destination the server; a bridge therefore has
//! one connection each way.
//!
//! - [`config`]: settings; [`tls`] and `verifiers`: certificates, read again without a restart; [`identity`]: whose certificate it is;
//! - [`accept`]: connections up to the end of the handshake, with limits; [`server`]: the listener and its services;
//!   `service` and `inbound`: the calls, and one lane's stream at the receiving end; [`routes`]: where a lane's bundles
//!   go; [`records`]: what pull calls are answered from;
//! - [`client`]: a peer as the lane's [`Peer`](crate::lane::ports::Peer) port; `outbound`: one lane's stream at the
//!   sending end; [`connect`]: how bytes get there; [`local`]: both ends in one process;
//! - [`offers`]: proposals and answers of swaps;
//! - [`hello`]: what both sides must hold alike; [`status`]: errors to and from the wire; `wire`: frames.
//!
//! The peer is trusted for nothing. Its certificate says who it is, no field of a message does; every message is bounded
//! before it is decoded; what it says of progress is a hint.

pub mod accept;
pub mod client;
pub mod config;
pub mod connect;
pub mod hello;
pub mod identity;
mod inbound;
pub mod local;
pub mod offers;
mod outbound;
pub mod records;
pub mod routes;
pub mod server;
mod service;
pub mod status;
pub mod tls;
mod verifiers;
mod wire;

#[cfg(test)]
mod tests;
