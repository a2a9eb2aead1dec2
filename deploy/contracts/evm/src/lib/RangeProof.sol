// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Roots of aligned subtrees from a run of leaves and the inner nodes beside it (RFC 6962 shape, node
/// `keccak256(0x01 ‖ left ‖ right)`). The caller compares the root with a proven peak.
library RangeProof {
    /// The run does not lie inside one aligned subtree of the peak's height.
    error RunOutsidePeak();
    /// More or fewer siblings than the run needs.
    error WrongSiblingCount();

    /// Bytes to keep free before the leaves: one left sibling per level and the prefix byte.
    uint256 internal constant HEADROOM = 65 * 32;

    /// Hashes the run up to its peak, in place: the leaves' memory and the headroom before it are consumed.
    /// @param leaves memory address of the run's commitments, `HEADROOM` bytes before it free
    /// @param count leaves in the run, at least 1; one word after the last is free
    /// @param first index of the first leaf
    /// @param height the peak's height, at most 63
    /// @param siblings calldata offset of the siblings, level by level from the leaves, left before right
    /// @param siblingCount how many are given; exactly as many as needed are taken
    function root(uint256 leaves, uint256 count, uint256 first, uint256 height, uint256 siblings, uint256 siblingCount)
        internal
        pure
        returns (bytes32 top)
    {
        if (height > 63 || count == 0 || first >> height != (first + count - 1) >> height) revert RunOutsidePeak();
        bool exact;
        assembly ("memory-safe") {
            let low := first
            let high := add(first, sub(count, 1))
            let start := leaves
            let end := add(leaves, shl(5, count))
            let sibling := siblings
            // Rows of two nodes and more.
            for {} and(gt(height, 0), lt(low, high)) { height := sub(height, 1) } {
                if and(low, 1) {
                    start := sub(start, 32)
                    mstore(start, calldataload(sibling))
                    sibling := add(sibling, 32)
                }
                if iszero(and(high, 1)) {
                    mstore(end, calldataload(sibling))
                    end := add(end, 32)
                    sibling := add(sibling, 32)
                }
                // 0x01 goes over the byte before the pair: headroom for the first, a hashed node for the others.
                let out := start
                let last := sub(end, 1)
                for { let prefixed := sub(start, 1) } lt(prefixed, last) { prefixed := add(prefixed, 64) } {
                    mstore8(prefixed, 1)
                    mstore(out, keccak256(prefixed, 65))
                    out := add(out, 32)
                }
                end := out
                low := shr(1, low)
                high := shr(1, high)
            }
            // One node from here on: node and sibling side by side, the sibling left where the index is odd.
            top := mload(start)
            let pair := sub(start, 32)
            mstore8(sub(pair, 1), 1)
            for {} height { height := sub(height, 1) } {
                let odd := shl(5, and(low, 1))
                mstore(add(pair, odd), top)
                mstore(add(pair, sub(32, odd)), calldataload(sibling))
                top := keccak256(sub(pair, 1), 65)
                sibling := add(sibling, 32)
                low := shr(1, low)
            }
            exact := eq(sibling, add(siblings, shl(5, siblingCount)))
        }
        if (!exact) revert WrongSiblingCount();
    }
}
