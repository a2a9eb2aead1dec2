//! The relayers' own view of each transfer's way, asked over their admin sockets: which stage took how long.

use super::{figures::Quantiles, ledger::Place};
use crate::cli::{admin, exit::CliError};
use causeway_proto::admin::v1::{EntryTrace, Stage, TraceEntryRequest};
use std::{collections::BTreeMap, path::Path};

/// The way of an entry, in order, and what is shown for the step that ends there.
const WAY: [(Stage, &str); 8] = [
    (Stage::Observed, "0 observed"),
    (Stage::Final, "1 observed > final"),
    (Stage::Proved, "2 final > proved"),
    (Stage::Sent, "3 proved > sent"),
    (Stage::Verified, "4 sent > verified"),
    (Stage::Submitted, "5 verified > submitted"),
    (Stage::Included, "6 submitted > included"),
    (Stage::Delivered, "7 included > proven delivered"),
];

/// When an entry reached each stage, by the first relayer that knew; Unix seconds.
type Times = [Option<f64>; WAY.len()];

/// Asks both relayers for the way of each entry; gives the time that each step took.
pub(super) async fn split(sockets: &[&Path], places: &[Place]) -> Result<BTreeMap<String, Quantiles>, CliError> {
    let mut times: Vec<Times> = vec![Times::default(); places.len()];
    for socket in sockets {
        let mut relayer = admin::connect_to(socket).await?;
        for (place, times) in places.iter().zip(&mut times) {
            let request = TraceEntryRequest { name: format!("lanes/{}/entries/{}", place.0, place.1) };
            // One that a relayer does not know (any more) is simply not counted.
            if let Ok(answer) = relayer.trace_entry(request).await {
                merge(times, &answer.into_inner());
            }
        }
    }
    Ok(quantiles(&times))
}

fn merge(times: &mut Times, trace: &EntryTrace) {
    for event in &trace.events {
        let Some(time) = event.time.as_ref().map(|time| time.seconds as f64 + f64::from(time.nanos) / 1e9) else {
            continue;
        };
        let slot = WAY.iter().position(|(stage, _)| *stage as i32 == event.stage).and_then(|at| times.get_mut(at));
        if let Some(slot) = slot {
            *slot = Some(slot.map_or(time, |known| known.min(time)));
        }
    }
}

fn quantiles(times: &[Times]) -> BTreeMap<String, Quantiles> {
    let mut steps: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for times in times {
        let mut last: Option<f64> = None;
        for (time, (_, step)) in times.iter().zip(WAY) {
            if let Some(time) = time {
                if let Some(last) = last {
                    steps.entry(step.to_owned()).or_default().push((time - last).max(0.0));
                }
                last = Some(*time);
            }
        }
    }
    steps.into_iter().map(|(step, durations)| (step, Quantiles::of(durations))).collect()
}
