// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rlp} from "./Rlp.sol";

/// Builds Merkle-Patricia tries with 32-byte keys, and their proofs; for tests only. A plain twin of what `TrieProof` reads.
library Trie {
    struct Leaf {
        bytes32 key;
        bytes value;
    }

    struct Walk {
        bytes32 target;
        /// Nodes on the way to the target, from the leaf upwards.
        bytes[] nodes;
        uint256 count;
    }

    /// Root, and the nodes that prove `target` (or where it would be), from the root downwards.
    function prove(Leaf[] memory leaves, bytes32 target) internal pure returns (bytes32 root, bytes[] memory nodes) {
        Walk memory w = Walk(target, new bytes[](65), 0);
        bytes memory top = _node(leaves, 0, w, true);
        root = keccak256(top);
        if (w.count == 0 || keccak256(w.nodes[w.count - 1]) != root) w.nodes[w.count++] = top;
        nodes = new bytes[](w.count);
        for (uint256 i; i < w.count; ++i) {
            nodes[i] = w.nodes[w.count - 1 - i];
        }
    }

    /// `u8 count | (u16 length | node)…`.
    function pack(bytes[] memory nodes) internal pure returns (bytes memory out) {
        out = abi.encodePacked(uint8(nodes.length));
        for (uint256 i; i < nodes.length; ++i) {
            out = abi.encodePacked(out, uint16(nodes[i].length), nodes[i]);
        }
    }

    function account(uint256 nonce, uint256 balance, bytes32 storageRoot, bytes32 codeHash)
        internal
        pure
        returns (bytes memory)
    {
        return Rlp.list(
            bytes.concat(
                Rlp.number(nonce),
                Rlp.number(balance),
                Rlp.str(abi.encodePacked(storageRoot)),
                Rlp.str(abi.encodePacked(codeHash))
            )
        );
    }

    function _node(Leaf[] memory leaves, uint256 depth, Walk memory w, bool onPath)
        private
        pure
        returns (bytes memory out)
    {
        if (leaves.length == 1) {
            out = Rlp.list(bytes.concat(Rlp.str(hexPrefix(leaves[0].key, depth, 64, true)), Rlp.str(leaves[0].value)));
        } else {
            uint256 common = depth;
            while (_agree(leaves, common)) {
                ++common;
            }
            if (common > depth) {
                bool along = onPath && _sameNibbles(leaves[0].key, w.target, depth, common);
                bytes memory child = _branch(leaves, common, w, along);
                _keep(w, child, along);
                out = Rlp.list(bytes.concat(Rlp.str(hexPrefix(leaves[0].key, depth, common, false)), _ref(child)));
            } else {
                out = _branch(leaves, depth, w, onPath);
            }
        }
    }

    function _branch(Leaf[] memory leaves, uint256 depth, Walk memory w, bool onPath)
        private
        pure
        returns (bytes memory)
    {
        bytes memory payload;
        for (uint256 n; n < 16; ++n) {
            Leaf[] memory part = _part(leaves, depth, n);
            if (part.length == 0) {
                payload = bytes.concat(payload, hex"80");
                continue;
            }
            bool along = onPath && nibble(w.target, depth) == n;
            bytes memory child = _node(part, depth + 1, w, along);
            _keep(w, child, along);
            payload = bytes.concat(payload, _ref(child));
        }
        return Rlp.list(bytes.concat(payload, hex"80"));
    }

    function _keep(Walk memory w, bytes memory node, bool onPath) private pure {
        if (onPath && node.length >= 32) w.nodes[w.count++] = node;
    }

    function _ref(bytes memory node) private pure returns (bytes memory) {
        return node.length < 32 ? node : Rlp.str(abi.encodePacked(keccak256(node)));
    }

    function _part(Leaf[] memory leaves, uint256 depth, uint256 n) private pure returns (Leaf[] memory part) {
        uint256 count;
        for (uint256 i; i < leaves.length; ++i) {
            if (nibble(leaves[i].key, depth) == n) ++count;
        }
        part = new Leaf[](count);
        count = 0;
        for (uint256 i; i < leaves.length; ++i) {
            if (nibble(leaves[i].key, depth) == n) part[count++] = leaves[i];
        }
    }

    function _agree(Leaf[] memory leaves, uint256 depth) private pure returns (bool) {
        for (uint256 i = 1; i < leaves.length; ++i) {
            if (nibble(leaves[i].key, depth) != nibble(leaves[0].key, depth)) return false;
        }
        return true;
    }

    function _sameNibbles(bytes32 a, bytes32 b, uint256 from, uint256 to) private pure returns (bool) {
        for (uint256 i = from; i < to; ++i) {
            if (nibble(a, i) != nibble(b, i)) return false;
        }
        return true;
    }

    function nibble(bytes32 key, uint256 i) internal pure returns (uint256) {
        return (uint256(key) >> (252 - 4 * i)) & 15;
    }

    function hexPrefix(bytes32 key, uint256 from, uint256 to, bool leaf) internal pure returns (bytes memory out) {
        uint256 count = to - from;
        out = new bytes(count / 2 + 1);
        uint256 flag = leaf ? 2 : 0;
        uint256 pos = from;
        if (count % 2 == 1) out[0] = bytes1(uint8((flag + 1) * 16 + nibble(key, pos++)));
        else out[0] = bytes1(uint8(flag * 16));
        for (uint256 i = 1; i < out.length; ++i) {
            out[i] = bytes1(uint8(nibble(key, pos) * 16 + nibble(key, pos + 1)));
            pos += 2;
        }
    }
}
