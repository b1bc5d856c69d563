//! Where data and secrets lie: Secrets and what fills them, ConfigMaps, volumes. Never a value of a secret.

use serde_json::{Map, Value};

use super::{Object, list, text};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::format::Found;
use crate::discover::model_ref;

/// A Secret or ConfigMap: the names of its keys.
pub(super) fn store(object: &Object<'_>, found: &mut Found) {
    let kind = if object.kind == "Secret" { AssetKind::Secret } else { AssetKind::Resource };
    let parts = ["data", "stringData", "binaryData"].iter().filter_map(|key| object.value.get(key)?.as_object());
    let keys: Vec<Value> = parts.flat_map(Map::keys).map(|key| key.as_str().into()).collect();
    let mut asset = object.asset(kind).with("keys", keys);
    if let Some(type_) = text(object.value, "type") {
        asset.properties.insert("secret_type".into(), type_.into());
    }
    let texts = object.value.get("data").and_then(Value::as_object).into_iter().flat_map(Map::values);
    if let Some(sharing) = texts.filter_map(Value::as_str).find_map(shared).filter(|_| kind == AssetKind::Resource) {
        asset.properties.insert("gpu_sharing".into(), sharing.into());
    }
    let token = asset.text("secret_type") == Some("kubernetes.io/service-account-token");
    let account = object.metadata("annotations").and_then(|all| text(all, "kubernetes.io/service-account.name"));
    let secret = asset.id.to_string();
    found.inventory.add(asset);
    if let Some(account) = account.filter(|_| token) {
        let evidence = object.at("/metadata/annotations/kubernetes.io~1service-account.name").excerpt(account);
        let stub = object.stub("ServiceAccount", None, account);
        object.relate(&secret, RelationKind::CanAssume, stub, &evidence, found);
    }
}

/// How a configuration of the NVIDIA device plugin has pods share a GPU.
fn shared(config: &str) -> Option<&'static str> {
    let (_, sharing) = config.split_once("sharing:")?;
    let ways = [("timeSlicing:", "time-slicing"), ("mps:", "mps")];
    ways.iter().find(|(key, _)| sharing.contains(key)).map(|(_, name)| *name)
}

/// A Secret that an operator fills from elsewhere: which keys, and where they come from.
pub(super) fn external_secret(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let mut asset = object.asset(AssetKind::Secret).with("kubernetes_kind", object.kind);
    let taken = list(spec, "data").filter_map(|(_, entry)| text(entry, "secretKey")).map(Value::from);
    let sealed = spec.get("encryptedData").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let keys: Vec<Value> = taken.chain(sealed.map(|key| key.as_str().into())).collect();
    asset.properties.insert("keys".into(), keys.into());
    let whole = list(spec, "dataFrom").filter_map(|(_, entry)| entry.pointer("/extract/key")?.as_str());
    let each = list(spec, "data").filter_map(|(_, entry)| entry.pointer("/remoteRef/key")?.as_str());
    let mut remote: Vec<Value> = whole.chain(each).map(Value::from).collect();
    remote.dedup();
    asset.properties.insert("remote_keys".into(), remote.into());
    for key in ["provider", "refreshInterval"] {
        if let Some(value) = spec.get(key).filter(|value| value.is_string()) {
            asset.properties.insert(key.into(), value.clone());
        }
    }
    found.inventory.add(asset);
    // without a name of its own the Secret is called as the resource is
    if matches!(object.kind, "ExternalSecret" | "SealedSecret") && spec.pointer("/target/name").is_none() {
        let evidence = object.at("/metadata/name");
        object.relate(&object.id(), RelationKind::Writes, object.stub("Secret", None, object.name), &evidence, found);
    }
}

/// A volume or a claim to one: what it is made of, and the bucket or share behind it.
pub(super) fn volume(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let mut asset = object.asset(AssetKind::Resource);
    for key in ["accessModes", "storageClassName", "volumeMode", "persistentVolumeReclaimPolicy"] {
        if let Some(value) = spec.get(key) {
            asset.properties.insert(key.into(), value.clone());
        }
    }
    let size = spec.pointer("/resources/requests/storage").or_else(|| spec.pointer("/capacity/storage"));
    if let Some(size) = size {
        asset.properties.insert("storage".into(), size.clone());
    }
    let id = asset.id.to_string();
    found.inventory.add(asset);
    if let Some(csi) = spec.get("csi") {
        let evidence = object.at("/spec/csi");
        let handle = text(csi, "volumeHandle").unwrap_or_default();
        let named = csi.pointer("/volumeAttributes/bucketName").and_then(Value::as_str);
        let uri = match text(csi, "driver").unwrap_or_default() {
            "s3.csi.aws.com" => Some(format!("s3://{}", named.unwrap_or(handle))),
            "gcsfuse.csi.storage.gke.io" => Some(format!("gs://{}", named.unwrap_or(handle))),
            _ => None,
        };
        if let Some(bucket) = uri.as_deref().and_then(model_ref::bucket) {
            object.relate(&id, RelationKind::DerivedFrom, bucket, &evidence, found);
        }
    }
    let share = spec.get("nfs").and_then(|nfs| Some(format!("nfs://{}{}", text(nfs, "server")?, text(nfs, "path")?)));
    if let Some(share) = share {
        let share = Asset::new(&share, AssetKind::Resource, &share);
        object.relate(&id, RelationKind::DerivedFrom, share, &object.at("/spec/nfs"), found);
    }
}
