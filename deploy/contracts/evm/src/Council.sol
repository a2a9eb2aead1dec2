// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The organisations of a vault's bridges: what they decide by quorum is done after a delay that everyone can see. Owner
/// of the vault, and the only one to name another light client for a lane.
///
/// Quorum is all of them up to three organisations, a stated majority above. The guardian is one of their operators and
/// can only pause new locks, for a bounded time.
contract Council {
    struct Call {
        address target;
        bytes data;
    }

    struct Proposal {
        address proposer;
        /// Unix seconds from which it may be executed; zero while the quorum is not reached.
        uint64 notBefore;
        bool executed;
        uint32 approvals;
    }

    /// A proposal lapses this long after it was made without finding its quorum, or after it could have been executed: an
    /// old decision must not surprise.
    uint256 public constant LIFETIME = 30 days;
    /// The delay is bounded so that recovery ends within a transfer's longest timeout.
    uint256 public constant MAX_DELAY = 30 days;
    /// Organisations of one bridge: approvals are counted in a loop.
    uint256 public constant MAX_ORGANISATIONS = 32;

    address[] private _organisations;
    mapping(address => bool) public isOrganisation;
    uint256 public quorum;
    /// Seconds between the last needed approval and execution.
    uint64 public delay;
    address public guardian;
    /// Proposals made so far: part of each id.
    uint256 public proposalCount;
    mapping(bytes32 id => Proposal) public proposals;
    mapping(bytes32 id => mapping(address organisation => bool)) public approved;
    /// Grows with every change of the organisations; approvals given before do not count after.
    uint256 public term;
    mapping(bytes32 id => uint256) private _termOf;
    /// Unix seconds after which nothing can be done with a proposal any more.
    mapping(bytes32 id => uint256) private _lapsesAt;

    event Proposed(bytes32 indexed id, address indexed by, uint256 number, Call[] calls);
    event Approved(bytes32 indexed id, address indexed by, uint256 approvals);
    event Scheduled(bytes32 indexed id, uint64 notBefore);
    event Revoked(bytes32 indexed id, address indexed by);
    event Executed(bytes32 indexed id);
    event Changed(address[] organisations, uint256 quorum, uint64 delay, address guardian);

    error NotOrganisation();
    error NotCouncil();
    error InvalidCouncil();
    error UnknownProposal(bytes32 id);
    error AlreadyDone(bytes32 id);
    error TooEarly(uint64 notBefore);
    error Lapsed(bytes32 id);
    error CallFailed(uint256 position, bytes reason);

    /// @param quorum_ ignored up to three organisations, where it is all of them
    constructor(address[] memory organisations_, uint256 quorum_, uint64 delay_, address guardian_) {
        _set(organisations_, quorum_, delay_, guardian_);
    }

    modifier onlyOrganisation() {
        if (!isOrganisation[msg.sender]) revert NotOrganisation();
        _;
    }

    /// Proposes calls, to be made in this order and together, and approves them.
    function propose(Call[] calldata calls) external onlyOrganisation returns (bytes32 id) {
        uint256 number = proposalCount++;
        id = keccak256(abi.encode(number, calls));
        proposals[id].proposer = msg.sender;
        _termOf[id] = term;
        // Also a proposal that never finds its quorum does not wait for ever.
        _lapsesAt[id] = block.timestamp + LIFETIME;
        emit Proposed(id, msg.sender, number, calls);
        _approve(id);
    }

    function approve(bytes32 id) external onlyOrganisation {
        _approve(id);
    }

    /// Takes an approval back; below the quorum the delay starts again with the next approval.
    function revoke(bytes32 id) external onlyOrganisation {
        Proposal storage p = _live(id);
        if (!approved[id][msg.sender]) revert UnknownProposal(id);
        approved[id][msg.sender] = false;
        --p.approvals;
        if (p.approvals < quorum) p.notBefore = 0;
        emit Revoked(id, msg.sender);
    }

    /// Anyone may execute what was decided, after the delay. All calls succeed or none.
    function execute(uint256 number, Call[] calldata calls) external {
        bytes32 id = keccak256(abi.encode(number, calls));
        Proposal storage p = _live(id);
        uint64 notBefore = p.notBefore;
        if (notBefore == 0 || block.timestamp < notBefore) revert TooEarly(notBefore);
        p.executed = true;
        for (uint256 i; i < calls.length; ++i) {
            if (calls[i].target.code.length == 0) revert CallFailed(i, "");
            (bool ok, bytes memory reason) = calls[i].target.call(calls[i].data);
            if (!ok) revert CallFailed(i, reason);
        }
        emit Executed(id);
    }

    /// Changes the council itself, by its own decision.
    function change(address[] calldata organisations_, uint256 quorum_, uint64 delay_, address guardian_) external {
        if (msg.sender != address(this)) revert NotCouncil();
        for (uint256 i; i < _organisations.length; ++i) {
            isOrganisation[_organisations[i]] = false;
        }
        ++term;
        _set(organisations_, quorum_, delay_, guardian_);
    }

    function organisations() external view returns (address[] memory) {
        return _organisations;
    }

    function _approve(bytes32 id) private {
        Proposal storage p = _live(id);
        if (approved[id][msg.sender]) return;
        approved[id][msg.sender] = true;
        uint32 count = ++p.approvals;
        emit Approved(id, msg.sender, count);
        if (count >= quorum && p.notBefore == 0) {
            p.notBefore = uint64(block.timestamp) + delay;
            _lapsesAt[id] = p.notBefore + LIFETIME;
            emit Scheduled(id, p.notBefore);
        }
    }

    function _live(bytes32 id) private view returns (Proposal storage p) {
        p = proposals[id];
        if (p.proposer == address(0) || _termOf[id] != term) revert UnknownProposal(id);
        if (p.executed) revert AlreadyDone(id);
        // Old approvals revive nothing: who still wants it proposes it again.
        if (block.timestamp > _lapsesAt[id]) revert Lapsed(id);
    }

    function _set(address[] memory organisations_, uint256 quorum_, uint64 delay_, address guardian_) private {
        uint256 count = organisations_.length;
        if (count <= 3) quorum_ = count;
        if (count == 0 || count > MAX_ORGANISATIONS || quorum_ > count || quorum_ * 2 <= count || delay_ > MAX_DELAY) {
            revert InvalidCouncil();
        }
        for (uint256 i; i < count; ++i) {
            address organisation = organisations_[i];
            if (organisation == address(0) || organisation == address(this) || isOrganisation[organisation]) {
                revert InvalidCouncil();
            }
            isOrganisation[organisation] = true;
        }
        (_organisations, quorum, delay, guardian) = (organisations_, quorum_, delay_, guardian_);
        emit Changed(organisations_, quorum_, delay_, guardian_);
    }
}
