//! Why a call is refused, and the one place where that becomes a gRPC status: code, `ErrorInfo` with reason and
//! metadata, and `RetryInfo` where waiting helps (AIP-193).

use crate::{
    lane::error::{Class, Error},
    peers::status::{DOMAIN, code, public_detail, reason},
};
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// A refusal. Reasons are never reused for something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
    metadata: Vec<(&'static str, String)>,
    after: Option<Duration>,
}

impl Refused {
    pub(crate) fn new(code: Code, reason: &'static str, detail: impl Into<String>) -> Self {
        Self { code, reason, detail: detail.into(), metadata: Vec::new(), after: None }
    }

    /// A field of the request is not what it must be.
    pub(crate) fn field(field: &str, expected: &str, found: impl std::fmt::Display) -> Self {
        let detail = format!("{field}: expected {expected}, found {found}");
        Self::new(Code::InvalidArgument, "INVALID_FIELD", detail).with("field", field)
    }

    /// Not there, or not this caller's: the two are not told apart.
    pub(crate) fn unknown(what: &str) -> Self {
        Self::new(Code::NotFound, "NOT_FOUND", format!("{what}: not known here, or not of an account of the caller"))
    }

    pub(crate) fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.metadata.push((key, value.to_string()));
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.after = Some(delay);
        self
    }

    pub(crate) fn status(self) -> Status {
        let metadata: HashMap<String, String> = self.metadata.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let mut details = ErrorDetails::with_error_info(self.reason, DOMAIN, metadata);
        if let Some(after) = self.after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(self.code, self.detail, details)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let after = match error.class {
            Class::Retry { after } => after,
            Class::DeadLetter | Class::StopLane => None,
        };
        let detail = public_detail(&error).to_owned();
        Self { code: code(error.kind), reason: reason(error.kind), detail, metadata: Vec::new(), after }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        refused.status()
    }
}
