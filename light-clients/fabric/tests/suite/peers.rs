//! Beside what others use for the same: `x509-parser` with ring for certificates, `prost` for messages. Nothing that they
//! refuse is accepted here.

use causeway_crypto::p256::Native;
use causeway_fabric::{Channel, Validity, block::SignedMetadata, wire::Reader, x509::Certificate};
use proptest::prelude::*;
use prost::Message as _;

use crate::kit::{Authority, Chain, Kind, Org, START, config, root};

/// `common.Metadata` as prost reads it.
#[derive(Clone, PartialEq, prost::Message)]
struct Metadata {
    #[prost(bytes = "vec", tag = "1")]
    value: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    signatures: Vec<MetadataSignature>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MetadataSignature {
    #[prost(bytes = "vec", tag = "1")]
    signature_header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    identifier_header: Vec<u8>,
}

/// Whatever is read here, prost reads the same, and writes it back as the same bytes.
fn same_as_prost(bytes: &[u8]) -> bool {
    let Ok(ours) = SignedMetadata::decode(bytes) else { return false };
    let theirs = Metadata::decode(bytes).expect("accepted here, refused by prost");
    assert_eq!(theirs.encode_to_vec(), bytes);
    assert_eq!(ours.value, theirs.value);
    assert_eq!(ours.signatures.len(), theirs.signatures.len());
    for (ours, theirs) in ours.signatures.iter().zip(&theirs.signatures) {
        assert_eq!(ours.signature_header, theirs.signature_header);
        assert_eq!(ours.signature, theirs.signature);
        assert_eq!(ours.identifier_header, theirs.identifier_header);
    }
    true
}

#[test]
fn messages_are_read_as_prost_reads_them() {
    let metadata = Chain::bft(4).update(1).metadata();
    assert!(same_as_prost(&metadata));
    let accepted = std::cell::Cell::new(0_u32);
    proptest!(|(at in 0..metadata.len(), value: u8)| {
        let mut changed = metadata.clone();
        changed[at] = value;
        accepted.set(accepted.get() + u32::from(same_as_prost(&changed)));
    });
    assert!(accepted.get() > 20, "only {}", accepted.get());
}

#[test]
fn varints_are_read_as_prost_reads_them() {
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 1..12))| {
        let mut message = vec![8];
        message.extend_from_slice(&bytes);
        let mut reader = Reader::new("M", &message);
        if let Ok(number) = reader.number(1) {
            let theirs = prost::encoding::decode_varint(&mut bytes.as_slice());
            assert_eq!(theirs.ok(), Some(number));
        }
    });
}

/// Whether x509-parser reads it, finds it valid at [`START`] and signed by the authority.
fn theirs(der: &[u8], authority: &[u8]) -> bool {
    let Ok((rest, certificate)) = x509_parser::parse_x509_certificate(der) else { return false };
    let Ok((_, authority)) = x509_parser::parse_x509_certificate(authority) else { return false };
    let time = x509_parser::time::ASN1Time::from_timestamp(START as i64).unwrap();
    let key = &authority.public_key().subject_public_key.data;
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, key);
    rest.is_empty()
        && !certificate.is_ca()
        && certificate.validity().is_valid_at(time)
        && certificate.issuer() == authority.subject()
        && key.verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data).is_ok()
}

#[test]
fn certificates_are_judged_no_laxer_than_x509_parser_and_ring_do() {
    let org = Org::new("OrdererMSP");
    let channel = Channel::read(&config(0, &root(&[&org], &[], &[]))).unwrap();
    let msp = channel.msp("OrdererMSP").unwrap();
    let authority = Certificate::from_pem(org.authority.pem.replace("\r\n", "\n").as_bytes()).unwrap();
    let ours = |der: &[u8]| {
        Certificate::from_der(der).is_ok_and(|read| msp.validate::<Native>(read, Validity::At(START)).is_ok())
    };
    let der = |pem: &str| Certificate::from_pem(pem.as_bytes()).unwrap().der().to_vec();
    let good = der(&org.member("orderer").pem);
    assert!(ours(&good) && theirs(&good, authority.der()));
    for bad in [
        der(&Authority::root("ca.OrdererMSP").issue("OrdererMSP", Kind::node("orderer")).pem),
        der(&org.authority.issue("OrdererMSP", Kind { not_after: 2027, ..Kind::node("orderer") }).pem),
        der(&org.authority.issue("OrdererMSP", Kind { is_authority: true, ..Kind::node("orderer") }).pem),
    ] {
        assert!(!ours(&bad) && !theirs(&bad, authority.der()));
    }
    proptest!(|(at in 0..good.len(), value: u8, cut in 0..40_usize)| {
        let mut changed = good.clone();
        changed[at] = value;
        changed.truncate(good.len() - cut.saturating_sub(30));
        if ours(&changed) {
            assert!(theirs(&changed, authority.der()), "byte {at} = {value}");
        }
    });
}
