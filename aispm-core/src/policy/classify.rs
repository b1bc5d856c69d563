//! The class of a system under the EU AI Act, from what its owner answers.
//!
//! The questions and what follows from them are data (`data/policy/classification.yaml`). Conditions have three values:
//! what is not answered stays unknown unless the rest decides, so a system is never `minimal` while a question that could
//! make it more is open. The inventory only gives hints, which ask and never decide.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::expression::{Expression, Purpose, Scope};
use super::param::Params;
use super::view::World;
use crate::asset::{
    Asset, AssetId, AssetKind, Document, Error, ErrorKind, Evidence, Inventory, RelationKind, Result, RiskClass,
};
use crate::path::Solution;

const TREE: &str = include_str!("../../data/policy/classification.yaml");
/// Most members of a system that hints look at.
const MEMBERS: usize = 10_000;
/// Most hints to a question.
const HINTS: usize = 5;

crate::asset::names! {
    /// Class of a system under the EU AI Act, gravest first but for what is out of its scope.
    AiActClass, "snake_case" {
        /// The Act does not apply (Article 2).
        OutOfScope = "out_of_scope",
        /// Article 5.
        Prohibited = "prohibited",
        /// Article 6 with Annex I or Annex III.
        High = "high",
        /// Articles 51 to 55: it comes with a general-purpose model.
        GeneralPurpose = "general_purpose",
        /// Article 50.
        Transparency = "transparency",
        /// None of the others.
        Minimal = "minimal",
    }
}

crate::asset::names! {
    /// Whether something holds, as far as the answers tell.
    Holds, "snake_case" {
        /// It does.
        Yes = "yes",
        /// It does not.
        No = "no",
        /// A question that decides is open.
        Unknown = "unknown",
    }
}

/// The class of a system, how it was found, and what is still open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct SystemClass {
    /// The system.
    pub system: AssetId,
    /// Its class; absent while a question that could make it graver is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<AiActClass>,
    /// The gravest class that already holds, while the class is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<AiActClass>,
    /// Articles and points that decide it, by id in `eu_ai_act`.
    pub controls: Vec<String>,
    /// Everything that the Act could make of it, gravest first, with whether it does.
    pub steps: Vec<ClassStep>,
    /// Questions without an answer, and what each would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// What does not fit together: answers against the inventory or against the declared risk class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Hint>,
    /// Where the answers stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// One thing that the Act could make of a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ClassStep {
    /// The class; absent for a duty alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<AiActClass>,
    /// Articles and points, the most exact ones known.
    pub controls: Vec<String>,
    /// Whether it holds.
    pub holds: Holds,
    /// What it means when it holds.
    pub text: String,
    /// The answers that it was judged by, in words.
    pub because: String,
}

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Missing {
    /// The field of `classification` in aispm.yaml that answers it.
    pub id: String,
    /// The question.
    pub question: String,
    /// The article or point that it comes from.
    pub control: String,
    /// The words that the answer may list; a yes or no if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// What a yes, or any word of the list, would make of it.
    pub if_yes: String,
    /// What a no, or an empty list, would make of it.
    pub if_no: String,
    /// What in the inventory speaks for a yes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// What in the inventory speaks for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Hint {
    /// What it is, in words.
    pub text: String,
    /// Of which asset.
    pub asset: AssetId,
    /// Where that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tree {
    questions: Vec<Question>,
    outcomes: Vec<Outcome>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    id: String,
    ask: String,
    control: String,
    assume: Option<Holds>,
    after: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
    #[serde(default)]
    hints: Vec<HintSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HintSource {
    when: String,
    say: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    class: Option<AiActClass>,
    control: String,
    #[serde(rename = "if")]
    condition: Condition,
    say: String,
}

/// A condition on answers, in Kleene's three values.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Condition {
    Question(String),
    Not { not: Box<Condition> },
    All { all: Vec<Condition> },
    Any { any: Vec<Condition> },
}

type Answers<'a> = BTreeMap<&'a str, Holds>;

impl Condition {
    fn holds(&self, answers: &Answers<'_>) -> Holds {
        let fold = |conditions: &[Self], decides: Holds, else_: Holds| {
            let each = conditions.iter().map(|condition| condition.holds(answers)).collect::<Vec<_>>();
            let open = each.contains(&Holds::Unknown);
            if each.contains(&decides) {
                decides
            } else if open {
                Holds::Unknown
            } else {
                else_
            }
        };
        match self {
            Self::Question(id) => answers.get(id.as_str()).copied().unwrap_or(Holds::Unknown),
            Self::Not { not } => match not.holds(answers) {
                Holds::Yes => Holds::No,
                Holds::No => Holds::Yes,
                unknown => unknown,
            },
            Self::All { all } => fold(all, Holds::No, Holds::Yes),
            Self::Any { any } => fold(any, Holds::Yes, Holds::No),
        }
    }

    fn questions<'a>(&'a self, into: &mut Vec<&'a str>) {
        match self {
            Self::Question(id) => into.push(id),
            Self::Not { not } => not.questions(into),
            Self::All { all: some } | Self::Any { any: some } => some.iter().for_each(|one| one.questions(into)),
        }
    }
}

/// The class of a declared system. O(members · hints).
///
/// # Errors
/// An id that no system has; a word in a list of answers that is none of its options.
pub fn classify(inventory: &Inventory, system: &str) -> Result<SystemClass> {
    let tree: Tree = Document::config("classification.yaml", TREE)?;
    let asset = find(inventory, system)?;
    let empty = Map::new();
    let given = asset.properties.get("classification").and_then(Value::as_object).unwrap_or(&empty);
    tree.check(asset, given)?;
    let mut answers = tree.answers(given);
    let verdict = tree.decide(&answers);
    let steps = tree.outcomes.iter().map(|outcome| tree.step(outcome, given, &answers)).collect::<Vec<_>>();
    let gravest = verdict.class.or(verdict.at_least);
    let deciding = steps.iter().filter(|step| step.holds == Holds::Yes && step.class == gravest);
    let controls = deciding.flat_map(|step| step.controls.iter().cloned()).collect();
    let members = members(inventory, asset);
    let mut missing = Vec::new();
    let mut conflicts = Vec::new();
    for question in &tree.questions {
        let hints = hints(question, inventory, &members)?;
        match answers.get(question.id.as_str()) {
            Some(Holds::No) if given.contains_key(&question.id) => {
                let against = |hint: Hint| Hint { text: format!("{}: no, but {}", question.id, hint.text), ..hint };
                conflicts.extend(hints.into_iter().map(against));
                continue;
            }
            _ if given.contains_key(&question.id) => continue,
            _ if question.after.as_ref().is_some_and(|id| answers.get(id.as_str()) != Some(&Holds::Yes)) => continue,
            _ => {}
        }
        let before = tree.states(&answers);
        let assumed = answers.remove(question.id.as_str());
        let mut with = |answer| {
            answers.insert(&question.id, answer);
            (tree.states(&answers), tree.decide(&answers))
        };
        let [(yes, if_yes), (no, if_no)] = [with(Holds::Yes), with(Holds::No)];
        answers.remove(question.id.as_str());
        answers.extend(assumed.map(|assumed| (question.id.as_str(), assumed)));
        if yes != before || no != before {
            missing.push(Missing {
                id: question.id.clone(),
                question: question.ask.clone(),
                control: question.control.clone(),
                options: question.options.keys().cloned().collect(),
                if_yes: tree.change(question, [&before, &yes], if_yes),
                if_no: tree.change(question, [&before, &no], if_no),
                hints,
            });
        }
    }
    conflicts.extend(declared_otherwise(asset, verdict));
    Ok(SystemClass {
        system: asset.id.clone(),
        class: verdict.class,
        at_least: verdict.at_least,
        controls,
        steps,
        missing,
        conflicts,
        evidence: asset.evidence.clone(),
    })
}

/// The declared system of this id or name.
pub(crate) fn find<'a>(inventory: &'a Inventory, system: &str) -> Result<&'a Asset> {
    let systems = || inventory.assets().filter(|asset| asset.kind == AssetKind::System);
    let found = systems().find(|asset| asset.id.as_str() == system).or_else(|| systems().find(|a| a.name == system));
    found.ok_or_else(|| {
        let known = systems().map(|asset| asset.id.as_str()).take(20).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none; declare it under `systems` in aispm.yaml".to_owned() } else { known };
        Error::new(ErrorKind::Usage, format!("there is no system {system:?}; known: {known}"))
    })
}

/// The system itself and what it contains, at most [`MEMBERS`]. O(reached).
fn members<'a>(inventory: &'a Inventory, system: &'a Asset) -> Vec<&'a Asset> {
    let mut members = vec![system];
    let mut seen = std::collections::HashSet::from([system.id.as_str()]);
    let mut next = 0;
    while let Some(current) = members.get(next).copied() {
        for relation in inventory.outgoing(current.id.as_str()) {
            let holds = matches!(relation.kind, RelationKind::Contains | RelationKind::Serves);
            let member = inventory.get(relation.to.as_str()).filter(|_| holds && members.len() < MEMBERS);
            members.extend(member.filter(|member| seen.insert(member.id.as_str())));
        }
        next += 1;
    }
    members
}

fn hints(question: &Question, inventory: &Inventory, members: &[&Asset]) -> Result<Vec<Hint>> {
    let (solution, empty, params) = (Solution::default(), Map::new(), Params::default());
    let world = World::new(inventory, &solution, &empty, &empty, None);
    let mut hints = Vec::new();
    for source in &question.hints {
        let when = Expression::compile(&source.when, Purpose::Condition, &params).map_err(|flaw| {
            let message = format!("{}: {}: {}", question.id, source.when, flaw.message);
            Error::new(ErrorKind::Invalid, message).at("classification.yaml")
        })?;
        let holds = |asset: &&&Asset| when.holds(&Scope::new(&world, asset.id.as_str())).unwrap_or(false);
        // a system's purpose is that of its members too
        hints.extend(members.iter().find(holds).map(|asset| Hint {
            text: format!("{}: {}", asset.name, source.say),
            asset: asset.id.clone(),
            evidence: asset.evidence.first().cloned(),
        }));
    }
    hints.truncate(HINTS);
    Ok(hints)
}

/// The declared risk class, if the answers say otherwise.
fn declared_otherwise(system: &Asset, verdict: Verdict) -> Option<Hint> {
    let declared = system.risk_class?;
    let same = match verdict.class? {
        AiActClass::Prohibited => declared == RiskClass::Prohibited,
        AiActClass::High => declared == RiskClass::High,
        AiActClass::Transparency => declared == RiskClass::Limited,
        AiActClass::Minimal | AiActClass::OutOfScope => declared == RiskClass::Minimal,
        // risk classes do not know of models
        AiActClass::GeneralPurpose => true,
    };
    let class = verdict.class?;
    (!same).then(|| Hint {
        text: format!("risk_class is declared as {declared}, but the answers make it {class}"),
        asset: system.id.clone(),
        evidence: system.evidence.first().cloned(),
    })
}

/// What the outcomes come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verdict {
    class: Option<AiActClass>,
    at_least: Option<AiActClass>,
}

impl Tree {
    /// Words that are no options are errors, so that none is passed over.
    fn check(&self, system: &Asset, given: &Map<String, Value>) -> Result<()> {
        for question in &self.questions {
            let words = given.get(&question.id).and_then(Value::as_array).into_iter().flatten();
            let wrong = words.filter_map(Value::as_str).find(|word| !question.options.contains_key(*word));
            if let Some(word) = wrong {
                let known = question.options.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message = format!("{}: `{}` has {word:?}; known: {known}", system.id, question.id);
                let place = system.evidence.first();
                let error = Error::new(ErrorKind::Invalid, message);
                return Err(match place {
                    Some(place) => {
                        let line = place.line.and_then(|line| usize::try_from(line).ok());
                        let mut error = error.at(&*place.path);
                        error.line = line;
                        error
                    }
                    None => error,
                });
            }
        }
        Ok(())
    }

    fn answers(&self, given: &Map<String, Value>) -> Answers<'_> {
        let answer = |question: &Question| match given.get(&question.id) {
            Some(Value::Bool(yes)) => Some(if *yes { Holds::Yes } else { Holds::No }),
            Some(Value::Array(words)) => Some(if words.is_empty() { Holds::No } else { Holds::Yes }),
            _ => question.assume,
        };
        self.questions.iter().filter_map(|question| Some((question.id.as_str(), answer(question)?))).collect()
    }

    fn states(&self, answers: &Answers<'_>) -> Vec<Holds> {
        self.outcomes.iter().map(|outcome| outcome.condition.holds(answers)).collect()
    }

    /// The gravest class that holds is the class unless a graver one is open.
    fn decide(&self, answers: &Answers<'_>) -> Verdict {
        let mut open = false;
        for outcome in &self.outcomes {
            let Some(class) = outcome.class else { continue };
            match outcome.condition.holds(answers) {
                Holds::Yes => {
                    let graver = |other: &Outcome| other.class.is_some_and(|other| other < class);
                    let open = self
                        .outcomes
                        .iter()
                        .any(|other| graver(other) && other.condition.holds(answers) == Holds::Unknown);
                    return if open {
                        Verdict { class: None, at_least: Some(class) }
                    } else {
                        Verdict { class: Some(class), at_least: None }
                    };
                }
                Holds::Unknown => open = true,
                Holds::No => {}
            }
        }
        Verdict { class: (!open).then_some(AiActClass::Minimal), at_least: None }
    }

    fn step(&self, outcome: &Outcome, given: &Map<String, Value>, answers: &Answers<'_>) -> ClassStep {
        let holds = outcome.condition.holds(answers);
        let mut asked = Vec::new();
        outcome.condition.questions(&mut asked);
        let words = |id: &str| given.get(id).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut controls = vec![outcome.control.clone()];
        let mut because = Vec::new();
        for id in asked {
            let named = words(id).collect::<Vec<_>>().join(", ");
            because.push(match answers.get(id) {
                Some(Holds::Yes) if !named.is_empty() => format!("{id}: {named}"),
                Some(Holds::No) if !given.contains_key(id) => format!("{id}: taken for no"),
                Some(answer) => format!("{id}: {answer}"),
                None => format!("{id}: not answered"),
            });
            let question = self.questions.iter().find(|question| question.id == id);
            let exact = words(id).filter_map(|word| question?.options.get(word));
            for control in exact.filter(|_| holds == Holds::Yes) {
                if !controls.contains(control) {
                    controls.push(control.clone());
                }
            }
        }
        ClassStep { class: outcome.class, controls, holds, text: outcome.say.clone(), because: because.join("; ") }
    }

    /// What an answer changes, in words.
    fn change(&self, question: &Question, [before, after]: [&[Holds]; 2], verdict: Verdict) -> String {
        let became = |wanted| {
            let changed = self.outcomes.iter().zip(before.iter().zip(after));
            let changed = changed.filter(move |(_, (before, after))| before != after && **after == wanted);
            changed.map(|(outcome, _)| outcome.control.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (holds, ends) = (became(Holds::Yes), became(Holds::No));
        let mut change = match (holds.is_empty(), ends.is_empty()) {
            (false, _) => format!("{holds} applies"),
            (true, false) => format!("{ends} does not apply"),
            (true, true) => {
                let behind = self.questions.iter().filter(|other| other.after.as_ref() == Some(&question.id));
                let behind = behind.map(|other| other.id.as_str()).collect::<Vec<_>>().join(", ");
                if behind.is_empty() { "nothing changes by itself".to_owned() } else { format!("asks for {behind}") }
            }
        };
        match verdict {
            Verdict { class: Some(class), .. } => change.push_str(&format!("; then it is {class}")),
            Verdict { at_least: Some(class), .. } => change.push_str(&format!("; then it is {class} at least")),
            _ => {}
        }
        change
    }
}

#[cfg(test)]
mod tests;
