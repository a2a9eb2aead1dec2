// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BftEvmClient} from "../src/BftEvmClient.sol";
import {BftHeader} from "../src/lib/BftHeader.sol";
import {TrieProof} from "../src/lib/TrieProof.sol";
import {Chain} from "./utils/Chain.sol";
import {Rlp} from "./utils/Rlp.sol";
import {Test} from "./utils/Test.sol";
import {Trie} from "./utils/Trie.sol";

/// The light client's rules, each with the nearest honest input beside it.
contract ClientTest is Test {
    uint64 internal constant NOW = 1_800_000_000;
    uint64 internal constant HEIGHT = 1000;
    uint256 internal constant N_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256[] internal keys = Chain.keysOf(1, 4);

    function setUp() public {
        vm.warp(NOW);
    }

    function _client(uint8 mode, uint256[] memory set) internal returns (BftEvmClient) {
        return new BftEvmClient(
            BftEvmClient.Params(
                mode,
                keccak256("genesis"),
                HEIGHT,
                NOW - 100,
                keccak256("pinned"),
                Chain.setHash(set),
                1 days,
                15,
                1,
                3,
                1 hours
            )
        );
    }

    function _block(uint8 mode, uint64 height, uint64 time) internal view returns (Chain.Block memory) {
        return Chain.Block(mode, height, time, keccak256("parent"), keccak256("state"), 0, keys, "");
    }

    function _refused(BftEvmClient client, bytes memory update, bytes4 selector, string memory what) internal {
        try client.update(update) {
            revert NotTrue(what);
        } catch (bytes memory reason) {
            assertTrue(isError(reason, selector), what);
        }
    }

    function test_all_modes_accept_an_honest_header() public {
        for (uint8 mode; mode < 3; ++mode) {
            BftEvmClient client = _client(mode, keys);
            Chain.Block memory b = _block(mode, HEIGHT + 5, NOW);
            client.update(Chain.update(b));
            (uint64 height, uint64 time, bytes32 set, bool frozen,,,) = client.state();
            assertEq(height, HEIGHT + 5, "height");
            assertEq(time, NOW, "time");
            assertEq(set, Chain.setHash(keys), "set");
            assertTrue(!frozen && client.live(), "live");
            // A header of another mode is none.
            for (uint8 other; other < 3; ++other) {
                if (other == mode) continue;
                _refused(
                    client,
                    Chain.update(_block(other, HEIGHT + 6, NOW + 1)),
                    BftHeader.MalformedHeader.selector,
                    "another mode"
                );
            }
        }
    }

    function test_rounds_and_later_fields_are_read() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW - 50);
        b.round = 3;
        client.update(Chain.update(b));
        b = _block(0, HEIGHT + 2, NOW - 49);
        // London, Shanghai, Cancun, Prague.
        b.later = bytes.concat(
            hex"07",
            Rlp.str(abi.encodePacked(keccak256("w"))),
            hex"80",
            hex"80",
            Rlp.str(abi.encodePacked(keccak256("b")))
        );
        client.update(Chain.update(b));
        b = _block(0, HEIGHT + 3, NOW - 48);
        b.later = hex"07c0";
        _refused(client, Chain.update(b), BftHeader.MalformedHeader.selector, "a list for a root");
        b.later = hex"8107";
        _refused(client, Chain.update(b), BftHeader.MalformedHeader.selector, "a number with a needless length");
    }

    function test_atk_002_parameters_that_prove_nothing_are_refused() public {
        BftEvmClient.Params memory p = BftEvmClient.Params(
            0, keccak256("genesis"), HEIGHT, NOW, keccak256("pinned"), Chain.setHash(keys), 1 days, 15, 1, 3, 1 hours
        );
        new BftEvmClient(p);
        for (uint256 i; i < 14; ++i) {
            BftEvmClient.Params memory bad = abi.decode(abi.encode(p), (BftEvmClient.Params));
            if (i == 0) bad.setHash = 0;
            if (i == 1) bad.setHash = keccak256("");
            if (i == 2) bad.trustingPeriod = 0;
            if (i == 3) (bad.trustNumerator, bad.trustDenominator) = (0, 3);
            if (i == 4) (bad.trustNumerator, bad.trustDenominator) = (1, 1);
            if (i == 5) bad.genesis = 0;
            if (i == 6) bad.mode = 3;
            // A threshold that a quorum would not reach, and one that nobody has.
            if (i == 7) (bad.trustNumerator, bad.trustDenominator) = (3, 4);
            if (i == 8) bad.trustDenominator = 0;
            if (i == 9) bad.freezeDelay = 0;
            if (i == 10) bad.blockHash = 0;
            // A pin from the future, one that has expired, a height that no chain has.
            if (i == 11) bad.time = NOW + 16;
            if (i == 12) bad.time = NOW - 1 days;
            if (i == 13) bad.height = 1 << 48;
            vm.expectRevert(BftEvmClient.InvalidParams.selector);
            new BftEvmClient(bad);
        }
    }

    function test_atk_016_strangers_are_no_quorum() public {
        BftEvmClient client = _client(0, keys);
        uint256[] memory strangers = Chain.keysOf(99, 4);
        // A quorum of strangers' good signatures over the set's own header.
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        bytes memory seals = Chain.seals(strangers, Chain.digest(b), 7);
        _refused(client, Chain.assemble(Chain.header(b), "", 7, seals), BftEvmClient.InvalidSeal.selector, "strangers");
        // A header that lists strangers, with the set in force brought along: nobody of it signed.
        b.keys = strangers;
        _refused(client, Chain.update(b, 7, keys), BftEvmClient.NotEnoughTrust.selector, "nobody trusted");
        // One member of four and strangers: 1/3 of 4 is not exceeded by one.
        uint256[] memory mixed = Chain.keysOf(99, 4);
        mixed[3] = keys[0];
        mixed = _sorted(mixed);
        b.keys = mixed;
        _refused(client, Chain.update(b, 15, keys), BftEvmClient.NotEnoughTrust.selector, "one trusted of four");
        // Two are enough, if the whole quorum of the new list signs.
        mixed[0] = keys[1];
        mixed[1] = keys[0];
        mixed[2] = strangers[0];
        mixed[3] = strangers[1];
        b.keys = _sorted(mixed);
        client.update(Chain.update(b, 15, keys));
        (,, bytes32 set,,,,) = client.state();
        assertEq(set, Chain.setHash(b.keys), "the new set is in force");
    }

    function _pair() private pure returns (uint256[] memory pair) {
        return Chain.keysOf(7, 2);
    }

    function test_one_of_two_never_speaks_for_the_other() public {
        // 1/3 of two is exceeded by one.
        BftEvmClient client = _client(0, _pair());
        uint256[] memory with = Chain.keysOf(99, 3);
        with[0] = _pair()[0];
        with = _sorted(with);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        b.keys = with;
        _refused(client, Chain.update(b, 7, _pair()), BftEvmClient.NotEnoughTrust.selector, "one of two");
        uint256[] memory both = Chain.keysOf(99, 3);
        (both[0], both[1]) = (_pair()[0], _pair()[1]);
        b.keys = _sorted(both);
        client.update(Chain.update(b, 7, _pair()));
        // Nobody else is there to ask where there is one.
        uint256[] memory single = Chain.keysOf(8, 1);
        client = _client(0, single);
        with = Chain.keysOf(99, 2);
        with[0] = single[0];
        b.keys = _sorted(with);
        client.update(Chain.update(b, 3, single));
    }

    function test_a_quorum_of_the_set_in_force_is_always_enough() public {
        uint256[] memory three = Chain.keysOf(5, 3);
        BftEvmClient client = new BftEvmClient(
            BftEvmClient.Params(
                0,
                keccak256("genesis"),
                HEIGHT,
                NOW - 100,
                keccak256("pinned"),
                Chain.setHash(three),
                1 days,
                15,
                2,
                3,
                1
            )
        );
        // One of three leaves: two thirds are met, not exceeded, and that is what the chain itself calls final.
        uint256[] memory two = new uint256[](2);
        (two[0], two[1]) = (three[0], three[1]);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        b.keys = two;
        client.update(Chain.update(b, 3, three));
        (,, bytes32 set,,,,) = client.state();
        assertEq(set, Chain.setHash(two), "the new set is in force");
    }

    function test_a_round_is_four_bytes_or_in_qbft_a_number() public {
        for (uint8 mode; mode < 2; ++mode) {
            BftEvmClient client = _client(mode, keys);
            Chain.Block memory b = _block(mode, HEIGHT + 1, NOW);
            b.round = 1;
            bytes memory header = _withExtra(b, _extra(b, mode == 0 ? bytes(hex"8400000001") : bytes(hex"01")));
            bytes memory other = Chain.assemble(header, "", 7, Chain.seals(keys, keccak256(header), 7));
            if (mode == 1) {
                _refused(client, other, BftHeader.MalformedHeader.selector, "a number");
            } else {
                // One block in two forms: no evidence of anything.
                _noMisbehaviour(client, Chain.update(b), other, "the other form");
                client.update(other);
            }
        }
    }

    function _extra(Chain.Block memory b, bytes memory round) private pure returns (bytes memory) {
        return Rlp.list(
            bytes.concat(
                Rlp.str(abi.encodePacked(bytes32("vanity"))),
                Rlp.list(Chain.listOf(b.keys)),
                b.mode == 0 ? bytes(hex"c0") : bytes(hex"80"),
                round,
                b.mode == 0 ? bytes(hex"c0") : bytes("")
            )
        );
    }

    function _sorted(uint256[] memory k) private pure returns (uint256[] memory) {
        for (uint256 i = 1; i < k.length; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(k[j]) < vm.addr(k[j - 1]); --j) {
                (k[j], k[j - 1]) = (k[j - 1], k[j]);
            }
        }
        return k;
    }

    function test_a_set_that_lists_somebody_twice_is_refused() public {
        BftEvmClient client = _client(0, keys);
        uint256[] memory twice = new uint256[](4);
        (twice[0], twice[1], twice[2], twice[3]) = (keys[0], keys[0], keys[1], keys[1]);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        b.keys = twice;
        _refused(client, Chain.update(b, 15, keys), BftEvmClient.DuplicateValidator.selector, "twice");
    }

    function test_the_set_in_force_is_brought_along_exactly_where_needed() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        _refused(client, Chain.update(b, 7, keys), BftEvmClient.MalformedUpdate.selector, "needless");
        b.keys = Chain.keysOf(1, 5);
        _refused(client, Chain.update(b, 15), BftEvmClient.NotTheSetInForce.selector, "missing");
        _refused(client, Chain.update(b, 15, b.keys), BftEvmClient.NotTheSetInForce.selector, "another");
    }

    function test_atk_020_a_header_from_the_future_waits() public {
        BftEvmClient client = _client(0, keys);
        _refused(client, Chain.update(_block(0, HEIGHT + 1, NOW + 16)), BftEvmClient.HeaderFromFuture.selector, "drift");
        client.update(Chain.update(_block(0, HEIGHT + 1, NOW + 15)));
    }

    function test_atk_046_time_is_monotonic() public {
        BftEvmClient client = _client(0, keys);
        _refused(
            client, Chain.update(_block(0, HEIGHT + 1, NOW - 100)), BftEvmClient.NonMonotonicTime.selector, "no newer"
        );
        _refused(client, Chain.update(_block(0, HEIGHT - 1, NOW - 99)), BftEvmClient.NonMonotonicTime.selector, "newer");
        // An older header is read under the very set in force, and moves nothing.
        client.update(Chain.update(_block(0, HEIGHT - 1, NOW - 101)));
        (uint64 height, uint64 time,,,,,) = client.state();
        assertEq(height, HEIGHT, "height");
        assertEq(time, NOW - 100, "time");
        Chain.Block memory b = _block(0, HEIGHT - 1, NOW - 101);
        b.keys = Chain.keysOf(1, 5);
        _refused(client, Chain.update(b, 15, keys), BftEvmClient.OlderUnderOtherSet.selector, "another set");
    }

    function test_atk_045_no_seals_are_no_quorum() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        _refused(client, Chain.update(b, 0), BftEvmClient.NotEnoughTrust.selector, "none");
        _refused(client, Chain.update(b, 3), BftEvmClient.NotEnoughTrust.selector, "two of four");
        _refused(client, Chain.assemble(Chain.header(b), "", 7, ""), BftEvmClient.MalformedUpdate.selector, "bits only");
        _refused(
            client,
            Chain.assemble(Chain.header(b), "", 7 << 4, Chain.seals(keys, Chain.digest(b), 7)),
            BftEvmClient.UnknownSigner.selector,
            "bits without validators"
        );
        client.update(Chain.update(b, 7));
    }

    function test_atk_048_quorum_edges() public {
        for (uint256 n = 1; n < 11; ++n) {
            keys = Chain.keysOf(n, n);
            BftEvmClient client = _client(0, keys);
            uint256 needed = (2 * n + 2) / 3;
            Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
            _refused(
                client, Chain.update(b, (1 << (needed - 1)) - 1), BftEvmClient.NotEnoughTrust.selector, "one too few"
            );
            client.update(Chain.update(b, (1 << needed) - 1));
        }
    }

    function test_atk_048_no_seal_counts_twice() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        bytes memory header = Chain.header(b);
        bytes32 digest = Chain.digest(b);
        (bytes memory a, bytes memory c) = (Chain.seal(keys[0], digest), Chain.seal(keys[1], digest));
        // The same seal at the next validator's place.
        _refused(
            client, Chain.assemble(header, "", 7, bytes.concat(a, a, c)), BftEvmClient.InvalidSeal.selector, "twice"
        );
        // Its twin (r, n - s).
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[2], digest);
        bytes memory twin = abi.encodePacked(r, bytes32(N_ORDER - uint256(s)), uint8(28 - v));
        _refused(
            client, Chain.assemble(header, "", 7, bytes.concat(a, c, twin)), BftEvmClient.InvalidSeal.selector, "twin"
        );
        // Seals over another header.
        Chain.Block memory other = _block(0, HEIGHT + 2, NOW);
        _refused(
            client,
            Chain.assemble(header, "", 7, Chain.seals(keys, Chain.digest(other), 7)),
            BftEvmClient.InvalidSeal.selector,
            "over another header"
        );
        client.update(Chain.assemble(header, "", 7, bytes.concat(a, c, abi.encodePacked(r, s, uint8(v - 27)))));
    }

    function test_atk_049_seals_that_are_no_signatures() public {
        // A validator at address zero would match what a failed recovery gives.
        BftEvmClient client = _client(0, keys);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        bytes memory header = Chain.header(b);
        bytes32 digest = Chain.digest(b);
        bytes memory two = Chain.seals(keys, digest, 3);
        (, bytes32 r, bytes32 s) = vm.sign(keys[2], digest);
        bytes[6] memory bad = [
            new bytes(65),
            abi.encodePacked(r, s, uint8(2)),
            abi.encodePacked(r, s, uint8(27)),
            abi.encodePacked(bytes32(0), s, uint8(0)),
            abi.encodePacked(r, bytes32(0), uint8(0)),
            abi.encodePacked(bytes32(N_ORDER), s, uint8(0))
        ];
        for (uint256 i; i < bad.length; ++i) {
            _refused(
                client,
                Chain.assemble(header, "", 7, bytes.concat(two, bad[i])),
                BftEvmClient.InvalidSeal.selector,
                vm.toString(i)
            );
        }
        bytes memory list = abi.encodePacked(uint8(0x94), address(0));
        BftEvmClient zero = new BftEvmClient(
            BftEvmClient.Params(
                0, keccak256("g"), HEIGHT, NOW - 100, keccak256("pinned"), keccak256(list), 1 days, 15, 1, 3, 1 hours
            )
        );
        bytes memory whole = _replaceList(b, list);
        _refused(zero, Chain.assemble(whole, "", 1, new bytes(65)), BftEvmClient.InvalidSeal.selector, "address zero");
    }

    /// The header with another validator list.
    function _replaceList(Chain.Block memory b, bytes memory list) private pure returns (bytes memory) {
        bytes memory extra = Rlp.list(
            bytes.concat(Rlp.str(abi.encodePacked(bytes32("vanity"))), Rlp.list(list), hex"c0", hex"80", hex"c0")
        );
        return _withExtra(b, extra);
    }

    /// The header around other extra data.
    function _withExtra(Chain.Block memory b, bytes memory extra) private pure returns (bytes memory) {
        bytes memory whole = Chain.header(b);
        bytes memory old = Rlp.str(Chain.extra(b));
        uint256 cut = whole.length - 42 - old.length;
        bytes memory head = new bytes(cut - 3);
        for (uint256 i; i < head.length; ++i) {
            head[i] = whole[i + 3];
        }
        bytes memory tail = new bytes(42);
        for (uint256 i; i < 42; ++i) {
            tail[i] = whole[whole.length - 42 + i];
        }
        return Rlp.list(bytes.concat(head, Rlp.str(extra), tail));
    }

    function test_fuzz_a_flipped_bit_is_refused(uint256 at_, uint8 mode) public {
        mode = uint8(bound(mode, 0, 2));
        BftEvmClient client = _client(mode, keys);
        bytes memory update = Chain.update(_block(mode, HEIGHT + 1, NOW));
        at_ = bound(at_, 0, update.length * 8 - 1);
        update[at_ / 8] = bytes1(uint8(update[at_ / 8]) ^ uint8(1 << (at_ % 8)));
        try client.update(update) {
            revert NotTrue("a flipped bit was accepted");
        } catch {}
    }

    function test_an_idle_client_expires_and_can_be_kept_alive() public {
        BftEvmClient client = _client(0, keys);
        vm.warp(NOW - 100 + 1 days - 1);
        assertTrue(client.live(), "live to the last second");
        client.update(Chain.update(_block(0, HEIGHT + 1, NOW)));
        vm.warp(uint256(NOW) + 1 days);
        assertTrue(!client.live(), "expired");
        _refused(client, Chain.update(_block(0, HEIGHT + 2, NOW + 1)), BftEvmClient.ClientExpired.selector, "expired");
    }

    // --- misbehaviour --------------------------------------------------------------------------------------------------

    function test_atk_050_two_blocks_at_one_height_freeze() public {
        for (uint8 mode; mode < 3; ++mode) {
            vm.warp(NOW);
            BftEvmClient client = _client(mode, keys);
            Chain.Block memory parent = _block(mode, HEIGHT + 1, NOW - 2);
            if (mode != 2) parent.round = 2;
            Chain.Block memory a = _block(mode, HEIGHT + 2, NOW - 1);
            Chain.Block memory b = _block(mode, HEIGHT + 2, NOW - 1);
            a.parent = b.parent = Chain.blockHash(parent);
            b.stateRoot = keccak256("another state");
            client.misbehaviour(Chain.update(a), Chain.update(b, 14));
            (,, bytes32 set, bool frozen, uint64 at_,,) = client.state();
            assertTrue(frozen && !client.live(), "frozen");
            assertEq(at_, HEIGHT + 1, "the parent is common to both");
            assertEq(set, Chain.setHash(keys), "nothing is deleted");
            _refused(client, Chain.update(a), BftEvmClient.ClientFrozen.selector, "nothing above");
            // The last common block may be read after the delay, without seals, and it alone.
            bytes memory anchored = Chain.assemble(Chain.header(parent), "", 0, "");
            _refused(client, anchored, BftEvmClient.ClientFrozen.selector, "not yet");
            vm.warp(NOW + 1 hours);
            client.update(anchored);
            _refused(client, Chain.update(parent), BftEvmClient.ClientFrozen.selector, "with seals");
            a.round = 0;
            _refused(
                client,
                Chain.assemble(Chain.header(a), "", 0, ""),
                BftEvmClient.ClientFrozen.selector,
                "a block of the conflict"
            );
        }
    }

    function test_atk_050_a_child_of_another_parent_freezes() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory a = _block(0, HEIGHT + 1, NOW - 1);
        Chain.Block memory b = _block(0, HEIGHT + 2, NOW);
        b.parent = keccak256("not a");
        client.misbehaviour(Chain.update(b), Chain.update(a));
        (,,, bool frozen, uint64 at_,,) = client.state();
        assertTrue(frozen, "frozen");
        assertEq(at_, HEIGHT, "the last one used before");
        vm.warp(NOW + 2 hours);
        _refused(client, Chain.update(a), BftEvmClient.ClientFrozen.selector, "a block of the conflict");
    }

    /// Where no evidence shows the last common block, the newest one that was accepted is read after the delay.
    function test_the_newest_block_is_read_after_a_freeze_without_a_common_one() public {
        for (uint8 mode; mode < 3; ++mode) {
            vm.warp(NOW);
            BftEvmClient client = _client(mode, keys);
            Chain.Block memory newest = _block(mode, HEIGHT + 3, NOW - 5);
            if (mode != 2) newest.round = 1;
            client.update(Chain.update(newest));
            client.misbehaviour(
                Chain.update(_block(mode, HEIGHT + 4, NOW)), Chain.update(_block(mode, HEIGHT + 9, NOW - 1))
            );
            (,,, bool frozen, uint64 at_,,) = client.state();
            assertTrue(frozen, "frozen");
            assertEq(at_, HEIGHT + 3, "the last one used before");
            bytes memory bare = Chain.assemble(Chain.header(newest), "", 0, "");
            _refused(client, bare, BftEvmClient.ClientFrozen.selector, "not yet");
            vm.warp(uint256(NOW) + 1 hours);
            (uint64 height,) = client.update(bare);
            assertEq(height, HEIGHT + 3, "read");
            Chain.Block memory other = _block(mode, HEIGHT + 3, NOW - 5);
            other.stateRoot = keccak256("another state");
            _refused(
                client, Chain.assemble(Chain.header(other), "", 0, ""), BftEvmClient.ClientFrozen.selector, "another"
            );
            // For good: the trusting period does not matter to a block whose hash is known.
            vm.warp(uint256(NOW) + 30 days);
            client.update(bare);
        }
    }

    /// The same after an expiry: what was final still ends, and nothing newer is believed.
    function test_the_newest_block_is_read_after_an_expiry() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory newest = _block(0, HEIGHT + 3, NOW - 5);
        client.update(Chain.update(newest));
        bytes memory bare = Chain.assemble(Chain.header(newest), "", 0, "");
        vm.warp(uint256(NOW) - 5 + 1 days);
        _refused(client, bare, BftEvmClient.ClientExpired.selector, "not yet");
        vm.warp(uint256(NOW) - 5 + 1 days + 1 hours);
        client.update(bare);
        assertTrue(!client.live(), "expired all the same");
        _refused(client, Chain.update(newest), BftEvmClient.ClientExpired.selector, "with seals");
        _refused(client, Chain.update(_block(0, HEIGHT + 4, NOW)), BftEvmClient.ClientExpired.selector, "a newer block");
        (uint64 height,,,,,,) = client.state();
        assertEq(height, HEIGHT + 3, "nothing moved");
    }

    /// Anyone may bring evidence: no role, no deposit; the other builder of it is only late.
    function test_atk_050_anyone_brings_evidence_and_only_once() public {
        for (uint8 mode; mode < 3; ++mode) {
            BftEvmClient client = _client(mode, keys);
            Chain.Block memory a = _block(mode, HEIGHT + 1, NOW - 1);
            Chain.Block memory b = _block(mode, HEIGHT + 1, NOW - 1);
            b.stateRoot = keccak256("another state");
            vm.prank(address(0xbad));
            client.misbehaviour(Chain.update(b, 11), Chain.update(a, 13));
            assertTrue(!client.live(), "frozen");
            vm.expectPartialRevert(BftEvmClient.ClientFrozen.selector);
            client.misbehaviour(Chain.update(a), Chain.update(b));
        }
    }

    /// Evidence under another set, which enough of the set in force sealed, counts as well.
    function test_atk_050_evidence_under_a_new_set() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory a = _block(0, HEIGHT + 1, NOW);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        uint256[] memory changed = Chain.keysOf(1, 4);
        changed[0] = uint256(keccak256("new"));
        b.keys = _sorted(changed);
        client.misbehaviour(Chain.update(a), Chain.update(b, 15, keys));
        assertTrue(!client.live(), "frozen");
    }

    function test_atk_050_time_that_goes_back_freezes() public {
        BftEvmClient client = _client(0, keys);
        client.misbehaviour(Chain.update(_block(0, HEIGHT + 1, NOW)), Chain.update(_block(0, HEIGHT + 9, NOW - 1)));
        assertTrue(!client.live(), "frozen");
    }

    function _noMisbehaviour(BftEvmClient client, bytes memory a, bytes memory b, string memory what) private {
        try client.misbehaviour(a, b) {
            revert NotTrue(what);
        } catch (bytes memory reason) {
            assertTrue(isError(reason, BftEvmClient.NotMisbehaviour.selector), what);
        }
        assertTrue(client.live(), what);
    }

    function test_atk_051_honest_pairs_are_no_misbehaviour() public {
        for (uint8 mode; mode < 3; ++mode) {
            BftEvmClient client = _client(mode, keys);
            Chain.Block memory a = _block(mode, HEIGHT + 1, NOW - 1);
            _noMisbehaviour(client, Chain.update(a, 7), Chain.update(a, 7), "twice the same");
            _noMisbehaviour(client, Chain.update(a, 7), Chain.update(a, 14), "other seals");
            Chain.Block memory again = _block(mode, HEIGHT + 1, NOW - 1);
            again.round = 300;
            _noMisbehaviour(client, Chain.update(a), Chain.update(again), "another round");
            Chain.Block memory child = _block(mode, HEIGHT + 2, NOW);
            child.parent = Chain.blockHash(again);
            _noMisbehaviour(client, Chain.update(again), Chain.update(child), "a block and its child");
            child.height = HEIGHT + 7;
            _noMisbehaviour(client, Chain.update(child), Chain.update(a), "an ancestor");
        }
    }

    function test_evidence_counts_only_if_each_header_would_be_accepted() public {
        BftEvmClient client = _client(0, keys);
        Chain.Block memory a = _block(0, HEIGHT + 1, NOW);
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        b.stateRoot = keccak256("another state");
        vm.expectPartialRevert(BftEvmClient.NotEnoughTrust.selector);
        client.misbehaviour(Chain.update(a), Chain.update(b, 3));
        vm.warp(uint256(NOW) + 2 days);
        vm.expectPartialRevert(BftEvmClient.ClientExpired.selector);
        client.misbehaviour(Chain.update(a), Chain.update(b));
        assertTrue(!client.live(), "expired, not frozen");
        (,,, bool frozen,,,) = client.state();
        assertTrue(!frozen, "not frozen");
    }

    // --- state proofs --------------------------------------------------------------------------------------------------

    function _proof(address account, uint256 slot, bytes32 word, bytes32 storageKey)
        private
        pure
        returns (bytes32 root, bytes memory proof)
    {
        Trie.Leaf[] memory words = new Trie.Leaf[](3);
        words[0] = Trie.Leaf(keccak256(abi.encode(uint256(0))), Rlp.number(9));
        words[1] = Trie.Leaf(keccak256(abi.encode(slot)), Rlp.number(uint256(word)));
        words[2] = Trie.Leaf(keccak256(abi.encode(uint256(77))), Rlp.number(uint256(keccak256("attacker"))));
        (bytes32 storageRoot, bytes[] memory nodes) = Trie.prove(words, storageKey);
        Trie.Leaf[] memory accounts = new Trie.Leaf[](2);
        accounts[0] = Trie.Leaf(keccak256(abi.encodePacked(account)), Trie.account(1, 0, storageRoot, keccak256("c")));
        accounts[1] =
            Trie.Leaf(keccak256(abi.encodePacked(address(1))), Trie.account(1, 0, storageRoot, keccak256("c")));
        bytes[] memory path;
        (root, path) = Trie.prove(accounts, keccak256(abi.encodePacked(account)));
        proof = abi.encodePacked(Trie.pack(path), uint8(1), uint8(slot - 1), Trie.pack(nodes));
    }

    function test_atk_116_account_and_slot_are_derived() public {
        BftEvmClient client = _client(0, keys);
        address outbox = address(0xab);
        bytes32 word = keccak256("peak");
        (bytes32 root, bytes memory proof) = _proof(outbox, 6, word, keccak256(abi.encode(uint256(6))));
        Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
        b.stateRoot = root;
        bytes memory update = Chain.update(b);
        (bytes memory heights, bytes32[] memory peaks, uint64 height, uint64 time) =
            client.outboxPeaks(outbox, update, proof);
        assertEq(uint8(heights[0]), 5, "height of the peak");
        assertEq(peaks[0], word, "peak");
        assertEq(height, HEIGHT + 1, "height");
        assertEq(time, NOW, "time");
        // Another account.
        vm.expectRevert();
        client.outboxPeaks(address(0xcd), update, proof);
        // Another slot's word under this height.
        (, bytes memory other) = _proof(outbox, 6, word, keccak256(abi.encode(uint256(77))));
        vm.expectRevert();
        client.outboxPeaks(outbox, update, other);
        // A height whose slot was never written, with a proof of its absence.
        (, bytes memory absent) = _proof(outbox, 6, word, keccak256(abi.encode(uint256(7))));
        vm.expectRevert();
        client.outboxPeaks(outbox, update, absent);
        // Bytes left over.
        vm.expectRevert(BftEvmClient.MalformedUpdate.selector);
        client.outboxPeaks(outbox, update, bytes.concat(proof, hex"00"));
        vm.expectRevert();
        client.outboxPeaks(outbox, update, "");
    }

    function test_atk_004_no_root_is_no_proof() public {
        BftEvmClient client = _client(0, keys);
        address outbox = address(0xab);
        (, bytes memory proof) = _proof(outbox, 6, keccak256("peak"), keccak256(abi.encode(uint256(6))));
        bytes32[3] memory roots = [bytes32(0), keccak256(hex"80"), keccak256("")];
        for (uint256 i; i < 3; ++i) {
            Chain.Block memory b = _block(0, HEIGHT + 1, NOW);
            b.stateRoot = roots[i];
            bytes memory update = Chain.update(b);
            vm.expectRevert(TrieProof.WrongNode.selector);
            client.outboxPeaks(outbox, update, proof);
            bytes memory empty = hex"01000180010600";
            vm.expectRevert();
            client.outboxPeaks(outbox, update, empty);
        }
    }
}
