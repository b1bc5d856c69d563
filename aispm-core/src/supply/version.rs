//! Versions, ordered as their registry orders them.

use std::cmp::Ordering;
use std::str::FromStr;

/// A version of a package, as its registry understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Version {
    /// Of PyPI and conda: PEP 440.
    Python(pep440_rs::Version),
    /// Of npm, crates.io, Go and NuGet: Semantic Versioning, missing parts taken as 0.
    Semantic(semver::Version),
    /// Of other registries, as far as it is numbers between dots.
    Numbers(Vec<u64>),
}

impl Version {
    /// The version that a text stands for in a registry, by purl type; `None` if it is none there.
    pub(super) fn parse(ecosystem: &str, text: &str) -> Option<Self> {
        let text = text.trim();
        match ecosystem {
            "pypi" | "conda" => pep440_rs::Version::from_str(text).ok().map(Self::Python),
            "npm" | "cargo" | "golang" | "nuget" => semantic(text).map(Self::Semantic),
            _ => numbers(text).map(Self::Numbers),
        }
    }

    /// Which of two versions of one registry is the later.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Python(a), Self::Python(b)) => a.cmp(b),
            (Self::Semantic(a), Self::Semantic(b)) => a.cmp_precedence(b),
            (Self::Numbers(a), Self::Numbers(b)) => a.cmp(b),
            _ => return None,
        })
    }
}

/// `1.2.3-rc.1`, also `v1.2`, and what Go adds to versions before modules.
fn semantic(text: &str) -> Option<semver::Version> {
    let text = text.strip_prefix(['v', 'V', '=']).unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (release, rest) = text.split_at_checked(end)?;
    let mut parts: Vec<&str> = release.split('.').collect();
    // NuGet's fourth part; rarely anything but 0
    parts.truncate(3);
    parts.resize(3, "0");
    semver::Version::parse(&format!("{}{rest}", parts.join("."))).ok()
}

/// Numbers between dots, without the zeros at the end.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let mut parts = text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let last = parts.iter().rposition(|part| *part != 0).map_or(0, |at| at + 1);
    parts.truncate(last);
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registry_orders_its_own_way() {
        for (ecosystem, texts) in [
            ("pypi", vec!["1.0.dev1", "1.0a1", "1.0rc2", "1.0", "1.0.post1", "1.0.1", "1.10", "2024.1", "1!0.1"]),
            ("npm", vec!["1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0", "1.0.1", "1.10.0"]),
            (
                "golang",
                vec!["v0.1.0", "0.1.34", "v1.0.0+incompatible", "v1.0.1-0.20240101000000-abcdefabcdef", "v1.0.1"],
            ),
            ("maven", vec!["0.9", "1.2", "1.2.1", "1.10"]),
        ] {
            let versions: Vec<Version> = texts.iter().map(|text| Version::parse(ecosystem, text).unwrap()).collect();
            for (i, pair) in versions.windows(2).enumerate() {
                assert_eq!(pair[0].order(&pair[1]), Some(Ordering::Less), "{ecosystem} {}", texts[i]);
            }
        }
        let same = |ecosystem: &str, a: &str, b: &str| {
            Version::parse(ecosystem, a).unwrap().order(&Version::parse(ecosystem, b).unwrap()) == Some(Ordering::Equal)
        };
        assert!(same("pypi", "1.0", "1.0.0") && same("pypi", "1.0-RC1", "1.0rc1"));
        assert!(same("npm", "v1", "1.0.0+build") && same("maven", "1", "1.0.0") && same("nuget", "1.2.3.0", "1.2.3"));
        assert_eq!(Version::parse("pypi", ">=1.0"), None);
        assert_eq!(Version::parse("npm", "^1.0"), None);
        assert_eq!(Version::parse("maven", "1.0-SNAPSHOT"), None);
        assert_eq!(Version::parse("npm", ""), None);
    }
}
