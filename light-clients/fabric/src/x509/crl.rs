//! A certificate revocation list.

use alloc::vec::Vec;

use causeway_crypto::{HighS, p256::VerifyP256};
use x509_cert::{
    crl::CertificateList,
    der::{Decode, Encode, asn1::ObjectIdentifier, oid::AssociatedOid},
    ext::pkix::AuthorityKeyIdentifier,
};

use super::{Certificate, CertificateFault, certificate::is_ecdsa_sha256};
use crate::{bounds::MAX_CRL_BYTES, pem};

/// `id-ce-cRLNumber`.
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

/// A list of certificates that an authority takes back. It counts from the moment in which the channel's
/// configuration holds it, whatever times it names, and never expires (as in Fabric).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    signed: Vec<u8>,
    signature: Vec<u8>,
    issuer: Vec<u8>,
    authority_key_id: Option<Vec<u8>>,
    serials: Vec<Vec<u8>>,
}

impl RevocationList {
    /// Reads a list in PEM or DER.
    ///
    /// # Errors
    /// It is none in canonical DER, signed in another way, or has a critical extension.
    pub fn read(bytes: &[u8]) -> Result<Self, CertificateFault> {
        let bad = |_| CertificateFault::Der;
        if bytes.len() > 2 * MAX_CRL_BYTES {
            return Err(CertificateFault::Der);
        }
        let decoded = match bytes.first() {
            Some(0x30) => bytes.to_vec(),
            _ => pem::decode("X509 CRL", bytes, MAX_CRL_BYTES).ok_or(CertificateFault::Pem)?,
        };
        let list = CertificateList::from_der(&decoded).map_err(bad)?;
        if list.to_der().map_err(bad)? != decoded {
            return Err(CertificateFault::Der);
        }
        let tbs = &list.tbs_cert_list;
        if tbs.signature != list.signature_algorithm {
            return Err(CertificateFault::Contradiction);
        }
        if !is_ecdsa_sha256(&list.signature_algorithm) {
            return Err(CertificateFault::UnsupportedSignature);
        }
        let mut authority_key_id = None;
        for extension in tbs.crl_extensions.as_deref().unwrap_or_default() {
            match extension.extn_id {
                AuthorityKeyIdentifier::OID => {
                    let id = AuthorityKeyIdentifier::from_der(extension.extn_value.as_bytes()).map_err(bad)?;
                    authority_key_id = id.key_identifier.map(|id| id.as_bytes().to_vec());
                }
                CRL_NUMBER => {}
                _ if extension.critical => return Err(CertificateFault::CriticalExtension),
                _ => {}
            }
        }
        let revoked = tbs.revoked_certificates.as_deref().unwrap_or_default();
        Ok(Self {
            signed: tbs.to_der().map_err(bad)?,
            signature: list.signature.as_bytes().ok_or(CertificateFault::Der)?.into(),
            issuer: tbs.issuer.to_der().map_err(bad)?,
            authority_key_id,
            serials: revoked.iter().map(|entry| entry.serial_number.as_bytes().into()).collect(),
        })
    }

    /// Whether this list, made by `authority`, names `certificate`. A list that the authority did not sign names
    /// nobody (as in Fabric).
    pub(crate) fn revokes<V: VerifyP256>(&self, certificate: &Certificate, authority: &Certificate) -> bool {
        let named = self.serials.iter().any(|serial| serial == certificate.serial());
        let of_authority = self.issuer == authority.subject()
            && match (&self.authority_key_id, authority.subject_key_id()) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            };
        named
            && of_authority
            && authority.may_sign_lists()
            && V::verify_der(authority.key(), &self.signed, &self.signature, HighS::Accept).is_ok()
    }
}
