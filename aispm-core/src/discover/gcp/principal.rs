//! Identities as IAM writes them: `user:E`, `group:E`, `serviceAccount:E`, `domain:D`, `principal://…`.

use crate::asset::{Asset, AssetKind, Authentication};

/// Whether a member is anyone (`allUsers`), and what proof is asked (`allAuthenticatedUsers`: any Google account).
pub(super) fn everyone(member: &str) -> Option<Authentication> {
    match member {
        "allUsers" => Some(Authentication::None),
        "allAuthenticatedUsers" => Some(Authentication::Identity),
        _ => None,
    }
}

/// An identity by its IAM name; `None` for one that was deleted.
pub(super) fn asset(member: &str) -> Option<Asset> {
    let (kind, name) = member.split_once(':')?;
    let name = name.trim_start_matches('/');
    if name.is_empty() {
        return None;
    }
    let kind = match kind {
        "user" | "principal" => AssetKind::User,
        "serviceAccount" => return Some(service_account(name)),
        "group" | "domain" | "principalSet" | "projectOwner" | "projectEditor" | "projectViewer" => AssetKind::Group,
        _ => return None,
    };
    Some(Asset::new(member, kind, name))
}

/// The identity that a resource acts with: an address, a name, or `default`.
pub(super) fn acting(text: &str, project: Option<&str>) -> Option<Asset> {
    if text == "default" {
        let number = project.filter(|project| project.bytes().all(|b| b.is_ascii_digit()))?;
        return Some(service_account(&format!("{number}-compute@developer.gserviceaccount.com")));
    }
    // a key acts with its account
    let text = text.split("/keys/").next().unwrap_or(text);
    let id = super::name::id(text, "iam.googleapis.com")?;
    asset(&id).filter(|asset| asset.kind.is_identity())
}

fn service_account(email: &str) -> Asset {
    let mut asset = Asset::new(format!("serviceAccount:{email}"), AssetKind::ServiceAccount, email);
    let domain = email.split_once('@').map_or("", |(_, domain)| domain);
    // a Kubernetes service account under workload identity: `PROJECT.svc.id.goog[NAMESPACE/NAME]`
    if let Some((pool, rest)) = email.split_once(".svc.id.goog[")
        && let Some((namespace, name)) = rest.trim_end_matches(']').split_once('/')
    {
        asset.name = name.to_owned();
        return asset
            .with("project", pool)
            .with("kubernetes_namespace", namespace)
            .with("kubernetes_service_account", name);
    }
    match domain.strip_suffix(".iam.gserviceaccount.com") {
        Some(project) if project.starts_with("gcp-sa-") => asset.with("google_managed", true),
        Some(project) => asset.with("project", project),
        None if domain == "developer.gserviceaccount.com" || domain == "appspot.gserviceaccount.com" => {
            asset.with("default_service_account", true)
        }
        None if domain.ends_with(".gserviceaccount.com") => asset.with("google_managed", true),
        None => asset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members() {
        let kind = |text: &str| asset(text).map_or("-", |asset| asset.kind.as_str());
        for (text, want) in [
            ("user:jo@acme.example", "user"),
            ("serviceAccount:a@acme.iam.gserviceaccount.com", "service-account"),
            ("principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*", "group"),
            ("allUsers", "-"),
            ("deleted:user:jo@acme.example?uid=1", "-"),
            ("", "-"),
        ] {
            assert_eq!(kind(text), want, "{text}");
        }
        let workload = asset("serviceAccount:acme.svc.id.goog[serving/api]").unwrap();
        assert_eq!(workload.text("kubernetes_namespace"), Some("serving"));
    }
}
