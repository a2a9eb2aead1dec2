//! Cutting entries into the groups of a delivery, returns paired with the transfers that go back.

use alloc::vec::Vec;

use super::{
    PackError,
    delivery::{DeliveryGroup, ReturnedGroup},
    group::{check_run, same_group},
};
use crate::{
    entry::{Body, Entry, Transfer},
    lane::LaneId,
    tree::{OutboxTree, peaks},
};

/// Cuts consecutive entries of one lane into groups for a delivery. Returns are paired with the transfers that go back:
/// `original(index)` gives the transfer with that index on `reverse`, and `own` is the whole tree of that lane's outbox.
/// Their proofs are made under the highest current peak of `own` that covers them.
///
/// # Errors
/// [`PackError`]; among others a transfer that is not at hand or does not hash to its entry's commitment.
pub fn plan_groups(
    entries: &[Entry],
    reverse: LaneId,
    own: &OutboxTree,
    mut original: impl FnMut(u64) -> Option<Transfer>,
) -> Result<Vec<DeliveryGroup>, PackError> {
    check_run(entries)?;
    let size = own.size();
    // Returns of one group have consecutive originals, all under one peak.
    let together = |a: &Entry, b: &Entry| match (&a.body, &b.body) {
        (Body::Returned(x), Body::Returned(y)) => {
            x.index.checked_add(1) == Some(y.index) && peaks::covering(size, x.index) == peaks::covering(size, y.index)
        }
        _ => same_group(&a.body, &b.body),
    };
    let mut groups = Vec::new();
    for group in entries.chunk_by(together) {
        let Some(Entry { body: Body::Returned(first), .. }) = group.first() else {
            groups.push(DeliveryGroup::Plain(group.to_vec()));
            continue;
        };
        let first = first.index;
        let mut originals = Vec::with_capacity(group.len());
        for entry in group {
            let Body::Returned(returned) = &entry.body else {
                continue;
            };
            let index = returned.index;
            let transfer = original(index).ok_or(PackError::OriginalMissing { index })?;
            let original = Entry { lane: reverse, index, body: Body::Transfer(transfer) };
            if original.commitment() != returned.commitment {
                return Err(PackError::NotTheOriginal { index });
            }
            originals.push(original);
        }
        let peak = peaks::covering(size, first).ok_or(PackError::OriginalMissing { index: first })?;
        let mut siblings = Vec::new();
        own.prove_peak(peak.height, first, group.len() as u64, &mut siblings)?;
        groups.push(DeliveryGroup::Returned(ReturnedGroup {
            entries: group.to_vec(),
            originals,
            height: peak.height,
            siblings,
        }));
    }
    Ok(groups)
}
