//! The beacon API's JSON as the client's types.

use alloy_primitives::{Address, B256, Bloom, U256};
use causeway_ethereum::{
    BeaconHeader, Bits, Bootstrap, ExecutionHeader, Finality, Fork, LightClientHeader, Network, NextCommittee,
    SyncAggregate, SyncCommittee, Update,
};
use serde_json::Value;

use super::network::number;
use crate::json::{array, byte_list, bytes, bytes_of, field, hash};

fn num(value: &Value, name: &str) -> Result<u64, String> {
    number(field(value, name)?).ok_or_else(|| format!("{name} is no number"))
}

/// The content of `{version, data}`, or the value itself.
pub fn data(value: &Value) -> &Value {
    value.get("data").unwrap_or(value)
}

/// A beacon header.
pub fn beacon(value: &Value) -> Result<BeaconHeader, String> {
    Ok(BeaconHeader {
        slot: num(value, "slot")?,
        proposer_index: num(value, "proposer_index")?,
        parent_root: hash(value, "parent_root")?,
        state_root: hash(value, "state_root")?,
        body_root: hash(value, "body_root")?,
    })
}

/// A payload's header.
pub fn execution(value: &Value) -> Result<ExecutionHeader, String> {
    let optional = |name: &str| value.get(name).map_or(Ok(0), |_| num(value, name));
    let fee = field(value, "base_fee_per_gas")?;
    let fee = match fee.as_str() {
        Some(text) if text.starts_with("0x") => {
            U256::try_from_be_slice(&bytes_of(fee)?).ok_or("base fee beyond 256 bits")?
        }
        Some(text) => text.parse().map_err(|_| "base fee is no number")?,
        None => U256::from(fee.as_u64().ok_or("base fee is no number")?),
    };
    Ok(ExecutionHeader {
        parent_hash: hash(value, "parent_hash")?,
        fee_recipient: Address::try_from(bytes(value, "fee_recipient")?.as_slice()).map_err(|_| "no address")?,
        state_root: hash(value, "state_root")?,
        receipts_root: hash(value, "receipts_root")?,
        logs_bloom: Bloom::new(bytes(value, "logs_bloom")?.try_into().map_err(|_| "no bloom")?),
        prev_randao: hash(value, "prev_randao")?,
        block_number: num(value, "block_number")?,
        gas_limit: num(value, "gas_limit")?,
        gas_used: num(value, "gas_used")?,
        timestamp: num(value, "timestamp")?,
        extra_data: bytes(value, "extra_data")?,
        base_fee_per_gas: fee,
        block_hash: hash(value, "block_hash")?,
        transactions_root: hash(value, "transactions_root")?,
        withdrawals_root: hash(value, "withdrawals_root")?,
        blob_gas_used: optional("blob_gas_used")?,
        excess_blob_gas: optional("excess_blob_gas")?,
    })
}

fn hashes(value: &Value) -> Result<Vec<B256>, String> {
    let items = value.as_array().ok_or("no list of hashes")?;
    let one = |item: &Value| B256::try_from(bytes_of(item)?.as_slice()).map_err(|_| "no hash".to_owned());
    items.iter().map(one).collect()
}

/// A light client header, or a bare beacon header as before Capella.
pub fn header(value: &Value) -> Result<LightClientHeader, String> {
    let Some(inner) = value.get("beacon") else {
        return Ok(LightClientHeader { beacon: beacon(value)?, ..LightClientHeader::default() });
    };
    let mut header = LightClientHeader { beacon: beacon(inner)?, ..LightClientHeader::default() };
    if let Some(payload) = value.get("execution").filter(|payload| !payload.is_null()) {
        // Some tools write the fork's name around it.
        let payload = payload
            .as_object()
            .filter(|fields| fields.len() == 1)
            .and_then(|fields| fields.values().next())
            .unwrap_or(payload);
        header.execution = Box::new(execution(payload)?);
        let branch = hashes(field(value, "execution_branch")?)?;
        header.execution_branch = branch.try_into().map_err(|_| "execution branch of another length")?;
    }
    Ok(header)
}

/// A committee.
pub fn committee(value: &Value) -> Result<SyncCommittee, String> {
    let key = |bytes: Vec<u8>| bytes.try_into().map_err(|_| "no key".to_owned());
    let pubkeys = byte_list(value, "pubkeys")?.into_iter().map(key).collect::<Result<_, _>>()?;
    Ok(SyncCommittee { pubkeys, aggregate_pubkey: key(bytes(value, "aggregate_pubkey")?)? })
}

fn aggregate(value: &Value) -> Result<SyncAggregate, String> {
    let signature = bytes(value, "sync_committee_signature")?.try_into().map_err(|_| "no signature")?;
    Ok(SyncAggregate { bits: Bits::new(bytes(value, "sync_committee_bits")?), signature })
}

/// A part with its branch: in a field of its own, or as a pair `[part, branch]`.
fn with_branch<'a>(value: &'a Value, name: &str, branch: &str) -> Result<Option<(&'a Value, Vec<B256>)>, String> {
    let Some(part) = value.get(name).filter(|part| !part.is_null()) else { return Ok(None) };
    match part.as_array().map(Vec::as_slice) {
        Some([part, branch]) => Ok(Some((part, hashes(branch)?))),
        Some(_) => Err(format!("{name} is no pair")),
        None => match value.get(branch).filter(|branch| !branch.is_null()) {
            Some(branch) => Ok(Some((part, hashes(branch)?))),
            None => Ok(None),
        },
    }
}

/// An update of any kind.
pub fn update(network: &Network, value: &Value) -> Result<Update, String> {
    let value = data(value);
    let attested = header(field(value, "attested_header")?)?;
    let fork = network.fork_at_slot(attested.beacon.slot).ok_or("before Altair")?;
    let zero = |branch: &[B256]| branch.iter().all(B256::is_zero);
    let next = with_branch(value, "next_sync_committee", "next_sync_committee_branch")?;
    let next = next.filter(|(_, branch)| !zero(branch));
    let next = next.map(|(part, branch)| Ok::<_, String>(NextCommittee { committee: committee(part)?, branch }));
    let finality = with_branch(value, "finalized_header", "finality_branch")?;
    let finality = finality.filter(|(_, branch)| !zero(branch));
    let finality = finality.map(|(part, branch)| Ok::<_, String>(Finality { header: header(part)?, branch }));
    Ok(Update {
        fork,
        attested,
        next: next.transpose()?,
        finality: finality.transpose()?,
        aggregate: aggregate(field(value, "sync_aggregate")?)?,
        signature_slot: num(value, "signature_slot")?,
    })
}

/// Whether a value looks like an update.
pub fn is_update(value: &Value) -> bool {
    let value = data(value);
    ["attested_header", "sync_aggregate", "signature_slot"].iter().all(|name| value.get(name).is_some())
}

/// Whether a value looks like a bootstrap.
pub fn is_bootstrap(value: &Value) -> bool {
    let value = data(value);
    ["header", "current_sync_committee", "current_sync_committee_branch"].iter().all(|name| value.get(name).is_some())
}

/// A bootstrap.
pub fn bootstrap(network: &Network, value: &Value) -> Result<Bootstrap, String> {
    let value = data(value);
    let header = header(field(value, "header")?)?;
    let fork = network.fork_at_slot(header.beacon.slot).ok_or("before Altair")?;
    Ok(Bootstrap {
        fork,
        header,
        committee: committee(field(value, "current_sync_committee")?)?,
        branch: hashes(field(value, "current_sync_committee_branch")?)?,
    })
}

/// A list of hashes in a field.
pub fn branch(value: &Value, name: &str) -> Result<Vec<B256>, String> {
    array(value, name).and_then(|_| hashes(field(value, name)?))
}

/// The fork that `{version, data}` names.
pub fn version(value: &Value) -> Option<Fork> {
    let name = value.get("version")?.as_str()?;
    Fork::ALL.into_iter().find(|fork| fork.name() == name)
}
