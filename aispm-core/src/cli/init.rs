//! `aispm init`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use super::{Exit, written};
use crate::asset::{Asset, AssetKind, Inventory, Relation, RelationKind, Result};
use crate::discover::declared::Facts;
use crate::discover::discover;

/// Draft aispm.yaml from what is found
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let discovery = discover(&self.paths);
        let read_nothing = discovery.files.is_empty() && !discovery.incomplete.is_empty();
        let text = draft(&discovery.inventory);
        // what we print must be what we read
        Facts::from_yaml("aispm.yaml", &text)?;
        let mut out = super::output(self.output.as_ref())?;
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(written)?;
        Ok(if read_nothing { Exit::Unreliable } else { Exit::Clean })
    }
}

/// Words in names that suggest a class of data.
const HINTS: &[(&str, &str)] = &[
    ("customer", "customer"),
    ("client", "customer"),
    ("crm", "customer"),
    ("ticket", "customer"),
    ("user", "personal"),
    ("employee", "personal"),
    ("personal", "personal"),
    ("patient", "health"),
    ("health", "health"),
    ("medical", "health"),
    ("payment", "payment"),
    ("card", "payment"),
    ("invoice", "payment"),
    ("secret", "credentials"),
    ("credential", "credentials"),
    ("confidential", "confidential"),
    ("public", "public"),
];

/// `aispm.yaml` with what can be guessed filled in and the rest as comments to complete.
fn draft(inventory: &Inventory) -> String {
    let mut lines =
        vec!["# What no export can say. Complete what is commented out, delete what does not fit.".to_owned()];
    let systems = systems(inventory);
    if !systems.is_empty() {
        lines.push("systems:".to_owned());
    }
    for (id, members) in &systems {
        lines.push(format!("  - id: {}", quoted(id)));
        let known = |field: fn(&Asset) -> Option<&String>| {
            members.iter().find_map(|id| field(inventory.get(id)?)).map(String::as_str)
        };
        lines.push(field("owner", known(|asset| asset.owner.as_ref()), "who answers for it"));
        lines.push(field("purpose", known(|asset| asset.purpose.as_ref()), "what it is for"));
        lines.push("    # risk_class: prohibited, high, limited or minimal (EU AI Act)".to_owned());
        lines.push("    members:".to_owned());
        lines.extend(members.iter().map(|member| format!("      - {}", quoted(member))));
    }
    let stores = inventory.assets().filter(|asset| asset.kind.is_data() && asset.kind != AssetKind::Secret);
    let stores = stores.filter(|asset| asset.data_classes.is_empty()).collect::<Vec<_>>();
    if !stores.is_empty() {
        lines.push(
            "\n# Classes: personal, customer, health, payment, credentials, confidential, internal, public".to_owned(),
        );
        lines.push("assets:".to_owned());
    }
    for store in stores {
        lines.push(format!("  - id: {}", quoted(store.id.as_str())));
        let guess = guess(store);
        let comment = if guess.is_empty() { "# " } else { "" };
        let note = if guess.is_empty() { "" } else { " # guessed from its name" };
        lines.push(format!("    {comment}data_classes: [{}]{note}", guess.join(", ")));
    }
    let providers = names(inventory, AssetKind::AiProvider);
    let servers = names(inventory, AssetKind::McpServer);
    lines.push("\n# Lists that rules ask for; remove the comment signs and what you do not approve.".to_owned());
    lines.push("# params:".to_owned());
    lines.push(format!("#   approved_providers: [{}]", providers.join(", ")));
    lines.push(format!("#   mcp_allow: [{}]", servers.join(", ")));
    lines.push("# lineage:\n#   - { from: MODEL, kind: trained_on, to: DATASET }".to_owned());
    lines.push("# approvals:\n#   - { asset: ID, by: NAME, until: YYYY-MM-DD }\n".to_owned());
    lines.join("\n")
}

/// Guessed systems: what serves or uses models, together with what stands before it and what it is made from. Each
/// asset is in one system; those that share a part are one. Named for the first application, agent or endpoint.
fn systems(inventory: &Inventory) -> BTreeMap<String, BTreeSet<String>> {
    let is_head = |asset: &Asset| {
        let heads = matches!(
            asset.kind,
            AssetKind::Application | AssetKind::Agent | AssetKind::Endpoint | AssetKind::Workload | AssetKind::Function
        );
        let serves = || inventory.outgoing(asset.id.as_str()).any(|relation| relation.kind == RelationKind::Serves);
        heads && (asset.ai || asset.properties.contains_key("model_server") || serves())
    };
    let mut taken = BTreeSet::<String>::new();
    let mut systems = BTreeMap::new();
    for head in inventory.assets().filter(|asset| is_head(asset)) {
        if taken.contains(head.id.as_str()) {
            continue;
        }
        let members = connected(inventory, head.id.as_str(), &taken);
        taken.extend(members.iter().cloned());
        let mut id = slug(&head.name);
        while systems.contains_key(&id) {
            id.push_str("-2");
        }
        systems.insert(id, members);
    }
    systems
}

/// What is joined to an asset by serving, exposing, tools and lineage, in both directions.
fn connected(inventory: &Inventory, start: &str, taken: &BTreeSet<String>) -> BTreeSet<String> {
    let joins = |kind: RelationKind| {
        use RelationKind::{DerivedFrom, Exposes, HasTool, Invokes, RetrievesFrom, Serves, TrainedOn};
        matches!(kind, Serves | Exposes | HasTool | Invokes | RetrievesFrom | TrainedOn | DerivedFrom)
    };
    let mut members = BTreeSet::new();
    let mut queue = vec![start.to_owned()];
    while let Some(id) = queue.pop() {
        // the internet and places that nothing describes are nobody's members
        let Some(asset) = inventory.get(&id) else { continue };
        if asset.kind == AssetKind::NetworkEntry || taken.contains(&id) || !members.insert(id.clone()) {
            continue;
        }
        // a program holds its parts together; an account, cluster or bucket does not
        let whole =
            |id: &str| inventory.get(id).is_some_and(|a| matches!(a.kind, AssetKind::Application | AssetKind::Agent));
        let joined = |r: &&Relation| joins(r.kind) || (r.kind == RelationKind::Contains && whole(r.from.as_str()));
        let outgoing = inventory.outgoing(&id).filter(joined).map(|r| r.to.to_string());
        let incoming = inventory.incoming(&id).filter(joined).map(|r| r.from.to_string());
        queue.extend(outgoing.chain(incoming));
    }
    members
}

fn guess(store: &Asset) -> Vec<&'static str> {
    let name = format!("{} {}", store.id, store.name).to_lowercase();
    let classes = HINTS.iter().filter(|(word, _)| name.contains(word)).map(|(_, class)| *class);
    let classes = classes.collect::<BTreeSet<_>>();
    // a name that says both is not to be trusted on `public`
    let sensitive = classes.iter().any(|class| *class != "public");
    classes.into_iter().filter(|class| !sensitive || *class != "public").collect()
}

fn names(inventory: &Inventory, kind: AssetKind) -> Vec<String> {
    let of_kind = inventory.assets().filter(|asset| asset.kind == kind);
    of_kind.map(|asset| quoted(&asset.name)).collect::<BTreeSet<_>>().into_iter().collect()
}

fn field(name: &str, known: Option<&str>, hint: &str) -> String {
    known.map_or_else(|| format!("    # {name}: {hint}"), |value| format!("    {name}: {}", quoted(value)))
}

/// A YAML string: JSON's quoting, which YAML reads.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Lower-case words joined by hyphens.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    if slug.is_empty() { "system".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draft_is_valid_and_groups_what_belongs_together() {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("k8s://c/n/Service/chat", AssetKind::Endpoint, "Chat bot").ai());
        inventory
            .add(Asset::new("k8s://c/n/Deployment/chat", AssetKind::Workload, "chat").with("model_server", "vllm"));
        inventory.add(Asset::new("m\"1", AssetKind::Model, "m"));
        inventory.add(Asset::new("arn:aws:s3:::customer-records", AssetKind::Bucket, "customer-records"));
        inventory.add(Asset::new("arn:aws:s3:::logs", AssetKind::Bucket, "logs"));
        inventory.relate(Relation::new("k8s://c/n/Service/chat", RelationKind::Exposes, "k8s://c/n/Deployment/chat"));
        inventory.relate(Relation::new("k8s://c/n/Deployment/chat", RelationKind::Serves, "m\"1"));
        inventory.relate(Relation::new("internet", RelationKind::Exposes, "k8s://c/n/Service/chat"));
        let facts = Facts::from_yaml("aispm.yaml", &draft(&inventory)).unwrap();
        assert_eq!(facts.systems.len(), 1);
        assert_eq!(facts.systems[0].members, ["k8s://c/n/Deployment/chat", "k8s://c/n/Service/chat", "m\"1"]);
        assert_eq!(facts.apply(&mut inventory), [""; 0]);
        let classes = |id: &str| inventory.get(id).unwrap().data_classes.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(classes("arn:aws:s3:::customer-records"), ["customer"]);
        assert!(classes("arn:aws:s3:::logs").is_empty());
    }

    #[test]
    fn an_empty_estate_gives_a_draft_without_facts() {
        assert_eq!(Facts::from_yaml("f", &draft(&Inventory::new())).unwrap(), Facts::default());
    }
}
