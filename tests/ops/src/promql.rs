//! Just enough of PromQL to know which metrics and labels an expression names.

use std::collections::BTreeSet;

/// A metric that an expression names, with the labels that it selects by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The metric, as written.
    pub metric: String,
    /// Labels within its braces.
    pub labels: BTreeSet<String>,
}

/// Selectors of metrics whose names start with one of `prefixes`.
pub fn selectors(expr: &str, prefixes: &[&str]) -> Vec<Selector> {
    let mut found = Vec::new();
    for (at, word) in words(expr) {
        if !prefixes.iter().any(|p| word.starts_with(p)) {
            continue;
        }
        let rest = &expr[at + word.len()..];
        found.push(Selector { metric: word.to_owned(), labels: labels(braces(rest)) });
    }
    found
}

/// What stands between the braces that `rest` begins with.
fn braces(rest: &str) -> &str {
    let Some(inside) = rest.strip_prefix('{') else { return "" };
    let mut quoted = false;
    let end = inside.find(|c| {
        quoted ^= c == '"';
        c == '}' && !quoted
    });
    end.map_or("", |end| &inside[..end])
}

/// Label names of `a="x",b=~"y"`.
fn labels(inside: &str) -> BTreeSet<String> {
    let (mut names, mut name, mut quoted) = (BTreeSet::new(), String::new(), false);
    for c in inside.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '=' | '!' => {
                if !name.is_empty() {
                    names.insert(std::mem::take(&mut name));
                }
            }
            ',' | '~' | ' ' => name.clear(),
            c => name.push(c),
        }
    }
    names
}

/// Identifiers with their positions.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.find(part)?;
        let end = text[start..].find(|c| !part(c)).map_or(text.len(), |n| start + n);
        at = end;
        Some((start, &text[start..end]))
    })
}

/// Metric names anywhere in a text.
pub fn names(text: &str, prefixes: &[&str]) -> BTreeSet<String> {
    let named = words(text).map(|(_, w)| w).filter(|w| prefixes.iter().any(|p| w.starts_with(p)));
    named.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_labels_are_found() {
        let expr = r#"histogram_quantile(0.9, sum by (le) (rate(a_x_bucket{b="$b,}",i=~"c.*",k!="z"}[5m]))) / a_y"#;
        let found = selectors(expr, &["a_"]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].metric, "a_x_bucket");
        assert_eq!(found[0].labels.iter().map(String::as_str).collect::<Vec<_>>(), ["b", "i", "k"]);
        assert!(found[1].labels.is_empty());
    }
}
