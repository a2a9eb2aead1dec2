//! Each signature alone.

use super::{BadMember, Ed25519, Signed, one_by_one};
use crate::Portable;

impl Ed25519 for Portable {
    type Keys = ();

    fn verify_all((): &mut (), signed: &[Signed<'_>]) -> Result<(), BadMember> {
        one_by_one(signed)
    }
}
