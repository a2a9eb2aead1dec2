//! Packed groups: `form | first index | bytes`.
#![no_main]

use causeway_core::{
    B256, LaneId,
    pack::{decode_event, decode_runs, encode_event, encode_runs},
};
use libfuzzer_sys::fuzz_target;

const LANE: LaneId = LaneId(B256::repeat_byte(1));
const REVERSE: LaneId = LaneId(B256::repeat_byte(2));

fuzz_target!(|data: &[u8]| {
    let Some((&[form, first], bytes)) = data.split_first_chunk::<2>() else { return };
    // Small indices, and those whose successors would not fit.
    let first = if first < 128 { u64::from(first) } else { u64::MAX - u64::from(first - 128) };
    if form & 1 == 0 {
        if let Ok(entries) = decode_event(LANE, first, bytes) {
            let again = encode_event(&entries).expect("decoded entries can be packed");
            assert_eq!(decode_event(LANE, first, &again), Ok(entries));
        }
    } else if let Ok(runs) = decode_runs(LANE, REVERSE, first, bytes) {
        let again = encode_runs(&runs).expect("decoded runs can be packed");
        let flat = |runs: &[causeway_core::pack::DeliveryRun]| {
            runs.iter().flat_map(|run| run.entries().copied().collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let reread = decode_runs(LANE, REVERSE, first, &again).expect("packed runs can be read");
        assert_eq!(flat(&reread), flat(&runs));
    }
});
