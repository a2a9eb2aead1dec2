//! Word lists.
#![no_main]

use causeway_core::{B256, Entry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let words: Vec<B256> = data.chunks_exact(32).map(B256::from_slice).collect();
    if let Ok(entry) = Entry::from_words(&words) {
        assert_eq!(entry.words().as_slice(), &words[..]);
        assert_eq!(Entry::from_words(entry.words().as_slice()), Ok(entry));
        assert!(!entry.commitment().is_zero());
    }
});
