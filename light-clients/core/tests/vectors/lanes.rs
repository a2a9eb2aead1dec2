//! `lanes.json`: lane ids, and the canonical forms of chains, accounts and assets.

use causeway_core::{AccountId, AssetId, B256, Caip2, Lane, LaneEnd};
use serde_json::{Value, json};

use super::hex;

struct End {
    chain: &'static str,
    genesis: B256,
    vault: Vec<u8>,
    outbox: Vec<u8>,
}

impl End {
    fn lane_end(&self) -> LaneEnd {
        LaneEnd::new(&self.chain.parse().unwrap(), self.genesis, &self.vault, &self.outbox).unwrap()
    }

    fn json(&self) -> Value {
        json!({
            "chain": self.chain,
            "genesis": hex(self.genesis),
            "vault": hex(&self.vault),
            "outbox": hex(&self.outbox),
        })
    }
}

fn evm(chain: &'static str, genesis: u8, vault: u8, outbox: u8) -> End {
    End { chain, genesis: B256::repeat_byte(genesis), vault: vec![vault; 20], outbox: vec![outbox; 20] }
}

fn cases() -> Vec<(&'static str, End, End, u64)> {
    let (left, right) = (|| evm("eip155:1337", 0x11, 0x22, 0x33), || evm("eip155:1338", 0x44, 0x55, 0x66));
    let cosmos = || End {
        chain: "cosmos:industry-1",
        genesis: B256::repeat_byte(0x77),
        vault: vec![0x88; 32],
        outbox: vec![0x99; 32],
    };
    vec![
        ("two QBFT chains", left(), right(), 0),
        ("the same, the other way", right(), left(), 0),
        ("the same, a later epoch", left(), right(), 1),
        ("the same, the last epoch", left(), right(), u64::MAX),
        ("the same names, another genesis", evm("eip155:1337", 0x12, 0x22, 0x33), right(), 0),
        ("addresses of 32 bytes", cosmos(), left(), 7),
    ]
}

/// The lane that all other vectors use.
pub(crate) fn devnet() -> Lane {
    let (_, source, destination, epoch) = cases().remove(0);
    Lane { source: source.lane_end(), destination: destination.lane_end(), epoch }
}

/// The asset that all other vectors use.
pub(crate) fn usd() -> &'static str {
    "eip155:1337/erc20:0xabababababababababababababababababababab"
}

pub(crate) fn make() -> Value {
    let lanes: Vec<Value> = cases()
        .iter()
        .map(|(name, source, destination, epoch)| {
            let lane = Lane { source: source.lane_end(), destination: destination.lane_end(), epoch: *epoch };
            json!({
                "name": name,
                "source": source.json(),
                "destination": destination.json(),
                "epoch": epoch.to_string(),
                "lane_id": hex(lane.id().0),
                "reverse_lane_id": hex(lane.reverse().id().0),
            })
        })
        .collect();
    json!({ "lanes": lanes, "chains": chains(), "accounts": accounts(), "assets": assets(), "refused": refused() })
}

fn chains() -> Value {
    let chain = |text: &str| json!({ "caip2": text, "hash": hex(text.parse::<Caip2>().unwrap().hash()) });
    json!(["eip155:1", "eip155:1337", "cosmos:Binance-Chain-Tigris"].map(chain))
}

fn accounts() -> Value {
    let account = |text: &str, native: &[u8]| {
        let id: AccountId = text.parse().unwrap();
        json!({
            "input": text,
            "canonical": id.as_str(),
            "native": hex(native),
            "word": hex(id.word(native).unwrap()),
        })
    };
    json!([
        account("eip155:1:0xdAC17F958D2ee523a2206206994597C13D831ec7", &{
            alloy_primitives::hex!("dac17f958d2ee523a2206206994597c13d831ec7")
        }),
        account("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv", &[7; 32]),
        account("fabric:channel-1:OrgOne.client-42", b"x509::CN=client-42,OU=client::CN=ca.org1"),
    ])
}

fn assets() -> Value {
    let asset = |text: &str| {
        let id: AssetId = text.parse().unwrap();
        json!({ "input": text, "canonical": id.as_str(), "hash": hex(id.hash()) })
    };
    json!([
        asset("eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7"),
        asset(usd()),
        asset("eip155:1/erc721:0x06012c8cf97BEaD5deAe237070F9587f8E7A266d/771769"),
        asset("cosmos:cosmoshub-4/slip44:118"),
    ])
}

fn refused() -> Value {
    let chains = ["", "eip155", "EIP155:1", "eip155:01", "eip155:0x1", "eip155:../x", "ei:1"];
    let accounts =
        ["eip155:1:", "eip155:1:0x12", "eip155:1:0xzac17f958d2ee523a2206206994597c13d831ec7", "cosmos:hub:a b"];
    let assets = ["eip155:1", "eip155:1/erc20:0x12", "eip155:1/ER:1", "cosmos:hub/slip44:1/2/3"];
    for text in chains {
        assert!(text.parse::<Caip2>().is_err(), "{text}");
    }
    for text in accounts {
        assert!(text.parse::<AccountId>().is_err(), "{text}");
    }
    for text in assets {
        assert!(text.parse::<AssetId>().is_err(), "{text}");
    }
    json!({ "chains": chains, "accounts": accounts, "assets": assets })
}
