//! Policies: who together may do something.
//!
//! After Fabric `common/cauthdsl`, `common/policies` (signature policies; `ImplicitMeta`). Stricter: a rule that asks for
//! nobody (`0 of …`, `ANY` of no organisations) is never satisfied, where Fabric lets everybody pass.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    bounds::{MAX_POLICY_DEPTH, MAX_POLICY_ITEMS},
    config::{Group, Item},
    msp::{Identity, NodeKind},
    wire::{Reader, WireFault},
    x509::{Certificate, CertificateFault},
};

/// Why a policy can not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyFault {
    /// It is malformed.
    #[error("{0}")]
    Message(#[from] WireFault),
    /// An identity that it names is no certificate.
    #[error("{0}")]
    Certificate(#[from] CertificateFault),
    /// It is of a type that Fabric does not define.
    #[error("policy type {0} is unknown")]
    UnknownType(u32),
    /// There is none of this name.
    #[error("no policy {0}")]
    Missing(String),
    /// It is nested too deep, has too many rules, or refers to a principal that it does not list.
    #[error("the policy is too large, or names a principal that it does not list")]
    Shape,
}

/// Rules satisfied of rules needed, at the top of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Rules that must be satisfied.
    pub needed: usize,
    /// Rules that are.
    pub found: usize,
}

impl Tally {
    /// Whether enough are, and any are needed at all.
    pub const fn satisfied(self) -> bool {
        self.needed > 0 && self.found >= self.needed
    }
}

/// A signature policy (`common.SignaturePolicyEnvelope`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturePolicy {
    rule: Rule,
    principals: Vec<Principal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    SignedBy(usize),
    NOutOf(usize, Vec<Rule>),
}

/// Whom a rule asks for (`common.MSPPrincipal`).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Principal {
    Member(String),
    ListedOrKind(String, NodeKind),
    Unit {
        msp: String,
        name: String,
        certifiers: Option<B256>,
    },
    Certificate {
        msp: String,
        certificate: Box<Certificate>,
    },
    /// Of a class that is not judged (anonymity, combined): nobody satisfies it.
    Nobody,
}

impl Principal {
    fn read(bytes: &[u8]) -> Result<Self, PolicyFault> {
        let mut reader = Reader::new("MSPPrincipal", bytes);
        let class = reader.small(1)?;
        let principal = reader.bytes(2)?;
        reader.end()?;
        match class {
            0 => Self::role(principal),
            1 => {
                let mut reader = Reader::new("OrganizationUnit", principal);
                let msp = reader.text(1)?.to_string();
                let name = reader.text(2)?.to_string();
                let certifiers = reader.bytes(3)?;
                reader.end()?;
                let certifiers = match certifiers {
                    [] => None,
                    bytes => Some(B256::try_from(bytes).map_err(|_| PolicyFault::Shape)?),
                };
                Ok(Self::Unit { msp, name, certifiers })
            }
            2 => {
                let (msp, certificate) = crate::identity::read(principal)?;
                let certificate = Box::new(Certificate::from_pem(certificate)?);
                Ok(Self::Certificate { msp: msp.to_string(), certificate })
            }
            _ => Ok(Self::Nobody),
        }
    }

    fn role(bytes: &[u8]) -> Result<Self, PolicyFault> {
        let mut reader = Reader::new("MSPRole", bytes);
        let msp = reader.text(1)?.to_string();
        let role = reader.small(2)?;
        reader.end()?;
        let kind = match role {
            0 => return Ok(Self::Member(msp)),
            1 => NodeKind::Admin,
            2 => NodeKind::Client,
            3 => NodeKind::Peer,
            4 => NodeKind::Orderer,
            _ => return Ok(Self::Nobody),
        };
        Ok(Self::ListedOrKind(msp, kind))
    }

    fn is_satisfied_by(&self, identity: &Identity) -> bool {
        match self {
            Self::Member(msp) => *msp == identity.msp,
            Self::ListedOrKind(msp, kind) => {
                let listed = *kind == NodeKind::Admin && identity.listed_admin;
                *msp == identity.msp && (listed || identity.kind == Some(*kind))
            }
            Self::Unit { msp, name, certifiers } => {
                *msp == identity.msp
                    && identity.certificate.units().contains(name)
                    && certifiers.is_none_or(|wanted| wanted == identity.certifiers)
            }
            Self::Certificate { msp, certificate } => {
                *msp == identity.msp && certificate.der() == identity.certificate.der()
            }
            Self::Nobody => false,
        }
    }
}

impl SignaturePolicy {
    /// Reads a `common.SignaturePolicyEnvelope`.
    ///
    /// # Errors
    /// It is malformed, too large, or names a principal that it does not list.
    pub fn read(bytes: &[u8]) -> Result<Self, PolicyFault> {
        let mut reader = Reader::new("SignaturePolicyEnvelope", bytes);
        reader.small(1)?;
        let rule = reader.required(2)?;
        let principals = reader.parts(3, MAX_POLICY_ITEMS)?;
        reader.end()?;
        let principals = principals.into_iter().map(Principal::read).collect::<Result<Vec<_>, _>>()?;
        let mut left = MAX_POLICY_ITEMS;
        let rule = Rule::read(rule, principals.len(), MAX_POLICY_DEPTH, &mut left)?;
        Ok(Self { rule, principals })
    }

    /// Counts the rules at its top that these identities satisfy. Each identity counts once in a run of rules; rules
    /// take identities greedily, in order, as Fabric's do.
    pub fn tally(&self, identities: &[Identity]) -> Tally {
        let mut used = alloc::vec![false; identities.len()];
        match &self.rule {
            Rule::NOutOf(needed, rules) => {
                let found = rules.iter().filter(|rule| self.take(rule, identities, &mut used)).count();
                Tally { needed: *needed, found }
            }
            rule => Tally { needed: 1, found: usize::from(self.take(rule, identities, &mut used)) },
        }
    }

    /// Whether a rule is satisfied by identities that are not used yet; if so these are used now.
    fn take(&self, rule: &Rule, identities: &[Identity], used: &mut Vec<bool>) -> bool {
        match rule {
            Rule::SignedBy(principal) => {
                let Some(principal) = self.principals.get(*principal) else { return false };
                let mut free = used.iter_mut().zip(identities).filter(|(used, _)| !**used);
                let found = free.find(|(_, identity)| principal.is_satisfied_by(identity));
                found.is_some_and(|(used, _)| {
                    *used = true;
                    true
                })
            }
            Rule::NOutOf(needed, rules) => {
                let mut tried = used.clone();
                let found = rules.iter().filter(|rule| self.take(rule, identities, &mut tried)).count();
                let satisfied = Tally { needed: *needed, found }.satisfied();
                if satisfied {
                    *used = tried;
                }
                satisfied
            }
        }
    }
}

impl Rule {
    fn read(bytes: &[u8], principals: usize, depth: usize, left: &mut usize) -> Result<Self, PolicyFault> {
        *left = left.checked_sub(1).ok_or(PolicyFault::Shape)?;
        let depth = depth.checked_sub(1).ok_or(PolicyFault::Shape)?;
        let mut reader = Reader::new("SignaturePolicy", bytes);
        let signed_by = reader.number_if_present(1)?;
        let out_of = reader.part(2)?;
        reader.end()?;
        match (signed_by, out_of) {
            (Some(index), None) => {
                let index = usize::try_from(index).map_err(|_| PolicyFault::Shape)?;
                if index < principals { Ok(Self::SignedBy(index)) } else { Err(PolicyFault::Shape) }
            }
            (None, Some(bytes)) => {
                let mut reader = Reader::new("NOutOf", bytes);
                let needed = reader.small(1)? as usize;
                let rules = reader.parts(2, MAX_POLICY_ITEMS)?;
                reader.end()?;
                let rules = rules.into_iter().map(|rule| Self::read(rule, principals, depth, left));
                Ok(Self::NOutOf(needed, rules.collect::<Result<_, _>>()?))
            }
            _ => Err(PolicyFault::Shape),
        }
    }
}

/// Counts the rules of the policy `name` of a configuration group that these identities satisfy: the rules of a
/// signature policy, or the organisations' own policies of an `ImplicitMeta` one.
///
/// # Errors
/// There is no such policy, or it can not be judged.
pub(crate) fn tally(group: &Group, name: &str, identities: &[Identity]) -> Result<Tally, PolicyFault> {
    let item = group.policies.get(name).ok_or_else(|| PolicyFault::Missing(name.to_string()))?;
    tally_of(group, item, identities, MAX_POLICY_DEPTH)
}

fn tally_of(group: &Group, item: &Item, identities: &[Identity], depth: usize) -> Result<Tally, PolicyFault> {
    let depth = depth.checked_sub(1).ok_or(PolicyFault::Shape)?;
    let mut reader = Reader::new("Policy", &item.value);
    let kind = reader.small(1)?;
    let value = reader.bytes(2)?;
    reader.end()?;
    match kind {
        1 => Ok(SignaturePolicy::read(value)?.tally(identities)),
        3 => {
            let mut reader = Reader::new("ImplicitMetaPolicy", value);
            let name = reader.text(1)?;
            let rule = reader.small(2)?;
            reader.end()?;
            let mut found = 0;
            for below in group.groups.values() {
                // An organisation without the policy can not agree.
                let Some(item) = below.policies.get(name) else { continue };
                found += usize::from(tally_of(below, item, identities, depth)?.satisfied());
            }
            let all = group.groups.len();
            let needed = match rule {
                0 => 1,
                1 => all,
                2 => all / 2 + 1,
                _ => return Err(PolicyFault::Shape),
            };
            Ok(Tally { needed, found })
        }
        other => Err(PolicyFault::UnknownType(other)),
    }
}
