//! Skipping verification: from a trusted state to a height by as few headers as trust allows (CometBFT
//! `spec/light-client/verification`, `[LCV-FUNC-MAIN.2]`).
//!
//! No fetching happens here: [`Bisection::wanted`] says which height is needed, [`Bisection::offer`] takes its update. So
//! the same driver serves an asynchronous relayer and a test.

use alloc::vec::Vec;

use thiserror::Error;

use crate::{
    Params, Refusal, TrustedState,
    signatures::Signatures,
    time::Time,
    verify::{Accepted, verify_in},
};

/// The way to a height.
#[derive(Clone, Debug)]
pub struct Bisection {
    trusted: TrustedState,
    /// Heights still to verify, the nearest last. Each is at most half as far away as the one before, so there are never
    /// more than 65.
    pending: Vec<u64>,
    verified: Vec<Accepted>,
}

/// Why the way ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BisectionFault {
    /// The update is of another height than the one wanted.
    #[error("expected an update to height {expected:?}, found {found}")]
    Height {
        /// The height wanted; none if nothing was.
        expected: Option<u64>,
        /// The height accepted.
        found: u64,
    },
    /// The update was refused, and no header between could change that.
    #[error(transparent)]
    Refused(Refusal),
}

impl Bisection {
    /// The way from a trusted state to a height.
    pub fn new(trusted: TrustedState, target: u64) -> Self {
        let pending = if target > trusted.height() { Vec::from([target]) } else { Vec::new() };
        Self { trusted, pending, verified: Vec::new() }
    }

    /// The height whose update is needed next, from [`Bisection::trusted`]; none when the target is reached.
    pub fn wanted(&self) -> Option<u64> {
        self.pending.last().copied()
    }

    /// The state reached so far.
    pub const fn trusted(&self) -> &TrustedState {
        &self.trusted
    }

    /// The headers accepted on the way, lowest first.
    pub fn verified(&self) -> &[Accepted] {
        &self.verified
    }

    /// Takes the update to the wanted height. If the validators trusted so far vouch too little for it, a height half way
    /// is wanted first, and then this one again.
    ///
    /// # Errors
    /// [`BisectionFault`]: whoever serves this update will not lead there.
    pub fn offer<S: Signatures>(
        &mut self,
        keys: &mut S::Keys,
        params: &Params,
        update: &[u8],
        now: Time,
    ) -> Result<(), BisectionFault> {
        let expected = self.wanted();
        let verified = match verify_in::<S>(keys, params, &self.trusted, update, now) {
            Ok(verified) => verified,
            Err(refusal) => return self.half_way(refusal),
        };
        let found = verified.header.height;
        if expected != Some(found) {
            return Err(BisectionFault::Height { expected, found });
        }
        self.pending.pop();
        self.trusted = verified.trusted;
        self.verified.push(verified.header);
        Ok(())
    }

    fn half_way(&mut self, refusal: Refusal) -> Result<(), BisectionFault> {
        let from = self.trusted.height();
        let half = self.wanted().and_then(|height| height.checked_sub(from)).map_or(0, |distance| distance / 2);
        if half == 0 || !refusal.intermediate_helps() {
            return Err(BisectionFault::Refused(refusal));
        }
        self.pending.push(from.saturating_add(half));
        Ok(())
    }
}
