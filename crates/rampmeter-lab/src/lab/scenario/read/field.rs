//! Values of the file with their places: asked for what they should be, they answer or report.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::{ArrayOfTables, Item, Key, Table, TableLike, Value};

use super::super::super::figures::words::near;
use super::super::types::Rate;
use super::quantity;
use super::sink::{Complaint, Kind, Sink, Span};

/// A value, under the path that names it in messages.
#[derive(Clone)]
pub(super) struct Field<'a> {
    /// As in `load.arrive.every`.
    pub(super) path: String,
    /// Its key.
    pub(super) name: &'a str,
    /// Where its key stands.
    pub(super) key_span: Span,
    /// Where it stands itself; a table's is its key.
    pub(super) span: Span,
    node: Node<'a>,
    sink: &'a Sink<'a>,
}

#[derive(Clone, Copy)]
enum Node<'a> {
    Value(&'a Value),
    Table(&'a Table),
    Tables(&'a ArrayOfTables),
}

/// A table.
pub(super) struct Section<'a> {
    pub(super) path: String,
    pub(super) span: Span,
    table: &'a dyn TableLike,
    pub(super) sink: &'a Sink<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn root(table: &'a Table, sink: &'a Sink<'a>) -> Section<'a> {
        Section { path: String::new(), span: 0..0, table, sink }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        let (key, item) = self.table.get_key_value(key)?;
        let dot = if self.path.is_empty() { "" } else { "." };
        Field::new(format!("{}{dot}{}", self.path, key.get()), key, item, self.sink)
    }

    /// The value of a key that must be there. `help` is the remedy if it is not.
    pub(super) fn need(&self, key: &str, help: &str) -> Option<Field<'a>> {
        let field = self.get(key);
        if field.is_none() {
            let whose = if self.path.is_empty() { "the file" } else { &format!("`{}`", self.path) };
            self.sink.error(&self.span, format!("{whose} has no `{key}`"), help);
        }
        field
    }

    /// All values, in the order of the file.
    pub(super) fn fields(&self) -> Vec<Field<'a>> {
        self.table.iter().filter_map(|(key, _)| self.get(key)).collect()
    }

    /// Reports every key that is none of these.
    pub(super) fn only(self, keys: &[&str]) -> Section<'a> {
        for field in self.fields() {
            if !keys.contains(&field.name) {
                let message = format!("unknown key `{}`", field.path);
                self.sink.error(&field.key_span, message, near(field.name, keys));
            }
        }
        self
    }
}

impl<'a> Field<'a> {
    fn new(path: String, key: &'a Key, item: &'a Item, sink: &'a Sink<'a>) -> Option<Field<'a>> {
        let key_span = key.span().unwrap_or_default();
        let (node, span) = match item {
            Item::None => return None,
            Item::Value(value) => (Node::Value(value), value.span()),
            Item::Table(table) => (Node::Table(table), None),
            Item::ArrayOfTables(tables) => (Node::Tables(tables), None),
        };
        let span = span.unwrap_or_else(|| key_span.clone());
        Some(Field { path, name: key.get(), key_span, span, node, sink })
    }

    /// Something is wrong with it.
    pub(super) fn error(&self, message: impl Into<String>, help: impl Into<String>) {
        self.sink.error(&self.span, message, help);
    }

    pub(super) fn as_text(&self) -> Option<&'a str> {
        match self.node {
            Node::Value(Value::String(text)) => Some(text.value()),
            _ => None,
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node, Node::Value(Value::Array(_)))
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Option<String> {
        match self.as_text() {
            Some("") => {
                self.error(format!("`{}` is empty", self.path), "write something, or remove it");
                None
            }
            Some(text) if text.contains(char::is_control) => {
                let message = format!("`{}` has a control character in it", self.path);
                self.error(message, "take out line breaks, tabs and the like");
                None
            }
            Some(text) => Some(text.to_owned()),
            None => self.mismatch("a text", "write it in quotes"),
        }
    }

    /// The name of something that must be there when all is read.
    pub(super) fn mention(&self, kind: Kind) -> Option<String> {
        let name = self.text()?;
        self.sink.mention(kind, &name, &self.span);
        Some(name)
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.node {
            Node::Value(Value::Boolean(flag)) => Some(*flag.value()),
            _ => self.mismatch("true or false", "write true or false, without quotes"),
        }
    }

    /// A whole number from 1 (or what `range` says).
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (*range.start(), *range.end());
        let help = format!("write a whole number from {least} to {most}");
        let Node::Value(Value::Integer(number)) = self.node else {
            return self.mismatch("a whole number", &help);
        };
        let number = u64::try_from(*number.value()).ok().filter(|it| range.contains(it));
        if number.is_none() {
            self.error(format!("`{}` is not from {least} to {most}", self.path), help);
        }
        number
    }

    pub(super) fn whole_u32(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.whole(range).and_then(|number| u32::try_from(number).ok())
    }

    /// A number that is neither below `least` nor beyond all bounds.
    pub(super) fn number(&self, least: f64) -> Option<f64> {
        let number = match self.node {
            Node::Value(Value::Float(number)) => *number.value(),
            Node::Value(Value::Integer(number)) => *number.value() as f64,
            _ => return self.mismatch("a number", &format!("write a number from {least} on")),
        };
        if number.is_finite() && number >= least {
            return Some(number);
        }
        let help = format!("write a number from {least} on");
        self.error(format!("`{}` is not at least {least}", self.path), help);
        None
    }

    /// `"30%"`, or 0.3.
    pub(super) fn share(&self) -> Option<f64> {
        let number = match self.node {
            Node::Value(Value::Float(number)) => *number.value(),
            Node::Value(Value::Integer(number)) => *number.value() as f64,
            _ => return self.quantity(quantity::share),
        };
        if (0.0..=1.0).contains(&number) {
            return Some(number);
        }
        let help = "write a share from \"0%\" to \"100%\", or a number from 0 to 1";
        self.error(format!("`{}` is {number}, no share from 0 to 1", self.path), help);
        None
    }

    pub(super) fn duration(&self) -> Option<Duration> {
        self.quantity(quantity::duration)
    }

    /// A duration that is not zero.
    pub(super) fn period(&self) -> Option<Duration> {
        let period = self.duration()?;
        if period.is_zero() {
            self.error(format!("`{}` is zero", self.path), "write a longer duration");
            return None;
        }
        Some(period)
    }

    pub(super) fn rate(&self) -> Option<Rate> {
        self.quantity(quantity::rate)
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.quantity(quantity::bytes)
    }

    fn quantity<T>(&self, parse: impl FnOnce(&str) -> Result<T, Complaint>) -> Option<T> {
        let text = self.text()?;
        let complain = |(message, help): Complaint| {
            self.error(format!("`{}`: {message}", self.path), help);
        };
        parse(&text).map_err(complain).ok()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let chosen = choices.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.error(format!("`{}` cannot be `{text}`", self.path), near(&text, &words));
        }
        chosen.map(|(_, choice)| *choice)
    }

    /// The elements of a list; they go by the list's path.
    pub(super) fn list(&self, help: &str) -> Vec<Field<'a>> {
        let Node::Value(Value::Array(array)) = self.node else {
            self.mismatch::<()>("a list", help);
            return Vec::new();
        };
        let element = |value: &'a Value| Field {
            span: value.span().unwrap_or_else(|| self.span.clone()),
            node: Node::Value(value),
            ..self.clone()
        };
        array.iter().map(element).collect()
    }

    /// A table.
    pub(super) fn table(&self, help: &str) -> Option<Section<'a>> {
        let table: &dyn TableLike = match self.node {
            Node::Table(table) => table,
            Node::Value(Value::InlineTable(table)) => table,
            _ => return self.mismatch("a table", help),
        };
        let (path, span) = (self.path.clone(), self.span.clone());
        Some(Section { path, span, table, sink: self.sink })
    }

    /// Tables under double brackets, or one list of them.
    pub(super) fn tables(&self, help: &str) -> Vec<Section<'a>> {
        let Node::Tables(tables) = self.node else {
            return self.list(help).iter().filter_map(|element| element.table(help)).collect();
        };
        let section = |table: &'a Table| Section {
            path: self.path.clone(),
            span: table.span().unwrap_or_else(|| self.span.clone()),
            table,
            sink: self.sink,
        };
        tables.iter().map(section).collect()
    }

    /// Reports that this is not what was `wanted`.
    pub(super) fn mismatch<T>(&self, wanted: &str, help: &str) -> Option<T> {
        let found = match self.node {
            Node::Value(Value::String(_)) => "a text",
            Node::Value(Value::Integer(_)) => "a whole number",
            Node::Value(Value::Float(_)) => "a number",
            Node::Value(Value::Boolean(_)) => "true or false",
            Node::Value(Value::Datetime(_)) => "a date",
            Node::Value(Value::Array(_)) => "a list",
            Node::Value(Value::InlineTable(_)) | Node::Table(_) => "a table",
            Node::Tables(_) => "a list of tables",
        };
        self.error(format!("`{}` must be {wanted}, not {found}", self.path), help);
        None
    }
}
