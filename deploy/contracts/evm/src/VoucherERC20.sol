// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// One payment of a merged credit.
struct Pay {
    address to;
    uint256 amountOrId;
}

/// The minted side of an ERC-20 asset of one bridge. Only its vault mints and burns; nothing else is special about it.
///
/// Not OpenZeppelin's, whose minting writes the total supply once per account: here a batch writes it once (0.5k gas an
/// entry). Behaviour, events and errors are the same, and compared in the tests.
contract VoucherERC20 is IERC20Metadata, IERC20Errors {
    mapping(address owner => uint256) public override balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public override allowance;
    uint256 public override totalSupply;
    string public override name;
    string public override symbol;
    uint8 public immutable override decimals;

    /// The only minter.
    address public immutable vault;
    /// Outgoing lane of the bridge that it belongs to, and the asset's hash at its home.
    bytes32 public immutable lane;
    bytes32 public immutable remoteAsset;

    error NotVault();

    constructor(
        address vault_,
        bytes32 lane_,
        bytes32 remoteAsset_,
        string memory name_,
        string memory symbol_,
        uint8 decimals_
    ) {
        (vault, lane, remoteAsset, name, symbol, decimals) = (vault_, lane_, remoteAsset_, name_, symbol_, decimals_);
    }

    /// Credits; all or none.
    function mint(Pay[] calldata pays) external {
        if (msg.sender != vault) revert NotVault();
        uint256 sum = totalSupply;
        bytes32 topic = Transfer.selector;
        bool bad;
        // The loop is what most deliveries pay for; its plain twin is `_mint` of OpenZeppelin's ERC20.
        assembly ("memory-safe") {
            mstore(32, balanceOf.slot)
            let m := mload(0x40)
            let end := add(pays.offset, shl(6, pays.length))
            for { let pay := pays.offset } lt(pay, end) { pay := add(pay, 64) } {
                let to := calldataload(pay)
                let amount := calldataload(add(pay, 32))
                let next := add(sum, amount)
                bad := or(bad, or(or(iszero(to), shr(160, to)), lt(next, sum)))
                sum := next
                mstore(0, to)
                let slot := keccak256(0, 64)
                // No balance is above the sum.
                sstore(slot, add(sload(slot), amount))
                mstore(m, amount)
                log3(m, 32, topic, 0, to)
            }
        }
        if (bad) revert ERC20InvalidReceiver(address(0));
        totalSupply = sum;
    }

    /// Burns from the caller of the vault, who asked for it.
    function burn(address from, uint256 amount) external {
        if (msg.sender != vault) revert NotVault();
        _take(from, amount);
        unchecked {
            totalSupply -= amount;
        }
        emit Transfer(from, address(0), amount);
    }

    function transfer(address to, uint256 amount) external override returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function approve(address spender, uint256 amount) external override returns (bool) {
        if (spender == address(0)) revert ERC20InvalidSpender(spender);
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external override returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) {
            if (allowed < amount) revert ERC20InsufficientAllowance(msg.sender, allowed, amount);
            if (from == address(0)) revert ERC20InvalidApprover(from);
            unchecked {
                allowance[from][msg.sender] = allowed - amount;
            }
        }
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        _take(from, amount);
        unchecked {
            balanceOf[to] += amount;
        }
        emit Transfer(from, to, amount);
    }

    function _take(address from, uint256 amount) private {
        uint256 balance = balanceOf[from];
        if (balance < amount) revert ERC20InsufficientBalance(from, balance, amount);
        unchecked {
            balanceOf[from] = balance - amount;
        }
    }
}
