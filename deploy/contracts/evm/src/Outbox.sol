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
            //   m       64 words: the frontier, word h the newest subtree of height h, valid where bit h of `known` is set
            //   b       pad 31 bytes | 0x00 | lane | index | tail: the leaf's preimage starts at b + 31
            //   pair    pad 31 bytes | 0x01 | left | right
            let m := mload(0x40)
            let b := add(m, 2048)
            let pair := add(b, add(96, tailLength))
            mstore(b, 0)
            mstore(add(b, 32), lane)
            mstore(pair, 1)
            let known := 0
            let index := first
            let leafLength := add(65, tailLength)
            let end := add(tails.offset, tails.length)
            for { let c := tails.offset } lt(c, end) { c := add(c, tailLength) } {
                mstore(add(b, 64), index)
                calldatacopy(add(b, 96), c, tailLength)
                let node := keccak256(add(b, 31), leafLength)
                let h := 0
                for { let i := index } and(i, 1) { i := shr(1, i) } {
                    let left
                    switch and(shr(h, known), 1)
                    case 1 { left := mload(add(m, shl(5, h))) }
                    default { left := sload(add(1, h)) }
                    mstore(add(pair, 32), left)
                    mstore(add(pair, 64), node)
                    node := keccak256(add(pair, 31), 65)
                    h := add(h, 1)
                }
                mstore(add(m, shl(5, h)), node)
                known := or(known, shl(h, 1))
                index := add(index, 1)
            }
            // Only the peaks that are active in the end are written; one that came and went within the call never was a
            // state of the chain.
            let dirty := and(known, index)
            for { let h := 0 } dirty { h := add(h, 1) } {
                if and(dirty, 1) { sstore(add(1, h), mload(add(m, shl(5, h)))) }
                dirty := shr(1, dirty)
            }
            sstore(0, index)
        }
    }
}
