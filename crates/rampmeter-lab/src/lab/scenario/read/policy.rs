//! `[policy]`: the policy is read as a policy file is, in its place within the scenario.

use rampmeter::Policy;
use toml_edit::{Document, Item, Table};

use super::field::Section;
use super::sink::{Kind, Sink, Span};

const HELP: &str = "write it under headers of its own, [policy] first, as in [policy.limits.api]";

/// The policy, if there is nothing to say against it.
pub(super) fn policy(
    file: &str,
    text: &str,
    document: &Document<&str>,
    sink: &Sink<'_>,
) -> Option<Policy> {
    let root = document.as_table();
    let cut = cut(text, &headers(root));
    if let Some(field) = Section::root(root, sink).get("policy") {
        let said: Vec<_> = field.table(HELP)?.fields().iter().map(|field| field.name).collect();
        let read = Document::parse(cut.as_str()).ok();
        let is_whole = read.is_some_and(|read| {
            let keys: Vec<_> = read.iter().map(|(key, _)| key.to_owned()).collect();
            said.len() == keys.len() && said.iter().all(|key| keys.iter().any(|it| it == key))
        });
        if !is_whole {
            field.error("`policy` is not written under its own headers", HELP);
            return None;
        }
    }
    mention(root, sink);
    let parsed = Policy::parse(file, &cut);
    let errors = parsed.as_ref().err().into_iter().flat_map(rampmeter::PolicyErrors::diagnostics);
    for error in errors {
        let help = error.help.as_deref().unwrap_or_default();
        sink.error_at(error.line, error.column, &error.message, help);
    }
    parsed.ok()
}

/// A policy that is a scenario's own says nothing of tools and flows that this has not.
fn mention(root: &Table, sink: &Sink<'_>) {
    let named = |key: &str| {
        let table = Section::root(root, sink).get("policy")?.table(HELP)?.get(key)?.table(HELP)?;
        Some(table.fields())
    };
    for (key, kind) in [("tools", Kind::Tool), ("flows", Kind::Flow)] {
        for field in named(key).unwrap_or_default() {
            if !field.name.contains('*') {
                sink.mention(kind, field.name, &field.key_span);
            }
        }
    }
}

/// All headers of tables, in the order of the file, and whether they are the policy's.
fn headers(root: &Table) -> Vec<(Span, bool)> {
    let mut headers = Vec::new();
    for (key, item) in root {
        collect(item, key == "policy", &mut headers);
    }
    headers.sort_by_key(|(span, _)| span.start);
    headers
}

fn collect(item: &Item, is_policy: bool, headers: &mut Vec<(Span, bool)>) {
    let tables: Vec<&Table> = match item {
        Item::Table(table) => vec![table],
        Item::ArrayOfTables(tables) => tables.iter().collect(),
        _ => return,
    };
    for table in tables {
        // What dots make a table of has no header, and an implicit one no place.
        let own = table.span().filter(|_| !table.is_dotted() && !table.is_implicit());
        headers.extend(own.map(|span| (span, is_policy)));
        for (_, item) in table {
            collect(item, is_policy, headers);
        }
    }
}

/// The policy alone, each of its characters where it was: all else is blank, and its headers have
/// lost their `policy.`.
fn cut(text: &str, headers: &[(Span, bool)]) -> String {
    let first = headers.first().map_or(text.len(), |(span, _)| span.start);
    let mut cut = blank(&text[..first]);
    for (index, (span, is_policy)) in headers.iter().enumerate() {
        let end = headers.get(index + 1).map_or(text.len(), |(next, _)| next.start);
        let (header, body) = (&text[span.clone()], &text[span.end..end]);
        match is_policy {
            true => cut.extend([own_header(header).as_str(), body]),
            false => cut.extend([blank(header), blank(body)]),
        }
    }
    cut
}

/// `[policy.limits.api]` as `[       limits.api]`; `[policy]` as nothing.
fn own_header(header: &str) -> String {
    let opening = header.len() - header.trim_start_matches('[').len();
    match header.find('.') {
        Some(dot) => {
            header[..opening].to_owned() + &blank(&header[opening..=dot]) + &header[dot + 1..]
        }
        None => blank(header),
    }
}

/// Blanks for characters, line breaks where they were.
fn blank(text: &str) -> String {
    let blank = |character| if matches!(character, '\n' | '\r') { character } else { ' ' };
    text.chars().map(blank).collect()
}
