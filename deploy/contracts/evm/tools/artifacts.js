#!/usr/bin/env node
// Writes one minimal JSON per contract from forge's output: what deploys and talks to it, and nothing that differs from
// one machine or build to the next.
"use strict";
const fs = require("fs");
const path = require("path");

const CONTRACTS = [
  "src/Vault.sol:Vault",
  "src/VaultAdmin.sol:VaultAdmin",
  "src/VaultSwaps.sol:VaultSwaps",
  "src/Outbox.sol:Outbox",
  "src/BftEvmClient.sol:BftEvmClient",
  "src/Council.sol:Council",
  "src/VoucherFactory.sol:VoucherFactory",
  "src/VoucherERC20.sol:VoucherERC20",
  "src/VoucherERC721.sol:VoucherERC721",
  "node_modules/@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol:ERC1967Proxy",
  "mocks/TestERC20.sol:TestERC20",
  "mocks/TestERC721.sol:TestERC721",
  "mocks/HostileERC20.sol:HostileERC20",
  "mocks/HostileERC721.sol:HostileERC721",
];

const [out, target] = process.argv.slice(2);
fs.rmSync(target, { recursive: true, force: true });
fs.mkdirSync(target, { recursive: true });
for (const id of CONTRACTS) {
  const [source, name] = id.split(":");
  const built = JSON.parse(fs.readFileSync(path.join(out, path.basename(source), `${name}.json`), "utf8"));
  // Positions of immutables in the deployed code: a code hash is compared with these bytes zeroed. The compiler keys
  // them by node ids, which say nothing.
  const immutables = Object.values(built.deployedBytecode.immutableReferences || {})
    .flat()
    .map(({ start, length }) => ({ start, length }))
    .sort((a, b) => a.start - b.start);
  const storage = built.storageLayout.storage.map(({ label, slot, offset, type }) => ({
    label,
    slot,
    offset,
    type: type.replace(/\)\d+_/g, ")_"),
  }));
  const artifact = {
    contractName: name,
    sourceName: source.replace("node_modules/", ""),
    abi: built.abi,
    // Signature to selector.
    methods: built.methodIdentifiers,
    bytecode: built.bytecode.object,
    deployedBytecode: built.deployedBytecode.object,
    immutables,
    storage,
  };
  fs.writeFileSync(path.join(target, `${name}.json`), JSON.stringify(artifact, null, 1) + "\n");
}
