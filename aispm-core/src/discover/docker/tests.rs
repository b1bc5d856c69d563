use super::*;
use crate::asset::{AssetKind, Document, Exposure, Inventory};
use crate::discover::format::{Found, Source, dispatch};

fn dockerfile(text: &str) -> Inventory {
    let mut found = Found::default();
    let source = Source { path: "p/Dockerfile", text };
    assert!((dockerfile::DOCKERFILE.matches)(&source));
    (dockerfile::DOCKERFILE.read)(&source, &mut found).unwrap();
    found.inventory
}

fn compose(text: &str) -> Inventory {
    let mut found = Found::default();
    assert!(dispatch(&Document::yaml("c.yml", text).0[0], &mut found));
    found.inventory
}

fn out(inventory: &Inventory, id: &str) -> Vec<String> {
    inventory.outgoing(id).map(|r| format!("{} {}", r.kind, r.to)).collect()
}

#[test]
fn the_base_image_and_the_model_of_a_dockerfile() {
    let inventory = dockerfile(
        "# x\nFROM vllm/vllm-openai:v1 AS base\nRUN pip install \\\n  openai==1.2.3 && true\nFROM base\nCMD [\"--model\",\"acme/m\"]\n",
    );
    let image = inventory.get("file:p/Dockerfile").unwrap();
    assert_eq!((image.ai, image.text("model_server")), (true, Some("vLLM")));
    assert_eq!(inventory.get("https://huggingface.co/acme/m").unwrap().evidence[0].line, Some(6));
    assert_eq!(inventory.get("pkg:pypi/openai@1.2.3").unwrap().evidence[0].line, Some(3));
}

#[test]
fn arguments_stages_copies_and_users() {
    let inventory = dockerfile(
        "ARG TAG=2.1\nFROM acme/base:${TAG} AS build\nENV TOKEN=hunter2\nRUN <<EOF\nhuggingface-cli download acme/tiny\nEOF\nFROM python:3.12-slim\nCOPY --from=build /x /x\nCOPY weights/m.safetensors /m/\nLABEL owner=\"ml team\" a=b\nEXPOSE 8080/tcp\nUSER 1000:1000\nCMD python serve.py\n",
    );
    let image = inventory.get("file:p/Dockerfile").unwrap();
    assert_eq!(image.text("user"), Some("1000:1000"));
    assert_eq!(image.properties["runs_as_root"], false);
    assert_eq!(image.properties["ports"], serde_json::json!([8080]));
    assert_eq!(image.owner.as_deref(), Some("ml team"));
    assert_eq!(inventory.get("file:p/weights/m.safetensors").unwrap().kind, AssetKind::ModelFile);
    let out = out(&inventory, "file:p/Dockerfile");
    for want in [
        "derived_from pkg:docker/acme/base@2.1",
        "derived_from pkg:docker/python@3.12-slim",
        "contains file:p/weights/m.safetensors",
        "serves https://huggingface.co/acme/tiny",
    ] {
        assert!(out.iter().any(|have| have == want), "{want}: {out:?}");
    }
    assert!(!serde_json::to_string(&inventory).unwrap().contains("hunter2"));
}

#[test]
fn a_plain_dockerfile_is_not_ai() {
    let inventory = dockerfile("FROM node:20\nRUN npm ci\nCMD [\"node\", \"app.js\"]\n");
    assert!(inventory.assets().all(|asset| !asset.ai));
}

#[test]
fn services_of_a_compose_file() {
    let inventory = compose(
        "services:\n  llm:\n    image: ollama/ollama:1\n    ports: [\"127.0.0.1:1:11434\"]\n  db:\n    image: qdrant/qdrant\n    ports: [\"6333:6333\"]\n  app:\n    build: .\n    environment:\n      - OPENAI_API_KEY=hunter2\n      - URL=http://db:6333\n    depends_on: [llm]\n",
    );
    let get = |name: &str| inventory.get(&format!("file:c.yml#{name}")).unwrap();
    assert_eq!(get("llm").exposure, Some(Exposure::Local));
    assert_eq!((get("db").exposure, get("db").kind), (Some(Exposure::Internal), AssetKind::VectorStore));
    assert_eq!(get("db").evidence[0].line, Some(5));
    assert_eq!(
        out(&inventory, "file:c.yml#app"),
        ["uses ai-provider:openai", "invokes file:c.yml#llm", "retrieves_from file:c.yml#db"]
    );
    assert!(!serde_json::to_string(&inventory).unwrap().contains("hunter2"));
}

#[test]
fn models_secrets_networks_and_what_a_service_extends() {
    let inventory = compose(
        "services:\n  base:\n    image: \"${IMAGE:-vllm/vllm-openai:v1}\"\n    networks: [inner]\n    ports: [8000:8000]\n  llm:\n    extends: {service: base}\n    command: [--model, \"${MODEL:-acme/tiny}\"]\n    secrets: [token]\n    user: root\n    deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 2, capabilities: [gpu]}]}}}\n  app:\n    image: acme/app\n    models: [small]\n    volumes: [{type: bind, source: /var/run/docker.sock, target: /s}]\nmodels: {small: {model: ai/tiny:1}}\nsecrets: {token: {file: ./token}}\nnetworks: {inner: {internal: true}}\n",
    );
    let llm = inventory.get("file:c.yml#llm").unwrap();
    assert_eq!((llm.text("model_server"), llm.text("user")), (Some("vLLM"), Some("root")));
    assert_eq!((&llm.properties["internal_network"], &llm.properties["gpu_count"]), (&true.into(), &2.into()));
    let have = out(&inventory, "file:c.yml#llm");
    for want in ["serves https://huggingface.co/acme/tiny", "reads file:c.yml#secret/token"] {
        assert!(have.iter().any(|have| have == want), "{want}: {have:?}");
    }
    let image = inventory.outgoing("file:c.yml#llm").find(|r| r.kind.as_str() == "runs_on").unwrap();
    assert_eq!(image.evidence[0].pointer.as_deref(), Some("/services/base/image"));
    let app = inventory.get("file:c.yml#app").unwrap();
    assert_eq!((app.ai, &app.properties["host_path"]), (true, &serde_json::json!(["/var/run/docker.sock"])));
    assert!(out(&inventory, "file:c.yml#app").contains(&"uses oci://docker.io/ai/tiny:1".to_owned()));
}

#[test]
fn variables_are_filled_in() {
    let known = |name: &str| (name == "A").then_some("x");
    assert_eq!(filled("$A/${A}-${B:-d}${C}$", known), "x/x-d${C}$");
    assert_eq!(filled("plain", known), "plain");
}
