//! Whether the relayer lives and is ready: a value that the daemon composes and the probes show.

use std::borrow::Cow;

/// One condition of readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, by configured names: `chain left`, `peer org-b`, `store`.
    pub name: Cow<'static, str>,
    /// Holds?
    pub ok: bool,
    /// Why not, for people. Never an address or URL: probes have no authentication.
    pub detail: Cow<'static, str>,
}

/// The relayer's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// False once the process can only be restarted.
    pub live: bool,
    /// All must hold for traffic to be expected.
    pub checks: Vec<Check>,
}

impl Health {
    /// Alive, not ready: nothing was checked yet.
    pub fn starting() -> Self {
        let check = Check { name: "start".into(), ok: false, detail: "the relayer is starting".into() };
        Self { live: true, checks: vec![check] }
    }

    /// Ready to work.
    pub fn ready(&self) -> bool {
        self.live && self.checks.iter().all(|c| c.ok)
    }
}
