//! Credentials that stand in AI-related files: each is an `access-key` asset with `hardcoded: true`, named by the rule
//! that knows it. Its value is nowhere kept.

use memchr::memchr_iter;

use super::Found;
use crate::asset::{Asset, AssetKind, Evidence, Match, RelationKind, Severity};
use crate::text::sensitive::Sensitive;

/// Longest file looked at, bytes; code and configuration are shorter.
const SIZE_LIMIT: usize = 4 << 20;

/// Adds the credentials in a file that gave AI assets. Linear in the text.
pub(super) fn read(path: &str, text: &str, found: &mut Found) {
    if text.len() > SIZE_LIMIT || !found.inventory.assets().any(|asset| asset.ai) {
        return;
    }
    let mut matches: Vec<Match> = Vec::new();
    Sensitive::builtin().find_secrets(text, &mut matches);
    matches.retain(|m| m.severity >= Severity::High);
    matches.sort_by_key(|m| m.start);
    let mut line_ends = memchr_iter(b'\n', text.as_bytes()).peekable();
    let mut line = 1;
    let holder = found.inventory.assets().find(|asset| asset.ai).map(|asset| asset.id.clone());
    for m in matches {
        while line_ends.next_if(|end| *end < m.start).is_some() {
            line += 1;
        }
        let id = format!("file:{path}#{}", m.kind);
        let evidence = Evidence::file(path).line(line).excerpt(format!("a credential: {}", m.kind));
        let key = Asset::new(&id, AssetKind::AccessKey, m.kind.clone()).with("hardcoded", true);
        found.inventory.add(key.seen(evidence.clone()));
        if let Some(holder) = &holder {
            found.relate(holder.as_str(), RelationKind::Uses, &id, &evidence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_beside_ai_is_an_asset_without_its_value() {
        let secret = format!("sk-proj-{}T3BlbkFJ{}", "Zx8kQw3rTn5vLp7sHd2m", "Yc4gBf6jWq9eRa1uKs0t");
        let text = format!("import openai\n\nclient = openai.OpenAI(api_key=\"{secret}\")\n");
        let mut found = Found::default();
        found.inventory.add(Asset::new("app", AssetKind::Application, "app").ai());
        read("app.py", &text, &mut found);
        let key = found.inventory.assets().find(|asset| asset.kind == AssetKind::AccessKey).unwrap();
        assert_eq!((key.evidence[0].line, key.properties["hardcoded"].as_bool()), (Some(3), Some(true)));
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("Zx8kQw3r"));
    }

    #[test]
    fn placeholders_and_files_without_ai_are_left_alone() {
        let mut found = Found::default();
        read("a.py", "password = \"Zx8kQw3rTn5vLp7sHd2m\"", &mut found);
        assert!(found.inventory.is_empty());
        found.inventory.add(Asset::new("app", AssetKind::Application, "app").ai());
        read("a.py", "api_key = os.environ[\"OPENAI_API_KEY\"]\ntoken = \"<your token>\"\n", &mut found);
        assert_eq!(found.inventory.len(), 1);
    }
}
