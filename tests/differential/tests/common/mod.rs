//! The client's interface, and its constructor.

#[allow(dead_code)] // Each test needs some of it.
pub(crate) mod world;

use alloy::{
    primitives::{Address, B256, Bytes},
    sol,
    sol_types::SolValue,
};
use causeway_bft_evm::{Params, TrustedState};
use causeway_differential::machine::{Failed, Machine};

sol! {
    struct ClientParams {
        uint8 mode;
        bytes32 genesis;
        uint64 height;
        uint64 time;
        bytes32 blockHash;
        bytes32 setHash;
        uint64 trustingPeriod;
        uint64 drift;
        uint16 trustNumerator;
        uint16 trustDenominator;
        uint64 freezeDelay;
    }
    function outboxPeaks(address outbox, bytes calldata update, bytes calldata stateProof) external returns (bytes memory heights, bytes32[] memory peaks, uint64 height, uint64 time);
    function update(bytes calldata update) external returns (uint64 height, uint64 time);
    function misbehaviour(bytes calldata a, bytes calldata b) external;
    function state() external view returns (uint64 height, uint64 time, bytes32 setHash, bool frozen, uint64 frozenAt, uint64 trustingPeriod, uint64 drift);
}

/// Encoded constructor arguments of a client that starts at `trusted`.
#[allow(dead_code)] // Not every test starts one by hand.
pub(crate) fn constructor(params: &Params, trusted: &TrustedState) -> Vec<u8> {
    ClientParams {
        mode: params.mode as u8,
        genesis: B256::repeat_byte(0x99),
        height: trusted.height(),
        time: trusted.time(),
        blockHash: trusted.block_hash(),
        setHash: trusted.validators().hash(),
        trustingPeriod: params.trusting_period,
        drift: params.drift,
        trustNumerator: params.trust_threshold.numerator,
        trustDenominator: params.trust_threshold.denominator,
        freezeDelay: params.freeze_delay,
    }
    .abi_encode()
}

/// Calls of a client.
#[allow(dead_code)] // Each test needs some of them.
pub(crate) trait Client {
    fn update(&mut self, client: Address, bytes: &[u8], keep: bool) -> Result<(u64, u64), Failed>;
    fn peaks(
        &mut self,
        client: Address,
        outbox: Address,
        update: &[u8],
        proof: &[u8],
    ) -> Result<Vec<(u8, B256)>, Failed>;
    fn misbehaviour(&mut self, client: Address, a: &[u8], b: &[u8]) -> Result<(), Failed>;
    fn misbehaviour_call(&mut self, client: Address, a: &[u8], b: &[u8]) -> Result<(), Failed>;
    fn state(&mut self, client: Address) -> (u64, u64, B256);
    fn frozen_at(&mut self, client: Address) -> Option<u64>;
}

impl Client for Machine {
    fn update(&mut self, client: Address, bytes: &[u8], keep: bool) -> Result<(u64, u64), Failed> {
        let call = updateCall { update: Bytes::copy_from_slice(bytes) };
        let answer = if keep { self.send(client, &call) } else { self.call(client, &call) };
        answer.map(|answer| (answer.height, answer.time))
    }

    fn peaks(
        &mut self,
        client: Address,
        outbox: Address,
        update: &[u8],
        proof: &[u8],
    ) -> Result<Vec<(u8, B256)>, Failed> {
        let call = outboxPeaksCall {
            outbox,
            update: Bytes::copy_from_slice(update),
            stateProof: Bytes::copy_from_slice(proof),
        };
        self.call(client, &call).map(|answer| answer.heights.into_iter().zip(answer.peaks).collect())
    }

    fn misbehaviour(&mut self, client: Address, a: &[u8], b: &[u8]) -> Result<(), Failed> {
        let call = misbehaviourCall { a: Bytes::copy_from_slice(a), b: Bytes::copy_from_slice(b) };
        self.send(client, &call).map(drop)
    }

    fn misbehaviour_call(&mut self, client: Address, a: &[u8], b: &[u8]) -> Result<(), Failed> {
        let call = misbehaviourCall { a: Bytes::copy_from_slice(a), b: Bytes::copy_from_slice(b) };
        self.call(client, &call).map(drop)
    }

    fn state(&mut self, client: Address) -> (u64, u64, B256) {
        let state = self.call(client, &stateCall {}).unwrap();
        (state.height, state.time, state.setHash)
    }

    fn frozen_at(&mut self, client: Address) -> Option<u64> {
        let state = self.call(client, &stateCall {}).unwrap();
        state.frozen.then_some(state.frozenAt)
    }
}
