//! What is worth saying about a run beside its results.

use rampmeter::Access;
use rampmeter::policy::{Policy, RunPolicy, Severity};

use super::fields::Fields;
use super::summary::Summary;
use crate::args::RunArgs;
use crate::check;
use crate::say::say;

/// What the policy and the command line probably do not mean, or mean and do not say.
pub(crate) fn before(args: &RunArgs, policy: &Policy, fields: &Fields) {
    check::remark(policy, Severity::Warning);
    name_serialised(policy);
    if !args.unlimited {
        name_unlabelled(policy, fields);
    }
    let is_command = |run: &RunPolicy| matches!(run, RunPolicy::Command { .. });
    if args.compare && policy.tools.iter().filter_map(|tool| tool.run.as_ref()).any(is_command) {
        say("note: --compare does all the work twice, and so runs every command twice");
    }
}

/// What only the run has shown.
pub(crate) fn after(fields: &Fields, runs: &[Summary]) {
    if runs.iter().any(|run| run.turns > 0) {
        for path in fields.unseen() {
            say(format_args!(
                "warning: no turn has a field `{path}`\n  help: see how the lines of the turns file \
                 write it"
            ));
        }
    }
    if runs.iter().all(|run| run.turns == 0 && run.broken_lines == 0) {
        say("warning: the turns file is empty\n  help: write one assistant message a line");
    }
    for run in runs.iter().filter(|run| run.events_missed > 0) {
        say(format_args!("error: {} events are missing in the events file", run.events_missed));
    }
}

/// Which tools run one call at a time within a turn because nothing was said of them.
fn name_serialised(policy: &Policy) {
    if policy.undeclared == Access::Write {
        let silent = policy.tools.iter().filter(|tool| tool.declared_access().is_none());
        let names: Vec<&str> = silent.map(|tool| tool.pattern.as_str()).collect();
        if !names.is_empty() {
            say(format_args!(
                "note: calls of one turn run one after the other, since nothing says that they \
                 only read: {}\n  help: write access = \"read\" or what it reads and writes in the \
                 tool, or undeclared = \"read\" at the top of the policy",
                names.join(", ")
            ));
        }
    }
}

/// Which limits are per a label that no call will have.
fn name_unlabelled(policy: &Policy, fields: &Fields) {
    let drawn = |name: &str| {
        policy.tools.iter().flat_map(|tool| &tool.draws).any(|draw| draw.limit == name)
    };
    for limit in policy.limits.iter().filter(|limit| drawn(&limit.name)) {
        let Some(label) = limit.per.as_deref().filter(|label| !fields.label(label)) else {
            continue;
        };
        say(format_args!(
            "warning: limit `{}` is per `{label}`, and no field is named that says it: its calls \
             will be refused\n  help: give --label {label}=FIELD, or write labels = {{ {label} = \
             \"FIELD\" }} below [run] in the policy",
            limit.name
        ));
    }
}
