//! Just enough of a lexer for the languages of AI code, and HCL, to tell code from comments, strings and docstrings.
//! Linear; never fails: what does not lex is one-character punctuation.

use super::string::{Literal, literal};

/// Whose comments and strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::discover) enum Language {
    Python,
    /// TypeScript and JSX too.
    JavaScript,
    Go,
    Java,
    Kotlin,
    CSharp,
    Rust,
    Hcl,
}

/// A piece of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::discover) struct Token<'a> {
    pub(in crate::discover) kind: Kind,
    /// A string's content without its quotes, else the text as written.
    pub(in crate::discover) text: &'a str,
    /// Line from 1.
    pub(in crate::discover) line: u64,
    /// Whether it is the first of its line, and at which column.
    pub(in crate::discover) indent: Option<usize>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::discover) enum Kind {
    /// Identifier, keyword or number.
    Word,
    /// String.
    Text,
    /// A Python string that is a statement of its own.
    Doc,
    /// One character of punctuation.
    Mark,
    /// End of a line: in Python outside brackets, in Go and HCL everywhere; other languages have none.
    End,
}

/// The tokens of a text.
pub(in crate::discover) fn tokens(text: &str, language: Language) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, at: 0, line: 1, line_start: 0, depth: 0, fresh: true, language, out: Vec::new() };
    while lexer.step() {}
    lexer.push(Kind::End, "", lexer.line);
    lexer.out
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    line_start: usize,
    depth: usize,
    fresh: bool,
    language: Language,
    out: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves on and counts lines.
    fn skip(&mut self, bytes: usize) -> &'a str {
        let end = self.at.saturating_add(bytes).min(self.text.len());
        let taken = self.text.get(self.at..end).unwrap_or_default();
        for (i, _) in taken.bytes().enumerate().filter(|(_, b)| *b == b'\n') {
            self.line += 1;
            self.line_start = self.at + i + 1;
            self.fresh = true;
        }
        self.at = end;
        taken
    }

    fn push(&mut self, kind: Kind, text: &'a str, line: u64) {
        if kind == Kind::End {
            // a statement that is only a string is documentation
            let alone = match self.out.as_slice() {
                [.., before, _] => before.kind == Kind::End,
                [_] => true,
                [] => false,
            };
            let last = self.out.last_mut().filter(|_| alone && self.language == Language::Python);
            if let Some(string) = last.filter(|last| last.kind == Kind::Text) {
                string.kind = Kind::Doc;
            }
            if self.out.last().is_none_or(|last| last.kind == Kind::End) {
                return;
            }
        }
        self.out.push(Token { kind, text, line, indent: None });
    }

    fn mark_indent(&mut self, column: usize) {
        if let Some(last) = self.out.last_mut().filter(|_| self.fresh) {
            last.indent = Some(column);
        }
        self.fresh = false;
    }

    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return false };
        let (line, column) = (self.line, self.at.saturating_sub(self.line_start));
        let hash = matches!(self.language, Language::Python | Language::Hcl);
        let slash = self.language != Language::Python;
        if c == '\n' {
            match self.language {
                Language::Python if self.depth > 0 => {}
                Language::Python | Language::Go | Language::Hcl => self.push(Kind::End, "", line),
                _ => {}
            }
            self.skip(1);
        } else if c.is_whitespace() {
            self.skip(c.len_utf8());
        } else if c == '\\' && self.language == Language::Python {
            // a line goes on
            self.skip(if rest.starts_with("\\\r\n") { 3 } else { 2 });
        } else if hash && c == '#' || slash && rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if slash && rest.starts_with("/*") {
            // a comment that never ends is looked for once
            match rest.get(2..).and_then(|rest| rest.find("*/")) {
                Some(end) => self.skip(end + 4),
                None => self.skip(rest.len()),
            };
        } else if let Some(Literal { whole, start, end }) = literal(rest, self.language) {
            let content = rest.get(start..end).unwrap_or_default();
            self.push(Kind::Text, content, line);
            self.mark_indent(column);
            self.skip(whole);
            self.fresh = false;
        } else if c.is_alphanumeric() || matches!(c, '_' | '$') {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(rest.len());
            let word = self.skip(end);
            self.push(Kind::Word, word, line);
            self.mark_indent(column);
        } else if let Some(end) = self.pattern(rest) {
            self.skip(end);
        } else {
            match c {
                '(' | '[' | '{' => self.depth += 1,
                ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            let mark = self.skip(c.len_utf8());
            self.push(Kind::Mark, mark, line);
            self.mark_indent(column);
        }
        true
    }

    /// The length of a regular expression that starts here.
    fn pattern(&self, rest: &str) -> Option<usize> {
        let possible = self.language == Language::JavaScript && rest.starts_with('/') && self.expects_value();
        possible.then(|| regex_end(rest)).flatten()
    }

    /// Whether a `/` here starts a regular expression rather than dividing.
    fn expects_value(&self) -> bool {
        match self.out.last() {
            Some(Token { kind: Kind::Mark, text, .. }) => !matches!(*text, ")" | "]" | "}"),
            Some(Token { kind: Kind::Word, text, .. }) => matches!(*text, "return" | "typeof" | "case" | "in" | "of"),
            Some(Token { kind: Kind::Text | Kind::Doc, .. }) => false,
            Some(Token { kind: Kind::End, .. }) | None => true,
        }
    }
}

/// Longest regular expression, in code points; what is longer is a division, so that lexing stays linear.
const PATTERN: usize = 512;

/// The length of a regular expression literal on one line.
fn regex_end(rest: &str) -> Option<usize> {
    let (mut class, mut escaped) = (false, false);
    for (at, c) in rest.char_indices().skip(1).take(PATTERN) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '/' if !class => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, language: Language) -> Vec<&str> {
        tokens(text, language)
            .into_iter()
            .filter(|t| !matches!(t.kind, Kind::End | Kind::Doc))
            .map(|t| t.text)
            .collect()
    }

    #[test]
    fn python_comments_docstrings_and_strings() {
        let text = "\"\"\"import a\"\"\"\n# import b\ndef f():\n  '''import c'''\n  x = f\"d\" # e\n";
        assert_eq!(words(text, Language::Python), ["def", "f", "(", ")", ":", "x", "=", "d"]);
        let token = tokens(text, Language::Python).into_iter().find(|t| t.text == "d").unwrap();
        assert_eq!((token.kind, token.line), (Kind::Text, 5));
        assert_eq!(words("s = '''a\nb'''\nc", Language::Python), ["s", "=", "a\nb", "c"]);
    }

    #[test]
    fn javascript_comments_templates_and_regular_expressions() {
        assert_eq!(words("a // b\n/* c */ `d${e}`", Language::JavaScript), ["a", "d${e}"]);
        assert_eq!(words("x = /'[/]/; y", Language::JavaScript), ["x", "=", ";", "y"]);
        assert_eq!(words("x = a / b / 'c'", Language::JavaScript), ["x", "=", "a", "/", "b", "/", "c"]);
    }

    #[test]
    fn brackets_join_lines_in_python() {
        let ends =
            tokens("from a import (b,\n c)\nd", Language::Python).into_iter().filter(|t| t.kind == Kind::End).count();
        assert_eq!(ends, 2);
    }

    #[test]
    fn linear_in_slashes_that_open_nothing() {
        let text = "/[".repeat(200_000);
        assert_eq!(tokens(&text, Language::JavaScript).len(), 400_001);
    }

    proptest::proptest! {
        #[test]
        fn never_fails_on_any_text(text in ".{0,200}") {
            for language in [Language::Python, Language::JavaScript, Language::Hcl] {
                let _ = tokens(&text, language);
            }
        }
    }
}
