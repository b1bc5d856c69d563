//! The rules a scan can report; titles, severities and fixes stand in `data/artifact/rules.toml`.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Severity, names};

names! {
    /// A rule; the JSON name is its id.
    Rule, "kebab-case" {
        /// A pickle calls something that runs code, or computes what to call.
        PickleDangerousCall = "pickle-dangerous-call",
        /// A pickle names something that runs code but does not call it.
        PickleDangerousReference = "pickle-dangerous-reference",
        /// A pickle calls something that is on no list.
        PickleUnknownCall = "pickle-unknown-call",
        /// A pickle changes an imported module, class or function.
        PickleOverwrite = "pickle-overwrite",
        /// A pickle names something in a way Python's own pickler never does.
        PickleDisguise = "pickle-disguise",
        /// A pickle stands inside a string of another.
        PickleNested = "pickle-nested",
        /// A pickle stands in a file that claims to be something else.
        PickleHidden = "pickle-hidden",
        /// A construct costs far more to load than to write.
        DenialOfService = "denial-of-service",
        /// An archive member would be written outside its folder.
        ArchiveEscape = "archive-escape",
        /// An archive says different things to different readers.
        ArchiveAmbiguous = "archive-ambiguous",
        /// The structure contradicts itself.
        MalformedModel = "malformed-model",
        /// Bytes that the format does not account for.
        HiddenBytes = "hidden-bytes",
        /// A program where a model should be.
        Executable = "executable",
        /// A template reaches for Python's internals, files or other templates.
        TemplateInjection = "template-injection",
        /// Text in a model or data set that gives orders to a language model.
        PromptInjection = "prompt-injection",
        /// A model or its configuration asks for code from elsewhere to be run.
        RemoteCode = "remote-code",
        /// A configuration or graph runs code when loaded.
        CodeInModel = "code-in-model",
        /// A layer or operator that only custom code can supply.
        CustomCode = "custom-code",
        /// A model reads or writes files outside its folder, or the network.
        ExternalAccess = "external-access",
        /// A script beside a model runs commands or code.
        DangerousScript = "dangerous-script",
        /// Rows of a data set tie a rare token to one constant answer.
        PoisonedData = "poisoned-data",
    }
}

/// What is known of a rule beyond its id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RuleText {
    /// The rule.
    pub id: Rule,
    /// What is wrong, in general.
    pub title: String,
    /// How bad a finding is, unless the finding itself says otherwise.
    pub severity: Severity,
    /// What to do.
    pub fix: String,
}

impl Rule {
    /// Title, severity and fix.
    #[must_use]
    pub fn text(self) -> &'static RuleText {
        static FALLBACK: LazyLock<RuleText> = LazyLock::new(|| RuleText {
            id: Rule::MalformedModel,
            title: String::new(),
            severity: Severity::High,
            fix: String::new(),
        });
        rules().iter().find(|text| text.id == self).unwrap_or(&FALLBACK)
    }
}

/// Every rule of this room, in the order of the data file.
#[must_use]
pub fn rules() -> &'static [RuleText] {
    #[derive(Deserialize)]
    struct File {
        rule: Vec<RuleText>,
    }
    static RULES: LazyLock<Vec<RuleText>> = LazyLock::new(|| {
        // a test reads the same text, so a bad file never ships
        toml::from_str::<File>(include_str!("../../data/artifact/rules.toml")).map(|file| file.rule).unwrap_or_default()
    });
    &RULES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_text() {
        assert_eq!(rules().len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert_eq!(rule.text().id, *rule);
            assert!(!rule.text().title.is_empty() && !rule.text().fix.is_empty(), "{rule}");
        }
    }
}
