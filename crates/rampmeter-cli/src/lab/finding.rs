//! `rampmeter lab finding`: what somebody has found, beside what a study finds.

use std::io::Write;

use rampmeter_lab::lab::findings::{By, Finding};
use rampmeter_lab::lab::store::{Store, write_whole};

use super::report::{FINDINGS, read_findings};
use crate::args::{FindingAddArgs, FindingListArgs};
use crate::exit::Exit;

pub(super) fn add(args: &FindingAddArgs) -> Result<Exit, String> {
    // Held, so that a run that makes its report does not write over it.
    let store = Store::reopen(&args.out).map_err(|error| error.to_string())?;
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
        reproduce: args.scenario.as_ref().map(|name| format!("rampmeter lab run {name}")),
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
    let mut stdout = std::io::stdout().lock();
    for it in &read_findings(store.folder())? {
        let Finding { id, kind, severity, title, .. } = it;
        // A reader that has seen enough may close the pipe.
        let _ = writeln!(stdout, "{id}: {severity} {kind}: {title}");
    }
    Ok(Exit::Done)
}
