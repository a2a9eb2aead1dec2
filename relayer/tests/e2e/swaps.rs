//! Swaps whose parties vanish or cancel after each step, while relayers die. Both ends decide alike (INV-4), and nothing stays
//! locked.

use super::{PATIENCE, SOON, World};
use causeway::demo::trade::Trade;
use std::time::{Duration, Instant};

/// Swaps: each plot once.
const SWAPS: usize = 7;
/// One relayer alone: deadlines, its patience with the peer, then a few blocks.
const ALONE: Duration = Duration::from_secs(60);

async fn world(count: usize) -> (World, Trade) {
    let world = World::build(PATIENCE).await;
    world.warm_up().await;
    let trade = world.trade(count, SOON).await.unwrap();
    (world, trade)
}

async fn judge(world: &World, trade: &Trade, limit: Duration) {
    let violations = world.judge_swaps(trade, limit).await.unwrap();
    assert!(violations.is_empty(), "{violations:#?}");
    world.judge(limit).await;
}

/// Legs that a relayer voided, by its metrics.
async fn voided(world: &World, who: usize) -> f64 {
    let address = world.metrics(who).unwrap();
    let page = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.starts_with("causeway_swap_voided_legs_total{")).unwrap().to_owned();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// ATK-111: each party vanishes or cancels after each step; both ends end alike, whichever fact comes first.
#[tokio::test(flavor = "multi_thread")]
async fn atk_111_parties_vanish_after_each_step_and_both_ends_decide_alike() {
    let (world, mut trade) = world(2 * SWAPS).await;
    world.agree(&mut trade).await.unwrap();
    for step in 0..Trade::STEPS {
        world.step(&mut trade, step).await.unwrap();
    }
    let begun = Instant::now();
    judge(&world, &trade, SOON).await;
    println!("{} swaps ended {:?} after their last act", 2 * SWAPS, begun.elapsed());
    let by = [voided(&world, 0).await, voided(&world, 1).await];
    assert_eq!(by.iter().sum::<f64>(), trade.abandoned() as f64, "each abandoned leg was voided once: {by:?}");
    assert!(by.iter().all(|n| *n > 0.0), "each relayer voids at its own end: {by:?}");
}

/// A relayer is killed right after each step, and both of them while legs become overdue.
#[tokio::test(flavor = "multi_thread")]
async fn relayers_killed_at_each_step_of_a_swap_change_nothing() {
    let (world, mut trade) = world(SWAPS).await;
    world.agree(&mut trade).await.unwrap();
    for step in 0..Trade::STEPS {
        world.step(&mut trade, step).await.unwrap();
        world.kill(step % 2).await.unwrap();
        world.start(step % 2).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for who in [0, 1] {
        world.kill(who).await.unwrap();
    }
    // Deadlines pass while nobody looks.
    tokio::time::sleep(Duration::from_secs(4)).await;
    tokio::try_join!(world.start(0), world.start(1)).unwrap();
    judge(&world, &trade, ALONE).await;
    // Killed once more, with nothing to do, both go on.
    for who in [0, 1] {
        world.kill(who).await.unwrap();
        world.start(who).await.unwrap();
    }
    tokio::try_join!(world.send(0, 8, 1), world.send(1, 8, 1)).unwrap();
    judge(&world, &trade, SOON).await;
}

/// One organisation's relayer goes for ever after a step, with whatever party it served: the other one voids at both ends.
async fn one_voids_alone(survivor: usize, after: usize) {
    let (world, mut trade) = world(SWAPS).await;
    world.agree(&mut trade).await.unwrap();
    for step in 0..Trade::STEPS {
        world.step(&mut trade, step).await.unwrap();
        if step == after {
            world.kill(1 - survivor).await.unwrap();
        }
    }
    let begun = Instant::now();
    judge(&world, &trade, ALONE).await;
    println!("alone, after step {after}: {:?}", begun.elapsed());
    assert_eq!(voided(&world, survivor).await, trade.abandoned() as f64);
}

#[tokio::test(flavor = "multi_thread")]
async fn acme_alone_ends_every_swap() {
    one_voids_alone(0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn globex_alone_ends_every_swap() {
    one_voids_alone(1, 0).await;
}
