//! Every update and every ICS-23 proof of the vectors that is accepted, changed in one place: each mutant is refused with
//! the reason that belongs to it, or proves the very same (the signatures behind two thirds, the proposer's priority and
//! what else no verdict rests on).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway_cometbft::{
    Address, CommitSig, Encoding, Over, Params, PublicKey, Refusal, Time, TrustedState, Update, Validator,
    ValidatorSet, Verified, Vote, Whose, proof::Lookup, proof::read, verify_with,
};
use causeway_crypto::{Native, Portable};
use conformance::{
    cometbft::{
        blocks::{from_the_block_before, ibc_update, signed_block},
        chain::Recorded,
        params, steps,
    },
    discover::{folders, roots},
    ics23::{Vector, valid_vector},
};
use serde_json::Value;

/// An update that is accepted, and by whom.
struct Case {
    params: Params,
    trusted: TrustedState,
    update: Vec<u8>,
    now: Time,
}

impl Case {
    fn verify(&self, update: &[u8]) -> Result<Verified, Refusal> {
        self.verify_at(update, self.now)
    }

    fn verify_at(&self, update: &[u8], now: Time) -> Result<Verified, Refusal> {
        verify_with::<Native>(&self.params, &self.trusted, update, now)
    }
}

/// Contents of all JSON files, folder by folder.
fn contents() -> Vec<Vec<Value>> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let folders = present.flat_map(|root| folders(&root).unwrap());
    folders.map(|folder| folder.files.into_iter().filter_map(|file| file.content.ok()).collect()).collect()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |params: Params, trusted, update: Vec<u8>, now| {
        cases.push(Case { params, trusted, update, now });
    };
    for values in contents() {
        for value in &values {
            for (params, trusted, update, now) in steps::accepted(value) {
                push(params, trusted, update, now);
            }
            if let Ok((block, trusted, update)) = ibc_update(value, &values) {
                push(params(block_chain(&update).as_str()), trusted, update, block_time(&block));
            }
            if let Some(Ok(block)) = signed_block(value) {
                let (trusted, update) = from_the_block_before(&block).unwrap();
                push(params(block_chain(&update).as_str()), trusted, update, block_time(&block));
            }
        }
        for (trusted, update, block) in Recorded::of(&values).steps() {
            push(params(block_chain(&update).as_str()), trusted, update, block_time(block));
        }
    }
    cases.retain(|case| case.verify(&case.update).is_ok());
    cases
}

fn block_chain(update: &[u8]) -> String {
    Update::decode(update).unwrap().header.chain_id.to_owned()
}

fn block_time(block: &conformance::cometbft::json::LightBlock) -> Time {
    block.header.header().time
}

#[derive(Default, Debug)]
struct Count {
    mutants: usize,
    equal: usize,
    survivors: usize,
}

impl Count {
    /// Counts a verdict on a mutant; what was accepted must be what the honest bytes prove.
    fn verdict(&mut self, case: &Case, honest: &Verified, what: &str, update: &[u8]) -> Option<Refusal> {
        self.mutants += 1;
        match case.verify(update) {
            Err(refusal) => Some(refusal),
            Ok(verified) if same_header(&verified, honest) => {
                self.equal += 1;
                None
            }
            Ok(verified) => {
                self.survivors += 1;
                println!("survivor, {what}: accepted {:?}", verified.header);
                None
            }
        }
    }

    /// The mutant must be refused, for this reason.
    fn refused(&mut self, case: &Case, what: &str, update: &[u8], now: Time, expected: impl Fn(&Refusal) -> bool) {
        self.mutants += 1;
        match case.verify_at(update, now) {
            Err(refusal) if expected(&refusal) => {}
            other => {
                self.survivors += 1;
                println!("survivor, {what}: {other:?}");
            }
        }
    }
}

/// The same header; another round is another commit of the same block.
fn same_header(a: &Verified, b: &Verified) -> bool {
    a.trusted == b.trusted && a.header.block_hash == b.header.block_hash
}

#[test]
fn changed_updates_are_refused_or_prove_the_same() {
    let cases = cases();
    let mut count = Count::default();
    for (at, case) in cases.iter().enumerate() {
        let honest = case.verify(&case.update).unwrap();
        assert_eq!(verify_with::<Portable>(&case.params, &case.trusted, &case.update, case.now), Ok(honest.clone()));
        // Bits, all over: a handful of strides so that all cases together hit every kind of byte.
        let stride = 1 + case.update.len() / 150;
        for place in (at % stride..case.update.len()).step_by(stride) {
            let mut changed = case.update.clone();
            changed[place] ^= 1 << (place % 8);
            count.verdict(case, &honest, &format!("bit of byte {place}"), &changed);
        }
        for length in [0, 1, case.update.len() / 2, case.update.len() - 1] {
            count.refused(case, "truncated", &case.update[..length], case.now, |refusal| {
                matches!(refusal, Refusal::Malformed(_) | Refusal::EmptySet)
            });
        }
        let longer = [case.update.as_slice(), &[0]].concat();
        count.refused(case, "extended", &longer, case.now, |refusal| matches!(refusal, Refusal::Malformed(_)));
        parts(case, &mut count);
        edges_of_time(case, &mut count);
    }
    println!("cometbft: {} updates, {count:?}", cases.len());
    assert!(cases.is_empty() || count.mutants > 5_000);
    assert_eq!(count.survivors, 0);
}

/// Changes to one part, each with the reason that it must be refused for.
fn parts(case: &Case, count: &mut Count) {
    let update = Update::decode(&case.update).unwrap();
    let stranger = Validator::new(PublicKey::Ed25519([0x5a; 32]), 1);
    let with = |change: &dyn Fn(&mut Update<'_>)| {
        let mut changed = update.clone();
        change(&mut changed);
        changed.encode()
    };
    let mut refused = |what: &str, bytes: Vec<u8>, expected: &dyn Fn(&Refusal) -> bool| {
        count.refused(case, what, &bytes, case.now, expected);
    };
    refused("other chain", with(&|update| update.header.chain_id = "another-1"), &|refusal| {
        matches!(refusal, Refusal::ChainMismatch { .. })
    });
    refused("other protocol", with(&|update| update.header.block_protocol += 1), &|refusal| {
        matches!(refusal, Refusal::BlockProtocol { .. })
    });
    refused("not newer", with(&|update| update.header.height = case.trusted.height()), &|refusal| {
        matches!(refusal, Refusal::NotNewer { .. })
    });
    refused("relabelled height", with(&|update| update.header.height += 1), &|refusal| {
        matches!(refusal, Refusal::CommitHeight { .. })
    });
    let relabelled = with(&|update| {
        update.header.height += 1;
        update.commit.height += 1;
    });
    refused("relabelled header and commit", relabelled, &|refusal| matches!(refusal, Refusal::CommitBlock { .. }));
    refused("other block", with(&|update| update.commit.block_id.hash = None), &|refusal| {
        matches!(refusal, Refusal::CommitBlock { .. })
    });
    refused("time before trust", with(&|update| update.header.time = case.trusted.time()), &|refusal| {
        matches!(refusal, Refusal::NonMonotonicTime { .. })
    });
    refused("other parts", with(&|update| update.commit.block_id.parts.total ^= 1), &|refusal| {
        matches!(refusal, Refusal::BadSignature { .. })
    });
    refused("other round", with(&|update| update.commit.round ^= 1), &|refusal| {
        matches!(refusal, Refusal::BadSignature { .. })
    });
    refused(
        "one entry less",
        with(&|update| update.commit.signatures.truncate(update.commit.signatures.len() - 1)),
        &|refusal| matches!(refusal, Refusal::CommitLength { .. }),
    );
    refused("one entry more", with(&|update| update.commit.signatures.push(CommitSig::Absent)), &|refusal| {
        matches!(refusal, Refusal::CommitLength { .. })
    });
    let all = |to: &dyn Fn(&Vote<'_>) -> bool| {
        with(&|update| {
            for entry in &mut update.commit.signatures {
                if let CommitSig::Commit(vote) = entry {
                    *entry = if to(vote) { CommitSig::Nil(*vote) } else { CommitSig::Absent };
                }
            }
        })
    };
    let nobody = |refusal: &Refusal| matches!(refusal, Refusal::NotEnoughTrust { found: 0, .. });
    refused("all absent", all(&|_| false), &nobody);
    refused("all nil", all(&|_| true), &nobody);
    let listed = |change: &dyn Fn(&mut Vec<Validator>)| {
        let mut validators = update.validators.as_slice().to_vec();
        change(&mut validators);
        ValidatorSet::new(validators).map(|set| with(&|update| update.validators = set.clone()))
    };
    let other_set = |refusal: &Refusal| {
        matches!(refusal, Refusal::ValidatorsHash { whose: Whose::Header, .. } | Refusal::CommitLength { .. })
    };
    refused("a stranger listed", listed(&|validators| validators[0] = stranger).unwrap(), &other_set);
    refused("one more listed", listed(&|validators| validators.push(stranger)).unwrap(), &other_set);
    refused("more power", listed(&|validators| validators[0].power += 1).unwrap(), &other_set);
    if update.validators.len() > 1 {
        refused("reordered", listed(&|validators| validators.reverse()).unwrap(), &other_set);
        let twice = listed(&|validators| validators[1] = validators[0]).unwrap_err();
        assert!(matches!(twice, Refusal::DuplicateValidator { .. }));
    }
    signatures(case, &update, count);
    quorum(case, &update, count);
    adopted(case, &update, count);
}

/// What may stand in the place of a signature and must not count.
fn signatures(case: &Case, update: &Update<'_>, count: &mut Count) {
    let honest = case.verify(&case.update).unwrap();
    let votes: Vec<Vote<'_>> = update
        .commit
        .signatures
        .iter()
        .filter_map(|entry| if let CommitSig::Commit(vote) = entry { Some(*vote) } else { None })
        .collect();
    for place in 0..update.commit.signatures.len() {
        let CommitSig::Commit(good) = update.commit.signatures[place] else { continue };
        let other = votes.iter().find(|vote| vote.address != good.address).copied();
        let zero = [0; 64];
        let later = Time::new(good.time.seconds(), (good.time.nanos() + 1) % 1_000_000_000).unwrap();
        let forged = [
            Some(Vote { signature: &zero, ..good }),
            Some(Vote { time: later, ..good }),
            Some(Vote { signature: &good.signature[..63], ..good }),
            other.map(|other| Vote { signature: other.signature, ..good }),
            other.map(|other| Vote { signature: other.signature, time: other.time, ..good }),
            other,
            Some(Vote { address: Address::repeat_byte(7), ..good }),
        ];
        for vote in forged.into_iter().flatten() {
            let mut changed = update.clone();
            changed.commit.signatures[place] = CommitSig::Commit(vote);
            let refusal = count.verdict(case, &honest, "forged signature", &changed.encode());
            let right = match &refusal {
                Some(Refusal::WrongSigner { index, .. }) => *index == place && vote.address != good.address,
                Some(Refusal::BadSignature { index, .. }) => *index == place && vote.address == good.address,
                // Not counted: power enough stands before it, so the verdict is that of the commit without it.
                None => {
                    let mut without = update.clone();
                    without.commit.signatures[place] = CommitSig::Absent;
                    case.verify(&without.encode()).is_ok()
                }
                _ => false,
            };
            assert!(right, "{place}: {refusal:?}");
        }
    }
}

/// Signers taken away until the power is just too little.
fn quorum(case: &Case, update: &Update<'_>, count: &mut Count) {
    let mut changed = update.clone();
    let mut power = signed_power(&changed);
    let total = update.validators.total_power();
    for place in (0..update.commit.signatures.len()).rev() {
        if power * 3 <= total * 2 {
            break;
        }
        if matches!(changed.commit.signatures[place], CommitSig::Commit(_)) {
            changed.commit.signatures[place] = CommitSig::Absent;
            power = signed_power(&changed);
        }
    }
    count.refused(case, "quorum minus one", &changed.encode(), case.now, |refusal| {
        matches!(refusal, Refusal::NotEnoughTrust { .. })
    });
}

fn signed_power(update: &Update<'_>) -> u64 {
    let entries = update.commit.signatures.iter().zip(update.validators.as_slice());
    entries.filter(|(entry, _)| matches!(entry, CommitSig::Commit(_))).map(|(_, validator)| validator.power).sum()
}

/// A client that trusts other validators believes none of it.
fn adopted(case: &Case, update: &Update<'_>, count: &mut Count) {
    let strangers = ValidatorSet::new(vec![Validator::new(PublicKey::Ed25519([0x5a; 32]), 1)]).unwrap();
    let other = TrustedState::new(
        case.trusted.height(),
        case.trusted.time(),
        case.trusted.block_hash(),
        Vec::new(),
        strangers.hash(Encoding::Protobuf),
    );
    let stranger = Case { params: case.params.clone(), trusted: other, update: case.update.clone(), now: case.now };
    let adjacent = update.header.height == case.trusted.height() + 1;
    let mut changed = update.clone();
    changed.trusted_validators = Some(strangers);
    count.refused(&stranger, "other trusted validators", &changed.encode(), case.now, |refusal| match refusal {
        Refusal::ValidatorsHash { whose: Whose::Adjacent, .. } => adjacent,
        Refusal::NotEnoughTrust { over: Over::Trusted, found: 0, .. } => !adjacent,
        _ => false,
    });
    changed.trusted_validators = None;
    count.refused(&stranger, "no trusted validators", &changed.encode(), case.now, |refusal| match refusal {
        Refusal::ValidatorsHash { whose: Whose::Adjacent, .. } => adjacent,
        Refusal::TrustedValidatorsMissing => !adjacent,
        _ => false,
    });
}

fn edges_of_time(case: &Case, count: &mut Count) {
    let expired_at = case.trusted.expires_at(&case.params);
    count.refused(case, "after the trusting period", &case.update, expired_at, |refusal| {
        matches!(refusal, Refusal::Expired { .. })
    });
    let header_time = Update::decode(&case.update).unwrap().header.time;
    let drift = i64::try_from(case.params.drift.as_secs()).unwrap();
    if let Some(early) = Time::new(header_time.seconds() - drift, header_time.nanos()) {
        count.refused(case, "beyond the drift", &case.update, early, |refusal| {
            matches!(refusal, Refusal::HeaderFromFuture { .. })
        });
    }
}

/// Vectors and recorded proofs with the root that they hold under.
fn proofs() -> Vec<Vector> {
    contents().iter().flatten().filter_map(valid_vector).collect()
}

#[test]
fn changed_proofs_are_refused_or_show_the_same() {
    let vectors = proofs();
    let (mut mutants, mut equal, mut survivors) = (0, 0, 0);
    for vector in &vectors {
        let expected = if vector.value.is_empty() { Lookup::Absent } else { Lookup::Present(&vector.value) };
        let shows =
            |root: &[u8], key: &[u8], proof: &[u8]| read(&vector.spec, root, key, proof).map(|shown| shown == expected);
        assert_eq!(shows(&vector.root, &vector.key, &vector.proof), Ok(true));
        let mut judge = |what: &str, verdict: Result<bool, _>| {
            mutants += 1;
            match verdict {
                Err(_) => {}
                // Bytes of an absence proof's own key, which nothing rests on.
                Ok(true) => equal += 1,
                Ok(false) => {
                    survivors += 1;
                    println!("survivor, {what}");
                }
            }
        };
        for place in 0..vector.proof.len() {
            for bit in [place % 8, (place + 3) % 8] {
                let mut changed = vector.proof.clone();
                changed[place] ^= 1 << bit;
                let verdict = shows(&vector.root, &vector.key, &changed);
                let inside_key = vector.value.is_empty() && place < 48;
                assert!(verdict != Ok(true) || inside_key, "byte {place} does not matter");
                judge("bit", verdict);
            }
        }
        for length in 0..vector.proof.len() {
            judge("truncated", shows(&vector.root, &vector.key, &vector.proof[..length]));
        }
        let longer = [vector.proof.as_slice(), &[0]].concat();
        assert!(shows(&vector.root, &vector.key, &longer).is_err());
        for place in 0..vector.root.len() {
            let mut root = vector.root.clone();
            root[place] ^= 1;
            assert!(shows(&root, &vector.key, &vector.proof).is_err());
        }
        if !vector.value.is_empty() {
            for place in 0..vector.key.len() {
                let mut key = vector.key.clone();
                key[place] ^= 1;
                assert!(shows(&vector.root, &key, &vector.proof).is_err());
            }
        }
        mutants += 1 + vector.root.len() + vector.key.len();
    }
    println!("ics23: {} proofs, {mutants} mutants, {equal} equal, {survivors} survivors", vectors.len());
    assert_eq!(survivors, 0);
}
