//! The public summary of training content of a general-purpose model, Article 53(1)(d) of the EU AI Act.

use super::annex_iv::{evidence, source, version};
use super::parts::Parts;
use super::{Draft, DraftSection};
use crate::assess::Assessment;
use crate::asset::{Asset, RelationKind, Result};

const PROVIDER: &str = "provider";
const DATA: &str = "data team";
const LEGAL: &str = "legal";

/// Hosts that publish data sets for anybody.
const PUBLIC: &[&str] =
    &["huggingface.co", "hf://", "kaggle.com", "commoncrawl", "zenodo.org", "data.gov", "openml.org"];

/// What kind of source the template asks to list a data set under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Public,
    User,
    Synthetic,
    Unknown,
}

/// A draft of the summary of what the models of a declared system were trained on, after the sections of the AI Office's
/// template. A data set stands under a kind of source only where the inventory shows which.
/// O(parts of the system + lineage of its models).
///
/// # Errors
/// An id that no system has.
pub fn training_data(assessment: &Assessment, system: &str) -> Result<Draft> {
    let parts = Parts::new(assessment, system)?;
    let basis = "Article 53(1)(d) of Regulation (EU) 2024/1689 and the AI Office's template";
    let mut draft = Draft::new("Summary of training content", basis, parts.system);
    draft.notes.push("Owed by providers of general-purpose models; of use for any model.".to_owned());
    general(&mut draft, &parts);
    sources(&mut draft, &parts);
    processing(&mut draft, &parts);
    Ok(draft)
}

fn general(draft: &mut Draft, parts: &Parts<'_>) {
    draft.section("1", "General information", |_| {});
    draft.section("1.1", "Provider", |section| {
        if let Some(owner) = &parts.system.owner {
            section.say(format!("Answers for the system: {owner}"), &parts.system.evidence);
        }
        section.gap("name and contact of the provider, and of its representative in the Union", PROVIDER);
    });
    draft.section("1.2", "Model", |section| {
        let models = parts.models().into_iter().filter(|model| parts.made_here(model)).collect::<Vec<_>>();
        let base = |model: &Asset| {
            let inventory = &parts.assessment.inventory;
            let from = inventory.outgoing(model.id.as_str()).filter(|r| r.kind == RelationKind::DerivedFrom);
            from.map(|relation| relation.to.to_string()).collect::<Vec<_>>().join(", ")
        };
        let say = |model: &Asset| match base(model) {
            base if base.is_empty() => version(model),
            base => format!("{}, made from {base}", version(model)),
        };
        section.list(models, say, "which model is trained or tuned here", DATA);
        section.gap("date on which the model was placed on the market", PROVIDER);
    });
    draft.section("1.3", "Modalities and size", |section| {
        for asset in parts.training_data() {
            let size = ["rows", "num_rows", "size", "bytes"].into_iter().find_map(|key| asset.properties.get(key));
            if let Some(size) = size {
                section.say(format!("{}: size {size}", asset.name), &asset.evidence);
            }
        }
        section.gap("modalities, size of the training data by modality, languages, latest date of acquisition", DATA);
    });
}

fn sources(draft: &mut Draft, parts: &Parts<'_>) {
    let data = parts.training_data();
    let of = |wanted| data.iter().copied().filter(move |asset| kind(asset) == wanted).collect::<Vec<_>>();
    let fill = |section: &mut DraftSection, wanted, missing: &str| section.list(of(wanted), source, missing, DATA);
    draft.section("2", "Sources of data", |_| {});
    draft.section("2.1", "Publicly available data sets", |section| {
        fill(section, Source::Public, "public data sets used, or that there are none");
    });
    draft.section("2.2", "Data sets of third parties that are not public", |section| {
        section.gap("licensed data sets, and others obtained from third parties, or that there are none", LEGAL);
    });
    draft.section("2.3", "Data crawled from the web", |section| {
        section.gap("crawlers, period, and the most crawled domains, or that there is none", DATA);
    });
    draft.section("2.4", "Data of users", |section| {
        fill(section, Source::User, "data of users and customers, or that there is none");
    });
    draft.section("2.5", "Synthetic data", |section| {
        fill(section, Source::Synthetic, "synthetic data and the models that made it, or that there is none");
    });
    draft.section("2.6", "Other sources", |section| {
        let unknown = of(Source::Unknown);
        for asset in &unknown {
            section.say(source(asset), &asset.evidence);
            section.gap(format!("which kind of source {} is", asset.name), DATA);
        }
        if unknown.is_empty() {
            section.gap("any other sources, or that there are none", DATA);
        }
    });
}

fn processing(draft: &mut Draft, parts: &Parts<'_>) {
    draft.section("3", "Processing of data", |_| {});
    draft.section("3.1", "Reservation of rights from text and data mining", |section| {
        evidence(section, parts, &["copyright-policy"]);
        section.gap("measures to find and respect reservations of rights", LEGAL);
    });
    draft.section("3.2", "Removal of illegal content", |section| {
        section.gap("measures to keep illegal content out of the training data", DATA);
    });
    draft.section("3.3", "Other", |section| {
        for asset in parts.training_data().into_iter().filter(|asset| asset.is_sensitive()) {
            let approved = asset.text("approved_by").map(|by| format!(", approved by {by}")).unwrap_or_default();
            let classes = asset.data_classes.iter().cloned().collect::<Vec<_>>().join(", ");
            section.say(format!("{} holds {classes} data{approved}", asset.name), &asset.evidence);
        }
        evidence(section, parts, &["data-governance", "dpia"]);
    });
}

/// What the inventory shows of where a data set comes from, the surest first.
fn kind(asset: &Asset) -> Source {
    let holds = |class: &str| asset.data_classes.contains(class);
    let inherits = |class: &str| asset.inherited_classes.iter().any(|inherited| inherited.class == class);
    let places = [Some(asset.id.as_str()), asset.provenance.source.as_deref()];
    if holds("synthetic") || asset.properties.get("synthetic").is_some_and(|value| value == true) {
        Source::Synthetic
    } else if ["customer", "personal", "user"].iter().any(|class| holds(class) || inherits(class)) {
        Source::User
    } else if places.into_iter().flatten().any(|place| PUBLIC.iter().any(|host| place.contains(host))) {
        Source::Public
    } else {
        Source::Unknown
    }
}
