// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VaultFacts} from "../src/VaultFacts.sol";
import {VaultStorage} from "../src/VaultStorage.sol";
import {VaultSwaps} from "../src/VaultSwaps.sol";
import {Terms} from "../src/lib/Swaps.sol";
import {SwapBridge} from "./utils/SwapBridge.sol";

/// What a party, a token, a relayer or a third chain may try against a swap.
contract SwapAttacksTest is SwapBridge {
    uint8 private constant KIND_LOCKED = 3;
    uint8 private constant KIND_VOIDED = 4;

    /// A leg that was decided is never decided again: not after its release or return, nor at any later time.
    function test_atk_060_a_leg_is_decided_once() public {
        Terms memory t = _terms(1);
        Terms memory u = _terms(2);
        Terms memory v = _terms(3);
        u.legs[0].amountOrId = 1 ether;
        _lockLeg(t, 0);
        _refusedForGood(t, 0, "locked");
        _lockLeg(t, 1);
        _lockLeg(u, 0);
        _voidLeg(u, 1, BOB);
        _voidLeg(v, 0, ALICE);
        _deliverAll(0);
        _deliverAll(1);
        _check(_id(t), 0, LOCKED, RELEASED, "released");
        _check(_id(u), 0, LOCKED, GIVEN_BACK, "given back");
        for (uint256 later; later < 3; ++later) {
            _refusedForGood(t, 0, "released");
            _refusedForGood(t, 1, "released");
            _refusedForGood(u, 0, "given back");
            _refusedForGood(u, 1, "voided");
            _refusedForGood(v, 0, "voided");
            vm.warp(_now() + 40 days * later);
        }
        assertEq(sides[0].outbox.size(), 3, "one entry a leg");
        assertEq(sides[1].outbox.size(), 2, "one entry a leg");
    }

    function _refusedForGood(Terms memory t, uint256 leg, string memory what) private {
        address[2] memory anybody = [_party(leg), CAROL];
        for (uint256 i; i < 2; ++i) {
            _lockRefused(t, leg, anybody[i], VaultSwaps.AlreadyDecided.selector, what);
            _voidRefused(t, leg, anybody[i], VaultSwaps.AlreadyDecided.selector, what);
        }
    }

    /// No time-out and no `Returned` ever gives a leg back: only the other leg's `SwapVoided` does.
    function test_atk_061_a_leg_has_one_way_back() public {
        Terms memory t = _terms(1);
        _lockLeg(t, 0);
        vm.warp(_now() + 13 days);
        // By its own party, by anybody, after its own deadline: a locked leg stays locked.
        _voidRefused(t, 0, ALICE, VaultSwaps.AlreadyDecided.selector, "locked");
        _voidRefused(t, 0, CAROL, VaultSwaps.AlreadyDecided.selector, "locked");
        // The other chain answers the entry as if it were a transfer of the same words.
        _sync();
        bytes32 back = sides[1].outLane;
        bytes32 commitment = leaves[sides[0].outLane][0];
        vm.prank(address(sides[1].vault));
        sides[1].outbox.append(back, 4, abi.encode(uint256(2), uint256(0), commitment, uint256(1)));
        Entry memory e;
        (e.kind, e.original, e.commitment, e.reason) = (2, 0, commitment, 1);
        _log(back, e);
        _deliverRefused(0, _bundle(1, 0, 1), VaultStorage.RootMismatch.selector, "it is no transfer");
        assertEq(money.balanceOf(address(sides[0].vault)), PRICE, "still held");
        _voidLeg(t, 1, CAROL);
        _deliver(1, 1, 2);
        _check(_id(t), 0, LOCKED, GIVEN_BACK, "by the fact");
        _checkBack();
    }

    /// A swap whose two sides differ in one field is two swaps, and each goes back.
    function test_atk_061_sides_that_differ_never_meet() public {
        Terms memory t = _terms(1);
        for (uint256 field; field < 6; ++field) {
            Terms memory u = _terms(1);
            if (field == 0) u.legs[0].asset = keccak256("other");
            if (field == 1) ++u.legs[0].amountOrId;
            if (field == 2) u.legs[0].from = _word(CAROL);
            if (field == 3) u.legs[0].to = _word(CAROL);
            if (field == 4) ++u.legs[0].deadline;
            if (field == 5) u.nonce = bytes32(uint256(2));
            uint256 size = sides[1].outbox.size();
            _lockLeg(u, 1);
            _deliverAll(1);
            assertEq(sides[0].swaps.swapFact(sides[0].inLane, _id(t), 1), NONE, "about another swap");
            vm.warp(u.legs[0].deadline);
            _voidLeg(u, 0, CAROL);
            _deliverAll(0);
            _check(_id(u), 1, LOCKED, GIVEN_BACK, "went back");
            assertEq(sides[1].outbox.size(), size + 1, "one entry");
            t = _terms(1);
        }
        _checkBack();
    }

    /// Any order of acts of the parties, of time and of deliveries: both are released or both go back. (All orders are
    /// walked through by the model check, on these contracts, too.)
    function test_fuzz_atk_111_any_order(uint256 seed) public {
        Terms memory t = _terms(seed);
        bytes32 id = _id(t);
        for (uint256 step; step < 12; ++step) {
            uint256 act = (seed >> (8 * step)) % 8;
            uint256 leg = (seed >> (8 * step + 4)) % 2;
            vm.chainId(sides[leg].chainId);
            if (act < 3) {
                vm.prank(_party(leg));
                try sides[leg].swaps.lockLeg(t, uint8(leg)) {} catch {}
            } else if (act == 3) {
                vm.prank(_party(leg));
                try sides[leg].swaps.voidLeg(t, uint8(leg)) {} catch {}
            } else if (act == 4) {
                try sides[leg].swaps.voidLeg(t, uint8(leg)) {} catch {}
            } else if (act == 5) {
                vm.warp(_now() + 30 minutes);
            } else {
                _deliverAll(leg);
            }
            _checkNeverBothWays(id);
        }
        // What a relayer does by itself in the end.
        vm.warp(_now() + 3 hours);
        for (uint256 leg; leg < 2; ++leg) {
            try sides[leg].swaps.voidLeg(t, uint8(leg)) {} catch {}
        }
        _deliverAll(0);
        _deliverAll(1);
        (uint8 state, uint8 outcome) = sides[0].swaps.swapLeg(id, 0);
        if (outcome == RELEASED) {
            _checkReleased(t);
        } else {
            assertTrue(state != LOCKED || outcome == GIVEN_BACK, "not stuck");
            _checkBack();
        }
    }

    function _checkNeverBothWays(bytes32 id) private view {
        for (uint256 leg; leg < 2; ++leg) {
            (, uint8 outcome) = sides[leg].swaps.swapLeg(id, uint8(leg));
            (uint8 other, uint8 otherOutcome) = sides[1 - leg].swaps.swapLeg(id, uint8(1 - leg));
            if (outcome == RELEASED) assertTrue(other == LOCKED && otherOutcome != GIVEN_BACK, "INV-4: released");
            if (outcome == GIVEN_BACK) assertTrue(other == VOIDED, "INV-4: given back");
        }
    }

    /// The chain of a third lane says what it likes of any swap and leg, before and after the own leg was locked.
    function test_atk_113_a_third_lane_never_counts() public {
        uint8[2] memory kinds = [KIND_LOCKED, KIND_VOIDED];
        for (uint256 i; i < 8; ++i) {
            (uint8 kind, uint8 leg, bool before) = (kinds[i & 1], uint8((i >> 1) & 1), i >> 2 == 0);
            Terms memory t = _terms(i);
            t.legs[0].amountOrId = 1 ether;
            bytes32 id = _id(t);
            if (!before) _lockLeg(t, 0);
            _turn();
            uint256 index = _forge(1, kind, id, leg);
            if (before) _deliver(1, index, index + 1);
            else _deliverRefused(0, _bundle(1, index, index + 1), VaultFacts.WrongLane.selector, "WrongLane");
            assertEq(
                sides[0].swaps.swapFact(sides[0].inLane, id, leg), before ? (i & 1) + 1 : 0, "known of that lane only"
            );
            _turn();
            assertEq(sides[0].swaps.swapFact(sides[0].inLane, id, 1), NONE, "unknown here");
            if (before) {
                _voidRefused(t, 0, CAROL, VaultSwaps.NotDue.selector, "not voided by that");
                _lockLeg(t, 0);
            }
            _check(id, 0, LOCKED, OPEN, "never counts");
        }
        assertEq(money.balanceOf(address(sides[0].vault)), 8 ether, "all held");
    }

    /// The right lane, but about the leg that lives here.
    function test_atk_113_a_fact_about_the_own_leg_never_counts() public {
        uint8[2] memory kinds = [KIND_LOCKED, KIND_VOIDED];
        for (uint256 i; i < 4; ++i) {
            (uint8 kind, bool before) = (kinds[i & 1], i >> 1 == 0);
            Terms memory t = _terms(i);
            t.legs[0].amountOrId = 1 ether;
            if (!before) _lockLeg(t, 0);
            uint256 index = _forge(1, kind, _id(t), 0);
            if (before) {
                _deliver(1, index, index + 1);
                _voidRefused(t, 0, CAROL, VaultSwaps.NotDue.selector, "not voided by that");
                _lockLeg(t, 0);
            } else {
                _deliverRefused(0, _bundle(1, index, index + 1), VaultFacts.WrongLane.selector, "WrongLane");
            }
            _check(_id(t), 0, LOCKED, OPEN, "never counts");
        }
    }

    /// Terms that name the lanes of two bridges are nobody's.
    function test_atk_113_terms_across_two_bridges_are_refused() public {
        Terms memory t = _terms(1);
        _turn();
        Terms memory u = _terms(1);
        _turn();
        (t.lanes[1], u.lanes[1]) = (u.lanes[1], t.lanes[1]);
        _lockRefused(t, 0, ALICE, VaultFacts.WrongLane.selector, "another bridge's way back");
        _lockRefused(u, 0, ALICE, VaultFacts.WrongLane.selector, "another bridge's way back");
        _voidRefused(t, 0, ALICE, VaultFacts.WrongLane.selector, "another bridge's way back");
    }

    /// A chain that says both: the first counts, the second is refused whenever it comes.
    function test_atk_111_a_contradiction_is_never_applied() public {
        for (uint256 i; i < 8; ++i) {
            (uint8 kind, uint8 decided) = (i & 1 == 0 ? KIND_LOCKED : KIND_VOIDED, uint8(i >> 1));
            Terms memory t = _terms(i);
            t.legs[0].amountOrId = 1 ether;
            bytes32 id = _id(t);
            // The own leg: never decided, locked before, locked between (which voids refuse), voided before.
            if (decided == 1) _lockLeg(t, 0);
            if (decided == 3) _voidLeg(t, 0, ALICE);
            uint256 index = _forge(1, kind, id, 1);
            _deliver(1, index, index + 1);
            if (decided == 2 && kind == KIND_LOCKED) _lockLeg(t, 0);
            (uint8 state, uint8 outcome) = sides[0].swaps.swapLeg(id, 0);
            uint256 second = _forge(1, kind == KIND_LOCKED ? KIND_VOIDED : KIND_LOCKED, id, 1);
            _deliverRefused(0, _bundle(1, second, second + 1), VaultFacts.ContradictingFact.selector, "a contradiction");
            assertTrue(!sides[0].admin.isDelivered(sides[0].inLane, uint64(second)), "not taken");
            _check(id, 0, state, outcome, "as before");
            assertEq(sides[0].swaps.swapFact(sides[0].inLane, id, 1), kind - 2, "as before");
            // The same once more is no contradiction.
            uint256 third = _forge(1, kind, id, 1);
            _deliver(1, third, third + 1);
            _check(id, 0, state, outcome, "as before");
        }
        _checkNothingBooked();
    }

    /// A buyer or an owner who cannot receive: parked for them, pushed again, claimed by them to another address.
    function test_atk_117_a_refused_pay_out_is_parked() public {
        for (uint256 way; way < 2; ++way) {
            Terms memory t = _terms(way);
            address owner = way == 0 ? BOB : ALICE;
            uint256 before = money.balanceOf(CAROL);
            _lockLeg(t, 0);
            if (way == 0) _lockLeg(t, 1);
            else _voidLeg(t, 1, BOB);
            money.setBlocked(owner, true);
            uint256 last = sides[1].outbox.size();
            _deliver(1, last - 1, last);
            _check(_id(t), 0, LOCKED, way == 0 ? RELEASED : GIVEN_BACK, "settled");
            assertEq(sides[0].admin.claimable(address(money), owner), PRICE, "parked for its owner");
            assertEq(sides[0].admin.claimable(address(money), way == 0 ? ALICE : BOB), 0, "not for the other party");
            vm.expectRevert(abi.encodeWithSelector(VaultStorage.TransferFailed.selector, address(money)));
            sides[0].vault.pushClaim(address(money), PRICE, owner);
            vm.prank(way == 0 ? ALICE : BOB);
            vm.expectRevert(VaultStorage.NothingToClaim.selector);
            sides[0].vault.claim(address(money), PRICE, CAROL);
            money.setBlocked(owner, false);
            sides[0].vault.pushClaim(address(money), 1 ether, owner);
            money.setBlocked(owner, true);
            vm.prank(owner);
            sides[0].vault.claim(address(money), PRICE - 1 ether, CAROL);
            assertEq(money.balanceOf(CAROL) - before, PRICE - 1 ether, "claimed to another address");
            money.setBlocked(owner, false);
            _deliverAll(0);
        }
        _checkNothingBooked();
    }

    function test_atk_117_a_refused_bill_is_parked() public {
        Terms memory t = _terms(1);
        _lockLeg(t, 0);
        _deliverAll(0);
        // Settled by the lock itself.
        bills.setBlocked(ALICE, true);
        _lockLeg(t, 1);
        _check(_id(t), 1, LOCKED, RELEASED, "settled");
        assertEq(sides[1].admin.claimableId(address(bills), BILL), ALICE, "parked for the buyer");
        vm.prank(BOB);
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        sides[1].vault.claim(address(bills), BILL, BOB);
        vm.prank(ALICE);
        sides[1].vault.claim(address(bills), BILL, CAROL);
        assertEq(bills.ownerOf(BILL), CAROL, "claimed to another address");
    }

    /// One refusing buyer in a batch holds up nobody.
    function test_atk_117_one_refusal_never_blocks_a_batch() public {
        for (uint256 i; i < 4; ++i) {
            Terms memory t = _terms(i);
            (t.legs[0].amountOrId, t.legs[1].amountOrId) = (1 ether, 100 + i);
            if (i == 2) t.legs[0].to = _word(CAROL);
            bills.mint(BOB, 100 + i);
            _lockLeg(t, 0);
            _lockLeg(t, 1);
        }
        money.setBlocked(CAROL, true);
        _deliverAll(1);
        assertEq(money.balanceOf(BOB), 3 ether, "the others are paid");
        assertEq(sides[0].admin.claimable(address(money), CAROL), 1 ether, "parked");
    }

    /// ATK-110: too little gas is the submitter's fault, and decides nothing.
    function test_atk_110_too_little_gas_parks_nothing() public {
        Terms memory t = _terms(1);
        _lockLeg(t, 0);
        _lockLeg(t, 1);
        Bundle memory b = _bundle(1, 0, 1);
        uint256 refused;
        for (uint256 gas_ = 300_000; gas_ < 1_200_000; gas_ += 50_000) {
            uint256 snapshot = vm.snapshotState();
            try sides[0].swaps.deliverFacts{gas: gas_}(b.lane, b.first, b.update, b.stateProof, b.runs) {
                assertEq(money.balanceOf(BOB), PRICE, "paid");
            } catch {
                ++refused;
            }
            vm.revertToState(snapshot);
        }
        assertTrue(refused > 2 && refused < 18, "some of each");
    }

    /// ATK-056: a token that calls back finds the guard shut.
    function test_atk_056_no_entry_point_inside_another() public {
        Terms memory t = _terms(1);
        Terms memory u = _terms(2);
        // The token itself is the party, so that nothing but the guard refuses it.
        u.legs[0].from = _word(address(money));
        money.setReentry(address(sides[0].vault), abi.encodeCall(VaultSwaps.voidLeg, (u, 0)), true);
        _lockLeg(t, 0);
        assertTrue(!money.reentered(), "inside a lock");
        _lockLeg(t, 1);
        _deliverAll(1);
        assertTrue(!money.reentered(), "inside a release");
        money.setReentry(address(0), "", false);
        _check(_id(t), 0, LOCKED, RELEASED, "released");
        _check(_id(u), 0, NONE, OPEN, "untouched");
    }
}
