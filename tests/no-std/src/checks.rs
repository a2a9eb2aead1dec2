//! What is run of each crate.

/// The checks of the chosen crates.
pub fn run() -> i32 {
    let checks: &[(i32, fn() -> bool)] = &[
        #[cfg(feature = "core")]
        (1, outbox),
        #[cfg(feature = "core")]
        (2, packing),
        #[cfg(feature = "mpt")]
        (3, trie),
        #[cfg(feature = "crypto")]
        (4, signature),
        #[cfg(feature = "bft-evm")]
        (5, validators),
        #[cfg(feature = "bitcoin")]
        (17, bitcoin_headers),
        #[cfg(feature = "cometbft")]
        (14, cometbft_update),
        #[cfg(feature = "cometbft")]
        (15, cometbft_read),
        #[cfg(feature = "fabric")]
        (11, fabric),
        #[cfg(feature = "bls")]
        (18, pairing),
        #[cfg(feature = "ethereum")]
        (19, sync_committee),
        #[cfg(feature = "neo")]
        (20, neo_headers),
        #[cfg(feature = "substrate")]
        (23, substrate),
        #[cfg(feature = "fisco-bcos")]
        (24, fisco_bcos),
    ];
    if checks.is_empty() {
        return -1;
    }
    checks.iter().find(|(_, check)| !check()).map_or(0, |(number, _)| *number)
}

#[cfg(feature = "core")]
fn entries() -> alloc::vec::Vec<causeway_core::Entry> {
    use causeway_core::{B256, Body, Caip2, Entry, Lane, LaneEnd, LaneId, SwapLeg};
    let end = |id| LaneEnd::new(&Caip2::evm(id), B256::repeat_byte(1), &[2; 20], &[3; 20]);
    let lane = match (end(1), end(2)) {
        (Ok(source), Ok(destination)) => Lane { source, destination, epoch: 0 }.id(),
        _ => LaneId(B256::ZERO),
    };
    let fact = SwapLeg { swap_id: B256::repeat_byte(9), leg: 1 };
    (0..100).map(|index| Entry { lane, index, body: Body::SwapLocked(fact) }).collect()
}

/// A run of 50 entries is proven and verified, in both forms.
#[cfg(feature = "core")]
fn outbox() -> bool {
    use causeway_core::{Anchor, Entry, OutboxTree};
    let entries = entries();
    let Some(lane) = entries.first().map(|entry| entry.lane) else { return false };
    let tree: OutboxTree = entries.iter().map(Entry::commitment).collect();
    let (mut by_root, mut by_peak) = (alloc::vec::Vec::new(), alloc::vec::Vec::new());
    let Some(root) = tree.root() else { return false };
    let Ok(()) = tree.prove_root(100, 10, 50, &mut by_root) else { return false };
    let Ok(peak) = tree.prove_peak(6, 10, 50, &mut by_peak) else { return false };
    let Some(run) = entries.get(10..60) else { return false };
    let root = Anchor::Root { root, size: 100 };
    let peak = Anchor::Peak { peak, height: 6 };
    root.verify_entries(lane, 10, run, &by_root).is_ok()
        && peak.verify_entries(lane, 10, run, &by_peak).is_ok()
        && peak.verify_entries(lane, 11, run, &by_peak).is_err()
}

#[cfg(feature = "core")]
fn packing() -> bool {
    use causeway_core::pack::{decode_event, encode_event};
    let entries = entries();
    let Some(lane) = entries.first().map(|entry| entry.lane) else { return false };
    encode_event(&entries).and_then(|bytes| decode_event(lane, 0, &bytes)).is_ok_and(|again| again == entries)
}

/// Absence in the empty trie, whose root is keccak256(0x80), and nothing under another root.
#[cfg(feature = "mpt")]
fn trie() -> bool {
    use alloy_primitives::{B256, keccak256};
    use causeway_mpt::{Lookup, decode_account, lookup};
    let empty = keccak256([0x80]);
    let nodes: [&[u8]; 1] = [&[0x80]];
    let absent = lookup(&empty, &[7; 32], &nodes[..0]).or_else(|_| lookup(&empty, &[7; 32], &nodes));
    matches!(absent, Ok(Lookup::Absent))
        && lookup(&B256::repeat_byte(1), &[7; 32], &nodes).is_err()
        && decode_account(&[0xc0]).is_err()
}

/// Ethereum's own ecrecover example (go-ethereum `core/vm/testdata/precompiles/ecRecover.json`, "ValidKey").
#[cfg(feature = "crypto")]
fn signature() -> bool {
    use alloy_primitives::{B256, address, hex};
    use causeway_crypto::{HighS, Portable, Recover};
    let prehash = B256::new(hex!("18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"));
    let r_s = hex!(
        "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f"
        "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"
    );
    let signer = address!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b");
    Portable::recover(&prehash, &r_s, 1, HighS::Accept) == Ok(signer)
        && Portable::recover(&prehash, &r_s, 1, HighS::Refuse).is_err()
}

/// A set of validators is read and hashed; the verifier and the comparison are linked.
#[cfg(feature = "bft-evm")]
fn validators() -> bool {
    use alloy_primitives::Address;
    use causeway_bft_evm::{ValidatorSet, conflict, set_hash, verify};
    let validators = [Address::repeat_byte(1), Address::repeat_byte(2)];
    let set = ValidatorSet::new(validators.to_vec());
    let (verify, conflict) = (core::hint::black_box(verify as *const ()), core::hint::black_box(conflict as *const ()));
    set.is_ok_and(|set| set.len() == 2 && !set_hash(set.as_slice()).is_zero()) && verify != conflict
}

/// Five headers on Bitcoin's first (from the test vectors of BIP 54): four that are hashed side by side, and one left over.
#[cfg(feature = "bitcoin")]
fn bitcoin_headers() -> bool {
    use alloy_primitives::{U256, hex};
    use causeway_bitcoin::{Effect, Params, Pin, Rules, TrustedState, verify};
    let genesis = hex!(
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3"
        "888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
    );
    let headers = hex!(
        "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d619000000000000000000000000000000000000000000000000"
        "0000000000000000000000000081ad5f49ffff001def59910b01000000df5672e92429be134dbe84d1b5ae880b686ce72fa6a415d2196b"
        "f27200000000c0c62d0000000000000000000000000000000000000000000000000000000000d9af5f49ffff001dd2c1440d0100000062"
        "77fcee77f07167e34a11a29ed2c21b4a75d3ee9025213c0bd2926f00000000c02709000000000000000000000000000000000000000000"
        "000000000000000031b25f49ffff001dfa0788100100000009d2bacb2a0a757921558f53e87383cb3420894a1bb204bbf65a440e000000"
        "0060ae0a000000000000000000000000000000000000000000000000000000000089b45f49ffff001d842d8f0201000000f4a210c545ca"
        "1d24bdd07ae3ce484c3eb244b1e0dab7dbf2a5492c9d0000000020402c0000000000000000000000000000000000000000000000000000"
        "000000e1b65f49ffff001dc38c6800"
    );
    let params = Params {
        rules: Rules::MAINNET,
        final_work: U256::from(1),
        window: 100,
        trusting_period: 86_400,
        drift: 7_200,
        freeze_delay: 0,
    };
    let pin = Pin { height: 0, hash: Rules::MAINNET.genesis, work: U256::ZERO };
    let Ok(state) = TrustedState::begin(&params, &pin, &genesis, 1_231_006_505) else { return false };
    let mut forged = headers;
    forged[200] ^= 1;
    let accepted = verify(&params, &state, &headers, 1_231_010_000);
    accepted.is_ok_and(|verified| verified.effect == Effect::Extended && verified.trusted.tip().height() == 5)
        && verify(&params, &state, &forged, 1_231_010_000).is_err()
}

/// Block 1 of Fabric's own sample ledger (`core/ledger/kvledger/tests/testdata/v20`) has the hash that it has; what is no
/// block, certificate or state is refused; verifier, comparison and reads are linked.
#[cfg(feature = "fabric")]
fn fabric() -> bool {
    use alloy_primitives::{B256, b256};
    use causeway_fabric::{Block, BlockHeader, TrustedState, conflict, outbox, quorum, verify, x509::Certificate};
    let header = BlockHeader {
        number: 1,
        previous_hash: Some(b256!("39cede29a224a3db58ee6eadcabf9008756868daa11d282f8e83bc1a08189291")),
        data_hash: b256!("c2b0e5970220efc7907bdb26bb447ccb1ed1d87c17bebdbadff3e7181916d68e"),
    };
    let expected: B256 = b256!("c95ae2034f6cfe904052234dc2f4fbadca925da641b9b8ca154d8ed6463a4fc6");
    let linked = [verify as *const (), conflict as *const (), outbox as *const ()].map(core::hint::black_box);
    header.hash() == expected
        && quorum(4) == 3
        && Block::decode(&[1]).is_err()
        && Certificate::from_pem(b"-----BEGIN CERTIFICATE-----").is_err()
        && TrustedState::decode(&[1; 200]).is_err()
        && linked.iter().all(|function| !function.is_null())
}

/// A signature of the official vectors (ethereum/bls12-381-tests, `sign_case_142f678a8d05fcd1`) is made again and verifies
/// under its key alone.
#[cfg(feature = "bls")]
fn pairing() -> bool {
    use alloy_primitives::hex;
    use causeway_crypto::bls::{Bls, ETHEREUM_DST, Portable};
    let secret = hex!("47b8192d77bf871b62e87859d653922725724a5c031afeabc60bcef5ff665138");
    let (Ok(signature), Ok(key)) =
        (Portable::sign(&secret, &[0x56; 32], ETHEREUM_DST), Portable::public_key_of(&secret))
    else {
        return false;
    };
    let expected = hex!("af1390c3c47acdb37131a51216da683c509fce0e954328a59f93aebda7e4ff97");
    let Ok(key) = Portable::public_key(&key) else { return false };
    signature.starts_with(&expected)
        && Portable::verify(&key, &[0x56; 32], ETHEREUM_DST, &signature).is_ok()
        && Portable::verify(&key, &[0x57; 32], ETHEREUM_DST, &signature).is_err()
}

/// A client of 32 seats starts at a made-up block and follows one update.
#[cfg(feature = "ethereum")]
fn sync_committee() -> bool {
    use causeway_crypto::bls::Portable;
    use causeway_ethereum::{
        Network, Params, Preset, TrustedState,
        compose::{Members, Plan, bootstrap, header},
        verify,
    };
    let network = Network { preset: Preset::MINIMAL, ..Network::MAINNET };
    let first = 411_392 * 8;
    let params = Params { network, trusting_period: 1_000_000, drift: 0, freeze_delay: 0 };
    let Ok(members) = Members::new::<Portable>(32, 1) else { return false };
    let start = bootstrap(&network, first, members.committee());
    let mut bytes = alloc::vec![start.fork as u8];
    bytes.extend(start.encode(&network));
    let pinned = start.header.beacon.root();
    let Ok(trusted) = TrustedState::begin::<Portable>(&params, &pinned, &bytes, network.time_of(first)) else {
        return false;
    };
    let finalized = Some(header(&network, first + 8, pinned, pinned));
    let plan = Plan { attested: first + 24, finalized, next: None, signature_slot: first + 25 };
    let judge = |signers: usize| {
        let update = plan.signed::<Portable>(&network, &members, |seat| seat < signers);
        update.is_ok_and(|update| {
            verify(&params, &trusted, &update.to_wire(&network), network.time_of(first + 25)).is_ok()
        })
    };
    judge(22) && !judge(21)
}

/// The genesis header of neo-go's unit test network starts a client, under its hash alone; a header without a witness by
/// its consensus is refused.
#[cfg(feature = "neo")]
fn neo_headers() -> bool {
    use alloy_primitives::{B256, hex};
    use causeway_neo::{Header, Params, TrustedState, verify};
    let header = hex!(
        "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "00000000000000000000000088ea19ef550100001dac2b7c00000000000000000068b9e81e8c0e6c9079b4b9d105e878a76d3f223f010001"
        "11"
    );
    let mut hash = hex!("0f8fb4e17d2ab9f3097af75ca7fd16064160fb8043db94909e00dd4e257b9dc4");
    hash.reverse(); // as nodes show it
    let params = Params { magic: 42, state_root_in_header: false, trusting_period: 86_400, drift: 15 };
    let now = 1_468_595_301;
    let pinned = |hash: B256| TrustedState::pinned(&params, &hash, &header, now);
    let Ok(trusted) = pinned(B256::new(hash)) else { return false };
    Header::read(&params, &header).is_ok_and(|header| header.height == 0)
        && pinned(B256::repeat_byte(1)).is_err()
        && verify(&params, &trusted, &header, now).is_err()
}

/// An honest update of GRANDPA, but for its signature: every rule before it holds, and the check of signatures refuses.
#[cfg(feature = "substrate")]
fn substrate() -> bool {
    use alloc::{collections::BTreeMap, vec, vec::Vec};
    use alloy_primitives::B256;
    use causeway_substrate::{
        AncestryRule, AuthoritySet, AuthoritySource, Finality, GrandpaUpdate, HeaderFormat, Params, Refusal,
        TrustedState, Update,
        compose::{StateVersion, Vote, header, justification, trie},
        conflict,
        hash::blake2_256,
        proof::TIMESTAMP_NOW,
        verify,
    };
    let state = BTreeMap::from([(TIMESTAMP_NOW.to_vec(), 6_000u64.to_le_bytes().to_vec())]);
    let (root, nodes) = trie(&state, StateVersion::V1);
    let header = header(&B256::ZERO, 2, &root, &[]);
    // The base point: a key of the curve that nobody signs with here.
    let mut key = [0x66; 32];
    key[0] = 0x58;
    let vote = Vote { target: (blake2_256(&header), 2), signature: [0; 64], key };
    let proof = justification(1, vote.target, &[vote], &[]);
    let state: Vec<&[u8]> = nodes.iter().map(Vec::as_slice).collect();
    let update = GrandpaUpdate { set_id: 1, reads_set: false, justification: &proof, header: &header, state };
    let update = Update::Grandpa(update).encode();
    let params = Params {
        header: HeaderFormat::Substrate,
        ancestry: AncestryRule::Complete,
        authorities: AuthoritySource::Pallet,
        trusting_period: 9,
        drift: 9,
        freeze_delay: 9,
    };
    let Ok(set) = AuthoritySet::new(1, vec![(key, 1)]) else { return false };
    let trusted = TrustedState::new(1, 1, B256::ZERO, B256::ZERO, Finality::Grandpa { set, pending: None });
    matches!(verify(&params, &trusted, &update, 6), Err(Refusal::BadSignature { .. }))
        && conflict(&params, &trusted, &update, &update, 6).is_err()
        && TrustedState::decode(&trusted.encode()) == Ok(trusted)
}

/// A header whose signature is by a key that is no point of the curve: every rule before it holds.
#[cfg(feature = "fisco-bcos")]
fn fisco_bcos() -> bool {
    use alloc::vec;
    use alloy_primitives::B256;
    use causeway_fisco_bcos::{
        FieldsV3, Params, Refusal, Sealer, SealerSet, Suite, Threshold, TrustedState, Update, Version, conflict, verify,
    };
    let keys = [[7; 64]];
    let fields = FieldsV3 {
        version: 1,
        parent: (1, B256::ZERO),
        transactions_root: B256::ZERO,
        receipts_root: B256::ZERO,
        state_root: B256::ZERO,
        number: 2,
        gas_used: 9,
        time_ms: 6_000,
        sealer: 0,
        keys: &keys,
        weights: &[1],
    };
    let header = fields.encode();
    let signature = [[7; 64], [7; 64]].concat();
    let update = Update { header: &header, signatures: vec![(0, signature.as_slice())] }.encode();
    let params = Params {
        version: Version::V3,
        suite: Suite::Sm,
        tree_width: 2,
        trusting_period: 9,
        drift: 9,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 9,
    };
    let Ok(sealers) = SealerSet::new(vec![Sealer { key: [7; 64], weight: 1 }]) else { return false };
    let trusted = TrustedState::new(1, 1, B256::ZERO, sealers);
    matches!(verify(&params, &trusted, &update, 6), Err(Refusal::BadSm2Seal { .. }))
        && conflict(&params, &trusted, &update, &update, 6).is_err()
        && TrustedState::decode(&trusted.encode()) == Ok(trusted)
}

/// A block of one validator, signed with its key, is accepted; with one bit of its signature changed it is not.
#[cfg(feature = "cometbft")]
fn cometbft_update() -> bool {
    use alloy_primitives::{B256, hex};
    use causeway_cometbft::{Params, Time, TrustedState, verify};
    let update = hex!(
        "0ac8040a8f030a04080b1001120a63617573657761792d3118e90722080881a4a7da0610072a480a20f8f8f8f8f8f8f8"
        "f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f8f81224080112200909090909090909090909090909090909"
        "090909090909090909090909090909322002020202020202020202020202020202020202020202020202020202020202"
        "023a20030303030303030303030303030303030303030303030303030303030303030342201236403a5844ac069a3b58"
        "d63adc6dc18d48c113bb96ffef4048a47a77b999ec4a201236403a5844ac069a3b58d63adc6dc18d48c113bb96ffef40"
        "48a47a77b999ec522004040404040404040404040404040404040404040404040404040404040404045a200505050505"
        "050505050505050505050505050505050505050505050505050505622006060606060606060606060606060606060606"
        "060606060606060606060606066a20070707070707070707070707070707070707070707070707070707070707070772"
        "14a4b26dacf1a3cbeb2f51abc158b512b2c5bfa4c912b30108e9071a480a203d88ed822f49a5cf9eb77e453920209b52"
        "ad88717fe25f5cdc9874e1be3ab8f0122408011220090909090909090909090909090909090909090909090909090909"
        "0909090909226408021214a4b26dacf1a3cbeb2f51abc158b512b2c5bfa4c91a080882a4a7da06100722403463a7dffd"
        "955fe5dc1cf5f4e94932ef1b231af2025a9c1ce27657ff6f47ea1d0cd913969a1c9f7c53f5d86b2f189293c5777addf6"
        "8aa223cd080b68d8729201123e0a3c0a14a4b26dacf1a3cbeb2f51abc158b512b2c5bfa4c912220a20801e158387f6d7"
        "8ebf39104a964ea1b11b4d3e5269556fb9fd063daf92dfa972180a"
    );
    let next = B256::new(hex!("1236403a5844ac069a3b58d63adc6dc18d48c113bb96ffef4048a47a77b999ec"));
    let params = Params::new("causeway-1".into(), core::time::Duration::from_secs(86_400));
    let trusted = TrustedState::new(1_000, Time::from_unix(1_800_000_000), B256::ZERO, alloc::vec::Vec::new(), next);
    let now = Time::from_unix(1_800_000_060);
    let mut forged = update;
    // The header stands before the commit, the commit before the validator set, which takes the last 64 bytes or so.
    if let Some(byte) = forged.iter_mut().rev().nth(100) {
        *byte ^= 1;
    }
    verify(&params, &trusted, &update, now).is_ok_and(|verified| verified.trusted.height() == 1_001)
        && verify(&params, &trusted, &forged, now).is_err()
}

/// The second of two keys is read under the root of a tree.
#[cfg(feature = "cometbft")]
fn cometbft_read() -> bool {
    use alloy_primitives::hex;
    use causeway_cometbft::proof::{Lookup, TENDERMINT, read};
    let root = hex!("2640d5ead8b8f59a8f8709f4aeb898667f24a647d41712a7936bb72725d4f917");
    let proof = hex!(
        "0a430a066b3030303032120776616c756520311a090801180120012a0100222508011221012196bd2af5dda86bc4f5f7"
        "6b33102d67d08c330366c5be2d502e30eedba76ed1"
    );
    read(&TENDERMINT, &root, b"k00002", &proof) == Ok(Lookup::Present(b"value 1"))
        && read(&TENDERMINT, &root, b"k00003", &proof).is_err()
}
