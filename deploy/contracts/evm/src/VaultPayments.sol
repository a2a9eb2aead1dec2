// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VaultBase} from "./VaultBase.sol";
import {Entries} from "./lib/Entries.sol";
import {Tokens} from "./lib/Tokens.sol";
import {Pay, VoucherERC20} from "./VoucherERC20.sol";

/// Paying in the course of a delivery: merged, then one by one, each in a frame and with gas of its own, so that a payment
/// fails for its token's or recipient's reasons alone. Beside it what a delivery remembers, and its bitmap.
abstract contract VaultPayments is VaultBase {
    using Tokens for address;

    /// What one call remembers.
    struct Delivery {
        bytes32 lane;
        uint256 bridge;
        /// The lane of `Returned` entries, and of the transfers that come back; read where it is needed (`_outLane`).
        bytes32 outLane;
        address client;
        uint256 first;
        /// Bit i is index `first + i`.
        uint256 taken;
        uint256 returned;
        uint256 parked;
        /// An entry stayed open for want of room under its cap.
        address capped;
        /// Answers to write: 128 bytes each (kind, index, commitment, reason), at most MAX_BATCH.
        uint256 answers;
        uint256 answerCount;
    }

    /// A group of one kind while it is worked through.
    struct Group {
        Entries.Transfers t;
        Entries.Collected c;
        address token;
        AssetHead h;
        /// Index of its first entry, and the place of that in the delivery's masks.
        uint256 index;
        uint256 place;
        /// Bit k: entry k of the group was delivered before.
        uint256 done;
        /// Payments, 64 bytes each; the byte at `places + j` is the entry of payment j (no places: payment j is entry j).
        uint256 pays;
        uint256 places;
        uint256 payCount;
        /// Sum of the payments' amounts (ERC-721: the count).
        uint256 total;
    }

    /// Gas for one credit in its own frame: an ERC-20 transfer to a fresh account takes a fifth of it.
    uint256 internal constant CREDIT_GAS = 200_000;
    /// Gas for each credit of a merged attempt, which decides nothing if it fails.
    uint256 internal constant MERGED_GAS = 60_000;
    /// Gas that must be left to look at the call depth and to write the answers: at most ten peaks, and the event.
    uint256 internal constant ANSWERS_GAS = 300_000;
    /// And for each answer.
    uint256 internal constant ANSWER_GAS = 2_000;
    /// Room before the payments for the head of the call that carries them.
    uint256 private constant HEAD = 160;
    /// Calls inside one another that every payment may use: proxies of tokens take a few, with hooks a dozen.
    uint256 internal constant CALL_DEPTH = 32;

    /// Pays out of the vault in a frame of its own. Only the vault calls it, and only for entries that it has proven.
    function payOut(address token, uint256 standard, Pay[] calldata pays) external {
        if (msg.sender != address(this)) revert NotSelf();
        if (standard == ERC721) {
            for (uint256 i; i < pays.length; ++i) {
                _send(token, standard, pays[i].to, pays[i].amountOrId);
            }
            return;
        }
        uint256 before = token.balanceOf(address(this));
        (uint256 sent, bool good) = token.transferMany(pays);
        if (!good) revert TransferFailed(token);
        _checkSent(token, before, sent);
    }

    /// Room for `count` payments, and for a byte for each.
    function _room(Group memory g, uint256 count) internal pure {
        uint256 pays;
        assembly ("memory-safe") {
            pays := add(mload(0x40), HEAD)
            mstore(0x40, and(add(add(pays, mul(65, count)), 63), not(31)))
        }
        g.pays = pays;
    }

    function _push(Group memory g, uint256 k, uint256 to, uint256 amountOrId) internal pure {
        (uint256 pays, uint256 places, uint256 j) = (g.pays, g.places, g.payCount);
        assembly ("memory-safe") {
            let pay := add(pays, shl(6, j))
            mstore(pay, to)
            mstore(add(pay, 32), amountOrId)
            if places { mstore8(add(places, j), k) }
        }
        g.payCount = j + 1;
    }

    function _payment(Group memory g, uint256 j) internal pure returns (uint256 k, address to, uint256 amountOrId) {
        (uint256 pays, uint256 places) = (g.pays, g.places);
        assembly ("memory-safe") {
            let pay := add(pays, shl(6, j))
            to := mload(pay)
            amountOrId := mload(add(pay, 32))
            k := j
            if places { k := byte(0, mload(add(places, j))) }
        }
    }

    /// Makes all payments: merged first, and one by one if that fails. Bit j of the answer: payment j failed.
    ///
    /// A payment fails only after it had its whole gas, so no submitter can make one fail by bringing too little (ATK-110).
    function _payAll(Delivery memory d, Group memory g, AssetHead memory h, address token)
        internal
        returns (uint256 failed)
    {
        uint256 count = g.payCount;
        uint256 pays = g.pays;
        if (count > 1 && _attempt(h, token, pays, count, count * MERGED_GAS)) return 0;
        uint256 single;
        assembly ("memory-safe") {
            single := add(mload(0x40), HEAD)
        }
        for (uint256 j; j < count; ++j) {
            assembly ("memory-safe") {
                let pay := add(pays, shl(6, j))
                mstore(single, mload(pay))
                mstore(add(single, 32), mload(add(pay, 32)))
            }
            uint256 needed = CREDIT_GAS + ANSWERS_GAS + ANSWER_GAS * (d.answerCount + j + 1);
            if (gasleft() / 64 * 63 < needed) revert NotEnoughGas();
            if (_attempt(h, token, single, 1, CREDIT_GAS)) continue;
            if (failed == 0) _checkDepth();
            failed |= 1 << j;
        }
    }

    /// A call fails, too, where the caller has used up the EVM's call depth, and that says nothing about the token. So no
    /// payment counts as failed unless CALL_DEPTH more calls fit into one another below this one (ATK-110). Only failing
    /// payments pay for it: about 35,000 gas, once for a run of failures.
    function _checkDepth() private view {
        (bool ok,) = address(this).staticcall(abi.encodeCall(this.descend, (CALL_DEPTH / 2 - 1)));
        if (!ok) revert NotEnoughDepth();
    }

    /// Calls itself so many times, two levels each (proxy and implementation), and answers only if all of them fit.
    function descend(uint256 times) external view {
        if (times != 0) this.descend(times - 1);
    }

    /// One call with `count` payments at `pays`: the voucher mints, or the vault pays out in a frame of its own.
    function _attempt(AssetHead memory h, address token, uint256 pays, uint256 count, uint256 gasLimit)
        internal
        returns (bool ok)
    {
        if (h.mode == VOUCHER) {
            uint256 selector = uint32(VoucherERC20.mint.selector);
            assembly ("memory-safe") {
                mstore(sub(pays, 96), selector)
                mstore(sub(pays, 64), 32)
                mstore(sub(pays, 32), count)
                ok := call(gasLimit, token, 0, sub(pays, 68), add(68, shl(6, count)), 0, 0)
            }
        } else {
            uint256 selector = uint32(this.payOut.selector);
            uint256 standard = h.standard;
            assembly ("memory-safe") {
                mstore(sub(pays, 160), selector)
                mstore(sub(pays, 128), token)
                mstore(sub(pays, 96), standard)
                mstore(sub(pays, 64), 96)
                mstore(sub(pays, 32), count)
                ok := call(gasLimit, address(), 0, sub(pays, 132), add(132, shl(6, count)), 0, 0)
            }
        }
    }

    /// Bit k: entry `index + k` was delivered before.
    function _doneMask(bytes32 lane, uint256 index, uint256 count) internal view returns (uint256 done) {
        mapping(uint256 => uint256) storage words = _delivered()[lane];
        uint256 shift = index & 255;
        done = words[index >> 8] >> shift;
        if (shift + count > 256) done |= words[(index >> 8) + 1] << (256 - shift);
        done &= type(uint256).max >> (256 - count);
    }

    /// Marks entries of the group (bit k: `index + k`), before anything is paid for them.
    function _mark(Delivery memory d, Group memory g, uint256 entries) internal {
        mapping(uint256 => uint256) storage words = _delivered()[d.lane];
        uint256 word = g.index >> 8;
        uint256 shift = g.index & 255;
        if (entries << shift != 0) words[word] |= entries << shift;
        if (shift != 0 && entries >> (256 - shift) != 0) words[word + 1] |= entries >> (256 - shift);
        d.taken |= entries << g.place;
    }

    function _outLane(State storage s, Delivery memory d) internal view returns (bytes32 lane) {
        lane = d.outLane;
        if (lane == 0) {
            lane = s.lanes[d.lane].reverse;
            d.outLane = lane;
        }
    }
}
