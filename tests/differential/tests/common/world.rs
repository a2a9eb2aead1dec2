//! A vault with a bridge, in an EVM: deployed and set up as an operator does it, by its council.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::{SolCall, SolValue},
};
use causeway_bft_evm::{Mode, Params, Threshold, TrustedState, ValidatorSet, ValidatorSource};
use causeway_core::{Body, Entry, LaneId, OutboxTree, Transfer};
use causeway_differential::{
    machine::{Machine, SENDER},
    validators::{Validator, addresses, set},
};

use super::constructor;

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
    function deliverFacts(bytes32 lane, uint64 first, bytes calldata update, bytes calldata stateProof, bytes calldata runs) external;
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
}

/// Time of the pinned header, Unix seconds.
pub(crate) const START: u64 = 1_800_000_000;
/// Locked by the vault, to be returned.
pub(crate) const LOCKED: u64 = 13;
/// The outbox at the other end.
pub(crate) const REMOTE_OUTBOX: Address = Address::repeat_byte(0xb0);
/// The asset at the other end whose voucher is registered here.
pub(crate) const REMOTE_ASSET: B256 = B256::repeat_byte(0xa5);
/// The voucher at the other end of an asset whose home is here.
pub(crate) const RELEASED_ASSET: B256 = B256::repeat_byte(0xa6);

/// A vault with a bridge, two assets and some transfers under way.
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) params: Params,
    pub(crate) validators: Vec<Validator>,
    pub(crate) vault: Address,
    pub(crate) outbox: Address,
    pub(crate) council: Address,
    pub(crate) proposals: u64,
    pub(crate) in_lane: LaneId,
    pub(crate) out_lane: LaneId,
    pub(crate) own: OutboxTree,
    pub(crate) sent: Vec<Transfer>,
}

impl World {
    pub(crate) fn new() -> Self {
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
        let swaps = machine.create("VaultSwaps", &[]);
        let admin = machine.create("VaultAdmin", &(factory, swaps).abi_encode_params());
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
            outbox,
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
}
