//! Who calls, and what that caller may do. A caller shows a certificate or a bearer token; no field of a message names it.
//! Tokens are known by their SHA-256 alone. Every method has one scope; what has none is refused (ATK-097).

use super::refused::Refused;
use crate::{
    api::config::{ApiConfig, Scope},
    lane::error::{Error, Kind, Result},
    peers::accept::Caller,
};
use alloy::primitives::B256;
use causeway_core::AccountId;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request};

/// Callers of one relayer.
const CALLERS_MAX: usize = 10_000;
/// Accounts of one caller.
const ACCOUNTS_MAX: usize = 10_000;
/// Largest file of tokens, bytes.
const FILE_MAX: u64 = 16 << 20;
/// Longest token.
const TOKEN_MAX: usize = 512;
/// How often the file of tokens is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// A caller.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) organisation: Arc<str>,
    scopes: Vec<Scope>,
    accounts: HashSet<AccountId>,
    /// The same of EVM chains, by chain id and word, to find out at a glance.
    words: HashSet<(u64, B256)>,
}

impl Principal {
    pub(crate) fn owns(&self, account: &AccountId) -> bool {
        self.accounts.contains(account)
    }

    /// The same by chain id and account word.
    pub(crate) fn owns_word(&self, chain_id: u64, word: B256) -> bool {
        self.words.contains(&(chain_id, word))
    }

    /// # Errors
    /// `PERMISSION_DENIED` for an account of somebody else.
    pub(crate) fn must_own(&self, field: &str, account: &AccountId) -> Result<(), Refused> {
        if self.owns(account) {
            return Ok(());
        }
        let detail = format!("{field}: {account} is no account of the caller");
        Err(Refused::new(Code::PermissionDenied, "FOREIGN_ACCOUNT", detail)
            .with("field", field)
            .with("account", account))
    }

    /// # Errors
    /// `PERMISSION_DENIED` with none of these scopes.
    pub(crate) fn must_any(&self, scopes: [Scope; 2]) -> Result<(), Refused> {
        self.must(scopes[0]).or_else(|_| self.must(scopes[1]))
    }

    /// # Errors
    /// `PERMISSION_DENIED` without the scope.
    pub(crate) fn must(&self, scope: Scope) -> Result<(), Refused> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let scope = format!("{scope:?}").to_lowercase();
        let detail = format!("the caller has no scope `{scope}`");
        Err(Refused::new(Code::PermissionDenied, "MISSING_SCOPE", detail).with("scope", scope))
    }
}

/// One `[[token]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    sha256: String,
    organisation: String,
    scopes: Vec<Scope>,
    accounts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    #[serde(default)]
    token: Vec<TokenEntry>,
}

type Tokens = HashMap<[u8; 32], Arc<Principal>>;

/// All callers.
pub(crate) struct Callers {
    /// By organisation of the certificate.
    certificates: HashMap<Arc<str>, Arc<Principal>>,
    tokens: RwLock<Arc<Tokens>>,
    file: Option<PathBuf>,
}

impl Callers {
    /// # Errors
    /// `InvalidConfig`: an account that is none, or a file that cannot be used.
    pub(crate) fn load(config: &ApiConfig) -> Result<Self> {
        let mut certificates = HashMap::new();
        for caller in &config.callers {
            let principal = principal(&caller.organisation, &caller.scopes, &caller.accounts)?;
            certificates.insert(Arc::from(caller.organisation.as_str()), principal);
        }
        let tokens = config.tokens.as_deref().map(read).transpose()?.unwrap_or_default();
        Ok(Self { certificates, tokens: RwLock::new(Arc::new(tokens)), file: config.tokens.clone() })
    }

    /// The caller of a request.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`: neither a known certificate nor a known token.
    pub(crate) fn of<T>(&self, request: &Request<T>) -> Result<Arc<Principal>, Refused> {
        let nobody = |why: &str| Refused::new(Code::Unauthenticated, "UNAUTHENTICATED", why);
        let organisation = request.extensions().get::<Caller>().and_then(|caller| caller.organisation.as_ref());
        if let Some(organisation) = organisation {
            return self.certificates.get(&organisation.name).cloned().ok_or_else(|| nobody("not a known certificate"));
        }
        let header = request.metadata().get("authorization").ok_or_else(|| nobody("no certificate and no token"))?;
        let token = header.to_str().ok().and_then(|text| text.split_once(' '));
        let token = token.filter(|(kind, token)| kind.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_MAX);
        let (_, token) = token.ok_or_else(|| nobody("authorization: expected `Bearer` and a token"))?;
        // Looked up by its hash: the time that takes tells nothing of the tokens that are known.
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone();
        tokens.get(&hash).cloned().ok_or_else(|| nobody("not a known token"))
    }

    /// Reads the file of tokens again whenever it changed, until `shutdown`. A file that cannot be used changes nothing.
    pub(crate) async fn watch(self: Arc<Self>, shutdown: CancellationToken) {
        let Some(file) = self.file.clone() else { return };
        let stamp = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let mut seen = stamp(&file);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let now = stamp(&file);
            if now == seen {
                continue;
            }
            match read(&file) {
                Ok(tokens) => {
                    *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
                    seen = now;
                    tracing::info!("tokens of the api listener were read again");
                }
                Err(error) => tracing::warn!(%error, "tokens of the api listener could not be read again"),
            }
        }
    }
}

fn invalid(detail: String) -> Error {
    Error::stop_lane(Kind::InvalidConfig, detail)
}

fn principal(organisation: &str, scopes: &[Scope], accounts: &[String]) -> Result<Arc<Principal>> {
    if accounts.len() > ACCOUNTS_MAX {
        return Err(invalid(format!("api: {organisation}: {} accounts, at most {ACCOUNTS_MAX}", accounts.len())));
    }
    let parsed: Result<HashSet<AccountId>> = accounts
        .iter()
        .map(|text| text.parse().map_err(|e| invalid(format!("api: {organisation}: account `{text}`: {e}"))))
        .collect();
    let accounts = parsed?;
    let words = accounts.iter().filter_map(|a| Some((a.chain().evm_chain_id()?, a.evm_word()?))).collect();
    Ok(Arc::new(Principal { organisation: organisation.into(), scopes: scopes.to_vec(), accounts, words }))
}

fn read(path: &Path) -> Result<Tokens> {
    let shown = path.display();
    let bytes = crate::config::secret::read_secret("api.tokens", path)
        .map_err(|problem| invalid(format!("api.tokens: expected {}, found {}", problem.expected, problem.found)))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(invalid(format!("{shown}: more than {FILE_MAX} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid(format!("{shown}: not UTF-8")))?;
    // The text of a TOML error quotes the line: it may hold a hash, never a token.
    let file: TokenFile = toml::from_str(&text).map_err(|e| invalid(format!("{shown}: {}", e.message())))?;
    if file.token.len() > CALLERS_MAX {
        return Err(invalid(format!("{shown}: {} tokens, at most {CALLERS_MAX}", file.token.len())));
    }
    let mut tokens = Tokens::new();
    for entry in file.token {
        let mut hash = [0; 32];
        hex::decode_to_slice(&entry.sha256, &mut hash)
            .map_err(|_| invalid(format!("{shown}: {}: sha256: expected 64 digits", entry.organisation)))?;
        let principal = principal(&entry.organisation, &entry.scopes, &entry.accounts)?;
        if tokens.insert(hash, principal).is_some() {
            return Err(invalid(format!("{shown}: {}: this token stands there twice", entry.organisation)));
        }
    }
    Ok(tokens)
}
