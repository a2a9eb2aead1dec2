// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileERC20} from "../mocks/HostileERC20.sol";
import {VaultAdmin} from "../src/VaultAdmin.sol";
import {VaultFacts} from "../src/VaultFacts.sol";
import {VaultStorage} from "../src/VaultStorage.sol";
import {VaultSwaps} from "../src/VaultSwaps.sol";
import {Swaps, Terms} from "../src/lib/Swaps.sol";
import {SwapBridge} from "./utils/SwapBridge.sol";
import {Chain} from "./utils/Chain.sol";

/// Swaps as they should go, what refuses a lock, and what never refuses a void.
contract SwapsTest is SwapBridge {
    function test_both_lock_then_both_hear() public {
        Terms memory t = _terms(1);
        _lockLeg(t, 0);
        _lockLeg(t, 1);
        _check(_id(t), 0, LOCKED, OPEN, "leg 0 waits");
        assertEq(money.balanceOf(address(sides[0].vault)), PRICE, "held");
        _checkNothingBooked();
        _deliverAll(0);
        _deliverAll(1);
        _checkReleased(t);
    }

    function test_a_fact_that_came_first_settles_with_the_lock() public {
        Terms memory t = _terms(1);
        bytes32 id = _id(t);
        _lockLeg(t, 1);
        assertEq(sides[0].swaps.swapFact(sides[0].inLane, id, 1), NONE, "unknown");
        _deliverAll(1);
        assertEq(sides[0].swaps.swapFact(sides[0].inLane, id, 1), LOCKED, "known");
        _lockLeg(t, 0);
        _check(id, 0, LOCKED, RELEASED, "at once");
        assertEq(sides[0].swaps.swapFact(sides[0].inLane, id, 1), LOCKED, "still known");
        assertEq(sides[0].swaps.swapFact(sides[0].inLane, id, 0), NONE, "nothing about the own leg");
        assertEq(money.balanceOf(BOB), PRICE, "paid");
        _deliverAll(0);
        _checkReleased(t);
    }

    /// Vouchers are held like any token, never burned and minted.
    function test_vouchers_are_swapped_by_moving_them() public {
        Terms memory t = _terms(1);
        vm.prank(ALICE);
        sides[0].vault
            .lock(sides[0].outLane, address(money), 50 ether, _word(BOB), uint64(_now()) + 1 hours, bytes32(0));
        _deliverAll(0);
        t.legs[1].asset = sides[1].admin.assetHashOf(1, address(moneyVoucher));
        t.legs[1].amountOrId = 50 ether;
        vm.prank(BOB);
        moneyVoucher.approve(address(sides[1].vault), type(uint256).max);
        _lockLeg(t, 1);
        assertEq(moneyVoucher.totalSupply(), 50 ether, "not burned");
        assertEq(_held(1, address(moneyVoucher)), 50 ether, "outstanding as before");
        _lockLeg(t, 0);
        assertEq(_held(0, address(money)), 50 ether, "escrow as before");
        _deliverAll(0);
        _deliverAll(1);
        assertEq(moneyVoucher.balanceOf(ALICE), 50 ether, "released");
        assertEq(money.balanceOf(BOB), PRICE, "released");
        assertEq(_held(1, address(moneyVoucher)), 50 ether, "outstanding as before");
    }

    function test_abandoned_by_either_party_both_go_back() public {
        for (uint256 gone; gone < 2; ++gone) {
            Terms memory t = _terms(gone);
            uint256 first = 1 - gone;
            _lockLeg(t, first);
            _voidRefused(t, gone, CAROL, VaultSwaps.NotDue.selector, "not due");
            vm.warp(t.legs[gone].deadline - 1);
            _voidRefused(t, gone, CAROL, VaultSwaps.NotDue.selector, "a second early");
            vm.warp(t.legs[gone].deadline);
            _lockRefused(t, gone, _party(gone), VaultStorage.TimeoutOutOfRange.selector, "the deadline is too late");
            _voidLeg(t, gone, CAROL);
            _deliverAll(gone);
            _check(_id(t), first, LOCKED, GIVEN_BACK, "given back");
            _check(_id(t), gone, VOIDED, OPEN, "voided");
            _checkBack();
        }
    }

    function test_who_may_void_when() public {
        Terms memory t = _terms(1);
        bytes32 id = _id(t);
        // By its party at any time; then by anybody at the other end, as soon as that is known there.
        _voidLeg(t, 0, ALICE);
        _check(id, 0, VOIDED, OPEN, "by its party");
        _voidRefused(t, 1, CAROL, VaultSwaps.NotDue.selector, "not known yet");
        _deliverAll(0);
        assertEq(sides[1].swaps.swapFact(sides[1].inLane, id, 0), VOIDED, "known");
        _lockRefused(t, 1, BOB, VaultSwaps.OtherVoided.selector, "can only be voided");
        _voidLeg(t, 1, CAROL);
        _deliverAll(1);
        _check(id, 0, VOIDED, OPEN, "nothing to settle");
        _checkBack();
        // One party may not void the other's leg.
        Terms memory u = _terms(2);
        _voidRefused(u, 1, ALICE, VaultSwaps.NotDue.selector, "not hers");
    }

    function test_what_refuses_a_lock_never_refuses_a_void() public {
        Terms[] memory t = new Terms[](4);
        for (uint256 i; i < 4; ++i) {
            t[i] = _terms(i);
        }
        _lockLeg(t[0], 1);
        vm.prank(GUARDIAN);
        sides[0].admin.pause(uint64(_now()) + 1 days);
        _lockRefused(t[0], 0, ALICE, VaultStorage.Paused.selector, "paused");
        _voidLeg(t[1], 0, ALICE);
        _decide(0, abi.encodeCall(VaultAdmin.pause, (0)));
        _decide(0, abi.encodeCall(VaultAdmin.closeBridge, (sides[0].outLane)));
        _lockRefused(t[0], 0, ALICE, VaultStorage.LaneClosed.selector, "closed");
        _voidLeg(t[2], 0, ALICE);
        // Facts are taken on a closed lane.
        _decide(1, abi.encodeCall(VaultAdmin.closeBridge, (sides[1].outLane)));
        _deliverAll(1);
        _voidLeg(t[0], 0, ALICE);
        _deliverAll(0);
        _check(_id(t[0]), 1, LOCKED, GIVEN_BACK, "settled on a closed lane");
        vm.warp(_now() + PERIOD + 1);
        assertTrue(!sides[0].client.live(), "expired");
        _voidLeg(t[3], 0, ALICE);
        _check(_id(t[3]), 0, VOIDED, OPEN, "voided though the client is dead");
    }

    function test_a_dead_client_or_a_closed_asset_refuses_a_lock() public {
        Terms memory t = _terms(1);
        Chain.Block memory a = _block(1, keccak256("one"));
        Chain.Block memory b = Chain.Block(0, a.height, a.time, a.parent, keccak256("two"), 0, a.keys, "");
        sides[0].client.misbehaviour(Chain.update(a), Chain.update(b));
        _lockRefused(t, 0, ALICE, VaultStorage.LaneClosed.selector, "frozen");
        _decide(1, abi.encodeCall(VaultAdmin.closeAsset, (sides[1].outLane, address(bills))));
        _lockRefused(t, 1, BOB, VaultStorage.AssetClosed.selector, "closed");
        t.legs[1].asset = keccak256("unknown");
        _lockRefused(t, 1, BOB, VaultStorage.UnsupportedAsset.selector, "no such asset");
    }

    function test_terms_are_checked_before_anything_is_taken() public {
        Terms memory good = _terms(1);
        _lockRefused(good, 0, BOB, VaultSwaps.NotParty.selector, "not his");
        Terms memory t = _terms(1);
        t.lanes[1] = t.lanes[0];
        _lockRefused(t, 0, ALICE, VaultFacts.WrongLane.selector, "one lane");
        t = _terms(1);
        (t.lanes[0], t.lanes[1]) = (t.lanes[1], t.lanes[0]);
        _lockRefused(t, 0, ALICE, VaultFacts.WrongLane.selector, "an incoming lane");
        _voidRefused(t, 0, ALICE, VaultFacts.WrongLane.selector, "an incoming lane");
        vm.expectPartialRevert(VaultSwaps.NoSuchLeg.selector);
        sides[0].swaps.lockLeg(good, 2);
        address[3] memory forbidden = [address(0), address(sides[0].vault), address(money)];
        for (uint256 i; i < 3; ++i) {
            t = _terms(1);
            t.legs[0].to = _word(forbidden[i]);
            _lockRefused(t, 0, ALICE, VaultStorage.InvalidRecipient.selector, "forbidden buyer");
        }
        t = _terms(1);
        t.legs[0].to = bytes32(uint256(1) << 160);
        _lockRefused(t, 0, ALICE, VaultStorage.InvalidRecipient.selector, "no account here");
        t = _terms(1);
        t.legs[1].from = 0;
        _lockRefused(t, 0, ALICE, VaultStorage.InvalidRecipient.selector, "from nobody");
        t = _terms(1);
        t.legs[1].to = bytes32(uint256(1) << 160);
        _lockRefused(t, 0, ALICE, VaultStorage.InvalidRecipient.selector, "no account there");
        t = _terms(1);
        t.legs[1].deadline = uint64(_now() + 30 days + 1);
        _lockRefused(t, 0, ALICE, VaultStorage.TimeoutOutOfRange.selector, "waits for ever");
        t = _terms(1);
        t.legs[0].deadline = uint64(_now() + 30 days + 1);
        _lockRefused(t, 0, ALICE, VaultStorage.TimeoutOutOfRange.selector, "too far");
        uint256[2] memory amounts = [uint256(0), 1 << 128];
        for (uint256 i; i < 2; ++i) {
            t = _terms(1);
            t.legs[0].amountOrId = amounts[i];
            _lockRefused(t, 0, ALICE, VaultStorage.AmountOutOfRange.selector, "amount");
        }
        _lockLeg(good, 0);
    }

    /// ATK-011: what is held is what was taken.
    function test_atk_011_a_fee_on_transfer_refuses_the_lock() public {
        money.setFee(100);
        _lockRefused(_terms(1), 0, ALICE, VaultStorage.AmountMismatch.selector, "a fee");
        money.setFee(0);
        money.setAnswer(HostileERC20.Answer.False);
        _lockRefused(_terms(1), 0, ALICE, VaultStorage.TransferFailed.selector, "false");
        bills.setIdle(true);
        _lockRefused(_terms(1), 1, BOB, VaultStorage.TransferFailed.selector, "an id that does not move");
    }

    function test_caps_bind_the_lock_alone() public {
        _decide(
            0,
            abi.encodeCall(
                VaultAdmin.setCaps, (sides[0].outLane, address(money), uint112(PRICE + 1), uint112(1), 1 days)
            )
        );
        Terms memory t = _terms(1);
        _lockLeg(t, 0);
        _lockRefused(_terms(2), 0, ALICE, VaultStorage.CapReached.selector, "above the window's rest");
        // A window of one unit for credits, and the pay-out is a hundred.
        _lockLeg(t, 1);
        _deliverAll(0);
        _deliverAll(1);
        _checkReleased(t);
    }

    /// Facts among transfers and returns in one batch, by the module; the vault's own `deliver` does not know of them.
    function test_a_batch_of_all_kinds() public {
        Terms memory t = _terms(1);
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        // Returned: bills that fail at side 0 because the recipient is the vault there.
        bills.mint(BOB, 8);
        bytes32 back = sides[1].outLane;
        vm.prank(BOB);
        sides[1].vault.lock(back, address(bills), 8, _word(address(sides[0].vault)), timeout, bytes32(0));
        _deliverAll(1);
        vm.prank(ALICE);
        sides[0].vault.lock(lane, address(money), 5 ether, _word(CAROL), timeout, bytes32(0));
        _lockLeg(t, 0);
        _voidLeg(_terms(2), 0, ALICE);
        vm.prank(ALICE);
        sides[0].vault.lock(lane, address(money), 6 ether, _word(CAROL), timeout, bytes32(0));
        _lockLeg(t, 1);
        assertEq(sides[0].outbox.size(), 5, "returned, transfer, locked, voided, transfer");
        Bundle memory b = _bundle(0, 0, 5);
        vm.expectPartialRevert(VaultStorage.UnsupportedKind.selector);
        sides[1].vault.deliver(b.lane, b.first, b.update, b.stateProof, b.runs);
        _submit(1, b);
        assertEq(bills.ownerOf(8), BOB, "returned");
        assertEq(moneyVoucher.balanceOf(CAROL), 11 ether, "credited");
        assertEq(bills.ownerOf(BILL), ALICE, "released");
        assertEq(sides[1].swaps.swapFact(sides[1].inLane, _id(_terms(2)), 0), VOIDED, "learned");
        // INV-2: again, and nothing happens.
        _deliverAll(0);
        assertEq(moneyVoucher.balanceOf(CAROL), 11 ether, "once");
        // Transfers alone may come by either way.
        b = _bundle(0, 4, 5);
        sides[1].swaps.deliverFacts(b.lane, b.first, b.update, b.stateProof, b.runs);
    }

    function test_many_facts_in_one_delivery() public {
        uint256 count = 9;
        for (uint256 i; i < count; ++i) {
            Terms memory t = _terms(i);
            t.legs[1].amountOrId = 100 + i;
            t.legs[0].amountOrId = 1 ether + i;
            bills.mint(BOB, 100 + i);
            _lockLeg(t, 0);
            _lockLeg(t, 1);
        }
        _deliver(0, 0, 5);
        _deliver(0, 3, count);
        _deliverAll(1);
        for (uint256 i; i < count; ++i) {
            assertEq(bills.ownerOf(100 + i), ALICE, "a bill");
        }
        assertEq(money.balanceOf(BOB), count * 1 ether + 36, "all the money");
        _checkNothingBooked();
    }

    function test_malformed_groups_are_refused() public {
        Terms memory t = _terms(1);
        _lockLeg(t, 0);
        Bundle memory b = _bundle(0, 0, 1);
        // u16 count | u8 siblings | u8 kind | u16 count | id | leg
        bytes memory runs = b.runs;
        runs[runs.length - 1] = 0x02;
        b.runs = runs;
        _deliverRefused(1, b, Swaps.MalformedFacts.selector, "leg 2");
        runs[runs.length - 1] = 0x01;
        _deliverRefused(1, b, VaultStorage.RootMismatch.selector, "another leg");
        runs[runs.length - 1] = 0x00;
        runs[3] = 0x04;
        _deliverRefused(1, b, VaultStorage.RootMismatch.selector, "voided instead of locked");
        runs[3] = 0x05;
        _deliverRefused(1, b, VaultStorage.UnsupportedKind.selector, "no such kind");
        runs[3] = 0x03;
        runs[5] = 0x02;
        _deliverRefused(1, b, Swaps.MalformedFacts.selector, "more than there are");
        runs[5] = 0x00;
        _deliverRefused(1, b, Swaps.MalformedFacts.selector, "none");
    }

    /// The slot that relayers prove: keccak256(abi.encode(id, SWAPS)), from the lowest byte on state, outcome, leg, fact.
    function test_the_legs_slot_can_be_proven() public {
        Terms memory t = _terms(1);
        bytes32 slot = keccak256(abi.encode(_id(t), keccak256("causeway/vault/swaps")));
        _lockLeg(t, 1);
        assertEq(uint256(vm.load(address(sides[1].vault), slot)) & 0xffffffff, 0x00010001, "locked, open, leg 1, none");
        _lockLeg(t, 0);
        _deliverAll(0);
        assertEq(uint256(vm.load(address(sides[1].vault), slot)) & 0xffffffff, 0x01010101, "locked, released");
    }

    /// The module is code only: called itself, it has no bridge.
    function test_the_module_alone_does_nothing() public {
        VaultSwaps module = VaultSwaps(sides[0].admin.swaps());
        Terms memory t = _terms(1);
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        module.lockLeg(t, 0);
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        module.voidLeg(t, 0);
    }

    function test_atk_023_every_selector_of_the_module_is_known() public view {
        string memory terms = "((bytes32[2],(bytes32,uint256,bytes32,bytes32,uint64)[2],bytes32),uint8)";
        string[8] memory known = [
            string.concat("lockLeg", terms),
            string.concat("voidLeg", terms),
            "deliverFacts(bytes32,uint64,bytes,bytes,bytes)",
            "swapLeg(bytes32,uint8)",
            "swapFact(bytes32,bytes32,uint8)",
            // The vault's own, which answers them before anything is delegated.
            "deliver(bytes32,uint64,bytes,bytes,bytes)",
            "payOut(address,uint256,(address,uint256)[])",
            "descend(uint256)"
        ];
        string[] memory found = vm.parseJsonKeys(vm.readFile("artifacts/VaultSwaps.json"), "$.methods");
        assertEq(found.length, known.length, "methods of the module");
        for (uint256 i; i < found.length; ++i) {
            bool one;
            for (uint256 j; j < known.length; ++j) {
                one = one || keccak256(bytes(known[j])) == keccak256(bytes(found[i]));
            }
            assertTrue(one, found[i]);
        }
    }
}
