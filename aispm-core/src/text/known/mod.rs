//! Known data: whether a text repeats what a data set holds, without the data set at hand.
//!
//! An [`Indexer`] reads a data set and makes an index, which [`KnownData`] finds again in texts: whole values
//! (`DATASET_VALUE`), runs of words (`DATASET_QUOTE`) and strings planted for the purpose (`CANARY`). A match's rule is
//! the data set's asset id. Case, marks, width, look-alikes, white space and punctuation do not count.
//!
//! - **Quotes**: runs of 10 words (of 16 characters in scripts without spaces), winnowed by windows of 4, so that every
//!   quote of 13 words (19 characters) and more is found, but for up to 3 words at each end; shorter ones by luck. Its
//!   words must be worth it: six different of ten, and not all of them common. Eight words in a row are shared by chance
//!   about 20 times in 20 million; ten were not once. Short numbers, and five words in a row of what everybody writes (notices
//!   of licences, headers, set phrases: `data/text/ordinary_text.txt`), count for nothing.
//! - **Values**: fields of up to 12 words that tell something by themselves. Too short or plain ones are left out, and
//!   those that recur: words in more than 0.5 % of the records, numbers and addresses in more than 5 %.
//! - **False positives**: a run of words that is not in the data set is taken for one that is with probability 2⁻³⁷ at
//!   most; some seven runs are looked up for each word. What others write too, no index can tell apart.
//! - **The key**: without it, an index tells its size, the asset's id and which lengths values have; nor can it be altered
//!   unnoticed. Who has the key can try guesses, and find out every value of a kind that has few, like phone numbers; so
//!   index and key together are to be kept like the data.
//!
//! An index has 5.5 bytes for each value, and 2.2 for each word of running text.

use std::fmt;
use std::path::Path;

mod index;
mod key;
mod markings;
mod table;
mod words;
mod worth;

pub use index::{Indexer, Summary};
pub use key::Key;

use self::key::Secrets;
use self::table::Table;
use self::words::{RUN, Run, Words};
use super::Detector;
use crate::asset::{Error, ErrorKind, Match, Result, Severity};

/// Words of an indexed run, and characters in unspaced scripts.
const QUOTE_WORDS: usize = 10;
const UNSPACED_WORDS: usize = 16;
/// Runs in a row of which one is kept.
const WINDOW: usize = 4;
/// Most words of a value.
const VALUE_WORDS: usize = 12;

/// An index, opened.
pub struct KnownData {
    secrets: Secrets,
    header: Header,
    bytes: Vec<u8>,
    table: Table,
}

impl KnownData {
    /// Opens an index with the key that it was made with. Holds the bytes and no more; O(bytes).
    pub fn open(bytes: impl Into<Vec<u8>>, key: &Key) -> Result<Self> {
        let mut bytes = bytes.into();
        let malformed = || Error::new(ErrorKind::Malformed, "no index of known data, or a part of one");
        let (rest, seal) = bytes.split_last_chunk::<32>().ok_or_else(malformed)?;
        let (header, from) = Header::read(rest)?;
        let table = Table::read(rest, from, header.count).ok_or_else(malformed)?;
        let secrets = Secrets::new(key, &header.asset);
        // what is compared is no secret: who can alter the file can read it
        if secrets.seal(rest) != *seal {
            return Err(Error::new(ErrorKind::Invalid, "the index was made with another key, or altered"));
        }
        bytes.truncate(rest.len());
        Ok(Self { secrets, header, bytes, table })
    }

    /// Opens an index that is a file.
    ///
    /// # Errors
    /// The file cannot be read, is no index, was altered, or was made with another key.
    pub fn from_file(path: impl AsRef<Path>, key: &Key) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::unreadable(path, error))?;
        Self::open(bytes, key).map_err(|error| error.at(path))
    }

    /// The asset that is the data set.
    #[must_use]
    pub fn asset(&self) -> &str {
        &self.header.asset
    }

    /// Appends what of the data set stands in `text`, byte offsets into it, overlaps unresolved. Linear; a text without a
    /// match allocates nothing.
    pub fn find(&self, text: &str, matches: &mut Vec<Match>) {
        let mut quote: Option<Quote> = None;
        Words::new(&self.secrets.powers).read(text, |words| {
            for run in self.header.candidates(words) {
                if self.has(self.secrets.value(run.hash)) {
                    matches.push(self.value(text, run));
                }
            }
            let length = quote_words(words);
            let Some(run) = words.last(length).filter(|run| self.has(self.secrets.quote(run.hash))) else { return };
            let here = Quote { first: words.seen() - length, behind: words.seen(), start: run.start, end: run.end };
            match &mut quote {
                Some(quote) if here.first <= quote.behind => (quote.behind, quote.end) = (here.behind, here.end),
                other => matches.extend(other.replace(here).map(|quote| self.quote(&quote))),
            }
        });
        matches.extend(quote.map(|quote| self.quote(&quote)));
    }

    /// Where the last words of a text begin that a match ending behind it may take in; 0 if it has no more.
    pub(super) fn reach(&self, text: &str) -> usize {
        let mut words = Words::new(&self.secrets.powers);
        words.read(text, |_| {});
        words.last(RUN).map_or(0, |run| run.start)
    }

    fn has(&self, hash: u64) -> bool {
        self.table.has(&self.bytes, hash)
    }

    fn value(&self, text: &str, run: Run) -> Match {
        let written = text.get(run.start..run.end).unwrap_or_default();
        let (kind, score) = if self.has(self.secrets.canary(run.hash)) {
            ("CANARY", 1.0)
        } else if written.contains(|c: char| c.is_ascii_digit() || c == '@') {
            ("DATASET_VALUE", 0.95)
        } else {
            // others have the same name
            ("DATASET_VALUE", 0.75)
        };
        self.found(kind, score, Severity::High, run.start..run.end)
    }

    fn quote(&self, quote: &Quote) -> Match {
        let words = quote.behind - quote.first;
        let severity = if words < 2 * QUOTE_WORDS { Severity::Medium } else { Severity::High };
        self.found("DATASET_QUOTE", 1.0 - 2.0 / words as f64, severity, quote.start..quote.end)
    }

    fn found(&self, kind: &'static str, score: f64, severity: Severity, span: std::ops::Range<usize>) -> Match {
        Match::new(Detector::KnownData.as_str(), kind, self.header.asset.clone(), score, severity, span)
    }
}

impl fmt::Debug for KnownData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownData").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Appends confidentiality markings, such as `TLP:RED` or a line `CONFIDENTIAL`; the rule is the marking's id. Linear.
pub fn find_markings(text: &str, matches: &mut Vec<Match>) {
    markings::Markings::builtin().find(text, matches);
}

/// An index of these bytes, signed; no part of the stable interface.
#[doc(hidden)]
#[must_use]
pub fn sealed(bytes: &[u8], key: &Key) -> Vec<u8> {
    let asset = Header::read(bytes).map(|(header, _)| header.asset).unwrap_or_default();
    [bytes, &Secrets::new(key, &asset).seal(bytes)].concat()
}

/// Indexed runs that touch or overlap: numbers of words, and bytes.
struct Quote {
    first: usize,
    behind: usize,
    start: usize,
    end: usize,
}

/// How many words the run has that ends here.
fn quote_words(words: &Words) -> usize {
    if words.ends_unspaced() { UNSPACED_WORDS } else { QUOTE_WORDS }
}

/// The beginning of an index: `aispm-kd`, the version as 1 byte, the lengths of values as 16, the number of hashes as 8,
/// the length of the asset's id as 2, and the id. A [`Table`] follows, and 32 bytes of HMAC-SHA-256 over all before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    asset: String,
    /// Bit n: there are values of n letters and digits; the last, also longer ones.
    lengths: u128,
    count: usize,
}

impl Header {
    const MAGIC: &[u8; 8] = b"aispm-kd";
    const VERSION: u8 = 2;
    const LONGEST_ASSET: usize = 4096;

    fn write(&self) -> Vec<u8> {
        let length = u16::try_from(self.asset.len()).unwrap_or_default();
        let mut bytes = Self::MAGIC.to_vec();
        bytes.push(Self::VERSION);
        bytes.extend(self.lengths.to_le_bytes());
        bytes.extend((self.count as u64).to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(self.asset.as_bytes());
        bytes
    }

    /// A header, and where it ends.
    fn read(bytes: &[u8]) -> Result<(Self, usize)> {
        let malformed = || Error::new(ErrorKind::Malformed, "no index of known data");
        let rest = bytes.strip_prefix(Self::MAGIC).ok_or_else(malformed)?;
        let (version, rest) = rest.split_first().ok_or_else(malformed)?;
        if *version != Self::VERSION {
            let message = format!("version {version} of an index of known data; version {} is known", Self::VERSION);
            return Err(Error::new(ErrorKind::Malformed, message));
        }
        let (lengths, rest) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
        let (count, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
        let asset = rest.get(..usize::from(u16::from_le_bytes(*length))).ok_or_else(malformed)?;
        let count = usize::try_from(u64::from_le_bytes(*count)).map_err(|_| malformed())?;
        let asset = std::str::from_utf8(asset).map_err(|_| malformed())?;
        let header = Self { asset: asset.to_owned(), lengths: u128::from_le_bytes(*lengths), count };
        let end = header.write().len();
        Ok((header, end))
    }

    fn add_length(&mut self, chars: usize) {
        self.lengths |= 1 << chars.min(127);
    }

    /// Runs of words that end here and are as long as some value.
    fn candidates(&self, words: &Words) -> impl Iterator<Item = Run> {
        (1..=VALUE_WORDS)
            .map_while(|length| words.last(length))
            .filter(|run| self.lengths >> run.chars.min(127) & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
