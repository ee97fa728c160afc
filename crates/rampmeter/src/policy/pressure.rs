//! `[pressure]`: from when on the gate says that it is under pressure, and what it does then.

use std::time::Duration;

use super::diagnostic::Severity;
use super::field::Field;
use super::nearest::did_you_mean;
use super::quantity::{self, show_duration, show_memory, show_share};
use super::section::Section;
use super::source::{Sink, shown};
use super::spelling::quoted;
use super::types::PriorityPolicy;

const KEYS: [&str; 6] = ["elevated", "severe", "dwell", "memory", "reserved", "when_severe"];
const HELP: &str = "write [pressure] and below it lines such as memory = \"2GiB\"";

const DEFAULT_DWELL: Duration = Duration::from_secs(1);
const DEFAULT_EVERY: Duration = Duration::from_millis(100);

/// The words of what is done under severe pressure.
const STEPS: [(&str, Step); 2] = [("shorten", Step::Shorten), ("refuse", Step::Refuse)];

/// When the gate is under pressure, and what it does about it.
#[derive(Clone, Debug, PartialEq)]
pub struct PressurePolicy {
    /// From which queues on pressure is elevated.
    pub elevated: MarkPolicy,
    /// From which on it is severe.
    pub severe: MarkPolicy,
    /// For how long the level stays at least as it is.
    pub dwell: Duration,
    /// The memory past which no calls are admitted; none means that it is not watched.
    pub memory: Option<MemoryPolicy>,
    /// Priorities that are spared whatever the pressure.
    pub reserved: Vec<String>,
    /// Whether severe pressure shortens queues.
    pub shortens: bool,
    /// Whether severe pressure refuses calls early.
    pub refuses: bool,
}

/// How full a queue is, in thousandths of its size, where a level is entered and where it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkPolicy {
    /// Entered at this share, above that where it is left.
    pub enter_per_mille: u32,
    /// Left at this share.
    pub leave_per_mille: u32,
}

/// Past how much memory in use no calls are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPolicy {
    /// Bytes from which on none start.
    pub stop: u64,
    /// Bytes from which down they start again, less than `stop`.
    pub resume: u64,
    /// It is measured this often at most.
    pub every: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Shorten,
    Refuse,
}

impl Default for PressurePolicy {
    /// Elevated from 50 % of a queue down to 25 %, severe from 80 % down to 40 %, memory not watched,
    /// and nothing is done.
    fn default() -> PressurePolicy {
        PressurePolicy {
            elevated: MarkPolicy { enter_per_mille: 500, leave_per_mille: 250 },
            severe: MarkPolicy { enter_per_mille: 800, leave_per_mille: 400 },
            dwell: DEFAULT_DWELL,
            memory: None,
            reserved: Vec::new(),
            shortens: false,
            refuses: false,
        }
    }
}

/// The section. Where the priorities cannot be told, none is missing.
pub(super) fn pressure(
    root: &Section<'_>,
    priorities: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> PressurePolicy {
    let mut pressure = PressurePolicy::default();
    let Some(field) = root.get("pressure") else { return pressure };
    let Some(section) = field.section(sink, &KEYS, HELP) else { return pressure };
    let elevated = mark(&section, "elevated", pressure.elevated, sink);
    let severe = mark(&section, "severe", pressure.severe, sink);
    if let (Some(elevated), Some(severe)) = (elevated, severe) {
        let is_less = severe.enter_per_mille < elevated.enter_per_mille
            || severe.leave_per_mille < elevated.leave_per_mille;
        if is_less {
            let message = format!("`{}` is severe before it is elevated", section.path);
            sink.error(
                &section.span,
                message,
                "write shares of `severe` that are not below those of `elevated`",
            );
        }
        (pressure.elevated, pressure.severe) = (elevated, severe);
    }
    if let Some(field) = section.get("dwell") {
        let help = "write how long the level stays as it is, as in \"1s\"; \"0s\" lets it change at any time";
        let dwell = field.quantity(sink, help, quantity::duration);
        pressure.dwell = dwell.unwrap_or(DEFAULT_DWELL);
    }
    pressure.memory = section.get("memory").and_then(|field| memory(&field, sink));
    pressure.reserved =
        section.get("reserved").map(|field| reserved(&field, priorities, sink)).unwrap_or_default();
    let steps = section.get("when_severe").map(|field| steps(&field, sink)).unwrap_or_default();
    pressure.shortens = steps.contains(&Step::Shorten);
    pressure.refuses = steps.contains(&Step::Refuse);
    remarks(&pressure, &section, sink);
    pressure
}

fn mark(
    section: &Section<'_>,
    key: &str,
    default: MarkPolicy,
    sink: &mut Sink<'_>,
) -> Option<MarkPolicy> {
    let Some(field) = section.get(key) else { return Some(default) };
    let help = format!("write {key} = {{ enter = \"50%\", leave = \"25%\" }}");
    let section = field.section(sink, &["enter", "leave"], &help)?;
    let mut share = |key, default| {
        let field = section.get(key);
        let read = field.map(|it| it.quantity(sink, "write it as in \"50%\"", quantity::share));
        read.unwrap_or(Some(default))
    };
    let enter_per_mille = share("enter", default.enter_per_mille);
    let leave_per_mille = share("leave", default.leave_per_mille);
    let (enter_per_mille, leave_per_mille) = (enter_per_mille?, leave_per_mille?);
    if leave_per_mille >= enter_per_mille {
        let (enter, leave) = (show_share(enter_per_mille), show_share(leave_per_mille));
        let message = format!("`{}` is entered at {enter} and left at {leave}", section.path);
        sink.error(
            &section.span,
            message,
            "write a share to leave it that is below that to enter it",
        );
        return None;
    }
    Some(MarkPolicy { enter_per_mille, leave_per_mille })
}

fn memory(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<MemoryPolicy> {
    let help = "write memory = \"2GiB\" or { stop = \"2GiB\", resume = \"1800MiB\" }";
    if !field.is_table() {
        let stop = field.quantity(sink, help, quantity::memory)?;
        return sound(
            field,
            MemoryPolicy { stop, resume: resumed(stop), every: DEFAULT_EVERY },
            sink,
        );
    }
    let section = field.section(sink, &["stop", "resume", "every"], help)?;
    let Some(stop) = section.get("stop") else {
        sink.error(&section.span, format!("`{}` says no `stop`", section.path), help);
        return None;
    };
    let stop = stop.quantity(sink, help, quantity::memory);
    let resume = section.get("resume").map(|it| it.quantity(sink, help, quantity::memory));
    let every = section.get("every").map(|it| it.duration(sink, "write how often it is measured"));
    let stop = stop?;
    let resume = resume.unwrap_or(Some(resumed(stop)))?;
    sound(field, MemoryPolicy { stop, resume, every: every.unwrap_or(Some(DEFAULT_EVERY))? }, sink)
}

/// Where calls start again unless it is said: at nine tenths, in whole MiB if there are any.
fn resumed(stop: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    let resume = (stop / 10 * 9).max(1);
    if resume < MIB { resume } else { resume / MIB * MIB }
}

fn sound(field: &Field<'_>, memory: MemoryPolicy, sink: &mut Sink<'_>) -> Option<MemoryPolicy> {
    if memory.resume < memory.stop {
        return Some(memory);
    }
    let (stop, resume) = (show_memory(memory.stop), show_memory(memory.resume));
    let message = format!("`{}` stops calls at {stop} and lets them go on at {resume}", field.path);
    sink.error(&field.span, message, "write a `resume` that is below `stop`");
    None
}

fn reserved(
    field: &Field<'_>,
    priorities: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> Vec<String> {
    let help = "write reserved = [\"critical\"]: the priorities that are spared";
    let names = field.list(sink, help).unwrap_or_default();
    let known = |name: &str| priorities.is_none_or(|all| all.iter().any(|it| it.name == name));
    let mut reserved = Vec::new();
    for element in names {
        let Some(name) = element.text(sink, help) else { continue };
        if !known(name) {
            let message = format!("`{}`: there is no priority `{}`", element.path, shown(name));
            let names = priorities.unwrap_or_default().iter().map(|it| it.name.as_str());
            sink.error_with(&element.span, message, || did_you_mean(name, names, "priorities"));
        }
        reserved.push(name.to_owned());
    }
    reserved
}

fn steps(field: &Field<'_>, sink: &mut Sink<'_>) -> Vec<Step> {
    let help = "write when_severe = [\"shorten\", \"refuse\"]";
    let words = field.list(sink, help).unwrap_or_default();
    words.into_iter().filter_map(|word| word.choice(sink, &STEPS)).collect()
}

fn remarks(pressure: &PressurePolicy, section: &Section<'_>, sink: &mut Sink<'_>) {
    if let Some(memory) = section.get("memory").filter(|_| !cfg!(target_os = "linux")) {
        let message = format!("`{}`: how much memory is in use cannot be read here", memory.path);
        let help = "remove it, or give the gate a MemoryMeter; without one it is refused";
        sink.remark(Severity::Warning, &memory.name_span, message, help);
    }
    let nothing = pressure.memory.is_none() && !pressure.shortens && !pressure.refuses;
    if let Some(reserved) = section.get("reserved").filter(|_| nothing) {
        let message = format!("`{}` spares priorities, and nothing is done", reserved.path);
        let help = "add memory = \"2GiB\" or when_severe = [\"shorten\", \"refuse\"], or remove it";
        sink.remark(Severity::Warning, &reserved.name_span, message, help);
    }
}

/// The lines of the section, with every default filled in.
pub(super) fn written(pressure: &PressurePolicy) -> Vec<String> {
    let mark = |key, mark: MarkPolicy| {
        let enter = show_share(mark.enter_per_mille);
        format!(
            "{key} = {{ enter = \"{enter}\", leave = \"{}\" }}",
            show_share(mark.leave_per_mille)
        )
    };
    let memory = pressure.memory.map(|MemoryPolicy { stop, resume, every }| {
        let (stop, resume) = (show_memory(stop), show_memory(resume));
        let every = show_duration(every);
        format!("memory = {{ stop = \"{stop}\", resume = \"{resume}\", every = \"{every}\" }}")
    });
    let reserved: Vec<String> = pressure.reserved.iter().map(|name| quoted(name)).collect();
    let steps = [(pressure.shortens, "\"shorten\""), (pressure.refuses, "\"refuse\"")];
    let steps = steps.into_iter().filter(|(is, _)| *is).map(|(_, word)| word);
    vec![
        mark("elevated", pressure.elevated),
        mark("severe", pressure.severe),
        format!("dwell = {}", quoted(&show_duration(pressure.dwell))),
        memory.unwrap_or_else(|| "# memory: not watched".to_owned()),
        format!("reserved = [{}]", reserved.join(", ")),
        format!("when_severe = [{}]", steps.collect::<Vec<_>>().join(", ")),
    ]
}
