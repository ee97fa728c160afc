//! The headers of a request.

use super::super::diagnostic::Severity;
use super::super::field::Field;
use super::super::notes::sounds_secret;
use super::super::source::{Sink, shown};
use super::super::template::{Piece, request_pieces, split_request};
use super::url::{after_scheme, authority};

const HELP: &str = "write headers = { authorization = \"Bearer ${NAME}\" }";
const MOST: usize = 100;

/// What the connection itself needs; a header of these could smuggle a second request into it.
const NOT_OURS: [&str; 10] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// The headers by lower-case name, in the order of the file.
pub(super) fn read(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<Vec<(String, String)>> {
    let fields = field.table(sink, HELP)?.fields();
    if fields.len() > MOST {
        let message = format!("`{}` has {} entries", field.path, fields.len());
        sink.error(&field.span, message, format!("keep at most {MOST}"));
        return None;
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for field in fields {
        let name = field.name.to_ascii_lowercase();
        let Some(value) = field.text(sink, HELP) else { continue };
        if let Err(complaint) = split_request(value) {
            sink.complain(&field.span, &field.path, complaint);
        } else if !is_name(&name) {
            let message = format!("`{}`: no header is called so", field.path);
            sink.error(&field.name_span, message, "use letters, digits and hyphens");
        } else if NOT_OURS.contains(&name.as_str()) {
            let message = format!("`{}` belongs to the connection", field.path);
            sink.error(&field.name_span, message, "remove it: it is sent as it must be");
        } else if value.contains(|c: char| c.is_control() && c != '\t') {
            let message = format!("`{}` has a control character in it", field.path);
            sink.error(&field.span, message, "take out line breaks and the like");
        } else if headers.iter().any(|(known, _)| *known == name) {
            let message = format!("`{}` is there twice", field.path);
            sink.error(&field.name_span, message, "keep one of the two");
        } else {
            headers.push((name, value.to_owned()));
        }
    }
    Some(headers)
}

/// Secrets that stand in the file, or that go over the network for all to read.
pub(super) fn remark(
    http: &Field<'_>,
    url: &str,
    headers: &[(String, String)],
    sink: &mut Sink<'_>,
) {
    for (name, value) in headers {
        let pieces = request_pieces(value).unwrap_or_default();
        let is_written_out = pieces.iter().all(|piece| matches!(piece, Piece::Text(_)));
        if is_written_out && (sounds_secret(name) || NAMES_OF_SECRETS.contains(&name.as_str())) {
            let message = format!("header `{}` sounds secret, and stands in the file", shown(name));
            let help = "write ${NAME}, and give it in the environment";
            sink.remark(Severity::Warning, &http.name_span, message, help);
        }
    }
    let holds_secret = |text: &str| {
        let pieces = request_pieces(text).unwrap_or_default();
        pieces.iter().any(|piece| matches!(piece, Piece::Environment(_)))
    };
    let secret = holds_secret(url) || headers.iter().any(|(_, value)| holds_secret(value));
    let host = after_scheme(url).map(authority).unwrap_or_default();
    if secret && url.starts_with("http://") && !is_own_machine(host) {
        let message = format!("secrets go to `{}` in the clear", shown(host));
        sink.remark(Severity::Warning, &http.name_span, message, "write https://");
    }
}

const NAMES_OF_SECRETS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

fn is_own_machine(authority: &str) -> bool {
    let port = |c: char| c.is_ascii_digit();
    let host = authority.trim_end_matches(port).strip_suffix(':').unwrap_or(authority);
    let address = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

fn is_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 256 && name.bytes().all(token)
}
