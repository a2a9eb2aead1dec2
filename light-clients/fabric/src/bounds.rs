//! Every bound of this crate, with its reason.

/// Bytes of one block at most. Fabric's `AbsoluteMaxBytes` is at most 100 MB, but only blocks that carry a
/// configuration are ever needed whole; the largest configurations of consortia are below a megabyte.
pub const MAX_BLOCK_BYTES: usize = 4 << 20;
/// Bytes of a channel's configuration at most.
pub const MAX_CONFIG_BYTES: usize = 2 << 20;
/// Envelopes in one block at most (`MaxMessageCount` is some hundreds in practice).
pub const MAX_ENVELOPES: usize = 10_000;
/// Items of a block's metadata (five are known).
pub const MAX_METADATA: usize = 8;
/// Bytes of the metadata that orderers sign, with their signatures: 128 of them with certificates of 2 KiB.
pub const MAX_SIGNATURES_BYTES: usize = 512 << 10;
/// Signatures of one block, endorsements of one answer, or signatures of one configuration update at most.
pub const MAX_SIGNERS: usize = 128;
/// Headers that one update may run over: the links cost 32 bytes and one hash each.
pub const MAX_RUN: usize = 8_192;
/// Bytes of one update at most.
pub const MAX_UPDATE_BYTES: usize = 16 + 32 * MAX_RUN + 72 + MAX_SIGNATURES_BYTES + MAX_BLOCK_BYTES;
/// Bytes of one attested read at most.
pub const MAX_READ_BYTES: usize = 1 << 20;
/// Bytes of one certificate at most (they are below 1.5 KiB; attributes of fabric-ca may add some).
pub const MAX_CERTIFICATE_BYTES: usize = 8 << 10;
/// Bytes of one revocation list at most.
pub const MAX_CRL_BYTES: usize = 256 << 10;
/// Certificates from an identity to its root at most, both counted.
pub const MAX_CHAIN: usize = 6;
/// Certificates, lists or identifiers of one kind in a membership service provider at most.
pub const MAX_MSP_ITEMS: usize = 128;
/// Groups, values or policies directly in one configuration group at most.
pub const MAX_GROUP_ITEMS: usize = 512;
/// Elements of a whole configuration at most.
pub const MAX_CONFIG_ELEMENTS: usize = 16_384;
/// Nesting of configuration groups at most (a channel, its section, an organisation: three in Fabric).
pub const MAX_GROUP_DEPTH: usize = 8;
/// Nesting of a signature policy at most.
pub const MAX_POLICY_DEPTH: usize = 16;
/// Rules and principals of a signature policy at most.
pub const MAX_POLICY_ITEMS: usize = 1_024;
/// Consenters at most.
pub const MAX_CONSENTERS: usize = 128;
/// Arguments of one chaincode call at most.
pub const MAX_ARGUMENTS: usize = 64;
/// Keys that one attested read may touch at most, per kind and namespace.
pub const MAX_READS: usize = 1_024;
