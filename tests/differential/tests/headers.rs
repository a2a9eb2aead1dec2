//! ATK-018, 034, 045, 048: headers under the rules of the light client, in Rust and in Solidity.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use alloy::primitives::{Address, B256, U256};
use causeway_bft_evm::{
    Mode, Params, SealLess, Threshold, TrustedState, ValidatorSet, ValidatorSource, compose::HeaderFields, conflict,
    quorum, verify,
};
use causeway_differential::{
    machine::Machine,
    random::Random,
    reason::{differs_by_order, of_client, of_refusal, shown},
    shape::Shape,
    tally::Tally,
    validators::{Parts, Validator, addresses, set},
};
use common::{Client, constructor};

const SEED: u64 = 0x0c0f_fee0_0dec_0de5;
const START: u64 = 1_800_000_000;
const HEIGHT: u64 = 1_000;
/// Worlds, and inputs in each: 7,200 in all.
const WORLDS: usize = 60;
const INPUTS: usize = 120;
const PAIRS: usize = 12;

const MODES: [Mode; 3] = [Mode::Qbft, Mode::Ibft2, Mode::Ibft1];

/// One chain, and a client of it on each side.
struct World {
    random: Random,
    params: Params,
    trusted: TrustedState,
    /// The set in force.
    set: Vec<Validator>,
    machine: Machine,
    client: Address,
}

impl World {
    fn new(number: usize) -> Self {
        let mut random = Random::new(SEED ^ number as u64);
        let count = *random.pick(&[1, 2, 3, 4, 4, 5, 6, 7, 10, 21]);
        let params = Params {
            mode: MODES[number % 3],
            validators: ValidatorSource::Header,
            trusting_period: 10_000,
            drift: 15,
            trust_threshold: *random.pick(&[
                Threshold { numerator: 1, denominator: 3 },
                Threshold { numerator: 2, denominator: 3 },
                Threshold { numerator: 1, denominator: 2 },
            ]),
            freeze_delay: 500,
        };
        let set = set(1_000 * number as u64, count);
        let list = ValidatorSet::new(addresses(&set)).unwrap();
        let trusted = TrustedState::new(HEIGHT, START, B256::repeat_byte(0x11), B256::repeat_byte(0x22), list);
        let mut machine = Machine::new(START + 100);
        let client = machine.create("BftEvmClient", &constructor(&params, &trusted));
        Self { random, params, trusted, set, machine, client }
    }

    /// A header that the chain might have: mostly newer and under the set in force.
    fn fields(&mut self) -> (HeaderFields, Vec<Validator>) {
        let random = &mut self.random;
        let ahead = *random.pick(&[1, 1, 1, 2, 3, 50, 0, -1, -5, -999]);
        let height = self.trusted.height().saturating_add_signed(ahead);
        let time = match random.below(8) {
            // The edges of drift, of monotony, of the start.
            0 => self.machine.now + self.params.drift + random.below(2) as u64,
            1 => self.trusted.time() + random.below(2) as u64,
            2 => random.next() >> random.below(64),
            _ => self.trusted.time().saturating_add_signed(ahead),
        };
        let sealers = match random.below(6) {
            // Somebody joins, leaves, or is replaced; sometimes nearly everybody.
            0 => {
                let mut sealers = self.set.clone();
                let moves = 1 + random.below(3.max(self.set.len() / 2));
                for _ in 0..moves {
                    let (at, new) = (random.below(sealers.len()), Validator::new(random.next()));
                    match random.below(3) {
                        0 if sealers.len() > 1 => drop(sealers.remove(at)),
                        1 => sealers.insert(at, new),
                        _ => sealers[at] = new,
                    }
                }
                if random.once_in(2) {
                    sealers.sort_by_key(|validator| validator.address);
                }
                if random.once_in(6) {
                    let twice = sealers[random.below(sealers.len())].clone();
                    sealers.push(twice);
                }
                sealers
            }
            _ => self.set.clone(),
        };
        let parent = if ahead == 1 { self.trusted.block_hash() } else { B256::repeat_byte(0x33) };
        let mut fields = HeaderFields::new(height, time, parent, B256::repeat_byte(0x44), addresses(&sealers));
        fields.vanity = [random.byte(); 32];
        fields.gas_used = random.next() >> random.below(64);
        if random.once_in(3) {
            fields.round = *random.pick(&[1, 2, 127, 128, 255, 256, 1 << 24, u32::MAX]);
        }
        if random.once_in(4) {
            fields.vote = Some((Address::from_slice(&random.bytes(20)), random.once_in(2)));
        }
        if random.once_in(3) {
            fields.base_fee = Some(random.next() >> random.below(64));
            if random.once_in(2) {
                fields.withdrawals_root = Some(B256::repeat_byte(7));
                fields.cancun = Some((0, random.next() >> random.below(64), B256::repeat_byte(8)));
            }
        }
        if self.params.mode == Mode::Ibft1 {
            fields.proposer_seal = if random.once_in(8) { Vec::new() } else { vec![7; 65] };
        }
        (fields, sealers)
    }

    /// The header's bytes, sometimes with an item written wrongly: the validators seal it all the same.
    fn header(&mut self, fields: &HeaderFields) -> Vec<u8> {
        let mode = self.params.mode;
        let bytes = fields.seal_less(mode);
        let random = &mut self.random;
        match random.below(8) {
            0..3 => {
                let Shape::List(mut items) = Shape::read(&bytes) else { unreachable!("a header is a list") };
                let Shape::Bytes(extra) = &items[12] else { unreachable!("extra data is a string") };
                let vanity = if mode == Mode::Ibft1 { 32 } else { 0 };
                let Shape::List(inner) = Shape::read(&extra[vanity..]) else { unreachable!("it holds a list") };
                items[12] = Shape::Nested(extra[..vanity].to_vec(), inner);
                let mut header = Shape::List(items);
                for _ in 0..=random.below(2) {
                    // Where the rules are: from the difficulty on, mostly the extra data.
                    if let Shape::List(items) = &mut header {
                        let count = items.len();
                        if count == 0 {
                            break;
                        }
                        match random.below(6) {
                            0 => header.twist(random),
                            1 | 2 => items[12.min(count - 1)].twist(random),
                            3 => items[random.below(count)].twist(random),
                            _ => {
                                let first = 7.min(count - 1);
                                items[first + random.below(count - first)].twist(random);
                            }
                        }
                    }
                }
                header.encode()
            }
            3 => {
                let mut bytes = bytes;
                random.damage(&mut bytes);
                bytes
            }
            _ => bytes,
        }
    }

    fn update(&mut self) -> Vec<u8> {
        let (fields, sealers) = self.fields();
        let header = self.header(&fields);
        let random = &mut self.random;
        let enough = quorum(sealers.len());
        let wanted = match random.below(8) {
            0 => enough.saturating_sub(1),
            1 => sealers.len(),
            2 => random.below(sealers.len() + 1),
            _ => enough,
        };
        let mut places: Vec<usize> = (0..sealers.len()).collect();
        for last in (1..places.len()).rev() {
            places.swap(last, random.below(last + 1));
        }
        places.truncate(wanted);
        let mut parts = Parts::sealed(self.params.mode, header, &sealers, &places);
        let same = addresses(&sealers) == self.trusted.validators().as_slice();
        if same == random.once_in(16) {
            parts.previous = Some(self.trusted.validators().as_slice().to_vec());
        }
        if random.once_in(5) {
            tamper(&mut parts, random);
        }
        let mut bytes = parts.encode();
        if random.once_in(5) {
            random.damage(&mut bytes);
        }
        bytes
    }

    /// Both verdicts on an update; sometimes the clients go on from it.
    fn judge(&mut self, bytes: &[u8], tally: &mut Tally) {
        let rust = verify(&self.params, &self.trusted, bytes, self.machine.now);
        let go_on = self.random.once_in(12);
        let contract = self.machine.update(self.client, bytes, go_on);
        let (rust_name, contract_name) = (
            rust.as_ref().map_or_else(of_refusal, |_| "accepted"),
            contract.as_ref().map_or_else(of_client, |_| "accepted"),
        );
        let same = match (&rust, &contract) {
            (Ok(rust), Ok(contract)) => (rust.header.height, rust.header.time) == *contract,
            (Err(_), Err(_)) => rust_name == contract_name || differs_by_order(rust_name, contract_name),
            _ => false,
        };
        tally.note(rust_name, contract_name, same, || {
            let failed = contract.as_ref().err().map(shown);
            format!("{:?} rust {rust:?}, contract {failed:?}: {}", self.params, alloy::hex::encode(bytes))
        });
        if let (true, Ok(verified)) = (go_on && same, rust) {
            self.go_on(verified.trusted);
        }
    }

    fn go_on(&mut self, trusted: TrustedState) {
        self.trusted = trusted;
        let state = self.machine.state(self.client);
        let expected = (self.trusted.height(), self.trusted.time(), self.trusted.validators().hash());
        assert_eq!(state, expected, "height, time and set hash after the same update");
        // The set's keys: those of the world, if all members are known.
        let numbered: Vec<Validator> = self.set.clone();
        let members = self.trusted.validators().as_slice();
        let known: Vec<Validator> =
            members.iter().filter_map(|m| numbered.iter().find(|v| v.address == *m).cloned()).collect();
        if known.len() == members.len() {
            self.set = known;
        } else {
            *self = Self { random: self.random.clone(), ..Self::new(self.random.below(WORLDS)) };
        }
    }
}

/// Changes what stands around the header.
fn tamper(parts: &mut Parts, random: &mut Random) {
    match random.below(9) {
        0 if !parts.seals.is_empty() => {
            let at = random.below(parts.seals.len());
            parts.seals[at][random.below(65)] ^= 1 << random.below(8);
        }
        1 if !parts.seals.is_empty() => {
            // The twin of a signature: n - s and the other v.
            let order =
                U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
            let at = random.below(parts.seals.len());
            let s = U256::from_be_slice(&parts.seals[at][32..64]);
            parts.seals[at][32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
            parts.seals[at][64] ^= 1;
        }
        2 => parts.signers = U256::from(random.next() & 0x1f),
        3 => parts.signers.set_bit(random.below(256), random.once_in(2)),
        4 => parts.seals.reverse(),
        5 => drop(parts.seals.pop()),
        6 if !parts.seals.is_empty() => parts.seals.push(parts.seals[0]),
        7 => {
            if let Some(previous) = &mut parts.previous {
                previous.reverse();
            }
        }
        8 if !parts.seals.is_empty() => {
            let at = random.below(parts.seals.len());
            let value = *random.pick(&[0_u8, 0xff]);
            let from = 32 * random.below(2);
            parts.seals[at][from..from + 32].fill(value);
        }
        _ => parts.previous = None,
    }
}

#[test]
fn headers_have_one_verdict() {
    let mut tally = Tally::default();
    for number in 0..WORLDS {
        let mut world = World::new(number);
        for input in 0..INPUTS {
            world.machine.now = world.trusted.time() + 100;
            if input % 40 == 39 {
                // The last second of the trusting period and the one after, or the same of the delay behind it.
                world.machine.now = world.trusted.time() + world.params.trusting_period - world.random.below(2) as u64;
                if world.random.once_in(2) {
                    world.machine.now += world.params.freeze_delay;
                }
            }
            let bytes = world.update();
            world.judge(&bytes, &mut tally);
        }
    }
    tally.finish("headers");
    // The mutations reach every rule, and leave enough honest ones.
    for reason in [
        "accepted",
        "expired",
        "malformed update",
        "malformed header",
        "header from the future",
        "time not monotonic",
        "older under another set",
        "not the set in force",
        "duplicate validator",
        "unknown signer",
        "not enough trust",
        "invalid seal",
    ] {
        assert!(tally.count(reason) >= 5, "{reason}: {} inputs", tally.count(reason));
    }
    assert!(tally.count("accepted") * 6 > tally.total(), "too few honest inputs");
}

/// Evidence: the same conflicts are seen, and what may still be read after the freeze is the same.
#[test]
fn misbehaviour_has_one_verdict() {
    let mut tally = Tally::default();
    for number in 0..WORLDS {
        for _ in 0..PAIRS {
            let mut world = World::new(number);
            world.random = Random::new(SEED.wrapping_mul(number as u64 + 1) ^ tally.total() as u64);
            let (mut fields, sealers) = world.fields();
            let places: Vec<usize> = (0..sealers.len()).collect();
            let mode = world.params.mode;
            let mut common = fields.clone();
            common.height = common.height.wrapping_sub(1);
            fields.parent_hash = common.block_hash(mode);
            let bring = |mut parts: Parts, world: &World| {
                if addresses(&sealers) != world.trusted.validators().as_slice() {
                    parts.previous = Some(world.trusted.validators().as_slice().to_vec());
                }
                parts
            };
            let a = bring(Parts::sealed(mode, fields.seal_less(mode), &sealers, &places), &world);
            let below = fields.clone();
            match world.random.below(7) {
                0 => fields.state_root = B256::repeat_byte(0x55),
                1 => fields.round = fields.round.wrapping_add(1),
                2 => fields.parent_hash = B256::repeat_byte(0x56),
                3 => (fields.height, fields.parent_hash) = (fields.height + 1, below.block_hash(mode)),
                4 => fields.height += 1,
                5 => (fields.height, fields.time) = (fields.height + 2, fields.time.saturating_sub(1)),
                _ => fields.vanity = [0xee; 32],
            }
            let b = bring(Parts::sealed(mode, fields.seal_less(mode), &sealers, &places), &world);
            let (a, b) = if world.random.once_in(2) { (b, a) } else { (a, b) };
            let rust = conflict(&world.params, &world.trusted, &a.encode(), &b.encode(), world.machine.now);
            let contract = world.machine.misbehaviour(world.client, &a.encode(), &b.encode());
            let rust_name = match &rust {
                Ok(Some(_)) => "accepted",
                Ok(None) => "no misbehaviour",
                Err(refusal) => of_refusal(refusal),
            };
            let contract_name = contract.as_ref().map_or_else(of_client, |()| "accepted");
            let same = rust_name == contract_name || (contract.is_err() && differs_by_order(rust_name, contract_name));
            tally.note(rust_name, contract_name, same, || {
                let failed = contract.as_ref().err().map(shown);
                format!("{:?} rust {rust:?}, contract {failed:?}", world.params)
            });
            if let (Ok(Some(evidence)), Ok(())) = (rust, contract) {
                let freeze = evidence.freeze(&world.trusted, world.machine.now);
                world.trusted = world.trusted.clone().freeze(freeze);
                assert_eq!(world.machine.frozen_at(world.client), Some(freeze.at), "freeze height");
                after_the_freeze(&mut world, &common, &a, &mut tally);
            }
        }
    }
    tally.finish("misbehaviour");
    for reason in ["accepted", "no misbehaviour", "frozen", "read after the freeze"] {
        assert!(tally.count(reason) >= 5, "{reason}: {} inputs", tally.count(reason));
    }
}

/// Sealed and bare headers, before and after the delay.
fn after_the_freeze(world: &mut World, parent: &HeaderFields, sealed: &Parts, tally: &mut Tally) {
    let mode = world.params.mode;
    let bare = |header: Vec<u8>| Parts { header, previous: None, signers: U256::ZERO, seals: Vec::new() };
    let mut inputs = vec![sealed.encode(), bare(sealed.header.clone()).encode(), bare(parent.seal_less(mode)).encode()];
    if let Some(damaged) = inputs.last().cloned() {
        let mut damaged = damaged;
        world.random.damage(&mut damaged);
        inputs.push(damaged);
    }
    for wait in [0, world.params.freeze_delay - 1, world.params.freeze_delay] {
        let now = world.machine.now;
        world.machine.now = now + wait;
        for input in &inputs {
            let rust = verify(&world.params, &world.trusted, input, world.machine.now);
            let contract = world.machine.update(world.client, input, false);
            let rust_name = rust.as_ref().map_or_else(of_refusal, |_| "read after the freeze");
            let contract_name = contract.as_ref().map_or_else(of_client, |_| "read after the freeze");
            // After a freeze a malformed header and a wrong one are the same to the reader.
            let same = rust.is_ok() == contract.is_ok() && !contract_name.starts_with("unnamed");
            tally.note(rust_name, contract_name, same, || alloy::hex::encode(input));
        }
        world.machine.now = now;
    }
}

/// A client that is left alone for longer than its trusting period reads the newest block that it accepted, after the
/// delay, and no other.
#[test]
fn what_an_expired_client_reads_has_one_verdict() {
    let mut tally = Tally::default();
    for number in 0..WORLDS {
        let mut world = World::new(number);
        let mode = world.params.mode;
        let (mut newest, _) = world.fields();
        (newest.height, newest.time, newest.validators) = (HEIGHT + 1, START + 1, addresses(&world.set));
        let places: Vec<usize> = (0..world.set.len()).collect();
        let update = Parts::sealed(mode, newest.seal_less(mode), &world.set, &places);
        let mut kept = Tally::default();
        world.random = Random::new(SEED ^ number as u64);
        let verified = verify(&world.params, &world.trusted, &update.encode(), world.machine.now).unwrap();
        world.machine.update(world.client, &update.encode(), true).unwrap();
        world.trusted = verified.trusted;
        let bare = Parts { signers: U256::ZERO, seals: Vec::new(), ..update.clone() };
        let mut other = newest.clone();
        other.state_root = B256::repeat_byte(0x77);
        let mut inputs = vec![update.encode(), bare.encode()];
        inputs.push(Parts { header: other.seal_less(mode), ..bare.clone() }.encode());
        let expired = world.trusted.expires_at(&world.params);
        for now in [expired - 1, expired, expired + world.params.freeze_delay - 1, expired + world.params.freeze_delay]
        {
            world.machine.now = now;
            for input in &inputs {
                let rust = verify(&world.params, &world.trusted, input, now);
                let contract = world.machine.update(world.client, input, false);
                let rust_name = rust.as_ref().map_or_else(of_refusal, |_| "accepted");
                let contract_name = contract.as_ref().map_or_else(of_client, |_| "accepted");
                let same = rust_name == contract_name;
                kept.note(rust_name, contract_name, same, || alloy::hex::encode(input));
                tally.note(rust_name, contract_name, same, || alloy::hex::encode(input));
            }
        }
        assert_eq!(kept.count("accepted"), 2, "the sealed one in time, the bare one after the delay");
    }
    tally.finish("expired clients");
}

/// The largest set there is can be left: its length does not fit into a byte.
#[test]
fn a_set_of_256_can_be_left() {
    let old = set(1, 256);
    let mut new = old.clone();
    new.truncate(255);
    let params = Params {
        mode: Mode::Qbft,
        validators: ValidatorSource::Header,
        trusting_period: 10_000,
        drift: 15,
        trust_threshold: Threshold::TWO_THIRDS,
        freeze_delay: 500,
    };
    let list = ValidatorSet::new(addresses(&old)).unwrap();
    let trusted = TrustedState::new(HEIGHT, START, B256::repeat_byte(1), B256::repeat_byte(2), list);
    let mut machine = Machine::new(START + 100);
    let client = machine.create("BftEvmClient", &constructor(&params, &trusted));
    let parent = B256::repeat_byte(1);
    let header = HeaderFields::new(HEIGHT + 1, START + 1, parent, B256::repeat_byte(4), addresses(&new));
    for (signers, enough) in [(170, false), (171, true)] {
        let places: Vec<usize> = (0..signers).collect();
        let mut parts = Parts::sealed(params.mode, header.seal_less(params.mode), &new, &places);
        parts.previous = Some(addresses(&old));
        let bytes = parts.encode();
        assert_eq!(verify(&params, &trusted, &bytes, machine.now).is_ok(), enough);
        assert_eq!(machine.update(client, &bytes, false).is_ok(), enough);
    }
}

/// The block hash is one number on both sides, whatever stands in the header: the parent hash of evidence depends on it.
#[test]
fn the_hash_of_a_block_is_the_one_that_its_child_names() {
    let mut judged = 0;
    for number in 0..WORLDS {
        let mut world = World::new(number);
        for _ in 0..PAIRS {
            let (mut fields, _) = world.fields();
            (fields.height, fields.time) = (HEIGHT + 1, START + 1);
            fields.validators = addresses(&world.set);
            let places: Vec<usize> = (0..world.set.len()).collect();
            let mode = world.params.mode;
            let a = Parts::sealed(mode, world.header(&fields), &world.set, &places);
            let Ok(read) = SealLess::read(mode, &a.header) else { continue };
            let accepted = verify(&world.params, &world.trusted, &a.encode(), world.machine.now).is_ok();
            if !accepted || (read.height(), read.time()) != (HEIGHT + 1, START + 1) {
                continue;
            }
            let mut child = fields.clone();
            (child.height, child.time, child.parent_hash) = (HEIGHT + 2, START + 2, read.block_hash());
            let child = Parts::sealed(mode, child.seal_less(mode), &world.set, &places);
            let answer = world.machine.misbehaviour_call(world.client, &a.encode(), &child.encode());
            let name = answer.as_ref().map_or_else(of_client, |()| "accepted");
            assert_eq!(name, "no misbehaviour", "{:?}: {}", world.params, alloy::hex::encode(&a.header));
            judged += 1;
        }
    }
    println!("block hashes: {judged} inputs");
    assert!(judged > 300);
}
