//! Two chains with one swap between them, and a third that lies to both: the steps of the model, taken on the contracts.

use alloy::{
    primitives::{Address, B256, U256},
    sol_types::{SolCall, SolValue},
};
use causeway_core::{Body, SwapLeg, Terms, swap};
use causeway_differential::machine::{Failed, SENDER, selector};
use causeway_model::state::{self, Action, Fate, Forgery};

use super::chain::{
    self, Blocks, Chain, End, START, TokenName, approveCall, balanceOfCall, bundle, closeBridgeCall, isDeliveredCall,
    lockLegCall, mintCall, misbehaviourCall, replaceClientCall, swapFactCall, swapLegCall, voidLegCall,
};

/// Leg k is PARTIES[k]'s on chain k, and the other's to buy.
const PARTIES: [Address; 2] = [Address::repeat_byte(0xa1), Address::repeat_byte(0xb2)];
/// Who sends what a relayer sends: it has no rights of its own.
const RELAYER: Address = Address::repeat_byte(0xc3);
/// The legs' deadline, in each chain's own clock.
const DEADLINE: u64 = START + 4_000;
/// What leg 0 pays, and the token id of leg 1.
const AMOUNTS: [u64; 2] = [500, 7];
/// Entries of other swaps before this one's, so that proofs have siblings.
const BEFORE: u64 = 3;
/// Where the chain that lies has its outbox.
const LIAR: Address = Address::repeat_byte(0x1b);

/// The world of the model.
#[derive(Clone)]
pub(crate) struct World {
    chains: [Chain; 2],
    ends: [End; 2],
    /// Each chain's bridge to the one that lies, and that one as each of them sees it.
    hostile: [End; 2],
    liars: [Blocks; 2],
    /// What each outbox of the bridge holds.
    written: [Vec<Body>; 2],
    tokens: [Address; 2],
    terms: Terms,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut chains = [Chain::new(1), Chain::new(2)];
        let vaults = [chains[0].vault, chains[1].vault];
        let outboxes = [chains[0].outbox(), chains[1].outbox()];
        let blocks = [chains[0].blocks.clone(), chains[1].blocks.clone()];
        let ids = [chains[0].machine.id, chains[1].machine.id];
        let ends = [0, 1].map(|k: usize| {
            let there = 1 - k;
            chains[k].open(outboxes[k], ids[there], &blocks[there], vaults[there], outboxes[there])
        });
        assert_eq!((ends[0].out_lane, ends[1].out_lane), (ends[1].in_lane, ends[0].in_lane));
        let liars = [Blocks::new(3), Blocks::new(4)];
        let hostile = [0, 1].map(|k: usize| {
            let own = chains[k].outbox();
            chains[k].open(own, 77, &liars[k], Address::repeat_byte(0x1a), LIAR)
        });
        let tokens = [0, 1].map(|k: usize| token(&mut chains[k], k));
        let assets = [0, 1].map(|k: usize| chains[k].register(&ends[k], k as u8 + 1, tokens[k]));
        let leg = |k: usize| swap::Leg {
            asset: assets[k],
            amount: U256::from(AMOUNTS[k]),
            from: PARTIES[k].into_word(),
            to: PARTIES[1 - k].into_word(),
            deadline: DEADLINE,
        };
        let terms = Terms { lanes: [ends[0].out_lane, ends[1].out_lane], legs: [leg(0), leg(1)], nonce: B256::ZERO };
        let mut world = Self { chains, ends, hostile, liars, written: [vec![], vec![]], tokens, terms };
        for nonce in 1..=BEFORE {
            let other = Terms { nonce: B256::with_last_byte(nonce as u8), ..terms };
            for (k, party) in PARTIES.into_iter().enumerate() {
                world.void(party, k, &other).unwrap();
            }
        }
        world
    }

    fn lock(&mut self, leg: usize) -> Result<(), Failed> {
        let call = lockLegCall { terms: abi(&self.terms), leg: leg as u8 };
        let chain = &mut self.chains[leg];
        chain.machine.send_as(PARTIES[leg], chain.vault, &call)?;
        self.written[leg].push(Body::SwapLocked(SwapLeg { swap_id: self.terms.id(), leg: leg as u8 }));
        Ok(())
    }

    fn void(&mut self, who: Address, leg: usize, terms: &Terms) -> Result<(), Failed> {
        let call = voidLegCall { terms: abi(terms), leg: leg as u8 };
        let chain = &mut self.chains[leg];
        chain.machine.send_as(who, chain.vault, &call)?;
        self.written[leg].push(Body::SwapVoided(SwapLeg { swap_id: terms.id(), leg: leg as u8 }));
        Ok(())
    }

    fn deliver(&mut self, from: usize) -> Result<(), Failed> {
        let (end, blocks) = (&self.ends[from], &mut self.chains[from].blocks);
        let (tree, call) = bundle(blocks, end.out_lane, end.outbox, &self.written[from], BEFORE);
        self.chains[from].compare_outbox(end.outbox, &tree);
        self.chains[1 - from].deliver(&call)
    }

    /// The third chain lies about a leg, on its own lane. Once the terms are known here that is refused; before, it is kept,
    /// and never counts.
    fn forge(&mut self, at: usize, forgery: Forgery) -> Result<(), Failed> {
        let leg = SwapLeg { swap_id: self.terms.id(), leg: if forgery.own_leg { at } else { 1 - at } as u8 };
        let lie = if forgery.voided { Body::SwapVoided(leg) } else { Body::SwapLocked(leg) };
        let (_, call) = bundle(&mut self.liars[at], self.hostile[at].in_lane, LIAR, &[lie], 0);
        match self.chains[at].deliver(&call) {
            Err(Failed::Reverted(data)) if data.starts_with(&selector("WrongLane(bytes32,bytes32)")) => Ok(()),
            other => other,
        }
    }

    /// Takes a step on the contracts.
    pub(crate) fn step(&mut self, action: Action) -> Result<(), Failed> {
        let terms = self.terms;
        match action {
            Action::Lock(at) => self.lock(at),
            Action::Void(at) => self.void(PARTIES[at], at, &terms),
            Action::VoidOverdue(at) => self.void(RELAYER, at, &terms),
            Action::DeliverLocked(from) | Action::DeliverVoided(from) => self.deliver(from),
            Action::Freeze(at) => {
                let [a, b] = self.chains[1 - at].blocks.twins().map(Into::into);
                self.chains[at].machine.send(self.ends[at].client, &misbehaviourCall { a, b }).map(drop)
            }
            Action::Forge(at, forgery) => self.forge(at, forgery),
            Action::Late(at) => {
                self.chains[at].machine.now = DEADLINE;
                Ok(())
            }
            Action::Recover(at) => {
                let arguments = self.chains[1 - at].blocks.client();
                let client = self.chains[at].machine.create("BftEvmClient", &arguments);
                self.ends[at].client = client;
                self.chains[at].decide(&replaceClientCall { outLane: self.ends[at].out_lane.0, client });
                Ok(())
            }
            Action::Close(at) => {
                self.chains[at].decide(&closeBridgeCall { outLane: self.ends[at].out_lane.0 });
                Ok(())
            }
            Action::Gone(_) => Ok(()),
        }
    }

    /// The contracts remember what the model says, and everybody holds what follows from it.
    pub(crate) fn compare(&mut self, state: &state::State, steps: &[Action]) {
        let id = self.terms.id();
        for at in 0..2 {
            let (here, there) = (&state.chains[at], &state.chains[1 - at]);
            let (chain, end, token) = (&mut self.chains[at], &self.ends[at], self.tokens[at]);
            let vault = chain.vault;
            let (own, other) = (at as u8, 1 - at as u8);
            let found = chain.machine.call(vault, &swapLegCall { swapId: id, leg: own }).unwrap();
            let outcome = if here.released { 1 } else { u8::from(here.given_back) * 2 };
            assert_eq!((found.state, found.outcome), (fate(here.leg), outcome), "leg {at} after {steps:?}");
            let found = chain.machine.call(vault, &swapLegCall { swapId: id, leg: other }).unwrap();
            assert_eq!((found.state, found.outcome), (0, 0), "the leg that is not on {at}, after {steps:?}");
            let fact = swapFactCall { lane: end.in_lane.0, swapId: id, leg: other };
            assert_eq!(chain.machine.call(vault, &fact).unwrap(), fate(here.fact), "fact at {at} after {steps:?}");
            let delivered = [there.locked, there.voided].contains(&state::Entry::Delivered);
            let bit = isDeliveredCall { lane: end.in_lane.0, index: BEFORE };
            assert_eq!(chain.machine.call(vault, &bit).unwrap(), delivered, "bit at {at} after {steps:?}");
            let held = [PARTIES[at], PARTIES[1 - at], vault]
                .map(|owner| chain.machine.call(token, &balanceOfCall { owner }).unwrap());
            let whole = if at == 0 { U256::from(AMOUNTS[0]) } else { U256::ONE };
            let holder = match (here.leg, outcome) {
                (Fate::Locked, 0) => 2,
                (Fate::Locked, 1) => 1,
                _ => 0,
            };
            let wanted = [0, 1, 2].map(|place| if place == holder { whole } else { U256::ZERO });
            assert_eq!(held, wanted, "who holds leg {at} after {steps:?}");
        }
    }
}

/// Leg k's token, which its party has and lets the vault take.
fn token(chain: &mut Chain, k: usize) -> Address {
    let name = TokenName { name: "Token".into(), symbol: "T".into(), decimals: 18 };
    let (code, arguments) = if k == 0 {
        ("TestERC20", name.abi_encode_params())
    } else {
        ("TestERC721", ("Bill".to_owned(), "B".to_owned()).abi_encode_params())
    };
    let token = chain.machine.create(code, &arguments);
    let amount = U256::from(AMOUNTS[k]);
    chain.machine.send(token, &mintCall { to: PARTIES[k], amount }).unwrap();
    // Sent as bytes: one of the two standards answers a word, the other nothing.
    chain.machine.sender = PARTIES[k];
    chain.machine.raw(token, approveCall { spender: chain.vault, id: amount }.abi_encode().into());
    chain.machine.sender = SENDER;
    token
}

fn fate(fate: Fate) -> u8 {
    match fate {
        Fate::None => 0,
        Fate::Locked => 1,
        Fate::Voided => 2,
    }
}

fn abi(terms: &Terms) -> chain::Terms {
    let leg = |leg: &swap::Leg| chain::Leg {
        asset: leg.asset,
        amountOrId: leg.amount,
        from: leg.from,
        to: leg.to,
        deadline: leg.deadline,
    };
    chain::Terms { lanes: terms.lanes.map(|lane| lane.0), legs: terms.legs.each_ref().map(leg), nonce: terms.nonce }
}
