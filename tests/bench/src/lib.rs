//! Benchmarks beside the peers that do the same work: `cargo bench -p causeway-bench`. Each file in `benches/` says what
//! it measures, from which bytes to which verdict, and how the peer is called.
