//! Names of Google Cloud resources in every way exports write them, as the one id that joins them.
//!
//! Full resource names (`//SERVICE.googleapis.com/projects/…`) stand for themselves, with these exceptions: buckets and
//! objects are `gs://…`, service accounts `serviceAccount:EMAIL`, publishers' models `model:NAME`.

use super::table;

/// Longest name taken for one.
const LIMIT: usize = 1024;

/// The id of what a text names; `None` if it names nothing of Google Cloud. `service` is that of the resource which
/// says so, for names without one (`projects/…`).
pub(super) fn id(text: &str, service: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > LIMIT {
        return None;
    }
    if let Some(rest) = text.strip_prefix("gs://") {
        return object(rest);
    }
    if let Some(rest) = text.strip_prefix("bq://") {
        return table_id(rest);
    }
    if let Some((host, path)) = text.strip_prefix("//").and_then(|rest| rest.split_once('/')) {
        return host.ends_with(".googleapis.com").then(|| full(host, path));
    }
    if let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        return link(rest);
    }
    if let Some((_, model)) = text.strip_prefix("publishers/").and_then(|rest| rest.split_once("/models/")) {
        return Some(format!("model:{model}"));
    }
    if is_relative(text) {
        let service = table::service_of(text, service).unwrap_or(service);
        return Some(full(service, text));
    }
    // logging sinks name their destination by host
    if let Some((host, path)) = text.split_once('/').filter(|(host, _)| host.ends_with(".googleapis.com")) {
        return Some(full(host, path));
    }
    let kind = text.split_once(':').map(|(kind, _)| kind);
    if matches!(kind, Some("serviceAccount" | "user" | "group" | "domain")) {
        return Some(text.to_owned());
    }
    is_email(text).then(|| principal(text))
}

/// Whether a text is a resource name without its service.
pub(super) fn is_relative(text: &str) -> bool {
    ["projects/", "organizations/", "folders/"]
        .iter()
        .any(|start| text.strip_prefix(start).is_some_and(|r| !r.is_empty()))
}

/// The id of a resource of a service (`aiplatform.googleapis.com`).
pub(super) fn full(service: &str, path: &str) -> String {
    let path = path.trim_matches('/');
    if service == "storage.googleapis.com"
        && let Some(id) = object(path.strip_prefix("projects/_/buckets/").unwrap_or(path))
    {
        return id;
    }
    let segments: Vec<&str> = path.split('/').collect();
    match *segments.as_slice() {
        // a place of a project is the project
        ["projects", project]
        | ["projects", project, "locations" | "regions" | "zones", _]
        | ["projects", project, "global"] => self::project(project),
        ["organizations", _] | ["folders", _] => format!("//cloudresourcemanager.googleapis.com/{path}"),
        ["projects", _, "serviceAccounts", email] if is_email(email) => principal(email),
        [.., "publishers", _, "models", model] => format!("model:{model}"),
        // a version of a model is one of its properties
        [.., "models", model] if service == "aiplatform.googleapis.com" && model.contains('@') => {
            let end = model.split_once('@').map_or(0, |(_, version)| version.len() + 1);
            format!("//{service}/{}", path.get(..path.len() - end).unwrap_or(path))
        }
        _ => format!("//{service}/{path}"),
    }
}

/// The id of a project.
pub(super) fn project(project: &str) -> String {
    format!("//cloudresourcemanager.googleapis.com/projects/{project}")
}

/// An identity that a log or setting names by its e-mail address alone.
pub(super) fn principal(email: &str) -> String {
    let machine = email.ends_with(".gserviceaccount.com");
    format!("{}:{email}", if machine { "serviceAccount" } else { "user" })
}

/// The project that an id lies in.
pub(super) fn project_of(id: &str) -> Option<&str> {
    let (_, rest) = id.strip_prefix("//")?.split_once("/projects/")?;
    rest.split('/').next().filter(|project| !project.is_empty() && *project != "_")
}

/// The place that an id lies in: a region, a zone, `global`.
pub(super) fn location_of(id: &str) -> Option<&str> {
    let (_, rest) = id.strip_prefix("//")?.split_once("/projects/")?;
    let mut segments = rest.split('/').skip(1);
    match segments.next()? {
        "locations" | "regions" | "zones" => segments.next(),
        "global" => Some("global"),
        _ => None,
    }
}

/// The service and path of a full name.
pub(super) fn split(id: &str) -> Option<(&str, &str)> {
    id.strip_prefix("//")?.split_once('/')
}

/// What an id lies in, by its own words: the name without the last collection.
pub(super) fn parent(id: &str) -> Option<&str> {
    let (above, _) = id.rsplit_once('/')?;
    let (above, _) = above.rsplit_once('/')?;
    (above.len() > 2).then_some(above)
}

/// The last word of a name.
pub(super) fn last(id: &str) -> &str {
    id.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(id)
}

/// A bucket, an object, or a folder of one: `BUCKET/KEY` or `BUCKET/objects/KEY` → `gs://BUCKET/KEY`.
fn object(rest: &str) -> Option<String> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let key = key.strip_prefix("objects/").unwrap_or(key).trim_end_matches('/');
    let valid = bucket.len() >= 3 && !bucket.contains(char::is_whitespace);
    valid.then(|| if key.is_empty() { format!("gs://{bucket}") } else { format!("gs://{bucket}/{key}") })
}

/// `PROJECT.DATASET.TABLE`, `PROJECT:DATASET.TABLE` or a shorter one.
fn table_id(rest: &str) -> Option<String> {
    // a project of a domain holds a colon itself: `example.com:project`
    let mut parts: Vec<&str> = match rest.rsplit_once(':') {
        Some((project, rest)) if !project.contains('.') => {
            std::iter::once(project).chain(rest.splitn(2, '.')).collect()
        }
        _ => rest.splitn(3, '.').collect(),
    };
    parts.retain(|part| !part.is_empty());
    match *parts.as_slice() {
        [project] => Some(self::project(project)),
        [project, dataset] => Some(format!("//bigquery.googleapis.com/projects/{project}/datasets/{dataset}")),
        [project, dataset, table] => {
            Some(format!("//bigquery.googleapis.com/projects/{project}/datasets/{dataset}/tables/{table}"))
        }
        _ => None,
    }
}

/// A link into an API, without its scheme: `www.googleapis.com/compute/v1/projects/…`,
/// `us-central1-aiplatform.googleapis.com/v1/projects/…`, `storage.googleapis.com/BUCKET/KEY`.
fn link(rest: &str) -> Option<String> {
    let (host, path) = rest.split_once('/')?;
    let path = path.split(['?', '#']).next()?;
    let label = host.strip_suffix(".googleapis.com").or_else(|| host.strip_suffix(".google.com"))?;
    let mut segments = path.splitn(3, '/');
    let (first, second) = (segments.next()?, segments.next().unwrap_or_default());
    let (api, path) = if is_version(first) {
        (label, path.split_once('/')?.1)
    } else if is_version(second) {
        (first, segments.next()?)
    } else if matches!(label, "storage" | "storage.cloud" | "commondatastorage") {
        return object(path);
    } else {
        return None;
    };
    // a regional host: `us-central1-aiplatform`
    let api = api.rsplit('-').next().unwrap_or(api);
    let path = match (api, path.strip_prefix("b/")) {
        ("storage", Some(rest)) => return object(&rest.replacen("/o/", "/", 1)),
        _ => path,
    };
    let service = match api {
        "sql" | "sqladmin" => "cloudsql",
        api => api,
    };
    Some(full(&format!("{service}.googleapis.com"), path))
}

/// `v1`, `v2beta1`, `beta`: where the path of an API begins.
fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    number || matches!(segment, "beta" | "alpha")
}

fn is_email(text: &str) -> bool {
    let address = |(name, host): (&str, &str)| !name.is_empty() && host.contains('.') && !host.contains('@');
    !text.contains(['/', ' ', ':']) && text.split_once('@').is_some_and(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_gives_one_id() {
        let endpoint = "//aiplatform.googleapis.com/projects/acme/locations/us-central1/endpoints/7";
        let bucket = "gs://acme-data";
        let key = "//cloudkms.googleapis.com/projects/acme/locations/eu/keyRings/r/cryptoKeys/k";
        let vm = "//compute.googleapis.com/projects/acme/zones/eu-a/instances/vm";
        let table = "//bigquery.googleapis.com/projects/acme/datasets/d/tables/t";
        let account = "serviceAccount:a@acme.iam.gserviceaccount.com";
        for (text, want) in [
            ("projects/acme/locations/us-central1/endpoints/7", endpoint),
            (endpoint, endpoint),
            (
                "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/acme/locations/us-central1/endpoints/7",
                endpoint,
            ),
            ("gs://acme-data", bucket),
            ("gs://acme-data/", bucket),
            ("//storage.googleapis.com/acme-data", bucket),
            ("//storage.googleapis.com/projects/_/buckets/acme-data", bucket),
            ("https://www.googleapis.com/storage/v1/b/acme-data", bucket),
            ("storage.googleapis.com/acme-data", bucket),
            ("https://storage.googleapis.com/acme-data/a/b.csv", "gs://acme-data/a/b.csv"),
            ("//storage.googleapis.com/projects/_/buckets/acme-data/objects/a/b.csv", "gs://acme-data/a/b.csv"),
            ("projects/acme/locations/eu/keyRings/r/cryptoKeys/k", key),
            ("https://www.googleapis.com/compute/v1/projects/acme/zones/eu-a/instances/vm", vm),
            ("https://compute.googleapis.com/compute/beta/projects/acme/zones/eu-a/instances/vm", vm),
            ("projects/acme/global/networks/n", "//compute.googleapis.com/projects/acme/global/networks/n"),
            ("bq://acme.d.t", table),
            ("bq://acme:d.t", table),
            ("bigquery.googleapis.com/projects/acme/datasets/d/tables/t", table),
            ("bq://acme", "//cloudresourcemanager.googleapis.com/projects/acme"),
            ("projects/acme/locations/eu", "//cloudresourcemanager.googleapis.com/projects/acme"),
            ("//iam.googleapis.com/projects/acme/serviceAccounts/a@acme.iam.gserviceaccount.com", account),
            ("projects/-/serviceAccounts/a@acme.iam.gserviceaccount.com", account),
            ("a@acme.iam.gserviceaccount.com", account),
            ("jo@acme.example", "user:jo@acme.example"),
            ("projects/acme/locations/eu/publishers/google/models/gemini-9", "model:gemini-9"),
            ("publishers/google/models/gemini-9", "model:gemini-9"),
            ("projects/1/locations/eu/models/5@2", "//aiplatform.googleapis.com/projects/1/locations/eu/models/5"),
            (
                "https://sqladmin.googleapis.com/sql/v1beta4/projects/acme/instances/db",
                "//cloudsql.googleapis.com/projects/acme/instances/db",
            ),
        ] {
            assert_eq!(id(text, "aiplatform.googleapis.com").as_deref(), Some(want), "{text}");
        }
        for text in
            ["", "plain", "7", "https://example.com/v1/x", "gs://", "//", "//example.com/x", "projects/", "a b@c.d"]
        {
            assert_eq!(id(text, "aiplatform.googleapis.com"), None, "{text}");
        }
    }

    #[test]
    fn parts_of_an_id() {
        let id = "//run.googleapis.com/projects/acme/locations/eu/services/s";
        assert_eq!((project_of(id), location_of(id), last(id)), (Some("acme"), Some("eu"), "s"));
        assert_eq!(parent(id), Some("//run.googleapis.com/projects/acme/locations/eu"));
        assert_eq!((project_of("gs://b"), parent("x")), (None, None));
    }
}
