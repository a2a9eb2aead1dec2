// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outbox} from "./Outbox.sol";
import {VaultBase} from "./VaultBase.sol";
import {Entries} from "./lib/Entries.sol";
import {RangeProof} from "./lib/RangeProof.sol";
import {Tokens} from "./lib/Tokens.sol";
import {ILightClient} from "./interfaces/ILightClient.sol";
import {Pay, VoucherERC20} from "./VoucherERC20.sol";

/// Taking deliveries. Anyone may bring them: the vault checks proofs, not senders, and every delivered entry is decided —
/// credited, answered with `Returned`, or paid back — whatever its token or its recipient does.
abstract contract VaultDelivery is VaultBase {
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

    /// What the caps leave, in this chain's units.
    struct Room {
        /// The whole cap: above it a credit fails.
        uint256 whole;
        /// The window's rest: above it a credit waits.
        uint256 rest;
    }

    /// Gas for one credit in its own frame: an ERC-20 transfer to a fresh account takes a fifth of it.
    uint256 internal constant CREDIT_GAS = 200_000;
    /// Gas for each credit of a merged attempt, which decides nothing if it fails.
    uint256 internal constant MERGED_GAS = 60_000;
    /// Gas that must be left to write the answers: at most ten peaks, and the event.
    uint256 internal constant ANSWERS_GAS = 260_000;
    /// And for each answer.
    uint256 internal constant ANSWER_GAS = 2_000;
    /// Room before the payments for the head of the call that carries them.
    uint256 private constant HEAD = 160;

    /// Proves a run of entries of an incoming lane, and lets each take effect. Entries delivered before are skipped.
    /// @param first index of the first entry
    /// @param update the light client's format
    /// @param stateProof account and peaks of the other vault's outbox
    /// @param runs per peak: u16 count | u8 siblings | siblings | packed groups
    function deliver(bytes32 lane, uint64 first, bytes calldata update, bytes calldata stateProof, bytes calldata runs)
        external
    {
        State storage s = _enter();
        Lane storage l = s.lanes[lane];
        if (l.role != ROLE_IN) revert UnknownLane(lane);
        Delivery memory d;
        (d.lane, d.bridge, d.client, d.first) = (lane, l.bridge, l.client, first);
        (bytes memory heights, bytes32[] memory peaks,,) =
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
            emit Delivered(lane, first, uint64(count), d.taken, d.returned, d.parked);
        } else if (d.capped != address(0)) {
            revert CapReached(d.capped);
        }
        s.guard = IDLE;
    }

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
        // Nearly every run is one group of transfers: its payments are collected while it is hashed.
        if (Entries.kind(groups) == KIND_TRANSFER) {
            g.t = Entries.transfers(groups, end, count);
            if (g.t.count == count) _expect(s, d, g);
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
                (groups, taken) = _redeem(s, d, groups, index + done, place + done);
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
            uint256 kind = Entries.kind(groups);
            if (kind == KIND_TRANSFER) {
                Entries.Transfers memory t = Entries.transfers(groups, end, count - done);
                Entries.hashTransfers(t, d.lane, index + done, t.records, t.count, leaves + 32 * done);
                (groups, taken) = (t.end, t.count);
            } else if (kind == KIND_RETURNED) {
                (groups, taken) = _hashReturned(s, d, groups, end, index + done, count - done, leaves + 32 * done);
            } else {
                // Swaps are not delivered by this version.
                revert UnsupportedKind(kind);
            }
            done += taken;
        }
        if (RangeProof.root(leaves, count, index, height, siblings, siblingCount) != peak) revert RootMismatch(height);
        assembly ("memory-safe") {
            mstore(0x40, memoryEnd)
        }
        return groups;
    }

    /// Prepares a group for having its payments collected while it is hashed.
    function _expect(State storage s, Delivery memory d, Group memory g) private view {
        address token = s.tokens[d.lane][g.t.asset];
        AssetHead memory h = s.assets[d.bridge][token].head;
        _room(g, g.t.count);
        (g.token, g.h) = (token, h);
        g.c = Entries.Collected(uint160(token), uint160(h.outbox), uint160(d.client), 0, false);
    }

    /// Hashes a group of `Returned`, and proves that the transfers it answers stand in this chain's own outbox.
    function _hashReturned(
        State storage s,
        Delivery memory d,
        uint256 group,
        uint256 end,
        uint256 index,
        uint256 room,
        uint256 leaves
    ) private view returns (uint256, uint256) {
        Entries.Returns memory r = Entries.returns_(group, end, room);
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
            mstore(0x40, add(free, add(2112, mul(32, mload(r)))))
        }
        uint256 originals = free + RangeProof.HEADROOM;
        uint256 firstOriginal = Entries.hashReturns(r, d.lane, _outLane(s, d), index, leaves, originals);
        bytes32 own = Outbox(s.lanes[_outLane(s, d)].outbox).peaks(r.height);
        if (own == 0 || RangeProof.root(originals, r.count, firstOriginal, r.height, r.siblings, r.siblingCount) != own)
        {
            revert RootMismatch(r.height);
        }
        return (r.end, r.count);
    }

    function _outLane(State storage s, Delivery memory d) private view returns (bytes32 lane) {
        lane = d.outLane;
        if (lane == 0) {
            lane = s.lanes[d.lane].reverse;
            d.outLane = lane;
        }
    }

    // --- transfers -----------------------------------------------------------------------------------------------------

    /// Decides a group of transfers: late or impossible ones are answered, the rest is credited in one merged call.
    function _credit(State storage s, Delivery memory d, Group memory g, uint256 index, uint256 place) private {
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
    function _answer(State storage s, Delivery memory d) private {
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

    // --- returns -------------------------------------------------------------------------------------------------------

    /// Gives transfers back to their senders. What cannot be paid is parked: it never changes sides.
    function _redeem(State storage s, Delivery memory d, uint256 group, uint256 index, uint256 place)
        private
        returns (uint256, uint256)
    {
        Entries.Returns memory r = Entries.returns_(group, type(uint256).max, MAX_BATCH);
        Group memory g;
        (g.index, g.place) = (index, place);
        g.done = _doneMask(d.lane, index, r.count);
        uint256 all = type(uint256).max >> (256 - r.count);
        if (g.done == all) return (r.end, r.count);
        _mark(d, g, all & ~g.done);
        _room(g, r.count);
        g.places = g.pays + 64 * r.count;
        bytes32 asset;
        for (uint256 k; k < r.count; ++k) {
            if ((g.done >> k) & 1 != 0) continue;
            Entries.Original memory o = Entries.original(r, k);
            _markReturned(s, _outLane(s, d), o.index);
            if (o.asset != asset) {
                _giveBack(s, d, g, asset);
                asset = o.asset;
            }
            _push(g, k, uint256(o.sender), o.amount);
        }
        _giveBack(s, d, g, asset);
        return (r.end, r.count);
    }

    /// A transfer comes back once, whatever the other chain says (ATK-114).
    function _markReturned(State storage s, bytes32 outLane, uint256 index) private {
        uint256 bit = 1 << (index & 255);
        uint256 word = s.returned[outLane][index >> 8];
        if (word & bit != 0) revert AlreadyReturned(uint64(index));
        s.returned[outLane][index >> 8] = word | bit;
    }

    /// Pays the collected returns of one asset. Never capped.
    function _giveBack(State storage s, Delivery memory d, Group memory g, bytes32 asset) private {
        uint256 count = g.payCount;
        if (count == 0) return;
        address token = s.tokens[_outLane(s, d)][asset];
        Asset storage a = s.assets[d.bridge][token];
        AssetHead memory h = a.head;
        // A transfer of the own outbox was locked by this vault, so its asset is registered.
        if (h.mode == 0) revert UnsupportedAsset(token);
        uint256 total;
        for (uint256 j; j < count; ++j) {
            (,, uint256 amount) = _payment(g, j);
            if (h.standard == ERC721) {
                ++total;
                if (h.mode == HOME && !_moveEscrow(s, d.bridge, token, amount, false)) {
                    revert EscrowExceeded(token, 0, amount);
                }
            } else {
                total += amount;
            }
        }
        uint256 held = a.held;
        if (h.mode == HOME) {
            if (total > held) revert EscrowExceeded(token, held, total);
            a.held = uint128(held - total);
        } else {
            // It was burned here before, so it fits again.
            a.held = uint128(held + total);
        }
        uint256 failed = _payAll(d, g, h, token);
        for (uint256 j; failed >> j != 0; ++j) {
            if ((failed >> j) & 1 == 0) continue;
            (uint256 k, address owner, uint256 amount) = _payment(g, j);
            _park(s, d, h, token, owner, amount);
            d.parked |= 1 << (g.place + k);
        }
        g.payCount = 0;
    }

    /// Keeps an asset for its owner. A burned voucher is minted to the vault first, so that a claim is a plain transfer.
    function _park(
        State storage s,
        Delivery memory d,
        AssetHead memory h,
        address token,
        address owner,
        uint256 amountOrId
    ) private {
        if (h.mode == VOUCHER) {
            Group memory g;
            _room(g, 1);
            _push(g, 0, uint160(address(this)), amountOrId);
            if (_payAll(d, g, h, token) != 0) revert TransferFailed(token);
        }
        if (h.standard == ERC721) s.claimableId[token][amountOrId] = owner;
        else s.claimable[token][owner] += amountOrId;
        emit Parked(token, owner, amountOrId);
    }

    // --- payments ------------------------------------------------------------------------------------------------------

    /// Room for `count` payments, and for a byte for each.
    function _room(Group memory g, uint256 count) private pure {
        uint256 pays;
        assembly ("memory-safe") {
            pays := add(mload(0x40), HEAD)
            mstore(0x40, and(add(add(pays, mul(65, count)), 63), not(31)))
        }
        g.pays = pays;
    }

    function _push(Group memory g, uint256 k, uint256 to, uint256 amountOrId) private pure {
        (uint256 pays, uint256 places, uint256 j) = (g.pays, g.places, g.payCount);
        assembly ("memory-safe") {
            let pay := add(pays, shl(6, j))
            mstore(pay, to)
            mstore(add(pay, 32), amountOrId)
            if places { mstore8(add(places, j), k) }
        }
        g.payCount = j + 1;
    }

    function _payment(Group memory g, uint256 j) private pure returns (uint256 k, address to, uint256 amountOrId) {
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
        private
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
            if (!_attempt(h, token, single, 1, CREDIT_GAS)) failed |= 1 << j;
        }
    }

    /// One call with `count` payments at `pays`: the voucher mints, or the vault pays out in a frame of its own.
    function _attempt(AssetHead memory h, address token, uint256 pays, uint256 count, uint256 gasLimit)
        private
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

    // --- the bitmap ----------------------------------------------------------------------------------------------------

    /// Bit k: entry `index + k` was delivered before.
    function _doneMask(bytes32 lane, uint256 index, uint256 count) private view returns (uint256 done) {
        mapping(uint256 => uint256) storage words = _delivered()[lane];
        uint256 shift = index & 255;
        done = words[index >> 8] >> shift;
        if (shift + count > 256) done |= words[(index >> 8) + 1] << (256 - shift);
        done &= type(uint256).max >> (256 - count);
    }

    /// Marks entries of the group (bit k: `index + k`), before anything is paid for them.
    function _mark(Delivery memory d, Group memory g, uint256 entries) private {
        mapping(uint256 => uint256) storage words = _delivered()[d.lane];
        uint256 word = g.index >> 8;
        uint256 shift = g.index & 255;
        if (entries << shift != 0) words[word] |= entries << shift;
        if (shift != 0 && entries >> (256 - shift) != 0) words[word + 1] |= entries >> (256 - shift);
        d.taken |= entries << g.place;
    }
}
