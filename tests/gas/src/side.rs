//! Two chains with a bridge between them, set up by their councils.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol,
    sol_types::{SolCall, SolValue},
};
use causeway_bft_evm::{Mode, Params, SealedHeader, Threshold, TrustedState, ValidatorSource};
use causeway_core::LaneId;
use causeway_devchain::{Chain, Handle, Spec};

sol! {
    struct Call { address target; bytes data; }
    struct RemoteEnd { string chain; bytes32 genesis; bytes vault; bytes outbox; }
    struct AssetParams {
        uint8 mode; uint8 standard; address token; bytes32 remoteAsset; uint8 amountWidth; uint8 localDecimals;
        uint8 remoteDecimals; uint128 minAmount; uint112 lockCap; uint112 creditCap; uint32 windowSeconds;
        string name; string symbol;
    }
    struct ClientParams {
        uint8 mode; bytes32 genesis; uint64 height; uint64 time; bytes32 blockHash; bytes32 setHash;
        uint64 trustingPeriod; uint64 drift; uint16 trustNumerator; uint16 trustDenominator; uint64 freezeDelay;
    }
    struct TestToken { string name; string symbol; uint8 decimals; }
    function initialize(address council, bytes32 genesis) external;
    function propose(Call[] calldata calls) external returns (bytes32 id);
    function execute(uint256 number, Call[] calldata calls) external;
    function laneIds(RemoteEnd calldata remote, uint64 epoch, address outbox) external view returns (bytes32 outLane, bytes32 inLane);
    function openBridge(RemoteEnd calldata remote, uint64 epoch, address outbox, address client, uint8 accountBytes, bytes32 outLane, bytes32 inLane) external;
    function registerAsset(bytes32 outLane, AssetParams calldata p) external returns (address token);
    function assetHashOf(uint8 standard, address token) external view returns (bytes32);
    function tokenOf(bytes32 lane, bytes32 assetHash) external view returns (address);
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
}

/// Accounts in each chain's state beside those that the measurement makes.
const ACCOUNTS: u64 = 20_000;
/// Nodes in the proof of the outbox's account.
const ACCOUNT_NODES: usize = 5;
/// Gas limit of every transaction here; the receipt says what it took.
const GAS: u64 = 12_000_000;

/// One chain.
pub(crate) struct Side {
    pub(crate) chain: Handle,
    pub(crate) provider: DynProvider,
    pub(crate) sender: Address,
    pub(crate) vault: Address,
    pub(crate) outbox: Address,
    council: Address,
    proposals: u64,
    pub(crate) client: Address,
    /// The token here: at home on the first chain, its voucher on the second.
    pub(crate) token: Address,
    pub(crate) asset: B256,
    pub(crate) out_lane: LaneId,
    /// What the other chain's client holds of this one.
    pub(crate) trusted: TrustedState,
}

/// Both of them.
pub(crate) struct Pair {
    pub(crate) sides: [Side; 2],
    pub(crate) params: Params,
}

fn params() -> Params {
    Params {
        mode: Mode::Qbft,
        validators: ValidatorSource::Header,
        trusting_period: 14 * 24 * 3600,
        drift: 3_600,
        trust_threshold: Threshold::TWO_THIRDS,
        freeze_delay: 3_600,
    }
}

/// Code of an artefact with its constructor's arguments.
fn code(name: &str, arguments: &[u8]) -> Bytes {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/contracts/evm/artifacts");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let code: Bytes = json["bytecode"].as_str().unwrap().parse().unwrap();
    [&code, arguments].concat().into()
}

impl Side {
    async fn start(chain_id: u64, spec: Spec) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut builder = Chain::builder().chain_id(chain_id).spec(spec).base_fee(0).genesis_time(now - 600);
        for number in 1..=ACCOUNTS {
            let hash = alloy::primitives::keccak256(number.to_be_bytes());
            builder = builder.fund(Address::from_slice(&hash[..20]), U256::ONE);
        }
        let chain = builder.spawn().await.unwrap();
        chain.set_paused(true);
        let account = chain.account(0);
        let key = PrivateKeySigner::from_bytes(&account.secret()).unwrap();
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .wallet(EthereumWallet::from(key))
            .connect_http(chain.rpc_url().parse().unwrap())
            .erased();
        let list = causeway_bft_evm::ValidatorSet::new(chain.validators()).unwrap();
        let mut side = Self {
            trusted: TrustedState::new(0, 0, B256::ZERO, B256::ZERO, list),
            chain,
            provider,
            sender: account.address,
            vault: Address::ZERO,
            outbox: Address::ZERO,
            council: Address::ZERO,
            proposals: 0,
            client: Address::ZERO,
            token: Address::ZERO,
            asset: B256::ZERO,
            out_lane: LaneId(B256::ZERO),
        };
        let members = (vec![side.sender], U256::ONE, 0_u64, side.sender);
        side.council = side.create("Council", &members.abi_encode_params()).await;
        let factory = side.create("VoucherFactory", &[]).await;
        let swaps = side.create("VaultSwaps", &[]).await;
        let admin = side.create("VaultAdmin", &(factory, swaps).abi_encode_params()).await;
        let implementation = side.create("Vault", &(admin,).abi_encode_params()).await;
        let start = initializeCall { council: side.council, genesis: side.chain.genesis().hash }.abi_encode();
        side.vault = side.create("ERC1967Proxy", &(implementation, Bytes::from(start)).abi_encode_params()).await;
        // Three full branches, one that is not, and the leaf: in a state of this size most accounts stand so deep.
        while side.outbox.is_zero() || side.depth(side.outbox).await != ACCOUNT_NODES {
            side.outbox = side.create("Outbox", &(side.vault,).abi_encode_params()).await;
        }
        side
    }

    /// Nodes in the proof of an account.
    async fn depth(&self, account: Address) -> usize {
        self.provider.get_proof(account, Vec::new()).await.unwrap().account_proof.len()
    }

    pub(crate) async fn create(&self, name: &str, arguments: &[u8]) -> Address {
        let request = TransactionRequest::default().input(code(name, arguments).into()).create();
        self.mined(request).await.contract_address.unwrap()
    }

    pub(crate) async fn call<C: SolCall>(&self, to: Address, call: &C) -> TransactionReceipt {
        self.mined(TransactionRequest::default().to(to).input(Bytes::from(call.abi_encode()).into())).await
    }

    pub(crate) async fn view<C: SolCall>(&self, to: Address, call: &C) -> C::Return {
        let request = TransactionRequest::default().to(to).input(Bytes::from(call.abi_encode()).into());
        C::abi_decode_returns(&self.provider.call(request).await.unwrap()).unwrap()
    }

    /// Sends a legacy transaction and makes the block that holds it.
    async fn mined(&self, request: TransactionRequest) -> TransactionReceipt {
        let nonce = self.provider.get_transaction_count(self.sender).await.unwrap();
        let mut request = request.from(self.sender).nonce(nonce).gas_limit(GAS).gas_price(0);
        request.chain_id = Some(self.chain.chain_id());
        let sent = self.provider.send_transaction(request).await.unwrap();
        self.chain.mine(1).await.unwrap();
        let receipt = self.provider.get_transaction_receipt(*sent.tx_hash()).await.unwrap().unwrap();
        assert!(receipt.status(), "{}: the transaction reverted", self.chain.chain_id());
        receipt
    }

    async fn decide(&mut self, data: Vec<u8>) {
        let calls = vec![Call { target: self.vault, data: data.into() }];
        self.call(self.council, &proposeCall { calls: calls.clone() }).await;
        self.call(self.council, &executeCall { number: U256::from(self.proposals), calls }).await;
        self.proposals += 1;
    }

    fn remote(&self) -> RemoteEnd {
        RemoteEnd {
            chain: format!("eip155:{}", self.chain.chain_id()),
            genesis: self.chain.genesis().hash,
            vault: self.vault.to_vec().into(),
            outbox: self.outbox.to_vec().into(),
        }
    }
}

impl Pair {
    /// Starts two chains under `spec` and opens a bridge with one asset.
    pub(crate) async fn start(spec: Spec) -> Self {
        let params = params();
        let mut sides = [Side::start(1_001, spec).await, Side::start(1_002, spec).await];
        for here in 0..2 {
            let there = 1 - here;
            let pin = sides[there].chain.head();
            let header = SealedHeader::read(params.mode, &pin.header).unwrap();
            let time = header.time();
            sides[there].trusted = TrustedState::begin(&params, &pin.hash, &pin.header, None, time + 1).unwrap();
            let trusted = &sides[there].trusted;
            let client = ClientParams {
                mode: 0,
                genesis: sides[there].chain.genesis().hash,
                height: trusted.height(),
                time,
                blockHash: trusted.block_hash(),
                setHash: trusted.validators().hash(),
                trustingPeriod: params.trusting_period,
                drift: params.drift,
                trustNumerator: 2,
                trustDenominator: 3,
                freezeDelay: params.freeze_delay,
            };
            sides[here].client = sides[here].create("BftEvmClient", &client.abi_encode()).await;
        }
        for here in 0..2 {
            let remote = sides[1 - here].remote();
            let side = &mut sides[here];
            let (outbox, client) = (side.outbox, side.client);
            let ids = side.view(side.vault, &laneIdsCall { remote: remote.clone(), epoch: 0, outbox }).await;
            side.out_lane = LaneId(ids.outLane);
            let (out_lane, in_lane) = (ids.outLane, ids.inLane);
            let open = openBridgeCall {
                remote,
                epoch: 0,
                outbox,
                client,
                accountBytes: 20,
                outLane: out_lane,
                inLane: in_lane,
            };
            side.decide(open.abi_encode()).await;
        }
        let mut pair = Self { sides, params };
        pair.register().await;
        pair.chain_times();
        pair
    }

    /// The token at home on the first chain, its voucher on the second.
    async fn register(&mut self) {
        let asset = |mode, token, remote| AssetParams {
            mode,
            standard: 1,
            token,
            remoteAsset: remote,
            amountWidth: 16,
            localDecimals: 18,
            remoteDecimals: 18,
            minAmount: 0,
            lockCap: Default::default(),
            creditCap: Default::default(),
            windowSeconds: 0,
            name: "Voucher".into(),
            symbol: "V".into(),
        };
        let [home, away] = &mut self.sides;
        let token = TestToken { name: "Token".into(), symbol: "T".into(), decimals: 18 };
        home.token = home.create("TestERC20", &token.abi_encode_params()).await;
        home.asset = home.view(home.vault, &assetHashOfCall { standard: 1, token: home.token }).await;
        let call = registerAssetCall { outLane: away.out_lane.0, p: asset(2, Address::ZERO, home.asset) };
        away.decide(call.abi_encode()).await;
        away.token = away.view(away.vault, &tokenOfCall { lane: home.out_lane.0, assetHash: home.asset }).await;
        away.asset = away.view(away.vault, &assetHashOfCall { standard: 1, token: away.token }).await;
        let call = registerAssetCall { outLane: home.out_lane.0, p: asset(1, home.token, away.asset) };
        home.decide(call.abi_encode()).await;
        let amount = U256::from(10).pow(U256::from(30));
        home.call(home.token, &mintCall { to: home.sender, amount }).await;
        home.call(home.token, &approveCall { spender: home.vault, amount: U256::MAX }).await;
    }

    /// Blocks were made faster than time went by.
    fn chain_times(&self) {
        for side in &self.sides {
            side.chain.advance_time(Duration::from_secs(1));
        }
    }
}
