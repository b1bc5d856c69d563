//! What belongs to a system: its members, and what these serve, use, learn from and are guarded by.

use std::collections::HashSet;

use crate::assess::Assessment;
use crate::asset::{Asset, AssetKind, Finding, LineageQuery, RelationKind, Result};
use crate::discover::declared::like;
use crate::policy::classify;
use crate::policy::controls::Shown;

/// Most assets that are gone through.
const LIMIT: usize = 20_000;

pub(super) struct Parts<'a> {
    pub(super) assessment: &'a Assessment,
    pub(super) system: &'a Asset,
    /// Nearest first, the system itself left out.
    assets: Vec<&'a Asset>,
    ids: HashSet<&'a str>,
}

impl<'a> Parts<'a> {
    /// Of a declared system. O(assets and relations reached).
    pub(super) fn new(assessment: &'a Assessment, system: &str) -> Result<Self> {
        use RelationKind::{
            AppliesTo, Contains, DeployedBy, DerivedFrom, Exposes, HasTool, Invokes, LogsTo, Prompts, Reads,
            RetrievesFrom, RunsOn, Serves, TrainedOn, Uses, Writes,
        };
        let inventory = &assessment.inventory;
        let system = classify::find(inventory, system)?;
        let mut assets = vec![system];
        let mut ids = HashSet::from([system.id.as_str()]);
        let mut next = 0;
        while let Some(current) = assets.get(next).copied() {
            next += 1;
            let outgoing = inventory.outgoing(current.id.as_str()).filter(|relation| {
                matches!(
                    relation.kind,
                    Contains
                        | DerivedFrom
                        | DeployedBy
                        | HasTool
                        | Invokes
                        | LogsTo
                        | Prompts
                        | Reads
                        | RetrievesFrom
                        | RunsOn
                        | Serves
                        | TrainedOn
                        | Uses
                )
            });
            let incoming = inventory.incoming(current.id.as_str()).filter(|relation| match relation.kind {
                AppliesTo | Exposes => true,
                // what makes a model or a data set is part of how the system came to be
                Writes => matches!(current.kind, AssetKind::Model | AssetKind::Dataset),
                _ => false,
            });
            let near = outgoing.map(|relation| &relation.to).chain(incoming.map(|relation| &relation.from));
            for asset in near.filter_map(|id| inventory.get(id.as_str())) {
                // another system, and what all the world passes, are not parts
                let part = !matches!(asset.kind, AssetKind::System | AssetKind::NetworkEntry | AssetKind::Account);
                if part && assets.len() < LIMIT && ids.insert(asset.id.as_str()) {
                    assets.push(asset);
                }
            }
        }
        assets.remove(0);
        Ok(Self { assessment, system, assets, ids })
    }

    pub(super) fn of(&self, kinds: &[AssetKind]) -> impl Iterator<Item = &'a Asset> {
        self.assets.iter().copied().filter(move |asset| kinds.contains(&asset.kind))
    }

    /// Models, those that were made here first.
    pub(super) fn models(&self) -> Vec<&'a Asset> {
        let mut models = self.of(&[AssetKind::Model]).collect::<Vec<_>>();
        models.sort_by_key(|model| !self.made_here(model));
        models
    }

    /// Whether a model was trained or tuned here, as far as its type or lineage shows.
    pub(super) fn made_here(&self, model: &Asset) -> bool {
        use crate::asset::ModelType::{Classical, FineTuned};
        let trained = self.assessment.inventory.outgoing(model.id.as_str());
        matches!(model.model_type, Some(FineTuned | Classical))
            || trained.into_iter().any(|relation| relation.kind == RelationKind::TrainedOn)
    }

    /// What models were made of: everything upstream of them that holds data, by id.
    pub(super) fn training_data(&self) -> Vec<&'a Asset> {
        let from = self.models().into_iter().map(|model| model.id.clone()).collect();
        let query = LineageQuery { from, upstream: true, ..LineageQuery::default() };
        let inventory = &self.assessment.inventory;
        let upstream = inventory.lineage(&query);
        let mut data = upstream.iter().filter_map(|answer| inventory.get(answer.asset.as_str())).collect::<Vec<_>>();
        // where models are kept is not what they were made of
        let keeps = |asset: &Asset| {
            inventory.outgoing(asset.id.as_str()).filter(|relation| relation.kind == RelationKind::Contains).any(
                |held| {
                    inventory
                        .get(held.to.as_str())
                        .is_some_and(|held| matches!(held.kind, AssetKind::Model | AssetKind::ModelFile))
                },
            )
        };
        data.retain(|asset| asset.kind.is_data() && asset.kind != AssetKind::Secret && !keeps(asset));
        data.sort_by(|a, b| a.id.cmp(&b.id));
        data
    }

    /// Findings on the system or its parts, worst first.
    pub(super) fn findings(&self) -> Vec<&'a Finding> {
        self.assessment.findings.iter().filter(|finding| self.ids.contains(finding.asset.as_str())).collect()
    }

    /// How many attack paths pass the system or its parts.
    pub(super) fn paths(&self) -> usize {
        let passes = |path: &&crate::path::AttackPath| path.assets().any(|id| self.ids.contains(id.as_str()));
        self.assessment.paths.iter().filter(passes).count()
    }

    /// Declared evidence of these types about the system, a part of it, or everything.
    pub(super) fn shown(&self, kinds: &[&str]) -> Vec<&'a Shown> {
        let controls = self.assessment.coverage.iter().flat_map(|coverage| &coverage.controls);
        let mut shown = controls.flat_map(|control| &control.shown).collect::<Vec<_>>();
        shown.retain(|shown| {
            let about = shown.asset.as_deref();
            kinds.contains(&shown.kind.as_str())
                && about.is_none_or(|pattern| self.ids.iter().any(|id| like(pattern, id)))
        });
        shown.sort();
        shown.dedup();
        shown
    }
}
