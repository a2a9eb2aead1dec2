// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Pay} from "./VoucherERC20.sol";

/// The minted side of an ERC-721 asset of one bridge, under the same ids. Only its vault mints and burns.
contract VoucherERC721 is ERC721 {
    /// The only minter.
    address public immutable vault;
    /// Outgoing lane of the bridge that it belongs to, and the asset's hash at its home.
    bytes32 public immutable lane;
    bytes32 public immutable remoteAsset;

    error NotVault();

    constructor(address vault_, bytes32 lane_, bytes32 remoteAsset_, string memory name_, string memory symbol_)
        ERC721(name_, symbol_)
    {
        (vault, lane, remoteAsset) = (vault_, lane_, remoteAsset_);
    }

    modifier onlyVault() {
        if (msg.sender != vault) revert NotVault();
        _;
    }

    /// Credits; all or none. No receiver hook is called.
    function mint(Pay[] calldata pays) external onlyVault {
        for (uint256 i; i < pays.length; ++i) {
            _mint(pays[i].to, pays[i].amountOrId);
        }
    }

    /// Burns what `from` owns.
    function burn(address from, uint256 id) external onlyVault {
        if (_requireOwned(id) != from) revert ERC721IncorrectOwner(from, id, ownerOf(id));
        _burn(id);
    }
}
