//! `.env` files: which AI services their variables are for. Values are never kept.

use super::format::{Found, Source, Textual};
use super::model_ref;
use super::package::project;
use crate::asset::{Error, RelationKind};

pub(super) const TEXTS: &[Textual] = &[DOTENV];

const DOTENV: Textual = Textual {
    name: "dotenv",
    critical: false,
    matches: |source| source.name() == ".env" || source.name().starts_with(".env.") || source.has_extension(&["env"]),
    read,
};

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let tables = found.tables.clone();
    for (i, line) in source.text.lines().enumerate() {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let name = name.trim();
        let host = || model_ref::host(value.trim().trim_matches(['"', '\'']).split_once("://")?.1);
        let provider = tables.provider_by_env(name).or_else(|| tables.provider_by_host(&host()?));
        if let Some(provider) = provider {
            let evidence = source.line(i as u64 + 1).excerpt(name);
            let (owner, asset) = (project(source.path, found), provider.asset());
            found.relate(owner.id.as_str(), RelationKind::Uses, asset.id.as_str(), &evidence);
            found.inventory.add(owner.seen(evidence.clone()));
            found.inventory.add(asset.seen(evidence));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_but_never_values() {
        let text =
            "# ANTHROPIC_API_KEY=x\nexport OPENAI_API_KEY=hunter2\nPORT=1\nBASE=\"https://api.groq.com/openai\"\n";
        let mut found = Found::default();
        read(&Source { path: "p/.env", text }, &mut found).unwrap();
        let ids: Vec<&str> = found.inventory.assets().map(|asset| asset.id.as_str()).collect();
        assert_eq!(ids, ["ai-provider:groq", "ai-provider:openai", "file:p"]);
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hunter2"));
    }
}
