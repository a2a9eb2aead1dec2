//! The one place where errors go to the wire and come back. On the wire an error is a gRPC status with the details that
//! AIP-193 asks for: `ErrorInfo` (reason, domain `causeway`) and, where waiting helps, `RetryInfo`.
//!
//! Coming back, a peer's word decides nothing but patience: whatever it refuses, this relayer's lane lives on and does the
//! peer's work by itself (INV-6), so every error of a peer is a retry. Transport trouble comes in many codes (`Cancelled`
//! for a timeout, `Unknown` for a refused handshake, `Internal` for a broken stream) and none of them has details.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::lane::error::{Class, Error, Kind};

/// Domain of this program's reasons.
pub const DOMAIN: &str = "causeway";

/// Pause after a refusal that only an operator of one side can change.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// Longest delay that a peer may ask for.
const DELAY_MAX: Duration = Duration::from_secs(300);

/// Longest text of a peer that is kept.
const DETAIL_MAX: usize = 512;

/// An error for something that the other side refuses.
pub(super) fn refusal(kind: Kind, detail: String) -> Error {
    Error::retry_after(kind, REFUSED_PAUSE, detail)
}

/// Reason of a kind on the wire, in both directions. Names are never reused.
macro_rules! reasons {
    ($($kind:ident = $reason:literal / $code:ident,)*) => {
        /// The reason of a kind on the wire.
        #[must_use]
        pub fn reason(kind: Kind) -> &'static str {
            match kind { $(Kind::$kind => $reason,)* }
        }

        pub(crate) fn code(kind: Kind) -> Code {
            match kind { $(Kind::$kind => Code::$code,)* }
        }

        /// The kind of a reason on the wire.
        #[must_use]
        pub fn kind(reason: &str) -> Option<Kind> {
            match reason {
                $($reason => Some(Kind::$kind),)*
                // What a Hello finds (see `hello::Mismatch`).
                "CHAIN_MISMATCH" => Some(Kind::ChainMismatch),
                "CAPS_MISMATCH" | "VERSION_MISMATCH" => Some(Kind::PeerRefused),
                _ => None,
            }
        }
    };
}

reasons! {
    Unavailable = "UNAVAILABLE" / Unavailable,
    DeadlineExceeded = "DEADLINE_EXCEEDED" / DeadlineExceeded,
    RateLimited = "RATE_LIMITED" / ResourceExhausted,
    Stalled = "STALLED" / Unavailable,
    NotAvailableYet = "NOT_AVAILABLE_YET" / NotFound,
    NodeLied = "NODE_LIED" / Aborted,
    Malformed = "MALFORMED" / InvalidArgument,
    Refused = "REFUSED" / InvalidArgument,
    ClientExpired = "CLIENT_EXPIRED" / FailedPrecondition,
    ClientFrozen = "CLIENT_FROZEN" / FailedPrecondition,
    ChainMismatch = "CLIENT_MISMATCH" / FailedPrecondition,
    UnknownLane = "UNKNOWN_LANE" / PermissionDenied,
    OutboxRewritten = "OUTBOX_REWRITTEN" / FailedPrecondition,
    VaultCodeChanged = "VAULT_CODE_CHANGED" / FailedPrecondition,
    InsufficientFunds = "INSUFFICIENT_FUNDS" / FailedPrecondition,
    NonceConflict = "NONCE_CONFLICT" / Aborted,
    Underpriced = "UNDERPRICED" / Aborted,
    Reverted = "REVERTED" / Aborted,
    Dropped = "DROPPED" / Aborted,
    Store = "STORE" / Unavailable,
    PeerMisbehaved = "PROTOCOL_VIOLATION" / InvalidArgument,
    PeerRefused = "PEER_REFUSED" / FailedPrecondition,
    TooLarge = "TOO_LARGE" / ResourceExhausted,
    InvalidConfig = "INVALID_CONFIG" / FailedPrecondition,
    ShuttingDown = "SHUTTING_DOWN" / Unavailable,
}

/// What a peer may read of an error. Details of this machine (files, nodes, funds) stay here.
#[must_use]
pub fn public_detail(error: &Error) -> &str {
    match error.kind {
        Kind::Store | Kind::InvalidConfig | Kind::InsufficientFunds | Kind::NodeLied => "see this relayer's own log",
        _ => cut(&error.detail),
    }
}

/// An error as a status for a peer.
#[must_use]
pub fn status(error: &Error) -> Status {
    let delay = match error.class {
        Class::Retry { after } => after,
        Class::DeadLetter | Class::StopLane => None,
    };
    with_reason(code(error.kind), reason(error.kind), public_detail(error), delay)
}

pub(super) fn with_reason(code: Code, reason: &str, detail: &str, delay: Option<Duration>) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::<String, String>::new());
    if delay.is_some() {
        details.set_retry_info(delay);
    }
    Status::with_error_details(code, detail, details)
}

pub(super) fn unauthenticated() -> Status {
    with_reason(Code::Unauthenticated, "UNAUTHENTICATED", "the certificate's name is not one of a peer", None)
}

pub(super) fn foreign_lane() -> Status {
    with_reason(
        Code::PermissionDenied,
        reason(Kind::UnknownLane),
        "not a lane that is shared with this organisation",
        None,
    )
}

pub(super) fn malformed(error: &causeway_proto::convert::Unreadable) -> Status {
    with_reason(Code::InvalidArgument, reason(Kind::Malformed), &error.to_string(), None)
}

/// A peer's status as an error of this relayer.
#[must_use]
pub fn error(status: &Status) -> Error {
    let detail = format!("peer: {:?}: {}", status.code(), cut(status.message()));
    let details = status.get_error_details();
    let after = details.retry_info().and_then(|info| info.retry_delay).map(|delay| delay.min(DELAY_MAX));
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let told = info.and_then(|info| kind(&info.reason));
    let kind = told.unwrap_or_else(|| untold(status.code()));
    let pause = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::FailedPrecondition | Code::Unimplemented => {
            Some(after.unwrap_or(REFUSED_PAUSE))
        }
        _ => after,
    };
    Error { class: Class::Retry { after: pause }, kind, detail: detail.into() }
}

/// The kind of a status that says no more than its code.
fn untold(code: Code) -> Kind {
    match code {
        Code::DeadlineExceeded => Kind::DeadlineExceeded,
        Code::ResourceExhausted => Kind::RateLimited,
        Code::InvalidArgument | Code::OutOfRange | Code::DataLoss => Kind::PeerMisbehaved,
        Code::Unauthenticated | Code::PermissionDenied | Code::FailedPrecondition | Code::Unimplemented => {
            Kind::PeerRefused
        }
        Code::NotFound => Kind::NotAvailableYet,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::Unavailable
        | Code::Internal
        | Code::Aborted
        | Code::AlreadyExists => Kind::Unavailable,
    }
}

/// Whether the status tells that the connection is gone, not that the peer refused.
pub(super) fn connection_lost(status: &Status) -> bool {
    let silent = status.get_error_details().error_info().is_none();
    silent && matches!(status.code(), Code::Cancelled | Code::Unknown | Code::Unavailable | Code::Internal)
}

/// Why TLS ended a connection, as an error of the peer.
pub(super) fn tls(why: &rustls::Error) -> Error {
    match why {
        rustls::Error::AlertReceived(alert) => {
            refusal(Kind::PeerRefused, format!("the peer refuses this relayer's certificate: {alert:?}"))
        }
        rustls::Error::InvalidCertificate(why) => {
            refusal(Kind::PeerRefused, format!("the peer's certificate is refused: {why}"))
        }
        other => Error::retry(Kind::Unavailable, format!("no TLS with the peer: {other}")),
    }
}

/// The last of the causes of `error`: what the wrappers hide.
pub(super) fn root_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(DETAIL_MAX)).unwrap_or(text)
}
