//! Bootstraps and updates: SSZ as beacon nodes serve it, and the tag that says which.
//!
//! An update on a lane is `u8 kind | u8 fork | SSZ`. The fork is that of the attested header and says in which shape
//! the rest is; a kind is one of [`Kind`].

use alloc::vec::Vec;

use alloy_primitives::B256;

use crate::{
    Fork, LightClientHeader, Network, SyncCommittee,
    refusal::UpdateFault,
    ssz::{Reader, SszFault},
};

/// Bytes of an update at most: a committee of 512 seats, two headers, three branches.
pub const MAX_UPDATE_BYTES: usize = 32 * 1024;

/// Who of a committee took part: `Bitvector[SYNC_COMMITTEE_SIZE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits(Vec<u8>);

impl Bits {
    /// A vector from its bytes, lowest bit first.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Whether the seat took part.
    pub fn get(&self, seat: usize) -> bool {
        self.0.get(seat / 8).is_some_and(|byte| byte >> (seat % 8) & 1 == 1)
    }

    /// How many took part.
    pub fn count(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// `SyncAggregate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncAggregate {
    /// Who signed.
    pub bits: Bits,
    /// The sum of their signatures.
    pub signature: [u8; 96],
}

/// The next sync committee with its branch to the attested header's state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextCommittee {
    /// The committee.
    pub committee: SyncCommittee,
    /// From its root to the state's.
    pub branch: Vec<B256>,
}

/// The finalized header with its branch to the attested header's state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finality {
    /// The header. Empty where the finalized block is the genesis block.
    pub header: LightClientHeader,
    /// From its root to the state's.
    pub branch: Vec<B256>,
}

/// `LightClientUpdate`, `LightClientFinalityUpdate` and `LightClientOptimisticUpdate`: the latter two lack parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The shape of its encoding: the fork of the attested header.
    pub fork: Fork,
    /// The header that the committee signed.
    pub attested: LightClientHeader,
    /// The next committee, if it is brought along (`is_sync_committee_update`).
    pub next: Option<NextCommittee>,
    /// What the attested block's state holds final, if it is brought along (`is_finality_update`).
    pub finality: Option<Finality>,
    /// The signature.
    pub aggregate: SyncAggregate,
    /// The slot of the block that carries the signature.
    pub signature_slot: u64,
}

/// What an update's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `LightClientUpdate`.
    Full = 0,
    /// `LightClientFinalityUpdate`.
    Finality = 1,
    /// `LightClientOptimisticUpdate`: proves nothing final, so a bridge takes none.
    Optimistic = 2,
    /// A header alone: the last common block of a frozen client.
    Header = 3,
}

impl Kind {
    /// The kind with this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Full),
            1 => Some(Self::Finality),
            2 => Some(Self::Optimistic),
            3 => Some(Self::Header),
            _ => None,
        }
    }
}

/// Splits `u8 kind | u8 fork | SSZ`.
///
/// # Errors
/// Too short, too long, or of no kind or fork that is known.
pub fn open(bytes: &[u8]) -> Result<(Kind, Fork, &[u8]), UpdateFault> {
    if bytes.len() > MAX_UPDATE_BYTES {
        return Err(UpdateFault::TooLarge { limit: MAX_UPDATE_BYTES, found: bytes.len() });
    }
    let (head, ssz) = bytes.split_first_chunk::<2>().ok_or(UpdateFault::Truncated { found: bytes.len() })?;
    let kind = Kind::from_number(head[0]).ok_or(UpdateFault::Kind(head[0]))?;
    let fork = Fork::from_number(head[1]).ok_or(UpdateFault::Fork(head[1]))?;
    Ok((kind, fork, ssz))
}

/// Joins what [`open`] splits.
pub fn seal(kind: Kind, fork: Fork, ssz: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + ssz.len());
    out.extend_from_slice(&[kind as u8, fork as u8]);
    out.extend_from_slice(ssz);
    out
}

impl Update {
    /// Reads the SSZ of an update of this kind in the shape of `fork`.
    ///
    /// # Errors
    /// Not the canonical encoding of one, or a part that is there without its branch.
    pub fn decode(network: &Network, kind: Kind, fork: Fork, bytes: &[u8]) -> Result<Self, UpdateFault> {
        let (what, parts) = match kind {
            Kind::Full => ("light client update", Shape { next: true, finality: true }),
            Kind::Finality => ("light client finality update", Shape { next: false, finality: true }),
            Kind::Optimistic => ("light client optimistic update", Shape { next: false, finality: false }),
            Kind::Header => return Err(UpdateFault::Kind(kind as u8)),
        };
        let seats = network.preset.committee_size;
        let inline = LightClientHeader::fixed_size(fork);
        let length = parts.fixed_length(fork, seats);
        let mut reader = match inline {
            Some(_) => Reader::fixed(what, bytes, length)?,
            None => Reader::variable(what, bytes, length)?,
        };
        let mut slot = HeaderSlot::read(&mut reader, inline)?;
        let mut next = None;
        if parts.next {
            let committee = reader.take(SyncCommittee::encoded_length(seats))?;
            next = Some((committee, reader.hashes(fork.next_committee().depth)?));
        }
        let mut finality = None;
        if parts.finality {
            let finalized = HeaderSlot::read(&mut reader, inline)?;
            finality = Some((finalized, reader.hashes(fork.finalized_root().depth)?));
        }
        let bits = Bits::new(reader.take(seats / 8)?.to_vec());
        let aggregate = SyncAggregate { bits, signature: reader.array()? };
        let signature_slot = reader.number()?;
        match &mut finality {
            Some((finalized, _)) => {
                if let (HeaderSlot::Behind(first), HeaderSlot::Behind(second)) = (&slot, &*finalized) {
                    let [attested, last] = reader.parts([*first, *second])?;
                    (slot, *finalized) = (HeaderSlot::Here(attested), HeaderSlot::Here(last));
                }
            }
            None => {
                if let HeaderSlot::Behind(only) = slot {
                    let [attested] = reader.parts([only])?;
                    slot = HeaderSlot::Here(attested);
                }
            }
        }
        Ok(Self {
            fork,
            attested: slot.header(fork)?,
            next: next.map(|(committee, branch)| next_of(seats, committee, branch)).transpose()?.flatten(),
            finality: finality.map(|(header, branch)| finality_of(header.header(fork)?, branch)).transpose()?.flatten(),
            aggregate,
            signature_slot,
        })
    }

    /// The kind that holds what this update holds: without a next committee, and then without finality, a shorter one.
    pub const fn kind(&self) -> Kind {
        match (&self.next, &self.finality) {
            (Some(_), _) => Kind::Full,
            (None, Some(_)) => Kind::Finality,
            (None, None) => Kind::Optimistic,
        }
    }

    /// Writes the SSZ of an update of this kind. Parts that the kind has and the update lacks are zero; parts that the
    /// kind lacks are left out.
    pub fn encode(&self, network: &Network, kind: Kind) -> Vec<u8> {
        let parts = Shape { next: kind == Kind::Full, finality: matches!(kind, Kind::Full | Kind::Finality) };
        let (fork, seats) = (self.fork, network.preset.committee_size);
        let attested = self.attested.encode(fork);
        let empty = || LightClientHeader::default().encode(fork);
        let finalized = self.finality.as_ref().map_or_else(empty, |finality| finality.header.encode(fork));
        let inline = LightClientHeader::fixed_size(fork).is_some();
        let fixed = parts.fixed_length(fork, seats);
        let mut out = Vec::with_capacity(fixed + attested.len() + finalized.len());
        let mut behind = Vec::new();
        let mut put_header = |out: &mut Vec<u8>, header: &[u8]| {
            if inline {
                out.extend_from_slice(header);
            } else {
                out.extend_from_slice(&((fixed + behind.len()) as u32).to_le_bytes());
                behind.extend_from_slice(header);
            }
        };
        let put_branch = |out: &mut Vec<u8>, branch: Option<&Vec<B256>>, depth: usize| match branch {
            Some(branch) => branch.iter().for_each(|node| out.extend_from_slice(node.as_slice())),
            None => out.resize(out.len() + depth * 32, 0),
        };
        put_header(&mut out, &attested);
        if parts.next {
            match &self.next {
                Some(next) => next.committee.encode_to(&mut out),
                None => out.resize(out.len() + SyncCommittee::encoded_length(seats), 0),
            }
            put_branch(&mut out, self.next.as_ref().map(|next| &next.branch), fork.next_committee().depth);
        }
        if parts.finality {
            put_header(&mut out, &finalized);
            let branch = self.finality.as_ref().map(|finality| &finality.branch);
            put_branch(&mut out, branch, fork.finalized_root().depth);
        }
        out.extend_from_slice(self.aggregate.bits.as_bytes());
        out.extend_from_slice(&self.aggregate.signature);
        out.extend_from_slice(&self.signature_slot.to_le_bytes());
        out.extend_from_slice(&behind);
        out
    }

    /// The update as it travels on a lane.
    pub fn to_wire(&self, network: &Network) -> Vec<u8> {
        let kind = self.kind();
        seal(kind, self.fork, &self.encode(network, kind))
    }

    /// The finalized header's slot; 0 without one.
    pub fn finalized_slot(&self) -> u64 {
        self.finality.as_ref().map_or(0, |finality| finality.header.beacon.slot)
    }
}

/// Which parts a kind has.
#[derive(Clone, Copy)]
struct Shape {
    next: bool,
    finality: bool,
}

impl Shape {
    fn fixed_length(self, fork: Fork, seats: usize) -> usize {
        const OFFSET: usize = 4;
        let header = LightClientHeader::fixed_size(fork).unwrap_or(OFFSET);
        let mut length = header + seats / 8 + 96 + 8;
        if self.next {
            length += SyncCommittee::encoded_length(seats) + 32 * fork.next_committee().depth;
        }
        if self.finality {
            length += header + 32 * fork.finalized_root().depth;
        }
        length
    }
}

/// A header's place: its bytes, or the offset at which they begin.
enum HeaderSlot<'a> {
    Here(&'a [u8]),
    Behind(usize),
}

impl<'a> HeaderSlot<'a> {
    fn read(reader: &mut Reader<'a>, inline: Option<usize>) -> Result<Self, SszFault> {
        match inline {
            Some(length) => reader.take(length).map(Self::Here),
            None => reader.offset().map(Self::Behind),
        }
    }

    fn header(&self, fork: Fork) -> Result<LightClientHeader, SszFault> {
        match self {
            Self::Here(bytes) => LightClientHeader::decode(fork, bytes),
            // Resolved by the caller before.
            Self::Behind(found) => Err(SszFault::Offset { what: "light client header", expected: 0, found: *found }),
        }
    }
}

fn is_zero(branch: &[B256]) -> bool {
    branch.iter().all(B256::is_zero)
}

/// `if not is_sync_committee_update(update): assert update.next_sync_committee == SyncCommittee()`.
fn next_of(seats: usize, committee: &[u8], branch: Vec<B256>) -> Result<Option<NextCommittee>, UpdateFault> {
    let committee = SyncCommittee::decode(seats, committee)?;
    match (is_zero(&branch), committee.is_empty()) {
        (false, _) => Ok(Some(NextCommittee { committee, branch })),
        (true, true) => Ok(None),
        (true, false) => Err(UpdateFault::CommitteeWithoutBranch),
    }
}

/// `if not is_finality_update(update): assert update.finalized_header == LightClientHeader()`.
fn finality_of(header: LightClientHeader, branch: Vec<B256>) -> Result<Option<Finality>, UpdateFault> {
    match (is_zero(&branch), header.is_empty()) {
        (false, _) => Ok(Some(Finality { header, branch })),
        (true, true) => Ok(None),
        (true, false) => Err(UpdateFault::HeaderWithoutBranch),
    }
}

/// `LightClientBootstrap`: where a client begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// The shape of its encoding: the fork of its header.
    pub fork: Fork,
    /// The header that is pinned.
    pub header: LightClientHeader,
    /// The committee in force.
    pub committee: SyncCommittee,
    /// From its root to the state's.
    pub branch: Vec<B256>,
}

impl Bootstrap {
    fn fixed_length(fork: Fork, seats: usize) -> usize {
        LightClientHeader::fixed_size(fork).unwrap_or(4)
            + SyncCommittee::encoded_length(seats)
            + 32 * fork.current_committee().depth
    }

    /// Reads the SSZ of a bootstrap in the shape of `fork`.
    ///
    /// # Errors
    /// Not the canonical encoding of one.
    pub fn decode(network: &Network, fork: Fork, bytes: &[u8]) -> Result<Self, SszFault> {
        let seats = network.preset.committee_size;
        let inline = LightClientHeader::fixed_size(fork);
        let (what, length) = ("light client bootstrap", Self::fixed_length(fork, seats));
        let mut reader = match inline {
            Some(_) => Reader::fixed(what, bytes, length)?,
            None => Reader::variable(what, bytes, length)?,
        };
        let slot = HeaderSlot::read(&mut reader, inline)?;
        let committee = SyncCommittee::decode(seats, reader.take(SyncCommittee::encoded_length(seats))?)?;
        let branch = reader.hashes(fork.current_committee().depth)?;
        let header = match slot {
            HeaderSlot::Behind(offset) => {
                let [header] = reader.parts([offset])?;
                LightClientHeader::decode(fork, header)?
            }
            here @ HeaderSlot::Here(_) => here.header(fork)?,
        };
        Ok(Self { fork, header, committee, branch })
    }

    /// Writes its SSZ.
    pub fn encode(&self, network: &Network) -> Vec<u8> {
        let header = self.header.encode(self.fork);
        let fixed = Self::fixed_length(self.fork, network.preset.committee_size);
        let inline = LightClientHeader::fixed_size(self.fork).is_some();
        let mut out = Vec::with_capacity(fixed + header.len());
        if inline {
            out.extend_from_slice(&header);
        } else {
            out.extend_from_slice(&(fixed as u32).to_le_bytes());
        }
        self.committee.encode_to(&mut out);
        self.branch.iter().for_each(|node| out.extend_from_slice(node.as_slice()));
        if !inline {
            out.extend_from_slice(&header);
        }
        out
    }
}
