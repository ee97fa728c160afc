//! Just enough of Rust's lexical structure to tell code from comments and literals.

/// Blanks comments, strings and characters with spaces, so that what is left is code. Line ends
/// stay, and every byte keeps its place.
pub(super) fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = token(rest, first);
        let (token, after) = rest.split_at(length);
        if is_code {
            out.push_str(token);
        } else {
            out.extend(token.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    out
}

/// The identifiers of code, each with the byte it begins at.
pub(super) fn identifiers(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        offset += code.get(offset..)?.find(is_identifier)?;
        let start = offset;
        let word = code.get(start..).map(leading_identifier)?;
        offset += word.len();
        Some((start, word))
    })
}

/// The identifier that a text begins with, which may be empty.
pub(super) fn leading_identifier(text: &str) -> &str {
    text.find(|c| !is_identifier(c)).map_or(text, |end| text.split_at(end).0)
}

pub(super) fn is_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the next token, and whether it is code.
fn token(rest: &str, first: char) -> (usize, bool) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    match first {
        '"' => (quoted(rest, '"').unwrap_or(rest.len()), false),
        '\'' => character(rest).map_or((1, true), |length| (length, false)),
        _ if is_identifier(first) => {
            let word = leading_identifier(rest).len();
            match raw_string(rest, word) {
                Some(length) => (length, false),
                None => (word, true),
            }
        }
        _ => (first.len_utf8(), true),
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a literal with escapes, from quote to quote.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            _ if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// The length of a character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.chars().skip(1);
    let inside = chars.next()?;
    if inside == '\\' || chars.next() == Some('\'') { quoted(rest, '\'') } else { None }
}

/// The length of `r"…"` or `r#"…"#`, with the prefix, which is `word` bytes long.
fn raw_string(rest: &str, word: usize) -> Option<usize> {
    let (prefix, after) = rest.split_at(word);
    if !matches!(prefix, "r" | "br" | "cr") {
        return None;
    }
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(word + hashes + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        identifiers(&blank(text)).map(|(_, word)| word.to_owned()).collect()
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(words("a // std\nb /* std /* std */ std */ c"), ["a", "b", "c"]);
    }

    #[test]
    fn strings_are_not_code() {
        assert_eq!(words(r#"a("std \" std") b"std""#), ["a", "b"]);
        assert_eq!(words("a r#\"std \" std\"# b r\"std\" c"), ["a", "b", "c"]);
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(words(r"f::<'a>('\'', 'x', '\u{1}', b)"), ["f", "a", "b"]);
        assert_eq!(words("'\"' a '\"'"), ["a"]);
    }

    #[test]
    fn a_raw_identifier_is_code() {
        assert_eq!(words("r#type four\"std\""), ["r", "type", "four"]);
    }

    #[test]
    fn every_byte_keeps_its_place() {
        let text = "é \"ä\n\" x /* ö */ y";
        let blanked = blank(text);
        assert_eq!(blanked.len(), text.len());
        assert_eq!(blanked.find('y'), text.find('y'));
        assert_eq!(blanked.matches('\n').count(), 1);
    }

    #[test]
    fn a_text_cut_short_never_panics() {
        for text in ["\"abc", "/* a", "r#\"a", "'", "'\\", "\"\\", "r", "//"] {
            assert_eq!(blank(text).len(), text.len());
        }
    }
}
