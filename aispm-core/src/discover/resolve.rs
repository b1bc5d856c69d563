//! One thing seen in several exports is one asset: by the other ids that an asset names, by digest, by the number of a
//! project, by its name within the cloud that a configuration declares it for.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;

use crate::asset::{Asset, AssetId, AssetKind, Inventory};

type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
type HashSet<K> = std::collections::HashSet<K, RandomState>;

/// What must not become one: two ids of one of these schemes that assets bear are two things, whatever else says so.
const STRONG: &[&str] = &["arn:", "//", "/subscriptions/", "k8s://", "entra:", "user:", "serviceAccount:", "group:"];

/// Schemes of ids, best first: the best id of a group is the asset's, the others are aliases.
const RANKS: &[&str] = &[
    "model:",
    "serviceAccount:",
    "user:",
    "group:",
    "arn:",
    "//",
    "/subscriptions/",
    "gs://",
    "s3://",
    "k8s://",
    "https://",
    "entra:",
    "models:/",
    "pkg:",
    "service:",
    "oauth-app:",
];
/// What only stands in a file is known best by any other id.
const LAST: &[&str] = &["terraform:", "file:"];

/// Where configurations keep the name that the cloud will know.
const NAMES: &[&str] = &[
    "name",
    "bucket",
    "function_name",
    "agent_name",
    "Name",
    "BucketName",
    "FunctionName",
    "EndpointName",
    "ModelName",
    "TableName",
    "RoleName",
    "AgentName",
    "NotebookInstanceName",
    "DomainName",
    "RepositoryName",
    "ClusterName",
];

/// Makes one asset of each group of ids; what each id that is no more became. O(n log n).
pub(super) fn resolve(inventory: &mut Inventory) -> HashMap<AssetId, AssetId> {
    let groups = Groups::of(inventory);
    let renamed = groups.renamed(inventory);
    // names that nothing bears and no relation uses stay as aliases
    if renamed.keys().any(|id| inventory.mentions(id.as_str())) {
        inventory.rename(&renamed, |id| rank(id.as_str()));
    }
    renamed
}

/// Strong ids by their schemes, at most one of each.
type Strong = Vec<(&'static str, AssetId)>;

/// Union–find over ids; ids that stand alone cost nothing.
struct Groups<'i> {
    inventory: &'i Inventory,
    parents: HashMap<AssetId, AssetId>,
    /// Of a group's root: the strong ids that assets of the group bear, by scheme.
    strong: HashMap<AssetId, Strong>,
    /// Ids that are only other spellings and keep nothing apart.
    spellings: HashSet<AssetId>,
}

impl<'i> Groups<'i> {
    fn of(inventory: &'i Inventory) -> Self {
        let (parents, strong, spellings) = (HashMap::default(), HashMap::default(), HashSet::default());
        let mut groups = Self { inventory, parents, strong, spellings };
        for asset in inventory.assets() {
            for alias in &asset.aliases {
                // an alias of the asset's own scheme is another spelling, not another thing
                let spelling = scheme(alias).is_some() && scheme(alias) == scheme(&asset.id);
                if spelling {
                    groups.spellings.insert(alias.clone());
                }
                groups.join(&asset.id, alias);
            }
        }
        let slashed = inventory.ids().filter_map(|id| Some((id, without_slash(id.as_str())?)));
        let mut slashed: Vec<(&AssetId, &str)> = slashed.collect();
        slashed.sort_unstable();
        for (id, bare) in slashed {
            groups.join(id, &bare.into());
        }
        project_numbers(inventory, &mut groups);
        digests(inventory, &mut groups);
        declared_names(inventory, &mut groups);
        called_names(inventory, &mut groups);
        cluster_names(inventory, &mut groups);
        groups
    }

    /// The root of an id's group. What was passed on the way then points at it, so that long ways are gone once.
    fn root(&mut self, id: &AssetId) -> AssetId {
        let (mut root, mut passed) = (id.clone(), Vec::new());
        while let Some(parent) = self.parents.get(&root) {
            passed.push(std::mem::replace(&mut root, parent.clone()));
        }
        // the last one points at it already
        passed.pop();
        for below in passed {
            self.parents.insert(below, root.clone());
        }
        root
    }

    /// The strong ids of a group, by its root.
    fn strong(&self, root: &AssetId) -> Strong {
        let own = || {
            let scheme = scheme(root)?;
            let kept = !self.spellings.contains(root) && self.inventory.get(root.as_str()).is_some();
            kept.then(|| vec![(scheme, root.clone())])
        };
        self.strong.get(root).cloned().or_else(own).unwrap_or_default()
    }

    fn join(&mut self, one: &AssetId, other: &AssetId) {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return;
        }
        let (mut strong, of_other) = (self.strong(&one), self.strong(&other));
        let known = |scheme: &str| strong.iter().find(|(known, _)| *known == scheme).map(|(_, id)| id);
        if of_other.iter().any(|(scheme, id)| known(scheme).is_some_and(|known| known != id)) {
            return;
        }
        let more: Strong = of_other.into_iter().filter(|(scheme, _)| known(scheme).is_none()).collect();
        strong.extend(more);
        // the smaller id is the root, so that the result does not depend on the order
        let (root, below) = if one < other { (one, other) } else { (other, one) };
        self.strong.remove(&below);
        self.strong.insert(root.clone(), strong);
        self.parents.insert(below, root);
    }

    /// What each id that is not the best of its group becomes.
    fn renamed(mut self, inventory: &Inventory) -> HashMap<AssetId, AssetId> {
        let mut members: BTreeMap<AssetId, Vec<AssetId>> = BTreeMap::new();
        for id in self.parents.keys().cloned().collect::<Vec<_>>() {
            members.entry(self.root(&id)).or_default().push(id);
        }
        let mut renamed = HashMap::default();
        for (root, mut ids) in members {
            ids.push(root);
            // a name that nobody bears and no relation uses is only a name
            let best = ids
                .iter()
                .min_by_key(|id| (rank(id.as_str()), odd(id.as_str()), inventory.get(id.as_str()).is_none(), *id));
            let Some(best) = best.cloned() else { continue };
            renamed.extend(ids.into_iter().filter(|id| *id != best).map(|id| (id, best.clone())));
        }
        renamed
    }
}

fn scheme(id: &AssetId) -> Option<&'static str> {
    STRONG.iter().copied().find(|scheme| id.as_str().starts_with(scheme))
}

fn rank(id: &str) -> usize {
    let place = |schemes: &[&str]| schemes.iter().position(|scheme| id.starts_with(scheme));
    place(RANKS).unwrap_or_else(|| RANKS.len() + place(LAST).map_or(0, |last| last + 1))
}

/// Whether an id is the lesser of two spellings: with a slash at its end, with a number in place of a name.
fn odd(id: &str) -> bool {
    let project = id.split_once("/projects/").and_then(|(_, rest)| rest.split('/').next());
    let numbered = id.strip_prefix("serviceAccount:").is_some_and(|account| !account.contains('@'));
    numbered || id.ends_with('/') || project.is_some_and(|project| project.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A storage address without the slash that some write at its end.
fn without_slash(id: &str) -> Option<&str> {
    if !id.ends_with('/') {
        return None;
    }
    let storage = ["s3://", "gs://", "abfs://", "abfss://", "wasbs://", "hdfs://"].iter().any(|s| id.starts_with(s));
    id.strip_suffix('/').filter(|bare| storage && !bare.ends_with('/'))
}

/// Google names projects by id and by number; an account that names its number as an alias tells which is which.
fn project_numbers(inventory: &Inventory, groups: &mut Groups<'_>) {
    const PROJECTS: &str = "//cloudresourcemanager.googleapis.com/projects/";
    let mut ids: HashMap<&str, &str> = HashMap::default();
    for asset in inventory.assets().filter(|asset| asset.kind == AssetKind::Account) {
        let mut names: Vec<&str> = asset.aliases.iter().filter_map(|id| id.as_str().strip_prefix(PROJECTS)).collect();
        names.extend(asset.id.as_str().strip_prefix(PROJECTS));
        let (numbers, names): (Vec<&str>, Vec<&str>) =
            names.into_iter().partition(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if let ([name], numbers) = (names.as_slice(), numbers) {
            ids.extend(numbers.into_iter().map(|number| (number, *name)));
        }
    }
    if ids.is_empty() {
        return;
    }
    for id in inventory.ids() {
        let named = || {
            let (service, rest) =
                id.as_str().split_once("/projects/").filter(|(service, _)| service.starts_with("//"))?;
            let (number, rest) = rest.split_once('/').map_or((rest, ""), |(number, rest)| (number, rest));
            let project = ids.get(number)?;
            let slash = if rest.is_empty() { "" } else { "/" };
            Some(format!("{service}/projects/{project}{slash}{rest}"))
        };
        if let Some(named) = named() {
            // the two spellings are one id, so they cannot be two things
            groups.spellings.insert(id.clone());
            groups.join(id, &AssetId::from(named));
        }
    }
}

/// The same bytes are the same image of a repository, and a file is the one model that has its bytes.
fn digests(inventory: &Inventory, groups: &mut Groups<'_>) {
    // in order, so that what is refused does not depend on chance
    let mut images: BTreeMap<(&str, &str), Vec<&AssetId>> = BTreeMap::new();
    let mut models: BTreeMap<&str, (Vec<&AssetId>, Vec<&AssetId>)> = BTreeMap::new();
    for asset in inventory.assets() {
        let (id, Some(digest)) = (asset.id.as_str(), asset.provenance.digests.get("sha256")) else { continue };
        match asset.kind {
            AssetKind::ContainerImage => {
                let repository = id.split(['@', '?']).next().unwrap_or_default();
                images.entry((digest, repository)).or_default().push(&asset.id);
            }
            AssetKind::Model | AssetKind::ModelFile => {
                let (files, known) = models.entry(digest).or_default();
                if id.starts_with("file:") { files.push(&asset.id) } else { known.push(&asset.id) }
            }
            _ => {}
        }
    }
    for (first, rest) in images.values().filter_map(|ids| ids.split_first()) {
        rest.iter().for_each(|other| groups.join(first, other));
    }
    // two models that share bytes stay two, and then no file is the one or the other
    for (files, known) in models.values() {
        if let [model] = known.as_slice() {
            files.iter().for_each(|file| groups.join(model, file));
        }
    }
}

/// What Terraform or CloudFormation declares is the resource of that kind and name, if there is only one.
fn declared_names(inventory: &Inventory, groups: &mut Groups<'_>) {
    type Named<'a> = BTreeMap<(AssetKind, &'a str, &'static str), Vec<&'a AssetId>>;
    let (mut real, mut declared): (Named<'_>, Named<'_>) = (BTreeMap::new(), BTreeMap::new());
    if !inventory.assets().any(|asset| cloud_of(asset).is_some()) {
        return;
    }
    for asset in inventory.assets() {
        match cloud_of(asset) {
            Some(cloud) => {
                let name = NAMES.iter().find_map(|key| asset.text(key)).filter(|name| !name.contains(['$', '{']));
                if let Some(name) = name {
                    declared.entry((asset.kind, name, cloud)).or_default().push(&asset.id);
                }
            }
            None => {
                let cloud = STRONG.iter().copied().find(|scheme| asset.id.as_str().starts_with(scheme));
                if let Some(cloud) = cloud.filter(|_| asset.kind != AssetKind::Resource) {
                    real.entry((asset.kind, &asset.name, cloud)).or_default().push(&asset.id);
                }
            }
        }
    }
    for (key, declared) in &declared {
        if let ([one], Some([other])) = (declared.as_slice(), real.get(key).map(Vec::as_slice)) {
            groups.join(one, other);
        }
    }
}

/// Code calls some services by a bare name; it is the one resource of that type and name, if there is only one.
fn called_names(inventory: &Inventory, groups: &mut Groups<'_>) {
    const CALLED: &[(&str, &str)] = &[
        ("sagemaker-endpoint:", ":endpoint/"),
        ("bedrock-agent:", ":agent/"),
        ("bedrock-knowledge-base:", ":knowledge-base/"),
        ("bedrock-guardrail:", ":guardrail/"),
    ];
    for (scheme, part) in CALLED {
        let names = inventory.assets().filter_map(|asset| Some((asset.id.as_str().strip_prefix(scheme)?, &asset.id)));
        let mut called: HashMap<&str, (&AssetId, Vec<&AssetId>)> = names.map(|(n, id)| (n, (id, Vec::new()))).collect();
        if called.is_empty() {
            continue;
        }
        for asset in inventory.assets().filter(|asset| asset.id.as_str().starts_with("arn:")) {
            let name = asset.id.as_str().split_once(part).map(|(_, name)| name);
            if let Some((_, real)) = name.and_then(|name| called.get_mut(name)) {
                real.push(&asset.id);
            }
        }
        let mut pairs: Vec<_> = called.into_values().collect();
        pairs.sort_unstable();
        for (id, real) in pairs {
            if let [one] = real.as_slice() {
                groups.join(id, one);
            }
        }
    }
}

/// `http://NAME.NAMESPACE.svc:80/v1` is the Kubernetes Service of that name, if one cluster only has it.
fn cluster_names(inventory: &Inventory, groups: &mut Groups<'_>) {
    let addressed = inventory.assets().filter_map(|asset| Some((&asset.id, service_of(asset.id.as_str())?)));
    let addressed: Vec<_> = addressed.collect();
    if addressed.is_empty() {
        return;
    }
    let mut services: HashMap<(&str, &str), Vec<&AssetId>> = HashMap::default();
    for asset in inventory.assets().filter(|asset| asset.text("kubernetes_kind") == Some("Service")) {
        if let Some(namespace) = asset.text("namespace") {
            services.entry((&asset.name, namespace)).or_default().push(&asset.id);
        }
    }
    for (id, service) in addressed {
        if let Some([one]) = services.get(&service).map(Vec::as_slice) {
            groups.join(id, one);
        }
    }
}

/// Name and namespace of the Service that an address inside a cluster names.
fn service_of(address: &str) -> Option<(&str, &str)> {
    let (_, rest) = address.split_once("://").filter(|_| !address.starts_with("k8s://"))?;
    let host = rest.split(['/', ':', '?', '#']).next()?;
    let host = host.strip_suffix(".cluster.local").unwrap_or(host).strip_suffix(".svc")?;
    host.split_once('.').filter(|(_, namespace)| !namespace.contains('.'))
}

/// For an asset that only a configuration knows: the scheme of the ids that its cloud gives. A name in
/// Kubernetes is one thing in each namespace only, so there it joins nothing.
fn cloud_of(asset: &Asset) -> Option<&'static str> {
    let id = asset.id.as_str();
    if !LAST.iter().any(|scheme| id.starts_with(scheme)) {
        return None;
    }
    let kind = asset.text("terraform_type").or_else(|| asset.text("cloudformation_type"))?;
    let clouds = [("aws_", "arn:"), ("AWS::", "arn:"), ("azurerm_", "/subscriptions/"), ("google_", "//")];
    clouds.iter().find(|(prefix, _)| kind.starts_with(prefix)).map(|(_, scheme)| *scheme)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Evidence, Relation, RelationKind};

    const ARN: &str = "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/e";

    fn seen(id: &str, kind: AssetKind, name: &str, file: &str) -> Asset {
        Asset::new(id, kind, name).seen(Evidence::file(file))
    }

    #[test]
    fn five_exports_of_one_endpoint() {
        let mut inventory = Inventory::new();
        let url = "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/e/invocations";
        inventory.add(seen(ARN, AssetKind::Endpoint, "e", "describe.json").alias(url));
        inventory.add(seen(ARN, AssetKind::Endpoint, "e", "config.json"));
        inventory.add(seen(url, AssetKind::Endpoint, "e", "trace.jsonl").with("calls", 3));
        let declared = seen("file:main.tf#aws_sagemaker_endpoint.x", AssetKind::Endpoint, "x", "main.tf");
        inventory.add(declared.with("terraform_type", "aws_sagemaker_endpoint").with("name", "e"));
        inventory.relate(Relation::new("service:app", RelationKind::Invokes, url));
        inventory.add(seen("sagemaker-endpoint:e", AssetKind::Endpoint, "e", "app.py"));
        inventory.relate(Relation::new("bom", RelationKind::Uses, ARN));
        let renamed = resolve(&mut inventory);
        assert_eq!(renamed.len(), 3);
        assert_eq!(inventory.len(), 1);
        let endpoint = inventory.get(ARN).unwrap();
        assert_eq!((endpoint.evidence.len(), endpoint.aliases.len()), (5, 3));
        assert!(endpoint.properties.contains_key("calls") && endpoint.properties.contains_key("terraform_type"));
        assert_eq!(inventory.incoming(ARN).count(), 2);
    }

    #[test]
    fn two_things_stay_two() {
        let mut inventory = Inventory::new();
        let other = ARN.replace("/e", "/f");
        inventory.add(seen(ARN, AssetKind::Endpoint, "same", "a").alias("https://shared.example.com"));
        inventory.add(seen(&other, AssetKind::Endpoint, "same", "b").alias("https://shared.example.com"));
        let declared = seen("file:m.tf#aws_sagemaker_endpoint.x", AssetKind::Endpoint, "x", "m.tf");
        inventory.add(declared.with("terraform_type", "aws_sagemaker_endpoint").with("name", "same"));
        resolve(&mut inventory);
        assert_eq!(inventory.len(), 3);
    }

    #[test]
    fn digests_numbers_and_slashes() {
        let mut inventory = Inventory::new();
        let digest = |mut asset: Asset, hex: &str| {
            asset.provenance.digests.insert("sha256".into(), hex.into());
            asset
        };
        inventory.add(digest(seen("file:m.safetensors", AssetKind::ModelFile, "m", "m"), "aa"));
        inventory.add(digest(seen("pkg:generic/m@1", AssetKind::Model, "m", "bom.json"), "aa"));
        inventory.add(digest(seen("file:copy.safetensors", AssetKind::ModelFile, "m", "copy"), "bb"));
        let project = "//cloudresourcemanager.googleapis.com/projects/acme";
        let number = "//cloudresourcemanager.googleapis.com/projects/42";
        inventory.add(seen(project, AssetKind::Account, "acme", "p.json").alias(number));
        inventory.add(seen("//aiplatform.googleapis.com/projects/42/models/1", AssetKind::Model, "m", "a"));
        inventory.add(seen("//aiplatform.googleapis.com/projects/acme/models/1", AssetKind::Model, "m", "b"));
        inventory.add(seen("s3://b/k/", AssetKind::Dataset, "k", "a"));
        inventory.relate(Relation::new("job", RelationKind::Reads, "s3://b/k"));
        resolve(&mut inventory);
        let ids: Vec<&str> = inventory.assets().map(|asset| asset.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "//aiplatform.googleapis.com/projects/acme/models/1",
                project,
                "file:copy.safetensors",
                "pkg:generic/m@1",
                "s3://b/k",
            ]
        );
        assert_eq!(inventory.incoming("s3://b/k").count(), 1);
    }

    #[test]
    fn an_address_inside_the_cluster_is_its_service() {
        let mut inventory = Inventory::new();
        let service = "k8s://cluster/help/Service/chat";
        let described = seen(service, AssetKind::Endpoint, "chat", "s.yaml").with("kubernetes_kind", "Service");
        inventory.add(described.with("namespace", "help"));
        inventory.add(seen("http://chat.help.svc:80/v1", AssetKind::Endpoint, "chat.help.svc", "app.py"));
        inventory.add(seen("http://chat.other.svc/v1", AssetKind::Endpoint, "chat.other.svc", "app.py"));
        resolve(&mut inventory);
        assert_eq!((inventory.len(), inventory.get(service).unwrap().evidence.len()), (2, 2));
        assert_eq!(service_of("https://a.b.svc.cluster.local:6333"), Some(("a", "b")));
        assert_eq!(service_of("https://api.example.com/a.b.svc"), None);
    }

    #[test]
    fn two_models_of_the_same_bytes_stay_two() {
        let mut inventory = Inventory::new();
        for id in ["file:m.bin", "https://huggingface.co/acme/m", "https://huggingface.co/copycat/m"] {
            let mut asset = seen(id, AssetKind::Model, "m", id);
            asset.provenance.digests.insert("sha256".into(), "aa".into());
            inventory.add(asset);
        }
        resolve(&mut inventory);
        assert_eq!(inventory.len(), 3);
    }

    #[test]
    fn long_chains_of_aliases_take_no_longer() {
        let mut inventory = Inventory::new();
        for n in 0..30_000 {
            let asset = seen(&format!("b{n:06}"), AssetKind::Endpoint, "x", "f");
            inventory.add(asset.alias("b000000").alias(format!("a{:06}", 900_000 - n)));
        }
        resolve(&mut inventory);
        assert_eq!(inventory.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn resolving_is_stable_and_keeps_all_evidence(
            entries in proptest::collection::vec((0..8_usize, 0..8_usize), 1..12),
        ) {
            let ids = ["arn:a", "arn:b", "https://x", "file:f", "s3://b/k/", "s3://b/k", "k8s://c/n/Pod/p", "service:s"];
            let mut inventory = Inventory::new();
            for (n, (id, alias)) in entries.iter().enumerate() {
                inventory.add(seen(ids[*id], AssetKind::Endpoint, "x", &n.to_string()).alias(ids[*alias]));
                inventory.relate(Relation::new(ids[*id], RelationKind::Uses, ids[*alias]));
            }
            resolve(&mut inventory);
            let evidence: usize = inventory.assets().map(|asset| asset.evidence.len()).sum();
            proptest::prop_assert_eq!(evidence, entries.len());
            let once = inventory.clone();
            resolve(&mut inventory);
            proptest::prop_assert_eq!(once, inventory);
        }
    }
}
