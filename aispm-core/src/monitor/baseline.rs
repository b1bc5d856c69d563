//! What was usual of an asset's calls and messages, and what then was not.
//!
//! Time is cut at three quarters of what was seen: the part before is the reference, the rest is judged against it. Each
//! figure below needs enough of both, else it is left out, and rules that ask for it report that they cannot judge. The
//! figures say how far something is from usual; how far is too far is for rules and their parameters.
//!
//! | property | figure | needs |
//! |---|---|---|
//! | `usage_spike` | the hour with most calls or tokens against the median hour, in ratio and in sigma: 1.4826 · median absolute deviation, at least a tenth of the median | 24 hours with calls |
//! | `usage_novelty` | callers, regions, models and programs first seen after the reference, of aspects in which the second half of the reference brought nothing new | 4 days, 50 calls |
//! | `usage_rates` | change in the share of failed calls and of refusals, and in the mean duration | 50 calls or answers on either side |
//! | `usage_drift` | population stability index of the lengths (powers of two) and of the words (32 classes) of prompts and of answers | 50 texts on either side |
//! | `query_pattern` | the caller with most queries that are all different and begin alike | callers of prompts |

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde_json::{Value, json};

use crate::asset::{Aspect, AssetId, CallLog, Calls, Event, Evidence, Hour, TextRole, hour};

/// Fewest hours with calls for a usual hour.
const HOURS: usize = 24;
/// Fewest hours from first to last, and fewest calls, for habits.
const HABIT_HOURS: i64 = 96;
const HABIT_CALLS: u64 = 50;
/// Fewest calls or texts on either side of the cut.
const SIDE: u64 = 50;
/// Classes of words, and of lengths.
const WORD_CLASSES: usize = 32;
const LENGTH_CLASSES: usize = 24;
/// Words by which queries begin alike.
const OPENING: usize = 3;
/// Most places shown of one figure.
const PLACES: usize = 5;

/// Begins of answers by which a model refuses, in lower case.
const REFUSALS: &[&str] = &[
    "i can't",
    "i can’t",
    "i cannot",
    "i'm sorry",
    "i’m sorry",
    "i am sorry",
    "sorry, i",
    "sorry, but i",
    "i'm unable",
    "i’m unable",
    "i am unable",
    "i'm not able",
    "i am not able",
    "i won't",
    "i must decline",
    "as an ai",
    "es tut mir leid",
    "tut mir leid",
    "das kann ich nicht",
    "ich kann das nicht",
    "je suis désolé",
    "je ne peux pas",
    "lo siento",
    "no puedo",
];

/// The figures of each asset that has any, by the property in which rules find them. O(n log n) in hours and words.
pub(crate) fn figures(calls: &CallLog, events: &[Event]) -> BTreeMap<AssetId, BTreeMap<&'static str, Value>> {
    let mut figures = BTreeMap::<AssetId, BTreeMap<&'static str, Value>>::new();
    let mut said = BTreeMap::<&AssetId, Vec<(Option<i64>, &Event)>>::new();
    for event in events {
        said.entry(&event.asset).or_default().push((event.time.as_deref().and_then(hour), event));
    }
    let nothing = (Calls::default(), Vec::new());
    let assets: std::collections::BTreeSet<&AssetId> = calls.assets.keys().chain(said.keys().copied()).collect();
    for asset in assets {
        let calls = calls.assets.get(asset).unwrap_or(&nothing.0);
        let said = said.get(asset).unwrap_or(&nothing.1);
        let found = [
            ("usage_spike", spike(calls)),
            ("usage_novelty", novelty(calls)),
            ("usage_rates", rates(calls, said)),
            ("usage_drift", drift(said)),
            ("query_pattern", pattern(said)),
        ];
        let found = found.into_iter().filter_map(|(name, figure)| Some((name, figure?)));
        let found: BTreeMap<_, _> = found.collect();
        if !found.is_empty() {
            figures.insert(asset.clone(), found);
        }
    }
    figures
}

/// The hour furthest above the usual one, in calls or tokens.
fn spike(calls: &Calls) -> Option<Value> {
    if calls.hours.len() < HOURS {
        return None;
    }
    let calls_of: fn(&Hour) -> u64 = |hour| hour.calls;
    let tokens_of: fn(&Hour) -> u64 = |hour| hour.tokens;
    let tops = [("calls", calls_of), ("tokens", tokens_of)].into_iter().filter_map(|(measure, of)| {
        let usual = median(calls.hours.values().map(|hour| of(hour) as f64).collect())?;
        let spread = median(calls.hours.values().map(|hour| (of(hour) as f64 - usual).abs()).collect())?;
        let sigma = (1.4826 * spread).max(usual / 10.0).max(1.0);
        let top = calls.hours.values().max_by_key(|hour| of(hour))?;
        let value = of(top) as f64;
        Some((measure, value, usual, (value - usual) / sigma, top))
    });
    let (measure, value, usual, sigma, top) = tops.max_by(|a, b| a.3.total_cmp(&b.3))?;
    Some(json!({
        "measure": measure, "value": value, "usual": usual, "sigma": round(sigma), "ratio": round(value / usual.max(1.0)),
        "hours": calls.hours.len(), "evidence": places([&top.evidence]),
    }))
}

/// What was first seen after the reference, where the reference had settled.
fn novelty(calls: &Calls) -> Option<Value> {
    let (first, cut) = cut(calls.hours.keys().copied())?;
    let half = first + (cut - first) / 2;
    let learned: u64 = calls.hours.range(..cut).map(|(_, hour)| hour.calls).sum();
    if (cut - first) * 4 / 3 < HABIT_HOURS || learned < HABIT_CALLS {
        return None;
    }
    let aspects = [
        (Aspect::Caller, "caller"),
        (Aspect::Region, "region"),
        (Aspect::Model, "model"),
        (Aspect::UserAgent, "user agent"),
    ];
    let (mut new, mut seen) = (Vec::new(), Vec::new());
    for (aspect, name) in aspects {
        let Some(values) = calls.habits(aspect) else { continue };
        let settled = values.values().any(|seen| seen.first < half)
            && !values.values().any(|seen| (half..cut).contains(&seen.first));
        for (value, place) in values.iter().filter(|(_, seen)| settled && seen.first >= cut) {
            new.push(format!("{name} {value}"));
            seen.push(&place.evidence);
        }
    }
    let mut figure = json!({ "learned_days": round((cut - first) as f64 / 24.0) });
    if let (Some(figure), false) = (figure.as_object_mut(), new.is_empty()) {
        figure.insert("new".into(), new.into());
        figure.insert("evidence".into(), places(seen));
    }
    Some(figure)
}

/// How failures, refusals and durations changed.
fn rates(calls: &Calls, said: &[(Option<i64>, &Event)]) -> Option<Value> {
    let mut figure = serde_json::Map::new();
    let mut seen = Vec::new();
    if let Some((_, cut)) = cut(calls.hours.keys().copied()) {
        let side = |hours: &mut dyn Iterator<Item = &Hour>| {
            hours.fold((0, 0, 0, 0), |(calls, failed, timed, millis), hour| {
                (calls + hour.calls, failed + hour.failed, timed + hour.timed, millis + hour.millis)
            })
        };
        let before = side(&mut calls.hours.range(..cut).map(|(_, hour)| hour));
        let after = side(&mut calls.hours.range(cut..).map(|(_, hour)| hour));
        if before.0 >= SIDE && after.0 >= SIDE {
            figure.insert("failed".into(), round(share(after.1, after.0) - share(before.1, before.0)).into());
            seen.extend(calls.hours.range(cut..).find(|(_, hour)| hour.failed > 0).map(|(_, hour)| &hour.evidence));
        }
        if before.2 >= SIDE && after.2 >= SIDE && before.3 > 0 {
            figure.insert("slower".into(), round(share(after.3, after.2) / share(before.3, before.2)).into());
        }
    }
    let answers = said.iter().filter(|(_, event)| event.role == TextRole::Output);
    let answers: Vec<(i64, &Event)> = answers.filter_map(|(at, event)| Some(((*at)?, *event))).collect();
    if let Some((_, cut)) = cut(answers.iter().map(|(at, _)| *at)) {
        let (before, after): (Vec<_>, Vec<_>) = answers.iter().partition(|(at, _)| *at < cut);
        let refused = |side: &[(i64, &Event)]| side.iter().filter(|(_, event)| is_refusal(&event.text)).count() as u64;
        let (b, a) = (before.len() as u64, after.len() as u64);
        if b >= SIDE && a >= SIDE {
            figure
                .insert("refused".into(), round((share(refused(&after), a) - share(refused(&before), b)).abs()).into());
            seen.extend(after.iter().find(|(_, event)| is_refusal(&event.text)).map(|(_, event)| &event.evidence));
        }
    }
    if figure.is_empty() {
        return None;
    }
    figure.insert("evidence".into(), places(seen));
    Some(figure.into())
}

fn is_refusal(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(40).flat_map(char::to_lowercase).collect();
    REFUSALS.iter().any(|refusal| start.starts_with(refusal))
}

/// How far prompts and answers moved from the reference.
fn drift(said: &[(Option<i64>, &Event)]) -> Option<Value> {
    let mut figure = serde_json::Map::new();
    let mut seen = Vec::new();
    for (role, name) in [(TextRole::Prompt, "prompt"), (TextRole::Output, "output")] {
        let texts = said.iter().filter(|(_, event)| event.role == role);
        let texts: Vec<(i64, &Event)> = texts.filter_map(|(at, event)| Some(((*at)?, *event))).collect();
        let Some((_, cut)) = cut(texts.iter().map(|(at, _)| *at)) else { continue };
        let (before, after): (Vec<_>, Vec<_>) = texts.iter().partition(|(at, _)| *at < cut);
        if (before.len() as u64) < SIDE || (after.len() as u64) < SIDE {
            continue;
        }
        let lengths = stability(&lengths(&before), &lengths(&after));
        let words = stability(&words(&before), &words(&after));
        figure.insert(name.into(), round(lengths.max(words)).into());
        seen.extend(after.first().map(|(_, event)| &event.evidence));
    }
    if figure.is_empty() {
        return None;
    }
    figure.insert("evidence".into(), places(seen));
    Some(figure.into())
}

/// How many texts are of each length, in powers of two.
fn lengths(texts: &[(i64, &Event)]) -> [f64; LENGTH_CLASSES] {
    let mut classes = [0.0; LENGTH_CLASSES];
    for (_, event) in texts {
        let class = event.text.len().checked_ilog2().unwrap_or(0) as usize;
        classes.get_mut(class.min(LENGTH_CLASSES - 1)).into_iter().for_each(|count| *count += 1.0);
    }
    classes
}

/// How many texts hold a word of each class; a class is a share of all words there are.
fn words(texts: &[(i64, &Event)]) -> [f64; WORD_CLASSES] {
    let mut classes = [0.0; WORD_CLASSES];
    let state = FixedState::default();
    for (_, event) in texts {
        let words = event.text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let held: HashSet<usize> =
            words.map(|word| (state.hash_one(word.to_lowercase()) % WORD_CLASSES as u64) as usize).collect();
        held.into_iter().filter_map(|class| classes.get_mut(class).map(|count| *count += 1.0)).for_each(drop);
    }
    classes
}

/// The population stability index of two samples, Σ (q − p) ln(q / p); half a text is added to each class.
fn stability(before: &[f64], after: &[f64]) -> f64 {
    let total = |side: &[f64]| side.iter().sum::<f64>() + side.len() as f64 / 2.0;
    let (b, a) = (total(before), total(after));
    let class = |(p, q): (&f64, &f64)| {
        let (p, q) = ((p + 0.5) / b, (q + 0.5) / a);
        (q - p) * (q / p).ln()
    };
    before.iter().zip(after).map(class).sum()
}

/// The caller whose queries look most like a sweep through what a model knows.
fn pattern(said: &[(Option<i64>, &Event)]) -> Option<Value> {
    #[derive(Default)]
    struct Queries<'a> {
        all: u64,
        different: HashSet<u64>,
        openings: HashMap<u64, u64>,
        first: Option<&'a Evidence>,
    }
    let state = FixedState::default();
    let mut callers = BTreeMap::<&str, Queries<'_>>::new();
    for (_, event) in said.iter().filter(|(_, event)| event.role == TextRole::Prompt) {
        let Some(actor) = event.actor.as_deref() else { continue };
        let queries = callers.entry(actor).or_default();
        queries.all += 1;
        queries.different.insert(state.hash_one(event.text.trim()));
        let opening: Vec<&str> = event.text.split_whitespace().take(OPENING).collect();
        *queries.openings.entry(state.hash_one(opening)).or_default() += 1;
        queries.first.get_or_insert(&event.evidence);
    }
    let figures = callers.into_iter().map(|(actor, queries)| {
        let different = share(queries.different.len() as u64, queries.all);
        let alike = share(queries.openings.values().copied().max().unwrap_or(0), queries.all);
        (queries.all as f64 * different * alike, actor, queries, different, alike)
    });
    let (_, actor, queries, different, alike) = figures.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(json!({
        "caller": actor, "queries": queries.all, "different": round(different), "alike": round(alike),
        "evidence": places(queries.first),
    }))
}

/// The first hour, and that which ends three quarters of the time seen; `None` if there is no time between.
fn cut(hours: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    let (first, last) = hours.fold((i64::MAX, i64::MIN), |(first, last), at| (first.min(at), last.max(at)));
    let span = last.checked_sub(first)?;
    (span >= 4).then(|| (first, first + span * 3 / 4))
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// To a hundredth: enough to compare, and the same on every machine.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn places<'a>(evidence: impl IntoIterator<Item = &'a Evidence>) -> Value {
    evidence.into_iter().take(PLACES).filter_map(|place| serde_json::to_value(place).ok()).collect()
}

#[cfg(test)]
mod tests;
