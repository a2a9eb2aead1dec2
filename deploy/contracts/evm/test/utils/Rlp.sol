// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Writes RLP; for tests only.
library Rlp {
    function str(bytes memory content) internal pure returns (bytes memory) {
        if (content.length == 1 && uint8(content[0]) < 0x80) return content;
        return bytes.concat(header(0x80, content.length), content);
    }

    function number(uint256 value) internal pure returns (bytes memory) {
        return str(minimal(value));
    }

    function minimal(uint256 value) internal pure returns (bytes memory out) {
        uint256 size;
        for (uint256 v = value; v != 0; v >>= 8) {
            ++size;
        }
        out = new bytes(size);
        for (uint256 i; i < size; ++i) {
            out[size - 1 - i] = bytes1(uint8(value >> (8 * i)));
        }
    }

    function list(bytes memory payload) internal pure returns (bytes memory) {
        return bytes.concat(header(0xc0, payload.length), payload);
    }

    function header(uint8 base, uint256 size) internal pure returns (bytes memory) {
        if (size < 56) return abi.encodePacked(uint8(base + size));
        if (size < 256) return abi.encodePacked(uint8(base + 56), uint8(size));
        return abi.encodePacked(uint8(base + 57), uint16(size));
    }
}
