//! Prompts that code keeps: template objects, and constants that hold one.

use super::call::Call;
use super::facts::Facts;
use super::lexer::Kind;
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;

/// Shortest text that counts as a prompt where only its name says so, in bytes.
const SHORT: usize = 40;

impl<'a> Facts<'_, 'a> {
    /// Templates and named prompts.
    pub(super) fn prompts(&mut self, calls: &[Call<'a>]) {
        calls.iter().for_each(|call| self.template(call));
        let mut constants: Vec<(&str, usize, usize)> =
            self.code.values().filter(|(name, ..)| is_prompt(name)).collect();
        constants.sort_by_key(|(_, at, _)| *at);
        for (name, at, value) in constants {
            let literal = self.code.get(value).is_some_and(|token| token.kind == Kind::Text || token.text == "(");
            let text = literal.then(|| self.code.text(self.code.expression(value))).flatten();
            if let Some(text) = text.filter(|text| text.len() >= SHORT && text.contains(' ')) {
                self.prompt(name, &text, "constant", self.code.line(at));
            }
        }
    }

    fn template(&mut self, call: &Call<'a>) {
        let code = self.code;
        let Some(class) = self.is(call, &catalog().code.prompts) else {
            // `hub.pull("owner/prompt")`
            let hub = call.name() == "pull" && matches!(call.path.first(), Some(&("hub" | "client")));
            if let Some(name) = call.first(code).filter(|name| hub && name.contains('/') && !name.contains(' ')) {
                let mut prompt = Asset::new(format!("langsmith:{name}"), AssetKind::PromptTemplate, &*name);
                prompt.provenance.source = Some("https://smith.langchain.com/hub".to_owned());
                prompt.provenance.pinned = Some(name.contains(':'));
                self.relate(RelationKind::Prompts, prompt, call.line);
            }
            return;
        };
        let name = call.assigned.map(str::to_owned).or_else(|| Some(call.text(code, &["name", "Name"])?.into_owned()));
        let name = name.unwrap_or_else(|| format!("{class}:{}", call.line));
        let keys = ["template", "prompt", "template_str", "system_prompt", "text"];
        let text = call.text(code, &keys).or_else(|| call.first(code)).map(|text| text.into_owned());
        // `from_messages([("system", "…"), …])`: every text of the list
        let text = text.or_else(|| {
            let list = call.positional(0).or_else(|| call.arg(&["messages", "template", "fromMessages"]))?;
            let texts = list.take(400).filter_map(|at| code.get(at)).filter(|token| token.kind == Kind::Text);
            let long: Vec<&str> = texts.map(|token| token.text).filter(|text| text.contains([' ', '{'])).collect();
            (!long.is_empty()).then(|| long.join("\n"))
        });
        if call.args.is_empty() {
            return;
        }
        self.prompt(&name, text.as_deref().unwrap_or_default(), class, call.line);
    }

    pub(super) fn prompt(&mut self, name: &str, text: &str, class: &str, line: u64) {
        let id = self.local(name);
        let taken = self.found.inventory.get(&id).is_some_and(|known| known.kind != AssetKind::PromptTemplate);
        let id = if taken { self.local(&format!("prompt:{name}")) } else { id };
        let mut prompt = Asset::new(id, AssetKind::PromptTemplate, name).with("class", class);
        if !text.is_empty() {
            prompt.properties.insert("template".into(), self.kept(text));
        }
        self.relate(RelationKind::Prompts, prompt, line);
    }
}

/// Whether a name says that it holds a prompt.
fn is_prompt(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    catalog().code.prompt_words.iter().any(|word| name.contains(word.as_str()))
}
