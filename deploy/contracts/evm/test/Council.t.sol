// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {TestERC20} from "../mocks/TestERC20.sol";
import {BftEvmClient} from "../src/BftEvmClient.sol";
import {Council} from "../src/Council.sol";
import {Outbox} from "../src/Outbox.sol";
import {Vault} from "../src/Vault.sol";
import {VaultAdmin} from "../src/VaultAdmin.sol";
import {VaultLock} from "../src/VaultLock.sol";
import {VaultStorage} from "../src/VaultStorage.sol";
import {VaultSwaps} from "../src/VaultSwaps.sol";
import {VoucherFactory} from "../src/VoucherFactory.sol";
import {Pay, VoucherERC20} from "../src/VoucherERC20.sol";
import {Bridge} from "./utils/Bridge.sol";

/// Another version of a vault, that everybody can see.
contract NextVault is Vault {
    constructor(address admin_) Vault(admin_) {}

    function version() external pure returns (uint256) {
        return 2;
    }
}

/// Answers a vault's questions as a voucher would.
contract SaysSo {
    address public immutable vault;
    bytes32 public immutable lane;
    bytes32 public immutable remoteAsset;

    constructor(address vault_, bytes32 lane_, bytes32 remoteAsset_) {
        (vault, lane, remoteAsset) = (vault_, lane_, remoteAsset_);
    }
}

/// The council: who decides, when it is done, and what cannot be decided.
contract CouncilTest is Bridge {
    function _council(uint256 count, uint256 quorum, uint64 delay) internal returns (Council) {
        address[] memory organisations = new address[](count);
        for (uint256 i; i < count; ++i) {
            organisations[i] = address(uint160(0xf00 + i));
        }
        return new Council(organisations, quorum, delay, GUARDIAN);
    }

    function _calls(address target, bytes memory data) internal pure returns (Council.Call[] memory calls) {
        calls = new Council.Call[](1);
        calls[0] = Council.Call(target, data);
    }

    function test_quorum_is_everybody_up_to_three() public {
        for (uint256 n = 1; n < 4; ++n) {
            assertEq(_council(n, 1, 0).quorum(), n, "n of n");
        }
        assertEq(_council(5, 3, 0).quorum(), 3, "a majority");
        for (uint256 i; i < 4; ++i) {
            address[] memory bad = new address[](i == 0 ? 0 : 4);
            for (uint256 j; j < bad.length; ++j) {
                bad[j] = address(uint160(1 + (i == 1 ? 0 : j)));
            }
            vm.expectRevert(Council.InvalidCouncil.selector);
            // None; one four times; half; more than all.
            new Council(bad, i == 2 ? 2 : i == 3 ? 5 : 3, 0, GUARDIAN);
        }
        vm.expectRevert(Council.InvalidCouncil.selector);
        _council(3, 3, 31 days);
    }

    function test_a_decision_waits_for_its_quorum_and_its_delay() public {
        Council council = _council(4, 3, 2 days);
        bytes memory data = abi.encodeCall(Council.change, (council.organisations(), 4, 1 days, address(7)));
        Council.Call[] memory calls = _calls(address(council), data);
        vm.expectRevert(Council.NotOrganisation.selector);
        council.propose(calls);
        vm.prank(address(0xf00));
        bytes32 id = council.propose(calls);
        vm.prank(address(0xf01));
        council.approve(id);
        vm.prank(address(0xf01));
        council.approve(id); // counts once
        vm.expectRevert(abi.encodeWithSelector(Council.TooEarly.selector, 0));
        council.execute(0, calls);
        vm.prank(address(0xf02));
        council.approve(id);
        uint64 from = uint64(_now() + 2 days);
        vm.expectRevert(abi.encodeWithSelector(Council.TooEarly.selector, from));
        council.execute(0, calls);
        // An approval taken back stops the clock.
        vm.prank(address(0xf02));
        council.revoke(id);
        vm.warp(from);
        vm.expectRevert(abi.encodeWithSelector(Council.TooEarly.selector, 0));
        council.execute(0, calls);
        vm.prank(address(0xf03));
        council.approve(id);
        vm.warp(_now() + 2 days);
        // Other calls under the same number are another decision.
        vm.expectPartialRevert(Council.UnknownProposal.selector);
        council.execute(0, _calls(address(council), ""));
        council.execute(0, calls);
        assertEq(council.quorum(), 4, "changed");
        assertEq(council.guardian(), address(7), "changed");
        vm.expectPartialRevert(Council.UnknownProposal.selector);
        council.execute(0, calls);
    }

    function test_decisions_lapse_and_old_terms_do_not_count() public {
        Council council = _council(2, 2, 0);
        Council.Call[] memory calls =
            _calls(address(council), abi.encodeCall(Council.change, (council.organisations(), 2, 0, address(8))));
        vm.prank(address(0xf00));
        bytes32 first = council.propose(calls);
        vm.prank(address(0xf01));
        council.approve(first);
        vm.prank(address(0xf00));
        bytes32 second = council.propose(calls);
        vm.prank(address(0xf01));
        council.approve(second);
        council.execute(0, calls);
        vm.expectPartialRevert(Council.UnknownProposal.selector);
        council.execute(1, calls);
        vm.prank(address(0xf00));
        bytes32 third = council.propose(calls);
        vm.prank(address(0xf01));
        council.approve(third);
        vm.warp(_now() + 31 days);
        vm.expectPartialRevert(Council.Lapsed.selector);
        council.execute(2, calls);
        vm.expectRevert(Council.NotCouncil.selector);
        council.change(new address[](0), 0, 0, address(0));
    }

    function test_what_has_lapsed_is_not_revived() public {
        Council council = _council(2, 2, 0);
        Council.Call[] memory calls = _calls(address(council), "");
        vm.prank(address(0xf00));
        bytes32 decided = council.propose(calls);
        vm.prank(address(0xf01));
        council.approve(decided);
        vm.prank(address(0xf00));
        bytes32 open = council.propose(calls);
        vm.warp(_now() + 30 days);
        vm.prank(address(0xf01));
        council.approve(open);
        vm.warp(_now() + 1);
        // Taken back and given again, an approval would schedule the old decision anew.
        vm.expectPartialRevert(Council.Lapsed.selector);
        vm.prank(address(0xf01));
        council.revoke(decided);
        vm.expectPartialRevert(Council.Lapsed.selector);
        vm.prank(address(0xf01));
        council.approve(decided);
        // One that found its quorum in time has its own thirty days.
        (, uint64 notBefore,,) = council.proposals(open);
        assertEq(notBefore, _now() - 1, "scheduled");
        // And one that did not is as dead.
        vm.prank(address(0xf00));
        bytes32 alone = council.propose(calls);
        vm.warp(_now() + 30 days + 1);
        vm.expectPartialRevert(Council.Lapsed.selector);
        vm.prank(address(0xf01));
        council.approve(alone);
    }

    function test_all_calls_succeed_or_none() public {
        Council.Call[] memory calls = new Council.Call[](2);
        calls[0] = Council.Call(address(sides[0].vault), abi.encodeCall(VaultAdmin.pause, (uint64(_now() + 60))));
        calls[1] = Council.Call(address(sides[0].vault), abi.encodeCall(VaultAdmin.closeBridge, (bytes32("no lane"))));
        Council council = sides[0].council;
        uint256 number = council.proposalCount();
        vm.prank(ORG_A);
        bytes32 id = council.propose(calls);
        vm.prank(ORG_B);
        council.approve(id);
        vm.expectPartialRevert(Council.CallFailed.selector);
        council.execute(number, calls);
        assertEq(sides[0].admin.pausedUntil(), 0, "none");
    }

    // --- the vault's owner ---------------------------------------------------------------------------------------------

    function test_atk_026_nobody_initialises_twice() public {
        address implementation = address(uint160(uint256(vm.load(address(sides[0].vault), IMPLEMENTATION))));
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        Vault(implementation).initialize(address(sides[0].council), keccak256("g"));
        Vault vault = sides[0].vault;
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        vault.initialize(address(sides[0].council), keccak256("g"));
    }

    bytes32 private constant IMPLEMENTATION = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);

    function test_atk_002_a_vault_without_its_start_does_nothing() public {
        VaultAdmin admin = new VaultAdmin(new VoucherFactory(), address(new VaultSwaps()));
        Vault implementation = new Vault(address(admin));
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        new ERC1967Proxy(address(implementation), abi.encodeCall(Vault.initialize, (ORG_A, keccak256("g"))));
        // The implementation itself is such a vault.
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        implementation.deliver(0, 0, "", "", "");
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        implementation.lock(0, address(1), 1, bytes32(uint256(1)), uint64(_now() + 1), 0);
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        implementation.sendMany(0, address(1), uint64(_now() + 1), new VaultLock.Item[](1));
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        implementation.claim(address(1), 1, ORG_A);
        vm.expectRevert(VaultStorage.NotInitialised.selector);
        implementation.pushClaim(address(1), 1, ORG_A);
        vm.expectRevert(VaultStorage.NotCouncil.selector);
        admin.closeBridge(0);
    }

    function test_atk_009_only_the_council_changes_anything() public {
        bytes32 lane = sides[0].outLane;
        bytes[7] memory calls = [
            abi.encodeCall(
                VaultAdmin.openBridge,
                (_remote(1), 2, address(sides[0].outbox), address(sides[0].client), 20, lane, lane)
            ),
            abi.encodeCall(VaultAdmin.closeBridge, (lane)),
            abi.encodeCall(VaultAdmin.registerAsset, (lane, _asset(1, 1, address(1), keccak256("x")))),
            abi.encodeCall(VaultAdmin.closeAsset, (lane, address(1))),
            abi.encodeCall(VaultAdmin.setCaps, (lane, address(1), 1, 1, 1)),
            abi.encodeCall(VaultAdmin.replaceClient, (lane, address(1))),
            abi.encodeWithSignature("upgradeToAndCall(address,bytes)", address(1), "")
        ];
        address[3] memory callers = [ORG_A, GUARDIAN, address(this)];
        for (uint256 c; c < 3; ++c) {
            for (uint256 i; i < calls.length; ++i) {
                vm.prank(callers[c]);
                (bool ok, bytes memory reason) = address(sides[0].vault).call(calls[i]);
                assertTrue(!ok && isError(reason, VaultStorage.NotCouncil.selector), "the council only");
            }
        }
    }

    function test_atk_009_an_upgrade_waits_and_keeps_everything() public {
        TestERC20 token = new TestERC20("T", "T", 18);
        _register(0, 1, address(token));
        token.mint(address(this), 5 ether);
        token.approve(address(sides[0].vault), 5 ether);
        sides[0].vault
            .lock(sides[0].outLane, address(token), 5 ether, _word(address(9)), uint64(_now() + 60), bytes32(0));
        // A delay first.
        Council council = sides[0].council;
        _decide(0, address(council), abi.encodeCall(Council.change, (council.organisations(), 2, 3 days, GUARDIAN)));
        NextVault next = new NextVault(address(new VaultAdmin(new VoucherFactory(), address(new VaultSwaps()))));
        bytes memory data = abi.encodeWithSignature("upgradeToAndCall(address,bytes)", address(next), "");
        Council.Call[] memory calls = _calls(address(sides[0].vault), data);
        uint256 number = council.proposalCount();
        vm.prank(ORG_A);
        bytes32 id = council.propose(calls);
        vm.prank(ORG_B);
        council.approve(id);
        vm.expectPartialRevert(Council.TooEarly.selector);
        council.execute(number, calls);
        vm.warp(_now() + 3 days);
        council.execute(number, calls);
        assertEq(NextVault(address(sides[0].vault)).version(), 2, "upgraded");
        assertEq(_held(0, address(token)), 5 ether, "kept");
        assertEq(sides[0].outbox.size(), 1, "kept");
        _deliver(0, 0, 1);
    }

    function test_bridges_are_opened_only_as_agreed() public {
        Side storage s = sides[0];
        vm.chainId(s.chainId);
        Outbox fresh = new Outbox(address(s.vault));
        (bytes32 out, bytes32 in_) = s.admin.laneIds(_remote(1), 5, address(fresh));
        VaultAdmin.RemoteEnd memory remote = _remote(1);
        _openFails(remote, 5, address(fresh), address(s.client), 20, in_, out, "exchanged lanes");
        _openFails(remote, 6, address(fresh), address(s.client), 20, out, in_, "another epoch");
        _openFails(remote, 5, address(s.outbox), address(s.client), 20, out, in_, "an outbox in use");
        _openFails(remote, 5, address(new Outbox(address(1))), address(s.client), 20, out, in_, "another's outbox");
        _openFails(remote, 5, address(fresh), address(sides[1].client), 20, out, in_, "a client of another chain");
        _openFails(remote, 5, address(fresh), address(s.client), 21, out, in_, "accounts of 21 bytes");
        _decide(0, abi.encodeCall(VaultAdmin.openBridge, (remote, 5, address(fresh), address(s.client), 20, out, in_)));
        VaultAdmin.LaneConfig memory c = s.admin.laneConfig(in_);
        assertEq(c.reverse, out, "reverse");
        assertEq(c.role, 2, "role");
        assertEq(c.epoch, 5, "epoch");
        assertEq(c.remoteOutbox, address(sides[1].outbox), "remote outbox");
        assertEq(c.outbox, address(fresh), "outbox");
        _openFails(remote, 5, address(fresh), address(s.client), 20, out, in_, "again");
    }

    function _openFails(
        VaultAdmin.RemoteEnd memory remote,
        uint64 epoch,
        address outbox,
        address client,
        uint8 bytes_,
        bytes32 out,
        bytes32 in_,
        string memory what
    ) internal {
        vm.prank(address(sides[0].council));
        (bool ok,) = address(sides[0].vault)
            .call(abi.encodeCall(VaultAdmin.openBridge, (remote, epoch, outbox, client, bytes_, out, in_)));
        assertTrue(!ok, what);
    }

    function test_assets_are_registered_once_and_sanely() public {
        TestERC20 token = new TestERC20("T", "T", 18);
        bytes32 lane = sides[0].outLane;
        for (uint256 i; i < 13; ++i) {
            VaultAdmin.AssetParams memory p = _asset(1, 1, address(token), keccak256("remote"));
            if (i == 0) p.mode = 3;
            if (i == 1) p.standard = 3;
            if (i == 2) p.remoteAsset = 0;
            if (i == 3) p.amountWidth = 33;
            if (i == 4) p.amountWidth = 0;
            if (i == 5) p.token = address(0xdead);
            if (i == 6) p.localDecimals = 37;
            if (i == 7) p.lockCap = 5;
            if (i == 8) (p.standard, p.amountWidth) = (2, 16);
            // A voucher finer than its home could not count what the home can hold.
            if (i == 9) p.remoteDecimals = 19;
            if (i == 10) (p.mode, p.token, p.localDecimals) = (2, address(0), 19);
            // The token says 18.
            if (i == 11) (p.localDecimals, p.remoteDecimals) = (17, 17);
            // A contract that says of itself that it is the voucher, and is not the factory's.
            if (i == 12) (p.mode, p.token) = (2, address(new SaysSo(address(sides[0].vault), lane, p.remoteAsset)));
            vm.prank(address(sides[0].council));
            (bool ok,) = address(sides[0].vault).call(abi.encodeCall(VaultAdmin.registerAsset, (lane, p)));
            assertTrue(!ok, vm.toString(i));
        }
        VaultAdmin.AssetParams memory good = _asset(1, 1, address(token), keccak256("remote"));
        _decide(0, abi.encodeCall(VaultAdmin.registerAsset, (lane, good)));
        for (uint256 i; i < 2; ++i) {
            if (i == 1) good.token = address(new TestERC20("U", "U", 18));
            vm.prank(address(sides[0].council));
            (bool ok,) = address(sides[0].vault).call(abi.encodeCall(VaultAdmin.registerAsset, (lane, good)));
            assertTrue(!ok, "a mapping is never changed");
        }
    }

    function test_a_vouchers_address_is_known_before() public {
        VoucherFactory factory = sides[1].admin.vouchers();
        bytes32 remote = keccak256("remote");
        address expected = factory.addressOfERC20(address(sides[1].vault), sides[1].outLane, remote, "Voucher", "V", 18);
        address expected721 = factory.addressOfERC721(address(sides[1].vault), sides[1].outLane, remote, "Voucher", "V");
        _decide(1, abi.encodeCall(VaultAdmin.registerAsset, (sides[1].outLane, _asset(2, 1, address(0), remote))));
        assertEq(sides[1].admin.tokenOf(sides[1].inLane, remote), expected, "CREATE2");
        assertEq(VoucherERC20(expected).decimals(), 18, "decimals");
        // Bound later: deployed by the vault's factory for somebody else, it is nobody's here.
        vm.prank(address(sides[1].vault));
        address early = factory.deployERC721(sides[1].outLane, remote, "Voucher", "V");
        assertEq(early, expected721, "CREATE2");
        VaultAdmin.AssetParams memory p = _asset(2, 2, early, keccak256("remote 721"));
        vm.prank(address(sides[1].council));
        (bool ok,) = address(sides[1].vault).call(abi.encodeCall(VaultAdmin.registerAsset, (sides[1].outLane, p)));
        assertTrue(!ok, "deployed for another asset");
        p.remoteAsset = remote;
        vm.prank(address(sides[1].council));
        (ok,) = address(sides[1].vault).call(abi.encodeCall(VaultAdmin.registerAsset, (sides[1].outLane, p)));
        assertTrue(!ok, "this asset's name is taken on the lane");
    }

    /// "eip155:<id>/erc20:0x…" written out.
    function test_fuzz_asset_hashes_are_of_the_canonical_text(address token) public view {
        bytes memory digits = "0123456789abcdef";
        bytes memory text = new bytes(40);
        for (uint256 i; i < 40; ++i) {
            text[i] = digits[(uint160(token) >> (156 - 4 * i)) & 15];
        }
        for (uint256 i; i < 2; ++i) {
            string memory chain = i == 0 ? "eip155:1001" : "eip155:1002";
            assertEq(
                sides[i].admin.assetHashOf(1, token), keccak256(bytes.concat(bytes(chain), "/erc20:0x", text)), "erc20"
            );
            assertEq(
                sides[i].admin.assetHashOf(2, token),
                keccak256(bytes.concat(bytes(chain), "/erc721:0x", text)),
                "erc721"
            );
        }
    }

    // --- the voucher beside OpenZeppelin's ERC-20 ----------------------------------------------------------------------

    function test_fuzz_a_voucher_behaves_like_openzeppelins(uint256 seed) public {
        VoucherERC20 v = new VoucherERC20(address(this), 0, 0, "T", "T", 18);
        TestERC20 t = new TestERC20("T", "T", 18);
        for (uint256 i; i < 30; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            (address a, address b) = (address(uint160(seed % 4)), address(uint160((seed >> 8) % 4)));
            uint256 amount = (seed >> 32) % 7 == 0 ? type(uint256).max - (seed >> 40) % 3 : (seed >> 40) % 50;
            bytes memory data;
            if ((seed >> 16) % 5 == 0) {
                Pay[] memory pays = new Pay[](2);
                (pays[0], pays[1]) = (Pay(a, amount), Pay(b, 3));
                (bool ok,) = address(v).call(abi.encodeCall(v.mint, (pays)));
                uint256 snapshot = vm.snapshotState();
                (bool same,) = address(t).call(abi.encodeCall(t.mint, (a, amount)));
                if (same) (same,) = address(t).call(abi.encodeCall(t.mint, (b, 3)));
                if (!same) vm.revertToState(snapshot);
                assertTrue(ok == same, "mint");
            } else {
                if ((seed >> 16) % 5 == 1) data = abi.encodeCall(v.transfer, (b, amount));
                if ((seed >> 16) % 5 == 2) data = abi.encodeCall(v.approve, (b, amount));
                if ((seed >> 16) % 5 > 2) data = abi.encodeCall(v.transferFrom, (a, b, amount));
                address who = address(uint160(1 + (seed >> 24) % 3));
                vm.prank(who);
                (bool ok, bytes memory one) = address(v).call(data);
                vm.prank(who);
                (bool same, bytes memory two) = address(t).call(data);
                assertTrue(ok == same, "verdict");
                assertEq(keccak256(one), keccak256(two), "answer");
            }
            assertEq(v.totalSupply(), t.totalSupply(), "supply");
            for (uint160 x; x < 4; ++x) {
                assertEq(v.balanceOf(address(x)), t.balanceOf(address(x)), "balance");
                for (uint160 y; y < 4; ++y) {
                    assertEq(v.allowance(address(x), address(y)), t.allowance(address(x), address(y)), "allowance");
                }
            }
        }
    }
}
