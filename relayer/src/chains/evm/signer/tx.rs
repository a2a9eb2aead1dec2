//! Transactions: made, signed, and read back from what the journal kept.

use super::{fees::Price, key::Key};
use crate::lane::error::{Error, Kind, Result};
use alloy::{
    consensus::{SignableTransaction, Transaction, TxEip1559, TxEnvelope, TxLegacy},
    eips::eip2718::{Decodable2718, Encodable2718},
    primitives::{Address, B256, Bytes, TxKind, U256},
};

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Contract called, or `Create`.
    pub to: TxKind,
    /// Calldata or init code.
    pub data: Bytes,
    /// Gas limit.
    pub gas: u64,
}

impl Call {
    /// A call of `to`.
    pub fn new(to: Address, data: Bytes, gas: u64) -> Self {
        Self { to: TxKind::Call(to), data, gas }
    }
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Hash.
    pub hash: B256,
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// What it pays.
    pub price: Price,
}

/// Signs `call`.
///
/// # Errors
/// None that is known.
pub fn sign(key: &Key, chain_id: u64, nonce: u64, call: &Call, price: Price) -> Result<Sent> {
    let envelope: TxEnvelope = match price {
        Price::Legacy { gas_price } => {
            let tx = TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price,
                gas_limit: call.gas,
                to: call.to,
                value: U256::ZERO,
                input: call.data.clone(),
            };
            let signature = key.sign(&tx.signature_hash())?;
            tx.into_signed(signature).into()
        }
        Price::Dynamic { max_fee, tip } => {
            let tx = TxEip1559 {
                chain_id,
                nonce,
                gas_limit: call.gas,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to: call.to,
                value: U256::ZERO,
                access_list: Default::default(),
                input: call.data.clone(),
            };
            let signature = key.sign(&tx.signature_hash())?;
            tx.into_signed(signature).into()
        }
    };
    Ok(Sent { hash: *envelope.tx_hash(), raw: envelope.encoded_2718().into(), price })
}

/// Reads a transaction back.
///
/// # Errors
/// `Store`: the journal holds something else.
pub fn read(hash: B256, raw: &Bytes) -> Result<(Call, Sent)> {
    let broken = || Error::stop_lane(Kind::Store, "an intent in the journal holds no transaction");
    let envelope = TxEnvelope::decode_2718(&mut raw.as_ref()).map_err(|_| broken())?;
    if *envelope.tx_hash() != hash {
        return Err(broken());
    }
    let price = match &envelope {
        TxEnvelope::Legacy(tx) => Price::Legacy { gas_price: tx.tx().gas_price },
        TxEnvelope::Eip1559(tx) => {
            Price::Dynamic { max_fee: tx.tx().max_fee_per_gas, tip: tx.tx().max_priority_fee_per_gas }
        }
        _ => return Err(broken()),
    };
    let call = Call { to: envelope.kind(), data: envelope.input().clone(), gas: envelope.gas_limit() };
    Ok((call, Sent { hash, raw: raw.clone(), price }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::address;

    #[test]
    fn what_is_signed_is_read_back() {
        let key = Key::parse("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318").unwrap();
        let call = Call::new(address!("00000000000000000000000000000000000000aa"), vec![1, 2, 3].into(), 90_000);
        for price in [Price::Legacy { gas_price: 0 }, Price::Dynamic { max_fee: 9, tip: 1 }] {
            let sent = sign(&key, 1337, 7, &call, price).unwrap();
            let (read_call, read_sent) = read(sent.hash, &sent.raw).unwrap();
            assert_eq!((&read_call, &read_sent), (&call, &sent));
            let envelope = TxEnvelope::decode_2718(&mut sent.raw.as_ref()).unwrap();
            assert_eq!((envelope.chain_id(), envelope.nonce()), (Some(1337), 7));
            assert!(read(B256::ZERO, &sent.raw).is_err());
        }
        assert!(read(B256::ZERO, &Bytes::from_static(b"junk")).is_err());
    }
}
