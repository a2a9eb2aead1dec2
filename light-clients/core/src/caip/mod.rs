//! Chains, accounts and assets by name: CAIP-2, CAIP-10 and CAIP-19, in one canonical form.
//!
//! Hashes of these strings are part of lane ids and entries, so each name must have one spelling. Accounts and asset
//! references are lower-cased where their chain reads them without regard to case (`eip155`, `cosmos`, and bech32 forms
//! of `bip122`); there, two spellings are one account. Elsewhere (base58, for instance) case is part of the name and
//! lower-casing would merge two accounts into one, so it is kept. Chain references keep their case: CAIP-2 compares them
//! as they stand, and a Cosmos chain id may hold capitals.
//!
//! Sources: CAIP-2, CAIP-10, CAIP-19 and the `eip155` namespace's profiles of them (Chain Agnostic Standards Alliance).

mod account;
mod asset;
mod chain;
mod syntax;

pub use account::AccountId;
pub use asset::AssetId;
pub use chain::Caip2;

/// Longest CAIP-2 id: namespace 8, colon, reference 32.
pub const MAX_CHAIN: usize = 41;
/// Longest account address of CAIP-10.
pub const MAX_ADDRESS: usize = 128;
/// Longest CAIP-10 string.
pub const MAX_ACCOUNT: usize = MAX_CHAIN + 1 + MAX_ADDRESS;
/// Longest CAIP-19 string: chain, asset namespace 8, reference 128, token id 78, three separators.
pub const MAX_ASSET: usize = MAX_CHAIN + 1 + 8 + 1 + 128 + 1 + 78;

/// Why a name is refused. Names come from configuration and clients: nothing about it changes by waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaipError {
    /// Longer than the standard allows.
    #[error("{what}: {found} bytes, expected at most {max}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// Most bytes.
        max: usize,
        /// Bytes found.
        found: usize,
    },
    /// Shorter than the standard allows.
    #[error("{what}: {found} bytes, expected at least {min}")]
    TooShort {
        /// Which part.
        what: &'static str,
        /// Least bytes.
        min: usize,
        /// Bytes found.
        found: usize,
    },
    /// A character that the part may not hold.
    #[error("{what}: character not allowed at byte {at}")]
    Character {
        /// Which part.
        what: &'static str,
        /// Position within that part.
        at: usize,
    },
    /// A separator is missing.
    #[error("no {separator:?} after the {what}")]
    Separator {
        /// What comes before it.
        what: &'static str,
        /// The separator.
        separator: char,
    },
    /// A form that the chain's namespace does not have.
    #[error("{what} is not of the form that its namespace has: expected {expected}")]
    Form {
        /// Which part.
        what: &'static str,
        /// The form.
        expected: &'static str,
    },
    /// A native account form of no bytes, or of more than an address may have.
    #[error("native account of {found} bytes, expected 1 to {max}")]
    NativeLength {
        /// Most bytes.
        max: usize,
        /// Bytes found.
        found: usize,
    },
}
