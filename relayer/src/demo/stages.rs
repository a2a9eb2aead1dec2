//! The relayers' own measurements, read from their metrics as Prometheus would: how long entries took from one stage to
//! the next. Quantiles are estimated from the histograms' buckets, the way `histogram_quantile` does.

use super::{failed, figures::Quantiles};
use crate::cli::exit::CliError;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// The histogram, by stage.
const METRIC: &str = "causeway_lane_stage_seconds_bucket";
/// The relayers are on this machine and answer from memory.
const DEADLINE: Duration = Duration::from_secs(5);

/// Label of a stage, and the step that ends there. The number in front keeps the order of the way.
const STEPS: [(&str, &str); 6] = [
    ("proved", "1 final > proved"),
    ("sent", "2 proved > sent, with batching"),
    ("verified", "3 received > verified"),
    ("submitted", "4 verified > broadcast"),
    ("included", "5 broadcast > final there"),
    ("delivered", "6 all: final > proven delivered"),
];

/// Upper bounds of buckets, and how many measurements lie at or below each.
type Buckets = Vec<(f64, f64)>;

/// Asks every relayer; gives each step's quantiles over all of them.
pub(super) async fn split(metrics: &[SocketAddr]) -> Result<BTreeMap<String, Quantiles>, CliError> {
    let mut pages = Vec::with_capacity(metrics.len());
    let client = reqwest::Client::builder().timeout(DEADLINE).build().map_err(|error| failed("HTTP", error))?;
    for address in metrics {
        let page = client.get(format!("http://{address}/metrics")).send().await;
        let page = page.map_err(|error| failed("a relayer's metrics", error))?.text().await;
        pages.push(page.map_err(|error| failed("a relayer's metrics", error))?);
    }
    let steps = STEPS.iter().filter_map(|(stage, step)| {
        let buckets = buckets(&pages, stage);
        let count = buckets.last().map_or(0.0, |last| last.1);
        (count > 0.0).then(|| ((*step).to_owned(), quantiles(&buckets, count)))
    });
    Ok(steps.collect())
}

/// The histogram of one stage, summed over lanes and relayers.
fn buckets(pages: &[String], stage: &str) -> Buckets {
    let wanted = format!("stage=\"{stage}\"");
    let mut buckets = Buckets::new();
    for line in
        pages.iter().flat_map(|page| page.lines()).filter(|line| line.starts_with(METRIC) && line.contains(&wanted))
    {
        let bound = line.split_once("le=\"").and_then(|(_, rest)| rest.split_once('"'));
        let count = line.rsplit_once(' ').and_then(|(_, count)| count.parse::<f64>().ok());
        let (Some((bound, _)), Some(count)) = (bound, count) else { continue };
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap_or(f64::INFINITY) };
        match buckets.iter_mut().find(|bucket| bucket.0 == bound) {
            Some(bucket) => bucket.1 += count,
            None => buckets.push((bound, count)),
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    buckets
}

fn quantiles(buckets: &Buckets, count: f64) -> Quantiles {
    let quantile = |share: f64| {
        let rank = share * count;
        let mut below = (0.0, 0.0);
        for &(bound, at_most) in buckets {
            if at_most >= rank {
                // Beyond the last finite bound nothing is known but that bound.
                let width = if bound.is_finite() { bound - below.0 } else { 0.0 };
                let inside = (rank - below.1) / (at_most - below.1).max(f64::MIN_POSITIVE);
                return below.0 + width * inside;
            }
            below = (bound, at_most);
        }
        below.0
    };
    Quantiles { count: count as usize, p50: quantile(0.5), p99: quantile(0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_summed_histogram() {
        let page = |counts: [u32; 3]| {
            let line = |le: &str, n: u32| format!("{METRIC}{{lane=\"x\",stage=\"sent\",le=\"{le}\"}} {n}\n");
            format!(
                "{}{}{}{METRIC}{{stage=\"final\",le=\"1\"}} 9\n",
                line("1", counts[0]),
                line("2", counts[1]),
                line("+Inf", counts[2])
            )
        };
        let pages = [page([10, 20, 20]), page([0, 20, 20])];
        let buckets = buckets(&pages, "sent");
        assert_eq!(buckets, [(1.0, 10.0), (2.0, 40.0), (f64::INFINITY, 40.0)]);
        let found = quantiles(&buckets, 40.0);
        assert_eq!((found.count, found.p50), (40, 1.0 + 10.0 / 30.0));
        let beyond = quantiles(&vec![(1.0, 0.0), (f64::INFINITY, 5.0)], 5.0);
        assert_eq!((beyond.p50, beyond.p99), (1.0, 1.0));
    }
}
