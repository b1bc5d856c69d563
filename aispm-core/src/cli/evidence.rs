//! `aispm evidence`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Exit, input, line, print_json, written};
use crate::assess::ledger::{
    AssessmentRecord, DecisionRecord, Entry, EntryKind, Head, Ledger, Record, Verification, Verifier,
};
use crate::assess::{Assessment, Assessor};
use crate::asset::{Document, Error, ErrorKind, Match, Result, SigningKey, VerifyingKey, Waiver, hex, sha256};
use crate::monitor::now;
use crate::policy::{PolicySet, PolicySetBuilder};
use crate::report::{EvidencePack, Report};

/// Keep a tamper-evident log of assessments, decisions and waivers, and check it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Append to a log; it is verified first, and made if it is not there
    Append {
        /// The log
        ledger: PathBuf,
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        signing: Signing,
        /// As of this time, RFC 3339 in UTC, instead of now
        #[arg(long)]
        time: Option<String>,
    },
    /// Check a log: exit with 0 if it is intact, 1 if not
    Verify {
        /// The log, or `-`
        ledger: PathBuf,
        /// The hash of an entry that the log must hold, or a file that `aispm evidence head` wrote
        #[arg(long, value_name = "HASH|FILE")]
        head: Option<String>,
        /// Every entry, and the head file, must be signed by this key, or by another that is given
        #[arg(long = "public-key", value_name = "FILE")]
        public_keys: Vec<PathBuf>,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Print where a log ends, to be kept elsewhere; it is verified first
    Head {
        /// The log
        ledger: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// Write evidence for an auditor: for each framework a page and OSCAL assessment results, and a manifest of digests
    Pack {
        /// Files and folders
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// This framework, such as eu_ai_act, owasp or iso_42001; may be given several times
        #[arg(long = "framework", value_name = "KEY", required = true)]
        frameworks: Vec<String>,
        /// Declared facts, instead of aispm.yaml at the root of what is assessed
        #[arg(long, value_name = "FILE")]
        facts: Option<PathBuf>,
        /// Also judge by the rules of this file; may be given several times
        #[arg(long = "policy", value_name = "FILE")]
        policies: Vec<PathBuf>,
        #[command(flatten)]
        data: super::data::Data,
        /// The time that the evidence bears and approvals are judged by, RFC 3339 in UTC, instead of now
        #[arg(long)]
        time: Option<String>,
        /// The folder to write to; made if it is not there
        #[arg(short, long, value_name = "FOLDER")]
        output: PathBuf,
    },
    /// List the entries of a log
    Show {
        /// The log
        ledger: PathBuf,
        /// Only this entry, in full
        seq: Option<u64>,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// An assessment, as `aispm assess --format json` writes it
    #[arg(long, value_name = "FILE")]
    assessment: Option<PathBuf>,
    /// Decisions, one JSON document or JSON Lines, as `aispm detect` and a guard write them; their texts are not kept
    #[arg(long, value_name = "FILE")]
    decision: Option<PathBuf>,
    /// A waiver: YAML with rule, asset, owner, reason and expires
    #[arg(long, value_name = "FILE")]
    waiver: Option<PathBuf>,
}

/// Keys for writing to a log.
#[derive(Debug, Clone, Default, clap::Args)]
struct Signing {
    /// Sign with this Ed25519 key: PKCS#8 in PEM, or 64 hex digits
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// With --key: what stands in the log may also be signed by this key, as after a change of keys
    #[arg(long = "public-key", value_name = "FILE", requires = "key")]
    public_keys: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        match self.command {
            Command::Append { ledger, what, signing, time } => {
                let records = what.records()?;
                let entries = append(&ledger, &signing, time.as_deref(), records)?;
                let mut out = super::output(None)?;
                for entry in entries {
                    line(&mut *out, format_args!("{} {}", entry.seq, entry.hash)).map_err(written)?;
                }
                out.flush().map_err(written)?;
                Ok(Exit::Clean)
            }
            Command::Verify { ledger, head, public_keys, format } => {
                let verifier = expected(keys(&public_keys)?, head.as_deref())?;
                let found = verify(&ledger, &verifier)?;
                let mut out = super::output(None)?;
                match format {
                    Format::Json => print_json(&mut *out, &found)?,
                    Format::Text => {
                        text(&mut *out, &found, public_keys.is_empty(), head.is_none()).map_err(written)?;
                    }
                }
                Ok(if found.is_intact() { Exit::Clean } else { Exit::Findings })
            }
            Command::Head { ledger, signing } => {
                let (key, verifier) = signing.read()?;
                let mut found = sound(&ledger, verify(&ledger, &Verifier::new())?)?;
                if key.is_some() && found.signed > 0 {
                    found = sound(&ledger, verify(&ledger, &verifier)?)?;
                }
                let head = key.iter().fold(found.head, Head::sign);
                print_json(&mut *super::output(None)?, &head)?;
                Ok(Exit::Clean)
            }
            Command::Pack { paths, frameworks, facts, policies, data, time, output } => {
                let time = time.unwrap_or_else(now);
                let data = data.load()?;
                let assessor = facts.iter().fold(super::assessor(&[])?.today(&time), Assessor::facts);
                let assessor = policies.iter().fold(assessor, Assessor::policy);
                let assessment = data.iter().cloned().fold(assessor, Assessor::data).run(&paths)?;
                if assessment.files.is_empty() {
                    return Err(Error::new(ErrorKind::Usage, "no file of a known format, so there is no evidence"));
                }
                let rules = policies.iter().try_fold(PolicySet::builder(), PolicySetBuilder::file)?;
                let rules = data.iter().try_fold(rules, |rules, pack| pack.policies(rules))?.build()?.rules();
                let report = Report::new(&assessment).rules(&rules).time(&time);
                write(&output, &EvidencePack::new(&report, &frameworks)?)?;
                for unread in assessment.blind_spots() {
                    super::warn(&format!("{} was not read: {}", unread.path, unread.reason));
                }
                Ok(Exit::Clean)
            }
            Command::Show { ledger, seq } => show(&ledger, seq),
        }
    }
}

impl What {
    fn records(&self) -> Result<Vec<Record>> {
        if let Some(file) = &self.assessment {
            let text = input(file)?;
            let assessment: Assessment = serde_json::from_str(&text).map_err(|error| Error::from(error).at(file))?;
            return Ok(vec![AssessmentRecord::new(&assessment).document(sha256(&text)).into()]);
        }
        if let Some(file) = &self.decision {
            return decisions(file, &input(file)?);
        }
        let waiver = |file: &PathBuf| -> Result<Record> {
            let path = file.to_string_lossy();
            let text = input(file)?;
            let waiver: Waiver = Document::config(path.as_ref(), &text)?;
            waiver.check(&Document::yaml(path.as_ref(), &text).0.pop().unwrap_or_default(), "")?;
            Ok((&waiver).into())
        };
        self.waiver.iter().map(waiver).collect()
    }
}

/// A decision as `aispm detect` and guards write it, or a row that could not be judged.
#[derive(Deserialize)]
struct DecisionRow {
    id: Option<serde_json::Value>,
    action: String,
    #[serde(default)]
    findings: Vec<Match>,
}

/// The decisions of one document, or of lines.
fn decisions(file: &Path, text: &str) -> Result<Vec<Record>> {
    let read = |text: &str| serde_json::from_str::<DecisionRow>(text);
    let record = |row: DecisionRow, text: &str| {
        let mut record = DecisionRecord::new(row.action, &row.findings).document(sha256(text));
        record.id = row.id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        Record::from(record)
    };
    if let Ok(row) = read(text) {
        return Ok(vec![record(row, text)]);
    }
    let rows = text.lines().enumerate().filter(|(_, row)| !row.trim().is_empty());
    rows.map(|(n, text)| {
        let row = read(text).map_err(|error| {
            let column = error.column();
            Error::from(error).at_line(n.saturating_add(1), column).at(file)
        })?;
        Ok(record(row, text))
    })
    .collect()
}

impl Signing {
    /// The key, and what the log must be for it.
    fn read(&self) -> Result<(Option<SigningKey>, Verifier)> {
        let Some(file) = &self.key else { return Ok((None, Verifier::new())) };
        let key = SigningKey::parse(&input(file)?).map_err(|error| error.at(file))?;
        let verifier = keys(&self.public_keys)?.key(key.verifying_key());
        Ok((Some(key), verifier))
    }
}

/// Appends to a log that no other process holds, if all of it verifies, and sees to it that it is on the disk.
fn append(file: &Path, signing: &Signing, time: Option<&str>, records: Vec<Record>) -> Result<Vec<Entry>> {
    let (key, verifier) = signing.read()?;
    let unreadable = |error| Error::unreadable(file, error);
    let mut log = OpenOptions::new().read(true).append(true).create(true).open(file).map_err(unreadable)?;
    log.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            Error::new(ErrorKind::Unreadable, "another process is appending to this log").at(file)
        }
        TryLockError::Error(error) => Error::unreadable(file, error),
    })?;
    let mut ledger = Ledger::resume(BufReader::new(&log), &verifier).map_err(|error| error.at(file))?;
    ledger = key.into_iter().fold(ledger, Ledger::key);
    let time = time.map_or_else(now, str::to_owned);
    let appended = records.into_iter().map(|record| ledger.append(&mut log, &time, record));
    let appended = appended.collect::<Result<Vec<_>>>().map_err(|error| error.at(file))?;
    log.sync_data().map_err(unreadable)?;
    Ok(appended)
}

/// Appends the outcome of an assessment, with the digest of what `--format json` prints of it.
pub(super) fn record(ledger: &Path, key: Option<PathBuf>, time: Option<&str>, assessment: &Assessment) -> Result<()> {
    let mut document = Digested(Sha256::new());
    print_json(&mut document, assessment)?;
    let record = AssessmentRecord::new(assessment).document(hex(&document.0.finalize()));
    append(ledger, &Signing { key, ..Signing::default() }, time, vec![record.into()])?;
    Ok(())
}

/// Takes a digest of what is written.
struct Digested(Sha256);

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn keys(files: &[PathBuf]) -> Result<Verifier> {
    files.iter().try_fold(Verifier::new(), |verifier, file| {
        Ok(verifier.key(VerifyingKey::parse(&input(file)?).map_err(|error| error.at(file))?))
    })
}

/// With the head that is given as 64 hex digits, or as a file.
fn expected(verifier: Verifier, head: Option<&str>) -> Result<Verifier> {
    let Some(head) = head else { return Ok(verifier) };
    if head.len() == 64 && head.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(verifier.head(head));
    }
    let file = Path::new(head);
    let head: Head = serde_json::from_str(&input(file)?).map_err(|error| Error::from(error).at(file))?;
    Ok(verifier.signed_head(head))
}

fn verify(ledger: &Path, verifier: &Verifier) -> Result<Verification> {
    let found = if ledger.as_os_str() == "-" {
        verifier.run(std::io::stdin().lock())
    } else {
        let log = File::open(ledger).map_err(|error| Error::unreadable(ledger, error))?;
        verifier.run(BufReader::new(log))
    };
    found.map_err(|error| error.at(ledger))
}

/// A log without problems, or the first of them as an error.
fn sound(ledger: &Path, found: Verification) -> Result<Verification> {
    let Some(problem) = found.problems.first() else { return Ok(found) };
    let error = Error::new(ErrorKind::Invalid, format!("the log does not verify: {}", problem.message)).at(ledger);
    let line = problem.line.and_then(|line| usize::try_from(line).ok());
    Err(line.into_iter().fold(error, |error, line| error.at_line(line, 1)))
}

/// The verdict in a line, what it rests on, then every problem.
fn text(out: &mut dyn Write, found: &Verification, no_key: bool, no_head: bool) -> std::io::Result<()> {
    for problem in &found.problems {
        let place = problem.line.map_or("end".to_owned(), |number| format!("line {number}"));
        line(out, format_args!("{:<10} {place}: {}", problem.what, problem.message))?;
    }
    if found.more_problems > 0 {
        line(out, format_args!("… and {} more", found.more_problems))?;
    }
    let verdict = if found.is_intact() { "intact" } else { "NOT INTACT" };
    let signed = match found.signed {
        0 => String::new(),
        _ if no_key => ", signed by a key that was not given to check against".to_owned(),
        _ => ", signed by the key given".to_owned(),
    };
    line(out, format_args!("{verdict}: {} entries{}, head {}", found.entries, signed, found.head.hash))?;
    if let Some(after @ 1..) = found.after_head.filter(|_| found.is_intact()) {
        line(out, format_args!("{after} entries follow the given head; only the chain vouches for them"))?;
    }
    if found.is_intact() && no_head {
        line(out, format_args!("without --head, entries that were cut off at the end are not noticed"))?;
    }
    out.flush()
}

/// Writes the files of a pack, the manifest last.
fn write(folder: &Path, pack: &EvidencePack) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::unreadable(folder, error))?;
    for (name, text) in &pack.files {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|error| Error::unreadable(&file, error))?;
    }
    Ok(())
}

/// The entries as they stand, a line each; a line that is none is told of by `verify`.
fn show(ledger: &Path, seq: Option<u64>) -> Result<Exit> {
    let text = input(ledger)?;
    let mut out = super::output(None)?;
    for entry in text.lines().filter_map(|row| serde_json::from_str::<Entry>(row).ok()) {
        if seq.is_none() {
            line(&mut *out, format_args!("{:>6}  {}  {:<10}  {}", entry.seq, entry.time, entry.kind, digest(&entry)))
                .map_err(written)?;
        } else if seq == Some(entry.seq) {
            print_json(&mut *out, &entry)?;
            return Ok(Exit::Clean);
        }
    }
    if let Some(seq) = seq {
        return Err(Error::new(ErrorKind::Usage, format!("the log has no entry {seq}")).at(ledger));
    }
    let found = verify(ledger, &Verifier::new())?;
    line(
        &mut *out,
        format_args!("{}", if found.is_intact() { "intact" } else { "NOT INTACT: see `aispm evidence verify`" }),
    )
    .and_then(|()| out.flush())
    .map_err(written)?;
    Ok(Exit::Clean)
}

/// What a person wants to see of an entry.
fn digest(entry: &Entry) -> String {
    let body = &entry.body;
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let listed = |name: &str| body.get(name).and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    match entry.kind {
        EntryKind::Assessment => {
            format!("{} findings, {} inputs unread", listed("findings"), body.get("incomplete").unwrap_or(&0.into()))
        }
        EntryKind::Decision => {
            format!("{} {} ({} matches)", text("action"), text("id"), listed("findings"))
        }
        EntryKind::Waiver => {
            format!("{} until {} by {}", text("rule"), text("expires"), text("owner"))
        }
    }
}
