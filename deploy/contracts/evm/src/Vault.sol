// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {VaultDelivery} from "./VaultDelivery.sol";
import {VaultLock} from "./VaultLock.sol";
import {Tokens} from "./lib/Tokens.sol";

/// The vault of one chain and one set of organisations: it locks, mints, burns and releases, and pays out only on proof.
///
/// Locks are in `VaultLock`, deliveries in `VaultDelivery`; what the council sets up is in the module `VaultAdmin`, to which
/// every other selector is delegated. Nobody can withdraw: assets leave by a proven entry or to the owner of a claim.
contract Vault is VaultLock, VaultDelivery, Initializable, UUPSUpgradeable {
    using Tokens for address;

    /// The module with the council's functions and the views (same storage, delegated to).
    address public immutable admin;

    constructor(address admin_) {
        admin = admin_;
        _disableInitializers();
    }

    /// @param council owner of this vault
    /// @param genesis this chain's genesis hash: part of every lane id
    function initialize(address council, bytes32 genesis) external initializer {
        if (council.code.length == 0 || genesis == 0) revert NotInitialised();
        State storage s = _state();
        (s.council, s.genesis, s.guard) = (council, genesis, IDLE);
    }

    /// Pays a parked asset to any address the owner names.
    function claim(address token, uint256 amountOrId, address to) external {
        _claim(token, amountOrId, msg.sender, to);
    }

    /// Tries a parked asset's owner again. Anyone may, and it only ever goes to the owner.
    function pushClaim(address token, uint256 amountOrId, address owner) external {
        _claim(token, amountOrId, owner, owner);
    }

    function _claim(address token, uint256 amountOrId, address owner, address to) private {
        State storage s = _enter();
        if (to == address(0) || to == address(this) || to == token) revert ForbiddenTarget(to);
        uint8 standard = s.standards[token];
        if (standard == ERC721) {
            if (s.claimableId[token][amountOrId] != owner) revert NothingToClaim();
            delete s.claimableId[token][amountOrId];
        } else {
            uint256 parked = s.claimable[token][owner];
            if (amountOrId == 0 || parked < amountOrId) revert NothingToClaim();
            s.claimable[token][owner] = parked - amountOrId;
        }
        uint256 before = standard == ERC721 ? 0 : token.balanceOf(address(this));
        _send(token, standard, to, amountOrId);
        if (standard != ERC721) _checkSent(token, before, amountOrId);
        emit Claimed(token, owner, to, amountOrId);
        s.guard = IDLE;
    }

    function _authorizeUpgrade(address) internal view override {
        if (msg.sender != _state().council) revert NotCouncil();
    }

    /// Everything that is not on the hot path.
    fallback() external {
        address module = admin;
        assembly ("memory-safe") {
            let m := mload(0x40)
            calldatacopy(m, 0, calldatasize())
            let ok := delegatecall(gas(), module, m, calldatasize(), 0, 0)
            returndatacopy(m, 0, returndatasize())
            switch ok
            case 0 { revert(m, returndatasize()) }
            default { return(m, returndatasize()) }
        }
    }
}
