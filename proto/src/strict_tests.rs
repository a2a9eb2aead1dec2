#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use prost::Message;

use super::*;
use crate::peer::v1;

fn hello(lanes: usize) -> v1::HelloRequest {
    let terms = v1::LaneTerms {
        lane: vec![1; 32].into(),
        source_chain: "eip155:1".into(),
        client: Some(v1::ClientTerms {
            family: "bft-evm".into(),
            parameters: vec![v1::Parameter { name: "mode".into(), value: "qbft".into() }; 3],
            ..Default::default()
        }),
        ..Default::default()
    };
    v1::HelloRequest { version_min: 1, version_max: 300, lanes: vec![terms; lanes], ..Default::default() }
}

#[test]
fn honest_messages_pass() {
    check::<v1::HelloRequest>(&hello(1000).encode_to_vec()).unwrap();
    check::<v1::HelloRequest>(&[]).unwrap();
    let held = v1::RangesHeld { bounds: vec![0, u64::MAX] };
    check::<v1::RangesHeld>(&held.encode_to_vec()).unwrap();
    let outcome = v1::Outcome { outcome: Some(v1::outcome::Outcome::Received(v1::Received {})) };
    let frame = v1::stream_lane_response::Frame::Acknowledgement(v1::Acknowledgement {
        number: u64::MAX,
        outcome: Some(outcome),
    });
    check::<v1::StreamLaneResponse>(&v1::StreamLaneResponse { frame: Some(frame) }.encode_to_vec()).unwrap();
}

#[test]
fn atk_096_too_many_items_are_refused_before_they_cost_anything() {
    // Two bytes an item on the wire, a hundred decoded.
    let million = [0x22, 0x00].repeat(1_000_000);
    let refused = check::<v1::HelloRequest>(&million).unwrap_err();
    assert_eq!(refused, NotStrict::TooMany { message: "HelloRequest", number: 4, max: 4096 });
    check::<v1::HelloRequest>(&[0x22, 0x00].repeat(4096)).unwrap();
    assert!(check::<v1::HelloRequest>(&[0x22, 0x00].repeat(4097)).is_err());
    let held = v1::RangesHeld { bounds: vec![1; 2049] };
    assert!(matches!(check::<v1::RangesHeld>(&held.encode_to_vec()), Err(NotStrict::TooMany { max: 2048, .. })));
}

#[test]
fn atk_096_nested_groups_and_unknown_fields_are_refused() {
    // 10,000 nested groups of an unknown field, and of a known one.
    for tag in [0x7b, 0x0b] {
        assert!(check::<v1::HelloRequest>(&[tag].repeat(10_000)).is_err());
    }
    assert_eq!(
        check::<v1::HelloRequest>(&[0x0b]).unwrap_err(),
        NotStrict::WireType { message: "HelloRequest", number: 1, expected: 0, found: 3 }
    );
    let unknown = NotStrict::UnknownField { message: "HelloRequest", number: 15 };
    assert_eq!(check::<v1::HelloRequest>(&[0x78, 0x01]).unwrap_err(), unknown);
}

#[test]
fn atk_064_one_message_has_one_form() {
    let twice = |number: u32| NotStrict::TooMany { message: "HelloRequest", number, max: 1 };
    assert_eq!(check::<v1::HelloRequest>(&[0x08, 1, 0x08, 2]).unwrap_err(), twice(1));
    let not_canonical = NotStrict::NonCanonical { message: "HelloRequest" };
    for long in [&[0x08, 0x80, 0x00][..], &[0x88, 0x00, 0x01], &[0x08, 0x81, 0x80, 0x00]] {
        assert_eq!(check::<v1::HelloRequest>(long).unwrap_err(), not_canonical);
    }
    // Beyond 64 bits, and beyond the field's own 32.
    let overflow = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
    assert!(
        check::<v1::Credit>(&overflow).is_err() && check::<v1::Finalised>(&[&[0x10], &overflow[1..]].concat()).is_err()
    );
    let largest = [&[0x10][..], &[0xff; 9], &[0x01]].concat();
    check::<v1::Finalised>(&largest).unwrap();
    check::<v1::Credit>(&[0x08, 0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap();
    assert!(check::<v1::Credit>(&[0x08, 0x80, 0x80, 0x80, 0x80, 0x10]).is_err());
    // Two fields of one oneof.
    let both = [&[0x0a, 0x00][..], &[0x12, 0x00]].concat();
    assert!(matches!(check::<v1::StreamLaneRequest>(&both), Err(NotStrict::TooMany { number: 2, max: 1, .. })));
}

#[test]
fn cut_and_changed_messages_never_pass_as_others() {
    let honest = hello(3).encode_to_vec();
    for len in 0..honest.len() {
        if check::<v1::HelloRequest>(&honest[..len]).is_ok() {
            v1::HelloRequest::decode(&honest[..len]).expect("what passes decodes, texts aside");
        }
    }
    // Every change of a byte either is refused or decodes into something that encodes back.
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut changed = honest.clone();
            changed[at] ^= 1 << bit;
            if check::<v1::HelloRequest>(&changed).is_ok()
                && let Ok(message) = v1::HelloRequest::decode(&changed[..])
            {
                let again = message.encode_to_vec();
                assert_eq!(v1::HelloRequest::decode(&again[..]).unwrap(), message);
            }
        }
    }
}
