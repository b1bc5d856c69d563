//! Patterns of permissions: `*` stands for any text, letters are compared without case.

/// Whether a pattern matches the whole text. O(pattern · text) at worst, linear with one `*`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // the last `*` and how much of the text it has taken
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(want), Some(have)) if want.eq_ignore_ascii_case(have) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|b| *b == b'*'))
}

/// Whether any of these patterns matches.
pub(super) fn any<'a>(patterns: impl IntoIterator<Item = &'a String>, text: &str) -> bool {
    patterns.into_iter().any(|pattern| matches(pattern, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_text() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("*", "a.b", true),
            ("a.*", "a.b.c", true),
            ("*.setIamPolicy", "run.services.setiampolicy", true),
            ("*.setIamPolicy", "run.services.setIamPolicy.x", false),
            ("*/read", "Microsoft.Compute/virtualMachines/read", true),
            ("Microsoft.*/read", "Microsoft.X/y/READ", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("a", "ab", false),
            ("", "", true),
            ("", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }
}
