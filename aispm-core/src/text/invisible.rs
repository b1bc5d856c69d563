//! Characters that people do not see and models read.

use std::ops::Range;

use crate::asset::{Match, Severity};

/// A run of characters that hides something, with the text it spells, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hidden {
    pub(super) kind: HiddenKind,
    /// Bytes of the text as given.
    pub(super) span: Range<usize>,
    /// What tag characters or variation selectors spell.
    pub(super) spelled: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HiddenKind {
    Tags,
    VariationSelectors,
    ZeroWidth,
    BidiOverride,
    TerminalEscape,
}

impl HiddenKind {
    fn name(self) -> &'static str {
        match self {
            Self::Tags => "TAG_CHARACTERS",
            Self::VariationSelectors => "VARIATION_SELECTORS",
            Self::ZeroWidth => "ZERO_WIDTH",
            Self::BidiOverride => "BIDI_OVERRIDE",
            Self::TerminalEscape => "TERMINAL_ESCAPE",
        }
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Tags => "tag-characters",
            Self::VariationSelectors => "variation-selectors",
            Self::ZeroWidth => "zero-width",
            Self::BidiOverride => "bidi-override",
            Self::TerminalEscape => "terminal-escape",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Tags | Self::VariationSelectors => Severity::High,
            Self::BidiOverride | Self::TerminalEscape => Severity::Medium,
            Self::ZeroWidth => Severity::Low,
        }
    }
}

impl Hidden {
    /// The match to report; what spells words is graver than what merely splits them.
    pub(super) fn as_match(&self) -> Match {
        let severity = self.kind.severity();
        let score = match severity {
            Severity::High => 0.95,
            Severity::Medium => 0.8,
            _ => 0.6,
        };
        Match::new("invisible_text", self.kind.name(), self.kind.rule(), score, severity, self.span.clone())
    }
}

/// Whether readers see nothing of `c`: dropped from the canonical form.
pub(super) const fn is_invisible(c: char) -> bool {
    is_zero_width(c) || is_selector(c) || is_bidi(c) || is_tag(c)
}

const fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0000}'..='\u{e007f}')
}

const fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}')
}

/// Every suspicious run. Emoji sequences, subdivision flags, joiners between Arabic or Indic letters, word breaks of
/// unspaced scripts, soft hyphens, a leading byte-order mark and directions in right-to-left text are ordinary. One
/// pass over text that is not plain ASCII, nothing else otherwise.
pub(super) fn hidden(text: &str) -> Vec<Hidden> {
    let mut found = terminal_escapes(text);
    if text.is_ascii() {
        return found;
    }
    let right_to_left = text.chars().any(is_right_to_left);
    let mut chars = text.char_indices().peekable();
    let (mut before, mut run) = (None, Vec::new());
    while let Some((start, c)) = chars.next() {
        if !is_invisible(c) {
            before = Some(c);
            continue;
        }
        run.clear();
        run.push(c);
        let mut end = start + c.len_utf8();
        while let Some((at, next)) = chars.next_if(|(_, next)| is_invisible(*next)) {
            run.push(next);
            end = at + next.len_utf8();
        }
        let after = chars.peek().map(|(_, c)| *c);
        found.extend(judge(&run, before, after, right_to_left).map(|(kind, spelled)| Hidden {
            kind,
            span: start..end,
            spelled,
        }));
    }
    found
}

/// What a run of invisible characters between two visible ones is, if it is anything to mention.
fn judge(run: &[char], before: Option<char>, after: Option<char>, right_to_left: bool) -> Option<(HiddenKind, String)> {
    let tags: String = run.iter().filter(|c| is_tag(**c)).filter_map(|c| shifted(*c, 0xe0000)).collect();
    let flag = before == Some('\u{1f3f4}') && tags.len() <= 6 && tags.bytes().all(|b| b.is_ascii_alphanumeric());
    if run.iter().any(|c| is_tag(*c)) && !flag {
        return Some((HiddenKind::Tags, tags));
    }
    let selectors: Vec<u8> = run.iter().filter_map(|c| selector_byte(*c)).collect();
    if selectors.len() >= 3 {
        let spelled = String::from_utf8_lossy(&selectors).into_owned();
        return Some((HiddenKind::VariationSelectors, spelled));
    }
    if run.iter().any(|c| matches!(c, '\u{202d}' | '\u{202e}')) && !right_to_left {
        return Some((HiddenKind::BidiOverride, String::new()));
    }
    let zero_width = run.iter().filter(|c| is_zero_width(**c) && **c != '\u{ad}').count();
    let plain = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let foreign = |c: Option<char>| c.is_some_and(|c| c as u32 >= 0x590);
    let splits_a_word = zero_width >= 1 && plain(before) && plain(after);
    let is_long = zero_width >= 2 && before.is_some() && !foreign(before) && !foreign(after) || zero_width >= 6;
    (splits_a_word || is_long).then(|| (HiddenKind::ZeroWidth, String::new()))
}

/// The visible ASCII character of a tag character.
fn shifted(c: char, base: u32) -> Option<char> {
    let code = u32::from(c).checked_sub(base)?;
    char::from_u32(code).filter(|c| matches!(c, ' '..='~'))
}

/// The byte that a variation selector can smuggle.
fn selector_byte(c: char) -> Option<u8> {
    let code = u32::from(c);
    let byte = match c {
        '\u{fe00}'..='\u{fe0f}' => code - 0xfe00,
        '\u{e0100}'..='\u{e01ef}' => code - 0xe0100 + 16,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// Terminal sequences that make text invisible (`ESC [ … 8 … m`).
fn terminal_escapes(text: &str) -> Vec<Hidden> {
    let conceals = |start: usize| {
        let parameters = text.get(start..)?.strip_prefix("\u{1b}[")?;
        let length = parameters.bytes().take(32).position(|b| !b.is_ascii_digit() && b != b';')?;
        let (codes, rest) = parameters.split_at_checked(length)?;
        let conceals = rest.starts_with('m') && codes.split(';').any(|code| code == "8");
        conceals.then_some(start..start + length + 3)
    };
    memchr::memchr_iter(0x1b, text.as_bytes())
        .filter_map(conceals)
        .map(|span| Hidden { kind: HiddenKind::TerminalEscape, span, spelled: String::new() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<&'static str> {
        hidden(text).iter().map(|h| h.kind.name()).collect()
    }

    #[test]
    fn hiding_is_found() {
        let tagged: String = "look".chars().filter_map(|c| char::from_u32(0xe0000 + u32::from(c))).collect();
        let found = hidden(&format!("a{tagged}b"));
        assert_eq!((found[0].spelled.as_str(), found[0].span.clone()), ("look", 1..17));
        let smuggled: String = "hey".bytes().filter_map(|b| char::from_u32(0xe0100 + u32::from(b) - 16)).collect();
        assert_eq!(hidden(&format!("😀{smuggled}"))[0].spelled, "hey");
        assert_eq!(kinds("ig\u{200b}nore"), ["ZERO_WIDTH"]);
        assert_eq!(kinds("weather.\u{200b}\u{200b} Also"), ["ZERO_WIDTH"]);
        assert_eq!(kinds("a\u{202e}txt.exe"), ["BIDI_OVERRIDE"]);
        assert_eq!(kinds("ok \u{1b}[0;8mhidden"), ["TERMINAL_ESCAPE"]);
    }

    #[test]
    fn ordinary_use_is_not() {
        for text in [
            "\u{feff}start",
            "👩\u{200d}👩\u{200d}👧\u{fe0f} ❤\u{fe0f}",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "\u{202e}שלום\u{202c} abc",
            "co\u{ad}op",
            "สวัสดี\u{200b}ครับ",
            "red \u{1b}[31mtext\u{1b}[0m",
            // professions, hair, a heart on fire, a pirate flag, a keycap, skin and gender, text style
            "👩🏽\u{200d}🚀 👨\u{200d}🦰 ❤\u{fe0f}\u{200d}🔥 🏴\u{200d}☠\u{fe0f} 1\u{fe0f}\u{20e3} 🏃🏿\u{200d}♀\u{fe0f} ✔\u{fe0e}",
            "👩\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨, 🏳\u{fe0f}\u{200d}🌈 and 🏳\u{fe0f}\u{200d}⚧\u{fe0f}!",
            // England, Wales, Texas
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f} \
             🏴\u{e0075}\u{e0073}\u{e0074}\u{e0078}\u{e007f}",
            // Persian, Urdu, Malayalam, Sinhala, Bengali, Kannada, Marathi
            "نمی\u{200c}توانم کتاب\u{200c}هایشان را",
            "شاہ\u{200c}نامہ",
            "അവന്\u{200d} പാല്\u{200d}",
            "ශ්\u{200d}රී ලංකා",
            "ক\u{200c}্ষ র\u{200d}্যাব",
            "ರ\u{200d}್ಕ",
            "र्\u{200d}य दर्\u{200d}या",
            // Hebrew and Arabic with marks, Latin and numbers between
            "מחיר:\u{200f} 50 ש\u{5f4}ח\u{200f} (USB\u{200e})",
            "السعر \u{200e}USD 100\u{200f}، نموذج \u{2066}AB-12\u{2069}",
            "\u{202b}שלום world\u{202c} and \u{2067}مرحبا\u{2069}",
            // Vietnamese in both forms, Devanagari, pointed Hebrew and Arabic
            "Tiếng Việt, tie\u{302}\u{301}ng Vie\u{323}\u{302}t",
            "हिन्दी में क्षत्रिय",
            "בְּרֵאשִׁית بِسْمِ ٱللَّهِ",
            // word breaks of Khmer and Burmese, Mongolian variants, ideographic variants
            "ខ្ញុំ\u{200b}ស្រលាញ់\u{200b}ភាសា",
            "မြန်မာ\u{200b}စာ",
            "ᠮᠣᠩᠭᠣᠯ\u{180b} ᠪᠢᠴᠢᠭ\u{180e}ᠠ",
            "葛\u{e0100}飾区 辻\u{e0101}",
            // line break opportunities and a joiner in German and a word joiner
            "Donau\u{ad}dampf\u{ad}schiff und 10\u{2060}%",
        ] {
            assert_eq!(kinds(text), [""; 0], "{text:?}");
        }
    }
}
