//! The tables under `data/discover/`: AI packages, providers, servers, and what calls in code mean.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::asset::{Asset, AssetKind, Authentication, Document, RelationKind, Result};

/// The built-in tables, indexed once. What has a [`Found`](super::Found) asks its `tables` instead, which also hold what
/// the caller added.
pub(super) fn catalog() -> &'static Catalog {
    &BUILTIN
}

static BUILTIN: LazyLock<Tables> = LazyLock::new(|| Tables(Arc::new(Catalog::builtin())));

/// The tables of one run: the built-in ones, unless the caller adds to them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Tables(Arc<Catalog>);

impl Default for Tables {
    fn default() -> Self {
        BUILTIN.clone()
    }
}

impl Deref for Tables {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        &self.0
    }
}

impl Tables {
    /// Whether nothing was added.
    pub(super) fn is_builtin(&self) -> bool {
        Arc::ptr_eq(&self.0, &BUILTIN.0)
    }

    /// The built-in tables with what these files, by name and text, add: the last one counts first.
    pub(super) fn extended(files: &[(String, String)]) -> Result<Self> {
        let mut catalog = Catalog::builtin();
        for (name, text) in files {
            catalog.add(Document::config(name, text)?);
        }
        Ok(Self(Arc::new(catalog)))
    }
}

/// What a user's file adds: the built-in tables' own shapes, by the names of their files.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Additions {
    ai_providers: Vec<Provider>,
    ai_packages: PackagesFile,
    model_servers: Servers,
}

/// Every table.
#[derive(Debug)]
pub(super) struct Catalog {
    packages: Packages,
    providers: Providers,
    pub(super) servers: Servers,
    pub(super) code: Code,
    pub(super) kubernetes: Kubernetes,
    pub(super) hcl: Hcl,
}

impl Catalog {
    fn builtin() -> Self {
        Self {
            packages: Packages::index(table("ai_packages.yaml", PACKAGES)),
            providers: Providers::index(table("ai_providers.yaml", PROVIDERS)),
            servers: table("model_servers.yaml", SERVERS),
            code: table("code.yaml", CODE),
            kubernetes: table("kubernetes.yaml", KUBERNETES),
            hcl: table("hcl.yaml", HCL),
        }
    }

    /// What an AI package is for (`sdk`, `framework`, `agent`, …); `None` for any other package.
    pub(super) fn package_role(&self, ecosystem: &str, name: &str) -> Option<&str> {
        self.packages.role(ecosystem, name)
    }

    /// The AI package that a Python import path belongs to.
    pub(super) fn python_import(&self, path: &str) -> Option<String> {
        let mut prefix = path;
        loop {
            if let Some(package) = self.packages.imports.get(prefix) {
                return self.package_role("pypi", package).map(|_| package.clone());
            }
            match prefix.rsplit_once('.') {
                Some((above, _)) => prefix = above,
                None => break,
            }
        }
        let package = prefix.replace('_', "-").to_ascii_lowercase();
        self.package_role("pypi", &package).map(|_| package)
    }

    /// Whether AI packages of Python lie below this import path: `google`, `azure.ai`.
    pub(super) fn is_namespace(&self, path: &str) -> bool {
        let below = |import: &String| import.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        !path.is_empty() && self.packages.imports.keys().any(below)
    }

    /// For an import name that is also a common word: the names that show it is the package.
    pub(super) fn ambiguous(&self, import: &str) -> Option<&[String]> {
        self.packages.ambiguous.get(import).map(Vec::as_slice)
    }

    /// Adds a user's own: a service of a known name adds to that one, anything else comes before what is known.
    fn add(&mut self, additions: Additions) {
        let Additions { ai_providers: mut entries, ai_packages, model_servers } = additions;
        for known in std::mem::take(&mut self.providers.all) {
            match entries.iter_mut().find(|entry| entry.name == known.name) {
                Some(entry) => entry.extend(known),
                None => entries.push(known),
            }
        }
        self.providers = Providers::index(entries);
        self.packages.add(Packages::index(ai_packages));
        self.servers.add(model_servers);
    }

    /// Every provider.
    pub(super) fn providers(&self) -> &[Provider] {
        &self.providers.all
    }

    /// The service behind a host that programs call, as in `api.openai.com`.
    pub(super) fn provider_by_host(&self, host: &str) -> Option<&Provider> {
        self.service_by_host(host).filter(|provider| provider.category.is_called())
    }

    /// Any AI service behind a host, apps and model hubs included. The host is in lower case. O(labels).
    pub(super) fn service_by_host(&self, host: &str) -> Option<&Provider> {
        self.providers.by_host(host)
    }

    /// The service that traces, gateways and SDKs call so, as in `aws.bedrock` or `vertex_ai`.
    pub(super) fn provider_by_name(&self, name: &str) -> Option<&Provider> {
        self.providers.get(self.providers.names.get(name.to_ascii_lowercase().as_str()))
    }

    /// The service that an app's title names, as in `ChatGPT for Sheets`.
    pub(super) fn provider_by_title(&self, title: &str) -> Option<&Provider> {
        let title = title.trim().to_lowercase();
        let bounded = |at: usize| title.get(at..).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
        let ends = title.char_indices().map(|(at, _)| at).chain([title.len()]).filter(|at| bounded(*at)).take(8);
        ends.filter_map(|end| title.get(..end)).find_map(|words| self.providers.get(self.providers.titles.get(words)))
    }

    /// The provider of this name.
    pub(super) fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.all.iter().find(|p| p.name == name)
    }

    /// The provider that an environment variable belongs to.
    pub(super) fn provider_by_env(&self, name: &str) -> Option<&Provider> {
        self.providers.get(self.providers.env.get(name))
    }

    /// The provider that serves a model of this name.
    pub(super) fn provider_by_model(&self, model: &str) -> Option<&Provider> {
        self.providers.all.iter().find(|p| p.models.iter().any(|prefix| model.starts_with(prefix.as_str())))
    }

    /// The model server that listens on a port, where nobody else does.
    pub(super) fn server_by_port(&self, port: u64) -> Option<&str> {
        let servers = &self.servers.servers;
        servers.iter().find(|server| server.ports.contains(&port)).map(|server| server.name.as_str())
    }

    /// The provider behind an AWS SDK client name such as `bedrock-runtime`.
    pub(super) fn provider_by_service(&self, service: &str) -> Option<&Provider> {
        self.providers.all.iter().find(|p| p.services.iter().any(|known| known == service))
    }
}

/// AI packages by ecosystem.
#[derive(Debug, Default)]
struct Packages {
    exact: HashMap<(String, String), String>,
    prefixes: Vec<(String, String, String)>,
    imports: HashMap<String, String>,
    ambiguous: HashMap<String, Vec<String>>,
}

/// The file's shape: ecosystem → role → names.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PackagesFile {
    packages: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    imports: HashMap<String, String>,
    ambiguous: HashMap<String, Vec<String>>,
}

impl Packages {
    fn index(file: PackagesFile) -> Self {
        let PackagesFile { packages, imports, ambiguous } = file;
        let mut index = Self { imports, ambiguous, ..Self::default() };
        for (ecosystem, roles) in packages {
            for (role, names) in roles {
                for name in names {
                    match name.strip_suffix('*') {
                        Some(prefix) => index.prefixes.push((ecosystem.clone(), prefix.to_owned(), role.clone())),
                        None => {
                            index.exact.insert((ecosystem.clone(), name), role.clone());
                        }
                    }
                }
            }
        }
        index
    }

    /// Adds what another index knows, before what this one does.
    fn add(&mut self, other: Self) {
        let Self { exact, mut prefixes, imports, ambiguous } = other;
        self.exact.extend(exact);
        prefixes.append(&mut self.prefixes);
        self.prefixes = prefixes;
        self.imports.extend(imports);
        self.ambiguous.extend(ambiguous);
    }

    fn role(&self, ecosystem: &str, name: &str) -> Option<&str> {
        let exact = self.exact.get(&(ecosystem.to_owned(), name.to_owned()));
        let by_prefix = || {
            self.prefixes
                .iter()
                .find(|(of, prefix, _)| of == ecosystem && name.starts_with(prefix.as_str()))
                .map(|p| &p.2)
        };
        exact.or_else(by_prefix).map(String::as_str)
    }
}

/// AI services, indexed for the lookups that run once a log row.
#[derive(Debug, Default)]
struct Providers {
    all: Vec<Provider>,
    hosts: HashMap<String, usize>,
    /// By what a host ends in, from its first `.` or `-`.
    suffixes: HashMap<String, usize>,
    /// By what a host below `amazonaws.com` starts with.
    prefixes: Vec<(String, usize)>,
    env: HashMap<String, usize>,
    names: HashMap<String, usize>,
    titles: HashMap<String, usize>,
}

impl Providers {
    /// Where two entries claim the same, the first keeps it.
    fn index(all: Vec<Provider>) -> Self {
        let mut index = Self::default();
        for (i, provider) in all.iter().enumerate() {
            let note = |map: &mut HashMap<String, usize>, keys: &[String]| {
                for key in keys {
                    map.entry(key.clone()).or_insert(i);
                }
            };
            note(&mut index.hosts, &provider.hosts);
            note(&mut index.suffixes, &provider.suffixes);
            note(&mut index.env, &provider.env);
            note(&mut index.names, &[provider.name.to_ascii_lowercase()]);
            note(&mut index.names, &provider.names);
            note(&mut index.titles, &[provider.name.to_lowercase()]);
            note(&mut index.titles, &provider.titles);
            index.prefixes.extend(provider.prefixes.iter().map(|prefix| (prefix.clone(), i)));
        }
        index.all = all;
        index
    }

    fn get(&self, at: Option<&usize>) -> Option<&Provider> {
        self.all.get(*at?)
    }

    fn by_host(&self, host: &str) -> Option<&Provider> {
        let host = host.trim_end_matches('.');
        let mut ends = host.match_indices(['.', '-']).filter_map(|(at, _)| host.get(at..));
        let by_suffix = || ends.find_map(|end| self.suffixes.get(end));
        let amazon = host.contains(".amazonaws.com");
        // a private endpoint has its own label before the service's
        let service = || host.split_once('.').map(|(_, rest)| rest).filter(|_| host.starts_with("vpce-"));
        let starts = |prefix: &str| host.starts_with(prefix) || service().is_some_and(|rest| rest.starts_with(prefix));
        let by_prefix = || self.prefixes.iter().find(|(prefix, _)| starts(prefix)).map(|(_, at)| at);
        let by_prefix = || if amazon { by_prefix() } else { None };
        self.get(self.hosts.get(host).or_else(by_suffix).or_else(by_prefix))
    }
}

/// A service that serves AI over the network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) name: String,
    #[serde(default)]
    pub(super) category: Category,
    #[serde(default)]
    vendor: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    suffixes: Vec<String>,
    #[serde(default)]
    tenants: bool,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    trains_on_prompts: Option<bool>,
}

/// What an AI service is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Category {
    #[default]
    Api,
    App,
    CodingAssistant,
    VectorStore,
    Observability,
    ModelHub,
}

impl Category {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::App => "app",
            Self::CodingAssistant => "coding-assistant",
            Self::VectorStore => "vector-store",
            Self::Observability => "observability",
            Self::ModelHub => "model-hub",
        }
    }

    /// Whether programs call it, rather than people; a link to the others says nothing of a program.
    const fn is_called(self) -> bool {
        matches!(self, Self::Api | Self::VectorStore | Self::Observability)
    }
}

impl Provider {
    /// The provider as an asset.
    pub(super) fn asset(&self) -> Asset {
        let mut asset = Asset::new(self.id(), AssetKind::AiProvider, &self.name);
        if let Some(host) = self.hosts.first() {
            asset = asset.with("host", host.as_str());
        }
        if let Some(vendor) = &self.vendor {
            asset = asset.with("vendor", vendor.as_str());
        }
        if let Some(trains) = self.trains_on_prompts {
            asset = asset.with("trains_on_prompts", trains);
        }
        asset.with("category", self.category.as_str())
    }

    /// Its asset's id.
    pub(super) fn id(&self) -> String {
        let mut id = String::from("ai-provider:");
        for word in self.name.split_whitespace() {
            if !id.ends_with(':') {
                id.push('-');
            }
            id.push_str(&word.to_lowercase());
        }
        id
    }

    /// Whether this host belongs to one customer, as `acme.openai.azure.com` does.
    pub(super) fn is_tenant(&self, host: &str) -> bool {
        self.tenants && !self.hosts.iter().any(|known| known == host)
    }

    /// Adds what another entry of the same name knows.
    fn extend(&mut self, other: Self) {
        let Self { name: _, category, vendor, hosts, suffixes, prefixes, env, services, models, names, titles, .. } =
            other;
        if self.category == Category::default() {
            self.category = category;
        }
        self.vendor = self.vendor.take().or(vendor);
        self.trains_on_prompts = self.trains_on_prompts.or(other.trains_on_prompts);
        self.tenants |= other.tenants;
        self.hosts.extend(hosts);
        self.suffixes.extend(suffixes);
        self.prefixes.extend(prefixes);
        self.env.extend(env);
        self.services.extend(services);
        self.models.extend(models);
        self.names.extend(names);
        self.titles.extend(titles);
    }
}

/// Model servers and the flags they share.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Servers {
    pub(super) servers: Vec<Server>,
    pub(super) model_flags: HashSet<String>,
    pub(super) model_env: HashSet<String>,
    pub(super) model_commands: Vec<String>,
    pub(super) revision_flags: HashSet<String>,
    pub(super) revision_env: HashSet<String>,
    pub(super) output_words: HashSet<String>,
    pub(super) train_words: HashSet<String>,
}

impl Servers {
    /// Adds others, before those it knows.
    fn add(&mut self, other: Self) {
        let Self { servers, model_flags, model_env, model_commands, revision_flags, .. } = other;
        self.servers.splice(0..0, servers);
        self.model_flags.extend(model_flags);
        self.model_env.extend(model_env);
        self.model_commands.extend(model_commands);
        self.revision_flags.extend(revision_flags);
        self.revision_env.extend(other.revision_env);
        self.output_words.extend(other.output_words);
        self.train_words.extend(other.train_words);
    }
}

/// One kind of AI container.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) name: String,
    #[serde(default)]
    pub(super) images: Vec<String>,
    #[serde(default)]
    pub(super) commands: Vec<String>,
    #[serde(default)]
    pub(super) ports: Vec<u64>,
    pub(super) role: ServerRole,
    #[serde(default)]
    pub(super) auth: Option<Authentication>,
    #[serde(default)]
    pub(super) auth_flags: Vec<String>,
    #[serde(default)]
    pub(super) auth_env: Vec<String>,
    /// `NAME=value` that switch protection off.
    #[serde(default)]
    pub(super) open_env: Vec<String>,
    /// Arguments that switch protection off, as written.
    #[serde(default)]
    pub(super) open_flags: Vec<String>,
}

/// What a container of a kind does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ServerRole {
    Server,
    VectorStore,
    Gateway,
    Notebook,
    Registry,
    Training,
    Pipeline,
    Agent,
    Evaluation,
    Mcp,
    /// Fetches models for others.
    Loader,
}

/// What calls in code stand for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    pub(super) agents: HashSet<String>,
    pub(super) teams: HashSet<String>,
    pub(super) generators: HashSet<String>,
    pub(super) mcp_servers: HashSet<String>,
    pub(super) mcp_clients: HashSet<String>,
    pub(super) tools: HashSet<String>,
    pub(super) tool_bases: HashSet<String>,
    pub(super) tool_decorators: HashSet<String>,
    pub(super) capabilities: BTreeMap<String, HashSet<String>>,
    pub(super) body: BTreeMap<String, Vec<String>>,
    pub(super) pages: HashSet<String>,
    pub(super) generation: HashSet<String>,
    pub(super) dotted_generation: Vec<String>,
    pub(super) model_calls: HashSet<String>,
    pub(super) model_keywords: HashSet<String>,
    pub(super) embedding_words: Vec<String>,
    pub(super) dataset_calls: HashSet<String>,
    pub(super) model_factories: HashSet<String>,
    pub(super) clients: BTreeMap<String, HashSet<String>>,
    pub(super) package_providers: HashMap<String, String>,
    pub(super) vector_stores: BTreeMap<String, HashSet<String>>,
    pub(super) store_names: Vec<String>,
    pub(super) store_places: Vec<String>,
    pub(super) prompts: HashSet<String>,
    pub(super) prompt_words: Vec<String>,
    pub(super) flags: HashSet<String>,
    pub(super) bounds: HashSet<String>,
    pub(super) trainers: HashSet<String>,
    pub(super) reads: HashSet<String>,
    pub(super) writes: HashSet<String>,
    pub(super) tool_args: HashSet<String>,
    pub(super) member_args: HashSet<String>,
    pub(super) order_args: Vec<String>,
    pub(super) other_calls: HashSet<String>,
    pub(super) place_args: HashSet<String>,
    pub(super) address_args: Vec<String>,
    pub(super) model_args: HashSet<String>,
    pub(super) asks: HashSet<String>,
    pub(super) routes: HashSet<String>,
    pub(super) hub_calls: HashSet<String>,
    pub(super) dataset_builders: HashSet<String>,
    pub(super) java_imports: HashMap<String, String>,
    pub(super) csharp_imports: HashMap<String, String>,
}

/// Annotations and kinds of Kubernetes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kubernetes {
    pub(super) internal: BTreeMap<String, Vec<String>>,
    pub(super) restricted: BTreeMap<String, Vec<String>>,
    pub(super) identity: BTreeMap<String, Vec<String>>,
    pub(super) key: BTreeMap<String, Vec<String>>,
    pub(super) kinds: Vec<CustomKind>,
    pub(super) references: Vec<Reference>,
    pub(super) cluster_wide: HashSet<String>,
}

/// What resources of some kinds and API groups are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CustomKind {
    pub(super) kinds: HashSet<String>,
    pub(super) groups: Vec<String>,
    pub(super) is: AssetKind,
    #[serde(default = "yes")]
    pub(super) ai: bool,
}

/// What a field of a resource names, and how the two relate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    pub(super) of: Vec<String>,
    pub(super) at: String,
    pub(super) does: RelationKind,
    pub(super) to: String,
}

const fn yes() -> bool {
    true
}

/// What in Terraform configuration is AI.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hcl {
    pub(super) ai_types: Vec<String>,
    pub(super) model_keys: HashSet<String>,
    pub(super) ai_modules: Vec<String>,
}

const PACKAGES: &str = include_str!("../../data/discover/ai_packages.yaml");
const PROVIDERS: &str = include_str!("../../data/discover/ai_providers.yaml");
const SERVERS: &str = include_str!("../../data/discover/model_servers.yaml");
const CODE: &str = include_str!("../../data/discover/code.yaml");
const KUBERNETES: &str = include_str!("../../data/discover/kubernetes.yaml");
const HCL: &str = include_str!("../../data/discover/hcl.yaml");

/// A built-in table; a test checks that each loads, an empty one would only recognise nothing.
pub(super) fn table<T: DeserializeOwned + Default>(name: &str, text: &str) -> T {
    Document::config(name, text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_loads() {
        Document::config::<PackagesFile>("ai_packages.yaml", PACKAGES).unwrap();
        Document::config::<Vec<Provider>>("ai_providers.yaml", PROVIDERS).unwrap();
        Document::config::<Servers>("model_servers.yaml", SERVERS).unwrap();
        Document::config::<Code>("code.yaml", CODE).unwrap();
        Document::config::<Kubernetes>("kubernetes.yaml", KUBERNETES).unwrap();
        Document::config::<Hcl>("hcl.yaml", HCL).unwrap();
    }

    #[test]
    fn packages_by_name_prefix_and_import() {
        let catalog = catalog();
        assert_eq!(catalog.package_role("pypi", "langchain-openai"), Some("agent"));
        assert_eq!(catalog.package_role("npm", "@langchain/core"), Some("agent"));
        for (ecosystem, name) in [("npm", "chroma-js"), ("npm", "express"), ("pypi", "requests"), ("pypi", "arrow")] {
            assert_eq!(catalog.package_role(ecosystem, name), None, "{name}");
        }
        assert_eq!(catalog.python_import("sklearn.linear_model").as_deref(), Some("scikit-learn"));
        assert_eq!(catalog.python_import("google.cloud.aiplatform").as_deref(), Some("google-cloud-aiplatform"));
        assert_eq!(catalog.python_import("google.cloud.storage"), None);
        assert_eq!(catalog.python_import("langchain_openai").as_deref(), Some("langchain-openai"));
        // every import must lead to a package that is known as AI
        for (import, package) in &catalog.packages.imports {
            assert!(catalog.package_role("pypi", package).is_some(), "{import}: {package}");
        }
    }

    #[test]
    fn providers() {
        let name = |provider: Option<&Provider>| provider.map(|p| p.name.clone());
        assert_eq!(name(catalog().provider_by_host("acme.openai.azure.com")), Some("Azure OpenAI".into()));
        assert_eq!(
            name(catalog().provider_by_host("bedrock-runtime.eu-west-1.amazonaws.com")),
            Some("Amazon Bedrock".into())
        );
        let by_host = |host: &str| name(catalog().service_by_host(host));
        assert_eq!(by_host("vpce-0a1-b2.bedrock-runtime.us-east-1.vpce.amazonaws.com"), Some("Amazon Bedrock".into()));
        assert_eq!(by_host("europe-west4-aiplatform.googleapis.com."), Some("Google Vertex AI".into()));
        assert_eq!(by_host("ws.chatgpt.com"), Some("ChatGPT".into()));
        for other in
            ["example.com", "notopenai.com", "s3.amazonaws.com", "bedrock.example.com", "", ".", "openai.com.evil.io"]
        {
            assert_eq!(by_host(other), None, "{other}");
        }
        assert_eq!(name(catalog().provider_by_host("chatgpt.com")), None, "an app is not called by programs");
        assert_eq!(name(catalog().provider_by_env("HF_TOKEN")), Some("Hugging Face".into()));
        assert_eq!(name(catalog().provider_by_name("AWS.Bedrock")), Some("Amazon Bedrock".into()));
        assert_eq!(name(catalog().provider_by_title("ChatGPT for Sheets")), Some("ChatGPT".into()));
        assert_eq!(name(catalog().provider_by_title("Claudette Bakery")), None);
    }

    #[test]
    fn a_host_or_name_has_one_provider() {
        let mut seen = HashSet::new();
        for provider in &catalog().providers.all {
            for key in provider.hosts.iter().chain(&provider.suffixes).chain(&provider.env).chain(&provider.names) {
                assert!(seen.insert(key), "{key} twice, again in {}", provider.name);
                let lower = provider.env.contains(key) || key.to_lowercase() == *key;
                assert!(lower, "{key} is not in lower case");
            }
            for suffix in &provider.suffixes {
                assert!(suffix.starts_with(['.', '-']), "{suffix}");
            }
        }
    }

    #[test]
    fn a_catalogue_of_ones_own() {
        let file = |text: &str| Tables::extended(&[("own.yaml".to_owned(), text.to_owned())]);
        let tables = file(
            "ai_providers:\n- { name: Acme AI, hosts: [llm.acme.test], category: api }\n- { name: OpenAI, hosts: [openai.acme.test] }\n\
             ai_packages:\n  packages:\n    pypi: { sdk: [acme-llm, openai] }\n  imports: { acmellm: acme-llm }\n\
             model_servers:\n  servers:\n  - { name: Acme Server, images: [acme/vllm], role: server }\n  model_flags: [--acme-model]\n",
        )
        .unwrap();
        let id = |host: &str| tables.provider_by_host(host).map(Provider::id);
        assert_eq!(id("llm.acme.test").as_deref(), Some("ai-provider:acme-ai"));
        assert_eq!(id("openai.acme.test"), id("api.openai.com"));
        assert_eq!(tables.python_import("acmellm.chat").as_deref(), Some("acme-llm"));
        assert_eq!(tables.package_role("pypi", "langchain"), Some("agent"));
        assert_eq!(tables.servers.servers[0].name, "Acme Server");
        assert!(tables.servers.model_flags.contains("--acme-model") && tables.servers.model_flags.contains("--model"));
        // nothing of it is left for others
        assert_eq!(Tables::default().package_role("pypi", "acme-llm"), None);
        let error = file("ai_providers:\n- name: Acme\n- name: Other\n  hots: [x]\n").unwrap_err();
        assert!(error.to_string().contains("own.yaml") && error.line == Some(4), "{error} {:?}", error.line);
        assert!(file("providers: []").unwrap_err().to_string().contains("ai_providers"));
    }
}
