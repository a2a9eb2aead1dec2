// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Presence in a Merkle-Patricia trie with hashed 32-byte keys (the state and storage tries of EVM chains), read straight
/// from calldata. There is no answer for absence: whatever is not the value's own leaf reverts (ATK-033, 036).
library TrieProof {
    /// A node does not hash to what its parent says.
    error WrongNode();
    /// A node is not a canonical branch, extension or leaf.
    error MalformedNode();
    /// The path ends in an empty place or beside the key.
    error NotPresent();
    /// The proof ends before the leaf, or goes on after it.
    error WrongProofLength();
    /// The leaf's value is no account, or no storage word.
    error MalformedValue();

    /// Walks `u8 nNodes | (u16 length | node)…` from `root` to the leaf of `key`.
    /// @param cursor calldata offset of the count
    /// @return value calldata offset of the leaf's value (the string's content)
    /// @return length its length
    /// @return next calldata offset after the last node
    function read(bytes32 root, bytes32 key, uint256 cursor)
        internal
        pure
        returns (uint256 value, uint256 length, uint256 next)
    {
        unchecked {
            uint256 left = _byte(cursor);
            // Each node takes at least one nibble of the key, the leaf perhaps none.
            if (left > 65) revert WrongProofLength();
            next = cursor + 1;
            uint256 used; // nibbles of the key consumed so far
            while (true) {
                (root, left, used, next) = _throughBranches(root, key, left, used, next);
                if (left == 0) revert WrongProofLength();
                --left;
                uint256 node;
                uint256 end;
                bool known;
                assembly ("memory-safe") {
                    let size := shr(240, calldataload(next))
                    node := add(next, 2)
                    end := add(node, size)
                    let m := mload(0x40)
                    calldatacopy(m, node, size)
                    known := eq(keccak256(m, size), root)
                }
                if (!known) revert WrongNode();
                next = end;
                // A node shorter than 32 bytes stands inside its parent and takes no turn of its own in the proof.
                while (true) {
                    uint256 child;
                    bool leaf;
                    (child, used, leaf) = _step(node, end, key, used);
                    if (leaf) {
                        if (left != 0) revert WrongProofLength();
                        (value, length,) = _string(child);
                        return (value, length, next);
                    }
                    uint256 prefix = _byte(child);
                    if (prefix == 0xa0) {
                        root = _word(child + 1);
                        break;
                    }
                    if (prefix == 0x80) revert NotPresent();
                    if (prefix < 0xc0 || prefix > 0xde) revert MalformedNode();
                    node = child;
                    end = child + prefix - 0xbf;
                }
            }
        }
    }

    /// The storage root in an account's leaf value: RLP of (nonce, balance, storage root, code hash).
    function storageRoot(uint256 value, uint256 length) internal pure returns (bytes32) {
        unchecked {
            // 70 bytes are the shortest account, 2 + 9 + 33 + 33 + 33 the longest.
            if (length < 70 || length > 110 || _byte(value) != 0xf8 || _byte(value + 1) != length - 2) {
                revert MalformedValue();
            }
            uint256 ptr = value + 2;
            uint256 size;
            (, size, ptr) = _string(ptr);
            if (size > 8) revert MalformedValue();
            (, size, ptr) = _string(ptr);
            if (size > 32 || ptr + 66 != value + length || _byte(ptr) != 0xa0 || _byte(ptr + 33) != 0xa0) {
                revert MalformedValue();
            }
            return _word(ptr + 1);
        }
    }

    /// The word in a storage leaf's value: RLP of the integer, never zero (a zero slot is not in the trie).
    function storageWord(uint256 value, uint256 length) internal pure returns (bytes32 word) {
        unchecked {
            (uint256 ptr, uint256 size, uint256 end) = _string(value);
            if (size == 0 || size > 32 || end != value + length) revert MalformedValue();
            word = bytes32(uint256(_word(ptr)) >> (256 - 8 * size));
            if (uint256(word) >> (8 * size - 8) == 0) revert MalformedValue();
        }
    }

    /// Passes the nodes, from the next one on but not the last, that are branches whose children stand there by hash: nearly
    /// all of a large trie. It stops before any node that is not one (or that is not the right one: `read` says why), and is nothing but
    /// a short cut for `_step`.
    function _throughBranches(bytes32 root, bytes32 key, uint256 left, uint256 used, uint256 next)
        private
        pure
        returns (bytes32, uint256, uint256, uint256)
    {
        assembly ("memory-safe") {
            let m := mload(0x40)
            for {} and(gt(left, 1), lt(used, 64)) {} {
                let size := shr(240, calldataload(next))
                let node := add(next, 2)
                if gt(size, 532) { break }
                calldatacopy(m, node, size)
                if iszero(eq(keccak256(m, size), root)) { break }
                let turn := and(shr(sub(252, shl(2, used)), key), 15)
                let child
                next := add(node, size)
                switch eq(size, 532)
                case 1 {
                    // Sixteen children: the place is known. List header, and no value.
                    child := add(add(node, 3), mul(33, turn))
                    child := mul(child, and(eq(shr(232, mload(m)), 0xf90211), eq(byte(20, mload(add(m, 511))), 0x80)))
                }
                default {
                    // The list's header takes two bytes for 56 to 255 bytes, three for more.
                    let long := eq(shr(232, mload(m)), or(0xf90000, sub(size, 3)))
                    let short := eq(shr(240, mload(m)), or(0xf800, sub(size, 2)))
                    let good := or(and(long, gt(size, 258)), and(short, and(gt(size, 57), lt(size, 258))))
                    let ptr := add(node, add(2, long))
                    // Where each child stands goes behind the node; 0x80 is none and one byte, 0xa0 a hash and 33.
                    let places := add(m, 544)
                    let bad := 0
                    for { let end := add(places, 512) } lt(places, end) { places := add(places, 128) } {
                        let prefix := byte(0, calldataload(ptr))
                        mstore(places, ptr)
                        bad := or(bad, xor(and(prefix, 0xdf), 0x80))
                        ptr := add(add(ptr, 1), and(prefix, 0x20))
                        prefix := byte(0, calldataload(ptr))
                        mstore(add(places, 32), ptr)
                        bad := or(bad, xor(and(prefix, 0xdf), 0x80))
                        ptr := add(add(ptr, 1), and(prefix, 0x20))
                        prefix := byte(0, calldataload(ptr))
                        mstore(add(places, 64), ptr)
                        bad := or(bad, xor(and(prefix, 0xdf), 0x80))
                        ptr := add(add(ptr, 1), and(prefix, 0x20))
                        prefix := byte(0, calldataload(ptr))
                        mstore(add(places, 96), ptr)
                        bad := or(bad, xor(and(prefix, 0xdf), 0x80))
                        ptr := add(add(ptr, 1), and(prefix, 0x20))
                    }
                    // The last item is the value: none.
                    good := and(good, and(eq(add(ptr, 1), next), eq(byte(0, calldataload(ptr)), 0x80)))
                    child := mul(mload(add(add(m, 544), shl(5, turn))), and(good, iszero(bad)))
                }
                // A position in calldata is never zero.
                if iszero(and(gt(child, 0), eq(byte(0, calldataload(child)), 0xa0))) {
                    next := sub(node, 2)
                    break
                }
                root := calldataload(add(child, 1))
                used := add(used, 1)
                left := sub(left, 1)
            }
        }
        return (root, left, used, next);
    }

    /// One step through any node: the place of the child (or of the value, at a leaf).
    function _step(uint256 node, uint256 end, bytes32 key, uint256 used)
        private
        pure
        returns (uint256 child, uint256, bool leaf)
    {
        unchecked {
            uint256 ptr = _listPayload(node, end);
            uint256 prefix = _byte(ptr);
            uint256 second;
            // A branch starts with a child: none, an inline node, or a hash. A path of 32 bytes looks like the last.
            bool branch = prefix == 0x80 || prefix > 0xbf;
            if (!branch) {
                second = _skip(ptr, end);
                branch = prefix == 0xa0 && _skip(second, end) != end;
            }
            if (branch) {
                if (used > 63) revert MalformedNode();
                return (_child(ptr, end, _nibble(key, used)), used + 1, false);
            }
            if (_skip(second, end) != end) revert MalformedNode();
            // Hex-prefix: flag nibble (0, 1 extension; 2, 3 leaf; odd: one nibble of the path beside it), then the path.
            (uint256 path, uint256 pathLength,) = _string(ptr);
            if (pathLength == 0 || pathLength > 33) revert MalformedNode();
            uint256 flag = _byte(path);
            if (flag > 0x3f) revert MalformedNode();
            uint256 nibbles = 2 * (pathLength - 1);
            uint256 bits;
            if (flag & 0x10 != 0) {
                ++nibbles;
                bits = uint256(_word(path)) << 4;
            } else {
                if (flag & 0x0f != 0) revert MalformedNode();
                bits = uint256(_word(path + 1));
            }
            leaf = flag & 0x20 != 0;
            if (used + nibbles > 64) revert MalformedNode();
            if (nibbles != 0 && ((uint256(key) << (4 * used)) ^ bits) >> (256 - 4 * nibbles) != 0) revert NotPresent();
            used += nibbles;
            if (leaf ? used != 64 : nibbles == 0) revert MalformedNode();
            return (second, used, leaf);
        }
    }

    /// Child `turn` of a branch whose items start at `ptr`.
    function _child(uint256 ptr, uint256 end, uint256 turn) private pure returns (uint256 child) {
        unchecked {
            uint256 start = ptr;
            bool good = true;
            assembly ("memory-safe") {
                // No jump for the usual children: 0x80 is one byte, a hash 33.
                for { let i := 0 } lt(i, 16) { i := add(i, 1) } {
                    let prefix := byte(0, calldataload(ptr))
                    let hash := eq(prefix, 0xa0)
                    good := and(good, or(hash, eq(prefix, 0x80)))
                    child := add(child, mul(eq(i, turn), ptr))
                    ptr := add(ptr, add(1, shl(5, hash)))
                }
            }
            if (!good) {
                ptr = start;
                for (uint256 i; i < 16; ++i) {
                    if (i == turn) child = ptr;
                    uint256 prefix = _byte(ptr);
                    // A node of 32 bytes and more is referred to by its hash.
                    if (prefix != 0x80 && prefix != 0xa0 && (prefix < 0xc0 || prefix > 0xde)) revert MalformedNode();
                    ptr += prefix == 0x80 ? 1 : prefix == 0xa0 ? 33 : prefix - 0xbf;
                    if (ptr >= end) revert MalformedNode();
                }
            }
            // All keys have one length, but a value is a canonical string all the same.
            if (ptr >= end) revert MalformedNode();
            (,, ptr) = _string(ptr);
            if (ptr != end) revert MalformedNode();
        }
    }

    function _nibble(bytes32 key, uint256 used) private pure returns (uint256) {
        unchecked {
            return (uint256(key) >> (252 - 4 * used)) & 15;
        }
    }

    /// Start of a list's items; the list must end exactly at `end`.
    function _listPayload(uint256 ptr, uint256 end) private pure returns (uint256) {
        unchecked {
            uint256 prefix = _byte(ptr);
            if (prefix < 0xc0) revert MalformedNode();
            uint256 start = ptr + 1;
            uint256 size = prefix - 0xc0;
            if (prefix == 0xf8) {
                size = _byte(start);
                ++start;
                if (size < 56) revert MalformedNode();
            } else if (prefix == 0xf9) {
                size = uint256(_word(start)) >> 240;
                start += 2;
                if (size < 256) revert MalformedNode();
            } else if (prefix > 0xf9) {
                revert MalformedNode();
            }
            if (start + size != end) revert MalformedNode();
            return start;
        }
    }

    /// The item after this one, which may be a string or a short (inline) list.
    function _skip(uint256 ptr, uint256 end) private pure returns (uint256 next) {
        unchecked {
            uint256 prefix = _byte(ptr);
            if (prefix < 0xc0) {
                (,, next) = _string(ptr);
            } else {
                // A node of 32 bytes and more is referred to by its hash.
                if (prefix > 0xde) revert MalformedNode();
                next = ptr + prefix - 0xbf;
            }
            if (next > end) revert MalformedNode();
        }
    }

    /// Content of a canonical RLP string of at most 255 bytes.
    function _string(uint256 ptr) private pure returns (uint256 start, uint256 size, uint256 next) {
        unchecked {
            uint256 prefix = _byte(ptr);
            if (prefix < 0x80) return (ptr, 1, ptr + 1);
            start = ptr + 1;
            size = prefix - 0x80;
            if (size == 1 && _byte(start) < 0x80) revert MalformedNode();
            if (prefix == 0xb8) {
                size = _byte(start);
                ++start;
                if (size < 56) revert MalformedNode();
            } else if (prefix > 0xb8) {
                revert MalformedNode();
            }
            next = start + size;
        }
    }

    function _byte(uint256 ptr) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, calldataload(ptr))
        }
    }

    function _word(uint256 ptr) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := calldataload(ptr)
        }
    }
}
