use std::collections::BTreeMap;

use super::*;
use crate::asset::{Asset, AssetKind, Control, Document, Inventory};
use crate::discover::declared::Facts;
use crate::path::Solution;
use crate::policy::PolicySet;

fn covered(pack: &str, facts: &str, assets: &[AssetKind]) -> BTreeMap<(String, String), ControlResult> {
    let facts = Facts::from_yaml("aispm.yaml", facts).unwrap();
    let policies = PolicySet::builder().builtin(false).pack("p.yaml", pack).facts(&facts).today(Some("2026-11-27"));
    let policies = policies.build().unwrap();
    let mut inventory = Inventory::new();
    for (i, kind) in assets.iter().enumerate() {
        inventory.add(Asset::new(format!("a{i}"), *kind, "a"));
    }
    let findings = policies.evaluate(&inventory, &Solution::default());
    let coverage = coverage(&policies, &inventory, &findings, &[], &[]);
    let each = coverage.into_iter().flat_map(|coverage| {
        let framework = coverage.framework;
        coverage.controls.into_iter().map(move |control| ((framework.clone(), control.id.clone()), control))
    });
    each.collect()
}

fn rule(id: &str, when: &str, controls: &str, more: &str) -> String {
    format!(
        "  - id: {id}\n    title: t\n    description: d\n    severity: low\n    kinds: [model, endpoint]\n    \
         when: {when}\n    message: m\n    fix: f\n    controls: {controls}\n{more}"
    )
}

fn of(results: &BTreeMap<(String, String), ControlResult>, framework: &str, id: &str) -> ControlResult {
    results.get(&(framework.to_owned(), id.to_owned())).unwrap_or_else(|| panic!("{framework} {id}")).clone()
}

#[test]
fn catalogues_are_whole_and_their_ids_well_formed() {
    let frameworks = frameworks().unwrap();
    let sizes = frameworks.iter().map(|framework| (framework.key.as_str(), framework.controls.len()));
    let sizes = sizes.collect::<BTreeMap<_, _>>();
    assert_eq!(frameworks.len(), 12);
    assert_eq!((sizes["nist_ai_600_1"], sizes["owasp"], sizes["aispm_readiness"]), (12, 30, 12));
    assert!(sizes["eu_ai_act"] > 230 && sizes["gdpr"] > 120 && sizes["mitre_atlas"] > 220, "{sizes:?}");
    let shape = |text: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || ".-:() ".contains(c);
        !text.is_empty() && text.chars().all(word) && text.trim() == text
    };
    for framework in &frameworks {
        assert!(!framework.name.is_empty() && !framework.version.is_empty(), "{}", framework.key);
        assert_eq!(framework.source.is_empty(), framework.key == "aispm_readiness", "{}", framework.key);
        for (id, name) in &framework.controls {
            assert!(shape(id), "{} {id:?}", framework.key);
            assert!((2..=95).contains(&name.len()) && !name.ends_with('.'), "{} {id} {name:?}", framework.key);
            assert_eq!(framework.resolve(id), Some(id.as_str()), "{}", framework.key);
        }
    }
}

#[test]
fn every_cited_control_exists() {
    let frameworks = frameworks().unwrap();
    for rule in PolicySet::builtin().unwrap().rules() {
        assert!(!rule.controls.is_empty(), "{} cites no control", rule.id);
        for control in rule.controls {
            let framework = frameworks.iter().find(|framework| framework.key == control.framework);
            let known = framework.is_some_and(|framework| framework.controls.contains_key(&control.id));
            assert!(known, "{} cites {} {}, which is in no catalogue", rule.id, control.framework, control.id);
        }
    }
}

#[test]
fn controls_are_found_however_they_are_written() {
    for (framework, text, id) in [
        ("eu_ai_act", "Art.15", "Art.15"),
        ("eu_ai_act", "AIA-Art-15", "Art.15"),
        ("EU AI Act", "Article 15", "Art.15"),
        ("aia", "article 5 (1)(f)", "Art.5(1)(f)"),
        ("eu_ai_act", "Annex III point 4(a)", "Annex III(4)(a)"),
        ("eu_ai_act", "Annex III, 4", "Annex III(4)"),
        ("eu_ai_act", "Regulation Art. 10", "Art.10"),
        ("ISO/IEC 42001", "A.6.2.4", "A.6.2.4"),
        ("iso_42001", "6.2.4", "A.6.2.4"),
        ("iso_42001", "6.2", "6.2"),
        ("iso_42001", "ISO 42001 clause 9.2.1", "9.2.1"),
        ("nist_ai_rmf", "GV-1.6", "GOVERN 1.6"),
        ("nist_ai_rmf", "measure 2.10", "MEASURE 2.10"),
        ("nist_ai_600_1", "2.9", "GAI-09"),
        ("nist_ai_600_1", "Data Privacy", "GAI-04"),
        ("owasp", "LLM01", "LLM01:2025"),
        ("owasp", "LLM02:2023", "LLM05:2025"),
        ("owasp", "ML1", "ML01:2023"),
        ("owasp", "ASI3", "ASI03"),
        ("owasp", "OWASP LLM06:2025", "LLM06:2025"),
        ("mitre_atlas", "T0051.000", "AML.T0051.000"),
        ("mitre_atlas", "AML.T0019", "AML.T0115.000"),
        ("mitre_atlas", "Poison Training Data", "AML.T0020"),
        ("soc2", "SOC 2 CC6.1", "CC6.1"),
        ("gdpr", "GDPR Art. 5(1)(f)", "Art.5(1)(f)"),
        ("csa_aicm", "AIS-09@1.1", "AIS-08"),
        ("csa_aicm", "ais-9", "AIS-09"),
        ("cosai", "riskdatapoisoning", "riskDataPoisoning"),
        ("saif", "Red teaming", "GSC-05"),
        ("aispm_readiness", "open buckets", "open-buckets"),
    ] {
        let found = resolve(framework, text);
        assert_eq!(found.as_ref().map(|control| control.id.as_str()), Some(id), "{framework} {text}");
    }
    for (framework, text) in [
        ("eu_ai_act", "Art.151"),
        ("eu_ai_act", "Art.5(1)(z)"),
        ("eu_ai_act", ""),
        ("eu_ai_act", "())(\u{1F600}é"),
        ("iso_42001", "9.9.10"),
        ("owasp", "LLM11"),
        ("mitre_atlas", "Datasets"),
        ("nothing", "Art.15"),
        ("", "Art.15"),
    ] {
        assert_eq!(resolve(framework, text), None, "{framework} {text}");
    }
}

#[test]
fn mistakes_in_catalogues_and_crosswalks_are_errors() {
    let error = |catalogue: &str, crosswalk: &str| {
        let base = "name: n\nversion: v\nsource: s\n";
        Catalogues::new([("t", format!("{base}{catalogue}").as_str())], crosswalk).unwrap_err().to_string()
    };
    let fine = "controls: {}\nevidence: {}\n";
    assert!(error("controls: { A-1: x, A.01: y }\n", fine).contains("read alike"));
    assert!(error("aliases: { B: C }\ncontrols: { A: x }\n", fine).contains("\"C\", which is no control"));
    assert!(error("controls: { A: x }\n", "controls: { t: { B: { rule: [R-1] } } }\nevidence: {}\n").contains("t B"));
    assert!(error("controls: { A: x }\n", "controls: {}\nevidence: { e: { t: [Z] } }\n").contains("t Z"));
    let late = "controls: { t: { A: { t: [B] } } }\nevidence: {}\n";
    assert!(error("controls: { A: x, B: y }\n", late).contains("is gone through after"));
}

#[test]
fn each_status_has_its_reason() {
    let pack = ["rules:\n".to_owned()]
        .into_iter()
        .chain([
            rule("T-1", "asset.kind == 'model'", "{ soc2: [CC6.1] }", ""),
            rule("T-2", "asset.admin", "{ soc2: [CC6.1, CC6.2], owasp: ['LLM04:2025'] }", ""),
            rule("T-3", "asset.admin", "{ soc2: [CC6.3, CC6.2] }", "    needs: { property: x, input: logs }\n"),
        ])
        .collect::<String>();
    let results = covered(&pack, "", &[AssetKind::Model, AssetKind::Endpoint]);
    let failed = of(&results, "soc2", "CC6.1");
    assert_eq!((failed.status, failed.reason.as_str()), (ControlStatus::Failed, "1 finding by T-1"));
    assert_eq!((failed.name.as_str(), failed.findings.len(), failed.rules.len()), ("Logical access", 1, 2));
    let partly = of(&results, "soc2", "CC6.2");
    assert_eq!(partly.status, ControlStatus::NoEvidence);
    assert_eq!(partly.reason, "nothing found by T-2 on 1 asset; could not judge: T-3 needs logs");
    assert_eq!((partly.assets, partly.unknown), (1, vec!["T-3".to_owned()]));
    let unknown = of(&results, "soc2", "CC6.3");
    assert_eq!((unknown.status, unknown.reason.as_str()), (ControlStatus::NoEvidence, "T-3 needs logs"));
    let crossed = of(&results, "csa_aicm", "DSP-21");
    assert_eq!(crossed.status, ControlStatus::Passed);
    assert_eq!(crossed.via, [Control::new("owasp", "LLM04:2025")]);
    assert!(crossed.reason.ends_with("by the crosswalk from owasp LLM04:2025"), "{}", crossed.reason);
    // SAIF follows from CoSAI, which follows from OWASP
    assert_eq!(of(&results, "saif", "DP").via, [Control::new("cosai", "riskDataPoisoning")]);
    assert!(!results.contains_key(&("rule".to_owned(), "T-1".to_owned())));
    let none = covered(&pack, "", &[AssetKind::Bucket]);
    assert_eq!(of(&none, "soc2", "CC6.2").status, ControlStatus::NotApplicable);
}

#[test]
fn declared_evidence_speaks_until_it_ends() {
    let facts = |until: &str| format!("evidence:\n  - {{ type: ai-literacy, ref: HR-4, expires: {until} }}\n");
    let results = covered("rules: []\n", &facts("2027-01-31"), &[]);
    let shown = of(&results, "eu_ai_act", "Art.4");
    assert_eq!(shown.status, ControlStatus::Passed);
    assert_eq!(shown.reason, "shown by ai-literacy HR-4 (aispm.yaml:2), until 2027-01-31");
    assert_eq!(of(&results, "cosai", "controlInternalPoliciesAndEducation").status, ControlStatus::Passed);
    let results = covered("rules: []\n", &facts("2026-01-31"), &[]);
    let ended = of(&results, "eu_ai_act", "Art.4");
    assert_eq!(ended.status, ControlStatus::NoEvidence);
    assert_eq!(ended.reason, "the ai-literacy HR-4 (aispm.yaml:2) ended on 2026-01-31");
    let renewed = facts("2026-01-31") + "  - { type: ai-literacy, ref: HR-5 }\n";
    assert_eq!(of(&covered("rules: []\n", &renewed, &[]), "eu_ai_act", "Art.4").status, ControlStatus::Passed);
    // a finding outweighs evidence, and evidence that ended outweighs rules that found nothing
    let fires = "rules:\n".to_owned() + &rule("T-1", "asset.ai", "{ eu_ai_act: [Art.4] }", "");
    let failed = of(&covered(&fires, &facts("2027-01-31"), &[AssetKind::Model]), "eu_ai_act", "Art.4");
    assert_eq!(failed.status, ControlStatus::Failed);
    assert!(failed.reason.starts_with("1 finding by T-1; shown by ai-literacy"), "{}", failed.reason);
    let quiet = fires.replace("asset.ai", "asset.admin");
    let lapsed = of(&covered(&quiet, &facts("2026-01-31"), &[AssetKind::Model]), "eu_ai_act", "Art.4");
    assert_eq!(lapsed.status, ControlStatus::NoEvidence);
}

#[test]
fn a_whole_catalogue_can_be_listed() {
    let pack = "rules:\n".to_owned() + &rule("T-1", "asset.ai", "{ gdpr: ['Art.5(1)(f)'] }", "");
    let results = covered(&pack, "", &[AssetKind::Model]);
    let gdpr = Coverage { framework: "gdpr".to_owned(), controls: vec![of(&results, "gdpr", "Art.5(1)(f)")] };
    let catalogues = Catalogues::builtin().unwrap();
    let whole = gdpr.complete(catalogues.framework("gdpr").unwrap());
    assert_eq!(whole.controls.len(), catalogues.framework("GDPR").unwrap().controls.len());
    let control = |id: &str| whole.controls.iter().find(|control| control.id == id).unwrap();
    assert_eq!((control("Art.5").status, control("Art.5").reason.as_str()), (ControlStatus::Failed, "as Art.5(1)(f)"));
    assert_eq!(control("Art.5").findings, control("Art.5(1)(f)").findings);
    assert_eq!(control("Art.50").status, ControlStatus::NoEvidence);
    assert_eq!(control("Art.50").reason, "no rule or declared evidence speaks of it");
}

#[test]
fn the_crosswalk_names_rules_and_types_of_evidence_that_exist() {
    let catalogues = Catalogues::builtin().unwrap();
    let reached = catalogues.crosswalk.rows.iter().map(|(control, _)| control.framework.as_str());
    let reached = reached.collect::<std::collections::BTreeSet<_>>();
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), ["cosai", "csa_aicm", "nist_ai_600_1", "saif"]);
    #[derive(serde::Deserialize)]
    struct Types {
        asset: std::collections::BTreeSet<String>,
        organisation: std::collections::BTreeSet<String>,
    }
    let types: Types = Document::config("t", include_str!("../../../data/discover/evidence.yaml")).unwrap();
    let known = |kind: &String| types.asset.contains(kind) || types.organisation.contains(kind);
    for kind in catalogues.crosswalk.evidence.keys() {
        assert!(known(kind), "{kind} is no type of evidence");
    }
    let rules = PolicySet::builtin().unwrap().rules();
    for (_, from) in &catalogues.crosswalk.rows {
        for rule in from.iter().filter(|from| from.framework == "rule") {
            assert!(rules.iter().any(|known| known.id == rule.id), "{}", rule.id);
        }
    }
}
