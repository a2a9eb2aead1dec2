//! The admin socket: a Unix socket that only the relayer's own user can open, with a bound on its connections.

use super::audit::Caller;
use crate::metrics::peer::ListenerMetrics;
use futures::Stream;
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tonic::transport::server::Connected;

/// Connections at once: commands of a few operators and a watching screen (INV-7).
pub const MAX_CONNECTIONS: usize = 16;
/// After an error of `accept` (out of files): there is no event that says when to try again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Socket {
    /// Binds `path` with mode 0600 from its first moment: it is made in a private folder beside and moved into place.
    /// A socket that nobody answers on is replaced; one that is answered, or a file of another kind, is an error.
    pub async fn bind(path: &Path) -> io::Result<Self> {
        if let Ok(found) = fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "expected a socket, found another kind of file",
                ));
            }
            if UnixStream::connect(path).await.is_ok() {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another relayer answers on this admin socket"));
            }
        }
        let mut private = path.to_owned().into_os_string();
        private.push(format!(".{}", std::process::id()));
        let private = PathBuf::from(private);
        let _ = fs::remove_dir_all(&private); // left by a crash of a process with our id
        fs::DirBuilder::new().mode(0o700).create(&private)?;
        let bound = Self::place(&private.join("s"), path);
        let _ = fs::remove_dir_all(&private); // empty by now, or useless
        let (listener, owner) = bound?;
        Ok(Self { listener, path: path.to_owned(), owner })
    }

    fn place(first: &Path, path: &Path) -> io::Result<(UnixListener, u32)> {
        let listener = UnixListener::bind(first)?;
        fs::set_permissions(first, fs::Permissions::from_mode(0o600))?;
        let owner = fs::metadata(first)?.uid();
        fs::rename(first, path)?;
        Ok((listener, owner))
    }

    /// Connections of the owner or root, at most [`MAX_CONNECTIONS`] at once; others are closed.
    pub fn connections(self, shown: ListenerMetrics) -> impl Stream<Item = io::Result<Connection>> {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        futures::stream::unfold((self, slots, shown), |(socket, slots, shown)| async move {
            loop {
                let Ok((stream, _)) = socket.listener.accept().await else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let allowed = stream.peer_cred().is_ok_and(|who| who.uid() == socket.owner || who.uid() == 0);
                match Arc::clone(&slots).try_acquire_owned() {
                    Ok(slot) if allowed => {
                        let connection = Connection { stream, _slot: slot, _open: Open::new(shown.clone()) };
                        return Some((Ok(connection), (socket, slots, shown)));
                    }
                    _ => {
                        shown.refused_total.inc(if allowed { "too_many" } else { "not_the_owner" });
                        tracing::warn!(target: "causeway::admin", allowed, "a connection was refused");
                    }
                }
            }
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // gone already is as good
    }
}

/// One connection; frees its slot when dropped.
#[allow(missing_debug_implementations)]
pub struct Connection {
    stream: UnixStream,
    _slot: OwnedSemaphorePermit,
    _open: Open,
}

/// Counted as open until dropped.
struct Open(ListenerMetrics);

impl Open {
    fn new(shown: ListenerMetrics) -> Self {
        shown.connections.inc();
        Self(shown)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

impl Connected for Connection {
    type ConnectInfo = Caller;
    fn connect_info(&self) -> Caller {
        self.stream.peer_cred().map_or(Caller::default(), |who| Caller { uid: Some(who.uid()), pid: who.pid() })
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
