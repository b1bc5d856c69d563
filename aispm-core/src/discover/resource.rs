//! Names of resources as other tools write them, on the ids that this estate uses, with the kind that the name tells.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use serde::Deserialize;

use super::model_ref;
use crate::asset::{Asset, AssetKind, Document};

/// `data/discover/resource_kinds.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kinds {
    aws: HashMap<String, AssetKind>,
    azure: HashMap<String, AssetKind>,
    gcp: HashMap<String, AssetKind>,
    kubernetes: HashMap<String, AssetKind>,
    ai: HashSet<String>,
}

const TABLE: &str = include_str!("../../data/discover/resource_kinds.yaml");

fn kinds() -> &'static Kinds {
    static KINDS: OnceLock<Kinds> = OnceLock::new();
    // the built-in table is checked by a test; an empty one would only lose kinds
    KINDS.get_or_init(|| Document::config("resource_kinds.yaml", TABLE).unwrap_or_default())
}

/// Where a resource stands, as far as a source says beside its name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context<'a> {
    /// `AwsS3Bucket`, `AWS::S3::Bucket`, `microsoft.storage/storageaccounts`, `storage.googleapis.com/Bucket`, `Pod`.
    pub(super) kind: &'a str,
    /// `aws`, `azure`, `gcp`, `kubernetes`, in any case.
    pub(super) provider: &'a str,
    /// Account, subscription or project; cluster for Kubernetes.
    pub(super) account: &'a str,
    /// Region; namespace for Kubernetes.
    pub(super) region: &'a str,
}

/// The asset that an id names; `None` if it is not one that can be told from others.
pub(super) fn by_id(id: &str) -> Option<Asset> {
    let id = id.trim();
    let after = |prefix: &str| {
        id.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)).and_then(|_| id.get(prefix.len()..))
    };
    if id.starts_with("arn:") {
        Some(arn(id))
    } else if let Some(account) = after("AWS::::Account:") {
        Some(account_root(account))
    } else if after("/subscriptions/").is_some() {
        Some(azure(id))
    } else if id.starts_with("//") {
        Some(gcp(id))
    } else if let Some((scheme, rest)) = id.split_once("://") {
        match scheme {
            "s3" | "s3a" | "s3n" | "gs" => store(id),
            "k8s" => Some(kubernetes(id, rest)),
            "https" if rest.contains(".blob.core.windows.net/") || rest.contains(".dfs.core.windows.net/") => {
                Some(Asset::new(id.trim_end_matches('/'), AssetKind::Bucket, last(id)))
            }
            "https" if rest.starts_with("www.googleapis.com/") || rest.contains(".googleapis.com/") => {
                Some(gcp(&api_url(rest)))
            }
            _ => None,
        }
    } else {
        None
    }
}

/// The asset that a name means among those of its type.
pub(super) fn by_name(name: &str, context: Context<'_>) -> Option<Asset> {
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let Context { kind, provider, account, region } = context;
    if let Some(asset) = by_id(name) {
        return Some(asset);
    }
    let words = type_words(kind);
    if provider.eq_ignore_ascii_case("kubernetes") || kinds().kubernetes.contains_key(&kind.to_ascii_lowercase()) {
        let namespace = match region.strip_prefix("namespace: ").unwrap_or(region) {
            "" => "-",
            namespace => namespace,
        };
        let kind = if kind.is_empty() { "Resource" } else { kind };
        // manifests do not name their cluster, and it is theirs that a finding is to meet
        let rest = format!("{namespace}/{kind}/{name}");
        let asset = kubernetes(&format!("k8s://cluster/{rest}"), &rest);
        let cluster = account.strip_prefix("context: ").unwrap_or(account);
        let named = !cluster.is_empty() && !cluster.contains('/');
        return Some(if named { asset.alias(format!("k8s://{cluster}/{rest}")) } else { asset });
    }
    if matches!(words.as_str(), "s3:bucket" | "s3") && !name.contains('/') {
        return Some(arn(&format!("arn:aws:s3:::{name}")));
    }
    let google = provider.eq_ignore_ascii_case("gcp")
        || provider.eq_ignore_ascii_case("google")
        || kind.contains(".googleapis.com/");
    if google && (kind.to_ascii_lowercase().ends_with("bucket") || kind.eq_ignore_ascii_case("storage")) {
        return store(&format!("gs://{}", last(name)));
    }
    if google && !account.is_empty() && kind.contains(".googleapis.com/") && !name.contains('/') {
        let (service, of) = kind.split_once('/').unwrap_or((kind, "resource"));
        let collection =
            format!("{}{}s", of.get(..1).unwrap_or_default().to_lowercase(), of.get(1..).unwrap_or_default());
        let place =
            if region.is_empty() || region == "global" { String::new() } else { format!("locations/{region}/") };
        return Some(gcp(&format!("//{service}/projects/{account}/{place}{collection}/{name}")));
    }
    if matches!(words.as_str(), "account" | "account:account") && !account.is_empty() {
        return Some(account_root(account));
    }
    if google && let Some((_, domain)) = name.split_once('@') {
        let service = domain.ends_with("gserviceaccount.com");
        let (prefix, kind) =
            if service { ("serviceAccount", AssetKind::ServiceAccount) } else { ("user", AssetKind::User) };
        return Some(Asset::new(format!("{prefix}:{name}"), kind, name));
    }
    // a bare name is one of its account's
    let id = match (provider, account) {
        ("", _) | (_, "") => name.to_owned(),
        _ if name.contains([':', '/']) => name.to_owned(),
        _ => format!("{}:{account}/{name}", provider.to_ascii_lowercase()),
    };
    Some(mark(Asset::new(id, kind_of(kind).unwrap_or(AssetKind::Resource), last(name)), kind))
}

/// The kind that a type's name tells, whoever's name it is.
pub(super) fn kind_of(kind: &str) -> Option<AssetKind> {
    let lower = kind.trim().to_ascii_lowercase();
    let table = kinds();
    table
        .azure
        .get(&lower)
        .or_else(|| table.gcp.get(&lower))
        .or_else(|| table.gcp.get(&format!("{lower}s")))
        .or_else(|| table.gcp.get(&format!("{}ies", lower.trim_end_matches('y'))))
        .or_else(|| table.kubernetes.get(&lower))
        .or_else(|| table.aws.get(&type_words(kind)))
        .copied()
}

/// A bucket, or an object in one.
pub(super) fn store(uri: &str) -> Option<Asset> {
    let bucket = model_ref::bucket(uri)?;
    let (scheme, rest) = uri.split_once("://")?;
    match rest.split_once('/').map(|(_, key)| key.trim_end_matches('/')).filter(|key| !key.is_empty()) {
        Some(key) => {
            let scheme = if scheme == "gs" { "gs" } else { "s3" };
            Some(Asset::new(format!("{scheme}://{}/{key}", bucket.name), AssetKind::Dataset, last(key)))
        }
        None => Some(bucket),
    }
}

/// The bucket that an object's id lies in.
pub(super) fn bucket_of(id: &str) -> Option<Asset> {
    model_ref::bucket(id).filter(|bucket| bucket.id.as_str() != id)
}

/// Whether a service's resources are AI.
fn mark(asset: Asset, kind: &str) -> Asset {
    let service = kind.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase();
    let words = type_words(kind);
    let by_words = words.split(':').next().is_some_and(|service| kinds().ai.contains(service));
    if kinds().ai.contains(&service) || by_words { asset.ai() } else { asset }
}

/// `AwsS3Bucket` and `AWS::S3::Bucket` as `s3:bucket`.
fn type_words(kind: &str) -> String {
    if let Some(rest) = kind.strip_prefix("AWS::") {
        return rest.replace("::", ":").to_ascii_lowercase();
    }
    let Some(rest) = kind.strip_prefix("Aws") else { return kind.to_ascii_lowercase() };
    let lower = rest.to_ascii_lowercase();
    // the longest service that the word begins with
    let services = kinds().aws.keys().filter_map(|key| key.split(':').next());
    match services.filter(|service| lower.starts_with(*service)).max_by_key(|service| service.len()) {
        Some(service) => match lower.strip_prefix(service).filter(|rest| !rest.is_empty()) {
            Some(rest) => format!("{service}:{rest}"),
            None => service.to_owned(),
        },
        None => lower,
    }
}

fn account_root(account: &str) -> Asset {
    let account = account.trim_start_matches(':');
    Asset::new(format!("arn:aws:iam::{account}:root"), AssetKind::Account, account)
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:REST`.
fn arn(arn: &str) -> Asset {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let (region, account, rest) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if service == "s3" && account.is_empty() {
        let object = rest.split_once('/').and_then(|_| store(&format!("s3://{rest}")));
        return object.filter(|o| o.kind == AssetKind::Dataset).unwrap_or_else(|| {
            let bucket = rest.trim_end_matches('/');
            Asset::new(format!("arn:aws:s3:::{bucket}"), AssetKind::Bucket, bucket)
        });
    }
    if let Some(model) = rest.strip_prefix("foundation-model/") {
        return Asset::new(format!("model:{model}"), AssetKind::Model, model).alias(arn);
    }
    let name = rest.rsplit(['/', ':']).next().unwrap_or(rest);
    let kind_word = rest.split(['/', ':']).next().filter(|word| *word != rest).unwrap_or_default();
    if service == "iam" && rest == "root" || (service.is_empty() && !account.is_empty()) {
        return account_root(account);
    }
    let table = &kinds().aws;
    let kind = table.get(&format!("{service}:{kind_word}")).or_else(|| table.get(service)).copied();
    let mut asset = Asset::new(arn, kind.unwrap_or(AssetKind::Resource), name);
    for (key, value) in [("region", region), ("account", account)] {
        if !value.is_empty() {
            asset.properties.insert(key.to_owned(), value.into());
        }
    }
    mark(asset, service)
}

fn azure(id: &str) -> Asset {
    let lower = id.trim_end_matches('/').to_lowercase();
    let mut kind = String::new();
    if let Some((_, provider)) = lower.rsplit_once("/providers/") {
        let mut parts = provider.split('/');
        kind.push_str(parts.next().unwrap_or_default());
        for word in parts.step_by(2) {
            kind.push('/');
            kind.push_str(word);
        }
    }
    let subscription = lower.matches('/').count() == 2;
    let known = kinds().azure.get(&kind).copied();
    let kind_of = if subscription { AssetKind::Account } else { known.unwrap_or(AssetKind::Resource) };
    let mut asset = Asset::new(&lower, kind_of, last(id.trim_end_matches('/')));
    asset.properties.insert("resource_id".to_owned(), id.into());
    if !kind.is_empty() {
        asset.properties.insert("type".to_owned(), kind.as_str().into());
    }
    mark(asset, &kind)
}

/// `//SERVICE.googleapis.com/…`; buckets are `gs://NAME`.
fn gcp(name: &str) -> Asset {
    let rest = name.trim_start_matches('/');
    let (service, path) = rest.split_once('/').unwrap_or((rest, ""));
    if service == "storage.googleapis.com" {
        let path = path.rsplit_once("/buckets/").map_or(path, |(_, bucket)| bucket);
        let path = path.strip_prefix("buckets/").unwrap_or(path).replacen("/objects/", "/", 1);
        if let Some(asset) = store(&format!("gs://{path}")).filter(|_| !path.starts_with("projects/")) {
            return asset.alias(name);
        }
    }
    if service == "iam.googleapis.com"
        && let Some(email) = path
            .rsplit_once("/serviceAccounts/")
            .map(|(_, email)| email)
            .filter(|e| e.contains('@') && !e.contains('/'))
    {
        return Asset::new(format!("serviceAccount:{email}"), AssetKind::ServiceAccount, email).alias(name);
    }
    let mut words = path.rsplit('/');
    let (own, collection) = (words.next().unwrap_or(path), words.next().unwrap_or_default());
    let kind = kinds().gcp.get(&format!("{service}/{}", collection.to_ascii_lowercase())).copied();
    mark(Asset::new(name.trim_end_matches('/'), kind.unwrap_or(AssetKind::Resource), own), service)
}

/// A REST address as a full resource name: `www.googleapis.com/compute/v1/projects/…`.
fn api_url(rest: &str) -> String {
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut parts = path.splitn(3, '/');
    let (first, second, third) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let version = |word: &str| word.starts_with('v') && word.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if host == "www.googleapis.com" && version(second) {
        let third = if first == "storage" { third.strip_prefix("b/").unwrap_or(third) } else { third };
        format!("//{first}.googleapis.com/{third}")
    } else if version(first) {
        format!("//{host}/{second}/{third}")
    } else {
        format!("//{host}/{path}")
    }
}

fn kubernetes(id: &str, rest: &str) -> Asset {
    let mut parts = rest.rsplit('/');
    let (name, kind) = (parts.next().unwrap_or(rest), parts.next().unwrap_or_default());
    let known = kinds().kubernetes.get(&kind.to_ascii_lowercase()).copied();
    Asset::new(id, known.unwrap_or(AssetKind::Resource), name)
}

pub(super) fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_kinds() {
        Document::config::<Kinds>("resource_kinds.yaml", TABLE).unwrap();
        for (id, expected, kind, ai) in [
            ("arn:aws:s3:::acme", "arn:aws:s3:::acme", AssetKind::Bucket, false),
            ("arn:aws:s3:::acme/a/b.csv", "s3://acme/a/b.csv", AssetKind::Dataset, false),
            ("AWS::::Account:111111111111", "arn:aws:iam::111111111111:root", AssetKind::Account, false),
            (
                "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/e",
                "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/e",
                AssetKind::Endpoint,
                true,
            ),
            ("arn:aws:iam::111111111111:role/r", "arn:aws:iam::111111111111:role/r", AssetKind::Role, false),
            (
                "/subscriptions/S/resourceGroups/G/providers/Microsoft.Storage/storageAccounts/Acme",
                "/subscriptions/s/resourcegroups/g/providers/microsoft.storage/storageaccounts/acme",
                AssetKind::Bucket,
                false,
            ),
            (
                "/subscriptions/S/resourceGroups/G/providers/Microsoft.CognitiveServices/accounts/A",
                "/subscriptions/s/resourcegroups/g/providers/microsoft.cognitiveservices/accounts/a",
                AssetKind::Endpoint,
                true,
            ),
            ("//storage.googleapis.com/acme", "gs://acme", AssetKind::Bucket, false),
            ("//storage.googleapis.com/projects/_/buckets/acme", "gs://acme", AssetKind::Bucket, false),
            ("https://www.googleapis.com/storage/v1/b/acme", "gs://acme", AssetKind::Bucket, false),
            (
                "//aiplatform.googleapis.com/projects/p/locations/l/endpoints/1",
                "//aiplatform.googleapis.com/projects/p/locations/l/endpoints/1",
                AssetKind::Endpoint,
                true,
            ),
            (
                "//bigquery.googleapis.com/projects/p/datasets/d",
                "//bigquery.googleapis.com/projects/p/datasets/d",
                AssetKind::Database,
                false,
            ),
        ] {
            let asset = by_id(id).unwrap();
            assert_eq!((asset.id.as_str(), asset.kind, asset.ai), (expected, kind, ai), "{id}");
        }
        assert!(by_id("some words").is_none() && by_id("/etc/passwd").is_none());
    }

    #[test]
    fn names_with_their_type() {
        let named = |name, kind, provider| {
            let context = Context { kind, provider, account: "acme-1", region: "r" };
            by_name(name, context).map(|a| (a.id.to_string(), a.kind)).unwrap()
        };
        assert_eq!(named("acme", "AwsS3Bucket", "aws"), ("arn:aws:s3:::acme".into(), AssetKind::Bucket));
        assert_eq!(named("acme", "AWS::S3::Bucket", ""), ("arn:aws:s3:::acme".into(), AssetKind::Bucket));
        assert_eq!(named("acme", "storage.googleapis.com/Bucket", ""), ("gs://acme".into(), AssetKind::Bucket));
        assert_eq!(
            named("w", "Deployment", "kubernetes"),
            ("k8s://cluster/r/Deployment/w".into(), AssetKind::Workload)
        );
        assert_eq!(named("a@p.iam.gserviceaccount.com", "", "gcp").0, "serviceAccount:a@p.iam.gserviceaccount.com");
        assert_eq!(named("thing", "x", "gcp"), ("gcp:acme-1/thing".into(), AssetKind::Resource));
        assert_eq!(kind_of("AwsSageMakerNotebookInstance"), Some(AssetKind::Notebook));
        assert_eq!(kind_of("compute.googleapis.com/Instance"), Some(AssetKind::Node));
        assert_eq!(kind_of("artifactregistry.googleapis.com/Repository"), Some(AssetKind::Repository));
    }
}
