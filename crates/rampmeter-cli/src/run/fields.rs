//! Which fields of a turn's line say for whom its calls are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rampmeter::Policy;
use serde_json::value::RawValue;

use super::source::TurnLine;
use crate::args::RunArgs;
use crate::object::Object;

/// The fields of a run. Clones share what was seen of them.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    flow: Option<Field>,
    priority: Option<Field>,
    labels: Vec<(String, Field)>,
}

/// A dotted path, and whether any line had something there.
#[derive(Clone, Debug)]
struct Field {
    path: String,
    seen: Arc<AtomicBool>,
}

impl Fields {
    /// What the policy's `[run]` says.
    pub(crate) fn of_policy(policy: &Policy) -> Fields {
        let labels = policy.run.labels.iter();
        Fields {
            flow: policy.run.flow.as_deref().map(Field::new),
            priority: policy.run.priority.as_deref().map(Field::new),
            labels: labels.map(|(name, path)| (name.clone(), Field::new(path))).collect(),
        }
    }

    /// What the policy's `[run]` says, overridden by the command line.
    pub(crate) fn of(args: &RunArgs, policy: &Policy) -> Fields {
        let mut fields = Fields::of_policy(policy);
        for (name, path) in &args.labels {
            fields.labels.retain(|(known, _)| known != name);
            fields.labels.push((name.clone(), Field::new(path)));
        }
        fields.flow = args.flow.as_deref().map(Field::new).or(fields.flow);
        fields.priority = args.priority.as_deref().map(Field::new).or(fields.priority);
        fields
    }

    /// The line with what its fields say. One that is no object has none; what is wrong with it is
    /// told when its calls are read.
    pub(crate) fn read(&self, number: u64, text: &str) -> TurnLine {
        let plain = TurnLine { number, text: text.to_owned(), ..TurnLine::default() };
        let asked = self.all().next().is_some();
        let Some(object) = asked.then(|| Object::parse(text).ok()).flatten() else { return plain };
        let labels = self.labels.iter().filter_map(|(name, field)| {
            let value = field.of(&object)?;
            Some((name.clone(), value))
        });
        TurnLine {
            flow: self.flow.as_ref().and_then(|field| field.of(&object)),
            priority: self.priority.as_ref().and_then(|field| field.of(&object)),
            labels: labels.collect(),
            ..plain
        }
    }

    /// Whether some field says the value of a label.
    pub(crate) fn label(&self, name: &str) -> bool {
        self.labels.iter().any(|(known, _)| known == name)
    }

    /// The paths at which no line had anything.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = &str> {
        self.all().filter(|it| !it.seen.load(Ordering::Relaxed)).map(|it| it.path.as_str())
    }

    fn all(&self) -> impl Iterator<Item = &Field> {
        let labels = self.labels.iter().map(|(_, field)| field);
        self.flow.iter().chain(&self.priority).chain(labels)
    }
}

impl Field {
    fn new(path: &str) -> Field {
        Field { path: path.to_owned(), seen: Arc::default() }
    }

    fn of(&self, line: &Object<'_>) -> Option<String> {
        let value = line.at(&self.path).and_then(plain)?;
        self.seen.store(true, Ordering::Relaxed);
        Some(value)
    }
}

/// A text, number or truth value as text; null, a list and an object are none.
fn plain(value: &RawValue) -> Option<String> {
    let value = value.get();
    match value.as_bytes().first()? {
        b'"' => serde_json::from_str(value).ok(),
        b'n' | b'[' | b'{' => None,
        _ => Some(value.to_owned()),
    }
}
