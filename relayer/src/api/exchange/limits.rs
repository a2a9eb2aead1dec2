//! Bounds for each caller (INV-7): calls per second by a bucket that fills evenly, and open streams.

use super::refused::Refused;
use crate::api::config::ApiLimits;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tonic::Code;

/// How long a caller waits that has too much open: things end by themselves, but not at once.
const OPEN_PAUSE: Duration = Duration::from_secs(10);

struct Bucket {
    tokens: f64,
    at: Instant,
    streams: Arc<AtomicU32>,
}

/// See the module. As many buckets as there are organisations in the configuration.
pub(crate) struct Limiter {
    limits: ApiLimits,
    buckets: Mutex<HashMap<Arc<str>, Bucket>>,
}

impl Limiter {
    pub(crate) fn new(limits: ApiLimits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    fn with<T>(&self, organisation: &Arc<str>, work: impl FnOnce(&mut Bucket, f64) -> T) -> T {
        let rate = f64::from(self.limits.calls_per_second.max(1));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(organisation.clone()).or_insert_with(|| Bucket {
            tokens: 2.0 * rate,
            at: Instant::now(),
            streams: Arc::default(),
        });
        work(bucket, rate)
    }

    /// Takes one call.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` with the time until the next one.
    pub(crate) fn call(&self, organisation: &Arc<str>) -> Result<(), Refused> {
        self.with(organisation, |bucket, rate| {
            let now = Instant::now();
            bucket.tokens = (bucket.tokens + rate * (now - bucket.at).as_secs_f64()).min(2.0 * rate);
            bucket.at = now;
            if bucket.tokens >= 1.0 {
                bucket.tokens -= 1.0;
                return Ok(());
            }
            let after = Duration::from_secs_f64((1.0 - bucket.tokens) / rate).max(Duration::from_millis(1));
            let detail = format!("more than {rate} calls per second");
            Err(Refused::new(Code::ResourceExhausted, "RATE_LIMITED", detail).after(after))
        })
    }

    /// Takes one stream; it is given back when the value is dropped.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`.
    pub(crate) fn stream(&self, organisation: &Arc<str>) -> Result<OpenStream, Refused> {
        let open = self.with(organisation, |bucket, _| OpenStream(bucket.streams.clone()));
        let before = open.0.fetch_add(1, Ordering::Relaxed);
        if before < self.limits.streams {
            return Ok(open);
        }
        Err(too_many("streams", u64::from(self.limits.streams)))
    }
}

/// Refuses one more of what a caller may have only so many of.
pub(crate) fn too_many(what: &str, max: u64) -> Refused {
    let detail = format!("{max} {what} are open, and no more may be");
    Refused::new(Code::ResourceExhausted, "TOO_MANY_OPEN", detail).with("max", max).after(OPEN_PAUSE)
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct OpenStream(Arc<AtomicU32>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
