//! Technical documentation after Annex IV of the EU AI Act.

use super::parts::Parts;
use super::{Draft, DraftSection};
use crate::assess::Assessment;
use crate::asset::{Asset, AssetKind, Result, count};
use crate::policy::classify::{AiActClass, classify};
use crate::report::classification;

/// Findings that the point on cybersecurity lists.
const FINDINGS: usize = 10;

const PROVIDER: &str = "provider";
const OWNER: &str = "system owner";
const DEVELOPERS: &str = "development team";
const DATA: &str = "data team";
const RISK: &str = "risk and compliance";
const OPERATIONS: &str = "operations";

/// A draft of the technical documentation (Article 11, Annex IV) of a declared system. O(parts of the system + findings).
///
/// # Errors
/// An id that no system has, or answers that `aispm classify` refuses.
pub fn annex_iv(assessment: &Assessment, system: &str) -> Result<Draft> {
    let parts = Parts::new(assessment, system)?;
    let class = classify(&assessment.inventory, system)?;
    let mut draft = Draft::new("Technical documentation", "Annex IV of Regulation (EU) 2024/1689", parts.system);
    draft.notes.push(match class.class {
        Some(AiActClass::High) => format!("High-risk by {}.", class.controls.join(", ")),
        Some(class) => {
            format!(
                "The answers make it {}; Annex IV is owed for high-risk systems only.",
                classification::words(class)
            )
        }
        None => {
            "Its class is open: `aispm classify` lists the questions. Annex IV is owed if it is high-risk.".to_owned()
        }
    });
    let unread = assessment.incomplete.len();
    if unread > 0 {
        draft.notes.push(format!("{} could not be read; what it holds is missing here.", count(unread, "input file")));
    }
    general(&mut draft, &parts);
    development(&mut draft, &parts);
    operation(&mut draft, &parts);
    Ok(draft)
}

/// Point 1.
fn general(draft: &mut Draft, parts: &Parts<'_>) {
    use AssetKind::{
        Agent, AiProvider, Application, Cluster, ContainerImage, Endpoint, Function, McpServer, Node, Package, SaasApp,
        Tool, Workload,
    };
    let system = parts.system;
    draft.section("1", "General description", |_| {});
    draft.section("1(a)", "Purpose, provider and version", |section| {
        match &system.purpose {
            Some(purpose) => section.say(format!("Purpose: {purpose}"), &system.evidence),
            None => section.gap("intended purpose", OWNER),
        }
        match &system.owner {
            Some(owner) => section.say(format!("Answers for it: {owner}"), &system.evidence),
            None => section.gap("who answers for it", OWNER),
        }
        if let Some(environment) = &system.environment {
            section.say(format!("Environment: {environment}"), &system.evidence);
        }
        for model in parts.models() {
            section.say(format!("Model {}", version(model)), &model.evidence);
        }
        section.gap(
            "name and address of the provider; version of the system and how it relates to earlier ones",
            PROVIDER,
        );
    });
    draft.section("1(b)", "Interaction with hardware and software outside the system", |section| {
        let outside = parts.of(&[AiProvider, McpServer, SaasApp, Tool]);
        section.list(
            outside,
            |asset| format!("{}: {}", asset.kind, version(asset)),
            "interfaces to other systems",
            DEVELOPERS,
        );
    });
    draft.section("1(c)", "Software versions", |section| {
        let software = parts.of(&[Package, ContainerImage]).filter(|asset| asset.ai || asset.kind == ContainerImage);
        section.list(software, version, "versions of software and firmware, and what updates need", DEVELOPERS);
    });
    draft.section("1(d)", "Forms in which it is offered", |section| {
        let forms = parts.of(&[Endpoint, Application, Agent, Function, Workload]);
        section.list(forms, form, "forms in which it is put on the market: package, API, download", PROVIDER);
    });
    draft.section("1(e)", "Hardware that it runs on", |section| {
        let hardware =
            parts.of(&[Node, Cluster, Workload]).filter(|asset| asset.kind != Workload || gpu(asset).is_some());
        let say = |asset: &Asset| match gpu(asset) {
            Some(gpu) => format!("{} {} with {gpu}", asset.kind, asset.name),
            None => format!("{} {}", asset.kind, asset.name),
        };
        section.list(hardware, say, "hardware that it is meant to run on", OPERATIONS);
    });
    draft.section("1(f)", "Illustrations, where it is part of a product", |section| {
        section.gap("photographs or drawings, or that it is no part of a product", PROVIDER);
    });
    draft.section("1(g)", "User interface for the deployer", |section| {
        section.gap("description of the user interface", DEVELOPERS);
    });
    draft.section("1(h)", "Instructions for use", |section| {
        evidence(section, parts, &["instructions-for-use", "model-card", "transparency-notice"]);
        section.gap("instructions for use after Article 13(3)", PROVIDER);
    });
}

/// Point 2.
fn development(draft: &mut Draft, parts: &Parts<'_>) {
    use AssetKind::{Agent, Evaluation, Guardrail, Notebook, Pipeline, PromptTemplate, Tool, TrainingJob, VectorStore};
    draft.section("2", "Elements and development", |_| {});
    draft.section("2(a)", "Methods, pre-trained systems and tools of third parties", |section| {
        for model in parts.models() {
            let kind = model.model_type.map_or("type not known".to_owned(), |kind| kind.as_str().replace('_', "-"));
            let made = if parts.made_here(model) { "trained or tuned here" } else { "taken as it is" };
            let from = model.provenance.publisher.as_ref().or(model.provenance.source.as_ref());
            let from = from.map_or(String::new(), |from| format!(", from {from}"));
            section.say(format!("Model {} ({kind}), {made}{from}", version(model)), &model.evidence);
        }
        for step in parts.of(&[TrainingJob, Pipeline, Notebook]) {
            section.say(format!("{} {}", step.kind, step.name), &step.evidence);
        }
        section.gap("methods and steps of development, in words", DEVELOPERS);
    });
    draft.section("2(b)", "Design specifications", |section| {
        for asset in parts.of(&[Agent, PromptTemplate]) {
            section.say(format!("{} {}", asset.kind, asset.name), &asset.evidence);
        }
        section.gap(
            "logic of the system, key design choices with their reasons, what it optimises for, expected output",
            DEVELOPERS,
        );
    });
    draft.section("2(c)", "Architecture and computing resources", |section| {
        let inventory = &parts.assessment.inventory;
        for relation in inventory.outgoing(parts.system.id.as_str()).take(super::LISTED) {
            let name = inventory.get(relation.to.as_str()).map_or(relation.to.as_str(), |asset| asset.name.as_str());
            section.say(format!("{} {name}", relation.kind.as_str().replace('_', " ")), &relation.evidence);
        }
        section.list(
            parts.of(&[VectorStore]),
            |asset| format!("Retrieves from {}", asset.name),
            "whether it retrieves from stores",
            DEVELOPERS,
        );
        section.gap("computing resources used to develop, train, test and validate", DEVELOPERS);
    });
    draft.section("2(d)", "Data requirements", |section| {
        let data = parts.training_data();
        section.list(data.iter().copied(), source, "data sets that models were trained, validated and tested on", DATA);
        for asset in &data {
            if asset.provenance.source.is_none() && asset.provenance.publisher.is_none() {
                let derived = parts.assessment.inventory.outgoing(asset.id.as_str());
                if derived.filter(|relation| relation.kind == crate::asset::RelationKind::DerivedFrom).count() == 0 {
                    section.gap(format!("origin of {}", asset.name), DATA);
                }
            }
        }
        evidence(section, parts, &["data-governance", "bias-assessment"]);
        section.gap("scope, main characteristics, selection, labelling and cleaning of the data", DATA);
    });
    draft.section("2(e)", "Human oversight", |section| {
        let approved =
            |asset: &&Asset| asset.properties.keys().any(|key| key.contains("approval") || key.contains("human"));
        for asset in parts.of(&[Tool, Agent]).filter(approved) {
            section.say(format!("{} {} asks a person", asset.kind, asset.name), &asset.evidence);
        }
        findings(section, parts, &["CTRL-007"]);
        evidence(section, parts, &["human-oversight"]);
        section.gap("measures of Article 14, and how deployers read the output", OWNER);
    });
    draft.section("2(f)", "Pre-determined changes", |section| {
        section.gap("changes planned beforehand, and how compliance is kept", DEVELOPERS);
    });
    draft.section("2(g)", "Validation and testing", |section| {
        let runs = parts.of(&[Evaluation]);
        section.list(runs, |asset| format!("Evaluation {}", asset.name), "validation and testing runs", DEVELOPERS);
        evidence(section, parts, &["evaluation", "red-team", "penetration-test", "bias-assessment"]);
        section.gap(
            "metrics of accuracy, robustness and compliance; potentially discriminatory impacts; signed test reports",
            DEVELOPERS,
        );
    });
    draft.section("2(h)", "Cybersecurity", |section| {
        let guards = parts.of(&[Guardrail]);
        section.list(guards, |asset| format!("Guardrail {}", asset.name), "guardrails", OPERATIONS);
        let found = parts.findings();
        let paths = count(parts.paths(), "attack path");
        section
            .say(format!("The assessment found {} on it, and {paths} through it", count(found.len(), "finding")), &[]);
        for finding in found.iter().take(FINDINGS) {
            section.say(format!("{} {}: {}", finding.severity, finding.rule, finding.message), &finding.evidence);
        }
        evidence(section, parts, &["penetration-test", "red-team", "security-review", "threat-model"]);
    });
}

/// Points 3 to 9.
fn operation(draft: &mut Draft, parts: &Parts<'_>) {
    draft.section("3", "Monitoring, functioning and control", |section| {
        let sinks = parts.of(&[AssetKind::LogSink]);
        section.list(sinks, |asset| format!("Logs go to {}", asset.name), "where logs of its operation go", OPERATIONS);
        section.gap("capabilities and limits, accuracy for groups of people, foreseeable unintended outcomes, input specifications", DEVELOPERS);
    });
    draft.section("4", "Appropriateness of performance metrics", |section| {
        section.gap("why these metrics fit this system", DEVELOPERS);
    });
    draft.section("5", "Risk management system", |section| {
        evidence(section, parts, &["risk-assessment", "impact-assessment", "dpia", "fria", "threat-model"]);
        section.gap("description of the system of Article 9", RISK);
    });
    draft.section("6", "Changes through the lifecycle", |section| {
        let changed = |asset: &&Asset| asset.properties.contains_key("baseline");
        for asset in parts.models().into_iter().filter(changed) {
            section.say(
                format!("{} {} since the baseline", asset.name, asset.text("baseline").unwrap_or("changed")),
                &asset.evidence,
            );
        }
        section.gap("relevant changes made by the provider; `aispm history` keeps inventories to compare", PROVIDER);
    });
    draft.section("7", "Standards applied", |section| {
        section.gap("harmonised standards applied in full or in part, or how the requirements are met otherwise", RISK);
    });
    draft.section("8", "EU declaration of conformity", |section| {
        evidence(section, parts, &["conformity-declaration"]);
        section.gap("copy of the declaration of Article 47", PROVIDER);
    });
    draft.section("9", "Post-market monitoring", |section| {
        evidence(section, parts, &["post-market-monitoring", "incident-process"]);
        section.gap("system of Article 72 with its plan", OPERATIONS);
    });
}

/// Declared evidence, also what has ended.
pub(super) fn evidence(section: &mut DraftSection, parts: &Parts<'_>, kinds: &[&str]) {
    for shown in parts.shown(kinds) {
        let until = shown.until.as_ref().map(|until| {
            let word = if shown.expired { "ended on" } else { "holds until" };
            format!(", {word} {until}")
        });
        let text = format!("Declared {}: {}{}", shown.kind, shown.reference, until.unwrap_or_default());
        section.say(text, std::slice::from_ref(&shown.evidence));
    }
}

/// Findings of these rules.
fn findings(section: &mut DraftSection, parts: &Parts<'_>, rules: &[&str]) {
    let found = parts.findings().into_iter().filter(|finding| rules.contains(&finding.rule.as_str()));
    for finding in found.take(super::LISTED) {
        section.say(format!("{} {}: {}", finding.severity, finding.rule, finding.message), &finding.evidence);
    }
}

/// A name with the most exact version known.
pub(super) fn version(asset: &Asset) -> String {
    let provenance = &asset.provenance;
    let digest = provenance.digests.iter().next().map(|(algorithm, digest)| format!("{algorithm}:{digest}"));
    let exact = provenance.revision.clone().or(digest).or_else(|| provenance.version.clone());
    match exact.or_else(|| asset.text("version").map(str::to_owned)) {
        Some(version) if asset.name.contains(version.as_str()) => asset.name.clone(),
        Some(version) => format!("{} {version}", asset.name),
        None => format!("{} (version not known)", asset.name),
    }
}

fn form(asset: &Asset) -> String {
    let exposure = asset.exposure.map_or("reach not known", |exposure| exposure.as_str());
    format!("{} {} ({exposure})", asset.kind, asset.name)
}

fn gpu(asset: &Asset) -> Option<String> {
    let text = |key: &str| asset.properties.get(key).map(ToString::to_string);
    let known = ["gpu_count", "gpu", "instance_type", "InstanceType"].into_iter().find_map(text);
    known.map(|value| value.replace(['"', '{', '}', '[', ']'], "").replace(':', " "))
}

/// A data set with what is known of it.
pub(super) fn source(asset: &Asset) -> String {
    let mut known = vec![asset.kind.to_string()];
    if !asset.data_classes.is_empty() {
        known.push(format!("holds {}", asset.data_classes.iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    let inherited = asset.inherited_classes.iter().map(|class| class.class.as_str());
    let mut inherited = inherited.filter(|class| !asset.data_classes.contains(*class)).collect::<Vec<_>>();
    inherited.dedup();
    if !inherited.is_empty() {
        known.push(format!("derived from {} data", inherited.join(", ")));
    }
    known.extend(asset.provenance.publisher.as_ref().map(|publisher| format!("published by {publisher}")));
    known.extend(asset.provenance.source.as_ref().map(|source| format!("from {source}")));
    known.extend(asset.provenance.licence.as_ref().map(|licence| format!("licence {licence}")));
    known.extend(asset.owner.as_ref().map(|owner| format!("owner {owner}")));
    format!("{}: {}", asset.name, known.join("; "))
}
