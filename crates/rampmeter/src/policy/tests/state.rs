//! `[state]` and `output`.

use super::{errors_of, policy_of};
use crate::policy::{MergePolicy, Policy, Severity};
use crate::state_bag::{BagRules, Merge, StateBag};

#[test]
fn merges_and_outputs_are_read_and_written_out_again() {
    let policy = policy_of(
        "[tools.a]\noutput = \"results.a\"\n[state]\n\"results.*\" = \"append\"\nx = \"error\"\n\
         first = \"first\"\nlast = \"last\"\n\"n *\" = \"sum\"\n",
    );
    assert_eq!(policy.tools[0].output.as_deref(), Some("results.a"));
    let said: Vec<_> = policy.state.iter().map(|it| (it.pattern.as_str(), it.merge)).collect();
    let expected = [
        ("results.*", Merge::Append),
        ("x", Merge::Error),
        ("first", Merge::First),
        ("last", Merge::Last),
        ("n *", Merge::Sum),
    ];
    assert_eq!(said, expected);
    let effective = policy.effective();
    assert!(effective.contains("output = \"results.a\""), "{effective}");
    assert!(effective.contains("[state]\n\"results.*\" = \"append\""), "{effective}");
    assert_eq!(Policy::parse("again", &effective), Ok(policy.clone()));
    assert!(StateBag::new(BagRules::of(&policy)).is_ok());
    let mut other = policy.clone();
    other.state.push(MergePolicy { pattern: "y".into(), merge: Merge::Sum });
    assert_ne!(policy, other);
}

#[test]
fn a_merge_or_output_that_cannot_be_meant_is_refused_with_its_line() {
    let cases = [
        ("[state]\na = \"apend\"", "did you mean `append`?", 2),
        ("[state]\na = \"merge\"", "choices: `error`, `first`, `last`, `append`, `sum`", 2),
        ("[state]\na = 5", "`state.a` must be a string", 2),
        ("[state]\nresults.a = \"sum\"", "`state.results` must be a string, not a table", 2),
        ("[state]\n\"a*b*\" = \"sum\"", "has more than one `*`", 2),
        ("[state]\n\"a*\" = \"sum\"\n\"a*b\" = \"last\"", "ties with `a*`: keys can fit both", 3),
        ("[state]\n\"\" = \"sum\"", "is an empty name", 2),
        ("state = \"quota.state\"", "the file that keeps quotas is `state` below [run]", 1),
        ("[tools.t]\noutput = \"\"", "is an empty name", 2),
        ("[tools.t]\noutput = \"page.{url}\"", "is one key for all calls", 2),
        ("[tools.t]\noutput = [\"a\"]", "write output = \"KEY\"", 2),
    ];
    for (text, fragment, line) in cases {
        let errors = errors_of(text);
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!(
            (errors.diagnostics().len(), errors.diagnostics()[0].line),
            (1, line),
            "{errors}"
        );
    }
}

#[test]
fn outputs_that_meet_without_a_declared_merge_are_warned_of_in_words() {
    let text = "[tools.a]\noutput = \"x\"\n[tools.b]\noutput = \"x\"\n";
    let about = |policy: &Policy| {
        let remarks = policy.warnings().iter().filter(|it| it.message.contains("output"));
        remarks.map(|it| (it.severity, it.line, it.message.clone())).collect::<Vec<_>>()
    };
    let told = about(&policy_of(text));
    let lines: Vec<_> = told.iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(lines, [(Severity::Note, 1), (Severity::Warning, 3)]);
    assert!(told[0].2.contains("its second call fails with a conflict"), "{told:?}");
    assert!(told[1].2.contains("tools `a` and `b` have one output, `x`"), "{told:?}");
    for merge in ["error", "last"] {
        assert_eq!(about(&policy_of(&format!("{text}[state]\nx = \"{merge}\""))), []);
    }
}
