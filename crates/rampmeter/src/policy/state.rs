//! `[state]` and `output`: what tools share, and how it is merged.

use std::collections::BTreeMap;

use super::diagnostic::Severity;
use super::pattern;
use super::section::{Named, Section};
use super::source::{Sink, shown};
use super::spelling::key;
use super::types::{MergePolicy, ToolPolicy};
use crate::state_bag::{MAX_MERGES, Merge};

const HELP: &str = "write [state] and below it \"results.*\" = \"append\"; the file that keeps quotas \
                    is `state` below [run]";

/// The words of [`Merge`].
const MERGES: [(&str, Merge); 5] = [
    ("error", Merge::Error),
    ("first", Merge::First),
    ("last", Merge::Last),
    ("append", Merge::Append),
    ("sum", Merge::Sum),
];

/// `[state]`: keys, or patterns of them, each with its merge.
pub(super) fn merges(root: &Section<'_>, sink: &mut Sink<'_>) -> Vec<MergePolicy> {
    let table = root.get("state").and_then(|field| field.table(sink, HELP));
    let Some(table) = table else { return Vec::new() };
    let mut before: Vec<&str> = Vec::new();
    let merges = table.named(sink, MAX_MERGES, |field, sink| {
        if field.name.matches('*').count() > 1 {
            let message = format!("`{}` has more than one `*`", field.path);
            sink.error(&field.name_span, message, "keep one, which stands for any text");
        } else if let Some(other) = before.iter().find(|it| pattern::patterns_tie(field.name, it)) {
            let message =
                format!("`{}` ties with `{}`: keys can fit both", field.path, shown(other));
            let help = "make one prefix longer, or keep one of the two";
            sink.error(&field.name_span, message, help);
        }
        before.push(field.name);
        let merge = field.choice(sink, &MERGES)?;
        Some(MergePolicy { pattern: field.name.to_owned(), merge })
    });
    merges.into_iter().map(|named| named.value).collect()
}

/// The key that a tool's results are written to. Unlike `reads` and `writes` it is one key for all
/// calls, so braces would promise what nothing fills.
pub(super) fn output(tool: &Section<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let field = tool.get("output")?;
    let output = field.name_text(sink, "write output = \"KEY\"")?;
    if output.contains(['{', '}', '*']) {
        let message = format!("`{}` is one key for all calls of the tool", field.path);
        sink.error(&field.span, message, "write it without `{`, `}` and `*`");
        return None;
    }
    Some(output)
}

/// Outputs that meet at one key for which no merge is declared.
pub(super) fn notes(tools: &[Named<ToolPolicy>], merges: &[MergePolicy], sink: &mut Sink<'_>) {
    let mut first_at: BTreeMap<&str, &str> = BTreeMap::new();
    for Named { value: tool, span, .. } in tools {
        let Some(output) = &tool.output else { continue };
        if pattern::best(merges.iter().map(|it| it.pattern.as_str()), output).is_some() {
            continue;
        }
        let (name, at) = (shown(&tool.pattern), shown(output));
        let help = format!(
            "say what becomes of several results, as in [state] {} = \"append\", or \"error\" if \
             only one may come",
            shown(&key(output))
        );
        match first_at.get(output.as_str()) {
            Some(other) => {
                let message = format!(
                    "tools `{}` and `{name}` have one output, `{at}`, and no merge is declared: the \
                     second call of them fails with a conflict",
                    shown(other)
                );
                sink.remark(Severity::Warning, span, message, help);
            }
            None => {
                let message = format!(
                    "the output of tool `{name}`, `{at}`, has no declared merge: its second call fails \
                     with a conflict"
                );
                sink.remark(Severity::Note, span, message, help);
                first_at.insert(output, &tool.pattern);
            }
        }
    }
}
