//! Puts the built-in detectors together with rules and recognizers of the user's own.

use std::path::Path;

use super::Sensitive;
use super::custom::{self, Recognizer};
use super::secrets::{Given, gitleaks};
use crate::asset::{Document, Error, Result};

/// Chooses what [`Sensitive`] looks for beside what is built in.
#[derive(Debug, Default)]
pub struct SensitiveBuilder {
    pub(super) secrets: Vec<Given>,
    pub(super) recognizers: Vec<Recognizer>,
    pub(super) problems: Vec<Error>,
}

impl SensitiveBuilder {
    /// Adds the rules of a file in the format of gitleaks; `name` is what errors call the file. A rule that cannot be
    /// taken over is left out and told by [`problems`](Self::problems).
    ///
    /// # Errors
    /// The text is not TOML or not a rule file.
    pub fn gitleaks_rules(mut self, name: impl AsRef<Path>, text: &str) -> Result<Self> {
        let rules = gitleaks::read(name.as_ref(), text, &mut self.problems)?;
        self.secrets.extend(rules);
        Ok(self)
    }

    /// Adds the recognizers of a YAML file with the keys of Presidio; `name` is what errors call the file. They find
    /// personal data: the type of a match is the recognizer's `supported_entity`, its rule the recognizer's name.
    ///
    /// ```
    /// use aispm_core::asset::TextRole;
    /// use aispm_core::text::sensitive::Sensitive;
    ///
    /// let file = r"
    /// recognizers:
    ///   - name: staff number
    ///     supported_entity: STAFF_ID
    ///     patterns: [{name: staff, regex: '\bEMP-\d{6}\b', score: 0.8}]
    ///     context: [employee, staff]      # near a match: 0.35 more, at least 0.4, at most 1
    ///     allow_list: [EMP-000000]        # never reported
    ///     validator: luhn                 # ours: a check that the letters and digits must pass
    ///     class: personal                 # ours: the class of data
    /// ";
    /// let sensitive = Sensitive::builder().recognizers("own.yaml", file)?.build()?;
    /// let mut matches = Vec::new();
    /// sensitive.find("The employee is EMP-123455.", TextRole::Output, &mut matches);
    /// assert_eq!((&*matches[0].kind, &*matches[0].rule), ("STAFF_ID", "staff number"));
    /// # Ok::<(), aispm_core::Error>(())
    /// ```
    ///
    /// Patterns are in the syntax of the `regex` crate, which has no look-around, with the flags of the file's
    /// `global_regex_flags` (case ignored without it). One that begins with three known letters or more costs nothing
    /// where these do not occur; any other costs a pass over the text. A match of a pattern that sets no bound to it ends
    /// after 512 bytes. `deny_list` holds words that stand alone; ASCII case is ignored as in patterns. A score below the
    /// file's `default_score_threshold` (0.4 without it) is not reported: weak patterns need a context word.
    ///
    /// What cannot be taken over (predefined recognizers, unknown keys, patterns that do not compile) is left out and told
    /// by [`problems`](Self::problems).
    ///
    /// # Errors
    /// The text is not YAML or holds no list of recognizers.
    pub fn recognizers(self, name: impl AsRef<Path>, text: &str) -> Result<Self> {
        self.recognizers_of(&Document::one(name.as_ref().to_string_lossy(), text)?)
    }

    /// The same of a document that was read already.
    pub(crate) fn recognizers_of(mut self, document: &Document) -> Result<Self> {
        self.recognizers.extend(custom::read(document, &mut self.problems)?);
        Ok(self)
    }

    /// What was left out of the rules given so far, and why, with file and line.
    #[must_use]
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// The same, taken out.
    pub(crate) fn take_problems(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.problems)
    }

    /// Compiles the detectors.
    ///
    /// # Errors
    /// The rules together are too large.
    pub fn build(self) -> Result<Sensitive> {
        Sensitive::compile(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "[[rules]]\nid = \"acme-key\"\nregex = '''\\bacme_[0-9a-f]{12}\\b'''\nkeywords = [\"acme_\"]\n\
                         [[rules]]\nid = \"badge\"\nregex = '''\\bBDG[0-9]{5}\\b'''\n";

    #[test]
    fn rules_of_ones_own_join_the_built_in_ones() {
        let sensitive = Sensitive::builder().gitleaks_rules("own.toml", RULES).unwrap().build().unwrap();
        let text = format!("{} acme_0123abcd4567, BDG20417 and db_password: \"tR7#kq9!Lm\"", "x ".repeat(3000));
        let mut matches = Vec::new();
        sensitive.find_secrets(&text, &mut matches);
        matches.sort_by_key(|m| m.start);
        let kinds: Vec<&str> = matches.iter().map(|m| &*m.kind).collect();
        assert_eq!(kinds, ["acme-key", "badge", "generic-password"]);
    }

    #[test]
    fn a_keyword_repeated_finds_each_match_once() {
        let sensitive = Sensitive::builder().gitleaks_rules("own.toml", RULES).unwrap().build().unwrap();
        let mut matches = Vec::new();
        sensitive.find_secrets(&"acme_0123abcd4567 ".repeat(5000), &mut matches);
        assert_eq!(matches.len(), 5000);
    }
}
