//! Hyperledger Fabric.
//!
//! * *ledger*: `[{number, previous_hash, data_hash, header_hash, data, metadata, expected, txs}]`. Block 0, if there, is the
//!   pin; every further block is judged from the one before it, whole: link, data, each envelope and its creator,
//!   orderers' signatures. Where the file leaves blocks out, or states that one is invalid, the next one is judged from
//!   a client that trusts what it says lies before it, under the configuration known so far.
//! * *recorded blocks*: bare `common.Block`, one a file. The folder is one channel; a block is judged from the newest
//!   configuration block below it, over the headers between. What peers write beside a block about its transactions
//!   is compared with what the endorsement policy says.
//! * *first blocks* in hex; *configurations* decoded to JSON; *consenters' certificates*; *interoperation views* with
//!   endorsements; P-256 vectors.

mod beside;
mod chain;
mod ledger;
mod recorded;
mod vectors;
mod view;

use crate::cases::{File, Format, Judged};

/// All of them.
pub const FORMATS: [Format; 9] = [
    vectors::ecdsa,
    ledger::ledger,
    ledger::first_block,
    recorded::block,
    beside::configuration,
    beside::config_update,
    beside::consenter,
    view::view,
    how_it_was_made,
];

/// Scripts and settings in a folder `how`: what a recording was made with is no case.
fn how_it_was_made(file: &File<'_>) -> Judged {
    let in_how = file.path.parent()?.components().any(|part| part.as_os_str() == "how");
    (in_how && file.value.is_null() && std::str::from_utf8(file.bytes).is_ok()).then(Vec::new)
}

pub use chain::{Step, followed};
pub use ledger::steps;
pub use recorded::steps as recorded_steps;
