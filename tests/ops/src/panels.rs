//! What a panel must show, and whether it does.

use super::{files::queries, prometheus::Prometheus};
use std::io;

/// What a panel must show, by its own description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// A value above zero: the panel of a counter that work moves.
    Rising,
    /// A value.
    Something,
    /// An answer, perhaps without series.
    Anything,
}

/// By the words that the dashboards use: `Empty until …`, `Zero on a good day`, `coarse over short times`.
pub fn shows(description: &str, expr: &str) -> Shows {
    if description.contains("Empty until") {
        Shows::Anything
    } else if expr.contains("rate(") && !["Zero ", "coarse"].iter().any(|w| description.contains(w)) {
        Shows::Rising
    } else {
        Shows::Something
    }
}

/// Runs every panel's query over the last `seconds` before `end` and names those that err, are empty or do not rise.
///
/// # Errors
/// A dashboard that cannot be read.
pub fn problems(prometheus: &Prometheus, bridge: &str, end: u64, seconds: u64) -> io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for query in queries()? {
        let expr = query.expr.replace("$__rate_interval", "10s").replace("$bridge", bridge).replace("$instance", ".*");
        let place = format!("{}: {}: {expr}", query.dashboard, query.panel);
        match (prometheus.range(&expr, end, seconds), shows(&query.description, &query.expr)) {
            (Err(error), _) => problems.push(format!("{place}: {error}")),
            (Ok(_), Shows::Anything) => {}
            (Ok(series), expected) => {
                let values = || series.iter().flatten().filter(|v| !v.is_nan());
                if values().next().is_none() {
                    problems.push(format!("{place}: empty"));
                } else if expected == Shows::Rising && !values().any(|v| *v > 0.0) {
                    problems.push(format!("{place}: does not rise"));
                }
            }
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_say_what_panels_show() {
        assert_eq!(shows("Frames.", "rate(x[5m])"), Shows::Rising);
        assert_eq!(shows("Errors. Zero on a good day.", "rate(x[5m])"), Shows::Something);
        assert_eq!(shows("Empty until something does.", "rate(x[5m])"), Shows::Anything);
        assert_eq!(shows("Height.", "x"), Shows::Something);
    }
}
