//! Models and data sets.

use std::ops::Range;

use super::call::Call;
use super::facts::Facts;
use super::lexer::{Kind, Language};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::model_ref;

impl<'a> Facts<'_, 'a> {
    /// A call that names models, data sets or the place of one.
    pub(super) fn model_call(&mut self, call: &Call<'a>) {
        let dataset = catalog().code.dataset_calls.contains(call.name());
        if dataset && self.is(call, &catalog().code.dataset_calls).is_some() {
            self.dataset(call);
            return;
        }
        if !self.deployed(call) {
            self.client(call);
        }
        for model in self.models_of(call, 0) {
            if let Some(variable) = call.assigned.filter(|name| !self.named.contains_key(*name)) {
                self.name(variable, model.id.as_str(), AssetKind::Model);
            }
            self.uses(model, call.line);
        }
        self.replicated(call);
        self.registered(call);
    }

    fn dataset(&mut self, call: &Call<'a>) {
        let code = self.code;
        let name = call.first(code).or_else(|| call.text(code, &["path", "dataset_name"]));
        let Some(name) = name
            .filter(|name| !catalog().code.dataset_builders.contains(&**name) && !name.is_empty() && name.len() < 200)
        else {
            return;
        };
        if name.contains("://") {
            return;
        }
        // a hub of another package has names of its own
        let root = call.path.first().and_then(|root| self.imports.package(root));
        let local = name.starts_with(['/', '.']) || root.is_some_and(|package| package != "datasets");
        let id = if local { format!("dataset:{name}") } else { format!("https://huggingface.co/datasets/{name}") };
        let mut asset = Asset::new(id, AssetKind::Dataset, &*name).ai();
        if !local {
            asset.provenance.publisher = name.split_once('/').map(|(publisher, _)| publisher.to_owned());
            asset.provenance.source = Some("https://huggingface.co/datasets".to_owned());
            model_ref::pin(&mut asset, call.text(code, &["revision"]).as_deref());
        }
        if self.is_true(call, "trust_remote_code") {
            asset.properties.insert("trust_remote_code".into(), true.into());
        }
        if let Some(variable) = call.assigned {
            self.name(variable, &asset.id.to_string(), AssetKind::Dataset);
        }
        self.uses(asset, call.line);
    }

    fn is_true(&self, call: &Call<'a>, key: &str) -> bool {
        call.arg(&[key]).is_some_and(|range| matches!(self.code.word(range.start), "True" | "true"))
    }

    /// The models that a call names, and those of the clients among its arguments to some depth.
    pub(super) fn models_of(&self, call: &Call<'a>, depth: usize) -> Vec<Asset> {
        let table = &catalog().code;
        let code = self.code;
        let mut models = Vec::new();
        let hub = self.is(call, &table.model_calls).is_some();
        let pipeline = call.name() == "pipeline" && !self.imports.is_foreign("pipeline") && !code.declares("pipeline");
        let factory = self.is(call, &table.model_factories).is_some() || self.is(call, &table.agents).is_some();
        // `Car(model="…")` in a file that uses AI too
        let root = call.path.first().and_then(|root| self.imports.package(root)).is_some();
        let asks = table.generation.contains(call.name()) || table.asks.contains(call.name());
        let client = || table.clients.values().any(|classes| self.is(call, classes).is_some());
        let ours = root || hub || factory || pipeline || asks || client();
        let embeds = table.embedding_words.iter().any(|word| call.dotted().contains(word.as_str()));
        let mut add = |name: &str, strong: bool, key: &str| {
            let known = catalog().provider_by_model(bare(name)).is_some();
            let from_hub = call.name() == "from_pretrained"
                || pipeline
                || table.hub_calls.contains(call.class())
                || key == "repo_id";
            let model = if from_hub && !known && !name.contains(['/', ':']) && is_word(name) {
                Some(model_ref::hugging_face(name))
            } else {
                self.model(name)
            };
            let Some(mut model) = model else { return };
            let sure =
                known || model.text("provider").is_some() || model.id.as_str().starts_with("https://huggingface.co/");
            if strong && !sure {
                return;
            }
            if model.id.as_str().starts_with("https://huggingface.co/")
                && let Some(revision) = call.text(code, &["revision", "code_revision", "model_revision"])
            {
                model_ref::pin(&mut model, Some(&revision));
            }
            for flag in ["trust_remote_code", "allow_pickle"] {
                if self.is_true(call, flag) {
                    model.properties.insert(flag.into(), true.into());
                }
            }
            if embeds || key.contains("embed") {
                model.properties.insert("task".into(), "embedding".into());
            }
            models.push(model);
        };
        if hub || factory {
            let weak = hub && call.class().starts_with(|c: char| c.is_uppercase()) || call.name().starts_with("from_");
            let weak = weak || call.name().starts_with("init_") || call.name().contains("_download");
            if let Some(range) = call.positional(0)
                && let Some(name) = code.text(range.clone()).or_else(|| self.constant(range))
            {
                add(&name, !weak, "");
            }
        }
        for arg in &call.args {
            let Some(key) = arg.key.filter(|key| table.model_keywords.contains(*key)) else { continue };
            let strong = !ours || !(key.to_ascii_lowercase().contains("model") || matches!(key, "llm" | "repo_id"));
            if let Some(name) = code.text(arg.value.clone()).or_else(|| self.constant(arg.value.clone())) {
                add(&name, strong, key);
            }
        }
        if depth > 0 {
            for arg in &call.args {
                let model_like =
                    arg.key.is_none_or(|key| table.model_keywords.contains(key) || table.model_args.contains(key));
                if model_like && let Some(inner) = self.constructed(arg.value.clone()) {
                    models.extend(self.models_of(&inner, depth - 1));
                }
            }
        }
        models
    }

    /// The call that an expression is, or that a variable was given.
    fn constructed(&self, range: Range<usize>) -> Option<Call<'a>> {
        let code = self.code;
        let range = match code.path(range.clone()) {
            Some(name) => code.value_of(name, range.start, range.len() > 1)?,
            None => range,
        };
        let mut at = range.start;
        while at < range.end.min(range.start + 12) {
            if code.word(at) == "(" {
                return code.call(at);
            }
            at += 1;
        }
        None
    }

    /// A model by a name in code; tags that only say how to reach it are left out.
    pub(super) fn model(&self, name: &str) -> Option<Asset> {
        let name = name.trim();
        if name.starts_with("arn:") {
            return arn(name);
        }
        let plain = bare(name);
        if catalog().provider_by_model(plain).is_some() {
            return model_ref::model(plain, self.unit.owner);
        }
        let routed =
            name.split_once('/').filter(|(route, _)| catalog().code.routes.contains(*route)).map(|(_, rest)| rest);
        match routed {
            Some(rest) if rest.contains('/') => Some(model_ref::hugging_face(rest)),
            Some(rest) => is_word(rest).then(|| Asset::new(format!("model:{rest}"), AssetKind::Model, rest)),
            None => model_ref::model(name, self.unit.owner),
        }
    }

    /// The model that a constant of an SDK stands for: `GPT_4_O_MINI`, `GPT4oMini`, `ModelClaude3_7SonnetLatest`.
    fn constant(&self, range: Range<usize>) -> Option<std::borrow::Cow<'a, str>> {
        if range.len() < 2 {
            return None;
        }
        let name = self.code.path(range)?;
        let mut kebab = String::new();
        let mut before = ' ';
        for c in name.trim_start_matches("ChatModel").trim_start_matches("Model").chars() {
            let parts = c.is_uppercase() && !before.is_uppercase() && before != ' ' && before != '_'
                || c.is_ascii_digit() && before.is_lowercase();
            if parts && !kebab.ends_with('-') {
                kebab.push('-');
            }
            kebab.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
            before = c;
        }
        let kebab = kebab.trim_matches('-').replace("gpt4", "gpt-4").replace("gpt5", "gpt-5").replace("gpt3", "gpt-3");
        let kebab = kebab.replace("gpt-4-o", "gpt-4o").replace("gpt-3-5", "gpt-3.5").replace("gpt-4-1", "gpt-4.1");
        let kebab = kebab.replace("gpt-3-dot5", "gpt-3.5").replace("-value", "");
        catalog().provider_by_model(&kebab).map(|_| kebab.into())
    }

    /// `replicate.run("owner/name:version")`.
    fn replicated(&mut self, call: &Call<'a>) {
        let runs = matches!(call.name(), "run" | "stream" | "async_run" | "async_stream");
        let of = |root: &&str| self.imports.package(root) == Some("replicate") || *root == "replicate";
        if !runs || !call.path.first().is_some_and(of) {
            return;
        }
        let name = call.first(self.code).or_else(|| call.text(self.code, &["ref"]));
        let Some(written) = name.filter(|name| is_word(name) && name.contains('/')) else { return };
        let (name, version) =
            written.split_once(':').map_or((&*written, None), |(name, version)| (name, Some(version)));
        let mut model = Asset::new(format!("https://replicate.com/{name}"), AssetKind::Model, name);
        model.properties.insert("provider".into(), "Replicate".into());
        model.provenance.publisher = name.split_once('/').map(|(owner, _)| owner.to_owned());
        model.provenance.source = Some("https://replicate.com".to_owned());
        model_ref::pin(&mut model, version);
        self.uses(model, call.line);
    }

    /// Models that a registry of MLflow gets or gives, and where it is.
    fn registered(&mut self, call: &Call<'a>) {
        let code = self.code;
        let name = match call.name() {
            "register_model" | "registerModel" => {
                call.positional(1).and_then(|range| code.text(range)).or_else(|| call.text(code, &["name"]))
            }
            _ => call.text(code, &["registered_model_name"]),
        };
        if let Some(name) = name.filter(|name| is_word(name) || name.len() < 100 && !name.contains('/')) {
            let model = Asset::new(format!("models:/{name}"), AssetKind::Model, &*name).with("registry", "mlflow");
            self.relate(RelationKind::Writes, model, call.line);
        }
        if matches!(call.name(), "set_tracking_uri" | "set_registry_uri")
            && let Some(url) = call.positional(0).and_then(|range| self.address(range))
        {
            let id = without_login(url.trim_end_matches('/'));
            let mut registry = Asset::new(&id, AssetKind::ModelRegistry, id.split("://").nth(1).unwrap_or(&id))
                .with("format", "mlflow");
            registry.encryption.in_transit = Some(id.starts_with("https://"));
            self.uses(registry, call.line);
        }
    }

    /// Models that are named outside calls: `model_id = "org/name"`, `"model": "gpt-4"`; and those of a registry.
    pub(super) fn named_models(&mut self) {
        let code = self.code;
        for at in 0..code.len() {
            let Some(value) = code.get(at).filter(|token| token.kind == Kind::Text) else { continue };
            if ["models:/", "runs:/"].iter().any(|scheme| value.text.starts_with(scheme)) && is_word(value.text) {
                let id = value.text;
                let name = id.split('/').nth(1).unwrap_or(id);
                self.uses(Asset::new(id, AssetKind::Model, name).with("registry", "mlflow"), value.line);
                continue;
            }
            let Some(key) = at.checked_sub(2).and_then(|at| code.get(at)) else { continue };
            let sign = code.word(at - 1);
            if !matches!(sign, "=" | ":") || !matches!(key.kind, Kind::Word | Kind::Text) {
                continue;
            }
            let name = key.text.to_ascii_lowercase();
            let typed = || code.language != Language::Python || sign == "=";
            let named = catalog().code.model_keywords.contains(key.text)
                || name.contains("model")
                || name.contains("llm")
                || matches!(key.text, "str" | "string") && typed() && {
                    let before = at.checked_sub(4).and_then(|at| code.get(at)).map_or("", |token| token.text);
                    before.to_ascii_lowercase().contains("model")
                };
            if !named {
                continue;
            }
            let model = self.model(value.text).filter(|model| {
                model.text("provider").is_some() || model.id.as_str().starts_with("https://huggingface.co/")
            });
            if let Some(model) = model {
                self.uses(model, value.line);
            }
        }
    }
}

/// A model's name without the provider that is asked for it: `openai/gpt-4o`, `openai:gpt-4o`, `models/gemini-…`.
fn bare(name: &str) -> &str {
    let rest = name.rsplit(['/', ':']).next().unwrap_or(name);
    let before = name.strip_suffix(rest).unwrap_or_default().trim_end_matches(['/', ':']);
    let routed = before.split(['/', ':']).all(|part| {
        catalog().code.routes.contains(part)
            || matches!(part, "models" | "google-gla" | "google-vertex" | "converse" | "chat")
    });
    if routed && catalog().provider_by_model(rest).is_some() { rest } else { name }
}

/// The model or profile that an ARN of Bedrock or SageMaker names.
fn arn(arn: &str) -> Option<Asset> {
    if let Some((_, name)) = arn.split_once("foundation-model/") {
        return Some(model_ref::model(name, "")?.alias(arn));
    }
    let kind = if arn.contains(":endpoint/") { AssetKind::Endpoint } else { AssetKind::Model };
    let known = arn.contains(":bedrock:") || arn.contains(":sagemaker:");
    known.then(|| Asset::new(arn, kind, arn.rsplit('/').next().unwrap_or(arn)).ai())
}

/// Whether a text can be an identifier, not a sentence or a template.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() < 300 && !text.contains(|c: char| c.is_whitespace() || "{}<>$%*\"'`,;()".contains(c))
}

/// A URL without the user and password in it.
pub(super) fn without_login(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            let slash = if path.is_empty() { "" } else { "/" };
            format!("{scheme}://{host}{slash}{path}")
        }
        None => url.to_owned(),
    }
}
