//! Chains that are mined as the tests run: on targets that every second hash meets, or every 32nd.

use std::{vec, vec::Vec};

use alloy_primitives::U256;

use crate::{
    BlockHash, Context, Header, Params, Refusal, Rules, TrustedState, Verified, Vouched,
    hash::{node_hash, sha256d},
    params::FUTURE_LIMIT,
    proof::Inclusion,
    verify,
};

pub(super) type Bytes = [u8; 80];

/// A height in the middle of a period, and the time there.
pub(super) const HEIGHT: u32 = 400_000;
pub(super) const START: u32 = 1_700_000_000;

/// Every second hash: work 2.
pub(super) const EASY: u32 = 0x207f_ffff;

/// Every 32nd hash: work 32.
pub(super) const HARD: u32 = 0x2007_ffff;

/// The rules of mainnet on a target that tests can meet.
pub(super) const RULES: Rules = Rules { min_difficulty: false, ..Rules::REGTEST };

/// Final with three easy blocks.
pub(super) const PARAMS: Params = Params {
    rules: RULES,
    final_work: U256::from_limbs([6, 0, 0, 0]),
    window: 100,
    trusting_period: 30 * 86_400,
    drift: FUTURE_LIMIT,
    freeze_delay: 3_600,
};

/// A header of which everything but the nonce is given, mined.
pub(super) fn mine(parent: BlockHash, root: [u8; 32], time: u32, bits: u32) -> Bytes {
    mine_version(4, parent, root, time, bits)
}

pub(super) fn mine_version(version: i32, parent: BlockHash, root: [u8; 32], time: u32, bits: u32) -> Bytes {
    let mut bytes = [0; 80];
    bytes[..4].copy_from_slice(&version.to_le_bytes());
    bytes[4..36].copy_from_slice(&parent.0);
    bytes[36..68].copy_from_slice(&root);
    bytes[68..72].copy_from_slice(&time.to_le_bytes());
    bytes[72..76].copy_from_slice(&bits.to_le_bytes());
    let target = crate::compact::target_of(bits).unwrap();
    for nonce in 0_u32.. {
        bytes[76..].copy_from_slice(&nonce.to_le_bytes());
        if U256::from_le_bytes(Header::new(&bytes).hash().0) <= target {
            break;
        }
    }
    bytes
}

/// The same header with the nonce that does not meet its target.
pub(super) fn unmine(mut bytes: Bytes) -> Bytes {
    let target = crate::compact::target_of(Header::new(&bytes).bits()).unwrap();
    for nonce in 0_u32.. {
        bytes[76..].copy_from_slice(&nonce.to_le_bytes());
        if U256::from_le_bytes(Header::new(&bytes).hash().0) > target {
            break;
        }
    }
    bytes
}

/// A context whose blocks came every ten minutes.
pub(super) fn context(height: u32, bits: u32, real_bits: u32) -> Context {
    let times: Vec<u32> = (0..11).map(|at| START - 600 * (10 - at)).collect();
    let (hash, period) = (BlockHash([9; 32]), None);
    Context::vouched(&Vouched { height, hash, bits, work: U256::ZERO, times: &times, period, real_bits }).unwrap()
}

/// A client at [`HEIGHT`].
pub(super) fn client() -> TrustedState {
    TrustedState::at(context(HEIGHT, EASY, EASY))
}

/// `count` easy headers on a block, ten minutes apart; `salt` makes them others.
pub(super) fn run_on(parent: BlockHash, after: u32, count: u32, salt: u8) -> Vec<Bytes> {
    let mut headers: Vec<Bytes> = Vec::new();
    for at in 1..=count {
        let parent = headers.last().map_or(parent, |bytes| Header::new(bytes).hash());
        headers.push(mine(parent, [salt; 32], after + 600 * at, EASY));
    }
    headers
}

/// On a client's tip.
pub(super) fn run(state: &TrustedState, count: u32, salt: u8) -> Vec<Bytes> {
    run_on(state.tip().hash(), state.tip().time(), count, salt)
}

pub(super) fn hash(bytes: &Bytes) -> BlockHash {
    Header::new(bytes).hash()
}

/// A time at which nothing of a run is of the future.
pub(super) fn now_of(headers: &[Bytes]) -> u64 {
    headers.iter().map(|bytes| u64::from(Header::new(bytes).time())).max().unwrap_or_default()
}

pub(super) fn offer_to(params: &Params, state: &TrustedState, headers: &[Bytes]) -> Result<Verified, Refusal> {
    verify(params, state, headers.as_flattened(), now_of(headers))
}

pub(super) fn offer(state: &TrustedState, headers: &[Bytes]) -> Result<Verified, Refusal> {
    offer_to(&PARAMS, state, headers)
}

/// The client after headers that it accepts.
pub(super) fn after(state: &TrustedState, headers: &[Bytes]) -> TrustedState {
    offer(state, headers).unwrap().trusted
}

/// A transaction without witness.
pub(super) fn transaction(salt: u8, outputs: &[(u64, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 1];
    bytes.extend_from_slice(&[salt; 36]);
    bytes.push(0);
    bytes.extend_from_slice(&[0xff; 4]);
    bytes.push(outputs.len() as u8);
    for (value, script) in outputs {
        bytes.extend_from_slice(&value.to_le_bytes());
        bytes.push(u8::try_from(script.len()).unwrap());
        bytes.extend_from_slice(script);
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// A coinbase with this much in its input's script.
pub(super) fn coinbase(script: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, 0, 1];
    bytes.extend_from_slice(&[0; 32]);
    bytes.extend_from_slice(&[0xff; 4]);
    bytes.push(u8::try_from(script.len()).unwrap());
    bytes.extend_from_slice(script);
    bytes.extend_from_slice(&[0xff; 4]);
    bytes.push(1);
    bytes.extend_from_slice(&625_000_000_u64.to_le_bytes());
    bytes.extend_from_slice(&[1, 0x51, 0, 0, 0, 0]);
    bytes
}

/// Transactions of a block and their tree.
pub(super) struct Tree {
    pub(super) transactions: Vec<Vec<u8>>,
    levels: Vec<Vec<[u8; 32]>>,
}

impl Tree {
    /// A coinbase and these.
    pub(super) fn new(others: &[Vec<u8>]) -> Self {
        let transactions = [vec![coinbase(b"coinbase")], others.to_vec()].concat();
        let ids = transactions.iter().map(|bytes| sha256d(&[bytes])).collect();
        Self { transactions, levels: levels(ids) }
    }

    /// A coinbase and this many others.
    pub(super) fn of(count: u8) -> Self {
        let others: Vec<_> = (1..count).map(|salt| transaction(salt, &[(u64::from(salt), &[salt; 22])])).collect();
        Self::new(&others)
    }

    pub(super) fn root(&self) -> [u8; 32] {
        self.levels.last().unwrap()[0]
    }

    pub(super) fn siblings(&self, position: usize) -> Vec<[u8; 32]> {
        siblings(&self.levels, position)
    }

    /// The proof of a transaction, under a run of headers of which the first is its block's.
    pub(super) fn proof<'a>(&'a self, headers: &'a [Bytes], position: usize) -> Inclusion<'a> {
        Inclusion {
            headers: headers.as_flattened(),
            position: position as u32,
            siblings: self.siblings(position),
            transaction: &self.transactions[position],
            coinbase_siblings: self.siblings(0),
            coinbase: &self.transactions[0],
        }
    }
}

/// Every level of a tree, leaves first.
pub(super) fn levels(leaves: Vec<[u8; 32]>) -> Vec<Vec<[u8; 32]>> {
    let mut levels = vec![leaves];
    while levels.last().unwrap().len() > 1 {
        let pairs = levels.last().unwrap().chunks(2);
        let above = pairs.map(|pair| node_hash(&pair[0], pair.last().unwrap())).collect();
        levels.push(above);
    }
    levels
}

pub(super) fn siblings(levels: &[Vec<[u8; 32]>], position: usize) -> Vec<[u8; 32]> {
    let below = levels.iter().take(levels.len() - 1).enumerate();
    below.map(|(level, nodes)| *nodes.get((position >> level) ^ 1).unwrap_or(&nodes[position >> level])).collect()
}
