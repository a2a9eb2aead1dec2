//! Headers as files hold them, and clients started from them.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::U256;
use causeway_bitcoin::{
    BlockHash, Context, Effect, Header, Params, Period, Refusal, Rules, TrustedState, Vouched,
    compact::{check_work, work_of},
    params::{FUTURE_LIMIT, MAX_UPDATE_HEADERS, MAX_WINDOW, PERIOD_BLOCKS},
    verify,
};
use serde_json::Value;

use crate::{
    cases::{ensure, same},
    json::{field, unhex},
};

/// A header's bytes.
pub type Bytes = [u8; 80];

/// The networks whose genesis block a file may start at: rules, time and bits of that block.
pub const NETWORKS: [(Rules, u32, u32); 5] = [
    (Rules::MAINNET, 1_231_006_505, 0x1d00_ffff),
    (Rules::TESTNET3, 1_296_688_602, 0x1d00_ffff),
    (Rules::TESTNET4, 1_714_777_860, 0x1d00_ffff),
    (Rules::SIGNET, 1_598_918_400, 0x1e03_77ae),
    (Rules::REGTEST, 1_296_688_602, 0x207f_ffff),
];

/// Parameters under which nothing is final and nothing expires, so that rules of headers alone decide.
pub const fn params(rules: Rules) -> Params {
    Params {
        rules,
        final_work: U256::MAX,
        window: MAX_WINDOW,
        trusting_period: u64::MAX >> 1,
        drift: FUTURE_LIMIT,
        freeze_delay: 0,
    }
}

/// A header in hex, as a string or as field `hex`, `raw` or `header` of an object.
pub fn header_of(value: &Value) -> Option<Bytes> {
    let fields = ["hex", "raw", "header"];
    let text = value.as_str().or_else(|| fields.iter().find_map(|name| value.get(name)?.as_str()))?;
    Bytes::try_from(unhex(text).ok()?.as_slice()).ok()
}

/// A header that must be there.
pub fn header(value: &Value, name: &str) -> Result<Bytes, String> {
    header_of(field(value, name)?).ok_or_else(|| format!("{name} is no header"))
}

/// Headers one after the other.
pub fn split(bytes: &[u8]) -> Result<Vec<Bytes>, String> {
    let (headers, rest) = bytes.as_chunks();
    ensure(rest.is_empty(), || format!("{} bytes behind the last header", rest.len()))?;
    Ok(headers.to_vec())
}

/// A hash as people write it.
pub fn shown(text: &str) -> Result<[u8; 32], String> {
    let bytes = <[u8; 32]>::try_from(unhex(text)?.as_slice()).map_err(|_| format!("{text} is no hash"))?;
    Ok(BlockHash::from_display(bytes).0)
}

/// Headers of a file, each with its height, by hash and in the file's order.
#[derive(Debug, Default)]
pub struct Tree {
    /// The headers.
    pub headers: Vec<(u32, Bytes)>,
    by_hash: BTreeMap<BlockHash, usize>,
}

impl Tree {
    /// Adds a header once.
    pub fn add(&mut self, height: u32, bytes: Bytes) {
        let hash = Header::new(&bytes).hash();
        if !self.by_hash.contains_key(&hash) {
            self.by_hash.insert(hash, self.headers.len());
            self.headers.push((height, bytes));
        }
    }

    /// All headers with a height in a file: objects with `height`, and arrays of headers without, whose height follows
    /// from `first_height` beside them, a genesis block, or a header that they link to. And the number of headers whose
    /// height can not be told.
    pub fn of(value: &Value) -> (Self, usize) {
        let (mut tree, mut runs) = (Self::default(), Vec::new());
        collect(value, None, &mut tree, &mut runs);
        // A run may stand on one that comes later in the file.
        loop {
            let (placed, left): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| tree.height_of(run).is_some());
            if placed.is_empty() {
                return (tree, left.iter().map(|run| run.headers.len()).sum());
            }
            for run in placed {
                let height = tree.height_of(&run).unwrap_or_default();
                (height..).zip(run.headers).for_each(|(height, bytes)| tree.add(height, bytes));
            }
            runs = left;
        }
    }

    /// The height of a run's first header.
    fn height_of(&self, run: &Run) -> Option<u32> {
        let first = run.headers.first().map(Header::new)?;
        let genesis = |hash| NETWORKS.iter().any(|(rules, ..)| rules.genesis == hash);
        match (genesis(first.hash()), genesis(first.parent())) {
            (true, _) => Some(0),
            (_, true) => Some(1),
            _ => self.get(&first.parent()).map(|(height, _)| height + 1).or(run.first_height),
        }
    }

    /// A header by its hash.
    pub fn get(&self, hash: &BlockHash) -> Option<(u32, Bytes)> {
        self.by_hash.get(hash).and_then(|at| self.headers.get(*at)).copied()
    }

    /// The rules of the network: of the genesis block that the tree starts at, or of the one that the file's prose names.
    pub fn rules(&self, prose: &str) -> Rules {
        let starts_at = |rules: &Rules| {
            self.headers
                .iter()
                .map(|(_, bytes)| Header::new(bytes))
                .any(|header| header.parent() == rules.genesis || header.hash() == rules.genesis)
        };
        let known = NETWORKS.iter().map(|(rules, ..)| *rules).find(starts_at);
        let names = ["mainnet", "testnet3", "testnet4", "signet", "regtest"];
        let named = || {
            let at = names.iter().enumerate().filter_map(|(at, name)| prose.find(name).map(|place| (place, at))).min();
            at.and_then(|(_, at)| NETWORKS.get(at)).map(|(rules, ..)| *rules)
        };
        known.or_else(named).unwrap_or(Rules::MAINNET)
    }

    /// From a header down to the first one whose parent is not there.
    fn path(&self, last: usize) -> Vec<usize> {
        let mut path = vec![last];
        while let Some(parent) = path.last().and_then(|at| self.headers.get(*at)) {
            match self.by_hash.get(&Header::new(&parent.1).parent()) {
                Some(at) => path.push(*at),
                None => break,
            }
        }
        path.reverse();
        path
    }

    /// Every way from a first header to one that nothing stands on, in the file's order.
    pub fn paths(&self) -> Vec<Vec<(u32, Bytes)>> {
        let parents: BTreeSet<BlockHash> = self.headers.iter().map(|(_, bytes)| Header::new(bytes).parent()).collect();
        let is_last = |at: &usize| {
            let hash = self.headers.get(*at).map(|(_, bytes)| Header::new(bytes).hash());
            hash.is_some_and(|hash| !parents.contains(&hash))
        };
        let last = (0..self.headers.len()).filter(is_last);
        last.map(|at| self.path(at).into_iter().filter_map(|at| self.headers.get(at).copied()).collect()).collect()
    }

    /// The first block of the period of a height, where the tree has exactly one header there.
    fn period(&self, height: u32) -> Option<Period> {
        let start = height - height % PERIOD_BLOCKS;
        let mut found = self.headers.iter().filter(|(at, _)| *at == start).map(|(_, bytes)| Header::new(bytes));
        let first = found.next()?;
        found.next().is_none().then(|| Period { time: first.time(), bits: first.bits() })
    }

    /// A client that knows the first header of a run, vouched for; or the genesis block, where that comes before it.
    pub fn begin(&self, rules: &Rules, run: &[(u32, Bytes)]) -> Result<TrustedState, String> {
        let (height, bytes) = run.first().ok_or("no headers")?;
        let first = Header::new(bytes);
        let genesis = NETWORKS.iter().find(|(network, ..)| network.genesis == first.parent());
        if let Some((network, time, bits)) = genesis {
            return vouched(rules, 0, network.genesis, &[*time], *bits, None, *bits, U256::ZERO);
        }
        let period = self.period(*height);
        // What the following blocks of the period show of its real target.
        let same_period = run.iter().take_while(|(at, _)| at / PERIOD_BLOCKS == height / PERIOD_BLOCKS);
        let mut real = same_period.map(|(_, bytes)| Header::new(bytes).bits()).filter(|bits| *bits != rules.limit);
        let real_bits = if rules.min_difficulty { real.next().unwrap_or(rules.limit) } else { first.bits() };
        check_work(&first.hash(), first.bits(), rules.limit).map_err(|fault| format!("height {height}: {fault}"))?;
        let before = usize::try_from(*height).map_or(10, |height| height.min(10));
        let times = [vec![0; before], vec![first.time()]].concat();
        vouched(rules, *height, first.hash(), &times, first.bits(), period, real_bits, U256::ZERO)
    }
}

/// A client that knows one block.
#[allow(clippy::too_many_arguments)]
pub fn vouched(
    rules: &Rules,
    height: u32,
    hash: BlockHash,
    times: &[u32],
    bits: u32,
    period: Option<Period>,
    real_bits: u32,
    work: U256,
) -> Result<TrustedState, String> {
    let own = Period { time: times.last().copied().unwrap_or_default(), bits };
    let period = if height.is_multiple_of(PERIOD_BLOCKS) { Some(own) } else { period };
    params(*rules).check().map_err(|fault| fault.to_string())?;
    let context = Context::vouched(&Vouched { height, hash, bits, work, times, period, real_bits });
    context.map(TrustedState::at).map_err(|fault| format!("bits {bits:08x}: {fault}"))
}

/// A time at which none of the headers is of the future.
pub fn now(headers: &[Bytes]) -> u64 {
    headers.iter().map(|bytes| u64::from(Header::new(bytes).time())).max().unwrap_or_default()
}

/// Offers headers to a client, in as many updates as it takes.
pub fn offer(rules: &Rules, state: &TrustedState, headers: &[Bytes]) -> Result<TrustedState, Refusal> {
    let mut state = state.clone();
    for run in headers.chunks(MAX_UPDATE_HEADERS) {
        crate::seeds::keep("bitcoin", run.as_flattened());
        state = verify(&params(*rules), &state, run.as_flattened(), now(headers))?.trusted;
    }
    Ok(state)
}

/// Offers headers in one update, and gives what became of the chain.
pub fn effect(rules: &Rules, state: &TrustedState, headers: &[Bytes]) -> Result<(Effect, TrustedState), String> {
    crate::seeds::keep("bitcoin", headers.as_flattened());
    let verified = verify(&params(*rules), state, headers.as_flattened(), now(headers)).map_err(|it| it.to_string())?;
    Ok((verified.effect, verified.trusted))
}

/// Checks a run from its first header to its last, and gives the client at its end. Where the run enters a period whose
/// predecessor's start is not in the tree, the client must refuse to; the header there is then vouched for.
pub fn follow(tree: &Tree, rules: &Rules, run: &[(u32, Bytes)]) -> Result<TrustedState, String> {
    let mut run = run;
    loop {
        let state = tree.begin(rules, run)?;
        // The genesis block before a run is no part of it.
        let first = usize::from(state.tip().height() == run.first().map_or(0, |(height, _)| *height));
        let headers: Vec<Bytes> = run.iter().skip(first).map(|(_, bytes)| *bytes).collect();
        match offer(rules, &state, &headers) {
            Ok(state) => {
                let sum =
                    run.iter().skip(first).map(|(_, bytes)| work_of(Header::new(bytes).bits()).unwrap_or_default());
                same("work", sum.sum::<U256>(), state.tip().work())?;
                return Ok(state);
            }
            Err(Refusal::PeriodStartUnknown { height }) => {
                let before = run.iter().position(|(at, _)| *at == height).ok_or("a period starts at no header")?;
                let (done, rest) = run.split_at(before);
                ensure(!done.is_empty(), || "no header before the period".into())?;
                let until: Vec<Bytes> = done.iter().skip(first).map(|(_, bytes)| *bytes).collect();
                offer(rules, &state, &until).map_err(|refusal| refusal.to_string())?;
                let parent = done.last().map(|(_, bytes)| Header::new(bytes).hash());
                let child = rest.first().map(|(_, bytes)| Header::new(bytes).parent());
                same("the parent of the period's first header", parent, child)?;
                run = rest;
            }
            Err(refusal) => return Err(refusal.to_string()),
        }
    }
}

/// Headers one after the other, in an array of a file.
struct Run {
    first_height: Option<u32>,
    headers: Vec<Bytes>,
}

/// Objects with a header and a height go into the tree; arrays of headers without heights are kept for later.
fn collect(value: &Value, first_height: Option<u32>, tree: &mut Tree, runs: &mut Vec<Run>) {
    let number = |name: &str| value.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    if let (Some(height), Some(bytes)) = (number("height"), header_of(value)) {
        tree.add(height, bytes);
        return;
    }
    let first_height = number("first_height").or(first_height);
    match value {
        Value::Array(items) => {
            let bare = |item: &Value| if item.get("height").is_none() { header_of(item) } else { None };
            let headers: Vec<Bytes> = items.iter().filter_map(bare).collect();
            match !headers.is_empty() && headers.len() == items.len() {
                true => runs.push(Run { first_height, headers }),
                false => items.iter().for_each(|item| collect(item, None, tree, runs)),
            }
        }
        Value::Object(fields) => {
            // Only the first array of an object begins at its first height.
            let mut first_height = first_height;
            for field in fields.values() {
                collect(field, first_height, tree, runs);
                first_height = first_height.filter(|_| !field.is_array());
            }
        }
        _ => {}
    }
}
