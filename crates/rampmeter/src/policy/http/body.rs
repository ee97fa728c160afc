//! What a request sends.

use serde_json::Value;

use super::super::diagnostic::Severity;
use super::super::field::Field;
use super::super::source::Sink;
use super::super::template::{Piece, request_pieces, split_request};
use super::types::HttpBody;

/// A table, which is sent as JSON, or a text.
pub(super) fn read(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<HttpBody> {
    if !field.is_table() {
        let text = field.text(sink, "write body = { q = \"{argument}\" }, or a string")?;
        return check(text, field, sink).then(|| {
            remark(text, field, sink);
            HttpBody::Text(text.to_owned())
        });
    }
    let body = field.json(sink)?;
    check_all(&body, field, sink).then_some(HttpBody::Json(body))
}

fn check_all(body: &Value, field: &Field<'_>, sink: &mut Sink<'_>) -> bool {
    match body {
        Value::String(text) => check(text, field, sink),
        Value::Array(list) => list.iter().all(|it| check_all(it, field, sink)),
        Value::Object(members) => members.values().all(|it| check_all(it, field, sink)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn check(text: &str, field: &Field<'_>, sink: &mut Sink<'_>) -> bool {
    match split_request(text) {
        Ok(_) => true,
        Err(complaint) => {
            sink.complain(&field.span, &field.path, complaint);
            false
        }
    }
}

fn remark(text: &str, field: &Field<'_>, sink: &mut Sink<'_>) {
    let pieces = request_pieces(text).unwrap_or_default();
    let is_filled = pieces.iter().any(|piece| matches!(piece, Piece::Argument(_)));
    if is_filled && text.trim_start().starts_with(['{', '[']) {
        let message =
            format!("`{}` looks like JSON: an argument could change what is around it", field.path);
        sink.remark(Severity::Warning, &field.span, message, "write a table instead of a string");
    }
}
