//! The commit: who signed a block, and the bytes that they signed (CometBFT `types/canonical.go`, `types/vote.go`).

use alloc::vec::Vec;

use alloy_primitives::B256;

use crate::{
    header::{Address, BlockId, Encoding, nested},
    time::Time,
    validators::MAX_VALIDATORS,
    wire::{Reader, Value, WireFault, put},
};

/// Longest signature (CometBFT `types.MaxSignatureSize` of Ed25519 and secp256k1).
const SIGNATURE_BYTES: usize = 64;

/// Rounds fit 31 bits (`int32`, never negative in a commit).
const MAX_ROUND: u32 = i32::MAX.cast_unsigned();

/// `SIGNED_MSG_TYPE_PRECOMMIT`.
const PRECOMMIT: u64 = 2;

/// What a validator did in the round of the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitSig<'a> {
    /// Nothing was received of it.
    Absent,
    /// It signed the block.
    Commit(Vote<'a>),
    /// It signed that there is no block.
    Nil(Vote<'a>),
}

/// A signature and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote<'a> {
    /// Who is said to have signed.
    pub address: Address,
    /// The time that was signed.
    pub time: Time,
    /// The signature: 1 to 64 bytes.
    pub signature: &'a [u8],
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit<'a> {
    /// Height of the block.
    pub height: u64,
    /// Round in which it was decided.
    pub round: u32,
    /// The block.
    pub block_id: BlockId,
    /// One entry for each validator of the block's set, in its order.
    pub signatures: Vec<CommitSig<'a>>,
}

impl<'a> Commit<'a> {
    /// Reads `tendermint.types.Commit`.
    ///
    /// # Errors
    /// [`WireFault`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        Self::read(Reader::new(bytes))
    }

    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, WireFault> {
        let mut commit = Self { height: 0, round: 0, block_id: BlockId::default(), signatures: Vec::new() };
        while let Some((number, value)) = reader.next(&[4])? {
            match number {
                1 => commit.height = value.natural(1, "height")?,
                2 => commit.round = value.u32(2, "round")?,
                3 => commit.block_id = BlockId::read(value.message(3)?)?,
                4 if commit.signatures.len() == MAX_VALIDATORS => {
                    let (what, found) = ("signatures of a commit", MAX_VALIDATORS + 1);
                    return Err(WireFault::TooLarge { what, limit: MAX_VALIDATORS, found });
                }
                4 => commit.signatures.push(CommitSig::read(value.message(4)?)?),
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        if commit.round > MAX_ROUND {
            return Err(WireFault::Value("round"));
        }
        Ok(commit)
    }

    /// The message as CometBFT encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.signatures.len() * 120);
        put::u64(&mut out, 1, self.height);
        put::u64(&mut out, 2, u64::from(self.round));
        put::message(&mut out, 3, &nested(|out| self.block_id.put(out)));
        for signature in &self.signatures {
            put::message(&mut out, 4, &nested(|out| signature.put(out)));
        }
        out
    }

    /// What the bytes that validators sign have in common.
    pub fn sign_bytes(&self, chain_id: &str, encoding: Encoding) -> SignBytes {
        SignBytes::new(self, chain_id, encoding)
    }
}

impl<'a> CommitSig<'a> {
    fn read(mut reader: Reader<'a>) -> Result<Self, WireFault> {
        let (mut flag, mut address, mut time, mut signature): (_, &[u8], _, &[u8]) = (0, &[], None, &[]);
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => flag = value.u64(1)?,
                2 => address = value.bytes(2)?,
                3 => time = Some(Time::read(value.message(3)?)?),
                4 => signature = read_signature(value)?,
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        if flag == 1 {
            let bare = address.is_empty() && signature.is_empty() && time.is_none_or(|time| time == Time::ZERO);
            return if bare { Ok(Self::Absent) } else { Err(WireFault::Value("absent signature")) };
        }
        let address = Address::try_from(address).map_err(|_| WireFault::Value("signer's address"))?;
        if signature.is_empty() {
            return Err(WireFault::Missing("signature"));
        }
        let vote = Vote { address, time: time.unwrap_or(Time::EPOCH), signature };
        match flag {
            2 => Ok(Self::Commit(vote)),
            3 => Ok(Self::Nil(vote)),
            _ => Err(WireFault::Value("block id flag")),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let (flag, vote) = match self {
            Self::Absent => (1, None),
            Self::Commit(vote) => (2, Some(vote)),
            Self::Nil(vote) => (3, Some(vote)),
        };
        put::u64(out, 1, flag);
        if let Some(vote) = vote {
            put::message(out, 2, vote.address.as_slice());
        }
        let time = vote.map_or(Time::ZERO, |vote| vote.time);
        put::message(out, 3, &nested(|out| time.put(out)));
        if let Some(vote) = vote {
            put::bytes(out, 4, vote.signature);
        }
    }
}

fn read_signature(value: Value<'_>) -> Result<&[u8], WireFault> {
    value.bounded(4, "signature", SIGNATURE_BYTES)
}

/// The bytes that the validators of a commit sign: `CanonicalVote`, with its length before it. They differ only in
/// their time.
#[derive(Clone, Debug)]
pub struct SignBytes {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl SignBytes {
    fn new(commit: &Commit<'_>, chain_id: &str, encoding: Encoding) -> Self {
        let mut before = Vec::with_capacity(112);
        put::u64(&mut before, 1, PRECOMMIT);
        put::sfixed64(&mut before, 2, commit.height.cast_signed());
        put::sfixed64(&mut before, 3, i64::from(commit.round));
        put::message(&mut before, 4, &nested(|out| commit.block_id.put_canonical(out, encoding)));
        let mut after = Vec::with_capacity(chain_id.len() + 2);
        put::bytes(&mut after, 6, chain_id.as_bytes());
        Self { before, after }
    }

    /// Appends the bytes for a vote of this time.
    pub fn put(&self, time: Time, out: &mut Vec<u8>) {
        let mut stamp = Vec::with_capacity(18);
        time.put(&mut stamp);
        // Key and length of the time take a byte each.
        let length = self.before.len() + 2 + stamp.len() + self.after.len();
        put::varint(out, length as u64);
        out.extend_from_slice(&self.before);
        put::message(out, 5, &stamp);
        out.extend_from_slice(&self.after);
    }
}

/// Hash of the block that a commit is for, zero for none: for messages.
pub(crate) fn shown_hash(commit: &Commit<'_>) -> B256 {
    commit.block_id.hash.unwrap_or_default()
}
