//! What the environment keeps secret: read once, never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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
            text = replaced(&text, &secret.value, &format!("${{{}}}", secret.name));
        }
        text
    }
}

/// The text with another wherever the value stands in it, however its letters are written there.
fn replaced(text: &str, value: &str, by: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = spelled(rest, value) {
            shown.push_str(by);
            rest = &rest[length..];
        } else {
            shown.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shown
}

/// How much of the text's beginning is the value: each letter as it is, or as JSON or a URL may
/// write it. The longest, where it can be read in several ways.
fn spelled(text: &str, value: &str) -> Option<usize> {
    let mut ends = vec![0];
    for letter in value.chars() {
        let mut next: Vec<usize> = Vec::new();
        for end in ends {
            let rest = text.get(end..).unwrap_or_default();
            for form in forms(letter, rest) {
                let fits = rest.get(..form.len()).is_some_and(|it| it.eq_ignore_ascii_case(&form));
                let exact = form.starts_with(['\\', '%']) || rest.starts_with(&form);
                if fits && exact && !next.contains(&(end + form.len())) {
                    next.push(end + form.len());
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        ends = next;
    }
    ends.into_iter().max().filter(|end| *end > 0)
}

/// How a letter may be written at the beginning of a text.
fn forms(letter: char, rest: &str) -> Vec<String> {
    let mut forms = vec![letter.to_string()];
    if rest.starts_with('\\') {
        let short = match letter {
            '"' | '\\' | '/' => Some(letter),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            _ => None,
        };
        forms.extend(short.map(|short| format!("\\{short}")));
        let mut units = [0; 2];
        let units = letter.encode_utf16(&mut units).iter();
        forms.push(units.map(|unit| format!("\\u{unit:04x}")).collect());
    }
    if rest.starts_with('%') {
        let mut bytes = [0; 4];
        let bytes = letter.encode_utf8(&mut bytes).bytes();
        forms.push(bytes.map(|byte| format!("%{byte:02x}")).collect());
    }
    if letter == ' ' && rest.starts_with('+') {
        forms.push("+".into());
    }
    forms
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

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn a_value_is_found_however_its_letters_are_written() {
        let secret = "sk/1é\\+ x\"🦀";
        for written in [
            secret.to_owned(),
            serde_json::Value::from(secret).to_string().trim_matches('"').to_owned(),
            r#"sk\/1\u00e9\\+ x\"\ud83e\udd80"#.to_owned(),
            r#"sk\/1\u00E9\\+ x\u0022\uD83E\uDD80"#.to_owned(),
            "sk%2f1%c3%a9%5c%2b%20x%22%f0%9f%a6%80".to_owned(),
            "sk%2F1%C3%A9%5C%2B+x%22%F0%9F%A6%80".to_owned(),
        ] {
            let text = format!("a {written} b {written}");
            assert_eq!(replaced(&text, secret, "${KEY}"), "a ${KEY} b ${KEY}", "{written}");
        }
        assert_eq!(replaced("SK/1é", "sk/1é", "no"), "SK/1é", "letters have a case");
        assert_eq!(replaced(r"\\", r"\", "x"), "x");
        assert_eq!(replaced("sk-12", "sk-123", "no"), "sk-12");
    }
}
