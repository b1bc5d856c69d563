//! One resource, wherever it was described: a body of Resource Manager, a row of Resource Graph, a template, Bicep. The
//! table says what its type is and which settings lead to others.

use serde_json::Value;

use super::end::{self, End, Referrer, canonical, stub};
use super::id::{Level, ResourceId};
use super::table::{ResourceType, table};
use super::{group, identity, machine_learning, network, posture, program, role, setting};
use crate::asset::{Asset, AssetKind, Document, Evidence, OwnerClaim, OwnerSource, RelationKind, pointer_key};
use crate::discover::Found;
use crate::discover::label::label;

/// A resource and its place.
#[derive(Debug)]
pub(super) struct Resource<'a> {
    document: &'a Document,
    /// JSON pointer of the resource in its document.
    pointer: &'a str,
    /// The resource itself; in a template with its expressions resolved.
    pub(super) value: &'a Value,
    pub(super) arm: ResourceId<'a>,
    /// The asset's id.
    pub(super) id: String,
    /// Its type as Azure spells it; empty for a subscription or resource group.
    pub(super) resource_type: String,
    pub(super) known: Option<&'static ResourceType>,
}

impl<'a> Resource<'a> {
    pub(super) fn at(&self, below: &str) -> Evidence {
        self.document.evidence(&format!("{}{below}", self.pointer))
    }

    pub(super) fn path(&self) -> &str {
        self.document.path()
    }

    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        setting::text(self.value, path)
    }

    /// What a text in this resource names.
    pub(super) fn end(&self, text: &str, kind: AssetKind, sibling: Option<&str>) -> Option<End> {
        end::end(text, &Referrer { path: self.path(), resource: &self.arm, kind, sibling })
    }

    /// Whether this says how the resource is set, and is not just a line of a list.
    pub(super) fn is_whole(&self) -> bool {
        self.value.get("properties").is_some_and(Value::is_object)
            || self.value.get("provisioningState").is_some()
            || self.value.get("provisioning_state").is_some()
    }

    fn kind(&self) -> (AssetKind, bool) {
        let (kind, ai) = match (self.arm.level(), self.resource_type.as_str()) {
            (Level::Resource, name) => table().kind(name),
            (Level::ResourceGroup, _) => (AssetKind::Resource, false),
            _ => (AssetKind::Account, false),
        };
        let Some(known) = self.known else { return (kind, ai) };
        let by = known.by.as_deref().unwrap_or("kind");
        // `az ml` prints the kind of a job or compute as its type
        let printed = || self.value.get("type").and_then(Value::as_str).filter(|name| !name.contains('/'));
        let value = self.text(by).or_else(printed).unwrap_or_default().replace('_', "").to_lowercase();
        let named = known.kinds.iter().find(|(name, _)| {
            let name = name.to_lowercase();
            // `functionapp,linux`
            value.split(',').any(|part| part == name)
        });
        (named.map_or(kind, |(_, kind)| *kind), ai)
    }
}

/// Adds a resource. `arm` is its id, in a template the one it will have.
pub(super) fn describe(document: &Document, pointer: &str, value: &Value, arm: &str, found: &mut Found) {
    let Some(arm) = ResourceId::parse(arm) else { return };
    let written = arm.resource_type().unwrap_or_default();
    let resource_type = table().spelled(&written).to_owned();
    let resource = Resource {
        document,
        pointer,
        value,
        id: canonical(&arm, document.path()),
        known: table().resource_type(&resource_type),
        resource_type,
        arm,
    };
    match resource.resource_type.to_lowercase().as_str() {
        "microsoft.authorization/roleassignments"
        | "microsoft.authorization/roleassignmentscheduleinstances"
        | "microsoft.documentdb/databaseaccounts/sqlroleassignments" => role::assignment(&resource, true, found),
        "microsoft.authorization/roleeligibilityscheduleinstances" => role::assignment(&resource, false, found),
        "microsoft.authorization/roledefinitions" => role::definition(&resource, found),
        "microsoft.authorization/denyassignments" => role::denial(&resource, found),
        "microsoft.insights/diagnosticsettings" => network::diagnostic_setting(&resource, found),
        _ if resource.known.is_some_and(|known| known.through) => through(&resource, found),
        _ => plain(&resource, found),
    }
}

/// The asset with what its source says of it, before anything is derived.
pub(super) fn asset(resource: &Resource<'_>, kind: AssetKind) -> Asset {
    let mut asset = stub(&resource.arm, resource.path());
    asset.kind = kind;
    let place = if resource.value.get("id").is_some() { "/id" } else { "" };
    asset.evidence.push(resource.at(place).excerpt(format!("{} {}", resource.resource_type, asset.name)));
    for (key, value) in setting::kept(resource.value) {
        asset.properties.entry(key).or_insert(value);
    }
    // `None` is to have none
    if asset.properties.get("identity").and_then(|identity| identity.get("type")?.as_str()) == Some("None") {
        asset.properties.remove("identity");
    }
    if let Some(id) = resource.value.get("id").and_then(Value::as_str) {
        asset.properties.insert("resource_id".into(), id.into());
    }
    for (key, part) in [("subscription", resource.arm.subscription()), ("resource_group", resource.arm.group())] {
        if let Some(part) = part.filter(|part| !part.starts_with('[')) {
            asset.properties.insert(key.into(), part.into());
        }
    }
    if resource.arm.level() == Level::Subscription {
        let name = ["displayName", "name"].iter().find_map(|key| resource.value.get(key)?.as_str());
        asset.name = name.map_or(asset.name, str::to_owned);
    }
    if let Some(name) = ["displayName", "friendlyName"].iter().find_map(|key| resource.text(key)) {
        asset.purpose = asset.purpose.or_else(|| resource.text("description").map(str::to_owned));
        asset.properties.insert("display_name".into(), name.into());
    }
    tags(resource, &mut asset);
    asset
}

fn plain(resource: &Resource<'_>, found: &mut Found) {
    let (kind, ai) = resource.kind();
    let mut asset = asset(resource, kind);
    asset.ai = ai || kind.is_ai();
    let evidence = asset.evidence.first().cloned().unwrap_or_default();
    above(resource, &evidence, found);
    group::read(resource, found);
    posture::read(resource, &mut asset, found);
    identity::runs_as(resource, &asset, found);
    if let Some(known) = resource.known {
        links(resource, known, &mut asset, found);
        program::read(resource, known, &mut asset, found);
    }
    machine_learning::read(resource, &mut asset, found);
    network::read(resource, &mut asset, found);
    role::access_policies(resource, found);
    found.inventory.add(asset);
}

/// A level that is none of its own: what it says is said of what holds it.
fn through(resource: &Resource<'_>, found: &mut Found) {
    let (Some(parent), Some(known)) = (resource.arm.parent(), resource.known) else { return };
    let evidence = resource.at("").excerpt(&resource.resource_type);
    let mut asset = stub(&parent, resource.path()).seen(evidence);
    program::read(resource, known, &mut asset, found);
    identity::federated(resource, &asset, found);
    found.inventory.add(asset);
}

/// What holds the resource: the one above, its group, its subscription.
pub(super) fn above(resource: &Resource<'_>, evidence: &Evidence, found: &mut Found) {
    let mut below = resource.id.clone();
    let mut holder = resource.arm.parent();
    while let Some(parent) = holder {
        holder = parent.parent();
        let known = parent.resource_type().and_then(|name| table().resource_type(&name));
        if known.is_some_and(|known| known.through) || parent.is_local() && parent.level() != Level::Resource {
            continue;
        }
        let asset = stub(&parent, resource.path());
        found.relate(asset.id.as_str(), RelationKind::Contains, &below, evidence);
        below = asset.id.to_string();
        found.inventory.add(asset.seen(evidence.clone()));
        // the rest of the way is known
        if found.inventory.incoming(&below).any(|relation| relation.kind == RelationKind::Contains) {
            break;
        }
    }
}

/// Relations and other ids, as the table has them.
fn links(resource: &Resource<'_>, known: &ResourceType, asset: &mut Asset, found: &mut Found) {
    let both = [(&known.links, false), (&known.linked, true)];
    for (links, reverse) in both {
        for (kind, path) in links.iter().flat_map(|(kind, paths)| paths.iter().map(move |path| (*kind, path))) {
            let (path, sibling) = path.split_once('|').map_or((path.as_str(), None), |(path, of)| (path, Some(of)));
            for (text, place) in setting::texts(resource.value, path) {
                let Some(end) = resource.end(text, asset.kind, sibling) else { continue };
                let evidence = resource.at(&place).excerpt(text.split('?').next().unwrap_or(text));
                // whatever passes calls on to AI is part of it
                asset.ai |= kind == RelationKind::Invokes && end.asset.ai;
                link(asset.id.as_str(), kind, reverse, end, &evidence, found);
            }
        }
    }
    for (text, _) in known.alias.iter().flat_map(|path| setting::texts(resource.value, path)) {
        let whole = || end::address(&format!("https://{text}")).filter(|_| text.contains('.') && !text.contains(' '));
        let address = end::address(text).or_else(whole);
        // regional addresses are everybody's
        asset.aliases.extend(address.filter(|address| !address.contains(".microsoft.com")).map(Into::into));
    }
    let subdomain = known.subdomain.as_ref().and_then(|path| resource.text(path));
    if let Some(name) = subdomain.filter(|name| !name.contains('[')).map(str::to_lowercase) {
        asset.aliases.extend(table().domains.iter().map(|domain| format!("https://{name}.{domain}").into()));
    }
    for (text, place) in known.image.iter().flat_map(|path| setting::texts(resource.value, path)) {
        let evidence = resource.at(&place).excerpt(text);
        let image = crate::discover::container::image_asset(text).seen(evidence.clone());
        found.relate(asset.id.as_str(), RelationKind::RunsOn, image.id.as_str(), &evidence);
        found.inventory.add(image);
    }
}

/// Adds a relation with its other end and what holds that.
pub(super) fn link(own: &str, kind: RelationKind, reverse: bool, end: End, evidence: &Evidence, found: &mut Found) {
    let End { asset, holder } = end;
    if asset.id.as_str() == own {
        return;
    }
    let (from, to) = if reverse { (asset.id.as_str(), own) } else { (own, asset.id.as_str()) };
    found.relate(from, kind, to, evidence);
    if let Some(holder) = holder {
        found.relate(holder.id.as_str(), RelationKind::Contains, asset.id.as_str(), evidence);
        found.inventory.add(holder.seen(evidence.clone()));
    }
    found.inventory.add(asset.seen(evidence.clone()));
}

/// Owner, environment and classes of data, as tags say; who created it, as Azure says.
fn tags(resource: &Resource<'_>, asset: &mut Asset) {
    let tags = resource.value.get("tags").and_then(Value::as_object);
    if let Some(tags) = tags.filter(|tags| !tags.is_empty()) {
        asset.properties.insert("tags".into(), tags.clone().into());
    }
    for (key, value) in tags.into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        let evidence = resource.at(&format!("/tags/{}", pointer_key(key))).excerpt(text);
        label(asset, key, text, OwnerSource::Tag, &evidence);
    }
    let created = |key: &str| resource.value.get("systemData")?.get(key)?.as_str();
    if let (Some(who), Some("User")) = (created("createdBy"), created("createdByType")) {
        let evidence = resource.at("/systemData/createdBy").excerpt(who);
        asset.claim(OwnerClaim::new(OwnerSource::Creator, who, evidence));
    }
}
