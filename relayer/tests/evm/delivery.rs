//! Transfers over a bridge, step by step through the ports: lock → scan → prove → verify → deliver → final → proven
//! delivered; a late one comes back with its original's proof.

use crate::rig::{BLOCK, Rig, Side, WallClock, bridge, finalised, reach, watch};
use alloy::{
    primitives::{Address, B256, Bytes, U256, address, keccak256},
    sol,
    sol_types::{SolCall, SolEvent, SolValue},
};
use causeway::{
    chains::{
        Chain,
        evm::{
            abi::{IClient, ICouncil, IVault},
            artefacts::Artefact,
            bundle::{calldata, gas_limit},
            config::Gas,
            contract::view,
            deploy::{
                bridge::{Asset, Standard},
                code,
            },
        },
    },
    lane::{
        chain::{ChainView, Ports},
        error::Kind,
        freeze::Report,
        ports::Clock,
        types::{Bundle, Delivery, Originals, Run, StateProof, TrustedState, Update, VaultEvent},
    },
};
use causeway_core::{Anchor, Body, Entry, LaneId, OutboxTree, Reason, tree::peaks};
use causeway_devchain::{Faults, HeaderLie, LogLie, RpcConfig};
use std::sync::Arc;

sol! {
    interface IProxy {
        function upgradeToAndCall(address implementation, bytes memory data) external;
    }

    interface IToken {
        function mint(address to, uint256 amount) external;
        function approve(address spender, uint256 amount) external returns (bool);
        function balanceOf(address owner) external view returns (uint256);
    }
}

type States = tokio::sync::watch::Receiver<Option<(TrustedState, Update)>>;

const ALICE: u64 = 5;
const BOB: Address = address!("00000000000000000000000000000000000b0b00");

/// A token of `home`, registered at both ends; (token, voucher).
async fn token(home: &Side, away: &Side) -> (Address, Address) {
    let (out, back) = lanes(home, away);
    let arguments = ("Gold".to_owned(), "AU".to_owned(), U256::from(18)).abi_encode_params();
    let token = home.create(Artefact::TEST_ERC20, &arguments).await;
    let asset = Asset {
        standard: Standard::Erc20,
        token: None,
        remote_asset: Standard::Erc20.asset(&home.end.chain, token),
        decimals: (18, 18),
        min_amount: 1,
        caps: None,
        name: ("Gold".into(), "AU".into()),
    };
    away.decide(vec![asset.register(away.end.vault, back).unwrap()]).await;
    let named = IVault::tokenOfCall { lane: out.0, assetHash: asset.remote_asset };
    let voucher = view(away.deployer.pool(), away.end.vault, &named).await.unwrap();
    let home_asset =
        Asset { token: Some(token), remote_asset: Standard::Erc20.asset(&away.end.chain, voucher), ..asset };
    home.decide(vec![home_asset.register(home.end.vault, out).unwrap()]).await;
    (token, voucher)
}

fn lanes(home: &Side, away: &Side) -> (LaneId, LaneId) {
    let lanes = home.end.lanes(&away.end, 1).unwrap();
    (lanes.out, lanes.back)
}

fn word(address: Address) -> B256 {
    address.into_word()
}

async fn balance(side: &Side, token: Address, owner: Address) -> U256 {
    view(side.deployer.pool(), token, &IToken::balanceOfCall { owner }).await.unwrap()
}

/// The entries of a lane that leaves `chain`, out of its events up to `height`.
async fn entries(chain: &Chain, lane: LaneId, height: u64) -> Vec<Entry> {
    let events = chain.entries.scan(&chain.vault, 1, height).await.unwrap();
    let mut all = Vec::new();
    for event in events {
        if let VaultEvent::Appended { lane: of, entries, .. } = event
            && of == lane
        {
            all.extend(entries);
        }
    }
    assert!(all.iter().zip(0..).all(|(e, i)| e.index == i));
    all
}

/// Proves all entries of the lane at a verified header, as `prove` does.
async fn bundle(chain: &Chain, outbox: Address, lane: LaneId, at: &TrustedState, update: &Update) -> Bundle {
    let entries = entries(chain, lane, at.height).await;
    let outbox = bytes::Bytes::copy_from_slice(outbox.as_slice());
    let size = chain.verifier.size(at, &outbox, &chain.proofs.size(&outbox, at.height).await.unwrap()).unwrap();
    assert_eq!(size, entries.len() as u64, "events and proven size agree");
    let leaves: Vec<B256> = entries.iter().map(Entry::commitment).collect();
    let tree = OutboxTree::from_leaves(&leaves);
    let mut runs = Vec::new();
    for part in peaks::split(size, 0, size).unwrap() {
        let mut siblings = Vec::new();
        tree.prove_peak(part.peak.height, part.first, part.count, &mut siblings).unwrap();
        runs.push(Run { peak: part.peak.height, count: u16::try_from(part.count).unwrap(), siblings });
    }
    let heights: Vec<u8> = runs.iter().map(|r| r.peak).collect();
    let proof = chain.proofs.peaks(&outbox, &heights, at.height).await.unwrap();
    let proven = chain.verifier.peaks(at, &outbox, &heights, &proof).unwrap();
    let mut rest: &[Entry] = &entries;
    for (run, peak) in runs.iter().zip(&proven) {
        let (mine, after) = rest.split_at(run.count.into());
        Anchor::Peak { peak: *peak, height: run.peak }
            .verify_entries(lane, mine[0].index, mine, &run.siblings)
            .unwrap();
        rest = after;
    }
    Bundle {
        lane,
        first: 0,
        entries,
        source_height: at.height,
        update: update.bytes.clone(),
        state_proof: proof.0,
        runs,
    }
}

/// The update as the destination's client contract takes it.
async fn for_contract(source: &Chain, destination: &Chain, lane: LaneId, at: &TrustedState, update: &Update) -> Update {
    let contract = destination.submitter.as_ref().unwrap().client(lane).await.unwrap();
    let (before, bytes) = source.verifier.for_contract(&contract, std::slice::from_ref(at), &update.bytes).unwrap();
    assert!(before.is_empty());
    Update { height: update.height, bytes }
}

async fn delivered(chain: &Chain, lane: LaneId, at: &TrustedState) -> U256 {
    let proof = chain.proofs.delivered(&chain.vault, lane, &[0], at.height).await.unwrap();
    chain.verifier.delivered(at, &chain.vault, lane, &[0], &proof).unwrap()[0]
}

fn chain(id: u64, seed: &str) -> causeway_devchain::ChainBuilder {
    causeway_devchain::Chain::builder().chain_id(id).seed(seed).block_time(BLOCK)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_go_over_and_a_late_one_comes_back() {
    let (north, south) = bridge(Rig::new(chain(4001, "north")).await, Rig::new(chain(4002, "south")).await).await;
    let (token, voucher) = token(&north, &south).await;
    let (out, back) = lanes(&north, &south);
    for (side, artefact, address) in [
        (&north, Artefact::OUTBOX, north.end.outbox),
        (&north, Artefact::CLIENT, north.client),
        (&south, Artefact::PROXY, south.end.vault),
        (&south, Artefact::VAULT, south.contracts.implementation),
    ] {
        code::check(side.deployer.pool(), address, artefact).await.unwrap();
    }
    assert!(code::check(north.deployer.pool(), north.client, Artefact::OUTBOX).await.is_err());
    let vault_code = code::vault(north.deployer.pool(), north.end.vault).await.unwrap();
    assert_eq!(vault_code.implementation, north.contracts.implementation);

    // Alice locks twenty at once and one that will be late; the destination's clock runs a second a block.
    let alice = north.rig.deployer(ALICE);
    let thousand = U256::from(1_000);
    alice.call(token, IToken::mintCall { to: alice.address(), amount: thousand }.abi_encode()).await.unwrap();
    alice.call(token, IToken::approveCall { spender: north.end.vault, amount: thousand }.abi_encode()).await.unwrap();
    let (north_ports, south_ports) = (north.ports(1), south.ports(1));
    let mut north_states = watch(Arc::clone(&north_ports));
    let mut south_states = watch(Arc::clone(&south_ports));
    let now = reach(&mut south_states, 1).await.0.time.max(reach(&mut north_states, 1).await.0.time);
    let item = IVault::Item { recipient: word(BOB), amountOrId: U256::from(3), memoHash: B256::ZERO };
    let many = IVault::sendManyCall { lane: out.0, token, timeout: now + 86_000, items: vec![item; 20] };
    alice.call(north.end.vault, many.abi_encode()).await.unwrap();
    let late = IVault::lockCall {
        lane: out.0,
        token,
        amountOrId: U256::from(100),
        recipient: word(BOB),
        timeout: now + 40,
        memoHash: B256::repeat_byte(7),
    };
    let receipt = alice.call(north.end.vault, late.abi_encode()).await.unwrap();

    // The late one is late when the destination's clock has passed its timeout.
    let source_height: u64 = receipt.block_number.to();
    let (at, update) = reach(&mut north_states, source_height).await;
    let waiting = south_states.wait_for(|s| s.as_ref().is_some_and(|(t, _)| t.time > late.timeout));
    tokio::time::timeout(crate::rig::PATIENCE, waiting).await.unwrap().unwrap();
    let forth = bundle(&north_ports, north.end.outbox, out, &at, &update).await;
    assert_eq!(forth.entries.len(), 21);
    // What the slots prove of the client contract is what it tells.
    let proven = south_ports.submitter.as_ref().unwrap().proven_client(out).await.unwrap();
    let told = view(south.deployer.pool(), south.client, &IClient::stateCall {}).await.unwrap();
    assert_eq!(
        (proven.height, proven.time, proven.signers, proven.frozen, proven.trusting_period),
        (told.height, told.time, told.setHash, told.frozen, told.trustingPeriod)
    );
    assert!(proven.height > 0);
    let update = for_contract(&north_ports, &south_ports, out, &at, &update).await;
    let forth = Bundle { update: update.bytes, ..forth };
    let submitter = south_ports.submitter.clone().unwrap();
    let call = Delivery { bundle: Arc::new(forth.clone()), originals: vec![] };
    let (_, block, gas) = finalised(submitter.deliver(call.clone()).await.unwrap()).await;
    println!("delivery of 21: {gas} gas");
    assert_eq!(balance(&south, voucher, BOB).await, U256::from(60));
    let (at, _) = reach(&mut south_states, block).await;
    assert_eq!(delivered(&south_ports, out, &at).await, U256::from((1u64 << 21) - 1));

    // A second delivery of the same entries changes nothing (INV-2, ATK-087).
    let (.., again) = finalised(submitter.deliver(call).await.unwrap()).await;
    assert!(again < gas);
    assert_eq!(balance(&south, voucher, BOB).await, U256::from(60));

    // The late one comes back with its original's proof, under the peak of the chain's own outbox.
    let (at, update) = reach(&mut south_states, block).await;
    let home = bundle(&south_ports, south.end.outbox, back, &at, &update).await;
    let [Entry { body: Body::Returned(returned), .. }] = home.entries.as_slice() else { panic!("{:?}", home.entries) };
    assert_eq!((returned.index, returned.reason), (20, Reason::Expired));
    let leaves: Vec<B256> = forth.entries.iter().map(Entry::commitment).collect();
    let peak = peaks::covering(21, 20).unwrap().height;
    let mut siblings = Vec::new();
    OutboxTree::from_leaves(&leaves).prove_peak(peak, 20, 1, &mut siblings).unwrap();
    let originals = vec![Originals { transfers: vec![forth.entries[20]], peak, siblings }];
    let update = for_contract(&south_ports, &north_ports, back, &at, &update).await;
    let home = Arc::new(Bundle { update: update.bytes, ..home });
    let submitter = north_ports.submitter.clone().unwrap();
    let (_, block, _) = finalised(submitter.deliver(Delivery { bundle: home, originals }).await.unwrap()).await;
    assert_eq!(balance(&north, token, alice.address()).await, U256::from(1_000 - 60));
    assert_eq!(balance(&north, token, north.end.vault).await, U256::from(60), "escrow");
    let (at, _) = reach(&mut north_states, block).await;
    assert_eq!(delivered(&north_ports, back, &at).await, U256::ONE);
}

/// Delivers all entries of the lane in one call; gas used, and the gas limit of the formula.
async fn carry(
    (source, states): (&Chain, &mut States),
    destination: &Chain,
    outbox: Address,
    lane: LaneId,
    height: u64,
) -> (u64, u64) {
    let (at, update) = reach(states, height).await;
    let bundle = bundle(source, outbox, lane, &at, &update).await;
    let update = for_contract(source, destination, lane, &at, &update).await.bytes;
    let delivery = Delivery { bundle: Arc::new(Bundle { update, ..bundle }), originals: vec![] };
    let data = calldata(&delivery).unwrap();
    let limit = gas_limit(&Gas::default(), &delivery.bundle.entries, &data);
    let submitter = destination.submitter.clone().unwrap();
    let (.., gas) = finalised(submitter.deliver(delivery).await.unwrap()).await;
    (gas, limit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_batches_fit_the_gas_formula() {
    let (north, south) = bridge(Rig::new(chain(4031, "north4")).await, Rig::new(chain(4032, "south4")).await).await;
    let (token, voucher) = token(&north, &south).await;
    let (out, back) = lanes(&north, &south);
    let (alice, carol) = (north.rig.deployer(ALICE), south.rig.deployer(ALICE));
    let (north_ports, south_ports) = (north.ports(1), south.ports(1));
    let (mut north_states, mut south_states) = (watch(Arc::clone(&north_ports)), watch(Arc::clone(&south_ports)));
    let timeout = reach(&mut south_states, 1).await.0.time + 86_000;
    let all = U256::from(1_000_000);
    alice.call(token, IToken::mintCall { to: alice.address(), amount: all }.abi_encode()).await.unwrap();
    alice.call(token, IToken::approveCall { spender: north.end.vault, amount: all }.abi_encode()).await.unwrap();

    // 255 fresh recipients and one that sends everything back, to 256 fresh ones.
    let fresh = |i: u64, amount: u64| IVault::Item {
        recipient: word(Address::from_word(keccak256(i.to_be_bytes()))),
        amountOrId: U256::from(amount),
        memoHash: B256::ZERO,
    };
    let mut items: Vec<IVault::Item> = (0..255).map(|i| fresh(i, 3)).collect();
    items.push(IVault::Item { recipient: word(carol.address()), ..fresh(0, 10_000) });
    let many = IVault::sendManyCall { lane: out.0, token, timeout, items };
    let height: u64 = alice.call(north.end.vault, many.abi_encode()).await.unwrap().block_number.to();
    let (gas, limit) = carry((&north_ports, &mut north_states), &south_ports, north.end.outbox, out, height).await;
    println!("256 minted to fresh recipients: {gas} gas, {} an entry, limit {limit}", gas / 256);
    assert!(gas < limit && limit <= Gas::default().limit);
    assert_eq!(balance(&south, voucher, carol.address()).await, U256::from(10_000));

    carol.call(voucher, IToken::approveCall { spender: south.end.vault, amount: all }.abi_encode()).await.unwrap();
    let items: Vec<IVault::Item> = (1_000..1_256).map(|i| fresh(i, 3)).collect();
    let many = IVault::sendManyCall { lane: back.0, token: voucher, timeout, items };
    let height: u64 = carol.call(south.end.vault, many.abi_encode()).await.unwrap().block_number.to();
    let (gas, limit) = carry((&south_ports, &mut south_states), &north_ports, south.end.outbox, back, height).await;
    println!("256 released to fresh recipients: {gas} gas, {} an entry, limit {limit}", gas / 256);
    assert!(gas < limit);
    let held = balance(&north, token, north.end.vault).await;
    assert_eq!(held, U256::from(255 * 3 + 10_000 - 256 * 3), "escrow is what is outstanding (INV-1)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_formula_that_is_too_low_is_raised_for_its_lane() {
    let (north, south) = bridge(Rig::new(chain(4041, "north5")).await, Rig::new(chain(4042, "south5")).await).await;
    let (token, voucher) = token(&north, &south).await;
    let (out, _) = lanes(&north, &south);
    let low = "gas = { base = 60000, per_transfer = 1000 }";
    let extra = format!("{}\n{low}", south.rig.signer(1));
    let north_ports = north.ports(1);
    let south_ports = south.rig.ports(south.rig.config(&south.rig.own(), south.end.vault, &extra));
    let (mut states, mut south_states) = (watch(Arc::clone(&north_ports)), watch(Arc::clone(&south_ports)));
    let alice = north.rig.deployer(ALICE);
    let all = U256::from(100);
    alice.call(token, IToken::mintCall { to: alice.address(), amount: all }.abi_encode()).await.unwrap();
    alice.call(token, IToken::approveCall { spender: north.end.vault, amount: all }.abi_encode()).await.unwrap();
    let lock = IVault::lockCall {
        lane: out.0,
        token,
        amountOrId: U256::from(10),
        recipient: word(BOB),
        timeout: reach(&mut south_states, 1).await.0.time + 86_000,
        memoHash: B256::ZERO,
    };
    for round in 1..=3u64 {
        let height: u64 = alice.call(north.end.vault, lock.abi_encode()).await.unwrap().block_number.to();
        let (gas, _) = carry((&north_ports, &mut states), &south_ports, north.end.outbox, out, height).await;
        assert!(gas > 62_000, "the formula alone would not do");
        assert_eq!(balance(&south, voucher, BOB).await, U256::from(10 * round));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_024_a_changed_bundle_is_refused_before_it_costs_anything() {
    let (north, south) = bridge(Rig::new(chain(4011, "north2")).await, Rig::new(chain(4012, "south2")).await).await;
    let (token, _) = token(&north, &south).await;
    let (out, _) = lanes(&north, &south);
    let alice = north.rig.deployer(ALICE);
    let ten = U256::from(10);
    alice.call(token, IToken::mintCall { to: alice.address(), amount: ten }.abi_encode()).await.unwrap();
    alice.call(token, IToken::approveCall { spender: north.end.vault, amount: ten }.abi_encode()).await.unwrap();
    let (north_ports, south_ports) = (north.ports(1), south.ports(1));
    let mut states = watch(Arc::clone(&north_ports));
    let lock = IVault::lockCall {
        lane: out.0,
        token,
        amountOrId: ten,
        recipient: word(BOB),
        timeout: reach(&mut states, 1).await.0.time + 86_000,
        memoHash: B256::ZERO,
    };
    let height: u64 = alice.call(north.end.vault, lock.abi_encode()).await.unwrap().block_number.to();
    let (at, update) = reach(&mut states, height).await;
    let mut bundle = bundle(&north_ports, north.end.outbox, out, &at, &update).await;
    let submitter = south_ports.submitter.clone().unwrap();
    let before = submitter.balance().await.unwrap();
    if let Body::Transfer(transfer) = &mut bundle.entries[0].body {
        transfer.amount = U256::from(11);
    }
    let error = submitter.deliver(Delivery { bundle: Arc::new(bundle), originals: vec![] }).await.unwrap_err();
    assert_eq!(error.kind, causeway::lane::error::Kind::Reverted);
    assert!(error.detail.contains("RootMismatch"), "{error}");
    assert_eq!(submitter.balance().await.unwrap(), before);

    // A forged state proof is the node's lie, not the lane's end.
    let outbox = bytes::Bytes::copy_from_slice(north.end.outbox.as_slice());
    let mut proof = north_ports.proofs.peaks(&outbox, &[0], at.height).await.unwrap().0.to_vec();
    let last = proof.len() - 1;
    proof[last] ^= 1;
    let refused = north_ports.verifier.peaks(&at, &outbox, &[0], &StateProof(Bytes::from(proof).into())).unwrap_err();
    assert!(refused.is_retry());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_009_a_changed_vault_stops_its_lanes() {
    let (north, south) = bridge(Rig::new(chain(4021, "north3")).await, Rig::new(chain(4022, "south3")).await).await;
    let agreed = code::vault(north.deployer.pool(), north.end.vault).await.unwrap();
    let section = |hash| format!("vault_code = \"{hash}\"");
    let ports = |extra: &str| north.rig.ports(north.rig.config(&north.rig.own(), north.end.vault, extra));

    // Another code than the agreed one: the lanes stop at the first look.
    let foreign = ports(&section(B256::repeat_byte(1)));
    let _states = watch(Arc::clone(&foreign));
    stopped(&foreign).await;

    // The agreed one, by two relayers: one knows the agreement, the other takes what it finds.
    let (knows, finds) = (ports(&section(agreed.hash)), ports(""));
    let mut states = [watch(Arc::clone(&knows)), watch(Arc::clone(&finds))];
    for states in &mut states {
        let height = north.rig.handle.head().number + 10;
        reach(states, height).await;
    }

    // The organisations upgrade the vault: the same code at another address is another vault all the same.
    let arguments = (north.contracts.admin,).abi_encode_params();
    let implementation = north.create(Artefact::VAULT, &arguments).await;
    let upgrade = IProxy::upgradeToAndCallCall { implementation, data: Bytes::new() };
    let target = north.end.vault;
    north.decide(vec![ICouncil::Call { target, data: upgrade.abi_encode().into() }]).await;
    assert_eq!(code::implementation(north.deployer.pool(), target).await.unwrap(), implementation);
    stopped(&knows).await;
    stopped(&finds).await;
    drop(south);
}

async fn stopped(chain: &Chain) {
    let stop = async {
        let mut height = 0;
        loop {
            match chain.headers.newer_than(height).await {
                Ok(newer) => height = newer,
                Err(e) if e.is_retry() => {}
                Err(e) => return e.kind,
            }
        }
    };
    let kind = tokio::time::timeout(crate::rig::PATIENCE, stop).await.expect("the lane goes on");
    assert_eq!(kind, causeway::lane::error::Kind::VaultCodeChanged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_072_atk_014_logs_are_asked_for_in_pieces_and_false_ones_found() {
    let limits = RpcConfig { log_blocks_max: 7, ..RpcConfig::default() };
    let (north, south) =
        bridge(Rig::new(chain(4061, "north7").rpc(limits)).await, Rig::new(chain(4062, "south7")).await).await;
    let (token, _) = token(&north, &south).await;
    let (out, _) = lanes(&north, &south);
    let alice = north.rig.deployer(ALICE);
    let all = U256::from(100);
    alice.call(token, IToken::mintCall { to: alice.address(), amount: all }.abi_encode()).await.unwrap();
    alice.call(token, IToken::approveCall { spender: north.end.vault, amount: all }.abi_encode()).await.unwrap();
    let height = north.rig.handle.head().number;
    let time = causeway_bft_evm::SealedHeader::read(causeway_bft_evm::Mode::Qbft, &north.rig.handle.head().header)
        .unwrap()
        .time();
    let lock = IVault::lockCall {
        lane: out.0,
        token,
        amountOrId: U256::from(10),
        recipient: word(BOB),
        timeout: time + 86_000,
        memoHash: B256::ZERO,
    };
    for _ in 0..3 {
        alice.call(north.end.vault, lock.abi_encode()).await.unwrap();
    }
    let head = north.rig.handle.head().number;
    assert!(head > height + 2 && head > 20, "more blocks than the node answers for at once");
    let ports = north.ports(1);
    assert_eq!(entries(&ports, out, head).await.len(), 3);
    let honest = format!("{:?}", ports.entries.scan(&ports.vault, 1, head).await.unwrap());

    // Logs that were made up by a node: not packed entries, or from another contract in the vault's place.
    let forged = |data: &'static [u8]| LogLie::Forge {
        address: north.end.vault,
        topics: vec![IVault::Appended::SIGNATURE_HASH, out.0, B256::ZERO],
        data: Bytes::from_static(data),
    };
    for lie in [forged(b"junk"), LogLie::Alter] {
        let faults = Faults { logs: Some(lie.clone()), ..Faults::default() };
        let liar = north.rig.handle.endpoint(faults).await.unwrap();
        let urls = [(liar.rpc_url(), None), (north.rig.handle.rpc_url(), None)];
        let ports = north.rig.ports(north.rig.config(&urls, north.end.vault, ""));
        let scan = async {
            loop {
                match ports.entries.scan(&ports.vault, 1, head).await {
                    Ok(events) => return events,
                    Err(e) => assert!(e.is_retry(), "{e}"),
                }
            }
        };
        let events = tokio::time::timeout(crate::rig::PATIENCE, scan).await.unwrap();
        // What a node alters without breaking the form is found by the proven outbox, above this port.
        let first = ports.endpoints.endpoints()[0].clone();
        println!("{lie:?}: {} events, node is {}", events.len(), first.health);
        if matches!(lie, LogLie::Alter) {
            continue;
        }
        // Whichever node was asked first, what is no entry is never taken for one; and once the liar is asked, it is named.
        assert_eq!(format!("{events:?}"), honest);
        let named = async {
            while ports.endpoints.endpoints()[0].health != "lied" {
                let _ = ports.entries.scan(&ports.vault, 1, head).await;
            }
        };
        tokio::time::timeout(crate::rig::PATIENCE, named).await.expect("the liar is named");
    }
    drop(south);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_066_an_idle_chain_is_made_to_make_a_block() {
    let handle = chain(4071, "idle").empty_blocks(false).spawn().await.unwrap();
    handle.mine(2).await.unwrap();
    let rig = Rig::around(handle);
    let extra = format!("{}\nempty_blocks = false", rig.signer(1));
    let ports = rig.ports(rig.config(&rig.own(), Address::repeat_byte(1), &extra));
    let mut states = watch(Arc::clone(&ports));
    let height = reach(&mut states, 2).await.0.height;
    assert_eq!(rig.handle.head().number, height, "nothing happens by itself");
    let (_, block, _) = finalised(ports.submitter.as_ref().unwrap().tick().await.unwrap()).await;
    assert_eq!(block, height + 1);
    assert_eq!(reach(&mut states, block).await.0.height, block);
}

/// A chain as lanes see it.
fn seen(chain: &Chain) -> Arc<ChainView> {
    let ports = Ports {
        headers: chain.headers.clone(),
        verifier: chain.verifier.clone(),
        proofs: chain.proofs.clone(),
        entries: chain.entries.clone(),
        submitter: chain.submitter.clone(),
    };
    Arc::new(ChainView::new(chain.id.clone(), chain.vault.clone(), chain.block_time, ports))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_8_evidence_of_two_final_blocks_freezes_the_client_contract_at_the_other_chain() {
    let (north, south) = bridge(Rig::new(chain(4061, "north6")).await, Rig::new(chain(4062, "south6")).await).await;
    let (out, _) = lanes(&north, &south);
    let (north_ports, south_ports) = (north.ports(1), south.ports(1));
    let mut south_states = watch(Arc::clone(&south_ports));
    reach(&mut south_states, 1).await;
    let faults = Faults { header: Some(HeaderLie::Equivocate), ..Faults::default() };
    let other = north.rig.handle.endpoint(faults).await.unwrap();
    let other = north.rig.ports(north.rig.config(&[(other.rpc_url(), None)], north.end.vault, ""));
    // The relayer's own client accepts one block, and is shown the other.
    let pinned = north_ports.headers.pinned(north_ports.pinned.height).await.unwrap();
    let start = north_ports.verifier.start(north_ports.pinned.hash, &pinned, WallClock.now()).unwrap();
    let height = north.rig.handle.head().number;
    let mut verdicts = Vec::new();
    for told in [&north_ports, &other] {
        told.headers.newer_than(height - 1).await.unwrap();
        let [update] = told.headers.updates(&start, height).await.unwrap().try_into().unwrap();
        verdicts.push(north_ports.verifier.verify(&start, &update, WallClock.now()).map_err(|e| e.kind));
    }
    assert!(verdicts[0].is_ok());
    assert_eq!(verdicts[1].as_ref().unwrap_err(), &Kind::ClientFrozen);
    let (from, to) = (seen(&north_ports), seen(&south_ports));
    from.freeze(&north.rig.context.journal).await;
    assert_eq!(north.rig.context.journal.frozen(&from.id).unwrap().map(|c| c.height), Some(height));
    let report = Report { source: from, destination: to, lane: out };
    tokio::spawn(async move { report.run().await });
    let submitter = south_ports.submitter.clone().unwrap();
    let frozen = async {
        while !submitter.proven_client(out).await.is_ok_and(|client| client.frozen) {
            reach(&mut south_states, south.rig.handle.head().number + 1).await;
        }
    };
    tokio::time::timeout(crate::rig::PATIENCE, frozen).await.expect("the contract is not frozen");
}
