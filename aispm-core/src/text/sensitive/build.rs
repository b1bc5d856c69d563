//! Puts the built-in detectors together with rules of the user's own.

use std::path::Path;

use super::Sensitive;
use super::secrets::{Given, gitleaks};
use crate::asset::{Error, Result};

/// Chooses what [`Sensitive`] looks for beside what is built in.
#[derive(Debug, Default)]
pub struct SensitiveBuilder {
    pub(super) secrets: Vec<Given>,
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
