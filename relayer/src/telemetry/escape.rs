//! One event is one line, and what a stranger wrote (a memo, a peer's name, a node's error) cannot steer a terminal or
//! forge a line (ATK-102).

use std::{
    fmt,
    io::{self, Write},
};

/// True for characters that must not reach a log as they are: control characters (C0, DEL, C1), line and paragraph
/// separators, and the marks that reorder or hide text.
pub fn hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{061c}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text with hostile characters written as `\u{…}`.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<T>(pub T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut clean = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| hostile(*c)) {
            self.0.write_str(text.get(clean..at).unwrap_or_default())?;
            write!(self.0, "{}", c.escape_unicode())?;
            clean = at + c.len_utf8();
        }
        self.0.write_str(text.get(clean..).unwrap_or_default())
    }
}

/// Writes JSON lines: what JSON's own escaping leaves as it is (C1, separators, reordering marks) is escaped here, too.
/// Such characters occur in JSON only inside strings, so the line stays the same value.
#[derive(Debug)]
pub struct JsonLine<W>(pub W);

impl<W: Write> Write for JsonLine<W> {
    /// Takes a whole line at once, as the subscriber writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let body = text.strip_suffix('\n').unwrap_or(&text);
        if !body.chars().any(hostile) {
            self.0.write_all(line)?;
            return Ok(line.len());
        }
        let mut clean = String::with_capacity(text.len() + 64);
        for c in body.chars() {
            if hostile(c) {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    clean.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                clean.push(c);
            }
        }
        clean.push('\n');
        self.0.write_all(clean.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
