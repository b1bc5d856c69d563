//! Which known word somebody meant.

/// Longest word compared, in characters.
const LENGTH_LIMIT: usize = 64;

/// The known word that takes the fewest changes of a letter to reach, if at most a third of the letters change.
/// O(known · length²), with words cut to [`LENGTH_LIMIT`].
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1);
    let ranked = known.into_iter().map(|known| (distance(word, known), known));
    ranked.min().filter(|(distance, _)| *distance <= most).map(|(_, known)| known)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(LENGTH_LIMIT).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().take(LENGTH_LIMIT).enumerate() {
        let mut before = i + 1;
        let mut next = vec![before];
        for (other, costs) in b.iter().zip(row.windows(2)) {
            let [corner, above] = costs else { continue };
            before = (corner + usize::from(letter != *other)).min(above + 1).min(before + 1);
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant() {
        let known = ["red-team", "threat-model", "dpa"];
        assert_eq!(nearest("redteam", known), Some("red-team"));
        assert_eq!(nearest("thread-modell", known), Some("threat-model"));
        assert_eq!(nearest("lunch", known), None);
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("ä", "ä")), (3, 3, 0));
    }
}
