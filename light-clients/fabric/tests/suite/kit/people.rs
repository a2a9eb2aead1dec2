//! Certificate authorities and those whom they certify.

use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::Message;

/// How a certificate is made.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub unit: &'static str,
    pub not_after: i32,
    pub is_authority: bool,
    pub may_sign: bool,
    pub serial: u64,
}

impl Kind {
    pub const fn node(unit: &'static str) -> Self {
        Self { unit, not_after: 2036, is_authority: false, may_sign: true, serial: 7 }
    }
}

/// A certificate authority.
pub struct Authority {
    pub pem: String,
    params: CertificateParams,
    key: KeyPair,
}

fn authority_params(name: &str, path_length: Option<u8>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params.is_ca = IsCa::Ca(path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

impl Authority {
    pub fn root(name: &str) -> Self {
        let (params, key) = (authority_params(name, None), KeyPair::generate().unwrap());
        Self { pem: params.self_signed(&key).unwrap().pem(), params, key }
    }

    pub fn below(&self, name: &str, path_length: Option<u8>) -> Self {
        let (mut params, key) = (authority_params(name, path_length), KeyPair::generate().unwrap());
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_params(&self.params, &self.key);
        Self { pem: params.signed_by(&key, &issuer).unwrap().pem(), params, key }
    }

    pub fn issue(&self, msp: &str, kind: Kind) -> Member {
        let key = KeyPair::generate().unwrap();
        self.certify(msp, kind, &key)
    }

    fn certify(&self, msp: &str, kind: Kind, key: &KeyPair) -> Member {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "node");
        if !kind.unit.is_empty() {
            params.distinguished_name.push(DnType::OrganizationalUnitName, kind.unit);
        }
        params.not_before = date_time_ymd(2026, 6, 1);
        params.not_after = date_time_ymd(kind.not_after, 1, 1);
        params.serial_number = Some(SerialNumber::from(kind.serial));
        params.use_authority_key_identifier_extension = true;
        params.is_ca = if kind.is_authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        params.key_usages =
            vec![if kind.may_sign { KeyUsagePurpose::DigitalSignature } else { KeyUsagePurpose::KeyEncipherment }];
        let issuer = Issuer::from_params(&self.params, &self.key);
        let pem = params.signed_by(key, &issuer).unwrap().pem().replace("\r\n", "\n");
        // PKCS #8 of a P-256 key as ring writes it: the number stands at a fixed place.
        let signer = SigningKey::from_slice(&key.serialized_der()[36..68]).unwrap();
        assert_eq!(signer.verifying_key().to_encoded_point(false).as_bytes(), key.public_key_raw());
        Member { msp: msp.into(), pem, key: signer }
    }

    /// Two certificates of one key.
    pub fn issue_twice(&self, msp: &str, kind: Kind) -> [Member; 2] {
        let key = KeyPair::generate().unwrap();
        [self.certify(msp, kind, &key), self.certify(msp, Kind { serial: kind.serial + 1, ..kind }, &key)]
    }

    /// A list that takes back these serial numbers.
    pub fn revoke(&self, serials: &[u64]) -> Vec<u8> {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 12, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 12, 1),
            next_update: date_time_ymd(2027, 12, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&Issuer::from_params(&self.params, &self.key)).unwrap().pem().unwrap().into_bytes()
    }
}

/// Somebody with a key and a certificate.
#[derive(Clone)]
pub struct Member {
    pub msp: String,
    pub pem: String,
    pub key: SigningKey,
}

impl Member {
    /// `msp.SerializedIdentity`.
    pub fn serialized(&self) -> Vec<u8> {
        Message::new().bytes(1, self.msp.as_bytes()).bytes(2, self.pem.as_bytes()).0
    }

    /// `common.SignatureHeader`.
    pub fn header(&self) -> Vec<u8> {
        Message::new().part(1, &self.serialized()).bytes(2, &[9; 24]).0
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.normalize_s().unwrap_or(signature).to_der().as_bytes().to_vec()
    }
}

/// (r, n − s).
pub fn twin(signature: &[u8]) -> Vec<u8> {
    let (r, s) = Signature::from_der(signature).unwrap().split_scalars();
    Signature::from_scalars(*r, -*s).unwrap().to_der().as_bytes().to_vec()
}
