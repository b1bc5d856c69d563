//! A catalogue of one's own reaches the readers, from the command line and from Rust.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::fs;
use std::process::Command;

use aispm_core::asset::{Asset, ErrorKind};
use aispm_core::discover::{Discoverer, discover};

const CATALOG: &str = "
ai_providers:
- { name: Acme AI, hosts: [llm.acme.test], env: [ACME_TOKEN], models: [acme-chat-] }
ai_packages:
  packages:
    pypi: { sdk: [acme-llm] }
    npm: { sdk: ['@acme/llm*'] }
model_servers:
  servers:
  - { name: Acme Server, images: [acme/serve], commands: [acme-serve run], role: server, auth: none }
  model_flags: [--acme-weights]
";

/// Files that only say something to who knows Acme.
const FILES: &[(&str, &str)] = &[
    ("env/.env", "ACME_TOKEN=x\n"),
    ("py/requirements.txt", "acme-llm==1.2.0\n"),
    ("lock/uv.lock", "version = 1\n\n[[package]]\nname = \"acme-llm\"\nversion = \"1.2.0\"\n"),
    (
        "logs/dns.log",
        "2025-01-01T00:00:00Z host named: client @0x1 10.0.0.7#5353 (llm.acme.test): query: llm.acme.test IN A +\n",
    ),
    ("js/package.json", r#"{"name": "a", "dependencies": {"@acme/llm-client": "1.0.0"}}"#),
    (
        "k8s/pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: { name: p, namespace: n }\nspec:\n  containers:\n  - name: c\n    image: registry.test/acme/serve:1.0\n    args: [--acme-weights, acme-chat-7b]\n    env:\n    - { name: BASE, value: 'https://llm.acme.test/v1' }\n",
    ),
];

fn estate() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn readers_know_what_the_caller_added() {
    let folder = estate();
    assert!(!discover([folder.path()]).inventory.assets().any(|asset| asset.ai));
    let discovery = Discoverer::new().catalog("own.yaml", CATALOG).unwrap().run([folder.path()]);
    let get = |id: &str| discovery.inventory.get(id).cloned().unwrap_or_else(|| unreachable!("{id}"));
    let provider = get("ai-provider:acme-ai");
    assert_eq!(discovery.inventory.incoming(provider.id.as_str()).count(), 3, "by variable, address and traffic");
    assert!(get("pkg:pypi/acme-llm@1.2.0").ai && get("pkg:npm/%40acme/llm-client@1.0.0").ai);
    let text = |asset: &Asset, key: &str| asset.properties.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    assert_eq!(text(&get("k8s://cluster/n/Pod/p"), "model_server").as_deref(), Some("Acme Server"));
    assert_eq!(text(&get("model:acme-chat-7b"), "provider").as_deref(), Some("Acme AI"));
    let image = discovery.inventory.assets().find(|asset| asset.id.as_str().starts_with("pkg:docker/acme/serve"));
    assert!(image.is_some_and(|image| image.ai));
}

#[test]
fn later_catalogues_add_to_earlier_ones_and_faults_name_their_place() {
    let own = Discoverer::new().catalog("own.yaml", CATALOG).unwrap();
    let both =
        own.clone().catalog("more.yaml", "ai_packages: { packages: { pypi: { agent: [acme-agents] } } }").unwrap();
    let folder = estate();
    fs::write(folder.path().join("py/requirements.txt"), "acme-llm==1.2.0\nacme-agents==2.0.0\n").unwrap();
    let discovery = both.run([folder.path()]);
    for id in ["pkg:pypi/acme-llm@1.2.0", "pkg:pypi/acme-agents@2.0.0"] {
        assert!(discovery.inventory.get(id).unwrap().ai, "{id}");
    }
    let error = own.catalog("wrong.yaml", "ai_providers:\n- name: X\n  host: x\n").unwrap_err();
    assert_eq!((error.kind, error.line), (ErrorKind::Invalid, Some(3)));
}

#[test]
fn the_command_line_takes_catalogues() {
    let (folder, own) = (estate(), tempfile::NamedTempFile::new().unwrap());
    fs::write(own.path(), CATALOG).unwrap();
    let store = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aispm"));
        command.args(args).arg(folder.path()).arg("--catalog").arg(own.path()).output().unwrap()
    };
    let seen = run(&["discover"]);
    assert!(String::from_utf8_lossy(&seen.stdout).contains("Acme AI"), "{seen:?}");
    let history = store.path().join("h.sqlite");
    for args in [
        &["assess"][..],
        &["paths"],
        &["lineage", "--class", "personal"],
        &["history", "record", history.to_str().unwrap()],
    ] {
        let output = run(args);
        assert_ne!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    fs::write(own.path(), "ai_providers:\n- name: X\n  host: x\n").unwrap();
    let refused = run(&["discover"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(":3:"), "{refused:?}");
}
