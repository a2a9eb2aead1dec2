//! What the two ends of a lane agree on before the first header.

use crate::HeaderFormat;

/// How a justification has to show that its votes stand above its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AncestryRule {
    /// Every vote does, and no header is left over: what Parity's own bridge asks, and what nodes write.
    Complete,
    /// A vote that does not show it has no weight; headers may be left over. Votes that are not shown still have to be
    /// signed, by members of the set. For chains whose justifications are trimmed by those who relay them.
    Weight,
}

/// Where a change of GRANDPA's authorities may be read, beside the digest of the header that announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthoritySource {
    /// Nowhere else.
    Digest,
    /// In the storage of the pallet `Grandpa`: `Authorities`, `CurrentSetId`, and no `PendingChange` (polkadot-sdk since
    /// 2024).
    Pallet,
    /// Under the well-known key `:grandpa_authorities` (a version byte, then the list), with the pallet's `CurrentSetId`
    /// and no `PendingChange`.
    WellKnownKey,
}

/// The client's parameters. Both ends compare them in `Hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// What stands in the chain's headers.
    pub header: HeaderFormat,
    /// How votes have to show their ancestry.
    pub ancestry: AncestryRule,
    /// Where changes of authorities may be read.
    pub authorities: AuthoritySource,
    /// Seconds for which a trusted state vouches for others: below the chain's unbonding period, while a validator can
    /// still be punished for what it signed.
    pub trusting_period: u64,
    /// Seconds that a header may be ahead of the verifier's clock.
    pub drift: u64,
    /// Seconds after a freeze from which the last common block may be read.
    pub freeze_delay: u64,
}
