//! `data/discover/aws.yaml`: how resources of AWS are recognised, named, and related.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde_json::Value;

use super::arn::{Arn, Place};
use super::field::{field, scalar, text};
use crate::asset::{AssetKind, Authentication, Document, Exposure, RelationKind, flag, is_open};

/// A resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Type {
    /// CloudFormation's name of it.
    #[serde(skip)]
    pub(super) name: String,
    pub(super) kind: AssetKind,
    #[serde(default)]
    pub(super) ai: bool,
    /// `service:rest`, `service::rest` without a region, `service:::rest` without account too; {field} or {a|b} inside.
    arn: String,
    /// Fields that hold its ARN; `Arn` always may.
    #[serde(default)]
    id: Vec<String>,
    /// Keys that hold it, or a list of it, in answers of the API.
    #[serde(default, rename = "in")]
    holders: Vec<String>,
    /// Fields that together tell it without an ARN.
    #[serde(default)]
    has: Vec<String>,
    /// Whether these fields tell it only under one of its keys.
    #[serde(default)]
    held: bool,
    /// Whether a list of it holds whole descriptions, not summaries.
    #[serde(default)]
    pub(super) whole: bool,
    /// Fields that hold its name, where these are not those of the ARN.
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    pub(super) runs_as: Vec<Link>,
    #[serde(default)]
    pub(super) links: BTreeMap<RelationKind, Vec<Link>>,
    /// Relations that start at the other end.
    #[serde(default)]
    pub(super) back: BTreeMap<RelationKind, Vec<Link>>,
    /// Resources that are described inside this one.
    #[serde(default)]
    pub(super) parts: BTreeMap<RelationKind, Vec<Link>>,
    /// Fields that hold the key its data is encrypted with.
    #[serde(default)]
    pub(super) key: Vec<String>,
    #[serde(default)]
    pub(super) when: Vec<When>,
    /// Fields that hold other ids of it: URLs.
    #[serde(default)]
    pub(super) alias: Vec<String>,
    /// Containers: image, command, environment.
    #[serde(default)]
    pub(super) containers: Vec<String>,
    /// A setting of another resource: merged into it, no asset of its own.
    #[serde(default)]
    pub(super) into: Option<Link>,
    /// Its own policy, of whom it lets in.
    #[serde(default)]
    pub(super) policy: Vec<String>,
}

/// A typed attribute that a value stands for. Of several that hold, the first decides each attribute.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    pub(super) at: String,
    /// The value, in any case; without it anything known but `false` and `null` will do.
    #[serde(default)]
    pub(super) is: Option<Value>,
    #[serde(default)]
    pub(super) exposure: Option<Exposure>,
    #[serde(default)]
    pub(super) authentication: Option<Authentication>,
    #[serde(default)]
    pub(super) at_rest: Option<bool>,
    #[serde(default)]
    pub(super) in_transit: Option<bool>,
}

impl When {
    pub(super) fn holds(&self, value: &Value) -> bool {
        match &self.is {
            Some(is) => match (scalar(value), scalar(is)) {
                (Some(value), Some(is)) => value.eq_ignore_ascii_case(&is),
                _ => false,
            },
            None => !value.is_null() && flag(value) != Some(false) && !is_open(value),
        }
    }
}

/// `path > target`: a value that names another resource, and what it names.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub(super) struct Link {
    pub(super) path: String,
    pub(super) target: Target,
}

/// What a value names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// What its ARN or address says.
    Any,
    /// A container image.
    Image,
    /// A model of Bedrock by name or ARN.
    Model,
    /// A model's files in S3.
    Artifact,
    /// Data in S3.
    Data,
    /// A bucket by name.
    Bucket,
    /// A resource of this type by ARN or name.
    Type(String),
}

impl From<String> for Link {
    fn from(text: String) -> Self {
        let (path, target) = text.split_once(" > ").unwrap_or((&text, ""));
        let target = match target {
            "" => Target::Any,
            "image" => Target::Image,
            "model" => Target::Model,
            "artifact" => Target::Artifact,
            "data" => Target::Data,
            "bucket" => Target::Bucket,
            name => Target::Type(name.to_owned()),
        };
        Self { path: path.to_owned(), target }
    }
}

impl Type {
    fn service(&self) -> &str {
        self.arn.split_once(':').map_or("", |(service, _)| service)
    }

    /// The template after the service and what stands for region and account.
    fn rest(&self) -> &str {
        self.arn.split_once(':').map_or("", |(_, rest)| rest.trim_start_matches(':'))
    }

    /// What the resource part of its ARN begins with.
    fn stem(&self) -> &str {
        self.rest().split('{').next().unwrap_or_default()
    }

    /// The fields in the template.
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.arn.split('{').skip(1).filter_map(|part| part.split('}').next())
    }

    /// Whether an ARN is one of this type.
    pub(super) fn owns(&self, arn: &Arn<'_>) -> bool {
        arn.service == self.service() && arn.resource.starts_with(self.stem())
    }

    /// The ARN that an object of this type carries.
    pub(super) fn own_arn<'v>(&self, value: &'v Value) -> Option<&'v str> {
        let fields = self.id.iter().map(String::as_str).chain(["Arn"]);
        fields.filter_map(|name| text(value, name)).find(|text| Arn::parse(text).is_some_and(|arn| self.owns(&arn)))
    }

    /// Whether an object, found anywhere, is of this type.
    fn is(&self, value: &Value) -> bool {
        if !self.has.is_empty() && !self.held {
            return self.has.iter().all(|names| present(value, names));
        }
        self.own_arn(value).is_some() && self.keys().all(|names| present(value, names))
    }

    /// Whether an object under one of its keys is of this type.
    fn is_held(&self, value: &Value) -> bool {
        let told = !self.has.is_empty() && self.has.iter().all(|names| present(value, names));
        self.own_arn(value).is_some() || told
    }

    /// The ARN by the template; `value` gives a field's value by name or `a|b`.
    pub(super) fn arn(&self, place: &Place, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut filled = String::new();
        let mut rest = self.rest();
        while let Some((before, after)) = rest.split_once('{') {
            let (key, tail) = after.split_once('}')?;
            filled.push_str(before);
            filled.push_str(&value(key)?);
            rest = tail;
        }
        filled.push_str(rest);
        let (service, head) = self.arn.split_once(':')?;
        let region = if head.starts_with(':') { "" } else { &place.region };
        let account = if head.starts_with("::") || head.starts_with('/') { "" } else { &place.account };
        Some(format!("arn:aws:{service}:{region}:{account}:{filled}"))
    }

    /// The ARN of the resource of this type that has this name; other fields come from whoever names it.
    pub(super) fn arn_of(&self, name: &str, place: &Place, value: &Value) -> Option<String> {
        let last = self.keys().last()?;
        let stem = self.stem();
        let name = name.strip_prefix(stem).filter(|_| stem.len() > 1).unwrap_or(name);
        self.arn(place, |key| if key == last { Some(name.to_owned()) } else { any(value, key) })
    }

    /// A name for people.
    pub(super) fn name_of(&self, value: &Value) -> Option<String> {
        let own = self.names.iter().map(String::as_str);
        own.chain(["Name"]).chain(self.keys().collect::<Vec<_>>().into_iter().rev()).find_map(|key| any(value, key))
    }
}

/// The first of the fields `a|b` that is there, as text.
pub(super) fn any(value: &Value, keys: &str) -> Option<String> {
    keys.split('|').find_map(|key| scalar(field(value, key)?)).filter(|text| !text.is_empty())
}

fn present(value: &Value, names: &str) -> bool {
    names.split('|').any(|name| field(value, name).is_some_and(|value| !value.is_null()))
}

/// All types, indexed.
#[derive(Debug, Default)]
pub(super) struct Table {
    types: HashMap<String, Type, RandomState>,
    /// Type names by the first step of a key that holds them, in both ways to write it.
    holders: HashMap<String, Vec<(String, String)>, RandomState>,
    /// Type names by a field that shows them.
    marks: HashMap<String, Vec<String>, RandomState>,
    /// Type names by service, longest stem first.
    services: HashMap<String, Vec<String>, RandomState>,
}

/// The built-in table.
pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    // a test checks that it loads; an empty one would only recognise nothing
    TABLE.get_or_init(|| Table::new(Document::config("aws.yaml", TYPES).unwrap_or_default()))
}

const TYPES: &str = include_str!("../../../data/discover/aws.yaml");

impl Table {
    fn new(mut types: BTreeMap<String, Type>) -> Self {
        let mut table = Self::default();
        for (name, kind) in &mut types {
            kind.name.clone_from(name);
            for path in &kind.holders {
                let first = path.split('.').next().unwrap_or(path);
                for key in both_cases(first) {
                    table.holders.entry(key).or_default().push((path.clone(), name.clone()));
                }
            }
            let marks: Vec<&str> = match kind.has.first() {
                Some(first) => first.split('|').collect(),
                None => kind.id.iter().map(String::as_str).chain(["Arn"]).collect(),
            };
            for key in marks.into_iter().flat_map(both_cases) {
                table.marks.entry(key).or_default().push(name.clone());
            }
            table.services.entry(kind.service().to_owned()).or_default().push(name.clone());
        }
        for names in table.services.values_mut() {
            names.sort_by_key(|name| std::cmp::Reverse(types.get(name).map_or(0, |kind| kind.stem().len())));
        }
        table.types = types.into_iter().collect();
        table
    }

    /// A type by CloudFormation's name.
    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.types.get(name)
    }

    /// The type of a resource by its ARN.
    pub(super) fn of_arn(&self, arn: &Arn<'_>) -> Option<&Type> {
        self.services
            .get(arn.service)?
            .iter()
            .filter_map(|name| self.get(name))
            .find(|kind| kind.owns(arn) && kind.into.is_none())
    }

    /// The type of an object that stands alone. One hash look-up a field.
    pub(super) fn of(&self, value: &Value) -> Option<&Type> {
        let marks = value.as_object()?.keys().filter_map(|key| self.marks.get(key)).flatten();
        marks.filter_map(|name| self.get(name)).find(|kind| kind.is(value))
    }

    /// Whether a key of an answer may hold resources: the paths below it and their types.
    pub(super) fn held<'a>(&'a self, key: &str) -> impl Iterator<Item = (&'a str, &'a Type)> + use<'a> {
        let paths = self.holders.get(key).into_iter().flatten();
        paths.filter_map(|(path, name)| Some((path.as_str(), self.get(name)?)))
    }

    /// Of the types that a key may hold, the one that this object is.
    pub(super) fn held_type<'a>(&'a self, key: &str, path: &str, value: &Value) -> Option<&'a Type> {
        let mut types = self.held(key).filter(|(p, _)| *p == path).map(|(_, kind)| kind);
        types.find(|kind| kind.is_held(value))
    }
}

/// `ModelArn` and `modelArn`.
fn both_cases(key: &str) -> Vec<String> {
    let mut chars = key.chars();
    let first = chars.next().unwrap_or_default();
    let rest = chars.as_str();
    vec![format!("{}{rest}", first.to_ascii_uppercase()), format!("{}{rest}", first.to_ascii_lowercase())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_loads_and_its_links_lead_to_types() {
        let types: BTreeMap<String, Type> = Document::config("aws.yaml", TYPES).unwrap();
        for (name, kind) in &types {
            let links = kind.links.values().chain(kind.back.values()).chain(kind.parts.values()).flatten();
            for link in links.chain(&kind.runs_as).chain(&kind.into) {
                if let Target::Type(target) = &link.target {
                    assert!(types.contains_key(target), "{name}: {target}");
                }
            }
        }
    }

    #[test]
    fn objects_are_told_by_their_own_arn() {
        let of = |value: Value| table().of(&value).map(|kind| kind.name.clone());
        let arn = |rest: &str| format!("arn:aws:sagemaker:eu-west-1:111111111111:{rest}");
        let job = json!({"TrainingJobName": "t", "TrainingJobArn": arn("training-job/t"),
            "AutoMLJobArn": arn("automl-job/a"), "RoleArn": "arn:aws:iam::111111111111:role/r"});
        assert_eq!(of(job).as_deref(), Some("AWS::SageMaker::TrainingJob"));
        assert_eq!(of(json!({"ModelName": "m", "ModelArn": "m"})), None);
        assert_eq!(of(json!({"arn": arn("model/m"), "severity": "HIGH"})), None);
    }
}
