//! One certificate.

use alloc::{string::String, vec::Vec};

use causeway_crypto::{HighS, p256::VerifyP256};
use thiserror::Error;
use x509_cert::{
    certificate::Certificate as Parsed,
    der::{
        Decode, Encode,
        asn1::{ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef},
        oid::AssociatedOid,
    },
    ext::{
        Extension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
        },
    },
    spki::AlgorithmIdentifierOwned,
};

use crate::{bounds::MAX_CERTIFICATE_BYTES, pem};

/// `ecdsa-with-SHA256` (RFC 5758 §3.2).
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
/// `id-ecPublicKey` (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `secp256r1` (RFC 5480 §2.1.1.1).
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// `id-at-organizationalUnitName`.
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// Why a certificate can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CertificateFault {
    /// It is no PEM of one certificate.
    #[error("no PEM of one certificate")]
    Pem,
    /// It is no certificate in canonical DER, or too large.
    #[error("no certificate in canonical DER")]
    Der,
    /// It says twice, or differently in two places, what may be said once.
    #[error("the certificate contradicts itself")]
    Contradiction,
    /// Its key is not on P-256.
    #[error("the key is not an uncompressed point of P-256")]
    UnsupportedKey,
    /// It has a critical extension that nobody here understands.
    #[error("an unknown critical extension")]
    CriticalExtension,
    /// It is not signed by ECDSA with SHA-256.
    #[error("not signed by ECDSA with SHA-256")]
    UnsupportedSignature,
}

/// A certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
    signed_by_ecdsa_sha256: bool,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    serial: Vec<u8>,
    units: Vec<String>,
    key: [u8; 65],
    not_before: u64,
    not_after: u64,
    is_authority: bool,
    path_length: Option<u8>,
    key_usage: Option<KeyUsage>,
    subject_key_id: Option<Vec<u8>>,
    authority_key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads a certificate in PEM.
    ///
    /// # Errors
    /// See [`CertificateFault`].
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateFault> {
        Self::from_der(&pem::decode("CERTIFICATE", text, MAX_CERTIFICATE_BYTES).ok_or(CertificateFault::Pem)?)
    }

    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// See [`CertificateFault`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateFault> {
        let bad = |_| CertificateFault::Der;
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateFault::Der);
        }
        let parsed = Parsed::from_der(der).map_err(bad)?;
        if parsed.to_der().map_err(bad)? != der {
            return Err(CertificateFault::Der);
        }
        let tbs = &parsed.tbs_certificate;
        if tbs.signature != parsed.signature_algorithm {
            return Err(CertificateFault::Contradiction);
        }
        let extensions = Extensions::read(tbs.extensions.as_deref().unwrap_or_default())?;
        let spki = &tbs.subject_public_key_info;
        let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        let key = spki.subject_public_key.as_bytes().unwrap_or_default();
        let key: [u8; 65] = key.try_into().map_err(|_| CertificateFault::UnsupportedKey)?;
        if spki.algorithm.oid != EC_PUBLIC_KEY || curve != Some(P256) || key.first() != Some(&4) {
            return Err(CertificateFault::UnsupportedKey);
        }
        Ok(Self {
            der: der.into(),
            signed: tbs.to_der().map_err(bad)?,
            signature: parsed.signature.as_bytes().ok_or(CertificateFault::Der)?.into(),
            signed_by_ecdsa_sha256: is_ecdsa_sha256(&parsed.signature_algorithm),
            issuer: tbs.issuer.to_der().map_err(bad)?,
            subject: tbs.subject.to_der().map_err(bad)?,
            serial: tbs.serial_number.as_bytes().into(),
            units: units(&tbs.subject)?,
            key,
            not_before: tbs.validity.not_before.to_unix_duration().as_secs(),
            not_after: tbs.validity.not_after.to_unix_duration().as_secs(),
            is_authority: extensions.constraints.as_ref().is_some_and(|constraints| constraints.ca),
            path_length: extensions.constraints.and_then(|constraints| constraints.path_len_constraint),
            key_usage: extensions.usage,
            subject_key_id: extensions.subject_key_id,
            authority_key_id: extensions.authority_key_id,
        })
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key that it certifies: an uncompressed point of P-256 (SEC 1).
    pub const fn key(&self) -> &[u8; 65] {
        &self.key
    }

    /// The subject's organisational units, in their order.
    pub fn units(&self) -> &[String] {
        &self.units
    }

    /// Unix seconds from which, and to which (both inclusive), it is valid.
    pub const fn validity(&self) -> (u64, u64) {
        (self.not_before, self.not_after)
    }

    /// Whether it may sign certificates (basic constraints).
    pub const fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// Whether its key may sign messages: says so, or does not say what it may.
    pub fn may_sign_messages(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.digital_signature())
    }

    /// Whether its key may sign certificates: an authority that says so, or does not say what it may.
    pub fn may_sign_certificates(&self) -> bool {
        self.is_authority && self.key_usage.is_none_or(|usage| usage.key_cert_sign())
    }

    /// Whether its key may sign revocation lists. Fabric's own tools list `cRLSign` for each authority.
    pub fn may_sign_lists(&self) -> bool {
        self.is_authority && self.key_usage.is_none_or(|usage| usage.crl_sign())
    }

    /// Authorities that may follow it on the way to the leaf.
    pub(crate) const fn path_length(&self) -> Option<u8> {
        self.path_length
    }

    pub(crate) fn serial(&self) -> &[u8] {
        &self.serial
    }

    pub(crate) fn subject(&self) -> &[u8] {
        &self.subject
    }

    pub(crate) fn subject_key_id(&self) -> Option<&Vec<u8>> {
        self.subject_key_id.as_ref()
    }

    /// Whether names and key identifiers say that `authority` issued it. The signature is another question.
    pub(crate) fn names_issuer(&self, authority: &Self) -> bool {
        let ids = match (&self.authority_key_id, &authority.subject_key_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        self.issuer == authority.subject && ids
    }

    /// Whether `authority` signed it. Both forms of `s` are taken: an authority's tools may write either, and a twin
    /// certifies the very same.
    ///
    /// # Errors
    /// It is signed in another way.
    pub(crate) fn signed_by<V: VerifyP256>(&self, authority: &Self) -> Result<bool, CertificateFault> {
        if !self.signed_by_ecdsa_sha256 {
            return Err(CertificateFault::UnsupportedSignature);
        }
        Ok(V::verify_der(&authority.key, &self.signed, &self.signature, HighS::Accept).is_ok())
    }
}

/// `ecdsa-with-SHA256`, without parameters.
pub(crate) fn is_ecdsa_sha256(algorithm: &AlgorithmIdentifierOwned) -> bool {
    algorithm.oid == ECDSA_WITH_SHA256 && algorithm.parameters.is_none()
}

/// The organisational units of a subject.
fn units(subject: &x509_cert::name::Name) -> Result<Vec<String>, CertificateFault> {
    let mut units = Vec::new();
    for attribute in subject.0.iter().flat_map(|part| part.0.iter()) {
        if attribute.oid != ORGANIZATIONAL_UNIT {
            continue;
        }
        let value = &attribute.value;
        let text = value
            .decode_as::<Utf8StringRef<'_>>()
            .map(|text| text.as_str().into())
            .or_else(|_| value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().into()))
            .or_else(|_| value.decode_as::<TeletexStringRef<'_>>().map(|text| text.as_str().into()))
            .map_err(|_| CertificateFault::Der)?;
        units.push(text);
    }
    Ok(units)
}

/// The extensions that are judged.
#[derive(Default)]
struct Extensions {
    constraints: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
    subject_key_id: Option<Vec<u8>>,
    authority_key_id: Option<Vec<u8>>,
}

impl Extensions {
    fn read(all: &[Extension]) -> Result<Self, CertificateFault> {
        let mut out = Self::default();
        for (place, extension) in all.iter().enumerate() {
            if all.iter().take(place).any(|earlier| earlier.extn_id == extension.extn_id) {
                return Err(CertificateFault::Contradiction);
            }
            let value = extension.extn_value.as_bytes();
            let bad = |_| CertificateFault::Der;
            match extension.extn_id {
                BasicConstraints::OID => out.constraints = Some(BasicConstraints::from_der(value).map_err(bad)?),
                KeyUsage::OID => out.usage = Some(KeyUsage::from_der(value).map_err(bad)?),
                SubjectKeyIdentifier::OID => {
                    out.subject_key_id = Some(SubjectKeyIdentifier::from_der(value).map_err(bad)?.0.as_bytes().into());
                }
                AuthorityKeyIdentifier::OID => {
                    let id = AuthorityKeyIdentifier::from_der(value).map_err(bad)?;
                    out.authority_key_id = id.key_identifier.map(|id| id.as_bytes().into());
                }
                // What a key may be used for in TLS, and other names of the subject: neither matters to a signature.
                ExtendedKeyUsage::OID | SubjectAltName::OID => {}
                _ if extension.critical => return Err(CertificateFault::CriticalExtension),
                _ => {}
            }
        }
        Ok(out)
    }
}
