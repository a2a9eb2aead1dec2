//! State, transaction and receipt roots, and `eth_getProof`, against the verifiers that relayers use and against alloy's.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use alloy::{
    consensus::{
        ReceiptEnvelope, TxEnvelope,
        proofs::{calculate_receipt_root, calculate_transaction_root},
    },
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::{AccessList, AccessListItem, EIP1186AccountProofResponse, TransactionRequest},
};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use causeway_devchain::{Chain, Faults, Handle, ProofLie, Spec};
use causeway_mpt::{Lookup, decode_account, decode_word, lookup};
use common::{STORE, contract, mined, provider, request, set, slot_of};

async fn chain() -> Handle {
    let chain = Chain::builder().state_history(8).spawn().await.unwrap();
    chain.set_paused(true);
    chain
}

/// Whether a proof shows what it says, by both verifiers.
fn proves(root: B256, proof: &EIP1186AccountProofResponse) -> bool {
    let account = TrieAccount {
        nonce: proof.nonce,
        balance: proof.balance,
        storage_root: proof.storage_hash,
        code_hash: proof.code_hash,
    };
    let key = keccak256(proof.address);
    let absent = account == TrieAccount::default();
    let expected = (!absent).then(|| alloy_rlp::encode(account));
    let by_alloy = verify_proof(root, Nibbles::unpack(key), expected, &proof.account_proof).is_ok();
    let by_ours = match lookup(&root, key.as_slice(), &proof.account_proof) {
        Ok(Lookup::Present(value)) => decode_account(value)
            .is_ok_and(|found| found.storage_root == account.storage_root && found.balance == account.balance),
        Ok(Lookup::Absent) => absent,
        Err(_) => false,
    };
    assert_eq!(by_alloy, by_ours);
    by_ours
        && proof.storage_proof.iter().all(|slot| {
            let key = keccak256(slot.key.as_b256());
            match lookup(&proof.storage_hash, key.as_slice(), &slot.proof) {
                Ok(Lookup::Present(value)) => decode_word(value).is_ok_and(|word| word == B256::from(slot.value)),
                Ok(Lookup::Absent) => slot.value.is_zero(),
                Err(_) => false,
            }
        })
}

async fn root_at(provider: &impl Provider, number: u64) -> B256 {
    let block = provider.get_block(BlockId::number(number)).await.unwrap();
    block.unwrap().header.state_root
}

#[tokio::test]
async fn proofs_hold_now_and_at_earlier_heights_until_they_are_pruned() {
    let chain = chain().await;
    let provider = provider(&chain);
    let store = contract(&provider, &chain).await;
    let mut heights = Vec::new();
    for value in 1..=12 {
        let receipt = mined(&provider, &chain, request(&chain, value).to(store).input(set(7, value).into())).await;
        heights.push((receipt.block_number.unwrap(), value));
    }
    let slots = vec![B256::ZERO, slot_of(7), slot_of(8)];
    let head = chain.head().number;
    for (height, value) in heights {
        let answer = provider.get_proof(store, slots.clone()).block_id(BlockId::number(height)).await;
        if height + 8 <= head {
            let error = answer.unwrap_err();
            let error = error.as_error_resp().unwrap();
            assert_eq!(error.code, -32_000);
            assert!(error.message.starts_with("missing trie node"));
            continue;
        }
        let proof = answer.unwrap();
        assert_eq!(proof.storage_proof[0].value, U256::from(42));
        assert_eq!(proof.storage_proof[1].value, U256::from(value));
        assert_eq!(proof.storage_proof[2].value, U256::ZERO);
        assert!(proves(root_at(&provider, height).await, &proof));
        // Its neighbour's root does not carry it.
        assert!(!proves(root_at(&provider, height - 1).await, &proof));
    }
    for address in [chain.account(0).address, chain.account(3).address, Address::repeat_byte(9)] {
        let proof = provider.get_proof(address, vec![B256::ZERO]).await.unwrap();
        assert!(proves(root_at(&provider, head).await, &proof));
    }
}

#[tokio::test]
async fn lying_proofs_do_not_hold() {
    let chain = chain().await;
    let provider = provider(&chain);
    let store = contract(&provider, &chain).await;
    mined(&provider, &chain, request(&chain, 1).to(store).input(set(7, 5).into())).await;
    let head = chain.head().number;
    let root = root_at(&provider, head).await;
    for lie in [ProofLie::FlipAccount, ProofLie::FlipStorage, ProofLie::FalseValue, ProofLie::Truncate, ProofLie::Stale]
    {
        chain.set_faults(Faults { proof: Some(lie), ..Faults::default() });
        let proof = provider.get_proof(store, vec![slot_of(7)]).await.unwrap();
        assert!(!proves(root, &proof), "{lie:?}");
    }
    chain.set_faults(Faults::default());
    let proof = provider.get_proof(store, vec![slot_of(7)]).await.unwrap();
    assert!(proves(root, &proof));
}

#[tokio::test]
async fn transaction_and_receipt_roots_are_those_of_the_bodies() {
    let chain = Chain::builder().spec(Spec::Prague).base_fee(1_000_000_000).spawn().await.unwrap();
    chain.set_paused(true);
    let provider = provider(&chain);
    let price = 3_000_000_000;
    let deploy = TransactionRequest::default().input(Bytes::from_static(&STORE).into()).create();
    let store = chain.account(0).address.create(0);
    let list = AccessList(vec![AccessListItem { address: store, storage_keys: vec![B256::ZERO] }]);
    let base = |nonce| request(&chain, nonce);
    let mut dynamic = base(2).to(store).input(set(9, 1).into());
    dynamic.gas_price = None;
    dynamic.max_fee_per_gas = Some(price);
    dynamic.max_priority_fee_per_gas = Some(1_000_000_000);
    let mut deployment = base(0).input(deploy.input).create();
    deployment.gas_price = Some(price);
    let mut listed = base(1).to(store).input(set(8, 1).into()).access_list(list);
    listed.gas_price = Some(price);
    // One that fails: too little gas for what it does.
    let mut failing = base(3).to(store).input(set(10, 1).into()).gas_limit(25_000);
    failing.gas_price = Some(price);
    for request in [deployment, listed, dynamic, failing] {
        let _ = provider.send_transaction(request).await.unwrap();
    }
    chain.mine(1).await.unwrap();
    let block = provider.get_block(BlockId::latest()).full().await.unwrap().unwrap();
    let transactions: Vec<TxEnvelope> = block
        .transactions
        .as_transactions()
        .unwrap()
        .iter()
        .map(|transaction| transaction.inner.inner().clone())
        .collect();
    assert_eq!(transactions.len(), 4);
    assert_eq!(calculate_transaction_root(&transactions), block.header.transactions_root);
    let receipts = provider.get_block_receipts(BlockId::latest()).await.unwrap().unwrap();
    let statuses: Vec<bool> = receipts.iter().map(|receipt| receipt.status()).collect();
    assert_eq!(statuses, [true, true, true, false]);
    let envelopes: Vec<ReceiptEnvelope> =
        receipts.iter().map(|receipt| receipt.inner.clone().map_logs(|log| log.inner)).collect();
    assert_eq!(calculate_receipt_root(&envelopes), block.header.receipts_root);
    // Fees: the sender paid what the receipts say, the proposer got the tips.
    let paid: u128 = receipts.iter().map(|receipt| receipt.effective_gas_price * u128::from(receipt.gas_used)).sum();
    let tips: u128 = receipts
        .iter()
        .map(|receipt| {
            (receipt.effective_gas_price - u128::from(block.header.base_fee_per_gas.unwrap()))
                * u128::from(receipt.gas_used)
        })
        .sum();
    let start = U256::from(10).pow(U256::from(24));
    let sender = provider.get_balance(chain.account(0).address).await.unwrap();
    assert_eq!(start - sender, U256::from(paid));
    assert_eq!(provider.get_balance(block.header.beneficiary).await.unwrap(), U256::from(tips));
}
