// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outbox} from "./Outbox.sol";
import {VaultPayments} from "./VaultPayments.sol";
import {Entries} from "./lib/Entries.sol";

/// Transfers that arrive: each is credited, answered with `Returned`, or stays open under its cap.
abstract contract VaultCredits is VaultPayments {
    /// What the caps leave, in this chain's units.
    struct Room {
        /// The whole cap: above it a credit fails.
        uint256 whole;
        /// The window's rest: above it a credit waits.
        uint256 rest;
    }

    /// Prepares a group for having its payments collected while it is hashed.
    function _expect(State storage s, Delivery memory d, Group memory g) internal view {
        address token = s.tokens[d.lane][g.t.asset];
        AssetHead memory h = s.assets[d.bridge][token].head;
        _room(g, g.t.count);
        (g.token, g.h) = (token, h);
        g.c = Entries.Collected(uint160(token), uint160(h.outbox), uint160(d.client), 0, false);
    }

    /// Decides a group of transfers: late or impossible ones are answered, the rest is credited in one merged call.
    function _credit(State storage s, Delivery memory d, Group memory g, uint256 index, uint256 place) internal {
        uint256 count = g.t.count;
        (g.index, g.place) = (index, place);
        g.done = _doneMask(d.lane, index, count);
        uint256 all = type(uint256).max >> (256 - count);
        if (g.done == all) return;
        bool collected = g.pays != 0;
        if (!collected) _expect(s, d, g);
        Asset storage a = s.assets[d.bridge][g.token];
        uint256 open;
        if (collected && g.done == 0 && _plain(g, a)) {
            (g.payCount, g.total) = (count, g.c.total);
        } else {
            // A byte for each payment says which entry it is.
            g.places = g.pays + 64 * count;
            open = _decide(s, d, g, a);
        }
        _mark(d, g, all & ~g.done & ~open);
        if (g.payCount != 0) _creditAll(s, d, g, a);
    }

    /// All entries of the group can be credited as they stand.
    function _plain(Group memory g, Asset storage a) private view returns (bool) {
        AssetHead memory h = g.h;
        if (g.c.odd || h.mode == 0 || h.standard != ERC20 || h.scale != 0) return false;
        if (!h.capped) return true;
        (,, uint256 used) = _window(a);
        return used + g.c.total <= a.creditCap;
    }

    /// Writes down what is to be paid; answers what is late or impossible. Returns the entries that stay open.
    function _decide(State storage s, Delivery memory d, Group memory g, Asset storage a)
        private
        returns (uint256 open)
    {
        Room memory r = Room(type(uint256).max, type(uint256).max);
        if (g.h.capped) {
            (,, uint256 used) = _window(a);
            r.whole = a.creditCap;
            r.rest = r.whole > used ? r.whole - used : 0;
        }
        for (uint256 k; k < g.t.count; ++k) {
            if ((g.done >> k) & 1 == 0 && _decideOne(s, d, g, r, k)) open |= 1 << k;
        }
    }

    /// One entry: converts, binds the cap, answers. True where it stays open.
    function _decideOne(State storage s, Delivery memory d, Group memory g, Room memory r, uint256 k)
        private
        returns (bool)
    {
        (AssetHead memory h, address token) = (g.h, g.token);
        (uint256 amount, uint256 recipient, uint256 timeout) = Entries.transfer(g.t, g.t.records + k * g.t.recordSize);
        if (timeout <= block.timestamp) {
            _fail(d, g, k, REASON_EXPIRED);
            return false;
        }
        bool good;
        (good, amount) = _localAmount(h, amount);
        uint256 counted = h.standard == ERC721 ? 1 : amount;
        if (!good || counted > r.whole || !_payable(d, h, recipient, token)) {
            _fail(d, g, k, REASON_FAILED);
            return false;
        }
        if (counted > r.rest) {
            d.capped = token;
            emit CapHeld(d.lane, uint64(g.index + k), token);
            return true;
        }
        if (h.capped) r.rest -= counted;
        if (h.standard == ERC721 && h.mode == HOME && !_moveEscrow(s, d.bridge, token, amount, false)) {
            revert EscrowExceeded(token, 0, amount);
        }
        g.total += counted;
        _push(g, k, recipient, amount);
        return false;
    }

    /// An amount in this chain's units, and whether it is one; no asset has no amount.
    function _localAmount(AssetHead memory h, uint256 amount) private pure returns (bool, uint256) {
        if (h.standard == ERC721) return (true, amount);
        if (h.mode == 0 || amount == 0 || amount > type(uint128).max) return (false, 0);
        int256 scale = h.scale;
        if (scale == 0) return (true, amount);
        if (scale > 0) {
            uint256 unit = 10 ** uint256(scale);
            return (amount % unit == 0, amount / unit);
        }
        amount *= 10 ** uint256(-scale);
        return (amount <= type(uint128).max, amount);
    }

    /// A transfer never pays the bridge's own contracts, nor a word that is no account of this chain.
    function _payable(Delivery memory d, AssetHead memory h, uint256 recipient, address token)
        private
        view
        returns (bool)
    {
        return recipient != 0 && recipient >> 160 == 0 && recipient != uint160(address(this))
            && recipient != uint160(token) && recipient != uint160(h.outbox) && recipient != uint160(d.client);
    }

    /// Books the payments, makes them, and answers those that fail.
    function _creditAll(State storage s, Delivery memory d, Group memory g, Asset storage a) private {
        (AssetHead memory h, address token) = (g.h, g.token);
        uint256 held = a.held;
        uint256 total = g.total;
        if (h.mode == HOME) {
            if (total > held) revert EscrowExceeded(token, held, total);
            a.held = uint128(held - total);
        } else {
            if (held + total > type(uint128).max) {
                // More than this chain can count is too wide for it: it all goes back.
                for (uint256 j; j < g.payCount; ++j) {
                    (uint256 k,,) = _payment(g, j);
                    _fail(d, g, k, REASON_FAILED);
                }
                return;
            }
            a.held = uint128(held + total);
        }
        uint256 failed = _payAll(d, g, h, token);
        uint256 undone;
        for (uint256 j; failed >> j != 0; ++j) {
            if ((failed >> j) & 1 == 0) continue;
            (uint256 k,, uint256 amount) = _payment(g, j);
            if (h.standard == ERC721) {
                ++undone;
                if (h.mode == HOME) _moveEscrow(s, d.bridge, token, amount, true);
            } else {
                undone += amount;
            }
            _fail(d, g, k, REASON_FAILED);
        }
        if (undone != 0) a.held = uint128(h.mode == HOME ? a.held + undone : a.held - undone);
        if (h.capped) {
            (uint32 number, uint256 lockUsed, uint256 creditUsed) = _window(a);
            creditUsed += total - undone;
            (a.lockUsed, a.creditUsed, a.window) = (uint112(lockUsed), uint112(creditUsed), number);
        }
    }

    /// Entry k of the group will be answered with `Returned`.
    function _fail(Delivery memory d, Group memory g, uint256 k, uint256 reason) private pure {
        uint256 answers = d.answers;
        if (answers == 0) {
            assembly ("memory-safe") {
                answers := mload(0x40)
                mstore(0x40, add(answers, 32768)) // MAX_BATCH × 128
            }
            d.answers = answers;
        }
        uint256 index = g.index + k;
        uint256 answer = answers + 128 * d.answerCount;
        Entries.hashTransfers(g.t, d.lane, index, g.t.records + k * g.t.recordSize, 1, answer + 64);
        assembly ("memory-safe") {
            mstore(answer, 2) // KIND_RETURNED
            mstore(add(answer, 32), index)
            mstore(add(answer, 96), reason)
        }
        ++d.answerCount;
        d.returned |= 1 << (g.place + k);
    }

    /// Writes the answers into this chain's outbox of the reverse lane.
    function _answer(State storage s, Delivery memory d) internal {
        (uint256 count, uint256 answers) = (d.answerCount, d.answers);
        bytes memory tails = new bytes(count * 128);
        bytes memory groups = new bytes(3 + count * 41);
        assembly ("memory-safe") {
            let tail := add(tails, 32)
            let record := add(groups, 32)
            mstore(record, or(shl(248, 2), shl(232, count)))
            record := add(record, 3)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                for { let w := 0 } lt(w, 128) { w := add(w, 32) } { mstore(add(tail, w), mload(add(answers, w))) }
                mstore(record, shl(192, mload(add(answers, 32))))
                mstore(add(record, 8), mload(add(answers, 64)))
                mstore8(add(record, 40), mload(add(answers, 96)))
                record := add(record, 41)
                tail := add(tail, 128)
                answers := add(answers, 128)
            }
        }
        uint64 first = Outbox(s.lanes[_outLane(s, d)].outbox).append(_outLane(s, d), 4, tails);
        emit Appended(_outLane(s, d), first, groups);
    }
}
