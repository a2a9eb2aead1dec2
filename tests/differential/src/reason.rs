//! The reasons that both sides have a name for.

use alloy::primitives::Bytes;
use causeway_bft_evm::{Over, Refusal, proof::StateProofFault};

use crate::machine::{Failed, selector};

/// The error of a light client's contract, by its name. Whatever is no error of its own is `unnamed`.
pub fn of_client(failed: &Failed) -> &'static str {
    named(
        failed,
        &[
            ("ClientFrozen(uint64)", "frozen"),
            ("ClientExpired(uint64,uint64)", "expired"),
            ("MalformedUpdate()", "malformed update"),
            ("MalformedHeader()", "malformed header"),
            ("BadSetSize(uint256)", "set size"),
            ("HeaderFromFuture(uint64,uint64)", "header from the future"),
            ("NonMonotonicTime(uint64,uint64,uint64,uint64)", "time not monotonic"),
            ("OlderUnderOtherSet(uint64,uint64)", "older under another set"),
            ("NotTheSetInForce(bytes32,bytes32)", "not the set in force"),
            ("DuplicateValidator(address)", "duplicate validator"),
            ("UnknownSigner()", "unknown signer"),
            ("NotEnoughTrust(uint256,uint256)", "not enough trust"),
            ("InvalidSeal(uint256)", "invalid seal"),
            ("NotMisbehaviour()", "no misbehaviour"),
            ("WrongPeakHeight(uint256)", "state proof"),
            ("WrongNode()", "state proof"),
            ("MalformedNode()", "state proof"),
            ("NotPresent()", "state proof"),
            ("WrongProofLength()", "state proof"),
            ("MalformedValue()", "state proof"),
        ],
    )
}

/// The error that a vault refuses a delivery's runs with.
pub fn of_vault(failed: &Failed) -> &'static str {
    named(
        failed,
        &[
            ("NonCanonical()", "malformed runs"),
            ("BatchSize(uint256)", "malformed runs"),
            ("MalformedGroup()", "malformed runs"),
            ("NotConsecutive(uint256,uint256)", "malformed runs"),
            ("UnsupportedKind(uint256)", "malformed runs"),
            ("MalformedFacts()", "malformed runs"),
            ("RunOutsidePeak()", "not in the outbox"),
            ("WrongSiblingCount()", "not in the outbox"),
            ("RootMismatch(uint256)", "not in the outbox"),
        ],
    )
}

fn named(failed: &Failed, names: &[(&str, &'static str)]) -> &'static str {
    let Failed::Reverted(bytes) = failed else { return "unnamed: halted" };
    let found = |signature: &str| bytes.len() >= 4 && bytes[..4] == selector(signature);
    names.iter().find(|(signature, _)| found(signature)).map_or("unnamed", |(_, name)| name)
}

/// The bytes of a revert, for a report.
pub fn shown(failed: &Failed) -> String {
    match failed {
        Failed::Reverted(bytes) => Bytes::to_string(bytes),
        Failed::Halted(why) => why.clone(),
    }
}

/// The same name for a refusal of the Rust light client.
pub const fn of_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Frozen { .. } => "frozen",
        Refusal::Expired { .. } => "expired",
        Refusal::Malformed(_) => "malformed update",
        Refusal::Header(_) => "malformed header",
        Refusal::EmptySet | Refusal::TooManyValidators { .. } => "set size",
        Refusal::HeaderFromFuture { .. } => "header from the future",
        Refusal::NonMonotonicTime { .. } => "time not monotonic",
        Refusal::OlderUnderOtherSet { .. } => "older under another set",
        Refusal::NotTheSetInForce { .. } => "not the set in force",
        Refusal::DuplicateValidator { .. } => "duplicate validator",
        Refusal::UnknownSigner { .. } => "unknown signer",
        Refusal::NotEnoughTrust { over: Over::SetInForce | Over::HeaderSet, .. } => "not enough trust",
        Refusal::InvalidSeal { .. } | Refusal::BadSeal { .. } => "invalid seal",
        Refusal::NextSet(_) => "next set",
        Refusal::ChainMismatch { .. } => "chain mismatch",
    }
}

/// The same name for a refused state proof.
pub const fn of_state_proof(_: &StateProofFault) -> &'static str {
    "state proof"
}

/// Pairs of reasons (Rust's first) that differ because the two look at the same bytes in another order, never in what they
/// accept. A contract reads what it needs where it needs it; Rust decodes all lengths first.
///
/// - lengths that do not add up, which Rust sees before anything else and the contract when it gets there: any other rule
///   may come first in the contract;
/// - an update without the set in force where it is needed: malformed for Rust, and for the contract the mark of an update
///   that was made for another set;
/// - an item of the validators' list that is no address: the contract looks only where it uses it.
pub fn differs_by_order(rust: &str, contract: &str) -> bool {
    match rust {
        "malformed update" => true,
        "malformed header" => matches!(
            contract,
            "set size"
                | "header from the future"
                | "time not monotonic"
                | "older under another set"
                | "not the set in force"
                | "malformed update"
                | "unknown signer"
                | "not enough trust"
        ),
        _ => false,
    }
}
