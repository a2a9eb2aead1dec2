//! Chains, accounts, assets and lanes: one spelling each, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use alloy_primitives::{Address, keccak256};
use causeway_core::{
    AccountId, AssetId, B256, Caip2, Lane, LaneEnd, LaneId,
    caip::{CaipError, MAX_ACCOUNT, MAX_ASSET},
    lane::LaneError,
};
use proptest::prelude::*;

const TOKEN: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
const TOKEN_LOWER: &str = "0xdac17f958d2ee523a2206206994597c13d831ec7";

fn end(chain: &str, genesis: u8, vault: u8, outbox: u8) -> LaneEnd {
    let genesis = B256::repeat_byte(genesis);
    LaneEnd::new(&chain.parse().unwrap(), genesis, &[vault; 20], &[outbox; 20]).unwrap()
}

fn lane() -> Lane {
    Lane { source: end("eip155:1337", 1, 2, 3), destination: end("eip155:1338", 4, 5, 6), epoch: 0 }
}

#[test]
fn chains_are_named_by_caip_2() {
    for id in ["eip155:1", "cosmos:Binance-Chain-Tigris", "bip122:000000000019d6689c085ae165831e93", "fabric:channel_1"]
    {
        let chain: Caip2 = id.parse().unwrap();
        assert_eq!((chain.to_string().as_str(), chain.hash()), (id, keccak256(id)));
    }
    assert_eq!(Caip2::evm(1337), "eip155:1337".parse().unwrap());
    assert_eq!(Caip2::evm(1337).evm_chain_id(), Some(1337));
    assert_eq!("cosmos:1337".parse::<Caip2>().unwrap().evm_chain_id(), None);
    // Each of these would be another spelling of a chain, or none at all (ATK-104: a name is never a path).
    for id in [
        "",
        ":",
        "eip155",
        "eip155:",
        "ei:1",
        "EIP155:1",
        "eip155:01",
        "eip155:0x1",
        "eip155: 1",
        "eip155:1:2",
        "eip155:../x",
        "toolongns:1",
        "cosmos:a/b",
        "cosmos:\u{e9}",
        "cosmos:123456789012345678901234567890123",
    ] {
        assert!(id.parse::<Caip2>().is_err(), "{id:?}");
    }
}

#[test]
fn accounts_have_one_spelling_and_one_word() {
    let account: AccountId = format!("eip155:1:{TOKEN}").parse().unwrap();
    assert_eq!(account.as_str(), format!("eip155:1:{TOKEN_LOWER}"));
    assert_eq!((account.chain().as_str(), account.address()), ("eip155:1", TOKEN_LOWER));
    let address: Address = TOKEN.parse().unwrap();
    assert_eq!(AccountId::evm(1, address), account);
    assert_eq!(account.evm_word(), Some(address.into_word()));
    assert_eq!(account.word(address.as_slice()), Ok(address.into_word()));
    // A native account longer than a word enters as the hash of its name.
    assert_eq!(account.word(&[1; 32]), Ok(B256::repeat_byte(1)));
    assert_eq!(account.word(&[1; 33]), Ok(keccak256(account.as_str())));
    assert_eq!(account.word(&[]), Err(CaipError::NativeLength { max: 128, found: 0 }));
    assert_eq!(account.word(&[0; 129]), Err(CaipError::NativeLength { max: 128, found: 129 }));
    // Base58 tells accounts apart by case: two names, two accounts.
    let solana = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv";
    let base58: AccountId = solana.parse().unwrap();
    assert_eq!((base58.as_str(), base58.evm_word()), (solana, None));
    let other: AccountId = solana.replace("7S3P", "7s3p").parse().unwrap();
    assert_ne!((base58.hash(), base58.as_str()), (other.hash(), other.as_str()));
    // Bech32 does not.
    let bech32 = "bip122:000000000019d6689c085ae165831e93:BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ";
    assert_eq!(bech32.parse::<AccountId>().unwrap().address(), "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq");
    for id in [
        "",
        "eip155:1",
        "eip155:1:",
        "eip155:1:0x12",
        "eip155:1:dac17f958d2ee523a2206206994597c13d831ec7",
        "eip155:1:0xzac17f958d2ee523a2206206994597c13d831ec7",
        "cosmos:hub:a b",
        "cosmos:hub:a:b",
    ] {
        assert!(id.parse::<AccountId>().is_err(), "{id:?}");
    }
    let long = format!("cosmos:hub:{}", "a".repeat(129));
    assert_eq!(long.parse::<AccountId>(), Err(CaipError::TooLong { what: "account address", max: 128, found: 129 }));
    let huge = "a".repeat(MAX_ACCOUNT + 1);
    assert!(matches!(huge.parse::<AccountId>(), Err(CaipError::TooLong { .. })));
}

#[test]
fn assets_have_one_spelling_and_one_hash() {
    let asset: AssetId = format!("eip155:1/erc20:{TOKEN}").parse().unwrap();
    let canonical = format!("eip155:1/erc20:{TOKEN_LOWER}");
    assert_eq!((asset.as_str(), asset.hash()), (canonical.as_str(), keccak256(&canonical)));
    assert_eq!(asset, AssetId::erc20(1, TOKEN.parse().unwrap()));
    assert_eq!((asset.namespace(), asset.reference(), asset.token_id()), ("erc20", TOKEN_LOWER, None));
    let token: AssetId = format!("eip155:1/erc721:{TOKEN}/771769").parse().unwrap();
    assert_eq!((token.namespace(), token.reference(), token.token_id()), ("erc721", TOKEN_LOWER, Some("771769")));
    assert_eq!(AssetId::erc721(1, TOKEN.parse().unwrap()).as_str(), format!("eip155:1/erc721:{TOKEN_LOWER}"));
    let atom: AssetId = "cosmos:cosmoshub-4/slip44:118".parse().unwrap();
    assert_eq!((atom.chain().as_str(), atom.reference()), ("cosmos:cosmoshub-4", "118"));
    for id in [
        "",
        "eip155:1",
        "eip155:1/",
        "eip155:1/erc20",
        "eip155:1/erc20:",
        "eip155:1/erc20:0x00",
        "eip155:1/ER:1",
        "eip155:1/erc721:0xdac17f958d2ee523a2206206994597c13d831ec7/01",
        "eip155:1/erc721:0xdac17f958d2ee523a2206206994597c13d831ec7/",
        "cosmos:hub/slip44:1/2/3",
        "/erc20:0x",
    ] {
        assert!(id.parse::<AssetId>().is_err(), "{id:?}");
    }
    assert!(matches!("a".repeat(MAX_ASSET + 1).parse::<AssetId>(), Err(CaipError::TooLong { .. })));
}

/// Another chain, genesis, contract, direction or epoch: another lane, so a proof made for one is none for the other.
#[test]
fn atk_112_every_part_of_a_lane_is_in_its_id() {
    let base = lane();
    let mut ids = vec![base.id(), base.reverse().id(), Lane { epoch: 1, ..base }.id()];
    for change in 1..=8u8 {
        let mut other = base;
        let end = if change > 4 { &mut other.source } else { &mut other.destination };
        let word = match change % 4 {
            0 => &mut end.chain,
            1 => &mut end.genesis,
            2 => &mut end.vault,
            _ => &mut end.outbox,
        };
        word.0[31] ^= 1;
        ids.push(other.id());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 11);
    assert_eq!(base.reverse().reverse(), base);
}

#[test]
fn lane_ends_need_a_genesis_and_addresses() {
    let chain = Caip2::evm(1);
    let genesis = B256::repeat_byte(1);
    assert_eq!(LaneEnd::new(&chain, B256::ZERO, &[1], &[1]), Err(LaneError::GenesisUnknown));
    for (vault, outbox, found) in [(&[][..], &[1][..], 0), (&[1][..], &[][..], 0), (&[1; 129][..], &[1][..], 129)] {
        let refusal = LaneError::AddressLength { found, max: 128 };
        assert_eq!(LaneEnd::new(&chain, genesis, vault, outbox), Err(refusal));
    }
}

#[test]
fn lane_ids_are_read_back_from_their_text() {
    let id = lane().id();
    assert_eq!(id.to_string().len(), 66);
    assert_eq!(id.to_string().parse(), Ok(id));
    let digits = id.to_string();
    for text in [
        "",
        "0x",
        &digits[2..],
        &digits[..65],
        &format!("0x{digits}"),
        &format!("{digits}0"),
        &digits.replace('x', "y"),
    ] {
        assert_eq!(text.parse::<LaneId>(), Err(LaneError::NotALaneId), "{text:?}");
    }
}

proptest! {
    /// Whatever parses is canonical: it parses again to itself.
    #[test]
    fn parsing_is_idempotent(text in "(eip155|cosmos|bip122|solana):[-_a-zA-Z0-9]{1,34}[:/][a-zA-Z0-9]{1,6}:?[-.%a-zA-Z0-9/]{0,44}") {
        if let Ok(account) = text.parse::<AccountId>() {
            prop_assert_eq!(account.as_str().parse::<AccountId>(), Ok(account.clone()));
        }
        if let Ok(asset) = text.parse::<AssetId>() {
            prop_assert_eq!(asset.as_str().parse::<AssetId>(), Ok(asset.clone()));
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,60}") {
        let _ = text.parse::<Caip2>();
        let _ = text.parse::<AccountId>();
        let _ = text.parse::<AssetId>();
        let _ = text.parse::<LaneId>();
    }
}
