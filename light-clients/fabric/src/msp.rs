//! A membership service provider (MSP): who belongs to an organisation, and as what.
//!
//! After Fabric `msp/mspimpl.go`, `mspimplsetup.go`, `mspimplvalidate.go`, versions 1.0, 1.1 and 1.4.3 of the provider as the
//! channel's capabilities ask for. Stricter than these: certificates expire, authorities may be revoked as well, an
//! administrator by list must be valid too, an identity whose key usage forbids signatures is none.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use alloy_primitives::B256;
use causeway_crypto::p256::VerifyP256;
use thiserror::Error;

use crate::{
    bounds::{MAX_CHAIN, MAX_MSP_ITEMS},
    header::sha256_of,
    wire::{Reader, WireFault},
    x509::{Certificate, CertificateFault, RevocationList},
};

/// Why an identity is nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityFault {
    /// It is not a serialized identity.
    #[error("{0}")]
    Message(#[from] WireFault),
    /// Its certificate can not be used.
    #[error("{0}")]
    Certificate(#[from] CertificateFault),
    /// The channel has no such organisation.
    #[error("the channel has no MSP {0}")]
    UnknownMsp(String),
    /// It is an authority, which signs certificates, not messages.
    #[error("a certificate authority is no identity")]
    Authority,
    /// Its key may not sign messages.
    #[error("the key usage allows no signatures")]
    KeyUsage,
    /// No chain of good certificates leads to a root of the organisation.
    #[error("no chain leads to a root of the organisation")]
    NoChain,
    /// Two chains do.
    #[error("more than one chain leads to a root of the organisation")]
    TwoChains,
    /// A certificate of the chain is not valid any more.
    #[error("a certificate ended at {not_after}, now is {now}")]
    Expired {
        /// Unix seconds.
        not_after: u64,
        /// Unix seconds.
        now: u64,
    },
    /// A certificate of the chain is not valid yet.
    #[error("a certificate begins at {not_before}, now is {now}")]
    NotYetValid {
        /// Unix seconds.
        not_before: u64,
        /// Unix seconds.
        now: u64,
    },
    /// A certificate of the chain was taken back.
    #[error("a certificate was revoked")]
    Revoked,
    /// Not in one of the organisational units that the organisation admits.
    #[error("in none of the organisational units that the organisation admits")]
    NoUnit,
    /// The organisation tells kinds of nodes apart, and this is not exactly one.
    #[error("expected exactly one node kind, found {found}")]
    NodeKinds {
        /// Number of kinds.
        found: usize,
    },
    /// The serialized identity is not that of the consenter.
    #[error("not the certificate of a consenter")]
    NotConsenter,
}

/// Against which time certificates are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// They must be valid at this time, Unix seconds.
    At(u64),
    /// They need not: for signatures that were judged when they were made, under a block that is judged now.
    Whenever,
}

/// A kind of node, as organisational units tell it (`FabricNodeOUs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum NodeKind {
    Client,
    Peer,
    Admin,
    Orderer,
}

/// An organisational unit, where asked of one chain of authorities only.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    name: String,
    certifiers: Option<B256>,
}

/// Which version of the provider the channel's capabilities ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MspVersion {
    /// Fabric 1.0: no node kinds.
    V1_0,
    /// Fabric 1.1: clients and peers.
    V1_1,
    /// Fabric 1.4.3: administrators and orderers too.
    V1_4_3,
}

/// An organisation's provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msp {
    name: String,
    roots: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    admins: Vec<Vec<u8>>,
    revocations: Vec<RevocationList>,
    units: Vec<Unit>,
    /// Empty where kinds are not told apart.
    kinds: Vec<(NodeKind, Unit)>,
}

/// A valid identity, with what principals ask of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The organisation's MSP id.
    pub msp: String,
    /// Its certificate.
    pub certificate: Certificate,
    /// SHA-256 of the certificates of its authorities, from its issuer to the root.
    pub certifiers: B256,
    /// What it is, where the organisation tells kinds apart.
    pub kind: Option<NodeKind>,
    /// Whether the organisation lists it as an administrator.
    pub listed_admin: bool,
}

const MESSAGE: &str = "FabricMSPConfig";

impl Msp {
    /// Reads a `msp.MSPConfig`. `None` if it is of another type than X.509 (idemix): nobody is known by it.
    ///
    /// # Errors
    /// It is malformed, asks for other algorithms, or holds no root.
    pub(crate) fn read(bytes: &[u8], version: MspVersion) -> Result<Option<Self>, MspFault> {
        let mut outer = Reader::new("MSPConfig", bytes);
        let kind = outer.small(1)?;
        let config = outer.bytes(2)?;
        outer.end()?;
        if kind != 0 {
            return Ok(None);
        }
        let mut reader = Reader::new(MESSAGE, config);
        let name = reader.text(1)?.to_string();
        let certificates = |parts: Vec<&[u8]>| {
            parts.into_iter().map(Certificate::from_pem).collect::<Result<Vec<_>, CertificateFault>>()
        };
        let roots = certificates(reader.parts(2, MAX_MSP_ITEMS)?)?;
        let intermediates = certificates(reader.parts(3, MAX_MSP_ITEMS)?)?;
        let admins = certificates(reader.parts(4, MAX_MSP_ITEMS)?)?;
        let revocations = reader.parts(5, MAX_MSP_ITEMS)?.into_iter().map(RevocationList::read);
        let revocations = revocations.collect::<Result<Vec<_>, _>>()?;
        reader.part(6)?; // An MSP's own signing key has no place in a channel; nothing is read from it.
        let units = reader.parts(7, MAX_MSP_ITEMS)?;
        crypto_config(reader.part(8)?)?;
        reader.parts(9, MAX_MSP_ITEMS)?; // TLS: other certificates for another purpose.
        reader.parts(10, MAX_MSP_ITEMS)?;
        let node_units = reader.part(11)?;
        reader.end()?;
        if name.is_empty() || roots.is_empty() || !roots.iter().chain(&intermediates).all(Certificate::is_authority) {
            return Err(MspFault::NoRoot);
        }
        let admins = admins.into_iter().map(|admin| admin.der().to_vec()).collect();
        let mut msp = Self { name, roots, intermediates, admins, revocations, units: Vec::new(), kinds: Vec::new() };
        msp.units = units.into_iter().map(|unit| msp.unit(unit)).collect::<Result<_, _>>()?;
        if let Some(bytes) = node_units {
            msp.kinds = msp.node_kinds(bytes, version)?;
        }
        Ok(Some(msp))
    }

    /// The organisation's MSP id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a `FabricOUIdentifier`.
    fn unit(&self, bytes: &[u8]) -> Result<Unit, MspFault> {
        let mut reader = Reader::new("FabricOUIdentifier", bytes);
        let certificate = reader.bytes(1)?;
        let name = reader.text(2)?.to_string();
        reader.end()?;
        let certifiers = match certificate {
            [] => None,
            pem => {
                let authority = Certificate::from_pem(pem)?;
                Some(self.certifiers_of(&authority).ok_or(MspFault::UnknownCertifier)?)
            }
        };
        Ok(Unit { name, certifiers })
    }

    /// Reads `FabricNodeOUs`. An organisation that tells kinds apart but names none admits nobody.
    fn node_kinds(&self, bytes: &[u8], version: MspVersion) -> Result<Vec<(NodeKind, Unit)>, MspFault> {
        let mut reader = Reader::new("FabricNodeOUs", bytes);
        let enabled = reader.flag(1)?;
        let mut kinds = Vec::new();
        for (field, kind, since) in [
            (2, NodeKind::Client, MspVersion::V1_1),
            (3, NodeKind::Peer, MspVersion::V1_1),
            (4, NodeKind::Admin, MspVersion::V1_4_3),
            (5, NodeKind::Orderer, MspVersion::V1_4_3),
        ] {
            let Some(unit) = reader.part(field)? else { continue };
            let unit = self.unit(unit)?;
            if version >= since && !unit.name.is_empty() {
                kinds.push((kind, unit));
            }
        }
        reader.end()?;
        if !enabled || version == MspVersion::V1_0 {
            return Ok(Vec::new());
        }
        if kinds.is_empty() {
            return Err(MspFault::NoNodeKinds);
        }
        Ok(kinds)
    }

    /// The identifier of a chain of authorities that starts at one of the organisation's own. Who configured the
    /// organisation vouches for these, so their signatures are not checked here; only identities' are.
    fn certifiers_of(&self, authority: &Certificate) -> Option<B256> {
        let mut chain: Vec<&Certificate> = Vec::new();
        let mut next = self.authorities().find(|own| *own == authority)?;
        loop {
            chain.push(next);
            if self.roots.contains(next) {
                return Some(sha256_of(chain.into_iter().map(Certificate::der)));
            }
            if chain.len() == MAX_CHAIN {
                return None;
            }
            next = self.authorities().find(|own| next.names_issuer(own))?;
        }
    }

    fn authorities(&self) -> impl Iterator<Item = &Certificate> {
        self.intermediates.iter().chain(&self.roots)
    }

    /// Judges a certificate of this organisation.
    ///
    /// # Errors
    /// Names the rule that it breaks.
    pub fn validate<V: VerifyP256>(
        &self,
        certificate: Certificate,
        validity: Validity,
    ) -> Result<Identity, IdentityFault> {
        if certificate.is_authority() {
            return Err(IdentityFault::Authority);
        }
        if !certificate.may_sign_messages() {
            return Err(IdentityFault::KeyUsage);
        }
        let chain = self.chain::<V>(&certificate)?;
        if let Validity::At(now) = validity {
            for certificate in [&certificate].into_iter().chain(chain.iter().copied()) {
                valid_at(certificate, now)?;
            }
        }
        let mut below = &certificate;
        for authority in &chain {
            if self.revocations.iter().any(|list| list.revokes::<V>(below, authority)) {
                return Err(IdentityFault::Revoked);
            }
            below = authority;
        }
        let certifiers = sha256_of(chain.iter().map(|authority| authority.der()));
        let is_in = |unit: &Unit| {
            certificate.units().contains(&unit.name) && unit.certifiers.is_none_or(|wanted| wanted == certifiers)
        };
        if !self.units.is_empty() && !self.units.iter().any(is_in) {
            return Err(IdentityFault::NoUnit);
        }
        let kinds: Vec<NodeKind> = self.kinds.iter().filter(|(_, unit)| is_in(unit)).map(|(kind, _)| *kind).collect();
        let kind = match (self.kinds.is_empty(), kinds.as_slice()) {
            (true, _) => None,
            (false, [kind]) => Some(*kind),
            (false, _) => return Err(IdentityFault::NodeKinds { found: kinds.len() }),
        };
        let listed_admin = self.admins.iter().any(|admin| admin == certificate.der());
        Ok(Identity { msp: self.name.clone(), certificate, certifiers, kind, listed_admin })
    }

    /// The one chain of authorities above a certificate, from its issuer to a root. Where an authority has
    /// intermediates below it, it does not itself issue identities (Fabric: the issuer is a leaf of the tree).
    fn chain<V: VerifyP256>(&self, leaf: &Certificate) -> Result<Vec<&Certificate>, IdentityFault> {
        let mut chain: Vec<&Certificate> = Vec::new();
        let mut below = leaf;
        loop {
            let mut issuer = None;
            for candidate in self.authorities().filter(|own| below.names_issuer(own) && own.may_sign_certificates()) {
                if !below.signed_by::<V>(candidate)? {
                    continue;
                }
                if issuer.is_some_and(|found| found != candidate) {
                    return Err(IdentityFault::TwoChains);
                }
                issuer = Some(candidate);
            }
            let issuer = issuer.ok_or(IdentityFault::NoChain)?;
            if issuer.path_length().is_some_and(|limit| chain.len() > usize::from(limit)) {
                return Err(IdentityFault::NoChain);
            }
            if chain.is_empty() && self.intermediates.iter().any(|other| other != issuer && other.names_issuer(issuer))
            {
                return Err(IdentityFault::NoChain);
            }
            chain.push(issuer);
            if self.roots.contains(issuer) {
                return Ok(chain);
            }
            if chain.len() + 1 >= MAX_CHAIN {
                return Err(IdentityFault::NoChain);
            }
            below = issuer;
        }
    }
}

fn valid_at(certificate: &Certificate, now: u64) -> Result<(), IdentityFault> {
    let (not_before, not_after) = certificate.validity();
    if now > not_after {
        return Err(IdentityFault::Expired { not_after, now });
    }
    if now < not_before {
        return Err(IdentityFault::NotYetValid { not_before, now });
    }
    Ok(())
}

/// Only SHA-2 signatures and SHA-256 identifiers (Fabric's defaults; an absent message means them).
fn crypto_config(bytes: Option<&[u8]>) -> Result<(), MspFault> {
    let Some(bytes) = bytes else { return Ok(()) };
    let mut reader = Reader::new("FabricCryptoConfig", bytes);
    let family = reader.text(1)?;
    let identifiers = reader.text(2)?;
    reader.end()?;
    if matches!(family, "" | "SHA2") && matches!(identifiers, "" | "SHA256") {
        return Ok(());
    }
    Err(MspFault::UnsupportedHash)
}

/// Why a provider can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MspFault {
    /// A message is malformed.
    #[error("{0}")]
    Message(#[from] WireFault),
    /// A certificate can not be used.
    #[error("{0}")]
    Certificate(#[from] CertificateFault),
    /// No name, no root, or an authority that is none.
    #[error("no name, no root, or a root that is no authority")]
    NoRoot,
    /// A unit names a certifier that the organisation does not have.
    #[error("a unit's certifier is none of the organisation's authorities")]
    UnknownCertifier,
    /// Kinds of nodes are told apart, but none is named.
    #[error("node kinds are enabled but none is named")]
    NoNodeKinds,
    /// Another hash than SHA-256.
    #[error("another hash than SHA-256")]
    UnsupportedHash,
}
