//! A delivery as the vault takes it: `deliver(lane, first, update, stateProof, runs)`, or `deliverFacts` of the same arguments
//! where facts of swaps are among the entries; and the gas that it may use.

use super::{
    abi::{ISwaps, IVault},
    config::Gas,
};
use crate::lane::{
    error::{Error, Kind, Result},
    types::{Delivery, Originals},
};
use alloy::{primitives::Bytes, sol_types::SolCall};
use causeway_core::{
    Body, Entry,
    pack::{DeliveryGroup, DeliveryRun, ReturnedGroup, encode_runs, same_group},
};

/// Gas of any transaction.
const INTRINSIC: u64 = 21_000;

/// Calldata of `delivery`.
///
/// # Errors
/// `Malformed` (dead letter): runs, entries and originals do not fit together. Nothing verified looks like that.
pub fn calldata(delivery: &Delivery) -> Result<Bytes> {
    let bundle = &delivery.bundle;
    let mut rest: &[Entry] = &bundle.entries;
    let mut originals = delivery.originals.iter();
    let mut runs = Vec::with_capacity(bundle.runs.len());
    for run in &bundle.runs {
        let (entries, after) =
            rest.split_at_checked(run.count.into()).ok_or_else(|| misfit("a run is longer than the bundle"))?;
        runs.push(DeliveryRun { siblings: run.siblings.clone(), groups: groups(entries, &mut originals)? });
        rest = after;
    }
    if !rest.is_empty() || originals.next().is_some() {
        return Err(misfit("entries or originals are left over"));
    }
    let runs = encode_runs(&runs).map_err(|e| Error::dead_letter(Kind::Malformed, format!("delivery: {e}")))?;
    let (lane, first) = (bundle.lane.0, bundle.first);
    let (update, proof) = (bundle.update.clone().into(), bundle.state_proof.clone().into());
    // The vault's hot path knows nothing of swaps; its module takes the same arguments, and every kind.
    let facts = bundle.entries.iter().any(|e| matches!(e.body, Body::SwapLocked(_) | Body::SwapVoided(_)));
    let call = if facts {
        ISwaps::deliverFactsCall { lane, first, update, stateProof: proof, runs: runs.into() }.abi_encode()
    } else {
        IVault::deliverCall { lane, first, update, stateProof: proof, runs: runs.into() }.abi_encode()
    };
    Ok(call.into())
}

/// Cuts the entries of one run into groups.
fn groups<'a>(entries: &[Entry], originals: &mut impl Iterator<Item = &'a Originals>) -> Result<Vec<DeliveryGroup>> {
    let mut groups = Vec::new();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        if !matches!(first.body, Body::Returned(_)) {
            let length = rest.iter().take_while(|next| same_group(&first.body, &next.body)).count();
            let (group, after) = rest.split_at(length);
            groups.push(DeliveryGroup::Plain(group.to_vec()));
            rest = after;
            continue;
        }
        let originals = originals.next().ok_or_else(|| misfit("the originals of a return are missing"))?;
        let (group, after) =
            rest.split_at_checked(originals.transfers.len()).ok_or_else(|| misfit("originals span two runs"))?;
        if group.is_empty() {
            return Err(misfit("an empty group of originals"));
        }
        groups.push(DeliveryGroup::Returned(ReturnedGroup {
            entries: group.to_vec(),
            originals: originals.transfers.clone(),
            height: originals.peak,
            siblings: originals.siblings.clone(),
        }));
        rest = after;
    }
    Ok(groups)
}

fn misfit(what: &'static str) -> Error {
    Error::dead_letter(Kind::Malformed, what)
}

/// Gas limit of a delivery: `base + calldata + Σ per entry`, at least the floor of EIP-7623, at most the configured limit.
pub fn gas_limit(gas: &Gas, entries: &[Entry], calldata: &[u8]) -> u64 {
    let per_entry = |entry: &Entry| match entry.body {
        Body::Transfer(_) => gas.per_transfer,
        Body::Returned(_) => gas.per_returned,
        Body::SwapLocked(_) | Body::SwapVoided(_) => gas.per_swap,
    };
    let execution = entries.iter().map(per_entry).fold(gas.base, u64::saturating_add);
    let tokens = tokens(calldata);
    execution.saturating_add(4 * tokens).max(INTRINSIC + 10 * tokens).min(gas.limit)
}

/// Gas limit of a client update: header and seals (`gas.md` has 3.3k a seal), with half as much again.
pub fn update_gas(calldata: &[u8]) -> u64 {
    const HEADER: u64 = 150_000;
    const SEAL: u64 = 6_000;
    let tokens = tokens(calldata);
    let seals = calldata.len() as u64 / 65;
    (HEADER + SEAL * seals + 4 * tokens).max(INTRINSIC + 10 * tokens)
}

/// Calldata tokens of EIP-7623: a zero byte counts one, any other four.
fn tokens(calldata: &[u8]) -> u64 {
    calldata.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::lane::types::{Bundle, Run};
    use alloy::primitives::{B256, U256};
    use causeway_core::{LaneId, Reason, Returned, SwapLeg, Transfer, pack::decode_runs};
    use std::sync::Arc;

    const LANE: LaneId = LaneId(B256::repeat_byte(1));
    const REVERSE: LaneId = LaneId(B256::repeat_byte(2));

    fn transfer(lane: LaneId, index: u64, asset: u8) -> Entry {
        let word = |n: u8| B256::left_padding_from(&[n; 20]);
        let body = Body::Transfer(Transfer {
            asset: B256::repeat_byte(asset),
            amount: U256::from(7),
            sender: word(3),
            recipient: word(4),
            timeout: 1_800_000_000,
            memo: B256::ZERO,
        });
        Entry { lane, index, body }
    }

    fn returned(index: u64, original: &Entry) -> Entry {
        let body = Returned { index: original.index, commitment: original.commitment(), reason: Reason::Expired };
        Entry { lane: LANE, index, body: Body::Returned(body) }
    }

    fn delivery() -> Delivery {
        let originals: Vec<Entry> = [10, 11, 20].map(|i| transfer(REVERSE, i, 9)).to_vec();
        let swap = Body::SwapVoided(SwapLeg { swap_id: B256::repeat_byte(8), leg: 1 });
        let entries = vec![
            transfer(LANE, 4, 5),
            transfer(LANE, 5, 5),
            transfer(LANE, 6, 6),
            returned(7, &originals[0]),
            returned(8, &originals[1]),
            returned(9, &originals[2]),
            Entry { lane: LANE, index: 10, body: swap },
        ];
        let run = |peak, count, siblings| Run { peak, count, siblings };
        let bundle = Bundle {
            lane: LANE,
            first: 4,
            entries,
            source_height: 100,
            update: vec![1, 2].into(),
            state_proof: vec![3].into(),
            runs: vec![run(3, 4, vec![B256::repeat_byte(0xaa)]), run(1, 3, vec![])],
        };
        let originals = [0..1, 1..2, 2..3].map(|range| Originals {
            transfers: originals[range].to_vec(),
            peak: 5,
            siblings: vec![B256::repeat_byte(0xbb)],
        });
        Delivery { bundle: Arc::new(bundle), originals: originals.to_vec() }
    }

    #[test]
    fn what_is_packed_unpacks_to_the_bundle() {
        let delivery = delivery();
        // A fact of a swap is among them.
        let call = ISwaps::deliverFactsCall::abi_decode(&calldata(&delivery).unwrap()).unwrap();
        assert_eq!((call.lane, call.first), (LANE.0, 4));
        assert_eq!((call.update.as_ref(), call.stateProof.as_ref()), (&[1, 2][..], &[3][..]));
        let runs = decode_runs(LANE, REVERSE, 4, &call.runs).unwrap();
        let entries: Vec<Entry> = runs.iter().flat_map(DeliveryRun::entries).copied().collect();
        assert_eq!(entries, delivery.bundle.entries);
        let kinds: Vec<Vec<usize>> =
            runs.iter().map(|run| run.groups.iter().map(|g| g.entries().len()).collect()).collect();
        assert_eq!(kinds, [vec![2, 1, 1], vec![1, 1, 1]], "groups end with asset, run and proof");
    }

    #[test]
    fn the_hot_path_is_called_where_no_fact_of_a_swap_is_among_the_entries() {
        let entries = vec![transfer(LANE, 4, 1), transfer(LANE, 5, 1)];
        let runs = vec![Run { peak: 3, count: 2, siblings: vec![] }];
        let mut bundle = Bundle { entries, runs, ..Bundle::clone(&delivery().bundle) };
        let call = |bundle: &Bundle| {
            let data = calldata(&Delivery { bundle: Arc::new(bundle.clone()), originals: vec![] }).unwrap();
            <[u8; 4]>::try_from(&data[..4]).unwrap()
        };
        assert_eq!(call(&bundle), IVault::deliverCall::SELECTOR);
        for fact in [Body::SwapLocked, Body::SwapVoided] {
            bundle.entries[1].body = fact(SwapLeg { swap_id: B256::repeat_byte(9), leg: 1 });
            assert_eq!(call(&bundle), ISwaps::deliverFactsCall::SELECTOR);
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        type Harm = fn(&mut Delivery);
        let harms: [Harm; 4] = [
            |d| drop(d.originals.pop()),
            |d| d.originals.push(d.originals[0].clone()),
            |d| Arc::make_mut(&mut d.bundle).runs[1].count += 1,
            |d| Arc::make_mut(&mut d.bundle).runs[1].count -= 1,
        ];
        for (i, harm) in harms.iter().enumerate() {
            let mut harmed = delivery();
            harm(&mut harmed);
            assert_eq!(calldata(&harmed).unwrap_err().kind, Kind::Malformed, "{i}");
        }
    }

    #[test]
    fn the_gas_limit_is_the_stated_formula() {
        let gas = Gas::default();
        let entries = delivery().bundle.entries.clone();
        let expected = gas.base + 3 * gas.per_transfer + 3 * gas.per_returned + gas.per_swap;
        assert_eq!(gas_limit(&gas, &entries, &[0, 1]), expected + 4 + 16);
        assert_eq!(gas_limit(&gas, &[], &[1; 100_000]), INTRINSIC + 40 * 100_000, "the floor of EIP-7623 binds");
        let full = vec![entries[0]; 256];
        assert!(gas_limit(&gas, &full, &[1; 40_000]) <= gas.limit);
    }
}
