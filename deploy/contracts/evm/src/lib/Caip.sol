// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// CAIP-2 and CAIP-19 names of this chain and its tokens, computed on chain so that nobody can register a wrong one.
library Caip {
    /// "eip155:<chain id>".
    function chainName() internal view returns (bytes memory name) {
        uint256 id = block.chainid;
        bytes memory digits;
        do {
            digits = bytes.concat(bytes1(uint8(48 + id % 10)), digits);
            id /= 10;
        } while (id != 0);
        name = bytes.concat("eip155:", digits);
    }

    /// keccak256 of "<chain>/erc20:0x…" or "<chain>/erc721:0x…", the address in lower-case hex.
    /// @param chain `chainName()`, left-aligned
    /// @param chainLength its length
    /// @param standard 1 ERC-20, 2 ERC-721
    function assetHash(bytes32 chain, uint256 chainLength, uint256 standard, address token)
        internal
        pure
        returns (bytes32 hash)
    {
        uint256 high = _hex(uint160(token) >> 32);
        uint256 low = _hex(uint160(token) & 0xffffffff);
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, chain)
            let end := add(m, chainLength)
            switch standard
            case 1 {
                mstore(end, "/erc20:0x")
                end := add(end, 9)
            }
            default {
                mstore(end, "/erc721:0x")
                end := add(end, 10)
            }
            mstore(end, high)
            mstore(add(end, 32), shl(192, low))
            hash := keccak256(m, sub(add(end, 40), m))
        }
    }

    /// The lower 16 bytes (32 nibbles) of `value` as 32 hex digits.
    function _hex(uint256 value) private pure returns (uint256 text) {
        text = value & 0xffffffffffffffffffffffffffffffff;
        text = (text | (text << 64)) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
        text = (text | (text << 32)) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        text = (text | (text << 16)) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        text = (text | (text << 8)) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        text = (text | (text << 4)) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
        uint256 letters = ((text + 0x0606060606060606060606060606060606060606060606060606060606060606) >> 4)
            & 0x0101010101010101010101010101010101010101010101010101010101010101;
        text += 0x3030303030303030303030303030303030303030303030303030303030303030 + letters * 39;
    }
}
