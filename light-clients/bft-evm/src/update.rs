//! The bytes that carry a header to a verifier, in both directions.
//!
//! ```text
//! u8 flags | u16 headerLength | header | [u8 n | n × 20: the set in force] | [u32 length | proof of the next set]
//! | bytes32 signer bitmap | one 65-byte seal per set bit, ascending
//! ```
//! No set is empty, so n = 0 stands for 256.
//!
//! Flag bit 0: the set in force is present. Flag bit 1 (validator-contract mode only): a proof of the next set is.

use alloc::{vec, vec::Vec};

use alloy_primitives::{Address, U256};
use causeway_crypto::{HighS, Recover};
use thiserror::Error;

use crate::{
    MAX_HEADER_BYTES, MAX_VALIDATORS, Params, SealedHeader, TrustedState, UpdateFault, ValidatorSource,
    extra::SEAL_BYTES, quorum,
};

const PREVIOUS_SET: u8 = 1;
const NEXT_SET: u8 = 2;

/// Bytes of a proof of the next set at most: 256 elements of up to eight nodes of 532 bytes.
pub(crate) const MAX_NEXT_SET_BYTES: usize = 256 * 8 * 540;

/// Bytes of one update at most.
pub const MAX_UPDATE_BYTES: usize =
    3 + MAX_HEADER_BYTES + 1 + MAX_VALIDATORS * 20 + 4 + MAX_NEXT_SET_BYTES + 32 + 256 * SEAL_BYTES;

/// A commit seal: r ‖ s ‖ v.
pub type Seal = [u8; SEAL_BYTES];

/// An update, borrowed. Decoding checks the shape of the bytes and nothing else; [`crate::verify()`] does the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The header without commit seals.
    pub header: &'a [u8],
    /// The set in force, 20 bytes each, in its order.
    pub previous: Option<&'a [u8]>,
    /// Proof of the next set (validator-contract mode): see [`encode_next_set`].
    pub next_set: Option<&'a [u8]>,
    /// Bit i is validator i.
    pub signers: U256,
    /// 65 bytes per set bit, ascending.
    pub seals: &'a [u8],
}

impl<'a> Update<'a> {
    /// Reads an update.
    ///
    /// # Errors
    /// The bytes are not of the format; the lengths of all parts must add up exactly.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, UpdateFault> {
        bounded("update", MAX_UPDATE_BYTES, bytes.len())?;
        let mut cursor = Cursor { bytes, at: 0 };
        let [flags] = *cursor.array::<1>()?;
        if flags & !(PREVIOUS_SET | NEXT_SET) != 0 {
            return Err(UpdateFault::Flags(flags));
        }
        let header_length = usize::from(u16::from_be_bytes(*cursor.array::<2>()?));
        bounded("header", MAX_HEADER_BYTES, header_length)?;
        let header = cursor.take(header_length)?;
        let previous = if flags & PREVIOUS_SET == 0 {
            None
        } else {
            let [count] = *cursor.array::<1>()?;
            let count = if count == 0 { MAX_VALIDATORS } else { usize::from(count) };
            Some(cursor.take(count * 20)?)
        };
        let next_set = if flags & NEXT_SET == 0 {
            None
        } else {
            let length = u32::from_be_bytes(*cursor.array::<4>()?) as usize;
            bounded("proof of the next set", MAX_NEXT_SET_BYTES, length)?;
            Some(cursor.take(length)?)
        };
        let signers = U256::from_be_bytes(*cursor.array::<32>()?);
        let seals = cursor.take(signers.count_ones() * SEAL_BYTES)?;
        match bytes.len() - cursor.at {
            0 => Ok(Self { header, previous, next_set, signers, seals }),
            trailing => Err(UpdateFault::Trailing(trailing)),
        }
    }

    /// Writes the update.
    ///
    /// # Errors
    /// A part is longer than the format can say.
    pub fn encode(&self) -> Result<Vec<u8>, UpdateError> {
        let mut out = Vec::with_capacity(
            64 + self.header.len()
                + self.previous.map_or(0, <[u8]>::len)
                + self.next_set.map_or(0, <[u8]>::len)
                + self.seals.len(),
        );
        let too_long = |what| UpdateError::TooLong { what };
        out.push(
            if self.previous.is_some() { PREVIOUS_SET } else { 0 } | if self.next_set.is_some() { NEXT_SET } else { 0 },
        );
        let length = u16::try_from(self.header.len()).map_err(|_| too_long("header"))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(self.header);
        if let Some(previous) = self.previous {
            let count = match previous.len() / 20 {
                MAX_VALIDATORS => 0,
                count => u8::try_from(count).map_err(|_| too_long("set in force"))?,
            };
            out.push(count);
            out.extend_from_slice(previous);
        }
        if let Some(proof) = self.next_set {
            let length = u32::try_from(proof.len()).map_err(|_| too_long("proof of the next set"))?;
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(proof);
        }
        out.extend_from_slice(&self.signers.to_be_bytes::<32>());
        out.extend_from_slice(self.seals);
        Ok(out)
    }

    /// The signers' positions, ascending, each with its seal.
    pub fn signed(&self) -> impl Iterator<Item = (usize, &'a Seal)> + use<'a> {
        let signers = self.signers;
        let (seals, _) = self.seals.as_chunks::<SEAL_BYTES>();
        (0..256).filter(move |bit| signers.bit(*bit)).zip(seals)
    }
}

fn bounded(what: &'static str, limit: usize, found: usize) -> Result<(), UpdateFault> {
    if found > limit { Err(UpdateFault::TooLarge { what, limit, found }) } else { Ok(()) }
}

/// Reads fixed lengths from the front.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], UpdateFault> {
        let end = self.at.saturating_add(length);
        let taken =
            self.bytes.get(self.at..end).ok_or(UpdateFault::Truncated { expected: end, found: self.bytes.len() })?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], UpdateFault> {
        let found = self.bytes.len();
        let expected = self.at.saturating_add(N);
        self.take(N)?.try_into().map_err(|_| UpdateFault::Truncated { expected, found })
    }
}

/// Why no update could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UpdateError {
    /// A part is longer than the format can say.
    #[error("{what} is too long for an update")]
    TooLong {
        /// The part.
        what: &'static str,
    },
    /// The header does not carry a quorum of good seals by its validators: the node did not tell the truth.
    #[error("expected at least {needed} good seals of {of} validators, found {found}")]
    NotEnoughSeals {
        /// Seals needed.
        needed: usize,
        /// Good seals by different validators.
        found: usize,
        /// Validators.
        of: usize,
    },
}

/// Makes an update for a client in state `trusted` from a block's header with its seals.
///
/// It carries just a quorum of seals (those of the set in force first, as they earn trust), and the set in force where
/// the client needs it. Seals that are no good are left out; whether the update will be accepted is for
/// [`crate::verify()`] to say.
///
/// # Errors
/// The header does not carry a quorum of good seals.
pub fn build_update<R: Recover>(
    params: &Params,
    trusted: &TrustedState,
    header: &SealedHeader<'_>,
    next_set: Option<&[u8]>,
) -> Result<Vec<u8>, UpdateError> {
    let in_force = trusted.validators();
    let contract_mode = params.validators != ValidatorSource::Header;
    let listed: Vec<Address> =
        if contract_mode { in_force.as_slice().to_vec() } else { header.extra().validators().collect() };
    let mut chosen: Vec<Option<&Seal>> = vec![None; listed.len()];
    let digest = header.commit_digest();
    let context = R::Context::default();
    for seal in header.extra().seals() {
        let Some((r_s, [v])) = seal.split_first_chunk::<64>() else { continue };
        let Ok(signer) = R::recover_in(&context, &digest, r_s, *v, HighS::Refuse) else { continue };
        if let Some(place) = listed.iter().position(|v| *v == signer).and_then(|at| chosen.get_mut(at)) {
            *place = Some(seal);
        }
    }
    let same_set = contract_mode || listed == in_force.as_slice();
    drop_needless(&mut chosen, &listed, if same_set { &[] } else { in_force.as_slice() })?;
    let previous: Vec<u8> = in_force.as_slice().iter().flat_map(|v| v.0.0).collect();
    let (signers, seals) = pack(&chosen);
    let header = header.seal_less();
    let previous = (!same_set || contract_mode).then_some(previous.as_slice());
    Update { header: &header, previous, next_set, signers, seals: &seals }.encode()
}

/// Keeps a quorum; members of the set in force are the last to be dropped.
fn drop_needless(chosen: &mut [Option<&Seal>], listed: &[Address], in_force: &[Address]) -> Result<(), UpdateError> {
    let needed = quorum(listed.len());
    let found = chosen.iter().flatten().count();
    let mut surplus =
        found.checked_sub(needed).ok_or(UpdateError::NotEnoughSeals { needed, found, of: listed.len() })?;
    for members in [false, true] {
        for (place, validator) in chosen.iter_mut().zip(listed).rev() {
            if surplus > 0 && place.is_some() && in_force.contains(validator) == members {
                *place = None;
                surplus -= 1;
            }
        }
    }
    Ok(())
}

fn pack(chosen: &[Option<&Seal>]) -> (U256, Vec<u8>) {
    let mut signers = U256::ZERO;
    let mut seals = Vec::new();
    for (bit, seal) in chosen.iter().enumerate() {
        if let Some(seal) = seal {
            signers.set_bit(bit, true);
            seals.extend_from_slice(*seal);
        }
    }
    (signers, seals)
}

/// Writes the proof of a validator contract's `address[]` from the nodes that `eth_getProof` serves for the slot of
/// its length and for each element in turn:
///
/// ```text
/// u8 nAccountNodes | (u16 length | node)… | per slot, the length's first: u8 nNodes | (u16 length | node)…
/// ```
///
/// # Errors
/// A part is longer than the format can say.
pub fn encode_next_set<N: AsRef<[u8]>, L: AsRef<[N]>>(
    account_nodes: &[N],
    slots: &[L],
) -> Result<Vec<u8>, UpdateError> {
    let mut out = Vec::new();
    crate::proof::put_nodes(&mut out, account_nodes)?;
    for nodes in slots {
        crate::proof::put_nodes(&mut out, nodes.as_ref())?;
    }
    bounded("", MAX_NEXT_SET_BYTES, out.len()).map_err(|_| UpdateError::TooLong { what: "proof of the next set" })?;
    Ok(out)
}
