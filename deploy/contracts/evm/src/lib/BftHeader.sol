// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Reads the seal-less header of an Istanbul-style BFT chain straight from calldata (modes 0 QBFT, 1 IBFT 2.0, 2 IBFT 1).
///
/// Every field is checked to be canonical RLP and of the mode. Up to the difficulty all fields have fixed lengths, so
/// their places are known; the quorum that signed these very bytes vouches for what they mean.
library BftHeader {
    uint8 internal constant QBFT = 0;
    uint8 internal constant IBFT2 = 1;
    uint8 internal constant IBFT1 = 2;

    /// The header is not canonical RLP, or not a header of the mode.
    error MalformedHeader();
    /// More than 256 validators, or none.
    error BadSetSize(uint256 found);

    /// keccak256 of the empty list: BFT blocks have no ommers.
    bytes32 private constant NO_OMMERS = 0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347;
    /// The text "ctical byzantine fault tolerance": the mix hash of Istanbul-style blocks.
    bytes32 private constant BFT_MIX_HASH = 0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365;
    /// 256 validators, a vote and 21 fields stay far below (the length travels as u16).
    uint256 private constant MAX_HEADER_BYTES = 16 * 1024;

    struct Fields {
        uint64 height;
        uint64 time;
        bytes32 stateRoot;
        bytes32 parentHash;
        /// keccak256 over the seal-less header.
        bytes32 digest;
        /// Calldata offset and byte length of the payload of the validator list, 21 bytes each.
        uint256 list;
        uint256 listLength;
        /// Calldata offsets of the extra data's item (its RLP header), of its content, of the round's item, of its end.
        uint256 extraItem;
        uint256 extra;
        uint256 round;
        uint256 extraEnd;
    }

    /// @param ptr calldata offset of the header
    /// @param size its length
    function read(uint8 mode, uint256 ptr, uint256 size) internal pure returns (Fields memory f) {
        unchecked {
            bool ok;
            assembly ("memory-safe") {
                // list header (3 bytes), parent hash, ommers, beneficiary, state root, transactions, receipts, bloom, difficulty
                ok := eq(shr(248, calldataload(ptr)), 0xf9)
                ok := and(ok, eq(and(shr(232, calldataload(ptr)), 0xffff), sub(size, 3)))
                ok := and(ok, eq(byte(0, calldataload(add(ptr, 3))), 0xa0))
                ok := and(ok, eq(byte(0, calldataload(add(ptr, 36))), 0xa0))
                ok := and(ok, eq(calldataload(add(ptr, 37)), NO_OMMERS))
                ok := and(ok, eq(byte(0, calldataload(add(ptr, 69))), 0x94))
                ok := and(ok, eq(byte(0, calldataload(add(ptr, 90))), 0xa0))
                ok := and(ok, eq(byte(0, calldataload(add(ptr, 123))), 0xa0))
                ok := and(ok, eq(byte(0, calldataload(add(ptr, 156))), 0xa0))
                ok := and(ok, eq(shr(232, calldataload(add(ptr, 189))), 0xb90100))
                ok := and(ok, eq(byte(0, calldataload(add(ptr, 448))), 0x01))
                let m := mload(0x40)
                // No longer than MAX_HEADER_BYTES, else a wrong hash of a header that is refused below.
                calldatacopy(m, ptr, and(size, 0x7fff))
                mstore(add(f, 128), keccak256(m, and(size, 0x7fff)))
                mstore(add(f, 64), calldataload(add(ptr, 91)))
                mstore(add(f, 96), calldataload(add(ptr, 4)))
            }
            if (!ok || size > MAX_HEADER_BYTES || size < 512) revert MalformedHeader();
            uint256 end = ptr + size;
            uint256 cursor;
            (f.height, cursor) = _number(ptr + 449);
            (, cursor) = _number(cursor); // gas limit
            (, cursor) = _number(cursor); // gas used
            (f.time, cursor) = _number(cursor);
            if (f.height >> 48 != 0) revert MalformedHeader();
            f.extraItem = cursor;
            uint256 extraSize;
            (f.extra, extraSize) = _string(cursor);
            cursor = f.extra + extraSize;
            f.extraEnd = cursor;
            // Mix hash and nonce.
            if (
                cursor + 42 > end || _byte(cursor) != 0xa0 || _word(cursor + 1) != BFT_MIX_HASH
                    || _byte(cursor + 33) != 0x88
            ) revert MalformedHeader();
            cursor += 42;
            if (cursor != end) _laterFields(cursor, end);
            if (mode == IBFT1) _istanbulExtra(f);
            else _bftExtra(f, mode);
            uint256 count = f.listLength / 21;
            if (count * 21 != f.listLength) revert MalformedHeader();
            if (count == 0 || count > 256) revert BadSetSize(count);
        }
    }

    /// The block's hash as the chain's own headers and `parentHash` name it: without the round (QBFT: as round 0).
    /// @param ptr calldata offset of the header that `f` was read from
    function blockHash(Fields memory f, uint8 mode, uint256 ptr, uint256 size) internal pure returns (bytes32) {
        if (mode == IBFT1 || (mode == QBFT && _byte(f.round) == 0x80)) return f.digest;
        bytes memory last = mode == QBFT ? bytes(hex"80c0") : bytes("");
        uint256 start = f.extra;
        uint256 items = _listPayload(start);
        bytes memory extra = _list(bytes.concat(_slice(items, f.round - items), last));
        uint256 fields = ptr + 3;
        return keccak256(
            _list(
                bytes.concat(
                    _slice(fields, f.extraItem - fields),
                    _header(0x80, extra.length),
                    extra,
                    _slice(f.extraEnd, ptr + size - f.extraEnd)
                )
            )
        );
    }

    /// QBFT `RLP[vanity, [validators], vote, round, []]`; IBFT 2.0 the same without the last item.
    function _bftExtra(Fields memory f, uint8 mode) private pure {
        unchecked {
            uint256 end = f.extraEnd;
            uint256 cursor = _listPayload(f.extra);
            if (_listEnd(f.extra) != end || _byte(cursor) != 0xa0) revert MalformedHeader();
            cursor += 33;
            f.list = _listPayload(cursor);
            cursor = _listEnd(cursor);
            f.listLength = cursor - f.list;
            cursor = _vote(mode, cursor);
            f.round = cursor;
            // Four bytes, in IBFT 2.0 always; in QBFT (whose test vectors and early codecs have them) or else a number.
            if (_byte(cursor) == 0x84) {
                cursor += 5;
            } else {
                if (mode != QBFT) revert MalformedHeader();
                (, cursor) = _number(cursor);
                if (cursor > f.round + 4) revert MalformedHeader();
            }
            if (mode == QBFT) {
                if (_byte(cursor) != 0xc0) revert MalformedHeader();
                ++cursor;
            }
            if (cursor != end) revert MalformedHeader();
        }
    }

    /// No vote: an empty list in QBFT, an empty string in IBFT 2.0. Else `[candidate, 0xff | 0x00]`, where GoQuorum
    /// writes 0x00 as the number 0.
    function _vote(uint8 mode, uint256 ptr) private pure returns (uint256) {
        unchecked {
            uint256 prefix = _byte(ptr);
            if (prefix == (mode == QBFT ? 0xc0 : 0x80)) return ptr + 1;
            if (_byte(ptr + 1) != 0x94) revert MalformedHeader();
            uint256 value = _byte(ptr + 22);
            if (prefix == 0xd7 && value == 0x81 && _byte(ptr + 23) == 0xff) return ptr + 24;
            if (prefix == 0xd6 && (value == 0x80 || value == 0)) return ptr + 23;
            revert MalformedHeader();
        }
    }

    /// 32 bytes of vanity, then `RLP[[validators], proposer seal, []]`.
    function _istanbulExtra(Fields memory f) private pure {
        unchecked {
            uint256 end = f.extraEnd;
            uint256 start = f.extra + 32;
            if (start >= end || _listEnd(start) != end) revert MalformedHeader();
            uint256 cursor = _listPayload(start);
            f.list = _listPayload(cursor);
            cursor = _listEnd(cursor);
            f.listLength = cursor - f.list;
            // The proposer's seal is empty in a genesis block.
            if (_byte(cursor) == 0x80) ++cursor;
            else if (uint256(_word(cursor)) >> 240 == 0xb841) cursor += 67;
            else revert MalformedHeader();
            if (_byte(cursor) != 0xc0 || cursor + 1 != end) revert MalformedHeader();
        }
    }

    /// Fields that forks after Berlin appended: base fee, withdrawals root, blob gas used, excess blob gas, parent beacon
    /// root, requests hash.
    function _laterFields(uint256 cursor, uint256 end) private pure {
        unchecked {
            for (uint256 position = 15; cursor < end; ++position) {
                uint256 prefix = _byte(cursor);
                if (position == 16 || position == 19 || position == 20) {
                    if (prefix != 0xa0) revert MalformedHeader();
                    cursor += 33;
                } else if (position == 15 && prefix > 0x88) {
                    if (prefix > 0xa0 || _byte(cursor + 1) == 0) revert MalformedHeader();
                    cursor += prefix - 0x7f;
                } else if (position < 19) {
                    (, cursor) = _number(cursor);
                } else {
                    revert MalformedHeader();
                }
            }
            if (cursor != end) revert MalformedHeader();
        }
    }

    /// A canonical RLP number of at most eight bytes.
    function _number(uint256 ptr) private pure returns (uint64 value, uint256 next) {
        unchecked {
            uint256 prefix = _byte(ptr);
            if (prefix < 0x80) {
                if (prefix == 0) revert MalformedHeader();
                return (uint64(prefix), ptr + 1);
            }
            uint256 size = prefix - 0x80;
            next = ptr + 1 + size;
            if (size == 0) return (0, next);
            if (size > 8) revert MalformedHeader();
            value = uint64(uint256(_word(ptr + 1)) >> (256 - 8 * size));
            // No leading zero, and a byte below 0x80 stands for itself.
            if (size == 1 ? value < 0x80 : value >> (8 * size - 8) == 0) revert MalformedHeader();
        }
    }

    /// Content of the extra data's string, which is never shorter than 32 bytes.
    function _string(uint256 ptr) private pure returns (uint256 start, uint256 size) {
        unchecked {
            uint256 prefix = _byte(ptr);
            if (prefix == 0xb8) {
                size = _byte(ptr + 1);
                if (size > 55) return (ptr + 2, size);
            } else if (prefix == 0xb9) {
                size = uint256(_word(ptr + 1)) >> 240;
                if (size > 255) return (ptr + 3, size);
            } else if (prefix >= 0xa0 && prefix < 0xb8) {
                return (ptr + 1, prefix - 0x80);
            }
            revert MalformedHeader();
        }
    }

    function _listPayload(uint256 ptr) private pure returns (uint256) {
        unchecked {
            uint256 prefix = _byte(ptr);
            return prefix < 0xf8 ? ptr + 1 : prefix == 0xf8 ? ptr + 2 : ptr + 3;
        }
    }

    /// End of a list of canonical length.
    function _listEnd(uint256 ptr) private pure returns (uint256) {
        unchecked {
            uint256 prefix = _byte(ptr);
            if (prefix >= 0xc0 && prefix < 0xf8) return ptr + 1 + prefix - 0xc0;
            uint256 size;
            if (prefix == 0xf8) {
                size = _byte(ptr + 1);
                if (size > 55) return ptr + 2 + size;
            } else if (prefix == 0xf9) {
                size = uint256(_word(ptr + 1)) >> 240;
                if (size > 255) return ptr + 3 + size;
            }
            revert MalformedHeader();
        }
    }

    function _list(bytes memory payload) private pure returns (bytes memory) {
        return bytes.concat(_header(0xc0, payload.length), payload);
    }

    function _header(uint8 base, uint256 size) private pure returns (bytes memory) {
        if (size < 56) return abi.encodePacked(uint8(base + size));
        if (size < 256) return abi.encodePacked(uint8(base + 56), uint8(size));
        return abi.encodePacked(uint8(base + 57), uint16(size));
    }

    function _slice(uint256 ptr, uint256 size) private pure returns (bytes memory out) {
        out = new bytes(size);
        assembly ("memory-safe") {
            calldatacopy(add(out, 32), ptr, size)
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
