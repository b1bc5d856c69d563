//! Personal data: one scan over bytes that can begin or join an entity, and a verifier for each. Types are Presidio's
//! entity names.

mod checksum;
mod date;
mod identifier;
mod money;
mod name;
mod network;
mod phone;

use std::ops::Range;

use self::identifier::{Fit, Identifiers};
pub use self::name::Candidate;
use super::hay::{Hay, is_word};
use crate::asset::{Match, Severity};

const IDENTIFIERS: &str = include_str!("../../../../data/text/sensitive/identifiers.toml");
const CALLING_CODES: &str = include_str!("../../../../data/text/sensitive/calling_codes.txt");
const IBANS: &str = include_str!("../../../../data/text/sensitive/iban.txt");

const GIVEN_NAMES: &str = include_str!("../../../../data/text/sensitive/given_names.txt");

/// The rule of locations that are the address of a house: personal where a town is not.
pub(super) const STREET: &str = "STREET_ADDRESS";

/// The longest run of letters and digits that is looked at from its start.
const TOKEN: usize = 100;

/// The bytes that can begin or join an entity.
const OPENS: [bool; 256] = {
    let mut opens = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        #[allow(clippy::indexing_slicing, reason = "a byte is less than 256")]
        {
            opens[byte as usize] =
                byte.is_ascii_digit() || byte.is_ascii_uppercase() || matches!(byte, b'@' | b':' | b'-');
        }
        byte += 1;
    }
    opens
};

/// The detector of personal data.
#[derive(Debug)]
pub(super) struct Pii {
    identifiers: Identifiers,
    codes: phone::Codes,
    ibans: money::Lengths,
    names: name::Names,
}

/// How far a text has been read for entities.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) at: usize,
    /// Nothing before this is part of a later entity.
    pub(super) floor: usize,
}

/// How far a text has been tagged.
#[derive(Debug, Clone, Default)]
pub(super) struct Tagged {
    names: name::Read,
    /// Names of which it is not known yet whether a rule has them.
    waiting: Vec<(&'static str, Range<usize>, f64)>,
}

impl Tagged {
    /// Where the next match begins at the earliest.
    pub(super) fn next(&self) -> usize {
        let waiting = self.waiting.first().map(|(_, span, _)| span.start);
        waiting.map_or(self.names.next(), |start| start.min(self.names.next()))
    }

    /// From where on the text is still needed.
    pub(super) fn needs(&self) -> usize {
        self.names.from.min(self.next())
    }

    /// After `cut` bytes at the beginning of the text are gone.
    pub(super) fn shift(&mut self, cut: usize) {
        self.names.shift(cut);
        for (_, span, _) in &mut self.waiting {
            *span = span.start.saturating_sub(cut)..span.end.saturating_sub(cut);
        }
    }
}

impl Pii {
    pub(super) fn new() -> Result<Self, toml::de::Error> {
        Ok(Self {
            identifiers: Identifiers::parse(IDENTIFIERS)?,
            codes: phone::Codes::parse(CALLING_CODES),
            ibans: money::Lengths::parse(IBANS),
            names: name::Names::parse(GIVEN_NAMES),
        })
    }

    /// The data class of an entity type.
    pub(super) fn class(&self, kind: &str) -> Option<&str> {
        self.identifiers.kinds().iter().find(|k| k.kind == kind).map(|k| k.class.as_str())
    }

    /// Appends the entities in `hay` from where it was `read` to, until one cannot be settled; gives where that one
    /// stands. Linear: every verifier reads a bounded stretch, and what it takes is not read again.
    pub(super) fn find(&self, hay: Hay<'_>, read: &mut Read, matches: &mut Vec<Match>) -> Option<usize> {
        let mut fits = Vec::new();
        let opens = |b: &u8| OPENS.get(usize::from(*b)).is_some_and(|opens| *opens);
        while let Some(next) = hay.bytes().get(read.at..).and_then(|rest| rest.iter().position(opens)) {
            let (here, floor, known) = (read.at + next, read.floor, matches.len());
            let end = match hay.at(here) {
                b'@' => entity(matches, "EMAIL_ADDRESS", network::email(hay, here), 0.95),
                b':' => self.colon(hay, here, floor, matches),
                // Of pairs in letters alone; with a digit in the first they are found there.
                b'-' => (hay.at(here + 3) == b'-')
                    .then(|| entity(matches, "MAC_ADDRESS", network::mac(hay, here.saturating_sub(2)), 0.9))
                    .flatten(),
                b'A'..=b'Z' => {
                    self.capital(hay, here, matches);
                    None
                }
                _ => self.digit(hay, here, floor, &mut fits, matches),
            };
            if hay.looked_past() {
                matches.truncate(known);
                read.at = here;
                return Some(here);
            }
            read.at = end.unwrap_or(here + 1).max(here + 1);
            read.floor = end.map_or(floor, |e| e.max(floor));
        }
        read.at = hay.len();
        None
    }

    /// Appends names that the tagger sees and no rule has, from where the text was `read` to. `ruled` are the matches of
    /// rules, in their order; nothing that begins before `known` is missing there.
    pub(super) fn tagged(
        &self,
        hay: Hay<'_>,
        read: &mut Tagged,
        ruled: &[Match],
        known: usize,
        matches: &mut Vec<Match>,
    ) {
        let Tagged { names, waiting } = read;
        self.names.each(hay.text(), names, hay.goes_on(), |kind, span, score| waiting.push((kind, span, score)));
        let ready = waiting.iter().take_while(|(_, span, _)| span.end <= known).count();
        let mut first = 0;
        for (kind, span, score) in waiting.drain(..ready) {
            // Rules report in order, so what lies before a name lies before the next.
            while ruled.get(first).is_some_and(|m| m.end <= span.start) {
                first += 1;
            }
            let near = ruled.get(first..).unwrap_or_default().iter().take(8);
            if !near.into_iter().any(|m| m.start < span.end && span.start < m.end && m.detector == "pii") {
                entity(matches, kind, Some(span), score);
            }
        }
    }

    /// For training: see [`name::Names::candidates`].
    pub(super) fn candidates(&self, text: &str, hide: &[&str]) -> Vec<name::Candidate> {
        self.names.candidates(text, hide)
    }

    /// Names; an e-mail address or an identifier may begin with them too, so nothing is taken.
    fn capital(&self, hay: Hay<'_>, at: usize, matches: &mut Vec<Match>) {
        let inside = |m: &Match| {
            m.detector == "pii"
                && m.start <= at
                && at < m.end
                && matches!(m.kind.as_ref(), "PERSON" | "ORGANIZATION" | "LOCATION")
        };
        if matches.iter().rev().take(4).any(inside) {
            return;
        }
        if let Some((kind, span, score)) = self.names.tag(hay, at) {
            entity(matches, kind, Some(span), score);
        }
    }

    /// Entities joined by colons; the pairs before the colon belong to them.
    fn colon(&self, hay: Hay<'_>, colon: usize, floor: usize, matches: &mut Vec<Match>) -> Option<usize> {
        let hex = |b: u8| b.is_ascii_hexdigit();
        if !(hex(hay.before(colon)) && hex(hay.at(colon + 1)) || hay.at(colon + 1) == b':') {
            return None;
        }
        let start = hay.run_back(colon, 4, hex).max(floor);
        let mac = (colon - start == 2).then(|| network::mac(hay, start)).flatten();
        entity(matches, "MAC_ADDRESS", mac, 0.9)
            .or_else(|| entity(matches, "IP_ADDRESS", network::ipv6(hay, colon), 0.9))
    }

    /// Entities that hold the digit at `digit`, the first of its token; gives where to go on.
    fn digit(
        &self,
        hay: Hay<'_>,
        digit: usize,
        floor: usize,
        fits: &mut Vec<Fit>,
        matches: &mut Vec<Match>,
    ) -> Option<usize> {
        let alnum = |b: u8| b.is_ascii_alphanumeric();
        let start = hay.run_back(digit, TOKEN, alnum).max(floor);
        let token = hay.run(digit, TOKEN, alnum);
        if token - start == TOKEN || hay.before(start) >= 0x80 && hay.lone(&(start..token)) {
            return Some(token);
        }
        if let Some((kind, score, span)) = self.verified(hay, start, digit, token) {
            return entity(matches, kind, Some(span), score);
        }
        fits.clear();
        self.identifiers.fit(hay, start, fits);
        if let Some(earlier) = prefix_token(hay, start, floor) {
            self.identifiers.fit(hay, earlier, fits);
        }
        let best = fits.iter().map(|f| f.score).fold(0.0, f64::max);
        let phone = (best < 0.7 && start == digit).then(|| phone::phone(hay, digit, &self.codes)).flatten();
        let phone = phone.filter(|(_, score)| *score > 0.45 || fits.is_empty());
        let mut end = token;
        if let Some((span, score)) = phone {
            end = end.max(span.end);
            // A number announced as a telephone's is nothing else.
            if score > 0.65 {
                fits.clear();
            }
            entity(matches, "PHONE_NUMBER", Some(span), score);
        }
        // A context word decides between kinds that fit alike, and the longer fit swallows the shorter.
        let longest = fits.iter().filter(|f| f.score >= best).map(|f| f.span.len()).max().unwrap_or(0);
        fits.retain(|f| (best < 0.9 || f.score >= best) && f.span.len() == longest);
        for fit in fits.iter() {
            let Some(kind) = self.identifiers.kinds().get(fit.kind) else { continue };
            end = end.max(fit.span.end);
            let known = |m: &Match| m.start == fit.span.start && m.end == fit.span.end && m.kind == kind.kind;
            if !matches.iter().rev().take(fits.len()).any(known) {
                matches.push(found(kind.kind.clone(), fit.span.clone(), fit.score, severity(&kind.class)));
            }
        }
        Some(end)
    }

    /// The entity of a type with a verifier of its own that begins at the token `start..token`, whose first digit is at
    /// `digit`. The token may be an address's local part, a name or a host; those are found at `@` and elsewhere.
    fn verified(
        &self,
        hay: Hay<'_>,
        start: usize,
        digit: usize,
        token: usize,
    ) -> Option<(&'static str, f64, Range<usize>)> {
        // How long a token is and what joins it to the next tell what it can be: few verifiers have to look.
        let (length, next) = (token - start, hay.at(token));
        let figures = if start == digit { hay.run(digit, TOKEN, |b| b.is_ascii_digit()) - digit } else { 0 };
        let joined = |signs: &[u8]| signs.contains(&next);
        let when = |possible: bool, kind, score, verify: &dyn Fn() -> Option<Range<usize>>| {
            possible.then(verify).flatten().map(|span| (kind, score, span))
        };
        None.or_else(|| when((1..=4).contains(&figures), "DATE_TIME", 0.6, &|| date::date(hay, start)))
            .or_else(|| {
                when((1..=3).contains(&figures) && joined(b"."), "IP_ADDRESS", 0.9, &|| network::ipv4(hay, start))
            })
            .or_else(|| when(true, STREET, 0.7, &|| name::street(hay, start)))
            .or_else(|| {
                let pairs = length == 2 && joined(b":-") || length == 4 && joined(b".");
                when(pairs, "MAC_ADDRESS", 0.9, &|| network::mac(hay, start))
            })
            .or_else(|| when(length >= money::CRYPTO, "CRYPTO", 0.95, &|| money::crypto(hay, start)))
            .or_else(|| when(digit == start + 2, "IBAN_CODE", 0.95, &|| money::iban(hay, start, &self.ibans)))
            .or_else(|| {
                let long = figures >= money::CARD || figures >= 4 && joined(b" -");
                when(long, "CREDIT_CARD", 0.9, &|| money::card(hay, start))
            })
    }
}

/// The check of this name, over upper-case letters and digits alone.
pub(super) fn check(name: &str) -> Option<fn(&[u8]) -> bool> {
    checksum::named(name)
}

/// The start of a short word of letters that stands one space or hyphen before the token at `start`.
fn prefix_token(hay: Hay<'_>, start: usize, floor: usize) -> Option<usize> {
    let gap = start.checked_sub(1).filter(|i| matches!(hay.at(*i), b' ' | b'-'))?;
    let word = hay.run_back(gap, 4, |b| b.is_ascii_alphabetic());
    (word < gap && word >= floor && !is_word(hay.before(word))).then_some(word)
}

/// Pushes an entity of a type that code verifies, if there is one, and gives its end.
fn entity(matches: &mut Vec<Match>, kind: &'static str, span: Option<Range<usize>>, score: f64) -> Option<usize> {
    let span = span?;
    let end = span.end;
    let kinds = if kind == STREET { ("LOCATION", STREET) } else { (kind, kind) };
    matches.push(Match::new("pii", kinds.0, kinds.1, score, severity_of(kind), span));
    Some(end)
}

/// How much an entity of this type matters.
pub(in crate::text) fn severity_of(kind: &str) -> Severity {
    match kind {
        "CREDIT_CARD" | "IBAN_CODE" => Severity::High,
        "DATE_TIME" | "ORGANIZATION" => Severity::Info,
        "IP_ADDRESS" | "MAC_ADDRESS" | "PERSON" => Severity::Low,
        _ => Severity::Medium,
    }
}

fn found(kind: impl Into<std::borrow::Cow<'static, str>>, span: Range<usize>, score: f64, severity: Severity) -> Match {
    let kind = kind.into();
    Match::new("pii", kind.clone(), kind, score, severity, span)
}

pub(super) fn severity(class: &str) -> Severity {
    match class {
        "government_id" | "health" | "financial" => Severity::High,
        _ => Severity::Medium,
    }
}
