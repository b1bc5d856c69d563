use super::*;
use crate::assess::Assessment;
use crate::asset::{AssetKind, Inventory, Relation, RelationKind};
use crate::discover::declared::Facts;

const FACTS: &str = "\
systems:
  - id: s
    name: Support <b>bot</b>
    purpose: Answers customers
    owner: team-a
    members: [e]
assets:
  - { id: tickets, data_classes: [customer] }
  - { id: made, data_classes: [synthetic] }
evidence:
  - { type: red-team, ref: T-1, asset: s, expires: 2026-01-31 }
  - { type: red-team, ref: T-2, asset: elsewhere }
";

fn assessment() -> Assessment {
    let mut inventory = Inventory::new();
    inventory.add(Asset::new("e", AssetKind::Endpoint, "chat").ai().seen(Evidence::file("tf.json").line(7)));
    inventory.add(Asset::new("m", AssetKind::Model, "tuned").seen(Evidence::file("mlflow.json")));
    inventory.add(Asset::new("tickets", AssetKind::Dataset, "tickets").seen(Evidence::file("data.yaml")));
    inventory.add(Asset::new("made", AssetKind::Dataset, "made"));
    inventory.add(Asset::new("https://huggingface.co/datasets/squad", AssetKind::Dataset, "squad"));
    inventory.add(Asset::new("raw", AssetKind::Bucket, "raw"));
    inventory.add(Asset::new("other", AssetKind::Model, "not a part"));
    inventory.relate(Relation::new("e", RelationKind::Serves, "m"));
    for data in ["tickets", "made", "https://huggingface.co/datasets/squad", "raw"] {
        inventory.relate(Relation::new("m", RelationKind::TrainedOn, data));
    }
    let facts = Facts::from_yaml("aispm.yaml", FACTS).unwrap();
    facts.apply(&mut inventory);
    let policies = crate::policy::PolicySet::builder().facts(&facts).today(Some("2026-11-27")).build().unwrap();
    let findings = policies.evaluate(&inventory, &crate::path::Solution::default());
    let coverage = crate::policy::controls::coverage(&policies, &inventory, &findings, &[], &[]);
    Assessment { inventory, findings, coverage, ..Assessment::default() }
}

fn markdown(draft: &Draft) -> String {
    let mut out = Vec::new();
    draft.markdown(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn section<'a>(draft: &'a Draft, id: &str) -> &'a DraftSection {
    draft.sections.iter().find(|section| section.id == id).unwrap()
}

#[test]
fn technical_documentation_has_every_point_of_annex_iv() {
    let draft = annex_iv(&assessment(), "s").unwrap();
    let ids = draft.sections.iter().map(|section| section.id.as_str()).collect::<Vec<_>>();
    let one = ["1", "1(a)", "1(b)", "1(c)", "1(d)", "1(e)", "1(f)", "1(g)", "1(h)"];
    let two = ["2", "2(a)", "2(b)", "2(c)", "2(d)", "2(e)", "2(f)", "2(g)", "2(h)"];
    assert_eq!(ids, [&one[..], &two, &["3", "4", "5", "6", "7", "8", "9"]].concat());
    for id in ids.iter().filter(|id| **id != "1" && **id != "2") {
        let control = format!("Annex IV({}", id.replacen('(', ")(", 1)) + if id.contains('(') { "" } else { ")" };
        assert!(crate::policy::controls::resolve("eu_ai_act", &control).is_some(), "{control}");
        let section = section(&draft, id);
        assert!(!section.statements.is_empty() || !section.gaps.is_empty(), "{id} says nothing");
    }
    assert!(section(&draft, "1(a)").statements.iter().any(|statement| statement.text == "Purpose: Answers customers"));
    let tested = &section(&draft, "2(g)").statements;
    assert_eq!(tested.len(), 1, "evidence about something else is left out: {tested:?}");
    assert_eq!(tested[0].text, "Declared red-team: T-1, ended on 2026-01-31");
    assert_eq!(tested[0].evidence[0].location(), "aispm.yaml:11");
    let data = &section(&draft, "2(d)").statements;
    assert!(data.iter().any(|statement| statement.text == "tickets: dataset; holds customer"), "{data:?}");
    assert!(section(&draft, "2(h)").statements.iter().any(|statement| statement.text.contains("DATA-001")));
    assert_eq!(draft.gaps, draft.sections.iter().map(|section| section.gaps.len()).sum::<usize>());
    let text = markdown(&draft);
    assert!(!text.contains("not a part"));
    assert!(text.contains("# Technical documentation: Support &lt;b&gt;bot&lt;/b&gt;\n"), "{text}");
    assert!(text.contains("**[GAP: intended") || text.contains("**[GAP: name and address of the provider"));
    assert_eq!(text.matches("**[GAP: ").count(), draft.gaps);
}

#[test]
fn training_content_is_listed_by_source_only_where_that_is_known() {
    let draft = training_data(&assessment(), "s").unwrap();
    let names = |id: &str| {
        let statements = section(&draft, id).statements.iter();
        statements.map(|statement| statement.text.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("2.1"), ["squad"]);
    assert_eq!(names("2.4"), ["tickets"]);
    assert_eq!(names("2.5"), ["made"]);
    assert_eq!(names("2.6"), ["raw"]);
    assert_eq!(section(&draft, "2.6").gaps[0].text, "which kind of source raw is");
    assert_eq!(names("1.2"), ["tuned (version not known)"]);
    assert!(section(&draft, "2.2").gaps[0].text.contains("licensed"));
    assert!(markdown(&draft).contains("`data.yaml`"));
}

#[test]
fn only_declared_systems_have_drafts() {
    let error = annex_iv(&assessment(), "nothing").unwrap_err().to_string();
    assert!(error.contains("there is no system \"nothing\"; known: s"), "{error}");
}
