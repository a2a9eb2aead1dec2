//! A sealed block with its transactions and receipts.

use std::sync::Arc;

use alloy::{
    consensus::{Header, Transaction as _},
    primitives::{Address, B256, Bloom, BloomInput, Log},
};
use alloy_rlp::{Encodable, Header as RlpHeader};
use alloy_trie::root::{ordered_trie_root_encoded, ordered_trie_root_with_encoder};

use crate::{consensus::Extra, transaction::Transaction};

/// What became of a transaction.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) tx_type: u8,
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) cumulative_gas_used: u64,
    pub(crate) effective_gas_price: u128,
    pub(crate) contract: Option<Address>,
    pub(crate) logs: Vec<Log>,
    /// Position in the block of the first log.
    pub(crate) first_log: usize,
}

impl Receipt {
    pub(crate) fn bloom(&self) -> Bloom {
        bloom(&self.logs)
    }

    /// EIP-2718 encoding, as the receipts trie holds it.
    fn encode_2718(&self, bloom: &Bloom, out: &mut Vec<u8>) {
        if self.tx_type != 0 {
            out.push(self.tx_type);
        }
        let payload_length =
            self.success.length() + self.cumulative_gas_used.length() + bloom.length() + self.logs.length();
        RlpHeader { list: true, payload_length }.encode(out);
        self.success.encode(out);
        self.cumulative_gas_used.encode(out);
        bloom.encode(out);
        self.logs.encode(out);
    }
}

fn bloom(logs: &[Log]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue(BloomInput::Raw(log.address.as_slice()));
        for topic in log.topics() {
            bloom.accrue(BloomInput::Raw(topic.as_slice()));
        }
    }
    bloom
}

/// A block as the chain holds it; immutable.
#[derive(Debug)]
pub(crate) struct Block {
    /// With whole extra data, seals included.
    pub(crate) header: Header,
    /// What the header's extra data says.
    pub(crate) extra: Extra,
    /// The block hash by the consensus' rules, not the hash of `header` as it stands.
    pub(crate) hash: B256,
    pub(crate) transactions: Vec<Arc<Transaction>>,
    pub(crate) receipts: Vec<Receipt>,
    /// Who proposed it (IBFT 1 headers do not say).
    pub(crate) proposer: Option<Address>,
    /// Who sealed it, in the order of the seals.
    pub(crate) committers: Vec<Address>,
}

impl Block {
    /// The header as RLP, seals included.
    pub(crate) fn header_rlp(&self) -> Vec<u8> {
        alloy_rlp::encode(&self.header)
    }

    /// The whole block as RLP under a header (a lying node shows another one): header, transactions, ommers.
    pub(crate) fn rlp_with(&self, header: &Header) -> Vec<u8> {
        let mut transactions = Vec::new();
        for transaction in &self.transactions {
            if transaction.envelope.is_legacy() {
                transactions.extend_from_slice(&transaction.raw);
            } else {
                transaction.raw.encode(&mut transactions);
            }
        }
        let list = |payload: &[u8]| {
            let mut out = Vec::with_capacity(payload.len() + 9);
            RlpHeader { list: true, payload_length: payload.len() }.encode(&mut out);
            out.extend_from_slice(payload);
            out
        };
        let mut payload = alloy_rlp::encode(header);
        payload.extend(list(&transactions));
        payload.extend(list(&[]));
        list(&payload)
    }

    /// Length of the block as RLP.
    pub(crate) fn size(&self) -> usize {
        let transactions: usize = self
            .transactions
            .iter()
            .map(
                |transaction| {
                    if transaction.envelope.is_legacy() { transaction.raw.len() } else { transaction.raw.length() }
                },
            )
            .sum();
        let with_header = |payload: usize| payload + alloy_rlp::length_of_length(payload);
        with_header(self.header.length() + with_header(transactions) + with_header(0))
    }

    /// Position and transaction by hash.
    pub(crate) fn transaction(&self, index: usize) -> Option<(&Arc<Transaction>, &Receipt)> {
        Some((self.transactions.get(index)?, self.receipts.get(index)?))
    }
}

/// The transactions root.
pub(crate) fn transactions_root(transactions: &[Arc<Transaction>]) -> B256 {
    let raw: Vec<&[u8]> = transactions.iter().map(|transaction| transaction.raw.as_ref()).collect();
    ordered_trie_root_encoded(&raw)
}

/// The receipts root and the block's bloom.
pub(crate) fn receipts_root(receipts: &[Receipt]) -> (B256, Bloom) {
    let with_bloom: Vec<(&Receipt, Bloom)> = receipts.iter().map(|receipt| (receipt, receipt.bloom())).collect();
    let mut all = Bloom::ZERO;
    for (_, bloom) in &with_bloom {
        all.accrue_bloom(bloom);
    }
    let root = ordered_trie_root_with_encoder(&with_bloom, |(receipt, bloom), out| {
        receipt.encode_2718(bloom, out);
    });
    (root, all)
}

/// The price a transaction paid per unit of gas.
pub(crate) fn effective_gas_price(transaction: &Transaction, base_fee: Option<u64>) -> u128 {
    transaction.envelope.effective_gas_price(base_fee)
}
