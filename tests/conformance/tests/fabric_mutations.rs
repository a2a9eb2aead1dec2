//! Every valid block of Fabric's vectors and recordings, changed in one place: nothing changed may be accepted, and what
//! is changed on purpose is refused for its own reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, path::Path};

use alloy_primitives::B256;
use causeway_crypto::p256::Native;
use causeway_fabric::{
    Block, BlockHeader, Data, Freeze, Over, Refusal, TrustedState, Update,
    block::{self, ENDORSER_TRANSACTION, Envelope, MetadataSignature, Payload, SignedMetadata},
    conflict_with, outbox_with, verify_with,
};
use conformance::{
    discover::{folders, roots},
    fabric::{Step, recorded_steps, steps},
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};

/// All valid blocks of both roots that are there.
fn cases() -> Vec<Step> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let mut out = Vec::new();
    for folder in present.flat_map(|root| folders(&root).unwrap()) {
        let values = folder.files.iter().filter_map(|file| file.content.as_ref().ok());
        out.extend(values.flat_map(steps));
        let is_blocks = folder.files.iter().any(|file| file.path.extension().is_some_and(|kind| kind == "pb"));
        if is_blocks && let Some(path) = folder.files.first().and_then(|file| file.path.parent()) {
            out.extend(recorded_steps(path));
        }
    }
    out
}

/// Counts mutants; a survivor stops the test.
struct Judge<'a> {
    step: &'a Step,
    mutants: &'a mut usize,
    survivors: &'a mut Vec<String>,
}

impl Judge<'_> {
    /// The refusal of an update that must be refused.
    fn refused(&mut self, what: &str, update: &[u8]) -> Option<Refusal> {
        let step = self.step;
        self.refused_by(what, verify_with::<Native>(&step.params, &step.trusted, update, step.now))
    }

    fn refused_by<T>(&mut self, what: &str, verdict: Result<T, Refusal>) -> Option<Refusal> {
        *self.mutants += 1;
        match verdict {
            Err(refusal) => Some(refusal),
            Ok(_) => {
                let height = self.step.trusted.height() + 1;
                self.survivors.push(format!("{} at height {height}: {what}", self.step.params.channel));
                None
            }
        }
    }

    fn expect(&mut self, what: &str, update: &[u8], is: impl Fn(&Refusal) -> bool) {
        if let Some(refusal) = self.refused(what, update) {
            assert!(is(&refusal), "{what}: {refusal}");
        }
    }
}

fn encode(update: &Update<'_>, metadata: &SignedMetadata<'_>) -> Vec<u8> {
    let signatures = metadata.encode();
    Update { signatures: &signatures, ..*update }.encode().unwrap()
}

/// A bit of every byte of the first ones, then of every `stride`-th, every kind of truncation, and an extension.
fn flipped(judge: &mut Judge<'_>, bytes: &[u8], all_of_first: usize, stride: usize) {
    for at in (0..bytes.len().min(all_of_first)).chain((all_of_first..bytes.len()).step_by(stride)) {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (at % 8);
        judge.refused(&format!("bit of byte {at} of {}", bytes.len()), &changed);
    }
    for length in [0, 1, 3, 82, bytes.len() / 2, bytes.len() - 5, bytes.len() - 1] {
        judge.refused(&format!("cut to {length}"), &bytes[..length.min(bytes.len() - 1)]);
    }
    judge.refused("extended", &[bytes, &[0]].concat());
}

fn headers(judge: &mut Judge<'_>, update: &Update<'_>) {
    let with = |header: BlockHeader, between: &[u8]| Update { header, between, ..*update }.encode().unwrap();
    let header = update.header;
    for number in [0, header.number - 1, header.number + 1, u64::MAX] {
        let changed = with(BlockHeader { number, ..header }, update.between);
        judge.expect("relabelled", &changed, |refusal| matches!(refusal, Refusal::WrongNumber { .. }));
    }
    let changed = with(BlockHeader { previous_hash: Some(B256::repeat_byte(1)), ..header }, update.between);
    judge.expect("other parent", &changed, |refusal| matches!(refusal, Refusal::NotLinked { .. }));
    let swapped =
        BlockHeader { previous_hash: Some(header.data_hash), data_hash: header.previous_hash.unwrap(), ..header };
    judge.expect("hashes swapped", &with(swapped, update.between), |refusal| {
        matches!(refusal, Refusal::NotLinked { .. })
    });
    let longer = [update.between, &[7; 32]].concat();
    judge.expect("run extended", &with(header, &longer), |refusal| matches!(refusal, Refusal::WrongNumber { .. }));
    if update.between.len() >= 64 {
        let (first, rest) = update.between.split_at(32);
        let shorter = with(header, rest);
        judge.expect("run cut", &shorter, |refusal| matches!(refusal, Refusal::WrongNumber { .. }));
        let mut reordered = rest[..32].to_vec();
        reordered.extend_from_slice(first);
        reordered.extend_from_slice(&rest[32..]);
        if reordered != update.between {
            let reordered = with(header, &reordered);
            judge.expect("run reordered", &reordered, |refusal| matches!(refusal, Refusal::NotLinked { .. }));
        }
    }
}

/// A stranger's signature over what `signature` is over.
fn forged(metadata: &SignedMetadata<'_>, signature: &MetadataSignature<'_>, header: &BlockHeader) -> Vec<u8> {
    let stranger = SigningKey::from_slice(&[7; 32]).unwrap();
    let named = [signature.signature_header, signature.identifier_header].concat();
    let made: Signature = stranger.sign(&[metadata.value, &named, &header.der()].concat());
    made.normalize_s().unwrap_or(made).to_der().as_bytes().to_vec()
}

fn twin(signature: &[u8]) -> Vec<u8> {
    let (r, s) = Signature::from_der(signature).unwrap().split_scalars();
    Signature::from_scalars(*r, -*s).unwrap().to_der().as_bytes().to_vec()
}

fn signatures(judge: &mut Judge<'_>, update: &Update<'_>, other: &[u8]) {
    let metadata = SignedMetadata::decode(update.signatures).unwrap();
    let count = metadata.signatures.len();
    let none = SignedMetadata { signatures: Vec::new(), ..metadata.clone() };
    judge.expect("nobody signed", &encode(update, &none), |refusal| {
        matches!(refusal, Refusal::NotEnoughTrust { over: Over::BlockValidation, found: 0, .. })
    });
    for place in 0..count {
        let signature = metadata.signatures[place];
        let replaced = |changed: MetadataSignature<'_>| {
            let mut metadata = SignedMetadata { signatures: metadata.signatures.clone(), ..metadata };
            metadata.signatures[place] = changed;
            encode(update, &metadata)
        };
        for bytes in [forged(&metadata, &signature, &update.header), twin(signature.signature), vec![0x30], vec![]] {
            let changed = replaced(MetadataSignature { signature: &bytes, ..signature });
            judge.expect("forged", &changed, |refusal| matches!(refusal, Refusal::BadSignature { .. }));
        }
        let bare = replaced(MetadataSignature { signature_header: &[], identifier_header: &[], ..signature });
        judge.expect("no signer", &bare, |refusal| matches!(refusal, Refusal::Signer { .. }));
        let doubled =
            SignedMetadata { signatures: [metadata.signatures.as_slice(), &[signature]].concat(), ..metadata };
        judge.expect(
            "signed twice",
            &encode(update, &doubled),
            |refusal| matches!(refusal, Refusal::DuplicateSigner { place } if *place == count),
        );
        let mut fewer = metadata.clone();
        fewer.signatures.remove(place);
        judge.expect(
            "one signer less",
            &encode(update, &fewer),
            |refusal| matches!(refusal, Refusal::NotEnoughTrust { found, .. } if *found == count - 1),
        );
        let next = metadata.signatures[(place + 1) % count].signature;
        if count > 1 {
            let changed = replaced(MetadataSignature { signature: next, ..signature });
            judge.expect("signatures swapped", &changed, |refusal| matches!(refusal, Refusal::BadSignature { .. }));
        }
    }
    // The signatures of another block of the same channel.
    if let Ok(theirs) = SignedMetadata::decode(other)
        && !theirs.signatures.is_empty()
    {
        let relabelled = SignedMetadata { value: metadata.value, ..theirs };
        judge.expect("another block's signatures", &encode(update, &relabelled), |refusal| {
            matches!(refusal, Refusal::BadSignature { .. } | Refusal::UnknownConsenter { .. } | Refusal::Signer { .. })
        });
    }
}

/// What the block names as the configuration in force.
fn configurations(judge: &mut Judge<'_>, update: &Update<'_>) {
    let metadata = SignedMetadata::decode(update.signatures).unwrap();
    let number = update.header.number;
    let Some(stated) = metadata.last_config else { return };
    let last_config = |index: u64| {
        let mut inner = Vec::new();
        if index > 0 {
            inner.push(8);
            let mut rest = index;
            while rest >= 0x80 {
                inner.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            inner.push(rest as u8);
        }
        [&[10, inner.len() as u8][..], &inner].concat()
    };
    for index in BTreeSet::from([0, stated + 1, number - 1, number, number + 1, 1 << 40]) {
        if index == stated {
            continue;
        }
        let value = last_config(index);
        let changed = encode(update, &SignedMetadata { value: &value, ..metadata.clone() });
        judge.expect("another configuration", &changed, |refusal| {
            matches!(
                refusal,
                Refusal::ConfigMissing { .. }
                    | Refusal::WrongLastConfig { .. }
                    | Refusal::DataMissing { .. }
                    | Refusal::NotAsSigned { .. }
                    | Refusal::BadSignature { .. }
            )
        });
    }
    if stated == number {
        let bare = Update { data: None, ..*update }.encode().unwrap();
        judge.expect("without data", &bare, |refusal| matches!(refusal, Refusal::DataMissing { .. }));
    }
}

/// The same bytes in other envelopes, other envelopes, none.
fn recut(judge: &mut Judge<'_>, update: &Update<'_>) {
    let data = block::data(update.data.unwrap()).unwrap();
    let with = |envelopes: &[&[u8]]| {
        let mut bytes = Vec::new();
        for envelope in envelopes {
            bytes.push(10);
            let mut length = envelope.len();
            while length >= 0x80 {
                bytes.push(length as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend_from_slice(envelope);
        }
        Update { data: Some(&bytes), ..*update }.encode().unwrap()
    };
    let all = data.concat();
    let Envelope { payload, signature } = block::envelope(data[0], false).unwrap();
    let cut = data[0].len() - signature.len() - 2;
    let whole: Vec<Vec<&[u8]>> = vec![
        vec![&data[0][..cut], &all[cut..]],
        vec![&data[0][..1], &all[1..]],
        [&[&[][..]], data.as_slice()].concat(),
        [data.as_slice(), &[&[][..]]].concat(),
    ];
    for cut in whole.iter().chain((data.len() > 1).then(|| vec![all.as_slice()]).as_ref()) {
        judge.expect("cut elsewhere", &with(cut), |refusal| matches!(refusal, Refusal::Message(_)));
    }
    judge.expect("one envelope twice", &with(&[data[0], data[0]]), |refusal| {
        matches!(refusal, Refusal::WrongData { .. })
    });
    judge.expect("the payload alone", &with(&[payload]), |refusal| matches!(refusal, Refusal::WrongData { .. }));
}

fn times_and_names(judge: &mut Judge<'_>, update: &[u8], whole: &[u8]) {
    let step = judge.step;
    let at = |now| verify_with::<Native>(&step.params, &step.trusted, update, now).map(|_| ());
    let expired_at = step.trusted.time() + step.params.trusting_period;
    let expired = judge.refused_by("after the trusting period", at(expired_at)).unwrap();
    assert_eq!(expired, Refusal::Expired { expired_at, now: expired_at });
    let early = judge.refused_by("the clock went back", at(step.trusted.time() - 1)).unwrap();
    assert!(matches!(early, Refusal::NonMonotonicTime { .. }));
    let frozen = step.trusted.clone().freeze(Freeze { at: 0, since: 0 });
    let verdict = verify_with::<Native>(&step.params, &frozen, update, step.now);
    assert!(matches!(judge.refused_by("frozen", verdict), Some(Refusal::Frozen { .. })));
    let mut params = step.params.clone();
    params.channel.push('x');
    let verdict = verify_with::<Native>(&params, &step.trusted, whole, step.now);
    assert!(matches!(judge.refused_by("another channel", verdict), Some(Refusal::ChannelMismatch { .. })));
    let elsewhere = TrustedState::new(
        (step.trusted.height(), B256::repeat_byte(9)),
        B256::ZERO,
        step.trusted.time(),
        step.trusted.config_height(),
        step.trusted.channel().clone(),
    );
    let verdict = verify_with::<Native>(&step.params, &elsewhere, update, step.now);
    assert!(matches!(judge.refused_by("another chain", verdict), Some(Refusal::NotLinked { .. })));
    // A block is no evidence against itself.
    let found = conflict_with::<Native>(&step.params, &step.trusted, update, whole, step.now).unwrap();
    assert_eq!(found, None);
}

/// A transaction in a block is no attested read, whatever its chaincode.
fn reads(judge: &mut Judge<'_>) {
    let step = judge.step;
    let block = Block::decode(&step.block).unwrap();
    for bytes in block::data(block.data.unwrap()).unwrap() {
        let Envelope { payload, .. } = block::envelope(bytes, false).unwrap();
        let decoded = Payload::decode(payload).unwrap();
        let mut params = step.params.clone();
        if decoded.kind == ENDORSER_TRANSACTION
            && let Ok(transaction) = causeway_fabric::transaction::Transaction::decode(payload)
            && let Some(reads) = &mut params.reads
        {
            reads.chaincode = transaction.chaincode.to_owned();
        }
        let verdict = outbox_with::<Native>(&params, &step.trusted, &B256::repeat_byte(1), payload, step.now);
        assert!(matches!(judge.refused_by("as a read", verdict), Some(Refusal::Read(_))));
    }
}

#[test]
fn changed_blocks_are_refused() {
    let cases = cases();
    let (mut mutants, mut survivors) = (0, Vec::new());
    let seals: Vec<Vec<u8>> =
        cases.iter().map(|step| Block::decode(&step.block).unwrap().signatures.to_vec()).collect();
    for (place, step) in cases.iter().enumerate() {
        let (bare, whole) = (step.update(Data::IfConfig).unwrap(), step.update(Data::Always).unwrap());
        assert!(step.judge(&bare).unwrap().is_ok() && step.judge(&whole).unwrap().is_ok());
        let other = &seals[(place + 1) % seals.len()];
        let mut judge = Judge { step, mutants: &mut mutants, survivors: &mut survivors };
        flipped(&mut judge, &bare, 1_200, 97);
        if whole != bare {
            flipped(&mut judge, &whole, 90, 97);
        }
        for bytes in [&bare, &whole] {
            let update = Update::decode(bytes).unwrap();
            headers(&mut judge, &update);
            signatures(&mut judge, &update, if *other == update.signatures { &[] } else { other });
            configurations(&mut judge, &update);
        }
        recut(&mut judge, &Update::decode(&whole).unwrap());
        times_and_names(&mut judge, &bare, &whole);
        reads(&mut judge);
    }
    println!("fabric: {} blocks, {mutants} mutants, {} survivors", cases.len(), survivors.len());
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
    let present = roots().iter().any(|root| Path::new(&root.path).join("fabric").is_dir());
    assert!(!present || cases.len() > 30, "only {} blocks", cases.len());
}
