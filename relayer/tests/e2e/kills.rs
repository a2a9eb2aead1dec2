//! Relayers that end without a warning.

use super::{SOON, World};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::{Duration, Instant};

/// Transfers each way.
const TRANSFERS: usize = 250;
/// Patience while relayers come and go.
const PATIENCE: Duration = Duration::from_secs(5);
/// Kills at the least: more follow while transfers are open.
const KILLS_MIN: usize = 10;

/// Kills a random relayer at random moments and starts it again, until `done` and [`KILLS_MIN`] are reached.
async fn kill_at_random(world: &World, seed: u64, done: &tokio::sync::Notify) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = 0;
    let mut open = true;
    while open || kills < KILLS_MIN {
        let pause = Duration::from_millis(random.random_range(20..1500));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = done.notified(), if open => open = false,
        }
        let who = random.random_range(0..2);
        world.kill(who).await.unwrap();
        kills += 1;
        // Sometimes both are down at once, for a moment.
        if random.random_bool(0.2) {
            world.kill(1 - who).await.unwrap();
            kills += 1;
            world.start(1 - who).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
        world.start(who).await.unwrap();
    }
    kills
}

/// ATK-075, INV-2, INV-6: SIGKILL between any two steps loses nothing and does nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn atk_075_killed_relayers_lose_nothing_and_do_nothing_twice() {
    let seed = std::env::var("CAUSEWAY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("CAUSEWAY_SEED={seed}");
    let world = World::build(PATIENCE).await;
    world.warm_up().await;
    let begun = Instant::now();
    let sent = tokio::sync::Notify::new();
    let send = async {
        tokio::try_join!(world.send(0, TRANSFERS, 12), world.send(1, TRANSFERS, 12)).unwrap();
        sent.notify_one();
    };
    let ((), kills) = tokio::join!(send, kill_at_random(&world, seed, &sent));
    let (decided, open) = world.progress();
    println!("{kills} kills in {:?}; {decided} entries decided, {open} open", begun.elapsed());
    world.judge(SOON * 2).await;
    println!("{} transfers and their returns settled after {:?}", 2 * TRANSFERS, begun.elapsed());
    // Killed once more, with nothing to do, both go on.
    for who in [0, 1] {
        world.kill(who).await.unwrap();
        world.start(who).await.unwrap();
    }
    tokio::try_join!(world.send(0, 8, 1), world.send(1, 8, 1)).unwrap();
    world.judge(SOON).await;
}
