//! Every valid justification and finality proof of the vectors, changed in one place: nothing changed may be accepted.
//! (Whole updates, with headers, state and leaves, are changed by the tests of the light client itself.)
#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway_crypto::{Native, Portable};
use causeway_substrate::{AncestryRule, Refusal, Signers, beefy::verify_commitment};
use conformance::{
    discover::{folders, roots},
    substrate::{GrandpaCase, finality_proofs, justification_case},
};
use serde_json::Value;

fn files() -> Vec<Value> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let files = present.flat_map(|root| folders(&root).unwrap()).flat_map(|folder| folder.files);
    files.filter_map(|file| file.content.ok()).collect()
}

/// A bit of every byte, lengths, a byte behind.
fn changed(bytes: &[u8]) -> Vec<Vec<u8>> {
    let flip = |at: usize| {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (at % 8);
        changed
    };
    let cut = [0, 1, bytes.len() / 2, bytes.len() - 65, bytes.len() - 1].map(|length| bytes[..length].to_vec());
    (0..bytes.len()).map(flip).chain(cut).chain([[bytes, &[0]].concat()]).collect()
}

#[test]
fn changed_justifications_are_refused() {
    let mut mutants = 0;
    let cases = files().iter().filter_map(justification_case).map(Result::unwrap).collect::<Vec<GrandpaCase>>();
    for case in cases.iter().filter(|case| case.valid) {
        if case.verdict(AncestryRule::Complete).unwrap().is_err() {
            continue;
        }
        for justification in changed(&case.justification) {
            let mutant = GrandpaCase { justification, ..case.clone() };
            assert!(mutant.verdict(AncestryRule::Complete).unwrap().is_err());
            mutants += 1;
        }
        // Signed for another set.
        let other = causeway_substrate::AuthoritySet::new(case.set.id() + 1, case.set.authorities().to_vec()).unwrap();
        let mutant = GrandpaCase { set: other, ..case.clone() };
        let refusal = mutant.verdict(AncestryRule::Weight).unwrap().unwrap_err();
        assert!(matches!(refusal, Refusal::BadSignature { .. }));
        mutants += 1;
    }
    println!("substrate grandpa: {mutants} mutants, 0 survivors");
}

#[test]
fn changed_finality_proofs_are_refused() {
    let mut mutants = 0;
    for (set, proof, validators) in files().iter().flat_map(finality_proofs) {
        let signers = Signers::Set(&validators);
        assert!(verify_commitment::<Native>(&set, &proof, &signers).is_ok());
        for mutant in changed(&proof) {
            let native = verify_commitment::<Native>(&set, &mutant, &signers).map(|_| ());
            assert_eq!(native, verify_commitment::<Portable>(&set, &mutant, &signers).map(|_| ()));
            assert!(native.is_err());
            mutants += 1;
        }
        for at in 0..validators.len() {
            let mut others = validators.clone();
            others[at] ^= 1;
            let refusal = verify_commitment::<Native>(&set, &proof, &Signers::Set(&others)).unwrap_err();
            assert!(matches!(refusal, Refusal::NotTheValidators { .. }));
            mutants += 1;
        }
    }
    println!("substrate beefy: {mutants} mutants, 0 survivors");
}
