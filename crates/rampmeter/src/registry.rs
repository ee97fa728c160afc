//! The tools that there are, by name.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::format::Format;
use crate::policy;
use crate::tool::Tool;

/// Tools by name; two of one name are an error.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    tools: BTreeMap<String, Tool>,
}

/// A tool of this name is there already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DuplicateTool {
    /// The name.
    pub name: String,
}

/// No tool has this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownTool {
    /// The name that was asked for.
    pub name: String,
    /// The name that is most like it.
    pub nearest: Option<String>,
}

impl Registry {
    /// A registry without tools.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// There is one of this name; it stays.
    pub fn add(&mut self, tool: Tool) -> Result<(), DuplicateTool> {
        if self.tools.contains_key(tool.name()) {
            return Err(DuplicateTool { name: tool.name().into() });
        }
        self.tools.insert(tool.name().into(), tool);
        Ok(())
    }

    /// The tool that answers to `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, name: &str) -> Result<&Tool, UnknownTool> {
        if let Some(tool) = self.tools.get(name) {
            return Ok(tool);
        }
        let names = self.tools.keys().map(String::as_str);
        let best = policy::best_pattern(names.clone(), name);
        best.and_then(|at| self.tools.values().nth(at)).ok_or_else(|| UnknownTool {
            name: name.into(),
            nearest: policy::nearest_word(name, names).map(str::to_owned),
        })
    }

    /// The tools, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Tool> {
        self.tools.values()
    }

    /// The tools as a request to a model lists them: its `tools` (Bedrock: `toolConfig.tools`, MCP:
    /// the answer's to `tools/list`). A tool that stands for many names is not listed.
    pub fn definitions(&self, format: Format) -> Vec<Value> {
        let listed = self.iter().filter(|tool| !tool.name().contains('*'));
        format.define(listed.map(|tool| (tool.name(), tool.description(), tool.schema())))
    }
}

impl fmt::Display for DuplicateTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a tool named {:?} is registered already; give this one another name", self.name)
    }
}

impl std::error::Error for DuplicateTool {}

impl fmt::Display for UnknownTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no tool named {:?}", self.name)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest:?}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownTool {}
