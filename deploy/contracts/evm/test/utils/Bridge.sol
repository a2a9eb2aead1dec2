// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {BftEvmClient} from "../../src/BftEvmClient.sol";
import {Council} from "../../src/Council.sol";
import {Outbox} from "../../src/Outbox.sol";
import {Vault} from "../../src/Vault.sol";
import {VaultAdmin} from "../../src/VaultAdmin.sol";
import {VaultStorage} from "../../src/VaultStorage.sol";
import {VaultSwaps} from "../../src/VaultSwaps.sol";
import {VoucherFactory} from "../../src/VoucherFactory.sol";
import {Chain} from "./Chain.sol";
import {Rlp} from "./Rlp.sol";
import {Test, Vm} from "./Test.sol";
import {Trie} from "./Trie.sol";

/// Two chains with a bridge between them, and a relayer that proves one's outbox to the other: real headers and seals of
/// four QBFT validators, real tries over the outbox's own storage. Both chains live in one EVM.
abstract contract Bridge is Test {
    struct Side {
        uint256 chainId;
        bytes32 genesis;
        Vault vault;
        VaultAdmin admin;
        VaultSwaps swaps;
        Outbox outbox;
        /// Reads the other chain.
        BftEvmClient client;
        Council council;
        bytes32 outLane;
        bytes32 inLane;
        uint256[] keys;
        uint64 height;
        bytes32 parent;
    }

    /// An entry as its event told of it.
    struct Entry {
        uint8 kind;
        bytes32 asset;
        uint256 amount;
        bytes32 sender;
        bytes32 recipient;
        uint64 timeout;
        bytes32 memo;
        // Returned
        uint64 original;
        bytes32 commitment;
        uint8 reason;
        // SwapLocked, SwapVoided
        bytes32 swapId;
        uint8 leg;
    }

    struct Bundle {
        bytes32 lane;
        uint64 first;
        bytes update;
        bytes stateProof;
        bytes runs;
        /// It holds facts about swaps.
        bool facts;
    }

    uint64 internal constant START = 1_800_000_000;
    uint64 internal constant PERIOD = 14 days;
    uint64 internal constant DRIFT = 15;
    uint64 internal constant FREEZE_DELAY = 1 days;
    address internal constant ORG_A = address(0xA11CE);
    address internal constant ORG_B = address(0xB0B);
    address internal constant GUARDIAN = address(0x6A4D);

    Side[2] internal sides;
    mapping(bytes32 lane => Entry[]) internal entries;
    mapping(bytes32 lane => bytes32[]) internal leaves;
    /// Accounts in the state trie besides the outbox.
    uint256 internal neighbours = 2;
    uint64 internal councilDelay;

    function setUp() public virtual {
        vm.warp(START);
        vm.recordLogs();
        for (uint256 i; i < 2; ++i) {
            _deploy(i);
        }
        _connect(0, 1, 0);
    }

    // --- set-up --------------------------------------------------------------------------------------------------------

    function _deploy(uint256 i) internal {
        Side storage s = sides[i];
        s.chainId = 1001 + i;
        vm.chainId(s.chainId);
        s.genesis = keccak256(abi.encode("genesis", i));
        s.keys = Chain.keysOf(100 + i, 4);
        s.council = _newCouncil();
        VaultAdmin admin = new VaultAdmin(new VoucherFactory(), address(new VaultSwaps()));
        Vault implementation = new Vault(address(admin));
        bytes memory start = abi.encodeCall(Vault.initialize, (address(s.council), s.genesis));
        s.vault = Vault(address(new ERC1967Proxy(address(implementation), start)));
        s.admin = VaultAdmin(address(s.vault));
        s.swaps = VaultSwaps(address(s.vault));
        s.outbox = new Outbox(address(s.vault));
        s.height = 100;
        s.parent = keccak256(abi.encode("parent", i));
    }

    function _newCouncil() internal returns (Council) {
        address[] memory organisations = new address[](2);
        (organisations[0], organisations[1]) = (ORG_A, ORG_B);
        return new Council(organisations, 2, councilDelay, GUARDIAN);
    }

    function _params(uint256 source) internal view returns (BftEvmClient.Params memory) {
        Side storage s = sides[source];
        return BftEvmClient.Params({
            mode: Chain.QBFT,
            genesis: s.genesis,
            height: s.height,
            time: uint64(_now()) - 1,
            blockHash: s.parent,
            setHash: Chain.setHash(s.keys),
            trustingPeriod: PERIOD,
            drift: DRIFT,
            trustNumerator: 2,
            trustDenominator: 3,
            freezeDelay: FREEZE_DELAY
        });
    }

    /// Opens a bridge between two sides, both ways.
    function _connect(uint256 a, uint256 b, uint64 epoch) internal {
        sides[a].client = new BftEvmClient(_params(b));
        sides[b].client = new BftEvmClient(_params(a));
        _open(a, b, epoch);
        _open(b, a, epoch);
        assertEq(sides[a].outLane, sides[b].inLane, "one lane, two ends");
        assertEq(sides[b].outLane, sides[a].inLane, "one lane, two ends");
    }

    function _remote(uint256 i) internal view returns (VaultAdmin.RemoteEnd memory) {
        Side storage s = sides[i];
        return VaultAdmin.RemoteEnd(
            string.concat("eip155:", vm.toString(s.chainId)),
            s.genesis,
            abi.encodePacked(address(s.vault)),
            abi.encodePacked(address(s.outbox))
        );
    }

    function _open(uint256 here, uint256 there, uint64 epoch) internal {
        Side storage s = sides[here];
        vm.chainId(s.chainId);
        (s.outLane, s.inLane) = s.admin.laneIds(_remote(there), epoch, address(s.outbox));
        _decide(
            here,
            abi.encodeCall(
                VaultAdmin.openBridge,
                (_remote(there), epoch, address(s.outbox), address(s.client), 20, s.outLane, s.inLane)
            )
        );
    }

    /// Both organisations decide a call to the vault.
    function _decide(uint256 i, bytes memory data) internal returns (bytes memory) {
        return _decide(i, address(sides[i].vault), data);
    }

    function _decide(uint256 i, address target, bytes memory data) internal returns (bytes memory) {
        Council council = sides[i].council;
        Council.Call[] memory calls = new Council.Call[](1);
        calls[0] = Council.Call(target, data);
        uint256 number = council.proposalCount();
        vm.prank(ORG_A);
        bytes32 id = council.propose(calls);
        vm.prank(ORG_B);
        council.approve(id);
        if (councilDelay != 0) vm.warp(_now() + councilDelay);
        council.execute(number, calls);
        return "";
    }

    function _asset(uint8 mode, uint8 standard, address token, bytes32 remoteAsset)
        internal
        pure
        returns (VaultAdmin.AssetParams memory)
    {
        return VaultAdmin.AssetParams({
            mode: mode,
            standard: standard,
            token: token,
            remoteAsset: remoteAsset,
            amountWidth: standard == 1 ? 16 : 32,
            localDecimals: standard == 1 ? 18 : 0,
            remoteDecimals: standard == 1 ? 18 : 0,
            minAmount: 0,
            lockCap: 0,
            creditCap: 0,
            windowSeconds: 0,
            name: "Voucher",
            symbol: "V"
        });
    }

    /// Registers a home token on one side and its voucher on the other.
    function _register(uint256 home, uint8 standard, address token) internal returns (address voucher) {
        Side storage h = sides[home];
        Side storage o = sides[1 - home];
        bytes32 homeAsset = h.admin.assetHashOf(standard, token);
        _decide(
            1 - home, abi.encodeCall(VaultAdmin.registerAsset, (o.outLane, _asset(2, standard, address(0), homeAsset)))
        );
        voucher = o.admin.tokenOf(o.inLane, homeAsset);
        bytes32 voucherAsset = o.admin.assetHashOf(standard, voucher);
        _decide(home, abi.encodeCall(VaultAdmin.registerAsset, (h.outLane, _asset(1, standard, token, voucherAsset))));
    }

    // --- the relayer ---------------------------------------------------------------------------------------------------

    /// Reads new entries out of the events.
    function _sync() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != VaultStorage.Appended.selector) continue;
            if (logs[i].emitter != address(sides[0].vault) && logs[i].emitter != address(sides[1].vault)) continue;
            _readGroups(logs[i].topics[1], abi.decode(logs[i].data, (bytes)));
        }
    }

    function _uint(bytes memory data, uint256 pos, uint256 size) private pure returns (uint256 value) {
        for (uint256 i; i < size; ++i) {
            value = (value << 8) | uint8(data[pos + i]);
        }
    }

    function _readGroups(bytes32 lane, bytes memory data) private {
        uint256 pos;
        while (pos < data.length) {
            uint256 kind = _uint(data, pos, 1);
            uint256 count = _uint(data, pos + 1, 2);
            pos += 3;
            if (kind == 1) {
                uint256 width = _uint(data, pos, 1);
                uint256 flags = _uint(data, pos + 1, 1);
                bytes32 asset = bytes32(_uint(data, pos + 2, 32));
                pos += 34;
                uint256 account = flags & 1 == 0 ? 20 : 32;
                for (uint256 i; i < count; ++i) {
                    Entry memory e;
                    (e.kind, e.asset) = (1, asset);
                    e.amount = _uint(data, pos, width);
                    e.sender = bytes32(_uint(data, pos + width, account));
                    e.recipient = bytes32(_uint(data, pos + width + account, account));
                    pos += width + 2 * account;
                    e.timeout = uint64(_uint(data, pos, 8));
                    pos += 8;
                    if (flags & 2 != 0) {
                        e.memo = bytes32(_uint(data, pos, 32));
                        pos += 32;
                    }
                    _log(lane, e);
                }
            } else if (kind > 2) {
                for (uint256 i; i < count; ++i) {
                    Entry memory e;
                    e.kind = uint8(kind);
                    e.swapId = bytes32(_uint(data, pos, 32));
                    e.leg = uint8(_uint(data, pos + 32, 1));
                    pos += 33;
                    _log(lane, e);
                }
            } else {
                for (uint256 i; i < count; ++i) {
                    Entry memory e;
                    e.kind = 2;
                    e.original = uint64(_uint(data, pos, 8));
                    e.commitment = bytes32(_uint(data, pos + 8, 32));
                    e.reason = uint8(_uint(data, pos + 40, 1));
                    pos += 41;
                    _log(lane, e);
                }
            }
        }
        assertEq(pos, data.length, "groups fill the event");
    }

    function _log(bytes32 lane, Entry memory e) internal {
        leaves[lane].push(_commitment(lane, entries[lane].length, e));
        entries[lane].push(e);
    }

    function _commitment(bytes32 lane, uint256 index, Entry memory e) internal pure returns (bytes32) {
        if (e.kind == 1) {
            return keccak256(
                bytes.concat(
                    hex"00",
                    abi.encode(lane, index, 1, e.asset, e.amount, e.sender, e.recipient, uint256(e.timeout), e.memo)
                )
            );
        }
        if (e.kind > 2) {
            return keccak256(bytes.concat(hex"00", abi.encode(lane, index, e.kind, e.swapId, e.leg)));
        }
        return keccak256(
            bytes.concat(hex"00", abi.encode(lane, index, 2, uint256(e.original), e.commitment, uint256(e.reason)))
        );
    }

    /// Height of the active peak that covers an index in a tree of `size` leaves, and the first index after its subtree.
    function _peakOf(uint256 index, uint256 size) internal pure returns (uint256 height, uint256 end) {
        uint256 start;
        for (uint256 h = 64; h-- > 0;) {
            if ((size >> h) & 1 == 0) continue;
            end = start + (1 << h);
            if (index < end) return (h, end);
            start = end;
        }
        revert("index beyond the tree");
    }

    /// Root of the aligned subtree of height h that holds `index`.
    function _subtree(bytes32 lane, uint256 index, uint256 h) internal view returns (bytes32) {
        if (h == 0) return leaves[lane][index];
        uint256 start = (index >> h) << h;
        return keccak256(
            abi.encodePacked(bytes1(0x01), _subtree(lane, start, h - 1), _subtree(lane, start + (1 << (h - 1)), h - 1))
        );
    }

    /// Siblings of the run [from, to) under the peak of height h: level by level, left before right.
    function _siblings(bytes32 lane, uint256 from, uint256 to, uint256 h)
        internal
        view
        returns (bytes memory out, uint256 count)
    {
        (uint256 low, uint256 high) = (from, to - 1);
        for (uint256 level; level < h; ++level) {
            if (low & 1 == 1) {
                out = bytes.concat(out, _subtree(lane, (low - 1) << level, level));
                ++count;
            }
            if (high & 1 == 0) {
                out = bytes.concat(out, _subtree(lane, (high + 1) << level, level));
                ++count;
            }
            low >>= 1;
            high >>= 1;
        }
    }

    /// Groups for the entries [from, to) of a lane, and, for those that come back, their proof in the own outbox of `dst`.
    function _groups(uint256 dst, bytes32 lane, uint256 from, uint256 to) internal view returns (bytes memory out) {
        while (from < to) {
            uint256 end = from + 1;
            Entry memory head = entries[lane][from];
            if (head.kind == 1) {
                bool memos = head.memo != 0;
                while (end < to && entries[lane][end].kind == 1 && entries[lane][end].asset == head.asset) {
                    memos = memos || entries[lane][end].memo != 0;
                    ++end;
                }
                out = bytes.concat(out, _transferGroup(lane, from, end, memos));
            } else if (head.kind > 2) {
                while (end < to && entries[lane][end].kind == head.kind) ++end;
                out = abi.encodePacked(out, head.kind, uint16(end - from));
                for (uint256 i = from; i < end; ++i) {
                    out = abi.encodePacked(out, entries[lane][i].swapId, entries[lane][i].leg);
                }
            } else {
                bytes32 back = sides[dst].outLane;
                (uint256 h, uint256 peakEnd) = _peakOf(head.original, leaves[back].length);
                while (
                    end < to && entries[lane][end].kind == 2
                        && entries[lane][end].original == head.original + (end - from)
                        && entries[lane][end].original < peakEnd
                ) ++end;
                out = bytes.concat(out, _returnGroup(lane, back, from, end, h));
            }
            from = end;
        }
    }

    function _transferGroup(bytes32 lane, uint256 from, uint256 to, bool memos)
        private
        view
        returns (bytes memory out)
    {
        uint256 width = 1;
        for (uint256 i = from; i < to; ++i) {
            uint256 size = Rlp.minimal(entries[lane][i].amount).length;
            if (size > width) width = size;
        }
        out = abi.encodePacked(
            uint8(1), uint16(to - from), uint8(width), uint8(memos ? 3 : 1), entries[lane][from].asset
        );
        bool wide;
        for (uint256 i = from; i < to; ++i) {
            wide = wide || uint256(entries[lane][i].recipient) >> 160 != 0;
        }
        if (!wide) out[4] = bytes1(uint8(memos ? 2 : 0));
        for (uint256 i = from; i < to; ++i) {
            Entry memory e = entries[lane][i];
            bytes memory amount = new bytes(width);
            for (uint256 j; j < width; ++j) {
                amount[j] = bytes1(uint8(e.amount >> (8 * (width - 1 - j))));
            }
            bytes memory accounts = wide
                ? abi.encodePacked(e.sender, e.recipient)
                : abi.encodePacked(address(uint160(uint256(e.sender))), address(uint160(uint256(e.recipient))));
            out = abi.encodePacked(out, amount, accounts, e.timeout);
            if (memos) out = abi.encodePacked(out, e.memo);
        }
    }

    function _returnGroup(bytes32 lane, bytes32 back, uint256 from, uint256 to, uint256 h)
        private
        view
        returns (bytes memory out)
    {
        uint256 original = entries[lane][from].original;
        (bytes memory siblings, uint256 count) = _siblings(back, original, original + (to - from), h);
        out = abi.encodePacked(uint8(2), uint16(to - from), uint8(h), uint8(count), siblings);
        for (uint256 i = from; i < to; ++i) {
            Entry memory r = entries[lane][i];
            Entry memory o = entries[back][r.original];
            out = abi.encodePacked(
                out, r.original, r.reason, o.asset, o.amount, o.sender, o.recipient, o.timeout, o.memo
            );
        }
    }

    /// The state trie of a side, over its outbox's storage as it stands; and the proof of some peaks.
    function _state(uint256 src, uint256[] memory heights)
        internal
        view
        returns (bytes32 stateRoot, bytes memory proof)
    {
        address outbox = address(sides[src].outbox);
        uint256 slots;
        for (uint256 slot; slot < 65; ++slot) {
            if (vm.load(outbox, bytes32(slot)) != 0) ++slots;
        }
        Trie.Leaf[] memory words = new Trie.Leaf[](slots);
        slots = 0;
        for (uint256 slot; slot < 65; ++slot) {
            bytes32 word = vm.load(outbox, bytes32(slot));
            if (word != 0) words[slots++] = Trie.Leaf(keccak256(abi.encode(slot)), Rlp.number(uint256(word)));
        }
        bytes32 storageRoot;
        bytes memory peaks = abi.encodePacked(uint8(heights.length));
        for (uint256 i; i < heights.length; ++i) {
            bytes[] memory nodes;
            (storageRoot, nodes) = Trie.prove(words, keccak256(abi.encode(1 + heights[i])));
            peaks = abi.encodePacked(peaks, uint8(heights[i]), Trie.pack(nodes));
        }
        Trie.Leaf[] memory accounts = new Trie.Leaf[](1 + neighbours);
        accounts[0] = Trie.Leaf(keccak256(abi.encodePacked(outbox)), Trie.account(1, 0, storageRoot, outbox.codehash));
        for (uint256 i; i < neighbours; ++i) {
            accounts[i + 1] = Trie.Leaf(
                keccak256(abi.encode("neighbour", i)), Trie.account(i, 1 ether, keccak256("r"), keccak256("c"))
            );
        }
        bytes[] memory path;
        (stateRoot, path) = Trie.prove(accounts, keccak256(abi.encodePacked(outbox)));
        proof = bytes.concat(Trie.pack(path), peaks);
    }

    /// The next block of a side over a state root; its time is now.
    function _block(uint256 src, bytes32 stateRoot) internal returns (Chain.Block memory b) {
        Side storage s = sides[src];
        (bool frozen, uint64 time) = _clientTime(src);
        ++s.height;
        uint64 stamp = uint64(_now());
        if (!frozen && time >= stamp) {
            vm.warp(time + 1);
            stamp = time + 1;
        }
        b = Chain.Block(Chain.QBFT, s.height, stamp, s.parent, stateRoot, 0, s.keys, "");
        s.parent = Chain.blockHash(b);
    }

    function _clientTime(uint256 src) private view returns (bool frozen, uint64 time) {
        (, time,, frozen,,,) = sides[1 - src].client.state();
    }

    /// Proves the entries [from, to) that left `src`.
    function _bundle(uint256 src, uint256 from, uint256 to) internal returns (Bundle memory b) {
        _sync();
        bytes32 lane = sides[src].outLane;
        uint256 size = sides[src].outbox.size();
        assertEq(size, leaves[lane].length, "all entries were seen");
        uint256[] memory heights = new uint256[](64);
        uint256 peaks;
        (b.lane, b.first) = (lane, uint64(from));
        for (uint256 i = from; i < to; ++i) {
            b.facts = b.facts || entries[lane][i].kind > 2;
        }
        while (from < to) {
            (uint256 h, uint256 end) = _peakOf(from, size);
            if (end > to) end = to;
            (bytes memory siblings, uint256 count) = _siblings(lane, from, end, h);
            b.runs =
                abi.encodePacked(b.runs, uint16(end - from), uint8(count), siblings, _groups(1 - src, lane, from, end));
            heights[peaks++] = h;
            from = end;
        }
        assembly {
            mstore(heights, peaks)
        }
        bytes32 stateRoot;
        (stateRoot, b.stateProof) = _state(src, heights);
        b.update = Chain.update(_block(src, stateRoot));
    }

    function _submit(uint256 dst, Bundle memory b) internal {
        if (b.facts) sides[dst].swaps.deliverFacts(b.lane, b.first, b.update, b.stateProof, b.runs);
        else sides[dst].vault.deliver(b.lane, b.first, b.update, b.stateProof, b.runs);
    }

    /// Delivers the entries [from, to) that left `src`.
    function _deliver(uint256 src, uint256 from, uint256 to) internal {
        _submit(1 - src, _bundle(src, from, to));
    }

    /// Delivers everything that left `src` so far; what was delivered before is skipped.
    function _deliverAll(uint256 src) internal {
        uint256 size = sides[src].outbox.size();
        for (uint256 from; from < size; from += 256) {
            _deliver(src, from, from + 256 < size ? from + 256 : size);
        }
    }

    function _word(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    function _held(uint256 i, address token) internal view returns (uint256) {
        return sides[i].admin.asset(sides[i].outLane, token).held;
    }
}
