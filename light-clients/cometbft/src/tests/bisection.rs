//! Skipping verification.

use std::vec::Vec;

use causeway_crypto::Native;

use crate::{
    Bisection, BisectionFault, Over, Refusal,
    tests::kit::{Block, Chain, Entry, HEIGHT, Key, at, keys, set},
};

/// A chain whose set of four moves on by one key at each block.
fn moving(ahead: u64) -> (Vec<Key>, Block) {
    let first = u32::try_from(ahead - 1).unwrap();
    let (own, next) = (keys(first..first + 4), set(&keys(first + 1..first + 5)));
    let block = Block::new(ahead, &own, set(&own), &next);
    (own, block)
}

fn run(chain: &Chain, target: u64, serve: impl Fn(u64) -> Block) -> Result<Vec<u64>, BisectionFault> {
    let mut way = Bisection::new(chain.trusted.clone(), HEIGHT + target);
    let mut asked = Vec::new();
    while let Some(height) = way.wanted() {
        asked.push(height - HEIGHT);
        let mut block = serve(height - HEIGHT);
        let first = u32::try_from(way.trusted().height() - HEIGHT).unwrap();
        block.trusted = Some(set(&keys(first..first + 4)));
        way.offer::<Native>(&mut Default::default(), &chain.params, &block.encode(), at(60))?;
    }
    assert_eq!(way.trusted().height(), HEIGHT + target);
    assert_eq!(way.verified().last().unwrap().height, HEIGHT + target);
    Ok(asked)
}

#[test]
fn halves_the_way_where_trust_does_not_reach() {
    let chain = Chain::new(4);
    // Two of four keys are common two blocks on, one of four three: a third must be exceeded.
    assert_eq!(run(&chain, 1, |ahead| moving(ahead).1).unwrap(), [1]);
    assert_eq!(run(&chain, 3, |ahead| moving(ahead).1).unwrap(), [3]);
    assert_eq!(run(&chain, 4, |ahead| moving(ahead).1).unwrap(), [4, 2, 4]);
    let asked = run(&chain, 16, |ahead| moving(ahead).1).unwrap();
    assert_eq!(asked.iter().filter(|ahead| **ahead == 16).count(), 3 + usize::from(asked.len() > 12));
    // A target that is reached already wants nothing.
    assert_eq!(Bisection::new(chain.trusted.clone(), HEIGHT).wanted(), None);
}

#[test]
fn ends_where_no_header_between_helps() {
    let chain = Chain::new(4);
    let fault = run(&chain, 8, |ahead| {
        let (_, mut block) = moving(ahead);
        if ahead == 2 {
            block.entries[0] = Entry::Absent;
            block.entries[1] = Entry::Absent;
        }
        block
    });
    assert!(matches!(fault, Err(BisectionFault::Refused(Refusal::NotEnoughTrust { over: Over::Header, .. }))));
    // Nobody of the trusted validators signs the block after the next.
    let strangers = |ahead: u64| match ahead {
        1 => chain.block(1),
        _ => Block::new(ahead, &keys(50..54), set(&keys(50..54)), &set(&keys(50..54))),
    };
    let mut way = Bisection::new(chain.trusted.clone(), HEIGHT + 2);
    let mut offer = |ahead: u64| {
        let mut block = strangers(ahead);
        block.trusted = Some(chain.set.clone());
        way.offer::<Native>(&mut Default::default(), &chain.params, &block.encode(), at(60))
    };
    assert_eq!((offer(2), offer(1)), (Ok(()), Ok(())));
    assert!(matches!(offer(2), Err(BisectionFault::Refused(Refusal::ValidatorsHash { .. }))));
}

#[test]
fn takes_only_the_height_that_is_wanted() {
    let chain = Chain::new(4);
    let mut way = Bisection::new(chain.trusted.clone(), HEIGHT + 5);
    let fault =
        way.offer::<Native>(&mut Default::default(), &chain.params, &chain.block(6).encode(), at(60)).unwrap_err();
    assert_eq!(fault, BisectionFault::Height { expected: Some(HEIGHT + 5), found: HEIGHT + 6 });
}
