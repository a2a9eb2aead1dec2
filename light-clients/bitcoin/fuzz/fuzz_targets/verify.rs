//! Headers whose fields the fuzzer chooses, mined on the easiest target and linked, so that the rules behind the
//! proof of work are reached; and the same bytes as proofs under what was accepted. Whatever is accepted keeps the
//! state's own order: a reorganisation only to more work, a median that does not go back along a chain.
#![no_main]

use alloy_primitives::{B256, U256};
use causeway_bitcoin::{
    BlockHash, Context, Effect, Header, Params, Rules, TrustedState, Vouched, conflict,
    params::FUTURE_LIMIT,
    payment::{Payee, Terms, overdue, verify_payment},
    verify,
};
use libfuzzer_sys::fuzz_target;

const START: u32 = 1_700_000_000;
const EASY: u32 = 0x207f_ffff;

/// A header on a parent, mined: time and root by the fuzzer's eight bytes, bits by the last of them.
fn header(parent: BlockHash, time: u32, field: &[u8; 8]) -> [u8; 80] {
    let mut bytes = [0; 80];
    bytes[0] = 4;
    bytes[4..36].copy_from_slice(&parent.0);
    bytes[36..44].copy_from_slice(field);
    let step = i32::from(i16::from_le_bytes([field[0], field[1]]));
    bytes[68..72].copy_from_slice(&time.wrapping_add_signed(step).to_le_bytes());
    let bits = if field[7] & 7 == 7 { 0x207f_fffe } else { EASY };
    bytes[72..76].copy_from_slice(&bits.to_le_bytes());
    for nonce in 0_u32..64 {
        bytes[76..].copy_from_slice(&nonce.to_le_bytes());
        if Header::new(&bytes).hash().0[31] < 0x7f {
            break;
        }
    }
    bytes
}

/// Headers one on the other.
fn run(parent: BlockHash, time: u32, fields: &[[u8; 8]]) -> Vec<u8> {
    let (mut parent, mut time, mut run) = (parent, time, Vec::new());
    for field in fields.iter().take(40) {
        let bytes = header(parent, time, field);
        (parent, time) = (Header::new(&bytes).hash(), Header::new(&bytes).time());
        run.extend_from_slice(&bytes);
    }
    run
}

fuzz_target!(|bytes: &[u8]| {
    let Some(([shape, cut, from, flip], rest)) = bytes.split_first_chunk::<4>() else { return };
    let rules = Rules {
        min_difficulty: shape & 1 != 0,
        bip94: shape & 2 != 0,
        bip54: shape & 4 != 0,
        ..Rules::REGTEST
    };
    let params = Params {
        rules,
        final_work: U256::from(6),
        window: u32::from(*cut).max(1),
        trusting_period: 86_400,
        drift: FUTURE_LIMIT,
        freeze_delay: 10,
    };
    // Near the end of a period.
    let height = 2_016 * 200 - u32::from(shape >> 3);
    let context = Context::vouched(&Vouched {
        height,
        hash: BlockHash([1; 32]),
        bits: EASY,
        work: U256::ZERO,
        times: &[START; 11],
        period: None,
        real_bits: EASY,
    });
    let Ok(context) = context else { return };
    let start = TrustedState::at(context);
    let now = u64::from(START) + 3_600;
    let fields = rest.as_chunks::<8>().0;
    let (first, second) = fields.split_at(fields.len() / 2);
    let mut state = start.clone();
    let mut main = run(context.hash(), START, first);
    if let Some(byte) = main.get_mut(usize::from(*flip) * 7).filter(|_| *flip > 0) {
        *byte ^= 1;
    }
    if let Ok(verified) = verify(&params, &state, &main, now) {
        state = verified.trusted;
        assert_eq!(TrustedState::decode(&rules, &state.encode()).as_ref(), Ok(&state));
    }
    let parent = state.hash_at(height + u32::from(*from) % 16).unwrap_or(context.hash());
    let rival = run(parent, state.tip().time(), second);
    if let Ok(verified) = verify(&params, &state, &rival, now) {
        match verified.effect {
            Effect::None => assert_eq!(verified.trusted, state),
            Effect::Extended | Effect::Reorganised { .. } => {
                assert!(verified.trusted.tip().work() > state.tip().work());
                assert_eq!(verified.trusted.tip().hash(), verified.header.hash);
            }
        }
        if verified.effect == Effect::Extended {
            assert!(verified.trusted.tip().median_time() >= state.tip().median_time());
        }
    }
    if let Ok(Some(found)) = conflict(&params, &state, &main, &rival, now) {
        assert!(found.first.work >= params.final_work && found.second.work >= params.final_work);
    }
    let terms = Terms { swap_id: B256::ZERO, payee: Payee::Script(rest), amount: 1, work: U256::ZERO };
    let _ = verify_payment(&params, &state, &terms, rest, now);
    let _ = overdue(&params, &state, U256::ZERO, START.into(), 0);
});
