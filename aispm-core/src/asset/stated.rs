//! Names of properties that state what only the library can tell: what is declared, scanned, observed or derived, and of
//! which source an asset is. A source's own attribute of such a name is kept, but under another.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Rules, the guard and attack paths believe these; sorted.
pub(crate) const STATED: &[&str] = &[
    "ai_code",
    "ai_feature",
    "ai_opt_out",
    "ai_permissions_unused_days",
    "approved_by",
    "approved_for",
    "approved_until",
    "audit_log",
    "aws_arn",
    "aws_type",
    "baseline",
    "bom",
    "capability",
    "card",
    "classification",
    "cloudformation_type",
    "dangerous_calls",
    "declared_evidence",
    "default_identity",
    "deploys",
    "deploys_without_gate",
    "digest",
    "effect",
    "expected_digest",
    "expired",
    "findings",
    "fixed_in",
    "gcp_type",
    "gpu_sharing",
    "gpu_tenants",
    "grounding_check",
    "hardcoded",
    "human_approval",
    "iam_policy",
    "iam_policy_at",
    "invocation_logging",
    "invocations",
    "invoked_by",
    "kubernetes_kind",
    "kubernetes_namespace",
    "kubernetes_service_account",
    "loop_limit",
    "messages",
    "model_output_places",
    "model_output_sinks",
    "model_server",
    "monitored",
    "observed",
    "organization_level",
    "organization_policy",
    "organization_policy_type",
    "organization_root",
    "policy_pointer",
    "private_endpoint",
    "prompt_attack_filter",
    "prompt_leak",
    "public_access",
    "public_roles",
    "query_pattern",
    "reachability",
    "resource_type",
    "sandbox",
    "seen_in_traffic",
    "sensitive_information_filter",
    "sensitive_text",
    "service_last_accessed",
    "static_credentials",
    "support_ends",
    "switched_off",
    "terraform_address",
    "terraform_type",
    "tool_poisoning",
    "tools_called",
    "untrusted_checkout",
    "usage_drift",
    "usage_novelty",
    "usage_rates",
    "usage_spike",
    "verdict",
    "vulnerabilities",
    "vulnerabilities_checked",
    "vulnerability_severity",
    "vulnerability_summary",
];

/// What stands before the name of an attribute that would pass for a fact.
const OWN: &str = "attributes.";

/// The property under which an attribute of the source's own is kept: its name, or `attributes.NAME` where that is one
/// that only the library states. O(log names).
pub(crate) fn own_name(name: &str) -> Cow<'_, str> {
    match STATED.binary_search(&name) {
        Ok(_) => Cow::Owned(format!("{OWN}{name}")),
        Err(_) => Cow::Borrowed(name),
    }
}

/// A source's own attributes as properties, each by its [`own_name`]. Every reader that keeps attributes whatever their
/// names passes them through here. O(attributes · log names).
pub(crate) fn own_attributes(attributes: Map<String, Value>) -> Map<String, Value> {
    let fact = |name: &String| STATED.binary_search(&name.as_str()).is_ok();
    if !attributes.keys().any(fact) {
        return attributes;
    }
    attributes.into_iter().map(|(name, value)| (own_name(&name).into_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn facts_keep_their_names_to_themselves() {
        assert!(STATED.is_sorted());
        let Value::Object(given) = json!({"approved_by": "me", "name": "n", "verdict": "clean"}) else { panic!() };
        let kept = json!({"attributes.approved_by": "me", "name": "n", "attributes.verdict": "clean"});
        assert_eq!(Value::Object(own_attributes(given)), kept);
        assert_eq!((own_name("Name"), own_name("digest")), ("Name".into(), "attributes.digest".into()));
    }
}
