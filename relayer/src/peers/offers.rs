//! Proposals and answers of swaps between two relayers. A peer's word about a swap is a message from one party to the
//! other: it moves no asset and settles nothing.

use super::{client::GrpcPeer, status};
use alloy::primitives::B256;
use async_trait::async_trait;
use bytes::Bytes;
use causeway_core::{Terms, swap::TERMS_WORDS};
use causeway_proto::{convert, peer::v1};
use tokio::time::timeout;
use tonic::{Code, Response, Status};

/// Longest comment, bytes.
const COMMENT_MAX: usize = 200;

/// Takes what a peer says of swaps. The organisation is the certificate's; whether a swap's lanes are shared with it is
/// checked behind.
#[async_trait]
pub trait Offers: Send + Sync {
    /// A proposal; gives its id.
    async fn offered(&self, organisation: &str, terms: Terms, leg: u8) -> Result<B256, Status>;
    /// A party's decision: agreed, or cancelled with a comment.
    async fn answered(&self, organisation: &str, id: B256, terms: Terms, cancelled: Option<&str>)
    -> Result<(), Status>;
}

/// Terms as they travel.
#[must_use]
pub fn words(terms: &Terms) -> Bytes {
    terms.words().concat().into()
}

fn terms(bytes: &[u8]) -> Result<Terms, Status> {
    let malformed = |detail: &str| status::with_reason(Code::InvalidArgument, "MALFORMED", detail, None);
    let (words, rest) = bytes.as_chunks::<32>();
    if words.len() != TERMS_WORDS || !rest.is_empty() {
        return Err(malformed("terms: expected thirteen words of 32 bytes"));
    }
    let words: Vec<B256> = words.iter().map(B256::from).collect();
    Terms::from_words(&words).map_err(|error| malformed(&format!("terms: {error}")))
}

fn closed() -> Status {
    status::with_reason(Code::FailedPrecondition, "NO_SWAPS", "this relayer has no listener for exchanges", None)
}

/// The service's side of `OfferSwap`.
pub(super) async fn offer(
    offers: Option<&dyn Offers>,
    organisation: &str,
    request: v1::OfferSwapRequest,
) -> Result<Response<v1::OfferSwapResponse>, Status> {
    let leg = u8::try_from(request.leg).unwrap_or(u8::MAX);
    let id = offers.ok_or_else(closed)?.offered(organisation, terms(&request.terms)?, leg).await?;
    Ok(Response::new(v1::OfferSwapResponse { swap_id: convert::word(&id) }))
}

/// The service's side of `AnswerSwap`.
pub(super) async fn answer(
    offers: Option<&dyn Offers>,
    organisation: &str,
    request: v1::AnswerSwapRequest,
) -> Result<Response<v1::AnswerSwapResponse>, Status> {
    let malformed = |detail: &str| status::with_reason(Code::InvalidArgument, "MALFORMED", detail, None);
    let id = B256::try_from(&request.swap_id[..]).map_err(|_| malformed("swap_id: expected 32 bytes"))?;
    if request.accepted > 1 || request.comment.len() > COMMENT_MAX {
        return Err(malformed("accepted: expected 0 or 1; comment: at most 200 bytes"));
    }
    let cancelled = (request.accepted == 0).then_some(&*request.comment);
    offers.ok_or_else(closed)?.answered(organisation, id, terms(&request.terms)?, cancelled).await?;
    Ok(Response::new(v1::AnswerSwapResponse {}))
}

impl GrpcPeer {
    /// Hands a proposal to the peer.
    ///
    /// # Errors
    /// The peer's status as it came: the caller tells a refusal of the swap from trouble on the way.
    pub async fn offer_swap(&self, terms: &Terms, leg: u8) -> Result<(), Status> {
        let request = v1::OfferSwapRequest { terms: words(terms), leg: leg.into() };
        let mut client = self.client().map_err(|error| status::status(&error))?;
        let answer = timeout(self.call_deadline(), client.offer_swap(request)).await.map_err(|_| late())??;
        if answer.get_ref().swap_id[..] == terms.id()[..] {
            return Ok(());
        }
        Err(Status::unavailable("the peer answers with another swap"))
    }

    /// Tells the peer what a party decided.
    ///
    /// # Errors
    /// As [`Self::offer_swap`].
    pub async fn answer_swap(&self, id: B256, terms: Bytes, accepted: bool, comment: &str) -> Result<(), Status> {
        let comment = comment.get(..comment.floor_char_boundary(COMMENT_MAX)).unwrap_or_default().to_owned();
        let request = v1::AnswerSwapRequest { swap_id: convert::word(&id), terms, accepted: accepted.into(), comment };
        let mut client = self.client().map_err(|error| status::status(&error))?;
        timeout(self.call_deadline(), client.answer_swap(request)).await.map_err(|_| late())??;
        Ok(())
    }
}

fn late() -> Status {
    Status::deadline_exceeded("the peer did not answer in time")
}
