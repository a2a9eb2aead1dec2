//! The swaps: two parties who keep their own keys lock, cancel, or vanish after any step; what must have become of both legs,
//! read from both vaults. Sent among the transfers, by accounts of their own.

use super::{
    abi::{IToken, IUserVault},
    failed,
    invariants::Verdict,
    ledger::{Ledger, Place, Seen},
    network::Network,
    setup::Bridge,
    transfers::{self, Transfer},
    user::User,
};
use crate::cli::exit::CliError;
use alloy::primitives::{Address, B256, U256};
use causeway_core::{
    Body, LaneId,
    swap::{Leg, Terms},
};
use futures::future::try_join_all;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// A leg's deadline, unless its party is to miss it.
const DEADLINE_SECONDS: u64 = 3_600;
/// Deadline of a leg that its party never locks: soon over, and yet a few blocks away.
const ABANDONED_SECONDS: u64 = 6;
/// What each swap's money leg is about.
const AMOUNT: u64 = 1_000;
/// Gas limit of a call that locks or voids a leg. Where the other leg's fact has arrived a lock pays its leg out, and a vault
/// demands half a million beyond what it has used before it calls a token.
const LEG_GAS: u64 = 1_200_000;
/// First ERC-721 id of the bills that are sold.
const FIRST_BILL: u64 = 70_000;
/// ERC-20 and ERC-721, as the vault numbers them.
const ERC20: u8 = 1;
const ERC721: u8 = 2;

/// What the parties do, and at which step one of them vanishes. The first party's leg lives at home, the second one's away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Plot {
    /// ERC-20 against ERC-20; both lock, the first party first.
    Both,
    /// A bill against money; both lock, the buyer first.
    Bill,
    /// The first party locks, the second one vanishes.
    SecondGone,
    /// The second party locks, the first one vanishes.
    FirstGone,
    /// The first party locks, the second one voids its leg and vanishes.
    SecondCancels,
    /// A bill is sold: the buyer locks, the seller voids its leg and vanishes.
    SellerCancels,
    /// The first party voids before anybody locked; nobody comes back.
    NobodyLocks,
}

/// All of them, in the order in which they are played.
const PLOTS: [Plot; 7] = [
    Plot::Both,
    Plot::Bill,
    Plot::SecondGone,
    Plot::FirstGone,
    Plot::SecondCancels,
    Plot::SellerCancels,
    Plot::NobodyLocks,
];

/// Most acts of a plot.
pub(super) const STEPS: usize = 2;

/// One act of a party on its own leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Lock(u8),
    Void(u8),
}

impl Plot {
    /// Name in the summary.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Both => "ERC-20 for ERC-20",
            Self::Bill => "ERC-721 for ERC-20",
            Self::SecondGone => "second party gone (went back)",
            Self::FirstGone => "first party gone (went back)",
            Self::SecondCancels => "second party cancelled (went back)",
            Self::SellerCancels => "seller cancelled (went back)",
            Self::NobodyLocks => "cancelled before a lock",
        }
    }

    /// What the parties do, in order; each act is in a block before the next is sent.
    const fn acts(self) -> &'static [Act] {
        match self {
            Self::Both => &[Act::Lock(0), Act::Lock(1)],
            Self::Bill => &[Act::Lock(1), Act::Lock(0)],
            Self::SecondGone => &[Act::Lock(0)],
            Self::FirstGone => &[Act::Lock(1)],
            Self::SecondCancels => &[Act::Lock(0), Act::Void(1)],
            Self::SellerCancels => &[Act::Lock(1), Act::Void(0)],
            Self::NobodyLocks => &[Act::Void(0)],
        }
    }

    /// Legs that nobody but a relayer will ever decide.
    pub(super) const fn abandoned(self) -> Option<u8> {
        match self {
            Self::SecondGone => Some(1),
            Self::FirstGone => Some(0),
            _ => None,
        }
    }

    const fn is_bill(self) -> bool {
        matches!(self, Self::Bill | Self::SellerCancels)
    }

    /// State and outcome that the two vaults must show for their own legs: 1 locked, 2 voided; 1 released, 2 given back.
    const fn ends(self) -> [(u8, u8); 2] {
        match self {
            Self::Both | Self::Bill => [(1, 1), (1, 1)],
            Self::SecondGone | Self::SecondCancels => [(1, 2), (2, 0)],
            Self::FirstGone | Self::SellerCancels => [(2, 0), (1, 2)],
            Self::NobodyLocks => [(2, 0), (0, 0)],
        }
    }

    /// Facts that both outboxes hold of it in the end.
    const fn facts(self) -> usize {
        if matches!(self, Self::NobodyLocks) { 1 } else { 2 }
    }
}

/// The two parties, each with its key on both chains.
pub(super) struct Parties {
    /// Chain (0 home, 1 away), party.
    users: [[User; 2]; 2],
    count: usize,
}

/// A swap and what was planned for it.
#[derive(Clone, Debug)]
pub(super) struct Swap {
    /// What its parties did.
    pub(super) plot: Plot,
    /// Its terms.
    pub(super) terms: Terms,
    /// The bill that it sells.
    bill: Option<U256>,
    /// When the last act was in its block.
    pub(super) acted: Instant,
}

impl Parties {
    /// Two accounts for `count` swaps.
    pub(super) fn new(alpha: &Network, beta: &Network, count: usize) -> Self {
        let home = [0, 1].map(|_| User::new(alpha.provider.clone(), alpha.chain_id));
        let away = home.each_ref().map(|user| user.on(beta.provider.clone(), beta.chain_id));
        Self { users: [home, away], count }
    }

    fn user(&self, chain: usize, party: usize) -> Result<&User, CliError> {
        self.users.get(chain).and_then(|u| u.get(party)).ok_or_else(|| failed("a swap", "it has two parties"))
    }

    /// What each party needs: money at home for the first, bills to sell, and money away for the second, which it sends there
    /// itself. Gives that transfer.
    pub(super) async fn fund(&self, bridge: &Bridge, alpha: &Network) -> Result<Option<Transfer>, CliError> {
        if self.count == 0 {
            return Ok(None);
        }
        let vault = bridge.ends[0].vault;
        for party in [0, 1] {
            let user = self.user(0, party)?;
            user.send(bridge.credit.home, &IToken::mintCall { to: user.address(), amountOrId: self.funds() }).await?;
            user.send(bridge.credit.home, &IToken::approveCall { to: vault, amountOrId: U256::MAX }).await?;
        }
        let (first, second) = (self.user(0, 0)?, self.user(0, 1)?);
        for number in (0..self.count).filter(|number| plot(*number).is_bill()) {
            let id = bill(number);
            first.send(bridge.bill.home, &IToken::mintCall { to: first.address(), amountOrId: id }).await?;
            first.send(bridge.bill.home, &IToken::approveCall { to: vault, amountOrId: id }).await?;
        }
        transfers::send_to_itself(second, bridge, alpha, self.funds()).await.map(Some)
    }

    /// What each party has of the money at its chain before the first swap.
    fn funds(&self) -> U256 {
        U256::from(AMOUNT * self.count as u64)
    }

    /// Plays the swaps, all at once, step by step. The second party's money has arrived.
    pub(super) async fn play(&self, bridge: &Bridge, networks: [&Network; 2]) -> Result<Vec<Swap>, CliError> {
        let mut swaps = self.agree(bridge, networks).await?;
        for step in 0..STEPS {
            self.step(bridge, &mut swaps, step).await?;
        }
        Ok(swaps)
    }

    /// The parties agree on all terms. The second party's money has arrived.
    pub(super) async fn agree(&self, bridge: &Bridge, networks: [&Network; 2]) -> Result<Vec<Swap>, CliError> {
        let mut swaps = Vec::with_capacity(self.count);
        if self.count > 0 {
            let approve = IToken::approveCall { to: bridge.ends[1].vault, amountOrId: U256::MAX };
            self.user(1, 1)?.call(bridge.credit.voucher, &approve).await?;
        }
        for number in 0..self.count {
            swaps.push(self.propose(bridge, networks, number).await?);
        }
        Ok(swaps)
    }

    /// Takes one step of every swap that has it, and waits until all are in blocks.
    pub(super) async fn step(&self, bridge: &Bridge, swaps: &mut [Swap], step: usize) -> Result<(), CliError> {
        let mut sent = Vec::new();
        for swap in swaps.iter_mut() {
            let Some(act) = swap.plot.acts().get(step) else { continue };
            let tx = self.act(bridge, swap, *act).await?;
            sent.push((swap, usize::from(act.leg()), tx));
        }
        try_join_all(sent.iter().map(|(_, end, tx)| async move { self.user(*end, *end)?.receipt(*tx).await })).await?;
        for (swap, ..) in sent {
            swap.acted = Instant::now();
        }
        Ok(())
    }

    /// Terms as the parties agree on them.
    async fn propose(&self, bridge: &Bridge, networks: [&Network; 2], number: usize) -> Result<Swap, CliError> {
        let plot = plot(number);
        let bill = plot.is_bill().then(|| bill(number));
        let [first, second] = [self.user(0, 0)?.address().into_word(), self.user(1, 1)?.address().into_word()];
        let (token, standard) = if plot.is_bill() { (bridge.bill.home, ERC721) } else { (bridge.credit.home, ERC20) };
        let asset = |at: usize, token: Address, standard: u8| {
            networks[at].view(bridge.ends[at].vault, IUserVault::assetHashOfCall { standard, token })
        };
        let deadline =
            |leg: u8, now: u64| now + if plot.abandoned() == Some(leg) { ABANDONED_SECONDS } else { DEADLINE_SECONDS };
        let legs = [
            Leg {
                asset: asset(0, token, standard).await?,
                amount: bill.unwrap_or(U256::from(AMOUNT)),
                from: first,
                to: second,
                deadline: deadline(0, networks[0].now().await?),
            },
            Leg {
                asset: asset(1, bridge.credit.voucher, ERC20).await?,
                amount: U256::from(AMOUNT),
                from: second,
                to: first,
                deadline: deadline(1, networks[1].now().await?),
            },
        ];
        let terms = Terms { lanes: bridge.lanes, legs, nonce: B256::from(rand::random::<[u8; 32]>()) };
        Ok(Swap { plot, terms, bill, acted: Instant::now() })
    }

    /// Sends one act of the party whose leg it is.
    async fn act(&self, bridge: &Bridge, swap: &Swap, act: Act) -> Result<B256, CliError> {
        let terms = IUserVault::Terms::from(&swap.terms);
        let leg = act.leg();
        let end = usize::from(leg);
        let (user, vault) = (self.user(end, end)?, bridge.ends[end].vault);
        match act {
            Act::Lock(leg) => user.send_with(vault, &IUserVault::lockLegCall { terms, leg }, LEG_GAS).await,
            Act::Void(leg) => user.send_with(vault, &IUserVault::voidLegCall { terms, leg }, LEG_GAS).await,
        }
    }

    /// What each party must own in the end (chain, token, owner, amount).
    pub(super) fn balances(
        &self,
        bridge: &Bridge,
        swaps: &[Swap],
    ) -> Result<Vec<(usize, Address, Address, U256)>, CliError> {
        if self.count == 0 {
            return Ok(Vec::new());
        }
        let funds = self.funds();
        let [first, second] = [self.user(0, 0)?.address(), self.user(0, 1)?.address()];
        let sold = |plot: Plot| U256::from(AMOUNT) * U256::from(swaps.iter().filter(|s| s.plot == plot).count());
        let [money, bills] = [sold(Plot::Both), sold(Plot::Bill)];
        Ok(vec![
            (0, bridge.credit.home, first, funds - money),
            (0, bridge.credit.home, second, money),
            (1, bridge.credit.voucher, first, money + bills),
            (1, bridge.credit.voucher, second, funds - money - bills),
        ])
    }
}

impl Act {
    const fn leg(self) -> u8 {
        match self {
            Self::Lock(leg) | Self::Void(leg) => leg,
        }
    }
}

fn plot(number: usize) -> Plot {
    PLOTS.get(number % PLOTS.len()).copied().unwrap_or(Plot::Both)
}

fn bill(number: usize) -> U256 {
    U256::from(FIRST_BILL + number as u64)
}

/// Facts about each swap that both outboxes hold, with their places.
fn facts(seen: &Seen) -> HashMap<B256, Vec<Place>> {
    let mut facts: HashMap<B256, Vec<Place>> = HashMap::new();
    for (place, written) in &seen.written {
        if let Body::SwapLocked(leg) | Body::SwapVoided(leg) = written.entry.body {
            facts.entry(leg.swap_id).or_default().push(*place);
        }
    }
    facts
}

/// Waits until both ends know all that there will be to know of each swap.
pub(super) async fn settle(ledger: &Ledger, swaps: &[Swap], limit: Duration) -> Result<(), CliError> {
    ledger
        .wait("the swaps", limit, |seen| {
            let facts = facts(seen);
            let known = |swap: &Swap| {
                let places = facts.get(&swap.terms.id()).map(Vec::as_slice).unwrap_or_default();
                places.len() >= swap.plot.facts() && places.iter().all(|place| seen.decided.contains_key(place))
            };
            swaps.iter().all(known).then_some(())
        })
        .await
}

/// Seconds from the last party's act to the end, at both ends, of swaps that were released.
pub(super) fn seconds(seen: &Seen, swaps: &[Swap]) -> Vec<f64> {
    let facts = facts(seen);
    let released = swaps.iter().filter(|swap| swap.plot.ends() == [(1, 1), (1, 1)]);
    let end = |swap: &Swap| {
        let places = facts.get(&swap.terms.id())?;
        places.iter().filter_map(|place| seen.decided.get(place)).map(|decided| decided.seen).max()
    };
    released.filter_map(|swap| Some(end(swap)?.saturating_duration_since(swap.acted).as_secs_f64())).collect()
}

/// How many swaps of each plot.
pub(super) fn kinds(swaps: &[Swap]) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for swap in swaps {
        *kinds.entry(swap.plot.name()).or_insert(0) += 1;
    }
    kinds
}

/// What both vaults show of both legs: state and outcome.
pub(super) async fn ends(bridge: &Bridge, networks: [&Network; 2], id: B256) -> Result<[(u8, u8); 2], CliError> {
    let leg =
        |end: usize, leg: u8| networks[end].view(bridge.ends[end].vault, IUserVault::swapLegCall { swapId: id, leg });
    let (a, b) = futures::try_join!(leg(0, 0), leg(1, 1))?;
    Ok([(a.state, a.outcome), (b.state, b.outcome)])
}

/// INV-4: both legs were released, or whatever was locked went back; and each swap ended as it was played.
pub(super) async fn atomic(bridge: &Bridge, networks: [&Network; 2], swaps: &[Swap]) -> Result<Verdict, CliError> {
    let mut violations = Vec::new();
    for swap in swaps {
        let id = swap.terms.id();
        let found = ends(bridge, networks, id).await?;
        violations.extend(judge(swap.plot, found).map(|what| format!("{id}: {what}")));
        if let Some(bill) = swap.bill {
            let owner = networks[0].view(bridge.bill.home, IToken::ownerOfCall { id: bill }).await?;
            let leg = &swap.terms.legs[0];
            let expected = if swap.plot == Plot::Bill { leg.to } else { leg.from };
            if owner.into_word() != expected {
                violations.push(format!("{id}: bill {bill} belongs to {owner}"));
            }
        }
    }
    Ok(Verdict::new("INV-4", "atomic: both legs of a swap were released, or both went back", violations))
}

/// What is wrong with the ends of a swap.
fn judge(plot: Plot, found: [(u8, u8); 2]) -> Option<String> {
    let outcomes = found.map(|(_, outcome)| outcome);
    let expected = plot.ends();
    if outcomes.contains(&1) && outcomes != [1, 1] {
        return Some(format!("one leg was released, the other one was not: {found:?}"));
    }
    if found.contains(&(1, 0)) {
        return Some(format!("a locked leg waits for ever: {found:?}"));
    }
    (found != expected).then(|| format!("{}: expected {expected:?}, found {found:?}", plot.name()))
}

impl From<&Terms> for IUserVault::Terms {
    fn from(terms: &Terms) -> Self {
        let leg = |leg: &Leg| IUserVault::Leg {
            asset: leg.asset,
            amountOrId: leg.amount,
            from: leg.from,
            to: leg.to,
            deadline: leg.deadline,
        };
        Self { lanes: terms.lanes.map(|LaneId(lane)| lane), legs: terms.legs.each_ref().map(leg), nonce: terms.nonce }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_on_a_swap_can_be_negative() {
        for plot in PLOTS {
            assert_eq!(judge(plot, plot.ends()), None);
        }
        for (plot, wrong) in [
            (Plot::Both, [(1, 1), (1, 0)]),
            (Plot::Both, [(1, 1), (1, 2)]),
            (Plot::Both, [(1, 2), (2, 0)]),
            (Plot::SecondGone, [(1, 0), (2, 0)]),
            (Plot::SecondGone, [(1, 0), (0, 0)]),
            (Plot::FirstGone, [(2, 0), (1, 1)]),
            (Plot::NobodyLocks, [(0, 0), (0, 0)]),
        ] {
            assert!(judge(plot, wrong).is_some(), "{plot:?} {wrong:?}");
        }
    }

    #[test]
    fn either_party_vanishes_after_each_step() {
        let undecided = |plot: Plot| (0..2).filter(|leg| !plot.acts().iter().any(|act| act.leg() == *leg)).count();
        assert!(PLOTS.iter().any(|p| p.abandoned() == Some(0)) && PLOTS.iter().any(|p| p.abandoned() == Some(1)));
        for plot in PLOTS {
            assert_eq!(plot.facts(), 2 - undecided(plot) + usize::from(plot.abandoned().is_some()), "{plot:?}");
        }
    }
}
