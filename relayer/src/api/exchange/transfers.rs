//! Transfers as proven: where one stands, followed to its end.
//!
//! A transaction's receipt is a node's word, and only says at which entry to look. A published tip stands over books that
//! hold everything below it, so an entry that is proven delivered and has no return in the way back was credited.

use super::{
    bridges::{Bridge, End},
    callers::Principal,
    desk::Desk,
    refused::Refused,
    terms::{timestamp, word},
};
use crate::lane::{
    error::{Error, Kind, Result},
    ports::Journal,
};
use alloy::primitives::B256;
use causeway_core::{Body, Entry, LaneId};
use causeway_proto::exchange::v1::{self, transfer::State};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

/// States of one transfer that wait for a client; there are five.
const QUEUE: usize = 8;
/// How often a receipt is asked for that is not there yet; nodes tell of none.
const RECEIPT: Duration = Duration::from_secs(1);
/// Entries of the way back that are read at once.
const STEP: usize = 1024;

/// What is asked for.
#[derive(Clone, Copy)]
enum Which {
    Index(u64),
    Transaction(B256),
}

/// Looks transfers up.
#[derive(Clone)]
pub(crate) struct Transfers {
    pub(crate) desk: Arc<Desk>,
    pub(crate) journal: Arc<dyn Journal>,
}

impl Transfers {
    fn find(&self, name: &str) -> Result<(LaneId, Which), Refused> {
        let bad = || Refused::field("name", "lanes/{lane}/transfers/{index or transaction}", format!("{name:?}"));
        let mut parts = name.split('/');
        let (Some("lanes"), Some(lane), Some("transfers"), Some(which), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let lane: LaneId = lane.parse().map_err(|_| bad())?;
        let which = match which.parse() {
            Ok(index) => Which::Index(index),
            Err(_) => Which::Transaction(word("name", which).map_err(|_| bad())?),
        };
        Ok((lane, which))
    }

    fn ends(&self, lane: LaneId, name: &str) -> Result<(&Bridge, usize), Refused> {
        let all = self.desk.bridges.0.iter();
        let found = all.filter_map(|b| Some((&**b, b.lanes.iter().position(|l| *l == lane)?))).next();
        found.ok_or_else(|| Refused::unknown(name))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Journal) -> Result<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let journal = self.journal.clone();
        let done = tokio::task::spawn_blocking(move || read(&*journal)).await;
        Ok(done.map_err(|e| Error::retry(Kind::Store, e.to_string()))??)
    }

    /// # Errors
    /// Not there, not the caller's, or a transaction without effect.
    pub(crate) async fn get(&self, caller: &Principal, name: &str) -> Result<v1::Transfer, Refused> {
        let (lane, which) = self.find(name)?;
        let (bridge, at) = self.ends(lane, name)?;
        let [end, other] = [&bridge.ends[at], &bridge.ends[1 - at]];
        let submitted =
            || v1::Transfer { name: name.to_owned(), state: State::Submitted as i32, ..v1::Transfer::default() };
        let index = match which {
            Which::Index(index) => index,
            Which::Transaction(tx) => match end.prepare.appended(tx, lane).await? {
                None => return Ok(submitted()),
                Some(index) => index,
            },
        };
        let found = self.blocking(move |journal| journal.entries(lane, index, 1)).await?;
        let Some(entry) = found.into_iter().next().filter(|entry| entry.index == index) else {
            return match which {
                Which::Index(_) => Err(Refused::unknown(name)),
                Which::Transaction(_) => Ok(submitted()),
            };
        };
        self.show(caller, (bridge, at), [end, other], entry, name).await
    }

    async fn show(
        &self,
        caller: &Principal,
        (bridge, at): (&Bridge, usize),
        [end, other]: [&End; 2],
        entry: Entry,
        name: &str,
    ) -> Result<v1::Transfer, Refused> {
        let Body::Transfer(transfer) = &entry.body else { return Err(Refused::unknown(name)) };
        let mine =
            caller.owns_word(end.chain_id, transfer.sender) || caller.owns_word(other.chain_id, transfer.recipient);
        if !mine {
            return Err(Refused::unknown(name));
        }
        let open = |end: &End, lane, index| {
            end.view.leaving(lane).is_none_or(|book| index >= book.size() || book.standing(index).is_some())
        };
        let (index, reverse) = (entry.index, bridge.lanes[1 - at]);
        let (mut state, mut returned_by) = (State::Locked, String::new());
        if !open(end, entry.lane, index) {
            state = State::Delivered;
            if let Some(back) = self.blocking(move |journal| returned(journal, reverse, index)).await? {
                state = if open(other, reverse, back) { State::Returning } else { State::Returned };
                returned_by = format!("lanes/{reverse}/transfers/{back}");
            }
        }
        Ok(v1::Transfer {
            name: format!("lanes/{}/transfers/{index}", entry.lane),
            state: state as i32,
            asset: end.token(&transfer.asset).map_or_else(|| transfer.asset.to_string(), |token| token.id.to_string()),
            amount: transfer.amount.to_string(),
            sender: end.account(&transfer.sender).to_string(),
            recipient: other.account(&transfer.recipient).to_string(),
            timeout: Some(timestamp(transfer.timeout)),
            commitment: entry.commitment().to_string(),
            returned_by,
        })
    }

    /// Every state from now on, to the end.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn watch(
        self,
        caller: Arc<Principal>,
        name: String,
        slot: super::limits::OpenStream,
    ) -> Result<ReceiverStream<Result<v1::Transfer, Status>>, Refused> {
        let first = self.get(&caller, &name).await?;
        let (lane, _) = self.find(&name)?;
        let (bridge, _) = self.ends(lane, &name)?;
        let mut tips = bridge.ends.each_ref().map(|end| end.view.follow());
        let (out, states) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let _slot = slot;
            let mut last = None;
            let mut now: Result<v1::Transfer, Refused> = Ok(first);
            loop {
                let transfer = match now {
                    Ok(transfer) => transfer,
                    Err(refused) if refused.code == Code::Unavailable => {
                        tokio::select! {
                            () = out.closed() => return,
                            () = tokio::time::sleep(RECEIPT) => {}
                        }
                        now = self.get(&caller, &name).await;
                        continue;
                    }
                    Err(refused) => {
                        let _ = out.send(Err(refused.status())).await;
                        return;
                    }
                };
                let state = transfer.state();
                if last != Some(state) && out.send(Ok(transfer)).await.is_err() {
                    return;
                }
                last = Some(state);
                if matches!(state, State::Delivered | State::Returned) {
                    return;
                }
                let [a, b] = &mut tips;
                tokio::select! {
                    () = out.closed() => return,
                    changed = a.changed() => if changed.is_err() { return },
                    changed = b.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(RECEIPT) => {}
                }
                now = self.get(&caller, &name).await;
            }
        });
        Ok(ReceiverStream::new(states))
    }
}

/// The entry of the way back that returns transfer `index`.
fn returned(journal: &dyn Journal, reverse: LaneId, index: u64) -> Result<Option<u64>> {
    let mut from = 0;
    loop {
        let step = journal.entries(reverse, from, STEP)?;
        let Some(last) = step.last() else { return Ok(None) };
        from = last.index + 1;
        let returns = |entry: &&Entry| matches!(&entry.body, Body::Returned(r) if r.index == index);
        if let Some(entry) = step.iter().find(returns) {
            return Ok(Some(entry.index));
        }
    }
}
