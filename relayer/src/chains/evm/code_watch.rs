//! Watches the vault's code: what it runs may change only by the organisations' decision, and a relayer that did not hear
//! of it must not go on as if nothing had happened (ATK-009).
//!
//! Read under verified state roots, so that a node can neither hide a change nor make one up: the hash of the proxy's
//! code, its implementation slot, and the hashes of the code of the implementation and of the module that it delegates
//! to. The module's address is part of the implementation's code, and that of the swaps' module part of this one's.

use super::{
    abi::IVault,
    contract::each,
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
        let mut admin = None;
        loop {
            let Ok(root) = roots.wait_for(Option::is_some).await.map(|root| *root) else { return };
            let Some((height, root)) = root else { continue };
            match look(&pool, vault, (height, root), expected, &mut admin).await {
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

/// The module that an implementation delegates to: part of that implementation's code, so it stays while the code does.
type Admin = Option<(B256, Address)>;

/// The hash over the vault's code, proven under `root`.
async fn look(
    pool: &Pool,
    vault: Address,
    (height, root): Root,
    expected: Option<B256>,
    admin: &mut Admin,
) -> Result<B256> {
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
    let code_hash = async |address: Address| {
        let answer = nodes(pool, address, &[], height).await?;
        Ok::<B256, Error>(account_of(&root, address, &answer.account_proof).map_err(lie)?.code_hash)
    };
    let answer = nodes(pool, vault, &[IMPLEMENTATION], height).await?;
    let proxy = account_of(&root, vault, &answer.account_proof).map_err(lie)?;
    let slot = answer.storage_proof.first().map_or(&[][..], |slot| &slot.proof);
    let word = word_of(&proxy, &IMPLEMENTATION, slot).map_err(lie)?;
    let implementation = Address::from_word(word);
    let implemented = code_hash(implementation).await?;
    let combined = async |module: Address| {
        let modules = code_hash(module).await?;
        Ok::<B256, Error>(combine(proxy.code_hash, [(implementation, implemented), (module, modules)]))
    };
    if let Some((_, module)) = admin.filter(|(of, _)| *of == implemented) {
        return combined(module).await;
    }
    // Nodes name the module: a word, but one of which only the true one gives the hash that was agreed on.
    let (named, all) = each(pool, vault, &IVault::adminCall {}).await?;
    for module in &named {
        match combined(*module).await {
            Ok(found) if expected == Some(found) => {
                *admin = Some((implemented, *module));
                return Ok(found);
            }
            Ok(_) | Err(_) => {}
        }
    }
    // Nobody names one that fits. One node's word raises no alarm: all of them must name the same.
    let agreed = (all || expected.is_none()).then_some(named.as_slice());
    let Some([module]) = agreed else {
        let detail = format!("{}: the nodes do not agree on the module of the vault {vault}", pool.chain());
        return Err(Error::retry(Kind::NotAvailableYet, detail));
    };
    let found = combined(*module).await?;
    if expected.is_none() {
        *admin = Some((implemented, *module));
    }
    Ok(found)
}
