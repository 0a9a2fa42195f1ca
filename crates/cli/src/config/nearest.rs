//! The known word that a misspelt one most likely means.

/// The nearest of `known`, if it is near enough to be meant (a third of its letters, at least 1).
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    if word.chars().count() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(far, candidate)| *far <= (candidate.len() / 3).max(1))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Inserted, deleted, replaced and swapped neighbouring characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut two_above: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, a_char) in a.chars().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        let mut left = i.saturating_add(1);
        for (j, b_char) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&above, j).saturating_add(usize::from(a_char != *b_char));
            let mut best = replaced
                .min(left.saturating_add(1))
                .min(at(&above, j.saturating_add(1)).saturating_add(1));
            let swapped =
                j > 0 && previous == Some(*b_char) && b.get(j.saturating_sub(1)) == Some(&a_char);
            if swapped {
                best = best.min(at(&two_above, j.saturating_sub(1)).saturating_add(1));
            }
            row.push(best);
            left = best;
        }
        two_above = std::mem::replace(&mut above, row);
        previous = Some(a_char);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_a_slip_and_a_missing_letter_are_one_step() {
        for word in ["hsot", "hist", "hst", "hosst"] {
            assert_eq!(distance(word, "host"), 1, "{word}");
        }
        assert_eq!(distance("", "host"), 4);
    }

    #[test]
    fn a_far_word_is_not_guessed() {
        let known = ["addr", "relativeurls"];
        assert_eq!(nearest("relativeurl", known), Some("relativeurls"));
        assert_eq!(nearest("adr", known), Some("addr"));
        assert_eq!(nearest("bananas", known), None);
    }
}
