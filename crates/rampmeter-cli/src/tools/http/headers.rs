//! The headers of a request.

use rampmeter::policy::{HttpBody, HttpPolicy};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::super::arguments::Arguments;
use super::secrets::Lookup;
use super::text::Text;

/// Headers with placeholders in their values.
#[derive(Debug)]
pub(super) struct Headers {
    texts: Vec<(HeaderName, Text)>,
    /// What the body is, where the policy does not say it.
    content_type: Option<HeaderValue>,
}

impl Headers {
    pub(super) fn new(policy: &HttpPolicy, lookup: &mut Lookup<'_>) -> Self {
        let mut texts = Vec::new();
        for (name, value) in &policy.headers {
            let place = format!("headers.{name}");
            let text = Text::new(value, &place, lookup);
            if text.secrets().any(|secret| secret.value().contains(is_control)) {
                let wrong = "is given a line break or another control character by the environment";
                lookup.mistake(&place, wrong, "take it out of the variable");
            }
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => texts.push((name, text)),
                Err(_) => lookup.mistake(&place, "is no header's name", "correct it"),
            }
        }
        let says_type = texts.iter().any(|(name, _)| *name == CONTENT_TYPE);
        let content_type = match policy.body {
            Some(HttpBody::Json(_)) => Some(HeaderValue::from_static("application/json")),
            Some(HttpBody::Text(_)) => Some(HeaderValue::from_static("text/plain; charset=utf-8")),
            None => None,
        };
        Self { texts, content_type: content_type.filter(|_| !says_type) }
    }

    pub(super) fn fill(&self, arguments: &Arguments<'_>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = &self.content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        for (name, text) in &self.texts {
            let filled = text.fill(arguments, |value, argument| match argument {
                Some(argument) if value.contains(is_control) => Err(format!(
                    "the argument `{argument}` holds a line break or another control character, which \
                     no header can: take it out"
                )),
                _ => Ok(value.to_owned()),
            })?;
            let mut value = HeaderValue::from_bytes(filled.as_bytes()).map_err(|_| {
                format!("the header `{name}` cannot be filled from these arguments")
            })?;
            value.set_sensitive(text.secrets().next().is_some());
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\t'
}
