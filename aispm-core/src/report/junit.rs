//! JUnit XML: one test suite for each family of rules, in the dialect that GitLab, Jenkins, Azure and GitHub actions read.
//!
//! A rule that found something has one failing test case for each finding; a rule that could not judge is skipped with
//! the reason, as is a finding that is waived; input that could not be read is an error. What the baseline knew passes
//! and says so.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use super::{Report, State, escape, family, path_rule, steps};
use crate::asset::{Evidence, Finding};

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let suites = suites(report);
    let cases = || suites.values().flatten();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="aispm" {} time="0">"#, counts(cases()))?;
    for (name, cases) in &suites {
        let time = report.time.local();
        let (name, counts) = (escape::html(name), counts(cases.iter()));
        writeln!(out, r#"  <testsuite name="{name}" {counts} time="0" timestamp="{time}">"#)?;
        for case in cases {
            case.write(&name, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")?;
    out.flush()
}

/// The test cases of each suite, in the order in which they are told.
fn suites(report: &Report<'_>) -> BTreeMap<String, Vec<Case>> {
    let mut suites = BTreeMap::<String, Vec<Case>>::new();
    let mut told = HashSet::new();
    for (finding, state) in report.there() {
        told.insert(finding.rule.as_str());
        suites.entry(family(&finding.rule).to_owned()).or_default().push(Case::of(report, finding, state));
    }
    for unknown in &report.assessment.unknown {
        if told.insert(&unknown.rule) {
            let name = rule_name(report, &unknown.rule);
            let outcome = Outcome::Skipped(format!("could not judge: needs {}", unknown.needs));
            suites.entry(family(&unknown.rule).to_owned()).or_default().push(Case { name, place: None, outcome });
        }
    }
    // what was not there has not passed
    let judged = report.ai_assets() > 0;
    for rule in report.rules.keys().filter(|rule| !told.contains(**rule)) {
        let outcome = || Outcome::Skipped("the input shows no AI asset to judge".to_owned());
        let outcome = if judged { Outcome::Passed } else { outcome() };
        let case = Case { name: rule_name(report, rule), place: None, outcome };
        suites.entry(family(rule).to_owned()).or_default().push(case);
    }
    for path in &report.assessment.paths {
        let place = path.steps.iter().find_map(|step| step.evidence.first()).cloned();
        let fixes: Vec<&str> = path.fixes.iter().map(|fix| fix.action.as_str()).collect();
        let title = report.title(path);
        let body = vec![steps(path), format!("any one of these cuts it: {}", fixes.join("; "))];
        let outcome = Outcome::of(report.path_state(path), path.severity.as_str(), &title, body);
        let name = format!("{} {title} [{}]", path_rule(path.goal), path.id);
        suites.entry("attack-path".to_owned()).or_default().push(Case { name, place, outcome });
    }
    for unread in &report.assessment.incomplete {
        let place = Some(Evidence::file(unread.path.as_str()));
        let outcome = Outcome::Error(unread.reason.clone());
        let case = Case { name: format!("{} is read", unread.path), place, outcome };
        suites.entry("input".to_owned()).or_default().push(case);
    }
    suites
}

fn rule_name(report: &Report<'_>, rule: &str) -> String {
    report.rules.get(rule).map_or_else(|| rule.to_owned(), |info| format!("{rule} {}", info.title))
}

struct Case {
    name: String,
    place: Option<Evidence>,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    /// Passed, with a word why.
    Known(String),
    Failed {
        severity: String,
        message: String,
        body: Vec<String>,
    },
    Skipped(String),
    Error(String),
}

impl Outcome {
    fn of(state: State<'_>, severity: &str, message: &str, body: Vec<String>) -> Self {
        if let Some(waiver) = state.waiver() {
            return Self::Skipped(format!("{waiver}: {severity}: {message}"));
        }
        if state == State::Known {
            return Self::Known(format!("known since the baseline: {severity}: {message}"));
        }
        Self::Failed { severity: severity.to_owned(), message: message.to_owned(), body }
    }
}

impl Case {
    /// The name holds the fingerprint, since readers tell test cases apart by their names.
    fn of(report: &Report<'_>, finding: &Finding, state: State<'_>) -> Self {
        let name = format!("{} {}: {} [{}]", finding.rule, finding.title, finding.asset, finding.fingerprint);
        let mut body: Vec<String> = report.evidence(finding).iter().map(Evidence::location).collect();
        body.extend(finding.owner.as_ref().map(|owner| format!("owner: {owner}")));
        body.extend(Some(&finding.fix).filter(|fix| !fix.is_empty()).map(|fix| format!("fix: {fix}")));
        let outcome = Outcome::of(state, finding.severity.as_str(), &finding.message, body);
        Self { name, place: Some(report.place(finding)), outcome }
    }

    fn write(&self, suite: &str, out: &mut dyn Write) -> io::Result<()> {
        let mut place = String::new();
        if let Some(evidence) = &self.place {
            place = format!(r#" file="{}""#, escape::html(&evidence.path));
            place.extend(evidence.line.map(|line| format!(r#" line="{line}""#)));
        }
        write!(out, r#"    <testcase name="{}" classname="aispm.{suite}" time="0"{place}"#, escape::html(&self.name))?;
        match &self.outcome {
            Outcome::Passed => writeln!(out, "/>"),
            Outcome::Known(word) => writeln!(out, "><system-out>{}</system-out></testcase>", escape::html(word)),
            Outcome::Skipped(why) => writeln!(out, r#"><skipped message="{}"/></testcase>"#, escape::html(why)),
            Outcome::Error(why) => {
                writeln!(out, r#"><error type="unreadable" message="{}"/></testcase>"#, escape::html(why))
            }
            Outcome::Failed { severity, message, body } => writeln!(
                out,
                r#"><failure type="{severity}" message="{}">{}</failure></testcase>"#,
                escape::html(message),
                body.iter().map(|line| escape::html(line)).collect::<Vec<_>>().join("\n")
            ),
        }
    }
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
    let (mut tests, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    for case in cases {
        tests += 1;
        match case.outcome {
            Outcome::Passed | Outcome::Known(_) => {}
            Outcome::Failed { .. } => failures += 1,
            Outcome::Skipped(_) => skipped += 1,
            Outcome::Error(_) => errors += 1,
        }
    }
    format!(r#"tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}""#)
}
