//! X.509 (RFC 5280) as Fabric's membership service providers use it: P-256 keys, ECDSA with SHA-256, short chains.
//!
//! Reading is by `x509-cert`; what is judged stands here: a certificate is taken only if writing it again gives the
//! same bytes, and no critical extension is passed over.

mod certificate;
mod crl;

pub use certificate::{Certificate, CertificateFault};
pub use crl::RevocationList;
