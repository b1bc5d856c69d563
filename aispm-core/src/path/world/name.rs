//! What ids and names tell of an asset.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::asset::{Asset, AssetKind, Document};
use crate::identity::Platform;
use crate::identity::aws::{account_of, service_of};

/// The ARN of the ECR repository in an image's name: `1.dkr.ecr.REGION.amazonaws.com/NAME:TAG`.
pub(super) fn repository_of(image: &str) -> Option<String> {
    let (host, path) = image.split_once('/')?;
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let region = rest.split('.').next()?;
    let name = path.split(['@', ':']).next()?;
    Some(format!("arn:aws:ecr:{region}:{account}:repository/{name}"))
}

pub(super) fn account_of_root(prefix: &str) -> Option<&str> {
    prefix.rsplit(':').next().filter(|account| !account.is_empty())
}

/// The role behind an assumed-role session's ARN.
pub(super) fn session_role(arn: &str) -> Option<String> {
    let (_, rest) = arn.split_once(":assumed-role/")?;
    Some(format!("arn:aws:iam::{}:role/{}", account_of(arn)?, rest.split('/').next()?))
}

/// The platform that an id belongs to, where its form tells.
pub(super) fn platform_of(id: &str) -> Option<Platform> {
    let is = |prefix: &str| id.starts_with(prefix);
    match id {
        _ if is("arn:") => Some(Platform::Aws),
        _ if is("k8s://") => Some(Platform::Kubernetes),
        _ if is("/subscriptions/") || is("/providers/microsoft.") || is("/providers/Microsoft.") => {
            Some(Platform::Azure)
        }
        _ if is("//") && id.contains(".googleapis.com/") => Some(Platform::Gcp),
        _ => None,
    }
}

pub(super) fn kind_of_arn(arn: &str) -> AssetKind {
    match service_of(arn) {
        Some("s3") => AssetKind::Bucket,
        Some("dynamodb" | "rds" | "redshift") => AssetKind::Database,
        Some("secretsmanager" | "ssm") => AssetKind::Secret,
        Some("lambda") => AssetKind::Function,
        Some("iam") if arn.contains(":role/") => AssetKind::Role,
        Some("iam") if arn.contains(":user/") => AssetKind::User,
        _ => AssetKind::Resource,
    }
}

pub(super) fn name_of_arn(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or(arn)
}

/// The type of a resource as the rules name it, whether Terraform or its cloud described it.
pub(super) fn resource_type(asset: &Asset) -> Option<&str> {
    static TYPES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
        // checked by a test; an empty table would only lose the resources that AWS described
        let text = include_str!("../../../data/path/resource_types.yaml");
        Document::config("resource_types.yaml", text).unwrap_or_default()
    });
    let [own, listed @ .., kubernetes] = TYPED;
    let listed = || listed.iter().find_map(|key| TYPES.get(asset.text(key)?)).map(String::as_str);
    let known = asset.text(own).or_else(listed).or_else(|| asset.text(kubernetes));
    known.or_else(|| type_of_id(asset.id.as_str()))
}

/// Properties that tell the type of a resource: as the rules name it, then as its cloud does, then of a cluster.
pub(super) const TYPED: [&str; 6] =
    ["terraform_type", "aws_type", "cloudformation_type", "gcp_type", "resource_type", "kubernetes_kind"];

/// What the id alone tells of the type.
pub(super) fn type_of_id(id: &str) -> Option<&str> {
    kubernetes_kind(id).or_else(|| is_group(id).then_some(GROUP))
}

const GROUP: &str = "azurerm_resource_group";

/// Whether an id is that of a resource group, which has no type.
pub(super) fn is_group(id: &str) -> bool {
    let rest = id.strip_prefix("/subscriptions/").and_then(|rest| rest.split_once("/resourcegroups/"));
    rest.is_some_and(|(_, group)| !group.is_empty() && !group.contains('/'))
}

/// What is only referred to tells its kind by its id.
pub(super) fn kubernetes_kind(id: &str) -> Option<&str> {
    let mut parts = id.strip_prefix("k8s://")?.splitn(4, '/').skip(2);
    parts.next().filter(|_| parts.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_name_their_repository() {
        let arn = "arn:aws:ecr:eu-west-1:111111111111:repository/ml/llm";
        for tag in [":v1", "@sha256:aa", ""] {
            let image = format!("111111111111.dkr.ecr.eu-west-1.amazonaws.com/ml/llm{tag}");
            assert_eq!(repository_of(&image).as_deref(), Some(arn));
        }
        assert_eq!(repository_of("docker.io/vllm/vllm-openai"), None);
    }
}
