//! Every update of the vectors and recordings that is accepted, changed in one place: nothing changed may be accepted,
//! and the reason must be the rule that was broken.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use causeway_crypto::bls::{INFINITY_SIGNATURE, Native};
use causeway_ethereum::{
    Accepted, Bits, Committee, Fork, Kind, LightClientHeader, Refusal, TrustedState, Update, compose::Members,
    update::seal, verify_with,
};
use conformance::{
    cases::File,
    discover::{folders, roots},
    ethereum::{
        FORMATS,
        known::{AcceptedUpdate, take_accepted},
    },
};

/// All accepted updates of both roots that are there.
fn cases() -> Vec<AcceptedUpdate> {
    take_accepted();
    for root in roots().into_iter().filter(|root| root.path.is_dir()) {
        for folder in folders(&root).unwrap() {
            for found in &folder.files {
                let Ok(value) = &found.content else { continue };
                let name = found.path.file_name().unwrap().to_string_lossy();
                let (bytes, path) = (found.bytes.as_slice(), found.path.as_path());
                let file = File { value, bytes, path, name: &name, headers: &folder.headers };
                FORMATS.iter().find_map(|format| format(&file));
            }
        }
    }
    // Several files may hold one update.
    let mut cases = take_accepted();
    cases.sort_by_key(|case| case.update.to_wire(&case.params.network));
    cases.dedup_by(|a, b| a.update == b.update);
    cases
}

/// Counts of what became of mutants.
#[derive(Default)]
struct Tally {
    mutants: usize,
    equal: usize,
    survivors: Vec<String>,
    untyped: Vec<String>,
    by_rule: BTreeMap<&'static str, usize>,
}

/// Refusals that a change may end in.
type Typed = fn(&Refusal) -> bool;

impl Tally {
    fn bytes(&mut self, what: &'static str, case: &AcceptedUpdate, bytes: &[u8], typed: Typed) {
        self.judge(what, verify_with::<Native>(&case.params, &case.trusted, bytes, case.now).map(|_| ()), typed);
    }

    fn update(&mut self, what: &'static str, case: &AcceptedUpdate, change: impl FnOnce(&mut Update), typed: Typed) {
        let mut changed = case.update.clone();
        change(&mut changed);
        if changed == case.update {
            self.equal += 1;
            return;
        }
        self.bytes(what, case, &changed.to_wire(&case.params.network), typed);
    }

    fn client(
        &mut self,
        what: &'static str,
        case: &AcceptedUpdate,
        change: impl FnOnce(&mut AcceptedUpdate),
        typed: Typed,
    ) {
        let mut changed = case.clone();
        change(&mut changed);
        self.bytes(what, &changed, &case.update.to_wire(&case.params.network), typed);
    }

    fn judge(&mut self, what: &'static str, verdict: Result<(), Refusal>, typed: Typed) {
        self.mutants += 1;
        *self.by_rule.entry(what).or_default() += 1;
        match verdict {
            Ok(()) => self.survivors.push(what.into()),
            Err(refusal) if !typed(&refusal) => self.untyped.push(format!("{what}: {refusal}")),
            Err(_) => {}
        }
    }
}

const ANY: Typed = |_| true;
const SIGNATURE: Typed = |refusal| matches!(refusal, Refusal::BadSignature { .. });
const QUORUM: Typed = |refusal| matches!(refusal, Refusal::NotEnoughTrust { .. });
const BRANCH: Typed = |refusal| matches!(refusal, Refusal::Branch { .. });
const ENCODING: Typed = |refusal| matches!(refusal, Refusal::Update(_));
/// The last bytes are the finalized payload's extra data, a list of any length up to 32.
const ENCODING_OR_PAYLOAD: Typed = |refusal| matches!(refusal, Refusal::Update(_) | Refusal::Header { .. });
const ENCODING_OR_FORK: Typed = |refusal| matches!(refusal, Refusal::Update(_) | Refusal::WrongFork { .. });

#[test]
fn changed_updates_are_refused() {
    let cases = cases();
    let mut tally = Tally::default();
    let strangers = [32, 512].map(|seats| Members::new::<Native>(seats, 77).unwrap());
    for (at, case) in cases.iter().enumerate() {
        assert!(verify_with::<Native>(&case.params, &case.trusted, &wire(case), case.now).is_ok());
        bytes(&mut tally, case);
        signatures(&mut tally, case, &cases[(at + 1) % cases.len()]);
        headers(&mut tally, case);
        branches(&mut tally, case);
        committees(&mut tally, case);
        clients(&mut tally, case, &strangers);
    }
    let Tally { mutants, equal, survivors, untyped, by_rule } = &tally;
    println!(
        "ethereum: {} updates, {mutants} mutants, {} survivors, {equal} equal to the original",
        cases.len(),
        survivors.len()
    );
    println!("{by_rule:?}");
    assert!(survivors.is_empty(), "{survivors:?}");
    assert!(untyped.is_empty(), "{} of another rule: {:?}", untyped.len(), &untyped[..untyped.len().min(9)]);
}

fn wire(case: &AcceptedUpdate) -> Vec<u8> {
    case.update.to_wire(&case.params.network)
}

fn bytes(tally: &mut Tally, case: &AcceptedUpdate) {
    let good = wire(case);
    // A bit of some sixty bytes, the first ones among them, others in every case.
    let step = (good.len() / 45).max(1);
    let offset = good.last().copied().unwrap_or_default() as usize % step;
    for at in (0..12).chain((offset..good.len()).step_by(step)) {
        let mut changed = good.clone();
        changed[at] ^= 1 << (at % 8);
        tally.bytes("one bit", case, &changed, ANY);
    }
    for length in [0, 1, 2, 3, good.len() / 2, good.len() - 1] {
        tally.bytes("truncated", case, &good[..length], ENCODING_OR_PAYLOAD);
    }
    tally.bytes("extended", case, &[good.as_slice(), &[0]].concat(), ENCODING_OR_PAYLOAD);
    let ssz = &good[2..];
    for fork in Fork::ALL.into_iter().filter(|fork| *fork != case.update.fork) {
        tally.bytes("another fork", case, &seal(case.update.kind(), fork, ssz), ENCODING_OR_FORK);
    }
    for kind in [Kind::Full, Kind::Finality, Kind::Optimistic, Kind::Header] {
        if kind != case.update.kind() {
            tally.bytes("another kind", case, &seal(kind, case.update.fork, ssz), ENCODING);
        }
    }
}

/// Bits set and cleared so that `count` take part.
fn with_count(bits: &Bits, count: usize) -> Bits {
    let mut bytes = bits.as_bytes().to_vec();
    let mut left = bits.count();
    for byte in &mut bytes {
        for bit in 0..8 {
            let mask = 1 << bit;
            if left > count && *byte & mask != 0 {
                *byte ^= mask;
                left -= 1;
            }
        }
    }
    Bits::new(bytes)
}

fn flip(bits: &Bits, seat: usize) -> Bits {
    let mut bytes = bits.as_bytes().to_vec();
    bytes[seat / 8] ^= 1 << (seat % 8);
    Bits::new(bytes)
}

fn signatures(tally: &mut Tally, case: &AcceptedUpdate, other: &AcceptedUpdate) {
    let quorum = case.params.network.preset.quorum();
    let seats = case.params.network.preset.committee_size;
    let bits = &case.update.aggregate.bits;
    tally.update("quorum minus one", case, |update| update.aggregate.bits = with_count(bits, quorum - 1), QUORUM);
    tally.update("nobody", case, |update| update.aggregate.bits = with_count(bits, 0), QUORUM);
    let seat = |present: bool| (0..seats).find(|seat| bits.get(*seat) == present);
    if let Some(absent) = seat(false) {
        tally.update("a seat more", case, |update| update.aggregate.bits = flip(bits, absent), SIGNATURE);
    }
    let (present, typed) = (seat(true).unwrap(), if bits.count() > quorum { SIGNATURE } else { QUORUM });
    tally.update("a seat less", case, |update| update.aggregate.bits = flip(bits, present), typed);
    tally.update("infinity", case, |update| update.aggregate.signature = INFINITY_SIGNATURE, SIGNATURE);
    tally.update("negated", case, |update| update.aggregate.signature[0] ^= 0x20, SIGNATURE);
    let another = other.update.aggregate.signature;
    tally.update("another update's signature", case, |update| update.aggregate.signature = another, SIGNATURE);
    for bit in [3, 100, 383, 384, 500, 767] {
        tally.update(
            "bit of the signature",
            case,
            |update| update.aggregate.signature[bit / 8] ^= 1 << (bit % 8),
            SIGNATURE,
        );
    }
}

fn headers(tally: &mut Tally, case: &AcceptedUpdate) {
    const OF_HEADER: Typed =
        |refusal| matches!(refusal, Refusal::Header { .. } | Refusal::BadSignature { .. } | Refusal::Branch { .. });
    tally.update("attested proposer", case, |update| update.attested.beacon.proposer_index ^= 1, SIGNATURE);
    tally.update("attested parent", case, |update| update.attested.beacon.parent_root.0[7] ^= 1, SIGNATURE);
    tally.update("attested state", case, |update| update.attested.beacon.state_root.0[7] ^= 1, BRANCH);
    tally.update("attested body", case, |update| update.attested.beacon.body_root.0[7] ^= 1, OF_HEADER);
    tally.update("attested slot", case, |update| update.attested.beacon.slot = update.signature_slot, ANY);
    tally.update(
        "signature in the attested slot",
        case,
        |update| update.signature_slot = update.attested.beacon.slot,
        |refusal| matches!(refusal, Refusal::SlotOrder { .. }),
    );
    let period = case.params.network.preset.slots_per_period();
    // Far ahead: the clock refuses; with the clock far ahead the committee is unknown.
    tally.update(
        "signature periods later",
        case,
        |update| update.signature_slot += 2 * period,
        |refusal| matches!(refusal, Refusal::HeaderFromFuture { .. }),
    );
    let mut later = case.clone();
    later.now = case.params.network.time_of(case.update.signature_slot + 2 * period);
    tally.update(
        "signature periods later, at that time",
        &later,
        |update| update.signature_slot += 2 * period,
        |refusal| matches!(refusal, Refusal::UnknownCommittee { .. }),
    );
    let finalized = |update: &mut Update, change: &dyn Fn(&mut LightClientHeader)| {
        change(&mut update.finality.as_mut().unwrap().header)
    };
    tally.update(
        "finalized proposer",
        case,
        |update| finalized(update, &|header| header.beacon.proposer_index ^= 1),
        BRANCH,
    );
    tally.update(
        "finalized parent",
        case,
        |update| finalized(update, &|header| header.beacon.parent_root.0[0] ^= 1),
        BRANCH,
    );
    tally.update(
        "finalized state",
        case,
        |update| finalized(update, &|header| header.beacon.state_root.0[0] ^= 1),
        BRANCH,
    );
    tally.update(
        "finalized body",
        case,
        |update| finalized(update, &|header| header.beacon.body_root.0[0] ^= 1),
        OF_HEADER,
    );
    tally.update(
        "attested as finalized",
        case,
        |update| update.finality.as_mut().unwrap().header = update.attested.clone(),
        BRANCH,
    );
    tally.update(
        "no finalized header",
        case,
        |update| finalized(update, &|header| *header = LightClientHeader::default()),
        |refusal| matches!(refusal, Refusal::NotFinal),
    );
    tally.update(
        "no finality",
        case,
        |update| update.finality = None,
        |refusal| matches!(refusal, Refusal::NotFinal | Refusal::Update(_)),
    );
    if case.update.fork.has_execution() {
        const PAYLOAD: Typed = |refusal| matches!(refusal, Refusal::Header { .. });
        let changes: [fn(&mut LightClientHeader); 7] = [
            |header| header.execution.timestamp ^= 1,
            |header| header.execution.state_root.0[31] ^= 1,
            |header| header.execution.receipts_root.0[31] ^= 1,
            |header| header.execution.block_hash.0[31] ^= 1,
            |header| {
                header.execution.extra_data =
                    header.execution.extra_data.iter().map(|byte| byte ^ 1).chain([0]).take(32).collect()
            },
            |header| header.execution_branch.reverse(),
            |header| header.execution_branch[0].0[0] ^= 1,
        ];
        for change in changes {
            tally.update("attested payload", case, |update| change(&mut update.attested), PAYLOAD);
            tally.update("finalized payload", case, |update| finalized(update, &|header| change(header)), PAYLOAD);
        }
        tally.update(
            "payloads swapped",
            case,
            |update| {
                let finalized = &mut update.finality.as_mut().unwrap().header;
                std::mem::swap(&mut finalized.execution, &mut update.attested.execution);
            },
            PAYLOAD,
        );
    }
}

/// A change of a branch.
type OfBranch = fn(&mut Vec<B256>);

/// Where a branch has another length, all that follows is shifted: whichever rule meets that first refuses it.
fn branches(tally: &mut Tally, case: &AcceptedUpdate) {
    let changes: [(&'static str, OfBranch, Typed); 5] = [
        ("branch truncated", |branch| branch.truncate(branch.len() - 1), ANY),
        ("branch extended", |branch| branch.push(B256::ZERO), ANY),
        ("branch reversed", |branch| branch.reverse(), BRANCH),
        ("branch reordered", |branch| branch.swap(1, 2), BRANCH),
        ("branch node", |branch| branch[3].0[9] ^= 0x40, BRANCH),
    ];
    for (what, change, typed) in changes {
        tally.update(what, case, |update| change(&mut update.finality.as_mut().unwrap().branch), typed);
        if case.update.next.is_some() {
            tally.update(what, case, |update| change(&mut update.next.as_mut().unwrap().branch), typed);
        }
    }
    if case.update.next.is_some() {
        tally.update(
            "branches swapped",
            case,
            |update| {
                let (next, finality) = (update.next.as_mut().unwrap(), update.finality.as_mut().unwrap());
                std::mem::swap(&mut next.branch, &mut finality.branch);
            },
            ANY,
        );
    }
}

fn committees(tally: &mut Tally, case: &AcceptedUpdate) {
    const COMMITTEE: Typed = |refusal| matches!(refusal, Refusal::Branch { .. } | Refusal::OtherCommittee { .. });
    if case.update.next.is_none() {
        return;
    }
    let changes: [fn(&mut causeway_ethereum::SyncCommittee); 4] = [
        |committee| committee.pubkeys.reverse(),
        |committee| committee.pubkeys[1] = committee.aggregate_pubkey,
        |committee| committee.aggregate_pubkey = committee.pubkeys[0],
        |committee| committee.pubkeys[7][40] ^= 1,
    ];
    for change in changes {
        tally.update("next committee", case, |update| change(&mut update.next.as_mut().unwrap().committee), COMMITTEE);
    }
}

fn clients(tally: &mut Tally, case: &AcceptedUpdate, strangers: &[Members; 2]) {
    tally.client("another genesis", case, |case| case.params.network.genesis_validators_root.0[3] ^= 1, SIGNATURE);
    tally.client(
        "other fork versions",
        case,
        |case| {
            case.params.network.forks.iter_mut().for_each(|start| start.version[2] ^= 0x55);
        },
        SIGNATURE,
    );
    let seats = case.params.network.preset.committee_size;
    let stranger = strangers.iter().find(|members| members.committee().pubkeys.len() == seats).unwrap();
    tally.client(
        "strangers as committee",
        case,
        |case| {
            let committee = Committee::new::<Native>(stranger.committee()).unwrap();
            let next = case.trusted.next().map(|_| committee.clone());
            case.trusted = TrustedState::new(*case.trusted.header(), committee, next);
        },
        |refusal| matches!(refusal, Refusal::BadSignature { .. } | Refusal::OtherCommittee { .. }),
    );
    tally.client(
        "a second too early",
        case,
        |case| {
            let network = &case.params.network;
            let payload = case.update.finality.as_ref().unwrap().header.execution.timestamp;
            case.now = network.time_of(case.update.signature_slot).max(payload) - case.params.drift - 1;
        },
        |refusal| matches!(refusal, Refusal::HeaderFromFuture { .. }),
    );
    tally.client(
        "expired",
        case,
        |case| case.now = case.trusted.expires_at(&case.params),
        |refusal| matches!(refusal, Refusal::Expired { .. }),
    );
    let finalized = &case.update.finality.as_ref().unwrap().header.beacon;
    let with_header = |case: &mut AcceptedUpdate, change: &dyn Fn(&mut Accepted)| {
        let mut header = *case.trusted.header();
        change(&mut header);
        case.trusted = TrustedState::new(header, case.trusted.current().clone(), case.trusted.next().cloned());
    };
    // A newer header must be newer in time too, an older one older.
    let impossible = if finalized.slot > case.trusted.slot() { u64::MAX >> 1 } else { 0 };
    tally.client(
        "before trust",
        case,
        |case| with_header(case, &|header| header.time = impossible),
        |refusal| matches!(refusal, Refusal::NonMonotonicTime { .. }),
    );
    let preset = case.params.network.preset;
    // The same slot, another block: only a client of the same period can stand there.
    if preset.period(finalized.slot) == preset.period(case.trusted.slot()) {
        tally.client(
            "another block of the slot is trusted",
            case,
            |case| {
                with_header(case, &|header| {
                    header.slot = finalized.slot;
                    header.root = keccak256(header.root);
                })
            },
            |refusal| matches!(refusal, Refusal::NonMonotonicTime { .. } | Refusal::NotNewer { .. }),
        );
    }
}
