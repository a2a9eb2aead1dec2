//! Runs the suite: `cargo test -p conformance -- --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use conformance::{
    discover::{Root, folders, judge_folder, roots},
    floor,
    report::{count, failures, table},
};

/// Whether a root is there. In CI it must be.
fn present(root: &Root) -> bool {
    if root.path.is_dir() {
        return true;
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "{} is absent ({}), which CI does not allow", root.path.display(), root.variable);
    println!("skipped: {} is absent; set {} to the folder of families", root.path.display(), root.variable);
    false
}

#[test]
fn every_case_gets_the_expected_verdict() {
    for (root, name) in roots().iter().zip(["vectors", "recorded"]) {
        if !present(root) {
            continue;
        }
        let folders = folders(root).unwrap();
        let cases: Vec<_> = folders.iter().flat_map(judge_folder).collect();
        let families = count(&cases);
        println!("\n{name}\n{}", table(&families));
        if std::env::var_os("CONFORMANCE_PRINT_FLOOR").is_some() {
            println!("{}", floor::print(&folders, &cases));
        }
        let failures = failures(&cases);
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        let below = floor::below(&folders, &cases).unwrap();
        assert!(below.is_empty(), "{}", below.join("\n"));
    }
}
