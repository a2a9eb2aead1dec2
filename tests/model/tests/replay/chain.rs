//! One chain in an EVM: the contracts from their committed artefacts, deployed and set up as an operator does it, and the
//! validators that seal its headers.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::{SolCall, SolValue},
};
use causeway_bft_evm::{Mode, ValidatorSet, compose::HeaderFields};
use causeway_core::{Body, Entry, LaneId, OutboxTree, pack, tree};
use causeway_differential::{
    machine::{Failed, Machine, SENDER},
    trie,
    validators::{Parts, Validator, addresses, set},
};

sol! {
    struct Leg { bytes32 asset; uint256 amountOrId; bytes32 from; bytes32 to; uint64 deadline; }
    struct Terms { bytes32[2] lanes; Leg[2] legs; bytes32 nonce; }
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
    struct TokenName { string name; string symbol; uint8 decimals; }
    function initialize(address council, bytes32 genesis) external;
    function propose(Call[] calldata calls) external returns (bytes32 id);
    function execute(uint256 number, Call[] calldata calls) external;
    function laneIds(RemoteEnd calldata remote, uint64 epoch, address outbox) external view returns (bytes32 outLane, bytes32 inLane);
    function openBridge(RemoteEnd calldata remote, uint64 epoch, address outbox, address client, uint8 accountBytes, bytes32 outLane, bytes32 inLane) external;
    function registerAsset(bytes32 outLane, AssetParams calldata p) external returns (address token);
    function closeBridge(bytes32 outLane) external;
    function replaceClient(bytes32 outLane, address client) external;
    function assetHashOf(uint8 standard, address token) external view returns (bytes32);
    function misbehaviour(bytes calldata a, bytes calldata b) external;
    function deliverFacts(bytes32 lane, uint64 first, bytes calldata update, bytes calldata stateProof, bytes calldata runs) external;
    function lockLeg(Terms calldata terms, uint8 leg) external;
    function voidLeg(Terms calldata terms, uint8 leg) external;
    function swapLeg(bytes32 swapId, uint8 leg) external view returns (uint8 state, uint8 outcome);
    function swapFact(bytes32 lane, bytes32 swapId, uint8 leg) external view returns (uint8);
    function isDelivered(bytes32 lane, uint64 index) external view returns (bool);
    function size() external view returns (uint64);
    function peaks(uint256 height) external view returns (bytes32);
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 id) external;
    function balanceOf(address owner) external view returns (uint256);
}

/// Time of the pinned headers, and (a little later) of both chains at first; Unix seconds.
pub(crate) const START: u64 = 1_800_000_000;
const MODE: Mode = Mode::Qbft;
/// Seconds a header may lie ahead of a chain's clock. Long, because the model's deadlines pass on each chain by itself.
const DRIFT: u64 = 100_000;

/// The blocks of a chain: its validators, and how far it is. Headers are a second apart, however late it is by the chain's
/// own clock, so that only what is under test depends on time.
#[derive(Clone)]
pub(crate) struct Blocks {
    pub(crate) genesis: B256,
    validators: Vec<Validator>,
    height: u64,
}

impl Blocks {
    pub(crate) fn new(number: u8) -> Self {
        Self { genesis: B256::repeat_byte(number), validators: set(u64::from(number) * 100, 4), height: 1_000 }
    }

    /// Constructor arguments of a client that starts here.
    pub(crate) fn client(&self) -> Vec<u8> {
        ClientParams {
            mode: MODE as u8,
            genesis: self.genesis,
            height: self.height,
            time: START + self.height,
            blockHash: B256::repeat_byte(1),
            setHash: ValidatorSet::new(addresses(&self.validators)).unwrap().hash(),
            trustingPeriod: 10 * DRIFT,
            drift: DRIFT,
            trustNumerator: 2,
            trustDenominator: 3,
            freezeDelay: 500,
        }
        .abi_encode()
    }

    fn sealed(&self, root: B256) -> Vec<u8> {
        let set = addresses(&self.validators);
        let fields = HeaderFields::new(self.height, START + self.height, B256::repeat_byte(1), root, set);
        Parts::sealed(MODE, fields.seal_less(MODE), &self.validators, &[0, 1, 3]).encode()
    }

    /// The next block over a state root, sealed by a quorum.
    fn next(&mut self, root: B256) -> Vec<u8> {
        self.height += 1;
        self.sealed(root)
    }

    /// Two blocks of the next height.
    pub(crate) fn twins(&mut self) -> [Vec<u8>; 2] {
        self.height += 1;
        [1, 2].map(|byte| self.sealed(B256::repeat_byte(byte)))
    }
}

/// Proves entry `at` of an outbox that holds `bodies`, as a relayer does.
pub(crate) fn bundle(
    blocks: &mut Blocks,
    lane: LaneId,
    outbox: Address,
    bodies: &[Body],
    at: u64,
) -> (OutboxTree, deliverFactsCall) {
    let entries: Vec<Entry> = (0..).zip(bodies).map(|(index, body)| Entry { lane, index, body: *body }).collect();
    let tree = OutboxTree::from_leaves(&entries.iter().map(Entry::commitment).collect::<Vec<_>>());
    let run = tree::peaks::split(tree.size(), at, 1).unwrap().next().unwrap();
    let mut siblings = Vec::new();
    let peak = tree.prove_peak(run.peak.height, at, 1, &mut siblings).unwrap();
    let groups = vec![pack::DeliveryGroup::Plain(vec![entries[at as usize]])];
    let runs = pack::encode_runs(&[pack::DeliveryRun { siblings, groups }]).unwrap();
    let slots = BTreeMap::from([(run.peak.height, peak)]);
    let (root, proof) = trie::state(outbox, tree.size(), &slots, 20, &[run.peak.height]);
    let update = blocks.next(root).into();
    (tree, deliverFactsCall { lane: lane.0, first: at, update, stateProof: proof.into(), runs: runs.into() })
}

/// A bridge, as the vault at one end sees it.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) outbox: Address,
    pub(crate) client: Address,
    pub(crate) out_lane: LaneId,
    pub(crate) in_lane: LaneId,
}

/// A chain with a vault.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) machine: Machine,
    pub(crate) blocks: Blocks,
    pub(crate) vault: Address,
    council: Address,
    proposals: u64,
}

impl Chain {
    pub(crate) fn new(number: u8) -> Self {
        let mut machine = Machine::new(START + 2_000);
        machine.id = 1_000 + u64::from(number);
        let blocks = Blocks::new(number);
        let council = machine.create("Council", &(vec![SENDER], U256::ONE, 0_u64, SENDER).abi_encode_params());
        let factory = machine.create("VoucherFactory", &[]);
        let swaps = machine.create("VaultSwaps", &[]);
        let admin = machine.create("VaultAdmin", &(factory, swaps).abi_encode_params());
        let code = machine.create("Vault", &(admin,).abi_encode_params());
        let start = Bytes::from(initializeCall { council, genesis: blocks.genesis }.abi_encode());
        let vault = machine.create("ERC1967Proxy", &(code, start).abi_encode_params());
        Self { machine, blocks, vault, council, proposals: 0 }
    }

    pub(crate) fn outbox(&mut self) -> Address {
        self.machine.create("Outbox", &(self.vault,).abi_encode_params())
    }

    pub(crate) fn decide<C: SolCall>(&mut self, call: &C) {
        let calls = vec![Call { target: self.vault, data: call.abi_encode().into() }];
        self.machine.send(self.council, &proposeCall { calls: calls.clone() }).unwrap();
        self.machine.send(self.council, &executeCall { number: U256::from(self.proposals), calls }).unwrap();
        self.proposals += 1;
    }

    /// Opens a bridge, whose entries go into the outbox `own`, to the vault and outbox on the chain of `blocks`.
    pub(crate) fn open(&mut self, own: Address, id: u64, blocks: &Blocks, vault: Address, outbox: Address) -> End {
        let client = self.machine.create("BftEvmClient", &blocks.client());
        let remote = RemoteEnd {
            chain: format!("eip155:{id}"),
            genesis: blocks.genesis,
            vault: vault.to_vec().into(),
            outbox: outbox.to_vec().into(),
        };
        let ask = laneIdsCall { remote: remote.clone(), epoch: 0, outbox: own };
        let ids = self.machine.call(self.vault, &ask).unwrap();
        let (out, back) = (ids.outLane, ids.inLane);
        self.decide(&openBridgeCall {
            remote,
            epoch: 0,
            outbox: own,
            client,
            accountBytes: 20,
            outLane: out,
            inLane: back,
        });
        End { outbox: own, client, out_lane: LaneId(out), in_lane: LaneId(back) }
    }

    /// Registers a token that is at home here; gives its asset hash.
    pub(crate) fn register(&mut self, end: &End, standard: u8, token: Address) -> B256 {
        let (amount_width, decimals) = if standard == 1 { (16, 18) } else { (32, 0) };
        let p = AssetParams {
            mode: 1,
            standard,
            token,
            remoteAsset: B256::repeat_byte(0xa5),
            amountWidth: amount_width,
            localDecimals: decimals,
            remoteDecimals: decimals,
            minAmount: 0,
            lockCap: Default::default(),
            creditCap: Default::default(),
            windowSeconds: 0,
            name: String::new(),
            symbol: String::new(),
        };
        self.decide(&registerAssetCall { outLane: end.out_lane.0, p });
        self.machine.call(self.vault, &assetHashOfCall { standard, token }).unwrap()
    }

    /// The outbox holds what the relayer thinks: its size and every peak.
    pub(crate) fn compare_outbox(&mut self, outbox: Address, expected: &OutboxTree) {
        assert_eq!(self.machine.call(outbox, &sizeCall {}).unwrap(), expected.size());
        for peak in tree::peaks::peaks(expected.size()) {
            let found = self.machine.call(outbox, &peaksCall { height: U256::from(peak.height) }).unwrap();
            assert_eq!(Some(found), expected.peak(peak.height), "peak {}", peak.height);
        }
    }

    pub(crate) fn deliver(&mut self, call: &deliverFactsCall) -> Result<(), Failed> {
        self.machine.send(self.vault, call).map(drop)
    }
}
