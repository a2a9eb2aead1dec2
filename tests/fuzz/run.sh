#!/usr/bin/env bash
# Untrusted bytes before every decoder and every `verify`: builds the fuzz targets of all crates, replays what the vectors
# give as seeds, then fuzzes each target for some seconds. A crash, a panic, a hang of 10 s or more than 1 GiB is an error;
# the input that caused it stays in $FUZZ_WORK/<crate>/<target>/crashes.
#
#   tests/fuzz/run.sh              every target, 5 s each
#   FUZZ_SECONDS=600 tests/fuzz/run.sh bft-evm core      these crates, 10 minutes a target
#
# Needs no nightly compiler: the coverage that libFuzzer follows is LLVM's and stable; the address sanitizer, which is not,
# would watch code that is safe Rust already. `cargo +nightly fuzz` works on the same targets for who wants both.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
root=$PWD
seconds=${FUZZ_SECONDS:-5}
work=${FUZZ_WORK:-$root/target/fuzz}
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$work"

crates=("$@")
[ $# -gt 0 ] || for manifest in light-clients/*/fuzz/Cargo.toml; do crates+=("$(basename "$(dirname "$(dirname "$manifest")")")"); done

# What the relayer's own `verify` and proofs are given for each case of the vectors.
seeds=$work/seeds
rm -rf "$seeds" && mkdir -p "$seeds"
CAUSEWAY_FUZZ_SEEDS=$seeds cargo test --locked --quiet -p conformance --test suite >"$work/seeds.log" 2>&1 ||
  { tail -20 "$work/seeds.log"; echo "the vectors are not judged as they should be"; exit 1; }

# For the target alone, not for build scripts: hence `--target`.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=16"

failed=0 count=0
for crate in "${crates[@]}"; do
  folder=light-clients/$crate/fuzz
  targets=$(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' "$folder/Cargo.toml")
  [ -n "$targets" ] || { echo "no fuzz target in $folder"; exit 2; }
  # A crate whose targets read a form of their own writes its seeds itself.
  if [ -f "$folder/seeds.rs" ]; then
    (cd "$folder" && RUSTFLAGS='' CARGO_TARGET_DIR=$work/host cargo run --locked --quiet --bin seeds) || { failed=$((failed + 1)); continue; }
  fi
  # One folder of builds: what the crates share is compiled once. Targets of one name follow one another in it.
  (cd "$folder" && CARGO_TARGET_DIR=$work/build CARGO_INCREMENTAL=0 \
    cargo build --locked --release --quiet $(printf -- '--bin %s ' $targets) --target "$host") || { failed=$((failed + 1)); continue; }
  for target in $targets; do
    count=$((count + 1))
    own=$work/$crate/$target
    mkdir -p "$own/corpus" "$own/crashes" "$seeds/$crate"
    binary=$work/build/$host/release/$target
    log=$own/log
    given=("$seeds/$crate")
    [ -d "$folder/corpus/$target" ] && given=("$folder/corpus/$target")
    if "$binary" "$own/corpus" "${given[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
      -artifact_prefix="$own/crashes/" >"$log" 2>&1; then
      printf 'ok    %-24s %5s seeds  %s\n' "$crate/$target" "$(find "${given[@]}" -type f | wc -l)" "$(grep -oE 'Done [0-9]+ runs in [0-9]+ second' "$log")s"
    else
      failed=$((failed + 1))
      printf 'WRONG %s\n' "$crate/$target"
      tail -25 "$log" | sed 's/^/      /'
    fi
  done
done
echo "$((count - failed)) of $count fuzz targets found nothing, $seconds s each"
[ $failed -eq 0 ]
