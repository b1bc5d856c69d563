//! A pipeline as every format tells it: jobs in an order, with steps; and what follows from that for the inventory.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::shell::{commands, flag, positional};
use super::table::{Does, Rule, TargetKind, rules};
use crate::asset::{Asset, AssetKind, Evidence, RelationKind};
use crate::discover::code;
use crate::discover::container::{Container, append, known_image};
use crate::discover::docker::filled;
use crate::discover::format::Found;
use crate::discover::kubernetes::{beside, chart, cloud_identity};
use crate::discover::model_ref;

/// Most steps kept of one pipeline.
const STEPS: usize = 256;
/// Most deploying steps whose way is traced.
const TRACED: usize = 64;

/// One step.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) evidence: Evidence,
    /// Shell text, and where it starts.
    pub(super) scripts: Vec<(String, Evidence)>,
    /// An action, orb, task or pipe.
    pub(super) action: Option<(String, Evidence)>,
    pub(super) image: Option<(String, Evidence)>,
    pub(super) env: Vec<(String, Option<String>, Evidence)>,
    /// What the format itself says that it does, and whether that is AI.
    pub(super) does: Option<(Does, bool)>,
    /// What it deploys or registers, as the format itself says.
    pub(super) targets: Vec<(TargetKind, String)>,
}

impl Step {
    pub(super) fn new(name: impl Into<String>, evidence: Evidence) -> Self {
        Self { name: name.into(), evidence, ..Self::default() }
    }

    /// With a script.
    pub(super) fn script(mut self, text: impl Into<String>, evidence: Evidence) -> Self {
        self.scripts.push((text.into(), evidence));
        self
    }
}

/// Steps that run one after the other, and the jobs that must be done before.
#[derive(Debug, Default)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) needs: Vec<String>,
    pub(super) steps: Vec<Step>,
    /// A deployment environment, which may ask for an approval that this file does not show.
    pub(super) environment: Option<String>,
}

/// A pipeline that is being read.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) asset: Asset,
    pub(super) jobs: Vec<Job>,
    /// A file at the root of the repository, which paths in scripts are relative to.
    root: String,
    /// Literal variables.
    pub(super) variables: HashMap<String, String>,
}

/// What a step was found to do.
#[derive(Debug, Default)]
struct Judged {
    does: BTreeSet<Does>,
    ai: bool,
    targets: Vec<(TargetKind, String, Vec<String>, Evidence)>,
}

impl Judged {
    fn main(&self) -> Does {
        self.does.last().copied().unwrap_or(Does::Other)
    }
}

impl Pipeline {
    /// A pipeline in a file; `root` is a file in the folder that its scripts run in.
    pub(super) fn new(id: String, name: &str, platform: &str, root: String, evidence: Evidence) -> Self {
        let asset = Asset::new(id, AssetKind::Pipeline, name).seen(evidence).with("platform", platform);
        Self { asset, jobs: Vec::new(), root, variables: HashMap::new() }
    }

    /// Jobs that name no others run after those before them.
    pub(super) fn in_sequence(&mut self) {
        let mut before: Option<String> = None;
        for job in &mut self.jobs {
            job.needs.extend(before.take());
            before = Some(job.name.clone());
        }
    }

    /// Notes a value that may name a cloud identity, by the key it stands under.
    pub(super) fn identity(&mut self, key: &str, value: &str, evidence: &Evidence, found: &mut Found) {
        let Some(identity) = identity(key, value) else { return };
        found.relate(self.asset.id.as_str(), RelationKind::RunsAs, identity.id.as_str(), evidence);
        found.inventory.add(identity.seen(evidence.clone()));
    }

    /// Notes the name of a variable, and the AI service it is for.
    pub(super) fn variable(&mut self, name: &str, value: Option<&str>, evidence: &Evidence, found: &mut Found) {
        if let Some(value) = value.filter(|value| !value.contains(['$', '\n']) && value.len() < 200) {
            self.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            self.identity(name, value, evidence, found);
        }
        let tables = found.tables.clone();
        let host = || tables.provider_by_host(&model_ref::host(value.filter(|v| v.contains("://"))?)?);
        if let Some(provider) = tables.provider_by_env(name).or_else(host) {
            self.asset.ai = true;
            let provider = provider.asset();
            found.relate(self.asset.id.as_str(), RelationKind::Uses, provider.id.as_str(), evidence);
            found.inventory.add(provider.seen(evidence.clone().excerpt(name)));
        }
    }

    /// Settles what each step does, and adds the pipeline with all that it touches.
    pub(super) fn finish(mut self, found: &mut Found) {
        let mut jobs = std::mem::take(&mut self.jobs);
        jobs.sort_by_key(|job| job.steps.first().and_then(|step| step.evidence.line));
        let mut judged: Vec<Vec<Judged>> = Vec::with_capacity(jobs.len());
        for job in &jobs {
            let mut steps = Vec::with_capacity(job.steps.len());
            for step in &job.steps {
                steps.push(self.judge(step, found));
            }
            judged.push(steps);
        }
        let at: HashMap<&str, usize> = jobs.iter().enumerate().map(|(i, job)| (job.name.as_str(), i)).collect();
        let (mut listed, mut deploys, mut traced) = (Vec::new(), Vec::new(), 0);
        for (j, job) in jobs.iter().enumerate() {
            for (s, step) in job.steps.iter().enumerate() {
                let Some(own) = judged.get(j).and_then(|steps| steps.get(s)) else { continue };
                let mut entry = Map::new();
                entry.insert("name".into(), step.name.as_str().into());
                entry.insert("does".into(), own.main().as_str().into());
                entry.insert("line".into(), step.evidence.line.into());
                if own.does.contains(&Does::Deploy) && traced < TRACED {
                    traced += 1;
                    let before = preceding(&jobs, &judged, &at, (j, s));
                    let names: Vec<&str> = own.targets.iter().map(|(_, name, ..)| name.as_str()).collect();
                    let mut deploy = json!({"step": step.name, "deploys": names, "preceded_by": before, "ai": own.ai});
                    if let (Some(environment), Some(deploy)) = (&job.environment, deploy.as_object_mut()) {
                        deploy.insert("environment".into(), environment.as_str().into());
                    }
                    if let Some(deploy) = deploy.as_object() {
                        entry.extend(
                            deploy.iter().filter(|(key, _)| *key != "step").map(|(k, v)| (k.clone(), v.clone())),
                        );
                    }
                    deploys.push(deploy);
                }
                if listed.len() < STEPS {
                    listed.push(Value::Object(entry));
                }
            }
        }
        let gated = |deploy: &Value| {
            let before = deploy.get("preceded_by").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
            before || deploy.get("environment").is_some()
        };
        let open: Vec<Value> =
            deploys.iter().filter(|deploy| !gated(deploy)).filter_map(|deploy| deploy.get("step").cloned()).collect();
        self.asset.properties.insert("steps".into(), listed.into());
        if !deploys.is_empty() {
            self.asset.properties.insert("deploys".into(), deploys.into());
            self.asset.properties.insert("deploys_without_gate".into(), open.into());
        }
        found.inventory.add(self.asset);
    }

    fn judge(&mut self, step: &Step, found: &mut Found) -> Judged {
        let mut judged = Judged::default();
        judged.does.extend(step.does.map(|(does, _)| does));
        judged.ai |= step.does.is_some_and(|(_, ai)| ai);
        for (kind, name) in &step.targets {
            judged.targets.push((*kind, name.clone(), Vec::new(), step.evidence.clone()));
        }
        for (name, value, evidence) in &step.env {
            self.variable(name, value.as_deref(), evidence, found);
        }
        if let Some((action, _)) = &step.action
            && let Some(rule) = rules().action(action)
        {
            judged.does.insert(rule.does);
            judged.ai |= rule.ai;
        }
        if let Some((image, evidence)) = step.image.as_ref().filter(|(image, _)| !image.contains(['$', '{', '<', ' ']))
        {
            let asset = known_image(image);
            judged.ai |= asset.ai;
            let known = rules().rules.iter().find(|rule| rule.images.iter().any(|name| image.contains(name.as_str())));
            judged.does.extend(known.map(|rule| rule.does));
            found.relate(self.asset.id.as_str(), RelationKind::Uses, asset.id.as_str(), evidence);
            found.inventory.add(asset.seen(evidence.clone().excerpt(image)));
        }
        for (script, evidence) in &step.scripts {
            for (line, words) in commands(&self.resolved(script)) {
                let evidence =
                    Evidence { line: evidence.line.map(|first| first.saturating_add(line)), ..evidence.clone() };
                self.command(&words, &evidence.excerpt(words.join(" ")), &mut judged, found);
            }
        }
        // an opaque step is taken at its name
        if judged.does.is_empty() {
            judged.does.extend(rules().script(&step.name).filter(|does| !matches!(does, Does::Train | Does::Register)));
        }
        if judged.ai && (judged.does.contains(&Does::Train) || judged.does.contains(&Does::Evaluate)) {
            self.data(step, &judged, found);
        }
        self.asset.ai |= judged.ai;
        for (kind, name, rest, evidence) in &judged.targets {
            self.target((*kind, name, rest), evidence, found);
        }
        judged
    }

    fn command(&mut self, words: &[String], evidence: &Evidence, judged: &mut Judged, found: &mut Found) {
        if words.first().is_some_and(|program| matches!(program.as_str(), "pip" | "pip3")) {
            let before = found.inventory.len();
            code::installs(&self.root, &words.join(" "), evidence, found);
            // only the packages that are AI make the pipeline so
            let ai = words.iter().skip(2).any(|word| {
                let name = word.split(['=', '<', '>', '[', '~', '!', '@']).next().unwrap_or(word).to_ascii_lowercase();
                found.tables.package_role("pypi", &name.replace('_', "-")).is_some()
            });
            self.asset.ai |= ai && found.inventory.len() >= before;
        }
        for (rule, rest) in rules().command(words) {
            judged.does.insert(rule.does);
            judged.ai |= rule.ai;
            if let Some((kind, name)) = named(rule, rest) {
                judged.targets.push((kind, name, rest.to_vec(), evidence.clone()));
            }
        }
        if let Some((does, ai)) = script_of(words) {
            judged.does.insert(does);
            judged.ai |= ai;
        }
        for (key, value) in words.iter().zip(words.iter().skip(1)) {
            self.identity(key, value, evidence, found);
        }
    }

    /// A text with the literal variables of the pipeline filled in.
    fn resolved(&self, word: &str) -> String {
        let known = |name: &str| self.variables.get(name).map(String::as_str);
        let mut text = String::new();
        let mut rest = word;
        // `${{ env.NAME }}` of GitHub, `$(NAME)` of Azure
        while let Some((before, after)) = rest.split_once("${{") {
            let (inner, next) = after.split_once("}}").unwrap_or((after, ""));
            let name = inner.trim().rsplit('.').next().unwrap_or_default();
            text.push_str(before);
            match known(name) {
                Some(value) => text.push_str(value),
                // one word, as what it stands for would be
                None => text.push_str(&format!("${{{{{}}}}}", inner.replace(char::is_whitespace, ""))),
            }
            rest = next;
        }
        text.push_str(rest);
        filled(&text, known)
    }

    /// What a training or evaluating step reads and writes, read as a container's command line would be.
    fn data(&mut self, step: &Step, judged: &Judged, found: &mut Found) {
        let trains = judged.does.contains(&Does::Train);
        let kind = if trains { AssetKind::TrainingJob } else { AssetKind::Evaluation };
        let mut job = Asset::new(self.asset.id.clone(), kind, &step.name);
        let container = Container {
            words: step.scripts.iter().map(|(text, evidence)| (self.resolved(text), evidence.clone())).collect(),
            ..Container::default()
        };
        job.ai = false;
        container.describe(&mut job, found);
        for key in ["models", "trust_remote_code"] {
            if let Some(value) = job.properties.remove(key) {
                self.asset.properties.entry(key).or_insert(value);
            }
        }
    }

    /// What is deployed or registered, and that this pipeline does it.
    fn target(&mut self, (kind, name, rest): (TargetKind, &str, &[String]), evidence: &Evidence, found: &mut Found) {
        if name.contains('$') || name.contains("{{") {
            return;
        }
        let id = self.asset.id.to_string();
        let local = |part: &str| format!("{id}#{part}/{name}");
        let namespace = flag(rest, &["--namespace", "-n"]).unwrap_or("default");
        let asset = match kind {
            TargetKind::Endpoint => {
                let project = flag(rest, &["--project"]).zip(flag(rest, &["--region"]));
                let id = match project {
                    Some((project, region)) if name.bytes().all(|b| b.is_ascii_digit()) => {
                        format!("//aiplatform.googleapis.com/projects/{project}/locations/{region}/endpoints/{name}")
                    }
                    _ if name.starts_with("arn:") || name.starts_with("//") => name.to_owned(),
                    _ => local("endpoint"),
                };
                let endpoint = Asset::new(id, AssetKind::Endpoint, name).ai();
                let model = flag(rest, &["--model", "--model-name", "-m", "--model-uri"]);
                if let Some(model) = model.and_then(|model| model_ref::model(model, endpoint.id.as_str())) {
                    found.relate(endpoint.id.as_str(), RelationKind::Serves, model.id.as_str(), evidence);
                    found.inventory.add(model.seen(evidence.clone()));
                }
                endpoint
            }
            TargetKind::Model => match model_ref::model(name, &id) {
                Some(model) => model,
                None => return,
            },
            TargetKind::Registry => Asset::new(local("model"), AssetKind::Model, name),
            TargetKind::Workload => {
                let Some((kind, name)) = name.split_once('/') else { return };
                let kind = match kind.trim_end_matches('s') {
                    "deploy" | "deployment" => "Deployment",
                    "sts" | "statefulset" => "StatefulSet",
                    "ds" | "daemonset" => "DaemonSet",
                    _ => return,
                };
                Asset::new(format!("k8s://cluster/{namespace}/{kind}/{name}"), AssetKind::Workload, name)
            }
            TargetKind::File => {
                if !name.contains("://") && name != "-" {
                    append(&mut self.asset, "deploys_files", &beside(&self.root, name));
                }
                return;
            }
            TargetKind::Chart => {
                let folder = beside(&self.root, name);
                if found.tree.holds(&format!("{folder}/Chart.yaml")) || name.starts_with(['.', '/']) {
                    append(&mut self.asset, "deploys_charts", &folder);
                    return;
                }
                chart(name.rsplit('/').next().unwrap_or(name), flag(rest, &["--version"]), flag(rest, &["--repo"]))
            }
            TargetKind::Service => Asset::new(local("service"), AssetKind::Workload, name),
        };
        let published = matches!(kind, TargetKind::Registry) || kind == TargetKind::Model && rest.is_empty();
        if published {
            found.relate(&id, RelationKind::Writes, asset.id.as_str(), evidence);
        }
        found.relate(asset.id.as_str(), RelationKind::DeployedBy, &id, evidence);
        found.inventory.add(asset.seen(evidence.clone().excerpt(name)));
    }
}

/// The gates before a step: of its own job those before it, and all of the jobs that its job needs.
fn preceding(
    jobs: &[Job],
    judged: &[Vec<Judged>],
    at: &HashMap<&str, usize>,
    (job, step): (usize, usize),
) -> Vec<Value> {
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let needs =
        |job: usize| jobs.get(job).into_iter().flat_map(|job| &job.needs).filter_map(|name| at.get(name.as_str()));
    let mut open: Vec<usize> = needs(job).copied().collect();
    while let Some(next) = open.pop() {
        if next != job && seen.insert(next) {
            open.extend(needs(next).copied());
        }
    }
    let mut gates = Vec::new();
    let mut gate = |name: &str, own: &Judged, deploying: bool| {
        for does in own.does.iter().filter(|does| does.is_gate()) {
            let entry = json!({"name": name, "does": does.as_str()});
            if gates.len() < TRACED && !(deploying && gates.contains(&entry)) {
                gates.push(entry);
            }
        }
    };
    for (j, (job_, own)) in jobs.iter().zip(judged).enumerate() {
        let until = if seen.contains(&j) {
            own.len()
        } else if j == job {
            step
        } else {
            0
        };
        for (step, own) in job_.steps.iter().zip(own).take(until) {
            gate(&step.name, own, false);
        }
    }
    // a script may check before it deploys
    let own = judged.get(job).and_then(|steps| steps.get(step));
    let own_step = jobs.get(job).and_then(|job| job.steps.get(step));
    if let (Some(own), Some(own_step)) = (own, own_step) {
        gate(&own_step.name, own, true);
    }
    gates
}

/// What a rule's command names.
fn named(rule: &Rule, rest: &[String]) -> Option<(TargetKind, String)> {
    let kind = rule.target?;
    let name = flag(rest, &rule.flags).or_else(|| positional(rest, rule.word?))?;
    Some((kind, name.to_owned()))
}

/// What a command that runs a script of the repository does, by the script's name; AI when it trains.
fn script_of(words: &[String]) -> Option<(Does, bool)> {
    let mut words = words.iter();
    let program = words.next()?;
    let is_script =
        |word: &str| [".py", ".sh", ".ipynb", ".R", ".jl", ".js", ".ts"].iter().any(|end| word.ends_with(end));
    let target = match program.as_str() {
        "python" | "python3" | "bash" | "sh" | "node" | "papermill" | "Rscript" | "julia" | "source" | "." => {
            words.find(|word| is_script(word))?
        }
        "make" | "just" | "task" | "nox" | "invoke" | "inv" => words.find(|word| !word.starts_with('-'))?,
        "npm" | "yarn" | "pnpm" => words.rfind(|word| !word.starts_with('-'))?,
        program if is_script(program) || program.contains('.') && !program.contains('/') => return module(program),
        _ => return None,
    };
    let name = target.rsplit('/').next().unwrap_or(target);
    let does = rules().script(name)?;
    Some((does, does == Does::Train))
}

/// A script that is run by itself, or a module of `python -m`.
fn module(program: &str) -> Option<(Does, bool)> {
    let name = program.rsplit('/').next().unwrap_or(program);
    rules().script(name).map(|does| (does, does == Does::Train))
}

/// The cloud identity that a value under such a key names.
fn identity(key: &str, value: &str) -> Option<Asset> {
    let key: String = key.to_ascii_lowercase().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let value = value.trim().trim_matches(['"', '\'']);
    if key.contains("role") && value.starts_with("arn:") && value.contains(":role/") && !value.contains('$') {
        return cloud_identity("eks.amazonaws.com/role-arn", value);
    }
    if key.contains("serviceaccount") && value.ends_with(".gserviceaccount.com") && !value.contains('$') {
        return cloud_identity("iam.gke.io/gcp-service-account", value);
    }
    let guid = value.len() == 36 && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (key.ends_with("clientid") && guid).then(|| cloud_identity("azure.workload.identity/client-id", value)).flatten()
}
