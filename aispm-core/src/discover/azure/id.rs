//! Resource ids: `/subscriptions/S/resourceGroups/G/providers/NAMESPACE/TYPE/NAME/…`. Azure compares them without regard
//! to case; here they are lower case.

use std::fmt;

/// A resource id taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourceId<'a> {
    segments: Vec<&'a str>,
}

/// How high in the hierarchy a scope lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    ManagementGroup,
    Subscription,
    ResourceGroup,
    Resource,
}

/// Most segments of an id; real ones have a dozen.
const SEGMENTS: usize = 64;
/// What stands for a subscription or resource group that only a deployment knows.
pub(super) const UNKNOWN: &str = "[]";

impl<'a> ResourceId<'a> {
    /// Takes an id apart, also one that Machine Learning writes as `azureml:/subscriptions/…`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let text =
            text.strip_prefix("azureml:").unwrap_or(text).strip_prefix('/').filter(|rest| !rest.starts_with('/'))?;
        let segments: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).take(SEGMENTS).collect();
        let first = segments.first()?;
        let known = is(first, "subscriptions") || is(first, "providers");
        (known && segments.len() > 1).then_some(Self { segments })
    }

    /// The id, lower case.
    pub(super) fn id(&self) -> String {
        let mut id = String::new();
        for segment in &self.segments {
            id.push('/');
            id.push_str(&segment.to_lowercase());
        }
        id
    }

    /// Whether a template names it without knowing where it will be.
    pub(super) fn is_local(&self) -> bool {
        self.subscription().is_some_and(|id| id.starts_with('['))
            || self.group().is_some_and(|group| group.starts_with('['))
    }

    pub(super) fn subscription(&self) -> Option<&'a str> {
        self.after(0, "subscriptions")
    }

    pub(super) fn group(&self) -> Option<&'a str> {
        self.after(2, "resourcegroups")
    }

    fn after(&self, at: usize, word: &str) -> Option<&'a str> {
        let named = self.segments.get(at).is_some_and(|segment| is(segment, word));
        self.segments.get(at + 1).copied().filter(|_| named)
    }

    pub(super) fn level(&self) -> Level {
        match self.resource_type() {
            Some(kind) if kind.eq_ignore_ascii_case("microsoft.management/managementgroups") => Level::ManagementGroup,
            Some(_) => Level::Resource,
            None if self.group().is_some() => Level::ResourceGroup,
            None => Level::Subscription,
        }
    }

    /// Its type as written, e.g. `Microsoft.CognitiveServices/accounts/deployments`; none for a subscription or group.
    pub(super) fn resource_type(&self) -> Option<String> {
        let (namespace, rest) = self.provider()?.split_first()?;
        let mut kind = (*namespace).to_owned();
        for part in rest.iter().step_by(2) {
            kind.push('/');
            kind.push_str(part);
        }
        (!rest.is_empty()).then_some(kind)
    }

    /// What follows the last `providers`.
    fn provider(&self) -> Option<&[&'a str]> {
        let at = self.segments.iter().rposition(|segment| is(segment, "providers"))?;
        self.segments.get(at + 1..)
    }

    /// Its own name.
    pub(super) fn name(&self) -> &'a str {
        self.segments.last().copied().unwrap_or_default()
    }

    /// The names of a resource and of those above it, `account/deployment`.
    pub(super) fn full_name(&self) -> String {
        let names = self.provider().into_iter().flat_map(|parts| parts.iter().skip(2).step_by(2).copied());
        names.collect::<Vec<_>>().join("/")
    }

    /// What holds it: the resource above, what it extends, its group or subscription.
    pub(super) fn parent(&self) -> Option<Self> {
        let keep = match self.provider() {
            // a resource at the top of its provider: drop `providers/NAMESPACE/TYPE/NAME`
            Some(parts) if parts.len() <= 3 => self.segments.len().checked_sub(parts.len() + 1)?,
            Some(_) => self.segments.len().checked_sub(2)?,
            None => self.segments.len().checked_sub(2)?,
        };
        let segments = self.segments.get(..keep)?.to_vec();
        (segments.len() > 1).then_some(Self { segments })
    }
}

/// As written, led by a slash.
impl fmt::Display for ResourceId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

/// Whether a text is a GUID, as principals and applications have.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str =
        "/subscriptions/S1/resourceGroups/Rg/providers/Microsoft.CognitiveServices/accounts/Acme/deployments/Chat";

    #[test]
    fn a_resource_and_what_is_above_it() {
        let id = ResourceId::parse(ACCOUNT).unwrap();
        assert_eq!(id.id(), ACCOUNT.to_lowercase());
        assert_eq!(id.resource_type().as_deref(), Some("Microsoft.CognitiveServices/accounts/deployments"));
        assert_eq!((id.name(), id.full_name().as_str(), id.group()), ("Chat", "Acme/Chat", Some("Rg")));
        let levels: Vec<Level> =
            std::iter::successors(Some(id), ResourceId::parent).map(|above| above.level()).collect();
        use Level::*;
        assert_eq!(levels, [Resource, Resource, ResourceGroup, Subscription]);
    }

    #[test]
    fn extensions_groups_and_what_is_no_id() {
        let setting = format!("{ACCOUNT}/providers/microsoft.insights/diagnosticSettings/d");
        let setting = ResourceId::parse(&setting).unwrap();
        assert_eq!(setting.resource_type().as_deref(), Some("microsoft.insights/diagnosticSettings"));
        assert_eq!(setting.parent().unwrap().id(), ACCOUNT.to_lowercase());
        let group = ResourceId::parse("/providers/Microsoft.Management/managementGroups/root/").unwrap();
        assert_eq!((group.level(), group.parent()), (Level::ManagementGroup, None));
        assert_eq!(
            ResourceId::parse("azureml:/subscriptions/s/resourceGroups/g").unwrap().level(),
            Level::ResourceGroup
        );
        for text in [
            "",
            "/",
            "/subscriptions",
            "subscriptions/s",
            "/tenants/t/x",
            "azureml://subscriptions/s",
            "https://x/subscriptions/y",
        ] {
            assert_eq!(ResourceId::parse(text), None, "{text}");
        }
        assert!(ResourceId::parse("/subscriptions/[]/resourceGroups/[]/providers/A/b/c").unwrap().is_local());
        assert!(is_guid("00000000-aaaa-BBBB-cccc-000000000001") && !is_guid("00000000"));
    }
}
