//! What a node's error means. Decided here, once; everything behind this file matches on [`Meaning`] and obeys
//! [`Class`](crate::lane::error::Class) (ATK-077).
//!
//! JSON-RPC gives execution clients one code, -32000, for almost everything, and other codes mean different things at
//! different clients. Where the code decides, it decides; the rest is matched by text, in [`table`] and nowhere else.

pub mod table;

use crate::lane::error::{Class, Error, Kind};
use alloy::primitives::Bytes;
use std::{fmt::Write as _, time::Duration};

/// Longest text of a node that is kept, in characters.
const MAX_TEXT: usize = 200;
/// Most bytes of revert data that are kept.
pub const MAX_REVERT_DATA: usize = 256;

/// What a node's answer means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// The transaction is in the pool or in a block already: as good as accepted.
    AlreadyKnown,
    /// The nonce is used.
    NonceTooLow,
    /// The nonce is too far ahead of the account's, or an earlier one is missing.
    NonceTooHigh,
    /// Another transaction holds this nonce in the pool, and this one does not pay enough more.
    ReplacementUnderpriced,
    /// The fee is below what the node or the chain takes.
    FeeTooLow,
    /// The fee is above what the node or the chain takes (a cap of the node; "gas price not 0").
    FeeTooHigh,
    /// The signer cannot pay.
    InsufficientFunds,
    /// The pool has no room.
    PoolFull,
    /// The gas limit is below the transaction's own cost.
    GasTooLow,
    /// The gas limit is above a block's or a transaction's.
    GasTooHigh,
    /// Too many bytes.
    OversizedData,
    /// The signer may not send here (permissioned chain).
    NotPermitted,
    /// The chain id signed for is another.
    WrongChainId,
    /// The node does not know this type of transaction.
    TypeNotSupported,
    /// The node refuses the transaction for good.
    InvalidTransaction,
    /// Execution reverted.
    Reverted,
    /// Execution ran out of gas or hit an invalid opcode.
    Halted,
    /// The state asked for is gone or not there yet.
    StateMissing,
    /// The block asked for is not known to this node.
    BlockMissing,
    /// Too many results or too wide a range: ask for less.
    RangeTooWide,
    /// Slow down.
    RateLimited,
    /// The node is syncing, starting, or its own limits of time are hit.
    Busy,
    /// The method does not exist or is not enabled.
    MethodMissing,
    /// Credentials are missing or wrong.
    Unauthorised,
    /// The request was not understood.
    InvalidRequest,
    /// Not in the table: retried to a limit.
    Unknown,
}

impl Meaning {
    /// Kind and class, for callers that have no better use of the meaning.
    pub fn verdict(self) -> (Kind, Class) {
        let retry = Class::Retry { after: None };
        match self {
            Self::AlreadyKnown | Self::NonceTooLow | Self::NonceTooHigh => (Kind::NonceConflict, retry),
            Self::ReplacementUnderpriced | Self::FeeTooLow => (Kind::Underpriced, retry),
            Self::FeeTooHigh => (Kind::InvalidConfig, Class::StopLane),
            Self::InsufficientFunds => (Kind::InsufficientFunds, Class::StopLane),
            Self::PoolFull | Self::RateLimited => (Kind::RateLimited, retry),
            Self::GasTooLow | Self::GasTooHigh | Self::OversizedData => (Kind::TooLarge, Class::DeadLetter),
            Self::NotPermitted | Self::TypeNotSupported | Self::MethodMissing | Self::Unauthorised => {
                (Kind::InvalidConfig, Class::StopLane)
            }
            Self::WrongChainId => (Kind::ChainMismatch, Class::StopLane),
            Self::InvalidTransaction | Self::InvalidRequest => (Kind::Malformed, Class::DeadLetter),
            Self::Reverted | Self::Halted => (Kind::Reverted, Class::DeadLetter),
            Self::StateMissing | Self::BlockMissing => (Kind::NotAvailableYet, retry),
            Self::RangeTooWide => (Kind::TooLarge, retry),
            Self::Busy | Self::Unknown => (Kind::Unavailable, retry),
        }
    }

    /// True if another node may answer better, so that the question is passed on at once.
    pub fn fails_over(self) -> bool {
        matches!(
            self,
            Self::StateMissing
                | Self::BlockMissing
                | Self::RateLimited
                | Self::Busy
                | Self::MethodMissing
                | Self::Unauthorised
                | Self::PoolFull
                | Self::Unknown
        )
    }
}

/// Why a call to one node gave no result.
#[derive(Debug)]
pub enum NodeError {
    /// The node answered with an error object.
    Rpc {
        /// What it means.
        meaning: Meaning,
        /// Its code.
        code: i64,
        /// Its text, bounded and escaped.
        text: String,
        /// Revert data, bounded.
        data: Bytes,
    },
    /// HTTP status other than success, or one that asks to slow down.
    Http {
        /// The status.
        status: u16,
        /// Delay that the node asked for.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    Deadline,
    /// Connection refused, broken, or TLS failed. The source's text may hold the URL, so it is not kept.
    Unreachable(&'static str),
    /// The answer is not what the specification says.
    Malformed(&'static str),
    /// The answer is longer than allowed.
    TooLarge,
}

impl NodeError {
    /// Reads an error object.
    pub fn from_rpc(code: i64, text: &str, data: Option<&str>) -> Self {
        let data = data.map(revert_data).unwrap_or_default();
        Self::Rpc { meaning: meaning(code, text, !data.is_empty()), code, text: printable(text), data }
    }

    /// What it means; transport faults mean nothing to the caller but "ask another".
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Rpc { meaning, .. } => Some(*meaning),
            Self::Http { status: 401 | 403, .. } => Some(Meaning::Unauthorised),
            Self::Http { status: 429, .. } => Some(Meaning::RateLimited),
            _ => None,
        }
    }

    /// The typed error, with the endpoint's label and the method that was called.
    pub fn into_error(self, endpoint: &str, method: &'static str) -> Error {
        let retry = Class::Retry { after: None };
        let (kind, class, what) = match self {
            Self::Rpc { meaning, code, text, .. } => {
                let (kind, class) = meaning.verdict();
                (kind, class, format!("{meaning:?}: node said {code} \"{text}\""))
            }
            Self::Http { status: 429 | 503, retry_after } => {
                (Kind::RateLimited, Class::Retry { after: retry_after }, "asked to slow down".to_owned())
            }
            Self::Http { status: status @ (401 | 403), .. } => {
                (Kind::InvalidConfig, Class::StopLane, format!("HTTP {status}: check the endpoint's credentials"))
            }
            Self::Http { status, retry_after } => {
                (Kind::Unavailable, Class::Retry { after: retry_after }, format!("HTTP {status}"))
            }
            Self::Deadline => (Kind::DeadlineExceeded, retry, "no answer within the deadline".to_owned()),
            Self::Unreachable(what) => (Kind::Unavailable, retry, what.to_owned()),
            Self::Malformed(what) => (Kind::Malformed, retry, what.to_owned()),
            Self::TooLarge => (Kind::TooLarge, retry, "answer longer than allowed".to_owned()),
        };
        Error { class, kind, detail: format!("{endpoint}: {method}: {what}").into() }
    }
}

/// What code and text mean. `has_data`: the error brought revert data.
pub fn meaning(code: i64, text: &str, has_data: bool) -> Meaning {
    let text = text.to_ascii_lowercase();
    let by_text = table::RULES
        .iter()
        .find(|rule| rule.code.is_none_or(|c| c == code) && text.contains(rule.text))
        .map(|rule| rule.meaning);
    match by_text {
        Some(meaning) => meaning,
        None if has_data || code == 3 => Meaning::Reverted,
        None => table::CODES.iter().find(|(c, _)| *c == code).map_or(Meaning::Unknown, |(_, meaning)| *meaning),
    }
}

/// `0x…` out of an error's data, bare or behind a word ("Reverted 0x…"), bounded.
fn revert_data(data: &str) -> Bytes {
    let Some(start) = data.find("0x") else { return Bytes::new() };
    let digits = data.get(start + 2..).unwrap_or("");
    let end = digits.bytes().take(2 * MAX_REVERT_DATA).take_while(u8::is_ascii_hexdigit).count() & !1;
    digits.get(..end).and_then(|d| hex::decode(d).ok()).map(Bytes::from).unwrap_or_default()
}

/// A node's text, bounded and with control and bidirectional characters escaped: it ends in logs (ATK-102).
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.chars().take(MAX_TEXT) {
        let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || reorders || c == '"' {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn atk_077_real_node_errors_have_a_class() {
        assert!(table::SEEN.len() >= 40, "only {} recorded errors", table::SEEN.len());
        for seen in table::SEEN {
            let found = meaning(seen.code, seen.text, false);
            assert_eq!(found, seen.meaning, "{} {} {:?}", seen.node, seen.code, seen.text);
        }
    }

    #[test]
    fn atk_077_unknown_errors_are_retried_and_empty_wallets_stop_the_lane() {
        assert_eq!(meaning(-32000, "the flux capacitor is out of alignment", false), Meaning::Unknown);
        assert!(matches!(Meaning::Unknown.verdict(), (Kind::Unavailable, Class::Retry { .. })));
        assert_eq!(Meaning::InsufficientFunds.verdict(), (Kind::InsufficientFunds, Class::StopLane));
    }

    #[test]
    fn rules_are_lower_case_and_each_decides_something() {
        for rule in table::RULES {
            assert_eq!(rule.text, rule.text.to_ascii_lowercase());
            let used = table::SEEN.iter().any(|s| {
                s.text.to_ascii_lowercase().contains(rule.text)
                    && rule.code.is_none_or(|c| c == s.code)
                    && s.meaning == rule.meaning
            });
            assert!(used, "no recorded error for the rule {:?}", rule.text);
        }
    }

    #[test]
    fn revert_data_is_read_from_every_form() {
        let NodeError::Rpc { data, meaning, .. } = NodeError::from_rpc(3, "execution reverted", Some("0x08c379a0"))
        else {
            panic!()
        };
        assert_eq!((data.as_ref(), meaning), (&[0x08, 0xc3, 0x79, 0xa0][..], Meaning::Reverted));
        assert_eq!(revert_data("Reverted 0xdeadbeef").as_ref(), [0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(revert_data("nothing"), Bytes::new());
        assert_eq!(revert_data("0xabc").as_ref(), [0xab]);
        assert_eq!(revert_data(&format!("0x{}", "ff".repeat(10_000))).len(), MAX_REVERT_DATA);
    }

    #[test]
    fn atk_102_node_texts_are_escaped_and_bounded() {
        let text = printable("bad\u{1b}[31m\r\nline \u{202e}");
        assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text}");
        assert!(printable(&"x".repeat(10_000)).len() <= MAX_TEXT);
    }

    #[test]
    fn atk_073_status_and_delay_become_a_typed_retry() {
        let error =
            NodeError::Http { status: 429, retry_after: Some(Duration::from_secs(7)) }.into_error("a", "eth_call");
        assert_eq!(
            (error.kind, error.class),
            (Kind::RateLimited, Class::Retry { after: Some(Duration::from_secs(7)) })
        );
    }
}
