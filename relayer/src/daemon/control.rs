//! What operators ask and order: the admin service's [`Control`] over the running lanes.

use super::{
    build::{Built, BuiltLane, Parts},
    drain::{DRAIN_MAX, Drain},
    paused::Paused,
    reload::Reloader,
    shown::{duration, endpoint, leg, letter, name, stage, stands, timestamp, upper},
};
use crate::{
    api::control::{Control, Refused, Select, What},
    lane::{
        error::{Error, Kind, Result},
        ports::{Clock, Journal, Peer},
        run::State,
        types::TrustedState,
    },
};
use async_trait::async_trait;
use causeway_core::{Body, LaneId, Reason};
use causeway_proto::admin::v1::{
    self as wire, Client, ClientState, DeadLetter, DrainResponse, Entry, EntryTrace, Lane, PeerStatus, RelayerStatus,
    ReloadResponse, Stage, StageCount, TraceEvent,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Entries of the reverse lane looked through for the return of a transfer, newest first.
const RETURNS_LOOKED: u64 = 20_000;
/// Dead letters read at a time.
const LETTERS_MAX: usize = 10_000;

/// The running relayer.
pub(super) struct Daemon {
    built: Arc<Built>,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    paused: Paused,
    reloader: Arc<Reloader>,
    drain: Arc<Drain>,
    organisation: String,
    started: u64,
}

impl Daemon {
    /// Answers for what was built.
    pub(super) fn new(parts: &Parts, built: Arc<Built>, reloader: Arc<Reloader>) -> Self {
        Self {
            built,
            journal: parts.journal.clone(),
            clock: parts.clock.clone(),
            paused: parts.paused.clone(),
            reloader,
            drain: parts.drain.clone(),
            organisation: parts.config.organisation.clone(),
            started: parts.clock.now(),
        }
    }

    fn find(&self, lane: LaneId) -> Result<&BuiltLane, Refused> {
        let unknown = || Refused::not_found(format!("lane {lane} is not served here: see `causeway lanes`"));
        self.built.lanes.iter().find(|l| l.book.lane() == lane).ok_or_else(unknown)
    }

    async fn journal<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Journal) -> Result<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let journal = self.journal.clone();
        let read = tokio::task::spawn_blocking(move || read(&*journal)).await;
        Ok(read.map_err(|e| Error::retry(Kind::Store, e.to_string()))??)
    }

    fn show_lane(&self, lane: &BuiltLane) -> Lane {
        let (state, reason, detail) = match &*lane.run.state.borrow() {
            State::Running => (wire::lane::State::Running, String::new(), String::new()),
            State::Paused => (wire::lane::State::Paused, String::new(), String::new()),
            State::Restarting { kind, detail } => (wire::lane::State::BackingOff, upper(*kind), detail.clone()),
            State::Stopped { kind, detail } => (wire::lane::State::Stopped, upper(*kind), detail.clone()),
        };
        let [waiting, sent, working, dead] = lane.book.standings();
        let count = |stage: Stage, count: usize| StageCount { stage: stage.into(), count: count as u64 };
        let pending = [
            count(Stage::Final, waiting),
            count(Stage::Sent, sent),
            count(Stage::Submitted, working),
            count(Stage::Rejected, dead),
        ];
        Lane {
            name: name(lane.book.lane()),
            source_chain: lane.source.id.to_string(),
            destination_chain: lane.destination.id.to_string(),
            bridge: lane.bridge.clone(),
            peer: lane.peer.clone().unwrap_or_default(),
            state: state.into(),
            reason,
            detail,
            size: lane.book.size(),
            delivered_count: lane.book.closed_count(),
            pending: pending.into_iter().filter(|p| p.count > 0).collect(),
            oldest_pending_age: lane.book.oldest_age().map(duration),
            verified_height: lane.source.tip().map_or(0, |t| t.trusted.height),
        }
    }

    fn show_entry(&self, lane: &BuiltLane, entry: &causeway_core::Entry) -> Entry {
        let account = |chain: &str, word: &alloy::primitives::B256| match word.as_slice().split_first_chunk::<12>() {
            Some((zeros, address)) if zeros.iter().all(|b| *b == 0) => format!("{chain}:0x{}", hex::encode(address)),
            _ => word.to_string(),
        };
        let body = match &entry.body {
            Body::Transfer(t) => wire::entry::Body::Transfer(wire::Transfer {
                asset: t.asset.to_string(),
                amount: t.amount.to_string(),
                sender: account(&lane.source.id, &t.sender),
                recipient: account(&lane.destination.id, &t.recipient),
                timeout: Some(timestamp(t.timeout)),
                memo_hash: if t.memo.is_zero() { String::new() } else { t.memo.to_string() },
            }),
            Body::Returned(r) => wire::entry::Body::Returned(wire::Returned {
                transfer: format!("{}/entries/{}", name(lane.reverse), r.index),
                commitment: r.commitment.to_string(),
                reason: match r.reason {
                    Reason::Expired => wire::returned::Reason::Expired,
                    Reason::Failed => wire::returned::Reason::Failed,
                }
                .into(),
            }),
            Body::SwapLocked(s) => wire::entry::Body::SwapLocked(leg(s)),
            Body::SwapVoided(s) => wire::entry::Body::SwapVoided(leg(s)),
        };
        Entry {
            name: format!("{}/entries/{}", name(entry.lane), entry.index),
            index: entry.index,
            commitment: entry.commitment().to_string(),
            stage: stage(lane, entry.index).into(),
            body: Some(body),
        }
    }

    /// The entry on the reverse lane that sends the transfer `index` of `lane` back, among the newest.
    async fn returned_by(&self, lane: &BuiltLane, index: u64) -> Result<String, Refused> {
        let Some(reverse) = self.built.lanes.iter().find(|l| l.book.lane() == lane.reverse) else {
            return Ok(String::new());
        };
        let (id, from) = (lane.reverse, reverse.book.size().saturating_sub(RETURNS_LOOKED));
        let found = self
            .journal(move |journal| {
                let mut from = from;
                loop {
                    let step = journal.entries(id, from, 1024)?;
                    let Some(last) = step.last() else { return Ok(None) };
                    from = last.index + 1;
                    let returns = |e: &causeway_core::Entry| matches!(e.body, Body::Returned(r) if r.index == index);
                    if let Some(e) = step.iter().find(|e| returns(e)) {
                        return Ok(Some(e.index));
                    }
                }
            })
            .await?;
        Ok(found.map_or_else(String::new, |i| format!("{}/entries/{i}", name(id))))
    }
}

#[async_trait]
impl Control for Daemon {
    async fn status(&self) -> Result<RelayerStatus, Refused> {
        let letters = self.journal(|j| j.dead_letters(LETTERS_MAX)).await?.len() as u64;
        let chains = self.built.chains.iter().map(|c| {
            let tip = c.view.tip();
            wire::ChainStatus {
                chain: c.chain.id.to_string(),
                verified_height: tip.as_ref().map_or(0, |t| t.trusted.height),
                verified_time: tip.as_ref().map(|t| timestamp(t.trusted.time)),
                scanned_height: tip.as_ref().map_or(0, |t| t.trusted.height),
                endpoints: c.chain.endpoints.endpoints().into_iter().map(endpoint).collect(),
            }
        });
        let expires = self.built.links.as_ref().and_then(|l| l.tls.current().expires_at);
        let peers = self.built.links.iter().flat_map(|l| l.peers()).map(|p| PeerStatus {
            organisation: p.organisation().to_owned(),
            // A peer that refuses every lane is no use, whatever the session.
            connected: p.connected() && p.refusal().is_none(),
            detail: match (p.trouble(), p.refusal()) {
                (Some((kind, detail)), _) => format!("{}: {detail}", kind.name()),
                (None, Some((kind, detail))) => format!("refuses every lane: {}: {detail}", kind.name()),
                (None, None) => String::new(),
            },
            certificate_expire_time: expires.map(timestamp),
        });
        Ok(RelayerStatus {
            version: env!("CARGO_PKG_VERSION").into(),
            organisation: self.organisation.clone(),
            start_time: Some(timestamp(self.started)),
            chains: chains.collect(),
            peers: peers.collect(),
            lanes: self.built.lanes.iter().map(|l| self.show_lane(l)).collect(),
            signers: Vec::new(),
            dead_letter_count: letters,
        })
    }

    async fn lanes(&self) -> Result<Vec<Lane>, Refused> {
        Ok(self.built.lanes.iter().map(|l| self.show_lane(l)).collect())
    }

    async fn lane(&self, lane: LaneId) -> Result<Lane, Refused> {
        Ok(self.show_lane(self.find(lane)?))
    }

    async fn pause(&self, lane: LaneId) -> Result<Lane, Refused> {
        self.set_paused(lane, true).await
    }

    async fn resume(&self, lane: LaneId) -> Result<Lane, Refused> {
        self.set_paused(lane, false).await
    }

    async fn entries(&self, lane: LaneId, select: Select) -> Result<Vec<Entry>, Refused> {
        let found = self.find(lane)?;
        let entries = if select.pending_only {
            let open = found.book.open_from(select.from, select.limit);
            self.journal(move |j| {
                open.into_iter().filter_map(|i| j.entries(lane, i, 1).map(|v| v.first().copied()).transpose()).collect()
            })
            .await?
        } else {
            self.journal(move |j| j.entries(lane, select.from, select.limit)).await?
        };
        Ok(entries.iter().map(|e| self.show_entry(found, e)).collect())
    }

    async fn trace(&self, lane: LaneId, index: u64) -> Result<EntryTrace, Refused> {
        let found = self.find(lane)?;
        let entries = self.journal(move |j| j.entries(lane, index, 1)).await?;
        let Some(entry) = entries.first().filter(|e| e.index == index) else {
            return Err(Refused::not_found(format!("lane {lane} has {} entries, not {index}", found.book.size())));
        };
        let event = |stage: Stage, chain: &str, detail: &str| TraceEvent {
            stage: stage.into(),
            chain: chain.to_owned(),
            detail: detail.to_owned(),
            ..TraceEvent::default()
        };
        let mut events = vec![event(Stage::Final, &found.source.id, "in a verified final block")];
        let now = stage(found, index);
        if now != Stage::Final {
            events.push(event(now, &found.destination.id, stands(found, index)));
        }
        let returned_by = self.returned_by(found, index).await?;
        Ok(EntryTrace { entry: Some(self.show_entry(found, entry)), events, returned_by })
    }

    async fn client(&self, lane: LaneId) -> Result<Client, Refused> {
        let found = self.find(lane)?;
        let local = found.source.tip().map(|t| self.local_client(found, &t.trusted));
        let contract = match &found.destination.submitter {
            None => None,
            Some(submitter) => Some(self.contract_client(&submitter.client(lane).await?)),
        };
        Ok(Client {
            name: format!("{}/client", name(lane)),
            chain: found.source.id.to_string(),
            family: "bft-evm".into(),
            local,
            contract,
        })
    }

    async fn dead_letters(&self, after: u64, limit: usize, lane: Option<LaneId>) -> Result<Vec<DeadLetter>, Refused> {
        let letters = self.journal(|j| j.dead_letters(LETTERS_MAX)).await?;
        let wanted = letters.iter().filter(|l| l.id > after && lane.is_none_or(|lane| l.lane == lane));
        Ok(wanted.take(limit).map(letter).collect())
    }

    async fn retry(&self, number: u64) -> Result<DeadLetter, Refused> {
        let taken = self.journal(move |j| j.exhume(number)).await?;
        let taken = taken.ok_or_else(|| Refused::not_found(format!("there is no dead letter {number}")))?;
        self.find(taken.lane)?.book.revive(taken.range.clone(), Instant::now());
        Ok(letter(&taken))
    }

    async fn discard(&self, number: u64) -> Result<DeadLetter, Refused> {
        let taken = self.journal(move |j| j.exhume(number)).await?;
        let taken = taken.ok_or_else(|| Refused::not_found(format!("there is no dead letter {number}")))?;
        Ok(letter(&taken))
    }

    async fn drain(&self) -> Result<DrainResponse, Refused> {
        Ok(DrainResponse { under_way: self.drain.begin(&self.built), limit: Some(duration(DRAIN_MAX)) })
    }

    async fn reload(&self, validate_only: bool) -> Result<ReloadResponse, Refused> {
        self.reloader.reload(validate_only).await
    }
}

impl Daemon {
    async fn set_paused(&self, lane: LaneId, paused: bool) -> Result<Lane, Refused> {
        let found = self.find(lane)?;
        let list = self.paused.clone();
        tokio::task::spawn_blocking(move || list.set(lane, paused))
            .await
            .map_err(|e| Refused::new(What::Internal, "STORE", e.to_string()))??;
        found.run.paused.send_replace(paused);
        let mut state = found.run.state.subscribe();
        let reached = state.wait_for(|s| (*s == State::Paused) == paused);
        let _ = tokio::time::timeout(Duration::from_secs(5), reached).await; // shown as it is then
        Ok(self.show_lane(found))
    }

    fn local_client(&self, lane: &BuiltLane, trusted: &TrustedState) -> ClientState {
        let expires = lane.source.verifier.expires_at(trusted);
        let expired = expires <= self.clock.now();
        let state = if expired { wire::client_state::State::Expired } else { wire::client_state::State::Active };
        ClientState {
            state: state.into(),
            height: trusted.height,
            time: Some(timestamp(trusted.time)),
            signers: String::new(),
            frozen_height: 0,
            trusting_period: Some(duration(Duration::from_secs(expires.saturating_sub(trusted.time)))),
            expire_time: Some(timestamp(expires)),
        }
    }

    fn contract_client(&self, contract: &crate::lane::types::ContractClient) -> ClientState {
        let expires = contract.time.saturating_add(contract.trusting_period);
        let state = match (contract.frozen, expires <= self.clock.now()) {
            (true, _) => wire::client_state::State::Frozen,
            (false, true) => wire::client_state::State::Expired,
            (false, false) => wire::client_state::State::Active,
        };
        ClientState {
            state: state.into(),
            height: contract.height,
            time: Some(timestamp(contract.time)),
            signers: contract.signers.to_string(),
            frozen_height: 0,
            trusting_period: Some(duration(Duration::from_secs(contract.trusting_period))),
            expire_time: Some(timestamp(expires)),
        }
    }
}
