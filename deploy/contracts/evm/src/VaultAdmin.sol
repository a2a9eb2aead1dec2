// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Council} from "./Council.sol";
import {Outbox} from "./Outbox.sol";
import {VaultBase} from "./VaultBase.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {VoucherFactory} from "./VoucherFactory.sol";
import {Caip} from "./lib/Caip.sol";
import {ILightClient} from "./interfaces/ILightClient.sol";

/// The part of a vault off the hot path: what its council sets up, the guardian's pause, and the views. It runs only by
/// delegation from a vault, on the vault's storage. Nothing here moves an asset.
contract VaultAdmin is VaultBase {
    /// The chain at the other end of a bridge.
    struct RemoteEnd {
        /// CAIP-2 id.
        string chain;
        bytes32 genesis;
        /// The vault and the outbox there, in the chain's native bytes.
        bytes vault;
        bytes outbox;
    }

    struct AssetParams {
        /// 1 home, 2 voucher.
        uint8 mode;
        /// 1 ERC-20, 2 ERC-721.
        uint8 standard;
        /// Home: the token. Voucher: zero to have it deployed, or one that was deployed before for this vault and lane.
        address token;
        /// keccak256 of the asset's CAIP-19 id at the other end.
        bytes32 remoteAsset;
        /// Bytes of an amount on the lane (ERC-721: 32).
        uint8 amountWidth;
        uint8 localDecimals;
        uint8 remoteDecimals;
        uint128 minAmount;
        /// Caps per window of `windowSeconds`, in this chain's units (ERC-721: a count); no window: no caps.
        uint112 lockCap;
        uint112 creditCap;
        uint32 windowSeconds;
        /// For a voucher that is deployed now.
        string name;
        string symbol;
    }

    /// A lane as this vault sees it.
    struct LaneConfig {
        bytes32 reverse;
        address outbox;
        address client;
        address remoteOutbox;
        uint8 role;
        uint8 status;
        uint8 accountBytes;
        uint64 epoch;
        bytes32 remoteGenesis;
        uint32 bridge;
    }

    bytes32 private constant LANE_TAG = keccak256("causeway/lane/1");

    VoucherFactory public immutable vouchers;

    /// The module with the swaps (same storage, delegated to).
    address public immutable swaps;

    event BridgeOpened(
        bytes32 indexed outLane, bytes32 indexed inLane, address outbox, address client, address remoteOutbox
    );
    event BridgeClosed(bytes32 indexed outLane);
    event AssetRegistered(
        bytes32 indexed outLane,
        address indexed token,
        bytes32 localAsset,
        bytes32 remoteAsset,
        uint8 mode,
        uint8 standard
    );
    event AssetShut(bytes32 indexed outLane, address indexed token);
    event CapsSet(
        bytes32 indexed outLane, address indexed token, uint112 lockCap, uint112 creditCap, uint32 windowSeconds
    );
    event ClientReplaced(bytes32 indexed outLane, address from, address to);
    event PausedUntil(uint64 until);

    error InvalidConfig();
    error LaneMismatch(bytes32 expected, bytes32 found);
    error AlreadyRegistered();
    error ClientStillLive();

    constructor(VoucherFactory vouchers_, address swaps_) {
        if (swaps_.code.length == 0) revert InvalidConfig();
        (vouchers, swaps) = (vouchers_, swaps_);
    }

    modifier onlyCouncil() {
        if (msg.sender != _state().council) revert NotCouncil();
        _;
    }

    // --- the council ---------------------------------------------------------------------------------------------------

    /// Opens both lanes of a bridge. The lane ids are computed here from the two ends, and must be those that were agreed.
    /// @param accountBytes 20, or 32 where accounts at the other end may fill a word
    function openBridge(
        RemoteEnd calldata remote,
        uint64 epoch,
        address outbox,
        address client,
        uint8 accountBytes,
        bytes32 outLane,
        bytes32 inLane
    ) external onlyCouncil {
        State storage s = _state();
        if (accountBytes != 20 && accountBytes != 32) revert InvalidConfig();
        if (remote.outbox.length != 20 || ILightClient(client).genesis() != remote.genesis) revert InvalidConfig();
        // Its slots must be this bridge's alone, from the first entry on.
        if (Outbox(outbox).vault() != address(this) || Outbox(outbox).size() != 0 || s.outboxes[outbox]) {
            revert InvalidConfig();
        }
        {
            (bytes32 out, bytes32 in_) = laneIds(remote, epoch, outbox);
            if (out != outLane) revert LaneMismatch(out, outLane);
            if (in_ != inLane) revert LaneMismatch(in_, inLane);
        }
        if (outLane == inLane || s.lanes[outLane].role != 0 || s.lanes[inLane].role != 0) revert AlreadyRegistered();
        s.outboxes[outbox] = true;
        address remoteOutbox = address(bytes20(remote.outbox));
        Lane memory l = Lane({
            reverse: inLane,
            client: client,
            role: ROLE_OUT,
            status: OPEN,
            accountBytes: accountBytes,
            bridge: ++s.bridges,
            remoteOutbox: remoteOutbox,
            proven: 0,
            outbox: outbox,
            epoch: epoch,
            remoteGenesis: remote.genesis
        });
        s.lanes[outLane] = l;
        (l.reverse, l.role) = (outLane, ROLE_IN);
        s.lanes[inLane] = l;
        emit BridgeOpened(outLane, inLane, outbox, client, remoteOutbox);
    }

    /// Closes a bridge to new locks, for good. Everything under way still ends.
    function closeBridge(bytes32 outLane) external onlyCouncil {
        Lane storage l = _out(outLane);
        l.status = CLOSED;
        _state().lanes[l.reverse].status = CLOSED;
        emit BridgeClosed(outLane);
    }

    /// Registers an asset of a bridge; a mapping is never changed afterwards.
    /// @return token the token on this chain
    function registerAsset(bytes32 outLane, AssetParams calldata p) external onlyCouncil returns (address token) {
        State storage s = _state();
        Lane storage l = _out(outLane);
        _checkParams(p);
        token = p.mode == VOUCHER ? _voucher(s, outLane, p) : p.token;
        if (token.code.length == 0) revert UnsupportedAsset(token);
        if (p.mode == HOME && p.standard == ERC20) _checkDecimals(token, p.localDecimals);
        Asset storage a = s.assets[l.bridge][token];
        bytes32 localAsset = _assetHash(p.standard, token);
        if (
            a.head.mode != 0 || s.tokens[l.reverse][p.remoteAsset] != address(0)
                || s.tokens[outLane][localAsset] != address(0)
                || (s.standards[token] != 0 && s.standards[token] != p.standard)
        ) revert AlreadyRegistered();
        s.standards[token] = p.standard;
        s.tokens[l.reverse][p.remoteAsset] = token;
        s.tokens[outLane][localAsset] = token;
        a.head = AssetHead({
            outbox: l.outbox,
            mode: p.mode,
            standard: p.standard,
            status: OPEN,
            amountWidth: p.amountWidth,
            scale: int8(int256(uint256(p.remoteDecimals)) - int256(uint256(p.localDecimals))),
            capped: p.windowSeconds != 0,
            accountBytes: l.accountBytes
        });
        a.minAmount = p.minAmount;
        a.remoteAsset = p.remoteAsset;
        (a.lockCap, a.creditCap, a.windowSeconds) = (p.lockCap, p.creditCap, p.windowSeconds);
        emit AssetRegistered(outLane, token, localAsset, p.remoteAsset, p.mode, p.standard);
        emit CapsSet(outLane, token, p.lockCap, p.creditCap, p.windowSeconds);
    }

    /// Closes an asset of a bridge to new locks, for good.
    function closeAsset(bytes32 outLane, address token) external onlyCouncil {
        Asset storage a = _asset(outLane, token);
        a.head.status = CLOSED;
        emit AssetShut(outLane, token);
    }

    /// Sets the caps of both directions; no window: no caps.
    function setCaps(bytes32 outLane, address token, uint112 lockCap, uint112 creditCap, uint32 windowSeconds)
        external
        onlyCouncil
    {
        Asset storage a = _asset(outLane, token);
        if (windowSeconds == 0 && (lockCap != 0 || creditCap != 0)) revert InvalidConfig();
        if (windowSeconds != a.windowSeconds) (a.lockUsed, a.creditUsed, a.window) = (0, 0, 0);
        (a.lockCap, a.creditCap, a.windowSeconds) = (lockCap, creditCap, windowSeconds);
        a.head.capped = windowSeconds != 0;
        emit CapsSet(outLane, token, lockCap, creditCap, windowSeconds);
    }

    /// Names another light client for a bridge whose own is frozen or expired. It must read the same chain and start at or
    /// above the highest block from which an entry was taken; that it descends from there is the council's to check. (The
    /// old client's own height says nothing: what broke its chain may have raised it.)
    function replaceClient(bytes32 outLane, address client) external onlyCouncil {
        Lane storage l = _out(outLane);
        address old = l.client;
        if (ILightClient(old).live()) revert ClientStillLive();
        (uint64 height,,,,,,) = ILightClient(client).state();
        if (
            ILightClient(client).genesis() != l.remoteGenesis || !ILightClient(client).live()
                || height < _state().lanes[l.reverse].proven
        ) revert InvalidConfig();
        l.client = client;
        _state().lanes[l.reverse].client = client;
        emit ClientReplaced(outLane, old, client);
    }

    // --- the guardian --------------------------------------------------------------------------------------------------

    /// Refuses new locks for a while. Deliveries, returns and claims go on.
    function pause(uint64 until) external {
        State storage s = _state();
        bool byCouncil = msg.sender == s.council;
        if (!byCouncil && msg.sender != Council(s.council).guardian()) revert NotGuardian();
        if (!byCouncil) {
            // Between two pauses as much open time as a pause may last.
            if (s.pausedUntil != 0 && block.timestamp < s.pausedUntil + MAX_PAUSE) revert Paused(s.pausedUntil);
            if (until <= block.timestamp) revert InvalidConfig();
        }
        if (until > block.timestamp + MAX_PAUSE) revert InvalidConfig();
        s.pausedUntil = until;
        emit PausedUntil(until);
    }

    // --- views ---------------------------------------------------------------------------------------------------------

    /// The two lane ids of a bridge between this vault and `remote`.
    function laneIds(RemoteEnd calldata remote, uint64 epoch, address outbox)
        public
        view
        returns (bytes32 outLane, bytes32 inLane)
    {
        bytes memory here = abi.encode(
            _chainHash(),
            _state().genesis,
            keccak256(abi.encodePacked(address(this))),
            keccak256(abi.encodePacked(outbox))
        );
        bytes memory there = abi.encode(
            keccak256(bytes(remote.chain)), remote.genesis, keccak256(remote.vault), keccak256(remote.outbox)
        );
        outLane = keccak256(bytes.concat(LANE_TAG, here, there, bytes32(uint256(epoch))));
        inLane = keccak256(bytes.concat(LANE_TAG, there, here, bytes32(uint256(epoch))));
    }

    function laneConfig(bytes32 lane) external view returns (LaneConfig memory) {
        Lane storage l = _state().lanes[lane];
        return LaneConfig(
            l.reverse,
            l.outbox,
            l.client,
            l.remoteOutbox,
            l.role,
            l.status,
            l.accountBytes,
            l.epoch,
            l.remoteGenesis,
            l.bridge
        );
    }

    /// The highest block of the other chain from which an entry of this incoming lane was taken.
    function provenHeight(bytes32 inLane) external view returns (uint64) {
        return _state().lanes[inLane].proven;
    }

    function asset(bytes32 outLane, address token) external view returns (Asset memory) {
        return _state().assets[_state().lanes[outLane].bridge][token];
    }

    /// The token that an entry's asset means on a lane; zero where none is registered.
    function tokenOf(bytes32 lane, bytes32 assetHash) external view returns (address) {
        return _state().tokens[lane][assetHash];
    }

    /// keccak256 of the CAIP-19 id of a token on this chain.
    function assetHashOf(uint8 standard, address token) external view returns (bytes32) {
        return _assetHash(standard, token);
    }

    function isDelivered(bytes32 lane, uint64 index) external view returns (bool) {
        return (_delivered()[lane][index >> 8] >> (index & 255)) & 1 != 0;
    }

    /// Word w of a lane's bitmap: bit i is index `256 w + i`.
    function deliveredWord(bytes32 lane, uint256 word) external view returns (uint256) {
        return _delivered()[lane][word];
    }

    /// Whether a transfer of an outgoing lane came back.
    function isReturned(bytes32 outLane, uint64 index) external view returns (bool) {
        return (_state().returned[outLane][index >> 8] >> (index & 255)) & 1 != 0;
    }

    function claimable(address token, address owner) external view returns (uint256) {
        return _state().claimable[token][owner];
    }

    function claimableId(address token, uint256 id) external view returns (address) {
        return _state().claimableId[token][id];
    }

    /// Whether an ERC-721 id is in a bridge's escrow.
    function isEscrowed(bytes32 outLane, address token, uint256 id) external view returns (bool) {
        return (_state().escrowed[_state().lanes[outLane].bridge][token][id >> 8] >> (id & 255)) & 1 != 0;
    }

    function council() external view returns (address) {
        return _state().council;
    }

    function genesis() external view returns (bytes32) {
        return _state().genesis;
    }

    function pausedUntil() external view returns (uint64) {
        return _state().pausedUntil;
    }

    // --- helpers -------------------------------------------------------------------------------------------------------

    function _out(bytes32 outLane) private view returns (Lane storage l) {
        l = _state().lanes[outLane];
        if (l.role != ROLE_OUT) revert UnknownLane(outLane);
    }

    function _asset(bytes32 outLane, address token) private view returns (Asset storage a) {
        a = _state().assets[_out(outLane).bridge][token];
        if (a.head.mode == 0) revert UnsupportedAsset(token);
    }

    function _checkParams(AssetParams calldata p) private pure {
        bool nft = p.standard == ERC721;
        if (
            (p.mode != HOME && p.mode != VOUCHER) || (p.standard != ERC20 && !nft) || p.remoteAsset == 0
                || p.amountWidth == 0 || p.amountWidth > 32 || (nft && p.amountWidth != 32) || p.localDecimals > 36
                || p.remoteDecimals > 36 || (nft && p.localDecimals != p.remoteDecimals)
                // A voucher finer than its home could not count what the home can hold.
                || (p.mode == HOME ? p.remoteDecimals > p.localDecimals : p.localDecimals > p.remoteDecimals)
                || (p.windowSeconds == 0 && (p.lockCap != 0 || p.creditCap != 0))
        ) revert InvalidConfig();
    }

    /// A voucher belongs to exactly one (bridge, asset) and was never minted before (ATK-115). One that stands already must
    /// be the factory's own work, which its address says; what a contract says of itself is not asked.
    function _voucher(State storage s, bytes32 outLane, AssetParams calldata p) private returns (address token) {
        token = p.standard == ERC20
            ? vouchers.addressOfERC20(address(this), outLane, p.remoteAsset, p.name, p.symbol, p.localDecimals)
            : vouchers.addressOfERC721(address(this), outLane, p.remoteAsset, p.name, p.symbol);
        if (p.token == address(0)) {
            if (p.standard == ERC20) {
                vouchers.deployERC20(outLane, p.remoteAsset, p.name, p.symbol, p.localDecimals);
            } else {
                vouchers.deployERC721(outLane, p.remoteAsset, p.name, p.symbol);
            }
        } else if (p.token != token) {
            revert InvalidConfig();
        }
        if (s.vouchers[token]) revert AlreadyRegistered();
        s.vouchers[token] = true;
    }

    /// Amounts of a home token mean what its `decimals` say: where it answers, it must be what was agreed.
    function _checkDecimals(address token, uint8 agreed) private view {
        (bool ok, bytes memory answer) = token.staticcall(abi.encodeCall(IERC20Metadata.decimals, ()));
        if (ok && answer.length == 32 && abi.decode(answer, (uint256)) != agreed) revert InvalidConfig();
    }

    /// What is not here is in the module of the swaps.
    fallback() external {
        address module = swaps;
        assembly ("memory-safe") {
            let m := mload(0x40)
            calldatacopy(m, 0, calldatasize())
            let ok := delegatecall(gas(), module, m, calldatasize(), 0, 0)
            returndatacopy(m, 0, returndatasize())
            switch ok
            case 0 { revert(m, returndatasize()) }
            default { return(m, returndatasize()) }
        }
    }
}
