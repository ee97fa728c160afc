//! The url of a request: whom it asks is written out, so that no call can choose.

use super::super::field::Field;
use super::super::source::{Sink, shown};
use super::super::template::{Piece, split_request};

const HELP: &str = "write url = \"https://HOST/PATH/{argument}?q={argument}\"";
const LONGEST: usize = 8 * 1024;

/// The url, if it can be asked.
pub(super) fn read(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let url = field.text(sink, HELP)?;
    let pieces = match split_request(url) {
        Ok(pieces) => pieces,
        Err(complaint) => {
            sink.complain(&field.span, &field.path, complaint);
            return None;
        }
    };
    if let Err((wrong, help)) = check(url, &pieces) {
        sink.error(&field.span, format!("`{}` {wrong}", field.path), help);
        return None;
    }
    Some(url.to_owned())
}

/// The part of a url behind scheme, host and port; `None` if it has no scheme that is known.
pub(super) fn after_scheme(url: &str) -> Option<&str> {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))
}

/// Host and port, as they are written.
pub(super) fn authority(after_scheme: &str) -> &str {
    after_scheme.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

fn check(url: &str, pieces: &[Piece<'_>]) -> Result<(), (String, &'static str)> {
    let wrong = |wrong: &str, help| Err((wrong.to_owned(), help));
    let Some(rest) = after_scheme(url) else {
        return wrong("begins with neither https:// nor http://", HELP);
    };
    let authority = authority(rest);
    if authority.contains(['{', '}', '$']) {
        let help = "write scheme, host and port out; placeholders come behind the first / or ?";
        return wrong("would let a placeholder choose the host", help);
    }
    if authority.contains('@') {
        let help = "send headers = { authorization = \"Basic ${NAME}\" } instead";
        return wrong("has a user or a password in it, which would be shown", help);
    }
    if !is_host_and_port(authority) {
        return Err((format!("names no host and port: `{}`", shown(authority)), HELP));
    }
    if url.len() > LONGEST {
        return wrong("is longer than 8 KiB", "shorten it");
    }
    for piece in pieces {
        let Piece::Text(text) = piece else { continue };
        if let Some(odd) = text.chars().find(|c| !is_plain(*c)) {
            let odd = odd.escape_default();
            return Err((format!("holds `{odd}`, which no url does"), "percent-encode it"));
        }
        if text.contains('#') {
            return wrong("has a fragment, which is never sent", "take out `#` and what follows");
        }
    }
    Ok(())
}

/// Plain names and numbers; other scripts are written as their `xn--` names.
fn is_host_and_port(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("v6", port.strip_prefix(':').or_else(|| port.is_empty().then_some("80")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("80")),
        },
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric()) && host.chars().all(named);
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    is_host && port.is_some_and(|it| is_port(it) && it.parse::<u16>().is_ok_and(|it| it > 0))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '\\' | '"' | '<' | '>' | '^' | '`' | '|')
}
