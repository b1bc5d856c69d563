use serde_json::{Value, json};

use super::*;
use crate::asset::{Asset, RelationKind};

const APP: &str = "arn:aws:iam::111111111111:role/app";
const MODEL: &str = "model:acme.tiny-v1";

/// A role with these statements, and what a trail saw it do.
fn estate(statements: &Value, did: &[(&str, &str)]) -> Inventory {
    let mut role =
        Asset::new(APP, AssetKind::Role, "app").seen(Evidence::file("iam.json").pointer("/RoleDetailList/0"));
    role.properties.insert(
        "RolePolicyList".into(),
        json!([{"PolicyName": "inline", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}]),
    );
    let mut inventory = Inventory::new();
    inventory.add(role);
    for (day, (action, on)) in did.iter().enumerate() {
        let time = format!("2026-01-{:02}T00:00:00Z", day + 1);
        inventory.relate(Relation::new(APP, RelationKind::Invokes, *on).happened(Some(&time)).doing(*action));
    }
    inventory
}

fn broad() -> Value {
    json!([{"Effect": "Allow", "Action": ["bedrock:*", "s3:GetObject"], "Resource": "*"}])
}

#[test]
fn without_logs_nothing_is_claimed() {
    assert_eq!(of(&estate(&broad(), &[])), []);
    let none =
        estate(&json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]), &[("bedrock:InvokeModel", MODEL)]);
    assert_eq!(of(&none), [], "holds no AI permission");
}

#[test]
fn what_was_used_stays_and_the_rest_goes() {
    let found = of(&estate(
        &broad(),
        &[("bedrock:Converse", MODEL), ("bedrock:InvokeModel", MODEL), ("s3:GetObject", "arn:aws:s3:::b")],
    ));
    let [usage] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(usage.observed.from.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(usage.observed.until.as_deref(), Some("2026-01-03T00:00:00Z"));
    let used: Vec<_> = usage.used.iter().map(|used| (used.action.as_str(), used.count)).collect();
    assert_eq!(used, [("bedrock:InvokeModel", 2)]);
    assert!(usage.unused.contains(&"bedrock:CreateGuardrail".to_owned()));
    assert!(usage.unknown.contains(&"bedrock:InvokeAgent".to_owned()), "the trail records no data events");
    let [narrowed] = usage.narrowed.as_slice() else { panic!("{usage:?}") };
    assert_eq!(
        (narrowed.policy.as_str(), narrowed.evidence.pointer.as_deref()),
        ("inline", Some("/RoleDetailList/0/RolePolicyList/0/PolicyDocument"))
    );
    let text = narrowed.document.to_string();
    assert!(text.contains("foundation-model/acme.tiny-v1") && text.contains("s3:GetObject"), "{text}");
    assert!(
        text.contains("bedrock:InvokeAgent")
            && !text.contains("bedrock:CreateGuardrail")
            && !text.contains(r#""bedrock:*""#),
        "{text}"
    );
}

#[test]
fn data_events_tell_of_data_actions() {
    let agent = "arn:aws:bedrock:eu-west-1:111111111111:agent/A1";
    let found = of(&estate(&broad(), &[("bedrock:InvokeAgent", agent)]));
    assert!(found[0].unused.contains(&"bedrock:Retrieve".to_owned()) && found[0].unknown.is_empty());
    // the policy names an alias of the agent, not the agent: the resource stays as it was
    assert!(
        found[0].narrowed[0]
            .document
            .to_string()
            .contains(r#""Action":["bedrock:InvokeAgent"],"Effect":"Allow","Resource":"*""#)
    );
}

#[test]
fn denied_permissions_are_not_held() {
    let denied = json!([{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}, {"Effect": "Deny", "Action": "bedrock:Delete*", "Resource": "*"}]);
    let found = of(&estate(&denied, &[("bedrock:InvokeModel", MODEL)]));
    assert!(!found[0].unused.iter().any(|action| action.starts_with("bedrock:Delete")));
}

#[test]
fn iam_s_own_report() {
    let mut inventory = estate(
        &json!([{"Effect": "Allow", "Action": ["bedrock:InvokeModel", "bedrock:ListAgents", "sagemaker:InvokeEndpoint"], "Resource": "*"}]),
        &[],
    );
    let report = json!({"JobCompletionDate": "2026-06-01T00:00:00Z", "ServicesLastAccessed": [
        {"ServiceNamespace": "sagemaker", "TotalAuthenticatedEntities": 0},
        {"ServiceNamespace": "bedrock", "LastAuthenticated": "2026-05-01T00:00:00Z", "LastAuthenticatedEntity": APP, "TrackedActionsLastAccessed": [
            {"ActionName": "InvokeModel", "LastAccessedTime": "2026-05-01T00:00:00Z", "LastAccessedEntity": APP}, {"ActionName": "ListAgents"}]},
    ]});
    inventory.get_mut(APP).unwrap().properties.insert(LAST_ACCESSED.into(), report);
    let found = of(&inventory);
    assert_eq!(found[0].unused, ["bedrock:ListAgents", "sagemaker:InvokeEndpoint"]);
    assert_eq!(
        (found[0].used[0].action.as_str(), found[0].observed.until.as_deref()),
        ("bedrock:InvokeModel", Some("2026-06-01T00:00:00Z"))
    );
    assert_eq!(found[0].narrowed[0].document["Statement"][0]["Action"], json!(["bedrock:InvokeModel"]));
}
