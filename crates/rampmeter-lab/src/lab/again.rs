//! The command that plays something again.

use super::regime::{Clock, Regime};
use super::scenario::{Scenario, built_in};

/// For a shell, in the folder of the store, with these seeds, which rise. A scenario of one's own is named by its text there, wherever it
/// was read from, and so is one that has another text in this version; `PATH` is a Python with
/// stageflow-core.
pub(super) fn command(
    scenario: &Scenario,
    regimes: &[Regime],
    clock: Clock,
    seeds: &[u64],
) -> String {
    let name = scenario.name.as_str();
    let is_built_in = built_in().contains(&(name, scenario.text.as_str()));
    let names: Vec<&str> = regimes.iter().map(|regime| regime.as_str()).collect();
    let (place, names) = (place(name, is_built_in), names.join(","));
    let real = if clock == Clock::Real { " --real" } else { "" };
    let python = if regimes.contains(&Regime::Stageflow) { " --python PATH" } else { "" };
    // One command plays seeds that follow each other.
    let command = |seeds: &[u64]| {
        let more =
            if seeds.len() > 1 { format!(" --seeds {}", seeds.len()) } else { String::new() };
        format!(
            "rampmeter lab run {place} --regimes {names} --seed {}{more}{real}{python}",
            seeds[0]
        )
    };
    let following = seeds.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    following.map(command).collect::<Vec<_>>().join(" && ")
}

/// What names a scenario to a command in the folder of the store, as one word of a shell.
pub fn place(name: &str, is_built_in: bool) -> String {
    if is_built_in { quoted(name) } else { quoted(&format!("scenarios/{name}.toml")) }
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
            command(scenario, regimes, clock, &[3, 4])
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
