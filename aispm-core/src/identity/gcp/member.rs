//! Members: who a binding or a deny rule is for. The two generations of policies write the same people differently.

/// The key of a member: e-mail addresses are compared without case.
pub(super) fn key(member: &str) -> String {
    match member.split_once(':') {
        Some((kind @ ("user" | "group" | "domain" | "serviceAccount"), name)) => {
            format!("{kind}:{}", name.to_lowercase())
        }
        _ => member.to_owned(),
    }
}

/// Whether a text is a member that can act, or a set of such.
pub(super) fn is_member(text: &str) -> bool {
    let kinds = ["user:", "group:", "domain:", "serviceAccount:", "principal://", "principalSet://"];
    kinds.iter().any(|kind| text.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()))
}

/// Everybody, with credentials or without.
pub(super) const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];

/// What belongs to a member by its own words: the domain of a person, the pool of an outside workload.
pub(super) fn sets(member: &str) -> Vec<String> {
    let mut sets = Vec::new();
    match member.split_once(':') {
        Some(("user" | "group", email)) => {
            sets.extend(email.split_once('@').map(|(_, domain)| format!("domain:{domain}")));
        }
        Some(("principal", rest)) => {
            if let Some((pool, _)) = rest.split_once("/subject/") {
                sets.push(format!("principalSet:{pool}/*"));
            }
        }
        _ => {}
    }
    sets
}

/// Who a deny rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denied {
    /// Everybody on the internet.
    Everyone,
    /// This member, or who is in it.
    Member(String),
    /// The service accounts below this project, folder or organisation.
    AccountsOf(String),
    /// A set whose members no export lists.
    Unknown(String),
}

/// A principal as the second generation of policies writes it.
pub(super) fn denied(text: &str) -> Denied {
    let rest = |start: &str| text.strip_prefix(start).filter(|rest| !rest.is_empty());
    let accounts = |rest: &str| {
        // `projects/1/type/ServiceAccount` is a part of `projects/1`
        let holder = rest.split("/type/").next().unwrap_or(rest);
        Denied::AccountsOf(format!("//cloudresourcemanager.googleapis.com/{holder}"))
    };
    if text == "principalSet://goog/public:all" {
        Denied::Everyone
    } else if let Some(email) = rest("principal://goog/subject/") {
        Denied::Member(key(&format!("user:{email}")))
    } else if let Some(email) = rest("principalSet://goog/group/") {
        Denied::Member(key(&format!("group:{email}")))
    } else if let Some((_, email)) =
        rest("principal://iam.googleapis.com/").and_then(|rest| rest.split_once("/serviceAccounts/"))
    {
        Denied::Member(key(&format!("serviceAccount:{email}")))
    } else if let Some(holder) = rest("principalSet://cloudresourcemanager.googleapis.com/") {
        accounts(holder)
    } else if text.starts_with("principalSet://goog/") || text.starts_with("deleted:") {
        Denied::Unknown(text.to_owned())
    } else {
        Denied::Member(key(text))
    }
}

/// The project that a service account's address names, and whether the account lies in it: Google's own agents work
/// for a project but live elsewhere.
pub(super) fn project(email: &str) -> Option<(String, bool)> {
    let (name, domain) = email.split_once('@')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let agent = name.strip_prefix("service-").filter(|rest| number(rest));
    match domain {
        "developer.gserviceaccount.com" => {
            name.strip_suffix("-compute").filter(|n| number(n)).map(|n| (n.to_owned(), true))
        }
        "appspot.gserviceaccount.com" => Some((name.to_owned(), true)),
        "cloudbuild.gserviceaccount.com" | "cloudservices.gserviceaccount.com" => {
            number(name).then(|| (name.to_owned(), false))
        }
        _ => {
            let project = domain.strip_suffix(".iam.gserviceaccount.com")?;
            match (agent, project.split_once('.')) {
                (Some(agent), _) => Some((agent.to_owned(), false)),
                (None, _) if project.starts_with("gcp-sa-") => None,
                // a project of a domain: `name@project.example.com.iam.gserviceaccount.com`
                (None, Some((project, domain))) => Some((format!("{domain}:{project}"), true)),
                (None, None) => Some((project.to_owned(), true)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_sets() {
        assert_eq!(key("user:Jo@Acme.example"), "user:jo@acme.example");
        assert_eq!(sets("user:jo@acme.example"), ["domain:acme.example"]);
        assert_eq!(
            sets("principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s"),
            ["principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*"]
        );
        assert!(sets("serviceAccount:a@b.iam.gserviceaccount.com").is_empty());
    }

    #[test]
    fn both_generations_name_the_same() {
        for (text, want) in [
            ("principalSet://goog/public:all", Denied::Everyone),
            ("principal://goog/subject/Jo@acme.example", Denied::Member("user:jo@acme.example".into())),
            ("principalSet://goog/group/g@acme.example", Denied::Member("group:g@acme.example".into())),
            (
                "principal://iam.googleapis.com/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com",
                Denied::Member("serviceAccount:a@p.iam.gserviceaccount.com".into()),
            ),
            (
                "principalSet://cloudresourcemanager.googleapis.com/folders/7/type/ServiceAccount",
                Denied::AccountsOf("//cloudresourcemanager.googleapis.com/folders/7".into()),
            ),
            (
                "principalSet://goog/cloudIdentityCustomerId/C1",
                Denied::Unknown("principalSet://goog/cloudIdentityCustomerId/C1".into()),
            ),
        ] {
            assert_eq!(denied(text), want, "{text}");
        }
    }

    #[test]
    fn projects_of_service_accounts() {
        for (email, want) in [
            ("a@acme.iam.gserviceaccount.com", Some(("acme", true))),
            ("a@acme.example.com.iam.gserviceaccount.com", Some(("example.com:acme", true))),
            ("12-compute@developer.gserviceaccount.com", Some(("12", true))),
            ("acme@appspot.gserviceaccount.com", Some(("acme", true))),
            ("12@cloudbuild.gserviceaccount.com", Some(("12", false))),
            ("service-12@gcp-sa-aiplatform.iam.gserviceaccount.com", Some(("12", false))),
            ("acme.svc.id.goog[a/b]", None),
            ("", None),
        ] {
            let got = project(email);
            assert_eq!(got.as_ref().map(|(p, inside)| (p.as_str(), *inside)), want, "{email}");
        }
    }
}
