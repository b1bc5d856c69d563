//! Organisations, folders, projects, and what lies in them.

use std::collections::{HashMap, HashSet};

use super::member;
use crate::asset::{AssetId, Inventory, RelationKind};

/// Most levels and holders looked at above a resource; Google allows ten folders deep.
const ABOVE: usize = 64;

const PROJECTS: &str = "//cloudresourcemanager.googleapis.com/projects/";

/// What holds what, by id.
#[derive(Debug, Default)]
pub(super) struct Hierarchy {
    above: HashMap<String, Vec<String>>,
    /// Other names of projects and identities.
    names: HashMap<String, String>,
    /// The project that one of Google's own accounts works for, without lying in it.
    serves: HashMap<String, String>,
}

/// Whether an id is of Google Cloud by its form.
pub(super) fn is_gcp(id: &str) -> bool {
    id.starts_with("//") && id.contains(".googleapis.com/") || id.starts_with("gs://") || member::is_member(id)
}

impl Hierarchy {
    pub(super) fn new(inventory: &Inventory) -> Self {
        let mut this = Self::default();
        for asset in inventory.assets() {
            let own = is_gcp(asset.id.as_str());
            for alias in asset.aliases.iter().filter(|alias| own || is_gcp(alias.as_str())) {
                this.names.insert(member::key(alias.as_str()), asset.id.to_string());
            }
        }
        for asset in inventory.assets() {
            let names = [&asset.id].into_iter().chain(&asset.aliases).map(AssetId::as_str);
            for email in names.filter_map(|name| name.strip_prefix("serviceAccount:")) {
                let Some((project, inside)) = member::project(email) else { continue };
                let project = this.known(&format!("{PROJECTS}{project}")).to_owned();
                let held = if inside { this.above.entry(asset.id.to_string()).or_default() } else { &mut Vec::new() };
                held.push(project.clone());
                this.serves.insert(asset.id.to_string(), project);
            }
        }
        for relation in inventory.relations().filter(|relation| relation.kind == RelationKind::Contains) {
            let (holder, held) = (relation.from.as_str(), relation.to.as_str());
            if is_gcp(holder) && is_gcp(held) && !this.serves.contains_key(held) {
                this.above.entry(held.to_owned()).or_default().push(holder.to_owned());
            }
        }
        this
    }

    /// The id that a name stands for.
    pub(super) fn known<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).or_else(|| self.names.get(&member::key(id))).map_or(id, String::as_str)
    }

    /// A resource and all that holds it, nearest first.
    pub(super) fn chain(&self, id: &str) -> Vec<String> {
        let mut chain = vec![self.known(id).to_owned()];
        let mut seen: HashSet<String> = chain.iter().cloned().collect();
        let mut next = 0;
        while let Some(id) = chain.get(next).cloned().filter(|_| chain.len() < ABOVE) {
            next += 1;
            let named = by_name(&id).map(|above| self.known(&above).to_owned());
            let held = self.above.get(&id).into_iter().flatten().cloned();
            for above in held.chain(named).filter(|above| *above != id) {
                if seen.insert(above.clone()) {
                    chain.push(above);
                }
            }
        }
        chain
    }

    /// The project of a resource or identity; for what lies in none, the folder or organisation itself.
    pub(super) fn project(&self, id: &str) -> Option<String> {
        let known = self.known(id);
        if let Some(project) = self.serves.get(known) {
            return Some(project.clone());
        }
        let is_account = |id: &str| id.starts_with("//cloudresourcemanager.googleapis.com/");
        if is_account(known) {
            return Some(known.to_owned());
        }
        self.chain(known).into_iter().find(|above| above.starts_with(PROJECTS))
    }
}

/// What the name itself says of where it lies.
fn by_name(id: &str) -> Option<String> {
    if let Some(rest) = id.strip_prefix("gs://") {
        let (bucket, _) = rest.split_once('/')?;
        return Some(format!("gs://{bucket}"));
    }
    let (_, rest) = id.strip_prefix("//")?.split_once('/')?;
    let mut segments = rest.split('/');
    let (first, project, more) = (segments.next()?, segments.next()?, segments.next().is_some());
    (first == "projects" && more && !project.is_empty() && project != "_").then(|| format!("{PROJECTS}{project}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Asset, AssetKind, Relation};

    #[test]
    fn folders_above_and_other_names() {
        let mut inventory = Inventory::new();
        let crm = |path: &str| format!("//cloudresourcemanager.googleapis.com/{path}");
        inventory.add(Asset::new(crm("projects/acme"), AssetKind::Account, "acme").alias(crm("projects/12")));
        inventory.add(Asset::new("gs://acme-data", AssetKind::Bucket, "acme-data"));
        inventory.add(Asset::new(
            "serviceAccount:12-compute@developer.gserviceaccount.com",
            AssetKind::ServiceAccount,
            "c",
        ));
        inventory.add(Asset::new("serviceAccount:12@cloudbuild.gserviceaccount.com", AssetKind::ServiceAccount, "b"));
        for (from, to) in
            [("organizations/1", "folders/2"), ("folders/2", "projects/acme"), ("folders/2", "organizations/1")]
        {
            inventory.relate(Relation::new(crm(from), RelationKind::Contains, crm(to)));
        }
        inventory.relate(Relation::new(crm("projects/acme"), RelationKind::Contains, "gs://acme-data"));
        let hierarchy = Hierarchy::new(&inventory);
        let above = [crm("projects/acme"), crm("folders/2"), crm("organizations/1")];
        let service = "//run.googleapis.com/projects/12/locations/eu/services/s";
        for id in [service, "gs://acme-data", "serviceAccount:12-compute@developer.gserviceaccount.com"] {
            assert_eq!(hierarchy.chain(id)[1..], above, "{id}");
            assert_eq!(hierarchy.project(id).as_ref(), above.first(), "{id}");
        }
        let agent = "serviceAccount:12@cloudbuild.gserviceaccount.com";
        assert_eq!(hierarchy.chain(agent).len(), 1, "Google's own account is no resource of the project");
        assert_eq!(hierarchy.project(agent).as_ref(), above.first());
        assert_eq!(hierarchy.project("arn:aws:s3:::x"), None);
    }
}
