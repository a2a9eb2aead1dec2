use alloy_primitives::hex;

use super::{Sm2Fault, sm3, verify};

const KEY: [u8; 64] = hex!(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
);
const SIGNATURE: [u8; 64] = hex!(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
);

/// The examples of GB/T 32905 (A.1) and GB/T 32918.5 (A.2).
#[test]
fn the_standards_examples_hold() {
    assert_eq!(sm3(b"abc").0, hex!("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"));
    assert_eq!(verify(&KEY, b"message digest", &SIGNATURE), Ok(()));
}

#[test]
fn anything_else_is_refused() {
    assert_eq!(verify(&KEY, b"message digesT", &SIGNATURE), Err(Sm2Fault::Mismatch));
    for at in 0..64 {
        let (mut key, mut signature) = (KEY, SIGNATURE);
        key[at] ^= 1;
        signature[at] ^= 1;
        assert!(verify(&key, b"message digest", &SIGNATURE).is_err());
        assert!(verify(&KEY, b"message digest", &signature).is_err());
    }
    assert_eq!(verify(&KEY, b"", &[0; 64]), Err(Sm2Fault::Range));
    assert_eq!(verify(&KEY, b"", &[0xff; 64]), Err(Sm2Fault::Range));
    assert_eq!(verify(&[0; 64], b"", &SIGNATURE), Err(Sm2Fault::Key));
}
