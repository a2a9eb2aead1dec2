#!/usr/bin/env bash
# Measures whole transactions (test/Gas.t.sol) and compares them with gas.json: more than +1 % fails. `gas.sh write` takes
# the figures over, to be done with every change that makes them better, so that the gate stays tight.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf snapshots
"$(ls node_modules/@foundry-rs/forge-*/bin/forge | head -1)" test --isolate --match-contract GasTest >/dev/null
if [ "${1:-}" = write ]; then
    cp snapshots/GasTest.json gas.json
    cat gas.json
    exit
fi
node -e '
  const fs = require("fs");
  const old = JSON.parse(fs.readFileSync("gas.json")), now = JSON.parse(fs.readFileSync("snapshots/GasTest.json"));
  let worse = false;
  for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [a, b] = [Number(old[name]), Number(now[name])];
    const bad = !(b <= a * 1.01);
    worse ||= bad;
    console.log(`${bad ? "WORSE" : "     "} ${name}: ${a} -> ${b}`);
  }
  if (worse) { console.error("gas grew by more than 1 % (or a figure is missing)"); process.exit(1); }'
