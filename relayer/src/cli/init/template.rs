//! The commented configuration that `init` writes. Every key that an operator is likely to touch is there, with its
//! default; the rest is in `docs/config.md`.

use super::{ChainPlan, OrganisationPlan, PairPlan, pki::relayer_name};
use crate::config::agreement::mode_name;
use alloy::primitives::Address;

/// One organisation's `causeway.toml`.
pub(super) fn configuration(plan: &PairPlan, own: &OrganisationPlan, other: &OrganisationPlan) -> String {
    let [first, second] = &plan.chains;
    format!(
        r#"# Causeway: {name}'s relayer. `causeway config reference` explains every key, `causeway check` tries all of this.
# Paths are relative to this file's folder. Secrets stand in files of their own, mode 0600, never in here.

organisation = "{name}"
# The journal and the admin socket. The only folder that the relayer writes to.
data_dir = "data"
# This organisation's CA certificate: give this file to the other one.
ca = "tls/ca.crt"

# --- Chains ---------------------------------------------------------------------------------------------------------

{first}
{second}
# --- The other organisation -----------------------------------------------------------------------------------------

# Where this relayer listens for the other one: gRPC under mutual TLS.
[listener]
listen = "{listen}"
certificate = "tls/relayer.crt"    # carries exactly one DNS name: {own_name}
key = "tls/relayer.key"

[[peers]]
organisation = "{peer}"
address = "https://{peer_listen}"
# The one DNS name in its certificate. This is who it is; the address is only where it is.
certificate_name = "{peer_name}"
ca = "tls/{peer}-ca.crt"

# --- How lanes work -------------------------------------------------------------------------------------------------

[lanes]
batch_max_entries = 128            # 1 to 256; 50 to 128 cost the least gas per entry
batch_max_age = "200ms"            # a smaller batch leaves when its oldest entry has waited this long
peer_patience = "30s"              # without progress for this long, this relayer does the other one's work, too

# --- What the operator sees -----------------------------------------------------------------------------------------

# Prometheus /metrics, and the probes /healthz and /readyz. No authentication: keep it on loopback.
[metrics]
listen = "{metrics}"

# The socket for `causeway status`, `lanes`, `entries`, `dead-letters`; inside data_dir, mode 0600.
[admin]
socket = "admin.sock"

[log]
level = "info"                     # or a filter: "info,causeway::lane=debug"
format = "json"                    # or "text"

# Traces over OTLP/gRPC, off unless an endpoint is given.
# [telemetry]
# otlp_endpoint = "http://127.0.0.1:4317"

# --- Bridges --------------------------------------------------------------------------------------------------------
# `causeway deploy` and `causeway bridge join` add a section here:
#
# [bridges.{first_name}-{second_name}]
# agreement = "bridges/{first_name}-{second_name}.json"   # what both organisations agreed on
# fingerprint = "XXXX-XXXX-XXXX-XXXX"     # as two people read it to each other
# side = "{side}"                         # the chain that this organisation stands at, or "both"
# peer = "{peer}"
"#,
        name = own.name,
        first = chain_section(first),
        second = chain_section(second),
        listen = own.listen,
        own_name = relayer_name(&own.name),
        peer = other.name,
        peer_listen = other.listen,
        peer_name = relayer_name(&other.name),
        metrics = own.metrics,
        first_name = first.name,
        second_name = second.name,
        side = if plan.organisations.first().is_some_and(|o| o.name == own.name) { &first.name } else { &second.name },
    )
}

fn chain_section(chain: &ChainPlan) -> String {
    let ws = chain.ws.as_ref().map(|ws| format!(", ws = \"{ws}\"")).unwrap_or_default();
    format!(
        r#"[chains.{name}]
family = "bft-evm"
id = "{id}"
mode = "{mode}"                      # consensus: qbft, ibft2 or ibft1
# Genesis and the header that trust starts from; {origin}.
genesis = "{genesis}"
pinned = {{ height = {height}, hash = "{hash}" }}
trusting_period = "{trusting_period}"         # a client without a new header for this long is dead; the relayer refreshes in time
clock_drift = "15s"                # how far a header's time may lie ahead of this machine's clock
block_time = "{block_time}"
vault = "{vault}"   # `causeway deploy` or `bridge join` writes it
# Nodes, most wanted first, better in several hands: none of them is believed. Labels appear in logs, addresses never.
endpoints = [
    {{ label = "{name}-1", url = "{url}"{ws} }},
]
signer = {{ key_file = "keys/{name}.key" }}
fees = {{ policy = "zero" }}         # or {{ policy = "eip1559", max_fee = 50_000_000_000 }}
"#,
        name = chain.name,
        id = chain.id,
        mode = mode_name(chain.mode),
        origin = chain.origin,
        genesis = chain.genesis,
        height = chain.pinned_height,
        hash = chain.pinned_hash,
        block_time = humantime(chain.block_time),
        trusting_period = humantime_serde::re::humantime::format_duration(chain.trusting_period),
        vault = format_args!("{:#x}", Address::ZERO),
        url = chain.url,
    )
}

/// A duration as the configuration reads it.
fn humantime(duration: std::time::Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
