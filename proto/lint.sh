#!/bin/sh
# Lints the .proto files with buf, and checks their format. Needs npm; installs the pinned buf beside this file once.
set -eu
cd "$(dirname "$0")"
if [ ! -x node_modules/.bin/buf ]; then
    # Not `npm ci`: it wants every platform's build in the lock file, and some are served for some platforms only.
    npm install --no-save --no-audit --no-fund >&2
fi
node_modules/.bin/buf lint
node_modules/.bin/buf format --diff --exit-code
