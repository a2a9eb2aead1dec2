//! Nodes that are in trouble, or lie: one of two endpoints of both relayers, at both chains, the one they like best.

use super::{BLOCK, PATIENCE, World};
use alloy::{
    primitives::{B256, U256},
    providers::{Provider, ProviderBuilder},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use causeway_devchain::{Endpoint, Faults, HeaderLie, HttpFault, Lag, LogLie, ProofLie, WsFault};
use std::time::{Duration, Instant};

/// Transfers under one fault end within this: the relayer has to notice and take the other node.
const TROUBLE: Duration = Duration::from_secs(60);

/// Lies in what is not read, so that nobody is caught: the last byte of an event is padding or a hint, and values are taken
/// from a proof's nodes.
const UNREAD: [&str; 2] = ["logs altered", "false value"];

/// Both relayers run, with a bad node before a good one at both chains; both are honest still.
struct Nodes {
    world: World,
    bad: [Endpoint; 2],
    good: [Endpoint; 2],
}

impl Nodes {
    async fn start() -> Self {
        // Patience beyond every test: trouble with a node is not solved by the other organisation here.
        let world = World::build(Duration::from_secs(300)).await;
        for who in [0, 1] {
            // How soon an event is missed that no later one points at.
            world.edit(who, "[lanes]\n", "[lanes]\naudit_interval = \"3s\"\n").unwrap();
        }
        let mut nodes = Vec::new();
        for at in [0, 1] {
            let bad = world.chain(at).endpoint(Faults::default()).await.unwrap();
            let good = world.chain(at).endpoint(Faults::default()).await.unwrap();
            for who in [0, 1] {
                world.use_nodes(who, at, &[&bad, &good]).unwrap();
            }
            nodes.push((bad, good));
        }
        let [(bad_a, good_a), (bad_b, good_b)]: [_; 2] = nodes.try_into().unwrap();
        world.warm_up().await;
        Self { world, bad: [bad_a, bad_b], good: [good_a, good_b] }
    }

    fn strike(&self, faults: &Faults) {
        self.bad.iter().for_each(|node| node.set_faults(faults.clone()));
    }

    /// Transfers both ways while the bad nodes have `faults`. They stay bad.
    async fn transfers_end_under(&self, name: &str, faults: Faults) {
        // Relayers that know nothing bad of any node: one that was caught once is left alone for long.
        self.strike(&Faults::default());
        tokio::try_join!(self.world.kill(0), self.world.kill(1)).unwrap();
        self.world.start_both().await.unwrap();
        self.strike(&faults);
        let begun = Instant::now();
        tokio::try_join!(self.world.send(0, 12, 2), self.world.send(1, 12, 2)).unwrap();
        if let Err(error) = self.world.settle(TROUBLE).await {
            panic!("{name}: {error}");
        }
        println!("{name}: {:?}", begun.elapsed());
    }

    /// What was really written last at a chain, told again as written at another index.
    async fn forged(&self, at: usize, first: u64) -> LogLie {
        let provider = ProviderBuilder::new().connect_http(self.good[at].rpc_url().parse().unwrap());
        let address = self.world.vault(at);
        let filter = Filter::new().address(address).event_signature(Appended::SIGNATURE_HASH).from_block(0);
        let written = provider.get_logs(&filter).await.unwrap();
        let data = written.last().unwrap().inner.data.data.clone();
        let topics = vec![Appended::SIGNATURE_HASH, self.world.lane(at).0, U256::from(first).into()];
        LogLie::Forge { address, topics, data }
    }

    /// How often the relayers caught a node lying.
    fn caught(&self) -> usize {
        [0, 1].map(|who| self.world.logs(who).matches("node was shown to be wrong").count()).iter().sum()
    }

    /// What every test of nodes ends with: honest again, judged, and nothing was submitted that a chain refused.
    async fn end(&self) {
        self.strike(&Faults::default());
        self.world.judge(TROUBLE).await;
        for at in [0, 1] {
            assert_eq!(self.world.failed_transactions(at).await.unwrap(), Vec::<B256>::new());
        }
    }
}

/// ATK-070, ATK-071, ATK-072: nodes that say nothing, or nothing new, or nonsense.
#[tokio::test(flavor = "multi_thread")]
async fn atk_070_071_072_transfers_end_while_the_favourite_node_is_in_trouble() {
    let nodes = Nodes::start().await;
    let none = Faults::default;
    let http = |http| Faults { http: Some(http), ..none() };
    let ws = |ws| Faults { ws: Some(ws), ..none() };
    let pruned = HttpFault::ErrorBody { code: 4444, message: "state at block #12 is pruned".into() };
    let stuck = nodes.world.chain(0).head().number;
    for (name, faults) in [
        ("mute", Faults { mute: true, ..none() }),
        ("slow", Faults { delay_ms: 300, ..none() }),
        ("lagging", Faults { lag: Some(Lag::Blocks(20)), ..none() }),
        ("stuck", Faults { lag: Some(Lag::StuckAt(stuck)), ..none() }),
        ("error bodies", http(HttpFault::ErrorBody { code: -32000, message: "header not found".into() })),
        ("null", http(HttpFault::Null)),
        ("a web page", http(HttpFault::Html)),
        ("half an answer", http(HttpFault::Truncated)),
        // Blocks and events it has; no state, of any height.
        (
            "pruned",
            Faults { methods: ["eth_getProof", "eth_call", "eth_getStorageAt"].map(Into::into).into(), ..http(pruned) },
        ),
        ("429", http(HttpFault::TooManyRequests { retry_after: 1 })),
        ("subscriptions end", ws(WsFault::End)),
        ("subscriptions half open", ws(WsFault::HalfOpen)),
        ("subscriptions mute", ws(WsFault::MuteSubscriptions)),
        ("swallows transactions", Faults { drop_transactions: true, ..none() }),
    ] {
        nodes.transfers_end_under(name, faults).await;
    }
    nodes.bad.iter().for_each(Endpoint::take_down);
    nodes.transfers_end_under("down", none()).await;
    for node in &nodes.bad {
        node.bring_up().await.unwrap();
    }
    nodes.end().await;
}

/// ATK-022, ATK-072: nodes that lie about what happened.
#[tokio::test(flavor = "multi_thread")]
async fn atk_022_072_transfers_end_while_the_favourite_node_lies() {
    let nodes = Nodes::start().await;
    let none = Faults::default;
    let logs = |lie| Faults { logs: Some(lie), ..none() };
    let proof = |lie| Faults { proof: Some(lie), ..none() };
    let header = |lie| Faults { header: Some(lie), ..none() };
    for (name, faults) in [
        ("logs altered", logs(LogLie::Alter)),
        ("every second log dropped", logs(LogLie::DropEvery(2))),
        ("account proof flipped", proof(ProofLie::FlipAccount)),
        ("storage proof flipped", proof(ProofLie::FlipStorage)),
        ("false value", proof(ProofLie::FalseValue)),
        ("proof truncated", proof(ProofLie::Truncate)),
        ("stale proof", proof(ProofLie::Stale)),
        ("state root altered", header(HeaderLie::AlterStateRoot)),
        ("forged seals", header(HeaderLie::ForgeSeals)),
        ("forged validators", header(HeaderLie::ForgeValidators)),
        ("no seals", header(HeaderLie::NoSeals)),
        ("time altered", header(HeaderLie::AlterTime)),
    ] {
        let before = nodes.caught();
        nodes.transfers_end_under(name, faults).await;
        assert!(UNREAD.contains(&name) || nodes.caught() > before, "{name}: nobody was caught");
    }
    nodes.end().await;
}

/// ATK-022: a node tells a known index with another content, or one far ahead. Its word alone stops no
/// lane and delivers nothing.
#[tokio::test(flavor = "multi_thread")]
async fn atk_022_a_forged_event_stops_no_lane() {
    let nodes = Nodes::start().await;
    nodes.world.send(1, 4, 1).await.unwrap();
    nodes.world.settle(TROUBLE).await.unwrap();
    for first in [0, 1 << 20] {
        let before = nodes.caught();
        for at in [0, 1] {
            let faults = Faults { logs: Some(nodes.forged(at, first).await), ..Faults::default() };
            nodes.bad[at].set_faults(faults);
        }
        let begun = Instant::now();
        tokio::try_join!(nodes.world.send(0, 12, 2), nodes.world.send(1, 12, 2)).unwrap();
        nodes.world.settle(TROUBLE).await.unwrap();
        println!("forged at {first}: {:?}", begun.elapsed());
        assert!(nodes.caught() > before, "nobody was caught");
        // Relayers that forget who lied.
        nodes.strike(&Faults::default());
        tokio::try_join!(nodes.world.kill(0), nodes.world.kill(1)).unwrap();
        nodes.world.start_both().await.unwrap();
    }
    nodes.end().await;
}

alloy::sol! {
    event Appended(bytes32 indexed lane, uint64 indexed first, bytes groups);
}

/// ATK-022: every honest node is gone, and the one that answers forges headers, logs and proofs: nothing is submitted, and
/// the lanes wait. When an honest node is back, they go on.
#[tokio::test(flavor = "multi_thread")]
async fn atk_022_alone_with_a_liar_nothing_is_submitted_and_lanes_wait() {
    let nodes = Nodes::start().await;
    let (before, _) = nodes.world.progress();
    for at in [0, 1] {
        // Far beyond the end: what lies between is missing.
        let forged = nodes.forged(at, 1 << 20).await;
        nodes.bad[at].set_faults(Faults {
            header: Some(HeaderLie::ForgeValidators),
            proof: Some(ProofLie::FalseValue),
            logs: Some(forged),
            ..Faults::default()
        });
        nodes.good[at].take_down();
    }
    // Headers that were verified before may still carry a delivery: that one is let through.
    tokio::time::sleep(BLOCK * 6).await;
    assert_eq!(nodes.world.progress(), (before, 0));
    tokio::try_join!(nodes.world.send(0, 8, 1), nodes.world.send(1, 8, 1)).unwrap();
    tokio::time::sleep(BLOCK * 20 + PATIENCE).await;
    let (decided, open) = nodes.world.progress();
    assert_eq!((decided, open), (before, 16), "something was delivered on a liar's word");
    for who in [0, 1] {
        assert!(nodes.world.logs(who).contains("node was shown to be wrong"), "nobody noticed the lie");
    }
    for node in &nodes.good {
        node.bring_up().await.unwrap();
    }
    let begun = Instant::now();
    nodes.world.settle(TROUBLE).await.unwrap();
    println!("after an honest node is back: {:?}", begun.elapsed());
    nodes.end().await;
}
