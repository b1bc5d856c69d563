use crate::asset::{Authentication, Exposure, Inventory};
use crate::discover::{Discovery, discover};

fn estate(text: &str) -> Discovery {
    let folder = tempfile::tempdir().unwrap();
    // one file a document: joins must not depend on documents lying together
    for (i, part) in text.split("\n---\n").enumerate() {
        std::fs::write(folder.path().join(format!("{i}.yaml")), part).unwrap();
    }
    let discovery = discover([folder.path()]);
    assert_eq!(discovery.incomplete, []);
    discovery
}

fn relates(inventory: &Inventory, from: &str, kind: &str, to: &str) -> bool {
    inventory.outgoing(from).any(|r| r.kind.as_str() == kind && r.to.as_str() == to)
}

const SERVER: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: ai}
spec:
  template:
    metadata: {labels: {app: llm, tier: gpu}}
    spec:
      serviceAccountName: llm-sa
      hostNetwork: true
      containers:
      - name: server
        image: vllm/vllm-openai:v0.5.0
        args: ["--model", "acme/tiny-7b"]
        env:
        - {name: DATA, value: "s3://acme-data/in"}
        - name: HF_TOKEN
          valueFrom: {secretKeyRef: {name: hub, key: token}}
        securityContext: {privileged: true}
      volumes: [{name: host, hostPath: {path: /var/run}}]
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: llm-sa
  namespace: ai
  annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/llm"}
---
apiVersion: v1
kind: Service
metadata: {name: llm, namespace: ai}
spec: {type: LoadBalancer, selector: {app: llm}, ports: [{port: 80}]}
"#;

#[test]
fn a_public_model_server_and_what_it_may_reach() {
    let discovery = estate(SERVER);
    let inventory = &discovery.inventory;
    let (llm, service) = ("k8s://cluster/ai/Deployment/llm", "k8s://cluster/ai/Service/llm");
    let workload = inventory.get(llm).unwrap();
    assert!(workload.ai);
    assert_eq!(workload.text("model_server"), Some("vLLM"));
    assert_eq!(workload.exposure, Some(Exposure::Public));
    for property in ["privileged", "host_network"] {
        assert_eq!(workload.properties[property], true, "{property}");
    }
    assert_eq!(workload.properties["host_path"], serde_json::json!(["/var/run"]));
    assert_eq!(workload.evidence[0].line, Some(4));
    let endpoint = inventory.get(service).unwrap();
    assert!(endpoint.ai);
    assert_eq!((endpoint.exposure, endpoint.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    for (from, kind, to) in [
        ("internet", "exposes", service),
        (service, "exposes", llm),
        (llm, "serves", "https://huggingface.co/acme/tiny-7b"),
        (llm, "runs_as", "k8s://cluster/ai/ServiceAccount/llm-sa"),
        ("k8s://cluster/ai/ServiceAccount/llm-sa", "can_assume", "arn:aws:iam::123456789012:role/llm"),
        (llm, "reads", "arn:aws:s3:::acme-data"),
        (llm, "reads", "k8s://cluster/ai/Secret/hub"),
        (llm, "runs_on", "pkg:docker/vllm/vllm-openai@v0.5.0"),
    ] {
        assert!(relates(inventory, from, kind, to), "{from} {kind} {to}");
    }
}

#[test]
fn an_ingress_that_asks_for_a_login_protects_what_is_behind() {
    let text = |annotations: &str| {
        format!(
            "{}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n  namespace: ai\n  annotations: {annotations}\nspec:\n  rules:\n  - host: llm.example.com\n    http: {{paths: [{{backend: {{service: {{name: llm}}}}}}]}}\n",
            SERVER.replace("LoadBalancer", "ClusterIP")
        )
    };
    let ingress = "k8s://cluster/ai/Ingress/web";
    let open = estate(&text("{}")).inventory;
    let seen = open.get(ingress).unwrap();
    assert!(seen.ai);
    assert_eq!((seen.exposure, seen.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    assert_eq!(seen.encryption.in_transit, Some(false));
    assert_eq!(open.get("k8s://cluster/ai/Service/llm").unwrap().exposure, Some(Exposure::Internal));
    assert_eq!(open.get("k8s://cluster/ai/Deployment/llm").unwrap().exposure, Some(Exposure::Public));
    let closed = estate(&text("{nginx.ingress.kubernetes.io/auth-url: \"https://login.example.com\"}")).inventory;
    assert_eq!(closed.get(ingress).unwrap().authentication, Some(Authentication::Identity));
    assert_eq!(closed.get("k8s://cluster/ai/Deployment/llm").unwrap().exposure, Some(Exposure::Internal));
}

#[test]
fn internal_load_balancers_and_plain_services_stay_inside() {
    let internal = SERVER.replace(
        "kind: Service\nmetadata: {name: llm, namespace: ai}",
        "kind: Service\nmetadata: {name: llm, namespace: ai, annotations: {service.beta.kubernetes.io/aws-load-balancer-internal: \"true\"}}",
    );
    let inventory = estate(&internal).inventory;
    assert_eq!(inventory.get("k8s://cluster/ai/Service/llm").unwrap().exposure, Some(Exposure::Internal));
    assert!(inventory.get("internet").is_none());
}

#[test]
fn lists_custom_resources_and_roles() {
    let text = r#"{"apiVersion": "v1", "kind": "List", "items": [
      {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "iris"},
       "spec": {"predictor": {"serviceAccountName": "s", "model": {"storageUri": "s3://models/iris"}}}},
      {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
       "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
       "subjects": [{"kind": "ServiceAccount", "name": "s", "namespace": "default"}]},
      {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "k"}, "stringData": {"token": "hunter2"}}]}"#;
    let inventory = estate(text).inventory;
    let isvc = inventory.get("k8s://cluster/default/InferenceService/iris").unwrap();
    assert!(isvc.ai);
    assert_eq!(isvc.evidence[0].pointer.as_deref(), Some("/items/0"));
    assert!(relates(&inventory, isvc.id.as_str(), "serves", "s3://models/iris"));
    assert!(relates(&inventory, isvc.id.as_str(), "reads", "arn:aws:s3:::models"));
    let account = "k8s://cluster/default/ServiceAccount/s";
    assert!(relates(&inventory, account, "member_of", "k8s://cluster/-/ClusterRole/cluster-admin"));
    assert!(relates(&inventory, "k8s://cluster/-/ClusterRoleBinding/b", "applies_to", account));
    assert!(!serde_json::to_string(&inventory).unwrap().contains("hunter2"));
}
