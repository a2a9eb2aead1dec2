// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VoucherERC20} from "./VoucherERC20.sol";
import {VoucherERC721} from "./VoucherERC721.sol";

/// Deploys vouchers by CREATE2 for the vault that calls, which becomes the minter: the address is known before. Keeps the
/// vouchers' code out of the vault's own size. It has no state and no owner.
contract VoucherFactory {
    function deployERC20(
        bytes32 lane,
        bytes32 remoteAsset,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external returns (address) {
        return address(
            new VoucherERC20{salt: _salt(lane, remoteAsset)}(msg.sender, lane, remoteAsset, name, symbol, decimals)
        );
    }

    function deployERC721(bytes32 lane, bytes32 remoteAsset, string calldata name, string calldata symbol)
        external
        returns (address)
    {
        return address(new VoucherERC721{salt: _salt(lane, remoteAsset)}(msg.sender, lane, remoteAsset, name, symbol));
    }

    /// Address of a voucher that `vault` would get, or got.
    function addressOfERC20(
        address vault,
        bytes32 lane,
        bytes32 remoteAsset,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external view returns (address) {
        return _address(
            lane,
            remoteAsset,
            keccak256(
                bytes.concat(
                    type(VoucherERC20).creationCode, abi.encode(vault, lane, remoteAsset, name, symbol, decimals)
                )
            )
        );
    }

    /// Address of a voucher that `vault` would get, or got.
    function addressOfERC721(
        address vault,
        bytes32 lane,
        bytes32 remoteAsset,
        string calldata name,
        string calldata symbol
    ) external view returns (address) {
        return _address(
            lane,
            remoteAsset,
            keccak256(
                bytes.concat(type(VoucherERC721).creationCode, abi.encode(vault, lane, remoteAsset, name, symbol))
            )
        );
    }

    function _salt(bytes32 lane, bytes32 remoteAsset) private pure returns (bytes32) {
        return keccak256(abi.encode(lane, remoteAsset));
    }

    function _address(bytes32 lane, bytes32 remoteAsset, bytes32 codeHash) private view returns (address) {
        return address(
            uint160(
                uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), _salt(lane, remoteAsset), codeHash)))
            )
        );
    }
}
