//! Any bytes before every decoder: none panics, and what is read is written back as a message that reads the same.
#![no_main]

use causeway_cometbft::{Commit, Encoding, Header, TrustedState, Update, ValidatorSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::decode(bytes) {
        let again = header.encode();
        assert_eq!(Header::decode(&again).as_ref(), Ok(&header));
        let _ = (header.hash(Encoding::Protobuf), header.hash(Encoding::Amino));
    }
    if let Ok(commit) = Commit::decode(bytes) {
        let again = commit.encode();
        assert_eq!(Commit::decode(&again).as_ref(), Ok(&commit));
    }
    if let Ok(set) = ValidatorSet::decode(bytes) {
        assert_eq!(ValidatorSet::decode(&set.encode()).as_ref(), Ok(&set));
        let _ = (set.hash(Encoding::Protobuf), set.hash(Encoding::Amino));
    }
    if let Ok(update) = Update::decode(bytes) {
        let again = update.encode();
        assert_eq!(Update::decode(&again).as_ref(), Ok(&update));
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        assert_eq!(state.encode(), bytes);
    }
});
