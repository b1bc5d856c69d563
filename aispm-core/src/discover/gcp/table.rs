//! `data/discover/gcp.yaml`: what the types of Google Cloud are, and what their fields mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde_json::Value;

use super::field::Path;
use super::name;
use crate::asset::{AssetKind, Authentication, Document, Exposure, RelationKind};

const TYPES: &str = include_str!("../../../data/discover/gcp.yaml");

/// The built-in table, indexed once.
pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        // checked by a test; an empty table would only lose kinds
        Table::index(Document::config("gcp.yaml", TYPES).unwrap_or_default())
    });
    &TABLE
}

/// What the table says of one asset type.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Type {
    /// `aiplatform.googleapis.com/Endpoint`; the key in the file.
    #[serde(skip)]
    pub(super) name: String,
    /// What it is; nothing for what only gives context.
    pub(super) kind: Option<AssetKind>,
    pub(super) ai: bool,
    /// Collections that its names end in, with the one before: `locations/endpoints`.
    rest: Vec<String>,
    /// The service in its names, where that of the type is another.
    service: Option<String>,
    /// Fields of which its body has one, where others share the collection.
    has: Vec<Path>,
    /// Its name for people, besides the usual fields.
    pub(super) title: Vec<Path>,
    /// Other ids: addresses.
    pub(super) alias: Vec<Path>,
    /// Where a key of the customer is named; a body without one is encrypted with Google's.
    pub(super) key: Vec<Path>,
    pub(super) runs_as: Vec<Path>,
    /// The account that it acts with where it names none; `{number}` and `{project}` are those of its project.
    pub(super) acts_as: Option<String>,
    /// The other ends of relations.
    pub(super) links: BTreeMap<RelationKind, Vec<Path>>,
    /// The same, read from there to here.
    pub(super) from: BTreeMap<RelationKind, Vec<Path>>,
    /// Names of models, a publisher's or one's own.
    pub(super) models: BTreeMap<RelationKind, Vec<Path>>,
    /// Container specifications.
    pub(super) containers: Vec<Path>,
    /// Images, by their reference.
    pub(super) images: Vec<Path>,
    /// From where it is reached: the first that holds.
    pub(super) exposure: Vec<Reach>,
    pub(super) authentication: Option<Authentication>,
    /// Settings that let callers in without proof.
    pub(super) open: Vec<Path>,
    /// Which version it is.
    pub(super) version: Vec<Path>,
    /// Variables: a map, or rows with a `key`.
    pub(super) variables: Vec<Path>,
    /// Hosts of the services it is for.
    pub(super) hosts: Vec<Path>,
}

/// One line of [`Type::exposure`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reach {
    /// The field that must be set, or be one of `is`.
    #[serde(default)]
    at: Option<Path>,
    #[serde(default)]
    is: Vec<Value>,
    /// Nothing: not known.
    #[serde(default)]
    means: Option<Exposure>,
}

impl Reach {
    fn holds(&self, data: &Value) -> bool {
        let Some(path) = &self.at else { return true };
        if self.is.is_empty() { path.is_set(data) } else { path.values(data).iter().any(|(_, v)| self.is.contains(v)) }
    }
}

impl Type {
    /// From where a resource with this body is reached.
    pub(super) fn reach(&self, data: &Value) -> Option<Exposure> {
        self.exposure.iter().find(|reach| reach.holds(data))?.means
    }

    /// The service in its names.
    pub(super) fn service(&self) -> &str {
        self.service.as_deref().unwrap_or_else(|| service(&self.name))
    }
}

/// The service of an asset type.
pub(super) fn service(asset_type: &str) -> &str {
    asset_type.split_once('/').map_or(asset_type, |(service, _)| service)
}

/// The file's shape.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Services all of whose resources are AI.
    ai_services: Vec<String>,
    /// Parts that several types take over by YAML anchors.
    #[serde(rename = "shared")]
    _shared: Value,
    types: BTreeMap<String, Type>,
}

/// Every type, by name and by the collections of names.
#[derive(Debug, Default)]
pub(super) struct Table {
    ai_services: Vec<String>,
    types: Vec<Type>,
    by_name: HashMap<String, usize, RandomState>,
    by_collection: HashMap<String, Vec<usize>, RandomState>,
}

impl Table {
    fn index(file: File) -> Self {
        let mut table = Self { ai_services: file.ai_services, ..Self::default() };
        for (name, known) in file.types {
            let at = table.types.len();
            for collection in &known.rest {
                table.by_collection.entry(collection.clone()).or_default().push(at);
            }
            table.by_name.insert(name.clone(), at);
            table.types.push(Type { name, ..known });
        }
        table
    }

    /// The type of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.by_name.get(name).and_then(|at| self.types.get(*at))
    }

    /// Whether all that a service does is AI.
    pub(super) fn is_ai_service(&self, service: &str) -> bool {
        self.ai_services.iter().any(|known| known == service)
    }

    /// The types whose names end as this one does.
    fn alike(&self, path: &str) -> impl Iterator<Item = &Type> {
        let key = collection(path).unwrap_or_default();
        self.by_collection.get(&key).into_iter().flatten().filter_map(|at| self.types.get(*at))
    }

    /// The type of an id.
    pub(super) fn of_id(&self, id: &str) -> Option<&Type> {
        if let Some(rest) = id.strip_prefix("gs://") {
            return if rest.contains('/') { None } else { self.get("storage.googleapis.com/Bucket") };
        }
        let (service, path) = name::split(id)?;
        self.alike(path).find(|known| known.service() == service)
    }

    /// The type of a body whose name has no service.
    pub(super) fn of_body(&self, path: &str, body: &Value) -> Option<&Type> {
        self.alike(path)
            .find(|known| known.has.is_empty() || known.has.iter().any(|field| !field.values(body).is_empty()))
    }
}

/// The service that a name without one belongs to: the one that names it, if it has such a collection.
pub(super) fn service_of<'a>(path: &str, near: &'a str) -> Option<&'a str>
where
    'static: 'a,
{
    let mut alike = table().alike(path).map(Type::service).peekable();
    let first = alike.peek().copied();
    if alike.any(|service| service == near) { Some(near) } else { first }
}

/// `projects/p/locations/l/endpoints/e` → `locations/endpoints`.
fn collection(path: &str) -> Option<String> {
    let mut segments = path.rsplit('/');
    let (_, last, third, fourth) = (segments.next()?, segments.next()?, segments.next(), segments.next());
    let above = match (fourth, third) {
        (Some("projects"), Some("global")) | (Some("locations" | "regions" | "zones"), _) | (Some(_), Some(_)) => {
            // `global` has no name of its own
            if third == Some("global") && fourth != Some("locations") { "global" } else { fourth? }
        }
        _ => return Some(last.to_owned()),
    };
    Some(format!("{above}/{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads() {
        Document::config::<File>("gcp.yaml", TYPES).unwrap();
    }

    #[test]
    fn collections() {
        for (path, want) in [
            ("projects/p/locations/l/endpoints/e", "locations/endpoints"),
            ("projects/p/locations/global/keyRings/k", "locations/keyRings"),
            ("projects/p/global/networks/n", "global/networks"),
            ("projects/p/datasets/d/tables/t", "datasets/tables"),
            ("projects/p/secrets/s", "projects/secrets"),
            ("projects/p", "projects"),
        ] {
            assert_eq!(collection(path).as_deref(), Some(want), "{path}");
        }
    }

    #[test]
    fn types_by_id() {
        let name = |id: &str| table().of_id(id).map(|known| known.name.as_str());
        let endpoint = "//aiplatform.googleapis.com/projects/p/locations/l/endpoints/e";
        assert_eq!(name(endpoint), Some("aiplatform.googleapis.com/Endpoint"));
        assert_eq!(name("gs://bucket"), Some("storage.googleapis.com/Bucket"));
        assert_eq!(name("gs://bucket/key"), None);
        assert_eq!(
            service_of("projects/p/global/networks/n", "aiplatform.googleapis.com"),
            Some("compute.googleapis.com")
        );
    }
}
