//! Every valid header of the vectors, changed in one place: nothing changed may be accepted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use alloy_primitives::{B256, U256, keccak256};
use causeway_bft_evm::{
    Over, Refusal, Seal, SealedHeader, Update, ValidatorSource, build_update, compose::seal, quorum, verify_with,
};
use causeway_crypto::{Native, Portable};
use conformance::{
    cases::{File, Outcome, judge},
    discover::{folders, roots},
    headers::{HeaderCase, valid_headers},
    rpc::{Headers, followed},
};
use k256::ecdsa::{Signature, SigningKey};
use serde_json::Value;

/// All valid headers of both roots that are there.
fn cases() -> Vec<HeaderCase> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let files = present.flat_map(|root| folders(&root).unwrap()).flat_map(|folder| folder.files);
    let contents = files.filter_map(|file| file.content.ok());
    contents.flat_map(|value| [valid_headers(&value), followed(&value)].concat()).collect()
}

/// A header's update in parts that can be changed.
#[derive(Clone)]
struct Parts {
    header: Vec<u8>,
    previous: Option<Vec<u8>>,
    signers: U256,
    seals: Vec<Seal>,
}

impl Parts {
    fn of(case: &HeaderCase) -> Self {
        let header = SealedHeader::read(case.params.mode, &case.header).unwrap();
        let bytes = build_update::<Native>(&case.params, &case.trusted, &header, None).unwrap();
        let update = Update::decode(&bytes).unwrap();
        Self {
            header: update.header.to_vec(),
            previous: update.previous.map(<[u8]>::to_vec),
            signers: update.signers,
            seals: update.signed().map(|(_, seal)| *seal).collect(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let seals = self.seals.concat();
        let (header, previous) = (self.header.as_slice(), self.previous.as_deref());
        Update { header, previous, next_set: None, signers: self.signers, seals: &seals }.encode().unwrap()
    }
}

fn time(case: &HeaderCase) -> u64 {
    SealedHeader::read(case.params.mode, &case.header).unwrap().time()
}

/// The refusal of an update that must be refused.
fn refused(case: &HeaderCase, update: &[u8]) -> Refusal {
    match verify_with::<Native>(&case.params, &case.trusted, update, time(case)) {
        Err(refusal) => refusal,
        Ok(verified) => panic!("accepted at height {}: {update:02x?}", verified.header.height),
    }
}

/// (r, n − s, 1 − v).
fn twin(good: &Seal) -> Seal {
    let (r_s, v) = good.split_first_chunk::<64>().unwrap();
    let (r, s) = Signature::from_slice(r_s).unwrap().split_scalars();
    seal(&Signature::from_scalars(*r, -*s).unwrap().to_bytes().into(), 1 - v[0])
}

#[test]
fn changed_headers_and_seals_are_refused() {
    let cases = cases();
    println!("{} headers", cases.len());
    let stranger = SigningKey::from_slice(keccak256("stranger").as_slice()).unwrap();
    for case in &cases {
        let good = Parts::of(case);
        assert!(verify_with::<Portable>(&case.params, &case.trusted, &good.encode(), time(case)).is_ok());
        let bytes = good.encode();
        // A bit of every byte: flags, lengths, header, bitmap, seals.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            refused(case, &changed);
        }
        for length in [0, 1, 3, bytes.len() / 2, bytes.len() - 65, bytes.len() - 1] {
            refused(case, &bytes[..length]);
        }
        refused(case, &[bytes.as_slice(), &[0]].concat());
        for place in 0..good.seals.len() {
            for forged in seals_of_nobody(&good, place, &stranger, case) {
                let mut changed = good.clone();
                changed.seals[place] = forged;
                let refusal = refused(case, &changed.encode());
                assert!(matches!(refusal, Refusal::BadSeal { .. } | Refusal::InvalidSeal { .. }), "{refusal}");
            }
        }
        one_seal_less(case, &good);
        edges_of_time(case, &bytes);
    }
}

/// What may stand in the place of a seal and must not count.
fn seals_of_nobody(good: &Parts, place: usize, stranger: &SigningKey, case: &HeaderCase) -> Vec<Seal> {
    let header = SealedHeader::read(case.params.mode, &case.header).unwrap();
    let (by_stranger, id) = stranger.sign_prehash_recoverable(header.commit_digest().as_slice()).unwrap();
    let by_stranger = seal(&by_stranger.to_bytes().into(), id.to_byte());
    let others = good.seals.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, seal)| *seal);
    others.chain([[0; 65], [0xff; 65], twin(&good.seals[place]), by_stranger]).collect()
}

fn one_seal_less(case: &HeaderCase, good: &Parts) {
    let mut changed = good.clone();
    let first = (0..256).find(|bit| good.signers.bit(*bit)).unwrap();
    changed.signers.set_bit(first, false);
    changed.seals.remove(0);
    let of = case.trusted.validators().len();
    let refusal = refused(case, &changed.encode());
    if good.previous.is_none() || case.params.validators != ValidatorSource::Header {
        let (needed, found) = (quorum(of), quorum(of) - 1);
        assert_eq!(refusal, Refusal::NotEnoughTrust { over: Over::HeaderSet, needed, found, of });
    }
}

fn edges_of_time(case: &HeaderCase, update: &[u8]) {
    let at = |now| verify_with::<Native>(&case.params, &case.trusted, update, now).map(|_| ());
    let (time, drift) = (time(case), case.params.drift);
    if let Some(early) = time.checked_sub(drift) {
        assert_eq!(at(early), Ok(()));
        assert_eq!(at(early - 1), Err(Refusal::HeaderFromFuture { latest: time - 1, found: time }));
    }
    let expired_at = case.trusted.time() + case.params.trusting_period;
    assert_eq!(at(expired_at - 1), Ok(()));
    assert_eq!(at(expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
}

/// Another header's hash, another root, another expectation: the suite must notice.
#[test]
fn the_suite_fails_where_a_file_is_wrong() {
    let headers = Headers::default();
    let outcomes = |value: &Value| -> Vec<Outcome> {
        let (path, bytes) = (Path::new("blocks.json"), value.to_string().into_bytes());
        let file = File { value, bytes: &bytes, path, name: "blocks.json", headers: &headers };
        judge("bft-evm", &file).into_iter().map(|(_, outcome)| outcome).collect()
    };
    let fails = |value: &Value| outcomes(value).iter().any(|outcome| matches!(outcome, Outcome::Failed(_)));
    let table = |accept: bool| serde_json::json!([{ "validators": 4, "committers": 3, "accept": accept }]);
    assert!(!fails(&table(true)) && fails(&table(false)));
    let rlp = |out: &str, value: Value| serde_json::json!({ "case": { "in": value, "out": out } });
    assert!(!fails(&rlp("0x83646f67", "dog".into())) && fails(&rlp("0x83646f67", "cat".into())));
    assert!(!fails(&rlp("0x8101", "INVALID".into())) && fails(&rlp("0x01", "INVALID".into())));
    for root in roots().into_iter().filter(|root| root.path.is_dir()) {
        for file in folders(&root).unwrap().into_iter().flat_map(|folder| folder.files) {
            let Ok(Value::Array(blocks)) = file.content else { continue };
            for block in blocks.iter().filter(|block| block.get("commit_seal_hash").is_some()) {
                let with = |name: &str, value: &str| {
                    let mut changed = block.clone();
                    changed[name] = value.into();
                    Value::Array(vec![changed])
                };
                assert!(!fails(&Value::Array(vec![block.clone()])));
                assert!(fails(&with("block_hash", &B256::repeat_byte(1).to_string())));
                assert!(fails(&with("commit_seal_hash", &B256::repeat_byte(1).to_string())));
                assert!(fails(&with("expected", "invalid")));
            }
        }
    }
}
