//! The last look at what is kept: no credential stands in an id, a property or an excerpt, whichever reader kept it.
//!
//! Readers leave secrets out where they know them by their field. This knows them by how they are written: a password
//! in a URL, a signature in a query, the word after `--api-key`, a bearer token, a literal given to `api_key`.

use std::collections::HashMap;
use std::sync::LazyLock;

use rayon::prelude::*;
use regex::{Captures, Regex};
use serde_json::{Map, Value};

use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Fields whose text is a secret in every format; letters only, lower case.
const FIELDS: &[&str] = &[
    "password",
    "passwd",
    "apikey",
    "accesstoken",
    "authtoken",
    "hftoken",
    "clientsecret",
    "privatekey",
    "secretstring",
    "secretaccesskey",
    "accountkey",
];

/// Where an asset that is a secret, or makes one, keeps its value.
const VALUES: &[&str] =
    &["data", "stringData", "string_data", "binaryData", "binary_data", "value", "result", "bcrypt_hash"];

/// Credentials in a URL: before its host, and in its query.
static USER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"://[^\s/?#@"'<>]*:[^\s/?#"'<>]+@|(https?://)[^\s/?#@"'<>:]+@"#).ok());
static QUERY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)([?&;](?:[a-z-]*(?:signature|credential|token|secret|password|passwd)|sig|pwd|(?:[a-z]+[_-]?)?key|auth)=)[^\s&;"'#<>*]+"#,
    )
    .ok()
});
/// A literal after a flag, a quoted or upper-case name, or in a connection string; references are left.
static GIVEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"((?:^|\s|["'])--?(?i:[a-z_-]*(?:key|token|secret|password|passwd|credential))(?:=|\s+)["']?)[^\s"'${<*-][^\s"']*"#,
        r#"|(\b(?i:\w*(?:api_?key|token|secret|password|passwd|access_?key))["']?\]?\s*(?:[:=]|=>)\s*["'])[^\s"'${<*][^"']*"#,
        r#"|(\b(?:[A-Z0-9_]+_)?(?:KEY|TOKEN|SECRET|PASSWORD)=)[^\s"'${<*][^\s"']*"#,
        r#"|((?i:\b(?:password|pwd|accountkey|sharedaccesskey|sharedaccesssignature)\s*=\s*))[^\s;"'${<*(][^;"'\s()\[\].]*(?:[;"'\s]|$)"#,
        r#"|(\b(?i:bearer|basic)\s+)[A-Za-z0-9._~+/=-]*[0-9][A-Za-z0-9._~+/=-]*"#,
    ))
    .ok()
});
/// A flag whose value is the next argument.
static FLAG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^--?(?i:[a-z_-]*(?:key|token|secret|password|passwd|credential))$").ok());

/// Takes credentials out of everything that an inventory holds. Linear in its text.
pub(super) fn conceal(inventory: &mut Inventory) {
    let clean: HashMap<AssetId, AssetId> =
        inventory.ids().filter_map(|id| Some((id.clone(), AssetId::from(url(id.as_str())?)))).collect();
    if !clean.is_empty() {
        inventory.rename(&clean, |_| 0);
    }
    inventory.assets_mut().par_bridge().for_each(asset);
    inventory.relations_mut().par_bridge().for_each(|relation| places(&mut relation.evidence));
}

fn asset(asset: &mut Asset) {
    if asset.aliases.iter().any(|alias| url(alias.as_str()).is_some()) {
        asset.aliases = std::mem::take(&mut asset.aliases).into_iter().map(concealed).collect();
        asset.aliases.remove(&asset.id);
    }
    let made = asset.text("terraform_type").is_some_and(|kind| kind.starts_with("random_password"));
    if asset.kind == AssetKind::Secret || made || asset.text("type").is_some_and(|kind| kind.ends_with("/secrets")) {
        asset.properties.iter_mut().filter(|(key, _)| VALUES.contains(&key.as_str())).for_each(|(_, value)| all(value));
    }
    asset.properties.iter_mut().for_each(|(key, value)| field(key, value));
    let provenance = &mut asset.provenance;
    let texts = [&mut provenance.source, &mut provenance.version, &mut provenance.publisher, &mut asset.purpose];
    texts.into_iter().flatten().chain([&mut asset.name]).for_each(text);
    places(&mut asset.evidence);
    asset.owner_claims.iter_mut().for_each(|claim| places(&mut claim.evidence));
    asset.external_findings.iter_mut().for_each(|finding| {
        text(&mut finding.title);
        places(&mut finding.evidence);
    });
}

fn identifier(id: &mut AssetId) {
    if let Some(clean) = url(id.as_str()) {
        *id = clean.into();
    }
}

fn concealed(mut id: AssetId) -> AssetId {
    identifier(&mut id);
    id
}

fn places(evidence: &mut [Evidence]) {
    evidence.iter_mut().for_each(text_of);
}

fn text_of(place: &mut Evidence) {
    place.excerpt.iter_mut().for_each(text);
}

fn field(key: &str, value: &mut Value) {
    match value {
        Value::String(written) => {
            let literal = !written.is_empty() && !written.starts_with(['$', '{', '@', '(', '*', '<']);
            if literal && !written.starts_with("arn:") && names_secret(key) {
                HIDDEN.clone_into(written);
            } else {
                text(written);
            }
        }
        Value::Array(list) => {
            let mut hide = false;
            for item in list {
                let after = std::mem::take(&mut hide);
                match item {
                    Value::String(word) if after && !word.starts_with(['$', '{', '-']) => HIDDEN.clone_into(word),
                    Value::String(word) => hide = FLAG.as_ref().is_some_and(|flag| flag.is_match(word)),
                    _ => {}
                }
                field("", item);
            }
        }
        Value::Object(map) => object(map),
        _ => {}
    }
}

fn object(map: &mut Map<String, Value>) {
    map.iter_mut().for_each(|(key, value)| field(key, value));
}

fn names_secret(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    FIELDS.iter().any(|field| letters.ends_with(field))
}

/// Hides every text in a value.
fn all(value: &mut Value) {
    match value {
        Value::String(text) if !text.starts_with(['$', '(']) => HIDDEN.clone_into(text),
        Value::Array(list) => list.iter_mut().for_each(all),
        Value::Object(map) => map.values_mut().for_each(all),
        _ => {}
    }
}

fn text(written: &mut String) {
    if let Some(clean) = url(written) {
        *written = clean;
    }
    // most texts have nothing that a secret is written with
    let may = written.bytes().any(|byte| matches!(byte, b'=' | b'"' | b'\''))
        || ["--", "earer ", "asic "].iter().any(|sign| written.contains(sign));
    if let Some(clean) = may.then(|| hide(&GIVEN, written)).flatten() {
        *written = clean;
    }
}

/// A text without the credentials in its URLs, if it has any.
fn url(written: &str) -> Option<String> {
    let user = written.contains('@') && written.contains("://");
    let bare = user.then(|| strip(&USER, written)).flatten();
    let seen = bare.as_deref().unwrap_or(written);
    let quiet = (seen.contains('=') && seen.contains(['?', '&', ';'])).then(|| hide(&QUERY, seen)).flatten();
    quiet.or(bare)
}

fn strip(pattern: &Option<Regex>, text: &str) -> Option<String> {
    let pattern = pattern.as_ref()?;
    let scheme = |found: &Captures<'_>| found.get(1).map_or("://", |scheme| scheme.as_str()).to_owned();
    pattern.is_match(text).then(|| pattern.replace_all(text, scheme).into_owned())
}

/// Replaces what follows the group that matched.
fn hide(pattern: &Option<Regex>, text: &str) -> Option<String> {
    let pattern = pattern.as_ref()?;
    let hidden = |found: &Captures<'_>| {
        let before = found.iter().skip(1).flatten().next().map_or("", |group| group.as_str());
        format!("{before}{HIDDEN}")
    };
    pattern.is_match(text).then(|| pattern.replace_all(text, hidden).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::asset::{Relation, RelationKind};

    fn clean(written: &str) -> String {
        let mut written = written.to_owned();
        text(&mut written);
        let once = written.clone();
        text(&mut written);
        assert_eq!(once, written);
        once
    }

    #[test]
    fn secrets_by_how_they_are_written() {
        for (written, expected) in [
            ("postgres://u:p4ss@db.acme.example:5432/d", "postgres://db.acme.example:5432/d"),
            ("git+https://ghp_x1@github.com/acme/a.git", "git+https://github.com/acme/a.git"),
            (
                "https://a.example/m.bin?v=1&X-Amz-Signature=ab12&sig=cd",
                "https://a.example/m.bin?v=1&X-Amz-Signature=***&sig=***",
            ),
            ("curl https://a.example/v1?api_key=abc", "curl https://a.example/v1?api_key=***"),
            ("python a.py --key abc1 --max-tokens 5", "python a.py --key *** --max-tokens 5"),
            ("--api-key=abc1", "--api-key=***"),
            (r#"llm = Chat(model="m", api_key="abc1")"#, r#"llm = Chat(model="m", api_key="***")"#),
            (r#"os.environ["OPENAI_API_KEY"]="abc1""#, r#"os.environ["OPENAI_API_KEY"]="***""#),
            (r#"{Authorization:"Bearer abc123"}"#, r#"{Authorization:"Bearer ***"}"#),
            ("Server=h;Password=abc1", "Server=h;Password=***"),
            ("export HF_TOKEN=abc1 && run", "export HF_TOKEN=*** && run"),
        ] {
            assert_eq!(clean(written), expected);
        }
        for kept in [
            "git+ssh://git@github.com/acme/a.git",
            "abfss://box@acme.dfs.core.windows.net/a",
            "https://acme.example:8080/a@b?version=1&page_size=2",
            "--api-key $KEY --tokenizer acme/t",
            "api_key=os.environ[\"KEY\"]",
            "api_key: ${{ secrets.KEY }}",
            "password = var.password",
            "bearer authentication",
            "max_tokens=\"5\"",
        ] {
            assert_eq!(clean(kept), kept);
        }
    }

    #[test]
    fn an_inventory_keeps_names_and_no_values() {
        let id = "https://u:canary@m.example/a?sig=canary";
        let mut inventory = Inventory::new();
        let properties = json!({"args": ["--api-key", "canary", "--model", "m"], "hf_token": "canary", "n": [{"password": "canary"}]});
        let place = Evidence::file("f").excerpt("token = 'canary'");
        inventory.add(Asset::new(id, AssetKind::Model, "a?sig=canary").with("p", properties).seen(place.clone()));
        inventory.add(Asset::new("k", AssetKind::Secret, "k").with("data", json!({"a": "canary"})));
        inventory.relate(Relation::new("app", RelationKind::Uses, id).seen(place));
        conceal(&mut inventory);
        assert!(!serde_json::to_string(&inventory).unwrap().contains("canary"), "{inventory:?}");
        assert_eq!(inventory.get("k").unwrap().properties["data"], json!({"a": "***"}));
        assert_eq!(inventory.incoming("https://m.example/a?sig=***").count(), 1);
        assert_eq!(inventory.get("https://m.example/a?sig=***").unwrap().properties["p"]["args"][3], "m");
    }
}
