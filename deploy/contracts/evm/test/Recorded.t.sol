// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BftEvmClient} from "../src/BftEvmClient.sol";
import {Test} from "./utils/Test.sol";

/// Headers of real chains, as updates: see fixtures/README.md.
contract RecordedTest is Test {
    function test_real_headers_are_accepted_and_no_other() public {
        string memory json = vm.readFile("test/fixtures/headers.json");
        uint256 count = vm.parseJsonUint(json, ".count");
        assertTrue(count > 15, "there are some");
        for (uint256 i; i < count; ++i) {
            string memory at_ = string.concat(".headers[", vm.toString(i), "]");
            bytes memory update = _update(json, at_);
            uint256 height = vm.parseJsonUint(json, string.concat(at_, ".height"));
            uint256 time = vm.parseJsonUint(json, string.concat(at_, ".time"));
            vm.warp(time);
            BftEvmClient client = new BftEvmClient(
                BftEvmClient.Params(
                    uint8(vm.parseJsonUint(json, string.concat(at_, ".mode"))),
                    keccak256("genesis"),
                    uint64(height - 1),
                    uint64(time - 1),
                    keccak256("pinned"),
                    vm.parseJsonBytes32(json, string.concat(at_, ".setHash")),
                    1 days,
                    15,
                    1,
                    3,
                    1 hours
                )
            );
            (uint64 newHeight, uint64 newTime) = client.update(update);
            assertEq(newHeight, height, "height");
            assertEq(newTime, time, "time");
            // One bit of the header or of a seal makes it another.
            uint256 bit = uint256(keccak256(abi.encode(i))) % (update.length * 8 - 24) + 24;
            update[bit / 8] = bytes1(uint8(update[bit / 8]) ^ uint8(1 << (bit % 8)));
            try client.update(update) {
                revert NotTrue("a flipped bit");
            } catch {}
        }
    }

    /// Puts the seals into the order of the validators. The list stands in the header; each signer's place is looked for.
    function _update(string memory json, string memory at_) private view returns (bytes memory) {
        bytes memory header = vm.parseJsonBytes(json, string.concat(at_, ".header"));
        bytes[] memory seals = vm.parseJsonBytesArray(json, string.concat(at_, ".seals"));
        bytes32 digest = keccak256(header);
        if (vm.parseJsonUint(json, string.concat(at_, ".mode")) == 2) {
            digest = keccak256(abi.encodePacked(digest, uint8(2)));
        }
        bytes[] memory ordered = new bytes[](256);
        // The validator list is the first run of 0x94-prefixed addresses behind the vanity; 21 bytes each.
        uint256 list = _listOf(header, vm.parseJsonBytes32(json, string.concat(at_, ".setHash")));
        uint256 bitmap;
        for (uint256 i; i < seals.length; ++i) {
            bytes memory seal = seals[i];
            (bytes32 r, bytes32 s) = (_word32(seal, 0), _word32(seal, 32));
            uint8 v = uint8(seal[64]);
            if (v > 26) v -= 27;
            address signer = ecrecover(digest, v + 27, r, s);
            for (uint256 k; k < 256; ++k) {
                if (address(bytes20(_word32(header, list + 21 * k + 1))) == signer) {
                    ordered[k] = abi.encodePacked(r, s, v);
                    bitmap |= 1 << k;
                    break;
                }
            }
        }
        bytes memory out = abi.encodePacked(uint8(0), uint16(header.length), header, bitmap);
        for (uint256 k; k < 256; ++k) {
            out = bytes.concat(out, ordered[k]);
        }
        return out;
    }

    function _listOf(bytes memory header, bytes32 setHash) private pure returns (uint256) {
        for (uint256 start = 450; start < header.length; ++start) {
            if (header[start] != 0x94) continue;
            for (uint256 n = 1; n < 8 && start + 21 * n < header.length; ++n) {
                bytes32 hash;
                assembly {
                    hash := keccak256(add(add(header, 32), start), mul(21, n))
                }
                if (hash == setHash) return start;
            }
        }
        revert("no list");
    }

    function _word32(bytes memory data, uint256 offset) private pure returns (bytes32 word) {
        if (offset >= data.length) return 0;
        assembly {
            word := mload(add(add(data, 32), offset))
        }
    }
}
