//! Answers and templates through the sniffer.

use serde_json::{Value, json};

use crate::asset::{Asset, AssetKind, Authentication, Document, Exposure, Inventory, RelationKind};
use crate::discover::format::{Found, dispatch};

const SAGEMAKER: &str = "arn:aws:sagemaker:eu-west-1:111111111111:";
const BEDROCK: &str = "arn:aws:bedrock:eu-west-1:111111111111:";

fn read(values: &[Value]) -> Inventory {
    let mut found = Found::default();
    for value in values {
        assert!(dispatch(&Document::json("a.json", &value.to_string()).unwrap(), &mut found), "{value}");
    }
    super::join(&mut found.inventory);
    found.inventory
}

fn template(text: &str) -> Inventory {
    let (documents, error) = Document::yaml("t.yaml", text);
    assert!(error.is_none(), "{error:?}");
    let mut found = Found::default();
    assert!(dispatch(&documents[0], &mut found));
    assert_eq!(found.formats, ["cloudformation"]);
    found.inventory
}

/// The place that shows a relation.
fn related(inventory: &Inventory, from: &str, kind: RelationKind, to: &str) -> String {
    let relation = inventory.outgoing(from).find(|r| r.kind == kind && r.to.as_str() == to);
    let known = || inventory.outgoing(from).map(|r| format!("{} {}", r.kind, r.to)).collect::<Vec<_>>();
    let relation = relation.unwrap_or_else(|| panic!("{from} {kind} {to}: {:?}", known()));
    relation.evidence[0].location()
}

fn asset<'a>(inventory: &'a Inventory, id: &str) -> &'a Asset {
    let known = || inventory.assets().map(|a| a.id.to_string()).collect::<Vec<_>>();
    inventory.get(id).unwrap_or_else(|| panic!("{id}: {:?}", known()))
}

#[test]
fn an_endpoint_leads_to_its_models_and_their_artifacts() {
    let arn = |rest: &str| format!("{SAGEMAKER}{rest}");
    let inventory = read(&[
        json!({"EndpointName": "e", "EndpointArn": arn("endpoint/e"), "EndpointConfigName": "c"}),
        json!({"EndpointConfigName": "c", "EndpointConfigArn": arn("endpoint-config/c"),
            "ProductionVariants": [{"ModelName": "m"}], "KmsKeyId": "k-1"}),
        json!({"ModelName": "m", "ModelArn": arn("model/m"), "ExecutionRoleArn": "arn:aws:iam::111111111111:role/r",
            "PrimaryContainer": {"Image": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/x:1",
                "ModelDataUrl": "s3://models-1/m/model.tar.gz", "Environment": {"HF_MODEL_ID": "acme/tiny"}}}),
        json!({"TrainingJobSummaries": [{"TrainingJobName": "t", "TrainingJobArn": arn("training-job/t")}], "NextToken": "x"}),
    ]);
    let (endpoint, model) = (arn("endpoint/e"), arn("model/m"));
    related(&inventory, &endpoint, RelationKind::Uses, &arn("endpoint-config/c"));
    assert_eq!(related(&inventory, &endpoint, RelationKind::Serves, &model), "a.json#/ProductionVariants/0/ModelName");
    related(&inventory, &endpoint, RelationKind::RunsAs, "arn:aws:iam::111111111111:role/r");
    let artifact = "s3://models-1/m/model.tar.gz";
    assert_eq!(
        related(&inventory, &model, RelationKind::DerivedFrom, artifact),
        "a.json#/PrimaryContainer/ModelDataUrl"
    );
    related(&inventory, "arn:aws:s3:::models-1", RelationKind::Contains, artifact);
    related(&inventory, "arn:aws:iam::111111111111:root", RelationKind::Contains, &model);
    assert!(inventory.assets().any(|a| a.id.as_str() == "https://huggingface.co/acme/tiny"));
    let config = asset(&inventory, &arn("endpoint-config/c"));
    assert_eq!((config.encryption.customer_key, config.ai), (Some(true), true));
    assert_eq!(asset(&inventory, &arn("training-job/t")).kind, AssetKind::TrainingJob);
}

#[test]
fn agents_have_tools_stores_and_guardrails() {
    let inventory = read(&[
        json!({"status_code": 200, "data": {"agent": {"agentId": "A1", "agentName": "help", "agentArn": format!("{BEDROCK}agent/A1"),
            "foundationModel": "anthropic.claude-x", "agentResourceRoleArn": "arn:aws:iam::111111111111:role/a",
            "guardrailConfiguration": {"guardrailIdentifier": "g1", "guardrailVersion": "1"},
            "createdAt": {"__class__": "datetime", "year": 2026, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5}}}}),
        json!({"agentActionGroup": {"agentId": "A1", "actionGroupId": "T1", "actionGroupName": "refund",
            "actionGroupExecutor": {"lambda": "arn:aws:lambda:eu-west-1:111111111111:function:refund:live"}}}),
        json!({"knowledgeBase": {"knowledgeBaseId": "K1", "name": "docs", "knowledgeBaseArn": format!("{BEDROCK}knowledge-base/K1"),
            "knowledgeBaseConfiguration": {"vectorKnowledgeBaseConfiguration": {"embeddingModelArn": "arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan-embed-text-v2:0"}},
            "storageConfiguration": {"opensearchServerlessConfiguration": {"collectionArn": "arn:aws:aoss:eu-west-1:111111111111:collection/c1"}}}}),
        json!({"ResourceTagMappingList": [{"ResourceARN": format!("{BEDROCK}agent/A1"), "Tags": [{"Key": "team", "Value": "care"}]}]}),
    ]);
    let agent = format!("{BEDROCK}agent/A1");
    assert_eq!(
        related(&inventory, &agent, RelationKind::Uses, "model:anthropic.claude-x"),
        "a.json#/data/agent/foundationModel"
    );
    related(&inventory, &format!("{BEDROCK}guardrail/g1"), RelationKind::AppliesTo, &agent);
    assert_eq!(asset(&inventory, &agent).owner.as_deref(), Some("care"));
    assert_eq!(asset(&inventory, &agent).properties["createdAt"], "2026-01-02T03:04:05Z");
    let tool = inventory.assets().find(|a| a.kind == AssetKind::Tool).unwrap();
    related(
        &inventory,
        tool.id.as_str(),
        RelationKind::Invokes,
        "arn:aws:lambda:eu-west-1:111111111111:function:refund",
    );
    // the list tells neither account nor region
    let mut inventory = inventory;
    inventory.extend(read(&[
        json!({"agentSummaries": [{"agentId": "A1", "agentName": "help", "agentStatus": "PREPARED"}]}),
    ]));
    super::join(&mut inventory);
    assert_eq!(inventory.assets().filter(|a| a.kind == AssetKind::Agent).count(), 1);
    assert_eq!(asset(&inventory, &agent).properties["agentStatus"], "PREPARED");
    let store = format!("{BEDROCK}knowledge-base/K1");
    related(&inventory, &store, RelationKind::Uses, "model:amazon.titan-embed-text-v2:0");
    related(&inventory, &store, RelationKind::RetrievesFrom, "arn:aws:aoss:eu-west-1:111111111111:collection/c1");
}

#[test]
fn what_is_open_to_the_internet() {
    let function = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let inventory = read(&[
        json!({"FunctionUrl": "https://x.lambda-url.eu-west-1.on.aws/", "FunctionArn": function, "AuthType": "NONE"}),
        json!({"Policy": json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::open-1/*"}]}).to_string()}),
    ]);
    let url = inventory.assets().find(|a| a.aliases.iter().any(|id| id.as_str().contains("lambda-url"))).unwrap();
    assert_eq!((url.exposure, url.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    related(&inventory, "internet", RelationKind::Exposes, url.id.as_str());
    related(&inventory, url.id.as_str(), RelationKind::Exposes, function);
    related(&inventory, "internet", RelationKind::Exposes, "arn:aws:s3:::open-1");
    assert!(inventory.assets().all(|a| !a.ai), "{:?}", inventory.assets().find(|a| a.ai));
}

#[test]
fn nothing_of_others_is_claimed() {
    for value in [
        json!({"models": [{"name": "llama3:8b", "size": 1}]}),
        json!({"items": []}),
        json!({"functions": [{"name": "f"}]}),
        json!({"name": "x", "version": "1", "type": "library"}),
        json!({"arn": "arn:aws:iam::111111111111:role/r", "severity": "HIGH", "title": "t"}),
        json!({"Resources": [{"Type": "AwsEc2Instance", "Id": "i-1"}]}),
        json!({"tags": {"a": "b"}}),
    ] {
        assert!(!dispatch(&Document::json("x.json", &value.to_string()).unwrap(), &mut Found::default()), "{value}");
    }
    for empty in [json!({"TrainingJobSummaries": []}), json!({"Tags": [], "ResponseMetadata": {}})] {
        assert!(read(&[empty]).is_empty());
    }
}

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Stage: {Type: String, Default: prod}
Resources:
  Data:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub "acme-${Stage}", Tags: [{Key: Owner, Value: ml}]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: sagemaker.amazonaws.com}, Action: sts:AssumeRole}]}
      Policies:
        - PolicyName: read
          PolicyDocument: {Statement: [{Effect: Allow, Action: s3:GetObject, Resource: !Sub "${Data.Arn}/*"}]}
  Model:
    Type: AWS::SageMaker::Model
    Properties:
      ExecutionRoleArn: !GetAtt Role.Arn
      PrimaryContainer: {ModelDataUrl: !Sub "s3://${Data}/model.tar.gz"}
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties: {ProductionVariants: [{ModelName: !GetAtt Model.ModelName}]}
  Endpoint:
    Type: AWS::SageMaker::Endpoint
    Properties: {EndpointConfigName: !GetAtt Config.EndpointConfigName}
  Agent:
    Type: AWS::Bedrock::Agent
    Properties:
      AgentName: help
      ActionGroups: [{ActionGroupName: refund, ActionGroupExecutor: {Lambda: !GetAtt Fn.Arn}}]
      KnowledgeBases: [{KnowledgeBaseId: !Ref Docs}]
  Docs: {Type: "AWS::Bedrock::KnowledgeBase", Properties: {Name: docs, RoleArn: !GetAtt Role.Arn}}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {Role: !GetAtt Role.Arn, FunctionUrlConfig: {AuthType: NONE}, Environment: {Variables: {K: v}}}
  Odd: {Type: "Custom::Thing", Properties: {RoleArn: !GetAtt Role.Arn, Of: !Ref Model}}
"#;

#[test]
fn templates_relate_logical_ids() {
    let mut inventory = template(TEMPLATE);
    super::join(&mut inventory);
    let id = |name: &str| format!("file:t.yaml#{name}");
    let model = asset(&inventory, &id("Model"));
    assert_eq!((model.kind, model.text("cloudformation_type")), (AssetKind::Model, Some("AWS::SageMaker::Model")));
    assert_eq!(model.evidence[0].line, Some(16));
    assert_eq!(related(&inventory, &id("Model"), RelationKind::RunsAs, &id("Role")), "t.yaml:19");
    assert_eq!(
        related(&inventory, &id("Model"), RelationKind::DerivedFrom, "s3://acme-prod/model.tar.gz"),
        "t.yaml:20"
    );
    related(&inventory, &id("Endpoint"), RelationKind::Serves, &id("Model"));
    related(&inventory, &id("Agent"), RelationKind::RetrievesFrom, &id("Docs"));
    let tool = inventory.outgoing(&id("Agent")).find(|r| r.kind == RelationKind::HasTool).unwrap().to.clone();
    related(&inventory, tool.as_str(), RelationKind::Invokes, &id("Fn"));
    related(&inventory, "internet", RelationKind::Exposes, &format!("{}:url", id("Fn")));
    related(&inventory, &id("Odd"), RelationKind::Uses, &id("Model"));
    let bucket = asset(&inventory, "arn:aws:s3:::acme-prod");
    assert_eq!((bucket.ai, bucket.owner.as_deref()), (false, Some("ml")));
    let policy = &asset(&inventory, &id("Role")).properties["RolePolicyList"][0];
    assert_eq!(policy["PolicyDocument"]["Statement"][0]["Resource"], "arn:aws:s3:::acme-prod/*");
    assert_eq!(policy["Pointer"], "/Resources/Role/Properties/Policies/0/PolicyDocument");
}

#[test]
fn templates_in_json_read_alike() {
    let inventory = read(&[json!({"Resources": {
        "Key": {"Type": "AWS::KMS::Key"},
        "Note": {"Type": "AWS::SageMaker::NotebookInstance", "Properties":
            {"KmsKeyId": {"Ref": "Key"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "DirectInternetAccess": "Enabled"}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/X"}]}},
        "Plain": {"Type": "AWS::SageMaker::NotebookInstance"},
    }})]);
    let note = asset(&inventory, "file:a.json#Note");
    assert_eq!((note.encryption.customer_key, note.ai), (Some(true), true));
    assert_eq!(asset(&inventory, "file:a.json#Plain").encryption.customer_key, Some(false));
    related(&inventory, "file:a.json#Note", RelationKind::Uses, "file:a.json#Key");
    related(&inventory, "file:a.json#Note", RelationKind::RunsAs, "file:a.json#Role");
    related(&inventory, "arn:aws:iam::aws:policy/X", RelationKind::AppliesTo, "file:a.json#Role");
}

#[test]
fn what_is_only_named_is_known() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let inventory = read(&[
        json!({"clusterArns": ["arn:aws:ecs:eu-west-1:111111111111:cluster/c"]}),
        json!({"Accounts": [{"Id": "222222222222", "Name": "ml", "Arn": "arn:aws:organizations::333333333333:account/o/222222222222"}]}),
        json!({"UserId": "U", "Account": "111111111111", "Arn": "arn:aws:sts::111111111111:assumed-role/r/s"}),
        json!({"RoleName": "r", "PolicyName": "p", "PolicyDocument": {"Statement": []}}),
        json!({"imageScanFindings": {"findings": [{"name": "CVE-2026-1", "severity": "HIGH"}]}, "registryId": "111111111111",
            "repositoryName": "x", "imageId": {"imageDigest": digest, "imageTag": "1"}}),
        json!({"StackResources": [{"StackId": "arn:aws:cloudformation:eu-west-1:111111111111:stack/s/1", "LogicalResourceId": "M",
            "PhysicalResourceId": "m", "ResourceType": "AWS::SageMaker::Model"}]}),
    ]);
    assert_eq!(asset(&inventory, "arn:aws:ecs:eu-west-1:111111111111:cluster/c").kind, AssetKind::Cluster);
    assert_eq!(asset(&inventory, "arn:aws:iam::222222222222:root").name, "ml");
    // the policy's role is the caller's, the only one of this name
    assert!(asset(&inventory, "arn:aws:iam::111111111111:role/r").properties.contains_key("RolePolicyList"));
    let image = inventory.assets().find(|a| a.kind == AssetKind::ContainerImage).unwrap();
    assert_eq!(image.external_findings[0].evidence[0].pointer.as_deref(), Some("/imageScanFindings/findings/0"));
    let stack = "arn:aws:cloudformation:eu-west-1:111111111111:stack/s/1";
    related(&inventory, &format!("{SAGEMAKER}model/m"), RelationKind::DeployedBy, stack);
}

#[test]
fn a_template_s_exposure() {
    let read = |block: bool| {
        let mut inventory = template(&format!(
            r#"
Resources:
  Bucket: {{Type: "AWS::S3::Bucket", Properties: {{PublicAccessBlockConfiguration: {{RestrictPublicBuckets: {block}}}}}}}
  Open:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument: {{Statement: [{{Effect: Allow, Principal: "*", Action: s3:GetObject, Resource: !Sub "${{Bucket.Arn}}/*"}}]}}
  Api: {{Type: "AWS::ApiGateway::RestApi", Properties: {{Name: chat}}}}
  Post:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      AuthorizationType: NONE
      Integration: {{Uri: !Sub "arn:aws:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{Fn.Arn}}/invocations"}}
  Fn: {{Type: "AWS::Serverless::Function", Properties: {{Policies: [AmazonBedrockFullAccess], Environment: {{Variables: {{OPENAI_API_KEY: x}}}}}}}}
"#
        ));
        super::join(&mut inventory);
        inventory
    };
    let inventory = read(false);
    let id = |name: &str| format!("file:t.yaml#{name}");
    related(&inventory, "internet", RelationKind::Exposes, &id("Bucket"));
    related(&inventory, &id("Api"), RelationKind::Exposes, &id("Fn"));
    let api = asset(&inventory, &id("Api"));
    assert_eq!((api.exposure, api.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    related(&inventory, &id("Fn"), RelationKind::RunsAs, &id("FnRole"));
    let attached = &asset(&inventory, &id("FnRole")).properties["AttachedManagedPolicies"][0]["PolicyArn"];
    assert_eq!(attached, "arn:aws:iam::aws:policy/AmazonBedrockFullAccess");
    assert!(asset(&inventory, &id("Fn")).ai);
    assert_eq!(asset(&read(true), &id("Bucket")).exposure, None);
}

#[test]
fn keys_of_one_service_and_the_policy_on_learning_from_data() {
    let credential = json!({"ServiceSpecificCredentials": [{
        "UserName": "BedrockAPIKey-1", "Status": "Active", "ServiceName": "bedrock.amazonaws.com", "ServiceSpecificCredentialId": "ACCA1",
        "CreateDate": "2025-01-01T00:00:00Z", "ExpirationDate": "2026-01-01T00:00:00Z"}]});
    let policy = json!({"Policy": {
        "PolicySummary": {"Id": "p-1", "Arn": "arn:aws:organizations::111111111111:policy/o-1/aiservices_opt_out_policy/p-1",
            "Name": "ai", "Type": "AISERVICES_OPT_OUT_POLICY"},
        "Content": "{\"services\":{\"default\":{\"opt_out_policy\":{\"@@assign\":\"optOut\"}}}}"}});
    let inventory = read(&[credential, policy]);
    let key = inventory.assets().find(|asset| asset.kind == AssetKind::AccessKey).unwrap();
    assert_eq!(
        (key.text("ServiceName"), key.text("ExpirationDate")),
        (Some("bedrock.amazonaws.com"), Some("2026-01-01T00:00:00Z"))
    );
    assert!(
        inventory
            .outgoing(key.id.as_str())
            .any(|r| r.kind == RelationKind::RunsAs && r.to.as_str().ends_with("user/BedrockAPIKey-1"))
    );
    let policy = inventory.assets().find(|asset| asset.properties.contains_key("ai_opt_out")).unwrap();
    assert_eq!(policy.properties["ai_opt_out"], true);
}
