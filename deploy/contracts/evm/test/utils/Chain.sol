// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rlp} from "./Rlp.sol";
import {Vm} from "./Test.sol";

/// Headers and seals of a BFT chain; for tests only.
library Chain {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint8 internal constant QBFT = 0;
    uint8 internal constant IBFT2 = 1;
    uint8 internal constant IBFT1 = 2;

    bytes32 internal constant NO_OMMERS = 0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347;
    bytes32 internal constant MIX = 0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365;

    struct Block {
        uint8 mode;
        uint64 height;
        uint64 time;
        bytes32 parent;
        bytes32 stateRoot;
        uint32 round;
        /// Keys of the validators, in the order of their addresses.
        uint256[] keys;
        /// More fields after the nonce.
        bytes later;
    }

    /// Keys whose addresses ascend.
    function keysOf(uint256 seed, uint256 count) internal pure returns (uint256[] memory keys) {
        keys = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            keys[i] = uint256(keccak256(abi.encode(seed, i)));
            for (uint256 j = i; j > 0 && vm.addr(keys[j]) < vm.addr(keys[j - 1]); --j) {
                (keys[j], keys[j - 1]) = (keys[j - 1], keys[j]);
            }
        }
    }

    function listOf(uint256[] memory keys) internal pure returns (bytes memory list) {
        for (uint256 i; i < keys.length; ++i) {
            list = abi.encodePacked(list, uint8(0x94), vm.addr(keys[i]));
        }
    }

    function setHash(uint256[] memory keys) internal pure returns (bytes32) {
        return keccak256(listOf(keys));
    }

    function extra(Block memory b) internal pure returns (bytes memory) {
        bytes memory validators = Rlp.list(listOf(b.keys));
        if (b.mode == IBFT1) {
            bytes memory proposer = Rlp.str(abi.encodePacked(bytes32(uint256(7)), bytes32(uint256(8)), uint8(1)));
            return bytes.concat(bytes32(0), Rlp.list(bytes.concat(validators, proposer, hex"c0")));
        }
        bytes memory vanity = Rlp.str(abi.encodePacked(bytes32("vanity")));
        if (b.mode == IBFT2) {
            return Rlp.list(bytes.concat(vanity, validators, hex"80", hex"84", bytes4(b.round)));
        }
        return Rlp.list(bytes.concat(vanity, validators, hex"c0", Rlp.number(b.round), hex"c0"));
    }

    /// The header without commit seals.
    function header(Block memory b) internal pure returns (bytes memory) {
        bytes memory head = bytes.concat(
            Rlp.str(abi.encodePacked(b.parent)),
            Rlp.str(abi.encodePacked(NO_OMMERS)),
            Rlp.str(abi.encodePacked(vm.addr(b.keys[0]))),
            Rlp.str(abi.encodePacked(b.stateRoot)),
            Rlp.str(abi.encodePacked(keccak256("transactions"))),
            Rlp.str(abi.encodePacked(keccak256("receipts"))),
            Rlp.str(new bytes(256)),
            hex"01"
        );
        return Rlp.list(
            bytes.concat(
                head,
                Rlp.number(b.height),
                Rlp.number(30_000_000),
                Rlp.number(21_000),
                Rlp.number(b.time),
                Rlp.str(extra(b)),
                Rlp.str(abi.encodePacked(MIX)),
                Rlp.str(new bytes(8)),
                b.later
            )
        );
    }

    function digest(Block memory b) internal pure returns (bytes32 hash) {
        hash = keccak256(header(b));
        if (b.mode == IBFT1) hash = keccak256(abi.encodePacked(hash, uint8(2)));
    }

    /// The block's hash as its children name it.
    function blockHash(Block memory b) internal pure returns (bytes32) {
        if (b.mode == IBFT1) return keccak256(header(b));
        Block memory bare = Block(b.mode, b.height, b.time, b.parent, b.stateRoot, 0, b.keys, b.later);
        if (b.mode == QBFT) return keccak256(header(bare));
        bytes memory validators = Rlp.list(listOf(b.keys));
        bytes memory vanity = Rlp.str(abi.encodePacked(bytes32("vanity")));
        bytes memory without = Rlp.list(bytes.concat(vanity, validators, hex"80"));
        // The same header around other extra data.
        bytes memory whole = header(b);
        bytes memory old = Rlp.str(extra(b));
        uint256 tail = 42 + b.later.length;
        uint256 cut = whole.length - tail - old.length;
        bytes memory payload = new bytes(cut - 3);
        for (uint256 i; i < payload.length; ++i) {
            payload[i] = whole[3 + i];
        }
        bytes memory rest = new bytes(tail);
        for (uint256 i; i < tail; ++i) {
            rest[i] = whole[whole.length - tail + i];
        }
        return keccak256(Rlp.list(bytes.concat(payload, Rlp.str(without), rest)));
    }

    function quorum(uint256 count) internal pure returns (uint256) {
        return (2 * count + 2) / 3;
    }

    function seal(uint256 key, bytes32 hash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, hash);
        return abi.encodePacked(r, s, uint8(v - 27));
    }

    /// An update sealed by the validators whose bits are set.
    function update(Block memory b, uint256 bitmap) internal pure returns (bytes memory) {
        return assemble(header(b), "", bitmap, seals(b.keys, digest(b), bitmap));
    }

    /// An update sealed by exactly a quorum.
    function update(Block memory b) internal pure returns (bytes memory) {
        return update(b, (1 << quorum(b.keys.length)) - 1);
    }

    /// An update that changes the set: `previous` are the keys of the set in force.
    function update(Block memory b, uint256 bitmap, uint256[] memory previous) internal pure returns (bytes memory) {
        bytes memory set = abi.encodePacked(uint8(previous.length));
        for (uint256 i; i < previous.length; ++i) {
            set = abi.encodePacked(set, vm.addr(previous[i]));
        }
        return assemble(header(b), set, bitmap, seals(b.keys, digest(b), bitmap));
    }

    function seals(uint256[] memory keys, bytes32 hash, uint256 bitmap) internal pure returns (bytes memory out) {
        for (uint256 i; i < keys.length; ++i) {
            if ((bitmap >> i) & 1 == 1) out = bytes.concat(out, seal(keys[i], hash));
        }
    }

    function assemble(bytes memory header_, bytes memory previous, uint256 bitmap, bytes memory seals_)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            uint8(previous.length == 0 ? 0 : 1), uint16(header_.length), header_, previous, bitmap, seals_
        );
    }
}
