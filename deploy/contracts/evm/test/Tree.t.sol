// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outbox} from "../src/Outbox.sol";
import {RangeProof} from "../src/lib/RangeProof.sol";
import {Test} from "./utils/Test.sol";

/// Calls the library as a vault does: leaves in memory, siblings in calldata.
contract RangeHarness {
    function root(bytes32[] calldata leaves, uint256 first, uint256 height, bytes32[] calldata siblings)
        external
        pure
        returns (bytes32)
    {
        uint256 at_;
        uint256 sibling;
        uint256 count = leaves.length;
        assembly {
            at_ := add(mload(0x40), 2080)
            calldatacopy(at_, leaves.offset, mul(32, count))
            mstore(0x40, add(at_, mul(32, add(count, 1))))
            sibling := siblings.offset
        }
        return RangeProof.root(at_, count, first, height, sibling, siblings.length);
    }
}

/// The tree as RFC 6962 says it, without any trick: what the tuned code is compared with.
library PlainTree {
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }

    function subtree(bytes32[] memory leaves, uint256 start, uint256 height) internal pure returns (bytes32) {
        if (height == 0) return leaves[start];
        uint256 half = 1 << (height - 1);
        return node(subtree(leaves, start, height - 1), subtree(leaves, start + half, height - 1));
    }

    /// Root over a run and its siblings, one row after the other.
    function climb(bytes32[] memory row, uint256 first, uint256 height, bytes32[] memory siblings)
        internal
        pure
        returns (bytes32)
    {
        uint256 used;
        uint256 last = first + row.length - 1;
        for (uint256 h; h < height; ++h) {
            uint256 left = first & 1;
            uint256 right = 1 - (last & 1);
            bytes32[] memory wide = new bytes32[](row.length + left + right);
            if (left == 1) wide[0] = siblings[used++];
            for (uint256 i; i < row.length; ++i) {
                wide[i + left] = row[i];
            }
            if (right == 1) wide[wide.length - 1] = siblings[used++];
            row = new bytes32[](wide.length / 2);
            for (uint256 i; i < row.length; ++i) {
                row[i] = node(wide[2 * i], wide[2 * i + 1]);
            }
            first >>= 1;
            last >>= 1;
        }
        require(used == siblings.length && row.length == 1, "shape");
        return row[0];
    }

    function siblingCount(uint256 first, uint256 count, uint256 height) internal pure returns (uint256 needed) {
        uint256 last = first + count - 1;
        for (uint256 h; h < height; ++h) {
            needed += (first & 1) + 1 - (last & 1);
            first >>= 1;
            last >>= 1;
        }
    }
}

/// The outbox and its range proofs beside the plain tree.
contract TreeTest is Test {
    RangeHarness internal range = new RangeHarness();
    bytes32 internal constant LANE = keccak256("lane");

    function _tail(uint256 i) private pure returns (bytes memory) {
        return abi.encode(uint256(1), keccak256(abi.encode("asset", i)), i);
    }

    function _leaf(bytes32 lane, uint256 i) private pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", lane, bytes32(i), _tail(i)));
    }

    function test_fuzz_outbox_keeps_the_peaks_of_the_plain_tree(uint256 seed) public {
        Outbox outbox = new Outbox(address(this));
        bytes32[] memory leaves = new bytes32[](200);
        for (uint256 i; i < 200; ++i) {
            leaves[i] = _leaf(LANE, i);
        }
        uint256 size;
        while (size < 150) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 count = 1 + (seed % 3 == 0 ? seed % 50 : seed % 3);
            bytes memory tails;
            for (uint256 i; i < count; ++i) {
                tails = bytes.concat(tails, _tail(size + i));
            }
            assertEq(outbox.append(LANE, 3, tails), size, "first");
            size += count;
            assertEq(outbox.size(), size, "size");
            uint256 start;
            for (uint256 h = 8; h + 1 > 0;) {
                if ((size >> h) & 1 == 1) {
                    assertEq(outbox.peaks(h), PlainTree.subtree(leaves, start, h), "active peak");
                    start += 1 << h;
                }
                if (h == 0) break;
                --h;
            }
        }
    }

    /// Whatever ever stood in a peak slot is a full subtree of the tree, and no slot is ever cleared.
    function test_every_peak_that_ever_stood_is_a_subtree() public {
        Outbox outbox = new Outbox(address(this));
        bytes32[] memory leaves = new bytes32[](70);
        for (uint256 i; i < 70; ++i) {
            leaves[i] = _leaf(LANE, i);
        }
        for (uint256 size; size < 66;) {
            uint256 count = 1 + size % 3;
            bytes memory tails;
            for (uint256 i; i < count; ++i) {
                tails = bytes.concat(tails, _tail(size + i));
            }
            outbox.append(LANE, 3, tails);
            size += count;
            for (uint256 h; h < 8; ++h) {
                bytes32 peak = outbox.peaks(h);
                if (peak == 0) {
                    assertEq((size >> h) & 1, 0, "an active peak is never zero");
                    continue;
                }
                bool found;
                for (uint256 start; start + (1 << h) <= size; start += 1 << h) {
                    found = found || PlainTree.subtree(leaves, start, h) == peak;
                }
                assertTrue(found, "a peak is a subtree of the tree");
            }
        }
    }

    function test_only_the_vault_appends() public {
        Outbox outbox = new Outbox(address(0xbeef));
        vm.expectRevert(Outbox.NotVault.selector);
        outbox.append(LANE, 3, _tail(0));
    }

    function test_fuzz_range_proof_is_the_plain_one(uint256 first, uint256 count, uint256 height, uint256 seed)
        public
        view
    {
        height = bound(height, 0, 40);
        count = bound(count, 1, height > 8 ? 256 : 1 << height);
        uint256 end = 1 << height;
        first = bound(first, 0, end - count) + end * (seed % 5);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
        bytes32[] memory siblings = new bytes32[](PlainTree.siblingCount(first, count, height));
        for (uint256 i; i < siblings.length; ++i) {
            siblings[i] = keccak256(abi.encode("sibling", seed, i));
        }
        assertEq(
            range.root(leaves, first, height, siblings), PlainTree.climb(leaves, first, height, siblings), "same root"
        );
        // One sibling more or less is refused.
        bytes32[] memory more = new bytes32[](siblings.length + 1);
        try range.root(leaves, first, height, more) {
            revert("a sibling too many");
        } catch (bytes memory reason) {
            assertTrue(isError(reason, RangeProof.WrongSiblingCount.selector), "typed");
        }
    }

    /// Two lanes of 65 leaves: no leaf is accepted at another index, height or lane, whichever path comes with it.
    function test_atk_116_no_claim_with_a_wrong_index_is_accepted() public view {
        bytes32[2] memory lanes = [LANE, keccak256("other lane")];
        bytes32[][2] memory trees;
        for (uint256 l; l < 2; ++l) {
            trees[l] = new bytes32[](65);
            for (uint256 i; i < 65; ++i) {
                trees[l][i] = _leaf(lanes[l], i);
            }
        }
        bytes32[] memory one = new bytes32[](1);
        uint256 accepted;
        for (uint256 l; l < 2; ++l) {
            bytes32 peak = PlainTree.subtree(trees[l], 0, 6);
            for (uint256 path; path < 64; ++path) {
                bytes32[] memory siblings = new bytes32[](6);
                for (uint256 h; h < 6; ++h) {
                    siblings[h] = PlainTree.subtree(trees[l], ((path >> h) ^ 1) << h, h);
                }
                for (uint256 claim; claim < 65; ++claim) {
                    for (uint256 lane; lane < 2; ++lane) {
                        one[0] = trees[lane][claim];
                        bool good = range.root(one, claim, 6, siblings) == peak;
                        assertTrue(good == (claim == path && lane == l), "only the leaf that stands there");
                        if (good) ++accepted;
                    }
                }
            }
            // The last leaf is a peak by itself, and nothing else has that height.
            one[0] = trees[l][64];
            assertEq(range.root(one, 64, 0, new bytes32[](0)), trees[l][64], "height 0");
        }
        assertEq(accepted, 128, "each leaf once");
    }

    function test_atk_038_runs_stay_inside_one_aligned_subtree() public {
        bytes32[] memory leaves = new bytes32[](3);
        vm.expectRevert(RangeProof.RunOutsidePeak.selector);
        range.root(leaves, 2, 2, new bytes32[](2));
        vm.expectRevert(RangeProof.RunOutsidePeak.selector);
        range.root(leaves, 0, 64, new bytes32[](64));
        vm.expectRevert(RangeProof.RunOutsidePeak.selector);
        range.root(new bytes32[](0), 0, 3, new bytes32[](3));
    }
}
