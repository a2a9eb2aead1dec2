//! Every valid Neo header of the vectors, changed in one place: nothing changed may be accepted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use alloy_primitives::{Address, B256};
use causeway_crypto::p256::{Native, Portable};
use causeway_neo::{Header, HeaderFault, Params, Refusal, TrustedState, verify_with};
use conformance::{
    discover::{folders, roots},
    neo::{HeaderCase, valid_headers},
};

fn cases() -> Vec<HeaderCase> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let files = present.flat_map(|root| folders(&root).unwrap()).flat_map(|folder| folder.files);
    files.filter_map(|file| Some(valid_headers(&file.content.ok()?, &file.path))).flatten().collect()
}

struct Tally {
    mutants: usize,
}

impl Tally {
    /// The refusal of what must be refused, by both implementations alike.
    fn refused(&mut self, params: &Params, trusted: &TrustedState, header: &[u8], now: u64) -> Refusal {
        self.mutants += 1;
        let native = verify_with::<Native>(params, trusted, header, now);
        // A bad signature costs most; the portable twin is asked where the verdict is not about one.
        if !matches!(native, Err(Refusal::BadSignature { .. })) || self.mutants.is_multiple_of(16) {
            assert_eq!(native, verify_with::<Portable>(params, trusted, header, now));
        }
        native.expect_err("a changed header was accepted")
    }
}

#[test]
fn changed_headers_are_refused() {
    let cases = cases();
    let mut tally = Tally { mutants: 0 };
    for case in &cases {
        let HeaderCase { params, trusted, header } = case;
        let read = Header::read(params, header).unwrap();
        let now = read.time_ms.div_ceil(1000);
        assert!(verify_with::<Native>(params, trusted, header, now).is_ok());
        for at in 0..header.len() {
            let mut changed = header.clone();
            changed[at] ^= 1 << (at % 8);
            tally.refused(params, trusted, &changed, now);
        }
        for length in [0, 4, 109, 141, header.len() / 2, header.len() - 1] {
            tally.refused(params, trusted, &header[..length], now);
        }
        let longer = [header.as_slice(), &[0]].concat();
        assert_eq!(tally.refused(params, trusted, &longer, now), Refusal::Header(HeaderFault::Trailing(1)));
        witness(&mut tally, case, &read, now);
        state(&mut tally, case, &read, now);
    }
    println!("neo: {} headers, {} mutants, 0 survivors", cases.len(), tally.mutants);
    assert!(cases.is_empty() || tally.mutants > 1000);
}

/// Signatures left out, doubled, moved.
fn witness(tally: &mut Tally, case: &HeaderCase, read: &Header<'_>, now: u64) {
    let HeaderCase { params, trusted, header } = case;
    let fields = header.len() - witness_bytes(read);
    let pushes: Vec<&[u8]> = read.invocation.chunks(66).collect();
    let with = |pushes: &[&[u8]]| {
        let invocation = pushes.concat();
        let mut out = header[..fields].to_vec();
        out.push(1);
        put_bytes(&mut out, &invocation);
        put_bytes(&mut out, read.verification);
        out
    };
    assert_eq!(with(&pushes), *header);
    let needed = pushes.len();
    for left_out in 0..needed {
        let mut fewer = pushes.clone();
        fewer.remove(left_out);
        let refusal = tally.refused(params, trusted, &with(&fewer), now);
        assert_eq!(refusal, Refusal::SignatureCount { needed, found: needed - 1 });
        if needed > 1 {
            let mut doubled = fewer.clone();
            doubled.insert(left_out, fewer[left_out % fewer.len()]);
            let refusal = tally.refused(params, trusted, &with(&doubled), now);
            assert!(matches!(refusal, Refusal::BadSignature { .. }), "{refusal}");
        }
    }
    if needed > 1 {
        let mut reversed = pushes.clone();
        reversed.reverse();
        let refusal = tally.refused(params, trusted, &with(&reversed), now);
        assert!(matches!(refusal, Refusal::BadSignature { .. }), "{refusal}");
    }
    let nobodys = [&[0x0c, 64][..], &[1; 64]].concat();
    let mut strange = pushes.clone();
    strange[0] = &nobodys;
    let refusal = tally.refused(params, trusted, &with(&strange), now);
    assert!(matches!(refusal, Refusal::BadSignature { position: 0, .. }), "{refusal}");
}

/// Another network, consensus, parent, time.
fn state(tally: &mut Tally, case: &HeaderCase, read: &Header<'_>, now: u64) {
    let HeaderCase { params, trusted, header } = case;
    let elsewhere = Params { magic: params.magic.wrapping_add(1), ..params.clone() };
    let refusal = tally.refused(&elsewhere, trusted, header, now);
    assert!(matches!(refusal, Refusal::BadSignature { .. }), "{refusal}");
    let at = |time_ms, hash, consensus| TrustedState::new(trusted.height(), time_ms, hash, consensus, None);
    let (time, hash, consensus) = (trusted.time_ms(), trusted.hash(), trusted.next_consensus());
    let stranger = tally.refused(params, &at(time, hash, Address::repeat_byte(1)), header, now);
    assert!(matches!(stranger, Refusal::NotEnoughTrust { .. }) && stranger.intermediate_helps());
    let orphan = tally.refused(params, &at(time, B256::repeat_byte(1), consensus), header, now);
    assert!(matches!(orphan, Refusal::NotItsChild { .. }));
    let same_time = tally.refused(params, &at(read.time_ms, hash, consensus), header, now);
    assert!(matches!(same_time, Refusal::NonMonotonicTime { .. }));
    let early = tally.refused(params, trusted, header, now - params.drift - 1);
    assert!(matches!(early, Refusal::HeaderFromFuture { .. }));
    let expired_at = trusted.expires_at(params);
    assert_eq!(tally.refused(params, trusted, header, expired_at), Refusal::Expired { expired_at, now: expired_at });
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match u8::try_from(bytes.len()) {
        Ok(short) if short < 0xfd => out.push(short),
        _ => {
            out.push(0xfd);
            out.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

fn witness_bytes(read: &Header<'_>) -> usize {
    let counted = |bytes: &[u8]| bytes.len() + if bytes.len() < 0xfd { 1 } else { 3 };
    1 + counted(read.invocation) + counted(read.verification)
}
