//! "Did you mean": what would have been right.

/// The nearest of the words that would have been right, or the list of them.
pub(in crate::lab) fn near(word: &str, right: &[&str]) -> String {
    const LISTED: usize = 40;
    let length = word.chars().count();
    let edits = |right: &&str| strsim::damerau_levenshtein(word, right);
    let near = right.iter().copied().min_by_key(edits);
    // At most one edit in three letters is a typing error.
    if let Some(near) = near.filter(|near| edits(near) * 3 <= length.max(near.chars().count())) {
        return format!("did you mean `{near}`?");
    }
    let listed: Vec<String> = right.iter().take(LISTED).map(|word| format!("`{word}`")).collect();
    match right.len() {
        0 => "there are none".to_owned(),
        all if all > LISTED => format!("there are {} and others", listed.join(", ")),
        _ => format!("there are {}", listed.join(", ")),
    }
}
