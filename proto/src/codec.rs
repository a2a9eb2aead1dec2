//! The gRPC codec of the peer service: protobuf, with the check of [`crate::strict`] before decoding. Byte fields share
//! the memory of the received frame.

use std::marker::PhantomData;

use bytes::Buf;
use prost::Message;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::strict::{self, Strict};

/// Encodes `T` and decodes `U`.
#[derive(Clone, Debug)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + 'static,
    U: Message + Default + Strict + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = StrictCodec<T, ()>;
    type Decoder = StrictCodec<(), U>;

    fn encoder(&mut self) -> Self::Encoder {
        StrictCodec(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictCodec(PhantomData)
    }
}

impl<T: Message> Encoder for StrictCodec<T, ()> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buf).map_err(|error| Status::internal(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl<U: Message + Default + Strict> Decoder for StrictCodec<(), U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // tonic hands over one whole message in one piece; if that ever changes, the message is refused, not misread.
        if buf.chunk().len() != buf.remaining() {
            return Err(Status::internal("the message came in several pieces"));
        }
        strict::check::<U>(buf.chunk()).map_err(|error| Status::invalid_argument(error.to_string()))?;
        U::decode(buf).map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}
