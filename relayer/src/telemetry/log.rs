//! Logs: JSON lines for machines, or text on a terminal; every field escaped, one event a line.

use super::escape::{Escaped, JsonLine};
use std::{fmt, io, sync::Arc};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{
        FormatFields, MakeWriter,
        format::{Writer, debug_fn},
    },
    registry::LookupSpan,
};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people; coloured on a terminal.
    Text,
}

/// The filter is not one.
#[derive(Debug, thiserror::Error)]
#[error("log level: expected a level or a filter such as `info,causeway::lane=debug`, found {found:?}")]
pub struct BadFilter {
    /// What was given.
    pub found: String,
}

/// Makes writers that scrub JSON lines.
#[derive(Clone, Debug)]
pub struct JsonLines<W>(pub W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for JsonLines<W> {
    type Writer = JsonLine<W::Writer>;
    fn make_writer(&'a self) -> Self::Writer {
        JsonLine(self.0.make_writer())
    }
}

/// The filter of `level`. Dependencies that log every frame or request stay at `warn` unless named; subscriptions that end
/// are made again and told by this program, once.
pub fn filter(level: &str) -> Result<EnvFilter, BadFilter> {
    let quiet = "h2=warn,hyper=warn,hyper_util=warn,tower=warn,tonic=warn,rustls=warn,opentelemetry=warn,\
                 opentelemetry_sdk=warn,opentelemetry_otlp=warn,alloy=warn,alloy_pubsub=off,alloy_transport_ws=off";
    EnvFilter::try_new(format!("{quiet},{level}")).map_err(|_| BadFilter { found: level.to_owned() })
}

/// The layer that writes logs to `writer`.
pub fn layer<S, W>(format: Format, ansi: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    match format {
        Format::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(JsonLines(writer))
            .boxed(),
        Format::Text => {
            tracing_subscriber::fmt::layer().with_ansi(ansi).fmt_fields(text_fields()).with_writer(writer).boxed()
        }
    }
}

/// Fields as `name=value`, the message bare, every value escaped whatever its `Debug` or `Display` wrote.
fn text_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    use tracing_subscriber::field::MakeExt as _;
    let one = |writer: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn fmt::Debug| {
        let value = Escaped(format!("{value:?}"));
        match field.name() {
            "message" => write!(writer, "{value}"),
            name => write!(writer, "{name}={value}"),
        }
    };
    debug_fn(one).delimited(" ")
}

/// A buffer that tests read back.
#[derive(Clone, Debug, Default)]
pub struct Captured(Arc<std::sync::Mutex<Vec<u8>>>);

impl Captured {
    /// What was written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
