//! The kinds of metric that a field of a group may have. Each knows how to make its family (one per name) and its
//! handle (one per label set): users hold handles, so a hot path never looks a label up.

use super::labels::Label;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, Result,
    core::{AtomicF64, GenericCounterVec, GenericGaugeVec},
};
use std::{
    collections::HashMap,
    marker::PhantomData,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Most children that a [`Named`] field gives to one label set: its names are the code's own, this bounds mistakes.
const MAX_NAMES: usize = 64;

/// What a family is made of.
#[derive(Clone, Copy, Debug)]
pub struct Spec<'a> {
    /// Full name.
    pub name: &'a str,
    /// Help text.
    pub help: &'a str,
    /// Names of the group's labels.
    pub labels: &'a [&'static str],
    /// Upper bounds of buckets; empty except for histograms.
    pub buckets: &'static [f64],
}

/// A kind of metric.
pub trait Field: Sized {
    /// Prometheus' name of the type.
    const TYPE: &'static str;
    /// The label that the field adds to the group's.
    const EXTRA: Option<&'static str> = None;
    /// Shared by all label sets.
    type Family: Clone + Send + Sync;
    /// Makes and registers the family.
    fn family(registry: &Registry, spec: &Spec<'_>) -> Result<Self::Family>;
    /// The handle for one label set.
    fn handle(family: &Self::Family, values: &[&str], ages: &Ages) -> Result<Self>;
    /// Forgets one label set.
    fn forget(family: &Self::Family, values: &[&str]);
}

macro_rules! plain {
    ($handle:ty, $family:ty, $type:literal) => {
        impl Field for $handle {
            const TYPE: &'static str = $type;
            type Family = $family;
            fn family(registry: &Registry, spec: &Spec<'_>) -> Result<Self::Family> {
                let family = <$family>::new(Opts::new(spec.name, spec.help), spec.labels)?;
                registry.register(Box::new(family.clone()))?;
                Ok(family)
            }
            fn handle(family: &Self::Family, values: &[&str], _: &Ages) -> Result<Self> {
                family.get_metric_with_label_values(values)
            }
            fn forget(family: &Self::Family, values: &[&str]) {
                let _ = family.remove_label_values(values); // not there: nothing to forget
            }
        }
    };
}

/// Counts up, whole numbers.
pub type Counter = prometheus::IntCounter;
/// Counts up, for sums beyond 64 bits (fees).
pub type Sum = prometheus::Counter;
/// Goes up and down, whole numbers.
pub type Gauge = prometheus::IntGauge;
/// Goes up and down, for amounts beyond 64 bits.
pub type Amount = prometheus::Gauge;

plain!(Counter, IntCounterVec, "counter");
plain!(Sum, GenericCounterVec<AtomicF64>, "counter");
plain!(Gauge, IntGaugeVec, "gauge");
plain!(Amount, GenericGaugeVec<AtomicF64>, "gauge");

/// A histogram that exists from its first observation on: an idle lane costs no buckets.
#[derive(Clone)]
pub struct Histogram {
    family: HistogramVec,
    values: Arc<[String]>,
    inner: Arc<OnceLock<Option<prometheus::Histogram>>>,
}

impl Histogram {
    /// Adds an observation.
    pub fn observe(&self, value: f64) {
        let make = || self.family.get_metric_with_label_values(&self.values).ok();
        if let Some(histogram) = self.inner.get_or_init(make) {
            histogram.observe(value);
        }
    }

    /// Adds the seconds since `start`.
    pub fn observe_since(&self, start: Instant) {
        self.observe(start.elapsed().as_secs_f64());
    }
}

impl Field for Histogram {
    const TYPE: &'static str = "histogram";
    type Family = HistogramVec;
    fn family(registry: &Registry, spec: &Spec<'_>) -> Result<Self::Family> {
        let opts = HistogramOpts::new(spec.name, spec.help).buckets(spec.buckets.to_vec());
        let family = HistogramVec::new(opts, spec.labels)?;
        registry.register(Box::new(family.clone()))?;
        Ok(family)
    }
    fn handle(family: &Self::Family, values: &[&str], _: &Ages) -> Result<Self> {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        Ok(Self { family: family.clone(), values, inner: Arc::default() })
    }
    fn forget(family: &Self::Family, values: &[&str]) {
        let _ = family.remove_label_values(values); // not there: nothing to forget
    }
}

/// One metric per value of a closed list.
#[derive(Clone)]
pub struct By<L, M> {
    first: M,
    rest: Arc<[M]>,
    _label: PhantomData<fn(L)>,
}

impl<L: Label, M> By<L, M> {
    /// The metric of one value.
    pub fn at(&self, label: L) -> &M {
        label.position().checked_sub(1).and_then(|i| self.rest.get(i)).unwrap_or(&self.first)
    }
}

impl<L: Label> By<L, Gauge> {
    /// Sets the gauge of `now` to 1 and the others to 0: a state.
    pub fn state(&self, now: L) {
        for (i, gauge) in std::iter::once(&self.first).chain(self.rest.iter()).enumerate() {
            gauge.set(i64::from(i == now.position()));
        }
    }
}

impl<L: Label, M: Field> Field for By<L, M> {
    const TYPE: &'static str = M::TYPE;
    const EXTRA: Option<&'static str> = Some(L::NAME);
    type Family = M::Family;
    fn family(registry: &Registry, spec: &Spec<'_>) -> Result<Self::Family> {
        let labels = with_extra(spec.labels, L::NAME);
        M::family(registry, &Spec { labels: &labels, ..*spec })
    }
    fn handle(family: &Self::Family, values: &[&str], ages: &Ages) -> Result<Self> {
        let mut all = L::VALUES.iter().map(|v| M::handle(family, &with_extra(values, v), ages));
        let first = all.next().ok_or_else(|| prometheus::Error::Msg("a label without values".into()))??;
        Ok(Self { first, rest: all.collect::<Result<_>>()?, _label: PhantomData })
    }
    fn forget(family: &Self::Family, values: &[&str]) {
        for value in L::VALUES {
            M::forget(family, &with_extra(values, value));
        }
    }
}

/// Counters by a name that the code gives (a kind of error, an RPC method): static texts, so their number is bounded.
#[derive(Clone)]
pub struct Named<L> {
    family: IntCounterVec,
    values: Arc<[String]>,
    made: Made,
    _label: PhantomData<fn(L)>,
}

type Made = Arc<Mutex<Vec<(&'static str, Counter)>>>;

/// The name of a [`Named`] field's label.
pub trait NameOf: 'static {
    /// The label's name.
    const NAME: &'static str;
}

impl<L: NameOf> Named<L> {
    /// Counts one under `name`.
    pub fn inc(&self, name: &'static str) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = made.iter().find(|(n, _)| *n == name) {
            return counter.inc();
        }
        let name = if made.len() < MAX_NAMES { name } else { "other" };
        let values: Vec<&str> = self.values.iter().map(String::as_str).chain([name]).collect();
        if let Ok(counter) = self.family.get_metric_with_label_values(&values) {
            counter.inc();
            if made.len() <= MAX_NAMES {
                made.push((name, counter));
            }
        }
    }
}

/// The vector and, per label set, the names that it has.
#[derive(Clone)]
pub struct NamedFamily {
    vector: IntCounterVec,
    made: Arc<Mutex<HashMap<Vec<String>, Made>>>,
}

impl<L: NameOf> Field for Named<L> {
    const TYPE: &'static str = "counter";
    const EXTRA: Option<&'static str> = Some(L::NAME);
    type Family = NamedFamily;
    fn family(registry: &Registry, spec: &Spec<'_>) -> Result<Self::Family> {
        let vector = IntCounterVec::new(Opts::new(spec.name, spec.help), &with_extra(spec.labels, L::NAME))?;
        registry.register(Box::new(vector.clone()))?;
        Ok(NamedFamily { vector, made: Arc::default() })
    }
    fn handle(family: &Self::Family, values: &[&str], _: &Ages) -> Result<Self> {
        let key: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        let mut sets = family.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = sets.entry(key.clone()).or_default().clone();
        Ok(Self { family: family.vector.clone(), values: key.into(), made, _label: PhantomData })
    }
    fn forget(family: &Self::Family, values: &[&str]) {
        let key: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        let mut sets = family.made.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(made) = sets.remove(&key) else { return };
        for (name, _) in made.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = family.vector.remove_label_values(&with_extra(values, name)); // not there: nothing to forget
        }
    }
}

fn with_extra<'a>(labels: &[&'a str], extra: &'a str) -> Vec<&'a str> {
    labels.iter().copied().chain([extra]).collect()
}

/// Seconds since a moment, counted at every scrape: it stays true when the task that should update it hangs.
#[derive(Clone)]
pub struct Age(Arc<Cell>);

/// Seconds until a moment of a chain's clock, counted at every scrape.
#[derive(Clone)]
pub struct Until(Arc<Cell>);

struct Cell {
    /// `Age`: Unix second; 0 is none. `Until`: seconds left at `set`, biased by 1; 0 is none.
    value: AtomicU64,
    /// Milliseconds after the epoch of [`Ages`] when `value` was set.
    set_ms: AtomicU64,
    gauge: Amount,
    until: bool,
    epoch: Instant,
}

/// Every [`Age`] and [`Until`] that is alive, to be counted at a scrape.
#[derive(Clone)]
pub struct Ages {
    cells: Arc<Mutex<Vec<Weak<Cell>>>>,
    epoch: Instant,
}

impl Default for Ages {
    fn default() -> Self {
        Self { cells: Arc::default(), epoch: Instant::now() }
    }
}

impl Ages {
    /// Brings every gauge up to now.
    pub fn refresh(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|cell| {
            let Some(cell) = cell.upgrade() else { return false };
            cell.refresh(now);
            true
        });
    }

    fn cell(&self, gauge: Amount, until: bool) -> Arc<Cell> {
        let zero = AtomicU64::default;
        let cell = Arc::new(Cell { value: zero(), set_ms: zero(), gauge, until, epoch: self.epoch });
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&cell));
        cell
    }
}

impl Cell {
    fn refresh(&self, now: f64) {
        let value = self.value.load(Relaxed);
        self.gauge.set(match (value, self.until) {
            (0, false) => 0.0,
            (0, true) => f64::NAN,
            (since, false) => (now - since as f64).max(0.0),
            (left, true) => {
                let passed = self.epoch.elapsed().as_secs_f64() - self.set_ms.load(Relaxed) as f64 / 1000.0;
                (left - 1) as f64 - passed
            }
        });
    }
}

impl Age {
    /// The moment, Unix seconds.
    pub fn since(&self, unix_seconds: u64) {
        self.0.value.store(unix_seconds, Relaxed);
    }

    /// It is so old now.
    pub fn for_already(&self, age: Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.since(now.saturating_sub(age).as_secs());
    }

    /// Nothing to be old: 0.
    pub fn none(&self) {
        self.0.value.store(0, Relaxed);
    }
}

impl Until {
    /// The moment and the present, both Unix seconds of the chain's own clock: between two calls the time that passed
    /// is measured here, so a wrong wall clock changes nothing (ATK-080).
    pub fn at(&self, moment: u64, chain_now: u64) {
        let ms = u64::try_from(self.0.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.set_ms.store(ms, Relaxed);
        self.0.value.store(moment.saturating_sub(chain_now).saturating_add(1), Relaxed);
    }
}

macro_rules! counted {
    ($handle:ident, $until:literal) => {
        impl Field for $handle {
            const TYPE: &'static str = "gauge";
            type Family = GenericGaugeVec<AtomicF64>;
            fn family(registry: &Registry, spec: &Spec<'_>) -> Result<Self::Family> {
                <Amount as Field>::family(registry, spec)
            }
            fn handle(family: &Self::Family, values: &[&str], ages: &Ages) -> Result<Self> {
                Ok(Self(ages.cell(<Amount as Field>::handle(family, values, ages)?, $until)))
            }
            fn forget(family: &Self::Family, values: &[&str]) {
                <Amount as Field>::forget(family, values);
            }
        }
    };
}

counted!(Age, false);
counted!(Until, true);
