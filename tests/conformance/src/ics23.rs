//! ICS-23 (`cosmos/ics23`, `testdata`).
//!
//! * *vectors*: `{key, root, value, proof}` in hex; an empty value means absence. `{items, root, proof}` is a batch. The
//!   pinned specification is the one that the proof is of; where the folder is named after one, it must be that.
//! * *tables* `{name: case}`, told apart by the fields of their cases: specification checks (`Proof, Spec, Err` and
//!   `Leaf, Spec, IsErr`), steps (`Op, Key, Value` and `Op, Child`), roots (`Proof, IsErr`), hashes (`HashOp`), placeholders
//!   (`Op, Spec, IsLeft, IsRight`).

use causeway_cometbft::proof::{
    Claim, ExistenceProof, HashOp, IAVL, InnerOp, InnerSpec, LeafOp, LengthOp, ProofFault, ProofSpec, SMT, TENDERMINT,
    membership, non_membership, verify_batch,
};
use serde_json::Value;

use crate::{
    cases::{File, Format, Judged, ensure, same},
    cometbft::json::{base64, given, number},
    json::{array, bytes, field, text},
};

/// The formats of this family.
pub const FORMATS: [Format; 3] = [vectors, batches, tables];

/// The pinned specifications by the names of the folders that hold their vectors.
const SPECS: [(&str, ProofSpec<'static>); 3] = [("iavl", IAVL), ("tendermint", TENDERMINT), ("smt", SMT)];

/// A vector.
#[derive(Clone, Debug)]
pub struct Vector {
    /// The specification that its proof is of.
    pub spec: ProofSpec<'static>,
    /// The root.
    pub root: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
    /// Its value; empty for none.
    pub value: Vec<u8>,
    /// The proof.
    pub proof: Vec<u8>,
}

impl Vector {
    /// Reads a vector under a specification.
    pub fn read(value: &Value, spec: ProofSpec<'static>) -> Result<Self, String> {
        let [root, key, shown, proof] = ["root", "key", "value", "proof"].map(|name| bytes(value, name));
        Ok(Self { spec, root: root?, key: key?, value: shown?, proof: proof? })
    }

    /// The verdict on it.
    pub fn verify(&self) -> Result<(), ProofFault> {
        crate::seeds::keep("cometbft", &self.proof);
        if self.value.is_empty() {
            non_membership(&self.spec, &self.root, &self.key, &self.proof)
        } else {
            membership(&self.spec, &self.root, &self.key, &self.value, &self.proof)
        }
    }
}

fn is_vector(value: &Value) -> bool {
    ["root", "key", "value", "proof"].iter().all(|name| value.get(name).is_some_and(Value::is_string))
}

/// The specification of a file's folder, if it is named after one.
fn of_folder(file: &File<'_>) -> Option<&'static str> {
    let folder = file.path.parent()?.file_name()?.to_str()?;
    SPECS.iter().map(|(name, _)| *name).find(|name| *name == folder)
}

/// Judges a vector.
pub fn vectors(file: &File<'_>) -> Judged {
    is_vector(file.value).then(|| vec![(String::new(), vector(file.value, of_folder(file)).into())])
}

fn vector(value: &Value, folder: Option<&str>) -> Result<(), String> {
    let mut verdicts = Vec::new();
    for (name, spec) in SPECS {
        verdicts.push((name, Vector::read(value, spec)?.verify()));
    }
    let accepted: Vec<&str> = verdicts.iter().filter(|(_, verdict)| verdict.is_ok()).map(|(name, _)| *name).collect();
    match (accepted.as_slice(), folder) {
        ([found], Some(expected)) => same("specification", expected, *found),
        ([_], None) => Ok(()),
        _ => Err(format!("expected one specification, found {verdicts:?}")),
    }
}

/// The vector of a file with the specification that it is of, for tests that change it.
pub fn valid_vector(value: &Value) -> Option<Vector> {
    let vectors = SPECS.iter().filter_map(|(_, spec)| is_vector(value).then(|| Vector::read(value, *spec).ok())?);
    vectors.into_iter().find(|vector| vector.verify().is_ok())
}

/// Judges a batch.
pub fn batches(file: &File<'_>) -> Judged {
    let items = file.value.get("items")?.as_array()?;
    file.value.get("proof")?;
    Some(vec![(String::new(), batch(file.value, items, of_folder(file)).into())])
}

fn batch(value: &Value, items: &[Value], folder: Option<&str>) -> Result<(), String> {
    let (root, proof) = (bytes(value, "root")?, bytes(value, "proof")?);
    let read = |item: &Value| Ok::<_, String>((bytes(item, "key")?, bytes(item, "value")?));
    let items: Vec<(Vec<u8>, Vec<u8>)> = items.iter().map(read).collect::<Result<_, _>>()?;
    let claims: Vec<Claim<'_>> = items
        .iter()
        .map(|(key, value)| if value.is_empty() { Claim::Absent { key } } else { Claim::Present { key, value } })
        .collect();
    let holds = |(name, spec): &(&'static str, ProofSpec<'static>)| {
        verify_batch(spec, &root, &claims, &proof).is_ok().then_some(*name)
    };
    let accepted: Vec<&str> = SPECS.iter().filter_map(holds).collect();
    match (accepted.as_slice(), folder) {
        ([found], Some(expected)) => same("specification", expected, *found),
        ([_], None) => Ok(()),
        _ => Err(format!("expected one specification, found {accepted:?}")),
    }
}

/// A judge of a table's cases.
type Row = fn(&Value) -> Result<(), String>;

/// Judges a table.
pub fn tables(file: &File<'_>) -> Judged {
    let cases = file.value.as_object().filter(|cases| !cases.is_empty())?;
    let rows: [(&[&str], Row); 7] = [
        (&["Proof", "Spec", "Err"], against_spec),
        (&["Leaf", "Spec", "IsErr"], leaf_against_spec),
        (&["Op", "Key", "Value", "IsErr"], leaf_step),
        (&["Op", "Child", "IsErr"], inner_step),
        (&["Op", "Spec", "IsLeft", "IsRight"], placeholders),
        (&["Proof", "IsErr"], root),
        (&["HashOp", "ExpectedHash"], hashes),
    ];
    let fits = |fields: &[&str]| cases.values().all(|case| fields.iter().all(|field| case.get(field).is_some()));
    let (_, judge) = rows.iter().find(|(fields, _)| fits(fields))?;
    Some(cases.iter().map(|(name, case)| (name.clone(), judge(case).into())).collect())
}

/// A leaf or an inner operation, owned.
#[derive(Default)]
struct Op {
    hash: HashOp,
    prehash_key: HashOp,
    prehash_value: HashOp,
    length: LengthOp,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
}

impl Op {
    fn read(value: &Value) -> Result<Self, String> {
        let hash = |name: &str| HashOp::from_number(number(value, name)?).ok_or(format!("{name} is no hash operation"));
        Ok(Self {
            hash: hash("hash")?,
            prehash_key: hash("prehash_key")?,
            prehash_value: hash("prehash_value")?,
            length: LengthOp::from_number(number(value, "length")?).ok_or("no length operation")?,
            prefix: base64(value.get("prefix"))?,
            suffix: base64(value.get("suffix"))?,
        })
    }

    fn leaf(&self) -> LeafOp<'_> {
        let Self { hash, prehash_key, prehash_value, length, .. } = *self;
        LeafOp { hash, prehash_key, prehash_value, length, prefix: &self.prefix }
    }

    fn inner(&self) -> InnerOp<'_> {
        InnerOp { hash: self.hash, prefix: &self.prefix, suffix: &self.suffix }
    }
}

/// A specification, owned.
struct Spec {
    leaf: Op,
    child_order: Vec<u32>,
    empty_child: Vec<u8>,
    rest: ProofSpec<'static>,
}

impl Spec {
    fn read(value: &Value) -> Result<Self, String> {
        let size = |value: &Value, name: &str| {
            number(value, name).and_then(|number| usize::try_from(number).map_err(|error| error.to_string()))
        };
        let inner = given(value, "inner_spec").unwrap_or(&Value::Null);
        let order = match given(inner, "child_order") {
            None => Vec::new(),
            Some(_) => array(inner, "child_order")?
                .iter()
                .map(|branch| branch.as_u64().and_then(|branch| u32::try_from(branch).ok()).ok_or("no branch"))
                .collect::<Result<_, _>>()?,
        };
        let rest = ProofSpec {
            inner: InnerSpec {
                child_size: size(inner, "child_size")?,
                min_prefix_length: size(inner, "min_prefix_length")?,
                max_prefix_length: size(inner, "max_prefix_length")?,
                hash: HashOp::from_number(number(inner, "hash")?).ok_or("no hash operation")?,
                ..InnerSpec::default()
            },
            min_depth: size(value, "min_depth")?,
            max_depth: size(value, "max_depth")?,
            ..ProofSpec::default()
        };
        let leaf = Op::read(given(value, "leaf_spec").unwrap_or(&Value::Null))?;
        Ok(Self { leaf, child_order: order, empty_child: base64(inner.get("empty_child"))?, rest })
    }

    fn spec(&self) -> ProofSpec<'_> {
        let (child_order, empty_child) = (self.child_order.as_slice(), self.empty_child.as_slice());
        ProofSpec {
            leaf: self.leaf.leaf(),
            inner: InnerSpec { child_order, empty_child, ..self.rest.inner },
            ..self.rest
        }
    }
}

/// An existence proof, owned, handed to `judge`.
fn with_proof<T>(value: &Value, judge: impl FnOnce(&ExistenceProof<'_>) -> T) -> Result<T, String> {
    let (key, shown) = (base64(value.get("key"))?, base64(value.get("value"))?);
    let leaf = given(value, "leaf").map(Op::read).transpose()?;
    let path: Vec<Op> = match given(value, "path") {
        None => Vec::new(),
        Some(_) => array(value, "path")?.iter().map(Op::read).collect::<Result<_, _>>()?,
    };
    let path = path.iter().map(Op::inner).collect();
    Ok(judge(&ExistenceProof { key: &key, value: &shown, leaf: leaf.as_ref().map(Op::leaf), path }))
}

fn against_spec(case: &Value) -> Result<(), String> {
    let spec = Spec::read(field(case, "Spec")?)?;
    let verdict = with_proof(field(case, "Proof")?, |proof| proof.check(&spec.spec()))?;
    let valid = text(case, "Err")?.is_empty();
    ensure(verdict.is_ok() == valid, || format!("expected {case}, found {verdict:?}"))
}

fn leaf_against_spec(case: &Value) -> Result<(), String> {
    let (leaf, spec) = (Op::read(field(case, "Leaf")?)?, Op::read(field(case, "Spec")?)?);
    let verdict = leaf.leaf().check(&spec.leaf());
    same("refused", field(case, "IsErr")?.as_bool(), Some(verdict.is_err()))
}

/// Bytes, or that there is an error.
fn expected(case: &Value, found: Result<Vec<u8>, ProofFault>) -> Result<(), String> {
    match (field(case, "IsErr")?.as_bool(), found) {
        (Some(true), Err(_)) => Ok(()),
        (Some(false), Ok(found)) => same("result", base64(case.get("Expected"))?, found),
        (_, found) => Err(format!("expected {case}, found {found:?}")),
    }
}

fn leaf_step(case: &Value) -> Result<(), String> {
    let (key, value) = (base64(case.get("Key"))?, base64(case.get("Value"))?);
    let found = Op::read(field(case, "Op")?)?.leaf().apply(&key, &value);
    expected(case, found.map(|digest| digest.as_slice().to_vec()))
}

fn inner_step(case: &Value) -> Result<(), String> {
    let found = Op::read(field(case, "Op")?)?.inner().apply(&base64(case.get("Child"))?);
    expected(case, found.map(|digest| digest.as_slice().to_vec()))
}

fn root(case: &Value) -> Result<(), String> {
    let found = with_proof(field(case, "Proof")?, |proof| proof.root())?;
    expected(case, found.map(|digest| digest.as_slice().to_vec()))
}

fn placeholders(case: &Value) -> Result<(), String> {
    let (op, spec) = (Op::read(field(case, "Op")?)?, Spec::read(field(case, "Spec")?)?);
    let (op, inner) = (op.inner(), spec.spec().inner);
    same("left is empty", field(case, "IsLeft")?.as_bool(), Some(inner.left_branches_are_empty(&op)))?;
    same("right is empty", field(case, "IsRight")?.as_bool(), Some(inner.right_branches_are_empty(&op)))
}

fn hashes(case: &Value) -> Result<(), String> {
    let preimage = text(case, "Preimage").or_else(|_| text(case, "PreImage"))?;
    let op = HashOp::from_number(number(case, "HashOp")?).ok_or("no hash operation")?;
    let found = op.digest(&[preimage.as_bytes()]).map_err(|fault| fault.to_string())?;
    same("hash", text(case, "ExpectedHash")?.to_ascii_lowercase(), found.to_string())
}
