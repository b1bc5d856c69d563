//! Hugging Face: the files of a model's folder, its card, and what the hub's API says.

mod card;
mod config;
mod hub;

pub(super) use self::card::{CARD, front_matter};
pub(in crate::discover) use self::config::describe;
pub(super) use self::config::{ADAPTER, DATASET_INFO, MODULES, PART, PIPELINE, TRAINING_DATA};
pub(super) use self::hub::HUB;

use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::format::Found;
use crate::discover::model_ref;

/// The model that another was made from, where the name is one of the hub or of a provider.
fn derived_from(id: &str, base: &str, pointer: &str, document: &Document, found: &mut Found) {
    if let Some(base) = model_ref::model(base, id).filter(|base| base.id.as_str() != id) {
        let evidence = document.evidence(pointer).excerpt(&base.name);
        found.relate(id, RelationKind::DerivedFrom, base.id.as_str(), &evidence);
        found.inventory.add(base.seen(evidence));
    }
}

/// A data set of the hub.
fn hub_dataset(name: &str) -> Asset {
    let name = name.trim_start_matches("https://huggingface.co/datasets/");
    let mut asset = Asset::new(format!("https://huggingface.co/datasets/{name}"), AssetKind::Dataset, name).ai();
    asset.provenance.publisher = name.split_once('/').map(|(publisher, _)| publisher.to_owned());
    asset.provenance.source = Some("https://huggingface.co".to_owned());
    asset
}

#[cfg(test)]
mod tests;
