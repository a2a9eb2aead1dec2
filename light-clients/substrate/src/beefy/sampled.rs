//! Snowbridge's sampled form: a relayer claims by a bitfield that a quorum signed, a seed that nobody could foresee draws
//! some of them, and only those signatures are shown. For contracts to which hundreds of signatures are too dear.
//!
//! It is a bet, not a proof: who claims signatures that do not exist is caught with a probability that grows with the
//! sample. It holds only if the seed was fixed *after* the claim; the caller vouches for that. `verify` of this crate never
//! uses it. Source: Snowfork/snowbridge `contracts/src/BeefyClient.sol`, `utils/Bitfield.sol`.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256, keccak256};
use causeway_crypto::Recover;

use super::{Commitment, SIGNATURE_BYTES, member_root, signed::check};
use crate::{BeefySet, CommitmentFault, Refusal, set::MAX_AUTHORITIES};

/// A claim of who signed: bit i of word i / 256, as Solidity's `uint256[]`.
#[derive(Clone, Copy, Debug)]
pub struct Bitfield<'a>(pub &'a [U256]);

impl Bitfield<'_> {
    /// Whether a validator's bit is set.
    pub fn is_set(&self, index: u64) -> bool {
        let word = usize::try_from(index / 256).ok().and_then(|word| self.0.get(word));
        word.is_some_and(|word| word.bit((index % 256) as usize))
    }

    /// Bits set.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| word.count_ones() as u64).sum()
    }
}

/// One signature of the sample.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The validator's place in the set.
    pub index: u32,
    /// Its address.
    pub address: Address,
    /// r, s, recovery id (0 or 1).
    pub signature: [u8; SIGNATURE_BYTES],
    /// Path of the address under the set's root.
    pub path: &'a [B256],
}

/// Draws `count` validators of those claimed: `keccak256(seed ‖ i) mod len` for i = 0, 1, …, leaving out who did not sign
/// and who was drawn. Places in the order in which they are drawn; fewer if the claim holds fewer.
pub fn draw(claim: &Bitfield<'_>, seed: U256, count: u64, len: u32) -> Vec<u64> {
    let available = (0..u64::from(len)).filter(|index| claim.is_set(*index)).count() as u64;
    let mut drawn: Vec<u64> = Vec::new();
    let Some(modulus) = core::num::NonZeroU32::new(len) else { return drawn };
    let mut turn = 0u64;
    while (drawn.len() as u64) < count.min(available) {
        let mut message = [0; 64];
        let words = [seed.to_be_bytes::<32>(), U256::from(turn).to_be_bytes::<32>()];
        message.iter_mut().zip(words.iter().flatten()).for_each(|(place, byte)| *place = *byte);
        let index = (U256::from_be_bytes(keccak256(message).0) % U256::from(modulus.get())).to::<u64>();
        if claim.is_set(index) && !drawn.contains(&index) {
            drawn.push(index);
        }
        turn += 1;
    }
    drawn
}

/// Judges a sampled commitment: a quorum is claimed, and each drawn validator signed.
///
/// # Errors
/// The first rule broken.
pub fn verify_sampled<'a, R: Recover>(
    set: &BeefySet,
    commitment: &'a [u8],
    claim: &Bitfield<'_>,
    (seed, count): (U256, u64),
    sample: &[Signed<'_>],
) -> Result<Commitment<'a>, Refusal> {
    let commitment = Commitment::read(commitment)?;
    if commitment.set_id != set.id {
        return Err(Refusal::NotTheSetInForce { expected: set.id, found: commitment.set_id });
    }
    if set.len as usize > MAX_AUTHORITIES || claim.0.len() as u64 != u64::from(set.len).div_ceil(256) {
        return Err(CommitmentFault::Bitfield.into());
    }
    let claimed = (0..u64::from(set.len)).filter(|index| claim.is_set(*index)).count() as u64;
    if claimed != claim.count() {
        return Err(CommitmentFault::Bitfield.into());
    }
    let needed = set.threshold();
    if claimed < needed {
        return Err(Refusal::NotEnoughTrust { needed, found: claimed, of: set.len.into() });
    }
    let needed = count.min(claimed);
    if sample.len() as u64 != needed || needed == 0 {
        return Err(Refusal::Sample { needed: needed.max(1), found: sample.len() as u64 });
    }
    let mut drawn = draw(claim, seed, count, set.len);
    let digest = commitment.digest();
    let context = R::Context::default();
    for signed in sample {
        let place = drawn.iter().position(|index| *index == u64::from(signed.index));
        // Each may be shown once: what was shown is drawn no more.
        drawn.swap_remove(place.ok_or(Refusal::NotSampled { index: signed.index })?);
        let found = member_root(&signed.address, signed.index, set.len, signed.path)?;
        if found != set.root {
            return Err(Refusal::NotTheValidators { expected: set.root, found });
        }
        check::<R>(&context, &digest, signed.index, &signed.signature, &signed.address)?;
    }
    Ok(commitment)
}
