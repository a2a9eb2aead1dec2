//! What two chains remember of one swap, and the world around them.

/// What is decided about a leg on its own chain, or known of it on the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing.
    #[default]
    None,
    /// Locked.
    Locked,
    /// Voided.
    Voided,
}

/// An entry of an outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// Not written.
    #[default]
    Missing,
    /// Written and final.
    Written,
    /// Delivered at the other end.
    Delivered,
}

/// The light client on a chain, which reads the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// Takes headers.
    #[default]
    Live,
    /// Takes none, and its vault no locks.
    Frozen,
    /// A substitute was named, which is live.
    Replaced,
}

/// What a third chain says of the swap on its own lane, or the other chain of a leg that is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Forgery {
    /// About the leg that lives where it is delivered (else: about the other).
    pub own_leg: bool,
    /// Says that it was voided (else: locked).
    pub voided: bool,
}

/// One chain: the leg that lives there, and what it knows of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chain {
    /// The leg's record.
    pub leg: Fate,
    /// What is known of the other leg.
    pub fact: Fate,
    /// The `SwapLocked` entry.
    pub locked: Entry,
    /// The `SwapVoided` entry.
    pub voided: Entry,
    /// Ever paid to the buyer.
    pub released: bool,
    /// Ever paid back to the owner.
    pub given_back: bool,
    /// The leg's deadline is past.
    pub late: bool,
    /// Reads the other chain.
    pub client: Client,
    /// The bridge is closed here.
    pub closed: bool,
    /// What was forged.
    pub forged: Option<Forgery>,
}

/// Everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    /// Leg k lives on chain k.
    pub chains: [Chain; 2],
    /// The relayer that is gone for good; at most one is.
    pub gone: Option<u8>,
}

/// What can happen. Chains and relayers are 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// The leg's party locks it.
    Lock(usize),
    /// The leg's party voids it.
    Void(usize),
    /// A relayer voids it: it is overdue, or the other leg is known to be voided.
    VoidOverdue(usize),
    /// A relayer delivers the chain's `SwapLocked` to the other.
    DeliverLocked(usize),
    /// A relayer delivers the chain's `SwapVoided` to the other.
    DeliverVoided(usize),
    /// The leg's deadline passes on its chain.
    Late(usize),
    /// The chain's client sees two final blocks of one height.
    Freeze(usize),
    /// The organisations name a substitute.
    Recover(usize),
    /// The organisations close the bridge here.
    Close(usize),
    /// A third lane delivers a lie.
    Forge(usize, Forgery),
    /// A relayer is gone for good.
    Gone(u8),
}

impl Action {
    /// Happens sooner or later: time passes, organisations act, and the relayer that is left does its duty. Everything else
    /// may never happen: a party that is gone does nothing.
    pub const fn is_inevitable(self) -> bool {
        matches!(
            self,
            Self::VoidOverdue(_) | Self::DeliverLocked(_) | Self::DeliverVoided(_) | Self::Late(_) | Self::Recover(_)
        )
    }
}
