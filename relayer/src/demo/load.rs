//! Load for benchmarks: many users that send many transfers, one by one and many in one transaction, to accounts that hold
//! the token and to accounts that never did; and what became of them, by the blocks that the demo's own reading saw.

use super::{
    abi::{IToken, IUserVault},
    children, failed,
    harness::Harness,
    invariants,
    transfers::FUNDS,
    user::User,
};
use crate::cli::exit::CliError;
use alloy::primitives::{Address, B256, U256};
use causeway_proto::admin::v1::{RelayerStatus, lane::State};
use futures::{StreamExt, TryStreamExt, stream};
use std::time::{Duration, Instant};

/// Timeout of a transfer: none of a benchmark is late.
const TIMEOUT_SECONDS: u64 = 24 * 3600;
/// Gas limit of a `sendMany` by its items: each takes about 4,000, the first one of an outbox more.
const MANY_GAS: (u64, u64) = (300_000, 6_000);
/// Users that talk to the node at once.
const PARALLEL: usize = 32;

/// Users with funds on the home chain.
pub struct Crowd {
    users: Vec<User>,
    timeout: u64,
}

/// An entry of a lane: when its block was seen, and when the block that decided it was.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    /// Index in the lane that leaves home.
    pub index: u64,
    /// Its block at home.
    pub block: u64,
    /// When that block was seen.
    pub written: Instant,
    /// Seen decided in a block away.
    pub decided: Option<Instant>,
}

impl Harness {
    /// Makes `count` users with funds at home, each of which already holds the token away once its first transfer is there.
    ///
    /// # Errors
    /// The node refuses a transaction.
    pub async fn crowd(&self, count: usize) -> Result<Crowd, CliError> {
        let network = self.network(0);
        let users: Vec<User> = (0..count).map(|_| User::new(network.provider.clone(), network.chain_id)).collect();
        let (token, vault) = (self.token(), self.vault(0));
        each(&users, |user| async move {
            let mint = IToken::mintCall { to: user.address(), amountOrId: U256::from(FUNDS) };
            user.send(token, &mint).await?;
            let approve = user.send(token, &IToken::approveCall { to: vault, amountOrId: U256::MAX }).await?;
            user.receipt(approve).await.map(drop)
        })
        .await?;
        Ok(Crowd { timeout: network.now().await? + TIMEOUT_SECONDS, users })
    }

    /// The crowd sends `count` transfers from home, `many` in a transaction (1: by `lock`).
    ///
    /// # Errors
    /// The node refuses a transaction.
    pub async fn pour(&self, crowd: &Crowd, count: usize, many: usize) -> Result<(), CliError> {
        let (vault, users) = (self.vault(0), crowd.users.len());
        let transactions = count.div_ceil(many);
        each(&crowd.users.iter().enumerate().collect::<Vec<_>>(), |&(at, user)| async move {
            for number in (at..transactions).step_by(users) {
                if many == 1 {
                    user.send(vault, &self.one(crowd, at, number)).await?;
                } else {
                    let size = many.min(count - number * many);
                    let call = self.several(crowd, number * many, size);
                    user.send_with(vault, &call, MANY_GAS.0 + MANY_GAS.1 * size as u64).await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The crowd sends single transfers, `per_second` of them, for so long; gives how many.
    ///
    /// # Errors
    /// The node refuses a transaction.
    pub async fn trickle(&self, crowd: &Crowd, per_second: u32, duration: Duration) -> Result<usize, CliError> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        let count = (duration.as_secs_f64() * f64::from(per_second)) as usize;
        for number in 0..count {
            ticks.tick().await;
            let at = number % crowd.users.len();
            let Some(user) = crowd.users.get(at) else { continue };
            user.send(self.vault(0), &self.one(crowd, at, number)).await?;
        }
        Ok(count)
    }

    fn one(&self, crowd: &Crowd, at: usize, number: usize) -> IUserVault::lockCall {
        IUserVault::lockCall {
            lane: self.lane(0).0,
            token: self.token(),
            amountOrId: U256::from(1 + number % 7),
            recipient: crowd.recipient(at, number),
            timeout: crowd.timeout,
            memoHash: B256::ZERO,
        }
    }

    fn several(&self, crowd: &Crowd, first: usize, size: usize) -> IUserVault::sendManyCall {
        let item = |number: usize| IUserVault::Item {
            recipient: crowd.recipient(number, number),
            amountOrId: U256::from(1 + number % 7),
            memoHash: B256::ZERO,
        };
        let items = (first..first + size).map(item).collect();
        IUserVault::sendManyCall { lane: self.lane(0).0, token: self.token(), timeout: crowd.timeout, items }
    }

    /// Waits until `count` entries of the lane that leaves home were written.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn written(&self, count: usize, limit: Duration) -> Result<(), CliError> {
        self.ledger().wait("locking", limit, |seen| (seen.written.len() >= count).then_some(())).await
    }

    /// What became of every entry of the lane that leaves home.
    pub fn moved(&self) -> Vec<Moved> {
        let lane = self.lane(0);
        let seen = self.ledger().seen();
        let mut moved: Vec<Moved> = seen
            .written
            .iter()
            .filter(|(place, _)| place.0 == lane)
            .map(|(place, written)| Moved {
                index: place.1,
                block: written.block,
                written: written.seen,
                decided: seen.decided.get(place).map(|decided| decided.seen),
            })
            .collect();
        moved.sort_by_key(|moved| moved.index);
        moved
    }

    /// Entries of each delivery on the lane that leaves home, in the order of the chain.
    pub fn deliveries(&self) -> Vec<u32> {
        let lane = self.lane(0);
        self.ledger().seen().batches.iter().filter(|batch| batch.lane == lane).map(|batch| batch.entries).collect()
    }

    /// Pauses or resumes the lane that leaves home, at both relayers.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn pause(&self, pause: bool) -> Result<(), CliError> {
        children::pause(self.sockets(), self.lane(0), pause, "a benchmark").await
    }

    /// Waits until a relayer knows of at least `entries` that are not delivered on the lane that leaves home.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn pending(&self, who: usize, entries: u64, limit: Duration) -> Result<(), CliError> {
        let name = format!("lanes/{}", self.lane(0));
        self.until(who, limit, |status| {
            let lane = status.lanes.iter().find(|lane| lane.name == name);
            lane.is_some_and(|lane| lane.size - lane.delivered_count >= entries)
        })
        .await
    }

    /// Waits until a relayer runs `lanes` lanes and has its peer.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn serving(&self, who: usize, lanes: usize, limit: Duration) -> Result<(), CliError> {
        self.until(who, limit, |status| {
            let running = status.lanes.iter().filter(|lane| lane.state == State::Running as i32);
            running.count() >= lanes && status.peers.iter().all(|peer| peer.connected)
        })
        .await
    }

    async fn until(
        &self,
        who: usize,
        limit: Duration,
        enough: impl Fn(&RelayerStatus) -> bool,
    ) -> Result<(), CliError> {
        let socket = self.sockets().get(who).ok_or_else(|| failed("a relayer", who))?;
        children::until(socket, limit, enough).await
    }

    /// Reads both chains: INV-1 and INV-2, and that nothing was answered with a return.
    ///
    /// # Errors
    /// A chain cannot be read.
    pub async fn judge_load(&self) -> Result<Vec<String>, CliError> {
        let supply = self.supply().await?;
        let seen = self.ledger().seen().clone();
        let mut wrong = invariants::backed(&[supply]).violations;
        wrong.extend(invariants::once(&seen).violations);
        let returned = seen.decided.values().filter(|decided| decided.returned || decided.parked).count();
        if returned > 0 {
            wrong.push(format!("{returned} transfers were not credited"));
        }
        Ok(wrong)
    }

    /// Gas used in each block of a chain, `first` and the following ones.
    pub fn gas_by_block(&self, at: usize, first: u64) -> Result<Vec<u64>, CliError> {
        let chain = self.chain(at);
        (first..=chain.head().number)
            .map(|number| {
                let sealed = chain.sealed(number).ok_or_else(|| failed("a block", number))?;
                gas_used(&sealed.header).ok_or_else(|| failed("a header", number))
            })
            .collect()
    }
}

impl Crowd {
    /// An account that holds the token, or one that never did.
    fn recipient(&self, at: usize, number: usize) -> B256 {
        // Every other one; a user's own turns alternate, too.
        let known = (number + number / self.users.len()).is_multiple_of(2);
        match self.users.get(at % self.users.len()) {
            Some(user) if known => user.address().into_word(),
            _ => Address::from(rand::random::<[u8; 20]>()).into_word(),
        }
    }
}

/// Gas used, the eleventh field of a header.
fn gas_used(header: &[u8]) -> Option<u64> {
    let mut list = alloy_rlp::Header::decode_bytes(&mut &*header, true).ok()?;
    for _ in 0..10 {
        alloy_rlp::Header::decode_bytes(&mut list, false).ok()?;
    }
    alloy_rlp::Decodable::decode(&mut list).ok()
}

/// Does something for every one, [`PARALLEL`] at a time.
async fn each<'a, T: 'a, F>(all: &'a [T], what: impl Fn(&'a T) -> F) -> Result<(), CliError>
where
    F: Future<Output = Result<(), CliError>>,
{
    stream::iter(all).map(|one| Ok(what(one))).try_buffer_unordered(PARALLEL).try_collect::<()>().await
}
