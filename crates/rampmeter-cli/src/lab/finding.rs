//! `rampmeter lab finding`: what somebody has found, beside what a study finds.

use rampmeter_lab::lab::again;
use rampmeter_lab::lab::findings::{By, Finding};
use rampmeter_lab::lab::scenario;
use rampmeter_lab::lab::store::{Store, write_whole};

use super::pick::nearest;
use super::report::{FINDINGS, read_findings};
use crate::args::{FindingAddArgs, FindingListArgs};
use crate::exit::Exit;
use crate::say::print;

pub(super) fn add(args: &FindingAddArgs) -> Result<Exit, String> {
    // Held, so that a run that makes its report does not write over it.
    let store = Store::reopen(&args.out).map_err(|error| error.to_string())?;
    let reproduce = args.scenario.as_ref().map(|name| reproduce(name, &store)).transpose()?;
    let mut findings = read_findings(store.folder())?;
    findings.add(Finding {
        id: args.id.clone(),
        kind: args.kind,
        severity: args.severity,
        title: args.title.clone(),
        evidence: args.evidence.clone(),
        subject: None,
        scenario: args.scenario.clone(),
        regime: None,
        seed: None,
        reproduce,
        component: args.component.clone(),
        by: By::Hand,
    })?;
    let text = findings.to_json();
    let path = store.folder().join(FINDINGS);
    write_whole(&path, |out| out.write_all(text.as_bytes())).map_err(|error| error.to_string())?;
    Ok(Exit::Done)
}

pub(super) fn list(args: &FindingListArgs) -> Result<Exit, String> {
    let store = Store::read_only(&args.out).map_err(|error| error.to_string())?;
    let line = |it: &Finding| format!("{}: {} {}: {}\n", it.id, it.severity, it.kind, it.title);
    let text: String = read_findings(store.folder())?.iter().map(line).collect();
    Ok(if print(&text) { Exit::Done } else { Exit::Partly })
}

/// The command that plays the scenario of that name: one that is built in, or was played into the folder.
fn reproduce(name: &str, store: &Store) -> Result<String, String> {
    let built_in = scenario::built_in();
    let kept = store.scenarios().map_err(|error| error.to_string())?;
    let mut names =
        built_in.iter().map(|(it, _)| *it).chain(kept.iter().map(|(it, _)| it.as_str()));
    let is_built_in = built_in.iter().any(|(it, _)| *it == name);
    if names.clone().any(|it| it == name) {
        return Ok(format!("rampmeter lab run {}", again::place(name, is_built_in)));
    }
    let remedy = match nearest(name, &mut names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "name one of `rampmeter lab list`, or one that was played into {}",
            store.folder().display()
        ),
    };
    Err(format!("no scenario is named `{name}`: {remedy}"))
}
