//! A chaincode's transaction: what was asked, what was answered, who vouches for the answer.
//!
//! In Fabric peers execute first and sign the outcome (an *endorsement*); orderers then order it unseen; each peer judges
//! it on arrival, and that judgement is signed by nobody. So a transaction in a block proves that somebody asked and
//! that endorsers answered, *not* that it took effect (ATK-065). What endorsers say about state that already is
//! committed is another matter: see [`crate::proof`].

use alloc::vec::Vec;

use alloy_primitives::{B256, hex};
use causeway_crypto::p256::VerifyP256;

use crate::{
    ReadFault, Refusal,
    block::{ENDORSER_TRANSACTION, Payload},
    bounds::{MAX_ARGUMENTS, MAX_SIGNERS},
    channel::Channel,
    header::sha256_of,
    identity::Signed,
    msp::{Identity, Validity},
    wire::{Reader, WireFault},
};

/// A transaction (`common.Payload` of kind `ENDORSER_TRANSACTION`) with its one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// The payload that it came in.
    pub payload: Payload<'a>,
    /// The chaincode that was called.
    pub chaincode: &'a str,
    /// The call's arguments; the first one is the function.
    pub arguments: Vec<&'a [u8]>,
    /// The answer.
    pub answer: Answer<'a>,
    /// Who vouches for it.
    pub endorsements: Vec<Endorsement<'a>>,
}

/// What endorsers signed (`protos.ProposalResponsePayload` with its `ChaincodeAction`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The bytes signed.
    pub bytes: &'a [u8],
    /// Hash of the question.
    pub proposal_hash: B256,
    /// `rwset.TxReadWriteSet`: what the call read and would write.
    pub results: &'a [u8],
    /// Status of the response: 200 is success.
    pub status: u32,
    /// Content of the response.
    pub payload: &'a [u8],
    /// The chaincode that answered.
    pub chaincode: &'a str,
}

/// One endorser's signature, over the answer's bytes with the endorser's serialized identity behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endorsement<'a> {
    /// `msp.SerializedIdentity`.
    pub endorser: &'a [u8],
    /// ECDSA in DER.
    pub signature: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Reads what endorsers signed.
    ///
    /// # Errors
    /// It is not canonical.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        const MESSAGE: &str = "ProposalResponsePayload";
        let mut reader = Reader::new(MESSAGE, bytes);
        let proposal_hash = B256::try_from(reader.required(1)?).map_err(|_| WireFault::Number { message: MESSAGE })?;
        let action = reader.bytes(2)?;
        reader.end()?;
        let mut reader = Reader::new("ChaincodeAction", action);
        let results = reader.bytes(1)?;
        reader.bytes(2)?; // An event. What counts is what is read from state.
        let response = reader.part(3)?.unwrap_or_default();
        let chaincode = reader.part(4)?.unwrap_or_default();
        reader.end()?;
        let mut reader = Reader::new("Response", response);
        let status = reader.small(1)?;
        reader.text(2)?;
        let payload = reader.bytes(3)?;
        reader.end()?;
        Ok(Self { bytes, proposal_hash, results, status, payload, chaincode: chaincode_name(chaincode)? })
    }
}

impl<'a> Endorsement<'a> {
    /// Reads `protos.Endorsement`.
    ///
    /// # Errors
    /// It is not canonical.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        let mut reader = Reader::new("Endorsement", bytes);
        let endorser = reader.bytes(1)?;
        let signature = reader.bytes(2)?;
        reader.end()?;
        Ok(Self { endorser, signature })
    }

    /// The bytes that the endorser of an answer signs.
    pub fn message(&self, answer: &[u8]) -> Vec<u8> {
        [answer, self.endorser].concat()
    }
}

/// The name in `protos.ChaincodeID`.
fn chaincode_name(bytes: &[u8]) -> Result<&str, WireFault> {
    let mut reader = Reader::new("ChaincodeID", bytes);
    reader.text(1)?;
    let name = reader.text(2)?;
    reader.text(3)?;
    reader.end()?;
    Ok(name)
}

impl<'a> Transaction<'a> {
    /// Reads a transaction, and checks that its parts belong together: the answer is to this question, the id is that
    /// of its sender and nonce, and all parts name one chaincode.
    ///
    /// # Errors
    /// It is no transaction, not canonical, or its parts do not belong together.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let payload = Payload::decode(bytes)?;
        if payload.kind != ENDORSER_TRANSACTION {
            return Err(ReadFault::NotATransaction { kind: payload.kind }.into());
        }
        let (action, header) = one_action(payload.data)?;
        if header != payload.signature_header {
            return Err(ReadFault::OtherQuestion.into());
        }
        let mut reader = Reader::new("ChaincodeActionPayload", action);
        let question = reader.required(1)?;
        let endorsed = reader.required(2)?;
        reader.end()?;
        let mut reader = Reader::new("ChaincodeEndorsedAction", endorsed);
        let answer = Answer::decode(reader.required(1)?)?;
        let endorsements = reader.parts(2, MAX_SIGNERS)?;
        reader.end()?;
        let endorsements = endorsements.into_iter().map(Endorsement::decode).collect::<Result<Vec<_>, _>>()?;
        let asked = sha256_of([payload.channel_header, payload.signature_header, question]);
        if asked != answer.proposal_hash {
            return Err(ReadFault::OtherQuestion.into());
        }
        if hex::encode(sha256_of([payload.nonce, payload.creator])) != payload.tx_id {
            return Err(ReadFault::TransactionId.into());
        }
        let (chaincode, arguments) = call(question)?;
        let mut reader = Reader::new("ChaincodeHeaderExtension", payload.extension);
        reader.bytes(1)?; // Visibility of the payload: unused since Fabric 1.0.
        let addressed = chaincode_name(reader.part(2)?.unwrap_or_default())?;
        reader.end()?;
        for found in [addressed, answer.chaincode] {
            if found != chaincode {
                return Err(ReadFault::wrong_emitter(chaincode, found).into());
            }
        }
        Ok(Self { payload, chaincode, arguments, answer, endorsements })
    }

    /// The endorsers, each of them a different valid identity whose signature is good. Whether they are enough is for a
    /// policy to say.
    ///
    /// # Errors
    /// One is nobody, one did not sign, or one signed twice.
    pub fn endorsers<V: VerifyP256>(&self, channel: &Channel, validity: Validity) -> Result<Vec<Identity>, Refusal> {
        let signed = |endorsement: &Endorsement<'a>| Signed {
            signer: endorsement.endorser,
            message: endorsement.message(self.answer.bytes),
            signature: endorsement.signature,
        };
        let signed: Vec<Signed<'_>> = self.endorsements.iter().map(signed).collect();
        channel.signers::<V>(&signed, validity)
    }
}

/// Payload and header of the one action of a `protos.Transaction`.
fn one_action(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let mut reader = Reader::new("Transaction", bytes);
    let actions = reader.parts(1, 1)?;
    reader.end()?;
    let [action] = actions.as_slice() else { return Err(ReadFault::OtherQuestion.into()) };
    let mut reader = Reader::new("TransactionAction", action);
    let header = reader.bytes(1)?;
    let payload = reader.bytes(2)?;
    reader.end()?;
    Ok((payload, header))
}

/// Chaincode and arguments of a `protos.ChaincodeProposalPayload` (without transient data, which is in no hash).
fn call(question: &[u8]) -> Result<(&str, Vec<&[u8]>), WireFault> {
    let mut reader = Reader::new("ChaincodeProposalPayload", question);
    let input = reader.bytes(1)?;
    reader.end()?;
    let mut reader = Reader::new("ChaincodeInvocationSpec", input);
    let spec = reader.required(1)?;
    reader.end()?;
    let mut reader = Reader::new("ChaincodeSpec", spec);
    reader.small(1)?; // The language.
    let name = chaincode_name(reader.part(2)?.unwrap_or_default())?;
    let input = reader.part(3)?.unwrap_or_default();
    reader.small(4)?;
    reader.end()?;
    let mut reader = Reader::new("ChaincodeInput", input);
    let arguments = reader.parts(1, MAX_ARGUMENTS)?;
    reader.parts(2, MAX_ARGUMENTS)?; // Decorations that the peer adds: none in a proposal's hash.
    reader.flag(3)?; // Whether this is the chaincode's first call.
    reader.end()?;
    Ok((name, arguments))
}
