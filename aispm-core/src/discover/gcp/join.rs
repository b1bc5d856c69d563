//! What only shows when all files are read: which account a resource acts with that names none, and what projects that
//! were first seen by their number are called.

use std::collections::HashMap;

use super::{name, principal, resource};
use crate::asset::{AssetId, AssetKind, Inventory, Relation, RelationKind};

/// Whoever names no account acts with the one that Google makes for its project.
pub(in crate::discover) fn join(inventory: &mut Inventory) {
    let mut projects: HashMap<String, (Option<String>, Option<String>)> = HashMap::new();
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    for project in inventory.assets().filter(|asset| asset.kind == AssetKind::Account) {
        let ids = [&project.id].into_iter().chain(&project.aliases).map(AssetId::as_str);
        let names: Vec<&str> =
            ids.filter_map(|id| id.strip_prefix("//cloudresourcemanager.googleapis.com/projects/")).collect();
        let number = names.iter().find(|name| is_number(name)).map(|name| (*name).to_owned());
        let word = names.iter().find(|name| !is_number(name)).map(|name| (*name).to_owned());
        projects.extend(names.iter().map(|name| ((*name).to_owned(), (number.clone(), word.clone()))));
    }
    let mut acts = Vec::new();
    for asset in inventory.assets() {
        let Some(account) = asset.text(resource::ACTS_AS) else { continue };
        let project = asset.text("project").or_else(|| name::project_of(asset.id.as_str()));
        let Some(project) = project else { continue };
        let (number, word) = projects.get(project).cloned().unwrap_or_default();
        let own = Some(project.to_owned());
        let number = number.or_else(|| own.clone().filter(|own| is_number(own)));
        let word = word.or_else(|| own.filter(|own| !is_number(own)));
        let hole = if account.contains("{number}") { ("{number}", number) } else { ("{project}", word) };
        let (hole, Some(value)) = hole else { continue };
        let evidence = asset.evidence.first().cloned().unwrap_or_default();
        let member = format!("serviceAccount:{}", account.replace(hole, &value));
        if let Some(account) = principal::asset(&member) {
            let relation = Relation::new(asset.id.clone(), RelationKind::RunsAs, account.id.clone());
            acts.push((account.seen(evidence.clone()), relation.seen(evidence)));
        }
    }
    for project in inventory.assets_mut().filter(|asset| asset.kind == AssetKind::Account && is_number(&asset.name)) {
        let (_, word) = projects.get(&project.name).cloned().unwrap_or_default();
        if let Some(word) = word {
            project.name = word;
        }
    }
    for (account, relation) in acts {
        inventory.add(account);
        inventory.relate(relation);
    }
}
