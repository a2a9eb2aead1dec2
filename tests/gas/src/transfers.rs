//! Sends at the edge of a large tree, and their deliveries.

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::BlockId,
    sol,
    sol_types::{SolCall, SolValue},
};
use causeway_bft_evm::{
    SealedHeader,
    proof::{delivered_slot, encode_state_proof, peak_slot},
    update_from_header, verify,
};
use causeway_core::{
    Body, Entry, OutboxTree, Transfer,
    pack::{DeliveryRun, encode_runs, plan_groups},
};

use crate::side::Pair;

sol! {
    struct Item { bytes32 recipient; uint256 amountOrId; bytes32 memoHash; }
    function lock(bytes32 lane, address token, uint256 amountOrId, bytes32 recipient, uint64 timeout, bytes32 memoHash) external returns (uint64 index);
    function sendMany(bytes32 lane, address token, uint64 timeout, Item[] calldata items) external returns (uint64 first);
    function deliver(bytes32 lane, uint64 first, bytes calldata update, bytes calldata stateProof, bytes calldata runs) external;
}

/// Size of the tree once a batch is in it.
const TIP: u64 = 1 << 20;
/// Recipients who hold the token already, and such who do not.
pub(crate) const HELD: &str = "held";
/// See [`HELD`].
pub(crate) const FRESH: &str = "fresh";

/// What a transaction took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Receipt {
    /// Gas of the receipt.
    pub(crate) gas: u64,
    /// The least that its calldata costs under EIP-7623.
    pub(crate) floor: u64,
    /// Bytes of calldata.
    pub(crate) bytes: usize,
}

/// Transfers that were sent in one transaction.
pub(crate) struct Batch {
    pub(crate) receipt: Receipt,
    entries: Vec<Entry>,
}

fn recipient(kind: &str, number: u64) -> Address {
    Address::from_slice(&keccak256((kind.to_owned(), U256::from(number)).abi_encode())[12..])
}

/// A peak of the tree as it was before.
fn old_peak(height: u64) -> B256 {
    keccak256([b"peak", height.to_be_bytes().as_slice()].concat())
}

impl Pair {
    /// Puts an outbox where it would stand after `size` sends.
    async fn age(&self, from: usize, size: u64) {
        let side = &self.sides[from];
        side.chain.set_storage(side.outbox, B256::ZERO, U256::from(size));
        for height in 0..20 {
            side.chain.set_storage(side.outbox, peak_slot(height), old_peak(height.into()).into());
        }
        // Vouchers are out, and the sender holds some.
        let away = &self.sides[1];
        let plenty = U256::from(10).pow(U256::from(27));
        away.chain.set_storage(away.token, self.balance_slot(away.sender), plenty);
        away.chain.set_storage(away.token, B256::with_last_byte(2), plenty << 1);
        away.chain.set_storage(away.vault, self.held_slot(1), plenty);
        let home = &self.sides[0];
        home.chain.set_storage(home.vault, self.held_slot(0), plenty);
        home.chain.set_storage(home.token, self.balance_slot(home.vault), plenty);
        for side in &self.sides {
            side.chain.mine(1).await.unwrap();
        }
    }

    /// Both tokens keep balances in a mapping in slot 0.
    fn balance_slot(&self, owner: Address) -> B256 {
        keccak256((owner, U256::ZERO).abi_encode())
    }

    /// Slot of `held` of the bridge's only asset: the second of its structure (VaultStorage.sol).
    fn held_slot(&self, side: usize) -> B256 {
        let base = U256::from_be_bytes(keccak256("causeway/vault/state").0) + U256::from(3);
        let of_bridge = keccak256((U256::ONE, base).abi_encode());
        let asset = keccak256((self.sides[side].token, of_bridge).abi_encode());
        B256::from(U256::from_be_bytes(asset.0) + U256::ONE)
    }

    /// Calls a side's vault.
    async fn vault<C: SolCall>(&self, side: usize, call: &C) -> Receipt {
        let data = call.abi_encode();
        let tokens: u64 = data.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
        let side = &self.sides[side];
        let gas = side.call(side.vault, call).await.gas_used;
        Receipt { gas, floor: 21_000 + 10 * tokens, bytes: data.len() }
    }

    /// Sixteen sends in a row: what the peaks cost evens out.
    pub(crate) async fn send_16(&mut self, from: usize) -> Receipt {
        self.age(from, TIP + 1_000).await;
        let side = &self.sides[from];
        let mut sum = Receipt::default();
        // The first one may find slots that no send left as they are.
        for round in 0..17 {
            let call = lockCall {
                lane: side.out_lane.0,
                token: side.token,
                amountOrId: U256::from(10).pow(U256::from(18)),
                recipient: recipient(HELD, 1).into_word(),
                timeout: self.timeout(),
                memoHash: B256::ZERO,
            };
            let receipt = self.vault(from, &call).await;
            if round > 0 {
                sum.gas += receipt.gas;
                sum.floor += receipt.floor;
                sum.bytes = receipt.bytes;
            }
        }
        sum
    }

    /// One `sendMany` of a tree that is neither empty nor full: half of its peaks stand.
    pub(crate) async fn send_many(&mut self, from: usize, count: u64) -> Receipt {
        // 2^20 and every second bit of ten.
        self.age(from, TIP + 0b10_1010_1010).await;
        let (call, _) = self.batch(from, TIP, count, HELD);
        self.vault(from, &call).await
    }

    fn timeout(&self) -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs() + 7_200
    }

    /// `count` transfers that end exactly at the tree's edge.
    pub(crate) async fn send_batch(&mut self, from: usize, count: u64, recipients: &str) -> Batch {
        let first = TIP - count;
        self.age(from, first).await;
        let (call, entries) = self.batch(from, first, count, recipients);
        Batch { receipt: self.vault(from, &call).await, entries }
    }

    /// A call that sends `count` transfers, and the entries it writes from `first` on.
    fn batch(&self, from: usize, first: u64, count: u64, recipients: &str) -> (sendManyCall, Vec<Entry>) {
        let side = &self.sides[from];
        let timeout = self.timeout();
        let amount = |number: u64| U256::from(10).pow(U256::from(18)) + U256::from(number);
        let items = (0..count).map(|number| Item {
            recipient: recipient(recipients, number).into_word(),
            amountOrId: amount(number),
            memoHash: B256::ZERO,
        });
        let call = sendManyCall { lane: side.out_lane.0, token: side.token, timeout, items: items.collect() };
        let entries = (0..count).map(|number| {
            let transfer = Transfer {
                asset: side.asset,
                amount: amount(number),
                sender: side.sender.into_word(),
                recipient: recipient(recipients, number).into_word(),
                timeout,
                memo: B256::ZERO,
            };
            Entry { lane: side.out_lane, index: first + number, body: Body::Transfer(transfer) }
        });
        (call, entries.collect())
    }

    /// Delivers a batch to the other chain.
    pub(crate) async fn deliver(&mut self, from: usize, batch: &Batch) -> Receipt {
        let first = batch.entries[0].index;
        let to = &self.sides[1 - from];
        // Recipients who hold the token, and a word of the bitmap that was used before.
        for number in 0..batch.entries.len() as u64 {
            to.chain.set_storage(to.token, self.balance_slot(recipient(HELD, number)), U256::from(7));
            to.chain.set_storage(to.token, self.balance_slot(recipient(FRESH, number)), U256::ZERO);
        }
        let lane = self.sides[from].out_lane;
        to.chain.set_storage(to.vault, delivered_slot(&lane.0, first >> 8), U256::ONE);
        to.chain.mine(1).await.unwrap();
        let source = &self.sides[from];
        let head = source.chain.head();
        let proof = source
            .provider
            .get_proof(source.outbox, vec![peak_slot(20)])
            .block_id(BlockId::number(head.number))
            .await
            .unwrap();
        let nodes: Vec<Bytes> = proof.storage_proof[0].proof.clone();
        let state_proof = encode_state_proof(&proof.account_proof, &[(20, nodes)]).unwrap();
        let header = SealedHeader::read(self.params.mode, &head.header).unwrap();
        let update = update_from_header(&self.params, &source.trusted, &header, None).unwrap();
        let moved = verify(&self.params, &source.trusted, &update, header.time() + 1).unwrap().trusted;
        let siblings: Vec<B256> = (0..20).filter(|height| (first >> height) & 1 == 1).map(old_peak).collect();
        let own = OutboxTree::from_leaves(&[]);
        let groups = plan_groups(&batch.entries, to.out_lane, &own, |_| None).unwrap();
        let runs = encode_runs(&[DeliveryRun { siblings, groups }]).unwrap();
        let call = deliverCall {
            lane: lane.0,
            first,
            update: update.into(),
            stateProof: state_proof.into(),
            runs: runs.into(),
        };
        let receipt = self.vault(1 - from, &call).await;
        self.sides[from].trusted = moved;
        receipt
    }
}
