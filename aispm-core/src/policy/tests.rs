use super::*;
use crate::asset::{Exposure, Relation};
use crate::discover::declared::Facts;

fn fast<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = std::time::Instant::now();
    let result = run();
    eprintln!("{what}: {:?}", start.elapsed());
    result
}

fn one_rule(when: &str) -> String {
    format!(
        "rules:\n  - id: T-1\n    title: t\n    description: d\n    severity: low\n    kinds: [endpoint]\n    \
         when: {when}\n    message: \"{{asset.name}} is {{asset.exposure}}\"\n    fix: f\n"
    )
}

fn error(when: &str) -> String {
    let built = PolicySet::builder().builtin(false).pack("p.yaml", one_rule(when)).build();
    built.unwrap_err().to_string()
}

fn fires(when: &str, asset: Asset) -> Vec<Finding> {
    let set = PolicySet::builder().builtin(false).pack("p.yaml", one_rule(when)).build().unwrap();
    let mut inventory = Inventory::new();
    inventory.add(asset);
    set.evaluate(&inventory, &Solution::default())
}

fn endpoint() -> Asset {
    let mut asset = Asset::new("e", AssetKind::Endpoint, "chat").seen(Evidence::file("f").line(3));
    asset.exposure = Some(Exposure::Public);
    asset
}

#[test]
fn every_built_in_rule_passes_its_own_tests() {
    let set = PolicySet::builtin().unwrap();
    for (path, text) in BUILTIN {
        let mut pack = pack::Pack::read(path, text).unwrap();
        pack.rules.iter_mut().for_each(|rule| rule.params = Arc::clone(&set.params));
        pack.check(&set.params, controls::Catalogues::builtin().unwrap()).unwrap();
    }
    let report = set.test();
    assert_eq!(report.failures, []);
    assert_eq!(report.thin, [""; 0], "each rule has two tests of either sort");
    assert!(report.rules >= 40 && report.tests >= 4 * report.rules);
}

#[test]
fn mistakes_in_expressions_are_found_when_the_pack_loads() {
    assert_eq!(error("asset.exposre == 'public'"), "p.yaml:7:16: rule T-1: `when`: an asset has no field `exposre`");
    assert!(error("asset.exposure == 'publik'").contains("\"publik\" is no Exposure; known: local"));
    assert!(error("asset.kind in ['endpoint', 'modle']").contains("\"modle\" is no AssetKind"));
    assert!(error("outgoing.exists(r, r.asset.colour == 'red')").contains("no field `colour`"));
    assert!(error("outgoing.filter(r, r.kind == 'serves')").contains("must be true or false"));
    assert!(error("asset.ai == 'yes'").contains("true or false cannot be compared to text"));
    assert!(error("nothing.ai").contains("unknown name `nothing`"));
    assert!(error("frobnicate(asset.name)").contains("unknown function `frobnicate`"));
    assert!(error("asset.ai &&").starts_with("p.yaml:7:"));
    assert!(error(&["1"; 300].join("+")).contains("nested deeper"));
    assert!(error(&["1"; 2000].join("+")).contains("too complex"));
    assert!(error(&"(".repeat(3000)).contains("too complex"));
    assert!(error(&"(".repeat(48)).starts_with("p.yaml:7:"));
    let block = one_rule(">-\n      asset.ai\n      && asset.exposre == 'x'");
    let built = PolicySet::builder().builtin(false).pack("p.yaml", block).build();
    assert!(built.unwrap_err().to_string().starts_with("p.yaml:9:15: rule T-1"));
}

#[test]
fn absent_fields_are_null_and_do_not_fire() {
    assert_eq!(fires("asset.owner == null && !has(asset.owner)", endpoint()).len(), 1);
    assert!(fires("asset.properties.calls > 3", endpoint()).is_empty());
    assert_eq!(fires(&["true"; 1000].join("&&"), endpoint()).len(), 1);
    assert!(fires("asset.properties.a.b.c == 1", endpoint()).is_empty());
    assert!(fires("asset.properties.list.exists(x, x == 1)", endpoint()).is_empty());
    assert_eq!(
        fires("has(asset.properties.calls) && asset.properties.calls > 3", endpoint().with("calls", 4)).len(),
        1
    );
}

#[test]
fn a_rule_that_fails_is_reported_and_does_not_pass() {
    let findings = fires("asset.properties.calls > 3", endpoint().with("calls", "many"));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].rule, "POLICY-ERROR");
    assert!(findings[0].message.contains("T-1"), "{}", findings[0].message);
}

#[test]
fn findings_carry_who_took_part_and_where_it_was_seen() {
    let mut inventory = Inventory::new();
    inventory.add(endpoint().ai());
    inventory.add(Asset::new("m", AssetKind::Model, "llm").seen(Evidence::file("m.json")));
    let mut bucket = Asset::new("b", AssetKind::Bucket, "crm").seen(Evidence::file("s3.json"));
    bucket.data_classes.insert("personal".to_owned());
    inventory.add(bucket);
    inventory.relate(Relation::new("e", RelationKind::Serves, "m"));
    inventory.relate(Relation::new("m", RelationKind::TrainedOn, "b").seen(Evidence::file("aispm.yaml").line(4)));
    let set = PolicySet::builtin().unwrap();
    let findings = set.evaluate(&inventory, &Solution::default());
    let of = |rule: &str| findings.iter().find(|finding| finding.rule == rule).unwrap();
    let leak = of("DATA-002");
    assert_eq!(leak.message, "chat is public and answers from crm");
    assert_eq!(leak.related, [AssetId::from("b")]);
    assert_eq!(leak.evidence.iter().map(Evidence::location).collect::<Vec<_>>(), ["f:3", "s3.json"]);
    let training = of("DATA-001");
    assert!(training.evidence.iter().any(|evidence| evidence.location() == "aispm.yaml:4"));
    assert!(findings.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
    assert_eq!(findings, set.evaluate(&inventory, &Solution::default()));
    let coverage = controls::coverage(&set, &inventory, &findings, &[], &[]);
    let gdpr = coverage.iter().find(|coverage| coverage.framework == "gdpr").unwrap();
    let status = |id: &str| gdpr.controls.iter().find(|control| control.id == id).map(|control| control.status);
    assert_eq!(status("Art.6"), Some(controls::ControlStatus::Failed));
    assert_eq!(status("Art.28"), Some(controls::ControlStatus::NotApplicable));
}

#[test]
fn a_well_kept_estate_raises_nothing() {
    let mut inventory = Inventory::new();
    let mut endpoint = endpoint().ai().with("rate_limit", 10);
    endpoint.authentication = Some(crate::asset::Authentication::Identity);
    endpoint.owner = Some("web".to_owned());
    endpoint.purpose = Some("search".to_owned());
    inventory.add(endpoint);
    inventory.add(Asset::new("pkg:npm/express", AssetKind::Package, "express"));
    inventory.add(Asset::new("pkg:pypi/openai", AssetKind::Package, "openai").ai());
    inventory.add(Asset::new("m", AssetKind::Model, "llm"));
    inventory.relate(Relation::new("e", RelationKind::Serves, "m"));
    assert_eq!(PolicySet::builtin().unwrap().evaluate(&inventory, &Solution::default()), []);
}

#[test]
fn packs_change_severity_and_facts_set_parameters() {
    let facts = Facts::from_yaml("f", "params: { mcp_allow: ['ours/*'] }\n").unwrap();
    let pack = "overrides:\n  DISC-008: { severity: low }\n  DISC-001: { disabled: true }\n";
    let set = PolicySet::builder().pack("p", pack).facts(&facts).build().unwrap();
    let mut inventory = Inventory::new();
    inventory.add(Asset::new("theirs", AssetKind::McpServer, "theirs/x"));
    inventory.add(Asset::new("ours", AssetKind::McpServer, "ours/y"));
    inventory.add(Asset::new("agent", AssetKind::Agent, "agent"));
    let findings = set.evaluate(&inventory, &Solution::default());
    let told = findings.iter().map(|f| (f.rule.as_str(), f.severity, f.asset.as_str())).collect::<Vec<_>>();
    assert_eq!(told, [("DISC-008", Severity::Low, "theirs")]);
    let unknown = set.unknown(&inventory);
    assert!(unknown.iter().any(|unknown| unknown.rule == "DISC-002"));
    assert!(!unknown.iter().any(|unknown| unknown.rule == "DISC-008"));
    let misspelt = Facts::from_yaml("f", "params: { mcp_alow: [] }\n").unwrap();
    let error = PolicySet::builder().facts(&misspelt).build().unwrap_err().to_string();
    assert!(error.contains("mcp_allow"), "{error}");
    let twice = PolicySet::builder().pack("p", one_rule("asset.ai")).pack("q", one_rule("asset.ai")).build();
    assert!(twice.unwrap_err().to_string().contains("two rules have the id T-1"));
}

#[test]
fn the_same_estate_gives_the_same_findings() {
    let set = fast("load", || PolicySet::builtin().unwrap());
    let mut inventory = Inventory::new();
    for i in 0..10_000 {
        let kind = AssetKind::ALL[i % AssetKind::ALL.len()];
        inventory.add(Asset::new(format!("a{i}"), kind, "a"));
    }
    let first = fast("first evaluation of 10,000 assets", || set.evaluate(&inventory, &Solution::default()));
    let second = fast("second", || set.evaluate(&inventory, &Solution::default()));
    assert_eq!(first, second);
}

#[test]
fn what_a_template_leaves_open_neither_fires_nor_fails() {
    let open = |acls: serde_json::Value| {
        let conditions = [
            "asset.properties.acls.exists(a, a.entity == 'allUsers')",
            "(!has(asset.properties.acls))",
            "asset.properties.acls == null",
            "(!(asset.properties.acls in ['eu']))",
            "asset.properties['acls'] > 3",
        ];
        conditions.map(|when| fires(when, endpoint().with("acls", acls.clone())).len())
    };
    for acls in ["${var.acls}", "${[for a in var.acls : { entity = a }]}"] {
        assert_eq!(open(acls.into()), [0; 5], "{acls}");
    }
    assert_eq!(open(serde_json::json!({"Ref": "Acls"})), [0; 5]);
    assert_eq!(open(serde_json::json!(["${var.acl}"])), [0, 0, 0, 1, 1]);
    // some of it is known
    for text in ["${var.a}-${var.b}", "eu-${var.a}", "${var.a"] {
        assert_eq!(fires("asset.properties.t.size() > 3", endpoint().with("t", text)).len(), 1, "{text}");
    }
}

#[test]
fn a_flag_is_one_however_its_source_writes_it() {
    let rules = [
        "asset.properties.on == true",
        "asset.properties.on == false",
        "asset.properties.on != true",
        "asset.properties.on in [true]",
        "asset.properties.on && true",
        "(!asset.properties.on)",
        "asset.properties.on",
    ];
    let fire = |on: serde_json::Value| rules.map(|when| fires(when, endpoint().with("on", on.clone())).len());
    for on in [true.into(), "true".into(), "True".into()] {
        assert_eq!(fire(on), [1, 0, 0, 1, 1, 0, 1]);
    }
    for off in [false.into(), "false".into(), "FALSE".into()] {
        assert_eq!(fire(off), [0, 1, 1, 0, 0, 1, 0]);
    }
    for open in ["${var.on}", "{{ .Values.on }}", "[parameters('on')]", "$(on)"] {
        assert_eq!(fire(open.into()), [0; 7], "{open}");
    }
    for open in ["Ref", "Fn::ImportValue", "!Ref"] {
        assert_eq!(fire(serde_json::json!({ open: "On" })), [0; 7], "{open}");
    }
}

#[test]
fn an_attribute_named_like_an_approval_approves_nothing() {
    let text = "resource \"aws_sagemaker_endpoint\" \"e\" {\n  name = \"e\"\n  approved_by = \"me\"\n}\n";
    let inventory = crate::discover::discovery_of(&[("main.tf", text)]).inventory;
    let asset = inventory.assets().find(|asset| asset.kind == AssetKind::Endpoint).unwrap();
    assert_eq!(asset.text("attributes.approved_by"), Some("me"));
    assert_eq!(fires("asset.approved", asset.clone()), []);
    assert_eq!(fires("asset.properties['attributes.approved_by'] == 'me'", asset.clone()).len(), 1);
    assert_eq!(fires("asset.approved", asset.clone().with("approved_by", "board")).len(), 1);
}

#[test]
fn what_is_open_is_not_shown() {
    let rule = format!("{}    needs: {{ property: on, input: settings }}\n", one_rule("asset.properties.on != true"));
    let set = PolicySet::builder().builtin(false).pack("p.yaml", rule).build().unwrap();
    let mut inventory = Inventory::new();
    inventory.add(endpoint().with("on", "${var.on}"));
    let unknown = |inventory: &Inventory| set.unknown(inventory).into_iter().map(|it| it.needs).collect::<Vec<_>>();
    assert_eq!(unknown(&inventory), ["settings"]);
    assert_eq!(set.evaluate(&inventory, &Solution::default()), []);
    inventory.add(Asset::new("off", AssetKind::Endpoint, "off").with("on", "false"));
    assert_eq!(unknown(&inventory), [""; 0]);
    let findings = set.evaluate(&inventory, &Solution::default());
    assert_eq!(findings.iter().map(|finding| finding.asset.as_str()).collect::<Vec<_>>(), ["off"]);
}

#[test]
fn a_runtime_of_the_sources_own_is_not_ours() {
    let mut inventory = Inventory::new();
    for kind in [AssetKind::Application, AssetKind::Function] {
        inventory.add(Asset::new(kind.as_str(), kind, "f").with("runtime", "python3.12"));
    }
    let findings = PolicySet::builtin().unwrap().evaluate(&inventory, &Solution::default());
    assert!(findings.iter().all(|finding| finding.rule != POLICY_ERROR), "{findings:?}");
}

#[test]
fn a_kind_named_twice_is_judged_once() {
    let pack = one_rule("asset.id == 'e'").replace("[endpoint]", "[endpoint, endpoint]");
    let set = PolicySet::builder().builtin(false).pack("p.yaml", pack).build().unwrap();
    let mut inventory = Inventory::new();
    inventory.add(endpoint());
    assert_eq!(set.evaluate(&inventory, &Solution::default()).len(), 1);
}
