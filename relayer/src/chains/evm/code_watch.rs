//! Watches the vault's code: what it runs may change only by the organisations' decision, and a relayer that did not hear
//! of it must not go on as if nothing had happened (ATK-009).
//!
//! Read under verified state roots, so that a node can neither hide a change nor make one up: the hash of the proxy's
//! code, its implementation slot, and the hashes of the code of the implementation and of the module that it delegates
//! to. The module's address is part of the implementation's code.

use super::{
    abi::IVault,
    contract::view,
    deploy::code::{IMPLEMENTATION, combine},
    endpoint::Pool,
    proofs::nodes,
};
use crate::lane::error::{Error, Kind, Result};
use alloy::primitives::{Address, B256};
use causeway_bft_evm::proof::{StateProofFault, account_of, word_of};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{sync::watch, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Block times between two looks: a look costs four proofs.
const LOOK_BLOCKS: u32 = 30;
/// Shortest time between two looks.
const LOOK_MIN: Duration = Duration::from_secs(5);

/// A verified state: height and root.
pub type Root = (u64, B256);

/// Set once the code was seen to change.
#[derive(Clone, Debug, Default)]
pub struct CodeAlarm(Arc<OnceLock<String>>);

impl CodeAlarm {
    /// Refuses to go on after a change.
    ///
    /// # Errors
    /// `VaultCodeChanged`.
    pub fn check(&self) -> Result<()> {
        match self.0.get() {
            None => Ok(()),
            Some(detail) => Err(Error::stop_lane(Kind::VaultCodeChanged, detail.clone())),
        }
    }
}

/// Starts to watch `vault`. `agreed` is the hash that the organisations agreed on ([`super::deploy::code::VaultCode`]);
/// without it the first one that is proven counts.
pub fn start(
    pool: Arc<Pool>,
    vault: Address,
    agreed: Option<B256>,
    block_time: Duration,
    mut roots: watch::Receiver<Option<Root>>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> CodeAlarm {
    let alarm = CodeAlarm::default();
    let (raised, shutdown) = (alarm.clone(), shutdown.clone());
    let pause = block_time.saturating_mul(LOOK_BLOCKS).max(LOOK_MIN);
    let watch = async move {
        let mut expected = agreed;
        loop {
            let Ok(root) = roots.wait_for(Option::is_some).await.map(|root| *root) else { return };
            let Some((height, root)) = root else { continue };
            match look(&pool, vault, height, root).await {
                Ok(found) if *expected.get_or_insert(found) == found => {}
                Ok(found) => {
                    let expected = expected.unwrap_or_default();
                    let detail = format!("vault {vault} at block {height}: expected code {expected}, found {found}");
                    tracing::error!(chain = %pool.chain(), detail, "the vault's code changed");
                    let _ = raised.0.set(detail);
                    return;
                }
                Err(error) => {
                    tracing::debug!(chain = %pool.chain(), %error, "the vault's code cannot be read now");
                    // Soon again: until the first look the code is unknown.
                    if roots.changed().await.is_err() {
                        return;
                    }
                    continue;
                }
            }
            sleep(pause).await;
        }
    };
    tasks.spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = watch => {}
        }
    });
    alarm
}

/// The hash over the vault's code, proven under `root`.
async fn look(pool: &Pool, vault: Address, height: u64, root: B256) -> Result<B256> {
    let lie = |fault: StateProofFault| {
        let detail = fault.to_string();
        // Nothing stands there, proven: the vault is not deployed yet, or is no vault. A root of nothing at all is that of
        // the verified header, not the node's: a chain without genesis accounts begins so.
        if matches!(fault, StateProofFault::NoAccount(_) | StateProofFault::RootUnknown(_)) {
            return Error::retry(Kind::NotAvailableYet, detail);
        }
        pool.lied(height, &detail);
        Error::retry(Kind::NodeLied, detail)
    };
    let answer = nodes(pool, vault, &[IMPLEMENTATION], height).await?;
    let proxy = account_of(&root, vault, &answer.account_proof).map_err(lie)?;
    let slot = answer.storage_proof.first().map_or(&[][..], |slot| &slot.proof);
    let word = word_of(&proxy, &IMPLEMENTATION, slot).map_err(lie)?;
    let implementation = Address::from_word(word);
    // A node's word: another address than the one in the implementation's code gives another hash.
    let admin = view(pool, vault, &IVault::adminCall {}).await?;
    let mut hashes = [B256::ZERO; 2];
    for (hash, address) in hashes.iter_mut().zip([implementation, admin]) {
        let answer = nodes(pool, address, &[], height).await?;
        *hash = account_of(&root, address, &answer.account_proof).map_err(lie)?.code_hash;
    }
    Ok(combine(proxy.code_hash, [(implementation, hashes[0]), (admin, hashes[1])]))
}
