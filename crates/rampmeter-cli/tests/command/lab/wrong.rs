//! Wrong input: a message with the place and the remedy, before anything is played.

use super::{CROWD, crowd, lab};

#[test]
fn what_is_meant_by_no_name_is_told_with_what_may_be() {
    let folder = crowd();
    for (what, said) in [
        ("strss", "did you mean `stress`?"),
        ("nothing-like-it", "rampmeter lab list"),
        ("absent.toml", "cannot read absent.toml"),
    ] {
        let ran = lab(&folder, &["run", what]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.complains(&[what, said]);
    }
    assert!(!folder.path("lab-out").exists(), "nothing was begun");
}

#[test]
fn a_scenario_that_contradicts_itself_is_told_with_its_lines() {
    let folder = crowd();
    let wrong = CROWD.replace("server = \"api\"", "server = \"apo\"").replace("full", "fill");
    folder.write("wrong.toml", &wrong);
    let ran = lab(&folder, &["run", "wrong.toml"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["wrong.toml:", "fill", "full"]);
    folder.write("wrong.toml", &CROWD.replace("server = \"api\"", "server = \"apo\""));
    lab(&folder, &["run", "wrong.toml"]).complains(&["wrong.toml:", "did you mean `api`?"]);
}

#[test]
fn seeds_that_go_past_the_greatest_are_refused() {
    let folder = crowd();
    let greatest = u64::MAX.to_string();
    let ran = lab(&folder, &["run", "crowd.toml", "--seed", &greatest, "--seeds", "2"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    ran.complains(&["--seeds 2", &greatest, "begin with a smaller one"]);
    assert!(!folder.path("lab-out").exists(), "nothing was begun");
    let args = ["run", "crowd.toml", "--regimes", "rampmeter", "--seed", &greatest];
    assert_eq!(lab(&folder, &args).code, Some(0));
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let folder = crowd();
    std::fs::create_dir(folder.path("other")).unwrap();
    folder.write("other/crowd.toml", &CROWD.replace("60ms", "70ms"));
    let ran = lab(&folder, &["run", "crowd.toml", "other/crowd.toml"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["other/crowd.toml", "rename"]);
}

#[test]
fn stageflow_is_left_out_with_a_word_and_missed_where_it_was_named() {
    let folder = crowd();
    folder.write("all.toml", &CROWD.replace("\"unlimited\", ", "\"stageflow\", "));
    let ran = lab(&folder, &["run", "all.toml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.complains(&["left out: the regime stageflow", "stageflow-core", "pip install"]);
    for args in [["--regimes", "stageflow"], ["--python", "no-such-python"]] {
        let ran = lab(&folder, &[&["run", "all.toml"], args.as_slice()].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.complains(&["the regime stageflow cannot be played", "pip install"]);
    }
    let wrong = lab(&folder, &["run", "all.toml", "--regimes", "stagflow"]);
    assert_eq!(wrong.code, Some(2));
    wrong.complains(&["rate-limiter"]);
}
