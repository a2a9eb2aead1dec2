//go:build tools

// Package goquorum names the command that build.sh builds; nothing here is compiled into anything else.
package goquorum

import _ "github.com/ethereum/go-ethereum/cmd/geth"
