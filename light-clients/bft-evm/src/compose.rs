//! Writes headers of all modes: for development chains, tests and fuzzing. Nothing that verifies uses it.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256};
use causeway_mpt::rlp;

use crate::{
    Mode, Seal, SealLess,
    extra::{MIX_HASH, SEAL_BYTES, VANITY_BYTES},
    header::NO_OMMERS,
};

/// All that a header holds beside its commit seals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderFields {
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Proposer (IBFT 1: candidate of a vote).
    pub beneficiary: Address,
    /// Root of the state after the block.
    pub state_root: B256,
    /// Root of the transactions.
    pub transactions_root: B256,
    /// Root of the receipts.
    pub receipts_root: B256,
    /// Bloom of the logs.
    pub logs_bloom: [u8; 256],
    /// Block number.
    pub height: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Unix seconds.
    pub time: u64,
    /// Nonce (IBFT 1: the vote).
    pub nonce: [u8; 8],
    /// Base fee (London and later), wei.
    pub base_fee: Option<u64>,
    /// Root of the withdrawals (Shanghai and later).
    pub withdrawals_root: Option<B256>,
    /// Blob gas used, excess blob gas and beacon root (Cancun and later).
    pub cancun: Option<(u64, u64, B256)>,
    /// Hash of the requests (Prague and later).
    pub requests_hash: Option<B256>,
    /// 32 free bytes at the head of the extra data.
    pub vanity: [u8; VANITY_BYTES],
    /// Who may seal this block.
    pub validators: Vec<Address>,
    /// Vote of QBFT and IBFT 2.0: candidate, and whether to add it.
    pub vote: Option<(Address, bool)>,
    /// Round of consensus (QBFT, IBFT 2.0).
    pub round: u32,
    /// The proposer's seal (IBFT 1; empty in a genesis block).
    pub proposer_seal: Vec<u8>,
}

impl HeaderFields {
    /// A header with empty roots and nothing optional.
    pub fn new(height: u64, time: u64, parent_hash: B256, state_root: B256, validators: Vec<Address>) -> Self {
        Self {
            parent_hash,
            beneficiary: validators.first().copied().unwrap_or_default(),
            state_root,
            transactions_root: causeway_mpt::EMPTY_ROOT,
            receipts_root: causeway_mpt::EMPTY_ROOT,
            logs_bloom: [0; 256],
            height,
            gas_limit: 30_000_000,
            gas_used: 0,
            time,
            nonce: [0; 8],
            base_fee: None,
            withdrawals_root: None,
            cancun: None,
            requests_hash: None,
            vanity: [0; VANITY_BYTES],
            validators,
            vote: None,
            round: 0,
            proposer_seal: Vec::new(),
        }
    }

    /// The header without commit seals: what an update carries.
    pub fn seal_less(&self, mode: Mode) -> Vec<u8> {
        self.encode(mode, None)
    }

    /// The header as it stands in its chain.
    pub fn sealed(&self, mode: Mode, seals: &[Seal]) -> Vec<u8> {
        self.encode(mode, Some(seals))
    }

    /// The block's hash. Zero if the fields are no header of the mode.
    pub fn block_hash(&self, mode: Mode) -> B256 {
        SealLess::read(mode, &self.seal_less(mode)).map(|header| header.block_hash()).unwrap_or_default()
    }

    /// The digest that commit seals sign. Zero if the fields are no header of the mode.
    pub fn commit_digest(&self, mode: Mode) -> B256 {
        SealLess::read(mode, &self.seal_less(mode)).map(|header| header.commit_digest()).unwrap_or_default()
    }

    fn encode(&self, mode: Mode, seals: Option<&[Seal]>) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        rlp::put_bytes(&mut out, self.parent_hash.as_slice());
        rlp::put_bytes(&mut out, NO_OMMERS.as_slice());
        rlp::put_bytes(&mut out, self.beneficiary.as_slice());
        rlp::put_bytes(&mut out, self.state_root.as_slice());
        rlp::put_bytes(&mut out, self.transactions_root.as_slice());
        rlp::put_bytes(&mut out, self.receipts_root.as_slice());
        rlp::put_bytes(&mut out, &self.logs_bloom);
        rlp::put_u64(&mut out, 1);
        for number in [self.height, self.gas_limit, self.gas_used, self.time] {
            rlp::put_u64(&mut out, number);
        }
        rlp::put_bytes(&mut out, &self.extra(mode, seals));
        rlp::put_bytes(&mut out, MIX_HASH.as_slice());
        rlp::put_bytes(&mut out, &self.nonce);
        if let Some(fee) = self.base_fee {
            rlp::put_u64(&mut out, fee);
        }
        if let Some(root) = self.withdrawals_root {
            rlp::put_bytes(&mut out, root.as_slice());
        }
        if let Some((used, excess, root)) = self.cancun {
            rlp::put_u64(&mut out, used);
            rlp::put_u64(&mut out, excess);
            rlp::put_bytes(&mut out, root.as_slice());
        }
        if let Some(hash) = self.requests_hash {
            rlp::put_bytes(&mut out, hash.as_slice());
        }
        rlp::list(&out)
    }

    fn extra(&self, mode: Mode, seals: Option<&[Seal]>) -> Vec<u8> {
        let mut validators = Vec::with_capacity(21 * self.validators.len());
        for validator in &self.validators {
            rlp::put_bytes(&mut validators, validator.as_slice());
        }
        let mut list = Vec::new();
        for seal in seals.unwrap_or_default() {
            rlp::put_bytes(&mut list, seal);
        }
        let (validators, list) = (rlp::list(&validators), rlp::list(&list));
        let mut items = Vec::new();
        if mode == Mode::Ibft1 {
            items.extend_from_slice(&validators);
            rlp::put_bytes(&mut items, &self.proposer_seal);
            items.extend_from_slice(&list);
            return [self.vanity.as_slice(), &rlp::list(&items)].concat();
        }
        rlp::put_bytes(&mut items, &self.vanity);
        items.extend_from_slice(&validators);
        items.extend_from_slice(&self.vote_item(mode));
        match mode {
            Mode::Ibft2 => rlp::put_bytes(&mut items, &self.round.to_be_bytes()),
            _ => rlp::put_u64(&mut items, u64::from(self.round)),
        }
        if mode != Mode::Ibft2 || seals.is_some() {
            items.extend_from_slice(&list);
        }
        rlp::list(&items)
    }

    fn vote_item(&self, mode: Mode) -> Vec<u8> {
        match (self.vote, mode) {
            (None, Mode::Ibft2) => Vec::from([0x80]),
            (None, _) => Vec::from([0xc0]),
            (Some((candidate, add)), _) => {
                let mut items = Vec::with_capacity(23);
                rlp::put_bytes(&mut items, candidate.as_slice());
                rlp::put_bytes(&mut items, if add { &[0xff] } else { &[0x00] });
                rlp::list(&items)
            }
        }
    }
}

/// A seal from its parts.
pub fn seal(r_s: &[u8; 64], v: u8) -> Seal {
    let mut seal = [v; SEAL_BYTES];
    seal[..64].copy_from_slice(r_s);
    seal
}
