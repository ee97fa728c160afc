//! The url of a request: what an argument fills stays where its placeholder stands.
//!
//! Everything but letters, digits and `-._~` is percent-encoded, so no value can end a segment of
//! the path or a value of the query. What remains is that servers take `.` and `..` for steps in the
//! path, and some do so after decoding: a value that makes its segment one with such a step in it, or
//! leaves it empty, is refused.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;

use super::super::arguments::Arguments;
use super::secrets::Lookup;
use super::text::Text;

const LONGEST: usize = 64 * 1024;

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A url with placeholders behind its host and port.
#[derive(Debug)]
pub(super) struct UrlTemplate {
    origin: Url,
    segments: Vec<Text>,
    query: Option<Text>,
}

/// As it stands in a url.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

impl UrlTemplate {
    /// `None` for a url that no parsed policy has, or that the network knows no host of.
    pub(super) fn new(url: &str, lookup: &mut Lookup<'_>) -> Option<Self> {
        let scheme_end = url.find("://")? + 3;
        let behind = url[scheme_end..].find(['/', '?']).map_or(url.len(), |at| scheme_end + at);
        let (origin, rest) = url.split_at(behind);
        let origin = match Url::parse(origin) {
            Ok(origin) => origin,
            Err(error) => {
                lookup.mistake("url", &format!("names no host: {error}"), "correct it");
                return None;
            }
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        // No placeholder holds a slash or a question mark, so the text can be split before it is read.
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments = path.split('/').map(|segment| Text::new(segment, "url", lookup)).collect();
        let query = query.map(|query| Text::new(query, "url", lookup));
        Some(Self { origin, segments, query })
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> String {
        self.origin.origin().ascii_serialization()
    }

    pub(super) fn fill(&self, arguments: &Arguments<'_>) -> Result<Url, String> {
        let segments = self.segments.iter().map(|segment| fill_segment(segment, arguments));
        let path = segments.collect::<Result<Vec<_>, _>>()?.join("/");
        let query = self.query.as_ref().map(|it| it.fill(arguments, |value, _| Ok(encoded(value))));
        let query = query.transpose()?;
        if path.len() + query.as_ref().map_or(0, String::len) > LONGEST {
            return Err("the arguments make a url of more than 64 KiB: shorten them".to_owned());
        }
        let mut url = self.origin.clone();
        url.set_path(&path);
        url.set_query(query.as_deref());
        Ok(url)
    }
}

fn fill_segment(segment: &Text, arguments: &Arguments<'_>) -> Result<String, String> {
    let filled = segment.fill(arguments, |value, _| Ok(encoded(value)))?;
    let Some(name) = segment.arguments().next() else { return Ok(filled) };
    if filled.is_empty() {
        return Err(format!(
            "the argument `{name}` is empty and would leave out a part of the url's path: give it"
        ));
    }
    if has_step(&percent_decode_str(&filled).decode_utf8_lossy()) {
        return Err(step(name));
    }
    Ok(filled)
}

/// Whether a server that decodes first would find a step in the path here.
fn has_step(text: &str) -> bool {
    text.split(['/', '\\']).any(|part| matches!(part, "." | ".."))
}

fn step(name: &str) -> String {
    format!(
        "the argument `{name}` has a step such as `..` in it, and would leave its place in the url's path: take it out"
    )
}
