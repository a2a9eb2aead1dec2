// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileERC20} from "../mocks/HostileERC20.sol";
import {HostileERC721} from "../mocks/HostileERC721.sol";
import {TestERC20} from "../mocks/TestERC20.sol";
import {BftEvmClient} from "../src/BftEvmClient.sol";
import {Outbox} from "../src/Outbox.sol";
import {Vault} from "../src/Vault.sol";
import {VaultAdmin} from "../src/VaultAdmin.sol";
import {VaultDelivery} from "../src/VaultDelivery.sol";
import {VaultPayments} from "../src/VaultPayments.sol";
import {VaultLock} from "../src/VaultLock.sol";
import {VaultStorage} from "../src/VaultStorage.sol";
import {Pay, VoucherERC20} from "../src/VoucherERC20.sol";
import {VoucherERC721} from "../src/VoucherERC721.sol";
import {Entries} from "../src/lib/Entries.sol";
import {Bridge} from "./utils/Bridge.sol";
import {Chain} from "./utils/Chain.sol";

/// What a vault does with hostile tokens, recipients, relayers and other chains. Side 0 is the home of all assets.
contract VaultTest is Bridge {
    HostileERC20 internal token;
    VoucherERC20 internal voucher;
    HostileERC721 internal nft;
    VoucherERC721 internal nftVoucher;
    address internal constant ALICE = address(0xa1);
    address internal constant BOB = address(0xb2);
    address internal constant CAROL = address(0xc3);

    function setUp() public override {
        super.setUp();
        token = new HostileERC20("Token", "T");
        nft = new HostileERC721("Nft", "N");
        voucher = VoucherERC20(_register(0, 1, address(token)));
        nftVoucher = VoucherERC721(_register(0, 2, address(nft)));
        token.mint(ALICE, 1_000 ether);
        vm.startPrank(ALICE);
        token.approve(address(sides[0].vault), type(uint256).max);
        nft.setApprovalForAll(address(sides[0].vault), true);
        vm.stopPrank();
    }

    // --- help ----------------------------------------------------------------------------------------------------------

    function _lock(uint256 side, address who, address asset, uint256 amount, bytes32 to) internal returns (uint64) {
        bytes32 lane = sides[side].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(who);
        return sides[side].vault.lock(lane, asset, amount, to, timeout, bytes32(0));
    }

    function _lock(uint256 amount, address to) internal returns (uint64) {
        return _lock(0, ALICE, address(token), amount, _word(to));
    }

    function _lockRefused(uint256 side, address asset, uint256 amount, bytes32 to, bytes4 selector, string memory what)
        internal
    {
        uint256 size = sides[side].outbox.size();
        bytes32 lane = sides[side].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(ALICE);
        try sides[side].vault.lock(lane, asset, amount, to, timeout, bytes32(0)) {
            revert NotTrue(what);
        } catch (bytes memory reason) {
            assertTrue(isError(reason, selector), what);
        }
        assertEq(sides[side].outbox.size(), size, what);
    }

    function _deliverRefused(uint256 dst, Bundle memory b, bytes4 selector, string memory what) internal {
        try sides[dst].vault.deliver(b.lane, b.first, b.update, b.stateProof, b.runs) {
            revert NotTrue(what);
        } catch (bytes memory reason) {
            assertTrue(selector == 0 || isError(reason, selector), what);
        }
    }

    function _reason(uint256 index) internal returns (uint8) {
        _sync();
        return entries[sides[1].outLane][index].reason;
    }

    /// INV-1 and the vault's own books: what it holds is what the bridge holds and what is parked.
    function _checkBooks() internal view {
        assertTrue(voucher.totalSupply() <= _held(0, address(token)), "INV-1");
        assertEq(voucher.totalSupply(), _held(1, address(voucher)), "outstanding");
    }

    // --- locks ---------------------------------------------------------------------------------------------------------

    function test_atk_010_no_token_no_lock() public {
        _lockRefused(0, address(0), 1, _word(BOB), VaultStorage.UnsupportedAsset.selector, "asset zero");
        _lockRefused(0, BOB, 1, _word(BOB), VaultStorage.UnsupportedAsset.selector, "an account");
        token.setAnswer(HostileERC20.Answer.False);
        _lockRefused(0, address(token), 1 ether, _word(BOB), VaultStorage.TransferFailed.selector, "false");
        token.setAnswer(HostileERC20.Answer.Nothing);
        _lockRefused(0, address(token), 1 ether, _word(BOB), VaultStorage.TransferFailed.selector, "nothing");
        token.setAnswer(HostileERC20.Answer.True);
        _lock(1 ether, BOB);
    }

    function test_fuzz_atk_011_what_is_written_is_what_was_taken(uint256 amount, uint256 fee) public {
        amount = bound(amount, 1, 100 ether);
        fee = bound(fee, 0, 500);
        token.setFee(fee);
        uint256 before = token.balanceOf(address(sides[0].vault));
        if (amount * fee / 10_000 != 0) {
            _lockRefused(0, address(token), amount, _word(BOB), VaultStorage.AmountMismatch.selector, "a fee");
            return;
        }
        _lock(amount, BOB);
        _sync();
        assertEq(entries[sides[0].outLane][0].amount, amount, "written");
        assertEq(token.balanceOf(address(sides[0].vault)) - before, amount, "taken");
        assertEq(_held(0, address(token)), amount, "booked");
    }

    function test_atk_012_hooks_and_rebases() public {
        // A hook that locks again inside transferFrom.
        bytes memory again = abi.encodeCall(
            VaultLock.lock, (sides[0].outLane, address(token), 1, _word(BOB), uint64(_now()) + 60, bytes32(0))
        );
        token.setReentry(address(sides[0].vault), again, true);
        _lock(1 ether, BOB);
        assertTrue(!token.reentered(), "the second lock was refused");
        assertEq(sides[0].outbox.size(), 1, "one entry");
        token.setReentry(address(0), "", false);
        // Ten per cent vanish from the vault: what is still there is paid, the rest fails and goes back, nobody gains.
        _lock(9 ether, BOB);
        _deliver(0, 0, 2);
        token.confiscate(address(sides[0].vault), 1 ether);
        _lock(1, BOB, address(voucher), 9 ether, _word(CAROL));
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        _deliver(1, 0, 2);
        assertEq(token.balanceOf(CAROL), 9 ether, "paid from what is there");
        assertEq(_held(0, address(token)), 1 ether, "the failed one is still booked");
        _deliver(0, 2, 3);
        assertEq(voucher.balanceOf(BOB), 1 ether, "and minted again");
        _checkBooks();
    }

    function test_atk_017_nobody_elses_approval_is_spent() public {
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(CAROL);
        vm.expectRevert(abi.encodeWithSelector(VaultStorage.TransferFailed.selector, address(token)));
        sides[0].vault.lock(lane, address(token), 1 ether, _word(CAROL), timeout, bytes32(0));
        assertEq(token.balanceOf(ALICE), 1_000 ether, "untouched");
    }

    function test_atk_018_what_is_forced_in_is_nobodys() public {
        token.mint(address(sides[0].vault), 500 ether);
        vm.deal(address(sides[0].vault), 1 ether);
        nft.mint(address(sides[0].vault), 77);
        assertEq(_held(0, address(token)), 0, "no escrow");
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        sides[0].vault.claim(address(token), 1, BOB);
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        sides[0].vault.claim(address(nft), 77, BOB);
        // The other side says that it burned: nothing was escrowed, so nothing leaves.
        _mintOutOfThinAir(5 ether);
        _lock(1, BOB, address(voucher), 5 ether, _word(BOB));
        _deliverRefused(0, _bundle(1, 0, 1), VaultStorage.EscrowExceeded.selector, "above the escrow");
    }

    /// The other chain is corrupt: vouchers without a lock.
    function _mintOutOfThinAir(uint256 amount) internal {
        Pay[] memory pays = new Pay[](1);
        pays[0] = Pay(BOB, amount);
        vm.prank(address(sides[1].vault));
        voucher.mint(pays);
        bytes32 perLane = keccak256(
            abi.encode(
                uint256(sides[1].admin.laneConfig(sides[1].outLane).bridge),
                uint256(keccak256("causeway/vault/state")) + 3
            )
        );
        bytes32 held = bytes32(uint256(keccak256(abi.encode(address(voucher), perLane))) + 1);
        vm.store(address(sides[1].vault), held, bytes32(uint256(vm.load(address(sides[1].vault), held)) + amount));
    }

    function test_atk_001_a_release_above_the_escrow_is_refused() public {
        _lock(3 ether, BOB);
        _deliver(0, 0, 1);
        _mintOutOfThinAir(2 ether);
        _lock(1, BOB, address(voucher), 3 ether, _word(CAROL));
        _lock(1, BOB, address(voucher), 2 ether, _word(CAROL));
        _deliver(1, 0, 1);
        assertEq(token.balanceOf(CAROL), 3 ether, "backed");
        token.mint(address(sides[0].vault), 50 ether);
        _deliverRefused(0, _bundle(1, 1, 2), VaultStorage.EscrowExceeded.selector, "unbacked");
    }

    function test_atk_028_amounts_at_their_edges() public {
        address[3] memory assets = [address(token), address(token), address(token)];
        uint256[3] memory amounts = [uint256(0), 1 << 128, type(uint256).max];
        for (uint256 i; i < 3; ++i) {
            _lockRefused(0, assets[i], amounts[i], _word(BOB), VaultStorage.AmountOutOfRange.selector, "out of range");
        }
        token.mint(ALICE, type(uint128).max);
        _lock(1, BOB);
        _lock(type(uint128).max - 1, BOB);
        // What would not fit beside what is held is refused here, and not on the other side.
        _lockRefused(0, address(token), 1, _word(BOB), VaultStorage.AmountOutOfRange.selector, "held is full");
        _deliver(0, 0, 2);
        assertEq(voucher.balanceOf(BOB), type(uint128).max, "in full");
    }

    function test_fuzz_atk_028_decimals_18_to_6(uint256 amount) public {
        TestERC20 fine = new TestERC20("Fine", "F", 18);
        bytes32 homeAsset = sides[0].admin.assetHashOf(1, address(fine));
        VaultAdmin.AssetParams memory p = _asset(2, 1, address(0), homeAsset);
        (p.localDecimals, p.remoteDecimals, p.amountWidth, p.minAmount) = (6, 18, 8, 100);
        _decide(1, abi.encodeCall(VaultAdmin.registerAsset, (sides[1].outLane, p)));
        VoucherERC20 coarse = VoucherERC20(sides[1].admin.tokenOf(sides[1].inLane, homeAsset));
        p = _asset(1, 1, address(fine), sides[1].admin.assetHashOf(1, address(coarse)));
        (p.localDecimals, p.remoteDecimals, p.minAmount) = (18, 6, 1e14);
        _decide(0, abi.encodeCall(VaultAdmin.registerAsset, (sides[0].outLane, p)));
        fine.mint(ALICE, 1e30);
        vm.prank(ALICE);
        fine.approve(address(sides[0].vault), type(uint256).max);
        amount = bound(amount, 1, 1e24);
        _lockRefused(0, address(fine), 1e14 - 1e12, _word(BOB), VaultStorage.AmountOutOfRange.selector, "too little");
        if (amount % 1e12 != 0) {
            _lockRefused(0, address(fine), amount, _word(BOB), VaultStorage.AmountOutOfRange.selector, "not exact");
        }
        amount = (amount / 1e12 + 100) * 1e12;
        _lock(0, ALICE, address(fine), amount, _word(BOB));
        _deliver(0, 0, 1);
        assertEq(coarse.balanceOf(BOB), amount / 1e12, "in full");
        _lock(1, BOB, address(coarse), amount / 1e12, _word(CAROL));
        _deliver(1, 0, 1);
        assertEq(fine.balanceOf(CAROL), amount, "and back, without gain");
        assertEq(_held(0, address(fine)), 0, "nothing left over");
    }

    function test_recipients_and_timeouts_are_checked() public {
        _lockRefused(0, address(token), 1, bytes32(0), VaultStorage.InvalidRecipient.selector, "nobody");
        _lockRefused(
            0, address(token), 1, bytes32(uint256(1) << 160), VaultStorage.InvalidRecipient.selector, "too wide"
        );
        uint64[3] memory bad = [uint64(0), uint64(_now()), uint64(_now() + 30 days + 1)];
        bytes32 lane = sides[0].outLane;
        for (uint256 i; i < 3; ++i) {
            vm.prank(ALICE);
            vm.expectRevert(abi.encodeWithSelector(VaultStorage.TimeoutOutOfRange.selector, bad[i]));
            sides[0].vault.lock(lane, address(token), 1, _word(BOB), bad[i], bytes32(0));
        }
        vm.prank(ALICE);
        sides[0].vault.lock(lane, address(token), 1, _word(BOB), uint64(_now() + 30 days), bytes32(0));
        // The incoming lane takes no locks.
        bytes32 incoming = sides[0].inLane;
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(VaultStorage.UnknownLane.selector, incoming));
        sides[0].vault.lock(incoming, address(token), 1, _word(BOB), uint64(_now() + 60), bytes32(0));
    }

    function test_send_many_writes_what_single_locks_write() public {
        VaultLock.Item[] memory items = new VaultLock.Item[](5);
        for (uint256 i; i < 5; ++i) {
            items[i] = VaultLock.Item(
                _word(address(uint160(1000 + i))), i * 1e30 + 1, i == 3 ? keccak256("memo") : bytes32(0)
            );
        }
        token.mint(ALICE, 1e32);
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now() + 1 hours);
        vm.prank(ALICE);
        sides[0].vault.sendMany(lane, address(token), timeout, items);
        for (uint256 i; i < 5; ++i) {
            vm.prank(ALICE);
            sides[0].vault
                .lock(lane, address(token), items[i].amountOrId, items[i].recipient, timeout, items[i].memoHash);
        }
        _sync();
        for (uint256 i; i < 5; ++i) {
            Entry memory a = entries[lane][i];
            Entry memory b = entries[lane][5 + i];
            assertEq(keccak256(abi.encode(a)), keccak256(abi.encode(b)), "same entry");
            assertEq(a.amount, items[i].amountOrId, "amount");
            assertEq(a.sender, _word(ALICE), "sender");
            assertEq(a.memo, items[i].memoHash, "memo");
        }
        // The leaves that the events tell of are those in the outbox.
        _deliver(0, 0, 10);
        assertEq(voucher.balanceOf(address(1004)), 2 * items[4].amountOrId, "delivered");
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(VaultStorage.BatchSize.selector, 0));
        sides[0].vault.sendMany(lane, address(token), timeout, new VaultLock.Item[](0));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(VaultStorage.BatchSize.selector, 257));
        sides[0].vault.sendMany(lane, address(token), timeout, new VaultLock.Item[](257));
    }

    function test_send_many_of_nfts() public {
        VaultLock.Item[] memory items = new VaultLock.Item[](3);
        for (uint256 i; i < 3; ++i) {
            nft.mint(ALICE, 1 << (100 * i));
            items[i] = VaultLock.Item(_word(BOB), 1 << (100 * i), bytes32(0));
        }
        bytes32 lane = sides[0].outLane;
        vm.prank(ALICE);
        sides[0].vault.sendMany(lane, address(nft), uint64(_now() + 1 hours), items);
        assertEq(_held(0, address(nft)), 3, "three");
        _deliver(0, 0, 3);
        for (uint256 i; i < 3; ++i) {
            assertEq(nftVoucher.ownerOf(1 << (100 * i)), BOB, "minted");
        }
    }

    function test_atk_025_repeated_locks_never_exceed_what_was_pulled() public {
        token.setReentry(
            address(sides[0].vault),
            abi.encodeCall(
                VaultLock.sendMany, (sides[0].outLane, address(token), uint64(_now()) + 60, _items(3, 1 ether))
            ),
            true
        );
        uint256 before = token.balanceOf(ALICE);
        for (uint256 i; i < 4; ++i) {
            _lock(1 ether, BOB);
        }
        _sync();
        uint256 sum;
        for (uint256 i; i < entries[sides[0].outLane].length; ++i) {
            sum += entries[sides[0].outLane][i].amount;
        }
        assertEq(sum, before - token.balanceOf(ALICE), "sum of entries");
    }

    function _items(uint256 n, uint256 amount) internal pure returns (VaultLock.Item[] memory items) {
        items = new VaultLock.Item[](n);
        for (uint256 i; i < n; ++i) {
            items[i] = VaultLock.Item(_word(address(uint160(0x1000 + i))), amount, bytes32(0));
        }
    }

    function _sendMany(uint256 n, uint256 amount) internal {
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(ALICE);
        sides[0].vault.sendMany(lane, address(token), timeout, _items(n, amount));
    }

    // --- what closes a lane --------------------------------------------------------------------------------------------

    function _freeze(uint256 reader) internal {
        uint256 src = 1 - reader;
        Chain.Block memory a = _block(src, keccak256("one"));
        Chain.Block memory b = Chain.Block(0, a.height, a.time, a.parent, keccak256("two"), 0, a.keys, "");
        sides[reader].client.misbehaviour(Chain.update(a), Chain.update(b));
    }

    function test_atk_062_a_dead_way_back_refuses_locks_only_and_is_recovered() public {
        _lock(5 ether, BOB);
        _lock(4 ether, BOB);
        _deliver(0, 0, 1);
        _freeze(0);
        _lockRefused(0, address(token), 1, _word(BOB), VaultStorage.LaneClosed.selector, "frozen");
        // The other direction still works, and so do claims.
        vm.warp(_now() + 2 hours);
        _deliver(0, 1, 2);
        assertEq(_reason(0), 1, "late");
        // The return waits for recovery: a substitute client, by quorum.
        Bundle memory b = _bundle(1, 0, 1);
        _deliverRefused(0, b, BftEvmClient.ClientFrozen.selector, "frozen");
        BftEvmClient substitute = new BftEvmClient(_params(1));
        _decide(0, abi.encodeCall(VaultAdmin.replaceClient, (sides[0].outLane, address(substitute))));
        sides[0].client = substitute;
        vm.warp(_now() + 10);
        _deliver(1, 0, 1);
        assertEq(token.balanceOf(ALICE), 995 ether, "came back");
        _lock(1 ether, BOB);
    }

    function test_a_live_client_is_not_replaced_nor_by_one_that_forgot() public {
        _backed(1);
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        _deliver(1, 0, 1);
        (uint64 taken,,,,,,) = sides[0].client.state();
        assertEq(sides[0].admin.provenHeight(sides[0].inLane), taken, "the block that the entry came from");
        BftEvmClient.Params memory p = _params(1);
        p.height = taken;
        BftEvmClient other = new BftEvmClient(p);
        p.height = taken - 1;
        BftEvmClient older = new BftEvmClient(p);
        _replaceRefused(address(other));
        // What broke the chain may have raised the client above everything that was ever taken: that binds nobody.
        Chain.Block memory far =
            Chain.Block(0, taken + 1000, uint64(_now() + 1), keccak256("p"), keccak256("s"), 0, sides[1].keys, "");
        sides[0].client.update(Chain.update(far));
        Chain.Block memory twin = abi.decode(abi.encode(far), (Chain.Block));
        twin.stateRoot = keccak256("another");
        sides[0].client.misbehaviour(Chain.update(far), Chain.update(twin));
        _replaceRefused(address(older));
        uint256 snapshot = vm.snapshotState();
        _decide(0, abi.encodeCall(VaultAdmin.replaceClient, (sides[0].outLane, address(other))));
        vm.revertToState(snapshot);
        p = _params(1);
        p.genesis = keccak256("another chain");
        _replaceRefused(address(new BftEvmClient(p)));
    }

    function _replaceRefused(address client) internal {
        bytes memory data = abi.encodeCall(VaultAdmin.replaceClient, (sides[0].outLane, client));
        vm.prank(address(sides[0].council));
        (bool ok,) = address(sides[0].vault).call(data);
        assertTrue(!ok, "refused");
    }

    function test_an_expired_way_back_refuses_locks() public {
        vm.warp(_now() + PERIOD);
        _lockRefused(0, address(token), 1, _word(BOB), VaultStorage.LaneClosed.selector, "expired");
    }

    function test_the_guardian_pauses_new_locks_for_a_while() public {
        _lock(5 ether, BOB);
        VaultAdmin admin = sides[0].admin;
        vm.expectRevert(VaultStorage.NotGuardian.selector);
        admin.pause(uint64(_now() + 1));
        vm.startPrank(GUARDIAN);
        vm.expectRevert(VaultAdmin.InvalidConfig.selector);
        admin.pause(uint64(_now() + 7 days + 1));
        uint64 until = uint64(_now() + 7 days);
        admin.pause(until);
        vm.stopPrank();
        _lockRefused(0, address(token), 1, _word(BOB), VaultStorage.Paused.selector, "paused");
        _deliver(0, 0, 1);
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        _deliver(1, 0, 1);
        assertEq(token.balanceOf(CAROL), 1 ether, "deliveries go on");
        vm.warp(until);
        _lock(1 ether, BOB);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(VaultStorage.Paused.selector, until));
        admin.pause(uint64(_now() + 1));
        vm.warp(until + 7 days);
        vm.prank(GUARDIAN);
        admin.pause(uint64(_now() + 1));
        // The council lifts it.
        _decide(0, abi.encodeCall(VaultAdmin.pause, (0)));
        assertEq(sides[0].admin.pausedUntil(), 0, "lifted");
    }

    function test_closed_bridges_and_assets_take_no_locks_but_end_what_is_under_way() public {
        _lock(5 ether, BOB);
        _decide(0, abi.encodeCall(VaultAdmin.closeAsset, (sides[0].outLane, address(token))));
        _lockRefused(0, address(token), 1, _word(BOB), VaultStorage.AssetClosed.selector, "asset closed");
        _deliver(0, 0, 1);
        _lock(1, BOB, address(voucher), 2 ether, _word(CAROL));
        _decide(0, abi.encodeCall(VaultAdmin.closeBridge, (sides[0].outLane)));
        _decide(1, abi.encodeCall(VaultAdmin.closeBridge, (sides[1].outLane)));
        _lockRefused(0, address(token), 1, _word(BOB), VaultStorage.LaneClosed.selector, "bridge closed");
        _lockRefused(1, address(voucher), 1, _word(BOB), VaultStorage.LaneClosed.selector, "bridge closed");
        _deliver(1, 0, 1);
        assertEq(token.balanceOf(CAROL), 2 ether, "delivered on a closed lane");
    }

    // --- proofs --------------------------------------------------------------------------------------------------------

    function test_atk_003_only_the_lanes_own_client_counts() public {
        _lock(5 ether, BOB);
        Bundle memory b = _bundle(0, 0, 1);
        // A stranger's client would accept a chain of its own; there is no way to name it.
        sides[0].keys = Chain.keysOf(666, 4);
        Bundle memory forged = _bundle(0, 0, 1);
        _deliverRefused(1, forged, BftEvmClient.NotTheSetInForce.selector, "another validator set");
        bytes32 lane = b.lane;
        b.lane = keccak256("no lane");
        _deliverRefused(1, b, VaultStorage.UnknownLane.selector, "unknown lane");
        b.lane = sides[1].outLane;
        _deliverRefused(1, b, VaultStorage.UnknownLane.selector, "the outgoing lane");
        b.lane = lane;
        _submit(1, b);
    }

    function test_fuzz_atk_024_every_field_is_what_was_committed(uint256 at_) public {
        _lock(5 ether, BOB);
        _lock(6 ether, CAROL);
        Bundle memory b = _bundle(0, 0, 2);
        uint256 bits = b.runs.length * 8;
        at_ = bound(at_, 0, bits + b.stateProof.length * 8 + b.update.length * 8 - 1);
        bytes memory part = b.runs;
        if (at_ >= bits) {
            at_ -= bits;
            part = b.stateProof;
            if (at_ >= part.length * 8) {
                at_ -= part.length * 8;
                part = b.update;
            }
        }
        bytes1 old = part[at_ / 8];
        part[at_ / 8] = old ^ bytes1(uint8(1 << (at_ % 8)));
        _deliverRefused(1, b, 0, "a flipped bit");
        part[at_ / 8] = old;
        b.first += 1;
        _deliverRefused(1, b, 0, "another index");
        b.first -= 1;
        _submit(1, b);
        assertEq(voucher.balanceOf(BOB), 5 ether, "credited");
    }

    function test_atk_064_a_delivery_has_one_encoding() public {
        _lock(5 ether, BOB);
        Bundle memory b = _bundle(0, 0, 1);
        bytes memory runs = b.runs;
        b.runs = bytes.concat(runs, hex"00");
        _deliverRefused(1, b, VaultStorage.NonCanonical.selector, "a byte left over");
        b.runs = "";
        _deliverRefused(1, b, VaultStorage.BatchSize.selector, "no run");
        b.runs = abi.encodePacked(uint16(257), uint8(0), runs);
        _deliverRefused(1, b, VaultStorage.BatchSize.selector, "257 entries");
        b.runs = abi.encodePacked(uint16(1), uint8(0), uint8(1), uint16(1), uint8(16), uint8(4), runs);
        _deliverRefused(1, b, Entries.MalformedGroup.selector, "a flag without meaning");
        b.runs = abi.encodePacked(uint16(1), uint8(0), uint8(1), uint16(2), uint8(16), uint8(0), runs);
        _deliverRefused(1, b, Entries.MalformedGroup.selector, "more entries than the run");
        b.runs = abi.encodePacked(uint16(1), uint8(0), uint8(1), uint16(1), uint8(33), uint8(0), runs);
        _deliverRefused(1, b, Entries.MalformedGroup.selector, "33 bytes");
        for (uint8 kind = 3; kind < 6; ++kind) {
            b.runs = abi.encodePacked(uint16(1), uint8(0), kind, uint16(1), bytes32(0), uint8(0));
            _deliverRefused(1, b, VaultStorage.UnsupportedKind.selector, "swaps are not delivered yet");
        }
        b.runs = runs;
        _submit(1, b);
    }

    function test_any_order_any_sub_range_across_peaks() public {
        _sendMany(23, 1 ether);
        _deliver(0, 15, 23);
        _deliver(0, 3, 18);
        _deliver(0, 0, 4);
        assertEq(voucher.totalSupply(), 23 ether, "each once");
        for (uint256 i; i < 23; ++i) {
            assertEq(voucher.balanceOf(address(uint160(0x1000 + i))), 1 ether, "each once");
        }
        _checkBooks();
    }

    function test_a_delivery_that_another_relayer_made_before_succeeds() public {
        _lock(5 ether, BOB);
        Bundle memory b = _bundle(0, 0, 1);
        _submit(1, b);
        uint256 supply = voucher.totalSupply();
        _submit(1, b);
        assertEq(voucher.totalSupply(), supply, "nothing twice");
    }

    function test_256_entries_at_once_and_two_words() public {
        token.mint(ALICE, 1_000 ether);
        _lock(1, BOB);
        _sendMany(256, 1 ether);
        _deliver(0, 1, 257);
        assertEq(voucher.totalSupply(), 256 ether, "all");
        assertEq(sides[1].admin.deliveredWord(sides[1].inLane, 0), type(uint256).max - 1, "word 0");
        assertEq(sides[1].admin.deliveredWord(sides[1].inLane, 1), 1, "word 1");
        assertTrue(!sides[1].admin.isDelivered(sides[1].inLane, 0), "bit 0");
    }

    /// Where relayers prove the bitmap.
    function test_the_bitmap_stands_where_the_interface_says() public {
        _lock(1 ether, BOB);
        _deliver(0, 0, 1);
        bytes32 lane = sides[1].inLane;
        bytes32 slot =
            keccak256(abi.encode(uint256(0), keccak256(abi.encode(lane, keccak256("causeway/vault/delivered")))));
        assertEq(uint256(vm.load(address(sides[1].vault), slot)), 1, "bit 0");
    }

    function test_atk_112_another_epoch_is_another_lane() public {
        _lock(5 ether, BOB);
        Bundle memory b = _bundle(0, 0, 1);
        bytes32 old = sides[0].outLane;
        sides[0].outbox = new_(0);
        sides[1].outbox = new_(1);
        vm.chainId(sides[0].chainId);
        (bytes32 next,) = sides[0].admin.laneIds(_remote(1), 1, address(sides[0].outbox));
        assertTrue(next != old, "another lane");
        b.lane = next;
        _deliverRefused(1, b, VaultStorage.UnknownLane.selector, "unknown lane");
        _connect(0, 1, 1);
        assertEq(sides[0].outLane, next, "opened");
        // The old proof is of another outbox, and the new epoch inherits nothing.
        vm.warp(_now() + 5);
        _deliverRefused(1, b, 0, "an old proof");
        _lockRefused(0, address(token), 1 ether, _word(BOB), VaultStorage.UnsupportedAsset.selector, "no asset");
        b.lane = old;
        _submit(1, b);
        assertEq(voucher.balanceOf(BOB), 5 ether, "the old lane still ends");
    }

    function new_(uint256 side) internal returns (Outbox) {
        return new Outbox(address(sides[side].vault));
    }

    // --- credits that fail ---------------------------------------------------------------------------------------------

    function test_atk_006_forbidden_recipients_get_nothing() public {
        address[4] memory targets =
            [address(sides[1].vault), address(sides[1].outbox), address(sides[1].client), address(voucher)];
        for (uint256 i; i < 4; ++i) {
            _lock(1 ether, targets[i]);
        }
        _lock(1 ether, BOB);
        _deliver(0, 0, 5);
        for (uint256 i; i < 4; ++i) {
            assertEq(voucher.balanceOf(targets[i]), 0, "nothing");
            assertEq(_reason(i), 2, "failed");
        }
        assertEq(voucher.balanceOf(BOB), 1 ether, "the rest of the batch lands");
        _deliver(1, 0, 4);
        assertEq(token.balanceOf(ALICE), 999 ether, "came back");
        _checkBooks();
    }

    function test_an_asset_that_is_not_registered_comes_back() public {
        TestERC20 other = new TestERC20("Other", "O", 18);
        other.mint(ALICE, 10 ether);
        _decide(
            0,
            abi.encodeCall(VaultAdmin.registerAsset, (sides[0].outLane, _asset(1, 1, address(other), keccak256("x"))))
        );
        vm.prank(ALICE);
        other.approve(address(sides[0].vault), 10 ether);
        _lock(0, ALICE, address(other), 10 ether, _word(BOB));
        _deliver(0, 0, 1);
        assertEq(_reason(0), 2, "failed");
        _deliver(1, 0, 1);
        assertEq(other.balanceOf(ALICE), 10 ether, "came back");
    }

    function _backed(uint256 n) internal {
        for (uint256 i; i < n; ++i) {
            _lock(10 ether, BOB);
        }
        _deliver(0, 0, n);
    }

    /// At the home, whatever the token does to one credit, it comes back and the others land.
    function test_atk_027_a_failing_release_comes_back_and_the_rest_lands() public {
        _backed(1);
        token.setBlocked(CAROL, true);
        _lock(1, BOB, address(voucher), 1 ether, _word(ALICE));
        _lock(1, BOB, address(voucher), 2 ether, _word(CAROL));
        _lock(1, BOB, address(voucher), 3 ether, _word(address(0xd4)));
        _deliver(1, 0, 3);
        assertEq(token.balanceOf(ALICE), 991 ether, "first");
        assertEq(token.balanceOf(address(0xd4)), 3 ether, "third");
        assertEq(_held(0, address(token)), 6 ether, "the second is still held");
        _deliver(0, 1, 2);
        assertEq(voucher.balanceOf(BOB), 6 ether, "minted again");
        _checkBooks();
    }

    function test_atk_027_paused_lying_and_fee_taking_tokens_fail_every_release() public {
        _backed(1);
        uint256 index;
        for (uint256 fault; fault < 5; ++fault) {
            if (fault == 0) token.setPaused(true);
            if (fault == 1) token.setAnswer(HostileERC20.Answer.False);
            if (fault == 2) token.setAnswer(HostileERC20.Answer.Nothing);
            if (fault == 3) token.setGasTrap(CAROL);
            if (fault == 4) token.setReentry(address(sides[0].vault), hex"deadbeef", false);
            _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
            _lock(1, BOB, address(voucher), 2 ether, _word(CAROL));
            _deliver(1, index, index + 2);
            assertEq(token.balanceOf(CAROL), 0, "nothing was paid");
            index += 2;
            token.setPaused(false);
            token.setAnswer(HostileERC20.Answer.True);
            token.setGasTrap(address(0));
            token.setReentry(address(0), "", false);
            _deliverAll(0);
            assertEq(voucher.balanceOf(BOB), 10 ether, "minted again");
        }
        // A return-data bomb is not copied: it says true, so it is paid.
        token.setAnswer(HostileERC20.Answer.Bomb);
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        _deliver(1, index, index + 1);
        assertEq(token.balanceOf(CAROL), 1 ether, "paid");
        _checkBooks();
    }

    function test_a_fee_on_release_moves_another_amount_only_where_the_vault_pays_more() public {
        _backed(1);
        token.setFee(200);
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        _deliver(1, 0, 1);
        // This token takes the fee from what arrives: the vault gave exactly the amount, so the books hold.
        assertEq(_held(0, address(token)), 9 ether, "exactly the amount left");
        _checkBooks();
    }

    function test_atk_027_an_nft_that_does_not_move_comes_back() public {
        nft.mint(ALICE, 7);
        _lock(0, ALICE, address(nft), 7, _word(BOB));
        _deliver(0, 0, 1);
        for (uint256 fault; fault < 3; ++fault) {
            if (fault == 0) nft.setPaused(true);
            if (fault == 1) nft.setBlocked(CAROL, true);
            if (fault == 2) nft.setIdle(true);
            _lock(1, BOB, address(nftVoucher), 7, _word(CAROL));
            _deliver(1, fault, fault + 1);
            nft.setPaused(false);
            nft.setBlocked(CAROL, false);
            nft.setIdle(false);
            assertTrue(sides[0].admin.isEscrowed(sides[0].outLane, address(nft), 7), "still held");
            _deliver(0, 1 + fault, 2 + fault);
            assertEq(nftVoucher.ownerOf(7), BOB, "minted again");
        }
        _lock(1, BOB, address(nftVoucher), 7, _word(CAROL));
        _deliver(1, 3, 4);
        assertEq(nft.ownerOf(7), CAROL, "released");
        assertTrue(!sides[0].admin.isEscrowed(sides[0].outLane, address(nft), 7), "no longer held");
    }

    /// Whatever gas a submitter brings: credited, or reverted and still open. Never `failed`.
    function test_atk_110_too_little_gas_never_fails_a_credit() public {
        _backed(1);
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        _lock(1, BOB, address(voucher), 1 ether, _word(address(0xd4)));
        Bundle[2] memory bundles = [_bundle(1, 0, 1), _bundle(1, 0, 2)];
        for (uint256 k; k < 2; ++k) {
            Bundle memory b = bundles[k];
            bytes memory data = abi.encodeCall(VaultDelivery.deliver, (b.lane, b.first, b.update, b.stateProof, b.runs));
            uint256 landed;
            for (uint256 limit = 21_000; limit < 1_400_000; limit += 7_001) {
                uint256 snapshot = vm.snapshotState();
                (bool ok,) = address(sides[0].vault).call{gas: limit}(data);
                if (ok) {
                    assertEq(token.balanceOf(CAROL), 1 ether, "credited");
                    assertEq(sides[0].outbox.size(), 1, "nothing was answered");
                    ++landed;
                } else {
                    assertTrue(!sides[0].admin.isDelivered(sides[0].inLane, 0), "open");
                }
                vm.revertToState(snapshot);
            }
            assertTrue(landed > 50, "enough gas is enough");
        }
    }

    function test_atk_056_no_entry_point_runs_inside_another() public {
        _backed(1);
        nft.mint(ALICE, 7);
        // Something is parked, so that claims could pay.
        _park(1 ether);
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        Bundle memory b = _bundle(1, sides[1].outbox.size() - 1, sides[1].outbox.size());
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now()) + 60;
        bytes[6] memory inner = [
            abi.encodeCall(VaultLock.lock, (lane, address(token), 1, _word(BOB), timeout, bytes32(0))),
            abi.encodeCall(VaultLock.sendMany, (lane, address(token), timeout, _items(1, 1))),
            abi.encodeCall(VaultDelivery.deliver, (b.lane, b.first, b.update, b.stateProof, b.runs)),
            abi.encodeCall(Vault.claim, (address(token), 1, CAROL)),
            abi.encodeCall(Vault.pushClaim, (address(token), 1, ALICE)),
            abi.encodeCall(VaultPayments.payOut, (address(token), 1, new Pay[](0)))
        ];
        for (uint256 i; i < 6; ++i) {
            for (uint256 outer; outer < 4; ++outer) {
                uint256 snapshot = vm.snapshotState();
                token.setReentry(address(sides[0].vault), inner[i], true);
                if (outer == 0) _lock(1 ether, BOB);
                if (outer == 1) _submit(0, b);
                if (outer == 2) {
                    vm.prank(ALICE);
                    sides[0].vault.claim(address(token), 1 ether, CAROL);
                }
                if (outer == 3) sides[0].vault.pushClaim(address(token), 1 ether, ALICE);
                assertTrue(!token.reentered(), "the inner call was refused");
                vm.revertToState(snapshot);
            }
        }
    }

    /// A lock of Alice's fails on the other side, and its return finds her blocked: it is parked.
    function _park(uint256 amount) internal {
        uint256 index = sides[0].outbox.size();
        _lock(amount, address(voucher));
        _deliver(0, index, index + 1);
        token.setBlocked(ALICE, true);
        uint256 size = sides[1].outbox.size();
        _deliver(1, size - 1, size);
        token.setBlocked(ALICE, false);
        assertEq(sides[0].admin.claimable(address(token), ALICE), amount, "parked");
    }

    // --- deadlines -----------------------------------------------------------------------------------------------------

    function test_atk_058_059_the_destinations_clock_decides_at_the_edge() public {
        bytes32 lane = sides[0].outLane;
        for (uint256 i; i < 3; ++i) {
            uint64 timeout = uint64(_now()) + 1 hours;
            vm.prank(ALICE);
            sides[0].vault.lock(lane, address(token), 1 ether, _word(BOB), timeout, bytes32(0));
            // The header's own time is far behind the destination's: it changes nothing.
            Bundle memory b = _bundle(0, i, i + 1);
            vm.warp(timeout - 1 + i);
            _submit(1, b);
            assertEq(voucher.balanceOf(BOB), 1 ether, "credited at T - 1 only");
            assertEq(sides[1].outbox.size(), i, "answered at T and T + 1 only");
        }
        assertEq(_reason(0), 1, "expired");
        assertEq(_reason(1), 1, "expired");
    }

    // --- returns -------------------------------------------------------------------------------------------------------

    function test_atk_114_a_return_must_answer_an_own_transfer_once() public {
        _lock(5 ether, BOB);
        _lock(7 ether, BOB);
        vm.warp(_now() + 2 hours);
        _deliver(0, 0, 2);
        Bundle memory b = _bundle(1, 0, 2);
        // The returned transfer claims more than was locked: neither commitment fits.
        bytes memory runs = b.runs;
        uint256 amountAt = runs.length - 177 + 9 + 32 + 31;
        runs[amountAt] = bytes1(uint8(runs[amountAt]) ^ 1);
        _deliverRefused(0, b, VaultStorage.RootMismatch.selector, "another amount");
        runs[amountAt] = bytes1(uint8(runs[amountAt]) ^ 1);
        _submit(0, b);
        assertEq(token.balanceOf(ALICE), 1_000 ether, "came back");
        // The other chain is corrupt and answers the same transfer again, or one that never was: its outbox says so, with
        // good proofs.
        bytes32 lane = sides[1].outLane;
        bytes memory tail = abi.encode(uint256(2), uint256(0), leaves[sides[0].outLane][0], uint256(1));
        vm.prank(address(sides[1].vault));
        sides[1].outbox.append(lane, 4, tail);
        _forge(lane, 0, leaves[sides[0].outLane][0]);
        vm.warp(_now() + 1);
        _deliverRefused(0, _bundle(1, 2, 3), VaultStorage.AlreadyReturned.selector, "a second return");
        // A transfer of another bridge's lane, with the commitment it really has there.
        _lock(1 ether, BOB);
        _sync();
        bytes32 foreign = _commitment(keccak256("another lane"), 2, entries[sides[0].outLane][2]);
        vm.prank(address(sides[1].vault));
        sides[1].outbox.append(lane, 4, abi.encode(uint256(2), uint256(2), foreign, uint256(1)));
        _forge(lane, 2, foreign);
        vm.warp(_now() + 1);
        _deliverRefused(0, _bundle(1, 3, 4), VaultStorage.RootMismatch.selector, "another lane's transfer");
        assertEq(_held(0, address(token)), 1 ether, "nothing left the escrow");
    }

    function _forge(bytes32 lane, uint64 original, bytes32 commitment) internal {
        Entry memory e;
        (e.kind, e.original, e.commitment, e.reason) = (2, original, commitment, 1);
        leaves[lane].push(_commitment(lane, entries[lane].length, e));
        entries[lane].push(e);
    }

    function test_returns_of_many_assets_in_one_delivery() public {
        nft.mint(ALICE, 5);
        nft.mint(ALICE, 6);
        _lock(1 ether, BOB);
        _lock(2 ether, BOB);
        _lock(0, ALICE, address(nft), 5, _word(BOB));
        _lock(3 ether, BOB);
        _lock(0, ALICE, address(nft), 6, _word(BOB));
        vm.warp(_now() + 2 hours);
        _deliver(0, 0, 5);
        assertEq(sides[1].outbox.size(), 5, "all answered");
        _deliver(1, 0, 5);
        assertEq(token.balanceOf(ALICE), 1_000 ether, "all back");
        assertEq(nft.ownerOf(5), ALICE, "all back");
        assertEq(nft.ownerOf(6), ALICE, "all back");
        assertEq(_held(0, address(token)), 0, "no escrow");
        assertEq(_held(0, address(nft)), 0, "no escrow");
    }

    function test_mixed_deliveries_of_transfers_and_returns() public {
        _backed(1);
        _lock(1 ether, BOB);
        vm.warp(_now() + 2 hours);
        _lock(1, BOB, address(voucher), 1 ether, _word(CAROL));
        _deliver(0, 1, 2);
        _lock(1, BOB, address(voucher), 2 ether, _word(CAROL));
        // Side 1's outbox: transfer, returned, transfer.
        _deliver(1, 0, 3);
        assertEq(token.balanceOf(CAROL), 3 ether, "released");
        assertEq(token.balanceOf(ALICE), 990 ether, "returned");
        _checkBooks();
    }

    function test_atk_117_a_refused_payout_is_parked_for_its_owner_alone() public {
        _park(1 ether);
        assertEq(token.balanceOf(ALICE), 999 ether, "not paid");
        assertEq(_held(0, address(token)), 0, "out of the escrow");
        Vault vault = sides[0].vault;
        vm.prank(CAROL);
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        vault.claim(address(token), 1 ether, CAROL);
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        vault.pushClaim(address(token), 1 ether, CAROL);
        vm.prank(ALICE);
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        vault.claim(address(token), 1 ether + 1, ALICE);
        // The owner still refuses: a push fails, and the claim stays.
        token.setBlocked(ALICE, true);
        vm.expectRevert(abi.encodeWithSelector(VaultStorage.TransferFailed.selector, address(token)));
        vault.pushClaim(address(token), 1 ether, ALICE);
        // To another address, in parts.
        vm.prank(ALICE);
        vault.claim(address(token), 0.25 ether, CAROL);
        token.setBlocked(ALICE, false);
        vm.prank(BOB);
        vault.pushClaim(address(token), 0.75 ether, ALICE);
        assertEq(token.balanceOf(CAROL), 0.25 ether, "claimed");
        assertEq(token.balanceOf(ALICE), 999.75 ether, "pushed");
        assertEq(sides[0].admin.claimable(address(token), ALICE), 0, "all of it");
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(VaultStorage.ForbiddenTarget.selector, address(vault)));
        vault.claim(address(token), 1, address(vault));
    }

    function test_atk_117_an_nft_is_parked_too() public {
        nft.mint(ALICE, 9);
        _lock(0, ALICE, address(nft), 9, _word(address(nftVoucher)));
        _deliver(0, 0, 1);
        nft.setBlocked(ALICE, true);
        _deliver(1, 0, 1);
        assertEq(sides[0].admin.claimableId(address(nft), 9), ALICE, "parked");
        vm.prank(BOB);
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        sides[0].vault.claim(address(nft), 9, BOB);
        vm.prank(ALICE);
        sides[0].vault.claim(address(nft), 9, CAROL);
        assertEq(nft.ownerOf(9), CAROL, "claimed");
        vm.prank(ALICE);
        vm.expectRevert(VaultStorage.NothingToClaim.selector);
        sides[0].vault.claim(address(nft), 9, CAROL);
    }

    function test_atk_115_a_voucher_belongs_to_one_bridge() public {
        // Three chains' worth: a second bridge between the same vaults, with its own voucher for the same token.
        _backed(1);
        VoucherERC20 first = voucher;
        bytes32 firstLane = sides[1].outLane;
        sides[0].outbox = new_(0);
        sides[1].outbox = new_(1);
        _connect(0, 1, 1);
        VoucherERC20 second = VoucherERC20(_register(0, 1, address(token)));
        assertTrue(address(first) != address(second), "another voucher");
        // What one bridge minted does not burn on the other.
        _lockFails(BOB, sides[1].outLane, address(first), VaultStorage.UnsupportedAsset.selector);
        _lockFails(BOB, firstLane, address(second), VaultStorage.UnsupportedAsset.selector);
        // Nor may the first be bound to a second (bridge, asset).
        VaultAdmin.AssetParams memory p = _asset(2, 1, address(first), keccak256("another"));
        vm.prank(address(sides[1].council));
        (bool ok,) = address(sides[1].vault).call(abi.encodeCall(VaultAdmin.registerAsset, (sides[1].outLane, p)));
        assertTrue(!ok, "bound already");
        // Only its vault mints and burns.
        vm.expectRevert(VoucherERC20.NotVault.selector);
        first.mint(new Pay[](0));
        vm.expectRevert(VoucherERC20.NotVault.selector);
        first.burn(BOB, 1);
    }

    function _lockFails(address who, bytes32 lane, address asset, bytes4 selector) internal {
        vm.prank(who);
        try sides[1].vault.lock(lane, asset, 1, _word(BOB), uint64(_now() + 60), bytes32(0)) {
            revert NotTrue("locked");
        } catch (bytes memory reason) {
            assertTrue(isError(reason, selector), "typed");
        }
    }

    // --- caps ----------------------------------------------------------------------------------------------------------

    function test_atk_029_caps_hold_back_and_never_lose() public {
        bytes32 out1 = sides[1].outLane;
        _decide(1, abi.encodeCall(VaultAdmin.setCaps, (out1, address(voucher), 100 ether, 10 ether, 1 hours)));
        vm.warp((_now() / 1 hours + 1) * 1 hours);
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now()) + 1 days;
        uint256[4] memory amounts = [uint256(6 ether), 5 ether, 11 ether, 4 ether];
        for (uint256 i; i < 4; ++i) {
            vm.prank(ALICE);
            sides[0].vault.lock(lane, address(token), amounts[i], _word(BOB), timeout, bytes32(0));
        }
        // 6 fits, 5 is above the rest and stays open, 11 is above the whole cap and fails, 4 fits.
        _deliver(0, 0, 4);
        assertEq(voucher.balanceOf(BOB), 10 ether, "the window is full");
        assertTrue(!sides[1].admin.isDelivered(sides[1].inLane, 1), "open");
        assertEq(_reason(0), 2, "larger than the cap: failed");
        // Alone it says so, typed.
        _deliverRefused(1, _bundle(0, 1, 2), VaultStorage.CapReached.selector, "still no room");
        vm.warp(_now() + 1 hours);
        _deliver(0, 1, 2);
        assertEq(voucher.balanceOf(BOB), 15 ether, "in a later window");
        // The return of the failed one is not capped on its way home.
        _decide(0, abi.encodeCall(VaultAdmin.setCaps, (lane, address(token), 1 ether, 1, 1 hours)));
        _deliver(1, 0, 1);
        assertEq(token.balanceOf(ALICE), 985 ether, "returns are never capped");
        // A lock's cap binds at the lock.
        _lock(1 ether, BOB);
        _lockRefused(0, address(token), 1, _word(BOB), VaultStorage.CapReached.selector, "lock cap");
        vm.warp(_now() + 1 hours);
        _lock(1 ether, BOB);
    }

    // --- the surface ---------------------------------------------------------------------------------------------------

    /// A selector that can credit verifies, then marks. All others credit nobody: a new one must be put in a list here.
    function test_atk_023_every_selector_is_known() public view {
        string[12] memory vaultMethods = [
            // Credit: `deliver` on proof; `payOut` for the vault itself; claims of what is parked.
            "deliver(bytes32,uint64,bytes,bytes,bytes)",
            "payOut(address,uint256,(address,uint256)[])",
            "claim(address,uint256,address)",
            "pushClaim(address,uint256,address)",
            // Take.
            "lock(bytes32,address,uint256,bytes32,uint64,bytes32)",
            "sendMany(bytes32,address,uint64,(bytes32,uint256,bytes32)[])",
            // Neither.
            "descend(uint256)",
            "initialize(address,bytes32)",
            "admin()",
            "upgradeToAndCall(address,bytes)",
            "proxiableUUID()",
            "UPGRADE_INTERFACE_VERSION()"
        ];
        string[24] memory adminMethods = [
            // By the council.
            "openBridge((string,bytes32,bytes,bytes),uint64,address,address,uint8,bytes32,bytes32)",
            "closeBridge(bytes32)",
            "registerAsset(bytes32,(uint8,uint8,address,bytes32,uint8,uint8,uint8,uint128,uint112,uint112,uint32,string,string))",
            "closeAsset(bytes32,address)",
            "setCaps(bytes32,address,uint112,uint112,uint32)",
            "replaceClient(bytes32,address)",
            // By the guardian.
            "pause(uint64)",
            // Views.
            "laneIds((string,bytes32,bytes,bytes),uint64,address)",
            "laneConfig(bytes32)",
            "provenHeight(bytes32)",
            "asset(bytes32,address)",
            "tokenOf(bytes32,bytes32)",
            "assetHashOf(uint8,address)",
            "isDelivered(bytes32,uint64)",
            "deliveredWord(bytes32,uint256)",
            "isReturned(bytes32,uint64)",
            "claimable(address,address)",
            "claimableId(address,uint256)",
            "isEscrowed(bytes32,address,uint256)",
            "council()",
            "genesis()",
            "pausedUntil()",
            "vouchers()",
            "swaps()"
        ];
        string[] memory found = vm.parseJsonKeys(vm.readFile("artifacts/Vault.json"), "$.methods");
        assertEq(found.length, vaultMethods.length, "methods of the vault");
        for (uint256 i; i < found.length; ++i) {
            bool known;
            for (uint256 j; j < vaultMethods.length; ++j) {
                known = known || keccak256(bytes(vaultMethods[j])) == keccak256(bytes(found[i]));
            }
            assertTrue(known, found[i]);
        }
        found = vm.parseJsonKeys(vm.readFile("artifacts/VaultAdmin.json"), "$.methods");
        assertEq(found.length, adminMethods.length, "methods of the module");
        for (uint256 i; i < found.length; ++i) {
            bool known;
            for (uint256 j; j < adminMethods.length; ++j) {
                known = known || keccak256(bytes(adminMethods[j])) == keccak256(bytes(found[i]));
            }
            assertTrue(known, found[i]);
        }
    }

    function test_atk_009_nobody_can_withdraw() public {
        _lock(100 ether, BOB);
        _park(1 ether);
        uint256 before = token.balanceOf(address(sides[0].vault));
        address[4] memory callers = [address(sides[0].council), GUARDIAN, ORG_A, CAROL];
        Pay[] memory pays = new Pay[](1);
        pays[0] = Pay(CAROL, 1 ether);
        for (uint256 i; i < 4; ++i) {
            vm.startPrank(callers[i]);
            try sides[0].vault.payOut(address(token), 1, pays) {
                revert NotTrue("paid");
            } catch (bytes memory reason) {
                assertTrue(isError(reason, VaultStorage.NotSelf.selector), "not self");
            }
            try sides[0].vault.claim(address(token), 1 ether, CAROL) {
                revert NotTrue("claimed");
            } catch {}
            vm.stopPrank();
        }
        assertEq(token.balanceOf(address(sides[0].vault)), before, "all there");
    }
}
