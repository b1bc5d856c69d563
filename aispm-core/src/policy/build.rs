//! How packs become one set: in order, each after those that it extends.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::controls::{Catalogues, Shown};
use super::pack::Pack;
use super::param::Params;
use super::rego::RegoPolicy;
use super::rule::Rule;
use super::waiver::Placed;
use super::{BUILTIN, PARAMS, PolicySet};
use crate::asset::{Error, Result, pointer_key};
use crate::discover::declared::{Facts, like};

/// The name under which packs extend the built-in ones.
const BUILTIN_NAME: &str = "builtin";
/// Longest chain of packs that extend each other.
const CHAIN_LIMIT: usize = 64;

/// Configures a [`PolicySet`].
#[derive(Debug, Default)]
#[must_use]
pub struct PolicySetBuilder {
    without_builtin: bool,
    /// Path and text.
    packs: Vec<(String, String)>,
    /// Path and text of Rego policies.
    rego: Vec<(String, String)>,
    facts: Option<Facts>,
    today: Option<String>,
    catalogues: Option<Catalogues>,
}

impl PolicySetBuilder {
    /// Whether the built-in rules are part of the set; they are unless told otherwise. A pack that `extends: [builtin]`
    /// brings them back.
    pub fn builtin(mut self, included: bool) -> Self {
        self.without_builtin = !included;
        self
    }

    /// Also the rules of this YAML text; `path` names it in errors and to packs that extend it. Later packs may override
    /// earlier ones.
    pub fn pack(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.packs.push((path.into(), text.into()));
        self
    }

    /// Also this Rego policy; feature `rego`, without which it is an error.
    ///
    /// It is a package `aispm` with a rule `findings`, asked once for each asset: a set or array of objects with
    /// `severity`, `title` and `message`, and if wanted `fix`, `id` (the policy's file name without its ending if not
    /// given) and `key`, which tells apart several findings of one id on one asset. A rule `kinds`, if there is one, is
    /// the set of kinds of asset to ask about. The input is what rules of YAML see:
    ///
    /// | in `input` | what it is |
    /// |---|---|
    /// | `asset` | the asset as JSON, with `sensitive`, `approved`, `registered`, `admin` and `runs_ai` |
    /// | `outgoing`, `incoming` | relations: `kind`, `from`, `to`, and `asset`, the other end |
    /// | `lineage`, `used_by` | assets |
    /// | `paths` | attack paths through it, as JSON |
    /// | `params`, `facts`, `today` | as in rules |
    ///
    /// ```rego
    /// package aispm
    /// import rego.v1
    /// kinds := {"endpoint"}
    /// findings contains finding if {
    ///     input.asset.exposure == "public"
    ///     finding := {"severity": "high", "title": "Public endpoint", "message": input.asset.name}
    /// }
    /// ```
    ///
    /// Expressions nest to 32 levels, and an asset gets one second, though one call of a built-in function is not cut
    /// short. What fails on an asset, the time included, is a
    /// finding `POLICY-ERROR`, as with other rules. The policy has no built-in function that reaches a network or a file.
    pub fn rego(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.rego.push((path.into(), text.into()));
        self
    }

    /// Also the rules of this file, and those of the files beside it that it extends, each file once. A name that ends in
    /// `.rego` is a Rego policy ([`rego`](Self::rego)).
    pub fn file(mut self, path: impl AsRef<Path>) -> Result<Self> {
        let mut open = vec![path.as_ref().to_path_buf()];
        while let Some(file) = open.pop() {
            let path = file.display().to_string();
            let known = self.packs.iter().chain(&self.rego);
            if known.into_iter().any(|(known, _)| tidy(Path::new(known)) == tidy(&file)) {
                continue;
            }
            let text = std::fs::read_to_string(&file).map_err(|error| Error::unreadable(&file, error))?;
            if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("rego")) {
                self = self.rego(path, text);
                continue;
            }
            let bases = Pack::read(&path, &text)?.extends;
            open.extend(bases.iter().map(|base| beside(&path, base)).filter(|base| base.is_file()));
            self = self.pack(path, text);
        }
        Ok(self)
    }

    /// Declared facts: values of parameters, waivers, and the variable `facts`.
    pub fn facts(mut self, facts: &Facts) -> Self {
        self.facts = Some(facts.clone());
        self
    }

    /// Control catalogues for rules to cite, instead of the built-in ones.
    pub fn catalogues(mut self, catalogues: Catalogues) -> Self {
        self.catalogues = Some(catalogues);
        self
    }

    /// The day (RFC 3339) on which approvals and waivers are judged; without it no approval has ended, and no waiver
    /// covers anything.
    pub fn today(mut self, day: Option<&str>) -> Self {
        self.today = day.map(|day| day.get(..10).unwrap_or(day).to_owned());
        self
    }

    /// Reads the packs. What is wrong in one of them, expressions included, is an error with file, line and column.
    pub fn build(self) -> Result<PolicySet> {
        let own = self.packs.iter().map(|(path, text)| Pack::read(path, text)).collect::<Result<Vec<_>>>()?;
        let own = in_order(own)?;
        let extended = own.iter().any(|pack| pack.extends.iter().any(|name| name == BUILTIN_NAME));
        let builtin: &[_] = if self.without_builtin && !extended { &[] } else { BUILTIN };
        let mut packs = vec![Pack::read(PARAMS.0, PARAMS.1)?];
        packs.extend(builtin.par_iter().map(|(path, text)| Pack::read(path, text)).collect::<Result<Vec<_>>>()?);
        let known = packs.len();
        packs.extend(own);

        let mut params = Params::default();
        packs.iter().try_for_each(|pack| params.declare(&pack.document, &pack.params))?;
        let facts = self.facts.unwrap_or_default();
        for (name, value) in &facts.params {
            let wrong = |message| facts.error(&format!("/params/{}", pointer_key(name)), message);
            params.set(name, value.clone()).map_err(wrong)?;
        }
        let params = Arc::new(params);
        packs.iter_mut().flat_map(|pack| &mut pack.rules).for_each(|rule| rule.params = Arc::clone(&params));
        let catalogues = match &self.catalogues {
            Some(catalogues) => catalogues,
            None => Catalogues::builtin()?,
        };
        packs.iter().skip(known).try_for_each(|pack| pack.check(&params, catalogues))?;

        let rules = merge(&mut packs)?;
        let rego = self.rego.iter().map(|(path, text)| RegoPolicy::new(path, text)).collect::<Result<Vec<_>>>()?;
        let of_packs = packs.iter().map(|pack| (&pack.document, &pack.waivers));
        let mut waivers = Vec::new();
        for (document, written) in of_packs.chain([(facts.document(), &facts.waivers)]) {
            for (i, waiver) in written.iter().enumerate() {
                // which ids a Rego policy may tell is not known before it does
                let known = |pattern: &str| !rego.is_empty() || rules.keys().any(|id| like(pattern, id));
                waivers.push(Placed::new(waiver, document, i, known)?);
            }
        }
        Ok(PolicySet {
            rules: rules.into_values().collect(),
            values: params.values(),
            params,
            shown: Shown::of(&facts, self.today.as_deref()),
            facts: sections(&facts),
            waivers,
            rego,
            today: self.today,
            catalogues: self.catalogues,
        })
    }
}

/// The facts as rules see them: what is declared, by section.
pub(super) fn sections(facts: &Facts) -> Map<String, Value> {
    match serde_json::to_value(facts) {
        Ok(Value::Object(sections)) => sections,
        _ => Map::new(),
    }
}

/// The rules of all packs by id, with what later packs change of them.
fn merge(packs: &mut [Pack]) -> Result<BTreeMap<String, Rule>> {
    let mut rules = BTreeMap::<String, Rule>::new();
    let mut homes = BTreeMap::<String, String>::new();
    for pack in packs {
        for (i, rule) in std::mem::take(&mut pack.rules).into_iter().enumerate() {
            let id = rule.info.id.clone();
            if let Some(home) = homes.insert(id.clone(), pack.document.evidence(&format!("/rules/{i}/id")).location()) {
                let message = format!("two rules have the id {id}, the other at {home}; to change it, use `overrides`");
                return Err(pack.rule_error(i, "/id", message));
            }
            rules.insert(id, rule);
        }
        for (id, change) in &pack.overrides {
            let Some(rule) = rules.get_mut(id) else {
                let message = format!("`overrides` names {id:?}, which is no rule of this pack or of one before it");
                return Err(pack.document.error(&format!("/overrides/{}", pointer_key(id)), message));
            };
            rule.info.severity = change.severity.unwrap_or(rule.info.severity);
            if change.disabled {
                rules.remove(id);
            }
        }
    }
    Ok(rules)
}

/// The packs as given, but each after those that it extends. O(packs · extends · packs).
fn in_order(packs: Vec<Pack>) -> Result<Vec<Pack>> {
    let mut order = Vec::with_capacity(packs.len());
    for start in 0..packs.len() {
        visit(start, &packs, &mut Vec::new(), &mut order)?;
    }
    let mut packs = packs.into_iter().map(Some).collect::<Vec<_>>();
    Ok(order.into_iter().filter_map(|i| packs.get_mut(i)?.take()).collect())
}

/// Puts a pack after its bases. `chain` are the packs that led here, at most [`CHAIN_LIMIT`].
fn visit(at: usize, packs: &[Pack], chain: &mut Vec<usize>, order: &mut Vec<usize>) -> Result<()> {
    let Some(pack) = packs.get(at).filter(|_| !order.contains(&at)) else { return Ok(()) };
    chain.push(at);
    for (i, name) in pack.extends.iter().enumerate().filter(|(_, name)| *name != BUILTIN_NAME) {
        let wrong = |message: String| pack.document.error(&format!("/extends/{i}"), message);
        let file = beside(pack.document.path(), name);
        let is_it = |base: &Pack| base.name.as_ref() == Some(name) || tidy(Path::new(base.document.path())) == file;
        let Some(base) = packs.iter().position(is_it) else {
            let message = format!("{name:?} is neither a file beside this one nor the path or name of a pack given");
            return Err(wrong(message));
        };
        if let Some(from) = chain.iter().position(|known| *known == base) {
            let round = chain.iter().skip(from).chain([&base]).filter_map(|i| Some(packs.get(*i)?.document.path()));
            let message = format!("packs extend each other: {}", round.collect::<Vec<_>>().join(" → "));
            return Err(wrong(message));
        }
        if chain.len() == CHAIN_LIMIT {
            return Err(wrong(format!("more than {CHAIN_LIMIT} packs extend each other")));
        }
        visit(base, packs, chain, order)?;
    }
    chain.pop();
    order.push(at);
    Ok(())
}

/// A file named in a pack, relative to the pack.
fn beside(pack: &str, name: &str) -> PathBuf {
    tidy(&Path::new(pack).parent().unwrap_or(Path::new("")).join(name))
}

/// A path without `.` and, where a name stands before it, `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            part => tidy.push(part),
        }
    }
    tidy
}
