// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestERC20} from "../mocks/TestERC20.sol";
import {TestERC721} from "../mocks/TestERC721.sol";
import {Terms} from "../src/lib/Swaps.sol";
import {Bridge} from "./utils/Bridge.sol";

/// Gas of whole transactions of swaps, in the same snapshot as the vault's (`gas.sh`). The outboxes are young and the trie
/// is small: what header and proofs cost at a production-like shape is in the vault's figures.
contract SwapGasTest is Bridge {
    TestERC20[2] internal tokens;
    TestERC721 internal bills;
    address internal constant ALICE = address(0xa11ce00000000000000000000000000000000001);
    address internal constant BOB = address(0xb0b0000000000000000000000000000000000002);
    uint256 internal constant MANY = 50;

    function setUp() public override {
        super.setUp();
        bills = new TestERC721("Bill", "B");
        _register(1, 2, address(bills));
        for (uint256 i; i < 2; ++i) {
            tokens[i] = new TestERC20("Token", "T", 18);
            _register(i, 1, address(tokens[i]));
            tokens[i].mint(i == 0 ? ALICE : BOB, 1e30);
            // Accounts that exist already, and a vault that holds something already.
            tokens[i].mint(i == 0 ? BOB : ALICE, 1);
            tokens[i].mint(address(sides[i].vault), 1);
            vm.prank(i == 0 ? ALICE : BOB);
            tokens[i].approve(address(sides[i].vault), type(uint256).max);
        }
        vm.prank(BOB);
        bills.setApprovalForAll(address(sides[1].vault), true);
        // The outboxes are not empty, and the bitmaps' first words not zero.
        for (uint256 i; i < 2; ++i) {
            _voidLeg(_terms(1_000 + i, false), i);
            _deliverAll(i);
        }
    }

    function _terms(uint256 nonce, bool bill) private view returns (Terms memory t) {
        t.lanes = [sides[0].outLane, sides[1].outLane];
        address[2] memory parties = [ALICE, BOB];
        for (uint256 k; k < 2; ++k) {
            t.legs[k].asset = sides[k].admin.assetHashOf(1, address(tokens[k]));
            t.legs[k].amountOrId = 1e18 + nonce;
            (t.legs[k].from, t.legs[k].to) = (_word(parties[k]), _word(parties[1 - k]));
            t.legs[k].deadline = uint64(_now()) + 1 hours;
        }
        if (bill) (t.legs[1].asset, t.legs[1].amountOrId) = (sides[1].admin.assetHashOf(2, address(bills)), nonce);
        t.nonce = bytes32(nonce);
    }

    function _lockLeg(Terms memory t, uint256 leg) private returns (uint256) {
        vm.chainId(sides[leg].chainId);
        vm.prank(leg == 0 ? ALICE : BOB);
        sides[leg].swaps.lockLeg(t, uint8(leg));
        return vm.lastCallGas().gasTotalUsed;
    }

    function _voidLeg(Terms memory t, uint256 leg) private returns (uint256) {
        vm.prank(leg == 0 ? ALICE : BOB);
        sides[leg].swaps.voidLeg(t, uint8(leg));
        return vm.lastCallGas().gasTotalUsed;
    }

    function _note(string memory name, uint256 value) private {
        vm.snapshotValue("GasTest", name, value);
    }

    /// The average over 16 sizes of the outbox in a row.
    function test_gas_swap_lock() public {
        uint256 total;
        for (uint256 i; i < 16; ++i) {
            total += _lockLeg(_terms(i, false), 0);
        }
        _note("swap, lockLeg, ERC-20, average of 16", total / 16);
        total = 0;
        for (uint256 i; i < 16; ++i) {
            bills.mint(BOB, i);
            total += _lockLeg(_terms(i, true), 1);
        }
        _note("swap, lockLeg, ERC-721, average of 16", total / 16);
    }

    function test_gas_swap_lock_and_settle() public {
        Terms memory t = _terms(1, false);
        _lockLeg(t, 1);
        _deliverAll(1);
        _note("swap, lockLeg that settles", _lockLeg(t, 0));
    }

    function test_gas_swap_void() public {
        uint256 total;
        for (uint256 i; i < 16; ++i) {
            total += _voidLeg(_terms(i, false), 0);
        }
        _note("swap, voidLeg, average of 16", total / 16);
    }

    function test_gas_swap_facts() public {
        _facts(1, true, "swap, 1 fact that settles");
        _facts(MANY, true, "swap, 50 facts that settle, each");
    }

    function test_gas_swap_facts_before_the_lock() public {
        _facts(1, false, "swap, 1 fact before the lock");
        _facts(MANY, false, "swap, 50 facts before the lock, each");
    }

    function _facts(uint256 count, bool settles, string memory name) private {
        uint256 first = sides[1].outbox.size();
        for (uint256 i; i < count; ++i) {
            Terms memory t = _terms(count * 100 + i, false);
            if (settles) _lockLeg(t, 0);
            _lockLeg(t, 1);
        }
        _submit(0, _bundle(1, first, first + count));
        _note(name, vm.lastCallGas().gasTotalUsed / count);
    }
}
