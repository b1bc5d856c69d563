//! Names of data sets: OpenLineage's namespace and name, warehouses' dotted paths.

use crate::asset::{Asset, AssetKind, Evidence, OwnerSource, RelationKind};
use crate::discover::data_class::{classes, is_class_key, tagged};
use crate::discover::format::Found;
use crate::discover::label::label;
use crate::discover::resource;

/// Most pairs of inputs and outputs of one job that become edges of their own.
const PAIRS: usize = 4096;

/// A data set by OpenLineage's naming.
pub(super) fn data_set(namespace: &str, name: &str) -> Asset {
    let (namespace, name) = (namespace.trim_end_matches('/'), name.trim_start_matches('/'));
    if namespace.starts_with("models:") || name.starts_with("models:/") {
        let id = if name.starts_with("models:/") { name.to_owned() } else { format!("models:/{name}") };
        return Asset::new(id, AssetKind::Model, resource::last(name));
    }
    let (scheme, rest) = namespace.split_once("://").unwrap_or((namespace, ""));
    match scheme {
        "s3" | "s3a" | "s3n" | "gs" => {
            let uri = format!("{scheme}://{rest}/{name}");
            return resource::store(&uri).unwrap_or_else(|| Asset::new(uri, AssetKind::Dataset, resource::last(name)));
        }
        "bigquery" => return table("bigquery", name),
        "file" => return Asset::new(format!("file:/{name}"), AssetKind::Dataset, resource::last(name)),
        "snowflake" | "databricks" | "unitycatalog" if !rest.is_empty() => {
            return Asset::new(format!("{namespace}/{name}"), AssetKind::Database, last(name))
                .alias(table(scheme, name).id);
        }
        "unitycatalog" | "snowflake" | "databricks" => return table(scheme, name),
        _ => {}
    }
    if namespace.starts_with("arn:") {
        return resource::by_id(&format!("{namespace}:{name}"))
            .map(|mut asset| {
                asset.kind = AssetKind::Database;
                asset
            })
            .unwrap_or_else(|| Asset::new(name, AssetKind::Database, name));
    }
    let files =
        ["abfs", "abfss", "wasb", "wasbs", "hdfs", "dbfs", "kafka", "nfs", "sftp", "http", "https"].contains(&scheme);
    let kind = if files { AssetKind::Dataset } else { AssetKind::Database };
    Asset::new(format!("{namespace}/{name}"), kind, if files { resource::last(name) } else { last(name) })
}

/// A table by the system's name and the dotted path, where no host is known.
pub(super) fn table(system: &str, path: &str) -> Asset {
    let path = path.replace(['"', '`', '[', ']'], "");
    let parts: Vec<&str> = path.split('.').collect();
    match (system, parts.as_slice()) {
        ("bigquery", [project, set, table]) => {
            let id = format!("//bigquery.googleapis.com/projects/{project}/datasets/{set}/tables/{table}");
            Asset::new(id, AssetKind::Database, *table)
        }
        ("bigquery", [project, set]) => Asset::new(
            format!("//bigquery.googleapis.com/projects/{project}/datasets/{set}"),
            AssetKind::Database,
            *set,
        ),
        ("databricks" | "unitycatalog" | "unity" | "spark", _) => {
            Asset::new(format!("unity:{}", path.to_lowercase()), AssetKind::Database, last(&path))
        }
        _ => Asset::new(format!("{system}:{}", path.to_lowercase()), AssetKind::Database, last(&path)),
    }
}

/// The last part of a dotted path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Adds a data set, and the bucket around one that is an object.
pub(super) fn add(asset: Asset, evidence: &Evidence, found: &mut Found) {
    if let Some(bucket) = resource::bucket_of(asset.id.as_str()) {
        found.relate(bucket.id.as_str(), RelationKind::Contains, asset.id.as_str(), evidence);
        found.inventory.add(bucket.seen(evidence.clone()));
    }
    found.inventory.add(asset.seen(evidence.clone()));
}

/// A tag or label of a data set: its owner or environment, or else what is in it.
pub(super) fn labelled(asset: &mut Asset, key: &str, value: &str, evidence: &Evidence) {
    if !label(asset, key, value, OwnerSource::Tag, evidence) {
        tag(asset, key, value);
    }
}

/// What a tag of a data set or column says of its content: `pii`, `sensitivity=high`, `contains:email`.
pub(super) fn tag(asset: &mut Asset, key: &str, value: &str) {
    let off = ["false", "no", "none", "0"].iter().any(|word| value.trim().eq_ignore_ascii_case(word));
    if off {
        return;
    }
    let flag = ["", "true", "yes", "1"].iter().any(|word| value.trim().eq_ignore_ascii_case(word));
    if flag {
        asset.data_classes.extend(classes(key).map(str::to_owned));
    } else if is_class_key(key) {
        asset.data_classes.extend(tagged(value));
    } else {
        asset.data_classes.extend(classes(value).map(str::to_owned));
    }
}

/// Says that each output is made from each input; a model is trained on them.
pub(super) fn derive(inputs: &[Asset], outputs: &[Asset], evidence: &Evidence, found: &mut Found) {
    let pairs = outputs.iter().flat_map(|output| inputs.iter().map(move |input| (output, input)));
    for (output, input) in pairs.take(PAIRS).filter(|(output, input)| output.id != input.id) {
        let trained = output.kind == AssetKind::Model && input.kind != AssetKind::Model;
        let kind = if trained { RelationKind::TrainedOn } else { RelationKind::DerivedFrom };
        found.relate(output.id.as_str(), kind, input.id.as_str(), evidence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_data_sets() {
        for (namespace, name, id) in [
            ("s3://acme-raw", "orders/2025", "s3://acme-raw/orders/2025"),
            ("bigquery", "p.d.t", "//bigquery.googleapis.com/projects/p/datasets/d/tables/t"),
            ("postgres://db.acme:5432", "crm.public.users", "postgres://db.acme:5432/crm.public.users"),
            ("snowflake://acme-eu", "RAW.CRM.USERS", "snowflake://acme-eu/RAW.CRM.USERS"),
            ("file", "/data/x.csv", "file:/data/x.csv"),
            ("mlflow", "models:/churn", "models:/churn"),
        ] {
            assert_eq!(data_set(namespace, name).id.as_str(), id);
        }
        assert!(data_set("snowflake://acme-eu", "RAW.CRM.USERS").aliases.contains("snowflake:raw.crm.users"));
        assert_eq!(table("databricks", "`main`.`ml`.`rows`").id.as_str(), "unity:main.ml.rows");
        let mut asset = table("snowflake", "a.b.c");
        tag(&mut asset, "pii", "false");
        assert!(asset.data_classes.is_empty());
        tag(&mut asset, "pii", "true");
        tag(&mut asset, "semantic_category", "EMAIL");
        tag(&mut asset, "sensitivity", "gold");
        assert_eq!(asset.data_classes.iter().map(String::as_str).collect::<Vec<_>>(), ["gold", "personal"]);
    }
}
