//! Headers against the light client that relayers run, in all modes, through votes, rounds and lies.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::{
    consensus::Header,
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::Block,
};
use causeway_bft_evm::{
    Mode, Params, Refusal, SealedHeader, Threshold, TrustedState, ValidatorSource, build_update, conflict,
    encode_next_set, verify,
};
use causeway_crypto::Preferred;
use causeway_devchain::{Chain, Consensus, Faults, Handle, HeaderLie, Sealed, Spec, ValidatorContract};
use common::reader;

const MODES: [(Consensus, Mode); 3] =
    [(Consensus::Qbft, Mode::Qbft), (Consensus::Ibft2, Mode::Ibft2), (Consensus::Ibft1, Mode::Ibft1)];

fn params(mode: Mode) -> Params {
    Params {
        mode,
        validators: ValidatorSource::Header,
        trusting_period: 14 * 86_400,
        freeze_delay: 0,
        drift: 30,
        trust_threshold: Threshold::ONE_THIRD,
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3_600
}

/// A paused chain; the tests make blocks when they want them.
async fn chain(consensus: Consensus) -> Handle {
    let chain = Chain::builder()
        .consensus(consensus)
        .genesis_time(now() - 86_400)
        .block_time(Duration::from_millis(500))
        .spawn()
        .await
        .unwrap();
    chain.set_paused(true);
    chain
}

fn begin(params: &Params, sealed: &Sealed) -> TrustedState {
    TrustedState::begin(params, &sealed.hash, &sealed.header, None, now()).unwrap()
}

fn update(params: &Params, trusted: &TrustedState, header: &[u8]) -> Option<Vec<u8>> {
    let header = SealedHeader::read(params.mode, header).ok()?;
    build_update::<Preferred>(params, trusted, &header, None).ok()
}

fn step(params: &Params, trusted: &TrustedState, sealed: &Sealed) -> TrustedState {
    let update = update(params, trusted, &sealed.header).unwrap();
    let verified = verify(params, trusted, &update, now()).unwrap();
    assert_eq!(verified.header.block_hash, sealed.hash);
    verified.trusted
}

#[tokio::test]
async fn the_light_client_follows_every_mode() {
    for (consensus, mode) in MODES {
        let chain = chain(consensus).await;
        let params = params(mode);
        let mut trusted = begin(&params, &chain.genesis());
        for _ in 0..9 {
            let sealed = chain.mine(1).await.unwrap();
            let before = trusted.time();
            trusted = step(&params, &trusted, &sealed);
            assert!(trusted.time() > before);
        }
    }
}

#[tokio::test]
async fn a_validator_is_voted_in_and_out() {
    for (consensus, mode) in MODES {
        let chain = chain(consensus).await;
        let params = params(mode);
        let mut trusted = begin(&params, &chain.genesis());
        let before = chain.validators();
        let newcomer = chain.add_validator();
        let mut sizes = Vec::new();
        for round in 0..16 {
            if round == 8 {
                chain.propose_validator(before[0], false);
            }
            let sealed = chain.mine(1).await.unwrap();
            trusted = step(&params, &trusted, &sealed);
            sizes.push(trusted.validators().as_slice().len());
        }
        // Three of four vote one after the other; the header after the third lists five. Then three of five.
        assert_eq!(sizes, [4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4]);
        assert!(chain.validators().contains(&newcomer));
        assert!(!chain.validators().contains(&before[0]));
    }
}

#[tokio::test]
async fn a_validator_that_is_down_costs_a_round_and_two_stop_the_chain() {
    let chain = chain(Consensus::Qbft).await;
    let params = params(Mode::Qbft);
    let validators = chain.validators();
    chain.set_validator_down(validators[1], true);
    let mut trusted = begin(&params, &chain.genesis());
    let mut rounds = Vec::new();
    for _ in 0..8 {
        let sealed = chain.mine(1).await.unwrap();
        trusted = step(&params, &trusted, &sealed);
        let header = SealedHeader::read(Mode::Qbft, &sealed.header).unwrap();
        rounds.push(header.extra().round);
        let hash_of_bytes = keccak256(header.seal_less());
        assert_eq!(hash_of_bytes == sealed.hash, header.extra().round == 0);
    }
    assert_eq!(rounds, [0, 1, 0, 0, 1, 0, 0, 1]);
    chain.set_validator_down(validators[2], true);
    chain.mine(1).await.unwrap_err();
    chain.set_validator_down(validators[1], false);
    trusted = step(&params, &trusted, &chain.mine(1).await.unwrap());
    assert_eq!(trusted.height(), 9);
}

#[tokio::test]
async fn equivocation_is_evidence() {
    for (consensus, mode) in MODES {
        let chain = chain(consensus).await;
        let params = params(mode);
        let trusted = begin(&params, &chain.genesis());
        chain.mine(3).await.unwrap();
        let (honest, other) = chain.equivocate(2).unwrap();
        let a = update(&params, &trusted, &honest.header).unwrap();
        let b = update(&params, &trusted, &other.header).unwrap();
        assert!(conflict(&params, &trusted, &a, &a, now()).unwrap().is_none());
        assert!(conflict(&params, &trusted, &a, &b, now()).unwrap().is_some());
        // A node may serve the other block: nothing about it alone is wrong.
        chain.set_faults(Faults { header: Some(HeaderLie::Equivocate), ..Faults::default() });
        let (header, hash) = served(&chain.rpc_url(), 2).await;
        assert_eq!((hash, header.as_slice()), (other.hash, other.header.as_ref()));
        verify(&params, &trusted, &update(&params, &trusted, &header).unwrap(), now()).unwrap();
    }
}

#[tokio::test]
async fn lying_headers_are_refused_and_true_ones_beside_them_are_not() {
    for (consensus, mode) in MODES {
        let chain = chain(consensus).await;
        let params = params(mode);
        chain.mine(2).await.unwrap();
        let trusted = begin(&params, &chain.genesis());
        for lie in [
            HeaderLie::AlterStateRoot,
            HeaderLie::AlterTime,
            HeaderLie::NoSeals,
            HeaderLie::ForgeSeals,
            HeaderLie::ForgeValidators,
        ] {
            let liar = chain.endpoint(Faults { header: Some(lie), ..Faults::default() }).await.unwrap();
            let (header, hash) = served(&liar.rpc_url(), 2).await;
            let read = SealedHeader::read(mode, &header).unwrap();
            assert_eq!(read.block_hash(), hash, "the lie is consistent in itself");
            // Strangers' seals under strangers' list make an update; the client does not trust them.
            match update(&params, &trusted, &header) {
                None => assert_ne!(lie, HeaderLie::ForgeValidators),
                Some(update) => {
                    let refusal = verify(&params, &trusted, &update, now()).unwrap_err();
                    assert!(matches!(refusal, Refusal::NotEnoughTrust { .. }), "{lie:?}: {refusal:?}");
                }
            }
        }
        let (header, _) = served(&chain.rpc_url(), 2).await;
        let update = update(&params, &trusted, &header).unwrap();
        verify(&params, &trusted, &update, now()).unwrap();
    }
}

#[tokio::test]
async fn in_validator_contract_mode_headers_list_nobody() {
    for (consensus, mode) in [MODES[0], MODES[1]] {
        let contract = ValidatorContract { address: Address::repeat_byte(0x88), slot: 3 };
        let chain = Chain::builder()
            .consensus(consensus)
            .validator_contract(contract)
            .genesis_time(now() - 86_400)
            .block_time(Duration::from_millis(500))
            .spawn()
            .await
            .unwrap();
        chain.set_paused(true);
        let source = ValidatorSource::Contract { address: contract.address, slot: U256::from(contract.slot).into() };
        let params = Params { validators: source, ..params(mode) };
        let set = next_set(&chain, contract, 0).await;
        let genesis = chain.genesis();
        let mut trusted = TrustedState::begin(&params, &genesis.hash, &genesis.header, Some(&set), now()).unwrap();
        for round in 0..6 {
            if round == 2 {
                let mut validators = chain.validators();
                validators.push(chain.add_validator());
                chain.set_contract_validators(&validators);
            }
            let sealed = chain.mine(1).await.unwrap();
            let header = SealedHeader::read(mode, &sealed.header).unwrap();
            assert_eq!(header.extra().validator_count(), 0);
            let set = next_set(&chain, contract, sealed.number).await;
            let update = build_update::<Preferred>(&params, &trusted, &header, Some(&set)).unwrap();
            trusted = verify(&params, &trusted, &update, now()).unwrap().trusted;
            assert_eq!(trusted.validators().as_slice().len(), if round < 2 { 4 } else { 5 });
        }
    }
}

/// The proof of the contract's validators after a block.
async fn next_set(chain: &Handle, contract: ValidatorContract, number: u64) -> Vec<u8> {
    let provider = reader(&chain.rpc_url());
    let slot = B256::from(U256::from(contract.slot));
    let length = provider.get_storage_at(contract.address, slot.into()).number(number).await.unwrap();
    let first = U256::from_be_bytes(keccak256(slot).0);
    let elements = (0..length.to::<u64>()).map(|index| B256::from(first + U256::from(index)));
    let slots: Vec<B256> = std::iter::once(slot).chain(elements).collect();
    let proof = provider.get_proof(contract.address, slots).number(number).await.unwrap();
    let nodes: Vec<Vec<Bytes>> = proof.storage_proof.into_iter().map(|slot| slot.proof).collect();
    encode_next_set(&proof.account_proof, &nodes).unwrap()
}

#[tokio::test]
async fn storage_and_balances_are_set_past_the_evm() {
    let chain = chain(Consensus::Qbft).await;
    let provider = reader(&chain.rpc_url());
    let (address, slot) = (Address::repeat_byte(0x31), B256::repeat_byte(7));
    chain.set_storage(address, slot, U256::from(1 << 20));
    chain.set_balance(address, U256::from(9));
    assert_eq!(provider.get_balance(address).await.unwrap(), U256::ZERO);
    chain.mine(1).await.unwrap();
    assert_eq!(provider.get_balance(address).await.unwrap(), U256::from(9));
    assert_eq!(provider.get_storage_at(address, slot.into()).await.unwrap(), U256::from(1 << 20));
}

/// A header put together from the block's JSON, and the hash that stands beside it.
async fn served(url: &str, number: u64) -> (Vec<u8>, B256) {
    let provider = reader(url);
    let block: Block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).await.unwrap().unwrap();
    let header: Header = block.header.inner.clone();
    (alloy_rlp::encode(&header), block.header.hash)
}

#[tokio::test]
async fn json_and_raw_headers_agree() {
    for spec in [Spec::Berlin, Spec::Prague] {
        let chain = Chain::builder().spec(spec).spawn().await.unwrap();
        chain.set_paused(true);
        let sealed = chain.mine(1).await.unwrap();
        let (header, hash) = served(&chain.rpc_url(), sealed.number).await;
        assert_eq!((sealed.header.as_ref(), sealed.hash), (header.as_slice(), hash));
        let provider = reader(&chain.rpc_url());
        let raw: Bytes =
            provider.raw_request("debug_getRawHeader".into(), (format!("{:#x}", sealed.number),)).await.unwrap();
        assert_eq!(raw, sealed.header);
        let block: String = provider.raw_request("debug_getBlockRlp".into(), (sealed.number,)).await.unwrap();
        assert!(block.contains(alloy::hex::encode(&raw).as_str()));
        let header = <Header as alloy_rlp::Decodable>::decode(&mut raw.as_ref()).unwrap();
        assert_eq!(header.base_fee_per_gas.is_some(), spec == Spec::Prague);
    }
}
