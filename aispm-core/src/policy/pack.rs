//! Rule packs: YAML files of rules with their tests, parameters and changes to other packs' rules.
//!
//! ```yaml
//! name: acme                                  # optional; other packs may extend it by name
//! version: "3"                                # optional
//! extends: [base.yaml]                        # packs that come first: a file beside this one, or a pack's name
//! params:                                     # names with defaults; later packs and aispm.yaml set the values
//!   approved_providers: []                    # the short form: the type is that of the default
//!   regions: { type: list, description: where our data may be }   # text, number, flag, list, map or any
//! overrides:
//!   EXP-003: { severity: medium }              # or `disabled: true`
//! waivers:                                     # findings accepted for a while; also in aispm.yaml
//!   - { rule: EXP-001, asset: "arn:aws:*:demo", owner: web, reason: demo without data, expires: 2026-12-31 }
//! rules:
//!   - id: ORG-001
//!     title: Chatbots run in our own regions only
//!     description: Contracts promise it.
//!     severity: high
//!     kinds: [endpoint]
//!     when: asset.ai && !(asset.properties.region in params.regions)
//!     because: outgoing.filter(r, r.kind == "serves")   # what took part; if given, must not be empty
//!     evidence: [observed.output.pii.evidence]  # properties that list evidence, shown before the asset's own
//!     message: "{asset.name} runs in {asset.properties.region}"   # also {because}, or {because.model|bucket} by kind
//!     fix: Move it.
//!     controls: { gdpr: [Art.44] }
//!     needs: { params: [regions] }             # else the rule is reported as unknown, not as passed
//!     tests:
//!       fire: [{ asset: { kind: endpoint, ai: true, properties: { region: x } }, params: { regions: [y] } }]
//!       pass: [{ asset: { kind: endpoint, ai: true, properties: { region: y } }, params: { regions: [y] } }]
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::POLICY_ERROR;
use super::controls::Catalogues;
use super::param::Params;
use super::rule::{FIELDS, Place, Rule, RuleSource};
use super::waiver::EXPIRED_WAIVER;
use crate::asset::{Document, Error, Result, Severity, Waiver, pointer_key};
use crate::discover::declared::Facts;

/// A file of rules.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PackSource {
    name: Option<String>,
    #[serde(rename = "version")]
    _version: Option<String>,
    extends: Vec<String>,
    params: Map<String, Value>,
    overrides: BTreeMap<String, Override>,
    waivers: Vec<Waiver>,
    rules: Vec<RuleSource>,
}

/// What a pack changes of a rule that an earlier pack brought.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Override {
    pub(super) severity: Option<Severity>,
    pub(super) disabled: bool,
}

/// A file of rules, read.
#[derive(Debug, Default)]
pub(super) struct Pack {
    pub(super) name: Option<String>,
    pub(super) extends: Vec<String>,
    pub(super) params: Map<String, Value>,
    pub(super) overrides: BTreeMap<String, Override>,
    pub(super) waivers: Vec<Waiver>,
    pub(super) rules: Vec<Rule>,
    pub(super) document: Document,
    text: String,
}

impl Pack {
    /// Reads a pack without compiling its expressions.
    pub(super) fn read(path: &str, text: &str) -> Result<Self> {
        let document = Document::one(path, text)?;
        let source: PackSource = mappings(&document)?.read()?;
        let lines = |i: usize| FIELDS.map(|field| document.evidence(&format!("/rules/{i}/{field}")).line);
        let rules = source.rules.into_iter().enumerate();
        let rules = rules.map(|(i, rule)| Rule::new(rule, Place { path: path.to_owned(), lines: lines(i) }));
        Ok(Self {
            rules: rules.collect(),
            name: source.name,
            extends: source.extends,
            params: source.params,
            overrides: source.overrides,
            waivers: source.waivers,
            text: text.to_owned(),
            document,
        })
    }

    /// That something is wrong with its `i`-th rule.
    pub(super) fn rule_error(&self, i: usize, field: &str, message: String) -> Error {
        self.document.error(&format!("/rules/{i}{field}"), message)
    }

    /// Compiles everything and looks up all names, so that what is wrong is known now.
    pub(super) fn check(&self, params: &Params, catalogues: &Catalogues) -> Result<()> {
        let known = catalogues.frameworks();
        for (i, rule) in self.rules.iter().enumerate() {
            rule.compiled().map_err(|flawed| rule.error(flawed, &self.text))?;
            let wrong =
                |field: &str, what: String| Err(self.rule_error(i, field, format!("rule {}: {what}", rule.info.id)));
            if let Some(what) = wrong_id(&rule.info.id) {
                return wrong("/id", what.to_owned());
            }
            if rule.kinds.is_empty() {
                return wrong("/kinds", "it has no kinds of asset to look at".to_owned());
            }
            if let Some(name) = rule.needs.params.iter().find(|name| params.shape(name).is_none()) {
                return wrong("/needs/params", format!("`needs` names {name:?}, which is no parameter"));
            }
            if let Some(name) = rule.needs.facts.iter().find(|name| !Facts::SECTIONS.contains(&name.as_str())) {
                return wrong("/needs/facts", format!("`needs` names {name:?}, which is no section of aispm.yaml"));
            }
            for control in &rule.info.controls {
                let field = format!("/controls/{}", pointer_key(&control.framework));
                match known.iter().find(|framework| framework.key == control.framework) {
                    None => {
                        let known = known.iter().map(|framework| framework.key.as_str()).collect::<Vec<_>>().join(", ");
                        return wrong(&field, format!("{:?} is no framework; known: {known}", control.framework));
                    }
                    Some(framework) if !framework.controls.contains_key(&control.id) => {
                        return wrong(&field, format!("{} has no control {:?}", framework.name, control.id));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// The document, if it, its rules and its waivers are mappings: a list would be taken for their fields in order.
fn mappings(document: &Document) -> Result<&Document> {
    let lists = ["rules", "waivers"].into_iter().filter_map(|name| Some((name, document.value.get(name)?.as_array()?)));
    let items =
        lists.flat_map(|(name, items)| items.iter().enumerate().map(move |(i, item)| (format!("/{name}/{i}"), item)));
    let other = std::iter::once((String::new(), &document.value)).chain(items).find(|(_, value)| !value.is_object());
    match other {
        Some((pointer, _)) => Err(document.error(&pointer, "expected fields with their values (`name: value`)")),
        None => Ok(document),
    }
}

/// The rules of findings that no pack makes, the last the assessment's.
const OWN_IDS: [&str; 3] = [POLICY_ERROR, EXPIRED_WAIVER, "GOV-DATA"];

/// What is wrong with the id of a rule.
fn wrong_id(id: &str) -> Option<&'static str> {
    if id.is_empty() {
        Some("its id is empty")
    } else if id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Some("its id has a space in it")
    } else if OWN_IDS.iter().any(|own| own.eq_ignore_ascii_case(id)) {
        Some("its id is one of our own")
    } else {
        None
    }
}
