#!/usr/bin/env bash
# The suites that take longer than a change may wait for: real nodes, all guards, benchmarks, fuzzing, the demo at length.
# What they measure goes to tests/bench/RESULTS.md; a suite that fails makes the run red, the others run all the same.
#
#   tests/long/run.sh           every step
#   tests/long/run.sh NAME...   only these
#   tests/long/run.sh --list    what there is
#
# FUZZ_SECONDS (600) is the time for each fuzz target.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

declare -A what=(
  [real-chains]="transfers between GoQuorum networks, and one and an embedded chain (Go is needed)"
  [guards]="every guard taken out once: the named test must fail"
  [gas]="gas of sends and deliveries from receipts, under Prague and Paris"
  [bench]="benchmarks of whole relayers and of parts"
  [fuzz]="every fuzz target for FUZZ_SECONDS, from the vectors' bytes on"
  [demo]="the demo with 5,000 transfers"
)
steps=(real-chains guards gas bench fuzz demo)

step_real-chains() { tests/real-chains/run.sh; }

# Runs a suite that is no Rust program, and puts its last lines (those that match $2) into the results file as section $1.
noted() {
  local section=$1 lines=$2 out rc; shift 2
  out=$(mktemp)
  "$@" 2>&1 | tee "$out"; rc=${PIPESTATUS[0]}
  { echo '```'; grep -E "$lines" "$out"; echo '```'; } | cargo run --release --locked --quiet -p causeway-bench -- note "$section" >/dev/null
  rm -f "$out"
  return "$rc"
}

step_guards() { noted "Guards" '^(WRONG|[0-9]+ of [0-9]+ guards)' tests/guards/run.sh; }

step_gas() { cargo run --locked -p causeway-gas; }

step_bench() { cargo run --release --locked -p causeway-bench; }

step_fuzz() { FUZZ_SECONDS=${FUZZ_SECONDS:-600} noted "Fuzzing" '^(ok|WRONG|[0-9]+ of [0-9]+ fuzz)' tests/fuzz/run.sh; }

step_demo() { noted "Demo of 5,000 transfers" '^demo: ' long_demo; }

long_demo() {
  local out; out=$(mktemp)
  cargo run --release --locked -- demo --transfers 5000 --output json >"$out" && node .ci/check-demo.mjs "$out"
  local rc=$?
  cat "$out"; rm -f "$out"
  return "$rc"
}

if [ "${1:-}" = --list ]; then
  for name in "${steps[@]}"; do printf '%-12s %s\n' "$name" "${what[$name]}"; done
  exit 0
fi
for name in "$@"; do
  [ -n "${what[$name]:-}" ] || { echo "no step is called $name; try --list" >&2; exit 2; }
done
[ $# -gt 0 ] && steps=("$@")

red=()
for name in "${steps[@]}"; do
  echo "=== $name: ${what[$name]}"
  begun=$SECONDS
  (set -e; "step_$name") || red+=("$name")
  echo "=== $name: $(((SECONDS - begun) / 60)) min"
done
[ ${#red[@]} -eq 0 ] || { echo "red: ${red[*]}"; exit 1; }
