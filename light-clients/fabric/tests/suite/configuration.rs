//! Configurations: those that follow by the rules, and those that do not.

use causeway_fabric::{
    ConfigFault, Refusal,
    config::{Group, Item},
};

use crate::kit::{Chain, Member, Org, capability, item, meta_policy, set_consenters, update_envelope};

/// The tree with only versions left: what an update names of what it does not change.
fn versions(group: &Group) -> Group {
    Group { version: group.version, ..Group::default() }
}

/// Read set, write set and outcome of changing one value of the orderers' section.
fn change(chain: &Chain, name: &str, value: Vec<u8>) -> (Group, Group, Group) {
    let mut read = versions(&chain.root);
    read.groups.insert("Orderer".into(), versions(&chain.root.groups["Orderer"]));
    let version = chain.root.groups["Orderer"].values.get(name).map_or(0, |item| item.version + 1);
    let new = Item { version, ..item(value) };
    let mut write = read.clone();
    write.groups.get_mut("Orderer").unwrap().values.insert(name.into(), new.clone());
    let mut next = chain.root.clone();
    next.groups.get_mut("Orderer").unwrap().values.insert(name.into(), new);
    (read, write, next)
}

fn options(text: &str) -> Vec<u8> {
    crate::kit::Message::new().bytes(1, b"etcdraft").bytes(2, text.as_bytes()).0
}

fn orderer_admin(chain: &Chain) -> &Member {
    chain.admins.last().unwrap()
}

#[test]
fn an_update_signed_by_who_may_is_followed() {
    let mut chain = Chain::raft(2);
    let (read, write, next) = change(&chain, "ConsensusType", options("new"));
    let update = update_envelope(&read, &write, &[orderer_admin(&chain)]);
    let block = chain.config_block(1, &next, &update);
    let verified = chain.verify(&block).unwrap();
    assert_eq!((verified.header.config_height, verified.trusted.channel().sequence()), (1, 1));
    assert_eq!(verified.trusted.channel().root(), &next);
    // And blocks after it name it.
    chain.trusted = verified.trusted;
    chain.root = next;
    assert!(chain.verify(&chain.update(3)).is_ok());
    let (read, write, next) = change(&chain, "ConsensusType", options("newer"));
    let update = update_envelope(&read, &write, &[orderer_admin(&chain)]);
    assert!(chain.verify(&chain.config_block(2, &next, &update)).is_ok());
}

#[test]
fn an_orderer_alone_changes_nothing() {
    let chain = Chain::raft(2);
    let (read, write, next) = change(&chain, "ConsensusType", options("mine"));
    let denied = |signers: &[&Member]| {
        let update = update_envelope(&read, &write, signers);
        chain.verify(&chain.config_block(1, &next, &update)).unwrap_err()
    };
    let path = "/Channel/Orderer/ConsensusType".to_string();
    let expected = Refusal::Config(ConfigFault::NotAuthorized { path, policy: "Admins".into() });
    assert_eq!(denied(&[]), expected);
    assert_eq!(denied(&[&chain.orderers[0]]), expected);
    assert_eq!(denied(&[&chain.admins[0], &chain.admins[1]]), expected);
    let stranger = Org::new("OrdererMSP").member("admin");
    assert_eq!(denied(&[&stranger]), expected);
    // No update at all, or one that is no update.
    let missing = chain.config_block(1, &next, &[]);
    assert!(matches!(chain.verify(&missing), Err(Refusal::Message(_))));
}

#[test]
fn the_outcome_is_what_the_update_makes_and_nothing_else() {
    let chain = Chain::raft(2);
    let (read, write, next) = change(&chain, "ConsensusType", options("new"));
    let update = update_envelope(&read, &write, &[orderer_admin(&chain)]);
    // Something beside it is changed too.
    let mut more = next.clone();
    more.groups.get_mut("Application").unwrap().policies.insert("Endorsement".into(), item(meta_policy("Writers", 0)));
    let refusal = chain.verify(&chain.config_block(1, &more, &update)).unwrap_err();
    assert_eq!(refusal, Refusal::Config(ConfigFault::NotTheResult));
    // Or nothing is.
    let refusal = chain.verify(&chain.config_block(1, &chain.root, &update)).unwrap_err();
    assert_eq!(refusal, Refusal::Config(ConfigFault::NotTheResult));
    for sequence in [0, 2] {
        let refusal = chain.verify(&chain.config_block(sequence, &next, &update)).unwrap_err();
        assert_eq!(refusal, Refusal::Config(ConfigFault::Sequence { expected: 1, found: sequence }));
    }
    let idle = update_envelope(&read, &read, &[orderer_admin(&chain)]);
    assert_eq!(chain.verify(&chain.config_block(1, &chain.root, &idle)), Err(Refusal::Config(ConfigFault::NoChange)));
}

#[test]
fn versions_are_counted() {
    let chain = Chain::raft(2);
    let (mut read, mut write, mut next) = change(&chain, "ConsensusType", options("new"));
    for group in [&mut write, &mut next] {
        let ordering = group.groups.get_mut("Orderer").unwrap();
        ordering.values.get_mut("ConsensusType").unwrap().version = 2;
    }
    let update = update_envelope(&read, &write, &[orderer_admin(&chain)]);
    let refusal = chain.verify(&chain.config_block(1, &next, &update)).unwrap_err();
    let path = "/Channel/Orderer/ConsensusType".to_string();
    assert_eq!(refusal, Refusal::Config(ConfigFault::Version { path, expected: 1, found: 2 }));
    // Made for another state.
    read.groups.get_mut("Orderer").unwrap().version = 5;
    let update = update_envelope(&read, &write, &[orderer_admin(&chain)]);
    let refusal = chain.verify(&chain.config_block(1, &next, &update)).unwrap_err();
    let path = "/Channel/Orderer".to_string();
    assert_eq!(refusal, Refusal::Config(ConfigFault::ReadSet { path, expected: Some(0), found: 5 }));
}

#[test]
fn a_new_consenter_set_takes_over() {
    let mut chain = Chain::bft(4);
    let fresh: Vec<Member> = (0..4).map(|_| chain.orderer_org.member("orderer")).collect();
    let mut next = chain.root.clone();
    let ordering = next.groups.get_mut("Orderer").unwrap();
    set_consenters(ordering, &fresh.iter().collect::<Vec<_>>());
    ordering.values.get_mut("Orderers").unwrap().version = 1;
    ordering.policies.get_mut("BlockValidation").unwrap().version = 1;
    let mut read = versions(&chain.root);
    read.groups.insert("Orderer".into(), versions(&chain.root.groups["Orderer"]));
    let mut write = read.clone();
    let written = write.groups.get_mut("Orderer").unwrap();
    let ordering = &next.groups["Orderer"];
    written.values.insert("Orderers".into(), ordering.values["Orderers"].clone());
    written.policies.insert("BlockValidation".into(), ordering.policies["BlockValidation"].clone());
    let update = update_envelope(&read, &write, &[orderer_admin(&chain)]);
    // The block that brings the new set is signed by the old one.
    let block = chain.config_block(1, &next, &update);
    let trusted = chain.verify(&block).unwrap().trusted;
    let by_new: Vec<(u64, &Member)> = (1..).zip(&fresh).take(3).collect();
    assert!(matches!(
        chain.verify(&block.clone().signed_by_consenters(&by_new)),
        Err(Refusal::BadSignature { place: 0, .. })
    ));
    // From then on only the new one counts.
    chain.trusted = trusted;
    assert!(matches!(chain.verify(&chain.update(1)), Err(Refusal::BadSignature { .. })));
    assert!(chain.verify(&chain.block(1, None).signed_by_consenters(&by_new)).is_ok());
}

#[test]
fn an_organisation_joins_by_the_policy_of_the_group_it_joins() {
    let chain = Chain::raft(2);
    let org = Org::new("Org3MSP");
    let tree = crate::kit::root(&[&chain.orderer_org], &[&org], &[]);
    let joined = tree.groups["Application"].groups["Org3MSP"].clone();
    let application = &chain.root.groups["Application"];
    let mut read = versions(&chain.root);
    let mut section = versions(application);
    section.groups = application.groups.iter().map(|(name, group)| (name.clone(), versions(group))).collect();
    read.groups.insert("Application".into(), section.clone());
    let mut write = read.clone();
    section.version = 1;
    section.mod_policy = "Admins".into();
    // Every member that stays must be named; values and policies too.
    section.policies =
        application.policies.keys().map(|name| (name.clone(), Item { version: 0, ..Item::default() })).collect();
    read.groups.get_mut("Application").unwrap().policies = section.policies.clone();
    section.groups.insert("Org3MSP".into(), joined.clone());
    write.groups.insert("Application".into(), section);
    let mut next = chain.root.clone();
    let into = next.groups.get_mut("Application").unwrap();
    into.version = 1;
    into.groups.insert("Org3MSP".into(), joined);
    let verdict =
        |signers: &[&Member]| chain.verify(&chain.config_block(1, &next, &update_envelope(&read, &write, signers)));
    assert!(verdict(&[&chain.admins[0], &chain.admins[1]]).unwrap().trusted.channel().msp("Org3MSP").is_some());
    let path = "/Channel/Application".to_string();
    let denied = Refusal::Config(ConfigFault::NotAuthorized { path, policy: "Admins".into() });
    assert_eq!(verdict(&[&chain.admins[0]]), Err(denied.clone()));
    assert_eq!(verdict(&[&chain.admins[0], &chain.admins[0]]), Err(denied.clone()));
    assert_eq!(verdict(&[&chain.admins[0], &org.member("admin")]), Err(denied));
}

#[test]
fn what_is_not_known_is_refused() {
    let chain = Chain::raft(1);
    let with = |section: Option<&str>, name: &str, value: Vec<u8>| {
        let mut root = chain.root.clone();
        let group = match section {
            Some(section) => root.groups.get_mut(section).unwrap(),
            None => &mut root,
        };
        group.values.insert(name.into(), item(value));
        causeway_fabric::Channel::read(&crate::kit::config(0, &root)).unwrap_err()
    };
    let message = crate::kit::Message::new;
    let unsupported = |fault: ConfigFault| assert!(matches!(fault, ConfigFault::Unsupported { .. }), "{fault}");
    unsupported(with(None, "Capabilities", capability("V9_9")));
    unsupported(with(None, "HashingAlgorithm", message().bytes(1, b"SHA3_256").0));
    unsupported(with(None, "BlockDataHashingStructure", message().number(1, 2).0));
    unsupported(with(Some("Orderer"), "ConsensusType", message().bytes(1, b"poa").0));
    let missing = with(Some("Orderer"), "ConsensusType", message().bytes(1, b"BFT").0);
    assert_eq!(missing, ConfigFault::Missing("Orderers"));
    // Two descriptions of one organisation.
    let mut root = chain.root.clone();
    let twice = Org::new("Org1MSP");
    let other = crate::kit::root(&[&twice], &[], &[]);
    root.groups.insert("Orderer2".into(), other.groups["Orderer"].clone());
    let fault = causeway_fabric::Channel::read(&crate::kit::config(0, &root)).unwrap_err();
    assert_eq!(fault, ConfigFault::TwoMsps("Org1MSP".into()));
    // Two consenters of one number.
    let bft = Chain::bft(4);
    let consenter = |id| message().number(1, id).bytes(4, b"OrdererMSP").0;
    let mut root = bft.root;
    let twice = message().parts(1, [consenter(2), consenter(2)]).0;
    root.groups.get_mut("Orderer").unwrap().values.insert("Orderers".into(), item(twice));
    let fault = causeway_fabric::Channel::read(&crate::kit::config(0, &root)).unwrap_err();
    assert_eq!(fault, ConfigFault::DuplicateConsenter(2));
}

#[test]
fn a_consenter_listed_twice_signs_once() {
    let mut chain = Chain::bft(4);
    let first = chain.orderers[0].clone();
    set_consenters(chain.root.groups.get_mut("Orderer").unwrap(), &[&first, &first]);
    (_, _, chain.trusted) = crate::kit::begin(&chain.root);
    let block = chain.block(1, None).signed_by_consenters(&[(1, &first), (2, &first)]);
    assert_eq!(chain.verify(&block), Err(Refusal::DuplicateSigner { place: 1 }));
}
