//! Answers that decide the class of a system under the EU AI Act.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What its owner says of a system, so that `aispm classify` can tell its class. What is not said stays unknown; an empty
/// list says that none applies. The words that lists take stand in `aispm classify`'s questions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Classification {
    /// Who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why the Act does not apply: `outside-union`, `military`, `research`, `personal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_scope: Option<Vec<String>>,
    /// Practices of Article 5 that it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prohibited_practices: Option<Vec<String>>,
    /// Whether it is a product under the legislation of Annex I, or a safety component of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annex_i_product: Option<bool>,
    /// Whether that product needs a conformity assessment by a third party.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party_assessment: Option<bool>,
    /// Uses of Annex III that it is meant for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annex_iii_uses: Option<Vec<String>>,
    /// Whether it profiles natural persons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiling: Option<bool>,
    /// Conditions of Article 6(3) that it fulfils: `narrow-procedural-task`, `improves-human-result`,
    /// `detects-deviations`, `preparatory-task`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<Vec<String>>,
    /// Whether it poses a significant risk to health, safety or rights, also by influencing the outcome of decisions
    /// materially.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub significant_risk: Option<bool>,
    /// Whether one offers a general-purpose model of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub general_purpose_model: Option<bool>,
    /// Whether that model was trained with more than 10^25 floating-point operations, or was designated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub systemic_risk: Option<bool>,
    /// Whether people interact with it directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interacts_with_people: Option<bool>,
    /// Whether it generates or manipulates text, images, audio or video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generates_content: Option<bool>,
    /// Whether it recognises emotions or categorises people by biometric data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emotion_or_categorisation: Option<bool>,
    /// Whether it makes deep fakes, or publishes text on matters of public interest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_fakes: Option<bool>,
}
