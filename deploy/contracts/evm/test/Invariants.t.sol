// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HostileERC20} from "../mocks/HostileERC20.sol";
import {VaultStorage} from "../src/VaultStorage.sol";
import {VoucherERC20} from "../src/VoucherERC20.sol";
import {Bridge} from "./utils/Bridge.sol";
import {Chain} from "./utils/Chain.sol";
import {Test} from "./utils/Test.sol";

/// What anybody may do, in any order: lock and burn, deliver any range as often as they like, let time pass, be blocked by
/// the token, claim.
contract Handler is Bridge {
    HostileERC20 public token;
    VoucherERC20 public voucher;
    uint256 public frozenAtSize;
    bool public frozen;

    address[4] internal people = [address(0xa1), address(0xb2), address(0xc3), address(0xd4)];

    function setUp() public override {
        super.setUp();
        token = new HostileERC20("Token", "T");
        voucher = VoucherERC20(_register(0, 1, address(token)));
        for (uint256 i; i < 4; ++i) {
            token.mint(people[i], 1_000);
            vm.prank(people[i]);
            token.approve(address(sides[0].vault), type(uint256).max);
        }
    }

    function lock(uint256 who, uint256 to, uint256 amount, uint256 patience) external {
        _tryLock(0, people[who % 4], address(token), amount, to, patience);
    }

    function burn(uint256 who, uint256 to, uint256 amount, uint256 patience) external {
        _tryLock(1, people[who % 4], address(voucher), amount, to, patience);
    }

    function _tryLock(uint256 side, address who, address asset, uint256 amount, uint256 to, uint256 patience) private {
        uint256 balance = asset == address(token) ? token.balanceOf(who) : voucher.balanceOf(who);
        if (balance == 0) return;
        amount = bound(amount, 1, balance);
        // Sometimes to a recipient that may not be paid.
        address recipient = to % 9 == 0 ? address(sides[1 - side].vault) : people[to % 4];
        bytes32 lane = sides[side].outLane;
        uint64 timeout = uint64(_now() + bound(patience, 1, 2 hours));
        vm.prank(who);
        try sides[side].vault.lock(lane, asset, amount, _word(recipient), timeout, bytes32(0)) {} catch {}
    }

    function deliver(uint256 src, uint256 from, uint256 count) external {
        src %= 2;
        uint256 size = sides[src].outbox.size();
        if (size == 0 || frozen) return;
        from = bound(from, 0, size - 1);
        count = bound(count, 1, size - from > 12 ? 12 : size - from);
        _deliver(src, from, from + count);
    }

    function wait_(uint256 time) external {
        vm.warp(_now() + bound(time, 1, 1 hours));
    }

    function setBlocked(uint256 who, bool blocked) external {
        token.setBlocked(people[who % 4], blocked);
    }

    function claim(uint256 who, uint256 to) external {
        address owner = people[who % 4];
        uint256 parked = sides[0].admin.claimable(address(token), owner);
        if (parked == 0) return;
        vm.prank(owner);
        try sides[0].vault.claim(address(token), parked, people[to % 4]) {} catch {}
    }

    /// Two final blocks at one height: the reader of side 1's chain freezes.
    function freeze(uint256 chance) external {
        if (frozen || chance % 50 != 0) return;
        Chain.Block memory a = _block(1, keccak256("one"));
        Chain.Block memory b = Chain.Block(0, a.height, a.time, a.parent, keccak256("two"), 0, a.keys, "");
        sides[0].client.misbehaviour(Chain.update(a), Chain.update(b));
        frozen = true;
        frozenAtSize = sides[0].outbox.size();
    }

    // --- what must hold ------------------------------------------------------------------------------------------------

    function check() external {
        _sync();
        bytes32 there = sides[0].outLane;
        bytes32 back = sides[1].outLane;
        (uint256 locked, uint256 credited, uint256 refunded) = _sums(there, 1, 0);
        (uint256 burned, uint256 released, uint256 reminted) = _sums(back, 0, 1);
        uint256 escrow = _held(0, address(token));
        uint256 outstanding = _held(1, address(voucher));
        // INV-1
        assertTrue(outstanding <= escrow, "INV-1: backed");
        assertEq(voucher.totalSupply(), outstanding, "INV-1: what is out is what was minted");
        uint256 parked;
        for (uint256 i; i < 4; ++i) {
            parked += sides[0].admin.claimable(address(token), people[i]);
        }
        assertEq(token.balanceOf(address(sides[0].vault)), escrow + parked, "the vault holds escrow and claims");
        // INV-2: each entry took effect once.
        assertEq(escrow, locked - refunded - released, "INV-2: escrow");
        assertEq(outstanding, credited + reminted - burned, "INV-2: outstanding");
    }

    /// Sums over a lane's transfers: all, credited on `dst`, come back to `src`.
    function _sums(bytes32 lane, uint256 dst, uint256 src)
        private
        view
        returns (uint256 all, uint256 credited, uint256 returned)
    {
        bytes32 reverse = sides[dst].outLane;
        for (uint256 i; i < entries[lane].length; ++i) {
            Entry memory e = entries[lane][i];
            if (e.kind != 1) continue;
            all += e.amount;
            uint256 answers;
            for (uint256 j; j < entries[reverse].length; ++j) {
                if (entries[reverse][j].kind == 2 && entries[reverse][j].original == i) ++answers;
            }
            bool delivered = sides[dst].admin.isDelivered(lane, uint64(i));
            bool back = sides[src].admin.isReturned(lane, uint64(i));
            // INV-3
            assertTrue(answers <= (delivered ? 1 : 0), "INV-3: one answer, and only to what was delivered");
            assertTrue(!back || answers == 1, "INV-3: nothing comes back that was credited");
            if (delivered && answers == 0) credited += e.amount;
            if (back) returned += e.amount;
        }
    }

    function checkFrozen() external view {
        if (!frozen) return;
        assertTrue(!sides[0].client.live(), "INV-8: frozen");
        assertEq(sides[0].outbox.size(), frozenAtSize, "INV-8: no lock is taken");
    }
}

contract InvariantsTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler internal handler;

    function setUp() public {
        handler = new Handler();
        handler.setUp();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = Handler.lock.selector;
        selectors[1] = Handler.burn.selector;
        selectors[2] = Handler.deliver.selector;
        selectors[3] = Handler.wait_.selector;
        selectors[4] = Handler.setBlocked.selector;
        selectors[5] = Handler.claim.selector;
        selectors[6] = Handler.freeze.selector;
        // Most of what happens is this.
        selectors[7] = Handler.deliver.selector;
        selectors[8] = Handler.lock.selector;
        selectors[9] = Handler.burn.selector;
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_1_2_3_backed_once_credited_xor_returned() public {
        handler.check();
    }

    function invariant_8_frozen() public view {
        handler.checkFrozen();
    }
}
