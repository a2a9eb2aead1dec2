// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outbox} from "./Outbox.sol";
import {VaultPayments} from "./VaultPayments.sol";
import {Entries} from "./lib/Entries.sol";
import {RangeProof} from "./lib/RangeProof.sol";

/// Transfers that come back: proven to stand in this chain's own outbox, given back once, or parked for their senders.
abstract contract VaultReturns is VaultPayments {
    /// Hashes a group of `Returned`, and proves that the transfers it answers stand in this chain's own outbox.
    function _hashReturned(
        State storage s,
        Delivery memory d,
        uint256 group,
        uint256 end,
        uint256 index,
        uint256 room,
        uint256 leaves
    ) internal view returns (uint256, uint256) {
        Entries.Returns memory r = Entries.returns_(group, end, room);
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
            mstore(0x40, add(free, add(2112, mul(32, mload(r)))))
        }
        uint256 originals = free + RangeProof.HEADROOM;
        uint256 firstOriginal = Entries.hashReturns(r, d.lane, _outLane(s, d), index, leaves, originals);
        bytes32 own = Outbox(s.lanes[_outLane(s, d)].outbox).peaks(r.height);
        if (own == 0 || RangeProof.root(originals, r.count, firstOriginal, r.height, r.siblings, r.siblingCount) != own)
        {
            revert RootMismatch(r.height);
        }
        return (r.end, r.count);
    }

    /// Gives transfers back to their senders. What cannot be paid is parked: it never changes sides.
    function _redeem(State storage s, Delivery memory d, uint256 group, uint256 index, uint256 place)
        internal
        returns (uint256, uint256)
    {
        Entries.Returns memory r = Entries.returns_(group, type(uint256).max, MAX_BATCH);
        Group memory g;
        (g.index, g.place) = (index, place);
        g.done = _doneMask(d.lane, index, r.count);
        uint256 all = type(uint256).max >> (256 - r.count);
        if (g.done == all) return (r.end, r.count);
        _mark(d, g, all & ~g.done);
        _room(g, r.count);
        g.places = g.pays + 64 * r.count;
        bytes32 asset;
        for (uint256 k; k < r.count; ++k) {
            if ((g.done >> k) & 1 != 0) continue;
            Entries.Original memory o = Entries.original(r, k);
            _markReturned(s, _outLane(s, d), o.index);
            if (o.asset != asset) {
                _giveBack(s, d, g, asset);
                asset = o.asset;
            }
            _push(g, k, uint256(o.sender), o.amount);
        }
        _giveBack(s, d, g, asset);
        return (r.end, r.count);
    }

    /// A transfer comes back once, whatever the other chain says (ATK-114).
    function _markReturned(State storage s, bytes32 outLane, uint256 index) private {
        uint256 bit = 1 << (index & 255);
        uint256 word = s.returned[outLane][index >> 8];
        if (word & bit != 0) revert AlreadyReturned(uint64(index));
        s.returned[outLane][index >> 8] = word | bit;
    }

    /// Pays the collected returns of one asset. Never capped.
    function _giveBack(State storage s, Delivery memory d, Group memory g, bytes32 asset) private {
        uint256 count = g.payCount;
        if (count == 0) return;
        address token = s.tokens[_outLane(s, d)][asset];
        Asset storage a = s.assets[d.bridge][token];
        AssetHead memory h = a.head;
        // A transfer of the own outbox was locked by this vault, so its asset is registered.
        if (h.mode == 0) revert UnsupportedAsset(token);
        uint256 total;
        for (uint256 j; j < count; ++j) {
            (,, uint256 amount) = _payment(g, j);
            if (h.standard == ERC721) {
                ++total;
                if (h.mode == HOME && !_moveEscrow(s, d.bridge, token, amount, false)) {
                    revert EscrowExceeded(token, 0, amount);
                }
            } else {
                total += amount;
            }
        }
        uint256 held = a.held;
        if (h.mode == HOME) {
            if (total > held) revert EscrowExceeded(token, held, total);
            a.held = uint128(held - total);
        } else {
            // It was burned here before, so it fits again, or the other chain lies.
            if (held + total > type(uint128).max) revert OutstandingExceeded(token, held, total);
            a.held = uint128(held + total);
        }
        uint256 failed = _payAll(d, g, h, token);
        for (uint256 j; failed >> j != 0; ++j) {
            if ((failed >> j) & 1 == 0) continue;
            (uint256 k, address owner, uint256 amount) = _payment(g, j);
            _park(s, d, h, token, owner, amount);
            d.parked |= 1 << (g.place + k);
        }
        g.payCount = 0;
    }

    /// Keeps an asset for its owner. A burned voucher is minted to the vault first, so that a claim is a plain transfer.
    function _park(
        State storage s,
        Delivery memory d,
        AssetHead memory h,
        address token,
        address owner,
        uint256 amountOrId
    ) private {
        if (h.mode == VOUCHER) {
            Group memory g;
            _room(g, 1);
            _push(g, 0, uint160(address(this)), amountOrId);
            if (_payAll(d, g, h, token) != 0) revert TransferFailed(token);
        }
        if (h.standard == ERC721) s.claimableId[token][amountOrId] = owner;
        else s.claimable[token][owner] += amountOrId;
        emit Parked(token, owner, amountOrId);
    }
}
