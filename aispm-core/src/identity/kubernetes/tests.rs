use proptest::prelude::*;
use serde_json::{Value, json};

use super::Rbac;
use super::name::{Object, is_resource_of};
use super::role::defaults;
use crate::asset::{Asset, AssetKind, Inventory, Relation, RelationKind};
use crate::identity::Authority;

fn role(kind: &str, namespace: &str, name: &str, rules: Value) -> Asset {
    let id = format!("k8s://c/{namespace}/{kind}/{name}");
    Asset::new(id, AssetKind::Role, name).with("kubernetes_kind", kind).with("rules", rules)
}

fn binding(kind: &str, namespace: &str, role: (&str, &str), subjects: &[(&str, &str, &str)]) -> Asset {
    let subject = |(kind, namespace, name): &(&str, &str, &str)| match *namespace {
        "" => json!({"kind": kind, "name": name}),
        namespace => json!({"kind": kind, "name": name, "namespace": namespace}),
    };
    let id = format!("k8s://c/{namespace}/{kind}/{}-{}", role.1, subjects.first().map_or("none", |s| s.2));
    Asset::new(id, AssetKind::Policy, "b")
        .with("roleRef", json!({"kind": role.0, "name": role.1}))
        .with("subjects", subjects.iter().map(subject).collect::<Vec<_>>())
}

fn account(namespace: &str, name: &str) -> Asset {
    Asset::new(format!("k8s://c/{namespace}/ServiceAccount/{name}"), AssetKind::ServiceAccount, name)
}

fn rbac(assets: Vec<Asset>) -> Rbac {
    let mut inventory = Inventory::new();
    for asset in assets {
        for subject in asset.properties.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| subject.get(key).and_then(Value::as_str);
            let kind = text("kind").unwrap();
            let namespace = if kind == "ServiceAccount" { text("namespace").unwrap_or("ml") } else { "-" };
            let to = format!("k8s://c/{namespace}/{kind}/{}", text("name").unwrap());
            inventory.relate(Relation::new(asset.id.clone(), RelationKind::AppliesTo, to.as_str()));
        }
        inventory.add(asset);
    }
    Rbac::new(&inventory)
}

fn may(rbac: &Rbac, who: &str, action: &str, on: &str) -> bool {
    rbac.grant(who, action).is_some_and(|grant| grant.on(on).conditions() == Some(Vec::new()))
}

const SA: &str = "k8s://c/ml/ServiceAccount/trainer";

fn pods(verbs: &[&str]) -> Value {
    json!([{"apiGroups": [""], "resources": ["pods", "pods/exec"], "verbs": verbs}])
}

#[test]
fn a_role_binding_holds_in_its_namespace_also_for_a_cluster_role() {
    for kind in ["Role", "ClusterRole"] {
        let namespace = if kind == "Role" { "ml" } else { "-" };
        let rbac = rbac(vec![
            account("ml", "trainer"),
            role(kind, namespace, "r", pods(&["get", "create"])),
            binding("RoleBinding", "ml", (kind, "r"), &[("ServiceAccount", "", "trainer")]),
        ]);
        assert!(may(&rbac, SA, "get pods", "k8s://c/ml/Pod/x"), "{kind}");
        assert!(may(&rbac, SA, "create pods/exec", "k8s://c/ml/Pod/x"), "{kind}");
        assert!(may(&rbac, SA, "create pods", "k8s://c/ml"), "{kind}");
        assert!(!may(&rbac, SA, "get pods", "k8s://c/web/Pod/x"), "{kind}");
        assert!(!may(&rbac, SA, "get pods", "k8s://other/ml/Pod/x"), "{kind}");
        assert!(!may(&rbac, SA, "delete pods", "k8s://c/ml/Pod/x"), "{kind}");
        assert!(!may(&rbac, SA, "create pods/attach", "k8s://c/ml/Pod/x"), "{kind}");
    }
}

#[test]
fn what_is_in_no_namespace_needs_a_cluster_role_binding() {
    let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    let inside = rbac(vec![
        role("Role", "ml", "all", rules.clone()),
        binding("RoleBinding", "ml", ("Role", "all"), &[("ServiceAccount", "ml", "trainer")]),
        account("ml", "trainer"),
    ]);
    assert!(may(&inside, SA, "get secrets", "k8s://c/ml/Secret/s"));
    assert!(!may(&inside, SA, "get nodes", "k8s://c/-/Node/n"));
    assert!(!may(&inside, SA, "impersonate users", "k8s://c/-/User/u"));
    assert!(!may(&inside, SA, "create clusterrolebindings.rbac.authorization.k8s.io", "k8s://c/-"));
    // the authorizer takes a namespace to be in itself
    assert!(may(&inside, SA, "patch namespaces", "k8s://c/-/Namespace/ml"));
    assert!(!inside.is_admin(SA));
    let everywhere = rbac(vec![
        role("ClusterRole", "-", "all", rules),
        binding("ClusterRoleBinding", "-", ("ClusterRole", "all"), &[("ServiceAccount", "ml", "trainer")]),
        account("ml", "trainer"),
    ]);
    assert!(everywhere.is_admin(SA));
    assert!(may(&everywhere, SA, "get nodes/proxy", "k8s://c/-/Node/n"));
}

#[test]
fn names_limit_a_rule_and_never_allow_something_new() {
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get", "create"]}]);
    let rbac = rbac(vec![
        role("ClusterRole", "-", "one", rules),
        binding("ClusterRoleBinding", "-", ("ClusterRole", "one"), &[("User", "", "ann")]),
    ]);
    let ann = "k8s://c/-/User/ann";
    assert!(may(&rbac, ann, "get secrets", "k8s://c/ml/Secret/one"));
    assert!(!may(&rbac, ann, "get secrets", "k8s://c/ml/Secret/two"));
    assert!(!may(&rbac, ann, "get secrets", "k8s://c/ml"));
    assert!(!may(&rbac, ann, "create secrets", "k8s://c/ml"));
}

#[test]
fn wildcards_and_subresources() {
    for (resource, action, allowed) in [
        ("*", "create pods/exec", true),
        ("*/exec", "create pods/exec", true),
        ("pods/*", "create pods/exec", false),
        ("pods", "create pods/exec", false),
        ("pods/exec", "create pods", false),
        ("pods/exec", "create pods/exec", true),
    ] {
        let rules = json!([{"apiGroups": [""], "resources": [resource], "verbs": ["*"]}]);
        let rbac = rbac(vec![
            role("ClusterRole", "-", "r", rules),
            binding("ClusterRoleBinding", "-", ("ClusterRole", "r"), &[("User", "", "ann")]),
        ]);
        assert_eq!(may(&rbac, "k8s://c/-/User/ann", action, "k8s://c/ml/Pod/x"), allowed, "{resource} {action}");
    }
    let rules = json!([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]},
        {"nonResourceURLs": ["/metrics/*"], "verbs": ["get"]}, {"apiGroups": null, "resources": null, "verbs": ["get"]}]);
    let rbac = rbac(vec![
        role("ClusterRole", "-", "r", rules),
        binding("ClusterRoleBinding", "-", ("ClusterRole", "r"), &[("User", "", "ann")]),
    ]);
    let ann = "k8s://c/-/User/ann";
    assert!(may(&rbac, ann, "patch deployments.apps", "k8s://c/ml/Deployment/x"));
    assert!(!may(&rbac, ann, "patch deployments.apps", "k8s://c/ml/StatefulSet/x"));
    assert!(!may(&rbac, ann, "patch deployments", "k8s://c/ml/Deployment/x"));
    assert!(may(&rbac, ann, "get /metrics/x", "k8s://c/-"));
    assert!(!may(&rbac, ann, "get /logs", "k8s://c/-"));
}

#[test]
fn service_accounts_are_users_in_groups() {
    let read = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
    for (subject, holds) in [
        (("User", "", "system:serviceaccount:ml:trainer"), true),
        (("Group", "", "system:serviceaccounts"), true),
        (("Group", "", "system:serviceaccounts:ml"), true),
        (("Group", "", "system:authenticated"), true),
        (("Group", "", "system:serviceaccounts:web"), false),
        (("Group", "", "system:unauthenticated"), false),
        (("ServiceAccount", "web", "trainer"), false),
    ] {
        let rbac = rbac(vec![
            account("ml", "trainer"),
            role("ClusterRole", "-", "r", read.clone()),
            binding("ClusterRoleBinding", "-", ("ClusterRole", "r"), &[subject]),
        ]);
        assert_eq!(may(&rbac, SA, "get secrets", "k8s://c/ml/Secret/s"), holds, "{subject:?}");
    }
    let nodes = rbac(vec![
        role("ClusterRole", "-", "r", read),
        binding("ClusterRoleBinding", "-", ("ClusterRole", "r"), &[("Group", "", "system:nodes")]),
    ]);
    assert!(may(&nodes, "k8s://c/-/User/system:node:n1", "get secrets", "k8s://c/ml/Secret/s"));
    assert!(nodes.is_admin("k8s://c/-/Group/system:masters"));
}

#[test]
fn roles_aggregate_by_labels_and_defaults_are_known() {
    let selector = json!({"clusterRoleSelectors": [
        {"matchLabels": {"team": "ml"}, "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["test"]}]}]});
    let labelled = |name: &str, labels: Value, resource: &str| {
        let rules = json!([{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}]);
        role("ClusterRole", "-", name, rules).with("labels", labels)
    };
    let rbac = rbac(vec![
        labelled("a", json!({"team": "ml"}), "secrets"),
        labelled("b", json!({"team": "ml", "tier": "test"}), "configmaps"),
        labelled("c", json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"}), "widgets"),
        role("ClusterRole", "-", "all", json!([])).with("aggregation_rule", selector),
        binding("ClusterRoleBinding", "-", ("ClusterRole", "all"), &[("User", "", "ann")]),
        binding("RoleBinding", "ml", ("ClusterRole", "view"), &[("User", "", "bob")]),
        binding("ClusterRoleBinding", "-", ("ClusterRole", "cluster-admin"), &[("User", "", "eve")]),
        // a role that no file holds grants nothing
        binding("ClusterRoleBinding", "-", ("ClusterRole", "gone"), &[("User", "", "dan")]),
    ]);
    let user = |name: &str| format!("k8s://c/-/User/{name}");
    assert!(may(&rbac, &user("ann"), "get secrets", "k8s://c/ml/Secret/s"));
    assert!(!may(&rbac, &user("ann"), "get configmaps", "k8s://c/ml/ConfigMap/s"));
    assert!(may(&rbac, &user("bob"), "list pods", "k8s://c/ml/Pod/x"));
    assert!(may(&rbac, &user("bob"), "get widgets", "k8s://c/ml"));
    assert!(!may(&rbac, &user("bob"), "get secrets", "k8s://c/ml/Secret/s"));
    assert!(rbac.is_admin(&user("eve")) && !rbac.is_admin(&user("dan")));
}

#[test]
fn the_default_roles_load() {
    for name in ["cluster-admin", "admin", "edit", "view"] {
        assert!(defaults().any(|known| known == name), "{name}");
    }
}

#[test]
fn a_role_can_be_asked_what_it_holds() {
    let rbac = rbac(vec![role("ClusterRole", "-", "r", pods(&["create"])), account("ml", "trainer")]);
    assert!(may(&rbac, "k8s://c/-/ClusterRole/r", "create pods", "k8s://c/web"));
    assert!(may(&rbac, "k8s://c/ml/ClusterRole/r", "create pods", "k8s://c/ml"));
    assert!(!may(&rbac, "k8s://c/ml/ClusterRole/r", "create pods", "k8s://c/web"));
    assert!(may(&rbac, "k8s://c/ml/ClusterRole/cluster-admin", "get secrets", "k8s://c/ml/Secret/s"));
    assert!(rbac.principals().iter().all(|id| !id.as_str().contains("Role/")));
}

#[test]
fn ids_are_taken_apart_whatever_their_names() {
    let id = "k8s://arn:aws:eks:eu-west-1:1:cluster/prod/-/User/arn:aws:iam::1:user/ann";
    let object = Object::parse(id).unwrap();
    assert_eq!((object.cluster, object.namespace, object.kind), ("arn:aws:eks:eu-west-1:1:cluster/prod", "-", "User"));
    assert_eq!(object.name, "arn:aws:iam::1:user/ann");
    for none in ["k8s://c", "k8s://c/ml", "arn:aws:iam::1:user/ann", "k8s://c/ml/pod/x", ""] {
        assert_eq!(Object::parse(none), None, "{none}");
    }
    for (resource, kind) in
        [("networkpolicies", "NetworkPolicy"), ("ingresses", "Ingress"), ("endpoints", "Endpoints"), ("pods", "Pod")]
    {
        assert!(is_resource_of(resource, kind), "{kind}");
    }
}

fn any_role() -> impl Strategy<Value = Value> {
    let pick = |list: &'static [&'static str]| prop::collection::vec(prop::sample::select(list), 0..3);
    let rule = (
        pick(&["", "*", "apps", "rbac.authorization.k8s.io"]),
        pick(&["*", "pods", "pods/exec", "secrets", "clusterroles", "deployments"]),
        pick(&["*", "get", "create", "bind", "list"]),
        pick(&["a", "b"]),
    );
    let rule = rule.prop_map(|(groups, resources, verbs, names)| {
        json!({"apiGroups": groups, "resources": resources, "verbs": verbs, "resourceNames": names})
    });
    prop::collection::vec(rule, 0..3).prop_map(Value::Array)
}

fn any_binding() -> impl Strategy<Value = (bool, usize, usize)> {
    (any::<bool>(), 0..3_usize, 0..4_usize)
}

proptest! {
    /// RBAC only adds: without one of its bindings nobody may do more.
    #[test]
    fn removing_a_binding_never_adds_a_permission(
        roles in prop::collection::vec(any_role(), 3),
        bindings in prop::collection::vec(any_binding(), 1..6),
        gone in any::<prop::sample::Index>(),
    ) {
        let subjects = [("ServiceAccount", "ml", "trainer"), ("Group", "", "system:serviceaccounts:ml"),
            ("Group", "", "system:authenticated"), ("User", "", "ann")];
        let assets = |skip: Option<usize>| {
            let mut all = vec![account("ml", "trainer")];
            for (n, rules) in roles.iter().enumerate() {
                all.push(role("ClusterRole", "-", &format!("r{n}"), rules.clone()));
            }
            for (n, (wide, of, subject)) in bindings.iter().enumerate().filter(|(n, _)| Some(*n) != skip) {
                let (kind, namespace) = if *wide { ("ClusterRoleBinding", "-") } else { ("RoleBinding", "ml") };
                let mut made = binding(kind, namespace, ("ClusterRole", &format!("r{of}")), &[subjects[*subject]]);
                made.id = format!("{}-{n}", made.id).as_str().into();
                all.push(made);
            }
            all
        };
        let (before, after) = (rbac(assets(None)), rbac(assets(Some(gone.index(bindings.len())))));
        for who in [SA, "k8s://c/-/User/ann", "k8s://c/-/Group/system:authenticated"] {
            prop_assert!(before.is_admin(who) || !after.is_admin(who));
            for action in ["get pods", "create pods/exec", "create pods", "get secrets", "list secrets",
                "bind clusterroles.rbac.authorization.k8s.io", "create deployments.apps"] {
                for on in ["k8s://c/ml/Pod/a", "k8s://c/web/Pod/a", "k8s://c/ml/Secret/b", "k8s://c/ml", "k8s://c/-",
                    "k8s://c/-/ClusterRole/a", "k8s://c/web"] {
                    prop_assert!(may(&before, who, action, on) || !may(&after, who, action, on), "{who} {action} {on}");
                }
            }
        }
    }
}
