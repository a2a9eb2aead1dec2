//! The clock of a chain that has none.
//!
//! Blocks of Fabric carry no time, and the timestamps of transactions are their senders' own words. A vault on
//! Fabric decides deadlines by the newest time that a *named* light client on it has proven (protocol §5): a client of
//! another chain whose blocks have consensus time. It never goes back, and nobody who submits can choose it.

use alloy_primitives::B256;
use thiserror::Error;

/// A time that a light client has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The client's name.
    pub client: B256,
    /// The height that it trusts.
    pub height: u64,
    /// The time of that height's state, Unix seconds.
    pub time: u64,
}

/// The chain's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    reading: Reading,
}

/// Why a reading does not move the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClockFault {
    /// It is another client's.
    #[error("the clock is client {expected}, the reading is of {found}")]
    OtherClient {
        /// The clock's client.
        expected: B256,
        /// The reading's.
        found: B256,
    },
    /// It is before the clock's time, or at a height that the clock has passed.
    #[error("the clock shows {time} at height {height}, the reading {found_time} at {found_height}")]
    NonMonotonicTime {
        /// The clock's time.
        time: u64,
        /// The clock's height.
        height: u64,
        /// The reading's time.
        found_time: u64,
        /// The reading's height.
        found_height: u64,
    },
}

impl Clock {
    /// A clock that shows its first reading. Who calls this read it from the named client's trusted state.
    pub const fn new(reading: Reading) -> Self {
        Self { reading }
    }

    /// What it shows, Unix seconds.
    pub const fn time(&self) -> u64 {
        self.reading.time
    }

    /// Whose time it is.
    pub const fn client(&self) -> B256 {
        self.reading.client
    }

    /// The clock moved on by a reading.
    ///
    /// # Errors
    /// The reading is of another client or goes back.
    pub fn advance(&self, reading: Reading) -> Result<Self, ClockFault> {
        let Reading { client, height, time } = self.reading;
        if reading.client != client {
            return Err(ClockFault::OtherClient { expected: client, found: reading.client });
        }
        if reading.height < height || reading.time < time || (reading.height == height && reading.time != time) {
            let (found_time, found_height) = (reading.time, reading.height);
            return Err(ClockFault::NonMonotonicTime { time, height, found_time, found_height });
        }
        Ok(Self { reading })
    }
}
