//! The transfers: what each sends, and how it should end. Sent by several users, as users send them.

use super::{
    abi::{IToken, IUserVault},
    ledger::{Ledger, Place},
    network::Network,
    setup::Bridge,
    user::User,
};
use crate::cli::exit::CliError;
use alloy::primitives::{Address, B256, U256};
use futures::future::try_join_all;
use std::time::{Duration, Instant};

/// Users that send.
pub(super) const SENDERS: usize = 8;
/// The special transfers: ERC-721 there and back, one late, one whose credit fails, one parked and claimed.
pub(super) const SPECIAL: usize = 5;
/// A transfer's timeout, unless it is meant to be late.
const TIMEOUT_SECONDS: u64 = 3600;
/// What a user gets minted on the home chain: more than it ever sends.
pub(super) const FUNDS: u64 = 1_000_000;
/// Users send in this many waves, a block apart, so that there is more than one block of locks and more than one delivery.
const WAVES: usize = 4;
/// ERC-721 id that travels.
pub(super) const BILL_ID: u64 = 721;
/// Amount of the transfer that will be parked.
pub(super) const PARKED_AMOUNT: u64 = 77;

/// What a transfer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// ERC-20, lock and mint.
    Erc20There,
    /// ERC-20, burn and release.
    Erc20Back,
    /// ERC-721, lock and mint.
    Erc721There,
    /// ERC-721, burn and release.
    Erc721Back,
    /// Delivered after its timeout: comes back.
    Late,
    /// Its credit fails: comes back.
    Refused,
    /// Its credit fails, and its sender cannot be paid either: parked, then claimed.
    Parked,
}

impl Purpose {
    /// Name in the summary.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Erc20There => "ERC-20 there",
            Self::Erc20Back => "ERC-20 back",
            Self::Erc721There => "ERC-721 there",
            Self::Erc721Back => "ERC-721 back",
            Self::Late => "late (came back)",
            Self::Refused => "refused (came back)",
            Self::Parked => "parked (claimed)",
        }
    }

    /// Whether it should come back instead of being credited.
    pub(super) fn comes_back(self) -> bool {
        matches!(self, Self::Late | Self::Refused | Self::Parked)
    }
}

/// A transfer that a user sent.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    /// What for.
    pub(super) purpose: Purpose,
    /// Who sends it.
    pub(super) sender: Address,
    /// Who gets it.
    pub(super) recipient: Address,
    /// How much, or which id.
    pub(super) amount: U256,
    /// The lock's transaction.
    pub(super) tx: B256,
    /// When it was handed to the node.
    pub(super) sent: Instant,
}

/// The users, the same keys on both chains.
pub(super) struct Users {
    pub(super) alpha: Vec<User>,
    pub(super) beta: Vec<User>,
}

impl Users {
    pub(super) fn new(alpha: &Network, beta: &Network) -> Self {
        let on_alpha: Vec<User> = (0..SENDERS).map(|_| User::new(alpha.provider.clone(), alpha.chain_id)).collect();
        let on_beta = on_alpha.iter().map(|user| user.on(beta.provider.clone(), beta.chain_id)).collect();
        Self { alpha: on_alpha, beta: on_beta }
    }

    fn first(&self) -> Result<(&User, &User), CliError> {
        match (self.alpha.first(), self.beta.first()) {
            (Some(alpha), Some(beta)) => Ok((alpha, beta)),
            _ => Err(super::failed("the demo", "it has no users")),
        }
    }

    /// Gives the users what they will send, and the vault leave to take it.
    pub(super) async fn fund(&self, bridge: &Bridge) -> Result<(), CliError> {
        let vault = bridge.ends[0].vault;
        let funds = U256::from(FUNDS);
        try_join_all(self.alpha.iter().map(|user| async move {
            for token in [bridge.credit.home, bridge.freezable.home] {
                user.send(token, &IToken::mintCall { to: user.address(), amountOrId: funds }).await?;
                user.send(token, &IToken::approveCall { to: vault, amountOrId: U256::MAX }).await?;
            }
            Ok::<_, CliError>(())
        }))
        .await?;
        let (owner, _) = self.first()?;
        let id = U256::from(BILL_ID);
        owner.send(bridge.bill.home, &IToken::mintCall { to: owner.address(), amountOrId: id }).await?;
        owner.call(bridge.bill.home, &IToken::approveCall { to: vault, amountOrId: id }).await?;
        Ok(())
    }
}

/// One lock, by its numbers.
struct Lock {
    purpose: Purpose,
    token: Address,
    amount: U256,
    recipient: Address,
    timeout: u64,
}

async fn lock(user: &User, bridge: &Bridge, from: usize, lock: Lock) -> Result<Transfer, CliError> {
    let call = IUserVault::lockCall {
        lane: bridge.lanes[from].0,
        token: lock.token,
        amountOrId: lock.amount,
        recipient: lock.recipient.into_word(),
        timeout: lock.timeout,
        memoHash: B256::ZERO,
    };
    let sent = Instant::now();
    let tx = user.send(bridge.ends[from].vault, &call).await?;
    let sender = user.address();
    Ok(Transfer { purpose: lock.purpose, sender, recipient: lock.recipient, amount: lock.amount, tx, sent })
}

/// Locks one transfer whose time runs out in the next block or the one after.
pub(super) async fn send_late(users: &Users, bridge: &Bridge, alpha: &Network) -> Result<(Transfer, u64), CliError> {
    let (user, _) = users.first()?;
    // Three seconds past the newest block: the lock still fits, also where it takes two blocks to get in.
    let timeout = alpha.now().await? + 3;
    let what = Lock {
        purpose: Purpose::Late,
        token: bridge.credit.home,
        amount: U256::from(55),
        recipient: user.address(),
        timeout,
    };
    let sent = lock(user, bridge, 0, what).await?;
    user.receipt(sent.tx).await?;
    Ok((sent, timeout))
}

/// Sends what a party of swaps needs at the other end there, to itself.
pub(super) async fn send_to_itself(
    user: &User,
    bridge: &Bridge,
    alpha: &Network,
    amount: U256,
) -> Result<Transfer, CliError> {
    let timeout = alpha.now().await? + TIMEOUT_SECONDS;
    let (token, recipient) = (bridge.credit.home, user.address());
    lock(user, bridge, 0, Lock { purpose: Purpose::Erc20There, token, amount, recipient, timeout }).await
}

/// How many ERC-20 transfers go there and back when `total` transfers are asked for.
pub(super) fn split(total: usize) -> (usize, usize) {
    let plain = total.saturating_sub(SPECIAL);
    (plain.div_ceil(2), plain / 2)
}

/// Sends everything that starts at home, but for the late one.
pub(super) async fn send_there(
    users: &Users,
    bridge: &Bridge,
    alpha: &Network,
    total: usize,
) -> Result<Vec<Transfer>, CliError> {
    let (there, _) = split(total);
    let timeout = alpha.now().await? + TIMEOUT_SECONDS;
    let token = bridge.credit.home;
    let mut sent: Vec<Transfer> = try_join_all(users.alpha.iter().enumerate().map(|(at, user)| async move {
        let mut sent = Vec::new();
        for (turn, number) in (at..there).step_by(SENDERS).enumerate() {
            pause(turn, there, alpha).await;
            // The first of each user goes to itself, so that it has something to send back; then every other one does,
            // and the rest goes to accounts that never held the token.
            let own = (number / SENDERS).is_multiple_of(2);
            let recipient = if own { user.address() } else { Address::from(rand::random::<[u8; 20]>()) };
            let amount = U256::from(1000 + number);
            let what = Lock { purpose: Purpose::Erc20There, token, amount, recipient, timeout };
            sent.push(lock(user, bridge, 0, what).await?);
        }
        Ok::<_, CliError>(sent)
    }))
    .await?
    .into_iter()
    .flatten()
    .collect();
    sent.extend(send_special(users, bridge, timeout).await?);
    Ok(sent)
}

/// Waits for the next wave, if a user's `turn`-th transfer begins one.
async fn pause(turn: usize, total: usize, network: &Network) {
    let wave = total.div_ceil(SENDERS * WAVES).max(1);
    if turn > 0 && turn.is_multiple_of(wave) {
        tokio::time::sleep(network.block_time).await;
    }
}

/// Sends `count` plain ERC-20 transfers from a chain over about `waves` blocks; each tenth from home cannot be credited.
pub(super) async fn send_plain(
    users: &Users,
    bridge: &Bridge,
    network: &Network,
    from: usize,
    count: usize,
    waves: usize,
) -> Result<Vec<Transfer>, CliError> {
    let timeout = network.now().await? + TIMEOUT_SECONDS;
    let (senders, token) =
        if from == 0 { (&users.alpha, bridge.credit.home) } else { (&users.beta, bridge.credit.voucher) };
    let per_wave = count.div_ceil(SENDERS * waves.max(1)).max(1);
    let sent = try_join_all(senders.iter().enumerate().map(|(at, user)| async move {
        let mut sent = Vec::new();
        for (turn, number) in (at..count).step_by(SENDERS).enumerate() {
            if turn > 0 && turn.is_multiple_of(per_wave) {
                tokio::time::sleep(network.block_time).await;
            }
            let (purpose, recipient) = match from {
                0 if number % 10 == 9 => (Purpose::Refused, bridge.ends[1].vault),
                0 => (Purpose::Erc20There, user.address()),
                _ => (Purpose::Erc20Back, user.address()),
            };
            // There in hundreds, back in ones: nobody sends back more than it got.
            let amount = if from == 0 { U256::from(100 + number % 7) } else { U256::from(1 + number % 3) };
            sent.push(lock(user, bridge, from, Lock { purpose, token, amount, recipient, timeout }).await?);
        }
        Ok::<_, CliError>(sent)
    }));
    Ok(sent.await?.into_iter().flatten().collect())
}

/// Sends `count` transfers from home whose time will be over before anybody carries them.
pub(super) async fn send_to_be_late(
    users: &Users,
    bridge: &Bridge,
    alpha: &Network,
    count: usize,
) -> Result<Vec<Transfer>, CliError> {
    let timeout = alpha.now().await? + TIMEOUT_SECONDS;
    let (token, amount) = (bridge.credit.home, U256::from(44));
    let mut sent = Vec::with_capacity(count);
    for user in users.alpha.iter().cycle().take(count) {
        let what = Lock { purpose: Purpose::Late, token, amount, recipient: user.address(), timeout };
        sent.push(lock(user, bridge, 0, what).await?);
    }
    Ok(sent)
}

async fn send_special(users: &Users, bridge: &Bridge, timeout: u64) -> Result<[Transfer; 3], CliError> {
    let (owner, _) = users.first()?;
    let bill = Lock {
        purpose: Purpose::Erc721There,
        token: bridge.bill.home,
        amount: U256::from(BILL_ID),
        recipient: owner.address(),
        timeout,
    };
    let bill = lock(owner, bridge, 0, bill).await?;
    // The destination's vault may not be paid: a recipient that refuses.
    let forbidden = bridge.ends[1].vault;
    let refused = Lock {
        purpose: Purpose::Refused,
        token: bridge.credit.home,
        amount: U256::from(66),
        recipient: forbidden,
        timeout,
    };
    let refused = lock(owner, bridge, 0, refused).await?;
    let parked = Lock {
        purpose: Purpose::Parked,
        token: bridge.freezable.home,
        amount: U256::from(PARKED_AMOUNT),
        recipient: forbidden,
        timeout,
    };
    let parked = lock(owner, bridge, 0, parked).await?;
    // The next transaction of the same account: its token now refuses to pay it.
    let block = IToken::setBlockedCall { account: owner.address(), blocked: true };
    owner.send(bridge.freezable.home, &block).await?;
    Ok([bill, refused, parked])
}

/// Sends back: ERC-20 by every user, and the ERC-721.
pub(super) async fn send_back(
    users: &Users,
    bridge: &Bridge,
    beta: &Network,
    total: usize,
) -> Result<Vec<Transfer>, CliError> {
    let (_, back) = split(total);
    let timeout = beta.now().await? + TIMEOUT_SECONDS;
    let token = bridge.credit.voucher;
    let mut sent: Vec<Transfer> = try_join_all(users.beta.iter().enumerate().map(|(at, user)| async move {
        let mut sent = Vec::new();
        for (turn, number) in (at..back).step_by(SENDERS).enumerate() {
            pause(turn, back, beta).await;
            // Small parts of the first thing it got.
            let amount = U256::from(1 + number % 5);
            let what = Lock { purpose: Purpose::Erc20Back, token, amount, recipient: user.address(), timeout };
            sent.push(lock(user, bridge, 1, what).await?);
        }
        Ok::<_, CliError>(sent)
    }))
    .await?
    .into_iter()
    .flatten()
    .collect();
    let (_, owner) = users.first()?;
    let bill = Lock {
        purpose: Purpose::Erc721Back,
        token: bridge.bill.voucher,
        amount: U256::from(BILL_ID),
        recipient: owner.address(),
        timeout,
    };
    sent.push(lock(owner, bridge, 1, bill).await?);
    Ok(sent)
}

/// Waits until each transfer stands in its outbox; gives its place.
pub(super) async fn places(ledger: &Ledger, sent: &[Transfer], limit: Duration) -> Result<Vec<Place>, CliError> {
    ledger
        .wait("locking", limit, |seen| {
            sent.iter().map(|transfer| seen.place_of(&transfer.tx)).collect::<Option<Vec<_>>>()
        })
        .await
}

/// Claims what was parked, to an account that the token does pay; gives that account.
pub(super) async fn claim_parked(users: &Users, bridge: &Bridge) -> Result<Address, CliError> {
    let (owner, _) = users.first()?;
    let to = Address::from(rand::random::<[u8; 20]>());
    let call = IUserVault::claimCall { token: bridge.freezable.home, amountOrId: U256::from(PARKED_AMOUNT), to };
    owner.call(bridge.ends[0].vault, &call).await?;
    Ok(to)
}
