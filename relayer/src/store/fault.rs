//! How the store's trouble becomes an error with a class: always [`Kind::Store`], and the lane stops, because without a
//! durable intent there must be no side effect (ATK-088).

use std::fmt::Display;

use causeway_core::LaneId;

use crate::lane::error::{Error, Kind};

/// The database could not do something.
pub(super) fn broken(what: &'static str, why: impl Display) -> Error {
    Error::stop_lane(Kind::Store, format!("journal: {what}: {why}"))
}

/// A stored value is not what was written.
pub(super) fn corrupt(table: &'static str, why: impl Display) -> Error {
    Error::stop_lane(Kind::Store, format!("journal: table {table} holds a value that cannot be read: {why}"))
}

/// Entries at indices that are stored with other contents.
pub(super) fn rewritten(lane: LaneId, index: u64) -> Error {
    Error::stop_lane(
        Kind::OutboxRewritten,
        format!("lane {lane}: entry {index} was seen with other contents than the ones stored"),
    )
}

/// Entries beyond a hole.
pub(super) fn gap(lane: LaneId, expected: u64, found: u64) -> Error {
    Error::retry(
        Kind::NotAvailableYet,
        format!(
            "lane {lane}: entries from {found} on were seen, expected {expected} next: scan the blocks between again"
        ),
    )
}
