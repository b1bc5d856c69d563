//! What holds for every input, good or bad.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;

const MANIFEST: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s}\n";

fn names(list: &[Unread]) -> BTreeMap<String, (&str, bool)> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    list.iter().map(|unread| (name(&unread.path), (unread.reason.as_str(), unread.critical))).collect()
}

fn write(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn bad_input_costs_one_line_each_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", ")));
    }
    let deep = "[".repeat(4 << 20);
    let good_then_bad = format!("{MANIFEST}---\nkind: [\n");
    write(
        folder.path(),
        &[
            ("good.yaml", MANIFEST.as_bytes()),
            ("cut.json", b"{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": ["),
            ("cut_mcp.json", b"{\"mcpServers\": {\"a\": {"),
            ("cut_other.json", b"{\"colour\": "),
            ("bomb.yaml", bomb.as_bytes()),
            ("deep.json", deep.as_bytes()),
            ("deep.yaml", deep.as_bytes()),
            ("half.yaml", good_then_bad.as_bytes()),
            (
                "latin.yaml",
                b"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: latin, labels: {owner: Jos\xE9}}\n",
            ),
            (
                "log.jsonl",
                b"{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\n{\"prompt\": \"c\", \"response\": \"d\"}\n",
            ),
            ("empty.json", b""),
            ("noise.bin", b"\x00\x01\x02\xff\xfe\x00"),
            ("chart/templates/x.yaml", b"kind: X\n{{- if .Values.a }}\na: {{ .Values.b }}\n{{- end }}\n"),
            ("node_modules/a/package.json", b"{}"),
        ],
    );
    let file = folder.path().join("good.yaml");
    let missing = folder.path().join("missing");
    let below = file.join("x");
    let discovery = discover([folder.path(), &missing, &below, &file]);
    let incomplete = names(&discovery.incomplete);
    let critical: Vec<&str> = incomplete.iter().filter(|(_, (_, c))| *c).map(|(name, _)| name.as_str()).collect();
    assert_eq!(critical, ["cut.json", "cut_mcp.json", "half.yaml", "latin.yaml", "log.jsonl", "missing", "x"]);
    let rest: Vec<&str> = incomplete.iter().filter(|(_, (_, c))| !*c).map(|(name, _)| name.as_str()).collect();
    assert_eq!(rest, ["bomb.yaml", "cut_other.json", "deep.json", "deep.yaml"]);
    for (name, place) in
        [("cut.json", "line 1"), ("half.yaml", "line 6"), ("latin.yaml", "byte 79"), ("log.jsonl", "line 2")]
    {
        assert!(incomplete[name].0.contains(place), "{name}: {}", incomplete[name].0);
    }
    assert!(discovery.incomplete.iter().all(|unread| !unread.reason.contains('\n')));
    for account in ["s", "latin"] {
        let id = format!("k8s://cluster/default/ServiceAccount/{account}");
        assert!(discovery.inventory.get(&id).is_some(), "{id}");
    }
    assert_eq!(discovery.events.len(), 4);
    let skipped = names(&discovery.skipped);
    assert_eq!(skipped.keys().collect::<Vec<_>>(), ["empty.json", "node_modules", "noise.bin", "x.yaml"]);
    each_file_once(&discovery, folder.path());
}

#[cfg(unix)]
#[test]
fn links_and_special_files() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("a/good.yaml", MANIFEST.as_bytes())]);
    symlink("nowhere", folder.path().join("dead")).unwrap();
    symlink("..", folder.path().join("a/up")).unwrap();
    symlink("/dev/zero", folder.path().join("endless")).unwrap();
    symlink("/", folder.path().join("machine")).unwrap();
    let discovery = discover([folder.path()]);
    assert_eq!(discovery.files.len(), 1);
    let incomplete = names(&discovery.incomplete);
    assert_eq!(incomplete.keys().collect::<Vec<_>>(), ["dead", "endless", "machine", "up"]);
    assert!(incomplete.values().all(|(_, critical)| !critical));
}

#[test]
fn one_page_of_an_identity_export_is_not_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let page = br#"{"UserDetailList": [{"Arn": "arn:aws:iam::1:user/u"}], "IsTruncated": true, "Marker": "m"}"#;
    write(folder.path(), &[("page.json", page)]);
    let discovery = discover([folder.path()]);
    assert!(discovery.inventory.get("arn:aws:iam::1:user/u").is_some());
    assert!(discovery.incomplete[0].critical && discovery.incomplete[0].reason.contains("IsTruncated"));
}

#[test]
fn a_file_over_the_limit_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[("big.yaml", MANIFEST.as_bytes()), ("m.pkl", &[b"\x80\x02", [b'N'; 90].as_slice()].concat())],
    );
    let limits = Limits { file_bytes: 16 };
    let discovery = Discoverer::new().limits(limits).run([folder.path()]);
    let incomplete = names(&discovery.incomplete);
    assert!(incomplete["big.yaml"].0.contains("limit of 16"), "{incomplete:?}");
    assert!(incomplete["m.pkl"].1);
    let model = discovery.inventory.assets().find(|a| a.name == "m.pkl").unwrap();
    assert_eq!(model.text("verdict"), Some("unscanned"));
}

#[test]
fn the_same_input_gives_the_same_output() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<(String, String)> = (0..40)
        .map(|i| (format!("{i}.py"), format!("import openai, torch\nx = load_dataset('d/{i}')\nmodel = 'gpt-4o'\n")))
        .collect();
    let files: Vec<(&str, &[u8])> = many.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    write(folder.path(), &files);
    let (one, two) = (discover([folder.path()]), discover([folder.path()]));
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&two).unwrap());
    assert!(one.inventory.assets().all(|asset| !asset.evidence.is_empty()));
    assert!(one.inventory.relations().all(|relation| !relation.evidence.is_empty()));
}

#[test]
fn what_is_in_memory_reads_as_what_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let files: &[(&str, &[u8])] = &[
        ("a/requirements.txt", b"openai==1.0.0\n"),
        ("a/app.py", b"import openai\nopenai.OpenAI().chat.completions.create(model='gpt-4o')\n"),
        ("b/k.yaml", MANIFEST.as_bytes()),
        ("b/main.tf", b"resource \"aws_sagemaker_model\" \"m\" {\n  name = \"m\"\n}\n"),
    ];
    write(folder.path(), files);
    let root = folder.path().display().to_string();
    let named = files.iter().map(|(name, bytes)| (format!("{root}/{name}"), *bytes));
    assert_eq!(Discoverer::new().run_on(named), discover([folder.path()]));
}

/// Each file below a folder is in exactly one list, and nothing else is but the folders left out.
fn each_file_once(discovery: &Discovery, folder: &Path) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let listed = discovery.files.iter().map(|file| &file.path);
    for path in listed.chain(discovery.skipped.iter().chain(&discovery.incomplete).map(|unread| &unread.path)) {
        *seen.entry(path).or_default() += 1;
    }
    assert!(seen.values().all(|count| *count == 1), "{seen:#?}");
    let files =
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    for entry in files.filter(|entry| !entry.path().components().any(|part| part.as_os_str() == "node_modules")) {
        assert!(seen.contains_key(&*entry.path().display().to_string()), "{}", entry.path().display());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_under_any_name(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        seed in 0..SEEDS.len(),
        cut in 0..400_usize,
        name in proptest::sample::select(NAMES),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let start = &SEEDS[seed].as_bytes()[..cut.min(SEEDS[seed].len())];
        write(folder.path(), &[(name, &[start, &bytes].concat()), ("cut", start), ("whole.json", SEEDS[seed].as_bytes())]);
        let discovery = discover([folder.path()]);
        each_file_once(&discovery, folder.path());
    }
}

const NAMES: &[&str] = &[
    "a.py",
    "a.ts",
    "a.yaml",
    "a.json",
    "a.tf",
    "a.jsonl",
    "a.pkl",
    "a.pt",
    "Dockerfile",
    "requirements.txt",
    "pyproject.toml",
    "Cargo.toml",
    "poetry.lock",
    "go.mod",
    "Pipfile",
    "a.ipynb",
    "a.bin",
    "a",
];
const SEEDS: &[&str] = &[
    "",
    "from agents import Agent, function_tool\n@function_tool\ndef f(x):\n  '''d'''\n  os.system(x)\nAgent(tools=[f], model=\"gpt-4\")\n",
    "{\"mcpServers\": {\"a\": {\"command\": \"npx\", \"args\": [\"-y\", \"@a/b@1.0.0\"]}}}",
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"vllm/vllm-openai@sha256:00\",\"args\":[\"--model=a/b\"]}]}}}}",
    "{\"prompt\": \"a\", \"response\": \"b\"}\n{\"messages\": [{\"role\": \"user\", \"content\": \"c\"}]}\n",
    "FROM ollama/ollama\nENV A=b \\\n C=d\nCMD [\"serve\"]\n",
    "resource \"aws_sagemaker_model\" \"m\" {\n  name = \"${x}\"\n}\n",
    "\u{80}\u{2}cos\nsystem\n",
];

#[test]
fn a_flag_is_read_alike_in_every_format_and_an_open_one_is_not_there() {
    let manifest = |set: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: n}}\nspec:\n  hostNetwork: {set}\n  containers: [{{name: c, image: vllm/vllm-openai:v0.6.0}}]\n"
        )
    };
    let compose = |set: &str| format!("services:\n  p: {{image: 'vllm/vllm-openai:v0.6.0', privileged: {set}}}\n");
    let bucket = |set: &str| {
        format!(
            "AWSTemplateFormatVersion: '2010-09-09'\nParameters: {{P: {{Type: String}}}}\nResources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: b\n      PublicAccessBlockConfiguration: {{BlockPublicPolicy: {set}}}\n"
        )
    };
    let hcl = |set: &str| {
        format!(
            "variable \"p\" {{}}\nresource \"aws_sagemaker_model\" \"p\" {{\n  name = \"p\"\n  enable_network_isolation = {set} ? true : false\n}}\n"
        )
    };
    let value = |file: &str, text: String, key: &str| {
        let found = discovery_of(&[(file, &text)]).inventory;
        found.assets().find_map(|asset| asset.properties.get(key).cloned()).unwrap_or_default()
    };
    for (set, expected) in [("true", true), ("'true'", true), ("false", false), ("\"False\"", false)] {
        assert_eq!(value("p.yaml", manifest(set), "host_network"), expected, "{set}");
        assert_eq!(value("compose.yaml", compose(set), "privileged"), expected, "{set}");
        assert_eq!(value("t.yaml", bucket(set), "block_public_policy"), expected, "{set}");
        assert_eq!(value("main.tf", hcl(&set.replace('\'', "\"")), "enable_network_isolation"), expected, "{set}");
    }
    let none = serde_json::Value::Null;
    assert_eq!(value("p.yaml", manifest("\"{{ .Values.host }}\""), "host_network"), none);
    assert_eq!(value("compose.yaml", compose("'${PRIVILEGED}'"), "privileged"), none);
    for open in ["!Ref P", "{Ref: P}", "!ImportValue p", "!If [C, true, false]"] {
        assert_eq!(value("t.yaml", bucket(open), "block_public_policy"), none, "{open}");
    }
    assert!(crate::asset::is_open(&value("main.tf", hcl("var.p"), "enable_network_isolation")));
}

/// Attributes that bear the name of every fact.
fn hostile() -> serde_json::Map<String, serde_json::Value> {
    crate::asset::STATED.iter().map(|name| ((*name).to_owned(), "hostile".into())).collect()
}

#[test]
fn no_attribute_of_a_source_passes_for_a_fact() {
    use serde_json::json;
    let with = |own: serde_json::Value| {
        let mut all = hostile();
        all.extend(own.as_object().unwrap().clone());
        all
    };
    let words: String = hostile().keys().map(|name| format!("  {name} = \"hostile\"\n")).collect();
    let resource = json!({"address": "aws_sagemaker_endpoint.e", "type": "aws_sagemaker_endpoint", "mode": "managed",
        "name": "e", "values": with(json!({"name": "e", "endpoint_config_name": "c"}))});
    let module = json!({"root_module": {"resources": [resource]}});
    let instance = json!({"attributes": with(json!({"name": "e"}))});
    let yaml: String = hostile().keys().map(|name| format!("      {name}: hostile\n")).collect();
    let labels: String = hostile().keys().map(|name| format!("    {name}: hostile\n")).collect();
    let foreign: Vec<_> = hostile().keys().map(|name| json!({"name": name, "value": "hostile"})).collect();
    let arn = "arn:aws:iam::111111111111:role/r";
    for (file, text) in [
        ("main.tf", format!("resource \"aws_sagemaker_endpoint\" \"e\" {{\n  name = \"e\"\n{words}}}\n")),
        ("show.json", json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": module}).to_string()),
        ("plan.json", json!({"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": module}).to_string()),
        (
            "terraform.tfstate",
            json!({"version": 4, "terraform_version": "1.9.0", "resources": [{"mode": "managed", "type": "aws_sagemaker_endpoint",
                "name": "e", "instances": [instance]}]})
            .to_string(),
        ),
        (
            "t.yaml",
            format!(
                "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  E:\n    Type: AWS::SageMaker::Endpoint\n    Properties:\n      EndpointName: e\n{yaml}"
            ),
        ),
        (
            "describe.json",
            json!(with(json!({"EndpointName": "e", "EndpointStatus": "InService",
                "EndpointArn": "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/e"})))
            .to_string(),
        ),
        (
            "config.json",
            json!({"configurationItems": [{"resourceType": "AWS::SageMaker::Endpoint", "resourceId": "e", "awsRegion": "eu-west-1",
                "awsAccountId": "111111111111", "configuration": with(json!({"EndpointName": "e"}))}]})
            .to_string(),
        ),
        (
            "authorization.json",
            json!({"RoleDetailList": [with(json!({"Arn": arn, "RoleName": "r", "RolePolicyList": []}))], "UserDetailList": [],
                "GroupDetailList": [], "Policies": []})
            .to_string(),
        ),
        (
            "assets.json",
            json!([{"name": "//aiplatform.googleapis.com/projects/p/locations/eu/endpoints/1",
                "assetType": "aiplatform.googleapis.com/Endpoint", "resource": {"data": with(json!({"displayName": "e"}))}}])
            .to_string(),
        ),
        (
            "arm.json",
            json!({"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "resources": [{"type": "Microsoft.CognitiveServices/accounts", "apiVersion": "2024-10-01", "name": "a",
                    "kind": "OpenAI", "properties": hostile()}]})
            .to_string(),
        ),
        (
            "k.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n{labels}  annotations:\n{labels}spec:\n  containers: [{{name: c, image: busybox}}]\n"
            ),
        ),
        (
            "bom.cdx.json",
            json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "machine-learning-model", "name": "m",
                "properties": foreign}]})
            .to_string(),
        ),
    ] {
        let mut discovery = discovery_of(&[(file, &text)]);
        assert!(!discovery.inventory.is_empty(), "{file} {:?} {:?}", discovery.skipped, discovery.incomplete);
        crate::supply::note(&mut discovery.inventory);
        for asset in discovery.inventory.assets() {
            for name in crate::asset::STATED {
                assert_ne!(asset.text(name), Some("hostile"), "{file}: {name} of {}", asset.id);
            }
        }
        // nothing is lost
        let kept = |asset: &crate::asset::Asset| {
            let nested = ["labels", "annotations"].iter().find_map(|key| asset.properties.get(*key)?.get("approved_by"));
            nested.or(asset.properties.get("attributes.approved_by")).is_some()
        };
        assert!(discovery.inventory.assets().any(kept), "{file}: {:?}", discovery.inventory);
    }
}
