//! Recognizers of personal data that a guard file brings: a file of them, or the list itself.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::config::Policy;
use crate::asset::Result;
use crate::text::sensitive::SensitiveBuilder;

/// Recognizers with the keys of Presidio; see [`SensitiveBuilder::recognizers`]. A relative name of a file counts from
/// the guard file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the name of a file of recognizers, or a list of them")]
#[non_exhaustive]
pub enum Recognizers {
    /// A file of them.
    File(PathBuf),
    /// The recognizers themselves.
    Listed(Vec<Value>),
}

impl Default for Recognizers {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Recognizers {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Listed(list) if list.is_empty())
    }

    /// Adds them; an error tells where the policy names a file that does not read.
    pub(super) fn add(&self, policy: &Policy, builder: SensitiveBuilder) -> Result<SensitiveBuilder> {
        const POINTER: &str = "/recognizers";
        match self {
            Self::Listed(list) => builder.recognizers_of(&policy.document().part(POINTER, Value::Array(list.clone()))),
            Self::File(file) => {
                let file = policy.beside(file);
                let text = std::fs::read_to_string(&file).map_err(|error| policy.unread(POINTER, &file, &error))?;
                builder.recognizers(&file, &text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Guard};

    const LIST: &str = "- name: staff\n  supported_entity: STAFF_ID\n  patterns:\n  - {name: n, regex: '\\bEMP-\\d{6}\\b', score: 0.8}\n";
    const TEXT: &str = "EMP-123455 has left";

    fn folder(guard: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.yaml"), format!("supported_countries: [de]\nrecognizers:\n{LIST}"))
            .unwrap();
        std::fs::write(folder.path().join("guard.yaml"), guard).unwrap();
        folder
    }

    #[test]
    fn a_guard_file_names_recognizers_or_holds_them() {
        let types = "input: {detectors: {pii: {action: warn, types: {STAFF_ID: {action: redact}}}}}\n";
        for (recognizers, problems) in [("recognizers: own.yaml\n", 1), (&format!("recognizers:\n{LIST}"), 0)] {
            let folder = folder(&format!("{types}{recognizers}"));
            let guard = Guard::from_file(folder.path().join("guard.yaml")).unwrap();
            let decision = guard.check_input(TEXT);
            assert_eq!((decision.action, decision.text.as_str()), (Action::Redact, "<STAFF_ID> has left"));
            assert_eq!(guard.problems().len(), problems, "{:?}", guard.problems());
        }
        assert_eq!(Guard::builtin().check_input(TEXT).text, TEXT);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (guard, line, told) in [
            ("on_error: block\nrecognizers: none.yaml", 2, "none.yaml"),
            ("on_error: block\nrecognizers: 7", 2, "expected the name of a file of recognizers"),
        ] {
            let error = Guard::from_file(folder(guard).path().join("guard.yaml")).unwrap_err();
            assert_eq!(error.line, Some(line), "{error}");
            assert!(error.to_string().contains(told), "{error}");
        }
        let guard = Guard::from_yaml("recognizers:\n- supported_entity: A\n  deny_list: [x]\n  colour: red\n").unwrap();
        assert!(guard.problems()[0].to_string().contains("guard:4:"), "{:?}", guard.problems());
    }
}
