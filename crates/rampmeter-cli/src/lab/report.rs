//! `rampmeter lab report`: what is kept in a folder, as pages and as a summary.

use std::collections::BTreeSet;
use std::path::Path;

use rampmeter_lab::lab::findings::{self, Findings};
use rampmeter_lab::lab::hypotheses::{self, Answer, Verdict};
use rampmeter_lab::lab::report::{Held, Report};
use rampmeter_lab::lab::store::{Store, StoreError, write_whole};
use rampmeter_lab::lab::study::Shelf;
use rampmeter_lab::lab::{Regime, Study};
use serde_json::{Map, Value, json};

use crate::args::ReportArgs;
use crate::exit::Exit;
use crate::say::{print, say};

/// The findings of a folder.
pub(super) const FINDINGS: &str = "findings.json";
const REPORT: &str = "report.html";

pub(super) fn report(args: &ReportArgs) -> Result<Exit, String> {
    let store = Store::reopen(&args.folder).map_err(|error| error.to_string())?;
    make(&store, args.json)
}

/// Makes the report of all that is kept, and prints its summary. It is [`Exit::Partly`] if something
/// that must hold does not or cannot be told, a playing broke off, or something cannot be written.
pub(super) fn make(store: &Store, as_json: bool) -> Result<Exit, String> {
    let Shelf { study, left_out, players } =
        Shelf::read(store).map_err(|error| error.to_string())?;
    for file in &left_out {
        say(format_args!("left out of the report: {}: {}", file.path.display(), file.why));
    }
    let builds: BTreeSet<_> = players.iter().filter_map(|it| it.split(", ").next()).collect();
    if builds.len() > 1 {
        say(format_args!(
            "{} builds have played what is reported; what is run again is played by this one",
            builds.len()
        ));
    }
    if study.entries.is_empty() {
        return Err(StoreError::Empty(store.folder().into()).to_string());
    }
    let verdicts = hypotheses::judge(&study);
    let mut findings = findings::from_study(&study, &verdicts);
    let path = store.folder().join(FINDINGS);
    let mut whole = true;
    match read_findings(store.folder()).and_then(|before| findings.keep(&before)) {
        Ok(()) => whole &= write(&path, &findings.to_json()),
        Err(error) => {
            say(format_args!("error: {error}; {} was left as it is", path.display()));
            whole = false;
        }
    }
    let report = Report::of(&study, &verdicts, &findings).left_out(&left_out, store.folder());
    let page = store.folder().join(REPORT);
    let written = write(&page, &report.html());
    let mut summary = match as_json {
        true => json(&study, &report, &verdicts, &findings).to_string() + "\n",
        false => report.terminal().trim_end().to_owned() + "\n",
    };
    if written && !as_json {
        summary += &format!("{}\n", page.display());
    }
    whole &= written & print(&summary) & report.roll.broken.is_empty() & holds(&report);
    Ok(if whole { Exit::Done } else { Exit::Partly })
}

/// The findings of a folder; none if there are none yet.
pub(super) fn read_findings(folder: &Path) -> Result<Findings, String> {
    let path = folder.join(FINDINGS);
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Findings::default()),
        Err(error) => Err(StoreError::Read(path, error).to_string()),
        Ok(text) => Findings::read(&path.display().to_string(), &text),
    }
}

fn write(path: &Path, text: &str) -> bool {
    let written = write_whole(path, |out| out.write_all(text.as_bytes()));
    if let Err(error) = &written {
        say(format_args!("error: {error}; `rampmeter lab report` makes it again"));
    }
    written.is_ok()
}

/// Whether all that must hold of what was played does; what does not is named, and so is what nothing
/// that was played tells of.
fn holds(report: &Report) -> bool {
    for held in report.missed() {
        let Held { scenario, regime, aim, value, .. } = held;
        let of = format!("{scenario} under {regime}: {aim}");
        let missed = match held.holds {
            None => format!("cannot be told: {of}; nothing was played that has this figure"),
            Some(_) => format!("does not hold: {of}, it is {value}"),
        };
        say(missed);
    }
    report.missed().next().is_none()
}

fn json(study: &Study, report: &Report, verdicts: &[Verdict], findings: &Findings) -> Value {
    let held = |holds| report.holds.iter().filter(|held| held.holds == holds).count();
    let broken: Vec<_> = report.roll.broken.iter().map(|(job, why)| json!([job, why])).collect();
    let mut told: Map<String, Value> = Map::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.answer != Answer::NotPlayed) {
        let of = told.entry(&verdict.id).or_insert_with(|| json!({}));
        of[Regime::as_str(verdict.regime)] = json!(verdict.answer.as_str());
    }
    json!({
        "playings": study.entries.len(),
        "calls": report.roll.calls,
        "broken": broken,
        "holds": {"held": held(Some(true)), "broken": held(Some(false)), "untold": held(None)},
        "verdicts": told,
        "findings": findings.len(),
    })
}
