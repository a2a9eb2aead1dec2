//! New heads over a WebSocket subscription. The connection is not mended here: [`super::follow`] drops it and connects
//! again, because a broken subscription can look like a quiet chain (ATK-070).

use crate::chains::evm::config::SecretUrl;
use alloy::{
    primitives::{B256, U64},
    providers::{WebSocketConfig, WsConnect},
    pubsub::RawSubscription,
    rpc::client::{ClientBuilder, RpcClient},
};
use serde::Deserialize;
use std::time::Duration;
use tokio::{sync::broadcast::error::RecvError, time::timeout};

/// Time for connecting and subscribing.
const SUBSCRIBE_DEADLINE: Duration = Duration::from_secs(5);
/// Longest message: a header is below 64 KiB even with 256 validators.
const MAX_MESSAGE: usize = 1 << 20;
/// A ping is answered before the next one is due, or the connection counts as dead.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A standing subscription.
#[derive(Debug)]
pub(super) struct Heads {
    subscription: RawSubscription,
    /// The connection lives as long as its client.
    _client: RpcClient,
}

#[derive(Deserialize)]
struct Head {
    number: U64,
}

impl Heads {
    /// Connects and subscribes. The reason of a failure is not kept: its text may hold the URL.
    pub(super) async fn subscribe(url: &SecretUrl) -> Option<Self> {
        timeout(SUBSCRIBE_DEADLINE, Self::connect(url)).await.ok().flatten()
    }

    async fn connect(url: &SecretUrl) -> Option<Self> {
        let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let connect =
            WsConnect::new(url.expose()).with_config(limits).with_keepalive_interval(KEEPALIVE).with_max_retries(0);
        let client = ClientBuilder::default().ws(connect).await.ok()?;
        let mut call = client.request::<_, B256>("eth_subscribe", ("newHeads",));
        call.set_is_subscription();
        let id = call.await.ok()?;
        let subscription = client.pubsub_frontend()?.get_subscription(id).await.ok()?;
        Some(Self { subscription, _client: client })
    }

    /// The next head's height, or `None` when the subscription is over.
    pub(super) async fn next(&mut self) -> Option<u64> {
        loop {
            match self.subscription.recv().await {
                Ok(raw) => match serde_json::from_str::<Head>(raw.get()) {
                    Ok(head) => return Some(head.number.to()),
                    Err(_) => return None,
                },
                // Only the newest head matters.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
