//! Packs of rules from outside: what they may say, what is an error, and what waivers do.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::path::Path;

use aispm_core::assess::Assessor;
use aispm_core::discover::declared::Facts;
use aispm_core::policy::{EXPIRED_WAIVER, PolicySet, PolicySetBuilder};

/// A pack of one rule, with something else in place of one line.
fn pack(line: &str, instead: &str) -> String {
    let pack = "\
name: acme
params:
  regions: [eu]
rules:
  - id: ORG-1
    title: t
    description: d
    severity: low
    kinds: [endpoint]
    when: asset.ai && asset.exposure == 'public'
    message: m
    fix: f
    controls: { gdpr: [Art.32] }
    needs: { params: [regions] }
";
    let changed = pack.replace(line, instead);
    assert!(line.is_empty() || changed != pack, "{line}");
    changed
}

fn builder() -> PolicySetBuilder {
    PolicySet::builder().builtin(false)
}

fn error(builder: PolicySetBuilder) -> String {
    builder.build().unwrap_err().to_string()
}

#[test]
fn each_mistake_in_a_pack_is_one_error_with_its_place() {
    assert!(builder().pack("p.yaml", pack("", "")).build().is_ok());
    let cases = [
        // unknown fields
        ("    title: t", "    titel: t", "p.yaml:6:5: unknown field `titel`"),
        ("name: acme", "nmae: acme", "p.yaml:1:1: unknown field `nmae`"),
        ("needs: { params", "needs: { parms", "p.yaml:14:14: unknown field `parms`"),
        ("    fix: f\n", "", "p.yaml:5:5: missing field `fix`"),
        ("severity: low", "severity: bad", "p.yaml:8:5: unknown variant `bad`, expected one of `info`"),
        // kinds
        ("[endpoint]", "[endpoint, modle]", "p.yaml:9:23: unknown variant `modle`"),
        ("[endpoint]", "[]", "p.yaml:9:5: rule ORG-1: it has no kinds of asset to look at"),
        // expressions
        ("asset.exposure ==", "asset.exposre ==", "p.yaml:10:28: rule ORG-1: `when`: an asset has no field `exposre`"),
        ("asset.ai &&", "asset.id &&", "p.yaml:10:20: rule ORG-1: `when`: expected true or false, found text"),
        ("asset.ai &&", "asset.ai == 1 &&", "p.yaml:10:20: rule ORG-1: `when`: true or false cannot be compared to"),
        ("asset.ai &&", "params.region == [] &&", "p.yaml:10:17: rule ORG-1: `when`: the organisation has no field"),
        ("asset.ai &&", "params.regions > 3 &&", "p.yaml:10:26: rule ORG-1: `when`: a list has no order"),
        (
            "asset.ai &&",
            "size(asset.ai) == 1 &&",
            "p.yaml:10:11: rule ORG-1: `when`: `size` needs text or a list, found",
        ),
        ("asset.ai &&", "asset.name - 1 == 1 &&", "p.yaml:10:22: rule ORG-1: `when`: `-` needs numbers, found text"),
        ("asset.ai &&", "-asset.name == 1 &&", "p.yaml:10:11: rule ORG-1: `when`: `-` needs numbers, found text"),
        ("asset.ai &&", "asset.name + 1 == 1 &&", "p.yaml:10:22: rule ORG-1: `when`: text and a number have no sum"),
        (
            "asset.ai &&",
            "asset.name.startsWith(3) &&",
            "p.yaml:10:32: rule ORG-1: `when`: `startsWith` needs text, found",
        ),
        ("asset.ai &&", "asset.name.matches(3) &&", "p.yaml:10:29: rule ORG-1: `when`: `matches` needs text, found"),
        ("asset.ai &&", "days(asset.ai, 3) > 1 &&", "p.yaml:10:11: rule ORG-1: `when`: `days` needs text, found true"),
        (
            "asset.ai &&",
            "int(outgoing) > 1 &&",
            "p.yaml:10:11: rule ORG-1: `when`: `int` needs a number or text, found",
        ),
        (
            "asset.ai &&",
            "params.regions['a'] == '' &&",
            "p.yaml:10:25: rule ORG-1: `when`: `[]` of a list needs a number",
        ),
        // ids
        ("id: ORG-1", "id: ''", "p.yaml:5:5: rule : its id is empty"),
        ("id: ORG-1", "id: ORG 1", "p.yaml:5:5: rule ORG 1: its id has a space in it"),
        ("id: ORG-1", "id: GOV-DATA", "p.yaml:5:5: rule GOV-DATA: its id is one of our own"),
        ("message: m", "message: \"{asset.nmae}\"", "p.yaml:11:15: rule ORG-1: `message`: `{asset.nmae}`: no field"),
        // names that stand for something elsewhere
        ("params: [regions]", "params: [region]", "p.yaml:14:14: rule ORG-1: `needs` names \"region\", which is no"),
        (
            "params: [regions]",
            "facts: [evidenc]",
            "p.yaml:14:14: rule ORG-1: `needs` names \"evidenc\", which is no section",
        ),
        ("gdpr: [", "gpdr: [", "p.yaml:13:17: rule ORG-1: \"gpdr\" is no framework; known: "),
        ("Art.32", "Art.320", "p.yaml:13:17: rule ORG-1: GDPR has no control \"Art.320\""),
        // parameters
        ("regions: [eu]", "regions: { type: lists }", "p.yaml:3:14: unknown variant `lists`"),
        ("regions: [eu]", "regions: { deflt: [] }", "p.yaml:3:14: unknown field `deflt`"),
        ("regions: [eu]", "regions: 7", "p.yaml:3:3: the parameter \"regions\" takes a list of texts, found 7"),
        ("regions: [eu]", "regions: [eu, 7]", "p.yaml:3:3: the parameter \"regions\" takes a list of texts, found"),
        (
            "regions: [eu]",
            "regions: { type: flag }",
            "p.yaml:3:3: the parameter \"regions\" takes a list of texts already",
        ),
    ];
    for (line, instead, expected) in cases {
        let found = error(builder().pack("p.yaml", pack(line, instead)));
        assert!(found.starts_with(expected), "{instead}\nexpected {expected}\nfound    {found}");
    }
    for (text, place) in [("[]", "p.yaml:1:1"), ("rules: [[ORG-1]]", "p.yaml:1:9"), ("waivers: [[a]]", "p.yaml:1:11")] {
        let found = error(builder().pack("p.yaml", text));
        assert_eq!(found, format!("{place}: expected fields with their values (`name: value`)"));
    }
}

#[test]
fn each_mistake_between_packs_is_one_error_with_its_place() {
    let two = |second: &str| error(builder().pack("p.yaml", pack("", "")).pack("q.yaml", second));
    let cases = [
        (pack("", ""), "q.yaml:5:5: two rules have the id ORG-1, the other at p.yaml:5"),
        (
            "overrides:\n  ORG-9: { disabled: true }\n".into(),
            "q.yaml:2:3: `overrides` names \"ORG-9\", which is no rule",
        ),
        ("overrides:\n  ORG-1: { kinds: [] }\n".into(), "q.yaml:2:12: unknown field `kinds`"),
        (
            "params:\n  regions: eu\n".into(),
            "q.yaml:2:3: the parameter \"regions\" takes a list of texts, found \"eu\"",
        ),
        ("extends: [r.yaml]\n".into(), "q.yaml:1:11: \"r.yaml\" is neither a file beside this one nor"),
        ("extends: [q.yaml]\n".into(), "q.yaml:1:11: packs extend each other: q.yaml → q.yaml"),
    ];
    for (second, expected) in cases {
        let found = two(&second);
        assert!(found.starts_with(expected), "expected {expected}\nfound    {found}");
    }
    let circle = builder().pack("a", "extends: [b]").pack("b", "extends: [c]").pack("c", "name: x\nextends:\n  - b\n");
    assert_eq!(error(circle), "c:3:5: packs extend each other: b → c → b");
}

#[test]
fn each_mistake_in_a_waiver_is_one_error_with_its_place() {
    let waiver = |fields: &str| format!("waivers:\n  - {{ {fields} }}\n");
    let cases = [
        ("rule: ORG-1, asset: a, owner: o, reason: r", "missing field `expires`"),
        ("rule: ORG-1, asset: a, owner: o, expires: 2030-01-01", "missing field `reason`"),
        ("rule: ORG-1, asset: a, reason: r, expires: 2030-01-01", "missing field `owner`"),
        ("rule: ORG-1, asset: a, owner: ' ', reason: r, expires: 2030-01-01", "a waiver needs `owner`"),
        ("rule: ORG-1, asset: a, owner: o, reason: r, expires: 2030-02-30", "\"2030-02-30\" is no date"),
        ("rule: ORG-1, asset: a, owner: o, reason: r, expires: never", "\"never\" is no date"),
        (
            "rule: ORG-2*, asset: a, owner: o, reason: r, expires: 2030-01-01",
            "the waiver is for \"ORG-2*\", which is no",
        ),
        ("rule: ORG-1, asset: a, owner: o, reason: r, expires: 2030-01-01, by: x", "unknown field `by`"),
    ];
    for (fields, expected) in cases {
        let found = error(builder().pack("p", pack("", "")).pack("q", waiver(fields)));
        assert!(found.starts_with("q:2:") && found.contains(expected), "expected {expected}\nfound    {found}");
        let facts = Facts::from_yaml("aispm.yaml", &waiver(fields));
        let found = facts.and_then(|facts| builder().pack("p", pack("", "")).facts(&facts).build());
        let found = found.unwrap_err().to_string();
        assert!(
            found.starts_with("aispm.yaml:2:") && found.contains(expected),
            "expected {expected}\nfound    {found}"
        );
    }
}

#[test]
fn wrong_parameters_in_facts_are_errors_with_their_place() {
    let facts = |text: &str| Facts::from_yaml("aispm.yaml", text).unwrap();
    let with = |text: &str| error(builder().pack("p", pack("", "")).facts(&facts(text)));
    assert!(
        with("params:\n  regions: 3\n").starts_with("aispm.yaml:2:3: the parameter \"regions\" takes a list of texts")
    );
    assert!(
        with("params: { region: [] }\n").starts_with("aispm.yaml:1:11: `params` has \"region\", which no rule asks")
    );
    let set = builder().pack("p", pack("", "")).facts(&facts("params: { regions: [us] }")).build().unwrap();
    assert_eq!(set.params()["regions"].value, serde_json::json!(["us"]));
}

#[test]
fn packs_extend_files_beside_them_and_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write("base.yaml", &pack("", ""));
    write("teams/web.yaml", "name: web\nextends: [../base.yaml]\noverrides: { ORG-1: { severity: high } }\n");
    let top = write("teams/top.yaml", "extends: [web.yaml, ./../base.yaml]\nparams: { regions: [us] }\n");
    let set = builder().file(&top).unwrap().file(folder.path().join("base.yaml")).unwrap().build().unwrap();
    assert_eq!(set.rules().len(), 1);
    assert_eq!(set.rules()[0].severity.as_str(), "high");
    assert_eq!(set.params()["regions"].value, serde_json::json!(["us"]));
    // by name, whatever the order
    let child = "extends: [acme]\noverrides: { ORG-1: { disabled: true } }\n";
    let set = builder().pack("child", child).pack("p", pack("", "")).build().unwrap();
    assert_eq!(set.rules(), []);
    let all = builder().pack("p", "extends: [builtin]\noverrides: { EXP-001: { severity: low } }").build().unwrap();
    assert!(all.rules().len() > 40);
    let missing = write("missing.yaml", "extends:\n  - gone.yaml\n");
    let found = error(builder().file(&missing).unwrap());
    assert!(found.contains("missing.yaml:2:5: \"gone.yaml\" is neither"), "{found}");
}

/// An estate with two public chatbots, judged by one rule and waivers in its aispm.yaml.
fn assess(waivers: &str, today: Option<&str>) -> aispm_core::assess::Assessment {
    let folder = tempfile::tempdir().unwrap();
    let facts = format!(
        "assets:\n  - {{ id: e1, kind: endpoint }}\n  - {{ id: e2, kind: endpoint }}\nrelations:\n  \
         - {{ from: internet, kind: exposes, to: \"e*\" }}\nwaivers:{waivers}"
    );
    std::fs::write(folder.path().join("aispm.yaml"), facts).unwrap();
    let file = folder.path().join("own.yaml");
    std::fs::write(&file, pack("asset.ai && ", "")).unwrap();
    let mut assessor = Assessor::new().policy(Path::new(&file));
    if let Some(today) = today {
        assessor = assessor.today(today);
    }
    assessor.run([folder.path()]).unwrap()
}

#[test]
fn a_waived_finding_is_kept_apart_and_still_fails_its_controls() {
    let waiver = "\n  - { rule: ORG-*, asset: e1, owner: web, reason: demo, expires: 2030-01-31, ticket: T-1 }\n";
    let assessment = assess(waiver, Some("2030-01-31T10:00:00Z"));
    let open = |rule: &str| assessment.findings.iter().filter(|f| f.rule == rule).map(|f| f.asset.as_str()).collect();
    let open: Vec<_> = open("ORG-1");
    assert_eq!(open, ["e2"]);
    let [waived] = assessment.waived.as_slice() else { panic!("{:?}", assessment.waived) };
    assert_eq!((waived.finding.asset.as_str(), waived.waiver.owner.as_str()), ("e1", "web"));
    assert_eq!(waived.place.line, Some(7));
    let gdpr = assessment.coverage.iter().find(|coverage| coverage.framework == "gdpr").unwrap();
    let control = gdpr.controls.iter().find(|control| control.id == "Art.32").unwrap();
    assert_eq!(control.status.as_str(), "failed");
    assert!(control.reason.contains("1 waived"), "{}", control.reason);
}

#[test]
fn an_expired_waiver_covers_nothing_and_is_a_finding() {
    let waiver = "\n  - { rule: ORG-1, asset: \"e*\", owner: web, reason: demo, expires: 2030-01-31 }\n";
    let assessment = assess(waiver, Some("2030-02-01"));
    assert_eq!(assessment.waived, []);
    assert_eq!(assessment.findings.iter().filter(|finding| finding.rule == "ORG-1").count(), 2);
    let expired = assessment.findings.iter().find(|finding| finding.rule == EXPIRED_WAIVER).unwrap();
    assert_eq!((expired.owner.as_deref(), expired.related.len()), (Some("web"), 2));
    assert_eq!(expired.evidence[0].line, Some(7));
    assert_eq!(expired.message, "the waiver of ORG-1 on e* ended on 2030-01-31; 2 findings are back");
}

#[test]
fn each_expired_waiver_has_a_fingerprint_of_its_own() {
    let waiver = |reason: &str| {
        format!("\n  - {{ rule: ORG-1, asset: \"e*\", owner: web, reason: {reason}, expires: 2030-01-31 }}")
    };
    let assessment = assess(&format!("{}{}\n", waiver("demo"), waiver("pilot")), Some("2030-02-01"));
    let expired = assessment.findings.iter().filter(|finding| finding.rule == EXPIRED_WAIVER);
    let fingerprints: BTreeSet<_> = expired.map(|finding| &finding.fingerprint).collect();
    assert_eq!(fingerprints.len(), 2);
}

#[test]
fn a_waiver_that_covers_nothing_is_told_and_without_a_day_none_holds() {
    let waiver = "\n  - { rule: ORG-1, asset: e3, owner: web, reason: demo, expires: 2030-01-31 }\n";
    let told = |today| {
        let assessment = assess(waiver, today);
        assert_eq!(assessment.waived, []);
        assessment.warnings.join("\n")
    };
    assert!(told(Some("2030-01-01")).contains("aispm.yaml:7: the waiver of ORG-1 on \"e3\" covers no finding"));
    assert!(told(None).contains("no day is given to judge waivers by"));
}

#[test]
fn no_mutation_of_a_built_in_rule_survives_its_tests() {
    let report = PolicySet::builtin().unwrap().mutate();
    let survivors = report.survivors.iter().map(|survivor| format!("{} {}", survivor.rule, survivor.mutation));
    assert_eq!(survivors.collect::<Vec<_>>(), [""; 0]);
    assert!(report.mutants > 1900);
}

#[cfg(not(feature = "rego"))]
#[test]
fn without_the_feature_a_rego_policy_is_an_error_that_names_it() {
    let found = error(builder().rego("p.rego", "package aispm"));
    assert_eq!(found, "p.rego: Rego policies need the feature `rego`, which this build does not have");
}

#[cfg(feature = "rego")]
mod rego {
    use super::*;
    use aispm_core::asset::{Asset, AssetKind, Exposure, Inventory, Relation, RelationKind};
    use aispm_core::path::Solution;

    const POLICY: &str = "package aispm
import rego.v1
kinds := {\"endpoint\"}
findings contains finding if {
    input.asset.exposure == \"public\"
    input.asset.runs_ai
    some relation in input.outgoing
    relation.asset.name in input.params.approved_models
    finding := {\"severity\": \"high\", \"title\": \"t\", \"message\": sprintf(\"%s on %s\", [relation.to, input.today])}
}
";

    fn estate() -> Inventory {
        let mut inventory = Inventory::new();
        for id in ["e", "f"] {
            let mut endpoint = Asset::new(id, AssetKind::Endpoint, id).ai();
            endpoint.exposure = Some(Exposure::Public);
            inventory.add(endpoint);
        }
        inventory.add(Asset::new("m", AssetKind::Model, "llm"));
        inventory.relate(Relation::new("e", RelationKind::Serves, "m"));
        inventory
    }

    fn told(policy: &str) -> Vec<String> {
        let facts = Facts::from_yaml("f", "params: { approved_models: [llm] }").unwrap();
        let builder = builder().rego("own/acme.rego", policy).facts(&facts).today(Some("2030-01-01"));
        let findings = builder.build().unwrap().evaluate(&estate(), &Solution::default());
        findings.iter().map(|f| format!("{} {} {}: {}", f.rule, f.severity, f.asset.as_str(), f.message)).collect()
    }

    #[test]
    fn a_policy_sees_what_rules_see() {
        assert_eq!(told(POLICY), ["acme high e: m on 2030-01-01"]);
        let named = POLICY.replace("\"title\": \"t\"", "\"title\": \"t\", \"id\": \"ACME-1\", \"fix\": \"x\"");
        assert_eq!(told(&named), ["ACME-1 high e: m on 2030-01-01"]);
    }

    #[test]
    fn what_fails_on_an_asset_is_a_finding() {
        let wrong = POLICY.replace("\"severity\": \"high\"", "\"severity\": \"bad\"");
        let found = told(&wrong);
        assert!(
            found[0].starts_with("POLICY-ERROR high e: rule acme cannot judge e: a finding of it: unknown variant")
        );
        let endless = POLICY.replace(
            "input.asset.runs_ai",
            "count([1 | some x in numbers.range(1, 9000); some y in numbers.range(1, 9000); x < y]) > 1",
        );
        let found = told(&endless);
        assert!(found.len() == 2 && found[0].starts_with("POLICY-ERROR"), "{found:?}");
    }

    #[test]
    fn mistakes_in_a_policy_are_errors_with_their_place() {
        let with = |policy: &str| error(builder().rego("p.rego", policy));
        assert!(with("package aispm\nimport rego.v1\nfindings contains x if {\n").starts_with("p.rego:4:"));
        assert!(with("package other\n").starts_with("p.rego: the package is \"other\""));
        assert!(
            with("package aispm\nimport rego.v1\nx := 1\n").starts_with("p.rego: the package has no rule `findings`")
        );
        let kinds = POLICY.replace("{\"endpoint\"}", "{\"endpiont\"}");
        assert!(
            with(&kinds).starts_with("p.rego: `kinds` must be a set of kinds of asset: unknown variant `endpiont`")
        );
        let unsafe_variable = POLICY.replace("input.asset.runs_ai", "nothing.there");
        assert!(with(&unsafe_variable).starts_with("p.rego:6:"), "{}", with(&unsafe_variable));
    }
}
