//! Bars of coloured parts. Drawn as SVG, whose widths are attributes: a style attribute would need a policy that allows
//! all of them.

use std::fmt::Write;

/// The length of a full bar, in its own units.
const FULL: usize = 1000;

/// A bar of parts (class, how many), as long as their sum is of `most`. Not told by screen readers: the numbers stand
/// beside it as text.
pub(super) fn bar(parts: &[(&str, usize)], most: usize) -> String {
    let mut svg =
        format!("<svg class=\"bar\" viewBox=\"0 0 {FULL} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    let length = |n: usize| n.saturating_mul(FULL).checked_div(most).unwrap_or(0).min(FULL);
    let mut sum = 0usize;
    for (class, n) in parts {
        let start = length(sum);
        sum = sum.saturating_add(*n);
        let width = length(sum) - start;
        if width > 0 {
            // writing to a String cannot fail
            let _ = write!(svg, "<rect class=\"{class}\" x=\"{start}\" width=\"{width}\" height=\"10\"/>");
        }
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_bar_without_a_gap() {
        let svg = bar(&[("a", 1), ("b", 1), ("c", 0), ("d", 1)], 3);
        assert!(svg.contains("class=\"a\" x=\"0\" width=\"333\""));
        assert!(svg.contains("class=\"b\" x=\"333\" width=\"333\""));
        assert!(svg.contains("class=\"d\" x=\"666\" width=\"334\"") && !svg.contains("class=\"c\""));
        assert!(!bar(&[("a", 3)], 0).contains("rect"));
    }
}
