//! Chains through agents, stores, registries and keys.

use super::*;

fn thing(id: &str, kind: AssetKind) -> Asset {
    Asset::new(id, kind, id).seen(Evidence::file("app.py"))
}

fn records(id: &str, kind: AssetKind) -> Asset {
    let mut data = thing(id, kind);
    data.data_classes.insert("customer".to_owned());
    data
}

/// An agent with a store, a tool that brings content in and one that sends out, as asked.
fn triad(parts: &[&str]) -> Inventory {
    let all = [
        ("data", ("agent", RelationKind::RetrievesFrom, "customers")),
        ("in", ("agent", RelationKind::HasTool, "inbox")),
        ("out", ("agent", RelationKind::HasTool, "webhook")),
    ];
    let relations: Vec<_> =
        all.iter().filter(|(part, _)| parts.contains(part)).map(|(_, relation)| *relation).collect();
    let assets = vec![
        thing("agent", AssetKind::Agent),
        records("customers", AssetKind::VectorStore),
        thing("inbox", AssetKind::Tool),
        thing("webhook", AssetKind::Tool),
    ];
    inventory(assets, &relations)
}

#[test]
fn an_agent_leaks_with_private_data_foreign_content_and_a_way_out() {
    let solution = ask(&triad(&["data", "in", "out"]), "internet", Target::Sensitive);
    assert_eq!(rules(&solution.paths[0]), ["untrusted-content", "agent-leaks-store"]);
    assert_eq!((solution.paths[0].goal, solution.paths[0].status), (Goal::Leak, PathStatus::Confirmed));
    assert_eq!(solution.choke_points[0].asset.as_str(), "agent");
    for two in [["data", "in"], ["data", "out"], ["in", "out"]] {
        assert!(ask(&triad(&two), "internet", Target::Sensitive).paths.is_empty(), "{two:?}");
    }
}

#[test]
fn who_can_send_out_is_asked_by_the_internet_as_target() {
    let solution = ask(&triad(&["in", "out"]), "internet", Target::Asset("internet".into()));
    assert_eq!(rules(&solution.paths[0]), ["untrusted-content", "agent-sends-out"]);
    let bucket = records(BUCKET, AssetKind::Bucket);
    let opens = |actions: &[&str]| {
        let estate = inventory(vec![user("u", vec![allow(actions, "*")]), bucket.clone()], &[]);
        ask(&estate, &arn("user/u"), Target::Asset("internet".into())).paths.first().map(|path| path.status)
    };
    assert_eq!(opens(&["s3:PutBucketPolicy"]), Some(PathStatus::Conditional));
    assert_eq!(opens(&["s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock"]), Some(PathStatus::Confirmed));
    assert_eq!(opens(&["s3:GetObject"]), None);
}

#[test]
fn an_agent_answers_only_whom_it_lets_in() {
    let leaks = |authentication| {
        let mut agent = thing("agent", AssetKind::Agent);
        agent.authentication = Some(authentication);
        let estate = inventory(
            vec![agent, records("customers", AssetKind::VectorStore)],
            &[("internet", RelationKind::Exposes, "agent"), ("agent", RelationKind::RetrievesFrom, "customers")],
        );
        ask(&estate, "internet", Target::Sensitive).paths.iter().any(|path| path.goal == Goal::Leak)
    };
    assert!(leaks(Authentication::None) && !leaks(Authentication::Identity));
}

#[test]
fn pushing_an_image_takes_over_what_runs_it_by_tag() {
    let repository = "arn:aws:ecr:eu-west-1:111111111111:repository/llm";
    let pushes = |actions: &[&str], pinned: bool| {
        let name = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/llm:prod";
        let mut image = Asset::new("pkg:docker/llm", AssetKind::ContainerImage, name);
        image.provenance.pinned = Some(pinned);
        let registry = thing(repository, AssetKind::Repository).with("terraform_type", "aws_ecr_repository");
        let assets = vec![
            user("u", vec![allow(actions, repository)]),
            admin_for("ecs-tasks.amazonaws.com"),
            registry,
            image,
            thing("server", AssetKind::Workload),
        ];
        let relations = [("server", RelationKind::RunsOn, "pkg:docker/llm"), ("server", RelationKind::RunsAs, ADMIN)];
        ask(&inventory(assets, &relations), &arn("user/u"), Target::Admin).paths
    };
    let all = ["ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"];
    assert_eq!(rules(&pushes(&all, false)[0]), ["push-image", "image-runs", "tool-home"]);
    assert!(pushes(&all, true).is_empty(), "a digest names one image");
    assert!(pushes(&all[1..], false).is_empty());
}

#[test]
fn planted_documents_steer_an_agent() {
    let store = "arn:aws:bedrock:eu-west-1:111111111111:knowledge-base/kb";
    let steers = |action: &str| {
        let assets = vec![
            user("u", vec![allow(&[action], "*")]),
            thing(store, AssetKind::VectorStore).with("terraform_type", "aws_bedrockagent_knowledge_base"),
            thing("agent", AssetKind::Agent),
            thing("shell", AssetKind::Tool),
            role("role/agent", json!({"Service": "bedrock.amazonaws.com"}), vec![allow(&["*"], "*")]),
        ];
        let admin = arn("role/agent");
        let relations = [
            ("agent", RelationKind::RetrievesFrom, store),
            ("agent", RelationKind::HasTool, "shell"),
            ("agent", RelationKind::RunsAs, admin.as_str()),
        ];
        ask(&inventory(assets, &relations), &arn("user/u"), Target::Admin).paths
    };
    let path = &steers("bedrock:IngestKnowledgeBaseDocuments")[0];
    assert_eq!(rules(path), ["bedrock-ingest", "prompt-through-store", "agent-own-identity", "tool-home"]);
    assert!(steers("bedrock:GetKnowledgeBase").is_empty());
}

#[test]
fn rewriting_an_agent_needs_each_permission() {
    let agent = "arn:aws:bedrock:eu-west-1:111111111111:agent/a";
    let steers = |actions: &[&str]| {
        let runner = role("role/agent", json!({"Service": "bedrock.amazonaws.com"}), vec![]);
        let assets = vec![
            user("u", vec![allow(actions, "*")]),
            runner,
            thing(agent, AssetKind::Agent).with("terraform_type", "aws_bedrockagent_agent"),
            records("customers", AssetKind::VectorStore),
            thing("webhook", AssetKind::Tool),
        ];
        let id = arn("role/agent");
        let relations = [
            (agent, RelationKind::RunsAs, id.as_str()),
            (agent, RelationKind::RetrievesFrom, "customers"),
            (agent, RelationKind::HasTool, "webhook"),
        ];
        ask(&inventory(assets, &relations), &arn("user/u"), Target::Sensitive).paths
    };
    let all = ["bedrock:UpdateAgent", "bedrock:PrepareAgent", "iam:PassRole"];
    assert_eq!(rules(&steers(&all)[0]), ["bedrock-update-agent", "agent-leaks-store"]);
    for missing in 0..all.len() {
        let rest: Vec<&str> = all.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, a)| *a).collect();
        assert!(steers(&rest).is_empty(), "without {}", all[missing]);
    }
}

#[test]
fn a_key_in_the_clear_is_spent_if_it_is_the_providers() {
    let function = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let assets = vec![
        user("u", vec![allow(&["lambda:GetFunction"], "*")]),
        thing(function, AssetKind::Function).with("terraform_type", "aws_lambda_function"),
        thing("key", AssetKind::AccessKey).with("hardcoded", true),
        thing("ai-provider:openai", AssetKind::AiProvider),
    ];
    let relations = [(function, RelationKind::Uses, "key"), (function, RelationKind::Uses, "ai-provider:openai")];
    let solution = ask(&inventory(assets, &relations), &arn("user/u"), Target::Sensitive);
    assert_eq!(rules(&solution.paths[0]), ["key-in-function", "key-opens-model"]);
    assert_eq!(solution.paths[0].status, PathStatus::Conditional);
}

#[test]
fn an_open_endpoint_spends_what_its_model_costs() {
    let spends = |authentication| {
        let mut endpoint = thing("https://llm.example", AssetKind::Endpoint);
        endpoint.authentication = Some(authentication);
        let relations = [
            ("internet", RelationKind::Exposes, "https://llm.example"),
            ("https://llm.example", RelationKind::Serves, "model"),
        ];
        let estate = inventory(vec![endpoint, thing("model", AssetKind::Model)], &relations);
        let paths = ask(&estate, "internet", Target::Sensitive).paths;
        paths.iter().any(|path| rules(path).contains(&"denial-of-wallet"))
    };
    assert!(spends(Authentication::None) && !spends(Authentication::Key));
}

#[test]
fn a_workload_with_graphics_processors_is_worth_taking() {
    let relations = [
        ("internet", RelationKind::Exposes, "https://ray.example"),
        ("https://ray.example", RelationKind::Exposes, "ray"),
    ];
    let mut endpoint = thing("https://ray.example", AssetKind::Endpoint);
    endpoint.authentication = Some(Authentication::None);
    let hijacks = |key: &str| {
        let assets = vec![endpoint.clone(), thing("ray", AssetKind::Workload).with(key, "nvidia")];
        let paths = ask(&inventory(assets, &relations), "internet", Target::Sensitive).paths;
        paths.iter().any(|path| rules(path).contains(&"gpu-taken-over"))
    };
    assert!(hijacks("gpu") && !hijacks("cpu"));
}
