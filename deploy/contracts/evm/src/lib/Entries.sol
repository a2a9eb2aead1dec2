// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Packed groups of entries in calldata, and their commitments `keccak256(0x00 ‖ words)`.
library Entries {
    /// A group, or a field of it, is not of the format.
    error MalformedGroup();
    /// Transfers that come back in one group must follow one another.
    error NotConsecutive(uint256 expected, uint256 found);

    /// A transfer group: u8 kind | u16 count | u8 amountWidth | u8 flags | bytes32 asset | records.
    struct Transfers {
        uint256 count;
        uint256 width;
        /// Bytes of an account: 20 or 32.
        uint256 account;
        bool memos;
        bytes32 asset;
        uint256 records;
        uint256 recordSize;
        uint256 end;
    }

    /// A group of `Returned` with the transfers they answer: u8 kind | u16 count | u8 height | u8 siblings | siblings |
    /// records.
    struct Returns {
        uint256 count;
        uint256 height;
        uint256 siblings;
        uint256 siblingCount;
        uint256 records;
        uint256 end;
    }

    /// A transfer of this chain that comes back.
    struct Original {
        uint256 index;
        bytes32 asset;
        uint256 amount;
        bytes32 sender;
    }

    /// One less than the largest amount.
    uint256 private constant MOST_AMOUNT = 0xfffffffffffffffffffffffffffffffe;

    uint256 private constant TRANSFERS_HEAD = 37;
    uint256 private constant RETURNS_HEAD = 5;
    /// u64 index | u8 reason | asset | amount | sender | recipient | u64 timeout | memo hash.
    uint256 private constant RETURN_RECORD = 177;

    function kind(uint256 group) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, calldataload(group))
        }
    }

    /// Reads a transfer group's head.
    /// @param limit calldata offset that it must not pass
    /// @param room most entries it may hold
    function transfers(uint256 group, uint256 limit, uint256 room) internal pure returns (Transfers memory t) {
        uint256 flags;
        uint256 count;
        uint256 width;
        bytes32 asset;
        assembly ("memory-safe") {
            let head := calldataload(group)
            count := and(shr(232, head), 0xffff)
            width := byte(3, head)
            flags := byte(4, head)
            asset := calldataload(add(group, 5))
        }
        if (count == 0 || count > room || width == 0 || width > 32 || flags > 3) revert MalformedGroup();
        uint256 account = flags & 1 == 0 ? 20 : 32;
        uint256 size = width + 2 * account + 8 + (flags & 2) * 16;
        uint256 end = group + TRANSFERS_HEAD + count * size;
        if (end > limit) revert MalformedGroup();
        t.count = count;
        t.width = width;
        t.account = account;
        t.memos = flags & 2 != 0;
        t.asset = asset;
        t.records = group + TRANSFERS_HEAD;
        t.recordSize = size;
        t.end = end;
    }

    /// Writes the commitments of `count` transfers, whose records start at `record`, to memory at `out`.
    function hashTransfers(Transfers memory t, bytes32 lane, uint256 index, uint256 record, uint256 count, uint256 out)
        internal
        pure
    {
        (uint256 width, uint256 account, bytes32 asset) = (t.width, t.account, t.asset);
        bool memos = t.memos;
        assembly ("memory-safe") {
            // m + 31: 0x00 | lane | index | kind | asset | amount | sender | recipient | timeout | memo hash
            let m := mload(0x40)
            mstore(m, 0)
            mstore(add(m, 32), lane)
            mstore(add(m, 96), 1)
            mstore(add(m, 128), asset)
            mstore(add(m, 288), 0)
            let amountShift := sub(256, shl(3, width))
            let accountShift := sub(256, shl(3, account))
            let preimage := add(m, 31)
            for { let end := add(out, shl(5, count)) } lt(out, end) { out := add(out, 32) } {
                mstore(add(m, 64), index)
                mstore(add(m, 160), shr(amountShift, calldataload(record)))
                record := add(record, width)
                mstore(add(m, 192), shr(accountShift, calldataload(record)))
                record := add(record, account)
                mstore(add(m, 224), shr(accountShift, calldataload(record)))
                record := add(record, account)
                mstore(add(m, 256), shr(192, calldataload(record)))
                record := add(record, 8)
                if memos {
                    mstore(add(m, 288), calldataload(record))
                    record := add(record, 32)
                }
                mstore(out, keccak256(preimage, 289))
                index := add(index, 1)
            }
        }
    }

    /// Whom a credit never pays, and what it finds out on the way: see `hashAndCollect`.
    struct Collected {
        uint256 token;
        uint256 outbox;
        uint256 client;
        uint256 total;
        bool odd;
    }

    /// `hashTransfers` for a whole group of accounts of 20 bytes that also writes its payments (recipient and amount, 64
    /// bytes each) to `pays`, so that no record is read twice. `odd` tells that an entry is not plain: late, an amount of
    /// zero or of more than 16 bytes, a recipient that is zero or may not be paid.
    function hashAndCollect(
        Transfers memory t,
        bytes32 lane,
        uint256 index,
        uint256 out,
        uint256 pays,
        Collected memory c
    ) internal view {
        uint256 record = t.records;
        uint256 width = t.width;
        assembly ("memory-safe") {
            // m + 31: 0x00 | lane | index | kind | asset | amount | sender | recipient | timeout | memo hash, and behind it
            // what the loop needs beside: token, outbox, client, whether there are memos. What is used more than once goes
            // through memory: the compiler would read and shift it again each time.
            let m := mload(0x40)
            mstore(m, 0)
            mstore(add(m, 32), lane)
            mstore(add(m, 96), 1)
            mstore(add(m, 128), mload(add(t, 128)))
            mstore(add(m, 160), 0)
            mstore(add(m, 224), 0)
            mstore(add(m, 288), 0)
            mstore(add(m, 320), mload(c))
            mstore(add(m, 352), mload(add(c, 32)))
            mstore(add(m, 384), mload(add(c, 64)))
            mstore(add(m, 416), mload(add(t, 96)))
            let total := 0
            let odd := 0
            for { let end := mload(add(t, 224)) } lt(record, end) {} {
                mstore(add(m, 64), index)
                index := add(index, 1)
                calldatacopy(sub(add(m, 192), width), record, width)
                let field := mload(add(m, 160))
                mstore(add(pays, 32), field)
                total := add(total, field)
                // Below 1 and above the most are one comparison: one less than zero is the largest word.
                odd := or(odd, gt(sub(field, 1), MOST_AMOUNT))
                record := add(record, width)
                mstore(add(m, 192), shr(96, calldataload(record)))
                calldatacopy(add(m, 236), add(record, 20), 20)
                field := mload(add(m, 224))
                mstore(pays, field)
                pays := add(pays, 64)
                odd := or(odd, or(iszero(field), eq(field, address())))
                odd := or(odd, or(eq(field, mload(add(m, 320))), eq(field, mload(add(m, 352)))))
                odd := or(odd, eq(field, mload(add(m, 384))))
                field := shr(192, calldataload(add(record, 40)))
                mstore(add(m, 256), field)
                odd := or(odd, iszero(gt(field, timestamp())))
                record := add(record, 48)
                if mload(add(m, 416)) {
                    mstore(add(m, 288), calldataload(record))
                    record := add(record, 32)
                }
                mstore(out, keccak256(add(m, 31), 289))
                out := add(out, 32)
            }
            mstore(add(c, 96), total)
            mstore(add(c, 128), odd)
        }
    }

    /// What a credit needs of a record.
    function transfer(Transfers memory t, uint256 record)
        internal
        pure
        returns (uint256 amount, uint256 recipient, uint256 timeout)
    {
        (uint256 width, uint256 account) = (t.width, t.account);
        assembly ("memory-safe") {
            amount := shr(sub(256, shl(3, width)), calldataload(record))
            record := add(record, add(width, account))
            recipient := shr(sub(256, shl(3, account)), calldataload(record))
            timeout := shr(192, calldataload(add(record, account)))
        }
    }

    /// Reads a `Returned` group's head.
    function returns_(uint256 group, uint256 limit, uint256 room) internal pure returns (Returns memory r) {
        uint256 count;
        uint256 height;
        uint256 siblingCount;
        assembly ("memory-safe") {
            let head := calldataload(group)
            count := and(shr(232, head), 0xffff)
            height := byte(3, head)
            siblingCount := byte(4, head)
        }
        if (count == 0 || count > room || height > 63) revert MalformedGroup();
        r.count = count;
        r.height = height;
        r.siblingCount = siblingCount;
        r.siblings = group + RETURNS_HEAD;
        r.records = r.siblings + 32 * siblingCount;
        r.end = r.records + RETURN_RECORD * count;
        if (r.end > limit) revert MalformedGroup();
    }

    /// Writes the commitments of the transfers (of `outLane`, from its index `firstOriginal` on) to `originals`, and those of
    /// the `Returned` entries that answer them (of `lane`, from `index` on) to `leaves`.
    function hashReturns(
        Returns memory r,
        bytes32 lane,
        bytes32 outLane,
        uint256 index,
        uint256 leaves,
        uint256 originals
    ) internal pure returns (uint256 firstOriginal) {
        uint256 record = r.records;
        uint256 end = r.end;
        uint256 expected;
        assembly ("memory-safe") {
            firstOriginal := shr(192, calldataload(record))
        }
        expected = firstOriginal;
        uint256 m;
        assembly ("memory-safe") {
            m := mload(0x40)
        }
        while (record < end) {
            uint256 found;
            uint256 reason;
            assembly ("memory-safe") {
                found := shr(192, calldataload(record))
                reason := byte(8, calldataload(record))
                // m + 31: 0x00 | outLane | index | 1 | asset | amount | sender | recipient | timeout | memo hash
                mstore(m, 0)
                mstore(add(m, 32), outLane)
                mstore(add(m, 64), found)
                mstore(add(m, 96), 1)
                calldatacopy(add(m, 128), add(record, 9), 128)
                mstore(add(m, 256), shr(192, calldataload(add(record, 137))))
                mstore(add(m, 288), calldataload(add(record, 145)))
                let commitment := keccak256(add(m, 31), 289)
                mstore(originals, commitment)
                // m + 31: 0x00 | lane | index | 2 | index of the original | its commitment | reason
                mstore(add(m, 32), lane)
                mstore(add(m, 64), index)
                mstore(add(m, 96), 2)
                mstore(add(m, 128), found)
                mstore(add(m, 160), commitment)
                mstore(add(m, 192), reason)
                mstore(leaves, keccak256(add(m, 31), 193))
            }
            if (found != expected) revert NotConsecutive(expected, found);
            if (reason == 0 || reason > 2) revert MalformedGroup();
            ++expected;
            ++index;
            leaves += 32;
            originals += 32;
            record += RETURN_RECORD;
        }
    }

    /// The transfer that record k brings back.
    function original(Returns memory r, uint256 k) internal pure returns (Original memory o) {
        uint256 record = r.records + k * RETURN_RECORD;
        assembly ("memory-safe") {
            mstore(o, shr(192, calldataload(record)))
            calldatacopy(add(o, 32), add(record, 9), 96)
        }
    }
}
