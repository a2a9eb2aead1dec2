//! The rules by which a header is accepted, one small function each.

use alloc::{string::String, vec::Vec};

use alloy_primitives::B256;

use crate::{
    Freeze, Over, Params, Refusal, Threshold, TrustedState, Whose,
    commit::{CommitSig, shown_hash},
    header::{Address, Header},
    signatures::{Signatures, check},
    time::Time,
    update::{IbcHeight, Update},
    validators::ValidatorSet,
};

/// The rules in the order in which [`verify_with`] applies them, with the names of CometBFT's light client specification
/// (`spec/light-client/verification`, `[LCV-FUNC-VALID.2]`) and of its `light/verifier.go`. The first one broken is the
/// verdict.
pub const RULES: [&str; 13] = [
    "not frozen (or, after the freeze delay, the last common block itself, without commit)",
    "within the trusting period: trusted.time + trustingPeriod > now (HeaderExpired)",
    "update of the format: canonical encoding, lengths, each validator once, addresses of their keys",
    "chain id and block protocol of the client; trusted height and revision, where given",
    "height above the trusted one",
    "time after the trusted one (bft time)",
    "time < now + drift",
    "commit of the header's height and hash, one entry for each validator",
    "validators of the header's validators hash",
    "next height: validators hash is the trusted next validators hash; further on: trusted validators of that hash",
    "further on, other validators: signers' power among the trusted validators > trust threshold of it",
    "signers' power among the header's validators > 2/3 of it",
    "each entry in its validator's place; each signature counted is good (ZIP-215, or low-S secp256k1)",
];

/// A header that the client believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Height.
    pub height: u64,
    /// Block time.
    pub time: Time,
    /// Hash of the header.
    pub block_hash: B256,
    /// Hash of the block before; none at the first height.
    pub last_block_hash: Option<B256>,
    /// The application's state after the block before this one: what [`crate::proof`] reads under.
    pub app_hash: Vec<u8>,
    /// Hash of the block's validators.
    pub validators_hash: B256,
    /// Hash of the next block's.
    pub next_validators_hash: B256,
    /// Hash of the consensus parameters.
    pub consensus_hash: Option<B256>,
    /// Hash of the results of the block before.
    pub last_results_hash: Option<B256>,
    /// Round of the commit that was shown; another commit of the same block may have another.
    pub round: u32,
}

impl Accepted {
    /// Whether this is the set that signs the block after this one: what the next update brings along as trusted
    /// validators.
    ///
    /// # Errors
    /// [`Refusal::ValidatorsHash`].
    pub fn check_next_validators(&self, params: &Params, set: &ValidatorSet) -> Result<(), Refusal> {
        set_of_hash(params, set, Some(self.next_validators_hash), Whose::Next).map(drop)
    }
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The header that the update proved.
    pub header: Accepted,
    /// The trusted state from now on.
    pub trusted: TrustedState,
}

/// Which signatures are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// In the set's order until the power suffices, as CometBFT's `VerifyCommitLight`: what is behind does not matter.
    Enough,
    /// All that are for the block, as CometBFT does for evidence: the culprits are named by them.
    All,
}

/// Judges an update against a trusted state at time `now`, checking signatures with `S`.
///
/// # Errors
/// The first rule of [`RULES`] that the update breaks.
pub fn verify_with<S: Signatures>(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: Time,
) -> Result<Verified, Refusal> {
    verify_in::<S>(&mut S::Keys::default(), params, trusted, update, now)
}

/// The same with what was learned of public keys by earlier calls; it changes the speed, never the verdict.
///
/// # Errors
/// As [`verify_with`].
pub fn verify_in<S: Signatures>(
    keys: &mut S::Keys,
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: Time,
) -> Result<Verified, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        let header = last_common_block(params, freeze, update, now)?;
        return Ok(Verified { header, trusted: trusted.clone() });
    }
    let (header, _) = judge::<S>(keys, params, trusted, update, now, Count::Enough)?;
    let trusted = TrustedState::of(&header);
    Ok(Verified { header, trusted })
}

/// The rules. Gives the header and who signed it (with [`Count::All`]: everybody who did).
pub(crate) fn judge<S: Signatures>(
    keys: &mut S::Keys,
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: Time,
    count: Count,
) -> Result<(Accepted, Vec<Address>), Refusal> {
    within_trusting_period(params, trusted, now)?;
    let update = Update::decode(update)?;
    let header = &update.header;
    of_this_chain(params, header)?;
    from_this_state(params, trusted, update.trusted_height)?;
    newer(trusted, header)?;
    time_after(trusted, header)?;
    not_from_future(params, header, now)?;
    let hash = header.hash(params.encoding);
    commit_of_header(&update, hash)?;
    let validators_hash = set_of_hash(params, &update.validators, header.validators_hash, Whose::Header)?;
    let vouching = vouching_set(params, trusted, &update, validators_hash)?;
    let signers = count_signers(params, &update, vouching, count)?;
    check::<S>(keys, params.encoding, &update, &signers)?;
    let address = |place: &usize| update.validators.as_slice().get(*place).map(|validator| validator.address);
    let addresses = signers.iter().filter_map(address).collect();
    Ok((accepted(header, hash, validators_hash, update.commit.round), addresses))
}

fn accepted(header: &Header<'_>, block_hash: B256, validators_hash: B256, round: u32) -> Accepted {
    Accepted {
        height: header.height,
        time: header.time,
        block_hash,
        last_block_hash: header.last_block_id.hash,
        app_hash: header.app_hash.to_vec(),
        validators_hash,
        next_validators_hash: header.next_validators_hash.unwrap_or_default(),
        consensus_hash: header.consensus_hash,
        last_results_hash: header.last_results_hash,
        round,
    }
}

/// Not frozen, or the last block common to both chains: its hash stands in both of the conflicting headers, so it needs
/// no commit, and `update` is its bare header. What was final below the conflict still ends, after a delay in which
/// everybody can see the freeze.
fn last_common_block(params: &Params, freeze: &Freeze, update: &[u8], now: Time) -> Result<Accepted, Refusal> {
    let readable_from = freeze.anchor.map(|_| freeze.since.saturating_add(params.freeze_delay));
    let frozen = Refusal::Frozen { at: freeze.at, readable_from };
    if readable_from.is_none_or(|from| now < from) {
        return Err(frozen);
    }
    let header = Header::decode(update)?;
    let hash = header.hash(params.encoding);
    if header.height != freeze.at || Some(hash) != freeze.anchor {
        return Err(frozen);
    }
    Ok(accepted(&header, hash, header.validators_hash.unwrap_or_default(), 0))
}

fn within_trusting_period(params: &Params, trusted: &TrustedState, now: Time) -> Result<(), Refusal> {
    let expired_at = trusted.expires_at(params);
    if expired_at > now { Ok(()) } else { Err(Refusal::Expired { expired_at, now }) }
}

pub(crate) fn of_this_chain(params: &Params, header: &Header<'_>) -> Result<(), Refusal> {
    if header.chain_id != params.chain_id {
        return Err(Refusal::ChainMismatch { expected: params.chain_id.clone(), found: String::from(header.chain_id) });
    }
    match params.block_protocol {
        Some(expected) if expected != header.block_protocol => {
            Err(Refusal::BlockProtocol { expected, found: header.block_protocol })
        }
        _ => Ok(()),
    }
}

/// What the update says that it starts from, where it says so.
fn from_this_state(params: &Params, trusted: &TrustedState, said: Option<IbcHeight>) -> Result<(), Refusal> {
    let Some(said) = said.filter(|said| *said != IbcHeight::default()) else { return Ok(()) };
    let (expected, found) = ((revision(&params.chain_id), trusted.height()), (said.revision, said.height));
    if expected == found { Ok(()) } else { Err(Refusal::TrustedHeight { expected, found }) }
}

/// The number behind the last hyphen of a chain id, without leading zeros; 0 if there is none (ibc-go
/// `ParseChainID`).
fn revision(chain_id: &str) -> u64 {
    match chain_id.rsplit_once('-') {
        Some((name, number)) if !name.is_empty() && !name.ends_with('-') && !number.starts_with(['0', '+']) => {
            number.parse().unwrap_or(0)
        }
        _ => 0,
    }
}

fn newer(trusted: &TrustedState, header: &Header<'_>) -> Result<(), Refusal> {
    if header.height > trusted.height() {
        return Ok(());
    }
    Err(Refusal::NotNewer { trusted: trusted.height(), found: header.height })
}

fn time_after(trusted: &TrustedState, header: &Header<'_>) -> Result<(), Refusal> {
    if header.time > trusted.time() {
        return Ok(());
    }
    Err(Refusal::NonMonotonicTime { trusted: trusted.time(), found: header.time })
}

fn not_from_future(params: &Params, header: &Header<'_>, now: Time) -> Result<(), Refusal> {
    let limit = now.saturating_add(params.drift);
    if header.time < limit { Ok(()) } else { Err(Refusal::HeaderFromFuture { limit, found: header.time }) }
}

fn commit_of_header(update: &Update<'_>, hash: B256) -> Result<(), Refusal> {
    let (header, commit) = (&update.header, &update.commit);
    if commit.height != header.height {
        return Err(Refusal::CommitHeight { expected: header.height, found: commit.height });
    }
    if commit.block_id.hash != Some(hash) {
        return Err(Refusal::CommitBlock { expected: hash, found: shown_hash(commit) });
    }
    let (expected, found) = (update.validators.len(), commit.signatures.len());
    if expected == found { Ok(()) } else { Err(Refusal::CommitLength { expected, found }) }
}

/// The set's hash, which must be the expected one.
fn set_of_hash(params: &Params, set: &ValidatorSet, expected: Option<B256>, whose: Whose) -> Result<B256, Refusal> {
    let found = set.hash(params.encoding);
    if expected == Some(found) {
        return Ok(found);
    }
    Err(Refusal::ValidatorsHash { whose, expected: expected.unwrap_or_default(), found })
}

/// The trusted validators whose power must vouch for the header's; none where its own two thirds say as much: for the
/// next block, and under the very validators that are trusted.
fn vouching_set<'a>(
    params: &Params,
    trusted: &TrustedState,
    update: &'a Update<'_>,
    validators_hash: B256,
) -> Result<Option<&'a ValidatorSet>, Refusal> {
    let expected = trusted.next_validators_hash();
    let adjacent = trusted.height().checked_add(1) == Some(update.header.height);
    if validators_hash == expected {
        let two_thirds_do = adjacent || params.trust_threshold.at_most(Threshold::TWO_THIRDS);
        return Ok((!two_thirds_do).then_some(&update.validators));
    }
    if adjacent {
        return Err(Refusal::ValidatorsHash { whose: Whose::Adjacent, expected, found: validators_hash });
    }
    let set = update.trusted_validators.as_ref().ok_or(Refusal::TrustedValidatorsMissing)?;
    set_of_hash(params, set, Some(expected), Whose::Trusted)?;
    Ok(Some(set))
}

/// The places of the commit that are counted, if their power is enough.
fn count_signers(
    params: &Params,
    update: &Update<'_>,
    vouching: Option<&ValidatorSet>,
    count: Count,
) -> Result<Vec<usize>, Refusal> {
    let vouching = vouching.map(|set| (set.total_power(), set.by_key()));
    let of = update.validators.total_power();
    let (mut own, mut trusted) = (0u64, 0u64);
    let mut places = Vec::with_capacity(update.validators.len());
    let members = update.commit.signatures.iter().zip(update.validators.as_slice());
    for (index, (entry, validator)) in members.enumerate() {
        let (CommitSig::Commit(vote) | CommitSig::Nil(vote)) = entry else { continue };
        if vote.address != validator.address {
            return Err(Refusal::WrongSigner { index, expected: validator.address, found: vote.address });
        }
        if matches!(entry, CommitSig::Nil(_)) {
            continue;
        }
        let vouched = vouching.as_ref().map_or(0, |(_, keys)| {
            let found = keys.binary_search_by_key(&validator.key, |(key, _)| *key).ok();
            found.and_then(|at| keys.get(at)).map_or(0, |(_, power)| *power)
        });
        let own_open = !Threshold::TWO_THIRDS.exceeded_by(own, of);
        let trusted_open =
            vouching.as_ref().is_some_and(|(total, _)| !params.trust_threshold.exceeded_by(trusted, *total));
        if count == Count::All || own_open || (trusted_open && vouched > 0) {
            own = own.saturating_add(validator.power);
            trusted = trusted.saturating_add(vouched);
            places.push(index);
        }
    }
    if let Some((total, _)) = vouching {
        enough(params.trust_threshold, Over::Trusted, trusted, total)?;
    }
    enough(Threshold::TWO_THIRDS, Over::Header, own, of)?;
    Ok(places)
}

fn enough(threshold: Threshold, over: Over, found: u64, of: u64) -> Result<(), Refusal> {
    if threshold.exceeded_by(found, of) {
        return Ok(());
    }
    Err(Refusal::NotEnoughTrust { over, needed: threshold.needed(of), found, of })
}
