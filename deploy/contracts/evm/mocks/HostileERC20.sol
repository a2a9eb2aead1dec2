// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// An ERC-20 that misbehaves on demand: for development chains and tests only. Anyone may mint and set its faults.
contract HostileERC20 is ERC20 {
    /// What `transfer` and `transferFrom` answer.
    enum Answer {
        True,
        False,
        Nothing,
        Bomb
    }

    /// Transfers to or from a blocked account revert.
    mapping(address => bool) public blocked;
    /// All transfers revert.
    bool public paused;
    /// Taken from what the recipient gets, in 1/10,000.
    uint256 public feeBps;
    Answer public answer;
    /// Burns all gas it is given, when it pays this account.
    address public gasTrap;
    /// Called with `reenterData` inside each transfer. A failure is swallowed if `swallow`.
    address public reenterTarget;
    bytes public reenterData;
    bool public swallow;
    /// Whether the last re-entry got through.
    bool public reentered;

    constructor(string memory name_, string memory symbol_) ERC20(name_, symbol_) {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// Rebases an account downwards.
    function confiscate(address from, uint256 amount) external {
        _burn(from, amount);
    }

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function setPaused(bool paused_) external {
        paused = paused_;
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    function setAnswer(Answer answer_) external {
        answer = answer_;
    }

    function setGasTrap(address account) external {
        gasTrap = account;
    }

    function setReentry(address target, bytes calldata data, bool swallow_) external {
        (reenterTarget, reenterData, swallow, reentered) = (target, data, swallow_, false);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        _moved(msg.sender, to, value);
        return _answer();
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        _spendAllowance(from, msg.sender, value);
        _moved(from, to, value);
        return _answer();
    }

    function _moved(address from, address to, uint256 value) private {
        require(!paused && !blocked[from] && !blocked[to], "hostile");
        if (to == gasTrap && to != address(0)) {
            while (true) {}
        }
        if (reenterTarget != address(0)) {
            (bool ok,) = reenterTarget.call(reenterData);
            reentered = reentered || ok;
            require(ok || swallow, "re-entry refused");
        }
        uint256 fee = value * feeBps / 10_000;
        if (fee != 0) _burn(from, fee);
        _transfer(from, to, value - fee);
    }

    function _answer() private view returns (bool) {
        if (answer == Answer.Nothing) {
            assembly {
                return(0, 0)
            }
        }
        if (answer == Answer.Bomb) {
            // 100 kB that say true: whoever copies them all pays for it.
            assembly {
                mstore(0, 1)
                return(0, 100000)
            }
        }
        return answer == Answer.True;
    }
}
