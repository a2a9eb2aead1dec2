//! Encodings, seals, proposers and votes against blocks that real GoQuorum nodes made. The recorded network lies outside
//! this repository (`CAUSEWAY_RECORDED`, default `../shared/recorded` from the workspace root); without it the tests say
//! so, and under `CI=true` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing)]

use std::path::PathBuf;

use alloy::{
    consensus::Header,
    primitives::{Address, B256, hex},
};
use alloy_rlp::{Decodable, Header as RlpHeader};
use secp256k1::{
    Message,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use serde_json::Value;

use super::{Consensus, Extra, Validators, Vote, block_hash, extra::Part, quorum, seal::digest, whole_extra};

fn recorded(name: &str) -> Option<Vec<(Header, B256)>> {
    let folder = std::env::var_os("CAUSEWAY_RECORDED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recorded")), PathBuf::from);
    let path = folder.join("goquorum-qbft").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is not there", path.display());
        println!("skipped: {} is not there", path.display());
        return None;
    };
    let answers: Vec<Value> = match serde_json::from_str(&text).unwrap() {
        Value::Array(answers) => answers,
        one => vec![one],
    };
    Some(
        answers
            .into_iter()
            .map(|answer| {
                let block = &answer["result"];
                let hash = serde_json::from_value(block["hash"].clone()).unwrap();
                (serde_json::from_value(block.clone()).unwrap(), hash)
            })
            .collect(),
    )
}

fn list<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    RlpHeader::decode_bytes(bytes, true).unwrap()
}

/// Reads QBFT extra data; the chain itself only writes it.
fn decode(extra: &[u8]) -> Extra {
    let mut bytes = extra;
    let mut items = list(&mut bytes);
    let vanity = B256::decode(&mut items).unwrap().0;
    let validators = Vec::<Address>::decode(&mut items).unwrap();
    let mut vote = list(&mut items);
    let vote = (!vote.is_empty())
        .then(|| Vote { candidate: Address::decode(&mut vote).unwrap(), add: u8::decode(&mut vote).unwrap() == 0xff });
    let round = u32::decode(&mut items).unwrap();
    let mut seals = list(&mut items);
    let mut all = Vec::new();
    while !seals.is_empty() {
        all.push(RlpHeader::decode_bytes(&mut seals, false).unwrap().to_vec());
    }
    Extra { vanity, validators, vote, round, proposer_seal: Vec::new(), seals: all }
}

fn sealer(seal: &[u8], digest: B256) -> Address {
    let recovery = RecoveryId::try_from(i32::from(seal[64])).unwrap();
    let signature = RecoverableSignature::from_compact(&seal[..64], recovery).unwrap();
    let key = signature.recover(Message::from_digest(digest.0)).unwrap();
    Address::from_raw_public_key(&key.serialize_uncompressed()[1..])
}

fn check_blocks(name: &str) {
    for (header, hash) in recorded(name).unwrap_or_default() {
        let extra = decode(&header.extra_data);
        assert_eq!(whole_extra(&extra, Consensus::Qbft), header.extra_data);
        assert_eq!(block_hash(&header, &extra, Consensus::Qbft), hash);
        let committed = digest(&header, &extra, Consensus::Qbft, Part::WithoutSeals);
        if header.number > 0 {
            assert_eq!(extra.seals.len(), quorum(extra.validators.len()));
        }
        for seal in &extra.seals {
            assert!(extra.validators.contains(&sealer(seal, committed)));
        }
    }
}

#[test]
fn recorded_blocks_hash_and_seal_as_ours_do() {
    check_blocks("genesis_block.json");
    check_blocks("blocks20.json");
    check_blocks("votes_blocks_145_166.json");
    check_blocks("one_validator_down_blocks.json");
}

#[test]
fn recorded_votes_change_the_set_when_ours_do() {
    let Some(blocks) = recorded("votes_blocks_145_166.json") else {
        return;
    };
    let mut validators = Validators::new(decode(&blocks[0].0.extra_data).validators);
    let mut sizes = Vec::new();
    for (header, _) in &blocks {
        let extra = decode(&header.extra_data);
        assert_eq!(validators.current(), extra.validators, "header {}", header.number);
        validators.count(header.number, header.beneficiary, extra.vote);
        sizes.push(validators.current().len());
    }
    assert_eq!((sizes.iter().max(), sizes.last()), (Some(&5), Some(&4)));
}

#[test]
fn recorded_proposers_take_turns_as_ours_do() {
    for name in ["blocks20.json", "one_validator_down_blocks.json"] {
        let blocks = recorded(name).unwrap_or_default();
        for pair in blocks.windows(2) {
            let extra = decode(&pair[1].0.extra_data);
            let start = extra.validators.binary_search(&pair[0].0.beneficiary).unwrap() + 1;
            let expected = extra.validators[(start + extra.round as usize) % extra.validators.len()];
            assert_eq!(pair[1].0.beneficiary, expected, "header {}", pair[1].0.number);
        }
    }
}

/// One of the recorded genesis: the account and the validators of that network give its very block 0.
#[test]
fn genesis_of_a_recorded_network() {
    let validators = Validators::new(
        [
            hex!("0bb4aafd67d2587e030340ee699a0ef200024e47"),
            hex!("43b5ded229599595a71f8f33ca163810113da388"),
            hex!("8d8d0223a3290653a805c64ac72b5e7cfdec6862"),
            hex!("cea6cace2ff3d2a4d11af91e18217f5fb1076c04"),
        ]
        .map(Address::from)
        .to_vec(),
    );
    let config = crate::Config {
        gas_limit: 0x1fff_ffff,
        alloc: vec![(
            Address::from(hex!("5f3c65def192c5c5f7202f1fd7c2865c81b25913")),
            crate::GenesisAccount {
                balance: "0x446c3b15f9926687d2c40534fdb564000000000000".parse().unwrap(),
                ..Default::default()
            },
        )],
        ..Default::default()
    };
    let (block, _) = crate::genesis::genesis(&config, &validators, 0);
    assert_eq!(block.header.state_root.0, hex!("3a02c05e6237e5f6b7c1fd3596de3b06419db26d5461a0ab1a99970aaf0e0494"));
    assert_eq!(block.hash.0, hex!("6a4bd0459b056dd5b7478b549b0d42f79d0785aeb7e83ed3e7d2bb264ad12316"));
    assert_eq!(block.size(), 0x276);
    assert_eq!(block.rlp_with(&block.header).len(), block.size());
}
