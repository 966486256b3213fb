//! `kill -9`, twenty times: what was acknowledged is there afterwards, whole, the log verifies, and sync ends equal.
//! `PEERGRES_SEED` repeats a run.

use peergres_tests::{
    fleet::{assert_equal, join, settle, verify},
    node::Node,
    writer::{self, Acknowledged, Random, TABLES},
};

const ROUNDS: i64 = 20;
/// Transaction numbers of one round lie below those of the next.
const ROUND_NUMBERS: i64 = 1_000_000;

fn seed() -> u64 {
    let seed = std::env::var("PEERGRES_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_260_101);
    eprintln!("PEERGRES_SEED={seed}");
    seed
}

#[test]
fn what_was_acknowledged_survives_kill_in_the_middle_of_a_load() {
    let mut random = Random::new(seed());
    let mut node = Node::start("anna", &[]);
    node.psql(TABLES).expect_success("the tables");
    let mut acknowledged = Acknowledged::new();
    for round in 1..=ROUNDS {
        let writers: Vec<_> = ["one", "two", "three"]
            .iter()
            .map(|name| writer::write(&node.url("app"), name, round * ROUND_NUMBERS, Random::new(random.below(u64::MAX))))
            .collect();
        writer::pause(&mut random, 50, 400);
        node.kill();
        for writer in writers {
            acknowledged.append(&mut writer.join().expect("a writer ends with its server"));
        }
        node.restart();
        writer::check(&node, &acknowledged);
        verify(&node);
    }
    assert!(acknowledged.len() > 100, "only {} transactions were acknowledged in all", acknowledged.len());
}

#[test]
fn what_was_acknowledged_survives_kill_in_the_middle_of_a_sync() {
    let mut random = Random::new(seed());
    let often: &[&str] = &["--sync-interval", "50ms"];
    let mut nodes = [Node::start("anna", often), Node::start("ben", often)];
    nodes[0].psql(TABLES).expect_success("the tables");
    join(&nodes[0], &nodes[1]);
    settle(&[&nodes[0], &nodes[1]]);
    let mut acknowledged = Acknowledged::new();
    for round in 1..=ROUNDS {
        let writers = nodes
            .iter()
            .map(|node| writer::write(&node.url("app"), node.name(), round * ROUND_NUMBERS, Random::new(random.below(u64::MAX))))
            .collect::<Vec<_>>();
        writer::pause(&mut random, 100, 500);
        // One dies first; the other goes on a little with a peer that is gone.
        let first = usize::from(random.below(2) == 0);
        nodes[first].kill();
        writer::pause(&mut random, 0, 100);
        nodes[1 - first].kill();
        for writer in writers {
            acknowledged.append(&mut writer.join().expect("a writer ends with its server"));
        }
        for node in &mut nodes {
            node.restart();
            verify(node);
        }
    }
    assert!(acknowledged.len() > 100, "only {} transactions were acknowledged in all", acknowledged.len());
    settle(&[&nodes[0], &nodes[1]]);
    assert_equal(&[&nodes[0], &nodes[1]]);
    for node in &nodes {
        writer::check(node, &acknowledged);
    }
}
