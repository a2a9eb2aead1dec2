//! Names of resources: `lanes/{lane}`, `lanes/{lane}/entries/{index}`, `lanes/{lane}/client`, `deadLetters/{number}`.
//! Parsing is strict: one spelling per thing.

use super::control::Refused;
use causeway_core::LaneId;

/// `lanes/{lane}`.
pub fn lane(name: &str) -> Result<LaneId, Refused> {
    name.strip_prefix("lanes/")
        .and_then(|id| id.parse::<LaneId>().ok().filter(|lane| lane.to_string() == id))
        .ok_or_else(|| wrong("lanes/0x{64 lower-case hex digits}", name))
}

/// `lanes/{lane}/entries/{index}`.
pub fn entry(name: &str) -> Result<(LaneId, u64), Refused> {
    name.split_once("/entries/")
        .and_then(|(parent, index)| Some((lane(parent).ok()?, number(index)?)))
        .ok_or_else(|| wrong("lanes/{lane}/entries/{index}", name))
}

/// `lanes/{lane}/client`.
pub fn client(name: &str) -> Result<LaneId, Refused> {
    name.strip_suffix("/client").and_then(|parent| lane(parent).ok()).ok_or_else(|| wrong("lanes/{lane}/client", name))
}

/// `deadLetters/{number}`.
pub fn dead_letter(name: &str) -> Result<u64, Refused> {
    name.strip_prefix("deadLetters/").and_then(number).ok_or_else(|| wrong("deadLetters/{number}", name))
}

/// A page token: the number that the next page starts after or at; empty is `first`.
pub fn token(text: &str, first: u64) -> Result<u64, Refused> {
    if text.is_empty() { Ok(first) } else { number(text).ok_or_else(|| wrong("the page_token of an answer", text)) }
}

/// A decimal number in its only spelling.
fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|n| n.to_string() == text)
}

fn wrong(expected: &str, found: &str) -> Refused {
    let shown: String = found.chars().take(120).collect();
    Refused::invalid(format!("expected {expected}, found {shown:?}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn one_spelling_per_name() {
        let id = format!("0x{}", "ab".repeat(32));
        assert_eq!(lane(&format!("lanes/{id}")).unwrap().to_string(), id);
        assert_eq!(entry(&format!("lanes/{id}/entries/7")).unwrap().1, 7);
        assert_eq!(dead_letter("deadLetters/12").unwrap(), 12);
        client(&format!("lanes/{id}/client")).unwrap();
        for bad in [
            format!("lanes/{}", id.to_uppercase()),
            format!("/lanes/{id}"),
            format!("lanes/{id}/"),
            format!("lanes/{}", &id[2..]),
            format!("Lanes/{id}"),
        ] {
            lane(&bad).unwrap_err();
        }
        for index in ["", "07", "+7", "-1", "18446744073709551616", "7/", "x"] {
            entry(&format!("lanes/{id}/entries/{index}")).unwrap_err();
            dead_letter(&format!("deadLetters/{index}")).unwrap_err();
        }
    }
}
