#!/usr/bin/env bash
# Compiles the contracts and writes artifacts/ (or the folder given). The set of sources is always the same and nothing is
# taken from a cache: the optimizer's order depends on both.
set -euo pipefail
cd "$(dirname "$0")"
target="${1:-artifacts}"
[ -d node_modules ] || npm ci --silent
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
"$(ls node_modules/@foundry-rs/forge-*/bin/forge | head -1)" build src mocks --force --skip test --out "$tmp/out" --cache-path "$tmp/cache" --quiet
node tools/artifacts.js "$tmp/out" "$target"
node -e '
  const fs = require("fs"), limit = 24576;
  for (const file of fs.readdirSync(process.argv[1])) {
    const a = JSON.parse(fs.readFileSync(`${process.argv[1]}/${file}`));
    const size = (a.deployedBytecode.length - 2) / 2;
    console.log(`${a.contractName.padEnd(16)} ${String(size).padStart(6)} bytes`);
    if (size > limit) { console.error(`${a.contractName} is over the limit of EIP-170 (${limit})`); process.exitCode = 1; }
  }' "$target"
