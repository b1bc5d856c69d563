//! Rules of roles, and the actions that are asked of them.

use serde_json::Value;

/// One rule of a role, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(rename = "apiGroups")]
    pub(super) groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) verbs: Vec<String>,
    #[serde(rename = "resourceNames")]
    pub(super) names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    pub(super) urls: Vec<String>,
}

/// What is asked: `VERB RESOURCE[/SUBRESOURCE][.GROUP]`, or `VERB /URL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Action<'a> {
    pub(super) verb: &'a str,
    pub(super) resource: &'a str,
    subresource: Option<&'a str>,
    group: &'a str,
    url: Option<&'a str>,
}

impl<'a> Action<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (verb, what) = text.split_once(' ')?;
        if what.starts_with('/') {
            return Some(Self { verb, resource: "", subresource: None, group: "", url: Some(what) });
        }
        let (path, group) = what.split_once('.').unwrap_or((what, ""));
        let (resource, subresource) = match path.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (path, None),
        };
        Some(Self { verb, resource, subresource, group, url: None })
    }

    /// A request for something new carries no name, so no rule that lists names allows it.
    pub(super) fn is_nameless(&self) -> bool {
        matches!(self.verb, "create" | "deletecollection") && self.subresource.is_none()
    }
}

impl Rule {
    /// The rules of a role's property; what is malformed grants nothing.
    pub(super) fn list(value: Option<&Value>) -> Vec<Self> {
        let rules = value.and_then(Value::as_array).into_iter().flatten();
        rules.filter_map(|rule| serde_json::from_value(without_nulls(rule)).ok()).collect()
    }

    /// Everything, on everything.
    pub(super) fn is_all(&self) -> bool {
        let any = |list: &[String]| list.iter().any(|entry| entry == "*");
        any(&self.verbs) && any(&self.groups) && any(&self.resources) && self.names.is_empty()
    }

    /// Whether this rule allows an action on some resource.
    pub(super) fn allows(&self, action: &Action<'_>) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|entry| entry == "*" || entry == wanted);
        if !has(&self.verbs, action.verb) || action.is_nameless() && !self.names.is_empty() {
            return false;
        }
        if let Some(url) = action.url {
            let covers = |pattern: &String| match pattern.strip_suffix('*') {
                Some(start) => url.starts_with(start),
                None => pattern == url,
            };
            return self.urls.iter().any(covers);
        }
        let named = |entry: &String| match action.subresource {
            _ if entry == "*" => true,
            None => entry == action.resource,
            Some(sub) => {
                entry.split_once('/').is_some_and(|(of, it)| it == sub && (of == "*" || of == action.resource))
            }
        };
        has(&self.groups, action.group) && self.resources.iter().any(named)
    }
}

/// Exports write `null` for an empty list.
fn without_nulls(value: &Value) -> Value {
    let kept = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}
