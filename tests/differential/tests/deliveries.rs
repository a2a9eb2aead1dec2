//! ATK-021, 037, 116: the entries of a delivery, in Rust and by a vault that really takes them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::{SolCall, SolValue},
};
use causeway_bft_evm::{Mode, Params, Threshold, TrustedState, ValidatorSet, ValidatorSource, compose::HeaderFields};
use causeway_core::{
    Body, Entry, LaneId, OutboxTree, Reason, Returned, SwapLeg, Transfer,
    pack::{DeliveryGroup, DeliveryRun, decode_runs, encode_runs, plan_groups},
    tree::{Anchor, peaks::split},
};
use causeway_differential::{
    machine::{Machine, SENDER},
    random::Random,
    reason::{of_vault, shown},
    tally::Tally,
    trie,
    validators::{Parts, Validator, addresses, set},
};
use common::constructor;

sol! {
    struct TestToken { string name; string symbol; uint8 decimals; }
    struct Call { address target; bytes data; }
    struct RemoteEnd { string chain; bytes32 genesis; bytes vault; bytes outbox; }
    struct AssetParams {
        uint8 mode; uint8 standard; address token; bytes32 remoteAsset; uint8 amountWidth; uint8 localDecimals;
        uint8 remoteDecimals; uint128 minAmount; uint112 lockCap; uint112 creditCap; uint32 windowSeconds;
        string name; string symbol;
    }
    function initialize(address council, bytes32 genesis) external;
    function propose(Call[] calldata calls) external returns (bytes32 id);
    function execute(uint256 number, Call[] calldata calls) external;
    function laneIds(RemoteEnd calldata remote, uint64 epoch, address outbox) external view returns (bytes32 outLane, bytes32 inLane);
    function openBridge(RemoteEnd calldata remote, uint64 epoch, address outbox, address client, uint8 accountBytes, bytes32 outLane, bytes32 inLane) external;
    function registerAsset(bytes32 outLane, AssetParams calldata p) external returns (address token);
    function assetHashOf(uint8 standard, address token) external view returns (bytes32);
    function lock(bytes32 lane, address token, uint256 amountOrId, bytes32 recipient, uint64 timeout, bytes32 memoHash) external returns (uint64 index);
    function deliver(bytes32 lane, uint64 first, bytes calldata update, bytes calldata stateProof, bytes calldata runs) external;
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
}

const SEED: u64 = 0x5eed_0000_0000_0003;
const START: u64 = 1_800_000_000;
const BATCHES: usize = 60;
const INPUTS: usize = 40;
/// Locked by the vault, to be returned.
const LOCKED: u64 = 13;
const REMOTE_OUTBOX: Address = Address::repeat_byte(0xb0);
const REMOTE_ASSET: B256 = B256::repeat_byte(0xa5);

/// A vault with a bridge, two assets and some transfers under way.
struct World {
    machine: Machine,
    params: Params,
    validators: Vec<Validator>,
    vault: Address,
    council: Address,
    proposals: u64,
    in_lane: LaneId,
    out_lane: LaneId,
    own: OutboxTree,
    sent: Vec<Transfer>,
}

impl World {
    fn new() -> Self {
        let validators = set(1, 4);
        let params = Params {
            mode: Mode::Qbft,
            validators: ValidatorSource::Header,
            trusting_period: 10_000,
            drift: 15,
            trust_threshold: Threshold { numerator: 2, denominator: 3 },
            freeze_delay: 500,
        };
        let list = ValidatorSet::new(addresses(&validators)).unwrap();
        let trusted = TrustedState::new(1_000, START, B256::repeat_byte(1), B256::repeat_byte(2), list);
        let mut machine = Machine::new(START + 100);
        let members = (vec![SENDER], U256::ONE, 0_u64, SENDER);
        let council = machine.create("Council", &members.abi_encode_params());
        let factory = machine.create("VoucherFactory", &[]);
        let admin = machine.create("VaultAdmin", &(factory,).abi_encode_params());
        let code = machine.create("Vault", &(admin,).abi_encode_params());
        let start = initializeCall { council, genesis: B256::repeat_byte(0x77) }.abi_encode();
        let vault = machine.create("ERC1967Proxy", &(code, Bytes::from(start)).abi_encode_params());
        let outbox = machine.create("Outbox", &(vault,).abi_encode_params());
        let client = machine.create("BftEvmClient", &constructor(&params, &trusted));
        let remote = RemoteEnd {
            chain: "eip155:1338".into(),
            genesis: B256::repeat_byte(0x99),
            vault: Address::repeat_byte(0xaa).to_vec().into(),
            outbox: REMOTE_OUTBOX.to_vec().into(),
        };
        let ids = machine.call(vault, &laneIdsCall { remote: remote.clone(), epoch: 0, outbox }).unwrap();
        let mut world = Self {
            machine,
            params,
            validators,
            vault,
            council,
            proposals: 0,
            in_lane: LaneId(ids.inLane),
            out_lane: LaneId(ids.outLane),
            own: OutboxTree::from_leaves(&[]),
            sent: Vec::new(),
        };
        let (out_lane, in_lane) = (ids.outLane, ids.inLane);
        let open =
            openBridgeCall { remote, epoch: 0, outbox, client, accountBytes: 20, outLane: out_lane, inLane: in_lane };
        world.decide(open.abi_encode());
        let asset = |mode, token, remote: u8| AssetParams {
            mode,
            standard: 1,
            token,
            remoteAsset: B256::repeat_byte(remote),
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
        let arguments = TestToken { name: "Token".into(), symbol: "T".into(), decimals: 18 }.abi_encode_params();
        let token = world.machine.create("TestERC20", &arguments);
        world.decide(registerAssetCall { outLane: out_lane, p: asset(2, Address::ZERO, 0xa5) }.abi_encode());
        world.decide(registerAssetCall { outLane: out_lane, p: asset(1, token, 0xa6) }.abi_encode());
        world.machine.send(token, &mintCall { to: SENDER, amount: U256::from(1_000_000) }).unwrap();
        world.machine.send(token, &approveCall { spender: vault, amount: U256::MAX }).unwrap();
        let hash = world.machine.call(vault, &assetHashOfCall { standard: 1, token }).unwrap();
        for number in 0..LOCKED {
            world.lock(token, hash, number);
        }
        world
    }

    fn decide(&mut self, data: Vec<u8>) {
        let calls = vec![Call { target: self.vault, data: data.into() }];
        self.machine.send(self.council, &proposeCall { calls: calls.clone() }).unwrap();
        self.machine.send(self.council, &executeCall { number: U256::from(self.proposals), calls }).unwrap();
        self.proposals += 1;
    }

    fn lock(&mut self, token: Address, asset: B256, number: u64) {
        let transfer = Transfer {
            asset,
            amount: U256::from(100 + number),
            sender: SENDER.into_word(),
            recipient: Address::repeat_byte(0xcc).into_word(),
            timeout: START + 1_000,
            memo: if number.is_multiple_of(3) { B256::repeat_byte(0x3e) } else { B256::ZERO },
        };
        let call = lockCall {
            lane: self.out_lane.0,
            token,
            amountOrId: transfer.amount,
            recipient: transfer.recipient,
            timeout: transfer.timeout,
            memoHash: transfer.memo,
        };
        let index = self.machine.send(self.vault, &call).unwrap();
        self.sent.push(transfer);
        self.own.append(Entry { lane: self.out_lane, index, body: Body::Transfer(transfer) }.commitment());
    }

    /// What the other chain's outbox holds: transfers of several shapes, and returns of what was locked here.
    fn entries(&self, random: &mut Random, count: u64) -> Vec<Entry> {
        let mut returned = random.below(LOCKED as usize) as u64;
        let mut asset = REMOTE_ASSET;
        (0..count)
            .map(|index| {
                if random.once_in(5) {
                    asset = *random.pick(&[REMOTE_ASSET, B256::repeat_byte(0xde)]);
                }
                let body = if random.once_in(3) && returned < LOCKED {
                    let transfer = self.sent[returned as usize];
                    let original = Entry { lane: self.out_lane, index: returned, body: Body::Transfer(transfer) };
                    let reason = *random.pick(&[Reason::Expired, Reason::Failed]);
                    returned += 1;
                    Body::Returned(Returned { index: returned - 1, commitment: original.commitment(), reason })
                } else if random.once_in(60) {
                    Body::SwapVoided(SwapLeg { swap_id: B256::repeat_byte(3), leg: 1 })
                } else {
                    let wide = random.once_in(20);
                    Body::Transfer(Transfer {
                        asset,
                        amount: U256::from(random.next() >> random.below(64)) << if wide { 190 } else { 0 },
                        sender: if wide { B256::repeat_byte(0xdd) } else { Address::repeat_byte(0xdd).into_word() },
                        recipient: Address::from_slice(&random.bytes(20)).into_word(),
                        timeout: *random.pick(&[START, START + 100, START + 101, START + 5_000]),
                        memo: if random.once_in(4) { B256::repeat_byte(0x3e) } else { B256::ZERO },
                    })
                };
                Entry { lane: self.in_lane, index, body }
            })
            .collect()
    }

    /// The Rust verdict: what a relayer that receives this bundle says of it.
    fn rust(&self, first: u64, peaks: &[(u8, B256)], bytes: &[u8]) -> Result<(), (&'static str, String)> {
        let malformed = |why: String| ("malformed runs", why);
        let runs = decode_runs(self.in_lane, self.out_lane, first, bytes).map_err(|e| malformed(e.to_string()))?;
        if runs.len() != peaks.len() {
            return Err(malformed(format!("{} runs under {} peaks", runs.len(), peaks.len())));
        }
        let mut place = first;
        for (run, (height, peak)) in runs.iter().zip(peaks) {
            let entries: Vec<Entry> = run.entries().copied().collect();
            // The contracts take no swaps yet: a swap entry is refused there whatever proves it.
            if entries.iter().any(|e| matches!(e.body, Body::SwapLocked(_) | Body::SwapVoided(_))) {
                return Err(malformed("a swap".into()));
            }
            Anchor::Peak { peak: *peak, height: *height }
                .verify_entries(self.in_lane, place, &entries, &run.siblings)
                .map_err(|e| ("not in the outbox", e.to_string()))?;
            for group in &run.groups {
                let DeliveryGroup::Returned(returned) = group else { continue };
                let own = self.own.slot(returned.height).unwrap_or_default();
                returned.verify(self.out_lane, own).map_err(|e| ("not in the outbox", e.to_string()))?;
            }
            place += entries.len() as u64;
        }
        Ok(())
    }
}

/// Cuts a batch into runs under the peaks of an outbox of `tree`.
fn bundle(
    world: &World,
    tree: &OutboxTree,
    entries: &[Entry],
    first: u64,
    count: u64,
) -> (Vec<(u8, B256)>, Vec<DeliveryRun>) {
    let mut peaks = Vec::new();
    let mut runs = Vec::new();
    for run in split(tree.size(), first, count).unwrap() {
        let mut siblings = Vec::new();
        let peak = tree.prove_peak(run.peak.height, run.first, run.count, &mut siblings).unwrap();
        let part = &entries[run.first as usize..(run.first + run.count) as usize];
        let original = |index: u64| world.sent.get(index as usize).copied();
        let groups = plan_groups(part, world.out_lane, &world.own, original).unwrap();
        peaks.push((run.peak.height, peak));
        runs.push(DeliveryRun { siblings, groups });
    }
    (peaks, runs)
}

/// Changes what the runs say, in their own format.
fn change(runs: &mut Vec<DeliveryRun>, random: &mut Random) {
    let at = random.below(runs.len());
    let last = runs.len() - 1;
    let run = &mut runs[at];
    let group = random.below(run.groups.len());
    match random.below(9) {
        0 => drop(run.siblings.pop()),
        1 => run.siblings.push(B256::repeat_byte(9)),
        2 if !run.siblings.is_empty() => run.siblings.reverse(),
        3 if last > 0 => runs.swap(0, last),
        4 if last > 0 => drop(runs.pop()),
        5 => run.groups.reverse(),
        _ => match &mut run.groups[group] {
            DeliveryGroup::Plain(entries) => {
                let place = random.below(entries.len());
                if let Body::Transfer(transfer) = &mut entries[place].body {
                    match random.below(5) {
                        0 => transfer.amount += U256::ONE,
                        1 => transfer.recipient.0[31] ^= 1,
                        2 => transfer.sender.0[12] ^= 0x80,
                        3 => transfer.timeout += 1,
                        _ => transfer.memo.0[0] ^= 1,
                    }
                }
            }
            DeliveryGroup::Returned(returned) => match random.below(5) {
                0 => returned.height ^= 1 << random.below(3),
                1 => drop(returned.siblings.pop()),
                2 => returned.siblings.push(B256::repeat_byte(9)),
                3 => {
                    if let Body::Returned(body) = &mut returned.entries[0].body {
                        body.reason = if body.reason == Reason::Failed { Reason::Expired } else { Reason::Failed };
                    }
                }
                _ => {
                    if let Body::Transfer(transfer) = &mut returned.originals[0].body {
                        transfer.sender.0[31] ^= 1;
                    }
                }
            },
        },
    }
}

#[test]
fn deliveries_have_one_verdict() {
    let mut world = World::new();
    let mut random = Random::new(SEED);
    let mut tally = Tally::default();
    for _ in 0..BATCHES {
        let size = *random.pick(&[1, 2, 3, 7, 8, 13, 40, 77]);
        let entries = world.entries(&mut random, size);
        let tree = OutboxTree::from_leaves(&entries.iter().map(Entry::commitment).collect::<Vec<_>>());
        for _ in 0..INPUTS {
            let first = random.below(size as usize) as u64;
            let count = 1 + random.below((size - first) as usize) as u64;
            let (mut peaks, mut runs) = bundle(&world, &tree, &entries, first, count);
            let mut from = first;
            let mut bytes = encode_runs(&runs).unwrap();
            match random.below(8) {
                0 | 1 => {}
                2 => from = first ^ (1 << random.below(4)),
                3 => from = if random.once_in(2) { u64::MAX - random.below(80) as u64 } else { first + (1 << 40) },
                4 if peaks.len() > 1 => peaks.reverse(),
                5 | 6 => {
                    change(&mut runs, &mut random);
                    match encode_runs(&runs) {
                        Ok(changed) => bytes = changed,
                        Err(_) => random.damage(&mut bytes),
                    }
                }
                _ => random.damage(&mut bytes),
            }
            let slots: BTreeMap<u8, B256> = peaks.iter().copied().collect();
            let asked: Vec<u8> = peaks.iter().map(|(height, _)| *height).collect();
            let (root, proof) = trie::state(REMOTE_OUTBOX, size, &slots, 20, &asked);
            let set = addresses(&world.validators);
            let fields = HeaderFields::new(1_001, START + 1, B256::repeat_byte(1), root, set);
            let mode = world.params.mode;
            let update = Parts::sealed(mode, fields.seal_less(mode), &world.validators, &[0, 1, 3]).encode();
            let rust = world.rust(from, &peaks, &bytes);
            let call = deliverCall {
                lane: world.in_lane.0,
                first: from,
                update: update.into(),
                stateProof: proof.into(),
                runs: bytes.clone().into(),
            };
            let contract = world.machine.call(world.vault, &call);
            let rust_name = rust.as_ref().map_or_else(|(name, _)| *name, |()| "accepted");
            let contract_name = contract.as_ref().map_or_else(of_vault, |_| "accepted");
            // Rust reads all runs before it verifies one; a vault verifies each as it reads it.
            let same = match (&rust, &contract) {
                (Ok(()), Ok(_)) => true,
                (Err(_), Err(_)) => !contract_name.starts_with("unnamed"),
                _ => false,
            };
            tally.note(rust_name, contract_name, same, || {
                let failed = contract.as_ref().err().map(shown);
                format!("rust {rust:?}, contract {failed:?}, first {from}: {}", alloy::hex::encode(&bytes))
            });
        }
    }
    tally.finish("deliveries");
    assert!(tally.count("accepted") > 300 && tally.count("not in the outbox") > 300);
}
