//! How findings and paths stand: against the baseline, and against what somebody accepts.

use super::Report;
use crate::asset::{Finding, Waiver};
use crate::path::AttackPath;

/// How a finding or path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State<'a> {
    /// There; no baseline was given.
    Open,
    /// There, and not in the baseline.
    New,
    /// There, as in the baseline.
    Known,
    /// There, and accepted for a while.
    Waived(&'a Waiver),
    /// In the baseline, and gone.
    Resolved,
}

impl State<'_> {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::New => "new",
            Self::Known => "known",
            Self::Waived(_) => "waived",
            Self::Resolved => "resolved",
        }
    }

    /// Whether somebody should look: neither accepted nor gone.
    pub(super) fn is_alert(self) -> bool {
        matches!(self, Self::Open | Self::New)
    }

    /// Who accepts it, until when and why.
    pub(super) fn waiver(self) -> Option<String> {
        let Self::Waived(waiver) = self else { return None };
        let ticket = waiver.ticket.as_ref().map(|ticket| format!(" ({ticket})")).unwrap_or_default();
        Some(format!("waived by {} until {}: {}{ticket}", waiver.owner, waiver.expires, waiver.reason))
    }
}

impl<'a> Report<'a> {
    /// Every finding with its state, worst first in each state; what is gone comes last.
    pub(super) fn told(&self) -> impl Iterator<Item = (&'a Finding, State<'a>)> + use<'a> {
        let baseline = self.assessment.baseline.as_ref();
        let gone = baseline.map_or(&[][..], |told| &told.resolved).iter().map(|finding| (finding, State::Resolved));
        self.there().chain(gone)
    }

    /// Every finding that is there, with its state.
    pub(super) fn there(&self) -> impl Iterator<Item = (&'a Finding, State<'a>)> + use<'a> {
        let baseline = self.assessment.baseline.as_ref();
        let state = if baseline.is_some() { State::New } else { State::Open };
        let findings = self.assessment.findings.iter().map(move |finding| (finding, state));
        let known = baseline.map_or(&[][..], |told| &told.known).iter().map(|finding| (finding, State::Known));
        let waived = self.assessment.waived.iter().map(|waived| (&waived.finding, State::Waived(&waived.waiver)));
        findings.chain(known).chain(waived)
    }

    /// How an attack path stands.
    pub(super) fn path_state(&self, path: &AttackPath) -> State<'static> {
        match &self.assessment.baseline {
            None => State::Open,
            Some(told) if told.new_paths.contains(&path.id) => State::New,
            Some(_) => State::Known,
        }
    }
}
