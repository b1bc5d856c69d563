//! Risk over time: the snapshots of a history, judged by the same rules.
//!
//! Every snapshot is judged anew, so that a score moves because the estate changed and not because the rules did.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assessor, Risk, RiskSubject};
use crate::asset::{Result, Severity};
use crate::monitor::Store;

/// Most systems and owners told of one snapshot, worst first.
const LISTED: usize = 20;

/// Findings and risk over time, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Trend {
    /// One for each snapshot.
    pub points: Vec<TrendPoint>,
}

/// One snapshot, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TrendPoint {
    /// The snapshot's number.
    pub snapshot: i64,
    /// When it was recorded, RFC 3339.
    pub time: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Assets in all.
    pub assets: usize,
    /// Findings by severity.
    pub findings: BTreeMap<Severity, usize>,
    /// The score of the estate.
    pub risk: f64,
    /// The scores of systems and owners, worst first, at most 20.
    pub scores: Vec<TrendScore>,
}

/// The score of a system or owner at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TrendScore {
    /// System or owner.
    pub subject: RiskSubject,
    /// Its id, or the owner.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// From 0 to 100.
    pub score: f64,
    /// How much it moved since the snapshot before; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
}

impl Assessor {
    /// Judges the newest `last` snapshots of a history as [`judge`](Self::judge) does. As much work as so many
    /// assessments, without reading files.
    pub fn trend(&self, store: &Store, last: usize) -> Result<Trend> {
        let snapshots = store.list()?;
        let newest = snapshots.len().saturating_sub(last);
        let mut before: Option<HashMap<(RiskSubject, String), f64>> = None;
        let mut trend = Trend::default();
        for snapshot in snapshots.into_iter().skip(newest) {
            let assessment = self.judge(store.load(snapshot.id)?)?;
            let groups = |subject| matches!(subject, RiskSubject::System | RiskSubject::Owner);
            let of = |subject| assessment.risks.iter().find(|risk| risk.subject == subject).map_or(0.0, |r| r.score);
            let now = assessment.risks.iter().filter(|risk| groups(risk.subject)).collect::<Vec<_>>();
            let score = |risk: &&Risk| TrendScore {
                subject: risk.subject,
                id: risk.id.clone(),
                name: risk.name.clone(),
                score: risk.score,
                change: before.as_ref().map(|before| {
                    let known = before.get(&(risk.subject, risk.id.clone())).copied().unwrap_or(0.0);
                    ((risk.score - known) * 10.0).round() / 10.0
                }),
            };
            let mut scores = now.iter().map(score).collect::<Vec<_>>();
            scores.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
            scores.truncate(LISTED);
            before = Some(now.iter().map(|risk| ((risk.subject, risk.id.clone()), risk.score)).collect());
            trend.points.push(TrendPoint {
                snapshot: snapshot.id,
                time: snapshot.time,
                label: snapshot.label,
                assets: assessment.inventory.len(),
                risk: of(RiskSubject::Estate),
                findings: assessment.summary.findings,
                scores,
            });
        }
        Ok(trend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Asset, AssetKind, Authentication, Exposure, Inventory};

    fn inventory(exposure: Exposure) -> Inventory {
        let mut chat = Asset::new("chat", AssetKind::Endpoint, "chat").ai();
        chat.exposure = Some(exposure);
        chat.authentication = Some(Authentication::None);
        chat.owner = Some("web".to_owned());
        chat.purpose = Some("chat".to_owned());
        let mut inventory = Inventory::new();
        inventory.add(chat);
        inventory
    }

    #[test]
    fn mending_lowers_the_score_of_owner_and_estate() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path().join("h.db")).unwrap();
        store.record(&inventory(Exposure::Public), "2026-01-01", None).unwrap();
        store.record(&inventory(Exposure::Internal), "2026-01-02", Some("closed")).unwrap();
        let trend = Assessor::new().trend(&store, 12).unwrap();
        let [open, closed] = trend.points.as_slice() else { panic!("{trend:?}") };
        assert!(open.risk > 50.0 && closed.risk < open.risk);
        assert_eq!(open.scores[0].change, None);
        assert_eq!(closed.label.as_deref(), Some("closed"));
        assert!(closed.scores.first().is_none_or(|score| score.change < Some(0.0)));
        assert_eq!(Assessor::new().trend(&store, 1).unwrap().points.len(), 1);
    }
}
