//! SQL that makes tables with vectors, as pgvector has them.

use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::format::Textual;

pub(super) const PGVECTOR: Textual = Textual {
    name: "pgvector",
    critical: false,
    matches: |source| {
        source.has_extension(&["sql", "ddl"]) && {
            let text = source.text.to_ascii_lowercase();
            text.contains("create table") && text.contains("vector(")
        }
    },
    read: |source, found| {
        let mut table: Option<String> = None;
        for (line, text) in (1..).zip(source.text.lines()) {
            let lower = text.to_ascii_lowercase();
            // comments and texts are not told apart: a table with a vector is rarely named in one
            if let Some((_, rest)) = lower.split_once("create table ") {
                let name = rest.trim_start().trim_start_matches("if not exists ");
                let name = name.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
                table = Some(name.replace('"', "")).filter(|name| !name.is_empty());
            }
            let typed = lower
                .split(|c: char| c.is_whitespace() || c == ',' || c == '.')
                .any(|word| word.starts_with("vector(") || word.starts_with("halfvec("));
            if let Some(name) = table.as_deref().filter(|_| typed) {
                let evidence = source.line(line).excerpt(text);
                let store =
                    Asset::new(format!("pgvector:{name}"), AssetKind::VectorStore, name).with("product", "pgvector");
                found.relate(&format!("file:{}", source.path), RelationKind::Contains, store.id.as_str(), &evidence);
                found.inventory.add(store.seen(evidence));
            }
            if text.contains(';') {
                table = None;
            }
        }
        Ok(())
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::format::{Found, Source};

    #[test]
    fn tables_with_vectors() {
        let text = "CREATE EXTENSION vector;\nCREATE TABLE IF NOT EXISTS docs (\n  id int,\n  embedding vector(1536)\n);\nCREATE TABLE plain (id int);\n";
        let source = Source { path: "s.sql", text };
        assert!((PGVECTOR.matches)(&source));
        let mut found = Found::default();
        (PGVECTOR.read)(&source, &mut found).unwrap();
        let stores: Vec<_> = found.inventory.assets().map(|a| (a.id.as_str(), a.evidence[0].line)).collect();
        assert_eq!(stores, [("pgvector:docs", Some(4))]);
    }
}
