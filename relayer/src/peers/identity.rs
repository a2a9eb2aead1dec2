//! Whose certificate it is. A certificate names its holder by its one DNS name (subject alternative name); the common
//! name counts for nothing, and a certificate with a wildcard, with two names or with a name of another kind has no
//! holder (ATK-098). A name counts only under the CA of the organisation that it belongs to: no other CA can make one.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU32},
};

use rustls::pki_types::CertificateDer;
use x509_parser::{extensions::GeneralName, prelude::FromDer};

/// Longest DNS name.
const NAME_MAX: usize = 253;

/// Why a certificate names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nobody {
    /// Not an X.509 certificate.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// No subject alternative name; a common name does not count.
    #[error("the certificate has no subject alternative name")]
    NoName,
    /// More than one name.
    #[error("the certificate has more than one name")]
    SeveralNames,
    /// A wildcard, or a name that is no DNS name.
    #[error("the certificate's name is no plain DNS name")]
    NoPlainName,
}

/// The one DNS name of a certificate, in lower case.
///
/// # Errors
/// See [`Nobody`].
pub fn name_of(certificate: &CertificateDer<'_>) -> Result<String, Nobody> {
    let (rest, parsed) =
        x509_parser::certificate::X509Certificate::from_der(certificate).map_err(|_| Nobody::Unreadable)?;
    if !rest.is_empty() {
        return Err(Nobody::Unreadable);
    }
    let names = parsed.subject_alternative_name().map_err(|_| Nobody::Unreadable)?.ok_or(Nobody::NoName)?;
    let name = match names.value.general_names.as_slice() {
        [] => return Err(Nobody::NoName),
        [GeneralName::DNSName(name)] => *name,
        [_] => return Err(Nobody::NoPlainName),
        _ => return Err(Nobody::SeveralNames),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
        return Err(Nobody::NoPlainName);
    }
    Ok(name.to_ascii_lowercase())
}

/// Unix second at which a certificate ends.
#[must_use]
pub fn expires_at(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate).ok()?;
    u64::try_from(parsed.validity().not_after.timestamp()).ok()
}

/// An organisation that may connect.
#[derive(Debug)]
pub struct Organisation {
    /// Its name.
    pub name: Arc<str>,
    /// How many connections it has open.
    pub(super) connections: AtomicU32,
}

impl Organisation {
    /// An organisation without connections.
    #[must_use]
    pub fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.into(), connections: AtomicU32::new(0) })
    }
}

/// Organisations by the name in their certificates.
#[derive(Clone, Debug, Default)]
pub struct Directory(HashMap<String, Arc<Organisation>>);

impl Directory {
    /// From certificate names and organisations. Later entries of one name win.
    pub fn new(names: impl IntoIterator<Item = (String, Arc<Organisation>)>) -> Self {
        Self(names.into_iter().map(|(name, organisation)| (name.to_ascii_lowercase(), organisation)).collect())
    }

    /// The organisation that a certificate belongs to, if any. The certificate must have been verified under that
    /// organisation's CA (see [`super::tls`]).
    #[must_use]
    pub fn holder(&self, certificate: &CertificateDer<'_>) -> Option<Arc<Organisation>> {
        self.0.get(&name_of(certificate).ok()?).cloned()
    }
}
