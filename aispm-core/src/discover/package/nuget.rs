//! NuGet: `packages.lock.json`, and packages that project files refer to.

use serde_json::Value;

use super::lock::Lock;
use super::{Reference, depend};
use crate::asset::{Document, Error, pointer_key};
use crate::discover::format::{Found, Source, Structured, Textual};

pub(in crate::discover) const NUGET_LOCK: Structured = Structured {
    name: "nuget-lock",
    critical: false,
    in_parts: false,
    markers: &["\"resolved\"", "\"contentHash\""],
    matches: |value| {
        let resolved = |package: &Value| package.get("type").is_some() && package.get("resolved").is_some();
        let framework = |map: &Value| map.as_object().is_some_and(|map| map.values().any(resolved));
        value.get("version").is_some_and(Value::is_number)
            && value.get("dependencies").and_then(Value::as_object).is_some_and(|map| map.values().any(framework))
    },
    read: lock,
};

/// `*.csproj`, `Directory.Packages.props`, `packages.config`.
pub(in crate::discover) const NUGET_PROJECT: Textual = Textual {
    name: "nuget-project",
    critical: false,
    matches: |source| {
        source.has_extension(&["csproj", "fsproj", "vbproj"])
            || source.name().ends_with("Packages.props")
            || source.name().ends_with("packages.config") && source.text.contains("<packages")
    },
    read: project,
};

fn lock(document: &Document, found: &mut Found) {
    let mut lock = Lock::new(document.path());
    for (framework, packages) in document.value.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
        for (name, package) in packages.as_object().into_iter().flatten() {
            let version = package.get("resolved").and_then(Value::as_str).unwrap_or_default();
            let hash = package.get("contentHash").and_then(Value::as_str).map(|hash| format!("sha512-{hash}"));
            let evidence =
                || document.evidence(&format!("/dependencies/{}/{}", pointer_key(framework), pointer_key(name)));
            lock.take(&Reference::exact("nuget", name, version), hash.as_deref(), evidence, found);
        }
    }
    lock.close(&document.evidence("/version"), found);
}

fn project(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    for (i, line) in source.text.lines().enumerate() {
        let Some((_, rest)) =
            ["<PackageReference", "<PackageVersion", "<package "].iter().find_map(|tag| line.split_once(tag))
        else {
            continue;
        };
        let attribute = |name: &str| rest.split_once(&format!("{name}=\""))?.1.split('"').next();
        if let Some(name) = attribute("Include").or_else(|| attribute("id")) {
            let version =
                attribute("Version").or_else(|| attribute("version")).filter(|version| !version.contains('$'));
            depend(source.path, &Reference::ranged("nuget", name, version), &source.line(i as u64 + 1), found);
        }
    }
    Ok(())
}
