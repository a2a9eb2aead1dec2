// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// One payment of a merged credit.
struct Pay {
    address to;
    uint256 amountOrId;
}

/// The minted side of an ERC-20 asset of one bridge. Only its vault mints and burns; nothing else is special about it.
contract VoucherERC20 is ERC20 {
    /// The only minter.
    address public immutable vault;
    /// Outgoing lane of the bridge that it belongs to, and the asset's hash at its home.
    bytes32 public immutable lane;
    bytes32 public immutable remoteAsset;
    uint8 private immutable _decimals;

    error NotVault();

    constructor(
        address vault_,
        bytes32 lane_,
        bytes32 remoteAsset_,
        string memory name_,
        string memory symbol_,
        uint8 decimals_
    ) ERC20(name_, symbol_) {
        (vault, lane, remoteAsset, _decimals) = (vault_, lane_, remoteAsset_, decimals_);
    }

    modifier onlyVault() {
        if (msg.sender != vault) revert NotVault();
        _;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// Credits; all or none.
    function mint(Pay[] calldata pays) external onlyVault {
        for (uint256 i; i < pays.length; ++i) {
            _mint(pays[i].to, pays[i].amountOrId);
        }
    }

    /// Burns from the caller of the vault, who asked for it.
    function burn(address from, uint256 amount) external onlyVault {
        _burn(from, amount);
    }
}
