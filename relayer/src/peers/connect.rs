//! How bytes get to a peer: a TCP connection, and TLS on it with the certificates of the moment. The TCP part is an
//! argument, so that a simulated network can take its place.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tonic::transport::Uri;

use super::{accept::Io, config::PeerSettings, tls::Tls};
use crate::lane::error::Result;

/// A connection, whatever it runs over.
pub type BoxIo = Box<dyn Io>;

/// A connection under way.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<BoxIo>> + Send>>;

/// Makes connections.
pub trait Connect: Send + Sync {
    /// Connects to a host and port. The caller sets the deadline.
    fn connect(&self, host: &str, port: u16) -> Connecting;
}

/// Connects over TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connect for Tcp {
    fn connect(&self, host: &str, port: u16) -> Connecting {
        let host = host.to_owned();
        Box::pin(async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as BoxIo)
        })
    }
}

/// The way to one peer.
#[derive(Clone)]
pub(super) struct Way {
    /// Host and port: where it is may change, who it is not.
    at: Arc<Mutex<(String, u16)>>,
    name: String,
    plaintext: bool,
    tls: Arc<Tls>,
    connect: Arc<dyn Connect>,
    refused: Refused,
}

impl Way {
    pub(super) fn new(peer: &PeerSettings, tls: Arc<Tls>, connect: Arc<dyn Connect>) -> Result<Self> {
        let at = Arc::new(Mutex::new(peer.authority()?));
        let (name, plaintext) = (peer.certificate_name.clone(), peer.plaintext_for_development);
        Ok(Self { at, name, plaintext, tls, connect, refused: Refused::default() })
    }

    /// The peer is elsewhere from the next connection on. Gives whether that is another place.
    pub(super) fn move_to(&self, peer: &PeerSettings) -> Result<bool> {
        let place = peer.authority()?;
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = *at != place;
        *at = place;
        Ok(moved)
    }

    /// What calls name as their authority; the connection itself goes its own way.
    pub(super) fn uri(&self) -> Option<Uri> {
        Uri::builder().scheme("http").authority(self.name.as_str()).path_and_query("/").build().ok()
    }

    /// Why TLS ended the last connection, if it did. Asked once.
    pub(super) fn refused(&self) -> Option<rustls::Error> {
        self.refused.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A connection as tonic wants it.
    pub(super) async fn go(self) -> io::Result<TokioIo<BoxIo>> {
        let (host, port) = self.at.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stream = self.connect.connect(&host, port).await?;
        if self.plaintext {
            return Ok(TokioIo::new(stream));
        }
        let config = self.tls.client(&self.name).ok_or_else(|| io::Error::other("no certificates for this peer"))?;
        let name = ServerName::try_from(self.name).map_err(io::Error::other)?;
        let refused = self.refused;
        let stream = TlsConnector::from(config).connect(name, stream).await.inspect_err(|error| refused.note(error))?;
        Ok(TokioIo::new(Box::new(Watched { stream, refused }) as BoxIo))
    }
}

/// What TLS said when it ended a connection. In TLS 1.3 a server judges the client's certificate after the client thinks
/// the handshake over, and HTTP/2 keeps no more of the alert than a text; so it is noted here, on its way.
#[derive(Clone, Debug, Default)]
struct Refused(Arc<Mutex<Option<rustls::Error>>>);

impl Refused {
    fn note(&self, error: &io::Error) {
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }
}

struct Watched<S> {
    stream: S,
    refused: Refused,
}

impl<S: Io> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read {
            self.refused.note(error);
        }
        read
    }
}

impl<S: Io> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
