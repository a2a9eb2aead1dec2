//! Putting a block together: the header before execution, the roots after it, the seals.

use alloy::{
    consensus::{EMPTY_OMMER_ROOT_HASH, Header},
    eips::eip1559::BaseFeeParams,
    primitives::{Address, B64, B256, U256, keccak256},
};

use crate::{
    block::{Block, receipts_root, transactions_root},
    consensus::{Consensus, Extra, MIX_HASH, Round, Signer, Validators, seal_header},
    core::Core,
};

impl Core {
    pub(crate) fn header(&self, parent: &Block, round: &Round, timestamp: u64) -> Header {
        let base_fee = self.config.spec.has_base_fee().then(|| {
            if self.config.base_fee == 0 {
                return 0;
            }
            parent.header.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or(self.config.base_fee)
        });
        // IBFT 1 votes in the header: the candidate as miner, all ones as nonce to add it.
        let (beneficiary, nonce) = match (self.config.consensus, round.vote) {
            (Consensus::Ibft1, Some(vote)) => {
                (vote.candidate, if vote.add { B64::repeat_byte(0xff) } else { B64::ZERO })
            }
            (Consensus::Ibft1, None) => (Address::ZERO, B64::ZERO),
            _ => (round.proposer.address(), B64::ZERO),
        };
        Header {
            parent_hash: parent.hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary,
            difficulty: U256::ONE,
            number: parent.header.number + 1,
            gas_limit: self.config.gas_limit,
            timestamp,
            mix_hash: MIX_HASH,
            nonce,
            base_fee_per_gas: base_fee,
            ..Header::default()
        }
    }

    pub(crate) fn seal(
        &self,
        mut header: Header,
        validators: &Validators,
        round: &Round,
        executed: crate::execute::Executed,
    ) -> Block {
        let (receipts_root, bloom) = receipts_root(&executed.receipts);
        header.state_root = executed.state.root();
        header.transactions_root = transactions_root(&executed.transactions);
        header.receipts_root = receipts_root;
        header.logs_bloom = bloom;
        header.gas_used = executed.gas_used;
        let (hash, extra) = self.seal_as(&mut header, validators, round);
        Block {
            header,
            extra,
            hash,
            transactions: executed.transactions,
            receipts: executed.receipts,
            proposer: Some(round.proposer.address()),
            committers: round.committers.iter().map(Signer::address).collect(),
        }
    }

    fn seal_as(&self, header: &mut Header, validators: &Validators, round: &Round) -> (B256, Extra) {
        let mut extra = Extra {
            // In validator-contract mode headers list nobody.
            validators: match self.config.validator_contract {
                Some(_) => Vec::new(),
                None => validators.current().to_vec(),
            },
            vote: round.vote,
            round: round.number,
            ..Extra::default()
        };
        let hash = seal_header(header, &mut extra, self.config.consensus, &round.proposer, &round.committers);
        (hash, extra)
    }

    /// Another header at a block's height under true seals of the same validators: what equivocation looks like.
    /// `None` for genesis.
    pub(crate) fn sibling(&self, block: &Block) -> Option<(Header, B256)> {
        let operators = self.operators();
        let proposer = operators.signer(&block.proposer?)?;
        let committers: Vec<Signer> =
            block.committers.iter().filter_map(|committer| operators.signer(committer).cloned()).collect();
        let mut header = block.header.clone();
        header.state_root = keccak256(header.state_root);
        let mut extra = block.extra.clone();
        let hash = seal_header(&mut header, &mut extra, self.config.consensus, proposer, &committers);
        Some((header, hash))
    }
}
