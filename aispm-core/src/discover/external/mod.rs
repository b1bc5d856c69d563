//! Findings and data classes of other posture tools, on the assets that they are about.
//!
//! Each tool's export is one file here. All of them end in [`report::Report`], which keeps what the tool said and, where
//! `data/discover/external_findings.yaml` knows what that means, makes it a fact of the asset: a bucket that another
//! tool found open to the internet is exposed to it, and so a step of an attack path.

mod checkov;
mod defender;
mod dlp;
mod grype;
mod kubescape;
mod macie;
mod meaning;
mod ocsf;
mod prowler;
mod purview;
mod report;
mod sarif;
mod scc;
mod security_hub;
mod trivy;
mod vulnerability;

use super::format::Structured;

pub(super) const FORMATS: &[Structured] = &[
    security_hub::FINDING,
    security_hub::EVENT,
    macie::FINDING,
    ocsf::EVENT,
    prowler::FINDING,
    sarif::LOG,
    defender::ASSESSMENT,
    defender::EXPORT,
    scc::FINDING,
    dlp::JOB,
    dlp::RESULT,
    dlp::FINDING,
    dlp::PROFILE,
    purview::ENTITY,
    purview::ROW,
    trivy::REPORT,
    trivy::CLUSTER,
    grype::REPORT,
    checkov::REPORT,
    kubescape::REPORT,
    kubescape::BENCH,
];

#[cfg(test)]
mod tests;
