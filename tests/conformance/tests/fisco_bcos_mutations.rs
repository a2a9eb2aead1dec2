//! Every valid block of FISCO BCOS of the vectors, changed in one place: nothing changed may be accepted. (Chains of both
//! versions and suites with keys of our own are changed by the tests of the light client itself.)
#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway_crypto::{Native, Portable};
use causeway_fisco_bcos::{Over, Refusal, verify_with};
use conformance::{
    discover::{folders, roots},
    fisco_bcos::{HeaderCase, valid_headers},
};

fn cases() -> Vec<HeaderCase> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let files = present.flat_map(|root| folders(&root).unwrap()).flat_map(|folder| folder.files);
    files.filter_map(|file| file.content.ok()).flat_map(|value| valid_headers(&value)).collect()
}

fn refused(case: &HeaderCase, update: &[u8]) -> Refusal {
    let native = verify_with::<Native>(&case.params, &case.trusted, update, case.time());
    assert_eq!(native, verify_with::<Portable>(&case.params, &case.trusted, update, case.time()));
    native.expect_err("survivor")
}

#[test]
fn changed_blocks_are_refused() {
    let mut mutants = 0;
    for case in cases() {
        let good = case.update();
        assert!(verify_with::<Native>(&case.params, &case.trusted, &good, case.time()).is_ok());
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1 << (at % 8);
            refused(&case, &changed);
            refused(&case, &good[..at]);
        }
        refused(&case, &[good.as_slice(), &[0]].concat());
        mutants += 2 * good.len() + 1;
        for place in 0..case.signatures.len() {
            let mut forged = case.clone();
            for other in (0..case.signatures.len()).filter(|other| *other != place) {
                forged.signatures[place].1 = case.signatures[other].1.clone();
                assert!(matches!(refused(&case, &forged.update()), Refusal::BadSeal { .. }));
                mutants += 1;
            }
        }
        // One signature below the quorum.
        let mut few = case.clone();
        let quorum = usize::try_from(case.trusted.sealers().quorum()).unwrap();
        few.signatures.truncate(quorum - 1);
        let refusal = refused(&case, &few.update());
        assert!(matches!(refusal, Refusal::NotEnoughTrust { over: Over::HeaderSet, .. }));
        mutants += 1;
    }
    println!("fisco-bcos: {mutants} mutants, 0 survivors");
}
