//! What is misbehaviour, and what only looks like it.

use alloy_primitives::U256;

use super::kit::{Bytes, HEIGHT, PARAMS, after, client, hash, now_of, offer, run, run_on};
use crate::{Freeze, Header, Misbehaviour, Params, Refusal, TrustedState, conflict, verify};

fn judge(state: &TrustedState, a: &[Bytes], b: &[Bytes]) -> Result<Option<Misbehaviour>, Refusal> {
    let now = now_of(a).max(now_of(b));
    let found = conflict(&PARAMS, state, a.as_flattened(), b.as_flattened(), now);
    let turned = conflict(&PARAMS, state, b.as_flattened(), a.as_flattened(), now);
    let turn = |it: Misbehaviour| Misbehaviour { first: it.second, second: it.first, ..it };
    assert_eq!(found.map(|found| found.map(turn)), turned);
    found
}

#[test]
fn atk_051_stale_blocks_ancestors_and_repetitions_are_none() {
    let trunk = after(&client(), &run(&client(), 10, 1));
    let (main, stale) = (run(&trunk, 5, 2), run(&trunk, 2, 3));
    // The same header twice, an ancestor and its descendant, a stale block and the chain that won.
    assert_eq!(judge(&trunk, &main, &main), Ok(None));
    assert_eq!(judge(&trunk, &main[..2], &main), Ok(None));
    assert_eq!(judge(&trunk, &stale[..1], &main), Ok(None));
    assert_eq!(judge(&trunk, &stale, &main), Ok(None));
    // And the client lives on, in whichever order it sees them.
    let state = after(&trunk, &stale);
    let state = after(&state, &main);
    assert_eq!(state.tip().hash(), hash(&main[4]));
    assert_eq!(offer(&state, &stale).unwrap().trusted, state);
    assert_eq!(state.frozen(), None);
    for part in [&main[..1], &main[..5], &main[4..]] {
        assert_eq!(judge(&state, part, &stale), Ok(None));
        assert_eq!(judge(&state, part, &main), Ok(None));
    }
}

/// Two chains, three blocks each above the last common one: both final.
#[test]
fn atk_083_two_final_chains_are() {
    let headers = run(&client(), 10, 1);
    let trunk = after(&client(), &headers);
    let (main, rival) = (run(&trunk, 3, 2), run(&trunk, 3, 3));
    let found = judge(&trunk, &main, &rival).unwrap().unwrap();
    assert_eq!(found.common, (HEIGHT + 10, trunk.tip().hash()));
    assert_eq!((found.first.height, found.first.hash), (HEIGHT + 13, hash(&main[2])));
    assert_eq!((found.second.height, found.second.work), (HEIGHT + 13, U256::from(6)));
    // One of them the chain itself: any header of it will do.
    let state = after(&trunk, &main);
    for known in [&headers[3..4], &headers[9..], &main[..1], &main[2..]] {
        assert_eq!(judge(&state, known, &rival), Ok(Some(found)));
        assert_eq!(judge(&state, known, &rival[..2]), Ok(None));
    }
    // A rival that is sent from further below parts where it parts.
    let longer = [&headers[4..], &rival].concat();
    assert_eq!(judge(&state, &main[2..], &longer), Ok(Some(found)));
    // A heavier one is refused by the client, and is evidence.
    let heavier = [rival.as_slice(), &run_on(hash(&rival[2]), Header::new(&rival[2]).time(), 2, 4)].concat();
    assert!(matches!(offer(&state, &heavier), Err(Refusal::ReorgBelowFinal { .. })));
    let evidence = judge(&state, &main[2..], &heavier).unwrap().unwrap();
    assert_eq!(evidence.freeze(5), Freeze { at: HEIGHT + 10, since: 5 });
    // Not where more work is needed.
    let params = Params { final_work: U256::from(7), ..PARAMS };
    let (a, b) = (main.as_flattened(), rival.as_flattened());
    assert_eq!(conflict(&params, &trunk, a, b, now_of(&main)), Ok(None));
}

#[test]
fn a_frozen_client_believes_no_headers_and_gives_no_evidence() {
    let trunk = after(&client(), &run(&client(), 10, 1));
    let (main, rival) = (run(&trunk, 3, 2), run(&trunk, 3, 3));
    let state = trunk.freeze(Freeze { at: HEIGHT + 4, since: 1_000 });
    assert_eq!(state.clone().freeze(Freeze { at: 1, since: 1 }), state);
    let frozen = Refusal::Frozen { at: HEIGHT + 4, readable_from: 1_000 + PARAMS.freeze_delay };
    assert_eq!(offer(&state, &main), Err(frozen));
    assert_eq!(judge(&state, &main, &rival), Err(frozen));
    // What the client would not accept is no evidence either.
    let trunk = after(&client(), &run(&client(), 10, 1));
    let late = u64::from(trunk.tip().time()) + PARAMS.trusting_period;
    let (a, b) = (main.as_flattened(), rival.as_flattened());
    assert!(matches!(conflict(&PARAMS, &trunk, a, b, late), Err(Refusal::Expired { .. })));
    let mut forged = rival;
    forged[1] = super::kit::unmine(forged[1]);
    assert!(matches!(judge(&trunk, &main, &forged), Err(Refusal::NotEnoughWork { .. })));
    assert!(verify(&PARAMS, &trunk, a, now_of(&main)).is_ok());
}
