//! Every limit of this crate in one place (INV-7). Past a bound there is a typed refusal, never growth.

/// Most entries in one delivery. It keeps a call far below the gas limit of one transaction (2^24, EIP-7825), and a
/// range proof's working set below 8 KiB of stack.
pub const MAX_BATCH: usize = 256;

/// Most entries in one `Appended` event. One transaction's gas limit cannot pay for this many appends; a longer event is
/// therefore not one that a vault wrote.
pub const MAX_EVENT_ENTRIES: usize = 4096;

/// Greatest height of a peak: the outbox size is a `u64`, so 2^63 leaves are the largest full subtree.
pub const MAX_HEIGHT: u8 = 63;

/// Most siblings in a range proof: one on the left and one on the right of each of at most 64 levels.
pub const MAX_SIBLINGS: usize = 128;

/// Most peaks (and so runs) in one delivery: an outbox of a `u64` size has at most 64 peaks.
pub const MAX_RUNS: usize = 64;

/// Longest time between a lock and its timeout, in seconds (30 days).
pub const MAX_TIMEOUT_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Longest native vault or outbox address, in bytes. CAIP-10 allows 128 characters, which bounds every chain's
/// native form.
pub const MAX_NATIVE_ADDRESS: usize = 128;
