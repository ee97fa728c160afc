//! From the text of a file to a policy: every section is read, then all errors are told at once.

use toml_edit::Document;

use super::diagnostic::{Diagnostic, PolicyErrors};
use super::notes;
use super::section::{Named, Section};
use super::source::Sink;
use super::tools::{Known, tools};
use super::{Policy, defaults, fallback, limits, pressure, retries, shares, state};

const KEYS: [&str; 15] = [
    "undeclared",
    "max_arguments",
    "turn",
    "calls",
    "retries",
    "cache",
    "pressure",
    "limits",
    "labels",
    "tools",
    "priorities",
    "flows",
    "providers",
    "run",
    "state",
];

pub(super) fn read(file: &str, text: &str) -> Result<Policy, PolicyErrors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut sink = Sink::new(file, text);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            syntax_error(&error, text, &mut sink);
            return Err(sink.into_errors());
        }
    };
    let root = Section::new(document.as_table(), String::new(), 0..0);
    let mut policy = read_root(&root, &mut sink);
    policy.source.file = file.to_owned();
    policy.source.warnings = sink.finish()?;
    Ok(policy)
}

fn read_root(root: &Section<'_>, sink: &mut Sink<'_>) -> Policy {
    root.refuse_unknown(&KEYS, sink);
    let undeclared = defaults::undeclared(root, sink);
    let max_arguments = defaults::max_arguments(root, sink);
    let turn = defaults::turn(root, sink);
    let calls = defaults::calls(root, sink);
    let retries = retries::retries(root, sink);
    let cache = fallback::cache(root, sink);
    let run = defaults::run_defaults(root, sink);
    let priorities = shares::priorities(root, sink);
    let pressure = pressure::pressure(root, priorities.as_deref(), sink);
    let flows = shares::flows(root, sink);
    let labels = shares::labels(root, sink);
    let limits = limits::limits(root, priorities.as_deref(), sink);
    let providers = limits::providers(root, sink);
    let known = Known {
        limits: limits.as_deref().map(|all| by_name(all, |limit| &limit.name)),
        providers: providers.as_deref().map(|all| by_name(all, |provider| &provider.name)),
        priorities: priorities.as_deref(),
        deadline: turn.deadline,
        undeclared,
    };
    let tools = tools(root, &known, sink);
    let state = state::merges(root, sink);
    let (limits, providers) = (limits.unwrap_or_default(), providers.unwrap_or_default());
    notes::limits(&limits, &tools, &labels, sink);
    notes::reserved(&limits, priorities.as_deref().unwrap_or_default(), sink);
    notes::providers(&providers, &tools, sink);
    notes::tools(&tools, undeclared, sink);
    notes::usage(&tools, &limits, sink);
    state::notes(&tools, &state, sink);
    Policy {
        limits: values(limits),
        tools: values(tools),
        priorities: priorities.unwrap_or_default(),
        flows,
        labels: values(labels).into_iter().map(|read| read.label).collect(),
        providers: values(providers),
        run,
        turn,
        calls,
        pressure,
        state,
        retries,
        cache,
        undeclared,
        max_arguments,
        source: Source::default(),
    }
}

/// Where the TOML itself cannot be read, nothing after that place is known.
fn syntax_error(error: &toml_edit::TomlError, text: &str, sink: &mut Sink<'_>) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let help = match error.message() {
        message if message.contains("duplicate key") => "keep one of the two",
        _ => "correct it: nothing after this place was read",
    };
    sink.error(&span, format!("not TOML: {}", error.message()), help);
}

fn by_name<T>(
    all: &[Named<T>],
    name: impl Fn(&T) -> &String,
) -> std::collections::BTreeMap<&str, &Named<T>> {
    all.iter().map(|named| (name(&named.value).as_str(), named)).collect()
}

fn values<T>(all: Vec<Named<T>>) -> Vec<T> {
    all.into_iter().map(|named| named.value).collect()
}

/// What a policy keeps of the file it was read from. It is no part of what the policy says.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) warnings: Vec<Diagnostic>,
}
