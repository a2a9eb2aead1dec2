//! Label values. They come from the configuration (names of bridges, chains, endpoints, signers, peers) or from the
//! closed lists below, so the number of series is bounded by the configuration and never by traffic (ATK-101).

use std::borrow::Cow;

/// Longest label value. Names in the configuration are shorter; an address, a hash or a URL is longer.
pub const MAX_LABEL_BYTES: usize = 40;

/// A closed list of values of one label.
pub trait Label: Copy + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// Its values, in the order of [`Label::position`].
    const VALUES: &'static [&'static str];
    /// Position of this value in [`Label::VALUES`].
    fn position(self) -> usize;
}

/// Makes a configured name fit to be a label's value: ASCII letters, digits and `-_.:`, at most [`MAX_LABEL_BYTES`].
/// What carries an address or a URL is not shortened but hidden whole: half a secret is still telling.
pub fn value(name: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    let telling = name.contains("://") || name.contains('@') || has_long_hex(name);
    match (telling, name.len() <= MAX_LABEL_BYTES, name.bytes().all(plain)) {
        (true, _, _) => Cow::Borrowed("hidden"),
        (false, true, true) => Cow::Borrowed(name),
        _ => {
            Cow::Owned(name.bytes().take(MAX_LABEL_BYTES).map(|b| if plain(b) { char::from(b) } else { '_' }).collect())
        }
    }
}

/// The short id of a lane that labels, commands and file names use: the first 8 hex digits.
pub fn lane(id: &causeway_core::LaneId) -> String {
    id.to_string().chars().skip("0x".len()).take(SHORT_ID_DIGITS).collect()
}

/// Digits of a short lane id: among 4,096 lanes two meet once in 500 relayers.
const SHORT_ID_DIGITS: usize = 8;

/// True if `name` holds a run of hex digits long enough to be (half of) an address: 20 digits are 10 bytes.
fn has_long_hex(name: &str) -> bool {
    const TELLING: usize = 20;
    name.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= TELLING)
}

/// Declares a closed list of label values as an enum.
macro_rules! label {
    ($(#[$meta:meta])* $name:ident = $label:literal { $($(#[$vmeta:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl Label for $name {
            const NAME: &'static str = $label;
            const VALUES: &'static [&'static str] = &[$($value),+];
            fn position(self) -> usize {
                self as usize
            }
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name() == name)
            }

            /// The label's value.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $value),+ }
            }
        }
    };
}

label! {
    /// How far an entry is (protocol §7).
    EntryStage = "stage" {
        /// Seen in a block of the source.
        Observed = "observed",
        /// In a block that is final on the source, and verified.
        Final = "final",
        /// In a bundle with its proofs.
        Proved = "proved",
        /// Handed to the peer, or to this relayer's own receiving half.
        Sent = "sent",
        /// Verified by the receiving half.
        Verified = "verified",
        /// In a transaction that was broadcast on the destination.
        Submitted = "submitted",
        /// In a block of the destination.
        Included = "included",
        /// In a final block of the destination.
        Delivered = "delivered",
    }
}

label! {
    /// How a delivered entry ended on its destination.
    Ending = "ending" {
        /// Credited, released or (for facts and returns) applied.
        Credited = "credited",
        /// Answered with `Returned`: late, or its credit failed. Which, the reverse lane's entry says.
        Returned = "returned",
        /// The pay-out of a return failed: the asset is claimable.
        Parked = "parked",
    }
}

label! {
    /// How a swap ended: there is no third way (INV-4).
    SwapEnd = "end" {
        /// Both legs went to their buyers.
        Released = "released",
        /// Whatever was locked went back.
        GivenBack = "given_back",
    }
}

label! {
    /// What an entry says.
    EntryKind = "kind" {
        /// An asset was locked or burned.
        Transfer = "transfer",
        /// A transfer comes back: it was late.
        ReturnedExpired = "returned_expired",
        /// A transfer comes back: its credit failed.
        ReturnedFailed = "returned_failed",
        /// A swap's leg was locked.
        SwapLocked = "swap_locked",
        /// A swap's leg will never be locked.
        SwapVoided = "swap_voided",
    }
}

label! {
    /// What an error does to its item or lane.
    ErrorClass = "class" {
        /// Tried again after a delay.
        Retry = "retry",
        /// The item became a dead letter.
        DeadLetter = "dead_letter",
        /// The lane stopped.
        StopLane = "stop_lane",
    }
}

label! {
    /// State of an endpoint of a chain.
    EndpointState = "state" {
        /// Answers and advances.
        Healthy = "healthy",
        /// Not asked yet.
        Unknown = "unknown",
        /// Answers, behind the others.
        Lagging = "lagging",
        /// Answers, does not advance.
        Stalled = "stalled",
        /// Asked to slow down.
        Limited = "rate_limited",
        /// Does not answer.
        Down = "unreachable",
        /// Contradicted a verified fact.
        Lied = "lied",
        /// Serves another chain.
        WrongChain = "wrong_chain",
    }
}

label! {
    /// Which of a lane's two light clients: the relayer's own or the contract's.
    Holder = "holder" {
        /// The relayer's own client of the source.
        Relayer = "relayer",
        /// The client contract on the destination.
        Contract = "contract",
    }
}

label! {
    /// Which way.
    Direction = "direction" {
        /// Towards us.
        In = "in",
        /// Away from us.
        Out = "out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atk_101_addresses_and_urls_are_never_label_values() {
        for telling in [
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "https://user:pass@node.example:8545",
            "node-52908400098527886e0f7030069857",
            "ops@example.org",
            "eip155:1:0x52908400098527886E0F7030069857D2E4169EE7",
        ] {
            assert_eq!(value(telling), "hidden", "{telling}");
        }
        for honest in ["org-a", "eip155:1337", "lane_0a1b2c3d", "node.1"] {
            assert_eq!(value(honest), honest);
        }
    }

    #[test]
    fn other_characters_and_lengths_are_replaced() {
        assert_eq!(value("a b\n\u{202e}"), "a_b____");
        assert_eq!(value(&"z".repeat(100)).len(), MAX_LABEL_BYTES);
        assert_eq!(value(""), "");
    }

    #[test]
    fn positions_match_values() {
        for stage in EntryStage::ALL {
            assert_eq!(EntryStage::VALUES[stage.position()], stage.name());
        }
    }
}
