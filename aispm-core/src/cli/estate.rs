//! What commands that judge an estate have in common: its files, and what to judge by.

use std::path::PathBuf;

use super::{Exit, warn};
use crate::assess::{Assessment, Assessor};
use crate::asset::Result;
use crate::discover::Discovery;

#[derive(Debug, clap::Args)]
pub(super) struct Estate {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Declared facts, instead of aispm.yaml at the root of what is assessed
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also know the AI services, packages and model servers of this file; may be given several times
    #[arg(long = "catalog", value_name = "FILE")]
    catalogs: Vec<PathBuf>,
    /// Also judge by the rules of this file; may be given several times
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    #[command(flatten)]
    data: super::data::Data,
    /// Judge approvals, waivers and evidence as on this day, YYYY-MM-DD, instead of today
    #[arg(long, value_name = "DAY", value_parser = super::day)]
    today: Option<String>,
}

impl Estate {
    pub(super) fn assess(&self) -> Result<Assessment> {
        self.assessor()?.run(&self.paths)
    }

    pub(super) fn discover(&self) -> Result<Discovery> {
        self.assessor()?.discover(&self.paths)
    }

    fn assessor(&self) -> Result<Assessor> {
        let today = self.today.clone().unwrap_or_else(super::today);
        let assessor = self.facts.iter().fold(super::assessor(&self.catalogs)?, |assessor, file| assessor.facts(file));
        let assessor = self.data.load()?.into_iter().fold(assessor, Assessor::data);
        Ok(self.policies.iter().fold(assessor, Assessor::policy).today(today))
    }
}

/// Why a result must not be relied on: nothing could be read, or a gate would pass on half the input.
pub(super) fn unreliable(assessment: &Assessment, gate: bool, allow_incomplete: bool) -> Option<Exit> {
    let nothing = assessment.files.is_empty() && (gate && !allow_incomplete || !assessment.incomplete.is_empty());
    let blind = assessment.blind_spots().filter(|_| gate && !allow_incomplete).count() > 0;
    if !nothing && !blind {
        return None;
    }
    for unread in &assessment.incomplete {
        warn(&format!("error: {} was not read: {}", unread.path, unread.reason));
    }
    warn(if nothing { "error: nothing could be read" } else { "error: the gate does not pass on half the input" });
    Some(Exit::Unreliable)
}
