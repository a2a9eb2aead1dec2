//! Many signatures as one equation.
//!
//! With random 128-bit factors `zᵢ`, all signatures are good if and (but for a chance of 2⁻¹²⁸) only if
//! `[8]( [Σ zᵢ·sᵢ]B − Σ [zᵢ]Rᵢ − Σ [zᵢ·kᵢ]Aᵢ ) = 0` (Bernstein et al., "High-speed high-security signatures", §5; ZIP-215
//! makes it agree with the equation of each). Here the factors come from a hash of everything that is checked, so no
//! generator is needed and a verdict can be repeated: who wants factors that suit a forgery has to search for them, at
//! one hash for each of 2¹²⁸ tries. They depend on every `R`, `s` and, through `k`, on every key and message.

use alloc::{collections::BTreeMap, vec::Vec};

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::ED25519_BASEPOINT_POINT,
    traits::{IsIdentity, VartimeMultiscalarMul},
};
use sha2::{Digest, Sha512};

use super::{BadMember, Ed25519, Ed25519Fault, Parts, Signed, one_by_one, point_of};

/// Below this many the equation saves less than its set-up costs.
const WORTH_A_BATCH: usize = 3;

/// Decompressed public keys. A validator signs every block with the same key; its point is computed once.
#[derive(Clone, Debug, Default)]
pub struct KeyCache {
    points: BTreeMap<[u8; 32], EdwardsPoint>,
}

impl KeyCache {
    /// Keys kept. Past it the cache starts anew: 20,000 is two full validator sets, 5 MB.
    pub const MAX_KEYS: usize = 20_000;

    fn point(&mut self, key: &[u8; 32]) -> Result<EdwardsPoint, Ed25519Fault> {
        if let Some(point) = self.points.get(key) {
            return Ok(*point);
        }
        let point = point_of(key)?;
        if self.points.len() >= Self::MAX_KEYS {
            self.points.clear();
        }
        self.points.insert(*key, point);
        Ok(point)
    }
}

impl Ed25519 for crate::Native {
    type Keys = KeyCache;

    fn verify_all(keys: &mut KeyCache, signed: &[Signed<'_>]) -> Result<(), BadMember> {
        if signed.len() >= WORTH_A_BATCH && equation_holds(keys, signed) {
            return Ok(());
        }
        // One is bad, or there are few: say which.
        one_by_one(signed)
    }
}

/// Whether the batch equation holds; false also if a member can not be taken apart.
fn equation_holds(keys: &mut KeyCache, signed: &[Signed<'_>]) -> bool {
    let mut parts = Vec::with_capacity(signed.len());
    let mut points = Vec::with_capacity(2 * signed.len() + 1);
    let mut transcript = Sha512::new();
    for signed in signed {
        let (Ok(key), Ok(part)) = (keys.point(signed.key), Parts::of(signed)) else { return false };
        transcript.update(signed.signature);
        transcript.update(part.k.as_bytes());
        points.push(key);
        parts.push(part);
    }
    let mut factors = Factors::from(transcript);
    let mut scalars = Vec::with_capacity(points.capacity());
    let mut by_base = Scalar::ZERO;
    let mut by_r = Vec::with_capacity(parts.len());
    for part in &parts {
        let z = factors.next();
        scalars.push(z * part.k);
        by_base += z * part.s;
        by_r.push(z);
        points.push(part.r);
    }
    scalars.append(&mut by_r);
    scalars.push(-by_base);
    points.push(ED25519_BASEPOINT_POINT);
    EdwardsPoint::vartime_multiscalar_mul(&scalars, &points).mul_by_cofactor().is_identity()
}

/// A stream of 128-bit factors: four from each SHA-512 of seed and counter.
struct Factors {
    seed: [u8; 64],
    counter: u64,
    block: [u8; 64],
    used: usize,
}

impl Factors {
    fn from(transcript: Sha512) -> Self {
        Self { seed: transcript.finalize().into(), counter: 0, block: [0; 64], used: 64 }
    }

    fn next(&mut self) -> Scalar {
        if self.used >= self.block.len() {
            let counter = self.counter.to_le_bytes();
            self.block = Sha512::new().chain_update(self.seed).chain_update(counter).finalize().into();
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let bytes = self.block.get(self.used..).and_then(|rest| rest.first_chunk::<16>()).copied().unwrap_or_default();
        self.used += 16;
        // Zero would drop its signature from the equation.
        Scalar::from(u128::from_le_bytes(bytes).max(1))
    }
}
