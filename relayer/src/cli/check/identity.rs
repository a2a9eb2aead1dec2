//! Who this relayer is to others, and whether the others can be reached: certificates, their keys and their expiry.

use super::{Line, in_time};
use crate::{
    cli::exit::{CliError, Failure},
    config::{Config, secret},
    peers::config::PeerSettings,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::path::Path;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use x509_parser::{extensions::GeneralName, prelude::FromDer};

/// Time to renew: the alert of the metrics fires at the same distance.
const RENEW_BEFORE_DAYS: i64 = 14;
const DAY: i64 = 24 * 3600;

pub(super) fn check(config: &Config, now: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(listener) = &config.listener {
        lines.push(Line::of("listener.certificate", own_certificate(&listener.certificate, &listener.key)));
        lines.push(expiry("listener.certificate.expiry", &listener.certificate, now));
    }
    for (name, peer) in config.peer_names().into_iter().filter_map(|name| Some((name, config.peer(name)?))) {
        lines.push(expiry(&format!("peers.{name}.ca"), &peer.ca, now));
    }
    lines
}

/// The certificate can be read, carries exactly one DNS name, and the key is its own.
fn own_certificate(certificate: &Path, key: &Path) -> Result<String, CliError> {
    let wrong =
        |message: String| CliError::new(Failure::Config, message).advise("issue it anew; `causeway init` shows how");
    let chain = read_chain(certificate)?;
    let first = chain.first().ok_or_else(|| wrong(format!("{}: no certificate in it", certificate.display())))?;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(first)
        .map_err(|_| wrong(format!("{}: not a certificate", certificate.display())))?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names: Vec<&GeneralName<'_>> = names.iter().flat_map(|names| &names.value.general_names).collect();
    let [GeneralName::DNSName(name)] = names.as_slice() else {
        let expected = "expected exactly one DNS name (subject alternative name)";
        return Err(wrong(format!("{}: {expected}, found {}", certificate.display(), names.len())));
    };
    let bytes = secret::read_secret("listener.key", key)
        .map_err(|problem| CliError::from(crate::config::ConfigError::one(key, problem)))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| wrong(format!("{}: not a PEM private key", key.display())))?;
    let name = (*name).to_owned();
    rustls::sign::CertifiedKey::from_der(chain, private, &rustls::crypto::ring::default_provider())
        .map_err(|error| wrong(format!("{} and {} do not fit: {error}", certificate.display(), key.display())))?;
    Ok(format!("{name}, and its key fits"))
}

fn expiry(what: &str, path: &Path, now: u64) -> Line {
    let ends = read_chain(path).and_then(|chain| {
        let ends = chain.iter().filter_map(|certificate| {
            let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate).ok()?;
            Some((parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp()))
        });
        let unreadable = || CliError::new(Failure::Config, format!("{}: no certificate in it", path.display()));
        ends.reduce(|a, b| (a.0.max(b.0), a.1.min(b.1))).ok_or_else(unreadable)
    });
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    match ends {
        Err(error) => Line::of(what, Err(error)),
        Ok((start, _)) if start > now => {
            Line::fail(what, "not valid yet", "compare this machine's clock with the CA's")
        }
        Ok((_, end)) if end <= now => {
            Line::fail(what, format!("expired {} days ago", (now - end) / DAY), "issue it anew")
        }
        Ok((_, end)) if end - now < RENEW_BEFORE_DAYS * DAY => Line::warn(
            what,
            format!("{} days left", (end - now) / DAY),
            "renew it now: the relayer takes it without a restart",
        ),
        Ok((_, end)) => Line::ok(what, format!("{} days left", (end - now) / DAY)),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CliError> {
    let bytes = secret::read_public("", path, secret::MAX_FILE_BYTES)
        .map_err(|problem| CliError::from(crate::config::ConfigError::one(path, problem)))?;
    CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| CliError::new(Failure::Config, format!("{}: expected PEM certificates", path.display())))
}

/// Tries a handshake with every peer. A peer that does not run yet is a warning: `run` goes on alone until it does.
pub(super) async fn check_peers(config: &Config) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, peer) in config.peer_names().into_iter().filter_map(|name| Some((name, config.peer(name)?))) {
        let what = format!("peers.{name}");
        let tried = in_time(&what, handshake(config, peer)).await;
        lines.push(match tried {
            Ok(found) => Line::ok(what, found),
            Err(error) if error.failure == Failure::Unreachable => {
                Line::warn(what, error.message, "start it, or correct `address`; until then this relayer works alone")
            }
            Err(error) => Line::of(what, Err(error)),
        });
    }
    lines
}

async fn handshake(config: &Config, peer: &PeerSettings) -> Result<String, CliError> {
    let unreachable = |what: &dyn std::fmt::Display| {
        CliError::new(Failure::Unreachable, format!("no connection to {}: {what}", peer.address))
    };
    let endpoint = Endpoint::from_shared(peer.address.clone()).map_err(|error| unreachable(&error))?;
    if peer.plaintext_for_development {
        endpoint.connect().await.map_err(|error| unreachable(&error))?;
        return Ok("answers, without TLS".to_owned());
    }
    let Some(listener) = &config.listener else {
        return Err(CliError::new(Failure::Config, "listener: expected this relayer's certificate, found none"));
    };
    let pem = |path: &Path, key: bool| {
        let read =
            if key { secret::read_secret("", path) } else { secret::read_public("", path, secret::MAX_FILE_BYTES) };
        read.map_err(|problem| CliError::from(crate::config::ConfigError::one(path, problem)))
    };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pem(&peer.ca, false)?))
        .identity(Identity::from_pem(pem(&listener.certificate, false)?, pem(&listener.key, true)?))
        .domain_name(peer.certificate_name.clone());
    let endpoint = endpoint.tls_config(tls).map_err(|error| unreachable(&error))?;
    endpoint.connect().await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        unreachable(&cause)
    })?;
    Ok(format!("{} answers as {}", peer.address, peer.certificate_name))
}
