//! Scores, controls and explanations: what an assessment says besides findings and paths.

use aispm_core::policy::controls;
use aispm_core::{assess, asset, policy, report};
use pyo3::prelude::*;

use crate::convert::view;

view! {
    /// How much what is wrong with the estate, a system, an owner or an asset matters, from 0 to 100.
    part Risk(assess::Risk) repr(subject, id, score)
    { subject, id, name, score, findings, terms, members, average }
}

view! {
    /// The points of one finding: severity × exposure × data × reachability.
    part RiskTerm(assess::RiskTerm) repr(rule, points)
    { finding, rule, severity, exposure, data, reachability, points }
}

view! {
    /// One term of a product, and why it is so.
    part Factor(assess::Factor) repr(value, reason)
    { value, reason }
}

view! {
    /// An asset of a system, owner or estate, and its score.
    part RiskMember(assess::RiskMember) repr(asset, score)
    { asset, score }
}

view! {
    /// How the controls of a framework came out.
    part Coverage(controls::Coverage) repr(framework)
    { framework, controls }
}

view! {
    /// How one control came out, and why.
    part ControlResult(controls::ControlResult) repr(id, status, reason)
    { id, name, status, reason, rules, unknown, assets, findings, shown, via }
}

view! {
    /// A piece of declared evidence for a control.
    part Shown(controls::Shown) repr(kind, reference, expired)
    { kind, reference, asset, until, expired, evidence }
}

view! {
    /// A finding that somebody accepts for a while.
    part Waived(asset::Waived) repr(finding, waiver)
    { finding, waiver, place }
}

view! {
    /// Who accepts what, why, and until when.
    part Waiver(asset::Waiver) repr(rule, asset, owner, expires)
    { rule, asset, owner, reason, expires, ticket }
}

view! {
    /// What came and went since the baseline.
    part Comparison(assess::Comparison)
    { known, resolved, new_paths }
}

view! {
    /// A plain question and its answer.
    part Answer(policy::readiness::Answer) repr(id, answer, good)
    { id, question, answer, good, reason, asked, assets, rules, findings, evidence, needs, collect }
}

view! {
    /// The data pack that was used.
    part DataInfo(assess::DataInfo) repr(name, version, age_days)
    { name, version, created, expires, age_days, signed_by }
}

view! {
    /// One finding, attack path, score, asset or rule, with everything that bears on it.
    document Explanation(report::Explanation) repr(kind, id)
    { kind, id, findings, rule, paths, risk }
}

view! {
    /// What a rule says of itself.
    part Rule(policy::RuleInfo) repr(id, severity, title)
    { id, title, severity, description, fix, controls }
}
