//! Rule files in the format of gitleaks, read as they are.
//!
//! A rule with keywords runs in the neighbourhood of each keyword, 512 bytes before to 2,048 after; neighbourhoods that
//! meet are read once. A rule without keywords runs over the whole text. Long stretches are read in pieces of 64 KiB that
//! overlap by 4 KiB, the longest match, so that time is linear in the text for each rule.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use regex::bytes::{Captures, Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::super::hay::Hay;
use super::{look, push};
use crate::asset::{Error, ErrorKind, Match, Result, Severity};

const BEFORE: usize = 512;
const AFTER: usize = 2048;
const PIECE: usize = 64 << 10;
const OVERLAP: usize = 4 << 10;

/// Most rules of all files, longest pattern in bytes, largest compiled pattern in bytes.
const RULES: usize = 4096;
const PATTERN: usize = 16 << 10;
const COMPILED: usize = 4 << 20;

/// How much of a line an allow-list sees on either side of a match, in bytes.
const LINE: usize = 1024;

/// A rule, compiled.
#[derive(Debug)]
pub(in super::super) struct Given {
    pub(super) id: String,
    pub(super) keywords: Vec<String>,
    regex: Regex,
    group: usize,
    entropy: f64,
    path: Option<Regex>,
    allow: Vec<Allow>,
    /// The allow-lists of the whole file.
    shared: Arc<[Allow]>,
}

/// What is not reported after all.
#[derive(Debug)]
struct Allow {
    rules: Vec<String>,
    regexes: Vec<Regex>,
    target: Target,
    stopwords: Vec<String>,
    paths: Vec<Regex>,
    /// Whether every criterion must hold instead of one.
    all: bool,
    commits: bool,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Target {
    #[default]
    Secret,
    Match,
    Line,
}

/// Reads a rule file; what cannot be taken over goes to `problems`, with its line, and the rest is still read.
pub(in super::super) fn read(name: &Path, text: &str, problems: &mut Vec<Error>) -> Result<Vec<Given>> {
    let place = |at: usize| {
        let before = text.get(..at).unwrap_or("");
        let line = before.rsplit('\n').next().unwrap_or("");
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    };
    let error = |kind, message: String, at: usize| {
        let (line, column) = place(at);
        Error::new(kind, message).at(name).at_line(line, column)
    };
    let file: File = toml::from_str(text)
        .map_err(|e| error(ErrorKind::Malformed, e.message().to_owned(), e.span().map_or(0, |s| s.start)))?;
    if let Some(extend) = &file.extend {
        let unread = ["path", "url", "disabledRules"].iter().filter(|key| extend.get_ref().contains_key(**key));
        for key in unread {
            let message = format!("`extend.{key}` is not followed: give the file itself; built-in rules are always on");
            problems.push(error(ErrorKind::Invalid, message, extend.span().start));
        }
    }
    let mut shared = Vec::new();
    for raw in file.allowlist.into_iter().chain(file.allowlists) {
        match raw.compile() {
            Ok(allow) => shared.push(allow),
            Err((message, at)) => problems.push(error(ErrorKind::Invalid, format!("allowlist: {message}"), at)),
        }
    }
    let shared: Arc<[Allow]> = shared.into();
    let mut rules = Vec::new();
    for raw in file.rules {
        let at = raw.span().start;
        let raw = raw.into_inner();
        let id = raw.id.clone();
        if rules.len() == RULES {
            problems.push(error(ErrorKind::Budget, format!("more than {RULES} rules; the rest is left out"), at));
            break;
        }
        match raw.compile(&shared, at) {
            Ok(rule) => rules.push(rule),
            Err((message, at)) => problems.push(error(ErrorKind::Invalid, format!("rule `{id}`: {message}"), at)),
        }
    }
    Ok(rules)
}

/// The stretch that a rule reads for a keyword.
pub(super) fn around(keyword: &Range<usize>) -> Range<usize> {
    keyword.start.saturating_sub(BEFORE)..keyword.end.saturating_add(AFTER)
}

impl Given {
    /// Appends what the rule finds in `span` of the text; `path` is the file's, as far as known.
    pub(super) fn find(&self, hay: Hay<'_>, path: Option<&str>, span: Range<usize>, matches: &mut Vec<Match>) {
        let here = |pattern: &Regex| path.is_some_and(|p| pattern.is_match(p.as_bytes()));
        if self.path.as_ref().is_some_and(|pattern| !here(pattern)) {
            return;
        }
        let (mut start, stop) = (span.start, span.end.min(hay.len()));
        while start < stop {
            let end = start.saturating_add(PIECE).min(stop);
            // A match that begins in the overlap is the next piece's.
            let fresh = if end == stop { stop } else { end - OVERLAP };
            start = self.piece(hay, path, start..end, fresh, matches).max(fresh);
        }
    }

    /// Looks at one piece for matches that begin before `fresh`; gives the end of the last one.
    fn piece(
        &self,
        hay: Hay<'_>,
        path: Option<&str>,
        piece: Range<usize>,
        fresh: usize,
        matches: &mut Vec<Match>,
    ) -> usize {
        let bytes = hay.bytes().get(..piece.end).unwrap_or_default();
        let mut at = piece.start;
        while at < fresh {
            let Some(found) = self.regex.captures_at(bytes, at) else { break };
            let Some(whole) = found.get(0).map(|m| m.range()).filter(|w| w.start < fresh) else { break };
            at = whole.end.max(at + 1);
            let secret = hay.snap(self.secret(&found, whole.clone()));
            if secret.is_empty() || (self.entropy > 0.0 && look::entropy(hay.get(secret.clone())) <= self.entropy) {
                continue;
            }
            if !self.is_allowed(hay, path, secret.clone(), hay.snap(whole)) {
                push(matches, self.id.clone(), 0.9, Severity::High, secret);
            }
        }
        at
    }

    /// The group that the rule names, or else the first that took part, or the whole match.
    fn secret(&self, found: &Captures<'_>, whole: Range<usize>) -> Range<usize> {
        let group = match self.group {
            0 => found.iter().skip(1).flatten().find(|g| !g.is_empty()),
            n => found.get(n),
        };
        group.map_or(whole, |g| g.range())
    }

    fn is_allowed(&self, hay: Hay<'_>, path: Option<&str>, secret: Range<usize>, whole: Range<usize>) -> bool {
        let before = hay.window_before(whole.start, LINE);
        let start = whole.start - before.rsplit('\n').next().map_or(0, str::len);
        let after = hay.window(whole.end, LINE);
        let line = hay.get(start..whole.end + after.split('\n').next().map_or(0, str::len));
        let (secret, whole) = (hay.get(secret), hay.get(whole));
        line.contains("gitleaks:allow")
            || self
                .allow
                .iter()
                .chain(self.shared.iter())
                .filter(|a| a.rules.is_empty() || a.rules.contains(&self.id))
                .any(|allow| allow.covers(path, secret, whole, line))
    }
}

impl Allow {
    fn covers(&self, path: Option<&str>, secret: &str, whole: &str, line: &str) -> bool {
        let target = match self.target {
            Target::Secret => secret,
            Target::Match => whole,
            Target::Line => line,
        };
        let any = |patterns: &[Regex], text: &str| patterns.iter().any(|p| p.is_match(text.as_bytes()));
        let criteria = [
            (!self.regexes.is_empty(), any(&self.regexes, target)),
            (!self.stopwords.is_empty(), self.stopwords.iter().any(|w| look::holds(secret, w))),
            (!self.paths.is_empty(), path.is_some_and(|p| any(&self.paths, p))),
            // A text has no commit.
            (self.commits, false),
        ];
        let mut stated = criteria.iter().filter(|(stated, _)| *stated).map(|(_, holds)| *holds).peekable();
        stated.peek().is_some() && if self.all { stated.all(|h| h) } else { stated.any(|h| h) }
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    rules: Vec<Spanned<RawRule>>,
    allowlist: Option<RawAllow>,
    #[serde(default)]
    allowlists: Vec<RawAllow>,
    extend: Option<Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRule {
    id: String,
    regex: Option<Spanned<String>>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    path: Option<Spanned<String>>,
    allowlist: Option<RawAllow>,
    #[serde(default)]
    allowlists: Vec<RawAllow>,
    required: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAllow {
    #[serde(default)]
    condition: String,
    #[serde(default)]
    regexes: Vec<Spanned<String>>,
    #[serde(default)]
    regex_target: Target,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    paths: Vec<Spanned<String>>,
    #[serde(default)]
    commits: Vec<String>,
    #[serde(default)]
    target_rules: Vec<String>,
}

/// What is wrong, and at which byte of the file.
type Problem = (String, usize);

impl RawRule {
    fn compile(self, shared: &Arc<[Allow]>, at: usize) -> std::result::Result<Given, Problem> {
        let regex = self.regex.ok_or_else(|| ("it has no `regex`, and a text has no path alone".to_owned(), at))?;
        if self.required.is_some() {
            return Err(("`required` (composite rules) is not read".to_owned(), at));
        }
        let place = regex.span().start;
        let regex = compile(&regex)?;
        if self.secret_group >= regex.captures_len() {
            return Err((format!("`secretGroup` {} is not in the pattern", self.secret_group), place));
        }
        let raw = self.allowlist.into_iter().chain(self.allowlists);
        Ok(Given {
            id: self.id,
            keywords: self.keywords.into_iter().filter(|k| !k.is_empty()).collect(),
            regex,
            group: self.secret_group,
            entropy: self.entropy,
            path: self.path.as_ref().map(compile).transpose()?,
            allow: raw.map(RawAllow::compile).collect::<std::result::Result<_, _>>()?,
            shared: Arc::clone(shared),
        })
    }
}

impl RawAllow {
    fn compile(self) -> std::result::Result<Allow, Problem> {
        let all = |patterns: &[Spanned<String>]| patterns.iter().map(compile).collect::<std::result::Result<_, _>>();
        Ok(Allow {
            regexes: all(&self.regexes)?,
            paths: all(&self.paths)?,
            target: self.regex_target,
            stopwords: self.stopwords.iter().filter(|w| !w.is_empty()).map(|w| w.to_lowercase()).collect(),
            all: self.condition.eq_ignore_ascii_case("and") || self.condition == "&&",
            commits: !self.commits.is_empty(),
            rules: self.target_rules,
        })
    }
}

/// Compiles a pattern in Go's syntax.
fn compile(pattern: &Spanned<String>) -> std::result::Result<Regex, Problem> {
    let at = pattern.span().start;
    if pattern.get_ref().len() > PATTERN {
        return Err((format!("the pattern is longer than {PATTERN} bytes"), at));
    }
    let text = translate(pattern.get_ref());
    let build = |unicode: bool| {
        RegexBuilder::new(&text).unicode(unicode).size_limit(COMPILED).dfa_size_limit(COMPILED).nest_limit(100).build()
    };
    // Go's classes are ASCII; named Unicode classes need the other mode.
    build(false).or_else(|e| build(true).map_err(|_| e)).map_err(|e| {
        let reason = e.to_string();
        let last = reason.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
        (format!("the pattern is not understood: {}", last.trim_start_matches("error: ")), at)
    })
}

/// Go's pattern syntax in that of the `regex` crate: literal `{`, `[` and doubled signs in classes, `\Q…\E`, `\<`.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut class = false;
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or("");
        let mut taken = c.len_utf8();
        match c {
            '\\' => {
                let next = tail.chars().next();
                taken += next.map_or(0, char::len_utf8);
                match next {
                    Some('Q') => {
                        let quoted = tail.get(1..).unwrap_or("");
                        let end = quoted.find("\\E");
                        out.push_str(&regex::escape(quoted.get(..end.unwrap_or(quoted.len())).unwrap_or("")));
                        taken += end.map_or(quoted.len(), |e| e + 2);
                    }
                    Some(sign @ ('<' | '>')) => out.push(sign),
                    next => {
                        out.push('\\');
                        out.extend(next);
                    }
                }
            }
            '[' if !class => {
                class = true;
                out.push('[');
                let negated = tail.starts_with('^');
                if negated {
                    out.push('^');
                    taken += 1;
                }
                if tail.get(usize::from(negated)..).is_some_and(|t| t.starts_with(']')) {
                    out.push_str("\\]");
                    taken += 1;
                }
            }
            '[' if tail.starts_with(':') && tail.contains(":]") => {
                let end = tail.find(":]").unwrap_or(0) + 2;
                out.push('[');
                out.push_str(tail.get(..end).unwrap_or(""));
                taken += end;
            }
            '[' => out.push_str("\\["),
            ']' if class => {
                class = false;
                out.push(']');
            }
            '&' | '~' | '-' if class && tail.starts_with(c) => {
                out.push('\\');
                out.push(c);
            }
            '{' if !class && !is_count(tail) => out.push_str("\\{"),
            c => out.push(c),
        }
        rest = rest.get(taken..).unwrap_or("");
    }
    out
}

/// Whether `3}`, `3,}` or `3,5}` begins `text`.
fn is_count(text: &str) -> bool {
    let Some((inside, _)) = text.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, path: Option<&str>, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let rules = read(Path::new("rules.toml"), file, &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let mut matches = Vec::new();
        for rule in &rules {
            rule.find(Hay::new(text), path, 0..text.len(), &mut matches);
        }
        matches.iter().map(|m| text.get(m.start..m.end).unwrap().to_owned()).collect()
    }

    #[test]
    fn a_rule_with_all_its_parts() {
        let file = r#"
            title = "ours"
            [extend]
            useDefault = true
            [[rules]]
            id = "acme"
            description = "Acme key"
            regex = '''(?i)acme[a-z]*\s*[=:]\s*"(ak_[0-9a-z]{8})"'''
            secretGroup = 1
            entropy = 2
            keywords = ["ACME"]
            [[rules.allowlists]]
            regexTarget = "line"
            regexes = ['''sample''']
            [rules.allowlist]
            stopwords = ["abad"]
            [allowlist]
            condition = "AND"
            paths = ['''_test\.go$''']
            regexes = ['''^ak_1''']
        "#;
        let text = "acmeKey = \"ak_1x9q7z2w\"\nacme: \"ak_aaaaaaaa\"\nacme: \"ak_2x9q7z2w\" # sample\n\
                    acme: \"ak_3abad2w1\"\nacme: \"ak_4x9q7z2w\" # gitleaks:allow\n";
        assert_eq!(found(file, None, text), ["ak_1x9q7z2w"]);
        assert!(found(file, Some("x_test.go"), text).is_empty());
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line_and_the_rest_is_read() {
        let file = "[extend]\npath = \"x\"\n[[rules]]\nid = \"a\"\nregex = '''(?!x)a'''\n[[rules]]\nid = \"b\"\nregex = '''b{'''\n\
                    [[rules]]\nid = \"c\"\npath = '''x'''\n";
        let mut problems = Vec::new();
        let rules = read(Path::new("rules.toml"), file, &mut problems).unwrap();
        assert_eq!(rules.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["b"]);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told[0].contains("extend.path"), "{told:?}");
        assert!(told[1].starts_with("rules.toml:5:") && told[1].contains("rule `a`"), "{told:?}");
        assert!(told[2].starts_with("rules.toml:9:"), "{told:?}");
        assert!(read(Path::new("x"), "[[rules", &mut problems).is_err());
    }

    #[test]
    fn long_texts_are_read_in_pieces() {
        let file = "[[rules]]\nid = \"k\"\nregex = '''\\bk[0-9]{6}\\b'''\n";
        let text = "k123456 ".repeat(20_000);
        assert_eq!(found(file, None, &text).len(), 20_000);
    }

    #[test]
    fn go_syntax_is_carried_over() {
        for (go, ours) in [
            ("a{", "a\\{"),
            ("a{2,3}", "a{2,3}"),
            ("[[a&&b]", "[\\[a\\&&b]"),
            ("[[:alpha:]_]", "[[:alpha:]_]"),
            ("\\Qa.b\\E+", "a\\.b+"),
            ("[]x]", "[\\]x]"),
            ("\\<x", "<x"),
        ] {
            assert_eq!(translate(go), ours);
            assert!(Regex::new(ours).is_ok(), "{ours}");
        }
    }
}
