//! Who owns what, as repositories say it: `CODEOWNERS` and Backstage's `catalog-info.yaml`.
//!
//! Both are read as assets that hold what the file says; [`claim`] then applies it to the assets whose files it covers.

use std::collections::HashMap;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde_json::{Value, json};

use super::format::{Found, Source, Structured, Textual};
use super::walk::{file_name, parent};
use crate::asset::{
    Asset, AssetId, AssetKind, Document, Error, Evidence, Inventory, OwnerClaim, OwnerSource, RelationKind,
};

pub(super) const FORMATS: &[Structured] = &[BACKSTAGE];

pub(super) const TEXTS: &[Textual] = &[CODEOWNERS];

const CODEOWNERS: Textual =
    Textual { name: "codeowners", critical: false, matches: |source| source.name() == "CODEOWNERS", read: codeowners };

/// Backstage entities; see its software catalog's descriptor format.
const BACKSTAGE: Structured = Structured {
    name: "backstage",
    critical: false,
    in_parts: false,
    markers: &["backstage.io/", "kind:"],
    matches: |value| {
        value.get("apiVersion").and_then(Value::as_str).is_some_and(|version| version.starts_with("backstage.io/"))
    },
    read: backstage,
};

/// Keeps the rules on the asset: each has a pattern, its owners and its line. A section of GitLab's without owners of a
/// line's own gives its default owners.
fn codeowners(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let (mut rules, mut section): (Vec<Value>, Vec<&str>) = (Vec::new(), Vec::new());
    for (line, text) in (1_u64..).zip(source.text.lines()) {
        let text = text.split(" #").next().unwrap_or_default().trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some((_, rest)) = text.trim_start_matches('^').strip_prefix('[').and_then(|text| text.split_once(']')) {
            let rest = rest.trim_start_matches(|c: char| c == '[' || c == ']' || c.is_ascii_digit());
            section = rest.split_whitespace().collect();
            continue;
        }
        let mut words = text.split_whitespace();
        let Some(pattern) = words.next() else { continue };
        let mut owners: Vec<&str> = words.collect();
        if owners.is_empty() {
            owners.clone_from(&section);
        }
        rules.push(json!({"pattern": pattern, "owners": owners, "line": line}));
    }
    let asset = Asset::new(format!("file:{}", source.path), AssetKind::Policy, source.name()).with("codeowners", rules);
    found.inventory.add(asset.seen(source.line(1).excerpt("CODEOWNERS")));
    Ok(())
}

fn backstage(document: &Document, found: &mut Found) {
    let value = &document.value;
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let (Some(kind), Some(name)) = (text("/kind"), text("/metadata/name")) else { return };
    let namespace = text("/metadata/namespace").unwrap_or("default");
    let at = |pointer: &str| document.evidence(pointer);
    let entity = kind.to_ascii_lowercase();
    let id = reference(&format!("{entity}:{namespace}/{name}"), &entity);
    let kind = match (entity.as_str(), text("/spec/type").unwrap_or_default()) {
        ("component", "ml-model" | "model") | ("resource", "ml-model" | "model") => AssetKind::Model,
        ("component", _) => AssetKind::Application,
        ("api", _) => AssetKind::Endpoint,
        ("group", _) => AssetKind::Team,
        ("user", _) => AssetKind::User,
        ("resource", kind) if kind.contains("bucket") => AssetKind::Bucket,
        ("resource", kind) if kind.contains("database") => AssetKind::Database,
        _ => AssetKind::Resource,
    };
    let title = text("/metadata/title").unwrap_or(name);
    let mut asset = Asset::new(&id, kind, title).seen(at("/metadata/name").excerpt(format!("{entity} {name}")));
    asset.purpose = text("/metadata/description").map(str::to_owned);
    asset.environment = text("/spec/lifecycle").filter(|cycle| *cycle == "production").map(str::to_owned);
    for (key, property) in [("type", "backstage_type"), ("lifecycle", "lifecycle"), ("system", "system")] {
        if let Some(value) = text(&format!("/spec/{key}")) {
            asset.properties.insert(property.into(), value.into());
        }
    }
    let annotations = value.pointer("/metadata/annotations").and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_str()?))) {
        match key.as_str() {
            "backstage.io/kubernetes-id" => {
                asset.properties.insert("kubernetes_id".into(), value.into());
            }
            "github.com/project-slug" => asset.aliases.extend([AssetId::from(format!("https://github.com/{value}"))]),
            _ if value.starts_with("arn:") => asset.aliases.extend([AssetId::from(value)]),
            _ => {}
        }
    }
    // the one component of a folder's catalog file is what the folder builds
    if entity == "component" && file_name(document.path()).starts_with("catalog-info") {
        asset.properties.insert("folder".into(), parent(document.path()).into());
    }
    if let Some(owner) = text("/spec/owner") {
        asset.claim(OwnerClaim::new(OwnerSource::Backstage, short(owner), at("/spec/owner").excerpt(owner)));
        found.relate(&id, RelationKind::OwnedBy, &reference(owner, "group"), &at("/spec/owner"));
    }
    for (key, relation, kind) in [
        ("dependsOn", RelationKind::Uses, "component"),
        ("consumesApis", RelationKind::Invokes, "api"),
        ("providesApis", RelationKind::Contains, "api"),
    ] {
        let listed = value.pointer(&format!("/spec/{key}")).and_then(Value::as_array);
        for (i, other) in listed.into_iter().flatten().enumerate() {
            if let Some(other) = other.as_str() {
                found.relate(&id, relation, &reference(other, kind), &at(&format!("/spec/{key}/{i}")));
            }
        }
    }
    found.inventory.add(asset);
}

/// An entity's id, `backstage:KIND:NAMESPACE/NAME`, from a reference that may leave out kind and namespace.
fn reference(text: &str, kind: &str) -> String {
    let (kind, rest) = text.split_once(':').unwrap_or((kind, text));
    let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
    format!("backstage:{}:{}/{}", kind.to_lowercase(), namespace.to_lowercase(), name.to_lowercase())
}

/// The name in a reference, as people say it.
fn short(reference: &str) -> &str {
    reference.rsplit([':', '/']).next().unwrap_or(reference)
}

/// Claims the owners that the files read say, for what the files they cover declare. O(assets · patterns) at worst, as
/// the patterns of a file are matched together.
pub(super) fn claim(inventory: &mut Inventory) {
    let (rules, components) = (Rules::of(inventory), components(inventory));
    if rules.is_empty() && components.is_empty() {
        return;
    }
    for asset in inventory.assets_mut().filter(|asset| declared_in_files(asset)) {
        let claims: Vec<OwnerClaim> = asset.evidence.iter().flat_map(|place| rules.owners(&place.path)).collect();
        claims.into_iter().for_each(|claim| asset.claim(claim));
        let labels = asset.properties.get("labels");
        let label = labels.and_then(|labels| labels.get("backstage.io/kubernetes-id")).and_then(Value::as_str);
        let folder = asset.id.as_str().strip_prefix("file:");
        let ties = [folder.map(|folder| ("folder", folder)), label.map(|id| ("kubernetes_id", id))];
        let claims = ties.into_iter().flatten().filter_map(|(key, value)| components.get(&(key, value.to_owned())));
        let claims: Vec<OwnerClaim> = claims.flatten().cloned().collect();
        claims.into_iter().for_each(|claim| asset.claim(claim));
    }
}

/// Whether an asset is what files of a repository declare, rather than what they use or a cloud reports.
fn declared_in_files(asset: &Asset) -> bool {
    !matches!(asset.kind, AssetKind::Package | AssetKind::AiProvider | AssetKind::Team | AssetKind::User)
        && (asset.id.as_str().starts_with("file:")
            || ["terraform_type", "cloudformation_type", "kubernetes_kind"].iter().any(|key| asset.text(key).is_some()))
}

/// The claims of components, by what ties them to other assets.
fn components(inventory: &Inventory) -> HashMap<(&'static str, String), Vec<OwnerClaim>> {
    let mut components: HashMap<(&'static str, String), Vec<OwnerClaim>> = HashMap::new();
    for asset in inventory.assets().filter(|asset| asset.id.as_str().starts_with("backstage:")) {
        for key in ["folder", "kubernetes_id"] {
            if let Some(value) = asset.text(key) {
                components.entry((key, value.to_owned())).or_default().extend(asset.owner_claims.iter().cloned());
            }
        }
    }
    components
}

/// Every `CODEOWNERS` file, by the root of its repository.
struct Rules(Vec<Repository>);

struct Repository {
    root: String,
    file: Arc<str>,
    patterns: Gitignore,
    owners: HashMap<String, (Vec<String>, u64)>,
}

impl Rules {
    fn of(inventory: &Inventory) -> Self {
        Self(inventory.assets().filter_map(Repository::of).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn owners<'a>(&'a self, path: &'a str) -> impl Iterator<Item = OwnerClaim> + 'a {
        self.0.iter().flat_map(move |repository| repository.owners(path))
    }
}

impl Repository {
    fn of(asset: &Asset) -> Option<Self> {
        let rules = asset.properties.get("codeowners")?.as_array()?;
        let file = asset.id.as_str().strip_prefix("file:")?;
        let folder = parent(file);
        let root = match file_name(folder) {
            ".github" | ".gitlab" | "docs" => parent(folder),
            _ => folder,
        };
        let mut builder = GitignoreBuilder::new("");
        let mut owners = HashMap::new();
        for rule in rules {
            let pattern = rule.get("pattern").and_then(Value::as_str).unwrap_or_default();
            let line = rule.get("line").and_then(Value::as_u64).unwrap_or_default();
            let names = rule.get("owners").and_then(Value::as_array).into_iter().flatten();
            let names: Vec<String> = names.filter_map(Value::as_str).map(str::to_owned).collect();
            // a folder stands for what lies below it, which git's own patterns leave to the folder's match
            let bare = pattern.trim_end_matches('/');
            let folder = !bare.rsplit('/').next().unwrap_or(bare).contains('*');
            let below = folder.then(|| format!("{bare}/**"));
            for glob in [Some(bare.to_owned()).filter(|bare| bare == pattern), below].into_iter().flatten() {
                // a pattern that is none is passed over, as the forges do
                if builder.add_line(None, &glob).is_ok() {
                    owners.insert(glob, (names.clone(), line));
                }
            }
        }
        Some(Self { root: root.to_owned(), file: file.into(), patterns: builder.build().ok()?, owners })
    }

    /// The owners of the last pattern that matches, as the forges have it.
    fn owners(&self, path: &str) -> Vec<OwnerClaim> {
        let below = match self.root.as_str() {
            "." => Some(path.strip_prefix("./").unwrap_or(path)),
            root => path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(below) = below.filter(|below| !below.starts_with('/')) else { return Vec::new() };
        let Match::Ignore(glob) = self.patterns.matched(below, false) else { return Vec::new() };
        let (owners, line) = self.owners.get(glob.original()).cloned().unwrap_or_default();
        let evidence =
            Evidence::file(Arc::clone(&self.file)).line(line).excerpt(glob.original().trim_end_matches("/**"));
        let claim = |owner: String| OwnerClaim::new(OwnerSource::Codeowners, owner, evidence.clone());
        owners.into_iter().map(claim).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::asset::OwnerSource;
    use crate::discover::discover;

    #[test]
    fn the_last_pattern_wins_and_conflicts_show() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(".github/CODEOWNERS", "# all\n* @acme/platform\n/deploy/ @acme/serving @ann # here\n");
        write(
            "deploy/chat.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: chat, labels: {team: support, backstage.io/kubernetes-id: chat}}\nspec: {template: {spec: {containers: [{name: c, image: vllm/vllm-openai:v1}]}}}\n",
        );
        write("app/requirements.txt", "openai==1.0.0\n");
        write(
            "app/catalog-info.yaml",
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: chat\n  annotations: {backstage.io/kubernetes-id: chat}\nspec: {type: service, owner: 'group:default/assistants', dependsOn: ['resource:db']}\n",
        );
        let discovery = discover([folder.path()]);
        assert!(discovery.incomplete.is_empty(), "{:?}", discovery.incomplete);
        let claims = |id: &str| {
            let asset = discovery.inventory.get(id).unwrap();
            asset.owner_claims.iter().map(|claim| (claim.source, claim.owner.as_str())).collect::<Vec<_>>()
        };
        let workload = claims("k8s://cluster/default/Deployment/chat");
        assert_eq!(
            workload[..3],
            [
                (OwnerSource::Backstage, "assistants"),
                (OwnerSource::Codeowners, "@acme/serving"),
                (OwnerSource::Codeowners, "@ann"),
            ]
        );
        let app = format!("file:{}", folder.path().join("app").display());
        assert_eq!(
            claims(&app),
            [(OwnerSource::Backstage, "assistants"), (OwnerSource::Codeowners, "@acme/platform"),]
        );
        let component = discovery.inventory.get("backstage:component:default/chat").unwrap();
        assert_eq!(component.owner.as_deref(), Some("assistants"));
        assert!(!component.ai);
        assert_eq!(discovery.inventory.outgoing("backstage:component:default/chat").count(), 2);
    }
}
