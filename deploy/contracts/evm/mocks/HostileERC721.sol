// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// An ERC-721 that misbehaves on demand: for development chains and tests only.
contract HostileERC721 is ERC721 {
    mapping(address => bool) public blocked;
    bool public paused;
    /// Transfers answer well and move nothing.
    bool public idle;

    constructor(string memory name_, string memory symbol_) ERC721(name_, symbol_) {}

    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function setPaused(bool paused_) external {
        paused = paused_;
    }

    function setIdle(bool idle_) external {
        idle = idle_;
    }

    function transferFrom(address from, address to, uint256 id) public override {
        require(!paused && !blocked[from] && !blocked[to], "hostile");
        if (!idle) super.transferFrom(from, to, id);
    }
}
