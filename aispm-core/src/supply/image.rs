//! What the tag of a well-known image says: which package runs in it, and until when its base is mended.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::asset::Document;

const TABLE: &str = include_str!("../../data/supply/images.yaml");

/// Facts about images.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    servers: Vec<Server>,
    bases: Vec<Base>,
}

/// A package, and the images that are releases of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    package: String,
    images: Vec<String>,
}

/// Releases of a base that get no more fixes after a day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    image: String,
    /// Last day of support by release; a release is the start of a tag, up to a `.` or `-`.
    ends: Vec<(String, String)>,
}

fn table() -> &'static Table {
    static IMAGES: LazyLock<Table> =
        // checked by a test; an empty one would only find less
        LazyLock::new(|| Document::config("images.yaml", TABLE).unwrap_or_default());
    &IMAGES
}

/// Registry, repository and tag apart; `None` without a tag.
fn reference(image: &str) -> Option<(&str, &str)> {
    let image = image.split('@').next().unwrap_or(image);
    image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))
}

/// Whether a repository is this one, whichever registry mirrors it.
fn is(repository: &str, name: &str) -> bool {
    repository.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// The package that an image is a release of: ecosystem, name, version.
pub(super) fn package(image: &str) -> Option<(&'static str, &'static str, String)> {
    let (repository, tag) = reference(image)?;
    let server = table().servers.iter().find(|server| server.images.iter().any(|name| is(repository, name)))?;
    let (ecosystem, name) = server.package.split_once('/')?;
    // `main-v1.40.0-stable`, `2.9.0-py310-gpu`
    let release = tag.split('-').map(|part| part.strip_prefix('v').unwrap_or(part));
    let version =
        release.into_iter().find(|part| part.contains('.') && part.starts_with(|c: char| c.is_ascii_digit()))?;
    Some((ecosystem, name, version.to_owned()))
}

/// The last day on which an image's base gets fixes, as far as its tag names a release of a known one.
pub(super) fn support_ends(image: &str) -> Option<&'static str> {
    let (repository, tag) = reference(image)?;
    let own = table().bases.iter().filter(|base| is(repository, &base.image));
    let own = own.flat_map(|base| &base.ends).find(|(release, _)| begins(tag, release));
    // `12.1.1-runtime-ubuntu18.04`, `3.11-buster`
    let below = || {
        let words = tag.split('-').skip(1);
        words.into_iter().find_map(|word| {
            let bases = table().bases.iter();
            bases.into_iter().find_map(|base| {
                let release = word.strip_prefix(base.image.as_str()).unwrap_or(word);
                base.ends.iter().find(|(known, _)| {
                    known == release && (word != release || known.starts_with(|c: char| c.is_ascii_alphabetic()))
                })
            })
        })
    };
    own.or_else(below).map(|(_, day)| day.as_str())
}

fn begins(tag: &str, release: &str) -> bool {
    tag.strip_prefix(release).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_packages() {
        for (image, expected) in [
            ("ollama/ollama:0.1.30", Some("golang github.com/ollama/ollama 0.1.30")),
            ("docker.io/vllm/vllm-openai:v0.5.0", Some("pypi vllm 0.5.0")),
            ("mirror.example:5000/x/vllm/vllm-openai:v0.9.1-cu128@sha256:ab", Some("pypi vllm 0.9.1")),
            ("ghcr.io/berriai/litellm:main-v1.40.0-stable", Some("pypi litellm 1.40.0")),
            ("vllm/vllm-openai:latest", None),
            ("vllm/vllm-openai@sha256:ab", None),
            ("acme/notvllm/vllm-openai-x:v1.0", None),
        ] {
            let found = package(image).map(|(ecosystem, name, version)| format!("{ecosystem} {name} {version}"));
            assert_eq!(found.as_deref(), expected, "{image}");
        }
    }

    #[test]
    fn bases_without_support() {
        for (image, expected) in [
            ("python:3.8-slim", Some("2024-10-07")),
            ("docker.io/library/python:3.8.10", Some("2024-10-07")),
            ("python:3.81", None),
            ("nvidia/cuda:11.1.1-runtime-ubuntu18.04", Some("2023-05-31")),
            ("python:3.13-buster", Some("2024-06-30")),
            ("debian:buster-slim", Some("2024-06-30")),
            ("acme/app:1-10", None),
            ("acme/python:latest", None),
        ] {
            assert_eq!(support_ends(image), expected, "{image}");
        }
    }

    #[test]
    fn the_table_loads() {
        let table = Document::config::<Table>("images.yaml", TABLE).unwrap();
        for (release, day) in table.bases.iter().flat_map(|base| &base.ends) {
            let parts: Vec<&str> = day.split('-').collect();
            assert!(parts.iter().map(|part| part.len()).eq([4, 2, 2]), "{release} {day}");
        }
        assert!(table.servers.iter().all(|server| server.package.contains('/')));
    }
}
