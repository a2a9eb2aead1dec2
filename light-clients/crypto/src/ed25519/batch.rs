//! Many signatures as one equation.
//!
//! With random 128-bit factors `zᵢ`, all signatures are good if and (but for a chance of 2⁻¹²⁸) only if
//! `[8]( [Σ zᵢ·sᵢ]B − Σ [zᵢ]Rᵢ − Σ [zᵢ·kᵢ]Aᵢ ) = 0` (Bernstein et al., "High-speed high-security signatures", §5; ZIP-215
//! makes it agree with the equation of each). Here the factors come from a hash of everything that is checked, so no
//! generator is needed and a verdict can be repeated: who wants factors that suit a forgery has to search for them, at
//! one hash for each of 2¹²⁸ tries. They depend on every `R`, `s` and, through `k`, on every key and message.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::ED25519_BASEPOINT_POINT,
    edwards::VartimeEdwardsPrecomputation,
    traits::{IsIdentity, VartimeMultiscalarMul, VartimePrecomputedMultiscalarMul},
};
use sha2::{Digest, Sha512};

use super::{BadMember, Ed25519, Ed25519Fault, Parts, Signed, one_by_one, point_of};

/// Below this many the equation saves less than its set-up costs.
const WORTH_A_BATCH: usize = 3;

/// What is known of public keys. A validator signs every block with the same key, so its point is computed once; and when
/// the same keys come a second time, tables of multiples are made of them, which makes the equation a third cheaper.
#[derive(Default)]
pub struct KeyCache {
    points: BTreeMap<[u8; 32], EdwardsPoint>,
    tables: Option<Tables>,
}

/// Keys with tables of their odd multiples.
struct Tables {
    places: BTreeMap<[u8; 32], usize>,
    multiples: VartimeEdwardsPrecomputation,
}

impl KeyCache {
    /// Points kept. Past it the cache starts anew: 20,000 is two full validator sets, 5 MB.
    pub const MAX_KEYS: usize = 20_000;

    /// Keys with tables, at some 10 kB each: more validators than most chains have.
    pub const MAX_TABLES: usize = 512;

    /// The point of a key, and whether it was known.
    fn point(&mut self, key: &[u8; 32]) -> Result<(EdwardsPoint, bool), Ed25519Fault> {
        if let Some(point) = self.points.get(key) {
            return Ok((*point, true));
        }
        let point = point_of(key)?;
        if self.points.len() >= Self::MAX_KEYS {
            self.points.clear();
        }
        self.points.insert(*key, point);
        Ok((point, false))
    }

    /// Tables that hold all of these keys, which were seen before; none if they are too many.
    fn tables(&mut self, signed: &[Signed<'_>]) -> Option<&Tables> {
        let held = |tables: &Tables| signed.iter().all(|signed| tables.places.contains_key(signed.key));
        if !self.tables.as_ref().is_some_and(held) {
            let old = self.tables.take();
            let mut keys: BTreeSet<[u8; 32]> = signed.iter().map(|signed| *signed.key).collect();
            if keys.len() > Self::MAX_TABLES {
                return None;
            }
            // Who was absent in one block signs the next: keep what there was, as long as there is room.
            let kept = old.iter().flat_map(|old| old.places.keys()).copied();
            let room = Self::MAX_TABLES.saturating_sub(keys.len());
            keys.extend(kept.take(room));
            let points: Option<Vec<EdwardsPoint>> = keys.iter().map(|key| self.points.get(key).copied()).collect();
            let multiples = VartimeEdwardsPrecomputation::new(points?);
            let places = keys.into_iter().enumerate().map(|(place, key)| (key, place)).collect();
            self.tables = Some(Tables { places, multiples });
        }
        self.tables.as_ref()
    }
}

impl core::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let tables = self.tables.as_ref().map_or(0, |tables| tables.places.len());
        f.debug_struct("KeyCache").field("points", &self.points.len()).field("tables", &tables).finish()
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
fn equation_holds(cache: &mut KeyCache, signed: &[Signed<'_>]) -> bool {
    let mut parts = Vec::with_capacity(signed.len());
    let mut keys = Vec::with_capacity(signed.len());
    let mut transcript = Sha512::new();
    let mut all_known = true;
    for signed in signed {
        let (Ok((key, known)), Ok(part)) = (cache.point(signed.key), Parts::of(signed)) else { return false };
        transcript.update(signed.signature);
        transcript.update(part.k.as_bytes());
        all_known &= known;
        keys.push(key);
        parts.push(part);
    }
    let mut factors = Factors::from(transcript);
    let weighted: Vec<(Scalar, Parts)> = parts.into_iter().map(|part| (factors.next(), part)).collect();
    let by_base: Scalar = weighted.iter().map(|(z, part)| z * part.s).sum();
    // The scalars and points of every R and of the base point.
    let scalars = weighted.iter().map(|(z, _)| *z).chain([-by_base]);
    let points = weighted.iter().map(|(_, part)| part.r).chain([ED25519_BASEPOINT_POINT]);
    let by_key = weighted.iter().map(|(z, part)| z * part.k);
    let sum = match all_known.then(|| cache.tables(signed)).flatten() {
        Some(tables) => {
            let mut by_place = alloc::vec![Scalar::ZERO; tables.places.len()];
            for (signed, scalar) in signed.iter().zip(by_key) {
                let place = tables.places.get(signed.key).and_then(|place| by_place.get_mut(*place));
                // A key may sign more than once.
                let Some(place) = place else { return false };
                *place += scalar;
            }
            tables.multiples.vartime_mixed_multiscalar_mul(by_place, scalars, points)
        }
        None => EdwardsPoint::vartime_multiscalar_mul(by_key.chain(scalars), keys.iter().copied().chain(points)),
    };
    sum.mul_by_cofactor().is_identity()
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
