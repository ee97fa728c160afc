//! `run = { command = [...] }`, `{ http = { ... } }` or `{ simulate = { ... } }`: how a tool is run.

use std::collections::BTreeMap;

use super::field::Field;
use super::http;
use super::nearest::did_you_mean;
use super::quantity::{self, MAX_AMOUNT};
use super::section::{Named, Section};
use super::source::{Sink, shown};
use super::template::{Piece, split};
use super::types::{DrawPolicy, ProviderPolicy, RatePolicy, RunPolicy, Unit};

const DEFAULT_OUTPUT_BYTES: u64 = 1024 * 1024;
const MAX_WORDS: usize = 1_000;

const HELP: &str = "write run = { command = [\"PROGRAM\", \"{argument}\"] }, \
                    run = { http = { url = \"https://HOST/{argument}\" } } or \
                    run = { simulate = { latency = \"20ms..80ms\" } }";

const WAYS: [&str; 3] = ["command", "http", "simulate"];

/// The providers that there are, by name.
pub(super) type KnownProviders<'a> = BTreeMap<&'a str, &'a Named<ProviderPolicy>>;

/// How `tool` is run, if it says so. Without tokens of its own, a call costs the provider what the
/// tool draws.
pub(super) fn run(
    tool: &Section<'_>,
    draws: &[DrawPolicy],
    providers: Option<&KnownProviders<'_>>,
    sink: &mut Sink<'_>,
) -> Option<RunPolicy> {
    let field = tool.get("run")?;
    let section = field.section(sink, &["command", "http", "simulate", "max_output"], HELP)?;
    let mut ways = WAYS.into_iter().filter_map(|way| section.get(way));
    let Some(way) = ways.next() else {
        let message =
            format!("`{}` says neither `command` nor `http` nor `simulate`", section.path);
        sink.error(&section.span, message, HELP);
        return None;
    };
    if let Some(second) = ways.next() {
        let message = format!("`{}` says both `{}` and `{}`", section.path, way.name, second.name);
        sink.error(&second.name_span, message, "keep one of them");
        return None;
    }
    match way.name {
        "command" => {
            let max_output = max_output(&section, sink);
            Some(RunPolicy::Command { command: words(&way, sink)?, max_output: max_output? })
        }
        "http" => {
            let max_output = max_output(&section, sink);
            let http = Box::new(http::read(&way, sink)?);
            Some(RunPolicy::Http { http, max_output: max_output? })
        }
        _ => {
            if let Some(stray) = section.get("max_output") {
                let message = format!("`{}` means nothing without `command` or `http`", stray.path);
                sink.error(&stray.name_span, message, "remove it");
            }
            read_simulate(&way, draws, providers, sink)
        }
    }
}

fn max_output(section: &Section<'_>, sink: &mut Sink<'_>) -> Option<u64> {
    let Some(field) = section.get("max_output") else { return Some(DEFAULT_OUTPUT_BYTES) };
    field.quantity(sink, "write max_output = \"1MiB\"", quantity::bytes)
}

fn words(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<Vec<String>> {
    let help = "write command = [\"PROGRAM\", \"{argument}\"]";
    let elements = field.list(sink, help)?;
    if elements.is_empty() || elements.len() > MAX_WORDS {
        let message = format!("`{}` has {} words", field.path, elements.len());
        sink.error(&field.span, message, format!("{help}, of at most {MAX_WORDS} words"));
        return None;
    }
    let mut words = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let Some(word) = element.text(sink, help) else { continue };
        match split(word) {
            Err(complaint) => sink.complain(&element.span, &element.path, complaint),
            Ok(_) if word.contains('\0') => {
                let message = format!("`{}`: no program takes a zero byte", element.path);
                sink.error(&element.span, message, "remove it");
            }
            Ok(_) if index == 0 && word.is_empty() => {
                let message = format!("`{}`: the program has no name", element.path);
                sink.error(&element.span, message, help);
            }
            Ok(pieces) if index == 0 && pieces.iter().any(is_argument) => {
                let message = format!("`{}`: a call could choose the program", element.path);
                sink.error(&element.span, message, "write the program out, without braces");
            }
            Ok(_) => words.push(word.to_owned()),
        }
    }
    Some(words)
}

fn is_argument(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Argument(_))
}

fn read_simulate(
    field: &Field<'_>,
    draws: &[DrawPolicy],
    providers: Option<&KnownProviders<'_>>,
    sink: &mut Sink<'_>,
) -> Option<RunPolicy> {
    let help = "write simulate = { latency = \"20ms..80ms\", fail = 0.02 }";
    let section = field.section(sink, &["latency", "fail", "provider", "tokens"], help)?;
    let latency = match section.get("latency") {
        Some(latency) => {
            latency.quantity(sink, "write latency = \"20ms..80ms\"", quantity::duration_range)
        }
        None => {
            sink.error(&section.span, format!("`{}` says no latency", section.path), help);
            None
        }
    };
    let fail = section.get("fail").map_or(Some(0.0), |fail| {
        fail.share(sink, "write the share of calls that fail, as in fail = 0.02")
    });
    let provider_field = section.get("provider");
    let name = match &provider_field {
        None => None,
        Some(field) => Some(field.text(sink, "write provider = \"NAME\"")?),
    };
    let provider = provider_field.zip(name).zip(providers).and_then(|((field, name), known)| {
        let found = known.get(name).copied();
        if found.is_none() {
            let message = format!("`{}`: there is no provider `{}`", field.path, shown(name));
            sink.error_with(&field.span, message, || {
                did_you_mean(name, known.keys().copied(), "providers")
            });
        }
        found
    });
    let tokens = tokens(&section, provider, draws, sink)?;
    let provider = name.map(str::to_owned);
    Some(RunPolicy::Simulate { latency: latency?, fail: fail?, provider, tokens })
}

fn tokens(
    section: &Section<'_>,
    provider: Option<&Named<ProviderPolicy>>,
    draws: &[DrawPolicy],
    sink: &mut Sink<'_>,
) -> Option<u64> {
    let field = section.get("tokens");
    let help = "write how many tokens a call costs at the provider, as in tokens = 900";
    let said = match &field {
        None => None,
        Some(field) => Some(field.whole(sink, &(0..=MAX_AMOUNT), help)?),
    };
    let span = field.as_ref().map_or(&section.span, |field| &field.span);
    let Some(provider) = provider else {
        if section.get("provider").is_none() && said.is_some() {
            let message = format!("`{}` says tokens and no provider", section.path);
            sink.error(span, message, "name the provider that counts them, or remove them");
        }
        return Some(0);
    };
    if !provider.sound {
        return Some(0);
    }
    let provider = &provider.value;
    let name = shown(&provider.name);
    let rates = provider.rates.iter().filter(|rate| rate.unit == Unit::Tokens);
    let Some(most) = rates.map(RatePolicy::capacity).min() else {
        if said.is_some() {
            let message = format!("`{}`: provider `{name}` counts no tokens", section.path);
            sink.error(span, message, "remove them, or give the provider a rate of tokens");
        }
        return Some(0);
    };
    let drawn = draws.iter().filter_map(|draw| draw.said(Unit::Tokens)).max();
    match said.or(drawn) {
        None => {
            let message =
                format!("`{}`: provider `{name}` counts tokens, and none are said", section.path);
            sink.error(span, message, "say how many a call costs: tokens = N");
            None
        }
        Some(tokens) if tokens > most => {
            let message = format!(
                "`{}`: {tokens} tokens never fit, provider `{name}` takes {most} at once",
                section.path
            );
            sink.error(span, message, format!("write at most tokens = {most}"));
            None
        }
        Some(tokens) => Some(tokens),
    }
}
