//! Wire types of Causeway's gRPC services, generated from the `.proto` files beside, and their conversions.
//!
//! - [`peer`]: between two organisations' relayers. Untrusted: every message passes [`strict`] before it is decoded;
//! - [`admin`]: for the operator's commands;
//! - [`exchange`]: for exchanges and wallets, on a listener of their own;
//! - [`convert`]: to floor 1's types and back;
//! - [`strict`] and [`codec`]: the check, and the gRPC codec that runs it;
//! - [`DESCRIPTORS`]: what the reflection service answers with.
//!
//! Floor 2: it knows floor 1's types and nothing of the relayer.

pub mod codec;
pub mod convert;
pub mod strict;

/// Between two relayers.
pub mod peer {
    /// Version 1.
    #[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::doc_markdown)]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/causeway.peer.v1.rs"));
    }
}

/// For operators.
pub mod admin {
    /// Version 1.
    #[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::doc_markdown, clippy::large_enum_variant)]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/causeway.admin.v1.rs"));
    }
}

/// For exchanges and wallets.
pub mod exchange {
    /// Version 1.
    #[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::doc_markdown, clippy::large_enum_variant)]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/causeway.exchange.v1.rs"));
    }
}

/// Encoding of the generated messages.
pub use prost::Message;

/// Encoded `google.protobuf.FileDescriptorSet` of all services.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/causeway.fds"));
