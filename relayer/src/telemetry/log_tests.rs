//! What a stranger writes cannot leave its line.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    escape::{Escaped, hostile},
    log::{Captured, Format, filter, layer},
};
use tracing_subscriber::layer::SubscriberExt;

/// ESC, CR/LF, NUL, bidi override, C1 CSI, line separator, zero width, tag character.
const HOSTILE: &str = "memo\x1b[2J\r\nfake line\0\u{202e}txet\u{9b}31m\u{2028}x\u{200b}\u{e0041}end";

fn written(format: Format, ansi: bool) -> String {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::registry().with(layer(format, ansi, captured.clone()));
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("peer", organisation = HOSTILE, shown = %HOSTILE).entered();
        tracing::info!(text = HOSTILE, shown = %HOSTILE, debug = ?HOSTILE, "{HOSTILE}");
    });
    captured.text()
}

#[test]
fn atk_102_json_one_event_one_line_escaped() {
    let text = written(Format::Json, false);
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(!text.trim_end().chars().any(hostile), "{text:?}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    // Nothing is lost: the reader of the JSON sees what was written.
    assert_eq!(value["text"], HOSTILE);
    assert_eq!(value["message"], HOSTILE);
    assert_eq!(value["span"]["organisation"], HOSTILE);
}

#[test]
fn atk_102_text_one_event_one_line_escaped() {
    let text = written(Format::Text, false);
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(!text.trim_end().chars().any(hostile), "{text:?}");
    assert!(text.contains("fake line"));
}

/// On a terminal the only control sequences are the colours that the formatter itself writes.
#[test]
fn atk_102_colours_do_not_let_others_through() {
    let text = written(Format::Text, true);
    let mut rest = text.trim_end();
    while let Some(at) = rest.find('\x1b') {
        let after = &rest[at + 1..];
        let end = after.find('m').expect("a colour ends in m");
        assert!(after[1..end].bytes().all(|b| b.is_ascii_digit() || b == b';'), "{:?}", &after[..=end]);
        assert!(!rest[..at].chars().any(hostile));
        rest = &after[end + 1..];
    }
    assert!(!rest.chars().any(hostile) && text.lines().count() == 1, "{text:?}");
}

#[test]
fn honest_text_is_left_alone() {
    let honest = "Ünïcode, 数字 and emoji 🚂 \"quoted\"";
    assert_eq!(Escaped(honest).to_string(), honest);
    let captured = Captured::default();
    let subscriber = tracing_subscriber::registry().with(layer(Format::Json, false, captured.clone()));
    tracing::subscriber::with_default(subscriber, || tracing::info!(honest));
    assert!(captured.text().contains("数字 and emoji 🚂"));
}

#[test]
fn a_filter_is_a_level_or_directives() {
    filter("info").unwrap();
    filter("warn,causeway::lane=debug").unwrap();
    assert_eq!(filter("info,=x=y").unwrap_err().found, "info,=x=y");
}
