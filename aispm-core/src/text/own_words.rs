//! What an application tells its model and the model is not to repeat: a system prompt, and canaries in it.

use std::sync::Arc;

use super::Detector;
use super::fold::is_unspaced;
use super::injection::Engine;
use super::known::{Indexer, Key, KnownData};
use crate::asset::{Match, Result};

/// What the model must not say, as indexes in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnWords(Vec<Arc<KnownData>>);

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
        self.0.push(Arc::new(KnownData::open(indexer.finish()?.0, &key)?));
        Ok(())
    }

    /// Whether there is nothing to find.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends what of it the text repeats, in clear or in a disguise that the canonical form undoes; gives whether the
    /// text has disguises. Linear.
    pub(crate) fn find(&self, text: &str, matches: &mut Vec<Match>) -> bool {
        let before = matches.len();
        self.0.iter().for_each(|known| known.find(text, matches));
        let Some(engine) = Engine::builtin().filter(|_| !self.is_empty()) else { return false };
        let clear = matches.len();
        let canonical = engine.canonical(text);
        self.0.iter().for_each(|known| known.find(&canonical.text, matches));
        let veiled = matches.split_off(clear).into_iter().map(|found| {
            let span = canonical.source(found.start..found.end);
            Match { start: span.start, end: span.end, ..found }
        });
        // most of a text is its own canonical form
        let mut seen: Vec<(usize, usize)> = matches.iter().skip(before).map(|m| (m.start, m.end)).collect();
        seen.sort_unstable();
        seen.dedup_by(|next, last| {
            let joins = next.0 <= last.1;
            last.1 = if joins { last.1.max(next.1) } else { last.1 };
            joins
        });
        let is_seen = |m: &Match| {
            let first = seen.partition_point(|(_, end)| *end < m.end);
            seen.get(first).is_some_and(|(start, _)| *start <= m.start)
        };
        matches.extend(veiled.filter(|m| !is_seen(m)));
        for found in matches.get_mut(before..).into_iter().flatten().filter(|m| m.kind != "CANARY") {
            found.kind = "SYSTEM_PROMPT".into();
        }
        debug_assert!(
            matches.get(before..).is_some_and(|m| m.iter().all(|m| m.detector == Detector::KnownData.as_str()))
        );
        !canonical.transforms.is_empty()
    }

    /// From where on what follows a text may make a match of it: some words before its end.
    fn open_at(&self, text: &str) -> usize {
        // a word may go on
        let ended = text.trim_end_matches(|c: char| !c.is_whitespace() && !is_unspaced(c));
        self.0.first().map_or(text.len(), |known| known.reach(ended))
    }
}

/// A text in the making that must not repeat an application's own words: holds back what may yet turn out to.
///
/// That is the last 16 words and what is open of a match. From a disguise on it is more: as much as the code of a passage
/// that would be told takes, in most codes. What words in clear repeat does not depend on the pieces.
#[derive(Debug)]
pub(crate) struct Watch {
    own: OwnWords,
    /// The end of the text, and where it begins in the whole.
    held: String,
    start: usize,
    /// What else was found in it, by start and end in the whole.
    pending: Vec<Match>,
    /// The length of `held` from which on it is worth to look again.
    again: usize,
}

impl Watch {
    /// Bytes held back for a disguise: a dozen words as bits, or as letters that stand alone, are fewer.
    const VEILED: usize = 2048;

    pub(crate) fn new(own: OwnWords) -> Self {
        Self { own, held: String::new(), start: 0, pending: Vec::new(), again: 0 }
    }

    /// Takes the next piece, with what was found in it, and whether there is `more`; gives what is settled: text, where it
    /// begins, and what was found in it. O(1) amortised a byte.
    pub(crate) fn push(&mut self, text: &str, found: Vec<Match>, more: bool) -> (String, usize, Vec<Match>) {
        self.held.push_str(text);
        self.pending.extend(found);
        if more && self.held.len() < self.again {
            return (String::new(), self.start, Vec::new());
        }
        let mut own = Vec::new();
        let is_veiled = self.own.find(&self.held, &mut own);
        let settled = match more {
            true if is_veiled => self.own.open_at(&self.held).min(self.held.len().saturating_sub(Self::VEILED)),
            true => self.own.open_at(&self.held),
            false => self.held.len(),
        };
        let released = self.release(settled, own);
        self.again = self.held.len() + self.held.len() / 4;
        released
    }

    /// Lets go up to `settled`, or to the first match that goes beyond.
    fn release(&mut self, mut settled: usize, own: Vec<Match>) -> (String, usize, Vec<Match>) {
        let start = self.start;
        let whole = |m: Match| Match { start: m.start + start, end: m.end + start, ..m };
        let own: Vec<Match> = own.into_iter().map(whole).collect();
        let mut spans: Vec<_> = self.pending.iter().chain(&own).map(|m| (m.end, m.start)).collect();
        spans.sort_unstable();
        settled += start;
        // the latest end first, as each may move it to where another goes beyond
        for (end, begin) in spans.into_iter().rev() {
            if begin < settled && settled < end {
                settled = begin;
            }
        }
        let length = self.held.floor_char_boundary(settled.saturating_sub(start));
        self.start += length;
        let is_settled = |m: &Match| m.end <= start + length;
        let mut found: Vec<Match> = self.pending.extract_if(.., |m| is_settled(m)).collect();
        found.extend(own.into_iter().filter(is_settled));
        (self.held.drain(..length).collect(), start, found)
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

    #[test]
    fn a_quote_in_clear_hides_no_other_in_disguise() {
        let mut own = OwnWords::default();
        own.prompt(PROMPT).unwrap();
        let (first, second) = (PROMPT.get(..79).unwrap(), PROMPT.get(79..).unwrap());
        let text = format!("{first} {}", BASE64_STANDARD.encode(second));
        let mut found = Vec::new();
        assert!(own.find(&text, &mut found));
        let places: Vec<_> = found.iter().map(|m| m.start > first.len()).collect();
        assert_eq!(places, [false, true], "{found:?}");
    }

    #[test]
    fn prose_is_let_go_soon_and_little_is_held() {
        let mut own = OwnWords::default();
        own.prompt(PROMPT).unwrap();
        let mut watch = Watch::new(own);
        let prose = "The committee met to review the draft, and nothing else was said of it. ";
        let held = |watch: &mut Watch, text: &str| {
            let pieces = text.as_bytes().chunks(5).map(|piece| std::str::from_utf8(piece).unwrap());
            pieces.fold(0, |most, piece| {
                watch.push(piece, Vec::new(), true);
                most.max(watch.held.len())
            })
        };
        assert!(held(&mut watch, &prose.repeat(500)) < 256);
        // a disguise of something else holds back as much as a passage of ours would take in it
        let code = BASE64_STANDARD.encode("Good morning to all of you, and welcome");
        let most = held(&mut watch, &format!("{code} {}", prose.repeat(500)));
        assert!((Watch::VEILED..2 * Watch::VEILED).contains(&most), "{most}");
        assert!(watch.held.len() < 256, "{}", watch.held.len());
    }
}
