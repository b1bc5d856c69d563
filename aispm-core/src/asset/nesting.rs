//! How deeply an expression may nest, told before any parser recurses into it.

/// Brackets and operators of an expression's text. Quoted text counts as well, so it is never too little.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Nesting {
    /// Brackets open at once, at most.
    pub(crate) brackets: usize,
    /// Operators and member accesses; `&&` and `||` do not count, as their chains become balanced trees.
    pub(crate) links: usize,
}

impl Nesting {
    /// Linear in the text.
    pub(crate) fn of(text: &str) -> Self {
        let (mut nesting, mut depth) = (Self::default(), 0_usize);
        for c in text.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '?' | '.' => nesting.links += 1,
                _ => {}
            }
            nesting.brackets = depth.max(nesting.brackets);
        }
        nesting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_parser_would_recurse_into() {
        assert_eq!(Nesting::of("a.b([1, (2)]) == !c && d"), Nesting { brackets: 3, links: 4 });
        assert_eq!(Nesting::of(")) a || b"), Nesting::default());
    }
}
