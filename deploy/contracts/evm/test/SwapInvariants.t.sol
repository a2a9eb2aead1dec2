// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileERC20} from "../mocks/HostileERC20.sol";
import {VoucherERC20} from "../src/VoucherERC20.sol";
import {Terms} from "../src/lib/Swaps.sol";
import {Bridge} from "./utils/Bridge.sol";
import {Test} from "./utils/Test.sol";

/// Many swaps of money against money beside transfers of the same tokens, in any order: propose, lock and void as a party or
/// as anybody, deliver any range, let time pass, be blocked by a token.
contract SwapHandler is Bridge {
    HostileERC20[2] public tokens;
    VoucherERC20[2] public vouchers;
    Terms[] internal swaps;
    address[3] internal people = [address(0xa1), address(0xb2), address(0xc3)];
    uint256 public released;
    uint256 public back;

    function setUp() public override {
        super.setUp();
        for (uint256 i; i < 2; ++i) {
            tokens[i] = new HostileERC20("Token", "T");
            vouchers[i] = VoucherERC20(_register(i, 1, address(tokens[i])));
        }
        for (uint256 p; p < 3; ++p) {
            for (uint256 i; i < 2; ++i) {
                tokens[i].mint(people[p], 10_000);
                vm.startPrank(people[p]);
                tokens[i].approve(address(sides[i].vault), type(uint256).max);
                vouchers[i].approve(address(sides[1 - i].vault), type(uint256).max);
                vm.stopPrank();
            }
        }
    }

    /// The token of a leg: of side `side` the home token, or the voucher for the other's.
    function _token(uint256 side, bool voucher) private view returns (address) {
        return voucher ? address(vouchers[1 - side]) : address(tokens[side]);
    }

    function propose(uint256 seed) external {
        if (swaps.length > 12) return;
        Terms memory t;
        t.lanes = [sides[0].outLane, sides[1].outLane];
        for (uint256 k; k < 2; ++k) {
            uint256 s = uint256(keccak256(abi.encode(seed, k)));
            t.legs[k].asset = sides[k].admin.assetHashOf(1, _token(k, s % 4 == 0));
            t.legs[k].amountOrId = bound(s >> 8, 1, 500);
            t.legs[k].from = _word(people[(s >> 64) % 3]);
            t.legs[k].to = _word(people[(s >> 72) % 3]);
            t.legs[k].deadline = uint64(_now() + bound(s >> 128, 1, 3 hours));
        }
        // The same seed at the same time would be the same swap.
        t.nonce = bytes32(swaps.length);
        swaps.push(t);
    }

    function lockLeg(uint256 which, uint256 leg) external {
        _act(which, leg % 2, true, true);
    }

    /// Most of what happens is this: both lock.
    function lockBoth(uint256 which) external {
        _act(which, 0, true, true);
        _act(which, 1, true, true);
    }

    function voidLeg(uint256 which, uint256 leg, bool byParty) external {
        _act(which, leg % 2, false, byParty);
    }

    function _act(uint256 which, uint256 leg, bool lock, bool byParty) private {
        if (swaps.length == 0) return;
        Terms memory t = swaps[which % swaps.length];
        vm.chainId(sides[leg].chainId);
        if (byParty) vm.prank(address(uint160(uint256(t.legs[leg].from))));
        if (lock) {
            try sides[leg].swaps.lockLeg(t, uint8(leg)) {} catch {}
        } else {
            try sides[leg].swaps.voidLeg(t, uint8(leg)) {} catch {}
        }
    }

    function transfer(uint256 side, uint256 who, uint256 amount, bool voucher) external {
        side %= 2;
        address token = _token(side, voucher);
        address sender = people[who % 3];
        bytes32 lane = sides[side].outLane;
        uint64 timeout = uint64(_now() + 1 hours);
        bytes32 to = _word(people[(who % 3 + 1) % 3]);
        vm.prank(sender);
        try sides[side].vault.lock(lane, token, bound(amount, 1, 500), to, timeout, bytes32(0)) {} catch {}
    }

    function deliver(uint256 src, uint256 from, uint256 count) external {
        src %= 2;
        uint256 size = sides[src].outbox.size();
        if (size == 0) return;
        from = bound(from, 0, size - 1);
        count = bound(count, 1, size - from > 12 ? 12 : size - from);
        _deliver(src, from, from + count);
    }

    function wait_(uint256 time) external {
        vm.warp(_now() + bound(time, 1, 30 minutes));
    }

    function setBlocked(uint256 which, uint256 who, bool blocked) external {
        tokens[which % 2].setBlocked(people[who % 3], blocked);
    }

    // --- what must hold ------------------------------------------------------------------------------------------------

    function check() external {
        _sync();
        // What the swaps hold: [side][voucher].
        uint256[2][2] memory held;
        for (uint256 i; i < swaps.length; ++i) {
            for (uint256 k; k < 2; ++k) {
                (uint8 state, uint8 outcome) = _leg(i, k);
                (uint8 other, uint8 otherOutcome) = _leg(i, 1 - k);
                // INV-4
                if (outcome == 1) assertTrue(state == 1 && other == 1 && otherOutcome != 2, "INV-4: released");
                if (outcome == 2) assertTrue(state == 1 && other == 2, "INV-4: given back");
                if (state != 1 || outcome != 0) continue;
                bool voucher = swaps[i].legs[k].asset == sides[k].admin.assetHashOf(1, address(vouchers[1 - k]));
                held[k][voucher ? 1 : 0] += swaps[i].legs[k].amountOrId;
            }
        }
        for (uint256 k; k < 2; ++k) {
            uint256 escrow = _held(k, address(tokens[k]));
            uint256 outstanding = _held(1 - k, address(vouchers[k]));
            assertTrue(outstanding <= escrow, "INV-1: backed");
            assertEq(vouchers[k].totalSupply(), outstanding, "INV-1: what is out is what was minted");
            for (uint256 v; v < 2; ++v) {
                address token = _token(k, v == 1);
                uint256 parked;
                for (uint256 p; p < 3; ++p) {
                    parked += sides[k].admin.claimable(token, people[p]);
                }
                assertEq(
                    HostileERC20(token).balanceOf(address(sides[k].vault)),
                    held[k][v] + parked + (v == 0 ? escrow : 0),
                    "a vault holds escrow, open legs and claims, each once"
                );
            }
        }
    }

    function _leg(uint256 i, uint256 k) private view returns (uint8 state, uint8 outcome) {
        return sides[k].swaps.swapLeg(_id(swaps[i]), uint8(k));
    }

    function _id(Terms memory t) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("causeway/swap/1"), t));
    }

    /// In the end, with every overdue leg voided and everything delivered, nothing is stuck.
    function finish() external {
        vm.warp(_now() + 4 hours);
        for (uint256 i; i < swaps.length; ++i) {
            for (uint256 k; k < 2; ++k) {
                try sides[k].swaps.voidLeg(swaps[i], uint8(k)) {} catch {}
            }
        }
        _deliverAll(0);
        _deliverAll(1);
        _deliverAll(0);
        for (uint256 i; i < swaps.length; ++i) {
            (uint8 a, uint8 ofA) = _leg(i, 0);
            (uint8 b, uint8 ofB) = _leg(i, 1);
            if (a == 1 && b == 1) {
                assertTrue(ofA == 1 && ofB == 1, "INV-4: both released");
                ++released;
            } else {
                assertTrue(a != 1 || ofA == 2, "INV-4: not stuck");
                assertTrue(b != 1 || ofB == 2, "INV-4: not stuck");
                ++back;
            }
        }
    }
}

contract SwapInvariantsTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    SwapHandler internal handler;

    function setUp() public {
        handler = new SwapHandler();
        handler.setUp();
        for (uint256 i; i < 3; ++i) {
            handler.propose(i);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = SwapHandler.propose.selector;
        selectors[1] = SwapHandler.lockLeg.selector;
        selectors[2] = SwapHandler.lockBoth.selector;
        selectors[3] = SwapHandler.voidLeg.selector;
        selectors[4] = SwapHandler.transfer.selector;
        selectors[5] = SwapHandler.deliver.selector;
        selectors[6] = SwapHandler.wait_.selector;
        selectors[7] = SwapHandler.setBlocked.selector;
        selectors[8] = SwapHandler.deliver.selector;
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_1_4_swaps_are_atomic_and_never_booked() public {
        handler.check();
    }

    function afterInvariant() public {
        handler.finish();
        handler.check();
    }
}
