//! A chain with its consensus nodes.

use std::{vec, vec::Vec};

use alloy_primitives::{Address, B256};
use causeway_crypto::p256::{Native, Portable};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};

use crate::{
    Header, Params, Refusal, TrustedState, Verified,
    script::{consensus_script, quorum},
    script_hash, verify_with,
};

pub(super) const MAGIC: u32 = 56_753;
/// Unix seconds of block 0.
pub(super) const START: u64 = 1_800_000_000;

pub(super) fn params() -> Params {
    Params { magic: MAGIC, state_root_in_header: true, trusting_period: 14 * 24 * 3600, drift: 15 }
}

pub(super) struct Chain {
    pub(super) params: Params,
    pub(super) keys: Vec<SigningKey>,
    pub(super) headers: Vec<Vec<u8>>,
}

pub(super) fn keys(numbers: std::ops::Range<u8>) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = numbers.map(|n| SigningKey::from_slice(&[n + 1; 32]).unwrap()).collect();
    keys.sort_by_key(|key| compressed(key)[1..].to_vec());
    keys
}

pub(super) fn compressed(key: &SigningKey) -> [u8; 33] {
    key.verifying_key().to_encoded_point(true).as_bytes().try_into().unwrap()
}

pub(super) fn script(keys: &[SigningKey]) -> Vec<u8> {
    consensus_script(&keys.iter().map(compressed).collect::<Vec<_>>()).unwrap()
}

pub(super) fn consensus(keys: &[SigningKey]) -> Address {
    script_hash(&script(keys))
}

/// What a header says.
#[derive(Clone)]
pub(super) struct Fields {
    pub(super) parent: B256,
    pub(super) height: u32,
    pub(super) time_ms: u64,
    pub(super) next: Address,
    pub(super) root: B256,
}

impl Fields {
    pub(super) fn unsigned(&self, with_root: bool) -> Vec<u8> {
        let mut out = vec![0; 4];
        out.extend_from_slice(self.parent.as_slice());
        out.extend_from_slice(&[7; 32]);
        out.extend_from_slice(&self.time_ms.to_le_bytes());
        out.extend_from_slice(&[9; 8]);
        out.extend_from_slice(&self.height.to_le_bytes());
        out.push(1);
        out.extend_from_slice(self.next.as_slice());
        if with_root {
            out.extend_from_slice(self.root.as_slice());
        }
        out
    }
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        short @ 0..=0xfc => out.push(short as u8),
        long => {
            out.push(0xfd);
            out.extend_from_slice(&(long as u16).to_le_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

pub(super) fn witnessed(unsigned: &[u8], invocation: &[u8], verification: &[u8]) -> Vec<u8> {
    let mut out = unsigned.to_vec();
    out.push(1);
    put_bytes(&mut out, invocation);
    put_bytes(&mut out, verification);
    out
}

pub(super) fn message(magic: u32, unsigned: &[u8]) -> Vec<u8> {
    [&magic.to_le_bytes()[..], crate::hash::sha256(unsigned).as_slice()].concat()
}

pub(super) fn signature(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    let signature: Signature = key.sign(message);
    signature.to_bytes().into()
}

pub(super) fn invocation(signatures: &[[u8; 64]]) -> Vec<u8> {
    signatures.iter().flat_map(|signature| [&[0x0c, 64][..], signature].concat()).collect()
}

/// A header signed by `signers` under the script of `keys`.
pub(super) fn sign(magic: u32, unsigned: &[u8], keys: &[SigningKey], signers: &[SigningKey]) -> Vec<u8> {
    let message = message(magic, unsigned);
    let signatures: Vec<[u8; 64]> = signers.iter().map(|key| signature(key, &message)).collect();
    witnessed(unsigned, &invocation(&signatures), &script(keys))
}

impl Chain {
    /// `count` blocks of a consensus of `members`.
    pub(super) fn new(members: u8, count: u32) -> Self {
        let mut chain = Self { params: params(), keys: keys(0..members), headers: Vec::new() };
        for height in 0..count {
            let fields = chain.fields(height);
            chain.push(&fields);
        }
        chain
    }

    pub(super) fn fields(&self, height: u32) -> Fields {
        let parent = height.checked_sub(1).map_or(B256::ZERO, |before| self.header(before).hash);
        Fields {
            parent,
            height,
            time_ms: START * 1000 + u64::from(height) * 1000,
            next: consensus(&self.keys),
            root: B256::repeat_byte(0x40 + height as u8),
        }
    }

    pub(super) fn push(&mut self, fields: &Fields) {
        let header = self.sign(fields);
        self.headers.push(header);
    }

    pub(super) fn sign(&self, fields: &Fields) -> Vec<u8> {
        let m = quorum(self.keys.len());
        let unsigned = fields.unsigned(self.params.state_root_in_header);
        sign(self.params.magic, &unsigned, &self.keys, &self.keys[..m])
    }

    pub(super) fn header(&self, height: u32) -> Header<'_> {
        Header::read(&self.params, &self.headers[height as usize]).unwrap()
    }

    pub(super) fn trusted(&self, height: u32) -> TrustedState {
        let header = self.header(height);
        TrustedState::pinned(&self.params, &header.hash, &self.headers[height as usize], self.now()).unwrap()
    }

    pub(super) fn now(&self) -> u64 {
        START + self.headers.len() as u64
    }

    /// From block 0.
    pub(super) fn verify(&self, header: &[u8]) -> Result<Verified, Refusal> {
        verify(&self.params, &self.trusted(0), header, self.now())
    }
}

/// Asks both implementations.
pub(super) fn verify(params: &Params, trusted: &TrustedState, header: &[u8], now: u64) -> Result<Verified, Refusal> {
    let native = verify_with::<Native>(params, trusted, header, now);
    assert_eq!(native, verify_with::<Portable>(params, trusted, header, now));
    native
}
