//! Any bytes before every decoder of messages: none panics, and what is read is written back as the same bytes.
#![no_main]

use causeway_fabric::{
    Block, Channel, TrustedState, Update,
    block::{self, Payload, SignedMetadata},
    config::Group,
    policy::SignaturePolicy,
    transaction::Transaction,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(update) = Update::decode(bytes) {
        assert_eq!(update.encode().as_deref(), Ok(bytes));
    }
    if let Ok(metadata) = SignedMetadata::decode(bytes) {
        assert_eq!(metadata.encode(), bytes);
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        assert_eq!(state.encode(), bytes);
    }
    if let Ok(channel) = Channel::read(bytes) {
        assert_eq!(channel.config(), bytes);
    }
    if let Ok(policy) = SignaturePolicy::read(bytes) {
        assert!(!policy.tally(&[]).satisfied(), "nobody satisfies a policy");
    }
    if let Ok(block) = Block::decode(bytes) {
        let _ = (block.header.hash(), block.data.map(block::data));
    }
    if let Ok(envelope) = block::envelope(bytes, true) {
        let _ = Payload::decode(envelope.payload);
    }
    let _ = (block::data(bytes), Group::read(bytes), Transaction::decode(bytes).is_ok());
});
