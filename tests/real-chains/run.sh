#!/bin/sh
# Builds GoQuorum and the program, then moves assets between two GoQuorum networks and between one and an embedded chain.
#   run.sh [TRANSFERS]    200 if absent
set -eu
cd "$(dirname "$0")/../.."
command -v go >/dev/null || { echo "Go 1.26 or newer is needed to build the nodes: https://go.dev/dl" >&2; exit 2; }
tests/real-chains/goquorum/build.sh
cargo build --release --locked -p causeway -p causeway-real-chains
release=${CARGO_TARGET_DIR:-target}/release
exec "$release/causeway-real-chains" tests/real-chains/goquorum/build/geth "$release/causeway" "${1:-200}"
