//! What may happen, and what it does.

use crate::state::{Action, Chain, Client, Entry, Fate, Forgery, State};

/// A rule that is left out. Each loses money or leaves it stuck, which [`crate::explore`] must find.
///
/// Two rules of the protocol are not among them, as nothing is lost without them: that a leg is locked before its deadline
/// (it only bounds the second party's option), and that anybody may void a leg whose other is voided (the deadline comes
/// anyway).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A locked leg goes back to its owner at its deadline: paying on absence (ATK-061).
    PaysOnAbsence,
    /// A locked leg can still be voided (ATK-060).
    DecidesTwice,
    /// A settled leg's record is cleared (ATK-060).
    ClearsSettled,
    /// A leg is locked though the other is known to be voided.
    LocksAfterVoid,
    /// A lock does not look at facts that came before it (ATK-111).
    IgnoresEarlyFacts,
    /// A fact that comes before the own leg is decided is not remembered (ATK-111).
    ForgetsEarlyFacts,
    /// A fact counts from any lane (ATK-113).
    CountsAnyLane,
    /// A fact about the own leg counts as one about the other (ATK-113).
    CountsOwnLeg,
    /// `SwapVoided` of the other leg does not give the own one back.
    KeepsVoided,
    /// Nobody but its party voids a leg.
    NobodyVoids,
    /// A closed bridge refuses to void.
    ClosedRefusesVoid,
    /// A closed bridge refuses deliveries.
    ClosedRefusesFacts,
    /// A frozen client stays frozen.
    FrozenForEver,
    /// A relayer submits on its own chain only (INV-6).
    OwnChainOnly,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::PaysOnAbsence,
        Self::DecidesTwice,
        Self::ClearsSettled,
        Self::LocksAfterVoid,
        Self::IgnoresEarlyFacts,
        Self::ForgetsEarlyFacts,
        Self::CountsAnyLane,
        Self::CountsOwnLeg,
        Self::KeepsVoided,
        Self::NobodyVoids,
        Self::ClosedRefusesVoid,
        Self::ClosedRefusesFacts,
        Self::FrozenForEver,
        Self::OwnChainOnly,
    ];
}

/// Which misfortunes happen, besides parties that stop at any point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// Clients freeze.
    pub freezes: bool,
    /// Bridges are closed.
    pub closes: bool,
    /// Lies are delivered by lanes that the terms do not name for that leg.
    pub forgeries: bool,
    /// One relayer goes.
    pub losses: bool,
}

/// The rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// What happens.
    pub scope: Scope,
    /// What is left out.
    pub mutation: Option<Mutation>,
}

/// All forgeries.
pub const FORGERIES: [Forgery; 4] = [
    Forgery { own_leg: false, voided: false },
    Forgery { own_leg: false, voided: true },
    Forgery { own_leg: true, voided: false },
    Forgery { own_leg: true, voided: true },
];

impl Rules {
    /// Everything that might happen at all in the scope.
    pub fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for chain in 0..2 {
            actions.extend([Action::Lock(chain), Action::Void(chain), Action::VoidOverdue(chain)]);
            actions.extend([Action::DeliverLocked(chain), Action::DeliverVoided(chain), Action::Late(chain)]);
            if self.scope.freezes {
                actions.extend([Action::Freeze(chain), Action::Recover(chain)]);
            }
            if self.scope.closes {
                actions.push(Action::Close(chain));
            }
            if self.scope.forgeries {
                actions.extend(FORGERIES.map(|forgery| Action::Forge(chain, forgery)));
            }
            if self.scope.losses {
                actions.push(Action::Gone(chain as u8));
            }
        }
        actions
    }

    fn without(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// What `action` makes of `state`; none where it is refused, or changes nothing.
    pub fn step(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        let done = match action {
            Action::Lock(at) => self.lock(&mut next.chains[at]),
            Action::Void(at) => self.void(&mut next.chains[at]),
            Action::VoidOverdue(at) => self.void_overdue(&mut next, at),
            Action::DeliverLocked(from) => self.deliver(&mut next, from, Fate::Locked),
            Action::DeliverVoided(from) => self.deliver(&mut next, from, Fate::Voided),
            Action::Late(at) => !std::mem::replace(&mut next.chains[at].late, true),
            Action::Freeze(at) => {
                let client = &mut next.chains[at].client;
                std::mem::replace(client, Client::Frozen) == Client::Live
            }
            Action::Recover(at) => {
                let client = &mut next.chains[at].client;
                !self.without(Mutation::FrozenForEver) && std::mem::replace(client, Client::Replaced) == Client::Frozen
            }
            Action::Close(at) => !std::mem::replace(&mut next.chains[at].closed, true),
            Action::Forge(at, forgery) => self.forge(&mut next.chains[at], forgery),
            Action::Gone(relayer) => next.gone.replace(relayer).is_none(),
        };
        done.then_some(next)
    }

    fn lock(&self, chain: &mut Chain) -> bool {
        if chain.leg != Fate::None || chain.late || chain.closed || chain.client == Client::Frozen {
            return false;
        }
        if chain.fact == Fate::Voided && !self.without(Mutation::LocksAfterVoid) {
            return false;
        }
        (chain.leg, chain.locked) = (Fate::Locked, Entry::Written);
        if chain.fact == Fate::Locked && !self.without(Mutation::IgnoresEarlyFacts) {
            self.settle(chain);
        }
        true
    }

    fn void(&self, chain: &mut Chain) -> bool {
        let open = chain.leg == Fate::Locked && !chain.released && !chain.given_back;
        let decided = chain.leg != Fate::None && !(open && self.without(Mutation::DecidesTwice));
        if decided || (chain.closed && self.without(Mutation::ClosedRefusesVoid)) {
            return false;
        }
        chain.given_back |= chain.leg == Fate::Locked;
        (chain.leg, chain.voided) = (Fate::Voided, Entry::Written);
        true
    }

    fn void_overdue(&self, state: &mut State, at: usize) -> bool {
        let allowed = self.relayer_at(state, at) && !self.without(Mutation::NobodyVoids);
        let chain = &mut state.chains[at];
        if !allowed || !(chain.late || chain.fact == Fate::Voided) {
            return false;
        }
        let open = chain.leg == Fate::Locked && !chain.released && !chain.given_back;
        if open && chain.late && self.without(Mutation::PaysOnAbsence) {
            chain.given_back = true;
            return true;
        }
        self.void(chain)
    }

    /// Whether a relayer is left that submits there.
    fn relayer_at(&self, state: &State, at: usize) -> bool {
        !self.without(Mutation::OwnChainOnly) || state.gone != Some(at as u8)
    }

    fn deliver(&self, state: &mut State, from: usize, fact: Fate) -> bool {
        let there = state.chains[1 - from];
        let closed = there.closed && self.without(Mutation::ClosedRefusesFacts);
        if there.client == Client::Frozen || closed || !self.relayer_at(state, 1 - from) {
            return false;
        }
        let here = &mut state.chains[from];
        let entry = if fact == Fate::Locked { &mut here.locked } else { &mut here.voided };
        if std::mem::replace(entry, Entry::Delivered) != Entry::Written {
            return false;
        }
        self.learn(&mut state.chains[1 - from], fact)
    }

    /// A fact about the other leg. False where it contradicts what is known: it is never taken.
    fn learn(&self, chain: &mut Chain, fact: Fate) -> bool {
        if chain.fact != Fate::None {
            return chain.fact == fact;
        }
        if chain.leg == Fate::None && self.without(Mutation::ForgetsEarlyFacts) {
            return true;
        }
        chain.fact = fact;
        if chain.leg == Fate::Locked && !chain.released && !chain.given_back {
            self.settle(chain);
        }
        true
    }

    fn settle(&self, chain: &mut Chain) {
        match chain.fact {
            Fate::Locked => chain.released = true,
            Fate::Voided if self.without(Mutation::KeepsVoided) => return,
            Fate::Voided => chain.given_back = true,
            Fate::None => return,
        }
        if self.without(Mutation::ClearsSettled) {
            chain.leg = Fate::None;
        }
    }

    fn forge(&self, chain: &mut Chain, forgery: Forgery) -> bool {
        if chain.forged.replace(forgery).is_some() || chain.client == Client::Frozen {
            return false;
        }
        let counts =
            if forgery.own_leg { self.without(Mutation::CountsOwnLeg) } else { self.without(Mutation::CountsAnyLane) };
        if counts {
            self.learn(chain, if forgery.voided { Fate::Voided } else { Fate::Locked });
        }
        true
    }
}
