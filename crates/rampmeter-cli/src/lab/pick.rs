//! Which scenarios are meant.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rampmeter_lab::lab::Scenario;
use rampmeter_lab::lab::scenario;

/// Words longer than this are nobody's typing error.
const MAX_COMPARED: usize = 64;

/// All built-in scenarios of these families and names, and those in files; all that are built in if
/// nothing is named.
pub(super) fn pick(what: &[String]) -> Result<Vec<Arc<Scenario>>, String> {
    if what.is_empty() {
        return scenario::built_in().into_iter().map(built_in).collect();
    }
    let mut picked: Vec<Arc<Scenario>> = Vec::new();
    for name in what {
        for scenario in one(name)? {
            match picked.iter().find(|other| other.name == scenario.name) {
                None => picked.push(scenario),
                Some(same) if same.text == scenario.text => {}
                Some(_) => {
                    return Err(format!(
                        "{name}: another scenario is named `{}`, too; rename the file",
                        scenario.name
                    ));
                }
            }
        }
    }
    Ok(picked)
}

/// A scenario by its name, or in a file.
pub(super) fn one_of(name: &str) -> Result<Arc<Scenario>, String> {
    match one(name)?.as_slice() {
        [scenario] => Ok(scenario.clone()),
        many => Err(format!(
            "`{name}` is a family of {} scenarios: name one, such as {}",
            many.len(),
            many.first().map_or("", |scenario| &scenario.name)
        )),
    }
}

fn one(name: &str) -> Result<Vec<Arc<Scenario>>, String> {
    let within = |it: &str| it == name || it.split_once('/').is_some_and(|(it, _)| it == name);
    let named = scenario::built_in().into_iter().filter(|(it, _)| within(it));
    let named = named.map(built_in).collect::<Result<Vec<_>, _>>()?;
    if !named.is_empty() {
        return Ok(named);
    }
    let path = Path::new(name);
    if path.extension().is_none_or(|it| it != "toml") && !path.is_file() {
        return Err(unknown(name));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!("cannot read {name}: {error}; name a scenario file, or a scenario of `rampmeter lab list`")
    })?;
    let read = scenario::read(name, &text);
    Ok(vec![Arc::new(read.map_err(|error| error.to_string().trim_end().to_owned())?)])
}

fn built_in((name, text): (&str, &str)) -> Result<Arc<Scenario>, String> {
    let read = scenario::read(&format!("{name}.toml"), text);
    read.map(Arc::new).map_err(|error| error.to_string().trim_end().to_owned())
}

fn unknown(name: &str) -> String {
    let all = scenario::built_in();
    let families = all.iter().filter_map(|(it, _)| Some(it.split_once('/')?.0));
    let families: BTreeSet<&str> = families.collect();
    let right = all.iter().map(|(it, _)| *it).chain(families.iter().copied());
    let remedy = match nearest(name, right) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a family or scenario of `rampmeter lab list`, or a file NAME.toml".into(),
    };
    format!("no family, scenario or file is named `{name}`: {remedy}")
}

/// The nearest name, or the end of one, if it is near enough to be a typing error.
pub(super) fn nearest<'a>(word: &str, right: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > MAX_COMPARED {
        return None;
    }
    let edits = |candidate: &str| {
        let end = candidate.rsplit('/').next().unwrap_or(candidate);
        strsim::damerau_levenshtein(word, candidate).min(strsim::damerau_levenshtein(word, end))
    };
    let near = right.map(|candidate| (edits(candidate), candidate));
    near.filter(|(edits, _)| edits * 3 <= length).min().map(|(_, candidate)| candidate)
}
