//! The light client as a lane's port: thin over `causeway-bft-evm`.
//!
//! Beside the verdicts it keeps three small things. The newest height that it accepted, for the signer: a block at or
//! below it is final. The hashes of the headers that it accepted last: two of one height freeze the chain (INV-8). And
//! how to bring a client contract up that stands at a validator set from before this process ([`catch_up`]).

use super::{catch_up::CatchUp, config::EvmChain, config::Mode};
use crate::lane::{
    error::{Error, Kind, Result},
    ports::Verifier,
    types::{Account, Conflict, ContractClient, StateProof, TrustedState, Update},
};
use alloy::primitives::{Address, B256, U256};
use bytes::Bytes;
use causeway_bft_evm::{
    self as bft, Over, Params, Refusal, SealLess, ValidatorSet, ValidatorSource,
    proof::{StateProofFault, delivered_words, outbox_peaks, outbox_size},
    set_hash,
};
use causeway_core::LaneId;
use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};
use tokio::sync::watch;

/// Accepted headers whose hashes are remembered. At one block a second: more than an hour in which a second block of
/// the same height is noticed without anybody's evidence.
const REMEMBERED: usize = 4_096;
/// Bytes of updates that are kept as evidence: a thousand headers of a chain with 64 validators.
const REMEMBERED_BYTES: usize = 8 << 20;

/// Parameters of the light client of `chain`.
pub fn params(chain: &EvmChain) -> Params {
    Params {
        mode: match chain.mode {
            Mode::Qbft => bft::Mode::Qbft,
            Mode::Ibft2 => bft::Mode::Ibft2,
            Mode::Ibft1 => bft::Mode::Ibft1,
        },
        validators: ValidatorSource::Header,
        trusting_period: chain.trusting_period.as_secs(),
        drift: chain.clock_drift.as_secs(),
        trust_threshold: chain.trust_threshold.0,
        freeze_delay: chain.freeze_delay.as_secs(),
    }
}

/// See the module.
pub struct EvmVerifier {
    params: Params,
    verified: watch::Sender<u64>,
    roots: watch::Sender<Option<(u64, B256)>>,
    accepted: Mutex<Accepted>,
    conflict: OnceLock<Conflict>,
    catch_up: CatchUp,
}

impl EvmVerifier {
    /// A verifier with `params`.
    pub fn new(params: Params, catch_up: CatchUp) -> Self {
        Self {
            params,
            verified: watch::channel(0).0,
            roots: watch::channel(None).0,
            accepted: Mutex::default(),
            conflict: OnceLock::new(),
            catch_up,
        }
    }

    /// Follows the newest height that was accepted.
    pub fn verified(&self) -> watch::Receiver<u64> {
        self.verified.subscribe()
    }

    /// Follows the state root of the newest header that was accepted, with its height.
    pub fn roots(&self) -> watch::Receiver<Option<(u64, B256)>> {
        self.roots.subscribe()
    }

    /// Whether enough signers of `update` are of `in_force` for a contract that holds that set.
    fn believes(&self, in_force: &ValidatorSet, update: &bft::Update<'_>, listed: &[Address]) -> bool {
        let signers = update.signed().filter_map(|(bit, _)| listed.get(bit));
        let members = signers.filter(|validator| in_force.as_slice().contains(validator));
        self.params.trust_threshold.met_by(members.count(), in_force.len())
    }

    fn moved(&self, height: u64, state_root: B256) {
        let newer = self.verified.send_if_modified(|newest| raise(newest, height));
        if newer {
            self.roots.send_replace(Some((height, state_root)));
        }
    }

    /// Refuses a second block of a height that was accepted before, keeps the evidence, and remembers this one.
    fn compare(&self, height: u64, hash: B256, update: &Bytes) -> Result<()> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((first, evidence)) = accepted.remember(height, hash, update) else { return Ok(()) };
        drop(accepted);
        let detail = format!("two final blocks of height {height}: {first} and {hash}");
        let conflict = Conflict { height, a: evidence, b: update.clone(), detail: detail.clone() };
        let _ = self.conflict.set(conflict); // the first one counts
        Err(Error::stop_lane(Kind::ClientFrozen, detail))
    }
}

/// Headers that were accepted last: hash, and the update while there is room.
#[derive(Default)]
struct Accepted {
    by_height: BTreeMap<u64, (B256, Bytes)>,
    bytes: usize,
}

impl Accepted {
    /// Remembers a header; gives the other one of that height if there is one.
    fn remember(&mut self, height: u64, hash: B256, update: &Bytes) -> Option<(B256, Bytes)> {
        match self.by_height.get(&height) {
            Some((first, _)) if *first == hash => return None,
            Some(other) => return Some(other.clone()),
            None => {}
        }
        self.bytes += update.len();
        self.by_height.insert(height, (hash, update.clone()));
        if self.by_height.len() > REMEMBERED
            && let Some((_, (_, update))) = self.by_height.pop_first()
        {
            self.bytes -= update.len();
        }
        if self.bytes > REMEMBERED_BYTES {
            // The older half keeps its hashes alone.
            let half = self.by_height.len() / 2;
            for (_, update) in self.by_height.values_mut().take(half.max(1)) {
                self.bytes -= std::mem::take(update).len();
            }
        }
        None
    }
}

impl Verifier for EvmVerifier {
    fn start(&self, pinned: B256, header: &Update, now: u64) -> Result<TrustedState> {
        let state = bft::TrustedState::begin(&self.params, &pinned, &header.bytes, None, now).map_err(refused)?;
        // The pinned header comes as a block, not as an update: it is no evidence.
        self.compare(state.height(), state.block_hash(), &Bytes::new())?;
        self.moved(state.height(), state.state_root());
        Ok(trusted(&state))
    }

    fn verify(&self, at: &TrustedState, update: &Update, now: u64) -> Result<TrustedState> {
        let verified = bft::verify(&self.params, &state(at)?, &update.bytes, now).map_err(refused)?;
        let header = verified.header;
        self.compare(header.height, header.block_hash, &update.bytes)?;
        if header.height == at.height && header.block_hash != at.header_hash {
            let detail =
                format!("two final blocks of height {}: {} and {}", at.height, at.header_hash, header.block_hash);
            return Err(Error::stop_lane(Kind::ClientFrozen, detail));
        }
        self.moved(header.height, header.state_root);
        Ok(TrustedState {
            height: header.height,
            time: header.time,
            header_hash: header.block_hash,
            state_root: header.state_root,
            family: validators(verified.trusted.validators()),
        })
    }

    fn peaks(&self, at: &TrustedState, outbox: &Account, heights: &[u8], proof: &StateProof) -> Result<Vec<B256>> {
        let peaks = outbox_peaks(&at.state_root, address(outbox)?, &proof.0).map_err(unproven)?;
        if peaks.iter().map(|(height, _)| height).ne(heights) {
            let found: Vec<u8> = peaks.iter().map(|(height, _)| *height).collect();
            return Err(Error::retry(Kind::Refused, format!("expected peaks {heights:?}, the proof holds {found:?}")));
        }
        Ok(peaks.into_iter().map(|(_, root)| root).collect())
    }

    fn size(&self, at: &TrustedState, outbox: &Account, proof: &StateProof) -> Result<u64> {
        outbox_size(&at.state_root, address(outbox)?, &proof.0).map_err(unproven)
    }

    fn delivered(
        &self,
        at: &TrustedState,
        vault: &Account,
        lane: LaneId,
        words: &[u64],
        proof: &StateProof,
    ) -> Result<Vec<U256>> {
        delivered_words(&at.state_root, address(vault)?, &lane.0, words, &proof.0).map_err(unproven)
    }

    fn conflict(&self) -> Option<Conflict> {
        self.conflict.get().cloned()
    }

    fn expires_at(&self, trusted: &TrustedState) -> u64 {
        trusted.time.saturating_add(self.params.trusting_period)
    }

    fn for_contract(
        &self,
        contract: &ContractClient,
        history: &[TrustedState],
        update: &Bytes,
    ) -> Result<(Vec<Bytes>, Bytes)> {
        let malformed = |e: &dyn std::fmt::Display| Error::dead_letter(Kind::Malformed, format!("update: {e}"));
        let mut parts = bft::Update::decode(update).map_err(|e| malformed(&e))?;
        let header = SealLess::read(self.params.mode, parts.header).map_err(|e| malformed(&e))?;
        let listed: Vec<Address> = header.extra().validators().collect();
        if set_hash(&listed) == contract.signers {
            parts.previous = None;
            return Ok((Vec::new(), parts.encode().map_err(|e| malformed(&e))?.into()));
        }
        let known = history.iter().rev().filter_map(|h| set(&h.family).ok()).find(|s| s.hash() == contract.signers);
        if let Some(in_force) = known.filter(|s| self.believes(s, &parts, &listed)) {
            let previous: Vec<u8> = in_force.as_slice().iter().flat_map(|v| v.0.0).collect();
            parts.previous = Some(&previous);
            return Ok((Vec::new(), parts.encode().map_err(|e| malformed(&e))?.into()));
        }
        let before = self.catch_up.path(contract, header.height(), set_hash(&listed))?;
        parts.previous = None;
        Ok((before, parts.encode().map_err(|e| malformed(&e))?.into()))
    }
}

fn raise(height: &mut u64, to: u64) -> bool {
    let higher = to > *height;
    *height = to.max(*height);
    higher
}

/// The light client's state out of a lane's.
pub(super) fn state(trusted: &TrustedState) -> Result<bft::TrustedState> {
    let set = set(&trusted.family)?;
    Ok(bft::TrustedState::new(trusted.height, trusted.time, trusted.header_hash, trusted.state_root, set))
}

/// A lane's state out of the light client's.
fn trusted(state: &bft::TrustedState) -> TrustedState {
    TrustedState {
        height: state.height(),
        time: state.time(),
        header_hash: state.block_hash(),
        state_root: state.state_root(),
        family: validators(state.validators()),
    }
}

fn validators(set: &ValidatorSet) -> Bytes {
    set.as_slice().iter().flat_map(|v| v.0.0).collect::<Vec<u8>>().into()
}

fn set(family: &Bytes) -> Result<ValidatorSet> {
    let broken = || Error::stop_lane(Kind::Store, "a stored trusted state holds no validator set");
    let (addresses, rest) = family.as_chunks::<20>();
    if !rest.is_empty() {
        return Err(broken());
    }
    ValidatorSet::new(addresses.iter().map(Address::from).collect()).map_err(|_| broken())
}

fn address(account: &Account) -> Result<Address> {
    Address::try_from(account.as_ref()).map_err(|_| {
        Error::stop_lane(Kind::InvalidConfig, format!("an EVM account has 20 bytes, found {}", account.len()))
    })
}

/// What a refusal means for whoever brought the update.
fn refused(refusal: Refusal) -> Error {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Frozen { .. } => Error::stop_lane(Kind::ClientFrozen, detail),
        Refusal::Expired { .. } => Error::stop_lane(Kind::ClientExpired, detail),
        Refusal::ChainMismatch { .. } => Error::stop_lane(Kind::ChainMismatch, detail),
        // This machine's clock may be behind: nobody lied (ATK-081).
        Refusal::HeaderFromFuture { .. } => Error::retry(Kind::NotAvailableYet, detail),
        // Somebody else's newest set is not ours yet, or no longer.
        Refusal::NotTheSetInForce { .. }
        | Refusal::OlderUnderOtherSet { .. }
        | Refusal::NotEnoughTrust { over: Over::SetInForce, .. } => Error::retry(Kind::NotAvailableYet, detail),
        _ => Error::retry(Kind::Refused, detail),
    }
}

fn unproven(fault: StateProofFault) -> Error {
    Error::retry(Kind::Refused, fault.to_string())
}
