#!/usr/bin/env bash
# All checks of the contracts, as CI runs them: artefacts, tests, gas.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --silent
./check.sh
forge="$(ls node_modules/@foundry-rs/forge-*/bin/forge | head -1)"
"$forge" fmt --check src mocks test
"$forge" test --no-match-contract GasTest
./gas.sh
