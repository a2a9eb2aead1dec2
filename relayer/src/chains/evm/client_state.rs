//! What a vault and a client contract hold, proven under a verified state root: which client a lane uses, where it stands,
//! whether it is frozen. A lane may be stopped for these, so no node's word is enough.

use super::{
    code_watch::Root,
    endpoint::Pool,
    proofs::{Nodes, nodes},
};
use crate::lane::error::{Error, Kind, Result};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use causeway_bft_evm::proof::{StateProofFault, account_of, word_of};
use causeway_core::LaneId;

/// A vault's state stands behind keccak256 of this; the mapping of lanes is its third slot.
const VAULT_STATE: &[u8] = b"causeway/vault/state";
/// Position of the mapping of lanes.
const LANES: u64 = 2;
/// Position of the client in a lane.
const CLIENT: u64 = 1;
/// Slots of a client contract: from the lowest bit on height, time, the flag and 20 bytes of the newest block's hash; the
/// set's hash.
const CLIENT_SLOTS: [B256; 2] = [B256::ZERO, B256::with_last_byte(1)];
/// Bits of the height.
const HEIGHT_BITS: usize = 48;
/// Bits of the time, behind the height.
const TIME_BITS: usize = 40;
/// Bit of the flag, behind the time.
const FROZEN_BIT: usize = HEIGHT_BITS + TIME_BITS;

/// A client contract's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProvenClient {
    pub(super) height: u64,
    pub(super) time: u64,
    pub(super) frozen: bool,
    pub(super) signers: B256,
}

/// Slot of the vault that holds the client of `lane`.
fn client_slot(lane: LaneId) -> B256 {
    let lanes = U256::from_be_bytes(keccak256(VAULT_STATE).0).wrapping_add(U256::from(LANES));
    let of_lane = keccak256((lane.0, B256::from(lanes)).abi_encode());
    B256::from(U256::from_be_bytes(of_lane.0).wrapping_add(U256::from(CLIENT)))
}

fn read(packed: B256, signers: B256) -> ProvenClient {
    let packed = U256::from_be_bytes(packed.0);
    let part = |from: usize, bits: usize| {
        let low = (packed >> from).as_limbs().first().copied().unwrap_or_default();
        low & ((1 << bits) - 1)
    };
    let (height, time) = (part(0, HEIGHT_BITS), part(HEIGHT_BITS, TIME_BITS));
    ProvenClient { height, time, frozen: packed.bit(FROZEN_BIT), signers }
}

/// The client contract that the vault names for `lane`.
///
/// # Errors
/// `UnknownLane`, proven; the endpoints'; `NodeLied`.
pub(super) async fn client_of(pool: &Pool, root: Root, vault: Address, lane: LaneId) -> Result<Address> {
    let [word] = words(pool, root, vault, &[client_slot(lane)]).await?;
    let client = Address::from_word(word & B256::from(U256::MAX >> 96));
    if client.is_zero() {
        let detail = format!("{}: the vault knows no lane {lane}", pool.chain());
        return Err(Error::stop_lane(Kind::UnknownLane, detail));
    }
    Ok(client)
}

/// Where a client contract stands.
///
/// # Errors
/// The endpoints'; `NodeLied`.
pub(super) async fn state_of(pool: &Pool, root: Root, client: Address) -> Result<ProvenClient> {
    let [packed, signers] = words(pool, root, client, &CLIENT_SLOTS).await?;
    Ok(read(packed, signers))
}

async fn words<const N: usize>(pool: &Pool, (height, root): Root, of: Address, slots: &[B256; N]) -> Result<[B256; N]> {
    let answer = nodes(pool, of, slots, height).await?;
    proven(&root, of, slots, &answer).map_err(|fault| {
        let detail = fault.to_string();
        // Proven absent: not there yet at that height.
        if matches!(fault, StateProofFault::NoAccount(_) | StateProofFault::RootUnknown(_)) {
            return Error::retry(Kind::NotAvailableYet, detail);
        }
        pool.lied(height, &detail);
        Error::retry(Kind::NodeLied, detail)
    })
}

fn proven<const N: usize>(
    root: &B256,
    of: Address,
    slots: &[B256; N],
    answer: &Nodes,
) -> Result<[B256; N], StateProofFault> {
    let account = account_of(root, of, &answer.account_proof)?;
    let mut found = [B256::ZERO; N];
    for ((word, slot), nodes) in found.iter_mut().zip(slots).zip(&answer.storage_proof) {
        *word = word_of(&account, slot, &nodes.proof)?;
    }
    Ok(found)
}
