//! Training: what a trainer is given, and where its model goes.

use super::call::Call;
use super::facts::Facts;
use super::model::is_word;
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::model_ref;

/// Most jobs of one file whose models are told apart.
const JOBS: usize = 16;

impl<'a> Facts<'_, 'a> {
    /// Jobs that train a model of this file, and the model that they give.
    pub(super) fn training(&mut self, calls: &[Call<'a>]) {
        let jobs: Vec<String> = calls.iter().filter_map(|call| self.job(call)).collect();
        // `model.push_to_hub("org/name")`
        for call in calls.iter().filter(|call| call.name() == "push_to_hub") {
            let name = call.first(self.code).or_else(|| call.text(self.code, &["repo_id", "hub_model_id"]));
            let Some(name) = name.filter(|name| is_word(name) && name.contains('/')) else { continue };
            let given = call.path.first().and_then(|root| self.named.get(*root)).cloned();
            if given.as_ref().is_some_and(|named| named.kind == AssetKind::Dataset) {
                continue;
            }
            let model = model_ref::hugging_face(&name);
            let id = model.id.to_string();
            self.relate(RelationKind::Writes, model, call.line);
            if let Some(base) = given.filter(|named| named.kind == AssetKind::Model && named.id != id) {
                self.link(&id, RelationKind::DerivedFrom, &base.id, call.line);
            }
            for job in jobs.iter().take(JOBS) {
                self.link(job, RelationKind::Writes, &id, call.line);
            }
        }
    }

    fn job(&mut self, call: &Call<'a>) -> Option<String> {
        let class = self.is(call, &catalog().code.trainers)?;
        if call.args.is_empty() {
            return None;
        }
        let name = call.assigned.unwrap_or(class);
        let job = Asset::new(self.local(name), AssetKind::TrainingJob, name).with("class", class);
        let id = job.id.to_string();
        self.relate(RelationKind::Contains, job, call.line);
        for arg in &call.args {
            let named = self.code.path(arg.value.clone()).and_then(|name| self.named.get(name)).cloned();
            match named {
                Some(named) if named.kind == AssetKind::Dataset => {
                    self.link(&id, RelationKind::Reads, &named.id, call.line);
                }
                Some(named) if named.kind == AssetKind::Model => {
                    self.link(&id, RelationKind::Uses, &named.id, call.line);
                }
                _ => {}
            }
        }
        for model in self.models_of(call, 1) {
            self.link(&id, RelationKind::Uses, model.id.as_str(), call.line);
        }
        Some(id)
    }
}
