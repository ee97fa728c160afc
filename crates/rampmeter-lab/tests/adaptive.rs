//! Adaptive limits find the best concurrency of a server, and keep to it when it moves.

use rampmeter_lab::studies::adaptive::{Row, Scene, run, scenes};

/// Quick calls are many, and show nothing more; the command plays them too, with more seeds.
fn played() -> Vec<Scene> {
    scenes().into_iter().filter(|it| it.must_hold && !it.name.contains("quick")).collect()
}

#[test]
fn an_adaptive_limit_loses_at_most_a_twentieth_beside_the_best_fixed_one_within_a_minute_of_a_move()
{
    let mut wrong = Vec::new();
    for scene in played() {
        for row in run(&scene, 0) {
            println!("{}", row.json());
            if !row.holds() {
                wrong.push(row.json());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_seed_shows_the_same_twice() {
    let Some(scene) = scenes().into_iter().find(|it| it.name == "scalability law") else {
        panic!("there is no such scene");
    };
    let rows = || run(&scene, 3).iter().map(Row::json).collect::<Vec<_>>();
    assert_eq!(rows(), rows());
}
