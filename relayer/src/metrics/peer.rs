//! What the links to other organisations' relayers show.

use super::{
    chain::CALL_SECONDS,
    field::{By, Counter, Gauge, Histogram, NameOf, Named, Until},
    group::group,
    labels::Direction,
};

/// Label of refusals by reason.
#[derive(Clone, Copy, Debug)]
pub struct Reason;
impl NameOf for Reason {
    const NAME: &'static str = "reason";
}

group! {
    /// One peer. `peer` is the organisation's configured name.
    PeerMetrics / PeerFamilies: "causeway_peer_" [peer] {
        /// 1 while a session with the peer stands.
        connected: Gauge,
        /// Times that a session was made again after it broke.
        reconnects_total: Counter,
        /// Frames, by direction.
        frames_total: By<Direction, Counter>,
        /// Bytes of frames, by direction.
        frame_bytes_total: By<Direction, Counter>,
        /// Bundles sent that wait for an outcome.
        in_flight_bundles: Gauge,
        /// Bundles that this relayer may still send before the peer grants more.
        credits: Gauge,
        /// Times that sending waited because there was no credit.
        credit_waits_total: Counter,
        /// Frames of the peer that broke the protocol, by reason.
        violations_total: Named<Reason>,
        /// Seconds from sending a bundle to the peer's `received`.
        received_seconds: Histogram = CALL_SECONDS,
    }
}

group! {
    /// One listener of this relayer (`peer`, `api`, `admin`, `metrics`).
    ListenerMetrics / ListenerFamilies: "causeway_listener_" [listener] {
        /// Connections that are open.
        connections: Gauge,
        /// Connections refused, by reason (too many, handshake, certificate).
        refused_total: Named<Reason>,
        /// Requests answered.
        requests_total: Counter,
    }
}

group! {
    /// One certificate in use. `certificate` is its role: `own`, `ca`, or a peer's name.
    CertificateMetrics / CertificateFamilies: "causeway_certificate_" [certificate] {
        /// Seconds until the certificate expires.
        seconds_to_expiry: Until,
    }
}
