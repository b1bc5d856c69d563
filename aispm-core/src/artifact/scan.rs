//! The state of one scan: what was found, where we are, and what may still be spent.

use std::borrow::Cow;

use super::report::{ArtifactFinding, Verdict};
use super::rule::Rule;
use crate::asset::Severity;

/// More findings than this say nothing new.
const FINDING_LIMIT: usize = 100;
/// The longest detail kept, in code points.
const DETAIL_LIMIT: usize = 160;

/// What a scan of one file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// A larger file is read only at its head, where the format allows; bytes.
    pub(super) file: u64,
    /// All that archives and compressed streams may unpack to, together; bytes.
    pub(super) unpacked: u64,
    /// Archives within archives, pickles within pickles.
    pub(super) depth: usize,
    /// Pickle operations.
    pub(super) steps: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { file: 2 << 30, unpacked: 512 << 20, depth: 6, steps: 100_000_000 }
    }
}

/// One scan of one file.
#[derive(Debug)]
pub(super) struct Scan {
    /// What is left to spend.
    pub(super) budget: Budget,
    /// What the file itself holds, and what it might unpack to at most; bytes.
    pub(super) size: u64,
    pub(super) unpacked_limit: u64,
    findings: Vec<ArtifactFinding>,
    unread: Option<String>,
    member: Vec<String>,
}

impl Scan {
    pub(super) fn new(budget: Budget, size: u64) -> Self {
        Self { budget, size, unpacked_limit: budget.unpacked, findings: Vec::new(), unread: None, member: Vec::new() }
    }

    /// Reports with the rule's own severity.
    pub(super) fn found(&mut self, rule: Rule, byte: Option<usize>, detail: &str, message: impl Into<String>) {
        self.found_as(rule, rule.text().severity, byte, detail, message);
    }

    /// Reports with a severity of its own. The same rule and detail in the same member is reported once.
    pub(super) fn found_as(
        &mut self,
        rule: Rule,
        severity: Severity,
        byte: Option<usize>,
        detail: &str,
        message: impl Into<String>,
    ) {
        let detail = (!detail.is_empty()).then(|| printable(detail));
        let member = (!self.member.is_empty()).then(|| self.member.join("!"));
        let same = |f: &ArtifactFinding| f.rule == rule && f.detail == detail && f.member == member;
        let known = self.findings.iter_mut().find(|f| same(f));
        if let Some(known) = known {
            known.severity = known.severity.max(severity);
            return;
        }
        // a flood of mild findings must not push out a grave one
        if self.findings.len() >= FINDING_LIMIT
            && (Verdict::of(severity) <= self.verdict() || self.findings.len() >= FINDING_LIMIT * 2)
        {
            return;
        }
        let byte = byte.and_then(|byte| u64::try_from(byte).ok());
        self.findings.push(ArtifactFinding { rule, severity, message: message.into(), member, byte, detail });
    }

    /// Notes that a part was not read; the first reason stays.
    pub(super) fn unread(&mut self, reason: impl Into<String>) {
        if self.unread.is_none() {
            let reason = reason.into();
            self.unread =
                Some(if self.member.is_empty() { reason } else { format!("{}: {reason}", self.member.join("!")) });
        }
    }

    /// Runs `body` one level down, unless that is too deep.
    pub(super) fn inside(&mut self, member: &str, body: impl FnOnce(&mut Self)) {
        if self.member.len() >= self.budget.depth {
            self.unread(format!("nested deeper than {} levels", self.budget.depth));
            return;
        }
        self.member.push(printable(member));
        body(self);
        self.member.pop();
    }

    /// Whether anything at least this bad was found.
    pub(super) fn verdict(&self) -> Verdict {
        let worst = self.findings.iter().map(|f| Verdict::of(f.severity)).max().unwrap_or(Verdict::Clean);
        if self.unread.is_some() { worst.max(Verdict::Unscanned) } else { worst }
    }

    /// Keeps what `body` found only if it says so.
    pub(super) fn attempt(&mut self, body: impl FnOnce(&mut Self) -> bool) -> bool {
        let (findings, unread) = (self.findings.clone(), self.unread.clone());
        let keep = body(self);
        if !keep {
            (self.findings, self.unread) = (findings, unread);
        }
        keep
    }

    /// The verdict, the reason if something was not read, and the findings, worst first.
    pub(super) fn finish(mut self) -> (Verdict, Option<String>, Vec<ArtifactFinding>) {
        self.findings.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then_with(|| a.member.cmp(&b.member)).then_with(|| a.byte.cmp(&b.byte))
        });
        (self.verdict(), self.unread, self.findings)
    }
}

/// Text from a file, made fit for a terminal: control characters escaped, cut short.
pub(super) fn printable(text: &str) -> String {
    let mut short = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == DETAIL_LIMIT {
            short.push('…');
            break;
        }
        if c.is_control() { short.extend(c.escape_default()) } else { short.push(c) }
    }
    short
}

/// The bytes as text, at most `limit` of them.
pub(super) fn lossy(bytes: &[u8], limit: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.get(..limit).unwrap_or(bytes))
}
