//! Modules: the files of one folder, called by others with inputs and read by them through outputs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use super::eval::{Budget, Scope, Step, Val, WORK_AT_LEAST, WORK_PER_BYTE, follow, written};
use super::policy;
use super::syntax::{Attribute, Block, File, Place};
use crate::discover::walk::{file_name, parent};

/// Deepest chain of modules that call modules.
const CALL_LIMIT: usize = 16;

/// Most times that a call is made, on average: callers of callers multiply.
const CALLS_EACH: usize = 32;

/// The files of one folder.
#[derive(Debug, Default)]
pub(super) struct Folder<'a> {
    /// Resources and data sources with their file, in order.
    blocks: Vec<(&'a File, &'a Block)>,
    /// By `TYPE.NAME` and `data.TYPE.NAME`.
    resources: HashMap<String, &'a Block>,
    variables: HashMap<&'a str, &'a Block>,
    locals: HashMap<&'a str, &'a Attribute>,
    outputs: HashMap<&'a str, &'a Block>,
    calls: BTreeMap<&'a str, (&'a File, &'a Block)>,
    providers: Vec<&'a Block>,
    /// From the files of variable values.
    values: HashMap<&'a str, &'a Attribute>,
    bytes: usize,
}

/// A folder as one call made it.
#[derive(Debug)]
struct Instance<'a> {
    folder: &'a Folder<'a>,
    path: &'a str,
    /// `module.a.module.b.`; empty for a root.
    prefix: String,
    /// Who calls it, and the file of the root that does.
    call: Option<(usize, &'a Block)>,
    file: Option<&'a str>,
    root: usize,
    depth: usize,
    children: HashMap<&'a str, usize>,
}

/// Every module of the run, and what was computed so far.
pub(super) struct Modules<'a> {
    instances: Vec<Instance<'a>>,
    /// By module and name; nothing yet while it is being computed.
    known: HashMap<(usize, String), Option<Val>>,
    pub(super) budget: Budget,
}

/// A resource with the values that the files give it.
#[derive(Debug)]
pub(in crate::discover) struct Made {
    pub(in crate::discover) kind: String,
    pub(in crate::discover) address: String,
    pub(in crate::discover) values: Map<String, Value>,
    /// Whether it is only looked up.
    pub(in crate::discover) data: bool,
    /// The file in which it stands, and that of the root module which holds it.
    pub(in crate::discover) path: String,
    pub(in crate::discover) root_path: String,
    pub(in crate::discover) place: Place,
    /// Places of its values by JSON pointer.
    pub(in crate::discover) places: HashMap<String, Place>,
}

/// A root module with all that it calls.
#[derive(Debug, Default)]
pub(in crate::discover) struct Root {
    pub(in crate::discover) resources: Vec<Made>,
    /// What the settings of providers say: `aws.region`, `google.project`, ….
    pub(in crate::discover) settings: BTreeMap<String, String>,
    /// Tags or labels that a provider puts on everything, by provider.
    pub(in crate::discover) default_tags: BTreeMap<String, Map<String, Value>>,
}

/// Files by folder; a file that is no part of a module stands alone.
///
/// So do files that define the same thing twice, since they cannot be of one module.
pub(super) fn folders(files: &[File]) -> BTreeMap<String, Folder<'_>> {
    let parts = || files.iter().filter(|file| !is_values(&file.path));
    let mut defined: HashMap<(&str, &str, String), &File> = HashMap::new();
    let mut alone: HashSet<&str> = HashSet::new();
    for file in parts() {
        for block in file.body.blocks.iter().filter(|block| !block.labels.is_empty() && &*block.kind != "provider") {
            let first = *defined.entry((parent(&file.path), &block.kind, address(block))).or_insert(file);
            if first.path != file.path {
                alone.extend([&*first.path, &*file.path]);
            }
        }
    }
    let mut folders: BTreeMap<String, Folder<'_>> = BTreeMap::new();
    for file in parts() {
        let alone = file.path.ends_with(".hcl") || alone.contains(&*file.path);
        folders.entry(normal(if alone { &file.path } else { parent(&file.path) })).or_default().add(file);
    }
    let mut values: BTreeMap<String, Vec<&File>> = BTreeMap::new();
    for file in files.iter().filter(|file| is_values(&file.path)) {
        values.entry(normal(parent(&file.path))).or_default().push(file);
    }
    for (key, files) in values {
        let Some(folder) = folders.get_mut(&key) else { continue };
        let name = |file: &File| file_name(&file.path).trim_end_matches(".json").to_owned();
        // as Terraform reads them; any other file only if it is the only one, since several would exclude each other
        let (mut read, others): (Vec<&File>, Vec<&File>) = files
            .into_iter()
            .partition(|file| name(file) == "terraform.tfvars" || name(file).ends_with(".auto.tfvars"));
        read.sort_by_key(|file| (name(file) != "terraform.tfvars", name(file)));
        if let ([], [only]) = (read.as_slice(), others.as_slice()) {
            read.push(only);
        }
        for attribute in read.iter().flat_map(|file| &file.body.attributes) {
            folder.values.insert(&attribute.name, attribute);
        }
    }
    folders
}

/// Whether a file only gives values to variables.
pub(super) fn is_values(path: &str) -> bool {
    path.ends_with(".tfvars") || path.ends_with(".tfvars.json")
}

impl<'a> Folder<'a> {
    fn add(&mut self, file: &'a File) {
        self.bytes += file.text.len();
        for block in &file.body.blocks {
            let label = block.label(0).unwrap_or_default();
            match &*block.kind {
                "resource" | "data" | "ephemeral" => {
                    self.resources.entry(address(block)).or_insert(block);
                    self.blocks.push((file, block));
                }
                "variable" => drop(self.variables.insert(label, block)),
                "locals" => self.locals.extend(block.body.attributes.iter().map(|local| (&*local.name, local))),
                "output" => drop(self.outputs.insert(label, block)),
                "module" => drop(self.calls.insert(label, (file, block))),
                "provider" => self.providers.push(block),
                _ => {}
            }
        }
    }
}

/// `TYPE.NAME`, or `data.TYPE.NAME`.
fn address(block: &Block) -> String {
    let before = if &*block.kind == "resource" { "" } else { "data." };
    format!("{before}{}.{}", block.label(0).unwrap_or_default(), block.label(1).unwrap_or_default())
}

/// A path without `.` and `..`, as far as it can be told.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The folder that a call names, if it is a local one.
fn called(folder: &str, block: &Block) -> Option<String> {
    let source = block.body.attribute("source").map(|source| &source.value)?.as_str()?;
    source.starts_with('.').then(|| normal(&format!("{folder}/{source}")))
}

impl<'a> Modules<'a> {
    /// Every root module and what it calls. The work is bounded by a multiple of the files' size.
    pub(super) fn new(folders: &'a BTreeMap<String, Folder<'a>>) -> Self {
        let bytes: usize = folders.values().map(|folder| folder.bytes).sum();
        let work = bytes.saturating_mul(WORK_PER_BYTE).saturating_add(WORK_AT_LEAST);
        let mut modules = Self { instances: Vec::new(), known: HashMap::new(), budget: Budget { work, depth: 0 } };
        let mut inner = BTreeSet::new();
        for (path, folder) in folders {
            inner.extend(folder.calls.values().filter_map(|(_, block)| called(path, block)).filter(|to| to != path));
        }
        let roots = folders.iter().filter(|(path, _)| !inner.contains(*path));
        for (path, folder) in roots {
            let root = modules.instances.len();
            modules.instances.push(Instance {
                folder,
                path,
                prefix: String::new(),
                call: None,
                file: None,
                root,
                depth: 0,
                children: HashMap::new(),
            });
        }
        let calls: usize = folders.values().map(|folder| folder.calls.len()).sum();
        let most = modules.instances.len() + calls * CALLS_EACH;
        let mut room = work;
        let mut next = 0;
        while let Some(instance) = modules.instances.get(next) {
            let (folder, path, depth, root) = (instance.folder, instance.path, instance.depth, instance.root);
            let (prefix, file) = (instance.prefix.clone(), instance.file);
            for (name, (call_file, block)) in &folder.calls {
                let Some((path, folder)) = called(path, block).and_then(|to| folders.get_key_value(&to)) else {
                    continue;
                };
                let child = modules.instances.len();
                if depth >= CALL_LIMIT || child >= most || room < folder.bytes {
                    continue;
                }
                room -= folder.bytes;
                modules.instances.push(Instance {
                    folder,
                    path,
                    prefix: format!("{prefix}module.{name}."),
                    call: Some((next, block)),
                    file: Some(file.unwrap_or(&call_file.path)),
                    root,
                    depth: depth + 1,
                    children: HashMap::new(),
                });
                if let Some(instance) = modules.instances.get_mut(next) {
                    instance.children.insert(name, child);
                }
            }
            next += 1;
        }
        modules
    }

    /// The resources of each root module.
    pub(super) fn resources(&mut self) -> Vec<Root> {
        let mut roots: BTreeMap<usize, Root> = BTreeMap::new();
        for n in 0..self.instances.len() {
            let Some(instance) = self.instances.get(n) else { continue };
            let (folder, prefix, root_file) = (instance.folder, instance.prefix.clone(), instance.file);
            let children: HashSet<&str> = instance.children.keys().copied().collect();
            let root = roots.entry(instance.root).or_default();
            if instance.call.is_none() {
                self.providers(n, folder, root);
            }
            // a module from elsewhere is known by its call
            let elsewhere = folder.calls.iter().filter(|(name, _)| !children.contains(*name));
            let calls = elsewhere.map(|(name, (file, block))| (*file, *block, format!("module.{name}")));
            let blocks = folder.blocks.iter().map(|(file, block)| (*file, *block, address(block)));
            for (file, block, address) in blocks.chain(calls) {
                let mut places = HashMap::new();
                let mut values = self.body(Scope::of(n), &block.body, "", &mut places);
                for own in ["lifecycle", "provisioner", "connection", "depends_on", "timeouts", "provider", "providers"]
                {
                    values.remove(own);
                }
                let kind = if &*block.kind == "module" { "module" } else { block.label(0).unwrap_or_default() };
                root.resources.push(Made {
                    kind: kind.to_owned(),
                    address: format!("{prefix}{address}"),
                    values,
                    data: &*block.kind == "data",
                    path: file.path.to_string(),
                    root_path: root_file.unwrap_or(&file.path).to_owned(),
                    place: block.place.clone(),
                    places,
                });
            }
        }
        roots.into_values().filter(|root| !root.resources.is_empty()).collect()
    }

    /// Notes what the providers of a root module are set to.
    fn providers(&mut self, n: usize, folder: &'a Folder<'a>, root: &mut Root) {
        // a provider with an alias is for those who name it
        let main = folder.providers.iter().filter(|provider| provider.body.attribute("alias").is_none());
        for provider in main {
            let name = provider.label(0).unwrap_or_default();
            let values = self.body(Scope::of(n), &provider.body, "", &mut HashMap::new());
            for (key, value) in values {
                let text = match &value {
                    Value::String(text) => Some(text.clone()),
                    Value::Array(items) => items.first().and_then(Value::as_str).map(str::to_owned),
                    _ => None,
                };
                if matches!(key.as_str(), "default_tags" | "default_labels") {
                    let block = value.get(0).unwrap_or(&value);
                    if let Some(tags) = block.get("tags").unwrap_or(block).as_object() {
                        root.default_tags.insert(name.to_owned(), tags.clone());
                    }
                } else if let Some(text) = text.filter(|text| !text.contains("${")) {
                    root.settings.insert(format!("{name}.{key}"), text);
                }
            }
        }
    }

    /// What `ROOT.a.b` means in a module.
    pub(super) fn reference(&mut self, scope: Scope<'_>, root: &str, steps: &[Step]) -> Val {
        self.resolve(scope.module, root, steps).unwrap_or_else(|| Val::Open(self.absolute(scope.module, root, steps)))
    }

    fn resolve(&mut self, module: usize, root: &str, steps: &[Step]) -> Option<Val> {
        let instance = self.instances.get(module)?;
        let (folder, path) = (instance.folder, instance.path);
        let (first, rest) = steps.split_first()?;
        let first = first.key()?;
        match root {
            "var" => {
                let input = instance.call.and_then(|(caller, block)| Some((caller, block.body.attribute(first)?)));
                let given = || Some((module, *folder.values.get(first)?));
                let default = || Some((module, folder.variables.get(first)?.body.attribute("default")?));
                let (module, attribute) =
                    if instance.call.is_some() { input.or_else(default)? } else { given().or_else(default)? };
                let value = self.remember(module, format!("{root}.{first}@{module}"), attribute)?;
                follow(value, rest)
            }
            "local" => {
                let value = self.remember(module, format!("local.{first}"), folder.locals.get(first)?)?;
                follow(value, rest)
            }
            "module" => {
                let child = *instance.children.get(first)?;
                let (output, rest) = without_index(rest).split_first()?;
                let output = output.key()?;
                let block = self.instances.get(child)?.folder.outputs.get(output)?;
                let value = self.remember(child, format!("output.{output}"), block.body.attribute("value")?)?;
                follow(value, rest)
            }
            "path" => Some(Val::Known(path.into())),
            "terraform" | "each" | "count" | "self" => None,
            "data" => {
                let (name, rest) = rest.split_first()?;
                self.attribute(module, &format!("data.{first}.{}", name.key()?), rest)
            }
            _ => self.attribute(module, &format!("{root}.{first}"), rest),
        }
    }

    /// A value that the configuration gives to a resource, as opposed to the provider.
    fn attribute(&mut self, module: usize, address: &str, steps: &[Step]) -> Option<Val> {
        let block = *self.instances.get(module)?.folder.resources.get(address)?;
        let (first, rest) = without_index(steps).split_first()?;
        let name = first.key()?;
        if block.label(0) == Some("aws_iam_policy_document") && matches!(name, "json" | "minified_json") {
            let key = (module, format!("{address}.json"));
            if let Some(known) = self.known.get(&key) {
                return known.clone();
            }
            self.known.insert(key.clone(), None);
            let values = self.body(Scope::of(module), &block.body, "", &mut HashMap::new());
            let value = Val::Known(Value::String(policy::document(&values).to_string()));
            self.known.insert(key, Some(value.clone()));
            return Some(value);
        }
        let value = self.remember(module, format!("{address}.{name}"), block.body.attribute(name)?)?;
        // what is not known stays under the name of the resource that holds it
        let value = value.known()?;
        follow(Val::Known(value), rest)
    }

    /// Computes an attribute once; `None` while it is being computed, that is for circles.
    fn remember(&mut self, module: usize, name: String, attribute: &'a Attribute) -> Option<Val> {
        let key = (module, name);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        self.known.insert(key.clone(), None);
        let value = self.value(Scope::of(module), &attribute.value);
        self.known.insert(key, Some(value.clone()));
        Some(value)
    }

    /// A reference as a root module would write it.
    fn absolute(&self, module: usize, root: &str, steps: &[Step]) -> String {
        let local = matches!(root, "var" | "local" | "each" | "count" | "self" | "path" | "terraform");
        let prefix = self.instances.get(module).filter(|_| !local).map_or("", |instance| &instance.prefix);
        format!("{prefix}{}", written(root, steps))
    }
}

fn without_index(steps: &[Step]) -> &[Step] {
    match steps {
        [Step::Index(_) | Step::Splat | Step::Open(_), rest @ ..] => rest,
        steps => steps,
    }
}
