//! Certificates: validity, revocation, chains, kinds of nodes.

use causeway_crypto::p256::{Native, Portable};
use causeway_fabric::{Channel, IdentityFault, Refusal, Validity, msp::NodeKind};

use crate::kit::{Authority, Chain, Kind, Member, Org, START, begin, config, item, root};

fn judge(channel: &Channel, member: &Member, validity: Validity) -> Result<Option<NodeKind>, IdentityFault> {
    let native = channel.identity::<Native>(&member.serialized(), validity);
    assert_eq!(native, channel.identity::<Portable>(&member.serialized(), validity));
    native.map(|identity| identity.kind)
}

fn channel(org: &Org) -> Channel {
    Channel::read(&config(0, &root(&[org], &[], &[]))).unwrap()
}

#[test]
fn kinds_of_nodes_are_told_by_their_unit() {
    let org = Org::new("OrdererMSP");
    let channel = channel(&org);
    let now = Validity::At(START);
    for (unit, kind) in [
        ("client", NodeKind::Client),
        ("peer", NodeKind::Peer),
        ("admin", NodeKind::Admin),
        ("orderer", NodeKind::Orderer),
    ] {
        assert_eq!(judge(&channel, &org.member(unit), now), Ok(Some(kind)));
    }
    for unit in ["", "Peer", "nobody"] {
        assert_eq!(judge(&channel, &org.member(unit), now), Err(IdentityFault::NodeKinds { found: 0 }));
    }
}

#[test]
fn certificates_end_and_begin() {
    let mut chain = Chain::raft(1);
    let short = chain.orderer_org.authority.issue("OrdererMSP", Kind { not_after: 2028, ..Kind::node("orderer") });
    let end = 1_830_297_600; // 2028-01-01
    let begins = 1_780_272_000; // 2026-06-01
    let block = chain.block(1, None).signed_by(&[&short]);
    assert!(chain.verify(&block).is_ok());
    chain.params.trusting_period = 10 * 365 * 86_400;
    assert!(chain.verify_at(&block, end).is_ok());
    let expired = Refusal::Signer { place: 0, fault: IdentityFault::Expired { not_after: end, now: end + 1 } };
    assert_eq!(chain.verify_at(&block, end + 1), Err(expired));
    let channel = chain.trusted.channel();
    let early = IdentityFault::NotYetValid { not_before: begins, now: begins - 1 };
    assert_eq!(judge(channel, &short, Validity::At(begins - 1)), Err(early));
    assert!(judge(channel, &short, Validity::At(begins)).is_ok());
    assert!(judge(channel, &short, Validity::Whenever).is_ok());
    // The authority ends in 2036: nothing below it is valid after that.
    let long = chain.orderer_org.authority.issue("OrdererMSP", Kind { not_after: 2050, ..Kind::node("orderer") });
    assert!(matches!(judge(channel, &long, Validity::At(2_090_000_000)), Err(IdentityFault::Expired { .. })));
}

#[test]
fn revoked_certificates_sign_nothing() {
    let mut org = Org::new("OrdererMSP");
    let kind = |serial| Kind { serial, ..Kind::node("orderer") };
    let (good, bad) = (org.authority.issue("OrdererMSP", kind(41)), org.authority.issue("OrdererMSP", kind(42)));
    org.revocations = vec![org.authority.revoke(&[5, 42, 77])];
    let under = channel(&org);
    assert!(judge(&under, &good, Validity::At(START)).is_ok());
    assert_eq!(judge(&under, &bad, Validity::At(START)), Err(IdentityFault::Revoked));
    // Also where time is not asked.
    assert_eq!(judge(&under, &bad, Validity::Whenever), Err(IdentityFault::Revoked));
    // The list of another authority, even of the same name, names nobody here.
    org.revocations = vec![Authority::root("ca.OrdererMSP").revoke(&[42])];
    assert!(judge(&channel(&org), &bad, Validity::At(START)).is_ok());
    // A block by a revoked orderer.
    org.revocations = vec![org.authority.revoke(&[42])];
    let chain = Chain::raft(1);
    let (params, _, trusted) = begin(&root(&[&org], &[&chain.orgs[0]], &[]));
    let chain = Chain { params, trusted, ..chain };
    let refusal = chain.verify(&chain.block(1, None).signed_by(&[&bad])).unwrap_err();
    assert_eq!(refusal, Refusal::Signer { place: 0, fault: IdentityFault::Revoked });
    assert!(chain.verify(&chain.block(1, None).signed_by(&[&good])).is_ok());
}

#[test]
fn an_intermediate_may_be_revoked_and_a_root_above_it_issues_no_identities() {
    let mut org = Org::new("OrdererMSP");
    let middle = org.authority.below("middle", Some(0));
    let below = middle.issue("OrdererMSP", Kind::node("orderer"));
    let direct = org.member("orderer");
    assert_eq!(judge(&channel(&org), &below, Validity::At(START)), Err(IdentityFault::NoChain));
    assert!(judge(&channel(&org), &direct, Validity::At(START)).is_ok());
    org.intermediates = vec![middle.pem.clone()];
    assert!(judge(&channel(&org), &below, Validity::At(START)).is_ok());
    assert_eq!(judge(&channel(&org), &direct, Validity::At(START)), Err(IdentityFault::NoChain));
    org.revocations = vec![middle.revoke(&[7])];
    assert_eq!(judge(&channel(&org), &below, Validity::At(START)), Err(IdentityFault::Revoked));
    // Path length 0 allows no authority below it.
    let lower = middle.below("lower", None);
    org.revocations.clear();
    org.intermediates.push(lower.pem.clone());
    let too_low = lower.issue("OrdererMSP", Kind::node("orderer"));
    assert_eq!(judge(&channel(&org), &too_low, Validity::At(START)), Err(IdentityFault::NoChain));
}

#[test]
fn only_end_entities_of_the_organisation_are_identities() {
    let org = Org::new("OrdererMSP");
    let under = channel(&org);
    let now = Validity::At(START);
    let authority = org.authority.issue("OrdererMSP", Kind { is_authority: true, ..Kind::node("orderer") });
    assert_eq!(judge(&under, &authority, now), Err(IdentityFault::Authority));
    let mute = org.authority.issue("OrdererMSP", Kind { may_sign: false, ..Kind::node("orderer") });
    assert_eq!(judge(&under, &mute, now), Err(IdentityFault::KeyUsage));
    // An authority of the same name with another key.
    let forged = Authority::root("ca.OrdererMSP").issue("OrdererMSP", Kind::node("orderer"));
    assert_eq!(judge(&under, &forged, now), Err(IdentityFault::NoChain));
    // A good certificate under the name of another organisation, known or not.
    let other = Org::new("Org1MSP");
    let both = Channel::read(&config(0, &root(&[&org], &[&other], &[]))).unwrap();
    let mut borrowed = other.member("orderer");
    assert!(judge(&both, &borrowed, now).is_ok());
    borrowed.msp = "OrdererMSP".into();
    assert_eq!(judge(&both, &borrowed, now), Err(IdentityFault::NoChain));
    borrowed.msp = "Org9MSP".into();
    assert_eq!(judge(&both, &borrowed, now), Err(IdentityFault::UnknownMsp("Org9MSP".into())));
}

#[test]
fn one_key_in_two_certificates_is_one_signer() {
    let chain = Chain::raft(2);
    let [one, two] = chain.orderer_org.authority.issue_twice("OrdererMSP", Kind::node("orderer"));
    let block = chain.block(1, None).signed_by(&[&one, &two]);
    assert_eq!(chain.verify(&block), Err(Refusal::DuplicateSigner { place: 1 }));
}

#[test]
fn no_byte_of_a_certificate_may_change() {
    let org = Org::new("OrdererMSP");
    let under = channel(&org);
    let member = org.member("orderer");
    let der = causeway_fabric::x509::Certificate::from_pem(member.pem.as_bytes()).unwrap().der().to_vec();
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        let Ok(certificate) = causeway_fabric::x509::Certificate::from_der(&changed) else { continue };
        let msp = under.msp("OrdererMSP").unwrap();
        assert!(msp.validate::<Native>(certificate, Validity::At(START)).is_err(), "byte {at}");
    }
    assert!(causeway_fabric::x509::Certificate::from_der(&[der.as_slice(), &[0]].concat()).is_err());
    for text in ["", "-----BEGIN CERTIFICATE-----", &member.pem[1..], &format!("{}x", member.pem)] {
        assert!(causeway_fabric::x509::Certificate::from_pem(text.as_bytes()).is_err());
    }
}

#[test]
fn an_organisation_without_a_usable_provider_has_no_members() {
    let (org, other) = (Org::new("OrdererMSP"), Org::new("Org1MSP"));
    let mut tree = root(&[&org], &[&other], &[]);
    let group = tree.groups.get_mut("Application").unwrap().groups.get_mut("Org1MSP").unwrap();
    group.values.insert("MSP".into(), item(crate::kit::Message::new().number(1, 1).bytes(2, b"idemix").0));
    let under = Channel::read(&config(0, &tree)).unwrap();
    let fault = judge(&under, &other.member("peer"), Validity::At(START)).unwrap_err();
    assert_eq!(fault, IdentityFault::UnknownMsp("Org1MSP".into()));
}
