//! Connections, from the listener to the end of the handshake. What comes out is a stream of connections whose caller is
//! known (or known to be nobody), for the gRPC server.
//!
//! Nothing that a caller does ends the loop (ATK-092). A handshake has a deadline, and there is a bound on those under
//! way: past it the oldest gives way, so silent callers cannot keep an honest one out (ATK-093). Finished connections are
//! bounded in all, and for each organisation.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::{
    config::Limits,
    identity::Organisation,
    tls::{Snapshot, Tls},
};
use crate::metrics::peer::ListenerMetrics;

/// Pause after the listener failed (no file descriptors left): trying at once would fail at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections with a finished handshake that the server has not taken yet.
const READY_MAX: usize = 16;

/// Connections of callers that are nobody: enough to tell them so.
const STRANGERS_MAX: u32 = 16;

/// A byte stream that a listener gives.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// The caller of a connection, in the extensions of each of its requests.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The organisation; `None`: the certificate is nobody's.
    pub organisation: Option<Arc<Organisation>>,
    /// Closes the connection.
    pub hang_up: CancellationToken,
}

/// Listens on a TCP address.
///
/// # Errors
/// The address is taken or not this machine's.
pub async fn listen(
    address: std::net::SocketAddr,
) -> io::Result<(std::net::SocketAddr, impl Stream<Item = io::Result<TcpStream>> + Send + Unpin + 'static)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener).map(|stream| {
        let stream = stream?;
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    Ok((bound, incoming))
}

/// Accepts from `listener` until `shutdown`; the connections come out of the returned stream.
pub(crate) fn accept<L, S>(
    listener: L,
    tls: Arc<Tls>,
    limits: &Limits,
    metrics: Option<ListenerMetrics>,
    shutdown: CancellationToken,
) -> ReceiverStream<io::Result<Conn<S>>>
where
    L: Stream<Item = io::Result<S>> + Send + Unpin + 'static,
    S: Io,
{
    let (ready, connections) = mpsc::channel(READY_MAX);
    let gate = Arc::new(Gate {
        tls,
        deadline: limits.handshake_deadline,
        per_organisation: limits.connections_per_peer_max,
        connections: Arc::new(Semaphore::new(limits.connections_max as usize)),
        strangers: Arc::new(AtomicU32::new(0)),
        handshakes: Mutex::default(),
        metrics,
        handshakes_max: limits.handshakes_max as usize,
    });
    tokio::spawn(run(listener, gate, ready, shutdown));
    ReceiverStream::new(connections)
}

async fn run<L, S>(
    mut listener: L,
    gate: Arc<Gate>,
    ready: mpsc::Sender<io::Result<Conn<S>>>,
    shutdown: CancellationToken,
) where
    L: Stream<Item = io::Result<S>> + Send + Unpin + 'static,
    S: Io,
{
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => return,
            () = ready.closed() => return,
            stream = listener.next() => stream,
        };
        match stream {
            None => return,
            Some(Err(error)) => {
                tracing::warn!(error = %error, "the peer listener could not accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            Some(Ok(stream)) => {
                let (number, given_up) = gate.begin();
                let (gate, ready) = (Arc::clone(&gate), ready.clone());
                tokio::spawn(async move {
                    let conn = tokio::select! {
                        () = given_up.cancelled() => Err("gave_way"),
                        conn = tokio::time::timeout(gate.deadline, gate.shake(stream)) => conn.unwrap_or(Err("too_slow")),
                    };
                    gate.end(number);
                    match conn {
                        Err(reason) => gate.refused(reason),
                        // If the server is gone, so is the connection.
                        Ok(conn) => drop(ready.send(Ok(conn)).await),
                    }
                });
            }
        }
    }
}

/// The limits of a listener.
struct Gate {
    tls: Arc<Tls>,
    deadline: Duration,
    per_organisation: u32,
    connections: Arc<Semaphore>,
    strangers: Arc<AtomicU32>,
    /// Handshakes under way, oldest first.
    handshakes: Mutex<BTreeMap<u64, CancellationToken>>,
    handshakes_max: usize,
    metrics: Option<ListenerMetrics>,
}

impl Gate {
    fn refused(&self, reason: &'static str) {
        if let Some(metrics) = &self.metrics {
            metrics.refused_total.inc(reason);
        }
    }

    /// A handshake begins: its number, and a token that is cancelled if it must give way.
    fn begin(&self) -> (u64, CancellationToken) {
        let token = CancellationToken::new();
        let mut all = self.handshakes.lock().unwrap_or_else(PoisonError::into_inner);
        while all.len() >= self.handshakes_max {
            match all.pop_first() {
                Some((_, oldest)) => oldest.cancel(),
                None => break,
            }
        }
        let number = all.last_key_value().map_or(0, |(last, _)| last.wrapping_add(1));
        all.insert(number, token.clone());
        (number, token)
    }

    fn end(&self, number: u64) {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }

    /// The connection behind a handshake, or why there is none.
    async fn shake<S: Io>(&self, stream: S) -> std::result::Result<Conn<S>, &'static str> {
        let snapshot = self.tls.current();
        let (transport, organisation) = match &snapshot.server {
            None => (Transport::Plain(stream), self.tls.plaintext()),
            Some(config) => {
                let acceptor = TlsAcceptor::from(Arc::clone(config));
                let stream = match acceptor.accept(stream).await {
                    Ok(stream) => stream,
                    Err(error) => {
                        tracing::debug!(error = %error, "a caller's handshake failed");
                        return Err("handshake");
                    }
                };
                let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let organisation = certificate.and_then(|certificate| snapshot.directory.holder(certificate));
                (Transport::Tls(Box::new(stream)), organisation)
            }
        };
        self.admit(transport, organisation, &snapshot)
    }

    fn admit<S>(
        &self,
        transport: Transport<S>,
        organisation: Option<Arc<Organisation>>,
        snapshot: &Snapshot,
    ) -> std::result::Result<Conn<S>, &'static str> {
        let permit = Arc::clone(&self.connections).try_acquire_owned();
        let count = match &organisation {
            Some(organisation) => Count::take(Counted::Organisation(Arc::clone(organisation)), self.per_organisation),
            None => Count::take(Counted::Strangers(Arc::clone(&self.strangers)), STRANGERS_MAX),
        };
        let (Ok(permit), Some(count)) = (permit, count) else {
            let name = organisation.as_ref().map(|organisation| &*organisation.name);
            tracing::warn!(organisation = name, "a connection was refused: too many are open");
            return Err("too_many");
        };
        let open = self.metrics.clone().map(Open::new);
        // Ends by itself when the certificates change: what was trusted then may not be now.
        let hang_up = snapshot.replaced.child_token();
        Ok(Conn {
            transport,
            hung_up: Box::pin(hang_up.clone().cancelled_owned()),
            caller: Caller { organisation, hang_up },
            _permit: permit,
            _count: count,
            _open: open,
        })
    }
}

enum Counted {
    Organisation(Arc<Organisation>),
    Strangers(Arc<AtomicU32>),
}

/// One of a bounded number of connections; given back when dropped.
struct Count(Counted);

impl Count {
    fn take(counted: Counted, max: u32) -> Option<Self> {
        let count = Self(counted);
        let before = count.counter().fetch_add(1, Ordering::Relaxed);
        // Dropping it takes it off again.
        (before < max).then_some(count)
    }

    fn counter(&self) -> &AtomicU32 {
        match &self.0 {
            Counted::Organisation(organisation) => &organisation.connections,
            Counted::Strangers(strangers) => strangers,
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.counter().fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts an open connection while it lives.
struct Open(ListenerMetrics);

impl Open {
    fn new(metrics: ListenerMetrics) -> Self {
        metrics.connections.inc();
        Self(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

enum Transport<S> {
    Tls(Box<TlsStream<S>>),
    Plain(S),
}

/// A connection whose handshake is over.
pub(crate) struct Conn<S> {
    transport: Transport<S>,
    caller: Caller,
    hung_up: Pin<Box<WaitForCancellationFutureOwned>>,
    _permit: OwnedSemaphorePermit,
    _count: Count,
    _open: Option<Open>,
}

impl<S> Connected for Conn<S> {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl<S: Io> AsyncRead for Conn<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        use std::future::Future;
        if self.hung_up.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match &mut self.transport {
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl<S: Io> AsyncWrite for Conn<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
