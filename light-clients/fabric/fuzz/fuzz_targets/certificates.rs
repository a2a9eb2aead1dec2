//! Any bytes as certificates and revocation lists: none panics, and a certificate is the bytes that it was read from.
#![no_main]

use causeway_fabric::x509::{Certificate, RevocationList};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(certificate.der(), bytes);
        assert_eq!(certificate.key().first(), Some(&4));
    }
    if let Ok(certificate) = Certificate::from_pem(bytes) {
        assert_eq!(Certificate::from_der(certificate.der()), Ok(certificate));
    }
    let _ = RevocationList::read(bytes);
});
