//! Writes the fuzz targets' seed corpora from the vectors in `proto/vectors`.

use std::{fs, path::PathBuf};

use alloy_primitives::hex;
use serde_json::Value;

fn read(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../proto/vectors").join(name);
    serde_json::from_slice(&fs::read(path).expect("the vectors are there")).expect("the vectors are JSON")
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a writable folder");
    fs::write(folder.join(name), bytes).expect("a writable folder");
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a string")).expect("hexadecimal")
}

fn list<'a>(file: &'a Value, key: &str) -> &'a [Value] {
    file[key].as_array().expect("a list")
}

fn number(value: &Value) -> u64 {
    value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok()).expect("a number")
}

fn main() {
    let packed = read("packed.json");
    for (form, key) in [(0u8, "events"), (1, "deliveries")] {
        for (n, case) in list(&packed, key).iter().enumerate() {
            write("pack_decode", &format!("{key}-{n}"), &[&[form, 0][..], &bytes(&case["bytes"])].concat());
        }
    }
    for (n, case) in list(&packed, "refused").iter().enumerate() {
        let form = u8::from(case["form"] == "runs");
        write("pack_decode", &format!("refused-{n}"), &[&[form, 0][..], &bytes(&case["bytes"])].concat());
    }
    let entries = read("entries.json");
    for key in ["entries", "refused"] {
        for (n, case) in list(&entries, key).iter().enumerate() {
            let words: Vec<u8> = list(case, "words").iter().flat_map(bytes).collect();
            write("words_decode", &format!("{key}-{n}"), &words);
        }
    }
    for (n, case) in list(&read("outbox.json"), "proofs").iter().enumerate() {
        let peak = case["form"] == "peak";
        let (first, count) = (number(&case["first"]), number(&case["count"]));
        let size = if peak { 300 } else { number(&case["size"]) };
        let mut seed = vec![u8::from(peak)];
        seed.extend(((size - 1) as u16).to_be_bytes());
        seed.extend((first as u16).to_be_bytes());
        seed.extend([(count - 1) as u8, 0, 0]);
        write("range_verify", &format!("proof-{n}"), &seed);
        write("range_verify", &format!("proof-{n}-edited"), &[&seed[..], &[0, 1, 2, 3, 0x81, 0, 0, 0]].concat());
    }
}
