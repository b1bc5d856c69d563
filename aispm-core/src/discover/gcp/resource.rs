//! One resource, wherever it was listed: what the table of types says of its body, as an asset and its relations.

use serde_json::Value;

use super::field::{Path, either_text};
use super::principal;
use super::table::{self, Type, table};
use super::{acl, deny, name, prune};
use crate::asset::{
    Asset, AssetId, AssetKind, Authentication, Document, Evidence, Exposure, ModelType, OwnerSource, RelationKind,
    pointer_key,
};
use crate::discover::container::{self, Container};
use crate::discover::kubernetes::internet;
use crate::discover::label::label;
use crate::discover::{Found, model_ref};

/// Labels as resources call them.
const LABELS: &[&str] =
    &["/labels", "/resourceLabels", "/resource_labels", "/userLabels", "/settings/userLabels", "/metadata/labels"];
/// The property that holds the account a resource acts with because it names none.
pub(super) const ACTS_AS: &str = "default_identity";
/// Fields that name a resource for people, most telling first.
const NAMES: &[&str] = &["displayName", "display_name", "friendlyName", "title"];

/// A resource and the place of its body.
#[derive(Debug)]
pub(super) struct Resource<'a> {
    pub(super) id: String,
    /// `aiplatform.googleapis.com/Endpoint`.
    pub(super) asset_type: &'a str,
    pub(super) data: &'a Value,
    pub(super) document: &'a Document,
    /// Where `data` stands in the document.
    pub(super) pointer: &'a str,
    /// Whether `data` is the body, so that what it lacks is not set.
    pub(super) whole: bool,
}

impl Resource<'_> {
    /// The resource as an asset, its relations added. The caller adds the asset.
    pub(super) fn read(mut self, found: &mut Found) -> Asset {
        let full = self.id.clone();
        if self.asset_type == "iam.googleapis.com/ServiceAccount" {
            // IAM and everything that acts as it know it by its address
            let email = self.data.get("email").or_else(|| self.data.pointer("/additionalAttributes/email"));
            if let Some(email) = email.and_then(Value::as_str) {
                self.id = format!("serviceAccount:{email}");
            }
        }
        self.asset(found).alias(full)
    }

    fn asset(&self, found: &mut Found) -> Asset {
        let known = table().get(self.asset_type);
        let service = table::service(self.asset_type);
        let kind = known.and_then(|known| known.kind).unwrap_or(AssetKind::Resource);
        let mut asset = Asset::new(&self.id, kind, self.name(known)).seen(self.evidence(""));
        asset.ai |= known.is_some_and(|known| known.ai) || table().is_ai_service(service);
        asset.properties = prune::properties(self.data);
        asset.properties.insert("gcp_type".into(), self.asset_type.into());
        if let Some(Value::Object(identity)) = principal::asset(&self.id).map(|asset| Value::Object(asset.properties)) {
            identity.into_iter().for_each(|(key, value)| {
                asset.properties.entry(key).or_insert(value);
            });
        }
        if let Some(project) = name::project_of(&self.id) {
            asset.properties.entry("project").or_insert_with(|| project.into());
        }
        if let Some(location) = name::location_of(&self.id) {
            asset.properties.entry("location").or_insert_with(|| location.into());
        }
        self.labels(&mut asset);
        if let Some(known) = known {
            self.attributes(known, &mut asset, found);
            self.containers(known, &mut asset, found);
            self.variables(known, &mut asset, found);
            self.providers(known, &mut asset, found);
            let ends = self.links(known, &mut asset, found);
            lineage(&asset, &ends, found);
        }
        acl::read(self.document, self.pointer, self.data, &mut asset, found);
        if deny::is_policy(self.data) {
            let full = self.id.clone();
            deny::attach(&full, &mut asset, &self.evidence("/rules"), found);
        }
        self.holder(found);
        contained(&asset, &self.evidence(""), found);
        asset
    }

    /// The folder or organisation above a project or folder, as its body says.
    fn holder(&self, found: &mut Found) {
        if !self.asset_type.starts_with("cloudresourcemanager.googleapis.com/") {
            return;
        }
        let above = match self.data.get("parent") {
            Some(Value::String(name)) => name::id(name, "cloudresourcemanager.googleapis.com"),
            Some(Value::Object(parent)) => {
                let text = |key: &str| parent.get(key).and_then(Value::as_str);
                let kind = text("type").filter(|kind| matches!(*kind, "folder" | "organization"));
                kind.zip(text("id"))
                    .map(|(kind, id)| name::full("cloudresourcemanager.googleapis.com", &format!("{kind}s/{id}")))
            }
            _ => None,
        };
        if let Some(above) = above.filter(|above| *above != self.id && name::project_of(above).is_none()) {
            let evidence = self.evidence("/parent");
            found.relate(&above, RelationKind::Contains, &self.id, &evidence);
            found.inventory.add(stub(&above).seen(evidence));
        }
    }

    fn evidence(&self, pointer: &str) -> Evidence {
        self.document.evidence(&format!("{}{pointer}", self.pointer))
    }

    fn name(&self, known: Option<&Type>) -> String {
        let titled = known.and_then(|known| known.title.iter().find_map(|path| path.texts(self.data).next()));
        let named = || NAMES.iter().find_map(|key| self.data.get(*key)?.as_str().filter(|text| !text.is_empty()));
        titled.map(|(_, text)| text).or_else(named).unwrap_or_else(|| name::last(&self.id)).to_owned()
    }

    /// Owners, environment and classes of data, as labels and tags say.
    fn labels(&self, asset: &mut Asset) {
        for place in LABELS {
            let labels = self.data.pointer(place).and_then(Value::as_object);
            for (key, value) in labels.into_iter().flatten() {
                if let Some(value) = value.as_str() {
                    self.label(key, value, &format!("{place}/{}", pointer_key(key)), asset);
                }
            }
        }
        // `{"tagKey": "123/env", "tagValue": "123/env/prod"}`
        for (i, tag) in self.data.get("tags").and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let (Some(key), Some(value)) =
                (either_text(tag, "tagKey", "tag_key"), either_text(tag, "tagValue", "tag_value"))
            {
                self.label(name::last(key), name::last(value), &format!("/tags/{i}"), asset);
            }
        }
    }

    fn label(&self, key: &str, value: &str, pointer: &str, asset: &mut Asset) {
        label(asset, key, value, OwnerSource::Tag, &self.evidence(pointer));
    }

    /// Encryption, exposure, identity, other ids.
    fn attributes(&self, known: &Type, asset: &mut Asset, found: &mut Found) {
        let mut key = None;
        for (pointer, text) in known.key.iter().flat_map(|path| path.texts(self.data)) {
            key = Some(true);
            if let Some(id) =
                name::id(text.split("/cryptoKeyVersions/").next().unwrap_or(text), "cloudkms.googleapis.com")
            {
                self.relate(asset, RelationKind::Uses, stub(&id), &pointer, text, found);
            }
        }
        asset.encryption.customer_key = key.or((self.whole && !known.key.is_empty()).then_some(false));
        if asset.kind.is_data() && self.whole {
            // Google encrypts whatever it stores
            asset.encryption.at_rest = Some(true);
        }
        if self.whole {
            asset.exposure = known.reach(self.data);
            let open = known.open.iter().any(|path| path.is_set(self.data));
            asset.authentication = if open { Some(Authentication::None) } else { known.authentication };
        }
        if asset.exposure.is_some_and(|exposure| exposure > Exposure::Internal) {
            internet(&self.id, &self.evidence(""), found);
        }
        for (_, text) in known.alias.iter().flat_map(|path| path.texts(self.data)) {
            let text = text.trim_end_matches('/');
            let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
            asset.aliases.insert(AssetId::from(url));
        }
        if let (Some("cloudresourcemanager.googleapis.com/Project"), Some(id)) =
            (Some(self.asset_type), either_text(self.data, "projectId", "project_id"))
        {
            let number = self.data.get("projectNumber").or_else(|| self.data.get("project_number"));
            let number =
                number.and_then(|number| number.as_u64().map(|n| n.to_string()).or(number.as_str().map(str::to_owned)));
            let both = [Some(id.to_owned()), number]
                .into_iter()
                .flatten()
                .map(|project| AssetId::from(name::project(&project)));
            asset.aliases.extend(both.filter(|alias| alias.as_str() != self.id));
        }
        if let Some((_, version)) = known.version.iter().find_map(|path| path.texts(self.data).next()) {
            asset.provenance.version = Some(version.to_owned());
        }
        let mut acts = false;
        for (pointer, text) in known.runs_as.iter().flat_map(|path| path.texts(self.data)) {
            acts |= text != "default";
            if let Some(identity) = principal::acting(text, name::project_of(&self.id)) {
                self.relate(asset, RelationKind::RunsAs, identity, &pointer, text, found);
            }
        }
        if let Some(account) = known.acts_as.as_deref().filter(|_| self.whole && !acts) {
            // whose number is known when everything is read
            asset.properties.insert(ACTS_AS.into(), account.into());
        }
    }

    /// What its containers run, and what that means for a model that is kept with the container to serve it.
    fn containers(&self, known: &Type, asset: &mut Asset, found: &mut Found) {
        for (pointer, spec) in known.containers.iter().flat_map(|path| path.values(self.data)) {
            let container = self.container(&pointer, spec);
            if asset.kind == AssetKind::Model {
                let mut inner = Found::default();
                let mut owner = Asset::new(&self.id, AssetKind::Model, &asset.name);
                container.describe(&mut owner, &mut inner);
                for relation in inner.inventory.relations().filter(|r| r.from.as_str() == self.id) {
                    let to = inner.inventory.get(relation.to.as_str());
                    let made = to.is_some_and(|to| matches!(to.kind, AssetKind::ContainerImage | AssetKind::Model));
                    let kind = if made { RelationKind::DerivedFrom } else { relation.kind };
                    let evidence = relation.evidence.first().cloned().unwrap_or_default();
                    found.relate(&self.id, kind, relation.to.as_str(), &evidence);
                }
                for other in inner.inventory.assets() {
                    found.inventory.add(other.clone());
                }
                owner.properties.into_iter().for_each(|(key, value)| {
                    asset.properties.entry(key).or_insert(value);
                });
            } else {
                container.describe(asset, found);
            }
        }
        for (pointer, image) in known.images.iter().flat_map(|path| path.texts(self.data)) {
            let verb =
                if asset.kind == AssetKind::ContainerImage { RelationKind::DerivedFrom } else { RelationKind::RunsOn };
            let mut target = container::image_asset(image);
            target.ai |= asset.ai;
            self.relate(asset, verb, target, &pointer, image, found);
        }
    }

    fn container(&self, pointer: &str, spec: &Value) -> Container {
        let at = |key: &str| self.evidence(&format!("{pointer}/{key}"));
        let text = |camel: &'static str, snake: &'static str| {
            let (key, value) = super::field::either(spec, camel, snake)?;
            Some((value.as_str()?.to_owned(), at(key)))
        };
        let words = |key: &'static str| {
            let rows = spec.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
            rows.filter_map(move |(i, word)| Some((word.as_str()?.to_owned(), at(&format!("{key}/{i}")))))
        };
        let mut container = Container {
            image: text("imageUri", "image_uri")
                .or_else(|| text("image", "image"))
                .or_else(|| text("executorImageUri", "executor_image_uri")),
            words: words("command").chain(words("args")).collect(),
            ..Container::default()
        };
        for (i, variable) in spec.get("env").and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let Some(name) = variable.get("name").and_then(Value::as_str) {
                let value = variable.get("value").and_then(Value::as_str).map(str::to_owned);
                container.env.push((name.to_owned(), value, at(&format!("env/{i}"))));
            }
        }
        for port in spec.get("ports").and_then(Value::as_array).into_iter().flatten() {
            container
                .ports
                .extend(port.get("containerPort").or_else(|| port.get("container_port")).and_then(Value::as_u64));
        }
        container
    }

    /// What its variables tell of the services it calls.
    fn variables(&self, known: &Type, asset: &mut Asset, found: &mut Found) {
        let mut container = Container::default();
        for (pointer, value) in known.variables.iter().flat_map(|path| path.values(self.data)) {
            match value {
                Value::String(text) => {
                    let name = pointer.rsplit('/').next().unwrap_or_default();
                    container.env.push((name.to_owned(), Some(text.clone()), self.evidence(&pointer)));
                }
                row => {
                    // one that is kept as a secret
                    let Some(name) = ["key", "name"].iter().find_map(|key| row.get(*key)?.as_str()) else { continue };
                    container.env.push((name.to_owned(), None, self.evidence(&pointer)));
                }
            }
        }
        if !container.env.is_empty() {
            container.describe(asset, found);
        }
    }

    /// AI services that it names by their host.
    fn providers(&self, known: &Type, asset: &mut Asset, found: &mut Found) {
        if self.data.get("state").is_some_and(|state| state == "DISABLED") {
            return;
        }
        let tables = found.tables.clone();
        for (pointer, host) in known.hosts.iter().flat_map(|path| path.texts(self.data)) {
            asset.ai |= table().is_ai_service(host);
            if let Some(provider) = tables.provider_by_host(host) {
                self.relate(asset, RelationKind::Uses, provider.asset(), &pointer, host, found);
            }
        }
    }

    /// Adds what its fields point at; returns the other ends with their relation.
    fn links(&self, known: &Type, asset: &mut Asset, found: &mut Found) -> Vec<(RelationKind, Asset, Evidence)> {
        let mut ends = Vec::new();
        for (kind, paths) in &known.links {
            for (path, (pointer, text)) in
                paths.iter().flat_map(|path| path.texts(self.data).map(move |found| (path, found)))
            {
                let Some(target) = self.target(path, text, *kind, asset) else { continue };
                ends.push((*kind, target.clone(), self.evidence(&pointer)));
                self.relate(asset, *kind, target, &pointer, text, found);
            }
        }
        for (kind, paths) in &known.models {
            for (pointer, text) in paths.iter().flat_map(|path| path.texts(self.data)) {
                let Some(target) = self.model(text) else { continue };
                ends.push((*kind, target.clone(), self.evidence(&pointer)));
                self.relate(asset, *kind, target, &pointer, text, found);
            }
        }
        for (kind, paths) in &known.from {
            for (path, (pointer, text)) in
                paths.iter().flat_map(|path| path.texts(self.data).map(move |found| (path, found)))
            {
                let Some(source) = self.target(path, text, *kind, asset) else { continue };
                let evidence = self.evidence(&pointer);
                found.relate(source.id.as_str(), *kind, &self.id, &evidence);
                found.inventory.add(source.seen(evidence.excerpt(text)));
            }
        }
        ends
    }

    fn relate(&self, asset: &Asset, kind: RelationKind, target: Asset, pointer: &str, text: &str, found: &mut Found) {
        if target.id == asset.id {
            return;
        }
        let evidence = self.evidence(pointer);
        found.relate(asset.id.as_str(), kind, target.id.as_str(), &evidence);
        contained(&target, &evidence, found);
        found.inventory.add(target.seen(evidence.excerpt(text)));
    }

    /// What a value points at.
    fn target(&self, path: &Path, text: &str, kind: RelationKind, asset: &Asset) -> Option<Asset> {
        let service = table::service(self.asset_type);
        let id = match name::id(text, service) {
            Some(id) => id,
            None => self.beside(path.collection.as_deref()?, text)?,
        };
        let mut target = stub(&id);
        if id.starts_with("gs://") && target.kind == AssetKind::Resource {
            let model = match kind {
                RelationKind::DerivedFrom => asset.kind == AssetKind::Model,
                RelationKind::Writes => asset.kind == AssetKind::TrainingJob,
                RelationKind::Invokes => true,
                _ => false,
            };
            target.kind = if model { AssetKind::Model } else { AssetKind::Dataset };
            target.ai = model || asset.ai;
            target.provenance.source = Some(text.to_owned());
        }
        Some(target)
    }

    /// A bare name: one in a collection beside this resource, or in its project.
    fn beside(&self, collection: &str, text: &str) -> Option<String> {
        if text.contains(['/', ' ']) {
            return None;
        }
        if collection == "buckets" {
            return name::id(&format!("gs://{text}"), "");
        }
        let parent = name::parent(&self.id)?;
        let near = format!("{parent}/{collection}/{text}");
        if table().of_id(&near).is_some() {
            return Some(near);
        }
        let project = name::project_of(&self.id)?;
        let global = format!("projects/{project}/global/{collection}/{text}");
        let place = name::location_of(&self.id).unwrap_or("global");
        let local = format!("projects/{project}/locations/{place}/{collection}/{text}");
        [format!("projects/{project}/{collection}/{text}"), local, global]
            .into_iter()
            .find_map(|path| table::service_of(&path, "").and_then(|service| name::id(&path, service)))
    }

    /// A model by its resource name, or by the name its publisher gave it.
    fn model(&self, text: &str) -> Option<Asset> {
        let id = name::id(text, table::service(self.asset_type));
        match id.as_deref().map(|id| id.strip_prefix("model:").unwrap_or(id)) {
            Some(model) if id.as_deref() != Some(model) => model_ref::model(model, &self.id),
            Some(id) => Some(stub(id)),
            None => model_ref::model(text, &self.id),
        }
    }
}

/// A training job's outputs were trained on what it reads and derived from the models it uses.
fn lineage(asset: &Asset, ends: &[(RelationKind, Asset, Evidence)], found: &mut Found) {
    if asset.kind != AssetKind::TrainingJob {
        return;
    }
    let of = |kind: RelationKind| ends.iter().filter(move |(k, ..)| *k == kind);
    for (_, output, evidence) in of(RelationKind::Writes).filter(|(_, output, _)| output.kind == AssetKind::Model) {
        for (_, data, _) in of(RelationKind::Reads).filter(|(_, data, _)| data.kind.is_data()) {
            found.relate(output.id.as_str(), RelationKind::TrainedOn, data.id.as_str(), evidence);
        }
        let bases = of(RelationKind::Uses).chain(of(RelationKind::DerivedFrom));
        let mut tuned = false;
        for (_, base, _) in bases.filter(|(_, base, _)| base.kind == AssetKind::Model && base.id != output.id) {
            found.relate(output.id.as_str(), RelationKind::DerivedFrom, base.id.as_str(), evidence);
            tuned = true;
        }
        if let Some(output) = found.inventory.get_mut(output.id.as_str()).filter(|_| tuned) {
            output.model_type.get_or_insert(ModelType::FineTuned);
        }
    }
}

/// What is known of a resource that another one names.
pub(super) fn stub(id: &str) -> Asset {
    if let Some(model) = id.strip_prefix("model:") {
        return model_ref::model(model, id).unwrap_or_else(|| Asset::new(id, AssetKind::Model, model));
    }
    if let Some(asset) = principal::asset(id) {
        return asset;
    }
    let known = table().of_id(id);
    let kind = known.and_then(|known| known.kind).unwrap_or(AssetKind::Resource);
    let mut asset = Asset::new(id, kind, name::last(id));
    let service = name::split(id).map_or("", |(service, _)| service);
    asset.ai |= known.is_some_and(|known| known.ai) || table().is_ai_service(service);
    asset
}

/// Relates what an asset lies in to it: the bucket of an object, the dataset of a table, the project.
pub(super) fn contained(asset: &Asset, evidence: &Evidence, found: &mut Found) {
    let id = asset.id.as_str();
    let above = if let Some((bucket, _)) = id.strip_prefix("gs://").and_then(|rest| rest.split_once('/')) {
        format!("gs://{bucket}")
    } else if let Some(above) = name::parent(id).filter(|above| table().of_id(above).is_some()) {
        above.to_owned()
    } else if let Some(project) = name::project_of(id) {
        name::project(project)
    } else {
        return;
    };
    if above == id {
        return;
    }
    found.relate(&above, RelationKind::Contains, id, evidence);
    if found.inventory.get(&above).is_none() {
        let above = stub(&above);
        // as often as its name has parts
        contained(&above, evidence, found);
        found.inventory.add(above.seen(evidence.clone()));
    }
}
