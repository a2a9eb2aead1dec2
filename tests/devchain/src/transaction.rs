//! A transaction as it came in: decoded, its sender recovered.

use std::sync::Arc;

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::eip2718::{Decodable2718, Eip2718Error},
    primitives::{Address, B256, Bytes, U256},
};
use revm::context::{TxEnv, either::Either};
use secp256k1::{
    Message,
    ecdsa::{RecoverableSignature, RecoveryId},
};

use crate::config::Spec;

/// Bytes of a raw transaction; geth's limit.
const RAW_BYTES_MAX: usize = 128 * 1024;

/// A transaction with what is needed of it again and again. Shared by mempool, block and answers.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) envelope: TxEnvelope,
    pub(crate) raw: Bytes,
    pub(crate) sender: Address,
}

/// Why raw bytes are no transaction of this chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("oversized data")]
    TooLarge,
    #[error("rlp: {0}")]
    Rlp(String),
    #[error("transaction type not supported")]
    Type,
    #[error("invalid sender")]
    Sender,
    #[error("invalid chain id for signer: have {have} want {want}")]
    ChainId { have: u64, want: u64 },
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
}

impl Transaction {
    /// Decodes and recovers; everything that needs no state is checked here.
    pub(crate) fn decode(raw: Bytes, chain_id: u64, spec: Spec) -> Result<Arc<Self>, Malformed> {
        if raw.len() > RAW_BYTES_MAX {
            return Err(Malformed::TooLarge);
        }
        let envelope = TxEnvelope::decode_2718_exact(&raw).map_err(|error| match error {
            Eip2718Error::UnexpectedType(_) => Malformed::Type,
            other => Malformed::Rlp(other.to_string()),
        })?;
        let supported = match envelope {
            TxEnvelope::Legacy(_) | TxEnvelope::Eip2930(_) => true,
            TxEnvelope::Eip1559(_) | TxEnvelope::Eip7702(_) => spec.has_base_fee(),
            TxEnvelope::Eip4844(_) => false,
        };
        if !supported {
            return Err(Malformed::Type);
        }
        match envelope.chain_id() {
            None => return Err(Malformed::Unprotected),
            Some(have) if have != chain_id => {
                return Err(Malformed::ChainId { have, want: chain_id });
            }
            Some(_) => {}
        }
        let sender = recover(&envelope).ok_or(Malformed::Sender)?;
        Ok(Arc::new(Self { envelope, raw, sender }))
    }

    pub(crate) fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    /// What the sender may have to pay, `None` on overflow.
    pub(crate) fn cost_max(&self) -> Option<U256> {
        U256::from(self.envelope.gas_limit())
            .checked_mul(U256::from(self.envelope.max_fee_per_gas()))?
            .checked_add(self.envelope.value())
    }

    /// The transaction as revm takes it.
    pub(crate) fn env(&self) -> TxEnv {
        let authorizations = match &self.envelope {
            TxEnvelope::Eip7702(signed) => signed.tx().authorization_list.clone(),
            _ => Vec::new(),
        };
        TxEnv {
            tx_type: self.envelope.tx_type() as u8,
            caller: self.sender,
            gas_limit: self.envelope.gas_limit(),
            gas_price: self.envelope.max_fee_per_gas(),
            kind: self.envelope.kind(),
            value: self.envelope.value(),
            data: self.envelope.input().clone(),
            nonce: self.envelope.nonce(),
            chain_id: self.envelope.chain_id(),
            access_list: self.envelope.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: self.envelope.max_priority_fee_per_gas(),
            authorization_list: authorizations.into_iter().map(Either::Left).collect(),
            ..TxEnv::default()
        }
    }
}

/// The signer of a transaction; EIP-2 refuses a high s.
fn recover(envelope: &TxEnvelope) -> Option<Address> {
    let signature = envelope.signature();
    if signature.normalize_s().is_some() {
        return None;
    }
    let bytes = signature.as_rsy();
    let recovery = if signature.v() { RecoveryId::One } else { RecoveryId::Zero };
    let signature = RecoverableSignature::from_compact(bytes.get(..64)?, recovery).ok()?;
    let digest = Message::from_digest(envelope.signature_hash().0);
    let key = secp256k1::global::SECP256K1.recover_ecdsa(digest, &signature).ok()?.serialize_uncompressed();
    Some(Address::from_raw_public_key(key.get(1..)?))
}
