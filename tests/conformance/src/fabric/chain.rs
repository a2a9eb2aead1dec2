//! A chain of blocks, followed by a client.

use causeway_crypto::p256::{Native, Portable};
use causeway_fabric::{
    Block, BlockHeader, Channel, Data, Params, Pin, ReadPolicy, Reads, Refusal, TrustedState, Verified,
    block::{self, Payload, SignedMetadata},
    build_update_with, verify_with,
};

use crate::cases::same;

/// A block, the client right before it, and the headers between the two.
#[derive(Clone, Debug)]
pub struct Step {
    /// The client's parameters.
    pub params: Params,
    /// Its state.
    pub trusted: TrustedState,
    /// Headers between.
    pub between: Vec<BlockHeader>,
    /// The block, as a node serves it.
    pub block: Vec<u8>,
    /// A time at which the block may be judged: the newest that a sender in it wrote, or the state's.
    pub now: u64,
}

impl Step {
    /// The update that brings the block.
    pub fn update(&self, data: Data) -> Result<Vec<u8>, String> {
        build_update_with::<Native>(&self.trusted, &self.between, &self.block, data, self.now)
            .map_err(|error| error.to_string())
    }

    /// The verdict on it, the same from both implementations of the signature.
    pub fn verdict(&self, data: Data) -> Result<Verified, String> {
        self.judge(&self.update(data)?)?.map_err(|refusal| refusal.to_string())
    }

    /// The verdict on these bytes.
    pub fn judge(&self, update: &[u8]) -> Result<Result<Verified, Refusal>, String> {
        crate::seeds::keep("fabric", update);
        let native = verify_with::<Native>(&self.params, &self.trusted, update, self.now);
        let portable = verify_with::<Portable>(&self.params, &self.trusted, update, self.now);
        same("native and portable verdicts", &native, &portable)?;
        Ok(native)
    }
}

/// Parameters of a client of a channel. Its attested reads are of no chaincode in particular.
pub(super) fn params(channel: &str) -> Params {
    let policy = ReadPolicy::Channel(ReadPolicy::DEFAULT_PATH.into());
    Params {
        channel: channel.into(),
        trusting_period: 3_650 * 86_400,
        freeze_delay: 3_600,
        clock: alloy_primitives::B256::repeat_byte(1),
        reads: Some(Reads { chaincode: "vault".into(), policy }),
    }
}

/// Channel and newest time that the senders in a block wrote.
pub(super) fn named(block: &Block<'_>) -> Option<(String, u64)> {
    let data = block::data(block.data?).ok()?;
    let payload = |bytes| {
        let envelope = block::envelope(bytes, true).ok()?;
        Payload::decode(envelope.payload).ok()
    };
    let payloads: Vec<Payload<'_>> = data.into_iter().filter_map(payload).collect();
    let channel = payloads.first()?.channel_id.to_owned();
    Some((channel, payloads.iter().map(|payload| payload.sender_time).max().unwrap_or(0)))
}

/// A client that begins at a block.
pub(super) fn begin(block: &[u8]) -> Result<(Params, TrustedState), String> {
    let read = Block::decode(block).map_err(|fault| fault.to_string())?;
    let (channel, time) = named(&read).ok_or("no envelope can be read")?;
    let params = params(&channel);
    let pin = Pin { block_hash: read.header.hash(), time };
    let state = TrustedState::begin(&params, &pin, block, time).map_err(|refusal| refusal.to_string())?;
    Ok((params, state))
}

/// The configuration that a block holds, whatever its header says.
pub(super) fn channel_of(block: &Block<'_>) -> Option<Channel> {
    let mut header = block.header;
    header.data_hash = causeway_fabric::header::data_hash(&block::data(block.data?).ok()?);
    let mut again = Vec::new();
    put_block(&mut again, &header, block.data?, block.signatures);
    begin(&again).ok().map(|(_, state)| state.channel().clone())
}

/// A client that trusts what this block says lies before it.
pub(super) fn right_before(block: &Block<'_>, channel: Channel, time: u64) -> TrustedState {
    let number = block.header.number.saturating_sub(1);
    let metadata = SignedMetadata::decode(block.signatures).ok();
    let stated = metadata.and_then(|metadata| metadata.last_config).unwrap_or(number);
    let hash = block.header.previous_hash.unwrap_or_default();
    TrustedState::new((number, hash), Default::default(), time, stated, channel)
}

/// Follows blocks in order; gives a step and its verdict for each but the first, and the verdict on that.
///
/// Where the first block holds no configuration, the client trusts what that block says lies before it, under `known`.
pub fn followed(blocks: &[Vec<u8>], known: Option<Channel>) -> Vec<(Result<Step, String>, Result<(), String>)> {
    let mut out = Vec::new();
    let mut client: Option<(Params, TrustedState)> = None;
    let mut known = known;
    for bytes in blocks {
        let block = match Block::decode(bytes) {
            Ok(block) => block,
            Err(fault) => {
                out.push((Err("not canonical".into()), Err(fault.to_string())));
                continue;
            }
        };
        if let (None, true, Some(channel)) = (&client, channel_of(&block).is_none(), &known) {
            let (name, time) = named(&block).unwrap_or_default();
            client = Some((params(&name), right_before(&block, channel.clone(), time)));
        }
        let Some((params, trusted)) = client.take() else {
            let begun = begin(bytes);
            let verdict = begun.as_ref().map(|_| ()).map_err(Clone::clone);
            out.push((Err("the pin".into()), verdict));
            client = begun.ok().or_else(|| after_refusal(&block, known.as_ref()));
            known = client.as_ref().map(|(_, state)| state.channel().clone());
            continue;
        };
        let time = named(&block).map_or(trusted.time(), |(_, time)| time.max(trusted.time()));
        let follows = block.header.number == trusted.height() + 1;
        let trusted = if follows { trusted } else { right_before(&block, trusted.channel().clone(), time) };
        let step = Step { params, trusted, between: Vec::new(), block: bytes.clone(), now: time };
        let verdict = step.verdict(Data::Always);
        client = match &verdict {
            Ok(verified) => Some((step.params.clone(), verified.trusted.clone())),
            Err(_) => after_refusal(&block, Some(step.trusted.channel())),
        };
        out.push((Ok(step), verdict.map(|_| ())));
    }
    out
}

/// A client that takes a block as its pin although it was refused, to judge what comes behind it.
fn after_refusal(block: &Block<'_>, known: Option<&Channel>) -> Option<(Params, TrustedState)> {
    let (channel_id, time) = named(block)?;
    let channel = channel_of(block).or_else(|| known.cloned())?;
    let metadata = SignedMetadata::decode(block.signatures).ok()?;
    let at = (block.header.number, block.header.hash());
    let config = metadata.last_config.unwrap_or(at.0);
    let parent = block.header.previous_hash.unwrap_or_default();
    Some((params(&channel_id), TrustedState::new(at, parent, time, config, channel)))
}

/// Writes `common.Block`.
pub(super) fn put_block(out: &mut Vec<u8>, header: &BlockHeader, data: &[u8], signatures: &[u8]) {
    let mut head = Vec::new();
    if header.number > 0 {
        head.push(8);
        number(&mut head, header.number);
    }
    if let Some(previous) = header.previous_hash {
        part(&mut head, 2, previous.as_slice());
    }
    part(&mut head, 3, header.data_hash.as_slice());
    let mut metadata = Vec::new();
    part(&mut metadata, 1, signatures);
    part(out, 1, &head);
    part(out, 2, data);
    part(out, 3, &metadata);
}

/// Writes one part of a message with its length.
pub(super) fn part(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    number(out, field << 3 | 2);
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
