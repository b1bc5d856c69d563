//! `data/discover/gcp_access.yaml`: what roles and calls come to.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::asset::{Document, RelationKind};

const ACCESS: &str = include_str!("../../../data/discover/gcp_access.yaml");

/// The file's shape.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    roles: HashMap<String, Vec<RelationKind>>,
    ends: Vec<End>,
    methods: Vec<Method>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: Vec<String>,
    gives: Vec<RelationKind>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Method {
    does: RelationKind,
    begins: Vec<String>,
}

/// The built-in table.
pub(super) fn access() -> &'static Access {
    static TABLE: LazyLock<Access> = LazyLock::new(|| Document::config("gcp_access.yaml", ACCESS).unwrap_or_default());
    &TABLE
}

impl Access {
    /// What a role gives on the resource it is granted on.
    pub(super) fn of_role(&self, role: &str) -> &[RelationKind] {
        if let Some(known) = self.roles.get(role) {
            return known;
        }
        let word = role.rsplit(['.', '/']).next().unwrap_or(role).to_ascii_lowercase();
        let ends = self.ends.iter().find(|known| known.end.iter().any(|end| word.ends_with(end.as_str())));
        ends.map_or(&[], |known| &known.gives)
    }

    /// What a call does: `google.cloud.aiplatform.v1.PredictionService.Predict` invokes.
    pub(super) fn of_method(&self, method: &str) -> Option<RelationKind> {
        let word = method.rsplit(['.', '/']).next().unwrap_or(method).to_ascii_lowercase();
        let does = |known: &&Method| known.begins.iter().any(|begin| word.starts_with(begin.as_str()));
        (!word.is_empty()).then(|| self.methods.iter().find(does).map(|known| known.does)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_methods() {
        Document::config::<Access>("gcp_access.yaml", ACCESS).unwrap();
        let role = |role: &str| access().of_role(role).iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(role("roles/storage.objectViewer"), "reads");
        assert_eq!(role("roles/bigquery.dataEditor"), "reads writes");
        assert_eq!(role("roles/run.invoker"), "invokes");
        assert_eq!(role("roles/iam.serviceAccountTokenCreator"), "can_assume");
        assert_eq!(role("projects/acme/roles/trainer"), "");
        let method = |name: &str| access().of_method(name).map(|kind| kind.as_str());
        assert_eq!(method("google.cloud.aiplatform.v1.PredictionService.StreamGenerateContent"), Some("invokes"));
        assert_eq!(method("storage.objects.get"), Some("reads"));
        assert_eq!(method("google.iam.credentials.v1.IAMCredentials.GenerateAccessToken"), Some("can_assume"));
        assert_eq!(method("v1.compute.instances.insert"), Some("writes"));
        assert_eq!(method("google.cloud.aiplatform.v1.JobService.CreateCustomJob"), Some("writes"));
        assert_eq!(method(""), None);
    }
}
