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

fn has(inventory: &Inventory, relations: &[(&str, &str, &str)]) {
    for (from, kind, to) in relations {
        let have: Vec<String> = inventory.outgoing(from).map(|r| format!("{} {}", r.kind, r.to)).collect();
        assert!(relates(inventory, from, kind, to), "{from} {kind} {to}: {have:#?}");
    }
}

#[test]
fn models_adapters_runtimes_and_claims_of_kserve() {
    let inventory = estate(
        r#"
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: chat, namespace: ai, labels: {team: search, env: production}}
spec:
  model: {uri: "pvc://store/base", name: acme/tiny, lora: {adapters: [{name: a, uri: "hf://acme/tiny-lora"}]}}
  baseRefs: [{name: common}]
  template: {containers: [{name: main, image: "vllm/vllm-openai:v1", envFrom: [{secretRef: {name: keys}}], resources: {limits: {nvidia.com/gpu: 2}}}]}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: iris, namespace: ai}
spec: {predictor: {serviceAccountName: reader, model: {runtime: fast, modelFormat: {name: sklearn}, args: ["--model_id=acme/iris"], storage: {path: iris, parameters: {bucket: acme-models}}}}}
status: {url: "http://iris.ai.svc.cluster.local"}
---
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterServingRuntime
metadata: {name: fast}
spec: {containers: [{name: c, image: "acme/fast:1"}]}
---
apiVersion: serving.kserve.io/v1alpha1
kind: InferenceGraph
metadata: {name: chain, namespace: ai}
spec: {nodes: {root: {routerType: Sequence, steps: [{serviceName: iris}]}}}
"#,
    )
    .inventory;
    let (chat, iris) = ("k8s://cluster/ai/LLMInferenceService/chat", "k8s://cluster/ai/InferenceService/iris");
    has(
        &inventory,
        &[
            (chat, "serves", "pvc://store/base"),
            (chat, "serves", "https://huggingface.co/acme/tiny-lora"),
            ("https://huggingface.co/acme/tiny-lora", "derived_from", "pvc://store/base"),
            ("k8s://cluster/ai/PersistentVolumeClaim/store", "contains", "pvc://store/base"),
            (chat, "reads", "k8s://cluster/ai/Secret/keys"),
            (chat, "uses", "k8s://cluster/ai/LLMInferenceServiceConfig/common"),
            (iris, "serves", "s3://acme-models/iris"),
            (iris, "serves", "https://huggingface.co/acme/iris"),
            (iris, "uses", "k8s://cluster/-/ClusterServingRuntime/fast"),
            (iris, "runs_as", "k8s://cluster/ai/ServiceAccount/reader"),
            ("http://iris.ai.svc.cluster.local", "exposes", iris),
            ("k8s://cluster/ai/InferenceGraph/chain", "invokes", iris),
        ],
    );
    let chat = inventory.get(chat).unwrap();
    assert_eq!((chat.owner.as_deref(), chat.environment.as_deref()), (Some("search"), Some("production")));
    assert_eq!(chat.properties["gpu_count"]["nvidia.com/gpu"], 2);
}

#[test]
fn custom_resources_of_other_operators() {
    let inventory = estate(
        r#"
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
resource: {instanceType: Standard_NC12}
inference: {preset: {name: phi-3.5}}
---
apiVersion: apps.nvidia.com/v1alpha1
kind: NIMService
metadata: {name: n}
spec: {image: {repository: nvcr.io/nim/acme/tiny, tag: "1"}, authSecret: ngc, storage: {nimCache: {name: c}}}
---
apiVersion: ray.io/v1
kind: RayService
metadata: {name: r}
spec:
  serveConfigV2: |
    applications:
    - import_path: app:build
      args: {llm_configs: [{model_loading_config: {model_id: t, model_source: acme/tiny}}]}
  rayClusterConfig: {headGroupSpec: {template: {spec: {containers: [{name: h, image: "rayproject/ray-llm:2"}]}}}}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: p}
spec: {pytorchReplicaSpecs: {Worker: {template: {spec: {containers: [{name: c, image: "acme/train:1", args: [--data, "s3://acme-rows/a", --output-dir, "s3://acme-models/m"]}]}}}}}
---
apiVersion: kagent.dev/v1alpha2
kind: Agent
metadata: {name: a}
spec: {declarative: {modelConfig: m, tools: [{type: McpServer, mcpServer: {name: t, kind: MCPServer}}]}}
---
apiVersion: acme.example/v1
kind: Model
metadata: {name: car}
spec: {colour: red}
"#,
    )
    .inventory;
    let id = |kind: &str, name: &str| format!("k8s://cluster/default/{kind}/{name}");
    has(
        &inventory,
        &[
            (&id("Workspace", "w"), "serves", "model:phi-3.5"),
            (&id("NIMService", "n"), "runs_on", "pkg:docker/nim/acme/tiny@1?repository_url=nvcr.io"),
            (&id("NIMService", "n"), "reads", &id("Secret", "ngc")),
            (&id("NIMService", "n"), "uses", &id("NIMCache", "c")),
            (&id("RayService", "r"), "serves", "https://huggingface.co/acme/tiny"),
            (&id("PyTorchJob", "p"), "writes", "s3://acme-models/m"),
            ("s3://acme-models/m", "trained_on", "arn:aws:s3:::acme-rows"),
            (&id("Agent", "a"), "has_tool", &id("MCPServer", "t")),
        ],
    );
    let kind = |kind: &str, name: &str| inventory.get(&id(kind, name)).map(|a| (a.kind.as_str(), a.ai)).unwrap();
    assert_eq!(kind("PyTorchJob", "p"), ("training-job", true));
    assert_eq!(kind("Agent", "a"), ("agent", true));
    assert_eq!(kind("Model", "car"), ("resource", false), "a Model of somebody else");
}

#[test]
fn policies_hold_traffic_back() {
    let policy = |from: &str| {
        format!(
            "{SERVER}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: np, namespace: ai}}\nspec: {{podSelector: {{matchLabels: {{app: llm}}}}, ingress: [{from}]}}\n"
        )
    };
    let exposure = |text: &str| estate(text).inventory.get("k8s://cluster/ai/Deployment/llm").unwrap().exposure;
    assert_eq!(exposure(&policy("{from: [{podSelector: {}}]}")), Some(Exposure::Internal));
    assert_eq!(exposure(&policy("{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}")), Some(Exposure::Restricted));
    assert_eq!(exposure(&policy("{}")), Some(Exposure::Public));
    let mesh = format!(
        "{SERVER}\n---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: ap, namespace: ai}}\nspec: {{selector: {{matchLabels: {{app: llm}}}}, rules: [{{from: [{{source: {{requestPrincipals: ['*']}}}}]}}]}}\n"
    );
    let inventory = estate(&mesh).inventory;
    assert_eq!(inventory.get("k8s://cluster/ai/Service/llm").unwrap().authentication, Some(Authentication::Identity));
}

#[test]
fn who_shares_a_gpu_is_counted_by_namespace() {
    let pod = |namespace: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {{nodeName: gpu-1, containers: [{{name: c, image: 'vllm/vllm-openai:v1', resources: {{limits: {{nvidia.com/gpu: 1}}}}}}]}}"
        )
    };
    let plugin = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plugin, namespace: gpu-operator}\ndata: {any: 'sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 4}]}}'}";
    let node = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{nvidia.com/gpu.sharing-strategy: mps}}}}\nstatus: {{capacity: {{nvidia.com/gpu: '4'}}}}"
        )
    };
    let text = [pod("red"), pod("blue"), plugin.to_owned(), node("gpu-1"), node("gpu-2")].join("\n---\n");
    let inventory = estate(&text).inventory;
    for (id, sharing, tenants) in [
        ("k8s://cluster/gpu-operator/ConfigMap/plugin", "time-slicing", 2),
        ("k8s://cluster/-/Node/gpu-1", "mps", 2),
        ("k8s://cluster/-/Node/gpu-2", "mps", 0),
    ] {
        let asset = inventory.get(id).unwrap();
        assert_eq!((asset.text("gpu_sharing"), &asset.properties["gpu_tenants"]), (Some(sharing), &tenants.into()));
    }
}

#[test]
fn typed_lists_pods_of_a_cluster_and_gateways() {
    let inventory = estate(
        r#"{"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "p", "labels": {"app": "llm"}, "ownerReferences": [{"kind": "ReplicaSet", "name": "rs"}]},
  "spec": {"nodeName": "gpu-1", "containers": [{"name": "c", "image": "vllm/vllm-openai:v1"}]},
  "status": {"containerStatuses": [{"image": "vllm/vllm-openai:v1", "imageID": "vllm/vllm-openai@sha256:abab"}]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {listeners: [{name: h, protocol: HTTP, port: 80}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec: {selector: {matchLabels: {app: llm}}, targetPorts: [{number: 8000}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: sp}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}], apiKeyAuth: {}}
"#,
    )
    .inventory;
    let pod = "k8s://cluster/default/Pod/p";
    has(
        &inventory,
        &[
            ("k8s://cluster/default/ReplicaSet/rs", "contains", pod),
            (pod, "runs_on", "k8s://cluster/-/Node/gpu-1"),
            ("k8s://cluster/default/Gateway/edge", "exposes", "k8s://cluster/default/HTTPRoute/r"),
            ("k8s://cluster/default/HTTPRoute/r", "exposes", "k8s://cluster/default/InferencePool/pool"),
            ("k8s://cluster/default/InferencePool/pool", "exposes", pod),
        ],
    );
    let image = inventory.get("pkg:docker/vllm/vllm-openai@v1").unwrap();
    assert_eq!(image.provenance.digests["sha256"], "abab");
    let route = inventory.get("k8s://cluster/default/HTTPRoute/r").unwrap();
    assert_eq!((route.exposure, route.authentication), (Some(Exposure::Public), Some(Authentication::Key)));
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Discovery) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let discovery = discover([folder.path()]);
    assert_eq!((discovery.incomplete.len(), discovery.skipped.len()), (0, 0), "{:?}", discovery.skipped);
    (folder, discovery)
}

#[test]
fn charts_with_values_and_templates() {
    let template = "{{- if .Values.enabled }}\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ include \"web.fullname\" . }}-api\n  labels:\n    {{- include \"web.labels\" . | nindent 4 }}\nspec:\n  template:\n    spec:\n      serviceAccountName: {{ include \"web.serviceAccountName\" . }}\n      containers:\n        - name: {{ .Chart.Name }}\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n          args: [\"--model\", {{ .Values.model | default \"acme/tiny\" | quote }}]\n          {{- with .Values.resources }}\n          resources: {{- toYaml . | nindent 12 }}\n          {{- end }}\n{{- end }}\n";
    let values = "image: {registry: ghcr.io, repository: acme/web, tag: 1}\nserviceAccount: {annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111111111111:role/web'}}\nllm:\n  image: vllm/vllm-openai\n  tag: v1\n  model: acme/tiny\n  ingress: {enabled: true, hosts: [{host: llm.example.com}]}\n  env: [{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hub}}}]\n";
    let (root, discovery) = folder(&[
        (
            "web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.2.0\ndependencies:\n- {name: qdrant, version: 0.9.0, repository: 'https://charts.example.com'}\n",
        ),
        ("web/values.yaml", values),
        ("web/templates/deploy.yaml", template),
        ("web/templates/_helpers.tpl", "{{- define \"web.labels\" -}}\na: b\n{{- end }}\n"),
    ]);
    let formats: Vec<&str> = discovery.files.iter().map(|file| file.format.as_str()).collect();
    assert_eq!(formats, ["helm-chart", "helm-helper", "helm-template", "helm-values"]);
    let inventory = &discovery.inventory;
    let (chart, api) = ("pkg:helm/web@1.2.0", "k8s://cluster/default/Deployment/web-api");
    let file = format!("file:{}/web/values.yaml", root.path().display());
    let (llm, own) = (format!("{file}#llm"), format!("{file}#chart"));
    has(
        inventory,
        &[
            (chart, "uses", "pkg:helm/qdrant@0.9.0"),
            (chart, "contains", &file),
            (chart, "contains", api),
            (&file, "contains", &llm),
            (&llm, "serves", "https://huggingface.co/acme/tiny"),
            (&llm, "reads", "k8s://cluster/default/Secret/hub"),
            (&own, "runs_on", "pkg:docker/acme/web@1?repository_url=ghcr.io"),
            (&own, "runs_as", "arn:aws:iam::111111111111:role/web"),
            (api, "runs_as", "k8s://cluster/default/ServiceAccount/web"),
        ],
    );
    let deployment = inventory.get(api).unwrap();
    assert_eq!((&deployment.properties["templated"], deployment.evidence[0].line), (&true.into(), Some(5)));
    let llm = inventory.get(&llm).unwrap();
    assert_eq!((llm.exposure, llm.text("model_server")), (Some(Exposure::Public), Some("vLLM")));
    assert!(inventory.assets().all(|asset| !asset.id.as_str().starts_with("pkg:docker/$")));
}

#[test]
fn kustomizations_hold_their_resources() {
    let (root, discovery) = folder(&[
        ("base/sa.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s}\n"),
        ("base/kustomization.yaml", "resources: [sa.yaml]\n"),
        (
            "prod/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: prod\nresources: [../base]\nimages: [{name: server, newName: vllm/vllm-openai, newTag: v1}]\n",
        ),
    ]);
    let file = |name: &str| format!("file:{}/{name}/kustomization.yaml", root.path().display());
    has(
        &discovery.inventory,
        &[
            (&file("base"), "contains", "k8s://cluster/default/ServiceAccount/s"),
            (&file("prod"), "contains", &file("base")),
            (&file("prod"), "uses", "pkg:docker/vllm/vllm-openai@v1"),
        ],
    );
    let ai = |name: &str| discovery.inventory.get(&file(name)).unwrap().ai;
    assert_eq!((ai("base"), ai("prod")), (false, true));
}

#[test]
fn what_is_no_manifest() {
    for value in [
        serde_json::json!({"apiVersion": "2023-05-01", "kind": "OpenAI", "type": "Microsoft.X/y", "name": "n"}),
        serde_json::json!({"apiVersion": "v2", "name": "chart"}),
        serde_json::json!({"kind": "Pod", "metadata": {"name": "p"}}),
    ] {
        assert!(
            !super::FORMATS.iter().any(|format| format.name == "kubernetes" && (format.matches)(&value)),
            "{value}"
        );
    }
}

#[test]
fn what_a_container_may_do_to_its_node() {
    let text = r#"
apiVersion: v1
kind: Pod
metadata:
  name: p
  namespace: ml
  annotations: {container.apparmor.security.beta.kubernetes.io/c: unconfined}
spec:
  hostPID: true
  shareProcessNamespace: true
  containers:
  - name: c
    image: i
    ports: [{containerPort: 80, hostPort: 8080}]
    securityContext: {capabilities: {add: [SYS_PTRACE]}, seccompProfile: {type: RuntimeDefault}}
    volumeMounts:
    - {name: logs, mountPath: /logs, subPath: pods}
    - {name: keys, mountPath: /keys, readOnly: true}
  volumes:
  - {name: logs, hostPath: {path: /var/log/}}
  - {name: keys, hostPath: {path: /root/.ssh}}
  - {name: token, projected: {sources: [{serviceAccountToken: {path: token, audience: vault}}]}}
"#;
    let discovery = estate(text);
    let pod = discovery.inventory.get("k8s://cluster/ml/Pod/p").unwrap();
    for (key, want) in [
        ("host_pid", serde_json::json!(true)),
        ("share_process_namespace", true.into()),
        ("host_path", serde_json::json!(["/var/log/", "/root/.ssh"])),
        ("host_path_writable", serde_json::json!(["/var/log/pods"])),
        ("app_armor", serde_json::json!(["Unconfined"])),
        ("seccomp", serde_json::json!(["RuntimeDefault"])),
        ("host_port", serde_json::json!(["8080"])),
        ("projected_token", serde_json::json!(["vault"])),
    ] {
        assert_eq!(pod.properties[key], want, "{key}");
    }
    let lines: Vec<_> = pod.evidence.iter().filter_map(|e| Some((e.excerpt.as_deref()?, e.line?))).collect();
    for shown in [("host_pid: true", 9), ("capabilities: SYS_PTRACE", 15), ("host_path_writable: /var/log/pods", 20)] {
        assert!(lines.contains(&shown), "{shown:?} in {lines:?}");
    }
}

#[test]
fn clouds_that_name_a_service_account_or_a_node() {
    let mut inventory = estate(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: api, namespace: ml}\n---\n\
         apiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: {providerID: 'aws:///eu-west-1a/i-0ab'}\n",
    )
    .inventory;
    let machine = "arn:aws:ec2:eu-west-1:1:instance/i-0ab";
    inventory.add(crate::asset::Asset::new(machine, crate::asset::AssetKind::Node, "i-0ab"));
    let pool = "serviceAccount:acme.svc.id.goog[ml/api]";
    let member = crate::asset::Asset::new(pool, crate::asset::AssetKind::ServiceAccount, "api");
    inventory.add(member.with("kubernetes_namespace", "ml").with("kubernetes_service_account", "api"));
    let mut found = crate::discover::format::Found::default();
    super::meet(&inventory, &mut found);
    assert!(relates(&found.inventory, "k8s://cluster/-/Node/n", "runs_on", machine));
    assert!(relates(&found.inventory, "k8s://cluster/ml/ServiceAccount/api", "can_assume", pool));
}
