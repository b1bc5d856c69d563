//! Build, training and deployment pipelines.

use super::format::{Structured, Textual};

pub(super) const FORMATS: &[Structured] = &[];
pub(super) const TEXTS: &[Textual] = &[];

/// Whether an object of a cluster is a pipeline.
pub(super) fn in_cluster(kind: &str, group: &str) -> bool {
    let argo = matches!(kind, "Workflow" | "CronWorkflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate");
    let tekton = matches!(kind, "Pipeline" | "PipelineRun" | "Task" | "TaskRun" | "ClusterTask");
    argo && group == "argoproj.io" || tekton && group == "tekton.dev"
}
