// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileERC20} from "../../mocks/HostileERC20.sol";
import {HostileERC721} from "../../mocks/HostileERC721.sol";
import {BftEvmClient} from "../../src/BftEvmClient.sol";
import {Outbox} from "../../src/Outbox.sol";
import {VoucherERC20} from "../../src/VoucherERC20.sol";
import {VoucherERC721} from "../../src/VoucherERC721.sol";
import {Terms} from "../../src/lib/Swaps.sol";
import {Bridge} from "./Bridge.sol";

/// A bridge whose everyday swap is a bill against money: leg 0 is Alice's money on side 0, leg 1 Bob's bill on side 1. Both
/// are at home where they are, and have vouchers at the other end.
abstract contract SwapBridge is Bridge {
    HostileERC20 internal money;
    HostileERC721 internal bills;
    VoucherERC20 internal moneyVoucher;
    VoucherERC721 internal billVoucher;
    address internal constant ALICE = address(0xa1);
    address internal constant BOB = address(0xb2);
    address internal constant CAROL = address(0xc3);
    uint256 internal constant PRICE = 100 ether;
    uint256 internal constant BILL = 7;

    uint8 internal constant NONE = 0;
    uint8 internal constant LOCKED = 1;
    uint8 internal constant VOIDED = 2;
    uint8 internal constant OPEN = 0;
    uint8 internal constant RELEASED = 1;
    uint8 internal constant GIVEN_BACK = 2;

    /// Another bridge between the same two vaults, whose other chain lies.
    Side[2] internal others;

    function setUp() public virtual override {
        super.setUp();
        money = new HostileERC20("Money", "M");
        bills = new HostileERC721("Bill", "B");
        moneyVoucher = VoucherERC20(_register(0, 1, address(money)));
        billVoucher = VoucherERC721(_register(1, 2, address(bills)));
        money.mint(ALICE, 1_000 ether);
        bills.mint(BOB, BILL);
        vm.prank(ALICE);
        money.approve(address(sides[0].vault), type(uint256).max);
        vm.prank(BOB);
        bills.setApprovalForAll(address(sides[1].vault), true);
    }

    // --- terms ---------------------------------------------------------------------------------------------------------

    function _terms(uint256 nonce) internal view returns (Terms memory t) {
        t.lanes = [sides[0].outLane, sides[1].outLane];
        t.legs[0].asset = sides[0].admin.assetHashOf(1, address(money));
        (t.legs[0].amountOrId, t.legs[0].from, t.legs[0].to) = (PRICE, _word(ALICE), _word(BOB));
        t.legs[1].asset = sides[1].admin.assetHashOf(2, address(bills));
        (t.legs[1].amountOrId, t.legs[1].from, t.legs[1].to) = (BILL, _word(BOB), _word(ALICE));
        t.legs[0].deadline = uint64(_now()) + 1 hours;
        t.legs[1].deadline = uint64(_now()) + 2 hours;
        t.nonce = bytes32(nonce);
    }

    function _id(Terms memory t) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                abi.encode(keccak256("causeway/swap/1"), t.lanes[0], t.lanes[1]),
                abi.encode(t.legs),
                abi.encode(t.nonce)
            )
        );
    }

    // --- acts ----------------------------------------------------------------------------------------------------------

    function _party(uint256 leg) internal pure returns (address) {
        return leg == 0 ? ALICE : BOB;
    }

    function _lockLeg(Terms memory t, uint256 leg) internal {
        vm.chainId(sides[leg].chainId);
        vm.prank(_party(leg));
        sides[leg].swaps.lockLeg(t, uint8(leg));
    }

    function _voidLeg(Terms memory t, uint256 leg, address who) internal {
        vm.chainId(sides[leg].chainId);
        vm.prank(who);
        sides[leg].swaps.voidLeg(t, uint8(leg));
    }

    function _lockRefused(Terms memory t, uint256 leg, address who, bytes4 selector, string memory what) internal {
        uint256 size = sides[leg].outbox.size();
        vm.chainId(sides[leg].chainId);
        vm.prank(who);
        try sides[leg].swaps.lockLeg(t, uint8(leg)) {
            revert NotTrue(what);
        } catch (bytes memory reason) {
            assertTrue(isError(reason, selector), what);
        }
        assertEq(sides[leg].outbox.size(), size, what);
    }

    function _voidRefused(Terms memory t, uint256 leg, address who, bytes4 selector, string memory what) internal {
        vm.prank(who);
        try sides[leg].swaps.voidLeg(t, uint8(leg)) {
            revert NotTrue(what);
        } catch (bytes memory reason) {
            assertTrue(isError(reason, selector), what);
        }
    }

    function _deliverRefused(uint256 dst, Bundle memory b, bytes4 selector, string memory what) internal {
        try sides[dst].swaps.deliverFacts(b.lane, b.first, b.update, b.stateProof, b.runs) {
            revert NotTrue(what);
        } catch (bytes memory reason) {
            assertTrue(isError(reason, selector), what);
        }
    }

    /// Turns to the other bridge, or back. It is opened with the first turn.
    function _turn() internal {
        _sync();
        Side[2] memory now_ = [sides[0], sides[1]];
        if (address(others[0].vault) == address(0)) {
            for (uint256 i; i < 2; ++i) {
                sides[i].outbox = new Outbox(address(sides[i].vault));
            }
            _connect(0, 1, 1);
        } else {
            for (uint256 i; i < 2; ++i) {
                sides[i] = others[i];
            }
        }
        for (uint256 i; i < 2; ++i) {
            others[i] = now_[i];
        }
    }

    /// The chain of `src` lies: an entry that its vault did not decide about.
    function _forge(uint256 src, uint8 kind, bytes32 swapId, uint8 leg) internal returns (uint256 index) {
        _sync();
        bytes32 lane = sides[src].outLane;
        vm.prank(address(sides[src].vault));
        index = sides[src].outbox.append(lane, 3, abi.encode(kind, swapId, leg));
        Entry memory e;
        (e.kind, e.swapId, e.leg) = (kind, swapId, leg);
        _log(lane, e);
    }

    // --- what must hold ------------------------------------------------------------------------------------------------

    function _check(bytes32 id, uint256 leg, uint8 state, uint8 outcome, string memory what) internal view {
        (uint8 foundState, uint8 foundOutcome) = sides[leg].swaps.swapLeg(id, uint8(leg));
        assertEq(foundState, state, string.concat(what, ": state"));
        assertEq(foundOutcome, outcome, string.concat(what, ": outcome"));
    }

    /// Nothing of a swap is ever part of escrow or outstanding.
    function _checkNothingBooked() internal view {
        assertEq(_held(0, address(money)), 0, "INV-1: escrow of money");
        assertEq(_held(1, address(moneyVoucher)), 0, "INV-1: vouchers for money");
        assertEq(_held(1, address(bills)), 0, "INV-1: escrow of bills");
        assertEq(_held(0, address(billVoucher)), 0, "INV-1: vouchers for bills");
    }

    /// INV-4 and the holders, once all is over.
    function _checkReleased(Terms memory t) internal view {
        bytes32 id = _id(t);
        _check(id, 0, LOCKED, RELEASED, "leg 0");
        _check(id, 1, LOCKED, RELEASED, "leg 1");
        assertEq(money.balanceOf(BOB), PRICE, "Bob has the money");
        assertEq(bills.ownerOf(BILL), ALICE, "Alice has the bill");
        _checkNothingBooked();
    }

    function _checkBack() internal view {
        assertEq(money.balanceOf(ALICE), 1_000 ether, "Alice has her money");
        assertEq(bills.ownerOf(BILL), BOB, "Bob has his bill");
        _checkNothingBooked();
    }
}
