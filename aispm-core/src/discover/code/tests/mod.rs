mod agents;
mod languages;
mod negatives;
mod services;
mod values;

use super::*;
use crate::asset::Inventory;

fn python(text: &str) -> Inventory {
    code("p/a.py", text)
}

/// What a file gives, sniffed by its name.
fn code(path: &str, text: &str) -> Inventory {
    let (mut found, source) = (Found::default(), Source { path, text });
    let format = TEXTS.iter().find(|format| (format.matches)(&source)).unwrap();
    (format.read)(&source, &mut found).unwrap();
    found.inventory
}

/// Assets and relations but packages and the application's own, as `kind id` and `from kind to`; files without their path.
fn facts(inventory: &Inventory) -> Vec<String> {
    let short = |id: &str| {
        id.rsplit_once('#').filter(|_| id.starts_with("file:")).map_or(id.to_owned(), |(_, name)| name.to_owned())
    };
    let assets = inventory.assets().filter(|a| !matches!(a.kind, AssetKind::Package | AssetKind::Application));
    let assets = assets.map(|a| format!("{} {}", a.kind, short(a.id.as_str())));
    let inner = inventory.relations().filter(|r| r.from.as_str() != "file:p");
    let relations = inner.map(|r| format!("{} {} {}", short(r.from.as_str()), r.kind, short(r.to.as_str())));
    for (id, evidence) in inventory.assets().map(|a| (a.id.as_str(), &a.evidence)) {
        assert!(!evidence.is_empty(), "{id} has no evidence");
    }
    assert!(inventory.relations().all(|r| !r.evidence.is_empty()));
    assets.chain(relations).collect()
}

fn ids(inventory: &Inventory) -> Vec<&str> {
    inventory.assets().map(|asset| asset.id.as_str()).collect()
}

#[test]
fn words_that_only_look_like_ai() {
    let text = "# import openai\n'''from langchain import x'''\nimport keyword, datasets\ndef transformers(x): return x\nclass Ray: pass\nmodel = 'gpt-4'\ns = 'import torch'\nfrom .openai import y\n";
    assert_eq!(ids(&python(text)), [] as [&str; 0]);
}

#[test]
fn imports_lazy_and_in_parts() {
    let have = python(
        "def f():\n  import torch.nn as nn, os\nfrom google import genai\nm = importlib.import_module('transformers')\n",
    );
    assert_eq!(ids(&have), ["file:p", "pkg:pypi/google-genai", "pkg:pypi/torch", "pkg:pypi/transformers"]);
    assert_eq!(have.get("pkg:pypi/torch").unwrap().evidence[0].line, Some(2));
}

#[test]
fn models_data_sets_and_dangerous_settings() {
    let text = "from transformers import AutoModel\nfrom datasets import load_dataset\nNAME = 'acme/big'\nm = AutoModel.from_pretrained(NAME, revision='main',\n  trust_remote_code=True)\nd = load_dataset('rows/all')\np = pipeline('x', model='tiny')\n";
    let have = python(text);
    let model = have.get("https://huggingface.co/acme/big").unwrap();
    assert_eq!(model.properties["trust_remote_code"], true);
    assert_eq!((model.provenance.version.as_deref(), model.provenance.pinned), (Some("main"), Some(false)));
    assert!(have.get("https://huggingface.co/datasets/rows/all").is_some());
    assert!(have.get("https://huggingface.co/tiny").is_some());
    assert_eq!(have.get("file:p").unwrap().properties["trust_remote_code"], true);
}

#[test]
fn raw_http_and_cloud_clients() {
    let have = python(
        "import boto3, requests\nrequests.post('https://api.openai.com/v1/chat', json={'model': 'gpt-4'})\nc = boto3.client('bedrock-runtime')\n",
    );
    assert_eq!(ids(&have), ["ai-provider:amazon-bedrock", "ai-provider:openai", "file:p", "model:gpt-4"]);
}

#[test]
fn agents_with_their_tools() {
    let text = "from agents import Agent, function_tool\nimport subprocess\n@function_tool\ndef run(cmd: str) -> str:\n    \"\"\"Runs it.\"\"\"\n    return subprocess.run(cmd, shell=True)\n\n@function_tool\ndef add(a, b):\n    return a + b\n\nhelper = Agent(name='Helper', tools=[run], model='gpt-4o')\n";
    let have = python(text);
    let tool = have.get("file:p/a.py#run").unwrap();
    assert_eq!((tool.text("capability"), tool.text("description")), (Some("shell"), Some("Runs it.")));
    assert_eq!(have.get("file:p/a.py#add").unwrap().text("capability"), None);
    let out: Vec<_> = have.outgoing("file:p/a.py#Helper").map(|r| format!("{} {}", r.kind, r.to)).collect();
    assert_eq!(out, ["uses model:gpt-4o", "has_tool file:p/a.py#run"]);
}

#[test]
fn an_agent_that_a_method_returns_takes_its_name() {
    let text = "from crewai import Agent\nclass C:\n    @agent\n    def writer(self) -> Agent:\n        return Agent(config=1, tools=[ShellTool()])\n";
    let have = python(text);
    assert_eq!(have.get("file:p/a.py#writer").map(|a| a.kind), Some(AssetKind::Agent));
    assert_eq!(have.get("file:p/a.py#ShellTool").unwrap().text("capability"), Some("shell"));
    assert!(have.outgoing("file:p/a.py#writer").any(|r| r.kind == RelationKind::HasTool));
}

#[test]
fn javascript_imports() {
    let mut found = Found::default();
    let text = "import OpenAI from 'openai'; // import x from 'langchain'\nconst a = require(\"@langchain/core/tools\");\nimport e from 'express';\nawait c.create({ model: 'gpt-4o' })\n";
    read(&Source { path: "p/a.ts", text }, Language::JavaScript, &mut found);
    assert_eq!(ids(&found.inventory), ["file:p", "model:gpt-4o", "pkg:npm/%40langchain/core", "pkg:npm/openai"]);
}

#[test]
fn go_imports() {
    let mut found = Found::default();
    let text = "package m\nimport (\n\t\"fmt\"\n\toa \"github.com/openai/openai-go/option\" // x\n)\nvar s = \"github.com/tmc/langchaingo\"\n";
    read(&Source { path: "p/a.go", text }, Language::Go, &mut found);
    assert_eq!(ids(&found.inventory), ["file:p", "pkg:golang/github.com/openai/openai-go"]);
}

#[test]
fn notebooks_and_what_they_install() {
    let text = r##"{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": ["import openai"]},
        {"cell_type": "code", "source": ["!pip install -q anthropic==0.3.0\n", "from transformers import pipeline"]}]}"##;
    let mut found = Found::default();
    notebook(&Document::json("p/n.ipynb", text).unwrap(), &mut found);
    let package = found.inventory.get("pkg:pypi/transformers").unwrap();
    assert_eq!(package.evidence[0].pointer.as_deref(), Some("/cells/1"));
    assert!(found.inventory.get("pkg:pypi/anthropic@0.3.0").is_some());
    assert!(found.inventory.get("pkg:pypi/openai").is_none());
    assert!(found.inventory.get("file:p/n.ipynb").unwrap().ai);
}

#[test]
fn values_of_flags_are_no_packages() {
    let mut found = crate::discover::Found::default();
    let command = "pip install --index-url https://pypi.acme.example/simple -r base.txt --no-cache-dir openai==1.0.0";
    super::installs("d/Dockerfile", command, &crate::asset::Evidence::file("d/Dockerfile"), &mut found);
    let packages = found.inventory.assets().filter(|asset| asset.id.as_str().starts_with("pkg:"));
    assert_eq!(packages.map(|asset| asset.id.as_str()).collect::<Vec<_>>(), ["pkg:pypi/openai@1.0.0"]);
}
