//! Did you mean …?

/// The known word that is most like this one, if one is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // `spawn-rate` and `SpawnRate` are `spawn_rate` in another spelling.
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let word = plain(word);
    known
        .into_iter()
        .map(|known| (likeness(&plain(known), &word), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

fn likeness(known: &str, word: &str) -> f64 {
    // Two letters in the wrong order count little in a long word and too much in a short one.
    let one_slip = word.chars().count() > 2 && strsim::osa_distance(known, word) <= 1;
    strsim::jaro_winkler(known, word).max(if one_slip { 0.9 } else { 0.0 })
}

/// `; did you mean …?`, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn spelling() {
        let known = ["users", "spawn_rate", "duration"];
        assert_eq!(nearest("user", known), Some("users"));
        assert_eq!(nearest("spawn-rate", known), Some("spawn_rate"));
        assert_eq!(nearest("SpawnRate", known), Some("spawn_rate"));
        assert_eq!(nearest("Byu", ["Search", "Buy"]), Some("Buy"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }
}
