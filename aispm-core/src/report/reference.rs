//! What findings refer to outside of us: techniques, frameworks, clouds.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::asset::{AssetId, Finding};
use crate::path::AttackPath;
use crate::policy::controls::{self, Framework};

/// The framework whose controls are techniques of attackers.
const ATLAS: &str = "mitre_atlas";

static FRAMEWORKS: LazyLock<BTreeMap<String, Framework>> = LazyLock::new(|| {
    // the catalogues are compiled in and read by a test
    let frameworks = controls::frameworks().unwrap_or_default();
    frameworks.into_iter().map(|framework| (framework.key.clone(), framework)).collect()
});

/// A framework by its key.
pub(super) fn framework(key: &str) -> Option<&'static Framework> {
    FRAMEWORKS.get(key)
}

/// The framework's name, or its key where it is none of ours.
pub(super) fn framework_name(key: &str) -> &str {
    framework(key).map_or(key, |framework| &framework.name)
}

/// The control's short name, if its framework is one of ours.
pub(super) fn control_name(key: &str, id: &str) -> Option<&'static str> {
    framework(key)?.controls.get(id).map(String::as_str)
}

/// A technique of MITRE ATLAS or ATT&CK.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Technique<'a> {
    pub(super) id: &'a str,
}

impl<'a> Technique<'a> {
    /// The technique with this id: `AML.T0051`, `AML.T0051.000`, `T1078.004`; nothing else is one.
    pub(super) fn of(id: &'a str) -> Option<Self> {
        let digits = id.strip_prefix("AML.").unwrap_or(id).strip_prefix('T')?;
        let (main, sub) = digits.split_once('.').unwrap_or((digits, "000"));
        let number = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        (number(main, 4) && number(sub, 3)).then_some(Self { id })
    }

    /// Those that a finding bears on, in id order.
    pub(super) fn of_finding(finding: &'a Finding) -> Vec<Self> {
        let controls = finding.controls.iter().filter(|control| control.framework == ATLAS);
        Self::sorted(controls.map(|control| control.id.as_str()))
    }

    /// Those of a path's steps, in id order.
    pub(super) fn of_path(path: &'a AttackPath) -> Vec<Self> {
        Self::sorted(path.steps.iter().map(|step| step.technique.as_str()))
    }

    fn sorted(ids: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let mut techniques: Vec<Self> = ids.filter_map(Self::of).collect();
        techniques.sort();
        techniques.dedup();
        techniques
    }

    /// The technique that this is a part of.
    pub(super) fn parent(&self) -> Option<Self> {
        let digits = self.id.strip_prefix("AML.").unwrap_or(self.id);
        let (_, sub) = digits.split_once('.')?;
        Some(Self { id: self.id.get(..self.id.len() - sub.len() - 1)? })
    }

    /// The version of the framework, where we know it.
    pub(super) fn version(&self) -> Option<&'static str> {
        framework(ATLAS).filter(|_| self.is_atlas()).map(|framework| framework.version.as_str())
    }

    pub(super) fn is_atlas(&self) -> bool {
        self.id.starts_with("AML.")
    }

    /// `MITRE ATLAS` or `MITRE ATT&CK`.
    pub(super) fn framework(&self) -> &'static str {
        if self.is_atlas() { "MITRE ATLAS" } else { "MITRE ATT&CK" }
    }

    /// Its short name; we have the names of ATLAS only.
    pub(super) fn name(&self) -> Option<&'static str> {
        control_name(ATLAS, self.id)
    }

    /// Its page.
    pub(super) fn url(&self) -> String {
        if self.is_atlas() {
            format!("https://atlas.mitre.org/techniques/{}", self.id)
        } else {
            format!("https://attack.mitre.org/techniques/{}", self.id.replace('.', "/"))
        }
    }
}

/// Where an asset lies, as far as its id tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cloud<'a> {
    /// `AWS`, `Azure` or `GCP`.
    pub(super) provider: Option<&'static str>,
    /// The account, subscription or project.
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
}

impl<'a> Cloud<'a> {
    pub(super) fn of(id: &'a AssetId) -> Self {
        let id = id.as_str();
        let some = |part: Option<&'a str>| part.filter(|part| !part.is_empty());
        if id.starts_with("arn:aws") {
            let mut parts = id.split(':').skip(3);
            let region = some(parts.next());
            return Self { provider: Some("AWS"), account: some(parts.next()), region };
        }
        let after = |mark: &str| some(id.split(mark).nth(1).and_then(|rest| rest.split('/').next()));
        if id.starts_with("/subscriptions/") {
            return Self { provider: Some("Azure"), account: after("/subscriptions/"), region: None };
        }
        if id.starts_with("//") && id.contains(".googleapis.com/") {
            return Self { provider: Some("GCP"), account: after("/projects/"), region: after("/locations/") };
        }
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_have_pages_and_nothing_else_is_one() {
        let url = |id| Technique::of(id).map(|technique| technique.url());
        assert_eq!(url("AML.T0051.000").unwrap(), "https://atlas.mitre.org/techniques/AML.T0051.000");
        assert_eq!(url("T1078.004").unwrap(), "https://attack.mitre.org/techniques/T1078/004");
        assert_eq!(Technique::of("AML.T0051").unwrap().name(), Some("LLM Prompt Injection"));
        for id in ["", "T", "T107", "T1078.4", "TA0043", "AML.M0001", "T1078/../x"] {
            assert_eq!(url(id), None, "{id}");
        }
    }

    #[test]
    fn clouds_are_told_by_the_id() {
        let of = |id: &str| {
            let id = AssetId::from(id);
            let Cloud { provider, account, region } = Cloud::of(&id);
            [provider, account, region].map(|part| part.unwrap_or("-").to_owned()).join(" ")
        };
        assert_eq!(of("arn:aws:bedrock:eu-central-1:111122223333:agent/A"), "AWS 111122223333 eu-central-1");
        assert_eq!(of("arn:aws:s3:::bucket"), "AWS - -");
        assert_eq!(of("/subscriptions/s-1/resourceGroups/g"), "Azure s-1 -");
        assert_eq!(of("//aiplatform.googleapis.com/projects/p/locations/europe-west4/models/1"), "GCP p europe-west4");
        assert_eq!(of("k8s://prod/chat/Ingress/chat"), "- - -");
    }
}
