//! Megabytes a second and peak memory of discovery over generated exports: `cargo bench --bench discover [-- 10 100 1000]`
//! (sizes in MB; 10 and 100 without).
//!
//! Each size is made twice: with fresh ids, where memory grows with what is found, and over 10,000 ids, where it must
//! not grow with the input. Each run is a process of its own, so that its peak memory is its own.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on must stop")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use aispm_core::discover::discover;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ids that the second set repeats.
const IDS: usize = 10_000;
/// About this many bytes a file, as exports come in pages.
const FILE_BYTES: usize = 16 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let [run, folder] = arguments.as_slice()
        && run == "run"
    {
        return measure(Path::new(folder));
    }
    let sizes: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10, 100] } else { sizes };
    println!("{:8} {:>7} {:>8} {:>8} {:>9} {:>9}", "ids", "MB", "threads", "MB/s", "assets", "peak MiB");
    for megabytes in sizes {
        for ids in [None, Some(IDS)] {
            let folder = made(megabytes, ids);
            for threads in [1, 2] {
                run(&folder, threads);
            }
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// One run in a process of its own.
fn run(folder: &Path, threads: usize) {
    let me = std::env::current_exe().expect("the path of this program");
    let mut child = Command::new(me);
    child.arg("run").arg(folder).env("RAYON_NUM_THREADS", threads.to_string());
    assert!(child.status().expect("this program starts").success());
}

fn measure(folder: &Path) {
    let bytes: u64 = walk(folder).iter().map(|file| fs::metadata(file).map_or(0, |metadata| metadata.len())).sum();
    let start = Instant::now();
    let discovery = discover([folder]);
    let seconds = start.elapsed().as_secs_f64();
    assert!(discovery.incomplete.is_empty() && discovery.skipped.is_empty(), "{:?}", discovery.incomplete);
    let ids = if folder.ends_with("fresh") { "fresh" } else { "10000" };
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{ids:8} {megabytes:7.0} {:>8} {:8.0} {:9} {:9}",
        std::env::var("RAYON_NUM_THREADS").unwrap_or_default(),
        megabytes / seconds,
        discovery.inventory.len(),
        peak()
    );
    // what is found is not freed piece by piece
    std::process::exit(0);
}

/// Peak memory of this process, MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// A folder of exports of about this size.
fn made(megabytes: usize, ids: Option<usize>) -> PathBuf {
    let root = std::env::temp_dir().join(format!("aispm-bench-{}", std::process::id()));
    let folder = root.join(if ids.is_some() { "repeated" } else { "fresh" });
    fs::create_dir_all(&folder).expect("a folder for the exports");
    let (mut written, mut row, mut n) = (0, 0, 0);
    while written < megabytes * 1_000_000 {
        let size = FILE_BYTES.min(megabytes * 1_000_000 - written);
        let make = KINDS[n % KINDS.len()];
        let file = File::create(folder.join(format!("{n:04}.{}", make.extension))).expect("an export");
        written += make.write(&mut BufWriter::new(file), size, &mut row, ids).expect("an export is written");
        n += 1;
    }
    folder
}

/// One kind of export: how its file starts, what is between rows, how it ends, and a row.
#[derive(Clone, Copy)]
struct Kind {
    extension: &'static str,
    start: &'static str,
    between: &'static str,
    end: &'static str,
    row: fn(usize, usize) -> String,
}

const KINDS: &[Kind] = &[
    // `kubectl get deployments -A -o json`
    Kind {
        extension: "json",
        start: "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n",
        between: ",\n",
        end: "\n    ],\n    \"kind\": \"List\"\n}\n",
        row: deployment,
    },
    // `gcloud asset export`
    Kind { extension: "jsonl", start: "", between: "\n", end: "\n", row: cloud_asset },
    // `aws sagemaker describe-endpoint`, the pages joined
    Kind { extension: "json", start: "{\n    \"Endpoints\": [\n", between: ",\n", end: "\n    ]\n}\n", row: endpoint },
    // CloudTrail as it is delivered to a bucket
    Kind { extension: "json", start: "{\"Records\":[", between: ",", end: "]}", row: trail },
];

impl Kind {
    fn write(&self, out: &mut impl Write, size: usize, row: &mut usize, ids: Option<usize>) -> std::io::Result<usize> {
        let mut written = self.start.len() + self.end.len();
        out.write_all(self.start.as_bytes())?;
        let mut first = true;
        while written < size || first {
            let id = ids.map_or(*row, |ids| *row % ids);
            let text = (self.row)(id, *row);
            if !first {
                out.write_all(self.between.as_bytes())?;
            }
            out.write_all(text.as_bytes())?;
            written += text.len() + self.between.len();
            *row += 1;
            first = false;
        }
        out.write_all(self.end.as_bytes())?;
        Ok(written)
    }
}

fn deployment(id: usize, _: usize) -> String {
    format!(
        r#"        {{
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {{
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "generation": 3,
                "labels": {{
                    "app": "chat-{id}",
                    "team": "support"
                }},
                "name": "chat-{id}",
                "namespace": "inference",
                "resourceVersion": "{id}",
                "uid": "00000000-0000-4000-8000-{id:012}"
            }},
            "spec": {{
                "replicas": 2,
                "selector": {{
                    "matchLabels": {{
                        "app": "chat-{id}"
                    }}
                }},
                "template": {{
                    "metadata": {{
                        "labels": {{
                            "app": "chat-{id}"
                        }}
                    }},
                    "spec": {{
                        "containers": [
                            {{
                                "args": [
                                    "--model",
                                    "acme/support-{id}",
                                    "--port",
                                    "8000"
                                ],
                                "image": "vllm/vllm-openai:v0.11.0",
                                "imagePullPolicy": "IfNotPresent",
                                "name": "server",
                                "ports": [
                                    {{
                                        "containerPort": 8000,
                                        "protocol": "TCP"
                                    }}
                                ],
                                "resources": {{
                                    "limits": {{
                                        "nvidia.com/gpu": "1"
                                    }}
                                }},
                                "terminationMessagePath": "/dev/termination-log"
                            }}
                        ],
                        "dnsPolicy": "ClusterFirst",
                        "restartPolicy": "Always",
                        "serviceAccountName": "chat",
                        "terminationGracePeriodSeconds": 30
                    }}
                }}
            }},
            "status": {{
                "availableReplicas": 2,
                "conditions": [
                    {{
                        "lastTransitionTime": "2026-01-02T03:04:05Z",
                        "message": "Deployment has minimum availability.",
                        "reason": "MinimumReplicasAvailable",
                        "status": "True",
                        "type": "Available"
                    }}
                ],
                "readyReplicas": 2,
                "replicas": 2,
                "updatedReplicas": 2
            }}
        }}"#
    )
}

fn cloud_asset(id: usize, row: usize) -> String {
    format!(
        r#"{{"name":"//aiplatform.googleapis.com/projects/acme-ml/locations/europe-west4/endpoints/{id}","asset_type":"aiplatform.googleapis.com/Endpoint","resource":{{"version":"v1","discovery_document_uri":"https://aiplatform.googleapis.com/$discovery/rest","discovery_name":"GoogleCloudAiplatformV1Endpoint","parent":"//cloudresourcemanager.googleapis.com/projects/111111111111","data":{{"createTime":"2026-01-02T03:04:05.000000Z","deployedModels":[{{"id":"{id}","model":"projects/111111111111/locations/europe-west4/models/{id}","displayName":"support-{id}","createTime":"2026-01-02T03:04:05.000000Z","serviceAccount":"serving@acme-ml.iam.gserviceaccount.com","dedicatedResources":{{"machineSpec":{{"machineType":"g2-standard-12","acceleratorType":"NVIDIA_L4","acceleratorCount":1}},"minReplicaCount":1,"maxReplicaCount":3}}}}],"displayName":"support-{id}","etag":"AMEw9yN{row}","labels":{{"team":"support","env":"prod"}},"name":"projects/111111111111/locations/europe-west4/endpoints/{id}","trafficSplit":{{"{id}":100}},"updateTime":"2026-01-02T03:04:05.000000Z"}},"location":"europe-west4"}},"ancestors":["projects/111111111111","organizations/222222222222"],"update_time":"2026-01-02T03:04:05.000000Z"}}"#
    )
}

fn endpoint(id: usize, _: usize) -> String {
    format!(
        r#"        {{
            "EndpointName": "support-{id}",
            "EndpointArn": "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/support-{id}",
            "EndpointConfigName": "support-{id}-config",
            "ProductionVariants": [
                {{
                    "VariantName": "AllTraffic",
                    "DeployedImages": [
                        {{
                            "SpecifiedImage": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/serving:{id}",
                            "ResolutionTime": "2026-01-02T03:04:05.000000+00:00"
                        }}
                    ],
                    "CurrentWeight": 1.0,
                    "DesiredWeight": 1.0,
                    "CurrentInstanceCount": 2,
                    "DesiredInstanceCount": 2
                }}
            ],
            "DataCaptureConfig": {{
                "EnableCapture": true,
                "CaptureStatus": "Started",
                "CurrentSamplingPercentage": 20,
                "DestinationS3Uri": "s3://acme-capture/support-{id}",
                "KmsKeyId": "arn:aws:kms:eu-west-1:111111111111:key/00000000-0000-4000-8000-000000000000"
            }},
            "EndpointStatus": "InService",
            "CreationTime": "2026-01-02T03:04:05.000000+00:00",
            "LastModifiedTime": "2026-01-02T03:04:05.000000+00:00"
        }}"#
    )
}

fn trail(id: usize, row: usize) -> String {
    let (minute, second) = (row / 60 % 60, row % 60);
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROA{id}:session","arn":"arn:aws:sts::111111111111:assumed-role/caller-{id}/session","accountId":"111111111111","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{id}","arn":"arn:aws:iam::111111111111:role/caller-{id}","accountId":"111111111111","userName":"caller-{id}"}},"attributes":{{"creationDate":"2026-01-02T03:00:00Z","mfaAuthenticated":"false"}}}}}},"eventTime":"2026-01-02T03:{minute:02}:{second:02}Z","eventSource":"bedrock.amazonaws.com","eventName":"InvokeModel","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.{}","userAgent":"Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux#6.1 lang/python#3.12.1","requestParameters":{{"modelId":"anthropic.claude-sonnet-4-20250514-v1:0"}},"responseElements":null,"additionalEventData":{{"inferenceRegion":"eu-west-1"}},"requestID":"00000000-0000-4000-8000-{row:012}","eventID":"00000000-0000-4000-9000-{row:012}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"bedrock-runtime.eu-west-1.amazonaws.com"}}}}"#,
        id % 250
    )
}
