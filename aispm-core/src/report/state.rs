//! How findings and paths stand: against the baseline.

use super::Report;
use crate::asset::Finding;
use crate::path::AttackPath;

/// How a finding or path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There; no baseline was given.
    Open,
    /// There, and not in the baseline.
    New,
    /// There, as in the baseline.
    Known,
    /// In the baseline, and gone.
    Resolved,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::New => "new",
            Self::Known => "known",
            Self::Resolved => "resolved",
        }
    }

    /// Whether somebody should look: neither accepted nor gone.
    pub(super) fn is_alert(self) -> bool {
        matches!(self, Self::Open | Self::New)
    }
}

impl<'a> Report<'a> {
    /// Every finding with its state: what is there first, worst first in each state.
    pub(super) fn told(&self) -> impl Iterator<Item = (&'a Finding, State)> + use<'a> {
        let baseline = self.assessment.baseline.as_ref();
        let there = if baseline.is_some() { State::New } else { State::Open };
        let findings = self.assessment.findings.iter().map(move |finding| (finding, there));
        let known = baseline.map_or(&[][..], |told| &told.known).iter().map(|finding| (finding, State::Known));
        let gone = baseline.map_or(&[][..], |told| &told.resolved).iter().map(|finding| (finding, State::Resolved));
        findings.chain(known).chain(gone)
    }

    /// How an attack path stands.
    pub(super) fn path_state(&self, path: &AttackPath) -> State {
        match &self.assessment.baseline {
            None => State::Open,
            Some(told) if told.new_paths.contains(&path.id) => State::New,
            Some(_) => State::Known,
        }
    }
}
