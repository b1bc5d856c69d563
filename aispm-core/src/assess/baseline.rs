//! An earlier assessment to compare with: only what is new can fail a gate.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::Assessment;
use crate::asset::{Error, ErrorKind, Finding, Result, Severity};

/// How an assessment compares with the earlier one that was given as baseline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Comparison {
    /// Findings that the earlier assessment had too; [`Assessment::findings`] holds only what is new.
    pub known: Vec<Finding>,
    /// Findings of the earlier assessment that are gone. What lies in files that could not be read is not among them.
    pub resolved: Vec<Finding>,
    /// Ids of the attack paths that the earlier assessment did not have.
    pub new_paths: Vec<String>,
}

/// What is read of the earlier assessment.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    findings: Vec<Finding>,
    paths: HashSet<String>,
    assets: HashSet<String>,
    files: HashSet<String>,
}

impl Baseline {
    /// Reads the JSON of an assessment. Findings that were waived then are not known: when the waiver ends they fail.
    pub(super) fn read(file: &Path) -> Result<Self> {
        Self::from_json(&super::load(file)?).map_err(|error| error.at(file))
    }

    fn from_json(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Document {
            schema: Option<String>,
            findings: Option<Vec<Finding>>,
            inventory: Option<Inventory>,
            #[serde(default)]
            paths: Vec<Id>,
            #[serde(default)]
            files: Vec<File>,
            baseline: Option<Comparison>,
            runs: Option<IgnoredAny>,
        }
        #[derive(Deserialize)]
        struct Inventory {
            assets: Vec<Id>,
        }
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        #[derive(Deserialize)]
        struct File {
            path: String,
        }
        let document: Document = serde_json::from_str(text).map_err(|error| {
            let mut error = Error::from(error);
            if error.kind == ErrorKind::Invalid {
                error.message = format!("{}; {WANTED}", error.message);
            }
            error
        })?;
        let refuse = |what: &str| Err(Error::new(ErrorKind::Invalid, format!("{what}; {WANTED}")));
        match (&document.schema, &document.runs) {
            (None, Some(_)) => return refuse("this is a SARIF log"),
            (Some(schema), _) if schema != crate::SCHEMA => return refuse(&format!("its schema is {schema:?}")),
            _ => {}
        }
        let (Some(mut findings), Some(inventory)) = (document.findings, document.inventory) else {
            return refuse("no assessment");
        };
        // an assessment that had a baseline itself keeps what that knew apart
        findings.extend(document.baseline.map(|earlier| earlier.known).unwrap_or_default());
        Ok(Self {
            findings,
            paths: document.paths.into_iter().map(|path| path.id).collect(),
            assets: inventory.assets.into_iter().map(|asset| asset.id).collect(),
            files: document.files.into_iter().map(|file| file.path).collect(),
        })
    }

    /// Moves what is known out of the findings. Where more findings share a fingerprint than did before, the rest is
    /// new. O(findings + paths + assets).
    pub(super) fn apply(self, assessment: &mut Assessment) {
        assessment.warnings.extend(self.doubt(assessment));
        let mut left = HashMap::<&str, usize>::new();
        let mut gravest = HashMap::<&str, Severity>::new();
        for finding in &self.findings {
            *left.entry(&finding.fingerprint).or_default() += 1;
            let known = gravest.entry(&finding.fingerprint).or_insert(finding.severity);
            *known = finding.severity.max(*known);
        }
        let mut seen: HashSet<String> =
            assessment.waived.iter().map(|waived| waived.finding.fingerprint.clone()).collect();
        let (mut known, mut new) = (Vec::new(), Vec::new());
        for finding in std::mem::take(&mut assessment.findings) {
            seen.insert(finding.fingerprint.clone());
            // what has become graver is new: it was not accepted so
            let as_grave = gravest.get(finding.fingerprint.as_str()).is_some_and(|known| *known >= finding.severity);
            match left.get_mut(finding.fingerprint.as_str()) {
                Some(left @ 1..) if as_grave => {
                    *left -= 1;
                    known.push(finding);
                }
                _ => new.push(finding),
            }
        }
        let unread: HashSet<&str> = assessment.incomplete.iter().map(|unread| unread.path.as_str()).collect();
        let mut resolved = self.findings;
        resolved.retain(|finding| {
            !seen.contains(&finding.fingerprint) && !finding.evidence.iter().any(|e| unread.contains(&*e.path))
        });
        let new_paths = assessment.paths.iter().map(|path| &path.id).filter(|id| !self.paths.contains(*id));
        let new_paths = new_paths.cloned().collect();
        assessment.findings = new;
        assessment.baseline = Some(Comparison { known, resolved, new_paths });
    }

    /// Why the baseline may not be of this estate.
    fn doubt(&self, assessment: &Assessment) -> Option<String> {
        if self.assets.is_empty() || assessment.inventory.is_empty() {
            return None;
        }
        if !assessment.inventory.assets().any(|asset| self.assets.contains(asset.id.as_str())) {
            return Some(
                "the baseline has no asset in common with what was assessed: is it of this estate?".to_owned(),
            );
        }
        let (here, there) = (assessment.files.first()?, self.files.iter().min()?);
        let common = assessment.files.iter().any(|file| self.files.contains(&file.path));
        (!common).then(|| {
            format!(
                "the baseline has no file in common with what was assessed ({there} there, {} here): findings on files \
                 look new unless both runs name the same paths",
                here.path
            )
        })
    }
}

/// What a baseline is.
const WANTED: &str = "a baseline is what `aispm assess PATH --format json -o FILE` writes";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::asset::{Evidence, Severity};

    fn finding(key: &str) -> Finding {
        Finding::new("R-1", Severity::High, "file:a".into(), key, "t", "m")
    }

    fn assessment(findings: Vec<Finding>) -> Assessment {
        Assessment { findings, ..Assessment::default() }
    }

    /// The assessment as a baseline for the findings.
    fn compared(baseline: &Assessment, now: Vec<Finding>) -> Assessment {
        let mut now = assessment(now);
        Baseline::from_json(&json!(baseline).to_string()).unwrap().apply(&mut now);
        now
    }

    #[test]
    fn only_what_is_new_stays_and_the_rest_is_told() {
        let now = compared(&assessment(vec![finding("old"), finding("gone")]), vec![finding("old"), finding("new")]);
        let told = now.baseline.unwrap();
        assert_eq!(now.findings, [finding("new")]);
        assert_eq!((told.known, told.resolved), (vec![finding("old")], vec![finding("gone")]));
    }

    #[test]
    fn a_baseline_that_had_one_itself_knows_both() {
        let first = compared(&assessment(vec![finding("old")]), vec![finding("old"), finding("newer")]);
        let second = compared(&first, vec![finding("old"), finding("newer")]);
        assert_eq!(second.findings, []);
    }

    #[test]
    fn one_known_finding_does_not_cover_two() {
        let now = compared(&assessment(vec![finding("same")]), vec![finding("same"), finding("same")]);
        assert_eq!((now.findings.len(), now.baseline.unwrap().known.len()), (1, 1));
    }

    #[test]
    fn what_could_not_be_read_is_not_resolved() {
        let mut seen = finding("seen");
        seen.evidence.push(Evidence::file("iam.json"));
        let mut now: Value = json!(Assessment::default());
        now["incomplete"] = json!([{"path": "iam.json", "reason": "cut short"}]);
        let mut now: Assessment = serde_json::from_value(now).unwrap();
        let text = json!(assessment(vec![seen, finding("gone")])).to_string();
        Baseline::from_json(&text).unwrap().apply(&mut now);
        assert_eq!(now.baseline.unwrap().resolved, [finding("gone")]);
    }

    #[test]
    fn a_baseline_of_something_else_is_doubted() {
        let of = |asset: &str, file: &str| -> Assessment {
            let mut value = json!(Assessment::default());
            value["inventory"]["assets"] = json!([{"id": asset, "kind": "model", "name": "m"}]);
            value["files"] = json!([{"path": file, "format": "terraform", "assets": 1}]);
            serde_json::from_value(value).unwrap()
        };
        let doubt = |mut now: Assessment| {
            let text = json!(of("a", "infra/a.tf")).to_string();
            Baseline::from_json(&text).unwrap().apply(&mut now);
            now.warnings.join("")
        };
        assert_eq!(doubt(of("a", "infra/a.tf")), "");
        assert!(doubt(of("b", "infra/a.tf")).contains("no asset in common"));
        assert!(doubt(of("a", "/ci/infra/a.tf")).contains("infra/a.tf there, /ci/infra/a.tf here"));
    }

    #[test]
    fn other_documents_are_refused_with_a_hint() {
        for (text, words) in [
            ("{", "EOF"),
            ("[]", "a baseline is"),
            ("{}", "no assessment"),
            (r#"{"schema":"aispm/1","assets":[],"relations":[]}"#, "no assessment"),
            (r#"{"schema":"aispm/2","findings":[],"inventory":{"assets":[]}}"#, "\"aispm/2\""),
            (r#"{"version":"2.1.0","runs":[]}"#, "SARIF"),
            (r#"{"findings":[{"fingerprint":1}],"inventory":{"assets":[]}}"#, "aispm assess PATH --format json"),
        ] {
            let error = Baseline::from_json(text).unwrap_err();
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }
}
