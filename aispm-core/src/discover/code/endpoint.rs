//! Where models are asked: providers by their clients, endpoints by their addresses and names.

use std::ops::Range;

use super::call::Call;
use super::facts::Facts;
use super::model::{is_word, without_login};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::model_ref;

impl<'a> Facts<'_, 'a> {
    /// The provider that a client talks to, or the address it is given instead.
    pub(super) fn client(&mut self, call: &Call<'a>) {
        let mut providers = catalog().code.clients.iter();
        let provider = providers.find(|(_, classes)| self.is(call, classes).is_some()).map(|(name, _)| name);
        let address = catalog().code.address_args.iter().find_map(|key| {
            let nested = || {
                let inner =
                    call.arg(&["configuration", "clientOptions", "client_options", "http_options", "httpOptions"])?;
                self.code.fields(inner).into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
            };
            self.address(call.arg(&[key]).or_else(nested)?)
        });
        let ai_call = provider.is_some() || self.is(call, &catalog().code.model_calls).is_some();
        if let Some(url) = address.filter(|_| ai_call) {
            self.endpoint(&url, call);
            if provider.is_none_or(|name| name != "Azure OpenAI") {
                return;
            }
        }
        let known = provider.and_then(|name| catalog().provider(name));
        if let Some(provider) = known {
            for arg in &call.args {
                let env = self.code.value(arg.value.clone()).env;
                if let Some(env) = env.filter(|_| arg.key.is_some_and(|key| key.to_ascii_lowercase().contains("key"))) {
                    self.variable(env);
                }
            }
            self.uses(provider.asset(), call.line);
        }
    }

    /// The URL that an expression is, also inside `new URL(…)`.
    pub(super) fn address(&self, range: Range<usize>) -> Option<String> {
        let text = self.code.text(range)?;
        let url = text.trim();
        let plain = url.starts_with("http://") || url.starts_with("https://") || url.starts_with("ws://");
        (plain && !url.contains(['{', ' ', '<']) && url.len() < 300).then(|| url.to_owned())
    }

    /// An endpoint at an address that is no provider's own.
    fn endpoint(&mut self, url: &str, call: &Call<'a>) {
        let host = model_ref::host(url).unwrap_or_default();
        let provider = catalog().provider_by_host(&host);
        if let Some(provider) = provider {
            self.uses(provider.asset(), call.line);
            if provider.name != "Azure OpenAI" && !host.contains("huggingface") {
                return;
            }
        }
        let id = without_login(url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/'));
        let mut endpoint = Asset::new(&id, AssetKind::Endpoint, id.split("://").nth(1).unwrap_or(&id)).ai();
        endpoint.encryption.in_transit = Some(url.starts_with("https://"));
        endpoint.properties.insert("url".into(), id.as_str().into());
        self.relate(RelationKind::Invokes, endpoint, call.line);
        let deployment = [
            "azure_deployment",
            "deployment_name",
            "deploymentName",
            "azureOpenAIApiDeploymentName",
            "model",
            "engine",
        ];
        if let Some(name) = call.text(self.code, &deployment).filter(|name| is_word(name) && !name.contains('/'))
            && provider.is_some_and(|provider| provider.name == "Azure OpenAI")
        {
            let served = format!("{id}/openai/deployments/{name}");
            let asset = Asset::new(&served, AssetKind::Endpoint, &*name).ai().with("deployment", &*name);
            self.relate(RelationKind::Invokes, asset, call.line);
            self.link(&id, RelationKind::Contains, &served, call.line);
        }
    }

    /// Endpoints, agents, knowledge bases and guardrails of a cloud by their names.
    pub(super) fn deployed(&mut self, call: &Call<'a>) -> bool {
        let code = self.code;
        let mut found = false;
        let places: &[(&[&str], &str, AssetKind, RelationKind)] = &[
            (&["EndpointName"], "sagemaker-endpoint", AssetKind::Endpoint, RelationKind::Invokes),
            (&["agentId"], "bedrock-agent", AssetKind::Agent, RelationKind::Invokes),
            (&["knowledgeBaseId"], "bedrock-knowledge-base", AssetKind::VectorStore, RelationKind::RetrievesFrom),
            (&["guardrailIdentifier"], "bedrock-guardrail", AssetKind::Guardrail, RelationKind::Uses),
        ];
        for (keys, scheme, kind, relation) in places {
            if let Some(name) = call.text(code, keys).filter(|name| is_word(name)) {
                let id = if name.starts_with("arn:") { name.to_string() } else { format!("{scheme}:{name}") };
                let asset = Asset::new(id, *kind, name.rsplit('/').next().unwrap_or(&name))
                    .ai()
                    .with(keys.first().copied().unwrap_or_default(), &*name);
                self.relate(*relation, asset, call.line);
                found = true;
            }
        }
        // the SDK of SageMaker
        let predictor = matches!(
            call.name(),
            "Predictor" | "HuggingFacePredictor" | "SagemakerEndpoint" | "SagemakerEndpointEmbeddings"
        );
        if let Some(name) =
            call.text(code, &["endpoint_name", "endpointName"]).filter(|name| is_word(name)).filter(|_| predictor)
        {
            let asset = Asset::new(format!("sagemaker-endpoint:{name}"), AssetKind::Endpoint, &*name).ai();
            self.relate(RelationKind::Invokes, asset.with("EndpointName", &*name), call.line);
            found = true;
        }
        let texts = call.args.iter().take(4).filter_map(|arg| code.text(arg.value.clone()));
        let full = texts.into_iter().find(|text| {
            text.starts_with("projects/")
                && ["/endpoints/", "/models/", "/indexEndpoints/", "/reasoningEngines/"]
                    .iter()
                    .any(|part| text.contains(part))
        });
        if let Some(name) = full.filter(|name| is_word(name)) {
            if let Some((_, model)) = name.split_once("/publishers/").and_then(|(_, rest)| rest.split_once("/models/"))
            {
                if let Some(model) = self.model(model) {
                    self.uses(model, call.line);
                }
            } else {
                let (kind, relation) = match &*name {
                    name if name.contains("/models/") => (AssetKind::Model, RelationKind::Uses),
                    name if name.contains("/indexEndpoints/") => (AssetKind::VectorStore, RelationKind::RetrievesFrom),
                    name if name.contains("/reasoningEngines/") => (AssetKind::Agent, RelationKind::Invokes),
                    _ => (AssetKind::Endpoint, RelationKind::Invokes),
                };
                let id = format!("//aiplatform.googleapis.com/{name}");
                self.relate(relation, Asset::new(id, kind, name.rsplit('/').next().unwrap_or(&name)).ai(), call.line);
            }
            found = true;
        }
        found
    }
}
