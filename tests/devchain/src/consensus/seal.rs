//! Hashing and sealing of headers.
//!
//! QBFT and IBFT 2.0 seal `keccak256(header without seals, round kept)`. IBFT 1 seals `keccak256(block hash ‖ 0x02)`, its
//! proposer `keccak256(keccak256(header without either kind of seal))`.

use alloy::{
    consensus::Header,
    primitives::{Address, B256, Bytes, keccak256},
};
use secp256k1::{Message, PublicKey, SecretKey};

use super::{Consensus, Extra, extra::Part};

/// What IBFT 1 appends to the block hash before it is sealed (the code of the commit message).
const IBFT1_COMMIT: u8 = 2;

/// A validator's key. Its `Debug` shows the address only.
#[derive(Clone)]
pub(crate) struct Signer {
    key: SecretKey,
    address: Address,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.address)
    }
}

impl Signer {
    /// The key of a seed and an index; the same on every run.
    pub(crate) fn derive(seed: &str, role: &str, index: u64) -> Self {
        let mut digest = keccak256(format!("{seed}/{role}/{index}"));
        // All but about 2^-128 of the digests are valid keys; the next digest serves for the rest.
        let key = loop {
            match SecretKey::from_byte_array(digest.0) {
                Ok(key) => break key,
                Err(_) => digest = keccak256(digest),
            }
        };
        let public = PublicKey::from_secret_key_global(&key).serialize_uncompressed();
        let address = Address::from_raw_public_key(public.get(1..).unwrap_or_default());
        Self { key, address }
    }

    pub(crate) fn address(&self) -> Address {
        self.address
    }

    pub(crate) fn secret(&self) -> B256 {
        B256::from(self.key.secret_bytes())
    }

    /// A 65-byte recoverable signature `r ‖ s ‖ v`, v 0 or 1, low s.
    pub(crate) fn sign(&self, digest: B256) -> Vec<u8> {
        let signature = secp256k1::global::SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.key);
        let (recovery, compact) = signature.serialize_compact();
        let mut out = compact.to_vec();
        out.push(i32::from(recovery) as u8);
        out
    }
}

/// The header with a part of its extra data, hashed.
pub(super) fn digest(header: &Header, extra: &Extra, consensus: Consensus, part: Part) -> B256 {
    let mut stripped = header.clone();
    stripped.extra_data = extra.encode(consensus, part);
    stripped.hash_slow()
}

/// The block hash.
pub(crate) fn block_hash(header: &Header, extra: &Extra, consensus: Consensus) -> B256 {
    digest(header, extra, consensus, Part::Hashed)
}

/// The extra data as a block carries it.
pub(crate) fn whole_extra(extra: &Extra, consensus: Consensus) -> Bytes {
    extra.encode(consensus, Part::Whole)
}

/// Seals a header whose other fields are final: fills its extra data, gives the block hash.
pub(crate) fn seal_header(
    header: &mut Header,
    extra: &mut Extra,
    consensus: Consensus,
    proposer: &Signer,
    committers: &[Signer],
) -> B256 {
    if consensus == Consensus::Ibft1 {
        let proposal = digest(header, extra, consensus, Part::WithoutProposerSeal);
        extra.proposer_seal = proposer.sign(keccak256(proposal));
    }
    let hash = block_hash(header, extra, consensus);
    let committed = match consensus {
        Consensus::Qbft | Consensus::Ibft2 => digest(header, extra, consensus, Part::WithoutSeals),
        Consensus::Ibft1 => {
            let mut preimage = hash.to_vec();
            preimage.push(IBFT1_COMMIT);
            keccak256(preimage)
        }
    };
    extra.seals = committers.iter().map(|committer| committer.sign(committed)).collect();
    header.extra_data = extra.encode(consensus, Part::Whole);
    hash
}
