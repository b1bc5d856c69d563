//! Scores, controls and explanations: what an assessment says besides findings and paths.

use aispm_core::policy::controls;
use aispm_core::{assess, asset, policy, report};

use crate::assess::{AttackPath, Control, Evidence, Finding};
use crate::convert::object;

object! {
    /// How much what is wrong with the estate, a system, an owner or an asset matters, from 0 to 100.
    Risk(assess::Risk) {
        #[napi(ts_type = "'estate' | 'system' | 'owner' | 'asset'")]
        subject: String,
        id: String,
        name: String,
        score: f64,
        findings: f64,
        terms: Vec<RiskTerm>,
        members: Vec<RiskMember>,
        average: Option<f64>,
    }
}

object! {
    /// The points of one finding: severity × exposure × data × reachability.
    RiskTerm(assess::RiskTerm) {
        finding: String,
        rule: String,
        severity: Factor,
        exposure: Factor,
        data: Factor,
        reachability: Factor,
        points: f64,
    }
}

object! {
    /// One term of a product, and why it is so.
    Factor(assess::Factor) { value: f64, reason: String }
}

object! {
    /// An asset of a system, owner or estate, and its score.
    RiskMember(assess::RiskMember) { asset: String, score: f64 }
}

object! {
    /// How the controls of a framework came out.
    Coverage(controls::Coverage) { framework: String, controls: Vec<ControlResult> }
}

object! {
    /// How one control came out, and why.
    ControlResult(controls::ControlResult) {
        id: String,
        name: String,
        #[napi(ts_type = "'passed' | 'failed' | 'not_applicable' | 'no_evidence'")]
        status: String,
        reason: String,
        rules: Vec<String>,
        unknown: Vec<String>,
        assets: f64,
        findings: Vec<String>,
        shown: Vec<Shown>,
        via: Vec<Control>,
    }
}

object! {
    /// A piece of declared evidence for a control.
    Shown(controls::Shown) {
        kind: String,
        reference: String,
        asset: Option<String>,
        until: Option<String>,
        expired: bool,
        evidence: Evidence,
    }
}

object! {
    /// A finding that somebody accepts for a while.
    Waived(asset::Waived) { finding: Finding, waiver: Waiver, place: Evidence }
}

object! {
    /// Who accepts what, why, and until when.
    Waiver(asset::Waiver) {
        rule: String,
        asset: String,
        owner: String,
        reason: String,
        expires: String,
        ticket: Option<String>,
    }
}

object! {
    /// What came and went since the baseline.
    Comparison(assess::Comparison) { known: Vec<Finding>, resolved: Vec<Finding>, new_paths: Vec<String> }
}

object! {
    /// A plain question and its answer.
    Answer(policy::readiness::Answer) {
        id: String,
        question: String,
        #[napi(ts_type = "'yes' | 'no' | 'unknown'")]
        answer: String,
        good: Option<bool>,
        reason: String,
        asked: f64,
        assets: Vec<String>,
        rules: Vec<String>,
        findings: Vec<String>,
        evidence: Vec<Evidence>,
        needs: Option<String>,
        collect: Vec<String>,
    }
}

object! {
    /// The data pack that was used.
    DataInfo(assess::DataInfo) {
        name: String,
        version: String,
        created: String,
        expires: Option<String>,
        age_days: Option<f64>,
        signed_by: Option<String>,
    }
}

object! {
    /// What a rule says of itself.
    Rule(policy::RuleInfo) {
        id: String,
        title: String,
        #[napi(ts_type = "Severity")]
        severity: String,
        description: String,
        fix: String,
        controls: Vec<Control>,
    }
}

object! {
    /// One finding, attack path, score, asset or rule, with everything that bears on it.
    Explanation(report::Explanation) {
        #[napi(ts_type = "'finding' | 'path' | 'risk' | 'rule'")]
        kind: String,
        id: String,
        findings: Vec<Finding>,
        rule: Option<Rule>,
        paths: Vec<AttackPath>,
        risk: Option<Risk>,
    }
}
