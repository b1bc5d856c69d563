//! Terraform configuration, as written: the heads of `resource` and `data` blocks and their plain attributes. What
//! values become is only known to Terraform: `terraform show -json` gives more.

use serde_json::Value;

use super::catalog::catalog;
use super::code::lexer::{Kind, Language, Token, tokens};
use super::format::{Found, Source, Textual};
use super::{model_ref, terraform};
use crate::asset::{Asset, AssetKind, Error, RelationKind};

pub(super) const TEXTS: &[Textual] = &[HCL];

const HCL: Textual = Textual {
    name: "terraform-hcl",
    critical: false,
    matches: |source| source.has_extension(&["tf", "hcl", "tofu"]),
    read,
};

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let tokens = tokens(source.text, Language::Hcl);
    for (i, token) in tokens.iter().enumerate() {
        let head = tokens.get(i + 1..i + 4).unwrap_or_default();
        let [kind, name, open] = head else { continue };
        let block = matches!(token.text, "resource" | "data") && token.kind == Kind::Word && token.indent.is_some();
        if block && kind.kind == Kind::Text && name.kind == Kind::Text && open.text == "{" {
            let body = tokens.get(i + 4..).unwrap_or_default();
            resource(source, token, kind.text, name.text, body, found);
        }
    }
    Ok(())
}

fn resource(source: &Source<'_>, head: &Token<'_>, kind: &str, name: &str, body: &[Token<'_>], found: &mut Found) {
    let address = if head.text == "data" { format!("data.{kind}.{name}") } else { format!("{kind}.{name}") };
    let evidence = source.line(head.line).excerpt(format!("{} {kind} {name}", head.text));
    let known = terraform::known(kind);
    let mut asset = Asset::new(
        format!("file:{}#{address}", source.path),
        known.map_or(AssetKind::Resource, |(kind, _)| kind),
        name,
    );
    asset.ai |= known.is_some_and(|(_, ai)| ai)
        || catalog().hcl.ai_types.iter().any(|prefix| kind.starts_with(prefix.as_str()));
    asset.properties.insert("terraform_type".into(), kind.into());
    asset.properties.insert("terraform_address".into(), address.as_str().into());
    let mut depth = 0_usize;
    for (i, token) in body.iter().enumerate() {
        match token.text {
            "{" | "[" if token.kind == Kind::Mark => depth += 1,
            "}" | "]" if token.kind == Kind::Mark && depth == 0 => break,
            "}" | "]" if token.kind == Kind::Mark => depth -= 1,
            _ => {}
        }
        let [sign, value] = body.get(i + 1..i + 3).unwrap_or_default() else { continue };
        if token.kind != Kind::Word || sign.text != "=" || sign.kind != Kind::Mark {
            continue;
        }
        let plain = match (value.kind, value.text) {
            (Kind::Text, text) => Some(Value::from(text)),
            (Kind::Word, "true") => Some(Value::Bool(true)),
            (Kind::Word, "false") => Some(Value::Bool(false)),
            (Kind::Word, number) => number.parse::<i64>().ok().map(Value::from),
            _ => None,
        };
        let Some(plain) = plain else { continue };
        let names_model = catalog().hcl.model_keys.contains(token.text) && asset.ai && value.kind == Kind::Text;
        if let Some(model) = names_model.then(|| model_ref::model(value.text, &address)).flatten() {
            let evidence = source.line(value.line).excerpt(value.text);
            found.relate(asset.id.as_str(), RelationKind::Uses, model.id.as_str(), &evidence);
            found.inventory.add(model.seen(evidence));
        }
        asset.properties.entry(token.text).or_insert(plain);
    }
    found.inventory.add(asset.seen(evidence));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_plain_attributes() {
        let text = "# resource \"aws_sagemaker_model\" \"no\" {}\nresource \"aws_sagemaker_endpoint\" \"e\" {\n  name = \"x\"\n  tags = { a = \"b\" }\n}\nresource \"aws_vpc\" \"v\" { cidr = var.c }\nresource \"aws_bedrockagent_agent\" \"a\" { foundation_model = \"anthropic.claude-3\" }\n";
        let mut found = Found::default();
        read(&Source { path: "m.tf", text }, &mut found).unwrap();
        let endpoint = found.inventory.get("file:m.tf#aws_sagemaker_endpoint.e").unwrap();
        assert_eq!((endpoint.ai, endpoint.text("name"), endpoint.evidence[0].line), (true, Some("x"), Some(2)));
        assert!(!found.inventory.get("file:m.tf#aws_vpc.v").unwrap().ai);
        assert!(found.inventory.get("model:anthropic.claude-3").is_some());
        assert_eq!(found.inventory.len(), 4);
    }
}
