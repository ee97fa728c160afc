//! From the text of a file to a scenario. First everything is read that is there, and all that has
//! the wrong shape is told at once; then all that contradicts something else; then the aims.

mod aims;
mod check;
mod draft;
mod fault;
mod field;
mod load;
mod names;
mod nested;
mod policy;
mod quantity;
mod sink;
#[cfg(test)]
mod tests;
mod tool;

use std::path::Path;
use std::time::Duration;

use toml_edit::Document;

use super::error::ScenarioError;
use super::types::{Family, Hold, Published, Rate, Sweep};
use super::{Clock, Regime, Scenario};
use draft::{Draft, Placed, Places, split};
use field::{Field, Section};
use sink::{Kind, Sink};

const KEYS: [&str; 16] = [
    "about",
    "ends",
    "deadline",
    "clock",
    "regimes",
    "pipeline",
    "semaphore",
    "rate",
    "holds",
    "load",
    "tools",
    "servers",
    "faults",
    "sweep",
    "published",
    "policy",
];
const FAMILIES: [(&str, Family); 6] = [
    ("baseline", Family::Baseline),
    ("stress", Family::Stress),
    ("chaos", Family::Chaos),
    ("adversarial", Family::Adversarial),
    ("recovery", Family::Recovery),
    ("curves", Family::Curves),
];
const CLOCKS: [(&str, Clock); 2] = [("virtual", Clock::Virtual), ("real", Clock::Real)];

const LOAD: &str = "write [[load]] and below it name = \"users\" and calls = \"search\"";
const HOLDS: &str = "write holds = [\"peak <= 8\"], or { regime = \"semaphore\", aim = \"…\" }";

/// Reads a scenario; `file_name` is what errors call it. `FAMILY/NAME.toml`, of a family that there
/// is, is the scenario of that name, and any other file one of [`Family::Own`].
///
/// # Errors
///
/// Everything that is wrong with it, each with its line and the remedy. What contradicts something
/// is told once all that is there can be read; of what is not TOML the first thing alone.
pub fn read(file_name: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let sink = Sink::new(file_name, text);
    match Document::parse(text) {
        Ok(document) => {
            let draft = document_of(file_name, text, &document, &sink);
            sink.check()?;
            if let Some(draft) = draft {
                check::all(&draft, &sink);
                sink.check()?;
                aims::check(&draft, &sink);
                sink.check()?;
                return Ok(draft.scenario);
            }
        }
        Err(error) => {
            let span = error.span().unwrap_or(text.len()..text.len());
            let help = "correct it: nothing after this place was read";
            sink.error(&span, format!("not TOML: {}", error.message()), help);
        }
    }
    // A scenario is missing only if something was said against it.
    Err(sink.into_error())
}

fn document_of(
    file_name: &str,
    text: &str,
    document: &Document<&str>,
    sink: &Sink<'_>,
) -> Option<Draft> {
    let root = Section::root(document.as_table(), sink).only(&KEYS);
    let (name, family) = name(file_name);
    let about = root.need("about", "say in a sentence what happens, as in about = \"…\"");
    let ends = root.need("ends", "say when everything is cut off, as in ends = \"1min\"");
    let ends = ends.and_then(|ends| ends.period());
    let (loads, load_places) = split(all(&root, "load", LOAD, load::load));
    let (tools, tool_places) = split(named(&root, "tools", tool::tool));
    let (servers, _) = split(named(&root, "servers", tool::server));
    let (faults, fault_places) = split(all(&root, "faults", "write [[faults]]", fault::fault));
    let (holds, hold_places) = split(holds(&root));
    let (published, published_places) =
        split(all(&root, "published", "write [[published]]", published));
    let (sweep, sweep_place) = match root.get("sweep").and_then(|field| sweep(&field)) {
        Some(Placed { value, span }) => (Some(value), Some(span)),
        None => (None, None),
    };
    if root.get("load").is_none() {
        root.sink.error(&root.span, "nobody asks for anything", LOAD);
    }
    let policy = policy::policy(file_name, text, document, sink);
    let about = about.and_then(|about| about.text());
    let semaphore = root.get("semaphore").map_or(Some(10), |it| it.whole_u32(1..=1_000_000));
    let rate = root.get("rate").and_then(|rate| rate.rate());
    let deadline = root.get("deadline").and_then(|deadline| deadline.period());
    let only = root.get("clock").and_then(|clock| clock.choice(&CLOCKS));
    let regimes = regimes(&root);
    let pipeline = root.get("pipeline").is_some_and(|flag| flag.flag().unwrap_or_default());
    let places = Places {
        about: root.get("about").map(|about| about.span).unwrap_or_default(),
        loads: load_places,
        tools: tool_places,
        faults: fault_places,
        holds: hold_places,
        published: published_places,
        sweep: sweep_place,
    };
    let scenario = Scenario {
        name,
        family,
        about: about?,
        text: text.to_owned(),
        loads,
        tools,
        servers,
        faults,
        policy: policy?,
        semaphore: semaphore?,
        rate: rate.unwrap_or(Rate { calls: 10, period: Duration::from_secs(1) }),
        deadline,
        ends: ends?,
        only,
        regimes,
        pipeline,
        holds,
        published,
        sweep,
    };
    Some(Draft { scenario, places })
}

/// `family/name` for a file of a family, otherwise the file's stem.
fn name(file_name: &str) -> (String, Family) {
    let path = Path::new(file_name);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    match FAMILIES.iter().find(|(name, _)| *name == folder) {
        Some((family_name, family)) => (format!("{family_name}/{stem}"), *family),
        None => (stem, Family::Own),
    }
}

/// What stands under double brackets.
fn all<'a, T>(
    root: &Section<'a>,
    key: &str,
    help: &str,
    read: impl Fn(Section<'a>) -> Option<Placed<T>>,
) -> Vec<Placed<T>> {
    let tables = root.get(key).map(|field| field.tables(help)).unwrap_or_default();
    tables.into_iter().filter_map(read).collect()
}

/// What the file gives names to.
fn named<'a, T>(
    root: &Section<'a>,
    key: &str,
    read: impl Fn(&Field<'a>) -> Option<Placed<T>>,
) -> Vec<Placed<T>> {
    let table = root.get(key).and_then(|it| it.table(&format!("write [{key}.NAME]")));
    let fields = table.map(|table| table.fields()).unwrap_or_default();
    fields.iter().filter_map(read).collect()
}

fn regimes(root: &Section<'_>) -> Vec<Regime> {
    let Some(field) = root.get("regimes") else { return Regime::ALL.to_vec() };
    let elements = field.list("write regimes = [\"unlimited\", \"rampmeter\"]");
    if field.is_list() && elements.is_empty() {
        field.error("`regimes` is empty", "name one, or remove it to play under all");
    }
    elements.iter().filter_map(regime).collect()
}

fn regime(field: &Field<'_>) -> Option<Regime> {
    field.choice(&Regime::ALL.map(|regime| (regime.as_str(), regime)))
}

fn holds(root: &Section<'_>) -> Vec<Placed<Hold>> {
    let hold = |element: &Field<'_>| {
        let (regime, aim) = match element.as_text() {
            Some(_) => (Regime::Rampmeter, element.clone()),
            None => {
                let hold = element.table(HOLDS)?.only(&["regime", "aim"]);
                (regime(&hold.need("regime", HOLDS)?)?, hold.need("aim", HOLDS)?)
            }
        };
        Some(Placed { value: Hold { regime, aim: aim.text()? }, span: aim.span.clone() })
    };
    let elements = root.get("holds").map(|field| field.list(HOLDS)).unwrap_or_default();
    elements.iter().filter_map(hold).collect()
}

fn published(published: Section<'_>) -> Option<Placed<Published>> {
    let published = published.only(&["what", "was", "figure"]);
    let text = |key, help: &str| published.need(key, help)?.text();
    let value = Published {
        what: text("what", "say what it is called there")?,
        was: text("was", "say what it was there, as in was = \"74.93 ms\"")?,
        figure: text("figure", "name the figure here, as in figure = \"duration\"")?,
    };
    Some(Placed { value, span: published.get("figure")?.span })
}

fn sweep(field: &Field<'_>) -> Option<Placed<Sweep>> {
    let help = "write [sweep] and below it limit = \"api\" and concurrency = [1, 2, 4, 8]";
    let sweep = field.table(help)?.only(&["limit", "concurrency"]);
    let limit = sweep.need("limit", help)?;
    let sizes = sweep.need("concurrency", help)?;
    let elements = sizes.list(help);
    if sizes.is_list() && elements.is_empty() {
        sizes.error("`sweep.concurrency` is empty", help);
    }
    let sizes = elements.iter().filter_map(|size| size.whole(1..=load::MOST)).collect();
    let value = Sweep { limit: limit.mention(Kind::Limit)?, sizes };
    Some(Placed { value, span: limit.span })
}
