//! One value of the file, with its place: asked for what it should be, it answers or reports.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value as Json;
use toml_edit::{Item, Key, Table, Value};

use super::nearest::did_you_mean;
use super::quantity;
use super::section::Section;
use super::source::{Complaint, Sink, Span, shown};

/// A value of the file, under the path that names it in messages.
#[derive(Clone)]
pub(super) struct Field<'a> {
    /// As in `limits.groq.queue`.
    pub(super) path: String,
    /// The last part of the path, as it was written.
    pub(super) name: &'a str,
    /// Where the name stands.
    pub(super) name_span: Span,
    /// Where the value stands; a table's is its name.
    pub(super) span: Span,
    node: Node<'a>,
}

#[derive(Clone, Copy)]
enum Node<'a> {
    Value(&'a Value),
    Table(&'a Table),
    Tables,
}

impl<'a> Field<'a> {
    /// The field of a key; `None` for a hole the parser left.
    pub(super) fn new(path: String, key: &'a Key, item: &'a Item) -> Option<Self> {
        let name_span = key.span().unwrap_or_default();
        let (node, span) = match item {
            Item::None => return None,
            Item::Value(value) => (Node::Value(value), value.span()),
            Item::Table(table) => (Node::Table(table), None),
            Item::ArrayOfTables(_) => (Node::Tables, None),
        };
        let span = span.unwrap_or_else(|| name_span.clone());
        Some(Self { path, name: key.get(), name_span, span, node })
    }

    /// A text. `help` is the remedy if it is none, here as below.
    pub(super) fn text(&self, sink: &mut Sink<'_>, help: &str) -> Option<&'a str> {
        match self.node {
            Node::Value(Value::String(text)) => Some(text.value()),
            _ => self.mismatch(sink, "a string", help),
        }
    }

    /// A name: not empty, no control characters.
    pub(super) fn name_text(&self, sink: &mut Sink<'_>, help: &str) -> Option<String> {
        let text = self.text(sink, help)?;
        is_name(text, &self.path, &self.span, sink).then(|| text.to_owned())
    }

    /// A whole number in `range`.
    pub(super) fn whole(
        &self,
        sink: &mut Sink<'_>,
        range: &RangeInclusive<u64>,
        help: &str,
    ) -> Option<u64> {
        let Node::Value(Value::Integer(number)) = self.node else {
            return self.mismatch(sink, "a whole number", help);
        };
        let number = *number.value();
        match u64::try_from(number) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let (low, high) = (range.start(), range.end());
                let message = format!("`{}` is {number}, not from {low} to {high}", self.path);
                sink.error(&self.span, message, help);
                None
            }
        }
    }

    /// A whole number in `range` that a `u32` holds.
    pub(super) fn whole_u32(
        &self,
        sink: &mut Sink<'_>,
        range: &RangeInclusive<u32>,
        help: &str,
    ) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.whole(sink, &range, help).and_then(|number| u32::try_from(number).ok())
    }

    /// A number from 0 to 1.
    pub(super) fn share(&self, sink: &mut Sink<'_>, help: &str) -> Option<f64> {
        let number = match self.node {
            Node::Value(Value::Float(number)) => *number.value(),
            Node::Value(Value::Integer(number)) if *number.value() == 0 => 0.0,
            Node::Value(Value::Integer(number)) if *number.value() == 1 => 1.0,
            Node::Value(Value::Integer(_)) => f64::INFINITY,
            _ => return self.mismatch(sink, "a number", help),
        };
        if (0.0..=1.0).contains(&number) {
            return Some(number.abs());
        }
        sink.error(&self.span, format!("`{}` is not from 0 to 1", self.path), help);
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, sink: &mut Sink<'_>) -> Option<bool> {
        match self.node {
            Node::Value(Value::Boolean(flag)) => Some(*flag.value()),
            _ => self.mismatch(sink, "true or false", "write true or false, without quotes"),
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, sink: &mut Sink<'_>, choices: &[(&str, T)]) -> Option<T> {
        let words = choices.iter().map(|(word, _)| *word);
        let help = format!("write {}", words.clone().map(quote).collect::<Vec<_>>().join(" or "));
        let text = self.text(sink, &help)?;
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let message = format!("`{}` cannot be `{}`", self.path, shown(text));
            sink.error_with(&self.span, message, || did_you_mean(text, words, "choices"));
        }
        chosen
    }

    /// A duration above zero.
    pub(super) fn duration(&self, sink: &mut Sink<'_>, zero_help: &str) -> Option<Duration> {
        let duration = self.quantity(sink, "write it as in \"30s\"", quantity::duration)?;
        if duration.is_zero() {
            sink.error(&self.span, format!("`{}` is zero", self.path), zero_help);
            return None;
        }
        Some(duration)
    }

    /// A text that `parse` makes a quantity of.
    pub(super) fn quantity<T>(
        &self,
        sink: &mut Sink<'_>,
        help: &str,
        parse: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        let text = self.text(sink, help)?;
        parse(text).map_err(|complaint| sink.complain(&self.span, &self.path, complaint)).ok()
    }

    /// A table of which only `keys` are known.
    pub(super) fn section(
        &self,
        sink: &mut Sink<'_>,
        keys: &[&str],
        help: &str,
    ) -> Option<Section<'a>> {
        let section = self.table(sink, help)?;
        section.refuse_unknown(keys, sink);
        Some(section)
    }

    /// A table whose keys are names.
    pub(super) fn table(&self, sink: &mut Sink<'_>, help: &str) -> Option<Section<'a>> {
        let (path, span) = (self.path.clone(), self.span.clone());
        match self.node {
            Node::Table(table) => Some(Section::new(table, path, span)),
            Node::Value(Value::InlineTable(table)) => Some(Section::new(table, path, span)),
            _ => self.mismatch(sink, "a table", help),
        }
    }

    /// A list; its elements go by the list's own path.
    pub(super) fn list(&self, sink: &mut Sink<'_>, help: &str) -> Option<Vec<Field<'a>>> {
        let Node::Value(Value::Array(array)) = self.node else {
            return self.mismatch(sink, "a list", help);
        };
        let element = |value: &'a Value| {
            let span = value.span().unwrap_or_else(|| self.span.clone());
            let (path, name_span) = (self.path.clone(), span.clone());
            Field { path, name: self.name, name_span, span, node: Node::Value(value) }
        };
        Some(array.iter().map(element).collect())
    }

    /// The value as JSON, its texts as they stand. TOML has dates, and numbers that are none; JSON has
    /// neither.
    pub(super) fn json(&self, sink: &mut Sink<'_>) -> Option<Json> {
        let help = "write a string, a number, true, false, a list or a table";
        match self.node {
            Node::Value(Value::String(text)) => Some(Json::from(text.value().as_str())),
            Node::Value(Value::Integer(number)) => Some(Json::from(*number.value())),
            Node::Value(Value::Boolean(flag)) => Some(Json::from(*flag.value())),
            Node::Value(Value::Float(number)) if number.value().is_finite() => {
                Some(Json::from(*number.value()))
            }
            Node::Value(Value::Array(_)) => {
                let elements = self.list(sink, help)?;
                elements.iter().map(|element| element.json(sink)).collect()
            }
            Node::Table(_) | Node::Value(Value::InlineTable(_)) => {
                let fields = self.table(sink, help)?.fields();
                let members = fields.iter().map(|it| Some((it.name.to_owned(), it.json(sink)?)));
                Some(Json::Object(members.collect::<Option<_>>()?))
            }
            Node::Value(Value::Float(_) | Value::Datetime(_)) | Node::Tables => {
                self.mismatch(sink, "something that JSON has", help)
            }
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        matches!(self.node, Node::Value(Value::Integer(_)))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node, Node::Value(Value::Array(_)))
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.node, Node::Table(_) | Node::Value(Value::InlineTable(_)))
    }

    /// Reports that this is not `wanted`.
    pub(super) fn mismatch<T>(&self, sink: &mut Sink<'_>, wanted: &str, help: &str) -> Option<T> {
        let found = match self.node {
            Node::Value(Value::String(_)) => "a string",
            Node::Value(Value::Integer(_)) => "a whole number",
            Node::Value(Value::Float(_)) => "a float",
            Node::Value(Value::Boolean(_)) => "a boolean",
            Node::Value(Value::Datetime(_)) => "a date or time",
            Node::Value(Value::Array(_)) => "a list",
            Node::Value(Value::InlineTable(_)) | Node::Table(_) => "a table",
            Node::Tables => "a list of tables",
        };
        sink.error(&self.span, format!("`{}` must be {wanted}, not {found}", self.path), help);
        None
    }
}

/// Whether `text` can be a name; reports why not.
pub(super) fn is_name(text: &str, path: &str, span: &Span, sink: &mut Sink<'_>) -> bool {
    const LONGEST: usize = 256;
    let (wrong, help) = if text.is_empty() {
        ("is an empty name", "give it a name")
    } else if text.contains(char::is_control) {
        ("has a control character in its name", "take out line breaks, tabs and the like")
    } else if text.len() > LONGEST {
        ("has a name longer than 256 bytes", "shorten it")
    } else {
        return true;
    };
    sink.error(span, format!("`{path}` {wrong}"), help);
    false
}

fn quote(word: &str) -> String {
    format!("\"{word}\"")
}
