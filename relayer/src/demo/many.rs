//! Many bridges between the same two vaults: each with outboxes of its own, so two lanes more for both relayers.

use super::{
    failed,
    harness::Harness,
    network::Network,
    setup::{self, Member, ORGANISATIONS},
    user::User,
};
use crate::{
    chains::evm::artefacts::Artefact,
    cli::{
        deploy::{tell_configuration, write_agreement},
        exit::CliError,
        ground,
    },
    config::{Agreement, Config},
};
use alloy::{
    primitives::{Address, Bytes},
    sol_types::SolValue,
};

/// Bridges that one decision of a council opens.
const OPENED_AT_ONCE: usize = 50;
/// Outboxes deployed before their receipts are waited for.
const DEPLOYED_AT_ONCE: usize = 50;

impl Harness {
    /// Adds `count` bridges without assets to the one that there is. To be called while no relayer runs.
    ///
    /// # Errors
    /// A chain or a disk refuses.
    pub async fn add_bridges(&self, count: usize) -> Result<(), CliError> {
        let config = Config::load(self.config(0))?;
        let first = config.bridges.values().next().ok_or_else(|| failed("the demo", "no bridge stands"))?;
        let base = Agreement::read(&first.agreement)?;
        let outboxes = futures::try_join!(
            outboxes(self.network(0), self.vault(0), count),
            outboxes(self.network(1), self.vault(1), count)
        )?;
        let agreements: Vec<Agreement> = outboxes
            .0
            .into_iter()
            .zip(outboxes.1)
            .enumerate()
            .map(|(at, outboxes)| {
                let mut agreement = Agreement { name: format!("more-{at}"), assets: Vec::new(), ..base.clone() };
                // Outboxes of one vault have one code.
                [agreement.ends[0].outbox.address, agreement.ends[1].outbox.address] = outboxes.into();
                agreement
            })
            .collect();
        let names = [self.network(0).name, self.network(1).name];
        let members = [Member::open(self.config(0), names)?, Member::open(self.config(1), names)?];
        for some in agreements.chunks(OPENED_AT_ONCE) {
            let calls =
                |at| some.iter().map(|agreement| ground::open_call(agreement, at)).collect::<Result<Vec<_>, _>>();
            futures::try_join!(
                setup::decide(&base, &members[0], &members[1], 0, calls(0)?),
                setup::decide(&base, &members[0], &members[1], 1, calls(1)?)
            )?;
        }
        for agreement in &agreements {
            for who in [0, 1] {
                write_agreement(&members[who].config, agreement)?;
                tell_configuration(&members[who].config, agreement, names[who], Some(ORGANISATIONS[1 - who]))?;
            }
        }
        [0, 1].into_iter().try_for_each(|who| Config::load(self.config(who)).map(drop).map_err(CliError::from))
    }
}

async fn outboxes(network: &Network, vault: Address, count: usize) -> Result<Vec<Address>, CliError> {
    let user = User::new(network.provider.clone(), network.chain_id);
    let mut code = Artefact::OUTBOX.read()?.bytecode.to_vec();
    code.extend((vault,).abi_encode_params());
    let code = Bytes::from(code);
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let some = (count - made.len()).min(DEPLOYED_AT_ONCE);
        made.extend(user.create_several(&code, some).await?);
    }
    Ok(made)
}
