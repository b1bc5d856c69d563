//! The tables under `data/discover/`: AI packages, providers, servers, and what calls in code mean.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::asset::{Asset, AssetKind, Authentication, Document};

/// The built-in tables, indexed once.
pub(super) fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);
    &CATALOG
}

/// Every table.
#[derive(Debug)]
pub(super) struct Catalog {
    packages: Packages,
    pub(super) providers: Vec<Provider>,
    pub(super) servers: Servers,
    pub(super) code: Code,
    pub(super) kubernetes: Kubernetes,
    pub(super) hcl: Hcl,
}

impl Catalog {
    fn builtin() -> Self {
        Self {
            packages: Packages::index(table("ai_packages.yaml", PACKAGES)),
            providers: table("ai_providers.yaml", PROVIDERS),
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

    /// The provider behind a host, as in `api.openai.com`.
    pub(super) fn provider_by_host(&self, host: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| {
            p.hosts.iter().any(|known| known == host)
                || p.suffixes.iter().any(|suffix| host.ends_with(suffix.as_str()))
                || (host.contains(".amazonaws.com")
                    && p.prefixes.iter().any(|prefix| host.starts_with(prefix.as_str())))
        })
    }

    /// The provider of this name.
    pub(super) fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.name == name)
    }

    /// The provider that an environment variable belongs to.
    pub(super) fn provider_by_env(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.env.iter().any(|known| known == name))
    }

    /// The provider that serves a model of this name.
    pub(super) fn provider_by_model(&self, model: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.models.iter().any(|prefix| model.starts_with(prefix.as_str())))
    }

    /// The provider behind an AWS SDK client name such as `bedrock-runtime`.
    pub(super) fn provider_by_service(&self, service: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.services.iter().any(|known| known == service))
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
#[serde(deny_unknown_fields)]
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

/// A service that serves AI over the network.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) name: String,
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    #[serde(default)]
    suffixes: Vec<String>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    models: Vec<String>,
}

impl Provider {
    /// The provider as an asset.
    pub(super) fn asset(&self) -> Asset {
        let mut id = String::from("ai-provider:");
        for word in self.name.split_whitespace() {
            if !id.ends_with(':') {
                id.push('-');
            }
            id.push_str(&word.to_lowercase());
        }
        let asset = Asset::new(id, AssetKind::AiProvider, &self.name);
        match self.hosts.first() {
            Some(host) => asset.with("host", host.as_str()),
            None => asset,
        }
    }
}

/// Model servers and the flags they share.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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
    pub(super) ai_kinds: HashSet<String>,
    pub(super) training_kinds: HashSet<String>,
    pub(super) ai_groups: Vec<String>,
}

/// What in Terraform configuration is AI.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hcl {
    pub(super) ai_types: Vec<String>,
    pub(super) model_keys: HashSet<String>,
}

const PACKAGES: &str = include_str!("../../data/discover/ai_packages.yaml");
const PROVIDERS: &str = include_str!("../../data/discover/ai_providers.yaml");
const SERVERS: &str = include_str!("../../data/discover/model_servers.yaml");
const CODE: &str = include_str!("../../data/discover/code.yaml");
const KUBERNETES: &str = include_str!("../../data/discover/kubernetes.yaml");
const HCL: &str = include_str!("../../data/discover/hcl.yaml");

/// A built-in table; a test checks that each loads, an empty one would only recognise nothing.
fn table<T: DeserializeOwned + Default>(name: &str, text: &str) -> T {
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
        assert_eq!(name(catalog().provider_by_host("example.com")), None);
        assert_eq!(name(catalog().provider_by_env("HF_TOKEN")), Some("Hugging Face".into()));
    }
}
