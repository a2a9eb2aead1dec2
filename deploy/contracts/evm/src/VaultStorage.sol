// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What a vault remembers, its errors and its events: shared by the vault and the module it delegates to.
///
/// Everything stands behind one fixed slot, so that an upgrade never moves it; the delivered bitmap has a slot of its own
/// because relayers prove it.
abstract contract VaultStorage {
    uint8 internal constant ROLE_OUT = 1;
    uint8 internal constant ROLE_IN = 2;
    uint8 internal constant HOME = 1;
    uint8 internal constant VOUCHER = 2;
    uint8 internal constant ERC20 = 1;
    uint8 internal constant ERC721 = 2;
    uint8 internal constant OPEN = 1;
    uint8 internal constant CLOSED = 2;
    uint256 internal constant KIND_TRANSFER = 1;
    uint256 internal constant KIND_RETURNED = 2;
    uint256 internal constant REASON_EXPIRED = 1;
    uint256 internal constant REASON_FAILED = 2;

    /// Entries in one delivery or one `sendMany`: the event's masks are one word each.
    uint256 internal constant MAX_BATCH = 256;
    /// A transfer's timeout is at most this far after its lock: what a late delivery still needs must not pile up for ever.
    uint256 internal constant MAX_TIMEOUT = 30 days;
    /// The guardian closes the vault to new locks for at most this long, and not again before as long has passed.
    uint256 internal constant MAX_PAUSE = 7 days;

    /// keccak256("causeway/vault/delivered"): base of the bitmap that relayers prove.
    bytes32 internal constant DELIVERED = keccak256("causeway/vault/delivered");
    bytes32 private constant STATE = keccak256("causeway/vault/state");

    /// A lane as this vault sees it. Both lanes of a bridge name the same four contracts.
    struct Lane {
        /// The lane in the other direction.
        bytes32 reverse;
        // slot 1: all that a lock needs to know of the lane
        /// Light client of the chain at the other end.
        address client;
        /// 1 out (this chain is the source), 2 in.
        uint8 role;
        /// 1 open, 2 closed to new locks.
        uint8 status;
        /// Bytes of an account at the other end: 20, or 32 where all widths up to a word are allowed.
        uint8 accountBytes;
        /// Number of the bridge: its assets are kept under it.
        uint32 bridge;
        // slots 2 and 3
        /// The outbox that the other vault writes.
        address remoteOutbox;
        /// Incoming lane: the highest block of the chain at the other end from which an entry was taken.
        uint64 proven;
        /// The outbox that this vault writes for the bridge.
        address outbox;
        uint64 epoch;
        /// Genesis hash of the chain at the other end.
        bytes32 remoteGenesis;
    }

    /// What an asset's every use needs, in one slot.
    struct AssetHead {
        /// Copied from the lane: a lock reads no more slots than it must.
        address outbox;
        /// 1 home (lock and release), 2 voucher (burn and mint).
        uint8 mode;
        /// 1 ERC-20, 2 ERC-721.
        uint8 standard;
        /// 1 open, 2 closed to new locks. Nothing else ever depends on it.
        uint8 status;
        /// Bytes of an amount on this lane; `lock` refuses what is wider.
        uint8 amountWidth;
        /// Decimals at the other end less decimals here: an amount there is one here times 10^scale.
        int8 scale;
        /// Caps bind.
        bool capped;
        uint8 accountBytes;
    }

    /// One asset of one bridge, kept under the bridge's number and the token on this chain.
    struct Asset {
        AssetHead head;
        // slot 1
        /// Home: what is held for the bridge (escrow). Voucher: minted and not burned (outstanding). ERC-721: a count.
        uint128 held;
        /// Smallest amount that `lock` takes.
        uint128 minAmount;
        // slot 2
        uint112 lockCap;
        uint112 creditCap;
        uint32 windowSeconds;
        // slot 3
        uint112 lockUsed;
        uint112 creditUsed;
        /// Number of the window that the two belong to.
        uint32 window;
        // slot 4
        /// keccak256 of the asset's CAIP-19 id at the other end.
        bytes32 remoteAsset;
    }

    struct State {
        /// Owner: only its quorum, after its delay, changes anything here.
        address council;
        /// Unix seconds until which new locks are refused.
        uint64 pausedUntil;
        /// 1 idle, 2 inside a call. Zero: not initialised.
        uint8 guard;
        bytes32 genesis;
        mapping(bytes32 lane => Lane) lanes;
        mapping(uint256 bridge => mapping(address token => Asset)) assets;
        /// The token that an entry's asset means, for entries that arrive on a lane and for those that left on it.
        mapping(bytes32 lane => mapping(bytes32 asset => address token)) tokens;
        /// 1 ERC-20, 2 ERC-721, for every token ever registered.
        mapping(address token => uint8) standards;
        /// ERC-721 ids held for a bridge, a bit each.
        mapping(uint256 bridge => mapping(address token => mapping(uint256 word => uint256 bits))) escrowed;
        /// Transfers of an outgoing lane that came back, a bit each, never cleared.
        mapping(bytes32 outLane => mapping(uint256 word => uint256 bits)) returned;
        /// Parked for an owner.
        mapping(address token => mapping(address owner => uint256 amount)) claimable;
        mapping(address token => mapping(uint256 id => address owner)) claimableId;
        /// Outboxes that a bridge uses: one bridge each.
        mapping(address outbox => bool used) outboxes;
        /// Vouchers that belong to a (bridge, asset) already.
        mapping(address voucher => bool bound) vouchers;
        /// Bridges opened so far: the newest one's number.
        uint32 bridges;
    }

    error Reentered();
    error NotInitialised();
    error NotCouncil();
    error NotGuardian();
    error NotSelf();
    error Paused(uint64 until);
    error UnknownLane(bytes32 lane);
    error LaneClosed(bytes32 lane);
    error UnsupportedAsset(address token);
    error AssetClosed(address token);
    error AmountOutOfRange(uint256 amount);
    error AmountMismatch(uint256 expected, uint256 found);
    error InvalidRecipient(bytes32 recipient);
    error TimeoutOutOfRange(uint64 timeout);
    error CapReached(address token);
    error EscrowExceeded(address token, uint256 held, uint256 amount);
    error OutstandingExceeded(address token, uint256 outstanding, uint256 amount);
    error TransferFailed(address token);
    error BatchSize(uint256 count);
    error NonCanonical();
    error RootMismatch(uint256 height);
    error UnsupportedKind(uint256 kind);
    error WrongIndex(uint256 expected, uint256 found);
    error AlreadyReturned(uint64 index);
    error NotEnoughGas();
    error NotEnoughDepth();
    error NothingToClaim();
    error ForbiddenTarget(address target);

    /// Entries written to an outbox, as packed groups.
    event Appended(bytes32 indexed lane, uint64 indexed first, bytes groups);
    /// Bit i is index `first + i`: newly taken by this call; answered with `Returned`; parked as claimable.
    event Delivered(
        bytes32 indexed lane, uint64 indexed first, uint64 count, uint256 taken, uint256 returned, uint256 parked
    );
    /// An entry stays open because the window's rest is too small for it.
    event CapHeld(bytes32 indexed lane, uint64 indexed index, address token);
    event Parked(address indexed token, address indexed owner, uint256 amountOrId);
    event Claimed(address indexed token, address indexed owner, address to, uint256 amountOrId);

    function _state() internal pure returns (State storage s) {
        bytes32 slot = STATE;
        assembly ("memory-safe") {
            s.slot := slot
        }
    }

    /// `word w of lane L` stands at keccak256(abi.encode(w, keccak256(abi.encode(L, DELIVERED)))).
    function _delivered() internal pure returns (mapping(bytes32 => mapping(uint256 => uint256)) storage m) {
        bytes32 slot = DELIVERED;
        assembly ("memory-safe") {
            m.slot := slot
        }
    }
}
