// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILightClient} from "./interfaces/ILightClient.sol";
import {BftHeader} from "./lib/BftHeader.sol";
import {TrieProof} from "./lib/TrieProof.sol";

/// Light client of one Istanbul-style BFT EVM chain (QBFT, IBFT 2.0, IBFT 1), the same rules in the same order as the
/// relayer's own verifier.
///
/// It keeps the newest height and time, the hash of the validator set in force, and the freeze. Headers are verified in
/// the transaction that uses them and not stored. It pays nobody and is upgraded by nobody; the council names another
/// client for a lane where this one is frozen or expired.
contract BftEvmClient is ILightClient {
    using BftHeader for BftHeader.Fields;

    /// Where the client starts and what it tolerates.
    struct Params {
        /// 0 QBFT, 1 IBFT 2.0, 2 IBFT 1.
        uint8 mode;
        /// Genesis hash of the chain that is read.
        bytes32 genesis;
        /// The pinned header: height, time (Unix seconds), hash, keccak256 over its validators (21 bytes each).
        uint64 height;
        uint64 time;
        bytes32 blockHash;
        bytes32 setHash;
        /// Seconds during which a trusted state may vouch for others.
        uint64 trustingPeriod;
        /// Seconds that a header may be ahead of this chain's clock.
        uint64 drift;
        /// Share of the set in force that must be exceeded to believe another set: 1/3 to 2/3. A quorum of it is always
        /// enough, one of two or more validators never.
        uint16 trustNumerator;
        uint16 trustDenominator;
        /// Seconds after a freeze or an expiry before the last block below it may be read again: at least 1.
        uint64 freezeDelay;
    }

    /// One slot, so that moving on costs one write.
    struct Trusted {
        uint48 height;
        uint40 time;
        bool frozen;
        /// The first 20 bytes of the block's hash: as hard to meet with another block as an address with another key, and
        /// only a block that a quorum sealed is ever compared.
        bytes20 blockHash;
    }

    /// Half the order of secp256k1: seals above it are the twin of another seal.
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;
    /// Most peaks in one proof: one per height.
    uint256 private constant MAX_PEAKS = 64;
    /// Longest trusting period, seconds: 136 years, so that a time of `block.timestamp + drift` fits into 40 bits.
    uint256 private constant MAX_PERIOD = type(uint32).max;

    Trusted private _trusted;
    bytes32 private _setHash;
    /// Freeze height, and Unix seconds of the freeze; zero while not frozen.
    uint64 public frozenAt;
    uint64 public frozenSince;
    /// Hash of the last common block where the evidence shows it; zero: the newest block that was accepted is what may be
    /// read.
    bytes32 public anchor;

    uint8 public immutable mode;
    bytes32 public immutable override genesis;
    uint64 public immutable trustingPeriod;
    uint64 public immutable drift;
    uint16 public immutable trustNumerator;
    uint16 public immutable trustDenominator;
    uint64 public immutable freezeDelay;

    /// Another validator set is in force from this height on. (That height and time moved is in the state only.)
    event SetChanged(uint64 height, uint64 time, bytes32 setHash);
    /// Two final headers that can not both be: nothing above `frozenAt` is believed any more.
    event Frozen(uint64 frozenAt, bytes32 digestA, bytes32 digestB);

    error InvalidParams();
    error ClientFrozen(uint64 ptr);
    error ClientExpired(uint64 expiredAt, uint64 nowTime);
    error MalformedUpdate();
    error HeaderFromFuture(uint64 time, uint64 latest);
    error NonMonotonicTime(uint64 height, uint64 time, uint64 trustedHeight, uint64 trustedTime);
    error OlderUnderOtherSet(uint64 height, uint64 trustedHeight);
    error NotTheSetInForce(bytes32 expected, bytes32 found);
    error DuplicateValidator(address validator);
    error UnknownSigner();
    error NotEnoughTrust(uint256 found, uint256 total);
    error InvalidSeal(uint256 validator);
    error NotMisbehaviour();
    error WrongPeakHeight(uint256 height);

    constructor(Params memory p) {
        if (
            p.mode > BftHeader.IBFT1 || p.genesis == 0 || p.blockHash == 0 || p.setHash == 0
                || p.setHash == keccak256("") || p.trustingPeriod == 0 || p.trustingPeriod > MAX_PERIOD
                || p.drift >= p.trustingPeriod || p.freezeDelay == 0 || p.freezeDelay > MAX_PERIOD
                || p.trustDenominator == 0 || uint256(p.trustNumerator) * 3 < p.trustDenominator
                || uint256(p.trustNumerator) * 3 > uint256(p.trustDenominator) * 2
        ) revert InvalidParams();
        // A pin from the future, or one that can prove nothing any more, would make a client that looks alive.
        if (
            p.height >> 48 != 0 || p.time > block.timestamp + p.drift
                || uint256(p.time) + p.trustingPeriod <= block.timestamp
        ) revert InvalidParams();
        mode = p.mode;
        genesis = p.genesis;
        trustingPeriod = p.trustingPeriod;
        drift = p.drift;
        trustNumerator = p.trustNumerator;
        trustDenominator = p.trustDenominator;
        freezeDelay = p.freezeDelay;
        _trusted = Trusted(uint48(p.height), uint40(p.time), false, bytes20(p.blockHash));
        _setHash = p.setHash;
        emit SetChanged(p.height, p.time, p.setHash);
    }

    /// @inheritdoc ILightClient
    function outboxPeaks(address outbox, bytes calldata update_, bytes calldata stateProof)
        external
        override
        returns (bytes memory heights, bytes32[] memory peaks, uint64 height, uint64 time)
    {
        bytes32 stateRoot;
        (stateRoot, height, time) = _accept(update_);
        (heights, peaks) = _peaks(stateRoot, outbox, stateProof);
    }

    /// Moves the trusted state without reading anything: keeps an idle client from expiring.
    function update(bytes calldata update_) external returns (uint64 height, uint64 time) {
        (, height, time) = _accept(update_);
    }

    /// Freezes the client on evidence: two headers that it would each accept as final, on incompatible chains. The same
    /// block under another round or other seals, or an ancestor and its descendant, is none.
    function misbehaviour(bytes calldata a, bytes calldata b) external {
        Trusted memory t = _trusted;
        (BftHeader.Fields memory fa, bytes32 hashA) = _evidence(t, a);
        (BftHeader.Fields memory fb, bytes32 hashB) = _evidence(t, b);
        if (fa.height > fb.height) {
            (fa, fb) = (fb, fa);
            (hashA, hashB) = (hashB, hashA);
        }
        bool conflict;
        // The last height proven common to both, else the last one used before.
        uint64 ptr = t.height;
        bytes32 common;
        if (fa.height == fb.height) {
            conflict = hashA != hashB;
            if (fa.height != 0 && fa.parentHash == fb.parentHash) {
                ptr = fa.height - 1;
                common = fa.parentHash;
            }
        } else {
            // Blocks of one chain are linked and their times never go back.
            conflict = fa.time > fb.time || (fa.height + 1 == fb.height && fb.parentHash != hashA);
        }
        if (!conflict) revert NotMisbehaviour();
        _trusted.frozen = true;
        (frozenAt, frozenSince, anchor) = (ptr, uint64(block.timestamp), common);
        emit Frozen(ptr, fa.digest, fb.digest);
    }

    /// @inheritdoc ILightClient
    function live() external view override returns (bool) {
        Trusted memory t = _trusted;
        return !t.frozen && uint256(t.time) + trustingPeriod > block.timestamp;
    }

    /// @inheritdoc ILightClient
    function state() external view override returns (uint64, uint64, bytes32, bool, uint64, uint64, uint64) {
        Trusted memory t = _trusted;
        return (t.height, t.time, _setHash, t.frozen, frozenAt, trustingPeriod, drift);
    }

    /// Verifies, and moves the trusted state if the header is newer.
    function _accept(bytes calldata u) private returns (bytes32 stateRoot, uint64 height, uint64 time) {
        Trusted memory t = _trusted;
        if (t.frozen) return _anchored(t, u);
        if (uint256(t.time) + trustingPeriod + freezeDelay <= block.timestamp) return _anchored(t, u);
        bytes32 setHash = _setHash;
        (BftHeader.Fields memory f, bytes32 newSetHash) = _verify(t, setHash, u);
        (height, time) = (f.height, f.time);
        if (height > t.height) {
            (uint256 ptr, uint256 size,) = _headerOf(u);
            // Not later than this chain's clock and drift, so it fits (MAX_PERIOD).
            _trusted = Trusted(uint48(height), uint40(time), false, bytes20(f.blockHash(mode, ptr, size)));
            if (newSetHash != setHash) {
                _setHash = newSetHash;
                emit SetChanged(height, time, newSetHash);
            }
        }
        stateRoot = f.stateRoot;
    }

    /// After a freeze or an expiry, and a delay in which everybody can see it, one block may still be read, so that what was
    /// final still ends: the last one common to both chains where the evidence shows it, else the newest that was
    /// accepted. Its hash is known, so no seal is needed.
    function _anchored(Trusted memory t, bytes calldata u) private view returns (bytes32, uint64, uint64) {
        bytes32 common = t.frozen ? anchor : bytes32(0);
        uint256 allowed = common == 0 ? t.height : frozenAt;
        if (t.frozen && block.timestamp < uint256(frozenSince) + freezeDelay) revert ClientFrozen(frozenAt);
        (uint256 ptr, uint256 size, uint256 next) = _headerOf(u);
        assembly ("memory-safe") {
            // No previous set, no signer.
            if or(byte(0, calldataload(u.offset)), calldataload(next)) { next := 0 }
        }
        BftHeader.Fields memory f = BftHeader.read(mode, ptr, size);
        bytes32 hash = f.blockHash(mode, ptr, size);
        bool known = common == 0 ? bytes20(hash) == t.blockHash : hash == common;
        if (next + 32 != _end(u) || f.height != allowed || !known) {
            if (t.frozen) revert ClientFrozen(frozenAt);
            revert ClientExpired(uint64(uint256(t.time) + trustingPeriod), uint64(block.timestamp));
        }
        return (f.stateRoot, f.height, f.time);
    }

    function _evidence(Trusted memory t, bytes calldata u)
        private
        view
        returns (BftHeader.Fields memory f, bytes32 hash)
    {
        if (t.frozen) revert ClientFrozen(frozenAt);
        (f,) = _verify(t, _setHash, u);
        (uint256 ptr, uint256 size,) = _headerOf(u);
        hash = f.blockHash(mode, ptr, size);
    }

    /// The rules, in this order: trusting period, header, set size (both in BftHeader), drift, monotonic time, set in
    /// force or trust threshold, quorum, seals. (Not frozen: the callers.)
    function _verify(Trusted memory t, bytes32 setHash, bytes calldata u)
        private
        view
        returns (BftHeader.Fields memory f, bytes32 newSetHash)
    {
        unchecked {
            if (uint256(t.time) + trustingPeriod <= block.timestamp) {
                revert ClientExpired(uint64(uint256(t.time) + trustingPeriod), uint64(block.timestamp));
            }
            (uint256 ptr, uint256 size, uint256 cursor) = _headerOf(u);
            f = BftHeader.read(mode, ptr, size);
            if (f.time > block.timestamp + drift) revert HeaderFromFuture(f.time, uint64(block.timestamp + drift));
            bool newer = f.height > t.height;
            if (newer ? f.time <= t.time : f.time > t.time) {
                revert NonMonotonicTime(f.height, f.time, t.height, t.time);
            }
            uint256 list = f.list;
            uint256 listLength = f.listLength;
            assembly ("memory-safe") {
                let m := mload(0x40)
                calldatacopy(m, list, listLength)
                newSetHash := keccak256(m, listLength)
            }
            uint256 trusting;
            uint256 previous;
            bool given = u[0] == 0x01;
            if (newSetHash == setHash) {
                if (given) revert MalformedUpdate();
            } else {
                if (!newer) revert OlderUnderOtherSet(f.height, t.height);
                if (!given) revert NotTheSetInForce(setHash, newSetHash);
                previous = uint256(_word(cursor)) >> 248;
                // No set is empty: zero stands for 256.
                if (previous == 0) previous = 256;
                ++cursor;
                _checkSet(list, listLength);
                trusting =
                    _trusting(setHash, cursor, previous, list, listLength, uint256(_word(cursor + 20 * previous)));
                cursor += 20 * previous;
            }
            uint256 bitmap = uint256(_word(cursor));
            uint256 count = listLength / 21;
            if (count < 256 && bitmap >> count != 0) revert UnknownSigner();
            uint256 signers = _popcount(bitmap);
            if (cursor + 32 + 65 * signers != _end(u)) revert MalformedUpdate();
            // More than the threshold, or a quorum: what the chain itself calls final. One alone never speaks for others.
            if (
                previous != 0
                    && ((trusting * trustDenominator <= previous * trustNumerator && 3 * trusting < 2 * previous)
                        || (trusting < 2 && previous > 1))
            ) revert NotEnoughTrust(trusting, previous);
            if (3 * signers < 2 * count) revert NotEnoughTrust(signers, count);
            _checkSeals(_sealDigest(f.digest), bitmap, list, cursor + 32);
        }
    }

    /// Each set bit's seal must recover to the validator that stands at its place; seals stand in that order, so no
    /// validator counts twice.
    function _checkSeals(bytes32 digest, uint256 bitmap, uint256 list, uint256 cursor) private view {
        uint256 bad; // position + 1 of the first validator whose seal is no good
        assembly ("memory-safe") {
            let m := mload(0x40)
            let ptr := list
            mstore(m, digest)
            for { let bits := bitmap } bits { bits := shr(1, bits) } {
                if and(bits, 1) {
                    let v := byte(0, calldataload(add(cursor, 64)))
                    let s := calldataload(add(cursor, 32))
                    mstore(add(m, 32), add(27, v))
                    mstore(add(m, 64), calldataload(cursor))
                    mstore(add(m, 96), s)
                    // The precompile leaves the output alone where it recovers nobody.
                    mstore(0, 0)
                    pop(staticcall(gas(), 1, m, 128, 0, 32))
                    let validator := shr(96, calldataload(add(ptr, 1)))
                    if iszero(
                        and(
                            and(lt(v, 2), iszero(gt(s, HALF_ORDER))),
                            and(
                                and(eq(mload(0), validator), iszero(iszero(validator))),
                                eq(byte(0, calldataload(ptr)), 0x94)
                            )
                        )
                    ) {
                        bad := add(div(sub(ptr, list), 21), 1)
                        break
                    }
                    cursor := add(cursor, 65)
                }
                ptr := add(ptr, 21)
            }
        }
        if (bad != 0) revert InvalidSeal(bad - 1);
    }

    /// A list that was not in force before: addresses, each once.
    function _checkSet(uint256 list, uint256 listLength) private pure {
        uint256 last;
        bool sorted = true;
        uint256 end = list + listLength;
        for (uint256 ptr = list; ptr < end; ptr += 21) {
            uint256 word = uint256(_word(ptr)) >> 88; // prefix and address
            if (word >> 160 != 0x94) revert BftHeader.MalformedHeader();
            sorted = sorted && word > last;
            last = word;
        }
        if (sorted) return;
        for (uint256 ptr = list; ptr < end; ptr += 21) {
            uint256 word = uint256(_word(ptr)) >> 88;
            for (uint256 other = ptr + 21; other < end; other += 21) {
                if (uint256(_word(other)) >> 88 == word) revert DuplicateValidator(address(uint160(word)));
            }
        }
    }

    /// Signers that stand in the set in force, which the update brings along (`count` × 20 bytes at `at`).
    function _trusting(bytes32 setHash, uint256 ptr, uint256 count, uint256 list, uint256 listLength, uint256 bitmap)
        private
        pure
        returns (uint256 found)
    {
        unchecked {
            bytes32 hash;
            assembly ("memory-safe") {
                let m := mload(0x40)
                let out := m
                for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                    mstore8(out, 0x94)
                    calldatacopy(add(out, 1), add(ptr, mul(20, i)), 20)
                    out := add(out, 21)
                }
                hash := keccak256(m, sub(out, m))
            }
            if (hash != setHash) revert NotTheSetInForce(setHash, hash);
            for (uint256 i; i * 21 < listLength; ++i) {
                if ((bitmap >> i) & 1 == 0) continue;
                uint256 validator = uint256(_word(list + 21 * i + 1)) >> 96;
                for (uint256 j; j < count; ++j) {
                    if (uint256(_word(ptr + 20 * j)) >> 96 == validator) {
                        ++found;
                        break;
                    }
                }
            }
        }
    }

    /// `u8 flags | u16 length | header`; returns the header and where what follows starts.
    function _headerOf(bytes calldata u) private pure returns (uint256 ptr, uint256 size, uint256 next) {
        unchecked {
            if (u.length < 3 || uint8(u[0]) > 1) revert MalformedUpdate();
            assembly ("memory-safe") {
                ptr := add(u.offset, 3)
                size := and(shr(232, calldataload(u.offset)), 0xffff)
            }
            next = ptr + size;
            if (next + 32 > _end(u)) revert MalformedUpdate();
        }
    }

    function _sealDigest(bytes32 digest) private view returns (bytes32) {
        // IBFT 1 seals the block hash followed by the message code of COMMIT.
        return mode == BftHeader.IBFT1 ? keccak256(abi.encodePacked(digest, uint8(2))) : digest;
    }

    function _popcount(uint256 bits) private pure returns (uint256 count) {
        unchecked {
            for (; bits != 0; ++count) {
                bits &= bits - 1;
            }
        }
    }

    /// Proves `slot 1 + height` of `outbox` for each peak named in the proof.
    function _peaks(bytes32 stateRoot, address outbox, bytes calldata proof)
        private
        pure
        returns (bytes memory heights, bytes32[] memory peaks)
    {
        unchecked {
            uint256 cursor = _end(proof) - proof.length;
            uint256 value;
            uint256 length;
            (value, length, cursor) = TrieProof.read(stateRoot, keccak256(abi.encodePacked(outbox)), cursor);
            bytes32 storageRoot = TrieProof.storageRoot(value, length);
            uint256 count = uint256(_word(cursor)) >> 248;
            ++cursor;
            if (count == 0 || count > MAX_PEAKS) revert MalformedUpdate();
            heights = new bytes(count);
            peaks = new bytes32[](count);
            for (uint256 i; i < count; ++i) {
                uint256 height = uint256(_word(cursor)) >> 248;
                if (height > 63) revert WrongPeakHeight(height);
                heights[i] = bytes1(uint8(height));
                (value, length, cursor) = TrieProof.read(storageRoot, keccak256(abi.encode(1 + height)), cursor + 1);
                peaks[i] = TrieProof.storageWord(value, length);
            }
            if (cursor != _end(proof)) revert MalformedUpdate();
        }
    }

    function _end(bytes calldata u) private pure returns (uint256) {
        unchecked {
            uint256 start;
            assembly ("memory-safe") {
                start := u.offset
            }
            return start + u.length;
        }
    }

    function _word(uint256 ptr) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := calldataload(ptr)
        }
    }
}
