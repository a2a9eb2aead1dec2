//! A case, its verdict, and the formats in the order in which a file is offered to them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    bitcoin, bls, codec, cometbft, edwards, ethereum, fabric, fisco_bcos, headers, ics23, neo, proofs, rpc, substrate,
};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The verifier's verdict is the expected one.
    Passed,
    /// It is not, or the case can not be read.
    Failed(String),
    /// No verifier can judge it; why.
    Unjudged(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// One judged case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Folder under a root.
    pub family: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// Its name in the file.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// Name and outcome of the cases of a file; `None` if the file is of another format. A file that belongs to the case of
/// another one (an SSZ object that `steps.yaml` names, say) has no cases of its own: `Some` of none.
pub type Judged = Option<Vec<(String, Outcome)>>;

/// A file and what stands beside it.
#[derive(Debug)]
pub struct File<'a> {
    /// Its content as JSON; null for files of another kind.
    pub value: &'a Value,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where it is, for formats whose case is spread over several files.
    pub path: &'a Path,
    /// Its name, for formats whose files say by it how their keys are hashed.
    pub name: &'a str,
    /// Headers of all blocks in the same folder.
    pub headers: &'a rpc::Headers,
}

/// A format: recognises a file and judges its cases.
pub type Format = fn(&File<'_>) -> Judged;

/// All formats that are judged, by the module that knows them. A new family adds its module's list and one line here.
const FORMATS: &[&[Format]] = &[
    &ethereum::FORMATS,
    &bls::FORMATS,
    &BFT_EVM,
    &bitcoin::FORMATS,
    &cometbft::FORMATS,
    &edwards::FORMATS,
    &fabric::FORMATS,
    &fisco_bcos::FORMATS,
    &ics23::FORMATS,
    &substrate::FORMATS,
    &neo::FORMATS,
];

/// Istanbul-style BFT EVM chains, RLP and Merkle-Patricia tries.
const BFT_EVM: [Format; 17] = [
    headers::sealed_blocks,
    headers::linked_chain,
    headers::quorum_table,
    codec::qbft_extra_data,
    codec::qbft_messages,
    codec::rlp_tests,
    rpc::blocks,
    rpc::genesis_file,
    rpc::validators_and_signers,
    rpc::snapshots,
    rpc::state_proofs,
    rpc::transactions,
    proofs::trie_proofs,
    proofs::storage_under_header,
    proofs::tries,
    proofs::receipts,
    proofs::block_bodies,
];

/// Families whose formats are known: a file of another one is worth a look. Known formats are judged in every family.
const VERIFIED: &[&str] = &[
    "bft-evm",
    "bitcoin",
    "cometbft",
    "cometbft-wasmd",
    "ics23",
    "eth-mpt",
    "fabric",
    "goquorum-qbft",
    "substrate",
    "crypto-bls-eth",
    "eth-sync-committee",
    "ethereum-beacon",
    "ethereum-prysm",
    "fisco-bcos",
    "neo-n3",
    "neo-go",
];

/// Judges the cases of a file of a family.
pub fn judge(family: &str, file: &File<'_>) -> Vec<(String, Outcome)> {
    let verified = VERIFIED.contains(&family);
    if let Some(cases) = FORMATS.iter().copied().flatten().find_map(|format| format(file)) {
        return cases;
    }
    let reason = if verified { "no verifier reads this format" } else { "no verifier yet" };
    vec![(String::new(), Outcome::Unjudged(reason.into()))]
}

/// Refuses unless it holds.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Refuses unless both are equal.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), String> {
    ensure(expected == found, || format!("{what}: expected {expected:?}, found {found:?}"))
}
