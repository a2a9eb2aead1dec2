//! The relayer's verifier, asked with both signature implementations.

use alloy_primitives::{Address, B256, U256};
use causeway_bft_evm::{
    Mode, Params, Refusal, SealedHeader, Threshold, TrustedState, Update, ValidatorSet, ValidatorSource, Verified,
    build_update, conflict_with, verify_with,
};
use causeway_crypto::{HighS, Native, Portable, Recover};

/// Parameters under which vectors are judged. Times are those of the vectors, so the periods do not matter.
pub fn params(mode: Mode) -> Params {
    Params {
        mode,
        validators: ValidatorSource::Header,
        trusting_period: 14 * 24 * 3600,
        drift: 15,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 3600,
    }
}

/// Verdict of both implementations, which must agree.
///
/// # Errors
/// The refusal, or that they differ.
pub fn verify(params: &Params, trusted: &TrustedState, update: &[u8], now: u64) -> Result<Verified, String> {
    verdict(params, trusted, update, now)?.map_err(|refusal| refusal.to_string())
}

/// As [`verify`], with the refusal as it is.
///
/// # Errors
/// That the two implementations differ.
pub fn verdict(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: u64,
) -> Result<Result<Verified, Refusal>, String> {
    crate::seeds::keep("bft-evm", update);
    let native = verify_with::<Native>(params, trusted, update, now);
    let portable = verify_with::<Portable>(params, trusted, update, now);
    if native == portable { Ok(native) } else { Err(format!("native says {native:?}, portable {portable:?}")) }
}

/// Makes an update with both implementations and judges it.
///
/// # Errors
/// The header carries no quorum, or the update is refused.
pub fn follow(params: &Params, trusted: &TrustedState, header: &SealedHeader<'_>) -> Result<Verified, String> {
    let update = build_update::<Native>(params, trusted, header, None).map_err(|error| error.to_string())?;
    let again = build_update::<Portable>(params, trusted, header, None).map_err(|error| error.to_string())?;
    if update != again {
        return Err("native and portable make different updates".into());
    }
    let verified = verify(params, trusted, &update, header.time())?;
    if verified.header.block_hash != header.block_hash() {
        return Err("the accepted block hash is not the header's".into());
    }
    // The same header twice is no evidence of anything.
    match conflict_with::<Native>(params, trusted, &update, &update, header.time()) {
        Ok(None) => Ok(verified),
        other => Err(format!("the same header twice: {other:?}")),
    }
}

/// A state right before a header, under these validators.
///
/// # Errors
/// They are no set.
pub fn before(header: &SealedHeader<'_>, validators: Vec<Address>) -> Result<TrustedState, String> {
    let set = ValidatorSet::new(validators).map_err(|refusal| refusal.to_string())?;
    let height = header.height().saturating_sub(1);
    let time = header.time().saturating_sub(1);
    Ok(TrustedState::new(height, time, header.parent_hash(), B256::ZERO, set))
}

/// Who made the seals of a header, in the order of the seals.
///
/// # Errors
/// A seal is no good, or the implementations differ.
pub fn committers(header: &SealedHeader<'_>) -> Result<Vec<Address>, String> {
    let digest = header.commit_digest();
    let recover = |seal: &[u8; 65]| {
        let (r_s, v) = seal.split_first_chunk::<64>().ok_or("short seal")?;
        let v = v.first().copied().unwrap_or(u8::MAX);
        let native = Native::recover(&digest, r_s, v, HighS::Refuse);
        if native != Portable::recover(&digest, r_s, v, HighS::Refuse) {
            return Err("native and portable recover different signers".to_owned());
        }
        native.map_err(|fault| fault.to_string())
    };
    header.extra().seals().map(recover).collect()
}

/// An update that carries the seals of exactly these committers.
///
/// # Errors
/// One of them did not seal the header or is not listed in it.
pub fn update_by(
    header: &SealedHeader<'_>,
    committers: &[Address],
    previous: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let listed: Vec<Address> = header.extra().validators().collect();
    let made: Vec<Address> = self::committers(header)?;
    let seals: Vec<_> = header.extra().seals().collect();
    let mut signers = U256::ZERO;
    let mut packed = Vec::new();
    for (bit, validator) in listed.iter().enumerate().filter(|(_, validator)| committers.contains(validator)) {
        let at = made.iter().position(|maker| maker == validator).ok_or(format!("{validator} did not seal"))?;
        signers.set_bit(bit, true);
        packed.extend_from_slice(seals.get(at).copied().ok_or("no seal")?);
    }
    if signers.count_ones() != committers.len() {
        return Err("a committer is not listed".into());
    }
    let header = header.seal_less();
    Update { header: &header, previous, next_set: None, signers, seals: &packed }
        .encode()
        .map_err(|error| error.to_string())
}
