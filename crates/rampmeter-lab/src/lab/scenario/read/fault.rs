//! `[[faults]]`: what goes wrong for a while.

use super::super::types::{Fault, FaultKind, FaultPlace};
use super::draft::Placed;
use super::field::Section;
use super::sink::Kind;

const KEYS: [&str; 9] =
    ["tool", "server", "process", "from", "for", "fails", "throttles", "slower", "crashes"];
const PLACE: &str = "write one of tool = \"NAME\", server = \"NAME\" and process = true";
const KIND: &str =
    "write one of fails = \"100%\", throttles = \"100%\", slower = 10 and crashes = true";

pub(super) fn fault(fault: Section<'_>) -> Option<Placed<Fault>> {
    let fault = fault.only(&KEYS);
    let from = fault.need("from", "say when it begins, as in from = \"10s\"")?.duration()?;
    let lasts = fault.need("for", "say how long it lasts, as in for = \"5s\"")?.period()?;
    let place = match one_of(&fault, &["tool", "server", "process"], "where it is", PLACE)? {
        "tool" => FaultPlace::Tool(fault.get("tool")?.mention(Kind::Tool)?),
        "server" => FaultPlace::Server(fault.get("server")?.mention(Kind::Server)?),
        _ => only_true(&fault, "process").map(|()| FaultPlace::Process)?,
    };
    let kinds = ["fails", "throttles", "slower", "crashes"];
    let kind = match one_of(&fault, &kinds, "what goes wrong", KIND)? {
        "fails" => FaultKind::Fails(fault.get("fails")?.share()?),
        "throttles" => FaultKind::Throttles(fault.get("throttles")?.share()?),
        "slower" => FaultKind::Slower(fault.get("slower")?.number(1.0)?),
        _ => only_true(&fault, "crashes").map(|()| FaultKind::Crashes)?,
    };
    let of_process = place == FaultPlace::Process;
    if of_process != (kind == FaultKind::Crashes) {
        let (message, help) = match of_process {
            true => ("a process can only crash", "write crashes = true, or name a tool or server"),
            false => ("only the process can crash", "write process = true, or another fault"),
        };
        fault.sink.error(&fault.span, message, help);
        return None;
    }
    Some(Placed { value: Fault { place, from, lasts, kind }, span: fault.span })
}

/// Which one of these keys is there; another number of them than one is reported.
fn one_of(
    fault: &Section<'_>,
    keys: &[&'static str],
    what: &str,
    help: &str,
) -> Option<&'static str> {
    let said: Vec<_> = keys.iter().filter(|key| fault.get(key).is_some()).collect();
    match said.as_slice() {
        [one] => Some(one),
        [] => {
            fault.sink.error(&fault.span, format!("a fault does not say {what}"), help);
            None
        }
        _ => {
            fault.sink.error(&fault.span, format!("a fault says twice {what}"), help);
            None
        }
    }
}

/// A word that is only ever true.
fn only_true(fault: &Section<'_>, key: &str) -> Option<()> {
    let field = fault.get(key)?;
    let flag = field.flag()?;
    if !flag {
        field.error(format!("`{}` is false", field.path), "write true, or remove it");
    }
    flag.then_some(())
}
