//! The payment leg of a swap: a transaction that pays the agreed script and amount and commits to the swap
//! (protocol §4).
//!
//! A vault on another chain holds the other leg. It releases that on [`verify_payment`], once per (txid, vout), and gives it
//! back only on [`overdue`]. A payer whose proof comes after that has paid for nothing: margins must cover the time
//! that confirmation takes.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256};
use thiserror::Error;

use crate::{
    BlockHash, Output, Params, TrustedState, Txid,
    hash::sha256,
    proof::{Inclusion, MAX_PROOF_BYTES, ProofRefusal},
};

/// Bytes of an agreed script at most (`MAX_SCRIPT_SIZE`: longer ones can not be spent).
pub const MAX_SCRIPT_BYTES: usize = 10_000;

/// Opcodes that are used here.
const OP_0: u8 = 0x00;
const PUSH_32: u8 = 0x20;
const PUSH_33: u8 = 0x21;
const OP_RETURN: u8 = 0x6a;
const OP_DROP: u8 = 0x75;
const OP_CHECKSIG: u8 = 0xac;

/// Who is paid, and how the transaction says for which swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payee<'a> {
    /// The holder of a compressed public key, by a script that holds the swap id: [`Terms::witness_script`].
    Key(&'a [u8; 33]),
    /// Whoever can satisfy a script; another output of the transaction says `OP_RETURN <swap id>`.
    Script(&'a [u8]),
}

/// What was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms<'a> {
    /// The swap.
    pub swap_id: B256,
    /// Who is paid.
    pub payee: Payee<'a>,
    /// Satoshis, exactly.
    pub amount: u64,
    /// Work that the payment's block and those on it must hold. The work of finality is always asked for as well.
    pub work: U256,
}

impl Terms<'_> {
    /// `<swap id> OP_DROP <key> OP_CHECKSIG`, for a payee that is a key.
    pub fn witness_script(&self) -> Option<Vec<u8>> {
        let Payee::Key(key) = self.payee else { return None };
        let mut script = Vec::with_capacity(1 + 32 + 1 + 1 + 33 + 1);
        script.push(PUSH_32);
        script.extend_from_slice(self.swap_id.as_slice());
        script.extend_from_slice(&[OP_DROP, PUSH_33]);
        script.extend_from_slice(key);
        script.push(OP_CHECKSIG);
        Some(script)
    }

    /// The script that the payment's output must have: of a key, `OP_0 <SHA-256 of the witness script>` (BIP 141).
    pub fn output_script(&self) -> Vec<u8> {
        match (self.payee, self.witness_script()) {
            (Payee::Script(script), _) => script.to_vec(),
            (Payee::Key(_), witness_script) => {
                let digest = sha256(&witness_script.unwrap_or_default());
                [[OP_0, PUSH_32].as_slice(), digest.as_slice()].concat()
            }
        }
    }

    /// `OP_RETURN <swap id>`: the script of the output that names the swap where the payee is a script.
    pub fn return_script(&self) -> [u8; 34] {
        let mut script = [0; 34];
        script
            .iter_mut()
            .zip([OP_RETURN, PUSH_32].iter().chain(self.swap_id.as_slice()))
            .for_each(|(to, from)| *to = *from);
        script
    }

    fn check(&self) -> Result<(), Mismatch> {
        match self.payee {
            Payee::Script(script) if script.is_empty() || script.len() > MAX_SCRIPT_BYTES => {
                Err(Mismatch::UnusableScript { bytes: script.len() })
            }
            Payee::Script([OP_RETURN, rest @ ..]) => Err(Mismatch::UnusableScript { bytes: rest.len() + 1 }),
            Payee::Key([2 | 3, ..]) | Payee::Script(_) => Ok(()),
            Payee::Key([first, ..]) => Err(Mismatch::UnusableKey { first: *first }),
        }
    }
}

/// A transaction that is in the chain, and is not what was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Mismatch {
    /// The agreed script is empty, too long, or can never be spent.
    #[error("a script of {bytes} bytes that nobody can spend")]
    UnusableScript {
        /// Its length.
        bytes: usize,
    },
    /// The agreed key is not in compressed form.
    #[error("a compressed key starts with 2 or 3, this one with {first}")]
    UnusableKey {
        /// Its first byte.
        first: u8,
    },
    /// The transaction has no such output.
    #[error("output {vout} of {outputs}")]
    NoSuchOutput {
        /// The output claimed.
        vout: u32,
        /// Outputs that there are.
        outputs: usize,
    },
    /// The output pays somebody else, or for another swap.
    #[error("output {vout} has another script than the agreed one")]
    Script {
        /// The output claimed.
        vout: u32,
    },
    /// The output pays another amount.
    #[error("expected {expected} satoshis, found {found}")]
    Amount {
        /// Satoshis agreed.
        expected: u64,
        /// Satoshis paid.
        found: u64,
    },
    /// No output names the swap.
    #[error("no output says OP_RETURN {swap_id}")]
    NoCommitment {
        /// The swap.
        swap_id: B256,
    },
}

/// Why a payment does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PaymentRefusal {
    /// It is not proven to be in the chain.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// It is not what was agreed (`TermsMismatch`).
    #[error("other terms: {0}")]
    Terms(#[from] Mismatch),
}

/// A payment that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The transaction. With the output: what a vault must remember, so that it counts once.
    pub txid: Txid,
    /// The output.
    pub vout: u32,
    /// Height of its block.
    pub height: u32,
    /// Its block.
    pub block: BlockHash,
    /// Work of its block and those on it.
    pub work: U256,
}

/// A claim that an output is the agreed payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The output.
    pub vout: u32,
    /// That its transaction is in the chain.
    pub inclusion: Inclusion<'a>,
}

impl<'a> Claim<'a> {
    /// Writes the claim: `u32 vout | inclusion`. None if something is beyond its bound.
    pub fn encode(&self) -> Option<Vec<u8>> {
        Some([self.vout.to_be_bytes().as_slice(), &self.inclusion.encode()?].concat())
    }

    /// Reads a claim.
    ///
    /// # Errors
    /// The bytes are not exactly what [`Claim::encode`] writes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ProofRefusal> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(ProofRefusal::TooLarge { limit: MAX_PROOF_BYTES, found: bytes.len() });
        }
        let (vout, rest) = bytes.split_first_chunk().ok_or(ProofRefusal::Malformed { at: 0 })?;
        Ok(Self { vout: u32::from_be_bytes(*vout), inclusion: Inclusion::decode(rest)? })
    }
}

/// Judges a claim: its output is in the trusted chain under the agreed work, and is what was agreed.
///
/// # Errors
/// The first rule that does not hold.
pub fn verify_payment(
    params: &Params,
    trusted: &TrustedState,
    terms: &Terms<'_>,
    claim: &[u8],
    now: u64,
) -> Result<Payment, PaymentRefusal> {
    terms.check()?;
    let Claim { vout, inclusion } = Claim::decode(claim)?;
    let included = inclusion.verify(params, trusted, terms.work.max(params.final_work), now)?;
    pays(terms, vout, included.transaction.outputs())?;
    let (txid, height, block, work) = (included.transaction.txid(), included.height, included.block, included.work);
    Ok(Payment { txid, vout, height, block, work })
}

fn pays(terms: &Terms<'_>, vout: u32, outputs: &[Output<'_>]) -> Result<(), Mismatch> {
    let output = outputs.get(vout as usize).ok_or(Mismatch::NoSuchOutput { vout, outputs: outputs.len() })?;
    if output.script != terms.output_script() {
        return Err(Mismatch::Script { vout });
    }
    if output.value != terms.amount {
        return Err(Mismatch::Amount { expected: terms.amount, found: output.value });
    }
    let says_so = |other: &Output<'_>| other.script == terms.return_script();
    match terms.payee {
        Payee::Script(_) if !outputs.iter().any(says_so) => Err(Mismatch::NoCommitment { swap_id: terms.swap_id }),
        Payee::Script(_) | Payee::Key(_) => Ok(()),
    }
}

/// The deadline is over on Bitcoin's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Height of the confirmed tip.
    pub height: u32,
    /// The confirmed tip.
    pub block: BlockHash,
    /// Its median time, Unix seconds.
    pub median_time: u32,
}

/// Why a leg is not given back yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotOverdue {
    /// A frozen client proves no time: the chain that it knows may not be the one on which the payer paid.
    #[error("the client is frozen at height {at}")]
    Frozen {
        /// Freeze height.
        at: u32,
    },
    /// No block remembered has the agreed work.
    #[error("no block has work {needed} in it and those on it")]
    NothingConfirmed {
        /// Work needed.
        needed: U256,
    },
    /// The confirmed tip's median time is before the deadline and its margin.
    #[error("height {height}: median time {median_time} is before {needed} (deadline + margin)")]
    TooEarly {
        /// Height of the confirmed tip.
        height: u32,
        /// Its median time, Unix seconds.
        median_time: u32,
        /// Deadline and margin, Unix seconds.
        needed: u64,
    },
}

/// Whether the leg that waits for a payment may go back: the newest block with the agreed work in it and those on it has
/// a median time of at least `deadline` + `margin` (seconds). What was paid in blocks below it could have been proven.
///
/// Miners can together date blocks up to two hours ahead ([`crate::params::FUTURE_LIMIT`]): a margin below that and the time
/// of confirmation is too short.
///
/// # Errors
/// It may not, yet.
pub fn overdue(
    params: &Params,
    trusted: &TrustedState,
    work: U256,
    deadline: u64,
    margin: u64,
) -> Result<Overdue, NotOverdue> {
    if let Some(freeze) = trusted.frozen() {
        return Err(NotOverdue::Frozen { at: freeze.at });
    }
    let work = work.max(params.final_work);
    let nothing = NotOverdue::NothingConfirmed { needed: work };
    let height = trusted.confirmed(work).ok_or(nothing)?;
    let tip = trusted.context_at(&params.rules, height).ok_or(nothing)?;
    let (median_time, needed) = (tip.median_time(), deadline.saturating_add(margin));
    if u64::from(median_time) < needed {
        return Err(NotOverdue::TooEarly { height, median_time, needed });
    }
    Ok(Overdue { height, block: tip.hash(), median_time })
}
