// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TrieProof} from "../src/lib/TrieProof.sol";
import {Rlp} from "./utils/Rlp.sol";
import {Test} from "./utils/Test.sol";
import {Trie} from "./utils/Trie.sol";

contract TrieHarness {
    function read(bytes32 root, bytes32 key, bytes calldata proof) external pure returns (bytes memory) {
        uint256 start;
        assembly {
            start := proof.offset
        }
        (uint256 value, uint256 length, uint256 next) = TrieProof.read(root, key, start);
        require(next == start + proof.length, "bytes left over");
        bytes memory out = new bytes(length);
        assembly {
            calldatacopy(add(out, 32), value, length)
        }
        return out;
    }

    function storageRoot(bytes calldata account) external pure returns (bytes32) {
        uint256 start;
        assembly {
            start := account.offset
        }
        return TrieProof.storageRoot(start, account.length);
    }

    function storageWord(bytes calldata value) external pure returns (bytes32) {
        uint256 start;
        assembly {
            start := value.offset
        }
        return TrieProof.storageWord(start, value.length);
    }
}

/// The trie reader beside the plain builder.
contract TrieProofTest is Test {
    TrieHarness internal harness = new TrieHarness();

    function _leaves(uint256 seed, uint256 count, uint256 shared) private pure returns (Trie.Leaf[] memory leaves) {
        leaves = new Trie.Leaf[](count);
        for (uint256 i; i < count; ++i) {
            bytes32 key = keccak256(abi.encode(seed, i));
            // Keys that share a long prefix give extensions and, deep down, inline nodes.
            if (shared != 0) key = bytes32((seed >> (256 - shared)) << (256 - shared) | uint256(key) >> shared);
            leaves[i] =
                Trie.Leaf(key, Rlp.number(1 + uint256(keccak256(abi.encode(i, seed))) % (i % 2 == 0 ? 100 : 1e30)));
        }
    }

    function test_fuzz_reads_what_the_plain_builder_wrote(uint256 seed, uint256 count, uint256 shared) public view {
        count = bound(count, 1, 40);
        shared = bound(shared, 0, 3) * 70;
        Trie.Leaf[] memory leaves = _leaves(seed, count, shared);
        for (uint256 i; i < count; i += 1 + count / 4) {
            (bytes32 root, bytes[] memory nodes) = Trie.prove(leaves, leaves[i].key);
            assertEq(
                keccak256(harness.read(root, leaves[i].key, Trie.pack(nodes))), keccak256(leaves[i].value), "value"
            );
        }
    }

    function _refused(bytes32 root, bytes32 key, bytes memory proof, string memory what) private view {
        try harness.read(root, key, proof) {
            revert NotTrue(what);
        } catch {}
    }

    /// Inline branch, extension and leaf (below 32 bytes): a storage trie that is nearly empty.
    function test_atk_034_inline_nodes_are_read() public view {
        // Two keys that differ in the last nibble only, with small values: the leaves are inline in their branch, and the
        // branch, below 32 bytes, in the extension above it.
        bytes32 a = bytes32(uint256(0xabc0));
        bytes32 b = bytes32(uint256(0xabc1));
        bytes32 c = bytes32(type(uint256).max);
        Trie.Leaf[] memory leaves = new Trie.Leaf[](3);
        leaves[0] = Trie.Leaf(a, hex"05");
        leaves[1] = Trie.Leaf(b, hex"06");
        leaves[2] = Trie.Leaf(c, hex"07");
        for (uint256 i; i < 3; ++i) {
            (bytes32 root, bytes[] memory nodes) = Trie.prove(leaves, leaves[i].key);
            assertEq(
                keccak256(harness.read(root, leaves[i].key, Trie.pack(nodes))), keccak256(leaves[i].value), "inline"
            );
        }
        (bytes32 top,) = Trie.prove(leaves, a);
        (, bytes[] memory other) = Trie.prove(leaves, b);
        _refused(top, bytes32(uint256(0xabc2)), Trie.pack(other), "an absent neighbour");
    }

    function test_atk_033_an_empty_node_proves_nothing() public view {
        Trie.Leaf[] memory leaves = _leaves(7, 20, 0);
        bytes32 key = leaves[3].key;
        (bytes32 root, bytes[] memory nodes) = Trie.prove(leaves, key);
        bytes[] memory swapped = new bytes[](nodes.length);
        bytes[4] memory empties = [bytes(""), bytes(hex"80"), bytes(hex"c0"), bytes(hex"c1c0")];
        for (uint256 e; e < 4; ++e) {
            for (uint256 i; i < nodes.length; ++i) {
                swapped[i] = nodes[i];
            }
            swapped[nodes.length - 1] = empties[e];
            _refused(root, key, Trie.pack(swapped), "an empty last node");
            bytes[] memory one = new bytes[](1);
            one[0] = empties[e];
            _refused(keccak256(empties[e]), key, Trie.pack(one), "a trie of nothing");
        }
        _refused(root, key, hex"00", "no node");
        // A branch without a child at the nibble.
        Trie.Leaf[] memory two = new Trie.Leaf[](2);
        two[0] = Trie.Leaf(bytes32(uint256(1) << 252), hex"05");
        two[1] = Trie.Leaf(bytes32(uint256(2) << 252), hex"06");
        bytes32 absent = bytes32(uint256(3) << 252);
        (bytes32 r, bytes[] memory path) = Trie.prove(two, absent);
        _refused(r, absent, Trie.pack(path), "an empty child");
    }

    function test_atk_035_the_key_is_consumed_to_its_end() public view {
        // A leaf whose path stops a nibble, or a byte, before the key does.
        bytes32 key = keccak256("key");
        for (uint256 cut = 62; cut < 64; ++cut) {
            bytes memory leaf = Rlp.list(bytes.concat(Rlp.str(Trie.hexPrefix(key, 0, cut, true)), Rlp.str(hex"05")));
            bytes[] memory one = new bytes[](1);
            one[0] = leaf;
            _refused(keccak256(leaf), key, Trie.pack(one), "nibbles left over");
        }
    }

    /// Every truncation, every missing or doubled node, another key.
    function test_atk_036_only_the_keys_own_whole_proof_counts() public view {
        Trie.Leaf[] memory leaves = _leaves(11, 30, 0);
        for (uint256 k; k < 20; ++k) {
            (bytes32 root, bytes[] memory nodes) = Trie.prove(leaves, leaves[k].key);
            bytes memory proof = Trie.pack(nodes);
            harness.read(root, leaves[k].key, proof);
            for (uint256 n; n < nodes.length; ++n) {
                bytes[] memory cut = new bytes[](n);
                for (uint256 i; i < n; ++i) {
                    cut[i] = nodes[i];
                }
                _refused(root, leaves[k].key, Trie.pack(cut), "truncated");
            }
            bytes[] memory longer = new bytes[](nodes.length + 1);
            for (uint256 i; i < nodes.length; ++i) {
                longer[i] = nodes[i];
            }
            longer[nodes.length] = nodes[nodes.length - 1];
            _refused(root, leaves[k].key, Trie.pack(longer), "a node too many");
            _refused(root, leaves[(k + 1) % 30].key, proof, "another key");
            _refused(root, keccak256("absent"), proof, "an absent key");
        }
    }

    /// Any one bit of a proof flipped: refused. (A length's byte may only shift what is hashed.)
    function test_fuzz_atk_019_a_flipped_bit_is_refused(uint256 seed, uint256 at_) public view {
        Trie.Leaf[] memory leaves = _leaves(seed, 12, 0);
        (bytes32 root, bytes[] memory nodes) = Trie.prove(leaves, leaves[0].key);
        bytes memory proof = Trie.pack(nodes);
        at_ = bound(at_, 0, proof.length * 8 - 1);
        proof[at_ / 8] = bytes1(uint8(proof[at_ / 8]) ^ uint8(1 << (at_ % 8)));
        _refused(root, leaves[0].key, proof, "flipped");
    }

    function test_atk_019_nodes_are_canonical() public view {
        bytes32 key = keccak256("key");
        bytes memory path = Rlp.str(Trie.hexPrefix(key, 0, 64, true));
        bytes[7] memory bad = [
            // Hex-prefix: an even path with a nibble beside the flag; an unknown flag.
            Rlp.list(bytes.concat(Rlp.str(bytes.concat(hex"21", key)), hex"05")),
            Rlp.list(bytes.concat(Rlp.str(bytes.concat(hex"40", key)), hex"05")),
            // A value of one byte below 0x80 with a length; a long form of a short string; of a short list.
            Rlp.list(bytes.concat(path, hex"8105")),
            Rlp.list(bytes.concat(path, hex"b80105")),
            bytes.concat(hex"f8", bytes1(uint8(path.length + 1)), path, hex"05"),
            // Three items; trailing bytes.
            Rlp.list(bytes.concat(path, hex"05", hex"05")),
            bytes.concat(Rlp.list(bytes.concat(path, hex"05")), hex"00")
        ];
        bytes[] memory one = new bytes[](1);
        one[0] = Rlp.list(bytes.concat(path, hex"05"));
        harness.read(keccak256(one[0]), key, Trie.pack(one));
        for (uint256 i; i < bad.length; ++i) {
            one[0] = bad[i];
            _refused(keccak256(bad[i]), key, Trie.pack(one), vm.toString(i));
        }
    }

    function test_accounts_and_words_are_canonical() public {
        bytes32 root = keccak256("root");
        bytes memory account = Trie.account(5, 1e18, root, keccak256("code"));
        assertEq(harness.storageRoot(account), root, "storage root");
        assertEq(harness.storageRoot(Trie.account(0, 0, root, root)), root, "an empty account");
        vm.expectRevert(TrieProof.MalformedValue.selector);
        harness.storageRoot(bytes.concat(account, hex"00"));
        vm.expectRevert();
        harness.storageRoot(Rlp.list(bytes.concat(Rlp.number(1), Rlp.number(1), Rlp.str(abi.encodePacked(root)))));
        assertEq(harness.storageWord(hex"05"), bytes32(uint256(5)), "word");
        assertEq(harness.storageWord(Rlp.str(abi.encodePacked(root))), root, "word");
        assertEq(
            harness.storageWord(Rlp.str(abi.encodePacked(bytes31(root)))),
            bytes32(uint256(uint248(bytes31(root)))),
            "31 bytes"
        );
        bytes[5] memory bad = [bytes(hex"80"), hex"00", hex"820001", hex"8105", hex"0505"];
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert();
            harness.storageWord(bad[i]);
        }
    }
}
