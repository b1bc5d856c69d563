//! `aispm scan`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Exit, line, output, print_json, written};
use crate::artifact::{ArtifactFinding, FileReport, Scanner, Verdict, rules};
use crate::asset::{Error, Result, Severity};

/// Scan model files without loading them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders to scan, `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Style::Text)]
    format: Style,
    /// Write the result to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Style {
    Text,
    Json,
    Sarif,
}

#[derive(Debug, Serialize)]
struct Document {
    files: Vec<FileReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incomplete: Vec<Incomplete>,
}

#[derive(Debug, Serialize)]
struct Incomplete {
    path: String,
    reason: String,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let scanner = Scanner::builtin();
        let mut files = Vec::new();
        for path in &self.paths {
            if path.as_os_str() == "-" {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)
                    .map_err(|error| Error::unreadable(path, error))?;
                files.push(scanner.scan_bytes("-", &bytes));
            } else {
                files.extend(scanner.scan_path(path));
            }
        }
        let incomplete: Vec<Incomplete> = files
            .iter()
            .filter_map(|file| Some(Incomplete { path: file.path.clone(), reason: file.reason.clone()? }))
            .collect();
        let worst = files.iter().map(|file| file.verdict).max();
        let nothing_read = !files.is_empty() && files.iter().all(|file| file.sha256.is_none() && file.reason.is_some());
        let mut out = output(self.output.as_ref())?;
        match self.format {
            Style::Json => print_json(&mut *out, &Document { files, incomplete })?,
            Style::Sarif => {
                let sarif = sarif(&files);
                serde_json::to_writer_pretty(&mut out, &sarif).map_err(|error| written(error.into()))?;
                writeln!(out).and_then(|()| out.flush()).map_err(written)?;
            }
            Style::Text => text(&mut *out, &files).and_then(|()| out.flush()).map_err(written)?,
        }
        Ok(match worst {
            Some(Verdict::Malicious | Verdict::Suspicious) => Exit::Findings,
            _ if nothing_read => Exit::Unreliable,
            None => Exit::Unreliable,
            _ => Exit::Clean,
        })
    }
}

/// What is worst first, why, and what to do.
fn text(out: &mut dyn Write, files: &[FileReport]) -> std::io::Result<()> {
    let mut sorted: Vec<&FileReport> = files.iter().filter(|file| file.verdict != Verdict::Clean).collect();
    sorted.sort_by(|a, b| b.verdict.cmp(&a.verdict).then_with(|| a.path.cmp(&b.path)));
    for file in sorted {
        line(out, format_args!("{:<10}  {}  ({})", file.verdict, file.path, file.format))?;
        for finding in file.findings.iter().filter(|finding| finding.severity > Severity::Low) {
            let place = place(finding).map(|place| format!("  [{place}]")).unwrap_or_default();
            line(out, format_args!("    {:<8} {}: {}{place}", finding.severity, finding.rule, finding.message))?;
        }
        if let Some(reason) = &file.reason {
            line(out, format_args!("    not read: {reason}"))?;
        }
        if let Some(worst) = file.findings.first() {
            line(out, format_args!("    → {}", worst.rule.text().fix))?;
        }
    }
    let count = |verdict| files.iter().filter(|file| file.verdict == verdict).count();
    let counts: Vec<String> =
        Verdict::ALL.iter().rev().map(|verdict| format!("{} {verdict}", count(*verdict))).collect();
    line(out, format_args!("{}: {}", crate::report::count(files.len(), "file"), counts.join(", ")))
}

fn place(finding: &ArtifactFinding) -> Option<String> {
    match (&finding.member, finding.byte) {
        (Some(member), Some(byte)) => Some(format!("{member}, byte {byte}")),
        (Some(member), None) => Some(member.clone()),
        (None, byte) => byte.map(|byte| format!("byte {byte}")),
    }
}

/// SARIF 2.1.0.
fn sarif(files: &[FileReport]) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        _ => "note",
    };
    let results: Vec<Value> = files
        .iter()
        .flat_map(|file| file.findings.iter().map(move |finding| (file, finding)))
        .map(|(file, finding)| {
            let region = finding.byte.filter(|_| finding.member.is_none()).map(|byte| json!({ "byteOffset": byte }));
            let members: Vec<Value> = finding.member.iter().map(|member| json!({ "name": member })).collect();
            let mut location = json!({ "artifactLocation": { "uri": uri(&file.path) } });
            if let (Some(region), Some(physical)) = (region, location.as_object_mut()) {
                physical.insert("region".to_owned(), region);
            }
            let location = json!({ "physicalLocation": location, "logicalLocations": members });
            json!({
                "ruleId": finding.rule.as_str(),
                "level": level(finding.severity),
                "message": { "text": finding.message },
                "locations": [location],
            })
        })
        .collect();
    let unread: Vec<Value> = files
        .iter()
        .filter_map(|file| Some((file, file.reason.as_ref()?)))
        .map(|(file, reason)| {
            json!({
                "level": "warning",
                "message": { "text": format!("not read: {reason}") },
                "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&file.path) } } }],
            })
        })
        .collect();
    let rules: Vec<Value> = rules()
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id.as_str(),
                "shortDescription": { "text": rule.title },
                "help": { "text": rule.fix },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "aispm", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": unread }],
        }],
    })
}

/// A path as a URI reference: what RFC 3986 does not allow in a path is percent-encoded.
fn uri(path: &str) -> String {
    path.bytes().fold(String::new(), |mut uri, byte| {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(byte)),
            b'\\' => uri.push('/'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
        uri
    })
}
