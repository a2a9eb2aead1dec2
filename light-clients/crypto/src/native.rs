//! libsecp256k1.

use alloc::boxed::Box;
use alloy_primitives::{Address, B256};
use once_cell::race::OnceBox;
use secp256k1::{
    Message, Secp256k1, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId},
};

use crate::{Recover, SignatureFault, address_of};

/// Signature checks in C (libsecp256k1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

/// The library's context, made once a process: its making blinds a generator that only signing uses, and takes as long as
/// checking a signature does.
static CONTEXT: OnceBox<Secp256k1<VerifyOnly>> = OnceBox::new();

/// A verification context of the library.
#[derive(Clone, Copy, Debug)]
pub struct NativeContext(&'static Secp256k1<VerifyOnly>);

impl Default for NativeContext {
    fn default() -> Self {
        Self(context())
    }
}

/// The one context of this process.
pub(crate) fn context() -> &'static Secp256k1<VerifyOnly> {
    CONTEXT.get_or_init(|| Box::new(Secp256k1::verification_only()))
}

impl Recover for Native {
    type Context = NativeContext;

    fn recover_checked(
        context: &NativeContext,
        prehash: &B256,
        r_s: &[u8; 64],
        v: u8,
    ) -> Result<Address, SignatureFault> {
        let id = RecoveryId::try_from(i32::from(v)).map_err(|_| SignatureFault::RecoveryId { found: v })?;
        let signature = RecoverableSignature::from_compact(r_s, id).map_err(|_| SignatureFault::NoSuchPoint)?;
        let key = context
            .0
            .recover_ecdsa(Message::from_digest(prehash.0), &signature)
            .map_err(|_| SignatureFault::NoSuchPoint)?;
        address_of(&key.serialize_uncompressed()[1..])
    }
}
