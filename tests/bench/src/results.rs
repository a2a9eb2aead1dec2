//! The results file: one section per measurement, replaced by its next run, each with the day, the machine and how busy the
//! machine was.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// What stands above the sections.
const HEAD: &str = "# Results\n\nWritten by the commands themselves: `cargo run --release -p causeway-bench`, `cargo run -p \
    causeway-gas`, `tests/real-chains/run.sh`, `tests/long`. A run replaces its own section. Nothing here is checked by a test: machines \
    differ. Load is the 1-minute average when the measurement began and ended; where it is above what the measurement \
    itself makes, the figures are worse than the machine's own.\n";

/// A measurement's section.
#[derive(Debug)]
pub struct Section {
    name: String,
    text: String,
    load: String,
    /// Whether what is measured is this very build, not one that another command makes.
    own_build: bool,
}

impl Section {
    /// Begins a measurement.
    pub fn begin(name: &str) -> Self {
        Self { name: name.to_owned(), text: String::new(), load: load(), own_build: true }
    }

    /// What is measured was built with optimisation by another command, whatever this build is.
    #[must_use]
    pub fn optimised(self) -> Self {
        Self { own_build: false, ..self }
    }

    /// Adds a line, and shows it.
    #[allow(clippy::print_stdout)]
    pub fn line(&mut self, line: impl AsRef<str>) {
        println!("{}", line.as_ref());
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Adds a table, and shows it.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        self.line("");
        self.line(format!("| {} |", head.join(" | ")));
        self.line(format!("|{}", "---|".repeat(head.len())));
        rows.iter().for_each(|row| self.line(format!("| {} |", row.join(" | "))));
        self.line("");
    }

    /// Puts the section into the results file, in place of the one of the same name.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn write(self) -> io::Result<()> {
        let path = file();
        let before = fs::read_to_string(&path).unwrap_or_else(|_| HEAD.to_owned());
        let build = if cfg!(debug_assertions) && self.own_build { ", development build: not optimised" } else { "" };
        let mut body = format!("_{}; {}{build}; load {} > {}_\n\n", day(), machine(), self.load, load());
        body.push_str(self.text.trim());
        fs::write(&path, replace(&before, &self.name, &body))
    }
}

/// The results file; `tests/gas` reads this module, too.
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/RESULTS.md")
}

/// `text` with the section `name` replaced, or added at the end.
fn replace(text: &str, name: &str, body: &str) -> String {
    let heading = format!("## {name}");
    let mut kept = String::new();
    let (mut inside, mut done) = (false, false);
    let section = format!("{heading}\n\n{}\n\n", body.trim());
    for line in text.lines() {
        if line.starts_with("## ") {
            inside = line == heading;
            if inside && !done {
                kept.push_str(&section);
                done = true;
            }
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    if !done {
        kept = format!("{}\n\n{section}", kept.trim_end());
    }
    kept.trim_end().to_owned() + "\n"
}

/// Processor, cores, memory, kernel and compiler.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split_once(':'));
        line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kibibytes = value(&read("/proc/meminfo"), "MemTotal").split(' ').next().and_then(|n| n.parse::<u64>().ok());
    let mut text = format!("{processor}, {cores} cores");
    let _ = write!(text, ", {} GiB", kibibytes.unwrap_or_default() / (1024 * 1024));
    let _ = write!(text, ", Linux {}", read("/proc/sys/kernel/osrelease").trim());
    let compiler = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let compiler = String::from_utf8_lossy(&compiler);
    let _ = write!(text, ", rustc {}", compiler.split(' ').nth(1).unwrap_or_default());
    text
}

/// The machine's load, averaged over a minute.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn day() -> String {
    let now = Command::new("date").arg("+%F %H:%M").output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&now).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn a_section_is_added_once_and_then_replaced_in_place() {
        let once = replace("# Results\n", "a", "one");
        let twice = replace(&once, "b", "two");
        assert_eq!(twice, "# Results\n\n## a\n\none\n\n## b\n\ntwo\n");
        assert_eq!(replace(&twice, "a", "three"), "# Results\n\n## a\n\nthree\n\n## b\n\ntwo\n");
    }
}
