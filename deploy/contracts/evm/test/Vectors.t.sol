// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outbox} from "../src/Outbox.sol";
import {Entries} from "../src/lib/Entries.sol";
import {RangeProof} from "../src/lib/RangeProof.sol";
import {Leg, Swaps, Terms} from "../src/lib/Swaps.sol";
import {Test} from "./utils/Test.sol";
import {RangeHarness} from "./Tree.t.sol";

/// Hashes groups as a vault does.
contract EntriesHarness {
    /// Commitments of the groups of one run, and, for those that come back, of the originals.
    function hash(bytes calldata groups, uint256 count, bytes32 lane, bytes32 outLane, uint256 first)
        external
        pure
        returns (bytes32[] memory leaves, uint256 used)
    {
        leaves = new bytes32[](count);
        uint256 start;
        uint256 out;
        assembly {
            start := groups.offset
            out := add(leaves, 32)
        }
        uint256 group = start;
        uint256 end = start + groups.length;
        for (uint256 done; done < count;) {
            if (Entries.kind(group) == 1) {
                Entries.Transfers memory t = Entries.transfers(group, end, count - done);
                Entries.hashTransfers(t, lane, first + done, t.records, t.count, out + 32 * done);
                (group, done) = (t.end, done + t.count);
            } else if (Entries.kind(group) > 2) {
                Swaps.Facts memory f = Swaps.facts(group, end, count - done);
                Swaps.hash(f, lane, first + done, out + 32 * done);
                (group, done) = (f.end, done + f.count);
            } else {
                Entries.Returns memory r = Entries.returns_(group, end, count - done);
                uint256 originals;
                assembly {
                    originals := mload(0x40)
                    mstore(0x40, add(originals, mul(32, count)))
                }
                Entries.hashReturns(r, lane, outLane, first + done, out + 32 * done, originals);
                (group, done) = (r.end, done + r.count);
            }
        }
        used = group - start;
    }
}

/// Computes swap ids as a vault does.
contract SwapsHarness {
    function id(Terms calldata terms) external pure returns (bytes32) {
        return Swaps.id(terms);
    }
}

/// The test vectors that every implementation reads (proto/vectors).
contract VectorsTest is Test {
    string internal constant DIR = "../../../proto/vectors/";
    RangeHarness internal range = new RangeHarness();
    EntriesHarness internal entries = new EntriesHarness();

    function _at(string memory path, uint256 i) private pure returns (string memory) {
        return string.concat(path, "[", vm.toString(i), "]");
    }

    function test_lane_ids() public view {
        string memory json = vm.readFile(string.concat(DIR, "lanes.json"));
        uint256 seen;
        for (uint256 i; vm.keyExistsJson(json, _at(".lanes", i)); ++i) {
            string memory lane = _at(".lanes", i);
            bytes memory source = _end(json, string.concat(lane, ".source"));
            bytes memory destination = _end(json, string.concat(lane, ".destination"));
            uint256 epoch = vm.parseUint(vm.parseJsonString(json, string.concat(lane, ".epoch")));
            bytes32 tag = keccak256("causeway/lane/1");
            assertEq(
                keccak256(bytes.concat(tag, source, destination, bytes32(epoch))),
                vm.parseJsonBytes32(json, string.concat(lane, ".lane_id")),
                "lane"
            );
            assertEq(
                keccak256(bytes.concat(tag, destination, source, bytes32(epoch))),
                vm.parseJsonBytes32(json, string.concat(lane, ".reverse_lane_id")),
                "reverse"
            );
            ++seen;
        }
        assertTrue(seen > 2, "lanes");
    }

    function _end(string memory json, string memory path) private pure returns (bytes memory) {
        return abi.encode(
            keccak256(bytes(vm.parseJsonString(json, string.concat(path, ".chain")))),
            vm.parseJsonBytes32(json, string.concat(path, ".genesis")),
            keccak256(vm.parseJsonBytes(json, string.concat(path, ".vault"))),
            keccak256(vm.parseJsonBytes(json, string.concat(path, ".outbox")))
        );
    }

    function test_outbox_appends_and_range_proofs() public {
        string memory json = vm.readFile(string.concat(DIR, "outbox.json"));
        bytes32[] memory words = vm.parseJsonBytes32Array(json, ".first_entry");
        bytes32[] memory leaves = vm.parseJsonBytes32Array(json, ".leaves");
        Outbox outbox = new Outbox(address(this));
        uint256 size;
        for (uint256 i; vm.keyExistsJson(json, _at(".sizes", i)); ++i) {
            string memory path = _at(".sizes", i);
            uint256 wanted = vm.parseUint(vm.parseJsonString(json, string.concat(path, ".size")));
            // One at a time: the file says what stands in each slot after single appends.
            for (; size < wanted; ++size) {
                bytes memory tail =
                    abi.encode(words[2], words[3], bytes32(size + 1), words[5], words[6], words[7], words[8]);
                outbox.append(words[0], 7, tail);
            }
            bytes32[] memory slots = vm.parseJsonBytes32Array(json, string.concat(path, ".slots"));
            for (uint256 h; h < slots.length; ++h) {
                if (slots[h] != 0) assertEq(outbox.peaks(h), slots[h], "slot");
            }
        }
        for (uint256 i; vm.keyExistsJson(json, _at(".proofs", i)); ++i) {
            string memory path = _at(".proofs", i);
            if (keccak256(bytes(vm.parseJsonString(json, string.concat(path, ".form")))) != keccak256("peak")) {
                continue;
            }
            (uint256 first, uint256 height, bytes32[] memory siblings) = _proof(json, path);
            uint256 count = vm.parseUint(vm.parseJsonString(json, string.concat(path, ".count")));
            bytes32[] memory run = new bytes32[](count);
            for (uint256 k; k < count; ++k) {
                run[k] = leaves[first + k];
            }
            assertEq(
                range.root(run, first, height, siblings),
                vm.parseJsonBytes32(json, string.concat(path, ".commitment")),
                "proof"
            );
        }
        for (uint256 i; vm.keyExistsJson(json, _at(".refused", i)); ++i) {
            string memory path = _at(".refused", i);
            if (keccak256(bytes(vm.parseJsonString(json, string.concat(path, ".form")))) != keccak256("peak")) {
                continue;
            }
            (uint256 first, uint256 height, bytes32[] memory siblings) = _proof(json, path);
            bytes32[] memory run = vm.parseJsonBytes32Array(json, string.concat(path, ".leaves"));
            bytes32 commitment = vm.parseJsonBytes32(json, string.concat(path, ".commitment"));
            try range.root(run, first, height, siblings) returns (bytes32 root) {
                // A client never hands over a peak of zero.
                assertTrue(root != commitment || commitment == 0, "refused");
            } catch {}
        }
    }

    function _proof(string memory json, string memory path)
        private
        pure
        returns (uint256 first, uint256 height, bytes32[] memory siblings)
    {
        first = vm.parseUint(vm.parseJsonString(json, string.concat(path, ".first")));
        height = vm.parseJsonUint(json, string.concat(path, ".height"));
        siblings = vm.parseJsonBytes32Array(json, string.concat(path, ".siblings"));
    }

    function test_packed_deliveries() public view {
        string memory json = vm.readFile(string.concat(DIR, "packed.json"));
        bytes32 lane = vm.parseJsonBytes32(json, ".lane_id");
        bytes32 reverse = vm.parseJsonBytes32(json, ".reverse_lane_id");
        for (uint256 i; vm.keyExistsJson(json, _at(".deliveries", i)); ++i) {
            string memory path = _at(".deliveries", i);
            bytes memory data = vm.parseJsonBytes(json, string.concat(path, ".bytes"));
            uint256 first = vm.parseUint(vm.parseJsonString(json, string.concat(path, ".first")));
            uint256 cursor;
            for (uint256 k; vm.keyExistsJson(json, _at(string.concat(path, ".runs"), k)); ++k) {
                string memory run = _at(string.concat(path, ".runs"), k);
                uint256 count = (uint256(uint8(data[cursor])) << 8) | uint8(data[cursor + 1]);
                uint256 siblingCount = uint8(data[cursor + 2]);
                bytes32[] memory siblings = vm.parseJsonBytes32Array(json, string.concat(run, ".siblings"));
                assertEq(siblingCount, siblings.length, "siblings");
                cursor += 3 + 32 * siblingCount;
                (bytes32[] memory leaves, uint256 used) = entries.hash(_from(data, cursor), count, lane, reverse, first);
                for (uint256 e; e < count; ++e) {
                    bytes32[] memory words = vm.parseJsonBytes32Array(json, _at(string.concat(run, ".entries"), e));
                    assertEq(leaves[e], keccak256(bytes.concat(hex"00", abi.encodePacked(words))), "commitment");
                }
                assertEq(
                    range.root(leaves, first, vm.parseJsonUint(json, string.concat(run, ".height")), siblings),
                    vm.parseJsonBytes32(json, string.concat(run, ".peak")),
                    "peak"
                );
                cursor += used;
                first += count;
            }
            assertEq(cursor, data.length, "all bytes");
        }
    }

    function test_swap_ids() public {
        string memory json = vm.readFile(string.concat(DIR, "swaps.json"));
        SwapsHarness swaps = new SwapsHarness();
        uint256 seen;
        for (uint256 i; vm.keyExistsJson(json, _at(".swaps", i)); ++i) {
            string memory path = _at(".swaps", i);
            Terms memory terms;
            bytes32[] memory lanes = vm.parseJsonBytes32Array(json, string.concat(path, ".lanes"));
            (terms.lanes[0], terms.lanes[1]) = (lanes[0], lanes[1]);
            for (uint256 k; k < 2; ++k) {
                terms.legs[k] = _leg(json, _at(string.concat(path, ".legs"), k));
            }
            terms.nonce = vm.parseJsonBytes32(json, string.concat(path, ".nonce"));
            assertEq(swaps.id(terms), vm.parseJsonBytes32(json, string.concat(path, ".swap_id")), "id");
            ++seen;
        }
        assertTrue(seen > 10, "swaps");
    }

    function _leg(string memory json, string memory path) private pure returns (Leg memory leg) {
        leg.asset = vm.parseJsonBytes32(json, string.concat(path, ".asset"));
        leg.amountOrId = vm.parseUint(vm.parseJsonString(json, string.concat(path, ".amount")));
        leg.from = vm.parseJsonBytes32(json, string.concat(path, ".from"));
        leg.to = vm.parseJsonBytes32(json, string.concat(path, ".to"));
        leg.deadline = uint64(vm.parseUint(vm.parseJsonString(json, string.concat(path, ".deadline"))));
    }

    function _from(bytes memory data, uint256 start) private pure returns (bytes memory out) {
        out = new bytes(data.length - start);
        for (uint256 i; i < out.length; ++i) {
            out[i] = data[start + i];
        }
    }
}
