//! An append-only log of assessments, decisions and waivers: JSON Lines, each entry chained to the one before it.
//!
//! An entry's hash is SHA-256 over its canonical JSON (RFC 8785) without `hash` and `signature`, and covers the hash of the
//! entry before it. A line is that canonical JSON and nothing else, so that no byte of a log is without meaning.
//!
//! What a log proves depends on what the one who checks it holds:
//!
//! | with | is found |
//! |---|---|
//! | nothing | any change by one who does not write the hashes of all later entries anew: a changed, removed, inserted or moved entry |
//! | a head noted elsewhere ([`Verifier::head`]) | every change up to that head, also by one who writes all hashes anew, and a tail cut before it |
//! | the public key of a signed log ([`Verifier::key`]) | every change and insertion by one without the private key; not a cut tail, nor a whole log of the same key put in its place |
//! | a signed head and the public key | every change up to that head and a cut tail, without the head having to be kept safe, and also of a log without signatures |
//!
//! None of it proves that what was logged was true, or that all was logged. One who holds the private key can write any
//! history; a head that someone else keeps limits him to what comes after it.
//!
//! A log has one writer at a time: two that append to one file at once would both chain to the same entry. The command line
//! locks the file; other callers must see to it. A log is signed from its first entry or not at all.
//!
//! ```
//! use aispm_core::assess::ledger::{Ledger, Record, Verifier};
//! use aispm_core::assess::Assessment;
//!
//! # fn main() -> aispm_core::Result<()> {
//! let (mut ledger, mut log) = (Ledger::new(), Vec::new());
//! ledger.append(&mut log, "2026-01-31T12:00:00Z", Record::assessment(&Assessment::default()))?;
//! ledger.append(&mut log, "2026-02-28T12:00:00Z", Record::assessment(&Assessment::default()))?;
//! assert!(Verifier::new().head(ledger.head().hash).run(log.as_slice())?.is_intact());
//!
//! log.truncate(log.len() / 2);
//! assert!(!Verifier::new().head(ledger.head().hash).run(log.as_slice())?.is_intact());
//! # Ok(())
//! # }
//! ```

use std::io::{BufRead, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asset::{
    Error, ErrorKind, Purpose, Result, SigningKey, VerifyingKey, canonical_json, is_utc, names, sha256,
};

mod lines;
mod record;
mod verify;

pub use record::{AssessmentRecord, ControlCounts, DecisionRecord, FindingRecord, FindingStatus, MatchRecord, Record};
pub use verify::{Problem, ProblemKind, Verification, Verifier};

/// The longest entry, in bytes with its line feed.
const ENTRY_LIMIT: usize = 1 << 20;

/// What the first entry names as the hash before it.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

names! {
    /// What an entry records.
    EntryKind, "snake_case" {
        /// The outcome of an assessment.
        Assessment = "assessment",
        /// What a guard decided about a message or a call.
        Decision = "decision",
        /// An exception from a rule that somebody granted.
        Waiver = "waiver",
    }
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Entry {
    /// Its number, from 0.
    pub seq: u64,
    /// When it was appended, RFC 3339 in UTC, as the writer said.
    pub time: String,
    /// What it records.
    pub kind: EntryKind,
    /// The hash of the entry before it; zeros at the first.
    pub previous: String,
    /// What is recorded.
    pub body: Value,
    /// The public key of its signature, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// SHA-256 over the canonical JSON of all but `hash` and `signature`, 64 hex digits.
    pub hash: String,
    /// Ed25519 over `aispm/1 ledger entry`, a line feed and `hash`; 128 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Where a log ends. Kept elsewhere, it shows a tail that was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Head {
    /// How many entries the log has.
    pub entries: u64,
    /// The hash of the last one; zeros without any.
    pub hash: String,
    /// The public key of the signature, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Ed25519 over `aispm/1 ledger head`, a line feed and the canonical JSON of `entries`, `hash` and `signed_by`; 128 hex
    /// digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// The writing end of a log: knows where it ends, not what it holds.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Ledger {
    head: Head,
    /// Whether the entries are signed; the first one decides.
    signed: bool,
    key: Option<SigningKey>,
}

impl Ledger {
    /// A log without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with a log. One that does not verify is refused: appending to it would vouch for it. O(log).
    pub fn resume(log: impl BufRead, verifier: &Verifier) -> Result<Self> {
        let verification = verifier.run(log)?;
        if let Some(problem) = verification.problems.first() {
            let message = format!("nothing is appended to a log that does not verify: {}", problem.message);
            let error = Error::new(ErrorKind::Invalid, message);
            let line = problem.line.and_then(|line| usize::try_from(line).ok());
            return Err(line.into_iter().fold(error, |error, line| error.at_line(line, 1)));
        }
        Ok(Self { signed: verification.signed > 0, head: verification.head, key: None })
    }

    /// Signs each entry with this key.
    #[must_use]
    pub fn key(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Writes one entry as one line, in one piece. `time` is RFC 3339 in UTC. After an error the log is as it was, unless
    /// `out` wrote a part of the line before it failed: then the log ends in a broken line and is refused from then on.
    pub fn append(&mut self, out: &mut dyn Write, time: &str, record: impl Into<Record>) -> Result<Entry> {
        if !is_utc(time) {
            let message = format!("{time:?} is not a time in UTC such as 2026-01-31T12:00:00Z");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        if self.head.entries > 0 && self.signed != self.key.is_some() {
            let message = if self.signed {
                "this log is signed: give the key"
            } else {
                "this log is not signed: start another to sign"
            };
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let (kind, body) = record.into().into_parts();
        let mut entry = Entry {
            seq: self.head.entries,
            time: time.to_owned(),
            kind,
            previous: self.head.hash.clone(),
            body,
            signed_by: self.key.as_ref().map(|key| key.verifying_key().to_string()),
            hash: String::new(),
            signature: None,
        };
        let mut value = serde_json::to_value(&entry)?;
        entry.hash = hash(&mut value);
        entry.signature = self.key.as_ref().map(|key| key.sign(Purpose::Entry, entry.hash.as_bytes()));
        let mut line = canonical_json(&serde_json::to_value(&entry)?);
        line.push('\n');
        if line.len() > ENTRY_LIMIT {
            let message = format!("an entry of {} bytes is longer than {ENTRY_LIMIT}", line.len());
            return Err(Error::new(ErrorKind::Budget, message));
        }
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
            let mut wrapped = Error::new(ErrorKind::Unreadable, format!("cannot append to the log: {error}"));
            wrapped.source = Some(error);
            wrapped
        })?;
        self.head = Head { entries: self.head.entries.saturating_add(1), hash: entry.hash.clone(), ..Head::default() };
        self.signed = self.key.is_some();
        Ok(entry)
    }

    /// Where the log ends; signed if there is a key.
    #[must_use]
    pub fn head(&self) -> Head {
        match &self.key {
            Some(key) => self.head.clone().sign(key),
            None => self.head.clone(),
        }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self { entries: 0, hash: GENESIS.to_owned(), signed_by: None, signature: None }
    }
}

impl Head {
    /// The same head, signed.
    #[must_use]
    pub fn sign(mut self, key: &SigningKey) -> Self {
        self.signed_by = Some(key.verifying_key().to_string());
        self.signature = Some(key.sign(Purpose::Head, self.message().as_bytes()));
        self
    }

    /// Whether one of these keys signed it; without any, whether its signature, if it has one, is by the key it names.
    fn is_signed_by(&self, keys: &[VerifyingKey]) -> bool {
        match (&self.signed_by, &self.signature) {
            (None, None) => keys.is_empty(),
            (Some(by), Some(signature)) => {
                let key = VerifyingKey::parse(by).ok().filter(|key| keys.is_empty() || keys.contains(key));
                key.is_some_and(|key| key.verifies(Purpose::Head, self.message().as_bytes(), signature))
            }
            _ => false,
        }
    }

    fn message(&self) -> String {
        let Self { entries, hash, signed_by, .. } = self;
        canonical_json(&serde_json::json!({"entries": entries, "hash": hash, "signed_by": signed_by}))
    }
}

/// The hash of an entry; takes its `hash` and `signature` out.
fn hash(entry: &mut Value) -> String {
    if let Some(members) = entry.as_object_mut() {
        members.remove("hash");
        members.remove("signature");
    }
    sha256(canonical_json(entry))
}

#[cfg(test)]
mod tests;
