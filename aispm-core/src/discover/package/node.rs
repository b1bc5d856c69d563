//! `package.json` and `package-lock.json`.

use serde_json::Value;

use super::{Reference, depend};
use crate::asset::{Document, pointer_key};
use crate::discover::catalog::catalog;
use crate::discover::format::{Found, Structured};

const SECTIONS: &[&str] = &["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];

pub(in crate::discover) const PACKAGE_JSON: Structured = Structured {
    name: "package-json",
    critical: false,
    in_parts: false,
    markers: &["\"dependencies\""],
    matches: |value| {
        let ranges = |map: &Value| map.as_object().is_some_and(|map| map.values().all(Value::is_string));
        SECTIONS.iter().any(|section| value.get(section).is_some_and(ranges))
    },
    read,
};

pub(in crate::discover) const PACKAGE_LOCK: Structured = Structured {
    name: "package-lock",
    critical: false,
    in_parts: false,
    markers: &["\"lockfileVersion\""],
    matches: |value| value.get("lockfileVersion").is_some(),
    read: read_lock,
};

fn read(document: &Document, found: &mut Found) {
    for section in SECTIONS {
        for (name, range) in document.value.get(section).and_then(Value::as_object).into_iter().flatten() {
            let evidence = document.evidence(&format!("/{section}/{}", pointer_key(name)));
            depend(document.path(), &Reference::npm_parts(name, range.as_str()), &evidence, found);
        }
    }
}

fn read_lock(document: &Document, found: &mut Found) {
    for section in ["packages", "dependencies"] {
        for (place, entry) in document.value.get(section).and_then(Value::as_object).into_iter().flatten() {
            let name = place.rsplit_once("node_modules/").map_or(place.as_str(), |(_, name)| name);
            if catalog().package_role("npm", name).is_some() {
                let evidence = document.evidence(&format!("/{section}/{}", pointer_key(place)));
                let version = entry.get("version").and_then(Value::as_str);
                depend(document.path(), &Reference::npm_parts(name, version), &evidence, found);
            }
        }
    }
}
