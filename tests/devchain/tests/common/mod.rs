//! What several tests need: a provider that signs, a small contract.
#![allow(dead_code)]

use alloy::{
    network::EthereumWallet,
    primitives::{B256, Bytes, U256, hex, keccak256},
    providers::{Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use causeway_devchain::Handle;

/// A contract with `a = 42` in slot 0 and a mapping in slot 1; `set(k, v)` writes the mapping and emits
/// `Set(uint256 indexed, uint256)`.
pub(crate) const STORE: [u8; 380] = hex!(
    "6080604052602a600055348015601457600080fd5b50610158806100246000396000f3fe6080604052348015610010576000"
    "80fd5b50600436106100415760003560e01c80630dbe671f146100465780631ab06ee5146100615780636e9410b614610076"
    "575b600080fd5b61004f60005481565b60405190815260200160405180910390f35b61007461006f3660046100e7565b6100"
    "96565b005b61004f610084366004610109565b60016020526000908152604090205481565b60008281526001602052604090"
    "8190208290555182907f545b620a3000f6303b158b321f06b4e95e28a27d70aecac8c6bdac4f48a9f6b3906100db90848152"
    "60200190565b60405180910390a25050565b600080604083850312156100fa57600080fd5b50508035926020909101359150"
    "565b60006020828403121561011b57600080fd5b503591905056fea2646970667358221220a91dd8d1999a01f0cb8139379e"
    "01acfab986c1a93073e69301a88fb514e3720a64736f6c63430008250033"
);

/// Calldata of `set(k, v)`.
pub(crate) fn set(key: u64, value: u64) -> Bytes {
    let mut data = hex!("1ab06ee5").to_vec();
    data.extend_from_slice(&U256::from(key).to_be_bytes::<32>());
    data.extend_from_slice(&U256::from(value).to_be_bytes::<32>());
    data.into()
}

/// The mapping's slot of a key.
pub(crate) fn slot_of(key: u64) -> B256 {
    let mut preimage = U256::from(key).to_be_bytes::<32>().to_vec();
    preimage.extend_from_slice(&U256::from(1).to_be_bytes::<32>());
    keccak256(preimage)
}

/// A key of the chain's funded accounts.
pub(crate) fn signer(chain: &Handle, index: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&chain.account(index).secret()).unwrap()
}

/// A provider that signs with account 0 and fills nothing by itself.
pub(crate) fn provider(chain: &Handle) -> impl Provider + use<> {
    install_tls();
    ProviderBuilder::new()
        .disable_recommended_fillers()
        .wallet(EthereumWallet::from(signer(chain, 0)))
        .connect_http(chain.rpc_url().parse().unwrap())
}

/// Sends a legacy transaction of price 0 from account 0 and waits for its receipt.
pub(crate) async fn send(provider: &impl Provider, chain: &Handle, request: TransactionRequest) -> TransactionReceipt {
    let from = chain.account(0).address;
    let nonce = provider.get_transaction_count(from).pending().await.unwrap();
    let mut request = request.from(from).nonce(nonce).gas_limit(2_000_000).gas_price(0);
    request.chain_id = Some(chain.chain_id());
    provider
        .send_transaction(request)
        .await
        .unwrap()
        .with_timeout(Some(std::time::Duration::from_secs(20)))
        .get_receipt()
        .await
        .unwrap()
}

/// A token's runtime code: `transfer(to, amount)` over balances in a mapping in slot 0, with the `Transfer` event and a
/// revert when there is too little. Written by hand, so that tests need no compiler.
pub(crate) const TOKEN: [u8; 103] = hex!(
    "336000526024356040600020805482811060615782900390556004356000526040600020805482019055600052600435337f"
    "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef60206000a3600160005260206000f35b6000"
    "6000fd"
);

/// The balance slot of an account in [`TOKEN`].
pub(crate) fn balance_slot(account: alloy::primitives::Address) -> B256 {
    let mut preimage = B256::left_padding_from(account.as_slice()).to_vec();
    preimage.extend_from_slice(&[0; 32]);
    keccak256(preimage)
}

/// Calldata of `transfer(to, amount)`.
pub(crate) fn transfer(to: alloy::primitives::Address, amount: u64) -> Bytes {
    let mut data = hex!("a9059cbb").to_vec();
    data.extend_from_slice(B256::left_padding_from(to.as_slice()).as_slice());
    data.extend_from_slice(&U256::from(amount).to_be_bytes::<32>());
    data.into()
}

/// A legacy transaction of price 0 from account 0, complete but for what it does.
pub(crate) fn request(chain: &Handle, nonce: u64) -> TransactionRequest {
    let mut request =
        TransactionRequest::default().from(chain.account(0).address).nonce(nonce).gas_limit(2_000_000).gas_price(0);
    request.chain_id = Some(chain.chain_id());
    request
}

/// Sends a transaction on a paused chain and makes the block that holds it.
pub(crate) async fn mined(provider: &impl Provider, chain: &Handle, request: TransactionRequest) -> TransactionReceipt {
    let hash = *provider.send_transaction(request).await.unwrap().tx_hash();
    chain.mine(1).await.unwrap();
    provider.get_transaction_receipt(hash).await.unwrap().unwrap()
}

/// Deploys [`STORE`] as account 0's first transaction on a paused chain.
pub(crate) async fn contract(provider: &impl Provider, chain: &Handle) -> alloy::primitives::Address {
    let deploy = request(chain, 0).input(Bytes::from_static(&STORE).into()).create();
    mined(provider, chain, deploy).await.contract_address.unwrap()
}

/// A raw HTTP request.
pub(crate) async fn post(url: &str, body: &str) -> reqwest::Response {
    client().post(url).header("content-type", "application/json").body(body.to_owned()).send().await.unwrap()
}

/// An HTTP client.
pub(crate) fn client() -> reqwest::Client {
    install_tls();
    reqwest::Client::new()
}

/// A provider that only reads.
pub(crate) fn reader(url: &str) -> impl Provider + use<> {
    install_tls();
    ProviderBuilder::new().disable_recommended_fillers().connect_http(url.parse().unwrap())
}

/// No TLS is spoken here, but the client library wants a provider before it builds anything.
fn install_tls() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
