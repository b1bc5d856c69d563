//! Terraform configuration as written: HCL and its JSON form.
//!
//! Each file is parsed on its own, block by block. A module is all files of a folder and may call others, so values are
//! computed after every file is read ([`join`]): variables, locals, inputs and outputs of modules, policies, references.
//! What then stands there is read as `terraform show -json` is, by the same table.

use super::format::{Found, Source, Textual};
use super::{Discovery, secret, terraform};
use crate::asset::{Asset, Error};

mod eval;
mod function;
mod json;
mod module;
mod policy;
mod split;
mod syntax;

pub(super) use module::{Made, Root};
pub(super) use syntax::{File, Place};

/// Configuration that says what AI there is, or who may do what, comes first: a gate must not pass without it.
pub(super) const TEXTS: &[Textual] = &[
    Textual { name: "terraform-hcl", critical: true, matches: |source| is_hcl(source) && matters(source), read },
    Textual { name: "terraform-hcl", critical: false, matches: is_hcl, read },
    Textual { name: "terraform-json", critical: false, matches: is_json, read: read_json },
];

fn is_hcl(source: &Source<'_>) -> bool {
    source.has_extension(&["tf", "hcl", "tofu", "tfvars"])
}

fn is_json(source: &Source<'_>) -> bool {
    [".tf.json", ".tofu.json", ".tfvars.json"].iter().any(|extension| source.name().ends_with(extension))
}

fn matters(source: &Source<'_>) -> bool {
    source.text.contains("_iam_") || terraform::ai_prefixes().any(|prefix| source.text.contains(prefix))
}

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let (file, error) = syntax::parse(source.path, source.text);
    found.configuration.push(file);
    error.map_or(Ok(()), Err)
}

fn read_json(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    found.configuration.push(json::parse(source.path, source.text)?);
    Ok(())
}

/// Adds what the configuration of a run describes.
pub(super) fn join(files: &[File], discovery: &mut Discovery) {
    let mut found = Found::default();
    let folders = module::folders(files);
    for root in &module::Modules::new(&folders).resources() {
        terraform::configuration(root, &mut found);
    }
    let mut of_file: std::collections::HashMap<String, Vec<&Asset>> = std::collections::HashMap::new();
    for asset in found.inventory.assets() {
        let mut paths: Vec<&str> = asset.evidence.iter().map(|evidence| &*evidence.path).collect();
        paths.dedup();
        for path in paths {
            of_file.entry(path.to_owned()).or_default().push(asset);
        }
    }
    for seen in &mut discovery.files {
        seen.assets += of_file.get(&seen.path).map_or(0, Vec::len);
    }
    let mut keys = Found::default();
    for file in files {
        let mut part = Found::default();
        let ai = of_file.get(&*file.path).into_iter().flatten().find(|asset| asset.ai);
        ai.into_iter().for_each(|asset| part.inventory.add((*asset).clone()));
        secret::read(&file.path, &file.text, &mut part);
        keys.inventory.extend(part.inventory);
    }
    discovery.inventory.extend(found.inventory);
    discovery.inventory.extend(keys.inventory);
}

#[cfg(test)]
mod tests;
