//! Tools that call tools: in no circle, and how many calls one call comes to.

use std::collections::BTreeMap;

use super::super::types::{Calls, ToolSpec};

/// Calls are nested no deeper: as deep as a policy lets them.
const DEEPEST: usize = 255;

/// How many calls a call of each tool comes to, itself included.
///
/// # Errors
///
/// Tools that call each other in a circle or too deep: what is said of it, and one of these tools.
pub(super) fn totals(tools: &[ToolSpec]) -> Result<BTreeMap<&str, u64>, (String, &str)> {
    let by_name = tools.iter().map(|tool| (tool.name.as_str(), tool)).collect();
    let mut walk = Walk { by_name, path: Vec::new(), totals: BTreeMap::new() };
    for tool in tools {
        walk.total(&tool.name)?;
    }
    Ok(walk.totals)
}

/// How many calls these come to.
pub(super) fn total(calls: &[Calls], totals: &BTreeMap<&str, u64>) -> u64 {
    calls.iter().fold(0, |sum: u64, calls| {
        let each = totals.get(calls.tool.as_str()).copied().unwrap_or(0);
        sum.saturating_add(calls.count.saturating_mul(each))
    })
}

/// Each tool is looked at once, however many call it.
struct Walk<'a> {
    by_name: BTreeMap<&'a str, &'a ToolSpec>,
    path: Vec<&'a str>,
    totals: BTreeMap<&'a str, u64>,
}

impl<'a> Walk<'a> {
    fn total(&mut self, name: &'a str) -> Result<(), (String, &'a str)> {
        if let Some(at) = self.path.iter().position(|it| *it == name) {
            let circle = format!("{} → {name}", self.path[at..].join(" → "));
            return Err((format!("tools call each other in a circle: {circle}"), name));
        }
        if self.path.len() > DEEPEST {
            return Err((format!("tools call each other more than {DEEPEST} deep"), name));
        }
        // One that is not there was reported where it is named.
        let tool = match self.by_name.get(name) {
            Some(tool) if !self.totals.contains_key(name) => *tool,
            _ => return Ok(()),
        };
        self.path.push(name);
        for calls in &tool.calls {
            self.total(&calls.tool)?;
        }
        self.path.pop();
        let nested = total(&tool.calls, &self.totals);
        self.totals.insert(name, nested.saturating_add(1));
        Ok(())
    }
}
