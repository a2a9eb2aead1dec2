//! Blocks and what lies in them: envelopes, payloads, channel headers, signed metadata.

use alloc::{string::ToString, vec::Vec};

use causeway_crypto::p256::VerifyP256;

use crate::{
    Refusal,
    bounds::{MAX_BLOCK_BYTES, MAX_ENVELOPES, MAX_METADATA, MAX_SIGNATURES_BYTES, MAX_SIGNERS},
    channel::Channel,
    header::BlockHeader,
    identity::Signed,
    msp::Validity,
    wire::{Reader, WireFault, put},
};

/// `common.HeaderType.CONFIG`: the envelope holds a channel's configuration.
pub const CONFIG: u32 = 1;
/// `common.HeaderType.CONFIG_UPDATE`: a change of it, signed by administrators.
pub const CONFIG_UPDATE: u32 = 2;
/// `common.HeaderType.ENDORSER_TRANSACTION`: a chaincode's transaction.
pub const ENDORSER_TRANSACTION: u32 = 3;

/// Index of the metadata that orderers sign (`common.BlockMetadataIndex.SIGNATURES`). The others (among them the
/// validity flags, which each peer writes for itself) are signed by nobody, and are not read (ATK-065).
const SIGNATURES: usize = 0;

/// A block (`common.Block`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The header.
    pub header: BlockHeader,
    /// The bytes of `common.BlockData`; none if only header and metadata are here.
    pub data: Option<&'a [u8]>,
    /// The metadata that orderers sign; empty in a channel's first block.
    pub signatures: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads a block as orderers and peers serve it.
    ///
    /// # Errors
    /// It is not canonical or larger than the bounds.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        const MESSAGE: &str = "Block";
        if bytes.len() > MAX_BLOCK_BYTES + MAX_SIGNATURES_BYTES {
            return Err(WireFault::TooLarge { message: MESSAGE, field: 0, limit: MAX_BLOCK_BYTES });
        }
        let mut reader = Reader::new(MESSAGE, bytes);
        let header = BlockHeader::decode(reader.required(1)?)?;
        let data = reader.part(2)?;
        let metadata = reader.part(3)?.unwrap_or_default();
        reader.end()?;
        let mut reader = Reader::new("BlockMetadata", metadata);
        let metadata = reader.parts(1, MAX_METADATA)?;
        reader.end()?;
        Ok(Self { header, data, signatures: metadata.get(SIGNATURES).copied().unwrap_or_default() })
    }

    /// Its number, without reading further. For who fetches blocks and wants to know which one came.
    pub const fn number(&self) -> u64 {
        self.header.number
    }
}

/// Cuts `common.BlockData` into its envelopes' bytes.
///
/// # Errors
/// It is not canonical, or there are too many.
pub fn data(bytes: &[u8]) -> Result<Vec<&[u8]>, WireFault> {
    if bytes.len() > MAX_BLOCK_BYTES {
        return Err(WireFault::TooLarge { message: "BlockData", field: 0, limit: MAX_BLOCK_BYTES });
    }
    let mut reader = Reader::new("BlockData", bytes);
    let data = reader.parts(1, MAX_ENVELOPES)?;
    reader.end()?;
    Ok(data)
}

/// An envelope (`common.Envelope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The bytes signed.
    pub payload: &'a [u8],
    /// By the creator whom the payload names. Empty only in a channel's first block.
    pub signature: &'a [u8],
}

/// Reads one envelope.
///
/// As every envelope has a payload and a signature, each once and in this order, a run of envelopes one behind the
/// other (which is what the data hash is over) can be cut in one way only.
///
/// # Errors
/// It is not canonical, or lacks its payload; or (unless it may) its signature.
pub fn envelope(bytes: &[u8], may_be_unsigned: bool) -> Result<Envelope<'_>, WireFault> {
    const MESSAGE: &str = "Envelope";
    let mut reader = Reader::new(MESSAGE, bytes);
    let payload = reader.bytes(1)?;
    let signature = reader.bytes(2)?;
    reader.end()?;
    for (field, part, may_be_empty) in [(1, payload, false), (2, signature, may_be_unsigned)] {
        if part.is_empty() && !may_be_empty {
            return Err(WireFault::Missing { message: MESSAGE, field });
        }
    }
    Ok(Envelope { payload, signature })
}

/// What an envelope carries (`common.Payload` with its headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Bytes of `common.ChannelHeader`.
    pub channel_header: &'a [u8],
    /// Bytes of `common.SignatureHeader`.
    pub signature_header: &'a [u8],
    /// What kind it is.
    pub kind: u32,
    /// The channel.
    pub channel_id: &'a str,
    /// The transaction's id.
    pub tx_id: &'a str,
    /// `ChaincodeHeaderExtension`, of a transaction.
    pub extension: &'a [u8],
    /// Unix seconds that the *sender* wrote. Nobody checks them: fit for a log line, never for a deadline (ATK-065).
    pub sender_time: u64,
    /// Serialized identity of the sender.
    pub creator: &'a [u8],
    /// The sender's nonce.
    pub nonce: &'a [u8],
    /// The rest.
    pub data: &'a [u8],
}

impl<'a> Payload<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// It is not canonical.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        let mut reader = Reader::new("Payload", bytes);
        let header = reader.required(1)?;
        let data = reader.bytes(2)?;
        reader.end()?;
        let mut reader = Reader::new("Header", header);
        let channel_header = reader.required(1)?;
        let signature_header = reader.required(2)?;
        reader.end()?;
        let mut reader = Reader::new("ChannelHeader", channel_header);
        let kind = reader.small(1)?;
        reader.small(2)?; // Version of the message: peers do not look at it.
        let time = reader.part(3)?.unwrap_or_default();
        let channel_id = reader.text(4)?;
        let tx_id = reader.text(5)?;
        reader.number(6)?; // Epoch: 0 everywhere.
        let extension = reader.bytes(7)?;
        reader.bytes(8)?; // Hash of the sender's TLS certificate.
        reader.end()?;
        let mut reader = Reader::new("Timestamp", time);
        let sender_time = reader.number(1)?;
        reader.number(2)?;
        reader.end()?;
        let (creator, nonce) = signature_header_parts(signature_header)?;
        Ok(Self {
            channel_header,
            signature_header,
            kind,
            channel_id,
            tx_id,
            extension,
            sender_time,
            creator,
            nonce,
            data,
        })
    }
}

/// Creator and nonce of a `common.SignatureHeader`.
pub(crate) fn signature_header_parts(bytes: &[u8]) -> Result<(&[u8], &[u8]), WireFault> {
    let mut reader = Reader::new("SignatureHeader", bytes);
    let creator = reader.bytes(1)?;
    let nonce = reader.bytes(2)?;
    reader.end()?;
    Ok((creator, nonce))
}

/// Checks that an envelope is signed by the creator that it names.
///
/// # Errors
/// It is not canonical, its creator is nobody in this channel, or the signature is not the creator's.
pub fn check_creator<V: VerifyP256>(
    channel: &Channel,
    place: usize,
    envelope: &Envelope<'_>,
    validity: Validity,
) -> Result<(), Refusal> {
    let payload = Payload::decode(envelope.payload)?;
    let signed = Signed { signer: payload.creator, message: envelope.payload.to_vec(), signature: envelope.signature };
    channel.signer::<V>(place, &signed, validity).map(|_| ())
}

/// Checks every envelope of a block's data: canonical, of this channel, signed by its creator.
///
/// # Errors
/// The first rule broken.
pub fn check_envelopes<'a, V: VerifyP256>(
    channel: &Channel,
    channel_id: &str,
    data: &[&'a [u8]],
) -> Result<Vec<Payload<'a>>, Refusal> {
    let mut payloads = Vec::with_capacity(data.len());
    for (place, bytes) in data.iter().enumerate() {
        let envelope = envelope(bytes, false)?;
        let payload = Payload::decode(envelope.payload)?;
        of_channel(channel_id, payload.channel_id)?;
        check_creator::<V>(channel, place, &envelope, Validity::Whenever)?;
        payloads.push(payload);
    }
    Ok(payloads)
}

pub(crate) fn of_channel(expected: &str, found: &str) -> Result<(), Refusal> {
    if expected == found {
        return Ok(());
    }
    Err(Refusal::ChannelMismatch { expected: expected.to_string(), found: found.to_string() })
}

/// The metadata that orderers sign (`common.Metadata` of index `SIGNATURES`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedMetadata<'a> {
    /// `common.OrdererBlockMetadata`: signed with the header.
    pub value: &'a [u8],
    /// Block of the configuration in force after this block; none in blocks of Fabric before 1.4.1.
    pub last_config: Option<u64>,
    /// The signatures.
    pub signatures: Vec<MetadataSignature<'a>>,
}

/// One orderer's signature (`common.MetadataSignature`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataSignature<'a> {
    /// `common.SignatureHeader` with the signer's identity; empty where a consenter is called by its number.
    pub signature_header: &'a [u8],
    /// ECDSA in DER.
    pub signature: &'a [u8],
    /// `common.IdentifierHeader` with the consenter's number (SmartBFT).
    pub identifier_header: &'a [u8],
}

impl<'a> SignedMetadata<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// It is not canonical, or there are too many signatures.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        const MESSAGE: &str = "Metadata";
        if bytes.len() > MAX_SIGNATURES_BYTES {
            return Err(WireFault::TooLarge { message: MESSAGE, field: 0, limit: MAX_SIGNATURES_BYTES });
        }
        let mut reader = Reader::new(MESSAGE, bytes);
        let value = reader.bytes(1)?;
        let signatures = reader.parts(2, MAX_SIGNERS)?;
        reader.end()?;
        let mut reader = Reader::new("OrdererBlockMetadata", value);
        let last_config = reader.part(1)?;
        reader.bytes(2)?; // The consensus protocol's own notes.
        reader.end()?;
        let last_config = last_config.map(|bytes| {
            let mut reader = Reader::new("LastConfig", bytes);
            let index = reader.number(1)?;
            reader.end().map(|()| index)
        });
        let signatures = signatures.into_iter().map(MetadataSignature::decode);
        Ok(Self { value, last_config: last_config.transpose()?, signatures: signatures.collect::<Result<_, _>>()? })
    }
}

impl SignedMetadata<'_> {
    /// Writes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.value.is_empty() {
            put(&mut out, 1, self.value);
        }
        for signature in &self.signatures {
            let mut part = Vec::new();
            let fields = [signature.signature_header, signature.signature, signature.identifier_header];
            for (field, bytes) in (1..).zip(fields).filter(|(_, bytes)| !bytes.is_empty()) {
                put(&mut part, field, bytes);
            }
            put(&mut out, 2, &part);
        }
        out
    }
}

impl<'a> MetadataSignature<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        let mut reader = Reader::new("MetadataSignature", bytes);
        let signature_header = reader.bytes(1)?;
        let signature = reader.bytes(2)?;
        let identifier_header = reader.bytes(3)?;
        reader.end()?;
        Ok(Self { signature_header, signature, identifier_header })
    }

    /// The number in `common.IdentifierHeader`.
    pub(crate) fn consenter_id(&self) -> Result<u64, WireFault> {
        let mut reader = Reader::new("IdentifierHeader", self.identifier_header);
        let id = reader.number(1)?;
        reader.bytes(2)?;
        reader.end()?;
        Ok(id)
    }
}
