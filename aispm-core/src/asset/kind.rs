//! The kinds of asset and relation: the nouns and verbs of an inventory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares an enum whose JSON name, `as_str`, `FromStr` and docs come from one table.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident, $rename:literal { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = $rename)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::asset::Error;
            /// Parses the JSON name.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| {
                    let known = Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", ");
                    crate::asset::Error::new(
                        crate::asset::ErrorKind::Usage,
                        format!("{text:?} is no {}; known: {known}", stringify!($name)),
                    )
                })
            }
        }
    };
}
pub(crate) use names;

names! {
    /// What an asset is. JSON names are kebab-case, e.g. `"vector-store"`.
    AssetKind, "kebab-case" {
        /// A use case with a purpose, an owner and members: the unit of the EU AI Act.
        System = "system",
        /// A cloud account, subscription or project.
        Account = "account",
        /// A source repository.
        Repository = "repository",
        /// A program that uses AI: chatbot, service, job.
        Application = "application",
        /// A program in which a model chooses the actions.
        Agent = "agent",
        /// A function that an agent may call.
        Tool = "tool",
        /// A server that offers tools over the Model Context Protocol.
        McpServer = "mcp-server",
        /// A client configuration that lists MCP servers.
        McpConfig = "mcp-config",
        /// A prompt or prompt template kept as data.
        PromptTemplate = "prompt-template",
        /// An address that serves requests: inference endpoint, API, load balancer, ingress.
        Endpoint = "endpoint",
        /// A model; [`ModelType`](crate::asset::ModelType) tells foundation, fine-tuned and classical apart.
        Model = "model",
        /// A service or store that versions models.
        ModelRegistry = "model-registry",
        /// A file that holds a model or its weights.
        ModelFile = "model-file",
        /// A data set.
        Dataset = "dataset",
        /// A feature store.
        FeatureStore = "feature-store",
        /// A vector store, vector index or knowledge base.
        VectorStore = "vector-store",
        /// An object-storage bucket or container.
        Bucket = "bucket",
        /// A database, table or warehouse.
        Database = "database",
        /// A training or fine-tuning job.
        TrainingJob = "training-job",
        /// An evaluation, red-team or batch-inference job.
        Evaluation = "evaluation",
        /// A build, training or deployment pipeline.
        Pipeline = "pipeline",
        /// A notebook, as a file or a managed instance.
        Notebook = "notebook",
        /// A Kubernetes or compute cluster.
        Cluster = "cluster",
        /// A machine, physical or virtual, GPU nodes among them.
        Node = "node",
        /// A running unit: Deployment, Pod, Job, task, service.
        Workload = "workload",
        /// A serverless function.
        Function = "function",
        /// A container image.
        ContainerImage = "container-image",
        /// A software package.
        Package = "package",
        /// A human or machine user.
        User = "user",
        /// A role that others assume.
        Role = "role",
        /// A service account or managed identity.
        ServiceAccount = "service-account",
        /// A group of identities.
        Group = "group",
        /// A key or token that acts for an identity.
        AccessKey = "access-key",
        /// A policy document.
        Policy = "policy",
        /// A stored secret.
        Secret = "secret",
        /// A run-time guardrail.
        Guardrail = "guardrail",
        /// Where logs or events go, and logs themselves.
        LogSink = "log-sink",
        /// Where traffic comes from or passes: the internet, a network, a gateway, a firewall rule.
        NetworkEntry = "network-entry",
        /// A SaaS application.
        SaasApp = "saas-app",
        /// A provider of AI services, e.g. OpenAI.
        AiProvider = "ai-provider",
        /// A team of people.
        Team = "team",
        /// Anything else that gives context.
        Resource = "resource",
    }
}

impl AssetKind {
    /// Whether assets of this kind can hold permissions.
    #[must_use]
    pub const fn is_identity(self) -> bool {
        matches!(self, Self::User | Self::Role | Self::ServiceAccount | Self::Group | Self::AccessKey)
    }

    /// Whether assets of this kind hold data that can leak.
    #[must_use]
    pub const fn is_data(self) -> bool {
        matches!(
            self,
            Self::Dataset | Self::FeatureStore | Self::VectorStore | Self::Bucket | Self::Database | Self::Secret
        )
    }

    /// Whether an asset of this kind is AI by its nature, whatever else is known of it.
    #[must_use]
    pub const fn is_ai(self) -> bool {
        matches!(
            self,
            Self::System
                | Self::Agent
                | Self::McpServer
                | Self::McpConfig
                | Self::PromptTemplate
                | Self::Model
                | Self::ModelRegistry
                | Self::ModelFile
                | Self::FeatureStore
                | Self::VectorStore
                | Self::TrainingJob
                | Self::Evaluation
                | Self::Guardrail
                | Self::AiProvider
        )
    }
}

names! {
    /// How one asset relates to another, read as `from` RELATION `to`. JSON names are snake_case.
    RelationKind, "snake_case" {
        /// Depends on or calls.
        Uses = "uses",
        /// A model was trained or fine-tuned on a data set.
        TrainedOn = "trained_on",
        /// Data or a model was made from another.
        DerivedFrom = "derived_from",
        /// An endpoint or workload serves a model.
        Serves = "serves",
        /// Acts with the permissions of an identity.
        RunsAs = "runs_as",
        /// An identity may become another, as far as the trust side says.
        CanAssume = "can_assume",
        /// Reads data from.
        Reads = "reads",
        /// Writes data to.
        Writes = "writes",
        /// Calls an endpoint, function, agent or tool.
        Invokes = "invokes",
        /// Makes reachable: the internet exposes an endpoint, a Service exposes a workload.
        Exposes = "exposes",
        /// Holds: account, cluster, repository, folder.
        Contains = "contains",
        /// An app or agent retrieves context from a store.
        RetrievesFrom = "retrieves_from",
        /// An agent may call a tool or MCP server.
        HasTool = "has_tool",
        /// Was put in place by a pipeline or identity.
        DeployedBy = "deployed_by",
        /// Runs on a node, cluster or image.
        RunsOn = "runs_on",
        /// Is a member of a group or system.
        MemberOf = "member_of",
        /// A policy or guardrail applies to.
        AppliesTo = "applies_to",
        /// Is owned by a team or person.
        OwnedBy = "owned_by",
        /// Sends its logs to.
        LogsTo = "logs_to",
        /// Takes prompts from a template.
        Prompts = "prompts",
    }
}
