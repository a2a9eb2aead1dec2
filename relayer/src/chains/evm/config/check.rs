//! What types alone cannot say of an EVM chain's section.

use super::{Endpoint, EvmChain, MAX_ENDPOINTS, MAX_WINDOW, SecretUrl};
use crate::lane::error::{Error, Kind, Result};

impl EvmChain {
    /// The EIP-155 chain id.
    ///
    /// # Errors
    /// `InvalidConfig` unless the id is `eip155:<number>`.
    pub fn chain_id(&self) -> Result<u64> {
        self.id
            .strip_prefix("eip155:")
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| invalid("chain id: expected eip155:<number> in canonical form"))
    }

    /// Checks what types alone cannot.
    ///
    /// # Errors
    /// `InvalidConfig`, with what was expected.
    pub fn validate(&self) -> Result<()> {
        self.chain_id()?;
        if self.endpoints.is_empty() || self.endpoints.len() > MAX_ENDPOINTS {
            return Err(invalid(format!(
                "{}: expected 1 to {MAX_ENDPOINTS} endpoints, found {}",
                self.id,
                self.endpoints.len()
            )));
        }
        for (i, endpoint) in self.endpoints.iter().enumerate() {
            endpoint.validate(&self.id)?;
            if self.endpoints.iter().take(i).any(|other| other.label == endpoint.label) {
                return Err(invalid(format!("{}: two endpoints are labelled {}", self.id, endpoint.label)));
            }
        }
        if self.vault.is_zero() {
            return Err(invalid(format!("{}: the vault's address is zero", self.id)));
        }
        if self.genesis.is_zero() || self.pinned.hash.is_zero() {
            return Err(invalid(format!("{}: genesis and pinned header need their hashes", self.id)));
        }
        for (name, value) in [("trusting_period", self.trusting_period), ("block_time", self.block_time)] {
            if value.is_zero() {
                return Err(invalid(format!("{}: {name} must be longer than zero", self.id)));
            }
        }
        if self.clock_drift >= self.trusting_period {
            return Err(invalid(format!("{}: clock_drift must be shorter than trusting_period", self.id)));
        }
        if self.log_range == 0 {
            return Err(invalid(format!("{}: log_range must be at least 1", self.id)));
        }
        if let Some(signer) = &self.signer
            && !(1..=MAX_WINDOW).contains(&signer.window)
        {
            return Err(invalid(format!(
                "{}: signer.window must be 1 to {MAX_WINDOW}, found {}",
                self.id, signer.window
            )));
        }
        if self.gas.base < 21_000 || self.gas.limit < self.gas.base {
            return Err(invalid(format!("{}: gas.base must be at least 21000 and at most gas.limit", self.id)));
        }
        Ok(())
    }
}

impl Endpoint {
    fn validate(&self, chain: &str) -> Result<()> {
        let named = !self.label.is_empty()
            && self.label.len() <= 64
            && self.label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !named {
            return Err(invalid(format!(
                "{chain}: an endpoint's label must be 1 to 64 letters, digits, '-', '_' or '.'"
            )));
        }
        let scheme = |url: &SecretUrl, allowed: [&str; 2]| allowed.iter().any(|s| url.expose().starts_with(s));
        if !scheme(&self.url, ["http://", "https://"]) {
            return Err(invalid(format!("{chain}: endpoint {}: url must start with http:// or https://", self.label)));
        }
        if self.ws.as_ref().is_some_and(|ws| !scheme(ws, ["ws://", "wss://"])) {
            return Err(invalid(format!("{chain}: endpoint {}: ws must start with ws:// or wss://", self.label)));
        }
        if self.deadline.is_zero() {
            return Err(invalid(format!("{chain}: endpoint {}: deadline must be longer than zero", self.label)));
        }
        Ok(())
    }
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::stop_lane(Kind::InvalidConfig, detail)
}
