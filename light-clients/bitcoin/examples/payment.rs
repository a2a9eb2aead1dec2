//! A payment leg from terms to verdict, as a vault on another chain would judge it: `cargo run -p causeway-bitcoin
//! --example payment`.
//!
//! The chain is regtest's, mined here. The vault is the smallest thing that keeps the protocol's promises: it knows a
//! client, the terms of a swap, and which outputs were consumed.

use std::collections::BTreeSet;

use alloy_primitives::{B256, U256};
use causeway_bitcoin::{
    BlockHash, Effect, Header, Params, Pin, Refusal, Rules, TrustedState, Txid,
    hash::{node_hash, sha256d},
    params::FUTURE_LIMIT,
    payment::{Claim, NotOverdue, Payee, Payment, PaymentRefusal, Terms, overdue, verify_payment},
    proof::Inclusion,
    verify,
};

/// What became of the leg that the vault holds. Written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    Held,
    Released(Payment),
    GivenBack { height: u32, median_time: u32 },
}

/// Why the vault refused.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Headers(Refusal),
    Payment(PaymentRefusal),
    NotOverdue(NotOverdue),
    /// The output was consumed by another swap.
    AlreadyConsumed(Txid, u32),
    /// The leg has ended, this way.
    AlreadyDecided(Leg),
    NoSuchSwap,
}

/// A leg and what it waits for.
struct Swap {
    terms: Terms<'static>,
    deadline: u64,
    leg: Leg,
}

struct Vault {
    params: Params,
    client: TrustedState,
    /// Seconds between a deadline and the give-back: the time that confirmation may take, generously.
    margin: u64,
    swaps: Vec<Swap>,
    consumed: BTreeSet<(Txid, u32)>,
}

impl Vault {
    /// Moves the client. Anybody may.
    fn update(&mut self, headers: &[u8], now: u64) -> Result<Effect, Refused> {
        let verified = verify(&self.params, &self.client, headers, now).map_err(Refused::Headers)?;
        self.client = verified.trusted;
        Ok(verified.effect)
    }

    /// A held leg.
    fn held(&mut self, at: usize) -> Result<&mut Swap, Refused> {
        let swap = self.swaps.get_mut(at).ok_or(Refused::NoSuchSwap)?;
        if swap.leg == Leg::Held { Ok(swap) } else { Err(Refused::AlreadyDecided(swap.leg)) }
    }

    /// Releases a leg on the agreed payment. Anybody may bring the claim.
    fn release(&mut self, at: usize, claim: &[u8], now: u64) -> Result<Payment, Refused> {
        let terms = self.held(at)?.terms;
        let payment = verify_payment(&self.params, &self.client, &terms, claim, now).map_err(Refused::Payment)?;
        if !self.consumed.insert((payment.txid, payment.vout)) {
            return Err(Refused::AlreadyConsumed(payment.txid, payment.vout));
        }
        self.held(at)?.leg = Leg::Released(payment);
        Ok(payment)
    }

    /// Gives a leg back when Bitcoin's own clock is past the deadline and the margin. Anybody may ask for it.
    fn give_back(&mut self, at: usize) -> Result<Leg, Refused> {
        let swap = self.held(at)?;
        let (work, deadline) = (swap.terms.work, swap.deadline);
        let late = overdue(&self.params, &self.client, work, deadline, self.margin).map_err(Refused::NotOverdue)?;
        let leg = Leg::GivenBack { height: late.height, median_time: late.median_time };
        self.held(at)?.leg = leg;
        Ok(leg)
    }
}

/// What the payer and the miners do.
struct Chain {
    tip: BlockHash,
    time: u32,
}

const START: u32 = 1_700_000_000;
const EASY: u32 = Rules::REGTEST.limit;
const KEY: [u8; 33] = [2; 33];

impl Chain {
    /// A block ten minutes after the last, mined: its header.
    fn mine(&mut self, root: [u8; 32]) -> [u8; 80] {
        self.time += 600;
        let mut header = [0; 80];
        header[0] = 4;
        header[4..36].copy_from_slice(&self.tip.0);
        header[36..68].copy_from_slice(&root);
        header[68..72].copy_from_slice(&self.time.to_le_bytes());
        header[72..76].copy_from_slice(&EASY.to_le_bytes());
        let meets = |nonce: &u32| {
            header[76..].copy_from_slice(&nonce.to_le_bytes());
            Header::new(&header).hash().0[31] < 0x7f
        };
        let mined = (0_u32..).find(meets);
        assert!(mined.is_some());
        self.tip = Header::new(&header).hash();
        header
    }

    /// Blocks with nothing of interest in them.
    fn empty(&mut self, count: u8) -> Vec<u8> {
        (0..count).flat_map(|salt| self.mine([salt; 32])).collect()
    }

    /// A block that holds a payment, and the claim of its output 0.
    fn pay(&mut self, payment: Vec<u8>) -> ([u8; 80], Vec<u8>) {
        let coinbase =
            [&[1, 0, 0, 0, 1][..], &[0; 32], &[0xff; 4], &[5, 1, 2, 3, 4, 5], &[0xff; 4], &[1], &[0; 8], &[0], &[0; 4]];
        let coinbase = coinbase.concat();
        let (first, second) = (sha256d(&[&coinbase]), sha256d(&[&payment]));
        let header = self.mine(node_hash(&first, &second));
        let inclusion = Inclusion {
            headers: &header,
            position: 1,
            siblings: vec![first],
            transaction: &payment,
            coinbase_siblings: vec![second],
            coinbase: &coinbase,
        };
        let claim = Claim { vout: 0, inclusion }.encode().unwrap_or_default();
        (header, claim)
    }
}

/// A transaction with one output.
fn transaction(amount: u64, script: &[u8]) -> Vec<u8> {
    let length = u8::try_from(script.len()).unwrap_or_default();
    [&[2, 0, 0, 0, 1][..], &[7; 36], &[0], &[0xff; 4], &[1], &amount.to_le_bytes(), &[length], script, &[0; 4]].concat()
}

fn swap(id: u8) -> Swap {
    let terms =
        Terms { swap_id: B256::repeat_byte(id), payee: Payee::Key(&KEY), amount: 150_000, work: U256::from(2 * 6) };
    Swap { terms, deadline: u64::from(START) + 6 * 3_600, leg: Leg::Held }
}

/// A vault whose client starts at a pinned block, with two swaps, and the chain that goes on from there.
fn begin() -> Result<(Vault, Chain), Refused> {
    // The pinned block and the ten before it: the first eleven of a period.
    let mut chain = Chain { tip: BlockHash([1; 32]), time: START - 11 * 600 };
    let headers = chain.empty(11);
    let params = Params {
        rules: Rules::REGTEST,
        final_work: U256::from(2 * 3),
        window: 2_016,
        trusting_period: 14 * 86_400,
        drift: FUTURE_LIMIT,
        freeze_delay: 86_400,
    };
    let pin = Pin { height: 2_016 * 100 + 10, hash: chain.tip, work: U256::ZERO };
    let client = TrustedState::begin(&params, &pin, &headers, chain.time.into()).map_err(Refused::Headers)?;
    let (margin, swaps) = (2 * 3_600, vec![swap(0xa1), swap(0xb2)]);
    Ok((Vault { params, client, margin, swaps, consumed: BTreeSet::new() }, chain))
}

fn main() -> Result<(), Refused> {
    let (mut vault, mut chain) = begin()?;
    let terms = vault.held(0)?.terms;
    println!("terms: {} satoshis for swap {}", terms.amount, terms.swap_id);
    println!("script: {}", alloy_primitives::hex::encode(terms.output_script()));
    let (block, claim) = chain.pay(transaction(terms.amount, &terms.output_script()));
    println!("proof: {} bytes", claim.len());
    vault.update(&block, chain.time.into())?;
    println!("one block: {:?}", vault.release(0, &claim, chain.time.into()));
    let blocks = chain.empty(5);
    println!("five more: {:?}", vault.update(&blocks, chain.time.into())?);
    println!("verdict: {:?}", vault.release(0, &claim, chain.time.into())?);
    println!("the same output for the other swap: {:?}", vault.release(1, &claim, chain.time.into()));
    let blocks = chain.empty(60);
    vault.update(&blocks, chain.time.into())?;
    println!("the other swap, unpaid: {:?}", vault.give_back(1)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use causeway_bitcoin::{payment::Mismatch, proof::ProofRefusal};

    use super::*;

    fn update(vault: &mut Vault, chain: &Chain, headers: &[u8]) {
        vault.update(headers, chain.time.into()).unwrap();
    }

    #[test]
    fn the_example_runs() {
        main().unwrap();
    }

    /// Each block on it adds its work; at the agreed work the leg is released, and never again.
    #[test]
    fn atk_063_a_leg_is_released_once_on_enough_work() {
        let (mut vault, mut chain) = begin().unwrap();
        let terms = vault.held(0).unwrap().terms;
        let (block, claim) = chain.pay(transaction(terms.amount, &terms.output_script()));
        let now = u64::from(chain.time) + 10_000;
        assert!(matches!(
            vault.release(0, &claim, now),
            Err(Refused::Payment(PaymentRefusal::Proof(ProofRefusal::UnknownBlock { .. })))
        ));
        update(&mut vault, &chain, &block);
        for blocks in 1..6_u64 {
            let short = ProofRefusal::NotEnoughWork { needed: U256::from(12), found: U256::from(2 * blocks) };
            assert_eq!(vault.release(0, &claim, now), Err(Refused::Payment(short.into())));
            let header = chain.empty(1);
            update(&mut vault, &chain, &header);
        }
        let payment = vault.release(0, &claim, now).unwrap();
        let decided = Refused::AlreadyDecided(Leg::Released(payment));
        assert_eq!(vault.release(0, &claim, now), Err(decided));
        // The script holds the swap's id: the same output is nothing to another swap.
        let other = Refused::Payment(Mismatch::Script { vout: 0 }.into());
        assert_eq!(vault.release(1, &claim, now), Err(other));
        // Even were the terms alike, an output counts once.
        let terms = vault.swaps[0].terms;
        vault.swaps[1].terms = terms;
        assert_eq!(vault.release(1, &claim, now), Err(Refused::AlreadyConsumed(payment.txid, 0)));
        assert_eq!(vault.swaps[1].leg, Leg::Held);
    }

    /// A payment that is late but comes before the margin is over still counts; after the give-back it does not.
    #[test]
    fn late_payments_count_until_the_margin_is_over() {
        for late_by in [30_u8, 38, 47] {
            let (mut vault, mut chain) = begin().unwrap();
            let terms = vault.held(0).unwrap().terms;
            // Deadline after 36 blocks, margin of 12 more.
            let before = chain.empty(late_by);
            update(&mut vault, &chain, &before);
            let (block, claim) = chain.pay(transaction(terms.amount, &terms.output_script()));
            update(&mut vault, &chain, &block);
            let on_it = chain.empty(5);
            update(&mut vault, &chain, &on_it);
            let not_yet = vault.give_back(0);
            assert!(matches!(not_yet, Err(Refused::NotOverdue(NotOverdue::TooEarly { .. }))), "{not_yet:?}");
            let payment = vault.release(0, &claim, chain.time.into()).unwrap();
            assert_eq!(vault.give_back(0), Err(Refused::AlreadyDecided(Leg::Released(payment))));
        }
    }

    #[test]
    fn a_payer_whose_proof_comes_after_the_give_back_loses() {
        let (mut vault, mut chain) = begin().unwrap();
        let terms = vault.held(0).unwrap().terms;
        // Paid in time, and never shown.
        let (block, claim) = chain.pay(transaction(terms.amount, &terms.output_script()));
        update(&mut vault, &chain, &block);
        let on_it = chain.empty(5);
        update(&mut vault, &chain, &on_it);
        let needed = vault.swaps[0].deadline + vault.margin;
        let given_back = loop {
            let header = chain.empty(1);
            update(&mut vault, &chain, &header);
            match vault.give_back(0) {
                Ok(leg) => break leg,
                Err(Refused::NotOverdue(NotOverdue::TooEarly { median_time, .. })) => {
                    assert!(u64::from(median_time) < needed);
                    // Not by the newest header's own word: five blocks of median and five of confirmation come after it.
                    assert!(u64::from(chain.time) < needed + 10 * 600);
                }
                Err(refused) => panic!("{refused:?}"),
            }
        };
        assert_eq!(u64::from(chain.time), needed + 10 * 600);
        let Leg::GivenBack { median_time, .. } = given_back else { panic!("{given_back:?}") };
        assert_eq!(u64::from(median_time), needed);
        let late = vault.release(0, &claim, chain.time.into());
        assert_eq!(late, Err(Refused::AlreadyDecided(given_back)));
        assert!(vault.consumed.is_empty());
    }

    /// A heavier chain without the payment, before it is confirmed: nothing is released on the chain that lost.
    #[test]
    fn a_payment_on_a_chain_that_lost_does_not_count() {
        let (mut vault, mut chain) = begin().unwrap();
        let terms = vault.held(0).unwrap().terms;
        let mut rival = Chain { ..chain };
        let (block, claim) = chain.pay(transaction(terms.amount, &terms.output_script()));
        update(&mut vault, &chain, &block);
        let heavier = rival.empty(7);
        let moved = vault.update(&heavier, rival.time.into()).unwrap();
        assert!(matches!(moved, Effect::Reorganised { .. }));
        assert!(matches!(
            vault.release(0, &claim, rival.time.into()),
            Err(Refused::Payment(PaymentRefusal::Proof(ProofRefusal::UnknownBlock { .. })))
        ));
        assert_eq!(vault.swaps[0].leg, Leg::Held);
    }
}
