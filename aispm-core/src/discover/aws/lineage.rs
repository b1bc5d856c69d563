//! What only shows when all files are read: an endpoint serves the models of its configuration and acts as they do; a
//! bucket whose policy nothing blocks is reached from the internet.

use std::collections::HashMap;

use super::arn::Arn;
use super::policy::lets_everyone_in;
use crate::asset::{AssetId, AssetKind, Evidence, Exposure, Inventory, Relation, RelationKind};

/// Adds these relations. O(n log n).
pub(in crate::discover) fn join(inventory: &mut Inventory) {
    complete(inventory);
    serves(inventory);
    open_buckets(inventory);
}

/// Answers that tell no account and region name their resources by what an ARN has besides: these become the only such
/// resource that is known by its whole ARN.
fn complete(inventory: &mut Inventory) {
    let mut whole: HashMap<(&str, &str), Option<&AssetId>> = HashMap::new();
    let (mut parts, arns) = (Vec::new(), inventory.assets().filter_map(|a| Some((&a.id, Arn::parse(a.id.as_str())?))));
    for (id, arn) in arns {
        match arn.account.is_empty() && arn.region.is_empty() {
            true if arn.service != "s3" => parts.push((id, arn)),
            true => {}
            false => {
                whole.entry((arn.service, arn.resource)).and_modify(|known| *known = None).or_insert(Some(id));
            }
        }
    }
    let only = |arn: &Arn<'_>| whole.get(&(arn.service, arn.resource)).copied().flatten();
    let names: HashMap<AssetId, AssetId> =
        parts.iter().filter_map(|(id, arn)| Some(((*id).clone(), only(arn)?.clone()))).collect();
    if names.is_empty() {
        return;
    }
    let old = std::mem::take(inventory);
    let name = |id: &AssetId| names.get(id).unwrap_or(id).clone();
    let (renamed, kept): (Vec<_>, Vec<_>) = old.assets().partition(|asset| names.contains_key(&asset.id));
    for asset in kept.into_iter().chain(renamed) {
        let mut asset = asset.clone();
        asset.id = name(&asset.id);
        inventory.add(asset);
    }
    for relation in old.relations() {
        let mut relation = relation.clone();
        (relation.from, relation.to) = (name(&relation.from), name(&relation.to));
        inventory.relate(relation);
    }
}

fn serves(inventory: &mut Inventory) {
    let is = |id: &AssetId, name: &str| inventory.get(id.as_str()).is_some_and(|a| a.text("aws_type") == Some(name));
    let mut more = Vec::new();
    for endpoint in inventory.assets().filter(|a| a.text("aws_type") == Some("AWS::SageMaker::Endpoint")) {
        let configurations = inventory.outgoing(endpoint.id.as_str()).filter(|r| r.kind == RelationKind::Uses);
        for configuration in configurations.filter(|r| is(&r.to, "AWS::SageMaker::EndpointConfig")) {
            let models = inventory.outgoing(configuration.to.as_str()).filter(|r| r.kind == RelationKind::Uses);
            for model in models.filter(|r| inventory.get(r.to.as_str()).is_some_and(|a| a.kind == AssetKind::Model)) {
                let seen = |relation: Relation| evidence_of(model).into_iter().fold(relation, Relation::seen);
                more.push(seen(Relation::new(endpoint.id.clone(), RelationKind::Serves, model.to.clone())));
                for role in inventory.outgoing(model.to.as_str()).filter(|r| r.kind == RelationKind::RunsAs) {
                    more.push(seen(Relation::new(endpoint.id.clone(), RelationKind::RunsAs, role.to.clone())));
                }
            }
        }
    }
    more.into_iter().for_each(|relation| inventory.relate(relation));
}

/// A bucket whose policy lets everyone in, unless public access is blocked.
fn open_buckets(inventory: &mut Inventory) {
    let mut open = Vec::new();
    for bucket in inventory.assets().filter(|a| a.kind == AssetKind::Bucket && a.text("terraform_type").is_none()) {
        let blocked = ["restrict_public_buckets", "block_public_policy"];
        let blocked = blocked.iter().any(|key| bucket.properties.get(*key) == Some(&true.into()));
        if !blocked && bucket.properties.get("policy").is_some_and(lets_everyone_in) {
            let own = bucket.text("policy_pointer");
            let evidence = bucket.evidence.iter().find(|e| own.is_some() && e.pointer.as_deref() == own);
            open.push((bucket.id.clone(), evidence.or(bucket.evidence.first()).cloned()));
        }
    }
    open.into_iter().for_each(|(id, evidence)| expose(inventory, id, evidence));
}

fn expose(inventory: &mut Inventory, id: AssetId, evidence: Option<Evidence>) {
    if let Some(asset) = inventory.get_mut(id.as_str()) {
        asset.exposure = Some(Exposure::Public);
    }
    let relation = Relation::new(AssetId::INTERNET, RelationKind::Exposes, id);
    inventory.relate(evidence.into_iter().fold(relation, Relation::seen));
}

fn evidence_of(relation: &Relation) -> Option<Evidence> {
    relation.evidence.first().cloned()
}
