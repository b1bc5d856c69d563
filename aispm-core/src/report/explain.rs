//! One finding, attack path, score, asset or rule, with everything that bears on it.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::{FAINT, HEADING, Page};
use super::text;
use super::{Report, count};
use crate::assess::{Factor, Risk, RiskSubject, RiskTerm};
use crate::asset::{Asset, AssetId, Error, ErrorKind, Finding, Result, names};
use crate::path::AttackPath;
use crate::policy::RuleInfo;
use crate::policy::controls::{self, Framework};

/// Shortest beginning of a fingerprint that names a finding.
const PREFIX: usize = 6;
/// Most findings that are told of an asset, system or owner.
const LISTED: usize = 20;

names! {
    /// What was explained.
    Explained, "snake_case" {
        /// A finding, by its fingerprint or the beginning of it.
        Finding = "finding",
        /// An attack path, by its id.
        Path = "path",
        /// The score of the estate, a system, an owner or an asset.
        Risk = "risk",
        /// A rule, by its id.
        Rule = "rule",
    }
}

/// What is known of one thing in an assessment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Explanation {
    /// What the id means.
    pub kind: Explained,
    /// The id, in full.
    pub id: String,
    /// The findings that it is, or that bear on it, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What the rule of the finding says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleInfo>,
    /// The attack path that it is, or those that pass it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<AttackPath>,
    /// The score that it is, or that the finding counts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
}

impl Report<'_> {
    /// Explains an id of the assessment: a fingerprint or at least six digits of it, an attack path, an asset, a system,
    /// an owner, `estate`, or a rule. An id that means nothing, or several findings, is an error of kind
    /// [`ErrorKind::Usage`]. O(findings + paths · steps + scores).
    pub fn explain(&self, id: &str) -> Result<Explanation> {
        let assessment = self.assessment;
        if let Some(finding) = self.finding(id)? {
            return Ok(Explanation {
                kind: Explained::Finding,
                id: finding.fingerprint.clone(),
                rule: self.rules.get(finding.rule.as_str()).map(|&rule| rule.clone()),
                paths: self.paths_of(&finding.asset),
                risk: self.score(RiskSubject::Asset, finding.asset.as_str()),
                findings: vec![finding.clone()],
            });
        }
        let of = |kind| Explanation {
            kind,
            id: id.to_owned(),
            findings: Vec::new(),
            rule: None,
            paths: Vec::new(),
            risk: None,
        };
        if let Some(path) = assessment.paths.iter().find(|path| path.id == id) {
            let findings = assessment.findings.iter().filter(|f| path.assets().any(|asset| *asset == f.asset));
            return Ok(Explanation {
                findings: findings.cloned().collect(),
                paths: vec![path.clone()],
                ..of(Explained::Path)
            });
        }
        let subjects = [RiskSubject::Estate, RiskSubject::System, RiskSubject::Owner, RiskSubject::Asset];
        if let Some(risk) = subjects.into_iter().find_map(|subject| self.score(subject, id)) {
            let members = assessment.members(id);
            let bears = |finding: &&Finding| match risk.subject {
                RiskSubject::Estate => true,
                RiskSubject::Owner => finding.owner.as_deref() == Some(id),
                RiskSubject::System => members.contains(&finding.asset.as_str()),
                RiskSubject::Asset => finding.asset.as_str() == id,
            };
            let findings = assessment.findings.iter().filter(bears).cloned().collect();
            let paths = if risk.subject == RiskSubject::Asset { self.paths_of(&id.into()) } else { Vec::new() };
            return Ok(Explanation { findings, paths, risk: Some(risk), ..of(Explained::Risk) });
        }
        if let Some(rule) = self.rules.values().find(|rule| rule.id.eq_ignore_ascii_case(id)) {
            let findings = assessment.findings.iter().filter(|finding| finding.rule == rule.id).cloned().collect();
            let (id, rule) = (rule.id.clone(), Some((*rule).clone()));
            return Ok(Explanation { id, findings, rule, ..of(Explained::Rule) });
        }
        let paths = self.paths_of(&id.into());
        if !paths.is_empty() {
            return Ok(Explanation { paths, ..of(Explained::Risk) });
        }
        let message = match assessment.inventory.get(id) {
            Some(Asset { name, .. }) => format!("nothing is wrong with {name}: no finding, no score"),
            None => format!(
                "{id:?} is no finding, path, asset, owner or rule here; `aispm assess --format json` lists them"
            ),
        };
        Err(Error::new(ErrorKind::Usage, message))
    }

    /// Writes an explanation for a person at a terminal.
    pub fn write_explanation(&self, explanation: &Explanation, out: &mut dyn Write) -> io::Result<()> {
        let mut page = Page::new(out, self.color, self.width);
        let Explanation { kind, findings, rule, paths, risk, .. } = explanation;
        match (kind, findings.as_slice(), rule) {
            (Explained::Finding, [finding, ..], rule) => self.one_finding(&mut page, finding, rule.as_ref())?,
            (_, _, Some(rule)) => one_rule(&mut page, rule)?,
            _ => {}
        }
        if let Some(risk) = risk {
            self.score_by_terms(&mut page, risk)?;
        }
        if !paths.is_empty() {
            page.heading(if *kind == Explained::Path { "Attack path" } else { "Attack paths through it" })?;
        }
        for (n, path) in paths.iter().enumerate() {
            writeln!(page.out)?;
            text::attack_path(self, &mut page, n + 1, path)?;
            if *kind == Explained::Path {
                patches(&mut page, path)?;
            }
        }
        if *kind != Explained::Finding {
            self.list(&mut page, findings)?;
        }
        page.out.flush()
    }

    fn finding(&self, id: &str) -> Result<Option<&Finding>> {
        let hex = id.len() >= PREFIX && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = id.to_ascii_lowercase();
        let mut found = self.assessment.findings.iter().filter(|finding| hex && finding.fingerprint.starts_with(&id));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => {
                Err(Error::new(ErrorKind::Usage, format!("several findings begin with {id}; give more digits")))
            }
            (found, _) => Ok(found),
        }
    }

    fn paths_of(&self, asset: &AssetId) -> Vec<AttackPath> {
        self.assessment.paths.iter().filter(|path| path.assets().any(|id| id == asset)).cloned().collect()
    }

    fn score(&self, subject: RiskSubject, id: &str) -> Option<Risk> {
        self.assessment.risks.iter().find(|risk| risk.subject == subject && risk.id == id).cloned()
    }

    fn one_finding(&self, page: &mut Page<'_>, finding: &Finding, rule: Option<&RuleInfo>) -> io::Result<()> {
        let head = format!("{} {}", page.severity(finding.severity), page.paint(HEADING, &finding.rule));
        writeln!(page.out, "{head} {}", page.paint(HEADING, &finding.title))?;
        page.wrap(2, 2, HEADING, &finding.message)?;
        page.wrap(2, 2, FAINT, rule.map_or("", |rule| &rule.description))?;
        writeln!(page.out)?;
        page.item(2, "asset: ", &format!("{} ({})", self.name(&finding.asset), finding.asset))?;
        page.item(2, "owner: ", finding.owner.as_deref().unwrap_or("nobody known"))?;
        page.item(2, "fingerprint: ", &finding.fingerprint)?;
        for id in &finding.related {
            page.item(2, "with: ", &format!("{} ({id})", self.name(id)))?;
        }
        page.fix(2, &finding.fix)?;
        page.heading("Evidence")?;
        for evidence in self.evidence(finding) {
            page.item(2, "", &evidence.location())?;
            page.item(4, "", evidence.excerpt.as_deref().unwrap_or_default())?;
        }
        named_controls(page, &finding.controls)
    }

    fn score_by_terms(&self, page: &mut Page<'_>, risk: &Risk) -> io::Result<()> {
        let subject = match risk.subject {
            RiskSubject::Estate => risk.name.clone(),
            RiskSubject::System => format!("System {}", risk.name),
            RiskSubject::Owner => format!("Owner {}", risk.name),
            RiskSubject::Asset => risk.name.clone(),
        };
        page.heading(&format!("Risk {:.1} of 100: {subject}", risk.score))?;
        if let Some(average) = risk.average {
            let worst = risk.members.first().map_or(0.0, |member| member.score);
            page.wrap(
                2,
                2,
                FAINT,
                &format!("¾ of its worst asset ({worst:.1}) and ¼ of the average of all ({average:.1})"),
            )?;
        } else {
            let how = "100 × (1 − Π(1 − points)), each rule once; points = severity × exposure × data × reachability";
            page.wrap(2, 2, FAINT, how)?;
        }
        for RiskTerm { rule, severity, exposure, data, reachability, points, .. } in &risk.terms {
            let factor = |name: &str, factor: &Factor| format!("{name} {} ({})", factor.value, factor.reason);
            let factors = [
                factor("severity", severity),
                factor("exposure", exposure),
                factor("data", data),
                factor("reachability", reachability),
            ];
            page.item(2, &format!("{rule}  "), &format!("{points} = {}", factors.join(" × ")))?;
        }
        for member in &risk.members {
            page.item(
                2,
                &format!("{:5.1}  ", member.score),
                &format!("{} ({})", self.name(&member.asset), member.asset),
            )?;
        }
        Ok(())
    }

    fn list(&self, page: &mut Page<'_>, findings: &[Finding]) -> io::Result<()> {
        if !findings.is_empty() {
            page.heading("Findings")?;
        }
        for finding in findings.iter().take(LISTED) {
            let lead = finding.fingerprint.get(..8).unwrap_or_default();
            let text = format!("{} {}: {}", finding.severity, finding.rule, finding.message);
            page.item(2, &format!("{lead}  "), &text)?;
        }
        match findings.len().checked_sub(LISTED) {
            Some(more @ 1..) => page.wrap(2, 2, FAINT, &format!("… and {}", count(more, "more finding"))),
            _ => Ok(()),
        }
    }
}

fn one_rule(page: &mut Page<'_>, rule: &RuleInfo) -> io::Result<()> {
    let head = format!("{} {}", page.severity(rule.severity), page.paint(HEADING, &rule.id));
    writeln!(page.out, "{head} {}", page.paint(HEADING, &rule.title))?;
    page.wrap(2, 2, FAINT, &rule.description)?;
    page.fix(2, &rule.fix)?;
    named_controls(page, &rule.controls)
}

/// Controls with their names, as far as a catalogue has them.
fn named_controls(page: &mut Page<'_>, cited: &[crate::asset::Control]) -> io::Result<()> {
    let frameworks = controls::frameworks().unwrap_or_default();
    if !cited.is_empty() {
        page.heading("Controls")?;
    }
    for control in cited {
        let framework = frameworks.iter().find(|framework: &&Framework| framework.key == control.framework);
        let name = framework.and_then(|framework| framework.controls.get(&control.id)).map_or("", String::as_str);
        let of = framework.map_or(control.framework.as_str(), |framework| &framework.name);
        page.item(2, &format!("{}  ", control.id), &format!("{name} ({of})"))?;
    }
    Ok(())
}

/// The changes that cut a path, as text to review.
fn patches(page: &mut Page<'_>, path: &AttackPath) -> io::Result<()> {
    for patch in path.fixes.iter().filter_map(|fix| fix.patch.as_ref()) {
        writeln!(page.out)?;
        page.wrap(5, 5, HEADING, &patch.title)?;
        for line in patch.text.lines() {
            writeln!(page.out, "     {}", page.paint(FAINT, line))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::Assessment;
    use crate::policy::PolicySet;
    use crate::report::plain;

    fn sample() -> Assessment {
        let finding = |fingerprint: &str, rule: &str, asset: &str| {
            serde_json::json!({"fingerprint": fingerprint, "rule": rule, "title": "t", "severity": "high", "asset": asset,
                "message": "m", "owner": "web"})
        };
        let risk = |subject: &str, id: &str| serde_json::json!({"subject": subject, "id": id, "name": id, "score": 12.0, "findings": 1});
        let sample = serde_json::json!({
            "summary": {"assets": 1, "ai_assets": 1, "paths": 0, "findings": {}},
            "findings": [finding("aaaaaa11", "R-1", "chat"), finding("aaaaaa22", "R-2", "other")],
            "paths": [], "choke_points": [], "fixes": [], "admins": [],
            "inventory": {"assets": [{"id": "chat", "kind": "endpoint", "name": "Chat\u{1b}[2J"},
                {"id": "fine", "kind": "endpoint", "name": "fine"}], "relations": []},
            "risks": [risk("estate", "estate"), risk("owner", "web"), risk("asset", "chat")],
            "files": [], "skipped": [],
        });
        serde_json::from_value(sample).unwrap()
    }

    #[test]
    fn an_id_is_told_for_what_it_is() {
        let (assessment, rules) = (sample(), PolicySet::builtin().unwrap().rules());
        let report = Report::new(&assessment).rules(&rules);
        let kinds = ["aaaaaa1", "AAAAAA11", "estate", "web", "chat", "exp-001"];
        let kinds =
            kinds.map(|id| report.explain(id).map(|explained| (explained.kind, explained.findings.len())).unwrap());
        use Explained::{Finding, Risk, Rule};
        assert_eq!(kinds, [(Finding, 1), (Finding, 1), (Risk, 2), (Risk, 2), (Risk, 1), (Rule, 0)]);
        let error = |id: &str| report.explain(id).unwrap_err().message;
        assert!(error("aaaaaa").contains("several findings"));
        assert!(error("aaa").contains("is no finding"));
        assert!(error("fine").contains("nothing is wrong"));
    }

    #[test]
    fn foreign_text_is_made_safe() {
        let assessment = sample();
        let report = Report::new(&assessment);
        let mut out = Vec::new();
        report.write_explanation(&report.explain("aaaaaa11").unwrap(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| plain(line) == line), "{text}");
        assert!(text.contains("owner: web") && text.contains("Risk 12.0"));
    }
}
