//! Frames that no honest relayer sends.

use bytes::{Buf, BufMut};
use causeway_proto::{
    convert,
    peer::v1::{self, stream_lane_request::Frame as Request, stream_lane_response::Frame as Response},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Status, Streaming,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_types::StatusExt;

use super::*;
use crate::lane::{error::Kind, types::Outcome};

/// Sends bytes as they are.
#[derive(Clone, Copy, Default)]
pub(super) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, item: Bytes, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buf.copy_to_bytes(buf.remaining())))
    }
}

/// One call of any path with any bytes: the first message of the answer.
pub(super) async fn raw_call(channel: &Channel, path: &str, codec: RawCodec, body: Bytes) -> Result<Bytes, Status> {
    raw_call_with(tonic::client::Grpc::new(channel.clone()), path, codec, body).await
}

async fn raw_call_with(
    mut client: tonic::client::Grpc<Channel>,
    path: &str,
    codec: RawCodec,
    body: Bytes,
) -> Result<Bytes, Status> {
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = path.parse().expect("a path");
    let request = tonic::Request::new(tokio_stream::once(body));
    let mut answer = timeout(SOON, client.streaming(request, path, codec)).await.expect("in time")?.into_inner();
    let first = timeout(SOON, answer.message()).await.expect("in time")?;
    Ok(first.unwrap_or_default())
}

#[derive(Debug)]
pub(super) struct Lane {
    out: mpsc::Sender<v1::StreamLaneRequest>,
    frames: Streaming<v1::StreamLaneResponse>,
}

impl Lane {
    async fn send(&self, bundle: v1::Bundle) {
        self.out.send(v1::StreamLaneRequest { frame: Some(Request::Bundle(bundle)) }).await.unwrap();
    }

    async fn next(&mut self) -> Result<Option<Response>, Status> {
        let frame = timeout(SOON, self.frames.message()).await.expect("in time")?;
        Ok(frame.and_then(|frame| frame.frame))
    }

    /// The status that ends the stream, after at most a few frames.
    async fn end(&mut self) -> Status {
        for _ in 0..20 {
            if let Err(status) = self.next().await {
                return status;
            }
        }
        panic!("the stream goes on")
    }
}

/// Opens a lane by hand.
pub(super) async fn open(client: &mut PeerServiceClient<Channel>, lane: LaneId, digest: B256) -> Result<Lane, Status> {
    let (out, frames) = mpsc::channel(64);
    let (lane, terms_digest) = (convert::word(&lane.0), convert::word(&digest));
    let open = v1::OpenLane { lane, terms_digest, held: None };
    out.send(v1::StreamLaneRequest { frame: Some(Request::Open(open)) }).await.unwrap();
    let frames = client.stream_lane(ReceiverStream::new(frames)).await?.into_inner();
    let mut lane = Lane { out, frames };
    match lane.next().await? {
        Some(Response::Opened(_)) => Ok(lane),
        other => panic!("{other:?}"),
    }
}

fn wire(number: u64) -> v1::Bundle {
    super::super::wire::put_bundle(number, &bundle(lane(1), number * 5..number * 5 + 5)).unwrap()
}

async fn with_client(limits: Limits) -> (World, End, mpsc::Receiver<Inbound>, PeerServiceClient<Channel>) {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits, 0).await;
    let inbox = end.routes.attach(lane(1), 4);
    let client = world.raw(end.address, &world.authorities["a"].issue(&name("a"))).await.unwrap();
    (world, end, inbox, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_105_a_bundle_without_credit_ends_the_stream_then_the_connection() {
    let (_world, end, mut inbox, mut client) = with_client(limits()).await;
    let mut stream = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    for number in 1..=10 {
        stream.send(wire(number)).await;
    }
    let status = stream.end().await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(!delay.is_zero());
    let error = super::super::status::error(&status);
    assert_eq!((error.kind, error.is_retry()), (Kind::RateLimited, true));
    for number in 1..=4 {
        assert_eq!(next(&mut inbox).await.number, number);
    }
    sleep(Duration::from_millis(100)).await;
    assert!(inbox.try_recv().is_err(), "nothing beyond the credits was kept");

    // Within the delay the lane stays shut; the connection still stands.
    let early = open(&mut client, lane(1), terms(1).digest()).await.map(|_| ()).unwrap_err();
    assert_eq!(early.code(), Code::ResourceExhausted);
    assert_eq!(end.tls.connections(&name("a")), 1);
    sleep(delay).await;
    let mut stream = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    for number in 11..=20 {
        stream.send(wire(number)).await;
    }
    stream.end().await;
    eventually("the connection is closed", || end.tls.connections(&name("a")) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_096_a_bundle_that_cannot_be_read_is_refused_alone() {
    let (_world, _end, mut inbox, mut client) = with_client(limits()).await;
    let mut stream = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    for number in 1..=20 {
        let mut bad = wire(number);
        bad.entry_count += 1;
        stream.send(bad).await;
        let Some(Response::Acknowledgement(answer)) = stream.next().await.unwrap() else { panic!("no answer") };
        assert_eq!(answer.number, number);
        let outcome = super::super::wire::take_outcome(answer.outcome).unwrap();
        assert!(matches!(outcome, Outcome::Rejected { kind: Kind::Malformed, .. }));
        assert!(matches!(stream.next().await.unwrap(), Some(Response::Credit(credit)) if credit.bundles == 1));
    }
    stream.send(wire(21)).await;
    assert_eq!(next(&mut inbox).await.number, 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_number_is_taken_once() {
    let (_world, _end, mut inbox, mut client) = with_client(limits()).await;
    let mut stream = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    stream.send(wire(1)).await;
    stream.send(wire(1)).await;
    assert!(matches!(stream.next().await.unwrap(), Some(Response::Acknowledgement(answer)) if answer.number == 1));
    assert_eq!(next(&mut inbox).await.number, 1);
    sleep(Duration::from_millis(50)).await;
    assert!(inbox.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_out_of_place_end_the_stream() {
    let (_world, _end, _inbox, mut client) = with_client(limits()).await;
    let mut stream = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    stream.out.send(v1::StreamLaneRequest { frame: None }).await.unwrap();
    assert_eq!(stream.end().await.code(), Code::InvalidArgument);
    let mut stream = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    let again = v1::OpenLane { lane: convert::word(&lane(1).0), ..Default::default() };
    stream.out.send(v1::StreamLaneRequest { frame: Some(Request::Open(again)) }).await.unwrap();
    assert_eq!(stream.end().await.code(), Code::InvalidArgument);
    // A bundle first.
    let frames = tokio_stream::once(v1::StreamLaneRequest { frame: Some(Request::Bundle(wire(1))) });
    let mut frames = client.stream_lane(frames).await.unwrap().into_inner();
    assert_eq!(frames.message().await.unwrap_err().code(), Code::InvalidArgument);
    // Nothing at all: the first frame has a deadline.
    let (_out, frames) = mpsc::channel::<v1::StreamLaneRequest>(1);
    let mut frames = client.stream_lane(ReceiverStream::new(frames)).await.unwrap().into_inner();
    let ended = timeout(SOON, frames.message()).await.expect("in time");
    assert_eq!(ended.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_stream_takes_the_lane_over() {
    let (_world, _end, mut inbox, mut client) = with_client(limits()).await;
    let mut old = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    let new = open(&mut client, lane(1), terms(1).digest()).await.unwrap();
    assert_eq!(old.end().await.code(), Code::Unavailable);
    new.send(wire(1)).await;
    assert_eq!(next(&mut inbox).await.number, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_096_messages_beyond_their_bounds_are_refused_and_the_rest_goes_on() {
    const HELLO: &str = "/causeway.peer.v1.PeerService/Hello";
    const STREAM: &str = "/causeway.peer.v1.PeerService/StreamLane";
    let (world, end, _inbox, mut client) = with_client(limits()).await;
    let config = client_config(&world.authorities["b"].pem(), &world.authorities["a"].issue(&name("a")));
    let channel = channel(end.address, config, &name("b")).await.unwrap();
    let limit = limits().message_bytes_max as usize;
    let cases: [(&str, Bytes, &[Code]); 6] = [
        ("10,000 nested groups", vec![0x7b; 10_000].into(), &[Code::InvalidArgument]),
        ("10,000 nested known groups", vec![0x0b; 10_000].into(), &[Code::InvalidArgument]),
        ("half a million items", [0x22, 0x00].repeat(limit / 2).into(), &[Code::InvalidArgument]),
        ("an unknown field", vec![0x78, 0x01].into(), &[Code::InvalidArgument]),
        ("garbage", vec![0xff; 1000].into(), &[Code::InvalidArgument]),
        ("one byte too many", vec![0; limit + 1].into(), &[Code::OutOfRange, Code::ResourceExhausted]),
    ];
    for (what, body, codes) in cases {
        for path in [HELLO, STREAM] {
            let refused = raw_call(&channel, path, RawCodec, body.clone()).await.unwrap_err();
            assert!(codes.contains(&refused.code()), "{what}: {refused:?}");
        }
    }
    let hello = v1::HelloRequest { version_min: 1, version_max: 1, ..Default::default() };
    client.hello(hello).await.expect("an honest call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_095_compressed_messages_are_bounded_by_what_they_become() {
    const HELLO: &str = "/causeway.peer.v1.PeerService/Hello";
    let zeros = Bytes::from(vec![0u8; 32 << 20]);
    for (compression, codes) in
        [(false, &[Code::Unimplemented][..]), (true, &[Code::ResourceExhausted, Code::OutOfRange])]
    {
        let (world, end, _inbox, mut client) = with_client(Limits { compression, ..limits() }).await;
        let config = client_config(&world.authorities["b"].pem(), &world.authorities["a"].issue(&name("a")));
        let channel = channel(end.address, config, &name("b")).await.unwrap();
        let before = peak_memory();
        let grpc = tonic::client::Grpc::new(channel).send_compressed(CompressionEncoding::Gzip);
        let refused = raw_call_with(grpc, HELLO, RawCodec, zeros.clone()).await.unwrap_err();
        assert!(codes.contains(&refused.code()), "{refused:?}");
        println!("compression {compression}: {:?}; peak memory grew by {} kB", refused.code(), peak_memory() - before);
        let hello = v1::HelloRequest { version_min: 1, version_max: 1, ..Default::default() };
        client.hello(hello).await.expect("an honest call");
    }
}

/// Highest resident memory of this process so far, kB. The sender's part of a test is in it, too.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
