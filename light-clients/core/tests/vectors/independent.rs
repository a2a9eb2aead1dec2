//! The committed vectors, recomputed from their own fields: bytes put together by hand and `rs_merkle`'s own tree and
//! proofs, and nothing of `causeway-core` itself.

use alloy_primitives::{U256, hex, keccak256};
use rs_merkle::{Hasher, MerkleProof, MerkleTree};
use serde_json::Value;

use super::read;

type Word = [u8; 32];

/// Leaf and node hashing, written here again.
#[derive(Clone)]
struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = Word;

    fn hash(data: &[u8]) -> Word {
        keccak256([&[0], data].concat()).0
    }

    fn concat_and_hash(left: &Word, right: Option<&Word>) -> Word {
        right.map_or(*left, |right| keccak256([&[1], &left[..], &right[..]].concat()).0)
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn word(value: &Value) -> Word {
    bytes(value).try_into().unwrap()
}

fn words(value: &Value) -> Vec<Word> {
    value.as_array().unwrap().iter().map(word).collect()
}

fn number(value: &Value) -> u64 {
    value.as_str().map_or_else(|| value.as_u64().unwrap(), |text| text.parse().unwrap())
}

fn uint(value: u64) -> Word {
    U256::from(value).to_be_bytes()
}

fn list(value: &Value) -> &[Value] {
    let list = value.as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn leaf(words: &[Word]) -> Word {
    keccak256([&[0u8][..], &words.concat()].concat()).0
}

#[test]
fn lane_ids() {
    let file = read("lanes.json");
    for case in list(&file["lanes"]) {
        let end = |end: &Value| {
            let chain = keccak256(end["chain"].as_str().unwrap());
            let (vault, outbox) = (keccak256(bytes(&end["vault"])), keccak256(bytes(&end["outbox"])));
            [&chain[..], &word(&end["genesis"]), &vault[..], &outbox[..]].concat()
        };
        let id = |from: &Value, to: &Value| {
            let domain = keccak256("causeway/lane/1");
            keccak256([&domain[..], &end(from), &end(to), &uint(number(&case["epoch"]))].concat()).0
        };
        assert_eq!(word(&case["lane_id"]), id(&case["source"], &case["destination"]), "{}", case["name"]);
        assert_eq!(word(&case["reverse_lane_id"]), id(&case["destination"], &case["source"]), "{}", case["name"]);
    }
}

#[test]
fn names() {
    let file = read("lanes.json");
    for case in list(&file["chains"]) {
        assert_eq!(word(&case["hash"]), keccak256(case["caip2"].as_str().unwrap()).0);
    }
    for case in list(&file["accounts"]) {
        let (native, canonical) = (bytes(&case["native"]), case["canonical"].as_str().unwrap());
        let expected = if native.len() > 32 {
            keccak256(canonical).0
        } else {
            let mut padded = [0; 32];
            padded[32 - native.len()..].copy_from_slice(&native);
            padded
        };
        assert_eq!(word(&case["word"]), expected, "{canonical}");
        assert!(canonical.eq_ignore_ascii_case(case["input"].as_str().unwrap()));
    }
    for case in list(&file["assets"]) {
        let canonical = case["canonical"].as_str().unwrap();
        assert_eq!(word(&case["hash"]), keccak256(canonical).0);
        assert_eq!(canonical, case["input"].as_str().unwrap().to_ascii_lowercase());
    }
}

#[test]
fn entries() {
    let file = read("entries.json");
    for case in list(&file["entries"]) {
        let fields = &case["fields"];
        let mut expected = vec![word(&case["lane_id"]), uint(number(&case["index"])), uint(number(&case["kind"]))];
        expected.extend(match number(&case["kind"]) {
            1 => {
                let amount: U256 = fields["amount"].as_str().unwrap().parse().unwrap();
                let (asset, memo) = (word(&fields["asset"]), word(&fields["memo"]));
                let (sender, recipient) = (word(&fields["sender"]), word(&fields["recipient"]));
                vec![asset, amount.to_be_bytes(), sender, recipient, uint(number(&fields["timeout"])), memo]
            }
            2 => {
                let reason = uint(number(&fields["reason"]));
                vec![uint(number(&fields["index"])), word(&fields["commitment"]), reason]
            }
            3 | 4 => vec![word(&fields["swap_id"]), uint(number(&fields["leg"]))],
            kind => panic!("kind {kind}"),
        });
        assert_eq!(words(&case["words"]), expected, "{}", case["name"]);
        assert_eq!(word(&case["commitment"]), leaf(&expected), "{}", case["name"]);
    }
}

#[test]
fn swap_ids() {
    let file = read("swaps.json");
    for case in list(&file["swaps"]) {
        let mut expected = words(&case["lanes"]);
        for leg in list(&case["legs"]) {
            let amount: U256 = leg["amount"].as_str().unwrap().parse().unwrap();
            expected.extend([word(&leg["asset"]), amount.to_be_bytes(), word(&leg["from"]), word(&leg["to"])]);
            expected.push(uint(number(&leg["deadline"])));
        }
        expected.push(word(&case["nonce"]));
        assert_eq!(words(&case["words"]), expected, "{}", case["name"]);
        let preimage = [&keccak256("causeway/swap/1")[..], &expected.concat()].concat();
        assert_eq!(word(&case["swap_id"]), keccak256(preimage).0, "{}", case["name"]);
    }
}

/// A cursor over bytes that are known to be good.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head
    }

    fn uint(&mut self, len: usize) -> u64 {
        self.take(len).iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn padded(&mut self, len: usize) -> Word {
        let mut padded = [0; 32];
        padded[32 - len..].copy_from_slice(self.take(len));
        padded
    }
}

/// What a group of returns in a delivery brings along.
struct Returns {
    height: u64,
    siblings: Vec<Word>,
    originals: Vec<Vec<Word>>,
}

/// Reads one group as the contracts' README describes it. Gives back each entry's words from the kind on.
fn group(cursor: &mut Cursor<'_>, reverse: Option<Word>) -> (Vec<Vec<Word>>, Option<Returns>) {
    let kind = cursor.uint(1);
    let count = cursor.uint(2);
    let mut entries = Vec::new();
    match (kind, reverse) {
        (1, _) => {
            let (width, flags) = (cursor.uint(1) as usize, cursor.uint(1));
            let account = if flags & 1 == 1 { 32 } else { 20 };
            let asset = cursor.padded(32);
            for _ in 0..count {
                let (amount, sender, recipient) =
                    (cursor.padded(width), cursor.padded(account), cursor.padded(account));
                let timeout = cursor.padded(8);
                let memo = if flags & 2 == 2 { cursor.padded(32) } else { [0; 32] };
                entries.push(vec![uint(1), asset, amount, sender, recipient, timeout, memo]);
            }
            (entries, None)
        }
        (2, None) => {
            for _ in 0..count {
                entries.push(vec![uint(2), cursor.padded(8), cursor.padded(32), cursor.padded(1)]);
            }
            (entries, None)
        }
        (2, Some(reverse)) => {
            let height = cursor.uint(1);
            let siblings = (0..cursor.uint(1)).map(|_| cursor.padded(32)).collect();
            let mut originals = Vec::new();
            for _ in 0..count {
                let (index, reason) = (cursor.padded(8), cursor.padded(1));
                let mut original = vec![reverse, index, uint(1)];
                original.extend((0..4).map(|_| cursor.padded(32)));
                original.extend([cursor.padded(8), cursor.padded(32)]);
                entries.push(vec![uint(2), index, leaf(&original), reason]);
                originals.push(original);
            }
            (entries, Some(Returns { height, siblings, originals }))
        }
        (3 | 4, _) => {
            for _ in 0..count {
                entries.push(vec![uint(kind), cursor.padded(32), cursor.padded(1)]);
            }
            (entries, None)
        }
        _ => panic!("kind {kind}"),
    }
}

fn placed(lane: Word, first: u64, bodies: Vec<Vec<Word>>) -> Vec<Vec<Word>> {
    let place = |(n, body): (usize, Vec<Word>)| [vec![lane, uint(first + n as u64)], body].concat();
    bodies.into_iter().enumerate().map(place).collect()
}

fn word_lists(value: &Value) -> Vec<Vec<Word>> {
    value.as_array().unwrap().iter().map(words).collect()
}

#[test]
fn packed_events() {
    let file = read("packed.json");
    let lane = word(&file["lane_id"]);
    for case in list(&file["events"]) {
        let packed = bytes(&case["bytes"]);
        let mut cursor = Cursor(&packed);
        let mut bodies = Vec::new();
        while !cursor.0.is_empty() {
            bodies.extend(group(&mut cursor, None).0);
        }
        assert_eq!(placed(lane, number(&case["first"]), bodies), word_lists(&case["entries"]), "{}", case["name"]);
    }
}

#[test]
fn packed_deliveries() {
    let file = read("packed.json");
    let (lane, reverse) = (word(&file["lane_id"]), word(&file["reverse_lane_id"]));
    for case in list(&file["deliveries"]) {
        let packed = bytes(&case["bytes"]);
        let mut cursor = Cursor(&packed);
        let mut next = number(&case["first"]);
        for run in list(&case["runs"]) {
            let count = cursor.uint(2) as usize;
            let siblings: Vec<Word> = (0..cursor.uint(1)).map(|_| cursor.padded(32)).collect();
            assert_eq!(siblings, words(&run["siblings"]));
            let (mut bodies, mut returned) = (Vec::new(), Vec::new());
            while bodies.len() < count {
                let (more, returns) = group(&mut cursor, Some(reverse));
                bodies.extend(more);
                returned.extend(returns);
            }
            let entries = placed(lane, next, bodies);
            assert_eq!((entries.len(), &entries), (count, &word_lists(&run["entries"])));
            let leaves: Vec<Word> = entries.iter().map(|entry| leaf(entry)).collect();
            assert_eq!(peak(number(&run["height"]), next, &leaves, siblings), word(&run["peak"]));
            next += count as u64;
            let described = run["returned"].as_array().unwrap();
            assert_eq!(returned.len(), described.len());
            for (found, expected) in returned.into_iter().zip(described) {
                assert_eq!(found.height, number(&expected["height"]));
                assert_eq!(found.siblings, words(&expected["siblings"]));
                assert_eq!(found.originals, word_lists(&expected["originals"]));
                let leaves: Vec<Word> = found.originals.iter().map(|original| leaf(original)).collect();
                let first = U256::from_be_bytes(found.originals[0][1]).to::<u64>();
                assert_eq!(peak(found.height, first, &leaves, found.siblings), word(&expected["peak"]));
            }
        }
        assert!(cursor.0.is_empty());
        assert_eq!(next, number(&case["size"]));
    }
}

/// What `rs_merkle` makes of a run under a tree of `size` leaves.
fn root_of(size: u64, first: u64, leaves: &[Word], siblings: Vec<Word>) -> Word {
    let indices: Vec<usize> = (first as usize..first as usize + leaves.len()).collect();
    MerkleProof::<Rfc6962>::new(siblings).root(&indices, leaves, size as usize).unwrap()
}

/// A peak of height h is the root of 2^h leaves.
fn peak(height: u64, first: u64, leaves: &[Word], siblings: Vec<Word>) -> Word {
    root_of(1 << height, first % (1 << height), leaves, siblings)
}

#[test]
fn outbox_roots_and_slots() {
    let file = read("outbox.json");
    let leaves = words(&file["leaves"]);
    let mut first = words(&file["first_entry"]);
    for (index, expected) in leaves.iter().enumerate() {
        first[1] = uint(index as u64);
        first[4] = uint(index as u64 + 1);
        assert_eq!(leaf(&first), *expected, "leaf {index}");
    }
    // Slots as a contract fills them, one leaf at a time.
    let mut slots = vec![[0; 32]; 64];
    let mut history = Vec::new();
    for (size, appended) in leaves.iter().enumerate() {
        let (mut node, mut height) = (*appended, 0);
        while size >> height & 1 == 1 {
            node = Rfc6962::concat_and_hash(&slots[height], Some(&node));
            height += 1;
        }
        slots[height] = node;
        history.push(slots.clone());
    }
    for case in list(&file["sizes"]) {
        let size = number(&case["size"]) as usize;
        assert_eq!(MerkleTree::<Rfc6962>::from_leaves(&leaves[..size]).root(), Some(word(&case["root"])), "{size}");
        let expected = words(&case["slots"]);
        let (written, rest) = history[size - 1].split_at(expected.len());
        assert_eq!(written, expected, "{size}");
        assert!(rest.iter().all(|slot| *slot == [0; 32]));
    }
}

#[test]
fn outbox_proofs() {
    let file = read("outbox.json");
    let leaves = words(&file["leaves"]);
    for case in list(&file["proofs"]) {
        let (first, count) = (number(&case["first"]), number(&case["count"]));
        let run = &leaves[first as usize..(first + count) as usize];
        let (found, tree) = if case["form"] == "root" {
            let size = number(&case["size"]);
            (root_of(size, first, run, words(&case["siblings"])), &leaves[..size as usize])
        } else {
            let height = number(&case["height"]);
            let start = (first >> height << height) as usize;
            (peak(height, first, run, words(&case["siblings"])), &leaves[start..start + (1 << height)])
        };
        assert_eq!(found, word(&case["commitment"]), "{case}");
        assert_eq!(MerkleTree::<Rfc6962>::from_leaves(tree).root(), Some(found), "{case}");
    }
}
