//! CloudFormation and SAM templates, and what the CDK makes of an app: every resource is an asset.
//!
//! Properties are read by the same table as the API's answers. An id is the ARN where the template alone decides it,
//! as for a bucket with a name, otherwise `file:PATH#LogicalId`. Identities keep the shape of authorization details.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::arn::Place;
use super::field::{at, field, text, texts};
use super::intrinsic::Names;
use super::item::Item;
use super::table::{Target, any, table};
use super::{end, keep};
use crate::asset::{
    Asset, AssetId, AssetKind, Authentication, Document, Evidence, Exposure, RelationKind, pointer_key,
};
use crate::discover::{Found, Structured};

pub(in crate::discover) const TEMPLATE: Structured = Structured {
    name: "cloudformation",
    critical: true,
    in_parts: false,
    markers: &["Resources", "Type", "AWS::"],
    matches: |value| {
        let resources = value.get("Resources").and_then(Value::as_object);
        let typed = |resource: &Value| resource.get("Type").and_then(Value::as_str).is_some_and(|t| t.contains("::"));
        resources.is_some_and(|resources| {
            resources.values().any(typed) || (value.get("AWSTemplateFormatVersion").is_some() && resources.is_empty())
        })
    },
    read,
};

/// Services that are AI, by the beginning of their types' names.
const AI: &[&str] = &[
    "AWS::SageMaker::",
    "AWS::Bedrock",
    "AWS::Kendra::",
    "AWS::QBusiness::",
    "AWS::Lex::",
    "AWS::Comprehend::",
    "AWS::Rekognition::",
    "AWS::Personalize::",
    "AWS::Forecast::",
    "AWS::FraudDetector::",
    "AWS::LookoutVision::",
    "AWS::LookoutEquipment::",
    "AWS::LookoutMetrics::",
    "AWS::HealthLake::",
    "AWS::Wisdom::",
    "AWS::QuickSight::Q",
    "AWS::S3Vectors::",
];

/// Whether a resource that the table does not know is AI, by its type.
pub(super) fn is_ai(asset: &Asset, value: &Value) -> bool {
    let name = text(value, "resourceType").or(asset.text("aws_type")).unwrap_or_default();
    AI.iter().any(|prefix| name.starts_with(prefix))
}

/// One resource: its logical id, type and properties with functions computed.
struct Resource<'a> {
    logical: &'a str,
    kind: &'a str,
    properties: Value,
    pointer: String,
}

struct Template<'a> {
    document: &'a Document,
    resources: Vec<Resource<'a>>,
    names: Names,
    /// Every id of this template.
    ids: HashSet<String>,
}

fn read(document: &Document, found: &mut Found) {
    let template = Template::new(document);
    for resource in &template.resources {
        template.asset(resource, found);
    }
    for resource in &template.resources {
        template.describe(resource, found);
    }
    for resource in &template.resources {
        template.identity(resource, found);
        template.extras(resource, found);
    }
}

impl<'a> Template<'a> {
    fn new(document: &'a Document) -> Self {
        let value = &document.value;
        let mut names = Names::default();
        for (name, parameter) in value.get("Parameters").and_then(Value::as_object).into_iter().flatten() {
            let hidden = any(parameter, "NoEcho").as_deref() == Some("true");
            // the name of a stored parameter is not its value
            let stored = text(parameter, "Type").is_some_and(|kind| kind.starts_with("AWS::SSM::Parameter::Value"));
            // a long text is no name of anything
            let plain = |default: &&Value| match default {
                Value::String(text) => !text.is_empty() && text.len() <= 512,
                Value::Bool(_) | Value::Number(_) => true,
                _ => false,
            };
            if let Some(default) = parameter.get("Default").filter(|d| !hidden && !stored && plain(d)) {
                names.values.insert(name.clone(), default.clone());
            }
        }
        names.values.insert("AWS::Partition".to_owned(), "aws".into());
        names.values.insert("AWS::URLSuffix".to_owned(), "amazonaws.com".into());
        let raw: Vec<(&str, &str, &Value)> = value
            .get("Resources")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(logical, resource)| {
                let kind = resource.get("Type").and_then(Value::as_str)?;
                Some((logical.as_str(), kind, resource.get("Properties").unwrap_or(&Value::Null)))
            })
            .collect();
        for (logical, kind, properties) in &raw {
            let id = match (*kind, field(properties, "BucketName").map(|name| names.value(name))) {
                ("AWS::S3::Bucket", Some(Value::String(name))) if !name.contains("${") => {
                    names.physical.insert((*logical).to_owned(), name.clone());
                    format!("arn:aws:s3:::{name}")
                }
                _ => format!("file:{}#{logical}", document.path()),
            };
            names.ids.insert((*logical).to_owned(), id);
        }
        let resources = raw
            .into_iter()
            .map(|(logical, kind, properties)| Resource {
                logical,
                kind,
                properties: names.value(properties),
                pointer: format!("/Resources/{}", pointer_key(logical)),
            })
            .collect();
        let ids = names.ids.values().cloned().collect();
        Self { document, resources, names, ids }
    }

    fn id<'s>(&'s self, resource: &'s Resource<'_>) -> &'s str {
        self.names.ids.get(resource.logical).map_or(resource.logical, String::as_str)
    }

    fn evidence(&self, resource: &Resource<'_>) -> Evidence {
        self.document.evidence(&resource.pointer).excerpt(format!("{} {}", resource.logical, resource.kind))
    }

    /// The asset as its own place shows it, before others refer to it.
    fn asset(&self, resource: &Resource<'_>, found: &mut Found) {
        let (id, evidence) = (self.id(resource), self.evidence(resource));
        let kind = table().get(resource.kind);
        let literal =
            kind.and_then(|kind| kind.name_of(&resource.properties)).filter(|name| !name.contains(['$', '#']));
        let name = literal.unwrap_or_else(|| resource.logical.to_owned());
        let mut asset = Asset::new(id, kind.map_or(AssetKind::Resource, |kind| kind.kind), name).seen(evidence.clone());
        asset.properties.insert("aws_type".into(), resource.kind.into());
        asset.properties.insert("cloudformation_type".into(), resource.kind.into());
        asset.properties.insert("logical_id".into(), resource.logical.into());
        asset.ai |= kind.is_some_and(|kind| kind.ai) || is_ai(&asset, &Value::Null);
        if kind.is_none() || kind.is_some_and(|kind| kind.into.is_some()) {
            for (key, value) in keep::properties(&resource.properties) {
                asset.properties.entry(key).or_insert(value);
            }
            if let Some(tags) = field(&resource.properties, "Tags") {
                keep::tags(&mut asset, tags, &evidence);
            }
        }
        found.inventory.add(asset);
    }

    fn describe(&self, resource: &Resource<'_>, found: &mut Found) {
        let (id, evidence) = (self.id(resource), self.evidence(resource));
        let kind = table().get(resource.kind);
        let names = |name: &str| self.names.ids.get(name).cloned();
        let place = Place::default();
        let item = |kind| Item {
            document: self.document,
            pointer: format!("{}/Properties", resource.pointer),
            value: &resource.properties,
            kind,
            whole: true,
            id: Some(id.to_owned()),
            place: &place,
            parent: None,
            names: &names,
        };
        match kind {
            Some(kind) => {
                if let Some(of) = item(kind).add(found).filter(|of| of != id) {
                    found.relate(id, RelationKind::AppliesTo, &of, &evidence);
                }
            }
            None => self.references(resource, found),
        }
    }

    /// A type that the table does not know uses whatever it refers to.
    fn references(&self, resource: &Resource<'_>, found: &mut Found) {
        let id = self.id(resource);
        let mut rest = vec![(format!("{}/Properties", resource.pointer), &resource.properties, String::new())];
        while let Some((pointer, value, key)) = rest.pop() {
            match value {
                Value::String(text) if text != id => {
                    let role = key.to_ascii_lowercase().ends_with("rolearn") || key.eq_ignore_ascii_case("role");
                    let kind = if role { RelationKind::RunsAs } else { RelationKind::Uses };
                    if self.ids.contains(text) || (role && text.starts_with("arn:")) {
                        let target = if role { Target::Type("AWS::IAM::Role".into()) } else { Target::Any };
                        let evidence = self.document.evidence(&pointer);
                        let around = end::Around { place: &Place::default(), value, names: &|_| None };
                        if let Some(to) = end::end(text, &target, &around, &evidence, found) {
                            found.relate(id, kind, &to, &evidence);
                        }
                    }
                }
                Value::Array(list) => {
                    rest.extend(list.iter().enumerate().map(|(i, item)| (format!("{pointer}/{i}"), item, key.clone())))
                }
                Value::Object(map) => rest.extend(
                    map.iter().map(|(key, item)| (format!("{pointer}/{}", pointer_key(key)), item, key.clone())),
                ),
                _ => {}
            }
        }
    }

    /// Gives identities the shape that authorization details have.
    fn identity(&self, resource: &Resource<'_>, found: &mut Found) {
        let value = &resource.properties;
        let made = self.made_role(resource, found);
        let id = made.as_deref().unwrap_or_else(|| self.id(resource));
        let pointer = format!("{}/Properties", resource.pointer);
        let full = |below: &str| self.document.evidence(below).pointer.unwrap_or_default();
        let document = || {
            json!({"PolicyName": field(value, "PolicyName"), "PolicyDocument": field(value, "PolicyDocument"),
            "Pointer": full(&format!("{pointer}/PolicyDocument"))})
        };
        let list = match resource.kind {
            "AWS::IAM::Role" => "RolePolicyList",
            "AWS::Serverless::Function" if made.is_some() => "RolePolicyList",
            "AWS::IAM::User" => "UserPolicyList",
            "AWS::IAM::Group" => "GroupPolicyList",
            "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" | "AWS::IAM::UserPolicy" | "AWS::IAM::GroupPolicy" => {
                for (path, list) in HOLDERS {
                    for (place, holder) in texts(&pointer, value, path) {
                        let evidence = self.evidence_at(&place);
                        found.relate(id, RelationKind::AppliesTo, holder, &evidence);
                        push(found, holder, list, document());
                    }
                }
                return;
            }
            "AWS::IAM::ManagedPolicy" => {
                if let Some(asset) = found.inventory.get_mut(id) {
                    let version = json!({"VersionId": "v1", "IsDefaultVersion": true, "Document": field(value, "PolicyDocument"),
                        "Pointer": full(&format!("{pointer}/PolicyDocument"))});
                    asset.properties.insert("PolicyVersionList".into(), json!([version]));
                }
                for (path, _) in HOLDERS {
                    for (place, holder) in texts(&pointer, value, path) {
                        found.relate(id, RelationKind::AppliesTo, holder, &self.evidence_at(&place));
                        push(found, holder, "AttachedManagedPolicies", json!({"PolicyArn": id}));
                    }
                }
                return;
            }
            _ => return,
        };
        for (place, policy) in at(&pointer, value, "Policies") {
            if let Some(document) = field(policy, "PolicyDocument") {
                let entry = json!({"PolicyName": field(policy, "PolicyName"), "PolicyDocument": document,
                    "Pointer": full(&format!("{place}/PolicyDocument"))});
                push(found, id, list, entry);
            }
        }
        let attached = texts(&pointer, value, "ManagedPolicyArns").into_iter();
        // SAM takes policies of AWS by their names
        for (place, policy) in attached.chain(texts(&pointer, value, "Policies")) {
            let policy = match policy.contains([':', '$']) {
                true => policy.to_owned(),
                false => format!("arn:aws:iam::aws:policy/{policy}"),
            };
            push(found, id, "AttachedManagedPolicies", json!({"PolicyArn": policy}));
            found.relate(&policy, RelationKind::AppliesTo, id, &self.evidence_at(&place));
        }
        if let Some(trust) = field(value, "AssumeRolePolicyDocument")
            && let Some(asset) = found.inventory.get_mut(id)
        {
            asset.properties.insert("AssumeRolePolicyDocument".into(), trust.clone());
            let place = full(&format!("{pointer}/AssumeRolePolicyDocument"));
            asset.properties.insert("AssumeRolePolicyPointer".into(), place.into());
        }
        if let Some(boundary) = text(value, "PermissionsBoundary")
            && let Some(asset) = found.inventory.get_mut(id)
        {
            let boundary = json!({"PermissionsBoundaryArn": boundary});
            asset.properties.insert("PermissionsBoundary".into(), boundary);
        }
    }

    /// The role that SAM makes for a function that names none.
    fn made_role(&self, resource: &Resource<'_>, found: &mut Found) -> Option<String> {
        if resource.kind != "AWS::Serverless::Function" || field(&resource.properties, "Role").is_some() {
            return None;
        }
        let name = format!("{}Role", resource.logical);
        let id = format!("file:{}#{name}", self.document.path());
        let evidence = self.evidence(resource);
        let role = Asset::new(&id, AssetKind::Role, name).with("aws_type", "AWS::IAM::Role");
        found.inventory.add(role.seen(evidence.clone()));
        found.relate(self.id(resource), RelationKind::RunsAs, &id, &evidence);
        Some(id)
    }

    /// What one resource says of another: permissions for all, function URLs, events and tables of SAM.
    fn extras(&self, resource: &Resource<'_>, found: &mut Found) {
        let (id, value) = (self.id(resource), &resource.properties);
        let pointer = format!("{}/Properties", resource.pointer);
        match resource.kind {
            "AWS::Lambda::Permission" => {
                let invoker = texts(&pointer, value, "SourceArn").into_iter().next();
                let function = texts(&pointer, value, "FunctionName").into_iter().next();
                if let (Some((place, source)), Some((_, function))) = (invoker, function)
                    && let Some(source) = self.resource_in(source)
                    && let Some(function) = self.resource_in(function)
                {
                    found.relate(&source, RelationKind::Invokes, &function, &self.evidence_at(&place));
                }
            }
            "AWS::Serverless::Function" => {
                if let Some(url) = field(value, "FunctionUrlConfig") {
                    let closed = text(url, "AuthType").is_some_and(|kind| kind != "NONE");
                    let evidence = self.evidence_at(&format!("{pointer}/FunctionUrlConfig"));
                    self.expose(&format!("{id}:url"), closed, id, &evidence, found);
                }
                for (place, event) in at(&pointer, value, "Events.*") {
                    let api = matches!(text(event, "Type"), Some("Api" | "HttpApi"));
                    let properties = field(event, "Properties");
                    let auth = properties.and_then(|p| field(p, "Auth")).is_some();
                    let named = ["RestApiId", "ApiId"].iter().find_map(|key| text(properties?, key));
                    let evidence = self.evidence_at(&place);
                    match named {
                        Some(named) if api => found.relate(named, RelationKind::Exposes, id, &evidence),
                        // without one of its own SAM makes an API for all functions
                        None if api => {
                            let implicit = format!(
                                "file:{}#Serverless{}",
                                self.document.path(),
                                text(event, "Type").unwrap_or_default()
                            );
                            self.expose(&implicit, auth, id, &evidence, found);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn expose(&self, endpoint: &str, closed: bool, behind: &str, evidence: &Evidence, found: &mut Found) {
        let name = endpoint.rsplit('#').next().unwrap_or(endpoint);
        let mut asset = Asset::new(endpoint, AssetKind::Endpoint, name).seen(evidence.clone());
        asset.exposure = Some(Exposure::Public);
        asset.authentication = Some(if closed { Authentication::Identity } else { Authentication::None });
        found.inventory.add(asset);
        found.relate(AssetId::INTERNET, RelationKind::Exposes, endpoint, evidence);
        found.relate(endpoint, RelationKind::Exposes, behind, evidence);
    }

    /// The resource of this template that a text names.
    fn resource_in(&self, text: &str) -> Option<String> {
        match text.split_once("${") {
            Some((_, rest)) => self.names.ids.get(rest.split(['}', '.']).next()?).cloned(),
            None => (text.starts_with("file:") || text.starts_with("arn:")).then(|| end::canonical(text)),
        }
    }

    /// Evidence for a pointer; what a function computes has its place further up.
    fn evidence_at(&self, pointer: &str) -> Evidence {
        let mut pointer = pointer;
        while !pointer.is_empty() && self.document.value.pointer(pointer).is_none() {
            pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        }
        self.document.evidence(pointer)
    }
}

/// Properties of policies that name their holders, and the lists of these.
const HOLDERS: &[(&str, &str)] = &[
    ("Roles", "RolePolicyList"),
    ("Users", "UserPolicyList"),
    ("Groups", "GroupPolicyList"),
    ("RoleName", "RolePolicyList"),
    ("UserName", "UserPolicyList"),
    ("GroupName", "GroupPolicyList"),
];

fn push(found: &mut Found, id: &str, key: &str, entry: Value) {
    let Some(asset) = found.inventory.get_mut(id) else { return };
    let list = asset.properties.entry(key).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut().filter(|list| !list.contains(&entry)) {
        list.push(entry);
    }
}
