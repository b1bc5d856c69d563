//! Names, organisations, places and addresses in running text: a linear-chain conditional random field over hashed
//! features, run only over stretches of words that can be part of a name. Weights:
//! `data/text/sensitive/names_model.bin`, fitted by `training/names/train.py`; the model card stands beside them.

use std::ops::Range;

use super::lexicon::{COMMON, COUNTRY, FIRM, GIVEN, Lexicon, STREET, SURNAME, TOWN, fold, mix};
use super::token::{CODE, Case, Kind, SHOUT, Token, Tokens, UNCASED};

/// Features of one token.
pub(super) const FEATURES: usize = 32;
/// What a span is. Its first token's tag is `1 + 2 * kind`, the others' one more; 0 is outside.
const KINDS: [&str; 4] = ["PERSON", "ORGANIZATION", "LOCATION", super::super::STREET];
const PERSON: usize = 0;
const ORGANIZATION: usize = 1;
const PLACE: usize = 2;
const ADDRESS: usize = 3;
const TAGS: usize = 1 + 2 * KINDS.len();
/// Buckets of the hash table.
const BUCKETS: u64 = 1 << 16;
/// Tokens held at a time, and those of them that are only context on either side of a stretch.
const HELD: usize = 128;
const CONTEXT: usize = 3;
/// How far apart two parts of an address stand, in bytes.
const BETWEEN: usize = 5;
/// The longest stretch.
const STRETCH: usize = 48;

/// Words that join parts of a name.
const JOINS: &[&str] = &[
    "of", "and", "the", "for", "de", "la", "le", "les", "van", "von", "der", "den", "des", "del", "della", "di", "da",
    "du", "dos", "das", "do", "el", "al", "bin", "ben", "ibn", "y", "e", "i", "zu", "av", "af", "och", "und", "et",
    "los", "las", "ter", "ten", "on", "sur", "am",
];

/// Scores of a token by tag, or of a step from tag to tag, in the weights' own unit.
type Scores = [i32; TAGS];

/// Less than any score of a path that can be.
const NEVER: i32 = -(1 << 22);
/// The bits of a step that hold the tag it comes from, so that the best step tells its beginning.
const TAG_BITS: u32 = 4;

/// Room to decode in, kept from stretch to stretch.
#[derive(Debug)]
struct Room {
    /// Scores of tokens by what stands around them, so that a text that repeats itself costs no more than it says.
    memo: [(u64, Scores); 64],
    /// Of each token of the last stretch its scores by itself, the best tag before it, and its tag.
    own: [Scores; STRETCH],
    from: [[u8; TAGS]; STRETCH],
    tags: [usize; STRETCH],
}

impl Room {
    fn new() -> Self {
        Self { memo: [(0, [0; TAGS]); 64], own: [[0; TAGS]; STRETCH], from: [[0; TAGS]; STRETCH], tags: [0; STRETCH] }
    }
}

/// The scores known for a token with this `window` around it.
fn remembered(memo: &mut [(u64, Scores); 64], window: u64, compute: impl FnOnce() -> Scores) -> Scores {
    let Some((known, scores)) = memo.get_mut((window >> 58) as usize) else { return compute() };
    if *known != window {
        (*known, *scores) = (window, compute());
    }
    *scores
}

/// A span of one kind, and its tokens' lead over "outside" at the mean, in natural log-odds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    kind: usize,
    pub(super) range: Range<usize>,
    pub(super) lead: f64,
}

impl Span {
    /// The entity type, or the rule of street addresses.
    pub(super) fn entity(&self) -> &'static str {
        KINDS.get(self.kind).copied().unwrap_or_default()
    }

    /// Whether only space and commas stand between the two, which together are no longer than an address.
    fn reaches(&self, text: &str, next: &Self) -> bool {
        let between = text.get(self.range.end..next.range.start).unwrap_or("-");
        between.len() < BETWEEN
            && next.range.end - self.range.start < 160
            && between.chars().all(|c| c.is_whitespace() || c == ',')
    }
}

/// How far a text has been tagged.
#[derive(Debug, Clone, Default)]
pub(in crate::text::sensitive) struct Read {
    /// From where on tokens are to be read again, for context.
    pub(in crate::text::sensitive) from: usize,
    /// Tokens that begin before this were dealt with.
    pub(in crate::text::sensitive) done: usize,
    /// An address that may go on.
    held: Option<Span>,
}

impl Read {
    /// Where the next span begins at the earliest.
    pub(in crate::text::sensitive) fn next(&self) -> usize {
        self.held.as_ref().map_or(self.done, |span| span.range.start)
    }

    /// After `cut` bytes at the beginning of the text are gone.
    pub(in crate::text::sensitive) fn shift(&mut self, cut: usize) {
        let spans = self.held.iter_mut().flat_map(|span| [&mut span.range.start, &mut span.range.end]);
        spans.chain([&mut self.from, &mut self.done]).for_each(|place| *place = place.saturating_sub(cut));
    }
}

/// The field: a scale, steps from tag to tag, then a row of tags for each bucket.
#[derive(Debug)]
pub(super) struct Tagger {
    lexicon: Lexicon,
    unit: f64,
    /// From tag to tag, with the first of them in the low bits.
    steps: [Scores; TAGS],
    rows: &'static [[u8; TAGS]],
}

impl Tagger {
    /// The lexicon's table, and the weights: the unit in 2^-16 (32 bits), steps (16 bits), rows (8 bits).
    pub(super) fn new(lexicon: &'static [u8], model: &'static [u8]) -> Self {
        let (unit, model) = model.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let (head, rows) = model.split_at_checked(2 * TAGS * TAGS).unwrap_or((&[], &[]));
        let mut steps = [[0; TAGS]; TAGS];
        for (step, bytes) in steps.iter_mut().flatten().zip(head.as_chunks().0) {
            *step = i32::from(i16::from_le_bytes(*bytes));
        }
        for (before, steps) in steps.iter_mut().enumerate() {
            for (tag, step) in steps.iter_mut().enumerate() {
                // A tag that goes on goes on from its like.
                let goes_on = tag != 0 && tag % 2 == 0;
                *step = if goes_on && before != tag && before + 1 != tag { NEVER } else { *step };
                *step = *step << TAG_BITS | before as i32;
            }
        }
        let unit = f64::from(u32::from_le_bytes(*unit)) / 65536.0;
        Self { lexicon: Lexicon::new(lexicon), unit, steps, rows: rows.as_chunks().0 }
    }

    /// Whether the last word is a usual one and no name.
    pub(super) fn is_usual(&self, name: &str) -> bool {
        let last = name.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let class = self.lexicon.class(fold(last));
        class & COMMON > 1 && class & (GIVEN | SURNAME) == 0
    }

    /// Calls `each` with every span of `text` from where it was `read` to, in order; the parts of an address are one. If
    /// there is `more` of the text to come, only with those that it cannot change.
    pub(super) fn spans(&self, text: &str, read: &mut Read, more: bool, mut each: impl FnMut(Span)) {
        let mut held = read.held.take();
        let mut join = |span: Span| match &mut held {
            Some(last) if last.kind == ADDRESS && span.kind >= PLACE && last.reaches(text, &span) => {
                last.range.end = span.range.end;
                last.lead = last.lead.max(span.lead);
            }
            held => {
                if let Some(last) = held.replace(span) {
                    each(last);
                }
            }
        };
        let mut room = Room::new();
        self.stretches(text, read, more, None, |tokens, stretch| {
            self.decode(text, tokens, stretch, &mut room, &mut join)
        });
        // an address may go on
        read.held = held.take_if(|last| more && last.kind == ADDRESS && read.done < last.range.end + BETWEEN);
        if let Some(last) = held {
            each(last);
        }
    }

    /// Calls `each` with the tokens around each stretch and its place among them. Linear, in bounded memory.
    pub(super) fn stretches(
        &self,
        text: &str,
        read: &mut Read,
        more: bool,
        hide: Option<&dyn Fn(u64) -> bool>,
        mut each: impl FnMut(&[Token], Range<usize>),
    ) {
        let mut source = Tokens::new(text, &self.lexicon, read.from);
        let mut held = [Token::default(); HELD];
        // Tokens held, and those dealt with.
        let (mut count, mut done) = (0, 0);
        loop {
            let (mut last, mut open) = (false, false);
            while let Some(token) = held.get_mut(count) {
                if !source.read(token) {
                    (last, open) = (!more, more);
                    break;
                }
                if more && source.is_open() {
                    open = true;
                    break;
                }
                if hide.is_some_and(|hide| hide(token.key)) {
                    token.class &= COMMON;
                }
                // Of what was dealt with before only the context is held.
                if token.start < read.done {
                    if count == CONTEXT {
                        held.copy_within(1..=CONTEXT, 0);
                        count -= 1;
                    }
                    done = count + 1;
                }
                count += 1;
                settle(&mut held, count, 2);
            }
            if last {
                settle(&mut held, count, 1);
            }
            let tokens = held.get(..count).unwrap_or_default();
            // What the next tokens may still change waits for them.
            let ready = if last { count } else { count.saturating_sub(CONTEXT + 1) };
            while done < ready {
                let mut end = done;
                while end < count && end - done < STRETCH && candidate(text, tokens, end) {
                    end += 1;
                }
                if end == done {
                    done += 1;
                    continue;
                }
                if !last && end > ready && end - done < STRETCH {
                    break;
                }
                each(tokens, done..end);
                done = end;
            }
            if last || open {
                let at = |i: usize| tokens.get(i);
                read.done = at(done).map_or(if last { text.len() } else { read.done }, |token| token.start);
                read.from = at(done.saturating_sub(CONTEXT)).map_or(read.from, |token| token.judged);
                return;
            }
            let keep = done.saturating_sub(CONTEXT);
            held.copy_within(keep..count, 0);
            (count, done) = (count - keep, done - keep);
        }
    }

    /// Finds the best tags of a stretch (Viterbi, ties to the higher tag), and what each token by itself scores.
    fn best(&self, text: &str, tokens: &[Token], stretch: &Range<usize>, room: &mut Room) {
        let Room { memo, own, from, tags } = room;
        let mut best: Scores = [NEVER; TAGS];
        best[0] = 0;
        for (i, (own, from)) in stretch.clone().zip(own.iter_mut().zip(from.iter_mut())) {
            *own = remembered(memo, window(text, tokens, i), || {
                let mut buckets = [0; FEATURES];
                features(text, tokens, i, &mut buckets);
                self.sum(&buckets)
            });
            // Scores are far from the ends of their type: nothing wraps.
            let mut next: Scores = [i32::MIN; TAGS];
            for (last, steps) in best.iter().zip(&self.steps) {
                for (next, step) in next.iter_mut().zip(steps) {
                    *next = (*next).max((last << TAG_BITS).wrapping_add(*step));
                }
            }
            for ((best, next), (from, own)) in best.iter_mut().zip(next).zip(from.iter_mut().zip(*own)) {
                *from = (next & ((1 << TAG_BITS) - 1)) as u8;
                *best = (next >> TAG_BITS).wrapping_add(own);
            }
        }
        let last = |(tag, score): (usize, i32)| (score.wrapping_add(self.last(tag)), tag);
        let (_, mut tag) = best.into_iter().enumerate().map(last).max().unwrap_or_default();
        for (place, from) in tags.iter_mut().zip(&*from).take(stretch.len()).rev() {
            *place = tag;
            tag = usize::from(from.get(tag).copied().unwrap_or_default());
        }
    }

    /// Calls `each` with the spans of a stretch.
    fn decode(
        &self,
        text: &str,
        tokens: &[Token],
        stretch: Range<usize>,
        room: &mut Room,
        each: &mut impl FnMut(Span),
    ) {
        // Without a word there is no name.
        let inside = tokens.get(stretch.clone()).unwrap_or_default();
        if !inside.iter().any(|token| token.kind == Kind::Word) {
            return;
        }
        self.best(text, tokens, &stretch, room);
        let Room { tags, own, .. } = room;
        let mut tags = tags.iter().copied().take(stretch.len()).enumerate().peekable();
        while let Some((first, tag)) = tags.next() {
            if tag == 0 {
                continue;
            }
            let mut end = first + 1;
            while tags.next_if(|(_, tag)| *tag != 0 && tag % 2 == 0).is_some() {
                end += 1;
            }
            let inner = inside.get(first..end).unwrap_or_default();
            let own = own.get(first..end).unwrap_or_default();
            if let Some(span) = self.span(inner, own, (tag - 1) / 2).filter(|span| !glued(text, &span.range)) {
                each(span);
            }
        }
    }

    /// The span of `tokens`, without marks at its ends, if it can be one.
    fn span(&self, mut tokens: &[Token], own: &[Scores], kind: usize) -> Option<Span> {
        let tag = 2 + 2 * kind;
        let lead = |own: &Scores| {
            own.get(tag).copied().unwrap_or_default().max(own.get(tag - 1).copied().unwrap_or_default()) - own[0]
        };
        let sum: i32 = own.iter().map(lead).sum();
        while let [rest @ .., Token { kind: Kind::Mark, .. }] = tokens {
            tokens = rest;
        }
        while let [Token { kind: Kind::Mark, .. }, rest @ ..] = tokens {
            tokens = rest;
        }
        let has = |kind| tokens.iter().any(|t| t.kind == kind);
        let street = || tokens.iter().any(|t| t.class & STREET != 0);
        // A street has a number, or a word of its own that says so.
        if !has(Kind::Word) || kind == ADDRESS && !(has(Kind::Number) || street()) {
            return None;
        }
        let lead = f64::from(sum) * self.unit / own.len().max(1) as f64;
        let range = tokens.first()?.start..tokens.last()?.end;
        (lead >= least(kind, tokens)).then_some(Span { kind, range, lead })
    }

    /// The step from the last tag to the end.
    fn last(&self, tag: usize) -> i32 {
        self.steps.get(tag).map_or(0, |steps| steps[0] >> TAG_BITS)
    }

    fn sum(&self, buckets: &[u32; FEATURES]) -> Scores {
        let mut sum = [0i16; TAGS];
        for row in buckets.iter().filter_map(|bucket| self.rows.get(*bucket as usize)) {
            for (sum, weight) in sum.iter_mut().zip(row) {
                *sum = sum.wrapping_add(i16::from(weight.cast_signed()));
            }
        }
        sum.map(i32::from)
    }
}

/// Whether a hyphen joins the span to another word, or it is a lone letter.
fn glued(text: &str, span: &Range<usize>) -> bool {
    let at = |i: Option<usize>| i.and_then(|i| text.as_bytes().get(i)).copied().unwrap_or(b' ');
    let joint = |mark: Option<usize>, next: Option<usize>| at(mark) == b'-' && at(next).is_ascii_alphanumeric();
    joint(span.start.checked_sub(1), span.start.checked_sub(2))
        || joint(Some(span.end), Some(span.end + 1))
        || span.len() == 1
}

/// The least lead of a span that is reported. On code and manuals without names, single words lead most often in vain,
/// above all those that no list of names has; words in capitals are abbreviations or the small print; usual words side by
/// side are terms.
fn least(kind: usize, tokens: &[Token]) -> f64 {
    let words = || tokens.iter().filter(|t| t.kind == Kind::Word);
    let all = |case| words().all(|t| t.case == case);
    let named = |t: &Token| t.class & (GIVEN | SURNAME | TOWN | COUNTRY) != 0 && t.class & COMMON < 2;
    match tokens {
        [one] if all(Case::Upper) && one.class & COUNTRY == 0 && (one.end - one.start < 6 || one.line & SHOUT != 0) => {
            7.0
        }
        [one] => {
            let code = if one.line & CODE != 0 { 2.0 } else { 0.0 };
            let cased = one.line & UNCASED == 0;
            let bar = match (kind, all(Case::Lower)) {
                (_, true) if cased => 8.0,
                (PERSON | PLACE, _) if cased && !named(one) => {
                    if all(Case::Mixed) {
                        9.0
                    } else {
                        6.5
                    }
                }
                (ORGANIZATION, _) if cased && one.class & COMMON != 0 => 6.5,
                (PERSON, true) => 3.5,
                (PERSON, false) | (ORGANIZATION, true) => 5.0,
                (PLACE, true) => 4.0,
                (ORGANIZATION, false) => 4.5,
                _ => 4.5,
            };
            bar + code
        }
        [one, _] if kind == ADDRESS && words().all(|t| t.class & STREET == 0) => {
            if one.line & UNCASED == 0 {
                8.0
            } else {
                5.0
            }
        }
        [one, ..] if kind == ADDRESS && one.line & UNCASED == 0 && all(Case::Lower) => 4.0,
        _ if all(Case::Lower) => 1.0,
        _ if all(Case::Initial) => 7.0,
        [one, ..] if all(Case::Upper) && one.line & SHOUT != 0 => 3.5,
        _ if kind == ORGANIZATION => match () {
            () if all(Case::Upper) => 3.5,
            () if words().all(|t| t.class & COMMON != 0 && t.class & FIRM == 0) => 2.5,
            () => 1.5,
        },
        _ => 2.0,
    }
}

/// Notes whether the word `back` before the end of those held is worthy, its neighbours being there.
fn settle(held: &mut [Token; HELD], count: usize, back: usize) {
    let Some(at) = count.checked_sub(back) else { return };
    let worthy = worthy(held.get(..count).unwrap_or_default(), at);
    if let Some(token) = held.get_mut(at) {
        token.worthy = worthy;
    }
}

/// Whether the token can be part of a name.
fn candidate(text: &str, tokens: &[Token], at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    let look = |offset: isize| at.checked_add_signed(offset).and_then(|i| tokens.get(i));
    let worthy = |offset| look(offset).is_some_and(|t: &Token| t.worthy);
    let near = |offset| look(offset).is_some_and(|t: &Token| t.worthy || t.kind == Kind::Number);
    let reach = |one, two| near(one) || near(two) && look(one).is_some_and(|t| joins(text, t));
    match token.kind {
        Kind::Word | Kind::Mark => token.worthy || reach(-1, -2) && reach(1, 2) && joins(text, token),
        Kind::Number => worthy(-1) || worthy(1),
        _ => false,
    }
}

/// Whether the word by itself can be part of a name.
fn worthy(tokens: &[Token], at: usize) -> bool {
    let Some(token) = tokens.get(at).filter(|t| t.kind == Kind::Word) else { return false };
    let (common, names) = (token.class & COMMON, token.class & (GIVEN | TOWN | COUNTRY));
    if common == 3 {
        return false;
    }
    let before = at.checked_sub(1).and_then(|i| tokens.get(i));
    let next = tokens.get(at + 1);
    match token.case {
        Case::Lower => token.end - token.start > 1 && low(token, before),
        Case::Uncased => {
            let named = |t: Option<&Token>| {
                t.is_some_and(|t| t.case == Case::Uncased && t.class & (GIVEN | SURNAME | TOWN) != 0)
            };
            named(Some(token)) || named(before) || named(next)
        }
        // A usual word that begins a sentence, unless more capitals follow.
        _ if common != 0 && names == 0 && token.class & SURNAME == 0 => {
            let begins = before.is_none_or(|t| {
                t.kind == Kind::Newline
                    || t.kind == Kind::Mark && !matches!(char::from_u32(t.key as u32), Some(',' | '-' | '\'' | '&'))
            });
            !begins || next.is_some_and(|t| t.kind == Kind::Word && t.case != Case::Lower && t.class & COMMON < 3)
        }
        _ => true,
    }
}

/// The same of a word in lower case, which is a name only if it is known as one or stands beside one that is; where
/// capitals are in use, only if it is nothing else.
fn low(token: &Token, before: Option<&Token>) -> bool {
    let (common, names) = (token.class & COMMON, token.class & (GIVEN | TOWN | COUNTRY));
    let given =
        |t: &Token| t.kind == Kind::Word && t.case == Case::Lower && t.class & COMMON < 2 && t.class & GIVEN != 0;
    let numbered = before.is_some_and(|t| t.kind == Kind::Number);
    let parts = token.class & (SURNAME | STREET | FIRM) != 0;
    if token.line & UNCASED == 0 {
        return common == 0 && names != 0
            || token.class & SURNAME != 0 && before.is_some_and(|t| given(t) && t.class & COMMON == 0)
            || token.class & STREET != 0 && numbered;
    }
    common == 0
        || names != 0
        || parts
            && before.is_some_and(|t| {
                t.kind == Kind::Number || t.kind == Kind::Word && t.class & COMMON < 2 && t.case == Case::Lower
            })
}

/// Whether the token may join parts of a name.
fn joins(text: &str, token: &Token) -> bool {
    match token.kind {
        Kind::Mark => matches!(char::from_u32(token.key as u32), Some('-' | '.' | ',' | '&' | '\'' | '’')),
        Kind::Word => {
            token.end - token.start < 6 && text.get(token.start..token.end).is_some_and(|word| JOINS.contains(&word))
        }
        _ => false,
    }
}

/// What training needs of a candidate: its bytes, whether it begins a stretch, its buckets.
#[derive(Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// Where it stands.
    pub range: Range<usize>,
    /// Whether it begins a stretch.
    pub begins: bool,
    /// Its features.
    pub buckets: [u32; FEATURES],
}

impl Tagger {
    /// The candidates of `text`, the lexicon silent on names whose hash `hide` tells.
    pub(super) fn candidates(&self, text: &str, hide: &dyn Fn(u64) -> bool) -> Vec<Candidate> {
        let mut all = Vec::new();
        self.stretches(text, &mut Read::default(), false, Some(hide), |tokens, stretch| {
            for i in stretch.clone() {
                let mut buckets = [0; FEATURES];
                features(text, tokens, i, &mut buckets);
                let range = tokens.get(i).map_or(0..0, |t| t.start..t.end);
                all.push(Candidate { range, begins: i == stretch.start, buckets });
            }
        });
        all
    }
}

/// The features of token `at`: itself, its neighbours, their classes and writing, its ends.
fn features(text: &str, tokens: &[Token], at: usize, buckets: &mut [u32; FEATURES]) {
    let look = |offset: isize| at.checked_add_signed(offset).and_then(|i| tokens.get(i));
    let key = |offset| look(offset).map_or(1, |t| t.key);
    // Class, writing and kind of a token, in one number.
    let sort = |offset| {
        look(offset).map_or(7, |t| {
            let mark = if t.kind == Kind::Mark { t.key } else { 0 };
            u64::from(t.class) | (t.case as u64) << 8 | (t.kind as u64) << 12 | u64::from(t.gap) << 16 | mark << 20
        })
    };
    // The same, of commonness and writing only.
    let plain = |offset| {
        look(offset).map_or(7, |t| {
            let named =
                u8::from(t.class & (GIVEN | SURNAME) != 0) << 2 | u8::from(t.class & (TOWN | COUNTRY) != 0) << 3;
            u64::from(t.class & COMMON | named) | (t.case as u64) << 8 | (t.kind as u64) << 12
        })
    };
    let Some(token) = tokens.get(at) else { return };
    let line = u64::from(token.line);
    let word = text.get(token.start..token.end).unwrap_or_default();
    let ascii = word.is_ascii();
    let tail = |n: usize| {
        let from = match word.char_indices().rev().nth(n - 1) {
            _ if ascii => word.len().saturating_sub(n),
            place => place.map_or(0, |(i, _)| i),
        };
        letters(word.get(from..).unwrap_or_default())
    };
    let head = if ascii { word.len().min(3) } else { word.char_indices().nth(3).map_or(word.len(), |(i, _)| i) };
    let (k0, k1, k2, l1, l2) = (key(0), key(1), key(2), key(-1), key(-2));
    let (s0, s1, s2, r1, r2) = (sort(0), sort(1), sort(2), sort(-1), sort(-2));
    let (p0, p1, p2, q1, q2) = (plain(0), plain(1), plain(2), plain(-1), plain(-2));
    let length = word.len().min(12) as u64;
    let all: [u64; FEATURES] = [
        0,
        k0,
        k1,
        k2,
        l1,
        l2,
        s0,
        s1,
        r1,
        join(s0, line),
        join(s1, s0),
        join(r1, s0),
        join(join(p1, p0), q1),
        join(join(p1, p0), p2),
        join(join(q1, p0), q2),
        join(join(p1, s0), join(q1, line)),
        join(l1, s0),
        join(k1, s0),
        join(l1, l2),
        join(k1, k2),
        join(l1, k1),
        join(join(l1, l2), p0),
        join(l1, join(p0, p1)),
        join(k1, join(p0, q1)),
        join(tail(2), p0),
        join(tail(3), p0),
        tail(4),
        join(letters(word.get(..head).unwrap_or_default()), p0),
        join(length, s0),
        join(join(r2, r1), s0),
        join(join(s1, s2), p0),
        join(k0, line),
    ];
    for ((place, feature), bucket) in (0u64..).zip(all).zip(buckets) {
        *bucket = (mix(feature ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)) % BUCKETS) as u32;
    }
}

fn join(a: u64, b: u64) -> u64 {
    (a.rotate_left(23) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What [`features`] sees of token `at`, in one number.
fn window(text: &str, tokens: &[Token], at: usize) -> u64 {
    let look = |offset: isize| at.checked_add_signed(offset).and_then(|i| tokens.get(i));
    let sign = |t: &Token| {
        t.key
            ^ (u64::from(t.class) | (t.case as u64) << 8 | (t.kind as u64) << 12 | u64::from(t.gap) << 16)
                .rotate_left(40)
    };
    let around = [-2, -1, 1, 2].map(|offset| look(offset).map_or(7, sign));
    let Some(token) = tokens.get(at) else { return 0 };
    let own = sign(token) ^ u64::from(token.line) << 32 ^ ((token.end - token.start) as u64) << 56;
    // Accents are in the spelling alone.
    let word = text.get(token.start..token.end).unwrap_or_default();
    let spelling = if word.is_ascii() { 0 } else { letters(word) };
    mix(around.into_iter().fold(own ^ spelling, join))
}

/// The letters in lower case, hashed.
fn letters(part: &str) -> u64 {
    let begin = 0xcbf2_9ce4_8422_2325;
    if part.is_ascii() {
        return part.bytes().fold(begin, |hash, b| join(hash, u64::from(b.to_ascii_lowercase())));
    }
    part.chars().flat_map(char::to_lowercase).fold(begin, |hash, c| join(hash, u64::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags as the fit computed them (`train.py`), one digit a candidate.
    #[test]
    fn tags_are_those_of_the_fit() {
        let tagger = Tagger::new(super::super::LEXICON, super::super::MODEL);
        for row in include_str!("../../../../../training/names/golden.tsv").lines() {
            let (expected, text) = row.split_once('\t').unwrap();
            let text = text.replace("\\n", "\n");
            let mut tags = String::new();
            tagger.stretches(&text, &mut Read::default(), false, None, |tokens, stretch| {
                let mut room = Room::new();
                tagger.best(&text, tokens, &stretch, &mut room);
                tags.extend(room.tags.iter().take(stretch.len()).map(usize::to_string));
            });
            assert_eq!(tags, expected, "{text}");
        }
    }
}
