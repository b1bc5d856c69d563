//! Makes an index of a data set, field by field and line by line.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::key::{Key, Secrets};
use super::words::{RUN, State, Words};
use super::worth::{self, Worth};
use super::{Header, QUOTE_WORDS, VALUE_WORDS, WINDOW, quote_words, table};
use crate::asset::{Error, ErrorKind, Result};

/// Fewest letters and digits of a canary.
const SHORTEST_CANARY: usize = 12;

/// Words in a row that, where ordinary text has them, tell nothing.
const PHRASE: usize = 5;

/// Reads a data set once, in any order, and writes its index. Linear. Holds 20 to 40 bytes for each value and each kept
/// quote, whatever the size of the data; the index has about 5.5. Of running text two runs of words in five are kept.
///
/// ```
/// use aispm_core::text::known::{Indexer, Key, KnownData};
///
/// # fn main() -> aispm_core::Result<()> {
/// let key = Key::new("use 32 random bytes instead")?;
/// let mut indexer = Indexer::new(&key, "s3://crm/customers")?;
/// indexer.record(["Marta Kowalczyk", "+48 22 555 01 42", "gold"]);
/// let known = KnownData::open(indexer.finish()?.0, &key)?;
///
/// let mut matches = Vec::new();
/// known.find("Call MARTA KOWALCZYK.", &mut matches);
/// assert_eq!((&*matches[0].kind, &*matches[0].rule), ("DATASET_VALUE", "s3://crm/customers"));
/// # Ok(())
/// # }
/// ```
pub struct Indexer {
    secrets: Secrets,
    header: Header,
    /// Hashes of the [`PHRASE`]s of ordinary text.
    phrases: HashSet<u64, FixedState>,
    entries: HashMap<u64, Entry, FixedState>,
    most: usize,
    full: bool,
    summary: Summary,
    passage: Passage,
}

/// What is known of a hash.
#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: Kind,
    /// How often it was met; `u32::MAX` for what ordinary text has too.
    count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Words,
    Identifier,
    Quote,
    Canary,
}

/// What an index holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Records read.
    pub records: u64,
    /// Different values indexed.
    pub values: u64,
    /// Runs of words indexed.
    pub quotes: u64,
    /// Canaries indexed.
    pub canaries: u64,
    /// Fields that tell too little by themselves.
    pub untelling: u64,
    /// Values and runs left out as too common: in the data set, or in ordinary text too.
    pub common: u64,
}

impl Indexer {
    /// An index for the data set that is this asset, e.g. `s3://crm/customers`.
    pub fn new(key: &Key, asset: impl Into<String>) -> Result<Self> {
        let asset = asset.into();
        if asset.is_empty() || asset.len() > Header::LONGEST_ASSET {
            let message = format!("an asset's id has 1 to {} bytes", Header::LONGEST_ASSET);
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let secrets = Secrets::new(key, &asset);
        let mut phrases = HashSet::default();
        for text in worth::ordinary_text() {
            Words::new(&secrets.powers).read(text, |words| phrases.extend(words.last(PHRASE).map(|run| run.hash)));
        }
        Ok(Self {
            secrets,
            phrases,
            header: Header { asset, lengths: 0, count: 0 },
            entries: HashMap::default(),
            most: table::MOST,
            full: false,
            summary: Summary::default(),
            passage: Passage::default(),
        })
    }

    /// Most values and runs held, 134 million if not set; with more, [`finish`](Self::finish) fails.
    #[must_use]
    pub fn most(mut self, entries: usize) -> Self {
        self.most = entries.min(table::MOST);
        self
    }

    /// Whether there are more values and runs than may be held, so that reading on is of no use.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Reads one record.
    pub fn record<'f>(&mut self, fields: impl IntoIterator<Item = &'f str>) {
        fields.into_iter().for_each(|field| self.field(field));
        self.end_record();
    }

    /// Reads one field of a record: a value, and running text if it is long enough.
    pub fn field(&mut self, text: &str) {
        let mut words = Words::new(&self.secrets.powers);
        words.read(text, |_| {});
        let seen = words.seen();
        if let Some(run) = words.last(seen).filter(|_| seen <= VALUE_WORDS) {
            let kind = match worth::value(text) {
                Worth::Nothing => None,
                Worth::Words => Some(Kind::Words),
                Worth::Identifier => Some(Kind::Identifier),
            };
            match kind {
                Some(kind) => {
                    self.header.add_length(run.chars);
                    let hash = self.secrets.value(run.hash);
                    self.add(hash, kind);
                }
                None => self.summary.untelling += 1,
            }
        }
        if seen >= QUOTE_WORDS {
            self.line(text);
            self.end_text();
        }
    }

    /// Ends a record of fields.
    pub fn end_record(&mut self) {
        self.summary.records += 1;
    }

    /// Reads a line, or another piece between words, of running text.
    pub fn line(&mut self, text: &str) {
        let mut kept = Vec::new();
        let mut words = Words::resume(&self.secrets.powers, self.passage.words);
        words.read(text, |words| {
            let last = words.last(1);
            let written = last.and_then(|last| text.get(last.start..last.end)).unwrap_or_default();
            self.passage.worths.rotate_left(1);
            if let Some(slot) = self.passage.worths.last_mut() {
                let worth = worth::word(written);
                *slot = (worth, last.filter(|_| worth > 0).map_or(0, |last| last.hash));
            }
            if words.last(PHRASE).is_some_and(|run| self.phrases.contains(&run.hash)) {
                self.passage.worths.iter_mut().rev().take(PHRASE).for_each(|slot| *slot = (0, 0));
            }
            let length = quote_words(words);
            let Some(run) = words.last(length) else { return };
            let told = worth::quote(self.passage.worths.iter().rev().take(length).copied());
            let hash = if told { self.secrets.quote(run.hash) } else { Passage::UNTELLING };
            kept.extend(self.passage.winnow.push(hash));
        });
        self.passage.words = words.state();
        kept.into_iter().for_each(|hash| self.add(hash, Kind::Quote));
    }

    /// Ends a running text: the next line belongs to another.
    pub fn end_text(&mut self) {
        if let Some(hash) = std::mem::take(&mut self.passage).winnow.finish() {
            self.add(hash, Kind::Quote);
        }
    }

    /// A string planted in the data set; of a long one the first 12 words count.
    pub fn canary(&mut self, text: &str) -> Result<()> {
        let mut words = Words::new(&self.secrets.powers);
        let mut first = None;
        words.read(text, |words| {
            if words.seen() <= VALUE_WORDS {
                first = words.last(words.seen());
            }
        });
        let Some(run) = first.filter(|run| run.chars >= SHORTEST_CANARY) else {
            let message =
                format!("a canary with fewer than {SHORTEST_CANARY} letters and digits would be met by chance");
            return Err(Error::new(ErrorKind::Invalid, message));
        };
        self.header.add_length(run.chars);
        for hash in [self.secrets.value(run.hash), self.secrets.canary(run.hash)] {
            self.add(hash, Kind::Canary);
        }
        Ok(())
    }

    /// Text that is known to be ordinary or public: what it has in common with the data set read so far is left out, but
    /// for canaries.
    pub fn ordinary(&mut self, text: &str) {
        let Self { secrets, entries, header, .. } = self;
        let mut common = |hash| {
            if let Some(entry) = entries.get_mut(&hash) {
                entry.count = u32::MAX;
            }
        };
        Words::new(&secrets.powers).read(text, |words| {
            header.candidates(words).for_each(|run| common(secrets.value(run.hash)));
            if let Some(run) = words.last(quote_words(words)) {
                common(secrets.quote(run.hash));
            }
        });
    }

    /// The index as bytes of a file, and what is in it. The same for the same data in any order.
    pub fn finish(mut self) -> Result<(Vec<u8>, Summary)> {
        self.end_text();
        if self.full {
            let message = format!("more than {} values and runs of words; index parts of the data set", self.most);
            return Err(Error::new(ErrorKind::Budget, message));
        }
        let mut hashes = Vec::new();
        for (hash, entry) in &self.entries {
            // shares of the records above which a value tells nothing, and numbers of times that never do
            let most = match entry.kind {
                Kind::Words => (self.summary.records / 200).max(4),
                Kind::Identifier => (self.summary.records / 20).max(20),
                Kind::Quote => (self.summary.records / 100).max(20),
                Kind::Canary => u64::MAX,
            };
            if u64::from(entry.count) > most {
                self.summary.common += 1;
                continue;
            }
            match entry.kind {
                Kind::Quote => self.summary.quotes += 1,
                Kind::Canary => self.summary.canaries += 1,
                Kind::Words | Kind::Identifier => self.summary.values += 1,
            }
            hashes.push(*hash);
        }
        // each has a hash as a value too
        self.summary.canaries /= 2;
        drop(std::mem::take(&mut self.entries));
        self.header.count = hashes.len();
        let mut bytes = self.header.write();
        table::write(hashes, &mut bytes);
        bytes.extend(self.secrets.seal(&bytes));
        Ok((bytes, self.summary))
    }

    fn add(&mut self, hash: u64, kind: Kind) {
        if self.entries.len() >= self.most && !self.entries.contains_key(&hash) {
            self.full = true;
            return;
        }
        let entry = self.entries.entry(hash).or_insert(Entry { kind, count: 0 });
        entry.count = entry.count.saturating_add(1);
        if kind == Kind::Canary {
            entry.kind = kind;
        }
    }
}

impl std::fmt::Debug for Indexer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Indexer").field("asset", &self.header.asset).finish_non_exhaustive()
    }
}

/// Where the reading of a running text stands.
#[derive(Debug, Default)]
struct Passage {
    words: State,
    /// Tenths of a bit and hash of the last words, the last one last.
    worths: [(u32, u64); RUN],
    winnow: Winnow,
}

impl Passage {
    /// In place of the hash of a run that is not worth finding.
    const UNTELLING: u64 = u64::MAX;
}

/// Robust winnowing (Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD
/// 2003): of every [`WINDOW`] hashes in a row the least is kept, and where there are several, one that is kept already or
/// else the rightmost. Of random hashes 2 in `WINDOW + 1` are kept.
#[derive(Debug, Default)]
struct Winnow {
    last: [u64; WINDOW],
    seen: usize,
    /// Number of the hash kept last, from 1.
    kept: usize,
}

impl Winnow {
    /// Takes the next hash; gives the one to keep, if it is a new one.
    fn push(&mut self, hash: u64) -> Option<u64> {
        self.last.rotate_left(1);
        *self.last.last_mut()? = hash;
        self.seen += 1;
        if self.seen >= WINDOW { self.least() } else { None }
    }

    /// What to keep of a text with fewer hashes than a window.
    fn finish(mut self) -> Option<u64> {
        if (1..WINDOW).contains(&self.seen) { self.least() } else { None }
    }

    fn least(&mut self) -> Option<u64> {
        let inside = self.last.iter().rev().take(self.seen).copied();
        let least = inside.clone().min().filter(|least| *least != Passage::UNTELLING)?;
        // counted from the end
        let mut places = inside.enumerate().filter(|(_, hash)| *hash == least).map(|(back, _)| self.seen - back);
        if self.kept > 0 && places.clone().any(|place| place == self.kept) {
            return None;
        }
        self.kept = places.next()?;
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_has_a_kept_hash_and_two_fifths_are_kept() {
        let sip = siphasher::sip::SipHasher13::new_with_keys(3, 4);
        let hashes: Vec<u64> = (0..6000u64).map(|i| sip.hash(&(i % 4000).to_le_bytes())).collect();
        let mut winnow = Winnow::default();
        let mut kept = Vec::new();
        for hash in &hashes {
            kept.extend(winnow.push(*hash).map(|_| winnow.kept - 1));
        }
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= WINDOW));
        let share = kept.len() as f64 / hashes.len() as f64;
        assert!((0.38..0.42).contains(&share), "{share}");
        // untelling hashes are passed over, and a short text keeps its least
        let mut winnow = Winnow::default();
        assert!((0..20).all(|_| winnow.push(Passage::UNTELLING).is_none()));
        let mut winnow = Winnow::default();
        assert!([7, 5, 6].map(|hash| winnow.push(hash)).iter().all(Option::is_none));
        assert_eq!(winnow.finish(), Some(5));
    }

    #[test]
    fn a_full_index_says_so() {
        let key = Key::new([1; 16]).unwrap();
        let mut indexer = Indexer::new(&key, "d").unwrap().most(2);
        for value in ["4711-0815-1", "4711-0815-2", "4711-0815-1"] {
            indexer.record([value]);
        }
        assert!(!indexer.is_full());
        indexer.record(["4711-0815-3"]);
        assert!(indexer.is_full());
        assert_eq!(indexer.finish().unwrap_err().kind, ErrorKind::Budget);
        assert!(Indexer::new(&key, "").is_err());
        assert!(Indexer::new(&key, "d").unwrap().canary("too short").is_err());
    }
}
