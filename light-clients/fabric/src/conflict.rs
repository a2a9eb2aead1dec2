//! Evidence that orderers signed two blocks that can not both be.

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_crypto::p256::VerifyP256;

use crate::{
    Freeze, Params, Refusal, TrustedState, Update,
    verify::{Base, judge},
};

/// Two final headers on incompatible chains (INV-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// The lowest height at which the chains differ.
    pub height: u64,
    /// The hashes that they have there.
    pub hashes: (B256, B256),
    /// Height and hash of the last block that is common to both.
    pub common: (u64, B256),
}

impl Misbehaviour {
    /// The freeze that this evidence calls for at time `now`: at the last height proven common.
    pub const fn freeze(&self, now: u64) -> Freeze {
        Freeze { at: self.common.0, since: now }
    }
}

/// Hashes of consecutive headers, from the trusted block's parent or the trusted block on.
struct Chain {
    base: Base,
    hashes: Vec<B256>,
}

impl Chain {
    fn at(&self, number: u64) -> Option<B256> {
        if number == self.base.number {
            return Some(self.base.hash);
        }
        let place = number.checked_sub(self.base.number)?.checked_sub(1)?;
        self.hashes.get(usize::try_from(place).ok()?).copied()
    }
}

/// Whether two updates, each acceptable from `trusted`, are evidence of misbehaviour: with each other, or one of them
/// with the trusted block itself. An update may also stand on the trusted block's parent (the same rules hold for it,
/// unless the trusted block changed the configuration), so that a second block of the trusted height is evidence.
///
/// The same block under other signatures is none: its hash is the same. An ancestor and its descendant are none.
///
/// # Errors
/// The first refusal among the two: a header that the client would not accept is no evidence, and neither is one
/// judged from an expired or frozen state.
pub fn conflict_with<V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    a: &[u8],
    b: &[u8],
    now: u64,
) -> Result<Option<Misbehaviour>, Refusal> {
    let own = Chain { base: parent(trusted).unwrap_or(Base::of(trusted)), hashes: alloc::vec![trusted.block_hash] };
    let own = if own.base.number == trusted.height { Chain { base: own.base, hashes: Vec::new() } } else { own };
    let a = chain::<V>(params, trusted, a, now)?;
    let b = chain::<V>(params, trusted, b, now)?;
    Ok(difference(&a, &b).or_else(|| difference(&own, &a)).or_else(|| difference(&own, &b)))
}

/// The trusted block's parent, as a base for a run that the configuration in force can judge.
fn parent(trusted: &TrustedState) -> Option<Base> {
    let number = trusted.height.checked_sub(1)?;
    (trusted.config_height < trusted.height).then_some(Base { number, hash: trusted.parent_hash })
}

fn chain<V: VerifyP256>(params: &Params, trusted: &TrustedState, update: &[u8], now: u64) -> Result<Chain, Refusal> {
    let first = Update::decode(update)?.first_number();
    let base = match parent(trusted) {
        Some(parent) if first == Some(trusted.height) => parent,
        _ => Base::of(trusted),
    };
    let hashes = judge::<V>(params, trusted, base, update, now)?.hashes;
    Ok(Chain { base, hashes })
}

/// Where two chains part. One that begins at the trusted block has the trusted block's hash there, so both are
/// compared from the higher of their bases on; below it they are the same chain.
fn difference(a: &Chain, b: &Chain) -> Option<Misbehaviour> {
    let start = a.base.number.max(b.base.number);
    let lower = if a.base.number < b.base.number { a.base } else { b.base };
    let mut common = (lower.number, lower.hash);
    for number in start.. {
        let (Some(ours), Some(theirs)) = (a.at(number), b.at(number)) else { return None };
        if ours != theirs {
            return Some(Misbehaviour { height: number, hashes: (ours, theirs), common });
        }
        common = (number, ours);
    }
    None
}
