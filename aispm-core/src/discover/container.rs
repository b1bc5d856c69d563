//! What a container runs, wherever it was described: Kubernetes, compose, Dockerfile.

use super::catalog::{Catalog, Server, ServerRole, catalog};
use super::format::Found;
use super::model_ref;
use crate::asset::{Asset, AssetKind, Authentication, Evidence, ModelType, RelationKind};

/// A container as its source tells it.
#[derive(Debug, Default)]
pub(super) struct Container {
    /// Image reference.
    pub(super) image: Option<(String, Evidence)>,
    /// Entry point, command and arguments, in order.
    pub(super) words: Vec<(String, Evidence)>,
    /// Environment; no value where it comes from elsewhere.
    pub(super) env: Vec<(String, Option<String>, Evidence)>,
    /// Ports it listens on.
    pub(super) ports: Vec<u64>,
}

impl Container {
    /// Adds what this container tells to its owner (workload, service, project) and to the inventory.
    pub(super) fn describe(&self, owner: &mut Asset, found: &mut Found) {
        if let Some((reference, evidence)) = &self.image {
            append(owner, "images", reference);
            if named(reference) {
                let image = image_asset(reference).seen(evidence.clone().excerpt(reference));
                let image_owner = owner.kind == AssetKind::ContainerImage;
                let verb = if image_owner { RelationKind::DerivedFrom } else { RelationKind::RunsOn };
                found.relate(owner.id.as_str(), verb, image.id.as_str(), evidence);
                found.inventory.add(image);
            }
        }
        let settings = self.settings();
        let tables = found.tables.clone();
        let server = self.server(&tables, &settings);
        if let Some(server) = server {
            recognise(owner, server);
            if let Some(authentication) = self.authentication(server, &settings) {
                owner.authentication =
                    Some(owner.authentication.map_or(authentication, |known| known.min(authentication)));
            }
            if let Some((reference, evidence)) = self.image.as_ref().filter(|(reference, _)| named(reference)) {
                // the image is AI as well: its name says what is served
                let mut image = image_asset(reference).seen(evidence.clone().excerpt(reference)).ai();
                image.properties.insert("model_server".into(), server.name.as_str().into());
                found.inventory.add(image);
            }
        }
        let models = self.models(owner, server, &settings, found);
        self.providers(owner, &settings, found);
        static_credentials(owner, &settings);
        self.buckets(owner, &models, &settings, found);
    }

    /// Flags with their values, positional words (`name` empty) and variables, in order.
    fn settings(&self) -> Vec<Setting<'_>> {
        let mut settings: Vec<Setting<'_>> = Vec::new();
        let mut waiting = None;
        for (words, evidence) in &self.words {
            for word in words.split_whitespace().filter(|word| *word != "\\") {
                let word = word.trim_matches(['"', '\'']);
                if word.starts_with('-') && word.len() > 1 {
                    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
                    waiting = value.is_none().then_some(settings.len());
                    settings.push(Setting { name, value, variable: false, evidence });
                } else if let Some(flag) = waiting.take().and_then(|at: usize| settings.get_mut(at)) {
                    flag.value = Some(word);
                } else {
                    settings.push(Setting { name: "", value: Some(word), variable: false, evidence });
                }
            }
        }
        settings.extend(self.env.iter().map(|(name, value, evidence)| Setting {
            name,
            value: value.as_deref(),
            variable: true,
            evidence,
        }));
        settings
    }

    fn server<'t>(&self, tables: &'t Catalog, settings: &[Setting<'_>]) -> Option<&'t Server> {
        let servers = &tables.servers.servers;
        let line = command_line(settings);
        let by_command = || servers.iter().find(|s| s.commands.iter().any(|command| contains_words(&line, command)));
        let by_image = || {
            let (image, _) = self.image.as_ref()?;
            servers.iter().find(|s| s.images.iter().any(|pattern| image_matches(image, pattern)))
        };
        let by_port = || servers.iter().find(|s| s.ports.iter().any(|port| self.ports.contains(port)));
        by_command().or_else(by_image).or_else(by_port)
    }

    fn authentication(&self, server: &Server, settings: &[Setting<'_>]) -> Option<Authentication> {
        let open = settings.iter().any(|s| {
            let assigned = format!("{}={}", s.name, s.value.unwrap_or_default().to_ascii_lowercase());
            server.open_env.iter().chain(&server.open_flags).any(|open| assigned.eq_ignore_ascii_case(open))
        });
        if open {
            return Some(Authentication::None);
        }
        let configured = settings.iter().find(|s| {
            let on = !matches!(s.value, Some("" | "false" | "False" | "0"));
            let flag = server.auth_flags.iter().any(|flag| {
                flag == s.name
                    || flag.split_once('=').is_some_and(|(name, value)| name == s.name && s.value == Some(value))
            });
            on && (flag || s.variable && server.auth_env.iter().any(|env| env == s.name))
        });
        match configured {
            Some(setting) if setting.name.contains("OIDC") => Some(Authentication::Identity),
            Some(_) => Some(Authentication::Key),
            None => server.auth,
        }
    }

    /// Adds the models that settings name; returns their ids.
    fn models(
        &self,
        owner: &mut Asset,
        server: Option<&Server>,
        settings: &[Setting<'_>],
        found: &mut Found,
    ) -> Vec<String> {
        let tables = found.tables.clone();
        let table = &tables.servers;
        let mut named: Vec<(&str, &Evidence)> = settings
            .iter()
            .filter(|s| if s.variable { table.model_env.contains(s.name) } else { table.model_flags.contains(s.name) })
            .filter_map(|s| Some((s.value?, s.evidence)))
            .collect();
        let line: Vec<&Setting<'_>> = settings.iter().filter(|s| !s.variable && s.name.is_empty()).collect();
        for command in &table.model_commands {
            let words: Vec<&str> = command.split(' ').collect();
            let at = line.windows(words.len() + 1).find(|window| {
                window.iter().zip(&words).all(|(setting, word)| {
                    setting.value.is_some_and(|value| value == *word || value.ends_with(&format!("/{word}")))
                })
            });
            named.extend(at.and_then(|window| window.last()).and_then(|s| Some((s.value?, s.evidence))));
        }
        if server.is_some_and(|server| server.role == ServerRole::Loader) {
            named.extend(line.iter().filter_map(|s| Some((s.value.filter(|v| v.contains("://"))?, s.evidence))));
        }
        let revision = settings
            .iter()
            .find(|s| table.revision_flags.contains(s.name) || s.variable && table.revision_env.contains(s.name))
            .and_then(|s| s.value);
        let trust = settings
            .iter()
            .find(|s| matches!(s.name, "--trust-remote-code" | "--trust_remote_code" | "TRUST_REMOTE_CODE"));
        if trust.is_some() {
            owner.properties.insert("trust_remote_code".into(), true.into());
        }
        let mut ids = Vec::new();
        for (value, evidence) in named {
            let Some(mut model) = model_ref::model(value, owner.id.as_str()) else { continue };
            let hub = model.id.as_str().starts_with("https://huggingface.co/");
            // a stray `--model` of a program that is no known server counts only when its value tells
            if server.is_none() && !owner.ai && !hub && model.text("provider").is_none() {
                continue;
            }
            if hub && revision.is_some() {
                model_ref::pin(&mut model, revision);
            }
            if trust.is_some() {
                model.properties.insert("trust_remote_code".into(), true.into());
            }
            let remote = model.text("provider").is_some();
            let verb = match server.map(|s| s.role) {
                _ if remote || owner.kind == AssetKind::TrainingJob => RelationKind::Uses,
                Some(ServerRole::Server) => RelationKind::Serves,
                Some(ServerRole::Loader) => RelationKind::Reads,
                None if owner.ai => RelationKind::Serves,
                _ => RelationKind::Uses,
            };
            owner.ai = true;
            append(owner, "models", value);
            found.relate(owner.id.as_str(), verb, model.id.as_str(), evidence);
            ids.push(model.id.to_string());
            found.inventory.add(model.seen(evidence.clone().excerpt(value)));
        }
        adapters(owner, ids.first(), settings, found);
        ids
    }

    /// AI services that variables and addresses point to.
    fn providers(&self, owner: &mut Asset, settings: &[Setting<'_>], found: &mut Found) {
        let tables = found.tables.clone();
        for setting in settings {
            let by_env = setting.variable.then(|| tables.provider_by_env(setting.name)).flatten();
            let by_host = || tables.provider_by_host(&model_ref::host(setting.value.filter(|v| v.contains("://"))?)?);
            if let Some(provider) = by_env.or_else(by_host) {
                owner.ai = true;
                append(owner, "ai_settings", setting.name);
                let asset = provider.asset().seen(setting.evidence.clone().excerpt(setting.name));
                found.relate(owner.id.as_str(), RelationKind::Uses, asset.id.as_str(), setting.evidence);
                found.inventory.add(asset);
            }
        }
    }

    /// Buckets that are read and written; for training also what was made of what.
    fn buckets(&self, owner: &Asset, models: &[String], settings: &[Setting<'_>], found: &mut Found) {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let mut copying = None;
        for setting in settings {
            if matches!(setting.value, Some("cp" | "sync" | "mv" | "rsync")) && setting.name.is_empty() {
                copying = Some(0);
                continue;
            }
            let destination = match &mut copying {
                Some(operands) if setting.name.is_empty() => {
                    *operands += 1;
                    *operands == 2
                }
                _ => false,
            };
            for uri in setting.value.map(model_ref::bucket_uris).into_iter().flatten() {
                let Some(bucket) = model_ref::bucket(uri) else { continue };
                let written = destination || mentions(setting.name, &found.tables.servers.output_words);
                let verb = if written { RelationKind::Writes } else { RelationKind::Reads };
                found.relate(owner.id.as_str(), verb, bucket.id.as_str(), setting.evidence);
                let model = models.iter().any(|model| model == uri.trim_end_matches('/'));
                match (written, model) {
                    (true, _) => {
                        outputs.push((uri.trim_end_matches('/').to_owned(), bucket.id.to_string(), setting.evidence))
                    }
                    (false, false) => inputs.push(bucket.id.to_string()),
                    (false, true) => found.relate(
                        bucket.id.as_str(),
                        RelationKind::Contains,
                        uri.trim_end_matches('/'),
                        setting.evidence,
                    ),
                }
                found.inventory.add(bucket.seen(setting.evidence.clone().excerpt(uri)));
            }
        }
        if owner.kind == AssetKind::TrainingJob {
            for (uri, bucket, evidence) in &outputs {
                let Some(mut model) = model_ref::model(uri, owner.id.as_str()) else { continue };
                model.model_type = (!models.is_empty()).then_some(ModelType::FineTuned);
                found.relate(owner.id.as_str(), RelationKind::Writes, model.id.as_str(), evidence);
                found.relate(bucket, RelationKind::Contains, model.id.as_str(), evidence);
                for input in &inputs {
                    found.relate(model.id.as_str(), RelationKind::TrainedOn, input, evidence);
                }
                for base in models.iter().filter(|base| *base != uri) {
                    found.relate(model.id.as_str(), RelationKind::DerivedFrom, base, evidence);
                }
                found.inventory.add(model.seen((*evidence).clone().excerpt(uri)));
            }
        }
    }

    /// Whether the command line or a variable's name says that this trains something.
    pub(super) fn trains(&self) -> bool {
        let settings = self.settings();
        let tables = catalog();
        let words = &tables.servers.train_words;
        let server = self.server(tables, &settings);
        if server.is_some_and(|server| server.role == ServerRole::Loader) {
            return false;
        }
        settings.iter().any(|s| {
            !s.variable && (s.name.is_empty() || s.value.is_some()) && mentions(s.value.unwrap_or_default(), words)
        }) || server.is_some_and(|s| s.role == ServerRole::Training)
    }
}

/// A flag, a variable or a positional word.
struct Setting<'a> {
    name: &'a str,
    value: Option<&'a str>,
    variable: bool,
    evidence: &'a Evidence,
}

/// Variables that hold a long-lived credential of a cloud.
const STATIC_CREDENTIALS: [&str; 5] = [
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "GOOGLE_APPLICATION_CREDENTIALS",
];

/// Notes by name which long-lived credentials of a cloud a container is given.
fn static_credentials(owner: &mut Asset, settings: &[Setting<'_>]) {
    let given = settings.iter().filter(|setting| setting.variable && STATIC_CREDENTIALS.contains(&setting.name));
    given.for_each(|setting| append(owner, "static_credentials", setting.name));
}

/// Adapters that are loaded onto the base model: `--lora-modules name=path …`, also as JSON, and `LORA_ADAPTERS`.
fn adapters(owner: &Asset, base: Option<&String>, settings: &[Setting<'_>], found: &mut Found) {
    let mut within = false;
    for setting in settings {
        if !setting.name.is_empty() {
            within = matches!(setting.name, "--lora-modules" | "--lora-adapters" | "--lora-paths" | "LORA_ADAPTERS");
        }
        for value in setting.value.filter(|_| within).into_iter().flat_map(|value| value.split(',')) {
            // what `name=path` names, or the value after `"path":`
            let value = value.trim_matches(['{', '}', '"', '\'', ' ']);
            let value = value.rsplit_once('=').map_or(value, |(_, path)| path);
            let value = value.strip_prefix("path\":").unwrap_or(value).trim_matches(['"', ' ']);
            let Some(mut adapter) = model_ref::model(value, owner.id.as_str()).filter(|_| value.contains('/')) else {
                continue;
            };
            adapter.model_type = Some(ModelType::FineTuned);
            adapter.properties.insert("adapter".into(), true.into());
            found.relate(owner.id.as_str(), RelationKind::Serves, adapter.id.as_str(), setting.evidence);
            if let Some(base) = base.filter(|base| *base != adapter.id.as_str()) {
                found.relate(adapter.id.as_str(), RelationKind::DerivedFrom, base, setting.evidence);
            }
            found.inventory.add(adapter.seen(setting.evidence.clone().excerpt(value)));
        }
    }
}

/// Whether a reference names an image, and not a variable that nobody filled in.
fn named(reference: &str) -> bool {
    !reference.is_empty() && !reference.contains(['$', '{', '<', ' '])
}

/// An image as an asset, AI when it is known as a model server or the like.
pub(super) fn known_image(reference: &str) -> Asset {
    let asset = image_asset(reference);
    let server = |pattern: &String| image_matches(reference, pattern);
    match catalog().servers.servers.iter().find(|known| known.images.iter().any(server)) {
        Some(server) => asset.with("model_server", server.name.as_str()).ai(),
        None => asset,
    }
}

/// Turns a workload into what its server is, and notes the server.
fn recognise(owner: &mut Asset, server: &Server) {
    owner.ai = true;
    if server.role == ServerRole::Loader {
        owner.properties.entry("role").or_insert_with(|| "loader".into());
        return;
    }
    owner.properties.entry("model_server").or_insert_with(|| server.name.as_str().into());
    if owner.kind == AssetKind::Workload {
        owner.kind = match server.role {
            ServerRole::VectorStore => AssetKind::VectorStore,
            ServerRole::Notebook => AssetKind::Notebook,
            ServerRole::Registry => AssetKind::ModelRegistry,
            ServerRole::Mcp => AssetKind::McpServer,
            ServerRole::Evaluation => AssetKind::Evaluation,
            ServerRole::Server
            | ServerRole::Gateway
            | ServerRole::Training
            | ServerRole::Pipeline
            | ServerRole::Agent
            | ServerRole::Loader => AssetKind::Workload,
        };
    }
}

/// Whether a name has one of these words between `-`, `_`, `.` and `/`.
fn mentions(name: &str, words: &std::collections::HashSet<String>) -> bool {
    name.split(['-', '_', '.', '/']).any(|word| words.contains(word.to_ascii_lowercase().as_str()))
}

/// Adds a text to a list property, once.
pub(super) fn append(asset: &mut Asset, key: &str, text: &str) {
    let list = asset.properties.entry(key).or_insert_with(|| serde_json::Value::Array(Vec::new()));
    if let Some(list) = list.as_array_mut().filter(|list| !list.iter().any(|known| known == text)) {
        list.push(text.into());
    }
}

/// Words of a command line, programs without their folders.
fn command_line(settings: &[Setting<'_>]) -> Vec<String> {
    let program = |word: &str| match word.rsplit_once('/') {
        Some((folder, program)) if folder.starts_with('/') || folder.starts_with('.') => program.to_owned(),
        _ => word.to_owned(),
    };
    let spoken = settings.iter().filter(|s| !s.variable && (s.name.is_empty() || s.name == "-m" || s.name == "-c"));
    spoken.filter_map(|s| s.value).map(program).collect()
}

/// Whether the words of `command` follow one another; a dotted module also stands for those below it.
fn contains_words(line: &[String], command: &str) -> bool {
    let words: Vec<&str> = command.split(' ').collect();
    line.windows(words.len()).any(|window| {
        window.iter().zip(&words).all(|(have, want)| {
            have == want || have.strip_prefix(want).is_some_and(|rest| want.contains('.') && rest.starts_with('.'))
        })
    })
}

/// A container image as an asset, by its package URL.
pub(super) fn image_asset(reference: &str) -> Asset {
    let Image { registry, repository, tag, digest } = Image::parse(reference);
    let mut id = format!("pkg:docker/{repository}");
    if let Some(version) = digest.or(tag) {
        id.push('@');
        id.push_str(&version.replace(':', "%3A"));
    }
    if let Some(registry) = registry {
        id.push_str("?repository_url=");
        id.push_str(registry);
    }
    let mut asset = Asset::new(id, AssetKind::ContainerImage, reference).with("image", reference);
    asset.provenance.source = Some(registry.unwrap_or("docker.io").to_owned());
    asset.provenance.publisher = repository.split_once('/').map(|(publisher, _)| publisher.to_owned());
    asset.provenance.version = Some(tag.unwrap_or("latest").to_owned()).filter(|_| tag.is_some() || digest.is_none());
    asset.provenance.revision = digest.map(str::to_owned);
    asset.provenance.pinned = Some(digest.is_some());
    if let Some(hex) = digest.and_then(|digest| digest.strip_prefix("sha256:")) {
        asset.provenance.digests.insert("sha256".to_owned(), hex.to_ascii_lowercase());
    }
    asset
}

/// The parts of an image reference.
struct Image<'a> {
    registry: Option<&'a str>,
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    fn parse(reference: &'a str) -> Self {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), rest),
            _ => (None, name),
        };
        Self { registry: registry.filter(|host| *host != "docker.io"), repository, tag, digest }
    }
}

/// Whether an image is of a kind: see `model_servers.yaml`.
pub(super) fn image_matches(reference: &str, pattern: &str) -> bool {
    let image = Image::parse(reference);
    let name = match image.registry {
        Some(registry) => format!("{registry}/{}", image.repository),
        None => image.repository.to_owned(),
    }
    .to_ascii_lowercase();
    if pattern.contains('/') {
        return format!("/{name}/").contains(&format!("/{pattern}/"));
    }
    let repository = image.repository.to_ascii_lowercase();
    repository.split('/').any(|segment| {
        let bounded = |c: Option<char>| c.is_none_or(|c| "-_.".contains(c));
        segment.match_indices(pattern).any(|(at, _)| {
            let (before, rest) = segment.split_at(at);
            bounded(before.chars().next_back()) && bounded(rest.chars().nth(pattern.chars().count()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(image: &str, line: &str, env: &[(&str, &str)]) -> (Asset, Found) {
        let seen = Evidence::file("f");
        let container = Container {
            image: Some((image.to_owned(), seen.clone())),
            words: line.split(' ').filter(|w| !w.is_empty()).map(|w| (w.to_owned(), seen.clone())).collect(),
            env: env.iter().map(|(n, v)| ((*n).to_owned(), Some((*v).to_owned()), seen.clone())).collect(),
            ports: Vec::new(),
        };
        let mut owner = Asset::new("k8s://c/n/Job/j", AssetKind::Workload, "j");
        if container.trains() {
            owner.kind = AssetKind::TrainingJob;
        }
        let mut found = Found::default();
        container.describe(&mut owner, &mut found);
        (owner, found)
    }

    fn relations(found: &Found) -> Vec<String> {
        found.inventory.relations().map(|r| format!("{} {} {}", r.from, r.kind, r.to)).collect()
    }

    #[test]
    fn servers_by_image_command_and_default_protection() {
        let name = |image: &str, line: &str| run(image, line, &[]).0.text("model_server").map(str::to_owned);
        assert_eq!(name("registry.corp:5000/mirror/vllm-openai:v1", "").as_deref(), Some("vLLM"));
        assert_eq!(name("corp/base", "python -m vllm.entrypoints.openai.api_server").as_deref(), Some("vLLM"));
        assert_eq!(name("nvcr.io/nvidia/tritonserver:24.01-py3", "").as_deref(), Some("Triton"));
        assert_eq!(name("corp/chromatic", "start"), None);
        assert_eq!(name("corp/x-ray", ""), None);
        let (open, _) = run("vllm/vllm-openai:v1", "--model acme/m", &[]);
        assert_eq!(open.authentication, Some(Authentication::None));
        let (key, _) = run("vllm/vllm-openai:v1", "--api-key k", &[]);
        assert_eq!(key.authentication, Some(Authentication::Key));
    }

    #[test]
    fn models_with_revision_and_pinned_images() {
        let digest = "ab".repeat(32);
        let (_, found) =
            run(&format!("vllm/vllm-openai@sha256:{digest}"), "serve --model=acme/m --revision 0123456789ab", &[]);
        assert_eq!(found.inventory.get("https://huggingface.co/acme/m").unwrap().provenance.pinned, Some(true));
        let image = found.inventory.assets().find(|a| a.kind == AssetKind::ContainerImage).unwrap();
        assert_eq!((image.provenance.pinned, image.ai), (Some(true), true));
        assert!(relations(&found).contains(&"k8s://c/n/Job/j serves https://huggingface.co/acme/m".to_owned()));
    }

    #[test]
    fn training_lineage() {
        let (owner, found) =
            run("corp/x", "python train.py --base-model acme/m --data s3://rows/a --output-dir s3://out/m1", &[]);
        assert_eq!(owner.kind, AssetKind::TrainingJob);
        let have = relations(&found);
        for want in [
            "k8s://c/n/Job/j reads arn:aws:s3:::rows",
            "k8s://c/n/Job/j writes arn:aws:s3:::out",
            "s3://out/m1 trained_on arn:aws:s3:::rows",
            "s3://out/m1 derived_from https://huggingface.co/acme/m",
        ] {
            assert!(have.contains(&want.to_owned()), "{want}: {have:#?}");
        }
    }

    #[test]
    fn copying_to_a_bucket_writes() {
        let (_, found) = run("amazon/aws-cli", "s3 cp s3://from/x s3://dest/y", &[]);
        assert_eq!(
            relations(&found)[..2],
            ["k8s://c/n/Job/j reads arn:aws:s3:::from", "k8s://c/n/Job/j writes arn:aws:s3:::dest"]
        );
    }
}
