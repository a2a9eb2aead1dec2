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

    /// A batch of locks of one asset: the call to the outbox and the event are written as items are read.
    struct Batch {
        bytes32 lane;
        uint256 bridge;
        address token;
        uint64 timeout;
        AssetHead head;
        uint256 held;
        uint256 least;
        /// Memory of the call to the outbox, and of the event's data.
        uint256 callData;
        uint256 data;
        /// Where the event's data ends.
        uint256 end;
        bool memos;
        /// Bytes of an amount in the event.
        uint256 width;
        /// Sum of the amounts (ERC-721: the count).
        uint256 total;
    }

    /// Bytes of a transfer's tail: kind, asset, amount or id, sender, recipient, timeout, memo hash.
    uint256 private constant TAIL = 7 * 32;
    /// Bytes before the records in the event's data: offset and length, then the group's head.
    uint256 private constant RECORDS = 64 + 37;
    /// Bytes before the tails in the call: selector, lane, words a tail, offset, length.
    uint256 private constant TAILS = 4 + 4 * 32;

    /// Takes an asset (or burns a voucher) and writes a transfer into the lane's outbox.
    /// @param amountOrId in this chain's units, or the ERC-721 id
    /// @param recipient account at the other end, left-padded to a word
    /// @param timeout Unix seconds, by the destination's clock: from then on the transfer comes back
    function lock(bytes32 lane, address token, uint256 amountOrId, bytes32 recipient, uint64 timeout, bytes32 memoHash)
        external
        returns (uint64 index)
    {
        State storage s = _enter();
        Batch memory b = _open(s, lane, token, timeout, 1, amountOrId, memoHash != 0);
        // Calldata offsets of recipient, amount and memo hash.
        _write(b, 100, 68, 164, 1);
        _take(s, b);
        if (b.head.standard == ERC721) _takeId(s, b, amountOrId);
        index = _append(b, 1);
        s.guard = IDLE;
        recipient; // read where it stands
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
        uint256 item;
        bytes32 memos;
        uint256 amounts;
        assembly ("memory-safe") {
            item := items.offset
            let end := add(item, mul(96, count))
            for { let i := item } lt(i, end) { i := add(i, 96) } {
                amounts := or(amounts, calldataload(add(i, 32)))
                memos := or(memos, calldataload(add(i, 64)))
            }
        }
        Batch memory b = _open(s, lane, token, timeout, count, amounts, memos != 0);
        _write(b, item, item + 32, item + 64, count);
        _take(s, b);
        if (b.head.standard == ERC721) {
            for (uint256 i; i < count; ++i) {
                _takeId(s, b, items[i].amountOrId);
            }
        }
        first = _append(b, count);
        s.guard = IDLE;
    }

    /// Whether the lane takes locks now; then room for `count` transfers.
    /// @param amounts all amounts, or-ed: the widest of them
    function _open(
        State storage s,
        bytes32 lane,
        address token,
        uint64 timeout,
        uint256 count,
        uint256 amounts,
        bool memos
    ) private view returns (Batch memory b) {
        if (block.timestamp < s.pausedUntil) revert Paused(s.pausedUntil);
        Lane storage l = s.lanes[lane];
        address client = l.client;
        b.bridge = l.bridge;
        if (l.role != ROLE_OUT) revert UnknownLane(lane);
        // A lock on a lane whose way back is dead could be stuck.
        if (l.status != OPEN || !ILightClient(client).live()) revert LaneClosed(lane);
        AssetHead memory h = s.assets[b.bridge][token].head;
        if (h.status != OPEN) {
            if (h.mode == 0) revert UnsupportedAsset(token);
            revert AssetClosed(token);
        }
        if (timeout <= block.timestamp || timeout > block.timestamp + MAX_TIMEOUT) revert TimeoutOutOfRange(timeout);
        Asset storage a = s.assets[b.bridge][token];
        (b.held, b.least) = (a.held, a.minAmount);
        (b.lane, b.token, b.timeout, b.head, b.memos) = (lane, token, timeout, h, memos);
        uint256 width = _bytesOf(amounts);
        b.width = width;
        uint256 recordSize = width + 2 * uint256(h.accountBytes) + (memos ? 40 : 8);
        uint256 groupHead =
            (KIND_TRANSFER << 32) | (count << 16) | (width << 8) | (h.accountBytes == 20 ? 0 : 1) | (memos ? 2 : 0);
        bytes4 selector = Outbox.append.selector;
        bytes32 asset = _assetHash(h.standard, token);
        uint256 data;
        uint256 callData;
        assembly ("memory-safe") {
            // Event: offset | length | u8 kind | u16 count | u8 width | u8 flags | asset | records, and a word to run over.
            data := mload(0x40)
            let size := add(37, mul(recordSize, count))
            mstore(data, 32)
            mstore(add(data, 32), size)
            mstore(add(data, 64), shl(216, groupHead))
            mstore(add(data, 69), asset)
            // Call: selector | lane | words a tail | offset | length | tails.
            callData := and(add(add(data, size), 159), not(31))
            mstore(callData, selector)
            mstore(add(callData, 4), lane)
            mstore(add(callData, 36), 7)
            mstore(add(callData, 68), 96)
            mstore(add(callData, 100), mul(count, TAIL))
            mstore(0x40, and(add(callData, add(163, mul(count, TAIL))), not(31)))
        }
        (b.data, b.callData) = (data, callData);
    }

    /// Bytes that a number takes, at least 1.
    function _bytesOf(uint256 value) private pure returns (uint256 size) {
        assembly ("memory-safe") {
            let shift := shl(7, gt(value, 0xffffffffffffffffffffffffffffffff))
            shift := or(shift, shl(6, gt(shr(shift, value), 0xffffffffffffffff)))
            shift := or(shift, shl(5, gt(shr(shift, value), 0xffffffff)))
            shift := or(shift, shl(4, gt(shr(shift, value), 0xffff)))
            shift := or(shift, shl(3, gt(shr(shift, value), 0xff)))
            size := add(shr(3, shift), 1)
        }
    }

    /// Checks the transfers, whose fields stand in calldata (items 96 bytes apart), and writes their tails and records.
    function _write(Batch memory b, uint256 recipients, uint256 amounts, uint256 memoHashes, uint256 count)
        private
        view
    {
        uint256 tail = b.callData + TAILS;
        uint256 record = b.data + RECORDS;
        uint256 total;
        bytes32 asset;
        uint256 timeout = b.timeout;
        uint256 width = b.width;
        uint256 accountBytes = b.head.accountBytes;
        uint256 least = b.least == 0 ? 1 : b.least;
        uint256 most = type(uint256).max;
        bool amountsCount = b.head.standard == ERC20;
        bool memos = b.memos;
        if (amountsCount) most = b.head.amountWidth > 15 ? type(uint128).max : (1 << (8 * b.head.amountWidth)) - 1;
        else least = 0;
        uint256 bad;
        assembly ("memory-safe") {
            asset := mload(add(record, sub(69, RECORDS)))
            let padding := sub(256, shl(3, accountBytes))
            let amountPadding := sub(256, shl(3, width))
            for { let end := add(amounts, mul(96, count)) } lt(amounts, end) { amounts := add(amounts, 96) } {
                let amount := calldataload(amounts)
                let recipient := calldataload(recipients)
                if or(
                    or(gt(amount, most), lt(amount, least)),
                    or(iszero(recipient), shr(shl(3, accountBytes), recipient))
                ) {
                    bad := amounts
                    break
                }
                total := add(total, amount)
                mstore(tail, 1) // KIND_TRANSFER
                mstore(add(tail, 32), asset)
                mstore(add(tail, 64), amount)
                mstore(add(tail, 96), caller())
                mstore(add(tail, 128), recipient)
                mstore(add(tail, 160), timeout)
                // Left-aligned words that run over one another.
                mstore(record, shl(amountPadding, amount))
                record := add(record, width)
                mstore(record, shl(padding, caller()))
                record := add(record, accountBytes)
                mstore(record, shl(padding, recipient))
                record := add(record, accountBytes)
                mstore(record, shl(192, timeout))
                record := add(record, 8)
                mstore(add(tail, 192), 0)
                if memos {
                    let memo := calldataload(memoHashes)
                    mstore(add(tail, 192), memo)
                    mstore(record, memo)
                    record := add(record, 32)
                    memoHashes := add(memoHashes, 96)
                }
                recipients := add(recipients, 96)
                tail := add(tail, TAIL)
            }
        }
        if (bad != 0) _refuse(bad, recipients, least, most);
        if (b.head.scale != 0 && amountsCount) _checkExact(b, count);
        b.end = record;
        b.total = amountsCount ? total : count;
    }

    /// Says what is wrong with an item.
    function _refuse(uint256 amountPosition, uint256 recipientPosition, uint256 least, uint256 most) private pure {
        uint256 amount;
        bytes32 recipient;
        assembly ("memory-safe") {
            amount := calldataload(amountPosition)
            recipient := calldataload(recipientPosition)
        }
        if (amount < least || amount > most) revert AmountOutOfRange(amount);
        revert InvalidRecipient(recipient);
    }

    /// Amounts must be whole in the other end's units, and fit there.
    function _checkExact(Batch memory b, uint256 count) private pure {
        int8 scale = b.head.scale;
        uint256 unit = 10 ** (scale < 0 ? uint8(-scale) : uint8(scale));
        uint256 tail = b.callData + TAILS;
        for (uint256 i; i < count; ++i) {
            uint256 amount;
            assembly ("memory-safe") {
                amount := mload(add(tail, 64))
            }
            if (scale < 0 ? amount % unit != 0 : amount > type(uint128).max / unit) revert AmountOutOfRange(amount);
            tail += TAIL;
        }
    }

    /// Takes the batch's total: books it, binds the cap, pulls or burns.
    function _take(State storage s, Batch memory b) private {
        (address token, uint256 total, AssetHead memory h, uint256 held) = (b.token, b.total, b.head, b.held);
        Asset storage a = s.assets[b.bridge][token];
        if (h.mode == HOME) {
            held += total;
            if (held > type(uint128).max) revert AmountOutOfRange(total);
        } else {
            if (total > held) revert OutstandingExceeded(token, held, total);
            held -= total;
        }
        (a.held, a.minAmount) = (uint128(held), uint128(b.least));
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
        if (!_moveEscrow(s, b.bridge, token, id, true)) revert UnsupportedAsset(token);
        if (!token.moveId(msg.sender, address(this), id)) revert TransferFailed(token);
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
            (b.head.outbox, b.callData, b.data, b.end, b.lane);
        bytes32 topic = Appended.selector;
        bool ok;
        assembly ("memory-safe") {
            ok := call(gas(), outbox, 0, callData, add(TAILS, mul(count, TAIL)), 0, 32)
            ok := and(ok, gt(returndatasize(), 31))
            first := mload(0)
            // Zeros up to the next word.
            mstore(end, 0)
            log3(data, and(add(sub(end, data), 31), not(31)), topic, lane, first)
        }
        if (!ok) revert UnknownLane(lane);
    }
}
