//! Swaps as two exchanges make them: each talks to its own relayer's api alone, and signs with a key that no relayer has.

use super::{BLOCK, PATIENCE, World};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy},
    eips::eip2718::Encodable2718,
    primitives::{Address, Bytes, TxKind, U256, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::{SignerSync, local::PrivateKeySigner},
    sol,
    sol_types::SolCall,
};
use causeway::config::Agreement;
use causeway_proto::exchange::v1::{
    self as api, exchange_service_client::ExchangeServiceClient, leg_status::Outcome, swap::State, swap_event::Kind,
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, net::TcpListener, os::unix::fs::OpenOptionsExt, time::Duration};
use tokio_stream::StreamExt;
use tonic::{Code, Request, metadata::MetadataValue, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::StatusExt;

sol! {
    interface IToken {
        function balanceOf(address owner) external view returns (uint256);
        function mint(address to, uint256 amountOrId) external;
    }
}

/// No step of a swap takes longer: a few blocks of both chains, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

type Client = ExchangeServiceClient<InterceptedService<Channel, Token>>;

/// Shows a bearer token.
#[derive(Clone)]
struct Token(&'static str);

impl tonic::service::Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, tonic::Status> {
        let header = MetadataValue::try_from(format!("Bearer {}", self.0)).unwrap();
        request.metadata_mut().insert("authorization", header);
        Ok(request)
    }
}

/// A party: its key, and the api of its own relayer.
struct Party {
    key: PrivateKeySigner,
    port: u16,
    token: &'static str,
}

/// The world of a test, with a listener for exchanges at each relayer.
struct Swaps {
    world: World,
    agreement: Agreement,
    chains: [DynProvider; 2],
    chain_ids: [u64; 2],
    parties: [Party; 2],
}

const TOKENS: [&str; 2] = ["alice-0f6b1d1c7a", "bob-9a4c2be377"];

impl Swaps {
    async fn start() -> Self {
        let world = World::build(PATIENCE).await;
        let agreement = Agreement::read(&world.folder(0).join("bridges/alpha-beta.json")).unwrap();
        let chain_ids = agreement.ends.each_ref().map(|end| end.chain.rsplit(':').next().unwrap().parse().unwrap());
        let chains =
            [0, 1].map(|at| ProviderBuilder::new().connect_http(world.chain(at).rpc_url().parse().unwrap()).erased());
        let parties = [0, 1].map(|who| {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            Party { key: PrivateKeySigner::random(), port, token: TOKENS[who] }
        });
        let swaps = Self { world, agreement, chains, chain_ids, parties };
        for who in [0, 1] {
            swaps.configure(who);
        }
        swaps.world.start_both().await.unwrap();
        swaps
    }

    fn account(&self, who: usize, at: usize) -> String {
        format!("{}:{:#x}", self.agreement.ends[at].chain, self.parties[who].key.address())
    }

    fn asset(&self, at: usize) -> (Address, String) {
        let asset = self.agreement.assets.iter().find(|asset| asset.symbol == "HBC").unwrap();
        let token = if at == 0 { asset.token } else { asset.voucher };
        (token, format!("{}/erc20:{token:#x}", self.agreement.ends[at].chain))
    }

    fn configure(&self, who: usize) {
        let hash = hex::encode(Sha256::digest(TOKENS[who]));
        let accounts = [self.account(who, 0), self.account(who, 1)];
        let tokens = format!(
            "[[token]]\nsha256 = \"{hash}\"\norganisation = \"exchange-{who}\"\n\
             scopes = [\"read\", \"propose\", \"accept\", \"submit\"]\naccounts = {accounts:?}\n"
        );
        let path = self.world.folder(who).join("api-tokens.toml");
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
        std::io::Write::write_all(&mut file, tokens.as_bytes()).unwrap();
        let section = format!(
            "[api]\nlisten = \"127.0.0.1:{}\"\nplaintext_for_development = true\ntokens = \"api-tokens.toml\"\n\
             limits = {{ deadline_margin = \"5s\" }}\n\n[log]\n",
            self.parties[who].port
        );
        self.world.edit(who, "[log]\n", &section).unwrap();
    }

    async fn client(&self, who: usize) -> Client {
        let party = &self.parties[who];
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{}", party.port)).unwrap();
        ExchangeServiceClient::with_interceptor(endpoint.connect().await.unwrap(), Token(party.token))
    }

    async fn balance(&self, at: usize, who: usize) -> U256 {
        let call = IToken::balanceOfCall { owner: self.parties[who].key.address() };
        let request = alloy::rpc::types::TransactionRequest::default()
            .to(self.asset(at).0)
            .input(Bytes::from(call.abi_encode()).into());
        let answer = self.chains[at].call(request).await.unwrap();
        IToken::balanceOfCall::abi_decode_returns(&answer).unwrap()
    }

    /// Mints at home, as the issuer's own wallet would.
    async fn mint(&self, who: usize, amount: u64) {
        let key = PrivateKeySigner::random();
        let call = IToken::mintCall { to: self.parties[who].key.address(), amountOrId: U256::from(amount) };
        let tx = TxLegacy {
            chain_id: Some(self.chain_ids[0]),
            nonce: 0,
            gas_price: 0,
            gas_limit: 200_000,
            to: TxKind::Call(self.asset(0).0),
            value: U256::ZERO,
            input: call.abi_encode().into(),
        };
        let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
        let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        self.chains[0].send_raw_transaction(&raw).await.unwrap().get_receipt().await.unwrap();
    }

    /// Signs what a relayer prepared, from its typed fields; the bytes that it gave must be the same.
    fn sign(&self, who: usize, prepared: &api::PreparedTransaction) -> Vec<u8> {
        let Some(api::prepared_transaction::Body::Evm(tx)) = &prepared.body else { panic!("no EVM transaction") };
        let key = &self.parties[who].key;
        assert_eq!(tx.from.parse::<Address>().unwrap(), key.address());
        assert_eq!(keccak256(&tx.signing_payload)[..], tx.signing_hash[..]);
        let (to, value, input) = (TxKind::Call(tx.to.parse().unwrap()), U256::ZERO, Bytes::from(tx.data.clone()));
        let (nonce, gas_limit) = (tx.nonce, tx.gas);
        if tx.gas_price.is_empty() {
            let tx = TxEip1559 {
                chain_id: tx.chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: tx.max_fee_per_gas.parse().unwrap(),
                max_priority_fee_per_gas: tx.max_priority_fee_per_gas.parse().unwrap(),
                to,
                value,
                access_list: Default::default(),
                input,
            };
            let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
            return TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        }
        let (chain_id, gas_price) = (Some(tx.chain_id), tx.gas_price.parse().unwrap());
        let legacy = TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input };
        assert_eq!(legacy.encoded_for_signing(), tx.signing_payload);
        let signature = key.sign_hash_sync(&legacy.signature_hash()).unwrap();
        TxEnvelope::from(legacy.into_signed(signature)).encoded_2718()
    }

    /// Signs and submits everything; gives the last transaction.
    async fn submit(&self, who: usize, transactions: Vec<api::PreparedTransaction>) -> String {
        let mut client = self.client(who).await;
        let mut last = String::new();
        assert!(!transactions.is_empty());
        for prepared in transactions {
            let raw_transaction = self.sign(who, &prepared);
            let request = api::SubmitSignedRequest { chain: prepared.chain, raw_transaction };
            last = client.submit_signed(request.clone()).await.unwrap().into_inner().transaction;
            // The same bytes again are no second transaction.
            assert_eq!(client.submit_signed(request).await.unwrap().into_inner().transaction, last);
        }
        last
    }

    async fn prepare_lock(&self, who: usize, swap: &str, leg: u32) -> Vec<api::PreparedTransaction> {
        let request = api::PrepareLockRequest { swap: swap.to_owned(), leg };
        self.client(who).await.prepare_lock(request).await.unwrap().into_inner().transactions
    }

    async fn lock(&self, who: usize, swap: &str, leg: u32) {
        let prepared = self.prepare_lock(who, swap, leg).await;
        self.submit(who, prepared).await;
    }

    /// Brings some of the home asset to a party at the other chain, over the bridge, by the api.
    async fn bring(&self, who: usize, amount: u64) {
        let mut client = self.client(who).await;
        let request = api::PrepareTransferRequest {
            bridge: "bridges/alpha-beta".into(),
            asset: self.asset(0).1,
            amount: amount.to_string(),
            sender: self.account(who, 0),
            recipient: self.account(who, 1),
            timeout: Some(self.in_seconds(1, 3600).await),
            memo_hash: String::new(),
        };
        let prepared = client.prepare_transfer(request).await.unwrap().into_inner();
        let tx = self.submit(who, prepared.transactions).await;
        let name = format!("lanes/{}/transfers/{tx}", self.world.lane(0));
        let watched = async {
            let mut states = client.watch_transfer(api::WatchTransferRequest { name }).await.unwrap().into_inner();
            let mut last = api::Transfer::default();
            while let Some(transfer) = states.next().await {
                last = transfer.unwrap();
            }
            last
        };
        let last = tokio::time::timeout(LIMIT, watched).await.expect("the transfer ends in time");
        assert_eq!(last.state(), api::transfer::State::Delivered, "{last:?}");
        assert_eq!(last.amount, amount.to_string());
    }

    /// A time of a chain's own clock, which a relayer tells.
    async fn in_seconds(&self, at: usize, seconds: i64) -> prost_types::Timestamp {
        let request = api::QuoteRequest { bridge: "bridges/alpha-beta".into(), asset: String::new() };
        let quote = self.client(0).await.quote(request).await.unwrap().into_inner();
        assert_eq!(quote.assets.len(), 6, "three assets at both ends");
        let lane = format!("lanes/{}", self.world.lane(at));
        let lane = quote.lanes.iter().find(|quoted| quoted.lane == lane).unwrap();
        assert!(lane.running, "{lane:?}");
        let now = lane.source_time.unwrap();
        prost_types::Timestamp { seconds: now.seconds + seconds, nanos: 0 }
    }

    /// Alice gives 500 at home for 300 of Bob's at the other chain.
    async fn terms(&self, seconds: i64) -> api::SwapTerms {
        let deadlines = [self.in_seconds(0, seconds).await, self.in_seconds(1, seconds).await];
        let leg = |at: usize, amount: u64, from: usize, to: usize| api::Leg {
            asset: self.asset(at).1,
            amount: amount.to_string(),
            from: self.account(from, at),
            to: self.account(to, at),
            deadline: Some(deadlines[at]),
        };
        api::SwapTerms {
            bridge: "bridges/alpha-beta".into(),
            legs: vec![leg(0, 500, 0, 1), leg(1, 300, 1, 0)],
            nonce: String::new(),
        }
    }

    /// Bob waits at his relayer until the swap is offered there, and accepts it.
    async fn accept(&self, swap: &str) {
        let mut bob = self.client(1).await;
        let offered = async {
            let mut events = bob.watch_swaps(api::WatchSwapsRequest::default()).await.unwrap().into_inner();
            loop {
                let event = events.next().await.expect("the stream goes on").unwrap();
                let seen = event.swap.unwrap();
                if seen.name == swap && event.kind == Kind::Offered as i32 {
                    return seen;
                }
            }
        };
        let seen = tokio::time::timeout(LIMIT, offered).await.expect("it is offered in time");
        let filter = "state = OFFERED AND bridge = bridges/alpha-beta".to_owned();
        let listed = bob.list_swaps(api::ListSwapsRequest { filter, ..Default::default() }).await.unwrap().into_inner();
        assert!(listed.swaps.iter().any(|s| s.name == swap && !s.proposed_here), "{listed:?}");
        // Terms that differ by one field are refused, and the field is named.
        let mut other = seen.terms.clone().unwrap();
        other.legs[1].amount = "299".into();
        let wrong = api::AcceptSwapRequest { name: swap.to_owned(), terms: Some(other) };
        let refused = bob.accept_swap(wrong).await.unwrap_err();
        let details = refused.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((refused.code(), &*info.reason), (Code::FailedPrecondition, "TERMS_MISMATCH"));
        assert_eq!(info.metadata["field"], "terms.legs[1].amount");
        let right = api::AcceptSwapRequest { name: swap.to_owned(), terms: seen.terms };
        assert_eq!(bob.accept_swap(right).await.unwrap().into_inner().state(), State::Accepted);
    }

    /// Follows a swap from its beginning to its end; gives its events and how it ended.
    async fn follow(&self, who: usize, swap: &str) -> (Vec<(Kind, u32)>, api::Swap) {
        let mut client = self.client(who).await;
        let request = api::WatchSwapRequest { name: swap.to_owned(), cursor: String::new() };
        let watched = async {
            let mut stream = client.watch_swap(request).await.unwrap().into_inner();
            let (mut events, mut last) = (Vec::new(), None);
            while let Some(event) = stream.next().await {
                let event = event.unwrap();
                events.push((event.kind(), event.leg));
                last = event.swap;
            }
            (events, last.unwrap())
        };
        tokio::time::timeout(LIMIT, watched).await.expect("the swap ends in time")
    }

    /// Waits until a party sees the swap in one of these states.
    async fn until(&self, who: usize, swap: &str, states: &[State]) {
        let mut client = self.client(who).await;
        let request = api::WatchSwapRequest { name: swap.to_owned(), cursor: String::new() };
        let seen = async {
            let mut stream = client.watch_swap(request).await.unwrap().into_inner();
            while let Some(event) = stream.next().await {
                if states.contains(&event.unwrap().swap.unwrap().state()) {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, seen).await.expect("the state is seen in time");
    }
}

/// Proposed at one relayer, accepted at the other, locked by both, released to both; and the same request id is the same
/// swap, also after a kill (ATK-099).
#[tokio::test(flavor = "multi_thread")]
async fn atk_099_a_swap_from_proposal_to_release_and_its_request_id_afterwards() {
    let swaps = Swaps::start().await;
    swaps.mint(0, 10_000).await;
    swaps.mint(1, 10_000).await;
    swaps.bring(1, 1_000).await;

    let request = api::ProposeSwapRequest {
        terms: Some(swaps.terms(300).await),
        request_id: "4711".into(),
        validate_only: false,
    };
    let mut alice = swaps.client(0).await;
    let (one, two) = tokio::join!(
        async { swaps.client(0).await.propose_swap(request.clone()).await.unwrap().into_inner() },
        async { swaps.client(0).await.propose_swap(request.clone()).await.unwrap().into_inner() }
    );
    assert_eq!(one.name, two.name, "one request id made two swaps");
    let swap = one.name;
    swaps.accept(&swap).await;
    swaps.until(0, &swap, &[State::Accepted]).await;
    // Bob prepares before anything is locked, and signs when Alice's lock is known at his chain: his lock pays out at once.
    let early = swaps.prepare_lock(1, &swap, 1).await;
    swaps.lock(0, &swap, 0).await;
    swaps.until(1, &swap, &[State::Locked]).await;
    tokio::time::sleep(BLOCK * 10).await;
    swaps.submit(1, early).await;
    for who in [0, 1] {
        let (events, ended) = swaps.follow(who, &swap).await;
        assert_eq!(ended.state(), State::Released, "{ended:?}");
        assert!(ended.legs.iter().all(|leg| leg.outcome() == Outcome::Released));
        let mut counted = BTreeMap::new();
        for event in &events {
            *counted.entry(format!("{event:?}")).or_insert(0) += 1;
        }
        for leg in [0, 1] {
            assert_eq!(counted.get(&format!("{:?}", (Kind::LegLocked, leg))), Some(&1), "{events:?}");
            assert_eq!(counted.get(&format!("{:?}", (Kind::LegReleased, leg))), Some(&1), "{events:?}");
        }
        assert_eq!(events.last().map(|event| event.0), Some(Kind::Ended));
        println!("relayer {who}: {events:?}");
    }
    assert_eq!(swaps.balance(0, 1).await, U256::from(9_000 + 500));
    assert_eq!(swaps.balance(1, 0).await, U256::from(300));

    swaps.world.kill(0).await.unwrap();
    swaps.world.start(0).await.unwrap();
    swaps.world.ready(0, true).await.unwrap();
    drop(alice);
    alice = swaps.client(0).await;
    let again = alice.propose_swap(request.clone()).await.unwrap().into_inner();
    assert_eq!((again.name.as_str(), again.state()), (&*swap, State::Released));
    let mut other = request;
    other.terms.as_mut().unwrap().legs[0].amount = "501".into();
    let refused = alice.propose_swap(other).await.unwrap_err();
    let reason = refused.get_error_details().error_info().unwrap().reason.clone();
    assert_eq!((refused.code(), reason.as_str()), (Code::FailedPrecondition, "KEY_REUSED"));
    // Another caller's key is another key: Bob's first swap under it is his own (and for accounts of Alice refused).
    let bob = api::ProposeSwapRequest {
        terms: Some(swaps.terms(300).await),
        request_id: "4711".into(),
        validate_only: false,
    };
    let refused = swaps.client(1).await.propose_swap(bob).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    tokio::time::sleep(BLOCK).await;
    swaps.world.judge(LIMIT).await;
}

/// The counterparty vanishes after it accepted: the leg that is locked goes back after the other's deadline, by the
/// relayers alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_vanishes_costs_the_other_nothing() {
    let swaps = Swaps::start().await;
    swaps.mint(0, 10_000).await;
    let request = api::ProposeSwapRequest {
        terms: Some(swaps.terms(25).await),
        request_id: "vanish".into(),
        validate_only: false,
    };
    let swap = swaps.client(0).await.propose_swap(request).await.unwrap().into_inner().name;
    swaps.accept(&swap).await;
    swaps.until(0, &swap, &[State::Accepted]).await;
    swaps.lock(0, &swap, 0).await;
    let (events, ended) = swaps.follow(0, &swap).await;
    println!("{events:?}");
    assert_eq!(ended.state(), State::GivenBack, "{ended:?}");
    assert_eq!(swaps.balance(0, 0).await, U256::from(10_000));
    swaps.world.judge(LIMIT).await;
}

/// A Python with the packages of the client; made once beside the build. `None` where it cannot be, outside of CI.
fn python() -> Option<std::path::PathBuf> {
    if let Some(given) = std::env::var_os("CAUSEWAY_PYTHON") {
        return Some(given.into());
    }
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-client");
    let python = folder.join("bin/python");
    let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/clients/python/requirements.txt");
    let run = |program: &std::path::Path, args: &[&str]| {
        std::process::Command::new(program).args(args).status().is_ok_and(|status| status.success())
    };
    let made = run("python3".as_ref(), &["-m", "venv", folder.to_str()?])
        && run(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
    if made {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "in CI the Python client is not left out");
    eprintln!("left out: no Python with the packages of tests/clients/python/requirements.txt");
    None
}

/// A program in another language, written from the `.proto` file alone, makes a swap with a key of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_python_swaps_from_proposal_to_release() {
    let Some(python) = tokio::task::spawn_blocking(python).await.unwrap() else { return };
    let swaps = Swaps::start().await;
    swaps.mint(0, 10_000).await;
    swaps.mint(1, 10_000).await;
    swaps.bring(1, 1_000).await;
    swaps.in_seconds(0, 0).await;
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/clients/python/swap.py");
    let child = tokio::process::Command::new(python)
        .arg(program)
        .env("API", format!("127.0.0.1:{}", swaps.parties[0].port))
        .env("TOKEN", swaps.parties[0].token)
        .env("KEY", swaps.parties[0].key.to_bytes().to_string())
        .env("BRIDGE", "bridges/alpha-beta")
        .env("GIVE", swaps.asset(0).1)
        .env("GIVE_AMOUNT", "500")
        .env("TAKE", swaps.asset(1).1)
        .env("TAKE_AMOUNT", "300")
        .env("PEER", format!("{:#x}", swaps.parties[1].key.address()))
        .kill_on_drop(true)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let bob = async {
        let mut bob = swaps.client(1).await;
        let mut events = bob.watch_swaps(api::WatchSwapsRequest::default()).await.unwrap().into_inner();
        let swap = loop {
            let event = events.next().await.unwrap().unwrap();
            if event.kind() == Kind::Offered {
                break event.swap.unwrap().name;
            }
        };
        swaps.accept(&swap).await;
        swaps.until(1, &swap, &[State::Locked]).await;
        swaps.lock(1, &swap, 1).await;
        swaps.follow(1, &swap).await.1
    };
    let ended = tokio::time::timeout(LIMIT * 2, bob).await.expect("Bob's side ends in time");
    assert_eq!(ended.state(), State::Released);
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("the program ends").unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success() && text.contains("ended STATE_RELEASED"), "{text}");
    assert_eq!(swaps.balance(1, 0).await, U256::from(300));
}
