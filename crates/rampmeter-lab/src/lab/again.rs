//! The command that plays something again.

use super::regime::{Clock, Regime};
use super::scenario::{Scenario, built_in};

/// For a shell, in the folder of the store. A scenario of one's own is named by its text there, wherever it
/// was read from, and so is one that has another text in this version; `PATH` is a Python with
/// stageflow-core.
pub(super) fn command(
    scenario: &Scenario,
    regimes: &[Regime],
    clock: Clock,
    seed: u64,
    seeds: usize,
) -> String {
    let name = scenario.name.as_str();
    let is_built_in = built_in().iter().any(|it| *it == (name, scenario.text.as_str()));
    let place = if is_built_in { name.to_owned() } else { format!("scenarios/{name}.toml") };
    let names: Vec<&str> = regimes.iter().map(|regime| regime.as_str()).collect();
    let mut command =
        format!("rampmeter lab run {} --regimes {} --seed {seed}", quoted(&place), names.join(","));
    if seeds > 1 {
        command += &format!(" --seeds {seeds}");
    }
    if clock == Clock::Real {
        command += " --real";
    }
    if regimes.contains(&Regime::Stageflow) {
        command += " --python PATH";
    }
    command
}

/// As one word of a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario;
    use super::*;

    #[test]
    fn a_scenario_of_ones_own_is_named_by_its_file_and_a_built_in_one_by_its_name() {
        let (name, text) = built_in()[0];
        let known = scenario::read(&format!("{name}.toml"), text).unwrap();
        let run = |scenario: &Scenario, regimes: &[Regime], clock| {
            command(scenario, regimes, clock, 3, 2)
        };
        let told = run(&known, &[Regime::Unlimited, Regime::Rampmeter], Clock::Virtual);
        let end = "--regimes unlimited,rampmeter --seed 3 --seeds 2";
        assert_eq!(told, format!("rampmeter lab run {name} {end}"));
        let mut own = scenario::read("s/it's mine.toml", text).unwrap();
        let told = run(&own, &[Regime::Stageflow], Clock::Real);
        let end = "--regimes stageflow --seed 3 --seeds 2 --real --python PATH";
        assert_eq!(told, format!("rampmeter lab run 'scenarios/it'\\''s mine.toml' {end}"));
        // Of that name, but not of that text.
        (own.name, own.text) = (name.to_owned(), String::new());
        let told = run(&own, &[Regime::Rampmeter], Clock::Virtual);
        assert!(told.contains(&format!(" scenarios/{name}.toml ")), "{told}");
    }
}
