#![no_std]
//! Signature checks of the light clients, behind one trait with two implementations.
//!
//! * [`Native`] (feature `native`): libsecp256k1, C with hand-tuned field arithmetic, for the relayer.
//! * [`Portable`] (feature `portable`): `k256`, pure Rust, for wasm and for contracts that run Rust.
//!
//! Both answer the same question, that of Ethereum's `ecrecover` precompile: which address made this recoverable
//! secp256k1 signature? Both refuse exactly the same inputs with the same [`SignatureFault`]; the vectors of this
//! crate's tests and of the conformance suite run on both.
//!
//! Nothing at this level hashes a message: callers pass the 32-byte digest that was signed.
//!
//! Other primitives have a module and features of their own: `p256` (`p256-native`, `p256-portable`), `ed25519` under the
//! rules of ZIP-215 (`ed25519`), `ecdsa` on secp256k1 against a known key (`ecdsa`), `bls` over
//! BLS12-381 (`bls-native`, `bls-portable`).

#[cfg(any(feature = "bls", feature = "native"))]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "bls")]
pub mod bls;
#[cfg(feature = "ecdsa")]
pub mod ecdsa;
#[cfg(feature = "ed25519")]
pub mod ed25519;
mod fault;
#[cfg(feature = "native")]
mod native;
#[cfg(any(feature = "p256-native", feature = "p256-portable"))]
pub mod p256;
#[cfg(feature = "portable")]
mod portable;
mod scalar;
#[cfg(feature = "sm")]
pub mod sm2;

#[cfg(all(test, feature = "native", feature = "portable"))]
mod tests;

#[cfg(any(feature = "native", feature = "portable"))]
use alloy_primitives::keccak256;
use alloy_primitives::{Address, B256};

pub use fault::SignatureFault;
#[cfg(feature = "native")]
pub use native::{Native, NativeContext};
#[cfg(feature = "portable")]
pub use portable::Portable;

/// The fastest implementation that this build holds.
#[cfg(feature = "native")]
pub type Preferred = Native;
/// The fastest implementation that this build holds.
#[cfg(all(feature = "portable", not(feature = "native")))]
pub type Preferred = Portable;

/// Whether a signature and its twin `(r, n − s)` are both taken.
///
/// Either of the two verifies; a verifier that counts signatures must take only one of them, or must count by signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HighS {
    /// `s > n / 2` is refused (EIP-2, and what every Istanbul-style node writes).
    Refuse,
    /// Both forms are taken.
    Accept,
}

/// Public-key recovery on secp256k1 (SEC 1 §4.1.6) to an Ethereum address.
pub trait Recover {
    /// What an implementation sets up once for many signatures.
    type Context: Default;

    /// The address whose key made the signature `r ‖ s` with recovery id `v` over `prehash`.
    ///
    /// # Errors
    /// As [`Recover::recover_in`].
    fn recover(prehash: &B256, r_s: &[u8; 64], v: u8, high_s: HighS) -> Result<Address, SignatureFault> {
        Self::recover_in(&Self::Context::default(), prehash, r_s, v, high_s)
    }

    /// The same in a context that is used for several signatures.
    ///
    /// # Errors
    /// Refuses a recovery id above 1 (ids 2 and 3, `r` beyond the group order, do not occur in Ethereum), `r` or `s`
    /// that is zero or ≥ n, a high `s` where asked, an `r` that is no curve point, the point at infinity, and the zero
    /// address.
    fn recover_in(
        context: &Self::Context,
        prehash: &B256,
        r_s: &[u8; 64],
        v: u8,
        high_s: HighS,
    ) -> Result<Address, SignatureFault> {
        scalar::check(r_s, v, high_s)?;
        Self::recover_checked(context, prehash, r_s, v)
    }

    /// [`Recover::recover_in`] after the checks on ranges, which are the same for every implementation.
    ///
    /// # Errors
    /// [`SignatureFault::NoSuchPoint`] where no public key answers.
    #[doc(hidden)]
    fn recover_checked(
        context: &Self::Context,
        prehash: &B256,
        r_s: &[u8; 64],
        v: u8,
    ) -> Result<Address, SignatureFault>;
}

/// The address of an uncompressed public key without its `0x04` prefix.
///
/// The zero address is refused: it is what a failed `ecrecover` gives on chain, so no signer may be known by it.
#[cfg(any(feature = "native", feature = "portable"))]
fn address_of(public_key: &[u8]) -> Result<Address, SignatureFault> {
    let address = Address::from_slice(&keccak256(public_key)[12..]);
    if address.is_zero() { Err(SignatureFault::ZeroAddress) } else { Ok(address) }
}
