//! Endpoints: where a chain is reached, each with its own faults.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{
    core::Core,
    faults::Faults,
    handle::Error,
    rpc::{Node, serve_node},
    sync::lock,
};

/// One JSON-RPC endpoint of a chain: HTTP and WebSocket on one port.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    faults: watch::Sender<Arc<Faults>>,
    address: SocketAddr,
    /// Present while the endpoint listens.
    stop: Mutex<Option<watch::Sender<bool>>>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({})", self.0.address)
    }
}

impl Endpoint {
    pub(crate) async fn open(core: Arc<Core>, address: SocketAddr, faults: Faults) -> Result<Self, Error> {
        let listener = listen(address).await?;
        let address = listener.local_addr().map_err(|source| Error::Listen { address, source })?;
        let endpoint = Self(Arc::new(Inner {
            core,
            faults: watch::Sender::new(Arc::new(faults)),
            address,
            stop: Mutex::new(None),
        }));
        endpoint.serve(listener);
        Ok(endpoint)
    }

    fn serve(&self, listener: TcpListener) {
        let (stop, stopped) = watch::channel(false);
        let node = Arc::new(Node {
            core: self.0.core.clone(),
            faults: self.0.faults.clone(),
            connections: Arc::new(Semaphore::new(self.0.core.config.rpc.connections_max)),
            stop: stopped,
        });
        *lock(&self.0.stop) = Some(stop);
        tokio::spawn(serve_node(listener, node));
    }

    /// `http://` address.
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// `ws://` address.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.0.address)
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What is wrong with it now.
    pub fn faults(&self) -> Faults {
        self.0.faults.borrow().as_ref().clone()
    }

    /// Changes what is wrong with it; [`Faults::default`] makes it honest.
    pub fn set_faults(&self, faults: Faults) {
        self.0.faults.send_replace(Arc::new(faults));
    }

    /// Stops listening and ends all connections, like a node that was killed.
    pub fn take_down(&self) {
        if let Some(stop) = lock(&self.0.stop).take() {
            stop.send_replace(true);
        }
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn bring_up(&self) -> Result<(), Error> {
        if lock(&self.0.stop).is_none() {
            let listener = listen(self.0.address).await?;
            self.serve(listener);
        }
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}
