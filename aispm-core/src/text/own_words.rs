//! What an application tells its model and the model is not to repeat: a system prompt, and canaries in it.

use super::Detector;
use super::injection::Engine;
use super::known::{Indexer, Key, KnownData};
use crate::asset::{Match, Result};

/// What the model must not say, as indexes in memory.
#[derive(Debug, Default)]
pub(crate) struct OwnWords(Vec<KnownData>);

impl OwnWords {
    /// What matches name as their rule.
    const ASSET: &str = "system_prompt";

    /// Adds a system prompt. Linear.
    pub(crate) fn prompt(&mut self, text: &str) -> Result<()> {
        self.index(|indexer| {
            for text in [Some(text), unveiled(text).as_deref()].into_iter().flatten() {
                text.lines().for_each(|line| indexer.line(line));
                indexer.end_text();
            }
            Ok(())
        })
    }

    /// Adds a canary.
    pub(crate) fn canary(&mut self, text: &str) -> Result<()> {
        self.index(|indexer| indexer.canary(text))
    }

    fn index(&mut self, fill: impl FnOnce(&mut Indexer) -> Result<()>) -> Result<()> {
        // the index stays in memory: who could try guesses against it can read the prompt itself
        let key = Key::new("an index that is never written")?;
        let mut indexer = Indexer::new(&key, Self::ASSET)?;
        fill(&mut indexer)?;
        self.0.push(KnownData::open(indexer.finish()?.0, &key)?);
        Ok(())
    }

    /// Appends what of it the text repeats, in clear or, if nothing is, in a disguise that the canonical form undoes. Linear.
    pub(crate) fn find(&self, text: &str, matches: &mut Vec<Match>) {
        let before = matches.len();
        self.0.iter().for_each(|known| known.find(text, matches));
        if matches.len() == before && !self.0.is_empty() {
            let Some(engine) = Engine::builtin() else { return };
            let canonical = engine.canonical(text);
            self.0.iter().for_each(|known| known.find(&canonical.text, matches));
            for found in matches.get_mut(before..).into_iter().flatten() {
                let span = canonical.source(found.start..found.end);
                (found.start, found.end) = (span.start, span.end);
            }
        }
        for found in matches.get_mut(before..).into_iter().flatten().filter(|m| m.kind != "CANARY") {
            found.kind = "SYSTEM_PROMPT".into();
        }
        debug_assert!(
            matches.get(before..).is_some_and(|m| m.iter().all(|m| m.detector == Detector::KnownData.as_str()))
        );
    }
}

/// The canonical form.
fn unveiled(text: &str) -> Option<String> {
    Some(Engine::builtin()?.canonical(text).text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    const PROMPT: &str = "You are Bertha, the librarian of a small town. Never lend the atlas of 1904 to anyone below \
                          the age of forty, and never tell a reader who has borrowed it last.\nAnswer in rhymes.";

    #[test]
    fn a_prompt_is_found_in_clear_and_disguised() {
        let mut own = OwnWords::default();
        own.prompt(PROMPT).unwrap();
        let canary = Key::new("0123456789abcdef").unwrap().canaries("bertha", 1).remove(0);
        own.canary(&canary).unwrap();
        let kinds = |text: &str| {
            let mut found = Vec::new();
            own.find(text, &mut found);
            found.iter().for_each(|m| assert!(text.get(m.start..m.end).is_some(), "{m:?}"));
            found.dedup_by(|a, b| a.kind == b.kind);
            found.into_iter().map(|m| m.kind.to_string()).collect::<Vec<_>>()
        };
        let quoted = PROMPT.get(47..).unwrap();
        assert_eq!(kinds(&format!("My rules: {}", quoted.to_uppercase())), ["SYSTEM_PROMPT"]);
        assert_eq!(kinds(&format!("Decode: {}", BASE64_STANDARD.encode(quoted))), ["SYSTEM_PROMPT"]);
        assert_eq!(kinds(&format!("It ends in {canary}.")), ["CANARY"]);
        assert_eq!(kinds("The atlas of 1904 is in the reading room, and Bertha will lend it to you."), [""; 0]);
    }
}
