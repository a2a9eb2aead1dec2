//! Lanes that an operator paused: one id a line in a file of the data folder, so that a restart keeps them paused.

use crate::lane::error::{Error, Kind, Result};
use causeway_core::LaneId;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Paused {
    path: PathBuf,
    lanes: Arc<Mutex<BTreeSet<String>>>,
}

impl Paused {
    /// Reads the file in `folder`; lines that are no lane id are ignored.
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join("paused");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lanes = text.lines().filter_map(|l| l.parse::<LaneId>().ok()).map(|l| l.to_string()).collect();
        Self { path, lanes: Arc::new(Mutex::new(lanes)) }
    }

    /// True if the lane is paused.
    pub(super) fn contains(&self, lane: LaneId) -> bool {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).contains(&lane.to_string())
    }

    /// Notes it durably: written beside and renamed. Blocks.
    pub(super) fn set(&self, lane: LaneId, paused: bool) -> Result<()> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if paused {
            lanes.insert(lane.to_string());
        } else {
            lanes.remove(&lane.to_string());
        }
        let text: String = lanes.iter().map(|l| format!("{l}\n")).collect();
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &self.path))
            .map_err(|e| Error::stop_lane(Kind::Store, format!("the list of paused lanes: {e}")))
    }
}
