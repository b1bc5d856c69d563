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

#[test]
fn telemetry_that_was_read_is_an_answer() {
    let policies = PolicySet::builtin().unwrap();
    let file = FileSeen { path: "falco.json".into(), format: "falco".into(), assets: 1 };
    let all = answers(&policies, &Inventory::new(), &Solution::default(), &[file], &[], &[]).unwrap();
    let telemetry = all.iter().find(|answer| answer.id == "process-telemetry").unwrap();
    assert_eq!((telemetry.answer, telemetry.evidence[0].location().as_str()), (Reply::Yes, "falco.json"));
}
