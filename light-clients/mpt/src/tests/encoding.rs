//! RLP: one encoding for every value.

use std::vec::Vec;

use proptest::prelude::*;

use crate::rlp::{self, RlpError};

#[test]
fn longer_spellings_are_refused() {
    let refused: [(&[u8], RlpError); 14] = [
        (&[], RlpError::Truncated),
        (&[0x81, 0x01], RlpError::NonMinimal),
        (&[0x81, 0x00], RlpError::NonMinimal),
        (&[0xb8, 0x01, 0xff], RlpError::NonMinimal),
        (&[0xb8, 0x37], RlpError::NonMinimal),
        (&[0xb9, 0x00, 0x38], RlpError::NonMinimal),
        (&[0xb8, 0x38], RlpError::Truncated),
        (&[0x83, 0x01, 0x02], RlpError::Truncated),
        (&[0xf8, 0x37], RlpError::NonMinimal),
        (&[0xf9, 0x00, 0xff], RlpError::NonMinimal),
        (&[0xc1], RlpError::Truncated),
        (&[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], RlpError::Truncated),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], RlpError::Truncated),
        (&[0x80, 0x80], RlpError::Trailing(1)),
    ];
    for (bytes, error) in refused {
        assert_eq!(rlp::exact(bytes), Err(error), "{bytes:02x?}");
    }
}

#[test]
fn numbers_have_no_leading_zeros_and_fit_their_type() {
    assert_eq!(rlp::exact(&[0x80]).unwrap().u64(), Ok(0));
    assert_eq!(rlp::exact(&[0x00]).unwrap().u64(), Err(RlpError::LeadingZero));
    assert_eq!(rlp::exact(&[0x82, 0x00, 0xff]).unwrap().u64(), Err(RlpError::LeadingZero));
    let nine = rlp::exact(&[0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap().u64();
    assert_eq!(nine, Err(RlpError::Length { expected: 8, found: 9 }));
    assert_eq!(rlp::exact(&[0xc0]).unwrap().u64(), Err(RlpError::Kind));
}

proptest! {
    #[test]
    fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..400), number: u64) {
        let mut out = Vec::new();
        rlp::put_bytes(&mut out, &bytes);
        prop_assert_eq!(rlp::exact(&out).unwrap().bytes().unwrap(), &bytes[..]);
        let mut out = Vec::new();
        rlp::put_u64(&mut out, number);
        prop_assert_eq!(rlp::exact(&out).unwrap().u64(), Ok(number));
        let whole = rlp::list(&bytes);
        prop_assert_eq!(rlp::exact(&whole).unwrap().payload(), &bytes[..]);
    }

    /// Reading any bytes ends, and what is read as one item is written back as the same bytes.
    #[test]
    fn what_is_read_has_one_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(item) = rlp::exact(&bytes) {
            let again = if item.is_list() { rlp::list(item.payload()) } else {
                let mut out = Vec::new();
                rlp::put_bytes(&mut out, item.payload());
                out
            };
            prop_assert_eq!(again, bytes);
        }
    }
}
