//! The reference page, written from the definitions: what the help texts say is what the page says.

use super::{chain, group::Definition, lane, peer, process};
use std::fmt::Write as _;

/// Groups in the page's order, each with its title.
pub const GROUPS: &[(&str, &[Definition])] = &[
    ("Lanes", lane::LaneFamilies::DEFINITIONS),
    ("Light clients", lane::ClientFamilies::DEFINITIONS),
    ("Assets", lane::AssetFamilies::DEFINITIONS),
    ("Swaps", lane::SwapFamilies::DEFINITIONS),
    ("Chains", chain::ChainFamilies::DEFINITIONS),
    ("Endpoints", chain::EndpointFamilies::DEFINITIONS),
    ("Signers", chain::SignerFamilies::DEFINITIONS),
    ("Peers", peer::PeerFamilies::DEFINITIONS),
    ("Listeners", peer::ListenerFamilies::DEFINITIONS),
    ("Certificates", peer::CertificateFamilies::DEFINITIONS),
    ("Tasks", process::TaskFamilies::DEFINITIONS),
    ("Process", process::ProcessFamilies::DEFINITIONS),
    ("Build", process::BuildFamilies::DEFINITIONS),
];

/// The page `docs/metrics.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\nServed as Prometheus text on `/metrics` of the metrics listener (loopback by default). Labels hold \
         configured names only: no\naddress, amount or URL. Beside these, Linux' `process_*` metrics (CPU, memory, files, \
         start time) are served.\n\nThis page is written from the definitions in `relayer/src/metrics`; a test compares.\n",
    );
    for (title, definitions) in GROUPS {
        let labels = definitions.first().map_or(&[][..], |d| d.labels);
        let _ = writeln!(page, "\n## {title}\n");
        if !labels.is_empty() {
            let _ = writeln!(page, "Labels: `{}`.\n", labels.join("`, `"));
        }
        page.push_str("| metric | type | adds label | meaning |\n|---|---|---|---|\n");
        for d in *definitions {
            let extra = d.extra.map_or_else(String::new, |e| format!("`{e}`"));
            let _ = writeln!(page, "| `{}` | {} | {extra} | {} |", d.name, d.kind, d.help);
        }
    }
    page
}
