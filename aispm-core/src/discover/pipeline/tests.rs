use serde_json::Value;

use crate::asset::{Asset, AssetKind, Inventory};
use crate::discover::discover;

fn files(all: &[(&str, &str)]) -> (tempfile::TempDir, Inventory, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in all {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let discovery = discover([folder.path()]);
    assert_eq!(discovery.incomplete, []);
    assert!(discovery.inventory.assets().all(|asset| !asset.evidence.is_empty()));
    assert!(discovery.inventory.relations().all(|relation| !relation.evidence.is_empty()));
    let formats = discovery.files.iter().map(|file| file.format.clone()).collect();
    (folder, discovery.inventory, formats)
}

/// The one pipeline of a file, what its steps do, and its relations with the folder taken out.
fn one(name: &str, text: &str, format: &str) -> (Asset, Vec<String>, Vec<String>) {
    let (folder, inventory, formats) = files(&[(name, text)]);
    assert_eq!(formats, [format]);
    let pipeline = inventory.assets().find(|asset| asset.kind == AssetKind::Pipeline).unwrap().clone();
    let root = format!("{}/", folder.path().display());
    let told = inventory.relations().map(|r| format!("{} {} {}", r.from, r.kind, r.to).replace(&root, ""));
    let told = told.collect();
    let steps = list(&pipeline, "steps");
    let does =
        steps.iter().map(|step| format!("{}: {}", step["name"].as_str().unwrap(), step["does"].as_str().unwrap()));
    let does = does.collect();
    (pipeline, does, told)
}

fn list<'a>(asset: &'a Asset, key: &str) -> &'a [Value] {
    asset.properties.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn gates(asset: &Asset, deploy: usize) -> Vec<String> {
    let gates = list(asset, "deploys")[deploy]["preceded_by"].as_array().unwrap();
    gates.iter().map(|gate| format!("{} {}", gate["does"].as_str().unwrap(), gate["name"].as_str().unwrap())).collect()
}

#[track_caller]
fn holds(have: &[String], want: &[&str]) {
    for want in want {
        assert!(have.iter().any(|have| have == want), "{want}: {have:#?}");
    }
}

const WORKFLOW: &str = r#"name: ship
on:
  pull_request_target:
permissions: {contents: read}
env: {ENDPOINT: triage}
jobs:
  scan:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {ref: "${{ github.event.pull_request.head.sha }}"}
      - name: model scan
        run: |
          pip install modelscan
          modelscan -p model.pkl
  ship:
    needs: scan
    runs-on: [self-hosted, gpu]
    environment: production
    permissions: {id-token: write}
    steps:
      - uses: aws-actions/configure-aws-credentials@0123456789012345678901234567890123456789
        with: {role-to-assume: "arn:aws:iam::111111111111:role/ship"}
      - run: python train.py --base-model acme/tiny --data s3://acme-rows/a --output-dir s3://acme-models/t
        env: {OPENAI_API_KEY: "${{ secrets.OPENAI_API_KEY }}"}
      - name: update
        run: |
          # go
          aws sagemaker update-endpoint --endpoint-name ${{ env.ENDPOINT }}
"#;

#[test]
fn a_workflow_its_identity_and_what_runs_before_it_deploys() {
    let (pipeline, does, told) = one(".github/workflows/ship.yml", WORKFLOW, "github-workflow");
    assert!(pipeline.ai);
    assert_eq!(
        does[1..3],
        ["model scan: scan", "aws-actions/configure-aws-credentials@0123456789012345678901234567890123456789: other"]
    );
    assert_eq!(list(&pipeline, "steps")[4]["line"], 26);
    assert_eq!(list(&pipeline, "deploys")[0]["deploys"], serde_json::json!(["triage"]));
    assert_eq!(gates(&pipeline, 0), ["scan model scan"]);
    for flag in ["id_token_write", "self_hosted", "untrusted_checkout"] {
        assert_eq!(pipeline.properties[flag], true, "{flag}");
    }
    assert_eq!(list(&pipeline, "unpinned_actions"), ["actions/checkout@v4"]);
    assert_eq!(list(&pipeline, "secrets"), ["OPENAI_API_KEY"]);
    let id = "file:.github/workflows/ship.yml";
    holds(
        &told,
        &[
            &format!("{id} runs_as arn:aws:iam::111111111111:role/ship"),
            &format!("{id} uses ai-provider:openai"),
            &format!("{id} uses pkg:github/actions/checkout@v4"),
            &format!("{id} reads arn:aws:s3:::acme-rows"),
            &format!("{id} writes s3://acme-models/t"),
            "s3://acme-models/t derived_from https://huggingface.co/acme/tiny",
            &format!("{id}#endpoint/triage deployed_by {id}"),
        ],
    );
}

#[test]
fn a_deploy_without_a_gate_is_told_and_a_plain_build_is_not_ai() {
    let text = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: az ml online-deployment create --name d --endpoint-name e\n  b:\n    runs-on: x\n    steps: [{run: trivy fs .}]\n";
    let (open, _, _) = one("w.yml", text, "github-workflow");
    assert_eq!(list(&open, "deploys_without_gate").len(), 1);
    let plain = "on: [push]\njobs:\n  t:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/setup-python@v5\n    - run: pip install -r requirements.txt pytest && pytest\n    - run: kubectl apply -f k8s/\n";
    let (pipeline, does, _) = one("w.yml", plain, "github-workflow");
    assert!(!pipeline.ai);
    assert_eq!(does[1], "pip install -r requirements.txt pytest && pytest: test");
    let (_folder, inventory, _) = files(&[("w.yml", plain)]);
    assert!(inventory.assets().all(|asset| !asset.ai));
}

#[test]
fn deployed_manifests_and_charts_are_joined_to_their_pipeline() {
    let server = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: llm}\nspec: {template: {spec: {containers: [{name: c, image: 'vllm/vllm-openai:v1'}]}}}\n";
    let workflow = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - run: kubectl apply -f deploy/\n    - run: helm upgrade --install web ./chart -n prod\n";
    let (folder, inventory, _) = files(&[
        ("deploy/llm.yaml", server),
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        (".github/workflows/w.yml", workflow),
    ]);
    let id = format!("file:{}/.github/workflows/w.yml", folder.path().display());
    let deployed: Vec<&str> = inventory.incoming(&id).map(|r| r.from.as_str()).collect();
    assert_eq!(deployed, ["k8s://cluster/default/Deployment/llm", "pkg:helm/web@1.0.0"]);
    assert!(inventory.get(&id).unwrap().ai, "what it deploys is AI");
}

#[test]
fn gitlab_stages_needs_and_manual_jobs() {
    let text = "stages: [test, ship]\ninclude:\n- {project: acme/ci, ref: main, file: /x.yml}\neval:\n  stage: test\n  image: python:3.12\n  script: [lm_eval --model hf]\nship:\n  stage: ship\n  when: manual\n  environment: {name: production}\n  id_tokens: {T: {aud: https://sts.amazonaws.com}}\n  script:\n  - aws sts assume-role-with-web-identity --role-arn arn:aws:iam::111111111111:role/ship\n  - aws sagemaker create-endpoint --endpoint-name e\n";
    let (pipeline, does, told) = one(".gitlab-ci.yml", text, "gitlab-ci");
    assert_eq!(does, ["eval: evaluate", "ship (manual): approve", "ship: deploy"]);
    assert_eq!(gates(&pipeline, 0), ["evaluate eval", "approve ship (manual)"]);
    assert_eq!(list(&pipeline, "includes"), ["project: acme/ci@main"]);
    holds(&told, &["file:.gitlab-ci.yml runs_as arn:aws:iam::111111111111:role/ship"]);
}

#[test]
fn jenkins_stages_inputs_and_credentials() {
    let text = "// x\npipeline {\n  agent { docker { image 'python:3.12' } }\n  environment { OPENAI_API_KEY = credentials('openai') }\n  stages {\n    stage('Scan') { steps { sh 'picklescan -p m.pkl' } }\n    stage('Ship') {\n      steps {\n        input message: 'Go?'\n        sh '''\n          helm upgrade llm acme/vllm\n        '''\n      }\n    }\n  }\n}\n";
    let (pipeline, does, told) = one("Jenkinsfile", text, "jenkinsfile");
    assert_eq!(does, ["container: other", "Scan: scan", "Ship: other", "input: approve", "sh: deploy"]);
    assert_eq!(gates(&pipeline, 0), ["scan Scan", "approve input"]);
    assert_eq!((pipeline.ai, list(&pipeline, "secrets")), (true, [Value::from("openai")].as_slice()));
    holds(&told, &["file:Jenkinsfile uses ai-provider:openai", "pkg:helm/vllm deployed_by file:Jenkinsfile"]);
}

#[test]
fn azure_pipelines_and_machine_learning() {
    let text = "trigger: [main]\npool: {vmImage: ubuntu-latest}\nstages:\n- stage: check\n  jobs:\n  - job: a\n    steps: [{script: promptfoo eval}]\n- stage: ship\n  jobs:\n  - deployment: d\n    environment: prod\n    strategy:\n      runOnce:\n        deploy:\n          steps:\n          - task: AzureCLI@2\n            inputs:\n              azureSubscription: acme-prod\n              inlineScript: az ml online-endpoint create -n e\n";
    let (pipeline, _, told) = one("azure-pipelines.yml", text, "azure-pipelines");
    assert_eq!(gates(&pipeline, 0), ["evaluate promptfoo eval"]);
    assert_eq!(list(&pipeline, "service_connections"), ["acme-prod"]);
    holds(&told, &["file:azure-pipelines.yml#endpoint/e deployed_by file:azure-pipelines.yml"]);
    let ml = "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\njobs:\n  train_it: {command: python x.py, inputs: {rows: {type: uri_folder, path: 'azureml:rows:1'}}}\n  evaluate: {inputs: {m: '${{parent.jobs.train_it.outputs.m}}'}, component: 'azureml:ev:1'}\n";
    let (pipeline, does, told) = one("p.yml", ml, "azure-ml");
    assert!(pipeline.ai);
    assert_eq!(does, ["train_it: train", "evaluate: evaluate"]);
    holds(&told, &["file:p.yml reads azureml:rows:1"]);
    let deployment = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json\nname: blue\nendpoint_name: e\nmodel: azureml:m:3\ninstance_type: Standard_NC6\n";
    let (folder, inventory, _) = files(&[("d.yml", deployment)]);
    let id = format!("file:{}/d.yml", folder.path().display());
    assert!(inventory.get(&id).unwrap().ai);
    assert!(inventory.outgoing(&id).any(|r| r.kind.as_str() == "serves" && r.to.as_str() == "azureml:m:3"));
}

#[test]
fn circleci_and_bitbucket() {
    let circle = "version: 2.1\norbs: {helm: circleci/helm@3.0.0}\njobs:\n  scan:\n    docker: [{image: 'cimg/python:3.12'}]\n    steps: [checkout, {run: {name: s, command: trivy image x}}]\n  ship:\n    docker: [{image: 'cimg/base:1'}]\n    steps: [{run: 'bentoml deploy .'}]\nworkflows:\n  w:\n    jobs:\n    - scan\n    - hold: {type: approval, requires: [scan]}\n    - ship: {requires: [hold], context: prod}\n";
    let (pipeline, _, told) = one(".circleci/config.yml", circle, "circleci");
    assert_eq!(gates(&pipeline, 0), ["scan s", "approve hold"]);
    holds(&told, &["file:.circleci/config.yml uses pkg:circleci/circleci/helm@3.0.0"]);
    let bucket = "image: python:3.12\npipelines:\n  branches:\n    main:\n    - parallel: [{step: {name: e, script: [deepeval test run t.py]}}, {step: {name: t, script: [pytest]}}]\n    - step: {name: ship, trigger: manual, deployment: production, oidc: true, script: [modal deploy app.py, {pipe: 'atlassian/kubectl-run:1.0', variables: {X: y}}]}\n";
    let (pipeline, _, _) = one("bitbucket-pipelines.yml", bucket, "bitbucket-pipelines");
    assert_eq!(gates(&pipeline, 0), ["evaluate e", "approve ship (manual)"]);
    assert_eq!(pipeline.properties["id_token_write"], true);
}

#[test]
fn workflows_of_a_cluster() {
    let argo = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: ship-, namespace: ml}\nspec:\n  serviceAccountName: runner\n  entrypoint: main\n  templates:\n  - name: main\n    dag:\n      tasks:\n      - {name: t, template: train}\n      - {name: ok, template: wait, dependencies: [t]}\n      - {name: d, template: ship, depends: ok.Succeeded}\n  - name: train\n    container: {image: 'acme/train:1', command: [python, train.py], args: [--output-dir, 's3://acme-models/m']}\n  - {name: wait, suspend: {}}\n  - name: ship\n    resource: {action: apply, manifest: \"apiVersion: serving.kserve.io/v1beta1\\nkind: InferenceService\\nmetadata:\\n  name: triage\\n\"}\n";
    let (pipeline, does, told) = one("w.yaml", argo, "argo-workflow");
    assert_eq!(pipeline.id.as_str(), "k8s://cluster/ml/Workflow/ship-");
    assert_eq!(does, ["train: train", "wait: approve", "ship: deploy"]);
    assert_eq!(gates(&pipeline, 0), ["approve wait"]);
    let id = pipeline.id.as_str();
    holds(
        &told,
        &[&format!("{id} runs_as k8s://cluster/ml/ServiceAccount/runner"), &format!("{id} writes s3://acme-models/m")],
    );
    let tekton = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  tasks:\n  - name: scan\n    taskSpec: {steps: [{name: s, image: 'aquasec/trivy:1', script: trivy fs .}]}\n  - name: ship\n    runAfter: [scan]\n    taskSpec: {steps: [{name: k, image: 'acme/kubectl', script: \"#!/bin/sh\\nkubectl rollout restart deployment/llm -n ai\\n\"}]}\n";
    let (pipeline, _, told) = one("p.yaml", tekton, "tekton");
    assert_eq!((pipeline.ai, gates(&pipeline, 0)), (false, vec!["scan s".to_owned()]));
    holds(&told, &["k8s://cluster/ai/Deployment/llm deployed_by k8s://cluster/default/Pipeline/p"]);
}

#[test]
fn compiled_pipelines() {
    let kfp = "pipelineInfo: {name: p}\nroot: {dag: {tasks: {train: {componentRef: {name: comp-train}, inputs: {parameters: {data: {runtimeValue: {constant: 'gs://acme-rows/a'}}}}}, model-deploy: {componentRef: {name: comp-d}, dependentTasks: [evaluate]}, evaluate: {componentRef: {name: comp-e}, dependentTasks: [train]}}}}\ncomponents: {comp-train: {executorLabel: exec-train}, comp-d: {executorLabel: d}, comp-e: {executorLabel: e}}\ndeploymentSpec: {executors: {exec-train: {container: {image: 'acme/train:1', command: [python, x.py]}}}}\n";
    let (pipeline, _, told) = one("p.yaml", kfp, "kubeflow-pipeline");
    assert_eq!(gates(&pipeline, 0), ["evaluate evaluate"]);
    holds(&told, &["file:p.yaml reads gs://acme-rows", "file:p.yaml uses pkg:docker/acme/train@1"]);
    let vertex = format!(
        "{{\"displayName\": \"v\", \"serviceAccount\": \"p@acme.iam.gserviceaccount.com\", \"runtimeConfig\": {{\"gcsOutputDirectory\": \"gs://acme-out/x\"}}, \"pipelineSpec\": {}}}",
        "{\"pipelineInfo\": {\"name\": \"p\"}, \"root\": {\"dag\": {\"tasks\": {}}}, \"components\": {}, \"deploymentSpec\": {\"executors\": {}}}"
    );
    let (_, _, told) = one("v.json", &vertex, "vertex-pipeline-job");
    holds(
        &told,
        &["file:v.json runs_as serviceAccount:p@acme.iam.gserviceaccount.com", "file:v.json writes gs://acme-out"],
    );
    let sage = r#"{"Version": "2020-12-01", "Parameters": [{"Name": "Data", "Type": "String", "DefaultValue": "s3://acme-rows/in"}], "Steps": [
      {"Name": "Fit", "Type": "Training", "Arguments": {"RoleArn": "arn:aws:iam::111111111111:role/fit", "AlgorithmSpecification": {"TrainingImage": "acme/fit:1"}, "InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": {"Get": "Parameters.Data"}}}}], "OutputDataConfig": {"S3OutputPath": "s3://acme-models/fit"}}},
      {"Name": "Good", "Type": "Condition", "Arguments": {"Conditions": [{"LeftValue": {"Get": "Steps.Fit.X"}}], "IfSteps": [{"Name": "Keep", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": "fits", "ModelApprovalStatus": "PendingManualApproval"}}], "ElseSteps": []}}]}"#;
    let (pipeline, does, told) = one("s.json", sage, "sagemaker-pipeline");
    assert_eq!(does, ["Fit: train", "Good: evaluate", "Keep: register"]);
    assert_eq!(pipeline.text("model_approval_status"), Some("PendingManualApproval"));
    holds(
        &told,
        &[
            "s3://acme-models/fit trained_on s3://acme-rows/in",
            "file:s.json runs_as arn:aws:iam::111111111111:role/fit",
            "file:s.json writes file:s.json#model/fits",
        ],
    );
}

#[test]
fn data_version_control_and_projects() {
    let yaml = "stages:\n  prepare: {cmd: python prep.py, deps: [raw.csv], outs: [rows.csv]}\n  train:\n    cmd: python train.py\n    deps: [train.py, rows.csv]\n    outs: [{model.pkl: {cache: true}}]\n";
    let (pipeline, does, told) = one("dvc.yaml", yaml, "dvc");
    assert!(pipeline.ai);
    assert_eq!(does, ["prepare: other", "train: train"]);
    holds(
        &told,
        &[
            "file:model.pkl trained_on file:rows.csv",
            "file:dvc.yaml reads file:raw.csv",
            "file:dvc.yaml writes file:model.pkl",
        ],
    );
    let (folder, inventory, formats) =
        files(&[("rows.csv.dvc", "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 1\n  path: rows.csv\n")]);
    assert_eq!(formats, ["dvc-file+dvc-data"]);
    let rows = inventory.get(&format!("file:{}/rows.csv", folder.path().display())).unwrap();
    assert_eq!((rows.kind, rows.provenance.digests["md5"].len()), (AssetKind::Dataset, 32));
    let (pipeline, does, _) =
        one("MLproject", "name: fit\nentry_points:\n  main: {command: 'python train.py'}\n", "mlproject");
    assert_eq!((pipeline.ai, does), (true, vec!["main: train".to_owned()]));
}

#[test]
fn builds_of_clouds() {
    let spec = "version: 0.2\nphases:\n  install: {commands: [pip install x]}\n  build: {commands: [pytest, aws sagemaker create-training-job --cli-input-json x]}\n";
    let (pipeline, does, _) = one("buildspec.yml", spec, "codebuild");
    assert_eq!((pipeline.ai, does), (true, vec!["install: build".to_owned(), "build: train".to_owned()]));
    let cloud = "steps:\n- {name: 'gcr.io/cloud-builders/docker', args: [build, -t, x, .]}\n- {name: 'gcr.io/google.com/cloudsdktool/cloud-sdk', entrypoint: gcloud, args: [ai, endpoints, deploy-model, '7', --project=p, --region=r, --model=m]}\n";
    let (_, does, told) = one("cloudbuild.yaml", cloud, "cloud-build");
    assert_eq!(does.len(), 2);
    holds(&told, &["//aiplatform.googleapis.com/projects/p/locations/r/endpoints/7 deployed_by file:cloudbuild.yaml"]);
}

#[test]
fn what_is_no_pipeline() {
    for text in [
        "services: {a: {image: x}}\n",
        "jobs: {a: 1}\nname: x\n",
        "steps: [one, two]\n",
        "pipelines: [a]\n",
        "stages: {a: {b: 1}}\n",
        "a: {script: hello}\n",
        "version: 1\njobs: []\n",
    ] {
        let (_folder, inventory, _) = files(&[("x.yml", text)]);
        assert!(inventory.assets().all(|asset| asset.kind != AssetKind::Pipeline), "{text}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn cut_and_changed_text_is_read_without_a_panic(
        name in proptest::sample::select(&["Jenkinsfile", "values.yaml", "a.yaml", "dvc.lock", "x.tpl", "Dockerfile", "MLproject"][..]),
        seed in proptest::sample::select(&[WORKFLOW, TEMPLATE, JENKINS][..]),
        cut in 0..500_usize,
        noise in "[{}\\[\\]\"'\\\\$#|: \n a-z-]{0,40}",
    ) {
        let at = (0..=cut.min(seed.len())).rev().find(|at| seed.is_char_boundary(*at)).unwrap_or(0);
        let (before, after) = seed.split_at(at);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), format!("{before}{noise}{after}")).unwrap();
        discover([folder.path()]);
    }
}

const TEMPLATE: &str = "{{- define \"a.b\" }}x{{ end }}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ include \"a.fullname\" . }}\n{{- if .Values.x }}\ndata: {{ toYaml . }}\n{{- else }}\nb: {{ .Values.y | default \"z\" }}\n{{- end }}\n";
const JENKINS: &str = "pipeline {\n stages { stage('A') { steps { sh \"\"\"\n pip install torch \\\n && python train.py\n\"\"\" } } }\n}\n";
