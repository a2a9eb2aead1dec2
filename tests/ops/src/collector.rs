//! An OTLP collector: takes the spans that relayers send, over gRPC, as any collector does.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::{Request, Response, Status, transport::Server};

/// Spans by the organisation that sent them.
#[derive(Clone, Debug, Default)]
pub struct Collector(Arc<Mutex<HashMap<String, Vec<Span>>>>);

impl Collector {
    /// Starts one on a free port of loopback, inside the runtime that calls.
    ///
    /// # Errors
    /// No port.
    pub async fn start() -> io::Result<(Self, SocketAddr)> {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let at = listener.local_addr()?;
        let service = TraceServiceServer::new(collector.clone());
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Ok((collector, at))
    }

    /// What came so far.
    pub fn spans(&self) -> HashMap<String, Vec<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for batch in request.into_inner().resource_spans {
            let attributes = batch.resource.unwrap_or_default().attributes;
            let organisation = attributes.into_iter().find(|a| a.key == "causeway.organisation");
            let Some(Value::StringValue(name)) = organisation.and_then(|a| a.value).and_then(|v| v.value) else {
                return Err(Status::invalid_argument("spans without causeway.organisation"));
            };
            let spans = batch.scope_spans.into_iter().flat_map(|s| s.spans);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
