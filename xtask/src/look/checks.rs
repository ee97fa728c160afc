//! What must hold of a page in each view.

use serde_json::Value;

use crate::Result;

/// Finds in the page what the checks are about.
pub(super) const SCRIPT: &str = include_str!("checks.js");

/// What was seen of a page in one view.
pub(super) struct Seen {
    /// Its height.
    pub(super) high: usize,
    lists: Vec<(&'static str, Vec<String>)>,
}

/// What the script lists, and what is wrong with whatever is listed there.
const LISTS: [(&str, &str); 6] = [
    ("wide", "fits the window"),
    ("bare", "every drawing has its table and its name"),
    ("folded", "nothing is folded away on paper"),
    ("small", "all text can be read"),
    ("covered", "no label covers another"),
    ("pale", "all text stands out from what is behind it"),
];

impl Seen {
    pub(super) fn read(
        found: &Value,
        wide: u32,
        url: &str,
        said: Vec<String>,
        asked: Vec<String>,
    ) -> Result<Self> {
        let number = |name: &str| {
            let value = found[name].as_u64().and_then(|value| usize::try_from(value).ok());
            value.ok_or_else(|| format!("the checks told no `{name}` of {url}: {found}"))
        };
        let window = number("window")?;
        if window < wide as usize {
            return Err(format!("the window is not {wide} wide but {window}"));
        }
        if number("drawings")? == 0 {
            return Err(format!("{url} shows no drawing: is it a report?"));
        }
        let foreign = |asked: &String| asked != url && !asked.starts_with("data:");
        let mut lists = Vec::new();
        for (name, what) in LISTS {
            let list = found[name].as_array().ok_or_else(|| format!("no `{name}`: {found}"))?;
            lists.push((
                what,
                list.iter().map(|it| it.as_str().unwrap_or("?").to_owned()).collect(),
            ));
        }
        // A phone makes room for a page that is too wide, and shows all of it small.
        if window > wide as usize {
            lists.push(("fits a phone", vec![format!("the page is {window} wide")]));
        }
        lists.push(("asks nobody for anything", asked.into_iter().filter(foreign).collect()));
        lists.push(("says nothing on the console", said));
        Ok(Seen { high: number("high")?, lists })
    }

    /// Each check with what is wrong, which is nothing if it holds.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        self.lists.iter().map(|(what, wrong)| (*what, wrong.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(asked: &[&str], found: &Value) -> Result<Seen> {
        let asked = asked.iter().map(|url| (*url).to_owned()).collect();
        Seen::read(found, 375, "file:///page.html", Vec::new(), asked)
    }

    fn found() -> Value {
        json!({ "window": 375, "high": 9000, "drawings": 3,
                "wide": [], "bare": [], "folded": [], "small": [], "covered": [], "pale": [] })
    }

    #[test]
    fn the_page_itself_may_be_asked_for_and_nothing_else() {
        let wrong = |asked: &[&str]| {
            let seen = seen(asked, &found()).unwrap();
            seen.judged().map(|(_, wrong)| wrong.len()).sum::<usize>()
        };
        assert_eq!(wrong(&["file:///page.html", "data:,"]), 0);
        assert_eq!(wrong(&["file:///page.html", "https://example.org/font.woff2"]), 1);
    }

    #[test]
    fn a_page_without_drawings_or_in_another_window_is_not_judged() {
        let mut empty = found();
        empty["drawings"] = json!(0);
        assert!(seen(&[], &empty).is_err_and(|error| error.contains("no drawing")));
        let mut narrow = found();
        narrow["window"] = json!(320);
        assert!(seen(&[], &narrow).is_err_and(|error| error.contains("not 375 wide")));
    }

    #[test]
    fn a_phone_that_makes_room_for_a_page_has_none_for_it() {
        let mut wide = found();
        wide["window"] = json!(1_416);
        let seen = seen(&[], &wide).unwrap();
        let wrong: Vec<_> = seen.judged().filter(|(_, wrong)| !wrong.is_empty()).collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].1, ["the page is 1416 wide"]);
    }

    #[test]
    fn what_the_script_lists_is_what_is_wrong() {
        let mut wide = found();
        wide["wide"] = json!(["table.matrix reaches 612"]);
        let seen = seen(&[], &wide).unwrap();
        let wrong: Vec<_> = seen.judged().filter(|(_, wrong)| !wrong.is_empty()).collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].0, "fits the window");
    }
}
