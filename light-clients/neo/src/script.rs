//! The two scripts of a witness: who may sign, and the signatures.

use alloc::vec::Vec;

use causeway_crypto::{
    HighS,
    p256::{P256Fault, VerifyP256, decompress},
};

use crate::{Refusal, ScriptFault};

/// Neo's bound for either script of a witness (`Witness.MaxInvocationScript`, `MaxVerificationScript`).
pub const MAX_SCRIPT_BYTES: usize = 1024;

/// `PUSHDATA1`.
const PUSHDATA1: u8 = 0x0c;
/// `PUSHINT8`: the next byte is a number.
const PUSHINT8: u8 = 0x00;
/// `PUSH0`; `PUSHn` is `PUSH0 + n` up to 16.
const PUSH0: u8 = 0x10;
/// `SYSCALL System.Crypto.CheckMultisig`.
const CHECK_MULTISIG: [u8; 5] = [0x41, 0x9e, 0xd0, 0xdc, 0x3a];
/// `PUSHDATA1 33` and a compressed key.
const KEY_BYTES: usize = 2 + 33;
/// `PUSHDATA1 64` and a signature.
const SIGNATURE_BYTES: usize = 2 + 64;

/// The consensus that a verification script names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multisig {
    m: usize,
    /// Uncompressed points, in the order of the script (ascending by their compressed form).
    keys: Vec<[u8; 65]>,
}

impl Multisig {
    /// Reads `PUSH M, keys ascending, PUSH N, SYSCALL CheckMultisig`, as `Contract.CreateMultiSigRedeemScript` writes it.
    ///
    /// # Errors
    /// It is another script, or not the only form of this one.
    pub fn read(script: &[u8]) -> Result<Self, ScriptFault> {
        if script.len() > MAX_SCRIPT_BYTES {
            return Err(ScriptFault::NoMultisig);
        }
        let (m, rest) = number(script)?;
        let body = rest.strip_suffix(&CHECK_MULTISIG).ok_or(ScriptFault::NoMultisig)?;
        // N takes one byte or two, and a key 35: the remainder tells which.
        let (packed, tail) =
            body.split_at_checked(body.len() / KEY_BYTES * KEY_BYTES).ok_or(ScriptFault::NoMultisig)?;
        let (n, behind) = number(tail)?;
        let (keys, _) = packed.as_chunks::<KEY_BYTES>();
        if !behind.is_empty() || n != keys.len() {
            return Err(ScriptFault::NoMultisig);
        }
        if m == 0 || m > n {
            return Err(ScriptFault::Counts { m, n });
        }
        let mut points = Vec::with_capacity(n);
        let mut previous: Option<[u8; 33]> = None;
        for (position, push) in keys.iter().enumerate() {
            let [PUSHDATA1, 33, compressed @ ..] = push else { return Err(ScriptFault::NoMultisig) };
            if previous.is_some_and(|previous| order(&previous) >= order(compressed)) {
                return Err(ScriptFault::KeyOrder(position));
            }
            previous = Some(*compressed);
            points.push(decompress(compressed).map_err(|_: P256Fault| ScriptFault::Key(position))?);
        }
        Ok(Self { m, keys: points })
    }

    /// How many must sign.
    pub const fn threshold(&self) -> usize {
        self.m
    }

    /// How many may sign.
    pub fn members(&self) -> usize {
        self.keys.len()
    }

    /// Checks the signatures that an invocation script pushes, as `CheckMultisig` does: each by a member that stands
    /// behind the one before.
    ///
    /// # Errors
    /// Another script, another number of signatures, or one by nobody.
    pub(crate) fn check<V: VerifyP256>(&self, invocation: &[u8], message: &[u8]) -> Result<(), Refusal> {
        let (pushes, rest) = invocation.as_chunks::<SIGNATURE_BYTES>();
        if !rest.is_empty() {
            return Err(ScriptFault::Invocation.into());
        }
        let mut members = self.keys.iter();
        // Counted before anything is verified.
        if pushes.len() != self.m {
            return Err(Refusal::SignatureCount { needed: self.m, found: pushes.len() });
        }
        for (position, push) in pushes.iter().enumerate() {
            let [PUSHDATA1, 64, signature @ ..] = push else { return Err(ScriptFault::Invocation.into()) };
            let mut fault = P256Fault::Mismatch;
            // Neo takes both forms of s; a signature counts by its place, so the twin is no second one.
            let good = members.by_ref().any(|key| match V::verify(key, message, signature, HighS::Accept) {
                Ok(()) => true,
                Err(why) => {
                    fault = why;
                    false
                }
            });
            if !good {
                return Err(Refusal::BadSignature { position, fault });
            }
        }
        Ok(())
    }
}

/// Neo sorts keys as points: by x, then by y; the parity byte decides only between two keys of one x.
fn order(compressed: &[u8; 33]) -> ([u8; 32], u8) {
    let [parity, x @ ..] = compressed;
    (*x, *parity)
}

/// A number in the shortest push of it: `PUSH1`…`PUSH16`, or `PUSHINT8`.
fn number(script: &[u8]) -> Result<(usize, &[u8]), ScriptFault> {
    match script {
        [push, rest @ ..] if (PUSH0 + 1..=PUSH0 + 16).contains(push) => Ok((usize::from(push - PUSH0), rest)),
        [PUSHINT8, value @ 17..=127, rest @ ..] => Ok((usize::from(*value), rest)),
        _ => Err(ScriptFault::NoMultisig),
    }
}

/// M of N in dBFT: `N − ⌊(N − 1) / 3⌋` (`Contract.GetBFTAddress`).
pub const fn quorum(members: usize) -> usize {
    members - members.saturating_sub(1) / 3
}

/// The verification script of a consensus of these keys (compressed, in any order): `Contract.GetBFTAddress`'s. Its
/// [`crate::script_hash`] is what a header names as its next consensus.
///
/// # Errors
/// [`ScriptFault::Counts`] for no key, or for more than a script has room for.
pub fn consensus_script(keys: &[[u8; 33]]) -> Result<Vec<u8>, ScriptFault> {
    let (m, n) = (quorum(keys.len()), keys.len());
    let fits = 2 * 2 + n * KEY_BYTES + CHECK_MULTISIG.len() <= MAX_SCRIPT_BYTES;
    if n == 0 || !fits {
        return Err(ScriptFault::Counts { m, n });
    }
    let mut sorted = keys.to_vec();
    sorted.sort_by_key(order);
    let mut script = Vec::with_capacity(4 + n * KEY_BYTES + CHECK_MULTISIG.len());
    put_number(&mut script, m);
    for key in &sorted {
        script.extend_from_slice(&[PUSHDATA1, 33]);
        script.extend_from_slice(key);
    }
    put_number(&mut script, n);
    script.extend_from_slice(&CHECK_MULTISIG);
    Ok(script)
}

/// At most 29, by the bound of the script.
fn put_number(script: &mut Vec<u8>, number: usize) {
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    if number <= 16 {
        script.push(PUSH0 + number);
    } else {
        script.extend_from_slice(&[PUSHINT8, number]);
    }
}
