//! Serialized identities and signatures by them.

use alloc::{string::ToString, vec::Vec};

use causeway_crypto::{HighS, p256::VerifyP256};

use crate::{
    Refusal,
    channel::Channel,
    msp::{Identity, IdentityFault, Validity},
    wire::{Reader, WireFault},
    x509::Certificate,
};

/// Reads `msp.SerializedIdentity`: the organisation and the certificate in PEM.
///
/// # Errors
/// It is not canonical.
pub fn read(bytes: &[u8]) -> Result<(&str, &[u8]), WireFault> {
    let mut reader = Reader::new("SerializedIdentity", bytes);
    let msp = reader.text(1)?;
    let certificate = reader.bytes(2)?;
    reader.end()?;
    Ok((msp, certificate))
}

/// A signature with the one who claims it.
#[derive(Clone, Debug)]
pub(crate) struct Signed<'a> {
    /// `msp.SerializedIdentity`.
    pub(crate) signer: &'a [u8],
    /// The bytes signed.
    pub(crate) message: Vec<u8>,
    /// ECDSA in DER.
    pub(crate) signature: &'a [u8],
}

impl Channel {
    /// The identity that these bytes are in this channel.
    ///
    /// # Errors
    /// Nobody, and why.
    pub fn identity<V: VerifyP256>(&self, bytes: &[u8], validity: Validity) -> Result<Identity, IdentityFault> {
        let (msp, certificate) = read(bytes)?;
        let provider = self.msp(msp).ok_or_else(|| IdentityFault::UnknownMsp(msp.to_string()))?;
        provider.validate::<V>(Certificate::from_pem(certificate)?, validity)
    }

    /// The signer of a message, if the signature is good.
    pub(crate) fn signer<V: VerifyP256>(
        &self,
        place: usize,
        signed: &Signed<'_>,
        validity: Validity,
    ) -> Result<Identity, Refusal> {
        let identity = self.identity::<V>(signed.signer, validity).map_err(|fault| Refusal::Signer { place, fault })?;
        V::verify_der(identity.certificate.key(), &signed.message, signed.signature, HighS::Refuse)
            .map_err(|fault| Refusal::BadSignature { place, fault })?;
        Ok(identity)
    }

    /// The signers of messages, each different from the others. Whether there are enough of them is for a policy to say.
    ///
    /// # Errors
    /// One is nobody, one did not sign, or one signed twice.
    pub(crate) fn signers<V: VerifyP256>(
        &self,
        all: &[Signed<'_>],
        validity: Validity,
    ) -> Result<Vec<Identity>, Refusal> {
        let mut identities: Vec<Identity> = Vec::with_capacity(all.len());
        for (place, signed) in all.iter().enumerate() {
            let identity = self.signer::<V>(place, signed, validity)?;
            if is_among(&identity, &identities) {
                return Err(Refusal::DuplicateSigner { place });
            }
            identities.push(identity);
        }
        Ok(identities)
    }

    /// The signers whose signatures are good, each once; the others are passed over. For signatures that stand inside
    /// what somebody else signed, and so can not be cleaned on the way.
    pub(crate) fn good_signers<V: VerifyP256>(&self, all: &[Signed<'_>], validity: Validity) -> Vec<Identity> {
        let mut identities: Vec<Identity> = Vec::new();
        for (place, signed) in all.iter().enumerate() {
            match self.signer::<V>(place, signed, validity) {
                Ok(identity) if !is_among(&identity, &identities) => identities.push(identity),
                _ => {}
            }
        }
        identities
    }
}

/// One holder of a key is one signer, however many certificates name the key.
fn is_among(identity: &Identity, others: &[Identity]) -> bool {
    others.iter().any(|other| other.certificate.key() == identity.certificate.key())
}
