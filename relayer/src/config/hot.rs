//! What of a configuration may change while a relayer runs, and what differs between two texts of it.
//!
//! Everything that is not named in [`HOT`] needs a restart: it is part of what both organisations agreed on, of what peers
//! told each other in their first message, or of what stands for as long as the process does (listeners, keys, folders).

use std::collections::BTreeSet;
use toml::{Table, Value};

/// Keys that may change while a relayer runs; `*` stands for a name. With what an operator should know.
pub const HOT: [(&str, &str); 7] = [
    ("log.level", "from the next line on"),
    ("lanes.*", "batch size and age, patience, attempts, audits: from the next decision on"),
    ("bridges.*.lanes.*", "the same for one bridge"),
    ("chains.*.endpoints.*", "more endpoints are asked at once; to change or remove one takes a restart"),
    ("chains.*.fees.*", "prices and caps, for what is sent or raised from now on; another `policy` takes a restart"),
    ("chains.*.gas.*", "gas limits of what is sent from now on"),
    ("peers.*.address", "a session with the old address ends; who the peer is, its certificate says"),
];

/// A key that differs, by its place: elements of `endpoints` and `peers` by their names.
pub type Path = Vec<String>;

/// What differs between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// May be applied while the relayer runs.
    pub hot: BTreeSet<Path>,
    /// Needs a restart.
    pub cold: BTreeSet<Path>,
}

impl Differences {
    /// Compares `old` with `new`.
    pub fn between(old: &Table, new: &Table) -> Self {
        let mut all = Self::default();
        all.tables(&mut Vec::new(), old, new);
        all
    }

    /// What a relayer that was started with `started` and runs on `last` has to do about `new`: what may be applied, and what
    /// needs a restart, because it is not as it was at the start or takes away what was applied since.
    pub fn of_running(started: &Table, last: &Table, new: &Table) -> Self {
        let since_last = Self::between(last, new);
        let mut cold = Self::between(started, new).cold;
        let applied = Self::between(started, last).hot;
        cold.extend(since_last.cold.into_iter().filter(|path| applied.iter().any(|place| path.starts_with(place))));
        Self { hot: since_last.hot, cold }
    }

    fn tables(&mut self, at: &mut Path, old: &Table, new: &Table) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            at.push(key.clone());
            self.values(at, old.get(key), new.get(key));
            at.pop();
        }
    }

    fn values(&mut self, at: &mut Path, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        let empty = Table::new();
        let table = |value: Option<&Value>| match value {
            Some(Value::Table(table)) => Some(table.clone()),
            None => Some(empty.clone()),
            Some(_) => None,
        };
        if let (Some(old), Some(new)) = (table(old), table(new)) {
            return self.tables(at, &old, &new);
        }
        match (name_of_elements(at), elements(old), elements(new)) {
            (Some(name), Some(old), Some(new)) => self.lists(at, name, &old, &new),
            _ => self.note(at, old.is_none(), false),
        }
    }

    fn lists(&mut self, at: &mut Path, name: &str, old: &[Table], new: &[Table]) {
        let named = |list: &[Table], wanted: &str| {
            list.iter().find(|table| table.get(name).and_then(Value::as_str) == Some(wanted)).cloned()
        };
        let names: BTreeSet<&str> =
            old.iter().chain(new).filter_map(|table| table.get(name).and_then(Value::as_str)).collect();
        for of in names {
            at.push(of.to_owned());
            match (named(old, of), named(new, of)) {
                (Some(before), Some(after)) => self.tables(at, &before, &after),
                (before, _) => self.note(at, before.is_none(), true),
            }
            at.pop();
        }
    }

    fn note(&mut self, at: &Path, added: bool, element: bool) {
        let names: Vec<&str> = at.iter().map(String::as_str).collect();
        let hot = match names.as_slice() {
            ["chains", _, "endpoints", _] => added && element,
            ["chains", _, "fees", key] => *key != "policy",
            names => HOT.iter().any(|(pattern, _)| matches(pattern, names)),
        };
        if hot {
            self.hot.insert(at.clone())
        } else {
            self.cold.insert(at.clone())
        };
    }
}

fn matches(pattern: &str, names: &[&str]) -> bool {
    let parts = pattern.split('.');
    parts.clone().count() == names.len() && parts.zip(names).all(|(part, name)| part == "*" || part == *name)
}

/// The key that names the elements of the list that stands there.
fn name_of_elements(at: &Path) -> Option<&'static str> {
    match at.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["chains", _, "endpoints"] => Some("label"),
        ["peers"] => Some("organisation"),
        _ => None,
    }
}

fn elements(value: Option<&Value>) -> Option<Vec<Table>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|value| value.as_table().cloned()).collect(),
        Some(_) => None,
    }
}

/// As people write it.
pub fn shown(path: &Path) -> String {
    path.join(".")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const OLD: &str = r#"
        organisation = "acme"
        [chains.alpha]
        vault = "0x1"
        fees = { policy = "legacy", max_gas_price = 5 }
        endpoints = [{ label = "one", url = "http://a" }, { label = "two", url = "http://b" }]
        [[peers]]
        organisation = "globex"
        address = "https://b:1"
        certificate_name = "relayer.globex"
        [lanes]
        batch_max_entries = 128
    "#;

    #[test]
    fn what_is_as_it_was_needs_no_restart_and_what_was_added_may_not_go_silently() {
        let text = |from: &str, to: &str| -> Table { OLD.replacen(from, to, 1).parse().unwrap() };
        let old: Table = OLD.parse().unwrap();
        let moved = text("\"0x1\"", "\"0x2\"");
        let path = |path: &str| Path::from_iter(path.split('.').map(str::to_owned));
        assert_eq!(Differences::of_running(&old, &moved, &old), Differences::default());
        let again = Differences::of_running(&old, &moved, &moved);
        assert_eq!(again.cold, [path("chains.alpha.vault")].into(), "it is named until it is done");
        let more = text("http://b\" }", "http://b\" }, { label = \"three\", url = \"http://c\" }");
        let gone = Differences::of_running(&old, &more, &old);
        assert_eq!((gone.hot.len(), gone.cold), (0, [path("chains.alpha.endpoints.three")].into()));
    }

    fn differences(edits: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let mut text = OLD.to_owned();
        for (from, to) in edits {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let found = Differences::between(&OLD.parse().unwrap(), &text.parse().unwrap());
        let all = |paths: &BTreeSet<Path>| paths.iter().map(shown).collect();
        (all(&found.hot), all(&found.cold))
    }

    #[test]
    fn what_may_change_is_told_from_what_may_not() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a [&'a str]);
        let cases: [Case<'_>; 11] = [
            (&[], &[], &[]),
            (&[("= 128", "= 64")], &["lanes.batch_max_entries"], &[]),
            (
                &[("[lanes]\n        batch_max_entries = 128", "[log]\nlevel = \"debug\"")],
                &["lanes.batch_max_entries", "log.level"],
                &[],
            ),
            (&[("[lanes]", "[log]\nformat = \"text\"\n[lanes]")], &[], &["log.format"]),
            (&[("max_gas_price = 5", "max_gas_price = 6")], &["chains.alpha.fees.max_gas_price"], &[]),
            (
                &[("{ policy = \"legacy\", max_gas_price = 5 }", "{ policy = \"zero\" }")],
                &["chains.alpha.fees.max_gas_price"],
                &["chains.alpha.fees.policy"],
            ),
            (
                &[("http://b\" }", "http://b\" }, { label = \"three\", url = \"http://c\" }")],
                &["chains.alpha.endpoints.three"],
                &[],
            ),
            (&[("http://b", "http://c")], &[], &["chains.alpha.endpoints.two.url"]),
            (&[(", { label = \"two\", url = \"http://b\" }", "")], &[], &["chains.alpha.endpoints.two"]),
            (
                &[("https://b:1", "https://b:2"), ("relayer.globex", "relayer.other")],
                &["peers.globex.address"],
                &["peers.globex.certificate_name"],
            ),
            (&[("\"0x1\"", "\"0x2\""), ("\"acme\"", "\"hooli\"")], &[], &["chains.alpha.vault", "organisation"]),
        ];
        for (edits, hot, cold) in cases {
            let found = differences(edits);
            assert_eq!(
                (
                    found.0.iter().map(String::as_str).collect::<Vec<_>>(),
                    found.1.iter().map(String::as_str).collect::<Vec<_>>()
                ),
                (hot.to_vec(), cold.to_vec()),
                "{edits:?}"
            );
        }
    }
}
