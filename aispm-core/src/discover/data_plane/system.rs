//! The system behind a connector: a database, a bucket, a vector store, a SaaS product, from the connector's name and
//! its settings. Secrets among the settings are never looked at.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::names::table;
use crate::asset::{Asset, AssetKind, Document};
use crate::discover::at::first;
use crate::discover::resource;

/// One product: how connectors call it, what it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Product {
    name: String,
    kind: AssetKind,
    /// Words in a connector's name, without spaces, dashes and underscores.
    words: Vec<String>,
    /// Classes of data that such a product holds by its purpose.
    #[serde(default)]
    classes: Vec<String>,
}

const TABLE: &str = include_str!("../../../data/discover/data_systems.yaml");

fn products() -> &'static [Product] {
    static PRODUCTS: OnceLock<Vec<Product>> = OnceLock::new();
    // the built-in table is checked by a test; an empty one would only lose products
    PRODUCTS.get_or_init(|| Document::config("data_systems.yaml", TABLE).unwrap_or_default())
}

fn product(connector: &str) -> Option<&'static Product> {
    let plain: String = connector.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    // the longest word decides: `databricks` before `bricks`
    let fits = products().iter().flat_map(|product| product.words.iter().map(move |word| (product, word)));
    fits.filter(|(_, word)| plain.contains(word.as_str()))
        .max_by_key(|(_, word)| word.len())
        .map(|(product, _)| product)
}

/// Whether a connector's name is of a product that is known.
pub(super) fn is_known(connector: &str) -> bool {
    product(connector).is_some()
}

/// The system that a connector talks to. `fallback` names it where the settings do not.
pub(super) fn of(connector: &str, settings: &Value, fallback: &str) -> Option<Asset> {
    let product = product(connector)?;
    let set = |names: &[&str]| first(settings, names);
    let bucket = set(&[
        "/s3_bucket_name",
        "/gcs_bucket_name",
        "/bucket_name",
        "/bucket",
        "/s3_bucket",
        "/s3BucketName",
        "/bucketName",
        "/s3.bucket.name",
        "/gcs.bucket.name",
        "/aws.s3.bucket.name",
    ]);
    let host = set(&[
        "/host",
        "/hostname",
        "/server",
        "/account",
        "/database.hostname",
        "/connection/host",
        "/address",
        "/url",
        "/connection.url",
        "/server_hostname",
    ]);
    let database =
        set(&["/database", "/dbname", "/schema_name", "/db", "/database.dbname", "/database.names", "/catalog"]);
    let name = product.name.as_str();
    let mut asset = match product.kind {
        AssetKind::Bucket => {
            let scheme = if name == "gcs" { "gs" } else { "s3" };
            let bucket = bucket.map(|bucket| bucket.trim_start_matches("s3://").trim_start_matches("gs://"));
            match bucket.filter(|_| name != "azure-blob") {
                Some(bucket) => resource::store(&format!("{scheme}://{}", bucket.split('/').next().unwrap_or(bucket)))?,
                None => {
                    let account = set(&["/azure_blob_storage_account_name", "/account_name", "/storage_account_name"])?;
                    let container = set(&["/azure_blob_storage_container_name", "/container_name", "/container"])
                        .unwrap_or_default();
                    let url = format!("https://{account}.blob.core.windows.net/{container}");
                    Asset::new(
                        url.trim_end_matches('/'),
                        AssetKind::Bucket,
                        if container.is_empty() { account } else { container },
                    )
                }
            }
        }
        AssetKind::Database if name == "bigquery" => {
            let project = set(&["/project_id", "/project", "/projectId"])?;
            match set(&["/dataset_id", "/dataset", "/default_dataset", "/defaultDataset"]) {
                Some(set) => table("bigquery", &format!("{project}.{}", set.rsplit(':').next().unwrap_or(set))),
                None => {
                    Asset::new(format!("//bigquery.googleapis.com/projects/{project}"), AssetKind::Database, project)
                }
            }
        }
        AssetKind::Database => {
            let host = host.map(|host| bare(host, name)).filter(|host| !host.is_empty());
            let port = settings.get("port").or_else(|| settings.get("database.port"));
            let port = port.and_then(|port| port.as_u64().or_else(|| port.as_str()?.parse().ok()));
            let place = match (host, port) {
                (Some(host), Some(port)) if !host.contains(':') => format!("{host}:{port}"),
                (Some(host), _) => host.to_owned(),
                (None, _) => fallback.to_owned(),
            };
            match database {
                Some(database) => Asset::new(format!("{name}://{place}/{database}"), AssetKind::Database, database),
                None => Asset::new(format!("{name}://{place}"), AssetKind::Database, fallback),
            }
        }
        AssetKind::VectorStore => {
            let store = set(&[
                "/index",
                "/index_name",
                "/collection",
                "/collection_name",
                "/class_name",
                "/indexing/index",
                "/indexing/collection",
                "/index_host",
            ])
            .unwrap_or(fallback);
            Asset::new(format!("{name}:{store}"), AssetKind::VectorStore, store)
        }
        kind => {
            let place = set(&[
                "/domain_name",
                "/domain",
                "/subdomain",
                "/instance_url",
                "/instance",
                "/site_url",
                "/base_url",
                "/url",
                "/tenant",
                "/shop",
                "/workspace",
                "/drive_id",
                "/driveId",
                "/folder_id",
                "/space_key",
                "/site_name",
                "/hostUrl",
                "/host",
            ])
            .map(|place| bare(place, ""));
            Asset::new(
                format!("saas:{name}/{}", place.filter(|place| !place.is_empty()).unwrap_or(fallback)),
                kind,
                name,
            )
            .with("product", name)
        }
    };
    asset.data_classes.extend(product.classes.iter().cloned());
    Some(asset)
}

/// The host of an address, also of one with `jdbc:` before it.
fn bare<'a>(address: &'a str, scheme: &str) -> &'a str {
    let rest = address.rsplit_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', '?', ';']).next().unwrap_or(rest);
    // what stands before `@` may be a password
    let host = host.rsplit('@').next().unwrap_or(host);
    if scheme == "snowflake" { host.trim_end_matches(".snowflakecomputing.com") } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn systems_of_connectors() {
        Document::config::<Vec<Product>>("data_systems.yaml", TABLE).unwrap();
        for (connector, settings, id, kind) in [
            (
                "source-postgres",
                json!({"host": "db.acme", "port": 5432, "database": "crm"}),
                "postgres://db.acme:5432/crm",
                AssetKind::Database,
            ),
            (
                "airbyte/destination-snowflake",
                json!({"host": "acme.snowflakecomputing.com", "database": "RAW"}),
                "snowflake://acme/RAW",
                AssetKind::Database,
            ),
            (
                "Google Cloud Storage (GCS)",
                json!({"gcs_bucket_name": "acme-lake"}),
                "gs://acme-lake",
                AssetKind::Bucket,
            ),
            ("destination-s3", json!({"s3_bucket_name": "acme-lake"}), "arn:aws:s3:::acme-lake", AssetKind::Bucket),
            (
                "destination-bigquery",
                json!({"project_id": "p", "dataset_id": "d"}),
                "//bigquery.googleapis.com/projects/p/datasets/d",
                AssetKind::Database,
            ),
            ("destination-pinecone", json!({"indexing": {"index": "docs"}}), "pinecone:docs", AssetKind::VectorStore),
            ("source-zendesk-support", json!({"subdomain": "acme"}), "saas:zendesk/acme", AssetKind::SaasApp),
            (
                "SalesforceReader",
                json!({"instance_url": "https://acme.my.salesforce.com/x"}),
                "saas:salesforce/acme.my.salesforce.com",
                AssetKind::SaasApp,
            ),
            (
                "io.confluent.connect.jdbc.JdbcSourceConnector",
                json!({"connection.url": "jdbc:postgresql://u:p@db:5432/x"}),
                "jdbc://db:5432",
                AssetKind::Database,
            ),
        ] {
            let asset = of(connector, &settings, "fallback").unwrap_or_else(|| panic!("{connector}"));
            assert_eq!((asset.id.as_str(), asset.kind), (id, kind));
        }
        assert!(of("source-zendesk", &json!({}), "x").unwrap().data_classes.contains("customer"));
        assert!(of("file-reader", &json!({}), "x").is_none());
    }
}
