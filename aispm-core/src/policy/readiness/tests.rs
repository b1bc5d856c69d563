use serde_json::json;

use super::*;
use crate::asset::{Exposure, Relation, RelationKind};
use crate::discover::declared::Facts;

fn ask(inventory: &Inventory, facts: &str) -> BTreeMap<String, Answer> {
    let facts = Facts::from_yaml("aispm.yaml", facts).unwrap();
    let policies = PolicySet::builder().facts(&facts).today(Some("2026-11-27")).build().unwrap();
    let solution = Solution::default();
    let findings = policies.evaluate(inventory, &solution);
    let answers = answers(&policies, inventory, &solution, &[], &findings, &[]).unwrap();
    answers.into_iter().map(|answer| (answer.id.clone(), answer)).collect()
}

fn bucket(exposure: Option<Exposure>) -> Inventory {
    let mut inventory = Inventory::new();
    let mut bucket = Asset::new("arn:aws:s3:::train", AssetKind::Bucket, "train").seen(Evidence::file("s3.json"));
    bucket.exposure = exposure;
    inventory.add(bucket);
    inventory.add(Asset::new("m", AssetKind::Model, "m"));
    inventory.relate(Relation::new("m", RelationKind::TrainedOn, "arn:aws:s3:::train"));
    inventory
}

#[test]
fn every_question_compiles_and_is_unknown_without_input() {
    let answers = ask(&Inventory::new(), "");
    assert_eq!(answers.len(), 12);
    for answer in answers.values() {
        assert_eq!((answer.answer, answer.good), (Reply::Unknown, None), "{answer:?}");
        assert!(answer.needs.as_ref().is_some_and(|needs| !needs.is_empty()), "{}", answer.id);
        for platform in &answer.collect {
            crate::discover::collect::plan(platform).unwrap();
        }
    }
}

#[test]
fn every_rule_asked_exists() {
    let rules = PolicySet::builtin().unwrap().rules();
    for question in questions().unwrap() {
        assert!(question.question.ends_with('?') && !question.export.is_empty(), "{}", question.id);
        assert_ne!(question.good, Reply::Unknown, "{}", question.id);
        for rule in &question.rules {
            assert!(rules.iter().any(|known| known.id == *rule), "{rule}");
        }
    }
}

#[test]
fn yes_no_and_unknown_follow_what_is_seen_and_carry_their_polarity() {
    let of = |exposure| ask(&bucket(exposure), "")["open-buckets"].clone();
    let open = of(Some(Exposure::Public));
    assert_eq!((open.answer, open.good), (Reply::Yes, Some(false)));
    assert_eq!(open.assets, [AssetId::from("arn:aws:s3:::train")]);
    assert_eq!(open.evidence[0].location(), "s3.json");
    assert!(!open.findings.is_empty() && open.needs.is_none(), "{open:?}");
    let closed = of(Some(Exposure::Internal));
    assert_eq!((closed.answer, closed.good, closed.asked), (Reply::No, Some(true), 1));
    let unseen = of(None);
    assert_eq!((unseen.answer, unseen.good), (Reply::Unknown, None));
    assert_eq!(unseen.reason, "1 of 1 asset does not show it: train");
    assert_eq!(unseen.collect, ["aws", "azure", "gcp"]);
}

#[test]
fn declared_evidence_answers_until_it_ends() {
    let siem = |until: &str| {
        let facts = format!("evidence:\n  - {{ type: siem-integration, ref: RUNBOOK-7, expires: {until} }}\n");
        ask(&Inventory::new(), &facts)["siem"].clone()
    };
    let current = siem("2027-01-01");
    assert_eq!((current.answer, current.good), (Reply::Yes, Some(true)));
    assert_eq!(current.evidence[0].location(), "aispm.yaml:2");
    assert_eq!(siem("2026-01-01").answer, Reply::Unknown);
}

/// The answer about assets of these kinds, names and properties.
fn of(id: &str, assets: &[(AssetKind, &str, serde_json::Value)]) -> Reply {
    let mut inventory = Inventory::new();
    for (kind, name, properties) in assets {
        let mut asset = Asset::new(format!("id:{name}"), *kind, *name);
        asset.properties = properties.as_object().unwrap().clone();
        inventory.add(asset);
    }
    ask(&inventory, "")[id].answer
}

#[test]
fn names_that_only_look_alike_answer_nothing() {
    for (name, expected) in
        [("falcon-7b", Reply::Unknown), ("falco", Reply::Yes), ("falco-agent", Reply::Yes), ("tetragon", Reply::Yes)]
    {
        assert_eq!(of("process-telemetry", &[(AssetKind::Workload, name, json!({}))]), expected, "{name}");
    }
    let image = json!({"images": ["docker.io/falcosecurity/falco:0.40.0"]});
    assert_eq!(of("process-telemetry", &[(AssetKind::Workload, "watch", image)]), Reply::Yes);
    for (name, expected) in [("siemens-order-import", Reply::Unknown), ("to-siem", Reply::Yes), ("Splunk", Reply::Yes)]
    {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("sink", AssetKind::Pipeline, name));
        inventory.relate(Relation::new("app", RelationKind::LogsTo, "sink"));
        assert_eq!(ask(&inventory, "")["siem"].answer, expected, "{name}");
    }
}

#[test]
fn a_trail_that_is_off_gathers_nothing() {
    let trail =
        |on: bool| json!({"terraform_type": "aws_cloudtrail", "is_multi_region_trail": true, "enable_logging": on});
    assert_eq!(of("central-logs", &[(AssetKind::LogSink, "off", trail(false))]), Reply::No);
    assert_eq!(of("central-logs", &[(AssetKind::LogSink, "on", trail(true))]), Reply::Yes);
    let both = [(AssetKind::LogSink, "off", trail(false)), (AssetKind::LogSink, "on", trail(true))];
    assert_eq!(of("central-logs", &both), Reply::Yes);
    let template = json!({"IsMultiRegionTrail": true, "IsLogging": false});
    assert_eq!(of("central-logs", &[(AssetKind::LogSink, "off", template)]), Reply::No);
}

#[test]
fn only_an_owner_with_a_name_owns() {
    let owned = |owner: Option<&str>| {
        let mut inventory = Inventory::new();
        let mut system = Asset::new("s", AssetKind::System, "s");
        system.owner = owner.map(str::to_owned);
        inventory.add(system.ai());
        ask(&inventory, "")["owned"].answer
    };
    assert_eq!([None, Some(" "), Some("web")].map(owned), [Reply::No, Reply::No, Reply::Yes]);
}

#[test]
fn ways_of_one_s_own_show_in_unregistered_code_and_unapproved_models() {
    let estate = |code: bool| {
        let mut inventory = Inventory::new();
        let mut system = Asset::new("s", AssetKind::System, "s");
        (system.owner, system.purpose) = (Some("web".into()), Some("chat".into()));
        inventory.add(system);
        if code {
            inventory.add(Asset::new("app", AssetKind::Application, "app").ai());
        }
        inventory.add(Asset::new("m", AssetKind::Model, "gpt-4o"));
        inventory
    };
    let systems = "systems: [{ id: s, owner: web, purpose: chat }]\n";
    let approved = format!("{systems}params: {{ approved_models: [gpt-4o] }}\n");
    assert_eq!(ask(&estate(false), systems)["own-ways"].answer, Reply::Unknown);
    assert_eq!(ask(&estate(false), &approved)["own-ways"].answer, Reply::No);
    assert_eq!(ask(&estate(true), &approved)["own-ways"].answer, Reply::Yes);
}

#[test]
fn only_alarms_of_misuse_that_are_on_count() {
    let alarm = |kind: &str, name: &'static str, more: serde_json::Value| {
        let mut properties = more;
        properties["terraform_type"] = kind.into();
        let kind = if kind == "datadog_monitor" { AssetKind::LogSink } else { AssetKind::Resource };
        of("misuse-alerts", &[(kind, name, properties)])
    };
    let aws = "aws_cloudwatch_metric_alarm";
    assert_eq!(
        alarm(aws, "cpu", json!({"metric_name": "CPUUtilization", "namespace": "AWS/SageMaker"})),
        Reply::Unknown
    );
    assert_eq!(
        alarm(aws, "slow", json!({"metric_name": "InvocationLatency", "namespace": "AWS/Bedrock"})),
        Reply::Unknown
    );
    assert_eq!(alarm(aws, "calls", json!({"metric_name": "Invocations", "namespace": "AWS/Lambda"})), Reply::Unknown);
    assert_eq!(alarm(aws, "calls", json!({"metric_name": "Invocations", "namespace": "AWS/Bedrock"})), Reply::Yes);
    assert_eq!(alarm(aws, "a", json!({"metric_name": "InvocationsIntervened"})), Reply::Yes);
    assert_eq!(
        alarm(aws, "a", json!({"metric_name": "InvocationsIntervened", "actions_enabled": false})),
        Reply::Unknown
    );
    assert_eq!(alarm("datadog_monitor", "a", json!({"query": "sum:llm.prompt_injection{*} > 1"})), Reply::Yes);
    let filter = json!([{"condition_threshold": [{"filter": "metric.type=\"x/guardrail_blocks\""}]}]);
    assert_eq!(alarm("google_monitoring_alert_policy", "a", json!({"conditions": filter})), Reply::Yes);
    assert_eq!(
        alarm("google_monitoring_alert_policy", "a", json!({"conditions": filter, "enabled": false})),
        Reply::Unknown
    );
    let metric = json!([{"metric_name": "RAIRejectedRequests"}]);
    assert_eq!(alarm("azurerm_monitor_metric_alert", "a", json!({"criteria": metric})), Reply::Yes);
    let query = json!([{"query": "T | where x has 'jailbreak'"}]);
    assert_eq!(alarm("azurerm_monitor_scheduled_query_rules_alert_v2", "a", json!({"criteria": query})), Reply::Yes);
    let mut inventory = Inventory::new();
    let monitor = Asset::new("a", AssetKind::LogSink, "abuse of the bot").with("terraform_type", "datadog_monitor");
    inventory.add(monitor);
    assert_eq!(ask(&inventory, "")["misuse-alerts"].answer, Reply::Unknown);
    inventory.add(Asset::new("e", AssetKind::Endpoint, "e").ai());
    inventory.relate(Relation::new("a", RelationKind::AppliesTo, "e"));
    assert_eq!(ask(&inventory, "")["misuse-alerts"].answer, Reply::Yes);
}

#[test]
fn registries_answer_for_registries() {
    let file = |verdict: &str| (AssetKind::ModelFile, "m.safetensors", json!({"verdict": verdict}));
    let registry = |scans: bool| {
        let settings = json!([{"scan_on_push": scans}]);
        let properties = json!({"terraform_type": "aws_ecr_repository", "image_scanning_configuration": settings});
        (AssetKind::Repository, "bot", properties)
    };
    assert_eq!(of("registries-scanned", &[file("clean")]), Reply::Unknown);
    assert_eq!(of("registries-scanned", &[file("unscanned")]), Reply::No);
    assert_eq!(of("registries-scanned", &[file("clean"), registry(true)]), Reply::Yes);
    assert_eq!(of("registries-scanned", &[file("clean"), registry(false)]), Reply::No);
}

#[test]
fn telemetry_that_was_read_is_an_answer() {
    let policies = PolicySet::builtin().unwrap();
    let file = FileSeen { path: "falco.json".into(), format: "falco".into(), assets: 1 };
    let all = answers(&policies, &Inventory::new(), &Solution::default(), &[file], &[], &[]).unwrap();
    let telemetry = all.iter().find(|answer| answer.id == "process-telemetry").unwrap();
    assert_eq!((telemetry.answer, telemetry.evidence[0].location().as_str()), (Reply::Yes, "falco.json"));
}
