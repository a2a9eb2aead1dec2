// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VaultCredits} from "./VaultCredits.sol";
import {VaultReturns} from "./VaultReturns.sol";
import {Entries} from "./lib/Entries.sol";
import {RangeProof} from "./lib/RangeProof.sol";
import {ILightClient} from "./interfaces/ILightClient.sol";

/// Taking deliveries. Anyone may bring them: the vault checks proofs, not senders, and every delivered entry is decided —
/// credited, answered with `Returned`, or paid back — whatever its token or its recipient does.
///
/// What an entry does stands beside: `VaultCredits` for transfers, `VaultReturns` for those that come back, `VaultPayments`
/// for how both pay.
abstract contract VaultDelivery is VaultCredits, VaultReturns {
    /// Proves a run of entries of an incoming lane, and lets each take effect. Entries delivered before are skipped.
    /// @param first index of the first entry
    /// @param update the light client's format
    /// @param stateProof account and peaks of the other vault's outbox
    /// @param runs per peak: u16 count | u8 siblings | siblings | packed groups
    function deliver(bytes32 lane, uint64 first, bytes calldata update, bytes calldata stateProof, bytes calldata runs)
        public
    {
        State storage s = _enter();
        Lane storage l = s.lanes[lane];
        if (l.role != ROLE_IN) revert UnknownLane(lane);
        Delivery memory d;
        (d.lane, d.bridge, d.client, d.first) = (lane, l.bridge, l.client, first);
        (bytes memory heights, bytes32[] memory peaks, uint64 height,) =
            ILightClient(d.client).outboxPeaks(l.remoteOutbox, update, stateProof);
        uint256 cursor;
        uint256 end;
        assembly ("memory-safe") {
            cursor := runs.offset
            end := add(cursor, runs.length)
        }
        uint256 count;
        for (uint256 i; i < peaks.length; ++i) {
            uint256 taken;
            (cursor, taken) = _run(s, d, cursor, end, count, uint8(heights[i]), peaks[i]);
            count += taken;
        }
        if (cursor != end) revert NonCanonical();
        if (d.answerCount != 0) _answer(s, d);
        if (d.taken != 0) {
            // A substitute client must not forget this block.
            if (height > l.proven) l.proven = height;
            emit Delivered(lane, first, uint64(count), d.taken, d.returned, d.parked);
        } else if (d.capped != address(0)) {
            revert CapReached(d.capped);
        }
        s.guard = IDLE;
    }

    /// One run under one peak: hash every entry, compare with the peak, then act on the entries in order.
    function _run(
        State storage s,
        Delivery memory d,
        uint256 cursor,
        uint256 end,
        uint256 place,
        uint256 height,
        bytes32 peak
    ) private returns (uint256 next, uint256 count) {
        uint256 siblingCount;
        assembly ("memory-safe") {
            count := shr(240, calldataload(cursor))
            siblingCount := byte(2, calldataload(cursor))
        }
        uint256 index = d.first + place;
        if (count == 0 || place + count > MAX_BATCH || (index + count) >> 64 != 0) revert BatchSize(place + count);
        uint256 groups = cursor + 3 + 32 * siblingCount;
        Group memory g;
        // Nearly every run is one group of transfers between accounts of 20 bytes: its payments are collected while it is
        // hashed.
        if (Entries.kind(groups) == KIND_TRANSFER) {
            g.t = Entries.transfers(groups, end, count);
            if (g.t.count == count && g.t.account == 20) _expect(s, d, g);
        }
        next = _hashRun(s, d, g, groups, end, index, count, cursor + 3, siblingCount, height, peak);
        if (g.pays != 0) {
            _credit(s, d, g, index, place);
            return (next, count);
        }
        for (uint256 done; done < count;) {
            uint256 taken;
            if (Entries.kind(groups) == KIND_TRANSFER) {
                Group memory part;
                // The group was read before, so its length is good.
                part.t = Entries.transfers(groups, type(uint256).max, MAX_BATCH);
                _credit(s, d, part, index + done, place + done);
                (groups, taken) = (part.t.end, part.t.count);
            } else {
                (groups, taken) = _takeOther(s, d, groups, index + done, place + done);
            }
            done += taken;
        }
    }

    /// Hashes a run's entries up to its peak; returns where the run ends.
    function _hashRun(
        State storage s,
        Delivery memory d,
        Group memory g,
        uint256 groups,
        uint256 end,
        uint256 index,
        uint256 count,
        uint256 siblings,
        uint256 siblingCount,
        uint256 height,
        bytes32 peak
    ) private view returns (uint256 next) {
        uint256 leaves;
        assembly ("memory-safe") {
            leaves := mload(0x40)
        }
        uint256 memoryEnd = leaves;
        leaves += RangeProof.HEADROOM;
        // One word for a right sibling; what is hashed below lies behind it.
        uint256 free = leaves + 32 * (count + 1);
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
        uint256 done;
        if (g.pays != 0) {
            Entries.hashAndCollect(g.t, d.lane, index, leaves, g.pays, g.c);
            (groups, done) = (g.t.end, count);
        }
        while (done < count) {
            uint256 taken;
            if (Entries.kind(groups) == KIND_TRANSFER) {
                Entries.Transfers memory t = Entries.transfers(groups, end, count - done);
                Entries.hashTransfers(t, d.lane, index + done, t.records, t.count, leaves + 32 * done);
                (groups, taken) = (t.end, t.count);
            } else {
                (groups, taken) = _hashOther(s, d, groups, end, index + done, count - done, leaves + 32 * done);
            }
            done += taken;
        }
        if (RangeProof.root(leaves, count, index, height, siblings, siblingCount) != peak) revert RootMismatch(height);
        assembly ("memory-safe") {
            mstore(0x40, memoryEnd)
        }
        return groups;
    }

    /// Hashes a group that is not of transfers. Swaps are in a module of their own, which widens this (`VaultFacts`).
    function _hashOther(
        State storage s,
        Delivery memory d,
        uint256 group,
        uint256 end,
        uint256 index,
        uint256 room,
        uint256 leaves
    ) internal view virtual returns (uint256, uint256) {
        uint256 kind = Entries.kind(group);
        if (kind != KIND_RETURNED) revert UnsupportedKind(kind);
        return _hashReturned(s, d, group, end, index, room, leaves);
    }

    /// Lets a group that is not of transfers take effect.
    function _takeOther(State storage s, Delivery memory d, uint256 group, uint256 index, uint256 place)
        internal
        virtual
        returns (uint256, uint256)
    {
        return _redeem(s, d, group, index, place);
    }
}
