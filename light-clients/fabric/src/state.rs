//! What a client holds to be true: the newest header that it accepted, and the configuration in force after it.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    ConfigFault, Params, Refusal, UpdateFault,
    block::{self, Block, CONFIG, Payload, of_channel},
    bounds::MAX_CONFIG_BYTES,
    channel::Channel,
    config_update::ConfigEnvelope,
    header::data_hash,
    update::Cursor,
};

/// Version of the encoding of a trusted state.
const VERSION: u8 = 1;

/// A trusted state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    pub(crate) height: u64,
    pub(crate) time: u64,
    pub(crate) block_hash: B256,
    pub(crate) parent_hash: B256,
    pub(crate) config_height: u64,
    pub(crate) channel: Arc<Channel>,
    pub(crate) frozen: Option<Freeze>,
}

/// What a client remembers of the evidence that froze it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Freeze height: nothing above it is believed any more.
    pub at: u64,
    /// Unix seconds of the freeze.
    pub since: u64,
}

/// A header hash that the configuration pins, and when it was pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Hash of the header of a configuration block.
    pub block_hash: B256,
    /// Unix seconds at which the organisations agreed on it. As blocks have no time, the trusting period counts from
    /// here.
    pub time: u64,
}

/// Bytes that are no trusted state.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateFault {
    /// Written by another version.
    #[error("trusted state: expected version {VERSION}, found {0}")]
    Version(u8),
    /// Not of the length that its parts give.
    #[error("trusted state: {0}")]
    Shape(#[from] UpdateFault),
    /// The frozen flag is neither 0 nor 1, or something stands beside it that it does not announce.
    #[error("trusted state: malformed frozen flag")]
    Flag,
    /// The configuration's block lies above the trusted one.
    #[error("trusted state: the configuration's block lies above the trusted one")]
    ConfigHeight,
    /// No configuration.
    #[error("trusted state: {0}")]
    Config(#[from] ConfigFault),
}

impl TrustedState {
    /// Starts a client at a configuration block (the channel's first one, or a later one) that the organisations pin by
    /// its header's hash. The block may come from any node.
    ///
    /// # Errors
    /// [`Refusal::ChainMismatch`] if it is another block, [`Refusal::Expired`] if the pin is older than the trusting
    /// period (a key that was taken back since could have signed what follows), [`Refusal::NoConfig`],
    /// [`Refusal::ChannelMismatch`], or its configuration can not be used.
    pub fn begin(params: &Params, pin: &Pin, block: &[u8], now: u64) -> Result<Self, Refusal> {
        let block = Block::decode(block)?;
        let found = block.header.hash();
        if found != pin.block_hash {
            return Err(Refusal::ChainMismatch { expected: pin.block_hash, found });
        }
        if now < pin.time {
            return Err(Refusal::NonMonotonicTime { now, trusted_time: pin.time });
        }
        let expired_at = pin.time.saturating_add(params.trusting_period);
        if expired_at <= now {
            return Err(Refusal::Expired { expired_at, now });
        }
        let number = block.header.number;
        let data = block::data(block.data.ok_or(Refusal::DataMissing { number })?)?;
        let found = data_hash(&data);
        if found != block.header.data_hash {
            return Err(Refusal::WrongData { expected: block.header.data_hash, found });
        }
        let [envelope] = data.as_slice() else { return Err(Refusal::NoConfig { number }) };
        // A channel's first block is made by a tool, not by an orderer: nobody need have signed it.
        let payload = Payload::decode(block::envelope(envelope, true)?.payload)?;
        of_channel(&params.channel, payload.channel_id)?;
        if payload.kind != CONFIG {
            return Err(Refusal::NoConfig { number });
        }
        let channel = Channel::read(ConfigEnvelope::decode(payload.data)?.config)?;
        Ok(Self {
            height: number,
            time: pin.time,
            block_hash: pin.block_hash,
            parent_hash: block.header.previous_hash.unwrap_or_default(),
            config_height: number,
            channel: Arc::new(channel),
            frozen: None,
        })
    }

    /// A state from its parts. Who calls this vouches for them: use [`TrustedState::begin`] to start from a pin.
    pub fn new(block: (u64, B256), parent_hash: B256, time: u64, config_height: u64, channel: Channel) -> Self {
        let (height, block_hash) = block;
        let config_height = config_height.min(height);
        Self { height, time, block_hash, parent_hash, config_height, channel: Arc::new(channel), frozen: None }
    }

    /// Height of the newest header accepted.
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// When it was accepted, by the verifier's clock, Unix seconds. Blocks have no time of their own.
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// Its hash.
    pub const fn block_hash(&self) -> B256 {
        self.block_hash
    }

    /// Block of the configuration in force.
    pub const fn config_height(&self) -> u64 {
        self.config_height
    }

    /// The configuration in force.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The freeze, if the client is frozen.
    pub const fn frozen(&self) -> Option<Freeze> {
        self.frozen
    }

    /// Unix seconds from which this state no longer vouches for others.
    pub const fn expires_at(&self, params: &Params) -> u64 {
        self.time.saturating_add(params.trusting_period)
    }

    /// The same state, frozen. Freezing deletes nothing; a second freeze changes nothing.
    #[must_use]
    pub fn freeze(mut self, freeze: Freeze) -> Self {
        self.frozen.get_or_insert(freeze);
        self
    }

    /// Writes the state: `u8 version | u64 height | u64 time | block hash | parent hash | u64 config height | u8 frozen |
    /// u64 frozenAt | u64 frozenSince | u32 length | common.Config`, big-endian; what is not there is zero.
    pub fn encode(&self) -> Vec<u8> {
        let config = self.channel.config();
        let mut out = Vec::with_capacity(110 + config.len());
        out.push(VERSION);
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(self.block_hash.as_slice());
        out.extend_from_slice(self.parent_hash.as_slice());
        out.extend_from_slice(&self.config_height.to_be_bytes());
        let freeze = self.frozen.unwrap_or(Freeze { at: 0, since: 0 });
        out.push(u8::from(self.frozen.is_some()));
        out.extend_from_slice(&freeze.at.to_be_bytes());
        out.extend_from_slice(&freeze.since.to_be_bytes());
        // At most MAX_CONFIG_BYTES.
        out.extend_from_slice(&(config.len() as u32).to_be_bytes());
        out.extend_from_slice(config);
        out
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// The bytes are not exactly what [`TrustedState::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateFault> {
        let mut cursor = Cursor { bytes, at: 0 };
        let [version] = *cursor.array::<1>()?;
        if version != VERSION {
            return Err(StateFault::Version(version));
        }
        let height = u64::from_be_bytes(*cursor.array()?);
        let time = u64::from_be_bytes(*cursor.array()?);
        let block_hash = B256::new(*cursor.array()?);
        let parent_hash = B256::new(*cursor.array()?);
        let config_height = u64::from_be_bytes(*cursor.array()?);
        let [flag] = *cursor.array::<1>()?;
        let at = u64::from_be_bytes(*cursor.array()?);
        let since = u64::from_be_bytes(*cursor.array()?);
        let config = cursor.sized("configuration", MAX_CONFIG_BYTES)?;
        if cursor.at != bytes.len() {
            return Err(UpdateFault::Trailing(bytes.len() - cursor.at).into());
        }
        let frozen = match (flag, at, since) {
            (0, 0, 0) => None,
            (1, ..) => Some(Freeze { at, since }),
            _ => return Err(StateFault::Flag),
        };
        if config_height > height {
            return Err(StateFault::ConfigHeight);
        }
        let channel = Arc::new(Channel::read(config)?);
        Ok(Self { height, time, block_hash, parent_hash, config_height, channel, frozen })
    }
}
