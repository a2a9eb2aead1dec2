//! Why a key or a signature was refused.

use thiserror::Error;

/// A key or signature that no honest signer writes. None of these goes away by trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlsFault {
    /// A public key's bytes are no canonical encoding of a point of the curve.
    #[error("public key: not the canonical encoding of a point on the curve")]
    KeyEncoding,
    /// A public key's point is not in the subgroup of prime order.
    #[error("public key: not in the subgroup")]
    KeySubgroup,
    /// A public key, or the sum of several, is the point at infinity.
    #[error("public key: the point at infinity")]
    InfinityKey,
    /// A signature's bytes are no canonical encoding of a point of the curve.
    #[error("signature: not the canonical encoding of a point on the curve")]
    SignatureEncoding,
    /// A signature's point is not in the subgroup of prime order.
    #[error("signature: not in the subgroup")]
    SignatureSubgroup,
    /// The pairing equation does not hold: another key, another message, or another signature.
    #[error("the signature is not one of this key over this message")]
    WrongSignature,
    /// No key was given.
    #[error("no public keys")]
    NoKeys,
    /// No signature was given.
    #[error("no signatures")]
    NoSignatures,
    /// Not one message per key.
    #[error("{keys} public keys, {messages} messages")]
    MessageCount {
        /// Keys given.
        keys: usize,
        /// Messages given.
        messages: usize,
    },
    /// A domain separation tag beyond 255 bytes.
    #[error("domain separation tag: at most 255 bytes, found {0}")]
    Dst(usize),
    /// A secret key that is zero or not below the group order.
    #[error("secret key: zero or not below the group order")]
    SecretKey,
}
