// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Outbox} from "./Outbox.sol";
import {VaultFacts} from "./VaultFacts.sol";
import {ILightClient} from "./interfaces/ILightClient.sol";
import {Leg, Swaps, Terms} from "./lib/Swaps.sol";
import {Tokens} from "./lib/Tokens.sol";

/// Swaps: two legs on the two ends of a bridge, of which both are released or both go back (INV-4). It runs only by
/// delegation, on the vault's storage: the vault's fallback hands what it does not know to `VaultAdmin`, whose own hands it
/// here.
///
/// A leg is decided once, here: locked by its `from` before its deadline, or voided. What became of the other leg is known
/// only from an entry of the lane that the terms name for it. Both ends decide by the same two facts, so it matters neither
/// who moves first nor which fact arrives when.
contract VaultSwaps is VaultFacts {
    using Tokens for address;

    /// The full terms, so that anybody can void the other leg.
    event LegLocked(bytes32 indexed swapId, uint8 indexed leg, Terms terms);
    event LegVoided(bytes32 indexed swapId, uint8 indexed leg, Terms terms);

    /// A swap has legs 0 and 1.
    error NoSuchLeg(uint8 leg);
    /// The leg was locked or voided before, and stays so (ATK-060).
    error AlreadyDecided(bytes32 swapId, uint8 state);
    /// Only the leg's `from` locks it.
    error NotParty(bytes32 from);
    /// The other leg was voided: this one can only be voided.
    error OtherVoided(bytes32 swapId);
    /// Until the leg's deadline only its `from` may void it.
    error NotDue(uint64 deadline);

    // --- deciding the own leg ------------------------------------------------------------------------------------------

    /// Locks a leg that lives here: the vault takes its asset, and releases it at once if the other leg is known to be
    /// locked.
    function lockLeg(Terms calldata terms, uint8 leg) external {
        State storage s = _enter();
        (Lane storage l, bytes32 id, SwapRecord storage r, uint8 fact) = _undecided(s, terms, leg);
        Leg calldata own = terms.legs[leg];
        if (own.from != bytes32(uint256(uint160(msg.sender)))) revert NotParty(own.from);
        if (fact == FACT_VOIDED) revert OtherVoided(id);
        _checkOpen(s, l, terms, leg);
        address token = s.tokens[terms.lanes[leg]][own.asset];
        uint8 standard = _take(s, l, token, own);
        r.state = LEG_LOCKED;
        (r.leg, r.fact, r.standard, r.bridge, r.token) = (leg, fact, standard, l.bridge, token);
        (r.amountOrId, r.from, r.to) = (own.amountOrId, msg.sender, address(uint160(uint256(own.to))));
        _append(l, terms.lanes[leg], Swaps.LOCKED, id, leg);
        emit LegLocked(id, leg, terms);
        if (fact == FACT_LOCKED) _settleOne(s, id, r);
        s.guard = IDLE;
    }

    /// Voids a leg that lives here and was not locked: by its `from` at any time; by anybody from its deadline on, or once
    /// the other leg is known to be voided. Neither a pause nor a closed lane nor a dead client refuses it.
    function voidLeg(Terms calldata terms, uint8 leg) external {
        State storage s = _enter();
        (Lane storage l, bytes32 id, SwapRecord storage r, uint8 fact) = _undecided(s, terms, leg);
        Leg calldata own = terms.legs[leg];
        if (block.timestamp < own.deadline && fact != FACT_VOIDED && own.from != bytes32(uint256(uint160(msg.sender)))) revert NotDue(own.deadline);
        (r.state, r.leg, r.fact, r.bridge) = (LEG_VOIDED, leg, fact, l.bridge);
        _append(l, terms.lanes[leg], Swaps.VOIDED, id, leg);
        emit LegVoided(id, leg, terms);
        s.guard = IDLE;
    }

    /// `deliver` for runs that hold `SwapLocked` or `SwapVoided`, alone or among entries of other kinds: the same arguments,
    /// the same rules. (The vault's own `deliver` refuses these kinds, so that it need not know of them.)
    function deliverFacts(
        bytes32 lane,
        uint64 first,
        bytes calldata update,
        bytes calldata stateProof,
        bytes calldata runs
    ) external {
        deliver(lane, first, update, stateProof, runs);
    }

    // --- views ---------------------------------------------------------------------------------------------------------

    /// @return state 0 none, 1 locked, 2 voided
    /// @return outcome 0 open, 1 released, 2 given back
    function swapLeg(bytes32 swapId, uint8 leg) external view returns (uint8 state, uint8 outcome) {
        SwapRecord storage r = _swaps()[swapId];
        if (r.leg == leg) (state, outcome) = (r.state, r.outcome);
    }

    /// What an incoming lane said of a leg of the other end: 0 none, 1 locked, 2 voided.
    function swapFact(bytes32 lane, bytes32 swapId, uint8 leg) external view returns (uint8) {
        Lane storage l = _state().lanes[lane];
        if (l.role != ROLE_IN || leg > 1) return 0;
        SwapRecord storage r = _swaps()[swapId];
        if (r.state != 0 && r.bridge == l.bridge && r.leg != leg) return r.fact;
        return uint8(_facts()[lane][swapId] >> (8 * leg));
    }

    // --- helpers -------------------------------------------------------------------------------------------------------

    /// The leg's lane, if the terms are of a bridge of this vault and the leg lives here; the swap's id, recomputed from the
    /// full terms; its record, if nothing was decided yet; and what is known of the other leg.
    function _undecided(State storage s, Terms calldata terms, uint8 leg)
        private
        view
        returns (Lane storage l, bytes32 id, SwapRecord storage r, uint8 fact)
    {
        if (leg > 1) revert NoSuchLeg(leg);
        id = Swaps.id(terms);
        l = s.lanes[terms.lanes[leg]];
        // The other leg counts only by the way back of this very bridge (ATK-113).
        if (l.role != ROLE_OUT || l.reverse != terms.lanes[1 - leg]) revert WrongLane(terms.lanes[leg], id);
        r = _swaps()[id];
        if (r.state != 0) revert AlreadyDecided(id, r.state);
        fact = uint8(_facts()[terms.lanes[1 - leg]][id] >> (8 * (1 - leg)));
    }

    /// Whether new locks are taken now, and the terms can be carried out as far as this end can tell. The other deadline is
    /// bounded, too: what waits for it must not wait for ever.
    function _checkOpen(State storage s, Lane storage l, Terms calldata terms, uint8 leg) private view {
        if (block.timestamp < s.pausedUntil) revert Paused(s.pausedUntil);
        if (l.status != OPEN || !ILightClient(l.client).live()) revert LaneClosed(terms.lanes[leg]);
        Leg calldata own = terms.legs[leg];
        Leg calldata other = terms.legs[1 - leg];
        uint256 latest = block.timestamp + MAX_TIMEOUT;
        if (own.deadline <= block.timestamp || own.deadline > latest) revert TimeoutOutOfRange(own.deadline);
        if (other.deadline > latest) revert TimeoutOutOfRange(other.deadline);
        uint256 to = uint256(own.to);
        if (
            to == 0 || to >> 160 != 0 || to == uint160(address(this)) || to == uint160(l.outbox)
                || to == uint160(l.client)
        ) revert InvalidRecipient(own.to);
        _checkAccount(l, other.from);
        _checkAccount(l, other.to);
    }

    /// Takes the leg's asset from the caller. It is counted in the swap's record alone: neither escrow nor outstanding.
    function _take(State storage s, Lane storage l, address token, Leg calldata own) private returns (uint8 standard) {
        Asset storage a = s.assets[l.bridge][token];
        AssetHead memory h = a.head;
        if (h.mode == 0) revert UnsupportedAsset(token);
        if (h.status != OPEN) revert AssetClosed(token);
        if (uint256(own.to) == uint160(token)) revert InvalidRecipient(own.to);
        standard = h.standard;
        uint256 amount = own.amountOrId;
        if (h.capped) _useLockCap(a, token, standard == ERC721 ? 1 : amount);
        if (standard == ERC721) {
            if (!token.moveId(msg.sender, address(this), amount)) revert TransferFailed(token);
            return standard;
        }
        if (amount == 0 || amount < a.minAmount || amount > type(uint128).max) revert AmountOutOfRange(amount);
        uint256 before = token.balanceOf(address(this));
        if (!token.transferFrom(msg.sender, address(this), amount)) revert TransferFailed(token);
        uint256 balance = token.balanceOf(address(this));
        if (balance < before || balance - before != amount) {
            revert AmountMismatch(amount, balance < before ? 0 : balance - before);
        }
    }

    /// Locked legs count towards the cap of locks: the other chain's word decides over them, too.
    function _useLockCap(Asset storage a, address token, uint256 amount) private {
        (uint32 number, uint256 lockUsed, uint256 creditUsed) = _window(a);
        if (amount > a.lockCap || lockUsed + amount > a.lockCap) revert CapReached(token);
        (a.lockUsed, a.creditUsed, a.window) = (uint112(lockUsed + amount), uint112(creditUsed), number);
    }

    /// Writes what became of the leg into its lane's outbox.
    function _append(Lane storage l, bytes32 lane, uint256 kind, bytes32 id, uint8 leg) private {
        uint64 first = Outbox(l.outbox).append(lane, 3, abi.encode(kind, id, leg));
        emit Appended(lane, first, abi.encodePacked(uint8(kind), uint16(1), id, leg));
    }

    /// An account of the other chain, as far as its width tells.
    function _checkAccount(Lane storage l, bytes32 account) private view {
        if (account == 0 || (l.accountBytes == 20 && uint256(account) >> 160 != 0)) revert InvalidRecipient(account);
    }
}
