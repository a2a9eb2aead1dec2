//! What a command prints. With `--output json` exactly one JSON object goes to standard output and nothing else; text
//! for people otherwise. Progress and logs always go to standard error.

use crate::telemetry::escape::hostile;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::{
    fmt,
    io::{self, Write},
};

/// How a command answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON object on standard output.
    Json,
}

/// The answer of a command: `Serialize` for programs, `Display` for people.
pub trait Report: fmt::Display + Send {
    /// As JSON. Always an object.
    fn to_json(&self) -> serde_json::Value;
    /// False if the answer is no: the command then exits with code 1.
    fn positive(&self) -> bool {
        true
    }
}

/// A report made of a serialisable value and a way to show it.
pub struct Shown<T, F> {
    value: T,
    show: F,
    positive: bool,
}

impl<T: Serialize + Send, F: Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result + Send> Shown<T, F> {
    /// A positive answer.
    pub fn new(value: T, show: F) -> Self {
        Self { value, show, positive: true }
    }

    /// An answer that may be no.
    #[must_use]
    pub fn answering(mut self, positive: bool) -> Self {
        self.positive = positive;
        self
    }
}

impl<T, F: Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shown<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.show)(&self.value, f)
    }
}

impl<T: Serialize + Send, F: Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result + Send> Report for Shown<T, F> {
    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.value).unwrap_or_default()
    }

    fn positive(&self) -> bool {
        self.positive
    }
}

/// Prints an answer. A closed pipe (`causeway lanes | head`) is no error.
pub fn print(output: Output, report: &dyn Report) -> io::Result<()> {
    let text = match output {
        Output::Text => report.to_string(),
        Output::Json => report.to_json().to_string(),
    };
    print_line(text.trim_end())
}

/// Prints one line, or text of several.
pub fn print_line(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A plain table with a head line, no frames: it stays readable when piped.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(head);
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell)));
    }
    table
}

/// Text from elsewhere, with control and direction-changing characters made visible (ATK-102).
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if hostile(c) { '\u{fffd}' } else { c }).collect()
}
