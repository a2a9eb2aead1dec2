#!/usr/bin/env bash
# Proves that each crate of floor 1 needs `core` and `alloc` and nothing else: it is built into a `#![no_std]` static
# library with its own allocator and panic handler, that library is linked into a program without a C library, and the
# program runs. Needs cargo and a C compiler.
#
#   tests/no-std/check.sh            every crate
#   tests/no-std/check.sh core mpt   only these
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

crates=("$@")
[ ${#crates[@]} -gt 0 ] || crates=(core mpt crypto bft-evm fabric bitcoin bls ethereum neo substrate fisco-bcos cometbft)

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-../../target}/no-std
CC=${CC:-cc}
cp ../../Cargo.lock Cargo.lock # the very versions that the project uses
built=$CARGO_TARGET_DIR/release
mkdir -p "$built"

for crate in "${crates[@]}"; do
  cargo build --quiet --release --features "$crate"
  library=$built/libcauseway_no_std.a
  program=$built/no-std-$crate
  # Undefined symbols are errors: no C library, no unwinder.
  "$CC" -O1 -ffreestanding -fno-builtin -fno-stack-protector -fno-tree-loop-distribute-patterns \
    -nostdlib -static -Wl,--gc-sections start.c "$library" -o "$program"
  code=0
  "$program" || code=$?
  [ "$code" -eq 0 ] || { echo "causeway-$crate: linked, but its check number $code fails"; exit 1; }
  # The second proof, independent of the first: no symbol of std is in the program's library (mangled 3std).
  if nm "$library" 2>/dev/null | grep -E '_ZN3std|_R[A-Za-z0-9]*C[a-zA-Z0-9]*_3std'; then
    echo "causeway-$crate: symbols of std"
    exit 1
  fi
  echo "causeway-$crate: linked without std, $(stat -c %s "$program") bytes, runs"
done
