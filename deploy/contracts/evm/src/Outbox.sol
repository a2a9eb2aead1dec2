// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What leaves the chain on one lane: an append-only Merkle tree (RFC 6962 shape) of which only the peaks are kept.
///
/// It is a contract of its own so that a state proof of it stays short, and it has no owner and no upgrade: slot 0 is the
/// size, slot `1 + h` the peak of height h. A peak is only ever overwritten by a newer peak of its height, so every value
/// that ever stood there is the root of a full subtree of 2^h leaves, and never cleared.
contract Outbox {
    /// Number of entries written.
    uint64 public size;

    /// `peaks[h]` covers a full subtree of 2^h leaves. It is *active* (part of the tree as it stands) where bit h of
    /// `size` is set; elsewhere it is an older subtree of the same tree, or zero.
    bytes32[64] public peaks;

    /// The only account that may append.
    address public immutable vault;

    error NotVault();
    error Malformed();

    constructor(address vault_) {
        vault = vault_;
    }

    /// Appends entries. The commitment is `keccak256(0x00 ‖ lane ‖ index ‖ tail)`, the index is given here.
    /// @param tailWords words of each entry after its index
    /// @param tails the entries' tails, one after the other
    /// @return first index of the first of them
    function append(bytes32 lane, uint256 tailWords, bytes calldata tails) external returns (uint64 first) {
        if (msg.sender != vault) revert NotVault();
        uint256 tailLength = tailWords * 32;
        if (tailLength == 0 || tails.length == 0 || tails.length % tailLength != 0) revert Malformed();
        first = size;
        assembly ("memory-safe") {
            // Memory, from the free pointer on:
            //   m        pad 31 bytes | 0x00 | lane | index | tail: the leaf's preimage starts at m + 31
            //   leaves   behind room for one word a level and a prefix byte; each row is hashed over the row before
            let m := mload(0x40)
            mstore(m, 0)
            mstore(add(m, 32), lane)
            let leafLength := add(65, tailLength)
            let start := add(m, add(2208, tailLength))
            let end := start
            let preimage := add(m, 31)
            let index := first
            for {
                let c := tails.offset
                let last := add(c, tails.length)
            } lt(c, last) { c := add(c, tailLength) } {
                mstore(add(m, 64), index)
                calldatacopy(add(m, 96), c, tailLength)
                mstore(end, keccak256(preimage, leafLength))
                end := add(end, 32)
                index := add(index, 1)
            }
            sstore(0, index)
            // A row of the tree, from the leaves upwards: what is new in it, and before it the active peak of its height,
            // where there is one. An odd one at the end is the new active peak; the others pair up to the row above.
            let low := first
            for { let slot := 1 } lt(start, end) { slot := add(slot, 1) } {
                if and(low, 1) {
                    start := sub(start, 32)
                    mstore(start, sload(slot))
                }
                if and(sub(end, start), 32) {
                    end := sub(end, 32)
                    sstore(slot, mload(end))
                }
                // 0x01 goes over the byte before the pair.
                let out := start
                for { let prefixed := sub(start, 1) } lt(prefixed, sub(end, 1)) { prefixed := add(prefixed, 64) } {
                    mstore8(prefixed, 1)
                    mstore(out, keccak256(prefixed, 65))
                    out := add(out, 32)
                }
                end := out
                low := shr(1, low)
            }
        }
    }
}
