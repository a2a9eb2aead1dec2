//! Any bytes: what is read as one item is the only spelling of it.
#![no_main]

use causeway_mpt::{decode_account, decode_word, rlp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_account(bytes);
    let _ = decode_word(bytes);
    let Ok(item) = rlp::exact(bytes) else { return };
    let mut again = Vec::new();
    if item.is_list() {
        again = rlp::list(item.payload());
    } else {
        rlp::put_bytes(&mut again, item.payload());
    }
    assert_eq!(again, bytes);
});
