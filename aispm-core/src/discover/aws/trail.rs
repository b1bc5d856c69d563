//! CloudTrail: who called what, from log files, `lookup-events`, EventBridge and JSON Lines.
//!
//! Each event is one activity of its principal on its targets. `CreateX` also describes the resource, as the API's own
//! answer would. A call that failed did not happen, but shows that its ends exist.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::arn::{Arn, Place, is_account};
use super::end::{self, Around};
use super::field::{text, texts};
use super::item::{Item, no_names};
use super::table::{Link, Target, table};
use crate::asset::{Asset, AssetKind, Document, Evidence, ModelCall, Relation, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::{Found, Structured};

pub(in crate::discover) const TRAIL: Structured = Structured {
    name: "aws-cloudtrail",
    critical: false,
    in_parts: true,
    markers: &["\"eventSource\"", "\"eventName\"", "amazonaws.com"],
    matches: |value| {
        let first =
            |list: &str, is: fn(&Value) -> bool| value.get(list).and_then(|l| l.as_array()?.first()).is_some_and(is);
        is_event(value)
            || first("Records", is_event)
            || value.get("detail").is_some_and(is_event)
            || wrapped(value).is_some()
            || WRAPPERS.iter().any(|list| first(list, |event| wrapped(event).is_some()))
    },
    read,
};

fn is_event(value: &Value) -> bool {
    value.get("eventSource").and_then(Value::as_str).is_some_and(|source| source.ends_with(".amazonaws.com"))
        && value.get("eventName").is_some_and(Value::is_string)
}

/// `data/discover/cloudtrail.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    verbs: BTreeMap<RelationKind, Vec<String>>,
    services: HashMap<String, String>,
    /// Actions that end or change the recording or the guarding of AI, as `service:Action`.
    switches_off: Vec<String>,
    targets: HashMap<String, Vec<Link>>,
}

const RULES: &str = include_str!("../../../data/discover/cloudtrail.yaml");

fn rules() -> &'static Rules {
    static TABLE: OnceLock<Rules> = OnceLock::new();
    // a test checks that it loads; an empty one would only know no verbs
    TABLE.get_or_init(|| Document::config("cloudtrail.yaml", RULES).unwrap_or_default())
}

/// The property of an account that lists them.
pub(in crate::discover) const SWITCHED_OFF: &str = "switched_off";
/// Most events noted by which recording or guarding ended.
const SWITCHES_LIMIT: usize = 20;

impl Rules {
    fn verb(&self, name: &str, event: &Value) -> RelationKind {
        let is = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        };
        let listed = self.verbs.iter().find(|(_, names)| names.iter().any(is)).map(|(kind, _)| *kind);
        let changes = event.get("readOnly").map_or_else(
            || ["Create", "Update", "Put", "Delete", "Attach", "Run"].iter().any(|verb| name.starts_with(verb)),
            |read| matches!(read, Value::Bool(false)) || read.as_str() == Some("false"),
        );
        listed.unwrap_or(if changes { RelationKind::Writes } else { RelationKind::Uses })
    }
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    if is_event(value) {
        return event(document, "", value, found);
    }
    if let Some(detail) = value.get("detail").filter(|detail| is_event(detail)) {
        return event(document, "/detail", detail, found);
    }
    looked_up(document, "", value, found);
    for (i, record) in value.get("Records").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if is_event(record) {
            event(document, &format!("/Records/{i}"), record, found);
        }
    }
    for list in WRAPPERS {
        for (i, entry) in value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            looked_up(document, &format!("/{list}/{i}"), entry, found);
        }
    }
}

/// Lists of `lookup-events` and of log groups that a trail writes to.
const WRAPPERS: &[&str] = &["Events", "events", "logEvents"];

/// An event that stands as text under a key.
fn wrapped(entry: &Value) -> Option<(&'static str, &str)> {
    let log = || entry.get("message").and_then(Value::as_str).filter(|text| text.starts_with("{\"eventVersion\""));
    let looked_up = entry.get("CloudTrailEvent").and_then(Value::as_str).map(|text| ("CloudTrailEvent", text));
    looked_up.or_else(|| log().map(|text| ("message", text)))
}

fn looked_up(document: &Document, base: &str, entry: &Value, found: &mut Found) {
    let Some((key, text)) = wrapped(entry) else { return };
    if let Some(record) = serde_json::from_str::<Value>(text).ok().filter(is_event) {
        let inside = document.inside(&format!("{base}/{key}"), Value::Null);
        event(&inside, "", &record, found);
    }
}

fn event(document: &Document, base: &str, value: &Value, found: &mut Found) {
    let (Some(source), Some(name)) = (text(value, "eventSource"), text(value, "eventName")) else { return };
    let service = source.trim_end_matches(".amazonaws.com");
    // `CreateFunction20150331v2` is `CreateFunction` of an old version of the API
    let name = name.split(|c: char| c.is_ascii_digit()).next().unwrap_or(name);
    let account = text(value, "recipientAccountId").or_else(|| text(value.get("userIdentity")?, "accountId"));
    let place = Place {
        account: account.filter(|account| is_account(account)).unwrap_or_default().to_owned(),
        region: text(value, "awsRegion").unwrap_or_default().to_owned(),
    };
    let evidence = document.evidence(base).excerpt(name);
    let time = text(value, "eventTime");
    let actor = value.get("userIdentity").and_then(|identity| actor(identity, &place, &evidence, found));
    if let Some(actor) = &actor {
        runs_as(value, actor, &place, &evidence, found);
    }
    let failed = value.get("errorCode").is_some_and(|code| !code.is_null());
    let mut targets = targets(service, value, &place, &evidence, found);
    if !failed && let Some(created) = described(document, base, service, name, value, &place, found) {
        targets.insert(0, created);
    }
    targets.dedup();
    watch(&format!("{service}:{name}"), actor.as_deref().filter(|_| !failed), &place, &evidence, found);
    let Some(actor) = actor else { return };
    if let Some(provider) = catalog().provider_by_service(service) {
        let call = ModelCall {
            time,
            caller: Some(&actor),
            region: Some(&place.region),
            model: targets.first().map(String::as_str),
            user_agent: text(value, "userAgent"),
            failed,
            ..ModelCall::default()
        };
        found.calls.record(&provider.id(), call, &evidence);
    }
    if targets.is_empty()
        && let Some(provider) = catalog().provider_by_service(service).map(super::super::catalog::Provider::asset)
    {
        targets.push(provider.id.to_string());
        found.inventory.add(provider.seen(evidence.clone()));
    }
    let verb = rules().verb(name, value);
    for target in targets.iter().filter(|target| **target != actor && !failed) {
        let relation = Relation::new(actor.as_str(), verb, target.as_str()).happened(time).seen(evidence.clone());
        found.inventory.relate(relation.doing(format!("{service}:{name}")));
        if let (true, Some(asset)) = (name.starts_with("Delete"), found.inventory.get_mut(target)) {
            asset.properties.insert(name.to_owned(), time.unwrap_or_default().into());
        }
    }
}

/// Notes on the account that its trail was read, and each event by which the recording or guarding of AI ended or changed.
fn watch(action: &str, actor: Option<&str>, place: &Place, evidence: &Evidence, found: &mut Found) {
    if place.account.is_empty() {
        return;
    }
    let id = format!("arn:aws:iam::{}:root", place.account);
    if found.inventory.get(&id).is_none() {
        found.inventory.add(Asset::new(&id, AssetKind::Account, &place.account).seen(evidence.clone()));
    }
    let Some(account) = found.inventory.get_mut(&id) else { return };
    account.properties.insert("audit_log".into(), TRAIL.name.into());
    let Some(actor) = actor.filter(|_| rules().switches_off.iter().any(|known| known == action)) else { return };
    let evidence = evidence.clone().excerpt(format!("{action} by {actor}"));
    let list = account.properties.entry(SWITCHED_OFF).or_insert_with(|| Value::Array(Vec::new()));
    if let (Some(list), Ok(place)) =
        (list.as_array_mut().filter(|l| l.len() < SWITCHES_LIMIT), serde_json::to_value(evidence))
    {
        list.push(place);
    }
}

/// Who acts: the role behind a session, a user, an account, a service.
fn actor(identity: &Value, place: &Place, evidence: &Evidence, found: &mut Found) -> Option<String> {
    let issuer = identity.pointer("/sessionContext/sessionIssuer/arn").and_then(Value::as_str);
    let arn = issuer.or_else(|| text(identity, "arn")).map(end::canonical);
    let account = text(identity, "accountId");
    let asset = match (text(identity, "type"), arn, text(identity, "invokedBy")) {
        (Some("AWSService"), _, Some(service)) | (None, None, Some(service)) => {
            Asset::new(format!("service:{service}"), AssetKind::ServiceAccount, service)
        }
        (_, Some(arn), _) => {
            let parsed = Arn::parse(&arn)?;
            let kind = match parsed.resource.split('/').next() {
                Some("role") => AssetKind::Role,
                Some("root") => AssetKind::Account,
                _ => AssetKind::User,
            };
            let name = if parsed.resource == "root" { parsed.account } else { parsed.name() };
            Asset::new(&arn, kind, name)
        }
        (Some("IdentityCenterUser"), None, _) => {
            let user = identity.pointer("/onBehalfOf/userId").and_then(Value::as_str)?;
            Asset::new(format!("identity-center:{user}"), AssetKind::User, user)
        }
        (_, None, _) => match (text(identity, "userName"), account.or(Some(&place.account))) {
            (Some(user), _) if user.contains('@') => Asset::new(format!("user:{user}"), AssetKind::User, user),
            (Some(user), Some(account)) if is_account(account) => {
                Asset::new(format!("arn:aws:iam::{account}:user/{user}"), AssetKind::User, user)
            }
            (_, Some(account)) if is_account(account) && text(identity, "type").is_some() => {
                Asset::new(format!("arn:aws:iam::{account}:root"), AssetKind::Account, account)
            }
            _ => text(identity, "principalId")
                .map(|id| Asset::new(format!("aws-principal:{id}"), AssetKind::User, id))?,
        },
    };
    let id = asset.id.to_string();
    // one place is enough to show that there is such a principal
    if found.inventory.get(&id).is_none() {
        found.inventory.add(asset.seen(evidence.clone()));
    }
    Some(id)
}

/// A session's name and the caller's words tell what runs with a role: an instance, a function.
fn runs_as(value: &Value, role: &str, place: &Place, evidence: &Evidence, found: &mut Found) {
    let session = value.pointer("/userIdentity/arn").and_then(Value::as_str).and_then(|arn| arn.rsplit('/').next());
    let Some(session) = session.filter(|_| role.contains(":role/") && !place.account.is_empty()) else { return };
    let instance =
        session.strip_prefix("i-").is_some_and(|id| id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let agent = text(value, "userAgent").unwrap_or_default();
    let (kind, id) = match () {
        () if instance => ("AWS::EC2::Instance", format!("ec2:{}:{}:instance/{session}", place.region, place.account)),
        () if agent.contains("exec-env/AWS_Lambda") => {
            ("AWS::Lambda::Function", format!("lambda:{}:{}:function:{session}", place.region, place.account))
        }
        () => return,
    };
    let target = Target::Type(kind.to_owned());
    if let Some(id) = end::arn(&format!("arn:aws:{id}"), &target, evidence, found) {
        found.relate(&id, RelationKind::RunsAs, role, evidence);
    }
}

/// What an event is about: what its parameters name, or else its resources and ARNs.
fn targets(service: &str, value: &Value, place: &Place, evidence: &Evidence, found: &mut Found) -> Vec<String> {
    let request = value.get("requestParameters").filter(|request| request.is_object()).unwrap_or(&Value::Null);
    let answer = value.get("responseElements").filter(|answer| answer.is_object()).unwrap_or(&Value::Null);
    let mut ids = Vec::new();
    for part in [request, answer] {
        let around = Around { place, value: part, names: &no_names };
        for link in rules().targets.get(service).into_iter().flatten() {
            for (_, named) in texts("", part, &link.path) {
                let key = || text(request, "key").filter(|_| link.target == Target::Bucket);
                let id = match key() {
                    Some(key) => {
                        let uri = format!("s3://{named}/{key}");
                        end::end(&uri, &Target::Data, &around, evidence, found)
                    }
                    None => end::end(named, &link.target, &around, evidence, found),
                };
                ids.extend(id);
            }
        }
    }
    if ids.is_empty() {
        let listed = value.get("resources").and_then(Value::as_array).into_iter().flatten();
        let listed: Vec<&str> =
            listed.filter_map(|resource| text(resource, "ARN")).filter(|arn| !arn.ends_with('*')).collect();
        let own = [request, answer].into_iter().filter_map(Value::as_object).flatten();
        let own = own.filter(|(key, _)| key.to_ascii_lowercase().ends_with("arn"));
        let arns = own.filter_map(|(_, value)| value.as_str()).chain(listed).filter(|text| text.starts_with("arn:"));
        for arn in arns.take(8) {
            ids.extend(end::arn(arn, &Target::Any, evidence, found));
        }
    }
    ids
}

/// The resource that `CreateX` or `UpdateX` describes.
fn described(
    document: &Document,
    base: &str,
    service: &str,
    name: &str,
    value: &Value,
    place: &Place,
    found: &mut Found,
) -> Option<String> {
    let what = ["Create", "Update", "Register"].iter().find_map(|verb| name.strip_prefix(verb))?;
    let kind = table().get(&format!("AWS::{}::{what}", rules().services.get(service)?))?;
    let mut all = Map::new();
    for part in ["responseElements", "requestParameters"] {
        let Some(map) = value.get(part).and_then(Value::as_object) else { continue };
        all.extend(map.clone());
        // `{"agent": {…}}`
        for inner in map.values().filter_map(Value::as_object).filter(|_| map.len() == 1) {
            all.extend(inner.clone());
        }
    }
    let all = Value::Object(all);
    let item = Item {
        document,
        pointer: format!("{base}/requestParameters"),
        value: &all,
        kind,
        whole: name.starts_with("Create"),
        id: None,
        place,
        parent: None,
        names: &no_names,
    };
    item.add(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::format::dispatch;
    use serde_json::json;

    const ROLE: &str = "arn:aws:iam::111111111111:role/app";

    fn session(source: &str, name: &str, request: Value) -> Value {
        json!({"eventVersion": "1.11", "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
            "eventTime": "2026-01-02T03:04:05Z", "awsRegion": "eu-west-1", "recipientAccountId": "111111111111",
            "readOnly": true, "requestParameters": request, "userIdentity": {"type": "AssumedRole",
                "arn": "arn:aws:sts::111111111111:assumed-role/app/s", "sessionContext": {"sessionIssuer": {"arn": ROLE}}}})
    }

    fn read(value: &Value) -> Found {
        let mut found = Found::default();
        assert!(dispatch(&Document::json("t.json", &value.to_string()).unwrap(), &mut found));
        found
    }

    #[test]
    fn who_ends_the_recording_is_noted_on_the_account() {
        let found = read(&session("cloudtrail", "StopLogging", Value::Null));
        let account = found.inventory.get("arn:aws:iam::111111111111:root").unwrap();
        let place = &account.properties[SWITCHED_OFF][0];
        assert_eq!(
            (account.text("audit_log"), place["excerpt"].as_str()),
            (Some("aws-cloudtrail"), Some("cloudtrail:StopLogging by arn:aws:iam::111111111111:role/app"))
        );
        let mut denied = session("bedrock", "DeleteGuardrail", Value::Null);
        denied["errorCode"] = "AccessDenied".into();
        for event in [denied, session("bedrock", "GetGuardrail", Value::Null)] {
            let found = read(&event);
            assert!(
                !found.inventory.get("arn:aws:iam::111111111111:root").unwrap().properties.contains_key(SWITCHED_OFF)
            );
        }
    }

    #[test]
    fn calls_of_ai_services_are_counted() {
        let mut event = session("bedrock", "InvokeModel", json!({"modelId": "amazon.nova-x"}));
        event["userAgent"] = "Boto3/1.34".into();
        let found = read(&event);
        let calls = &found.calls.assets["ai-provider:amazon-bedrock"];
        assert_eq!(calls.hours.len(), 1);
        let seen: Vec<_> = calls.values.values().map(|values| values.keys().next().unwrap().as_str()).collect();
        assert_eq!(seen, [ROLE, "eu-west-1", "model:amazon.nova-x", "Boto3"]);
    }

    fn relation(found: &Found, kind: RelationKind, to: &str) -> (u64, Option<String>) {
        let relation = found.inventory.outgoing(ROLE).find(|r| r.kind == kind && r.to.as_str() == to);
        let relation = relation.unwrap_or_else(|| panic!("{kind} {to}"));
        (relation.activity.as_ref().unwrap().count, relation.evidence[0].pointer.clone())
    }

    #[test]
    fn the_rules_load() {
        let rules: Rules = Document::config("cloudtrail.yaml", RULES).unwrap();
        for link in rules.targets.values().flatten() {
            if let Target::Type(name) = &link.target {
                assert!(table().get(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn roles_act_on_what_they_call() {
        let endpoint = "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/e";
        let invoke = session("bedrock", "InvokeModel", json!({"modelId": "eu.anthropic.claude-x-v1:0"}));
        let found = read(&json!({"Records": [
            invoke, invoke,
            session("sagemaker", "InvokeEndpoint", json!({"endpointName": "e"})),
            session("s3", "GetObject", json!({"bucketName": "data-1", "key": "k/x.csv"})),
            session("sts", "AssumeRole", json!({"roleArn": "arn:aws:iam::222222222222:role/other"})),
            session("oddservice", "DoIt", json!({"thingArn": "arn:aws:odd:eu-west-1:111111111111:thing/t"})),
        ]}));
        assert_eq!(
            relation(&found, RelationKind::Invokes, "model:anthropic.claude-x-v1:0"),
            (2, Some("/Records/0".into()))
        );
        relation(&found, RelationKind::Invokes, endpoint);
        relation(&found, RelationKind::Reads, "s3://data-1/k/x.csv");
        relation(&found, RelationKind::CanAssume, "arn:aws:iam::222222222222:role/other");
        relation(&found, RelationKind::Uses, "arn:aws:odd:eu-west-1:111111111111:thing/t");
        assert_eq!(found.inventory.get(ROLE).unwrap().kind, AssetKind::Role);
        assert!(found.inventory.get(endpoint).unwrap().ai);
    }

    #[test]
    fn envelopes_creations_and_failures() {
        let mut create = session(
            "sagemaker",
            "CreateModel",
            json!({"modelName": "m",
            "primaryContainer": {"modelDataUrl": "s3://data-1/m.tar.gz"}}),
        );
        create["readOnly"] = false.into();
        let model = "arn:aws:sagemaker:eu-west-1:111111111111:model/m";
        for (value, pointer) in [
            (create.clone(), None),
            (json!({"detail-type": "AWS API Call via CloudTrail", "detail": create}), Some("/detail")),
            (
                json!({"Events": [{"EventId": "1", "CloudTrailEvent": create.to_string()}]}),
                Some("/Events/0/CloudTrailEvent"),
            ),
        ] {
            let found = read(&value);
            assert_eq!(relation(&found, RelationKind::Writes, model).1.as_deref(), pointer);
            assert!(found.inventory.outgoing(model).any(|r| r.kind == RelationKind::DerivedFrom));
        }
        create["errorCode"] = "AccessDenied".into();
        let found = read(&create);
        assert_eq!((found.inventory.outgoing(ROLE).count(), found.inventory.get(ROLE).is_some()), (0, true));
        // notifications of S3 look much alike
        assert!(!(TRAIL.matches)(&json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]})));
    }
}
