// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What one party of a swap gives.
struct Leg {
    /// keccak256 of the asset's CAIP-19 id on the leg's chain.
    bytes32 asset;
    /// In the asset's smallest unit, or the ERC-721 id.
    uint256 amountOrId;
    /// Who locks it and whom it is released to: accounts of the leg's chain, left-padded to a word.
    bytes32 from;
    bytes32 to;
    /// Unix seconds in the clock of the leg's chain: before it `from` may lock, from then on anybody may void.
    uint64 deadline;
}

/// All that two parties agree on. Leg k lives on the source of lane k; the two lanes are those of one bridge.
struct Terms {
    bytes32[2] lanes;
    Leg[2] legs;
    bytes32 nonce;
}

/// A swap's id, and the packed groups in which facts about its legs are delivered.
library Swaps {
    /// A group, or a record of it, is not of the format.
    error MalformedFacts();

    uint256 internal constant LOCKED = 3;
    uint256 internal constant VOIDED = 4;

    bytes32 private constant TAG = keccak256("causeway/swap/1");
    /// u8 kind | u16 count, then records: bytes32 swap id | u8 leg.
    uint256 private constant HEAD = 3;
    uint256 private constant RECORD = 33;

    /// A group of `SwapLocked` or of `SwapVoided`.
    struct Facts {
        /// 3 locked, 4 voided.
        uint256 kind;
        uint256 count;
        uint256 records;
        uint256 end;
    }

    /// keccak256 over fourteen words: the tag and the terms.
    function id(Terms calldata terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(TAG, terms));
    }

    function kindOf(uint256 group) internal pure returns (uint256 kind) {
        assembly ("memory-safe") {
            kind := byte(0, calldataload(group))
        }
    }

    /// Reads a group's head.
    /// @param limit calldata offset that it must not pass
    /// @param room most records it may hold
    function facts(uint256 group, uint256 limit, uint256 room) internal pure returns (Facts memory f) {
        uint256 kind;
        uint256 count;
        assembly ("memory-safe") {
            let head := calldataload(group)
            kind := byte(0, head)
            count := and(shr(232, head), 0xffff)
        }
        if ((kind != LOCKED && kind != VOIDED) || count == 0 || count > room) revert MalformedFacts();
        (f.kind, f.count, f.records, f.end) = (kind, count, group + HEAD, group + HEAD + RECORD * count);
        if (f.end > limit) revert MalformedFacts();
    }

    /// Writes the commitments of a group's entries, of `lane` from `index` on, to memory at `leaves`.
    function hash(Facts memory f, bytes32 lane, uint256 index, uint256 leaves) internal pure {
        (uint256 kind, uint256 place, uint256 end) = (f.kind, f.records, f.end);
        bool bad;
        assembly ("memory-safe") {
            // m + 31: 0x00 | lane | index | kind | swap id | leg
            let m := mload(0x40)
            mstore(m, 0)
            mstore(add(m, 32), lane)
            mstore(add(m, 96), kind)
            for {} lt(place, end) { place := add(place, 33) } {
                let leg := byte(0, calldataload(add(place, 32)))
                bad := or(bad, gt(leg, 1))
                mstore(add(m, 64), index)
                mstore(add(m, 128), calldataload(place))
                mstore(add(m, 160), leg)
                mstore(leaves, keccak256(add(m, 31), 161))
                index := add(index, 1)
                leaves := add(leaves, 32)
            }
        }
        if (bad) revert MalformedFacts();
    }

    /// Record k.
    function record(Facts memory f, uint256 k) internal pure returns (bytes32 swapId, uint256 leg) {
        uint256 place = f.records + k * RECORD;
        assembly ("memory-safe") {
            swapId := calldataload(place)
            leg := byte(0, calldataload(add(place, 32)))
        }
    }
}
