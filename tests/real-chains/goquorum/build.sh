#!/bin/sh
# Builds GoQuorum 2.7.0 (IBFT 1) from Go modules into build/geth. Needs Go, a C compiler and a module proxy; go.sum pins every byte.
#   build.sh [--tidy]     --tidy: writes go.mod and go.sum anew (after a change of the pins)
set -eu
cd "$(dirname "$0")"
export GOFLAGS=-mod=readonly GOWORK=off
if [ ! -f build/secp256k1/go.mod ]; then
    # The node's module lacks this folder (C sources in it are not Go packages): upstream's of the release it forked from.
    dir=$(cd / && GOFLAGS= go mod download -json github.com/ethereum/go-ethereum@v1.9.7 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    [ -d "$dir/crypto/secp256k1" ] || { echo "go-ethereum v1.9.7 has no crypto/secp256k1 in '$dir'" >&2; exit 1; }
    rm -rf build/secp256k1 && mkdir -p build && cp -r "$dir/crypto/secp256k1" build/secp256k1 && chmod -R u+w build/secp256k1
    printf 'module github.com/ethereum/go-ethereum/crypto/secp256k1\n\ngo 1.18\n' > build/secp256k1/go.mod
fi
if [ "${1:-}" = --tidy ]; then GOFLAGS=-mod=mod go mod tidy -e; fi
go build -p 2 -ldflags=-checklinkname=0 -o build/geth github.com/ethereum/go-ethereum/cmd/geth
build/geth version | sed -n '1,4p'
