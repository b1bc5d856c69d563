//! Attacks through small clusters, from manifests to paths.

use super::asking::{ask, rules};
use crate::asset::{Asset, Document, Evidence, Relation, RelationKind};
use crate::discover::discover;
use crate::path::*;

/// The inventory of a manifest.
fn cluster(manifest: &str) -> Inventory {
    inventory("cluster.yaml", manifest)
}

/// The same as an export of the cluster, where evidence points into one list.
fn export(manifest: &str) -> Inventory {
    let (documents, error) = Document::yaml("cluster.yaml", manifest);
    assert!(error.is_none());
    let items: Vec<_> =
        documents.into_iter().map(|document| document.value).filter(|value| value.is_object()).collect();
    inventory("cluster.json", &serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

fn inventory(file: &str, text: &str) -> Inventory {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), text).unwrap();
    let discovery = discover([folder.path()]);
    assert_eq!(discovery.incomplete, []);
    discovery.inventory
}

/// A pod, with fields of its spec and of its container.
fn pod(name: &str, spec: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: ml}}\nspec: {{containers: [{{name: c, image: i{container}}}]{spec}}}\n---\n"
    )
}

/// A service account with a role in `ml`, or everywhere.
fn holder(wide: bool, rules: &str) -> String {
    let (kind, metadata) = if wide { ("Cluster", "{name: r}") } else { ("", "{name: r, namespace: ml}") };
    format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: bot, namespace: ml}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Role\nmetadata: {metadata}\nrules: {rules}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}RoleBinding\nmetadata: {metadata}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}Role, name: r}}\n\
         subjects: [{{kind: ServiceAccount, name: bot, namespace: ml}}]\n---\n"
    )
}

fn namespace(name: &str, level: Option<&str>) -> String {
    let labels =
        level.map_or(String::new(), |level| format!(", labels: {{pod-security.kubernetes.io/enforce: {level}}}"));
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}{labels}}}\n---\n")
}

const BOT: &str = "k8s://cluster/ml/ServiceAccount/bot";
const NODE: &str = "k8s://cluster/-/Node/-";
const NODES: &str = "k8s://cluster/-/Node/*";

#[test]
fn containers_escape_by_what_they_are_given() {
    let confirmed = |spec: &str, container: &str| {
        let inventory = cluster(&pod("p", spec, container));
        ask(&inventory, "k8s://cluster/ml/Pod/p", NODE)
            .map(|path| (path.status == PathStatus::Confirmed, rules(Some(path))))
    };
    let host = |path: &str, mount: &str| {
        (
            format!(", volumes: [{{name: v, hostPath: {{path: {path}}}}}]"),
            format!(", volumeMounts: [{{name: v, mountPath: /h{mount}}}]"),
        )
    };
    let add = |names: &str| format!(", securityContext: {{capabilities: {{add: [{names}]}}}}");
    for (spec, container, rule, sure) in [
        (String::new(), ", securityContext: {privileged: true}".to_owned(), "escape-privileged", true),
        (", hostPID: true".to_owned(), ", securityContext: {privileged: true}".to_owned(), "escape-nsenter", true),
        (String::new(), add("SYS_MODULE"), "escape-kernel-module", true),
        (", hostPID: true".to_owned(), add("SYS_PTRACE, SYS_ADMIN"), "escape-ptrace-unless-confined", false),
        (
            ", hostPID: true, securityContext: {appArmorProfile: {type: Unconfined}}".to_owned(),
            add("CAP_SYS_PTRACE, CAP_SYS_ADMIN"),
            "escape-ptrace",
            true,
        ),
        (host("/proc/sys/kernel", "").0, host("", "").1, "escape-core-pattern", true),
        (host("/etc/kubernetes/manifests", "").0, host("", "").1, "escape-host-write", true),
        (host("/run/containerd/containerd.sock", "").0, host("", ", readOnly: true").1, "escape-runtime-socket", true),
        (host("/root/.ssh", "").0, host("", ", readOnly: true").1, "escape-host-read", false),
    ] {
        let found = confirmed(&spec, &container);
        assert_eq!(found, Some((sure, vec![rule.to_owned()])), "{spec} {container}");
    }
    for (spec, container) in [
        (String::new(), String::new()),
        (", hostPID: true".to_owned(), String::new()),
        (", hostPID: true".to_owned(), add("SYS_PTRACE")),
        (String::new(), add("NET_ADMIN")),
        (host("/data", "").0, host("", "").1),
        // mounted, but not to be written
        (host("/proc/sys/kernel", "").0, host("", ", readOnly: true").1),
        (host("/etc/kubernetes", "").0, String::new()),
    ] {
        let found = confirmed(&spec, &container);
        assert!(found.is_none_or(|(sure, _)| !sure), "{spec} {container}");
    }
}

#[test]
fn pod_security_keeps_privileged_pods_out() {
    let bot = holder(false, "[{apiGroups: [''], resources: [pods], verbs: [create]}]");
    for (level, found) in
        [(None, true), (Some("privileged"), true), (Some("baseline"), false), (Some("restricted"), false)]
    {
        let inventory = cluster(&(bot.clone() + &namespace("ml", level)));
        let path = ask(&inventory, BOT, NODES);
        assert_eq!(path.is_some(), found, "{level:?}");
        assert!(path.is_none_or(|path| path.status == PathStatus::Confirmed));
    }
    // no file shows the namespace
    assert_eq!(ask(&cluster(&bot), BOT, NODES).unwrap().status, PathStatus::Conditional);
    // who may relabel it, may lift it
    let lifts = "[{apiGroups: [''], resources: [pods], verbs: [create]}, {apiGroups: [''], resources: [namespaces], verbs: [patch]}]";
    let inventory = cluster(&(holder(true, lifts) + &namespace("ml", Some("restricted"))));
    assert_eq!(rules(ask(&inventory, BOT, NODES)), ["lift-pod-security"]);
}

#[test]
fn a_new_pod_takes_accounts_and_secrets_of_its_namespace_only() {
    let other = |namespace: &str| {
        format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: other, namespace: {namespace}}}\n---\n")
    };
    let bot = holder(false, "[{apiGroups: [batch], resources: [jobs], verbs: [create]}]");
    let inventory = cluster(&(bot + &other("ml") + &other("web") + &namespace("ml", Some("restricted"))));
    let ids = ["ml", "web"].map(|namespace| format!("k8s://cluster/{namespace}/ServiceAccount/other"));
    assert_eq!(rules(ask(&inventory, BOT, &ids[0])), ["workload-create", "pod-as-account"]);
    assert!(ask(&inventory, BOT, &ids[1]).is_none());
}

#[test]
fn binding_needs_bind_and_reaches_as_far_as_the_binding() {
    let rbac = "apiGroups: [rbac.authorization.k8s.io], resources:";
    let admin = |wide: bool, rules: &str| rules_of(&cluster(&holder(wide, rules)), "admin");
    fn rules_of(inventory: &Inventory, to: &str) -> Vec<String> {
        rules(ask(inventory, BOT, to))
    }
    let both = format!("[{{{rbac} [clusterrolebindings, clusterroles], verbs: [create, bind]}}]");
    assert_eq!(admin(true, &both), ["bind-cluster-admin"]);
    // a role binding cannot allow what is in no namespace
    assert!(admin(false, &both).is_empty());
    assert!(admin(true, &format!("[{{{rbac} [clusterrolebindings], verbs: [create]}}]")).is_empty());
    assert!(admin(true, &format!("[{{{rbac} [clusterrolebindings, roles], verbs: [create, bind]}}]")).is_empty());
    let named = format!(
        "[{{{rbac} [clusterrolebindings], verbs: [create]}}, {{{rbac} [clusterroles], resourceNames: [view], verbs: [bind]}}]"
    );
    assert!(admin(true, &named).is_empty());
    let near = format!("[{{{rbac} [rolebindings, clusterroles], verbs: [create, bind]}}]");
    assert!(admin(false, &near).is_empty());
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ml}\ntype: kubernetes.io/service-account-token\n---\n";
    let inventory = cluster(&(holder(false, &near) + secret));
    assert_eq!(rules_of(&inventory, "k8s://cluster/ml/Secret/s"), ["bind-in-namespace", "kubernetes-secret"]);
    let raises = format!("[{{{rbac} [clusterroles], verbs: [update, escalate]}}]");
    assert_eq!(admin(true, &raises), ["escalate-cluster-role"]);
    assert!(admin(true, &format!("[{{{rbac} [clusterroles], verbs: [update]}}]")).is_empty());
}

#[test]
fn impersonation_and_tokens() {
    let admin = |wide: bool, rules_: &str| {
        let eve = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: eve}\n\
            roleRef: {kind: ClusterRole, name: cluster-admin}\nsubjects: [{kind: ServiceAccount, name: eve, namespace: ml}]\n---\n";
        rules(ask(&cluster(&(holder(wide, rules_) + eve)), BOT, "admin"))
    };
    assert_eq!(
        admin(false, "[{apiGroups: [''], resources: [serviceaccounts], verbs: [impersonate]}]"),
        ["impersonate-account"]
    );
    assert_eq!(
        admin(false, "[{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}]"),
        ["service-account-token"]
    );
    let groups = "[{apiGroups: [''], resources: [users, groups], verbs: [impersonate]}]";
    assert_eq!(admin(true, groups), ["impersonate-masters"]);
    assert!(admin(false, groups).is_empty(), "users and groups are in no namespace");
    assert!(
        admin(true, "[{apiGroups: [''], resources: [groups], verbs: [impersonate]}]").is_empty(),
        "a user is needed too"
    );
    assert_eq!(admin(false, "[{apiGroups: [''], resources: [secrets], verbs: [create, get]}]"), ["token-made"]);
}

#[test]
fn a_pod_without_its_token_is_not_its_account() {
    for (spec, found) in [
        ("", true),
        (", automountServiceAccountToken: false", false),
        (
            ", automountServiceAccountToken: false, volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: t}}]}}]",
            true,
        ),
        (
            ", automountServiceAccountToken: false, volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: t, audience: vault}}]}}]",
            false,
        ),
    ] {
        let inventory = cluster(&pod("p", &format!("{spec}, serviceAccountName: bot"), ""));
        assert_eq!(ask(&inventory, "k8s://cluster/ml/Pod/p", BOT).is_some(), found, "{spec}");
    }
}

#[test]
fn a_node_gives_its_pods_and_the_control_plane_everything() {
    let node =
        |name: &str, labels: &str| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}{labels}}}\n---\n");
    let text = pod("bad", ", nodeName: n1", ", securityContext: {privileged: true}")
        + &pod("near", ", nodeName: n1, serviceAccountName: bot", "")
        + &pod("far", ", nodeName: n2", "")
        + &node("n1", "")
        + &node("n2", ", labels: {node-role.kubernetes.io/control-plane: ''}");
    let inventory = cluster(&text);
    let pod = |name: &str| format!("k8s://cluster/ml/Pod/{name}");
    let near = ask(&inventory, &pod("bad"), BOT).unwrap();
    assert_eq!(near.status, PathStatus::Confirmed);
    assert_eq!(rules(Some(near)), ["escape-privileged", "node-pods", "tool-home"]);
    assert!(ask(&inventory, &pod("bad"), &pod("far")).is_none_or(|path| path.status == PathStatus::Conditional));
    assert_eq!(ask(&inventory, "k8s://cluster/-/Node/n2", "admin").unwrap().target.as_str(), "k8s://cluster/-/Node/n2");
    assert!(ask(&inventory, "k8s://cluster/-/Node/n1", "admin").is_none());
}

#[test]
fn gpus_can_be_hijacked_where_pods_can_be_made() {
    let bot =
        holder(false, "[{apiGroups: [''], resources: [pods], verbs: [create]}]") + &namespace("ml", Some("restricted"));
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: g}\nstatus: {capacity: {nvidia.com/gpu: '8'}}\n---\n";
    assert_eq!(
        rules(ask(&cluster(&(bot.clone() + node)), BOT, "k8s://cluster/-/Node/g")),
        ["workload-create", "gpu-hijack"]
    );
    assert!(ask(&cluster(&(bot + &node.replace("nvidia.com/gpu", "cpu"))), BOT, "k8s://cluster/-/Node/g").is_none());
}

#[test]
fn from_a_public_model_server_to_a_cloud_role() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: llm, namespace: ml}\nspec:\n  template:\n    \
        metadata: {labels: {app: llm}}\n    spec: {serviceAccountName: bot, containers: [{name: c, image: vllm/vllm-openai}]}\n---\n\
        apiVersion: v1\nkind: Service\nmetadata: {name: llm, namespace: ml}\n\
        spec: {type: LoadBalancer, selector: {app: llm}, ports: [{port: 80}]}\n---\n";
    let bot = holder(true, "[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]");
    let inventory = cluster(&(text.to_owned() + &bot + &pod("other", ", serviceAccountName: eve", "")));
    let path = ask(&inventory, "internet", "k8s://cluster/ml/ServiceAccount/eve").unwrap();
    let found = rules(Some(path));
    assert_eq!(found[found.len() - 3..], ["tool-home", "pod-exec", "tool-home"]);
}

#[test]
fn cloud_identities_of_service_accounts() {
    let mut inventory = cluster(&(pod("p", ", serviceAccountName: bot", "") + &holder(false, "[]")));
    let role = |name: &str, service: &str| {
        let id = format!("arn:aws:iam::111111111111:role/{name}");
        let trust = serde_json::json!({"Statement": {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Principal": {"Service": service}}});
        Asset::new(id.as_str(), AssetKind::Role, name).with("Arn", id.as_str()).with("AssumeRolePolicyDocument", trust)
    };
    for (name, service) in [("eks", "pods.eks.amazonaws.com"), ("ec2", "ec2.amazonaws.com")] {
        let id = format!("tf:{name}");
        let role = role(name, service).seen(Evidence::file("iam.json"));
        let association = Asset::new(id.as_str(), AssetKind::Resource, name)
            .with("terraform_type", "aws_eks_pod_identity_association")
            .seen(Evidence::file("main.tf"));
        for (kind, to) in [(RelationKind::AppliesTo, BOT), (RelationKind::RunsAs, role.id.as_str())] {
            inventory.relate(Relation::new(id.as_str(), kind, to).seen(Evidence::file("main.tf")));
        }
        inventory.add(association);
        inventory.add(role);
    }
    let to = |name: &str| {
        rules(ask(&inventory, "k8s://cluster/ml/Pod/p", &format!("arn:aws:iam::111111111111:role/{name}")))
    };
    assert_eq!(to("eks"), ["tool-home", "pod-identity"]);
    assert!(to("ec2").is_empty(), "its trust policy does not name the service");
}

/// Each fix that is told of a path ends it: the premise is taken out of the inventory, and the same is asked again.
fn fixes_hold(inventory: &Inventory, query: &Query) -> usize {
    let mut tried = 0;
    for path in solve(inventory, query).paths {
        for fix in &path.fixes {
            let changes: Vec<Change> = fix.premise.without.iter().filter_map(|text| Change::parse(text)).collect();
            assert_eq!(changes.len(), fix.premise.without.len(), "{fix:?}");
            let (left, unmet) = without(inventory, &changes);
            assert!(unmet.is_empty(), "{unmet:?} of {fix:?}");
            let same = solve(&left, query).paths.into_iter().find(|other| other.id == path.id);
            assert!(same.is_none(), "{fix:?} leaves {path:?}");
            tried += 1;
        }
    }
    tried
}

#[test]
fn each_fix_ends_its_path() {
    let rbac = "apiGroups: [rbac.authorization.k8s.io], resources:";
    let eve = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: eve}\n\
        roleRef: {kind: ClusterRole, name: cluster-admin}\nsubjects:\n- {kind: ServiceAccount, name: eve, namespace: ml}\n---\n";
    let pods = pod("p", ", hostPID: true, serviceAccountName: bot", ", securityContext: {privileged: true}")
        + &pod(
            "q",
            ", nodeName: n1, serviceAccountName: eve, volumes: [{name: v, hostPath: {path: /}}]",
            ", volumeMounts: [{name: v, mountPath: /h}]",
        );
    let mut tried = 0;
    for (wide, rules) in [
        (true, format!("[{{{rbac} [clusterrolebindings, clusterroles], verbs: [create, bind]}}]")),
        (true, format!("[{{{rbac} [clusterroles], verbs: [update, escalate]}}]")),
        (true, "[{apiGroups: [''], resources: [users, groups], verbs: [impersonate]}]".to_owned()),
        (false, format!("[{{{rbac} [rolebindings, clusterroles], verbs: [create, bind]}}]")),
        (false, "[{apiGroups: [''], resources: [pods], verbs: [create]}]".to_owned()),
        (false, "[{apiGroups: ['', apps], resources: [pods/exec, deployments], verbs: [create, patch]}]".to_owned()),
        (false, "[{apiGroups: [''], resources: [secrets, serviceaccounts/token], verbs: [list, create]}]".to_owned()),
    ] {
        let text = holder(wide, &rules) + eve + &pods + &namespace("ml", None);
        let sources = ["ServiceAccount/bot", "Pod/p", "Pod/q"];
        let sources = sources.map(|id| format!("k8s://cluster/ml/{id}").as_str().into());
        let targets = [NODES, NODE, "k8s://cluster/-/Node/n1"].map(|id| Target::Asset(id.into()));
        for inventory in [cluster(&text), export(&text)] {
            for to in targets.iter().cloned().chain([Target::Admin]) {
                let query = Query { from: sources.to_vec(), to: vec![to], k: 2, ..Query::default() };
                tried += fixes_hold(&inventory, &query);
            }
        }
    }
    assert!(tried > 120, "{tried}");
}

#[test]
fn rights_over_the_cluster_that_end_in_more() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n---\n";
    let other = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: ann}\n\
        roleRef: {kind: ClusterRole, name: view}\nsubjects:\n- {kind: User, name: ann}\n---\n";
    let runs = pod("on", ", nodeName: n1", "") + &pod("off", "", "");
    let certificates = "[{apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [create]}, \
        {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/approval], verbs: [update]}";
    let signer = ", {apiGroups: [certificates.k8s.io], resources: [signers], verbs: [approve]}";
    for (allowed, to, found) in [
        (format!("{certificates}{signer}]"), "k8s://cluster/-/User/ann", Some("sign-certificate")),
        (format!("{certificates}]"), "k8s://cluster/-/User/ann", None),
        (
            "[{apiGroups: [''], resources: [nodes/proxy], verbs: [get]}]".to_owned(),
            "k8s://cluster/ml/Pod/on",
            Some("kubelet-exec"),
        ),
        (
            "[{apiGroups: [''], resources: [nodes/proxy], resourceNames: [n1], verbs: [get]}]".to_owned(),
            "k8s://cluster/ml/Pod/on",
            Some("kubelet-exec"),
        ),
        (
            "[{apiGroups: [''], resources: [nodes/proxy], resourceNames: [n1], verbs: [get]}]".to_owned(),
            "k8s://cluster/ml/Pod/off",
            None,
        ),
        ("[{apiGroups: [''], resources: [nodes], verbs: [get]}]".to_owned(), "k8s://cluster/ml/Pod/on", None),
        (
            "[{apiGroups: [''], resources: [pods/ephemeralcontainers], verbs: [patch]}]".to_owned(),
            "k8s://cluster/ml/Pod/on",
            Some("pod-debug"),
        ),
        ("[{apiGroups: [''], resources: [pods/log], verbs: [get]}]".to_owned(), "k8s://cluster/ml/Pod/on", None),
        (
            "[{apiGroups: [''], resources: [persistentvolumes, persistentvolumeclaims, pods], verbs: [create]}]"
                .to_owned(),
            NODES,
            Some("host-path-volume"),
        ),
    ] {
        let text = holder(true, &allowed)
            + node
            + other
            + &runs
            + &namespace("ml", Some("restricted"))
            + &namespace("default", Some("restricted"));
        let path = ask(&cluster(&text), BOT, to);
        assert_eq!(rules(path).last().map(String::as_str), found, "{allowed} {to}");
    }
}
