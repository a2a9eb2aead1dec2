// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VaultDelivery} from "./VaultDelivery.sol";
import {Swaps} from "./lib/Swaps.sol";

/// Facts about the other end's legs, as they arrive, and settling the own leg by them. A fact is remembered once, under the
/// lane that delivered it, whether or not the own leg has been decided; a payment that is refused is parked.
abstract contract VaultFacts is VaultDelivery {
    uint8 internal constant LEG_LOCKED = 1;
    uint8 internal constant LEG_VOIDED = 2;
    uint8 internal constant FACT_LOCKED = 1;
    uint8 internal constant FACT_VOIDED = 2;
    uint8 internal constant RELEASED = 1;
    uint8 internal constant GIVEN_BACK = 2;

    /// keccak256("causeway/vault/swaps"): base of the legs that live here, which can be proven by their swap's id.
    bytes32 private constant SWAPS = keccak256("causeway/vault/swaps");
    bytes32 private constant FACTS = keccak256("causeway/vault/swaps/facts");

    /// The leg of a swap that lives here. Nothing of it is ever cleared (ATK-060).
    struct SwapRecord {
        // slot 0, from the lowest byte on
        /// 1 locked, 2 voided: written once.
        uint8 state;
        /// 1 released, 2 given back: written once, of a locked leg.
        uint8 outcome;
        /// Which leg it is.
        uint8 leg;
        /// What is known of the other leg, 1 locked, 2 voided: written once.
        uint8 fact;
        /// Of a locked leg: 1 ERC-20, 2 ERC-721.
        uint8 standard;
        /// The bridge whose lanes the terms name.
        uint32 bridge;
        /// Of a locked leg: what the vault holds, who gave it, and for whom.
        address token;
        uint256 amountOrId;
        address from;
        address to;
    }

    /// @param outcome 1 released to `to`, 2 given back to `from`; `Parked` tells if that was refused
    event LegSettled(bytes32 indexed swapId, uint8 indexed leg, uint8 outcome);

    /// The terms do not name this lane for that leg (ATK-113).
    error WrongLane(bytes32 lane, bytes32 swapId);
    /// A leg was said to be locked and said to be voided: the other chain or its vault is broken.
    error ContradictingFact(bytes32 lane, bytes32 swapId, uint8 leg);

    /// Hashes a group that is not of transfers.
    function _hashOther(
        State storage s,
        Delivery memory d,
        uint256 group,
        uint256 end,
        uint256 index,
        uint256 room,
        uint256 leaves
    ) internal view override returns (uint256, uint256) {
        uint256 kind = Swaps.kindOf(group);
        if (kind != Swaps.LOCKED && kind != Swaps.VOIDED) {
            return super._hashOther(s, d, group, end, index, room, leaves);
        }
        Swaps.Facts memory f = Swaps.facts(group, end, room);
        Swaps.hash(f, d.lane, index, leaves);
        return (f.end, f.count);
    }

    /// Lets a group that is not of transfers take effect.
    function _takeOther(State storage s, Delivery memory d, uint256 group, uint256 index, uint256 place)
        internal
        override
        returns (uint256, uint256)
    {
        uint256 kind = Swaps.kindOf(group);
        if (kind != Swaps.LOCKED && kind != Swaps.VOIDED) return super._takeOther(s, d, group, index, place);
        // The group was read before, so its length is good.
        Swaps.Facts memory f = Swaps.facts(group, type(uint256).max, MAX_BATCH);
        Group memory g;
        (g.index, g.place) = (index, place);
        g.done = _doneMask(d.lane, index, f.count);
        uint256 all = type(uint256).max >> (256 - f.count);
        if (g.done == all) return (f.end, f.count);
        _mark(d, g, all & ~g.done);
        _room(g, f.count);
        g.places = g.pays + 64 * f.count;
        for (uint256 k; k < f.count; ++k) {
            if ((g.done >> k) & 1 == 0) _learn(s, d, g, f, k);
        }
        _pay(s, d, g);
        return (f.end, f.count);
    }

    /// One fact: remembered, and the own leg settled where it is locked. Payments of one token are collected.
    function _learn(State storage s, Delivery memory d, Group memory g, Swaps.Facts memory f, uint256 k) private {
        (bytes32 id, uint256 leg) = Swaps.record(f, k);
        uint8 fact = f.kind == Swaps.LOCKED ? FACT_LOCKED : FACT_VOIDED;
        SwapRecord storage r = _swaps()[id];
        if (r.state == 0) {
            uint256 known = _facts()[d.lane][id];
            uint256 before = (known >> (8 * leg)) & 0xff;
            if (before == 0) _facts()[d.lane][id] = known | (uint256(fact) << (8 * leg));
            else if (before != fact) revert ContradictingFact(d.lane, id, uint8(leg));
            return;
        }
        // From here on the terms are known: this lane must be the one that they name for the other leg.
        if (r.bridge != d.bridge || r.leg == leg) revert WrongLane(d.lane, id);
        uint8 known_ = r.fact;
        if (known_ != 0) {
            if (known_ != fact) revert ContradictingFact(d.lane, id, uint8(leg));
            return;
        }
        r.fact = fact;
        if (r.state != LEG_LOCKED) return;
        if (r.token != g.token) {
            _pay(s, d, g);
            (g.token, g.h.standard) = (r.token, r.standard);
        }
        _push(g, k, uint160(_settle(id, r)), r.amountOrId);
    }

    /// Settles a locked leg whose other leg's fate is known; returns whom it is to be paid to.
    function _settle(bytes32 id, SwapRecord storage r) private returns (address owner) {
        bool release = r.fact == FACT_LOCKED;
        r.outcome = release ? RELEASED : GIVEN_BACK;
        emit LegSettled(id, r.leg, r.outcome);
        return release ? r.to : r.from;
    }

    /// Settles a leg outside a delivery.
    function _settleOne(State storage s, bytes32 id, SwapRecord storage r) internal {
        Delivery memory d;
        Group memory g;
        _room(g, 1);
        (g.token, g.h.standard) = (r.token, r.standard);
        _push(g, 0, uint160(_settle(id, r)), r.amountOrId);
        _pay(s, d, g);
    }

    /// Pays what was collected, by plain transfers: a leg is held by the vault whether its token is a voucher or not. Never
    /// capped. What is refused is parked for whom it was meant, and never changes sides (ATK-117).
    function _pay(State storage s, Delivery memory d, Group memory g) private {
        if (g.payCount == 0) return;
        (AssetHead memory h, address token) = (g.h, g.token);
        h.mode = HOME;
        uint256 failed = _payAll(d, g, h, token);
        for (uint256 j; failed >> j != 0; ++j) {
            if ((failed >> j) & 1 == 0) continue;
            (uint256 k, address owner, uint256 amountOrId) = _payment(g, j);
            if (h.standard == ERC721) s.claimableId[token][amountOrId] = owner;
            else s.claimable[token][owner] += amountOrId;
            emit Parked(token, owner, amountOrId);
            d.parked |= 1 << (g.place + k);
        }
        g.payCount = 0;
    }

    /// The leg of swap `id` that lives here stands at keccak256(abi.encode(id, SWAPS)).
    function _swaps() internal pure returns (mapping(bytes32 id => SwapRecord) storage m) {
        bytes32 slot = SWAPS;
        assembly ("memory-safe") {
            m.slot := slot
        }
    }

    /// Facts that arrived before the own leg was decided, by lane and swap: byte k is what became of leg k.
    function _facts() internal pure returns (mapping(bytes32 lane => mapping(bytes32 id => uint256)) storage m) {
        bytes32 slot = FACTS;
        assembly ("memory-safe") {
            m.slot := slot
        }
    }
}
