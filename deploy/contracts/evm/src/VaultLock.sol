// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outbox} from "./Outbox.sol";
import {VaultBase} from "./VaultBase.sol";
import {VoucherERC20} from "./VoucherERC20.sol";
import {ILightClient} from "./interfaces/ILightClient.sol";
import {Tokens} from "./lib/Tokens.sol";

/// Taking assets: `lock` and `sendMany`. The vault pulls only from its caller.
abstract contract VaultLock is VaultBase {
    using Tokens for address;

    /// One transfer of a `sendMany`.
    struct Item {
        bytes32 recipient;
        uint256 amountOrId;
        bytes32 memoHash;
    }

    /// A batch of locks of one asset: the call to the outbox and the event are written as items are added.
    struct Batch {
        bytes32 lane;
        address token;
        uint64 timeout;
        AssetHead head;
        bytes32 asset;
        /// Where the next tail goes, and the start of the call to the outbox.
        uint256 tail;
        uint256 call_;
        /// Where the next record goes, and the start of the event's data.
        uint256 record;
        uint256 data;
        bool memos;
        /// Sum of the amounts (ERC-721: the count).
        uint256 total;
    }

    /// Tail of a transfer: kind, asset, amount or id, sender, recipient, timeout, memo hash.
    uint256 private constant TAIL_WORDS = 7;

    /// Takes an asset (or burns a voucher) and writes a transfer into the lane's outbox.
    /// @param amountOrId in this chain's units, or the ERC-721 id
    /// @param recipient account at the other end, left-padded to a word
    /// @param timeout Unix seconds, by the destination's clock: from then on the transfer comes back
    function lock(
        bytes32 lane,
        address token,
        uint256 amountOrId,
        bytes32 recipient,
        uint64 timeout,
        bytes32 memoHash
    ) external returns (uint64 index) {
        State storage s = _enter();
        Batch memory b = _open(s, lane, token, timeout, 1, memoHash != 0);
        _add(b, recipient, amountOrId, memoHash);
        _take(s, b, 1);
        if (b.head.standard == ERC721) _takeId(s, b, amountOrId);
        index = _append(b, 1);
        s.guard = IDLE;
    }

    /// Up to 256 transfers of one asset in one call.
    /// @return first index of the first; the others follow
    function sendMany(bytes32 lane, address token, uint64 timeout, Item[] calldata items)
        external
        returns (uint64 first)
    {
        State storage s = _enter();
        uint256 count = items.length;
        if (count == 0 || count > MAX_BATCH) revert BatchSize(count);
        bytes32 memos;
        for (uint256 i; i < count; ++i) {
            memos |= items[i].memoHash;
        }
        Batch memory b = _open(s, lane, token, timeout, count, memos != 0);
        for (uint256 i; i < count; ++i) {
            Item calldata item = items[i];
            _add(b, item.recipient, item.amountOrId, item.memoHash);
        }
        _take(s, b, count);
        if (b.head.standard == ERC721) {
            for (uint256 i; i < count; ++i) {
                _takeId(s, b, items[i].amountOrId);
            }
        }
        first = _append(b, count);
        s.guard = IDLE;
    }

    /// Whether the lane takes locks now; then room for `count` transfers.
    function _open(State storage s, bytes32 lane, address token, uint64 timeout, uint256 count, bool memos)
        private
        view
        returns (Batch memory b)
    {
        if (block.timestamp < s.pausedUntil) revert Paused(s.pausedUntil);
        Lane storage l = s.lanes[lane];
        address client = l.client;
        if (l.role != ROLE_OUT) revert UnknownLane(lane);
        // A lock on a lane whose way back is dead could be stuck.
        if (l.status != OPEN || !ILightClient(client).live()) revert LaneClosed(lane);
        AssetHead memory h = s.assets[lane][token].head;
        if (h.status != OPEN) {
            if (h.mode == 0) revert UnsupportedAsset(token);
            revert AssetClosed(token);
        }
        if (timeout <= block.timestamp || timeout > block.timestamp + MAX_TIMEOUT) revert TimeoutOutOfRange(timeout);
        (b.lane, b.token, b.timeout, b.head, b.memos) = (lane, token, timeout, h, memos);
        b.asset = _assetHash(h.standard, token);
        uint256 recordSize = h.amountWidth + (h.accountBytes == 20 ? 48 : 72) + (memos ? 32 : 0);
        bytes4 selector = Outbox.append.selector;
        uint256 start;
        uint256 callData;
        assembly ("memory-safe") {
            // Event: offset | length | u8 kind | u16 count | u8 width | u8 flags | asset | records, and a word to run over.
            start := mload(0x40)
            let size := add(37, mul(recordSize, count))
            mstore(start, 32)
            mstore(add(start, 32), size)
            // Call: selector | lane | words a tail | offset | length | tails.
            callData := and(add(add(start, size), 159), not(31))
            mstore(callData, selector)
            mstore(add(callData, 4), lane)
            mstore(add(callData, 36), 7)
            mstore(add(callData, 68), 96)
            mstore(add(callData, 100), mul(count, 224))
            mstore(0x40, and(add(callData, add(163, mul(count, 224))), not(31)))
        }
        (b.data, b.call_, b.tail) = (start, callData, callData + 132);
        uint256 flags = (h.accountBytes == 20 ? 0 : 1) | (memos ? 2 : 0);
        bytes32 asset = b.asset;
        uint256 groupHead = (KIND_TRANSFER << 32) | (count << 16) | (uint256(h.amountWidth) << 8) | flags;
        assembly ("memory-safe") {
            mstore(add(start, 64), shl(216, groupHead))
            mstore(add(start, 69), asset)
        }
        b.record = start + 64 + 37;
    }

    /// Checks one transfer and writes its tail and its record.
    function _add(Batch memory b, bytes32 recipient, uint256 amountOrId, bytes32 memoHash) private view {
        AssetHead memory h = b.head;
        if (recipient == 0 || (h.accountBytes == 20 && uint256(recipient) >> 160 != 0)) {
            revert InvalidRecipient(recipient);
        }
        if (h.standard == ERC721) {
            ++b.total;
        } else {
            if (amountOrId == 0 || amountOrId > type(uint128).max || amountOrId >> (8 * uint256(h.amountWidth)) != 0) {
                revert AmountOutOfRange(amountOrId);
            }
            if (h.scale != 0) _checkExact(h.scale, amountOrId);
            b.total += amountOrId;
        }
        bytes32 asset = b.asset;
        uint256 timeout = b.timeout;
        uint256 width = h.amountWidth;
        uint256 accountBytes = h.accountBytes;
        uint256 tail = b.tail;
        uint256 record = b.record;
        bool memos = b.memos;
        assembly ("memory-safe") {
            mstore(tail, 1) // KIND_TRANSFER
            mstore(add(tail, 32), asset)
            mstore(add(tail, 64), amountOrId)
            mstore(add(tail, 96), caller())
            mstore(add(tail, 128), recipient)
            mstore(add(tail, 160), timeout)
            mstore(add(tail, 192), memoHash)
            // Left-aligned words that run over one another.
            let padding := sub(256, shl(3, accountBytes))
            mstore(record, shl(sub(256, shl(3, width)), amountOrId))
            record := add(record, width)
            mstore(record, shl(padding, caller()))
            record := add(record, accountBytes)
            mstore(record, shl(padding, recipient))
            record := add(record, accountBytes)
            mstore(record, shl(192, timeout))
            record := add(record, 8)
            if memos {
                mstore(record, memoHash)
                record := add(record, 32)
            }
        }
        b.tail = tail + 32 * TAIL_WORDS;
        b.record = record;
    }

    /// The amount must be whole in the other end's units, and fit there.
    function _checkExact(int8 scale, uint256 amount) private pure {
        if (scale < 0 ? amount % 10 ** uint8(-scale) != 0 : amount > type(uint128).max / 10 ** uint8(scale)) {
            revert AmountOutOfRange(amount);
        }
    }

    /// Takes the batch's total: books it, binds the cap, pulls or burns.
    function _take(State storage s, Batch memory b, uint256 count) private {
        (address token, uint256 total, AssetHead memory h) = (b.token, b.total, b.head);
        Asset storage a = s.assets[b.lane][token];
        uint256 held = a.held;
        uint256 least = a.minAmount;
        if (least > 1 && h.standard == ERC20) _checkLeast(b, least, count);
        if (h.mode == HOME) {
            held += total;
            if (held > type(uint128).max) revert AmountOutOfRange(total);
        } else {
            if (total > held) revert OutstandingExceeded(token, held, total);
            held -= total;
        }
        a.held = uint128(held);
        if (h.capped) _useLockCap(a, token, total);
        if (h.standard != ERC20) return;
        if (h.mode == VOUCHER) {
            VoucherERC20(token).burn(msg.sender, total);
            return;
        }
        uint256 before = token.balanceOf(address(this));
        if (!token.transferFrom(msg.sender, address(this), total)) revert TransferFailed(token);
        uint256 balance = token.balanceOf(address(this));
        if (balance < before || balance - before != total) {
            revert AmountMismatch(total, balance < before ? 0 : balance - before);
        }
    }

    /// Takes one ERC-721 id.
    function _takeId(State storage s, Batch memory b, uint256 id) private {
        address token = b.token;
        if (b.head.mode == VOUCHER) {
            VoucherERC20(token).burn(msg.sender, id);
            return;
        }
        if (!_moveEscrow(s, b.lane, token, id, true)) revert UnsupportedAsset(token);
        if (!token.moveId(msg.sender, address(this), id)) revert TransferFailed(token);
    }

    function _checkLeast(Batch memory b, uint256 least, uint256 count) private pure {
        uint256 tail = b.tail;
        for (uint256 i; i < count; ++i) {
            tail -= 32 * TAIL_WORDS;
            uint256 amount;
            assembly ("memory-safe") {
                amount := mload(add(tail, 64))
            }
            if (amount < least) revert AmountOutOfRange(amount);
        }
    }

    function _useLockCap(Asset storage a, address token, uint256 total) private {
        (uint32 number, uint256 lockUsed, uint256 creditUsed) = _window(a);
        lockUsed += total;
        if (lockUsed > a.lockCap) revert CapReached(token);
        (a.lockUsed, a.creditUsed, a.window) = (uint112(lockUsed), uint112(creditUsed), number);
    }

    /// Writes the batch into the outbox and tells of it.
    function _append(Batch memory b, uint256 count) private returns (uint64 first) {
        (address outbox, uint256 callData, uint256 data, uint256 end, bytes32 lane) =
            (b.head.outbox, b.call_, b.data, b.record, b.lane);
        bytes32 topic = Appended.selector;
        bool ok;
        assembly ("memory-safe") {
            ok := call(gas(), outbox, 0, callData, add(132, mul(count, 224)), 0, 32)
            ok := and(ok, gt(returndatasize(), 31))
            first := mload(0)
            // Zeros up to the next word.
            mstore(end, 0)
            let size := add(64, and(add(sub(end, add(data, 64)), 31), not(31)))
            log3(data, size, topic, lane, first)
        }
        if (!ok) revert UnknownLane(lane);
    }

}
