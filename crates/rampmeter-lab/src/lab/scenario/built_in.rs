//! The scenarios that come with the lab.

macro_rules! scenarios {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

/// Each by its name, in the order in which they are played and shown: within a family from the simple
/// to the involved.
const SCENARIOS: &[(&str, &str)] = scenarios! {
    "baseline/one"
    "baseline/sequence-2"
    "baseline/sequence-3"
    "baseline/sequence-5"
    "baseline/parallel-2"
    "baseline/parallel-3"
    "baseline/parallel-4"
    "baseline/parallel-10"
    "baseline/parallel-25"
    "baseline/pipeline-2"
    "baseline/pipeline-3"
    "baseline/pipeline-4"
    "stress/burst-10"
    "stress/burst-50"
    "stress/burst-100"
    "stress/burst-1000"
    "stress/burst-10000"
    "stress/bursts"
    "stress/sustained"
    "stress/variable"
    "stress/overload"
    "stress/producer"
    "stress/rate-50"
    "stress/memory-5"
    "stress/memory"
    "stress/cpu"
    "chaos/failures"
    "chaos/slow-answers"
    "chaos/time-outs"
    "chaos/deadline"
    "chaos/throttling"
    "chaos/throttled-by-others"
    "chaos/cascade-20"
    "chaos/cascade"
    "adversarial/one-key"
    "adversarial/race-20"
    "adversarial/fast-and-slow"
    "adversarial/priorities"
    "adversarial/inversion"
    "adversarial/starvation"
    "adversarial/heavy-calls"
    "adversarial/greedy-flow"
    "adversarial/herd"
    "adversarial/nested"
    "recovery/failed-fan-out"
    "recovery/crash"
    "recovery/degradation"
    "recovery/clean-up"
    "curves/knee"
    "curves/quota"
    "curves/memory"
};

/// The name, `family/name`, and the text of each scenario that comes with the lab, in the order in
/// which they are played and shown.
pub fn built_in() -> Vec<(&'static str, &'static str)> {
    SCENARIOS.to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::lab::scenario::{Family, read};
    use crate::lab::script::Script;

    #[test]
    fn every_file_is_a_scenario_that_comes_with_the_lab() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let entries = |path: &Path| std::fs::read_dir(path).unwrap().map(|it| it.unwrap().path());
        let files = entries(&folder).flat_map(|family| entries(&family).collect::<Vec<_>>());
        let name = |file: std::path::PathBuf| {
            let file = file.strip_prefix(&folder).unwrap().with_extension("");
            file.to_str().unwrap().replace('\\', "/")
        };
        let files: BTreeSet<_> = files.map(name).collect();
        let listed: BTreeSet<_> = built_in().iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(files, listed);
    }

    #[test]
    fn everything_that_comes_with_the_lab_can_be_read_and_asks_for_something() {
        for (name, text) in built_in() {
            let scenario =
                read(&format!("{name}.toml"), text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.name, name);
            assert_ne!(scenario.family, Family::Own);
            assert!(!scenario.holds.is_empty(), "{name} says nothing of what must hold");
            let warned = scenario.policy.warnings().iter();
            let warned = warned.filter(|it| it.severity == rampmeter::policy::Severity::Warning);
            assert_eq!(warned.map(ToString::to_string).collect::<String>(), "", "{name}");
            let script = Script::of(&scenario, 1);
            assert!((1..=12_000).contains(&script.calls.len()), "{name}: {}", script.calls.len());
        }
    }
}
