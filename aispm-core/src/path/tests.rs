//! Whole paths through small estates.

mod ai;
mod asking;
mod aws;
mod clouds;
mod kill_switches;
mod kubernetes;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::asset::{Asset, Authentication, Evidence, Relation, RelationKind};

const ADMIN: &str = "arn:aws:iam::111111111111:role/admin";
const BUCKET: &str = "arn:aws:s3:::records";

fn arn(name: &str) -> String {
    format!("arn:aws:iam::111111111111:{name}")
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

fn identity(kind: AssetKind, name: &str, statements: Vec<Value>) -> Asset {
    let list = if kind == AssetKind::User { "UserPolicyList" } else { "RolePolicyList" };
    let policies = json!([{"PolicyName": "p", "PolicyDocument": {"Statement": statements}}]);
    let seen = Evidence::file("iam.json").pointer(format!("/{name}"));
    Asset::new(arn(name), kind, name).with("Arn", arn(name)).with(list, policies).seen(seen)
}

fn role(name: &str, principal: Value, statements: Vec<Value>) -> Asset {
    let action = if principal.get("Federated").is_some() { "sts:AssumeRoleWithWebIdentity" } else { "sts:AssumeRole" };
    let trust = json!({"Statement": {"Effect": "Allow", "Action": action, "Principal": principal}});
    identity(AssetKind::Role, name, statements).with("AssumeRolePolicyDocument", trust)
}

fn user(name: &str, statements: Vec<Value>) -> Asset {
    identity(AssetKind::User, &format!("user/{name}"), statements)
}

fn admin_for(service: &str) -> Asset {
    role("role/admin", json!({ "Service": service }), vec![allow(&["*"], "*")])
}

fn inventory(assets: Vec<Asset>, relations: &[(&str, RelationKind, &str)]) -> Inventory {
    let mut inventory = Inventory::new();
    assets.into_iter().for_each(|asset| inventory.add(asset));
    for (from, kind, to) in relations {
        inventory.relate(Relation::new(*from, *kind, *to).seen(Evidence::file("main.tf")));
    }
    inventory
}

fn ask(inventory: &Inventory, from: &str, to: Target) -> Solution {
    let solution = solve(inventory, &Query { from: vec![from.into()], to: vec![to], k: 1, ..Query::default() });
    solution.paths.iter().for_each(chained);
    solution
}

/// What the contract promises of every path.
fn chained(path: &AttackPath) {
    let mut reached = BTreeSet::from([path.source.clone()]);
    for (n, step) in path.steps.iter().enumerate() {
        let from: Vec<&AssetId> = match &step.from {
            From::One(one) => vec![one],
            From::All(all) => all.iter().collect(),
        };
        assert!(!from.is_empty() && from.iter().all(|asset| reached.contains(*asset)), "{step:?}");
        assert!(n > 0 || from == [&path.source]);
        assert!(!step.evidence.is_empty(), "{step:?}");
        assert!(!step.description.contains('{'), "{step:?}");
        reached.insert(step.to.clone());
    }
    assert_eq!(path.steps.last().map(|step| &step.to), Some(&path.target));
}

fn rules(path: &AttackPath) -> Vec<&str> {
    path.steps.iter().map(|step| step.rule.as_str()).collect()
}

#[test]
fn passing_a_role_needs_every_permission_and_the_service() {
    let passing = |actions: &[&str], service: &str| {
        let inventory = inventory(vec![user("u", vec![allow(actions, "*")]), admin_for(service)], &[]);
        ask(&inventory, &arn("user/u"), Target::Admin)
    };
    let all = ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"];
    let solution = passing(&all, "lambda.amazonaws.com");
    assert_eq!(rules(&solution.paths[0]), ["lambda-create"]);
    assert_eq!((solution.paths[0].status, solution.paths[0].target.as_str()), (PathStatus::Confirmed, ADMIN));
    assert_eq!(solution.admins, [AssetId::from(ADMIN)]);
    assert!(solution.paths[0].steps[0].evidence.len() >= 2, "the policy statement and the trust statement");
    assert_eq!(solution.fixes.iter().map(|fix| fix.paths_cut).sum::<usize>(), 1);
    assert!(passing(&all, "ec2.amazonaws.com").paths.is_empty());
    for missing in 0..all.len() {
        let rest: Vec<&str> = all.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, a)| *a).collect();
        assert!(passing(&rest, "lambda.amazonaws.com").paths.is_empty(), "without {}", all[missing]);
    }
}

#[test]
fn a_path_is_told_in_a_sentence_and_can_be_cut_at_each_premise() {
    let estate = ai_estate(Some(Authentication::None), "ml:server");
    let solution = ask(&estate, "internet", Target::Sensitive);
    let leak = solution.paths.iter().find(|path| path.goal == Goal::Leak).unwrap();
    assert_eq!(leak.title, "Anyone on the internet can read records through vllm");
    assert_eq!(leak.consequence, Consequence::DataLeak);
    let kinds: Vec<(usize, &str)> = leak.fixes.iter().map(|fix| (fix.step, fix.premise.kind.as_str())).collect();
    let expected = [
        (1, "exposure"),
        (2, "anonymous"),
        (5, "statement"),
        (4, "trust"),
        (2, "relation"),
        (3, "relation"),
        (4, "relation"),
    ];
    assert_eq!(kinds, expected);
    let statement = &leak.fixes[2];
    assert_eq!(statement.premise.without, ["iam.json#/role/reader/RolePolicyList/0/PolicyDocument/Statement/0"]);
    let patch = statement.patch.as_ref().unwrap();
    assert_eq!(patch.format, PatchFormat::AwsPolicy);
    assert!(patch.text.contains("\n-    \"s3:GetObject\",\n"), "{}", patch.text);
    let poisoning = solution.paths.iter().find(|path| path.goal == Goal::Poisoning).unwrap();
    assert_eq!(poisoning.title, "Anyone on the internet can poison classifier through vllm");
    assert_eq!(poisoning.consequence, Consequence::Poisoning);
}

#[test]
fn two_statements_that_say_the_same_have_to_go_together() {
    let twice = vec![allow(&["iam:PutUserPolicy"], "*"), allow(&["iam:*"], &arn("user/*"))];
    let solution = ask(&inventory(vec![user("u", twice)], &[]), &arn("user/u"), Target::Admin);
    let [fix] = solution.paths[0].fixes.as_slice() else { panic!("{:?}", solution.paths[0].fixes) };
    assert_eq!(fix.premise.without.len(), 2);
    assert_eq!(solution.paths[0].title, "user/u can make itself administrator of account 111111111111");
}

#[test]
fn what_if_answers_without_changing_the_inventory() {
    let estate = ai_estate(Some(Authentication::None), "ml:server");
    let query = Query { from: vec!["internet".into()], to: vec![Target::Sensitive], k: 1, ..Query::default() };
    let before = solve(&estate, &query);
    let change = Change::parse("k8s://c/ml/Deployment/vllm runs_as k8s://c/ml/ServiceAccount/server").unwrap();
    let answer = what_if(&estate, &query, &[change, Change::Asset("nowhere".into())]);
    assert!(answer.solution.paths.is_empty() && answer.gone == before.paths);
    assert!(answer.solution.warnings.iter().any(|warning| warning.contains("nowhere")));
    assert_eq!(solve(&estate, &query), before);
}

#[test]
fn a_blast_radius_is_what_a_source_reaches_plain_data_too() {
    let mut estate = ai_estate(Some(Authentication::None), "ml:server");
    estate.add(Asset::new("arn:aws:s3:::plain", AssetKind::Bucket, "plain"));
    let plain = user("w", vec![allow(&["s3:GetObject"], "arn:aws:s3:::plain/*")]);
    estate.add(plain);
    let reach = |from: &str, to: Vec<Target>| {
        let query = Query { from: vec![from.into()], to, k: 1, ..Query::default() };
        solve(&estate, &query).blast_radius
    };
    let [only] = <[Reach; 1]>::try_from(reach(&arn("user/w"), Vec::new())).unwrap();
    assert_eq!((only.asset.as_str(), only.powers.as_slice()), ("arn:aws:s3:::plain", &["reads".to_owned()][..]));
    let outside = reach("internet", Vec::new());
    assert!(outside.is_sorted_by(|a, b| a.cost <= b.cost));
    assert!(outside.iter().any(|reach| reach.asset.as_str() == BUCKET && reach.powers == ["reads", "writes"]));
    assert!(reach("internet", vec![Target::Sensitive]).is_empty());
}

#[test]
fn creating_an_administrator_needs_names_that_are_free() {
    let creates = |resource: &str| {
        let actions = ["iam:CreateRole", "iam:PutRolePolicy"];
        let inventory = inventory(vec![user("u", vec![allow(&actions, resource)])], &[]);
        ask(&inventory, &arn("user/u"), Target::Admin).paths.len()
    };
    assert_eq!(creates("*"), 1);
    assert_eq!(creates(&arn("role/one")), 0);
}

#[test]
fn two_principals_do_not_pool_what_one_must_hold() {
    let friend = json!({"AWS": arn("user/u")});
    let inventory = inventory(
        vec![
            user("u", vec![allow(&["iam:PassRole"], "*")]),
            role("role/creator", friend, vec![allow(&["lambda:CreateFunction", "lambda:InvokeFunction"], "*")]),
            admin_for("lambda.amazonaws.com"),
        ],
        &[],
    );
    assert!(ask(&inventory, &arn("user/u"), Target::Admin).paths.is_empty());
}

#[test]
fn rewriting_a_role_helps_only_who_can_become_it() {
    let estate = |trusted: &str| {
        inventory(
            vec![
                user("u", vec![allow(&["iam:AttachRolePolicy"], "*")]),
                role("role/r", json!({ "AWS": arn(trusted) }), vec![]),
            ],
            &[],
        )
    };
    let solution = ask(&estate("user/u"), &arn("user/u"), Target::Admin);
    assert_eq!(solution.paths[0].target.as_str(), arn("role/r"));
    assert_eq!(BTreeSet::from_iter(rules(&solution.paths[0])), BTreeSet::from(["assume-role", "attach-role-policy"]));
    assert!(ask(&estate("user/other"), &arn("user/u"), Target::Admin).paths.is_empty());
}

#[test]
fn a_boundary_holds_unless_it_can_be_taken_off() {
    let estate = |actions: &[&str]| {
        let bound = json!([{"IsDefaultVersion": true, "Document": {"Statement": [allow(actions, "*")]}}]);
        let policy = Asset::new(arn("policy/b"), AssetKind::Policy, "b").with("PolicyVersionList", bound);
        let boundary = json!({"PermissionsBoundaryArn": arn("policy/b")});
        inventory(vec![user("u", vec![allow(&["*"], "*")]).with("PermissionsBoundary", boundary), policy], &[])
    };
    let source = arn("user/u");
    assert!(ask(&estate(&["s3:*", "iam:PutUserPolicy"]), &source, Target::Admin).paths.is_empty());
    let solution = ask(&estate(&["iam:DeleteUserPermissionsBoundary"]), &source, Target::Admin);
    assert_eq!(rules(&solution.paths[0]), ["delete-user-boundary"]);
}

#[test]
fn joining_an_administrators_group_ends_in_the_user() {
    let group = identity(AssetKind::Group, "group/admins", vec![]);
    let group = group.with("GroupPolicyList", json!([{"PolicyDocument": {"Statement": allow(&["*"], "*")}}]));
    let inventory = inventory(vec![user("u", vec![allow(&["iam:AddUserToGroup"], "*")]), group], &[]);
    let solution = ask(&inventory, &arn("user/u"), Target::Admin);
    assert_eq!(solution.paths[0].target.as_str(), arn("user/u"));
}

/// A public model endpoint whose pod may read customer records.
fn ai_estate(authentication: Option<Authentication>, subject: &str) -> Inventory {
    let mut endpoint = Asset::new("k8s://c/ml/Service/llm", AssetKind::Endpoint, "llm");
    endpoint.authentication = authentication;
    let mut bucket = Asset::new(BUCKET, AssetKind::Bucket, "records");
    bucket.data_classes.insert("customer".to_owned());
    let mut reader = role(
        "role/reader",
        json!({"Federated": arn("oidc-provider/oidc.example")}),
        vec![allow(&["s3:GetObject", "s3:PutObject"], &format!("{BUCKET}/*"))],
    );
    reader.properties["AssumeRolePolicyDocument"]["Statement"]["Condition"] =
        json!({"StringEquals": {"oidc.example:sub": format!("system:serviceaccount:{subject}")}});
    let role = reader.id.to_string();
    inventory(
        vec![
            endpoint,
            bucket,
            reader,
            Asset::new("k8s://c/ml/Deployment/vllm", AssetKind::Workload, "vllm"),
            Asset::new("k8s://c/ml/ServiceAccount/server", AssetKind::ServiceAccount, "server"),
            Asset::new("d", AssetKind::Dataset, "tickets"),
            Asset::new("m", AssetKind::Model, "classifier"),
        ],
        &[
            ("internet", RelationKind::Exposes, "k8s://c/ml/Service/llm"),
            ("k8s://c/ml/Service/llm", RelationKind::Exposes, "k8s://c/ml/Deployment/vllm"),
            ("k8s://c/ml/Deployment/vllm", RelationKind::RunsAs, "k8s://c/ml/ServiceAccount/server"),
            ("k8s://c/ml/ServiceAccount/server", RelationKind::CanAssume, &role),
            ("d", RelationKind::DerivedFrom, BUCKET),
            ("m", RelationKind::TrainedOn, "d"),
        ],
    )
}

#[test]
fn a_public_model_endpoint_leads_to_records_and_to_a_poisoned_model() {
    let solution = ask(&ai_estate(Some(Authentication::None), "ml:server"), "internet", Target::Sensitive);
    let leak = solution.paths.iter().find(|path| path.goal == Goal::Leak).unwrap();
    let passed = ["reach-endpoint", "exploit-endpoint", "tool-home", "web-identity", "read-bucket"];
    assert_eq!((rules(leak), leak.status), (passed.to_vec(), PathStatus::Confirmed));
    let poisoning = solution.paths.iter().find(|path| path.goal == Goal::Poisoning).unwrap();
    assert_eq!(poisoning.target.as_str(), "m");
    assert!(solution.choke_points.iter().any(|point| point.asset.as_str() == arn("role/reader") && point.paths == 2));
    assert_eq!(solution.fixes.iter().map(|fix| fix.paths_cut).sum::<usize>(), solution.paths.len());
    assert_eq!(solution.fixes.len(), 1, "one change cuts both: {:?}", solution.fixes);
}

#[test]
fn authentication_or_another_subject_closes_that_path() {
    let leaks = |estate: &Inventory| ask(estate, "internet", Target::Sensitive).paths;
    assert!(leaks(&ai_estate(Some(Authentication::Identity), "ml:server")).is_empty());
    assert!(leaks(&ai_estate(Some(Authentication::None), "ml:other")).is_empty());
    assert!(leaks(&ai_estate(None, "ml:server")).iter().all(|path| path.status == PathStatus::Conditional));
}

#[test]
fn what_does_not_arrive_is_on_no_path_and_what_may_arrive_is_on_a_conditional_one() {
    let estate = |on: &str, said: Value| {
        let mut inventory = ai_estate(Some(Authentication::None), "ml:server");
        inventory.get_mut(on).unwrap().properties.insert("reachability".to_owned(), said);
        ask(&inventory, "internet", Target::Sensitive).paths
    };
    for on in ["k8s://c/ml/Service/llm", "k8s://c/ml/Deployment/vllm"] {
        assert!(estate(on, json!({"internet": "yes"})).iter().all(|path| path.status == PathStatus::Confirmed));
        assert!(estate(on, json!({"internet": "no"})).is_empty(), "{on}");
        let partner = "the caller's address is in 203.0.113.0/24";
        let paths = estate(on, json!({"internet": "conditional", "conditions": [partner]}));
        assert!(!paths.is_empty(), "{on}");
        for path in paths {
            assert_eq!((path.status, path.conditions), (PathStatus::Conditional, vec![partner.to_owned()]), "{on}");
        }
    }
}

#[test]
fn planted_content_drives_an_agent_with_a_shell() {
    let agent_role = role("role/agent", json!({"Service": "bedrock.amazonaws.com"}), vec![allow(&["*"], "*")]);
    let writer = user("w", vec![allow(&["s3:PutObject"], "arn:aws:s3:::docs/*")]);
    let admin = agent_role.id.to_string();
    let estate = |tool: &str| {
        inventory(
            vec![
                writer.clone(),
                agent_role.clone(),
                Asset::new("arn:aws:s3:::docs", AssetKind::Bucket, "docs"),
                Asset::new("kb", AssetKind::VectorStore, "kb"),
                Asset::new("agent", AssetKind::Agent, "helper"),
                Asset::new("tool", AssetKind::Tool, tool),
            ],
            &[
                ("kb", RelationKind::DerivedFrom, "arn:aws:s3:::docs"),
                ("agent", RelationKind::RetrievesFrom, "kb"),
                ("agent", RelationKind::HasTool, "tool"),
                ("agent", RelationKind::RunsAs, &admin),
            ],
        )
    };
    let solution = ask(&estate("run_command"), &arn("user/w"), Target::Admin);
    assert!(rules(&solution.paths[0]).contains(&"prompt-through-store"));
    assert!(ask(&estate("weather"), &arn("user/w"), Target::Admin).paths.is_empty());
}

#[test]
fn unknown_ids_warn_and_arns_outside_the_estate_count_as_resources() {
    let inventory = inventory(vec![user("u", vec![allow(&["s3:GetObject"], "arn:aws:s3:::else/*")])], &[]);
    let solution = ask(&inventory, &arn("user/u"), Target::Asset("arn:aws:s3:::else".into()));
    assert_eq!(rules(&solution.paths[0]), ["read-bucket"]);
    let solution = ask(&inventory, &arn("user/u"), Target::Asset("nonsense".into()));
    assert!(solution.paths.is_empty() && solution.warnings[0].contains("nonsense"));
}

#[test]
fn further_paths_differ_and_the_best_comes_first() {
    let statements = vec![allow(&["iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:CreatePolicyVersion"], "*")];
    let inventory = inventory(vec![user("u", statements)], &[]);
    let query = Query { from: vec![arn("user/u").as_str().into()], to: vec![Target::Admin], k: 3, ..Query::default() };
    let solution = solve(&inventory, &query);
    let found: BTreeSet<_> = solution.paths.iter().map(|path| rules(path).join(" ")).collect();
    assert_eq!(found.len(), 2, "{found:?}");
}

fn policy() -> impl Strategy<Value = Value> {
    let actions = [
        "iam:PassRole",
        "lambda:*",
        "sts:AssumeRole",
        "iam:PutUserPolicy",
        "iam:AttachRolePolicy",
        "iam:CreateAccessKey",
    ];
    let resources = vec!["*".to_owned(), arn("user/*"), arn("role/*"), arn("user/b")];
    let (actions, resources) = (prop::sample::select(actions.to_vec()), prop::sample::select(resources));
    (prop::bool::weighted(0.8), actions, resources).prop_map(|(allow, action, resource)| {
        json!({"Effect": if allow { "Allow" } else { "Deny" }, "Action": action, "Resource": resource})
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Who is administrator or can become it never grows by a deny.
    #[test]
    fn a_deny_never_adds_a_path(
        a in prop::collection::vec(policy(), 0..5),
        b in prop::collection::vec(policy(), 0..5),
        extra in policy(),
    ) {
        let estate = |a: Vec<Value>| {
            let root = json!({"AWS": arn("root")});
            inventory(vec![user("a", a), user("b", b.clone()), role("role/r", root, vec![]), admin_for("lambda.amazonaws.com")], &[])
        };
        let strong = |inventory: &Inventory| {
            let query = Query { from: Vec::new(), to: vec![Target::Admin], k: 1, ..Query::default() };
            let solution = solve(inventory, &query);
            solution.paths.iter().for_each(chained);
            let sources = solution.paths.into_iter().filter(|p| p.status == PathStatus::Confirmed).map(|path| path.source);
            sources.chain(solution.admins).collect::<BTreeSet<_>>()
        };
        let before = strong(&estate(a.clone()));
        let mut extra = extra;
        extra["Effect"] = "Deny".into();
        let after = strong(&estate(a.into_iter().chain([extra]).collect()));
        prop_assert!(after.is_subset(&before));
    }
}

#[test]
fn resources_are_the_same_to_rules_whoever_described_them() {
    let instance = "arn:aws:ec2:eu-west-1:111111111111:instance/i-1";
    for (key, kind) in [("terraform_type", "aws_instance"), ("aws_type", "AWS::EC2::Instance")] {
        let machine = Asset::new(instance, AssetKind::Node, "i-1").with(key, kind).seen(Evidence::file("e.json"));
        let assets = vec![user("u", vec![allow(&["ssm:SendCommand"], "*")]), admin_for("ec2.amazonaws.com"), machine];
        let inventory = inventory(assets, &[(instance, RelationKind::RunsAs, ADMIN)]);
        let solution = ask(&inventory, &arn("user/u"), Target::Admin);
        assert_eq!(rules(&solution.paths[0]), ["ssm-send-command"], "{kind}");
    }
}

#[test]
fn what_no_way_avoids_is_a_choke_point_and_one_change_is_enough_there() {
    let assume = |name: &str| allow(&["sts:AssumeRole"], &arn(&format!("role/{name}")));
    let trust = |names: &[&str]| json!({"AWS": names.iter().map(|name| arn(name)).collect::<Vec<_>>()});
    let estate = inventory(
        vec![
            user("u", vec![assume("a"), assume("b")]),
            role("role/a", trust(&["user/u"]), vec![assume("c")]),
            role("role/b", trust(&["user/u"]), vec![assume("c")]),
            role("role/c", trust(&["role/a", "role/b"]), vec![assume("admin")]),
            role("role/admin", trust(&["role/c"]), vec![allow(&["*"], "*")]),
        ],
        &[],
    );
    let (from, to) = (vec![AssetId::from(arn("user/u"))], vec![Target::Admin]);
    let solution = solve(&estate, &Query { from, to, k: 5, ..Query::default() });
    let ways: BTreeSet<&AssetId> = solution.paths.iter().map(|path| &path.steps[0].to).collect();
    assert_eq!((solution.paths.len(), ways.len()), (2, 2), "by a and by b");
    let points: Vec<_> = solution.choke_points.iter().map(|point| (point.asset.as_str(), point.paths)).collect();
    assert_eq!(points, [(arn("role/c").as_str(), 2)], "neither a nor b is one");
    assert_eq!((solution.fixes.len(), solution.fixes_lower_bound), (1, 1), "{:?}", solution.fixes);
}

proptest! {
    /// Users with ways of their own and shared ones: the fixes cut everything, and the bound is one.
    #[test]
    fn fixes_keep_to_their_bound(ways in proptest::collection::vec(0_usize..8, 1..6)) {
        let assume = |name: &str| allow(&["sts:AssumeRole"], &arn(&format!("role/{name}")));
        let everyone = json!({"AWS": "arn:aws:iam::111111111111:root"});
        let mut assets: Vec<Asset> = ways.iter().enumerate().map(|(n, ways)| {
            let bits = (0..3).filter(|bit| ways >> bit & 1 == 1);
            user(&format!("u{n}"), bits.map(|bit| assume(["a", "b", "admin"][bit])).collect())
        }).collect();
        assets.push(role("role/a", everyone.clone(), vec![assume("admin")]));
        assets.push(role("role/b", everyone.clone(), vec![assume("admin")]));
        assets.push(role("role/admin", everyone, vec![allow(&["*"], "*")]));
        let solution = solve(&inventory(assets, &[]), &Query { to: vec![Target::Admin], ..Query::default() });
        prop_assert_eq!(solution.fixes.iter().map(|fix| fix.paths_cut).sum::<usize>(), solution.paths.len());
        prop_assert!(solution.fixes_lower_bound <= solution.fixes.len());
        // the administrator's trust policy is one change for all
        prop_assert_eq!(solution.fixes.len(), usize::from(!solution.paths.is_empty()));
        prop_assert_eq!(solution.fixes_lower_bound, solution.fixes.len());
    }
}
