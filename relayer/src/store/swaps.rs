//! Records of the exchange service: one value for each swap, opaque here. A call is one commit.

use alloy::primitives::B256;
use redb::{ReadableTable, TableError};

use super::{Store, apply::Write, fault::broken, tables::SWAPS};
use crate::lane::error::Result;

impl Store {
    /// All records.
    ///
    /// # Errors
    /// `Store`.
    pub fn swaps(&self) -> Result<Vec<(B256, Vec<u8>)>> {
        let transaction = self.file.read()?;
        let table = match transaction.open_table(SWAPS) {
            Ok(table) => table,
            // A journal from before there were swaps.
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(broken("cannot open a table", error)),
        };
        let mut all = Vec::new();
        for row in table.iter().map_err(|error| broken("cannot read", error))? {
            let (id, record) = row.map_err(|error| broken("cannot read", error))?;
            all.push((B256::new(id.value()), record.value().to_vec()));
        }
        Ok(all)
    }

    /// Stores records and drops others. Durable when it returns.
    ///
    /// # Errors
    /// `Store`: nothing of it was stored.
    pub fn put_swaps(&self, puts: Vec<(B256, Vec<u8>)>, drops: Vec<B256>) -> Result<()> {
        self.writer.call(Write::Swaps { puts, drops }).map(drop)
    }
}
