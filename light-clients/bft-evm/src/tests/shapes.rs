//! Sets, bits, bytes and parameters of another shape than the format's.

use alloy_primitives::{Address, U256};

use super::{
    attacks::not_enough,
    kit::{Chain, HEIGHT, MODES, START, addresses, keys},
};
use crate::{Mode, Over, Params, ParamsFault, Refusal, Threshold, Update, UpdateFault, ValidatorSource};

#[test]
fn the_set_in_force_is_brought_exactly_where_it_is_needed() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let needless = chain.update(1).with_previous(&chain.keys);
        assert_eq!(chain.verify(&needless), Err(UpdateFault::PreviousSetNeedless.into()));
        let new = keys([1, 2, 3, 9]);
        let mut header = chain.header(1);
        header.validators = addresses(&new);
        let parts = chain.signed(&header, &new);
        assert_eq!(chain.verify(&parts), Err(UpdateFault::PreviousSetMissing.into()));
        let lied = parts.clone().with_previous(&new);
        let refusal = chain.verify(&lied).unwrap_err();
        assert!(matches!(refusal, Refusal::NotTheSetInForce { .. }) && refusal.intermediate_helps());
        assert!(chain.verify(&parts.with_previous(&chain.keys)).is_ok());
    }
}

#[test]
fn an_older_header_under_another_set_is_refused() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let old = keys([0, 1, 2, 8]);
        let mut header = chain.header(1);
        (header.height, header.time) = (HEIGHT - 1, START - 1);
        header.validators = addresses(&old);
        let parts = chain.signed(&header, &old).with_previous(&chain.keys);
        let refusal = Refusal::OlderUnderOtherSet { height: HEIGHT - 1, trusted_height: HEIGHT };
        assert_eq!(chain.verify(&parts), Err(refusal));
    }
}

/// Every edge of the trust threshold: more than a third or two thirds, or a quorum; never one of several.
#[test]
fn the_trust_threshold_is_exceeded_or_a_quorum_signs() {
    for (of, share) in [1u32, 2, 3, 4, 6, 7, 9].into_iter().flat_map(|of| [(of, 1), (of, 2)]) {
        let mut chain = Chain::new(Mode::Qbft, of);
        chain.params.trust_threshold = Threshold { numerator: share, denominator: 3 };
        for known in 0..=of {
            let mut header = chain.header(1);
            let new = keys((0..known).chain(50..50 + of + 3 - known));
            header.validators = addresses(&new);
            let of = of as usize;
            let parts = chain.signed_by(&header, &new, 0..new.len()).with_previous(&chain.keys);
            let verdict = chain.verify(&parts).map(|_| ());
            let third = match of {
                1 => 1,
                2 => 2,
                _ => of / 3 + 1,
            };
            let needed = if share == 1 { third } else { crate::quorum(of) };
            let refusal = not_enough(Over::SetInForce, needed, known as usize, of);
            let enough = known as usize >= needed;
            assert_eq!(verdict, if enough { Ok(()) } else { Err(refusal) }, "{known} of {of}");
            assert!(refusal.intermediate_helps());
        }
    }
}

#[test]
fn bits_without_a_validator_are_refused() {
    let chain = Chain::new(Mode::Qbft, 4);
    for bit in [4, 5, 255] {
        let mut forged = chain.update(1);
        forged.signers.set_bit(bit, true);
        forged.seals.push(forged.seals[0]);
        assert_eq!(chain.verify(&forged), Err(Refusal::UnknownSigner { bit, validators: 4 }));
    }
}

#[test]
fn updates_of_another_shape_are_refused() {
    let chain = Chain::new(Mode::Qbft, 4);
    let good = chain.update(1).encode();
    let verdict = |bytes: &[u8]| crate::verify(&chain.params, &chain.trusted, bytes, START + 60).map(|_| ());
    assert_eq!(verdict(&good), Ok(()));
    for length in 0..good.len() {
        assert!(verdict(&good[..length]).is_err());
    }
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(verdict(&longer), Err(UpdateFault::Trailing(1).into()));
    for flags in [2, 4, 0x80, 0xff] {
        let mut other = good.clone();
        other[0] = flags;
        assert!(matches!(verdict(&other), Err(Refusal::Malformed(_))));
    }
    let decoded = Update::decode(&good).unwrap();
    assert_eq!(decoded.encode().unwrap(), good);
    assert_eq!(decoded.signers, U256::from(0b111));
}

#[test]
fn parameters_that_prove_nothing_are_refused() {
    let good = super::kit::params(Mode::Ibft1);
    assert_eq!(good.check(), Ok(()));
    let threshold = |numerator, denominator| {
        Params { trust_threshold: Threshold { numerator, denominator }, ..good }.check().is_ok()
    };
    assert!(threshold(1, 3) && threshold(1, 2) && threshold(2, 3));
    assert!(!threshold(0, 1) && !threshold(1, 4) && !threshold(33, 100) && !threshold(1, 1) && !threshold(0, 0));
    assert!(!threshold(67, 100) && !threshold(3, 4));
    assert_eq!(Params { freeze_delay: 0, ..good }.check(), Err(ParamsFault::NoFreezeDelay));
    assert!(Params { freeze_delay: 1 << 32, ..good }.check().is_err());
    assert!(Params { trusting_period: 1 << 32, ..good }.check().is_err());
    assert_eq!(Params { trusting_period: 0, ..good }.check(), Err(ParamsFault::NoTrustingPeriod));
    assert!(Params { drift: good.trusting_period, ..good }.check().is_err());
    let contract = ValidatorSource::Contract { address: Address::ZERO, slot: Default::default() };
    assert_eq!(Params { validators: contract, ..good }.check(), Err(ParamsFault::NoContractMode));
}
