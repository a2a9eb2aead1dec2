//! Certificates of both directions, read from disk and read again when they change (ATK-106).
//!
//! Each peer has its own CA. A caller's certificate is verified under the CA of the organisation that its name belongs
//! to; one whose name is nobody's must still come from some peer's CA to get past the handshake, and is then refused by
//! every call (`UNAUTHENTICATED`). TLS 1.3 only; no session resumption, so that every connection is judged by the
//! certificates and revocation lists of today.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use alloy::primitives::{B256, keccak256};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::ring,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use tokio_util::sync::CancellationToken;

use super::{
    config::{ListenSettings, PeerSettings, invalid},
    identity::{self, Directory, Organisation},
    verifiers::{ByName, OneName},
};
use crate::{lane::error::Result, metrics::Metrics};

/// Largest certificate, key or revocation file, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// TLS of one moment. Connections made under it end when it is replaced.
#[derive(Debug)]
pub struct Snapshot {
    /// `None`: plaintext, for development.
    pub(super) server: Option<Arc<ServerConfig>>,
    pub(super) directory: Directory,
    clients: HashMap<String, Arc<ClientConfig>>,
    /// Unix second at which this relayer's own certificate ends.
    pub expires_at: Option<u64>,
    /// Unix second at which the first CA certificate of each organisation ends, by its name.
    pub authorities: Vec<(Arc<str>, u64)>,
    /// Cancelled when another snapshot takes its place.
    pub(super) replaced: CancellationToken,
    /// Hashes of all files, to see changes: the bytes of a key are not kept.
    files: Vec<B256>,
}

/// The certificates in use.
#[derive(Debug)]
pub struct Tls {
    listen: ListenSettings,
    peers: Vec<PeerSettings>,
    organisations: HashMap<String, Arc<Organisation>>,
    mandatory: bool,
    current: RwLock<Arc<Snapshot>>,
}

impl Tls {
    /// Reads all files.
    ///
    /// # Errors
    /// `InvalidConfig`: a file that cannot be read, a key that is not the certificate's, two peers of one name.
    pub fn load(listen: ListenSettings, peers: Vec<PeerSettings>) -> Result<Arc<Self>> {
        Self::read(listen, peers, true)
    }

    /// The same for a listener that also serves callers without a certificate, who show something else.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn load_optional(listen: ListenSettings, peers: Vec<PeerSettings>) -> Result<Arc<Self>> {
        Self::read(listen, peers, false)
    }

    fn read(listen: ListenSettings, peers: Vec<PeerSettings>, mandatory: bool) -> Result<Arc<Self>> {
        listen.check()?;
        let mut organisations = HashMap::new();
        for peer in &peers {
            let name = peer.certificate_name.to_ascii_lowercase();
            if organisations.insert(name, Organisation::new(&peer.organisation)).is_some() {
                return Err(invalid(format!("two peers have the certificate name {}", peer.certificate_name)));
            }
        }
        let snapshot = Snapshot::load(&listen, &peers, &organisations, mandatory)?;
        Ok(Arc::new(Self { listen, peers, organisations, mandatory, current: RwLock::new(Arc::new(snapshot)) }))
    }

    /// What is in use now.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads all files again. If they changed, new connections use them and old ones are closed, to be made anew.
    /// On an error nothing changes. Gives whether they changed.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn reload(&self) -> Result<bool> {
        let fresh = Snapshot::load(&self.listen, &self.peers, &self.organisations, self.mandatory)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.files == current.files {
            return Ok(false);
        }
        let old = std::mem::replace(&mut *current, Arc::new(fresh));
        drop(current);
        old.replaced.cancel();
        Ok(true)
    }

    /// Looks for changed files until `shutdown`. A half-written set of files is tried again at the next look.
    pub async fn watch(self: Arc<Self>, shutdown: CancellationToken) {
        let mut looks = tokio::time::interval(self.listen.limits.certificate_interval);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = looks.tick() => {}
            }
            let this = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || this.reload()).await {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => tracing::info!("peer certificates were read again"),
                Ok(Err(error)) => tracing::warn!(error = %error, "peer certificates could not be read again"),
                Err(error) => tracing::error!(error = %error, "peer certificates could not be looked at"),
            }
        }
    }

    /// Shows how long the certificates in use still last at `now` (Unix seconds).
    ///
    /// # Errors
    /// The registry's.
    pub fn report(&self, metrics: &Metrics, now: u64) -> prometheus::Result<()> {
        let current = self.current();
        if let Some(ends) = current.expires_at {
            metrics.certificates.of("own")?.seconds_to_expiry.at(ends, now);
        }
        for (organisation, ends) in &current.authorities {
            metrics.certificates.of(organisation)?.seconds_to_expiry.at(*ends, now);
        }
        Ok(())
    }

    /// The organisation that every caller counts as, without TLS.
    pub(super) fn plaintext(&self) -> Option<Arc<Organisation>> {
        let name = self.listen.plaintext_for_development.as_deref()?;
        let known = self.organisations.values().find(|organisation| *organisation.name == *name);
        known.cloned()
    }

    /// Connections that the organisation of a certificate name has open.
    #[cfg(test)]
    pub(super) fn connections(&self, certificate_name: &str) -> u32 {
        let organisation = self.organisations.get(certificate_name);
        organisation.map_or(0, |of| of.connections.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// TLS towards the peer of that certificate name.
    pub(super) fn client(&self, certificate_name: &str) -> Option<Arc<ClientConfig>> {
        self.current().clients.get(&certificate_name.to_ascii_lowercase()).cloned()
    }
}

/// Bytes of the files that one peer's certificates are judged by.
struct PeerFiles {
    ca: Vec<u8>,
    revocations: Option<Vec<u8>>,
}

impl Snapshot {
    fn load(
        listen: &ListenSettings,
        peers: &[PeerSettings],
        organisations: &HashMap<String, Arc<Organisation>>,
        mandatory: bool,
    ) -> Result<Self> {
        let directory = Directory::new(organisations.iter().map(|(name, of)| (name.clone(), Arc::clone(of))));
        let replaced = CancellationToken::new();
        if listen.plaintext_for_development.is_some() {
            let (clients, files, authorities) = (HashMap::new(), Vec::new(), Vec::new());
            return Ok(Self { server: None, directory, clients, expires_at: None, authorities, replaced, files });
        }
        let provider = Arc::new(ring::default_provider());
        let own = (read(&listen.certificate)?, read(&listen.key)?);
        let chain = certificates(&listen.certificate, &own.0)?;
        let first = chain.first().ok_or_else(|| none_in(&listen.certificate, "certificate"))?;
        let expires_at = identity::expires_at(first);
        let key = || {
            let key = PrivateKeyDer::from_pem_slice(&own.1);
            key.map_err(|_| none_in(&listen.key, "private key"))
        };

        let mut files = vec![keccak256(&own.0), keccak256(&own.1)];
        let mut callers = HashMap::new();
        let mut authorities = Vec::new();
        let mut clients = HashMap::new();
        for peer in peers {
            let name = peer.certificate_name.to_ascii_lowercase();
            let found =
                PeerFiles { ca: read(&peer.ca)?, revocations: peer.revocations.as_deref().map(read).transpose()? };
            let (roots, revoked) = trust(peer, &found)?;
            let ends = certificates(&peer.ca, &found.ca)?.iter().filter_map(identity::expires_at).min();
            authorities.extend(ends.map(|ends| (peer.organisation.as_str().into(), ends)));
            let bad = |error: rustls::server::VerifierBuilderError| {
                invalid(format!("CA of {}: {}: {error}", peer.organisation, peer.ca.display()))
            };
            let mut caller = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
            let mut server = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
            if !revoked.is_empty() {
                caller = caller.with_crls(revoked.iter().cloned()).only_check_end_entity_revocation();
                server = server.with_crls(revoked).only_check_end_entity_revocation();
            }
            callers.insert(name.clone(), caller.build().map_err(bad)?);
            let server = OneName { name: name.clone(), inner: server.build().map_err(bad)? };
            let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&TLS13])
                .map_err(|error| invalid(error.to_string()))?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(server))
                .with_client_auth_cert(chain.clone(), key()?)
                .map_err(|error| mismatch(listen, &error))?;
            clients.insert(name, Arc::new(client(config)));
            files.push(keccak256(&found.ca));
            files.extend(found.revocations.map(keccak256));
        }
        let verifier = ByName { callers, provider: Arc::clone(&provider), mandatory };
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| invalid(error.to_string()))?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(chain, key()?)
            .map_err(|error| mismatch(listen, &error))?;
        Ok(Self {
            server: Some(Arc::new(server(config))),
            directory,
            clients,
            expires_at,
            authorities,
            replaced,
            files,
        })
    }
}

fn client(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    config
}

fn server(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

fn mismatch(listen: &ListenSettings, error: &rustls::Error) -> crate::lane::error::Error {
    invalid(format!("{} and {}: {error}", listen.certificate.display(), listen.key.display()))
}

fn none_in(path: &Path, what: &str) -> crate::lane::error::Error {
    invalid(format!("{}: expected a PEM {what}, found none", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let bad = |error: std::io::Error| invalid(format!("{}: {error}", path.display()));
    let len = fs::metadata(path).map_err(bad)?.len();
    if len > FILE_BYTES_MAX {
        return Err(invalid(format!("{}: {len} bytes, expected at most {FILE_BYTES_MAX}", path.display())));
    }
    fs::read(path).map_err(bad)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(none_in(path, "certificate")),
    }
}

type Trust = (Arc<RootCertStore>, Vec<CertificateRevocationListDer<'static>>);

fn trust(peer: &PeerSettings, found: &PeerFiles) -> Result<Trust> {
    let mut roots = RootCertStore::empty();
    for root in certificates(&peer.ca, &found.ca)? {
        roots.add(root).map_err(|error| invalid(format!("{}: {error}", peer.ca.display())))?;
    }
    let lists = match (&peer.revocations, &found.revocations) {
        (Some(path), Some(pem)) => {
            let lists: std::result::Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
            lists.ok().filter(|lists| !lists.is_empty()).ok_or_else(|| none_in(path, "revocation list"))?
        }
        _ => Vec::new(),
    };
    Ok((Arc::new(roots), lists))
}
