//! Which calls a figure is of.

use std::fmt;

use super::super::script::{Script, ScriptCall, Turn};
use super::words;

/// The calls of a priority, a load, a flow, a tool or a server, by name: `high`, `tenant-*`, or with
/// what it is before it, `tool search`. A bare name is that of the first of these, in this order,
/// which has it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Scope {
    kind: Option<Kind>,
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Kind {
    Priority,
    Load,
    Flow,
    Tool,
    Server,
}

const KINDS: [(&str, Kind); 5] = [
    ("priority", Kind::Priority),
    ("load", Kind::Load),
    ("flow", Kind::Flow),
    ("tool", Kind::Tool),
    ("server", Kind::Server),
];

impl Scope {
    /// Reads what follows `of`.
    pub(super) fn parse(text: &str) -> Result<Scope, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let kind = |word: &str| KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        let (kind, name) = match words[..] {
            [name] => (None, name),
            [word, name] if kind(word).is_some() => (kind(word), name),
            _ => {
                return Err(format!(
                    "`of` is followed by the name of a priority, load, flow, tool or server, as in `p95 of \
                     high` or `p95 of tool search`, not by `{text}`"
                ));
            }
        };
        Ok(Scope { kind, name: name.to_owned() })
    }

    /// That something in the script is called so.
    ///
    /// # Errors
    ///
    /// Nothing is; the names that are near, or those that there are.
    pub(super) fn check(&self, script: &Script) -> Result<(), String> {
        if self.picked(script).is_some() {
            return Ok(());
        }
        let kinds = KINDS.iter().filter(|(_, kind)| self.kind.is_none_or(|it| it == *kind));
        let mut names: Vec<&str> = kinds.flat_map(|(_, kind)| kind.names(script)).collect();
        names.sort_unstable();
        names.dedup();
        Err(format!("nothing here is called `{}`: {}", self.name, words::near(&self.name, &names)))
    }

    /// The calls that it names; nothing if nothing is called so.
    pub(super) fn picked(&self, script: &Script) -> Option<Picked> {
        let named = |kind: Kind| kind.picked(script, &|name| matches(&self.name, name));
        match self.kind {
            Some(kind) => named(kind),
            None => KINDS.iter().find_map(|(_, kind)| named(*kind)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((word, _)) = KINDS.iter().find(|(_, kind)| Some(*kind) == self.kind) {
            write!(f, "{word} ")?;
        }
        f.write_str(&self.name)
    }
}

/// Whether a name is as the pattern says, in which `*` stands for anything at its end.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

impl Kind {
    fn names(self, script: &Script) -> Vec<&str> {
        match self {
            Kind::Tool => script.tools.iter().map(|tool| tool.name.as_str()).collect(),
            Kind::Server => script.servers.iter().map(|server| server.name.as_str()).collect(),
            _ => script.turns.iter().map(|turn| self.of_turn(turn)).collect(),
        }
    }

    fn of_turn(self, turn: &Turn) -> &str {
        match self {
            Kind::Load => &turn.load,
            Kind::Flow => &turn.flow,
            _ => &turn.priority,
        }
    }

    fn picked(self, script: &Script, matches: &dyn Fn(&str) -> bool) -> Option<Picked> {
        let picked: Vec<bool> = match self {
            Kind::Tool => script.tools.iter().map(|tool| matches(&tool.name)).collect(),
            Kind::Server => {
                let server = |at: Option<usize>| at.and_then(|at| script.servers.get(at));
                let of = |at| server(at).is_some_and(|server| matches(&server.name));
                script.tools.iter().map(|tool| of(tool.server)).collect()
            }
            _ => script.turns.iter().map(|turn| matches(self.of_turn(turn))).collect(),
        };
        let picked = picked.contains(&true).then_some(picked)?;
        Some(match self {
            Kind::Tool | Kind::Server => Picked::Tools(picked),
            _ => Picked::Turns(picked),
        })
    }
}

/// The calls that are meant, in one script.
pub(super) enum Picked {
    All,
    /// Those of these turns, by index.
    Turns(Vec<bool>),
    /// Those of these tools, by index.
    Tools(Vec<bool>),
}

impl Picked {
    /// Of no scope, all.
    pub(super) fn of(scope: Option<&Scope>, script: &Script) -> Option<Picked> {
        scope.map_or(Some(Picked::All), |scope| scope.picked(script))
    }

    /// Whether a call is meant where what goes on at a moment is counted: also one that another makes.
    pub(super) fn has(&self, call: &ScriptCall) -> bool {
        match self {
            Picked::All => true,
            Picked::Turns(turns) => turns.get(call.turn).copied().unwrap_or(false),
            Picked::Tools(tools) => tools.get(call.tool).copied().unwrap_or(false),
        }
    }

    /// Whether a call is meant where it is counted what those who ask get: one that another makes only
    /// by the name of its tool or server.
    pub(super) fn asks(&self, call: &ScriptCall) -> bool {
        (call.parent.is_none() || matches!(self, Picked::Tools(_))) && self.has(call)
    }
}
