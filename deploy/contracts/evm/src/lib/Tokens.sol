// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pay} from "../VoucherERC20.sol";

/// Calls to registered tokens. Nothing a token returns beyond one word is ever copied, and an address without code never
/// passes for a token: every call here must answer with a word.
library Tokens {
    bytes4 private constant TRANSFER = 0xa9059cbb;
    bytes4 private constant TRANSFER_FROM = 0x23b872dd;
    bytes4 private constant BALANCE_OF = 0x70a08231;
    bytes4 private constant OWNER_OF = 0x6352211e;

    /// ERC-20 `transfer`; false where it reverts or does not answer exactly true.
    function transfer(address token, address to, uint256 amount) internal returns (bool ok) {
        bytes4 selector = TRANSFER;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, selector)
            mstore(add(m, 4), to)
            mstore(add(m, 36), amount)
            ok := call(gas(), token, 0, m, 68, 0, 32)
            ok := and(ok, and(gt(returndatasize(), 31), eq(mload(0), 1)))
        }
    }

    /// ERC-20 `transfer` to each in turn; false as soon as one is not answered with exactly true.
    function transferMany(address token, Pay[] calldata pays) internal returns (uint256 sent, bool ok) {
        bytes4 selector = TRANSFER;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, selector)
            ok := 1
            let end := add(pays.offset, shl(6, pays.length))
            for { let pay := pays.offset } lt(pay, end) { pay := add(pay, 64) } {
                // Recipient and amount as they stand.
                calldatacopy(add(m, 4), pay, 64)
                let amount := calldataload(add(pay, 32))
                sent := add(sent, amount)
                // A sum that wraps is no sum.
                let moved := and(call(gas(), token, 0, m, 68, 0, 32), iszero(lt(sent, amount)))
                if iszero(and(moved, and(gt(returndatasize(), 31), eq(mload(0), 1)))) {
                    ok := 0
                    break
                }
            }
        }
    }

    /// ERC-20 `transferFrom`; false where it reverts or does not answer exactly true.
    function transferFrom(address token, address from, address to, uint256 amount) internal returns (bool ok) {
        uint256 word;
        (ok, word) = _transferFrom(token, from, to, amount);
        ok = ok && word == 1;
    }

    /// ERC-721 `transferFrom`, which answers nothing: the new owner is asked for.
    function moveId(address token, address from, address to, uint256 id) internal returns (bool) {
        (bool ok,) = _transferFrom(token, from, to, id);
        return ok && ownerOf(token, id) == to;
    }

    function balanceOf(address token, address owner) internal view returns (uint256 balance) {
        (bool ok, uint256 word) = _ask(token, BALANCE_OF, uint160(owner));
        if (!ok) revert NoAnswer(token);
        return word;
    }

    /// Owner of an ERC-721 id; zero where there is none.
    function ownerOf(address token, uint256 id) internal view returns (address) {
        (bool ok, uint256 word) = _ask(token, OWNER_OF, id);
        return ok && word >> 160 == 0 ? address(uint160(word)) : address(0);
    }

    /// The token does not answer a view.
    error NoAnswer(address token);

    /// The answer's first word, zero where it is shorter.
    function _transferFrom(address token, address from, address to, uint256 value)
        private
        returns (bool ok, uint256 word)
    {
        bytes4 selector = TRANSFER_FROM;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, selector)
            mstore(add(m, 4), from)
            mstore(add(m, 36), to)
            mstore(add(m, 68), value)
            ok := call(gas(), token, 0, m, 100, 0, 32)
            word := mul(gt(returndatasize(), 31), mload(0))
        }
    }

    function _ask(address token, bytes4 selector, uint256 argument) private view returns (bool ok, uint256 word) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, selector)
            mstore(add(m, 4), argument)
            ok := staticcall(gas(), token, m, 36, 0, 32)
            ok := and(ok, gt(returndatasize(), 31))
            word := mload(0)
        }
    }
}
