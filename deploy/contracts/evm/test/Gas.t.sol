// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestERC20} from "../mocks/TestERC20.sol";
import {BftEvmClient} from "../src/BftEvmClient.sol";
import {VaultAdmin} from "../src/VaultAdmin.sol";
import {VaultLock} from "../src/VaultLock.sol";
import {Bridge} from "./utils/Bridge.sol";
import {Chain} from "./utils/Chain.sol";
import {Rlp} from "./utils/Rlp.sol";
import {Trie} from "./utils/Trie.sol";

/// Gas of whole transactions (21,000 and calldata included: run with `--isolate`) at a production-like shape: a state trie
/// of some 20,000 accounts (three full branches, a partial one, a leaf), an outbox of about 14 slots, index 2^20 - n, four
/// validators. `gas.sh` compares the figures with `gas.json`.
contract GasTest is Bridge {
    TestERC20 internal token;
    address internal voucher;
    address internal constant ALICE = address(0xa11ce00000000000000000000000000000000001);
    uint256 internal constant TIP = 1 << 20;
    bytes32 internal homeAsset;
    bytes32 internal voucherAsset;

    function setUp() public override {
        super.setUp();
        token = new TestERC20("Token", "T", 18);
        voucher = _register(0, 1, address(token));
        homeAsset = sides[0].admin.assetHashOf(1, address(token));
        voucherAsset = sides[1].admin.assetHashOf(1, voucher);
        token.mint(ALICE, 1e30);
        vm.prank(ALICE);
        token.approve(address(sides[0].vault), type(uint256).max);
        // The outboxes are old: all peaks below 2^20 but the two lowest are there.
        for (uint256 i; i < 2; ++i) {
            address outbox = address(sides[i].outbox);
            vm.store(outbox, 0, bytes32(uint256(TIP - 1000)));
            for (uint256 h; h < 20; ++h) {
                vm.store(outbox, bytes32(1 + h), keccak256(abi.encode("peak", i, h)));
            }
        }
        // Tokens are in the vault, and a few are out.
        _lock(1e24);
        vm.prank(address(sides[1].vault));
        (bool ok,) = voucher.call(abi.encodeWithSignature("mint((address,uint256)[])", _pays()));
        assertTrue(ok, "minted");
        VaultAdmin admin = sides[1].admin;
        bytes32 lane = sides[1].outLane;
        assertEq(admin.asset(lane, voucher).held, 0, "a shape only");
    }

    struct PayLike {
        address to;
        uint256 amount;
    }

    function _pays() private pure returns (PayLike[] memory pays) {
        pays = new PayLike[](256);
        for (uint256 i; i < 256; ++i) {
            pays[i] = PayLike(_recipient(i, true), 5e18);
        }
    }

    function _lock(uint256 amount) private {
        bytes32 lane = sides[0].outLane;
        bytes32 to = _word(_recipient(1, true));
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(ALICE);
        sides[0].vault.lock(lane, address(token), amount, to, timeout, bytes32(0));
    }

    function _recipient(uint256 i, bool existing) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(existing ? "old" : "new", i)))));
    }

    /// Gas of the last call, and what EIP-7623 would charge at least for its calldata.
    function _note(string memory name, uint256 entries_, bytes memory data) private {
        uint256 used = vm.lastCallGas().gasTotalUsed;
        uint256 tokens;
        for (uint256 i; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        uint256 floor = 21_000 + 10 * tokens;
        vm.snapshotValue(name, used / entries_);
        vm.snapshotValue(string.concat(name, " (floor of EIP-7623)"), floor / entries_);
    }

    function _node(uint256 seed, uint256 nibble, bytes32 child, uint256 children) private pure returns (bytes memory) {
        bytes memory payload;
        uint256 missing = 16 - children;
        for (uint256 n; n < 16; ++n) {
            if (n == nibble) payload = bytes.concat(payload, hex"a0", child);
            else if (missing != 0) (payload, missing) = (bytes.concat(payload, hex"80"), missing - 1);
            else payload = bytes.concat(payload, hex"a0", keccak256(abi.encode(seed, n)));
        }
        return Rlp.list(bytes.concat(payload, hex"80"));
    }

    /// A leaf under branches with so many children each, from the root downwards.
    function _path(bytes32 key, bytes memory value, uint256[] memory children)
        private
        pure
        returns (bytes32 root, bytes memory nodes)
    {
        uint256 depth = children.length;
        bytes memory node = Rlp.list(bytes.concat(Rlp.str(Trie.hexPrefix(key, depth, 64, true)), Rlp.str(value)));
        nodes = abi.encodePacked(uint16(node.length), node);
        for (uint256 d = depth; d != 0;) {
            --d;
            node = _node(d, Trie.nibble(key, d), keccak256(node), children[d]);
            nodes = bytes.concat(abi.encodePacked(uint16(node.length), node), nodes);
        }
        root = keccak256(node);
        nodes = bytes.concat(abi.encodePacked(uint8(depth + 1)), nodes);
    }

    /// `n` transfers of `asset` at the tip of the outbox of `src`, each to another recipient.
    function _synthetic(uint256 src, bytes32 asset, uint256 n, bool existing) private returns (Bundle memory b) {
        uint256 first = TIP - n;
        (b.lane, b.first) = (sides[src].outLane, uint64(first));
        bytes memory group = abi.encodePacked(uint8(1), uint16(n), uint8(8), uint8(0), asset);
        bytes32[] memory hashes = new bytes32[](n);
        uint64 timeout = uint64(_now()) + 1 hours;
        for (uint256 i; i < n; ++i) {
            (address to, uint256 amount) = (_recipient(i, existing), 1e18 + i);
            group = abi.encodePacked(group, uint64(amount), ALICE, to, timeout);
            hashes[i] = keccak256(
                bytes.concat(
                    hex"00", abi.encode(b.lane, first + i, 1, asset, amount, ALICE, to, uint256(timeout), bytes32(0))
                )
            );
        }
        bytes32 peak;
        {
            bytes memory siblings;
            uint256 count;
            (peak, siblings, count) = _climb(hashes, first);
            b.runs = abi.encodePacked(uint16(n), uint8(count), siblings, group);
        }
        bytes memory peaks;
        bytes32 root;
        {
            uint256[] memory shape = new uint256[](1);
            shape[0] = 11;
            (root, peaks) = _path(keccak256(abi.encode(1 + 20)), Rlp.number(uint256(peak)), shape);
        }
        {
            uint256[] memory shape = new uint256[](4);
            (shape[0], shape[1], shape[2], shape[3]) = (16, 16, 16, 5);
            address outbox = address(sides[src].outbox);
            bytes memory accounts;
            (root, accounts) =
                _path(keccak256(abi.encodePacked(outbox)), Trie.account(1, 0, root, outbox.codehash), shape);
            b.stateProof = abi.encodePacked(accounts, uint8(1), uint8(20), peaks);
        }
        b.update = Chain.update(_block(src, root));
    }

    /// The peak of height 20 over leaves at its right edge, with left siblings out of the air.
    function _climb(bytes32[] memory nodes, uint256 first)
        private
        pure
        returns (bytes32, bytes memory siblings, uint256 count)
    {
        for (uint256 h; h < 20; ++h) {
            if ((first >> h) & 1 == 1) {
                bytes32 left = keccak256(abi.encode("left", h));
                siblings = bytes.concat(siblings, left);
                ++count;
                nodes = _up(nodes, left);
            } else {
                nodes = _up(nodes, 0);
            }
        }
        return (nodes[0], siblings, count);
    }

    /// The row above, with a node on the left if there is one.
    function _up(bytes32[] memory row, bytes32 left) private pure returns (bytes32[] memory above) {
        uint256 shift = left == 0 ? 0 : 1;
        above = new bytes32[]((row.length + shift) / 2);
        for (uint256 i; i < above.length; ++i) {
            bytes32 a = 2 * i < shift ? left : row[2 * i - shift];
            above[i] = keccak256(abi.encodePacked(bytes1(0x01), a, row[2 * i + 1 - shift]));
        }
    }

    function _receive(string memory name, uint256 src, bytes32 asset, uint256 n, bool existing) private {
        Bundle memory b = _synthetic(src, asset, n, existing);
        Side storage dst = sides[1 - src];
        // The bitmap's word was used before: of 256 entries the first pays 17.1k more.
        bytes32 word = keccak256(
            abi.encode(uint256(b.first >> 8), keccak256(abi.encode(b.lane, keccak256("causeway/vault/delivered"))))
        );
        if (n < 256) vm.store(address(dst.vault), word, bytes32(uint256(1)));
        dst.vault.deliver(b.lane, b.first, b.update, b.stateProof, b.runs);
        _note(name, n, abi.encodeCall(dst.vault.deliver, (b.lane, b.first, b.update, b.stateProof, b.runs)));
    }

    /// So much is out on the voucher's side that a burn and a release are possible.
    function _fill() private {
        bytes32 slot = _heldSlot(1, voucher);
        vm.store(address(sides[1].vault), slot, bytes32(uint256(1e24)));
        assertEq(_held(1, voucher), 1e24, "outstanding");
        for (uint256 i; i < 256; ++i) {
            token.mint(_recipient(i, true), 1);
        }
    }

    /// Slot of `held` and `minAmount`: the second of the asset's.
    function _heldSlot(uint256 side, address asset) private view returns (bytes32) {
        bytes32 base = keccak256("causeway/vault/state");
        bytes32 perLane =
            keccak256(abi.encode(uint256(sides[side].admin.laneConfig(sides[side].outLane).bridge), uint256(base) + 3));
        return bytes32(uint256(keccak256(abi.encode(asset, perLane))) + 1);
    }

    function test_gas_receive_1_mint() public {
        _fill();
        _receive("receive 1, mint, existing", 0, homeAsset, 1, true);
    }

    function test_gas_receive_8_mint() public {
        _fill();
        _receive("receive 8, mint, existing", 0, homeAsset, 8, true);
    }

    function test_gas_receive_25_mint() public {
        _fill();
        _receive("receive 25, mint, existing", 0, homeAsset, 25, true);
    }

    function test_gas_receive_50_mint() public {
        _fill();
        _receive("receive 50, mint, existing", 0, homeAsset, 50, true);
    }

    function test_gas_receive_50_mint_fresh() public {
        _fill();
        _receive("receive 50, mint, fresh", 0, homeAsset, 50, false);
    }

    function test_gas_receive_100_mint() public {
        _fill();
        _receive("receive 100, mint, existing", 0, homeAsset, 100, true);
    }

    function test_gas_receive_256_mint() public {
        _fill();
        _receive("receive 256, mint, existing", 0, homeAsset, 256, true);
    }

    function test_gas_receive_50_release() public {
        _fill();
        _receive("receive 50, release, existing", 1, voucherAsset, 50, true);
    }

    function test_gas_receive_1_release() public {
        _fill();
        _receive("receive 1, release, existing", 1, voucherAsset, 1, true);
    }

    /// One send at each of 16 sizes in a row: the average over what the peaks cost.
    function test_gas_send() public {
        uint256 total;
        bytes32 lane = sides[0].outLane;
        bytes32 to = _word(_recipient(1, true));
        uint64 timeout = uint64(_now()) + 1 hours;
        for (uint256 i; i < 16; ++i) {
            vm.prank(ALICE);
            sides[0].vault.lock(lane, address(token), 1e18, to, timeout, bytes32(0));
            total += vm.lastCallGas().gasTotalUsed;
        }
        vm.snapshotValue("send, average of 16", total / 16);
    }

    function test_gas_send_burn() public {
        _fill();
        bytes32 lane = sides[1].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(_recipient(7, true));
        sides[1].vault.lock(lane, voucher, 1e18, _word(ALICE), timeout, bytes32(0));
        vm.snapshotValue("send, burn", vm.lastCallGas().gasTotalUsed);
    }

    function test_gas_send_many() public {
        _sendMany(10);
        _sendMany(50);
        _sendMany(100);
    }

    function _sendMany(uint256 n) private {
        VaultLock.Item[] memory items = new VaultLock.Item[](n);
        for (uint256 i; i < n; ++i) {
            items[i] = VaultLock.Item(_word(_recipient(i, true)), 1e18 + i, bytes32(0));
        }
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(ALICE);
        sides[0].vault.sendMany(lane, address(token), timeout, items);
        vm.snapshotValue(string.concat("sendMany ", vm.toString(n)), uint256(vm.lastCallGas().gasTotalUsed) / n);
    }

    function test_gas_header() public {
        _header(4);
        _header(7);
        _header(21);
    }

    /// An idle client's refresh: a transaction that is nothing but a header.
    function _header(uint256 validators) private {
        BftEvmClient.Params memory p = _params(0);
        uint256[] memory keys = Chain.keysOf(validators, validators);
        p.setHash = Chain.setHash(keys);
        BftEvmClient client = new BftEvmClient(p);
        Chain.Block memory b =
            Chain.Block(Chain.QBFT, p.height + 1, p.time + 1, keccak256("parent"), keccak256("state"), 0, keys, "");
        client.update(Chain.update(b));
        vm.snapshotValue(string.concat("header, validators: ", vm.toString(validators)), vm.lastCallGas().gasTotalUsed);
    }
}
