//! That each fix of a path makes it vanish: over generated accounts, by taking the premise out of the inventory and
//! solving again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::asset::{Asset, Authentication, Evidence, Relation, RelationKind};
use crate::path::*;

const ACCOUNT: &str = "111111111111";
const OTHER: &str = "222222222222";

fn arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{name}")
}

fn statement() -> impl Strategy<Value = Value> {
    let actions = [
        "*",
        "iam:*",
        "iam:PassRole",
        "lambda:*",
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
        "sts:AssumeRole",
        "iam:PutUserPolicy",
        "iam:AttachRolePolicy",
        "iam:CreateAccessKey",
        "iam:AddUserToGroup",
        "iam:CreatePolicyVersion",
        "iam:UpdateAssumeRolePolicy",
        "s3:GetObject",
        "s3:PutObject",
        "s3:*",
        "ssm:StartSession",
    ];
    let resources = [
        "*".to_owned(),
        arn("user/*"),
        arn("role/*"),
        arn("role/r0"),
        arn("user/${aws:username}"),
        "arn:aws:s3:::records/*".to_owned(),
        "arn:aws:s3:::docs/*".to_owned(),
        "arn:aws:s3:::*".to_owned(),
    ];
    let conditions = [
        Value::Null,
        Value::Null,
        Value::Null,
        json!({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
        json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    ];
    let some = |list: &[&'static str]| prop::collection::btree_set(prop::sample::select(list.to_vec()), 1..4);
    (
        prop::bool::weighted(0.9),
        some(&actions),
        prop::sample::select(resources.to_vec()),
        prop::sample::select(conditions.to_vec()),
    )
        .prop_map(|(allow, actions, resource, condition)| {
            let effect = if allow { "Allow" } else { "Deny" };
            let mut statement = json!({"Effect": effect, "Action": actions, "Resource": resource});
            if condition.is_object() {
                statement["Condition"] = condition;
            }
            statement
        })
}

fn statements(most: usize) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(statement(), 0..most)
}

fn trust() -> impl Strategy<Value = Value> {
    let principals = [
        json!({"Service": "lambda.amazonaws.com"}),
        json!({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}),
        json!({"AWS": arn("root")}),
        json!({"AWS": ACCOUNT}),
        json!({"AWS": arn("user/u0")}),
        json!({"AWS": [arn("role/r0"), arn("root")]}),
        json!({"AWS": format!("arn:aws:iam::{OTHER}:root")}),
        json!({"Federated": arn("oidc-provider/oidc.example")}),
        json!({"AWS": "*"}),
    ];
    prop::collection::vec(prop::sample::select(principals.to_vec()), 1..3).prop_map(|principals| {
        let one = |principal: Value| {
            if principal.get("Federated").is_some() {
                let subject = json!({"StringEquals": {"oidc.example:sub": "system:serviceaccount:ml:server"}});
                let action = "sts:AssumeRoleWithWebIdentity";
                return json!({"Effect": "Allow", "Action": action, "Principal": principal, "Condition": subject});
            }
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})
        };
        json!({"Statement": principals.into_iter().map(one).collect::<Vec<_>>()})
    })
}

#[derive(Debug, Clone)]
struct Holder {
    inline: Vec<Value>,
    managed: bool,
    aws_managed: bool,
    in_group: bool,
    as_text: bool,
}

fn holder() -> impl Strategy<Value = Holder> {
    let flag = |p| prop::bool::weighted(p);
    (statements(4), flag(0.3), flag(0.1), flag(0.4), flag(0.3)).prop_map(
        |(inline, managed, aws_managed, in_group, as_text)| Holder { inline, managed, aws_managed, in_group, as_text },
    )
}

fn identity(kind: AssetKind, name: &str, n: usize, holder: &Holder) -> Asset {
    let place = if kind == AssetKind::User { "UserDetailList" } else { "RoleDetailList" };
    let list = if kind == AssetKind::User { "UserPolicyList" } else { "RolePolicyList" };
    let document = json!({"Statement": holder.inline});
    let document = if holder.as_text { json!(document.to_string()) } else { document };
    let mut attached = Vec::new();
    if holder.managed {
        attached.push(json!({"PolicyArn": arn("policy/shared")}));
    }
    if holder.aws_managed {
        attached.push(json!({"PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}));
    }
    let groups = if holder.in_group && kind == AssetKind::User { vec!["g"] } else { Vec::new() };
    Asset::new(arn(name), kind, name)
        .with("Arn", arn(name))
        .with(list, json!([{"PolicyName": "p", "PolicyDocument": document}]))
        .with("AttachedManagedPolicies", attached)
        .with("GroupList", groups)
        .seen(Evidence::file("iam.json").pointer(format!("/{place}/{n}")))
}

prop_compose! {
    fn account()(
        users in prop::collection::vec(holder(), 1..3),
        roles in prop::collection::vec((holder(), trust()), 1..4),
        shared in statements(3),
        group in statements(3),
        resource in prop::option::of(trust()),
        asks in prop::bool::ANY,
        edges in prop::collection::vec(prop::bool::weighted(0.7), 12),
    ) -> Inventory {
        let mut inventory = Inventory::new();
        for (n, holder) in users.iter().enumerate() {
            let user = identity(AssetKind::User, &format!("user/u{n}"), n, holder);
            if holder.in_group {
                let relation = Relation::new(user.id.clone(), RelationKind::MemberOf, arn("group/g").as_str());
                inventory.relate(relation.seen(Evidence::file("iam.json").pointer(format!("/UserDetailList/{n}/GroupList/0"))));
            }
            inventory.add(user);
        }
        for (n, (holder, trust)) in roles.iter().enumerate() {
            let role = identity(AssetKind::Role, &format!("role/r{n}"), n, holder);
            inventory.add(role.with("AssumeRolePolicyDocument", trust.clone()));
        }
        let all = json!([{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}}]);
        let trust = json!({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}});
        let admin = Asset::new(arn("role/admin"), AssetKind::Role, "admin").with("RolePolicyList", all);
        let seen = Evidence::file("iam.json").pointer("/RoleDetailList/99");
        inventory.add(admin.with("AssumeRolePolicyDocument", trust).seen(seen));
        let versions = json!([{"IsDefaultVersion": true, "Document": {"Statement": shared}}]);
        let policy = Asset::new(arn("policy/shared"), AssetKind::Policy, "shared").with("PolicyVersionList", versions);
        inventory.add(policy.seen(Evidence::file("iam.json").pointer("/Policies/0")));
        let list = json!([{"PolicyName": "p", "PolicyDocument": {"Statement": group}}]);
        let group = Asset::new(arn("group/g"), AssetKind::Group, "g").with("GroupPolicyList", list);
        inventory.add(group.seen(Evidence::file("iam.json").pointer("/GroupDetailList/0")));
        let mut records = Asset::new("arn:aws:s3:::records", AssetKind::Bucket, "records");
        records.data_classes.insert("customer".to_owned());
        if let Some(trust) = resource {
            let mut policy = trust;
            for statement in policy["Statement"].as_array_mut().unwrap() {
                statement["Action"] = json!(["s3:GetObject", "s3:PutObject"]);
                statement["Resource"] = json!("arn:aws:s3:::records/*");
            }
            records = records.with("policy", policy.to_string());
        }
        inventory.add(records.seen(Evidence::file("tf.json").pointer("/0")));
        let plain = |id: &str, kind, name: &str| Asset::new(id, kind, name).seen(Evidence::file("k8s.yaml").line(3));
        inventory.add(plain("arn:aws:s3:::docs", AssetKind::Bucket, "docs"));
        let mut endpoint = plain("k8s://c/ml/Service/llm", AssetKind::Endpoint, "llm");
        endpoint.authentication = asks.then_some(Authentication::None);
        inventory.add(endpoint);
        inventory.add(plain("k8s://c/ml/Deployment/vllm", AssetKind::Workload, "vllm"));
        inventory.add(plain("k8s://c/ml/ServiceAccount/server", AssetKind::ServiceAccount, "server"));
        inventory.add(plain("kb", AssetKind::VectorStore, "kb"));
        inventory.add(plain("agent", AssetKind::Agent, "agent"));
        inventory.add(plain("tool", AssetKind::Tool, "run_command"));
        inventory.add(plain("model", AssetKind::Model, "model"));
        let machine = "arn:aws:ec2:eu-west-1:111111111111:instance/i-1";
        inventory.add(plain(machine, AssetKind::Node, "i-1").with("terraform_type", "aws_instance"));
        let relations = [
            ("internet", RelationKind::Exposes, "k8s://c/ml/Service/llm"),
            ("k8s://c/ml/Service/llm", RelationKind::Exposes, "k8s://c/ml/Deployment/vllm"),
            ("k8s://c/ml/Deployment/vllm", RelationKind::RunsAs, "k8s://c/ml/ServiceAccount/server"),
            ("k8s://c/ml/ServiceAccount/server", RelationKind::CanAssume, &arn("role/r0")),
            ("kb", RelationKind::DerivedFrom, "arn:aws:s3:::docs"),
            ("agent", RelationKind::RetrievesFrom, "kb"),
            ("agent", RelationKind::HasTool, "tool"),
            ("agent", RelationKind::RunsAs, &arn("role/r1")),
            ("k8s://c/ml/Service/llm", RelationKind::Exposes, "agent"),
            ("model", RelationKind::TrainedOn, "arn:aws:s3:::docs"),
            (machine, RelationKind::RunsAs, &arn("role/r0")),
            ("k8s://c/ml/Deployment/vllm", RelationKind::Serves, "model"),
        ];
        for ((from, kind, to), _) in relations.into_iter().zip(edges).filter(|(_, there)| *there) {
            inventory.relate(Relation::new(from, kind, to).seen(Evidence::file("k8s.yaml").line(7)));
        }
        inventory
    }
}

/// The inventory as a policy's diff makes it.
fn patched(inventory: &Inventory, patch: &Patch) -> Inventory {
    let mut places: Vec<(Place, String)> = Vec::new();
    for line in patch.text.lines() {
        match (line.strip_prefix("--- "), line.chars().next()) {
            (Some(place), _) => places.push((Place::parse(place).unwrap(), String::new())),
            (None, Some('-')) => {}
            (None, _) if line.starts_with("+++ ") => {}
            (None, _) => places.last_mut().unwrap().1.push_str(line.get(1..).unwrap()),
        }
    }
    places.sort_by(|(a, _), (b, _)| b.order().cmp(&a.order()));
    let mut assets: Vec<Asset> = inventory.assets().cloned().collect();
    for (place, text) in places {
        let statements: Vec<Value> = serde_json::from_str(&format!("[{text}]")).unwrap();
        assert!(assets.iter_mut().any(|asset| place.put(asset, &statements)), "{place} is nowhere");
    }
    let mut changed = Inventory::new();
    assets.into_iter().for_each(|asset| changed.add(asset));
    inventory.relations().cloned().for_each(|relation| changed.relate(relation));
    changed
}

/// 51 by default; `PROPTEST_CASES` asks for more.
fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 5, ..usual }
}

/// A path with who makes each move: the id is the same whoever of several does.
fn moves(path: &AttackPath) -> String {
    let steps: Vec<_> = path.steps.iter().map(|step| step.description.as_str()).collect();
    format!("{} {}", path.id, steps.join("; "))
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn taking_away_any_premise_makes_the_path_vanish(inventory in account()) {
        let query = Query { k: 2, ..Query::default() };
        let solution = solve(&inventory, &query);
        let mut premises: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        let mut patches: BTreeMap<&str, (&Patch, BTreeSet<String>)> = BTreeMap::new();
        for path in &solution.paths {
            for fix in &path.fixes {
                prop_assert!(!fix.premise.without.is_empty() && !fix.action.is_empty());
                prop_assert!(fix.step >= 1 && fix.step <= path.steps.len());
                premises.entry(fix.premise.without.clone()).or_default().insert(moves(path));
                if let Some(patch) = fix.patch.as_ref().filter(|patch| patch.format == PatchFormat::AwsPolicy) {
                    patches.entry(&patch.text).or_insert((patch, BTreeSet::new())).1.insert(moves(path));
                }
            }
        }
        for (texts, cut) in premises {
            let changes: Vec<Change> = texts.iter().map(|text| Change::parse(text).unwrap()).collect();
            let (left, unmet) = without(&inventory, &changes);
            prop_assert!(unmet.is_empty(), "{texts:?} is nowhere");
            let rest = solve(&left, &query);
            for path in rest.paths.iter().filter(|path| cut.contains(&moves(path))) {
                let steps: Vec<_> = path.steps.iter().map(|step| &step.description).collect();
                prop_assert!(false, "{texts:?} leaves {} {steps:#?}", path.title);
            }
        }
        for (text, (patch, cut)) in patches {
            let rest = solve(&patched(&inventory, patch), &query);
            for path in rest.paths.iter().filter(|path| cut.contains(&moves(path))) {
                let steps: Vec<_> = path.steps.iter().map(|step| &step.description).collect();
                prop_assert!(false, "this leaves {} {steps:#?}\n{text}", path.title);
            }
        }
    }
}
