//! One described resource → its asset and relations, as the table says.

use serde_json::Value;

use super::arn::{Arn, Place, is_account};
use super::end::{self, Around, canonical, end};
use super::field::{at, field, scalar, text, texts};
use super::keep;
use super::table::{Link, Target, Type, any, table};
use crate::asset::{Asset, AssetId, AssetKind, Document, Evidence, Exposure, RelationKind};
use crate::discover::Found;
use crate::discover::container::Container;

/// A resource as some source describes it.
pub(super) struct Item<'a> {
    pub(super) document: &'a Document,
    /// Where the description stands in the document.
    pub(super) pointer: String,
    pub(super) value: &'a Value,
    pub(super) kind: &'a Type,
    /// Whether what is not there is not set, rather than left out.
    pub(super) whole: bool,
    /// Its id, where the source tells it apart from the description.
    pub(super) id: Option<String>,
    pub(super) place: &'a Place,
    /// The asset whose description holds this one, with that description.
    pub(super) parent: Option<(&'a str, &'a Value)>,
    /// What a template calls the resource `${Name}`.
    pub(super) names: &'a dyn Fn(&str) -> Option<String>,
}

/// For sources that call resources by nothing but their ids and names.
pub(super) fn no_names(_: &str) -> Option<String> {
    None
}

impl Item<'_> {
    /// Adds it; returns its id.
    pub(super) fn add(&self, found: &mut Found) -> Option<String> {
        let place = end::place_in(self.value, self.place);
        if let Some(into) = &self.kind.into {
            return self.setting(into, &place, found);
        }
        let arn = self.kind.own_arn(self.value).map(canonical);
        let place = arn.as_deref().and_then(Arn::parse).filter(Arn::has_account).map_or(place, |arn| arn.place());
        let built = || self.kind.arn(&place, |key| self.field(key));
        let id = arn.clone().or_else(|| self.id.clone()).or_else(built)?;
        let evidence = self.evidence("");
        let name = self.kind.name_of(self.value).or_else(|| Some(Arn::parse(&id)?.name().to_owned()));
        let mut asset = self.asset(&id, name.unwrap_or_else(|| id.clone()), &evidence);
        if let Some(arn) = &arn {
            asset = asset.alias(arn.as_str());
        }
        if self.kind.name == "AWS::Bedrock::FoundationModel"
            && let Some(model) = end::model(Arn::parse(&id)?.name())
        {
            asset.id = model.id.clone();
            asset.model_type = model.model_type;
            asset.provenance = model.provenance;
        }
        self.describe(asset, &place, &evidence, found)
    }

    /// A part's or the item's own field; parts also know those of what holds them, and `FunctionArn` tells
    /// `FunctionName`.
    fn field(&self, keys: &str) -> Option<String> {
        let by_arn = || {
            let stem = keys.strip_suffix("Name").or(keys.strip_suffix("Id"))?;
            let arn = canonical(text(self.value, &format!("{stem}Arn"))?);
            Some(Arn::parse(&arn)?.name().to_owned())
        };
        any(self.value, keys).or_else(|| any(self.parent?.1, keys)).or_else(by_arn)
    }

    fn asset(&self, id: &str, name: String, evidence: &Evidence) -> Asset {
        let mut asset = Asset::new(id, self.kind.kind, name).seen(evidence.clone());
        asset.ai |= self.kind.ai;
        asset.properties = keep::properties(self.value);
        asset.properties.insert("aws_type".into(), self.kind.name.as_str().into());
        for key in ["Tags", "TagList", "TagSet", "tagList", "resourceTags"] {
            if let Some(tags) = field(self.value, key) {
                keep::tags(&mut asset, tags, evidence);
            }
        }
        if let Some(purpose) = text(self.value, "Description").filter(|_| asset.ai) {
            asset.purpose.get_or_insert_with(|| purpose.chars().take(200).collect());
        }
        asset
    }

    /// Adds the asset with everything that follows from its fields.
    fn describe(&self, mut asset: Asset, place: &Place, evidence: &Evidence, found: &mut Found) -> Option<String> {
        let id = asset.id.to_string();
        self.attributes(&mut asset);
        self.keys(&mut asset, place, found);
        self.containers(&mut asset, found);
        super::special::describe(self, &mut asset);
        account(&id, place, evidence, found);
        if asset.exposure == Some(Exposure::Public) {
            found.relate(AssetId::INTERNET, RelationKind::Exposes, &id, evidence);
        }
        found.inventory.add(asset);
        self.relations(&id, place, found);
        Some(id)
    }

    /// Merges a setting into the resource it is set on.
    fn setting(&self, into: &Link, place: &Place, found: &mut Found) -> Option<String> {
        let (pointer, value) = texts(&self.pointer, self.value, &into.path).into_iter().next()?;
        let around = Around { place, value: self.value, names: self.names };
        let id = end(value, &into.target, &around, &self.evidence_at(&pointer), found)?;
        let evidence = self.evidence("");
        let (kind, ai) = match &into.target {
            Target::Type(name) => table().get(name).map_or((self.kind.kind, false), |kind| (kind.kind, kind.ai)),
            _ => (self.kind.kind, false),
        };
        let name = found.inventory.get(&id).map_or_else(|| value.to_owned(), |asset| asset.name.clone());
        let mut asset = Asset::new(&id, kind, name).seen(evidence.clone());
        asset.ai |= ai;
        self.attributes(&mut asset);
        super::special::describe(self, &mut asset);
        if asset.exposure == Some(Exposure::Public) {
            found.relate(AssetId::INTERNET, RelationKind::Exposes, &id, &evidence);
        }
        found.inventory.add(asset);
        self.relations(&id, place, found);
        Some(id)
    }

    /// Typed attributes that the table reads from values; of several values the weakest counts.
    fn attributes(&self, asset: &mut Asset) {
        for when in &self.kind.when {
            let holds = at(&self.pointer, self.value, &when.at).iter().any(|(_, value)| when.holds(value));
            if !holds {
                continue;
            }
            asset.exposure = asset.exposure.or(when.exposure);
            asset.authentication = asset.authentication.or(when.authentication);
            asset.encryption.at_rest = asset.encryption.at_rest.or(when.at_rest);
            asset.encryption.in_transit = asset.encryption.in_transit.or(when.in_transit);
        }
        let other = self.kind.alias.iter().flat_map(|path| texts("", self.value, path));
        let other: Vec<String> = other.map(|(_, text)| text.trim_end_matches('/').to_owned()).collect();
        asset.aliases.extend(other.iter().filter(|text| !text.contains("${")).map(AssetId::from));
        let policy = self.kind.policy.iter().find_map(|path| at(&self.pointer, self.value, path).into_iter().next());
        if let Some((pointer, policy)) = policy {
            asset.properties.insert("policy".into(), policy.clone());
            asset.properties.insert("policy_pointer".into(), self.full_pointer(&pointer).into());
            // whether a bucket's policy counts also depends on what blocks public access
            if asset.kind != AssetKind::Bucket && super::policy::lets_everyone_in(policy) {
                asset.exposure = Some(Exposure::Public);
            }
        }
    }

    /// The keys that encrypt its data.
    fn keys(&self, asset: &mut Asset, place: &Place, found: &mut Found) {
        let around = Around { place, value: self.value, names: self.names };
        let target = Target::Type("AWS::KMS::Key".to_owned());
        let keys: Vec<_> = self.kind.key.iter().flat_map(|path| texts(&self.pointer, self.value, path)).collect();
        for (pointer, key) in &keys {
            asset.encryption.at_rest = Some(true);
            let own = !key.contains("alias/aws/");
            asset.encryption.customer_key = Some(own || asset.encryption.customer_key == Some(true));
            let evidence = self.evidence_at(pointer);
            if let Some(id) = end(key, &target, &around, &evidence, found) {
                found.relate(asset.id.as_str(), RelationKind::Uses, &id, &evidence);
            }
        }
        if keys.is_empty() && self.whole && !self.kind.key.is_empty() {
            asset.encryption.customer_key = Some(false);
        }
    }

    /// Images, commands and environments, read as everywhere else.
    fn containers(&self, asset: &mut Asset, found: &mut Found) {
        for (pointer, value) in self.kind.containers.iter().flat_map(|path| at(&self.pointer, self.value, path)) {
            let mut container = Container::default();
            let here = |below: &str| self.evidence_at(&format!("{pointer}{below}"));
            for key in ["Image", "ContainerUri"] {
                if let Some(image) = text(value, key).filter(|image| !image.contains("${")) {
                    container.image = Some((image.to_owned(), here("")));
                }
            }
            for (pointer, word) in
                texts(&pointer, value, "EntryPoint").into_iter().chain(texts(&pointer, value, "Command"))
            {
                container.words.push((word.to_owned(), self.evidence_at(&pointer)));
            }
            let environment = field(value, "Environment").unwrap_or(value);
            let map =
                field(environment, "Variables").or(Some(environment).filter(|_| field(value, "Environment").is_some()));
            match map {
                Some(Value::Object(map)) => {
                    container.env.extend(map.iter().map(|(name, value)| (name.clone(), scalar(value), here(""))));
                }
                Some(Value::Array(list)) => {
                    let named = list.iter().filter_map(|item| Some((any(item, "name")?, any(item, "value"), here(""))));
                    container.env.extend(named);
                }
                _ => {}
            }
            for (_, port) in at("", value, "PortMappings.ContainerPort") {
                container.ports.extend(port.as_u64());
            }
            container.describe(asset, found);
        }
    }

    fn relations(&self, id: &str, place: &Place, found: &mut Found) {
        let around = Around { place, value: self.value, names: self.names };
        let relate = |links: &[Link], kind: RelationKind, back: bool, found: &mut Found| {
            for link in links {
                for (pointer, value) in texts(&self.pointer, self.value, &link.path) {
                    let evidence = self.evidence_at(&pointer);
                    match end(value, &link.target, &around, &evidence, found) {
                        Some(other) if back => found.relate(&other, kind, id, &evidence.excerpt(value)),
                        Some(other) if other != id => found.relate(id, kind, &other, &evidence.excerpt(value)),
                        _ => {}
                    }
                }
            }
        };
        relate(&self.kind.runs_as, RelationKind::RunsAs, false, found);
        for (kind, links) in &self.kind.links {
            relate(links, *kind, false, found);
        }
        for (kind, links) in &self.kind.back {
            relate(links, *kind, true, found);
        }
        for (kind, links) in &self.kind.parts {
            for link in links {
                let Target::Type(name) = &link.target else { continue };
                let Some(part) = table().get(name) else { continue };
                for (pointer, value) in at(&self.pointer, self.value, &link.path) {
                    let part = Item {
                        kind: part,
                        value,
                        pointer: pointer.clone(),
                        parent: Some((id, self.value)),
                        id: self.id.as_ref().and_then(|id| Some(format!("{id}/{}", part.name_of(value)?))),
                        ..*self
                    };
                    if let Some(part) = part.add(found) {
                        found.relate(id, *kind, &part, &self.evidence_at(&pointer));
                    }
                }
            }
        }
    }

    /// Evidence for a pointer below the description.
    pub(super) fn evidence(&self, below: &str) -> Evidence {
        self.evidence_at(&format!("{}{below}", self.pointer))
    }

    /// Evidence for a pointer of the document; what a template computes has its place further up.
    pub(super) fn evidence_at(&self, pointer: &str) -> Evidence {
        let mut pointer = pointer;
        while !leads(pointer, &self.document.value) {
            pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        }
        self.document.evidence(pointer)
    }

    fn full_pointer(&self, pointer: &str) -> String {
        self.evidence_at(pointer).pointer.unwrap_or_default()
    }
}

/// Whether a pointer leads to a value: as [`Value::pointer`], but without a copy of each key.
fn leads(pointer: &str, value: &Value) -> bool {
    fn below<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
        match value {
            Value::Object(map) if key.contains('~') => map.get(&key.replace("~1", "/").replace("~0", "~")),
            Value::Object(map) => map.get(key),
            Value::Array(list) => list.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }
    pointer.split('/').skip(1).try_fold(value, below).is_some()
}

/// The account that holds it.
fn account(id: &str, place: &Place, evidence: &Evidence, found: &mut Found) {
    if !is_account(&place.account) {
        return;
    }
    let account = format!("arn:aws:iam::{}:root", place.account);
    if found.inventory.get(&account).is_none() {
        found.inventory.add(Asset::new(&account, AssetKind::Account, &place.account).seen(evidence.clone()));
    }
    if !id.starts_with("model:") && id != account {
        found.relate(&account, RelationKind::Contains, id, evidence);
    }
}
