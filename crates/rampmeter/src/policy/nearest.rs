//! "Did you mean": the nearest of the words that would have been right.

use super::source::shown;

/// Words longer than this are nobody's typing error, and comparing them would cost too much.
const MAX_COMPARED: usize = 64;

/// The remedy for a wrong word: the nearest right one, or the list of `what` is there.
pub(super) fn did_you_mean<'a>(
    word: &str,
    right: impl Iterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    if let Some(near) = nearest(word, right.clone()) {
        return format!("did you mean `{}`?", shown(near));
    }
    const LISTED: usize = 12;
    let listed: Vec<String> =
        right.clone().take(LISTED).map(|word| format!("`{}`", shown(word))).collect();
    match (listed.len(), right.count()) {
        (0, _) => format!("there are no {what}"),
        (shown, all) if shown < all => format!("{what}: {} and others", listed.join(", ")),
        _ => format!("{what}: {}", listed.join(", ")),
    }
}

/// The nearest word, if it is near enough to be a typing error: at most one edit in three letters.
pub(crate) fn nearest<'a>(word: &str, right: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > MAX_COMPARED {
        return None;
    }
    let folded = word.to_lowercase();
    right
        .filter(|candidate| candidate.len() <= 4 * MAX_COMPARED)
        .map(|candidate| (edits(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| edits * 3 <= length.max(candidate.chars().count()))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn edits(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(a, b)
}
