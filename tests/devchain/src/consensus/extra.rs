//! The extra data of a header in the three Istanbul encodings.
//!
//! QBFT: `RLP[vanity32, [validators], vote, round, [seals]]`, vote `[]` or `[address, 0xff | 0x00]`, integers scalar.
//! IBFT 2.0: the same list, but no vote is the empty string, the vote byte and the four-byte round are not scalars.
//! IBFT 1: `vanity32 ‖ RLP[[validators], proposer seal, [seals]]`; votes stand in the header's miner and nonce.

use alloy::primitives::{Address, Bytes};
use alloy_rlp::{Encodable, Header};
use serde::{Deserialize, Serialize};

/// Which consensus the headers follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consensus {
    /// QBFT (GoQuorum 21.1+, Besu 21.10+).
    #[default]
    Qbft,
    /// IBFT 2.0 (Besu).
    Ibft2,
    /// IBFT 1, the "Istanbul" of GoQuorum 2.x (EIP-650).
    Ibft1,
}

/// A proposer's vote on one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    pub(crate) candidate: Address,
    pub(crate) add: bool,
}

/// What the extra data says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// 32 bytes that the proposer fills at will.
    pub(crate) vanity: [u8; 32],
    pub(crate) validators: Vec<Address>,
    pub(crate) vote: Option<Vote>,
    pub(crate) round: u32,
    /// IBFT 1 only.
    pub(crate) proposer_seal: Vec<u8>,
    pub(crate) seals: Vec<Vec<u8>>,
}

/// How much of the extra data goes into a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// As the block carries it.
    Whole,
    /// What commit seals sign: no seals, the round kept.
    WithoutSeals,
    /// What the block hash covers: no seals, no round.
    Hashed,
    /// What the IBFT 1 proposer signs: neither kind of seal.
    WithoutProposerSeal,
}

impl Extra {
    /// The encoding of a part.
    pub(crate) fn encode(&self, consensus: Consensus, part: Part) -> Bytes {
        match consensus {
            Consensus::Qbft => self.encode_qbft(part),
            Consensus::Ibft2 => self.encode_ibft2(part),
            Consensus::Ibft1 => self.encode_ibft1(part),
        }
        .into()
    }

    fn encode_qbft(&self, part: Part) -> Vec<u8> {
        let mut payload = Vec::with_capacity(512);
        self.vanity.as_slice().encode(&mut payload);
        self.validators.encode(&mut payload);
        match self.vote {
            Some(vote) => {
                let mut inner = Vec::with_capacity(24);
                vote.candidate.encode(&mut inner);
                (if vote.add { 0xff_u8 } else { 0 }).encode(&mut inner);
                push_list(&inner, &mut payload);
            }
            None => push_list(&[], &mut payload),
        }
        (if part == Part::Hashed { 0 } else { self.round }).encode(&mut payload);
        self.push_seals(part, &mut payload);
        list(&payload)
    }

    fn encode_ibft2(&self, part: Part) -> Vec<u8> {
        let mut payload = Vec::with_capacity(512);
        self.vanity.as_slice().encode(&mut payload);
        self.validators.encode(&mut payload);
        match self.vote {
            Some(vote) => {
                let mut inner = Vec::with_capacity(24);
                vote.candidate.encode(&mut inner);
                // One raw byte, not an integer: 0x00 stands for itself.
                [if vote.add { 0xff_u8 } else { 0 }].as_slice().encode(&mut inner);
                push_list(&inner, &mut payload);
            }
            None => [].as_slice().encode(&mut payload),
        }
        if part != Part::Hashed {
            self.round.to_be_bytes().as_slice().encode(&mut payload);
        }
        if part == Part::Whole {
            self.push_seals(part, &mut payload);
        }
        list(&payload)
    }

    fn encode_ibft1(&self, part: Part) -> Vec<u8> {
        let mut payload = Vec::with_capacity(512);
        self.validators.encode(&mut payload);
        match part {
            Part::WithoutProposerSeal => [].as_slice().encode(&mut payload),
            _ => self.proposer_seal.as_slice().encode(&mut payload),
        }
        self.push_seals(part, &mut payload);
        let mut out = self.vanity.to_vec();
        out.extend_from_slice(&list(&payload));
        out
    }

    fn push_seals(&self, part: Part, payload: &mut Vec<u8>) {
        let mut inner = Vec::new();
        if part == Part::Whole {
            for seal in &self.seals {
                seal.as_slice().encode(&mut inner);
            }
        }
        push_list(&inner, payload);
    }
}

fn push_list(payload: &[u8], out: &mut Vec<u8>) {
    Header { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(payload);
}

fn list(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 4);
    push_list(payload, &mut out);
    out
}
