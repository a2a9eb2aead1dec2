// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestERC20} from "../mocks/TestERC20.sol";
import {TestERC721} from "../mocks/TestERC721.sol";
import {VaultLock} from "../src/VaultLock.sol";
import {VoucherERC20} from "../src/VoucherERC20.sol";
import {VoucherERC721} from "../src/VoucherERC721.sol";
import {Bridge} from "./utils/Bridge.sol";

/// The whole way there and back: lock, mint, burn, release; late and failed transfers come back; claims.
contract PathTest is Bridge {
    TestERC20 internal token;
    VoucherERC20 internal voucher;
    TestERC721 internal nft;
    VoucherERC721 internal nftVoucher;
    address internal constant ALICE = address(0xa1);
    address internal constant BOB = address(0xb2);

    function setUp() public override {
        super.setUp();
        token = new TestERC20("Token", "T", 18);
        nft = new TestERC721("Nft", "N");
        voucher = VoucherERC20(_register(0, 1, address(token)));
        nftVoucher = VoucherERC721(_register(0, 2, address(nft)));
        token.mint(ALICE, 1_000 ether);
        vm.prank(ALICE);
        token.approve(address(sides[0].vault), type(uint256).max);
        vm.prank(ALICE);
        nft.setApprovalForAll(address(sides[0].vault), true);
    }

    function _lock(uint256 side, address who, address asset, uint256 amount, address to) internal returns (uint64) {
        bytes32 lane = sides[side].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(who);
        return sides[side].vault.lock(lane, asset, amount, _word(to), timeout, bytes32(0));
    }

    function test_erc20_there_and_back() public {
        _lock(0, ALICE, address(token), 5 ether, BOB);
        assertEq(_held(0, address(token)), 5 ether, "escrow");
        _deliver(0, 0, 1);
        assertEq(voucher.balanceOf(BOB), 5 ether, "minted");
        assertEq(_held(1, address(voucher)), 5 ether, "outstanding");
        _lock(1, BOB, address(voucher), 2 ether, ALICE);
        assertEq(voucher.totalSupply(), 3 ether, "burned");
        _deliver(1, 0, 1);
        assertEq(token.balanceOf(ALICE), 997 ether, "released");
        assertEq(_held(0, address(token)), 3 ether, "escrow");
        assertEq(_held(1, address(voucher)), 3 ether, "outstanding");
    }

    function test_erc721_there_and_back() public {
        nft.mint(ALICE, 7);
        _lock(0, ALICE, address(nft), 7, BOB);
        _deliver(0, 0, 1);
        assertEq(nftVoucher.ownerOf(7), BOB, "minted");
        _lock(1, BOB, address(nftVoucher), 7, BOB);
        _deliver(1, 0, 1);
        assertEq(nft.ownerOf(7), BOB, "released");
    }

    function test_late_comes_back_both_ways() public {
        _lock(0, ALICE, address(token), 5 ether, BOB);
        _deliver(0, 0, 1);
        // There: late.
        _lock(0, ALICE, address(token), 4 ether, BOB);
        vm.warp(_now() + 1 hours);
        _deliver(0, 1, 2);
        assertEq(voucher.balanceOf(BOB), 5 ether, "not credited");
        assertEq(sides[1].outbox.size(), 1, "answered");
        _deliver(1, 0, 1);
        assertEq(token.balanceOf(ALICE), 995 ether, "came back");
        assertTrue(sides[0].admin.isReturned(sides[0].outLane, 1), "marked");
        // Back: late, so what was burned is minted again.
        _lock(1, BOB, address(voucher), 5 ether, ALICE);
        assertEq(voucher.totalSupply(), 0, "burned");
        vm.warp(_now() + 1 hours);
        _deliver(1, 1, 2);
        _deliver(0, 2, 3);
        assertEq(voucher.balanceOf(BOB), 5 ether, "minted again");
        assertEq(_held(0, address(token)), 5 ether, "escrow");
        assertEq(_held(1, address(voucher)), 5 ether, "outstanding");
    }

    function test_batch_of_50_and_again() public {
        uint256 n = 50;
        _sendMany(n, 1 ether);
        _deliver(0, 0, n);
        for (uint256 i; i < n; ++i) {
            assertEq(voucher.balanceOf(address(uint160(0x1000 + i))), 1 ether, "credited");
        }
        uint256 supply = voucher.totalSupply();
        _deliver(0, 10, 40);
        assertEq(voucher.totalSupply(), supply, "a second delivery does nothing");
    }

    function _sendMany(uint256 n, uint256 amount) internal {
        VaultLock.Item[] memory items = new VaultLock.Item[](n);
        for (uint256 i; i < n; ++i) {
            items[i] = VaultLock.Item(_word(address(uint160(0x1000 + i))), amount, bytes32(0));
        }
        bytes32 lane = sides[0].outLane;
        uint64 timeout = uint64(_now()) + 1 hours;
        vm.prank(ALICE);
        sides[0].vault.sendMany(lane, address(token), timeout, items);
    }
}
