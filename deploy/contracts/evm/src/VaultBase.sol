// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VaultStorage} from "./VaultStorage.sol";
import {Caip} from "./lib/Caip.sol";
import {Tokens} from "./lib/Tokens.sol";

/// What every entry point of a vault shares: the guard, windows of caps, scales, and moving assets out.
abstract contract VaultBase is VaultStorage {
    using Tokens for address;

    uint8 internal constant IDLE = 1;
    uint8 internal constant ENTERED = 2;

    /// CAIP-2 name of this chain, left-aligned, and its length. Fixed where the code is deployed.
    bytes32 private immutable _chain;
    uint256 private immutable _chainLength;

    constructor() {
        bytes memory name = Caip.chainName();
        assert(name.length <= 32);
        (_chain, _chainLength) = (bytes32(name), name.length);
    }

    /// keccak256 of the CAIP-19 id of a token on this chain.
    function _assetHash(uint256 standard, address token) internal view returns (bytes32) {
        return Caip.assetHash(_chain, _chainLength, standard, token);
    }

    /// keccak256 of this chain's CAIP-2 id.
    function _chainHash() internal view returns (bytes32) {
        return keccak256(Caip.chainName());
    }

    /// Opens the guard: no entry point may run inside another, whatever a token calls (ATK-056).
    function _enter() internal returns (State storage s) {
        s = _state();
        uint8 guard = s.guard;
        if (guard != IDLE) {
            if (guard == 0) revert NotInitialised();
            revert Reentered();
        }
        s.guard = ENTERED;
    }

    /// Moves one asset out of the vault; reverts where the token does not.
    function _send(address token, uint256 standard, address to, uint256 amountOrId) internal {
        if (standard == ERC721 ? !token.moveId(address(this), to, amountOrId) : !token.transfer(to, amountOrId)) {
            revert TransferFailed(token);
        }
    }

    /// The vault's balance must have fallen by exactly what was sent.
    function _checkSent(address token, uint256 before, uint256 sent) internal view {
        uint256 balance = token.balanceOf(address(this));
        if (balance > before || before - balance != sent) revert AmountMismatch(sent, before - balance);
    }

    /// The window of now, and what was used in it before.
    function _window(Asset storage a) internal view returns (uint32 number, uint256 lockUsed, uint256 creditUsed) {
        number = uint32(block.timestamp / a.windowSeconds);
        if (a.window == number) (lockUsed, creditUsed) = (a.lockUsed, a.creditUsed);
    }

    /// Sets or clears an ERC-721 id's place in a bridge's escrow; false where it was so already.
    function _moveEscrow(State storage s, uint256 bridge, address token, uint256 id, bool held)
        internal
        returns (bool)
    {
        uint256 bit = 1 << (id & 255);
        uint256 word = s.escrowed[bridge][token][id >> 8];
        if ((word & bit != 0) == held) return false;
        s.escrowed[bridge][token][id >> 8] = word ^ bit;
        return true;
    }
}
