//! Which tool a name means: the exact one, else the pattern with the longest literal prefix.

/// The index of the pattern that `name` means.
pub(crate) fn best<'a>(patterns: impl Iterator<Item = &'a str>, name: &str) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    for (index, pattern) in patterns.enumerate() {
        if pattern == name {
            return Some(index);
        }
        let Some((prefix, suffix)) = pattern.split_once('*') else { continue };
        let longer = best.is_none_or(|(length, _)| prefix.len() > length);
        if longer && matches(prefix, suffix, name) {
            best = Some((prefix.len(), index));
        }
    }
    best.map(|(_, index)| index)
}

fn matches(prefix: &str, suffix: &str, name: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.ends_with(suffix))
}

/// Whether two patterns of the same prefix can mean the same name: then neither would win.
pub(super) fn tie(suffix: &str, other: &str) -> bool {
    suffix.ends_with(other) || other.ends_with(suffix)
}

/// Whether neither of two patterns is more exact for some name.
pub(crate) fn patterns_tie(pattern: &str, other: &str) -> bool {
    match (pattern.split_once('*'), other.split_once('*')) {
        (Some((prefix, suffix)), Some((same, other))) => prefix == same && tie(suffix, other),
        _ => pattern == other,
    }
}
