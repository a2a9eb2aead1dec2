//! An update: a signed header, its validators and, to skip heights, the validators trusted so far.
//!
//! The bytes are those of IBC's `ibc.lightclients.tendermint.v1.Header`, so that what a Cosmos relayer carries can be read
//! as it is; the first two fields alone are CometBFT's `LightBlock`.

use alloc::vec::Vec;

use crate::{
    Refusal,
    commit::Commit,
    header::{Header, nested},
    validators::{MAX_VALIDATORS, ValidatorSet},
    wire::{Reader, WireFault, put},
};

/// Longest update: two sets and a commit of [`MAX_VALIDATORS`] at some 100 bytes each.
pub const MAX_UPDATE_BYTES: usize = MAX_VALIDATORS * 400;

/// A height with the revision that IBC gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IbcHeight {
    /// Number at the end of the chain id, raised when a chain starts again at height 1.
    pub revision: u64,
    /// Height in the chain.
    pub height: u64,
}

/// An update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The header.
    pub header: Header<'a>,
    /// The commit of its block.
    pub commit: Commit<'a>,
    /// The validators of its block.
    pub validators: ValidatorSet,
    /// The height that the update starts from, if it says so.
    pub trusted_height: Option<IbcHeight>,
    /// The validators of the block after the trusted one: needed where the header is further on and under other
    /// validators.
    pub trusted_validators: Option<ValidatorSet>,
}

impl<'a> Update<'a> {
    /// Reads an update.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], or a refusal of one of its validator sets.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_UPDATE_BYTES {
            let (what, limit, found) = ("update", MAX_UPDATE_BYTES, bytes.len());
            return Err(WireFault::TooLarge { what, limit, found }.into());
        }
        let mut reader = Reader::new(bytes);
        let (mut signed, mut validators, mut trusted_height, mut trusted_validators) = (None, None, None, None);
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => signed = Some(read_signed_header(value.message(1)?)?),
                2 => validators = Some(ValidatorSet::read(value.message(2)?)?),
                3 => trusted_height = Some(IbcHeight::read(value.message(3)?)?),
                4 => trusted_validators = Some(ValidatorSet::read(value.message(4)?)?),
                _ => return Err(WireFault::UnknownField(number).into()),
            }
        }
        let (header, commit) = signed.ok_or(WireFault::Missing("signed header"))?;
        let validators = validators.ok_or(WireFault::Missing("validator set"))?;
        Ok(Self { header, commit, validators, trusted_height, trusted_validators })
    }

    /// The update's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let signed = nested(|out| {
            put::message(out, 1, &self.header.encode());
            put::message(out, 2, &self.commit.encode());
        });
        let mut out = Vec::with_capacity(signed.len() + 400);
        put::message(&mut out, 1, &signed);
        put::message(&mut out, 2, &self.validators.encode());
        if let Some(IbcHeight { revision, height }) = self.trusted_height {
            let height = nested(|out| {
                put::u64(out, 1, revision);
                put::u64(out, 2, height);
            });
            put::message(&mut out, 3, &height);
        }
        if let Some(set) = &self.trusted_validators {
            put::message(&mut out, 4, &set.encode());
        }
        out
    }
}

impl IbcHeight {
    fn read(mut reader: Reader<'_>) -> Result<Self, WireFault> {
        let mut read = Self::default();
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => read.revision = value.u64(1)?,
                2 => read.height = value.u64(2)?,
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        Ok(read)
    }
}

fn read_signed_header(mut reader: Reader<'_>) -> Result<(Header<'_>, Commit<'_>), WireFault> {
    let (mut header, mut commit) = (None, None);
    while let Some((number, value)) = reader.next(&[])? {
        match number {
            1 => header = Some(Header::read(value.message(1)?)?),
            2 => commit = Some(Commit::read(value.message(2)?)?),
            _ => return Err(WireFault::UnknownField(number)),
        }
    }
    Ok((header.ok_or(WireFault::Missing("header"))?, commit.ok_or(WireFault::Missing("commit"))?))
}
