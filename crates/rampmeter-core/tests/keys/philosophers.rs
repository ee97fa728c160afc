//! Five dining philosophers: those who take both forks at one instant, and those who take one and
//! then, within that call, the other.

use rampmeter_core::{Config, Reason};

use crate::table::{State, Table};
use crate::{Rng, seeds};

const MEALS: usize = 20;

/// What one philosopher does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Thinks(u64),
    Waits(usize),
    Eats(usize, u64),
}

#[test]
fn five_philosophers_who_take_both_forks_at_once_all_eat_and_none_waits_for_long() {
    let mut longest = 0;
    for seed in seeds(1_000) {
        let mut rng = Rng(seed);
        let mut table = Table::new(seed, 5, &[], &Config::default());
        let mut does = [Does::Thinks(0); 5];
        let mut meals = [0; 5];
        while meals.iter().any(|eaten| *eaten < MEALS) {
            for at in 0..5 {
                match does[at] {
                    Does::Thinks(until) if until <= table.now && meals[at] < MEALS => {
                        let forks = [(at, true), ((at + 1) % 5, true)];
                        let call = table.ask(&forks, &[], (at as u8 % 4, at as u64), None);
                        does[at] = Does::Waits(call);
                    }
                    Does::Eats(call, until) if until <= table.now => {
                        table.end(call);
                        meals[at] += 1;
                        does[at] = Does::Thinks(table.now + rng.below(20));
                    }
                    _ => {}
                }
            }
            for doing in &mut does {
                if let Does::Waits(call) = *doing
                    && table.calls[call].state == State::Running
                {
                    let entry = &table.calls[call];
                    longest = longest.max(entry.started - entry.asked);
                    *doing = Does::Eats(call, table.now + 1 + rng.below(10));
                }
            }
            assert!(table.now < 100_000, "seed {seed}: {meals:?}");
            table.pass_to(table.now + 1);
        }
    }
    println!("the longest wait for both forks, where a meal takes 1 to 10 ms: {longest} ms");
    // By ticket at most the four others eat before one, each in turn, none twice.
    assert!(longest <= 4 * 11);
}

#[test]
fn five_philosophers_who_take_one_fork_after_the_other_all_eat_and_none_is_stuck() {
    let (mut cycles, mut longest, mut eaten) = (0, 0, 0);
    for seed in seeds(1_000) {
        let mut rng = Rng(seed);
        let mut table = Table::new(seed, 5, &[], &Config::default());
        // The call with the first fork, and the call with the second that it makes.
        let mut first = [Does::Thinks(0); 5];
        let mut second: [Option<Does>; 5] = [None; 5];
        let mut meals = [0; 5];
        let mut hungry_since = [0; 5];
        while meals.iter().any(|eaten| *eaten < MEALS) {
            for at in 0..5 {
                match (first[at], second[at]) {
                    (Does::Thinks(until), _) if until <= table.now && meals[at] < MEALS => {
                        let call = table.ask(&[(at, true)], &[], (0, at as u64), None);
                        if hungry_since[at] == 0 {
                            hungry_since[at] = table.now + 1;
                        }
                        first[at] = Does::Waits(call);
                    }
                    (Does::Waits(call), None) if table.calls[call].state == State::Running => {
                        // It takes a while to reach for the other fork.
                        first[at] = Does::Eats(call, table.now + rng.below(5));
                    }
                    (Does::Eats(call, until), None) if until <= table.now => {
                        let other = [((at + 1) % 5, true)];
                        let nested = table.ask(&other, &[], (0, 0), Some(call));
                        if table.calls[nested].state == State::Refused(Reason::WouldDeadlock) {
                            // It puts its fork down and thinks for a while.
                            cycles += 1;
                            table.end(call);
                            first[at] = Does::Thinks(table.now + 1 + rng.below(10));
                        } else {
                            second[at] = Some(Does::Waits(nested));
                        }
                    }
                    (_, Some(Does::Waits(nested)))
                        if table.calls[nested].state == State::Running =>
                    {
                        second[at] = Some(Does::Eats(nested, table.now + 1 + rng.below(10)));
                    }
                    (Does::Eats(call, _), Some(Does::Eats(nested, until)))
                        if until <= table.now =>
                    {
                        table.end(nested);
                        table.end(call);
                        meals[at] += 1;
                        longest = longest.max(table.now + 1 - hungry_since[at]);
                        hungry_since[at] = 0;
                        second[at] = None;
                        first[at] = Does::Thinks(table.now + rng.below(20));
                    }
                    _ => {}
                }
            }
            assert!(table.now < 100_000, "seed {seed}: {meals:?}");
            table.pass_to(table.now + 1);
        }
        eaten += meals.iter().sum::<usize>();
    }
    println!(
        "{eaten} meals, {cycles} refused as would deadlock; the longest from hungry to fed \
         {longest} ms"
    );
    assert!(cycles > 0, "all five sometimes hold one fork each");
    assert!(longest <= 500);
}
