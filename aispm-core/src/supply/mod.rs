//! What software and models are made of and whether it is still what was approved: known flaws of packages and images
//! ([`Advisories`]), and digests that should be alike.
//!
//! ```
//! use aispm_core::supply::Advisories;
//!
//! let flaws = Advisories::builtin().of("golang", "github.com/ollama/ollama", "0.1.30");
//! assert!(flaws.iter().any(|flaw| &*flaw.id == "CVE-2024-37032"));
//! ```

use std::borrow::Cow;

mod advisory;
mod flaw;
mod image;
mod integrity;
mod osv;
mod version;

pub use advisory::{Advisories, Flaw};
pub(crate) use flaw::mark;
pub(crate) use integrity::{note, recall};
pub(crate) use osv::is_record;

/// A package's key in tables: `ecosystem/name`, the name as its registry compares it.
fn package_key(ecosystem: &str, name: &str) -> String {
    let name: Cow<'_, str> = match ecosystem {
        // PEP 503: runs of `-`, `_` and `.` are one `-`
        "pypi" | "conda" => {
            let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-").to_ascii_lowercase().into()
        }
        "maven" => name.replacen(':', "/", 1).into(),
        "nuget" | "composer" => name.to_ascii_lowercase().into(),
        _ => name.into(),
    };
    // packages of conda are those of PyPI
    format!("{}/{name}", if ecosystem == "conda" { "pypi" } else { ecosystem })
}

/// A package URL as ecosystem, name and version; `None` for one without a version.
fn package_url(id: &str) -> Option<(&str, String, String)> {
    let rest = id.strip_prefix("pkg:")?.split(['?', '#']).next()?;
    let (ecosystem, rest) = rest.split_once('/')?;
    let (name, version) = rest.rsplit_once('@')?;
    let plain = |text: &str| text.replace("%40", "@").replace("%2B", "+").replace("%2b", "+").replace("%2F", "/");
    Some((ecosystem, plain(name), plain(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_and_keys() {
        let parts = |id| package_url(id).map(|(ecosystem, name, version)| format!("{ecosystem} {name} {version}"));
        assert_eq!(parts("pkg:npm/%40scope/name@1.2.3"), Some("npm @scope/name 1.2.3".to_owned()));
        assert_eq!(parts("pkg:pypi/torch@2.1.0%2Bcpu?x=y#z"), Some("pypi torch 2.1.0+cpu".to_owned()));
        assert_eq!((parts("pkg:pypi/torch"), parts("file:a@b")), (None, None));
        assert_eq!(package_key("pypi", "Llama_Index..Core"), "pypi/llama-index-core");
        assert_eq!(package_key("conda", "Torch"), "pypi/torch");
        assert_eq!(package_key("maven", "dev.l4j:core"), "maven/dev.l4j/core");
    }
}
