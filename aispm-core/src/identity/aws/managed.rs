//! AWS-managed policies that exports often name without their documents: the part that matters for privileges.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::json;

use super::policy::{Policy, Purpose};
use crate::asset::Document;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Managed {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    allow_all_but: Vec<String>,
}

/// The policy of this AWS-managed name.
pub(super) fn managed(name: &str) -> Option<Arc<Policy>> {
    static TABLE: OnceLock<HashMap<String, Arc<Policy>>> = OnceLock::new();
    TABLE.get_or_init(table).get(name).cloned()
}

fn table() -> HashMap<String, Arc<Policy>> {
    let text = include_str!("../../../data/identity/aws_managed_policies.yaml");
    // the built-in table is checked by a test; an empty one only loses what the export lacks
    let table: HashMap<String, Managed> = Document::config("aws_managed_policies.yaml", text).unwrap_or_default();
    let document = |managed: &Managed| {
        let mut statements = Vec::new();
        if !managed.allow.is_empty() {
            statements.push(json!({"Effect": "Allow", "Action": managed.allow, "Resource": "*"}));
        }
        if !managed.allow_all_but.is_empty() {
            statements.push(json!({"Effect": "Allow", "NotAction": managed.allow_all_but, "Resource": "*"}));
        }
        Policy::parse(&json!({ "Statement": statements }), Purpose::Identity)
    };
    table.iter().filter_map(|(name, managed)| Some((name.clone(), Arc::new(document(managed)?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads() {
        assert!(managed("AdministratorAccess").unwrap().statements[0].actions.matches("iam:putuserpolicy"));
        let power = managed("PowerUserAccess").unwrap();
        assert!(!power.statements.iter().any(|s| s.actions.matches("iam:putuserpolicy")));
        assert!(power.statements.iter().any(|s| s.actions.matches("lambda:createfunction")));
    }
}
