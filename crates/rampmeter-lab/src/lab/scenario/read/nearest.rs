//! What was probably meant by a wrong word.

/// Words longer than this are nobody's typing error.
const MAX_COMPARED: usize = 64;

/// The remedy for a wrong word: the nearest right one, or which there are.
pub(super) fn did_you_mean<'a>(
    word: &str,
    right: impl Iterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    if let Some(near) = nearest(word, right.clone()) {
        return format!("did you mean `{near}`?");
    }
    let listed: Vec<String> = right.map(|word| format!("`{word}`")).collect();
    match listed.is_empty() {
        true => format!("there are no {what}"),
        false => format!("{what}: {}", listed.join(", ")),
    }
}

/// The nearest word, if it is near enough to be a typing error: at most one edit in three letters,
/// as for policies.
fn nearest<'a>(word: &str, right: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > MAX_COMPARED {
        return None;
    }
    right
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(edits, candidate)| edits * 3 <= length.max(candidate.chars().count()))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}
