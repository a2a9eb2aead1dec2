//! Attested reads.

use alloy_primitives::{B256, hex};
use causeway_crypto::p256::{Native, Portable};
use causeway_fabric::{
    IdentityFault, Outbox, Over, ParamsFault, ReadFault, ReadPolicy, Reads, Refusal, attested_with, outbox_with,
    transaction::Transaction,
};

use crate::kit::{Attested, Chain, Kind, Member, Message, START, VAULT, envelope_policy, role_principal, twin};

const NOW: u64 = START + 60;
const LANE: B256 = B256::repeat_byte(0xaa);
const ROOT: B256 = B256::repeat_byte(0xbb);

fn judge(chain: &Chain, read: &[u8]) -> Result<Outbox, Refusal> {
    let native = outbox_with::<Native>(&chain.params, &chain.trusted, &LANE, read, NOW);
    assert_eq!(native, outbox_with::<Portable>(&chain.params, &chain.trusted, &LANE, read, NOW));
    native
}

/// A channel of three organisations at height 20, and an honest answer.
fn start() -> (Chain, Attested) {
    let mut chain = Chain::raft(3);
    chain.trusted = chain.verify(&chain.update(20)).unwrap().trusted;
    (chain, Attested::outbox(&LANE, 5, ROOT, 18))
}

fn first(chain: &Chain, count: usize) -> Vec<&Member> {
    chain.peers.iter().take(count).collect()
}

#[test]
fn a_majority_s_answer_is_taken() {
    let (chain, answer) = start();
    for count in [2, 3] {
        let read = answer.signed(&chain.client, &first(&chain, count));
        assert_eq!(judge(&chain, &read), Ok(Outbox { size: 5, root: ROOT, written_at: 18 }));
    }
    // Who asks does not matter.
    let stranger = Chain::raft(1).client;
    assert!(judge(&chain, &answer.signed(&stranger, &first(&chain, 2))).is_ok());
}

#[test]
fn atk_045_too_few_endorsers_or_the_wrong_ones() {
    let (chain, answer) = start();
    let too_few = |found| Refusal::NotEnoughTrust { over: Over::Endorsement, needed: 2, found };
    assert_eq!(judge(&chain, &answer.signed(&chain.client, &[])), Err(too_few(0)));
    assert_eq!(judge(&chain, &answer.signed(&chain.client, &first(&chain, 1))), Err(too_few(1)));
    let peer = &chain.peers[0];
    assert_eq!(judge(&chain, &answer.signed(&chain.client, &[peer, peer])), Err(Refusal::DuplicateSigner { place: 1 }));
    // Two peers of one organisation, or somebody who is no peer.
    let second = chain.orgs[0].member("peer");
    assert_eq!(judge(&chain, &answer.signed(&chain.client, &[peer, &second])), Err(too_few(1)));
    let client = chain.orgs[1].member("client");
    assert_eq!(judge(&chain, &answer.signed(&chain.client, &[peer, &client])), Err(too_few(1)));
    let stranger = Chain::raft(2).peers.remove(1);
    let refusal = judge(&chain, &answer.signed(&chain.client, &[peer, &stranger])).unwrap_err();
    assert_eq!(refusal, Refusal::Signer { place: 1, fault: IdentityFault::NoChain });
    let old = chain.orgs[1].authority.issue("Org2MSP", Kind { not_after: 2027, ..Kind::node("peer") });
    let refusal = judge(&chain, &answer.signed(&chain.client, &[peer, &old])).unwrap_err();
    assert!(matches!(refusal, Refusal::Signer { place: 1, fault: IdentityFault::Expired { .. } }));
}

#[test]
fn no_byte_of_a_read_may_change() {
    let (chain, answer) = start();
    let read = answer.signed(&chain.client, &first(&chain, 2));
    for at in 0..read.len() {
        let mut changed = read.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(judge(&chain, &changed).is_err(), "byte {at}");
    }
    for cut in [0, 1, read.len() / 2, read.len() - 1] {
        assert!(judge(&chain, &read[..cut]).is_err());
    }
    assert!(judge(&chain, &[read.as_slice(), &[0]].concat()).is_err());
    // The twin of an endorsement.
    let transaction = Transaction::decode(&read).unwrap();
    let signature = transaction.endorsements[1].signature;
    let other = twin(signature);
    if other.len() == signature.len() {
        let at = read.windows(signature.len()).position(|window| window == signature).unwrap();
        let mut changed = read.clone();
        changed[at..at + other.len()].copy_from_slice(&other);
        assert!(matches!(judge(&chain, &changed), Err(Refusal::BadSignature { place: 1, .. })));
    }
}

#[test]
fn atk_109_inclusion_is_not_success() {
    let (chain, answer) = start();
    let two = first(&chain, 2);
    let with = |change: &dyn Fn(&mut Attested)| {
        let mut changed = answer.clone();
        change(&mut changed);
        judge(&chain, &changed.signed(&chain.client, &two)).unwrap_err()
    };
    for status in [0, 400, 404, 500] {
        assert_eq!(with(&|answer| answer.status = status), ReadFault::NotExecuted { status: status as u32 }.into());
    }
    let other = ReadFault::WrongEmitter { expected: VAULT.into(), found: "other".into() };
    assert_eq!(with(&|answer| answer.chaincode = "other".into()), other.into());
    assert_eq!(with(&|answer| answer.arguments[0] = b"outboxes".to_vec()), ReadFault::OtherQuestion.into());
    assert_eq!(with(&|answer| answer.arguments.push(vec![1])), ReadFault::OtherQuestion.into());
    let lane = hex::encode(B256::repeat_byte(1)).into_bytes();
    assert_eq!(with(&|answer| answer.arguments[1] = lane.clone()), ReadFault::OtherQuestion.into());
    let found = B256::repeat_byte(1);
    let other = ReadFault::OtherLane { expected: LANE, found };
    assert_eq!(with(&|answer| answer.answer[..32].copy_from_slice(found.as_slice())), other.into());
    let mismatch = Refusal::ChannelMismatch { expected: "trade".into(), found: "other".into() };
    assert_eq!(with(&|answer| answer.channel = b"other".to_vec()), mismatch);
    assert_eq!(with(&|answer| answer.answer.truncate(71)), ReadFault::OutboxSize { expected: 72, found: 71 }.into());
    assert_eq!(with(&|answer| answer.answer[32..].fill(0)), ReadFault::EmptyOutbox.into());
    assert_eq!(with(&|answer| answer.answer[40..].fill(0)), ReadFault::EmptyOutbox.into());
}

#[test]
fn atk_065_a_call_that_writes_proves_nothing() {
    let (chain, answer) = start();
    let two = first(&chain, 2);
    let write = Message::new().bytes(1, b"outbox/aa").bytes(3, b"new").0;
    let range = Message::new().bytes(1, b"a").bytes(2, b"b").0;
    for (field, part) in [(2, range), (3, write), (4, Message::new().bytes(1, b"k").0)] {
        let mut changed = answer.clone();
        changed.extra = Message::new().part(field, &part);
        let refusal = judge(&chain, &changed.signed(&chain.client, &two)).unwrap_err();
        assert_eq!(refusal, ReadFault::NotARead { namespace: VAULT.into() }.into());
    }
}

#[test]
fn what_was_read_is_committed_and_known() {
    let (chain, answer) = start();
    let two = first(&chain, 2);
    let with = |reads: Vec<(String, u64)>| {
        let changed = Attested { reads, ..answer.clone() };
        judge(&chain, &changed.signed(&chain.client, &two))
    };
    let key = causeway_fabric::proof::outbox_key(&LANE);
    assert!(with(vec![(key.clone(), 20)]).is_ok());
    let beyond = Refusal::Read(ReadFault::BeyondTrusted { block: 21, trusted: 20 });
    assert_eq!(with(vec![(key.clone(), 21)]), Err(beyond.clone()));
    assert!(beyond.may_pass_later());
    assert_eq!(with(vec![(key.clone(), 3), ("other".into(), 21)]), Err(beyond));
    let not_read = Refusal::Read(ReadFault::NotRead { key });
    assert_eq!(with(Vec::new()), Err(not_read.clone()));
    assert_eq!(with(vec![("outbox/bb".into(), 3)]), Err(not_read));
}

#[test]
fn atk_108_no_lane_without_a_stated_read() {
    let (mut chain, answer) = start();
    let read = answer.signed(&chain.client, &first(&chain, 2));
    chain.params.reads = None;
    assert_eq!(chain.params.check(), Err(ParamsFault::NoStateProofs));
    assert_eq!(judge(&chain, &read), Err(ReadFault::NoStateProofs.into()));
    let nowhere = ReadPolicy::Channel("/Channel/Application/Nowhere".into());
    chain.params.reads = Some(Reads { chaincode: VAULT.into(), policy: nowhere });
    assert!(matches!(judge(&chain, &read), Err(Refusal::Policy(_))));
    chain.params.reads = Some(Reads { chaincode: VAULT.into(), policy: ReadPolicy::Signatures(vec![1, 2]) });
    assert!(matches!(chain.params.check(), Err(ParamsFault::Policy(_))));
}

#[test]
fn a_signature_policy_of_the_chaincode_s_own() {
    let (mut chain, answer) = start();
    let peer = |number: usize| role_principal(&format!("Org{number}MSP"), 3);
    let mut ask = |policy: Vec<u8>, endorsers: &[usize]| {
        chain.params.reads = Some(Reads { chaincode: VAULT.into(), policy: ReadPolicy::Signatures(policy) });
        let endorsers: Vec<&Member> = endorsers.iter().map(|org| &chain.peers[org - 1]).collect();
        judge(&chain, &answer.signed(&chain.client, &endorsers)).map(|_| ())
    };
    let all = envelope_policy(3, &[peer(1), peer(2), peer(3)]);
    assert!(ask(all.clone(), &[3, 1, 2]).is_ok());
    let two_of_three = Refusal::NotEnoughTrust { over: Over::Endorsement, needed: 3, found: 2 };
    assert_eq!(ask(all, &[1, 3]), Err(two_of_three));
    // One endorser does not satisfy two rules that name it.
    let twice = envelope_policy(2, &[peer(1), peer(1)]);
    let once = Refusal::NotEnoughTrust { over: Over::Endorsement, needed: 2, found: 1 };
    assert_eq!(ask(twice, &[1]), Err(once));
    // A policy that asks for nobody is satisfied by nobody.
    let none = Refusal::NotEnoughTrust { over: Over::Endorsement, needed: 0, found: 0 };
    assert_eq!(ask(envelope_policy(0, &[]), &[]), Err(none));
    // Nested: Org1 and one of the others.
    let one_of =
        |a: u8, b: u8| Message::new().part(2, &Message::new().number(1, 1).part(2, &[8, a]).part(2, &[8, b]).0).0;
    let rule = Message::new().part(2, &Message::new().number(1, 2).part(2, &[8, 0]).part(2, &one_of(1, 2)).0).0;
    let nested = Message::new().part(2, &rule).parts(3, [peer(1), peer(2), peer(3)]).0;
    assert!(ask(nested.clone(), &[1, 2]).is_ok() && ask(nested.clone(), &[1, 3]).is_ok());
    assert!(ask(nested, &[2, 3]).is_err());
}

#[test]
fn other_questions_may_be_asked() {
    let (chain, answer) = start();
    let mut answer = answer;
    answer.arguments = vec![b"swap".to_vec()];
    answer.reads = vec![("swap/1".into(), 4)];
    answer.answer = b"locked".to_vec();
    let read = answer.signed(&chain.client, &first(&chain, 3));
    let asked = attested_with::<Native>(&chain.params, &chain.trusted, &[b"swap"], "swap/1", &read, NOW);
    assert_eq!(asked, Ok((&b"locked"[..], 4)));
    assert!(judge(&chain, &read).is_err());
}
