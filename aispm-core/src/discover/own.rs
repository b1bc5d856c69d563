//! What the caller's own tables say of models, packages and images, whichever format named them.
//!
//! Readers ask the run's tables where an answer decides what they read on; for the rest it is enough to ask once, when
//! all is read.

use super::catalog::{Catalog, Tables};
use super::container::image_matches;
use crate::asset::{Asset, AssetKind, Inventory, ModelType};

/// Adds what these tables know to what was found by the built-in ones. O(assets · images).
pub(super) fn join(tables: &Tables, inventory: &mut Inventory) {
    if tables.is_builtin() {
        return;
    }
    let known: Vec<_> =
        inventory.assets().filter_map(|asset| Some((asset.id.clone(), judge(tables, asset)?))).collect();
    for (id, judged) in known {
        let Some(asset) = inventory.get_mut(id.as_str()) else { continue };
        asset.ai = true;
        match judged {
            Known::Provider(name) => {
                asset.properties.insert("provider".into(), name.into());
                asset.model_type = asset.model_type.or(Some(ModelType::Foundation));
                asset.provenance.publisher.get_or_insert_with(|| name.to_owned());
            }
            Known::Role(role) => {
                asset.properties.insert("role".into(), role.into());
            }
            Known::Server(name) => {
                asset.properties.insert("model_server".into(), name.into());
            }
        }
    }
}

/// What the tables know of an asset.
enum Known<'t> {
    Provider(&'t str),
    Role(&'t str),
    Server(&'t str),
}

fn judge<'t>(tables: &'t Catalog, asset: &Asset) -> Option<Known<'t>> {
    match asset.kind {
        AssetKind::Model if asset.text("provider").is_none() => {
            let provider = tables.provider_by_model(asset.id.as_str().strip_prefix("model:")?)?;
            Some(Known::Provider(&provider.name))
        }
        AssetKind::Package if asset.text("role").is_none() => {
            let role = tables.package_role(asset.text("ecosystem")?, asset.text("package").unwrap_or(&asset.name))?;
            Some(Known::Role(role))
        }
        AssetKind::ContainerImage if asset.text("model_server").is_none() => {
            let reference = asset.id.as_str().strip_prefix("pkg:docker/")?;
            let name = reference.split(['@', '?']).next().unwrap_or(reference);
            let mut servers = tables.servers.servers.iter();
            let server = servers.find(|server| server.images.iter().any(|image| image_matches(name, image)))?;
            Some(Known::Server(&server.name))
        }
        _ => None,
    }
}
