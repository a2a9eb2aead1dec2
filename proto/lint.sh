#!/bin/sh
# Lints the .proto files with buf, and checks their format. Needs npm; installs the pinned buf beside this file once.
set -eu
cd "$(dirname "$0")"
if [ ! -x node_modules/.bin/buf ]; then
    npm ci --no-audit --no-fund >&2
fi
node_modules/.bin/buf lint
node_modules/.bin/buf format --diff --exit-code
