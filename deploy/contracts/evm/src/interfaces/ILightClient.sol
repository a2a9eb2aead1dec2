// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What a vault asks of the light client of the chain at the other end. The vault never reads a header itself.
interface ILightClient {
    /// Verifies `update`, then proves slots of `outbox` under its state root.
    /// Account and slots are derived here, never taken from calldata (ATK-116).
    /// @return heights one byte per peak, in the order of the proof
    /// @return peaks the value of slot `1 + height`, never zero
    /// @return height the proven header's block number
    /// @return time the proven header's time, Unix seconds
    function outboxPeaks(address outbox, bytes calldata update, bytes calldata stateProof)
        external
        returns (bytes memory heights, bytes32[] memory peaks, uint64 height, uint64 time);

    /// True while the client is neither frozen nor expired: only then may a vault take new locks.
    function live() external view returns (bool);

    /// The newest trusted state and its bounds.
    function state()
        external
        view
        returns (
            uint64 height,
            uint64 time,
            bytes32 setHash,
            bool frozen,
            uint64 frozenAt,
            uint64 trustingPeriod,
            uint64 drift
        );

    /// Genesis hash of the chain that is read: part of the lane id.
    function genesis() external view returns (bytes32);
}
