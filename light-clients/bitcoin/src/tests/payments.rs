//! The payment leg: what is the agreed payment, what is not, and when the other leg goes back.

use std::{vec, vec::Vec};

use alloy_primitives::{B256, U256};

use super::kit::{Bytes, EASY, HEIGHT, PARAMS, START, Tree, after, client, hash, mine, run, run_on, transaction};
use crate::{
    Freeze, Header, TrustedState, Txid,
    hash::{sha256, sha256d},
    payment::{Claim, MAX_SCRIPT_BYTES, Mismatch, NotOverdue, Payee, PaymentRefusal, Terms, overdue, verify_payment},
    proof::{MAX_PROOF_BYTES, ProofRefusal},
};

const SWAP: B256 = B256::repeat_byte(0x5a);
const KEY: [u8; 33] = [2; 33];

fn terms(payee: Payee<'_>) -> Terms<'_> {
    Terms { swap_id: SWAP, payee, amount: 50_000, work: U256::from(6) }
}

/// A block with these outputs in its second transaction, two on it, and the claim of one output.
fn paid(outputs: &[(u64, &[u8])], vout: u32) -> (TrustedState, Vec<u8>) {
    let tree = Tree::new(&[transaction(3, outputs), transaction(4, &[(1, &[])])]);
    let state = client();
    let block = mine(state.tip().hash(), tree.root(), START + 600, EASY);
    let headers: Vec<Bytes> = [vec![block], run_on(hash(&block), START + 600, 2, 1)].concat();
    let claim = Claim { vout, inclusion: tree.proof(&headers[..1], 1) };
    let bytes = claim.encode().unwrap();
    assert_eq!(Claim::decode(&bytes).as_ref(), Ok(&claim));
    (after(&state, &headers), bytes)
}

fn mismatch(terms: &Terms<'_>, outputs: &[(u64, &[u8])], vout: u32) -> Option<Mismatch> {
    let (state, claim) = paid(outputs, vout);
    match verify_payment(&PARAMS, &state, terms, &claim, 0) {
        Ok(payment) => {
            assert_eq!((payment.vout, payment.height, payment.work), (vout, HEIGHT + 1, U256::from(6)));
            assert_eq!(payment.txid, Txid(sha256d(&[&transaction(3, outputs)])));
            None
        }
        Err(PaymentRefusal::Terms(mismatch)) => Some(mismatch),
        Err(refusal) => panic!("{refusal}"),
    }
}

/// ATK-063: another script, amount or swap, or too little work.
#[test]
fn atk_063_payments_that_are_not_the_agreed_one() {
    let script = [0x51, 0x20, 9, 9, 9];
    let by_script = terms(Payee::Script(&script));
    let by_key = terms(Payee::Key(&KEY));
    let (named, to_key) = (by_script.return_script(), by_key.output_script());
    let other_swap = Terms { swap_id: B256::repeat_byte(0x5b), ..by_key };
    assert_eq!(mismatch(&by_script, &[(50_000, &script), (0, &named)], 0), None);
    assert_eq!(mismatch(&by_script, &[(0, &named), (7, &[]), (50_000, &script)], 2), None);
    assert_eq!(mismatch(&by_key, &[(50_000, &to_key)], 0), None);
    let amount = |found| Some(Mismatch::Amount { expected: 50_000, found });
    for found in [0, 49_999, 50_001] {
        assert_eq!(mismatch(&by_key, &[(found, &to_key)], 0), amount(found));
    }
    assert_eq!(mismatch(&by_key, &[(50_000, &script)], 0), Some(Mismatch::Script { vout: 0 }));
    assert_eq!(mismatch(&other_swap, &[(50_000, &to_key)], 0), Some(Mismatch::Script { vout: 0 }));
    assert_eq!(mismatch(&by_key, &[(50_000, &to_key), (1, &[])], 1), Some(Mismatch::Script { vout: 1 }));
    let none = Some(Mismatch::NoSuchOutput { vout: 1, outputs: 1 });
    assert_eq!(mismatch(&by_key, &[(50_000, &to_key)], 1), none);
    // The swap is not named, or another is, or in another way.
    let silent = Some(Mismatch::NoCommitment { swap_id: SWAP });
    let other = Terms { swap_id: B256::repeat_byte(0x5b), ..by_script }.return_script();
    let long = [named.as_slice(), &[0]].concat();
    for said in [&other[..], &long, &named[..33], &SWAP.0, &[]] {
        assert_eq!(mismatch(&by_script, &[(50_000, &script), (0, said)], 0), silent);
    }
    assert_eq!(mismatch(&by_script, &[(50_000, &script)], 0), silent);
    // Too little work, by the terms or by the client.
    let (state, claim) = paid(&[(50_000, &to_key)], 0);
    let judge = |work: u64, final_work: u64| {
        let params = crate::Params { final_work: U256::from(final_work), ..PARAMS };
        verify_payment(&params, &state, &Terms { work: U256::from(work), ..by_key }, &claim, 0).map(|it| it.work)
    };
    assert_eq!(judge(6, 6), Ok(U256::from(6)));
    for (work, final_work) in [(7, 6), (0, 7)] {
        let refusal = ProofRefusal::NotEnoughWork { needed: U256::from(7), found: U256::from(6) };
        assert_eq!(judge(work, final_work), Err(refusal.into()));
    }
}

#[test]
fn terms_that_nobody_could_keep() {
    let (state, claim) = paid(&[(50_000, &[1])], 0);
    let judge = |payee| verify_payment(&PARAMS, &state, &terms(payee), &claim, 0).map(|_| ());
    let long = [0x51; MAX_SCRIPT_BYTES + 1];
    for script in [&[][..], &long, &[0x6a], &[0x6a, 1, 2]] {
        let unusable = Mismatch::UnusableScript { bytes: script.len() };
        assert_eq!(judge(Payee::Script(script)), Err(unusable.into()));
    }
    let long = &long[..MAX_SCRIPT_BYTES];
    assert_eq!(judge(Payee::Script(long)), Err(Mismatch::Script { vout: 0 }.into()));
    assert_eq!(judge(Payee::Key(&[4; 33])), Err(Mismatch::UnusableKey { first: 4 }.into()));
    assert_eq!(judge(Payee::Key(&[3; 33])), Err(Mismatch::Script { vout: 0 }.into()));
}

#[test]
fn scripts_are_the_ones_that_bitcoin_knows() {
    let by_key = terms(Payee::Key(&KEY));
    let witness_script = by_key.witness_script().unwrap();
    let expected = [&[0x20][..], SWAP.as_slice(), &[0x75, 0x21], &KEY, &[0xac]].concat();
    assert_eq!(witness_script, expected);
    assert_eq!(by_key.output_script(), [&[0, 0x20][..], &sha256(&expected)].concat());
    assert_eq!(by_key.return_script().to_vec(), [&[0x6a, 0x20][..], SWAP.as_slice()].concat());
    let by_script = terms(Payee::Script(&[0x51]));
    assert_eq!((by_script.witness_script(), by_script.output_script()), (None, vec![0x51]));
}

#[test]
fn claims_are_canonical_and_bounded() {
    let (state, claim) = paid(&[(50_000, &terms(Payee::Key(&KEY)).output_script())], 0);
    let judge = |bytes: &[u8]| verify_payment(&PARAMS, &state, &terms(Payee::Key(&KEY)), bytes, 0).map(|_| ());
    assert_eq!(judge(&claim), Ok(()));
    for length in 0..claim.len() {
        let malformed = matches!(judge(&claim[..length]), Err(PaymentRefusal::Proof(ProofRefusal::Malformed { .. })));
        assert!(malformed, "{length}");
    }
    let large = ProofRefusal::TooLarge { limit: MAX_PROOF_BYTES, found: MAX_PROOF_BYTES + 1 };
    assert_eq!(judge(&vec![0; MAX_PROOF_BYTES + 1]), Err(large.into()));
}

/// The confirmed tip's median time decides, not the tip's and not a header's own.
#[test]
fn the_leg_goes_back_when_the_confirmed_median_is_past_deadline_and_margin() {
    let state = after(&client(), &run(&client(), 30, 1));
    // Three blocks confirm: the third from the end is the confirmed tip, its median five blocks before.
    let height = HEIGHT + 28;
    let median_time = START + 600 * 23;
    let work = U256::from(6);
    let at = |deadline: u64, margin: u64| overdue(&PARAMS, &state, work, deadline, margin);
    let needed = u64::from(median_time);
    let found = at(needed - 900, 900).unwrap();
    assert_eq!((found.height, found.median_time), (height, median_time));
    assert_eq!(Some(found.block), state.hash_at(height));
    let early = NotOverdue::TooEarly { height, median_time, needed: needed + 1 };
    assert_eq!(at(needed - 900, 901), Err(early));
    assert_eq!(at(needed - 899, 900), Err(early));
    assert!(at(u64::MAX, u64::MAX).is_err());
    // One block more moves it on by one.
    let later = after(&state, &run(&state, 1, 1));
    assert!(overdue(&PARAMS, &later, work, needed, 600).is_ok());
    // More work: an earlier block, an earlier time. And never less than finality asks for.
    assert!(overdue(&PARAMS, &state, U256::from(8), needed, 0).is_err());
    assert!(overdue(&PARAMS, &state, U256::ZERO, needed, 0).is_ok());
    assert!(overdue(&PARAMS, &state, U256::ZERO, needed + 600, 0).is_err());
    let nothing = NotOverdue::NothingConfirmed { needed: U256::from(63) };
    assert_eq!(overdue(&PARAMS, &state, U256::from(63), 0, 0), Err(nothing));
    let frozen = state.clone().freeze(Freeze { at: height, since: 0 });
    assert_eq!(overdue(&PARAMS, &frozen, work, 0, 0), Err(NotOverdue::Frozen { at: height }));
    // A miner's own date far ahead changes nothing by itself.
    let header = mine(state.tip().hash(), [1; 32], state.tip().time() + 7_000, EASY);
    assert_eq!(Header::new(&header).time(), state.tip().time() + 7_000);
    let ahead = after(&state, &[header]);
    assert!(overdue(&PARAMS, &ahead, work, needed, 601).is_err());
}
