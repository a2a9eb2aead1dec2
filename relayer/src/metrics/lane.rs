//! What bridges and their lanes show.

use super::{
    field::{Age, Amount, By, Counter, Gauge, Histogram, NameOf, Named, Until},
    group::group,
    labels::{Ending, EntryKind, EntryStage, ErrorClass, Holder, SwapEnd},
};

/// Seconds between two stages of an entry: from a local hand-over (milliseconds) to a slow chain's finality (an hour).
pub const STAGE_SECONDS: &[f64] =
    &[0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 300.0, 1200.0, 3600.0];
/// Entries in a batch, to the contract's `MAX_BATCH`.
pub const BATCH_ENTRIES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 200.0, 256.0];
/// Bytes of a bundle on the wire.
pub const BUNDLE_BYTES: &[f64] = &[1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6];

/// Label of errors by what went wrong.
#[derive(Clone, Copy, Debug)]
pub struct ErrorKind;
impl NameOf for ErrorKind {
    const NAME: &'static str = "kind";
}

group! {
    /// One lane: one direction of a bridge. `lane` is the short id that every command prints.
    LaneMetrics / LaneFamilies: "causeway_lane_" [bridge, lane] {
        /// Age of the oldest entry that is final on the source and not yet final on the destination, seconds; 0 when
        /// none is pending.
        oldest_pending_age_seconds: Age,
        /// Entries not yet delivered, by the stage that they are in.
        pending_entries: By<EntryStage, Gauge>,
        /// Entries that reached a stage.
        stage_entries_total: By<EntryStage, Counter>,
        /// Seconds that an entry took to reach a stage from the one before.
        stage_seconds: By<EntryStage, Histogram> = STAGE_SECONDS,
        /// Entries seen in final blocks of the source, by what they say.
        observed_entries_total: By<EntryKind, Counter>,
        /// Entries that the destination's vault took, by how they ended there.
        delivered_entries_total: By<Ending, Counter>,
        /// Seconds from seeing an entry final on the source to the proof of its delivery.
        delivery_seconds: Histogram = STAGE_SECONDS,
        /// Entries in a bundle.
        batch_entries: Histogram = BATCH_ENTRIES,
        /// Bytes of a bundle, with its proofs.
        bundle_bytes: Histogram = BUNDLE_BYTES,
        /// Size of the source's outbox as last proven, entries.
        outbox_entries: Gauge,
        /// Gas of final delivery transactions of this relayer.
        delivery_gas_total: Counter,
        /// Entries delivered by transactions of this relayer: with delivery_gas_total the gas per entry.
        delivery_entries_total: Counter,
        /// Errors of the lane's stages, by what they do to the item or lane.
        errors_total: By<ErrorClass, Counter>,
        /// Errors of the lane's stages, by what went wrong.
        error_kinds_total: Named<ErrorKind>,
        /// Bundles that the peer rejected, by its reason: a peer's word.
        peer_rejections_total: Named<ErrorKind>,
        /// Attempts of a stage after a retryable error.
        retries_total: Counter,
        /// Dead letters that wait for an operator, entries.
        dead_letter_entries: Gauge,
        /// 1 while the lane is stopped by an error that needs an operator.
        stopped: Gauge,
        /// 1 while an operator has paused the lane.
        paused: Gauge,
        /// Times that the lane's task group was started again.
        restarts_total: Counter,
    }
}

group! {
    /// A lane's light clients: this relayer's own client of the source and the contract on the destination.
    ClientMetrics / ClientFamilies: "causeway_client_" [bridge, lane] {
        /// Newest height that the client trusts.
        height: By<Holder, Gauge>,
        /// Seconds, on the chain's clock, until the client can no longer be updated; not a number before it is known.
        seconds_to_expiry: By<Holder, Until>,
        /// 1 while the client is frozen by conflicting final headers.
        frozen: By<Holder, Gauge>,
        /// Header updates that the client took.
        updates_total: By<Holder, Counter>,
        /// Headers and proofs that the relayer's client refused.
        refusals_total: Counter,
        /// Seconds that the relayer's client took to judge a bundle.
        verify_seconds: Histogram = VERIFY_SECONDS,
    }
}

/// Seconds of a bundle's verification: a header of 4 to 256 seals, a state proof, a range proof.
pub const VERIFY_SECONDS: &[f64] = &[0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2];

group! {
    /// An asset of a bridge. `asset` is its configured name.
    AssetMetrics / AssetFamilies: "causeway_asset_" [bridge, asset] {
        /// What the home chain's vault holds for this bridge, in final blocks, in the asset's smallest unit.
        escrow_base_units: Amount,
        /// What the other chain has credited and not burned, in final blocks, in the asset's smallest unit. More than
        /// the escrow breaks INV-1.
        outstanding_base_units: Amount,
    }
}

group! {
    /// A bridge's swaps, as proven on both chains.
    SwapMetrics / SwapFamilies: "causeway_swap_" [bridge] {
        /// Swaps with a locked leg that have not ended.
        open_swaps: Gauge,
        /// Swaps that ended since the bridge was opened, as far as this relayer has read its outboxes, by how; a restart reads
        /// them again.
        ended_swaps: By<SwapEnd, Gauge>,
        /// Legs past their deadline, by their chain's verified time, whose other leg is locked and that nobody has voided
        /// yet.
        overdue_legs: Gauge,
        /// Overdue legs that this relayer voided.
        voided_legs_total: Counter,
    }
}
