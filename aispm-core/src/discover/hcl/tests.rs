use std::fs;

use crate::asset::{AssetKind, Exposure, Inventory, RelationKind};
use crate::discover::{Discovery, discover};

fn read(files: &[(&str, &str)]) -> Discovery {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = folder.path().display().to_string();
    let text = serde_json::to_string(&discover([folder.path()])).unwrap().replace(&format!("{root}/"), "");
    serde_json::from_str(&text).unwrap()
}

/// The line that shows a relation, if it is there.
fn line(inventory: &Inventory, from: &str, kind: RelationKind, to: &str) -> Option<u64> {
    let mut relations = inventory.outgoing(from).filter(|r| r.kind == kind && r.to.as_str() == to);
    relations.next().unwrap_or_else(|| panic!("{from} {kind} {to}")).evidence[0].line
}

const MAIN: &str = r#"
provider "aws" {
  region              = "eu-west-1"
  allowed_account_ids = ["111111111111"]
  default_tags {
    tags = { Owner = "ml-team", env = var.stage }
  }
}
locals {
  prefix = "acme-${var.stage}"
  names  = { for n in ["a", "b"] : n => "${local.prefix}-${n}" }
}
resource "aws_s3_bucket" "data" {
  bucket = local.names["a"]
  tags   = { "Data-Classification" = "Confidential" }
}
data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.data.arn}/*"]
  }
}
resource "aws_iam_role" "run" {
  name = "${local.prefix}-run"
  assume_role_policy = jsonencode({
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "sagemaker.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy" "run" {
  role   = aws_iam_role.run.id
  policy = data.aws_iam_policy_document.read.json
}
module "serving" {
  source = "./modules/serving"
  role   = aws_iam_role.run.arn
  data   = "s3://${aws_s3_bucket.data.id}/models/m.tar.gz"
  name   = local.prefix
}
resource "aws_lambda_function" "front" {
  function_name = "front"
  role          = aws_iam_role.run.arn
  environment {
    variables = {
      ENDPOINT       = module.serving.endpoint
      OPENAI_API_KEY = var.key
    }
  }
}
"#;

const SERVING: &str = r#"variable "role" {}
variable "data" {}
variable "name" { default = "x" }
resource "aws_sagemaker_model" "m" {
  name               = "${var.name}-model"
  execution_role_arn = var.role
  primary_container {
    image          = "acme/serve:1"
    model_data_url = var.data
  }
}
resource "aws_sagemaker_endpoint_configuration" "c" {
  dynamic "production_variants" {
    for_each = { one = aws_sagemaker_model.m.name }
    content {
      variant_name = production_variants.key
      model_name   = production_variants.value
    }
  }
}
resource "aws_sagemaker_endpoint" "e" {
  count                = 2
  name                 = "${var.name}-${count.index}"
  endpoint_config_name = aws_sagemaker_endpoint_configuration.c.name
}
output "endpoint" { value = aws_sagemaker_endpoint.e[0].name }
"#;

#[test]
fn a_module_its_values_and_what_it_calls() {
    let discovery = read(&[
        ("main.tf", MAIN),
        ("variables.tf", "variable \"stage\" { default = \"dev\" }\nvariable \"key\" { sensitive = true }\n"),
        ("terraform.tfvars", "stage = \"prod\"\n"),
        ("modules/serving/main.tf", SERVING),
    ]);
    assert!(discovery.incomplete.is_empty() && discovery.skipped.is_empty());
    let inventory = &discovery.inventory;
    let bucket = inventory.get("arn:aws:s3:::acme-prod-a").unwrap();
    assert_eq!((bucket.owner.as_deref(), bucket.environment.as_deref()), (Some("ml-team"), Some("prod")));
    assert!(bucket.data_classes.contains("confidential") && bucket.evidence[0].line == Some(13));
    let role = inventory.get("arn:aws:iam::111111111111:role/acme-prod-run").unwrap();
    let policy = role.properties["RolePolicyList"][0]["PolicyDocument"].as_str().unwrap();
    assert!(policy.contains("arn:aws:s3:::acme-prod-a/*"), "{policy}");
    assert!(role.properties["AssumeRolePolicyDocument"].as_str().unwrap().contains("sagemaker.amazonaws.com"));

    let sagemaker = "arn:aws:sagemaker:eu-west-1:111111111111";
    let model = format!("{sagemaker}:model/acme-prod-model");
    assert_eq!(inventory.get(&model).unwrap().text("terraform_address"), Some("module.serving.aws_sagemaker_model.m"));
    assert_eq!(line(inventory, &model, RelationKind::RunsAs, role.id.as_str()), Some(6));
    assert_eq!(line(inventory, &model, RelationKind::DerivedFrom, bucket.id.as_str()), Some(9));
    line(inventory, bucket.id.as_str(), RelationKind::Contains, "s3://acme-prod-a/models/m.tar.gz");
    let config = "file:main.tf#module.serving.aws_sagemaker_endpoint_configuration.c";
    assert_eq!(line(inventory, config, RelationKind::Uses, &model), Some(17));
    let endpoint = "file:main.tf#module.serving.aws_sagemaker_endpoint.e";
    assert_eq!(inventory.get(endpoint).unwrap().properties["count"], 2);
    assert_eq!(line(inventory, endpoint, RelationKind::Serves, &model), Some(17));
    let front = inventory.get("arn:aws:lambda:eu-west-1:111111111111:function:front").unwrap();
    assert!(front.ai);
    line(inventory, front.id.as_str(), RelationKind::Uses, "ai-provider:openai");
    assert!(discovery.files.iter().find(|file| file.path == "main.tf").unwrap().assets >= 4);
}

#[test]
fn what_is_not_known_stays_as_it_is_written_and_still_relates() {
    let text = r#"
resource "azurerm_cognitive_account" "ai" {
  name                          = "acme-${random_id.x.hex}"
  kind                          = "OpenAI"
  public_network_access_enabled = var.open ? true : false
  local_auth_enabled            = false
}
resource "azurerm_cognitive_deployment" "gpt" {
  name                 = "gpt"
  cognitive_account_id = azurerm_cognitive_account.ai.id
  model {
    name = "gpt-4o"
  }
}
resource "google_cloud_run_v2_service" "s" {
  name = upper(var.n)
  template {
    service_account = var.own ? google_service_account.sa.email : null
  }
}
resource "google_service_account" "sa" { account_id = "run" }
resource "google_cloud_run_v2_service_iam_member" "all" {
  name   = google_cloud_run_v2_service.s.name
  role   = "roles/run.invoker"
  member = "allUsers"
}
resource "google_storage_bucket_iam_member" "r" {
  bucket = "acme-bucket"
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.sa.email}"
}
"#;
    let discovery = read(&[("main.tf", text)]);
    let inventory = &discovery.inventory;
    let account = inventory.get("file:main.tf#azurerm_cognitive_account.ai").unwrap();
    assert_eq!(account.text("name"), Some("acme-${random_id.x.hex}"));
    assert_eq!(account.text("public_network_access_enabled"), Some("${var.open ? true : false}"));
    let deployment = "file:main.tf#azurerm_cognitive_deployment.gpt";
    assert_eq!(line(inventory, account.id.as_str(), RelationKind::Contains, deployment), Some(10));
    assert_eq!(line(inventory, deployment, RelationKind::Serves, "model:gpt-4o"), Some(12));
    let (service, identity) = ("file:main.tf#google_cloud_run_v2_service.s", "file:main.tf#google_service_account.sa");
    assert_eq!(line(inventory, service, RelationKind::RunsAs, identity), Some(18));
    assert_eq!(inventory.get(service).unwrap().exposure, Some(Exposure::Public));
    assert_eq!(line(inventory, identity, RelationKind::Reads, "gs://acme-bucket"), Some(30));
}

#[test]
fn json_files_and_those_that_are_broken() {
    let discovery = read(&[
        (
            "a/main.tf.json",
            r#"{"variable": {"m": {"default": "amazon.nova-pro-v1:0"}}, "resource": {"aws_bedrockagent_agent": {"a": {"agent_name": "helper", "foundation_model": "${var.m}"}}}}"#,
        ),
        (
            "b/main.tf",
            "resource \"aws_bedrock_guardrail\" \"g\" {\n  name = \"g\"\n}\nresource \"aws_sagemaker_endpoint\" \"e\" {\n  name = \"e\"\n  x = [\n",
        ),
        ("c/one.tf", "resource \"aws_vpc\" \"v\" {}\nvariable \"n\" { default = \"1\" }\n"),
        ("c/two.tf", "resource \"aws_vpc\" \"v\" { name = var.n }\n"),
    ]);
    let inventory = &discovery.inventory;
    let agent = inventory.get("file:a/main.tf.json#aws_bedrockagent_agent.a").unwrap();
    assert_eq!(agent.evidence[0].pointer.as_deref(), Some("/resource/aws_bedrockagent_agent/a"));
    let uses = inventory.outgoing(agent.id.as_str()).next().unwrap();
    assert_eq!(uses.to.as_str(), "model:amazon.nova-pro-v1:0");
    assert_eq!(uses.evidence[0].pointer.as_deref(), Some("/resource/aws_bedrockagent_agent/a/foundation_model"));
    for id in ["aws_bedrock_guardrail.g", "aws_sagemaker_endpoint.e"] {
        assert!(inventory.get(&format!("file:b/main.tf#{id}")).is_some());
    }
    let [broken] = discovery.incomplete.as_slice() else { panic!("{:?}", discovery.incomplete) };
    assert!(broken.critical && broken.path == "b/main.tf" && broken.reason.contains("(line 6"), "{}", broken.reason);
    assert!(!inventory.get("file:c/two.tf#aws_vpc.v").unwrap().ai);
    assert_eq!(inventory.assets().filter(|asset| asset.kind == AssetKind::NetworkEntry).count(), 2);
}

#[test]
fn circles_doublings_and_long_chains_end() {
    let mut text = String::from("locals {\n  a = local.b\n  b = local.a\n  d0 = \"xxxxxxxxxx\"\n  n0 = 1\n");
    for i in 1..2000 {
        text.push_str(&format!("  d{i} = \"${{local.d{0}}}${{local.d{0}}}\"\n  n{i} = {{ v = local.n{0} }}\n", i - 1));
    }
    text.push_str("}\nmodule \"m\" { source = \"./m\" }\n");
    text.push_str("resource \"aws_vpc\" \"v\" {\n  a = local.a\n  d = local.d1999\n  n = local.n1999\n}\n");
    let call =
        "module \"a\" { source = \"../m\" }\nmodule \"b\" { source = \"../m\" }\nresource \"aws_vpc\" \"w\" {}\n";
    let discovery = read(&[("main.tf", &text), ("m/main.tf", call)]);
    let vpc = discovery.inventory.get("file:main.tf#aws_vpc.v").unwrap();
    assert!(vpc.text("a").unwrap().starts_with("${local."));
}

#[test]
fn modules_from_elsewhere_and_pods() {
    let text = r#"
module "agent" {
  source  = "acme/bedrock/aws"
  version = "1.2.3"
  foundation_model = "amazon.nova-lite-v1:0"
}
resource "aws_lambda_permission" "p" { function_name = module.agent.function }
resource "kubernetes_deployment_v1" "llm" {
  metadata {
    name      = "llm"
    namespace = "ml"
  }
  spec {
    template {
      spec {
        service_account_name = "runner"
        container {
          image = "vllm/vllm-openai:v0.6.0"
          args  = ["--model", "acme/tiny-7B"]
        }
      }
    }
  }
}
"#;
    let discovery = read(&[("main.tf", text)]);
    let inventory = &discovery.inventory;
    let module = inventory.get("file:main.tf#module.agent").unwrap();
    assert_eq!((module.ai, module.provenance.pinned), (true, Some(true)));
    line(inventory, module.id.as_str(), RelationKind::Uses, "model:amazon.nova-lite-v1:0");
    let deployment = "k8s://cluster/ml/Deployment/llm";
    assert_eq!(line(inventory, deployment, RelationKind::RunsAs, "k8s://cluster/ml/ServiceAccount/runner"), Some(16));
    line(inventory, deployment, RelationKind::Serves, "https://huggingface.co/acme/tiny-7B");
}

#[test]
fn what_names_nothing_here_is_still_there() {
    let text = r#"
resource "google_project_iam_member" "m" {
  project = var.project
  role    = "roles/aiplatform.user"
  member  = "user:a@acme.example"
}
resource "aws_iam_role_policy" "p" {
  role   = var.role
  policy = "{}"
}
resource "aws_bedrockagent_agent_action_group" "g" {
  agent_id = var.agent
}
resource "azurerm_role_assignment" "r" {
  scope                = var.scope
  role_definition_name = "Reader"
  principal_id         = var.principal
}
resource "aws_lambda_function_url" "u" { function_name = var.f }
"#;
    let discovery = read(&[("main.tf", text)]);
    let inventory = &discovery.inventory;
    for address in [
        "google_project_iam_member.m",
        "aws_iam_role_policy.p",
        "aws_bedrockagent_agent_action_group.g",
        "azurerm_role_assignment.r",
        "aws_lambda_function_url.u",
    ] {
        assert!(inventory.get(&format!("file:main.tf#{address}")).is_some(), "{address}");
    }
    let member = "file:main.tf#google_project_iam_member.m";
    assert_eq!(line(inventory, "user:a@acme.example", RelationKind::Invokes, member), Some(5));
}
