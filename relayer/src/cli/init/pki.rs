//! A certificate authority per organisation and certificates for its relayers, for development and as a pattern for
//! production: one CA per organisation, one DNS name per certificate, usable for both sides of mutual TLS, nothing else.

use crate::cli::exit::CliError;
use alloy::primitives::B256;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A CA outlives several certificates.
const CA_VALIDITY: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
/// Short enough that renewal is practised, long enough for a try-out.
const CERTIFICATE_VALIDITY: Duration = Duration::from_secs(90 * 24 * 3600);

/// An organisation's certificate authority.
pub struct Authority {
    /// The organisation.
    pub organisation: String,
    /// Its certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM. Keep it off the relayer's machine.
    pub key_pem: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A relayer's certificate and key.
pub struct Identity {
    /// PEM.
    pub certificate_pem: String,
    /// PEM.
    pub key_pem: String,
}

/// The DNS name in the certificate of an organisation's relayer. It is a name, not an address: nobody resolves it.
pub fn relayer_name(organisation: &str) -> String {
    format!("relayer.{organisation}.internal")
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// The machine's random numbers or the library fail.
    pub fn new(organisation: &str) -> Result<Self, CliError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        params.distinguished_name.push(DnType::CommonName, format!("{organisation} Causeway CA"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params, CA_VALIDITY);
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            organisation: organisation.to_owned(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
        })
    }

    /// A certificate for the relayer of that DNS name.
    ///
    /// # Errors
    /// `name` is no DNS name.
    pub fn issue(&self, name: &str) -> Result<Identity, CliError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(failed)?;
        params.distinguished_name.push(DnType::OrganizationName, self.organisation.as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, CERTIFICATE_VALIDITY);
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// SHA-256 of the certificate's DER form.
    pub fn certificate_sha256(&self) -> B256 {
        sha256(&self.der)
    }
}

/// SHA-256, as certificates are identified by.
pub fn sha256(bytes: &[u8]) -> B256 {
    use sha2::{Digest, Sha256};
    B256::new(Sha256::digest(bytes).into())
}

fn validity(params: &mut CertificateParams, length: Duration) {
    // A day back, for machines whose clocks differ.
    let start = SystemTime::now() - DAY;
    params.not_before = start.into();
    params.not_after = (start + length).into();
}

fn failed(error: rcgen::Error) -> CliError {
    CliError::local("certificates", error)
}
