//! What verifiers and proofs are given, kept as seeds for the fuzz targets (`tests/fuzz/run.sh`) where
//! `CAUSEWAY_FUZZ_SEEDS` names a folder: `<folder>/<crate>/<hash of the bytes>`.

use alloy_primitives::keccak256;
use std::{fs, path::PathBuf, sync::OnceLock};

/// What fuzzing still gets through in seconds.
const MAX_BYTES: usize = 1 << 16;

/// Keeps `bytes` for the fuzz targets of `light-clients/<of>`; does nothing unless asked to.
pub fn keep(of: &str, bytes: &[u8]) {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| std::env::var_os("CAUSEWAY_FUZZ_SEEDS").map(PathBuf::from));
    if let Some(folder) = folder.as_ref().filter(|_| bytes.len() <= MAX_BYTES) {
        let folder = folder.join(of);
        let name = hex::encode(&keccak256(bytes)[..8]);
        // The fuzzer says how many it was given: one that can not be written is missed there.
        let _ = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(name), bytes));
    }
}
