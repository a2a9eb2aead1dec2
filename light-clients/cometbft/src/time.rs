//! Block time: `google.protobuf.Timestamp`, to the nanosecond.

use alloc::vec::Vec;
use core::{fmt, time::Duration};

use crate::wire::{Reader, WireFault, put};

const NANOS: u32 = 1_000_000_000;

/// A moment, as seconds and nanoseconds since 1970-01-01T00:00:00Z, from year 1 to year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    seconds: i64,
    nanos: u32,
}

impl Time {
    /// 0001-01-01T00:00:00Z: Go's zero time, which stands where there is none.
    pub const ZERO: Self = Self { seconds: -62_135_596_800, nanos: 0 };
    /// The last moment of year 9999.
    pub const MAX: Self = Self { seconds: 253_402_300_799, nanos: NANOS - 1 };
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self { seconds: 0, nanos: 0 };

    /// A moment from its parts; `None` outside of the years 1 to 9999 or with a billion nanoseconds or more.
    pub const fn new(seconds: i64, nanos: u32) -> Option<Self> {
        if seconds < Self::ZERO.seconds || seconds > Self::MAX.seconds || nanos >= NANOS {
            return None;
        }
        Some(Self { seconds, nanos })
    }

    /// A moment in whole Unix seconds, at most [`Time::MAX`].
    pub const fn from_unix(seconds: u64) -> Self {
        if seconds > Self::MAX.seconds.cast_unsigned() {
            return Self::MAX;
        }
        Self { seconds: seconds.cast_signed(), nanos: 0 }
    }

    /// Seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds beyond them.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// Whole Unix seconds, rounded down; 0 before 1970.
    pub const fn unix(self) -> u64 {
        if self.seconds < 0 { 0 } else { self.seconds.cast_unsigned() }
    }

    /// Later by a duration, at most [`Time::MAX`].
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let nanos = self.nanos + duration.subsec_nanos();
        let carry = (nanos / NANOS) as i64;
        if duration.as_secs() > Self::MAX.seconds.cast_unsigned() * 2 {
            return Self::MAX;
        }
        let seconds = self.seconds + duration.as_secs().cast_signed() + carry;
        match Self::new(seconds, nanos % NANOS) {
            Some(time) => time,
            None => Self::MAX,
        }
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, WireFault> {
        let (mut seconds, mut nanos) = (0, 0);
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => seconds = value.i64(1)?,
                2 => nanos = value.u32(2, "nanos")?,
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        Self::new(seconds, nanos).ok_or(WireFault::Value("time"))
    }

    pub(crate) fn put(self, out: &mut Vec<u8>) {
        put::i64(out, 1, self.seconds);
        put::u64(out, 2, u64::from(self.nanos));
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}
