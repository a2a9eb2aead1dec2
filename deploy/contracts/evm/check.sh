#!/usr/bin/env bash
# Fails where artifacts/ is not what the sources compile to.
set -euo pipefail
cd "$(dirname "$0")"
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
./build.sh "$tmp/artifacts" >/dev/null
if ! diff -rq artifacts "$tmp/artifacts"; then
    echo "artifacts/ differs from the sources: run build.sh and commit" >&2
    exit 1
fi
echo "artifacts/ is what the sources compile to"
