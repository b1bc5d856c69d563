//! Recognizers of the user's own, as a YAML file states them: patterns and words, context, a check, exceptions.
//!
//! A pattern that must begin with known letters is tried where the automaton of anchors meets these; any other runs over
//! the text once, which costs a pass for each. No match is longer than [`pattern::LONGEST`] bytes unless its pattern says
//! how long it may be, so that a text in pieces gives what the whole gives.

mod file;
mod pattern;

use std::ops::Range;

pub(super) use self::file::read;
use self::pattern::Pattern;
use super::anchors::Owner;
use super::hay::Hay;
use super::pii;
use crate::asset::{Match, Severity};

/// How much a context word adds to a score, and the least that it makes of one, as Presidio has it.
const CONTEXT: f64 = 0.35;
const WITH_CONTEXT: f64 = 0.4;

/// The most letters and digits of a match that a check reads.
const CODE: usize = 64;

/// A recognizer, compiled.
#[derive(Debug)]
pub(super) struct Recognizer {
    name: String,
    kind: String,
    class: String,
    severity: Severity,
    patterns: Vec<Pattern>,
    /// Lower case.
    context: Vec<String>,
    allow: Vec<String>,
    check: Option<Check>,
    /// Below this score nothing is reported.
    least: f64,
}

/// All recognizers of the user's own.
#[derive(Debug, Default)]
pub(super) struct Custom {
    recognizers: Vec<Recognizer>,
    /// Each pattern with the index of its recognizer.
    patterns: Vec<(usize, Pattern)>,
    /// Indices of the patterns that run over the text.
    scanned: Vec<usize>,
}

/// How far each pattern has read a text; empty until one does.
pub(super) type Read = Vec<usize>;

impl Custom {
    pub(super) fn new(mut recognizers: Vec<Recognizer>) -> Self {
        let patterns: Vec<(usize, Pattern)> = recognizers
            .iter_mut()
            .enumerate()
            .flat_map(|(owner, r)| std::mem::take(&mut r.patterns).into_iter().map(move |p| (owner, p)))
            .collect();
        let scanned = (0..patterns.len()).filter(|i| patterns.get(*i).is_some_and(|(_, p)| p.anchors().is_empty()));
        Self { scanned: scanned.collect(), recognizers, patterns }
    }

    /// The literals to look for, each with whom it calls.
    pub(super) fn anchors(&self) -> impl Iterator<Item = (String, Owner)> {
        let indexed = (0u16..).zip(&self.patterns);
        indexed.flat_map(|(i, (_, pattern))| pattern.anchors().iter().map(move |a| (a.clone(), Owner::Custom(i))))
    }

    /// The data class of an entity type.
    pub(super) fn class(&self, kind: &str) -> Option<&str> {
        self.recognizers.iter().find(|r| r.kind == kind).map(|r| r.class.as_str())
    }

    /// Judges what pattern `index` takes at an anchor, unless it took it already.
    pub(super) fn at(&self, index: u16, hay: Hay<'_>, anchor: Range<usize>, read: &mut Read, matches: &mut Vec<Match>) {
        read.resize(self.patterns.len(), 0);
        let index = usize::from(index);
        let (Some((owner, pattern)), Some(read)) = (self.patterns.get(index), read.get_mut(index)) else { return };
        if anchor.start < *read {
            return;
        }
        let Some(span) = pattern.at(hay, anchor) else { return };
        *read = span.end;
        self.judge(*owner, pattern, hay, span, matches);
    }

    /// Appends what patterns without anchors find, from where each `read` to, until something cannot be settled; gives
    /// from where on. Linear in the text for each.
    pub(super) fn scan(&self, hay: Hay<'_>, read: &mut Read, matches: &mut Vec<Match>) -> Option<usize> {
        read.resize(self.scanned.len(), 0);
        let mut stop = None;
        for (index, read) in self.scanned.iter().zip(read) {
            let Some((owner, pattern)) = self.patterns.get(*index) else { continue };
            let settled = pattern.each(hay, read, |span| {
                let known = matches.len();
                self.judge(*owner, pattern, hay, span, matches);
                let settled = !hay.looked_past();
                matches.truncate(if settled { matches.len() } else { known });
                settled
            });
            if !settled {
                stop = Some(stop.map_or(*read, |stop: usize| stop.min(*read)));
            }
        }
        stop
    }

    /// Appends what a pattern took, if it is anything to report.
    fn judge(&self, owner: usize, pattern: &Pattern, hay: Hay<'_>, span: Range<usize>, matches: &mut Vec<Match>) {
        let Some(recognizer) = self.recognizers.get(owner) else { return };
        let text = hay.get(span.clone());
        let fails = recognizer.check.as_ref().is_some_and(|check| !check.passes(text));
        if text.is_empty() || fails || recognizer.allow.iter().any(|allowed| allowed == text) {
            return;
        }
        let near = hay.near(&span, &recognizer.context);
        let score = if near { (pattern.score + CONTEXT).clamp(WITH_CONTEXT, 1.0) } else { pattern.score };
        if score >= recognizer.least {
            let Recognizer { kind, name, severity, .. } = recognizer;
            matches.push(Match::new("pii", kind.clone(), name.clone(), score, *severity, span));
        }
    }
}

/// One of the built-in checks, and what of a match it reads.
#[derive(Debug)]
struct Check {
    check: fn(&[u8]) -> bool,
    reads: fn(&u8) -> bool,
}

impl Check {
    /// The check of this name. Those of digits read no letters around them.
    fn named(name: &str) -> Option<Self> {
        let digits = matches!(name, "luhn" | "mod11_10" | "verhoeff");
        let reads = if digits { u8::is_ascii_digit } else { u8::is_ascii_alphanumeric };
        pii::check(name).map(|check| Self { check, reads })
    }

    /// Whether what it reads of `text` passes; nothing, or too much, does not.
    fn passes(&self, text: &str) -> bool {
        let mut code = [0; CODE];
        let mut length = 0;
        for byte in text.bytes().filter(self.reads) {
            let Some(slot) = code.get_mut(length) else { return false };
            *slot = byte.to_ascii_uppercase();
            length += 1;
        }
        length > 0 && code.get(..length).is_some_and(self.check)
    }
}

#[cfg(test)]
mod tests;
