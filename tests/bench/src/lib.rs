//! Benchmarks. `cargo bench -p causeway-bench` runs those of single parts beside the peers that do the same work: each file
//! in `benches/` says what it measures, from which bytes to which verdict, and how the peer is called. `cargo run --release
//! -p causeway-bench` runs those of whole relayers between chains, and then the others. All write [`results`].

pub mod results;
