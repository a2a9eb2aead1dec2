//! What BEEFY's validators sign, and the compact form in which nodes hand it out.
//!
//! `commitment = SCALE([(payload id, bytes)], block number, set id)`; each validator signs its keccak-256. A finality proof
//! is `1 ‖ commitment ‖ bytes bitfield ‖ u32 validators ‖ [r ‖ s ‖ v]`, the bitfield's first validator in the highest bit
//! (polkadot-sdk `sp-consensus-beefy`, `VersionedFinalityProof::V1`).

use alloy_primitives::{B256, keccak256};

use crate::{
    CommitmentFault, Refusal,
    scale::{Reader, ScaleFault},
    set::MAX_AUTHORITIES,
};

/// Items of a commitment's payload. Chains write one or two.
pub const MAX_PAYLOADS: usize = 16;

/// Bytes of one payload item.
const MAX_PAYLOAD_BYTES: usize = 4096;

/// Bytes of a signature: r, s, recovery id.
pub const SIGNATURE_BYTES: usize = 65;

/// Payload id of the MMR's root.
const MMR_ROOT_ID: [u8; 2] = *b"mh";

/// A commitment, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment<'a> {
    /// Root of the MMR after the block.
    pub mmr_root: B256,
    /// The block's number.
    pub block_number: u32,
    /// The set that signs.
    pub set_id: u64,
    raw: &'a [u8],
}

impl<'a> Commitment<'a> {
    /// Reads exactly a commitment.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let commitment = Self::read_from(&mut reader)?;
        reader.end("commitment")?;
        Ok(commitment)
    }

    fn read_from(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let start = *reader;
        let count = reader.count(MAX_PAYLOADS, 3, "payload")?;
        let mut last: Option<[u8; 2]> = None;
        let mut mmr_root = None;
        for _ in 0..count {
            let id = *reader.array::<2>("payload id")?;
            if last.is_some_and(|last| last >= id) {
                return Err(CommitmentFault::PayloadOrder.into());
            }
            last = Some(id);
            let bytes = reader.bytes(MAX_PAYLOAD_BYTES, "payload")?;
            if id == MMR_ROOT_ID {
                mmr_root = Some(B256::try_from(bytes).map_err(|_| CommitmentFault::NoMmrRoot)?);
            }
        }
        let block_number = reader.u32("block number")?;
        let set_id = reader.u64("set id")?;
        let mmr_root = mmr_root.ok_or(CommitmentFault::NoMmrRoot)?;
        Ok(Self { mmr_root, block_number, set_id, raw: reader.since(&start) })
    }

    /// What is signed.
    pub fn digest(&self) -> B256 {
        keccak256(self.raw)
    }
}

/// A commitment with its signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalityProof<'a> {
    /// What was signed.
    pub commitment: Commitment<'a>,
    /// Validators of the set, as the proof says.
    pub validators: u32,
    bitfield: &'a [u8],
    signatures: &'a [u8],
}

impl<'a> FinalityProof<'a> {
    /// Reads exactly a versioned finality proof.
    ///
    /// # Errors
    /// The bytes are none, the bitfield is not canonical, or there is not one signature per bit.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        match reader.byte("version of the finality proof")? {
            1 => {}
            found => return Err(ScaleFault::Tag { what: "version of the finality proof", found }.into()),
        }
        let commitment = Commitment::read_from(&mut reader)?;
        let bitfield = reader.bytes(MAX_AUTHORITIES / 8, "bitfield")?;
        let validators = reader.u32("validators")?;
        let count = reader.count(MAX_AUTHORITIES, SIGNATURE_BYTES, "signatures")?;
        let signatures = reader.take(count.saturating_mul(SIGNATURE_BYTES), "signatures")?;
        reader.end("finality proof")?;
        let proof = Self { commitment, validators, bitfield, signatures };
        let bits = bitfield.iter().map(|byte| byte.count_ones() as usize).sum();
        if bitfield.len() as u64 != u64::from(validators).div_ceil(8)
            || proof.signers().any(|index| index >= validators)
        {
            return Err(CommitmentFault::Bitfield.into());
        }
        if bits != count {
            return Err(CommitmentFault::Signatures { bits, signatures: count }.into());
        }
        Ok(proof)
    }

    /// Places of those who signed, rising.
    pub fn signers(&self) -> impl Iterator<Item = u32> + use<'a> {
        let of_byte = |(place, byte): (u32, &u8)| {
            let byte = *byte;
            (0..8u32).filter(move |bit| byte << bit & 0x80 != 0).map(move |bit| 8 * place + bit)
        };
        (0u32..).zip(self.bitfield).flat_map(of_byte)
    }

    /// Signatures, in the order of [`FinalityProof::signers`].
    pub fn signatures(&self) -> impl ExactSizeIterator<Item = &'a [u8; SIGNATURE_BYTES]> + use<'a> {
        self.signatures.as_chunks::<SIGNATURE_BYTES>().0.iter()
    }
}
