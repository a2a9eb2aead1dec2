//! Discovers external vectors and judges them with the code that the relayer runs.
//!
//! The suite walks the folders named by `CAUSEWAY_VECTORS` and `CAUSEWAY_RECORDED` (by default `../shared/vectors` and
//! `../shared/recorded` beside the workspace). The folders directly in them are families. Every file is recognised by
//! its *format*, never by its name alone, and every case in it is judged: a verdict comes only from the crates of floor
//! 1 that the relayer itself calls, and is compared with the one that the file states. What files of a format do
//! not state (that a recorded block of a live chain is valid, say) stands in the module of the format, so a new file
//! of a known format needs no code. What no verifier can judge yet is listed with the reason.
//!
//! `floor.toml` holds, for each file that the suite has seen, how many of its cases must pass at least; see [`floor`].
//!
//! | module | formats |
//! |---|---|
//! | [`headers`] | blocks with seals and their validators; a linked chain; a quorum table |
//! | [`neo`] | Neo N3 headers, blocks, committees and storage proofs |
//! | [`codec`] | QBFT extra data and messages; RLP tests |
//! | [`rpc`] | answers of nodes: blocks, genesis, signers, snapshots, proofs, transactions |
//! | [`bitcoin`] | Bitcoin: headers, Merkle proofs, transactions |
//! | [`fabric`] | blocks, configurations and endorsements of Hyperledger Fabric; ECDSA on P-256 |
//! | [`fisco_bcos`] | FISCO BCOS: blocks, proofs of transactions and receipts |
//! | [`substrate`] | GRANDPA justifications, BEEFY steps, fixtures of Snowbridge |
//! | [`cometbft`] | CometBFT: traces, bisections, IBC headers, blocks and answers of nodes |
//! | [`ics23`] | ICS-23: vectors, batches and tables of single steps |
//! | [`edwards`] | Ed25519 and secp256k1 signatures: Wycheproof, CCTV |
//! | [`ethereum`] | sync committee protocol: the specification's vectors, recordings of networks and nodes |
//! | [`bls`] | BLS12-381 signatures |
//! | [`seeds`] | none: keeps what verifiers are given for fuzzing |
//! | [`proofs`] | Merkle-Patricia proofs, storage proofs under a header, tries, receipts, block bodies |

pub mod bitcoin;
pub mod bls;
pub mod cases;
pub mod clients;
pub mod codec;
pub mod cometbft;
pub mod discover;
pub mod edwards;
pub mod ethereum;
pub mod fabric;
pub mod fisco_bcos;
pub mod floor;
pub mod headers;
pub mod ics23;
pub mod json;
pub mod neo;
pub mod proofs;
pub mod report;
pub mod rpc;
pub mod seeds;
pub mod substrate;
pub mod tries;
