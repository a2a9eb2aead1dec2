//! The consensus layer's containers, Altair to Fulu (consensus-specs v1.6.1), as far as a file holds them whole.

use causeway_ethereum::Fork;

use super::ssz::Type::{self, BitList, BitVector, ByteList, Bytes, Container, List, Number, Vector};

/// Constants of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Whether it is `minimal`.
    pub minimal: bool,
}

impl Sizes {
    const fn pick(self, mainnet: usize, minimal: usize) -> usize {
        if self.minimal { minimal } else { mainnet }
    }

    const fn seats(self) -> usize {
        self.pick(512, 32)
    }

    const fn slots_per_epoch(self) -> usize {
        self.pick(32, 8)
    }

    const fn committees(self) -> usize {
        self.pick(64, 4)
    }
}

const U64: Type = Number(8);
const ROOT: Type = Bytes(32);
const KEY: Type = Bytes(48);
const SIGNATURE: Type = Bytes(96);
const ADDRESS: Type = Bytes(20);
const VALIDATORS: usize = 1 << 40;

fn list(element: Type, limit: usize) -> Type {
    List(Box::new(element), limit)
}

fn vector(element: Type, count: usize) -> Type {
    Vector(Box::new(element), count)
}

fn signed(message: Type) -> Type {
    Container(vec![("message", message), ("signature", SIGNATURE)])
}

fn checkpoint() -> Type {
    Container(vec![("epoch", U64), ("root", ROOT)])
}

fn beacon_header() -> Type {
    Container(vec![
        ("slot", U64),
        ("proposer_index", U64),
        ("parent_root", ROOT),
        ("state_root", ROOT),
        ("body_root", ROOT),
    ])
}

fn eth1_data() -> Type {
    Container(vec![("deposit_root", ROOT), ("deposit_count", U64), ("block_hash", ROOT)])
}

fn committee(sizes: Sizes) -> Type {
    Container(vec![("pubkeys", vector(KEY, sizes.seats())), ("aggregate_pubkey", KEY)])
}

fn payload(sizes: Sizes, fork: Fork, header: bool) -> Type {
    let mut fields = vec![
        ("parent_hash", ROOT),
        ("fee_recipient", ADDRESS),
        ("state_root", ROOT),
        ("receipts_root", ROOT),
        ("logs_bloom", Bytes(256)),
        ("prev_randao", ROOT),
        ("block_number", U64),
        ("gas_limit", U64),
        ("gas_used", U64),
        ("timestamp", U64),
        ("extra_data", ByteList(32)),
        ("base_fee_per_gas", Number(32)),
        ("block_hash", ROOT),
    ];
    if header {
        fields.push(("transactions_root", ROOT));
    } else {
        fields.push(("transactions", list(ByteList(1 << 30), 1 << 20)));
    }
    if fork >= Fork::Capella {
        let withdrawal =
            Container(vec![("index", U64), ("validator_index", U64), ("address", ADDRESS), ("amount", U64)]);
        fields.push(if header {
            ("withdrawals_root", ROOT)
        } else {
            ("withdrawals", list(withdrawal, sizes.pick(16, 4)))
        });
    }
    if fork >= Fork::Deneb {
        fields.extend([("blob_gas_used", U64), ("excess_blob_gas", U64)]);
    }
    Container(fields)
}

fn attestation_data() -> Type {
    Container(vec![
        ("slot", U64),
        ("index", U64),
        ("beacon_block_root", ROOT),
        ("source", checkpoint()),
        ("target", checkpoint()),
    ])
}

/// `BeaconBlockBody`.
pub fn body(sizes: Sizes, fork: Fork) -> Type {
    let electra = fork >= Fork::Electra;
    let attesters = 2048 * if electra { sizes.committees() } else { 1 };
    let mut attestation =
        vec![("aggregation_bits", BitList(attesters)), ("data", attestation_data()), ("signature", SIGNATURE)];
    if electra {
        attestation.push(("committee_bits", BitVector(sizes.committees())));
    }
    let indexed = || {
        Container(vec![
            ("attesting_indices", list(U64, attesters)),
            ("data", attestation_data()),
            ("signature", SIGNATURE),
        ])
    };
    let deposit_data = [("pubkey", KEY), ("withdrawal_credentials", ROOT), ("amount", U64), ("signature", SIGNATURE)];
    let header = || signed(beacon_header());
    let mut fields = vec![
        ("randao_reveal", SIGNATURE),
        ("eth1_data", eth1_data()),
        ("graffiti", ROOT),
        ("proposer_slashings", list(Container(vec![("signed_header_1", header()), ("signed_header_2", header())]), 16)),
        (
            "attester_slashings",
            list(
                Container(vec![("attestation_1", indexed()), ("attestation_2", indexed())]),
                if electra { 1 } else { 2 },
            ),
        ),
        ("attestations", list(Container(attestation), if electra { 8 } else { 128 })),
        (
            "deposits",
            list(Container(vec![("proof", vector(ROOT, 33)), ("data", Container(deposit_data.to_vec()))]), 16),
        ),
        ("voluntary_exits", list(signed(Container(vec![("epoch", U64), ("validator_index", U64)])), 16)),
        (
            "sync_aggregate",
            Container(vec![("sync_committee_bits", BitVector(sizes.seats())), ("sync_committee_signature", SIGNATURE)]),
        ),
    ];
    if fork >= Fork::Bellatrix {
        fields.push(("execution_payload", payload(sizes, fork, false)));
    }
    if fork >= Fork::Capella {
        let change =
            Container(vec![("validator_index", U64), ("from_bls_pubkey", KEY), ("to_execution_address", ADDRESS)]);
        fields.push(("bls_to_execution_changes", list(signed(change), 16)));
    }
    if fork >= Fork::Deneb {
        fields.push(("blob_kzg_commitments", list(KEY, BLOB_COMMITMENTS)));
    }
    if electra {
        fields.push(("execution_requests", requests(&deposit_data)));
    }
    Container(fields)
}

/// `MAX_BLOB_COMMITMENTS_PER_BLOCK`, since v1.5 the same in both presets.
const BLOB_COMMITMENTS: usize = 4096;

fn requests(deposit_data: &[(&'static str, Type)]) -> Type {
    let deposit = [deposit_data, &[("index", U64)]].concat();
    let withdrawal = Container(vec![("source_address", ADDRESS), ("validator_pubkey", KEY), ("amount", U64)]);
    let consolidation = Container(vec![("source_address", ADDRESS), ("source_pubkey", KEY), ("target_pubkey", KEY)]);
    Container(vec![
        ("deposits", list(Container(deposit), 8192)),
        ("withdrawals", list(withdrawal, 16)),
        ("consolidations", list(consolidation, 2)),
    ])
}

/// `SignedBeaconBlock`.
pub fn block(sizes: Sizes, fork: Fork) -> Type {
    signed(Container(vec![
        ("slot", U64),
        ("proposer_index", U64),
        ("parent_root", ROOT),
        ("state_root", ROOT),
        ("body", body(sizes, fork)),
    ]))
}

/// `BeaconState`.
pub fn state(sizes: Sizes, fork: Fork) -> Type {
    let validator = Container(vec![
        ("pubkey", KEY),
        ("withdrawal_credentials", ROOT),
        ("effective_balance", U64),
        ("slashed", Number(1)),
        ("activation_eligibility_epoch", U64),
        ("activation_epoch", U64),
        ("exit_epoch", U64),
        ("withdrawable_epoch", U64),
    ]);
    let version = Container(vec![("previous_version", Bytes(4)), ("current_version", Bytes(4)), ("epoch", U64)]);
    let history = sizes.pick(8192, 64);
    let mut fields = vec![
        ("genesis_time", U64),
        ("genesis_validators_root", ROOT),
        ("slot", U64),
        ("fork", version),
        ("latest_block_header", beacon_header()),
        ("block_roots", vector(ROOT, history)),
        ("state_roots", vector(ROOT, history)),
        ("historical_roots", list(ROOT, 1 << 24)),
        ("eth1_data", eth1_data()),
        ("eth1_data_votes", list(eth1_data(), sizes.pick(64, 4) * sizes.slots_per_epoch())),
        ("eth1_deposit_index", U64),
        ("validators", list(validator, VALIDATORS)),
        ("balances", list(U64, VALIDATORS)),
        ("randao_mixes", vector(ROOT, sizes.pick(65536, 64))),
        ("slashings", vector(U64, sizes.pick(8192, 64))),
        ("previous_epoch_participation", list(Number(1), VALIDATORS)),
        ("current_epoch_participation", list(Number(1), VALIDATORS)),
        ("justification_bits", BitVector(4)),
        ("previous_justified_checkpoint", checkpoint()),
        ("current_justified_checkpoint", checkpoint()),
        ("finalized_checkpoint", checkpoint()),
        ("inactivity_scores", list(U64, VALIDATORS)),
        ("current_sync_committee", committee(sizes)),
        ("next_sync_committee", committee(sizes)),
    ];
    if fork >= Fork::Bellatrix {
        fields.push(("latest_execution_payload_header", payload(sizes, fork, true)));
    }
    if fork >= Fork::Capella {
        let summary = Container(vec![("block_summary_root", ROOT), ("state_summary_root", ROOT)]);
        fields.extend([
            ("next_withdrawal_index", U64),
            ("next_withdrawal_validator_index", U64),
            ("historical_summaries", list(summary, 1 << 24)),
        ]);
    }
    if fork >= Fork::Electra {
        let deposit = Container(vec![
            ("pubkey", KEY),
            ("withdrawal_credentials", ROOT),
            ("amount", U64),
            ("signature", SIGNATURE),
            ("slot", U64),
        ]);
        let withdrawal = Container(vec![("validator_index", U64), ("amount", U64), ("withdrawable_epoch", U64)]);
        let consolidation = Container(vec![("source_index", U64), ("target_index", U64)]);
        fields.extend([
            ("deposit_requests_start_index", U64),
            ("deposit_balance_to_consume", U64),
            ("exit_balance_to_consume", U64),
            ("earliest_exit_epoch", U64),
            ("consolidation_balance_to_consume", U64),
            ("earliest_consolidation_epoch", U64),
            ("pending_deposits", list(deposit, 1 << 27)),
            ("pending_partial_withdrawals", list(withdrawal, sizes.pick(1 << 27, 64))),
            ("pending_consolidations", list(consolidation, sizes.pick(1 << 18, 64))),
        ]);
    }
    if fork >= Fork::Fulu {
        fields.push(("proposer_lookahead", vector(U64, 2 * sizes.slots_per_epoch())));
    }
    Container(fields)
}
