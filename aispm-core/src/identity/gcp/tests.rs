//! Questions to small estates.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::asset::{Asset, AssetKind, Relation, RelationKind};
use crate::identity::Decision;

const SA: &str = "serviceAccount:train@acme.iam.gserviceaccount.com";
const JO: &str = "user:jo@acme.example";
const ACT_AS: &str = "iam.serviceAccounts.actAs";

fn crm(path: &str) -> String {
    format!("//cloudresourcemanager.googleapis.com/{path}")
}

/// Organisation 1, folder 2, project `acme` (12) with a service account, a bucket and a secret.
fn estate(policies: &[(&str, Value)], more: Vec<Asset>) -> Inventory {
    let mut inventory = Inventory::new();
    let policy =
        |id: &str| policies.iter().find(|(on, _)| *on == id).map(|(_, bindings)| json!({"bindings": bindings}));
    let mut add = |id: String, kind: AssetKind, name: &str| {
        let mut asset = Asset::new(&id, kind, name).seen(Evidence::file("cai.json"));
        asset.properties.extend(policy(&id).map(|policy| ("iam_policy".to_owned(), policy)));
        if id.ends_with("projects/acme") {
            asset = asset.alias(crm("projects/12"));
        }
        inventory.add(asset);
    };
    add(crm("organizations/1"), AssetKind::Account, "org");
    add(crm("folders/2"), AssetKind::Account, "folder");
    add(crm("projects/acme"), AssetKind::Account, "acme");
    add(SA.into(), AssetKind::ServiceAccount, "train");
    add(JO.into(), AssetKind::User, "jo");
    add("gs://acme-data".into(), AssetKind::Bucket, "acme-data");
    add("//secretmanager.googleapis.com/projects/12/secrets/key".into(), AssetKind::Secret, "key");
    for (from, to) in [
        (crm("organizations/1"), crm("folders/2")),
        (crm("folders/2"), crm("projects/acme")),
        (crm("projects/acme"), "gs://acme-data".into()),
    ] {
        inventory.relate(Relation::new(from, RelationKind::Contains, to));
    }
    more.into_iter().for_each(|asset| inventory.add(asset));
    inventory
}

fn bind(role: &str, member: &str) -> Value {
    json!({"role": role, "members": [member]})
}

fn ask(inventory: &Inventory, principal: &str, action: &str, resource: &str) -> Decision {
    let gcp = Gcp::new(inventory).unwrap();
    gcp.grant(principal, action).map_or(Decision::Denied, |grant| grant.on(resource))
}

#[test]
fn policies_are_inherited_and_only_downwards() {
    for (on, want) in [
        (crm("organizations/1"), Decision::Allowed),
        (crm("folders/2"), Decision::Allowed),
        (crm("projects/acme"), Decision::Allowed),
        (SA.to_owned(), Decision::Allowed),
        ("gs://acme-data".to_owned(), Decision::Denied),
    ] {
        let inventory = estate(&[(&on, json!([bind("roles/iam.serviceAccountUser", JO)]))], vec![]);
        assert_eq!(ask(&inventory, JO, ACT_AS, SA), want, "{on}");
    }
    let on_account = estate(&[(SA, json!([bind("roles/iam.serviceAccountUser", JO)]))], vec![]);
    assert_eq!(ask(&on_account, JO, ACT_AS, &crm("projects/acme")), Decision::Denied);
    let folder = estate(&[(&crm("folders/2"), json!([bind("roles/resourcemanager.projectIamAdmin", JO)]))], vec![]);
    assert_eq!(ask(&folder, JO, SET_POLICY, &crm("projects/acme")), Decision::Allowed);
    assert_eq!(ask(&folder, JO, SET_POLICY, &crm("folders/2")), Decision::Denied, "a permission on projects");
}

#[test]
fn groups_domains_and_everybody() {
    let by = |member: &str, known: bool| {
        let mut inventory = estate(&[(SA, json!([bind("roles/iam.serviceAccountTokenCreator", member)]))], vec![]);
        if known {
            inventory.relate(Relation::new(JO, RelationKind::MemberOf, "group:inner@acme.example"));
            inventory.relate(Relation::new(
                "group:inner@acme.example",
                RelationKind::MemberOf,
                "group:ops@acme.example",
            ));
        }
        ask(&inventory, JO, "iam.serviceAccounts.getAccessToken", SA)
    };
    assert_eq!(by("group:ops@acme.example", true), Decision::Allowed);
    assert_eq!(by("group:Ops@acme.example", true), Decision::Allowed);
    assert_eq!(by("group:ops@acme.example", false), Decision::Denied, "who is in an unknown group is not assumed");
    assert_eq!(by("domain:acme.example", false), Decision::Allowed);
    assert_eq!(by("domain:other.example", false), Decision::Denied);
    assert_eq!(by("allAuthenticatedUsers", false), Decision::Allowed);
    let open = estate(&[("gs://acme-data", json!([bind("roles/storage.objectViewer", "allUsers")]))], vec![]);
    let gcp = Gcp::new(&open).unwrap();
    assert!(gcp.is_principal("internet"));
    assert!(!gcp.principals().iter().any(|id| id.as_str() == "internet"));
    assert_eq!(ask(&open, "internet", "storage.objects.get", "gs://acme-data"), Decision::Allowed);
}

#[test]
fn convenience_groups_are_whoever_has_the_basic_role() {
    let bucket = json!([
        bind("roles/storage.legacyBucketOwner", "projectOwner:acme"),
        bind("roles/storage.objectViewer", "projectViewer:acme")
    ]);
    let with = |role: &str, on: String| {
        let inventory = estate(&[("gs://acme-data", bucket.clone()), (&on, json!([bind(role, JO)]))], vec![]);
        let delete = ask(&inventory, JO, "storage.objects.delete", "gs://acme-data");
        (delete, ask(&inventory, JO, "storage.objects.get", "gs://acme-data"))
    };
    assert_eq!(with("roles/owner", crm("folders/2")), (Decision::Allowed, Decision::Denied));
    assert_eq!(with("roles/viewer", crm("projects/acme")), (Decision::Denied, Decision::Allowed));
    assert_eq!(with("roles/browser", crm("projects/acme")), (Decision::Denied, Decision::Denied));
}

fn deny(on: &str, rule: Value) -> Asset {
    Asset::new(format!("//iam.googleapis.com/policies/{on}/denypolicies/d"), AssetKind::Policy, "d")
        .with("attached_to", on)
        .with("rules", json!([{ "denyRule": rule }]))
}

#[test]
fn deny_policies_come_first() {
    let owner = json!([bind("roles/owner", JO)]);
    let keys = "iam.serviceAccountKeys.create";
    let with = |rule: Value, on: &str| {
        let inventory = estate(&[(&crm("organizations/1"), owner.clone())], vec![deny(on, rule)]);
        ask(&inventory, JO, keys, SA)
    };
    let everyone = json!(["principalSet://goog/public:all"]);
    let key = json!(["iam.googleapis.com/serviceAccountKeys.create"]);
    assert_eq!(
        with(json!({"deniedPrincipals": everyone, "deniedPermissions": key}), &crm("folders/2")),
        Decision::Denied
    );
    assert_eq!(
        with(json!({"deniedPrincipals": everyone, "deniedPermissions": key}), &crm("folders/9")),
        Decision::Allowed
    );
    let all = json!(["iam.googleapis.com/serviceAccountKeys.*"]);
    assert_eq!(
        with(json!({"deniedPrincipals": everyone, "deniedPermissions": all}), &crm("projects/12")),
        Decision::Denied
    );
    assert_eq!(
        with(
            json!({"deniedPrincipals": everyone, "deniedPermissions": all, "exceptionPermissions": key}),
            &crm("folders/2")
        ),
        Decision::Allowed
    );
    assert_eq!(
        with(
            json!({"deniedPrincipals": everyone, "deniedPermissions": key, "exceptionPrincipals": ["principal://goog/subject/jo@acme.example"]}),
            &crm("folders/2")
        ),
        Decision::Allowed
    );
    let other = json!(["principal://goog/subject/al@acme.example"]);
    assert_eq!(
        with(json!({"deniedPrincipals": other, "deniedPermissions": key}), &crm("folders/2")),
        Decision::Allowed
    );
    let tagged = json!({"deniedPrincipals": everyone, "deniedPermissions": key, "denialCondition": {"expression": "!resource.matchTag('12/env', 'test')"}});
    assert!(matches!(with(tagged, &crm("folders/2")), Decision::Conditional(_)), "nothing says what tags it has");
    let customers =
        json!({"deniedPrincipals": ["principalSet://goog/cloudIdentityCustomerId/C1"], "deniedPermissions": key});
    assert!(matches!(with(customers, &crm("folders/2")), Decision::Conditional(_)));
}

#[test]
fn conditions_are_decided_by_the_estate() {
    let on = |expression: &str| {
        let binding = json!({"role": "roles/storage.objectViewer", "members": [JO], "condition": {"title": "t", "expression": expression}});
        let inventory = estate(&[(&crm("projects/acme"), json!([binding]))], vec![]);
        ask(&inventory, JO, "storage.objects.get", "gs://acme-data")
    };
    assert_eq!(on("resource.name.startsWith('projects/_/buckets/acme-data/objects/')"), Decision::Allowed);
    assert_eq!(on("resource.name.startsWith('projects/_/buckets/other/')"), Decision::Denied);
    assert_eq!(on("resource.type == 'storage.googleapis.com/Object'"), Decision::Allowed);
    assert_eq!(
        on("request.time < timestamp('2030-01-01T00:00:00Z')"),
        Decision::Conditional(vec!["the condition holds: request.time < timestamp('2030-01-01T00:00:00Z')".into()])
    );
    let mut full = estate(
        &[(
            &crm("projects/acme"),
            json!([{"role": "roles/storage.objectViewer", "members": [JO], "condition": {"expression": "resource.name.startsWith('projects/_/buckets/full/')"}}]),
        )],
        vec![Asset::new("//storage.googleapis.com/full", AssetKind::Bucket, "full")],
    );
    full.relate(Relation::new(crm("projects/acme"), RelationKind::Contains, "//storage.googleapis.com/full"));
    assert_eq!(ask(&full, JO, "storage.objects.get", "//storage.googleapis.com/full"), Decision::Allowed);
    let secret = |expression: &str| {
        let binding = json!({"role": "roles/secretmanager.secretAccessor", "members": [JO], "condition": {"expression": expression}});
        let inventory = estate(&[(&crm("projects/acme"), json!([binding]))], vec![]);
        ask(&inventory, JO, "secretmanager.versions.access", "//secretmanager.googleapis.com/projects/12/secrets/key")
    };
    assert_eq!(secret("resource.name.startsWith('projects/99/secrets/key')"), Decision::Denied);
    assert_eq!(
        secret("resource.name.extract('secrets/{n}/') == 'key'"),
        Decision::Conditional(vec!["the condition holds: resource.name.extract('secrets/{n}/') == 'key'".into()])
    );
    let grants = |roles: &str| {
        let expression = format!("api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{roles}])");
        let binding = json!({"role": "roles/resourcemanager.projectIamAdmin", "members": [JO], "condition": {"expression": expression}});
        ask(&estate(&[(&crm("projects/acme"), json!([binding]))], vec![]), JO, SET_POLICY, &crm("projects/acme"))
    };
    assert_eq!(grants("'roles/pubsub.publisher'"), Decision::Denied);
    assert_eq!(grants("'roles/owner'"), Decision::Allowed);
}

#[test]
fn own_roles_and_whether_they_are_held() {
    let role = |stage: &str| {
        Asset::new("//iam.googleapis.com/projects/acme/roles/ops", AssetKind::Role, "ops")
            .with("includedPermissions", json!([ACT_AS]))
            .with("stage", stage)
    };
    let policy = json!([bind("projects/acme/roles/ops", JO)]);
    let with = |stage: &str| estate(&[(&crm("projects/acme"), policy.clone())], vec![role(stage)]);
    assert_eq!(ask(&with("GA"), JO, ACT_AS, SA), Decision::Allowed);
    assert_eq!(ask(&with("DISABLED"), JO, ACT_AS, SA), Decision::Denied);
    let id = "//iam.googleapis.com/projects/acme/roles/ops";
    assert_eq!(ask(&with("GA"), JO, "held", id), Decision::Allowed);
    assert_eq!(ask(&with("GA"), SA, "held", id), Decision::Denied);
}

#[test]
fn owners_are_administrators_unless_denied() {
    let owner = json!([bind("roles/owner", JO)]);
    let admin = |on: String, more: Vec<Asset>| {
        let gcp = Gcp::new(&estate(&[(&on, owner.clone())], more)).unwrap();
        (gcp.is_admin(JO), gcp.home(JO))
    };
    assert_eq!(admin(crm("projects/acme"), vec![]), (true, Some(crm("projects/acme"))));
    assert_eq!(admin(crm("organizations/1"), vec![]), (true, Some(crm("organizations/1"))));
    let rule = json!({"deniedPrincipals": ["principalSet://goog/public:all"], "deniedPermissions": ["cloudresourcemanager.googleapis.com/projects.setIamPolicy"]});
    assert!(!admin(crm("projects/acme"), vec![deny(&crm("folders/2"), rule)]).0);
}

#[test]
fn accounts_that_google_makes_have_their_role_until_a_policy_shows_otherwise() {
    let compute = "serviceAccount:12-compute@developer.gserviceaccount.com";
    let account = || vec![Asset::new(compute, AssetKind::ServiceAccount, "compute")];
    let unknown = estate(&[], account());
    assert!(matches!(ask(&unknown, compute, ACT_AS, SA), Decision::Conditional(_)));
    let shown = estate(&[(&crm("projects/acme"), json!([bind("roles/viewer", JO)]))], account());
    assert_eq!(ask(&shown, compute, ACT_AS, SA), Decision::Denied);
    let granted = estate(&[(&crm("projects/acme"), json!([bind("roles/editor", compute)]))], account());
    assert_eq!(ask(&granted, compute, ACT_AS, SA), Decision::Allowed);
}

#[test]
fn keys_that_an_organisation_policy_forbids() {
    let key = "iam.serviceAccountKeys.create";
    let policy = json!([bind("roles/iam.serviceAccountKeyAdmin", JO)]);
    let mut inventory = estate(&[(&crm("projects/acme"), policy)], vec![]);
    assert_eq!(ask(&inventory, JO, key, SA), Decision::Allowed);
    assert_eq!(ask(&inventory, JO, &format!("{key}!"), SA), Decision::Denied, "nothing stands in the way");
    let set = json!([{"constraint": "constraints/iam.disableServiceAccountKeyCreation", "booleanPolicy": {"enforced": true}}]);
    inventory.get_mut(&crm("organizations/1")).unwrap().properties.insert("orgPolicy".into(), set);
    assert_eq!(ask(&inventory, JO, key, SA), Decision::Denied);
    assert_eq!(ask(&inventory, JO, &format!("{key}!"), SA), Decision::Allowed);
}

#[test]
fn evidence_is_the_binding() {
    let mut inventory =
        estate(&[(&crm("projects/acme"), json!([bind("roles/viewer", SA), bind("roles/owner", JO)]))], vec![]);
    let at = serde_json::to_value(Evidence::file("cai.json").pointer("/3/iamPolicy")).unwrap();
    inventory.get_mut(&crm("projects/acme")).unwrap().properties.insert("iam_policy_at".into(), at);
    let shown = Gcp::new(&inventory).unwrap().evidence(JO, ACT_AS, SA);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].pointer.as_deref(), Some("/3/iamPolicy/bindings/1/members/0"));
    assert_eq!(shown[0].excerpt.as_deref(), Some("roles/owner to user:jo@acme.example"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            "roles/owner",
            JO,
            SA,
            "allUsers",
            "resource.name == 'x'",
            "iam.googleapis.com/roles.*",
            "principalSet://goog/public:all",
            ""
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let keys = prop::sample::select(vec![
            "bindings",
            "role",
            "members",
            "condition",
            "expression",
            "denyRule",
            "deniedPrincipals",
            "deniedPermissions",
            "exceptionPrincipals",
            "denialCondition",
            "tagKey",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..4)
                .prop_map(|rows| Value::Object(rows.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

const ROLES: &[&str] = &[
    "roles/owner",
    "roles/editor",
    "roles/iam.serviceAccountUser",
    "roles/iam.serviceAccountTokenCreator",
    "roles/storage.admin",
    "roles/viewer",
];
const ACTIONS: &[&str] = &[
    ACT_AS,
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccountKeys.create",
    SET_POLICY,
    "storage.objects.get",
    "compute.instances.create",
];
const MEMBERS: &[&str] = &[JO, SA, "group:ops@acme.example", "domain:acme.example", "allUsers", "projectOwner:acme"];
const PLACES: &[&str] = &[
    "//cloudresourcemanager.googleapis.com/organizations/1",
    "//cloudresourcemanager.googleapis.com/projects/acme",
    SA,
    "gs://acme-data",
];

/// All answers of an estate with these bindings (place, role, member) and denials.
fn answers(bindings: &[(usize, usize, usize)], denials: &[(usize, usize, usize)]) -> Vec<usize> {
    let policies: Vec<(&str, Value)> = PLACES
        .iter()
        .enumerate()
        .map(|(at, place)| {
            let own = bindings
                .iter()
                .filter(|(on, ..)| *on == at)
                .map(|(_, role, member)| bind(ROLES[*role], MEMBERS[*member]));
            (*place, own.collect())
        })
        .collect();
    let denials = denials.iter().enumerate().map(|(n, (on, action, who))| {
        let who = [
            "principalSet://goog/public:all",
            "principal://goog/subject/jo@acme.example",
            "principalSet://goog/group/ops@acme.example",
        ][*who];
        let mut asset = deny(PLACES[*on], json!({"deniedPrincipals": [who], "deniedPermissions": [ACTIONS[*action]]}));
        asset.id = format!("{}{n}", asset.id).into();
        asset
    });
    let mut inventory = estate(&policies, denials.collect());
    inventory.relate(Relation::new(JO, RelationKind::MemberOf, "group:ops@acme.example"));
    let gcp = Gcp::new(&inventory).unwrap();
    let mut all = Vec::new();
    for principal in [JO, SA, "internet"] {
        for action in ACTIONS {
            let grant = gcp.grant(principal, action);
            for place in PLACES {
                all.push(grant.as_ref().map_or(Decision::Denied, |grant| grant.on(place)).rank());
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_denial_never_adds_and_a_binding_less_neither(
        bindings in prop::collection::vec((0..PLACES.len(), 0..ROLES.len(), 0..MEMBERS.len()), 1..6),
        denials in prop::collection::vec((0..2_usize, 0..ACTIONS.len(), 0..3_usize), 1..4),
    ) {
        let free = answers(&bindings, &[]);
        let denied = answers(&bindings, &denials);
        prop_assert!(free.iter().zip(&denied).all(|(free, denied)| free <= denied));
        let fewer = answers(&bindings[1..], &denials);
        prop_assert!(denied.iter().zip(&fewer).all(|(more, fewer)| more <= fewer));
    }

    #[test]
    fn any_json_is_read(policy in any_json(), rules in any_json(), tags in any_json()) {
        let mut inventory = estate(&[], vec![]);
        let project = inventory.get_mut(&crm("projects/acme")).unwrap();
        for (key, value) in [("iam_policy", policy), ("effectiveTags", tags.clone()), ("orgPolicy", tags)] {
            project.properties.insert(key.into(), value);
        }
        inventory.add(Asset::new("//iam.googleapis.com/x", AssetKind::Policy, "x").with("attached_to", crm("projects/acme")).with("rules", rules));
        if let Some(gcp) = Gcp::new(&inventory) {
            for principal in gcp.principals() {
                for action in ACTIONS {
                    if let Some(grant) = gcp.grant(principal.as_str(), action) {
                        grant.on(SA);
                    }
                }
            }
        }
    }
}
