//! What the environment keeps secret: read once, never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::url::encoded;

/// Shorter ones are not looked for in answers, which they would only garble; they are in errors.
const SHORTEST_IN_ANSWERS: usize = 6;

/// One variable of the environment. Its `Debug` shows the name only.
pub(super) struct Secret {
    name: String,
    value: String,
}

/// The secrets of one tool, by name. Its `Debug` shows the names only.
#[derive(Default)]
pub(super) struct Secrets(BTreeMap<String, Arc<Secret>>);

/// Finds a variable of this process's environment.
pub(crate) fn from_environment(name: &str) -> Result<String, String> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Err("is empty".to_owned()),
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err("is not set".to_owned()),
        Err(std::env::VarError::NotUnicode(_)) => Err("is not UTF-8".to_owned()),
    }
}

/// Finds the secrets of a tool while it is made, and keeps what is wrong with it.
pub(super) struct Lookup<'a> {
    /// The path of the request in the policy.
    request: String,
    find: &'a Find,
    secrets: Secrets,
    mistakes: Vec<Mistake>,
}

/// What keeps a request from ever being sent.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// The value of a variable, or what is the matter with it.
pub(crate) type Find = dyn Fn(&str) -> Result<String, String>;

impl Secrets {
    /// The text with every secret in it as `${NAME}`.
    pub(super) fn redact(&self, text: &str) -> String {
        self.redact_from(text, 1)
    }

    /// The same for an answer, where short values stay: they are likely to stand there by chance.
    pub(super) fn redact_answer(&self, text: &str) -> String {
        self.redact_from(text, SHORTEST_IN_ANSWERS)
    }

    fn redact_from(&self, text: &str, shortest: usize) -> String {
        let mut text = text.to_owned();
        let mut secrets: Vec<&Arc<Secret>> = self.0.values().collect();
        // The longest first, so that a part of one does not hide that the whole was there.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.len()));
        for secret in secrets.into_iter().filter(|it| it.value.len() >= shortest) {
            let in_json = serde_json::Value::from(secret.value.as_str()).to_string();
            let forms = [
                secret.value.clone(),
                in_json.trim_matches('"').to_owned(),
                encoded(&secret.value),
            ];
            for form in &forms {
                if text.contains(form) {
                    text = text.replace(form, &format!("${{{}}}", secret.name));
                }
            }
        }
        text
    }
}

impl Lookup<'_> {
    pub(super) fn new(request: String, find: &Find) -> Lookup<'_> {
        Lookup { request, find, secrets: Secrets::default(), mistakes: Vec::new() }
    }

    /// The secret of that name, which is needed at `place` of the request.
    pub(super) fn get(&mut self, name: &str, place: &str) -> Option<Arc<Secret>> {
        if let Some(known) = self.secrets.0.get(name) {
            return Some(known.clone());
        }
        match (self.find)(name) {
            Ok(value) => {
                let secret = Arc::new(Secret { name: name.to_owned(), value });
                self.secrets.0.insert(name.to_owned(), secret.clone());
                Some(secret)
            }
            Err(wrong) => {
                let message = format!("needs the environment variable `{name}`, which {wrong}");
                self.mistake(place, &message, "set it, or take it out of the request");
                None
            }
        }
    }

    /// Notes what is wrong at `place` of the request.
    pub(super) fn mistake(&mut self, place: &str, message: &str, help: &str) {
        let message = format!("`{}.{place}` {message}", self.request);
        self.mistakes.push(Mistake { message, help: help.to_owned() });
    }

    /// What was made with it and its secrets, or what is wrong.
    pub(super) fn finish<T>(mut self, made: Option<T>) -> Result<(T, Secrets), Vec<Mistake>> {
        if made.is_none() && self.mistakes.is_empty() {
            self.mistake("url", "is malformed", "correct it");
        }
        made.filter(|_| self.mistakes.is_empty()).map(|it| (it, self.secrets)).ok_or(self.mistakes)
    }
}

impl Secret {
    pub(super) fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}}}", self.name)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
