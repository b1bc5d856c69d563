//! Characters as they are compared: compatibility forms, case, marks and look-alikes folded away.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::char::decompose_compatible;

/// Calls `emit` with what `c` is compared as: Unicode compatibility decomposition (so full-width, mathematical, circled
/// and superscript letters become plain ones), lower case, without Latin, Greek, Cyrillic, Hebrew and Arabic marks.
/// Hangul and kana stay composed. Nothing is emitted for a lone mark.
pub(super) fn fold(c: char, mut emit: impl FnMut(char)) {
    match c {
        'A'..='Z' => emit(c.to_ascii_lowercase()),
        '\0'..='\u{7f}' | '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => emit(c),
        // squared and regional-indicator letters have no decomposition
        '\u{1f130}'..='\u{1f149}' => emit(letter(c, '\u{1f130}')),
        '\u{1f150}'..='\u{1f169}' => emit(letter(c, '\u{1f150}')),
        '\u{1f170}'..='\u{1f189}' => emit(letter(c, '\u{1f170}')),
        'ß' | 'ẞ' => "ss".chars().for_each(emit),
        _ => decompose_compatible(c, |c| {
            if !is_mark(c) {
                c.to_lowercase().filter(|c| !is_mark(*c)).map(plain).for_each(&mut emit);
            }
        }),
    }
}

/// The letter that one with a stroke, or without its dot, stands beside in the languages that have it; it has no
/// decomposition.
const fn plain(c: char) -> char {
    match c {
        'đ' => 'd',
        'ħ' => 'h',
        'ı' => 'i',
        'ł' => 'l',
        'ø' => 'o',
        _ => c,
    }
}

/// The Latin letter that `c`, already folded, looks like.
pub(super) fn look_alike(c: char) -> Option<char> {
    static TABLE: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
        let rows = include_str!("../../data/text/confusables.tsv").lines().filter(|line| !line.starts_with('#'));
        rows.filter_map(|row| row.split_once('\t'))
            .filter_map(|(latin, others)| Some((latin.chars().next()?, others)))
            .flat_map(|(latin, others)| others.chars().map(move |other| (other, latin)))
            .collect()
    });
    TABLE.get(&c).copied()
}

/// The letter a digit or sign stands for in leetspeak.
pub(super) const fn leet(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        '9' => 'g',
        _ => return None,
    })
}

/// Whether words of this script are written without spaces, so that each character is a token of its own.
pub(super) const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
}

/// Marks that can be left out without making another word, in the scripts where that holds.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05bd}'
        | '\u{0610}'..='\u{061a}' | '\u{0640}' | '\u{064b}'..='\u{065f}' | '\u{0670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

fn letter(c: char, first: char) -> char {
    let offset = u32::from(c).saturating_sub(u32::from(first));
    char::from_u32(u32::from('a') + offset).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        text.chars().for_each(|c| fold(c, |c| out.push(c)));
        out
    }

    #[test]
    fn styled_letters_fold_to_plain_ones() {
        assert_eq!(folded("Ｉｇ𝓃𝐨𝕣𝖊 ⓐⓛⓛ 🅟🅁ÉvĭÖUS ﬁ ①"), "ignore all previous fi 1");
        assert_eq!(folded("한글 がギ é z̴̧̛a"), "한글 がギ e za");
        assert_eq!(folded("Łódź đường kısıtlama außer"), "lodz duong kisitlama ausser");
    }

    #[test]
    fn the_table_maps_to_latin_and_holds_no_latin() {
        assert_eq!(['о', 'ѕ', 'ν', 'ɴ'].map(look_alike), [Some('o'), Some('s'), Some('v'), Some('n')]);
        assert!(('a'..='z').all(|c| look_alike(c).is_none()));
    }
}
