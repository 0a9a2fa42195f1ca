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

/// The variable that a misspelt one most likely means. What both have in common in front says nothing
/// about how near they are, so only the parts behind it count, and each must be near its counterpart.
pub(super) fn nearest_variable<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.chars().count() > 128 {
        return None;
    }
    let parts: Vec<&str> = name.split('_').collect();
    known
        .into_iter()
        .filter_map(|candidate| Some((far(&parts, candidate)?, candidate)))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// How far a variable is from a candidate; `None` if it is not near.
fn far(parts: &[&str], candidate: &str) -> Option<usize> {
    let theirs: Vec<&str> = candidate.split('_').collect();
    let common = parts.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let (ours, theirs) = (parts.get(common..)?, theirs.get(common..)?);
    let (word, rest) = (ours.join("_"), theirs.join("_"));
    let total = distance(&word, &rest);
    let each = ours.iter().zip(theirs).all(|(a, b)| distance(a, b) <= (b.len() / 2).max(1));
    // With an underscore too few or too many the parts have no counterparts.
    let near = if ours.len() == theirs.len() { each } else { total <= 2 };
    // PROXY for PROXIES: another ending, as of a plural, is nearer than its letters say.
    let alike = word.chars().zip(rest.chars()).take_while(|(a, b)| a == b).count();
    let begins_alike = alike * 3 >= word.len() * 2 && total <= rest.len() / 2;
    (near && (total <= (rest.len() / 3).max(1) || begins_alike)).then_some(total)
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

    #[test]
    fn a_variable_is_guessed_by_what_differs_and_not_by_its_prefix() {
        let known = [
            "REGISTRY_LOG",
            "REGISTRY_HTTP_ADDR",
            "REGISTRY_HTTP_HOST",
            "REGISTRY_HTTP_H2C_ENABLED",
            "REGISTRY_HTTP_TLS_CERTIFICATE",
            "REGISTRY_STORAGE_S3",
            "BERTH_HTTP_TRUSTED_PROXIES",
        ];
        for (name, meant) in [
            ("REGISTRY_FOO", None),
            ("REGISTRY_PORT", None),
            ("REGISTRY_HTTP_PORT", None),
            ("REGISTRY_HTTP_FOO_ENABLED", None),
            ("REGISTRY_STORAGE_X", None),
            ("REGISTRY_LGO", Some("REGISTRY_LOG")),
            ("REGISTRY_HTTP_ADR", Some("REGISTRY_HTTP_ADDR")),
            ("REGISTRY_HTPT_ADDR", Some("REGISTRY_HTTP_ADDR")),
            ("REGISTRY_HTTP_TLSCERTIFICAT", Some("REGISTRY_HTTP_TLS_CERTIFICATE")),
            ("BERTH_HTTP_TRUSTED_PROXY", Some("BERTH_HTTP_TRUSTED_PROXIES")),
        ] {
            assert_eq!(nearest_variable(name, known), meant, "{name}");
        }
    }
}
