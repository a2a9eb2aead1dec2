//! OTLP traces: one trace per transfer, shared by both organisations' relayers without telling each other anything.
//!
//! The trace id is the first 16 bytes of the entry's commitment, the id of its root span the next 8. Whoever knows the
//! entry knows its trace, so the spans of both relayers meet in one trace wherever they are collected. Whether an entry
//! is sampled is decided by its trace id alone: relayers with the same ratio choose the same entries.
//!
//! Spans are made when a stage is over, with both times: a stage costs nothing while it runs, and an entry that is not
//! sampled costs one comparison.

use alloy::primitives::B256;
use causeway_core::LaneId;
use opentelemetry::{
    Context, InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{Link, Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceState, TracerProvider},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, IdGenerator, RandomIdGenerator, Sampler, SdkTracer, SdkTracerProvider,
    },
};
use std::{
    cell::Cell,
    fmt,
    time::{Duration, SystemTime},
};

/// Where to send spans if the configuration does not say.
pub const ENDPOINT_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Deadline of one export.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Spans that wait for the exporter; past it they are dropped, never the relayer's memory (INV-7).
const QUEUE_SPANS: usize = 16_384;
/// Spans of one export.
const EXPORT_SPANS: usize = 1_024;
/// How long a span waits for company.
const EXPORT_DELAY: Duration = Duration::from_secs(1);
/// Links of a batch's span to its entries.
const LINKS_MAX: usize = 128;

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("telemetry: expected an OTLP/gRPC endpoint such as http://127.0.0.1:4317: {detail}")]
pub struct TraceError {
    detail: String,
}

/// The entry that a span belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    /// Its commitment.
    pub commitment: B256,
    /// Its lane.
    pub lane: LaneId,
    /// Its index.
    pub index: u64,
}

impl Traced {
    /// The trace that both relayers use.
    pub fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(part(&self.commitment, 0))
    }

    /// The root span of that trace.
    pub fn root_id(&self) -> SpanId {
        SpanId::from_bytes(part(&self.commitment, 16))
    }

    fn context(&self) -> SpanContext {
        SpanContext::new(self.trace_id(), self.root_id(), TraceFlags::SAMPLED, true, TraceState::default())
    }

    fn attributes(&self) -> [KeyValue; 2] {
        [
            KeyValue::new("causeway.lane", self.lane.to_string()),
            KeyValue::new("causeway.index", i64::try_from(self.index).unwrap_or(i64::MAX)),
        ]
    }
}

fn part<const N: usize>(hash: &B256, from: usize) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, of) in bytes.iter_mut().zip(hash.iter().skip(from)) {
        *to = *of;
    }
    bytes
}

/// A stage that an entry, or a batch of them, went through.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Name of the span: the stage.
    pub name: &'static str,
    /// When it began.
    pub started: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What went wrong, if it did.
    pub error: Option<&'a str>,
}

/// Makes spans. Cheap to clone; does nothing when traces are off.
#[derive(Clone, Default)]
pub struct Traces(Option<On>);

#[derive(Clone)]
struct On {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    /// Entries whose trace id's last 8 bytes are below are sampled.
    below: u64,
    all: bool,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Traces(on)" } else { "Traces(off)" })
    }
}

impl Traces {
    /// Traces as configured: to `endpoint`, else to the one that the environment names (OpenTelemetry's own variable, for
    /// a process whose files should stay as they are), else none.
    ///
    /// # Errors
    /// The endpoint cannot be used.
    pub fn configured(endpoint: Option<&str>, ratio: f64, organisation: &str) -> Result<Self, TraceError> {
        let environment = std::env::var(ENDPOINT_VARIABLE).ok().filter(|e| !e.is_empty());
        match endpoint.or(environment.as_deref()) {
            Some(endpoint) => Self::otlp(endpoint, ratio, organisation),
            None => Ok(Self::default()),
        }
    }

    /// Sends spans to the collector at `endpoint` over gRPC. Must be called inside the runtime. The connection is made
    /// on the first export; a collector that is away costs dropped spans and nothing else.
    pub fn otlp(endpoint: &str, ratio: f64, organisation: &str) -> Result<Self, TraceError> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            // The exporter's own words may repeat the endpoint, which may hold a key (ATK-103).
            .map_err(|_| TraceError { detail: "this one cannot be used".into() })?;
        let bounds = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_SPANS)
            .with_max_export_batch_size(EXPORT_SPANS)
            .with_scheduled_delay(EXPORT_DELAY)
            .build();
        let resource = Resource::builder()
            .with_service_name("causeway")
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("causeway.organisation", organisation.to_owned()),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(bounds).build())
            .with_sampler(Sampler::AlwaysOn)
            .with_id_generator(Ids::default())
            .with_max_links_per_span(LINKS_MAX as u32)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer_with_scope(InstrumentationScope::builder("causeway").build());
        let below = (ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Ok(Self(Some(On { tracer, provider, below, all: ratio >= 1.0 })))
    }

    /// True if any spans are kept.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// True if spans of this entry are kept.
    pub fn sampled(&self, commitment: &B256) -> bool {
        let Some(on) = &self.0 else { return false };
        on.all || u64::from_be_bytes(part(commitment, 8)) < on.below
    }

    /// A span of a stage in the entry's trace.
    pub fn step(&self, entry: &Traced, step: Step<'_>, attributes: &[KeyValue]) {
        let Some(on) = self.0.as_ref().filter(|_| self.sampled(&entry.commitment)) else { return };
        let parent = Context::new().with_remote_span_context(entry.context());
        let builder = SpanBuilder::from_name(step.name)
            .with_kind(SpanKind::Internal)
            .with_start_time(step.started)
            .with_attributes(entry.attributes().into_iter().chain(attributes.iter().cloned()));
        end(builder.start_with_context(&on.tracer, &parent), step);
    }

    /// The entry's root span: from the lock to its end. Made by the relayer that serves the lane's source, once.
    pub fn root(&self, entry: &Traced, step: Step<'_>, attributes: &[KeyValue]) {
        let Some(on) = self.0.as_ref().filter(|_| self.sampled(&entry.commitment)) else { return };
        let builder = SpanBuilder::from_name(step.name)
            .with_kind(SpanKind::Internal)
            .with_start_time(step.started)
            .with_attributes(entry.attributes().into_iter().chain(attributes.iter().cloned()));
        NEXT.set(Some((entry.trace_id(), entry.root_id())));
        let span = builder.start_with_context(&on.tracer, &Context::new());
        NEXT.set(None);
        end(span, step);
    }

    /// A span of work on many entries at once (a bundle, a transaction), in a trace of its own, linked to the sampled
    /// ones among them. None sampled: no span.
    pub fn batch(&self, entries: impl IntoIterator<Item = Traced>, step: Step<'_>, attributes: &[KeyValue]) {
        let Some(on) = &self.0 else { return };
        let sampled = entries.into_iter().filter(|e| self.sampled(&e.commitment));
        let links: Vec<Link> = sampled.take(LINKS_MAX).map(|e| Link::with_context(e.context())).collect();
        if links.is_empty() {
            return;
        }
        let builder = SpanBuilder::from_name(step.name)
            .with_kind(SpanKind::Internal)
            .with_start_time(step.started)
            .with_attributes(attributes.iter().cloned())
            .with_links(links);
        end(builder.start_with_context(&on.tracer, &Context::new()), step);
    }

    /// Sends what waits and ends. Blocks up to the export's deadline: call it from a blocking thread.
    pub fn shutdown(&self) {
        if let Some(on) = &self.0 {
            let _ = on.provider.shutdown_with_timeout(EXPORT_TIMEOUT); // a collector that is away loses spans, no more
        }
    }

    /// Sends what waits. Blocks like [`Traces::shutdown`].
    pub fn flush(&self) {
        if let Some(on) = &self.0 {
            let _ = on.provider.force_flush(); // as above
        }
    }
}

fn end(mut span: opentelemetry_sdk::trace::Span, step: Step<'_>) {
    if let Some(error) = step.error {
        span.set_status(Status::error(error.to_owned()));
    }
    span.end_with_timestamp(step.ended);
}

thread_local! {
    /// Ids of the root span that this thread is about to make.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Random ids, except for a root span, whose ids follow from the entry.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}
